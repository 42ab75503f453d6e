"""Classes of Unicode characters: a table of flags, indexed by code point."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
import regex

__all__ = ["table"]

WORD = 1 << 0
"""Letters, numbers, ``_`` and combining marks."""
MARK = 1 << 1
LETTER = 1 << 2
LOWER = 1 << 3
UPPER = 1 << 4
NUMBER = 1 << 5
DENSE = 1 << 6
"""Han and Hiragana: scripts without spaces, in which a character is nearly a word."""
SPACE = 1 << 7
GAP = 1 << 8
"""White space within a line; it may separate the words of a phrase."""
PICTURE = 1 << 9
SKIN = 1 << 10
FLAG = 1 << 11
HOST = 1 << 12
"""ASCII letters, digits and ``-``."""
LOCAL = 1 << 13
"""Characters of the local part of an e-mail address, before the @."""
URL_END = 1 << 14
"""White space, quotes and brackets, which end a URL."""
STOP = 1 << 15
"""ASCII that ends a word and every token that begins like one."""

_CLASSES = {
    WORD: r"[\p{L}\p{N}_\p{M}--\uFE00-\uFE0F\u20E3\U000E0100-\U000E01EF]",
    MARK: r"\p{M}",
    LETTER: r"\p{L}",
    LOWER: r"\p{Ll}",
    UPPER: r"\p{Lu}",
    NUMBER: r"\p{N}",
    DENSE: r"[\p{Han}\p{Hiragana}&&\p{L}]",
    SPACE: r"\s",
    GAP: r"[\p{Zs}\t\u200B]",
    PICTURE: r"[\p{Extended_Pictographic}--[©®™‼⁉]]",
    SKIN: r"\p{EMod}",
    FLAG: r"\p{RI}",
    HOST: r"[A-Za-z0-9-]",
    LOCAL: r"[A-Za-z0-9._%+-]",
    URL_END: r"[\s<>\"“”«»]",
    STOP: r"[\x00-\x7F--[A-Za-z0-9_'.&:(+#%@/-]]",
}
_HIGHEST = 0x110000
_ASSIGNED = (range(0x40000), range(0xE0000, 0xE0200))
"""Ranges with assigned characters; the rest is unassigned or for private use."""


@cache
def table() -> npt.NDArray[np.uint16]:
    """Return the flags of every code point.

    Returns
    -------
    numpy.ndarray of uint16, shape (0x110000,)
    """
    flags = np.zeros(_HIGHEST, np.uint16)
    for part in _ASSIGNED:
        text = "".join(" " if 0xD800 <= c < 0xE000 else chr(c) for c in part)
        for flag, pattern in _CLASSES.items():
            for run in regex.finditer(f"{pattern}+", text, regex.VERSION1):
                flags[part.start + run.start() : part.start + run.end()] |= flag
    flags[0xD800:0xE000] = 0
    return flags
