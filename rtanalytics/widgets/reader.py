"""Who reads a feed for the views, and who makes them speak.

A feed belongs to one reader, so all views of one feed object share a :class:`Reader`: one thread
that iterates the feed and hands each item to the views attached to it. A view that joins later
is first given what the reader remembers.

The reader's thread spends its life waiting inside the feed, so it cannot also tell the browser
that twenty milliseconds have passed, or that the server has gone. One more thread, the
:class:`Pacer`, does that for all views of the process: twenty times a second it asks each for
its beat. It sleeps deeper while nothing is read, and ends with the last view.
"""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Protocol

from rtanalytics.event import Event
from rtanalytics.feed import FOREVER, Delivery, Feed, Item, Reset, Snapshot, Status, Watermark

__all__ = ["PACER", "TICK", "Beating", "Pacer", "Reader", "Sink", "as_source"]

log = logging.getLogger(__name__)

TICK = 0.05
"""Seconds between two beats: at most twenty messages a second reach the browser."""

_IDLE = 0.5
_BACKLOG = 10_000


class Sink(Protocol):
    """What takes the items of a feed; called from the reader's thread."""

    def begin(self, items: list[Any]) -> None:
        """What the feed had before, oldest first."""
        ...

    def take(self, item: Any) -> None:
        """One item."""
        ...

    def inherit(self, other: Sink) -> bool:
        """Go on from what another has folded, if it folds the same; otherwise False."""
        ...


class Reader:
    """One thread that reads one feed, for the sinks attached to it.

    Parameters
    ----------
    feed : Feed
        Read by nobody else.
    recent : int
        How many earlier events to ask for; 0 begins where the feed stands.

    Attributes
    ----------
    error : Exception or None
        What ended the reading, if something did; views show it in the status line.
    latest : datetime or None
        The newest time that the feed has told.
    begun : threading.Event
        Set once the earlier events are there.
    """

    _readers: dict[int, Reader] = {}  # noqa: RUF012 - shared on purpose: one reader a feed object
    _gate = threading.Lock()

    def __init__(self, feed: Feed, recent: int) -> None:
        self.feed = feed
        self.error: Exception | None = None
        self.latest: datetime | None = None
        self.begun = threading.Event()
        self._recent = recent
        self._lock = threading.Lock()
        self._sinks: list[Sink] = []
        self._backlog: deque[Any] = deque(maxlen=_BACKLOG)
        self._closed = False
        self._thread: threading.Thread | None = None

    @classmethod
    def attach(cls, feed: Feed, sinks: Sequence[Sink], recent: int, heirs_of: Sequence[Sink] = ()) -> Reader:
        """Let ``sinks`` have what ``feed`` delivers from now on, and what is known from before.

        Parameters
        ----------
        feed : Feed
            Read from now on, if it is not read yet.
        sinks : sequence of Sink
            Each goes on from one of ``heirs_of`` if it can; otherwise it gets what the reader
            remembers: the newest 10,000 items.
        recent : int
            How many earlier events to ask a feed for that is not read yet.
        heirs_of : sequence of Sink
            Sinks of the same reader whose place is taken.
        """
        with cls._gate:
            reader = cls._readers.get(id(feed))
            if reader is None:
                reader = cls._readers[id(feed)] = cls(feed, recent)
            reader._add(sinks, heirs_of)
            return reader

    def detach(self, sinks: Sequence[Sink]) -> None:
        """Take sinks out; with the last one the feed is closed and its thread ends."""
        with self._gate:
            with self._lock:
                self._sinks = [sink for sink in self._sinks if sink not in sinks]
                if self._sinks or self._closed:
                    return
                self._closed = True
            self._readers.pop(id(self.feed), None)
        self.feed.close()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout=2)

    @property
    def reading(self) -> bool:
        """True while the thread runs."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def status(self) -> Status:
        """What the feed is doing."""
        return self.feed.status

    def go_on(self) -> bool:
        """Read again if the feed, having ended, goes on from another place; True if it is read."""
        if self.reading:
            return True
        if self._closed or self.error is not None or not hasattr(self.feed, "seek"):
            return False
        if self.status.state == "ended":
            return False
        self._start(first=False)
        return True

    def _add(self, sinks: Sequence[Sink], heirs_of: Sequence[Sink]) -> None:
        with self._lock:
            old = [sink for sink in self._sinks if sink in heirs_of]
            self._sinks = [sink for sink in self._sinks if sink not in old]
            for sink in sinks:
                if not any(sink.inherit(other) for other in old):
                    for item in self._backlog:
                        sink.take(item)
                self._sinks.append(sink)
        if self._thread is None:
            self._start(first=True)

    def _start(self, *, first: bool) -> None:
        name = f"rtanalytics-view {self.feed.key}"
        self._thread = threading.Thread(target=self._read, args=(first,), name=name, daemon=True)
        self._thread.start()

    def _read(self, first: bool) -> None:  # noqa: FBT001 - a thread's arguments have no names
        try:
            if first and self._recent:
                self._begin(self.feed.snapshot(self._recent))
            self.begun.set()
            for item in self.feed:
                with self._lock:
                    if self._closed:
                        return
                    self._deliver(item)
        except Exception as error:
            # A thread has nobody to raise to: the views' status line says it, the log has it whole.
            log.exception("reading %s ended", self.feed.key)
            self.error = error
        finally:
            self.begun.set()
            PACER.wake()

    def _begin(self, snapshot: Snapshot) -> None:
        with self._lock:
            items = [self._noted(item) for item in snapshot.deliveries]
            self._backlog.extend(items)
            for sink in self._sinks:
                sink.begin(items)

    def _deliver(self, item: Any) -> None:
        item = self._noted(item)
        self._backlog.append(item)
        for sink in self._sinks:
            sink.take(item)

    def _noted(self, item: Any) -> Any:
        if isinstance(item, Delivery):
            self._note(item.event.received_at)
            # positions hold on to what a stream needs to go on from them; nobody will here
            return Delivery("", item.event)
        if isinstance(item, Watermark):
            self._note(item.time)
        elif isinstance(item, Reset):
            self._backlog.clear()
            self.latest = None
        return item

    def _note(self, moment: datetime) -> None:
        if moment < FOREVER and (self.latest is None or moment > self.latest):
            self.latest = moment


class Beating(Protocol):
    """What the pacer asks for its beat."""

    def beat(self) -> bool:
        """Send what there is to send; True if there will soon be more."""
        ...


class Pacer:
    """Makes every open view speak, at most twenty times a second, from one thread for all."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._beating: list[Beating] = []
        self._thread: threading.Thread | None = None
        self._awake = False

    def add(self, view: Beating) -> None:
        """Begin asking ``view``."""
        with self._changed:
            self._beating.append(view)
            self._awake = True
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="rtanalytics-pacer", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def remove(self, view: Beating) -> None:
        """Ask ``view`` no more."""
        with self._changed:
            if view in self._beating:
                self._beating.remove(view)
            self._changed.notify_all()

    def wake(self) -> None:
        """Ask soon: something has happened."""
        with self._changed:
            self._awake = True
            self._changed.notify_all()

    def _run(self) -> None:
        while True:
            with self._changed:
                if not self._awake:
                    self._changed.wait(_IDLE)
                self._awake = False
                if not self._beating:
                    self._thread = None
                    return
                beating = list(self._beating)
            for view in beating:
                try:
                    more = view.beat()
                except Exception:
                    # One broken view must not silence the others; it is asked no more.
                    log.exception("a view failed and is no longer drawn")
                    self.remove(view)
                    continue
                if more:
                    self._awake = True
            time.sleep(TICK)


PACER = Pacer()
"""The one of this process."""


class _Iterated:
    """Any iterable of events, items or bins of trends as something a reader can read."""

    def __init__(self, source: Any, key: str) -> None:
        self._source = source
        self.key = str(getattr(source, "key", key))
        self._closed = self._ended = False

    @property
    def status(self) -> Status:
        own = getattr(self._source, "status", None)
        if isinstance(own, Status):
            return own
        return Status("ended" if self._ended else "replay")

    def snapshot(self, n: int = 100) -> Snapshot:
        return Snapshot([])

    def __iter__(self) -> Iterator[Any]:
        numbers = itertools.count(1)
        for thing in self._source:
            if self._closed:
                return
            yield Delivery(next(numbers), thing) if isinstance(thing, Event) else thing
        if not hasattr(self._source, "status"):
            yield Watermark(FOREVER)
        self._ended = True

    def __aiter__(self) -> Any:
        raise TypeError(f"{self.key} is read by a thread; iterate over the source itself instead")

    def close(self) -> None:
        self._closed = True
        close = getattr(self._source, "close", None)
        if close is not None and not hasattr(self._source, "__next__"):
            close()


def as_source(source: Feed | Iterable[Event] | Iterable[Item] | Iterable[Any], key: str) -> Feed:
    """``source`` as a feed: itself if it is one, or wrapped.

    Raises
    ------
    TypeError
        If it cannot be iterated over; the message says what would do.
    """
    if isinstance(source, Feed):
        return source
    if not hasattr(source, "__iter__"):
        raise TypeError(
            f"a view shows a feed (stream.follow(), replay(recording)) or an iterable of events, "
            f"not {type(source).__name__}; if this is a stream, follow it"
        )
    return _Iterated(source, key)
