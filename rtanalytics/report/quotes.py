"""Selection of messages to quote: by different authors and with different words."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from math import log1p

from rtanalytics.event import Event
from rtanalytics.report.words import Message, Piece, clean, pieces, safe_url

__all__ = [
    "Quote",
    "author_key",
    "choose_quotes",
    "count_people",
    "display_name",
    "family",
    "is_repost",
    "quote",
]

_QUOTED = '“”„«»"‘'
"""Quotation marks; a message that quotes a speaker is preferred."""
_ALIKE = 0.6
"""Two messages are alike if they share at least this part of the words of the shorter one."""


@dataclass(frozen=True, slots=True)
class Quote:
    """A quoted message, with texts ready to print.

    Parameters
    ----------
    author, handle : str
        Name and handle of the author; the handle is empty if it equals the name.
    when : datetime
        Time of the message in the venue's time zone.
    source : str
        Name of the source.
    family : str
        Kind of the source (its name up to the first colon); it determines the colour.
    url : str
        URL of the message, or empty.
    pieces : tuple of Piece
        The text, split into pieces.
    bot : bool
        True if the platform marks the account as automated.
    """

    author: str
    handle: str
    when: datetime
    source: str
    family: str
    url: str
    pieces: tuple[Piece, ...]
    bot: bool = False

    @property
    def text(self) -> str:
        """The whole text, with shortened links."""
        return "".join(piece.text for piece in self.pieces)


def family(source: str) -> str:
    """Return the kind of a source, such as ``irc`` for ``irc:#python``."""
    return clean(source.partition(":")[0], 40) or "?"


def author_key(event: Event) -> tuple[str, str] | None:
    """Return the platform and the author's id on it, or None if the author is unknown."""
    author = event.author
    if author is None or not (author.id or author.handle):
        return None
    return event.bucket, author.id or author.handle.casefold()


def count_people(events: Iterable[Event]) -> int:
    """Return the number of different known authors of ``events``."""
    return len({author_key(event) for event in events} - {None})


def is_repost(event: Event) -> bool:
    """Check whether an event repeats a message of another person."""
    return event.type == "repost" or event.repost_of is not None or event.body.startswith("RT @")


def display_name(event: Event) -> tuple[str, str]:
    """Return the name of the author, and the handle, or "" if the handle equals the name."""
    if event.author is None:
        return "somebody", ""
    handle = clean(event.author.handle, 60)
    name = clean(event.author.name, 60) or handle or "somebody"
    return name, handle if handle and handle.casefold() != name.casefold() else ""


def quote(event: Event, zone: tzinfo, hits: Collection[str] = ()) -> Quote:
    """Return an event as a quote; words whose keys are in ``hits`` are highlighted."""
    name, handle = display_name(event)
    return Quote(
        author=name,
        handle=handle,
        when=event.posted_at.astimezone(zone),
        source=clean(event.source, 60),
        family=family(event.source),
        url=safe_url(event.url),
        pieces=pieces(event.body, hits),
        bot=bool(event.author and event.author.bot),
    )


def choose_quotes(
    messages: Sequence[Message],
    hits: Collection[str],
    most: int,
    *,
    reposts: Mapping[str, int],
    examples: Collection[str] = (),
    used: Collection[str] = (),
    repetitive: Callable[[frozenset[str]], bool] = lambda _: False,
) -> list[Message]:
    """Choose messages to quote, and return them in order of time.

    Parameters
    ----------
    messages : sequence of Message
        Candidates.
    hits : collection of str
        Keys of the words that a quote should contain.
    most : int
        Maximum number of quotes; no two are by the same author.
    reposts : mapping of str to int
        Number of reposts per message id.
    examples : collection of str
        Ids of example messages of the trends; they are preferred.
    used : collection of str
        Ids of messages that the report quotes already; they are avoided.
    repetitive : callable, optional
        Function that takes the keys of a message and returns True if the message only repeats text
        that the report contains already, such as the title of a talk.
    """

    def score(one: Message) -> float:
        event, words = one.event, len(one.keys)
        value = 2.0 * min(len(one.keys & frozenset(hits)), 3) + 1.5 * log1p(reposts.get(event.id, 0))
        value += 1.5 * (event.id in examples) + (1.5 if 50 <= len(event.body) <= 260 else 0)
        value += any(mark in event.body for mark in _QUOTED)
        value -= 3 * (words < 6) + 4 * (event.id in used) + 3 * repetitive(one.keys)
        value -= 0.5 * max(event.body.count("#") + event.body.count("http") - 3, 0)
        return value

    original = [one for one in messages if not is_repost(one.event) and one.event.body.strip()]
    people = [one for one in original if not (one.event.author and one.event.author.bot)] or original
    best: list[Message] = []
    authors: set[tuple[str, str] | None] = set()
    for one in sorted(people, key=lambda one: (-score(one), one.event.posted_at, one.event.id)):
        if len(best) == most:
            break
        author = author_key(one.event)
        if (author is not None and author in authors) or any(_alike(one, other) for other in best):
            continue
        authors.add(author)
        best.append(one)
    return sorted(best, key=lambda one: (one.event.posted_at, one.event.id))


def _alike(one: Message, other: Message) -> bool:
    both = len(one.keys & other.keys)
    return both >= _ALIKE * max(min(len(one.keys), len(other.keys)), 1)
