"""The reading side that all transports share: merge, watermark, epochs, and no event twice.

A transport only has to hand over raw entries after a place (:class:`Backend`). What makes a
feed of them is here:

* entries of several buckets are merged by ``received_at``;
* each bucket carries marks, and the feed's watermark is the least of them;
* a reset begins an epoch: what other buckets still hold of the former one is dropped;
* what a crashed server lost and is appended again is dropped if its revision is the one that
  the reader had last; an older revision that comes back is delivered, since it is current now;
* what is private is passed over, here and in snapshots, unless the reader asked for it: whoever
  records, counts or shows a stream to others need not think of it.
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
from rtanalytics.feed import FOREVER, AsyncFromSync, Delivery, Item, Reset, Snapshot, Status, Watermark
from rtanalytics.streams.position import START, TAIL, TAIL_MS, Place, StreamPosition, entry_key, fingerprint

__all__ = ["Backend", "Entry", "StreamFeed", "current"]

log = logging.getLogger(__name__)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
REMEMBERED = 20_000
"""Ids whose revision a running reader remembers."""


class Entry(NamedTuple):
    """One raw entry of a bucket: an event's packet, a mark, or a reset."""

    id: str
    kind: str
    """``e`` a packet, ``m`` a mark, ``x`` a reset."""
    value: bytes
    raised: int = 0
    """Microseconds: the mark that the event's ``received_at`` was raised to, or 0."""

    def event(self) -> Event:
        """The packet, with ``received_at`` as the stream holds it."""
        event = decode(self.value)
        if self.raised:
            event = msgspec.structs.replace(event, received_at=from_us(self.raised))
        return event


class Backend(Protocol):
    """What a transport provides to be followed."""

    key: str

    def places(self, known: dict[str, Place] | None) -> dict[str, Place]:
        """Check ``known`` against the server and add buckets that are new; the ends if it is None.

        A place beyond the end of its bucket (the server lost its tail) is moved back to the end.
        """
        ...

    def read(self, places: dict[str, Place], block: timedelta) -> dict[str, list[Entry]]:
        """Entries after each place, in order; after ``block`` at the latest, possibly none.

        Raises
        ------
        Trimmed
            If entries after a place are gone.
        StreamUnavailable
            If the server does not answer.
        """
        ...

    def release(self) -> None:
        """Give back connections."""
        ...


class StreamFeed(AsyncFromSync):
    """A feed on a stream; made by ``stream.follow()``.

    Attributes
    ----------
    unreadable : int
        Entries that were no packets. They are passed over, named in the log, and stay where
        they are in the stream.
    """

    def __init__(
        self,
        backend: Backend,
        snapshot: Callable[[int, str | None], Snapshot],
        position: StreamPosition | None,
        retry: Callable[[BaseException], bool],
        block: timedelta = timedelta(milliseconds=500),
        *,
        private: bool = False,
    ) -> None:
        self._backend = backend
        self._private = private
        self._snapshot = snapshot
        self._retry = retry
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
        """The newest ``n`` events in their current state, of one bucket or of all.

        Iteration goes on after them, in all buckets.
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
        """What came with each read, or an empty list after half a second in which nothing came."""
        try:
            checked = False
            if self._watermark:
                # what was complete when this reader joined, so that one who joins late knows it too
                yield [Watermark(from_us(self._watermark))]
            while not self._closed.is_set():
                try:
                    if not checked:
                        self._places = self._backend.places(self._places)
                        checked = True
                    batch = self._backend.read(self._places, self._block)
                    self._status = Status("ended" if self._watermark >= _ENDED else "live")
                except Exception as error:
                    if not self._retry(error):
                        raise
                    checked = False
                    self._status = Status("reconnecting", str(error))
                    self._closed.wait(0.1)
                    batch = {}
                yield list(self._told(batch))
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
        self._watermark = self._least_mark()

    def _told(self, batch: dict[str, list[Entry]]) -> Iterator[Item]:
        """Turn raw entries into items, advancing the places one entry at a time."""
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
                least = self._least_mark()
                if least > self._watermark:
                    self._watermark = least
                    yield Watermark(from_us(least))
            else:
                self._places[bucket] = Place(entry.id, place.mark, place.epoch)
                if event is None or (event.private and not self._private):
                    continue
                if place.epoch == self._epoch and not self._again(event):
                    self._remember(entry, event)
                    yield Delivery(_Lazy(dict(self._places), self._recent, len(self._recent)), event)

    def _least_mark(self) -> int:
        if any(p.epoch < self._epoch for p in self._places.values()):
            return 0
        return min((p.mark for p in self._places.values()), default=0)

    def _again(self, event: Event) -> bool:
        rev = self._seen.get(event.id)
        if rev is None and self._restored:
            return fingerprint(event.id, event.rev) in self._restored
        return rev == event.rev

    def _remember(self, entry: Entry, event: Event) -> None:
        self._seen.pop(event.id, None)
        self._seen[event.id] = event.rev
        if len(self._seen) > REMEMBERED:
            del self._seen[next(iter(self._seen))]
        if self._restored and len(self._recent) > TAIL:
            self._restored.clear()
        if len(self._recent) >= 10 * TAIL:
            # a new list, because the positions already handed out look into the old one
            self._recent = self._recent[-TAIL:]
        self._recent.append((entry_key(entry.id)[0], event.id, event.rev))

    def _merged(self, batch: dict[str, list[Entry]]) -> list[tuple[str, Entry, Event | None]]:
        """Entries of several buckets by time; within a bucket the order is the stream's."""
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
                            "%s %s: entry %s is no packet: %r", self.key, bucket, entry.id, str(error)
                        )
                elif entry.kind == "m":
                    at = max(at, int(entry.value))
                timed.append((at, bucket, entry, event))
        if len(batch) > 1:
            timed.sort(key=itemgetter(0))
        return [item[1:] for item in timed]


class _Lazy(StreamPosition):
    """A position that works out its tail only when somebody stores it."""

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
    """The newest state of each id among entries in order.

    Left out are deleted ones, no packets, and private ones unless they are asked for.
    """
    latest: dict[str, tuple[str, Entry, Event]] = {}
    for bucket, entry in entries:
        try:
            event = entry.event()
        except ValueError as error:
            log.warning("%s: entry %s is no packet: %r", bucket, entry.id, str(error))
            continue
        latest.pop(event.id, None)
        latest[event.id] = (bucket, entry, event)
    return [
        found for found in latest.values() if found[2].op != "delete" and (private or not found[2].private)
    ]


def to_us(moment: datetime) -> int:
    """Whole microseconds since 1970."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def from_us(us: int) -> datetime:
    """The moment ``us`` microseconds after 1970."""
    return EPOCH + timedelta(microseconds=us)


_ENDED = to_us(FOREVER)
