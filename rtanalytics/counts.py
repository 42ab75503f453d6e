"""Events to counts: terms × bins, in the channels ``messages`` and ``authors``.

Each message is cut into tokens once and kept as a row of a log: its bin, author and tokens, in
flat arrays. Counts are read off the rows of a bin, so that bins of any width come out of one
log, distinct authors are counted as sets, and an edit or a delete simply changes which rows
count. Whatever arrives twice, late, or in another order, the numbers are those of the set of
events that are current.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import numpy as np
import numpy.typing as npt

from rtanalytics.event import Event
from rtanalytics.terms import Kind, Vocabulary, text_of

__all__ = ["CHANNELS", "BinCounts", "Cells", "Channel", "TermCounts"]

Channel = Literal["messages", "authors"]
CHANNELS: tuple[Channel, ...] = ("messages", "authors")

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_DELETED = np.iinfo(np.int64).min


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


@dataclass(frozen=True, slots=True)
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

    @property
    def places(self) -> Ints:
        """Place of each cell's bin in ``bin_numbers``."""
        return np.searchsorted(self.bin_numbers, self.bins)

    @property
    def starts(self) -> Ints:
        """Where each term's cells begin; ``len(self)`` ends it."""
        first = np.flatnonzero(np.diff(self.terms, prepend=-1))
        return np.append(first, len(self.terms))


class _Column:
    """A numpy array that grows at its end."""

    def __init__(self, dtype: npt.DTypeLike) -> None:
        self._data = np.empty(1024, dtype)
        self.size = 0

    def extend(self, values: npt.ArrayLike) -> None:
        new = np.asarray(values, self._data.dtype)
        if self.size + len(new) > len(self._data):
            grown = np.empty(max(2 * len(self._data), self.size + len(new)), self._data.dtype)
            grown[: self.size] = self._data[: self.size]
            self._data = grown
        self._data[self.size : self.size + len(new)] = new
        self.size += len(new)

    @property
    def values(self) -> npt.NDArray[np.int64]:
        return self._data[: self.size]


class TermCounts:
    """Counts of the terms of events.

    An event counts in the bin of its ``said_at``, once for each term, however often it says it.
    The same event (id and revision) given again changes nothing. Of the revisions of an id the
    one received last counts; after a delete none does, until an update that was received later
    brings the id back.

    Parameters
    ----------
    width : timedelta
        Width of a bin. Bins start at multiples of it, counted from 1970 in UTC, and do not
        contain their end.
    phrase_least : int
        A phrase of two or three words is a term of a bin if so many of its messages say it.
    vocabulary : Vocabulary, optional
        To share numbers with other counts.

    Attributes
    ----------
    vocabulary : Vocabulary
        Numbers of the terms.
    duplicates : int
        Events given that changed nothing.

    Examples
    --------
    >>> at = datetime(2026, 5, 15, 9, tzinfo=UTC)
    >>> counts = TermCounts(timedelta(minutes=15))
    >>> said = [Event(id=f"irc:x:{i}", source="irc", text="type hints!", created_at=at) for i in (1, 2, 2)]
    >>> changed = counts.add(said)
    >>> bin = counts.bin(counts.bin_of(at), "messages")
    >>> {counts.vocabulary.keys[t]: int(n) for t, n in zip(bin.terms, bin.counts)}
    {'type': 2, 'hints': 2, 'type hints': 2}
    """

    def __init__(
        self,
        width: timedelta = timedelta(minutes=15),
        *,
        phrase_least: int = 2,
        vocabulary: Vocabulary | None = None,
    ) -> None:
        if width <= timedelta(0):
            raise ValueError(f"a bin of width {width} holds nothing; give a positive width")
        self.width = width
        self.phrase_least = phrase_least
        self.vocabulary = Vocabulary() if vocabulary is None else vocabulary
        self.duplicates = 0
        self.ids: list[str] = []
        self._revs: list[str] = []
        self._current: dict[str, int] = {}
        self._rows_of: dict[int, set[int]] = {}
        self._authors: dict[str, int] = {}
        self._sources: dict[str, int] = {}
        self._bin = _Column(np.int64)
        self._received = _Column(np.int64)
        self._author = _Column(np.int32)
        self._source = _Column(np.int32)
        self._tokens = _Column(np.int32)
        self._offsets = _Column(np.int64)
        self._offsets.extend([0])
        self._cache: dict[tuple[int, Channel], BinCounts] = {}
        self._read_only = False

    # -- putting in ---------------------------------------------------------------------------

    def bin_of(self, moment: datetime) -> int:
        """Number of the bin that holds a moment."""
        return (moment - _EPOCH) // self.width

    def start_of(self, bin: int) -> datetime:
        """When a bin starts; the next one's start is its end."""
        return _EPOCH + bin * self.width

    def add(self, events: Iterable[Event]) -> set[int]:
        """Count events.

        Returns
        -------
        set of int
            The bins whose counts changed.
        """
        return self.apply(self.log(events))[0]

    def log(self, events: Iterable[Event]) -> range:
        """Write events into the log without letting them count yet.

        Returns
        -------
        range
            Their rows, for :meth:`apply`.

        Raises
        ------
        ValueError
            If these counts were made by :meth:`at`.
        """
        if self._read_only:
            raise ValueError("these counts are other counts in wider bins: add the events to those")
        events = list(events)
        first = len(self.ids)
        flat, offsets = self.vocabulary.encode(
            "" if event.op == "delete" else text_of(event) for event in events
        )
        self._offsets.extend(offsets[1:] + self._tokens.size)
        self._tokens.extend(flat)
        self.ids += [event.id for event in events]
        self._revs += [event.rev for event in events]
        self._bin.extend([_DELETED if e.op == "delete" else self.bin_of(e.said_at) for e in events])
        self._received.extend([(e.received_at - _EPOCH) // _MICROSECOND for e in events])
        self._author.extend([self._number(self._authors, _who(e)) for e in events])
        self._source.extend([self._number(self._sources, e.source) for e in events])
        return range(first, len(self.ids))

    def apply(self, rows: Iterable[int]) -> tuple[set[int], list[int]]:
        """Let logged rows count.

        Returns
        -------
        (set of int, list of int)
            The bins whose counts changed, and the rows that changed something.
        """
        touched: set[int] = set()
        changed: list[int] = []
        bins, received = self._bin.values, self._received.values
        for row in sorted(rows, key=lambda r: (received[r], self._revs[r])):
            before = self._current.get(self.ids[row])
            if before is not None:
                if self._revs[before] == self._revs[row] or (received[before], self._revs[before]) > (
                    received[row],
                    self._revs[row],
                ):
                    self.duplicates += 1
                    continue
                if bins[before] != _DELETED:
                    self._rows_of[int(bins[before])].discard(before)
                    touched.add(int(bins[before]))
            self._current[self.ids[row]] = row
            changed.append(row)
            if bins[row] != _DELETED:
                self._rows_of.setdefault(int(bins[row]), set()).add(row)
                touched.add(int(bins[row]))
        for bin in touched:
            for channel in CHANNELS:
                self._cache.pop((bin, channel), None)
            if not self._rows_of[bin]:
                del self._rows_of[bin]
        return touched, changed

    @staticmethod
    def _number(table: dict[str, int], name: str) -> int:
        return table.setdefault(name, len(table))

    # -- reading out --------------------------------------------------------------------------

    @property
    def bins(self) -> list[int]:
        """The bins in which anything was said, ascending."""
        return sorted(self._rows_of)

    @property
    def messages(self) -> int:
        """Messages that count."""
        return sum(map(len, self._rows_of.values()))

    def rows(self, bin: int) -> Ints:
        """Rows that count in a bin, by the id of their event."""
        rows = sorted(self._rows_of.get(bin, ()), key=self.ids.__getitem__)
        return np.array(rows, np.int64)

    def logged_bin(self, row: int) -> int | None:
        """The bin in which a row counts, or would count; None for a delete."""
        bin = int(self._bin.values[row])
        return None if bin == _DELETED else bin

    def authors(self, rows: Ints) -> Ints:
        """Number of the author of each row."""
        return self._author.values[rows].astype(np.int64)

    def sources(self, rows: Ints) -> dict[str, int]:
        """How many of the rows came from each source."""
        names = list(self._sources)
        numbers, n = np.unique(self._source.values[rows], return_counts=True)
        return {names[int(i)]: int(c) for i, c in zip(numbers, n, strict=True)}

    def occurrences(self, rows: Ints) -> tuple[Ints, Ints]:
        """Which row says which term, each pair once.

        Phrases are told only if ``phrase_least`` of *these* rows say them.

        Returns
        -------
        (numpy.ndarray, numpy.ndarray), shape (n,) each
            Places in ``rows``, and terms; ordered by place and then term.
        """
        place, surface = self._surfaces(rows)
        vocabulary = self.vocabulary
        if not len(surface):
            return place, place
        term = np.where(surface < 0, -1, vocabulary.term_of[surface]).astype(np.int64)
        alone = (surface >= 0) & vocabulary.counts_alone[surface]
        places, terms = [place[alone]], [term[alone]]
        edge = (surface >= 0) & vocabulary.may_edge[surface]
        inner = (surface >= 0) & ~np.isin(vocabulary.kinds[surface], (Kind.TAG, Kind.HANDLE, Kind.EMOJI))
        pair = term[:-1] << 32 | term[1:]
        for n, code in ((2, pair), (3, np.unique(pair[:-1], return_inverse=True)[1] << 32 | term[2:])):
            last = slice(n - 1, None)
            good = edge[: len(code)] & edge[last] & (place[: len(code)] == place[last])
            if n == 3:
                good &= inner[1:-1]
            first = np.flatnonzero(good)
            _, example, which = np.unique(code[first], return_index=True, return_inverse=True)
            said = np.unique(which << 32 | place[first])  # a message counts once for a phrase
            which, where = said >> 32, said & 0xFFFFFFFF
            kept = np.bincount(which, minlength=len(example)) >= self.phrase_least
            number = np.full(len(kept), -1, np.int64)
            number[kept] = [
                vocabulary.phrase([int(t) for t in term[i : i + n]]) for i in first[example[kept]].tolist()
            ]
            number = number[which]
            places.append(where[number >= 0])
            terms.append(number[number >= 0])
        pairs = np.unique(np.concatenate(places) << 32 | np.concatenate(terms))
        return pairs >> 32, pairs & 0xFFFFFFFF

    def _surfaces(self, rows: Ints) -> tuple[Ints, Ints]:
        """Place and surface of each token of the rows."""
        offsets = self._offsets.values
        lengths = offsets[rows + 1] - offsets[rows]
        place = np.repeat(np.arange(len(rows)), lengths)
        shift = np.repeat(offsets[rows] - np.concatenate([[0], np.cumsum(lengths)[:-1]]), lengths)
        return place, self._tokens.values[np.arange(len(place)) + shift].astype(np.int64)

    def written(self, rows: Ints) -> tuple[Ints, Ints]:
        """Surfaces that the rows use, and how many tokens use each."""
        surface = self._surfaces(rows)[1]
        surfaces, n = np.unique(surface[surface >= 0], return_counts=True)
        return surfaces, n.astype(np.int64)

    def bin(self, bin: int, channel: Channel = "messages") -> BinCounts:
        """The counts of one bin."""
        if (cached := self._cache.get((bin, channel))) is not None:
            return cached
        rows = self.rows(bin)
        place, term = self.occurrences(rows)
        author = self.authors(rows)
        by_author = np.unique(term << 32 | author[place]) >> 32
        self._cache[bin, "messages"] = self._tally(bin, term, len(rows))
        self._cache[bin, "authors"] = self._tally(bin, by_author, len(np.unique(author)))
        return self._cache[bin, channel]

    def _tally(self, bin: int, said: Ints, total: int) -> BinCounts:
        terms, n = np.unique(said, return_counts=True)
        return BinCounts(bin, terms, n.astype(np.float64), float(total), self.width)

    def cells(self, channel: Channel = "messages") -> Cells:
        """All bins at once."""
        every = [self.bin(b, channel) for b in self.bins]
        if not every:
            none = np.empty(0, np.int64)
            return Cells(none, none, np.empty(0), none, np.empty(0), self.width)
        terms = np.concatenate([b.terms for b in every])
        bins = np.repeat([b.bin for b in every], [len(b.terms) for b in every])
        order = np.lexsort((bins, terms))
        return Cells(
            terms[order],
            bins[order],
            np.concatenate([b.counts for b in every])[order],
            np.array([b.bin for b in every], np.int64),
            np.array([b.total for b in every]),
            self.width,
        )

    def at(self, width: timedelta) -> TermCounts:
        """The same events in bins of another width, a multiple of this one; to read only.

        Raises
        ------
        ValueError
            If it is no multiple.
        """
        times, rest = divmod(width, self.width)
        if rest or times < 1:
            raise ValueError(f"{width} is not a multiple of {self.width}; bins can only be merged")
        other = TermCounts(width, phrase_least=self.phrase_least, vocabulary=self.vocabulary)
        for name in ("ids", "_revs", "_current", "_authors", "_sources", "_received", "_author", "_source"):
            setattr(other, name, getattr(self, name))
        other._tokens, other._offsets = self._tokens, self._offsets
        other._bin.extend(np.where(self._bin.values == _DELETED, _DELETED, self._bin.values // times))
        for bin, rows in self._rows_of.items():
            other._rows_of.setdefault(bin // times, set()).update(rows)
        other._read_only = True
        return other


def _who(event: Event) -> str:
    """Whose voice it is: the author within the source's namespace, or the event alone."""
    if event.author is None:
        return event.id
    return f"{event.bucket}:{(event.author.id or event.author.handle).casefold()}"
