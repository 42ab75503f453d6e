"""What stays the same topic from bin to bin, what splits off it, and what flows together."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

__all__ = ["Identity", "Topics"]

_LEAD = 2
"""What a common first term weighs beside any other that is common."""
_ENOUGH = 2
"""Weight of common terms from which two lists of terms tell the same topic."""
_REMEMBERED = 12
"""Terms that a topic is known by: the newest ones."""


class Identity(NamedTuple):
    """Which topic it is.

    Parameters
    ----------
    id : str
        The same in every bin in which the topic is told.
    split_from : str
        Id of the topic that this one was part of until now; empty if it comes from nowhere.
    merged : list of str
        Ids of topics that are part of this one from now on.
    """

    id: str
    split_from: str
    merged: list[str]


@dataclass(eq=False)
class _Topic:
    id: str
    first: datetime
    last: datetime
    leads: dict[str, None] = field(default_factory=dict)
    terms: dict[str, None] = field(default_factory=dict)

    def learn(self, terms: Sequence[str], end: datetime) -> None:
        self.last = end
        self.leads.pop(terms[0], None)
        self.leads[terms[0]] = None
        for term in terms:
            self.terms.pop(term, None)
            self.terms[term] = None
        while len(self.terms) > _REMEMBERED:
            del self.terms[next(iter(self.terms))]
        while len(self.leads) > _REMEMBERED // 4:
            del self.leads[next(iter(self.leads))]

    def common(self, terms: Sequence[str]) -> int:
        weight = sum(term in self.terms for term in terms)
        led = terms[0] in self.leads
        return weight + (_LEAD - 1) * led


class Topics:
    """The topics that are under way.

    Parameters
    ----------
    hold : timedelta
        How long after it was last told a topic is still the same one.

    Notes
    -----
    Topics of a bin and topics under way are matched one to one, those with most terms in common
    first and then the older ones; a common first term counts twice. A topic of the bin that has
    enough in common with one that another continues has split off it; one under way that nobody
    continues and that has enough in common with a topic of the bin has merged into that.
    """

    def __init__(self, hold: timedelta) -> None:
        self._hold = hold
        self._under_way: list[_Topic] = []

    def told_at(self, end: datetime, terms: Sequence[str]) -> bool:
        """Was a topic of these terms told in the bin that ended then?"""
        return any(t.last == end and t.common(terms) >= _ENOUGH for t in self._under_way)

    def assign_ids(self, start: datetime, end: datetime, lists: Sequence[Sequence[str]]) -> list[Identity]:
        """Say of the topics of a bin which they are.

        Parameters
        ----------
        start, end : datetime
            The bin.
        lists : sequence of sequences of str
            Keys of the terms of each topic, first term first, by rank.

        Returns
        -------
        list of Identity
            In the same order.
        """
        self._under_way = [t for t in self._under_way if start - t.last <= self._hold]
        edges = sorted(
            (
                (-topic.common(terms), topic.first, number, topic.id)
                for number, terms in enumerate(lists)
                for topic in self._under_way
                if topic.common(terms) >= _ENOUGH
            )
        )
        by_id = {topic.id: topic for topic in self._under_way}
        continued: dict[int, str] = {}
        for _, _, number, id_ in edges:
            if number not in continued and id_ not in continued.values():
                continued[number] = id_
        taken = set(continued.values())
        split: dict[int, str] = {}
        merged: dict[int, list[str]] = {}
        gone: set[str] = set()
        for _, _, number, id_ in edges:
            if id_ in taken:
                if number not in continued:
                    split.setdefault(number, id_)
            elif id_ not in gone:
                gone.add(id_)
                merged.setdefault(number, []).append(id_)
        told = []
        for number, terms in enumerate(lists):
            if number not in continued:
                new = _Topic(_id(start, terms[0]), start, end)
                self._under_way.append(new)
                by_id[new.id] = new
                continued[number] = new.id
            topic = by_id[continued[number]]
            topic.learn(terms, end)
            told.append(Identity(topic.id, split.get(number, ""), sorted(merged.get(number, []))))
        self._under_way = [t for t in self._under_way if t.id not in gone]
        return told


def _id(start: datetime, term: str) -> str:
    """Of the bin and the first term it was first told with; of letters and digits only."""
    return hashlib.blake2b(f"{start.isoformat()}\n{term}".encode(), digest_size=6).hexdigest()
