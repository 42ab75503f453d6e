"""Near-duplicates among the messages of one bin, found by MinHash and then compared."""

# ruff: noqa: C901, PLR0912, PLR0915
# One long loop: in numba, calls would cost more than the work in them.

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from rtanalytics.counts.kernel import mixed
from rtanalytics.terms import CONTENT

__all__ = ["copies"]

_HASHES = 32
"""MinHash values of a message (Broder 1997), in bands of two: of the
pairs with a Jaccard similarity of 0.6, one in a thousand is missed."""
_ODD = np.random.default_rng(2026).integers(0, 1 << 62, _HASHES).astype(np.uint64) * np.uint64(2) + np.uint64(
    1
)
_CHAIN = 32
"""Maximum number of comparisons per message and bucket."""


@njit(cache=True)
def _root(parents: Any, i: Any) -> Any:
    while parents[i] != i:
        parents[i] = parents[parents[i]]
        i = parents[i]
    return i


@njit(cache=True)
def _jaccard(shingles: Any, i: Any, a: Any, j: Any, b: Any) -> Any:
    """Return the Jaccard similarity of the sets ``shingles[i:a]`` and ``shingles[j:b]``, both ascending."""
    both, total = 0, (a - i) + (b - j)
    while i < a and j < b:
        if shingles[i] == shingles[j]:
            both += 1
            i += 1
            j += 1
        elif shingles[i] < shingles[j]:
            i += 1
        else:
            j += 1
    return both / (total - both)


@njit(cache=True)
def _drop_singular(shingles: Any, size: Any, starts: Any, ends: Any, similarity: Any) -> None:
    """Empty the lists of messages that share too few word pairs with any other message to be copies.

    Two copies have at least the share ``similarity`` of each one's pairs in common. Pairs are
    distinguished by part of their hash only: that may keep some messages too many, never too few.
    """
    room = 256
    while room < 4 * size:
        room *= 2
    often, fold = np.zeros(room, np.uint8), np.uint64(room - 1)
    for k in range(size):
        at = shingles[k] & fold
        if often[at] < 2:
            often[at] += 1
    for place in range(len(starts)):
        shared = 0
        for k in range(starts[place], ends[place]):
            shared += often[shingles[k] & fold] > 1
        if shared + 1e-6 < similarity * (ends[place] - starts[place]):
            ends[place] = starts[place]


@njit(cache=True, nogil=True)
def copies(
    rows: Any, offsets: Any, tokens: Any, hashes: Any, uses: Any, similarity: Any, min_words: Any
) -> Any:
    """Return, for each message, the first message that it copies; itself if none.

    A message is a copy of another if their pairs of neighbouring words (addresses and handles left
    out) are similar.

    Parameters
    ----------
    rows, offsets, tokens, uses
        As for :func:`rtanalytics.counts.kernel.words`, in the order of time.
    hashes : numpy.ndarray of uint32
        Hash of each surface's key.
    similarity : float
        Jaccard similarity from which a message is a copy.
    min_words : int
        Messages of fewer words are never copies, because different people write the same short message.

    Returns
    -------
    numpy.ndarray of int64
        Places in ``rows``.
    """
    n = len(rows)
    parents = np.arange(n)
    room = 0
    for row in rows:
        room += offsets[row + 1] - offsets[row]
    shingles = np.empty(room, np.uint64)
    starts, ends = np.zeros(n, np.int64), np.zeros(n, np.int64)
    size = 0
    for place in range(n):
        before, content, first = np.uint64(0), 0, size
        for i in range(offsets[rows[place]], offsets[rows[place] + 1]):
            surface = tokens[i]
            if surface >= 0 and uses[surface] & CONTENT != 0:
                word = np.uint64(hashes[surface])
                if content > 0:
                    shingles[size] = mixed((before << np.uint64(32)) | word)
                    size += 1
                before = word
                content += 1
        if content < min_words:
            size = first
        starts[place], ends[place] = first, size
    _drop_singular(shingles, size, starts, ends, similarity)
    lowest = np.empty((n, _HASHES), np.uint64)
    candidates = 0
    for place in range(n):
        first, size = starts[place], starts[place]
        if ends[place] == first:
            continue
        candidates += 1
        found = np.sort(shingles[first : ends[place]])
        for k in range(len(found)):
            if k == 0 or found[k] != found[k - 1]:
                shingles[size] = found[k]
                size += 1
        ends[place] = size
        for h in range(_HASHES):
            low = np.uint64(0xFFFFFFFFFFFFFFFF)
            for k in range(first, size):
                low = min(low, shingles[k] * _ODD[h])
            lowest[place, h] = low
    if candidates < 2:
        return parents
    buckets = 64
    while buckets < 2 * candidates:
        buckets *= 2
    for band in range(_HASHES // 2):
        first_of = np.full(buckets, -1, np.int64)
        next_of = np.full(n, -1, np.int64)
        for place in range(n):
            if starts[place] == ends[place]:
                continue
            key = mixed(lowest[place, 2 * band] ^ (lowest[place, 2 * band + 1] >> np.uint64(1)))
            bucket = np.int64(key & np.uint64(buckets - 1))
            other, last, tried = first_of[bucket], np.int64(-1), 0
            same = False
            while other >= 0 and tried < _CHAIN and not same:
                a, b = _root(parents, other), _root(parents, place)
                if a != b:
                    like = _jaccard(shingles, starts[place], ends[place], starts[other], ends[other])
                    if like >= similarity:
                        parents[max(a, b)] = min(a, b)
                    same = like == 1.0
                last = other
                other = next_of[other]
                tried += 1
            if same:
                ends[place] = starts[place]  # the equal message represents it in the remaining bands
            elif tried < _CHAIN:
                if last < 0:
                    first_of[bucket] = place
                else:
                    next_of[last] = place
    for place in range(n):
        parents[place] = _root(parents, place)
    return parents
