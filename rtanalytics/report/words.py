"""Other people's text, made fit to print; and which messages say what."""

from __future__ import annotations

import html
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple
from urllib.parse import urlsplit

import numpy as np
import regex

from rtanalytics.event import Event, is_web_url, repair
from rtanalytics.terms import Vocabulary, fold, text_of
from rtanalytics.terms.stopwords import words as stop_words

__all__ = [
    "Needle",
    "Piece",
    "Said",
    "address",
    "clean",
    "keyed",
    "keys_of",
    "needle",
    "pieces",
    "says",
    "telling",
]

_LONGEST = 400
"""Characters of a quote that are shown."""
_MISLEADING = regex.compile(r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\u00ad]")
"""Marks that turn the direction of what follows, and characters that nobody sees."""
_CONTROL = regex.compile(r"[\p{Cc}\p{Cs}\p{Co}\p{Cn}]")
_STACKED = regex.compile(r"(\p{M}{4})\p{M}+")
_TOKEN = regex.compile(
    r"""(?P<link>https?://[^\s<>"“”«»]+)
    | (?P<mark>[@\#][\p{L}\p{N}\p{M}_]+)
    | (?P<word>[\p{L}\p{N}_][\p{L}\p{N}\p{M}_'’-]*)""",
    regex.VERBOSE,
)


def clean(text: str | None, limit: int | None = None) -> str:
    r"""Text on one line without anything that is not to be seen.

    Control characters become U+FFFD, marks that turn the reading direction go, and of many marks
    stacked on one letter four are left. Direction is then the page's business, which isolates
    each foreign text.

    Parameters
    ----------
    text : str or None
        As it came; None is as good as empty.
    limit : int, optional
        Characters to keep at most; what is cut ends in an ellipsis.

    Examples
    --------
    >>> clean("two\n lines\x00 \u202edesrever"), clean("a long story", 8)
    ('two lines\ufffd desrever', 'a long…')
    """
    if not text:
        return ""
    line = " ".join(repair(text).split())
    if not (line.isascii() and line.isprintable()):
        line = _STACKED.sub(r"\1", _CONTROL.sub("\ufffd", _MISLEADING.sub("", line)))
    if limit is not None and len(line) > limit:
        line = line[: limit - 1].rstrip() + "…"
    return line


def address(url: str | None) -> str:
    """An address as it may stand in a page: http or https, all of it to be seen; else nothing."""
    if not (url and url.isprintable() and is_web_url(url)):
        return ""
    return url.replace('"', "%22").replace("<", "%3C").replace(">", "%3E")


class Piece(NamedTuple):
    """A piece of a quote: ``kind`` is ``text``, ``link``, ``mark`` (a tag or handle) or ``hit``."""

    kind: str
    text: str
    href: str = ""


_ENTITY = regex.compile(r"&(?:amp|lt|gt|quot|#39);")
"""Left in by some sources; the text is read as what they mean, and the page escapes it again."""


def pieces(text: str, hits: Collection[str] = ()) -> tuple[Piece, ...]:
    """A quote in pieces: its links, its tags and handles, and the words that made it a topic.

    Parameters
    ----------
    text : str
        As it came.
    hits : collection of str
        Keys (:func:`rtanalytics.terms.fold`) of the words to be marked.

    Examples
    --------
    >>> [(p.kind, p.text) for p in pieces("the keynote! see https://example.org/a #pycon", {"keynote"})]
    [('text', 'the '), ('hit', 'keynote'), ('text', '! see '), ('link', 'example.org/a'), ('text', ' '), ('mark', '#pycon')]
    """  # noqa: E501  (one list, as Python prints it)
    text = clean(_ENTITY.sub(lambda e: html.unescape(e.group()), text), _LONGEST)
    found: list[Piece] = []
    plain = 0
    for token in _TOKEN.finditer(text):
        piece = _piece(token, hits)
        if piece is None:
            continue
        if token.start() > plain:
            found.append(Piece("text", text[plain : token.start()]))
        found.append(piece)
        plain = token.start() + len(token.group() if piece.kind != "link" else piece.href)
    if plain < len(text):
        found.append(Piece("text", text[plain:]))
    return tuple(found)


def _piece(token: regex.Match[str], hits: Collection[str]) -> Piece | None:
    word = token.group()
    if token.lastgroup == "link":
        found = word.rstrip(".,;:!?'’)]}…")
        return Piece("link", _short(found), found) if address(found) else None
    if fold(word) in hits:
        return Piece("hit", word)
    return Piece("mark", word) if token.lastgroup == "mark" else None


def _short(url: str) -> str:
    """Where an address leads, short enough to be read in passing."""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").removeprefix("www.")
    except ValueError:
        return clean(url, 32)
    return clean(host + parts.path.rstrip("/"), 32) or clean(url, 32)


@dataclass(frozen=True, slots=True)
class Said:
    """An event and the keys of its words."""

    event: Event
    keys: frozenset[str]


def keyed(events: Sequence[Event]) -> list[Said]:
    """Each event with the keys of the tokens in it, cut as they are cut for counting."""
    vocabulary = Vocabulary()
    surfaces, offsets = vocabulary.encode(text_of(event) for event in events)
    terms = np.append(vocabulary.term_of, -1)[surfaces]  # -1 parts rows of tokens, and stays -1
    keys = [*vocabulary.keys, ""]
    bounds = offsets.tolist()
    numbers = terms.tolist()
    return [
        Said(event, frozenset(keys[t] for t in numbers[bounds[i] : bounds[i + 1]] if t >= 0))
        for i, event in enumerate(events)
    ]


class Needle(NamedTuple):
    """A term to look for: all ``keys`` in any order, or ``text`` in a script without spaces."""

    keys: frozenset[str]
    text: str = ""


def needle(term: str) -> Needle:
    """What a message must have to say ``term``, given as it is written."""
    if not term.isascii() and not any(c.isspace() for c in term) and _UNSPACED.search(term):
        return Needle(frozenset(), fold(term))
    return Needle(frozenset(key for word in term.split() if (key := fold(word))))


_UNSPACED = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}]")


def says(said: Said, needles: Collection[Needle]) -> bool:
    """True if the message says any of the terms."""
    return any(
        (keys and keys <= said.keys) or (text and text in fold(said.event.body)) for keys, text in needles
    )


def keys_of(*texts: str) -> frozenset[str]:
    """Keys of all words of these texts."""
    return frozenset(fold(word.group()) for text in texts for word in _TOKEN.finditer(text))


def telling(text: str) -> frozenset[str]:
    """Keys of the words of a text that say something by themselves."""
    return frozenset(key for key in keys_of(text) if len(key) > 2 and key not in _silent())


@cache
def _silent() -> frozenset[str]:
    return frozenset(fold(word) for word in stop_words())
