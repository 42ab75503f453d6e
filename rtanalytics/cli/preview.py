"""What ``collect --dry-run`` shows: one poll of each source, stored nowhere."""

from __future__ import annotations

import sys
import time
from datetime import UTC, tzinfo
from typing import Any

import typer
from rich.text import Text

from rtanalytics.cli.terminal import Failed, console, counted, event_line, safe

__all__ = ["agreed", "preview"]

SHOWN = 5
"""Events of a source that are shown, the newest ones."""

LISTEN = 10.0
"""Seconds that a source which listens gets to hear something."""


def agreed(specs: list[Any], yes: bool) -> list[Any]:
    """The sources that are to be read: each that costs money only with a yes.

    A dry run knows nothing of what was spent today, and what it spends is not counted anywhere.
    Where nobody can be asked, a source that costs money is left out, and a line says so.
    """
    from rtanalytics.sources import paid

    read = []
    for spec in specs:
        cost = f"${spec.once_usd:.2f}" if paid(spec) else ""
        if not cost or yes:
            read.append(spec)
        elif not sys.stdin.isatty():
            line = f"{safe(spec.name)}: not read, it costs money: once, up to {cost}; --yes reads it"
            console().print(Text(line, style="yellow"))
        elif typer.confirm(
            f"{safe(spec.name)}: to read it once may cost up to {cost}, beside the day's budget; read it?"
        ):
            read.append(spec)
    return read


async def preview(specs: list[Any], zone: tzinfo = UTC) -> None:
    """Poll each source once and show what it would store, with times in a zone.

    Raises
    ------
    Failed
        If a source could not be read, or gave nothing but what could not be understood.
    """
    from rtanalytics.sources import open_source
    from rtanalytics.sources.base import SourceError

    out = console()
    failed = 0
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
        if (
            "talks" in batch.notes
        ):  # a first reading of a schedule tells nothing: it is what later ones differ from
            counts = (
                f"{counted(int(batch.notes['talks']), 'talk')} read; {counts} (changes are told from now on)"
            )
        out.print(Text(f"{safe(spec.name)}: {counts}", style="bold"))
        newest = sorted(events, key=lambda event: event.posted_at)[-SHOWN:]
        if len(events) > SHOWN:
            out.print(Text(f"  … and {len(events) - SHOWN:,} more before these", style="dim"))
        for event in newest:
            out.print(event_line(event, zone=zone))
        for reject in rejects[:3]:
            out.print(Text(f"  unreadable: {safe(reject.where)} {safe(reject.reason)}", style="red"))
    if failed:
        raise Failed(f"{failed} of {counted(len(specs), 'source')} could not be read")


async def _first(source: Any) -> Any:
    """The first poll that brings something, or asks for a pause; the last one if none does."""
    until, cursor = time.monotonic() + LISTEN, None
    while True:
        batch = await source.poll(cursor)
        cursor = batch.cursor or cursor
        if batch.events or batch.rejects or batch.wait or time.monotonic() >= until:
            return batch
