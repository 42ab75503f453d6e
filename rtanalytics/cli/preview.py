"""The preview of ``collect --dry-run``: one poll of each source, without storing anything."""

from __future__ import annotations

import sys
import time
from datetime import UTC, tzinfo
from typing import Any

import typer
from rich.text import Text

from rtanalytics.cli.terminal import console, event_line, safe
from rtanalytics.session import SessionError
from rtanalytics.wording import counted

__all__ = ["agreed", "preview"]

SHOWN = 5
"""Newest events of a source that are printed."""

LISTEN = 10.0
"""Seconds to wait for a first event of a source that streams."""


def agreed(specs: list[Any], yes: bool) -> list[Any]:
    """Leave out the sources that cost money, unless the user agrees to read them.

    A dry run neither knows nor counts what was spent today. Without a terminal the user cannot
    be asked; sources that cost money are then left out, each with a line of output.
    """
    from rtanalytics.sources import paid

    read = []
    for spec in specs:
        cost = f"${spec.once_usd:.2f}" if paid(spec) else ""
        if not cost or yes:
            read.append(spec)
        elif not sys.stdin.isatty():
            line = f"{safe(spec.name)}: not read because it costs up to {cost}; read it with --yes"
            console().print(Text(line, style="yellow"))
        elif typer.confirm(
            f"{safe(spec.name)}: reading it once may cost up to {cost} on top of the day's budget. Read it?"
        ):
            read.append(spec)
    return read


async def preview(specs: list[Any], zone: tzinfo = UTC) -> None:
    """Poll each source once and print what it would store, with times in a zone.

    Raises
    ------
    SessionError
        If a source could not be read, or none of its items could.
    """
    from rtanalytics.sources import open_source
    from rtanalytics.sources.base import SourceError

    out = console()
    failed = shown = 0
    for spec in specs:
        try:
            source = open_source(spec)
            try:
                batch = await _first(source)
            finally:
                await source.close()
        except SourceError as error:
            failed += 1
            out.print(Text(f"{safe(spec.name)}: {safe(str(error))}", style="red"))
            continue
        events, rejects = batch.events, batch.rejects
        failed += bool(rejects and not events)
        counts = f"{counted(len(events), 'event')}, {len(rejects):,} unreadable"
        if "talks" in batch.notes:  # a source of a schedule reports changes since the first poll
            talks = counted(int(batch.notes["talks"]), "talk")
            counts = f"{talks} read; {counts} (changes are reported from now on)"
        out.print(Text(f"{safe(spec.name)}: {counts}", style="bold"))
        newest = sorted(events, key=lambda event: event.posted_at)[-SHOWN:]
        shown += len(newest)
        if len(events) > SHOWN:
            out.print(Text(f"  … and {len(events) - SHOWN:,} more before these", style="dim"))
        for event in newest:
            out.print(event_line(event, zone=zone, dated=True))
        for reject in rejects[:3]:
            out.print(Text(f"  unreadable: {safe(reject.where)} {safe(reject.reason)}", style="red"))
    if shown:
        console(stderr=True).print(f"times are in {zone}", style="dim")
    if failed:
        raise SessionError(f"{failed} of {counted(len(specs), 'source')} could not be read")


async def _first(source: Any) -> Any:
    """Poll until there are events, rejected items or a pause, for at most :data:`LISTEN` seconds."""
    until, cursor = time.monotonic() + LISTEN, None
    while True:
        batch = await source.poll(cursor)
        cursor = batch.cursor or cursor
        if batch.events or batch.rejects or batch.wait or time.monotonic() >= until:
            return batch
