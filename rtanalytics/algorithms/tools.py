"""What the algorithms are made of: sums over history, tails of distributions, checks."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt

from rtanalytics.counts import Cells, Floats, Ints
from rtanalytics.settings import SettingsError

__all__ = [
    "at_least",
    "negative_binomial_surprise",
    "poisson_surprise",
    "positive",
    "rounds",
    "sum_before",
    "totals_before",
]


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
    from rtanalytics.algorithms.kernel import poisson

    surprise: Floats = poisson(k, expected)
    return surprise


def negative_binomial_surprise(k: Floats, expected: Floats, dispersion: float) -> Floats:
    """−log₁₀ P(X ≥ k) for X with mean λ and variance λ + dispersion·λ², and 0 where k is not above λ.

    Parameters
    ----------
    k, expected : numpy.ndarray of float64, shape (n,)
        Counts, and means; an infinite mean expects anything.
    dispersion : float
        How much the rate itself varies; towards 0 this is the Poisson tail.

    Returns
    -------
    numpy.ndarray of float64, shape (n,)
        Finite, also where the probability itself would underflow.
    """
    from rtanalytics.algorithms.kernel import negative_binomial

    surprise: Floats = negative_binomial(k, expected, float(dispersion))
    return surprise


def sum_before(cells: Cells, bins: int | None) -> Floats:
    """Sum of each cell's term over the ``bins`` bins before it, or over all before."""
    if bins is None:
        since: Floats = cells.before[:-1] - cells.before[cells.first]
        return since
    from rtanalytics.algorithms.kernel import window

    recent: Floats = cells.before[:-1] - cells.before[window(cells.starts, cells.bins, bins)]
    return recent


def totals_before(cells: Cells, bins: int | None) -> Floats:
    """Sum of the totals over the ``bins`` bins before each bin, or over all before."""
    before = cells.totals_before
    if bins is None:
        return before[:-1]
    return before[:-1] - before[np.searchsorted(cells.bin_numbers, cells.bin_numbers - bins)]


def rounds(cells: Cells) -> tuple[Ints, list[int], tuple[npt.NDArray[Any], ...]]:
    """The first cells of all terms, then their second ones, and so on.

    Worked out once for a table of cells, whatever it is scored with.

    Returns
    -------
    (numpy.ndarray of int64, list of int, tuple of arrays)
        Places of the cells, longest terms first, so that each round is as long as the head of the
        round before that goes on; where each round ends; and in that order each cell's count, bin,
        total of the bin, bins since the first bin, bins since its term was said, sum of all totals
        before the bin, and the part of it that fell into that silence.
    """
    kept: tuple[Ints, list[int], tuple[npt.NDArray[Any], ...]] | None = vars(cells).get("_rounds")
    if kept is not None:
        return kept
    starts, places, bins = cells.starts, cells.places, cells.bins
    lengths = np.diff(starts)
    rank = np.empty(len(lengths), np.int64)
    rank[np.argsort(-lengths, kind="stable")] = np.arange(len(lengths))
    number = np.arange(len(cells)) - cells.first
    order = np.lexsort((np.repeat(rank, lengths), number))
    ends = np.cumsum(np.bincount(number)).tolist()
    first = number == 0
    last = np.maximum(np.arange(len(cells)) - 1, 0)
    age = bins - (bins[:1] if not len(cells) else cells.bin_numbers[0])
    gap = np.where(first, age, bins - bins[last] - 1)
    history = cells.totals_before[places]
    since = np.where(first, 0.0, cells.totals_before[places[last] + 1])
    columns = (cells.counts, bins, cells.totals[places], age, gap, history, history - since)
    kept = order, ends, tuple(column[order] for column in columns)
    vars(cells)["_rounds"] = kept
    return kept


def at_least(name: str, value: float, least: int) -> int:
    """Return ``value`` if it is a whole number, at least ``least``; a SettingsError names it otherwise."""
    if not isinstance(value, Real) or value != int(value) or value < least:
        raise SettingsError(name, f"{name} must be a whole number, at least {least}, not {value!r}")
    return int(value)


def positive(name: str, value: float) -> float:
    """Return ``value`` if it is positive; a SettingsError names it otherwise."""
    if not isinstance(value, Real) or not value > 0:
        raise SettingsError(name, f"{name} must be a positive number, not {value!r}")
    return value
