"""Results of counting: the counts of one bin, of all bins, and the messages behind them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from rtanalytics.settings import Channel

__all__ = ["CHANNELS", "BinCounts", "BinMessages", "Cells", "Channel", "Floats", "Ints", "place_of"]

CHANNELS: tuple[Channel, ...] = get_args(Channel)

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def place_of(channel: str) -> int:
    """Return the index of a channel in :data:`CHANNELS`.

    Raises
    ------
    ValueError
        If there is no such channel; the message lists the channels.
    """
    try:
        return CHANNELS.index(channel)
    except ValueError:
        raise ValueError(f"unknown channel {channel!r} (channels: {', '.join(CHANNELS)})") from None


@dataclass(frozen=True, slots=True)
class BinCounts:
    """Counts of one bin in one channel.

    Parameters
    ----------
    bin : int
        Number of the bin: its start divided by its width, counted from 1970.
    terms : numpy.ndarray of int64, shape (n,)
        Terms of the bin, ascending.
    counts : numpy.ndarray of float64, shape (n,)
        Messages, or distinct authors, of each term.
    total : float
        Messages, or distinct authors, of the bin.
    width : timedelta
        Width of the bin.
    """

    bin: int
    terms: Ints
    counts: Floats
    total: float
    width: timedelta


@dataclass(frozen=True)
class Cells:
    """Counts of one channel as a sparse terms × bins matrix, ordered by term and then bin.

    Parameters
    ----------
    terms, bins : numpy.ndarray of int64, shape (n,)
        Term and bin of each cell.
    counts : numpy.ndarray of float64, shape (n,)
        Count of each cell.
    bin_numbers : numpy.ndarray of int64, shape (b,)
        Bins that have messages, ascending.
    totals : numpy.ndarray of float64, shape (b,)
        Messages, or distinct authors, of each of them.
    width : timedelta
        Width of a bin.
    """

    terms: Ints
    bins: Ints
    counts: Floats
    bin_numbers: Ints
    totals: Floats
    width: timedelta

    def __len__(self) -> int:
        return len(self.terms)

    @cached_property
    def places(self) -> Ints:
        """Index of each cell's bin in ``bin_numbers``."""
        return np.searchsorted(self.bin_numbers, self.bins)

    @cached_property
    def starts(self) -> Ints:
        """First cell of each term, and ``len(self)`` at the end."""
        first = np.flatnonzero(np.diff(self.terms, prepend=-1))
        return np.append(first, len(self.terms))

    @cached_property
    def before(self) -> Floats:
        """Cumulative sum of the counts before each cell, and the total at the end."""
        return np.concatenate([[0.0], np.cumsum(self.counts)])

    @cached_property
    def first(self) -> Ints:
        """Index of the first cell of each cell's term."""
        return np.repeat(self.starts[:-1], np.diff(self.starts))

    @cached_property
    def totals_before(self) -> Floats:
        """Cumulative sum of the totals before each bin, and the total at the end."""
        return np.concatenate([[0.0], np.cumsum(self.totals)])

    @cached_property
    def rounds(self) -> tuple[Ints, list[int], tuple[npt.NDArray[Any], ...]]:
        """The first cells of all terms, then their second ones, and so on.

        Places of the cells, longest terms first, so that each round is as long as the part of the
        round before that continues; the end of each round; and in that order each cell's count, bin,
        total of the bin, bins since the first bin, bins since its term last occurred, sum of all
        totals before the bin, and the part of that sum since its term last occurred.
        """
        lengths = np.diff(self.starts)
        rank = np.empty(len(lengths), np.int64)
        rank[np.argsort(-lengths, kind="stable")] = np.arange(len(lengths))
        number = np.arange(len(self)) - self.first
        order = np.lexsort((np.repeat(rank, lengths), number))
        ends = np.cumsum(np.bincount(number)).tolist()
        last = np.maximum(np.arange(len(self)) - 1, 0)
        age = self.bins - (self.bin_numbers[0] if len(self) else 0)
        gap = np.where(number == 0, age, self.bins - self.bins[last] - 1)
        history = self.totals_before[self.places]
        since = np.where(number == 0, 0.0, self.totals_before[self.places[last] + 1])
        columns = (self.counts, self.bins, self.totals[self.places], age, gap, history, history - since)
        return order, ends, tuple(column[order] for column in columns)


@dataclass(frozen=True, slots=True)
class BinMessages:
    """Messages of a bin, term by term.

    Parameters
    ----------
    rows : numpy.ndarray of int64, shape (m,)
        Rows of the bin's messages in the log, in the order of their times.
    originals : numpy.ndarray of bool, shape (m,)
        Whether each is not a copy of an earlier one.
    terms : numpy.ndarray of int64, shape (n,)
        Terms of the bin, ascending.
    counts : numpy.ndarray of int32, shape (3, n)
        Count of each term in each of :data:`CHANNELS`.
    totals : tuple of int
        Total of each channel.
    """

    rows: Ints
    originals: npt.NDArray[np.bool_]
    terms: Ints
    counts: npt.NDArray[np.int32]
    totals: tuple[int, ...]
    _starts: Ints
    _ends: Ints
    _messages: npt.NDArray[np.int32]

    def places(self, i: int) -> npt.NDArray[np.int32]:
        """Return the indices in ``rows`` of the messages that contain the ``i``-th term, ascending."""
        return self._messages[self._starts[i] : self._ends[i]]

    def spread(self, terms: Ints) -> tuple[Ints, Ints]:
        """Return the messages of several terms at once.

        Parameters
        ----------
        terms : numpy.ndarray of int64, shape (q,)
            Terms to look up; those that do not occur in the bin have no messages.

        Returns
        -------
        which, places : numpy.ndarray of int64, shape (m,)
            For each pair of term and message: the place of the term in ``terms`` and that of the
            message in ``rows``; ordered by term, then by message.
        """
        if not len(self.terms):
            return np.empty(0, np.int64), np.empty(0, np.int64)
        at = np.minimum(np.searchsorted(self.terms, terms), len(self.terms) - 1)
        lengths = np.where(self.terms[at] == terms, self._ends[at] - self._starts[at], 0)
        which = np.repeat(np.arange(len(terms)), lengths)
        first = np.repeat(self._starts[at] - np.cumsum(lengths) + lengths, lengths)
        return which, self._messages[first + np.arange(len(which))].astype(np.int64)
