"""The XML of pretalx, frab and Pentabarf, which is the JSON of :mod:`rtanalytics.schedules.frab` in tags.

It is brought into that form and read as such. A document type declaration is refused, whatever is
in it: entities that grow, or that name files, need one, and no schedule does.
"""

from __future__ import annotations

from datetime import tzinfo
from typing import Any
from xml.etree.ElementTree import Element, ParseError, TreeBuilder

from rtanalytics.schedules.frab import read_frab
from rtanalytics.schedules.parts import ScheduleError, Slot

__all__ = ["read_frab_xml"]

_MAX_DEPTH = 30
_MAX_ELEMENTS = 1_000_000


def read_frab_xml(raw: bytes, where: str, zone: tzinfo | None) -> list[Slot]:
    """The slots of a ``<schedule>``.

    Raises
    ------
    ScheduleError
        If it is broken or no such schedule, has a document type declaration, or an event in it has
        no title or cannot be placed in time.
    """
    root = _parsed(raw, where)
    if root.tag.rpartition("}")[2] != "schedule" or root.find("day") is None:
        hint = "; pretalx and Pentabarf have the same talks as schedule.xml" if "iCal" in root.tag else ""
        raise ScheduleError(
            f"{where}: XML, but no schedule: it is <{root.tag[:60]}>, and pretalx and frab have "
            f"<schedule> with <day> in it{hint}"
        )
    conference = root.find("conference")
    about = _fields(conference) if conference is not None else {}
    about["days"] = [_day(day, about) for day in root.iterfind("day")]
    return read_frab({"schedule": {"base_url": about.get("base_url"), "conference": about}}, where, zone)


def _day(day: Element, about: dict[str, Any]) -> dict[str, Any]:
    date = day.get("date", "")
    begins = day.get("start")
    if begins is None and (change := about.get("day_change")):
        begins = f"{date}T{change}"  # Pentabarf says once for all days when they begin
    rooms: dict[str, list[dict[str, Any]]] = {}
    for room in day.iterfind("room"):
        rooms.setdefault(room.get("name", ""), []).extend(_event(event) for event in room.iterfind("event"))
    return {"date": date, "day_start": begins, "rooms": rooms}


def _event(event: Element) -> dict[str, Any]:
    people = event.find("persons")
    persons = [] if people is None else ["".join(person.itertext()) for person in people.iterfind("person")]
    return {**_fields(event), "guid": event.get("guid"), "id": event.get("id"), "persons": persons}


def _fields(element: Element) -> dict[str, Any]:
    """The texts of the children that have no children themselves."""
    return {child.tag: (child.text or "").strip() for child in element if not len(child)}


class _Builder(TreeBuilder):
    """Stops at a tree that is deeper or larger than any schedule."""

    def __init__(self, where: str) -> None:
        super().__init__()
        self._where, self._depth, self._elements = where, 0, 0

    def start(self, tag: str, attrs: dict[str, str], /) -> Element:
        self._depth += 1
        self._elements += 1
        if self._depth > _MAX_DEPTH or self._elements > _MAX_ELEMENTS:
            raise ScheduleError(f"{self._where}: XML with more or deeper elements than any schedule has")
        return super().start(tag, attrs)

    def end(self, tag: str, /) -> Element:
        self._depth -= 1
        return super().end(tag)


def _parsed(raw: bytes, where: str) -> Element:
    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import DefusedXMLParser

    parser = DefusedXMLParser(target=_Builder(where), forbid_dtd=True)
    try:
        parser.feed(raw)
        root: Element = parser.close()
    except ParseError as error:
        line, column = error.position
        raise ScheduleError(f"{where}:{line}: broken XML (column {column + 1}): {error.msg}") from None
    except DefusedXmlException:
        raise ScheduleError(
            f"{where}: XML with a document type declaration is not read, because of what it may do; "
            "remove <!DOCTYPE …>"
        ) from None
    except (LookupError, ValueError) as error:
        if isinstance(error, ScheduleError):
            raise
        raise ScheduleError(f"{where}: XML in an encoding that is not known: {error}") from None
    return root
