"""MABED: intervals in which more messages than expected contain a word and mention people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rtanalytics.algorithms.tools import at_least
from rtanalytics.algorithms.topical.base import Found, TopicAlgorithm, View
from rtanalytics.algorithms.topical.tools import by_relevance, ranked, share
from rtanalytics.counts import Floats, Ints
from rtanalytics.extras import extra

__all__ = ["Mabed", "anomaly", "erdem", "heaviest"]


def anomaly(mentions: Floats, totals: Floats) -> tuple[Floats, Floats]:
    """Return the anomaly of each word's count of messages with mentions, in each slice.

    Parameters
    ----------
    mentions : numpy.ndarray of float64, shape (n, b)
        N_@t of each slice: messages with a mention and the word.
    totals : numpy.ndarray of float64, shape (b,)
        Messages of each slice.

    Returns
    -------
    (numpy.ndarray of float64, numpy.ndarray of float64), shapes (n, b)
        N_@t − E and E, with E = N · (Σ N_@t / Σ N), N the slice's total.

    Examples
    --------
    >>> anomaly(np.array([[1.0, 5.0, 0.0]]), np.array([20.0, 20.0, 20.0]))[0].tolist()
    [[-1.0, 3.0, -2.0]]
    """
    expected = np.outer(mentions.sum(axis=1) / max(totals.sum(), 1.0), totals)
    return mentions - expected, expected


def heaviest(values: Floats) -> tuple[Ints, Ints, Floats]:
    """Return the interval of each row with the largest sum; of equal ones the first.

    Parameters
    ----------
    values : numpy.ndarray of float64, shape (n, b)
        With b ≥ 1.

    Returns
    -------
    (numpy.ndarray of int64, numpy.ndarray of int64, numpy.ndarray of float64), shape (n,)
        First and last slice, both included, and the sum.

    Examples
    --------
    >>> [part.tolist() for part in heaviest(np.array([[-1.0, 3.0, -1.0, 2.0, -5.0]]))]
    [[1], [3], [4.0]]
    """
    count = len(values)
    best, start = np.full(count, -np.inf), np.zeros(count, np.int64)
    first, last = np.zeros(count, np.int64), np.zeros(count, np.int64)
    running = np.zeros(count)
    for i in range(values.shape[1]):
        anew = running <= _NOTHING
        start[anew] = i
        running = np.where(anew, 0.0, running) + values[:, i]
        better = running > best + _NOTHING
        best[better], first[better], last[better] = running[better], start[better], i
    return first, last, best


def erdem(one: Floats, other: Floats) -> float:
    """Return Erdem's correlation of the changes of two series.

    ρ = Σ ΔxΔy / √(ΣΔx² · ΣΔy²) over successive differences; 0 if one of them never changes.

    Parameters
    ----------
    one, other : numpy.ndarray of float64, shape (n,)
        The series.

    Examples
    --------
    >>> round(erdem(np.array([0.0, 2.0, 1.0]), np.array([1.0, 2.0, 3.0])), 4)
    0.3162
    """
    x, y = np.diff(one), np.diff(other)
    size = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / size if size else 0.0


@dataclass(slots=True)
class _Event:
    """An event: a word, the interval in which it burst, and words that burst with it."""

    word: int
    first: int
    last: int
    magnitude: float
    related: dict[int, float]
    also: list[_Event]

    def overlap(self, other: _Event) -> float:
        """Return the shared slices as a share of the shorter interval."""
        shared = min(self.last, other.last) - max(self.first, other.first) + 1
        shortest = min(self.last - self.first, other.last - other.first) + 1
        return max(shared, 0) / shortest


@dataclass(slots=True)
class _Table:
    """Table of words and time slices, with the documents that contain each word."""

    terms: Ints
    slices: list[int]
    totals: Floats
    counts: Floats
    mentions: Floats
    matrix: Any
    bounds: Ints


class Mabed(TopicAlgorithm):
    """Mention-anomaly-based event detection, over a whole recording.

    score = Σ (N_@t,i − N_i · N_@t / N) over the slices i of the interval I in which that sum is largest:
    N_@t,i is the number of messages in slice i that contain the word t and a mention, N_@t their sum
    over all slices; N_i and N are the numbers of all messages. The ``related`` words that most often
    occur with t in I are candidates; a candidate joins the event if its weight (ρ + 1) / 2 is at
    least ``theta``. ρ is Erdem's correlation of the first differences of both series within I.
    Two events are one, and listed once, if each of their words joins the other's event and their
    intervals overlap by more than ``sigma`` of the shorter one.

    Guille & Favre (2014), "Mention-Anomaly-Based Event Detection and Tracking in Twitter"; (2015),
    "Event Detection, Tracking, and Visualization in Twitter: A Mention-Anomaly-Based Approach";
    correlation: Erdem, Ceyhan & Varli (2014), "A New Correlation Coefficient for Bivariate
    Time-Series Data". We differ: slices without messages are left out; ρ includes
    ``around`` slices on each side of I, because bursts at a conference last for one or two and have no
    differences of their own (0 is the paper's); an event is listed in each bin of I.

    It uses the whole recording, so it is not causal, and it needs mentions. Weakness: messages in which
    many people are thanked.

    Parameters
    ----------
    events : int
        Number of events in all, the strongest.
    related : int
        Number of words that may join an event.
    theta : float
        Minimum weight of related words.
    sigma : float
        Minimum overlap of two events that are merged.
    mentions : bool
        False: count all messages, for sources without mentions.
    around : int
        Number of slices on each side of the interval over which words are correlated.
    min_count : int
        Number of messages that must contain a word.
    max_share : float
        Share of all messages above which a word is ignored.
    vocabulary : int
        Maximum number of words, the commonest; with the number of slices it limits memory.
    """

    name = "mabed"
    causal = False

    def __init__(
        self,
        events: int = 150,
        related: int = 10,
        theta: float = 0.6,
        sigma: float = 0.5,
        mentions: bool = True,  # noqa: FBT001, FBT002  (scikit-learn's parameters have names)
        around: int = 1,
        min_count: int = 5,
        max_share: float = 0.4,
        vocabulary: int = 3000,
    ) -> None:
        self.events = at_least("events", events, 1)
        self.related = at_least("related", related, 0)
        self.theta = share("theta", theta)
        self.sigma = share("sigma", sigma)
        self.mentions = bool(mentions)
        self.around = at_least("around", around, 0)
        self.min_count = at_least("min_count", min_count, 1)
        self.max_share = share("max_share", max_share)
        self.vocabulary = at_least("vocabulary", vocabulary, 1)

    def begin(self, view: View) -> tuple[_Table, Floats, list[_Event]]:
        table = self._count(view)
        if not len(table.terms):
            return table, np.zeros((0, len(table.slices))), []
        off, expected = anomaly(table.mentions, table.totals)
        return table, expected, self._events(view, table, *heaviest(off))

    def find(self, state: tuple[_Table, Floats, list[_Event]], view: View, bin: int) -> Sequence[Found]:
        table, expected, events = state
        i = table.slices.index(bin)
        here = table.matrix[table.bounds[i] : table.bounds[i + 1]].tocsc()
        found = []
        for event in events:
            if not event.first <= i <= event.last:
                continue
            words = [event.word, *(e.word for e in event.also if e.first <= i <= e.last)]
            messages = [here.indices[here.indptr[w] : here.indptr[w + 1]] for w in words]
            if table.counts[event.word, i] < view.settings.min_count:
                continue
            related = sorted(event.related, key=lambda w: (-event.related[w], w))
            shown = list(dict.fromkeys([*words, *related]))
            found.append(
                Found(
                    table.terms[shown].tolist(),
                    event.magnitude,
                    float(expected[event.word, i]),
                    float(table.mentions[event.word, i]),
                    by_relevance(messages, here.shape[0]),
                )
            )
        return found

    def _count(self, view: View) -> _Table:
        with extra("compare"):
            from scipy.sparse import csr_array

        documents, slices = view.documents, view.documents.bins
        rows = [documents.rows(b) for b in slices]
        bounds = np.concatenate([[0], np.cumsum([len(r) for r in rows])]).astype(np.int64)
        every = np.concatenate([*rows, np.zeros(0, np.int64)])
        places, numbers = documents.words(every)
        n = np.bincount(numbers, minlength=len(documents.vocabulary))
        common = np.flatnonzero((n >= self.min_count) & (n <= self.max_share * len(every)))
        common = common[~view.is_excluded(common)]
        keys = documents.vocabulary.keys
        terms = common[ranked(common, keys, n[common].astype(np.float64))[: self.vocabulary]]
        # in the order of their keys, so that ties do not depend on the order of messages
        terms = terms[ranked(terms, keys)]
        own = np.full(len(documents.vocabulary), -1, np.int64)
        own[terms] = np.arange(len(terms))
        known = own[numbers] >= 0
        places, words = places[known], own[numbers[known]]
        matrix = csr_array((np.ones(len(places), np.int32), (places, words)), (len(every), len(terms)))
        slice_of = np.repeat(np.arange(len(slices)), np.diff(bounds))
        who = documents.authors(every) if view.settings.channel != "messages" else np.arange(len(every))
        counted = np.ones(len(every), np.bool_)
        if view.settings.channel == "deduped" and slices:
            counted = np.concatenate([documents.bin_messages(b).originals for b in slices])
        addressing = documents.addressing(every) if self.mentions else counted

        def tally(which: Any) -> Floats:
            """Count distinct authors, or messages, of each word in each slice."""
            kept = which[places]
            cell = words[kept] * len(slices) + slice_of[places[kept]]
            pairs = np.unique(np.stack([cell, who[places[kept]]]), axis=1)
            table = np.bincount(pairs[0], minlength=len(terms) * len(slices))
            return table.reshape(len(terms), len(slices)).astype(np.float64)

        totals = np.array([documents.bin(b, view.settings.channel).total for b in slices])
        return _Table(terms, slices, totals, tally(counted), tally(counted & addressing), matrix, bounds)

    def _events(self, view: View, table: _Table, first: Ints, last: Ints, sums: Floats) -> list[_Event]:
        """Return events from the strongest on; an event that repeats a stronger one is left out."""
        events: list[_Event] = []
        same: dict[int, _Event] = {}
        every: list[_Event] = []
        for word in np.lexsort((np.arange(len(sums)), -np.round(sums, 9))).tolist():
            if sums[word] <= _NOTHING:
                break
            event = _Event(word, int(first[word]), int(last[word]), float(sums[word]), {}, [])
            event.related = self._related(table, event)
            for old in every:
                if word in old.related and old.word in event.related and event.overlap(old) > self.sigma:
                    same[word] = same.get(old.word, old)
                    same[word].also.append(event)
                    break
            else:
                if len(events) == self.events:
                    break
                events.append(event)
            every.append(event)
        return events

    def _related(self, table: _Table, event: _Event) -> dict[int, float]:
        """Return the words that burst together with the word of the event, and their weights."""
        start, end = table.bounds[event.first], table.bounds[event.last + 1]
        part = table.matrix[start:end]
        saying = part[:, [event.word]].toarray()[:, 0] > 0
        beside = np.asarray(part[saying].sum(axis=0)).ravel()
        beside[event.word] = 0
        often = np.flatnonzero(beside)
        often = often[np.argsort(-beside[often], kind="stable")][: self.related]
        lo, hi = max(event.first - self.around, 0), event.last + 1 + self.around
        main = table.counts[event.word, lo:hi]
        weights = {w: (erdem(main, table.counts[w, lo:hi]) + 1) / 2 for w in often.tolist()}
        return {w: weight for w, weight in weights.items() if weight >= self.theta}


_NOTHING = 1e-9
"""Difference up to which sums are equal, because of rounding."""
