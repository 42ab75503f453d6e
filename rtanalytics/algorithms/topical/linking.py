"""Average-link clustering of a few dozen terms by their messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from rtanalytics.counts import Floats

__all__ = ["average_link", "shared_by"]


def shared_by(messages: Sequence[npt.NDArray[np.integer[Any]]], documents: int) -> Floats:
    """Return the share of the rarer term's messages that contain the other term too.

    Parameters
    ----------
    messages : sequence of numpy.ndarray of int
        Places of the messages with each term.
    documents : int
        Number of messages.

    Returns
    -------
    numpy.ndarray of float64, shape (n, n)
        |A ∩ B| / min(|A|, |B|), 1 on the diagonal.
    """
    occurs = np.zeros((len(messages), documents), np.float32)
    for i, places in enumerate(messages):
        occurs[i, places] = 1.0
    sizes = occurs.sum(axis=1, dtype=np.float64)
    shares: Floats = (occurs @ occurs.T).astype(np.float64) / np.minimum.outer(sizes, sizes)
    return shares


def average_link(similarity: Floats, min_similarity: float) -> list[list[int]]:
    """Merge the two most similar clusters repeatedly while they are similar enough.

    The similarity of two clusters is the mean over all pairs. Of equal ones, the first
    pair is merged, so the result depends only on the matrix.

    Parameters
    ----------
    similarity : numpy.ndarray of float64, shape (n, n)
        Symmetric.
    min_similarity : float
        Clusters that are less similar are not merged.

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
        if means[i, j] < min_similarity:
            break
        members[i] += members[j]
        sums[i] += sums[j]
        sums[:, i] += sums[:, j]
        counts[i] += counts[j]
        counts[j] = 0.0
        means[j, :] = means[:, j] = -1.0
        alive = counts > 0
        # means of the same numbers, summed in another order, must be equal
        mean = np.where(alive, np.round(sums[i] / np.maximum(counts * counts[i], 1.0), 12), -1.0)
        means[i, i + 1 :] = mean[i + 1 :]
        means[:i, i] = mean[:i]
    return [sorted(m) for m, n in zip(members, counts, strict=True) if n > 0]
