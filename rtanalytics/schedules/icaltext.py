"""Repair of iCalendar text that violates RFC 5545, and time zones from descriptions.

Properties without a value are removed, times are rewritten in the form of the RFC, and a ``TZID`` with
a comma or a colon is quoted.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import available_timezones

from rtanalytics.schedules.common import named_zone

__all__ = ["repaired", "zone_by_description"]

_FOLD = re.compile(r"\r?\n[ \t]")
_PARAMETERS = r"((?:;(?:\"[^\"\r\n]*\"|[^\":\r\n])*)?)"
_EMPTY = re.compile(rf"^(?!BEGIN:|END:)[A-Z0-9-]+{_PARAMETERS}:[ \t]*(?=\r?$)", re.IGNORECASE | re.MULTILINE)
_TIMES = re.compile(
    rf"^(DTSTART|DTEND|RECURRENCE-ID|EXDATE|RDATE){_PARAMETERS}:([^\r\n]*)", re.IGNORECASE | re.MULTILINE
)
_RULE = re.compile(rf"^(RRULE|EXRULE){_PARAMETERS}:([^\r\n]*)", re.IGNORECASE | re.MULTILINE)
_ZONE_WITH_COLON = re.compile(r"([^\r\n]*?):(\d{4}-?\d\d-?\d\d(?:[T ][\dTZ,:+/.-]*)?)")
_TIME = re.compile(
    r"(\d{4})-?(\d\d)-?(\d\d)(?:[T ](\d\d):?(\d\d)(?::?(\d\d)(?:\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?)?",
    re.IGNORECASE,
)

_OFFSET = re.compile(r"\(?(?:UTC|GMT)(?:([+-])(\d{1,2})(?::?(\d\d))?)?\)?\s*(.*)", re.IGNORECASE | re.ASCII)


def repaired(text: str) -> str:
    r"""Return the text of a calendar with times as RFC 5545 requires, and without empty properties.

    Examples
    --------
    >>> repaired("RRULE:\nDTSTART:2026-05-15T09:30Z\nEXDATE:20260516T093000+0200,\n")
    '\nDTSTART:20260515T093000Z\nEXDATE:20260516T073000Z\n'
    """
    text = _FOLD.sub("", text)
    text = _TIMES.sub(_times, text)
    text = _RULE.sub(_rule, text)
    return _EMPTY.sub("", text)


def _times(line: re.Match[str]) -> str:
    name, parameters, value = line.groups()
    if tail := _ZONE_WITH_COLON.fullmatch(value):
        parameters, value = f"{parameters}:{tail[1]}", tail[2]
    zone = re.search(r";TZID=([^\";]*)", parameters, re.IGNORECASE)
    if zone and re.search(r"[,:\\]", zone[1]):
        quoted = zone[1].replace("\\", "")
        parameters = f'{parameters[: zone.start()]};TZID="{quoted}"{parameters[zone.end() :]}'
    values = ["/".join(_time(part) for part in one.split("/")) for one in value.split(",") if one.strip()]
    if any(one.endswith("Z") for one in values):  # Z means UTC, so a TZID beside it is wrong
        parameters = re.sub(r';TZID=("[^"]*"|[^";]*)', "", parameters, flags=re.IGNORECASE)
    return f"{name}{parameters}:{','.join(values)}"


def _rule(line: re.Match[str]) -> str:
    name, parameters, value = line.groups()
    parts = [part.partition("=") for part in value.strip().split(";")]
    kept = [f"{key}={_time(text)}" for key, _, text in parts if text.strip()]
    return f"{name}{parameters}:{';'.join(kept)}" if "=" in value else line[0]


def _time(text: str) -> str:
    """Return a time as RFC 5545 requires, or the unchanged text if it is not a time."""
    match = _TIME.fullmatch(text.strip())
    if match is None:
        return text
    year, month, day, hour, minute, second, offset = match.groups()
    if hour is None:
        return f"{year}{month}{day}"
    if offset is None or offset in "Zz":
        return f"{year}{month}{day}T{hour}{minute}{second or '00'}{'Z' if offset else ''}"
    try:
        clock = f"{year}-{month}-{day}T{hour}:{minute}:{second or '00'}"
        return f"{datetime.fromisoformat(clock + offset).astimezone(UTC):%Y%m%dT%H%M%SZ}"
    except (ValueError, OverflowError):
        return text


def zone_by_description(name: str) -> tzinfo | None:
    """Return the time zone for ``GMT+0100`` or ``(UTC+01:00) Amsterdam, Berlin``, or None if unknown.

    If cities are named, the result is the zone of a city whose standard time has the offset.

    Examples
    --------
    >>> zone_by_description("(UTC+01:00) Amsterdam, Berlin, Bern").key
    'Europe/Amsterdam'
    """
    match = re.fullmatch(
        r"\(?(?:UTC|GMT)(?:([+-])(\d{1,2})(?::?(\d\d))?)?\)?\s*(.*)", name.strip(), re.IGNORECASE
    )
    if match is None:
        return None
    sign, hours, minutes, places = match.groups()
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0)) * (-1 if sign == "-" else 1)
    if abs(offset) >= timedelta(days=1):
        return None
    if not places:
        return timezone(offset) if sign else UTC
    cities = {city.strip().replace(" ", "_") for city in places.split(",")}
    for zone_name in sorted(available_timezones()):
        zone = named_zone(zone_name) if "/" in zone_name and zone_name.rpartition("/")[2] in cities else None
        seasons = [datetime(2026, month, 1, tzinfo=zone).utcoffset() for month in (1, 7)]
        if zone is not None and offset in seasons and offset == min(s for s in seasons if s is not None):
            return zone
    return None
