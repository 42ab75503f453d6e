"""Random numbers that depend only on the seed, not on the platform or the version of Python.

For a given seed, Python guarantees the results of :meth:`random.Random.random` only; ``choice``,
``shuffle`` and others may change between versions. So everything here uses only that method. Each part
of the generator has its own :class:`Dice`, so that a change in one part does not affect the others.
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
    """Seeded random generator.

    Parameters
    ----------
    *seed : object
        Numbers and words, which are joined to one text as the seed.

    Examples
    --------
    >>> Dice(1, "people").below(1000) == Dice(1, "people").below(1000)
    True
    """

    def __init__(self, *seed: object) -> None:
        digest = blake2b("\x00".join(map(str, seed)).encode(), digest_size=16).digest()
        self.random = Random(int.from_bytes(digest, "big")).random

    def below(self, n: int) -> int:
        """Return an integer in ``[0, n)``."""
        return int(self.random() * n)

    def between(self, low: float, high: float) -> float:
        """Return a number in ``[low, high)``."""
        return low + (high - low) * self.random()

    def chance(self, probability: float) -> bool:
        """Return True with the given probability, between 0 and 1."""
        return self.random() < probability

    def pick(self, items: Sequence[T]) -> T:
        """Return a random item."""
        return items[int(self.random() * len(items))]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """Return a new list with the items in random order (Fisher and Yates)."""
        mixed = list(items)
        for i in range(len(mixed) - 1, 0, -1):
            j = int(self.random() * (i + 1))
            mixed[i], mixed[j] = mixed[j], mixed[i]
        return mixed


class Weighted(Generic[T]):
    """Items that are drawn with probabilities in proportion to their weights.

    Parameters
    ----------
    items : sequence
        At least one item.
    weights : sequence of float
        Weight of each item, 0 or more.
    """

    def __init__(self, items: Sequence[T], weights: Sequence[float]) -> None:
        self.items = list(items)
        self._sums = list(accumulate(weights))

    @classmethod
    def of(cls, rows: Sequence[tuple[T, float]]) -> Weighted[T]:
        """Create from pairs of item and weight."""
        return cls([item for item, _ in rows], [weight for _, weight in rows])

    def draw(self, dice: Dice) -> T:
        """Return a random item, according to the weights."""
        return self.items[min(bisect_right(self._sums, dice.random() * self._sums[-1]), len(self.items) - 1)]


class Deck:
    """Deck of the numbers from 0 to ``size - 1``, shuffled again only after all were drawn."""

    def __init__(self, size: int, dice: Dice) -> None:
        self._size, self._dice = size, dice
        self._cards: list[int] = []

    def deal(self) -> int:
        """Draw the next number of the deck."""
        if not self._cards:
            self._cards = self._dice.shuffled(range(self._size))
        return self._cards.pop()


def zipf(n: int, exponent: float = 1.0, offset: float = 2.7) -> list[float]:
    """Return the Zipf–Mandelbrot weights ``1 / (rank + 1 + offset) ** exponent`` of ranks 0 to n − 1."""
    return [1.0 / (rank + 1 + offset) ** exponent for rank in range(n)]
