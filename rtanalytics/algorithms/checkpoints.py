"""Checkpoints of states, for when the past changes: an edit, a delete, a post that is hours late.

Most algorithms cannot undo a bin exactly, because they fold it into moving means. Instead, copies
of their states are kept, closely for the last bins and ever more sparsely for the more distant
past, and the bins after the change are learnt again from the nearest copy. So a change that is
a bins old costs at most about 2a bins, not the whole history, and 2·log₂ of the number of bins
copies are kept.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["Checkpoints"]

S = TypeVar("S")


class Checkpoints(Generic[S]):
    """Copies of a state from before certain bins.

    Parameters
    ----------
    every : int
        Number of bins between two copies of the latest past.

    Raises
    ------
    ValueError
        If ``every`` is less than 1.
    """

    def __init__(self, every: int = 4) -> None:
        if every < 1:
            raise ValueError(f"every must be at least 1, not {every}")
        self.every = every
        self._steps = 0
        self._kept: list[tuple[int, int, S]] = []

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, bin: int, copy: Callable[[], S]) -> None:
        """Keep a copy of the state before a bin is learnt, if one is due.

        Parameters
        ----------
        bin : int
            Number of the bin.
        copy : callable
            Returns a copy of the state; called only if one is due.
        """
        if self._steps % self.every == 0:
            self._kept.append((self._steps, bin, copy()))
            self._thin()
        self._steps += 1

    def _thin(self) -> None:
        """Keep the oldest and the newest copy of each age from 2ⁱ to 2ⁱ⁺¹, in units of ``every``."""
        by_age: dict[int, list[tuple[int, int, S]]] = {}
        for kept in self._kept:
            by_age.setdefault(((self._steps - kept[0]) // self.every + 1).bit_length(), []).append(kept)
        self._kept = [
            kept
            for age in sorted(by_age, reverse=True)
            for kept in (by_age[age] if len(by_age[age]) < 3 else [by_age[age][0], by_age[age][-1]])
        ]

    def before(self, bin: int) -> tuple[int, S] | None:
        """Return the latest copy from before a bin, and drop all later ones.

        Returns
        -------
        (int, S) or None
            The bin before which it was made, and the state: copy it before it learns. None if
            everything has to be learnt again.
        """
        self._kept = [kept for kept in self._kept if kept[1] <= bin]
        if not self._kept:
            self._steps = 0
            return None
        self._steps, first, state = self._kept.pop()
        return first, state
