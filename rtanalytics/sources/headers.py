"""What the headers of an answer say about asking again.

Kept apart from the client, because other answers than documents have them too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

__all__ = ["MAX_SKEW", "MAX_WAIT", "echo", "freshness", "retry_after"]

MAX_WAIT = timedelta(days=1)
"""The longest Retry-After that is kept to."""

MAX_SKEW = timedelta(seconds=901)
"""The longest Retry-After given as a date by a server that does not tell its own time."""


def retry_after(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """How long ``Retry-After`` asks to wait: seconds or a date, a day at most.

    A date is measured against the server's own ``Date``, because either clock may be wrong;
    without one, :data:`MAX_SKEW` is the most that is believed.
    """
    told = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d*)?", told):
        return min(timedelta(seconds=float(told)), MAX_WAIT)
    until = _date(told)
    if until is None:
        return None
    theirs = _date(headers.get("Date", ""))
    if theirs is None:
        return max(timedelta(0), min(until - now, MAX_SKEW))
    return max(timedelta(0), min(until - theirs, MAX_WAIT))


def freshness(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """How much longer the answer is fresh, by ``Cache-Control`` or ``Expires``; None if not told."""
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
    """A validator that can be sent back as it came, otherwise None."""
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
