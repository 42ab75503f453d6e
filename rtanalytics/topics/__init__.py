"""From scores to trends: terms that are said together become one topic; a list of K a bin.

:class:`Trender` is the one way from deliveries to trends, live and over a recording. Events wait
in a log until the bin at whose close they count is complete: that of their ``said_at``, or,
for one that comes late, the first bin that closes after they were received. What a bin tells
therefore depends on which events there are and on their two times, never on how they were
batched, ordered or repeated on the way.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Unpack

import numpy as np

from rtanalytics.algorithms.topical import TopicAlgorithm
from rtanalytics.counts import TermCounts
from rtanalytics.event import Event
from rtanalytics.feed import FOREVER, Delivery, Feed, Item, Recording, Watermark, as_feed
from rtanalytics.settings import Settings, SettingsError, SettingsOptions, TopicFilter, TopicModel
from rtanalytics.topics.grouping import examples
from rtanalytics.topics.history import BEGINNING, Memory
from rtanalytics.topics.identity import Topics
from rtanalytics.topics.selection import Chooser
from rtanalytics.trend import Trend, TrendBin
from rtanalytics.trending import Algorithm, algorithm_of

__all__ = [
    "Settings",
    "TopicFilter",
    "TopicModel",
    "Trend",
    "TrendBin",
    "Trender",
    "live_algorithm",
    "trends",
]


def live_algorithm(settings: Settings) -> Algorithm:
    """Return the algorithm of settings that are to be used live.

    Raises
    ------
    SettingsError
        If the algorithm or a parameter is unknown or invalid, or it cannot score bins as they come.
    """
    algorithm = algorithm_of(settings)
    if isinstance(algorithm, TopicAlgorithm):
        raise SettingsError(
            "algorithm",
            f"algorithm {algorithm.name!r} finds the topics of a recording, not those of a stream;"
            " use trends() or its own topics()",
        )
    if not algorithm.causal:
        raise SettingsError(
            "algorithm",
            f"algorithm {algorithm.name!r} needs later bins to score one, so it cannot be used live;"
            " score a whole recording with it instead",
        )
    return algorithm


class Trender:
    """Deliveries in, trends out.

    Parameters
    ----------
    settings : Settings, optional
        The defaults unless given.
    **options
        Single settings, which replace those of ``settings``.

    Raises
    ------
    SettingsError
        If a setting is unknown or invalid, or the algorithm cannot be used live.

    Examples
    --------
    >>> from datetime import timedelta
    >>> at = datetime(2026, 5, 15, 9, tzinfo=UTC)
    >>> said = [Event(id=f"irc:x:{i}", source="irc", text=text, created_at=at + i * timedelta(minutes=1))
    ...         for i, text in enumerate(["hello"] * 30 + ["the Venv keynote by @ada"] * 3)]
    >>> [[t.label for t in bin.trends] for bin in trends(said)]
    [[], [], ['@ada']]
    """

    def __init__(self, settings: Settings | None = None, **options: Unpack[SettingsOptions]) -> None:
        self._begin(Settings.of(settings, options))

    @property
    def settings(self) -> Settings:
        """Settings of this trender."""
        return self._settings

    def _begin(self, settings: Settings) -> None:
        self._settings = settings
        self.algorithm = live_algorithm(settings)
        horizon = settings.horizon
        self.counts = TermCounts(
            settings.bin, horizon=None if horizon is None else 2 * horizon + settings.bin
        )
        self.counts.mute(settings.mute)
        self._learns_by(Memory(settings, self.algorithm, self.counts))
        self._topics = Topics(settings.hold)
        self._waiting: dict[int, list[int]] = {}
        self._closed: int | None = None
        self._first: int | None = None  # of the bins that are not forgotten
        self._late = 0

    def _learns_by(self, memory: Memory) -> None:
        self._memory, self._chooser = memory, Chooser(self._settings, self.counts, memory)

    def push(self, items: Iterable[Item]) -> list[TrendBin]:
        """Take what a feed delivers.

        Parameters
        ----------
        items : iterable of Delivery, Watermark or Reset
            A batch of any size.

        Returns
        -------
        list of TrendBin
            The bins that closed, in order; those in which nobody said anything are left out.
        """
        told: list[TrendBin] = []
        events: list[Event] = []
        for item in items:
            if isinstance(item, Delivery):
                events.append(item.event)
            elif isinstance(item, Watermark):
                self._take(events)
                events = []
                told += self._close(item.time)
            else:
                self._begin(self._settings)
                events, told = [], []
        self._take(events)
        return told

    def _take(self, events: list[Event]) -> None:
        rows = np.array(self.counts.log(events), np.int64)
        if not len(rows):
            return
        bins = self.counts.known_in(rows, self._settings.grace)
        if self._closed is not None:
            bins = np.maximum(bins, self._closed + 1)
        for bin in np.unique(bins).tolist():
            self._waiting.setdefault(bin, []).extend(rows[bins == bin].tolist())

    def _close(self, watermark: datetime) -> Iterator[TrendBin]:
        complete = self.counts.bin_of(max(watermark - self._settings.grace, _EVER)) - 1
        for bin in sorted(b for b in self._waiting if b <= complete):
            rows = self._waiting.pop(bin)
            touched, changed = self.counts.apply(rows)
            self._late += self.counts.elsewhere(changed, bin)
            if self._outgrown(bin):
                self.counts.renumber()
                self._learn_again(BEGINNING, bin)
            elif earlier := {b for b in touched if b >= self._from} - {bin}:
                self._learn_again(min(earlier), bin)
            if self.counts.rows(bin).size:
                yield self._tell(bin)
        if watermark < FOREVER and (self._closed is None or complete > self._closed):
            self._closed = complete

    def _learn_again(self, changed: int, upto: int) -> None:
        self._memory.learn_again(changed, self._from, upto)

    @property
    def _from(self) -> int:
        """The first bin that is not forgotten."""
        return self._first or BEGINNING

    def _outgrown(self, bin: int) -> bool:
        """Is it time to forget what lies beyond the horizon? Then it is noted what is left."""
        horizon, width = self._settings.horizon, self._settings.bin
        if horizon is None:
            return False
        first = min([bin, *self.counts.bins[:1]]) if self._first is None else self._first
        if (bin - first) * width < 2 * horizon:
            return False
        self._first = bin - horizon // width
        return True

    def _tell(self, bin: int) -> TrendBin:
        settings, counts = self._settings, self.counts
        start, end = counts.start_of(bin), counts.start_of(bin + 1)
        learnt = self._memory.learn(bin)
        said, bin_counts, _, expected = learnt
        rows = said.rows
        least = self.algorithm.floor if settings.min_score is None else settings.min_score
        groups = self._chooser.choose(learnt, least, start, self._topics)
        talks = [talk.title for talk in settings.schedule.between(start, end)]
        authors = counts.authors(rows)
        told = []
        since = self._memory.since(bin)
        identities = self._topics.assign_ids(start, end, [group.keys for group in groups])
        for rank, (group, identity) in enumerate(zip(groups, identities, strict=True), 1):
            lead = group.lead
            of = group.messages
            texts = [self._memory.names.surface(scored.term) for scored in group.terms]
            told.append(
                Trend(
                    bin_start=start,
                    bin_end=end,
                    rank=rank,
                    terms=texts,
                    label=texts[0],
                    score=-math.log10(max(1 - group.probability, _CERTAIN)),
                    expected=float(expected[lead.at]),
                    observed=int(bin_counts.counts[lead.at]),
                    messages=len(of),
                    authors=counts.people(rows[of]),
                    examples=[counts.ids[rows[i]] for i in examples(lead.messages, authors, said.originals)],
                    sources=counts.sources(rows[of]),
                    talks=talks,
                    id=identity.id,
                    split_from=identity.split_from,
                    merged=identity.merged,
                    probability=group.probability,
                    because=group.because,
                    seen=group.seen,
                    channel=settings.channel,
                    history=self._memory.history(lead.term, bin),
                    since=since,
                )
            )
        late, self._late = self._late, 0
        people = counts.people(rows)
        return TrendBin(start=start, end=end, trends=told, messages=len(rows), authors=people, late=late)


_EVER = datetime(1, 1, 2, tzinfo=UTC)
_CERTAIN = 1e-9
"""No topic is more probable than all but this."""
_BATCH = 1000
"""Deliveries that are taken in at once; nothing is told before a watermark anyway."""


def trends(
    source: Feed | Recording | Iterable[Event],
    settings: Settings | None = None,
    **options: Unpack[SettingsOptions],
) -> Iterator[TrendBin]:
    """Yield the trends of a feed, a recording or any events, bin by bin.

    Parameters
    ----------
    source : Feed, Recording or iterable of Event
        A feed, or all events. If the events are not in the order in which they were received, all of
        them are read before the first bin.
    settings : Settings, optional
        The defaults unless given.
    **options
        Single settings, which replace those of ``settings``.

    Raises
    ------
    SettingsError
        If a setting is unknown or invalid.
    """
    settings = Settings.of(settings, options)
    algorithm = algorithm_of(settings)
    if isinstance(algorithm, TopicAlgorithm):
        return algorithm.topics(source, settings)
    return _pushed(Trender(settings), source)


def _pushed(trender: Trender, source: Feed | Recording | Iterable[Event]) -> Iterator[TrendBin]:
    batch: list[Item] = []
    for item in as_feed(source):
        batch.append(item)
        if not isinstance(item, Delivery) or len(batch) == _BATCH:
            yield from trender.push(batch)
            batch = []
    yield from trender.push(batch)
