"""What makes a topic worth showing, and what was shown before."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

__all__ = ["Shown", "Taste"]


@dataclass(frozen=True)
class Taste:
    """Which of the topics that burst are worth showing.

    Evidence is the algorithm's score of a term, with what is left of the scores of the bins just
    before; weighted, what is not like a name counts less. Factors are of the least score that a
    trend must have.

    Parameters
    ----------
    plain : float
        Weight, from 0 to 1, of a term that is not like a name at all; a name weighs 1.
    strong : float
        Factor that the first term's weighted evidence must reach.
    named : float
        The same where one of the first terms is a handle or a tag that enough people use.
    bare : float
        Factor that the evidence itself may reach instead, however common the word.
    people : int
        So many different people must have said a topic's first term within the window.
    few : float
        Factor of weighted evidence from which one person less is enough.
    voices : int
        So many of them in words of their own.
    share, part : float
        A handle or tag names a topic if it is in such a share of the topic's messages, and they
        are such a part of all messages that say it.
    window : timedelta
        How far before the bin people and messages of a topic are looked for.
    memory : timedelta
        After this time the score of an earlier bin weighs 1/e.
    often, known : float
        A term that stands in a larger share of the lists so far is no news, or no longer names a
        topic.
    free : int
        Times that a term may be shown before that.
    again : float
        Factor of evidence from which what is no news is news again.
    """

    plain: float = 0.15
    strong: float = 2.0
    named: float = 1.0
    bare: float = 5.0
    people: int = 3
    few: float = 2.0
    voices: int = 1
    share: float = 0.2
    part: float = 0.1
    window: timedelta = timedelta(minutes=30)
    memory: timedelta = timedelta(minutes=15)
    often: float = 0.08
    known: float = 0.05
    again: float = 5.0
    free: int = 3


class Shown:
    """In how many lists each term stood."""

    def __init__(self) -> None:
        self.lists = 0
        self._times: dict[str, int] = {}

    def add(self, terms: Iterable[str]) -> None:
        """Note the keys of a list's terms."""
        self.lists += 1
        for term in set(terms):
            self._times[term] = self._times.get(term, 0) + 1

    def often(self, term: str, taste: Taste, *, known: bool = False) -> bool:
        """Has the term been told too often to be news, or, if it is ``known``, to tell topics apart?"""
        often = taste.known if known else taste.often
        return self._times.get(term, 0) > taste.free + often * self.lists
