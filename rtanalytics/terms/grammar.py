"""Compiled grammar of tokens: one function over code points per kind of token.

``tests/naive.py`` has the same grammar as readable patterns; tests compare the two. Each function takes
the place where a token would begin and returns the place where it ends, or −1.
"""

# ruff: noqa: PLR1714, SIM102
# In numba, calls and set look-ups would cost more than the work in them.

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from rtanalytics.terms.characters import (
    FLAG,
    HOST,
    LETTER,
    LOCAL,
    LOWER,
    NUMBER,
    PICTURE,
    SKIN,
    UPPER,
    URL_END,
    WORD,
)

__all__ = ["address", "at", "email", "emoji", "handle", "header", "is_number", "run", "tag", "word"]

_DASHES = (0x2D, 0x2010, 0x2011, 0x200C, 0x200D)
_QUOTES = (0x27, 0x2019, 0xFF07)


@njit(cache=True, inline="always")
def _is(c: Any, flags: Any, flag: Any) -> Any:
    return flags[c] & flag != 0


@njit(cache=True)
def run(text: Any, i: Any, end: Any, flags: Any, flag: Any, but: Any) -> Any:
    """Return the end of the run of characters with ``flag`` and without ``but`` that starts at ``i``."""
    while i < end and flags[text[i]] & flag != 0 and flags[text[i]] & but == 0:
        i += 1
    return i


@njit(cache=True)
def _label(text: Any, i: Any, end: Any, flags: Any) -> Any:
    return run(text, i, end, flags, HOST, 0)


@njit(cache=True)
def _domains(text: Any, i: Any, end: Any, flags: Any) -> Any:
    """Return the end of ``label(.label)+`` at ``i``, or −1."""
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
    """Return the start of the host after ``http(s)://``, or of ``www.``, at ``i``, or −1."""
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
    """Return the end of the host of an address without scheme, ``example.org/…``, at ``i``, or −1."""
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
    """Return start and end of the host in an address whose scheme ends at ``i``."""
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
def at(c: Any) -> Any:
    """Return True for an @ of either width."""
    return c == 0x40 or c == 0xFF20


@njit(cache=True)
def header(text: Any, i: Any, start: Any, end: Any, flags: Any) -> Any:
    """Return the end of a retweet's header (``RT @ada:``) at ``i``, or −1."""
    if i + 3 > end or text[i + 1] != 0x54 or (i > start and _is(text[i - 1], flags, WORD)):
        return -1
    j = i + 2
    while j < end and text[j] == 0x20:
        j += 1
    if j < end and text[j] == 0x3A:
        j += 1
    while j < end and text[j] == 0x20:
        j += 1
    if j >= end or not at(text[j]):
        return -1
    k = run(text, j + 1, end, flags, WORD, 0)
    if k == j + 1:
        return -1
    j = k
    while k < end and text[k] == 0x20:
        k += 1
    return k + 1 if k < end and text[k] == 0x3A else k


@njit(cache=True)
def email(text: Any, i: Any, end: Any, flags: Any) -> Any:
    """Return the end of an e-mail address at ``i``, or −1."""
    j = run(text, i, end, flags, LOCAL, 0)
    if j == i or j >= end or text[j] != 0x40:
        return -1
    return _domains(text, j + 1, end, flags)


@njit(cache=True)
def handle(text: Any, i: Any, start: Any, end: Any, flags: Any) -> Any:
    """Return the end of a handle at ``i``, or −1."""
    if i > start and (_is(text[i - 1], flags, WORD) or at(text[i - 1])):
        return -1
    j = run(text, i + 1, end, flags, WORD, 0)
    if j == i + 1:
        return -1
    while j < end and (text[j] == 0x2E or text[j] == 0x2D):
        k = run(text, j + 1, end, flags, WORD, 0)
        if k == j + 1:
            break
        j = k
    if j < end and text[j] == 0x40:
        k = _domains(text, j + 1, end, flags)
        if k > 0:
            j = k
    return j


@njit(cache=True)
def tag(text: Any, i: Any, start: Any, end: Any, flags: Any) -> Any:
    """Return the end of a tag at ``i``, or −1."""
    if i > start and _is(text[i - 1], flags, WORD):
        return -1
    j = run(text, i + 1, end, flags, WORD, 0)
    for k in range(i + 1, j):
        if _is(text[k], flags, LETTER):
            return j
    return -1


@njit(cache=True)
def _picture(text: Any, i: Any, end: Any, flags: Any) -> Any:
    """Return the end of one pictograph at ``i``, or −1."""
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
def emoji(text: Any, i: Any, end: Any, flags: Any) -> Any:
    """Return the end of an emoji at ``i``, including joined ones, or −1."""
    j = _picture(text, i, end, flags)
    while j > 0 and j + 1 < end and text[j] == 0x200D:
        k = _picture(text, j + 1, end, flags)
        if k < 0:
            break
        j = k
    return j


@njit(cache=True)
def _joins(text: Any, i: Any, start: Any, end: Any, flags: Any, dense: Any) -> Any:
    """Return the number of characters at ``i`` that join two parts of a word, or 0."""
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
def word(text: Any, i: Any, start: Any, end: Any, flags: Any, dense: Any) -> Any:
    """Return the end of a word at ``i``."""
    j = run(text, i, end, flags, WORD, dense)
    while j < end:
        n = _joins(text, j, start, end, flags, dense)
        if n == 0:
            break
        j = run(text, j + n, end, flags, WORD, dense)
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
def is_number(text: Any, i: Any, end: Any, flags: Any) -> Any:
    """Return True if a word consists of numbers and their separators only."""
    for k in range(i, end):
        c = text[k]
        if not _is(c, flags, NUMBER):
            if c != 0x2E and c != 0x5F and c != 0x3A and c != 0x27 and c != 0x2019 and c != 0x2D:
                return False
    return True


@njit(cache=True)
def address(text: Any, i: Any, start: Any, end: Any, flags: Any) -> Any:
    """Return the end of an address at ``i`` (or −1), and start and end of its host."""
    c = text[i] | 0x20
    s = _scheme(text, i, start, end, flags) if c == 0x68 or c == 0x77 else np.int64(-1)
    shortest = s + 5 if s == i else s + 1
    if s < 0:
        s = _bare(text, i, start, end, flags)
        shortest = s
        if s < 0:
            return np.int64(-1), np.int64(i), np.int64(i)
    stop = s
    while stop < end and flags[text[stop]] & URL_END == 0:
        stop += 1
    if stop < shortest:
        s = _bare(text, i, start, end, flags)
        if s < 0:
            return np.int64(-1), np.int64(i), np.int64(i)
    h = i if s > i and text[s] == 0x2F and text[s - 1] != 0x2F else s
    begin, until = _host(text, h, stop)
    return np.int64(stop), begin, until
