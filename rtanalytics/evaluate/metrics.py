"""How good told topics are against known ones: what is counted, and what is read off the counts.

:func:`judge` counts one algorithm on one recording into a :class:`Tally`. Tallies add up, so that
figures over several recordings come from pooled counts, never from averaged ratios. A ratio of
nothing to nothing is None everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from datetime import timedelta
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from rtanalytics.evaluate.alarms import GAP, Run, at_recall, false_runs, kinds
from rtanalytics.evaluate.matching import Alarm, Edge, Truth, alarms_of, assign
from rtanalytics.evaluate.nab import PROFILES, reward
from rtanalytics.topics import TrendBin

__all__ = ["METRICS", "SHIFTS", "Interval", "Metric", "Tally", "intervals", "judge"]

Floats = npt.NDArray[np.float64]

SHIFTS = tuple(timedelta(hours=h) for h in (-24, -3, 3, 24))
"""By how much the truth is moved to see what is found by chance."""


class Outcome(NamedTuple):
    """What became of one known topic.

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
        A row a known topic, with the fields of ``Outcome``.
    slots, slot_events, slot_matched, slot_reachable : int
        Bins in which something known was on; known topics that were on, summed over these bins;
        how many of them are matched one-to-one within their bin; Σ min(K, topics on).
    slot_relevant : int
        Told topics that match something, in these bins, repeats included.
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
        The known topics.
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


# -- what is read off the counts --------------------------------------------------------------------


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
        What it is when exactly the known topics are told, when they are on.
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
    """Bootstrap confidence intervals over the known topics.

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
