"""Compiled tokeniser: converts characters to numbers of surfaces in one pass.

Most tokens are ASCII words between spaces. They are read, hashed and looked up in the loop
itself; all others go through :mod:`rtanalytics.terms.grammar`. The same code is compiled
for bytes (ASCII from an Arrow column) and for code points (any text).
"""

# ruff: noqa: C901, PLR0912, PLR0915, PLR1714, SIM102, SIM110
# One long loop: in numba, calls would cost more than the work in them.
# mypy: disable-error-code="assignment"
# Compiled types differ from those of the interpreter: an int becomes a 64-bit integer.

from __future__ import annotations

import secrets
from typing import Any

import numpy as np
from numba import njit

from rtanalytics.terms import characters, grammar
from rtanalytics.terms.characters import DENSE, FLAG, GAP, HOST, LETTER, LOCAL, MARK, PICTURE, STOP, WORD

__all__ = ["encode", "new_table", "plain", "some_of"]

_WORD, _TAG, _HANDLE, _DOMAIN, _EMOJI, _NUMBER, _IDEOGRAPH = range(7)

Table = tuple[Any, Any, Any, Any, Any]
"""Hash table of surfaces: slots (upper half of a hash and surface number + 1, or 0); hashes; each surface
packed into one word with its length and kind (if it is ASCII and has at most seven characters); the kind
and code points of each surface; and the offsets of these."""

_SEED = np.uint64(secrets.randbits(64))
"""Random, so that nobody can write texts whose words all collide in one slot."""


def new_table() -> Table:
    """Return an empty hash table of surfaces, with room for 4,096."""
    return (
        np.zeros(1 << 13, np.uint64),
        np.empty(1 << 12, np.uint64),
        np.empty(1 << 12, np.uint64),
        np.empty(1 << 15, np.uint32),
        np.zeros((1 << 12) + 1, np.int64),
    )


@njit(cache=True, nogil=True)
def plain(data: Any, start: Any, end: Any) -> Any:
    """Return True if bytes are ASCII without ``&``, which may begin an HTML entity."""
    high, entity = np.uint8(0), False
    for i in range(start, end):
        high |= data[i]
        entity |= data[i] == 0x26
    return high < 0x80 and not entity


@njit(cache=True, inline="always")
def _mix(h: Any, x: Any) -> Any:
    h = (h ^ x) * np.uint64(0x9E3779B97F4A7C15)
    return h ^ (h >> np.uint64(32))


@njit(cache=True)
def _hashed(text: Any, begin: Any, until: Any) -> Any:
    """Hash a spelling; return the hash of its full blocks of eight characters, and the last block unmixed."""
    h, x = np.uint64(0), np.uint64(0)
    for k in range(begin, until):
        c = np.uint64(text[k])
        x = ((x << np.uint64(8)) | (x >> np.uint64(56))) ^ c
        if c > 0xFF:
            x *= np.uint64(0xD6E8FEB86659FD93)
        if (k - begin) & 7 == 7:
            h = _mix(h, x)
            x = np.uint64(0)
    return h, x


@njit(cache=True)
def _same(text: Any, begin: Any, pool: Any, at: Any, length: Any) -> Any:
    for k in range(length):
        if pool[at + k] != text[begin + k]:
            return False
    return True


@njit(cache=True)
def _write(text: Any, begin: Any, until: Any, kind: Any, pool: Any, at: Any) -> Any:
    """Write the kind and the surface to the pool; return True if the surface is short and ASCII."""
    pool[at] = kind
    high = False
    for k in range(until - begin):
        pool[at + 1 + k] = text[begin + k]
        high = high or text[begin + k] >= 0x80
    return until - begin < 8 and not high


@njit(cache=True, nogil=True)
def number(
    text: Any, starts: Any, ends: Any, first: Any, flags: Any, dense: Any, seed: Any, table: Any,
    known: Any, out: Any, size: Any, offsets: Any,
) -> Any:  # fmt: skip
    """Assign numbers to the tokens of texts, from text ``first`` on, until the table is full.

    Parameters
    ----------
    text : numpy.ndarray of uint8 or uint32
        Characters of all texts.
    starts, ends : numpy.ndarray of int64, shape (n,)
        Where each text begins and ends.
    first : int
        The text to begin with.
    flags : numpy.ndarray of uint16, shape (0x110000,)
        See :mod:`rtanalytics.terms.characters`.
    dense : int
        ``DENSE`` if each ideograph is a token, 0 if a segmenter has split them into words.
    seed : int
        Seed of the hash.
    table : tuple
        Surfaces so far; see :func:`new_table`.
    known : int
        Number of surfaces in the table.
    out : numpy.ndarray of int32
        Receives the surfaces, with −1 between runs. Needs at most two places per character.
    size : int
        Filled length of ``out``.
    offsets : numpy.ndarray of int64, shape (n + 1,)
        Receives where each text ends in ``out``.

    Returns
    -------
    (int, int, int)
        The text at which the table was full, or the number of texts; the number of surfaces in the
        table; and the filled length of ``out``.
    """
    slots, hashes, packed, pool, bounds = table
    mask, upper = np.uint64(len(slots) - 1), np.uint64(0xFFFFFFFF00000000)
    for m in range(first, len(starts)):
        start, end = starts[m], ends[m]
        begun = size
        at_sign, slash = False, False
        looked = False
        gap = False  # only white space within the line so far, since a token
        i = last = np.int64(start)
        while i < end:
            c = text[i]
            f = flags[c]
            if c == 0x20:
                i += 1
                continue
            if known + 2 > len(hashes) or bounds[known] + (end - i) + 2 > len(pool):
                return m, known, begun
            kind, begin, stop, until = -1, np.int64(i), np.int64(-1), np.int64(-1)
            h, x, hashed = np.uint64(0), np.uint64(0), False
            if c < 0x80 and f & WORD != 0:
                letters = False
                j = i
                while j < end:
                    c = text[j]
                    if c >= 0x80 or flags[c] & WORD == 0:
                        break
                    letters |= flags[c] & LETTER != 0
                    x = (x << np.uint64(8)) | np.uint64(c)
                    if (j - i) & 7 == 7:
                        h = _mix(h, x)
                        x = np.uint64(0)
                    j += 1
                c = text[i]
                if (
                    j >= end or (text[j] < 0x80 and flags[text[j]] & STOP != 0) or _full_stop(text, j, end)
                ) and not ((c == 0x52 or c == 0x4D) and j - i == 2 and text[i + 1] == 0x54):
                    hashed = True
                    kind, stop, until = _WORD if letters else _NUMBER, j, j
            if stop < 0:
                if not looked:
                    looked = True
                    for k in range(start, end):
                        if text[k] == 0x40 and k > start and flags[text[k - 1]] & LOCAL != 0:
                            at_sign = True
                        elif text[k] == 0x2F:
                            slash = True
                if (slash and f & HOST != 0) or c | 0x20 == 0x77:
                    stop, begin, until = grammar.address(text, i, start, end, flags)
                    kind = _DOMAIN
                    if stop >= 0 and begin == until:
                        i, gap = stop, False
                        continue
                if stop < 0 and (c == 0x52 or c == 0x4D):
                    stop = grammar.header(text, i, start, end, flags)
                    if stop >= 0:
                        i, gap = stop, False
                        continue
                if stop < 0 and at_sign and f & LOCAL != 0:
                    stop = grammar.email(text, i, end, flags)
                    if stop >= 0:
                        i, gap = stop, False
                        continue
            if stop < 0:
                begin = np.int64(i)
                if f & WORD != 0 and f & (MARK | dense) == 0:
                    if 0x30 <= c <= 0x39:
                        kind, stop = _EMOJI, grammar.emoji(text, i, end, flags)
                    if stop < 0:
                        stop = grammar.word(text, i, start, end, flags, dense)
                        kind = _NUMBER if grammar.is_number(text, i, stop, flags) else _WORD
                elif f & dense != 0:
                    kind, stop = _IDEOGRAPH, grammar.run(text, i + 1, end, flags, MARK, 0)
                elif grammar.at(c):
                    kind, stop = _HANDLE, grammar.handle(text, i, start, end, flags)
                elif f & (PICTURE | FLAG) != 0 or c == 0x2A:
                    kind, stop = _EMOJI, grammar.emoji(text, i, end, flags)
                elif c == 0x23 or c == 0xFF03:
                    kind, stop = _TAG, grammar.tag(text, i, start, end, flags)
                    if stop < 0:
                        kind, stop = _EMOJI, grammar.emoji(text, i, end, flags)
                if stop < 0:
                    gap = gap and f & GAP != 0
                    i += 1
                    continue
                until = stop
            if not hashed:
                h, x = _hashed(text, begin, until)
            length = until - begin
            form = np.uint64(length << 3 | kind)
            h = _mix(_mix(h ^ seed, x), form)
            short = hashed and length < 8
            whole = x | (form << np.uint64(56))
            slot, n = h & mask, np.int64(-1)
            while slots[slot] != 0:
                if (slots[slot] ^ h) & upper == 0:
                    n = np.int64(slots[slot] & np.uint64(0xFFFFFFFF)) - 1
                    if short and packed[n] == whole:
                        break
                    at = bounds[n]
                    if bounds[n + 1] - at == length + 1 and pool[at] == kind:
                        if _same(text, begin, pool, at + 1, length):
                            break
                    n = np.int64(-1)
                slot = (slot + np.uint64(1)) & mask
            if n < 0:
                n = np.int64(known)
                at = bounds[n]
                slots[slot] = (h & upper) | np.uint64(n + 1)
                hashes[n] = h
                packed[n] = 0
                if _write(text, begin, until, kind, pool, at):
                    packed[n] = whole
                bounds[n + 1] = at + 1 + length
                known += 1
            if size > begun and not (gap and (i > last or kind == _IDEOGRAPH)):
                out[size] = -1
                size += 1
            out[size] = n
            size += 1
            i = last = stop
            gap = True
        offsets[m + 1] = size
    return len(starts), known, size


@njit(cache=True, inline="always")
def _full_stop(text: Any, j: Any, end: Any) -> Any:
    """Return True if a dot at ``j`` ends a sentence: white space or nothing follows."""
    return text[j] == 0x2E and (j + 1 >= end or text[j + 1] == 0x20 or text[j + 1] == 0x0A)


def grow(table: Table, known: int, need: int) -> Table:
    """Return a larger table with the same surfaces and room for ``need`` more characters."""
    slots, hashes, packed, pool, offsets = table
    if known + 2 > len(hashes):
        hashes, packed = (np.concatenate([old, np.empty_like(old)]) for old in (hashes, packed))
        offsets = np.concatenate([offsets, np.zeros(len(hashes) + 1 - len(offsets), np.int64)])
        slots = np.zeros(2 * len(slots), np.uint64)
        _place(slots, hashes[:known])
    if int(offsets[known]) + need > len(pool):
        pool = np.concatenate([pool, np.empty(len(pool) + need, np.uint32)])
    return slots, hashes, packed, pool, offsets


def some_of(table: Table, chosen: Any) -> Table:
    """Return a table of some of the surfaces, renumbered in the given order."""
    _, hashes, packed, pool, offsets = table
    new = grow(new_table(), 0, int((offsets[chosen + 1] - offsets[chosen]).sum()))
    while len(new[1]) < len(chosen) + 2:
        new = grow(new, len(new[1]) - 1, 0)
    slots, known, words, characters, ends = new
    known[: len(chosen)], words[: len(chosen)] = hashes[chosen], packed[chosen]
    _gather(pool, offsets, chosen, characters, ends)
    slots[:] = 0
    _place(slots, known[: len(chosen)])
    return new


@njit(cache=True)
def _gather(pool: Any, offsets: Any, chosen: Any, to: Any, ends: Any) -> None:
    at = 0
    for n in range(len(chosen)):
        for k in range(offsets[chosen[n]], offsets[chosen[n] + 1]):
            to[at] = pool[k]
            at += 1
        ends[n + 1] = at


@njit(cache=True)
def _place(slots: Any, hashes: Any) -> None:
    mask = np.uint64(len(slots) - 1)
    for n in range(len(hashes)):
        slot = hashes[n] & mask
        while slots[slot] != 0:
            slot = (slot + np.uint64(1)) & mask
        slots[slot] = (hashes[n] & np.uint64(0xFFFFFFFF00000000)) | np.uint64(n + 1)


def encode(
    text: Any, starts: Any, ends: Any, table: Table, known: int, *, whole: bool
) -> tuple[Any, Any, Table, int]:
    """Split texts into tokens and assign numbers to their surfaces.

    Parameters
    ----------
    text, starts, ends
        As for :func:`number`.
    table, known
        As for :func:`number`.
    whole : bool
        Whether ideographs form words.

    Returns
    -------
    (numpy.ndarray of int32, numpy.ndarray of int64, tuple, int)
        Surfaces with −1 between runs, offsets of the texts in them, the table, and its number of surfaces.
    """
    flags, dense = characters.table(), 0 if whole else DENSE
    out = np.empty(2 * int((ends - starts).sum()), np.int32)
    offsets = np.zeros(len(starts) + 1, np.int64)
    done = size = 0
    while True:
        done, known, size = number(
            text, starts, ends, done, flags, dense, _SEED, table, known, out, size, offsets
        )
        if done == len(starts):
            return out[:size], offsets, table, known
        table = grow(table, known, int(ends[done] - starts[done]) + 2)
