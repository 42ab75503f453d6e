"""The algorithms: how surprising is it that a term was said so often in a bin?

An algorithm is a class with its parameters in the constructor and two faces.
:meth:`~Algorithm.score` takes the counts of all bins at once; :meth:`~Algorithm.step` takes one
bin after the other, as they come, and keeps what it must know of the past in a state. Both say
the same, by test. Whether a score is a *trend* is another question: see :mod:`rtanalytics.topics`.

Only terms that are said in a bin get a score in it. Bins in which nobody said anything are not
given: what they do to a state follows from the numbers of the bins.

Notation: k is a term's count in the bin, d the bin's total, b and B the sums of both over the
history before the bin, λ what was expected.

To add an algorithm: write the class, decorate it with :func:`register`, and let it pass the
contract in ``tests/contracts/scorer.py``.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, ClassVar, NamedTuple, Self, TypeVar

import numpy as np
import numpy.typing as npt

from rtanalytics.counts import BinCounts, Cells, Channel, TermCounts

__all__ = [
    "ALGORITHMS",
    "DEFAULT",
    "Algorithm",
    "DecayedCount",
    "EwmaZ",
    "Poisson",
    "Scores",
    "SeasonalPoisson",
    "State",
    "WindowCount",
    "get",
    "poisson_surprise",
    "register",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Scores(NamedTuple):
    """Scores of cells, or of the terms of a bin, in the order in which those were given.

    Parameters
    ----------
    score : numpy.ndarray of float64
        How much it trends; larger is more.
    expected : numpy.ndarray of float64
        The count that was expected; 0 where an algorithm expects nothing.
    """

    score: Floats
    expected: Floats


class State:
    """What a step remembers: numbers for each term, and the bin before.

    Parameters
    ----------
    *names : str
        Each becomes an array, indexed by term, that starts as zeros.
    """

    def __init__(self, *names: str) -> None:
        self.bin: int | None = None
        self.history = 0.0
        self.recent: deque[BinCounts] = deque()
        self.slots: dict[int, tuple[Ints, Floats, float]] = {}
        self._names = names
        for name in names:
            setattr(self, name, np.zeros(0))

    def __getattr__(self, name: str) -> Floats:
        raise AttributeError(f"this state has no {name!r}")

    def reserve(self, terms: int) -> None:
        """Make room for the terms numbered below ``terms``."""
        for name in self._names:
            old: Floats = getattr(self, name)
            if len(old) < terms:
                setattr(self, name, np.concatenate([old, np.zeros(max(terms, 2 * len(old)) - len(old))]))


class Algorithm(ABC):
    """Parameters, a state, and two faces.

    Attributes
    ----------
    name : str
        Its name in the registry.
    causal : bool
        False if a score depends on later bins; such an algorithm is refused live.
    floor : float
        A score that does not exceed this is never a trend.
    """

    name: ClassVar[str]
    causal: ClassVar[bool] = True
    floor: ClassVar[float] = 0.0

    def score(self, counts: TermCounts | Cells, channel: Channel = "authors") -> Scores:
        """Score every cell, in the order of ``counts.cells(channel)``."""
        return self._score(counts.cells(channel) if isinstance(counts, TermCounts) else counts)

    def start(self) -> State:
        """The state before the first bin."""
        return State()

    def step(self, state: State, bin: BinCounts) -> Scores:
        """Score the terms of the next bin, then let the state learn the bin.

        Raises
        ------
        ValueError
            If the bin does not come after the one before.
        """
        if state.bin is not None and bin.bin <= state.bin:
            raise ValueError(f"bin {bin.bin} after bin {state.bin}: step() takes bins in their order")
        state.reserve(int(bin.terms[-1]) + 1 if len(bin.terms) else 0)
        scores = self._step(state, bin)
        state.bin = bin.bin
        return scores

    @abstractmethod
    def _score(self, cells: Cells) -> Scores: ...

    @abstractmethod
    def _step(self, state: State, bin: BinCounts) -> Scores: ...

    def get_params(self, deep: bool = True) -> dict[str, Any]:  # noqa: FBT001, FBT002  (scikit-learn's)
        """Parameters by name, as scikit-learn's ``clone`` and searches expect it."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    def set_params(self, **parameters: Any) -> Self:
        """Set parameters by name.

        Raises
        ------
        ValueError
            If there is no such parameter, or it cannot have that value.
        """
        merged = self.get_params()
        for name in parameters:
            if name not in merged:
                known = ", ".join(merged)
                raise ValueError(f"{self.name} has no parameter {name!r}; it has {known}")
        vars(self).update(vars(type(self)(**{**merged, **parameters})))
        return self

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={value!r}" for name, value in self.get_params().items())
        return f"{type(self).__name__}({given})"


ALGORITHMS: dict[str, type[Algorithm]] = {}
"""The registry: name → class."""

DEFAULT = "poisson"
"""The algorithm that is used unless another is named."""

A = TypeVar("A", bound=type[Algorithm])


def register(cls: A) -> A:
    """Enter a class into the registry, under its ``name``."""
    ALGORITHMS[cls.name] = cls
    return cls


def get(algorithm: str | Algorithm, **parameters: Any) -> Algorithm:
    """An algorithm by its name; one that is given already is returned with the parameters set.

    Raises
    ------
    ValueError
        If there is none of that name, or it has no such parameter.
    """
    if isinstance(algorithm, Algorithm):
        return algorithm.set_params(**parameters)
    if algorithm not in ALGORITHMS:
        raise ValueError(f"no algorithm {algorithm!r}; there are {', '.join(sorted(ALGORITHMS))}")
    cls = ALGORITHMS[algorithm]
    unknown = sorted(set(parameters) - set(inspect.signature(cls).parameters))
    if unknown:
        known = ", ".join(inspect.signature(cls).parameters)
        raise ValueError(f"{algorithm} has no parameter {unknown[0]!r}; it has {known}")
    return cls(**parameters)


@register
class WindowCount(Algorithm):
    """How often a term was said in the last bins: the baseline of all baselines.

    score = Σ k over the last ``bins`` bins, this one included. Nothing is expected, so whatever
    is always said wins: the conference's hashtag, "thanks", coffee.

    Parameters
    ----------
    bins : int
        Length of the window.
    """

    name = "count"

    def __init__(self, bins: int = 4) -> None:
        self.bins = _at_least("bins", bins, 1)

    def _score(self, cells: Cells) -> Scores:
        score = _sum_before(cells, self.bins - 1) + cells.counts
        return Scores(score, np.zeros(len(cells)))

    def start(self) -> State:
        return State("window")

    def _step(self, state: State, bin: BinCounts) -> Scores:
        _forget(state, bin.bin - self.bins)
        _remember(state, bin)
        return Scores(state.window[bin.terms], np.zeros(len(bin.terms)))


@register
class DecayedCount(Algorithm):
    """How often a term was said, what was said long ago counting less.

    score = Σ k·2^(−age / half_life). Calmer than a window and needs no memory of single bins,
    but it ranks by popularity all the same. Forward decay: Cormode, Shkapenyuk, Srivastava &
    Xu (2009), "Forward Decay: A Practical Time Decay Model for Streaming Systems".

    Parameters
    ----------
    half_life : float
        Bins after which a count weighs half.
    """

    name = "decay"

    def __init__(self, half_life: float = 4.0) -> None:
        self.half_life = _positive("half_life", half_life)

    def _score(self, cells: Cells) -> Scores:
        score = np.empty(len(cells))
        kept = np.zeros(0)
        for now, gap in _rounds(cells):
            kept = cells.counts[now] + (kept[: len(now)] * self._decay(gap) if gap is not None else 0.0)
            score[now] = kept
        return Scores(score, np.zeros(len(cells)))

    def start(self) -> State:
        return State("kept", "last")

    def _step(self, state: State, bin: BinCounts) -> Scores:
        t = bin.terms
        state.kept[t] = state.kept[t] * self._decay(bin.bin - state.last[t]) + bin.counts
        state.last[t] = bin.bin
        return Scores(state.kept[t], np.zeros(len(t)))

    def _decay(self, gap: Any) -> Floats:
        return np.exp2(-np.asarray(gap, np.float64) / self.half_life)


@register
class EwmaZ(Algorithm):
    """Distance of a count from its moving mean, in moving standard deviations.

    score = (k − μ) / √(v + floor²), before k is learned; then, with Δ = k − μ and
    α = 1 − 2^(−1/half_life): μ ← μ + αΔ, v ← (1 − α)(v + αΔ²). Bins in which a term is not said
    count as zeros. Moving moments: Finch (2009), "Incremental calculation of weighted mean and
    variance". It is fooled by what comes every day at the same hour, and by a term that is new
    and said a few times, against which ``floor`` helps.

    Parameters
    ----------
    half_life : float
        Bins after which a count weighs half.
    floor_count : float
        Counts added (squared) to the variance.
    """

    name = "ewma"

    def __init__(self, half_life: float = 8.0, floor_count: float = 1.0) -> None:
        self.half_life = _positive("half_life", half_life)
        self.floor_count = _positive("floor_count", floor_count)

    def _score(self, cells: Cells) -> Scores:
        score, expected = np.empty(len(cells)), np.empty(len(cells))
        mean = variance = np.zeros(0)
        for now, gap in _rounds(cells):
            if gap is None:
                mean = variance = np.zeros(len(now))
            else:
                mean, variance = self._rest(mean[: len(now)], variance[: len(now)], gap - 1)
            k = cells.counts[now]
            expected[now], score[now] = mean, self._z(k, mean, variance)
            mean, variance = self._learn(k, mean, variance)
        return Scores(score, expected)

    def start(self) -> State:
        return State("mean", "variance", "last")

    def _step(self, state: State, bin: BinCounts) -> Scores:
        t, k = bin.terms, bin.counts
        mean, variance = self._rest(state.mean[t], state.variance[t], bin.bin - state.last[t] - 1)
        score = self._z(k, mean, variance)
        state.mean[t], state.variance[t] = self._learn(k, mean, variance)
        state.last[t] = bin.bin
        return Scores(score, mean)

    def _z(self, k: Floats, mean: Floats, variance: Floats) -> Floats:
        return (k - mean) / np.sqrt(variance + self.floor_count**2)

    def _learn(self, k: Floats, mean: Floats, variance: Floats) -> tuple[Floats, Floats]:
        alpha = 1 - 2 ** (-1 / self.half_life)
        difference = k - mean
        return mean + alpha * difference, (1 - alpha) * (variance + alpha * difference**2)

    def _rest(self, mean: Floats, variance: Floats, bins: Any) -> tuple[Floats, Floats]:
        """Moments after so many bins without the term: the recursion for zeros in closed form."""
        kept = np.exp2(-np.asarray(bins, np.float64) / self.half_life)
        return mean * kept, kept * (variance + mean**2 * (1 - kept))


@register
class Poisson(Algorithm):
    """How improbable so many are, if the term is said at the rate of its history.

    score = −log₁₀ P(X ≥ k), X Poisson with λ = (b + ½)·d / B. The half makes the first mention
    of a term finite; d / B lets busy bins be busy. The first bin has no history and no trends.
    It is fooled by what comes every day at the same hour, and by copies. As a test for bursts
    against all history: Hendrickson et al. (2015), "Trend Detection in Social Data", compare
    with the bin before instead.

    Parameters
    ----------
    history : int, optional
        How many bins back b and B reach; all of the past unless given, which is best for what
        nobody has said before.
    """

    name = "poisson"
    floor = 2.0

    def __init__(self, history: int | None = None) -> None:
        self.history = None if history is None else _at_least("history", history, 1)

    def _score(self, cells: Cells) -> Scores:
        before = _sum_before(cells, self.history)
        d, history = cells.totals[cells.places], _totals_before(cells, self.history)[cells.places]
        return self._judge(cells.counts, _rate(before, d, history))

    def start(self) -> State:
        return State("window")

    def _step(self, state: State, bin: BinCounts) -> Scores:
        if self.history is not None:
            _forget(state, bin.bin - 1 - self.history)
        expected = _rate(state.window[bin.terms], bin.total, state.history)
        _remember(state, bin, keep=self.history is not None)
        return self._judge(bin.counts, expected)

    @staticmethod
    def _judge(k: Floats, expected: Floats) -> Scores:
        return Scores(poisson_surprise(k, expected), np.where(np.isfinite(expected), expected, 0.0))


@register
class SeasonalPoisson(Poisson):
    """The Poisson tail against the larger of two rates: of late, and at this time of day.

    score = −log₁₀ P(X ≥ k), X Poisson with λ the larger of (b + ½)·d / B and, from the same slot
    of earlier periods, d·(b_s + m·p) / (B_s + m): b_s and B_s are sums over those slots and
    p = (b + ½) / B is the plain share, which stands in while the slot was quiet. So "lunch" and
    "good morning" stay calm from the second day on. The first period has no season, so it is
    fooled there; and a keynote at the same hour each day looks a little like lunch.

    Parameters
    ----------
    history : int, optional
        As in :class:`Poisson`.
    period_hours : float
        Length of the season; rounded to whole bins, at least one.
    prior : float
        m, in messages (or authors).
    """

    name = "seasonal-poisson"

    def __init__(self, history: int | None = None, period_hours: float = 24.0, prior: float = 100.0) -> None:
        super().__init__(history)
        self.period_hours = _positive("period_hours", period_hours)
        self.prior = _positive("prior", prior)

    def _score(self, cells: Cells) -> Scores:
        places, period = cells.places, self._period(cells.width)
        before, history = _sum_before(cells, self.history), _totals_before(cells, self.history)
        slot = cells.bins % period
        order = np.lexsort((cells.bins, slot, cells.terms))
        key = cells.terms[order] * period + slot[order]
        slot_before = np.empty(len(cells))
        slot_before[order] = _running(cells.counts[order], np.diff(key, prepend=-1) != 0)
        slots = cells.bin_numbers % period
        order = np.lexsort((cells.bin_numbers, slots))
        slot_total = np.empty(len(slots))
        slot_total[order] = _running(cells.totals[order], np.diff(slots[order], prepend=-1) != 0)
        expected = self._expect(
            before, cells.totals[places], history[places], slot_before, slot_total[places]
        )
        return self._judge(cells.counts, expected)

    def _step(self, state: State, bin: BinCounts) -> Scores:
        if self.history is not None:
            _forget(state, bin.bin - 1 - self.history)
        slot = bin.bin % self._period(bin.width)
        terms, sums, total = state.slots.get(slot, (np.empty(0, np.int64), np.empty(0), 0.0))
        merged = np.union1d(terms, bin.terms)
        known = np.zeros(len(merged))
        known[np.searchsorted(merged, terms)] = sums
        here = np.searchsorted(merged, bin.terms)
        expected = self._expect(state.window[bin.terms], bin.total, state.history, known[here], total)
        known[here] += bin.counts
        state.slots[slot] = merged, known, total + bin.total
        _remember(state, bin, keep=self.history is not None)
        return self._judge(bin.counts, expected)

    def _expect(self, before: Floats, d: Any, history: Any, slot_before: Floats, slot_total: Any) -> Floats:
        plain = _rate(before, d, history)
        with np.errstate(invalid="ignore"):
            seasonal = (d * slot_before + self.prior * plain) / (slot_total + self.prior)
        larger: Floats = np.maximum(plain, seasonal)
        return larger

    def _period(self, width: timedelta) -> int:
        return max(1, round(timedelta(hours=self.period_hours) / width))


def poisson_surprise(k: Floats, expected: Floats) -> Floats:
    """−log₁₀ P(X ≥ k) for Poisson X, and 0 where k does not exceed what was expected.

    Parameters
    ----------
    k, expected : numpy.ndarray of float64, shape (n,)
        Counts, and means; an infinite mean expects anything.

    Returns
    -------
    numpy.ndarray of float64, shape (n,)
        Finite, also where the probability itself would underflow.
    """
    from scipy.special import gammainc, gammaln

    surprise = np.zeros(len(k))
    above = np.flatnonzero(k > expected)
    k, mean = k[above], expected[above]
    tail = gammainc(k, mean)
    tiny = tail < 1e-290
    surprise[above[~tiny]] = -np.log10(tail[~tiny])
    if tiny.any():  # P(X ≥ k) = e^−λ λ^k/k! · (1 + λ/(k+1) + λ²/((k+1)(k+2)) + …)
        k, mean = k[tiny], mean[tiny]
        term, total, i = np.ones(len(k)), np.ones(len(k)), 1
        while (term > 1e-17 * total).any():
            term = term * mean / (k + i)
            total += term
            i += 1
        surprise[above[tiny]] = -(k * np.log(mean) - mean - gammaln(k + 1) + np.log(total)) / np.log(10)
    np.maximum(surprise, 0.0, out=surprise)
    return surprise


def _rate(before: Floats, d: Any, history: Any) -> Floats:
    """λ = (b + ½)·d / B; infinite without a history."""
    with np.errstate(divide="ignore"):
        rate: Floats = (before + 0.5) * d / np.asarray(history, np.float64)
    return rate


def _running(values: Floats, first: npt.NDArray[np.bool_]) -> Floats:
    """Sum of the values before each one, starting anew wherever ``first``."""
    before = np.cumsum(values) - values
    start = np.maximum.accumulate(np.where(first, np.arange(len(values)), 0))
    since: Floats = before - before[start]
    return since


def _sum_before(cells: Cells, bins: int | None) -> Floats:
    """Sum of each cell's term over the ``bins`` bins before it, or over all before."""
    if bins is None:
        return _running(cells.counts, np.diff(cells.terms, prepend=-1) != 0)
    if not len(cells):
        return np.zeros(0)
    low = cells.bins.min()
    place = cells.terms * (cells.bins.max() - low + 1) + cells.bins - low
    earliest = place - np.minimum(bins, cells.bins - low)
    before = np.concatenate([[0.0], np.cumsum(cells.counts)])
    since: Floats = before[np.arange(len(cells))] - before[np.searchsorted(place, earliest)]
    return since


def _totals_before(cells: Cells, bins: int | None) -> Floats:
    """Sum of the totals over the ``bins`` bins before each bin, or over all before."""
    before: Floats = np.concatenate([[0.0], np.cumsum(cells.totals)])
    if bins is None:
        return before[:-1]
    return before[:-1] - before[np.searchsorted(cells.bin_numbers, cells.bin_numbers - bins)]


def _remember(state: State, bin: BinCounts, *, keep: bool = True) -> None:
    """Add a bin to the state's sums; ``keep`` it so that it can be forgotten."""
    state.window[bin.terms] += bin.counts
    state.history += bin.total
    if keep:
        state.recent.append(bin)


def _forget(state: State, upto: int) -> None:
    """Take the bins up to ``upto`` out of the state's sums."""
    while state.recent and state.recent[0].bin <= upto:
        old = state.recent.popleft()
        state.window[old.terms] -= old.counts
        state.history -= old.total


def _rounds(cells: Cells) -> Iterator[tuple[Ints, Ints | None]]:
    """The first cells of all terms, then their second ones, and so on.

    Yields
    ------
    (numpy.ndarray of int64, numpy.ndarray of int64 or None)
        Places of the cells, longest terms first, so that each round is as long as the head of
        the round before that goes on; and the bins passed since, None in the first round.
    """
    starts = cells.starts
    lengths = np.diff(starts)
    order = np.argsort(-lengths, kind="stable")
    first, lengths = starts[:-1][order], lengths[order]
    for i in range(int(lengths[0]) if len(lengths) else 0):
        now = first[: np.searchsorted(-lengths, -i, side="left")] + i
        yield now, (cells.bins[now] - cells.bins[now - 1]) if i else None


def _at_least(name: str, value: int, least: int) -> int:
    if value != int(value) or value < least:
        raise ValueError(f"{name} is {value!r}; it must be a whole number from {least}")
    return int(value)


def _positive(name: str, value: float) -> float:
    if not value > 0:
        raise ValueError(f"{name} is {value!r}; it must be positive")
    return value
