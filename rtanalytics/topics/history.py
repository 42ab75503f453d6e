"""What was learnt from the bins so far: the state of the algorithm and other statistics."""

from __future__ import annotations

from collections import deque
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
"""Before all bins."""
_NEVER = 1 << 60
_HISTORY = 24
"""Number of bins in the history of a trend."""


class Learnt(NamedTuple):
    """A bin after it was learnt.

    Parameters
    ----------
    messages : BinMessages
        Messages of the bin.
    counts : BinCounts
        Counts of its terms.
    evidence : ndarray of float64, shape (terms,)
        Score of each term in this bin, plus what is left of its earlier ones.
    expected : ndarray of float64, shape (terms,)
        Expected counts.
    """

    messages: BinMessages
    counts: BinCounts
    evidence: Floats
    expected: Floats


class _Kept(NamedTuple):
    """Copy of what was known before a bin."""

    state: State
    used: Ints
    messages: int
    evidence: Floats
    when: Ints
    came: Ints
    recent: deque[tuple[int, BinMessages]]
    past: deque[BinCounts]


class Memory:
    """Learns bin after bin, and can return to what it knew before one.

    Parameters
    ----------
    settings : Settings
        Settings of the trends.
    algorithm : Algorithm
        Their algorithm.
    counts : TermCounts
        Counts of all messages.
    names : NameLikeness
        How the terms are written, learnt elsewhere.
    sparing : bool
        Keep no checkpoints: when an earlier bin changes, everything is learnt again.
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
        """Drop everything that was learnt."""
        self._checkpoints: Checkpoints[_Kept] = Checkpoints(_NEVER) if self._sparing else Checkpoints()
        self._state = self._algorithm.start()
        self._used = np.zeros(0, np.int64)
        self._messages = 0
        self._evidence, self._when = np.zeros(0), np.zeros(0, np.int64)
        self._came = np.zeros(0, np.int64)  # of each author, the first bin, less BEGINNING
        self.recent: deque[tuple[int, BinMessages]] = deque()
        self._past: deque[BinCounts] = deque(maxlen=_HISTORY + 1)

    def learn(self, bin: int) -> Learnt:
        """Score a bin, then learn it."""
        settings, messages = self._settings, self._counts.bin_messages(bin)
        self._checkpoints.keep(bin, self._kept)
        self._used = grown(self._used, len(self._counts.vocabulary))
        self._used[messages.terms] += messages.counts[0]
        self._messages += len(messages.rows)
        authors = self._counts.authors(messages.rows)
        self._came = grown(self._came, int(authors.max(initial=-1)) + 1)
        new = authors[self._came[authors] == 0]
        self._came[new] = bin - BEGINNING
        counts = self._counts.bin(bin, settings.channel)
        score, expected = self._algorithm.step(self._state, counts)
        size = len(self._counts.vocabulary)
        self._evidence, self._when = grown(self._evidence, size), grown(self._when, size)
        passed = (bin - self._when[counts.terms]) * (settings.bin / settings.topic_filter.evidence_decay)
        evidence = score + self._evidence[counts.terms] * np.exp(-passed)
        self._evidence[counts.terms], self._when[counts.terms] = evidence, bin
        reach = -(-settings.topic_filter.window // settings.bin)
        while self.recent and self.recent[0][0] < bin - reach:
            self.recent.popleft()
        self.recent.append((bin, messages))
        self._past.append(counts)
        return Learnt(messages, counts, evidence, expected)

    def learn_again(self, changed: int, first: int, upto: int) -> None:
        """Learn again, up to a bin, after an earlier bin has changed.

        Parameters
        ----------
        changed : int
            The first bin that has changed.
        first : int
            The first bin that is not dropped.
        upto : int
            The bin that is learnt next.
        """
        kept = self._checkpoints.before(changed)
        if kept is None:
            self.forget()
        else:
            state, used, self._messages, evidence, when, came, recent, past = kept[1]
            self._state = state.copy()
            self._used, self._evidence, self._when = used.copy(), evidence.copy(), when.copy()
            self._came, self.recent, self._past = came.copy(), recent.copy(), past.copy()
        for bin in self._counts.bins:
            if (kept is None or bin >= kept[0]) and first <= bin < upto:
                self.learn(bin)

    def said_by(self, terms: Ints) -> tuple[list[Ints], Ints, Ints]:
        """Return, for each term, its rows within the window, and the number of its people and voices.

        A voice is somebody who uses the term in words of their own.
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
        """Return which terms are never topics: ignored, or the conference's own tags."""
        keys = self._counts.vocabulary.keys
        return is_excluded(self._settings, terms, keys, self._used[terms], self._messages, self.names.surface)

    def authors(self) -> Ints:
        """Return everybody who posted something within the window, once each."""
        return np.unique(self._counts.authors(np.concatenate([messages.rows for _, messages in self.recent])))

    def known(self, authors: Ints) -> int:
        """Return how many of these authors posted something before the window began."""
        return int((self._came[authors] < self.recent[0][0] - BEGINNING).sum())

    def since(self, bin: int) -> datetime:
        """Return the start of the first bin on which the expectation for a bin rests."""
        first = bin if self._state.first is None else self._state.first
        reach: int | None = getattr(self._algorithm, "history", None)
        return self._counts.start_of(first if reach is None else max(first, bin - reach))

    def history(self, term: int, bin: int) -> list[int]:
        """Return the counts of a term in the bins just before, if there are any."""
        first = bin if self._state.first is None else self._state.first
        counts = [0] * min(bin - first, _HISTORY)
        for past in self._past:
            if bin - len(counts) <= past.bin < bin:
                at = int(np.searchsorted(past.terms, term))
                if at < len(past.terms) and past.terms[at] == term:
                    counts[past.bin - bin] = int(past.counts[at])
        return counts

    def _kept(self) -> _Kept:
        """Return a copy of what was learnt."""
        return _Kept(
            self._state.copy(), self._used.copy(), self._messages,
            self._evidence.copy(), self._when.copy(), self._came.copy(),
            self.recent.copy(), self._past.copy(),
        )  # fmt: skip
