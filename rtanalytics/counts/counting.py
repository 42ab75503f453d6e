"""Counting terms in bins, read off the log."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rtanalytics.counts.bin_index import Ledger
from rtanalytics.counts.cells import BinCounts, BinMessages, Cells, Channel, Ints, place_of
from rtanalytics.counts.log import EPOCH, MICROSECOND, Texts
from rtanalytics.counts.past import Past
from rtanalytics.event import Event
from rtanalytics.terms import Kind, Vocabulary

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["TermCounts"]

_CROWDED = 50_000
"""Surfaces from which those that are said no more are looked for."""


class TermCounts(Ledger):
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
    phrase_bound : float
        And if it is more than its parts: by the normalised pointwise mutual information of its
        words in the bin, which is 0 for words that meet by chance and 1 for words that are
        only said together (Bouma 2009).
    alike : float
        Jaccard similarity of word pairs from which a message is a copy of an earlier one.
    copy_least : int
        Messages of fewer words are never copies: people do say the same.
    vocabulary : Vocabulary, optional
        To share numbers with other counts.
    horizon : timedelta, optional
        For streams without end: bins older than the newest by more than this are folded into
        :attr:`past`, their messages forgotten. What is that old when it comes counts no more;
        within the horizon the counts are those that all events together would have. :meth:`add`
        then calls :meth:`renumber` whenever the vocabulary has doubled.

    Attributes
    ----------
    vocabulary : Vocabulary
        Numbers of the terms.
    duplicates : int
        Events given that changed nothing.

    Examples
    --------
    >>> from datetime import UTC
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
        phrase_bound: float = 0.2,
        alike: float = 0.6,
        copy_least: int = 5,
        vocabulary: Vocabulary | None = None,
        horizon: timedelta | None = None,
    ) -> None:
        super().__init__(width, Vocabulary() if vocabulary is None else vocabulary, horizon)
        self.phrase_least = phrase_least
        self.phrase_bound = phrase_bound
        self.alike = alike
        self.copy_least = copy_least
        self._scratch = np.full((3, 1024), -1, np.int64)
        self._stamp = 0
        self._cache: dict[int, tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], tuple[int, ...]]] = {}
        self._last: tuple[int, BinMessages] | None = None
        self._read_only = False
        self._crowded = _CROWDED

    @property
    def past(self) -> Past | None:
        """Sums over the bins beyond the horizon; None if there is no horizon."""
        return None if self._horizon is None else self._horizon.past

    @property
    def too_old(self) -> int:
        """Events that came when their bin was folded already, and did not count."""
        return 0 if self._horizon is None else self._horizon.too_old

    @property
    def ids(self) -> Texts:
        """Event id of each row of the log."""
        return self._log.ids

    # -- putting in ---------------------------------------------------------------------------

    def bin_of(self, moment: datetime) -> int:
        """Number of the bin that holds a moment."""
        return (moment - EPOCH) // self.width

    def start_of(self, bin: int) -> datetime:
        """When a bin starts; the next one's start is its end."""
        return EPOCH + bin * self.width

    def add(self, events: Iterable[Event] | pa.Table) -> set[int]:
        """Count events, or the rows of a table with an archive's columns.

        A table is counted without making an event of each row, which is several times faster.

        Returns
        -------
        set of int
            The bins whose counts changed.

        Raises
        ------
        ValueError
            As :meth:`log`.
        """
        touched = self.apply(self.log(events))[0]
        if self._horizon is not None and len(self.vocabulary.surfaces) > self._crowded:
            self.renumber()
            self._crowded = max(_CROWDED, 2 * len(self.vocabulary.surfaces))
        return touched

    def log(self, events: Iterable[Event] | pa.Table) -> range:
        """Write events into the log without letting them count yet.

        Returns
        -------
        range
            Their rows, for :meth:`apply`.

        Raises
        ------
        ValueError
            If these counts were made by :meth:`at`, or a table has no ``id``, ``source`` or
            ``created_at``.
        """
        if self._read_only:
            raise ValueError("these counts are other counts in wider bins: add the events to those")
        table = hasattr(events, "column_names")
        rows = self._log.table(events) if table else self._log.events(list(events))
        if self._horizon is not None:
            self._applied.extend(np.zeros(len(rows), np.bool_))
        return rows

    def renumber(self) -> None:
        """Forget the words, and the people, that no message of the log says any more.

        On a stream without end a vocabulary would grow for ever. Numbers of terms and authors that
        were given before mean something else afterwards; counts, rows and keys stay what they are.
        """
        self._log.renumber()
        self.vocabulary = self._log.vocabulary
        self._scratch, self._stamp = np.full((3, 1024), -1, np.int64), 0
        self._cache.clear()
        self._last = None

    def mute(self, handles: Iterable[str]) -> set[int]:
        """Let what these authors said, and will say, count no more.

        Returns
        -------
        set of int
            The bins whose counts changed.
        """
        folded = {handle.casefold() for handle in handles}
        self._log.muted |= folded
        rows = self._log.of_handles(folded)
        self._log.alive.values[self._log.at(rows)] = False
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
        return self._log.in_order(self._alive(bin))

    def known_in(self, rows: Ints, grace: timedelta) -> Ints:
        """The bin at whose close each row is known: its own, unless it was received too late.

        Parameters
        ----------
        rows : numpy.ndarray of int64
            Rows of the log.
        grace : timedelta
            How long after its end a bin stays open.
        """
        width = self.width // MICROSECOND
        known = (self._log.received.values[self._log.at(rows)] - grace // MICROSECOND) // width
        later: Ints = np.maximum(known, self._bins(rows))
        return later

    def elsewhere(self, rows: list[int], bin: int) -> int:
        """How many of the rows count in another bin."""
        where = np.array(rows, np.int64)
        return int((self._log.alive.values[self._log.at(where)] & (self._bins(where) != bin)).sum())

    def authors(self, rows: Ints) -> Ints:
        """Number of the author of each row."""
        authors: Ints = self._log.author.values[self._log.at(rows)].astype(np.int64)
        return authors

    def people(self, rows: Ints) -> int:
        """How many people wrote these rows, as far as it is known; what has no author is nobody's."""
        at = self._log.at(rows)
        return len(np.unique(self._log.author.values[at][self._log.named.values[at]]))

    def sources(self, rows: Ints) -> dict[str, int]:
        """How many of the rows came from each source."""
        names = list(self._log.sources)
        numbers, n = np.unique(self._log.source.values[self._log.at(rows)], return_counts=True)
        return {names[int(i)]: int(c) for i, c in zip(numbers, n, strict=True)}

    def written(self, rows: Ints) -> tuple[Ints, Ints, Ints]:
        """How the rows are written.

        Parameters
        ----------
        rows : numpy.ndarray of int64
            Rows of the log.

        Returns
        -------
        surfaces, used, inside : numpy.ndarray of int64, shape (n,)
            The surfaces used, how many tokens use each, and how many of those only white space
            parts from the token before: a capital there is not that of a sentence's first word.
        """
        from rtanalytics.counts import kernel

        log = self._log
        found: tuple[Ints, Ints, Ints] = kernel.written(
            log.at(rows), log.offsets.values, log.tokens.values, len(self.vocabulary.surfaces)
        )
        return found

    def tags(self, rows: Ints) -> Ints:
        """How many ``#tags`` each row holds."""
        from rtanalytics.counts import kernel

        log, kinds = self._log, self.vocabulary.kinds
        found: Ints = kernel.of_kind(
            log.at(rows), log.offsets.values, log.tokens.values, kinds, int(Kind.TAG)
        )
        return found

    def said(self, bin: int) -> BinMessages:
        """Who says what in a bin; phrases only if enough say them, and if they are more than their parts."""
        from rtanalytics.counts import kernel
        from rtanalytics.counts.near_duplicates import copies

        if self._last is not None and self._last[0] == bin:
            return self._last[1]
        rows, log, vocabulary = self.rows(bin), self._log, self.vocabulary
        at = log.at(rows)
        texts = at, log.offsets.values, log.tokens.values
        words = vocabulary.term_of, vocabulary.uses_by_language, log.language.values
        self._reserve()
        seen, often, local = self._scratch
        places, terms = kernel.words(*texts, *words, seen, self._stamp, often)
        self._stamp += len(rows)
        owners, which, found = kernel.phrases(*texts, *words, often, self.phrase_least, self.phrase_bound)
        if len(which):
            numbers = vocabulary.phrases(found)
            self._reserve()
            local = self._scratch[2]
            places, terms = np.concatenate([places, owners]), np.concatenate([terms, numbers[which]])
        if vocabulary.both:
            pairs = np.unique(places.astype(np.int64) << 32 | terms)
            places, terms = (pairs >> 32).astype(np.int32), (pairs & 0xFFFFFFFF).astype(np.int32)
        people, authors = np.unique(log.author.values[at], return_inverse=True)
        first = copies(*texts, vocabulary.hashes, vocabulary.uses, self.alike, self.copy_least)
        originals = first == np.arange(len(rows))
        terms, starts, messages, *counts = kernel.tally(places, terms, local, authors, originals, len(people))
        order = np.argsort(terms)
        said = BinMessages(
            rows,
            originals,
            terms[order].astype(np.int64),
            np.stack(counts)[:, order],
            (len(rows), len(people), int((np.bincount(authors[originals], minlength=1) > 0).sum())),
            starts[:-1][order],
            starts[1:][order],
            messages,
        )
        self._last = bin, said
        self._cache[bin] = said.terms.astype(np.int32), said.counts, said.totals
        return said

    def _reserve(self) -> None:
        """Keep the scratch arrays as long as there are terms."""
        if len(self.vocabulary) > self._scratch.shape[1]:
            self._scratch = np.full((3, 2 * len(self.vocabulary)), -1, np.int64)

    def bin(self, bin: int, channel: Channel = "messages") -> BinCounts:
        """The counts of one bin in one channel."""
        which = place_of(channel)
        terms, counts, totals = self._counted(bin)
        here = counts[which] > 0
        return BinCounts(
            bin,
            terms[here].astype(np.int64),
            counts[which][here].astype(np.float64),
            float(totals[which]),
            self.width,
        )

    def _counted(self, bin: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], tuple[int, ...]]:
        if bin not in self._cache:
            self.said(bin)
        return self._cache[bin]

    def _forget(self, bin: int) -> None:
        self._cache.pop(bin, None)
        if self._last is not None and self._last[0] == bin:
            self._last = None

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
