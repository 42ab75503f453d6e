"""Objectives of tuning: metrics of a tally."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rtanalytics.evaluate import METRICS, Tally

__all__ = ["OBJECTIVES", "Objective"]


@dataclass(frozen=True)
class Objective:
    """A metric to optimize, and its direction.

    Parameters
    ----------
    name, about : str
        Name and description.
    higher : bool
        True if higher is better.
    of : callable
        Function of a tally; returns None if the metric is undefined.
    """

    name: str
    about: str
    higher: bool
    of: Callable[[Tally], float | None]


def _f1(tally: Tally) -> float:
    recall = tally.matched / tally.events if tally.events else 0.0
    precision = tally.slot_matched / tally.slot_listed if tally.slot_listed else 0.0
    return 2 * recall * precision / (recall + precision) if recall + precision else 0.0


OBJECTIVES: dict[str, Objective] = {
    "f1": Objective(
        "f1",
        "harmonic mean of recall (reference topics found) and precision (of the topics listed while a"
        " reference topic is active, those that match one, duplicates not counted)",
        higher=True,
        of=_f1,
    ),
    **{
        name: Objective(name, f"{name} as in compare", metric.better == "higher", metric.of)
        for name, metric in METRICS.items()
    },
}
"""Registry of objectives by name; it includes all metrics of :mod:`rtanalytics.evaluate`."""
