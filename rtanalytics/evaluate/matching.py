"""Matching of detected topics with reference topics, and the best one-to-one assignment of matches.

A detected topic *matches* a reference topic if its terms contain at least one keyword of that topic, and
its bin overlaps ``[start, end + slack)``. A term contains a keyword if it has the keyword as a whole
word, or as any part of a #tag or an @handle. Case and accents are ignored.
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

__all__ = ["SLACK", "Alert", "Edge", "Truth", "alerts_of", "assign", "plain"]

SLACK = timedelta(minutes=30)
"""How long after its end a reference topic still counts as active."""


def plain(text: str) -> str:
    """Return the text in lower case and without accents.

    Examples
    --------
    >>> plain("Wübbels")
    'wubbels'
    """
    parts = unicodedata.normalize("NFD", text.lower())
    return "".join(c for c in parts if not unicodedata.combining(c))


@dataclass(frozen=True, slots=True)
class Alert:
    """A detected topic in the list of one bin.

    Parameters
    ----------
    start, end : datetime
        Start and end of the bin.
    bin : int
        Number of the bin: its distance from the first bin, in bin widths.
    rank : int
        Rank in the list, from 1.
    score : float
        Score of the topic.
    terms : tuple of str
        The first terms of the topic, without case and accents (:func:`plain`).
    """

    start: datetime
    end: datetime
    bin: int
    rank: int
    score: float
    terms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Edge:
    """A match of a reference topic and an alert.

    Parameters
    ----------
    event, alert : int
        Index of the reference topic, and index of the alert.
    terms, keywords : int
        Number of terms that contain a keyword, and number of keywords that the terms contain. They can
        differ: a phrase may contain two keywords, and two terms may contain the same keyword.
    """

    event: int
    alert: int
    terms: int
    keywords: int


def alerts_of(bins: Sequence[TrendBin], *, top: int, max_terms: int) -> list[Alert]:
    """Return the first ``top`` topics of each bin, with their first ``max_terms`` terms."""
    if not bins:
        return []
    first, width = bins[0].start, bins[0].end - bins[0].start
    return [
        Alert(
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
    """Reference topics, indexed by keyword and time.

    Parameters
    ----------
    topics : iterable of ReferenceTopic
        The reference topics, in any order.
        slack : timedelta
        How long after its end a topic still counts as active.
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
        """Return the topics with shifted times; their matches are matches by chance."""
        moved = Truth((), self.slack)
        moved.__dict__.update(self.__dict__)
        moved.windows = [(start + by, end + by) for start, end in self.windows]
        moved._seconds = self._seconds + by.total_seconds()
        return moved

    def active(self, start: datetime, end: datetime) -> list[int]:
        """Return the indices of the topics that are active in ``[start, end)``."""
        windows = self._seconds
        here = (windows[:, 0] < end.timestamp()) & (windows[:, 1] > start.timestamp())
        active: list[int] = np.flatnonzero(here).tolist()
        return active

    def owners(self, term: str) -> tuple[tuple[int, int], ...]:
        """Return the index of the topic and of the keyword, for each keyword that a plain term contains."""
        owners = self._known.get(term)
        if owners is None:
            hits = (owner for word, owner in self._owners.items() if _contains(term, word))
            owners = self._known[term] = tuple(pair for owner in hits for pair in owner)
        return owners

    def edges(self, alerts: Sequence[Alert]) -> list[Edge]:
        """Return all matches, in the order of the alerts."""
        edges = []
        for place, alert in enumerate(alerts):
            terms: dict[int, set[int]] = {}
            words: dict[int, set[int]] = {}
            for i, term in enumerate(alert.terms):
                for event, word in self.owners(term):
                    terms.setdefault(event, set()).add(i)
                    words.setdefault(event, set()).add(word)
            if terms:
                on = set(self.active(alert.start, alert.end))
                edges += [Edge(e, place, len(terms[e]), len(words[e])) for e in sorted(terms) if e in on]
        return edges


def _contains(term: str, word: str) -> bool:
    if word not in term:
        return False
    return term[0] in "@#" or re.search(rf"(?<!\w){re.escape(word)}(?!\w)", term) is not None


def assign(edges: Sequence[Edge]) -> list[Edge]:
    """Return the best one-to-one assignment of reference topics and alerts.

    It has the largest possible number of matches. If several assignments have that number, the one with
    most contained keywords is chosen, and then the one with the earliest alerts.

    Returns
    -------
    list of Edge
        The chosen matches, ordered by topic; each topic and each alert occurs at most once.
    """
    if len(edges) < 2:
        return list(edges)
    with extra("compare"):
        from scipy.optimize import linear_sum_assignment

    events, row = np.unique([e.event for e in edges], return_inverse=True)
    alerts, column = np.unique([e.alert for e in edges], return_inverse=True)
    n = min(len(events), len(alerts))
    keywords = np.array([e.keywords for e in edges], float)
    # the weights are so small that a later criterion never outweighs an earlier one
    step = 1 / (4 * (n + 1) * keywords.max())
    early = 1 - column / len(alerts)
    gain: npt.NDArray[np.float64] = np.zeros((len(events), len(alerts)))
    gain[row, column] = 1 + step * keywords + step / (2 * (n + 1)) * early
    chosen = set(zip(*linear_sum_assignment(gain, maximize=True), strict=True))
    pairs = zip(edges, row.tolist(), column.tolist(), strict=True)
    return sorted((edge for edge, r, c in pairs if (r, c) in chosen), key=lambda edge: edge.event)
