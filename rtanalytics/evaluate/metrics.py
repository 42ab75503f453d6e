"""Metrics that are computed from a tally, and their confidence intervals.

A ratio of 0 / 0 is None in all metrics.
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
    """A metric of a tally, with its direction of improvement.

    Parameters
    ----------
    name : str
        Name in DataFrames and JSON.
    better : {'higher', 'lower'}
        Direction of improvement.
    perfect : float
        Value of a perfect result, in which exactly the active reference topics are listed at any time.
    of : callable
        Function of a tally; returns None if the metric is undefined.
    resampled : callable, optional
        The same metric as a function of outcomes with shape (..., events, 8), which returns NaN where
        it is undefined. Only for metrics that depend on nothing but the outcomes.
    """

    name: str
    better: Literal["higher", "lower"]
    perfect: float
    of: Callable[[Tally], float | None]
    resampled: Callable[[Floats], Floats] | None = None

    def best(self, values: Sequence[float | None]) -> float | None:
        """Return the best of the values, or None if all are undefined."""
        defined = [value for value in values if value is not None]
        if not defined:
            return None
        return max(defined) if self.better == "higher" else min(defined)


def _ratio(a: float, b: float) -> float | None:
    return a / b if b else None


def _share(part: str, whole: str | None = None) -> Callable[[Floats], Floats]:
    """Return a function that divides the sum of the field ``part`` over all outcomes.

    The divisor is the sum of the field ``whole``, or the number of outcomes if ``whole`` is None.
    """
    a = Outcome._fields.index(part)
    b = None if whole is None else Outcome._fields.index(whole)

    def share(outcomes: Floats) -> Floats:
        top: Floats = outcomes[..., a].sum(axis=-1)
        below = np.full(top.shape, outcomes.shape[-2]) if b is None else outcomes[..., b].sum(axis=-1)
        ratio: Floats = np.divide(top, below, out=np.full(top.shape, np.nan), where=below > 0)
        return ratio

    return share


def _percentile(q: float) -> Callable[[Floats], Floats]:
    def percentile(outcomes: Floats) -> Floats:
        """Return the percentile of the minutes over the topics that were found, or NaN if none was."""
        minutes = np.sort(outcomes[..., -1], axis=-1)  # NaN (not found) is sorted last
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
    name: str, better: Literal["higher", "lower"], perfect: float, function: Callable[[Floats], Floats]
) -> Metric:
    def of(tally: Tally) -> float | None:
        value = float(function(tally.outcomes))
        return None if np.isnan(value) else value

    return Metric(name, better, perfect, of, function)


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
        _of_outcomes("recall_2_keywords", "higher", 1.0, _share("matched_two", "has_two")),
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
        Metric("random_baseline_recall", "lower", 0.0, lambda t: _ratio(t.random_matched, t.random_events)),
        Metric("nab", "higher", 100.0, _nab_score),
    )
}
"""Registry of metrics by name.

``precision_ceiling`` is the highest possible precision, which is below 1 if fewer than K topics are
active in some bins; ``precision_of_ceiling`` is the precision divided by it. ``churn`` is 0 if the lists
never change, which is perfect only as long as the active reference topics do not change.
"""


class Interval(NamedTuple):
    """Bounds of a confidence interval."""

    low: float
    high: float


def intervals(
    tally: Tally, *, level: float = 0.95, draws: int = 1000, seed: int = 0
) -> dict[str, Interval | None]:
    """Compute bootstrap confidence intervals over the reference topics.

    Parameters
    ----------
    tally : Tally
        Tally of one recording, or pooled over several.
    level : float
        Confidence level.
    draws : int
        Number of bootstrap samples.
    seed : int
        Seed of the samples.

    Returns
    -------
    dict
        Interval of each metric that can be resampled, or None if the metric is undefined. Samples in
        which the metric is undefined are left out.
    """
    chosen = {name: m.resampled for name, m in METRICS.items() if m.resampled is not None}
    n = tally.events
    if not n:
        return dict.fromkeys(chosen)
    rows = np.random.default_rng(seed).integers(0, n, (draws, n))
    sampled = tally.outcomes[rows]
    bounds: dict[str, Interval | None] = {}
    for name, function in chosen.items():
        values = function(sampled)
        values = values[~np.isnan(values)]
        edges = [(1 - level) / 2, (1 + level) / 2]
        bounds[name] = Interval(*np.quantile(values, edges).tolist()) if len(values) else None
    return bounds


def recall_gap(
    one: Tally, other: Tally, *, level: float = 0.95, draws: int = 1000, seed: int = 0
) -> Interval:
    """Return the confidence interval of the difference in recall of two algorithms.

    Both algorithms are evaluated on the same samples of topics (a paired bootstrap), which gives a
    narrower interval than two independent samples.

    Parameters
    ----------
    one, other : Tally
        Tallies of two algorithms on the same topics.
    level, draws, seed
        Parameters of :func:`intervals`.

    Returns
    -------
    Interval
        Interval of recall(one) − recall(other); if it contains 0, the difference is not significant.

    Raises
    ------
    ValueError
        If the numbers of reference topics differ, or are 0.
    """
    if one.events != other.events or not one.events:
        raise ValueError(f"cannot pair tallies of {one.events} and {other.events} reference topics")
    rows = np.random.default_rng(seed).integers(0, one.events, (draws, one.events))
    gaps = (one.outcomes[:, 0] - other.outcomes[:, 0])[rows].mean(axis=1)
    return Interval(*np.quantile(gaps, [(1 - level) / 2, (1 + level) / 2]).tolist())
