"""Helpers for the readers of all schedule formats: slots, times, durations and plain text."""

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
"""Maximum number of talks in a schedule: thirty times the largest known schedule."""

MAX_REFUSED = 100
"""Maximum number of messages about unreadable talks; further messages are only counted."""

ADVICE_ZONE = (
    '; add an offset to it, or give the zone of the venue: timezone = "Europe/Berlin" in conference.toml or '
    'the [[source]] table, --timezone Europe/Berlin, or zone=ZoneInfo("Europe/Berlin") in Python'
)
"""End of the message about a time without a time zone."""

MAX_TEXT = 20_000
"""Maximum number of characters of a text; removing markup from a longer text could be slow."""

_TAG = re.compile(
    r"</?(p|br|a|b|i|em|strong|ul|ol|li|div|span|h[1-6]|pre|code|blockquote|img)\b[^<>]*>", re.IGNORECASE
)

# Markdown to remove; underscores are kept, because they can be part of names such as __init__.
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
    """A schedule cannot be read; the message of one line names the file, the place and what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(printable(message, 500))


class ScheduleNote(str):
    """A warning about an entry that was read but may be wrong."""

    __slots__ = ()


@dataclass(slots=True)
class Slot:
    """A talk as read from a file, before it is checked; ``where`` is its place in the file, for messages."""

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
"""Result of reading an entry: a slot, an error, a warning, or None if it is no talk or has no time yet."""


def slot_or_error(build: Callable[..., Slot | None], *args: Any) -> Found:
    """Return the result of ``build(*args)``, or the error that it raises, so that reading can continue."""
    try:
        return build(*args)
    except ScheduleError as error:
        return error


def schedule_of(found: Iterable[Found], length: timedelta, where: str) -> Schedule:
    """Return the schedule of the entries: talks with an end and a unique id, errors and warnings.

    A talk without an end lasts until the next talk in its room, but at most ``length``. A missing id is
    derived from title and speakers, so it stays the same when the talk is moved.
    Cancelled talks are left out, and breaks get the kind ``break``. A talk that ends before it starts
    is refused.

    Raises
    ------
    ScheduleError
        If no entry is a valid talk, no entry has a time, or there are more than :data:`MAX_TALKS`.
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
    """Return the id of a slot, with a number such as ``#2`` if an earlier slot has the same id."""
    name = slot.id
    if not name:
        parts = [slot.title, *slot.speakers]
        if slot.kind == "break":
            parts.append(slot.start.date().isoformat())  # lunch has the same title on every day
        name = sha1("\n".join(parts).encode("utf-8", "replace"), usedforsecurity=False).hexdigest()[:16]
    candidate = name
    while candidate in taken:
        numbers[name] += 1
        candidate = f"{name}#{numbers[name] + 1}"
    return candidate


def _is_break(slot: Slot) -> bool:
    """Return True for entries that are not talks: meals, coffee, registration and quiet rooms."""
    if slot.kind in {"break", "breaks", "coffee break", "lunch", "meal", "pause"}:
        return True
    name = re.split(r"[:(]| [\u2013\u2014-] ", slot.title.casefold(), maxsplit=1)[0]
    words = set(re.findall(r"[\w-]+", name))
    return not slot.speakers and bool(words & _BREAKS) and words <= _BREAKS | _BREAK_WORDS


def named_zone(name: str) -> ZoneInfo | None:
    """Return the time zone with an IANA name, or None if the name is unknown.

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
    """Return the time zone with the name given in a file, and a note for messages.

    The result is ``zone`` if the name is empty, and None if the name is unknown. Then times without
    an offset are refused, instead of being read in a zone that may be wrong.

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
    """Return the time zone with an IANA name, or None if the name is empty.

    Raises
    ------
    ScheduleError
        If the name is unknown.
    """
    if name and (zone := named_zone(name)) is None:
        raise ScheduleError(f"{where}: unknown time zone {name[:60]!r} (example: Europe/Berlin)")
    return zone if name else None


def moment(text: str, zone: tzinfo | None, where: str, *, day_first: bool | None = None) -> datetime:
    """Parse a time and return it in UTC; without an offset, it is read in ``zone``.

    Raises
    ------
    ScheduleError
        If the text is not a time, or it has no offset and ``zone`` is None.
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
    """Return the error for a date such as 05/06/2026, in which day and month cannot be distinguished."""
    return ScheduleError(
        f"{where}: {text[:60]!r} may have the day or the month first, and no date in the file has a day "
        "above 12; write the dates as 2026-05-15"
    )


def placed(time: datetime, zone: tzinfo | None, where: str) -> datetime:
    """Return a time in UTC; without an offset, it is taken as local time in ``zone``.

    Raises
    ------
    ScheduleError
        If the time has no offset and ``zone`` is None, or its year is not from 1900 to 2200.
    """
    if time.tzinfo is None:
        if zone is None:
            raise ScheduleError(f"{where}: {time.isoformat()} has no time zone{ADVICE_ZONE}")
        time = time.replace(tzinfo=zone)
    if not 1900 <= time.year <= 2200:  # so that adding a duration cannot overflow
        raise ScheduleError(f"{where}: {time.isoformat()} is outside the years 1900 to 2200")
    return time.astimezone(UTC)


def end_after(start: datetime, duration: object, where: str) -> datetime | None:
    """Return the end of a talk from its start and duration, or None if the duration is empty."""
    length = length_of(duration, where)
    return None if length is None else start + length


def length_of(value: object, where: str) -> timedelta | None:
    """Parse a duration such as ``00:45``, ``1:02:30:00`` (days first), ``45`` (minutes) or ``PT45M``.

    Return None if the value is empty.

    Raises
    ------
    ScheduleError
        If the value has another form.

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
    """Return ``place``, followed by the title of the entry, for messages about the entry.

    Raises
    ------
    ScheduleError
        If the entry is not a JSON object, or has no title.
    """
    if not isinstance(entry, dict):
        raise ScheduleError(f"{place} is not an object")
    if not title:
        raise ScheduleError(f"{place} has no {key}")
    return f"{place} ({title[:60]})"


def unique(names: Iterable[str]) -> list[str]:
    """Return the names in order, without empty names and duplicates."""
    return list(dict.fromkeys(name for name in names if name))


def paragraphs(*texts: str) -> str | None:
    """Join texts as paragraphs, without empty texts and duplicates; return None if all are empty."""
    return "\n\n".join(unique(texts)) or None


def plain_text(value: object) -> str:
    r"""Remove HTML markup, and spaces at the ends of lines.

    The result is plain text; it must be escaped before it is used in HTML.

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
    r"""Remove HTML and Markdown markup from a longer text.

    Examples
    --------
    >>> prose("## What\n**Fast** [tests](https://x.example/) with `__init__` and `**kwargs`, *really*")
    'What\nFast tests with __init__ and **kwargs, really'
    """
    text = _LINE_MARK.sub("", _LINK.sub(r"\1", plain_text(value)))
    # the odd pieces are code, in which stars are not markup
    pieces = _CODE.split(text)
    pieces[::2] = [_STRESS.sub(r"\2", piece) for piece in pieces[::2]]
    return re.sub(r"\n{3,}", "\n\n", "".join(pieces)).strip()


def in_language(value: Any, languages: Sequence[str] = ()) -> Any:
    """Return a text that may be given in several languages, or as an object with a ``name``.

    The first of ``languages`` that exists is used, or else English, or else any language.

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
    """Return a title or a name as plain text on one line."""
    return " ".join(plain_text(in_language(value, languages)).split())
