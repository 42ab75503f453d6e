"""Select the topics of a bin: find candidates, name them, and compute their probabilities."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import numpy as np

from rtanalytics.counts import TermCounts
from rtanalytics.feed import FOREVER
from rtanalytics.settings import Settings, TopicFilter
from rtanalytics.terms import Kind
from rtanalytics.topics.directory import Directory
from rtanalytics.topics.grouping import FIRST, Group, Scored, grouped, strongest
from rtanalytics.topics.history import Learnt, Memory
from rtanalytics.topics.identity import Topics
from rtanalytics.topics.labels import Labeller
from rtanalytics.topics.merging import merged, people_around, signature
from rtanalytics.topics.talks import TalkLinker, most_probable

__all__ = ["Chooser", "DisplayHistory"]

_NOWHERE = np.empty(0, np.int32)
_MOSTLY = 0.5
"""A word counts as a tag if more than this share of its uses are tags."""
_CROWD = 5
"""Minimum number of people in a group of spammers; fewer may be ordinary newcomers."""
_TAGS = 4
"""Minimum median number of tags in messages of spam."""
_KNOWN = 0.1
"""A group is spam only if less than this share of its people posted before."""
_NAMELIKE = 0.5
"""Likeness to names from which a word names a thing."""
_SPARE = 2
"""Number of topics per listed topic among which a sliding list chooses."""
_CANDIDATES = 20
"""Number of terms that are candidates per listed topic; the strongest are taken."""


class DisplayHistory:
    """Counts of the lists that contained each term."""

    def __init__(self) -> None:
        self.lists = 0
        self._times: dict[str, int] = {}

    def add(self, terms: Iterable[str]) -> None:
        """Add one published list of topics, given the keys of their terms."""
        self.lists += 1
        for term in set(terms):
            self._times[term] = self._times.get(term, 0) + 1

    def too_often(self, term: str, topic_filter: TopicFilter, *, known: bool = False) -> bool:
        """Check whether a term was listed too often to be news or, if ``known``, to serve as a name."""
        share = topic_filter.max_label_share if known else topic_filter.max_list_share
        return self._times.get(term, 0) > topic_filter.free_lists + share * self.lists


class Chooser:
    """Selector of the topics of each bin.

    Parameters
    ----------
    settings : Settings
        Settings of the trends.
    counts : TermCounts
        Counts of all messages.
    memory : Memory
        Statistics of the bins so far.
    """

    def __init__(self, settings: Settings, counts: TermCounts, memory: Memory, directory: Directory) -> None:
        self._settings, self._counts, self._memory = settings, counts, memory
        self._directory = directory
        self._linker = TalkLinker(settings.schedule, counts, directory)
        self._labeller = Labeller(counts, directory, memory.names.surface)
        self._shown = DisplayHistory()

    def choose(
        self,
        learnt: Learnt,
        min_score: float,
        start: datetime,
        before: datetime,
        topics: Topics,
        *,
        remember: bool = True,
    ) -> list[Group]:
        """Return the topics to list, the most probable first.

        With sliding windows, a topic that was found within the last ``bin`` is listed as long as somebody
        posts about it, so that the lists do not flicker.

        Parameters
        ----------
        learnt : Learnt
            The bin, with which the statistics were just updated.
        min_score : float
            Evidence that a term must exceed.
        start : datetime
            Start of the bin.
        before : datetime
            End of the list before this one.
        topics : Topics
            Topics of earlier lists.
        remember : bool
            Count this list as one of the earlier lists in which a term stood, and learn from its talks.
        """
        settings, rule = self._settings, self._settings.topic_filter
        handles = self._handles()
        active = len(self._memory.authors())
        groups: list[Group] = []
        names: set[str] = set()
        lingering = start if settings.every is not None else FOREVER
        candidates = self._candidates(learnt, min_score, topics.leads_since(lingering))
        for group in grouped(candidates, settings.min_overlap):
            group.lingers = topics.found_since(lingering, group.keys)
            if not group.lingers:
                if group.lead.stale and group.lead.raw < rule.renewal_factor * min_score:
                    continue
                if group.at_best(min_score, active, rule) < rule.keep_probability:
                    continue
            if not group.lead.voices or self._is_spam(group.lead):
                continue  # only copies, or spam
            group.name(handles, names, rule)
            probable = group.judge(min_score, active, rule)
            stays = probable >= rule.keep_probability and topics.listed_at(before, group.keys)
            found = (probable >= rule.min_probability or stays) and self._by_enough(group, learnt)
            if found or (group.lingers and probable >= rule.keep_probability):
                group.lingers = not found
                names |= set(group.keys[:FIRST])
                groups.append(group)
        groups.sort(key=lambda group: -group.probability)
        listed = self._merged(groups, {s.key for s in candidates}, start, topics)
        if remember:
            for group in listed:
                if group.talk is not None:
                    self._linker.learn(group.talk, group.keys[:FIRST])
        listed = listed[: settings.top if settings.every is None else _SPARE * settings.top]
        if listed and remember:
            self._shown.add(key for group in listed for key in group.keys[:FIRST])
        return listed

    def _merged(
        self, groups: list[Group], bursting: set[str], start: datetime, topics: Topics
    ) -> list[Group]:
        """Link topics to talks, and merge topics about the same person, thing or talk."""
        directory, memory = self._directory, self._memory
        around = people_around(groups, directory)
        end = start + self._settings.bin
        for group in groups:
            terms = [s.key for s in group.shown[:FIRST]]
            before = topics.talk_of(signature(group, directory, around))
            links = self._linker.probabilities(
                self._counts.in_order(group.rows),
                terms,
                start,
                end,
                memory.used,
                memory.messages,
                around,
                before,
            )
            group.talk = most_probable(links)
        kept = merged(groups, directory, around, lambda word: self._is_name(word, bursting))
        for group in kept:
            group.label = self._labeller.label(group, around)
            group.signature = signature(group, directory, around)
        return kept

    def _is_name(self, word: str, bursting: set[str]) -> bool:
        """Check whether a word is written like a name, or bursts itself."""
        term = self._counts.vocabulary.find(word)
        return word in bursting or (
            term is not None and float(self._memory.names.likeness(np.array([term]))[0]) >= _NAMELIKE
        )

    def _by_enough(self, group: Group, learnt: Learnt) -> bool:
        """Check whether at least ``min_count`` people wrote messages of the topic in the bin."""
        authors = self._counts.authors(learnt.messages.rows[group.messages])
        return len(np.unique(authors)) >= self._settings.min_count

    def _candidates(self, learnt: Learnt, min_score: float, lingering: set[str]) -> list[Scored]:
        """Return the terms that may trend, strongest first, and those that did so shortly before."""
        settings, rule, names = self._settings, self._settings.topic_filter, self._memory.names
        messages, counts, evidence, _ = learnt
        keys = self._counts.vocabulary.keys
        good = evidence > min_score
        if lingering:
            found = [term for key in lingering if (term := self._counts.vocabulary.find(key)) is not None]
            good |= np.isin(counts.terms, found) & (evidence > 0)
        good[good] &= ~self._memory.is_excluded(counts.terms[good])
        best = strongest(np.flatnonzero(good), evidence, counts, keys, _CANDIDATES * settings.top)
        terms = counts.terms[best]
        if not len(terms):
            return []
        rows, people, voices = self._memory.messages_with(terms)
        like, tagged = names.likeness(terms), names.tagged(terms)
        weight = rule.common_word_weight + (1 - rule.common_word_weight) * like
        score = weight * evidence[best]
        here = np.searchsorted(messages.terms, terms)
        candidates = [
            Scored(
                term=term,
                key=keys[term],
                at=int(best[i]),
                raw=float(evidence[best[i]]),
                score=float(score[i]),
                messages=messages.places(int(here[i])),
                rows=rows[i].tolist(),
                people=int(people[i]),
                voices=int(voices[i]),
                like=float(like[i]),
                handy=bool(tagged[i] > _MOSTLY),
                stale=self._shown.too_often(keys[term], rule),
            )
            for i, term in enumerate(terms.tolist())
            if people[i] >= (1 if keys[term] in lingering else settings.min_count)
        ]
        candidates.sort(key=lambda s: (-s.score, -s.people, s.key))
        return candidates

    def _handles(self) -> dict[int, list[Scored]]:
        """Return, by row of the log, the handles and tags that enough people use within the window."""
        names, rule = self._memory.names, self._settings.topic_filter
        keys = self._counts.vocabulary.keys
        marked = [past.terms[names.marked(past.terms)] for _, past in self._memory.recent]
        terms = np.unique(np.concatenate(marked))
        terms = terms[names.tagged(terms) > _MOSTLY]
        terms = terms[~self._memory.is_excluded(terms)]
        if not len(terms):
            return {}
        rows, people, _ = self._memory.messages_with(terms)
        by_row: dict[int, list[Scored]] = {}
        for i in np.flatnonzero(people >= rule.min_people).tolist():
            term = int(terms[i])
            if self._shown.too_often(keys[term], rule, known=True):
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

    def _is_spam(self, lead: Scored) -> bool:
        """Check for spam: newcomers who copy each other with many tags, while most others posted before."""
        rows = np.array(lead.rows)
        if (
            lead.people < _CROWD
            or 2 * lead.voices > lead.people
            or np.median(self._counts.of_kind(rows, Kind.TAG)) < _TAGS
        ):
            return False
        authors = np.unique(self._counts.authors(rows))
        others = np.setdiff1d(self._memory.authors(), authors, assume_unique=True)
        if 2 * self._memory.known(others) < len(others) or not len(others):
            return False
        return self._memory.known(authors) < _KNOWN * len(authors)
