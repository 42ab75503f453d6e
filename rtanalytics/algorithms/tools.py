"""Helpers of the algorithms: sums over the history, tails of distributions, checks."""

from __future__ import annotations

from numbers import Real

import numpy as np

from rtanalytics.counts import Cells, Floats
from rtanalytics.settings import SettingsError

__all__ = [
    "at_least",
    "negative_binomial_surprise",
    "poisson_surprise",
    "positive",
    "sum_before",
    "totals_before",
]


def poisson_surprise(k: Floats, expected: Floats) -> Floats:
    """Return −log₁₀ P(X ≥ k) for Poisson X, and 0 if k does not exceed the mean.

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
    """Return −log₁₀ P(X ≥ k) for X of mean λ and variance λ + dispersion·λ², and 0 if k is not above λ.

    Parameters
    ----------
    k, expected : numpy.ndarray of float64, shape (n,)
        Counts, and means; an infinite mean expects anything.
    dispersion : float
        Squared coefficient of variation of the rate; towards 0 this is the Poisson tail.

    Returns
    -------
    numpy.ndarray of float64, shape (n,)
        Finite, also where the probability itself would underflow.
    """
    from rtanalytics.algorithms.kernel import negative_binomial

    surprise: Floats = negative_binomial(k, expected, float(dispersion))
    return surprise


def sum_before(cells: Cells, bins: int | None) -> Floats:
    """Return the sum of each cell's term over the ``bins`` bins before it, or over all before."""
    if bins is None:
        since: Floats = cells.before[:-1] - cells.before[cells.first]
        return since
    from rtanalytics.algorithms.kernel import window

    recent: Floats = cells.before[:-1] - cells.before[window(cells.starts, cells.bins, bins)]
    return recent


def totals_before(cells: Cells, bins: int | None) -> Floats:
    """Return the sum of the totals over the ``bins`` bins before each bin, or over all before."""
    before = cells.totals_before
    if bins is None:
        return before[:-1]
    return before[:-1] - before[np.searchsorted(cells.bin_numbers, cells.bin_numbers - bins)]


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
