"""The commands ``sources`` and ``dead``."""

from __future__ import annotations

import asyncio
from datetime import tzinfo
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.text import Text

from rtanalytics.cli.options import ConferenceFile
from rtanalytics.cli.terminal import console, safe
from rtanalytics.conference import read_conference
from rtanalytics.session import SessionError, read_sources
from rtanalytics.session.connection import conference_stream, connecting
from rtanalytics.session.dead_letters import dead_letters, retry
from rtanalytics.sources.base import SourceSpec
from rtanalytics.streams import DeadLetter, EventStream
from rtanalytics.wording import counted

__all__ = ["dead", "sources"]

SHOWN = 160
"""Characters of a dead letter that are printed."""


class Action(StrEnum):
    """What to do with dead letters."""

    list = "list"
    replay = "replay"


def sources(
    path: Annotated[
        Path | None,
        typer.Argument(metavar="[CONFERENCE.TOML]", help="List the sources of this conference."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object per source and line.")
    ] = False,
) -> None:
    """List the kinds of sources, or the sources of a conference.

    Each kind is listed with what it needs and its keys; each source of a conference with its
    environment variables.
    """
    from rtanalytics.sources.kinds import kinds

    if path is not None:
        _configured(path, as_json)
        return
    out = console()
    for kind in kinds():
        if as_json:
            typer.echo(msgspec.json.encode(kind).decode())
            continue
        out.print(Text(f"{kind.name:<14}", style="bold").append(f"needs {kind.needs}", style="dim"))
        out.print(Text("  " + kind.about.replace("\n", " ").split(". ")[0].rstrip(".") + "."))
        keys = [f"{key.name}*" if key.required else key.name for key in kind.keys]
        out.print(Text(f"  keys: {', '.join(keys)} (* required)", style="dim"))
    if not as_json:
        out.print(Text("All keys, with an example of each kind: docs/sources.md", style="dim"))


def _configured(path: Path, as_json: bool) -> None:
    from rtanalytics.sources.kinds import kind, variables

    conference = read_conference(path)
    out, missing = console(), 0
    for table, spec in zip(conference.source, read_sources(conference), strict=True):
        needs = variables(table)
        missing += not all(needs.values())
        name = str(table["type"])
        if as_json:
            row = {"name": spec.name, "type": name, "scope": spec.scope, "variables": needs}
            typer.echo(msgspec.json.encode(row).decode())
            continue
        line = Text(f"{safe(spec.name):<20}", style="bold").append(f"{name:<14}", style="dim")
        line.append(f"{safe(spec.scope)}  ")
        for variable, is_set in needs.items():
            state, style = ("is set", "green") if is_set else ("is not set", "red")
            line.append(f"{variable} {state}  ", style=style)
        out.print(line.append(f"needs {kind(name).needs}", style="dim"))
    if missing and not as_json:
        out.print(
            Text(f"{counted(missing, 'source')} cannot be read before its variables are set", style="yellow")
        )


def dead(
    path: ConferenceFile,
    action: Annotated[
        Action, typer.Argument(help="list: print them; replay: read them again, and keep what still fails.")
    ],
    source: Annotated[
        str | None, typer.Option("--source", metavar="NAME", help="Only those of this source.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object per dead letter and line.")
    ] = False,
) -> None:
    """List dead letters, or read them again after a fix.

    A dead letter is something that a source delivered and that could not be read.
    """
    conference = read_conference(path)
    specs = {spec.name: spec for spec in read_sources(conference)}
    with connecting(conference, path):
        stream = conference_stream(conference)
        letters = dead_letters(stream, source)
        if action is Action.list:
            _list(letters, as_json, conference.zone)
        else:
            asyncio.run(_replay(stream, letters, specs, as_json))


def _list(letters: list[tuple[str, DeadLetter]], as_json: bool, zone: tzinfo) -> None:
    out = console()
    for bucket, letter in letters:
        raw = letter.raw.decode("utf-8", "replace")
        if as_json:
            row = {
                "bucket": bucket, "id": letter.id, "source": letter.source, "scope": letter.scope,
                "reason": letter.reason, "at": letter.at, "bytes": len(letter.raw), "raw": raw,
            }  # fmt: skip
            typer.echo(msgspec.json.encode(row).decode())
            continue
        line = Text(f"{letter.at.astimezone(zone):%Y-%m-%d %H:%M:%S} ", style="dim")
        line.append(safe(letter.source), style="bold")
        out.print(line.append(f"  {safe(letter.reason)}", style="red"))
        begin = safe(raw[:SHOWN]) + ("…" if len(raw) > SHOWN else "")
        out.print(Text(f"  {counted(len(letter.raw), 'byte')}: {begin}", style="dim"))
    if not as_json:
        out.print(Text(f"{counted(len(letters), 'dead letter')}"))


async def _replay(
    stream: EventStream, letters: list[tuple[str, DeadLetter]], specs: dict[str, SourceSpec], as_json: bool
) -> None:
    out, read, events = console(), 0, 0
    async for result in retry(stream, letters, specs):
        letter = result.letter
        if not result.reason:
            read, events = read + 1, events + len(result.events)
        if as_json:
            row = {
                "bucket": result.bucket, "id": letter.id, "source": letter.source, "why": result.reason,
                "events": [event.id for event in result.events],
            }  # fmt: skip
            typer.echo(msgspec.json.encode(row).decode())
        elif result.reason:
            out.print(
                Text(f"{safe(letter.source)}: still cannot be read: {safe(result.reason)}", style="red")
            )
    left = len(letters) - read
    if not as_json:
        out.print(Text(f"{counted(read, 'dead letter')} read, {counted(events, 'event')}; {left:,} left"))
    if letters and not read:
        raise SessionError("none of them can be read yet")
