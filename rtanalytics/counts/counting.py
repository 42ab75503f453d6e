"""Counts of terms in bins, computed from the log of messages."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from rtanalytics.counts.bin_index import BinIndex
from rtanalytics.counts.cells import BinCounts, BinMessages, Cells, Channel, Ints, place_of
from rtanalytics.counts.log import EPOCH, MICROSECOND, Log, Texts
from rtanalytics.event import Event
from rtanalytics.terms import Kind, Vocabulary

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["TermCounts"]

_CROWDED = 50_000
"""Number of surfaces from which unused ones are looked for."""


class TermCounts:
    """Counts of the terms of events.

    An event counts in the bin of its ``created_at``, once for each term, however often it contains it.
    The same event (id and revision) added again changes nothing. Of the revisions of an id only the
    one received last counts; if that is a delete, none does.

    Parameters
    ----------
    width : timedelta
        Width of a bin. Bins start at multiples of it, counted from 1970 in UTC, and do not
        contain their end.
    phrase_min_count : int
        Messages of a bin that must contain a phrase of two or three words for it to be a term.
    phrase_min_npmi : float
        Minimum normalised pointwise mutual information of a phrase's words in the bin: 0 for words
        that occur together by chance, 1 for words that only occur together (Bouma 2009).
    copy_similarity : float
        Jaccard similarity of word pairs from which a message is a copy of an earlier one.
    copy_min_words : int
        Messages of fewer words are never copies, because different people write the same short message.
    vocabulary : Vocabulary, optional
        A vocabulary to share with other counts, so that terms have the same numbers.
    horizon : timedelta, optional
        Bounds the memory for endless streams: bins that are older than the newest by more than this
        are dropped with their messages, and events that arrive for them do not count. Within the
        horizon the counts are exact. :meth:`add` then calls :meth:`renumber` whenever the
        vocabulary has doubled.

    Attributes
    ----------
    vocabulary : Vocabulary
        Numbers of the terms.

    Examples
    --------
    >>> from datetime import UTC
    >>> at = datetime(2026, 5, 15, 9, tzinfo=UTC)
    >>> counts = TermCounts(timedelta(minutes=15))
    >>> events = [Event(id=f"irc:x:{i}", source="irc", text="type hints!", created_at=at) for i in (1, 2, 2)]
    >>> changed = counts.add(events)
    >>> bin = counts.bin(counts.bin_of(at), "messages")
    >>> {counts.vocabulary.keys[t]: int(n) for t, n in zip(bin.terms, bin.counts)}
    {'type': 2, 'hints': 2, 'type hints': 2}
    """

    def __init__(
        self,
        width: timedelta = timedelta(minutes=15),
        *,
        phrase_min_count: int = 2,
        phrase_min_npmi: float = 0.2,
        copy_similarity: float = 0.6,
        copy_min_words: int = 5,
        vocabulary: Vocabulary | None = None,
        horizon: timedelta | None = None,
    ) -> None:
        self.width = width
        self.vocabulary = Vocabulary() if vocabulary is None else vocabulary
        self.phrase_min_count = phrase_min_count
        self.phrase_min_npmi = phrase_min_npmi
        self.copy_similarity = copy_similarity
        self.copy_min_words = copy_min_words
        self._log = Log(self.vocabulary)
        self._index = BinIndex(width, self._log, horizon)
        self._bounded = horizon is not None
        self._scratch = np.full((3, 1024), -1, np.int64)
        self._stamp = 0
        self._cache: dict[int, tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], tuple[int, ...]]] = {}
        self._last: tuple[int, BinMessages] | None = None
        self._crowded = _CROWDED

    @property
    def duplicates(self) -> int:
        """Number of events that were added and changed nothing."""
        return self._index.duplicates

    @property
    def too_old(self) -> int:
        """Number of events that were not counted, because their bin was already beyond the horizon."""
        return self._index.too_old

    @property
    def ids(self) -> Texts:
        """Event id of each row of the log."""
        return self._log.ids

    # -- adding -------------------------------------------------------------------------------

    def bin_of(self, moment: datetime) -> int:
        """Return the number of the bin that contains a moment."""
        return (moment - EPOCH) // self.width

    def start_of(self, bin: int) -> datetime:
        """Return the start of a bin; the start of the next one is its end."""
        return EPOCH + bin * self.width

    def add(self, events: Iterable[Event] | pa.Table) -> set[int]:
        """Count events, or the rows of a table with an archive's columns.

        A table is several times faster, because no event objects are created.

        Returns
        -------
        set of int
            Bins whose counts changed.

        Raises
        ------
        ValueError
            If a table has no column ``id``, ``source`` or ``created_at``.
        """
        changed, _ = self.apply(self.log(events))
        if self._bounded and len(self.vocabulary.surfaces) > self._crowded:
            self.renumber()
            self._crowded = max(_CROWDED, 2 * len(self.vocabulary.surfaces))
        return changed

    def log(self, events: Iterable[Event] | pa.Table) -> range:
        """Write events to the log; they do not count before :meth:`apply` is called for them.

        Returns
        -------
        range
            Their rows.

        Raises
        ------
        ValueError
            If a table has no column ``id``, ``source`` or ``created_at``.
        """
        if hasattr(events, "column_names"):
            return self._log.table(events)
        return self._log.events(list(events))

    def apply(self, rows: Iterable[int]) -> tuple[set[int], list[int]]:
        """Make logged rows count, and return what has changed.

        Returns
        -------
        (set of int, list of int)
            Bins whose counts changed, and the rows that changed something.
        """
        changed, dropped, new_rows = self._index.apply(rows)
        self._invalidate(changed | dropped)
        return changed, new_rows

    def renumber(self) -> None:
        """Drop the words and people that no message of the log contains any more, to free memory.

        Terms and authors get new numbers; counts, rows and keys stay the same.
        """
        self._log.renumber()
        self.vocabulary = self._log.vocabulary
        self._scratch, self._stamp = np.full((3, 1024), -1, np.int64), 0
        self._cache.clear()
        self._last = None

    def mute(self, handles: Iterable[str]) -> set[int]:
        """Stop counting the messages of these authors, past and future.

        Returns
        -------
        set of int
            Bins whose counts changed.
        """
        folded = {handle.casefold() for handle in handles}
        self._log.muted |= folded
        rows = self._log.of_handles(folded)
        self._log.alive.values[self._log.at(rows)] = False
        bins = set(self._index.bins(rows).tolist()) & set(self._index.rows_of)
        self._index.drop_empty(bins)
        self._invalidate(bins)
        return bins

    # -- reading ------------------------------------------------------------------------------

    @property
    def bins(self) -> list[int]:
        """Bins that have messages, ascending."""
        return sorted(self._index.rows_of)

    def rows(self, bin: int) -> Ints:
        """Return the rows that are counted in a bin, in the order of their times."""
        return self._log.in_order(self._index.alive(bin))

    def in_order(self, rows: Ints) -> Ints:
        """Return rows in the order of their times, whatever the order in which they were logged."""
        return self._log.in_order(rows)

    def known_in(self, rows: Ints, grace: timedelta, step: timedelta) -> Ints:
        """Return the step in which each row counts for trends: its own, or a later one if it arrived late.

        Parameters
        ----------
        rows : numpy.ndarray of int64
            Rows of the log.
        grace : timedelta
            How long after its end a step stays open.
        step : timedelta
            Length of a step; steps are numbered as bins of this width are.
        """
        at, width = self._log.at(rows), step // MICROSECOND
        posted, received = self._log.posted.values[at], self._log.received.values[at]
        known: Ints = np.maximum(posted, received - grace // MICROSECOND) // width
        return known

    def elsewhere(self, rows: list[int], bin: int) -> int:
        """Return how many of the rows are counted in a bin other than ``bin``."""
        where = np.array(rows, np.int64)
        return int((self._log.alive.values[self._log.at(where)] & (self._index.bins(where) != bin)).sum())

    def authors(self, rows: Ints) -> Ints:
        """Return the author of each row, as a number."""
        authors: Ints = self._log.author.values[self._log.at(rows)].astype(np.int64)
        return authors

    def people(self, rows: Ints) -> int:
        """Return how many known authors wrote these rows; rows without an author are left out."""
        at = self._log.at(rows)
        return len(np.unique(self._log.author.values[at][self._log.named.values[at]]))

    def sources(self, rows: Ints) -> dict[str, int]:
        """Return how many of the rows came from each source."""
        names = list(self._log.sources)
        numbers, n = np.unique(self._log.source.values[self._log.at(rows)], return_counts=True)
        return {names[int(i)]: int(c) for i, c in zip(numbers, n, strict=True)}

    def profiles(self, rows: Ints) -> list[tuple[str, str]]:
        """Return the distinct handles and display names of the authors of these rows, if they have both."""
        numbers = np.unique(self._log.profile.values[self._log.at(rows)])
        return [self._log.profiles[number] for number in numbers[numbers >= 0].tolist()]

    def near_handles(self, rows: Ints, before: int, after: int) -> tuple[Ints, Ints, Ints]:
        """Return the tokens around each ``@handle`` of these rows.

        Parameters
        ----------
        rows : numpy.ndarray of int64
            Rows of the log.
        before, after : int
            Number of tokens.

        Returns
        -------
        authors : numpy.ndarray of int64, shape (n,)
            Author of the row of each handle.
        surfaces : numpy.ndarray of int64, shape (n,)
            Surface of each handle.
        context : numpy.ndarray of int64, shape (n, before + after)
            Surfaces before and after it; −1 where something other than white space stands between two
            tokens, −2 beyond the row.
        """
        row, places = self._tokens_of(rows)
        log = self._log
        at, tokens = log.at(rows), log.tokens.values
        found = tokens[places]
        is_handle = np.zeros(len(found), np.bool_)
        known = found >= 0
        is_handle[known] = self.vocabulary.kinds[found[known]] == Kind.HANDLE
        row, places = row[is_handle], places[is_handle]
        around = places[:, None] + np.array([*range(-before, 0), *range(1, after + 1)])
        starts, ends = log.offsets.values[at], log.offsets.values[at + 1]
        inside = (around >= starts[row, None]) & (around < ends[row, None])
        context = np.where(inside, tokens[np.where(inside, around, 0)], -2)
        return log.author.values[at][row].astype(np.int64), tokens[places].astype(np.int64), context

    def terms_in(self, rows: Ints) -> list[list[int]]:
        """Return the terms of the tokens of each row, in order; phrases are left out."""
        row, terms = self.terms_of(rows)
        ends = np.cumsum(np.bincount(row, minlength=len(rows))).tolist()
        return [terms[start:end].tolist() for start, end in pairwise([0, *ends])]

    def terms_of(self, rows: Ints) -> tuple[Ints, Ints]:
        """Return the index in ``rows`` and the term of each token of these rows; phrases are left out."""
        row, places = self._tokens_of(rows)
        tokens = self._log.tokens.values[places]
        is_token = tokens >= 0
        return row[is_token], self.vocabulary.term_of[tokens[is_token]]

    def tokens_in(self, rows: Ints) -> list[list[int]]:
        """Return the surfaces of each row, in order; −1 where more than white space stands between two."""
        row, places = self._tokens_of(rows)
        tokens = self._log.tokens.values[places]
        ends = np.cumsum(np.bincount(row, minlength=len(rows))).tolist()
        return [tokens[start:end].tolist() for start, end in pairwise([0, *ends])]

    def _tokens_of(self, rows: Ints) -> tuple[Ints, Ints]:
        """Return the index in ``rows`` and the place in the log of each token of these rows."""
        offsets, at = self._log.offsets.values, self._log.at(rows)
        starts = offsets[at]
        lengths = offsets[at + 1] - starts
        row = np.repeat(np.arange(len(rows)), lengths)
        return row, np.arange(len(row)) + np.repeat(starts - np.cumsum(lengths) + lengths, lengths)

    def surface_uses(self, rows: Ints) -> tuple[Ints, Ints, Ints]:
        """Count the spellings that rows use.

        Parameters
        ----------
        rows : numpy.ndarray of int64
            Rows of the log.

        Returns
        -------
        surfaces, used, inside : numpy.ndarray of int64, shape (n,)
            The surfaces (spellings), how many tokens use each, and how many of those tokens follow another
            one with only white space between, so that a capital letter does not begin a sentence.
        """
        from rtanalytics.counts import kernel

        log = self._log
        uses: tuple[Ints, Ints, Ints] = kernel.surface_uses(
            log.at(rows), log.offsets.values, log.tokens.values, len(self.vocabulary.surfaces)
        )
        return uses

    def of_kind(self, rows: Ints, kind: int) -> Ints:
        """Return the number of tokens of a kind, such as ``Kind.TAG``, in each row."""
        from rtanalytics.counts import kernel

        log, kinds = self._log, self.vocabulary.kinds
        found: Ints = kernel.of_kind(log.at(rows), log.offsets.values, log.tokens.values, kinds, int(kind))
        return found

    def bin_messages(self, bin: int) -> BinMessages:
        """Return the messages of a bin term by term, including the phrases that are terms in it."""
        if self._last is not None and self._last[0] == bin:
            return self._last[1]
        result = self.messages_of(self.rows(bin))
        self._last = bin, result
        self._cache[bin] = result.terms.astype(np.int32), result.counts, result.totals
        return result

    def is_counted(self, id: str) -> bool:
        """Return True if an event counts: it was added, and not deleted, muted or dropped since."""
        return self._index.is_counted(id)

    def rows_since(self, moment: datetime, bin: int) -> Ints:
        """Return the rows of a bin and of the bin before it that were posted from a moment on, in order."""
        rows = np.concatenate([self._index.alive(bin - 1), self._index.alive(bin)])
        posted = self._log.posted.values[self._log.at(rows)]
        return self._log.in_order(rows[posted >= (moment - EPOCH) // MICROSECOND])

    def messages_of(self, rows: Ints) -> BinMessages:
        """Return messages term by term, including the phrases that are terms in them.

        Parameters
        ----------
        rows : numpy.ndarray of int64
            Rows of the messages in the log, in the order of their times.
        """
        from rtanalytics.counts import kernel
        from rtanalytics.counts.near_duplicates import copies

        log, vocabulary = self._log, self.vocabulary
        at = log.at(rows)
        texts = at, log.offsets.values, log.tokens.values
        words = vocabulary.term_of, vocabulary.uses_by_language, log.language.values
        self._reserve()
        seen, frequency, local = self._scratch
        places, terms = kernel.words(*texts, *words, seen, self._stamp, frequency)
        self._stamp += len(rows)
        owners, which, phrases = kernel.phrases(
            *texts, *words, frequency, self.phrase_min_count, self.phrase_min_npmi
        )
        if len(which):
            numbers = vocabulary.phrases(phrases)
            self._reserve()
            local = self._scratch[2]
            places, terms = np.concatenate([places, owners]), np.concatenate([terms, numbers[which]])
        if vocabulary.both:
            pairs = np.unique(places.astype(np.int64) << 32 | terms)
            places, terms = (pairs >> 32).astype(np.int32), (pairs & 0xFFFFFFFF).astype(np.int32)
        people, authors = np.unique(log.author.values[at], return_inverse=True)
        first = copies(*texts, vocabulary.hashes, vocabulary.uses, self.copy_similarity, self.copy_min_words)
        originals = first == np.arange(len(rows))
        terms, starts, messages, *counts = kernel.tally(places, terms, local, authors, originals, len(people))
        order = np.argsort(terms)
        return BinMessages(
            rows,
            originals,
            terms[order].astype(np.int64),
            np.stack(counts)[:, order],
            (len(rows), len(people), int((np.bincount(authors[originals], minlength=1) > 0).sum())),
            starts[:-1][order],
            starts[1:][order],
            messages,
        )

    def _reserve(self) -> None:
        """Grow the scratch arrays to the number of terms."""
        if len(self.vocabulary) > self._scratch.shape[1]:
            self._scratch = np.full((3, 2 * len(self.vocabulary)), -1, np.int64)

    def bin(self, bin: int, channel: Channel = "messages") -> BinCounts:
        """Return the counts of one bin in one channel."""
        which = place_of(channel)
        if bin not in self._cache:
            self.bin_messages(bin)
        terms, counts, totals = self._cache[bin]
        return self._in_channel(bin, terms, counts[which], totals[which])

    def counts_of(self, messages: BinMessages, bin: int, channel: Channel = "messages") -> BinCounts:
        """Return the counts of messages in one channel, as if they were those of a bin."""
        which = place_of(channel)
        return self._in_channel(bin, messages.terms, messages.counts[which], messages.totals[which])

    def _in_channel(self, bin: int, terms: npt.NDArray[Any], counts: Ints, total: int) -> BinCounts:
        present = counts > 0
        return BinCounts(
            bin,
            terms[present].astype(np.int64),
            counts[present].astype(np.float64),
            float(total),
            self.width,
        )

    def _invalidate(self, bins: Iterable[int]) -> None:
        """Drop the cached counts of bins that changed."""
        for bin in bins:
            self._cache.pop(bin, None)
            if self._last is not None and self._last[0] == bin:
                self._last = None

    def cells(self, channel: Channel = "messages") -> Cells:
        """Return the counts of all bins in one channel."""
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
