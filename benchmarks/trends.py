"""Quality and cost of the default trends, each beside its baseline, in one run.

    python benchmarks/trends.py [--synthetic SEED ...] [--hard SEED ...]

Cost, in CPU seconds: from events to ranked topics, beside a loop that only counts words and pairs
with ``re`` and ``Counter``; 60 settings of each score that is a formula in closed form, beside the
plain window count; one bin in which 50,000 terms are said, likewise.

Quality: recall, precision, random hits and latency, beside ranking by the count of authors
alone (the algorithm ``count``). Recordings come from the folder that RTANALYTICS_DATA names
(``../shared/data`` by default) and are judged by the scripts in ``judge`` beside it, three terms a
topic. Synthetic conferences are evaluated by the same scripts; hard ones by what was planted in them: share
found, share of the listed topics that are planted, and false alarms per hour (runs of one label, gaps up
to four bins closed).
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import inspect
import io
import math
import os
import re
import runpy
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np

from rtanalytics.counts import BinCounts, TermCounts
from rtanalytics.event import Event
from rtanalytics.importers import open_events
from rtanalytics.synthetic import Synthetic, conference, hard_conference
from rtanalytics.topics import TrendBin, trends
from rtanalytics.trending import ALGORITHMS, DEFAULT, get

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
    random_hits: float
    latency: float
    precision: float
    printed: float


def recorded(name: str) -> Sample:
    """Read a development recording."""
    file = DATA / "recordings" / f"{name}.parquet"
    by_id: dict[str, Event] = {}
    for event in open_events(file):
        if isinstance(event, Event):
            by_id[event.id] = event
    events = sorted(by_id.values(), key=lambda e: (e.received_at, e.id))
    return Sample(name, events, DATA / "schedules" / f"{name}_truth.csv", file)


def invented(seed: int, folder: Path) -> Sample:
    """Write a synthetic conference to files for the judges."""
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
    """Return the metrics of the judges for the trends of a sample."""
    file = folder / "trends.jsonl"
    lines = [msgspec.json.encode(trend) for bin in bins for trend in bin.trends]
    file.write_bytes(b"\n".join(lines) + b"\n")
    recall = _asked("trend_recall.py", [file, sample.truth, "--max-terms", 3])
    precision = _asked("trend_precision.py", [file, sample.truth, "--recording", sample.recording])
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
    """Return the output of a judge, run in this process so that its libraries are loaded once."""
    printed, before = io.StringIO(), (sys.argv, sys.path[:])
    sys.argv, sys.path[:0] = [judge, *map(str, arguments)], [str(JUDGE)]
    try:
        with contextlib.redirect_stdout(printed):
            runpy.run_path(str(JUDGE / judge), run_name="__main__")
    finally:
        sys.argv, sys.path[:] = before
    return printed.getvalue()


def planted(made: Synthetic, bins: list[TrendBin]) -> tuple[float, float, float]:
    """Recall, precision and false alarms per hour, against what was planted."""
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
    """Format a line of the table."""
    recall = "/".join(map(str, f.recall))
    return (
        f"{name:<18} {minutes:>3}  {recall:>9} of {f.sessions:<3} {f.precision:.2f}   {f.random_hits:4.1f}"
        f"   {f.latency:5.1f}   {f.printed:4.1f}"
    )


def spent(work: Callable[[], object], times: int = 3) -> float:
    """Return the CPU seconds of some work, the minimum of several runs."""
    fastest = math.inf
    for _ in range(times):
        began = time.process_time()
        work()
        fastest = min(fastest, time.process_time() - began)
    return fastest


def plain_count(events: list[Event]) -> int:
    """Count words and pairs per 15 minutes, and nothing else: the baseline of cost."""
    word = re.compile(r"\w+")
    bins: dict[int, Counter[object]] = {}
    for event in events:
        words = word.findall((event.text or "").lower())
        counter = bins.setdefault(int(event.created_at.timestamp()) // 900, Counter())
        counter.update(words)
        counter.update(pairwise(words))
    return sum(map(len, bins.values()))


def print_cost(samples: list[Sample]) -> None:
    """From events to topics; many settings; one wide bin."""
    print("CPU seconds from events to ranked topics; baseline: words and pairs counted with re and Counter")
    list(trends(samples[0].events))  # what is compiled is compiled now
    for sample in samples:
        base, full = (
            spent(lambda s=sample: plain_count(s.events)),
            spent(lambda s=sample: list(trends(s.events))),
        )
        print(f"  {sample.name:<18} {full:6.2f}  baseline {base:6.2f}  {full / base:5.1f} x")
    busiest = max(samples, key=lambda sample: len(sample.events))
    counts = TermCounts(timedelta(minutes=15))
    counting = spent(lambda: counts.add(busiest.events), 1)
    cells = counts.cells("authors")
    wide, width, random = 50_000, timedelta(minutes=15), np.random.default_rng(0)
    bins = [BinCounts(n, np.arange(wide), 1.0 + random.poisson(2, wide), 9000.0, width) for n in range(12)]
    print(f"CPU seconds of 60 settings over {len(cells):,} cells ({busiest.name}, counted in {counting:.2f})")
    print(f"and CPU milliseconds of a bin with {wide:,} terms; baseline: count")
    base60 = base1 = 0.0
    for name in ["count", *sorted(set(ALGORITHMS) - {"count"})]:
        cls = ALGORITHMS[name]
        if not cls.causal or hasattr(cls, "topics"):
            continue
        history = "history" in inspect.signature(cls).parameters
        settings = [get(name, history=h) if history else get(name) for h in range(1, 61)]
        settings[0].score(cells)
        slow = name == "change-point"
        sixty = spent(lambda some=settings[: 3 if slow else 60]: [a.score(cells) for a in some], 1)
        sixty *= 20 if slow else 1
        state, scorer = settings[0].start(), settings[0]
        steps = [spent(lambda b=bin, a=scorer, s=state: a.step(s, b), 1) for bin in bins]
        step = 1000 * statistics.median(steps[4:])
        if name == "count":
            base60, base1 = sixty, step
        print(f"  {name:<28} {sixty:7.2f} s {sixty / base60:7.1f} x   {step:7.2f} ms {step / base1:7.1f} x")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--bins", type=int, nargs="+", default=[30, 15, 5], help="minutes")
    parser.add_argument("--synthetic", type=int, nargs="*", default=[], metavar="SEED")
    parser.add_argument("--hard", type=int, nargs="*", default=[], metavar="SEED")
    parser.add_argument("--algorithm", default=DEFAULT)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        samples = [recorded(name) for name in (*DEVELOPMENT, EASY)]
        print_cost(samples)
        samples += [invented(seed, folder) for seed in chosen.synthetic]
        print(f"\n{'':<18} min  recall@5/10/20   prec   random  latency  topics   baseline: count")
        for minutes in chosen.bins:
            ours: list[Figures] = []
            theirs: list[Figures] = []
            for sample in samples:
                figures, base = (
                    judged(
                        sample,
                        trends(sample.events, bin=timedelta(minutes=minutes), top=20, algorithm=algorithm),
                        folder,
                    )
                    for algorithm in (chosen.algorithm, "count")
                )
                print(row(sample.name, minutes, figures) + beside(figures, base), flush=True)
                if sample.name in DEVELOPMENT:
                    ours.append(figures)
                    theirs.append(base)
            print(
                row("development", minutes, together(ours)) + beside(together(ours), together(theirs)),
                flush=True,
            )
    for seed in chosen.hard:
        made = hard_conference(seed, events=20_000)
        own = frozenset(made.hashtags)
        for algorithm in (chosen.algorithm, "count"):
            bins = list(trends(made.events, bin=timedelta(minutes=15), own_tags=own, algorithm=algorithm))
            recall, precision, alarms = planted(made, bins)
            line = f"recall {recall:.2f}  precision {precision:.2f}  false alarms/h {alarms:.2f}"
            print(f"hard {seed:<6} {algorithm:<16} {line}")


def beside(figures: Figures, base: Figures) -> str:
    """Format recall@10 and precision of the baseline, and ours as multiples of them."""
    found, right = figures.recall[1] / max(base.recall[1], 1), figures.precision / max(base.precision, 1e-9)
    return f"     {base.recall[1]:>2} {base.precision:.2f}   recall {found:.2f} x  prec {right:.2f} x"


def together(figures: list[Figures]) -> Figures:
    """Return sums of the counts and means of the shares."""
    return Figures(
        sum(f.sessions for f in figures),
        tuple(sum(f.recall[i] for f in figures) for i in range(3)),  # type: ignore[arg-type]
        statistics.mean(f.random_hits for f in figures),
        statistics.mean(f.latency for f in figures),
        statistics.mean(f.precision for f in figures),
        statistics.mean(f.printed for f in figures),
    )


if __name__ == "__main__":
    main()
