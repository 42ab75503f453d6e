"""Counts (tallies) from which all metrics are computed.

:func:`judge` compares the trends of one algorithm on one recording with the ground truth. Tallies can be
added, so that metrics over several recordings are computed from pooled counts and not as means of ratios.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import timedelta
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rtanalytics.evaluate.alerts import GAP, Run, at_recall, false_runs, kinds
from rtanalytics.evaluate.matching import Alert, Edge, Truth, alerts_of, assign
from rtanalytics.evaluate.nab import PROFILES, reward
from rtanalytics.topics import TrendBin

__all__ = ["SHIFTS", "Outcome", "Tally", "judge"]

Floats = npt.NDArray[np.float64]

SHIFTS = tuple(timedelta(hours=h) for h in (-24, -3, 3, 24))
"""Shifts in time of the reference topics, for the random baseline."""


class Outcome(NamedTuple):
    """Result for one reference topic.

    Parameters
    ----------
    matched : float
        1 if an alert is assigned to the topic, else 0.
    has_two, matched_two : float
        1 if the topic has at least two keywords; 1 if an alert that is assigned to it contains two of
        them.
    term_hits, terms : float
        Number of terms of the assigned alert that contain a keyword, and number of all its terms; 0
        without an alert.
    keyword_hits, keywords : float
        Number of keywords that the assigned alert contains, and number of all keywords of the topic; 0
        without an alert.
    minutes : float
        Minutes from the start of the topic to the end of the first bin with a matching alert; NaN
        without an assigned alert.
    """

    matched: float
    has_two: float
    matched_two: float
    term_hits: float
    terms: float
    keyword_hits: float
    keywords: float
    minutes: float


_NOTHING: Floats = np.zeros((0, len(Outcome._fields)))


@dataclass(frozen=True, eq=False)
class Tally:
    """Counts of one algorithm on one recording, or pooled over several.

    Parameters
    ----------
    top : int
        K: number of topics per bin that are evaluated.
    outcomes : numpy.ndarray of float64, shape (events, 8)
        One row per reference topic, with the fields of :class:`Outcome`.
    slots, slot_events, slot_matched, slot_reachable : int
        Number of bins with active reference topics; sums over these bins of the active reference topics,
        of those that are matched one-to-one within the bin, and of min(K, active topics).
    slot_relevant : int
        Number of listed topics in these bins that match a reference topic, including several for the
        same reference topic.
    slot_listed : int
        Number of listed topics in these bins.
    listed : int
        Number of listed topics in all bins.
    hours : float
        Hours from the start of the first bin to the end of the last bin.
    runs : int
        Number of false alarms, which are runs of alerts without a match.
    runs_at_recall : int or None
        Number of false alarms at the threshold that gives 90 % recall, or None if there is no such
        threshold.
    kinds_at_recall : dict or None
        Number of false alarms at 90 % recall by kind of decoy, or None if no decoys are given.
    churn, changes : float, int
        Sum of the Jaccard distances between the topics of successive bins, and number of pairs.
    random_matched, random_events : int
        Random baseline: number of reference topics with shifted times that are matched, and number of
        all of them.
    nab : float
        Sum of rewards minus costs in the Numenta Anomaly Benchmark.
    """

    top: int
    outcomes: Floats = field(default_factory=lambda: _NOTHING)
    slots: int = 0
    slot_events: int = 0
    slot_matched: int = 0
    slot_reachable: int = 0
    slot_relevant: int = 0
    slot_listed: int = 0
    listed: int = 0
    hours: float = 0.0
    runs: int = 0
    runs_at_recall: int | None = 0
    kinds_at_recall: dict[str, int] | None = None
    churn: float = 0.0
    changes: int = 0
    random_matched: int = 0
    random_events: int = 0
    nab: float = 0.0

    @property
    def events(self) -> int:
        """Number of reference topics."""
        return len(self.outcomes)

    @property
    def matched(self) -> int:
        """Number of reference topics that are found."""
        return int(self.outcomes[:, 0].sum())

    def __add__(self, other: Tally) -> Tally:
        if other.top != self.top:
            raise ValueError(
                f"cannot pool counts of the first {self.top} and of the first {other.top} topics per bin"
            )
        special = {
            "top": self.top,
            "outcomes": np.concatenate([self.outcomes, other.outcomes]),
            "runs_at_recall": _sum_or_none(self.runs_at_recall, other.runs_at_recall),
            "kinds_at_recall": _sum_of(self.kinds_at_recall, other.kinds_at_recall),
        }
        plain = {
            f.name: getattr(self, f.name) + getattr(other, f.name)
            for f in fields(self)
            if f.name not in special
        }
        return Tally(**special, **plain)  # type: ignore[arg-type]


def _sum_or_none(one: int | None, other: int | None) -> int | None:
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
    """Compare detected topics with reference topics, and count matches and false alarms.

    Parameters
    ----------
    bins : sequence of TrendBin
        All bins of a recording that have messages, in order, including those without trends.
    truth : Truth
        The reference topics.
    decoys : Truth, optional
        Bursts that are not topics; the kind of each is ``extra["kind"]``.
    top : int
        K: number of topics per bin that are evaluated.
    max_terms : int
        Number of terms per topic that are compared.
    gap : int
        Maximum number of bins without an alert within a run of alerts.
    """
    alerts = alerts_of(bins, top=top, max_terms=max_terms)
    edges = truth.edges(alerts)
    pairs = assign(edges)
    false = false_runs(alerts, truth, gap)
    threshold = at_recall(alerts, edges, len(truth))
    loud = [] if threshold is None else [alert for alert in alerts if alert.score >= threshold]
    loud_false = false_runs(loud, truth, gap)
    shifted = [truth.shifted(by) for by in SHIFTS]
    distances = _distances(bins, top)
    outcomes = _outcomes(truth, alerts, edges, pairs)
    return Tally(
        top=top,
        outcomes=outcomes,
        **_slots(bins, truth, alerts, edges, top),
        listed=len(alerts),
        hours=(bins[-1].end - bins[0].start) / timedelta(hours=1) if bins else 0.0,
        runs=len(false),
        runs_at_recall=None if threshold is None else len(loud_false),
        kinds_at_recall=None if threshold is None or decoys is None else kinds(loud_false, loud, decoys),
        churn=sum(distances),
        changes=len(distances),
        random_matched=sum(len(assign(other.edges(alerts))) for other in shifted),
        random_events=len(shifted) * len(truth),
        nab=_nab(bins, truth, outcomes, false),
    )


def _outcomes(truth: Truth, alerts: Sequence[Alert], edges: Sequence[Edge], pairs: Sequence[Edge]) -> Floats:
    mine = {edge.event: edge for edge in pairs}
    two = {edge.event for edge in assign([e for e in edges if e.keywords >= 2])}
    first: dict[int, float] = {}
    for edge in edges:
        minutes = (alerts[edge.alert].end - truth.topics[edge.event].start) / timedelta(minutes=1)
        first[edge.event] = min(minutes, first.get(edge.event, minutes))
    rows = []
    for event, words in enumerate(truth.keywords):
        own = mine.get(event)
        rows.append(
            Outcome(
                matched=own is not None,
                has_two=len(words) >= 2,
                matched_two=event in two,
                term_hits=own.terms if own else 0,
                terms=len(alerts[own.alert].terms) if own else 0,
                keyword_hits=own.keywords if own else 0,
                keywords=len(words) if own else 0,
                minutes=first[event] if own else np.nan,
            )
        )
    return np.array(rows, float).reshape(-1, len(Outcome._fields))


def _slots(
    bins: Sequence[TrendBin], truth: Truth, alerts: Sequence[Alert], edges: Sequence[Edge], top: int
) -> dict[str, int]:
    by_start: dict[object, list[Edge]] = {}
    for edge in edges:
        by_start.setdefault(alerts[edge.alert].start, []).append(edge)
    on = {bin.start: len(truth.active(bin.start, bin.end)) for bin in bins}
    return {
        "slots": sum(n > 0 for n in on.values()),
        "slot_events": sum(on.values()),
        "slot_reachable": sum(min(n, top) for n in on.values()),
        "slot_matched": sum(len(assign(here)) for here in by_start.values()),
        "slot_relevant": sum(len({edge.alert for edge in here}) for here in by_start.values()),
        "slot_listed": sum(on[alert.start] > 0 for alert in alerts),
    }


def _distances(bins: Sequence[TrendBin], top: int) -> list[float]:
    lists = [{trend.terms[0] for trend in bin.trends if trend.rank <= top} for bin in bins]
    return [1 - len(a & b) / len(a | b) for a, b in pairwise(lists) if a | b]


def _nab(bins: Sequence[TrendBin], truth: Truth, outcomes: Floats, false: Sequence[Run]) -> float:
    """Return the raw NAB score; rows are bins, windows are the times of topics, alarms are false runs."""
    if not bins:
        return -PROFILES["standard"].miss * len(truth)
    costs, origin, width = PROFILES["standard"], bins[0].start, bins[0].end - bins[0].start
    spans = [((s - origin) // width, -((origin - e) // width) - 1) for s, e in truth.windows]
    total = 0.0
    for (first, last), topic, minutes in zip(spans, truth.topics, outcomes[:, -1].tolist(), strict=True):
        if np.isnan(minutes):
            total -= costs.miss
            continue
        detected = -((origin - topic.start - timedelta(minutes=minutes)) // width) - 1
        total += costs.hit * reward(-(last - detected + 1) / (last - first + 1)) / reward(-1.0)
    for run in false:
        ended = [(last, first) for first, last in spans if last < run.first]
        last, first = max(ended) if ended else (0, 0)
        total += costs.false * (reward((run.first - last) / (last - first)) if last > first else -1.0)
    return total
