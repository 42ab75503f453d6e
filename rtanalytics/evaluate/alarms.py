"""Alarms that go on are one run; runs that match nothing are false alarms."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rtanalytics.evaluate.matching import Alarm, Edge, Truth, assign

__all__ = ["GAP", "TARGET", "Run", "at_recall", "false_runs", "kinds", "runs_of"]

GAP = 4
"""Bins that a run may be silent and still be the same run."""
TARGET = 0.9
"""Recall at which false alarms are counted."""


@dataclass(frozen=True, slots=True)
class Run:
    """One alarm, however many bins it rings.

    Parameters
    ----------
    first : int
        Bin in which it begins.
    alarms : tuple of int
        Places of its alarms, in order.
    """

    first: int
    alarms: tuple[int, ...]


def runs_of(alarms: Sequence[Alarm], gap: int = GAP) -> list[Run]:
    """Join alarms that share a term, with at most ``gap`` silent bins between them.

    Parameters
    ----------
    alarms : sequence of Alarm
        In order of their bins.
    gap : int
        Bins.
    """
    last_of: dict[str, tuple[int, int]] = {}
    members: list[list[int]] = []
    for place, alarm in enumerate(alarms):
        known = [last_of[t] for t in alarm.terms if t in last_of and alarm.bin - last_of[t][0] <= gap + 1]
        if known:
            run = max(known)[1]
        else:
            run = len(members)
            members.append([])
        members[run].append(place)
        for term in alarm.terms:
            last_of[term] = alarm.bin, run
    return [Run(alarms[places[0]].bin, tuple(places)) for places in members]


def false_runs(alarms: Sequence[Alarm], truth: Truth, gap: int = GAP) -> list[Run]:
    """The runs of which no alarm matches anything known."""
    matched = {edge.alarm for edge in truth.edges(alarms)}
    return [run for run in runs_of(alarms, gap) if matched.isdisjoint(run.alarms)]


def kinds(runs: Iterable[Run], alarms: Sequence[Alarm], decoys: Truth) -> dict[str, int]:
    """How many runs each kind of decoy explains; ``other`` are those that none does.

    A run that matches decoys of several kinds counts for the one that most of its alarms match.
    """
    kind_of: dict[int, list[str]] = {}
    for edge in decoys.edges(alarms):
        kind_of.setdefault(edge.alarm, []).append(decoys.topics[edge.event].extra.get("kind") or "decoy")
    found: Counter[str] = Counter()
    for run in runs:
        votes = Counter(kind for place in run.alarms for kind in sorted(set(kind_of.get(place, []))))
        found[votes.most_common(1)[0][0] if votes else "other"] += 1
    return dict(sorted(found.items()))


def at_recall(
    alarms: Sequence[Alarm], edges: Sequence[Edge], events: int, target: float = TARGET
) -> float | None:
    """The highest threshold at which enough events are found, one alarm an event.

    Returns
    -------
    float or None
        Alarms with at least this score are needed; None if even all of them find too few.
    """
    needed = math.ceil(target * events - 1e-9)
    if not events or needed > len(assign(edges)):
        return None
    steps = sorted({alarms[edge.alarm].score for edge in edges}, reverse=True)
    low, high = 0, len(steps) - 1
    while low < high:
        middle = (low + high) // 2
        if len(assign([e for e in edges if alarms[e.alarm].score >= steps[middle]])) >= needed:
            high = middle
        else:
            low = middle + 1
    return steps[low]
