"""Hash table of phrases, by the terms that they consist of."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from rtanalytics.terms.arrays import grown

__all__ = ["Phrases"]

Numbers = npt.NDArray[np.int32]


class Phrases:
    """Term numbers of phrases.

    Several phrases may have the same number: ``日本`` + ``語`` and ``日`` + ``本語`` read the same.
    """

    def __init__(self) -> None:
        self._size = 0
        self._words = np.empty((1024, 3), np.int32)
        self._number = np.empty(1024, np.int32)
        self._slots = np.full(4096, -1, np.int32)
        self._row_of = np.full(1024, -1, np.int32)

    def find(self, words: Numbers) -> Numbers:
        """Return the numbers of phrases, −1 for unknown ones.

        Parameters
        ----------
        words : numpy.ndarray of int32, shape (n, 3)
            Terms of each phrase; the third is −1 for phrases of two words.
        """
        rows: Numbers = _find(words, self._slots, self._words)
        return np.where(rows >= 0, self._number[rows], np.int32(-1))

    def add(self, words: Numbers, numbers: Numbers) -> None:
        """Add new phrases, each once, with their numbers."""
        size = self._size + len(words)
        self._words, self._number = grown(self._words, size), grown(self._number, size)
        self._words[self._size : size] = words
        self._number[self._size : size] = numbers
        if 2 * size > len(self._slots):
            self._slots = np.full(1 << (4 * size).bit_length(), -1, np.int32)
            _place(self._words[:size], 0, self._slots)
        else:
            _place(self._words[:size], self._size, self._slots)
        self._row_of = grown(self._row_of, int(numbers.max(initial=-1)) + 1, -1)
        new = numbers[::-1]
        rows = np.arange(size - 1, self._size - 1, -1, dtype=np.int32)
        first = self._row_of[new] < 0
        self._row_of[new[first]] = rows[first]
        self._size = size

    def words(self, number: int) -> tuple[int, ...] | None:
        """Return the words of a phrase; None if no phrase has the number."""
        row = int(self._row_of[number]) if number < len(self._row_of) else -1
        if row < 0:
            return None
        a, b, c = self._words[row].tolist()
        return (a, b) if c < 0 else (a, b, c)


@njit(cache=True)
def _slot(words: Any, i: Any, slots: Any, known: Any) -> Any:
    """Return the slot of the phrase ``words[i]``, or the free slot where it belongs."""
    mask = np.uint64(len(slots) - 1)
    a, b, c = words[i, 0], words[i, 1], words[i, 2]
    h = (np.uint64(a) << np.uint64(32)) ^ np.uint64(b) ^ (np.uint64(c + 1) << np.uint64(13))
    h = (h ^ (h >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    h = (h ^ (h >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    slot = (h ^ (h >> np.uint64(31))) & mask
    while slots[slot] >= 0:
        n = slots[slot]
        if known[n, 0] == a and known[n, 1] == b and known[n, 2] == c:
            break
        slot = (slot + np.uint64(1)) & mask
    return np.int64(slot)


@njit(cache=True)
def _find(words: Any, slots: Any, known: Any) -> Any:
    rows = np.empty(len(words), np.int32)
    for i in range(len(words)):
        rows[i] = slots[_slot(words, i, slots, known)]
    return rows


@njit(cache=True)
def _place(words: Any, first: Any, slots: Any) -> None:
    for i in range(first, len(words)):
        slots[_slot(words, i, slots, words)] = i
