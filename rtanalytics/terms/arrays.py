"""Arrays that grow."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

__all__ = ["grown"]

T = TypeVar("T", bound=np.generic)


def grown(old: npt.NDArray[T], size: int, fill: int = 0) -> npt.NDArray[T]:
    """Return the array with room for at least ``size`` rows; new rows are set to ``fill``.

    The room at least doubles, so that appending one row at a time costs linear time in total.
    """
    if len(old) >= size:
        return old
    new = np.full((max(size, 2 * len(old)), *old.shape[1:]), fill, old.dtype)
    new[: len(old)] = old
    return new
