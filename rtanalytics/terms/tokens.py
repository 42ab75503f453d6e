"""What texts are cut into, and the key under which the spellings of a piece are counted together."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import regex

__all__ = ["ALONE", "CONTENT", "EDGE", "INNER", "Kind", "Token", "fold", "join", "use_of"]


class Kind:
    """What a token is: small integers, so that they fit into arrays."""

    WORD = 0
    TAG = 1
    HANDLE = 2
    DOMAIN = 3
    EMOJI = 4
    NUMBER = 5
    IDEOGRAPH = 6
    """One character of a script that writes no spaces: only phrases of it are terms."""


class Token(NamedTuple):
    """A piece of a text.

    Parameters
    ----------
    kind : int
        One of :class:`Kind`.
    surface : str
        As written, apart from Unicode normalisation (NFC); a domain stands for its address.
    follows : bool
        True if only white space (no line break), or nothing for an ideograph, parts it from the
        token before: the two may form a phrase.
    """

    kind: int
    surface: str
    follows: bool


ALONE = 1
"""The surface is a term without its neighbours."""
EDGE = 2
"""A phrase may start or end with it."""
INNER = 4
"""It may stand in the middle of a phrase of three."""
CONTENT = 8
"""It is part of what a message says: copies of the message have it too."""


def use_of(kind: int, key: str, *, shortener: bool = False) -> int:
    """What a surface of a kind may be, unless its key is a stop word: those flags, added up."""
    if kind in (Kind.WORD, Kind.NUMBER, Kind.IDEOGRAPH):
        if not key:
            return INNER | CONTENT
        alone = kind == Kind.WORD and (len(key) > 1 or not key.isalnum())
        return INNER | CONTENT | EDGE | (ALONE if alone else 0)
    if kind == Kind.DOMAIN:
        return 0 if shortener else ALONE
    return ALONE if kind == Kind.HANDLE else ALONE | CONTENT


def fold(surface: str) -> str:
    """The key of a surface: case, accents, apostrophes, the ``#`` and an English ``'s`` are gone.

    Only the accents of Latin, Greek and Cyrillic go (U+0300–U+036F): in other scripts the marks
    are letters.

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


def join(words: Sequence[str]) -> str:
    """Words as a phrase: parted by spaces, except where the script writes none."""
    phrase = words[0]
    for before, word in pairwise(words):
        dense = not (before.isascii() or word.isascii()) and _DENSE.match(before[-1:]) and _DENSE.match(word)
        phrase += word if dense else f" {word}"
    return phrase


_DENSE = regex.compile(r"[\p{Han}\p{Hiragana}]")
