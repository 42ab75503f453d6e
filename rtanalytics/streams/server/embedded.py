"""Find, start and stop the embedded server."""

from __future__ import annotations

import logging
import os
import signal
import sys
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import TracebackType

from rtanalytics.streams.server.folder import State, open_log
from rtanalytics.streams.server.process import ServerError, detach, send_signal
from rtanalytics.streams.server.supervise import join_or_start, stop

__all__ = ["EmbeddedServer", "Server", "default_folder", "ensure_server", "resolve_url", "stop_server"]

logger = logging.getLogger(__name__)

TIMEOUT = timedelta(seconds=15)


@dataclass(frozen=True, slots=True)
class Server:
    """A running server.

    Parameters
    ----------
    url : str
        ``redis://:password@127.0.0.1:port/0``. Not shown in the ``repr``, which is saved in notebooks.
    pid : int
        Pid of its process.
    folder : Path
        Folder of its data.
    binary : Path
        Path of its executable.
    """

    url: str = field(repr=False)
    pid: int
    folder: Path
    binary: Path


def default_folder() -> Path:
    """Return the folder of the user's shared server.

    ``server`` in ``RTANALYTICS_HOME`` if that is set, else in the system's folder for user data
    (``XDG_DATA_HOME`` or ``~/.local/share``; on macOS ``~/Library/Application Support``).
    """
    if home := os.environ.get("RTANALYTICS_HOME"):
        return Path(home).expanduser().absolute() / "server"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "rtanalytics" / "server"
    xdg = Path(os.environ.get("XDG_DATA_HOME", ""))
    # the XDG specification requires to ignore relative paths
    data = xdg if xdg.is_absolute() else Path.home() / ".local" / "share"
    return data / "rtanalytics" / "server"


def resolve_url(folder: Path | None = None) -> str:
    """Return the address of the server to use.

    It is ``REDIS_URL`` if that is set, else the embedded server in the folder, which is started if
    needed.

    Raises
    ------
    NoServer
        If there is neither an address nor a server executable.
    ServerError
        If ``REDIS_URL`` is not an address, or the server cannot be started.
    """
    if url := os.environ.get("REDIS_URL", "").strip():
        if not url.startswith(("redis://", "rediss://", "unix://")):
            # not shown: it may contain a password
            raise ServerError(
                "REDIS_URL must begin with redis://, rediss:// or unix://, as redis://host:6379/0"
            )
        return url
    return ensure_server(folder).url


def ensure_server(folder: Path | None = None, *, keep: bool = True, timeout: timedelta = TIMEOUT) -> Server:
    """Find the server running in a folder, or start it.

    Only one server runs, even if several processes call this at the same time. A server that was
    killed is restarted with the same port and password; if another program has taken the port
    meanwhile, with new ones, and a warning is logged.

    Parameters
    ----------
    folder : Path, optional
        Default :func:`default_folder`; created if needed.
    keep : bool
        If False, a server started here stops when this process and its forks have ended.
    timeout : timedelta
        How long it may not respond, not counting the time for loading its data.

    Raises
    ------
    NoServer
        If there is no server executable on this machine.
    ServerError
        If the folder cannot be written, the server does not start (the message has its last log
        line), its data is damaged, or it would evict entries (:func:`check_server`).
    """
    folder = (folder or default_folder()).absolute()
    state, started = join_or_start(folder, timeout)
    if started and not keep:
        _ties.append(_tie(folder, state))
    return _server(folder, state)


def stop_server(
    folder: Path | None = None, *, timeout: timedelta = TIMEOUT, run_id: str | None = None
) -> bool:
    """Stop the server running in a folder, and wait until it has ended.

    The server is asked to shut down, for which it synchronises its file. It is killed only if it does
    not respond.

    Parameters
    ----------
    folder : Path, optional
        Default :func:`default_folder`.
    timeout : timedelta
        How long to wait.
    run_id : str, optional
        Stop only this run of the server, not a later one.

    Returns
    -------
    bool
        False if no server was running.

    Raises
    ------
    ServerError
        If the server refuses, because it cannot save its data, or cannot be stopped.
    """
    return stop((folder or default_folder()).absolute(), timeout, run_id)


class EmbeddedServer:
    """Context manager of a server in its own folder.

    If a server is running in the folder already, it is used and left running. Otherwise the server is
    stopped at the end of the block; if this process is killed, by a small watchdog process. A fork
    that leaves the block does not stop the server, but the watchdog waits for it as well.

    Parameters
    ----------
    folder : Path
        Created if needed; its content is kept.
    timeout : timedelta
        As for :func:`ensure_server`, which also lists the errors.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder, EmbeddedServer(Path(folder)) as server:
    ...     server.url.startswith("redis://:")
    True
    """

    def __init__(self, folder: Path, *, timeout: timedelta = TIMEOUT) -> None:
        self._folder = folder.absolute()
        self._timeout = timeout
        self._owner = 0  # pid of the process that must stop the server
        self._state: State | None = None
        self._tie = -1

    def __enter__(self) -> Server:
        state, started = join_or_start(self._folder, self._timeout)
        if started:
            try:
                self._tie = _tie(self._folder, state)
            except BaseException:
                stop(self._folder, self._timeout)
                raise
            self._owner, self._state = os.getpid(), state
        return _server(self._folder, state)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._owner != os.getpid() or self._state is None:
            return
        self._owner = 0
        if not stop(self._folder, self._timeout):
            # not running, or its folder was removed
            send_signal(self._state.pid, self._state.born, signal.SIGTERM)
        try:
            os.write(self._tie, b".")
        except BrokenPipeError:
            logger.info("the watchdog of %s ended before its server", self._folder)
        os.close(self._tie)


_ties: list[int] = []
"""Pipes that are closed when this process ends, which wakes the watchdogs."""


def _tie(folder: Path, state: State) -> int:
    """Start a watchdog; it stops the server if the returned descriptor is closed before a byte is written."""
    watchdog = Path(__file__).with_name("watchdog.py")
    reading, writing = os.pipe()
    try:
        with open_log(folder) as log:
            command: list[str | Path] = [sys.executable, "-I", watchdog, folder, state.run_id]
            detach(command, folder=folder, stdin=reading, log=log)
    except BaseException:
        os.close(writing)
        raise
    finally:
        os.close(reading)
    return writing


def _server(folder: Path, state: State) -> Server:
    url = f"redis://:{state.password}@127.0.0.1:{state.port}/0"
    return Server(url, state.pid, folder, Path(state.binary))
