"""Events to counts: terms × bins, in three channels.

``messages``
    how many messages of the bin say the term;
``authors``
    how many different people wrote them;
``deduped``
    how many different people, copies left out: of messages of one bin that are equal, or equal
    but for a share, as retweets and pasted advertisements are, only the first one counts.

Each message is cut into tokens once and kept as a row of a log: its time, author and tokens, in
flat arrays. Counts are read off the rows of a bin, so that bins of any width come out of one
log, distinct authors are counted as sets, and an edit, a delete or a mute simply changes which
rows count. Whatever arrives twice, late, or in another order, the numbers are those of the set
of events that are current.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Literal
from zlib import crc32

import numpy as np
import numpy.typing as npt

from rtanalytics.event import FUTURE_TOLERANCE, Event
from rtanalytics.terms import Vocabulary, text_of

__all__ = ["CHANNELS", "BinCounts", "Cells", "Channel", "Said", "TermCounts"]

Channel = Literal["messages", "authors", "deduped"]
CHANNELS: tuple[Channel, ...] = ("messages", "authors", "deduped")

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_FUTURE = FUTURE_TOLERANCE // _MICROSECOND


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
class Said:
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
    def values(self) -> npt.NDArray[Any]:
        return self._data[: self.size]


class TermCounts:
    """Counts of the terms of events.

    An event counts in the bin of its ``said_at``, once for each term, however often it says it.
    The same event (id and revision) given again changes nothing. Of the revisions of an id the
    one received last counts; if that is a delete, none does.

    Parameters
    ----------
    width : timedelta
        Width of a bin. Bins start at multiples of it, counted from 1970 in UTC, and do not
        contain their end.
    phrase_least : int
        A phrase of two or three words is a term of a bin if so many of its messages say it.
    alike : float
        Jaccard similarity of word pairs from which a message is a copy of an earlier one.
    copy_least : int
        Messages of fewer words are never copies: people do say the same.
    vocabulary : Vocabulary, optional
        To share numbers with other counts.

    Attributes
    ----------
    vocabulary : Vocabulary
        Numbers of the terms.
    ids : list of str
        Event id of each row of the log.
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
        alike: float = 0.6,
        copy_least: int = 5,
        vocabulary: Vocabulary | None = None,
    ) -> None:
        if width <= timedelta(0):
            raise ValueError(f"a bin of width {width} holds nothing; give a positive width")
        self.width = width
        self.phrase_least = phrase_least
        self.alike = alike
        self.copy_least = copy_least
        self.vocabulary = Vocabulary() if vocabulary is None else vocabulary
        self.duplicates = 0
        self.ids: list[str] = []
        self._revs: list[str] = []
        self._current: dict[str, int] = {}
        self._rows_of: dict[int, array[int]] = {}
        self._authors: dict[tuple[str, str], int] = {}
        self._handles: dict[str, set[int]] = {}
        self._muted: set[str] = set()
        self._sources: dict[str, int] = {}
        self._counts = _Column(np.bool_)
        self._said = _Column(np.int64)
        self._received = _Column(np.int64)
        self._tie = _Column(np.uint32)
        self._author = _Column(np.int32)
        self._source = _Column(np.int32)
        self._tokens = _Column(np.int32)
        self._offsets = _Column(np.int64)
        self._offsets.extend([0])
        self._seen = np.full(1024, -1, np.int64)
        self._local = np.full(1024, -1, np.int32)
        self._stamp = 0
        self._cache: dict[int, tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], tuple[int, ...]]] = {}
        self._last: tuple[int, Said] | None = None
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
            ["" if event.op == "delete" else text_of(event) for event in events]
        )
        self._offsets.extend(offsets[1:] + self._tokens.size)
        self._tokens.extend(flat)
        ids = [event.id for event in events]
        self.ids += ids
        self._revs += [event.rev for event in events]
        said = np.array([(e.created_at - _EPOCH) // _MICROSECOND for e in events], np.int64)
        received = np.array(
            [
                (e.received_at - _EPOCH) // _MICROSECOND if e.received_at is not e.created_at else at
                for e, at in zip(events, said.tolist(), strict=True)
            ],
            np.int64,
        )
        self._said.extend(np.where(said - received > _FUTURE, received, said))
        self._received.extend(received)
        muted = self._muted
        self._counts.extend(
            [e.op != "delete" and not (muted and e.handle.casefold() in muted) for e in events]
        )
        self._tie.extend([crc32(id.encode()) for id in ids])
        self._author.extend([self._author_of(event) for event in events])
        sources = self._sources
        self._source.extend([sources.setdefault(e.source, len(sources)) for e in events])
        return range(first, len(self.ids))

    def _author_of(self, event: Event) -> int:
        """Whose voice it is: the author within the id's namespace, or the event alone."""
        author, id = event.author, event.id
        key = (id[: id.index(":")], (author.id or author.handle) if author is not None else id)
        number = self._authors.get(key)
        if number is None:
            folded = (key[0], key[1].casefold())
            number = self._authors.setdefault(folded, len(self._authors))
            self._authors[key] = number
            self._handles.setdefault(event.handle.casefold(), set()).add(number)
        return number

    def apply(self, rows: Iterable[int]) -> tuple[set[int], list[int]]:
        """Let logged rows count.

        Returns
        -------
        (set of int, list of int)
            The bins whose counts changed, and the rows that changed something.
        """
        rows = list(rows)
        touched: set[int] = set()
        changed: list[int] = []
        counts, received = self._counts.values, self._received.values
        bins = self._bins(np.array(rows, np.int64)).tolist()
        for row, bin in zip(rows, bins, strict=True):
            before = self._current.setdefault(self.ids[row], row)
            if before != row:
                if self._revs[before] == self._revs[row]:
                    received[before] = max(received[before], received[row])
                    newer = False
                else:
                    newer = (received[row], self._revs[row]) > (received[before], self._revs[before])
                if not newer:
                    self.duplicates += 1
                    counts[row] = False
                    continue
                if counts[before]:
                    counts[before] = False
                    touched.add(int(self._bins(np.array([before]))[0]))
                self._current[self.ids[row]] = row
            changed.append(row)
            if counts[row]:
                if (there := self._rows_of.get(bin)) is None:
                    there = self._rows_of[bin] = array("q")
                there.append(row)
                touched.add(bin)
        self._changed(touched)
        return touched, changed

    def _changed(self, bins: set[int]) -> None:
        for bin in bins:
            self._cache.pop(bin, None)
            if self._last is not None and self._last[0] == bin:
                self._last = None
            if bin in self._rows_of and not self.rows(bin).size:
                del self._rows_of[bin]

    def _bins(self, rows: Ints) -> Ints:
        bins: Ints = self._said.values[rows] // (self.width // _MICROSECOND)
        return bins

    def mute(self, handles: Iterable[str]) -> set[int]:
        """Let what these authors said, and will say, count no more.

        Returns
        -------
        set of int
            The bins whose counts changed.
        """
        folded = {handle.casefold() for handle in handles}
        self._muted |= folded
        authors = [number for handle in folded for number in self._handles.get(handle, ())]
        rows = np.flatnonzero(np.isin(self._author.values, authors) & self._counts.values)
        self._counts.values[rows] = False
        bins = set(self._bins(rows).tolist()) & set(self._rows_of)
        self._changed(bins)
        return bins

    # -- reading out --------------------------------------------------------------------------

    @property
    def bins(self) -> list[int]:
        """The bins in which anything was said, ascending."""
        return sorted(self._rows_of)

    def rows(self, bin: int) -> Ints:
        """Rows that count in a bin, in the order of their times."""
        rows = np.array(self._rows_of.get(bin, ()), np.int64)
        rows = rows[self._counts.values[rows]]
        order: Ints = rows[np.lexsort((self._tie.values[rows], self._said.values[rows]))]
        return order

    def known_in(self, rows: Ints, grace: timedelta) -> Ints:
        """The bin at whose close each row is known: its own, unless it was received too late.

        Parameters
        ----------
        rows : numpy.ndarray of int64
            Rows of the log.
        grace : timedelta
            How long after its end a bin stays open.
        """
        width = self.width // _MICROSECOND
        known = (self._received.values[rows] - grace // _MICROSECOND) // width
        later: Ints = np.maximum(known, self._bins(rows))
        return later

    def elsewhere(self, rows: list[int], bin: int) -> int:
        """How many of the rows count in another bin."""
        where = np.array(rows, np.int64)
        return int((self._counts.values[where] & (self._bins(where) != bin)).sum())

    def authors(self, rows: Ints) -> Ints:
        """Number of the author of each row."""
        return self._author.values[rows].astype(np.int64)

    def sources(self, rows: Ints) -> dict[str, int]:
        """How many of the rows came from each source."""
        names = list(self._sources)
        numbers, n = np.unique(self._source.values[rows], return_counts=True)
        return {names[int(i)]: int(c) for i, c in zip(numbers, n, strict=True)}

    def said(self, bin: int) -> Said:
        """Who says what in a bin; phrases only if ``phrase_least`` of its messages say them."""
        from rtanalytics.counts import kernel

        if self._last is not None and self._last[0] == bin:
            return self._last[1]
        rows = self.rows(bin)
        vocabulary, offsets, tokens = self.vocabulary, self._offsets.values, self._tokens.values
        term_of, uses = vocabulary.term_of, vocabulary.uses
        self._reserve()
        places, terms = kernel.words(rows, offsets, tokens, term_of, uses, self._seen, self._stamp)
        self._stamp += len(rows)
        owners, which, found = kernel.phrases(rows, offsets, tokens, term_of, uses, self.phrase_least)
        numbers = vocabulary.phrases(found)
        self._reserve()
        places, terms = np.concatenate([places, owners]), np.concatenate([terms, numbers[which]])
        if vocabulary.both:
            pairs = np.unique(places.astype(np.int64) << 32 | terms)
            places, terms = (pairs >> 32).astype(np.int32), (pairs & 0xFFFFFFFF).astype(np.int32)
        _, authors = np.unique(self._author.values[rows], return_inverse=True)
        first = kernel.copies(rows, offsets, tokens, vocabulary.hashes, uses, self.alike, self.copy_least)
        originals = first == np.arange(len(rows))
        terms, starts, messages, *counts = kernel.tally(places, terms, self._local, authors, originals)
        order = np.argsort(terms)
        totals = len(rows), len(np.unique(authors)), len(np.unique(authors[originals]))
        said = Said(
            rows,
            originals,
            terms[order].astype(np.int64),
            np.stack(counts)[:, order],
            totals,
            starts[:-1][order],
            starts[1:][order],
            messages,
        )
        self._last = bin, said
        self._cache[bin] = said.terms.astype(np.int32), said.counts, totals
        return said

    def _reserve(self) -> None:
        """Keep the scratch arrays as long as there are terms."""
        if len(self.vocabulary) > len(self._seen):
            size = 2 * len(self.vocabulary)
            self._seen = np.full(size, -1, np.int64)
            self._local = np.full(size, -1, np.int32)

    def written(self, rows: Ints) -> Ints:
        """How many tokens of the rows use each surface, up to the last that is used."""
        offsets = self._offsets.values
        lengths = offsets[rows + 1] - offsets[rows]
        shift = np.repeat(offsets[rows] - np.concatenate([[0], np.cumsum(lengths)[:-1]]), lengths)
        surface = self._tokens.values[np.arange(len(shift)) + shift]
        used: Ints = np.bincount(surface[surface >= 0])
        return used

    def bin(self, bin: int, channel: Channel = "messages") -> BinCounts:
        """The counts of one bin in one channel."""
        which = _place_of(channel)
        if bin not in self._cache:
            self.said(bin)
        terms, counts, totals = self._cache[bin]
        here = counts[which] > 0
        return BinCounts(
            bin,
            terms[here].astype(np.int64),
            counts[which][here].astype(np.float64),
            float(totals[which]),
            self.width,
        )

    def cells(self, channel: Channel = "messages") -> Cells:
        """All bins at once."""
        every = [self.bin(b, channel) for b in self.bins]
        if not every:
            none = np.empty(0, np.int64)
            return Cells(none, none, np.empty(0), none, np.empty(0), self.width)
        terms = np.concatenate([b.terms for b in every])
        bins = np.repeat([b.bin for b in every], [len(b.terms) for b in every])
        order = np.argsort(terms, kind="stable")
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
        other = TermCounts.__new__(TermCounts)
        vars(other).update(vars(self))
        other.width = width
        other._rows_of, other._cache, other._last = {}, {}, None
        for bin, rows in self._rows_of.items():
            other._rows_of.setdefault(bin // times, array("q")).extend(rows)
        other._read_only = True
        return other


def _place_of(channel: str) -> int:
    try:
        return CHANNELS.index(channel)
    except ValueError:
        raise ValueError(f"no channel {channel!r}; there are {', '.join(CHANNELS)}") from None
