"""Which topics of a bin are told: candidates, what they are called, and how probable each is."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import numpy as np

from rtanalytics.counts import TermCounts
from rtanalytics.settings import Settings, TopicFilter
from rtanalytics.topics.grouping import Group, Scored, grouped, strongest
from rtanalytics.topics.history import Learnt, Memory
from rtanalytics.topics.identity import Topics

__all__ = ["FIRST", "Chooser", "DisplayHistory"]

FIRST = 3
"""Terms by which people recognise a topic."""
_NOWHERE = np.empty(0, np.int32)
_MOSTLY = 0.5
"""Share of its uses from which a word that is written as a tag is one."""
_CROWD = 5
"""People who make a crowd, rather than a few newcomers."""
_TAGS = 4
"""Tags of a message from which it is made to be found rather than read."""
_KNOWN = 0.1
"""Share of a crowd that has been here before, below which it intrudes."""
_CANDIDATES = 20
"""Terms that are grouped for each topic that may be shown: the strongest ones."""


class DisplayHistory:
    """In how many lists each term stood."""

    def __init__(self) -> None:
        self.lists = 0
        self._times: dict[str, int] = {}

    def add(self, terms: Iterable[str]) -> None:
        """Note the keys of a list's terms."""
        self.lists += 1
        for term in set(terms):
            self._times[term] = self._times.get(term, 0) + 1

    def often(self, term: str, topic_filter: TopicFilter, *, known: bool = False) -> bool:
        """Has the term been told too often to be news, or, if it is ``known``, to tell topics apart?"""
        share = topic_filter.max_label_share if known else topic_filter.max_list_share
        return self._times.get(term, 0) > topic_filter.free_lists + share * self.lists


class Chooser:
    """Chooses among the terms of a bin that was just learnt.

    Parameters
    ----------
    settings : Settings
        How trends are told.
    counts : TermCounts
        Of all messages.
    memory : Memory
        What has been learnt.
    """

    def __init__(self, settings: Settings, counts: TermCounts, memory: Memory) -> None:
        self._settings, self._counts, self._memory = settings, counts, memory
        self._shown = DisplayHistory()

    def choose(self, learnt: Learnt, least: float, before: datetime, topics: Topics) -> list[Group]:
        """The topics that are told, the most probable first.

        Parameters
        ----------
        learnt : Learnt
            The bin.
        least : float
            Evidence that a term must exceed.
        before : datetime
            When the bin began.
        topics : Topics
            Those that were told until then.
        """
        settings, rule = self._settings, self._settings.topic_filter
        handles = self._handles()
        active = len(self._memory.authors())
        groups: list[Group] = []
        names: set[str] = set()
        for group in grouped(self._candidates(learnt, least), settings.min_overlap):
            if group.lead.stale and group.lead.raw < rule.renewal_factor * least:
                continue
            if group.at_best(least, active, rule) < rule.keep_probability:
                continue
            if not group.lead.voices or self._intruding(group.lead):
                continue  # nothing but copies, or nobody but strangers
            group.name(handles, names, rule)
            probable = group.judge(least, active, rule)
            stays = probable >= rule.keep_probability and topics.told_at(before, group.keys)
            if probable >= rule.min_probability or stays:
                names |= set(group.keys[:FIRST])
                groups.append(group)
        groups.sort(key=lambda group: -group.probability)
        told = groups[: settings.top]
        if told:
            self._shown.add(key for group in told for key in group.keys[:FIRST])
        return told

    def _candidates(self, learnt: Learnt, least: float) -> list[Scored]:
        """The terms that may trend, the most telling first."""
        settings, rule, names = self._settings, self._settings.topic_filter, self._memory.names
        said, counted, evidence, _ = learnt
        keys = self._counts.vocabulary.keys
        good = evidence > least
        good[good] &= ~self._memory.is_excluded(counted.terms[good])
        best = strongest(np.flatnonzero(good), evidence, counted, keys, _CANDIDATES * settings.top)
        terms = counted.terms[best]
        if not len(terms):
            return []
        rows, people, voices = self._memory.said_by(terms)
        like, tagged = names.likeness(terms), names.tagged(terms)
        weight = rule.common_word_weight + (1 - rule.common_word_weight) * like
        score = weight * evidence[best]
        here = np.searchsorted(said.terms, terms)
        found = [
            Scored(
                term=term,
                key=keys[term],
                at=int(best[i]),
                raw=float(evidence[best[i]]),
                score=float(score[i]),
                messages=said.places(int(here[i])),
                rows=rows[i].tolist(),
                people=int(people[i]),
                voices=int(voices[i]),
                like=float(like[i]),
                handy=bool(tagged[i] > _MOSTLY),
                stale=self._shown.often(keys[term], rule),
            )
            for i, term in enumerate(terms.tolist())
            if people[i] >= settings.min_count
        ]
        found.sort(key=lambda s: (-s.score, -s.people, s.key))
        return found

    def _handles(self) -> dict[int, list[Scored]]:
        """Handles and tags that enough people say within the window, by the rows that say them."""
        names, rule = self._memory.names, self._settings.topic_filter
        keys = self._counts.vocabulary.keys
        marked = [past.terms[names.marked(past.terms)] for _, past in self._memory.recent]
        terms = np.unique(np.concatenate(marked))
        terms = terms[names.tagged(terms) > _MOSTLY]
        terms = terms[~self._memory.is_excluded(terms)]
        if not len(terms):
            return {}
        rows, people, _ = self._memory.said_by(terms)
        by_row: dict[int, list[Scored]] = {}
        for i in np.flatnonzero(people >= rule.min_people).tolist():
            term = int(terms[i])
            if self._shown.often(keys[term], rule, known=True):
                continue
            handle = Scored(
                term=term,
                key=keys[term],
                at=-1,
                raw=0.0,
                score=0.0,
                messages=_NOWHERE,
                rows=rows[i].tolist(),
                people=int(people[i]),
                voices=int(people[i]),
                like=1.0,
                handy=True,
                stale=False,
            )
            for row in handle.rows:
                by_row.setdefault(row, []).append(handle)
        return by_row

    def _intruding(self, lead: Scored) -> bool:
        """Do strangers ride on many tags with each other's words, while the others were here before?"""
        rows = np.array(lead.rows)
        if (
            lead.people < _CROWD
            or 2 * lead.voices > lead.people
            or np.median(self._counts.tags(rows)) < _TAGS
        ):
            return False
        authors = np.unique(self._counts.authors(rows))
        others = np.setdiff1d(self._memory.authors(), authors, assume_unique=True)
        if 2 * self._memory.known(others) < len(others) or not len(others):
            return False
        return self._memory.known(authors) < _KNOWN * len(authors)
