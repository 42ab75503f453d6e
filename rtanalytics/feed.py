"""What input and analysis both know: a feed of events.

A :class:`Feed` is the running stream, a replay of a recording, or any iterable of events, and
whoever reads it cannot tell which: that is the test of the design. It hands out the newest
items (:meth:`Feed.snapshot`) and then, when iterated, everything after them: a
:class:`Delivery` for each event, a :class:`Watermark` when a stretch of time is complete, and
a :class:`Reset` when what was told so far no longer holds (a replay was moved to another time).

DjangoDose showed new viewers the first items three or four times because nobody knew who had
received what. Here each reader owns its position, and takes it along over drops.
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
    "Watermark",
    "as_feed",
]

FOREVER = datetime(9999, 12, 31, tzinfo=UTC)
"""The watermark of a feed that has ended: nothing will follow at all."""


class Position(Protocol):
    """How far a reader has come: opaque, and its ``str()`` can be stored and given back."""

    def __str__(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event, and the position just after it."""

    position: Position
    event: Event


@dataclass(frozen=True, slots=True)
class Watermark:
    """No event with a ``received_at`` before ``time`` follows."""

    time: datetime


@dataclass(frozen=True, slots=True)
class Reset:
    """Forget what was delivered: the feed goes on from another time or another run."""

    reason: str


Item = Delivery | Watermark | Reset


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The newest items, oldest first, and the position after them."""

    deliveries: list[Delivery]
    position: Position | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """What a status line says.

    Parameters
    ----------
    state : {'live', 'replay', 'paused', 'reconnecting', 'ended'}
        What the feed is doing.
    detail : str
        For people: ``×60``, or what it is waiting for.
    at : datetime, optional
        Where a replay has come to.
    """

    state: Literal["live", "replay", "paused", "reconnecting", "ended"]
    detail: str = ""
    at: datetime | None = None


@dataclass(frozen=True)
class FeedContext:
    """What a feed's events belong to; views take their defaults from it.

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
    """A source of deliveries that one reader reads.

    ``snapshot(n)`` returns the newest ``n`` events in their current state and moves the feed to
    just after them; iterating goes on from there. ``close()`` makes a blocked iteration end.
    """

    @property
    def key(self) -> str:
        """Names the feed; two feeds of one key show the same."""
        ...

    @property
    def status(self) -> Status:
        """What the feed is doing."""
        ...

    def snapshot(self, n: int = 100) -> Snapshot:
        """The newest ``n`` events, oldest first; iterating goes on just after them."""
        ...

    def __iter__(self) -> Iterator[Item]: ...

    def __aiter__(self) -> AsyncIterator[Item]: ...

    def close(self) -> None:
        """Make a blocked iteration end."""
        ...


@runtime_checkable
class Recording(Protocol):
    """A recorded event: its events in the order in which they were received."""

    @property
    def name(self) -> str:
        """What people call it."""
        ...

    def __iter__(self) -> Iterator[Event]: ...

    def __len__(self) -> int: ...


class AsyncFromSync:
    """Gives a feed with ``__iter__`` an ``__aiter__``: the same items, read in one thread."""

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
    """Any iterable of events as a feed: all of them, then the final watermark.

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
        """Nothing: an iterable has no past that could be shown before it is read."""
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
    """``source`` itself if it is a feed, otherwise the iterable of events wrapped into one."""
    return source if isinstance(source, Feed) else IterableFeed(source, key)
