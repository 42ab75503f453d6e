"""The command ``status``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Annotated, Any

import msgspec
import typer
from rich.text import Text

from rtanalytics.cli.options import ConferenceFile
from rtanalytics.cli.terminal import console, safe
from rtanalytics.conference import read_conference
from rtanalytics.ingest.health import WORDS
from rtanalytics.session.status import conference_status
from rtanalytics.wording import counted

__all__ = ["status"]

STALE = timedelta(seconds=60)
"""Age of a health record whose process has probably ended."""

LONG = timedelta(seconds=60)
"""Wait of a source that is in trouble from which the time of its next request is printed."""

_WAITING = ("degraded", "rate_limited", "auth", "blocked", "gone")

_COUNTS = ("new", "edited", "deleted", "duplicate")


def status(
    path: ConferenceFile,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as one JSON object.")] = False,
) -> None:
    """Show the state of sources, stream and archive."""
    conference = read_conference(path)
    found = conference_status(conference, path)
    if as_json:
        typer.echo(msgspec.json.encode(found).decode())
        return
    _print(found, datetime.now(UTC), conference.zone)


def _print(found: dict[str, Any], now: datetime, zone: tzinfo) -> None:
    out = console()
    health: dict[str, dict[str, Any]] = found["health"]
    out.print(Text(f"{found['conference']}, stream {found['stream']}", style="bold"))
    if not health:
        out.print(Text("  not collected yet; start it with rtanalytics collect", style="yellow"))
    names = sorted({name.removeprefix("process:") for name in health})
    width, words = max([26, *map(len, names)]) + 2, max(map(len, WORDS.values())) + 2
    for name in names:
        process, own = health.get(f"process:{name}", {}), health.get(name, {})
        state = _state(process, own, now)
        line = Text(f"  {safe(name):<{width}}")
        line.append(
            f"{WORDS.get(state, state):<{words}}", style="green" if state in ("ok", "running") else "yellow"
        )
        line.append(", ".join([*_facts(process, own, now), *_times(state, own, now, zone)]), style="dim")
        if own.get("error"):
            line.append(f"  {safe(str(own['error']))}", style="red")
        out.print(line)
    for bucket, stats in found["buckets"].items():
        facts = f"{counted(stats['ids'], 'event')}, {stats['dead']:,} unreadable"
        if stats["entries"] > stats["ids"]:
            facts += f" ({stats['entries']:,} entries: also edits, deletions and marks of time)"
        out.print(Text(f"  in the stream: {safe(bucket):<13}").append(facts, style="dim"))
    if server := found["server"]:
        where = f"{server['address']}, process {server['pid']}"
        out.print(Text(f"  server {where}: stays when collect ends; kill {server['pid']} stops it"))
    archive = found["archive"]
    count = "not there yet" if archive["events"] is None else counted(archive["events"], "event")
    out.print(Text(f"  recorded in {safe(archive['folder'])}: {count}"))


def _state(process: dict[str, Any], own: dict[str, Any], now: datetime) -> str:
    """Return the reported state of a process; its end or its silence take precedence."""
    state = str(own.get("state", "") or process.get("state", "?"))
    if process and process.get("state") != "running":
        return str(process["state"])
    at = str(own.get("at", "") or process.get("at", ""))
    # the supervisor reports changes of a process only; the process itself reports often
    silent = bool(own.get("at")) and now - datetime.fromisoformat(at) > STALE
    return "silent" if silent and state not in ("stopped", "finished") else state


def _facts(process: dict[str, Any], own: dict[str, Any], now: datetime) -> list[str]:
    """Return counts, the time of the last read, and the process."""
    counts = own.get("counts") or {}
    facts = [f"{counts[name]:,} {name}" for name in _COUNTS if counts.get(name)]
    if counts.get("dead"):
        facts.append(f"{counts['dead']:,} unreadable")
    if own.get("recorded"):
        facts.append(f"{own['recorded']:,} recorded")
    if own.get("bins"):
        facts.append(f"{counted(own['bins'], 'bin')} published")
    if "kind" in own:
        if not counts.get("new"):
            facts.insert(0, "nothing new")
        facts.append(_last_read(own.get("last_success"), now))
    if process.get("pid"):
        facts.append(f"process {process['pid']}")
    if process.get("restarts"):
        facts.append(
            f"started again {counted(process['restarts'], 'time')} (last end: {process.get('last_end')})"
        )
    return facts


def _times(state: str, own: dict[str, Any], now: datetime, zone: tzinfo) -> list[str]:
    """Return when the source went silent and when it is read next, in words."""
    times = [f"silent since {_clock(own['silent_since'], now, zone)}"] if own.get("silent_since") else []
    following = own.get("next_poll")
    if state in _WAITING and following and datetime.fromisoformat(following) - now > LONG:
        times.append(f"asks again at {_clock(following, now, zone)}")
    return times


def _clock(at: str, now: datetime, zone: tzinfo) -> str:
    """Return a time of day at the venue, with the date if that is not today's."""
    there = datetime.fromisoformat(at).astimezone(zone)
    return f"{there:%H:%M}" if there.date() == now.astimezone(zone).date() else f"{there:%Y-%m-%d %H:%M}"


def _last_read(at: object, now: datetime) -> str:
    if not at:
        return "never read yet"
    ago = max(0, round((now - datetime.fromisoformat(str(at))).total_seconds()))
    return f"last read {counted(ago, 'second') if ago < 120 else counted(ago // 60, 'minute')} ago"
