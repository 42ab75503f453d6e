"""Clocks, and parsers for the times and durations that users give.

A :class:`PacedClock` is virtual time: a base, plus the rate times the real time that has passed
since. Changing the rate re-bases the clock first, so its time never jumps; deadlines are absolute,
so waiting for many small gaps does not add up their errors.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Protocol
from zoneinfo import ZoneInfo

__all__ = [
    "Clock",
    "PacedClock",
    "WallClock",
    "duration_text",
    "parse_duration",
    "parse_time",
    "round_down",
    "zone_of",
]


class Clock(Protocol):
    """A source of the current time, as an aware UTC datetime."""

    def now(self) -> datetime:
        """Return the current time."""
        ...


class WallClock:
    """Clock of the machine."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class PacedClock:
    """Virtual clock that runs at a given rate and can be paused.

    Parameters
    ----------
    start : datetime
        Initial time.
    rate : float
        Virtual seconds per real second, above 0; ``math.inf`` for a clock that never waits and
        stays at the time of the last :meth:`seek`.
    monotonic : callable
        Return real seconds that never step back. Tests pass a hand-driven one.

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
        self._rebased = monotonic()

    def now(self) -> datetime:
        return self._at(self._monotonic())

    @property
    def rate(self) -> float:
        """Virtual seconds per real second."""
        return self._rate

    @rate.setter
    def rate(self, rate: float) -> None:
        rate = _checked(rate)
        self._rebase()
        self._rate = rate

    @property
    def paused(self) -> bool:
        """True while the clock is paused."""
        return self._paused

    def pause(self) -> None:
        """Stop the clock at its current time."""
        self._rebase()
        self._paused = True

    def resume(self) -> None:
        """Continue from the time at which the clock was paused."""
        self._rebase()
        self._paused = False

    def seek(self, moment: datetime) -> None:
        """Set the clock to ``moment``; the rate stays."""
        self._base = moment.astimezone(UTC)
        self._rebased = self._monotonic()

    def wait(self, moment: datetime) -> float:
        """Return the real seconds until ``moment``: 0 if it has passed, infinity while paused."""
        if self._paused:
            return math.inf if moment > self._base else 0.0
        if math.isinf(self._rate):
            return 0.0
        due = self._rebased + (moment - self._base).total_seconds() / self._rate
        return max(0.0, due - self._monotonic())

    def _at(self, second: float) -> datetime:
        if self._paused or math.isinf(self._rate):
            return self._base
        return self._base + timedelta(seconds=(second - self._rebased) * self._rate)

    def _rebase(self) -> None:
        second = self._monotonic()
        self._base, self._rebased = self._at(second), second


def _checked(rate: float) -> float:
    if not rate > 0:
        raise ValueError(f"rate must be above 0, not {rate}; call pause() to stop the clock")
    return float(rate)


_DURATION = re.compile(r"\s*(\d{1,9}(?:\.\d{1,6})?)\s*([a-z]+)\s*", re.IGNORECASE)
_UNITS = {
    "ms": 0.001,
    **dict.fromkeys(("s", "sec", "second", "seconds"), 1.0),
    **dict.fromkeys(("m", "min", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hour", "hours"), 3_600.0),
    **dict.fromkeys(("d", "day", "days"), 86_400.0),
}


def parse_duration(value: object) -> timedelta:
    """Convert a duration given by a user to a ``timedelta``.

    Parameters
    ----------
    value : str, timedelta or pandas offset
        A number with a unit (``ms``, ``s``, ``min``, ``h`` or ``d``), such as ``"15min"`` or ``"1.5h"``; a
        ``timedelta`` or ``pandas.Timedelta``; or a fixed pandas offset, such as ``pd.offsets.Minute(15)``.

    Raises
    ------
    ValueError
        If it is not a duration, or not above 0.

    Examples
    --------
    >>> parse_duration("90min")
    datetime.timedelta(seconds=5400)
    """
    try:
        result = _duration(value)
    except (OverflowError, TypeError, ValueError):  # a pandas offset of no fixed length, NaT
        result = None
    if result is None or result <= timedelta(0):
        raise ValueError(f"invalid duration {value!r} (examples: 5min, 1h)")
    return result


def _duration(value: Any) -> timedelta | None:
    if isinstance(value, str):
        match = _DURATION.fullmatch(value)
        unit = _UNITS.get(match[2].lower()) if match else None
        return timedelta(seconds=float(match[1]) * unit) if match and unit else None
    if hasattr(value, "to_pytimedelta"):  # pandas.Timedelta, a subclass of timedelta
        value = value.to_pytimedelta()
    if isinstance(value, timedelta):
        return value
    return timedelta(microseconds=value.nanos / 1_000) if hasattr(value, "nanos") else None


def duration_text(length: timedelta) -> str:
    """Return a duration as it is written in a ``conference.toml``.

    Examples
    --------
    >>> duration_text(timedelta(minutes=90)), duration_text(timedelta(days=28))
    ('90min', '28d')
    """
    for unit, seconds in (("d", 86_400), ("h", 3_600), ("min", 60)):
        number = length / timedelta(seconds=seconds)
        if number == int(number):
            return f"{number:.0f}{unit}"
    return f"{length.total_seconds():g}s"


def parse_time(value: str | datetime, zone: tzinfo = UTC) -> datetime:
    """Convert a time given by a user to an aware UTC datetime.

    Parameters
    ----------
    value : str or datetime
        ISO 8601 text, or a ``datetime`` (``pandas.Timestamp`` is one).
    zone : tzinfo
        Time zone of a time without an offset.

    Raises
    ------
    ValueError
        If it is not a time.
    """
    try:
        value = value.to_pydatetime() if hasattr(value, "to_pydatetime") else value
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(value.strip())
    except (AttributeError, ValueError):
        raise ValueError(f"invalid time {value!r} (example: 2026-05-15T09:30:00Z)") from None
    return (moment.replace(tzinfo=zone) if moment.tzinfo is None else moment).astimezone(UTC)


def zone_of(name: str) -> ZoneInfo:
    """Return the time zone with an IANA name.

    Raises
    ------
    ValueError
        If no time zone has this name.
    """
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"unknown time zone {name!r} (examples: Europe/Berlin, UTC)") from None


def round_down(at: datetime, step: timedelta) -> datetime:
    """Round a time down to a multiple of ``step``, counted from midnight of its time zone."""
    return at - (at - datetime.min.replace(tzinfo=at.tzinfo)) % step
