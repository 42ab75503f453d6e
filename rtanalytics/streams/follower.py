"""Reading side of all transports: merge, watermark, epochs, and each event once.

A transport provides raw entries after a place (:class:`Backend`); this module makes a feed of them:

* entries of several buckets are merged by ``received_at``;
* each bucket has marks, and the feed's watermark is the earliest of them;
* a reset begins an epoch: entries of the former epoch in other buckets are dropped;
* an event that a crashed server lost and that is appended again is dropped if its revision is the
  one that the reader had last; an older revision is delivered, since it is current now;
* private events are skipped, here and in snapshots, unless the reader asks for them, so that code
  that records, counts or shows a stream to others need not filter them.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import NamedTuple, Protocol

import msgspec

from rtanalytics.event import Event, decode
from rtanalytics.feed import (
    FOREVER,
    AsyncFromSync,
    Delivery,
    FeedContext,
    Item,
    Reset,
    Snapshot,
    Status,
    Watermark,
)
from rtanalytics.streams.errors import StreamUnavailable
from rtanalytics.streams.position import START, TAIL, TAIL_MS, Place, StreamPosition, entry_key, fingerprint

__all__ = ["UNKNOWN", "Backend", "Entry", "StreamFeed", "current"]

log = logging.getLogger(__name__)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
UNKNOWN = "?"
"""Kind of an entry that this library did not write."""

MAX_SEEN = 20_000
"""Ids whose revision a running reader remembers."""


class Entry(NamedTuple):
    """One raw entry of a bucket: the packet of an event, a watermark, or a reset."""

    id: str
    kind: str
    """``e`` a packet, ``m`` a mark, ``x`` a reset, :data:`UNKNOWN` anything else."""
    value: bytes
    raised: int = 0
    """The mark that the event's ``received_at`` was raised to, in microseconds, or 0."""

    def event(self) -> Event:
        """Decode the packet; its ``received_at`` becomes at least the time of the watermark."""
        event = decode(self.value)
        if self.raised:
            event = msgspec.structs.replace(event, received_at=from_us(self.raised))
        return event


class Backend(Protocol):
    """Access to the raw entries of a transport."""

    key: str

    def places(self, known: dict[str, Place] | None) -> dict[str, Place]:
        """Return where to read on in each bucket: the places ``known``, or the ends of the buckets if None.

        A place after the end of its bucket (the server lost its newest entries) is moved to the end.
        """
        ...

    def read(self, places: dict[str, Place], block: timedelta) -> dict[str, list[Entry]]:
        """Return the entries after each place, in order; wait up to ``block`` for the first one.

        Raises
        ------
        Trimmed
            If entries after a place were trimmed.
        StreamUnavailable
            If the server does not answer.
        """
        ...

    def release(self) -> None:
        """Close the connections to the server."""
        ...


class StreamFeed(AsyncFromSync):
    """A feed on a stream, returned by ``stream.follow()``.

    Attributes
    ----------
    context : FeedContext or None
        Defaults for the views that show the feed.
    unreadable : int
        Number of entries that are not packets. They are logged and skipped, and stay in the stream.
    """

    def __init__(
        self,
        backend: Backend,
        snapshot: Callable[[int, str | None], Snapshot],
        position: StreamPosition | None,
        block: timedelta = timedelta(milliseconds=500),
        *,
        private: bool = False,
        context: FeedContext | None = None,
    ) -> None:
        self.context = context
        self._backend = backend
        self._private = private
        self._snapshot = snapshot
        self._block = block
        self._closed = threading.Event()
        self._status = Status("live")
        self.unreadable = 0
        self._places: dict[str, Place]
        self._begin(position)

    @property
    def key(self) -> str:
        return self._backend.key

    @property
    def status(self) -> Status:
        return self._status

    def snapshot(self, n: int = 100, bucket: str | None = None) -> Snapshot:
        """Return the newest ``n`` events in their current state, of one bucket or of all.

        Iteration continues after them, in all buckets.
        """
        snapshot = self._snapshot(n, bucket)
        self._begin(StreamPosition.parse(str(snapshot.position)))
        for delivery in snapshot.deliveries:
            self._seen[delivery.event.id] = delivery.event.rev
        return snapshot

    def close(self) -> None:
        self._closed.set()

    def __iter__(self) -> Iterator[Item]:
        for batch in self.batches():
            yield from batch

    def batches(self) -> Iterator[list[Item]]:
        """Yield the items of each read, or an empty list after half a second without new items."""
        try:
            checked = False
            if self._watermark:
                # readers that join late get the watermark as well
                yield [Watermark(from_us(self._watermark))]
            while not self._closed.is_set():
                try:
                    if not checked:
                        self._places = self._backend.places(self._places)
                        checked = True
                    batch = self._backend.read(self._places, self._block)
                    self._status = Status("ended" if self._watermark >= _ENDED else "live")
                except StreamUnavailable as error:
                    checked = False
                    self._status = Status("reconnecting", str(error))
                    self._closed.wait(0.1)
                    batch = {}
                yield list(self._items(batch))
        finally:
            self._status = Status("ended")
            self._backend.release()

    def _begin(self, position: StreamPosition | None) -> None:
        if position is None:
            position = StreamPosition(self._backend.places(None))
        self._places = dict(position.places)
        self._restored = set(position.tail)
        self._seen: dict[str, str] = {}
        self._recent: list[tuple[int, str, str]] = []
        self._epoch = max((p.epoch for p in self._places.values()), default=0)
        self._watermark = self._earliest_mark()

    def _items(self, batch: dict[str, list[Entry]]) -> Iterator[Item]:
        """Convert raw entries to items; each item has the position after its own entry."""
        for bucket, entry, event in self._merged(batch):
            place = self._places.get(bucket, START)
            if entry.kind == "x":
                epoch, _, reason = entry.value.decode().partition("|")
                self._places[bucket] = Place(entry.id, 0, int(epoch))
                if int(epoch) > self._epoch:
                    self._epoch = int(epoch)
                    self._watermark = 0
                    self._seen.clear()
                    self._restored.clear()
                    self._recent = []
                    yield Reset(reason)
            elif entry.kind == "m":
                self._places[bucket] = Place(entry.id, max(place.mark, int(entry.value)), place.epoch)
                earliest = self._earliest_mark()
                if earliest > self._watermark:
                    self._watermark = earliest
                    yield Watermark(from_us(earliest))
            else:
                self._places[bucket] = Place(entry.id, place.mark, place.epoch)
                if event is None or (event.private and not self._private):
                    continue
                if place.epoch == self._epoch and not self._is_repeat(event):
                    self._remember(entry, event)
                    yield Delivery(_Lazy(dict(self._places), self._recent, len(self._recent)), event)

    def _earliest_mark(self) -> int:
        if any(p.epoch < self._epoch for p in self._places.values()):
            return 0
        return min((p.mark for p in self._places.values()), default=0)

    def _is_repeat(self, event: Event) -> bool:
        rev = self._seen.get(event.id)
        if rev is None and self._restored:
            return fingerprint(event.id, event.rev) in self._restored
        return rev == event.rev

    def _remember(self, entry: Entry, event: Event) -> None:
        self._seen.pop(event.id, None)
        self._seen[event.id] = event.rev
        if len(self._seen) > MAX_SEEN:
            del self._seen[next(iter(self._seen))]
        if self._restored and len(self._recent) > TAIL:
            self._restored.clear()
        if len(self._recent) >= 10 * TAIL:
            # a new list, because positions already delivered refer to the old one
            self._recent = self._recent[-TAIL:]
        self._recent.append((entry_key(entry.id)[0], event.id, event.rev))

    def _merged(self, batch: dict[str, list[Entry]]) -> list[tuple[str, Entry, Event | None]]:
        """Merge the entries of several buckets by time, keeping the order within each bucket."""
        timed: list[tuple[int, str, Entry, Event | None]] = []
        for bucket, entries in batch.items():
            at = 0
            for entry in entries:
                event = None
                if entry.kind == "e":
                    try:
                        event = entry.event()
                        at = max(at, to_us(event.received_at))
                    except ValueError as error:
                        self.unreadable += 1
                        log.warning(
                            "%s %s: entry %s is not a packet: %r", self.key, bucket, entry.id, str(error)
                        )
                elif entry.kind == "m":
                    at = max(at, int(entry.value))
                elif entry.kind != "x":
                    self.unreadable += 1
                    log.warning("%s %s: entry %s is of another program; skipped", self.key, bucket, entry.id)
                timed.append((at, bucket, entry, event))
        if len(batch) > 1:
            timed.sort(key=itemgetter(0))
        return [item[1:] for item in timed]


class _Lazy(StreamPosition):
    """A position that computes its fingerprints only when it is stored."""

    __slots__ = ("_end", "_recent")

    def __init__(self, places: dict[str, Place], recent: list[tuple[int, str, str]], end: int) -> None:
        self.places = places
        self._recent, self._end = recent, end

    @property
    def tail(self) -> frozenset[str]:  # type: ignore[override]
        newest = self._recent[max(0, self._end - TAIL) : self._end]
        since = newest[-1][0] - TAIL_MS if newest else 0
        current = {event_id: rev for ms, event_id, rev in newest if ms >= since}
        return frozenset(fingerprint(event_id, rev) for event_id, rev in current.items())


def current(entries: Sequence[tuple[str, Entry]], *, private: bool = False) -> list[tuple[str, Entry, Event]]:
    """Return the newest revision of each id in a list of entries, oldest entry first.

    Deleted events, entries that are not packets, and (unless ``private``) private events are left out.
    """
    latest: dict[str, tuple[str, Entry, Event]] = {}
    for bucket, entry in entries:
        try:
            event = entry.event()
        except ValueError as error:
            log.warning("%s: entry %s is not a packet: %r", bucket, entry.id, str(error))
            continue
        latest.pop(event.id, None)
        latest[event.id] = (bucket, entry, event)
    return [
        state for state in latest.values() if state[2].op != "delete" and (private or not state[2].private)
    ]


def to_us(moment: datetime) -> int:
    """Convert a time to whole microseconds since 1970."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def from_us(us: int) -> datetime:
    """Convert microseconds since 1970 to a time."""
    return EPOCH + timedelta(microseconds=us)


_ENDED = to_us(FOREVER)
