"""Importers for IRC logs as text: irssi, WeeChat, HexChat, Supybot, ii, and logs with bracketed times.

One function reads all logs except WeeChat's and knows the time stamps and notices of every client, so
a log is read correctly even if the wrong client was detected.

Times are in the logger's time zone, so the zone must be given unless they have an offset. Lines have no
ids; an id is derived from channel, time, nick, text, and the number of the line among equal lines. So
the same log, or a longer copy of it, gives the same ids. Joins and parts are left out unless requested.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import islice
from pathlib import Path
from zoneinfo import ZoneInfo

from rtanalytics.event import Event
from rtanalytics.importers.base import ImporterError, Options, Rejected
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
from rtanalytics.importers.reading import head_of, lines
from rtanalytics.normalize.dates import AmbiguousOrder, NoZone, day_order, parse_day, parse_time
from rtanalytics.normalize.values import InvalidValue
from rtanalytics.untrusted import abbreviate

__all__ = [
    "HEXCHAT",
    "II",
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
    """Return the first date in a text, written as 2026-05-15 or 20260515, or None."""
    for found in _DAY.finditer(text):
        try:
            return date(*map(int, found.groups()))
        except ValueError:
            continue
    return None


class _Missing(Exception):
    """Facts are missing in a log; the arguments are keys of :data:`_FACTS`."""


@dataclass(slots=True)
class Log:
    """State of reading a log.

    ``day`` is the current day, ``last`` the previous time of day, ``nicks`` all nicks so far, ``now`` the
    time of the latest line, ``equal`` counts equal lines with that time, and ``latest`` is the latest line.
    ``dated`` becomes True when the log gives a date itself, ``day_used`` when a line needs ``day`` before.
    """

    day: date | None
    zone: ZoneInfo | None
    day_first: bool | None
    clock: LocalClock | None
    last: time | None = None
    nicks: dict[str, None] = field(default_factory=dict)
    now: datetime | None = None
    equal: Counter[IrcLine] = field(default_factory=Counter)
    latest: IrcLine | None = None
    dated: bool = False
    day_used: bool = False

    def at(self, clock: time) -> datetime:
        """Return the time of a line without a date; a jump back by 12 hours or more means the next day."""
        if self.day is None:
            raise self.incomplete("day")
        self.day_used |= not self.dated
        if self.last is not None and (clock.hour - self.last.hour) <= -12:
            self.day += timedelta(days=1)
        self.last = clock
        return self.zoned(datetime.combine(self.day, clock))

    def zoned(self, naive: datetime) -> datetime:
        """Convert a time from the logger's time zone to UTC."""
        if self.clock is None:
            raise self.incomplete()
        return self.clock.utc(naive)

    def incomplete(self, *missing: str) -> _Missing:
        """Return the error about missing facts; the time zone is added if it is missing too."""
        return _Missing(*missing, *(["zone"] if self.clock is None else []))

    def parsed(self, text: str) -> datetime:
        """Parse a time stamp with a date, in any common format."""
        try:
            return parse_time(text, self.zone, day_first=self.day_first)
        except NoZone:
            raise self.incomplete() from None
        except AmbiguousOrder:
            raise self.incomplete("dates") from None

    def day_of(self, text: str) -> date:
        """Parse a date without a time."""
        try:
            day = parse_day(text, day_first=self.day_first)
        except AmbiguousOrder:
            raise self.incomplete("dates") from None
        if day is None:
            raise InvalidValue(f"{abbreviate(text)} is not a date")
        return day

    def turn(self, day: date) -> None:
        """Start a new day."""
        self.day, self.last, self.dated = day, None, True


Reader = Callable[[Log, str], tuple[datetime, IrcLine] | None]
"""Function that returns time and content of a log line, or None for a header.

It raises :class:`InvalidValue` for a line of another format.
"""


@dataclass(frozen=True, slots=True)
class IrcLog:
    """Importer for the logs of one client.

    Parameters
    ----------
    line : re.Pattern
        Pattern for the beginning of every line, including headers.
    parse : callable
        Function that parses a line.
    """

    line: re.Pattern[str]
    parse: Reader
    edits: bool = False

    def recognises(self, path: Path, head: bytes) -> bool:
        """Return True if most of the first lines match :attr:`line`."""
        if b"\0" in head[:1000]:
            return False
        text = head.decode("utf-8", "replace")
        whole = text.splitlines() if text.endswith("\n") else text.splitlines()[:-1]
        first = [line for line in whole if line.strip()][:50] or [text.strip()]
        return sum(self.line.match(line) is not None for line in first) > len(first) // 2

    def read(self, path: Path, options: Options) -> Iterator[Event | ValueError]:
        """Yield the events of a log."""
        zone = zone_of(options.zone)
        clock = LocalClock(zone) if zone else None
        log = Log(options.day or day_in(path.name), zone, options.day_first, clock)
        channel = options.channel or _channel_in(path.name)
        repeated: list[Event] = []

        def build(line: str) -> Event | None:
            nonlocal channel
            if channel is None and line.startswith("Session Ident: "):
                channel = word(line.removeprefix("Session Ident: "))
            try:
                parsed = self._parsed(log, line, path)
            except _Missing as missing:
                raise _incomplete(path, {*missing.args, *(["channel"] if channel is None else [])}) from None
            if parsed is None:
                return None
            if channel is None:
                raise _incomplete(path, {"channel"})
            when, content = parsed
            if content.kind != "repeat":
                log.latest = content
                return _event(log, when, content, channel, options)
            times = int(content.text)
            if log.latest is None or times > MAX_REPEATED:
                raise InvalidValue(f"no message before it, or repeated more than {MAX_REPEATED:,} times")
            events = (_event(log, when, log.latest, channel, options) for _ in range(times))
            repeated.extend(event for event in events if event is not None)
            return repeated.pop(0) if repeated else None

        for item in events_of_lines(path, build, lambda data: uncoloured(_decode(data))):
            yield item
            yield from repeated
            repeated.clear()

    def uses_day(self, path: Path, options: Options) -> bool:
        """Return False if the log has dates itself, so that ``options.day`` has no effect on it."""
        zone = zone_of(options.zone)
        log = Log(options.day, zone, options.day_first, LocalClock(zone) if zone else None)
        for entry in islice(lines(path), _PEEKED):
            if isinstance(entry, Rejected):
                continue
            try:
                parsed = self._parsed(log, uncoloured(_decode(entry[1])), path)
            except (_Missing, InvalidValue):
                continue
            if parsed is not None:
                return log.day_used
        return True

    def _parsed(self, log: Log, line: str, path: Path) -> tuple[datetime, IrcLine] | None:
        """Parse a line; if it needs the order of day and month, find that from all dates of the file."""
        try:
            return self.parse(log, line)
        except _Missing as missing:
            if "dates" not in missing.args:
                raise
            stamps = (
                _ANY_STAMP.match(_decode(one[1])) for one in lines(path) if not isinstance(one, Rejected)
            )
            log.day_first = day_order(
                (found["day"] or found["bare"] or "").strip() for found in stamps if found is not None
            )
            if log.day_first is None:
                raise
            return self.parse(log, line)


_PEEKED = 1_000
"""Number of lines among which :meth:`IrcLog.uses_day` looks for the first message."""

MAX_REPEATED = 1_000
"""Maximum count in ``last message repeated N times``; a higher count is an error."""

_FACTS = {
    "zone": (
        "times without a zone; give the zone of the logger with --zone, such as Europe/Berlin",
        "Europe/Berlin",
    ),
    "day": ("the log has times but no dates; give its first day with --day", "2026-05-15"),
    "year": ("the log does not contain the year; give its first day with --day", "2026-05-15"),
    "dates": (
        "dates may begin with the day or with the month; give --dates day-first or --dates month-first",
        "day-first",
    ),
    "channel": ("the log does not name its channel; give it with --channel", "#pycon"),
}


def _incomplete(path: Path, missing: set[str]) -> ImporterError:
    """Return the error about missing facts, with the command-line options that supply them."""
    reasons, add = [], []
    for name in (name for name in _FACTS if name in missing):
        reason, example = _FACTS[name]
        if name == "channel":
            joined = re.search(
                rb"(?:joined|left|Ident:)(?: channel)? ([#&][^\s,:]{1,50})", head_of(path, 65_536)
            )
            example = joined[1].decode("utf-8", "replace") if joined else example
        reasons.append(reason)
        add += [f"--{'day' if name == 'year' else name}", example]
    return ImporterError("; ".join(reasons), add)


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
    """Decode a line as UTF-8, or as Windows-1252 if it is not valid UTF-8."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def _channel_in(name: str) -> str | None:
    found = _CHANNEL.search(name)
    return word(found.group()) if found else None


def _long_date(text: str) -> date | None:
    """Parse a date such as ``Fri May 15 09:30:00 2026``; return None if there is none."""
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


def _text(log: Log, line: str) -> tuple[datetime, IrcLine] | None:
    """Parse a line of a log by any client except WeeChat."""
    if line.startswith(("--- ", "---", "===", "****", "Session ")):
        is_end = line.startswith(("--- Log closed", "Session Close", "**** ENDING"))
        if not is_end and (at := _long_date(line)) is not None:
            log.turn(at)
        return None
    if (found := _BRACKETED.match(line) or _BARE.match(line)) is not None:
        if found["rest"].startswith("--- ") and (at := _long_date(found["rest"])) is not None:
            log.turn(at)
            return None
        parsed = _known(parse_line(found["rest"]) or eggdrop(found["rest"]))
        return _when(log, found), parsed
    if (found := _MONTHLY.match(line)) is not None and found["month"].title() in MONTHS:
        if log.day is None:
            raise log.incomplete("year")
        log.day_used |= not log.dated
        month, day = MONTHS[found["month"].title()], int(found["day"])
        # these lines have no year; a new year begins when the month jumps back
        year = log.day.year + (month < log.day.month - 6)
        log.day = date(year, month, day)
        parsed = _known(parse_line(found["rest"]))
        return log.zoned(datetime.combine(log.day, _clock(found))), parsed
    if (found := _SECONDS.match(line)) is not None:
        return moment(found["seconds"]), _known(parse_line(found["rest"]))
    if (found := _ANY_STAMP.match(line)) is not None:
        stamp = found["bare"] or f"{found['day']} {found['clock'] or ''}"
        return log.parsed(stamp), _known(parse_line(found["rest"]) or eggdrop(found["rest"]))
    raise InvalidValue(_UNKNOWN)


def _when(log: Log, found: re.Match[str]) -> datetime:
    """Return the time of a line from its time of day and, if given, its date and offset."""
    groups = found.groupdict()
    if groups.get("long"):
        log.turn(log.day_of(found["long"]))
        return log.at(_clock(found))
    if found["day"] is None:
        return log.at(_clock(found))
    day = date.fromisoformat(re.sub("[/.]", "-", found["day"]))
    log.turn(day)
    naive = datetime.combine(day, _clock(found))
    return moment(naive.isoformat() + found["offset"]) if found["offset"] else log.zoned(naive)


def _clock(found: re.Match[str]) -> time:
    hour = int(found["hour"])
    if half := found.groupdict().get("half"):
        hour = hour % 12 + (12 if half[0] in "Pp" else 0)
    return time(hour, int(found["minute"]), int(found["second"] or 0))


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


_TIME = r"(?P<hour>[01]?\d|2[0-3]):(?P<minute>[0-5]\d)(?::(?P<second>[0-5]\d))?"
_HALF = r"(?: ?(?P<half>[AaPp]\.?[Mm]\.?))?"
_OFFSET = r"(?P<offset>Z|[+-]\d\d:?\d\d)?"
_DATED = rf"(?:(?P<day>\d{{4}}[-/.]\d\d[-/.]\d\d)[ T])?{_TIME}(?:[.,]\d{{1,9}})?{_HALF} ?{_OFFSET}"
_LONG = r"(?P<long>[^\]\[]{0,20}\d{4}[^\]\[]{0,10}|[^\]\[]{6,30}\d{4})"
_BRACKETED = re.compile(
    # mIRC writes a colour code before the time; in some logs its control character was removed
    rf"(?:0\d|1[0-5])?\[(?:{_LONG}\] ?\[)?{_DATED}\][ \t]?(?P<rest>.*)"
)
_BARE = re.compile(rf"{_DATED}[ \t]{{0,2}}(?P<rest>.*)")
_MONTHLY = re.compile(rf"(?P<month>[A-Za-z]{{3}}) (?P<day>[ 0-3]\d) {_TIME} (?P<rest>.*)")
_SECONDS = re.compile(r"(?P<seconds>\d{9,10}|\d{13}) (?P<rest>[<*-].*)")
_ANY_STAMP = re.compile(
    r"(?:\[(?P<day>[^\]\[]{5,60})\](?: ?\[(?P<clock>[^\]\[]{4,40})\])?[ \t]?|"
    r"(?P<bare>\d{1,2}[./-]\d{1,2}[./-]\d{2,4},? \d{1,2}:\d\d(?::\d\d)?(?: ?[AaPp][Mm])?) (?=[<*]|-\S))"
    r"(?P<rest>.*)"
)
"""Time stamp with a date in any order, with or without brackets."""

_WEECHAT = re.compile(
    rf"(?P<when>\d{{4}}-\d\d-\d\d[ T]\d\d:\d\d(?::\d\d(?:\.\d{{1,9}})?)?){_OFFSET}\t"
    r"(?P<prefix>[^\t]*)\t(?P<rest>.*)"
)

# patterns for the beginning of each client's lines, to recognise its logs
_CLOCK = r"[012]?\d:[0-5]\d(?::[0-5]\d)?(?: ?[AaPp]\.?[Mm]\.?)?"
_DAY_AND_CLOCK = rf"(?:\d{{4}}[-/.]\d\d[-/.]\d\d[ T])?{_CLOCK}(?:[.,]\d{{1,9}})? ?(?:Z|[+-]\d\d:?\d\d)?"
_IS_IRSSI = re.compile(
    rf"(?:\d{{4}}-\d\d-\d\d |\d{{1,2}}[./-]\d{{1,2}}[./-]\d{{2,4}},? )?{_CLOCK} ?(?:[<*]|-\S| \*)|"
    r"--- (?:Log (?:opened|closed)|Day changed) "
)
_IS_ZNC = re.compile(
    rf"(?:0\d|1[0-5])?\[(?:[^\]\[]{{6,40}}\] ?\[)?{_DAY_AND_CLOCK}\](?!\[)|"
    r"\[[^\]\[]{0,40}\d:\d\d[^\]\[]{0,20}\][ \t]?(?:[<*•]|-\S)|"
    r"\[[^\]\[]{5,40}\] ?\[[^\]\[]{0,20}\d:\d\d[^\]\[]{0,20}\][ \t]?\S|"
    r"=== |Session (?:Start|Ident|Close|Time)(?: \([^)]*\))?: "
)
_IS_HEXCHAT = re.compile(
    rf"[A-Za-z]{{3}} [ 0-3]\d {_CLOCK} |\*\*\*\* (?:BEGIN|ENDING) LOGGING AT |"
    rf"(?:\d{{4}}-\d\d-\d\d )?{_CLOCK} (?:<[^>\s]+>|\*|-[^-\s]+-)\t"
)
_IS_SUPYBOT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)? ")

IRSSI = IrcLog(_IS_IRSSI, _text)
ZNC = IrcLog(_IS_ZNC, _text)
HEXCHAT = IrcLog(_IS_HEXCHAT, _text)
WEECHAT = IrcLog(_WEECHAT, _weechat)
SUPYBOT = IrcLog(_IS_SUPYBOT, _text)
II = IrcLog(_SECONDS, _text)
