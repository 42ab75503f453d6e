"""Reader for JSON of pretalx's API and of its widget (exports are read by ``frab``).

A submission has a ``slot`` or several ``slots``. In API responses, slots, rooms and people are only
numbers or codes unless the request expands them.
"""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Any

from rtanalytics.normalize.values import as_dicts, as_list, as_text
from rtanalytics.schedules.common import (
    Found,
    ScheduleError,
    Slot,
    end_after,
    moment,
    named_place,
    own_zone,
    paragraphs,
    prose,
    slot_or_error,
    unique,
    word,
)

__all__ = ["is_pretalx", "read_pretalx"]

_HELD = {"", "accepted", "confirmed", "scheduled"}
"""States of submissions that will take place as talks."""


def is_pretalx(data: Any) -> bool:
    """Return True for one talk, submission or slot, a page of them, or the data of the widget."""
    return any(
        isinstance(e, dict)
        and ({"code", "title"} <= set(e) or "submission" in e)
        and {"slot", "slots", "start"} & set(e)
        for e in _entries(data)
    )


def read_pretalx(data: Any, where: str, zone: tzinfo | None) -> list[Found]:
    """Return the slots of data that :func:`is_pretalx` accepts, or an error for each bad entry.

    Talks without a slot are left out.
    """
    about = data if isinstance(data, dict) else {}
    own, unknown = own_zone(word(about.get("timezone")), zone)
    reader = _Reader(about, own)
    found: list[Found] = []
    for number, entry in enumerate(_entries(data), start=1):
        place = f"{where}: entry {number}{unknown}"
        try:
            found += reader.slots(entry, place) or [None]
        except ScheduleError as error:
            found.append(error)
    return found


def _entries(data: Any) -> list[Any]:
    if isinstance(data, list):
        return data
    if not isinstance(data, dict):
        return []
    for key in ("results", "talks"):
        if isinstance(data.get(key), list):
            return list(data[key])
    return [data]


class _Reader:
    """Reads the entries of one document; knows its time zone, and the names of its rooms and people."""

    def __init__(self, about: dict[str, Any], zone: tzinfo | None) -> None:
        self._zone = zone
        self._rooms = _named(about.get("rooms"), "id")
        self._tracks = _named(about.get("tracks"), "id")
        self._people = _named(about.get("speakers"), "code")

    def slots(self, entry: Any, place: str) -> list[Found]:
        if not isinstance(entry, dict):
            raise ScheduleError(f"{place} is not an object")
        slots: list[Any]
        if entry.get("submission"):
            talk, slots = entry["submission"], [entry]
            if not isinstance(talk, dict):
                raise ScheduleError(
                    f"{place} has only the code {str(talk)[:20]} of its talk; request ?expand=submission"
                )
        else:
            talk = entry
            slots = entry["slots"] if isinstance(entry.get("slots"), list) else [entry.get("slot")]
            if entry.get("start"):
                slots = [entry]
        title = word(talk.get("title"))
        place = named_place(talk, title, place)
        if slots and not any(isinstance(slot, dict) or slot is None for slot in slots):
            raise ScheduleError(f"{place}: its slots are only numbers; request ?expand=slots,slots.room")
        if word(talk.get("state")).lower() not in _HELD:
            return []
        dated = [slot for slot in slots if isinstance(slot, dict) and slot.get("start")]
        return [slot_or_error(self._slot, talk, slot, title, place) for slot in dated]

    def _slot(self, talk: dict[str, Any], slot: dict[str, Any], title: str, place: str) -> Slot:
        start = moment(str(slot["start"]), self._zone, place)
        if slot.get("end"):
            end: datetime | None = moment(str(slot["end"]), self._zone, place)
        else:
            end = end_after(start, slot.get("duration") or talk.get("duration"), place)
        people = as_list(talk.get("speakers"))
        return Slot(
            where=place,
            id=word(talk.get("code")) or str(talk.get("id") or ""),
            title=title,
            start=start,
            end=end,
            speakers=unique(word(p) if isinstance(p, dict) else self._people.get(str(p), "") for p in people),
            room=_name_of(slot.get("room"), self._rooms),
            track=_name_of(talk.get("track"), self._tracks),
            kind=(word(talk.get("submission_type")) or word(talk.get("session_type")) or "talk").lower(),
            url=as_text(talk.get("url")) or None,
            abstract=paragraphs(prose(talk.get("abstract")), prose(talk.get("description"))),
        )


def _named(things: Any, key: str) -> dict[str, str]:
    """Return a mapping from the number or code of each object to its name."""
    return {str(t[key]): word(t) for t in as_dicts(things) if isinstance(t.get(key), (int, str))}


def _name_of(value: Any, names: dict[str, str]) -> str | None:
    """Return the name that ``value`` contains, or the name in ``names`` if it is a number, or None."""
    return (names.get(str(value)) if isinstance(value, int) else word(value)) or None
