"""Detection of trends with several algorithms that share the counts of terms."""

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
    """Detect the trends of the same events with several algorithms.

    Parameters
    ----------
    events : iterable of Event
        Events, which are iterated once.
    algorithms : mapping of str to Algorithm
        Algorithms by name. Those that need later bins run in a second pass.
    settings : Settings
        Settings of the trends; the algorithm in them is ignored.
    tick : callable
        Function that is called after each bin with the finished share of the work, from 0 to 1.

    Returns
    -------
    (dict of str to list of TrendBin, dict of str to float, float)
        Trends by algorithm; seconds of scoring and selection by algorithm (wall-clock time); and the
        seconds of reading and counting, which all algorithms share.
    """
    settings = settings.replace(every=None)  # whole bins are compared
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
    """Wrapper for an algorithm that needs later bins, which computes the scores of all bins in advance.

    It has the interface of algorithms that score bin by bin, and returns the scores of
    ``known.score(counts)``.

    Parameters
    ----------
    known : Algorithm
        The wrapped algorithm.
    counts : TermCounts
        Counts of all bins, with the same numbers for terms as in the bins to score.
    channel : {'messages', 'authors', 'deduped'}
        Which counts are scored.
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
        # the bin may have terms without a score, because edits and deletes changed the final counts
        at = np.minimum(np.searchsorted(terms[first:last], bin.terms) + first, last - 1)
        there = terms[at] == bin.terms
        return Scores(np.where(there, score[at], 0.0), np.where(there, expected[at], 0.0))


class _Scored(State):
    """Scores of all bins, sorted by bin and then by term."""

    def __init__(self, bins: Ints, terms: Ints, score: Floats, expected: Floats) -> None:
        super().__init__()
        self.bins, self.terms, self.score, self.expected = bins, terms, score, expected
