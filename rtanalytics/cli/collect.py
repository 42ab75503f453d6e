"""The command ``collect``."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from datetime import timedelta
from typing import Annotated

import typer

from rtanalytics.cli.options import ConferenceFile
from rtanalytics.cli.preview import agreed, preview
from rtanalytics.cli.terminal import console, safe, warn_of_narrow_bins
from rtanalytics.conference import read_conference
from rtanalytics.session import SessionError, conference_settings, read_sources
from rtanalytics.wording import counted

__all__ = ["collect"]


def collect(
    path: ConferenceFile,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read each source once and print its messages; store nothing.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="With --dry-run: read sources that cost money without asking.")
    ] = False,
    backoff_cap: Annotated[
        float, typer.Option(min=0.1, help="Longest wait, in seconds, before something is tried again.")
    ] = 300.0,
) -> None:
    """Read the sources of a conference, record them, publish trends.

    It runs until Ctrl-C, and then ends in good order.
    """
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
    with collecting(conference, path, timedelta(seconds=backoff_cap), stop) as collection:
        archive, title = safe(str(collection.archive)), safe(conference.title or conference.name)
        out.print(f"collecting {title}: {counted(collection.sources, 'source')} → {collection.stream}")
        out.print(f"recording into {archive}; Ctrl-C ends it")
        warn_of_narrow_bins(collection.settings.bin)
        if collection.drops_old:
            out.print(
                "events older than their source's keep are dropped at the start, once an hour and at the end"
            )
        out.print(f"status: rtanalytics status {safe(str(path))}")
        collection.supervisor.run()
        events = recorded_events(collection.archive)
    out.print(f"stopped; {events or 0:,} recorded in {archive}")
