"""Dates in feeds that feedparser does not read, or reads wrongly.

feedparser ignores AM and PM (``4:24 PM``) and time zones that it does not know (``CEST`` becomes
UTC), and does not read weekdays in other languages or a month before its day. It still reads the
dates that do not match a format here.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

__all__ = ["parse_date"]

_MONTHS = {
    name: n for n, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), start=1)
}

_ZONES = {
    "z": 0, "ut": 0, "utc": 0, "gmt": 0, "wet": 0, "west": 1, "bst": 1, "cet": 1, "cest": 2, "met": 1,
    "mest": 2, "mez": 1, "mesz": 2, "eet": 2, "eest": 3, "sast": 2, "msk": 3, "pkt": 5, "ist": 5.5,
    "npt": 5.75, "wib": 7, "sgt": 8, "hkt": 8, "pht": 8, "awst": 8, "jst": 9, "kst": 9, "acst": 9.5,
    "acdt": 10.5, "aest": 10, "aedt": 11, "nzst": 12, "nzdt": 13, "brt": -3, "art": -3, "clt": -4,
    "nst": -3.5, "ndt": -2.5, "ast": -4, "adt": -3, "est": -5, "edt": -4, "cst": -6, "cdt": -5,
    "mst": -7, "mdt": -6, "pst": -8, "pdt": -7, "akst": -9, "akdt": -8, "hst": -10,
}  # fmt: skip
"""Offsets in hours; an ambiguous abbreviation has the meaning that is most common in feeds."""

_DAY, _MONTH, _YEAR = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?", r"(?P<month>[a-z]{3,9})\.?", r"(?P<year>\d{4})"
_CLOCK = (
    r"(?:(?:\s*[,\u2013-]\s*|\s+|t)(?:at\s+)?(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:\.\d{1,9})?)?"
    r"(?:\s*(?P<half>[ap])\.?m\.?)?)?"
)
_ZONE = r"(?:\s*\(?(?P<zone>[a-z]{1,5})?(?:(?P<sign>[+-])(?P<hours>\d{1,2}):?(?P<minutes>\d{2})?)?\)?)?"
_SHAPES = [
    re.compile(rf"(?:[^\W\d_]{{2,12}}\.?,?\s+)?{date}{_CLOCK}{_ZONE}(?:\s*\([a-z ]{{1,40}}\))?")
    for date in (
        rf"{_DAY}[\s-]+{_MONTH}[,\s-]+{_YEAR}",
        rf"{_MONTH}\s+{_DAY},?\s+{_YEAR}",
        rf"{_YEAR}\s+{_MONTH}\s+{_DAY}",
        r"(?P<day>\d{1,2})\.(?P<month>\d{1,2})\.(?P<year>\d{4})",
    )
]


def parse_date(text: str) -> datetime | None:
    """Parse a date in a free format; return it in UTC, or None for an unknown format.

    Examples
    --------
    >>> [str(parse_date(text)) for text in ("Mon, 05 Oct 2026 04:24:21 CEST", "October 5, 2026 - 4:24 pm")]
    ['2026-10-05 02:24:21+00:00', '2026-10-05 16:24:00+00:00']
    >>> parse_date("1791174261").year, parse_date("2026-10-05T04:24:21Z")
    (2026, None)
    """
    text = " ".join(text.lower().split())
    if len(text) > 100:
        return None
    if re.fullmatch(r"\d{9,10}|\d{12,13}", text):
        return datetime.fromtimestamp(int(text[:10] if len(text) < 12 else text[:-3]), UTC)
    for shape in _SHAPES:
        if found := shape.fullmatch(text):
            return _time_of(found.groupdict())
    return None


def _time_of(parts: dict[str, str | None]) -> datetime | None:
    month = parts["month"] or ""
    number = int(month) if month.isdecimal() else _MONTHS.get(month[:3], 0)
    hour = int(parts["hour"] or 0)
    if parts["half"]:
        hour = hour % 12 + (12 if parts["half"] == "p" else 0)
    offset = 0.0
    if parts["zone"]:
        known = _ZONES.get(parts["zone"])
        if known is None:
            return None
        offset = known
    if parts["sign"]:
        more = int(parts["hours"] or 0) + int(parts["minutes"] or 0) / 60
        offset += more if parts["sign"] == "+" else -more
    day = (int(parts["year"] or 0), number, int(parts["day"] or 0))
    clock = (hour, int(parts["minute"] or 0), int(parts["second"] or 0))
    try:
        return datetime(*day, *clock, tzinfo=timezone(timedelta(hours=offset))).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
