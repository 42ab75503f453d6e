"""Reader for the JSON of Indico's export: events with contributions or sessions, and timetables.

Every time names its zone. A session that contains contributions has the kind ``session``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, tzinfo
from typing import Any

from rtanalytics.normalize.values import as_dict, as_dicts, as_list, as_text
from rtanalytics.schedules.common import (
    Found,
    ScheduleError,
    Slot,
    end_after,
    moment,
    named_place,
    own_zone,
    prose,
    required_zone,
    slot_or_error,
    unique,
    word,
)

__all__ = ["is_indico", "read_indico"]

_Entry = tuple[Any, str, str, bool]
"""An entry, the id of its event, the title of its session, and whether it is a session with talks."""

_NAMES = (("first_name", "last_name"), ("firstName", "familyName"), ("firstName", "lastName"))


def is_indico(data: Any) -> bool:
    """Return True for a response of Indico's export that contains events or a timetable."""
    if not isinstance(data, dict) or "results" not in data:
        return False
    results = data["results"]
    if isinstance(results, list):
        return any({"startDate", "title"} <= event.keys() for event in as_dicts(results)) or (
            not results and data.get("_type") == "HTTPAPIResult"
        )
    entries = [entry for entry, *_ in _timetable(results)]
    if not entries:
        return data.get("_type") == "HTTPAPIResult" and isinstance(results, dict)
    return any(isinstance(entry, dict) and {"startDate", "title"} <= entry.keys() for entry in entries)


def read_indico(data: Any, where: str, zone: tzinfo | None) -> list[Found]:
    """Return the slots of data that :func:`is_indico` accepts, or an error for each bad entry.

    Contributions without a time are left out.

    Raises
    ------
    ScheduleError
        If the events were exported without their contributions.
    """
    results = data["results"]
    if isinstance(results, dict):
        entries = list(_timetable(results))
        return _read(((entry, "", *rest) for entry, *rest in entries), where, zone)
    events = as_dicts(results)
    found: list[Found] = []
    for event in events:
        if "contributions" in event or "sessions" in event:
            own, unknown = own_zone(as_text(event.get("timezone")), zone)
            found += _read(_contributions(event), f"{where}{unknown}", own)
        elif as_text(event.get("type")) in {"lecture", "simple_event"}:
            found += _read([(event, "", "", False)], where, zone)
    if events and not found and not any("contributions" in event for event in events):
        raise ScheduleError(
            f"{where}: an event of Indico without its contributions; export it with ?detail=sessions, or its "
            "timetable (/export/timetable/ID.json)"
        )
    return found


def _contributions(event: dict[str, Any]) -> Iterator[_Entry]:
    """Yield the entries of an event: its contributions, then each session followed by its contributions."""
    name = str(event.get("id") or "")
    for contribution in as_list(event.get("contributions")):
        yield contribution, name, "", False
    for block in as_list(event.get("sessions")):
        inner = as_list(as_dict(block).get("contributions"))
        yield block, name, "", bool(inner)
        for contribution in inner:
            yield contribution, name, word(as_dict(block).get("title")), False


def _timetable(results: Any) -> Iterator[tuple[Any, str, bool]]:
    """Yield each entry of a timetable, the title of its session, and whether it contains entries."""
    for event in as_dict(results).values():
        for day in as_dict(event).values():
            for entry in as_dict(day).values():
                inner = as_dict(as_dict(entry).get("entries"))
                yield entry, "", bool(inner)
                for child in inner.values():
                    yield child, word(as_dict(entry).get("title")), False


def _read(entries: Iterable[_Entry], where: str, zone: tzinfo | None) -> list[Found]:
    return [
        slot_or_error(_slot, entry, f"{where}: entry {number}", zone)
        for number, entry in enumerate(entries, start=1)
    ]


def _slot(found: _Entry, place: str, zone: tzinfo | None) -> Slot | None:
    entry, event, session, is_session = found
    title = word(entry.get("title")) if isinstance(entry, dict) else ""
    place = named_place(entry, title, place)
    start = _time(entry.get("startDate"), zone, place)
    if start is None:
        return None
    slot_title = word(entry.get("slotTitle"))
    number = entry.get("uniqueId") or entry.get("db_id") or entry.get("id")
    return Slot(
        where=place,
        id="-".join(filter(None, (event, "" if number is None else str(number)))),
        title=f"{title}: {slot_title}" if slot_title and slot_title != title else title,
        start=start,
        end=_time(entry.get("endDate"), zone, place) or end_after(start, entry.get("duration"), place),
        speakers=_people(entry),
        room=word(entry.get("room"))
        or word(entry.get("roomFullname"))
        or word(entry.get("location"))
        or None,
        track=word(entry.get("track")) or session or word(entry.get("session")) or None,
        kind="session" if is_session else _kind(entry),
        url=as_text(entry.get("url")) or None,
        abstract=prose(entry.get("description")) or None,
    )


def _kind(entry: dict[str, Any]) -> str:
    if as_text(entry.get("entryType")) == "Break":
        return "break"
    kind = word(entry.get("type")).lower()
    return "talk" if kind in {"", "simple_event"} else kind


def _time(value: Any, zone: tzinfo | None, place: str) -> datetime | None:
    """Parse a time given as text or as ``{"date": …, "time": …, "tz": …}``; return None if it is empty."""
    if isinstance(value, str) and value:
        return moment(value, zone, place)
    if not isinstance(value, dict) or not value.get("date"):
        return None
    own = required_zone(as_text(value.get("tz")), place) or zone
    return moment(f"{as_text(value.get('date'))}T{as_text(value.get('time'))}", own, place)


def _people(entry: dict[str, Any]) -> list[str]:
    """Return the names of the speakers, given name first; e-mail addresses are left out."""
    for key in ("speakers", "presenters", "chairs", "conveners", "sessionConveners", "primaryauthors"):
        if names := unique(_person(person) for person in as_dicts(entry.get(key))):
            return names
    return []


def _person(person: dict[str, Any]) -> str:
    for given, family in (
        ("first_name", "last_name"),
        ("firstName", "familyName"),
        ("firstName", "lastName"),
    ):
        if name := " ".join(filter(None, (word(person.get(given)), word(person.get(family))))):
            return name
    name = word(person.get("fullName")) or word(person.get("name")) or word(person.get("person"))
    family, _, given = name.partition(", ")
    return "" if "@" in name else f"{given} {family}".strip()
