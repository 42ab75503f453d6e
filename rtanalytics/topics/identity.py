"""Identity of topics from bin to bin: which topics continue, split or merge."""

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
        Id of the topic, the same in every bin in which the topic is listed.
    split_from : str
        Id of the topic from which this one split off in this bin; empty if none.
    merged : list of str
        Ids of the topics that merged into this one in this bin.
    """

    id: str
    split_from: str
    merged: list[str]


@dataclass(eq=False)
class _Topic:
    id: str
    first: datetime
    last: datetime
    found: datetime
    leads: dict[str, None] = field(default_factory=dict)
    terms: dict[str, None] = field(default_factory=dict)
    talk: str | None = None

    def learn(self, terms: Sequence[str], end: datetime, talk: str | None, *, found: bool) -> None:
        self.last, self.talk = end, talk or self.talk
        if found:
            self.found = end
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
    """Recently listed topics, with which the topics of the next bin are matched.

    Parameters
    ----------
    hold : timedelta
        How long a topic keeps its id after it was last listed.

    Notes
    -----
    Topics of the bin and recent topics are matched one to one, pairs with the most terms in common
    first, then pairs with the older recent topic; a common first term counts twice. Two topics are
    *similar* if they have enough terms in common. If a topic of the bin is similar to a recent topic
    that was matched with another one, it has split off from it. If a recent topic was not matched but
    is similar to a topic of the bin, it has merged into it.
    """

    def __init__(self, hold: timedelta) -> None:
        self._hold = hold
        self._recent: list[_Topic] = []

    def listed_at(self, end: datetime, terms: Sequence[str]) -> bool:
        """Check whether a topic with similar terms was listed in the bin that ended at ``end``."""
        return any(t.last == end and t.common(terms) >= _ENOUGH for t in self._recent)

    def leads_since(self, end: datetime) -> set[str]:
        """Return first terms of the topics that were found in a bin that ended at ``end`` or later."""
        return {term for t in self._recent if t.found >= end for term in t.leads}

    def found_since(self, end: datetime, terms: Sequence[str]) -> bool:
        """Check whether a topic with similar terms was found in a bin that ended at ``end`` or later."""
        return any(t.found >= end and t.common(terms) >= _ENOUGH for t in self._recent)

    def talk_of(self, terms: Sequence[str]) -> str | None:
        """Return the id of the talk that the most similar recent topic was about, or None."""
        similar = [(t.common(terms), t.first, t.talk) for t in self._recent if t.common(terms) >= _ENOUGH]
        return max(similar, key=lambda entry: entry[:2])[2] if similar else None

    def assign_ids(
        self,
        start: datetime,
        end: datetime,
        lists: Sequence[Sequence[str]],
        talks: Sequence[str | None] = (),
        found: Sequence[bool] = (),
    ) -> list[Identity]:
        """Match the topics of a bin with recent ones, and return their identities.

        Parameters
        ----------
        start, end : datetime
            The bin.
        lists : sequence of sequences of str
            Keys of the terms of each topic, in order of rank.
        talks : sequence of str or None
            Id of the talk that each topic is about, if known.
        found : sequence of bool
            False for a topic that is only listed because it was found shortly before.

        Returns
        -------
        list of Identity
            Identity of each topic, in the same order.
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
                new = _Topic(_id(start, terms[0]), start, end, end)
                self._recent.append(new)
                by_id[new.id] = new
                continued[number] = new.id
            topic = by_id[continued[number]]
            topic.learn(terms, end, talks[number] if talks else None, found=found[number] if found else True)
            identities.append(Identity(topic.id, split.get(number, ""), sorted(merged.get(number, []))))
        self._recent = [t for t in self._recent if t.id not in ended]
        return identities


def _id(start: datetime, term: str) -> str:
    """Return an id of letters and digits, derived from a topic's first bin and first term."""
    return hashlib.blake2b(f"{start.isoformat()}\n{term}".encode(), digest_size=6).hexdigest()
