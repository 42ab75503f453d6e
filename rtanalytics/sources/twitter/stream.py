"""X's filtered stream, which delivers posts immediately, and the search for posts that it missed.

The stream does not repeat posts, and the search finds a post only some seconds after it was posted. So
after each connection two searches are made, one immediately and one a minute later, both starting a
minute before the newest known post. Only then may posts of the stream advance ``since_id``.

X charges for every post that a stream sends, even if it is not read. So money is reserved in the cursor
before connecting: for posts that are on their way to us (our buffers are small), and for the posts that
are read next. No more is read than the stored reservation pays for. The reservation of a process that
has ended counts as spent.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import msgspec

from rtanalytics.event import Event
from rtanalytics.retry import doubled
from rtanalytics.sources.base import (
    AuthFailed,
    Batch,
    Blocked,
    Malformed,
    Parsed,
    RateLimited,
    Reject,
    SourceError,
)
from rtanalytics.sources.streamed import PollWindow, StreamedSource, StreamTimings
from rtanalytics.sources.twitter.budget import Ledger
from rtanalytics.sources.twitter.parse import native_id
from rtanalytics.sources.twitter.pending import PendingPosts, cost_of
from rtanalytics.sources.twitter.rules import ensure_rule
from rtanalytics.sources.twitter.search import EXPANDED, FIELDS, XSearch, unbilled
from rtanalytics.sources.twitter.spec import XSpec

if TYPE_CHECKING:
    from rtanalytics.sources.streaming import Lines

__all__ = ["XStream"]

MAX_POSTS = 500
"""Largest number of posts that one poll reads."""

AT_ONCE = 1_000_000
"""Bytes of posts after which a poll reads no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class XTimings(StreamTimings):
    """Times for reading the stream, for connecting again and for searching.

    Parameters
    ----------
    silence : timedelta
        Time after which a stream that sends nothing, or that we do not read, is closed; X sends a
        keepalive every 20 s.
    settling : timedelta
        Time from connecting until the second search.
    rules : timedelta
        Time between two checks of the rules, because another program may have removed ours.
    cut, refused, limited : timedelta
        Pause before connecting again after a lost connection, a refusal and HTTP 429; it doubles with
        each failure in a row, up to ``longest``.
    blocked : timedelta
        Pause if the account may not use the stream.
    longest : timedelta
        Longest pause.
    """

    silence: timedelta = timedelta(minutes=1)
    settling: timedelta = timedelta(minutes=1)
    rules: timedelta = timedelta(minutes=15)
    cut: timedelta = timedelta(milliseconds=250)
    refused: timedelta = timedelta(seconds=5)
    limited: timedelta = timedelta(minutes=1)
    blocked: timedelta = timedelta(hours=1)
    longest: timedelta = timedelta(seconds=320)


OVERLAP = timedelta(minutes=1)
"""How far before the newest known post a search starts while the stream is connected."""


@dataclass(frozen=True, slots=True)
class _End:
    """End of a stream: the reason, the price of posts sent but not read, and the pause before connecting."""

    why: str
    lost: int
    pause: timedelta = timedelta(0)


class XStream(StreamedSource, XSearch):
    """Filtered stream for one query, with searches for posts that the stream missed.

    Parameters
    ----------
    spec : XSpec
        Query, budget and token.
    counts : Counter
        ``streams``, ``keepalives``, ``others`` (posts for other rules of the account), ``silences``,
        ``stream_errors``, and what the search counts.
    timings : XTimings, optional
        How long to wait for posts, and when to connect and search again.
    """

    timings: XTimings

    def __init__(self, spec: XSpec, counts: Counter[str], timings: XTimings | None = None) -> None:
        XSearch.__init__(self, spec, counts)
        StreamedSource.__init__(self, timings or XTimings())
        self._lines: Lines | None = None
        self._ours: frozenset[str] = frozenset()
        self._pending = PendingPosts(spec, counts)
        self._known = ("", 0)  # a day, and the money spent or reserved on it until the last poll
        self._due: list[float] = []  # times of searches to make before the stream may advance since_id
        self._search_at = self._check_rules_at = self._connected_at = 0.0
        self._lease: asyncio.TimerHandle | None = None

    async def receive(self, cursor: bytes | None) -> Batch:
        """Return the posts of the stream, or take one step of connecting or of a search."""
        state, usable = self.state(cursor), cursor
        if self._known[0] == state.day and self._known[1] > state.spent + state.held:
            # the event stream lost its newest entries, so the stored cursor lacks posts that were paid for
            state.spent = self._known[1] - state.held
            usable = msgspec.json.encode(state)
        batch = await self._step(usable, state)
        after = usable if batch.cursor is None else batch.cursor
        if after is not None:
            ledger = msgspec.json.decode(after, type=Ledger)
            self._known = ledger.day, ledger.spent + ledger.held
            notes = {**batch.notes, "stream": "connected" if self._lines is not None else "not connected"}
            batch = replace(batch, notes=self._with_budget(notes, ledger))
        return batch

    async def rewind(self) -> None:
        """Disconnect; the search finds the posts that were read and not stored."""
        self._disconnect()
        self._pending, self._due = PendingPosts(self.spec, self.counts), []

    async def close(self) -> None:
        """Close the connection and end the parser's process."""
        await self.rewind()
        await XSearch.close(self)

    def since(self, state: Ledger) -> str:
        """Return the id of the post after which to search: an earlier one while the stream is connected."""
        since = int(state.since_id)
        overlap = round(OVERLAP / timedelta(milliseconds=1)) << 22
        return str(max(1, since - overlap) if self._lines is not None else since)

    async def _step(self, cursor: bytes | None, state: Ledger) -> Batch:
        searching = bool(state.grant) and state.grant == self._grant
        if self._lines is None and self.may_connect() and not searching:
            if self._holder and state.holder == self._holder:
                if (failed := await self._connect(state)) is not None:
                    return failed
            elif state.left(self.spec.budget_micro) >= self.spec.held + self.spec.min_search_cost:
                state.hold(self.spec.held)
                self._holder = state.holder
                return Batch(cursor=msgspec.json.encode(state))
            else:
                self.problem = "no stream: the rest of the budget does not pay for it; searching instead"
        self._extend_lease()
        if self._lines is None or (self._due and monotonic() >= self._due[0]):
            return await self._search(cursor, state, searching=searching)
        if monotonic() >= self._check_rules_at:
            return await self._check_rules()
        return await self._read_stream(state)

    # -- connecting --------------------------------------------------------------------------

    async def _connect(self, state: Ledger) -> Batch | None:
        """Connect; return the batch to store if that fails."""
        requested = False
        try:
            self._ours = await self._ensure_rule()
            requested = True
            fields = FIELDS | EXPANDED if self.spec.expand else FIELDS
            self._lines = await self.http.lines(
                f"{self._address}?{urlencode(fields)}", self.spec.max_bytes, self.spec.timeout, self.headers()
            )
        except AuthFailed:
            raise
        except SourceError as error:
            self.failures += 1
            lost = self.spec.unread_cost if requested and not unbilled(error) else 0
            return self._ended(
                state, _End(f"no stream, so searching instead: {error}", lost, self._pause_for(error))
            )
        except BaseException:
            self._holder = ""  # it is unknown what was sent, so the reservation counts as spent
            raise
        self.counts["streams"] += 1
        self._connected_at = now = monotonic()
        self._due, self._search_at = [now, now + self.timings.settling.total_seconds()], 0.0
        self.problem = None
        return None

    async def _ensure_rule(self) -> frozenset[str]:
        self._check_rules_at = monotonic() + self.timings.rules.total_seconds()
        return await ensure_rule(
            self._fetch, f"{self._address}/rules", f"rtanalytics:{self.scope}", self.spec.query.strip()
        )

    async def _check_rules(self) -> Batch:
        try:
            ours = await self._ensure_rule()
        except SourceError as error:
            return Batch(problem=f"the rules of the stream cannot be checked: {error}")
        if ours != self._ours:
            self._ours, now = ours, monotonic()
            self._due = [now, now + self.timings.settling.total_seconds()]
        return Batch()

    async def _fetch(self, url: str, posted: Any) -> bytes:
        spec = self.spec
        try:
            answer = await self.http.get(
                url, max_bytes=spec.max_bytes, timeout=spec.timeout, headers=self.headers(), json=posted
            )
        except SourceError as error:
            error.body = self.credentials.scrub(error.body)
            raise
        return self.credentials.scrub(answer.body)

    @property
    def _address(self) -> str:
        return f"{self.spec.api.rstrip('/')}/2/tweets/search/stream"

    def _pause_for(self, error: SourceError) -> timedelta:
        timings = self.timings
        if isinstance(error, Blocked):
            return timings.blocked
        limited = isinstance(error, RateLimited)
        pause = doubled(timings.limited if limited else timings.refused, timings.longest, self.failures - 1)
        demanded = error.wait if isinstance(error, RateLimited) and error.wait else timedelta(0)
        return max(pause, demanded)

    def _ended(
        self, state: Ledger, end: _End, events: list[Event] | None = None, rejects: list[Reject] | None = None
    ) -> Batch:
        """Disconnect, close the reservation, and return the last batch of the stream."""
        self._disconnect()
        state.release(end.lost)
        self.pause(end.pause, end.why)
        return Batch(events or [], msgspec.json.encode(state), rejects or [], problem=end.why)

    def _disconnect(self) -> None:
        lines, self._lines, self._holder = self._lines, None, ""
        if self._lease is not None:
            self._lease.cancel()
        if lines is not None:
            lines.close()

    def _extend_lease(self) -> None:
        """Close the stream if it is not polled for a while, because unread posts are charged too."""
        if self._lease is not None:
            self._lease.cancel()
        if self._lines is not None:
            self._lease = asyncio.get_running_loop().call_later(
                self.timings.silence.total_seconds(), self._lines.close
            )

    # -- searching ---------------------------------------------------------------------------

    async def _search(self, cursor: bytes | None, state: Ledger, *, searching: bool) -> Batch:
        """Take one step of a search, beside the stream or instead of it."""
        now, beside = monotonic(), self._lines is not None
        # no search now: the stream will connect soon, and a search follows each connection
        soon = now < self._connect_at <= now + self.timings.first.total_seconds()
        if not searching and not beside and (soon or now < self._search_at):
            until = self._connect_at if soon or now < self._connect_at < self._search_at else self._search_at
            return Batch(wait=timedelta(seconds=until - now), problem=self.problem)
        if not searching and beside and state.left(self.spec.budget_micro) < self.spec.min_search_cost:
            why = "the rest of the budget does not pay for a search beside the stream"
            return self._ended(state, _End(why, self.spec.unread_cost))
        try:
            batch = await XSearch.poll(self, cursor)
        except SourceError as error:
            if not beside:
                raise
            state.settle(0 if unbilled(error) else None)
            self._grant = ""
            wait = error.wait if isinstance(error, RateLimited) and error.wait else self.timings.limited
            self._due[0] = monotonic() + wait.total_seconds()
            return Batch(cursor=msgspec.json.encode(state), problem=f"the search beside the stream: {error}")
        if not batch.wait:
            return batch
        until = monotonic() + batch.wait.total_seconds()
        over = batch.problem is None and not msgspec.json.decode(batch.cursor or b"{}", type=Ledger).next
        if beside:
            self._due = self._due[1:] if over else [until, *self._due[1:]]
            return replace(batch, wait=timedelta(0))
        self._search_at = until
        self.problem = batch.problem or self.problem
        if over and now < self._connect_at < until:
            batch = replace(batch, wait=timedelta(seconds=max(0.0, self._connect_at - monotonic())))
        return replace(batch, problem=self.problem)

    # -- listening ---------------------------------------------------------------------------

    async def _read_stream(self, state: Ledger) -> Batch:
        """Return the posts that the stream has sent, and restore the reservation."""
        spec, pending = self.spec, self._pending
        end = await self._receive(state.held - spec.unread_cost)
        if end is None and not (len(pending) or pending.cost):
            problem, pending.problem = pending.problem, None
            return Batch(problem=problem)
        parsed, rejects = Parsed(), list(pending.rejects)
        if pending.ours:
            about = self.spec.meta(datetime.now(UTC))
            try:
                parsed = await self._worker.parse(
                    b"\n".join(pending.ours), msgspec.structs.replace(about, options={"via": "stream"})
                )
            except Malformed as error:
                rejects.append(Reject(reason=str(error), raw=error.raw, where="stream"))
                end = end or _End(str(error), spec.unread_cost, self.timings.refused)
        self._pending = PendingPosts(self.spec, self.counts)
        self.counts["spent_microusd"] += pending.cost
        self.counts.update({k: n for k, n in parsed.counts.items() if k not in {"posts", "users"}})
        events = self.fresh(state, parsed.events)
        if not self._due:
            numbers = [state.since_id, *map(native_id, parsed.events)]
            state.since_id = max(numbers, key=lambda n: int(n or 0))
        state.pay(pending.cost)
        rejects += parsed.rejects
        if end is None:
            state.held += min(max(0, spec.held - state.held), state.left(spec.budget_micro))
            if state.held < spec.unread_cost + spec.max_post_cost:
                why = "the rest of the budget does not pay for the next post of the stream"
                end = _End(why, spec.unread_cost)
        if end is not None:
            return self._ended(state, replace(end, why=pending.problem or end.why), events, rejects)
        return Batch(events, msgspec.json.encode(state), rejects, problem=pending.problem)

    async def _receive(self, limit: int) -> _End | None:
        """Read posts up to a price of ``limit``; return why the stream has ended, None if it has not."""
        lines, pending = self._lines, self._pending
        window = PollWindow(self.timings, started=bool(pending.ours))
        silence = self.timings.silence.total_seconds()
        while lines is not None and pending.cost + self.spec.max_post_cost <= limit and not window.over:
            if pending.size > AT_ONCE or len(pending) >= MAX_POSTS:
                return None
            try:
                line = await window.wait_for(lines.next)
            except TimeoutError:
                if monotonic() - lines.heard <= silence:
                    return None
                self.counts["silences"] += 1
                return _End(f"the stream sent nothing for {silence:g} s", self.spec.unread_cost)
            except Malformed as error:
                pending.reject(str(error), self.credentials.scrub(error.raw))
                return self._cut(str(error), None)
            except SourceError as error:
                return self._cut(f"the stream ended: {error}", lines.unread)
            if line is None:
                return self._cut("the stream ended", lines.unread)
            if line.strip():
                window.shorten()
                pending.take(self.credentials.scrub(line), self._ours)
            else:
                self.counts["keepalives"] += 1
        return None

    def _cut(self, why: str, unread: int | None) -> _End:
        """Return the end of a connection that was lost, with the possible cost of posts not read.

        Parameters
        ----------
        why : str
            Reason.
        unread : int or None
            Bytes that were received and not read; None if unknown.
        """
        most = self.spec.unread_cost
        lost = most if unread is None else min(most, cost_of(self.spec, unread))
        timings = self.timings
        lasted = timedelta(seconds=monotonic() - self._connected_at)
        self.failures = 0 if lasted > timings.silence else self.failures + 1
        pause = doubled(timings.cut, timings.longest, self.failures - 1) if self.failures else timedelta(0)
        return _End(why, lost, pause)
