"""Choosing what to quote: different people, different words, nothing said twice."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from math import log1p

from rtanalytics.event import Event
from rtanalytics.report.words import Piece, Said, address, clean, pieces

__all__ = ["Quote", "chosen", "family", "is_repost", "people_of", "person_key", "quote", "shown_name"]

_QUOTED = '“”„«»"‘'
"""Somebody who quotes was listening."""
_ALIKE = 0.6
"""Two messages that share this much of their words are the same quote."""


@dataclass(frozen=True, slots=True)
class Quote:
    """A message as it is printed.

    Parameters
    ----------
    author, handle : str
        What the person is called, and by what name others address them (empty if it is the same).
    when : datetime
        In the venue's zone.
    source : str
        What it came from, as people say it.
    family : str
        The source up to the first colon: what colours go by.
    url : str
        Where to read it, or empty.
    pieces : tuple of Piece
        The text.
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
        """The text in one piece, links shortened."""
        return "".join(piece.text for piece in self.pieces)


def family(source: str) -> str:
    """A source up to its first colon: ``irc`` of ``irc:#python``."""
    return clean(source.partition(":")[0], 40) or "?"


def person_key(event: Event) -> tuple[str, str] | None:
    """What tells people apart: the platform and its id for them; None if nobody is named."""
    author = event.author
    if author is None or not (author.id or author.handle):
        return None
    return event.bucket, author.id or author.handle.casefold()


def people_of(events: Iterable[Event]) -> int:
    """How many people wrote them, as far as it is known; what has no author is nobody's."""
    return len({person_key(event) for event in events} - {None})


def is_repost(event: Event) -> bool:
    """True if it says again what somebody else said."""
    return event.type == "repost" or event.repost_of is not None or event.body.startswith("RT @")


def shown_name(event: Event) -> tuple[str, str]:
    """What to call its author, and the handle where that says more."""
    if event.author is None:
        return "somebody", ""
    handle = clean(event.author.handle, 60)
    name = clean(event.author.name, 60) or handle or "somebody"
    return name, handle if handle and handle.casefold() != name.casefold() else ""


def quote(event: Event, zone: tzinfo, hits: Collection[str] = ()) -> Quote:
    """The event as it is printed."""
    name, handle = shown_name(event)
    return Quote(
        author=name,
        handle=handle,
        when=event.posted_at.astimezone(zone),
        source=clean(event.source, 60),
        family=family(event.source),
        url=address(event.url),
        pieces=pieces(event.body, hits),
        bot=bool(event.author and event.author.bot),
    )


def chosen(
    said: Sequence[Said],
    hits: Collection[str],
    most: int,
    *,
    reposts: Mapping[str, int],
    examples: Collection[str] = (),
    used: Collection[str] = (),
    dull: Callable[[frozenset[str]], bool] = lambda _: False,
) -> list[Said]:
    """The messages to quote, in order of time.

    Parameters
    ----------
    said : sequence of Said
        What there is to choose from.
    hits : collection of str
        Keys of words that a good quote has.
    most : int
        How many at most; each is by somebody else.
    reposts : mapping of str to int
        How often the message of an id was passed on.
    examples : collection of str
        Ids of messages that the trends name; they are preferred.
    used : collection of str
        Ids of messages that have been quoted elsewhere; they come last.
    dull : callable, optional
        Takes the keys of a message; True for what says no more than the page says anyway.
    """

    def merit(one: Said) -> float:
        event, words = one.event, len(one.keys)
        worth = 2.0 * min(len(one.keys & frozenset(hits)), 3) + 1.5 * log1p(reposts.get(event.id, 0))
        worth += 1.5 * (event.id in examples) + (1.5 if 50 <= len(event.body) <= 260 else 0)
        worth += any(mark in event.body for mark in _QUOTED)
        worth -= 3 * (words < 6) + 4 * (event.id in used) + 3 * dull(one.keys)
        worth -= 0.5 * max(event.body.count("#") + event.body.count("http") - 3, 0)
        return worth

    original = [one for one in said if not is_repost(one.event) and one.event.body.strip()]
    people = [one for one in original if not (one.event.author and one.event.author.bot)] or original
    best: list[Said] = []
    authors: set[tuple[str, str] | None] = set()
    for one in sorted(people, key=lambda one: (-merit(one), one.event.posted_at, one.event.id)):
        if len(best) == most:
            break
        author = person_key(one.event)
        if (author is not None and author in authors) or any(_alike(one, other) for other in best):
            continue
        authors.add(author)
        best.append(one)
    return sorted(best, key=lambda one: (one.event.posted_at, one.event.id))


def _alike(one: Said, other: Said) -> bool:
    both = len(one.keys & other.keys)
    return both >= _ALIKE * max(min(len(one.keys), len(other.keys)), 1)
