"""When the past turns out to have been different: an edit, a delete, a post that comes hours late.

Undoing a bin exactly is impossible for most algorithms, which fold it into moving means. Instead
their states are kept as they were, closely for the last bins and ever more sparsely for the more
distant past, and what follows the correction is learnt again from the nearest of them. So a
correction of a bins ago costs about 2a bins at most, not the whole history, and 2·log₂ of the
number of bins states are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from rtanalytics.algorithms.contract import Algorithm, Scores, State
from rtanalytics.counts import BinCounts

__all__ = ["Amending", "Checkpoints"]

S = TypeVar("S")


class Checkpoints(Generic[S]):
    """States as they were before certain bins.

    Parameters
    ----------
    every : int
        How many bins lie between two states of the latest past.

    Raises
    ------
    ValueError
        If ``every`` is less than 1.
    """

    def __init__(self, every: int = 4) -> None:
        if every < 1:
            raise ValueError(f"every is {every}; states are kept every bin at the most")
        self.every = every
        self._steps = 0
        self._kept: list[tuple[int, int, S]] = []

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, bin: int, copy: Callable[[], S]) -> None:
        """A bin is about to be learnt: keep the state if it is time to.

        Parameters
        ----------
        bin : int
            Number of the bin.
        copy : callable
            Gives a copy of the state; called only if it is wanted.
        """
        if self._steps % self.every == 0:
            self._kept.append((self._steps, bin, copy()))
            self._thin()
        self._steps += 1

    def _thin(self) -> None:
        """Of the ages from 2ⁱ to 2ⁱ⁺¹, in units of ``every``, keep the oldest and the newest."""
        by_age: dict[int, list[tuple[int, int, S]]] = {}
        for kept in self._kept:
            by_age.setdefault(((self._steps - kept[0]) // self.every + 1).bit_length(), []).append(kept)
        self._kept = [
            kept
            for age in sorted(by_age, reverse=True)
            for kept in (by_age[age] if len(by_age[age]) < 3 else [by_age[age][0], by_age[age][-1]])
        ]

    def before(self, bin: int) -> tuple[int, S] | None:
        """The latest state that knows nothing of a bin, nor of later ones; later states are dropped.

        Returns
        -------
        (int, S) or None
            The bin before which it was kept, and the state itself: copy it before it learns. None
            if the very beginning is all that is left.
        """
        self._kept = [kept for kept in self._kept if kept[1] <= bin]
        if not self._kept:
            self._steps = 0
            return None
        self._steps, first, state = self._kept.pop()
        return first, state


class Amending:
    """An algorithm's live face, to which one can also say that past bins have changed.

    Parameters
    ----------
    algorithm : Algorithm
        One that takes bins as they come.
    every : int
        As of :class:`Checkpoints`.

    Examples
    --------
    >>> import numpy as np
    >>> from datetime import timedelta
    >>> from rtanalytics.trending import get
    >>> said = {n: BinCounts(n, np.array([0]), np.array([2.0]), 9.0, timedelta(hours=1)) for n in range(50)}
    >>> scorer = Amending(get("count", bins=3))
    >>> [float(scorer.step(said[n]).score[0]) for n in range(49)][-1]
    6.0
    >>> said[47] = BinCounts(47, np.array([0]), np.array([5.0]), 12.0, timedelta(hours=1))
    >>> scorer.amend(47, lambda first: (said[n] for n in range(first, 49)))
    5
    >>> float(scorer.step(said[49]).score[0])
    9.0
    """

    def __init__(self, algorithm: Algorithm, every: int = 4) -> None:
        self.algorithm = algorithm
        self.state = algorithm.start()
        self._checkpoints: Checkpoints[State] = Checkpoints(every)

    def step(self, bin: BinCounts) -> Scores:
        """Score the terms of the next bin and learn it, as the algorithm does."""
        self._checkpoints.keep(bin.bin, self.state.copy)
        return self.algorithm.step(self.state, bin)

    def amend(self, changed: int, again: Callable[[int], Iterable[BinCounts]]) -> int:
        """Learn what is true now.

        Parameters
        ----------
        changed : int
            The earliest bin that is not what it was when it was learnt.
        again : callable
            Gives the bins from a number on, up to the last one that was learnt, as they are now.

        Returns
        -------
        int
            How many bins were learnt again.
        """
        known = self._checkpoints.before(changed)
        first, self.state = known or (_BEGINNING, self.algorithm.start())
        learnt = 0
        for bin in again(first):
            self.step(bin)
            learnt += 1
        return learnt


_BEGINNING = -(1 << 62)
