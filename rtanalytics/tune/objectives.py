"""What is to become as good as can be: one figure of a tally."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rtanalytics.evaluate import METRICS, Tally

__all__ = ["OBJECTIVES", "Objective"]


@dataclass(frozen=True)
class Objective:
    """A figure, and which of two is the better one.

    Parameters
    ----------
    name, about : str
        What it is called, and what it is, in words.
    higher : bool
        True if more is better.
    of : callable
        Tally to figure; None where it is not defined.
    """

    name: str
    about: str
    higher: bool
    of: Callable[[Tally], float | None]


def _f1(tally: Tally) -> float:
    found = tally.matched / tally.events if tally.events else 0.0
    true = tally.slot_matched / tally.slot_listed if tally.slot_listed else 0.0
    return 2 * found * true / (found + true) if found + true else 0.0


OBJECTIVES: dict[str, Objective] = {
    "f1": Objective(
        "f1",
        "harmonic mean of recall (reference topics found) and precision (of the topics told while something"
        " known was on, those about it, repeats not counted)",
        higher=True,
        of=_f1,
    ),
    **{
        name: Objective(name, f"{name} as compare has it", metric.better == "higher", metric.of)
        for name, metric in METRICS.items()
    },
}
"""The registry: name → objective. The metrics of :mod:`rtanalytics.evaluate` are all there."""
