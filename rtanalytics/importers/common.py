"""Helpers for all importers: conversion of rows to events, times, and checks of ids."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha1
from pathlib import Path
from typing import Any, Generic, TypeVar
from zoneinfo import ZoneInfo

from rtanalytics.event import Event, Ingest, Media
from rtanalytics.importers.base import ImporterError, Rejected
from rtanalytics.importers.reading import lines
from rtanalytics.normalize.dates import parse_time
from rtanalytics.normalize.text import author_of, find_links, find_tags, html_text, language, word
from rtanalytics.normalize.values import InvalidValue, check_size, new_event
from rtanalytics.untrusted import abbreviate

__all__ = [
    "BAD_ROW",
    "MONTHS",
    "NAME_ZONE",
    "LatestItems",
    "LocalClock",
    "UniqueIds",
    "author_of",
    "build",
    "digest",
    "event_or_rejected",
    "events_of_lines",
    "find_links",
    "find_tags",
    "html_text",
    "language",
    "moment",
    "reason_of",
    "word",
    "zone_of",
]

NAME_ZONE = "; name it with --zone"
"""End of the message about a time without a time zone."""

EARLIEST, LATEST = datetime(1990, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
"""Range of valid times; other times are errors in the file, and would create folders in the archive."""

MONTHS = {m: n for n, m in enumerate("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), 1)}
"""Number of a month by its English abbreviation (``strptime`` would depend on the locale)."""

_ADDRESS = re.compile(r"https?://\S+")
_DISTINCT = 20
"""Minimum characters of a text that two people are unlikely to write at the same time."""

T = TypeVar("T")
K = TypeVar("K")
V = TypeVar("V")

BAD_ROW = (ValueError, TypeError, AttributeError, LookupError, OverflowError)
"""Exceptions that are raised if a value in a row is missing or has the wrong type."""


def reason_of(error: Exception) -> str:
    """Return the reason why a row is rejected, from the exception that it raised."""
    if isinstance(error, InvalidValue):
        return str(error)
    return f"unexpected structure: {type(error).__name__} {abbreviate(str(error))}"


def event_or_rejected(
    build: Callable[[T], Event | None],
    row: T | Rejected,
    file: str | Path,
    where: str,
    raw: str | bytes | None = None,
) -> Iterator[Event | Rejected]:
    """Yield the event that ``build`` returns for a row, or a :class:`Rejected` if the row is bad.

    Parameters
    ----------
    build : callable
        Function that returns the event of a row, or None for a row that is left out on purpose.
    row : object or Rejected
        The row; a row that is already rejected is yielded unchanged.
    raw : str or bytes, optional
        The row as it is in the file; by default its ``repr``.

    Raises
    ------
    ImporterError
        If ``build`` raises it; file and place are added to its message.
    """
    if isinstance(row, Rejected):
        yield row
        return
    try:
        event = build(row)
    except ImporterError as error:
        raise error.at(f"{file}, {where}") from None
    except BAD_ROW as error:
        yield Rejected(file, where, reason_of(error), repr(row) if raw is None else raw)
    else:
        if event is not None:
            yield event


def events_of_lines(
    path: Path, build: Callable[[Any], Event | None], decode: Callable[[bytes], Any] = bytes
) -> Iterator[Event | Rejected]:
    """Yield the events of a file with one event per line; ``build`` gets each line after ``decode``."""
    for entry in lines(path):
        if isinstance(entry, Rejected):
            yield entry
        else:
            line = decode(entry[1])
            yield from event_or_rejected(build, line, path, f"line {entry[0]}", line)


def build(
    *,
    id: str,
    source: str,
    created_at: datetime,
    connector: str,
    id_kind: str = "native",
    time_kind: str = "source",
    text: str | None = None,
    title: str | None = None,
    tags: Iterable[str] = (),
    mentions: Iterable[str] = (),
    links: Iterable[str] = (),
    media: Iterable[Media] = (),
    **fields: Any,
) -> Event:
    """Return an event that is within the limits of streams and archives.

    Control characters are removed from texts, line breaks from names, and duplicates from lists;
    long lists are cut.

    Raises
    ------
    ValueError
        If the time or the id is invalid, or the event is too large.
    """
    if not EARLIEST <= created_at < LATEST:
        raise InvalidValue(
            f"invalid time {created_at.isoformat()} (years 1990 to 2099): an error in the file?"
        )
    event = new_event(
        id=id,
        source=word(source),
        created_at=created_at,
        text=text,
        title=title,
        tags=tags,
        mentions=mentions,
        links=links,
        media=media,
        ingest=Ingest(via="file", connector=connector, id_kind=id_kind, time_kind=time_kind),
        **fields,
    )
    return check_size(event)


class LatestItems(Generic[K, V]):
    """Mapping that keeps only the newest items, to limit its memory.

    Parameters
    ----------
    limit : int
        Maximum number of items.
    """

    def __init__(self, limit: int = 50_000) -> None:
        self._limit = limit
        self._items: dict[K, V] = {}

    def add(self, key: K, value: V) -> None:
        """Add an item, and drop the oldest item if there are too many."""
        if key not in self._items and len(self._items) >= self._limit:
            del self._items[next(iter(self._items))]
        self._items[key] = value

    def get(self, key: K) -> V | None:
        """Return the value of a key, or None if the key is unknown or was dropped."""
        return self._items.get(key)


def digest(*parts: str) -> str:
    """Return an id derived from ``parts``, for a row that has no id; equal parts give equal ids."""
    joined = "\0".join(parts).encode("utf-8", "replace")
    return sha1(joined, usedforsecurity=False).hexdigest()[:24]


def moment(value: object, zone: ZoneInfo | None = None, what: str = "its time") -> datetime:
    """Parse a time with :func:`~rtanalytics.normalize.dates.parse_time`; errors mention ``--zone``."""
    return parse_time(value, zone, what=what, advice=NAME_ZONE)


def zone_of(name: str | None) -> ZoneInfo | None:
    """Return the time zone with an IANA name, or None if ``name`` is None.

    Raises
    ------
    ImporterError
        If the name is unknown.
    """
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ImporterError(f"unknown time zone {name!r} (examples: Europe/Berlin, UTC)") from None


class UniqueIds:
    """Check that different messages of a file have different ids.

    Parameters
    ----------
    limit : int, optional
        Maximum number of ids to remember; by default, all ids.
    """

    def __init__(self, limit: int | None = None) -> None:
        self._contents: LatestItems[str, int] = LatestItems(limit or 10**9)

    def checked(self, event: Event) -> Event:
        """Return the event unchanged if its id is new or its content is the same as before.

        Raises
        ------
        InvalidValue
            If an earlier event of the file has the same id but other content.
        """
        if event.op != "create" or event.edited_at is not None:
            return event  # a revision has the id of its message, but other content
        # of one message, links may be shortened differently, and the account may have been renamed
        words = " ".join(_ADDRESS.sub("", f"{event.title or ''} {event.text or ''}").split())
        author = event.handle if len(words) < _DISTINCT else ""
        content = hash((words, author, event.created_at))
        known = self._contents.get(event.id)
        if known is None:
            self._contents.add(event.id, content)
        elif known != content:
            native = abbreviate(event.id.partition("::")[2] or event.id)
            raise InvalidValue(
                f"the id {native} belongs to an earlier row with other content; if a spreadsheet has changed "
                "the ids, export the data again with the ids as text"
            )
        return event


class LocalClock:
    """Conversion of the local times of a log to UTC.

    When summer time ends, one hour occurs twice. Because the lines of a log are in order, a time in
    that hour that is before the previous time belongs to the second occurrence.

    Examples
    --------
    >>> clock = LocalClock(ZoneInfo("Europe/Berlin"))
    >>> [clock.utc(datetime(2026, 10, 25, 2, m)).hour for m in (30, 59, 10, 40)]
    [0, 0, 1, 1]
    """

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._last: datetime | None = None

    def utc(self, naive: datetime) -> datetime:
        """Convert the local time of the next line to UTC."""
        first = naive.replace(tzinfo=self._zone, fold=0).astimezone(UTC)
        second = naive.replace(tzinfo=self._zone, fold=1).astimezone(UTC)
        if self._last is not None and second > first and first < self._last <= second + timedelta(hours=1):
            first = second
        self._last = first
        return first
