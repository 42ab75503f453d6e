"""The command ``demo``: the bundled recording through all parts of the library.

Four processes: one replays the recording into a Redis stream, one records the stream into a new
archive, one counts and finds trends, and this one follows and prints.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from rtanalytics.cli.terminal import console, event_line, how_many, safe
from rtanalytics.session import OpenedConference, SessionError
from rtanalytics.session.connection import run_name
from rtanalytics.session.processes import Worker
from rtanalytics.session.runs import record_run
from rtanalytics.settings import Settings

if TYPE_CHECKING:
    from rtanalytics.archive import Recording
    from rtanalytics.topics import TrendBin

__all__ = ["demo"]

SECONDS = 25.0
"""Duration of the replay."""


def demo(
    out: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Folder for the results; each run makes a folder in it.")
    ] = Path("rtanalytics-demo"),
    seconds: Annotated[float, typer.Option(min=1, help="Duration of the replay.")] = SECONDS,
) -> None:
    """Replay the bundled conference through Redis and find its trends.

    It needs no network. The results are an archive and a report.
    """
    from rtanalytics.archive import Recording
    from rtanalytics.resources import recordings_folder
    from rtanalytics.streams import open_stream
    from rtanalytics.streams.server import EmbeddedServer

    source = next(
        iter(sorted(p for p in recordings_folder().iterdir() if (p / "_recording.toml").exists())), None
    )
    if source is None:
        raise SessionError(f"no recording in {recordings_folder()}; install rtanalytics again")
    recording = Recording(source)
    if recording.start is None or recording.end is None:
        raise SessionError(f"{source} holds no events; install rtanalytics again")
    speed = (recording.end - recording.start).total_seconds() / seconds
    folder = out / f"{datetime.now(UTC):%Y%m%d-%H%M%S}"
    folder.mkdir(parents=True)
    name, archive = run_name("demo"), folder / "archive"
    terminal = console()
    terminal.print(Text(f"{recording.meta.title or recording.name}", style="bold"))
    terminal.print(
        f"{len(recording):,} events, {recording.start:%d %b} – {recording.end:%d %b %Y}, at ×{speed:,.0f}"
    )
    with EmbeddedServer(folder / "server") as server:
        terminal.print(
            f"embedded server: {server.binary.name} on port {server.url.rpartition(':')[2].split('/')[0]}"
        )
        stream = open_stream(name, server.url)
        player = Worker(play_archive, server.url, name, str(source), speed)
        recorder = Worker(record_run, server.url, name, str(archive))
        counter = Worker(count_run, server.url, name, str(source))
        for worker in (recorder, counter, player):
            worker.start()
        workers = (player, recorder, counter)
        followed, bins = _watch(stream.follow("start"), workers, len(recording), sys.stdout.isatty())
        terminal.print("all events are played; waiting for the last of them to be recorded and counted …")
        played, recorded = player.result(), recorder.result()
        counter.result()  # it may be behind the others, so its last bins come only now
        bins += counter.poll()
    _account(recording, archive, _Sums(played, recorded, followed), bins)


@dataclass(frozen=True)
class _Sums:
    played: int
    recorded: int
    followed: set[str]


def play_archive(_send: Callable[[Any], None], url: str, name: str, folder: str, speed: float) -> int:
    """Replay a recording into a stream; runs in a process of its own. Return the number of events."""
    from rtanalytics.archive import Recording
    from rtanalytics.replay import play_into, replay
    from rtanalytics.streams import open_stream

    return play_into(replay(Recording(folder), speed), open_stream(name, url)).new


def count_run(send: Callable[[Any], None], url: str, name: str, folder: str) -> int:
    """Find trends and send each bin; runs in a process of its own. Return the number of bins."""
    from rtanalytics.archive import Recording
    from rtanalytics.feed import FOREVER, Watermark
    from rtanalytics.streams import open_stream
    from rtanalytics.topics import Trender

    trender = Trender(demo_settings(Recording(folder)))
    bins = 0
    for batch in open_stream(name, url).follow("start").batches():
        for bin in trender.push(batch):
            send(bin)
            bins += 1
        if any(isinstance(item, Watermark) and item.time == FOREVER for item in batch):
            return bins
    return bins


def demo_settings(recording: Recording) -> Settings:
    """Return the settings of the demonstration, for the live trends and for the check."""
    return Settings.of_recording(recording).replace(bin="30min")


def _watch(
    feed: Any, workers: tuple[Worker, ...], total: int, on_terminal: bool
) -> tuple[set[str], list[TrendBin]]:
    """Follow the stream to its end and print it; return the ids of its events, and the bins so far."""
    from rich.live import Live

    from rtanalytics.feed import FOREVER, Delivery, Watermark

    ids: set[str] = set()
    received = 0
    bins: list[TrendBin] = []
    lines: deque[Text] = deque(maxlen=12)
    out = console()
    shown = 0.0
    with Live(console=out, refresh_per_second=8, transient=True, auto_refresh=on_terminal) as live:
        for batch in feed.batches():
            for item in batch:
                if isinstance(item, Delivery):
                    received += 1
                    if item.event.id in ids:
                        raise SessionError(f"event {item.event.id} arrived twice")
                    ids.add(item.event.id)
                    lines.append(event_line(item.event, width=max(60, out.width - 2), dated=False))
            for worker in workers:
                bins += worker.poll()  # only the counter sends any; the poll fails if the process has failed
            if on_terminal:
                live.update(_screen(lines, bins, received, total))
            elif lines and time.monotonic() - shown > 1.5:
                shown = time.monotonic()
                out.print(lines[-1])
                if bins and bins[-1].trends:
                    out.print(_headline(bins[-1]))
            if any(isinstance(item, Watermark) and item.time == FOREVER for item in batch):
                break
    return ids, bins


def _screen(lines: deque[Text], bins: list[TrendBin], received: int, total: int) -> Any:
    from rich.console import Group

    parts: list[Any] = [Text("the feed", style="bold"), *lines]
    busy = next((bin for bin in reversed(bins) if bin.trends), None)
    if busy:
        parts += [Text(f"\ntrending {busy.start:%a %H:%M} – {busy.end:%H:%M}", style="bold")]
        for trend in busy.trends[:6]:
            line = Text(f"{trend.rank:>2}  ", style="dim").append(safe(trend.label), style="bold cyan")
            line.append(f"  {how_many(trend)}", style="dim")
            parts.append(line)
    parts.append(Text(f"\n{received:,} of {total:,} events", style="bold"))
    return Group(*parts)


def _headline(bin: TrendBin) -> Text:
    labels = ", ".join(safe(trend.label) for trend in bin.trends[:4])
    return Text(f"   trending {bin.start:%a %H:%M}: {labels}", style="cyan")


def _account(recording: Recording, archive: Path, sums: _Sums, bins: list[TrendBin]) -> None:
    """Check the results, print a summary and write the report; fail if the numbers do not agree."""
    from rtanalytics.archive import ArchiveWriter, Recording
    from rtanalytics.session.reporting import report_on
    from rtanalytics.topics import trends

    out = console()
    out.print("checking: the trends of the new archive, counted once more in one batch …")
    with ArchiveWriter(archive) as writer:
        writer.describe(schedule=recording.schedule, truth=recording.truth, meta=recording.meta)
    kept = Recording(archive)
    batch = list(trends(kept, demo_settings(recording)))
    same = kept.table(["id", "text"]).sort_by("id").equals(recording.table(["id", "text"]).sort_by("id"))
    out.print()
    out.print(f"replayed  {sums.played:>7,} events into Redis")
    out.print(f"recorded  {sums.recorded:>7,} events into Parquet, archive equals recording: {_yes(same)}")
    out.print(f"followed  {len(sums.followed):>7,} events, none twice")
    out.print(f"trends    {len(bins):>7,} bins, equal to one batch over the archive: {_yes(bins == batch)}")
    out.print()
    out.print(Text("what people talked about", style="bold"))
    best = sorted((t for bin in bins for t in bin.trends), key=lambda t: -t.score)
    seen: set[str] = set()
    for trend in best:
        if trend.topic_id in seen or len(seen) >= 8:
            continue
        seen.add(trend.topic_id)
        line = Text(f"  {trend.bin_start.astimezone(recording.meta.zone):%a %H:%M}  ", style="dim").append(
            f"{safe(trend.label):<60}", style="bold cyan"
        )
        line.append(f" {trend.messages:>4} messages, {trend.authors:>3} people", style="dim")
        out.print(line)
    out.print()
    out.print("writing the report …")
    page = archive.with_name("report.html")
    opened = OpenedConference.of_recording(kept)
    report_on(opened, page, opened.settings.replace(bin="30min"))
    out.print(f"the archive: {safe(str(archive))}")
    out.print(f"the report:  {safe(str(page))}  (open it in a browser)")
    numbers = {sums.played, sums.recorded, len(sums.followed), len(kept), len(recording)}
    if not (same and bins == batch and len(numbers) == 1):
        raise SessionError("the counts above do not agree: an event or a bin was lost, repeated or changed")


def _yes(value: bool) -> str:
    return "yes" if value else "NO"
