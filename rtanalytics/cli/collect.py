"""The command ``collect``."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
import time
from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rtanalytics.cli.options import ConferenceFile
from rtanalytics.cli.preview import agreed, preview
from rtanalytics.cli.terminal import console, refuse, safe, warn_of_narrow_bins
from rtanalytics.conference import read_conference
from rtanalytics.ingest.health import WORDS
from rtanalytics.session import SessionError, conference_settings, read_sources
from rtanalytics.streams import StreamUnavailable
from rtanalytics.wording import counted

if TYPE_CHECKING:
    from rich.console import Console

    from rtanalytics.session.collecting import Collection

__all__ = ["collect"]

LOOK_EVERY = 2.0
"""Seconds between two looks at the health of the sources."""

LINE_EVERY = 60.0
"""Seconds after which a line is printed although nothing has changed."""


def collect(
    path: ConferenceFile,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read each source once and print its messages; store nothing.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="With --dry-run: read sources that cost money without asking.")
    ] = False,
    backoff_cap: Annotated[
        float | None,
        typer.Option(
            min=0.1, help="Longest wait, in seconds, before something is tried again.  [default: 300]"
        ),
    ] = None,
) -> None:
    """Read the sources of a conference, record them, publish trends.

    It runs until Ctrl-C, and then ends in good order.
    """
    if yes and not dry_run:
        raise typer.BadParameter("has an effect with --dry-run only", param_hint="--yes")
    refuse(dry_run and backoff_cap is not None, "--backoff-cap", "with --dry-run, which tries nothing again")
    conference = read_conference(path)
    if dry_run:
        specs = read_sources(conference)
        warn_of_narrow_bins(conference_settings(conference).bin)
        if not specs:
            raise SessionError(f"no sources in {safe(str(path))}; add a [[source]] table (docs/sources.md)")
        asyncio.run(preview(agreed(specs, yes), conference.zone))
        return
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    from rtanalytics.session.collecting import collecting
    from rtanalytics.session.status import recorded_events

    out = console(stderr=True)
    with collecting(
        conference, path, timedelta(seconds=300 if backoff_cap is None else backoff_cap), stop
    ) as collection:
        archive, title = safe(str(collection.archive)), safe(conference.title or conference.name)
        out.print(f"collecting {title}: {counted(collection.sources, 'source')} → {collection.stream}")
        out.print(f"recording into {archive}; Ctrl-C ends it")
        warn_of_narrow_bins(collection.settings.bin)
        if collection.drops_old:
            out.print(
                "events older than their source's keep are dropped at the start, once an hour and at the end"
            )
        out.print(f"status: rtanalytics status {safe(str(path))}")
        watch = threading.Thread(target=_watch, args=(collection, conference.zone, out, stop), daemon=True)
        watch.start()
        collection.supervisor.run()
        events = recorded_events(collection.archive)
    out.print(f"stopped; {events or 0:,} recorded in {archive}")


def _watch(collection: Collection, zone: tzinfo, out: Console, stop: threading.Event) -> None:
    """Print a line when the state of a source changes, and at least every minute, until ``stop`` is set."""
    known, printed, before = "", time.monotonic(), 0
    while not stop.wait(LOOK_EVERY):
        try:
            health = collection.supervisor.stream.health.read()
        except StreamUnavailable:
            continue  # the supervisor reports it
        sources: dict[str, Any] = {name: own for name, own in health.items() if name.startswith("source:")}
        states = source_states(sources)
        if states == known and time.monotonic() - printed < LINE_EVERY:
            continue
        messages = sum((own.get("counts") or {}).get("new", 0) for own in sources.values())
        counts = f"{counted(messages, 'message')} (+{messages - before:,})"
        out.print(f"{datetime.now(zone):%H:%M:%S}  {counts}; {safe(states)}", style="dim")
        known, printed, before = states, time.monotonic(), messages


def source_states(sources: Mapping[str, Mapping[str, Any]]) -> str:
    """Return how many sources are in which state, with the names of those that are not well."""
    names: dict[str, list[str]] = {}
    for name, own in sorted(sources.items()):
        names.setdefault(str(own.get("state", "starting")), []).append(name.removeprefix("source:"))
    parts = [f"{counted(len(names.pop('ok', [])), 'source')} ok"]
    parts += [f"{WORDS.get(state, state)}: {', '.join(those)}" for state, those in sorted(names.items())]
    return "; ".join(parts)
