"""Compiled functions that count the terms of one bin."""

# ruff: noqa: C901, PLR0912, PLR0915
# One long loop each: in numba, calls would cost more than the work in them.

from __future__ import annotations

from math import log
from typing import Any

import numpy as np
from numba import njit

from rtanalytics.terms import ALONE, EDGE, INNER

__all__ = ["add_uses", "mixed", "of_kind", "phrases", "speakers", "surface_uses", "tally", "words"]


@njit(cache=True, inline="always")
def mixed(x: Any) -> Any:
    """Mix the bits of a number (the finaliser of SplitMix64)."""
    x = np.uint64(x)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@njit(cache=True, nogil=True)
def words(
    rows: Any,
    offsets: Any,
    tokens: Any,
    term_of: Any,
    uses: Any,
    language: Any,
    seen: Any,
    stamp: Any,
    frequency: Any,
) -> Any:
    """Find the terms other than phrases in messages, each pair of message and term once.

    Parameters
    ----------
    rows, offsets, tokens
        Rows of the messages, offsets of their tokens, and the surface of each token.
    term_of : numpy.ndarray of int32
        Term of each surface.
    uses : numpy.ndarray of uint8, shape (languages, surfaces)
        Flags of each surface, see :attr:`rtanalytics.terms.Vocabulary.uses`.
    language : numpy.ndarray of uint8
        Row of ``uses`` for each message of the log.
    seen : numpy.ndarray of int64
        Working memory, one value per term: which message contained the term last. All values are below
        ``2 * stamp``.
    stamp : int
        Number of the first message, higher than in earlier calls with the same ``seen``.
    frequency : numpy.ndarray of int32
        One value per term; receives the number of messages of each term that can be part of a phrase.
        The values of other terms do not change.

    Returns
    -------
    (numpy.ndarray of int32, numpy.ndarray of int32)
        Places in ``rows``, ascending, and terms.
    """
    room = 0
    for row in rows:
        room += offsets[row + 1] - offsets[row]
    places, terms = np.empty(room, np.int32), np.empty(room, np.int32)
    size, before = 0, 2 * stamp
    for place in range(len(rows)):
        row = rows[place]
        spoken, mark = language[row], 2 * (stamp + place)
        for i in range(offsets[row], offsets[row + 1]):
            surface = tokens[i]
            if surface < 0:
                continue
            use = uses[spoken, surface]
            if use & (ALONE | EDGE) == 0:
                continue
            term = term_of[surface]
            last = seen[term]
            if last < mark:
                frequency[term] = frequency[term] + 1 if last >= before else 1
                seen[term] = last = mark
            if use & ALONE != 0 and last == mark:
                seen[term] = mark + 1
                places[size], terms[size] = place, term
                size += 1
    return places[:size], terms[:size]


@njit(cache=True)
def _npmi(both: Any, one: Any, other: Any, all: Any) -> Any:
    """Return the normalised pointwise mutual information of two terms, from numbers of messages.

    1 if they only occur together, 0 if as often as by chance: ln(p₁₂ / p₁p₂) / −ln p₁₂
    (Bouma 2009, "Normalized (pointwise) mutual information in collocation extraction").
    """
    if both >= all:
        return 1.0
    return log(both * all / (one * other)) / log(all / both)


@njit(cache=True, nogil=True)
def phrases(
    rows: Any,
    offsets: Any,
    tokens: Any,
    term_of: Any,
    uses: Any,
    language: Any,
    frequency: Any,
    min_count: Any,
    min_npmi: Any,
) -> Any:
    """Find phrases of two and three words that occur more often than by chance.

    Parameters
    ----------
    rows, offsets, tokens, term_of, uses, language
        As for :func:`words`.
    frequency : numpy.ndarray of int32
        Number of messages of each term, as counted by :func:`words`.
    min_count : int
        Minimum number of messages of a phrase.
    min_npmi : float
        Minimum normalised pointwise mutual information of a phrase of two words; one of three must
        reach it both for its first two words and the third, and for the first and the other two.

    Returns
    -------
    (numpy.ndarray of int32, numpy.ndarray of int32, numpy.ndarray of int32, shape (n, 3))
        Places in ``rows`` (ascending for phrases of two words, then for those of three), the phrase
        at each, and the words of the phrases: −1 as the third word of those that have only two.
    """
    n = len(rows)
    room = 0
    for row in rows:
        room += offsets[row + 1] - offsets[row]
    size = 256
    while size < 2 * room:
        size *= 2
    # Upper bounds of the pairs' counts: pairs that share a place only let too many pass.
    upper, fold = np.zeros(size, np.uint8), np.uint64(size - 1)
    for row in rows:
        before = np.int32(-1)
        for i in range(offsets[row], offsets[row + 1]):
            surface = tokens[i]
            term = np.int32(-1)
            if surface >= 0 and uses[language[row], surface] & (EDGE | INNER) != 0:
                term = term_of[surface]
                if before >= 0:
                    at = _pair(before, term) & fold
                    if upper[at] < 255:
                        upper[at] += 1
            before = term
    # The pairs that may be frequent enough, in the order of the texts.
    limit = min(min_count, 255)
    places, keys = np.empty(room, np.int32), np.empty(room, np.int64)
    flags = np.empty(room, np.uint8)
    found = 0
    for place in range(n):
        row = rows[place]
        before, use_before, fits = np.int32(-1), np.uint8(0), False
        for i in range(offsets[row], offsets[row + 1]):
            surface = tokens[i]
            term, use = np.int32(-1), np.uint8(0)
            passed = False
            if surface >= 0:
                use = uses[language[row], surface]
                if use & (EDGE | INNER) != 0:
                    term = term_of[surface]
                    if before >= 0 and upper[_pair(before, term) & fold] >= limit:
                        places[found] = place
                        keys[found] = (np.int64(before) << 32) | term
                        flag = _CHAINED if fits else 0
                        flag |= _FIRST if use_before & EDGE != 0 else 0
                        flag |= _LAST if use & EDGE != 0 else 0
                        flag |= _MIDDLE if use & INNER != 0 else 0
                        flags[found] = flag
                        found += 1
                        passed = True
            before, use_before, fits = term, use, passed
    slots = np.full(_room_for(found), -1, np.int32)
    fold = np.uint64(len(slots) - 1)
    number = np.empty(found, np.int32)
    first_of = np.empty(found, np.int32)  # an occurrence of each pair
    near, proper = np.zeros(found, np.int32), np.zeros(found, np.int32)
    last_near, last_proper = np.full(found, -1, np.int32), np.full(found, -1, np.int32)
    pairs = 0
    for k in range(found):
        slot = mixed(keys[k]) & fold
        while slots[slot] >= 0 and keys[first_of[slots[slot]]] != keys[k]:
            slot = (slot + np.uint64(1)) & fold
        if slots[slot] < 0:
            slots[slot], first_of[pairs] = pairs, k
            pairs += 1
        p = slots[slot]
        number[k] = p
        if last_near[p] != places[k]:
            last_near[p] = places[k]
            near[p] += 1
        if flags[k] & _EDGES == _EDGES and last_proper[p] != places[k]:
            last_proper[p] = places[k]
            proper[p] += 1
    kept = np.full(pairs, -1, np.int32)
    words_of = np.empty((2 * found, 3), np.int32)
    different = 0
    for p in range(pairs):
        key = keys[first_of[p]]
        a, b = np.int32(key >> 32), np.int32(key & 0xFFFFFFFF)
        if proper[p] >= min_count and _npmi(proper[p], frequency[a], frequency[b], n) >= min_npmi:
            kept[p] = different
            words_of[different, 0], words_of[different, 1], words_of[different, 2] = a, b, -1
            different += 1
    out_places, out = np.empty(2 * found, np.int32), np.empty(2 * found, np.int32)
    size = 0
    last_proper[:] = -1
    for k in range(found):
        p = number[k]
        if kept[p] >= 0 and flags[k] & _EDGES == _EDGES and last_proper[p] != places[k]:
            last_proper[p] = places[k]
            out_places[size], out[size] = places[k], kept[p]
            size += 1
    # Both pairs of three frequent words are frequent, so both are in the list, one after the other.
    slots[:] = -1
    triples = 0
    count, last = np.zeros(found, np.int32), last_near
    last[:] = -1
    of = np.full(found, -1, np.int32)
    for k in range(1, found):
        if (
            flags[k] & (_CHAINED | _LAST) != _CHAINED | _LAST
            or flags[k - 1] & (_FIRST | _MIDDLE) != _FIRST | _MIDDLE
        ):
            continue
        p, q = number[k - 1], number[k]
        if near[p] < min_count or near[q] < min_count:
            continue
        slot = mixed((np.int64(p) << 32) | q) & fold
        while slots[slot] >= 0:
            f = first_of[slots[slot]]
            if number[f - 1] == p and number[f] == q:
                break
            slot = (slot + np.uint64(1)) & fold
        if slots[slot] < 0:
            slots[slot], first_of[triples] = triples, k
            triples += 1
        t = slots[slot]
        of[k] = t
        if last[t] != places[k]:
            last[t] = places[k]
            count[t] += 1
    kept_triple = np.full(triples, -1, np.int32)
    for t in range(triples):
        f = first_of[t]
        a, b = np.int32(keys[f - 1] >> 32), np.int32(keys[f] >> 32)
        c = np.int32(keys[f] & 0xFFFFFFFF)
        by = count[t]
        if (
            by >= min_count
            and _npmi(by, near[number[f - 1]], frequency[c], n) >= min_npmi
            and _npmi(by, frequency[a], near[number[f]], n) >= min_npmi
        ):
            kept_triple[t] = different
            words_of[different, 0], words_of[different, 1], words_of[different, 2] = a, b, c
            different += 1
    last[:] = -1
    for k in range(1, found):
        t = of[k]
        if t >= 0 and kept_triple[t] >= 0 and last[t] != places[k]:
            last[t] = places[k]
            out_places[size], out[size] = places[k], kept_triple[t]
            size += 1
    return out_places[:size].copy(), out[:size].copy(), words_of[:different].copy()


_CHAINED, _FIRST, _LAST, _MIDDLE = 1, 2, 4, 8
"""Flags of a pair: the pair before it in the list precedes it in the text; its first word may begin a
phrase; its second may end one; its second may be in the middle of one."""
_EDGES = _FIRST | _LAST


@njit(cache=True, inline="always")
def _pair(a: Any, b: Any) -> Any:
    x = (np.uint64(a) << np.uint64(32) | np.uint64(b)) * np.uint64(0x9E3779B97F4A7C15)
    return x ^ (x >> np.uint64(29))


@njit(cache=True)
def _room_for(items: Any) -> Any:
    size = 64
    while size < 2 * items:
        size *= 2
    return size


@njit(cache=True, nogil=True)
def tally(places: Any, terms: Any, local: Any, authors: Any, originals: Any, persons: Any) -> Any:
    """Group messages by term and count them in each channel.

    Parameters
    ----------
    places, terms : numpy.ndarray of int32, shape (n,)
        Pairs of message and term, each once, messages ascending.
    local : numpy.ndarray of int32
        Scratch, as long as there are terms, all −1 before and after.
    authors : numpy.ndarray of int64
        Author of each message, below ``persons``.
    originals : numpy.ndarray of bool
        Whether each message is not a copy.
    persons : int
        Number of distinct authors.

    Returns
    -------
    tuple of numpy.ndarray
        The terms, unordered; the offsets of their messages; the messages; and for each term the
        number of its messages, of its authors, and of its authors of originals.
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
    seen, seen_original = np.full(persons, -1, np.int32), np.full(persons, -1, np.int32)
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
    counts = (starts[1:] - starts[:-1]).astype(np.int32)
    return different[:size].copy(), starts, messages, counts, people, voices


@njit(cache=True, nogil=True)
def surface_uses(rows: Any, offsets: Any, tokens: Any, surfaces: Any) -> Any:
    """Count the surfaces that messages use.

    Parameters
    ----------
    rows, offsets, tokens
        As for :func:`words`.
    surfaces : int
        Number of surfaces.

    Returns
    -------
    (numpy.ndarray of int64, numpy.ndarray of int64, numpy.ndarray of int64)
        The surfaces used, unordered; the tokens of each; and those of them that directly follow
        another token.
    """
    used, follows = np.zeros(surfaces, np.int32), np.zeros(surfaces, np.int32)
    room = 0
    for row in rows:
        room += offsets[row + 1] - offsets[row]
    which, size = np.empty(min(room, surfaces), np.int64), 0
    for row in rows:
        before = np.int32(-1)
        for i in range(offsets[row], offsets[row + 1]):
            surface = tokens[i]
            if surface >= 0:
                if used[surface] == 0:
                    which[size] = surface
                    size += 1
                used[surface] += 1
                follows[surface] += before >= 0
            before = surface
    which = which[:size].copy()
    return which, used[which].astype(np.int64), follows[which].astype(np.int64)


@njit(cache=True, nogil=True)
def speakers(of: Any, authors: Any, originals: Any, terms: Any) -> Any:
    """Count the authors of each term, and those of them with a message that is not a copy.

    Parameters
    ----------
    of : numpy.ndarray of int64, shape (n,)
        Term of each message, ascending.
    authors : numpy.ndarray of int64, shape (n,)
        Author of each message.
    originals : numpy.ndarray of bool, shape (n,)
        Whether each message is not a copy.
    terms : int
        Number of terms.

    Returns
    -------
    (numpy.ndarray of int64, numpy.ndarray of int64)
    """
    people, voices = np.zeros(terms, np.int64), np.zeros(terms, np.int64)
    size = 0 if len(authors) == 0 else authors.max() + 1
    seen, heard = np.full(size, -1, np.int64), np.full(size, -1, np.int64)
    for k in range(len(of)):
        term, author = of[k], authors[k]
        if seen[author] != term:
            seen[author] = term
            people[term] += 1
        if originals[k] and heard[author] != term:
            heard[author] = term
            voices[term] += 1
    return people, voices


@njit(cache=True, nogil=True)
def of_kind(rows: Any, offsets: Any, tokens: Any, kinds: Any, kind: Any) -> Any:
    """Count the tokens of one kind in each message.

    Parameters
    ----------
    rows, offsets, tokens
        As for :func:`words`.
    kinds : numpy.ndarray of int8
        Kind of each surface.
    kind : int
        The kind to count.

    Returns
    -------
    numpy.ndarray of int64
    """
    found = np.zeros(len(rows), np.int64)
    for place in range(len(rows)):
        for i in range(offsets[rows[place]], offsets[rows[place] + 1]):
            found[place] += tokens[i] >= 0 and kinds[tokens[i]] == kind
    return found


@njit(cache=True, nogil=True)
def add_uses(
    surfaces: Any,
    used: Any,
    inside: Any,
    term_of: Any,
    tags: Any,
    capitals: Any,
    of_surface: Any,
    of_term: Any,
) -> None:
    """Add uses of surfaces to running sums.

    Parameters
    ----------
    surfaces, used, inside
        Result of :func:`surface_uses`.
    term_of : numpy.ndarray of int32
        Term of each surface.
    tags, capitals : numpy.ndarray of bool
        Whether each surface is a ``#tag``, and whether it has a capital.
    of_surface : numpy.ndarray of int64
        Uses of each surface.
    of_term : numpy.ndarray of int64, shape (4, terms)
        Uses of each term: all; as a tag; within a sentence and not as a tag; and those of the latter
        with a capital.
    """
    for k in range(len(surfaces)):
        surface = surfaces[k]
        term = term_of[surface]
        of_surface[surface] += used[k]
        of_term[0, term] += used[k]
        if tags[surface]:
            of_term[1, term] += used[k]
        else:
            of_term[2, term] += inside[k]
            if capitals[surface]:
                of_term[3, term] += inside[k]
