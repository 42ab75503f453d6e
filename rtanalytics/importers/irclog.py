"""IRC logs as text: of irssi, WeeChat, HexChat, ZNC (with energymech, mIRC and Eggdrop) and Supybot.

Times are local to the logger, so they need a zone unless they have an offset. A line has no id of its
own. Its id is derived from channel, time, nick and text, and its number among equal lines, so the same
log, or a longer copy of it, gives the same ids. Joins and parts are left out unless requested.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path

from rtanalytics.event import Event
from rtanalytics.importers.base import ImporterError, Options
from rtanalytics.importers.common import (
    MONTHS,
    LocalClock,
    author_of,
    build,
    digest,
    events_of_lines,
    find_links,
    find_tags,
    moment,
    word,
    zone_of,
)
from rtanalytics.importers.irclines import IrcLine, classify, eggdrop, parse_line, uncoloured
from rtanalytics.normalize.values import InvalidValue

__all__ = [
    "HEXCHAT",
    "IRSSI",
    "SUPYBOT",
    "WEECHAT",
    "ZNC",
    "day_in",
]

CONNECTOR = "irc-log@1"
PRESENCE = frozenset({"join", "part", "quit", "nick", "mode", "kick"})

_CHANNEL = re.compile(
    r"[#&][^\s,\x00-\x1f/]+?(?=(?:[_.-]\d{4,}|\.weechatlog|\.log|\.txt|\.gz|\.zst|$|\s))", re.IGNORECASE
)
_DAY = re.compile(r"(?<!\d)(\d{4})-?(\d\d)-?(\d\d)(?!\d)")
_LONG_DATE = re.compile(r"\w{3} (\w{3}) +(\d{1,2}) (?:\d\d:\d\d:\d\d )?(\d{4})\s*$")


def day_in(text: str) -> date | None:
    """Return the first date in a name, written 2026-05-15 or 20260515."""
    for found in _DAY.finditer(text):
        try:
            return date(*map(int, found.groups()))
        except ValueError:
            continue
    return None


@dataclass(slots=True)
class Log:
    """State while a log is read: the day, the nicks, and the lines of the current minute."""

    day: date | None
    clock: LocalClock | None
    last: time | None = None
    nicks: dict[str, None] = field(default_factory=dict)
    now: datetime | None = None
    equal: Counter[IrcLine] = field(default_factory=Counter)

    def at(self, clock: time) -> datetime:
        """Return the time of a line without a date; a jump back by half a day means the next day."""
        if self.day is None:
            raise ImporterError("the log has times but no dates; give its first day with --day")
        if self.last is not None and (clock.hour - self.last.hour) <= -12:
            self.day += timedelta(days=1)
        self.last = clock
        return self.zoned(datetime.combine(self.day, clock))

    def zoned(self, naive: datetime) -> datetime:
        """Convert a local time of the logger to UTC."""
        if self.clock is None:
            raise ImporterError(
                "its times have no zone; give that of the logger with --zone, such as Europe/Berlin"
            )
        return self.clock.utc(naive)

    def turn(self, day: date) -> None:
        """Start a new day."""
        self.day, self.last = day, None


Reader = Callable[[Log, str], tuple[datetime, IrcLine] | None]
"""Parses a line of a log; None for a header. Raises :class:`InvalidValue` for a line of another format."""


@dataclass(frozen=True, slots=True)
class IrcLog:
    """Importer for the logs of one client.

    Parameters
    ----------
    line : re.Pattern
        Beginning of all lines, including headers.
    parse : callable
        Parses a line.
    """

    line: re.Pattern[str]
    parse: Reader
    edits: bool = False

    def recognises(self, path: Path, head: bytes) -> bool:
        """Return True if most of the first lines match."""
        if b"\0" in head[:1000]:
            return False
        text = head.decode("utf-8", "replace")
        first = [line for line in text.splitlines()[:-1] if line.strip()][:50] or [text.strip()]
        return sum(self.line.match(line) is not None for line in first) > len(first) // 2

    def read(self, path: Path, options: Options) -> Iterator[Event | ValueError]:
        """Yield the events of a log."""
        zone = zone_of(options.zone)
        log = Log(options.day or day_in(path.name), LocalClock(zone) if zone else None)
        channel = options.channel or _channel_in(path.name)

        def build(line: str) -> Event | None:
            nonlocal channel
            if channel is None and line.startswith("Session Ident: "):
                channel = word(line.removeprefix("Session Ident: "))
            parsed = self.parse(log, line)
            if parsed is None:
                return None
            if channel is None:
                raise ImporterError("the channel is not known; give it with --channel")
            return _event(log, *parsed, channel, options)

        return events_of_lines(path, build, lambda data: uncoloured(_decode(data)))


def _event(log: Log, when: datetime, parsed: IrcLine, channel: str, options: Options) -> Event | None:
    if parsed.kind in PRESENCE and not options.presence:
        return None
    if log.now != when:
        log.now = when
        log.equal.clear()
    log.equal[parsed] += 1
    channel = channel if channel.startswith(("#", "&")) else f"#{channel}"
    place = f"{options.network}/{channel}" if options.network else channel
    key = digest(when.isoformat(), parsed.kind, parsed.nick, parsed.text, str(log.equal[parsed]))
    has_text = parsed.kind not in PRESENCE
    mentions = []
    if has_text:
        if len(log.nicks) < 100_000:
            log.nicks.setdefault(parsed.nick)
        addressed = re.match(r"([^\s:,<>]{1,64})[:,](?: |$)", parsed.text)
        mentions = [addressed[1]] if addressed and addressed[1] in log.nicks else []
    return build(
        id=f"irc:{word(place)}:{key}",
        source=f"irc:{channel}",
        type=parsed.kind,
        created_at=when,
        connector=CONNECTOR,
        id_kind="derived",
        author=author_of(parsed.nick),
        channel=channel,
        text=parsed.text if has_text else None,
        tags=find_tags(parsed.text) if has_text else (),
        mentions=mentions,
        links=find_links(parsed.text),
    )


def _decode(data: bytes) -> str:
    """Decode UTF-8, or the Windows encoding that was common before it."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def _channel_in(name: str) -> str | None:
    found = _CHANNEL.search(name)
    return word(found.group()) if found else None


def _long_date(text: str) -> date | None:
    """Parse ``Fri May 15 09:30:00 2026``, in English in any locale."""
    if (found := _LONG_DATE.search(text)) is None or found[1] not in MONTHS:
        return None
    month, day, year = found.groups()
    try:
        return date(int(year), MONTHS[month], int(day))
    except ValueError:
        return None


_UNKNOWN = "not a line of this format; if another client wrote the log, give its name with --format"


def _known(line: IrcLine | None) -> IrcLine:
    if line is None:
        raise InvalidValue(_UNKNOWN)
    return line


def _irssi(log: Log, line: str) -> tuple[datetime, IrcLine] | None:
    if line.startswith("--- "):
        if (at := _long_date(line)) is not None and not line.startswith("--- Log closed"):
            log.turn(at)
        return None
    if (found := _IRSSI.match(line)) is None or found["hour"] is None:
        raise InvalidValue(_UNKNOWN)
    parsed = _known(parse_line(found["rest"]))
    return _when(log, found), parsed


def _znc(log: Log, line: str) -> tuple[datetime, IrcLine] | None:
    if line.startswith(("Session ", "===", "---")):
        if (at := _long_date(line)) is not None and not line.startswith("Session Close"):
            log.turn(at)
        return None
    if (found := _ZNC.match(line)) is None or found["hour"] is None:
        raise InvalidValue(_UNKNOWN)
    if found["rest"].startswith("--- ") and (at := _long_date(found["rest"])) is not None:
        log.turn(at)
        return None
    parsed = _known(parse_line(found["rest"]) or eggdrop(found["rest"]))
    return _when(log, found), parsed


def _when(log: Log, found: re.Match[str]) -> datetime:
    """Return the time of a line, which may have a date and an offset."""
    if found["day"] is None:
        return log.at(_clock(found))
    day = date.fromisoformat(found["day"])
    log.turn(day)
    naive = datetime.combine(day, _clock(found))
    offset = found.groupdict().get("offset")
    return moment(naive.isoformat() + offset) if offset else log.zoned(naive)


def _clock(found: re.Match[str]) -> time:
    return time(int(found["hour"]), int(found["minute"]), int(found["second"] or 0))


def _hexchat(log: Log, line: str) -> tuple[datetime, IrcLine] | None:
    if line.startswith("****"):
        if (at := _long_date(line)) is not None and "BEGIN" in line:
            log.turn(at)
        return None
    if (found := _HEXCHAT.match(line)) is None or (found["month"] or "").title() not in MONTHS:
        raise InvalidValue(_UNKNOWN)
    if log.day is None:
        raise ImporterError("the log does not contain the year; give its first day with --day")
    month, day = MONTHS[found["month"].title()], int(found["day"])
    # a new year begins where the months start again
    year = log.day.year + (month < log.day.month - 6)
    log.day = date(year, month, day)
    parsed = _known(parse_line(found["rest"]))
    return log.zoned(datetime.combine(log.day, _clock(found))), parsed


def _weechat(log: Log, line: str) -> tuple[datetime, IrcLine] | None:
    if (found := _WEECHAT.match(line)) is None:
        raise InvalidValue(_UNKNOWN)
    naive = datetime.fromisoformat(found["when"])
    at = moment(f"{naive.isoformat()}{found['offset']}") if found["offset"] else log.zoned(naive)
    prefix, text = found["prefix"].strip(), found["rest"]
    if prefix in ("-->", "<--", "--", "=!=", "⚡", ""):
        if notice := re.match(r"Notice\(([^)\s]+)\)(?: -> \S+)?: (.*)$", text):
            return at, IrcLine("notice", notice[1], notice[2])
        return at, classify(text) or IrcLine("mode", "", text)
    if prefix == "*":
        nick, _, rest = text.partition(" ")
        return at, IrcLine("action", nick, rest)
    return at, IrcLine("message", prefix.lstrip("@+%&~ "), text)


def _supybot(log: Log, line: str) -> tuple[datetime, IrcLine] | None:
    if (found := _SUPYBOT.match(line)) is None:
        raise InvalidValue(_UNKNOWN)
    parsed = _known(parse_line(found["rest"]))
    if found["offset"]:
        return moment(found["when"] + found["offset"]), parsed
    return log.zoned(datetime.fromisoformat(found["when"])), parsed


_TIME = r"(?P<hour>[01]\d|2[0-3]):(?P<minute>[0-5]\d)(?::(?P<second>[0-5]\d))?"
_DATED = rf"(?:(?P<day>\d{{4}}-\d\d-\d\d)[ T])?{_TIME}"
_OFFSET = r"(?P<offset>Z|[+-]\d\d:?\d\d)?"
_IRSSI = re.compile(rf"(?:{_DATED} (?=[<*]|-\S| \*)(?P<rest>.*)|--- (?:Log (?:opened|closed)|Day changed) )")
_ZNC = re.compile(
    # mIRC writes a colour before the time; only its number is left where the control byte was removed
    rf"(?:(?:0\d|1[0-5])?\[{_DATED}(?:\.\d{{1,9}})?{_OFFSET}\] (?P<rest>.*)|"
    r"=== |Session (?:Start|Ident|Close|Time)(?: \([^)]*\))?: )"
)
_HEXCHAT = re.compile(
    rf"(?:(?P<month>[A-Za-z]{{3}}) (?P<day>[ 0-3]\d) {_TIME} (?P<rest>.*)|"
    r"\*\*\*\* (?:BEGIN|ENDING) LOGGING AT )"
)
_WEECHAT = re.compile(
    rf"(?P<when>\d{{4}}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d{{1,9}})?){_OFFSET}\t"
    r"(?P<prefix>[^\t]*)\t(?P<rest>.*)"
)
_SUPYBOT = re.compile(rf"(?P<when>\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d){_OFFSET} {{1,2}}(?P<rest>.*)")

IRSSI = IrcLog(_IRSSI, _irssi)
ZNC = IrcLog(_ZNC, _znc)
HEXCHAT = IrcLog(_HEXCHAT, _hexchat)
WEECHAT = IrcLog(_WEECHAT, _weechat)
SUPYBOT = IrcLog(_SUPYBOT, _supybot)
