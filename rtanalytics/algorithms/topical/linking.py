"""Average-link clustering of a few dozen terms by the messages that say them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from rtanalytics.counts import Floats

__all__ = ["average_link", "shared_by"]


def shared_by(messages: Sequence[npt.NDArray[np.integer[Any]]], documents: int) -> Floats:
    """How many of the messages of the rarer term say the other too, as a share.

    Parameters
    ----------
    messages : sequence of numpy.ndarray of int
        Places of the messages that say each term.
    documents : int
        How many messages there are.

    Returns
    -------
    numpy.ndarray of float64, shape (n, n)
        |A ∩ B| / min(|A|, |B|), 1 on the diagonal.
    """
    said = np.zeros((len(messages), documents), np.float32)
    for i, places in enumerate(messages):
        said[i, places] = 1.0
    sizes = said.sum(axis=1, dtype=np.float64)
    shares: Floats = (said @ said.T).astype(np.float64) / np.minimum.outer(sizes, sizes)
    return shares


def average_link(similarity: Floats, least: float) -> list[list[int]]:
    """Merge the two most similar clusters, again and again, while they are similar enough.

    The similarity of two clusters is the mean over all pairs. Of equal ones, the pair that stands
    first is merged, so the result depends on nothing but the matrix.

    Parameters
    ----------
    similarity : numpy.ndarray of float64, shape (n, n)
        Symmetric.
    least : float
        Clusters less similar than this are left apart.

    Returns
    -------
    list of list of int
        Clusters in the order of their first members; members ascending.
    """
    size = len(similarity)
    sums = similarity.astype(np.float64).copy()
    counts = np.ones(size)
    members = [[i] for i in range(size)]
    upper = np.triu(np.ones((size, size), np.bool_), 1)
    means = np.where(upper, np.round(sums, 12), -1.0)
    while size > 1:
        place = int(np.argmax(means))
        i, j = divmod(place, size)
        if means[i, j] < least:
            break
        members[i] += members[j]
        sums[i] += sums[j]
        sums[:, i] += sums[:, j]
        counts[i] += counts[j]
        counts[j] = 0.0
        means[j, :] = means[:, j] = -1.0
        alive = counts > 0
        # means of the same numbers, added up in another order, shall be equal
        mean = np.where(alive, np.round(sums[i] / np.maximum(counts * counts[i], 1.0), 12), -1.0)
        means[i, i + 1 :] = mean[i + 1 :]
        means[:i, i] = mean[:i]
    return [sorted(m) for m, n in zip(members, counts, strict=True) if n > 0]
