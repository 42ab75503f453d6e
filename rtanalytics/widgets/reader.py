"""Threads of the views: one reads a feed, one sends updates to the browser.

All views of one feed object share a :class:`Reader`: a thread that iterates over the feed and passes each
item to the attached views. A view that is attached later first receives the items that the reader keeps.

The thread of the reader blocks in the feed, so another thread, the :class:`Pacer`, calls each view of the
process up to twenty times per second to send its updates. It sleeps longer while nothing changes, and
ends with the last view.
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
"""Seconds between two updates: the browser receives at most twenty messages per second."""

_IDLE = 0.5
_BACKLOG = 10_000


class Sink(Protocol):
    """Receiver of the items of a feed, called from the thread of the reader."""

    def begin(self, items: list[Any]) -> None:
        """Take the earlier items of the feed, oldest first."""
        ...

    def take(self, item: Any) -> None:
        """Take one item."""
        ...

    def inherit(self, other: Sink) -> bool:
        """Take over the state of another sink; return False if its settings differ."""
        ...


class Reader:
    """Thread that reads one feed for all attached sinks.

    Parameters
    ----------
    feed : Feed
        The feed; nothing else may read it.
    recent : int
        Number of earlier events to load; 0 loads none.

    Attributes
    ----------
    error : Exception or None
        The error that ended the reading; views show it in the status line.
    latest : datetime or None
        Newest time of an event or watermark.
    begun : threading.Event
        Set when the earlier events are loaded.
    """

    _readers: dict[int, Reader] = {}  # noqa: RUF012 - shared on purpose: one reader per feed object
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
        """Attach ``sinks`` to ``feed``; they receive kept items first, and then each new item.

        Parameters
        ----------
        feed : Feed
            Feed to read; reading starts unless it is already being read.
        sinks : sequence of Sink
            Each takes over the state of one of ``heirs_of`` if possible; otherwise it receives the newest
            10,000 items.
        recent : int
            Number of earlier events to load if the feed is not being read yet.
        heirs_of : sequence of Sink
            Sinks of the same reader that are replaced.
        """
        with cls._gate:
            reader = cls._readers.get(id(feed))
            if reader is None:
                reader = cls._readers[id(feed)] = cls(feed, recent)
            reader._add(sinks, heirs_of)
            return reader

    def detach(self, sinks: Sequence[Sink]) -> None:
        """Detach sinks; after the last one, the feed is closed and the thread ends."""
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
        """Status of the feed."""
        return self.feed.status

    def go_on(self) -> bool:
        """Restart reading if an ended feed was moved to another time; return True while it is read."""
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
                if isinstance(item, Reset) and self._recent and hasattr(self.feed, "seek"):
                    # a replay was moved: show what was posted before that time, also while it is paused
                    self._begin(self.feed.snapshot(self._recent))
        except Exception as error:
            # An exception in a thread reaches no caller, so it is shown in the status line and logged.
            log.exception("reading %s failed", self.feed.key)
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
            # positions are only needed to resume a stream; dropping them frees memory
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
    """Object that the pacer calls regularly."""

    def beat(self) -> bool:
        """Send changes; return True if more may follow soon."""
        ...


class Pacer:
    """Thread that makes all open views send updates, at most twenty times per second."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._beating: list[Beating] = []
        self._thread: threading.Thread | None = None
        self._awake = False

    def add(self, view: Beating) -> None:
        """Add a view."""
        with self._changed:
            self._beating.append(view)
            self._awake = True
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="rtanalytics-pacer", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def remove(self, view: Beating) -> None:
        """Remove a view."""
        with self._changed:
            if view in self._beating:
                self._beating.remove(view)
            self._changed.notify_all()

    def wake(self) -> None:
        """Call the views soon, because something has changed."""
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
                    # A broken view must not stop the others, so it is removed.
                    log.exception("a view failed and is no longer updated")
                    self.remove(view)
                    continue
                if more:
                    self._awake = True
            time.sleep(TICK)


PACER = Pacer()
"""The pacer of this process."""


class _Iterated:
    """Feed made of any iterable of events, items or bins of trends."""

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
    """Return ``source`` if it is a feed, or wrap an iterable as a feed.

    Raises
    ------
    TypeError
        If it is not an iterable of events, such as a table or a text.
    """
    if isinstance(source, Feed):
        return source
    table = hasattr(source, "columns") or isinstance(source, (str, bytes, dict))
    if table or not hasattr(source, "__iter__"):
        raise TypeError(
            f"a view needs a feed or an iterable of events, not {type(source).__name__}; to show a recording"
            " or a table, pass rta.play(…), to show a stream, pass stream.follow()"
        )
    return _Iterated(source, key)
