"""IRC logs as text: of irssi, WeeChat, HexChat, ZNC (with energymech, mIRC and Eggdrop) and Supybot.

Times are those of the logger's wall, so they need a zone unless they say their offset. A line has no id
of its own: it is known by its channel, time, nick and text, and by its number among equal ones, so that the
same log, also a longer one, gives the same ids. Who comes and goes is left out unless it is asked for.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path

from rtanalytics.event import Event
from rtanalytics.importers.base import ImporterError, Options, Rejected
from rtanalytics.importers.common import (
    BAD_ROW,
    MONTHS,
    LocalClock,
    author_of,
    build,
    digest,
    find_links,
    find_tags,
    moment,
    reason_of,
    word,
    zone_of,
)
from rtanalytics.importers.irclines import Said, classify, eggdrop, said_text, uncoloured
from rtanalytics.importers.reading import lines

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
    """The first date in a name, written 2026-05-15 or 20260515."""
    for found in _DAY.finditer(text):
        try:
            return date(*map(int, found.groups()))
        except ValueError:
            continue
    return None


@dataclass(slots=True)
class Log:
    """Where a log has come to: which day it is, and what has been said in this minute."""

    day: date | None
    clock: LocalClock | None
    last: time | None = None
    nicks: dict[str, None] = field(default_factory=dict)
    now: datetime | None = None
    equal: Counter[Said] = field(default_factory=Counter)

    def at(self, said: time) -> datetime:
        """The moment of a line that has only a time; past midnight if the clock jumps back by half a day."""
        if self.day is None:
            raise ImporterError("the log has times but no dates; name its first day with --day")
        if self.last is not None and (said.hour - self.last.hour) <= -12:
            self.day += timedelta(days=1)
        self.last = said
        return self.zoned(datetime.combine(self.day, said))

    def zoned(self, naive: datetime) -> datetime:
        """A time on the logger's wall as UTC."""
        if self.clock is None:
            raise ImporterError(
                "its times have no zone; name the logger's with --zone, such as Europe/Berlin"
            )
        return self.clock.utc(naive)

    def turn(self, day: date) -> None:
        """A line says which day it is from here on."""
        self.day, self.last = day, None


Reader = Callable[[Log, str], tuple[datetime, Said] | str | None]
"""Reads a line: what was said and when, or None if it says nothing, or what is wrong with it."""


@dataclass(frozen=True, slots=True)
class IrcLog:
    """Importer of the logs of one client.

    Parameters
    ----------
    what : str
        The format in a few words.
    line : re.Pattern
        How its lines begin, the headers among them.
    reads : callable
        Reads a line.
    """

    what: str
    line: re.Pattern[str]
    reads: Reader
    edits: bool = False

    def recognises(self, path: Path, head: bytes) -> bool:
        """True if most of the first lines look so."""
        if b"\0" in head[:1000]:
            return False
        first = [line for line in head.decode("utf-8", "replace").splitlines()[:-1] or [""] if line.strip()][
            :50
        ]
        first = first or [head.decode("utf-8", "replace").strip()]
        return sum(self.line.match(line) is not None for line in first) > len(first) // 2

    def read(self, path: Path, options: Options) -> Iterator[Event | ValueError]:
        zone = zone_of(options.zone)
        log = Log(options.day or day_in(path.name), LocalClock(zone) if zone else None)
        channel = options.channel or _channel_in(path.name)
        for entry in lines(path):
            if isinstance(entry, Rejected):
                yield entry
                continue
            number, data = entry
            line = uncoloured(_decoded(data))
            where = f"line {number}"
            if channel is None and line.startswith("Session Ident: "):
                channel = word(line.removeprefix("Session Ident: "))
            try:
                found = self.reads(log, line)
                if found is None:
                    continue
                if isinstance(found, str):
                    yield Rejected(path, where, found, line)
                    continue
                when, said = found
                if channel is None:
                    raise ImporterError("which channel is it? name it with --channel")
                event = _event(log, when, said, channel, options)
            except ImporterError as error:
                raise ImporterError(f"{path}, {where}: {error}") from None
            except BAD_ROW as error:
                yield Rejected(path, where, reason_of(error), line)
                continue
            if event is not None:
                yield event


def _event(log: Log, when: datetime, said: Said, channel: str, options: Options) -> Event | None:
    if said.kind in PRESENCE and not options.presence:
        return None
    if log.now != when:
        log.now = when
        log.equal.clear()
    log.equal[said] += 1
    channel = channel if channel.startswith(("#", "&")) else f"#{channel}"
    place = f"{options.network}/{channel}" if options.network else channel
    key = digest(when.isoformat(), said.kind, said.nick, said.text, str(log.equal[said]))
    spoken = said.kind not in PRESENCE
    mentions = []
    if spoken:
        if len(log.nicks) < 100_000:
            log.nicks.setdefault(said.nick)
        addressed = re.match(r"([^\s:,<>]{1,64})[:,](?: |$)", said.text)
        mentions = [addressed[1]] if addressed and addressed[1] in log.nicks else []
    return build(
        id=f"irc:{word(place)}:{key}",
        source=f"irc:{channel}",
        type=said.kind,
        created_at=when,
        connector=CONNECTOR,
        id_kind="derived",
        author=author_of(said.nick),
        channel=channel,
        text=said.text if spoken else None,
        tags=find_tags(said.text) if spoken else (),
        mentions=mentions,
        links=find_links(said.text),
    )


def _decoded(data: bytes) -> str:
    """As people typed it: UTF-8, or what was usual before."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def _channel_in(name: str) -> str | None:
    found = _CHANNEL.search(name)
    return word(found.group()) if found else None


def _long_date(text: str) -> date | None:
    """``Fri May 15 09:30:00 2026``, in English whatever the system speaks."""
    if (found := _LONG_DATE.search(text)) is None or found[1] not in MONTHS:
        return None
    month, day, year = found.groups()
    try:
        return date(int(year), MONTHS[month], int(day))
    except ValueError:
        return None


_STRANGE = "no line of this format; if another client wrote it, name that with --format"


def _irssi(log: Log, line: str) -> tuple[datetime, Said] | str | None:
    if line.startswith("--- "):
        if (at := _long_date(line)) is not None and not line.startswith("--- Log closed"):
            log.turn(at)
        return None
    if (found := _IRSSI.match(line)) is None or found["hour"] is None:
        return _STRANGE
    said = said_text(found["rest"])
    return _STRANGE if said is None else (_when(log, found), said)


def _znc(log: Log, line: str) -> tuple[datetime, Said] | str | None:
    if line.startswith(("Session ", "===", "---")):
        if (at := _long_date(line)) is not None and not line.startswith("Session Close"):
            log.turn(at)
        return None
    if (found := _ZNC.match(line)) is None or found["hour"] is None:
        return _STRANGE
    if found["rest"].startswith("--- ") and (at := _long_date(found["rest"])) is not None:
        log.turn(at)
        return None
    said = said_text(found["rest"]) or eggdrop(found["rest"])
    return _STRANGE if said is None else (_when(log, found), said)


def _when(log: Log, found: re.Match[str]) -> datetime:
    """The moment of a line, which may say its day, and even its offset."""
    if found["day"] is None:
        return log.at(_clock(found))
    day = date.fromisoformat(found["day"])
    log.turn(day)
    naive = datetime.combine(day, _clock(found))
    offset = found.groupdict().get("offset")
    return moment(naive.isoformat() + offset) if offset else log.zoned(naive)


def _clock(found: re.Match[str]) -> time:
    return time(int(found["hour"]), int(found["minute"]), int(found["second"] or 0))


def _hexchat(log: Log, line: str) -> tuple[datetime, Said] | str | None:
    if line.startswith("****"):
        if (at := _long_date(line)) is not None and "BEGIN" in line:
            log.turn(at)
        return None
    if (found := _HEXCHAT.match(line)) is None or (found["month"] or "").title() not in MONTHS:
        return _STRANGE
    if log.day is None:
        raise ImporterError("the log does not say of which year it is; name its first day with --day")
    month, day = MONTHS[found["month"].title()], int(found["day"])
    # a year has gone by where the months begin again
    year = log.day.year + (month < log.day.month - 6)
    log.day = date(year, month, day)
    said = said_text(found["rest"])
    return _STRANGE if said is None else (log.zoned(datetime.combine(log.day, _clock(found))), said)


def _weechat(log: Log, line: str) -> tuple[datetime, Said] | str | None:
    if (found := _WEECHAT.match(line)) is None:
        return _STRANGE
    naive = datetime.fromisoformat(found["when"])
    at = moment(f"{naive.isoformat()}{found['offset']}") if found["offset"] else log.zoned(naive)
    prefix, text = found["prefix"].strip(), found["rest"]
    if prefix in ("-->", "<--", "--", "=!=", "⚡", ""):
        if notice := re.match(r"Notice\(([^)\s]+)\)(?: -> \S+)?: (.*)$", text):
            return at, Said("notice", notice[1], notice[2])
        return at, classify(text) or Said("mode", "", text)
    if prefix == "*":
        nick, _, rest = text.partition(" ")
        return at, Said("action", nick, rest)
    return at, Said("message", prefix.lstrip("@+%&~ "), text)


def _supybot(log: Log, line: str) -> tuple[datetime, Said] | str | None:
    if (found := _SUPYBOT.match(line)) is None:
        return _STRANGE
    said = said_text(found["rest"])
    if said is None:
        return _STRANGE
    if found["offset"]:
        return moment(found["when"] + found["offset"]), said
    return log.zoned(datetime.fromisoformat(found["when"])), said


_TIME = r"(?P<hour>[01]\d|2[0-3]):(?P<minute>[0-5]\d)(?::(?P<second>[0-5]\d))?"
_DATED = rf"(?:(?P<day>\d{{4}}-\d\d-\d\d)[ T])?{_TIME}"
_OFFSET = r"(?P<offset>Z|[+-]\d\d:?\d\d)?"
_IRSSI = re.compile(rf"(?:{_DATED} (?=[<*-]| \*)(?P<rest>.*)|--- (?:Log (?:opened|closed)|Day changed) )")
_ZNC = re.compile(
    # mIRC writes the number of a colour before the time; it is bare where the byte before it got lost
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

IRSSI = IrcLog("irssi log", _IRSSI, _irssi)
ZNC = IrcLog("ZNC, energymech, mIRC or Eggdrop log", _ZNC, _znc)
HEXCHAT = IrcLog("HexChat or XChat log", _HEXCHAT, _hexchat)
WEECHAT = IrcLog("WeeChat log", _WEECHAT, _weechat)
SUPYBOT = IrcLog("Supybot or Limnoria log", _SUPYBOT, _supybot)
