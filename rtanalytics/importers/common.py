"""Helpers of all importers: turn texts, names and times from a file into those of an event."""

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
"""Advice for a time without a zone."""

EARLIEST, LATEST = datetime(1990, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
"""Times outside of this range are errors of the file; each would make a folder in the archive."""

MONTHS = {m: n for n, m in enumerate("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), 1)}
"""English abbreviation of a month → its number; ``strptime`` would depend on the locale."""

_ADDRESS = re.compile(r"https?://\S+")
_TELLING = 20
"""Characters of a text that two people hardly write at the same time."""

T = TypeVar("T")
K = TypeVar("K")
V = TypeVar("V")

BAD_ROW = (ValueError, TypeError, AttributeError, LookupError, OverflowError)
"""Exceptions that a row raises if a member of it is missing or has the wrong type."""


def reason_of(error: Exception) -> str:
    """Return why a row gave no event."""
    if isinstance(error, InvalidValue):
        return str(error)
    return f"a part of it is not as it should be: {type(error).__name__} {abbreviate(str(error))}"


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
        Returns None for a row that is left out on purpose.
    row : object or Rejected
        A rejected row is passed on.
    raw : str or bytes, optional
        The row as it is in the file; its ``repr`` if not given.

    Raises
    ------
    ImporterError
        If ``build`` raises it; the file and the place are added.
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
    """Yield the events of a file with one event per line; ``decode`` is applied to each line first."""
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
    """Return an event within the limits of streams and archives.

    Control characters are removed from texts, and line breaks from names; lists lose duplicates and
    are cut at their limit.

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
    """Mapping that keeps the items added last, so that its memory stays flat.

    Parameters
    ----------
    limit : int
        Number of items that are kept.
    """

    def __init__(self, limit: int = 50_000) -> None:
        self._limit = limit
        self._items: dict[K, V] = {}

    def add(self, key: K, value: V) -> None:
        """Add an item; beyond the limit, the oldest one is dropped."""
        if key not in self._items and len(self._items) >= self._limit:
            del self._items[next(iter(self._items))]
        self._items[key] = value

    def get(self, key: K) -> V | None:
        """Return the value of a key; None if it is not known any more."""
        return self._items.get(key)


def digest(*parts: str) -> str:
    """Return a stable id derived from the content of something that has no id."""
    joined = "\0".join(parts).encode("utf-8", "replace")
    return sha1(joined, usedforsecurity=False).hexdigest()[:24]


def moment(value: object, zone: ZoneInfo | None = None, what: str = "its time") -> datetime:
    """Parse a time as :func:`~rtanalytics.normalize.dates.parse_time` does; the error names ``--zone``."""
    return parse_time(value, zone, what=what, advice=NAME_ZONE)


def zone_of(name: str | None) -> ZoneInfo | None:
    """Return the time zone with this IANA name.

    Raises
    ------
    ImporterError
        If there is no such zone.
    """
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ImporterError(f"unknown time zone {name!r} (examples: Europe/Berlin, UTC)") from None


class UniqueIds:
    """Ids of a file with a digest of their content, to find different messages with equal ids.

    Parameters
    ----------
    limit : int, optional
        Number of ids that are kept, so that memory stays flat; all by default.
    """

    def __init__(self, limit: int | None = None) -> None:
        self._contents: LatestItems[str, int] = LatestItems(limit or 10**9)

    def checked(self, event: Event) -> Event:
        """Return the event.

        Raises
        ------
        InvalidValue
            If an earlier event of the file has its id but other content.
        """
        if event.op != "create" or event.edited_at is not None:
            return event  # a revision
        # links are shortened in several ways, and accounts are renamed
        words = " ".join(_ADDRESS.sub("", f"{event.title or ''} {event.text or ''}").split())
        author = event.handle if len(words) < _TELLING else ""
        content = hash((words, author, event.created_at))
        known = self._contents.get(event.id)
        if known is None:
            self._contents.add(event.id, content)
        elif known != content:
            native = abbreviate(event.id.partition("::")[2] or event.id)
            raise InvalidValue(
                f"its id {native} is that of an earlier row with other content; if a spreadsheet has changed "
                "the ids, export the data again with the ids as text"
            )
        return event


class LocalClock:
    """Conversion of the local times of a log to UTC.

    The lines of a log are in order. So in the hour that occurs twice when summer time ends, a time
    that steps back belongs to the second occurrence.

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
        """Return the time of the next line as aware UTC."""
        first = naive.replace(tzinfo=self._zone, fold=0).astimezone(UTC)
        second = naive.replace(tzinfo=self._zone, fold=1).astimezone(UTC)
        if self._last is not None and second > first and first < self._last <= second + timedelta(hours=1):
            first = second
        self._last = first
        return first
