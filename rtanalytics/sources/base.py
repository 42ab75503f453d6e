"""What all sources share: a pure ``parse`` function, and a thin transport that never sleeps.

A source is asked (:meth:`Source.poll`) and gives a :class:`Batch`: events, what could not be
read, the cursor that belongs to both, and when it would like to be asked again. It knows
nothing of streams; the runner stores the batch and the cursor in one step and only then polls
again, so what was not stored is read again.

What goes wrong is an exception whose class says what to do about it: :class:`Transient` is tried
again soon, :class:`RateLimited` when the other side allows it, :class:`Gone` hardly ever. The
source raises, the runner waits: so waiting can be interrupted, and tests need not sleep.
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
"""Bytes that a dead letter keeps of what was delivered."""


class SourceError(Exception):
    """Base of the errors of sources; the message holds no secrets and no raw outside text.

    ``status`` is that of an HTTP answer, where there was one, and ``body`` what a 400 or 429 said: outside
    text, and not yet free of secrets.
    """

    status: int | None = None
    body: bytes = b""


class Transient(SourceError):
    """A problem of the network or the server: try again with backoff, without limit."""


class Refused(Transient):
    """An address that is not allowed: not http, or private without ``allow_private``."""


class RateLimited(SourceError):
    """The other side asks us to wait.

    Parameters
    ----------
    message : str
        What it said.
    wait : timedelta, optional
        How long; unknown if None.
    """

    def __init__(self, message: str, wait: timedelta | None = None) -> None:
        super().__init__(message)
        self.wait = wait


class AuthFailed(SourceError):
    """The credentials are missing or wrong: a person must act, unless they have worked before."""


class Blocked(SourceError):
    """The server refuses us (403 and the like): try again after an hour, sooner if it worked before."""


class Gone(SourceError):
    """The source is gone for good (410)."""


class CursorInvalid(SourceError):
    """The stored cursor cannot be used: start without one."""


class Malformed(SourceError):
    """A whole document that cannot be read; ``raw`` is its beginning, for the dead letter."""

    def __init__(self, message: str, raw: bytes = b"") -> None:
        super().__init__(message)
        self.raw = raw[:MAX_RAW]


class TooLarge(Malformed):
    """More bytes than the source may have, as sent or unpacked."""


class Reject(msgspec.Struct, frozen=True, kw_only=True):
    """Something delivered that could not become an event.

    Parameters
    ----------
    reason : str
        What was wrong with it.
    raw : bytes
        As delivered, :data:`MAX_RAW` bytes at most.
    where : str
        Which part of the document (``entry 3``); empty for the document itself.
    """

    reason: str
    raw: bytes
    where: str = ""


class Meta(msgspec.Struct, frozen=True, kw_only=True):
    """What ``parse`` has to know besides the bytes.

    Parameters
    ----------
    source : str
        ``Event.source`` of what is read.
    scope : str
        Middle part of the ids: which feed, room or account.
    connector : str
        Name and version of the code that reads.
    received_at : datetime
        When the bytes were received.
    url : str
        Where they came from, with which relative addresses are made absolute.
    content_type, language : str
        Content type and language from the transport.
    options : dict
        What the source's table says about reading it.
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
    """What ``parse`` made of the bytes.

    Parameters
    ----------
    events : list of Event
        In the document's order, ids unique, no ``producer`` or ``seq`` yet.
    rejects : list of Reject
        What could not be read.
    complete : bool
        False if the document ends before it should: what the server said about its version must
        not be believed.
    wait : timedelta, optional
        How long the document asks to be left alone.
    title : str, optional
        What the document calls itself.
    next : str, optional
        The address (or token) under which the document says it goes on; not to be trusted.
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
    """What one poll brought.

    Parameters
    ----------
    events : list of Event
        All of the source's bucket.
    cursor : bytes, optional
        Where the source has come to once these events are stored; None if it has not moved.
    rejects : list of Reject
        What could not be read.
    wait : timedelta
        How long until the next poll; zero for a source that streams.
    problem : str, optional
        Why the source is not well although the poll succeeded.
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
    """A source that asks a host again and again, and shares what that host allows with others."""

    @property
    def host(self) -> str | None:
        """Whose budget its requests are taken from; None for one that listens."""
        ...


@runtime_checkable
class Source(Protocol):
    """One connection to one place outside.

    ``bucket`` names the bucket its ids live in, ``scope`` the part of it that this source alone
    writes; cursors are kept by scope.
    """

    @property
    def bucket(self) -> str: ...

    @property
    def scope(self) -> str: ...

    async def poll(self, cursor: bytes | None) -> Batch:
        """Return what is new since ``cursor``; from the beginning (or from now on) if it is None.

        It may wait for the other side for as long as its own time limit says, never because it
        is too early to ask. Asked again with the same cursor, it gives the same events again.

        Raises
        ------
        SourceError
            Its class says what to do.
        """
        ...

    async def close(self) -> None:
        """Give back connections and processes."""
        ...


class SourceSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A ``[[source]]`` table of ``conference.toml``: facts only, so that a spawned process can have it.

    Each kind of source has a subclass whose ``tag`` is the table's ``type``.

    Parameters
    ----------
    name : str
        Letters, digits, ``-``, ``_`` and ``.``: names the source in health and logs.
    keep : timedelta, optional
        How long the events of this source are kept in stream and archive after their reception; without
        limit by default.
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
    sees_silence: ClassVar[bool] = False
    """True for a kind that looks after ``expected_every`` itself."""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", self.name):
            raise ValueError(
                f"name {self.name!r} may have letters, digits, '.', '_' and '-' only (100 at most)"
            )

    @property
    def scope(self) -> str:
        """What two sources of one kind must not share."""
        return self.name

    @property
    def producer(self) -> str:
        """``producer`` of the events of this source."""
        return f"{self.__struct_config__.tag}:{self.scope}"


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
    scheme, found, rest = head.partition("://")
    if found:
        host, slash, path = rest.partition("/")
        head = f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"
    pairs = []
    for pair in query.split("&") if query else ():
        name, equals, value = pair.partition("=")
        if equals and (_SECRET.search(name) or _KEY_LIKE.fullmatch(value)):
            value = "***"
        pairs.append(f"{name}{equals}{value}")
    return printable(head + ("?" + "&".join(pairs) if pairs else ""))
