"""The compiled part of cutting texts: code points in, numbers of surfaces out.

What is a token is said, for people, by the patterns in ``tests/naive.py``; this is the same
grammar as a scanner, alternative by alternative, and the tests hold the two against each other.
"""

# ruff: noqa: C901, PLR0912, PLR0915, PLR1714, SIM102
# One long loop each: numba's calls and set look-ups would cost more than the work they hide.
# mypy: disable-error-code="assignment"
# Compiled types are not those of the interpreter: a plain int becomes a 64-bit one.

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from rtanalytics.terms import characters
from rtanalytics.terms.characters import (
    DENSE,
    FLAG,
    GAP,
    HOST,
    LETTER,
    LOCAL,
    LOWER,
    MARK,
    NUMBER,
    PICTURE,
    SKIN,
    UPPER,
    URL_END,
    WORD,
)

__all__ = ["encode", "new_table"]

_WORD, _TAG, _HANDLE, _DOMAIN, _EMOJI, _NUMBER, _IDEOGRAPH = range(7)
_DASHES = (0x2D, 0x2010, 0x2011, 0x200C, 0x200D)
_QUOTES = (0x27, 0x2019, 0xFF07)

Table = tuple[Any, Any, Any, Any]
"""Slots (surface number or −1), hashes, code points of all surfaces, and their offsets."""


def new_table() -> Table:
    """An empty table of surfaces."""
    return (
        np.full(1 << 12, -1, np.int32),
        np.empty(1 << 11, np.uint64),
        np.empty(1 << 14, np.uint32),
        np.zeros((1 << 11) + 1, np.int64),
    )


@njit(cache=True, inline="always")
def _is(c: Any, flags: Any, flag: Any) -> Any:
    return flags[c] & flag != 0


@njit(cache=True)
def _run(text: Any, i: Any, end: Any, flags: Any, flag: Any, but: Any) -> Any:
    """Where the run of characters with ``flag`` and without ``but`` that starts at ``i`` ends."""
    while i < end and flags[text[i]] & flag != 0 and flags[text[i]] & but == 0:
        i += 1
    return i


@njit(cache=True)
def _label(text: Any, i: Any, end: Any, flags: Any) -> Any:
    return _run(text, i, end, flags, HOST, 0)


@njit(cache=True)
def _domains(text: Any, i: Any, end: Any, flags: Any) -> Any:
    """End of ``label(.label)+`` at ``i``, or −1."""
    last = _label(text, i, end, flags)
    if last == i:
        return -1
    found = -1
    while last < end and text[last] == 0x2E:
        after = _label(text, last + 1, end, flags)
        if after == last + 1:
            break
        last = found = after
    return found


@njit(cache=True)
def _scheme(text: Any, i: Any, start: Any, end: Any, flags: Any) -> Any:
    """Start of what follows ``http(s)://`` or precedes nothing (``www.``) at ``i``, or −1."""
    h = text[i] | 0x20
    if h == 0x68 and i + 7 <= end:
        if (text[i + 1] | 0x20) != 0x74 or (text[i + 2] | 0x20) != 0x74 or (text[i + 3] | 0x20) != 0x70:
            return -1
        j = i + 4
        if text[j] | 0x20 == 0x73:
            j += 1
        if j + 3 <= end and text[j] == 0x3A and text[j + 1] == 0x2F and text[j + 2] == 0x2F:
            return j + 3
    elif h == 0x77 and i + 4 <= end and (text[i + 1] | 0x20) == 0x77 and (text[i + 2] | 0x20) == 0x77:
        if text[i + 3] == 0x2E and (i == start or not _is(text[i - 1], flags, WORD)):
            return i
    return -1


@njit(cache=True)
def _bare(text: Any, i: Any, start: Any, end: Any, flags: Any) -> Any:
    """End of the host of an address without scheme, ``example.org/…``, at ``i``, or −1."""
    if i > start:
        before = text[i - 1]
        if _is(before, flags, WORD) or before == 0x40 or before == 0x23 or before == 0x2E:
            return -1
    last = _domains(text, i, end, flags)
    if last < 0 or last >= end or text[last] != 0x2F:
        return -1
    j = last - 1
    while text[j] != 0x2E:
        c = text[j] | 0x20
        if c < 0x61 or c > 0x7A:
            return -1
        j -= 1
    return last if last - j > 2 else -1


@njit(cache=True)
def _host(text: Any, i: Any, end: Any) -> Any:
    """Start and end of the host in an address whose scheme ends at ``i``."""
    j = i
    while j < end and text[j] != 0x2F and text[j] != 0x3F and text[j] != 0x23 and text[j] != 0x40:
        j += 1
    if j < end and text[j] == 0x40:
        i = j + 1
    if (
        end - i >= 4
        and (text[i] | 0x20) == 0x77
        and (text[i + 1] | 0x20) == 0x77
        and (text[i + 2] | 0x20) == 0x77
        and text[i + 3] == 0x2E
    ):
        i += 4
    j = i
    while j < end and text[j] != 0x2F and text[j] != 0x3F and text[j] != 0x23 and text[j] != 0x3A:
        j += 1
    while j > i and (
        text[j - 1] == 0x2E
        or text[j - 1] == 0x2026
        or text[j - 1] == 0x2C
        or text[j - 1] == 0x3B
        or text[j - 1] == 0x29
    ):
        j -= 1
    return i, j


@njit(cache=True, inline="always")
def _at(c: Any) -> Any:
    return c == 0x40 or c == 0xFF20


@njit(cache=True)
def _header(text: Any, i: Any, start: Any, end: Any, flags: Any) -> Any:
    """End of a retweet's header (``RT @ada:``) at ``i``, or −1."""
    if i + 3 > end or text[i + 1] != 0x54 or (i > start and _is(text[i - 1], flags, WORD)):
        return -1
    j = i + 2
    while j < end and text[j] == 0x20:
        j += 1
    if j < end and text[j] == 0x3A:
        j += 1
    while j < end and text[j] == 0x20:
        j += 1
    if j >= end or not _at(text[j]):
        return -1
    k = _run(text, j + 1, end, flags, WORD, 0)
    if k == j + 1:
        return -1
    j = k
    while k < end and text[k] == 0x20:
        k += 1
    return k + 1 if k < end and text[k] == 0x3A else k


@njit(cache=True)
def _email(text: Any, i: Any, end: Any, flags: Any) -> Any:
    """End of an e-mail address at ``i``, or −1."""
    j = _run(text, i, end, flags, LOCAL, 0)
    if j == i or j >= end or text[j] != 0x40:
        return -1
    return _domains(text, j + 1, end, flags)


@njit(cache=True)
def _handle(text: Any, i: Any, start: Any, end: Any, flags: Any) -> Any:
    """End of a handle at ``i``, or −1."""
    if i > start and (_is(text[i - 1], flags, WORD) or _at(text[i - 1])):
        return -1
    j = _run(text, i + 1, end, flags, WORD, 0)
    if j == i + 1:
        return -1
    while j < end and (text[j] == 0x2E or text[j] == 0x2D):
        k = _run(text, j + 1, end, flags, WORD, 0)
        if k == j + 1:
            break
        j = k
    if j < end and text[j] == 0x40:
        k = _domains(text, j + 1, end, flags)
        if k > 0:
            j = k
    return j


@njit(cache=True)
def _tag(text: Any, i: Any, start: Any, end: Any, flags: Any) -> Any:
    """End of a tag at ``i``, or −1."""
    if i > start and _is(text[i - 1], flags, WORD):
        return -1
    j = _run(text, i + 1, end, flags, WORD, 0)
    for k in range(i + 1, j):
        if _is(text[k], flags, LETTER):
            return j
    return -1


@njit(cache=True)
def _picture(text: Any, i: Any, end: Any, flags: Any) -> Any:
    """End of one picture at ``i``, or −1."""
    c = text[i]
    if _is(c, flags, FLAG):
        if i + 1 < end and _is(text[i + 1], flags, FLAG):
            return i + 2
        return -1
    if (0x30 <= c <= 0x39) or c == 0x23 or c == 0x2A:
        j = i + 1
        if j < end and text[j] == 0xFE0F:
            j += 1
        return j + 1 if j < end and text[j] == 0x20E3 else -1
    if not _is(c, flags, PICTURE):
        return -1
    i += 1
    if i < end and _is(text[i], flags, SKIN):
        i += 1
    if i < end and text[i] == 0xFE0F:
        i += 1
    while i < end and 0xE0020 <= text[i] <= 0xE007F:
        i += 1
    return i


@njit(cache=True)
def _emoji(text: Any, i: Any, end: Any, flags: Any) -> Any:
    """End of an emoji, pictures joined into one included, at ``i``, or −1."""
    j = _picture(text, i, end, flags)
    while j > 0 and j + 1 < end and text[j] == 0x200D:
        k = _picture(text, j + 1, end, flags)
        if k < 0:
            break
        j = k
    return j


@njit(cache=True)
def _joins(text: Any, i: Any, start: Any, end: Any, flags: Any, dense: Any) -> Any:
    """How many characters at ``i`` join two parts of a word; 0 if none do."""
    if i + 1 >= end:
        return 0
    c, after = text[i], flags[text[i + 1]]
    if after & WORD == 0 or after & dense != 0:
        if c == 0x3A and text[i + 1] == 0x3A and i + 2 < end:
            after = flags[text[i + 2]]
            return 2 if after & WORD != 0 and after & dense == 0 else 0
        return 0
    if c in _QUOTES:
        return 1 if after & LETTER != 0 else 0
    if c in _DASHES:
        return 1
    if c == 0x2E:
        return 1 if after & (LOWER | NUMBER) != 0 else 0
    if c == 0x26 and after & UPPER != 0 and _is(text[i - 1], flags, UPPER):
        alone = i - 1 == start or not _is(text[i - 2], flags, WORD)
        return 1 if alone and (i + 2 >= end or not _is(text[i + 2], flags, WORD)) else 0
    return 0


@njit(cache=True)
def _word(text: Any, i: Any, start: Any, end: Any, flags: Any, dense: Any) -> Any:
    """End of a word at ``i``."""
    j = _run(text, i, end, flags, WORD, dense)
    while j < end:
        n = _joins(text, j, start, end, flags, dense)
        if n == 0:
            break
        j = _run(text, j + n, end, flags, WORD, dense)
    if j + 1 < end and text[j] == 0x28 and text[j + 1] == 0x29:
        return j + 2
    if j < end and (text[j] == 0x2B or text[j] == 0x23):
        c = text[j - 1]
        if j - 1 == start or not _is(text[j - 2], flags, WORD):
            if text[j] == 0x2B:
                if j + 1 < end and text[j + 1] == 0x2B and 0x61 <= (c | 0x20) <= 0x7A:
                    return j + 2
            elif (c == 0x43 or c == 0x46 or c == 0x4A) and not (
                j + 1 < end and _is(text[j + 1], flags, WORD)
            ):
                return j + 1
    return j


@njit(cache=True)
def _is_number(text: Any, i: Any, end: Any, flags: Any) -> Any:
    for k in range(i, end):
        c = text[k]
        if not _is(c, flags, NUMBER):
            if c != 0x2E and c != 0x5F and c != 0x3A and c != 0x27 and c != 0x2019 and c != 0x2D:
                return False
    return True


@njit(cache=True, nogil=True)
def cut(text: Any, bounds: Any, flags: Any, dense: Any, kinds: Any, begins: Any, ends: Any) -> Any:
    """Find the tokens of texts.

    Parameters
    ----------
    text : numpy.ndarray of uint32
        Code points of all texts.
    bounds : numpy.ndarray of int64, shape (n + 1,)
        Where each begins; each is followed by one character that is not part of it.
    flags : numpy.ndarray of uint16, shape (0x110000,)
        See :mod:`rtanalytics.terms.characters`.
    dense : int
        ``DENSE`` if each ideograph is a token, 0 if they form words (a segmenter parted them).
    kinds, begins, ends : numpy.ndarray of int8, int32 and int32
        As long as ``text``; receive kind and place of each token. A kind is negative (``~kind``)
        if the token does not follow the one before.

    Returns
    -------
    numpy.ndarray of int64, shape (n + 1,)
        Which tokens belong to each text.
    """
    offsets = np.zeros(len(bounds), np.int64)
    size = 0
    for m in range(len(bounds) - 1):
        start, end = bounds[m], bounds[m + 1] - 1
        last = np.int64(-1)
        at_sign, slash = False, False
        for i in range(start, end):
            if text[i] == 0x40 and i > start and flags[text[i - 1]] & LOCAL != 0:
                at_sign = True
            elif text[i] == 0x2F:
                slash = True
        i = start
        while i < end:
            c = text[i]
            f = flags[c]
            kind, begin, stop, until = -1, i, np.int64(-1), np.int64(-1)
            if (slash and f & HOST != 0) or c | 0x20 == 0x77:
                stop, begin, until = _address(text, i, start, end, flags)
                kind = _DOMAIN
                if stop >= 0 and begin == until:
                    i, last = stop, -1
                    continue
            if stop < 0 and (c == 0x52 or c == 0x4D):
                stop = _header(text, i, start, end, flags)
                if stop >= 0:
                    i, last = stop, -1
                    continue
            if stop < 0 and at_sign and f & LOCAL != 0:
                stop = _email(text, i, end, flags)
                if stop >= 0:
                    i, last = stop, -1
                    continue
            if stop < 0:
                begin = i
                if f & WORD != 0 and f & (MARK | dense) == 0:
                    if 0x30 <= c <= 0x39:
                        kind, stop = _EMOJI, _emoji(text, i, end, flags)
                    if stop < 0:
                        stop = _word(text, i, start, end, flags, dense)
                        kind = _NUMBER if _is_number(text, i, stop, flags) else _WORD
                elif f & dense != 0:
                    kind, stop = _IDEOGRAPH, _run(text, i + 1, end, flags, MARK, 0)
                elif _at(c):
                    kind, stop = _HANDLE, _handle(text, i, start, end, flags)
                elif f & (PICTURE | FLAG) != 0 or c == 0x2A:
                    kind, stop = _EMOJI, _emoji(text, i, end, flags)
                elif c == 0x23 or c == 0xFF03:
                    kind, stop = _TAG, _tag(text, i, start, end, flags)
                    if stop < 0:
                        kind, stop = _EMOJI, _emoji(text, i, end, flags)
                if stop < 0:
                    i += 1
                    continue
                until = stop
            follows = last >= 0 and (i > last or kind == _IDEOGRAPH)
            k = last
            while follows and k < i:
                follows = flags[text[k]] & GAP != 0
                k += 1
            kinds[size] = kind if follows else ~kind
            begins[size] = begin
            ends[size] = until
            size += 1
            i = last = stop
        offsets[m + 1] = size
    return offsets


@njit(cache=True)
def _address(text: Any, i: Any, start: Any, end: Any, flags: Any) -> Any:
    """End of an address at ``i``, or −1, and start and end of its host."""
    c = text[i] | 0x20
    s = _scheme(text, i, start, end, flags) if c == 0x68 or c == 0x77 else np.int64(-1)
    least = s + 5 if s == i else s + 1
    if s < 0:
        s = _bare(text, i, start, end, flags)
        least = s
        if s < 0:
            return np.int64(-1), np.int64(i), np.int64(i)
    stop = s
    while stop < end and flags[text[stop]] & URL_END == 0:
        stop += 1
    if stop < least:
        s = _bare(text, i, start, end, flags)
        if s < 0:
            return np.int64(-1), np.int64(i), np.int64(i)
    h = i if s > i and text[s] == 0x2F and text[s - 1] != 0x2F else s
    begin, until = _host(text, h, stop)
    return np.int64(stop), begin, until


@njit(cache=True, nogil=True)
def number(
    text: Any, kinds: Any, begins: Any, ends: Any, first: Any, numbers: Any, table: Any, known: Any
) -> Any:
    """Number the surfaces of tokens, from token ``first`` on, until the table is full.

    Parameters
    ----------
    text, kinds, begins, ends
        As :func:`cut` left them.
    first : int
        The token to begin with.
    numbers : numpy.ndarray of int32
        Receives the number of each token's surface.
    table : tuple
        Surfaces so far; see :func:`new_table`.
    known : int
        How many there are.

    Returns
    -------
    (int, int)
        The token at which room ran out, or the number of tokens; and how many surfaces are known.
    """
    slots, hashes, pool, offsets = table
    mask = np.uint64(len(slots) - 1)
    for t in range(first, len(kinds)):
        kind = kinds[t] if kinds[t] >= 0 else ~kinds[t]
        begin, length = begins[t], ends[t] - begins[t]
        h = np.uint64(0xCBF29CE484222325) ^ np.uint64(kind)
        for k in range(length):
            h = (h ^ np.uint64(text[begin + k])) * np.uint64(0x9E3779B97F4A7C15)
            h ^= h >> np.uint64(32)
        slot = h & mask
        n = slots[slot]
        while n >= 0:
            at = offsets[n]
            if hashes[n] == h and offsets[n + 1] - at == length + 1 and pool[at] == kind:
                k = 0
                while k < length and pool[at + 1 + k] == text[begin + k]:
                    k += 1
                if k == length:
                    break
            slot = (slot + np.uint64(1)) & mask
            n = slots[slot]
        if n < 0:
            at = offsets[known]
            if known + 2 > len(hashes) or at + length + 1 > len(pool):
                return t, known
            n = known
            slots[slot] = n
            hashes[n] = h
            pool[at] = kind
            for k in range(length):
                pool[at + 1 + k] = text[begin + k]
            offsets[n + 1] = at + 1 + length
            known += 1
        numbers[t] = n
    return len(kinds), known


def grow(table: Table, known: int, need: int) -> Table:
    """A table with the same surfaces and at least twice the room."""
    slots, hashes, pool, offsets = table
    hashes = np.concatenate([hashes, np.empty_like(hashes)])
    offsets = np.concatenate([offsets, np.zeros(len(hashes) + 1 - len(offsets), np.int64)])
    pool = np.concatenate([pool, np.empty(len(pool) + need, np.uint32)])
    slots = np.full(2 * len(slots), -1, np.int32)
    _place(slots, hashes[:known])
    return slots, hashes, pool, offsets


@njit(cache=True)
def _place(slots: Any, hashes: Any) -> None:
    mask = np.uint64(len(slots) - 1)
    for n in range(len(hashes)):
        slot = hashes[n] & mask
        while slots[slot] >= 0:
            slot = (slot + np.uint64(1)) & mask
        slots[slot] = n


def encode(text: Any, bounds: Any, table: Table, known: int, *, whole: bool) -> tuple[Any, Any, Table, int]:
    """Cut texts into tokens and number their surfaces.

    Parameters
    ----------
    text, bounds
        As for :func:`cut`.
    table, known
        As for :func:`number`.
    whole : bool
        Ideographs form words.

    Returns
    -------
    (numpy.ndarray of int32, numpy.ndarray of int64, tuple, int)
        Surfaces with −1 where a row ends, offsets of the texts in them, table, and number known.
    """
    kinds = np.empty(len(text), np.int8)
    begins, ends = np.empty(len(text), np.int32), np.empty(len(text), np.int32)
    offsets = cut(text, bounds, characters.table(), 0 if whole else DENSE, kinds, begins, ends)
    size = int(offsets[-1])
    kinds, begins, ends = kinds[:size], begins[:size], ends[:size]
    numbers = np.empty(size, np.int32)
    done = 0
    while done < size:
        done, known = number(text, kinds, begins, ends, done, numbers, table, known)
        if done < size:
            table = grow(table, known, int(ends[done] - begins[done]) + 1)
    breaks = kinds < 0
    breaks[offsets[:-1][offsets[:-1] < offsets[1:]]] = False
    place = np.cumsum(breaks) + np.arange(size)
    flat = np.full(size + int(breaks.sum()), -1, np.int32)
    flat[place] = numbers
    before = np.concatenate([[0], np.cumsum(breaks)])
    return flat, offsets + before[offsets], table, known
