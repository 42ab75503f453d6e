"""Messages as documents: the words of each message, and the usual spelling of terms."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rtanalytics.counts import Ints, TermCounts
from rtanalytics.terms import ALONE, Kind, join

__all__ = ["Documents", "Words"]


class Words(NamedTuple):
    """Pairs of document and word, each once, ordered by document and then word.

    Parameters
    ----------
    places : numpy.ndarray of int64, shape (n,)
        Place of the document among the rows that were asked for.
    terms : numpy.ndarray of int64, shape (n,)
        Number of the word; never a phrase.
    """

    places: Ints
    terms: Ints


class Documents(TermCounts):
    """Counts that also give the words of each message.

    Parameters
    ----------
    width : timedelta
        Width of a bin.

    Attributes
    ----------
    learnt : int
        Number of messages passed to :meth:`learn`.
    """

    def __init__(self, width: timedelta) -> None:
        super().__init__(width)
        self.learnt = 0
        self._used: Ints = np.zeros(0, np.int64)
        self._messages_of: Ints = np.zeros(0, np.int64)

    def words(self, rows: Ints) -> Words:
        """Return the words of the rows.

        Parameters
        ----------
        rows : numpy.ndarray of int64
            Rows of the log.
        """
        place, surface = self._surfaces(rows)
        language = self._log.language.values[self._log.at(rows)][place]
        alone = (self.vocabulary.uses_by_language[language, surface] & ALONE) > 0
        pairs = np.unique(place[alone] << 32 | self.vocabulary.term_of[surface[alone]].astype(np.int64))
        return Words(pairs >> 32, pairs & 0xFFFFFFFF)

    def addressing(self, rows: Ints) -> npt.NDArray[np.bool_]:
        """Return a mask of the rows that mention somebody."""
        place, surface = self._surfaces(rows)
        found = np.zeros(len(rows), np.bool_)
        found[place[self.vocabulary.kinds[surface] == Kind.HANDLE]] = True
        return found

    def _surfaces(self, rows: Ints) -> tuple[Ints, Ints]:
        """Return, for each token of the rows, the index of its row and its surface."""
        offsets, at = self._log.offsets.values, self._log.at(rows)
        lengths = offsets[at + 1] - offsets[at]
        ends = np.cumsum(lengths)
        where = np.arange(int(lengths.sum())) + np.repeat(offsets[at] - ends + lengths, lengths)
        surface = self._log.tokens.values[where].astype(np.int64)
        place = np.repeat(np.arange(len(rows)), lengths)
        return place[surface >= 0], surface[surface >= 0]

    # -- how terms are written ------------------------------------------------------------------

    def learn(self, rows: list[int]) -> None:
        """Count the spellings of terms in these rows, for :meth:`surface` and :meth:`proper`."""
        where = np.array(rows, np.int64)
        where = where[self._log.alive.values[self._log.at(where)]]
        if not len(where):
            return
        used = np.zeros(len(self.vocabulary.surfaces), np.int64)
        surfaces, now, _ = self.surface_uses(where)
        used[surfaces] = now
        used[: len(self._used)] += self._used
        number = np.bincount(self.words(where).terms, minlength=len(self.vocabulary))
        number[: len(self._messages_of)] += self._messages_of
        self._used, self._messages_of = used, number
        self.learnt += len(where)

    def messages_with(self, terms: Ints) -> Ints:
        """Return, for each word, the number of messages passed to :meth:`learn`; 0 for a phrase."""
        number = np.zeros(len(terms), np.int64)
        known = terms < len(self._messages_of)
        number[known] = self._messages_of[terms[known]]
        return number

    def surface(self, term: int) -> str:
        """Return a term as it is most often written in the learnt messages."""
        vocabulary = self.vocabulary
        if (words := vocabulary.words(term)) is not None:
            return join([self.surface(word).lstrip("#") for word in words])
        return max((self._uses(s), vocabulary.surfaces[s]) for s in vocabulary.surfaces_of(term))[1]

    def proper(self, term: int) -> bool:
        """Check whether a term is written like a name: a handle, a tag, or mostly with a capital.

        A phrase is written like a name if any of its words is.
        """
        vocabulary = self.vocabulary
        if (words := vocabulary.words(term)) is not None:
            return any(self.proper(word) for word in words)
        named = other = 0
        for s in vocabulary.surfaces_of(term):
            surface = vocabulary.surfaces[s]
            if surface[:1] in "@#" or surface[:1].isupper():
                named += self._uses(s)
            else:
                other += self._uses(s)
        return named > other

    def _uses(self, surface: int) -> int:
        return int(self._used[surface]) if surface < len(self._used) else 0
