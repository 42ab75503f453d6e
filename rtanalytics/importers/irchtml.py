"""IRC logs as web pages, a day and channel each: those of W3C and WHATWG, and those that irclog2html makes.

Of the kind that lists lines (``<li id="l-5">``) a line is ``irc::html-wg/20101104#l-5``, as tables made
of these logs have it; times are the logger's and need a zone. Of the kind that W3C's own bot writes (``<dt
id="T09-30-00">``) times are UTC. Of irclog2html's tables and paragraphs (``id="t2026-05-15T09:30:00"``) they
are the logger's too.
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
from rtanalytics.importers.base import ImporterError, Options, Rejected, RowError
from rtanalytics.importers.common import (
    BAD_ROW,
    LocalClock,
    author_of,
    build,
    find_links,
    find_tags,
    reason_of,
    word,
    zone_of,
)
from rtanalytics.importers.irclines import Said, classify, said_text, uncoloured
from rtanalytics.importers.irclog import PRESENCE, day_in
from rtanalytics.importers.reading import lines

__all__ = ["HTML"]

CONNECTOR = "irc-html@1"
_TITLE = re.compile(r"<(?:title|h1)[^>]*>\s*IRC logs?\b(?: of|:)?(?P<about>[^<]*)<", re.IGNORECASE)
_LINE = re.compile(r'\s*<li id="(?P<key>l-\d+)"[^>]*>(?:<a [^>]*>[^<]*</a>)?\s?(?P<rest>.*?)(?:</li>)?\s*$')
_CLOCK = re.compile(r"\[(\d\d):(\d\d)(?::(\d\d))?\] (.*)$")
_TERM = re.compile(r'\s*<dt id="?(?P<key>T[\d-]+)"?>\s*(?P<time>\d\d:\d\d:\d\d)(?:\s*\[(?P<nick>[^\]]*)\])?')
_TOLD = re.compile(r"\s*(?:<dt.*?</dt>\s*)?<dd>(?P<rest>.*)$")
_ROW = re.compile(
    r'\s*<(?:tr|p) id="(?P<key>t(?:(?P<day>\d{4}-\d\d-\d\d)T)?(?P<time>\d\d:\d\d(?::\d\d)?)[\d-]*)"'
)
_NICK = re.compile(r'<(?:th|span) class="nick"[^>]*>(?:&lt;)?(.*?)(?:&gt;)?</(?:th|span)>')
_TEXT = re.compile(r'<(?:td|span) class="text"[^>]*>(.*?)</(?:td|span)>')
_DEED = re.compile(
    r'class="(?:action|join|part|nickchange|servermsg|other)"[^>]*>'
    r"(?:<a [^>]*>[^<]*</a>)?(.*?)</(?:td|p)>"
)
_MARKUP = re.compile(r"</?[A-Za-z][^<>]*>")


class _Html:
    """Importer of such pages."""

    what = "IRC log as HTML (W3C, WHATWG, irclog2html)"
    edits = False

    def recognises(self, path: Path, head: bytes) -> bool:
        """True by the title of the page, or who made it, and the ids of its lines."""
        text = head.decode("utf-8", "replace")
        return ('content="irclog2html' in text and re.search(r'<(?:tr|p) id="t\d', text) is not None) or (
            _TITLE.search(text) is not None
            and re.search(r'<(?:li id="l-\d|dt id="?T\d\d-)', text) is not None
        )

    def read(self, path: Path, options: Options) -> Iterator[Event | ValueError]:
        page = _Page(path, options)
        for entry in lines(path):
            if isinstance(entry, Rejected):
                yield entry
                continue
            number, data = entry
            line = uncoloured(data.decode("utf-8", "replace"))
            try:
                event = page.event(line)
            except ImporterError as error:
                raise ImporterError(f"{path}, line {number}: {error}") from None
            except BAD_ROW as error:
                yield Rejected(path, f"line {number}", reason_of(error), line)
                continue
            if event is not None:
                yield event


HTML = _Html()


class _Page:
    """A page, whose lines become events."""

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
        """The event of a line of the page; None if it tells nothing."""
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
        if (told := _TOLD.match(line)) is not None and self._term is not None:
            key, at, nick = self._term
            self._term = None
            text = unescape(_MARKUP.sub("", told["rest"])).rstrip()
            said = (
                classify(text)
                if not nick or re.match(rf"{re.escape(nick)} has (?:joined|left|quit)", text)
                else None
            )
            return self._built(key, at, said or Said("message", nick, text), self._utc)
        return None

    def _item(self, key: str, rest: str) -> Event | None:
        text = unescape(_MARKUP.sub("", rest))
        if (found := _CLOCK.match(text)) is None:
            return None
        said = said_text(found[4])
        if said is None:
            raise RowError("neither said nor done by anybody")
        at = time(int(found[1]), int(found[2]), int(found[3] or 0))
        return self._built(key, at, said, self._clock)

    def _row(self, row: re.Match[str], line: str) -> Event | None:
        nick, text, deed = (pattern.search(line, row.end()) for pattern in (_NICK, _TEXT, _DEED))
        if nick is not None and text is not None:
            said: Said | None = Said("message", _shown(nick[1]).lstrip("@+%&~"), _shown(text[1]))
        else:
            said = said_text(_shown(deed[1]).strip()) if deed is not None else None
        if said is None:
            raise RowError("neither said nor done by anybody")
        if row["day"]:
            self._day = date.fromisoformat(row["day"])
        return self._built(row["key"], time.fromisoformat(row["time"]), said, self._clock)

    def _built(self, key: str, at: time, said: Said, clock: LocalClock | None) -> Event | None:
        if clock is None:
            raise ImporterError(
                "its times have no zone; name the logger's with --zone, such as Europe/Amsterdam"
            )
        day, channel = self._day, self._channel
        if day is None or channel is None:
            raise ImporterError(
                "the page does not say its day and channel; name them with --day and --channel"
            )
        when = clock.utc(datetime.combine(day, at))
        self._seen[key] += 1
        if said.kind in PRESENCE and not self._options.presence:
            return None
        return self._told(_key(key, self._seen[key], day, channel), when, said, channel)

    def _told(self, key: str, when: datetime, said: Said, channel: str) -> Event:
        channel = channel if channel.startswith("#") else f"#{channel}"
        spoken = said.kind not in PRESENCE
        return build(
            id=f"irc::{key}",
            source=f"irc:{channel}",
            type=said.kind,
            created_at=when,
            connector=CONNECTOR,
            author=author_of(said.nick),
            channel=channel,
            text=said.text if spoken else None,
            tags=find_tags(said.text) if spoken else (),
            links=find_links(said.text),
        )


def _shown(markup: str) -> str:
    """What is seen of a piece of a page, in which blanks are kept apart."""
    return unescape(_MARKUP.sub("", markup)).replace("\xa0", " ")


def _key(key: str, count: int, day: date, channel: str) -> str:
    return f"{channel.lstrip('#')}/{day:%Y%m%d}#{key}" + (f".{count}" if count > 1 else "")
