"""The filtered stream: posts as they are written, and the search for what the stream leaves out.

A stream has no memory, and the search knows a post some seconds after it was written only. So it is
searched twice after each connection, at once and a minute later, from a minute before the newest
that is known; not until then does what the stream says move ``since_id``.

What a stream sends is paid for, read or not. Money is held for it in the cursor before it is
connected: for what can be on its way to us (our buffers are small), and for what is read next. No
more is read than is paid for by what is stored. What was held by a process that is gone is spent.
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
from rtanalytics.sources.twitter.news import News, cost_of
from rtanalytics.sources.twitter.parse import native_id
from rtanalytics.sources.twitter.rules import ensure_rule
from rtanalytics.sources.twitter.search import EXPANDED, FIELDS, XSearch, unbilled
from rtanalytics.sources.twitter.spec import CHEAPEST_SEARCH, XSpec

if TYPE_CHECKING:
    from rtanalytics.sources.streaming import Lines

__all__ = ["XStream"]

MAX_POSTS = 500
"""Posts that one poll reads at most."""

AT_ONCE = 1_000_000
"""Bytes of posts after which a poll reads no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class XTimings(StreamTimings):
    """How long the stream is read, and when it is connected again.

    Parameters
    ----------
    silence : timedelta
        Time after which a stream that sends nothing is given up, and one that is not read is closed; X
        sends a keepalive every 20 s.
    settling : timedelta
        Time from connecting until the second search.
    rules : timedelta
        Time until the rules are checked again: somebody else may have removed ours.
    cut, refused, limited : timedelta
        Pause before connecting again after a cut, a refusal, and HTTP 429; doubled with each failure in
        a row, up to ``longest``.
    unwelcome : timedelta
        The same for an account that may not use the stream.
    longest : timedelta
        Longest pause.
    """

    silence: timedelta = timedelta(minutes=1)
    settling: timedelta = timedelta(minutes=1)
    rules: timedelta = timedelta(minutes=15)
    cut: timedelta = timedelta(milliseconds=250)
    refused: timedelta = timedelta(seconds=5)
    limited: timedelta = timedelta(minutes=1)
    unwelcome: timedelta = timedelta(hours=1)
    longest: timedelta = timedelta(seconds=320)


OVERLAP = timedelta(minutes=1)
"""How far before the newest known post is searched again."""


@dataclass(frozen=True, slots=True)
class _End:
    """Why a stream has ended, what it may have sent besides, and when to connect again at the earliest."""

    why: str
    lost: int
    pause: timedelta = timedelta(0)


class XStream(StreamedSource, XSearch):
    """One query by the filtered stream, and by the search for what the stream left out.

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
        self._news = News(spec, counts)
        self._known = ("", 0)  # a day, and what was spent or held on it at the last poll
        self._due: list[float] = []  # searches, before what the stream sends may move since_id
        self._rest = self._look = self._since = 0.0
        self._lease: asyncio.TimerHandle | None = None

    async def receive(self, cursor: bytes | None) -> Batch:
        """Return what the stream has sent, or take a step of connecting to it or of a search."""
        state, usable = self.state(cursor), cursor
        if self._known[0] == state.day and self._known[1] > state.spent + state.held:
            # the cursor is from before we paid: the event stream lost its tail
            state.spent = self._known[1] - state.held
            usable = msgspec.json.encode(state)
        batch = await self._step(usable, state)
        after = usable if batch.cursor is None else batch.cursor
        if after is not None:
            ledger = msgspec.json.decode(after, type=Ledger)
            self._known = ledger.day, ledger.spent + ledger.held
            notes = {**batch.notes, "stream": "connected" if self._lines is not None else "not connected"}
            batch = replace(batch, notes=self._noted(notes, ledger))
        return batch

    async def rewind(self) -> None:
        """Disconnect; what was read and not stored comes with the search."""
        self._disconnect()
        self._news, self._due = News(self.spec, self.counts), []

    async def close(self) -> None:
        """Close the connection and end the parser's process."""
        await self.rewind()
        await XSearch.close(self)

    def since(self, state: Ledger) -> str:
        """Return the post to search from: somewhat before the newest while the stream is connected."""
        since = int(state.since_id)
        overlap = round(OVERLAP / timedelta(milliseconds=1)) << 22
        return str(max(1, since - overlap) if self._lines is not None else since)

    async def _step(self, cursor: bytes | None, state: Ledger) -> Batch:
        searching = bool(state.grant) and state.grant == self._grant
        if self._lines is None and self.may_connect() and not searching:
            if self._holder and state.holder == self._holder:
                if (failed := await self._listen(state)) is not None:
                    return failed
            elif state.left(self.spec.budget_micro) >= self.spec.held + CHEAPEST_SEARCH * self.spec.dearest:
                state.hold(self.spec.held)
                self._holder = state.holder
                return Batch(cursor=msgspec.json.encode(state))
            else:
                self.problem = "no stream, which what is left of the budget does not pay; it is searched"
        self._extend()
        if self._lines is None or (self._due and monotonic() >= self._due[0]):
            return await self._search(cursor, state, searching=searching)
        if monotonic() >= self._look:
            return await self._look_at_rules()
        return await self._heard(state)

    # -- connecting --------------------------------------------------------------------------

    async def _listen(self, state: Ledger) -> Batch | None:
        """Connect; what is to be stored if that is not possible."""
        asked = False
        try:
            self._ours = await self._agree()
            asked = True
            fields = FIELDS | EXPANDED if self.spec.expand else FIELDS
            self._lines = await self.http.lines(
                f"{self._address}?{urlencode(fields)}", self.spec.max_bytes, self.spec.timeout, self.headers()
            )
        except AuthFailed:
            raise
        except SourceError as error:
            self.failures += 1
            lost = self.spec.unread if asked and not unbilled(error) else 0
            return self._ended(
                state, _End(f"no stream, so it is searched: {error}", lost, self._pause_for(error))
            )
        except BaseException:
            self._holder = ""  # nobody knows what was sent: what is held counts as spent
            raise
        self.counts["streams"] += 1
        self._since = now = monotonic()
        self._due, self._rest, self.problem = [now, now + self.timings.settling.total_seconds()], 0.0, None
        return None

    async def _agree(self) -> frozenset[str]:
        self._look = monotonic() + self.timings.rules.total_seconds()
        return await ensure_rule(
            self._fetch, f"{self._address}/rules", f"rtanalytics:{self.scope}", self.spec.query.strip()
        )

    async def _look_at_rules(self) -> Batch:
        try:
            ours = await self._agree()
        except SourceError as error:
            return Batch(problem=f"the rules of the stream cannot be looked at: {error}")
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
            return timings.unwelcome
        limited = isinstance(error, RateLimited)
        pause = doubled(timings.limited if limited else timings.refused, timings.longest, self.failures - 1)
        demanded = error.wait if isinstance(error, RateLimited) and error.wait else timedelta(0)
        return max(pause, demanded)

    def _ended(
        self, state: Ledger, end: _End, events: list[Event] | None = None, rejects: list[Reject] | None = None
    ) -> Batch:
        """Let go of the stream and of what is held for it."""
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

    def _extend(self) -> None:
        """Whoever does not read for so long lets go, so that nothing is sent that nobody reads."""
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
        soon = (
            now < self._connect_at <= now + self.timings.first.total_seconds()
        )  # not worth a search, which follows anyway
        if not searching and not beside and (soon or now < self._rest):
            until = self._connect_at if soon or now < self._connect_at < self._rest else self._rest
            return Batch(wait=timedelta(seconds=until - now), problem=self.problem)
        cheapest = CHEAPEST_SEARCH * self.spec.dearest
        if not searching and beside and state.left(self.spec.budget_micro) < cheapest:
            why = "what is left of the budget does not pay for a search beside the stream"
            return self._ended(state, _End(why, self.spec.unread))
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
        self._rest = until
        self.problem = batch.problem or self.problem
        if over and now < self._connect_at < until:
            batch = replace(batch, wait=timedelta(seconds=max(0.0, self._connect_at - monotonic())))
        return replace(batch, problem=self.problem)

    # -- listening ---------------------------------------------------------------------------

    async def _heard(self, state: Ledger) -> Batch:
        """Return what the stream has sent, and hold as much again as was paid."""
        spec, news = self.spec, self._news
        end = await self._receive(state.held - spec.unread)
        if end is None and not (len(news) or news.cost):
            problem, news.problem = news.problem, None
            return Batch(problem=problem)
        parsed, rejects = Parsed(), list(news.rejects)
        if news.ours:
            about = self.spec.meta(datetime.now(UTC))
            try:
                parsed = await self._worker.parse(
                    b"\n".join(news.ours), msgspec.structs.replace(about, options={"via": "stream"})
                )
            except Malformed as error:
                rejects.append(Reject(reason=str(error), raw=error.raw, where="stream"))
                end = end or _End(str(error), spec.unread, self.timings.refused)
        self._news = News(self.spec, self.counts)
        self.counts["spent_microusd"] += news.cost
        self.counts.update({k: n for k, n in parsed.counts.items() if k not in {"posts", "users"}})
        events = self.fresh(state, parsed.events)
        if not self._due:
            numbers = [state.since_id, *map(native_id, parsed.events)]
            state.since_id = max(numbers, key=lambda n: int(n or 0))
        state.pay(news.cost)
        rejects += parsed.rejects
        if end is None:
            state.held += min(max(0, spec.held - state.held), state.left(spec.budget_micro))
            if state.held < spec.unread + spec.dearest:
                end = _End("what is left of the budget does not pay for the stream's next post", spec.unread)
        if end is not None:
            return self._ended(state, replace(end, why=news.problem or end.why), events, rejects)
        return Batch(events, msgspec.json.encode(state), rejects, problem=news.problem)

    async def _receive(self, most: int) -> _End | None:
        """Read what there is, for as much as that; why the stream has ended, if it has."""
        lines, news, dearest = self._lines, self._news, self.spec.dearest
        window, silence = (
            PollWindow(self.timings, started=bool(news.ours)),
            self.timings.silence.total_seconds(),
        )
        while lines is not None and news.cost + dearest <= most and not window.over:
            if news.size > AT_ONCE or len(news) >= MAX_POSTS:
                return None
            try:
                line = await window.wait_for(lines.next)
            except TimeoutError:
                if monotonic() - lines.heard <= silence:
                    return None
                self.counts["silences"] += 1
                return _End(f"the stream said nothing for {silence:g} s", self.spec.unread)
            except Malformed as error:
                news.reject(str(error), self.credentials.scrub(error.raw))
                return self._cut(str(error), None)
            except SourceError as error:
                return self._cut(f"the stream ended: {error}", lines.unread)
            if line is None:
                return self._cut("the stream ended", lines.unread)
            if line.strip():
                window.shorten()
                news.take(self.credentials.scrub(line), self._ours)
            else:
                self.counts["keepalives"] += 1
        return None

    def _cut(self, why: str, unread: int | None) -> _End:
        """Count posts that had arrived unread as paid; an incomplete one as the most expensive."""
        most = self.spec.unread
        lost = most if unread is None else min(most, cost_of(self.spec, unread))
        timings = self.timings
        lasted = timedelta(seconds=monotonic() - self._since)
        self.failures = 0 if lasted > timings.silence else self.failures + 1
        pause = doubled(timings.cut, timings.longest, self.failures - 1) if self.failures else timedelta(0)
        return _End(why, lost, pause)
