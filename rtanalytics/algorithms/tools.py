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
        Counts and means; the result is 0 for an infinite mean.

    Returns
    -------
    numpy.ndarray of float64, shape (n,)
        Finite even where the probability itself would underflow.
    """
    from rtanalytics.algorithms.kernel import poisson

    surprise: Floats = poisson(k, expected)
    return surprise


def negative_binomial_surprise(k: Floats, expected: Floats, dispersion: float) -> Floats:
    """Return −log₁₀ P(X ≥ k) for negative binomial X of variance λ + dispersion·λ², and 0 for k up to λ.

    Parameters
    ----------
    k, expected : numpy.ndarray of float64, shape (n,)
        Counts and means; the result is 0 for an infinite mean.
    dispersion : float
        Squared coefficient of variation of the rate; as it approaches 0, the result approaches the
        Poisson tail.

    Returns
    -------
    numpy.ndarray of float64, shape (n,)
        Finite even where the probability itself would underflow.
    """
    from rtanalytics.algorithms.kernel import negative_binomial

    surprise: Floats = negative_binomial(k, expected, float(dispersion))
    return surprise


def sum_before(cells: Cells, bins: int | None) -> Floats:
    """Return for each cell the sum of its term's counts in the ``bins`` bins before it (None: all)."""
    if bins is None:
        since: Floats = cells.before[:-1] - cells.before[cells.first]
        return since
    from rtanalytics.algorithms.kernel import window

    recent: Floats = cells.before[:-1] - cells.before[window(cells.starts, cells.bins, bins)]
    return recent


def totals_before(cells: Cells, bins: int | None) -> Floats:
    """Return, for each bin, the sum of the totals of the ``bins`` bins before it; None for all bins."""
    before = cells.totals_before
    if bins is None:
        return before[:-1]
    return before[:-1] - before[np.searchsorted(cells.bin_numbers, cells.bin_numbers - bins)]


def at_least(name: str, value: float, minimum: int) -> int:
    """Return ``value``; raise a SettingsError if it is not a whole number of at least ``minimum``."""
    if not isinstance(value, Real) or value != int(value) or value < minimum:
        raise SettingsError(name, f"{name} must be a whole number, at least {minimum}, not {value!r}")
    return int(value)


def positive(name: str, value: float) -> float:
    """Return ``value``; raise a SettingsError if it is not positive."""
    if not isinstance(value, Real) or not value > 0:
        raise SettingsError(name, f"{name} must be a positive number, not {value!r}")
    return value
