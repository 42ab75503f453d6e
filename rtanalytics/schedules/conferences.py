"""Readers for JSON of single conferences: EuroPython, and PyCon US and other sites with Symposion."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Any
from urllib.parse import urlsplit

from rtanalytics.schedules.common import (
    Found,
    ScheduleError,
    Slot,
    end_after,
    moment,
    named_place,
    paragraphs,
    prose,
    slot_or_error,
    unique,
    word,
)

__all__ = ["is_europython", "is_pycon", "read_europython", "read_pycon"]


def is_europython(data: Any) -> bool:
    """Return True for EuroPython's ``schedule.json`` (days with events) or ``sessions.json`` (by code)."""
    if not isinstance(data, dict) or not data:
        return False
    days = data.get("days")
    if isinstance(days, dict):
        return all(isinstance(day, dict) and isinstance(day.get("events"), list) for day in days.values())
    return all(isinstance(s, dict) and {"code", "title", "session_type"} <= set(s) for s in data.values())


def read_europython(data: Any, where: str, zone: tzinfo | None) -> list[Found]:
    """Return the slots of data that :func:`is_europython` accepts, or an error for each bad event.

    Sessions without a time are left out.
    """
    days = data.get("days")
    events = list(data.values()) if days is None else [e for day in days.values() for e in day["events"]]
    numbered = enumerate(events, start=1)
    return [slot_or_error(_session, event, f"{where}: event {number}", zone) for number, event in numbered]


def _session(event: Any, place: str, zone: tzinfo | None) -> Slot | None:
    title = _line(event.get("title")) if isinstance(event, dict) else ""
    place = named_place(event, title, place)
    start = _time(event, "start", zone, place)
    if start is None:
        return None
    rooms = event["rooms"] if isinstance(event.get("rooms"), list) else [event.get("room")]
    return Slot(
        where=place,
        id=_line(event.get("code")),
        title=title,
        start=start,
        end=_end(event, start, zone, place),
        speakers=_names(event.get("speakers")),
        room=", ".join(unique(map(_line, rooms))) or None,
        track=_line(event.get("track")) or None,
        kind=_kind(event.get("session_type") or event.get("event_type")),
        url=_line(event.get("website_url")) or None,
        abstract=prose(event.get("abstract")) or None,
    )


def is_pycon(data: Any) -> bool:
    """Return True for a list of Symposion's presentations, or an object with such a list in ``schedule``."""
    if isinstance(data, dict):
        data = data.get("schedule")
    return isinstance(data, list) and any(isinstance(e, dict) and {"name", "start"} <= set(e) for e in data)


def read_pycon(data: Any, where: str, zone: tzinfo | None) -> list[Found]:
    """Return the slots of data that :func:`is_pycon` accepts, or an error for each bad entry.

    The id of a talk is the path of its URL and not ``conf_key``, which numbers the slot and so changes
    when talks are swapped. The e-mail addresses of the speakers (``contact``) are not read.
    """
    entries = data["schedule"] if isinstance(data, dict) else data
    numbered = enumerate(entries, start=1)
    return [
        slot_or_error(_presentation, entry, f"{where}: entry {number}", zone) for number, entry in numbered
    ]


def _presentation(entry: Any, place: str, zone: tzinfo | None) -> Slot | None:
    title = _line(entry.get("name")) if isinstance(entry, dict) else ""
    place = named_place(entry, title, place, key="name")
    start = _time(entry, "start", zone, place)
    if start is None:
        return None
    url = _line(entry.get("conf_url"))
    return Slot(
        where=place,
        id=_path(url) or _line(entry.get("conf_key")),
        title=title,
        start=start,
        end=_end(entry, start, zone, place),
        speakers=_names(entry.get("authors")),
        room=_line(entry.get("room")) or None,
        track=_line(entry.get("track")) or None,
        kind=_kind(entry.get("kind")),
        url=url or None,
        abstract=paragraphs(prose(entry.get("abstract")), prose(entry.get("description"))),
        cancelled=entry.get("cancelled") is True,
    )


def _time(entry: dict[str, Any], key: str, zone: tzinfo | None, place: str) -> datetime | None:
    text = entry.get(key)
    if text is None or text == "":
        return None
    if not isinstance(text, str):
        raise ScheduleError(
            f"{place}: {key} {repr(text)[:60]} is not a time such as 2026-05-15T09:30:00+02:00"
        )
    return moment(text, zone, place)


def _end(entry: dict[str, Any], start: datetime, zone: tzinfo | None, place: str) -> datetime | None:
    return _time(entry, "end", zone, place) or end_after(start, entry.get("duration"), place)


def _names(people: Any) -> list[str]:
    """Return the names of people; codes of six characters, such as ``X7KQ2M``, are left out."""
    if not isinstance(people, list):
        return []
    names = (_line(person.get("name") if isinstance(person, dict) else person) for person in people)
    return unique(n for n in names if not (len(n) == 6 and n.isalnum() and n.isupper()))


def _kind(value: Any) -> str:
    kind = _line(value).lower()
    return "talk" if kind in {"", "session"} else kind


def _path(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return parts.path.strip("/") + (f"?{parts.query}" if parts.query else "")


def _line(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return word(value)
