"""Reader for xCal (iCalendar as XML), from Pentabarf, frab, pretalx and FOSDEM, or as in RFC 6321.

The tools write times without an offset, except in the elements that only Pentabarf has; these are
preferred. Recurring entries and their exceptions are converted to iCalendar text and read as such.
"""

from __future__ import annotations

import re
from datetime import datetime, tzinfo
from inspect import cleandoc
from xml.etree.ElementTree import Element

from rtanalytics.schedules.common import (
    Found,
    ScheduleError,
    Slot,
    end_after,
    moment,
    own_zone,
    paragraphs,
    prose,
    required_zone,
    slot_or_error,
    unique,
    word,
)
from rtanalytics.schedules.ical import read_ical

__all__ = ["is_xcal", "read_xcal"]

_PENTABARF = "pentabarf:"


def is_xcal(root: Element) -> bool:
    """Return True if the root element is an iCalendar document in XML."""
    return root.tag.rpartition("}")[2].lower() == "icalendar"


def read_xcal(root: Element, where: str, zone: tzinfo | None) -> list[Found]:
    """Return the slots of a document that :func:`is_xcal` accepts, or an error for each bad entry."""
    found: list[Found] = []
    for calendar in root:
        if _name(calendar) != "vcalendar":
            continue
        own, unknown = own_zone(_first(_properties(calendar), "x-wr-timezone"), zone)
        entries = [(part, _properties(part)) for part in calendar.iter() if _name(part) == "vevent"]
        recurring = {
            _first(properties, "uid")
            for _, properties in entries
            if any(_first(properties, name) for name in ("rrule", "rdate", "recurrence-id"))
        }
        series = [properties for _, properties in entries if _first(properties, "uid") in recurring]
        if series:
            found += read_ical(_as_ical(series), f"{where}{unknown}", own)
        found += [
            slot_or_error(_slot, properties, own, f"{where}: vevent {n}{unknown}")
            for n, (_, properties) in enumerate(entries, start=1)
            if _first(properties, "uid") not in recurring
        ]
    return found


def _slot(properties: dict[str, list[Element]], zone: tzinfo | None, where: str) -> Slot | None:
    uid = _first(properties, "uid")
    place = f"{where} ({uid[:60]})" if uid else where
    title = word(_first(properties, "pentabarf:title")) or word(_first(properties, "summary"))
    if not title:
        raise ScheduleError(f"{place} has no title")
    start_key, end_key = ("pentabarf:start", "pentabarf:end")
    if not _first(properties, start_key):
        start_key, end_key = "dtstart", "dtend"
    if not _first(properties, start_key):
        raise ScheduleError(f"{place} has no dtstart")
    start = moment(_first(properties, start_key), _zone(properties, start_key, place) or zone, place)
    if ends := _first(properties, end_key):
        end: datetime | None = moment(ends, _zone(properties, end_key, place) or zone, place)
    else:
        # frab writes a duration of 45 minutes as 004500
        duration = re.sub(r"\A(\d{2})(\d{2})(\d{2})\Z", r"\1:\2:\3", _first(properties, "duration"))
        end = end_after(start, duration, place)
    texts = (prose(_first(properties, name)) for name in ("pentabarf:subtitle", "description"))
    return Slot(
        where=place,
        id=uid,
        title=title,
        start=start,
        end=end,
        speakers=_people(properties.get("attendee", [])),
        room=word(_first(properties, "location")) or None,
        track=word(_first(properties, "pentabarf:track") or _first(properties, "categories")) or None,
        kind=word(_first(properties, "category")).lower() or "talk",
        url=_first(properties, "url") or None,
        abstract=paragraphs(*texts),
        cancelled=_first(properties, "status").upper() == "CANCELLED",
    )


_TIMES = ("dtstart", "dtend", "recurrence-id", "exdate", "rdate")
_TEXTS = ("uid", "summary", "location", "description", "status", "sequence", "duration", "url", "categories")


def _as_ical(entries: list[dict[str, list[Element]]]) -> str:
    """Return entries as the text of an iCalendar file."""
    lines = ["BEGIN:VCALENDAR"]
    for properties in entries:
        lines.append("BEGIN:VEVENT")
        lines += [f"{name.upper()}:{_escaped(_first(properties, name))}" for name in _TEXTS]
        for name in _TIMES:
            for element in properties.get(name, ()):
                zone = re.sub(r'["\r\n]', "", _parameter(element, "tzid"))
                parts = [part for part in element if _name(part) != "parameters"]
                values = [_period(part) for part in parts] or [element.text or ""]
                kind = ";VALUE=PERIOD" if any("/" in value for value in values) else ""
                zone = f';TZID="{zone}"' if zone else ""
                lines.append(
                    f"{name.upper()}{kind}{zone}:{_escaped(','.join(v.strip() for v in values), ',;')}"
                )
        lines += [f"RRULE:{_escaped(_rule(element), ',;')}" for element in properties.get("rrule", ())]
        people = (name.replace('"', "'") for name in _people(properties.get("attendee", [])))
        lines += [f'ATTENDEE;CN="{name}":invalid:nomail' for name in people]
        lines.append("END:VEVENT")
    return "\n".join([*lines, "END:VCALENDAR", ""])


def _escaped(text: str, allowed: str = "") -> str:
    """Escape a text as an iCalendar value; commas and semicolons in ``allowed`` stay unescaped."""
    text = "".join(f"\\{c}" if c in "\\,;" and c not in allowed else c for c in text)
    return text.replace("\r", "").replace("\n", "\\n")


def _period(element: Element) -> str:
    parts = ["".join(part.itertext()).strip() for part in element] or ["".join(element.itertext()).strip()]
    return "/".join(parts[:2])


def _rule(element: Element) -> str:
    """Return a recurrence rule as text; in XML, it may be text or have one element per part."""
    parts: dict[str, list[str]] = {}
    for part in element.iter():
        if part is not element and not len(part) and part.text and part.text.strip():
            parts.setdefault(_name(part).upper(), []).append(part.text.strip())
    if not parts or "TEXT" in parts:
        return _value(element)
    return ";".join(f"{name}={','.join(values)}" for name, values in parts.items())


def _properties(part: Element) -> dict[str, list[Element]]:
    """Return the property elements of a calendar or an entry by name.

    In RFC 6321, they are inside a ``<properties>`` element.
    """
    found: dict[str, list[Element]] = {}
    for child in part:
        for one in child if _name(child) == "properties" else (child,):
            found.setdefault(_name(one), []).append(one)
    return found


def _name(element: Element) -> str:
    space, _, name = element.tag.rpartition("}")
    return (_PENTABARF if "pentabarf" in space else "") + name.lower()


def _first(properties: dict[str, list[Element]], name: str) -> str:
    """Return the text of the first property with a name, without its parameters, or ""."""
    return next((_value(element) for element in properties.get(name, ())), "")


def _value(element: Element) -> str:
    parts = [element.text or "", *("".join(e.itertext()) for e in element if _name(e) != "parameters")]
    return cleandoc("".join(parts)).strip()


def _parameter(element: Element, name: str) -> str:
    parameters = next((e for e in element if _name(e) == "parameters"), None)
    if parameters is None:
        return ""
    return next(("".join(e.itertext()).strip() for e in parameters if _name(e) == name), "")


def _zone(properties: dict[str, list[Element]], name: str, place: str) -> tzinfo | None:
    return required_zone(_parameter(properties[name][0], "tzid"), place)


def _people(attendees: list[Element]) -> list[str]:
    """Return the names of the attendees, without e-mail addresses."""
    names = (word(_parameter(attendee, "cn") or _value(attendee)) for attendee in attendees)
    return unique(name for name in names if "@" not in name)
