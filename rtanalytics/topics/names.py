"""How much a term is like a name, learnt from how people write it.

A handle is a name, and a word is one as far as people write it as ``#tag`` or, in the middle of a
sentence, with a capital. Nothing else is known about it: no list of names, no language.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from rtanalytics.counts import Ints, TermCounts
from rtanalytics.terms import Kind, join

__all__ = ["Names", "Written", "grown"]

T = TypeVar("T", bound=np.generic)
_DOUBT = 1.5
"""Uses that nobody made, and that count as written small, so that one capital is no name."""


class Written(TermCounts):
    """Counts that also tell how each message is written."""

    def written(self, rows: Ints, *, inside: bool = False) -> Ints:
        """How many tokens of the rows use each surface, up to the last that is used.

        Parameters
        ----------
        inside : bool
            Count only tokens that white space alone parts from the one before: a capital there
            is not that of a sentence's first word.
        """
        offsets = self._offsets.values
        lengths = offsets[rows + 1] - offsets[rows]
        ends = np.cumsum(lengths)
        shift = np.repeat(offsets[rows] - ends + lengths, lengths)
        surface = self._tokens.values[np.arange(len(shift)) + shift]
        said = surface >= 0
        if inside:
            follows = np.zeros(len(surface), np.bool_)
            follows[1:] = said[:-1]
            follows[(ends - lengths)[lengths > 0]] = False
            said &= follows
        used: Ints = np.bincount(surface[said])
        return used


class Names:
    """What is known so far of how terms are written.

    Parameters
    ----------
    counts : Written
        Whose messages are learnt.
    """

    def __init__(self, counts: Written) -> None:
        self._counts = counts
        self._known = 0
        self._capital = np.zeros(0, np.bool_)
        self._tag = np.zeros(0, np.bool_)
        self._marked = np.zeros(0, np.bool_)
        self.forget()

    def forget(self) -> None:
        """Begin anew."""
        self._used, self._inside = np.zeros(0, np.int64), np.zeros(0, np.int64)

    def learn(self, rows: Ints) -> None:
        """Take in how the messages of these rows are written."""
        vocabulary = self._counts.vocabulary
        size = len(vocabulary.surfaces)
        self._used, self._inside = grown(self._used, size), grown(self._inside, size)
        self._capital, self._tag = grown(self._capital, size), grown(self._tag, size)
        for number in range(self._known, size):
            surface = vocabulary.surfaces[number]
            word = vocabulary.kinds[number] == Kind.WORD
            self._capital[number] = word and any(c.isupper() for c in surface)
            self._tag[number] = surface[:1] == "#" and len(surface) > 1
        marks = [number for number in range(self._known, size) if vocabulary.surfaces[number][:1] in "@#"]
        self._marked = grown(self._marked, len(vocabulary))
        self._marked[vocabulary.term_of[marks]] = True
        self._known = size
        used, inside = self._counts.written(rows), self._counts.written(rows, inside=True)
        self._used[: len(used)] += used
        self._inside[: len(inside)] += inside

    def likeness(self, term: int) -> float:
        """How much a term is like a name: 0 to 1."""
        vocabulary = self._counts.vocabulary
        words = vocabulary.words(term)
        if words is not None:
            return (self.likeness(words[0]) + self.likeness(words[-1])) / 2
        if vocabulary.keys[term][:1] == "@":
            return 1.0
        capital = inside = tagged = used = 0
        for s in vocabulary.surfaces_of(term):
            if s >= len(self._used):
                continue
            used += int(self._used[s])
            if self._tag[s]:
                tagged += int(self._used[s])
            else:
                inside += int(self._inside[s])
                if self._capital[s]:
                    capital += int(self._inside[s])
        return max(capital / (inside + _DOUBT), tagged / (used + _DOUBT))

    def marked(self, terms: Ints) -> npt.NDArray[np.bool_]:
        """Which of the terms are written with ``@`` or ``#``, at least sometimes."""
        self._marked = grown(self._marked, len(self._counts.vocabulary))
        return self._marked[terms]

    def tagged(self, term: int) -> float:
        """Share of a term's uses that are ``#tags``; 1 for a handle, 0 for a phrase."""
        vocabulary = self._counts.vocabulary
        if vocabulary.words(term) is not None:
            return 0.0
        if vocabulary.keys[term][:1] == "@":
            return 1.0
        surfaces = [s for s in vocabulary.surfaces_of(term) if s < len(self._used)]
        used = sum(int(self._used[s]) for s in surfaces)
        return sum(int(self._used[s]) for s in surfaces if self._tag[s]) / max(used, 1)

    def surface(self, term: int) -> str:
        """A term as it is most often written so far."""
        vocabulary = self._counts.vocabulary
        if (words := vocabulary.words(term)) is not None:
            return join([self.surface(word).lstrip("#") for word in words])
        return max(
            (int(self._used[s]), vocabulary.surfaces[s])
            for s in vocabulary.surfaces_of(term)
            if s < len(self._used)
        )[1]


def grown(old: npt.NDArray[T], size: int) -> npt.NDArray[T]:
    """The array with room for ``size`` items, zeros where there were none."""
    if len(old) >= size:
        return old
    new = np.zeros(max(size, 2 * len(old)), old.dtype)
    new[: len(old)] = old
    return new
