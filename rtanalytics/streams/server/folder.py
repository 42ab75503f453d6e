"""What lies in the embedded server's folder, and what it says.

``server.json`` is how processes find the server, ``running.lock`` is held by the server itself
for as long as it lives, ``starting.lock`` by whoever starts or stops it, ``server.log`` has its
words (``server.log.1`` those of the run before), ``appendonlydir`` its data, and
``torn-<time>.aof`` what a dying server had written of its last command.
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

# Below the ports that systems give to outgoing connections (from 32768 on Linux, 49152 elsewhere).
# Among those, a client that keeps trying to reach a server that is down will one day get the
# server's own port for its end, be connected to itself, and keep the server from coming back.
PORTS = range(20_000, 32_768)


class State(msgspec.Struct, frozen=True, kw_only=True):
    """The content of ``server.json``.

    Parameters
    ----------
    port, password : int, str
        How to reach the server.
    binary : str
        What it was started from.
    pid, born : int, str
        Its process and when that began; 0 while it is being started.
    group : int
        The process group of the server and its children.
    run_id : str
        The server's own name for its newest run that came up; empty if none ever did.
    """

    port: int
    password: str
    binary: str = ""
    pid: int = 0
    born: str = ""
    group: int = 0
    run_id: str = ""


def fresh(run_id: str = "") -> State:
    """A state with a new password, and a port that may turn out to be taken."""
    return State(port=secrets.choice(PORTS), password=secrets.token_urlsafe(32), run_id=run_id)


def read_state(folder: Path) -> State | None:
    """The stored state; None, and a warning in the log, if it is damaged; None if there is none."""
    file = folder / STATE
    try:
        return msgspec.json.decode(file.read_bytes(), type=State)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        logger.warning("%s is damaged (%s): what it said of port and password is lost", file, error)
        return None


def write_state(folder: Path, state: State) -> None:
    """Swap ``server.json`` as a whole, readable for the user only.

    It is not synchronised: what a crash of the machine can cost is a port and a password.
    """
    new = folder / f"{STATE}.new"
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(msgspec.json.encode(state))
    new.replace(folder / STATE)


def open_log(folder: Path) -> IO[bytes]:
    """The server's log, to write at its end; readable for the user only."""
    return open(os.open(folder / LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")


def configuration(folder: Path, state: State, *, mend: bool) -> bytes:
    """The server's configuration, which it reads from its standard input.

    ``mend`` has it cut an incomplete command off the end of its data, and start.
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
        "aof-load-truncated": b"yes" if mend else b"no",
        "maxmemory-policy": b"noeviction",
    }
    return b"".join(b"%s %s\n" % (name.encode(), value) for name, value in settings.items())


def _quoted(word: bytes) -> bytes:
    """A word of the configuration, whatever is in it."""
    return b'"%s"' % re.sub(rb"[^A-Za-z0-9/._-]", lambda found: rb"\x%02x" % ord(found[0]), word)


def check_data(folder: Path, before: State | None) -> None:
    """Refuse what a server would take for a folder without data, and begin anew in.

    Raises
    ------
    ServerError
        If the manifest or the base of the append-only file is gone or empty, and was there before.
    """
    data = folder / DATA
    files = [(file.name, file.stat().st_size) for file in data.iterdir()] if data.is_dir() else []
    whole = all(any(size for name, size in files if part in name) for part in (".manifest", ".base."))
    was_up = before is not None and before.run_id != ""
    if not whole and (was_up or any(size for name, size in files if ".incr." in name)):
        raise ServerError(
            f"{data} has lost its manifest or base file, and the server would begin anew without a word: "
            f"put them back, or move {folder} aside and read the archive and the sources again"
        )


def clear_leftovers(folder: Path, before: State) -> None:
    """End the children of a killed server that were writing its data anew, and remove what they wrote.

    Such a child has the server's connections open, so that clients would wait for an answer that
    never comes.
    """
    for left in folder.glob("temp-*"):
        named = re.fullmatch(r"temp-.*?(\d+)\.(?:aof|rdb)", left.name)  # after the child's pid
        if named and before.group and group_of(int(named[1])) == before.group:
            os.kill(int(named[1]), signal.SIGKILL)
        left.unlink()


def set_aside(folder: Path, said: str) -> Path | None:
    """A copy of the file that a server refused because its last command is incomplete, if it did."""
    found = re.search(r"Unexpected end of file reading the append only file (\S+?)\. ", said)
    if not found:
        return None
    file = folder / DATA / Path(found[1]).name
    return Path(shutil.copy(file, file.with_name(f"{file.name}.whole")))


def keep_cut(folder: Path, whole: Path) -> None:
    """Keep what the server cut off, instead of the whole copy, and say how much it was."""
    file = whole.with_suffix("")
    size = file.stat().st_size
    torn = folder / f"torn-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}.aof"
    torn.touch(mode=0o600)
    with whole.open("rb") as copy:
        copy.seek(size)
        torn.write_bytes(copy.read())
    whole.unlink()
    logger.warning(
        "the server in %s had died while it wrote: the %d bytes after byte %d of %s were an incomplete "
        "command; they have been cut off and are kept in %s",
        folder,
        torn.stat().st_size,
        size,
        file.name,
        torn.name,
    )


def last_words(folder: Path, said: str) -> str:
    """Why a server ended while it started, from the lines that it wrote."""
    lines = [line.strip() for line in said.splitlines() if line.strip()] or ["it left no message"]
    telling = [line for line in lines if " # " in line and "WARNING" not in line] or lines
    reason = re.sub(r"^\d+:\w+ .*? # ", "", telling[-1])
    advice = ""
    if re.search(r"append only|AOF|RDB", "\n".join(telling)):
        advice = (
            f"; its data is damaged: repair it with valkey-check-aof --fix {folder / DATA}/*.manifest, "
            f"or move {folder} aside and read the archive and the sources again"
        )
    return f"{folder}: the server ended as it started: {reason}{advice} (its log: {folder / LOG})"
