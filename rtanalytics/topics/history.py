"""What a trender has learnt so far: the algorithm's state, and what else a bin is judged by."""

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
"""Bins of a topic's history that are told."""


class Learnt(NamedTuple):
    """What is known of a bin once it has been learnt.

    Parameters
    ----------
    said : BinMessages
        Its messages and what they say.
    counted : BinCounts
        Its terms and how often each was counted.
    evidence : ndarray of float64, shape (terms,)
        Of each term, this bin's score and what is left of earlier ones.
    expected : ndarray of float64, shape (terms,)
        Counts.
    """

    said: BinMessages
    counted: BinCounts
    evidence: Floats
    expected: Floats


class _Kept(NamedTuple):
    """What was known before a bin."""

    state: State
    said: Ints
    messages: int
    evidence: Floats
    when: Ints
    came: Ints
    recent: deque[tuple[int, BinMessages]]
    past: deque[BinCounts]


class Memory:
    """Learns bin after bin, and can go back to what it knew before one.

    Parameters
    ----------
    settings : Settings
        How trends are told.
    algorithm : Algorithm
        Theirs.
    counts : TermCounts
        Of all messages.
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
        """Know nothing."""
        self._checkpoints: Checkpoints[_Kept] = Checkpoints(_NEVER) if self._sparing else Checkpoints()
        self._state = self._algorithm.start()
        self._said = np.zeros(0, np.int64)
        self._messages = 0
        self._evidence, self._when = np.zeros(0), np.zeros(0, np.int64)
        self._came = np.zeros(0, np.int64)  # of each author, the first bin, less BEGINNING
        self.recent: deque[tuple[int, BinMessages]] = deque()
        self._past: deque[BinCounts] = deque(maxlen=_HISTORY + 1)

    def learn(self, bin: int) -> Learnt:
        """Score a bin and learn it: its messages, counts, evidence and what was expected."""
        settings, said = self._settings, self._counts.bin_messages(bin)
        self._checkpoints.keep(bin, self._kept)
        self._said = grown(self._said, len(self._counts.vocabulary))
        self._said[said.terms] += said.counts[0]
        self._messages += len(said.rows)
        authors = self._counts.authors(said.rows)
        self._came = grown(self._came, int(authors.max(initial=-1)) + 1)
        new = authors[self._came[authors] == 0]
        self._came[new] = bin - BEGINNING
        counted = self._counts.bin(bin, settings.channel)
        score, expected = self._algorithm.step(self._state, counted)
        size = len(self._counts.vocabulary)
        self._evidence, self._when = grown(self._evidence, size), grown(self._when, size)
        passed = (bin - self._when[counted.terms]) * (settings.bin / settings.topic_filter.evidence_decay)
        evidence = score + self._evidence[counted.terms] * np.exp(-passed)
        self._evidence[counted.terms], self._when[counted.terms] = evidence, bin
        reach = -(-settings.topic_filter.window // settings.bin)
        while self.recent and self.recent[0][0] < bin - reach:
            self.recent.popleft()
        self.recent.append((bin, said))
        self._past.append(counted)
        return Learnt(said, counted, evidence, expected)

    def learn_again(self, changed: int, first: int, upto: int) -> None:
        """Know what would be known before bin ``upto``, had all that came since been there in time.

        Parameters
        ----------
        changed : int
            The first bin of which more is known.
        first : int
            The first that is not forgotten.
        upto : int
            The bin that is learnt next.
        """
        kept = self._checkpoints.before(changed)
        if kept is None:
            self.forget()
        else:
            state, said, self._messages, evidence, when, came, recent, past = kept[1]
            self._state = state.copy()
            self._said, self._evidence, self._when = said.copy(), evidence.copy(), when.copy()
            self._came, self.recent, self._past = came.copy(), recent.copy(), past.copy()
        for bin in self._counts.bins:
            if (kept is None or bin >= kept[0]) and first <= bin < upto:
                self.learn(bin)

    def said_by(self, terms: Ints) -> tuple[list[Ints], Ints, Ints]:
        """Of each term, the rows that say it within the window, and how many people and voices.

        A voice is somebody who says it in words of their own.
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
        return is_excluded(self._settings, terms, keys, self._said[terms], self._messages, self.names.surface)

    def authors(self) -> Ints:
        """All who said something within the window, once each."""
        return np.unique(self._counts.authors(np.concatenate([said.rows for _, said in self.recent])))

    def known(self, authors: Ints) -> int:
        """How many of these authors said something before the window began."""
        return int((self._came[authors] < self.recent[0][0] - BEGINNING).sum())

    def since(self, bin: int) -> datetime:
        """When that begins which counts for what the algorithm expects of a bin."""
        first = bin if self._state.first is None else self._state.first
        reach: int | None = getattr(self._algorithm, "history", None)
        return self._counts.start_of(first if reach is None else max(first, bin - reach))

    def history(self, term: int, bin: int) -> list[int]:
        """Counts of a term in the bins just before, as far as there are any."""
        first = bin if self._state.first is None else self._state.first
        counts = [0] * min(bin - first, _HISTORY)
        for past in self._past:
            if bin - len(counts) <= past.bin < bin:
                at = int(np.searchsorted(past.terms, term))
                if at < len(past.terms) and past.terms[at] == term:
                    counts[past.bin - bin] = int(past.counts[at])
        return counts

    def _kept(self) -> _Kept:
        """What has been learnt, to go back to."""
        return _Kept(
            self._state.copy(), self._said.copy(), self._messages,
            self._evidence.copy(), self._when.copy(), self._came.copy(),
            self.recent.copy(), self._past.copy(),
        )  # fmt: skip
