"""What the algorithms are made of: sums over history, tails of distributions, checks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from rtanalytics.counts import Cells, Floats, Ints

__all__ = [
    "at_least",
    "negative_binomial_surprise",
    "poisson_surprise",
    "positive",
    "rounds",
    "running",
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


def running(values: Floats, first: npt.NDArray[np.bool_]) -> Floats:
    """Sum of the values before each one, starting anew wherever ``first``."""
    before = np.cumsum(values) - values
    start = np.maximum.accumulate(np.where(first, np.arange(len(values)), 0))
    since: Floats = before - before[start]
    return since


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


def rounds(cells: Cells) -> Iterator[tuple[Ints, Ints | None]]:
    """The first cells of all terms, then their second ones, and so on.

    Yields
    ------
    (numpy.ndarray of int64, numpy.ndarray of int64 or None)
        Places of the cells, longest terms first, so that each round is as long as the head of
        the round before that goes on; and places of the cells before, None in the first round.
    """
    starts = cells.starts
    lengths = np.diff(starts)
    order = np.argsort(-lengths, kind="stable")
    first, lengths = starts[:-1][order], lengths[order]
    for i in range(int(lengths[0]) if len(lengths) else 0):
        now = first[: np.searchsorted(-lengths, -i, side="left")] + i
        yield now, (now - 1) if i else None


def at_least(name: str, value: int, least: int) -> int:
    """``value``, if it is a whole number from ``least`` on; a ValueError names it otherwise."""
    if value != int(value) or value < least:
        raise ValueError(f"{name} is {value!r}; it must be a whole number from {least}")
    return int(value)


def positive(name: str, value: float) -> float:
    """``value``, if it is positive; a ValueError names it otherwise."""
    if not value > 0:
        raise ValueError(f"{name} is {value!r}; it must be positive")
    return value
