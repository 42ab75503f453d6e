"""``status``: how a conference fares that is collected."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec
import typer
from rich.text import Text

from rtanalytics.cli.live import answering, conference_stream, origin
from rtanalytics.cli.terminal import console, counted, safe
from rtanalytics.conference import Conference, read_conference
from rtanalytics.ingest.health import WORDS

__all__ = ["embedded", "recorded", "register"]

STALE = timedelta(seconds=60)
"""A health record older than this belongs to a process that is no more."""

LONG = timedelta(seconds=60)
"""A source that is not well and waits longer than this is told with when it asks again."""

_WAITING = ("degraded", "rate_limited", "auth", "blocked", "gone")

_COUNTS = ("new", "edited", "deleted", "duplicate")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(status)


def status(
    path: Annotated[Path, typer.Argument(metavar="CONFERENCE.TOML")],
    as_json: Annotated[bool, typer.Option("--json", help="Everything as one JSON object.")] = False,
) -> None:
    """Say how each source, the stream and the archive fare."""
    conference = read_conference(path)
    archive = conference.path(conference.archive) or conference.folder / "archive"
    with answering(origin(conference, path)):
        stream = conference_stream(conference)
        found: dict[str, Any] = {
            "conference": conference.name,
            "stream": stream.key,
            "health": stream.health.read(),
            "buckets": stream.buckets(),
            "server": embedded(conference),
            "archive": {"folder": str(archive), "events": recorded(archive)},
        }
    if as_json:
        typer.echo(msgspec.json.encode(found).decode())
        return
    _print(found, datetime.now(UTC), conference.zone)


def recorded(archive: Path) -> int | None:
    """How many events an archive holds; None if it is not there, or not readable."""
    from rtanalytics.archive import ArchiveError, Recording

    try:
        return len(Recording(archive)) if archive.is_dir() else None
    except ArchiveError:
        return None


def embedded(conference: Conference) -> dict[str, Any] | None:
    """Where the server of our own is, and its process; None if the conference has one of somebody else's."""
    from rtanalytics.streams.server import ensure_server

    if conference.stream or os.environ.get("REDIS_URL", "").strip():
        return None
    server = ensure_server()
    return {"address": urlsplit(server.url).netloc.rpartition("@")[2], "pid": server.pid}


def _print(found: dict[str, Any], now: datetime, zone: tzinfo) -> None:
    out = console()
    health: dict[str, dict[str, Any]] = found["health"]
    out.print(Text(f"{found['conference']}, stream {found['stream']}", style="bold"))
    if not health:
        out.print(Text("  nobody has collected it yet: rtanalytics collect", style="yellow"))
    names = sorted({name.removeprefix("process:") for name in health})
    width, words = max([26, *map(len, names)]) + 2, max(map(len, WORDS.values())) + 2
    for name in names:
        process, told = health.get(f"process:{name}", {}), health.get(name, {})
        state = _state(process, told, now)
        line = Text(f"  {safe(name):<{width}}")
        line.append(
            f"{WORDS.get(state, state):<{words}}", style="green" if state in ("ok", "running") else "yellow"
        )
        line.append(", ".join([*_facts(process, told, now), *_times(state, told, now, zone)]), style="dim")
        if told.get("error"):
            line.append(f"  {safe(str(told['error']))}", style="red")
        out.print(line)
    for bucket, stats in found["buckets"].items():
        facts = f"{counted(stats['entries'], 'entry', 'entries')}, {stats['dead']:,} unreadable"
        out.print(Text(f"  in the stream: {safe(bucket):<13}").append(facts, style="dim"))
    if server := found["server"]:
        where = f"{server['address']}, process {server['pid']}"
        out.print(Text(f"  server {where}: stays when collect ends; kill {server['pid']} stops it"))
    archive = found["archive"]
    count = "not there yet" if archive["events"] is None else counted(archive["events"], "event")
    out.print(Text(f"  recorded in {safe(archive['folder'])}: {count}"))


def _state(process: dict[str, Any], told: dict[str, Any], now: datetime) -> str:
    """What the process says of itself, unless it does not run, or has said nothing for long."""
    state = str(told.get("state", "") or process.get("state", "?"))
    if process and process.get("state") != "running":
        return str(process["state"])
    at = str(told.get("at", "") or process.get("at", ""))
    # the supervisor tells of a process only when something becomes of it; the process itself tells often
    silent = bool(told.get("at")) and now - datetime.fromisoformat(at) > STALE
    return "silent" if silent and state not in ("stopped", "finished") else state


def _facts(process: dict[str, Any], told: dict[str, Any], now: datetime) -> list[str]:
    counts = told.get("counts") or {}
    facts = [f"{counts[name]:,} {name}" for name in _COUNTS if counts.get(name)]
    if counts.get("dead"):
        facts.append(f"{counts['dead']:,} unreadable")
    if told.get("recorded"):
        facts.append(f"{told['recorded']:,} recorded")
    if told.get("bins"):
        facts.append(f"{counted(told['bins'], 'bin')} told")
    if "kind" in told:
        if not counts.get("new"):
            facts.insert(0, "nothing new")
        facts.append(_read(told.get("last_success"), now))
    if process.get("pid"):
        facts.append(f"process {process['pid']}")
    if process.get("restarts"):
        facts.append(
            f"started again {counted(process['restarts'], 'time')} (last end: {process.get('last_end')})"
        )
    return facts


def _times(state: str, told: dict[str, Any], now: datetime, zone: tzinfo) -> list[str]:
    """Since when nothing has come that should have, and when a source that waits long asks again."""
    times = [f"silent since {_clock(told['silent_since'], now, zone)}"] if told.get("silent_since") else []
    following = told.get("next_poll")
    if state in _WAITING and following and datetime.fromisoformat(following) - now > LONG:
        times.append(f"asks again at {_clock(following, now, zone)}")
    return times


def _clock(at: str, now: datetime, zone: tzinfo) -> str:
    """A time of day where the conference is, with the date if that is not today's."""
    there = datetime.fromisoformat(at).astimezone(zone)
    return f"{there:%H:%M}" if there.date() == now.astimezone(zone).date() else f"{there:%Y-%m-%d %H:%M}"


def _read(at: object, now: datetime) -> str:
    if not at:
        return "never read yet"
    ago = max(0, round((now - datetime.fromisoformat(str(at))).total_seconds()))
    return f"last read {counted(ago, 'second') if ago < 120 else counted(ago // 60, 'minute')} ago"
