"""Reader for the JSON of EMF Camp's programme: a list of items, each with a time or with occurrences.

Times are local times of the venue, without an offset.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, tzinfo
from typing import Any

from rtanalytics.normalize.values import as_dicts, as_list, as_text
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

__all__ = ["is_emfcamp", "read_emfcamp"]


def is_emfcamp(data: Any) -> bool:
    """Return True for a list of items with ``title``, and ``start_date`` in the item or an occurrence."""
    return any(
        "title" in item and any(map(_has_time, (item, *as_dicts(item.get("occurrences")))))
        for item in as_dicts(data)
    )


def _has_time(item: dict[str, Any]) -> bool:
    return "start_date" in item and not {"end_date", "venue"}.isdisjoint(item)


def read_emfcamp(data: Any, where: str, zone: tzinfo | None) -> list[Found]:
    """Return the slots of data that :func:`is_emfcamp` accepts, or an error for each bad item.

    Items without a time are left out.
    """
    return [
        slot_or_error(_slot, item, occurrence, f"{where}: item {number}", zone)
        for number, (item, occurrence) in enumerate(_occurrences(data), start=1)
    ]


def _occurrences(data: Any) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Yield each item once per occurrence, together with the object that contains the time."""
    for item in as_list(data):
        several = as_dicts(item.get("occurrences")) if isinstance(item, dict) else []
        yield from ((item, occurrence) for occurrence in several)
        if not several:
            yield item, item if isinstance(item, dict) else {}


def _slot(item: Any, occurrence: dict[str, Any], place: str, zone: tzinfo | None) -> Slot | None:
    title = word(item.get("title")) if isinstance(item, dict) else ""
    place = named_place(item, title, place)
    start = _time(occurrence, "start_date", place, zone)
    if start is None:
        return None
    people = as_text(item.get("speaker")) or as_text(item.get("names"))
    number = occurrence.get("occurrence_num")
    again = f"-{number}" if isinstance(number, int) and number > 1 else ""
    return Slot(
        where=place,
        id=f"{item['id']}{again}" if isinstance(item.get("id"), (int, str)) else "",
        title=title,
        start=start,
        end=_time(occurrence, "end_date", place, zone),
        speakers=unique(word(name) for name in people.split(",")),
        room=word(occurrence.get("venue")) or None,
        kind=word(item.get("type")).lower() or "talk",
        url=as_text(item.get("link")) or None,
        abstract=prose(item.get("description")) or None,
    )


def _time(occurrence: dict[str, Any], key: str, place: str, zone: tzinfo | None) -> datetime | None:
    text = occurrence.get(key)
    if text is None or text == "":
        return None
    if not isinstance(text, str):
        raise ScheduleError(f"{place}: {key} {repr(text)[:60]} is not a time such as 2026-05-15 09:30:00")
    return moment(text, zone, place)
