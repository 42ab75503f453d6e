"""Algorithms that score how surprising the count of a term in a bin is.

An algorithm is a class with its parameters in the constructor. :meth:`~Algorithm.score` scores all
bins at once; :meth:`~Algorithm.step` scores one bin after another and keeps what it needs from earlier
bins in a state. Tests check that both give the same scores. Which terms are listed as *trends* is
decided in :mod:`rtanalytics.topics`.

Only terms that occur in a bin get a score in it. Bins without messages are skipped; the algorithms take
them into account through the gaps between bin numbers.

Notation: k is a term's count in the bin, d the bin's total, b and B the sums of both over the
history before the bin, λ the expected count.

This module contains five basic algorithms; the others are in :mod:`rtanalytics.algorithms`, whose
module ``contract`` contains the interface and the registry. Most belong to one of two families, for
which ``running`` implements both methods: a :class:`Contrast` compares a bin with the sums over
its history, a :class:`Recursive` keeps a few numbers per term from bin to bin.

To add an algorithm, write the class, add a line to ``ALGORITHMS`` in
:mod:`rtanalytics.algorithms.contract`, and make sure that it passes the contract tests in
``tests/contracts/scorer.py``.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np

from rtanalytics.algorithms.contract import (
    ALGORITHMS,
    DEFAULT,
    Algorithm,
    Scores,
    State,
    algorithm_of,
    get,
)
from rtanalytics.algorithms.running import Contrast, Recursive, StepContext, forget, remember
from rtanalytics.algorithms.tools import (
    at_least,
    poisson_surprise,
    positive,
    sum_before,
    totals_before,
)
from rtanalytics.counts import BinCounts, Cells, Floats

__all__ = [
    "ALGORITHMS",
    "DEFAULT",
    "Algorithm",
    "Contrast",
    "DecayedCount",
    "EwmaZ",
    "Poisson",
    "Recursive",
    "Scores",
    "SeasonalPoisson",
    "State",
    "StepContext",
    "WindowCount",
    "algorithm_of",
    "get",
]


class WindowCount(Algorithm):
    """Count of a term in the last bins: the simplest baseline.

    score = Σ k over the last ``bins`` bins, this one included. Weakness: frequent terms such as the
    conference's hashtag, "thanks" or "coffee", because counts are not compared with an expectation.

    Parameters
    ----------
    bins : int
        Length of the window.
    """

    name = "count"

    def __init__(self, bins: int = 4) -> None:
        self.bins = at_least("bins", bins, 1)

    def _score(self, cells: Cells) -> Scores:
        score = sum_before(cells, self.bins - 1) + cells.counts
        return Scores(score, np.zeros(len(cells)))

    def start(self) -> State:
        return State("window")

    def _step(self, state: State, bin: BinCounts) -> Scores:
        forget(state, bin.bin - self.bins)
        remember(state, bin)
        return Scores(state.window[bin.terms], np.zeros(len(bin.terms)))


class DecayedCount(Recursive):
    """Count of a term in all bins so far, with less weight on older bins.

    score = Σ k·2^(−age / half_life). Smoother than a window, and single bins need not be stored.
    Weakness: frequent terms. Forward decay: Cormode, Shkapenyuk, Srivastava &
    Xu (2009), "Forward Decay: A Practical Time Decay Model for Streaming Systems".

    Parameters
    ----------
    half_life : float
        Number of bins after which a count has half its weight.
    """

    name = "decay"
    memory = ("kept",)

    def __init__(self, half_life: float = 4.0) -> None:
        self.half_life = positive("half_life", half_life)

    def rest(self, past: tuple[Floats, ...], at: StepContext) -> tuple[Floats, ...]:
        return (past[0] * np.exp2(-(at.gap + 1.0) / self.half_life),)

    def judge(self, past: tuple[Floats, ...], k: Floats, at: StepContext) -> Scores:
        return Scores(past[0] + k, np.zeros(len(k)))

    def learn(self, past: tuple[Floats, ...], k: Floats, at: StepContext) -> tuple[Floats, ...]:
        return (past[0] + k,)


class EwmaZ(Recursive):
    """Distance of a count from its moving mean, in moving standard deviations.

    score = (k − μ) / √(v + floor²), before the update; then, with Δ = k − μ and
    α = 1 − 2^(−1/half_life): μ ← μ + αΔ, v ← (1 − α)(v + αΔ²). Bins without the term
    count as zeros. k is the count, μ and v are its moving mean and variance, updated as in Finch (2009),
    "Incremental calculation of weighted mean and variance". Weaknesses: the score is too high for what
    happens every day at the same hour, and for new terms that occur a few times; a larger
    ``floor_count`` lowers the latter.

    Parameters
    ----------
    half_life : float
        Number of bins after which a count has half its weight.
    floor_count : float
        The floor: a count whose square is added to the variance.
    """

    name = "ewma"
    memory = ("mean", "variance")

    def __init__(self, half_life: float = 8.0, floor_count: float = 1.0) -> None:
        self.half_life = positive("half_life", half_life)
        self.floor_count = positive("floor_count", floor_count)

    def rest(self, past: tuple[Floats, ...], at: StepContext) -> tuple[Floats, ...]:
        mean, variance = past
        kept = np.exp2(-at.gap / self.half_life)  # the recursion for zeros, in closed form
        return mean * kept, kept * (variance + mean**2 * (1 - kept))

    def judge(self, past: tuple[Floats, ...], k: Floats, at: StepContext) -> Scores:
        mean, variance = past
        return Scores((k - mean) / np.sqrt(variance + self.floor_count**2), mean)

    def learn(self, past: tuple[Floats, ...], k: Floats, at: StepContext) -> tuple[Floats, ...]:
        mean, variance = past
        alpha = 1 - 2 ** (-1 / self.half_life)
        difference = k - mean
        return mean + alpha * difference, (1 - alpha) * (variance + alpha * difference**2)


class Poisson(Contrast):
    """Poisson tail: the probability of a count at least as high if the term had its past rate.

    score = −log₁₀ P(X ≥ k), X Poisson with λ = (b + ½)·d / B. The ½ keeps the score of a new
    term finite; d / B accounts for busy bins. In the first bin, which has no history, all scores are 0.
    Weaknesses: everything that happens every day at the same hour, and copied messages.

    Parameters
    ----------
    history : int, optional
        Number of bins in b and B; by default all earlier bins.
    """

    name = "poisson"
    floor = 2.0

    def compare(self, k: Floats, d: Any, b: Floats, B: Any, bins: Any) -> Scores:
        return self._judge(k, _rate(b, d, B))

    def _judge(self, k: Floats, expected: Floats) -> Scores:
        return Scores(poisson_surprise(k, expected), np.where(np.isfinite(expected), expected, 0.0))


class SeasonalPoisson(Poisson):
    """Poisson tail with the larger of two rates: the recent rate, and the rate at this time of day.

    score = −log₁₀ P(X ≥ k), X Poisson with λ the larger of (b + ½)·d / B and, from the same slot
    of earlier periods, d·(b_s + m·p) / (B_s + m): b_s and B_s are sums over those slots and
    p = (b + ½) / B is the plain share, which dominates if those slots had few messages. So "lunch"
    and "good morning" get low scores from the second day on. Weaknesses: the first period, in which
    the rate at this time of day is not known yet, and keynotes at the same hour of each day, which get
    lower scores.

    Parameters
    ----------
    history : int, optional
        As in :class:`Poisson`.
    period_hours : float
        Length of the season; rounded to whole bins, at least one.
    prior : float
        m, the weight of p, as a number of messages (or authors).
    """

    name = "seasonal-poisson"

    def __init__(self, history: int | None = None, period_hours: float = 24.0, prior: float = 20.0) -> None:
        super().__init__(history)
        self.period_hours = positive("period_hours", period_hours)
        self.prior = positive("prior", prior)

    def _score(self, cells: Cells) -> Scores:
        from rtanalytics.algorithms.kernel import slots_before

        places, period = cells.places, self._period(cells.width)
        before, history = sum_before(cells, self.history), totals_before(cells, self.history)
        slot_before = slots_before(cells.starts, cells.bins, cells.counts, period)
        slot_total = slots_before(np.array([0, len(history)]), cells.bin_numbers, cells.totals, period)
        expected = self._expect(
            before, cells.totals[places], history[places], slot_before, slot_total[places]
        )
        return self._judge(cells.counts, expected)

    def _step(self, state: State, bin: BinCounts) -> Scores:
        if self.history is not None:
            forget(state, bin.bin - 1 - self.history)
        slot = bin.bin % self._period(bin.width)
        terms, sums, total = state.slots.get(slot, (bin.terms[:0], bin.counts[:0], 0.0))
        place = np.full(len(state.window), -1)
        place[terms] = np.arange(len(terms))
        here = place[bin.terms]
        known = here >= 0
        slot_before = np.zeros(len(here))
        slot_before[known] = sums[here[known]]
        expected = self._expect(state.window[bin.terms], bin.total, state.history, slot_before, total)
        sums = np.concatenate([sums, bin.counts[~known]])
        sums[here[known]] += bin.counts[known]
        # new arrays each time: copies of the state share those of the other slots
        state.slots[slot] = np.concatenate([terms, bin.terms[~known]]), sums, total + bin.total
        remember(state, bin, keep=self.history is not None)
        return self._judge(bin.counts, expected)

    def _expect(self, before: Floats, d: Any, history: Any, slot_before: Floats, slot_total: Any) -> Floats:
        plain = _rate(before, d, history)
        with np.errstate(invalid="ignore"):
            seasonal = (d * slot_before + self.prior * plain) / (slot_total + self.prior)
        larger: Floats = np.maximum(plain, seasonal)
        return larger

    def _period(self, width: timedelta) -> int:
        return max(1, round(timedelta(hours=self.period_hours) / width))


def _rate(before: Floats, d: Any, history: Any) -> Floats:
    """Return λ = (b + ½)·d / B, which is infinite without a history."""
    with np.errstate(divide="ignore"):
        rate: Floats = (before + 0.5) * d / np.asarray(history, np.float64)
    return rate
