"""Sums over a stream without end, in memory that does not grow, with errors that are known.

* :class:`CountMin` answers how often anything was said: never too little, seldom much too much.
* :class:`Frequent` knows what was said most: never too much, and too little by a known amount.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from math import ceil, e, log

import numpy as np
import numpy.typing as npt

__all__ = ["CountMin", "Frequent"]

Hashes = npt.NDArray[np.uint64]


def hashes(keys: Iterable[str]) -> Hashes:
    """64 bits of each key, the same in every process."""
    joined = b"".join(blake2b(key.encode("utf-8", "replace"), digest_size=8).digest() for key in keys)
    return np.frombuffer(joined, np.uint64)


class CountMin:
    """How often each of any number of keys was added, from above.

    A table of ``depth`` rows; in each a key's counts go to one of ``width`` cells, chosen by a hash
    of the row's own, and the least of its cells is the answer: Cormode & Muthukrishnan (2005), "An
    improved data stream summary: the count-min sketch and its applications". Rows hash by
    multiplying and shifting: Dietzfelbinger, Hagerup, Katajainen & Penttonen (1997).

    Parameters
    ----------
    error : float
        ε: an answer is at most ε × :attr:`total` too large …
    doubt : float
        δ: … but for a share δ of the keys. Answers are never too small.
    seed : int
        Of the hashes; sketches can be compared if they have the same.

    Examples
    --------
    >>> sketch = CountMin(error=0.01)
    >>> sketch.add(["venv", "conda"], [3, 1])
    >>> sketch.count("venv"), sketch.total
    (3, 4)
    """

    def __init__(self, error: float = 1e-4, doubt: float = 0.01, *, seed: int = 2005) -> None:
        if not (0 < error < 1 and 0 < doubt < 1):
            raise ValueError(f"error and doubt are shares between 0 and 1, not {error} and {doubt}")
        self.error, self.doubt = error, doubt
        bits = (ceil(e / error) - 1).bit_length()
        depth = ceil(log(1 / doubt))
        self._shift = np.uint64(64 - bits)
        self._cells = np.zeros((depth, 1 << bits), np.int64)
        rng = np.random.default_rng(seed)
        self._odd = rng.integers(0, 1 << 63, depth, np.uint64) * np.uint64(2) + np.uint64(1)
        self._more = rng.integers(0, 1 << 63, depth, np.uint64)
        self.total = 0

    @property
    def nbytes(self) -> int:
        """Memory of the table; it never changes."""
        return self._cells.nbytes

    def _places(self, keys: Hashes) -> npt.NDArray[np.int64]:
        mixed = keys[None, :] * self._odd[:, None] + self._more[:, None]
        places: npt.NDArray[np.int64] = (mixed >> self._shift).astype(np.int64)
        return places

    def add(self, keys: Sequence[str], counts: npt.ArrayLike) -> None:
        """Add counts, none negative, to keys."""
        given = np.asarray(counts, np.int64)
        for row, places in zip(self._cells, self._places(hashes(keys)), strict=True):
            np.add.at(row, places, given)
        self.total += int(given.sum())

    def count(self, key: str) -> int:
        """How often a key was added, or a little more."""
        places = self._places(hashes([key]))[:, 0]
        return int(self._cells[np.arange(len(places)), places].min())


class Frequent:
    """The keys that were added most, and how often, from below.

    Counters for at most ``size`` keys. When there are more, all are lowered by the largest that
    must go, so that a count lacks at most :attr:`lowered` ≤ :attr:`total` / (size + 1), and every key
    added more often than that has a counter: Misra & Gries (1982), "Finding repeated elements";
    whole bins at a time as in Agarwal, Cormode, Huang, Phillips, Wei & Yi (2013), "Mergeable summaries".

    Parameters
    ----------
    size : int
        Number of counters.

    Examples
    --------
    >>> frequent = Frequent(2)
    >>> frequent.add(["venv", "conda", "pip"], [5, 3, 1])
    >>> frequent.top(2), frequent.lowered
    ([('venv', 4), ('conda', 2)], 1)
    """

    def __init__(self, size: int = 10_000) -> None:
        if size < 1:
            raise ValueError(f"at least one counter is needed, not {size}")
        self.size = size
        self.total = self.lowered = 0
        self._counts: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._counts)

    def add(self, keys: Sequence[str], counts: npt.ArrayLike) -> None:
        """Add counts, none negative, to keys."""
        held = self._counts
        for key, count in zip(keys, np.asarray(counts, np.int64).tolist(), strict=True):
            held[key] = held.get(key, 0) + count
            self.total += count
        if len(held) > self.size:
            down = int(np.partition(np.fromiter(held.values(), np.int64), -self.size - 1)[-self.size - 1])
            self._counts = {key: count - down for key, count in held.items() if count > down}
            self.lowered += down

    def count(self, key: str) -> int:
        """How often a key was added, or at most :attr:`lowered` less."""
        return self._counts.get(key, 0)

    def top(self, n: int) -> list[tuple[str, int]]:
        """The ``n`` keys with the largest counts, largest first; of equal counts by name."""
        return sorted(self._counts.items(), key=lambda item: (-item[1], item[0]))[:n]
