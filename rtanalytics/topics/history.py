"""Statistics of the bins so far, including the state of the algorithm."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rtanalytics.algorithms.checkpoints import Checkpoints
from rtanalytics.algorithms.own_tags import is_excluded
from rtanalytics.counts import BinCounts, BinMessages, Floats, Ints, TermCounts
from rtanalytics.settings import Settings
from rtanalytics.terms.arrays import grown
from rtanalytics.topics.name_likeness import NameLikeness
from rtanalytics.trending import Algorithm, State

__all__ = ["BEGINNING", "Learnt", "Memory"]

BEGINNING = -(1 << 62)
"""A bin number before all others."""
_NEVER = 1 << 60
_HISTORY = 24
"""Number of bins in the history of a trend."""


class Learnt(NamedTuple):
    """A bin with the scores of its terms.

    Parameters
    ----------
    messages : BinMessages
        Messages of the bin.
    counts : BinCounts
        Counts of its terms.
    evidence : ndarray of float64, shape (terms,)
        Score of each term in this bin, plus its earlier scores, which decay with time.
    expected : ndarray of float64, shape (terms,)
        Expected counts.
    """

    messages: BinMessages
    counts: BinCounts
    evidence: Floats
    expected: Floats


class _Kept(NamedTuple):
    """Copy of the statistics, made before a bin was processed."""

    state: State
    used: Ints
    messages: int
    evidence: Floats
    when: Ints
    came: Ints
    recent: deque[tuple[int, BinMessages]]
    past: deque[BinCounts]


class Memory:
    """Statistics that are updated with one bin after another and can be reset to an earlier bin.

    Parameters
    ----------
    settings : Settings
        Settings of the trends.
    algorithm : Algorithm
        Algorithm that the settings name.
    counts : TermCounts
        Counts of all messages.
    names : NameLikeness
        Statistics of how the terms are written; they are not updated here.
    sparing : bool
        Keep no checkpoints; when an earlier bin changes, all bins are processed again.
    """

    def __init__(
        self,
        settings: Settings,
        algorithm: Algorithm,
        counts: TermCounts,
        names: NameLikeness,
        *,
        sparing: bool = False,
    ) -> None:
        self._settings, self._algorithm, self._counts, self._sparing = settings, algorithm, counts, sparing
        self.names = names
        self.forget()

    def forget(self) -> None:
        """Reset all statistics."""
        self._checkpoints: Checkpoints[_Kept] = Checkpoints(_NEVER) if self._sparing else Checkpoints()
        self._state = self._algorithm.start()
        self.used = np.zeros(0, np.int64)
        self.messages = 0
        self._evidence, self._when = np.zeros(0), np.zeros(0, np.int64)
        self._came = np.zeros(
            0, np.int64
        )  # first bin of each author as an offset from BEGINNING; 0: no message yet
        self.recent: deque[tuple[int, BinMessages]] = deque()
        self._past: deque[BinCounts] = deque(maxlen=_HISTORY + 1)
        self._previous: tuple[int, State, Floats, Ints] | None = None  # the last bin, and the state before it

    def learn(self, bin: int) -> Learnt:
        """Score a bin, and update the statistics with it."""
        settings, messages = self._settings, self._counts.bin_messages(bin)
        self._checkpoints.keep(bin, self._kept)
        self.used = grown(self.used, len(self._counts.vocabulary))
        self.used[messages.terms] += messages.counts[0]
        self.messages += len(messages.rows)
        authors = self._counts.authors(messages.rows)
        self._came = grown(self._came, int(authors.max(initial=-1)) + 1)
        new = authors[self._came[authors] == 0]
        self._came[new] = bin - BEGINNING
        counts = self._counts.bin(bin, settings.channel)
        if settings.every is not None:
            self._previous = bin, self._state.copy(), self._evidence.copy(), self._when.copy()
        score, expected = self._algorithm.step(self._state, counts)
        size = len(self._counts.vocabulary)
        self._evidence, self._when = grown(self._evidence, size), grown(self._when, size)
        evidence = score + self._earlier(counts.terms, bin, self._evidence, self._when)
        self._evidence[counts.terms], self._when[counts.terms] = evidence, bin
        while self.recent and self.recent[0][0] < bin - self._reach:
            self.recent.popleft()
        self.recent.append((bin, messages))
        self._past.append(counts)
        return Learnt(messages, counts, evidence, expected)

    @contextmanager
    def ahead(self, bin: int, window: BinMessages, share: float) -> Iterator[Learnt]:
        """Score a window that ends within a bin, and undo all changes of the statistics afterwards.

        The window is scored as the bin before it would be: its history ends where that bin begins.

        Parameters
        ----------
        bin : int
            The bin, which has not been learned.
        window : BinMessages
            Messages of the window.
        share : float
            Share of the bin that has passed.
        """
        settings, past = self._settings, bin - 1
        started = self._counts.bin_messages(bin)
        before = self.used, self.messages, self._came, self.recent
        size = len(self._counts.vocabulary)
        self.used = grown(self.used, size).copy()
        self.used[started.terms] += started.counts[0]
        self.messages += len(started.rows)
        authors = self._counts.authors(started.rows)
        self._came = grown(self._came, int(authors.max(initial=-1)) + 1).copy()
        self._came[authors[self._came[authors] == 0]] = bin - BEGINNING
        self.recent = deque(entry for entry in self.recent if entry[0] >= bin - self._reach)
        self.recent.append((bin, started))
        state, evidence, when = self._state.copy(), self._evidence, self._when
        if self._previous is not None and self._previous[0] == past:
            state, evidence, when = self._previous[1].copy(), *self._previous[2:]
        counts = self._counts.counts_of(window, past, settings.channel)
        score, expected = self._algorithm.step(state, counts)
        earlier = self._earlier(counts.terms, past + share, grown(evidence, size), grown(when, size))
        try:
            yield Learnt(window, counts, score + earlier, expected)
        finally:
            self.used, self.messages, self._came, self.recent = before

    def _earlier(self, terms: Ints, bin: float, evidence: Floats, when: Ints) -> Floats:
        """Return what is left of the earlier scores of terms at a bin."""
        passed = (bin - when[terms]) * (self._settings.bin / self._settings.topic_filter.evidence_decay)
        left: Floats = evidence[terms] * np.exp(-passed)
        return left

    @property
    def _reach(self) -> int:
        """Number of bins in the window in which people and messages of a topic are looked for."""
        return -(-self._settings.topic_filter.window // self._settings.bin)

    def learn_again(self, changed: int, first: int, upto: int) -> None:
        """Recompute the statistics after earlier bins have changed.

        Parameters
        ----------
        changed : int
            The first bin that has changed.
        first : int
            The first bin that was not dropped.
        upto : int
            The bin that is processed next; it is not included.
        """
        kept = self._checkpoints.before(changed)
        self._previous = None
        if kept is None:
            self.forget()
        else:
            state, used, self.messages, evidence, when, came, recent, past = kept[1]
            self._state = state.copy()
            self.used, self._evidence, self._when = used.copy(), evidence.copy(), when.copy()
            self._came, self.recent, self._past = came.copy(), recent.copy(), past.copy()
        for bin in self._counts.bins:
            if (kept is None or bin >= kept[0]) and first <= bin < upto:
                self.learn(bin)

    def messages_with(self, terms: Ints) -> tuple[list[Ints], Ints, Ints]:
        """Return the rows of each term within the window, and how many people and voices used it.

        A voice is a person who used the term in a message that is not a copy.
        """
        from rtanalytics.counts.kernel import speakers

        which, rows, own = [], [], []
        for _, past in self.recent:
            number, places = past.spread(terms)
            which.append(number)
            rows.append(past.rows[places])
            own.append(past.originals[places])
        of, where, original = np.concatenate(which), np.concatenate(rows), np.concatenate(own)
        order = np.argsort(of, kind="stable")
        of, where = of[order], where[order]
        people, voices = speakers(of, self._counts.authors(where), original[order], len(terms))
        ends = np.cumsum(np.bincount(of, minlength=len(terms))).tolist()
        return [where[i:j] for i, j in pairwise([0, *ends])], people, voices

    def is_excluded(self, terms: Ints) -> npt.NDArray[np.bool_]:
        """Return a mask of the terms that are never topics: ignored terms and the conference's own tags."""
        keys = self._counts.vocabulary.keys
        return is_excluded(self._settings, terms, keys, self.used[terms], self.messages, self.names.surface)

    def authors(self) -> Ints:
        """Return the distinct authors who posted something within the window."""
        return np.unique(self._counts.authors(np.concatenate([messages.rows for _, messages in self.recent])))

    def known(self, authors: Ints) -> int:
        """Return how many of ``authors`` posted something before the window."""
        return int((self._came[authors] < self.recent[0][0] - BEGINNING).sum())

    def since(self, bin: int) -> datetime:
        """Return the start of the first bin that the expected counts of ``bin`` are based on."""
        first = bin if self._state.first is None else self._state.first
        reach: int | None = getattr(self._algorithm, "history", None)
        return self._counts.start_of(first if reach is None else max(first, bin - reach))

    def history(self, term: int, bin: int) -> list[int]:
        """Return the counts of a term in the bins just before ``bin``, oldest first."""
        first = bin if self._state.first is None else self._state.first
        counts = [0] * min(bin - first, _HISTORY)
        for past in self._past:
            if bin - len(counts) <= past.bin < bin:
                at = int(np.searchsorted(past.terms, term))
                if at < len(past.terms) and past.terms[at] == term:
                    counts[past.bin - bin] = int(past.counts[at])
        return counts

    def _kept(self) -> _Kept:
        """Return a copy of the statistics."""
        return _Kept(
            self._state.copy(), self.used.copy(), self.messages,
            self._evidence.copy(), self._when.copy(), self._came.copy(),
            self.recent.copy(), self._past.copy(),
        )  # fmt: skip
