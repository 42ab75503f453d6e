"""Helpers of all importers: turn texts, names and times from a file into those of an event."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha1
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from rtanalytics.event import Event, Ingest, Media, encode, is_web_url
from rtanalytics.importers.base import ImporterError, Rejected, RowError
from rtanalytics.importers.reading import lines
from rtanalytics.normalize.text import author_of, find_links, find_tags, language, unlike, word
from rtanalytics.normalize.text import plain_text as text_of
from rtanalytics.untrusted import abbreviate

__all__ = [
    "BAD_ROW",
    "MONTHS",
    "LocalClock",
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
    "number",
    "reason_of",
    "text_of",
    "unquoted",
    "word",
    "zone_of",
]

MAX_PACKET = 900_000
MAX_LINKS, MAX_MEDIA, MAX_ID = 100, 20, 400
EARLIEST, LATEST = datetime(1990, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
"""Times outside of this range are errors of the file; each would make a folder in the archive."""

MONTHS = {m: n for n, m in enumerate("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), 1)}
"""English abbreviation of a month → its number; ``strptime`` would depend on the locale."""

_BLOCKS = frozenset(
    "address article blockquote br dd div dl dt h1 h2 h3 h4 h5 h6 hr li ol p pre section table tr ul".split()
)
_HIDDEN = frozenset("head iframe math noscript script style svg template title".split())


T = TypeVar("T")

BAD_ROW = (ValueError, TypeError, AttributeError, LookupError, OverflowError)
"""Exceptions that a row raises if a member of it is missing or has the wrong type."""


def reason_of(error: Exception) -> str:
    """Return why a row gave no event."""
    if isinstance(error, RowError):
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
        raise ImporterError(f"{file}, {where}: {error}") from None
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
        raise RowError(f"invalid time {created_at.isoformat()} (years 1990 to 2099): an error in the file?")
    if len(id) > MAX_ID:
        raise RowError(f"its id has {len(id):,} characters; the limit is {MAX_ID}")
    if not id.isprintable():
        raise RowError(f"its id {abbreviate(id)} has unprintable characters")
    for name, value in fields.items():
        if isinstance(value, str) and name not in ("url", "op"):
            fields[name] = word(value, MAX_ID)
    event = Event(
        id=id,
        source=word(source),
        created_at=created_at,
        text=None if text is None else text_of(text),
        title=(word(title, 1000) or None) if title else None,
        tags=unlike(tag.lstrip("#") for tag in tags),
        mentions=unlike(name.lstrip("@") for name in mentions),
        links=list(dict.fromkeys(link for link in links if is_web_url(link)))[:MAX_LINKS],
        media=list({m.url: m for m in media if is_web_url(m.url)}.values())[:MAX_MEDIA],
        ingest=Ingest(via="file", connector=connector, id_kind=id_kind, time_kind=time_kind),
        **fields,
    )
    if len(event.text or "") > MAX_PACKET // 10 and (size := len(encode(event))) > MAX_PACKET:
        raise RowError(f"the event has {size:,} bytes; the limit is {MAX_PACKET:,}")
    return event


def number(value: object, what: str = "id") -> str:
    """Return a platform's numeric id as text.

    Raises
    ------
    ValueError
        If it is not a whole number; floats are refused, because they have lost digits.
    """
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return str(value)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 30:
        return value
    raise RowError(
        f"{what} {abbreviate(value)} is not a number" if value is not None else f"it has no {what}"
    )


def digest(*parts: str) -> str:
    """Return a stable id derived from the content of something that has no id."""
    joined = "\0".join(parts).encode("utf-8", "replace")
    return sha1(joined, usedforsecurity=False).hexdigest()[:24]


def unquoted(text: str) -> str:
    """Replace ``&lt;``, ``&gt;`` and ``&amp;``, with which platforms escape texts; once, not repeatedly.

    Examples
    --------
    >>> unquoted("AT&amp;T &lt;3 &amp;amp;")
    'AT&T <3 &amp;'
    """
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def moment(value: object, zone: ZoneInfo | None = None, what: str = "its time") -> datetime:
    """Parse a time in ISO 8601 or in seconds since 1970; return it as aware UTC.

    Raises
    ------
    ValueError
        If it is not a time, or has no offset and no ``zone`` is given.
    """
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=value)
        if isinstance(value, str):
            return in_zone(datetime.fromisoformat(value.strip()), zone, value, what)
    except RowError:
        raise
    except (ValueError, OverflowError):
        pass
    raise RowError(f"{what} {abbreviate(value)} is not a time" if value is not None else "it has no time")


def in_zone(time: datetime, zone: ZoneInfo | None, text: str, what: str) -> datetime:
    """Return a time as aware UTC; ``zone`` is for a time without an offset, ``text`` for the error.

    Raises
    ------
    ValueError
        If it has no offset and no ``zone`` is given.
    """
    if time.tzinfo is None:
        if zone is None:
            raise RowError(f"{what} {abbreviate(text)} has no time zone; name it with --zone")
        time = time.replace(tzinfo=zone)
    return time.astimezone(UTC)


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


def html_text(source: str) -> str:
    r"""Return the visible text of a piece of HTML.

    Examples
    --------
    >>> html_text("<p>one &amp; <b>two</b><script>x()</script></p><p>three")
    'one & two\nthree'
    """
    parser = _VisibleText()
    parser.feed(source)
    parser.close()
    visible = (" ".join(line.split()) for line in "".join(parser.pieces).split("\n"))
    return "\n".join(line for line in visible if line)


class _VisibleText(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag in _HIDDEN:
            self._hidden += 1
        elif tag in _BLOCKS:
            self.pieces.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in _HIDDEN:
            self._hidden = max(0, self._hidden - 1)
        elif tag in _BLOCKS:
            self.pieces.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.pieces.append(re.sub(r"\s+", " ", data))
