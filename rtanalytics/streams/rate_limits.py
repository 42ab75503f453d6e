"""Request budgets of hosts, shared by all processes.

A budget refills at ``limit.rate`` requests per second and holds up to ``limit.burst``. It is stored as
one number, the time at which it will be full again (the generic cell rate algorithm of ITU-T I.371),
together with the end of the pause that the host asked for, from whichever source.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from rtanalytics.conference import RateLimit

if TYPE_CHECKING:
    from rtanalytics.streams.connection import RedisConnection

__all__ = ["MemoryRateLimits", "RedisRateLimits"]


class RedisRateLimits:
    """Request budgets stored on a server, which refill by the clock of the server."""

    def __init__(self, connection: RedisConnection) -> None:
        self._connection = connection

    def permit(self, host: str, limit: RateLimit) -> timedelta:
        return self._run(host, limit, 1, ask=True)

    def spend(self, host: str, limit: RateLimit, requests: int) -> None:
        self._run(host, limit, requests)

    def hold(self, host: str, wait: timedelta) -> None:
        self._run(host, RateLimit(), 0, wait)

    def _run(
        self, host: str, limit: RateLimit, n: int, hold: timedelta = timedelta(0), *, ask: bool = False
    ) -> timedelta:
        args = [round(1e6 / limit.rate), limit.burst, n, round(hold / timedelta(microseconds=1)), int(ask)]
        wait = self._connection.run("rate_limit", [f"{self._connection.rate_limits_key}{host}"], args)
        return timedelta(microseconds=int(wait))


class MemoryRateLimits:
    """Budgets within one process.

    Parameters
    ----------
    now : callable
        Return seconds; only differences count.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._due: dict[str, float] = {}
        self._held: dict[str, float] = {}

    def permit(self, host: str, limit: RateLimit) -> timedelta:
        with self._lock:
            now = self._now()
            full = self._due.get(host, now) - (limit.burst - 1) / limit.rate
            wait = max(self._held.get(host, now), full) - now
            if wait <= 0:
                self._due[host] = max(self._due.get(host, now), now) + 1 / limit.rate
            return timedelta(seconds=max(0.0, wait))

    def spend(self, host: str, limit: RateLimit, requests: int) -> None:
        with self._lock:
            now = self._now()
            self._due[host] = max(self._due.get(host, now), now) + requests / limit.rate

    def hold(self, host: str, wait: timedelta) -> None:
        with self._lock:
            until = self._now() + wait.total_seconds()
            self._held[host] = max(self._held.get(host, until), until)
