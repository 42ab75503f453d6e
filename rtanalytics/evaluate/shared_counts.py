"""Trends of the same events by several algorithms, which share terms and counts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping

import numpy as np

from rtanalytics.counts import BinCounts, Cells, Channel, Floats, Ints, TermCounts
from rtanalytics.event import Event
from rtanalytics.feed import as_feed
from rtanalytics.settings import Settings
from rtanalytics.topics import Engine, TrendBin
from rtanalytics.trending import Algorithm, Scores, State

__all__ = ["Hindsight", "detect_all"]


def detect_all(
    events: Iterable[Event],
    algorithms: Mapping[str, Algorithm],
    settings: Settings,
    tick: Callable[[float], None] = lambda _: None,
) -> tuple[dict[str, list[TrendBin]], dict[str, float], float]:
    """Return the trends of events by several algorithms.

    Parameters
    ----------
    events : iterable of Event
        Messages; read once.
    algorithms : mapping of str to Algorithm
        Algorithms by name. Those that need later bins run in a second pass.
    settings : Settings
        Settings; their algorithm is ignored.
    tick : callable
        Called with the finished share of the work, from 0 to 1, after each bin.

    Returns
    -------
    (dict of str to list of TrendBin, dict of str to float, float)
        Trends of each algorithm; its wall-clock seconds of scoring and selection; and the seconds of
        reading and counting, which they share.
    """
    events = list(events)
    began = time.perf_counter()
    causal = {n: settings.replace(algorithm=a) for n, a in algorithms.items() if a.causal}
    weight = len(causal) / len(algorithms) if algorithms else 1.0
    first = Engine(settings, causal, tick=lambda share: tick(weight * share))
    trends, seconds = _trends(first, events), first.seconds
    if len(trends) < len(algorithms):
        late = {
            name: settings.replace(algorithm=Hindsight(algorithm, first.counts, settings.channel))
            for name, algorithm in algorithms.items()
            if not algorithm.causal
        }
        second = Engine(
            settings,
            late,
            vocabulary=first.counts.vocabulary,
            tick=lambda share: tick(weight + (1 - weight) * share),
        )
        trends, seconds = trends | _trends(second, events), seconds | second.seconds
    shared = time.perf_counter() - began - sum(seconds.values())
    return {name: trends[name] for name in algorithms}, {name: seconds[name] for name in algorithms}, shared


def _trends(engine: Engine, events: Iterable[Event]) -> dict[str, list[TrendBin]]:
    bins = engine.push(as_feed(events))
    return {name: [bin[name] for bin in bins] for name in engine.seconds}


class Hindsight(Algorithm):
    """An algorithm that needs later bins, with its scores for all bins computed in advance.

    It implements the interface of algorithms that score bin by bin; the scores are those of
    ``known.score(counts)``.

    Parameters
    ----------
    known : Algorithm
        Any algorithm.
    counts : TermCounts
        Counts of all bins, with the numbers of terms that bins will have.
    channel : {'messages', 'authors', 'deduped'}
        Channel of the counts.
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
            raise TypeError(f"expected the state of this algorithm, not {state!r}")
        bins, terms, score, expected = state.bins, state.terms, state.score, state.expected
        first, last = np.searchsorted(bins, [bin.bin, bin.bin + 1])
        if first == last:
            return Scores(np.zeros(len(bin.terms)), np.zeros(len(bin.terms)))
        # an edit or a delete may have removed a term from its bin since
        at = np.minimum(np.searchsorted(terms[first:last], bin.terms) + first, last - 1)
        there = terms[at] == bin.terms
        return Scores(np.where(there, score[at], 0.0), np.where(there, expected[at], 0.0))


class _Scored(State):
    """Scores of all bins, ordered by bin and then term."""

    def __init__(self, bins: Ints, terms: Ints, score: Floats, expected: Floats) -> None:
        super().__init__()
        self.bins, self.terms, self.score, self.expected = bins, terms, score, expected
