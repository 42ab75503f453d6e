"""The JSON of pretalx and frab, which many tools speak: schedule format 1, and 2 of the CCC's hub."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time, timedelta, tzinfo
from typing import Any
from urllib.parse import urljoin

from rtanalytics.schedules.common import (
    Found,
    ScheduleError,
    Slot,
    in_language,
    length_of,
    moment,
    own_zone,
    placed,
    prose,
    tried,
    word,
)

__all__ = ["is_frab", "read_frab"]


def is_frab(data: Any) -> bool:
    """True if the JSON has the frame of such a schedule."""
    schedule = data.get("schedule") if isinstance(data, dict) else None
    if not isinstance(schedule, dict) or not isinstance(schedule.get("conference"), dict):
        return False
    return isinstance(schedule["conference"].get("days"), list) or isinstance(schedule.get("events"), list)


def read_frab(data: Any, where: str, zone: tzinfo | None) -> list[Found]:
    """The slots of a schedule for which :func:`is_frab` is true.

    An event that has no title or cannot be placed in time is its error, which names it. A time zone
    that is not known counts only for times without an offset.
    """
    schedule = data["schedule"]
    conference = schedule["conference"]
    zone, unknown = own_zone(_text(conference.get("time_zone_name")), zone)
    base = _text(schedule.get("base_url")) or _text(conference.get("url"))
    languages = [_text(x) for x in _list(conference.get("languages"))]
    told = [t for t in _list(conference.get("tracks")) if isinstance(t, dict)]
    tracks = {t["slug"]: t.get("name") for t in told if isinstance(t.get("slug"), str)}
    reader = _Reader(zone, base, languages, tracks)
    events: list[tuple[Any, dict[str, Any], str | None]]
    events = [(event, {}, None) for event in _list(schedule.get("events"))] or list(_by_day(conference))
    return [
        tried(reader.slot, event, day, room, f"{where}: event {number}", unknown)
        for number, (event, day, room) in enumerate(events, start=1)
    ]


def _by_day(conference: dict[str, Any]) -> Iterator[tuple[Any, dict[str, Any], str | None]]:
    for day in _list(conference.get("days")):
        rooms = day.get("rooms") if isinstance(day, dict) else None
        for room, events in rooms.items() if isinstance(rooms, dict) else ():
            for event in _list(events):
                yield event, day, room


class _Reader:
    def __init__(self, zone: tzinfo | None, base: str, languages: list[str], tracks: dict[Any, Any]) -> None:
        self._zone, self._base, self._languages, self._tracks = zone, base, languages, tracks

    def slot(self, event: Any, day: dict[str, Any], room: str | None, where: str, unknown: str) -> Slot:
        if not isinstance(event, dict):
            raise ScheduleError(f"{where} is no object")
        title = self._word(event.get("title"))
        if not title:
            raise ScheduleError(f"{where} has no title")
        where = f"{where} ({title[:60]}){unknown}"
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
            abstract="\n\n".join(
                dict.fromkeys(t for t in (prose(in_language(x, self._languages)) for x in texts) if t)
            )
            or None,
            cancelled=_text(event.get("state")).lower() in {"canceled", "cancelled"},
        )

    def _start(self, event: dict[str, Any], day: dict[str, Any], where: str) -> datetime:
        for key in ("date", "start"):
            told = _text(event.get(key))
            if len(told) > 10 and told[4] == "-":
                return moment(told, self._zone, where)
        date, clock = _text(event.get("date")) or _text(day.get("date")), _text(event.get("start"))
        try:
            told_at = datetime.fromisoformat(f"{date[:10]}T{clock.zfill(5)}")
        except ValueError:
            raise ScheduleError(
                f"{where}: neither date {date[:60]!r} nor start {clock[:60]!r} says when it is"
            ) from None
        # A day of a conference ends when its last talk does: 00:30 is after its midnight.
        if told_at.year < 9999 and told_at.time() < _day_start(day, self._zone):
            told_at += timedelta(days=1)
        return placed(told_at, self._zone, where)

    def _end(self, event: dict[str, Any], start: datetime, where: str) -> datetime | None:
        told = _text(event.get("end"))
        if len(told) > 10:
            return moment(told, self._zone, where)
        length = length_of(event.get("duration"), where)
        return start + length if length is not None else None

    def _url(self, event: dict[str, Any]) -> str | None:
        # the last two are those of Wafer, which Debian's conferences have
        keys = ("url", "public_url", "full_conf_url", "conf_url")
        told = next((url for key in keys if (url := _text(event.get(key)).strip())), "")
        try:
            return urljoin(self._base, told) if told else None
        except ValueError:  # half of a pair of brackets in a host: it costs the address and not the talk
            return None

    def _word(self, value: Any) -> str:
        return word(value, self._languages)


def _day_start(day: dict[str, Any], zone: tzinfo | None) -> time:
    told = _text(day.get("day_start")) or _text(day.get("start"))
    try:
        begins = datetime.fromisoformat(told)
        # some tell it in UTC; talks are on the clock of the place
        return (begins if begins.tzinfo is None or zone is None else begins.astimezone(zone)).time()
    except (ValueError, OverflowError):
        return time(0)


def _names(event: dict[str, Any]) -> list[str]:
    people = event.get("persons") or event.get("participants") or event.get("speakers")
    names = []
    for person in _list(people):
        if isinstance(person, dict):
            told = (person.get(key) for key in ("public_name", "full_public_name", "name", "display_name"))
            person = next((t for t in told if isinstance(t, str) and t.strip()), "")  # noqa: PLW2901  # its name
        names.append(word(person))
    return list(dict.fromkeys(name for name in names if name))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
