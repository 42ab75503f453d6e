"""What the headers of an answer say about asking again.

Kept apart from the client, because other answers than documents have them too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

__all__ = ["MAX_RESET", "MAX_SKEW", "MAX_WAIT", "Rate", "echo", "freshness", "rate_of", "retry_after"]

MAX_WAIT = timedelta(days=1)
"""The longest Retry-After that is kept to."""

MAX_SKEW = timedelta(seconds=901)
"""The longest Retry-After given as a date by a server without a Date header."""

MAX_RESET = timedelta(hours=1, seconds=1)
"""The longest until a rate limit is reset: whoever counts by the day is asked once an hour."""

_REMAINING = ("X-RateLimit-Remaining", "X-Rate-Limit-Remaining", "RateLimit-Remaining")
_RESET = ("X-RateLimit-Reset", "X-Rate-Limit-Reset", "RateLimit-Reset")


@dataclass(frozen=True, slots=True)
class Rate:
    """How much more may be asked.

    Parameters
    ----------
    remaining : int, optional
        Requests that are left.
    reset : timedelta, optional
        Until there are new ones; an hour at most.
    interval : timedelta, optional
        The least time between two polls (``X-Poll-Interval``); an hour at most.
    """

    remaining: int | None = None
    reset: timedelta | None = None
    interval: timedelta | None = None

    @property
    def pause(self) -> timedelta:
        """How long to wait before any next request."""
        return self.reset if self.remaining == 0 and self.reset is not None else timedelta(0)


def retry_after(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """How long ``Retry-After`` asks to wait: seconds or a date, a day at most.

    A date is measured against the server's own ``Date``, because either clock may be wrong;
    without one, :data:`MAX_SKEW` is the most that is believed.
    """
    value = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d*)?", value):
        return min(timedelta(seconds=float(value)), MAX_WAIT)
    until = _date(value)
    if until is None:
        return None
    theirs = _date(headers.get("Date", ""))
    if theirs is None:
        return max(timedelta(0), min(until - now, MAX_SKEW))
    return max(timedelta(0), min(until - theirs, MAX_WAIT))


def rate_of(headers: Mapping[str, str], now: datetime) -> Rate:
    """Read the headers about rate limits, in any of their spellings.

    The reset may be seconds from now, seconds (or milliseconds) since 1970, an ISO 8601 time or
    an HTTP date. A time is measured against the server's own ``Date``; without one,
    :data:`MAX_SKEW` is the most that is believed.

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
        _until(reset, _date(headers.get("Date", "")), now),
        min(timedelta(seconds=int(interval)), MAX_RESET) if re.fullmatch(r"\d{1,9}", interval) else None,
    )


def _until(value: str, theirs: datetime | None, now: datetime) -> timedelta | None:
    if re.fullmatch(r"\d{1,13}(\.\d{0,9})?", value):
        number = float(value)
        if number < 1e8:  # three years in seconds: not a time
            return min(timedelta(seconds=number), MAX_RESET)
        at = datetime.fromtimestamp(number / 1000 if number >= 1e11 else number, UTC)
    else:
        try:
            moment = datetime.fromisoformat(value)
            at = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        except (ValueError, OverflowError):
            found = _date(value)
            if found is None:
                return None
            at = found
    if theirs is None:
        return max(timedelta(0), min(at - now, MAX_SKEW))
    return max(timedelta(0), min(at - theirs, MAX_RESET))


def freshness(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """How much longer the answer is fresh, by ``Cache-Control`` or ``Expires``; None if unknown."""
    control = headers.get("Cache-Control", "").lower()
    if "no-cache" in control or "no-store" in control:
        return None
    if found := re.search(r"(?:^|[\s,])max-age\s*=\s*\"?(\d{1,9})", control):
        age = headers.get("Age", "").strip()
        seconds = int(found[1]) - (int(age) if re.fullmatch(r"\d{1,9}", age) else 0)
        return min(timedelta(seconds=seconds), MAX_WAIT) if seconds > 0 else None
    expires = _date(headers.get("Expires", ""))
    if expires is None:
        return None
    left = expires - (_date(headers.get("Date", "")) or now)
    return min(left, MAX_WAIT) if left > timedelta(0) else None


def echo(value: str | None) -> str | None:
    """Return a validator if it can be sent back unchanged, otherwise None."""
    if value is None or not value or len(value) > 1_000 or any(c < " " for c in value):
        return None
    try:
        value.encode()
    except UnicodeEncodeError:  # bytes that are no UTF-8 would not survive
        return None
    return value


def _date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text.strip())
    except (ValueError, IndexError, TypeError, OverflowError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
