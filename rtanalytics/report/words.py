"""Functions that clean the text of messages, split it into pieces, and search it for terms."""

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
    "Message",
    "Pattern",
    "Piece",
    "clean",
    "content_keys",
    "keys_of",
    "mentions",
    "pattern_of",
    "pieces",
    "safe_url",
    "with_keys",
]

_LONGEST = 400
"""Maximum number of characters of a quote."""
_MISLEADING = regex.compile(r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\u00ad]")
"""Characters that change the reading direction, and invisible characters."""
_CONTROL = regex.compile(r"[\p{Cc}\p{Cs}\p{Co}\p{Cn}]")
_STACKED = regex.compile(r"(\p{M}{4})\p{M}+")
_TOKEN = regex.compile(
    r"""(?P<link>https?://[^\s<>"“”«»]+)
    | (?P<mark>[@\#][\p{L}\p{N}\p{M}_]+)
    | (?P<word>[\p{L}\p{N}_][\p{L}\p{N}\p{M}_'’-]*)""",
    regex.VERBOSE,
)


def clean(text: str | None, limit: int | None = None) -> str:
    r"""Return a text on one line, without invisible and control characters.

    Control characters become U+FFFD, characters that change the reading direction are removed, and
    each letter keeps at most four combining marks.

    Parameters
    ----------
    text : str or None
        The original text; None counts as empty.
    limit : int, optional
        Maximum number of characters; a longer text ends in an ellipsis.

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


def safe_url(url: str | None) -> str:
    """Return a URL escaped for HTML and Markdown, or "" if it is not a printable http(s) URL."""
    if not (url and url.isprintable() and is_web_url(url)):
        return ""
    return url.replace('"', "%22").replace("<", "%3C").replace(">", "%3E")


class Piece(NamedTuple):
    """Part of a quote.

    ``kind`` is ``text``, ``link``, ``mark`` (a tag or handle) or ``hit`` (a word to highlight).
    """

    kind: str
    text: str
    href: str = ""


_ENTITY = regex.compile(r"&(?:amp|lt|gt|quot|#39);")
"""HTML entities that some sources leave in a text; they are decoded before the text is escaped."""


def pieces(text: str, hits: Collection[str] = ()) -> tuple[Piece, ...]:
    """Split a quote into plain text, links, tags and handles, and highlighted words.

    Parameters
    ----------
    text : str
        The original text.
    hits : collection of str
        Keys (:func:`rtanalytics.terms.fold`) of the words to highlight.

    Examples
    --------
    >>> [(p.kind, p.text) for p in pieces("the keynote! see https://example.org/a #pycon", {"keynote"})]
    [('text', 'the '), ('hit', 'keynote'), ('text', '! see '), ('link', 'example.org/a'), ('text', ' '), ('mark', '#pycon')]
    """  # noqa: E501  (Python prints the list on one line)
    text = clean(_ENTITY.sub(lambda e: html.unescape(e.group()), text), _LONGEST)
    result: list[Piece] = []
    plain = 0
    for token in _TOKEN.finditer(text):
        piece = _piece(token, hits)
        if piece is None:
            continue
        if token.start() > plain:
            result.append(Piece("text", text[plain : token.start()]))
        result.append(piece)
        plain = token.start() + len(token.group() if piece.kind != "link" else piece.href)
    if plain < len(text):
        result.append(Piece("text", text[plain:]))
    return tuple(result)


def _piece(token: regex.Match[str], hits: Collection[str]) -> Piece | None:
    word = token.group()
    if token.lastgroup == "link":
        url = word.rstrip(".,;:!?'’)]}…")
        return Piece("link", _short(url), url) if safe_url(url) else None
    if fold(word) in hits:
        return Piece("hit", word)
    return Piece("mark", word) if token.lastgroup == "mark" else None


def _short(url: str) -> str:
    """Return host and path of a URL, at most 32 characters."""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").removeprefix("www.")
    except ValueError:
        return clean(url, 32)
    return clean(host + parts.path.rstrip("/"), 32) or clean(url, 32)


@dataclass(frozen=True, slots=True)
class Message:
    """An event, and the keys (normalized forms) of its words."""

    event: Event
    keys: frozenset[str]


def with_keys(events: Sequence[Event]) -> list[Message]:
    """Return each event with the keys of its words, split in the same way as for the trends."""
    vocabulary = Vocabulary()
    surfaces, offsets = vocabulary.encode(text_of(event) for event in events)
    terms = np.append(vocabulary.term_of, -1)[surfaces]  # -1 separates tokens and stays -1
    keys = [*vocabulary.keys, ""]
    bounds = offsets.tolist()
    numbers = terms.tolist()
    return [
        Message(event, frozenset(keys[t] for t in numbers[bounds[i] : bounds[i + 1]] if t >= 0))
        for i, event in enumerate(events)
    ]


class Pattern(NamedTuple):
    """Search pattern of a term.

    It matches all ``keys`` in any order, or ``text`` anywhere (for scripts without spaces).
    """

    keys: frozenset[str]
    text: str = ""


def pattern_of(term: str) -> Pattern:
    """Return the pattern that finds ``term`` in messages."""
    if not term.isascii() and not any(c.isspace() for c in term) and _UNSPACED.search(term):
        return Pattern(frozenset(), fold(term))
    return Pattern(frozenset(key for word in term.split() if (key := fold(word))))


_UNSPACED = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}]")


def mentions(message: Message, patterns: Collection[Pattern]) -> bool:
    """Check whether a message matches any of the patterns."""
    return any(
        (keys and keys <= message.keys) or (text and text in fold(message.event.body))
        for keys, text in patterns
    )


def keys_of(*texts: str) -> frozenset[str]:
    """Return the keys (normalized forms) of all words in ``texts``."""
    return frozenset(fold(word.group()) for text in texts for word in _TOKEN.finditer(text))


def content_keys(text: str) -> frozenset[str]:
    """Return the keys of the words of a text, without stop words and very short words."""
    return frozenset(key for key in keys_of(text) if len(key) > 2 and key not in _stop_keys())


@cache
def _stop_keys() -> frozenset[str]:
    return frozenset(fold(word) for word in stop_words())
