"""Compiled loops of the algorithms."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

__all__ = ["change_points", "negative_binomial", "poisson", "slots_before", "window"]

_LN10 = math.log(10.0)
_FACTORIALS = np.array([math.lgamma(n + 1.0) for n in range(256)])
_FEW = 64


@njit(cache=True, nogil=True)
def window(starts: Any, bins: Any, width: Any) -> Any:
    """Return, for each cell, the index of the first cell of its term at most ``width`` bins before it.

    Parameters
    ----------
    starts : numpy.ndarray of int64
        Index of the first cell of each term.
    bins : numpy.ndarray of int64, shape (n,)
        Bin of each cell, ascending within a term.
    width : int
        Number of bins to look back.

    Returns
    -------
    numpy.ndarray of int64, shape (n,)
    """
    first = np.empty(len(bins), np.int64)
    for term in range(len(starts) - 1):
        low = starts[term]
        for cell in range(starts[term], starts[term + 1]):
            while bins[low] < bins[cell] - width:
                low += 1
            first[cell] = low
    return first


@njit(cache=True, nogil=True)
def slots_before(starts: Any, bins: Any, counts: Any, period: Any) -> Any:
    """Return, for each cell, the sum of its term's counts at the same time of earlier periods.

    Parameters
    ----------
    starts : numpy.ndarray of int64
        Index of the first cell of each term, then the number of cells.
    bins : numpy.ndarray of int64, shape (n,)
        Bin of each cell, ascending within a term.
    counts : numpy.ndarray of float64, shape (n,)
        Count of each cell.
    period : int
        Length of a period in bins.

    Returns
    -------
    numpy.ndarray of float64, shape (n,)
    """
    before = np.empty(len(bins))
    sums = np.zeros(period)
    for term in range(len(starts) - 1):
        for cell in range(starts[term], starts[term + 1]):
            slot = bins[cell] % period
            before[cell] = sums[slot]
            sums[slot] += counts[cell]
        for cell in range(starts[term], starts[term + 1]):
            sums[bins[cell] % period] = 0.0
    return before


@njit(cache=True, nogil=True)
def poisson(k: Any, mean: Any) -> Any:
    """Return −log₁₀ P(X ≥ k) for Poisson X if its mean is below k, and 0 otherwise.

    The tail is e^−λ λ^k/k! · (1 + λ/(k+1) + λ²/((k+1)(k+2)) + …): all terms are positive, and
    logarithms keep it from underflowing.

    Parameters
    ----------
    k, mean : numpy.ndarray of float64, shape (n,)
        Counts and means; the result is 0 for an infinite mean.

    Returns
    -------
    numpy.ndarray of float64, shape (n,)
    """
    surprise = np.zeros(len(k))
    for i in range(len(k)):
        x, rate = k[i], mean[i]
        if not x > rate:
            continue
        term, total, j = 1.0, 1.0, x
        while term > 1e-17 * total:
            j += 1.0
            term *= rate / j
            total += term
        log = x * np.log(rate) - rate - _log_factorial(x) + np.log(total)
        surprise[i] = max(-log / _LN10, 0.0)
    return surprise


@njit(cache=True, nogil=True)
def negative_binomial(k: Any, mean: Any, dispersion: Any) -> Any:
    """Return −log₁₀ P(X ≥ k) for a negative binomial X with mean λ and variance λ + dispersion·λ².

    With r = 1 / dispersion and x = λ / (λ + r), the tail is
    C(k + r − 1, k) x^k (1 − x)^r · (1 + x(k+r)/(k+1) + …).
    """
    surprise = np.zeros(len(k))
    size = 1.0 / dispersion
    below = math.lgamma(size)
    for i in range(len(k)):
        n, rate = k[i], mean[i]
        if not n > rate:
            continue
        x = rate / (rate + size)
        term, total, j = 1.0, 1.0, n
        while term > 1e-17 * total:
            term *= x * (j + size) / (j + 1.0)
            total += term
            j += 1.0
        log = math.lgamma(n + size) - below - _log_factorial(n)
        log += n * np.log(x) + size * np.log1p(-x) + np.log(total)
        surprise[i] = max(-log / _LN10, 0.0)
    return surprise


@njit(cache=True, nogil=True)
def _log_factorial(n: Any) -> Any:
    if n < len(_FACTORIALS) and n == int(n):
        return _FACTORIALS[int(n)]
    return math.lgamma(n + 1.0)


@njit(cache=True, nogil=True)
def change_points(
    terms: Any,
    gaps: Any,
    counts: Any,
    weight: Any,
    total: Any,
    oldest: Any,
    hazard: Any,
    recent: Any,
    shape: Any,
    rate: Any,
) -> Any:
    """Update the run-length distribution of each term and score its cells.

    A run is a stretch of bins with one rate. Run i began i bins ago; the last run stands for all that
    began earlier, with the means of their totals and lengths.

    Parameters
    ----------
    terms : numpy.ndarray of int64, shape (n,)
        Row of each cell in the state; cells of one row are in order of time.
    gaps : numpy.ndarray of int64, shape (n,)
        Silent bins before each cell.
    counts : numpy.ndarray of float64, shape (n,)
        Count of each cell.
    weight, total : numpy.ndarray of float64, shape (rows, longest)
        Probability and counts of each run; changed in place.
    oldest : numpy.ndarray of float64, shape (rows,)
        Mean length of the last run; changed in place.
    hazard, recent, shape, rate
        Parameters of the algorithm.

    Returns
    -------
    (numpy.ndarray of float64, numpy.ndarray of float64)
        Score and expected count of each cell.
    """
    n = weight.shape[1]
    score, expected = np.zeros(len(terms)), np.zeros(len(terms))
    # (b / (b + 1))^a of run i with s counts, cached for the few counts that most runs have
    chance = np.empty((n, _FEW))
    above = np.empty(n)
    for i in range(n):
        above[i] = rate + i + 1.0
        for s in range(_FEW):
            chance[i, s] = ((rate + i) / above[i]) ** (shape + s)
    plain = chance.min() > 1e-100 and above[n - 1] < 1e6 and rate > 1e-6
    likely = np.empty(n)
    for cell in range(len(terms)):
        row, k = terms[cell], counts[cell]
        w, sums = weight[row], total[row]
        for _ in range(min(gaps[cell], n)):
            _await(w, sums, oldest, row, hazard)
            _follow(w, sums, oldest, row, 0.0, chance, above, likely, shape, rate, plain)
        _await(w, sums, oldest, row, hazard)
        seen = usual = 0.0
        for i in range(recent, n):
            length = oldest[row] if i == n - 1 else float(i)
            seen += w[i]
            usual += w[i] * (shape + sums[i]) / (rate + length)
        if seen > 0:
            usual /= seen
        expected[cell] = usual
        _follow(w, sums, oldest, row, k, chance, above, likely, shape, rate, plain)
        if seen > 0 and k > usual:
            after = 0.0
            for i in range(recent, n):
                after += w[i]
            score[cell] = max(-np.log10(max(after, 1e-300)), 0.0)
    return score, expected


@njit(cache=True, nogil=True)
def _await(w: Any, sums: Any, oldest: Any, row: Any, hazard: Any) -> None:
    """Advance the run lengths by one bin: every run becomes one bin longer, and a new one begins."""
    n = len(w)
    known = 0.0
    for i in range(n):
        known += w[i]
    old, joins = w[n - 1] * (1 - hazard), w[n - 2] * (1 - hazard)
    both = old + joins
    part = old / both if both > 0 else 0.0
    oldest[row] = (n - 1.0) + part * (oldest[row] - (n - 1.0))
    sums[n - 1] = sums[n - 2] + part * (sums[n - 1] - sums[n - 2])
    w[n - 1] = both
    for i in range(n - 2, 0, -1):
        w[i] = w[i - 1] * (1 - hazard)
        sums[i] = sums[i - 1]
    w[0] = hazard if known > 0 else 1.0
    sums[0] = 0.0


@njit(cache=True, nogil=True)
def _follow(
    w: Any,
    sums: Any,
    oldest: Any,
    row: Any,
    k: Any,
    chance: Any,
    above: Any,
    likely: Any,
    shape: Any,
    rate: Any,
    plain: Any,
) -> None:
    """Multiply the weight of each run by the likelihood of a count, and add the count to the runs."""
    n = len(w)
    whole = 0.0
    if plain and k < 16 and k == int(k) and sums[n - 2] < _FEW:
        times = int(k)
        for i in range(n):
            likely[i] = 0.0
            if w[i] > 0:
                a, b = shape + sums[i], rate + oldest[row] + 1.0
                if i < n - 1:
                    b = above[i]
                    explained = chance[i, int(sums[i])]
                else:
                    explained = np.exp(a * np.log((b - 1.0) / b))
                for j in range(times):
                    explained *= (a + j) / b
                likely[i] = explained
                whole += w[i] * explained
        if whole > 1e-250:
            for i in range(n):
                w[i] *= likely[i]
    if not whole > 1e-250:
        best = -np.inf
        for i in range(n):
            if w[i] > 0:
                a, b = shape + sums[i], rate + (oldest[row] if i == n - 1 else float(i))
                log = math.lgamma(a + k) - math.lgamma(a) + a * np.log(b / (b + 1)) - k * np.log(b + 1)
                likely[i] = log
                best = max(best, log)
        whole = 0.0
        for i in range(n):
            if w[i] > 0:
                w[i] *= np.exp(likely[i] - best)  # the likeliest run becomes 1: no underflow
                whole += w[i]
    for i in range(n):
        w[i] /= whole
        sums[i] += k
    oldest[row] += 1.0
