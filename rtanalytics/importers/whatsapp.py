"""Importer for chats of WhatsApp: ``_chat.txt``, ``WhatsApp Chat with NAME.txt``, or a zip with it.

Times are in the phone's time zone, which must be given. The order of day and month depends on the phone's
language. It is found from all dates (a day above 12, or the order in which dates rarely go back);
otherwise ``--dates`` must give it. Messages have no ids; an id is derived from chat, time, author, text
and the number of the message among equal ones. Notices of WhatsApp are left out.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from rtanalytics.event import Event
from rtanalytics.importers.base import ImporterError, Options, Rejected
from rtanalytics.importers.bundle import bundle
from rtanalytics.importers.common import (
    LocalClock,
    author_of,
    build,
    digest,
    event_or_rejected,
    find_links,
    find_tags,
    word,
    zone_of,
)
from rtanalytics.importers.exports import files_of, first_member, opened
from rtanalytics.importers.reading import lines_of
from rtanalytics.normalize.values import MAX_PACKET, InvalidValue

__all__ = ["WHATSAPP"]

CONNECTOR = "whatsapp-export@1"
_CHAT = r"(?i)(?:^|/)(?:_chat|[^/]*whatsapp[^/]*)\.txt$"
_MARK = "[\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]"
_BLANK = "[ \u00a0\u202f]"
_DATE = (
    rf"(?P<one>\d{{1,4}}){_MARK}*(?P<by>[./-]){_BLANK}?{_MARK}*(?P<two>\d{{1,2}}){_MARK}*[./-]{_BLANK}?"
    rf"{_MARK}*(?P<three>\d{{1,4}})\.?"
)
_HALF = r"(?:[AaPp]\.?[ \u00a0\u202f]?[Mm]\.?|上午|下午|午前|午後|오전|오후|ص|م)"
_AFTERNOON = re.compile("[Pp]|下午|午後|오후|م")
_TIME = (
    rf"(?P<before>{_HALF})?{_BLANK}?(?P<hour>\d{{1,2}})[:.](?P<minute>\d\d)(?:[:.](?P<second>\d\d))?"
    rf"(?:{_BLANK}?(?P<after>{_HALF}))?"
)
_BETWEEN = rf"[,،]?{_MARK}*{_BLANK}(?:(?:klo|um|at|à|às){_BLANK})?"
_BRACKETED = re.compile(
    rf"{_MARK}*\[{_MARK}*{_DATE}{_BETWEEN}{_TIME}{_MARK}*\]{_BLANK}?(?P<rest>.*)", re.DOTALL
)
_DASHED = re.compile(rf"{_MARK}*{_DATE}{_BETWEEN}{_TIME}{_BLANK}[-–]{_BLANK}(?P<rest>.*)", re.DOTALL)
_SENDER = re.compile(rf"(?P<name>[^:\n]{{1,100}}):(?:{_BLANK}(?P<text>.*))?$", re.DOTALL)
_NOTICE = re.compile(
    r".{0,100}(?: changed (?:the |this |their |to )|created group| added | removed | joined | left$|"
    r"security code | end-to-end encrypted|pinned a message|[\"“„«])"
)
_PRESENCE = [
    ("join", re.compile(r"(?P<nick>.{1,80}?) (?:joined|was added|wurde hinzugefügt|ist .*beigetreten)")),
    ("part", re.compile(r"(?P<nick>.{1,80}?) (?:left|was removed|hat die Gruppe verlassen)")),
]
_ATTACHED = re.compile(
    rf"{_MARK}*<[^<>:\n]{{2,30}}: ?[^<>\n]{{1,200}}\.\w{{2,5}}>|"
    rf"{_MARK}*[^\n:*?\"<>|/]{{1,200}}\.\w{{2,5}} \([^()\n]{{3,40}}\)(?=\n|$)"
)
_OMITTED = re.compile(
    rf"{_MARK}*<(?:\w+ [\w ]{{3,40}}|省略[^<>\n]{{1,20}})>$|"
    rf"{_MARK}+[\w ’'-]{{2,40}} (?:omitted|weggelassen|ausgelassen|omitid[oa]|omis|absente?|omess[oa]|"
    r"weggelaten|ocult[oa]|pominięt[oay]|не включ[её]н[оа]?)\.?$"
)
_EDITED = re.compile(
    rf"{_BLANK}?{_MARK}*<[^<>\n]{{0,40}}(?:edited|bearbeitet|editad[oa]|edit[óò]|modificat[oa]|modifié)[^<>\n]{{0,10}}>$"
)
_DELETED = re.compile(
    rf"{_MARK}*(?:This message was deleted|You deleted this message|Diese Nachricht wurde gelöscht|"
    r"Du hast diese Nachricht gelöscht|Se eliminó este mensaje|Eliminaste este mensaje|"
    r"Ce message a été supprimé|Vous avez supprimé ce message|Questo messaggio è stato eliminato|"
    r"Esta mensagem foi apagada|Mensagem apagada)\.?$"
)
_CONTENT = re.compile(
    rf"{_MARK}*(?:POLL|UMFRAGE|ENCUESTA|SONDAGE|ENQUETE|SONDAGGIO|https?|Location|Standort)\b:?"
)
_MENTION = re.compile("@\u2068~?[ \u202f\u00a0]?([^\u2068\u2069\n]{1,80})\u2069|@([0-9]{6,16})\\b")
_NAMED = re.compile(
    r"(?:WhatsApp[\s_-]*(?:Chat|Unterhaltung)|(?:Chat|Conversa|Conversation|Discussion)[\s_]+\w{2,4}[\s_]+WhatsApp)"
    r"[\s_-]*(?:(?:with|mit|con|com|avec|met|med)[\s_]+)?(?P<name>.+)",
    re.IGNORECASE,
)

Numbers = tuple[str, str, str]


class _WhatsApp:
    """Importer for the chats that WhatsApp exports."""

    edits = False

    def recognises(self, path: Path, head: bytes) -> bool:
        """Return True if the first line begins with date and time, and some lines also with an author."""
        if path.is_dir() or head.startswith(b"PK\x03\x04"):
            head = first_member(path, _CHAT)
        lines = [line for line in head.decode("utf-8-sig", "replace").splitlines() if line.strip()][:50]
        found = [match for line in lines if (match := _header(line)) is not None]
        return bool(
            found
            and _header(lines[0]) is not None
            and not any(match["rest"].startswith(("<", "*", "-", "=")) for match in found)
            and any(_SENDER.match(match["rest"]) for match in found)
        )

    def read(self, path: Path, options: Options) -> Iterator[Event | ValueError]:
        """Yield the events of a chat, or of the chats in a folder or zip."""
        files = bundle(path)
        names = files_of(files, _CHAT) if files is not None else [""]
        if not names:
            raise ImporterError(f"{path} has no _chat.txt; export the chat again from WhatsApp")
        for name in names:
            with opened(path, files, name) as (label, file):
                order, group = _survey(label, file, options)
            channel = options.channel or _channel(path, name, group)
            chat = _Chat(channel, order, LocalClock(zone_of(options.zone) or ZoneInfo("UTC")), options)
            with opened(path, files, name) as (label, file):
                for where, value in _messages(label, file):
                    yield from event_or_rejected(chat.event, value, label, where)


WHATSAPP = _WhatsApp()


def _header(line: str) -> re.Match[str] | None:
    """Return the match if a line begins a message (a time, with or without brackets), or None."""
    return _BRACKETED.match(line) or _DASHED.match(line)


_NAMES_OF_ORDERS = ("dmy", "mdy", "ymd")


@dataclass(slots=True)
class _Dates:
    """Statistics about the dates of a file, to find the order of day, month and year.

    A few dates may be invalid or before the previous one, because phones change their clocks and people
    edit the files.
    """

    first: str = ""
    separator: str = ""
    count: int = 0
    invalid: Counter[str] = field(default_factory=Counter)
    steps_back: Counter[str] = field(default_factory=Counter)
    last: dict[str, date] = field(default_factory=dict)
    seen: Numbers | None = None

    def add(self, numbers: Numbers, separator: str) -> None:
        """Add the date of the next message."""
        if numbers == self.seen:
            return
        self.first, self.seen = self.first or separator.join(numbers), numbers
        self.separator = separator
        self.count += 1
        for order in _NAMES_OF_ORDERS:
            try:
                day = _date(numbers, order)
            except ValueError:
                self.invalid[order] += 1
                continue
            self.steps_back[order] += day < self.last.get(order, date.min)
            self.last[order] = day

    def order(self) -> str | None:
        """Return the only possible order, such as ``dmy``, or None if there are several."""
        orders = [order for order in _NAMES_OF_ORDERS if self.invalid[order] * 20 <= self.count]
        if len(orders) > 1 and "ymd" in orders:
            orders.remove("ymd")  # hardly any phone writes this order if a year has two digits
        if len(orders) == 2:
            if self.separator == ".":
                return "dmy"
            back = [self.steps_back[order] for order in orders]
            if min(back) * 10 < max(back):
                return orders[back.index(min(back))]
        return orders[0] if len(orders) == 1 else None


def _date(numbers: Numbers, order: str) -> date:
    parts = dict(zip(order, numbers, strict=True))
    if len(parts["y"]) not in (2, 4) or len(parts["d"]) > 2 or len(parts["m"]) > 2:
        raise ValueError("the lengths of the numbers do not fit the order")
    year = int(parts["y"])
    return date(year + 2000 if len(parts["y"]) == 2 else year, int(parts["m"]), int(parts["d"]))


def _survey(label: str, file: io.BufferedReader[Any], options: Options) -> tuple[str, str | None]:
    """Return the order of day, month and year in the dates, and the group's name if a notice has it.

    Raises
    ------
    ImporterError
        If the order or the time zone is unknown; the message names the options that give them.
    """
    dates, group = _Dates(), None
    for line in lines_of(file, label):
        if isinstance(line, Rejected) or (match := _header(_decoded(line[1]))) is None:
            continue
        dates.add((match["one"], match["two"], match["three"]), match["by"])
        if group is None and (sent := _SENDER.match(match["rest"])) is not None:
            text = sent["text"] or ""
            is_notice = text.startswith("\u200e") and not _is_content(text)
            group = _name(sent["name"]) if is_notice else ""
    order = _order_of(options.time_format) if options.time_format else dates.order()
    if options.day_first is not None and order != "ymd":
        order = "dmy" if options.day_first else "mdy"
    missing: list[str] = []
    reasons = []
    if options.zone is None:
        reasons.append("times without a zone; give the zone of the phone with --zone, such as Europe/Berlin")
        missing += ["--zone", "Europe/Berlin"]
    if order is None and dates.first:
        reasons.append(
            f"the date {dates.first} may begin with the day or with the month; give "
            "--dates day-first or --dates month-first"
        )
        missing += ["--dates", "day-first"]
    if missing and dates.first:
        raise ImporterError(f"{label}: {'; '.join(reasons)}", missing)
    return order or "dmy", group or None


def _order_of(time_format: str) -> str:
    """Return the order of day, month and year in a :meth:`datetime.datetime.strptime` format."""
    found = re.findall("%([dmyY])", time_format)
    order = "".join(dict.fromkeys(letter.lower() for letter in found))
    if sorted(order) != ["d", "m", "y"]:
        raise ImporterError(f"--time-format {time_format!r} needs day, month and year, such as %d/%m/%y")
    return order


def _channel(path: Path, name: str, group: str | None) -> str:
    """Return the name of the chat: from the file name, else from a notice, else ``WhatsApp``."""
    for file in (Path(name).name, path.name):
        stem = re.sub(r"(?i)\.(?:txt|zip|gz|zst)$", "", file)
        stem = re.sub(r"(?i)\.txt$", "", stem)
        if (match := _NAMED.match(stem)) is not None:
            return word(match["name"].replace("_", " "))
    return group or "WhatsApp"


def _decoded(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _messages(label: str, file: io.BufferedReader[Any]) -> Iterator[tuple[str, list[str] | Rejected]]:
    """Yield the place and the lines of each message."""
    where, message, size = "", list[str](), 0
    for line in lines_of(file, label, blank=True):
        if isinstance(line, Rejected):
            yield line.where, line
            continue
        text = _decoded(line[1])
        if _header(text) is not None:
            if message:
                yield where, message
            where, message, size = f"line {line[0]}", [text], len(text)
        elif message:
            size += len(text) + 1
            if size <= MAX_PACKET + len(text):
                message.append(text)  # the cut message is still too large, and is rejected later
        elif text.strip():
            yield (
                "",
                Rejected(label, f"line {line[0]}", "no date and time, and no message before it", line[1]),
            )
    if message:
        yield where, message


class _Chat:
    """Converter from the messages of a chat to events."""

    def __init__(self, channel: str, order: str, clock: LocalClock, options: Options) -> None:
        self._channel, self._order, self._clock, self._options = channel, order, clock, options
        self._now: datetime | None = None
        self._equal: Counter[tuple[str, str]] = Counter()

    def event(self, lines: list[str]) -> Event | None:
        """Return the event of a message, or None for a notice of WhatsApp."""
        match = _header("\n".join(lines).rstrip("\n"))
        if match is None:
            raise InvalidValue("the message has no date and time")
        when = self._clock.utc(self._time(match))
        if self._now != when:
            self._now = when
            self._equal.clear()
        sent = _SENDER.match(match["rest"])
        if sent is None or _is_notice(sent):
            return self._notice(when, match["rest"] if sent is None else sent["text"] or "")
        text = sent["text"] or ""
        if _DELETED.match(text):
            return None
        return self._built("message", when, _name(sent["name"]), _EDITED.sub("", text))

    def _time(self, match: re.Match[str]) -> datetime:
        try:
            day = _date((match["one"], match["two"], match["three"]), self._order)
            hour = int(match["hour"])
            if half := match["before"] or match["after"]:
                if not 1 <= hour <= 12:
                    raise ValueError(hour)
                hour = hour % 12 + (12 if _AFTERNOON.match(half) else 0)
            return datetime.combine(day, time(hour, int(match["minute"]), int(match["second"] or 0)))
        except ValueError:
            raise InvalidValue("invalid date or time") from None

    def _notice(self, when: datetime, text: str) -> Event | None:
        if not self._options.presence:
            return None
        text = re.sub(f"^{_MARK}+", "", text)
        for kind, pattern in _PRESENCE:
            if (match := pattern.match(text)) is not None:
                return self._built(kind, when, _name(match["nick"]), "")
        return self._built("mode", when, "", "")

    def _built(self, kind: str, when: datetime, name: str, text: str) -> Event:
        self._equal[name, text] += 1
        key = digest(when.isoformat(), kind, name, text, str(self._equal[name, text]))
        mentions = [named or number for named, number in _MENTION.findall(text)]
        text = "" if _OMITTED.match(text) else _ATTACHED.sub("", text, count=1).strip("\n\u200e ")
        text = _MENTION.sub(lambda match: f"@{match[1] or match[2]}", text)
        return build(
            id=f"whatsapp:{word(self._channel)}:{key}",
            source=f"whatsapp:{self._channel}",
            type=kind,
            created_at=when,
            connector=CONNECTOR,
            id_kind="derived",
            author=author_of(name),
            channel=self._channel,
            text=text if kind == "message" else None,
            tags=find_tags(text),
            mentions=mentions,
            links=find_links(text),
        )


def _name(name: str) -> str:
    """Return an author's name without invisible marks and the ``~`` before names of non-contacts."""
    return word(re.sub(_MARK, "", name).strip(" ~\u202f\u00a0"))


def _is_content(text: str) -> bool:
    """Return True for a file, poll or place that a person sent, although it looks like a notice."""
    return any(pattern.match(text) for pattern in (_ATTACHED, _OMITTED, _CONTENT))


def _is_notice(sent: re.Match[str]) -> bool:
    """Return True for a notice of WhatsApp that looks like a message."""
    text = sent["text"] or ""
    return (text.startswith("\u200e") and not _is_content(text)) or _NOTICE.match(sent["name"]) is not None
