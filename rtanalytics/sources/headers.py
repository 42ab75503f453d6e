"""Parser of the response headers about rate limits and caching.

Separate from the HTTP client, because WebSocket and other responses have these headers too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from rtanalytics.normalize.dates import optional_time

__all__ = ["MAX_RESET", "MAX_SKEW", "MAX_WAIT", "Rate", "echo", "freshness", "rate_of", "retry_after"]

MAX_WAIT = timedelta(days=1)
"""Longest ``Retry-After`` that is respected."""

MAX_SKEW = timedelta(seconds=901)
"""Longest wait until a given time, if the response has no ``Date`` header to compare it with."""

MAX_RESET = timedelta(hours=1, seconds=1)
"""Longest wait for the reset of a rate limit. A service with daily limits is asked once an hour."""

_REMAINING = ("X-RateLimit-Remaining", "X-Rate-Limit-Remaining", "RateLimit-Remaining")
_RESET = ("X-RateLimit-Reset", "X-Rate-Limit-Reset", "RateLimit-Reset")


@dataclass(frozen=True, slots=True)
class Rate:
    """Remaining requests of a rate limit.

    Parameters
    ----------
    remaining : int, optional
        Number of requests left.
    reset : timedelta, optional
        Time until the limit is reset, at most :data:`MAX_RESET`.
    interval : timedelta, optional
        Minimum time between two polls (``X-Poll-Interval``), at most :data:`MAX_RESET`.
    """

    remaining: int | None = None
    reset: timedelta | None = None
    interval: timedelta | None = None

    @property
    def pause(self) -> timedelta:
        """Time to wait before the next request."""
        return self.reset if self.remaining == 0 and self.reset is not None else timedelta(0)


def retry_after(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """Parse ``Retry-After``, in seconds or as a date; at most :data:`MAX_WAIT`, None if invalid.

    A date is compared with the server's own ``Date``, because either clock may be wrong. Without
    that header, the result is at most :data:`MAX_SKEW`.
    """
    value = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d*)?", value):
        return min(timedelta(seconds=float(value)), MAX_WAIT)
    until = optional_time(value)
    if until is None:
        return None
    server_time = optional_time(headers.get("Date", ""))
    if server_time is None:
        return max(timedelta(0), min(until - now, MAX_SKEW))
    return max(timedelta(0), min(until - server_time, MAX_WAIT))


def rate_of(headers: Mapping[str, str], now: datetime) -> Rate:
    """Parse the headers about rate limits, in any of their spellings.

    The reset may be seconds from now, seconds (or milliseconds) since 1970, an ISO 8601 time or
    an HTTP date. A time is compared with the server's own ``Date``; without that header, the
    result is at most :data:`MAX_SKEW`.

    Examples
    --------
    >>> from datetime import datetime, UTC
    >>> headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1778835630"}
    >>> rate_of(headers, datetime(2026, 5, 15, 9, tzinfo=UTC)).pause
    datetime.timedelta(seconds=30)
    """
    remaining = next((headers[name] for name in _REMAINING if name in headers), "").strip()
    reset = next((headers[name] for name in _RESET if name in headers), "").strip()
    interval = headers.get("X-Poll-Interval", "").strip()
    return Rate(
        int(float(remaining)) if re.fullmatch(r"\d{1,9}(\.\d*)?", remaining) else None,
        _until(reset, optional_time(headers.get("Date", "")), now),
        min(timedelta(seconds=int(interval)), MAX_RESET) if re.fullmatch(r"\d{1,9}", interval) else None,
    )


def _until(value: str, server_time: datetime | None, now: datetime) -> timedelta | None:
    if re.fullmatch(r"\d{1,13}(\.\d{0,9})?", value):
        number = float(value)
        if number < 1e8:  # seconds from now: as a time it would be before 1973-03-04
            return min(timedelta(seconds=number), MAX_RESET)
        at = datetime.fromtimestamp(number / 1000 if number >= 1e11 else number, UTC)
    else:
        date = optional_time(value)
        if date is None:
            return None
        at = date
    if server_time is None:
        return max(timedelta(0), min(at - now, MAX_SKEW))
    return max(timedelta(0), min(at - server_time, MAX_RESET))


def freshness(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """Return how long the response stays fresh, by ``Cache-Control`` or ``Expires``; None if unknown."""
    control = headers.get("Cache-Control", "").lower()
    if "no-cache" in control or "no-store" in control:
        return None
    if match := re.search(r"(?:^|[\s,])max-age\s*=\s*\"?(\d{1,9})", control):
        age = headers.get("Age", "").strip()
        seconds = int(match[1]) - (int(age) if re.fullmatch(r"\d{1,9}", age) else 0)
        return min(timedelta(seconds=seconds), MAX_WAIT) if seconds > 0 else None
    expires = optional_time(headers.get("Expires", ""))
    if expires is None:
        return None
    left = expires - (optional_time(headers.get("Date", "")) or now)
    return min(left, MAX_WAIT) if left > timedelta(0) else None


def echo(value: str | None) -> str | None:
    """Return a validator if it can be sent back unchanged, otherwise None."""
    if value is None or not value or len(value) > 1_000 or any(c < " " for c in value):
        return None
    try:
        value.encode()
    except UnicodeEncodeError:  # it came from bytes that are not UTF-8; sending it back would change them
        return None
    return value
