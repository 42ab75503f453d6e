"""The JSON of single conferences: EuroPython's programme, and PyCon US's from Symposion's days."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Any
from urllib.parse import urlsplit

from rtanalytics.schedules.common import (
    Found,
    ScheduleError,
    Slot,
    length_of,
    moment,
    prose,
    tried,
    word,
)

__all__ = ["is_europython", "is_pycon", "read_europython", "read_pycon"]


def is_europython(data: Any) -> bool:
    """True for ``schedule.json`` (days with events) and ``sessions.json`` (a session under each code)."""
    if not isinstance(data, dict) or not data:
        return False
    days = data.get("days")
    if isinstance(days, dict):
        return all(isinstance(day, dict) and isinstance(day.get("events"), list) for day in days.values())
    return all(isinstance(s, dict) and {"code", "title", "session_type"} <= set(s) for s in data.values())


def read_europython(data: Any, where: str, zone: tzinfo | None) -> list[Found]:
    """The slots of data for which :func:`is_europython` is true; sessions without a time are left out.

    An event that has no title or cannot be placed in time is its error, which names it.
    """
    days = data.get("days")
    events = list(data.values()) if days is None else [e for day in days.values() for e in day["events"]]
    numbered = enumerate(events, start=1)
    return [tried(_session, event, f"{where}: event {number}", zone) for number, event in numbered]


def _session(event: Any, place: str, zone: tzinfo | None) -> Slot | None:
    title = _title(event, "title", place)
    place = f"{place} ({title[:60]})"
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
        room=", ".join(dict.fromkeys(name for r in rooms if (name := _line(r)))) or None,
        track=_line(event.get("track")) or None,
        kind=_kind(event.get("session_type") or event.get("event_type")),
        url=_line(event.get("website_url")) or None,
        abstract=prose(event.get("abstract")) or None,
    )


def is_pycon(data: Any) -> bool:
    """True for a list (or one under ``schedule``) of presentations as Symposion wrote them."""
    if isinstance(data, dict):
        data = data.get("schedule")
    return isinstance(data, list) and any(isinstance(e, dict) and {"name", "start"} <= set(e) for e in data)


def read_pycon(data: Any, where: str, zone: tzinfo | None) -> list[Found]:
    """The slots of data for which :func:`is_pycon` is true.

    The address of the presentation is its id, because ``conf_key`` numbers the slot, which stays
    where it is when talks change places. The addresses of the speakers (``contact``) are not read.
    An entry that has no name or cannot be placed in time is its error, which names it.
    """
    entries = data["schedule"] if isinstance(data, dict) else data
    numbered = enumerate(entries, start=1)
    return [tried(_presentation, entry, f"{where}: entry {number}", zone) for number, entry in numbered]


def _presentation(entry: Any, place: str, zone: tzinfo | None) -> Slot | None:
    title = _title(entry, "name", place)
    place = f"{place} ({title[:60]})"
    start = _time(entry, "start", zone, place)
    if start is None:
        return None
    url = _line(entry.get("conf_url"))
    texts = (prose(entry.get(key)) for key in ("abstract", "description"))
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
        abstract="\n\n".join(dict.fromkeys(text for text in texts if text)) or None,
        cancelled=entry.get("cancelled") is True,
    )


def _title(entry: Any, key: str, place: str) -> str:
    if not isinstance(entry, dict):
        raise ScheduleError(f"{place} is no object")
    title = _line(entry.get(key))
    if not title:
        raise ScheduleError(f"{place} has no {key}")
    return title


def _time(entry: dict[str, Any], key: str, zone: tzinfo | None, place: str) -> datetime | None:
    told = entry.get(key)
    if told is None or told == "":
        return None
    if not isinstance(told, str):
        raise ScheduleError(f"{place}: {key} {repr(told)[:60]} is no time such as 2026-05-15T09:30:00+02:00")
    return moment(told, zone, place)


def _end(entry: dict[str, Any], start: datetime, zone: tzinfo | None, place: str) -> datetime | None:
    end = _time(entry, "end", zone, place)
    if end is None and (length := length_of(entry.get("duration"), place)) is not None:
        return start + length
    return end


def _names(people: Any) -> list[str]:
    """Names of people; a code that stands for one is no name."""
    if not isinstance(people, list):
        return []
    told = (person.get("name") if isinstance(person, dict) else person for person in people)
    names = (_line(name) for name in told)
    return list(dict.fromkeys(n for n in names if n and not (len(n) == 6 and n.isalnum() and n.isupper())))


def _kind(told: Any) -> str:
    kind = _line(told).lower()
    return "talk" if kind in {"", "session"} else kind


def _path(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return parts.path.strip("/") + (f"?{parts.query}" if parts.query else "")


def _line(told: Any) -> str:
    if isinstance(told, int) and not isinstance(told, bool):
        return str(told)
    return word(told)
