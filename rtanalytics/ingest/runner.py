"""The loop of one source: poll, store the batch with its cursor, and wait after an error.

The runner opens the source's scope, polls, stores the batch and its cursor in one step, reports the health,
and waits. Each class of error has its own pause, and the health shows the error and the next attempt.

Delivery is at least once: if it is unknown whether a batch was stored, it is stored again, and the stream
drops duplicates. After an outage of the server, the runner reads the stored cursor again: if the server has
lost the latest entries, the cursor is older, and the lost events are read again from there.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import signal
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Any, TypeVar

import msgspec

from rtanalytics.conference import RateLimit
from rtanalytics.event import Event, encode
from rtanalytics.ingest.health import Health, now
from rtanalytics.ingest.outbox_worker import OutboxWorker, Sends
from rtanalytics.retry import Limits, RetryPolicy
from rtanalytics.sources import open_source
from rtanalytics.sources.base import (
    AuthFailed,
    Batch,
    Blocked,
    CursorInvalid,
    Gone,
    Malformed,
    RateLimited,
    Reject,
    SharesHostLimit,
    Source,
    SourceError,
    SourceSpec,
    printable,
)
from rtanalytics.streams import (
    MAX_PACKET,
    CursorMoved,
    DeadLetter,
    EventStream,
    Fenced,
    PacketTooLarge,
    Scope,
    StreamUnavailable,
)

__all__ = ["Outcome", "run_source", "serve_source"]

log = logging.getLogger(__name__)

T = TypeVar("T")


class Outcome(StrEnum):
    """Why a source stopped running.

    ``STOPPED``: ``stop`` was set. ``FENCED``: another process has taken its scope, or the server restarted
    without data. ``GONE``: the source reported repeatedly that it no longer exists; a restart tries again.
    """

    STOPPED = "stopped"
    FENCED = "fenced"
    GONE = "gone"


async def run_source(
    spec: SourceSpec,
    stream: EventStream,
    *,
    stop: asyncio.Event,
    retry_policy: RetryPolicy | None = None,
    limits: Limits | None = None,
    opener: Callable[[SourceSpec, Counter[str]], Source] = open_source,
) -> Outcome:
    """Poll a source and store its batches until ``stop`` is set.

    Parameters
    ----------
    spec : SourceSpec
        Specification of the source.
    stream : EventStream
        Stream for the events, and for the health under ``source:<name>``.
    stop : asyncio.Event
        Interrupts any wait and any poll when it is set. Events that were not stored are read again after
        the next start.
    retry_policy : RetryPolicy, optional
        How long to wait after each kind of error.
    limits : Limits, optional
        Rate limits, and the largest number of entries in the bucket.
    opener : callable
        Opens the source of a spec.

    Returns
    -------
    Outcome
        Reason for the end.

    Raises
    ------
    Exception
        Any undeclared exception of the source or the stream, which is a bug; the supervisor restarts it.
    """
    counts: Counter[str] = Counter()
    source = opener(spec, counts)
    runner = _Runner(spec, source, stream, stop, retry_policy or RetryPolicy(), counts, limits or Limits())
    try:
        return await runner.run()
    finally:
        await source.close()


def serve_source(
    spec: SourceSpec,
    stream: EventStream,
    *,
    retry_policy: RetryPolicy | None = None,
    limits: Limits | None = None,
) -> Outcome:
    """Call :func:`run_source` as the main function of a process; SIGTERM and SIGINT stop it cleanly."""

    async def main() -> Outcome:
        stop = asyncio.Event()
        for name in (signal.SIGTERM, signal.SIGINT):
            with contextlib.suppress(NotImplementedError):  # on Windows
                asyncio.get_running_loop().add_signal_handler(name, stop.set)
        return await run_source(spec, stream, stop=stop, retry_policy=retry_policy, limits=limits)

    return asyncio.run(main())


class _Stop(Exception):  # not an error
    """Raised when the source was asked to stop."""


class _Runner:
    def __init__(
        self,
        spec: SourceSpec,
        source: Source,
        stream: EventStream,
        stop: asyncio.Event,
        retry_policy: RetryPolicy,
        counts: Counter[str],
        limits: Limits,
    ) -> None:
        self._source, self._stream, self._stop, self._retry = source, stream, stop, retry_policy
        self._counts, self._most, self._looked = counts, limits.most_entries, -math.inf
        self._host = source.host if isinstance(source, SharesHostLimit) else None
        self._pace = limits.rate_limits.get(self._host or "", RateLimit())
        self._scope: Scope | None = None
        self._cursor: bytes | None = None
        # differs from the cursor if that was invalid and the source starts without one
        self._stored: bytes | None = None
        self._failures = self._refusals = 0
        self._worked = self._away = False
        self._gone: list[float] = []
        self._letters: dict[str, float] = {}
        self._health = Health(spec, source, stream, counts)

    async def run(self) -> Outcome:
        if not isinstance(self._source, Sends):
            return await self._run()
        worker = OutboxWorker(self._source, self._stream, self._health, lambda: self._scope)
        sending = asyncio.create_task(worker.run())
        try:
            return await self._run()
        finally:
            await worker.end(sending)

    async def _run(self) -> Outcome:
        try:
            await self._open()
            while (wait := await self._poll_once()) is not None:
                await self._pause(wait)
            outcome = Outcome.GONE
        except _Stop:
            outcome = Outcome.STOPPED
        except Fenced as error:
            log.warning("%s: %s", self._health.name, printable(error))
            outcome = Outcome.FENCED
        except Exception as error:
            await self._health.report("failed", error=f"{type(error).__name__}: {printable(error)}")
            raise
        await self._health.report(str(outcome))
        return outcome

    async def _poll_once(self) -> timedelta | None:
        """Poll once; return the time to wait until the next poll, or None if polling should end."""
        if not await self._room():
            return self._retry.room
        if wait := await self._permit():
            return wait
        self._health.facts["last_attempt"] = now()
        before = self._counts["requests"]
        try:
            batch = await self._unless_stopped(self._source.poll(self._cursor))
        except SourceError as error:
            return await self._failed(error)
        finally:
            await self._spent(self._counts["requests"] - before)
        if not await self._store(batch):
            return timedelta(0)
        self._failures = self._refusals = 0
        self._worked = True
        was = self._health.state
        self._health.succeeded(batch)
        if self._health.state != was:
            await self._health.report()  # a source that never waits would report it a heartbeat later
        return self._retry.spread(batch.wait)

    async def _failed(self, error: SourceError) -> timedelta | None:
        """Return how long to pause after an error of this class, or None if polling should end."""
        name, wait = type(error).__name__, None
        state = "degraded"
        if isinstance(error, RateLimited):
            # not a failure: the server works and has asked for a pause
            state, wait = "rate_limited", error.wait
            if wait is not None and self._host is not None:
                with contextlib.suppress(StreamUnavailable):  # other requests would be refused as well
                    await asyncio.to_thread(self._stream.rate_limits.hold, self._host, wait)
            wait = None if wait is None else self._retry.spread(max(wait, self._retry.first))
        else:
            self._failures += 1
        if isinstance(error, (AuthFailed, Blocked)):
            state = "auth" if isinstance(error, AuthFailed) else "blocked"
            self._refusals += 1
            wait = self._retry.refused(self._refusals, worked=self._worked)
        elif isinstance(error, Gone):
            at = time.monotonic()
            self._gone = [*(t for t in self._gone if at - t < 86_400), at]
            state, wait = "gone", self._retry.gone
        elif isinstance(error, CursorInvalid) and self._cursor is not None:
            self._cursor, wait = None, timedelta(0)
        elif isinstance(error, Malformed):
            await self._bury_document(error)
        wait = self._retry.backoff(max(1, self._failures)) if wait is None else wait
        self._health.counts[f"error_{name}"] += 1
        await self._set_state(state, error=printable(error), failures=self._failures)
        return None if len(self._gone) >= 3 and isinstance(error, Gone) else wait

    async def _set_state(self, state: str, **facts: object) -> None:
        """Report a state, and log it if it has changed."""
        was, self._health.state = self._health.state, state
        self._health.facts.update(facts)
        self._health.turned(was)
        await self._health.report()

    async def _bury_document(self, error: Malformed) -> None:
        """Write a dead letter for a source that writes none, at most one per hour and class of error."""
        kind, at = type(error).__name__, time.monotonic()
        if at - self._letters.get(kind, -3600.0) >= 3600:
            self._letters[kind] = at
            await self._bury([Reject(reason=str(error), raw=error.raw)])

    # -- limits shared with others -------------------------------------------------------------

    async def _room(self) -> bool:
        """Return True if the bucket has room for more events, False if the recorder has to catch up first."""
        if self._most is None or time.monotonic() - self._looked < self._retry.room.total_seconds():
            return True
        bucket = self._source.bucket
        buckets = await self._until_available(self._stream.buckets, "checking for room")
        entries = buckets[bucket]["entries"] if bucket in buckets else 0
        if entries < self._most:
            self._looked = time.monotonic()
            return True
        error = (
            f"bucket {bucket} has {entries:,} entries that are not recorded; reading waits for the recorder"
        )
        await self._set_state("full", error=error)
        return False

    async def _permit(self) -> timedelta:
        """Return how long to wait for the host's rate limit; zero if a request may be sent now."""
        host = self._host
        if host is None:
            return timedelta(0)
        wait = await self._until_available(
            lambda: self._stream.rate_limits.permit(host, self._pace), "asking for a permit"
        )
        if wait > self._retry.heartbeat and self._health.state != "rate_limited":
            # after a restart it is unknown whether this source or another was asked to wait
            reason = f"waiting for {host}: it asked for a pause, or its rate limit is used up"
            await self._health.report(
                "rate_limited", error=reason
            )  # not logged: it is normal with a low rate limit
        return self._retry.spread(wait)

    async def _spent(self, requests: int) -> None:
        """Subtract the requests of a poll from the host's budget, except the one that was granted."""
        host = self._host
        if host is not None and requests > 1:
            with contextlib.suppress(StreamUnavailable):  # meanwhile no source gets a permit either
                await asyncio.to_thread(self._stream.rate_limits.spend, host, self._pace, requests - 1)

    # -- storing ---------------------------------------------------------------------------

    async def _open(self) -> None:
        scope = await self._until_available(
            lambda: self._stream.open_scope(self._source.bucket, self._source.scope), "opening the scope"
        )
        self._scope, self._cursor, self._stored = scope, scope.cursor, scope.cursor
        self._worked = self._worked or scope.cursor is not None
        await self._health.report("starting")

    async def _store(self, batch: Batch) -> bool:
        """Store a batch; return False if earlier events were lost on the server and must be polled again."""
        await self._bury(batch.rejects)
        events, failures = batch.events, 0
        while True:
            try:
                appended = await asyncio.to_thread(
                    self._stream.append, events, self._scope, batch.cursor, after=self._stored
                )
            except CursorMoved as error:
                # the server lost its newest events: read again from the last one it has
                log.warning("%s: %s", self._health.name, printable(error))
                await self._open()
                return False
            except PacketTooLarge:
                events = await self._fitting(events)
            except StreamUnavailable as error:
                failures += 1
                await self._stream_away(error, failures, "storing")
                expected = {self._cursor, batch.cursor}
                await self._reopen()
                if self._cursor not in expected:
                    return False
            else:
                break
        if batch.cursor is not None:
            self._cursor = self._stored = batch.cursor
        self._health.stored(appended, events)
        return True

    async def _reopen(self) -> None:
        """Read the scope and the cursor again from a server that is back.

        The empty append checks that we still hold the scope: opening it would take it away from a
        new holder.
        """
        await self._until_available(lambda: self._stream.append([], self._scope), "checking the scope")
        await self._open()

    async def _fitting(self, events: list[Event]) -> list[Event]:
        """Return the events that fit into the stream; drop the HTML of larger ones, or write dead letters."""
        kept, rejects = [], []
        for event in events:
            packet = encode(event)
            if len(packet) > MAX_PACKET and event.html is not None:
                event = msgspec.structs.replace(event, html=None)  # noqa: PLW2901  # without its HTML
                packet = encode(event)
            if len(packet) <= MAX_PACKET:
                kept.append(event)
                continue
            reason = f"a packet of {len(packet):,} bytes; the limit is {MAX_PACKET:,}"
            rejects.append(Reject(reason=reason, raw=packet[:64_000], where=event.id))
        await self._bury(rejects)
        return kept

    async def _bury(self, rejects: list[Reject]) -> None:
        for reject in rejects:
            letter = DeadLetter(
                source=self._health.spec.name,
                scope=self._source.scope,
                reason=f"{reject.where}: {reject.reason}" if reject.where else reject.reason,
                raw=reject.raw,
                at=datetime.now(UTC),
            )
            add = partial(self._stream.dead_letters.add, self._source.bucket, letter)
            await self._until_available(add, "a dead letter")
            self._health.counts["dead"] += 1

    async def _until_available(self, call: Callable[[], T], what: str) -> T:
        """Repeat a call of the stream until the server answers."""
        failures = 0
        while True:
            try:
                result = await asyncio.to_thread(call)
            except StreamUnavailable as error:
                failures += 1
                await self._stream_away(error, failures, what)
            else:
                if self._away:
                    self._away = False
                    log.warning("%s: the stream is available again", self._health.name)
                return result

    async def _stream_away(self, error: StreamUnavailable, failures: int, what: str) -> None:
        if not self._away:
            self._away = True
            log.warning("%s: the stream is unavailable (%s): %s", self._health.name, what, printable(error))
        self._health.counts["stream_away"] += 1
        await self._sleep(self._retry.backoff(failures))

    # -- waiting ---------------------------------------------------------------------------

    async def _pause(self, wait: timedelta) -> None:
        """Wait, and report the health meanwhile; a stop ends the wait."""
        until = time.monotonic() + wait.total_seconds()
        self._health.facts["next_poll"] = (datetime.now(UTC) + wait).isoformat()
        while True:
            left = until - time.monotonic()
            if wait or self._health.due(self._retry.heartbeat):
                await self._health.report()
            if left <= 0:
                if self._stop.is_set():
                    raise _Stop
                return
            await self._sleep(timedelta(seconds=min(left, self._retry.heartbeat.total_seconds())))

    async def _sleep(self, wait: timedelta) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait.total_seconds()):
                await self._stop.wait()
        if self._stop.is_set():
            raise _Stop

    async def _unless_stopped(self, work: Any) -> Batch:
        """Return the result of a poll; cancel the poll if a stop comes first."""
        poll, stopped = asyncio.ensure_future(work), asyncio.ensure_future(self._stop.wait())
        try:
            await asyncio.wait({poll, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if poll.done():
                batch: Batch = poll.result()
                return batch
            raise _Stop
        finally:
            stopped.cancel()
            if not poll.done():
                poll.cancel()
                with contextlib.suppress(asyncio.CancelledError, SourceError):
                    await poll
