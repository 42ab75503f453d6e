"""The key under which the spellings of a word are counted together."""

from __future__ import annotations

import unicodedata

__all__ = ["fold"]


def fold(surface: str) -> str:
    """Return the key of a word: without case, accents, apostrophes, the ``#`` and an English ``'s``.

    Only the accents of Latin, Greek and Cyrillic are removed (U+0300–U+036F): in other scripts
    the marks are letters.

    Examples
    --------
    >>> fold("#PyCon"), fold("Müller’s"), fold("@Ada"), fold("हिन्दी")
    ('pycon', 'muller', '@ada', 'हिन्दी')
    """
    key = surface.casefold()
    if not key.isascii():
        decomposed = unicodedata.normalize("NFD", key)
        key = "".join(_PLAIN.get(c, c) for c in decomposed if not "\u0300" <= c <= "\u036f")
        key = unicodedata.normalize("NFC", key)
    if key[:1] == "#" and len(key) > 1:
        key = key[1:]
    if key.endswith("'s") and len(key) > 3:
        key = key[:-2]
    return key


_PLAIN = {"’": "'", "ʼ": "'", "＇": "'", "‐": "-", "‑": "-", "＠": "@", "＃": "#", "\ufe0f": ""}
