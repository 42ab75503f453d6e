"""Importers: they read files of other tools as events.

An importer is a module in this package with an entry in :data:`FORMATS`. It recognises its files by
their content and reads them row by row, in the order of the file. For each row it yields an
:class:`~rtanalytics.event.Event`, or a :class:`Rejected` with the reason if the row is bad but the
next rows can be read. Importers do not know where the events are stored.
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
    "in_channel",
    "open_events",
    "unread_options",
]


class Format(NamedTuple):
    """Entry in the registry of importers.

    Parameters
    ----------
    home : str
        Where the importer is defined, as ``module:object``.
    what : str
        Short description of the files that it reads.
    options : str
        Names of the fields of :class:`Options` that it uses, separated by blanks, without ``zone`` and
        ``keep``, which apply to every format.
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
"""Importers by name of the format. The first importer that recognises a file reads it, so the formats
of single tools come before general tables."""

_TABLES = frozenset({"columns", "parquet", "csv", "jsonl"})
"""Formats of tables that any tool may have written; they are tried last."""

_EVERYWHERE = frozenset({"zone", "keep"})

_HEAD = 65_536
_UNIQUE = 2_000


def importer(format: str) -> Importer:
    """Return the importer of a format.

    Raises
    ------
    ImporterError
        If the format is unknown.
    """
    if format not in FORMATS:
        raise ImporterError(f"unknown format {format!r}; use one of {', '.join(FORMATS)}")
    module, _, name = FORMATS[format].home.partition(":")
    found: Importer = getattr(import_module(module), name)
    return found


def unread_options(options: Options, formats: Iterable[str]) -> dict[str, list[str]]:
    """Return the options that are set but not used by any of ``formats``.

    The result maps each such option to the formats that use it.

    Parameters
    ----------
    options : Options
        The options; an option with its default value counts as not set.
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
    """Return the format of a file, as a key of :data:`FORMATS`.

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
        f"{path}: unknown format; name it with --format ('rtanalytics import --help' lists the formats), "
        "or put its messages into a CSV file and name its columns with --columns"
    )


def _recognised(path: Path, head: bytes, *, tables: bool = False) -> str | None:
    """Return the first format that recognises a file, or None; general tables only if ``tables``."""
    names = (name for name in FORMATS if (name in _TABLES) is tables)
    return next((name for name in names if importer(name).recognises(path, head)), None)


def open_events(
    path: str | Path, format: str | None = None, options: Options | None = None
) -> Iterator[Event | ValueError]:
    """Read the events of a file, in the order of the file.

    If the file has no messages, the result is one :class:`Skipped` that says so.

    Parameters
    ----------
    path : str or Path
        The file, or the folder of an export.
    format : str, optional
        A key of :data:`FORMATS`; by default, the format is detected.
    options : Options, optional
        Facts that the file itself does not contain, and filters.

    Raises
    ------
        ImporterError
            At once if the format is unknown; while reading if the file is damaged or does not have the
            given format.
    """
    options = options or Options()
    if format is None:
        format = "columns" if options.columns else detect(path)
    events = _checked(Path(path), format, importer(format).read(Path(path), options))
    return _kept(events, options.keep) if options.keep else events


def _checked(path: Path, format: str, events: Iterator[Event | ValueError]) -> Iterator[Event | ValueError]:
    """Yield what an importer yields, and report a file that has no events or another format.

    Another format is only reported if no event could be read, because the detection may be wrong too.
    """
    read = rejected = 0
    unique = UniqueIds(_UNIQUE)
    # importers of tables check the ids themselves; revisions of a message have the same id
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
    """Return a message about a file that does not have the given format, or None if it has."""
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
    for event in events:
        if not isinstance(event, Event) or any(in_channel(event, pattern) for pattern in patterns):
            yield event


def in_channel(event: Event, pattern: str) -> bool:
    """Check whether the channel of an event matches a pattern, in which ``*`` stands for any text."""
    return fnmatchcase((event.channel or "").casefold(), pattern.casefold())
