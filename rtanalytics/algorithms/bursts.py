"""Algorithms that model bursts: switching states, change points and extreme values."""

from __future__ import annotations

from typing import Any

import numpy as np

from rtanalytics.algorithms.contract import Algorithm, Scores, State
from rtanalytics.algorithms.running import Recursive, StepContext
from rtanalytics.algorithms.tools import at_least, positive
from rtanalytics.counts import BinCounts, Cells, Floats, Ints
from rtanalytics.settings import SettingsError
from rtanalytics.trending import EwmaZ

__all__ = ["ChangePoint", "Cusum", "Kleinberg", "PeaksOverThreshold", "viterbi"]

Past = tuple[Floats, ...]


class Kleinberg(Algorithm):
    """Kleinberg's bursts: the cheapest path through states of increasing rates, computed exactly.

    score = Σ over the burst of (cost₀ − cost_q): the weight of the burst that contains the bin, 0
    outside of bursts. State i expects the share p_i = p₀·sⁱ, p₀ = Σk / Σd. A bin in state i costs
    −ln Bin(k; d, p_i), a step up from i to j costs (j − i)·γ·ln n, and a step down costs nothing. The
    path with the lowest cost (Viterbi) gives the state of each bin. A burst is a sequence of bins
    in states above 0. Kleinberg (2002/2003), "Bursty and Hierarchical Structure in Streams",
    batched arrivals. It uses later bins, so it is not causal. γ and s depend on each other. Weakness:
    a slow rise over days is taken for the base rate.

    Parameters
    ----------
    states : int
        Number of states.
    s : float
        Ratio of the rates of neighbouring states.
    gamma : float
        γ, the cost of going up.
    """

    name = "kleinberg"
    causal = False

    def __init__(self, states: int = 2, s: float = 2.0, gamma: float = 1.0) -> None:
        self.states = at_least("states", states, 2)
        self.s, self.gamma = positive("s", s), positive("gamma", gamma)
        if s <= 1:
            raise SettingsError("s", f"s must be above 1, not {s}: each state has a higher rate")

    def _score(self, cells: Cells) -> Scores:
        score, expected = np.zeros(len(cells)), np.zeros(len(cells))
        if not len(cells):
            return Scores(score, expected)
        places, starts, d = cells.places, cells.starts, cells.totals
        block = max(1, _BLOCK // len(d))
        for first in range(0, len(starts) - 1, block):
            cut = slice(starts[first], starts[min(first + block, len(starts) - 1)])
            term = np.repeat(
                np.arange(len(starts[first : first + block + 1]) - 1),
                np.diff(starts[first : first + block + 1]),
            )
            counts = np.zeros((int(term[-1]) + 1, len(d)))
            counts[term, places[cut]] = cells.counts[cut]
            path, costs = viterbi(counts, d, self.states, self.s, self.gamma)
            saved = costs[0] - np.take_along_axis(costs, path[None], 0)[0]
            burst = path > 0
            begin = burst & ~np.pad(burst, ((0, 0), (1, 0)))[:, :-1]
            number = np.cumsum(begin.ravel()).reshape(burst.shape)
            weight = np.bincount(number[burst], saved[burst], minlength=int(number[-1, -1]) + 1)
            score[cut] = np.where(burst, weight[number], 0.0)[term, places[cut]]
            expected[cut] = (counts.sum(1) / d.sum())[term] * d[places[cut]]
        return Scores(np.maximum(score, 0.0), expected)

    def _step(self, state: State, bin: BinCounts) -> Scores:
        raise ValueError(f"{self.name} needs later bins and cannot score bin by bin; use 'cusum' instead")


_BLOCK = 1 << 22
"""Maximum number of cells of the dense table that is processed at once."""


def viterbi(counts: Floats, d: Floats, states: int, s: float, gamma: float) -> tuple[Any, Floats]:
    """Return the cheapest path of each term through Kleinberg's states.

    Parameters
    ----------
    counts : numpy.ndarray of float64, shape (terms, n)
        Counts of each term in each bin.
    d : numpy.ndarray of float64, shape (n,)
        Totals of the bins.
    states, s, gamma
        As in :class:`Kleinberg`.

    Returns
    -------
    (numpy.ndarray of int8, shape (terms, n); numpy.ndarray of float64, shape (states, terms, n))
        State of each bin; and the cost of each state in each bin, without the binomial coefficient,
        which is the same for all states.
    """
    share = np.clip(counts.sum(1) / d.sum(), 1e-12, 1 - 1e-9)
    level = np.arange(states)
    p = np.minimum(share * s ** level[:, None], 1 - 1e-9)
    costs = -(counts * np.log(p)[:, :, None] + (d - counts) * np.log1p(-p)[:, :, None])
    n = counts.shape[1]
    up = gamma * np.log(max(n, 2)) * np.maximum(level[None, :] - level[:, None], 0)
    best = costs[:, :, 0] + up[0][:, None]
    came = np.zeros((n, states, len(counts)), np.int8)
    for t in range(1, n):
        through = best[:, None, :] + up[:, :, None]
        came[t] = through.argmin(0)
        best = through.min(0) + costs[:, :, t]
    path = np.empty((len(counts), n), np.int8)
    path[:, -1] = best.argmin(0)
    for t in range(n - 1, 0, -1):
        path[:, t - 1] = came[t, path[:, t], np.arange(len(counts))]
    return path, costs


class Cusum(Recursive):
    """Streaming form of Kleinberg's model with two states: how much better a burst explains recent bins.

    score = S ← max(0, S + ln Bin(k; d, p₁) / Bin(k; d, p₀)), p₀ = (b + ½) / B from all earlier bins and
    p₁ = s·p₀. Bins without the term lower S according to their totals and the current p₀. This is
    Page's cumulative sum test (1954), "Continuous Inspection Schemes", for the states of
    Kleinberg (2003). Weakness: drift; a term that grows slowly for a long time gets a high S.

    Parameters
    ----------
    s : float
        Ratio of the two rates.
    """

    name = "cusum"
    floor = 3.0
    memory = ("sum", "used")

    def __init__(self, s: float = 2.0) -> None:
        self.s = positive("s", s)
        if s <= 1:
            raise SettingsError("s", f"s must be above 1, not {s}: a burst has a higher rate")

    def _rates(self, used: Floats, at: StepContext) -> tuple[Floats, Floats]:
        usual = np.minimum((used + 0.5) / np.maximum(at.history, 1.0), 0.5 / self.s)
        return usual, usual * self.s

    def rest(self, past: Past, at: StepContext) -> Past:
        total, used = past
        usual, burst = self._rates(used, at)
        total = np.maximum(total + at.quiet * (np.log1p(-burst) - np.log1p(-usual)), 0.0)
        return total, used

    def judge(self, past: Past, k: Floats, at: StepContext) -> Scores:
        usual, _ = self._rates(past[1], at)
        return Scores(self.learn(past, k, at)[0], usual * at.d * (np.asarray(at.history) > 0))

    def learn(self, past: Past, k: Floats, at: StepContext) -> Past:
        total, used = past
        usual, burst = self._rates(used, at)
        ratio = k * np.log(self.s) + (at.d - k) * (np.log1p(-burst) - np.log1p(-usual))
        total = np.where(np.asarray(at.history) > 0, np.maximum(total + ratio, 0.0), 0.0)
        return total, used + k


class ChangePoint(Algorithm):
    """Bayesian online change point detection: the probability that a new run has begun.

    score = −log₁₀ P(the run is longer than ``recent`` bins) if k exceeds the count expected by older
    runs, else 0. A run is a sequence of bins with one rate. Rates have a Gamma(shape, 1/rate)
    prior, counts are Poisson, and before each bin a run ends with probability ``hazard``. Adams &
    MacKay (2007), "Bayesian Online Changepoint Detection"; there a run ends after a bin, so a burst
    would be detected one bin late. Runs longer than ``longest`` bins are combined into one. Only the
    first ``longest`` bins of a silence change the state. It takes ``longest`` times as long as the
    other algorithms. Weakness: daily routines.

    Parameters
    ----------
    hazard : float
        Probability of a change per bin.
    recent : int
        Maximum length, in bins, of a new run.
    longest : int
        Number of run lengths that are distinguished.
    shape, rate : float
        Prior of the counts per bin.
    """

    name = "change-point"

    def __init__(
        self,
        hazard: float = 0.02,
        recent: int = 1,
        longest: int = 24,
        shape: float = 0.2,
        rate: float = 1.0,
    ) -> None:
        if not 0 < hazard < 1:
            raise SettingsError("hazard", f"hazard must be between 0 and 1, not {hazard!r}")
        self.hazard, self.recent = hazard, at_least("recent", recent, 1)
        self.longest = at_least("longest", longest, self.recent + 1)
        self.shape, self.rate = positive("shape", shape), positive("rate", rate)

    def _score(self, cells: Cells) -> Scores:
        age = cells.bins - (cells.bin_numbers[0] if len(cells) else 0)
        before = np.concatenate([[0], cells.bins[:-1]])[: len(cells)]
        first = cells.first == np.arange(len(cells))
        gaps = np.where(first, age, cells.bins - before - 1)
        rows = np.repeat(np.arange(len(cells.starts) - 1), np.diff(cells.starts))
        state = self.start()
        state.reserve(len(cells.starts) - 1)
        return self._follow(state, rows, gaps, cells.counts)

    def start(self) -> State:
        return State("oldest", "last", "known", weight=self.longest, total=self.longest)

    def _step(self, state: State, bin: BinCounts) -> Scores:
        t, first = bin.terms, state.first if state.first is not None else bin.bin
        gaps = np.where(state.known[t] > 0, bin.bin - state.last[t] - 1, bin.bin - first)
        state.last[t], state.known[t] = bin.bin, 1.0
        return self._follow(state, t, gaps.astype(np.int64), bin.counts)

    def _follow(self, state: State, rows: Ints, gaps: Ints, counts: Floats) -> Scores:
        from rtanalytics.algorithms.kernel import change_points

        runs = state.weight, state.total, state.oldest
        settings = self.hazard, self.recent, self.shape, self.rate
        return Scores(*change_points(rows, gaps, counts, *runs, *settings))


class PeaksOverThreshold(Algorithm):
    """Peaks over threshold: how rare a deviation is among all deviations so far.

    score = −log₁₀ P(Z > z) of the EWMA z-score z. The tail above u, the 98 % quantile of the first
    ``calibrate`` scores, is modelled as a generalised Pareto distribution with
    P = (n_u / n)·(1 + ξ(z − u)/σ)^(−1/ξ); ξ and σ are estimated by moments from the excesses of all
    earlier bins. The score is 0 for z up to u, and for all z until u is known. Siffer et al. (2017),
    "Anomaly Detection in Streams with Extreme Value Theory" (SPOT); they fit by likelihood, one series
    at a time; here all terms are one population. It makes z-scores comparable, and has the same
    weaknesses.

    Parameters
    ----------
    half_life, floor_count : float
        As in :class:`~rtanalytics.trending.EwmaZ`.
    quantile : float
        Quantile at which the tail begins.
    calibrate : int
        Number of scores before the first trend.
    """

    name = "peaks-over-threshold"

    def __init__(
        self,
        half_life: float = 8.0,
        floor_count: float = 1.0,
        quantile: float = 0.98,
        calibrate: int = 200,
    ) -> None:
        self.half_life, self.floor_count = half_life, floor_count
        EwmaZ(half_life, floor_count)
        if not 0 < quantile < 1:
            raise SettingsError("quantile", f"quantile must be between 0 and 1, not {quantile!r}")
        self.quantile, self.calibrate = quantile, at_least("calibrate", calibrate, 10)

    def _score(self, cells: Cells) -> Scores:
        z, expected = EwmaZ(self.half_life, self.floor_count)._score(cells)
        score, tail = np.zeros(len(cells)), Tail(self.quantile, self.calibrate)
        order = np.argsort(cells.bins, kind="stable")
        for part in np.split(order, np.flatnonzero(np.diff(cells.bins[order])) + 1):
            score[part] = tail.rarity(z[part])
            tail.learn(z[part])
        return Scores(score, expected)

    def start(self) -> State:
        return _TailState(Tail(self.quantile, self.calibrate))

    def _step(self, state: State, bin: BinCounts) -> Scores:
        if not isinstance(state, _TailState):
            raise TypeError(f"{self.name} needs a state from its own start(), not {state!r}")
        z, expected = EwmaZ(self.half_life, self.floor_count)._step(state, bin)
        score = state.tail.rarity(z)
        state.tail.learn(z)
        return Scores(score, expected)


class Tail:
    """The upper tail of a stream of numbers, as a generalised Pareto distribution.

    Parameters
    ----------
    quantile : float
        Quantile at which the tail begins.
    calibrate : int
        Number of values from which that quantile is estimated.
    """

    def __init__(self, quantile: float, calibrate: int) -> None:
        self.quantile, self.calibrate = quantile, calibrate
        self.start: float | None = None
        self._first: list[Floats] = []
        self._seen = self._above = 0
        self._sum = self._squares = 0.0

    def learn(self, values: Floats) -> None:
        """Update the distribution with values; their order within one call does not matter."""
        if self.start is None:
            self._first.append(values)
            self._seen += len(values)
            if self._seen < self.calibrate:
                return
            values = np.concatenate(self._first)
            self.start, self._seen, self._first = float(np.quantile(values, self.quantile)), 0, []
        excess = np.sort(values[values > self.start] - self.start)
        self._seen += len(values)
        self._above += len(excess)
        self._sum += float(excess.sum())
        self._squares += float((excess**2).sum())

    def rarity(self, values: Floats) -> Floats:
        """Return −log₁₀ of the probability of a larger value, and 0 below the tail."""
        rarity = np.zeros(len(values))
        if self.start is None or self._above < 2:
            return rarity
        mean = self._sum / self._above
        variance = max(self._squares / self._above - mean**2, 1e-12 * mean**2)
        shape = min(max(0.5 * (1 - mean**2 / variance), 0.0), 0.49)
        scale = mean * (1 - shape)
        high = values > self.start
        excess = (values[high] - self.start) / scale
        log = np.log1p(shape * excess) / shape if shape > 1e-9 else excess
        rarity[high] = -np.log10(self._above / self._seen) + log / np.log(10)
        return rarity


class _TailState(State):
    """State of :class:`~rtanalytics.trending.EwmaZ`, and the tail of its scores."""

    def __init__(self, tail: Tail) -> None:
        super().__init__(*EwmaZ.state_names())
        self.tail = tail
