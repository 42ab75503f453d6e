"""Reader for the JSON of pretalx and frab, in version 1 of the format and in version 2 (CCC hub)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time, timedelta, tzinfo
from typing import Any
from urllib.parse import urljoin

from rtanalytics.normalize.dates import parse_clock, parse_day
from rtanalytics.normalize.values import as_list, as_text
from rtanalytics.schedules.common import (
    Found,
    ScheduleError,
    Slot,
    end_after,
    in_language,
    moment,
    named_place,
    own_zone,
    paragraphs,
    placed,
    prose,
    slot_or_error,
    unique,
    word,
)

__all__ = ["is_frab", "read_frab"]


def is_frab(data: Any) -> bool:
    """Return True if the data has the structure of a schedule of pretalx or frab."""
    schedule = data.get("schedule") if isinstance(data, dict) else None
    if not isinstance(schedule, dict) or not isinstance(schedule.get("conference"), dict):
        return False
    return isinstance(schedule["conference"].get("days"), list) or isinstance(schedule.get("events"), list)


def read_frab(data: Any, where: str, zone: tzinfo | None) -> list[Found]:
    """Return the slots of a schedule that :func:`is_frab` accepts, or an error for each bad event.

    If the file names an unknown time zone, only times without an offset are errors.
    """
    schedule = data["schedule"]
    conference = schedule["conference"]
    zone, unknown = own_zone(as_text(conference.get("time_zone_name")), zone)
    base = as_text(schedule.get("base_url")) or as_text(conference.get("url"))
    languages = [as_text(x) for x in as_list(conference.get("languages"))]
    listed = [t for t in as_list(conference.get("tracks")) if isinstance(t, dict)]
    tracks = {t["slug"]: t.get("name") for t in listed if isinstance(t.get("slug"), str)}
    reader = _Reader(zone, base, languages, tracks)
    events: list[tuple[Any, dict[str, Any], str | None]]
    events = [(event, {}, None) for event in as_list(schedule.get("events"))] or list(_by_day(conference))
    return [
        slot_or_error(reader.slot, event, day, room, f"{where}: event {number}", unknown)
        for number, (event, day, room) in enumerate(events, start=1)
    ]


def _by_day(conference: dict[str, Any]) -> Iterator[tuple[Any, dict[str, Any], str | None]]:
    for day in as_list(conference.get("days")):
        rooms = day.get("rooms") if isinstance(day, dict) else None
        for room, events in rooms.items() if isinstance(rooms, dict) else ():
            for event in as_list(events):
                yield event, day, room


class _Reader:
    def __init__(self, zone: tzinfo | None, base: str, languages: list[str], tracks: dict[Any, Any]) -> None:
        self._zone, self._base, self._languages, self._tracks = zone, base, languages, tracks

    def slot(self, event: Any, day: dict[str, Any], room: str | None, where: str, unknown: str) -> Slot:
        title = self._word(event.get("title")) if isinstance(event, dict) else ""
        where = named_place(event, title, where) + unknown
        start = self._start(event, day, where)
        track = event.get("track")
        if isinstance(track, dict) and isinstance(track.get("slug"), str):
            track = track.get("name") or self._tracks.get(track["slug"]) or track["slug"]
        texts = (event.get("subtitle"), event.get("abstract"), event.get("description"))
        return Slot(
            where=where,
            id=next((str(event[key]) for key in ("guid", "id", "code", "slug") if event.get(key)), ""),
            title=title,
            start=start,
            end=self._end(event, start, where),
            speakers=_names(event),
            room=self._word(event.get("room")) or self._word(room) or None,
            track=self._word(track) or None,
            kind=(self._word(event.get("type")) or "talk").lower(),
            url=self._url(event),
            abstract=paragraphs(*(prose(in_language(text, self._languages)) for text in texts)),
            cancelled=as_text(event.get("state")).lower() in {"canceled", "cancelled"},
        )

    def _start(self, event: dict[str, Any], day: dict[str, Any], where: str) -> datetime:
        for key in ("date", "start"):
            text = as_text(event.get(key))
            if len(text) > 10 and text[4] == "-":
                return moment(text, self._zone, where)
        date, clock = as_text(event.get("date")) or as_text(day.get("date")), as_text(event.get("start"))
        on, at = parse_day(date[:10]), parse_clock(clock)
        if on is None or at is None:
            raise ScheduleError(f"{where}: date {date[:60]!r} and start {clock[:60]!r} are not a time")
        start = datetime.combine(on, at)
        # A talk at 00:30 is listed under the previous day, because that day ends with its last talk.
        if start.year < 9999 and start.time() < _day_start(day, self._zone):
            start += timedelta(days=1)
        return placed(start, self._zone, where)

    def _end(self, event: dict[str, Any], start: datetime, where: str) -> datetime | None:
        end = as_text(event.get("end"))
        if len(end) > 10:
            return moment(end, self._zone, where)
        return end_after(start, event.get("duration"), where)

    def _url(self, event: dict[str, Any]) -> str | None:
        # full_conf_url and conf_url are written by Wafer, the tool of Debian's conferences
        keys = ("url", "public_url", "full_conf_url", "conf_url")
        url = next((url for key in keys if (url := as_text(event.get(key)).strip())), "")
        try:
            return urljoin(self._base, url) if url else None
        except ValueError:  # an unbalanced bracket in the host; the talk is still readable without its URL
            return None

    def _word(self, value: Any) -> str:
        return word(value, self._languages)


def _day_start(day: dict[str, Any], zone: tzinfo | None) -> time:
    text = as_text(day.get("day_start")) or as_text(day.get("start"))
    try:
        begins = datetime.fromisoformat(text)
        # some tools give the start of the day in UTC, but the talks in local time
        return (begins if begins.tzinfo is None or zone is None else begins.astimezone(zone)).time()
    except (ValueError, OverflowError):
        return time(0)


def _names(event: dict[str, Any]) -> list[str]:
    people = event.get("persons") or event.get("participants") or event.get("speakers")
    names = []
    for person in as_list(people):
        if isinstance(person, dict):
            keys = ("public_name", "full_public_name", "name", "display_name")
            person = next((name for key in keys if (name := as_text(person.get(key))).strip()), "")  # noqa: PLW2901
        names.append(word(person))
    return unique(names)
