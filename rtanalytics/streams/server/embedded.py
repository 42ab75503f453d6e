"""Finding, starting and stopping the embedded server."""

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
    """A server that runs.

    Parameters
    ----------
    url : str
        ``redis://:password@127.0.0.1:port/0``. Not part of the ``repr``, which ends up in notebooks.
    pid : int
        Its process.
    folder : Path
        Where its data is.
    binary : Path
        What it was started from.
    """

    url: str = field(repr=False)
    pid: int
    folder: Path
    binary: Path


def default_folder() -> Path:
    """The user's own folder of the shared server.

    ``server`` in ``RTANALYTICS_HOME`` if that is set, else in the place that the system has for
    a user's data (``XDG_DATA_HOME`` or ``~/.local/share``; on macOS ``~/Library/Application
    Support``).
    """
    if home := os.environ.get("RTANALYTICS_HOME"):
        return Path(home).expanduser().absolute() / "server"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "rtanalytics" / "server"
    xdg = Path(os.environ.get("XDG_DATA_HOME", ""))
    # a relative one is to be ignored, says the XDG specification
    data = xdg if xdg.is_absolute() else Path.home() / ".local" / "share"
    return data / "rtanalytics" / "server"


def resolve_url(folder: Path | None = None) -> str:
    """The address of the server to use.

    ``REDIS_URL`` if it is set, else the embedded server in the folder, which is started if it
    does not run.

    Raises
    ------
    NoServer
        If there is neither an address nor a server to start.
    ServerError
        If ``REDIS_URL`` is no address, or the server cannot be started.
    """
    if url := os.environ.get("REDIS_URL", "").strip():
        if not url.startswith(("redis://", "rediss://", "unix://")):
            # not quoted: it may hold a password
            raise ServerError(
                "REDIS_URL must begin with redis://, rediss:// or unix://, as redis://host:6379/0"
            )
        return url
    return ensure_server(folder).url


def ensure_server(folder: Path | None = None, *, keep: bool = True, timeout: timedelta = TIMEOUT) -> Server:
    """Find the server that runs in a folder, or start it.

    However many processes ask at once, one server runs. A server that was killed is started again
    with its port and password; if another program has taken the port meanwhile, with new ones,
    and a warning is logged.

    Parameters
    ----------
    folder : Path, optional
        :func:`default_folder` otherwise; made if need be.
    keep : bool
        False ties a server that is started here to the life of this process and its forks.
    timeout : timedelta
        How long it may give no sign of life. Loading its data does not count.

    Raises
    ------
    NoServer
        If there is no server to start on this machine.
    ServerError
        If the folder cannot be written, the server does not come up (the message has its last
        words), its data is damaged, or it would evict entries (:func:`check_server`).
    """
    folder = (folder or default_folder()).absolute()
    state, started = join_or_start(folder, timeout)
    if started and not keep:
        _ties.append(_tie(folder, state))
    return _server(folder, state)


def stop_server(
    folder: Path | None = None, *, timeout: timedelta = TIMEOUT, run_id: str | None = None
) -> bool:
    """Stop the server that runs in a folder, and wait until it has ended.

    It is asked to shut down, and synchronises its file before it does. Only one that does not
    react is killed.

    Parameters
    ----------
    folder : Path, optional
        :func:`default_folder` otherwise.
    timeout : timedelta
        How long it may take.
    run_id : str, optional
        Stop only that run of the server, not one that came after it.

    Returns
    -------
    bool
        False if none was running.

    Raises
    ------
    ServerError
        If it refuses, which it does when it cannot save what it has, or cannot be ended.
    """
    return stop((folder or default_folder()).absolute(), timeout, run_id)


class EmbeddedServer:
    """A server for the length of a ``with`` block, in a folder that belongs to it.

    If a server runs in the folder already, that one is used, and left running. Otherwise
    whatever runs there at the end of the block is stopped; also if this process is killed, by a
    small process that waits for its end. A fork that leaves the block stops nothing, but while it
    lives it counts as a part of its parent.

    Parameters
    ----------
    folder : Path
        Made if need be; its content is kept.
    timeout : timedelta
        As for :func:`ensure_server`, which also says what is raised.

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
        self._owner = 0  # pid of the process that has to stop it
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
            # not there, or its folder has been removed under it
            send_signal(self._state.pid, self._state.born, signal.SIGTERM)
        try:
            os.write(self._tie, b".")
        except BrokenPipeError:
            logger.info("the watchdog of %s was gone before its server", self._folder)
        os.close(self._tie)


_ties: list[int] = []
"""Open for as long as this process lives, so that their watchdogs see it end."""


def _tie(folder: Path, state: State) -> int:
    """Have the server stopped when the descriptor returned is closed; a byte calls that off."""
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
