"""Index of the log: which rows count, and in which bin."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from datetime import timedelta
from typing import NamedTuple

import numpy as np

from rtanalytics.counts.cells import Ints
from rtanalytics.counts.log import MICROSECOND, Column, Log

__all__ = ["Applied", "BinIndex"]


class Applied(NamedTuple):
    """Effect of :meth:`BinIndex.apply`.

    Parameters
    ----------
    changed : set of int
        Bins whose rows changed.
    dropped : set of int
        Bins that are now beyond the horizon and were forgotten.
    rows : list of int
        Rows that changed something.
    """

    changed: set[int]
    dropped: set[int]
    rows: list[int]


class BinIndex:
    """Rows by bin: one row per event id, its current revision, without deleted, muted and too old events.

    Parameters
    ----------
    width : timedelta
        Width of a bin.
    log : Log
        Messages of which the index keeps row numbers.
    horizon : timedelta, optional
        Bins that are older than the newest by more than this are dropped, and their messages with
        them. All are kept if not given.

    Attributes
    ----------
    rows_of : dict of int to array
        Rows of each bin. Rows that no longer count are left in it; see :meth:`alive`.
    duplicates : int
        Rows that changed nothing.
    too_old : int
        Rows whose bin had been dropped when they arrived.

    Raises
    ------
    ValueError
        If the width is not positive, or the horizon is less than one bin.
    """

    def __init__(self, width: timedelta, log: Log, horizon: timedelta | None = None) -> None:
        if width <= timedelta(0):
            raise ValueError(f"the width of a bin must be positive, not {width}")
        if horizon is not None and horizon < width:
            raise ValueError(f"the horizon ({horizon}) must be at least one bin ({width})")
        self.rows_of: dict[int, array[int]] = {}
        self.duplicates = self.too_old = 0
        self._width = width // MICROSECOND
        self._log = log
        self._reach = None if horizon is None else horizon // width
        self._newest = self._oldest = _EVER
        self._current: dict[str, int] = {}
        self._applied = Column(np.bool_)

    def __len__(self) -> int:
        return len(self._current)

    def apply(self, rows: Iterable[int]) -> Applied:
        """Count logged rows in their bins, and return which bins have changed."""
        where = np.fromiter(rows, np.int64)
        ids = self._log.ids.take(where)
        changed: set[int] = set()
        edges = None
        if self._reach is not None:
            where, ids, edges = self._within(where, ids, self._reach)
        if len(set(ids)) < len(ids) or not self._current.keys().isdisjoint(ids):
            where = self._settle(where, ids, changed, edges)
        else:
            self._current.update(zip(ids, where.tolist(), strict=True))
        counted = where[self._log.alive.values[self._log.at(where)]]
        bins = self.bins(counted)
        order = np.argsort(bins, kind="stable")
        counted, bins = counted[order], bins[order]
        starts = np.flatnonzero(np.diff(bins, prepend=bins[:1] - 1))
        for start, end in zip(starts.tolist(), [*starts[1:].tolist(), len(bins)], strict=False):
            bin = int(bins[start])
            self.rows_of.setdefault(bin, array("q")).frombytes(counted[start:end].tobytes())
            changed.add(bin)
        self.drop_empty(changed)
        dropped = set() if self._reach is None else self._drop(self._newest - self._reach)
        return Applied({bin for bin in changed if bin >= self._oldest}, dropped, where.tolist())

    def bins(self, rows: Ints) -> Ints:
        """Return the bin of each row."""
        bins: Ints = self._log.posted.values[self._log.at(rows)] // self._width
        return bins

    def alive(self, bin: int) -> Ints:
        """Return the rows of a bin that count."""
        rows: Ints = np.array(self.rows_of.get(bin, ()), np.int64)
        alive: Ints = rows[self._log.alive.values[self._log.at(rows)]]
        return alive

    def is_counted(self, id: str) -> bool:
        """Return True if the current revision of an event counts."""
        row = self._current.get(id)
        return row is not None and bool(self._log.alive.values[row - self._log.base])

    def drop_empty(self, bins: Iterable[int]) -> None:
        """Drop those of the given bins that have no counted row left."""
        for bin in bins:
            if bin in self.rows_of and not self.alive(bin).size:
                del self.rows_of[bin]

    def _within(self, rows: Ints, ids: list[str], reach: int) -> tuple[Ints, list[str], Ints]:
        """Return the rows that arrive within the horizon, with the oldest bin kept at that time."""
        places = self._log.at(rows)
        self._applied.extend(np.zeros(len(self._log) - self._log.base - self._applied.size, np.bool_))
        self._applied.values[places] = True
        if not len(rows):
            return rows, ids, rows
        bins = self.bins(rows)
        newest: Ints = np.maximum(np.maximum.accumulate(bins), self._newest)
        self._newest = int(newest[-1])
        edges = newest - reach
        kept = bins >= edges
        self._log.alive.values[places[~kept]] = False
        self.too_old += int((~kept).sum())
        return rows[kept], [id for id, keep in zip(ids, kept.tolist(), strict=True) if keep], edges[kept]

    def _drop(self, oldest: int) -> set[int]:
        """Drop the bins before ``oldest``; drop their messages when they are a quarter of the log or more."""
        if oldest == self._oldest:
            return set()
        self._oldest = oldest
        dropped = {bin for bin in self.rows_of if bin < oldest}
        for bin in dropped:
            del self.rows_of[bin]
        log = self._log
        applied = np.zeros(len(log) - log.base, np.bool_)
        applied[: self._applied.size] = self._applied.values
        kept = (log.posted.values // self._width >= oldest) | ~applied
        n = int(kept.argmax()) if kept.any() else len(kept)
        if n >= max(1024, len(kept) // 4):
            base = log.base
            for row, id in enumerate(log.ids[base : base + n], base):
                if self._current.get(id) == row:
                    del self._current[id]
            log.drop(base + n)
            self._applied.drop(n)
        return dropped

    def _settle(self, rows: Ints, ids: list[str], changed: set[int], edges: Ints | None) -> Ints:
        """Replace earlier revisions and skip duplicates; return the rows that change something."""
        log, new_rows = self._log, []
        alive, received, base = log.alive.values, log.received.values, log.base
        for i, (row, id) in enumerate(zip(rows.tolist(), ids, strict=True)):
            before = self._current.setdefault(id, row)
            if before != row and edges is not None and self.bins(np.array([before]))[0] < edges[i]:
                self._current[id] = before = row  # the earlier revision is beyond the horizon
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
                    changed.add(int(self.bins(np.array([before]))[0]))
                self._current[id] = row
            new_rows.append(row)
        return np.array(new_rows, np.int64)


_EVER = -1 << 62
"""Before every bin."""
