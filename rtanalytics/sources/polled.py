"""What every source that is asked again and again over HTTP has in common.

A kind of its own says where to ask and how to read; the rest is here, once: validators, pages,
the pace that both sides want, rate limits, dead letters, numbers without holes, and a cursor that
holds all of it. One poll reads one page. Where there are more, the cursor says with which to go
on and the batch has no wait, so each page is stored before the next is asked for, and nothing is
read twice because a later one failed.

Examples
--------
A kind is a spec, a pure ``parse``, and this much of a source:

>>> from datetime import UTC, datetime, timedelta
>>> class NotesSpec(PolledSpec, frozen=True, kw_only=True, tag_field="type", tag="notes"):
...     url: str
...     token: str | None = None  # "env:NAME"
>>> def meta(spec, received_at):
...     return Meta(source="notes", scope=spec.scope, connector="notes@1", received_at=received_at)
>>> class NotesSource(PolledSource[NotesSpec, SeenCursor]):
...     bucket = "notes"
...     target = "mypackage.notes.parse:parse"
...     cursor = SeenCursor
...     every = timedelta(minutes=1)
...     pages = 5  # at most, when there is much that is new
...     gaps = True  # and if that was not enough, an event says so
...
...     def first(self, state):
...         return f"{self.spec.url}/notes?per_page=100"
...
...     def headers(self):
...         token = self.secret("token")  # from the environment; scrubbed from all that is read
...         return {"Authorization": f"Bearer {token}"} if token else {}
...
...     def meta(self, received_at):
...         return meta(self.spec, received_at)
>>> spec = NotesSpec(name="notes", url="https://notes.example")
>>> source = NotesSource(spec, Counter(), spec.url)

``parse`` may put the address of the next page into ``Parsed.next`` (a ``Link`` header is seen
without it), and into ``Parsed.wait`` how long the document asks to be left alone. Where that is
not enough, override ``following``, ``asked``, ``take`` or ``done``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar
from urllib.parse import quote, urljoin, urlsplit

import msgspec

from rtanalytics.event import Event, Ingest, is_web_url
from rtanalytics.sources.base import (
    Batch,
    CursorInvalid,
    Malformed,
    Meta,
    Parsed,
    Reject,
    SourceError,
    SourceSpec,
    printable,
    redact,
)
from rtanalytics.sources.headers import MAX_WAIT
from rtanalytics.sources.secrets import secret

if TYPE_CHECKING:
    from rtanalytics.sources.http import Answer, Validators

__all__ = [
    "LINGER",
    "LONGEST_HINT",
    "REMEMBERED",
    "AddressSpec",
    "Cursor",
    "PolledSource",
    "PolledSpec",
    "SeenCursor",
    "check_address",
    "host_of",
    "scope_of",
    "short",
]

LONGEST_HINT = timedelta(hours=1)
"""The longest that a hint, or a document that cannot be read, puts a poll off."""

LINGER = timedelta(seconds=30)
"""A parser that is not needed for longer than this is not kept: it costs 32 MB, and 0.2 s to start."""

REMEMBERED = 2_000
"""Items that a cursor remembers: those of the last page and, up to this many, from before it."""

_PATIENCE = 3
"""Readings after which a page in the middle that cannot be read is left out."""

_OVER = {400, 404, 410, 416, 422}
"""Statuses with which a page in the middle says that it is no longer there."""


class PolledSpec(SourceSpec, frozen=True, kw_only=True):
    """What the table of any polled source may say.

    Parameters
    ----------
    name : str
        Names the source.
    every : timedelta, optional
        How often to ask; each kind has a default.
    timeout : timedelta
        For a whole request, the last byte included.
    budget : timedelta
        For parsing one document, on the clock.
    max_bytes : int
        Of a document, packed and unpacked.
    allow_private : bool
        True if the host that is asked is meant to have a private or loopback address. Hosts that
        it redirects to are not covered.
    hints : bool
        False to ask every ``every``, whatever the other side would like. What it demands (a rate
        limit, ``Retry-After``, ``X-Poll-Interval``) is kept to all the same.

    Raises
    ------
    ValueError
        If a value cannot be; the message names it and what to write instead.
    """

    every: timedelta | None = None
    timeout: timedelta = timedelta(seconds=30)
    budget: timedelta = timedelta(seconds=2)
    max_bytes: int = 10_000_000
    allow_private: bool = False
    hints: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.max_bytes < 1_000:
            kind = self.__struct_config__.tag or "document"
            raise ValueError(f"max_bytes {self.max_bytes} is less than any {kind} has; write 10_000_000")


class AddressSpec(PolledSpec, frozen=True, kw_only=True):
    """A polled source that is known by its address.

    Parameters
    ----------
    url : str
        http or https. Part of the ids, but for ``http`` or ``https``, a password and secrets in
        its query.
    key : str, optional
        Takes the address's place in the ids: when it has moved, the old one.
    """

    url: str
    key: str | None = None

    def __post_init__(self) -> None:
        check_address(self.url, "url")
        super().__post_init__()
        if self.key is not None and (not self.key or printable(self.key, 200) != self.key or " " in self.key):
            raise ValueError(f"key {printable(self.key)!r} may have 200 characters, no white space")

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self.name!r}, url={redact(self.url)!r})"

    @property
    def scope(self) -> str:
        """Middle part of the ids: the address without scheme, default port and secrets, or ``key``."""
        return scope_of(self.url) if self.key is None else self.key


class Cursor(msgspec.Struct, omit_defaults=True):
    """Where a source has come to; stored with the events that it covers."""

    v: int = 1
    of: str = ""  # what the validators and the next page belong to: address and query
    etag: str | None = None
    modified: str | None = None
    body: str = ""  # of the first page last read
    seq: int = 0
    rejected: list[str] = []  # what could not be read and has been told
    bad: int = 0  # documents in a row that could not be read
    bad_kind: str = ""
    bad_since: int = 0
    next: str = ""  # the page to go on with
    page: int = 0  # and the how-manieth it is


class SeenCursor(Cursor, omit_defaults=True):
    """A cursor that knows each item that was told, so that only what is new or changed is told."""

    seen: dict[str, tuple[str, int]] = {}  # item → its revision, and when it was said (ms)
    newest: int = 0  # when the newest that was told was said (ms)
    since: int = 0  # the same when the pages that are being read were begun


S = TypeVar("S", bound=PolledSpec)
C = TypeVar("C", bound=Cursor)


class PolledSource(ABC, Generic[S, C]):
    """One place that is asked again and again; see the module for an example.

    Parameters
    ----------
    spec : PolledSpec
        Which.
    counts : Counter
        ``fetched``, ``not_modified``, ``same_body``, ``incomplete``, ``known``, ``malformed``,
        ``gaps``, what ``parse`` counts and what the client counts.
    address : str
        Whose host may be private if the spec allows it.
    """

    bucket: str = ""
    target: ClassVar[str]
    """``module:function`` of ``parse``."""
    cursor: type[C]
    version: ClassVar[int] = 1
    """Of the cursor; raise it when an old one cannot be used."""
    every: ClassVar[timedelta] = timedelta(minutes=5)
    accept: ClassVar[str] = "application/json"
    pages: int = 1
    """Pages read one after another at most, as long as they are new to their end."""
    gaps: ClassVar[bool] = False
    """True to tell, with an event of type ``gap``, that more was new than there are pages."""
    limited: ClassVar[bool] = False
    """True if the service's own pages end before its items do: it lists the newest only."""

    def __init__(self, spec: S, counts: Counter[str], address: str) -> None:
        from rtanalytics.sources.http import HttpClient
        from rtanalytics.sources.worker import ParseWorker

        self.spec = spec
        self.scope = spec.scope
        self.counts = counts
        self.http = HttpClient(counts, [host_of(address)] if spec.allow_private else (), source=spec.name)
        self._worker = ParseWorker(self.target, spec.budget)
        self._secrets: dict[str, str] = {}

    # -- what a kind says --------------------------------------------------------------------

    @abstractmethod
    def first(self, state: C) -> str:
        """The address of the first page."""

    @abstractmethod
    def meta(self, received_at: datetime) -> Meta:
        """What ``parse`` has to know; address, content type and language are filled in."""

    def headers(self) -> dict[str, str]:
        """Sent with every request, but never to another host that it redirects to."""
        return {}

    def query(self) -> str:
        """What the cursor is about; another one begins with the first page and no validators."""
        return self.first(self.cursor())

    def following(self, answer: Answer, parsed: Parsed) -> str | None:
        """The address of the next page, if there is one."""
        told = parsed.next or answer.next
        return urljoin(answer.url, told) if told else None

    def asked(self, parsed: Parsed) -> timedelta:
        """How long the document itself demands to be left alone; kept to before any next request."""
        return min(parsed.wait or timedelta(0), MAX_WAIT)

    def take(self, state: C, parsed: Parsed, answer: Answer, received: datetime) -> list[Event]:
        """What is to be told of a page; ``state`` is brought to what that makes of it."""
        return self.fresh(state, parsed.events)

    def done(self, state: C, events: list[Event]) -> None:
        """Called with all events of a page, known or not, when it has been read."""

    def notes(self, answer: Answer, parsed: Parsed | None = None, state: C | None = None) -> dict[str, str]:
        """Facts for the health."""
        told = {"moved_to": redact(answer.moved_to)} if answer.moved_to else {}
        if parsed is not None and parsed.title:
            told["title"] = printable(parsed.title, 200)
        return told

    def secret(self, key: str) -> str | None:
        """The secret that the spec's ``key`` names, or None if it names none.

        Raises
        ------
        AuthFailed
            If the variable is not set.
        """
        value = getattr(self.spec, key)
        if value is None:
            return None
        found = self._secrets[key] = secret(value, key, self.spec.name)
        return found

    # -- the source --------------------------------------------------------------------------

    async def poll(self, cursor: bytes | None) -> Batch:
        """One page: what it has that is new, and the cursor that belongs to it."""
        before = self.state(cursor)
        try:
            batch = await self.read(self.state(cursor))
        except Malformed as error:
            error.raw = self._scrubbed(error.raw)
            batch = self._unreadable(before, error)
        except SourceError as error:
            if not before.next or error.status not in _OVER:
                raise
            batch = self._broken_off(before, f"a page in the middle was gone: {error}")
        if batch.wait > LINGER:
            await self._worker.close()
        return batch

    async def close(self) -> None:
        """Give back connections and the parser's process."""
        await self._worker.close()
        await self.http.close()

    async def read(self, state: C) -> Batch:
        """One poll, given the state; ``Malformed`` becomes a dead letter and a slower pace."""
        from rtanalytics.sources.http import Validators

        later = bool(state.next)
        known = Validators() if later else Validators(state.etag, state.modified)
        asked = self._shown(state.next) or self.first(state)
        answer = await self.ask(asked, known)
        received = datetime.now(UTC)
        self.counts["fetched"] += 1
        if answer.status == 304:
            self.counts["not_modified"] += 1
            return Batch(wait=self.wait(answer), notes=self.notes(answer))
        digest = short(answer.body)
        if not later and digest == state.body:
            self.counts["same_body"] += 1
            _believe(state, answer)
            notes = self.notes(answer, state=state)
            return Batch(cursor=msgspec.json.encode(state), wait=self.wait(answer), notes=notes)
        parsed = await self.parse(answer, received)
        self.counts.update(parsed.counts)
        if not parsed.complete:
            self.counts["incomplete"] += 1
        if isinstance(state, SeenCursor) and not later:
            state.since = state.newest
        met = self._meets_known(state, parsed)
        events = self.take(state, parsed, answer, received)
        self.done(state, parsed.events)
        if not later:
            _believe(state, answer if parsed.complete else None)
            state.body = digest
        state.bad = 0
        events += self._go_on(state, parsed, None if met else self._next(asked, answer, parsed), met=met)
        rejects = self.unknown(state, parsed.rejects)
        wait = self._pause(answer, parsed) if state.next else self.wait(answer, parsed)
        notes = self.notes(answer, parsed, state)
        return Batch(events, msgspec.json.encode(state), rejects, wait, notes=notes)

    async def ask(self, url: str, known: Validators | None = None) -> Answer:
        """Fetch within the spec's limits, with :meth:`headers`; secrets in the body are replaced."""
        from rtanalytics.sources.http import Validators

        headers, spec = self.headers(), self.spec
        answer = await self.http.get(
            url, known or Validators(), spec.max_bytes, spec.timeout, self.accept, headers
        )
        return replace(answer, body=self._scrubbed(answer.body)) if self._secrets else answer

    async def parse(self, answer: Answer, received: datetime) -> Parsed:
        """What the pure parser makes of an answer, in a process of its own."""
        meta = msgspec.structs.replace(
            self.meta(received), url=answer.url, content_type=answer.content_type, language=answer.language
        )
        return await self._worker.parse(answer.body, meta)

    def state(self, cursor: bytes | None) -> C:
        """The state that a cursor holds.

        Raises
        ------
        CursorInvalid
            If it is none, or of another version.
        """
        of = short(self.query())
        if cursor is None:
            # A cursor that was lost must not begin its numbers again below those already told.
            return self.cursor(v=self.version, of=of, seq=int(datetime.now(UTC).timestamp()) * 1000)
        try:
            state = msgspec.json.decode(cursor, type=self.cursor)
        except (msgspec.DecodeError, ValueError) as error:
            raise CursorInvalid(f"the cursor of {self.scope} cannot be read: {printable(error)}") from None
        if state.v != self.version:
            raise CursorInvalid(f"the cursor of {self.scope} is of version {state.v}; this is {self.version}")
        if state.of != of:
            state.of, state.etag, state.modified, state.body, state.next, state.page = (
                of,
                None,
                None,
                "",
                "",
                0,
            )
        return state

    def wait(self, answer: Answer, parsed: Parsed | None = None) -> timedelta:
        """How long until the first page is asked for again."""
        hint = min(answer.wait or timedelta(0), LONGEST_HINT) if self.spec.hints else timedelta(0)
        told = answer.rate.interval or timedelta(0)
        return max(self.spec.every or self.every, hint, told, self._pause(answer, parsed))

    def fresh(self, state: C, events: list[Event]) -> list[Event]:
        """What is new or changed, oldest first and numbered.

        An event stays said when it was first said, whatever its later versions claim.
        """
        if not isinstance(state, SeenCursor):
            return [self.numbered(state, event) for event in events]
        fresh: list[Event] = []
        current: dict[str, tuple[str, int]] = {}
        # the newest stands first, most of the time: reversed, so that items of one time keep their order
        ordered = events[::-1]
        ordered.sort(key=lambda e: e.created_at)
        for told in ordered:
            item, rev, said = short(told.id), short(told.rev), int(told.created_at.timestamp() * 1000)
            known = current.get(item) or state.seen.get(item)
            current[item] = (rev, known[1] if known else said)
            if known is not None and known[0] == rev:
                self.counts["known"] += 1
                continue
            fresh.append(self.numbered(state, told if known is None else _first_said(told, known[1])))
            state.newest = max(state.newest, said)
        before = [(k, v) for k, v in state.seen.items() if k not in current]
        state.seen = dict(before[-max(0, REMEMBERED - len(current)) :] if len(current) < REMEMBERED else ())
        state.seen |= current
        return fresh

    def numbered(self, state: C, event: Event) -> Event:
        """The event with the next number of this source."""
        state.seq += 1
        producer = f"{self.spec.__struct_config__.tag}:{self.scope}"
        return msgspec.structs.replace(event, producer=producer, seq=state.seq)

    def unknown(self, state: C, rejects: list[Reject]) -> list[Reject]:
        """Those that were not told before."""
        digests = [short(reject.raw) for reject in rejects]
        before = set(state.rejected)
        if state.page or state.next:  # one page of several: those of the others count too
            state.rejected = [*digests, *(d for d in state.rejected if d not in set(digests))][:REMEMBERED]
        else:
            state.rejected = digests[:REMEMBERED]
        return [reject for reject, digest in zip(rejects, digests, strict=True) if digest not in before]

    # -- pages -------------------------------------------------------------------------------

    def _go_on(self, state: C, parsed: Parsed, following: str | None, *, met: bool) -> list[Event]:
        """Bring the state to the next page, or back to the first; an event if something was left out."""
        state.page += 1
        if following is not None and state.page < self.pages:
            state.next = self._hidden(following)
            return []
        left = following is not None or (self.limited and not met)
        oldest = min((e.created_at for e in parsed.events), default=None)
        state.next, state.page = "", 0
        return self._gap(state, oldest, "there was more than can be read") if left and oldest else []

    def _gap(self, state: C, until: datetime | None, reason: str) -> list[Event]:
        if not (self.gaps and isinstance(state, SeenCursor) and state.since):
            return []
        self.counts["gaps"] += 1
        since = datetime.fromtimestamp(state.since / 1000, UTC)
        until = max(until or since, since)
        event = Event(
            id=f"{self.bucket}:{self.scope}:gap/{since:%Y-%m-%dT%H:%M:%S}.{state.since % 1000:03}Z",
            source=self.meta(until).source,
            type="gap",
            created_at=until,
            text=f"from {since:%Y-%m-%d %H:%M:%S} to {until:%Y-%m-%d %H:%M:%S} UTC: {reason}",
            ingest=Ingest(connector=self.meta(until).connector, id_kind="derived", time_kind="observed"),
        )
        return [self.numbered(state, event)]

    def _next(self, asked: str, answer: Answer, parsed: Parsed) -> str | None:
        url = self.following(answer, parsed)
        if url is None or self.pages <= 1:
            return None
        if not is_web_url(url) or _origin(url) != _origin(asked):
            self.counts["foreign_next"] += 1  # our credentials are for nobody else
            return None
        return url

    @staticmethod
    def _meets_known(state: C, parsed: Parsed) -> bool:
        """True if what follows is known: the page's last item is, or there was nothing on it."""
        if not parsed.events:
            return not parsed.rejects
        return isinstance(state, SeenCursor) and short(parsed.events[-1].id) in state.seen

    def _broken_off(self, state: C, reason: str) -> Batch:
        """Begin with the first page again."""
        self.counts["broken_off"] += 1
        state.next, state.page = "", 0
        events = self._gap(state, None, reason)
        return Batch(events, msgspec.json.encode(state), wait=self.spec.every or self.every, problem=reason)

    # -- what goes wrong ---------------------------------------------------------------------

    def _unreadable(self, state: C, error: Malformed) -> Batch:
        """A dead letter, unless one like it was written within the hour; and a slower pace."""
        self.counts["malformed"] += 1
        kind, now = type(error).__name__, int(datetime.now(UTC).timestamp())
        rejects = []
        if not state.bad or kind != state.bad_kind or now - state.bad_since >= 3600:
            rejects = [Reject(reason=str(error), raw=error.raw, where="document")]
            state.bad_kind, state.bad_since = kind, now
        every = self.spec.every or self.every
        wait = min(every * 2 ** min(state.bad, 6), max(every, LONGEST_HINT))
        state.bad += 1
        if state.next and state.bad >= _PATIENCE:
            batch = self._broken_off(state, f"a page in the middle cannot be read: {error}")
            return replace(batch, rejects=rejects, wait=wait)
        return Batch([], msgspec.json.encode(state), rejects, wait, problem=str(error))

    def _pause(self, answer: Answer, parsed: Parsed | None = None) -> timedelta:
        """What the other side demands before any next request."""
        return max(answer.rate.pause, self.asked(parsed) if parsed is not None else timedelta(0))

    def _scrubbed(self, body: bytes) -> bytes:
        for key, value in self._secrets.items():
            for written in {value, quote(value, safe="")}:
                body = body.replace(written.encode(), _mark(key).encode())
        return body

    def _hidden(self, url: str) -> str:
        """An address for the cursor: whoever reads that need not know our secrets."""
        return self._scrubbed(url.encode("utf-8", "replace")).decode("utf-8", "replace")

    def _shown(self, url: str) -> str:
        if "***" in url:
            self.headers()  # looks up what is not looked up yet
        for key, value in self._secrets.items():
            url = url.replace(_mark(key), quote(value, safe=""))
        return url


def check_address(url: str, key: str) -> None:
    """Refuse what is no web address.

    Raises
    ------
    ValueError
        The message names ``key``, and what to write instead.
    """
    if not is_web_url(url) or not host_of(url):
        raise ValueError(f"{key} {redact(url)!r} is no web address; write https://host/path")


def scope_of(url: str) -> str:
    """An address as the middle part of ids: without scheme, default port and secrets, 200 characters at most.

    Examples
    --------
    >>> scope_of("https://me:pw@Blog.example:443/feed/?token=1")
    'blog.example/feed/?token=***'
    """
    scheme, _, rest = redact(url).partition("://")
    host, slash, path = rest.partition("/")
    host = host.lower().removesuffix(":443" if scheme.lower() == "https" else ":80")
    name = f"{host}{slash}{path}".rstrip("/")
    return name if len(name) <= 200 else f"{name[:180]}~{short(name)}"


def short(value: str | bytes) -> str:
    """72 bits (18 hexadecimal digits) that stand for a text in a cursor or an id."""
    data = value.encode("utf-8", "replace") if isinstance(value, str) else value
    return blake2b(data, digest_size=9).hexdigest()


def host_of(url: str) -> str:
    """The host of an address, without user, password and port; empty if there is none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _origin(url: str) -> tuple[str, str, int | None]:
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
        return parts.scheme.lower(), (parts.hostname or "").lower(), port
    except ValueError:
        return "", "", None


def _mark(key: str) -> str:
    return f"***{key}***"


def _believe(state: Cursor, answer: Answer | None) -> None:
    """Take the validators: only of a document that was read to its end."""
    state.etag = answer.validators.etag if answer else None
    state.modified = answer.validators.modified if answer else None


def _first_said(event: Event, said: int) -> Event:
    """The event at the time at which its first version was said; what it claims now is its edit."""
    first = datetime.fromtimestamp(said / 1000, UTC)
    if event.created_at - first < timedelta(milliseconds=1):
        return event
    trusted = event.ingest is not None and event.ingest.time_kind == "source"
    edited = event.edited_at or (event.created_at if trusted else None)
    return msgspec.structs.replace(event, created_at=first, edited_at=edited)
