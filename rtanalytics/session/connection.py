"""Connection to the stream of a conference, on its own server, ``REDIS_URL`` or the embedded server."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from rtanalytics.conference import Conference
from rtanalytics.live.published import CHANNEL, PublishedTrends
from rtanalytics.session.errors import SessionError
from rtanalytics.streams import EventStream, StreamUnavailable, open_stream
from rtanalytics.streams.server import default_folder
from rtanalytics.streams.server.folder import read_state

__all__ = [
    "address",
    "conference_stream",
    "connecting",
    "published_trends",
    "run_name",
    "split_url",
    "stream_at",
    "stream_name",
    "uses_embedded_server",
]


def address(conference: Conference) -> tuple[str | None, str]:
    """Return the server's URL, or None for ``REDIS_URL`` or the embedded server, and the stream's name."""
    url, name = split_url(conference.stream) if conference.stream else (None, "")
    return url, name or conference.name


def conference_stream(conference: Conference) -> EventStream:
    """Open the running stream of a conference."""
    url, name = address(conference)
    return open_stream(name, url)


def published_trends(stream: EventStream) -> PublishedTrends | None:
    """Return the trends that a trender publishes on a stream; None if it has no trender.

    A view without published trends computes them itself.

    Raises
    ------
    StreamUnavailable
        If the server does not answer.
    """
    publishes = "trender" in stream.health.read() or stream.channels.read(CHANNEL)
    return PublishedTrends(stream) if publishes else None


def stream_at(url: str) -> EventStream:
    """Open the stream at ``redis://host:port/<db>/<stream name>``.

    Raises
    ------
    SessionError
        If the URL names no stream.
    """
    server, name = split_url(url)
    if not name:
        raise SessionError(f"{server} names no stream; write redis://host:port/<db>/<conference>")
    return open_stream(name, _with_password(server))


def _with_password(url: str) -> str:
    """Add the password if the address is that of our embedded server."""
    parts = urlsplit(url)
    if parts.password is None and parts.hostname in ("127.0.0.1", "localhost"):
        state = read_state(default_folder())
        if state is not None and state.port == parts.port:
            return urlunsplit(parts._replace(netloc=f":{state.password}@127.0.0.1:{state.port}"))
    return url


def uses_embedded_server(conference: Conference) -> bool:
    """Return True if neither the conference nor ``REDIS_URL`` names a server."""
    return not (conference.stream or os.environ.get("REDIS_URL", "").strip())


@contextmanager
def connecting(conference: Conference | None, path: str | Path = "") -> Iterator[None]:
    """Name the origin of the server's address in the error if the server does not answer.

    Parameters
    ----------
    conference : Conference, optional
        None if the user gave the address.
    path : str or Path
        The ``conference.toml``.

    Raises
    ------
    SessionError
        Instead of :class:`~rtanalytics.streams.StreamUnavailable`.
    """
    try:
        yield
    except StreamUnavailable as error:
        origin = "the one given" if conference is None else _origin(conference, path)
        raise SessionError(f"{str(error).rstrip('.')} (this address is {origin})") from None


def _origin(conference: Conference, path: str | Path) -> str:
    if conference.stream:
        return f"stream = of {path}"
    return f"the embedded server in {default_folder()}" if uses_embedded_server(conference) else "REDIS_URL"


def split_url(url: str) -> tuple[str, str]:
    """Split the address of a server from the name of a stream behind the number of the database.

    Examples
    --------
    >>> split_url("redis://localhost:6379/0/pycon/replay/7")
    ('redis://localhost:6379/0', 'pycon/replay/7')
    """
    parts = urlsplit(url)
    if parts.scheme not in ("redis", "rediss"):
        return url, ""
    database, _, name = parts.path.lstrip("/").partition("/")
    if database and not database.isdigit():
        database, name = "0", f"{database}/{name}".rstrip("/")
    return urlunsplit(parts._replace(path=f"/{database}" if database else "")), name


def run_name(conference: str) -> str:
    """Return a new name ``<conference>/replay/<run>``."""
    return f"{conference}/replay/{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"


def stream_name(name: str) -> str:
    """Convert any name to a valid name of a stream."""
    return "".join(c if c.isalnum() or c in "._-" else "-" for c in name) or "recording"
