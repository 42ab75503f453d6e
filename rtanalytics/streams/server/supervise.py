"""One server per folder: join the running one, start one, stop it.

A process that starts or stops a server holds ``starting.lock`` meanwhile. A server is running if
``running.lock`` is locked; it is ours if it accepts our password.
"""

from __future__ import annotations

import errno
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import hiredis
import msgspec

from rtanalytics.locks import acquire
from rtanalytics.streams.server.eviction import check_policy
from rtanalytics.streams.server.folder import (
    LOG,
    RUNNING,
    STARTING,
    State,
    check_data,
    clear_leftovers,
    configuration,
    fresh,
    keep_cut,
    last_words,
    open_log,
    read_state,
    set_aside,
    write_state,
)
from rtanalytics.streams.server.process import (
    ServerError,
    birth,
    detach,
    find_binary,
    group_of,
    has_ended,
    send_signal,
)

__all__ = ["join_or_start", "stop"]

logger = logging.getLogger(__name__)

PORTS_TRIED = 20
POLL = 0.005  # seconds between two checks of a process that is not our child


def join_or_start(folder: Path, timeout: timedelta) -> tuple[State, bool]:
    """Return the server in the folder, and whether this call has started it."""
    if sys.platform == "win32":
        find_binary()  # raises the error that explains what to do
    with _usable(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _one_starter(folder, timeout):
            state = read_state(folder)
            if _runs(folder, state):
                if state is None:
                    raise ServerError(_unknown(folder))
                if info := _await(folder, state, timeout):
                    return _settle(folder, state, info), False
            return _start(folder, state, timeout), True


def stop(folder: Path, timeout: timedelta, run_id: str | None = None) -> bool:
    """Shut down the server in the folder if its run id is ``run_id``; return False if it is not running."""
    if not folder.is_dir():
        return False
    with _usable(folder), _one_starter(folder, timeout):
        state = read_state(folder)
        if not _runs(folder, state):
            return False
        if state is None:
            raise ServerError(_unknown(folder))
        if run_id is not None and state.run_id != run_id:
            return False
        _end(folder, state, timeout)
        return True


def _start(folder: Path, before: State | None, timeout: timedelta) -> State:
    """Start the server, with its former port and password if possible."""
    binary = find_binary()
    check_data(folder, before)
    if before:
        clear_leftovers(folder, before)
    log = folder / LOG
    if log.exists():
        log.replace(log.with_name(f"{LOG}.1"))
    state = before or fresh()
    whole: Path | None = None
    for _ in range(PORTS_TRIED):
        if not _free(state.port):  # checked first: another program need not see the password
            state = fresh(state.run_id)
            continue
        begun = log.stat().st_size if log.exists() else 0
        state = _launch(folder, state, binary, repair=whole is not None)
        try:
            info = _await(folder, state, timeout)
        except BaseException:  # also an interrupt must not leave an unknown server running
            send_signal(state.pid, state.born, signal.SIGTERM)
            raise
        if info:
            break
        output = log.read_bytes()[begun:].decode("utf-8", "replace")
        if "Address already in use" in output:
            state = fresh(state.run_id)
        elif whole is not None or (whole := set_aside(folder, output)) is None:
            raise ServerError(last_words(folder, output))
    else:
        raise ServerError(f"{folder}: {PORTS_TRIED} ports were tried, and all are in use by other programs")
    state = _settle(folder, state, info)
    if before and before.port != state.port:
        logger.warning(
            "port %d is in use by another program: the server in %s is now at port %d and has a new "
            "password; earlier addresses no longer work",
            before.port,
            folder,
            state.port,
        )
    if whole:
        keep_cut(folder, whole)
    return state


def _launch(folder: Path, state: State, binary: Path, *, repair: bool) -> State:
    """Start the server process, without waiting until it is ready."""
    state = msgspec.structs.replace(state, binary=str(binary), pid=0, born="")
    write_state(folder, state)  # first: if we are killed meanwhile, the next process can reach the server
    handle = acquire(folder / RUNNING, 0o600)
    if handle is None:
        raise ServerError(f"{folder}: another program has locked {RUNNING}; end it and try again")
    try:
        reading, writing = os.pipe()
        try:
            with open(writing, "wb") as config:
                config.write(configuration(folder, state, repair=repair))
            with open_log(folder) as log:
                pid = detach([binary, "-"], folder=folder, stdin=reading, log=log, holding=handle)
        finally:
            os.close(reading)
    finally:
        os.close(handle)  # the server has its own copy
    state = msgspec.structs.replace(state, pid=pid, born=birth(pid), group=group_of(pid))
    write_state(folder, state)
    return state


def _await(folder: Path, state: State, timeout: timedelta) -> dict[str, str] | None:
    """Wait until the server has loaded its data; return its INFO, or None if it ended before."""
    silent_since = time.monotonic()
    while True:
        info = _hello(state)
        if info and info["loading"] == "0":
            return info
        if info:
            silent_since = time.monotonic()
        elif not _runs(folder, state):
            return None
        elif time.monotonic() - silent_since > timeout.total_seconds():
            raise ServerError(
                f"{folder}: the server (pid {state.pid}) has not answered on port {state.port} for "
                f"{timeout.total_seconds():g} s; if it was stopped let it continue (kill -CONT {state.pid}), "
                "else kill it and try again"
            )
        time.sleep(POLL)


def _hello(state: State) -> dict[str, str] | None:
    """Return the INFO of the server, or None if nothing answers or another program does."""
    try:
        info = _ask(state, "INFO")
    except (OSError, hiredis.HiredisError):
        return None
    lines = (line.partition(":") for line in info.decode("utf-8", "replace").splitlines())
    info = {name: value for name, colon, value in lines if colon}
    # another program that listens there may accept any password
    return info if info.get("process_id") == str(state.pid) or not state.pid else None


def _ask(state: State, command: str, seconds: float = 0.5) -> Any:
    """Send one command and return the response.

    Uses a socket and the parser only, because importing the client library takes ten times as long
    as starting the server.

    Raises
    ------
    OSError
        If nothing answers (``ConnectionError`` if the connection was closed instead).
    hiredis.HiredisError
        If the response is an error, or not in the Redis protocol.
    """
    with socket.create_connection(("127.0.0.1", state.port), timeout=seconds) as link:
        link.sendall(f"AUTH {state.password}\r\n{command}\r\n".encode())
        reader = hiredis.Reader()
        answers: list[Any] = []
        while len(answers) < 2:
            data = link.recv(65536)
            if not data:
                raise ConnectionResetError(errno.ECONNRESET, "closed by the server")
            reader.feed(data)
            while (answer := reader.gets()) is not False:
                if isinstance(answer, hiredis.HiredisError):
                    raise answer
                answers.append(answer)
        return answers[1]


def _settle(folder: Path, state: State, info: Mapping[str, str]) -> State:
    """Update the state from the running server's INFO, and store it if it has changed."""
    check_policy(info["maxmemory_policy"], f"the server in {folder}")
    pid = int(info["process_id"])
    now = msgspec.structs.replace(state, pid=pid, born=birth(pid), run_id=info["run_id"])
    if now != state:
        write_state(folder, now)
    return now


def _end(folder: Path, state: State, timeout: timedelta) -> None:
    """Shut the server down; kill it only if it does not respond."""
    try:
        # NOSAVE: without a dump; the append-only file is synchronised anyway.
        _ask(state, "SHUTDOWN NOSAVE", min(5.0, timeout.total_seconds()))
    except hiredis.ReplyError as error:
        raise ServerError(f"{folder}: the server refuses to stop: {error} (see {folder / LOG})") from error
    except (OSError, hiredis.ProtocolError):  # it closed the connection, as expected, or does not respond
        send_signal(state.pid, state.born, signal.SIGTERM)
    if _ended(folder, state, timeout):
        return
    logger.warning("the server in %s (pid %d) did not respond and is killed", folder, state.pid)
    send_signal(state.pid, state.born, signal.SIGKILL)
    if not _ended(folder, state, timeout):
        raise ServerError(f"{folder}: the server (pid {state.pid}) cannot be stopped")


def _ended(folder: Path, state: State, timeout: timedelta) -> bool:
    """Wait until no server runs in the folder; return False if one still does."""
    deadline = time.monotonic() + timeout.total_seconds()
    while _runs(folder, state):
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL)
    return True


def _runs(folder: Path, state: State | None) -> bool:
    """Return True if a server runs in the folder; the caller must hold ``starting.lock``.

    A server that is about to end counts: the lock may be free a moment before the port.
    """
    lock = folder / RUNNING
    handle = acquire(lock, 0o600)
    if handle is not None:
        os.close(handle)
        return state is not None and state.born != "" and birth(state.pid) == state.born
    if state is None or not has_ended(state.pid, state.born):
        return True
    # A killed server may leave a child process that rewrites its data and has the lock. The next
    # server locks a new file.
    lock.unlink()
    return False


def _free(port: int) -> bool:
    """Return True if a server can listen on a port; old connections in TIME_WAIT do not matter."""
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise
    return True


@contextmanager
def _one_starter(folder: Path, timeout: timedelta) -> Iterator[None]:
    """Let one process at a time start or stop the server."""
    deadline = time.monotonic() + timeout.total_seconds()
    while (handle := acquire(folder / STARTING, 0o600)) is None:
        if time.monotonic() > deadline:
            raise ServerError(
                f"{folder}: another process has been starting or stopping the server for "
                f"{timeout.total_seconds():g} s (see {folder / LOG}); try again when it is done"
            )
        time.sleep(POLL)
    try:
        yield
    finally:
        os.close(handle)


@contextmanager
def _usable(folder: Path) -> Iterator[None]:
    """Convert errors of the operating system to :class:`ServerError`, which names the folder."""
    try:
        yield
    except OSError as error:
        raise ServerError(
            f"{folder}: the server's files cannot be written there ({error}); "
            "give another folder, or set RTANALYTICS_HOME to one"
        ) from error


def _unknown(folder: Path) -> str:
    return (
        f"{folder}: a server runs there, but server.json, which had its port and password, is missing or "
        f"damaged; stop that process (it has {RUNNING} open) and try again"
    )
