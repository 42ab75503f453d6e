"""Reader for JSON of Sessionize's API: its views All, Sessions, and Schedule grid (GridSmart).

Times are local times of the venue, without an offset. A service session without speakers, such as
lunch or registration, is a break.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, tzinfo
from typing import Any

from rtanalytics.normalize.values import as_dict, as_dicts, as_list, as_text
from rtanalytics.schedules.common import (
    Found,
    ScheduleError,
    Slot,
    moment,
    named_place,
    prose,
    slot_or_error,
    unique,
    word,
)

__all__ = ["is_sessionize", "read_sessionize"]

_REJECTED = {"declined", "decline_queue", "withdrawn", "rejected"}


def is_sessionize(data: Any) -> bool:
    """Return True for a view with sessions that have ``title`` and ``startsAt``, or without any sessions."""
    if isinstance(data, dict):
        if not {"sessions", "speakers", "rooms"} <= data.keys() or not isinstance(data["sessions"], list):
            return False
        return not data["sessions"] or any(_is_session(s) for s in data["sessions"])
    groups = as_dicts(data)
    if any({"groupId", "sessions"} <= g.keys() or {"date", "rooms"} <= g.keys() for g in groups):
        sessions = [session for session, *_ in _sessions(data)]
        return not sessions or any(_is_session(s) for s in sessions)
    return any(_is_session(s) for s in groups)


def _is_session(session: Any) -> bool:
    return isinstance(session, dict) and {"title", "startsAt"} <= session.keys()


def read_sessionize(data: Any, where: str, zone: tzinfo | None) -> list[Found]:
    """Return the slots of data that :func:`is_sessionize` accepts, or an error for each bad session.

    Sessions without a time are left out.
    """
    about = as_dict(data)
    reader = _Reader(about, zone)
    found: list[Found] = []
    seen: set[tuple[str, str]] = set()
    for number, (session, room) in enumerate(_sessions(data), start=1):
        entry = as_dict(session)
        key = str(entry.get("id") or ""), as_text(entry.get("startsAt"))
        if all(key) and key in seen:
            continue  # the Schedule grid repeats a plenary session in every room
        seen.add(key)
        found.append(slot_or_error(reader.slot, session, room, f"{where}: session {number}"))
    return found


def _sessions(data: Any) -> Iterator[tuple[Any, str]]:
    """Yield each session with the name of its room, or "" if the view does not group sessions by room."""
    if isinstance(data, dict):
        yield from ((session, "") for session in as_list(data.get("sessions")))
        return
    for group in as_list(data):
        if isinstance(group, dict) and isinstance(group.get("rooms"), list) and "title" not in group:
            for room in as_dicts(group["rooms"]):
                yield from ((session, word(room.get("name"))) for session in as_list(room.get("sessions")))
        elif isinstance(group, dict) and isinstance(group.get("sessions"), list) and "title" not in group:
            yield from ((session, "") for session in group["sessions"])
        else:
            yield group, ""


class _Reader:
    """Reads sessions; knows the names of the rooms and people that the view All gives as numbers."""

    def __init__(self, about: dict[str, Any], zone: tzinfo | None) -> None:
        self._zone = zone
        self._rooms = {str(r.get("id")): word(r.get("name")) for r in as_dicts(about.get("rooms"))}
        self._people = {str(p.get("id")): _person(p) for p in as_dicts(about.get("speakers"))}
        self._items = {
            str(item.get("id")): (word(category.get("title")).lower(), word(item.get("name")))
            for category in as_dicts(about.get("categories"))
            for item in as_dicts(category.get("items"))
        }

    def slot(self, session: Any, room: str, place: str) -> Slot | None:
        title = word(session.get("title")) if isinstance(session, dict) else ""
        place = named_place(session, title, place)
        start = self._time(session, "startsAt", place)
        if start is None:
            return None
        speakers = unique(
            _person(p) if isinstance(p, dict) else self._people.get(str(p), "")
            for p in as_list(session.get("speakers"))
        )
        categories = self._categories(session)
        service = session.get("isServiceSession") is True and not speakers
        return Slot(
            where=place,
            id=str(session.get("id") or ""),
            title=title,
            start=start,
            end=self._time(session, "endsAt", place),
            speakers=speakers,
            room=room or word(session.get("room")) or self._rooms.get(str(session.get("roomId")), "") or None,
            track=next((name for title, name in categories if "track" in title), None),
            kind="break" if service else _kind(categories),
            abstract=prose(session.get("description")) or None,
            cancelled=word(session.get("status")).lower() in _REJECTED,
        )

    def _time(self, session: dict[str, Any], key: str, place: str) -> datetime | None:
        text = session.get(key)
        if text is None or text == "":
            return None
        if not isinstance(text, str):
            raise ScheduleError(f"{place}: {key} {repr(text)[:60]} is not a time such as 2026-05-15T09:30:00")
        return moment(text, self._zone, place)

    def _categories(self, session: dict[str, Any]) -> list[tuple[str, str]]:
        """Return the categories of a session, as pairs of the category's title and the chosen item."""
        listed = [
            (word(category.get("name")).lower(), word(item.get("name")))
            for category in as_dicts(session.get("categories"))
            for item in as_dicts(category.get("categoryItems"))
        ]
        by_number = (self._items.get(str(item)) for item in as_list(session.get("categoryItems")))
        return listed or [item for item in by_number if item]


def _kind(categories: list[tuple[str, str]]) -> str:
    return next((name.lower() for title, name in categories if "format" in title or "type" in title), "talk")


def _person(person: dict[str, Any]) -> str:
    name = word(person.get("fullName")) or word(person.get("name"))
    return name or " ".join(filter(None, (word(person.get("firstName")), word(person.get("lastName")))))
