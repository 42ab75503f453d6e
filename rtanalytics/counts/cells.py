"""What counting gives: a bin's counts, all bins' cells, and who says what."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt

__all__ = ["CHANNELS", "BinCounts", "BinMessages", "Cells", "Channel", "Floats", "Ints", "place_of"]

Channel = Literal["messages", "authors", "deduped"]
CHANNELS: tuple[Channel, ...] = ("messages", "authors", "deduped")

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def place_of(channel: str) -> int:
    """Place of a channel in :data:`CHANNELS`.

    Raises
    ------
    ValueError
        If there is no such channel; the message names those there are.
    """
    try:
        return CHANNELS.index(channel)
    except ValueError:
        raise ValueError(f"no channel {channel!r}; there are {', '.join(CHANNELS)}") from None


@dataclass(frozen=True, slots=True)
class BinCounts:
    """What was said in one bin.

    Parameters
    ----------
    bin : int
        Number of the bin: its start divided by its width, counted from 1970.
    terms : numpy.ndarray of int64, shape (n,)
        Terms said in the bin, ascending.
    counts : numpy.ndarray of float64, shape (n,)
        How many messages, or authors, said each.
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
    """Terms × bins of one channel, only what is not zero, ordered by term and then bin.

    Parameters
    ----------
    terms, bins : numpy.ndarray of int64, shape (n,)
        Term and bin of each cell.
    counts : numpy.ndarray of float64, shape (n,)
        Its count.
    bin_numbers : numpy.ndarray of int64, shape (b,)
        The bins in which anything was said at all, ascending.
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
        """Place of each cell's bin in ``bin_numbers``."""
        return np.searchsorted(self.bin_numbers, self.bins)

    @cached_property
    def starts(self) -> Ints:
        """Where each term's cells begin; ``len(self)`` ends it."""
        first = np.flatnonzero(np.diff(self.terms, prepend=-1))
        return np.append(first, len(self.terms))

    @cached_property
    def before(self) -> Floats:
        """Sum of the counts of all cells before each, and at the end of all."""
        return np.concatenate([[0.0], np.cumsum(self.counts)])

    @cached_property
    def first(self) -> Ints:
        """Place of the first cell of each cell's term."""
        return np.repeat(self.starts[:-1], np.diff(self.starts))

    @cached_property
    def totals_before(self) -> Floats:
        """Sum of the totals of all bins before each, and at the end of all."""
        return np.concatenate([[0.0], np.cumsum(self.totals)])


@dataclass(frozen=True, slots=True)
class BinMessages:
    """Who says what in a bin, term by term.

    Parameters
    ----------
    rows : numpy.ndarray of int64, shape (m,)
        Rows of the bin's messages in the log, in the order of their times.
    originals : numpy.ndarray of bool, shape (m,)
        Which of them are no copies of earlier ones.
    terms : numpy.ndarray of int64, shape (n,)
        Terms said in the bin, ascending.
    counts : numpy.ndarray of int32, shape (3, n)
        How often, in each of :data:`CHANNELS`.
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
        """Places in ``rows`` of the messages that say the ``i``-th term, ascending."""
        return self._messages[self._starts[i] : self._ends[i]]

    def spread(self, terms: Ints) -> tuple[Ints, Ints]:
        """The messages of several terms at once.

        Parameters
        ----------
        terms : numpy.ndarray of int64, shape (q,)
            Terms to look for; those that the bin does not say have no messages.

        Returns
        -------
        which, places : numpy.ndarray of int64, shape (m,)
            Of each message, the place in ``terms`` of what it says and its own place in ``rows``;
            by term, then by message.
        """
        if not len(self.terms):
            return np.empty(0, np.int64), np.empty(0, np.int64)
        at = np.minimum(np.searchsorted(self.terms, terms), len(self.terms) - 1)
        lengths = np.where(self.terms[at] == terms, self._ends[at] - self._starts[at], 0)
        which = np.repeat(np.arange(len(terms)), lengths)
        first = np.repeat(self._starts[at] - np.cumsum(lengths) + lengths, lengths)
        return which, self._messages[first + np.arange(len(which))].astype(np.int64)
