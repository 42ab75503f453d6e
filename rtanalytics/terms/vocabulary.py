"""Numbers for surfaces and terms, so that counting needs no text."""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import pairwise
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt
import regex

from rtanalytics.terms.arrays import grown
from rtanalytics.terms.stopwords import LANGUAGES, SHORTENERS, known_language, words
from rtanalytics.terms.tokens import ALONE, EDGE, Kind, fold, join, use_of

__all__ = ["Segmenter", "Vocabulary"]

Segmenter = Callable[[str], Iterable[str]]
Numbers = npt.NDArray[np.int32]

_AT_ONCE = 2000
"""Texts per batch: enough to be fast, few enough to stay in the cache."""
_CUT = regex.compile(r"[@#＠＃]?[\w'’-]+…(?=[ ;]*(?:https?://\S+)?[ ;]*$)", regex.MULTILINE)
"""Last word of a line that was cut off, as in "RT @ada: Lovel…"."""
_UNSPACED = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}ー]+")


class Vocabulary:
    """Numbers of surfaces and of terms, in the order of their first occurrence.

    Surfaces and terms are numbered separately. A term is a key, or a phrase of the keys of
    two or three words.

    Parameters
    ----------
    languages : tuple of str
        Languages whose stop words are ignored in texts of unknown language.
    segmenter : callable, optional
        Function that splits a run of Han, Hiragana and Katakana into words.

    Attributes
    ----------
    keys : list of str
        Key of each term; the words of a phrase are separated by a space.
    surfaces : list of str
        Each surface as written.
    both : bool
        True if some term can be written in two ways: as a phrase and as a single surface (``日本`` and
        ``#日本``), or as phrases of different words.
    """

    def __init__(self, languages: tuple[str, ...] = LANGUAGES, *, segmenter: Segmenter | None = None) -> None:
        from rtanalytics.terms.kernel import new_table
        from rtanalytics.terms.phrases import Phrases

        self.keys: list[str] = []
        self.surfaces: list[str] = []
        self.both = False
        self._segmenter = segmenter
        self._table = new_table()
        self._term: dict[str, int] = {}
        self._phrases = Phrases()
        self._stop = [frozenset[str](), _stop_keys(languages)]
        self._language: dict[str | None, int] = {None: _UNKNOWN}
        self._term_of = np.empty(1024, np.int32)
        self._kind = np.empty(1024, np.int8)
        self._hash = np.empty(1024, np.uint32)
        self._before = np.empty(1024, np.int32)
        self._last = np.full(1024, -1, np.int32)
        self._use = np.empty((2, 1024), np.uint8)

    def __len__(self) -> int:
        return len(self.keys)

    def term(self, key: str) -> int:
        """Return the number of a term; a new key gets a new number."""
        number = self._term.get(key)
        if number is None:
            number = self._term[key] = len(self.keys)
            self.keys.append(key)
        return number

    def find(self, key: str) -> int | None:
        """Return the number of a known term, else None."""
        return self._term.get(key)

    def phrases(self, words: Numbers) -> Numbers:
        """Return the numbers of phrases; new phrases get new numbers.

        Parameters
        ----------
        words : numpy.ndarray of int32, shape (n, 3)
            Terms of each phrase; the third is −1 for phrases of two words.
        """
        numbers = self._phrases.find(words)
        new = np.flatnonzero(numbers < 0)
        if len(new):
            keys = self.keys
            for i, of in zip(new.tolist(), words[new].tolist(), strict=True):
                parts = of if of[2] >= 0 else of[:2]
                known = len(keys)
                number = numbers[i] = self.term(join([keys[t] for t in parts]))
                self.both |= number < known
            self._phrases.add(words[new], numbers[new])
        return numbers

    def words(self, term: int) -> tuple[int, ...] | None:
        """Return the words of a phrase; None for any other term."""
        return self._phrases.words(term)

    def surfaces_of(self, term: int) -> list[int]:
        """Return all surfaces of a term that is not a phrase, the latest first."""
        found, number = [], int(self._last[term]) if term < len(self._last) else -1
        while number >= 0:
            found.append(number)
            number = int(self._before[number])
        return found

    def encode(self, texts: Iterable[str]) -> tuple[Numbers, npt.NDArray[np.int64]]:
        """Convert texts to numbers of surfaces.

        Parameters
        ----------
        texts : iterable of str, or pyarrow.StringArray or pyarrow.ChunkedArray
            Texts in any script. HTML entities are decoded. ASCII in an Arrow column is read without
            a copy; null is an empty text.

        Returns
        -------
        (numpy.ndarray of int32, numpy.ndarray of int64)
            Surface numbers, with −1 between runs of tokens (phrases do not cross it), and the offsets
            of the texts in them (one more than there are texts).
        """
        flat, ends = [np.empty(0, np.int32)], [np.zeros(1, np.int64)]
        for numbers, offsets in map(self._encode, _parts(texts)):
            flat.append(numbers)
            ends.append(offsets[1:] + ends[-1][-1])
        return np.concatenate(flat), np.concatenate(ends)

    def some(self, surfaces: npt.NDArray[np.integer[Any]]) -> Vocabulary:
        """Return a vocabulary of some of the surfaces, without phrases.

        Parameters
        ----------
        surfaces : numpy.ndarray of int, shape (n,)
            Numbers of the surfaces, each once. The first gets number 0, and so on.
        """
        from rtanalytics.terms import kernel

        new = Vocabulary(segmenter=self._segmenter)
        new._stop, new._language = list(self._stop), dict(self._language)
        new._use = np.empty((len(new._stop), new._use.shape[1]), np.uint8)
        new._table = kernel.some_of(self._table, surfaces.astype(np.int64))
        new._learn(len(surfaces))
        return new

    def _encode(self, texts: Any) -> tuple[Numbers, npt.NDArray[np.int64]]:
        if not isinstance(texts, list):
            from rtanalytics.terms import kernel

            data, bounds = _buffers(texts)
            if kernel.plain(data, bounds[0], bounds[-1]):
                return self._number(data, bounds[:-1], bounds[1:])
            texts = [text or "" for text in texts.to_pylist()]
        lengths = [*map(len, texts)]
        joined = "".join(texts)
        if joined.isascii() and "&" not in joined:
            characters = np.frombuffer(joined.encode(), np.uint8)
        else:
            texts = [self._prepared(text) for text in texts]
            lengths = [*map(len, texts)]
            characters = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), np.uint32)
        ends = np.cumsum(lengths, dtype=np.int64)
        return self._number(characters, ends - lengths, ends)

    def _number(self, characters: Any, starts: Any, ends: Any) -> tuple[Numbers, npt.NDArray[np.int64]]:
        from rtanalytics.terms import kernel

        flat, offsets, self._table, known = kernel.encode(
            characters, starts, ends, self._table, len(self.surfaces), whole=self._segmenter is not None
        )
        if known > len(self.surfaces):
            self._learn(known)
        return flat, offsets

    def _prepared(self, text: str) -> str:
        if "&" in text:
            text = html.unescape(text)
        if text.isascii():
            return text
        text = unicodedata.normalize("NFC", text)
        if "…" in text:
            text = _CUT.sub("…", text)
        if self._segmenter is not None:
            segment = self._segmenter
            text = _UNSPACED.sub(lambda run: "\u200b".join(["", *segment(run.group()), ""]), text)
        return text

    def _learn(self, known: int) -> None:
        """Register the terms of new surfaces."""
        pool, offsets = self._table[-2:]
        first = len(self.surfaces)
        self._term_of, self._kind = grown(self._term_of, known), grown(self._kind, known)
        self._hash, self._before = grown(self._hash, known), grown(self._before, known)
        if self._use.shape[1] < known:
            self._use = np.stack([grown(row, known) for row in self._use])
        start = int(offsets[first])
        text = pool[start : offsets[known]].tobytes().decode("utf-32-le", "surrogatepass")
        bounds = (offsets[first : known + 1] - start).tolist()
        kinds = pool[offsets[first:known]].astype(np.int8)
        surfaces = [text[begin + 1 : end] for begin, end in pairwise(bounds)]
        keys = [_key(surface) for surface in surfaces]
        terms = np.array([self.term(key) for key in keys], np.int32)
        self.surfaces += surfaces
        self._kind[first:known] = kinds
        self._term_of[first:known] = terms
        self._hash[first:known] = [crc32(key.encode("utf-8", "replace")) for key in keys]
        self._chain(terms, first)
        self.both = self.both or any(self._phrases.words(term) is not None for term in terms.tolist())
        for use, stop in zip(self._use, self._stop, strict=True):
            use[first:known] = _uses(kinds, keys, stop)

    def _chain(self, terms: Numbers, first: int) -> None:
        """Link the surfaces of each term; those from ``first`` on have the given terms."""
        self._last = grown(self._last, len(self.keys), -1)
        order = np.argsort(terms, kind="stable").astype(np.int32)
        ordered = terms[order]
        again = np.diff(ordered, prepend=-1) == 0
        before = np.where(again, np.roll(order, 1) + np.int32(first), self._last[ordered])
        self._before[order + first] = before
        self._last[ordered] = order + first  # for equal terms the last assignment remains

    def language(self, code: str | None) -> int:
        """Return the row of :attr:`uses_by_language` for texts of a language.

        Parameters
        ----------
        code : str, optional
            BCP 47 tag from a source (``de``, ``pt-BR``). Texts of unknown language, or of one without a
            list of stop words, share row 1.
        """
        row = self._language.get(code)
        if row is None:
            name = known_language(code)
            if name is None or name == code:
                row = _UNKNOWN if name is None else self._add(name)
            else:
                row = self.language(name)
            self._language[code] = row
        return row

    def _add(self, language: str) -> int:
        self._stop.append(_stop_keys((language,)))
        more = np.empty((1, self._use.shape[1]), np.uint8)
        keys = [self.keys[t] for t in self.term_of.tolist()]
        more[0, : len(keys)] = _uses(self.kinds, keys, self._stop[-1])
        self._use = np.concatenate([self._use, more])
        return len(self._stop) - 1

    @property
    def term_of(self) -> Numbers:
        """Term of each surface."""
        return self._term_of[: len(self.surfaces)]

    @property
    def kinds(self) -> npt.NDArray[np.int8]:
        """Kind of each surface."""
        return self._kind[: len(self.surfaces)]

    @property
    def uses(self) -> npt.NDArray[np.uint8]:
        """Flags of each surface: ``ALONE``, ``EDGE``, ``INNER`` and ``CONTENT``."""
        uses: npt.NDArray[np.uint8] = self._use[_UNKNOWN, : len(self.surfaces)]
        return uses

    @property
    def uses_by_language(self) -> npt.NDArray[np.uint8]:
        """Flags of each surface in each language: one row per language, see :meth:`language`."""
        uses: npt.NDArray[np.uint8] = self._use[:, : len(self.surfaces)]
        return uses

    @property
    def hashes(self) -> npt.NDArray[np.uint32]:
        """Hash of each surface's key, the same in every process."""
        return self._hash[: len(self.surfaces)]


_UNKNOWN = 1
"""Row for the stop words of all default languages; row 0 is without stop words."""


def _key(surface: str) -> str:
    """Return the key as :func:`fold` does, with a fast path for plain words."""
    if not surface.isalnum() or not surface.isascii():
        return fold(surface)
    return surface.lower()


def _uses(kinds: npt.NDArray[np.int8], keys: list[str], stop: frozenset[str]) -> npt.NDArray[np.uint8]:
    """Return the flags of surfaces, given their kinds and keys and the stop words."""
    uses: npt.NDArray[np.uint8] = _BY_KIND[kinds]
    short = np.fromiter(map(len, keys), np.int64, len(keys)) < 2
    for i in np.flatnonzero(short | (kinds == Kind.DOMAIN)).tolist():
        uses[i] = use_of(int(kinds[i]), keys[i], shortener=keys[i] in SHORTENERS)
    if stop:
        stopped = np.fromiter(map(stop.__contains__, keys), np.bool_, len(keys))
        stopped &= (kinds == Kind.WORD) | (kinds == Kind.NUMBER) | (kinds == Kind.IDEOGRAPH)
        uses[stopped] &= ~np.uint8(ALONE | EDGE)
    return uses


_BY_KIND = np.array([use_of(kind, "xx") for kind in range(7)], np.uint8)


@lru_cache
def _stop_keys(languages: tuple[str, ...]) -> frozenset[str]:
    return frozenset(fold(word) for word in words(languages))


def _parts(texts: Any) -> Iterable[Any]:
    """Yield batches of texts, as lists or Arrow arrays."""
    for array in getattr(texts, "chunks", [texts]):
        if not hasattr(array, "buffers") and not isinstance(array, list):
            array = list(array)  # noqa: PLW2901
        for first in range(0, len(array), _AT_ONCE):
            yield array[first : first + _AT_ONCE]


def _buffers(texts: Any) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Return the bytes and bounds of an Arrow array of strings, without a copy."""
    if texts.null_count:
        texts = texts.fill_null("")
    _, bounds, data = texts.buffers()
    width = np.int64 if str(texts.type) == "large_string" else np.int32
    offsets = np.frombuffer(bounds, width)[texts.offset : texts.offset + len(texts) + 1].astype(np.int64)
    return np.frombuffer(data if data is not None else b"", np.uint8), offsets
