"""From a recorded file to the rows of its table."""

from __future__ import annotations

import hashlib
import os
import tomllib
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple
from zoneinfo import ZoneInfo

from rtanalytics.event import Event
from rtanalytics.importers import ImporterError, Options, open_events
from rtanalytics.schedule import Talk
from rtanalytics.schedules import ScheduleError, read_schedule
from rtanalytics.sources import KINDS, spec_from_table
from rtanalytics.sources.base import Malformed, Meta, Parsed
from tests.recorded import bodies

__all__ = ["FOLDERS", "TABLES", "Read", "folders", "read", "rows", "table"]

TABLES = Path(__file__).parent
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
FIRST, LAST = 25, 5
"""Rows of a long file that are written out."""

LOGS = Options(network="libera", channel="#ubuntu", zone="UTC")
EXPORTS = Options(private=True)
PAGES = Options(channel="C0JGLMMNX")
"""What files of logs, of exports and of an API do not say about themselves."""


class Read(NamedTuple):
    """What a file gave: events or talks in its order, and what was refused."""

    events: list[Event | Talk]
    dead: list[str]


def _by_source(kind: str, **told: str) -> Callable[[Path], Read]:
    def reader(path: Path) -> Read:
        parse, meta = parser(kind)
        found = Read([], [])
        for raw in bodies(path):
            try:
                parsed = parse(raw, meta_of(meta, path, told))
            except Malformed as error:
                found.dead.append(str(error))
                continue
            found.events.extend(parsed.events)
            found.dead.extend(f"{r.where}: {r.reason}" if r.where else r.reason for r in parsed.rejects)
        return found

    return reader


def meta_of(meta: Meta, path: Path, told: dict[str, str]) -> Meta:
    kind = "application/feed+json" if path.suffix == ".json" and meta.connector.startswith("feed") else ""
    return Meta(
        source=meta.source, scope=meta.scope, connector=meta.connector, received_at=NOW, url=meta.url,
        content_type=kind, options={**meta.options, **told},
    )  # fmt: skip


def parser(kind: str) -> tuple[Callable[[bytes, Meta], Parsed], Meta]:
    """The parser of a kind, and what it is told for the example of its documentation."""
    module = import_module(KINDS[kind])
    (table,) = tomllib.loads(module.EXAMPLE)["source"]
    spec = spec_from_table(table)
    where, _, name = spec.parser.partition(":")
    return getattr(import_module(where), name), spec.meta(NOW)


def _imported(options: Options) -> Callable[[Path], Read]:
    def reader(path: Path) -> Read:
        found = Read([], [])
        try:
            for item in open_events(path, None, options):
                found.events.append(item) if isinstance(item, Event) else found.dead.append(str(item))
        except ImporterError as error:
            found.dead.append(str(error))
        return Read(found.events, [line.replace(f"{path}", path.name) for line in found.dead])

    return reader


def _slack(path: Path) -> Read:
    return _imported(EXPORTS if path.suffix == ".zip" else PAGES)(path)


def _answers_imported(path: Path) -> Read:
    """As :func:`_imported`; of a transcript, each answer as if it had been kept as a file."""
    answers = bodies(path)
    if answers == [path.read_bytes()]:
        return _imported(EXPORTS)(path)
    found = Read([], [])
    for number, answer in enumerate(answers, start=1):
        with TemporaryDirectory() as folder:
            kept = Path(folder, f"{path.stem}.{number}.json")
            kept.write_bytes(answer)
            told = _imported(EXPORTS)(kept)
        found.events.extend(told.events)
        found.dead.extend(told.dead)
    return found


def _schedule(path: Path) -> Read:
    try:
        found = read_schedule(path, ZoneInfo("Europe/Berlin"), date(2019, 7, 9))
        told = Read(list(found), found.refused)
    except ScheduleError as error:
        told = Read([], [str(error)])
    return Read(told.events, [line.replace(str(path), path.name) for line in told.dead])


def _github(path: Path) -> Read:
    feed = path.suffix == ".atom" or path.name.endswith("__data.xml")
    return _by_source("feed", flavour="github")(path) if feed else _by_source("github")(path)


FOLDERS: dict[str, Callable[[Path], Read]] = {
    "bitbucket": _by_source("bitbucket"),
    "bluesky": _by_source("bluesky", via="poll"),
    "discord": _imported(EXPORTS),
    "discourse": _by_source("discourse"),
    "feeds": _by_source("feed"),
    "github": _github,
    "hackernews": _by_source("feed", flavour="hackernews"),
    "irc": _imported(LOGS),
    "mastodon": _by_source("mastodon"),
    "matrix": _by_source("matrix"),
    "meetup": _imported(EXPORTS),
    "reddit": _by_source("reddit"),
    "schedules": _schedule,
    "slack_api": _slack,
    "slack_export": _slack,
    "stackexchange": _by_source("stackexchange"),
    "twitter_v1": _answers_imported,
    "twitter_v2": _by_source("x"),
    "youtube": _by_source("feed", flavour="youtube"),
}
"""How the files of each folder of payloads are read."""


def folders(payloads: Path) -> list[Path]:
    """The folders there are; each must be known."""
    return sorted(path for path in payloads.iterdir() if path.is_dir())


def read(path: Path) -> Read:
    """What a recorded file gives; raises whatever the code under test raises that it should not."""
    return FOLDERS[path.parent.name](path)


def rows(event: Event | Talk) -> list[str]:
    """An event (or a talk) as the cells of a row, without anything that its author wrote."""
    if isinstance(event, Talk):
        return [
            event.id, event.kind, f"{event.start:%FT%TZ}", f"{event.end:%FT%TZ}",
            f"{len(event.speakers)} speakers {digest('|'.join(event.speakers))}", measured(event.title),
            measured(event.room), event.url or "",
        ]  # fmt: skip
    author = event.author.handle or event.author.name or "?" if event.author else "-"
    points = [p for p in (event.reply_to, event.repost_of, event.thread) if p]
    return [
        event.id, event.type if event.op == "create" else f"{event.op} {event.type}",
        event.created_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"), author,
        measured(event.title), measured(event.text),
        f"{len(event.links)} links {digest('|'.join(event.links))}" if event.links else "",
        f"{digest(event.url)} {event.url.partition('//')[2].partition('/')[0]}" if event.url else "",
        ",".join(event.tags), f"{len(event.media)} media" if event.media else "", "→" + digest("|".join(points)) if points else "",
    ]  # fmt: skip


def measured(text: str | None) -> str:
    return "-" if text is None else f"{len(text)}:{digest(text)}"


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def table(folder: Path) -> str:
    """The table of a folder of payloads."""
    lines: list[str] = []
    told = [(path, read(path)) for path in sorted(folder.iterdir()) if not path.name.endswith(".license")]
    parsed, dead = (sum(len(part) for part in parts) for parts in zip(*(r for _, r in told), strict=True))
    lines.append(f"# {folder.name}: {len(told)} files, {parsed} parsed, {dead} dead")
    for path, found in told:
        lines.append(f"## {path.name}: {len(found.events)} parsed, {len(found.dead)} dead")
        lines += _shown(["\t".join(rows(event)) for event in found.events])
        lines += _shown([f"dead: {reason}" for reason in found.dead])
    return "".join(
        f"{line.rstrip()}\n".replace(os.sep + str(TABLES.parents[2]).strip(os.sep), "") for line in lines
    )


def _shown(lines: list[str]) -> Iterator[str]:
    if len(lines) <= FIRST + LAST:
        yield from lines
        return
    yield from lines[:FIRST]
    yield f"… {len(lines)} in all, together {digest(chr(10).join(lines))}"
    yield from lines[-LAST:]
