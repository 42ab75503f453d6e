"""Files of other tools, read as events.

An importer is a file in this package and a line in :data:`FORMATS`. It recognises its files by
what is in them, and reads them in their own order, a row at a time. What it yields is an
:class:`~rtanalytics.event.Event`, or, for a row that it does not understand but can go on after,
a :class:`Rejected` that says what is wrong with it. Where the rows go is not its business.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from fnmatch import fnmatchcase
from importlib import import_module
from pathlib import Path
from typing import NamedTuple, Protocol

from rtanalytics.event import Event

__all__ = [
    "FORMATS",
    "Format",
    "Importer",
    "ImporterError",
    "Options",
    "Rejected",
    "detect",
    "importer",
    "open_events",
]


class Format(NamedTuple):
    """A line of the registry: where an importer is, and its files in a few words."""

    home: str
    what: str


_PACKAGE = "rtanalytics.importers"

FORMATS: dict[str, Format] = {
    "twitter-archive": Format(f"{_PACKAGE}.tweets_js:ARCHIVE", "Twitter archive (zip, folder or tweets.js)"),
    "gharchive": Format(f"{_PACKAGE}.gharchive:GHARCHIVE", "GH Archive (JSON lines of GitHub events)"),
    "twitter": Format(f"{_PACKAGE}.twitter:TWEETS", "tweets as JSON (API v1.1, v2 and twarc2)"),
    "slack": Format(f"{_PACKAGE}.slack:SLACK", "Slack export (zip, folder or one file) or pages of its API"),
    "discord": Format(f"{_PACKAGE}.discord:DISCORD", "DiscordChatExporter JSON"),
    "zulip": Format(f"{_PACKAGE}.zulip:ZULIP", "Zulip export (tar.gz, zip or folder) or pages of its API"),
    "irc-html": Format(f"{_PACKAGE}.irchtml:HTML", "IRC log as HTML (W3C, WHATWG, irclog2html)"),
    "irssi": Format(f"{_PACKAGE}.irclog:IRSSI", "irssi log"),
    "weechat": Format(f"{_PACKAGE}.irclog:WEECHAT", "WeeChat log"),
    "hexchat": Format(f"{_PACKAGE}.irclog:HEXCHAT", "HexChat or XChat log"),
    "supybot": Format(f"{_PACKAGE}.irclog:SUPYBOT", "Supybot or Limnoria log"),
    "znc": Format(f"{_PACKAGE}.irclog:ZNC", "ZNC, energymech, mIRC or Eggdrop log"),
    "mbox": Format(f"{_PACKAGE}.mbox:MBOX", "mailing list as mbox"),
    "columns": Format(f"{_PACKAGE}.mapped:COLUMNS", "CSV whose columns --columns names"),
    "parquet": Format(f"{_PACKAGE}.tables:PARQUET", "Parquet table"),
    "csv": Format(f"{_PACKAGE}.tables:CSV", "CSV table"),
    "jsonl": Format(f"{_PACKAGE}.tables:JSONL", "JSON lines"),
}
"""Name of a format → its importer. The first one that recognises a file reads it, so whoever
knows one tool's files stands before whoever knows tables in general."""

_HEAD = 65_536


class ImporterError(ValueError):
    """A file cannot be imported; the message names file, line or row, and what can be done."""


class Rejected(ValueError):
    """A row that became no event, kept so that people can read what was wrong.

    Parameters
    ----------
    file : str
        The file, and what in it if it holds several.
    where : str
        ``line 12`` or ``message 3``.
    reason : str
        What is wrong with it, and what can be done.
    raw : str or bytes
        The row as it is in the file; its beginning is kept.
    """

    def __init__(self, file: str | Path, where: str, reason: str, raw: str | bytes = b"") -> None:
        self.file, self.where, self.reason = str(file), where, reason
        text = raw[: 4 * LETTER].decode("utf-8", "replace") if isinstance(raw, bytes) else raw
        self.raw = text[:LETTER]
        super().__init__(f"{self.file}, {where}: {reason}")


LETTER = 2_000
"""Characters of a row that a dead letter keeps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a file does not say about itself.

    Parameters
    ----------
    zone : str, optional
        IANA name of the time zone of times without an offset: ``Europe/Berlin``.
    day : date, optional
        The day of a log that has times but no dates.
    network, channel : str, optional
        Where a log was written: ``libera`` and ``#pycon``. ``network`` is also the host of a
        Zulip server.
    source : str, optional
        ``Event.source`` of a table that has no such column.
    columns : mapping of str to str
        Field of an event → column of a CSV file.
    time_format : str, optional
        How a table writes times, as :meth:`datetime.datetime.strptime` has it.
    private : bool
        Also private conversations of an export.
    presence : bool
        Also who came, went and changed name.
    keep : tuple of str
        Only what was said in channels (or repositories) that match one of these patterns.
    """

    zone: str | None = None
    day: date | None = None
    network: str | None = None
    channel: str | None = None
    source: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    time_format: str | None = None
    private: bool = False
    presence: bool = False
    keep: tuple[str, ...] = ()


class Importer(Protocol):
    """Reads the files of one format."""

    @property
    def what(self) -> str:
        """The format in a few words, for people."""
        ...

    @property
    def edits(self) -> bool:
        """True if its rows know when they were edited, so that they may edit what is known."""
        ...

    def recognises(self, path: Path, head: bytes) -> bool:
        """True if the file is of this format; ``head`` is how it begins, unpacked if it was packed."""
        ...

    def read(self, path: Path, options: Options) -> Iterator[Event | ValueError]:
        """The events of a file in its order.

        Raises
        ------
        ImporterError
            If the file cannot be read any further.
        """
        ...


def importer(format: str) -> Importer:
    """The importer of a format.

    Raises
    ------
    ImporterError
        If there is no such format.
    """
    if format not in FORMATS:
        raise ImporterError(f"format {format!r} is not known; known are {', '.join(FORMATS)}")
    module, _, name = FORMATS[format].home.partition(":")
    found: Importer = getattr(import_module(module), name)
    return found


def detect(path: str | Path) -> str:
    """The format of a file, a key of :data:`FORMATS`.

    Raises
    ------
    ImporterError
        If it cannot be read, or no importer recognises it.
    """
    from rtanalytics.importers.diagnose import what_it_is
    from rtanalytics.importers.reading import head_of

    path = Path(path)
    head = head_of(path, _HEAD)
    for name in FORMATS:
        if importer(name).recognises(path, head):
            return name
    if not path.is_dir() and (what := what_it_is(head)) is not None:
        raise ImporterError(f"{path} {what}")
    raise ImporterError(f"{path}: its format is not known; name it, one of {', '.join(FORMATS)}")


def open_events(
    path: str | Path, format: str | None = None, options: Options | None = None
) -> Iterator[Event | ValueError]:
    """The events of a file, in its order.

    Parameters
    ----------
    path : str or Path
        The file, or the folder of an export.
    format : str, optional
        A key of :data:`FORMATS`; found out otherwise.
    options : Options, optional
        What the file does not say about itself.

    Raises
    ------
    ImporterError
        At once if the format is not known, and while it is read if the file is bad.
    """
    options = options or Options()
    if format is None:
        format = "columns" if options.columns else detect(path)
    events = importer(format).read(Path(path), options)
    return _kept(events, options.keep) if options.keep else events


def _kept(events: Iterable[Event | ValueError], patterns: tuple[str, ...]) -> Iterator[Event | ValueError]:
    wanted = [pattern.casefold() for pattern in patterns]
    for event in events:
        if isinstance(event, Event):
            channel = (event.channel or "").casefold()
            if not any(fnmatchcase(channel, pattern) for pattern in wanted):
                continue
        yield event
