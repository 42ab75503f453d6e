"""Terms of texts: words, phrases, #tags, @mentions, domains, emoji.

A text is cut into tokens. A token has a *surface*, as it was written, and a *key*, under which
its spellings are counted together: ``#PyCon``, ``PyCon`` and ``pycon`` share the key ``pycon``,
``Café`` and ``cafe`` the key ``cafe``. A handle keeps its mark (``@ada``), because mentioning a person
differs from using a word. The most frequent surface is the one that is shown.

E-mail addresses are left out, and so is the header of a retweet (``RT @ada:``), which names an author and
not a topic. Phrases are not tokens: two or three tokens that are separated by white space only may form
one, and :mod:`rtanalytics.counts` decides which of them are terms.

Han and Hiragana are written without spaces. Unless a ``segmenter`` is given, each of their characters is
a token that counts only within phrases, so that frequent sequences of two and three are found.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import regex

from rtanalytics.code_spans import without_code_marks
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
    """Yield the tokens of one text in order; for many texts use :meth:`Vocabulary.encode`.

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
    """Return the text of an event that is counted: title, text, tags, and expanded links.

    Expanded links replace the addresses in the text, which are often shortened. Words of code between
    backticks count as words, not as tags or mentions. Events that are not messages (joins, nick changes,
    talks of a schedule, …) have no text that counts.
    """
    if event.type in SILENT:
        return ""
    text = without_code_marks(event.text or "")
    if not (event.title or event.tags or event.links):
        return text
    tags: Iterable[str] = event.tags
    if text != event.text:  # archives of earlier versions have tags from code
        tags = [tag for tag in tags if f"#{tag}" in text or f"#{tag}" not in (event.text or "")]
    if event.links:
        text = _ADDRESS.sub(" ; ", text)
    parts = [event.title or "", text]
    parts += [f"#{tag}" if _NAME.fullmatch(tag) else tag for tag in tags]
    parts += event.links
    return "\n".join(part for part in parts if part)


SILENT = frozenset("join part quit kick nick mode topic users gap error talk".split())
"""Types of events that are not messages: events of a room or of the schedule, and the status of a source."""

_ADDRESS = regex.compile(r"https?://\S+", regex.IGNORECASE)
_NAME = regex.compile(r"[\p{L}\p{N}\p{M}_]+")
