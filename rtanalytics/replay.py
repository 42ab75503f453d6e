"""Replay a recording at any speed, as a feed or into a stream, as if it happened now.

A :class:`Replay` is a :class:`~rtanalytics.feed.Feed` and is read in the same way as a running stream.
Events are due at ``received_at`` on a paced clock, and all due events are delivered at once. Deadlines
are absolute, so timing errors do not add up, and the clock does not jump when the speed changes. A
watermark is emitted at every minute of the recording, and a final one at its end.

>>> from datetime import UTC, datetime
>>> from rtanalytics.event import Event
>>> events = [Event(id=f"test::{n}", source="test", text="hello",
...                 created_at=datetime(2026, 5, 15, 9, n, tzinfo=UTC)) for n in range(3)]
>>> [item.event.id for item in replay(events, speed="max") if isinstance(item, Delivery)]
['test::0', 'test::1', 'test::2']
"""

from __future__ import annotations

import itertools
import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from rtanalytics.clock import PacedClock
from rtanalytics.event import Event
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
from rtanalytics.settings import Settings
from rtanalytics.streams import EventStream

__all__ = ["Played", "Replay", "days_until_today", "play_into", "replay"]

MARK_EVERY = timedelta(minutes=1)
"""Interval of the watermarks: no longer than the shortest bin."""

Speed = float | str


def replay(
    recording: Iterable[Event],
    speed: Speed = 1.0,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    shift: timedelta = timedelta(0),
    monotonic: Callable[[], float] = time.monotonic,
) -> Replay:
    """Play a recording; see :class:`Replay` for the parameters."""
    return Replay(recording, speed, start=start, end=end, shift=shift, monotonic=monotonic)


class Replay(AsyncFromSync):
    """A recording as a feed.

    Parameters
    ----------
    recording : Recording or iterable of Event
        Sorted by ``received_at``; it must be possible to iterate over it repeatedly.
    speed : float or str
        Recorded seconds per real second, such as 60 or ``'60x'``; ``'max'`` (or infinity) never waits.
    start, end : datetime, optional
        Replay only events with ``start <= received_at < end``, in the recording's time.
    shift : timedelta
        Whole days to add to every time; times of day, and thus bins, stay the same.
    monotonic : callable
        Clock that returns real seconds; tests pass one that they advance themselves.

    Raises
    ------
    ValueError
        If the speed is not above 0, ``shift`` is not whole days, or ``end`` is before ``start``.

    Notes
    -----
    Only one reader may iterate. The controls may be called from any thread and take effect immediately.
    """

    def __init__(
        self,
        recording: Iterable[Event],
        speed: Speed = 1.0,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        shift: timedelta = timedelta(0),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        if shift % timedelta(days=1):
            raise ValueError(f"shift {shift} must be whole days, or bins and seasons would change")
        if start and end and end < start:
            raise ValueError(f"the replay would end ({end}) before it starts ({start})")
        self.recording = recording
        self.shift = shift
        self.start, self.end = start, end
        first = next(self._between(start), None)
        self._first = first.received_at if first else (start or datetime.now(UTC)) + shift
        self.clock = PacedClock(self._first, _rate(speed), monotonic)
        self._control = threading.Condition()
        self._monotonic = monotonic
        self._closed = False
        self._steps = 0
        self._sought: datetime | None = None
        self._epoch = 0
        self._index = 0
        self._marked: datetime | None = None
        self._ended = False
        self._last: datetime | None = None  # time at which the replay ended; the clock keeps running
        self._events: Iterator[Event]
        self._peeked: Event | None
        self._rewind(start)

    def __repr__(self) -> str:
        name = getattr(self.recording, "name", "events")
        status = self.status
        return (
            f"<Replay of {name!r}: {status.detail or status.state}, at {self.clock.now():%Y-%m-%d %H:%M} UTC>"
        )

    @property
    def context(self) -> FeedContext:
        """Settings and time zone of the recording."""
        meta = getattr(self.recording, "meta", None)
        return FeedContext(Settings.of_recording(self.recording), meta.timezone if meta else None)

    # -- the feed --------------------------------------------------------------------

    @property
    def key(self) -> str:
        """The recording's name and the start of this replay."""
        name = getattr(self.recording, "name", "events")
        return f"replay:{name}:{self._first:%Y-%m-%dT%H:%M:%S}:{id(self):x}"

    @property
    def status(self) -> Status:
        if self._ended:
            return Status("ended", self._pace, self._last or self.clock.now())
        return Status("paused" if self.clock.paused else "replay", self._pace, self.clock.now())

    @property
    def _pace(self) -> str:
        return "max" if math.isinf(self.clock.rate) else f"×{self.clock.rate:g}"

    def snapshot(self, n: int = 100) -> Snapshot:
        """Return the newest ``n`` events before the current time of the replay."""
        latest: dict[str, Event] = {}
        for event in itertools.islice(self._between(self.start), self._index):
            latest.pop(event.id, None)
            if event.op != "delete":
                latest[event.id] = event
            if len(latest) > n:
                del latest[next(iter(latest))]
        position = _Position(self._epoch, self._index)
        return Snapshot([Delivery(position, event) for event in latest.values()], position)

    def __iter__(self) -> Iterator[Item]:
        while (item := self._next(wait=True)) is not None:
            yield item

    def batches(self, limit: int = 500) -> Iterator[list[Item]]:
        """Yield the due items, at most ``limit`` at a time; wait only if there are none."""
        while (item := self._next(wait=True)) is not None:
            batch = [item]
            while len(batch) < limit and (item := self._next(wait=False)) is not None:
                batch.append(item)
            yield batch

    def close(self) -> None:
        with self._control:
            self._closed = True
            self._control.notify_all()

    # -- controls --------------------------------------------------------------------------

    @property
    def speed(self) -> float:
        """Recorded seconds per real second; infinity for ``'max'``. Setting it does not move the time."""
        return self.clock.rate

    @speed.setter
    def speed(self, speed: Speed) -> None:
        with self._control:
            self.clock.rate = _rate(speed)
            self._control.notify_all()

    def pause(self) -> None:
        """Pause the replay."""
        with self._control:
            self.clock.pause()
            self._control.notify_all()

    def resume(self) -> None:
        """Continue after a pause."""
        with self._control:
            self._steps = 0
            self.clock.resume()
            self._control.notify_all()

    def step(self, n: int = 1) -> None:
        """Pause, and release the next ``n`` events."""
        with self._control:
            self.clock.pause()
            self._steps += n
            self._control.notify_all()

    def seek(self, moment: datetime) -> None:
        """Continue from ``moment`` (in replayed time); readers get a :class:`Reset`."""
        with self._control:
            self._sought = moment.astimezone(UTC)
            self._ended = False
            self._control.notify_all()

    # -- timing -----------------------------------------------------------------------

    def _next(self, *, wait: bool) -> Item | None:
        """Return the next item that is due; None at the end, or if none is due and ``wait`` is false."""
        with self._control:
            while not self._closed:
                if self._sought is not None:
                    return self._go_to(self._sought)
                if self._ended:
                    return None
                event = self._peeked
                if event is None:
                    self._last = self._last or self.clock.now()
                    self._ended = True
                    return Watermark(FOREVER)
                at = event.received_at
                minute = at - (at - _GRID) % MARK_EVERY
                stepping = self._steps > 0
                if not stepping:
                    # watermarks before the event are emitted when their minute is over, not with the event
                    due = min(at, self._marked + MARK_EVERY) if self._marked else at
                    seconds = self.clock.wait(due)
                    if seconds > 0:
                        if not wait:
                            return None
                        self._control.wait(None if math.isinf(seconds) else seconds)
                        continue
                    if due < at and math.isfinite(self.clock.rate):
                        self._marked = due
                        return Watermark(due)
                if self._marked is None or minute > self._marked:
                    self._marked = minute
                    return Watermark(minute)
                self._steps -= stepping
                if stepping or math.isinf(self.clock.rate):
                    self.clock.seek(at)
                self._index += 1
                self._last = at
                self._peeked = next(self._events, None)
                return Delivery(_Position(self._epoch, self._index), event)
            return None

    def _go_to(self, moment: datetime) -> Reset:
        self._sought = None
        self._epoch += 1
        self._steps = 0
        self._last = None
        self._rewind(self.start)
        while self._peeked is not None and self._peeked.received_at < moment:
            self._index += 1
            self._peeked = next(self._events, None)
        self.clock.seek(moment)
        return Reset(f"the replay was moved to {moment:%Y-%m-%d %H:%M:%S}")

    def _rewind(self, start: datetime | None) -> None:
        self._events = self._between(start)
        self._peeked = next(self._events, None)
        self._index = 0
        self._marked = None
        self._ended = False

    def _between(self, start: datetime | None) -> Iterator[Event]:
        shift = self.shift
        for event in self.recording:
            if start is not None and event.received_at < start:
                continue
            if self.end is not None and event.received_at >= self.end:
                return
            yield _shifted(event, shift) if shift else event


@dataclass(frozen=True, slots=True)
class _Position:
    epoch: int
    index: int

    def __str__(self) -> str:
        return f"{self.epoch}:{self.index}"


@dataclass(frozen=True, slots=True)
class Played:
    """Result of :func:`play_into`: the number of events, how many were new, and the seconds it took."""

    events: int
    new: int
    seconds: float


def play_into(
    source: Replay, stream: EventStream, progress: Callable[[int], None] = lambda _: None
) -> Played:
    """Write the events and watermarks of a replay to a stream that is used for this run only.

    Parameters
    ----------
    source : Replay
        Read to its end.
    stream : EventStream
        Named ``<conference>/replay/<run>``, so that it is not mistaken for the original or
        recorded with it.
    progress : callable
        Called with the number of events after each batch.

    Raises
    ------
    StreamUnavailable
        If the server does not answer; it is safe to append everything again.
    """
    started = time.monotonic()
    events = new = 0
    for batch in source.batches():
        waiting: list[Event] = []
        mark: datetime | None = None
        for item in batch:
            if isinstance(item, Delivery):
                waiting.append(item.event)
            elif isinstance(item, Watermark):
                mark = item.time
            else:
                waiting, mark = [], None
                stream.reset(item.reason)
        if waiting:
            new += stream.append(waiting).new
            events += len(waiting)
        if mark is not None:
            # the last mark of the batch includes the earlier ones
            stream.mark(mark)
        progress(events)
    return Played(events, new, time.monotonic() - started)


def days_until_today(moment: datetime, now: datetime | None = None) -> timedelta:
    """Return the whole days that shift ``moment`` to today, at the same time of day."""
    today = (now or datetime.now(UTC)).date()
    return timedelta(days=(today - moment.date()).days)


def _shifted(event: Event, shift: timedelta) -> Event:
    return replace(
        event,
        created_at=event.created_at + shift,
        received_at=event.received_at + shift,
        edited_at=event.edited_at + shift if event.edited_at else None,
    )


def _rate(speed: Speed) -> float:
    """Convert a speed (a number, ``"60x"`` or ``"max"``) to recorded seconds per real second."""
    if speed == "max":
        return math.inf
    try:
        rate = float(speed.lower().strip().strip("x×") if isinstance(speed, str) else speed)
    except (TypeError, ValueError):
        rate = math.nan
    if not rate > 0:
        raise ValueError(f"invalid speed {speed!r} (examples: 60, '60x', 'max')")
    return rate


_GRID = datetime(1970, 1, 1, tzinfo=UTC)
