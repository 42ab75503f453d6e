"""Importers: read the files of other tools as events.

An importer is a module in this package and a line in :data:`FORMATS`. It recognises its files by
their content and reads them row by row, in their own order. It yields an
:class:`~rtanalytics.event.Event` for each row, or a :class:`Rejected` with a reason if it can
continue after a bad row. Importers do not know where the events are stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields
from fnmatch import fnmatchcase
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from rtanalytics.event import Event
from rtanalytics.importers.base import Importer, ImporterError, Options, Rejected, Skipped
from rtanalytics.importers.common import UniqueIds
from rtanalytics.importers.diagnose import diagnose
from rtanalytics.importers.reading import head_of
from rtanalytics.normalize.values import InvalidValue

__all__ = [
    "FORMATS",
    "Format",
    "Importer",
    "ImporterError",
    "Options",
    "Rejected",
    "Skipped",
    "detect",
    "importer",
    "open_events",
    "unread_options",
]


class Format(NamedTuple):
    """Line of the registry of importers.

    Parameters
    ----------
    home : str
        ``module:object`` of the importer.
    what : str
        Short description of its files.
    options : str
        Fields of :class:`Options` that it reads, besides ``zone`` and ``keep``, which act on all files.
    """

    home: str
    what: str
    options: str = ""


_PACKAGE = "rtanalytics.importers"
_IRC = "channel day day_first network presence"

FORMATS: dict[str, Format] = {
    "twitter-archive": Format(f"{_PACKAGE}.tweets_js:ARCHIVE", "Twitter archive (zip, folder or tweets.js)"),
    "gharchive": Format(f"{_PACKAGE}.gharchive:GHARCHIVE", "GH Archive (JSON lines of GitHub events)"),
    "mastodon-archive": Format(
        f"{_PACKAGE}.mastodon_archive:ARCHIVE", "Mastodon archive (outbox.json, zip, tar.gz or folder)"
    ),
    "mastodon": Format(f"{_PACKAGE}.mastodon:MASTODON", "statuses of Mastodon's API (JSON)"),
    "bluesky": Format(f"{_PACKAGE}.bluesky:BLUESKY", "Bluesky: Jetstream lines, API pages or tap (JSON)"),
    "reddit": Format(f"{_PACKAGE}.reddit:REDDIT", "Reddit: Pushshift or Arctic Shift dump, API listing"),
    "hackernews": Format(f"{_PACKAGE}.hackernews:HACKERNEWS", "Hacker News: search pages or items (JSON)"),
    "twitter-web-exporter": Format(
        f"{_PACKAGE}.web_exporter:WEB_EXPORTER", "tweets of twitter-web-exporter (JSON or CSV)"
    ),
    "snscrape": Format(f"{_PACKAGE}.snscrape:SNSCRAPE", "snscrape or twscrape (JSON lines)"),
    "zeeschuimer": Format(f"{_PACKAGE}.zeeschuimer:ZEESCHUIMER", "Zeeschuimer or 4CAT (NDJSON)"),
    "twitter": Format(f"{_PACKAGE}.twitter:TWEETS", "tweets as JSON (API v1.1, v2 and twarc2)"),
    "slack": Format(
        f"{_PACKAGE}.slack:SLACK",
        "Slack export (zip, folder or one file) or pages of its API",
        "channel private presence",
    ),
    "discord": Format(f"{_PACKAGE}.discord:DISCORD", "DiscordChatExporter JSON", "channel presence private"),
    "zulip": Format(
        f"{_PACKAGE}.zulip:ZULIP",
        "Zulip export (tar.gz, zip or folder) or pages of its API",
        "network private",
    ),
    "telegram": Format(
        f"{_PACKAGE}.telegram:TELEGRAM",
        "Telegram Desktop's result.json (a chat or an account)",
        "channel presence private",
    ),
    "matrix": Format(
        f"{_PACKAGE}.matrix:MATRIX",
        "room of Matrix (Element's JSON, or pages of the API)",
        "channel presence",
    ),
    "mattermost": Format(
        f"{_PACKAGE}.mattermost:MATTERMOST",
        "Mattermost bulk export, or posts of its API",
        "channel presence private",
    ),
    "rocketchat": Format(
        f"{_PACKAGE}.rocketchat:ROCKETCHAT", "messages of Rocket.Chat as JSON", "channel presence private"
    ),
    "live-chat": Format(
        f"{_PACKAGE}.livechat:LIVECHAT", "live chat of a video (yt-dlp, chat-downloader)", "channel"
    ),
    "irc-html": Format(
        f"{_PACKAGE}.irchtml:HTML", "IRC log as HTML (W3C, WHATWG, irclog2html)", "channel day presence"
    ),
    "hexchat": Format(f"{_PACKAGE}.irclog:HEXCHAT", "HexChat or XChat log", _IRC),
    "irssi": Format(f"{_PACKAGE}.irclog:IRSSI", "irssi log", _IRC),
    "weechat": Format(f"{_PACKAGE}.irclog:WEECHAT", "WeeChat log", _IRC),
    "supybot": Format(f"{_PACKAGE}.irclog:SUPYBOT", "Supybot or Limnoria log", _IRC),
    "znc": Format(
        f"{_PACKAGE}.irclog:ZNC", "log with times in brackets (ZNC, mIRC, Eggdrop, Quassel ...)", _IRC
    ),
    "whatsapp": Format(
        f"{_PACKAGE}.whatsapp:WHATSAPP",
        "chat of WhatsApp (_chat.txt or its zip)",
        "channel presence day_first time_format",
    ),
    "ii": Format(f"{_PACKAGE}.irclog:II", "log of ii", _IRC),
    "mbox": Format(f"{_PACKAGE}.mbox:MBOX", "mailing list as mbox", "channel source"),
    "columns": Format(
        f"{_PACKAGE}.mapped:COLUMNS",
        "CSV with the columns given by --columns",
        "channel columns day_first source time_format",
    ),
    "parquet": Format(f"{_PACKAGE}.tables:PARQUET", "Parquet table", "day_first"),
    "csv": Format(f"{_PACKAGE}.tables:CSV", "CSV table", "day_first"),
    "jsonl": Format(f"{_PACKAGE}.tables:JSONL", "JSON lines", "day_first"),
}
"""Name of a format → its importer. The first one that recognises a file reads it, so the formats
of single tools stand before general tables."""

_TABLES = frozenset({"columns", "parquet", "csv", "jsonl"})
"""Formats of tables of any origin, which are tried last."""

_EVERYWHERE = frozenset({"zone", "keep"})

_HEAD = 65_536
_UNIQUE = 2_000


def importer(format: str) -> Importer:
    """Return the importer of a format.

    Raises
    ------
    ImporterError
        If there is no such format.
    """
    if format not in FORMATS:
        raise ImporterError(f"unknown format {format!r}; use one of {', '.join(FORMATS)}")
    module, _, name = FORMATS[format].home.partition(":")
    found: Importer = getattr(import_module(module), name)
    return found


def unread_options(options: Options, formats: Iterable[str]) -> dict[str, list[str]]:
    """Return the given options that none of the formats reads, with the formats that do.

    Parameters
    ----------
    options : Options
        Options; those that have their default are not given.
    formats : iterable of str
        Keys of :data:`FORMATS`.
    """
    read = _EVERYWHERE.union(*(FORMATS[name].options.split() for name in formats))
    given = [field.name for field in fields(Options) if getattr(options, field.name)]
    if options.day_first is False:
        given.append("day_first")
    return {
        option: [name for name, form in FORMATS.items() if option in form.options.split()]
        for option in given
        if option not in read
    }


def detect(path: str | Path) -> str:
    """Find the format of a file, a key of :data:`FORMATS`.

    Raises
    ------
    ImporterError
        If the file cannot be read, or no importer recognises it.
    """
    path = Path(path)
    head = head_of(path, _HEAD)
    if (name := _recognised(path, head)) is not None:
        return name
    if head.strip() and (diagnosis := diagnose(path, head)) is not None:
        raise ImporterError(f"{path} {diagnosis}")
    if (name := _recognised(path, head, tables=True)) is not None:
        return name
    if (diagnosis := diagnose(path, head)) is not None:
        raise ImporterError(f"{path} {diagnosis}")
    raise ImporterError(
        f"{path}: its format is not known; name it with --format ('rtanalytics import --help' lists them), "
        "or put its messages into a CSV file and name its columns with --columns"
    )


def _recognised(path: Path, head: bytes, *, tables: bool = False) -> str | None:
    """Return the first format of a single tool (or of general tables) that recognises a file."""
    names = (name for name in FORMATS if (name in _TABLES) is tables)
    return next((name for name in names if importer(name).recognises(path, head)), None)


def open_events(
    path: str | Path, format: str | None = None, options: Options | None = None
) -> Iterator[Event | ValueError]:
    """Read the events of a file, in its order.

    A file without any message gives a :class:`Skipped` that names it.

    Parameters
    ----------
    path : str or Path
        The file, or the folder of an export.
    format : str, optional
        A key of :data:`FORMATS`; detected if not given.
    options : Options, optional
        Facts that the file itself does not contain, and filters.

    Raises
    ------
    ImporterError
        At once if the format is not known, and while reading if the file is bad or has another
        format than the given one.
    """
    options = options or Options()
    if format is None:
        format = "columns" if options.columns else detect(path)
    events = _checked(Path(path), format, importer(format).read(Path(path), options))
    return _kept(events, options.keep) if options.keep else events


def _checked(path: Path, format: str, events: Iterator[Event | ValueError]) -> Iterator[Event | ValueError]:
    """Pass on what an importer yields; report a file that has no events or another format.

    A wrong format is only reported if nothing could be read, because the detection may be wrong too.
    """
    read = rejected = 0
    unique = UniqueIds(_UNIQUE)
    # tables check their rows themselves, and name the line; revisions of a message have its id
    passed = format in _TABLES or importer(format).edits
    try:
        for event in events:
            read += isinstance(event, Event)
            try:
                yield unique.checked(event) if isinstance(event, Event) and not passed else event
            except InvalidValue as error:
                yield Rejected(path, f"event {read}", str(error), repr(event))
                continue
            rejected += not isinstance(event, Event)
    except ImporterError:
        if not read and (other := _other_format(path, format)) is not None:
            raise ImporterError(other) from None
        raise
    if not read and (other := _other_format(path, format)) is not None:
        raise ImporterError(other)
    if not read and not rejected:
        yield Skipped(f"file without messages: {path}", 1)


def _other_format(path: Path, format: str) -> str | None:
    """Describe a file that does not have the given format; None if it has, or if it is unknown."""
    head = head_of(path, _HEAD)
    if format in _TABLES or importer(format).recognises(path, head):
        return None
    if (name := _recognised(path, head)) is not None:
        return f"{path} is not of format {format} but {name}: {FORMATS[name].what}; use --format {name}"
    if (diagnosis := diagnose(path, head)) is not None:
        return f"{path} is not of format {format}; it {diagnosis}"
    if (name := _recognised(path, head, tables=True)) is not None:
        what = FORMATS[name].what
        return f"{path} is not of format {format} ({FORMATS[format].what}); it looks like {name} ({what})"
    return f"{path} is not of format {format}: {FORMATS[format].what}"


def _kept(events: Iterable[Event | ValueError], patterns: tuple[str, ...]) -> Iterator[Event | ValueError]:
    wanted = [pattern.casefold() for pattern in patterns]
    for event in events:
        if isinstance(event, Event):
            channel = (event.channel or "").casefold()
            if not any(fnmatchcase(channel, pattern) for pattern in wanted):
                continue
        yield event
