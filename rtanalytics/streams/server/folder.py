"""Files in the folder of the embedded server.

``server.json`` has the server's address, ``running.lock`` is locked by the server as long as it
runs, ``starting.lock`` by a process that starts or stops it, ``server.log`` is its log
(``server.log.1`` that of the previous run), ``appendonlydir`` has its data, and ``torn-<time>.aof``
an incomplete last command of a server that crashed.
"""

from __future__ import annotations

import logging
import os
import re
import secrets
import shutil
import signal
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import msgspec

from rtanalytics.streams.server.process import ServerError, group_of

__all__ = [
    "DATA",
    "LOG",
    "RUNNING",
    "STARTING",
    "State",
    "check_data",
    "clear_leftovers",
    "configuration",
    "fresh",
    "keep_cut",
    "last_words",
    "open_log",
    "read_state",
    "set_aside",
    "write_state",
]

logger = logging.getLogger(__name__)

STATE = "server.json"
LOG = "server.log"
DATA = "appendonlydir"
STARTING = "starting.lock"
RUNNING = "running.lock"

# Below the ports of outgoing connections (from 32768 on Linux, 49152 elsewhere). With one of those, a
# client that keeps trying to reach a stopped server may get the server's port for its own end, connect
# to itself, and prevent the server from restarting.
PORTS = range(20_000, 32_768)


class State(msgspec.Struct, frozen=True, kw_only=True):
    """The content of ``server.json``.

    Parameters
    ----------
    port, password : int, str
        Address of the server.
    binary : str
        Path of its executable.
    pid, born : int, str
        Its process and the start of that; 0 while it is being started.
    group : int
        The process group of the server and its children.
    run_id : str
        The server's id of its latest successful run; empty if there was none.
    """

    port: int
    password: str
    binary: str = ""
    pid: int = 0
    born: str = ""
    group: int = 0
    run_id: str = ""


def fresh(run_id: str = "") -> State:
    """Return a new state: a new password, and a random port, which may be in use."""
    return State(port=secrets.choice(PORTS), password=secrets.token_urlsafe(32), run_id=run_id)


def read_state(folder: Path) -> State | None:
    """Read the stored state; None if there is none, or (with a warning in the log) if it is damaged."""
    file = folder / STATE
    try:
        return msgspec.json.decode(file.read_bytes(), type=State)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        logger.warning("%s is damaged (%s): port and password are lost", file, error)
        return None


def write_state(folder: Path, state: State) -> None:
    """Replace ``server.json`` atomically, readable for the user only.

    It is not synchronised: a crash of the machine can lose only a port and a password.
    """
    new = folder / f"{STATE}.new"
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(msgspec.json.encode(state))
    new.replace(folder / STATE)


def open_log(folder: Path) -> IO[bytes]:
    """Open the server's log for appending, readable for the user only."""
    return open(os.open(folder / LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")


def configuration(folder: Path, state: State, *, repair: bool) -> bytes:
    """Return the server's configuration, which it reads from its standard input.

    With ``repair`` the server removes an incomplete command from the end of its data.
    """
    settings = {
        "bind": b"127.0.0.1",
        "protected-mode": b"yes",
        "port": b"%d" % state.port,
        "requirepass": _quoted(state.password.encode()),
        "dir": _quoted(os.fsencode(folder)),
        "daemonize": b"no",
        "logfile": b'""',
        "save": b'""',
        "appendonly": b"yes",
        "appendfsync": b"everysec",
        "appenddirname": _quoted(DATA.encode()),
        "aof-load-truncated": b"yes" if repair else b"no",
        "maxmemory-policy": b"noeviction",
    }
    return b"".join(b"%s %s\n" % (name.encode(), value) for name, value in settings.items())


def _quoted(word: bytes) -> bytes:
    """Return a word in quotes, as the server's configuration requires."""
    return b'"%s"' % re.sub(rb"[^A-Za-z0-9/._-]", lambda match: rb"\x%02x" % ord(match[0]), word)


def check_data(folder: Path, before: State | None) -> None:
    """Raise an error if the server would take the folder for an empty one and begin without its data.

    Raises
    ------
    ServerError
        If the manifest or the base of the append-only file is missing or empty, but existed before.
    """
    data = folder / DATA
    files = [(file.name, file.stat().st_size) for file in data.iterdir()] if data.is_dir() else []
    whole = all(any(size for name, size in files if part in name) for part in (".manifest", ".base."))
    was_up = before is not None and before.run_id != ""
    if not whole and (was_up or any(size for name, size in files if ".incr." in name)):
        raise ServerError(
            f"{data} has lost its manifest or base file, and the server would begin without data: "
            f"restore them, or move {folder} aside and read the archive and the sources again"
        )


def clear_leftovers(folder: Path, before: State) -> None:
    """Kill child processes of a killed server that were rewriting its data, and remove their files.

    Such a child keeps the server's connections open, so that clients would wait for an answer forever.
    """
    for file in folder.glob("temp-*"):
        match = re.fullmatch(r"temp-.*?(\d+)\.(?:aof|rdb)", file.name)  # has the child's pid
        if match and before.group and group_of(int(match[1])) == before.group:
            os.kill(int(match[1]), signal.SIGKILL)
        file.unlink()


def set_aside(folder: Path, output: str) -> Path | None:
    """Copy the append-only file if the server refused it for an incomplete last command, else None."""
    match = re.search(r"Unexpected end of file reading the append only file (\S+?)\. ", output)
    if not match:
        return None
    file = folder / DATA / Path(match[1]).name
    return Path(shutil.copy(file, file.with_name(f"{file.name}.whole")))


def keep_cut(folder: Path, whole: Path) -> None:
    """Reduce the copy of a repaired file to the bytes that the server cut off, and log their number."""
    file = whole.with_suffix("")
    size = file.stat().st_size
    torn = folder / f"torn-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}.aof"
    torn.touch(mode=0o600)
    with whole.open("rb") as copy:
        copy.seek(size)
        torn.write_bytes(copy.read())
    whole.unlink()
    logger.warning(
        "the server in %s had crashed while writing: the %d bytes after byte %d of %s were an incomplete "
        "command; they were cut off and are kept in %s",
        folder,
        torn.stat().st_size,
        size,
        file.name,
        torn.name,
    )


def last_words(folder: Path, output: str) -> str:
    """Return the reason why a server failed to start, from its output."""
    lines = [line.strip() for line in output.splitlines() if line.strip()] or ["it left no message"]
    relevant = [line for line in lines if " # " in line and "WARNING" not in line] or lines
    reason = re.sub(r"^\d+:\w+ .*? # ", "", relevant[-1])
    advice = ""
    if re.search(r"append only|AOF|RDB", "\n".join(relevant)):
        advice = (
            f"; its data is damaged: repair it with valkey-check-aof --fix {folder / DATA}/*.manifest, "
            f"or move {folder} aside and read the archive and the sources again"
        )
    return f"{folder}: the server failed to start: {reason}{advice} (its log: {folder / LOG})"
