"""Feeds of events: the interface between input and analysis.

A :class:`Feed` is a running stream, a replay of a recording, or any iterable of events; readers
need not know which. It returns the newest items (:meth:`Feed.snapshot`) and then, when iterated,
everything after them: a :class:`Delivery` per event, a :class:`Watermark` when all events up to a
time have arrived, and a :class:`Reset` when all earlier items must be dropped because a replay was
moved to another time.

Each reader has its own position and keeps it when the connection drops. (DjangoDose did not record
positions and therefore showed new viewers the first items three or four times.)
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal, Protocol, runtime_checkable

from rtanalytics.event import Event
from rtanalytics.settings import Settings
from rtanalytics.trend import TrendBin

__all__ = [
    "FOREVER",
    "Delivery",
    "Feed",
    "FeedContext",
    "Item",
    "IterableFeed",
    "Position",
    "Recording",
    "Reset",
    "Snapshot",
    "Status",
    "Unavailable",
    "Watermark",
    "as_feed",
]

FOREVER = datetime(9999, 12, 31, tzinfo=UTC)
"""Watermark of a feed that has ended: no event follows."""


class Unavailable(Exception):
    """A server did not respond; it is safe to try again later."""


class Position(Protocol):
    """A reader's position in a feed; its ``str()`` can be stored and used to continue from there."""

    def __str__(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event, and the position after it."""

    position: Position
    event: Event


@dataclass(frozen=True, slots=True)
class Watermark:
    """A promise that no event with a ``received_at`` before ``time`` follows."""

    time: datetime


@dataclass(frozen=True, slots=True)
class Reset:
    """A request to drop all delivered items: the feed continues from another time or another run."""

    reason: str


Item = Delivery | Watermark | Reset


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The newest items, oldest first, and the position after them."""

    deliveries: list[Delivery]
    position: Position | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """Status of a feed, as shown in a status line.

    Parameters
    ----------
    state : {'live', 'replay', 'paused', 'reconnecting', 'ended'}
        What the feed is doing.
    detail : str
        Text for people: ``×60``, or what the feed is waiting for.
    at : datetime, optional
        Current time of a replay.
    """

    state: Literal["live", "replay", "paused", "reconnecting", "ended"]
    detail: str = ""
    at: datetime | None = None


@dataclass(frozen=True)
class FeedContext:
    """Context of a feed, from which views take their defaults.

    Parameters
    ----------
    settings : Settings
        Settings of the trends, with the talks.
    timezone : str, optional
        IANA name of the venue's time zone.
    trends : callable, optional
        Returns the trends that a trender publishes for this feed, or None if there are none.
    """

    settings: Settings
    timezone: str | None = None
    trends: Callable[[], Iterable[TrendBin] | None] | None = None

    @classmethod
    def of(cls, feed: object) -> FeedContext:
        """Return the context of a feed; one with default settings if it has none."""
        context = getattr(feed, "context", None)
        return context if isinstance(context, cls) else cls(Settings())


@runtime_checkable
class Feed(Protocol):
    """A sequence of deliveries for one reader.

    ``snapshot(n)`` returns the newest ``n`` events in their current state and moves the feed to the
    position after them; iteration continues from there. ``close()`` ends a blocked iteration.
    """

    @property
    def key(self) -> str:
        """Identity of the feed: feeds of one key deliver the same items."""
        ...

    @property
    def status(self) -> Status:
        """What the feed is doing."""
        ...

    def snapshot(self, n: int = 100) -> Snapshot:
        """Return the newest ``n`` events, oldest first; iteration continues after them."""
        ...

    def __iter__(self) -> Iterator[Item]: ...

    def __aiter__(self) -> AsyncIterator[Item]: ...

    def close(self) -> None:
        """Stop the iteration, even if it is waiting for an item."""
        ...


@runtime_checkable
class Recording(Protocol):
    """A recorded conference: its events in the order in which they were received."""

    @property
    def name(self) -> str:
        """Name of the recording."""
        ...

    def __iter__(self) -> Iterator[Event]: ...

    def __len__(self) -> int: ...


class AsyncFromSync:
    """Mixin that adds ``__aiter__`` to a feed with ``__iter__``: the same items, read in one thread."""

    def __iter__(self) -> Iterator[Item]:
        raise NotImplementedError(f"{type(self).__name__} must define __iter__")  # pragma: no cover

    async def __aiter__(self) -> AsyncIterator[Item]:
        items = iter(self)
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1, "feed") as pool:
            while batch := await loop.run_in_executor(pool, _next, items):
                yield batch[0]


def _next(items: Iterator[Item]) -> list[Item]:
    return list(itertools.islice(items, 1))


@dataclass(slots=True)
class IterableFeed(AsyncFromSync):
    """A feed over an iterable of events: all of them, then the final watermark.

    Examples
    --------
    >>> [type(item).__name__ for item in IterableFeed([])]
    ['Watermark']
    """

    events: Iterable[Event]
    key: str = "events"
    _ended: bool = field(default=False, init=False)

    @property
    def status(self) -> Status:
        return Status("ended" if self._ended else "replay")

    def snapshot(self, n: int = 100) -> Snapshot:
        """Return an empty snapshot, because no event has been read yet."""
        return Snapshot([])

    def __iter__(self) -> Iterator[Item]:
        for number, event in enumerate(self.events, 1):
            yield Delivery(number, event)
            if self._ended:
                return
        yield Watermark(FOREVER)
        self._ended = True

    def close(self) -> None:
        self._ended = True


def as_feed(source: Feed | Iterable[Event], key: str = "events") -> Feed:
    """Return ``source`` itself if it is a feed, else wrap the iterable of events into one."""
    return source if isinstance(source, Feed) else IterableFeed(source, key)
