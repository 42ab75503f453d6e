"""Near-duplicates among the messages of one bin, found by MinHash and then compared."""

# ruff: noqa: C901, PLR0912, PLR0915
# One long loop: numba's calls would cost more than the work they hide.

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from rtanalytics.counts.kernel import mixed
from rtanalytics.terms import CONTENT

__all__ = ["copies"]

_HASHES = 32
"""MinHash values of a message (Broder 1997), in bands of two: of pairs with a Jaccard similarity of
0.6 one in a thousand is missed."""
_ODD = np.random.default_rng(2026).integers(0, 1 << 62, _HASHES).astype(np.uint64) * np.uint64(2) + np.uint64(
    1
)
_CHAIN = 32
"""Different messages of one bucket are compared with at most so many others."""


@njit(cache=True)
def _root(parents: Any, i: Any) -> Any:
    while parents[i] != i:
        parents[i] = parents[parents[i]]
        i = parents[i]
    return i


@njit(cache=True)
def _alike(shingles: Any, i: Any, a: Any, j: Any, b: Any) -> Any:
    """Jaccard similarity of two ascending lists: ``shingles[i:a]`` and ``shingles[j:b]``."""
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
def _leave_out_singular(shingles: Any, size: Any, starts: Any, ends: Any, alike: Any) -> None:
    """Empty the lists of messages of which too few pairs are said by any other.

    What two messages share is at least the share ``alike`` of each one's pairs. Pairs are only
    told apart by part of their hash: that leaves some in, and none out.
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
        if shared + 1e-6 < alike * (ends[place] - starts[place]):
            ends[place] = starts[place]


@njit(cache=True, nogil=True)
def copies(rows: Any, offsets: Any, tokens: Any, hashes: Any, uses: Any, alike: Any, least: Any) -> Any:
    """For each message, the first one that it copies; itself if none.

    A message is a copy of another if the pairs of neighbouring words that they are made of
    (addresses and handles left out) are alike: equal, or equal but for a share.

    Parameters
    ----------
    rows, offsets, tokens, uses
        As for :func:`words`; the first of equal messages comes first in ``rows``.
    hashes : numpy.ndarray of uint32
        Hash of each surface's key.
    alike : float
        Jaccard similarity from which a message is a copy.
    least : int
        Messages of fewer words are never copies: people do say the same.

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
        if content < least:
            size = first
        starts[place], ends[place] = first, size
    _leave_out_singular(shingles, size, starts, ends, alike)
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
                    like = _alike(shingles, starts[place], ends[place], starts[other], ends[other])
                    if like >= alike:
                        parents[max(a, b)] = min(a, b)
                    same = like == 1.0
                last = other
                other = next_of[other]
                tried += 1
            if same:
                ends[place] = starts[place]  # its twin stands for it in the bands to come
            elif tried < _CHAIN:
                if last < 0:
                    first_of[bucket] = place
                else:
                    next_of[last] = place
    for place in range(n):
        parents[place] = _root(parents, place)
    return parents
