"""Reader for the XML of pretalx, frab and Pentabarf.

It has the structure of the JSON that :mod:`rtanalytics.schedules.frab` reads, and is converted to it.
"""

from __future__ import annotations

from datetime import tzinfo
from inspect import cleandoc
from typing import Any
from xml.etree.ElementTree import Element

from rtanalytics.schedules.common import Found, ScheduleError
from rtanalytics.schedules.frab import read_frab

__all__ = ["read_frab_xml"]


def read_frab_xml(root: Element, where: str, zone: tzinfo | None) -> list[Found]:
    """Return the slots of a ``<schedule>`` element, or an error for each bad event.

    Raises
    ------
    ScheduleError
        If the root is not a ``<schedule>`` with ``<day>`` elements.
    """
    if root.tag.rpartition("}")[2] != "schedule" or root.find("day") is None:
        raise ScheduleError(
            f"{where}: XML, but not a schedule: the root is <{root.tag[:60]}>; pretalx and frab have "
            "<schedule> with <day> in it, xCal <iCalendar> with <vcalendar>"
        )
    conference = root.find("conference")
    about = _fields(conference) if conference is not None else {}
    about["days"] = [_day(day, about) for day in root.iterfind("day")]
    return read_frab({"schedule": {"base_url": about.get("base_url"), "conference": about}}, where, zone)


def _day(day: Element, about: dict[str, Any]) -> dict[str, Any]:
    date = day.get("date", "")
    begins = day.get("start")
    if begins is None and (change := about.get("day_change")):
        begins = f"{date}T{change}"  # Pentabarf gives one time of day at which all days start
    rooms: dict[str, list[dict[str, Any]]] = {}
    for room in day.iterfind("room"):
        rooms.setdefault(room.get("name", ""), []).extend(_event(event) for event in room.iterfind("event"))
    return {"date": date, "day_start": begins, "rooms": rooms}


def _event(event: Element) -> dict[str, Any]:
    people = event.find("persons")
    persons = [] if people is None else ["".join(person.itertext()) for person in people.iterfind("person")]
    return {**_fields(event), "guid": event.get("guid"), "id": event.get("id"), "persons": persons}


def _fields(element: Element) -> dict[str, Any]:
    """Return a mapping of tag to text, for child elements that contain only text.

    If a tag occurs several times, the result has its first text that is not empty.
    """
    found: dict[str, Any] = {}
    for child in element:
        if not len(child) and not found.get(child.tag):
            found[child.tag] = cleandoc(child.text or "").strip()  # indented XML has indented texts
    return found
