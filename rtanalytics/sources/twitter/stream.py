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
from rtanalytics.sources.twitter import CHEAPEST_SEARCH, XSpec
from rtanalytics.sources.twitter.budget import Ledger
from rtanalytics.sources.twitter.news import News, cost_of
from rtanalytics.sources.twitter.parse import native_id
from rtanalytics.sources.twitter.rules import agree
from rtanalytics.sources.twitter.search import EXPANDED, FIELDS, XSearch, unbilled

if TYPE_CHECKING:
    from rtanalytics.sources.streaming import Lines

__all__ = ["XStream"]

PATIENCE, LINGER, MOST = 2.0, 0.1, 500
"""Seconds that a poll waits for a first post, for more once there is one; posts of a poll."""

SILENCE = 60.0
"""Seconds after which a stream that says nothing is given up, and one that nobody reads; X sends
something every 20."""

SETTLING, OVERLAP = 60.0, 60.0
"""Seconds until the second search after connecting, and those before the newest that are searched again."""

LOOK = 900.0
"""Seconds until the rules are looked at again: somebody else may have removed ours."""

CUT, REFUSED, LIMITED, LONGEST = 0.25, 5.0, 60.0, 320.0
"""Seconds until it is connected again, the first time; each time twice as many, up to the last."""

UNWELCOME = 3_600.0
"""The same for an account that may not have a stream."""


AT_ONCE = 1_000_000
"""Bytes of posts after which a poll reads no more."""


@dataclass(frozen=True, slots=True)
class _End:
    """Why a stream has ended, what it may have sent besides, and when to connect again at the earliest."""

    why: str
    lost: int
    pause: float = 0.0


class XStream(XSearch):
    """One query that is listened to, and searched for where nobody listened.

    Parameters
    ----------
    spec : XSpec
        Which.
    counts : Counter
        ``streams``, ``keepalives``, ``others`` (posts for other rules of the account), ``silences``,
        ``stream_errors``, and what the search counts.
    """

    def __init__(self, spec: XSpec, counts: Counter[str]) -> None:
        super().__init__(spec, counts)
        self._lines: Lines | None = None
        self._ours: frozenset[str] = frozenset()
        self._news = News(spec, counts)
        self._given: tuple[bytes | None, Batch] | None = None
        self._expected: bytes | None = None
        self._known = ("", 0)  # the day, and what was spent or held in it when we last knew
        self._due: list[float] = []  # searches, before what the stream says may move since_id
        self._rest = self._retry = self._look = self._since = 0.0
        self._failures = 0
        self._mute: str | None = None
        self._lease: asyncio.TimerHandle | None = None

    @property
    def host(self) -> str | None:
        """None: listening takes nothing out of a budget of requests."""
        return None

    async def poll(self, cursor: bytes | None) -> Batch:
        """What the stream has said, or a step of connecting to it or of a search."""
        if self._given is not None and self._given[0] == cursor:
            return self._given[1]  # it was not stored, as it seems
        state, usable = self.state(cursor), cursor
        if cursor != self._expected:
            self._forget()
            if self._known[0] == state.day and self._known[1] > state.spent + state.held:
                state.spent = self._known[1] - state.held  # the stream has lost its tail; we have not
                usable = msgspec.json.encode(state)
        batch = await self._step(usable, state)
        after = usable if batch.cursor is None else batch.cursor
        if after is not None:
            told = msgspec.json.decode(after, type=Ledger)
            self._known = told.day, told.spent + told.held
            notes = {**batch.notes, "stream": "connected" if self._lines is not None else "not connected"}
            batch = replace(batch, notes=self._noted(notes, told))
        self._given = None if batch.cursor in {None, cursor} else (cursor, batch)
        self._expected = cursor if batch.cursor is None else batch.cursor
        return batch

    async def close(self) -> None:
        self._forget()
        await super().close()

    def since(self, state: Ledger) -> str:
        """While a stream is there, somewhat before the newest."""
        since = int(state.since_id)
        return str(max(1, since - (int(OVERLAP * 1000) << 22)) if self._lines is not None else since)

    async def _step(self, cursor: bytes | None, state: Ledger) -> Batch:
        searching = bool(state.grant) and state.grant == self._grant
        if self._lines is None and monotonic() >= self._retry and not searching:
            if self._holder and state.holder == self._holder:
                if (failed := await self._listen(state)) is not None:
                    return failed
            elif state.left(self.spec.budget_micro) >= self.spec.held + CHEAPEST_SEARCH * self.spec.dearest:
                state.hold(self.spec.held)
                self._holder = state.holder
                return Batch(cursor=msgspec.json.encode(state))
            else:
                self._mute = "no stream, which what is left of the budget does not pay; it is searched"
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
            self._failures += 1
            lost = self.spec.unread if asked and not unbilled(error) else 0
            return self._ended(
                state, _End(f"no stream, so it is searched: {error}", lost, self._pause_for(error))
            )
        except BaseException:
            self._holder = ""  # nobody knows what was sent: what is held counts as spent
            raise
        self.counts["streams"] += 1
        self._since = now = monotonic()
        self._due, self._rest, self._mute = [now, now + SETTLING], 0.0, None
        return None

    async def _agree(self) -> frozenset[str]:
        self._look = monotonic() + LOOK
        return await agree(
            self._fetch, f"{self._address}/rules", f"rtanalytics:{self.scope}", self.spec.query.strip()
        )

    async def _look_at_rules(self) -> Batch:
        try:
            ours = await self._agree()
        except SourceError as error:
            return Batch(problem=f"the rules of the stream cannot be looked at: {error}")
        if ours != self._ours:
            self._ours, now = ours, monotonic()
            self._due = [now, now + SETTLING]
        return Batch()

    async def _fetch(self, url: str, posted: Any) -> bytes:
        spec = self.spec
        try:
            answer = await self.http.get(
                url, max_bytes=spec.max_bytes, timeout=spec.timeout, headers=self.headers(), json=posted
            )
        except SourceError as error:
            error.body = self._scrubbed(error.body)
            raise
        return self._scrubbed(answer.body)

    @property
    def _address(self) -> str:
        return f"{self.spec.api.rstrip('/')}/2/tweets/search/stream"

    def _pause_for(self, error: SourceError) -> float:
        if isinstance(error, Blocked):
            return UNWELCOME
        limited = isinstance(error, RateLimited)
        pause = min(LONGEST, (LIMITED if limited else REFUSED) * 2.0 ** min(self._failures - 1, 10))
        told = error.wait.total_seconds() if isinstance(error, RateLimited) and error.wait else 0.0
        return max(pause, told)

    def _ended(
        self, state: Ledger, end: _End, events: list[Event] | None = None, rejects: list[Reject] | None = None
    ) -> Batch:
        """Let go of the stream and of what is held for it."""
        self._hang_up()
        state.let_go(end.lost)
        self._retry, self._mute = monotonic() + end.pause, end.why
        return Batch(events or [], msgspec.json.encode(state), rejects or [], problem=end.why)

    def _hang_up(self) -> None:
        lines, self._lines, self._holder = self._lines, None, ""
        if self._lease is not None:
            self._lease.cancel()
        if lines is not None:
            lines.close()

    def _forget(self) -> None:
        """Hang up; what was read and not stored comes with the search."""
        self._hang_up()
        self._news, self._due = News(self.spec, self.counts), []

    def _extend(self) -> None:
        """Whoever does not read for so long lets go, so that nothing is sent that nobody reads."""
        if self._lease is not None:
            self._lease.cancel()
        if self._lines is not None:
            self._lease = asyncio.get_running_loop().call_later(SILENCE, self._lines.close)

    # -- searching ---------------------------------------------------------------------------

    async def _search(self, cursor: bytes | None, state: Ledger, *, searching: bool) -> Batch:
        """A step of a search: beside the stream, or in its place."""
        now, beside = monotonic(), self._lines is not None
        soon = now < self._retry <= now + PATIENCE  # not worth a search, which follows anyway
        if not searching and not beside and (soon or now < self._rest):
            until = self._retry if soon or now < self._retry < self._rest else self._rest
            return Batch(wait=timedelta(seconds=until - now), problem=self._mute)
        cheapest = CHEAPEST_SEARCH * self.spec.dearest
        if not searching and beside and state.left(self.spec.budget_micro) < cheapest:
            why = "what is left of the budget does not pay for a search beside the stream"
            return self._ended(state, _End(why, self.spec.unread))
        try:
            batch = await super().poll(cursor)
        except SourceError as error:
            if not beside:
                raise
            state.settle(0 if unbilled(error) else None)
            self._grant = ""
            wait = error.wait if isinstance(error, RateLimited) and error.wait else timedelta(seconds=LIMITED)
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
        self._mute = batch.problem or self._mute
        if over and now < self._retry < until:
            batch = replace(batch, wait=timedelta(seconds=max(0.0, self._retry - monotonic())))
        return replace(batch, problem=self._mute)

    # -- listening ---------------------------------------------------------------------------

    async def _heard(self, state: Ledger) -> Batch:
        """What has been said; as much more is held as was paid."""
        spec, news = self.spec, self._news
        end = await self._receive(state.held - spec.unread)
        if end is None and not (len(news) or news.cost):
            problem, news.said = news.said, None
            return Batch(problem=problem)
        parsed, rejects = Parsed(), list(news.rejects)
        if news.ours:
            about = self.meta(datetime.now(UTC))
            try:
                parsed = await self._worker.parse(
                    b"\n".join(news.ours), msgspec.structs.replace(about, options={"via": "stream"})
                )
            except Malformed as error:
                rejects.append(Reject(reason=str(error), raw=error.raw, where="stream"))
                end = end or _End(str(error), spec.unread, REFUSED)
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
            return self._ended(state, replace(end, why=news.said or end.why), events, rejects)
        return Batch(events, msgspec.json.encode(state), rejects, problem=news.said)

    async def _receive(self, most: int) -> _End | None:
        """Read what there is, for as much as that; why the stream has ended, if it has."""
        lines, news, dearest = self._lines, self._news, self.spec.dearest
        until = monotonic() + (0.0 if news.ours else PATIENCE)
        while lines is not None and news.cost + dearest <= most and monotonic() < until:
            if news.size > AT_ONCE or len(news) >= MOST:
                return None
            try:
                async with asyncio.timeout(max(0.0, until - monotonic())):
                    line = await lines.next()
            except TimeoutError:
                if monotonic() - lines.heard <= SILENCE:
                    return None
                self.counts["silences"] += 1
                return _End(f"the stream said nothing for {SILENCE:g} s", self.spec.unread)
            except Malformed as error:
                news.reject(str(error), self._scrubbed(error.raw))
                return self._cut(str(error), None)
            except SourceError as error:
                return self._cut(f"the stream ended: {error}", lines.unread)
            if line is None:
                return self._cut("the stream ended", lines.unread)
            if line.strip():
                until = min(until, monotonic() + LINGER)
                news.take(self._scrubbed(line), self._ours)
            else:
                self.counts["keepalives"] += 1
        return None

    def _cut(self, why: str, unread: int | None) -> _End:
        """Posts that had come and were not read are paid for; half of one may be any."""
        most = self.spec.unread
        lost = most if unread is None else min(most, cost_of(self.spec, unread))
        self._failures = 0 if monotonic() - self._since > SILENCE else self._failures + 1
        pause = min(LONGEST, CUT * 2 ** min(self._failures - 1, 12)) if self._failures else 0.0
        return _End(why, lost, pause)
