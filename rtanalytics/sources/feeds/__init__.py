"""Feeds: RSS, RDF, Atom and JSON Feed over HTTP.

An item is known by its ``guid`` (or ``id``), else by its link, else by title and date. What has
been told is kept in the cursor, so a poll gives only what is new or says something else now, and
the numbers (``seq``) of what it gives have no holes. An item stays said when it was first said,
whatever its later versions claim.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING

import msgspec

from rtanalytics.event import Event, is_web_url
from rtanalytics.sources.base import (
    Batch,
    CursorInvalid,
    Malformed,
    Meta,
    Parsed,
    Reject,
    Source,
    SourceSpec,
    printable,
    redact,
)

if TYPE_CHECKING:
    from rtanalytics.sources.http import Answer

__all__ = ["FeedSource", "FeedSpec", "Spec", "open_source"]

CONNECTOR = "feed@1"
ACCEPT = (
    "application/atom+xml, application/rss+xml, application/feed+json, application/rdf+xml;q=0.9, "
    "application/xml;q=0.8, text/xml;q=0.8, application/json;q=0.7, */*;q=0.1"
)
EVERY = timedelta(minutes=5)
LONGEST_HINT = timedelta(hours=1)
"""The longest that a server's or a document's hint puts a poll off."""

LINGER = timedelta(seconds=30)
"""A parser that is not needed for longer than this is not kept: it costs 32 MB, and 0.2 s to start."""

REMEMBERED = 2_000
"""Items that a cursor remembers: those of the last document and, up to this many, from before it."""


class FeedSpec(SourceSpec, frozen=True, kw_only=True, tag_field="type", tag="feed"):
    """A ``[[source]]`` table with ``type = "feed"``.

    Parameters
    ----------
    name : str
        Names the source.
    url : str
        Of the feed, http or https. Part of the ids of its items, but for ``http`` or ``https``,
        a password and secrets in its query.
    every : timedelta, optional
        How often to ask; 5 minutes, or more rarely if the feed itself (``<ttl>``) asks for it. The
        server's ``Cache-Control`` always counts, up to an hour, unless ``hints`` is false.
    key : str, optional
        Takes the address's place in the ids: when a feed has moved, its old address.
    timeout : timedelta
        For a whole request, the last byte included.
    budget : timedelta
        For parsing one document, on the clock.
    max_bytes : int
        Of a document, packed and unpacked.
    allow_private : bool
        True if the host in ``url`` is meant to have a private or loopback address. Hosts that it
        redirects to are not covered.
    hints : bool
        False to ask every ``every``, whatever the other side would like.

    Raises
    ------
    ValueError
        If a value cannot be; the message names it and what to write instead.
    """

    url: str
    every: timedelta | None = None
    key: str | None = None
    timeout: timedelta = timedelta(seconds=30)
    budget: timedelta = timedelta(seconds=2)
    max_bytes: int = 10_000_000
    allow_private: bool = False
    hints: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if not is_web_url(self.url) or not _host(self.url):
            raise ValueError(f"url {redact(self.url)!r} is no web address; write https://host/path")
        if self.max_bytes < 1_000:
            raise ValueError(f"max_bytes {self.max_bytes} is less than any feed has; write 10_000_000")
        if self.key is not None and (not self.key or printable(self.key, 200) != self.key or " " in self.key):
            raise ValueError(f"key {printable(self.key)!r} may have 200 characters, no white space")

    def __repr__(self) -> str:
        return f"FeedSpec(name={self.name!r}, url={redact(self.url)!r})"

    @property
    def scope(self) -> str:
        """Middle part of the ids: the address without scheme, default port and secrets, or ``key``."""
        if self.key is not None:
            return self.key
        scheme, _, rest = redact(self.url).partition("://")
        host, slash, path = rest.partition("/")
        host = host.lower().removesuffix(":443" if scheme.lower() == "https" else ":80")
        name = f"{host}{slash}{path}".rstrip("/")
        return name if len(name) <= 200 else f"{name[:180]}~{_short(name)}"


Spec = FeedSpec


def open_source(spec: FeedSpec, counts: Counter[str]) -> Source:
    """A feed; it connects when it is first polled."""
    return FeedSource(spec, counts)


class _Cursor(msgspec.Struct, omit_defaults=True):
    """Where a feed has come to; stored with the events that it covers."""

    v: int = 1
    of: str = ""  # the address that the validators belong to
    etag: str | None = None
    modified: str | None = None
    body: str = ""  # of the document last read
    seq: int = 0
    seen: dict[str, tuple[str, int]] = {}  # item → its revision, and when it was said (ms)
    rejected: list[str] = []  # what the last document had that could not be read
    bad: int = 0  # documents in a row that could not be read
    bad_kind: str = ""
    bad_since: int = 0


class FeedSource:
    """One feed.

    Parameters
    ----------
    spec : FeedSpec
        Which.
    counts : Counter
        ``fetched``, ``not_modified``, ``same_body``, ``entries``, ``known``, ``repeated``,
        ``malformed`` and what the client counts.
    """

    bucket = "feeds"

    def __init__(self, spec: FeedSpec, counts: Counter[str]) -> None:
        from rtanalytics.sources.http import HttpClient
        from rtanalytics.sources.worker import ParseWorker

        self.scope = spec.scope
        self._spec = spec
        self._counts = counts
        trusted = [_host(spec.url)] if spec.allow_private else ()
        self._http = HttpClient(counts, trusted, source=spec.name)
        self._worker = ParseWorker("rtanalytics.sources.feeds.parse:parse", spec.budget)

    async def poll(self, cursor: bytes | None) -> Batch:
        batch = await self._read(self._state(cursor))
        if batch.wait > LINGER:
            await self._worker.close()
        return batch

    async def _read(self, state: _Cursor) -> Batch:
        from rtanalytics.sources.http import Validators

        try:
            answer = await self._http.get(
                self._spec.url,
                Validators(state.etag, state.modified),
                self._spec.max_bytes,
                self._spec.timeout,
                ACCEPT,
            )
            received = datetime.now(UTC)
            self._counts["fetched"] += 1
            if answer.status == 304:
                self._counts["not_modified"] += 1
                return Batch(wait=self._wait(answer), notes=self._notes(answer))
            digest = _short(answer.body)
            if digest == state.body:
                self._counts["same_body"] += 1
                self._believe(state, answer)
                return Batch(cursor=_encode(state), wait=self._wait(answer), notes=self._notes(answer))
            parsed = await self._worker.parse(answer.body, self._meta(answer, received))
        except Malformed as error:
            return self._unreadable(state, error)
        self._counts.update(parsed.counts)
        if parsed.complete:
            self._believe(state, answer)
        else:
            self._counts["incomplete"] += 1
            state.etag = state.modified = None
        state.body, state.bad = digest, 0
        events = self._fresh(state, parsed)
        rejects = _unknown(state, parsed.rejects)
        wait, notes = self._wait(answer, parsed), self._notes(answer, parsed)
        return Batch(events, _encode(state), rejects, wait, notes=notes)

    async def close(self) -> None:
        await self._worker.close()
        await self._http.close()

    def _state(self, cursor: bytes | None) -> _Cursor:
        of = _short(self._spec.url)
        if cursor is None:
            # A cursor that was lost must not begin its numbers again below those already told.
            return _Cursor(of=of, seq=int(datetime.now(UTC).timestamp()) * 1000)
        try:
            state = msgspec.json.decode(cursor, type=_Cursor)
        except msgspec.DecodeError as error:
            raise CursorInvalid(f"the cursor of {self.scope} cannot be read: {printable(error)}") from None
        if state.v != 1:
            raise CursorInvalid(f"the cursor of {self.scope} is of version {state.v}; this is 1")
        if state.of != of:
            state.of, state.etag, state.modified, state.body = of, None, None, ""
        return state

    def _meta(self, answer: Answer, received: datetime) -> Meta:
        return Meta(
            source=f"feeds:{self._spec.name}",
            scope=self.scope,
            connector=CONNECTOR,
            received_at=received,
            url=answer.url,
            content_type=answer.content_type,
            language=answer.language,
        )

    @staticmethod
    def _believe(state: _Cursor, answer: Answer) -> None:
        """Take the validators: only of a document that was read to its end."""
        state.etag, state.modified = answer.validators.etag, answer.validators.modified

    def _fresh(self, state: _Cursor, parsed: Parsed) -> list[Event]:
        """What is new or changed, oldest first, numbered."""
        fresh, current = [], {}
        # feeds have the newest first: reversed, so that items of one time keep their order
        ordered = parsed.events[::-1]
        ordered.sort(key=lambda e: e.created_at)
        for told in ordered:
            item, rev, said = _short(told.id), _short(told.rev), int(told.created_at.timestamp() * 1000)
            known = state.seen.get(item)
            current[item] = (rev, known[1] if known else said)
            if known is not None and known[0] == rev:
                self._counts["known"] += 1
                continue
            state.seq += 1
            event = told if known is None else _first_said(told, known[1])
            fresh.append(msgspec.structs.replace(event, producer=f"feed:{self.scope}", seq=state.seq))
        before = [(k, v) for k, v in state.seen.items() if k not in current]
        state.seen = dict(before[-max(0, REMEMBERED - len(current)) :] if len(current) < REMEMBERED else ())
        state.seen |= current
        return fresh

    def _unreadable(self, state: _Cursor, error: Malformed) -> Batch:
        """A dead letter, unless one like it was written within the hour; and a slower pace."""
        self._counts["malformed"] += 1
        kind, now = type(error).__name__, int(datetime.now(UTC).timestamp())
        rejects = []
        if not state.bad or kind != state.bad_kind or now - state.bad_since >= 3600:
            rejects = [Reject(reason=str(error), raw=error.raw, where="document")]
            state.bad_kind, state.bad_since = kind, now
        wait = self._every() * 2 ** min(state.bad, 6)
        state.bad += 1
        longest = max(self._every(), LONGEST_HINT)
        return Batch([], _encode(state), rejects, min(wait, longest), problem=str(error))

    def _every(self) -> timedelta:
        return self._spec.every or EVERY

    def _wait(self, answer: Answer, parsed: Parsed | None = None) -> timedelta:
        hints = [answer.wait]
        if parsed is not None and self._spec.every is None:
            hints.append(parsed.wait)
        longest = max((h for h in hints if h is not None and self._spec.hints), default=timedelta(0))
        return max(self._every(), min(longest, LONGEST_HINT))

    @staticmethod
    def _notes(answer: Answer, parsed: Parsed | None = None) -> dict[str, str]:
        notes = {"moved_to": redact(answer.moved_to)} if answer.moved_to else {}
        if parsed is not None and parsed.title:
            notes["title"] = printable(parsed.title, 200)
        return notes


def _first_said(event: Event, said: int) -> Event:
    """The event at the time at which its first version was said; what it claims now is its edit."""
    first = datetime.fromtimestamp(said / 1000, UTC)
    if event.created_at - first < timedelta(milliseconds=1):
        return event
    trusted = event.ingest is not None and event.ingest.time_kind == "source"
    edited = event.edited_at or (event.created_at if trusted else None)
    return msgspec.structs.replace(event, created_at=first, edited_at=edited)


def _unknown(state: _Cursor, rejects: list[Reject]) -> list[Reject]:
    """Those that the document before did not have."""
    digests = [_short(reject.raw) for reject in rejects]
    before = set(state.rejected)
    state.rejected = digests[:REMEMBERED]
    return [reject for reject, digest in zip(rejects, digests, strict=True) if digest not in before]


def _encode(state: _Cursor) -> bytes:
    return msgspec.json.encode(state)


def _short(value: str | bytes) -> str:
    data = value.encode("utf-8", "replace") if isinstance(value, str) else value
    return blake2b(data, digest_size=9).hexdigest()


def _host(url: str) -> str:
    """The host of an address, without user, password and port; empty if there is none."""
    from urllib.parse import urlsplit

    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
