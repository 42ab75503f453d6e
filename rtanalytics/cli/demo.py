"""``rtanalytics demo``: the whole way on the bundled recording, and what came of it.

Four processes, as in earnest: one replays the recording into a Redis stream, one records the
stream into a new archive, one counts and tells trends, and this one follows and shows.
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

from rtanalytics.cli.runs import Worker, record_run, run_name
from rtanalytics.cli.terminal import Failed, console, event_line, how_many, safe

if TYPE_CHECKING:
    from rtanalytics.archive import Recording
    from rtanalytics.settings import Settings
    from rtanalytics.topics import Trend, TrendBin

__all__ = ["register"]

SECONDS = 25.0
"""How long the replay takes."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(demo)


def demo(
    out: Annotated[
        Path, typer.Option(help="Folder for what it leaves behind; each run has its own in it.")
    ] = Path("rtanalytics-demo"),
    seconds: Annotated[float, typer.Option(min=1, help="How long the replay takes.")] = SECONDS,
) -> None:
    """Replay the bundled conference through a real Redis, record it, follow it, find its topics."""
    from rtanalytics.archive import Recording
    from rtanalytics.resources import recordings_folder
    from rtanalytics.streams import open_stream
    from rtanalytics.streams.server import EmbeddedServer

    source = next(
        iter(sorted(p for p in recordings_folder().iterdir() if (p / "_recording.toml").exists())), None
    )
    if source is None:
        raise Failed(f"no recording in {recordings_folder()}; install rtanalytics again")
    recording = Recording(source)
    if recording.start is None or recording.end is None:
        raise Failed(f"{source} holds no events; install rtanalytics again")
    speed = (recording.end - recording.start).total_seconds() / seconds
    folder = out / f"{datetime.now(UTC):%Y%m%d-%H%M%S}"
    folder.mkdir(parents=True)
    name, archive = run_name("demo"), folder / "archive"
    say = console()
    say.print(Text(f"{recording.meta.title or recording.name}", style="bold"))
    say.print(
        f"{len(recording):,} events, {recording.start:%d %b} – {recording.end:%d %b %Y}, at ×{speed:,.0f}"
    )
    with EmbeddedServer(folder / "server") as server:
        say.print(
            f"embedded server: {server.binary.name} on port {server.url.rpartition(':')[2].split('/')[0]}"
        )
        stream = open_stream(name, server.url)
        player = Worker(play_archive, server.url, name, str(source), speed)
        recorder = Worker(record_run, server.url, name, str(archive))
        counter = Worker(count_run, server.url, name, str(source))
        for worker in (recorder, counter, player):
            worker.start()
        workers = (player, recorder, counter)
        followed, told = _watch(stream.follow("start"), workers, len(recording), sys.stdout.isatty())
        played, recorded = player.result(), recorder.result()
        counter.result()  # it may still be behind, so its last bins come only now
        told += counter.poll()
    _account(recording, archive, _Sums(played, recorded, followed), told)


@dataclass(frozen=True)
class _Sums:
    played: int
    recorded: int
    followed: set[str]


def play_archive(_tell: Callable[[Any], None], url: str, name: str, folder: str, speed: float) -> int:
    """The work of the replaying process: how many events went in."""
    from rtanalytics.archive import Recording
    from rtanalytics.replay import play_into, replay
    from rtanalytics.streams import open_stream

    return play_into(replay(Recording(folder), speed), open_stream(name, url)).new


def count_run(tell: Callable[[Any], None], url: str, name: str, folder: str) -> int:
    """The work of the counting process: sends each bin as it closes, and how many there were."""
    from rtanalytics.archive import Recording
    from rtanalytics.feed import FOREVER, Watermark
    from rtanalytics.streams import open_stream
    from rtanalytics.topics import Trender

    trender = Trender(demo_settings(Recording(folder)))
    bins = 0
    for batch in open_stream(name, url).follow("start").batches():
        for bin in trender.push(batch):
            tell(bin)
            bins += 1
        if any(isinstance(item, Watermark) and item.time == FOREVER for item in batch):
            return bins
    return bins


def demo_settings(recording: Recording) -> Settings:
    """How the demonstration counts, live and in one batch alike."""
    from rtanalytics.cli.recordings import trend_settings

    return trend_settings(recording, None, "30min", 10)


def _watch(
    feed: Any, workers: tuple[Worker, ...], total: int, on_terminal: bool
) -> tuple[set[str], list[TrendBin]]:
    """Follow until the run ends, showing it; the ids that came, and the bins told meanwhile."""
    from rich.live import Live

    from rtanalytics.feed import FOREVER, Delivery, Watermark

    ids: set[str] = set()
    came = 0
    told: list[TrendBin] = []
    lines: deque[Text] = deque(maxlen=12)
    out = console()
    shown = 0.0
    with Live(console=out, refresh_per_second=8, transient=True, auto_refresh=on_terminal) as live:
        for batch in feed.batches():
            for item in batch:
                if isinstance(item, Delivery):
                    came += 1
                    if item.event.id in ids:
                        raise Failed(f"event {item.event.id} was shown twice")
                    ids.add(item.event.id)
                    lines.append(event_line(item.event, width=max(60, out.width - 2), dated=False))
            for worker in workers:
                told += worker.poll()  # only the counter sends any; if one of them fails, so do we
            if on_terminal:
                live.update(_screen(lines, told, came, total))
            elif lines and time.monotonic() - shown > 1.5:
                shown = time.monotonic()
                out.print(lines[-1])
                if told and told[-1].trends:
                    out.print(_headline(told[-1]))
            if any(isinstance(item, Watermark) and item.time == FOREVER for item in batch):
                break
    return ids, told


def _screen(lines: deque[Text], told: list[TrendBin], came: int, total: int) -> Any:
    from rich.console import Group

    parts: list[Any] = [Text("the feed", style="bold"), *lines]
    busy = next((bin for bin in reversed(told) if bin.trends), None)
    if busy:
        parts += [Text(f"\ntrending {busy.start:%a %H:%M} – {busy.end:%H:%M}", style="bold")]
        for trend in busy.trends[:6]:
            line = Text(f"{trend.rank:>2}  ", style="dim").append(safe(trend.label), style="bold cyan")
            line.append(f"  {how_many(trend)}", style="dim")
            line.append(_talk(trend), style="green")
            parts.append(line)
    parts.append(Text(f"\n{came:,} of {total:,} events", style="bold"))
    return Group(*parts)


def _headline(bin: TrendBin) -> Text:
    labels = ", ".join(safe(trend.label) for trend in bin.trends[:4])
    return Text(f"   trending {bin.start:%a %H:%M}: {labels}", style="cyan")


def _account(recording: Recording, archive: Path, sums: _Sums, told: list[TrendBin]) -> None:
    """Say what happened, and fail if the numbers do not agree."""
    from rtanalytics.archive import ArchiveWriter, Recording
    from rtanalytics.cli.report import report_on
    from rtanalytics.topics import trends

    with ArchiveWriter(archive) as writer:
        writer.describe(schedule=recording.schedule, truth=recording.truth, meta=recording.meta)
    kept = Recording(archive)
    batch = list(trends(kept, demo_settings(recording)))
    same = kept.table(["id", "text"]).sort_by("id").equals(recording.table(["id", "text"]).sort_by("id"))
    say = console()
    say.print()
    say.print(f"replayed  {sums.played:>7,} events into Redis")
    say.print(f"recorded  {sums.recorded:>7,} events into Parquet, archive equals recording: {_yes(same)}")
    say.print(f"followed  {len(sums.followed):>7,} events, none twice")
    say.print(f"trends    {len(told):>7,} bins, equal to one batch over the archive: {_yes(told == batch)}")
    say.print()
    say.print(Text("what people talked about", style="bold"))
    best = sorted((t for bin in told for t in bin.trends), key=lambda t: -t.score)
    seen: set[str] = set()
    for trend in best:
        if trend.label.casefold() in seen or len(seen) >= 8:
            continue
        seen.add(trend.label.casefold())
        line = Text(f"  {trend.bin_start.astimezone(recording.meta.zone):%a %H:%M}  ", style="dim").append(
            f"{safe(trend.label):<28}", style="bold cyan"
        )
        line.append(f" {trend.messages:>4} messages, {trend.authors:>3} people", style="dim")
        line.append(_talk(trend), style="green")
        say.print(line)
    say.print()
    page = archive.with_name("report.html")
    report_on(archive, page)
    say.print(f"the archive: {safe(str(archive))}")
    say.print(f"the report:  {safe(str(page))}  (open it in a browser)")
    numbers = {sums.played, sums.recorded, len(sums.followed), len(kept), len(recording)}
    if not (same and told == batch and len(numbers) == 1):
        raise Failed("the counts above do not agree: something was lost, doubled or told differently")


def _talk(trend: Trend) -> str:
    """The talk that was on; of several, the one whose title has most of the topic's words."""
    words = {word for term in trend.terms for word in term.casefold().split()}
    talks = sorted(trend.talks, key=lambda title: -len(words & set(title.casefold().split())))
    return f"  during {safe(talks[0])}" if talks else ""


def _yes(value: bool) -> str:
    return "yes" if value else "NO"
