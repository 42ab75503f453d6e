"""Panels of the views: each applies the items of a feed to its state and returns the changes.

A panel is called from the threads of the reader, the pacer and the kernel, so a lock protects its state.
It does not depend on widgets.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rtanalytics.event import Event
from rtanalytics.feed import Delivery, Item, Reset, Watermark
from rtanalytics.live import FeedState, TalkState, TrendState
from rtanalytics.schedule import Schedule
from rtanalytics.settings import Settings
from rtanalytics.untrusted import safe
from rtanalytics.widgets import fallback
from rtanalytics.widgets.reader import Sink

if TYPE_CHECKING:
    from rtanalytics.live import TalkPatch

__all__ = ["FeedPart", "Part", "QuotePart", "TalkPart", "TrendPart"]

_BATCH = 500
_QUOTABLE = 20_000


class Part:
    """Base class of the panels; it shows nothing.

    Attributes
    ----------
    name : str
        Name of its patches in messages to the front end.
    """

    name = ""

    def __init__(self) -> None:
        self.lock = threading.RLock()

    def begin(self, items: list[Any]) -> None:
        """Take the earlier items of the feed, oldest first."""
        for item in items:
            self.take(item)

    def take(self, item: Any) -> None:
        """Take one item of the feed."""

    def inherit(self, other: Sink) -> bool:
        """Take over the state of ``other``; return False if its settings differ."""
        return False

    def patch(self, moment: datetime) -> Mapping[str, Any] | None:
        """Return the changes since the last call, or None."""
        return None

    def everything(self, moment: datetime) -> Mapping[str, Any] | None:
        """Return the complete state, or None."""
        return None

    def command(self, content: Mapping[str, Any]) -> None:
        """Handle a command of the front end; unknown or malformed commands are ignored."""

    def summary(self) -> str:
        """Return the state in a few words, for the representation of a view."""
        return ""

    def html(self, moment: datetime) -> str:
        """Return the state as static HTML; text from outside is escaped."""
        return ""


class FeedPart(Part):
    """Panel with the newest messages."""

    name = "feed"

    def __init__(self, cap: int, mute: Collection[str]) -> None:
        super().__init__()
        self.state = FeedState(cap, mute)
        self._settings = (cap, frozenset(mute))

    def begin(self, items: list[Any]) -> None:
        # the reader may load more events than are shown, for the trends; these are not "skipped"
        with self.lock:
            self.state.take(items[-self.state.cap :])

    def take(self, item: Any) -> None:
        if isinstance(item, Delivery | Reset):
            with self.lock:
                self.state.take((item,))

    def inherit(self, other: Sink) -> bool:
        if not isinstance(other, FeedPart) or other._settings != self._settings:
            return False
        self.lock = other.lock  # the replaced panel still answers requests for its state
        with self.lock:
            self.state = other.state
            self.state.redraw()
        return True

    def patch(self, moment: datetime) -> Mapping[str, Any] | None:
        with self.lock:
            return self.state.patch() if self.state.dirty else None

    def everything(self, moment: datetime) -> Mapping[str, Any] | None:
        with self.lock:
            return self.state.everything()

    def command(self, content: Mapping[str, Any]) -> None:
        kind = content.get("kind")
        with self.lock:
            if kind == "pause":
                self.state.pause()
            elif kind == "resume":
                self.state.resume()
            elif kind == "filter":
                sources, text = content.get("sources"), content.get("text")
                self.state.filter(
                    [s for s in sources if isinstance(s, str)] if isinstance(sources, list) else None,
                    text[:200] if isinstance(text, str) else None,
                )

    def summary(self) -> str:
        with self.lock:
            return f"{self.state.counters['total']:,} events"

    def html(self, moment: datetime) -> str:
        with self.lock:
            return fallback.feed(self.state.newest(), self.state.counters)


class TrendPart(Part):
    """Panel with the topics of the newest bin: read from a feed of trends, or computed from messages.

    Parameters
    ----------
    settings : Settings
        Settings of the trends.

    Raises
    ------
    TypeError, ValueError
        If a setting is unknown or invalid.
    """

    name = "trends"

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        # created here and not in the thread, so that a wrong setting is reported in the cell and the
        # import does not delay a feed that is already shown
        from rtanalytics.topics import TrendBin, Trender

        self._bin = TrendBin
        self._settings = settings
        self._trender = Trender(settings)
        self._waiting: list[Item] = []
        self._events: dict[str, Event] = {}
        self._ids: deque[str] = deque()
        self.state = TrendState()
        self._dirty = False

    def take(self, item: Any) -> None:
        if isinstance(item, self._bin):
            self._apply([item])
        elif isinstance(item, Reset):
            self._waiting.clear()
            self._trender.push([item])
            with self.lock:
                self._events.clear()
                self._ids.clear()
                self.state.clear()
                self._dirty = True
        elif isinstance(item, Delivery | Watermark):
            if isinstance(item, Delivery):
                self.remember(item.event)
            self._waiting.append(item)
            # only watermarks close bins
            if isinstance(item, Watermark) or len(self._waiting) >= _BATCH:
                waiting, self._waiting = self._waiting, []
                self._apply(self._trender.push(waiting, empty=True))

    def _apply(self, bins: list[Any]) -> None:
        if bins:
            with self.lock:
                self.state.apply(bins, self._events.get)
                self._dirty = True

    def remember(self, event: Event) -> None:
        """Keep an event for quotes, or drop one that was deleted."""
        if event.op == "delete":
            if self._events.pop(event.id, None) is not None:
                with self.lock:
                    self._dirty |= self.state.retract(event.id)
            return
        if event.id not in self._events:
            self._ids.append(event.id)
        self._events[event.id] = event
        if len(self._ids) > _QUOTABLE:
            self._events.pop(self._ids.popleft(), None)

    def inherit(self, other: Sink) -> bool:
        if not isinstance(other, TrendPart) or other._settings != self._settings:
            return False
        self.lock = other.lock
        with self.lock:
            self.state = other.state
            self._trender, self._waiting = other._trender, other._waiting
            self._events, self._ids = other._events, other._ids
            self._dirty = True
        return True

    def patch(self, moment: datetime) -> Mapping[str, Any] | None:
        with self.lock:
            dirty, self._dirty = self._dirty, False
            return self.state.everything() if dirty else None

    def everything(self, moment: datetime) -> Mapping[str, Any] | None:
        with self.lock:
            return self.state.everything()

    def summary(self) -> str:
        with self.lock:
            labels = [topic["label"] for topic in self.state.everything()["topics"]]
        return f"{len(labels)} topics" + (f" (first: {safe(labels[0])})" if labels else "")

    def html(self, moment: datetime) -> str:
        with self.lock:
            return fallback.trends(self.state.everything())


class QuotePart(Part):
    """Invisible panel that passes the messages of a feed to a trend panel, for quotes."""

    def __init__(self, trends: TrendPart) -> None:
        super().__init__()
        self._trends = trends

    def take(self, item: Any) -> None:
        if isinstance(item, Delivery):
            self._trends.remember(item.event)


class TalkPart(Part):
    """Panel with the current and the next talks."""

    name = "talks"

    def __init__(self, schedule: Schedule, next_talks: int = 4) -> None:
        super().__init__()
        self.state = TalkState(schedule, next_talks)
        self._sent: TalkPatch | None = None
        self._at = 0.0

    def inherit(self, other: Sink) -> bool:
        return True  # it has no state besides the schedule

    def patch(self, moment: datetime) -> Mapping[str, Any] | None:
        if self._sent is not None and time.monotonic() - self._at < 1:
            return None
        self._at = time.monotonic()
        patch = self.state.at(moment)
        if self._sent is not None and {**patch, "moment": ""} == {**self._sent, "moment": ""}:
            return None
        self._sent = patch
        return patch

    def everything(self, moment: datetime) -> Mapping[str, Any] | None:
        return self.state.at(moment)

    def summary(self) -> str:
        return f"{len(self.state.schedule)} talks"

    def html(self, moment: datetime) -> str:
        return fallback.talks(self.state.at(moment))
