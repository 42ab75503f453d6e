"""Likeness of terms to names, learnt from how people write them.

A handle is a name. A word is like a name if people write it as ``#tag`` or, in the middle of a
sentence, with a capital. No list of names and no language is needed.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from rtanalytics.counts import Ints, TermCounts
from rtanalytics.terms import Kind, join
from rtanalytics.terms.arrays import grown

__all__ = ["NameLikeness", "Uses"]

Uses = npt.NDArray[np.int32]
_DOUBT = 1.5
"""Extra uses in lower case, so that a single capital does not make a name."""


class NameLikeness:
    """Statistics of how terms are written.

    Parameters
    ----------
    counts : TermCounts
        Counts of the messages that are learnt.
    """

    def __init__(self, counts: TermCounts) -> None:
        self._counts = counts
        self.forget()

    def forget(self) -> None:
        """Drop everything that was learnt."""
        self._known = 0
        self._capital, self._tag = np.zeros(0, np.bool_), np.zeros(0, np.bool_)
        self._marked, self._handle = np.zeros(0, np.bool_), np.zeros(0, np.bool_)
        self._used = np.zeros(0, np.int32)
        # by term: uses, uses as a tag, uses within a sentence, those with a capital
        self._uses = np.zeros((4, 0), np.int32)

    def kept(self) -> tuple[Uses, Uses]:
        """Return a copy of what was learnt, for :meth:`go_back`."""
        return self._used.copy(), self._uses.copy()

    def go_back(self, kept: tuple[Uses, Uses]) -> None:
        """Restore what was learnt when ``kept`` was copied."""
        self._used, self._uses = kept[0].copy(), kept[1].copy()

    def learn(self, rows: Ints) -> None:
        """Learn how terms are written in the messages of these rows."""
        from rtanalytics.counts import kernel

        vocabulary = self._counts.vocabulary
        size, terms = len(vocabulary.surfaces), len(vocabulary)
        self._used = grown(self._used, size)
        self._capital, self._tag = grown(self._capital, size), grown(self._tag, size)
        self._marked, self._handle = grown(self._marked, terms), grown(self._handle, terms)
        if self._uses.shape[1] < terms:
            wider = np.zeros((4, max(terms, 2 * self._uses.shape[1])), np.int32)
            wider[:, : self._uses.shape[1]] = self._uses
            self._uses = wider
        for number in range(self._known, size):
            surface = vocabulary.surfaces[number]
            word = vocabulary.kinds[number] == Kind.WORD
            self._capital[number] = word and any(c.isupper() for c in surface)
            self._tag[number] = surface[:1] == "#" and len(surface) > 1
            if surface[:1] in "@#":
                term = vocabulary.term_of[number]
                self._marked[term] = True
                self._handle[term] |= vocabulary.keys[term][:1] == "@"
        self._known = size
        kernel.add_uses(
            *self._counts.surface_uses(rows),
            vocabulary.term_of,
            self._tag,
            self._capital,
            self._used,
            self._uses,
        )

    def likeness(self, terms: Ints) -> npt.NDArray[np.float64]:
        """Return the likeness of terms to names, 0 to 1; a phrase has the mean of its first and last word."""
        ends = np.repeat(terms[:, None], 2, axis=1)
        for i, term in enumerate(terms.tolist()):
            if (words := self._counts.vocabulary.words(term)) is not None:
                ends[i] = words[0], words[-1]
        used, tagged, inside, capital = self._uses[:, ends]
        like = np.maximum(capital / (inside + _DOUBT), tagged / (used + _DOUBT))
        both: npt.NDArray[np.float64] = np.where(self._handle[ends], 1.0, like).mean(axis=1)
        return both

    def marked(self, terms: Ints) -> npt.NDArray[np.bool_]:
        """Return which terms are written with ``@`` or ``#`` at least sometimes."""
        self._marked = grown(self._marked, len(self._counts.vocabulary))
        return self._marked[terms]

    def tagged(self, terms: Ints) -> npt.NDArray[np.float64]:
        """Return the share of the terms' uses that are ``#tags``; 1 for a handle, 0 for a phrase."""
        used, tags = self._uses[:2, terms]
        share: npt.NDArray[np.float64] = np.where(self._handle[terms], 1.0, tags / np.maximum(used, 1))
        return share

    def surface(self, term: int) -> str:
        """Return a term as it was most often written so far."""
        vocabulary = self._counts.vocabulary
        if (words := vocabulary.words(term)) is not None:
            return join([self.surface(word).lstrip("#") for word in words])
        return max(
            (int(self._used[s]), vocabulary.surfaces[s])
            for s in vocabulary.surfaces_of(term)
            if s < len(self._used)
        )[1]
