"""Trends of the same events by several algorithms, with terms and counts shared."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

import numpy as np

from rtanalytics.counts import BinCounts, Cells, Channel, Floats, Ints, TermCounts
from rtanalytics.event import Event
from rtanalytics.feed import as_feed
from rtanalytics.settings import Settings
from rtanalytics.topics import Engine, TrendBin
from rtanalytics.trending import Algorithm, Scores, State

__all__ = ["Hindsight", "tell_all"]


def tell_all(
    events: Iterable[Event], algorithms: Mapping[str, Algorithm], settings: Settings
) -> tuple[dict[str, list[TrendBin]], dict[str, float], float]:
    """Return the trends of events by several algorithms.

    Parameters
    ----------
    events : iterable of Event
        The messages; read once.
    algorithms : mapping of str to Algorithm
        By the names under which they are wanted. Those that need later bins are given them, in a
        second pass.
    settings : Settings
        Its algorithm is not used.

    Returns
    -------
    (dict of str to list of TrendBin, dict of str to float, float)
        The trends by each; the seconds of wall-clock time that it took for scoring and choosing; and
        the seconds of reading and counting, which they share.
    """
    events = list(events)
    began = time.perf_counter()
    first = Engine(settings, {n: settings.replace(algorithm=a) for n, a in algorithms.items() if a.causal})
    trends, seconds = _trends(first, events), first.seconds
    if len(trends) < len(algorithms):
        late = {
            name: settings.replace(algorithm=Hindsight(algorithm, first.counts, settings.channel))
            for name, algorithm in algorithms.items()
            if not algorithm.causal
        }
        second = Engine(settings, late, vocabulary=first.counts.vocabulary)
        trends, seconds = trends | _trends(second, events), seconds | second.seconds
    shared = time.perf_counter() - began - sum(seconds.values())
    return {name: trends[name] for name in algorithms}, {name: seconds[name] for name in algorithms}, shared


def _trends(engine: Engine, events: Iterable[Event]) -> dict[str, list[TrendBin]]:
    bins = engine.push(as_feed(events))
    return {name: [bin[name] for bin in bins] for name in engine.seconds}


class Hindsight(Algorithm):
    """An algorithm that needs later bins, with the scores of all bins worked out beforehand.

    score = what ``known.score(counts)`` gives. It looks like an algorithm that takes one bin after the
    other; that it is not fooled by what has not happened yet is no merit.

    Parameters
    ----------
    known : Algorithm
        Any.
    counts : TermCounts
        All there is, under the numbers of terms with which it is asked.
    channel : {'messages', 'authors', 'deduped'}
        What is counted.
    """

    def __init__(self, known: Algorithm, counts: TermCounts, channel: Channel) -> None:
        self.known, self.counts, self.channel = known, counts, channel
        self.name, self.floor = known.name, known.floor

    def start(self) -> State:
        cells = self.counts.cells(self.channel)
        scores = self.known.score(cells)
        order = np.lexsort((cells.terms, cells.bins))
        return _Scored(cells.bins[order], cells.terms[order], scores.score[order], scores.expected[order])

    def _score(self, cells: Cells) -> Scores:
        return self.known.score(cells)

    def _step(self, state: State, bin: BinCounts) -> Scores:
        if not isinstance(state, _Scored):
            raise TypeError(f"the state of another algorithm: {state!r}")
        bins, terms, score, expected = state.bins, state.terms, state.score, state.expected
        first, last = np.searchsorted(bins, [bin.bin, bin.bin + 1])
        if first == last:
            return Scores(np.zeros(len(bin.terms)), np.zeros(len(bin.terms)))
        # a term may have left its bin since, by an edit or a delete
        at = np.minimum(np.searchsorted(terms[first:last], bin.terms) + first, last - 1)
        there = terms[at] == bin.terms
        return Scores(np.where(there, score[at], 0.0), np.where(there, expected[at], 0.0))


class _Scored(State):
    """Scores of all bins, ordered by bin and then term."""

    def __init__(self, bins: Ints, terms: Ints, score: Floats, expected: Floats) -> None:
        super().__init__()
        self.bins, self.terms, self.score, self.expected = bins, terms, score, expected
