"""Which rows of the log count, and in which bin."""

from __future__ import annotations

from abc import ABC, abstractmethod
from array import array
from collections.abc import Iterable
from datetime import timedelta

import numpy as np
import numpy.typing as npt

from rtanalytics.counts.cells import Ints
from rtanalytics.counts.log import MICROSECOND, Column, Log
from rtanalytics.counts.past import Horizon
from rtanalytics.terms import Vocabulary

__all__ = ["Ledger"]


class Ledger(ABC):
    """Rows by bin: each id once, in its current revision, unless deleted, muted or folded away.

    Parameters
    ----------
    width : timedelta
        Width of a bin.
    vocabulary : Vocabulary
        Gives the numbers of terms.
    horizon : timedelta, optional
        How far back bins are kept.
    """

    def __init__(self, width: timedelta, vocabulary: Vocabulary, horizon: timedelta | None) -> None:
        if width <= timedelta(0):
            raise ValueError(f"a bin of width {width} holds nothing; give a positive width")
        self.width = width
        self.vocabulary = vocabulary
        self.duplicates = 0
        self._log = Log(vocabulary)
        self._current: dict[str, int] = {}
        self._rows_of: dict[int, array[int]] = {}
        self._horizon = None if horizon is None else Horizon(horizon, width)
        self._applied = Column(np.bool_)

    @abstractmethod
    def _counted(self, bin: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], tuple[int, ...]]:
        """Terms of a bin, their counts in each channel, and its totals."""

    @abstractmethod
    def _forget(self, bin: int) -> None:
        """Keep no counts of a bin that is no longer what it was."""

    def apply(self, rows: Iterable[int]) -> tuple[set[int], list[int]]:
        """Let logged rows count.

        Returns
        -------
        (set of int, list of int)
            The bins whose counts changed, and the rows that changed something.
        """
        if isinstance(rows, range):
            where, ids = (
                np.arange(rows.start, rows.stop, dtype=np.int64),
                self._log.ids[rows.start : rows.stop],
            )
        else:
            where = np.fromiter(rows, np.int64)
            ids = [self._log.ids[row] for row in where.tolist()]
        touched: set[int] = set()
        edges = None
        if self._horizon is not None:
            where, ids, edges = self._within(where, ids, self._horizon)
        if len(set(ids)) < len(ids) or not self._current.keys().isdisjoint(ids):
            where = self._settle(where, ids, touched, edges)
        else:
            self._current.update(zip(ids, where.tolist(), strict=True))
        places = self._log.at(where)
        counted = where[self._log.alive.values[places]]
        bins = self._bins(counted)
        order = np.argsort(bins, kind="stable")
        counted, bins = counted[order], bins[order]
        starts = np.flatnonzero(np.diff(bins, prepend=bins[:1] - 1))
        for start, end in zip(starts.tolist(), [*starts[1:].tolist(), len(bins)], strict=False):
            bin = int(bins[start])
            if (there := self._rows_of.get(bin)) is None:
                there = self._rows_of[bin] = array("q")
            there.frombytes(counted[start:end].tobytes())
            touched.add(bin)
        self._changed(touched)
        if self._horizon is not None:
            self._fold(self._horizon)
            touched = {bin for bin in touched if bin >= self._horizon.folded}
        return touched, where.tolist()

    def _within(self, rows: Ints, ids: list[str], horizon: Horizon) -> tuple[Ints, list[str], Ints]:
        """The rows that are not too old when they come, and the oldest bin by then."""
        places = self._log.at(rows)
        self._applied.values[places] = True
        bins = self._bins(rows)
        edges = horizon.edges(bins)
        known = bins >= edges
        if known.all():
            return rows, ids, edges
        self._log.alive.values[places[~known]] = False
        horizon.too_old += int((~known).sum())
        return rows[known], [id for id, k in zip(ids, known.tolist(), strict=True) if k], edges[known]

    def _fold(self, horizon: Horizon) -> None:
        """Add the bins beyond the horizon to the past and forget their messages."""
        edge = horizon.edge
        if edge == horizon.folded:
            return
        horizon.folded = edge
        for bin in sorted(b for b in self._rows_of if b < edge):
            terms, counts, totals = self._counted(bin)
            horizon.past.add([self.vocabulary.keys[t] for t in terms.tolist()], counts, totals)
            self._forget(bin)
            del self._rows_of[bin]
        log = self._log
        kept = (log.said.values // (self.width // MICROSECOND) >= edge) | ~self._applied.values
        n = int(kept.argmax()) if kept.any() else len(kept)
        if n < max(1024, len(kept) // 4):
            return  # what is dropped is copied away from: not for a few rows
        base = log.base
        for row, id in enumerate(log.ids[base : base + n], base):
            if self._current.get(id) == row:
                del self._current[id]
        log.drop(base + n)
        self._applied.drop(n)

    def _settle(self, rows: Ints, ids: list[str], touched: set[int], edges: Ints | None) -> Ints:
        """Tell what is new from what is known already; gives the rows that change something."""
        log, changed = self._log, []
        alive, received, base = log.alive.values, log.received.values, log.base
        for i, (row, id) in enumerate(zip(rows.tolist(), ids, strict=True)):
            before = self._current.setdefault(id, row)
            if before != row and edges is not None and self._bins(np.array([before]))[0] < edges[i]:
                self._current[id] = before = row  # what was known of it is folded
            if before != row:
                new, old = row - base, before - base
                if log.revs[before] == log.revs[row]:
                    received[old] = max(received[old], received[new])
                    newer = False
                else:
                    newer = (received[new], log.revs[row]) > (received[old], log.revs[before])
                if not newer:
                    self.duplicates += 1
                    alive[new] = False
                    continue
                if alive[old]:
                    alive[old] = False
                    touched.add(int(self._bins(np.array([before]))[0]))
                self._current[id] = row
            changed.append(row)
        return np.array(changed, np.int64)

    def _changed(self, bins: Iterable[int]) -> None:
        for bin in bins:
            self._forget(bin)
            if bin in self._rows_of and not self._alive(bin).size:
                del self._rows_of[bin]

    def _bins(self, rows: Ints) -> Ints:
        bins: Ints = self._log.said.values[self._log.at(rows)] // (self.width // MICROSECOND)
        return bins

    def _alive(self, bin: int) -> Ints:
        rows: Ints = np.array(self._rows_of.get(bin, ()), np.int64)
        alive: Ints = rows[self._log.alive.values[self._log.at(rows)]]
        return alive
