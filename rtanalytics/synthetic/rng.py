"""Randomness that comes out the same on every platform and in every Python.

Only :meth:`random.Random.random` is promised to stay the same for a seed; ``choice``,
``shuffle`` and the others may change between versions of Python. So everything here is built
on that one method, and each part of the generator has dice of its own: a change in how one part
rolls does not shift the others.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from hashlib import blake2b
from itertools import accumulate
from random import Random
from typing import Generic, TypeVar

T = TypeVar("T")


class Dice:
    """A seeded source of choices.

    Parameters
    ----------
    *seed : object
        Numbers and words; their text is the seed.

    Examples
    --------
    >>> Dice(1, "people").below(1000) == Dice(1, "people").below(1000)
    True
    """

    def __init__(self, *seed: object) -> None:
        digest = blake2b("\x00".join(map(str, seed)).encode(), digest_size=16).digest()
        self.random = Random(int.from_bytes(digest, "big")).random

    def below(self, n: int) -> int:
        """An integer in ``[0, n)``."""
        return int(self.random() * n)

    def between(self, low: float, high: float) -> float:
        """A number in ``[low, high)``."""
        return low + (high - low) * self.random()

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return self.random() < probability

    def pick(self, items: Sequence[T]) -> T:
        """One of the items."""
        return items[int(self.random() * len(items))]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """A new list with the items in random order (Fisher and Yates)."""
        mixed = list(items)
        for i in range(len(mixed) - 1, 0, -1):
            j = int(self.random() * (i + 1))
            mixed[i], mixed[j] = mixed[j], mixed[i]
        return mixed


class Weighted(Generic[T]):
    """Items that are drawn in proportion to their weights.

    Parameters
    ----------
    items : sequence
        At least one.
    weights : sequence of float
        As many, none below 0.
    """

    def __init__(self, items: Sequence[T], weights: Sequence[float]) -> None:
        self.items = list(items)
        self._sums = list(accumulate(weights))

    @classmethod
    def of(cls, rows: Sequence[tuple[T, float]]) -> Weighted[T]:
        """From rows of item and weight."""
        return cls([item for item, _ in rows], [weight for _, weight in rows])

    def draw(self, dice: Dice) -> T:
        """The item that the dice choose."""
        return self.items[min(bisect_right(self._sums, dice.random() * self._sums[-1]), len(self.items) - 1)]


class Deck:
    """Cards that are dealt in random order, and shuffled again only when all have been dealt."""

    def __init__(self, size: int, dice: Dice) -> None:
        self._size, self._dice = size, dice
        self._cards: list[int] = []

    def deal(self) -> int:
        """The number of the next card."""
        if not self._cards:
            self._cards = self._dice.shuffled(range(self._size))
        return self._cards.pop()


def zipf(n: int, exponent: float = 1.0, offset: float = 2.7) -> list[float]:
    """Zipf–Mandelbrot weights of ranks 0 … n − 1."""
    return [1.0 / (rank + 1 + offset) ** exponent for rank in range(n)]
