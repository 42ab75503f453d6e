"""How good each algorithm is: writes ``docs/results.md``.

    python benchmarks/accuracy.py [--quick] [--out docs/results.md]

Real recordings are those in the folder that RTANALYTICS_DATA names (``../shared/data`` by default)
of which reference topics are listed beside them; planted ones are made here, from the seeds that the
page states. ``--quick`` takes the smallest of each kind, to see that it works.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from rtanalytics.archive import Recording
from rtanalytics.evaluate import (
    METRICS,
    Comparison,
    Result,
    alarms_of,
    all_algorithms,
    compare_all,
    false_runs,
    intervals,
    partial_auc,
    ranked,
    recall_gap,
)
from rtanalytics.event import Event
from rtanalytics.importers import open_events
from rtanalytics.schedule import ReferenceTopic, read_truth
from rtanalytics.synthetic import Synthetic, conference, hard_conference

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("RTANALYTICS_DATA", ROOT.parent / "shared" / "data"))
WIDTH = timedelta(minutes=15)
TOP, TERMS = 10, 3
DRAWS = 1000
EASY_SEEDS, HARD_SEEDS, HARD_EVENTS = (11, 12), (21, 22), 20_000


@dataclass
class Sample:
    """Something said, and what is known of it."""

    name: str
    about: str
    events: list[Event]
    truth: list[ReferenceTopic]
    decoys: list[ReferenceTopic] = field(default_factory=list)
    meta: Any = None

    def __iter__(self) -> Iterator[Event]:
        return iter(self.events)


class Estimate(NamedTuple):
    """A figure with its interval; None where it is not defined."""

    value: float | None
    low: float | None = None
    high: float | None = None

    def text(self, shape: str = "{:.2f}") -> str:
        """``0.55 (0.41–0.68)``; a dash where nothing is to say."""
        if self.value is None:
            return "–"
        text = shape.format(self.value)
        if self.low is not None and self.high is not None:
            text += f" ({shape.format(self.low)}–{shape.format(self.high)})"
        return text


def recorded() -> list[Sample]:
    """The development recordings of which something is known."""
    samples = []
    for file in sorted(DATA.joinpath("recordings").glob("*.parquet")):
        known = DATA / "schedules" / f"{file.stem}_truth.csv"
        if not known.is_file():
            continue
        by_id: dict[str, Event] = {}
        for event in open_events(file):
            if isinstance(event, ValueError):
                raise event
            by_id.setdefault(event.id, event)
        events = sorted(by_id.values(), key=lambda e: (e.received_at, e.id))
        truth = read_truth(known)
        times = f"{events[0].created_at:%d %B %Y} to {events[-1].created_at:%d %B}"
        about = f"Posts of {times}: {len(events):,} messages, {len(truth)} known sessions."
        samples.append(Sample(file.stem, about, events, truth))
    if not samples:
        sys.exit(f"no recording with reference topics in {DATA.name!r}; set RTANALYTICS_DATA to the folder")
    return samples


def bundled() -> Sample:
    """The recording that the project brings along."""
    found = Recording(ROOT / "data" / "fixtures" / "recordings" / "juniperconf-2026")
    events = list(found)
    decoys = read_truth(found.folder / "_decoys.csv")
    about = f"The bundled recording: invented, {len(events):,} events, {len(found.truth)} planted topics."
    return Sample(found.name, about, events, found.truth, decoys, found.meta)


def planted(name: str, made: Synthetic, how: str) -> Sample:
    """A conference of which we know everything, because we made it."""
    meta = SimpleNamespace(hashtags=made.hashtags, accounts=made.accounts, ignore=[])
    about = (
        f"`{how}`: {len(made.events):,} events, {len(made.truth)} planted topics, {len(made.decoys)} decoys."
    )
    return Sample(name, about, made.events, made.truth, made.decoys, meta)


def invented(*, quick: bool) -> list[Sample]:
    """The bundled recording, and planted conferences of both kinds."""
    samples = [bundled()]
    if quick:
        return samples
    samples += [planted(f"planted {seed}", conference(seed), f"conference({seed})") for seed in EASY_SEEDS]
    for seed in HARD_SEEDS:
        made = hard_conference(seed, events=HARD_EVENTS)
        samples.append(planted(f"hard {seed}", made, f"hard_conference({seed}, events={HARD_EVENTS})"))
    return samples


def by_hour(result: Result) -> np.ndarray:
    """Told while something known was on, how many of them were about it, and false alarms, hour by hour."""
    alarms = alarms_of(result.bins, top=TOP, max_terms=TERMS)
    matched = {edge.alarm for edge in result.truth.edges(alarms)}
    first = result.bins[0].start
    hour = timedelta(hours=1)
    hours = np.zeros(((result.bins[-1].end - first) // hour + 1, 3))
    on = {bin.start: bool(result.truth.active(bin.start, bin.end)) for bin in result.bins}
    for place, alarm in enumerate(alarms):
        if on[alarm.start]:
            hours[(alarm.start - first) // hour, :2] += 1, place in matched
    for run in false_runs(alarms, result.truth):
        hours[(alarms[run.alarms[0]].start - first) // hour, 2] += 1
    return hours


def over_hours(results: Sequence[Result]) -> tuple[Estimate, Estimate]:
    """Precision and false alarms an hour, with 95 % intervals over hours that are drawn anew."""
    hours = np.concatenate([by_hour(result) for result in results])
    rows = np.random.default_rng(0).integers(0, len(hours), (DRAWS, len(hours)))
    told, right, false = hours[rows].sum(axis=1).T
    defined = told > 0
    rate = Estimate(hours[:, 2].mean(), *np.quantile(false / len(hours), [0.025, 0.975]))
    if not hours[:, 0].any():
        return Estimate(None), rate
    shares = right[defined] / told[defined]
    return Estimate(hours[:, 1].sum() / hours[:, 0].sum(), *np.quantile(shares, [0.025, 0.975])), rate


def figures(comparison: Comparison, algorithm: str) -> dict[str, str]:
    """What a row says."""
    tally = comparison.pooled(algorithm)
    bounds = intervals(tally)
    precision, rate = over_hours(comparison.of(algorithm))

    def estimate(name: str) -> Estimate:
        return Estimate(METRICS[name].of(tally), *(bounds[name] or (None, None)))

    late = METRICS["latency_p90_min"].of(tally)
    chance = METRICS["random_baseline_recall"].of(tally)
    at_90 = METRICS["false_alarms_per_hour_at_90_recall"].of(tally)
    return {
        "worth": f"{partial_auc(comparison, algorithm):.2f}",
        "recall": estimate("recall").text(),
        "chance": Estimate(chance).text(),
        "precision": precision.text(),
        "false alarms/h": rate.text(),
        "at 90 % recall": Estimate(at_90).text(),
        "delay, min": estimate("latency_median_min").text("{:.0f}"),
        "p90": Estimate(late).text("{:.0f}"),
        "s": f"{sum(result.seconds for result in comparison.of(algorithm)):.1f}",
    }


def table(comparison: Comparison, columns: Sequence[str]) -> list[str]:
    """A table of Markdown, who is worth most first."""
    names = sorted(comparison.algorithms, key=lambda name: -partial_auc(comparison, name))
    rows = [f"| algorithm | {' | '.join(columns)} |", f"|---|{'---:|' * len(columns)}"]
    for name in names:
        row = figures(comparison, name)
        rows.append(f"| {comparison.label(name)} | {' | '.join(row[column] for column in columns)} |")
    return rows


def equals(comparison: Comparison) -> str:
    """Who finds most, and who cannot be told apart from that."""
    names = [n for n in ranked(comparison) if all(r.causal for r in comparison.of(n))]
    best = comparison.pooled(names[0])
    others = [n for n in names[1:] if recall_gap(best, comparison.pooled(n)).low <= 0]
    text = f"Of those that need no later bins, **{names[0]}** finds most ({best.matched} of {best.events})."
    if others:
        text += f" On these topics it cannot be told apart from {', '.join(others)}."
    return text


def one(comparison: Comparison, recording: str) -> Comparison:
    """A comparison of one of the recordings alone."""
    results = tuple(r for r in comparison.results if r.recording == recording)
    return Comparison(results, comparison.max_terms, comparison.gap, comparison.counting)


def compared(samples: Sequence[Sample]) -> Comparison:
    """Every algorithm on every sample."""
    began = time.process_time()

    def tick(done: int) -> None:
        print(
            f"\r{done} judged, {time.process_time() - began:.0f} CPU s ", end="", file=sys.stderr, flush=True
        )

    decoys = {sample.name: sample.decoys for sample in samples if sample.decoys}
    found = compare_all(
        samples,  # type: ignore[arg-type]
        [sample.truth for sample in samples],
        all_algorithms(),
        decoys=decoys,
        hindsight=True,
        max_terms=TERMS,
        tick=tick,
        bin=WIDTH,
        top=TOP,
    )
    print(file=sys.stderr)
    return found


HOW = """\
Every algorithm of the registry told the topics of each recording, with the settings it has by
default: bins of a quarter of an hour, distinct authors, at most ten topics a bin. The real recordings
are posts with a conference's tag; known of them are the sessions, with the speaker's name as
keyword. Of the invented ones everything is known.

**What the columns say.** *recall*: share of the reference topics that are found, each by a topic of its
own, from their start to half an hour after their end; in brackets the 95 % interval over topics drawn
anew. *chance*: what is found with the truth moved by 3 or 24 hours, which is luck. *precision*: of what
is told while something known is on, the share that is about it. On real recordings that is low for
all: people also talk about what is in no programme. *false alarms/h*: alarms an hour that match
nothing known, however long they last; with *precision*, its interval is over hours drawn anew. *at 90 %
recall*: the same with the threshold raised until nine of ten topics are left; a dash where they
never are found. *delay*: minutes from a topic's start to the end of the first bin that tells it, median
and ninth decile (*p90*); read it beside the recall, since who finds only the loudest is quick. *worth*: mean
recall over thresholds that ring between once in two days and twice an hour; rows are in this order,
because neither recall nor quiet alone is an achievement. *s*: seconds of work after counting, on
whatever machine wrote this.

**How to decide.** Two rows whose intervals overlap widely are no different; the sentence below each
table names those that cannot be told from the best, topic by topic (a paired bootstrap). A † marks what needs
later bins to judge one: it shows what would be possible, and cannot run live. The scores share the
rules by which topics are grouped, named and withheld, so the table compares scores, not whole
systems; those that find topics by themselves (bngram, mabed, neighbours, nmf, nmf-batch, mini-batch)
bring their own. Thresholds were not tuned for this page.
"""


def page(real: Comparison, made: Comparison, samples: Sequence[Sample], seconds: float) -> str:
    """The page."""
    about = {sample.name: sample.about for sample in samples}
    short = ["worth", "recall", "precision", "false alarms/h", "delay, min", "p90"]
    full = [
        "worth",
        "recall",
        "chance",
        "precision",
        "false alarms/h",
        "at 90 % recall",
        "delay, min",
        "p90",
        "s",
    ]
    minutes = max(1, round(seconds / 60))
    head = (
        f"Written by `benchmarks/accuracy.py` in about {minutes} min of CPU time; do not edit. What each"
        " algorithm is, and what fools it: [algorithms](algorithms.md)."
    )
    lines = ["# Results", "", head, "", "## In short", ""]
    for title, comparison in (("Real recordings together", real), ("Invented recordings together", made)):
        events = sum(r.tally.events for r in comparison.of(comparison.algorithms[0]))
        names = ", ".join(comparison.recordings)
        lines += [
            f"### {title}",
            "",
            f"{names}: {events} reference topics.",
            "",
            *table(comparison, short),
            "",
        ]
        lines += [equals(comparison), ""]
    lines += ["## How to read it", "", HOW]
    for comparison in (real, made):
        for name in comparison.recordings:
            alone = one(comparison, name)
            ceiling = METRICS["precision_ceiling"].of(alone.pooled(alone.algorithms[0]))
            lines += [f"## {name}", "", about[name]]
            if ceiling is not None:
                lines.append(
                    f"If exactly what is on were told, {ceiling:.0%} of ten places a bin would be filled."
                )
            lines += ["", *table(alone, full), "", equals(alone), ""]
    return "\n".join(lines).rstrip() + "\n"


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one recording of each kind")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "results.md")
    chosen = parser.parse_args()
    real = recorded()
    if chosen.quick:
        real = [min(real, key=lambda sample: len(sample.events))]
    made = invented(quick=chosen.quick)
    began = time.process_time()
    comparisons = compared(real), compared(made)
    text = page(*comparisons, [*real, *made], time.process_time() - began)
    chosen.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
