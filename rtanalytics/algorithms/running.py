"""Base classes of two families of algorithms, which score bin by bin or all bins at once."""

from __future__ import annotations

from abc import abstractmethod
from datetime import timedelta
from typing import Any, ClassVar, NamedTuple

import numpy as np

from rtanalytics.algorithms.contract import Algorithm, Scores, State
from rtanalytics.algorithms.tools import at_least, sum_before, totals_before
from rtanalytics.counts import BinCounts, Cells, Floats

__all__ = ["Contrast", "Recursive", "StepContext", "forget", "reach", "remember"]


class StepContext(NamedTuple):
    """Bin and history of the terms that a :class:`Recursive` algorithm scores at once.

    Parameters
    ----------
    bin : numpy.ndarray of int64 or int
        Number of the bin.
    d : numpy.ndarray of float64 or float
        Total of the bin.
    age : numpy.ndarray of int64 or int
        Number of bins since the first bin.
    gap : numpy.ndarray of int64
        Number of bins between the last bin with the term and this one; for a new term, the number
        of bins since the first one.
    history : numpy.ndarray of float64 or float
        B, the total of all earlier bins.
    quiet : numpy.ndarray of float64
        Total of the bins in the gap, a part of B.
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
    """Base class of algorithms that keep a few numbers per term and update them with each count.

    Subclasses list the names of the numbers in ``memory``; all are 0 for a new term. They define how
    bins without the term change the numbers (:meth:`rest`), how a count is scored (:meth:`judge`), and
    how a count changes the numbers (:meth:`learn`).
    """

    memory: ClassVar[tuple[str, ...]]

    def rest(self, past: tuple[Floats, ...], at: StepContext) -> tuple[Floats, ...]:
        """Return the state of terms after ``at.gap`` bins without any of them."""
        return past

    @abstractmethod
    def judge(self, past: tuple[Floats, ...], k: Floats, at: StepContext) -> Scores:
        """Return the scores of counts ``k``, given the state ``past`` before these bins."""

    @abstractmethod
    def learn(self, past: tuple[Floats, ...], k: Floats, at: StepContext) -> tuple[Floats, ...]:
        """Return the state after an update with counts ``k``."""

    def _score(self, cells: Cells) -> Scores:
        score, expected = np.empty(len(cells)), np.empty(len(cells))
        order, ends, (k, bin, d, age, gap, history, quiet) = cells.rounds
        past = tuple(np.zeros(len(cells.starts) - 1) for _ in self.memory)
        begin = 0
        for end in ends:
            # process the first cells of all terms together, then their second cells, and so on
            now = slice(begin, end)
            past = tuple(number[: end - begin] for number in past)
            at = StepContext(bin[now], d[now], age[now], gap[now], history[now], quiet[now], cells.width)
            past = self.rest(past, at)
            score[now], expected[now] = self.judge(past, k[now], at)
            past = self.learn(past, k[now], at)
            begin = end
        scores = Scores(np.empty_like(score), np.empty_like(expected))
        scores.score[order], scores.expected[order] = score, expected
        return scores

    @classmethod
    def state_names(cls) -> tuple[str, ...]:
        """Names of the arrays in the state, which have one number per term."""
        return (*cls.memory, "last", "since", "known")

    def start(self) -> State:
        return State(*self.state_names())

    def _step(self, state: State, bin: BinCounts) -> Scores:
        t, first = bin.terms, state.first if state.first is not None else bin.bin
        gap = np.where(state.known[t] > 0, bin.bin - state.last[t] - 1, bin.bin - first)
        at = StepContext(
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
    """Base class of algorithms that compare the counts of a bin with the sums over its history.

    Parameters
    ----------
    history : int, optional
        Number of bins in the history; by default all earlier bins, which works best for new terms.
    """

    def __init__(self, history: int | None = None) -> None:
        self.history = None if history is None else at_least("history", history, 1)

    @abstractmethod
    def compare(self, k: Floats, d: Any, b: Floats, B: Any, bins: Any) -> Scores:
        """Return the scores of counts ``k``.

        Parameters
        ----------
        k, d : numpy.ndarray of float64
            Count of each cell, and total of its bin.
        b, B : numpy.ndarray of float64
            Sums of counts and of totals over the history of each cell.
        bins : numpy.ndarray of int64
            Number of bins in the history.
        """

    def _score(self, cells: Cells) -> Scores:
        places = cells.places
        bins = reach(cells.bins - (cells.bin_numbers[0] if len(cells) else 0), self.history)
        history = totals_before(cells, self.history)[places]
        return self.compare(
            cells.counts, cells.totals[places], sum_before(cells, self.history), history, bins
        )

    def start(self) -> State:
        return State("window")

    def _step(self, state: State, bin: BinCounts) -> Scores:
        if self.history is not None:
            forget(state, bin.bin - 1 - self.history)
        bins = reach(bin.bin - (state.first if state.first is not None else bin.bin), self.history)
        scores = self.compare(bin.counts, bin.total, state.window[bin.terms], state.history, bins)
        remember(state, bin, keep=self.history is not None)
        return scores


def reach(age: Any, history: int | None) -> Any:
    """Return how many bins the history has: all before this one, or at most ``history``."""
    return age if history is None else np.minimum(age, history)


def remember(state: State, bin: BinCounts, *, keep: bool = True) -> None:
    """Add a bin to the sums of the state; ``keep`` it so that it can be subtracted later."""
    state.window[bin.terms] += bin.counts
    state.history += bin.total
    if keep:
        state.recent.append(bin)


def forget(state: State, upto: int) -> None:
    """Subtract the bins up to ``upto`` from the sums of the state."""
    while state.recent and state.recent[0].bin <= upto:
        old = state.recent.popleft()
        state.window[old.terms] -= old.counts
        state.history -= old.total
