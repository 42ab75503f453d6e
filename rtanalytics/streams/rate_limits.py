"""How often a host is asked by all processes together.

A budget is a bucket that fills with ``pace.rate`` requests a second and holds ``pace.burst``; kept as the
time at which it would be full again (the generic cell rate algorithm of ITU-T I.371), so that it is one
number. Beside it stands until when a host wants to be left alone, whichever source it told so.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta

from rtanalytics.conference import RateLimit
from rtanalytics.streams.connection import RedisConnection

__all__ = ["MemoryPacing", "RedisPacing"]


class RedisPacing(RedisConnection):
    """The part of a Redis stream that keeps budgets; its server's clock is the one that counts."""

    def permit(self, budget: str, pace: RateLimit) -> timedelta:
        return self._pace(budget, pace, 1, ask=True)

    def spend(self, budget: str, pace: RateLimit, requests: int) -> None:
        self._pace(budget, pace, requests)

    def hold(self, budget: str, wait: timedelta) -> None:
        self._pace(budget, RateLimit(), 0, wait)

    def _pace(
        self, budget: str, pace: RateLimit, n: int, hold: timedelta = timedelta(0), *, ask: bool = False
    ) -> timedelta:
        args = [round(1e6 / pace.rate), pace.burst, n, round(hold / timedelta(microseconds=1)), int(ask)]
        wait = self.run("pace", [f"{self.pace_key}{budget}"], args)
        return timedelta(microseconds=int(wait))


class MemoryPacing:
    """The same in one process.

    Parameters
    ----------
    now : callable
        Seconds; only differences count.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._due: dict[str, float] = {}
        self._held: dict[str, float] = {}

    def permit(self, budget: str, pace: RateLimit) -> timedelta:
        with self._lock:
            now = self._now()
            full = self._due.get(budget, now) - (pace.burst - 1) / pace.rate
            wait = max(self._held.get(budget, now), full) - now
            if wait <= 0:
                self._due[budget] = max(self._due.get(budget, now), now) + 1 / pace.rate
            return timedelta(seconds=max(0.0, wait))

    def spend(self, budget: str, pace: RateLimit, requests: int) -> None:
        with self._lock:
            now = self._now()
            self._due[budget] = max(self._due.get(budget, now), now) + requests / pace.rate

    def hold(self, budget: str, wait: timedelta) -> None:
        with self._lock:
            until = self._now() + wait.total_seconds()
            self._held[budget] = max(self._held.get(budget, until), until)
