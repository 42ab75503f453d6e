"""What all schedule formats share: a slot on its way to a talk, moments, lengths, plain text."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from hashlib import sha1
from html.parser import HTMLParser
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from rtanalytics.event import is_web_url, repair
from rtanalytics.schedule import Schedule, Talk
from rtanalytics.untrusted import printable

__all__ = [
    "MAX_TALKS",
    "MAX_TEXT",
    "Found",
    "ScheduleError",
    "Slot",
    "in_language",
    "length_of",
    "moment",
    "named_zone",
    "own_zone",
    "placed",
    "plain_text",
    "prose",
    "schedule_of",
    "tried",
    "word",
]

MAX_TALKS = 20_000
"""Talks that a schedule may have: thirty times the largest that is known."""

MAX_REFUSED = 100
"""Lines about talks that cannot be read; more of them are only counted."""

MAX_TEXT = 20_000
"""Characters of a text that are kept: stripping markup from more may take very long."""

_TAG = re.compile(
    r"</?(p|br|a|b|i|em|strong|ul|ol|li|div|span|h[1-6]|pre|code|blockquote|img)\b[^<>]*>", re.IGNORECASE
)
_LINES = {"p", "br", "li", "div", "h1", "h2", "h3", "h4", "h5", "h6", "pre", "blockquote", "ul", "ol"}

# Markdown that is about looks; underscores stay, because at our conferences they are part of names.
_LINK = re.compile(r"!?\[([^\[\]\n]{0,300})\]\(([^()\s]{0,1000})(?: \"[^\"\n]{0,200}\")?\)")
_STRESS = re.compile(r"(?<![\w*])(\*{1,3})(?=[^\s*])([^*\n]{0,500}[^\s*])\1(?![\w*])")
_CODE = re.compile(r"(?<!`)`([^`\n]{1,300})`(?!`)")
_LINE_MARK = re.compile(r"^ {0,3}(?:#{1,6} +|> ?|`{3}\w*[ \t]*$)", re.MULTILINE)

_PAUSES = {
    "almuerzo", "break", "breakfast", "breaks", "brunch", "check-in", "checkin", "coffee", "dinner", "doors",
    "frühstück", "kaffeepause", "lunch", "mittagessen", "mittagspause", "pausa", "pause", "registration",
    "room", "snacks", "tea",
}  # fmt: skip
_PAUSES_ARE = {
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
    """A schedule that cannot be read; the message names file, place and remedy, on one line."""

    def __init__(self, message: str) -> None:
        super().__init__(printable(message, 500))


@dataclass(slots=True)
class Slot:
    """A talk as its file tells it; ``where`` names the place in the file."""

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


Found = Slot | ScheduleError | None
"""What is made of an entry: a slot, why there is none, or None for one that is no talk or has no time yet."""


def tried(made: Callable[..., Slot | None], *told: Any) -> Found:
    """What ``made`` gives, or the error that it raises: one talk must not cost the whole schedule."""
    try:
        return made(*told)
    except ScheduleError as error:
        return error


def schedule_of(found: Iterable[Found], length: timedelta, where: str) -> Schedule:
    """The talks, each with an end and an id of its own, and what is to be said about the others.

    A talk without an end lasts until the next one in its room, ``length`` at most. A talk without
    an id is known by title and speakers, so that it stays the same when it is moved. Cancelled
    ones are left out, and what is a break is called one. A talk that ends before it starts is
    refused.

    Raises
    ------
    ScheduleError
        If all entries are refused or none has a time, or there are more than :data:`MAX_TALKS`.
    """
    entries = list(found)
    slots = [entry for entry in entries if isinstance(entry, Slot)]
    errors = [entry for entry in entries if isinstance(entry, ScheduleError)]
    talks, ends_first = _talks(slots, length)
    errors += ends_first
    more = f" (and {len(errors) - 1:,} more like it)" if len(errors) > 1 else ""
    if errors and not talks:
        raise ScheduleError(f"{errors[0]}{more}")
    if entries and not slots:
        raise ScheduleError(f"{where}: {len(entries):,} talks, and none of them has a time yet")
    refused = [str(error) for error in errors[:MAX_REFUSED]]
    if len(errors) > MAX_REFUSED:
        refused.append(f"{where}: {len(errors) - MAX_REFUSED:,} more cannot be read")
    return Schedule(talks, refused)


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
            said = f"{slot.where}: {slot.title!r} ends ({end}) before it starts ({slot.start})"
            errors.append(ScheduleError(said))
            continue
        talk = Talk(
            id=_free(slot, talks, numbers),
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


def _free(slot: Slot, taken: dict[str, Talk], numbers: Counter[str]) -> str:
    """The slot's id; for the second and later slots of one talk, with their number."""
    name = slot.id
    if not name:
        told = [slot.title, *slot.speakers]
        if slot.kind == "break":
            told.append(slot.start.date().isoformat())  # every day has its lunch
        name = sha1("\n".join(told).encode("utf-8", "replace"), usedforsecurity=False).hexdigest()[:16]
    candidate = name
    while candidate in taken:
        numbers[name] += 1
        candidate = f"{name}#{numbers[name] + 1}"
    return candidate


def _is_break(slot: Slot) -> bool:
    """True for meals, coffee, registration and rooms to be quiet in: nobody speaks there."""
    if slot.kind in {"break", "breaks", "coffee break", "lunch", "meal", "pause"}:
        return True
    name = re.split(r"[:(]| [\u2013\u2014-] ", slot.title.casefold(), maxsplit=1)[0]
    words = set(re.findall(r"[\w-]+", name))
    return not slot.speakers and bool(words & _PAUSES) and words <= _PAUSES | _PAUSES_ARE


def named_zone(name: str) -> ZoneInfo | None:
    """The time zone of that IANA name; None if there is none.

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
    """The zone that a file names, or ``zone`` if it names none, and what is to be said of the name.

    A zone that nobody knows is not replaced by another one: times without an offset cannot be placed then.

    Examples
    --------
    >>> own_zone("Europe/Berlim", UTC)
    (None, " (time zone 'Europe/Berlim' is unknown)")
    """
    if not name:
        return zone, ""
    known = named_zone(name)
    return known, "" if known is not None else f" (time zone {name[:60]!r} is unknown)"


def moment(text: str, zone: tzinfo | None, where: str) -> datetime:
    """An ISO 8601 time as aware UTC; ``zone`` is for one without an offset.

    Raises
    ------
    ScheduleError
        If it is none, or it has no offset and there is no zone.
    """
    try:
        # an offset may stand apart: 2026-05-15 09:30:00 +0200
        told = datetime.fromisoformat(re.sub(r"(?<=\d)\s+(?=[+-]\d|Z$)", "", text.strip()))
    except ValueError:
        raise ScheduleError(f"{where}: {text[:60]!r} is no time such as 2026-05-15T09:30:00+02:00") from None
    return placed(told, zone, where)


def placed(told: datetime, zone: tzinfo | None, where: str) -> datetime:
    """A time as aware UTC, in ``zone`` unless it has one."""
    if told.tzinfo is None:
        if zone is None:
            raise ScheduleError(
                f"{where}: {told.isoformat()} has no time zone; write an offset to it, or give a zone"
            )
        told = told.replace(tzinfo=zone)
    if not 1900 <= told.year <= 2200:  # so that nothing that is added to it is beyond what a clock can show
        raise ScheduleError(f"{where}: {told.isoformat()} is out of this world")
    return told.astimezone(UTC)


def length_of(told: object, where: str) -> timedelta | None:
    """A duration: ``00:45``, ``1:02:30:00`` (days first), minutes, or ISO 8601 (``PT45M``); None if empty.

    Raises
    ------
    ScheduleError
        If it is none of them.

    Examples
    --------
    >>> length_of("01:30", "x"), length_of("PT1H30M", "x"), length_of(90, "x")
    (datetime.timedelta(seconds=5400), datetime.timedelta(seconds=5400), datetime.timedelta(seconds=5400))
    """
    text = str(told).strip() if told is not None else ""
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
    raise ScheduleError(f"{where}: {text[:60]!r} is no duration; write hours and minutes such as 00:45")


def plain_text(told: object) -> str:
    r"""Text without markup where there is any, on lines without trailing space.

    It is plain text and nothing else: whoever shows it escapes it.

    Examples
    --------
    >>> plain_text("One<br>two &amp; <b>three</b>"), plain_text("if a < b & c")
    ('One\ntwo & three', 'if a < b & c')
    """
    text = repair(told) if isinstance(told, str) else ""
    if len(text) > MAX_TEXT:
        text = text[: MAX_TEXT - 1] + "…"
    if _TAG.search(text):
        stripper = _Stripper()
        stripper.feed(text)
        stripper.close()
        text = "".join(stripper.pieces)
    lines = [line.rstrip() for line in text.replace("\r\n", "\n").split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def prose(told: object) -> str:
    r"""A longer text, without markup and without the marks of Markdown.

    Examples
    --------
    >>> prose("## What\n**Fast** [tests](https://x.example/) with `__init__` and `**kwargs`, *really*")
    'What\nFast tests with __init__ and **kwargs, really'
    """
    text = _LINE_MARK.sub("", _LINK.sub(r"\1", plain_text(told)))
    # what is code is set aside, so that its stars stay
    pieces = _CODE.split(text)
    pieces[::2] = [_STRESS.sub(r"\2", piece) for piece in pieces[::2]]
    return re.sub(r"\n{3,}", "\n\n", "".join(pieces)).strip()


def in_language(value: Any, languages: Sequence[str] = ()) -> Any:
    """Of a text in several languages the conference's own first, or English; of a thing its name.

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
    """A title or a name, on one line."""
    return " ".join(plain_text(in_language(value, languages)).split())


class _Stripper(HTMLParser):
    """Collects the text of markup."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in {"script", "style"}:
            self._silent += 1
        if tag in _LINES:
            self.pieces.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in {"script", "style"}:
            self._silent = max(0, self._silent - 1)

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.pieces.append(data)
