"""The algorithms: how surprising is it that a term was said so often in a bin?

An algorithm is a class with its parameters in the constructor and two faces.
:meth:`~Algorithm.score` takes the counts of all bins at once; :meth:`~Algorithm.step` takes one
bin after the other, as they come, and keeps what it must know of the past in a state. Both say
the same, by test. Whether a score is a *trend* is another question: see :mod:`rtanalytics.topics`.

Only terms that are said in a bin get a score in it. Bins in which nobody said anything are not
given: what they do to a state follows from the numbers of the bins.

Notation: k is a term's count in the bin, d the bin's total, b and B the sums of both over the
history before the bin, λ what was expected.

Here are the five to begin with; the others are in :mod:`rtanalytics.algorithms`. Most are one of
two kinds, and then only say what is their own: a :class:`Contrast` compares a bin with the sums of
its history, a :class:`Recursive` carries a few numbers a term from bin to bin.

To add an algorithm: write the class, decorate it with :func:`register`, and let it pass the
contract in ``tests/contracts/scorer.py``.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections import deque
from datetime import timedelta
from typing import Any, ClassVar, NamedTuple, Self, TypeVar

import numpy as np

from rtanalytics.algorithms.tools import (
    at_least,
    poisson_surprise,
    positive,
    rounds,
    running,
    sum_before,
    totals_before,
)
from rtanalytics.counts import BinCounts, Cells, Channel, Floats, Ints, TermCounts

__all__ = [
    "ALGORITHMS",
    "DEFAULT",
    "Algorithm",
    "At",
    "Contrast",
    "DecayedCount",
    "EwmaZ",
    "Poisson",
    "Recursive",
    "Scores",
    "SeasonalPoisson",
    "State",
    "WindowCount",
    "get",
    "register",
]


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
        self.first: int | None = None
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
        state.first = bin.bin if state.first is None else state.first
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


class At(NamedTuple):
    """Where and when a :class:`Recursive` algorithm looks, for several terms at once.

    Parameters
    ----------
    bin : numpy.ndarray of int64 or int
        Number of the bin.
    d : numpy.ndarray of float64 or float
        Its total.
    age : numpy.ndarray of int64 or int
        How many bins ago the first bin was.
    gap : numpy.ndarray of int64
        Bins since the term was said, both not counted; since the first bin if it is new.
    history : numpy.ndarray of float64 or float
        B: the total of all bins before.
    quiet : numpy.ndarray of float64
        The part of B that falls into the gap.
    width : timedelta
        Width of a bin.
    """

    bin: Any
    d: Any
    age: Any
    gap: Any
    history: Any
    quiet: Any
    width: timedelta


class Recursive(Algorithm):
    """A kind of algorithm: a few numbers a term, carried from one bin in which it is said to the next.

    Subclasses name the numbers, all 0 for a new term, and say what a gap does to them
    (:meth:`rest`), what they make of a count (:meth:`judge`), and what they learn from it
    (:meth:`learn`).
    """

    memory: ClassVar[tuple[str, ...]]

    def rest(self, past: tuple[Floats, ...], at: At) -> tuple[Floats, ...]:
        """The numbers after ``at.gap`` bins in which the term was not said."""
        return past

    @abstractmethod
    def judge(self, past: tuple[Floats, ...], k: Floats, at: At) -> Scores:
        """Scores of counts ``k``, given the numbers just before."""

    @abstractmethod
    def learn(self, past: tuple[Floats, ...], k: Floats, at: At) -> tuple[Floats, ...]:
        """The numbers after the count is known."""

    def _score(self, cells: Cells) -> Scores:
        score, expected = np.zeros(len(cells)), np.zeros(len(cells))
        before, places = totals_before(cells, None), cells.places
        past = tuple(np.zeros(len(cells.starts) - 1) for _ in self.memory)
        for now, last in rounds(cells):
            k, place, bin = cells.counts[now], places[now], cells.bins[now]
            if last is None:
                gap, since = bin - cells.bin_numbers[0], np.zeros(len(now))
            else:
                gap, since = bin - cells.bins[last] - 1, before[places[last]] + cells.totals[places[last]]
            history = before[place]
            at = At(
                bin,
                cells.totals[place],
                bin - cells.bin_numbers[0],
                gap,
                history,
                history - since,
                cells.width,
            )
            past = self.rest(tuple(number[: len(now)] for number in past), at)
            score[now], expected[now] = self.judge(past, k, at)
            past = self.learn(past, k, at)
        return Scores(score, expected)

    def start(self) -> State:
        return State(*self.memory, "last", "since", "known")

    def _step(self, state: State, bin: BinCounts) -> Scores:
        t, first = bin.terms, state.first if state.first is not None else bin.bin
        gap = np.where(state.known[t] > 0, bin.bin - state.last[t] - 1, bin.bin - first)
        at = At(
            bin.bin, bin.total, bin.bin - first, gap, state.history, state.history - state.since[t], bin.width
        )
        past = self.rest(tuple(getattr(state, name)[t] for name in self.memory), at)
        scores = self.judge(past, bin.counts, at)
        for name, number in zip(self.memory, self.learn(past, bin.counts, at), strict=True):
            getattr(state, name)[t] = number
        state.history += bin.total
        state.last[t], state.since[t], state.known[t] = bin.bin, state.history, 1.0
        return scores


class Contrast(Algorithm):
    """A kind of algorithm: the bin against the sums of its history.

    Parameters
    ----------
    history : int, optional
        How many bins back the history reaches; all of the past unless given, which is best for
        what nobody has said before.
    """

    def __init__(self, history: int | None = None) -> None:
        self.history = None if history is None else at_least("history", history, 1)

    @abstractmethod
    def compare(self, k: Floats, d: Any, b: Floats, B: Any, bins: Any) -> Scores:
        """Scores of counts k in bins with totals d, against sums b and B over so many bins."""

    def _score(self, cells: Cells) -> Scores:
        places = cells.places
        bins = _reach(cells.bins - (cells.bin_numbers[0] if len(cells) else 0), self.history)
        history = totals_before(cells, self.history)[places]
        return self.compare(
            cells.counts, cells.totals[places], sum_before(cells, self.history), history, bins
        )

    def start(self) -> State:
        return State("window")

    def _step(self, state: State, bin: BinCounts) -> Scores:
        if self.history is not None:
            _forget(state, bin.bin - 1 - self.history)
        bins = _reach(bin.bin - (state.first if state.first is not None else bin.bin), self.history)
        scores = self.compare(bin.counts, bin.total, state.window[bin.terms], state.history, bins)
        _remember(state, bin, keep=self.history is not None)
        return scores


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
        self.bins = at_least("bins", bins, 1)

    def _score(self, cells: Cells) -> Scores:
        score = sum_before(cells, self.bins - 1) + cells.counts
        return Scores(score, np.zeros(len(cells)))

    def start(self) -> State:
        return State("window")

    def _step(self, state: State, bin: BinCounts) -> Scores:
        _forget(state, bin.bin - self.bins)
        _remember(state, bin)
        return Scores(state.window[bin.terms], np.zeros(len(bin.terms)))


@register
class DecayedCount(Recursive):
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
    memory = ("kept",)

    def __init__(self, half_life: float = 4.0) -> None:
        self.half_life = positive("half_life", half_life)

    def rest(self, past: tuple[Floats, ...], at: At) -> tuple[Floats, ...]:
        return (past[0] * np.exp2(-(at.gap + 1.0) / self.half_life),)

    def judge(self, past: tuple[Floats, ...], k: Floats, at: At) -> Scores:
        return Scores(past[0] + k, np.zeros(len(k)))

    def learn(self, past: tuple[Floats, ...], k: Floats, at: At) -> tuple[Floats, ...]:
        return (past[0] + k,)


@register
class EwmaZ(Recursive):
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
    memory = ("mean", "variance")

    def __init__(self, half_life: float = 8.0, floor_count: float = 1.0) -> None:
        self.half_life = positive("half_life", half_life)
        self.floor_count = positive("floor_count", floor_count)

    def rest(self, past: tuple[Floats, ...], at: At) -> tuple[Floats, ...]:
        mean, variance = past
        kept = np.exp2(-at.gap / self.half_life)  # the recursion for zeros, in closed form
        return mean * kept, kept * (variance + mean**2 * (1 - kept))

    def judge(self, past: tuple[Floats, ...], k: Floats, at: At) -> Scores:
        mean, variance = past
        return Scores((k - mean) / np.sqrt(variance + self.floor_count**2), mean)

    def learn(self, past: tuple[Floats, ...], k: Floats, at: At) -> tuple[Floats, ...]:
        mean, variance = past
        alpha = 1 - 2 ** (-1 / self.half_life)
        difference = k - mean
        return mean + alpha * difference, (1 - alpha) * (variance + alpha * difference**2)


@register
class Poisson(Contrast):
    """How improbable so many are, if the term is said at the rate of its history.

    score = −log₁₀ P(X ≥ k), X Poisson with λ = (b + ½)·d / B. The half makes the first mention
    of a term finite; d / B lets busy bins be busy. The first bin has no history and no trends.
    It is fooled by what comes every day at the same hour, and by copies.

    Parameters
    ----------
    history : int, optional
        How many bins back b and B reach; all of the past unless given.
    """

    name = "poisson"
    floor = 2.0

    def compare(self, k: Floats, d: Any, b: Floats, B: Any, bins: Any) -> Scores:
        return self._judge(k, _rate(b, d, B))

    def _judge(self, k: Floats, expected: Floats) -> Scores:
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
        self.period_hours = positive("period_hours", period_hours)
        self.prior = positive("prior", prior)

    def _score(self, cells: Cells) -> Scores:
        places, period = cells.places, self._period(cells.width)
        before, history = sum_before(cells, self.history), totals_before(cells, self.history)
        slot = cells.bins % period
        order = np.lexsort((cells.bins, slot, cells.terms))
        key = cells.terms[order] * period + slot[order]
        slot_before = np.empty(len(cells))
        slot_before[order] = running(cells.counts[order], np.diff(key, prepend=-1) != 0)
        slots = cells.bin_numbers % period
        order = np.lexsort((cells.bin_numbers, slots))
        slot_total = np.empty(len(slots))
        slot_total[order] = running(cells.totals[order], np.diff(slots[order], prepend=-1) != 0)
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


def _rate(before: Floats, d: Any, history: Any) -> Floats:
    """λ = (b + ½)·d / B; infinite without a history."""
    with np.errstate(divide="ignore"):
        rate: Floats = (before + 0.5) * d / np.asarray(history, np.float64)
    return rate


def _reach(age: Any, history: int | None) -> Any:
    """How many bins a history has."""
    return age if history is None else np.minimum(age, history)


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


# The others enter themselves into the registry.
from rtanalytics.algorithms import bursts, rates, shares  # noqa: E402, F401
