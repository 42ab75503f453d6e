"""Text to terms: words, phrases, #tags, @mentions, domains, emoji.

A text is cut into tokens. A token has a *surface*, as it was written, and a *key*, under which
its spellings are counted together: ``#PyCon``, ``PyCon`` and ``pycon`` share the key ``pycon``,
``Café`` and ``cafe`` the key ``cafe``. A handle keeps its mark (``@ada``): to address somebody
is not to talk about a word. What is shown is the commonest surface.

Phrases are not cut here: two or three tokens of a row that nothing but white space parts are a
phrase, and :mod:`rtanalytics.counts` decides which of them are worth a term.
"""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import regex

from rtanalytics.event import Event
from rtanalytics.stopwords import SHORTENERS, STOP_WORDS

__all__ = ["Kind", "Token", "Vocabulary", "fold", "text_of", "tokens"]


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


_WORD = r"[\p{L}\p{N}_\p{M}--\uFE00-\uFE0F\u20E3\U000E0100-\U000E01EF]"
_PICTURE = (
    r"(?:\p{RI}\p{RI}|[0-9#*]\uFE0F?\u20E3"
    r"|[\p{Extended_Pictographic}--[©®™‼⁉]]\p{EMod}?\uFE0F?[\U000E0020-\U000E007F]*)"
)
_TOKEN = regex.compile(
    rf"""
    (?P<url>(?:https?://|(?<!{_WORD})www\.)[^\s<>"“”«»]+
      |(?<![{_WORD}@#.])(?:[a-z0-9-]+\.)+[a-z]{{2,}}/[^\s<>"“”«»]*)
  | (?P<header>(?<!{_WORD})(?:RT|MT)[ ]*[:]?[ ]*[@＠]{_WORD}+[ ]*:?)
  | (?P<email>[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)
  | (?P<handle>(?<![{_WORD}@＠])[@＠]{_WORD}+(?:[.-]{_WORD}+)*(?:@[\w-]+(?:\.[\w-]+)+)?)
  | (?P<tag>(?<!{_WORD})[#＃](?={_WORD}*\p{{L}}){_WORD}+)
  | (?P<emoji>{_PICTURE}(?:\u200D{_PICTURE})*)
  | (?P<ideograph>[\p{{Han}}\p{{Hiragana}}]\p{{M}}*)
  | (?P<word>(?!\p{{M}})[{_WORD}--[\p{{Han}}\p{{Hiragana}}]]+
      (?:(?:['’ʼ＇](?=\p{{L}})|[-‐‑\u200C\u200D](?={_WORD})|\.(?=[\p{{Ll}}\p{{N}}])|::(?={_WORD})
        |(?<=(?<!{_WORD})\p{{Lu}})&(?=\p{{Lu}}(?!{_WORD})))
       [{_WORD}--[\p{{Han}}\p{{Hiragana}}]]+)*
      (?:\(\)|(?<=(?<!{_WORD})[A-Za-z])\+\+|(?<=(?<!{_WORD})[CFJ])\#(?!{_WORD}))?)
    """,
    regex.VERBOSE | regex.VERSION1,
)
_GAP = regex.compile(r"[\p{Zs}\t]+")
_HOST = regex.compile(r"(?:https?://)?(?:[^/?#@\s]*@)?(?:www\.)?([^/?#:\s]+)", regex.I)
_NUMBER = regex.compile(r"[\p{N}._:'’-]+")
_KINDS = {
    "handle": Kind.HANDLE,
    "tag": Kind.TAG,
    "emoji": Kind.EMOJI,
    "ideograph": Kind.IDEOGRAPH,
    "url": Kind.DOMAIN,
}


def tokens(text: str) -> Iterator[Token]:
    """The tokens of a text, in order.

    Left out are e-mail addresses and the header of a retweet (``RT @ada:``), which says who
    spoke and not what about. HTML entities that a source left in are read as what they mean.

    Examples
    --------
    >>> text = "RT @ada: O’Briant on asyncio.run, C++ &amp; n() https://www.python.org/x #PyConDE"
    >>> [token.surface for token in tokens(text)]
    ['O’Briant', 'on', 'asyncio.run', 'C++', 'n()', 'python.org', '#PyConDE']
    """
    if "&" in text:
        text = html.unescape(text)
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    end = -1
    for match in _TOKEN.finditer(text):
        name = match.lastgroup or ""
        if name in ("header", "email"):
            end = -1
            continue
        surface, start = match.group(), match.start()
        kind = _KINDS.get(name, Kind.WORD)
        if kind == Kind.WORD and _NUMBER.fullmatch(surface):
            kind = Kind.NUMBER
        elif kind == Kind.DOMAIN:
            host = _HOST.match(surface)
            surface = host.group(1).rstrip(".…,;)") if host else ""
            if not surface:
                end = -1
                continue
        follows = end >= 0 and (
            (start == end and kind == Kind.IDEOGRAPH) or bool(_GAP.fullmatch(text, end, start))
        )
        yield Token(kind, surface, follows)
        end = match.end()


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
_STOP = frozenset(fold(word) for word in STOP_WORDS)


def text_of(event: Event) -> str:
    """What is counted of an event: title and text, its tags, and where its links lead.

    Expanded links take the place of the addresses in the text, which are often shortened.
    """
    text = event.text or ""
    if event.links:
        text = _ADDRESS.sub(" ; ", text)
    if not (event.title or event.tags or event.links):
        return text
    parts = [event.title or "", text]
    parts += [f"#{tag}" if _NAME.fullmatch(tag) else tag for tag in event.tags]
    parts += event.links
    return "\n".join(part for part in parts if part)


_ADDRESS = regex.compile(r"https?://\S+")
_NAME = regex.compile(rf"{_WORD}+", regex.VERSION1)


class Vocabulary:
    """Numbers for surfaces and for terms, given in the order in which they are first met.

    Surfaces and terms have separate numbers. A term is a key, or a phrase made of the keys of
    two or three words.

    Attributes
    ----------
    keys : list of str
        Key of each term; the words of a phrase are parted by a space.
    surfaces : list of str
        Each surface as written.
    """

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.surfaces: list[str] = []
        self._term: dict[str, int] = {}
        self._surface: dict[tuple[int, str], int] = {}
        self._spellings: dict[int, list[int]] = {}
        self._phrase: dict[tuple[int, ...], int] = {}
        self._words: dict[int, tuple[int, ...]] = {}
        self._term_of = np.empty(1024, np.int32)
        self._kind = np.empty(1024, np.int8)
        self._counts = np.empty(1024, np.bool_)
        self._edge = np.empty(1024, np.bool_)

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

    def surface(self, token: Token) -> int:
        """The number of a token's surface."""
        place = (token.kind, token.surface)
        number = self._surface.get(place)
        if number is None:
            number = self._surface[place] = len(self.surfaces)
            self.surfaces.append(token.surface)
            if number == len(self._term_of):
                for name in ("_term_of", "_kind", "_counts", "_edge"):
                    old = getattr(self, name)
                    setattr(self, name, np.concatenate([old, np.empty_like(old)]))
            key = fold(token.surface)
            stop = key in _STOP
            term = self._term_of[number] = self.term(key)
            self._spellings.setdefault(int(term), []).append(number)
            self._kind[number] = token.kind
            self._counts[number] = _counts_alone(token.kind, key, stop=stop)
            self._edge[number] = (
                token.kind in (Kind.WORD, Kind.NUMBER, Kind.IDEOGRAPH) and not stop and bool(key)
            )
        return number

    def encode(self, texts: Iterable[str]) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
        """Surfaces of texts, one after the other.

        Returns
        -------
        (numpy.ndarray of int32, numpy.ndarray of int64)
            Surface numbers, with -1 wherever a row of tokens ends, and the offsets of the texts
            in them (one more than there are texts).
        """
        flat: list[int] = []
        offsets = [0]
        for text in texts:
            for token in tokens(text):
                if not token.follows and len(flat) > offsets[-1]:
                    flat.append(-1)
                flat.append(self.surface(token))
            offsets.append(len(flat))
        return np.array(flat, np.int32), np.array(offsets, np.int64)

    @property
    def term_of(self) -> npt.NDArray[np.int32]:
        """Term of each surface."""
        return self._term_of[: len(self.surfaces)]

    @property
    def kinds(self) -> npt.NDArray[np.int8]:
        """Kind of each surface."""
        return self._kind[: len(self.surfaces)]

    @property
    def counts_alone(self) -> npt.NDArray[np.bool_]:
        """For each surface: is it a term without its neighbours?"""
        return self._counts[: len(self.surfaces)]

    @property
    def may_edge(self) -> npt.NDArray[np.bool_]:
        """For each surface: may a phrase start or end with it?"""
        return self._edge[: len(self.surfaces)]

    def phrase(self, terms: Sequence[int]) -> int:
        """The number of the phrase that these words form."""
        words = tuple(terms)
        number = self._phrase.get(words)
        if number is None:
            number = self._phrase[words] = self.term(join([self.keys[t] for t in words]))
            self._words.setdefault(number, words)
        return number

    def words(self, term: int) -> tuple[int, ...] | None:
        """The words of a phrase; None for any other term."""
        return self._words.get(term)

    def surfaces_of(self, term: int) -> list[int]:
        """All surfaces of a term that is no phrase."""
        return self._spellings.get(term, [])


def join(words: Sequence[str]) -> str:
    """Words as a phrase: parted by spaces, except where the script writes none."""
    phrase = words[0]
    for before, word in pairwise(words):
        dense = regex.match(_DENSE, before[-1:]) and regex.match(_DENSE, word[:1])
        phrase += word if dense else f" {word}"
    return phrase


_DENSE = r"[\p{Han}\p{Hiragana}]"


def _counts_alone(kind: int, key: str, *, stop: bool) -> bool:
    if kind in (Kind.NUMBER, Kind.IDEOGRAPH):
        return False
    if kind == Kind.DOMAIN:
        return key not in SHORTENERS
    if kind == Kind.WORD:
        return not stop and (len(key) > 1 or not key.isalnum())
    return True
