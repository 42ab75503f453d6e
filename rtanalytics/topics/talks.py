"""Link topics to the talk that they are about."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import regex

from rtanalytics.counts import Ints, TermCounts
from rtanalytics.schedule import Schedule, Talk
from rtanalytics.terms import fold
from rtanalytics.terms.stopwords import words as stop_words
from rtanalytics.topics.directory import Directory, Words, words_of

__all__ = ["TalkLink", "TalkLinker", "most_probable"]

_BEFORE, _AFTER = timedelta(minutes=15), timedelta(minutes=75)
"""How long before its start and after its end people post about a talk."""
_NAMED, _WORDS, _LEADS, _TITLED, _AGAIN, _LEARNT, _UNKNOWN = 5.0, 4.0, 3.0, 2.5, 2.0, 2.0, 1.0
"""Weights of the share of messages that name a speaker, of the words that they share with title and
abstract, of a first term that names the speaker, of first terms from the title, of a topic that was
about the talk in an earlier bin, of first terms of such topics, and of an unknown handle when no handle
of the speaker is known."""
_NONE = 2.2
"""Log odds that messages are about no talk at all."""
_OVER = 0.02
"""Log odds that a talk loses per minute since its end or until its start."""
_ABSTRACT = 0.4
"""Weight of a word of the abstract; a word of the title weighs 1."""
_SURE = 0.8
"""Probability from which a topic's terms are remembered as those of the talk."""
_MOST = 40
"""Maximum number of messages per topic that are read."""
_WORD = regex.compile(r"[\p{L}\p{N}][\p{L}\p{M}\p{N}'’+#-]*")


class TalkLink(NamedTuple):
    """Talk that a topic may be about, with the probability that it is."""

    talk: Talk
    probability: float


def most_probable(links: Iterable[TalkLink]) -> TalkLink | None:
    """Return the most probable link if its probability is at least one half, else None."""
    best = max(links, key=lambda link: link.probability, default=None)
    return best if best is not None and best.probability >= 0.5 else None


class _Known(NamedTuple):
    talk: Talk
    speakers: frozenset[Words]
    words: Mapping[str, float]
    norm: float


class TalkLinker:
    """Finder of the talk that messages are about.

    Each talk gets the log odds a·s + b·w + c·l − d·t: s is the share of the messages that name one of its
    speakers, w the mean weight of the words that a message shares with its title and abstract, l is 1 if
    the first terms of the topic name a speaker, and t the time in minutes since the end of the talk or until
    its start. Words weigh the more the fewer talks and messages contain them. A softmax
    over the talks and the case "no talk" gives probabilities.

    Parameters
    ----------
    schedule : Schedule
        Talks; without speakers a talk is found by its words.
    counts : TermCounts
        Counts of all messages.
    directory : Directory
        People.
    """

    def __init__(self, schedule: Schedule, counts: TermCounts, directory: Directory) -> None:
        self._schedule, self._counts, self._directory = schedule, counts, directory
        stems = {talk.id: (_stems(talk.title), _stems(talk.abstract or "")) for talk in schedule}
        in_talks = Counter(stem for title, abstract in stems.values() for stem in title | abstract)
        self._known: dict[str, _Known] = {}
        self._learnt: dict[str, Counter[str]] = {}
        self._start: datetime | None = None  # start of the bin for which the talks are prepared
        for talk in schedule:
            title, abstract = stems[talk.id]
            speakers = frozenset(words for name in talk.speakers if len(words := words_of(name)) > 1)
            names = {stem(word) for words in speakers for word in words}
            rare = {s: math.log((len(schedule) + 1) / in_talks[s]) for s in title | abstract}
            weights = {
                s: rare[s] * (1.0 if s in title else _ABSTRACT) for s in sorted((title | abstract) - names)
            }
            norm = math.sqrt(sum(rare[s] ** 2 for s in sorted(title))) or 1.0
            self._known[talk.id] = _Known(talk, speakers, weights, norm)

    def probabilities(
        self,
        rows: Ints,
        terms: Sequence[str],
        start: datetime,
        end: datetime,
        used: Ints,
        messages: int,
        around: Collection[Words],
        before: str | None = None,
    ) -> list[TalkLink]:
        """Return the talks that messages may be about, each with its probability.

        Parameters
        ----------
        rows : numpy.ndarray of int64
            Rows of the messages in the log.
        terms : sequence of str
            First terms of the topic.
        start, end : datetime
            Interval of the bin.
        used : numpy.ndarray of int64
            Number of messages so far that contain each term of the vocabulary.
        messages : int
            Number of all messages so far.
        around : collection of tuple of str
            Ids of people who are mentioned at the same time.
        before : str, optional
            Id of the talk that the topic was about in an earlier bin.
        """
        if start != self._start:
            self._prepare(start, end)
        near = self._near
        if not near or not len(rows):
            return []
        rows = rows[-_MOST:]
        rarity = 1 / math.log(messages + 2)
        row, tokens = self._counts.terms_of(rows)
        distinct, place = np.unique(tokens, return_inverse=True)
        meanings = [self._meaning(term) for term in distinct.tolist()]
        names_speaker = np.zeros((len(rows), len(near)), np.bool_)
        for i, (speaks, _) in enumerate(meanings):
            if speaks is not None:
                names_speaker[row[place == i]] |= speaks
        line = np.array([line for _, line in meanings], np.int64)
        weight = np.maximum(0, 1 - np.log(used[distinct] + 1) * rarity)
        weights = np.zeros((len(rows), len(self._weights)))
        is_known = line[place] >= 0
        np.maximum.at(weights, (row[is_known], line[place[is_known]]), weight[place[is_known]])
        named = names_speaker.sum(axis=0)
        shared = np.minimum(weights @ self._weights / self._norms, 1).sum(axis=0)
        leading = [self._directory.resolve(key, 1.0, around) for key in terms]
        leads = {p.id: 1 / (1 + i) for i, p in reversed([*enumerate(leading)]) if p is not None}
        first = sorted({stem(word) for key in terms for word in key.split()})
        nameless = {stem(w) for key, p in zip(terms, leading, strict=True) if p is None for w in key.split()}
        unknown = terms[0].startswith("@") and leading[0] is None
        odds = [
            _NAMED * named[i] / len(rows)
            + _WORDS * shared[i] / len(rows)
            + _LEADS * max((leads.get(id, 0.0) for id in one.speakers), default=0.0)
            + _UNKNOWN * (unknown and self._is_nameless(one, start, end))
            + _LEARNT * self._recalled(one, nameless)
            + _TITLED * min(sum(one.words[s] for s in first if s in one.words) / one.norm, 1.0)
            + _AGAIN * (one.talk.id == before)
            - _OVER * _minutes_away(one.talk, start, end)
            for i, one in enumerate(near)
        ]
        weights_of = [math.exp(value) for value in odds]
        total = math.exp(_NONE) + sum(weights_of)
        return [TalkLink(one.talk, weight / total) for one, weight in zip(near, weights_of, strict=True)]

    def learn(self, link: TalkLink, terms: Iterable[str]) -> None:
        """Remember the first terms of a topic that was about a talk, to recognise it by them later."""
        if link.probability >= _SURE:
            self._learnt.setdefault(link.talk.id, Counter()).update(
                {stem(w) for t in terms for w in t.split()}
            )

    def _recalled(self, one: _Known, stems: set[str]) -> float:
        """Return how exclusively the words were first terms of topics about this talk, from 0 to 1."""
        mine = self._learnt.get(one.talk.id)
        if mine is None:
            return 0.0
        return max(
            (mine[s] / sum(learnt[s] for learnt in self._learnt.values()) for s in stems if s in mine),
            default=0.0,
        )

    def _is_nameless(self, one: _Known, start: datetime, end: datetime) -> bool:
        """Check whether a talk is on while no handle of its speakers is known."""
        on = one.talk.start < end and start < one.talk.end
        return on and not any(map(self._directory.has_handle, one.speakers))

    def _prepare(self, start: datetime, end: datetime) -> None:
        """Collect the talks near a bin, their words and their speakers."""
        self._start = start
        self._meanings: dict[int, tuple[npt.NDArray[np.bool_] | None, int]] = {}
        self._near = [
            self._known[talk.id]
            for talk in self._schedule.between(start - _AFTER, end + _BEFORE)
            if talk.kind != "break"
        ]
        stems = sorted({s for one in self._near for s in one.words})
        self._row_of = {s: row for row, s in enumerate(stems)}
        self._weights = np.array([[one.words.get(s, 0.0) for one in self._near] for s in stems]).reshape(
            len(stems), len(self._near)
        )
        self._norms = np.array([one.norm for one in self._near])
        speakers = {id for one in self._near for id in one.speakers}
        self._speaks = {id: np.array([id in one.speakers for one in self._near]) for id in speakers}
        self._names = {word for id in speakers for word in id}

    def _meaning(self, term: int) -> tuple[npt.NDArray[np.bool_] | None, int]:
        """Return a mask of the talks whose speaker a term names, and the row of the term in the weights.

        The mask is None if the term names no speaker, by handle or surname, of a talk near the bin; the row
        is −1 if no such talk has the term in its title or abstract.
        """
        if term not in self._meanings:
            key = self._counts.vocabulary.keys[term]
            speaks: npt.NDArray[np.bool_] | None = None
            if key[0] == "@" or key in self._names:
                person = self._directory.resolve(key, 1.0, self._speaks)
                speaks = None if person is None else self._speaks.get(person.id)
            self._meanings[term] = speaks, self._row_of.get(stem(key), -1)
        return self._meanings[term]


def _minutes_away(talk: Talk, start: datetime, end: datetime) -> float:
    """Return how many minutes lie between a talk and a bin; 0 if they overlap."""
    return max((start - talk.end).total_seconds(), (talk.start - end).total_seconds(), 0.0) / 60


def _stems(text: str) -> set[str]:
    keys = {fold(word) for word in _WORD.findall(text)}
    return {stem(key) for key in keys - _stop() if len(key) > 1}


@lru_cache
def _stop() -> frozenset[str]:
    return frozenset(map(fold, stop_words()))


@lru_cache(maxsize=100_000)
def stem(key: str) -> str:
    """Return a word without its ending, so that its forms are equal: ``testing`` and ``tests``."""
    word = key.lstrip("@#")
    return word[: max(5, len(word) - 3)] if word.isalpha() and len(word) > 5 else word.removesuffix("s")
