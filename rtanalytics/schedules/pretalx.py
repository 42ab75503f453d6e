"""What pretalx says besides its exports: pages of its API, one submission, and the data of its widget.

A submission has a ``slot`` or several ``slots``; the API gives numbers for them, and for rooms and
people, unless it is asked to expand them.
"""

from __future__ import annotations

from datetime import tzinfo
from typing import Any

from rtanalytics.schedules.common import (
    Found,
    ScheduleError,
    Slot,
    length_of,
    moment,
    own_zone,
    prose,
    tried,
    word,
)

__all__ = ["is_pretalx", "read_pretalx"]

_HELD = {"", "accepted", "confirmed", "scheduled"}
"""States of what takes place."""


def is_pretalx(data: Any) -> bool:
    """True for a page of talks, submissions or slots, for one of them, and for the widget's data."""
    return any(
        isinstance(e, dict)
        and ({"code", "title"} <= set(e) or "submission" in e)
        and {"slot", "slots", "start"} & set(e)
        for e in _entries(data)
    )


def read_pretalx(data: Any, where: str, zone: tzinfo | None) -> list[Found]:
    """The slots of data for which :func:`is_pretalx` is true; what has no slot yet is left out.

    An entry that has no title or cannot be placed in time is its error, which names it.
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
    """What all entries of a document share: its zone, and what its numbers stand for."""

    def __init__(self, about: dict[str, Any], zone: tzinfo | None) -> None:
        self._zone = zone
        self._rooms = _named(about.get("rooms"), "id")
        self._tracks = _named(about.get("tracks"), "id")
        self._people = _named(about.get("speakers"), "code")

    def slots(self, entry: Any, place: str) -> list[Found]:
        if not isinstance(entry, dict):
            raise ScheduleError(f"{place} is no object")
        slots: list[Any]
        if entry.get("submission"):
            talk, slots = entry["submission"], [entry]
            if not isinstance(talk, dict):
                raise ScheduleError(
                    f"{place} is a slot that only names its talk {str(talk)[:20]}; ask for ?expand=submission"
                )
        else:
            talk = entry
            slots = entry["slots"] if isinstance(entry.get("slots"), list) else [entry.get("slot")]
            if entry.get("start"):
                slots = [entry]
        title = word(talk.get("title"))
        if not title:
            raise ScheduleError(f"{place} has no title")
        place = f"{place} ({title[:60]})"
        if slots and not any(isinstance(slot, dict) or slot is None for slot in slots):
            raise ScheduleError(f"{place}: its slots are only numbers; ask for ?expand=slots,slots.room")
        if word(talk.get("state")).lower() not in _HELD:
            return []
        dated = [slot for slot in slots if isinstance(slot, dict) and slot.get("start")]
        return [tried(self._slot, talk, slot, title, place) for slot in dated]

    def _slot(self, talk: dict[str, Any], slot: dict[str, Any], title: str, place: str) -> Slot:
        start = moment(str(slot["start"]), self._zone, place)
        end = None
        if slot.get("end"):
            end = moment(str(slot["end"]), self._zone, place)
        elif (length := length_of(slot.get("duration") or talk.get("duration"), place)) is not None:
            end = start + length
        people = talk.get("speakers") if isinstance(talk.get("speakers"), list) else []
        names = (word(p) if isinstance(p, dict) else self._people.get(str(p), "") for p in people or ())
        texts = (prose(_text(talk.get(key))) for key in ("abstract", "description"))
        return Slot(
            where=place,
            id=word(talk.get("code")) or str(talk.get("id") or ""),
            title=title,
            start=start,
            end=end,
            speakers=list(dict.fromkeys(name for name in names if name)),
            room=_or_number(slot.get("room"), self._rooms),
            track=_or_number(talk.get("track"), self._tracks),
            kind=(word(talk.get("submission_type")) or word(talk.get("session_type")) or "talk").lower(),
            url=_text(talk.get("url")) or None,
            abstract="\n\n".join(dict.fromkeys(text for text in texts if text)) or None,
        )


def _named(things: Any, key: str) -> dict[str, str]:
    """Names by what stands for them."""
    if not isinstance(things, list):
        return {}
    return {
        str(t[key]): word(t) for t in things if isinstance(t, dict) and isinstance(t.get(key), (int, str))
    }


def _or_number(told: Any, names: dict[str, str]) -> str | None:
    """The name of a thing, or of the thing that a number stands for."""
    return (names.get(str(told)) if isinstance(told, int) else word(told)) or None


def _text(told: Any) -> str:
    return told if isinstance(told, str) else ""
