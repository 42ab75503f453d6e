"""Lateness of a replay, beside a reader that sleeps each gap; and events per second of the whole path.

    python benchmarks/replay.py ARCHIVE [--speed 60] [--from T] [--minutes 60]

The first part plays that stretch into an iterator and says how late events come (milliseconds,
p50 and p99) and how far the last one has drifted. The second plays the whole archive at full
speed through Redis into another archive and compares the two.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import tempfile
import time
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

from rtanalytics.archive import Recording
from rtanalytics.clock import parse_time
from rtanalytics.event import Event
from rtanalytics.feed import Delivery
from rtanalytics.ingest.recorder import record
from rtanalytics.replay import play_into, replay
from rtanalytics.streams import open_stream
from rtanalytics.streams.server import EmbeddedServer


def lateness(events: list[Event], speed: float) -> list[float]:
    """Milliseconds after its time that each event comes."""
    player = replay(events, speed)
    began, first, late = time.monotonic(), events[0].received_at, []
    for item in player:
        if isinstance(item, Delivery):
            due = (item.event.received_at - first).total_seconds() / speed
            late.append((time.monotonic() - began - due) * 1000)
    return late


def lateness_by_gaps(events: list[Event], speed: float) -> list[float]:
    """Sleep each gap, one after the other: the baseline."""
    began, first, late, before = time.monotonic(), events[0].received_at, [], events[0].received_at
    for event in events:
        time.sleep((event.received_at - before).total_seconds() / speed)
        before = event.received_at
        late.append((time.monotonic() - began - (event.received_at - first).total_seconds() / speed) * 1000)
    return late


def report(name: str, late: list[float]) -> None:
    """One line."""
    p99 = statistics.quantiles(late, n=100)[98]
    print(f"{name:<22} p50 {statistics.median(late):6.2f} ms   p99 {p99:6.2f} ms   last {late[-1]:6.2f} ms")


def busiest(events: list[Event]) -> datetime:
    """When the hour with the most events begins."""
    hours = Counter(e.received_at.replace(minute=0, second=0, microsecond=0) for e in events)
    return max(hours, key=lambda hour: hours[hour])


def keep(url: str, name: str, folder: str) -> None:
    """Run the process of the recorder."""
    record(open_stream(name, url), folder)


def whole_path(archive: Recording) -> None:
    """Archive → replay → Redis → recorder → archive."""
    with tempfile.TemporaryDirectory() as folder, EmbeddedServer(Path(folder) / "server") as server:
        recorder = multiprocessing.get_context("spawn").Process(
            target=keep, args=(server.url, "bench/replay/1", f"{folder}/again")
        )
        recorder.start()
        time.sleep(3)  # its imports
        started = time.perf_counter()
        played = play_into(replay(archive, "max"), open_stream("bench/replay/1", server.url))
        appended = time.perf_counter() - started
        recorder.join()
        whole = time.perf_counter() - started
        same = list(Recording(f"{folder}/again")) == list(archive)
        print(f"archive to Redis        {played.events / appended:>9,.0f} events/s")
        print(
            f"archive to archive      {played.events / whole:>9,.0f} events/s with compaction; equal: {same}"
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("archive", type=Path)
    parser.add_argument("--speed", type=float, default=60.0)
    parser.add_argument("--from", dest="start", type=parse_time)
    parser.add_argument("--minutes", type=int, default=60)
    args = parser.parse_args()
    recording = Recording(args.archive)
    start = args.start or busiest(list(recording))
    events = [e for e in recording if start <= e.received_at < start + timedelta(minutes=args.minutes)]
    print(f"{recording.name}: {len(events)} events from {start:%Y-%m-%d %H:%M} on at ×{args.speed:g}")
    report("absolute deadlines", lateness(events, args.speed))
    report("sleeping each gap", lateness_by_gaps(events, args.speed))
    whole_path(recording)


if __name__ == "__main__":
    main()
