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

from collections.abc import Iterator

import regex

from rtanalytics.event import Event
from rtanalytics.terms.tokens import ALONE, CONTENT, EDGE, INNER, Kind, Token, fold, join
from rtanalytics.terms.vocabulary import Segmenter, Vocabulary

__all__ = [
    "ALONE",
    "CONTENT",
    "EDGE",
    "INNER",
    "SILENT",
    "Kind",
    "Segmenter",
    "Token",
    "Vocabulary",
    "fold",
    "join",
    "text_of",
    "tokens",
]


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


def text_of(event: Event) -> str:
    """What is counted of an event: title and text, its tags, and where its links lead.

    Expanded links take the place of the addresses in the text, which are often shortened. What people do
    without saying anything (they join, leave, change their name) has no text that counts, nor has what a
    schedule says of its talks.
    """
    if event.type in SILENT:
        return ""
    if not (event.title or event.tags or event.links):
        return event.text or ""
    text = event.text or ""
    if event.links:
        text = _ADDRESS.sub(" ; ", text)
    parts = [event.title or "", text]
    parts += [f"#{tag}" if _NAME.fullmatch(tag) else tag for tag in event.tags]
    parts += event.links
    return "\n".join(part for part in parts if part)


SILENT = frozenset("join part quit kick nick mode topic users gap error talk".split())
"""Types of events whose text nobody says: what happens in a room or to a talk of the schedule, and what a
source tells of itself."""

_ADDRESS = regex.compile(r"https?://\S+", regex.IGNORECASE)
_NAME = regex.compile(r"[\p{L}\p{N}\p{M}_]+")
