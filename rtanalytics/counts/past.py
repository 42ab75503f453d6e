"""What lies beyond the horizon of an endless stream: sums in sketches, no single bins."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import numpy.typing as npt

from rtanalytics.counts.cells import CHANNELS, Channel, Ints, place_of
from rtanalytics.counts.sketches import CountMin, Frequent

__all__ = ["Horizon", "Past"]


class Past:
    """Sums over all bins that were folded away, in a fixed amount of memory.

    An author counts once in each bin, as there; over several bins authors are added up.

    Parameters
    ----------
    error, doubt : float
        Of the estimates, see :class:`~rtanalytics.counts.sketches.CountMin`.
    size : int
        How many terms are known by name, see :class:`~rtanalytics.counts.sketches.Frequent`.

    Attributes
    ----------
    bins : int
        How many bins were folded.
    """

    def __init__(self, error: float = 1e-4, doubt: float = 0.01, size: int = 10_000) -> None:
        self.bins = 0
        self._sums = tuple(CountMin(error, doubt) for _ in CHANNELS)
        self._named = tuple(Frequent(size) for _ in CHANNELS)
        self._totals = [0] * len(CHANNELS)

    def add(self, keys: Sequence[str], counts: npt.NDArray[np.int32], totals: tuple[int, ...]) -> None:
        """Add a bin.

        Parameters
        ----------
        keys : sequence of str, length n
            Keys of the terms said in it.
        counts : numpy.ndarray of int32, shape (3, n)
            How often, in each channel.
        totals : tuple of int
            Total of each channel.
        """
        self.bins += 1
        for place, total in enumerate(totals):
            self._sums[place].add(keys, counts[place])
            self._named[place].add(keys, counts[place])
            self._totals[place] += total

    def count(self, key: str, channel: Channel = "messages") -> int:
        """How often a term was said: never too low, and at most :meth:`error` too high."""
        return self._sums[place_of(channel)].count(key)

    def error(self, channel: Channel = "messages") -> float:
        """By how much at most :meth:`count` is too high, but for a share ``doubt`` of the terms."""
        sums = self._sums[place_of(channel)]
        return sums.error * sums.total

    def top(self, n: int, channel: Channel = "messages") -> list[tuple[str, int]]:
        """The terms said most, and how often at least."""
        return self._named[place_of(channel)].top(n)

    def total(self, channel: Channel = "messages") -> int:
        """Sum of the bins' totals."""
        return self._totals[place_of(channel)]


class Horizon:
    """How far back bins are kept, seen from the newest bin of which anything is known.

    Parameters
    ----------
    reach : timedelta
        Bins that ended longer ago are folded.
    width : timedelta
        Width of a bin.

    Raises
    ------
    ValueError
        If it is less than one bin.
    """

    def __init__(self, reach: timedelta, width: timedelta) -> None:
        self.bins = reach // width
        if self.bins < 1:
            raise ValueError(f"a horizon of {reach} keeps no bin of {width}; give at least one bin's width")
        self.newest = self.folded = -1 << 62
        self.past = Past()
        self.too_old = 0

    def edges(self, bins: Ints) -> Ints:
        """For each of the rows that come in this order, given their bins, the oldest bin kept by then."""
        if not len(bins):
            return bins
        newest: Ints = np.maximum(np.maximum.accumulate(bins), self.newest)
        self.newest = int(newest[-1])
        return newest - self.bins

    @property
    def edge(self) -> int:
        """The oldest bin that is kept."""
        return self.newest - self.bins
