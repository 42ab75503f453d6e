"""Trends in messages: terms that are used together form a topic; each bin lists its best topics.

:class:`Trender` turns deliveries into trends, both live and from a recording. An event waits in a
log until its bin is complete. Its bin is the bin of ``created_at``; an event that arrives after that
bin has closed counts in the next bin that closes. The trends of a bin therefore depend only on the
events and their two times, not on how the events were batched, ordered or repeated.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Unpack

from rtanalytics.algorithms.topical import TopicAlgorithm
from rtanalytics.counts import TermCounts
from rtanalytics.event import Event
from rtanalytics.feed import Delivery, Feed, Item, Recording, as_feed
from rtanalytics.settings import Settings, SettingsError, SettingsOptions, TopicFilter, TopicModel
from rtanalytics.topics.engine import Engine, live_algorithm
from rtanalytics.trend import Trend, TrendBin
from rtanalytics.trending import algorithm_of

__all__ = [
    "Engine",
    "Settings",
    "TopicFilter",
    "TopicModel",
    "Trend",
    "TrendBin",
    "Trender",
    "live_algorithm",
    "trends",
]

_BATCH = 1000
"""Maximum number of deliveries per batch; it does not affect the trends."""


class Trender:
    """Trend detector that takes the deliveries of a feed and returns trends.

    Parameters
    ----------
    settings : Settings, optional
        Settings of the trends; by default, the default settings.
    **options
        Individual settings; they override ``settings``.

    Raises
    ------
    SettingsError
        If a setting is unknown or invalid, or the algorithm cannot be used live.

    Examples
    --------
    >>> from datetime import UTC, datetime, timedelta
    >>> at = datetime(2026, 5, 15, 9, tzinfo=UTC)
    >>> events = [Event(id=f"irc:x:{i}", source="irc", text=text, created_at=at + i * timedelta(minutes=1))
    ...           for i, text in enumerate(["hello"] * 30 + ["the Venv keynote by @ada"] * 3)]
    >>> [[t.label for t in bin.trends] for bin in trends(events)]
    [[], [], ['@ada: Venv keynote']]
    """

    def __init__(self, settings: Settings | None = None, **options: Unpack[SettingsOptions]) -> None:
        self.settings = Settings.of(settings, options)
        self._engine = Engine(self.settings, {"": self.settings})

    @property
    def counts(self) -> TermCounts:
        """Term counts of all messages so far."""
        return self._engine.counts

    def push(self, items: Iterable[Item], *, empty: bool = False) -> list[TrendBin]:
        """Process items of a feed, and return the trends of each bin that closed.

        Parameters
        ----------
        items : iterable of Delivery, Watermark or Reset
            A batch of any size.
        empty : bool
            Also return the newest bin that closed if nothing was posted in it, so that a view shows that
            nothing trends any more.

        Returns
        -------
        list of TrendBin
            The bins that closed, in order. Other bins without messages are left out.
        """
        bins = [listed[""] for listed in self._engine.push(items)]
        if empty and (silent := self._engine.empty_bin()) is not None:
            bins.append(silent)
        return bins

    def closing(self, items: Iterable[Item]) -> Iterator[TrendBin]:
        """Yield each bin when it closes, instead of all of them at the end as :meth:`push`."""
        for listed in self._engine.closing(items):
            if listed is not None:
                yield listed[""]


def trends(
    source: Feed | Recording | Iterable[Event],
    settings: Settings | None = None,
    **options: Unpack[SettingsOptions],
) -> Iterator[TrendBin]:
    """Return the trends of a feed, a recording or an iterable of events, bin by bin.

    Parameters
    ----------
    source : Feed, Recording or iterable of Event
        A feed, or all events. Events that are not sorted by ``received_at`` are all read before the
        first bin is returned.
    settings : Settings, optional
        Settings of the trends; by default, the default settings.
    **options
        Individual settings; they override ``settings``.

    Raises
    ------
    SettingsError
        If a setting is unknown or invalid.
    """
    settings = Settings.of(settings, options)
    algorithm = algorithm_of(settings)
    if isinstance(algorithm, TopicAlgorithm):
        if settings.every is not None:
            raise SettingsError("every", f"algorithm {algorithm.name!r} lists whole bins; leave out every")
        return algorithm.topics(source, settings)
    return _pushed(Trender(settings), source)


def _pushed(trender: Trender, source: Feed | Recording | Iterable[Event]) -> Iterator[TrendBin]:
    batch: list[Item] = []
    for item in as_feed(source):
        batch.append(item)
        if not isinstance(item, Delivery) or len(batch) == _BATCH:
            yield from trender.closing(batch)
            batch = []
    yield from trender.closing(batch)
