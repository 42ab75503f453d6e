"""Evaluate every algorithm and write ``docs/results.md``.

    python benchmarks/accuracy.py [--quick] [--out docs/results.md]

Real recordings are those with a truth file in the folder RTANALYTICS_DATA (default
``../shared/data``); synthetic ones are generated here from the seeds that the page states. ``--quick``
uses the smallest of each kind, to check that it works.
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
    alerts_of,
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
    """Events with their reference topics."""

    name: str
    about: str
    events: list[Event]
    truth: list[ReferenceTopic]
    decoys: list[ReferenceTopic] = field(default_factory=list)
    meta: Any = None

    def __iter__(self) -> Iterator[Event]:
        return iter(self.events)


class Estimate(NamedTuple):
    """An estimate with its interval; None if it is undefined."""

    value: float | None
    low: float | None = None
    high: float | None = None

    def text(self, shape: str = "{:.2f}") -> str:
        """Format as ``0.55 (0.41–0.68)``; a dash if undefined."""
        if self.value is None:
            return "–"
        text = shape.format(self.value)
        if self.low is not None and self.high is not None:
            text += f" ({shape.format(self.low)}–{shape.format(self.high)})"
        return text


def recorded() -> list[Sample]:
    """Return the development recordings that have reference topics."""
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
        about = f"Posts of {times}: {len(events):,} messages, {len(truth)} sessions."
        samples.append(Sample(file.stem, about, events, truth))
    if not samples:
        sys.exit(f"no recording with reference topics in {DATA.name!r}; set RTANALYTICS_DATA to the folder")
    return samples


def bundled() -> Sample:
    """Return the bundled recording."""
    found = Recording(ROOT / "data" / "fixtures" / "recordings" / "juniperconf-2026")
    events = list(found)
    decoys = read_truth(found.folder / "_decoys.csv")
    about = f"The bundled synthetic recording: {len(events):,} events, {len(found.truth)} planted topics."
    return Sample(found.name, about, events, found.truth, decoys, found.meta)


def planted(name: str, made: Synthetic, how: str) -> Sample:
    """Return a synthetic conference as a sample."""
    meta = SimpleNamespace(hashtags=made.hashtags, accounts=made.accounts, ignore=[])
    about = (
        f"`{how}`: {len(made.events):,} events, {len(made.truth)} planted topics, {len(made.decoys)} decoys."
    )
    return Sample(name, about, made.events, made.truth, made.decoys, meta)


def invented(*, quick: bool) -> list[Sample]:
    """Return the bundled recording and synthetic conferences of both kinds."""
    samples = [bundled()]
    if quick:
        return samples
    samples += [planted(f"planted {seed}", conference(seed), f"conference({seed})") for seed in EASY_SEEDS]
    for seed in HARD_SEEDS:
        made = hard_conference(seed, events=HARD_EVENTS)
        samples.append(planted(f"hard {seed}", made, f"hard_conference({seed}, events={HARD_EVENTS})"))
    return samples


def by_hour(result: Result) -> np.ndarray:
    """Count by hour: topics listed while a reference topic is active, matches among them, false alarms."""
    alerts = alerts_of(result.bins, top=TOP, max_terms=TERMS)
    matched = {edge.alert for edge in result.truth.edges(alerts)}
    first = result.bins[0].start
    hour = timedelta(hours=1)
    hours = np.zeros(((result.bins[-1].end - first) // hour + 1, 3))
    on = {bin.start: bool(result.truth.active(bin.start, bin.end)) for bin in result.bins}
    for place, alert in enumerate(alerts):
        if on[alert.start]:
            hours[(alert.start - first) // hour, :2] += 1, place in matched
    for run in false_runs(alerts, result.truth):
        hours[(alerts[run.alerts[0]].start - first) // hour, 2] += 1
    return hours


def over_hours(results: Sequence[Result]) -> tuple[Estimate, Estimate]:
    """Return precision and false alarms per hour, with 95 % bootstrap intervals over hours."""
    hours = np.concatenate([by_hour(result) for result in results])
    rows = np.random.default_rng(0).integers(0, len(hours), (DRAWS, len(hours)))
    listed, right, false = hours[rows].sum(axis=1).T
    defined = listed > 0
    rate = Estimate(hours[:, 2].mean(), *np.quantile(false / len(hours), [0.025, 0.975]))
    if not hours[:, 0].any():
        return Estimate(None), rate
    shares = right[defined] / listed[defined]
    return Estimate(hours[:, 1].sum() / hours[:, 0].sum(), *np.quantile(shares, [0.025, 0.975])), rate


def figures(comparison: Comparison, algorithm: str) -> dict[str, str]:
    """Return the cells of a row."""
    tally = comparison.pooled(algorithm)
    bounds = intervals(tally)
    precision, rate = over_hours(comparison.of(algorithm))

    def estimate(name: str) -> Estimate:
        return Estimate(METRICS[name].of(tally), *(bounds[name] or (None, None)))

    late = METRICS["latency_p90_min"].of(tally)
    random = METRICS["random_baseline_recall"].of(tally)
    at_90 = METRICS["false_alarms_per_hour_at_90_recall"].of(tally)
    return {
        "pAUC": f"{partial_auc(comparison, algorithm):.2f}",
        "recall": estimate("recall").text(),
        "random": Estimate(random).text(),
        "precision": precision.text(),
        "false alarms/h": rate.text(),
        "at 90 % recall": Estimate(at_90).text(),
        "latency, min": estimate("latency_median_min").text("{:.0f}"),
        "p90": Estimate(late).text("{:.0f}"),
        "s": f"{sum(result.seconds for result in comparison.of(algorithm)):.1f}",
    }


def table(comparison: Comparison, columns: Sequence[str]) -> list[str]:
    """Format a Markdown table, ordered by partial AUC."""
    names = sorted(comparison.algorithms, key=lambda name: -partial_auc(comparison, name))
    rows = [f"| algorithm | {' | '.join(columns)} |", f"|---|{'---:|' * len(columns)}"]
    for name in names:
        row = figures(comparison, name)
        rows.append(f"| {comparison.label(name)} | {' | '.join(row[column] for column in columns)} |")
    return rows


def equals(comparison: Comparison) -> str:
    """Name the algorithm with the highest recall, and those that do not differ significantly."""
    names = [n for n in ranked(comparison) if all(r.causal for r in comparison.of(n))]
    best = comparison.pooled(names[0])
    others = [n for n in names[1:] if recall_gap(best, comparison.pooled(n)).low <= 0]
    text = f"Of the live algorithms, **{names[0]}** has the highest recall ({best.matched} of {best.events})."
    if others:
        text += f" On these topics the difference to these is not significant: {', '.join(others)}."
    return text


def one(comparison: Comparison, recording: str) -> Comparison:
    """Return the comparison for a single recording."""
    results = tuple(r for r in comparison.results if r.recording == recording)
    return Comparison(results, comparison.max_terms, comparison.gap, comparison.counting)


def compared(samples: Sequence[Sample]) -> Comparison:
    """Run every algorithm on every sample."""
    began = time.process_time()

    def tick(share: float) -> None:
        print(
            f"\r{share:.0%} done, {time.process_time() - began:.0f} CPU s ",
            end="",
            file=sys.stderr,
            flush=True,
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
Every algorithm of the registry ran on each recording with default settings: 15-minute bins, distinct
authors, at most ten topics per bin. The real recordings are posts with the tag of a conference; their
reference topics are the sessions, with the speaker's name as keyword. The reference topics of the synthetic
recordings are complete.

**Columns.** *recall*: share of the reference topics that are found, one listed topic each, from their start
to 30 minutes after their end; in brackets the 95 % bootstrap interval over topics. *random*: random baseline,
the recall with the truth shifted by 3 or 24 hours. *precision*: share of the topics listed while a reference
topic is active that match one. It is low on real recordings for all algorithms, because people also talk
about things that are in no programme. *false alarms/h*: runs of alerts per hour that match nothing; the
intervals of this column and of *precision* are bootstrap intervals over hours. *at 90 % recall*: false alarms
per hour at the threshold with 90 % recall; a dash if no threshold reaches it. *latency*: minutes from the
start of a topic to the end of the first bin that lists it, median and 90th percentile (*p90*). Read it
together with the recall: an algorithm that finds only the loudest topics can be fast. *pAUC*: partial area
under the curve, the mean recall over thresholds with 0.02 to 2 false alarms per hour; rows are in this order,
because neither a high recall nor few false alarms alone is an achievement. *s*: seconds after counting, on
the machine that wrote this page.

**How to decide.** Two rows whose intervals overlap widely do not differ; the sentence below each table names
the algorithms whose difference to the best is not significant (a paired bootstrap over topics). A † marks
algorithms that need later bins: they show what is possible, and cannot run live. The scores share the rules
by which topics are grouped, named and filtered, so the table compares scores, not whole systems; algorithms
that detect topics by themselves (bngram, mabed, neighbours, nmf, nmf-batch, mini-batch) have their own rules.
Thresholds were not tuned for this page.
"""


def page(real: Comparison, made: Comparison, samples: Sequence[Sample], seconds: float) -> str:
    """Return the page."""
    about = {sample.name: sample.about for sample in samples}
    short = ["pAUC", "recall", "precision", "false alarms/h", "latency, min", "p90"]
    full = [
        "pAUC",
        "recall",
        "random",
        "precision",
        "false alarms/h",
        "at 90 % recall",
        "latency, min",
        "p90",
        "s",
    ]
    minutes = max(1, round(seconds / 60))
    head = (
        f"Written by `benchmarks/accuracy.py` in about {minutes} min of CPU time; do not edit. What each"
        " algorithm does, and what misleads it: [algorithms](algorithms.md)."
    )
    lines = ["# Results", "", head, "", "## Summary", ""]
    for title, comparison in (("All real recordings", real), ("All synthetic recordings", made)):
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
    lines += ["## How to read the tables", "", HOW]
    for comparison in (real, made):
        for name in comparison.recordings:
            alone = one(comparison, name)
            ceiling = METRICS["precision_ceiling"].of(alone.pooled(alone.algorithms[0]))
            lines += [f"## {name}", "", about[name]]
            if ceiling is not None:
                lines.append(
                    f"An oracle, which lists exactly the active topics, has a precision of {ceiling:.0%}."
                )
            lines += ["", *table(alone, full), "", equals(alone), ""]
    return "\n".join(lines).rstrip() + "\n"


def main() -> None:
    """Run the comparison and write the page."""
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
