"""Which told topics are which known ones: the rule, and the best assignment under it.

A told topic *matches* a known one if it shares at least one keyword with it and its bin overlaps
``[start, end + slack)``. Both sides are compared without case and accents; a keyword is shared
if it is a whole word of a term, or stands anywhere inside a #tag or an @handle.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

from rtanalytics.extras import extra
from rtanalytics.schedule import ReferenceTopic
from rtanalytics.topics import TrendBin

__all__ = ["SLACK", "Alarm", "Edge", "Truth", "alarms_of", "assign", "plain"]

SLACK = timedelta(minutes=30)
"""How long after its end people may still talk about something."""


def plain(text: str) -> str:
    """Text in lower case and without accents.

    Examples
    --------
    >>> plain("Wübbels")
    'wubbels'
    """
    parts = unicodedata.normalize("NFD", text.lower())
    return "".join(c for c in parts if not unicodedata.combining(c))


@dataclass(frozen=True, slots=True)
class Alarm:
    """A topic as it was told in one bin.

    Parameters
    ----------
    start, end : datetime
        The bin.
    bin : int
        Its number, counted in widths from the first one.
    rank : int
        From 1.
    score : float
        By the algorithm.
    terms : tuple of str
        The first terms, plain.
    """

    start: datetime
    end: datetime
    bin: int
    rank: int
    score: float
    terms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Edge:
    """A match of a reference topic and an alarm.

    Parameters
    ----------
    event, alarm : int
        Their places.
    terms, keywords : int
        How many of the alarm's terms are among the keywords, and how many of the keywords among
        the terms. A phrase may contain two keywords, and two terms one.
    """

    event: int
    alarm: int
    terms: int
    keywords: int


def alarms_of(bins: Sequence[TrendBin], *, top: int, max_terms: int) -> list[Alarm]:
    """The first ``top`` topics of each bin, of each its first ``max_terms`` terms."""
    if not bins:
        return []
    first, width = bins[0].start, bins[0].end - bins[0].start
    return [
        Alarm(
            bin.start,
            bin.end,
            round((bin.start - first) / width),
            trend.rank,
            trend.score,
            tuple(plain(term) for term in trend.terms[:max_terms]),
        )
        for bin in bins
        for trend in bin.trends
        if trend.rank <= top
    ]


class Truth:
    """Known topics, and the question which of them a term belongs to.

    Parameters
    ----------
    topics : iterable of ReferenceTopic
        In any order.
    slack : timedelta
        How long after its end a topic still counts as on.
    """

    def __init__(self, topics: Iterable[ReferenceTopic], slack: timedelta = SLACK) -> None:
        self.topics = tuple(topics)
        self.slack = slack
        self.windows = [(topic.start, topic.end + slack) for topic in self.topics]
        words = [tuple(dict.fromkeys(plain(k).strip("@") for k in t.keywords)) for t in self.topics]
        self.keywords = [tuple(word for word in each if word) for each in words]
        self._seconds = np.array([[s.timestamp(), e.timestamp()] for s, e in self.windows]).reshape(-1, 2)
        self._owners: dict[str, list[tuple[int, int]]] = {}
        for event, each in enumerate(self.keywords):
            for place, word in enumerate(each):
                self._owners.setdefault(word, []).append((event, place))
        self._known: dict[str, tuple[tuple[int, int], ...]] = {}

    def __len__(self) -> int:
        return len(self.topics)

    def shifted(self, by: timedelta) -> Truth:
        """The same topics at other times: what is found there is found by chance."""
        moved = Truth((), self.slack)
        moved.__dict__.update(self.__dict__)
        moved.windows = [(start + by, end + by) for start, end in self.windows]
        moved._seconds = self._seconds + by.total_seconds()
        return moved

    def active(self, start: datetime, end: datetime) -> list[int]:
        """Places of the topics whose window overlaps ``[start, end)``."""
        windows = self._seconds
        here = (windows[:, 0] < end.timestamp()) & (windows[:, 1] > start.timestamp())
        found: list[int] = np.flatnonzero(here).tolist()
        return found

    def owners(self, term: str) -> tuple[tuple[int, int], ...]:
        """(topic, keyword) of each keyword that a plain term contains."""
        found = self._known.get(term)
        if found is None:
            hits = (owner for word, owner in self._owners.items() if _contains(term, word))
            found = self._known[term] = tuple(pair for owner in hits for pair in owner)
        return found

    def edges(self, alarms: Sequence[Alarm]) -> list[Edge]:
        """All matches, alarm by alarm."""
        found = []
        for place, alarm in enumerate(alarms):
            terms: dict[int, set[int]] = {}
            words: dict[int, set[int]] = {}
            for i, term in enumerate(alarm.terms):
                for event, word in self.owners(term):
                    terms.setdefault(event, set()).add(i)
                    words.setdefault(event, set()).add(word)
            if terms:
                on = set(self.active(alarm.start, alarm.end))
                found += [Edge(e, place, len(terms[e]), len(words[e])) for e in sorted(terms) if e in on]
        return found


def _contains(term: str, word: str) -> bool:
    if word not in term:
        return False
    return term[0] in "@#" or re.search(rf"(?<!\w){re.escape(word)}(?!\w)", term) is not None


def assign(edges: Sequence[Edge]) -> list[Edge]:
    """The best one-to-one choice of matches.

    As many as possible; of equally many, those that share most keywords; of these, the earliest
    alarms.

    Returns
    -------
    list of Edge
        No topic and no alarm twice, by topic.
    """
    if len(edges) < 2:
        return list(edges)
    with extra("compare"):
        from scipy.optimize import linear_sum_assignment

    events, row = np.unique([e.event for e in edges], return_inverse=True)
    alarms, column = np.unique([e.alarm for e in edges], return_inverse=True)
    n = min(len(events), len(alarms))
    keywords = np.array([e.keywords for e in edges], float)
    # each aim weighs less than the smallest step of the one before, whatever is summed up of it
    step = 1 / (4 * (n + 1) * keywords.max())
    early = 1 - column / len(alarms)
    gain: npt.NDArray[np.float64] = np.zeros((len(events), len(alarms)))
    gain[row, column] = 1 + step * keywords + step / (2 * (n + 1)) * early
    chosen = set(zip(*linear_sum_assignment(gain, maximize=True), strict=True))
    pairs = zip(edges, row.tolist(), column.tolist(), strict=True)
    return sorted((edge for edge, r, c in pairs if (r, c) in chosen), key=lambda edge: edge.event)
