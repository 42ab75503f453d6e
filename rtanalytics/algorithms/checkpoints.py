"""Checkpoints of states, to recompute them after an edit, a delete or a late message changed the past.

Most algorithms cannot undo a bin exactly, because they fold it into moving means. Instead, copies
of their states are kept: many of the last bins, and fewer and fewer of earlier ones. After a change,
the bins from the last copy before it are processed again. So a change ``a`` bins ago costs at most about
2a bins instead of the whole history, and the number of copies is 2·log₂ of the number of bins.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["Checkpoints"]

S = TypeVar("S")


class Checkpoints(Generic[S]):
    """Copies of a state, each made before a certain bin.

    Parameters
    ----------
    every : int
        Number of bins between the two newest copies.

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
        """Keep a copy of the state before a bin is processed, if one is due.

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
        """Drop copies: of those with an age of 2ⁱ to 2ⁱ⁺¹ times ``every``, keep the oldest and the newest."""
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
            The bin before which the copy was made, and the copied state; copy it again before
            updating it. None if all bins have to be processed again.
        """
        self._kept = [kept for kept in self._kept if kept[1] <= bin]
        if not self._kept:
            self._steps = 0
            return None
        self._steps, first, state = self._kept.pop()
        return first, state
