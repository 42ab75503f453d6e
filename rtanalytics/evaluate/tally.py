"""Told topics against known ones, counted.

:func:`judge` counts one algorithm on one recording into a :class:`Tally`. Tallies add up, so that
figures over several recordings come from pooled counts, never from averaged ratios.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import timedelta
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rtanalytics.evaluate.alarms import GAP, Run, at_recall, false_runs, kinds
from rtanalytics.evaluate.matching import Alarm, Edge, Truth, alarms_of, assign
from rtanalytics.evaluate.nab import PROFILES, reward
from rtanalytics.topics import TrendBin

__all__ = ["SHIFTS", "Outcome", "Tally", "judge"]

Floats = npt.NDArray[np.float64]

SHIFTS = tuple(timedelta(hours=h) for h in (-24, -3, 3, 24))
"""By how much the truth is moved to see what is found by chance."""


class Outcome(NamedTuple):
    """What became of one reference topic.

    Parameters
    ----------
    matched : float
        1 if an alarm is its own.
    able, matched2 : float
        1 if it has two keywords at all; 1 if an alarm of its own shares two.
    term_hits, terms : float
        Terms of its alarm that are keywords, and all of them; 0 where there is no alarm.
    keyword_hits, keywords : float
        Keywords that its alarm says, and all it has; 0 where there is no alarm.
    minutes : float
        From its start to the end of the first bin that tells it; NaN where none does.
    """

    matched: float
    able: float
    matched2: float
    term_hits: float
    terms: float
    keyword_hits: float
    keywords: float
    minutes: float


_NOTHING: Floats = np.zeros((0, len(Outcome._fields)))


@dataclass(frozen=True, eq=False)
class Tally:
    """Counts of one algorithm on one recording, or on several together.

    Parameters
    ----------
    top : int
        K: topics a bin that are judged.
    outcomes : numpy.ndarray of float64, shape (events, 8)
        A row a reference topic, with the fields of ``Outcome``.
    slots, slot_events, slot_matched, slot_reachable : int
        Bins in which something known was on; reference topics that were on, summed over these bins;
        how many of them are matched one-to-one within their bin; Σ min(K, topics on).
    slot_relevant : int
        Told topics that match something, in these bins, repeats included.
    slot_told : int
        Topics told in these bins.
    told : int
        Topics told in all bins.
    hours : float
        From the first to the last bin.
    runs : int
        Alarms that match nothing, however long they last.
    runs_at_recall : int or None
        The same at the threshold that gives 90 % recall; None if none does.
    kinds_at_recall : dict or None
        Those by kind of decoy, where decoys are known.
    churn, changes : float, int
        Sum of the Jaccard distances of successive bins; how many pairs there are.
    chance, chances : int
        Known topics matched, and looked for, at wrong times.
    nab : float
        Sum of what the Numenta benchmark pays and takes.
    """

    top: int
    outcomes: Floats = field(default_factory=lambda: _NOTHING)
    slots: int = 0
    slot_events: int = 0
    slot_matched: int = 0
    slot_reachable: int = 0
    slot_relevant: int = 0
    slot_told: int = 0
    told: int = 0
    hours: float = 0.0
    runs: int = 0
    runs_at_recall: int | None = 0
    kinds_at_recall: dict[str, int] | None = None
    churn: float = 0.0
    changes: int = 0
    chance: int = 0
    chances: int = 0
    nab: float = 0.0

    @property
    def events(self) -> int:
        """Known topics."""
        return len(self.outcomes)

    @property
    def matched(self) -> int:
        """How many of them are found."""
        return int(self.outcomes[:, 0].sum())

    def __add__(self, other: Tally) -> Tally:
        if other.top != self.top:
            raise ValueError(f"counts of the first {self.top} and the first {other.top} cannot be pooled")
        special = {
            "top": self.top,
            "outcomes": np.concatenate([self.outcomes, other.outcomes]),
            "runs_at_recall": _both(self.runs_at_recall, other.runs_at_recall),
            "kinds_at_recall": _sum_of(self.kinds_at_recall, other.kinds_at_recall),
        }
        plain = {
            f.name: getattr(self, f.name) + getattr(other, f.name)
            for f in fields(self)
            if f.name not in special
        }
        return Tally(**special, **plain)  # type: ignore[arg-type]


def _both(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other


def _sum_of(one: dict[str, int] | None, other: dict[str, int] | None) -> dict[str, int] | None:
    if one is None or other is None:
        return None
    return {kind: one.get(kind, 0) + other.get(kind, 0) for kind in sorted(one.keys() | other.keys())}


def judge(
    bins: Sequence[TrendBin],
    truth: Truth,
    *,
    decoys: Truth | None = None,
    top: int = 10,
    max_terms: int = 3,
    gap: int = GAP,
) -> Tally:
    """Count how well told topics meet the known ones.

    Parameters
    ----------
    bins : sequence of TrendBin
        All bins of a recording in which anything was said, in order, also those without trends.
    truth : Truth
        The reference topics.
    decoys : Truth, optional
        Known bursts that are no topics; their column ``kind`` names the kind.
    top : int
        K: topics a bin that are read.
    max_terms : int
        Terms of a topic that are read.
    gap : int
        Silent bins within a run of alarms.
    """
    alarms = alarms_of(bins, top=top, max_terms=max_terms)
    edges = truth.edges(alarms)
    pairs = assign(edges)
    false = false_runs(alarms, truth, gap)
    least = at_recall(alarms, edges, len(truth))
    loud = [] if least is None else [alarm for alarm in alarms if alarm.score >= least]
    loud_false = false_runs(loud, truth, gap)
    shifted = [truth.shifted(by) for by in SHIFTS]
    distances = _distances(bins, top)
    outcomes = _outcomes(truth, alarms, edges, pairs)
    return Tally(
        top=top,
        outcomes=outcomes,
        **_slots(bins, truth, alarms, edges, top),
        told=len(alarms),
        hours=(bins[-1].end - bins[0].start) / timedelta(hours=1) if bins else 0.0,
        runs=len(false),
        runs_at_recall=None if least is None else len(loud_false),
        kinds_at_recall=None if least is None or decoys is None else kinds(loud_false, loud, decoys),
        churn=sum(distances),
        changes=len(distances),
        chance=sum(len(assign(other.edges(alarms))) for other in shifted),
        chances=len(shifted) * len(truth),
        nab=_nab(bins, truth, outcomes, false),
    )


def _outcomes(truth: Truth, alarms: Sequence[Alarm], edges: Sequence[Edge], pairs: Sequence[Edge]) -> Floats:
    mine = {edge.event: edge for edge in pairs}
    twice = {edge.event for edge in assign([e for e in edges if e.keywords >= 2])}
    first: dict[int, float] = {}
    for edge in edges:
        minutes = (alarms[edge.alarm].end - truth.topics[edge.event].start) / timedelta(minutes=1)
        first[edge.event] = min(minutes, first.get(edge.event, minutes))
    rows = []
    for event, words in enumerate(truth.keywords):
        own = mine.get(event)
        rows.append(
            Outcome(
                matched=own is not None,
                able=len(words) >= 2,
                matched2=event in twice,
                term_hits=own.terms if own else 0,
                terms=len(alarms[own.alarm].terms) if own else 0,
                keyword_hits=own.keywords if own else 0,
                keywords=len(words) if own else 0,
                minutes=first[event] if own else np.nan,
            )
        )
    return np.array(rows, float).reshape(-1, len(Outcome._fields))


def _slots(
    bins: Sequence[TrendBin], truth: Truth, alarms: Sequence[Alarm], edges: Sequence[Edge], top: int
) -> dict[str, int]:
    by_start: dict[object, list[Edge]] = {}
    for edge in edges:
        by_start.setdefault(alarms[edge.alarm].start, []).append(edge)
    on = {bin.start: len(truth.active(bin.start, bin.end)) for bin in bins}
    return {
        "slots": sum(n > 0 for n in on.values()),
        "slot_events": sum(on.values()),
        "slot_reachable": sum(min(n, top) for n in on.values()),
        "slot_matched": sum(len(assign(here)) for here in by_start.values()),
        "slot_relevant": sum(len({edge.alarm for edge in here}) for here in by_start.values()),
        "slot_told": sum(on[alarm.start] > 0 for alarm in alarms),
    }


def _distances(bins: Sequence[TrendBin], top: int) -> list[float]:
    lists = [{trend.label for trend in bin.trends if trend.rank <= top} for bin in bins]
    return [1 - len(a & b) / len(a | b) for a, b in pairwise(lists) if a | b]


def _nab(bins: Sequence[TrendBin], truth: Truth, outcomes: Floats, false: Sequence[Run]) -> float:
    """What the benchmark pays, with bins for rows, a topic's window for a window, a run for an alarm."""
    if not bins:
        return -PROFILES["standard"].miss * len(truth)
    costs, origin, width = PROFILES["standard"], bins[0].start, bins[0].end - bins[0].start
    spans = [((s - origin) // width, -((origin - e) // width) - 1) for s, e in truth.windows]
    total = 0.0
    for (first, last), topic, minutes in zip(spans, truth.topics, outcomes[:, -1].tolist(), strict=True):
        if np.isnan(minutes):
            total -= costs.miss
            continue
        told = -((origin - topic.start - timedelta(minutes=minutes)) // width) - 1
        total += costs.hit * reward(-(last - told + 1) / (last - first + 1)) / reward(-1.0)
    for run in false:
        ended = [(last, first) for first, last in spans if last < run.first]
        last, first = max(ended) if ended else (0, 0)
        total += costs.false * (reward((run.first - last) / (last - first)) if last > first else -1.0)
    return total
