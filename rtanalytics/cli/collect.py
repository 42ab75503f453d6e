"""``collect``: a conference read live."""

from __future__ import annotations

import asyncio
import difflib
import logging
import signal
import threading
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from rtanalytics.cli.live import answering, origin, split_url
from rtanalytics.cli.preview import agreed, preview
from rtanalytics.cli.status import recorded
from rtanalytics.cli.terminal import Failed, console, counted, safe, tell_tiny_bins
from rtanalytics.cli.trender import conference_settings, trender_worker
from rtanalytics.conference import Conference, read_conference
from rtanalytics.ingest.processes import exclusive_lock

__all__ = ["read_sources", "register"]

LOCK = ".collecting"
"""In the archive's folder: held by the one process that collects into it."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(collect)


def collect(
    path: Annotated[Path, typer.Argument(metavar="CONFERENCE.TOML")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Fetch once, show it, store nothing.")] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="With --dry-run: read sources that cost money without asking.")
    ] = False,
    backoff_cap: Annotated[
        float, typer.Option(min=0.1, help="Longest wait, in seconds, before something is tried again.")
    ] = 300.0,
) -> None:
    """Read the sources into the stream, record it, tell trends; Ctrl-C ends it in good order."""
    if dry_run:
        conference = read_conference(path)
        specs = read_sources(conference, path)
        tell_tiny_bins(conference_settings(conference, path).bin)
        asyncio.run(preview(agreed(specs, yes), conference.zone))
        return
    asked = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: asked.set())
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    conference = read_conference(path)
    specs = read_sources(conference, path)
    archive = conference.path(conference.archive) or conference.folder / "archive"
    say = console(stderr=True)
    with exclusive_lock(archive / LOCK) as other:
        if other is not None:
            who = f"process {other}" if other else "another process"
            how = f" (kill {other})" if other else ""
            raise Failed(f"{path} is being collected by {who} already; stop it{how}, or leave it to it")
        _collect(conference, specs, path, archive, timedelta(seconds=backoff_cap), asked)
        events = recorded(archive)
    say.print(f"stopped; {events or 0:,} recorded in {safe(str(archive))}")


def _collect(
    conference: Conference,
    specs: list[Any],
    path: Path,
    archive: Path,
    cap: timedelta,
    asked: threading.Event,
) -> None:
    """Run all processes until somebody asks for an end."""
    from rtanalytics.archive import RecordingMeta
    from rtanalytics.ingest.recorder import KEEP_EVERY
    from rtanalytics.ingest.supervisor import Supervisor, WorkerSpec
    from rtanalytics.ingest.workers import recorder_worker, source_worker
    from rtanalytics.streams.redis import RedisStream
    from rtanalytics.streams.server import check_server, resolve_url

    settings = conference_settings(conference, path)
    url, named = split_url(conference.stream) if conference.stream else (resolve_url(), "")
    name = named or conference.name
    stream = RedisStream(url, name)
    with answering(origin(conference, path)), stream.connection.errors():
        check_server(stream.connection.client)
    schedule = settings.schedule if conference.schedule else None
    meta = RecordingMeta(
        title=conference.title,
        timezone=conference.timezone,
        hashtags=conference.hashtags,
        accounts=conference.accounts,
        ignore=conference.ignore,
    )
    limits = (conference.rate_limits(), conference.most_entries)
    keep = {spec.producer: spec.keep for spec in specs if spec.keep is not None}
    workers = [
        WorkerSpec("recorder", recorder_worker, (url, name, archive, schedule, meta, keep)),
        WorkerSpec("trender", trender_worker, (url, name, archive, settings)),
        *(
            WorkerSpec(f"source:{spec.name}", source_worker, (url, name, spec, cap, *limits))
            for spec in specs
        ),
    ]
    revive = None if conference.stream else _revive
    supervisor = Supervisor(
        workers,
        stream,
        revive=revive,
        cap=min(cap, timedelta(seconds=30)),
        most_entries=conference.most_entries,
        stopping=asked,
    )
    say = console(stderr=True)
    title, sources = safe(conference.title or conference.name), counted(len(specs), "source")
    say.print(f"collecting {title}: {sources} → {stream.key}")
    say.print(f"recording into {safe(str(archive))}; Ctrl-C ends it")
    tell_tiny_bins(settings.bin)
    if any(duration < KEEP_EVERY for duration in keep.values()):
        say.print("what is older than its source's keep is dropped at the start, once an hour and at the end")
    say.print(f"how it fares: rtanalytics status {safe(str(path))}")
    supervisor.run()


def read_sources(conference: Conference, path: Path) -> list[Any]:
    """The sources, or an error that names the line of the table, or of a limit that is for none of them."""
    from rtanalytics.conference import ConferenceError, line_of
    from rtanalytics.sources import SourceTableError, read_specs
    from rtanalytics.sources.polled import PolledSpec

    text = path.read_text(encoding="utf-8")
    try:
        specs = list(read_specs(conference.source, conference.timezone))
    except SourceTableError as error:
        line = _table_line(text, error.number, error.key)
        raise ConferenceError(f"{path}:{line}: {error}") from None
    asked = sorted({spec.asks for spec in specs if isinstance(spec, PolledSpec) and spec.asks})
    for host in conference.limits:
        if host not in asked:
            near = difflib.get_close_matches(host.lower(), asked, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"they ask {', '.join(asked) or 'none'}"
            line = line_of(text, host) or 1
            raise ConferenceError(f"{path}:{line}: limits {host!r}: no source asks that host; {hint}")
    return specs


def _table_line(text: str, number: int, key: str) -> int:
    """The line of a key in the n-th [[source]] table, or of the table's head."""
    head = 0
    for line, content in enumerate(text.splitlines(), start=1):
        stripped = content.strip()
        if stripped.startswith("[[source]]"):
            number -= 1
            if number < 0:
                break
            head = line
        elif number == 0 and key and stripped.split("=")[0].strip().strip("\"'") == key:
            return line
    return head or 1


def _revive() -> None:
    """The embedded server, started again with the port and the password it had."""
    from rtanalytics.streams.server import resolve_url

    resolve_url()
