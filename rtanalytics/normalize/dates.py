"""Dates and times of files and services, all parsed here.

A value is read as a whole or not at all: parts that it lacks are never filled in. A zone, an offset
or an unambiguous abbreviation in the value counts more than the zone of the caller.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from rtanalytics.normalize.values import InvalidValue
from rtanalytics.untrusted import abbreviate

__all__ = [
    "AmbiguousOrder",
    "NoZone",
    "SpreadsheetNumber",
    "UnknownZone",
    "day_order",
    "optional_time",
    "parse_clock",
    "parse_day",
    "parse_time",
    "with_zone",
]

_LONGEST = 120
_PLAUSIBLE = (631_152_000, 4_102_444_800)
"""Seconds since 1970 of the years 1990 to 2099, in which numbers that are written as text must be."""

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "jan january januar jänner janvier enero ene gennaio gen janeiro januari",
            "feb february februar februari février févr fév febrero febbraio fevereiro fev",
            "mar march märz mär mrz mars marzo março maart mrt",
            "apr april avril avr abril abr aprile",
            "may mai mayo maggio mag maio mei",
            "jun june juni juin junio giugno giu junho",
            "jul july juli juillet juil julio luglio lug julho",
            "aug august août agosto ago augustus",
            "sep sept september septembre septiembre settembre set setembro",
            "oct october okt oktober octobre octubre ottobre ott outubro out",
            "nov november novembre noviembre novembro",
            "dec december dez dezember décembre déc diciembre dic dicembre dezembro",
        ),
        start=1,
    )
    for name in names.split()
}

_ZONES = {
    "z": 0, "ut": 0, "utc": 0, "gmt": 0, "wet": 0, "west": 1, "bst": 1, "cet": 1, "cest": 2, "met": 1,
    "mest": 2, "mez": 1, "mesz": 2, "eet": 2, "eest": 3, "idt": 3, "sast": 2, "cat": 2, "eat": 3, "wat": 1,
    "msk": 3, "pkt": 5, "npt": 5.75, "wib": 7, "wita": 8, "wit": 9, "sgt": 8, "hkt": 8, "pht": 8, "awst": 8,
    "jst": 9, "kst": 9, "acst": 9.5, "acdt": 10.5, "aest": 10, "aedt": 11, "nzst": 12, "nzdt": 13, "brt": -3,
    "art": -3, "clt": -4, "nst": -3.5, "ndt": -2.5, "ast": -4, "adt": -3, "est": -5, "edt": -4, "cdt": -5,
    "mst": -7, "mdt": -6, "pst": -8, "pdt": -7, "akst": -9, "akdt": -8, "hst": -10, "hdt": -9,
}  # fmt: skip
"""Unambiguous abbreviations, and those that RFC 5322 defines → offset in hours."""

_AMBIGUOUS = {
    "ist": ("India, Israel or Ireland", "Asia/Kolkata"),
    "cst": ("America, China or Cuba", "Asia/Shanghai"),
    "sst": ("Samoa or Singapore", "Asia/Singapore"),
    "gst": ("the Gulf or Guam", "Asia/Dubai"),
}
"""Abbreviations of several zones → where they are used, and a zone for the message."""

_MAIL = {"cst": -6.0}
"""Abbreviations that are ambiguous, but not in mails and feeds, where RFC 5322 defines them."""

_INVISIBLE = re.compile(r"[\u200e\u200f\u202a-\u202e\ufeff]")

# Repetition is bounded, so that matching takes time proportional to the length of the text.
_CLOCK = (
    r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?"
    r"(?: ?(?P<half>[ap])\.? ?m\.?(?![a-z]))?(?: ?(?:uhr|h)(?![a-z]))?"
)
_ZONE = (
    r"(?: ?[(\[]?(?:(?P<region>[a-z]{2,20}/[a-z_/+-]{2,40})|(?P<name>[a-z]{1,5})"
    r"(?=$|[ +\-)\]\d(\[]))?(?P<offset>(?<![a-z/])[+-]\d{1,2}(?::?\d{2}){0,2}"
    r"|(?<=[a-z])[+-]\d{1,2}(?::?\d{2})?)?[)\]]?)?(?: ?[(\[][^()\[\]]{1,60}[)\]])?"
)
_BETWEEN = r"(?: ?, ?| ?[\u2013-] |t| | (?:at|um|à|om|alle|kl\.?) |(?<=/\d{4}):)(?:(?:at|um) )?"
_WEEKDAY = r"(?:[^\W\d_]{2,12}\.?,? ?)?"
_DAY, _MONTH = r"(?P<day>\d{1,2})(?:st|nd|rd|th|\.)?", r"(?P<month>[^\W\d_]{3,10})\.?"
_REST = rf"(?:{_BETWEEN}{_CLOCK})?{_ZONE}"


def _shape(day: str, rest: str = _REST, weekday: str = _WEEKDAY) -> re.Pattern[str]:
    return re.compile(weekday + day + rest)


_SHAPES = [
    _shape(r"(?P<year>\d{4})(?P<mark>[-/.])(?P<month>\d{1,2})(?P=mark)(?P<day>\d{1,2})", weekday=""),
    _shape(
        r"(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)",
        r"(?:[t ]?(?P<hour>\d\d)(?P<minute>\d\d)(?:(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,9}))?)?"
        r"(?P<half>(?!))?)?" + _ZONE,
        weekday="",
    ),
    _shape(rf"{_DAY}(?: (?:de|di) | ?[-/] ?| ){_MONTH}(?:, ?| (?:de|di) | ?[-/] ?| )(?P<year>\d{{2,4}})"),
    _shape(rf"{_MONTH} ?{_DAY},? (?P<year>\d{{4}})"),
    _shape(rf"(?P<year>\d{{4}})[ -]{_MONTH}[ -]{_DAY}", weekday=""),
    _shape(rf"{_MONTH} {_DAY} {_CLOCK}{_ZONE} (?P<year>\d{{4}})", ""),  # of Unix's date
    _shape(rf"{_MONTH} {_DAY} {_CLOCK} (?P<year>\d{{4}})", _ZONE),  # of git
]
_NUMBERS = _shape(r"(?P<first>\d{1,2})(?P<mark>[./-]) ?(?P<second_>\d{1,2})(?P=mark) ?(?P<year>\d{4}|\d{2})")


class NoZone(InvalidValue):
    """A time without a time zone, where the caller gave none either."""


class UnknownZone(InvalidValue):
    """A time with an abbreviation of a zone that is unknown, or has several meanings."""


class AmbiguousOrder(InvalidValue):
    """A date such as 05/06/2026, in which either number may be the day."""


class SpreadsheetNumber(InvalidValue):
    """A value such as 46157.396: a time that a spreadsheet stored as a number of days since 1899-12-30."""

    def __init__(self, value: object, what: str) -> None:
        super().__init__(
            f"{what} {abbreviate(value)} is a spreadsheet's number of days; "
            "format the column as date and time there, and export the file again"
        )


def parse_time(
    value: object,
    zone: tzinfo | None = None,
    *,
    day_first: bool | None = None,
    what: str = "its time",
    advice: str = "",
) -> datetime:
    """Parse a time.

    Understood are ISO 8601 and its variants, the formats of mails (RFC 5322, also the obsolete
    ones), feeds, Twitter and Unix's ``date``, dates in numbers, and seconds, milliseconds or
    microseconds since 1970. A date without a time of day is its midnight.

    Parameters
    ----------
    value : object
        Text, number, or ``datetime``.
    zone : tzinfo, optional
        Zone of a time without one. It also decides what an ambiguous abbreviation means, if it uses it.
    day_first : bool, optional
        Order of day and month in 05/06/2026, as :func:`day_order` finds it for a whole file.
    what, advice : str
        Name of the value in an error, and what to do if there is no zone.

    Returns
    -------
    datetime
        Aware, in UTC.

    Raises
    ------
    InvalidValue
        If it is not a time; :class:`NoZone`, :class:`UnknownZone` or :class:`AmbiguousOrder` if it cannot be
        read without further knowledge.

    Examples
    --------
    >>> texts = ("Fri May 15 09:00:00 CEST 2026", "15 May 26 09:00 +0200", "20260515T070000Z")
    >>> {str(parse_time(text)) for text in texts}
    {'2026-05-15 07:00:00+00:00'}
    """
    try:
        if isinstance(value, str):
            if (fast := _iso(value)) is not None:
                local: datetime = fast
            else:
                local = _parse(value, zone, what, day_first=day_first)
        elif isinstance(value, datetime):
            local = value
        elif isinstance(value, date):
            local = datetime.combine(value, time())
        elif isinstance(value, int | float) and not isinstance(value, bool):
            if _is_serial(value):
                raise SpreadsheetNumber(value, what)
            return _since_1970(value)
        else:
            raise _not_a_time(value, what)
        return with_zone(local, zone, what=what, advice=advice, text=value)
    except InvalidValue:
        raise
    except (ValueError, OverflowError):
        raise _not_a_time(value, what) from None


def optional_time(
    value: object, zone: tzinfo | None = UTC, *, day_first: bool | None = None
) -> datetime | None:
    """Return a time as :func:`parse_time` does, or None if the value is missing or invalid.

    Times without a zone are in UTC by default.
    """
    try:
        return parse_time(value, zone, day_first=day_first)
    except InvalidValue:
        return None


def with_zone(
    local: datetime, zone: tzinfo | None, *, what: str = "its time", advice: str = "", text: object = None
) -> datetime:
    """Return a time in UTC; ``zone`` is for a time without one, ``text`` for the error.

    Raises
    ------
    NoZone
        If it has no zone and none is given.
    """
    if local.tzinfo is None:
        if zone is None:
            shown = abbreviate(text if isinstance(text, str) else str(local))
            raise NoZone(f"{what} {shown} has no time zone{advice}")
        local = local.replace(tzinfo=zone)
    return local.astimezone(UTC)


def day_order(values: Iterable[object]) -> bool | None:
    """Return True if the numeric dates of a file have the day first, False if they have the month first.

    The first date with a number above 12 decides. None if there is none; dates with dots have the
    day first then.

    Examples
    --------
    >>> day_order(["05/06/2026", "05/13/2026 09:00"]), day_order(["05.06.2026", "13.06.2026"])
    (False, True)
    """
    for value in values:
        if isinstance(value, str) and (found := _NUMBERS.fullmatch(_folded(value))):
            first, second = int(found["first"]), int(found["second_"])
            if (first > 12) != (second > 12):
                return first > 12
    return None


def parse_day(text: str, *, day_first: bool | None = None) -> date | None:
    """Return a date without a time of day; None if the text is none.

    Raises
    ------
    AmbiguousOrder
        If either number may be the day.
    """
    text = _folded(text)
    if ":" in text or not re.search(r"\d", text) or _epoch(text) is not None:
        return None
    try:
        local = _parse(text, None, "its date", day_first=day_first)
    except AmbiguousOrder:
        raise
    except (ValueError, OverflowError):
        return None
    return local.date() if local.time() == time() else None


def parse_clock(text: str) -> time | None:
    """Return the time of day in a text such as ``9:05`` or ``9:05 pm``, or None if it is no time of day."""
    found = re.fullmatch(_CLOCK, _folded(text))
    try:
        clock, days = _clock(found.groupdict()) if found is not None else (None, 0)
        return None if days else clock
    except ValueError:
        return None


def _iso(text: str) -> datetime | None:
    """Return the time of a plain ISO 8601 text, which is the most common case."""
    text = text.strip()
    if text[4:5] != "-" or text[10:11] not in ("T", " "):  # Python takes any other character for the T, too
        return None
    try:
        local = datetime.fromisoformat(text)
    except ValueError:
        return None
    # Python adds the minutes of an offset such as +02:60 up
    return None if local.tzinfo is not None and re.search(r"[6-9]\d$", text) else local


def _parse(value: str, zone: tzinfo | None, what: str, *, day_first: bool | None) -> datetime:
    if len(value) > _LONGEST:
        raise _not_a_time(value, what)
    text = _folded(value)
    if (epoch := _epoch(text)) is not None:
        return epoch
    for shape in _SHAPES:
        if found := shape.fullmatch(text):
            return _time_of(found.groupdict(), zone, value, what)
    if found := _NUMBERS.fullmatch(text):
        return _time_of(_ordered(found.groupdict(), value, what, day_first=day_first), zone, value, what)
    if re.fullmatch(r"\d{4}-w\d\d-[1-7]", text):
        return datetime.fromisoformat(text.upper())
    if re.fullmatch(r"\d{5}([.,]\d{1,12})?", text) and _is_serial(float(text.replace(",", "."))):
        raise SpreadsheetNumber(value, what)
    raise _not_a_time(value, what)


def _folded(text: str) -> str:
    """Return a text in lower case with single blanks and without invisible marks."""
    visible = _INVISIBLE.sub("", text[: 2 * _LONGEST]).replace("\u2212", "-").lower()
    return re.sub(r"(?<=\d) ?: ?(?=\d)", ":", " ".join(visible.split()))


def _epoch(text: str) -> datetime | None:
    """Return the time given by a text of digits, or None if the number is no plausible time."""
    if not re.fullmatch(r"\d{9,16}(\.\d{0,9})?", text):
        return None
    digits = len(text.partition(".")[0])
    seconds = float(text) / (1 if digits <= 10 else 1e3 if digits <= 13 else 1e6)
    if not _PLAUSIBLE[0] <= seconds < _PLAUSIBLE[1] or digits in (11, 14):
        return None
    return _since_1970(seconds)


def _is_serial(number: float) -> bool:
    """Check for a spreadsheet's number of days since 1899-12-30, for the years 1990 to 2099."""
    return 32_874 <= number < 73_051


def _since_1970(number: float) -> datetime:
    """Return the time of a number of seconds, milliseconds or microseconds; the size shows which."""
    seconds = number if abs(number) < 1e11 else number / 1e3 if abs(number) < 1e14 else number / 1e6
    if not abs(number) < 1e17:
        raise OverflowError
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)


def _ordered(parts: dict[str, Any], value: str, what: str, *, day_first: bool | None) -> dict[str, Any]:
    """Decide which number of a numeric date such as 05/06/2026 is the day, and return its parts."""
    first, second, mark = int(parts["first"]), int(parts["second_"]), parts["mark"]
    if len(parts["year"]) == 2 and mark == "-":
        raise _not_a_time(value, what)
    if day_first is None:
        if mark == ".":
            day_first = True
        elif (first > 12) != (second > 12):
            day_first = first > 12
        elif first != second:
            raise AmbiguousOrder(f"{what} {abbreviate(value)} is ambiguous: day or month first?")
    day, month = (first, second) if day_first else (second, first)
    if month > 12 >= day:
        order = "day" if day_first else "month"
        raise InvalidValue(f"{what} {abbreviate(value)} does not have the {order} first, as the file has")
    return {**parts, "day": day, "month": month}


def _time_of(parts: dict[str, Any], zone: tzinfo | None, value: str, what: str) -> datetime:
    month = parts["month"]
    number = _MONTHS.get(month) if isinstance(month, str) and not month.isdecimal() else int(month)
    written = parts["year"]
    year = int(written)
    if len(written) == 2:
        year += 2000 if year < 50 else 1900  # RFC 5322, 4.3
    elif len(written) == 3:
        year += 1900
    if number is None or (len(written) < 4 and parts["hour"] is None):
        raise _not_a_time(value, what)
    clock, days = _clock(parts)
    naive = datetime.combine(date(year, number, int(parts["day"])), clock) + timedelta(days=days)
    is_mail = not value.rstrip().endswith(written)  # Unix's date prints the year last
    return _zoned(naive, parts, zone, value, what, is_mail=is_mail)


def _clock(parts: dict[str, Any]) -> tuple[time, int]:
    """Return the time of day and the days to add: 1 for 24:00, else 0."""
    hour, minute, second = (int(parts[name] or 0) for name in ("hour", "minute", "second"))
    if parts["half"]:
        if hour > 12 and parts["half"] == "a":
            raise ValueError
        if hour <= 12:
            hour = hour % 12 + (12 if parts["half"] == "p" else 0)
    if (hour, minute, second) == (24, 0, 0):
        return time(), 1
    fraction = int((parts["fraction"] or "").ljust(6, "0")[:6])
    return time(hour, minute, min(second, 59) if second == 60 else second, fraction), 0  # a leap second


def _zoned(
    naive: datetime, parts: dict[str, Any], zone: tzinfo | None, value: str, what: str, *, is_mail: bool
) -> datetime:
    """Return a time with the zone written in the value or, if there is none, the given zone."""
    name, offset = parts["name"], parts["offset"]
    if offset:
        if name and _ZONES.get(name) != 0:
            raise InvalidValue(f"{what} {abbreviate(value)} has both a zone and an offset")
        return naive.replace(tzinfo=_offset(offset))
    if parts["region"]:
        region = _region(parts["region"])
        if region is None:
            raise UnknownZone(f"{what} {abbreviate(value)} has an unknown time zone")
        return naive.replace(tzinfo=region)
    if not name:
        return naive
    for fold in (0, 1):
        if zone is not None and (at := naive.replace(tzinfo=zone, fold=fold)).tzname() == name.upper():
            return at
    hours = _ZONES.get(name)
    if hours is None and is_mail:
        hours = _MAIL.get(name)
    if hours is None and len(name) == 1 and name != "j" and parts["hour"] is not None:
        hours = 0  # military letters were used in both directions, so RFC 5322 takes them for -0000
    if hours is None:
        meaning = "is unknown"
        if name in _AMBIGUOUS:
            places, example = _AMBIGUOUS[name]
            meaning = f"is ambiguous ({places}); name the zone of the file, such as {example}"
        raise UnknownZone(f"{what} {abbreviate(value)} is not read: its time zone {name.upper()} {meaning}")
    return naive.replace(tzinfo=timezone(timedelta(hours=hours)) if hours else UTC)


def _offset(text: str) -> tzinfo:
    digits = text[1:].replace(":", "")
    if len(digits) % 2:
        digits = f"0{digits}"
    hours, minutes, seconds = (int(digits[at : at + 2] or 0) for at in (0, 2, 4))
    if minutes > 59 or seconds > 59 or hours > 23:
        raise ValueError
    offset = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    return timezone(-offset if text[0] == "-" else offset)


@lru_cache(maxsize=1000)
def _region(name: str) -> ZoneInfo | None:
    """Return the zone with an IANA name in lower case."""
    place = "/".join("_".join(word.capitalize() for word in part.split("_")) for part in name.split("/"))
    try:
        return ZoneInfo(place)
    except (KeyError, ValueError, OSError):
        return None


def _not_a_time(value: object, what: str) -> InvalidValue:
    if value is None:
        return InvalidValue(f"it has no {what.removeprefix('its ')}")
    return InvalidValue(f"{what} {abbreviate(value)} is not a time")
