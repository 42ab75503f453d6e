"""Importer for IRC logs as web pages, one per day and channel: of W3C, WHATWG and irclog2html.

In pages with a list (``<li id="l-5">``), the id of a line is ``irc::html-wg/20101104#l-5``, as in tables
made of these logs. Times are local and need a time zone, except in pages of W3C's own bot
(``<dt id="T09-30-00">``), where they are UTC. Tables and paragraphs of irclog2html
(``id="t2026-05-15T09:30:00"``) have local times.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, time
from html import unescape
from pathlib import Path
from zoneinfo import ZoneInfo

from rtanalytics.event import Event
from rtanalytics.importers.base import ImporterError, Options
from rtanalytics.importers.common import (
    LocalClock,
    author_of,
    build,
    events_of_lines,
    find_links,
    find_tags,
    word,
    zone_of,
)
from rtanalytics.importers.irclines import IrcLine, classify, parse_line, uncoloured
from rtanalytics.importers.irclog import PRESENCE, day_in
from rtanalytics.importers.reading import head_of
from rtanalytics.normalize.values import InvalidValue

__all__ = ["HTML"]

CONNECTOR = "irc-html@1"
_HEAD = 64_000
"""Number of bytes in which :meth:`_Html.uses_day` looks for a date."""
_TITLE = re.compile(r"<(?:title|h1)[^>]*>\s*IRC logs?\b(?: of|:)?(?P<about>[^<]*)<", re.IGNORECASE)
_LINE = re.compile(r'\s*<li id="(?P<key>l-\d+)"[^>]*>(?:<a [^>]*>[^<]*</a>)?\s?(?P<rest>.*?)(?:</li>)?\s*$')
_CLOCK = re.compile(r"\[(\d\d):(\d\d)(?::(\d\d))?\] (.*)$")
_TERM = re.compile(r'\s*<dt id="?(?P<key>T[\d-]+)"?>\s*(?P<time>\d\d:\d\d:\d\d)(?:\s*\[(?P<nick>[^\]]*)\])?')
_TERM_TEXT = re.compile(r"\s*(?:<dt.*?</dt>\s*)?<dd>(?P<rest>.*)$")
_ROW = re.compile(
    r'\s*<(?:tr|p) id="(?P<key>t(?:(?P<day>\d{4}-\d\d-\d\d)T)?(?P<time>\d\d:\d\d(?::\d\d)?)[\d-]*)"'
)
_NICK = re.compile(r'<(?:th|span) class="nick"[^>]*>(?:&lt;)?(.*?)(?:&gt;)?</(?:th|span)>')
_TEXT = re.compile(r'<(?:td|span) class="text"[^>]*>(.*?)</(?:td|span)>')
_NOTICE = re.compile(
    r'class="(?:action|join|part|nickchange|servermsg|other)"[^>]*>'
    r"(?:<a [^>]*>[^<]*</a>)?(.*?)</(?:td|p)>"
)
_MARKUP = re.compile(r"</?[A-Za-z][^<>]*>")


class _Html:
    """Importer for IRC logs as web pages."""

    edits = False

    def recognises(self, path: Path, head: bytes) -> bool:
        """Return True if the title or the generator of the page and the ids of its lines are known."""
        text = head.decode("utf-8", "replace")
        return ('content="irclog2html' in text and re.search(r'<(?:tr|p) id="t\d', text) is not None) or (
            _TITLE.search(text) is not None
            and re.search(r'<(?:li id="l-\d|dt id="?T\d\d-)', text) is not None
        )

    def read(self, path: Path, options: Options) -> Iterator[Event | ValueError]:
        """Yield the events of a page."""
        page = _Page(path, options)
        return events_of_lines(path, page.event, lambda line: uncoloured(line.decode("utf-8", "replace")))

    def uses_day(self, path: Path, options: Options) -> bool:
        """Return False if the page has a date itself, so that ``options.day`` has no effect."""
        for line in head_of(path, _HEAD).decode("utf-8", "replace").splitlines():
            if (title := _TITLE.search(line)) is not None and day_in(title["about"]):
                return False
            if (row := _ROW.match(line)) is not None:
                return not row["day"]
        return True


HTML = _Html()


class _Page:
    """Converter from the lines of a page to events."""

    def __init__(self, path: Path, options: Options) -> None:
        self._options = options
        zone = zone_of(options.zone)
        self._clock = LocalClock(zone) if zone is not None else None
        self._utc = LocalClock(ZoneInfo("UTC"))
        self._day = options.day or day_in(path.name)
        self._channel = options.channel
        self._seen: Counter[str] = Counter()
        self._term: tuple[str, time, str] | None = None

    def event(self, line: str) -> Event | None:
        """Return the event of a line of HTML, or None if the line contains no event."""
        if self._day is None and line.strip().startswith("<title>"):
            self._day = day_in(line)
        if (title := _TITLE.search(line)) is not None:
            self._day = day_in(title["about"]) or self._day
            found = re.search(r"#[^\s/<]+", title["about"]) or re.match(r"\s*(\S+) on ", title["about"])
            self._channel = self._channel or (word(found[found.lastindex or 0]) if found else None)
            return None
        if (item := _LINE.match(line)) is not None:
            return self._item(item["key"], item["rest"])
        if (row := _ROW.match(line)) is not None:
            return self._row(row, line)
        if (term := _TERM.match(line)) is not None:
            self._term = (term["key"], time.fromisoformat(term["time"]), term["nick"] or "")
        if (term_text := _TERM_TEXT.match(line)) is not None and self._term is not None:
            key, at, nick = self._term
            self._term = None
            text = unescape(_MARKUP.sub("", term_text["rest"])).rstrip()
            notice = (
                classify(text)
                if not nick or re.match(rf"{re.escape(nick)} has (?:joined|left|quit)", text)
                else None
            )
            return self._built(key, at, notice or IrcLine("message", nick, text), self._utc)
        return None

    def _item(self, key: str, rest: str) -> Event | None:
        text = unescape(_MARKUP.sub("", rest))
        if (found := _CLOCK.match(text)) is None:
            return None
        parsed = parse_line(found[4])
        if parsed is None:
            raise InvalidValue("neither a message nor an action")
        at = time(int(found[1]), int(found[2]), int(found[3] or 0))
        return self._built(key, at, parsed, self._clock)

    def _row(self, row: re.Match[str], line: str) -> Event | None:
        nick, text, notice = (pattern.search(line, row.end()) for pattern in (_NICK, _TEXT, _NOTICE))
        if nick is not None and text is not None:
            parsed: IrcLine | None = IrcLine("message", _visible(nick[1]).lstrip("@+%&~"), _visible(text[1]))
        else:
            parsed = parse_line(_visible(notice[1]).strip()) if notice is not None else None
        if parsed is None:
            raise InvalidValue("neither a message nor an action")
        if row["day"]:
            self._day = date.fromisoformat(row["day"])
        return self._built(row["key"], time.fromisoformat(row["time"]), parsed, self._clock)

    def _built(self, key: str, at: time, parsed: IrcLine, clock: LocalClock | None) -> Event | None:
        if clock is None:
            raise ImporterError(
                "times without a zone; give the zone of the logger with --zone, such as Europe/Amsterdam"
            )
        day, channel = self._day, self._channel
        if day is None or channel is None:
            raise ImporterError("the page has no day and channel; give them with --day and --channel")
        created = clock.utc(datetime.combine(day, at))
        self._seen[key] += 1
        if parsed.kind in PRESENCE and not self._options.presence:
            return None
        return self._event(_key(key, self._seen[key], day, channel), created, parsed, channel)

    def _event(self, key: str, created: datetime, parsed: IrcLine, channel: str) -> Event:
        channel = channel if channel.startswith("#") else f"#{channel}"
        has_text = parsed.kind not in PRESENCE
        return build(
            id=f"irc::{key}",
            source=f"irc:{channel}",
            type=parsed.kind,
            created_at=created,
            connector=CONNECTOR,
            author=author_of(parsed.nick),
            channel=channel,
            text=parsed.text if has_text else None,
            tags=find_tags(parsed.text) if has_text else (),
            links=find_links(parsed.text),
        )


def _visible(markup: str) -> str:
    """Return the visible text of HTML, with ordinary blanks instead of non-breaking ones."""
    return unescape(_MARKUP.sub("", markup)).replace("\xa0", " ")


def _key(key: str, count: int, day: date, channel: str) -> str:
    return f"{channel.lstrip('#')}/{day:%Y%m%d}#{key}" + (f".{count}" if count > 1 else "")
