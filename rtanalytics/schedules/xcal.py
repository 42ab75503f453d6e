"""xCal: iCalendar in tags, as Pentabarf, frab, pretalx and FOSDEM write it, and as RFC 6321 has it.

The tools tell their times without an offset, unless Pentabarf's own elements stand beside them;
then those count. What recurs is refused: iCalendar itself is read for that.
"""

from __future__ import annotations

import re
from datetime import timedelta, tzinfo
from inspect import cleandoc
from xml.etree.ElementTree import Element

from rtanalytics.schedules.common import (
    Found,
    ScheduleError,
    Slot,
    length_of,
    moment,
    named_zone,
    own_zone,
    prose,
    tried,
    word,
)

__all__ = ["is_xcal", "read_xcal"]

_PENTABARF = "pentabarf:"


def is_xcal(root: Element) -> bool:
    """True if the document is a calendar in XML."""
    return root.tag.rpartition("}")[2].lower() == "icalendar"


def read_xcal(root: Element, where: str, zone: tzinfo | None) -> list[Found]:
    """The slots of a document for which :func:`is_xcal` is true.

    An entry that has no title or cannot be placed in time is its error, which names its UID.
    """
    found: list[Found] = []
    for calendar in root:
        if _name(calendar) != "vcalendar":
            continue
        own, unknown = own_zone(_told(_properties(calendar), "x-wr-timezone"), zone)
        entries = (part for part in calendar.iter() if _name(part) == "vevent")
        found += [
            tried(_slot, e, own, f"{where}: vevent {n}{unknown}") for n, e in enumerate(entries, start=1)
        ]
    return found


def _slot(event: Element, zone: tzinfo | None, where: str) -> Slot | None:
    told = _properties(event)
    uid = _told(told, "uid")
    place = f"{where} ({uid[:60]})" if uid else where
    title = word(_told(told, "pentabarf:title")) or word(_told(told, "summary"))
    if not title:
        raise ScheduleError(f"{place} has no title")
    if told.keys() & {"rrule", "rdate"}:
        raise ScheduleError(f"{place}: it recurs, which is read from iCalendar (.ics) only")
    start_key, end_key = ("pentabarf:start", "pentabarf:end")
    if not _told(told, start_key):
        start_key, end_key = "dtstart", "dtend"
    if not _told(told, start_key):
        raise ScheduleError(f"{place} has no dtstart")
    start = moment(_told(told, start_key), _zone(told, start_key, place) or zone, place)
    end = None
    if ends := _told(told, end_key):
        end = moment(ends, _zone(told, end_key, place) or zone, place)
    elif (length := _length(_told(told, "duration"), place)) is not None:
        end = start + length
    texts = (prose(_told(told, name)) for name in ("pentabarf:subtitle", "description"))
    return Slot(
        where=place,
        id=uid,
        title=title,
        start=start,
        end=end,
        speakers=_people(told.get("attendee", [])),
        room=word(_told(told, "location")) or None,
        track=word(_told(told, "pentabarf:track") or _told(told, "categories")) or None,
        kind=word(_told(told, "category")).lower() or "talk",
        url=_told(told, "url") or None,
        abstract="\n\n".join(dict.fromkeys(text for text in texts if text)) or None,
        cancelled=_told(told, "status").upper() == "CANCELLED",
    )


def _properties(part: Element) -> dict[str, list[Element]]:
    """The properties of a calendar or an entry, which RFC 6321 has one level deeper."""
    found: dict[str, list[Element]] = {}
    for child in part:
        for one in child if _name(child) == "properties" else (child,):
            found.setdefault(_name(one), []).append(one)
    return found


def _name(element: Element) -> str:
    space, _, name = element.tag.rpartition("}")
    return (_PENTABARF if "pentabarf" in space else "") + name.lower()


def _told(properties: dict[str, list[Element]], name: str) -> str:
    """The text of the first property of a name, without its parameters."""
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
    named = _parameter(properties[name][0], "tzid")
    if not named:
        return None
    zone = named_zone(named)
    if zone is None:
        raise ScheduleError(f"{place}: time zone {named[:60]!r} is unknown")
    return zone


def _length(told: str, place: str) -> timedelta | None:
    if found := re.fullmatch(r"(\d{2})(\d{2})(\d{2})", told):  # as frab has it
        told = ":".join(found.groups())
    return length_of(told, place)


def _people(attendees: list[Element]) -> list[str]:
    """Who takes part, by name; addresses are not kept."""
    told = (word(_parameter(one, "cn") or _value(one)) for one in attendees)
    return list(dict.fromkeys(name for name in told if name and "@" not in name))
