"""Quality of the default trends: recall, precision, hits by chance and latency.

    python benchmarks/trends.py [--synthetic SEED ...] [--hard SEED ...]

Recordings come from the folder that RTANALYTICS_DATA names (``../shared/data`` by default) and are
judged by the scripts in ``judge`` beside it, three terms a topic. Invented conferences are judged
by the same scripts; hard ones by what was planted in them: share found, share of the topics told
that are planted, and false alarms an hour (runs of one label, gaps up to four bins closed).
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import io
import os
import re
import runpy
import statistics
import sys
import tempfile
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from rtanalytics.event import Event
from rtanalytics.importers import open_events
from rtanalytics.synthetic import Synthetic, conference, hard_conference
from rtanalytics.topics import TrendBin, trends

DATA = Path(os.environ.get("RTANALYTICS_DATA", Path(__file__).parents[2] / "shared" / "data"))
JUDGE = DATA.parent / "judge"
DEVELOPMENT = ("user2019_day1", "bosc2014", "rstudioconf2018")
EASY = "user2018"
SLACK = timedelta(minutes=30)


class Sample(NamedTuple):
    """Something said, and where the judges find it and the truth about it."""

    name: str
    events: list[Event]
    truth: Path
    recording: Path


class Figures(NamedTuple):
    """What the judges say of one sample at one width."""

    sessions: int
    recall: tuple[int, int, int]
    chance: float
    latency: float
    precision: float
    printed: float


def recorded(name: str) -> Sample:
    """A development recording."""
    file = DATA / "recordings" / f"{name}.parquet"
    by_id: dict[str, Event] = {}
    for event in open_events(file):
        if isinstance(event, Event):
            by_id[event.id] = event
    events = sorted(by_id.values(), key=lambda e: (e.received_at, e.id))
    return Sample(name, events, DATA / "schedules" / f"{name}_truth.csv", file)


def invented(seed: int, folder: Path) -> Sample:
    """An invented conference, written down for the judges."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    made = conference(seed)
    recording, truth = folder / f"invented{seed}.parquet", folder / f"invented{seed}_truth.csv"
    said = [e for e in made.events if e.op != "delete"]
    columns = {
        "created_at": pa.array([e.created_at for e in said], pa.timestamp("us", tz="UTC")),
        "author": [e.handle for e in said],
        "text": [e.text or "" for e in said],
    }
    pq.write_table(pa.table(columns), recording)
    fields = "start_utc end_utc speaker title keywords mentions_in_slot lift detectable".split()
    with open(truth, "w", encoding="utf8", newline="") as file:
        table = csv.DictWriter(file, fields)
        table.writeheader()
        for topic in made.truth:
            table.writerow(
                {
                    "start_utc": topic.start.isoformat(),
                    "end_utc": topic.end.isoformat(),
                    "speaker": topic.extra["speaker"],
                    "title": topic.extra["title"],
                    "keywords": "|".join(topic.keywords),
                    "mentions_in_slot": topic.extra["planted"],
                    "lift": 100,
                    "detectable": int(int(topic.extra["planted"]) >= 4),
                }
            )
    return Sample(f"invented {seed}", made.events, truth, recording)


def judged(sample: Sample, bins: Iterable[TrendBin], folder: Path) -> Figures:
    """The judges' figures for what was told of a sample."""
    told = folder / "trends.jsonl"
    lines = [msgspec.json.encode(trend) for bin in bins for trend in bin.trends]
    told.write_bytes(b"\n".join(lines) + b"\n")
    recall = _asked("trend_recall.py", [told, sample.truth, "--max-terms", 3])
    precision = _asked("trend_precision.py", [told, sample.truth, "--recording", sample.recording])
    hits = {k: (h, n) for k, h, n in re.findall(r"recall@(\d+) (\d+)/(\d+)", recall)}
    line = next(line for line in recall.splitlines() if line.startswith("recall@10 "))
    return Figures(
        int(hits["10"][1]),
        tuple(int(hits[k][0]) for k in ("5", "10", "20")),  # type: ignore[arg-type]
        float(re.findall(r"CONTROL ([\d.]+)", line)[0]),
        float(re.findall(r"median ([\d.]+|nan)", line)[0]),
        float(re.findall(r"distinct precision@10 ([\d.]+)", precision)[0]),
        float(re.findall(r"topics/bin ([\d.]+)", precision)[0]),
    )


def _asked(judge: str, arguments: list[Any]) -> str:
    """What a judge prints, run in this process so that its libraries are read once."""
    printed, before = io.StringIO(), (sys.argv, sys.path[:])
    sys.argv, sys.path[:0] = [judge, *map(str, arguments)], [str(JUDGE)]
    try:
        with contextlib.redirect_stdout(printed):
            runpy.run_path(str(JUDGE / judge), run_name="__main__")
    finally:
        sys.argv, sys.path[:] = before
    return printed.getvalue()


def planted(made: Synthetic, bins: list[TrendBin]) -> tuple[float, float, float]:
    """Recall, precision and false alarms an hour, against what was planted."""
    found: set[int] = set()
    right = topics = 0
    alarms: dict[str, int] = {}
    false = 0
    for number, bin in enumerate(bins):
        for trend in bin.trends:
            words = [f" {term.casefold().lstrip('#')} " for term in trend.terms[:3]]
            matched = {
                i
                for i, topic in enumerate(made.truth)
                if bin.start < topic.end + SLACK
                and bin.end > topic.start
                and any(f" {k.casefold().lstrip('#')} " in word for k in topic.keywords for word in words)
            }
            found |= matched
            topics += 1
            right += bool(matched)
            if not matched:
                false += number - alarms.get(trend.label, -9) > 4
                alarms[trend.label] = number
    hours = (bins[-1].end - bins[0].start) / timedelta(hours=1)
    return len(found) / len(made.truth), right / max(topics, 1), false / hours


def row(name: str, minutes: int, f: Figures) -> str:
    """A line of the table."""
    recall = "/".join(map(str, f.recall))
    return (
        f"{name:<18} {minutes:>3}  {recall:>9} of {f.sessions:<3} {f.precision:.2f}   {f.chance:4.1f}"
        f"   {f.latency:5.1f}   {f.printed:4.1f}"
    )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--bins", type=int, nargs="+", default=[30, 15, 5], help="minutes")
    parser.add_argument("--synthetic", type=int, nargs="*", default=[], metavar="SEED")
    parser.add_argument("--hard", type=int, nargs="*", default=[], metavar="SEED")
    parser.add_argument("--algorithm", default=None)
    chosen = parser.parse_args()
    settings = {"algorithm": chosen.algorithm} if chosen.algorithm else {}
    print(f"{'':<18} min  recall@5/10/20   prec   chance  latency  topics")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        samples = [recorded(name) for name in (*DEVELOPMENT, EASY)]
        samples += [invented(seed, folder) for seed in chosen.synthetic]
        for minutes in chosen.bins:
            width, all_figures = timedelta(minutes=minutes), []
            for sample in samples:
                figures = judged(sample, trends(sample.events, bin=width, top=20, **settings), folder)
                print(row(sample.name, minutes, figures), flush=True)
                if sample.name in DEVELOPMENT:
                    all_figures.append(figures)
            print(row("development", minutes, together(all_figures)), flush=True)
    for seed in chosen.hard:
        made = hard_conference(seed, events=20_000)
        told = list(trends(made.events, bin=timedelta(minutes=15), own=frozenset(made.hashtags), **settings))
        recall, precision, alarms = planted(made, told)
        print(f"hard {seed:<13} recall {recall:.2f}  precision {precision:.2f}  false alarms/h {alarms:.2f}")


def together(figures: list[Figures]) -> Figures:
    """Sums of the counts, means of the shares."""
    return Figures(
        sum(f.sessions for f in figures),
        tuple(sum(f.recall[i] for f in figures) for i in range(3)),  # type: ignore[arg-type]
        statistics.mean(f.chance for f in figures),
        statistics.mean(f.latency for f in figures),
        statistics.mean(f.precision for f in figures),
        statistics.mean(f.printed for f in figures),
    )


if __name__ == "__main__":
    main()
