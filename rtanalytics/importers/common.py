"""What all importers have in common: how text, names and times from a file become an event's."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from hashlib import sha1
from html.parser import HTMLParser
from typing import Any
from zoneinfo import ZoneInfo

from rtanalytics.event import Event, Ingest, Media, encode, is_web_url
from rtanalytics.importers import ImporterError
from rtanalytics.normalize.text import author_of, find_links, find_tags, language, unlike, word
from rtanalytics.normalize.text import plain_text as text_of

__all__ = [
    "ODD",
    "LocalClock",
    "RowError",
    "author_of",
    "build",
    "digest",
    "entities",
    "find_links",
    "find_tags",
    "html_text",
    "language",
    "moment",
    "number",
    "reason_of",
    "shortened",
    "text_of",
    "unquoted",
    "word",
    "zone_of",
]

MAX_PACKET = 900_000
MAX_LINKS, MAX_MEDIA, MAX_ID = 100, 20, 400
EARLIEST, LATEST = datetime(1990, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
"""Times outside are slips, and one day of them would be a folder of the archive."""

_BLOCKS = frozenset(
    "address article blockquote br dd div dl dt h1 h2 h3 h4 h5 h6 hr li ol p pre section table tr ul".split()
)
_UNSEEN = frozenset("head iframe math noscript script style svg template title".split())


class RowError(ValueError):
    """What is wrong with a row, in words for people; whoever reads the file adds where it stands."""


ODD = (ValueError, TypeError, AttributeError, LookupError, OverflowError)
"""What a row raises that is not as its format has it: any member may be missing or of another kind."""


def reason_of(error: Exception) -> str:
    """Why a row became no event."""
    if isinstance(error, RowError):
        return str(error)
    return f"a part of it is not as it should be: {type(error).__name__} {shortened(str(error))}"


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
    """An event of a file, within the bounds that a stream and an archive have.

    Texts lose control characters, names also line breaks; lists lose repeats and what is too many.

    Raises
    ------
    ValueError
        If its time cannot be, or it is too large.
    """
    if not EARLIEST <= created_at < LATEST:
        raise RowError(f"its time {created_at.isoformat()} cannot be: a slip in the file?")
    if len(id) > MAX_ID:
        raise RowError(f"its id has {len(id):,} characters; one may have {MAX_ID}")
    if not id.isprintable():
        raise RowError(f"its id {shortened(id)} has characters that do not show")
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
        raise RowError(f"it makes {size:,} bytes; an event may have {MAX_PACKET:,}")
    return event


def number(value: object, what: str = "id") -> str:
    """A platform's number as text.

    Raises
    ------
    ValueError
        If it is none: fractions have lost digits.
    """
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return str(value)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 30:
        return value
    raise RowError(f"{what} {shortened(value)} is no number" if value is not None else f"it has no {what}")


def shortened(value: object) -> str:
    """A value from outside in a message."""
    text = ascii(value)
    return text if len(text) <= 60 else text[:57] + "..."


def digest(*parts: str) -> str:
    """A name for what has none: stable, whoever computes it."""
    joined = "\0".join(parts).encode("utf-8", "replace")
    return sha1(joined, usedforsecurity=False).hexdigest()[:24]


def unquoted(text: str) -> str:
    """Undo the three entities in which platforms hide markup; once, since one may have been said.

    Examples
    --------
    >>> unquoted("AT&amp;T &lt;3 &amp;amp;")
    'AT&T <3 &amp;'
    """
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def moment(value: object, zone: ZoneInfo | None = None, what: str = "its time") -> datetime:
    """A time as ISO 8601 or in seconds since 1970, as aware UTC.

    Raises
    ------
    ValueError
        If it is none, or has neither an offset nor a ``zone``.
    """
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=value)
        if isinstance(value, str):
            said = datetime.fromisoformat(value.strip())
            if said.tzinfo is None:
                if zone is None:
                    raise RowError(f"{what} {shortened(value)} has no time zone; name it with --zone")
                said = said.replace(tzinfo=zone)
            return said.astimezone(UTC)
    except RowError:
        raise
    except (ValueError, OverflowError):
        pass
    raise RowError(f"{what} {shortened(value)} is no time" if value is not None else "it has no time")


def zone_of(name: str | None) -> ZoneInfo | None:
    """The time zone of this name.

    Raises
    ------
    ImporterError
        If there is none.
    """
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ImporterError(f"{name!r} is no time zone; write one such as Europe/Berlin or UTC") from None


class LocalClock:
    """Times of a log that was written by the clock on a wall.

    Lines follow one another, so in the hour that a night in autumn has twice, a time that steps back is
    of the second one.

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
        """The time of the next line, as aware UTC."""
        first = naive.replace(tzinfo=self._zone, fold=0).astimezone(UTC)
        second = naive.replace(tzinfo=self._zone, fold=1).astimezone(UTC)
        if self._last is not None and second > first and first < self._last <= second + timedelta(hours=1):
            first = second
        self._last = first
        return first


def html_text(source: str) -> str:
    r"""What a reader of a piece of HTML sees, as plain text.

    Examples
    --------
    >>> html_text("<p>one &amp; <b>two</b><script>x()</script></p><p>three")
    'one & two\nthree'
    """
    parser = _Reader()
    parser.feed(source)
    parser.close()
    lines = (" ".join(line.split()) for line in "".join(parser.seen).split("\n"))
    return "\n".join(line for line in lines if line)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.seen: list[str] = []
        self._unseen = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag in _UNSEEN:
            self._unseen += 1
        elif tag in _BLOCKS:
            self.seen.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in _UNSEEN:
            self._unseen = max(0, self._unseen - 1)
        elif tag in _BLOCKS:
            self.seen.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.seen.append(re.sub(r"\s+", " ", data))


def entities(text: str) -> str:
    """Text with HTML's character references resolved."""
    return html.unescape(text)
