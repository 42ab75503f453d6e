"""Interfaces and data types that all sources share.

:meth:`Source.poll` returns a :class:`Batch`: events, rejected parts of the input, the cursor after both, and
the wait until the next poll. A source does not write to streams: the runner stores the batch and its cursor
in one step and only then polls again, so what was not stored is read again.

Errors are exceptions, and their class determines when to try again: :class:`Transient` soon,
:class:`RateLimited` when the server allows it, :class:`Gone` hours later. The source raises and the runner
waits, so that a wait can be interrupted, and tests need not sleep.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar, Protocol, runtime_checkable

import msgspec

from rtanalytics.event import Event
from rtanalytics.untrusted import printable

__all__ = [
    "MAX_RAW",
    "AuthFailed",
    "Batch",
    "Blocked",
    "CursorInvalid",
    "Gone",
    "Malformed",
    "Meta",
    "Parsed",
    "RateLimited",
    "Refused",
    "Reject",
    "SharesHostLimit",
    "Source",
    "SourceError",
    "SourceSpec",
    "TooLarge",
    "Transient",
    "printable",
    "redact",
]

MAX_RAW = 64_000
"""Maximum size of a dead letter in bytes; the rest of the delivery is dropped."""


class SourceError(Exception):
    """Base class of the errors of sources; its message contains no secrets and no raw untrusted text.

    ``status`` is that of the HTTP response, if there was one. ``body`` is the body of a 400 or 429; it is
    untrusted and may contain secrets.
    """

    status: int | None = None
    body: bytes = b""


class Transient(SourceError):
    """A problem of the network or the server: try again with backoff, any number of times."""


class Refused(Transient):
    """An address that is not allowed: not http, or private without ``allow_private``."""


class RateLimited(SourceError):
    """The server demands a wait.

    Parameters
    ----------
    message : str
        Description of the response.
    wait : timedelta, optional
        How long to wait; None if unknown.
    """

    def __init__(self, message: str, wait: timedelta | None = None) -> None:
        super().__init__(message)
        self.wait = wait


class AuthFailed(SourceError):
    """The credentials are missing or wrong: a person must renew them, unless they have worked before."""


class Blocked(SourceError):
    """The server refuses us (403 and the like): try again after an hour, sooner if it worked before."""


class Gone(SourceError):
    """The source no longer exists (status 410)."""


class CursorInvalid(SourceError):
    """The stored cursor cannot be used: start without one."""


class Malformed(SourceError):
    """A document that cannot be read at all; ``raw`` is its beginning, for the dead letter."""

    def __init__(self, message: str, raw: bytes = b"") -> None:
        super().__init__(message)
        self.raw = raw[:MAX_RAW]


class TooLarge(Malformed):
    """A document that exceeds the size limit, compressed or decompressed."""


class Reject(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a delivery that could not be converted to an event.

    Parameters
    ----------
    reason : str
        Description of the error.
    raw : bytes
        Input as delivered, at most :data:`MAX_RAW` bytes.
    where : str
        Part of the document (``entry 3``); empty for the whole document.
    """

    reason: str
    raw: bytes
    where: str = ""


class Meta(msgspec.Struct, frozen=True, kw_only=True):
    """Facts that ``parse`` needs besides the bytes.

    Parameters
    ----------
    source : str
        ``Event.source`` of the events.
    scope : str
        Middle part of the event ids: the feed, room or account.
    connector : str
        Name and version of the code that reads.
    received_at : datetime
        When the bytes were received.
    url : str
        Address of the document, the base of relative addresses.
    content_type, language : str
        Content type and language from the transport.
    options : dict
        Options for the parser from the source's table.
    """

    source: str
    scope: str
    connector: str
    received_at: datetime
    url: str = ""
    content_type: str = ""
    language: str = ""
    options: dict[str, str] = {}


class Parsed(msgspec.Struct, frozen=True, kw_only=True):
    """Result of ``parse``.

    Parameters
    ----------
    events : list of Event
        In the document's order, ids unique, no ``producer`` or ``seq`` yet.
    rejects : list of Reject
        Parts of the input that could not be read.
    complete : bool
        False if the document was cut off, so that its validators must not be used.
    wait : timedelta, optional
        Wait that the document asks for.
    title : str, optional
        Title of the document.
    next : str, optional
        Address (or token) of the next page as given by the document; untrusted.
    counts : dict
        Counters to add to the source's health.
    """

    events: list[Event] = []
    rejects: list[Reject] = []
    complete: bool = True
    wait: timedelta | None = None
    title: str | None = None
    next: str | None = None
    counts: dict[str, int] = {}


@dataclass(frozen=True, slots=True)
class Batch:
    """Result of one poll.

    Parameters
    ----------
    events : list of Event
        New events, all in the bucket of the source.
    cursor : bytes, optional
        Position of the source after these events; None if it has not changed.
    rejects : list of Reject
        Parts of the input that could not be read.
    wait : timedelta
        Time until the next poll; zero for a streamed source.
    problem : str, optional
        Problem of the source although the poll succeeded.
    notes : dict
        Facts for the health: the feed's title, its new address.
    heard : bool
        False if a streamed source received nothing at all.
    """

    events: list[Event] = field(default_factory=list)
    cursor: bytes | None = None
    rejects: list[Reject] = field(default_factory=list)
    wait: timedelta = timedelta(0)
    problem: str | None = None
    notes: dict[str, str] = field(default_factory=dict)
    heard: bool = True


@runtime_checkable
class SharesHostLimit(Protocol):
    """Source whose requests count towards a rate limit that several sources share."""

    @property
    def host(self) -> str | None:
        """Name of the rate limit; None for a streamed source."""
        ...


@runtime_checkable
class Source(Protocol):
    """Connection to one external service.

    ``bucket`` is the bucket of its events, ``scope`` the part of the bucket that only this source
    writes. There is one cursor per scope.
    """

    @property
    def bucket(self) -> str: ...

    @property
    def scope(self) -> str: ...

    async def poll(self, cursor: bytes | None) -> Batch:
        """Return the events after ``cursor``; if it is None, from the beginning or from now on.

        It may wait for the server up to its own time limit, but must not sleep until the next
        request is due. Called again with the same cursor, it returns the same events.

        Raises
        ------
        SourceError
            The class determines what the caller does next.
        """
        ...

    async def close(self) -> None:
        """Close connections and end processes."""
        ...


class SourceSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of ``[[source]]`` tables of ``conference.toml``: plain data that can be sent to a process.

    Each kind of source has a subclass whose ``tag`` is the table's ``type``.

    Parameters
    ----------
    name : str
        Letters, digits, ``-``, ``_`` and ``.``: names the source in health and logs.
    keep : timedelta, optional
        How long stream and archive keep the events of this source after they were received; by default
        without limit.
    expected_every : timedelta, optional
        Longest normal time without a new event; after it the source is reported as silent.

    Raises
    ------
    ValueError
        If the name has other characters.
    """

    name: str
    keep: timedelta | None = None
    expected_every: timedelta | None = None
    connector: ClassVar[str]
    """Name and version of the code that reads, stored in ``ingest`` of the events."""
    parser: ClassVar[str]
    """``module:function`` of ``parse``."""
    sees_silence: ClassVar[bool] = False
    """True for a kind that checks ``expected_every`` itself."""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", self.name):
            raise ValueError(
                f"name {self.name!r} may have letters, digits, '.', '_' and '-' only (100 at most)"
            )

    @property
    def scope(self) -> str:
        """Middle part of the event ids; it must differ between sources of one kind."""
        return self.name

    @property
    def producer(self) -> str:
        """``producer`` of the events of this source."""
        return f"{self.__struct_config__.tag}:{self.scope}"

    def meta(self, received_at: datetime) -> Meta:
        """Return what ``parse`` needs besides the bytes, for live data and dead letters alike."""
        return Meta(
            source=str(self.__struct_config__.tag),
            scope=self.scope,
            connector=self.connector,
            received_at=received_at,
        )


_SECRET = re.compile(
    r"(?i)token|secret|passw|credential|(^|[_.-])(key|api_?key|pwd|pass|auth|authorization|sig|signature|session"
    r"|session_?id|sid|jwt|code)$"
)
_KEY_LIKE = re.compile(r"[0-9a-fA-F]{32,}")


def redact(url: str) -> str:
    """Remove the password from an address, and replace secrets in its query by ``***``.

    Examples
    --------
    >>> redact("https://me:pw@x.example/private.atom?token=123&page=2#top")
    'https://x.example/private.atom?token=***&page=2'
    """
    head, _, query = url.partition("#")[0].partition("?")
    scheme, separator, rest = head.partition("://")
    if separator:
        host, slash, path = rest.partition("/")
        head = f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"
    pairs = []
    for pair in query.split("&") if query else ():
        name, equals, value = pair.partition("=")
        if equals and (_SECRET.search(name) or _KEY_LIKE.fullmatch(value)):
            value = "***"
        pairs.append(f"{name}{equals}{value}")
    return printable(head + ("?" + "&".join(pairs) if pairs else ""))
