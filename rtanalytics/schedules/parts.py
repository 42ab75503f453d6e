"""What all schedule formats share: a slot on its way to a talk, moments, lengths, plain text."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from hashlib import sha1
from html.parser import HTMLParser

from rtanalytics.event import is_web_url, repair
from rtanalytics.schedule import Talk

__all__ = ["ScheduleError", "Slot", "length_of", "moment", "placed", "plain_text", "talks_of"]

_TAG = re.compile(
    r"</?(p|br|a|b|i|em|strong|ul|ol|li|div|span|h[1-6]|pre|code|blockquote|img)\b[^>]*>", re.IGNORECASE
)
_BREAKS = {"p", "br", "li", "div", "h1", "h2", "h3", "h4", "h5", "h6", "pre", "blockquote", "ul", "ol"}


class ScheduleError(ValueError):
    """A schedule that cannot be read; the message names file, place and remedy."""


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


def talks_of(slots: Iterable[Slot], length: timedelta) -> list[Talk]:
    """The talks: each with an end and an id of its own.

    A talk without an end lasts until the next one in its room, ``length`` at most. A talk without
    an id is known by title and speakers, so that it stays the same when it is moved.

    Raises
    ------
    ScheduleError
        If a talk ends before it starts.
    """
    slots = sorted(slots, key=lambda s: s.start)
    starts: dict[str | None, list[datetime]] = defaultdict(list)
    for slot in slots:
        starts[slot.room].append(slot.start)
    talks: dict[str, Talk] = {}
    for slot in slots:
        end = slot.end
        if end is None:
            later = (s for s in starts[slot.room] if slot.room is not None and s > slot.start)
            end = min(next(later, slot.start + length), slot.start + length)
        if end < slot.start:
            raise ScheduleError(f"{slot.where}: {slot.title!r} ends ({end}) before it starts ({slot.start})")
        talk = Talk(
            id=_free(slot, talks),
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
    return list(talks.values())


def _free(slot: Slot, taken: dict[str, Talk]) -> str:
    """The slot's id; for the second and later slots of one talk, with their number."""
    name = slot.id
    if not name:
        told = "\n".join([slot.title, *slot.speakers]).encode("utf-8", "replace")
        name = sha1(told, usedforsecurity=False).hexdigest()[:16]
    number, candidate = 1, name
    while candidate in taken:
        number += 1
        candidate = f"{name}#{number}"
    return candidate


def moment(text: str, zone: tzinfo | None, where: str) -> datetime:
    """An ISO 8601 time as aware UTC; ``zone`` is for one without an offset.

    Raises
    ------
    ScheduleError
        If it is none, or it has no offset and there is no zone.
    """
    try:
        told = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ScheduleError(f"{where}: {text!r} is no time such as 2026-05-15T09:30:00+02:00") from None
    return placed(told, zone, where)


def placed(told: datetime, zone: tzinfo | None, where: str) -> datetime:
    """A time as aware UTC, in ``zone`` unless it has one."""
    if told.tzinfo is None:
        if zone is None:
            raise ScheduleError(
                f"{where}: {told.isoformat()} has no time zone; write an offset to it, or give a zone"
            )
        told = told.replace(tzinfo=zone)
    try:
        return told.astimezone(UTC)
    except OverflowError:
        raise ScheduleError(f"{where}: {told.isoformat()} is out of this world") from None


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
    found = re.fullmatch(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?", text)
    if found and any(found.groups()):
        days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
        return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    raise ScheduleError(f"{where}: {text!r} is no duration; write hours and minutes such as 00:45")


def plain_text(told: object) -> str:
    r"""Text without markup where there is any, on lines without trailing space.

    It is plain text and nothing else: whoever shows it escapes it.

    Examples
    --------
    >>> plain_text("One<br>two &amp; <b>three</b>"), plain_text("if a < b & c")
    ('One\ntwo & three', 'if a < b & c')
    """
    text = repair(told) if isinstance(told, str) else ""
    if _TAG.search(text):
        stripper = _Stripper()
        stripper.feed(text)
        stripper.close()
        text = "".join(stripper.pieces)
    lines = [line.rstrip() for line in text.replace("\r\n", "\n").split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


class _Stripper(HTMLParser):
    """Collects the text of markup."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in {"script", "style"}:
            self._silent += 1
        if tag in _BREAKS:
            self.pieces.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in {"script", "style"}:
            self._silent = max(0, self._silent - 1)

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.pieces.append(data)
