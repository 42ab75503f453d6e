"""The compiled part of counting one bin: its messages in, who says which term out."""

# ruff: noqa: C901, PLR0912, PLR0915
# One long loop each: numba's calls would cost more than the work they hide.

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from rtanalytics.terms import ALONE, CONTENT, EDGE, INNER

__all__ = ["copies", "phrases", "tally", "words"]

_HASHES = 32
"""MinHash values of a message, in bands of two: of pairs with a Jaccard similarity of 0.6 one in a
thousand is missed."""
_ODD = np.random.default_rng(2026).integers(0, 1 << 62, _HASHES).astype(np.uint64) * np.uint64(2) + np.uint64(
    1
)
_CHAIN = 32
"""Different messages of one bucket are compared with at most so many others."""


@njit(cache=True)
def _mixed(x: Any) -> Any:
    """A number well mixed (the finaliser of SplitMix64)."""
    x = np.uint64(x)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@njit(cache=True, nogil=True)
def words(rows: Any, offsets: Any, tokens: Any, term_of: Any, uses: Any, seen: Any, stamp: Any) -> Any:
    """Which message says which term that is no phrase, each pair once.

    Parameters
    ----------
    rows, offsets, tokens
        Messages, where each one's tokens begin, and the surface of each token.
    term_of, uses
        Term and use of each surface.
    seen : numpy.ndarray of int64
        Scratch, as long as there are terms; holds nothing from ``stamp`` on.
    stamp : int
        Marks the first of the rows.

    Returns
    -------
    (numpy.ndarray of int32, numpy.ndarray of int32)
        Places in ``rows``, ascending, and terms.
    """
    room = 0
    for row in rows:
        room += offsets[row + 1] - offsets[row]
    places, terms = np.empty(room, np.int32), np.empty(room, np.int32)
    size = 0
    for place in range(len(rows)):
        for i in range(offsets[rows[place]], offsets[rows[place] + 1]):
            surface = tokens[i]
            if surface >= 0 and uses[surface] & ALONE != 0:
                term = term_of[surface]
                if seen[term] != stamp + place:
                    seen[term] = stamp + place
                    places[size], terms[size] = place, term
                    size += 1
    return places[:size], terms[:size]


@njit(cache=True)
def _slot(pairs: Any, thirds: Any, said: Any, pair: Any, third: Any) -> Any:
    """Where a phrase is in an open table, or would be."""
    mask = np.uint64(len(pairs) - 1)
    slot = (_mixed(pair) + np.uint64(third + 1) * np.uint64(0x9E3779B97F4A7C15)) & mask
    while said[slot] != 0 and (pairs[slot] != pair or thirds[slot] != third):
        slot = (slot + np.uint64(1)) & mask
    return np.int64(slot)


@njit(cache=True, nogil=True)
def phrases(rows: Any, offsets: Any, tokens: Any, term_of: Any, uses: Any, least: Any) -> Any:
    """Phrases of two and three words that at least ``least`` of the messages say.

    Parameters
    ----------
    rows, offsets, tokens, term_of, uses
        As for :func:`words`.
    least : int
        So many messages make a phrase.

    Returns
    -------
    (numpy.ndarray of int32, numpy.ndarray of int32, numpy.ndarray of int32, shape (n, 3))
        Places in ``rows``, ascending, and the phrases said there, as places in the last: the
        words of each phrase, −1 where it has only two.
    """
    room = 0
    for row in rows:
        room += offsets[row + 1] - offsets[row]
    size = 64
    while size < 3 * room:
        size *= 2
    pairs, thirds = np.empty(size, np.int64), np.empty(size, np.int32)
    said, last = np.zeros(size, np.int32), np.empty(size, np.int32)
    slots, places = np.empty(2 * room, np.int32), np.empty(2 * room, np.int32)
    found = 0
    for place in range(len(rows)):
        a, b = np.int64(-1), np.int64(-1)
        for i in range(offsets[rows[place]], offsets[rows[place] + 1]):
            c = np.int64(tokens[i])
            if c >= 0 and b >= 0 and uses[c] & EDGE != 0:
                for words in range(2, 4):
                    if words == 2:
                        if uses[b] & EDGE == 0:
                            continue
                        pair, third = (np.int64(term_of[b]) << 32) | term_of[c], np.int64(-1)
                    else:
                        if a < 0 or uses[a] & EDGE == 0 or uses[b] & INNER == 0:
                            continue
                        pair, third = (np.int64(term_of[a]) << 32) | term_of[b], np.int64(term_of[c])
                    slot = _slot(pairs, thirds, said, pair, third)
                    if said[slot] == 0:
                        pairs[slot], thirds[slot], last[slot] = pair, third, -1
                    if last[slot] != place:
                        last[slot] = place
                        said[slot] += 1
                        slots[found], places[found] = slot, place
                        found += 1
            a, b = b, c
            if c < 0:
                a = c
    kept = 0
    for k in range(found):
        if said[slots[k]] >= least:
            slots[kept], places[kept] = slots[k], places[k]
            kept += 1
    words_of = np.empty((kept, 3), np.int32)
    number = last  # no longer needed: receives the place of each phrase that is kept
    for k in range(kept):
        number[slots[k]] = -1
    different = 0
    for k in range(kept):
        slot = slots[k]
        if number[slot] < 0:
            number[slot] = different
            words_of[different, 0] = pairs[slot] >> 32
            words_of[different, 1] = pairs[slot] & 0xFFFFFFFF
            words_of[different, 2] = thirds[slot]
            different += 1
        slots[k] = number[slot]
    return places[:kept].copy(), slots[:kept].copy(), words_of[:different].copy()


@njit(cache=True, nogil=True)
def tally(places: Any, terms: Any, local: Any, authors: Any, originals: Any) -> Any:
    """Group who says what by term, and count it in each channel.

    Parameters
    ----------
    places, terms : numpy.ndarray of int32, shape (n,)
        Which message says which term, each pair once, messages ascending.
    local : numpy.ndarray of int32
        Scratch, as long as there are terms, all −1; left as it was.
    authors : numpy.ndarray of int32
        Author of each message.
    originals : numpy.ndarray of bool
        Which messages are no copies of others.

    Returns
    -------
    tuple of numpy.ndarray
        The terms, in no order; where the messages of each begin; the messages; and for each
        term its messages, its authors, and its authors of originals.
    """
    n = len(places)
    numbers = np.empty(n, np.int32)
    different = np.empty(n, np.int32)
    size = 0
    for k in range(n):
        term = terms[k]
        if local[term] < 0:
            local[term] = size
            different[size] = term
            size += 1
        numbers[k] = local[term]
    starts = np.zeros(size + 1, np.int64)
    for k in range(n):
        starts[numbers[k] + 1] += 1
    for t in range(size):
        local[different[t]] = -1
        starts[t + 1] += starts[t]
    at = starts[:-1].copy()
    messages = np.empty(n, np.int32)
    for k in range(n):
        messages[at[numbers[k]]] = places[k]
        at[numbers[k]] += 1
    most = 0
    for author in authors:
        most = max(most, author + 1)
    seen, seen_original = np.full(most, -1, np.int32), np.full(most, -1, np.int32)
    people, voices = np.zeros(size, np.int32), np.zeros(size, np.int32)
    for t in range(size):
        for k in range(starts[t], starts[t + 1]):
            message = messages[k]
            author = authors[message]
            if seen[author] != t:
                seen[author] = t
                people[t] += 1
            if originals[message] and seen_original[author] != t:
                seen_original[author] = t
                voices[t] += 1
    said = (starts[1:] - starts[:-1]).astype(np.int32)
    return different[:size].copy(), starts, messages, said, people, voices


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
    lowest = np.empty((n, _HASHES), np.uint64)
    size = 0
    for place in range(n):
        before, content, first = np.uint64(0), 0, size
        for i in range(offsets[rows[place]], offsets[rows[place] + 1]):
            surface = tokens[i]
            if surface >= 0 and uses[surface] & CONTENT != 0:
                word = np.uint64(hashes[surface])
                if content > 0:
                    shingles[size] = _mixed((before << np.uint64(32)) | word)
                    size += 1
                before = word
                content += 1
        if content < least:
            size = first
        found = np.sort(shingles[first:size])
        size = first
        for k in range(len(found)):
            if k == 0 or found[k] != found[k - 1]:
                shingles[size] = found[k]
                size += 1
        starts[place], ends[place] = first, size
        for h in range(_HASHES):
            low = np.uint64(0xFFFFFFFFFFFFFFFF)
            for k in range(first, size):
                low = min(low, shingles[k] * _ODD[h])
            lowest[place, h] = low
    buckets = 64
    while buckets < 2 * n:
        buckets *= 2
    for band in range(_HASHES // 2):
        first_of = np.full(buckets, -1, np.int64)
        next_of = np.full(n, -1, np.int64)
        for place in range(n):
            if starts[place] == ends[place]:
                continue
            key = _mixed(lowest[place, 2 * band] ^ (lowest[place, 2 * band + 1] >> np.uint64(1)))
            bucket = np.int64(key & np.uint64(buckets - 1))
            other, last, tried = first_of[bucket], np.int64(-1), 0
            same = False
            while other >= 0 and tried < _CHAIN and not same:
                like = _alike(shingles, starts[place], ends[place], starts[other], ends[other])
                if like >= alike:
                    a, b = _root(parents, other), _root(parents, place)
                    parents[max(a, b)] = min(a, b)
                same = like == 1.0
                last = other
                other = next_of[other]
                tried += 1
            if not same and tried < _CHAIN:
                if last < 0:
                    first_of[bucket] = place
                else:
                    next_of[last] = place
    for place in range(n):
        parents[place] = _root(parents, place)
    return parents
