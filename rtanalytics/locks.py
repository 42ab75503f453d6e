"""Lock files that the system releases when the process ends, however it ends.

The library ``filelock`` does not serve here: callers need the pid of the holder for their message,
or a descriptor that a child process inherits together with the lock.
"""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["acquire", "acquire_as_owner", "owner"]


def acquire(path: Path, mode: int = 0o666) -> int | None:
    """Lock a file, creating it if needed.

    Returns
    -------
    int or None
        A descriptor; the lock is held until it, and every copy that a child process inherited, is
        closed. None if another process holds the lock.

    Raises
    ------
    OSError
        If the file cannot be created or locked at all.
    """
    import fcntl

    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, mode)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(handle), path.stat()):
                return handle
        except BlockingIOError:
            os.close(handle)
            return None
        except FileNotFoundError:
            pass  # its holder has removed it: lock a new one
        except OSError:
            os.close(handle)
            raise
        os.close(handle)


def acquire_as_owner(path: Path) -> int | None:
    """Lock a file as :func:`acquire` does, and write the pid of this process to it."""
    handle = acquire(path)
    if handle is not None:
        os.ftruncate(handle, 0)
        os.write(handle, b"%d\n" % os.getpid())
    return handle


def owner(path: Path) -> int:
    """Return the pid of the process that holds the lock; 0 if it is not known."""
    try:
        pid = path.read_bytes()[:20].decode("ascii", "replace").strip()
    except OSError:
        return 0
    return int(pid) if pid.isdecimal() else 0
