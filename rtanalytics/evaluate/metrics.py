"""What is read off the counts: a registry of figures, and how sure they are.

A ratio of nothing to nothing is None everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from rtanalytics.evaluate.nab import PROFILES
from rtanalytics.evaluate.tally import Floats, Outcome, Tally

__all__ = ["METRICS", "Interval", "Metric", "intervals", "recall_gap"]


@dataclass(frozen=True)
class Metric:
    """A figure: how it is read off a tally, and which of two is the better one.

    Parameters
    ----------
    name : str
        In frames and JSON.
    better : {'higher', 'lower'}
        Direction.
    perfect : float
        What it is when exactly the reference topics are told, when they are on.
    of : callable
        Tally to figure; None where it is not defined.
    resampled : callable, optional
        The same from outcomes of shape (..., events, 8), where the figure depends on nothing else; NaN
        where it is not defined.
    """

    name: str
    better: Literal["higher", "lower"]
    perfect: float
    of: Callable[[Tally], float | None]
    resampled: Callable[[Floats], Floats] | None = None

    def best(self, values: Sequence[float | None]) -> float | None:
        """The best of some values; None if none is defined."""
        defined = [value for value in values if value is not None]
        if not defined:
            return None
        return max(defined) if self.better == "higher" else min(defined)


def _ratio(a: float, b: float) -> float | None:
    return a / b if b else None


def _share(part: str, whole: str | None = None) -> Callable[[Floats], Floats]:
    """Σ of one field of the outcomes over Σ of another one, or over their number."""
    a = Outcome._fields.index(part)
    b = None if whole is None else Outcome._fields.index(whole)

    def share(outcomes: Floats) -> Floats:
        top: Floats = outcomes[..., a].sum(axis=-1)
        below = np.full(top.shape, outcomes.shape[-2]) if b is None else outcomes[..., b].sum(axis=-1)
        found: Floats = np.divide(top, below, out=np.full(top.shape, np.nan), where=below > 0)
        return found

    return share


def _percentile(q: float) -> Callable[[Floats], Floats]:
    def percentile(outcomes: Floats) -> Floats:
        """Of those that were found, so NaN where none was."""
        minutes = np.sort(outcomes[..., -1], axis=-1)  # NaNs go last
        found = (~np.isnan(minutes)).sum(axis=-1)
        if minutes.shape[-1] == 0:
            return np.full(found.shape, np.nan)
        place = np.maximum(found - 1, 0) * q
        low = np.floor(place).astype(int)
        high = np.minimum(low + 1, np.maximum(found - 1, 0))
        at = [np.take_along_axis(minutes, p[..., None], axis=-1)[..., 0] for p in (low, high)]
        between: Floats = at[0] + (place - low) * (at[1] - at[0])
        return between

    return percentile


def _of_outcomes(
    name: str, better: Literal["higher", "lower"], perfect: float, figure: Callable[[Floats], Floats]
) -> Metric:
    def of(tally: Tally) -> float | None:
        value = float(figure(tally.outcomes))
        return None if np.isnan(value) else value

    return Metric(name, better, perfect, of, figure)


def _per_hour(tally: Tally) -> float | None:
    runs = tally.runs_at_recall
    return None if runs is None or not tally.events else _ratio(runs, tally.hours)


def _nab_score(tally: Tally) -> float | None:
    costs, n = PROFILES["standard"], tally.events
    return 100 * (tally.nab + costs.miss * n) / ((costs.hit + costs.miss) * n) if n else None


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        _of_outcomes("recall", "higher", 1.0, _share("matched")),
        _of_outcomes("recall_2_keywords", "higher", 1.0, _share("matched2", "able")),
        Metric("recall_per_slot", "higher", 1.0, lambda t: _ratio(t.slot_matched, t.slot_events)),
        Metric("precision", "higher", 1.0, lambda t: _ratio(t.slot_matched, t.slots * t.top)),
        Metric("precision_ceiling", "higher", 1.0, lambda t: _ratio(t.slot_reachable, t.slots * t.top)),
        Metric("precision_of_ceiling", "higher", 1.0, lambda t: _ratio(t.slot_matched, t.slot_reachable)),
        _of_outcomes("keyword_precision", "higher", 1.0, _share("term_hits", "terms")),
        _of_outcomes("keyword_recall", "higher", 1.0, _share("keyword_hits", "keywords")),
        Metric(
            "derate",
            "lower",
            0.0,
            lambda t: _ratio(t.slot_relevant - t.slot_matched, t.slot_relevant),
        ),
        _of_outcomes("latency_median_min", "lower", 0.0, _percentile(0.5)),
        _of_outcomes("latency_p90_min", "lower", 0.0, _percentile(0.9)),
        Metric("false_alarms_per_hour", "lower", 0.0, lambda t: _ratio(t.runs, t.hours)),
        Metric("false_alarms_per_hour_at_90_recall", "lower", 0.0, _per_hour),
        Metric("churn", "lower", 0.0, lambda t: _ratio(t.churn, t.changes)),
        Metric("chance_recall", "lower", 0.0, lambda t: _ratio(t.chance, t.chances)),
        Metric("nab", "higher", 100.0, _nab_score),
    )
}
"""The registry: name → metric.

``precision`` cannot pass ``precision_ceiling``, what an oracle reaches when fewer than K topics are
on; ``precision_of_ceiling`` is their ratio. ``churn`` is 0 of lists that never change, which is
perfect only while the truth does not change either.
"""


class Interval(NamedTuple):
    """A confidence interval."""

    low: float
    high: float


def intervals(
    tally: Tally, *, level: float = 0.95, draws: int = 1000, seed: int = 0
) -> dict[str, Interval | None]:
    """Bootstrap confidence intervals over the reference topics.

    Parameters
    ----------
    tally : Tally
        Counts, of one recording or pooled.
    level : float
        Share of the draws inside.
    draws : int
        How often as many topics as there are are drawn, with replacement.
    seed : int
        Of the draws: the same gives the same.

    Returns
    -------
    dict
        For each metric that depends on the topics one by one; None where it is not defined. Draws
        in which it is not defined are left out.
    """
    chosen = {name: m.resampled for name, m in METRICS.items() if m.resampled is not None}
    n = tally.events
    if not n:
        return dict.fromkeys(chosen)
    rows = np.random.default_rng(seed).integers(0, n, (draws, n))
    sampled = tally.outcomes[rows]
    found: dict[str, Interval | None] = {}
    for name, figure in chosen.items():
        values = figure(sampled)
        values = values[~np.isnan(values)]
        edges = [(1 - level) / 2, (1 + level) / 2]
        found[name] = Interval(*np.quantile(values, edges).tolist()) if len(values) else None
    return found


def recall_gap(
    one: Tally, other: Tally, *, level: float = 0.95, draws: int = 1000, seed: int = 0
) -> Interval:
    """How many more of the same topics the one finds, with a confidence interval.

    The topics are drawn for both alike (a paired bootstrap): what is hard is hard for both, so
    that less is left to chance than two intervals side by side suggest.

    Parameters
    ----------
    one, other : Tally
        Of two algorithms over the same topics.
    level, draws, seed
        As of :func:`intervals`.

    Returns
    -------
    Interval
        Of recall(one) − recall(other); if 0 lies in it, the two cannot be told apart.

    Raises
    ------
    ValueError
        If the tallies are of different numbers of topics, or of none.
    """
    if one.events != other.events or not one.events:
        raise ValueError(f"{one.events} and {other.events} reference topics cannot be paired")
    rows = np.random.default_rng(seed).integers(0, one.events, (draws, one.events))
    gaps = (one.outcomes[:, 0] - other.outcomes[:, 0])[rows].mean(axis=1)
    return Interval(*np.quantile(gaps, [(1 - level) / 2, (1 + level) / 2]).tolist())
