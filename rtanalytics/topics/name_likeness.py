"""Likeness of terms to names, estimated from how people write them.

A handle is a name. A word is like a name if people write it as a ``#tag`` or with a capital in the
middle of a sentence. This needs no list of names and works in any language with capital letters.
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
"""Uses in lower case that are added to each term, so that one use with a capital is not enough."""


class NameLikeness:
    """Statistics of how terms are written.

    Parameters
    ----------
    counts : TermCounts
        Counts of all messages.
    """

    def __init__(self, counts: TermCounts) -> None:
        self._counts = counts
        self.forget()

    def forget(self) -> None:
        """Reset the statistics."""
        self._known = 0
        self._capital, self._tag = np.zeros(0, np.bool_), np.zeros(0, np.bool_)
        self._marked, self._handle = np.zeros(0, np.bool_), np.zeros(0, np.bool_)
        self._used = np.zeros(0, np.int32)
        # rows: uses of each term, uses as a tag, uses within a sentence, those of them with a capital
        self._uses = np.zeros((4, 0), np.int32)

    def kept(self) -> tuple[Uses, Uses]:
        """Return a copy of the statistics for :meth:`go_back`."""
        return self._used.copy(), self._uses.copy()

    def go_back(self, kept: tuple[Uses, Uses]) -> None:
        """Restore statistics from a copy made by :meth:`kept`."""
        self._used, self._uses = kept[0].copy(), kept[1].copy()

    def learn(self, rows: Ints) -> None:
        """Update the statistics with the messages in these rows of the log."""
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
        """Return the likeness of terms to names, 0 to 1; for a phrase the mean of first and last word."""
        ends = np.repeat(terms[:, None], 2, axis=1)
        for i, term in enumerate(terms.tolist()):
            if (words := self._counts.vocabulary.words(term)) is not None:
                ends[i] = words[0], words[-1]
        used, tagged, inside, capital = self._uses[:, ends]
        like = np.maximum(capital / (inside + _DOUBT), tagged / (used + _DOUBT))
        both: npt.NDArray[np.float64] = np.where(self._handle[ends], 1.0, like).mean(axis=1)
        return both

    def marked(self, terms: Ints) -> npt.NDArray[np.bool_]:
        """Return a mask of the terms that were written with ``@`` or ``#`` at least once."""
        self._marked = grown(self._marked, len(self._counts.vocabulary))
        return self._marked[terms]

    def tagged(self, terms: Ints) -> npt.NDArray[np.float64]:
        """Return the share of each term's uses that are ``#tags``; 1 for a handle, 0 for a phrase."""
        used, tags = self._uses[:2, terms]
        share: npt.NDArray[np.float64] = np.where(self._handle[terms], 1.0, tags / np.maximum(used, 1))
        return share

    def surface(self, term: int) -> str:
        """Return the most frequent spelling of a term so far."""
        vocabulary = self._counts.vocabulary
        if (words := vocabulary.words(term)) is not None:
            return join([self.surface(word).lstrip("#") for word in words])
        return max(
            (int(self._used[s]), vocabulary.surfaces[s])
            for s in vocabulary.surfaces_of(term)
            if s < len(self._used)
        )[1]
