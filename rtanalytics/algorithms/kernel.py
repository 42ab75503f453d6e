"""The compiled part of scoring."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

__all__ = ["window"]


@njit(cache=True, nogil=True)
def window(starts: Any, bins: Any, width: Any) -> Any:
    """For each cell, the first cell of its term that lies at most ``width`` bins before it.

    Parameters
    ----------
    starts : numpy.ndarray of int64
        Where the cells of each term begin.
    bins : numpy.ndarray of int64, shape (n,)
        Bin of each cell, ascending within a term.
    width : int
        How far back to look.

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
