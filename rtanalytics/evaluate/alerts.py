"""Runs of successive alerts about the same topic; a run that matches no reference topic is a false alarm.

Topics are compared by their terms and not by :attr:`Trend.id <rtanalytics.trend.Trend.id>`, because not all
of the compared algorithms assign ids.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rtanalytics.evaluate.matching import Alert, Edge, Truth, assign

__all__ = ["GAP", "TARGET", "Run", "at_recall", "false_runs", "kinds", "runs_of"]

GAP = 4
"""Maximum number of bins without an alert within a run."""
TARGET = 0.9
"""Recall for the metric of false alarms at a fixed recall."""


@dataclass(frozen=True, slots=True)
class Run:
    """Successive alerts about the same topic.

    Parameters
    ----------
    first : int
        Number of the bin of the first alert.
    alerts : tuple of int
        Indices of its alerts in the sequence of all alerts, in order.
    """

    first: int
    alerts: tuple[int, ...]


def runs_of(alerts: Sequence[Alert], gap: int = GAP) -> list[Run]:
    """Join alerts that share a term and have at most ``gap`` bins without an alert between them.

    Parameters
    ----------
    alerts : sequence of Alert
        Alerts in order of their bins.
    gap : int
        Maximum number of bins without an alert between two alerts of a run.
    """
    last_of: dict[str, tuple[int, int]] = {}
    members: list[list[int]] = []
    for place, alert in enumerate(alerts):
        known = [last_of[t] for t in alert.terms if t in last_of and alert.bin - last_of[t][0] <= gap + 1]
        if known:
            run = max(known)[1]
        else:
            run = len(members)
            members.append([])
        members[run].append(place)
        for term in alert.terms:
            last_of[term] = alert.bin, run
    return [Run(alerts[places[0]].bin, tuple(places)) for places in members]


def false_runs(alerts: Sequence[Alert], truth: Truth, gap: int = GAP) -> list[Run]:
    """Return the runs in which no alert matches a reference topic."""
    matched = {edge.alert for edge in truth.edges(alerts)}
    return [run for run in runs_of(alerts, gap) if matched.isdisjoint(run.alerts)]


def kinds(runs: Iterable[Run], alerts: Sequence[Alert], decoys: Truth) -> dict[str, int]:
    """Count the runs by the kind of decoy that they match; runs without a decoy count as ``other``.

    A run that matches decoys of several kinds counts as the kind that most of its alerts match.
    """
    kind_of: dict[int, list[str]] = {}
    for edge in decoys.edges(alerts):
        kind_of.setdefault(edge.alert, []).append(decoys.topics[edge.event].extra.get("kind") or "decoy")
    counts: Counter[str] = Counter()
    for run in runs:
        matches = Counter(kind for place in run.alerts for kind in sorted(set(kind_of.get(place, []))))
        counts[matches.most_common(1)[0][0] if matches else "other"] += 1
    return dict(sorted(counts.items()))


def at_recall(
    alerts: Sequence[Alert], edges: Sequence[Edge], events: int, target: float = TARGET
) -> float | None:
    """Return the highest threshold of the score at which the recall is at least ``target``.

    Each alert can find one event (reference topic) only.

    Returns
    -------
    float or None
        The threshold, or None if the recall of all alerts together is lower.
    """
    needed = math.ceil(target * events - 1e-9)
    if not events or needed > len(assign(edges)):
        return None
    steps = sorted({alerts[edge.alert].score for edge in edges}, reverse=True)
    low, high = 0, len(steps) - 1
    while low < high:
        middle = (low + high) // 2
        if len(assign([e for e in edges if alerts[e.alert].score >= steps[middle]])) >= needed:
            high = middle
        else:
            low = middle + 1
    return steps[low]
