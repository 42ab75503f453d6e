"""Text to terms: words, phrases, #tags, @mentions, domains, emoji.

A text is cut into tokens. A token has a *surface*, as it was written, and a *key*, under which
its spellings are counted together: ``#PyCon``, ``PyCon`` and ``pycon`` share the key ``pycon``,
``Café`` and ``cafe`` the key ``cafe``. A handle keeps its mark (``@ada``): to address somebody
is not to talk about a word. What is shown is the commonest surface.

Left out are e-mail addresses, and the header of a retweet (``RT @ada:``), which says who spoke
and not what about. Phrases are not cut here: two or three tokens of a row that nothing but white
space parts may be one, and :mod:`rtanalytics.counts` decides which of them are worth a term.

Han and Hiragana write no spaces. Unless a ``segmenter`` is given, each of their characters is a
token that counts only within phrases, so that common sequences of two and three are found.
"""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple
from zlib import crc32

import numpy as np
import numpy.typing as npt
import regex

from rtanalytics.event import Event
from rtanalytics.terms.stopwords import LANGUAGES, SHORTENERS, words

__all__ = ["Kind", "Token", "Vocabulary", "fold", "join", "text_of", "tokens"]

Segmenter = Callable[[str], Iterable[str]]


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


def tokens(text: str, segmenter: Segmenter | None = None) -> Iterator[Token]:
    """The tokens of one text, in order; for many texts use :meth:`Vocabulary.encode`.

    Examples
    --------
    >>> text = "RT @ada: O’Briant on asyncio.run, C++ &amp; n() https://www.python.org/x #PyConDE"
    >>> [token.surface for token in tokens(text)]
    ['O’Briant', 'on', 'asyncio.run', 'C++', 'n()', 'python.org', '#PyConDE']
    """
    vocabulary = Vocabulary(segmenter=segmenter)
    before = -1
    for number in vocabulary.encode([text])[0].tolist():
        if number >= 0:
            yield Token(int(vocabulary.kinds[number]), vocabulary.surfaces[number], before >= 0)
        before = number


@lru_cache(1 << 16)
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


def text_of(event: Event) -> str:
    """What is counted of an event: title and text, its tags, and where its links lead.

    Expanded links take the place of the addresses in the text, which are often shortened.
    """
    if not (event.title or event.tags or event.links):
        return event.text or ""
    text = event.text or ""
    if event.links:
        text = _ADDRESS.sub(" ; ", text)
    parts = [event.title or "", text]
    parts += [f"#{tag}" if _NAME.fullmatch(tag) else tag for tag in event.tags]
    parts += event.links
    return "\n".join(part for part in parts if part)


_ADDRESS = regex.compile(r"https?://\S+", regex.IGNORECASE)
_NAME = regex.compile(r"[\p{L}\p{N}\p{M}_]+")
_AT_ONCE = 2000
"""Texts that are cut in one go: enough to be quick, few enough to stay in the cache."""

_UNSPACED = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}ー]+")
_DENSE = regex.compile(r"[\p{Han}\p{Hiragana}]")


class Vocabulary:
    """Numbers for surfaces and for terms, given in the order in which they are first met.

    Surfaces and terms have separate numbers. A term is a key, or a phrase made of the keys of
    two or three words.

    Parameters
    ----------
    languages : tuple of str
        Languages whose stop words are passed over.
    segmenter : callable, optional
        Takes a run of Han, Hiragana and Katakana and gives its words.

    Attributes
    ----------
    keys : list of str
        Key of each term; the words of a phrase are parted by a space.
    surfaces : list of str
        Each surface as written.
    both : bool
        True if a term is known both as a phrase and as a single surface (``日本`` and ``#日本``).
    """

    def __init__(self, languages: tuple[str, ...] = LANGUAGES, *, segmenter: Segmenter | None = None) -> None:
        from rtanalytics.terms.kernel import new_table

        self.keys: list[str] = []
        self.surfaces: list[str] = []
        self._stop = _stop_keys(languages)
        self._segmenter = segmenter
        self._table = new_table()
        self.both = False
        self._term: dict[str, int] = {}
        self._spellings: dict[int, list[int]] = {}
        self._phrase: dict[tuple[int, ...], int] = {}
        self._words: dict[int, tuple[int, ...]] = {}
        self._term_of = np.empty(1024, np.int32)
        self._kind = np.empty(1024, np.int8)
        self._use = np.empty(1024, np.uint8)
        self._hash = np.empty(1024, np.uint32)

    def __len__(self) -> int:
        return len(self.keys)

    def term(self, key: str) -> int:
        """The number of a term, which is new if the key is."""
        number = self._term.setdefault(key, len(self.keys))
        if number == len(self.keys):
            self.keys.append(key)
        return number

    def find(self, key: str) -> int | None:
        """The number of a term that is known, else None."""
        return self._term.get(key)

    def phrases(self, words: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
        """The numbers of phrases.

        Parameters
        ----------
        words : numpy.ndarray of int32, shape (n, 3)
            The terms that each is made of; the third is -1 where there are only two.
        """
        numbers = []
        for of in map(tuple, words.tolist()):
            number = self._phrase.get(of)
            if number is None:
                parts = of if of[2] >= 0 else of[:2]
                number = self._phrase[of] = self.term(join([self.keys[t] for t in parts]))
                self._words.setdefault(number, parts)
                self.both |= number in self._spellings
            numbers.append(number)
        return np.array(numbers, np.int32)

    def words(self, term: int) -> tuple[int, ...] | None:
        """The words of a phrase; None for any other term."""
        return self._words.get(term)

    def surfaces_of(self, term: int) -> list[int]:
        """All surfaces of a term that is no phrase."""
        return self._spellings.get(term, [])

    def encode(self, texts: Iterable[str]) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
        """Surfaces of texts, one after the other.

        Parameters
        ----------
        texts : iterable of str
            In any script. HTML entities that a source left in are read as what they mean.

        Returns
        -------
        (numpy.ndarray of int32, numpy.ndarray of int64)
            Surface numbers, with -1 wherever a row of tokens ends, and the offsets of the texts
            in them (one more than there are texts).
        """
        from rtanalytics.terms import kernel

        texts = [self._prepared(text) for text in texts]
        flat, ends = [np.empty(0, np.int32)], [np.zeros(1, np.int64)]
        for first in range(0, len(texts), _AT_ONCE):
            part = texts[first : first + _AT_ONCE]
            bounds = np.zeros(len(part) + 1, np.int64)
            np.cumsum([len(text) + 1 for text in part], out=bounds[1:])
            joined = "\n".join([*part, ""]).encode("utf-32-le", "surrogatepass")
            numbers, offsets, self._table, known = kernel.encode(
                np.frombuffer(joined, np.uint32),
                bounds,
                self._table,
                len(self.surfaces),
                whole=self._segmenter is not None,
            )
            flat.append(numbers)
            ends.append(offsets[1:] + ends[-1][-1])
            if known > len(self.surfaces):
                self._learn(known)
        return np.concatenate(flat), np.concatenate(ends)

    def _prepared(self, text: str) -> str:
        if "&" in text:
            text = html.unescape(text)
        if text.isascii():
            return text
        text = unicodedata.normalize("NFC", text)
        if self._segmenter is not None:
            segment = self._segmenter
            text = _UNSPACED.sub(lambda run: "\u200b".join(["", *segment(run.group()), ""]), text)
        return text

    def _learn(self, known: int) -> None:
        """Look up the terms of the surfaces that are new."""
        _, _, pool, offsets = self._table
        first = len(self.surfaces)
        while len(self._term_of) < known:
            for name in ("_term_of", "_kind", "_use", "_hash"):
                old = getattr(self, name)
                setattr(self, name, np.concatenate([old, np.empty_like(old)]))
        start = int(offsets[first])
        text = pool[start : offsets[known]].tobytes().decode("utf-32-le", "surrogatepass")
        bounds = (offsets[first : known + 1] - start).tolist()
        kinds = pool[offsets[first:known]].tolist()
        terms, uses, hashes = [], [], []
        for number, kind, (begin, end) in zip(range(first, known), kinds, pairwise(bounds), strict=True):
            surface = text[begin + 1 : end]
            self.surfaces.append(surface)
            key = fold(surface)
            term = self.term(key)
            terms.append(term)
            self.both |= term in self._words
            self._spellings.setdefault(term, []).append(number)
            uses.append(_use(kind, key, stop=key in self._stop))
            hashes.append(crc32(key.encode("utf-8", "replace")))
        self._kind[first:known] = kinds
        self._term_of[first:known] = terms
        self._use[first:known] = uses
        self._hash[first:known] = hashes

    @property
    def term_of(self) -> npt.NDArray[np.int32]:
        """Term of each surface."""
        return self._term_of[: len(self.surfaces)]

    @property
    def kinds(self) -> npt.NDArray[np.int8]:
        """Kind of each surface."""
        return self._kind[: len(self.surfaces)]

    @property
    def uses(self) -> npt.NDArray[np.uint8]:
        """What each surface may be: flags ``ALONE``, ``EDGE``, ``INNER`` and ``CONTENT``."""
        return self._use[: len(self.surfaces)]

    @property
    def hashes(self) -> npt.NDArray[np.uint32]:
        """A hash of each surface's key, the same in every process."""
        return self._hash[: len(self.surfaces)]


ALONE = 1
"""The surface is a term without its neighbours."""
EDGE = 2
"""A phrase may start or end with it."""
INNER = 4
"""It may stand in the middle of a phrase of three."""
CONTENT = 8
"""It is part of what a message says: copies of the message have it too."""


def join(words: Sequence[str]) -> str:
    """Words as a phrase: parted by spaces, except where the script writes none."""
    phrase = words[0]
    for before, word in pairwise(words):
        dense = _DENSE.match(before[-1:]) and _DENSE.match(word[:1])
        phrase += word if dense else f" {word}"
    return phrase


def _use(kind: int, key: str, *, stop: bool) -> int:
    if kind == Kind.DOMAIN:
        return ALONE if key not in SHORTENERS else 0
    if kind == Kind.HANDLE:
        return ALONE
    if kind in (Kind.TAG, Kind.EMOJI):
        return ALONE | CONTENT
    use = INNER | CONTENT
    if not stop and key:
        use |= EDGE
        if kind == Kind.WORD and (len(key) > 1 or not key.isalnum()):
            use |= ALONE
    return use


@lru_cache
def _stop_keys(languages: tuple[str, ...]) -> frozenset[str]:
    return frozenset(fold(word) for word in words(languages))
