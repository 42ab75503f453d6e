"""Helpers of all schedule formats: slots and how they become talks, times, durations, plain text."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from hashlib import sha1
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from rtanalytics.event import is_web_url, repair
from rtanalytics.normalize.dates import AmbiguousOrder, NoZone, UnknownZone, parse_time
from rtanalytics.normalize.text import html_text
from rtanalytics.normalize.values import InvalidValue, as_text
from rtanalytics.schedule import Schedule, Talk
from rtanalytics.untrusted import printable

__all__ = [
    "ADVICE_ZONE",
    "MAX_TALKS",
    "MAX_TEXT",
    "Found",
    "ScheduleError",
    "ScheduleNote",
    "Slot",
    "ambiguous_date",
    "end_after",
    "in_language",
    "length_of",
    "moment",
    "named_place",
    "named_zone",
    "own_zone",
    "paragraphs",
    "placed",
    "plain_text",
    "prose",
    "required_zone",
    "schedule_of",
    "slot_or_error",
    "unique",
    "word",
]

MAX_TALKS = 20_000
"""Largest number of talks in a schedule: thirty times the largest known schedule."""

MAX_REFUSED = 100
"""Largest number of messages about talks that cannot be read; further ones are only counted."""

ADVICE_ZONE = (
    '; add an offset to it, or give the zone of the venue: timezone = "Europe/Berlin" in conference.toml or '
    'the [[source]] table, --timezone Europe/Berlin, or zone=ZoneInfo("Europe/Berlin") in Python'
)
"""End of a message about a time without a zone."""

MAX_TEXT = 20_000
"""Largest length of a text in characters, because removing markup from a longer one may be slow."""

_TAG = re.compile(
    r"</?(p|br|a|b|i|em|strong|ul|ol|li|div|span|h[1-6]|pre|code|blockquote|img)\b[^<>]*>", re.IGNORECASE
)

# Marks of Markdown to remove; underscores stay, because they are part of names such as __init__.
_LINK = re.compile(r"!?\[([^\[\]\n]{0,300})\]\(([^()\s]{0,1000})(?: \"[^\"\n]{0,200}\")?\)")
_STRESS = re.compile(r"(?<![\w*])(\*{1,3})(?=[^\s*])([^*\n]{0,500}[^\s*])\1(?![\w*])")
_CODE = re.compile(r"(?<!`)`([^`\n]{1,300})`(?!`)")
_LINE_MARK = re.compile(r"^ {0,3}(?:#{1,6} +|> ?|`{3}\w*[ \t]*$)", re.MULTILINE)

_BREAKS = {
    "almuerzo", "break", "breakfast", "breaks", "brunch", "check-in", "checkin", "coffee", "dinner", "doors",
    "frühstück", "kaffeepause", "lunch", "mittagessen", "mittagspause", "pausa", "pause", "registration",
    "room", "snacks", "tea",
}  # fmt: skip
_BREAK_WORDS = {
    "a", "afternoon", "and", "badge", "bio", "comfort", "continental", "desk", "early", "evening", "for",
    "green", "lactation", "late", "long", "mid-afternoon", "mid-morning", "midday", "morning", "networking",
    "nursing", "of", "open", "pick-up", "pickup", "prayer", "private", "quiet", "short", "silent", "snack",
    "speaker", "speakers", "the", "und", "wellness",
}  # fmt: skip
_CANCELLED = re.compile(
    r"""\s*[\[(]\s*(?:cancell?ed|abgesagt|entfällt)\s*[\])]
      | .*[\[(]\s*(?:cancell?ed|abgesagt|entfällt)\s*[\])]\s*$
      | \s*(?-i:CANCELL?ED|ABGESAGT|ENTFÄLLT)\s*[:\u2013\u2014-]""",
    re.IGNORECASE | re.VERBOSE,
)


class ScheduleError(ValueError):
    """A schedule that cannot be read; the message names file, place and a way out, on one line."""

    def __init__(self, message: str) -> None:
        super().__init__(printable(message, 500))


class ScheduleNote(str):
    """A line about an entry that was read but may be wrong."""

    __slots__ = ()


@dataclass(slots=True)
class Slot:
    """A talk as it is in its file; ``where`` is the place in the file, for messages."""

    where: str
    title: str
    start: datetime
    end: datetime | None = None
    id: str = ""
    speakers: list[str] = field(default_factory=list)
    room: str | None = None
    track: str | None = None
    kind: str = "talk"
    url: str | None = None
    abstract: str | None = None
    cancelled: bool = False


Found = Slot | ScheduleError | ScheduleNote | None
"""Result of an entry: a slot, an error, a note, or None if it is not a talk or has no time yet."""


def slot_or_error(build: Callable[..., Slot | None], *args: Any) -> Found:
    """Return what ``build`` returns, or the error it raises, so that one bad talk does not stop the rest."""
    try:
        return build(*args)
    except ScheduleError as error:
        return error


def schedule_of(found: Iterable[Found], length: timedelta, where: str) -> Schedule:
    """Return the talks, each with an end and a unique id, and the errors about the other entries.

    A talk without an end lasts until the next one in its room, but at most ``length``. The id of a
    talk without one is derived from title and speakers, so it stays the same when the talk is moved.
    Cancelled talks are left out, and breaks get the kind ``break``. A talk that ends before it starts
    is refused.

    Raises
    ------
    ScheduleError
        If all entries are refused or none has a time, or there are more than :data:`MAX_TALKS`.
    """
    entries = list(found)
    notes = [printable(entry, 500) for entry in entries if isinstance(entry, ScheduleNote)]
    entries = [entry for entry in entries if not isinstance(entry, ScheduleNote)]
    slots = [entry for entry in entries if isinstance(entry, Slot)]
    errors = [entry for entry in entries if isinstance(entry, ScheduleError)]
    talks, ends_first = _talks(slots, length)
    errors += ends_first
    more = f" (and {len(errors) - 1:,} more like it)" if len(errors) > 1 else ""
    if errors and not talks:
        raise ScheduleError(f"{errors[0]}{more}")
    if entries and not slots:
        raise ScheduleError(f"{where}: {len(entries):,} talks, but none has a time yet")
    refused = [str(error) for error in errors[:MAX_REFUSED]]
    if len(errors) > MAX_REFUSED:
        refused.append(f"{where}: {len(errors) - MAX_REFUSED:,} more cannot be read")
    if len(notes) > MAX_REFUSED:
        notes[MAX_REFUSED:] = [f"{where}: {len(notes) - MAX_REFUSED:,} more warnings"]
    return Schedule(talks, refused, notes)


def _talks(slots: list[Slot], length: timedelta) -> tuple[list[Talk], list[ScheduleError]]:
    held = [s for s in slots if not s.cancelled and not _CANCELLED.match(s.title)]
    if len(held) > MAX_TALKS:
        raise ScheduleError(f"{held[0].where}: {len(held):,} talks; the limit is {MAX_TALKS:,}")
    slots = sorted(held, key=lambda s: s.start)
    starts: dict[str | None, list[datetime]] = defaultdict(list)
    for slot in slots:
        starts[slot.room].append(slot.start)
    talks: dict[str, Talk] = {}
    errors = []
    numbers: Counter[str] = Counter()
    for slot in slots:
        end = slot.end
        if end is None:
            end = slot.start + length
            in_room = starts[slot.room] if slot.room is not None else []
            if (later := bisect_right(in_room, slot.start)) < len(in_room):
                end = min(end, in_room[later])
        if _is_break(slot):
            slot.kind = "break"
        if end < slot.start:
            message = f"{slot.where}: {slot.title!r} ends ({end}) before it starts ({slot.start})"
            errors.append(ScheduleError(message))
            continue
        talk = Talk(
            id=_unique_id(slot, talks, numbers),
            title=slot.title,
            start=slot.start,
            end=end,
            speakers=slot.speakers,
            room=slot.room,
            track=slot.track,
            kind=slot.kind,
            url=slot.url if slot.url and is_web_url(slot.url) else None,
            abstract=slot.abstract,
        )
        talks[talk.id] = talk
    return list(talks.values()), errors


def _unique_id(slot: Slot, taken: dict[str, Talk], numbers: Counter[str]) -> str:
    """Return the id of a slot, with a number for the second and later slots of a talk."""
    name = slot.id
    if not name:
        parts = [slot.title, *slot.speakers]
        if slot.kind == "break":
            parts.append(slot.start.date().isoformat())  # every day has its own lunch
        name = sha1("\n".join(parts).encode("utf-8", "replace"), usedforsecurity=False).hexdigest()[:16]
    candidate = name
    while candidate in taken:
        numbers[name] += 1
        candidate = f"{name}#{numbers[name] + 1}"
    return candidate


def _is_break(slot: Slot) -> bool:
    """Return True for meals, coffee, registration and quiet rooms: nobody gives a talk there."""
    if slot.kind in {"break", "breaks", "coffee break", "lunch", "meal", "pause"}:
        return True
    name = re.split(r"[:(]| [\u2013\u2014-] ", slot.title.casefold(), maxsplit=1)[0]
    words = set(re.findall(r"[\w-]+", name))
    return not slot.speakers and bool(words & _BREAKS) and words <= _BREAKS | _BREAK_WORDS


def named_zone(name: str) -> ZoneInfo | None:
    """Return the time zone with this IANA name; None if there is none.

    Examples
    --------
    >>> named_zone("Europe/Berlin"), named_zone("Europe"), named_zone("../etc/passwd")
    (zoneinfo.ZoneInfo(key='Europe/Berlin'), None, None)
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def own_zone(name: str, zone: tzinfo | None) -> tuple[tzinfo | None, str]:
    """Return the zone that a file names, or ``zone`` if it names none, and a note for messages.

    An unknown zone is not replaced by another one: times without an offset are refused then.

    Examples
    --------
    >>> own_zone("Europe/Berlim", UTC)
    (None, " (time zone 'Europe/Berlim' is unknown)")
    """
    if not name:
        return zone, ""
    known = named_zone(name)
    return known, "" if known is not None else f" (time zone {name[:60]!r} is unknown)"


def required_zone(name: str, where: str) -> tzinfo | None:
    """Return the time zone with this IANA name; None for an empty name.

    Raises
    ------
    ScheduleError
        If there is no such zone.
    """
    if name and (zone := named_zone(name)) is None:
        raise ScheduleError(f"{where}: unknown time zone {name[:60]!r} (example: Europe/Berlin)")
    return zone if name else None


def moment(text: str, zone: tzinfo | None, where: str, *, day_first: bool | None = None) -> datetime:
    """Parse a time; return it as aware UTC. ``zone`` is for a time without an offset.

    Raises
    ------
    ScheduleError
        If it is not a time, or has no offset and there is no zone.
    """
    try:
        return placed(parse_time(text, zone, day_first=day_first, what=""), zone, where)
    except NoZone:
        raise ScheduleError(f"{where}: {text[:60]} has no time zone{ADVICE_ZONE}") from None
    except AmbiguousOrder:
        raise ambiguous_date(text, where) from None
    except UnknownZone as error:
        raise ScheduleError(f"{where}:{error}") from None
    except InvalidValue:
        raise ScheduleError(
            f"{where}: {text[:60]!r} is not a time such as 2026-05-15T09:30:00+02:00"
        ) from None


def ambiguous_date(text: str, where: str) -> ScheduleError:
    """Return the error about a date such as 05/06/2026."""
    return ScheduleError(
        f"{where}: {text[:60]!r} may have the day or the month first, and no date of the file has a day "
        "above 12; write the dates as 2026-05-15"
    )


def placed(time: datetime, zone: tzinfo | None, where: str) -> datetime:
    """Return a time as aware UTC; ``zone`` is for a time without an offset.

    Raises
    ------
    ScheduleError
        If it has no offset and there is no zone, or the year is not from 1900 to 2200.
    """
    if time.tzinfo is None:
        if zone is None:
            raise ScheduleError(f"{where}: {time.isoformat()} has no time zone{ADVICE_ZONE}")
        time = time.replace(tzinfo=zone)
    if not 1900 <= time.year <= 2200:  # so that adding a duration cannot overflow
        raise ScheduleError(f"{where}: {time.isoformat()} is outside the years 1900 to 2200")
    return time.astimezone(UTC)


def end_after(start: datetime, duration: object, where: str) -> datetime | None:
    """Return the end of a talk with this duration, as :func:`length_of` parses it; None if it is empty."""
    length = length_of(duration, where)
    return None if length is None else start + length


def length_of(value: object, where: str) -> timedelta | None:
    """Parse a duration: ``00:45``, ``1:02:30:00`` (days first), minutes, or ISO 8601 (``PT45M``).

    Returns None if it is empty.

    Raises
    ------
    ScheduleError
        If it has another form.

    Examples
    --------
    >>> length_of("01:30", "x"), length_of("PT1H30M", "x"), length_of(90, "x")
    (datetime.timedelta(seconds=5400), datetime.timedelta(seconds=5400), datetime.timedelta(seconds=5400))
    """
    text = str(value).strip() if value is not None else ""
    if not text:
        return None
    if re.fullmatch(r"\d{1,5}(\.\d+)?", text):
        return timedelta(minutes=float(text))
    if found := re.fullmatch(r"(?:(\d{1,2}):)??(\d{1,3}):(\d{2})(?::(\d{2}))?", text):
        days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
        return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    found = re.fullmatch(r"P(?:(\d{1,3})D)?(?:T(?:(\d{1,4})H)?(?:(\d{1,5})M)?(?:(\d{1,7})S)?)?", text)
    if found and any(found.groups()):
        days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
        return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    raise ScheduleError(f"{where}: invalid duration {text[:60]!r} (example: 00:45)")


def named_place(entry: Any, title: str, place: str, key: str = "title") -> str:
    """Return the place of an entry with its title, for messages.

    Raises
    ------
    ScheduleError
        If the entry is not an object, or has no title.
    """
    if not isinstance(entry, dict):
        raise ScheduleError(f"{place} is not an object")
    if not title:
        raise ScheduleError(f"{place} has no {key}")
    return f"{place} ({title[:60]})"


def unique(names: Iterable[str]) -> list[str]:
    """Return the names without empty ones and duplicates, in order."""
    return list(dict.fromkeys(name for name in names if name))


def paragraphs(*texts: str) -> str | None:
    """Join texts as paragraphs, without empty ones and duplicates; None if nothing is left."""
    return "\n\n".join(unique(texts)) or None


def plain_text(value: object) -> str:
    r"""Remove markup, if there is any, and space at the ends of lines.

    The result is plain text, and must be escaped before it is shown as HTML.

    Examples
    --------
    >>> plain_text("One<br>two &amp; <b>three</b>"), plain_text("if a < b & c")
    ('One\ntwo & three', 'if a < b & c')
    """
    text = repair(as_text(value))
    if len(text) > MAX_TEXT:
        text = text[: MAX_TEXT - 1] + "…"
    if _TAG.search(text):
        text = html_text(text, keep_lines=True)
    lines = [line.rstrip() for line in text.replace("\r\n", "\n").split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def prose(value: object) -> str:
    r"""Remove markup and the marks of Markdown from a longer text.

    Examples
    --------
    >>> prose("## What\n**Fast** [tests](https://x.example/) with `__init__` and `**kwargs`, *really*")
    'What\nFast tests with __init__ and **kwargs, really'
    """
    text = _LINE_MARK.sub("", _LINK.sub(r"\1", plain_text(value)))
    # code is excluded, so that its stars stay
    pieces = _CODE.split(text)
    pieces[::2] = [_STRESS.sub(r"\2", piece) for piece in pieces[::2]]
    return re.sub(r"\n{3,}", "\n\n", "".join(pieces)).strip()


def in_language(value: Any, languages: Sequence[str] = ()) -> Any:
    """Return a text in the first of the languages it has, or in English; or the name of an object.

    Examples
    --------
    >>> in_language({"de": "Saal", "en": "Hall"}), in_language({"id": 7, "name": {"de": "Saal"}}, ["de"])
    ('Hall', 'Saal')
    """
    if not isinstance(value, dict):
        return value
    if isinstance(value.get("name"), (str, dict)):
        return in_language(value["name"], languages)
    for language in (*languages, "en", *value):
        if isinstance(value.get(language), str):
            return value[language]
    return None


def word(value: Any, languages: Sequence[str] = ()) -> str:
    """Return a title or a name on one line."""
    return " ".join(plain_text(in_language(value, languages)).split())
