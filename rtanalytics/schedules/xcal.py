"""xCal: iCalendar as XML, as Pentabarf, frab, pretalx and FOSDEM write it, and as in RFC 6321.

These tools write times without an offset, except in Pentabarf's own elements; where these exist, they
count. Recurring entries are refused: they are read from iCalendar itself.
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

__all__ = ["is_xcal", "read_xcal"]

_PENTABARF = "pentabarf:"


def is_xcal(root: Element) -> bool:
    """Return True if the document is a calendar as XML."""
    return root.tag.rpartition("}")[2].lower() == "icalendar"


def read_xcal(root: Element, where: str, zone: tzinfo | None) -> list[Found]:
    """Return the slots of a document that :func:`is_xcal` accepts, or an error for each bad entry."""
    found: list[Found] = []
    for calendar in root:
        if _name(calendar) != "vcalendar":
            continue
        own, unknown = own_zone(_first(_properties(calendar), "x-wr-timezone"), zone)
        entries = (part for part in calendar.iter() if _name(part) == "vevent")
        found += [
            slot_or_error(_slot, e, own, f"{where}: vevent {n}{unknown}")
            for n, e in enumerate(entries, start=1)
        ]
    return found


def _slot(event: Element, zone: tzinfo | None, where: str) -> Slot | None:
    properties = _properties(event)
    uid = _first(properties, "uid")
    place = f"{where} ({uid[:60]})" if uid else where
    title = word(_first(properties, "pentabarf:title")) or word(_first(properties, "summary"))
    if not title:
        raise ScheduleError(f"{place} has no title")
    if any(_first(properties, name) for name in ("rrule", "rdate")):
        raise ScheduleError(f"{place}: it recurs, which is supported for iCalendar (.ics) only")
    start_key, end_key = ("pentabarf:start", "pentabarf:end")
    if not _first(properties, start_key):
        start_key, end_key = "dtstart", "dtend"
    if not _first(properties, start_key):
        raise ScheduleError(f"{place} has no dtstart")
    start = moment(_first(properties, start_key), _zone(properties, start_key, place) or zone, place)
    if ends := _first(properties, end_key):
        end: datetime | None = moment(ends, _zone(properties, end_key, place) or zone, place)
    else:
        # frab writes durations as 004500
        duration = re.sub(r"\A(\d{2})(\d{2})(\d{2})\Z", r"\1:\2:\3", _first(properties, "duration"))
        end = end_after(start, duration, place)
    texts = (prose(_first(properties, name)) for name in ("pentabarf:subtitle", "description"))
    return Slot(
        where=place,
        id=f"{uid}#{original}" if uid and (original := _first(properties, "recurrence-id")) else uid,
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


def _properties(part: Element) -> dict[str, list[Element]]:
    """Return the properties of a calendar or an entry by name; RFC 6321 has them one level deeper."""
    found: dict[str, list[Element]] = {}
    for child in part:
        for one in child if _name(child) == "properties" else (child,):
            found.setdefault(_name(one), []).append(one)
    return found


def _name(element: Element) -> str:
    space, _, name = element.tag.rpartition("}")
    return (_PENTABARF if "pentabarf" in space else "") + name.lower()


def _first(properties: dict[str, list[Element]], name: str) -> str:
    """Return the text of the first property with this name, without its parameters."""
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
    """Return the names of the attendees; e-mail addresses are not kept."""
    names = (word(_parameter(attendee, "cn") or _value(attendee)) for attendee in attendees)
    return unique(name for name in names if "@" not in name)
