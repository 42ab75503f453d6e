"""Clocks that can be handed to whatever needs to know the time.

A :class:`PacedClock` is a virtual time: a base, plus the rate times the real time that has
passed since. Changing the rate re-bases first, so the time it tells never jumps; deadlines are
absolute, so waiting for many small gaps does not add up their errors.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

__all__ = ["Clock", "PacedClock", "WallClock", "parse_duration"]


class Clock(Protocol):
    """Tells the time as an aware UTC datetime."""

    def now(self) -> datetime:
        """The time, now."""
        ...


class WallClock:
    """The machine's own time."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class PacedClock:
    """A time of its own that runs at a given rate and can stand still.

    Parameters
    ----------
    start : datetime
        The time it tells at first.
    rate : float
        Virtual seconds a real second, above 0; ``math.inf`` for a clock that does not wait at
        all and stands wherever :meth:`seek` last put it.
    monotonic : callable
        Real seconds, never stepping back. Tests pass a hand-driven one.

    Raises
    ------
    ValueError
        If the rate is not above 0, or ``start`` is naive.

    Examples
    --------
    >>> seconds = 0.0
    >>> clock = PacedClock(datetime(2026, 1, 1, tzinfo=UTC), rate=60, monotonic=lambda: seconds)
    >>> seconds = 10.0
    >>> clock.rate = 1  # the time does not jump, it only runs slower from here
    >>> seconds = 25.0
    >>> f"{clock.now():%M:%S}"
    '10:15'
    """

    def __init__(
        self, start: datetime, rate: float = 1.0, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        if start.tzinfo is None:
            raise ValueError(f"start {start.isoformat()} has no time zone; give an aware datetime")
        self._monotonic = monotonic
        self._base = start.astimezone(UTC)
        self._rate = _checked(rate)
        self._paused = False
        self._since = monotonic()

    def now(self) -> datetime:
        return self._at(self._monotonic())

    @property
    def rate(self) -> float:
        """Virtual seconds a real second."""
        return self._rate

    @rate.setter
    def rate(self, rate: float) -> None:
        rate = _checked(rate)
        self._rebase()
        self._rate = rate

    @property
    def paused(self) -> bool:
        """True while it stands still."""
        return self._paused

    def pause(self) -> None:
        """Stand still at the present time."""
        self._rebase()
        self._paused = True

    def resume(self) -> None:
        """Go on from where it stands."""
        self._rebase()
        self._paused = False

    def seek(self, moment: datetime) -> None:
        """Tell ``moment`` from now on, at the same rate."""
        self._base = moment.astimezone(UTC)
        self._since = self._monotonic()

    def wait(self, moment: datetime) -> float:
        """Real seconds until it tells ``moment``: 0 if it is due, infinity if it stands still."""
        if self._paused:
            return math.inf if moment > self._base else 0.0
        if math.isinf(self._rate):
            return 0.0
        due = self._since + (moment - self._base).total_seconds() / self._rate
        return max(0.0, due - self._monotonic())

    def _at(self, second: float) -> datetime:
        if self._paused or math.isinf(self._rate):
            return self._base
        return self._base + timedelta(seconds=(second - self._since) * self._rate)

    def _rebase(self) -> None:
        second = self._monotonic()
        self._base, self._since = self._at(second), second


def _checked(rate: float) -> float:
    if not rate > 0:
        raise ValueError(f"rate must be above 0, not {rate}; pause() stands still")
    return float(rate)


_UNITS = {"s": 1, "sec": 1, "min": 60, "m": 60, "h": 3600, "d": 86400, "day": 86400, "days": 86400}


def parse_duration(text: str) -> timedelta:
    """A duration as people write it: ``30s``, ``15min``, ``1.5h``, ``2d``.

    Raises
    ------
    ValueError
        If it is none, or not above 0.

    Examples
    --------
    >>> parse_duration("90min")
    datetime.timedelta(seconds=5400)
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*", text.lower())
    if not found or found[2] not in _UNITS or float(found[1]) <= 0:
        raise ValueError(f"{text!r} is no duration; write a number and a unit, such as 30s, 15min, 2h or 1d")
    return timedelta(seconds=float(found[1]) * _UNITS[found[2]])
