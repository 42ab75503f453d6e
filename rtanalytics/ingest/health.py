"""Source health: one hash per source in the stream, shown by ``status``.

``state`` is one of ``starting``, ``ok``, ``degraded``, ``rate_limited``, ``auth``, ``blocked``,
``gone``, ``full``, ``failed``, ``stopped`` and ``fenced``. If ``at`` is older than a few heartbeats, the
process has ended, whatever the state. ``last_success`` is the time of the last successful poll;
``silent_since`` is set if there was no new event for longer than expected.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta

from rtanalytics.event import Event
from rtanalytics.sources.base import Batch, Source, SourceSpec, printable
from rtanalytics.streams import Appended, EventStream, StreamUnavailable

__all__ = ["WORDS", "Health", "now"]

log = logging.getLogger(__name__)

WORDS = {
    "degraded": "in trouble",
    "rate_limited": "asked to wait",
    "auth": "login required",
    "blocked": "blocked",
    "gone": "no longer exists",
    "full": "waits for the recorder",
    "fenced": "taken over",
    "waiting": "starts again",
    "finished": "has ended",
}
"""Labels of states of sources and processes; other states are shown unchanged."""


class Health:
    """Health of a source, published in the stream for ``status``."""

    def __init__(self, spec: SourceSpec, source: Source, stream: EventStream, counts: Counter[str]) -> None:
        self.spec = spec
        self.counts = counts
        self.name = f"source:{spec.name}"
        self.state = "starting"
        self.facts: dict[str, object] = {
            "kind": spec.__struct_config__.tag,
            "bucket": source.bucket,
            "scope": source.scope,
            "pid": os.getpid(),
            "started": now(),
        }
        self._stream = stream
        self._reported = 0.0
        self._reported_problem = False
        self._heard = self._received = time.monotonic()

    def succeeded(self, batch: Batch) -> None:
        """Record a successful poll and what it shows about the source."""
        was = self.state
        self.facts.update(batch.notes)
        if batch.heard:
            self._received = time.monotonic()
            self.facts["last_success"] = now()
        problem = batch.problem or self._silence()
        if not problem and not batch.heard and was == "degraded":
            return  # nothing was received that proves it works again
        self.state = "degraded" if problem else "ok"
        self.facts["error"] = problem or ""
        self.facts["failures"] = 0
        self.turned(was)

    def turned(self, was: str) -> None:
        """Log that the state of the source has changed from ``was``."""
        if self.state not in {"ok", was}:
            self._reported_problem = True
            log.warning("%s: %s: %s", self.name, WORDS.get(self.state, self.state), self.facts.get("error"))
        elif self.state == "ok" and self._reported_problem:
            self._reported_problem = False
            log.warning("%s: works again", self.name)

    def stored(self, appended: Appended, events: list[Event]) -> None:
        """Record how many events of a batch the stream has stored."""
        names = ("new", "edited", "deleted", "duplicate", "forgotten")
        numbers: dict[str, int] = {name: getattr(appended, name) for name in names}
        self.counts.update({name: n for name, n in numbers.items() if n})
        if appended.new:
            self._heard = time.monotonic()
        if events:
            newest = max(events, key=lambda e: e.created_at)
            self.facts["last_event"] = newest.received_at.isoformat()
            self.facts["last_created"] = newest.created_at.isoformat()
            lag = (newest.received_at - newest.created_at).total_seconds()
            self.facts["lag_s"] = round(max(0.0, lag), 1)

    def _silent_since(self) -> str:
        """Return when an unexpectedly long silence of the source began; an empty string if there is none."""
        expected = self.spec.expected_every
        silent = time.monotonic() - (self._received if self.spec.sees_silence else self._heard)
        if expected is None or silent <= expected.total_seconds():
            return ""
        return (datetime.now(UTC) - timedelta(seconds=silent)).isoformat()

    def _silence(self) -> str | None:
        """Return the problem if polls succeed but there was no new event for too long."""
        expected, silent = self.spec.expected_every, time.monotonic() - self._heard
        if expected is None or self.spec.sees_silence or silent <= expected.total_seconds():
            return None
        return f"silent: nothing new for {silent:,.0f} s; expected every {expected.total_seconds():,g} s"

    def due(self, every: timedelta) -> bool:
        """Check whether the last report is older than ``every``."""
        return time.monotonic() - self._reported >= every.total_seconds()

    async def report(self, state: str | None = None, **facts: object) -> None:
        """Publish the health; if the server cannot be reached, the next report replaces this one."""
        self.state = state or self.state
        self.facts.update(facts)
        self._reported = time.monotonic()
        self.facts["silent_since"] = self._silent_since()
        fields = {
            "state": self.state,
            "at": now(),
            **self.facts,
            "rss_mb": _rss_mb(),
            "counts": dict(sorted(self.counts.items())),
        }
        try:
            await asyncio.to_thread(self._stream.health.report, self.name, fields)
        except StreamUnavailable as error:
            log.debug("%s: health not reported: %s", self.name, printable(error))


def now() -> str:
    """Return the current time in the format of the health."""
    return datetime.now(UTC).isoformat()


def _rss_mb() -> float | None:
    """Return the memory of this process in MB, on Linux."""
    if not sys.platform.startswith("linux"):
        return None
    with open("/proc/self/statm") as file:
        return round(int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)
