"""Identity of topics from bin to bin: which continue, split or merge."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

__all__ = ["Identity", "Topics"]

_LEAD = 2
"""Weight of a common first term; any other common term weighs 1."""
_ENOUGH = 2
"""Weight of common terms from which two lists of terms are the same topic."""
_REMEMBERED = 12
"""Maximum number of terms kept per topic, the newest ones."""


class Identity(NamedTuple):
    """Identity of a topic.

    Parameters
    ----------
    id : str
        The same in every bin in which the topic is listed.
    split_from : str
        Id of the topic that this one was part of until now; empty if there is none.
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
    """Recently listed topics, which give ids to those of the next bin.

    Parameters
    ----------
    hold : timedelta
        How long after it was last listed a topic keeps its id.

    Notes
    -----
    Topics of a bin and recent topics are matched one to one, those with most terms in common
    first and then the older ones; a common first term counts twice. A topic of the bin that has
    enough in common with a recent one that another topic continues has split off it; a recent topic
    that none continues and that has enough in common with a topic of the bin has merged into it.
    """

    def __init__(self, hold: timedelta) -> None:
        self._hold = hold
        self._recent: list[_Topic] = []

    def listed_at(self, end: datetime, terms: Sequence[str]) -> bool:
        """Check whether a topic with these terms was listed in the bin that ended then."""
        return any(t.last == end and t.common(terms) >= _ENOUGH for t in self._recent)

    def assign_ids(self, start: datetime, end: datetime, lists: Sequence[Sequence[str]]) -> list[Identity]:
        """Return the identities of the topics of a bin.

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
        self._recent = [t for t in self._recent if start - t.last <= self._hold]
        edges = sorted(
            (
                (-topic.common(terms), topic.first, number, topic.id)
                for number, terms in enumerate(lists)
                for topic in self._recent
                if topic.common(terms) >= _ENOUGH
            )
        )
        by_id = {topic.id: topic for topic in self._recent}
        continued: dict[int, str] = {}
        for _, _, number, id_ in edges:
            if number not in continued and id_ not in continued.values():
                continued[number] = id_
        taken = set(continued.values())
        split: dict[int, str] = {}
        merged: dict[int, list[str]] = {}
        ended: set[str] = set()
        for _, _, number, id_ in edges:
            if id_ in taken:
                if number not in continued:
                    split.setdefault(number, id_)
            elif id_ not in ended:
                ended.add(id_)
                merged.setdefault(number, []).append(id_)
        identities = []
        for number, terms in enumerate(lists):
            if number not in continued:
                new = _Topic(_id(start, terms[0]), start, end)
                self._recent.append(new)
                by_id[new.id] = new
                continued[number] = new.id
            topic = by_id[continued[number]]
            topic.learn(terms, end)
            identities.append(Identity(topic.id, split.get(number, ""), sorted(merged.get(number, []))))
        self._recent = [t for t in self._recent if t.id not in ended]
        return identities


def _id(start: datetime, term: str) -> str:
    """Return an id made from the first bin and the first term; only letters and digits."""
    return hashlib.blake2b(f"{start.isoformat()}\n{term}".encode(), digest_size=6).hexdigest()
