"""Base class of polled sources."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar
from urllib.parse import quote, urljoin

import msgspec

from rtanalytics.event import Event, Ingest, is_web_url
from rtanalytics.retry import doubled
from rtanalytics.sources.base import (
    Batch,
    CursorInvalid,
    Malformed,
    Parsed,
    Reject,
    SourceError,
    TooLarge,
    printable,
    redact,
)
from rtanalytics.sources.headers import MAX_RESET, MAX_WAIT
from rtanalytics.sources.polled.memory import Cursor, SeenCursor, new_or_changed, unknown
from rtanalytics.sources.polled.specs import (
    MOST_BYTES,
    PolledSpec,
    host_of,
    origin_of,
    secrets_in,
    short,
)
from rtanalytics.sources.secrets import secret

if TYPE_CHECKING:
    from rtanalytics.sources.http import Answer, Validators

__all__ = ["LINGER", "LONGEST_HINT", "PolledSource"]

LONGEST_HINT = timedelta(hours=1)
"""Longest wait because of a hint, or of a document that cannot be read."""

LINGER = timedelta(seconds=30)
"""Wait above which the parser's process is ended: it uses 32 MB, and takes 0.2 s to start."""

_PATIENCE = 3
"""Attempts after which a later page that cannot be read is skipped."""

_OVER = {400, 404, 410, 416, 422}
"""Statuses of a later page that no longer exists."""


S = TypeVar("S", bound=PolledSpec)
C = TypeVar("C", bound=Cursor)


class PolledSource(ABC, Generic[S, C]):
    """Source that polls one address; see the package for an example.

    Parameters
    ----------
    spec : PolledSpec
        Which.
    counts : Counter
        ``fetched``, ``not_modified``, ``same_body``, ``incomplete``, ``known``, ``malformed``,
        ``gaps``, what ``parse`` counts and what the client counts.
    address : str
        Address whose host may be private if the spec allows it.
    """

    bucket: str = ""
    cursor: type[C]
    version: ClassVar[int] = 1
    """Version of the cursor; raise it when old cursors cannot be used."""
    every: timedelta = timedelta(minutes=5)
    accept: ClassVar[str] = "application/json"
    pages: int = 1
    """Largest number of pages that are read one after another, while all their items are new."""
    gaps: ClassVar[bool] = False
    """True to add an event of type ``gap`` if more was new than there are pages."""
    limited: ClassVar[bool] = False
    """True if the service lists the newest only: the last of ``pages`` may end before the items do."""

    longest_reset: ClassVar[timedelta] = MAX_RESET
    """Longest time until a rate limit is reset that is believed."""
    late: ClassVar[bool] = False
    """True if items may appear between older ones: pages are read until one has nothing new on it."""

    def __init__(self, spec: S, counts: Counter[str], address: str) -> None:
        from rtanalytics.sources.http import HttpClient
        from rtanalytics.sources.worker import ParseWorker

        self.spec = spec
        self.scope = spec.scope
        self.counts = counts
        self.http = HttpClient(
            counts,
            [host_of(address)] if spec.allow_private else (),
            source=spec.name,
            advice=self.advice,
            longest_reset=self.longest_reset,
        )
        self._worker = ParseWorker(spec.parser, spec.budget)
        self._host = spec.asks
        self._secrets: dict[str, str] = {}
        self._keys: dict[str, str | None] = {}  # values of the spec when the secrets were looked up
        self._written = secrets_in(address)

    @property
    def host(self) -> str | None:
        """Name of the rate limit for its requests; None for a kind that listens."""
        return self._host

    # -- methods for kinds to implement ------------------------------------------------------

    @abstractmethod
    def first(self, state: C) -> str:
        """Return the address of the first page."""

    def headers(self) -> dict[str, str]:
        """Return headers for every request; they are not sent to other hosts after a redirect."""
        return {}

    def query(self) -> str:
        """Return what the cursor belongs to; if it changes, reading starts at the first page."""
        return self.first(self.cursor())

    def following(self, answer: Answer, parsed: Parsed) -> str | None:
        """Return the address of the next page, if there is one."""
        address = parsed.next or answer.next
        return urljoin(answer.url, address) if address else None

    def asked(self, parsed: Parsed) -> timedelta:
        """Return the wait before the next request that the document itself demands."""
        return min(parsed.wait or timedelta(0), MAX_WAIT)

    def take(self, state: C, parsed: Parsed, answer: Answer, received: datetime) -> list[Event]:
        """Return the events of a page to deliver, and update ``state``."""
        return self.fresh(state, parsed.events)

    def done(self, state: C, events: list[Event]) -> None:
        """Handle all events of a page, known or not, after it has been read."""

    def notes(self, answer: Answer, parsed: Parsed | None = None, state: C | None = None) -> dict[str, str]:
        """Return facts for the health."""
        facts = {"moved_to": redact(answer.moved_to)} if answer.moved_to else {}
        if parsed is not None and parsed.title:
            facts["title"] = printable(parsed.title, 200)
        return facts

    def secret(self, key: str) -> str | None:
        """Look up the secret that the spec's ``key`` names; None if it names none.

        Raises
        ------
        AuthFailed
            If the variable is not set.
        """
        value = self._keys[key] = getattr(self.spec, key)
        if value is None:
            return None
        found = self._secrets[key] = secret(value, key)
        return found

    def advice(self) -> str:
        """Return advice for when a login is required; empty for a kind without credentials."""
        given = [f"{key} in {value.removeprefix('env:')}" for key, value in self._keys.items() if value]
        if given:
            are, them = ("is", "it") if len(given) == 1 else ("are", "them")
            return f"the {' and '.join(given)} {are} not accepted; renew {them} and start again"
        if not self._keys:
            return ""
        key, *others = self._keys
        more = "".join(f", or {other} in the same way" for other in others)
        written = f'{key} = "env:{key.upper()}"'
        return f"a login is wanted; write {written} into the table{more}, and set that variable"

    # -- the source --------------------------------------------------------------------------

    async def poll(self, cursor: bytes | None) -> Batch:
        """Read one page; return its new events and the cursor that belongs to them."""
        before = self.state(cursor)
        try:
            batch = await self.read(self.state(cursor))
        except Malformed as error:
            batch = self._unreadable(before, error)
        except SourceError as error:
            if not before.next or error.status not in _OVER:
                raise
            batch = self._broken_off(before, f"a page in the middle was gone: {error}")
        if batch.wait > LINGER:
            await self._worker.close()
        rejects = [
            msgspec.structs.replace(r, raw=self._scrubbed(r.raw, *self._written)) for r in batch.rejects
        ]
        return replace(batch, rejects=rejects)

    async def close(self) -> None:
        """Close connections and end the parser's process."""
        await self._worker.close()
        await self.http.close()

    async def read(self, state: C) -> Batch:
        """Read one page, given the state; ``Malformed`` becomes a dead letter and a longer wait."""
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
        met = self.meets_known(state, parsed)
        through = met and not (self.late and _any_new(state, parsed))
        events = self.take(state, parsed, answer, received)
        self.done(state, parsed.events)
        if not later:
            _believe(state, answer if parsed.complete else None)
            state.body = digest
        state.bad = 0
        events += self._go_on(state, parsed, None if through else self._next(asked, answer, parsed), met=met)
        rejects = unknown(state, parsed.rejects)
        wait = self._pause(answer, parsed) if state.next else self.wait(answer, parsed)
        notes = self.notes(answer, parsed, state)
        return Batch(events, msgspec.json.encode(state), rejects, wait, notes=notes)

    async def ask(self, url: str, known: Validators | None = None) -> Answer:
        """Fetch within the spec's limits, with :meth:`headers`; secrets in the body are replaced."""
        from rtanalytics.sources.http import Validators

        headers, spec = self.headers(), self.spec
        try:
            answer = await self.http.get(
                url, known or Validators(), spec.max_bytes, spec.timeout, self.accept, headers
            )
        except TooLarge as error:
            more = f"raise max_bytes ({MOST_BYTES:_} at most) or " if spec.max_bytes < MOST_BYTES else ""
            raise TooLarge(f"{error}; {more}write an address that gives fewer items", error.raw) from None
        return replace(answer, body=self._scrubbed(answer.body)) if self._secrets else answer

    async def parse(self, answer: Answer, received: datetime) -> Parsed:
        """Parse an answer in a separate process."""
        meta = msgspec.structs.replace(
            self.spec.meta(received),
            url=answer.url,
            content_type=answer.content_type,
            language=answer.language,
        )
        return await self._worker.parse(answer.body, meta)

    def state(self, cursor: bytes | None) -> C:
        """Decode the state in a cursor.

        Raises
        ------
        CursorInvalid
            If it is invalid or has another version.
        """
        of = short(self.query())
        if cursor is None:
            # After a lost cursor, numbers must not start below those already delivered.
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
        """Return the wait until the first page is requested again."""
        hint = min(answer.wait or timedelta(0), LONGEST_HINT) if self.spec.hints else timedelta(0)
        interval = answer.rate.interval or timedelta(0)
        return max(self.spec.every or self.every, hint, interval, self._pause(answer, parsed))

    def fresh(self, state: C, events: list[Event]) -> list[Event]:
        """Return new and changed events, oldest first and numbered; all events if the cursor knows no items.

        An event keeps the time of its first version, whatever its later versions claim.
        """
        if not isinstance(state, SeenCursor):
            return [self.numbered(state, event) for event in events]
        return new_or_changed(state, events, lambda event: self.numbered(state, event), self.counts)

    def numbered(self, state: C, event: Event) -> Event:
        """Give the event the next number of this source."""
        state.seq += 1
        return msgspec.structs.replace(event, producer=self.spec.producer, seq=state.seq)

    # -- pages -------------------------------------------------------------------------------

    def _go_on(self, state: C, parsed: Parsed, following: str | None, *, met: bool) -> list[Event]:
        """Set the state to the next page or the first one; return a gap event if pages were omitted."""
        state.page += 1
        if following is not None and state.page < self.pages:
            state.next = self._hidden(following)
            return []
        left = not met and (following is not None or (self.limited and state.page >= self.pages))
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
            source=self.spec.meta(until).source,
            type="gap",
            created_at=until,
            text=f"from {since:%Y-%m-%d %H:%M:%S} to {until:%Y-%m-%d %H:%M:%S} UTC: {reason}",
            ingest=Ingest(connector=self.spec.connector, id_kind="derived", time_kind="observed"),
        )
        return [self.numbered(state, event)]

    def _next(self, asked: str, answer: Answer, parsed: Parsed) -> str | None:
        try:
            url = self.following(answer, parsed)
        except ValueError:  # such as an unpaired bracket in a host
            url = ""
        if url is None or self.pages <= 1:
            return None
        if not is_web_url(url) or origin_of(url) != origin_of(asked):
            self.counts["foreign_next"] += 1  # do not send our credentials to other hosts
            return None
        return url

    def meets_known(self, state: C, parsed: Parsed) -> bool:
        """Check whether the next page is known already: the last item is known, or the page is empty."""
        if not parsed.events:
            return not parsed.rejects
        return isinstance(state, SeenCursor) and short(parsed.events[-1].id) in state.seen

    def _broken_off(self, state: C, reason: str) -> Batch:
        """Give up the current pages and return to the first page."""
        self.counts["broken_off"] += 1
        state.next, state.page = "", 0
        events = self._gap(state, None, reason)
        return Batch(events, msgspec.json.encode(state), wait=self.spec.every or self.every, problem=reason)

    # -- errors ------------------------------------------------------------------------------

    def _unreadable(self, state: C, error: Malformed) -> Batch:
        """Write a dead letter unless a similar one was written within the hour, and wait longer."""
        self.counts["malformed"] += 1
        kind, now = type(error).__name__, int(datetime.now(UTC).timestamp())
        rejects = []
        if not state.bad or kind != state.bad_kind or now - state.bad_since >= 3600:
            rejects = [Reject(reason=str(error), raw=error.raw, where="document")]
            state.bad_kind, state.bad_since = kind, now
        every = self.spec.every or self.every
        wait = doubled(every, max(every, LONGEST_HINT), min(state.bad, 6))
        state.bad += 1
        if state.next and state.bad >= _PATIENCE:
            batch = self._broken_off(state, f"a page in the middle cannot be read: {error}")
            return replace(batch, rejects=rejects, wait=wait)
        return Batch([], msgspec.json.encode(state), rejects, wait, problem=str(error))

    def _pause(self, answer: Answer, parsed: Parsed | None = None) -> timedelta:
        """Return the pause that the server demands before any next request."""
        return max(answer.rate.pause, self.asked(parsed) if parsed is not None else timedelta(0))

    def _scrubbed(self, body: bytes, *more: str) -> bytes:
        secrets = [
            *((_mark(key), value) for key, value in self._secrets.items()),
            *(("***", v) for v in more),
        ]
        for mark, value in secrets:
            for written in {value, quote(value, safe="")}:
                body = body.replace(written.encode(), mark.encode())
        return body

    def _hidden(self, url: str) -> str:
        """Remove our secrets from an address for the cursor."""
        return self._scrubbed(url.encode("utf-8", "replace")).decode("utf-8", "replace")

    def _shown(self, url: str) -> str:
        if "***" in url:
            self.headers()  # looks up missing secrets
        for key, value in self._secrets.items():
            url = url.replace(_mark(key), quote(value, safe=""))
        return url


def _mark(key: str) -> str:
    return f"***{key}***"


def _any_new(state: Cursor, parsed: Parsed) -> bool:
    return isinstance(state, SeenCursor) and any(short(e.id) not in state.seen for e in parsed.events)


def _believe(state: Cursor, answer: Answer | None) -> None:
    """Store the validators of a document that was read completely; None clears them."""
    state.etag = answer.validators.etag if answer else None
    state.modified = answer.validators.modified if answer else None
