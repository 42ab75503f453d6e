"""Tokens: their kinds and flags, and the key under which their spellings are counted together."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import regex

from rtanalytics.spelling import fold

__all__ = ["ALONE", "CONTENT", "EDGE", "INNER", "Kind", "Token", "fold", "join", "use_of"]


class Kind:
    """Kinds of tokens, as small integers for arrays."""

    WORD = 0
    TAG = 1
    HANDLE = 2
    DOMAIN = 3
    EMOJI = 4
    NUMBER = 5
    IDEOGRAPH = 6
    """One character of a script without spaces; only phrases of them are terms."""


class Token(NamedTuple):
    """A token of a text.

    Parameters
    ----------
    kind : int
        One of :class:`Kind`.
    surface : str
        As written, apart from Unicode normalisation (NFC); of an address, the domain.
    follows : bool
        True if only white space without a line break (for an ideograph: nothing) separates it from the
        token before, so that the two may form a phrase.
    """

    kind: int
    surface: str
    follows: bool


ALONE = 1
"""The surface is a term by itself."""
EDGE = 2
"""A phrase may start or end with it."""
INNER = 4
"""It may be in the middle of a phrase of three."""
CONTENT = 8
"""It is part of the content of a message, which copies share."""


def use_of(kind: int, key: str, *, shortener: bool = False) -> int:
    """Return the flags of a token that is not a stop word, given its kind and key."""
    if kind in (Kind.WORD, Kind.NUMBER, Kind.IDEOGRAPH):
        if not key:
            return INNER | CONTENT
        alone = kind == Kind.WORD and (len(key) > 1 or not key.isalnum())
        return INNER | CONTENT | EDGE | (ALONE if alone else 0)
    if kind == Kind.DOMAIN:
        return 0 if shortener else ALONE
    return ALONE if kind == Kind.HANDLE else ALONE | CONTENT


def join(words: Sequence[str]) -> str:
    """Join words to a phrase, with spaces except in scripts without spaces."""
    phrase = words[0]
    for before, word in pairwise(words):
        dense = not (before.isascii() or word.isascii()) and _DENSE.match(before[-1:]) and _DENSE.match(word)
        phrase += word if dense else f" {word}"
    return phrase


_DENSE = regex.compile(r"[\p{Han}\p{Hiragana}]")
