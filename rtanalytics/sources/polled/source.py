"""Base class of polled sources: one poll reads one page."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar
from urllib.parse import urljoin

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
from rtanalytics.sources.polled.credentials import Credentials
from rtanalytics.sources.polled.memory import Cursor, SeenCursor, new_or_changed, unknown
from rtanalytics.sources.polled.specs import MOST_BYTES, PolledSpec, host_of, origin_of, short

if TYPE_CHECKING:
    from rtanalytics.sources.http import Answer, Validators

__all__ = ["LINGER", "LONGEST_HINT", "PolledSource"]

LONGEST_HINT = timedelta(hours=1)
"""Longest wait because of a hint of the server, or of documents that cannot be read."""

LINGER = timedelta(seconds=30)
"""Wait above which the parser's process is ended: it uses 32 MB, and takes 0.2 s to start."""

_ATTEMPTS = 3
"""Attempts after which a later page that cannot be read is skipped."""

_NO_LONGER_THERE = {400, 404, 410, 416, 422}
"""Statuses of a later page that no longer exists."""


S = TypeVar("S", bound=PolledSpec)
C = TypeVar("C", bound=Cursor)


class PolledSource(Generic[S, C]):
    """Base of sources that poll one address; the package's docstring has an example.

    Parameters
    ----------
    spec : PolledSpec
        The ``[[source]]`` table.
    counts : Counter
        Receives the numbers of documents (``fetched``, ``not_modified``, ``same_body``, ``incomplete``,
        ``malformed``), of ``known`` items, of ``gaps`` and of polls that were ``broken_off``, besides
        the counts of ``parse`` and of the HTTP client.
    longest_reset : timedelta
        Longest credible time until a rate limit is reset.
    """

    bucket: str = ""
    cursor: type[C]
    every: timedelta = timedelta(minutes=5)
    """Polling interval, if the table does not have ``every``."""
    accept: ClassVar[str] = "application/json"
    pages: int = 1
    """Maximum number of pages that are read one after another, while all their items are new."""
    gaps: ClassVar[bool] = True
    """True to add an event of type ``gap`` if there was more than ``pages`` pages of new items."""
    newest_only: ClassVar[bool] = False
    """True if a service lists only its newest items: there may be more after the last of ``pages``."""
    late: ClassVar[bool] = False
    """True if new items may appear between known ones: pages are read until one has no new items."""

    def __init__(self, spec: S, counts: Counter[str], longest_reset: timedelta = MAX_RESET) -> None:
        from rtanalytics.sources.http import HttpClient
        from rtanalytics.sources.worker import ParseWorker

        self.spec = spec
        self.scope = spec.scope
        self.counts = counts
        self.credentials = Credentials(spec)
        self.http = HttpClient(
            counts,
            [host_of(address) for address in spec.addresses] if spec.allow_private else (),
            source=spec.name,
            advice=self.credentials.advice,
            longest_reset=longest_reset,
        )
        self._worker = ParseWorker(spec.parser, spec.budget)

    @property
    def host(self) -> str | None:
        """Name of the rate limit for its requests; None for a kind that keeps a connection open."""
        return self.spec.rate_limit

    # -- methods that a kind may override ----------------------------------------------------

    def first(self, state: C) -> str:
        """Return the address of the first page."""
        return self.spec.address

    def headers(self) -> dict[str, str]:
        """Return headers for every request: by default the ``token``, if the table has one.

        They are not sent to another host after a redirect.
        """
        token = self.secret("token") if hasattr(self.spec, "token") else None
        return {"Authorization": f"Bearer {token}"} if token else {}

    def query(self) -> str:
        """Return a text that identifies what is read; if it changes, reading starts at the first page."""
        return self.first(self.cursor())

    def following(self, answer: Answer, parsed: Parsed) -> str | None:
        """Return the address of the next page, or None at the last one."""
        address = parsed.next or answer.next
        return urljoin(answer.url, address) if address else None

    def take(self, state: C, parsed: Parsed, answer: Answer, received: datetime) -> list[Event]:
        """Return the events of a page to deliver, and update ``state``."""
        return self.fresh(state, parsed.events)

    def meets_known(self, state: C, parsed: Parsed) -> bool:
        """Return True if the next page is known already: the last item is known, or the page is empty."""
        if not parsed.events:
            return not parsed.rejects
        return isinstance(state, SeenCursor) and short(parsed.events[-1].id) in state.seen

    def wait(self, answer: Answer, parsed: Parsed | None = None) -> timedelta:
        """Return the wait until the first page is requested again."""
        hint = min(answer.wait or timedelta(0), LONGEST_HINT) if self.spec.hints else timedelta(0)
        interval = answer.rate.interval or timedelta(0)
        return max(self._interval, hint, interval, self._pause(answer, parsed))

    def notes(self, answer: Answer, parsed: Parsed | None = None, state: C | None = None) -> dict[str, str]:
        """Return facts for the source health."""
        facts = {"moved_to": redact(answer.moved_to)} if answer.moved_to else {}
        if parsed is not None and parsed.title:
            facts["title"] = printable(parsed.title, 200)
        return facts

    # -- the source --------------------------------------------------------------------------

    async def poll(self, cursor: bytes | None) -> Batch:
        """Read one page; return its new events and the cursor that belongs to them."""
        before = self.state(cursor)
        try:
            batch = await self.read(self.state(cursor))
        except Malformed as error:
            batch = self._unreadable(before, error)
        except SourceError as error:
            if not before.next or error.status not in _NO_LONGER_THERE:
                raise
            batch = self._skip_pages(before, f"a later page no longer exists: {error}")
        if batch.wait > LINGER:
            await self._worker.close()
        rejects = [
            msgspec.structs.replace(reject, raw=self.credentials.scrub(reject.raw, address=True))
            for reject in batch.rejects
        ]
        return replace(batch, rejects=rejects)

    async def close(self) -> None:
        """Close connections and end the parser's process."""
        await self._worker.close()
        await self.http.close()

    async def read(self, state: C) -> Batch:
        """Read the first page, or the next one of ``state``; return its new events and the new cursor."""
        from rtanalytics.sources.http import Validators

        is_first = not state.next
        url = self.credentials.reveal(state.next) or self.first(state)
        answer = await self.ask(url, Validators(state.etag, state.modified) if is_first else None)
        received = datetime.now(UTC)
        self.counts["fetched"] += 1
        if answer.status == 304:
            self.counts["not_modified"] += 1
            return Batch(wait=self.wait(answer), notes=self.notes(answer))
        digest = short(answer.body)
        if is_first and digest == state.body:
            self.counts["same_body"] += 1
            _store_validators(state, answer)
            notes = self.notes(answer, state=state)
            return Batch(cursor=msgspec.json.encode(state), wait=self.wait(answer), notes=notes)
        parsed = await self.parse(answer, received)
        self.counts.update(parsed.counts)
        if not parsed.complete:
            self.counts["incomplete"] += 1
        if is_first:
            _store_validators(state, answer if parsed.complete else None)
            state.body = digest
            if isinstance(state, SeenCursor):
                state.since = state.newest
        state.bad = 0
        met = self.meets_known(state, parsed)
        is_last = met and not (self.late and _any_new(state, parsed))
        events = self.take(state, parsed, answer, received)
        events += self._turn_page(
            state, parsed, None if is_last else self._next(url, answer, parsed), met=met
        )
        rejects = unknown(state, parsed.rejects)
        wait = self._pause(answer, parsed) if state.next else self.wait(answer, parsed)
        notes = self.notes(answer, parsed, state)
        return Batch(events, msgspec.json.encode(state), rejects, wait, notes=notes)

    async def ask(self, url: str, known: Validators | None = None) -> Answer:
        """Fetch within the limits of the table, with :meth:`headers`; secrets in the body are replaced."""
        from rtanalytics.sources.http import Validators

        headers, spec = self.headers(), self.spec
        try:
            answer = await self.http.get(
                url, known or Validators(), spec.max_bytes, spec.timeout, self.accept, headers
            )
        except TooLarge as error:
            more = f"raise max_bytes ({MOST_BYTES:_} at most) or " if spec.max_bytes < MOST_BYTES else ""
            raise TooLarge(f"{error}; {more}write an address that gives fewer items", error.raw) from None
        return replace(answer, body=self.credentials.scrub(answer.body))

    async def parse(self, answer: Answer, received: datetime) -> Parsed:
        """Parse a response in a separate process."""
        meta = msgspec.structs.replace(
            self.spec.meta(received),
            url=answer.url,
            content_type=answer.content_type,
            language=answer.language,
        )
        return await self._worker.parse(answer.body, meta)

    def secret(self, key: str) -> str | None:
        """Return the secret that ``key`` of the table names; None if the table does not have that key.

        Raises
        ------
        AuthFailed
            If the environment variable is not set.
        """
        return self.credentials.look_up(key)

    def state(self, cursor: bytes | None) -> C:
        """Decode a cursor.

        Raises
        ------
        CursorInvalid
            If it is invalid or has another version.
        """
        of = short(self.query())
        if cursor is None:
            # After a lost cursor, numbers must not start below those already delivered.
            return self.cursor(of=of, seq=int(datetime.now(UTC).timestamp()) * 1000)
        try:
            state = msgspec.json.decode(cursor, type=self.cursor)
        except (msgspec.DecodeError, ValueError) as error:
            raise CursorInvalid(f"the cursor of {self.scope} cannot be read: {printable(error)}") from None
        version = self.cursor().v
        if state.v != version:
            raise CursorInvalid(
                f"the cursor of {self.scope} has version {state.v}; this is version {version}"
            )
        if state.of != of:
            state.of, state.etag, state.modified = of, None, None
            state.body, state.next, state.page = "", "", 0
        return state

    def fresh(self, state: C, events: list[Event]) -> list[Event]:
        """Return new and changed events, oldest first and numbered; all events if the cursor knows no items.

        An event keeps the time of its first version.
        """
        if not isinstance(state, SeenCursor):
            return [self.numbered(state, event) for event in events]
        return new_or_changed(state, events, lambda event: self.numbered(state, event), self.counts)

    def numbered(self, state: C, event: Event) -> Event:
        """Give the event the next number of this source."""
        state.seq += 1
        return msgspec.structs.replace(event, producer=self.spec.producer, seq=state.seq)

    # -- pages -------------------------------------------------------------------------------

    def _next(self, asked: str, answer: Answer, parsed: Parsed) -> str | None:
        """Return the address of the next page if it is valid and on the same host."""
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

    def _turn_page(self, state: C, parsed: Parsed, following: str | None, *, met: bool) -> list[Event]:
        """Set the state to the next page or the first one; return a gap event if pages were omitted."""
        state.page += 1
        if following is not None and state.page < self.pages:
            state.next = self.credentials.hide(following)
            return []
        left = not met and (following is not None or (self.newest_only and state.page >= self.pages))
        oldest = min((event.created_at for event in parsed.events), default=None)
        state.next, state.page = "", 0
        return self._gap(state, oldest, "there was more than can be read") if left and oldest else []

    def _skip_pages(self, state: C, reason: str) -> Batch:
        """Return to the first page without the pages that are left."""
        self.counts["broken_off"] += 1
        state.next, state.page = "", 0
        events = self._gap(state, None, reason)
        return Batch(events, msgspec.json.encode(state), wait=self._interval, problem=reason)

    def _gap(self, state: C, until: datetime | None, reason: str) -> list[Event]:
        """Return an event for the time in which items may be missing, if there were items before it."""
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

    # -- waits and errors --------------------------------------------------------------------

    @property
    def _interval(self) -> timedelta:
        return self.spec.every or self.every

    def _pause(self, answer: Answer, parsed: Parsed | None = None) -> timedelta:
        """Return the pause that the service demands before the next request, whatever it is for."""
        demanded = parsed.wait if parsed is not None else None
        return max(answer.rate.pause, min(demanded or timedelta(0), MAX_WAIT))

    def _unreadable(self, state: C, error: Malformed) -> Batch:
        """Return a batch with a longer wait, and with a dead letter unless the last hour had one like it."""
        self.counts["malformed"] += 1
        kind, now = type(error).__name__, int(datetime.now(UTC).timestamp())
        rejects = []
        if not state.bad or kind != state.bad_kind or now - state.bad_since >= 3600:
            rejects = [Reject(reason=str(error), raw=error.raw, where="document")]
            state.bad_kind, state.bad_since = kind, now
        wait = doubled(self._interval, max(self._interval, LONGEST_HINT), min(state.bad, 6))
        state.bad += 1
        if state.next and state.bad >= _ATTEMPTS:
            batch = self._skip_pages(state, f"a later page cannot be read: {error}")
            return replace(batch, rejects=rejects, wait=wait)
        return Batch([], msgspec.json.encode(state), rejects, wait, problem=str(error))


def _any_new(state: Cursor, parsed: Parsed) -> bool:
    return isinstance(state, SeenCursor) and any(short(event.id) not in state.seen for event in parsed.events)


def _store_validators(state: Cursor, answer: Answer | None) -> None:
    """Store the validators of a document that was read completely; None clears them."""
    state.etag = answer.validators.etag if answer else None
    state.modified = answer.validators.modified if answer else None
