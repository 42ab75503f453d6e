"""Several algorithms over the same events: cut into terms and counted once, told by each.

Each algorithm has a trender of its own, so that what it tells is what it would tell alone; they
look at one set of counts, bin by bin.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from rtanalytics.counts import BinCounts, Cells, Channel, Ints, TermCounts
from rtanalytics.event import Event
from rtanalytics.feed import as_feed
from rtanalytics.terms import Vocabulary
from rtanalytics.topics import Settings, TrendBin, Trender
from rtanalytics.topics.history import Memory
from rtanalytics.topics.name_likeness import NameLikeness, Uses
from rtanalytics.trending import DEFAULT, Algorithm, Scores, State

__all__ = ["Hindsight", "Panel", "tell_all"]


def tell_all(
    events: Iterable[Event], algorithms: Mapping[str, Algorithm], settings: Settings
) -> tuple[dict[str, list[TrendBin]], dict[str, float], float]:
    """The trends of events, told by several algorithms.

    Parameters
    ----------
    events : iterable of Event
        What was said; read once.
    algorithms : mapping of str to Algorithm
        By the names under which they are wanted. Those that need later bins are given them, in a
        second pass.
    settings : Settings
        Its algorithm is not used.

    Returns
    -------
    (dict of str to list of TrendBin, dict of str to float, float)
        What each tells; the seconds of wall-clock time that scoring and telling took it; and the
        seconds that reading and counting took, which they share.
    """
    events, settings = list(events), settings.replace(algorithm=DEFAULT)
    began = time.perf_counter()
    causal = {name: a for name, a in algorithms.items() if a.causal}
    panel = Panel(causal, settings)
    panel.run(events)
    told, seconds = panel.told, panel.seconds
    if len(causal) < len(algorithms):
        channel = panel.settings.channel
        late = {name: Hindsight(a, panel.counts, channel) for name, a in algorithms.items() if not a.causal}
        again = Panel(late, settings, panel.counts.vocabulary)
        again.run(events)
        told, seconds = told | again.told, seconds | again.seconds
    shared = time.perf_counter() - began - sum(seconds.values())
    return {name: told[name] for name in algorithms}, {name: seconds[name] for name in algorithms}, shared


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
        vars(self).update(name=known.name, floor=known.floor)

    def start(self) -> State:
        state = State()
        cells = self.counts.cells(self.channel)
        scores = self.known.score(cells)
        order = np.lexsort((cells.terms, cells.bins))
        found = (cells.bins[order], cells.terms[order], scores.score[order], scores.expected[order])
        vars(state)["found"] = found
        return state

    def _score(self, cells: Cells) -> Scores:
        return self.known.score(cells)

    def _step(self, state: State, bin: BinCounts) -> Scores:
        bins, terms, score, expected = vars(state)["found"]
        first, last = np.searchsorted(bins, [bin.bin, bin.bin + 1])
        if first == last:
            return Scores(np.zeros(len(bin.terms)), np.zeros(len(bin.terms)))
        # a term may have left its bin since, by an edit or a delete
        at = np.minimum(np.searchsorted(terms[first:last], bin.terms) + first, last - 1)
        there = terms[at] == bin.terms
        return Scores(np.where(there, score[at], 0.0), np.where(there, expected[at], 0.0))


class _Member(Trender):
    """One algorithm: what it learns and tells is its own, the counts are the panel's."""

    def __init__(
        self, settings: Settings, counts: TermCounts, names: NameLikeness, *, sparing: bool = False
    ) -> None:
        self._begin(settings)
        self.counts = counts
        self._learns_by(Memory(self._settings, self.algorithm, counts, _Reader(names), sparing=sparing))

    def tell(self, bin: int, late: int) -> TrendBin:
        self._late = late
        return self._tell(bin)

    def learn_again(self, changed: int, upto: int, first: int | None) -> None:
        self._first = first
        self._learn_again(changed, upto)


class _Reader(NameLikeness):
    """What is known of how terms are written, learnt by somebody else."""

    def __init__(self, names: NameLikeness) -> None:
        self.__dict__ = names.__dict__

    def forget(self) -> None:
        pass

    def learn(self, rows: Ints) -> None:
        pass

    def kept(self) -> tuple[Uses, Uses]:
        return _NOTHING, _NOTHING

    def go_back(self, kept: tuple[Uses, Uses]) -> None:
        pass


_NOTHING: Uses = np.zeros(0, np.int32)


class _Written(Memory):
    """Learns how terms are written, for members that learn the rest."""

    def learn(self, bin: int) -> Any:
        said = self._counts.bin_messages(bin)  # the members are given this one, which the counts remember
        self._counts.bin(bin, self._settings.channel)
        self._checkpoints.keep(bin, self._kept)
        self.names.learn(said.rows)


class Panel(Trender):
    """What members share: the log, what counts when, and how terms are written.

    Parameters
    ----------
    algorithms : mapping of str to Algorithm or Settings
        The members. One that comes with settings tells by them; their ``bin``, ``grace`` and ``mute``
        must be those of ``settings``, because what is shared depends on these.
    settings : Settings
        Those of the others.
    vocabulary : Vocabulary, optional
        To share numbers of terms with other counts.
    sparing : bool
        Members keep nothing to go back to: for hundreds of them there is no room, and late messages
        are rare in recordings.

    Attributes
    ----------
    told : dict of str to list of TrendBin
        What each has told so far.
    seconds : dict of str to float
        How long scoring and telling took it.
    """

    def __init__(
        self,
        algorithms: Mapping[str, Algorithm | Settings],
        settings: Settings,
        vocabulary: Vocabulary | None = None,
        *,
        sparing: bool = False,
    ) -> None:
        self._algorithms, self._vocabulary, self._sparing = algorithms, vocabulary, sparing
        self.told: dict[str, list[TrendBin]] = {name: [] for name in algorithms}
        self.seconds = dict.fromkeys(algorithms, 0.0)
        self._members: dict[str, _Member] = {}
        self._begin(settings)

    def _begin(self, settings: Settings) -> None:
        self._members = {}
        super()._begin(settings)
        if self._vocabulary is not None:
            # whoever shares numbers of terms must not find that they mean something else one day
            self._settings = settings.replace(horizon=None)
            self.counts = TermCounts(settings.bin, vocabulary=self._vocabulary)
            self.counts.mute(settings.mute)
        self._learns_by(_Written(self._settings, self.algorithm, self.counts))
        for name, given in self._algorithms.items():
            own = given if isinstance(given, Settings) else settings.replace(algorithm=given)
            self._members[name] = _Member(own, self.counts, self._memory.names, sparing=self._sparing)

    def run(self, events: Iterable[Event]) -> None:
        """Tell the trends of events from the first to the last bin."""
        self.push(as_feed(events))

    def dismiss(self, name: str) -> None:
        """Let a member tell no more, and forget what it knows; what it told stays."""
        del self._members[name]

    def _learn_again(self, changed: int, upto: int) -> None:
        super()._learn_again(changed, upto)
        for name, member in self._members.items():
            began = time.perf_counter()
            member.learn_again(changed, upto, self._first)
            self.seconds[name] += time.perf_counter() - began

    def _tell(self, bin: int) -> TrendBin:
        self._memory.learn(bin)
        late, self._late = self._late, 0
        for name, member in self._members.items():
            began = time.perf_counter()
            self.told[name].append(member.tell(bin, late))
            self.seconds[name] += time.perf_counter() - began
        start, end = self.counts.start_of(bin), self.counts.start_of(bin + 1)
        return TrendBin(start=start, end=end, trends=[], messages=0, authors=0)  # the members tell
