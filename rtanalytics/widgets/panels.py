"""The parts that views are made of: each folds what a reader delivers and tells what changed.

A part is fed from the reader's thread, asked by the pacer's and commanded from the kernel's, so
it holds a lock around its state. It knows nothing of widgets.
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
from rtanalytics.widgets import fallback
from rtanalytics.widgets.reader import Sink

if TYPE_CHECKING:
    from rtanalytics.live import TalkPatch

__all__ = ["FeedPart", "Part", "QuotePart", "TalkPart", "TrendPart"]

_BATCH = 500
_QUOTABLE = 20_000


class Part:
    """A part that shows nothing; the others override what they need.

    Attributes
    ----------
    name : str
        Under which its patches travel, and the front end draws them.
    """

    name = ""

    def __init__(self) -> None:
        self.lock = threading.RLock()

    def begin(self, items: list[Any]) -> None:
        """What the feed had before, oldest first."""
        for item in items:
            self.take(item)

    def take(self, item: Any) -> None:
        """One item of the feed."""

    def inherit(self, other: Sink) -> bool:
        """Go on from what ``other`` has folded; False if that is something else."""
        return False

    def patch(self, moment: datetime) -> Mapping[str, Any] | None:
        """What has changed, or None."""
        return None

    def everything(self, moment: datetime) -> Mapping[str, Any] | None:
        """All of it, for somebody who has nothing."""
        return None

    def command(self, content: Mapping[str, Any]) -> None:
        """What a person chose; anything unknown or of the wrong type is passed over."""

    def html(self, moment: datetime) -> str:
        """Static HTML of what is shown, everything from outside escaped."""
        return ""


class FeedPart(Part):
    """The newest messages."""

    name = "feed"

    def __init__(self, cap: int, mute: Collection[str]) -> None:
        super().__init__()
        self.state = FeedState(cap, mute)
        self._settings = (cap, frozenset(mute))

    def begin(self, items: list[Any]) -> None:
        # a reader may ask for more than is shown, to warm trends with; that is not "skipped"
        with self.lock:
            self.state.take(items[-self.state.cap :])

    def take(self, item: Any) -> None:
        if isinstance(item, Delivery | Reset):
            with self.lock:
                self.state.take((item,))

    def inherit(self, other: Sink) -> bool:
        if not isinstance(other, FeedPart) or other._settings != self._settings:
            return False
        self.lock = other.lock  # the one that is replaced still answers for what it showed
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

    def html(self, moment: datetime) -> str:
        with self.lock:
            return fallback.feed(self.state.newest(), self.state.counters)


class TrendPart(Part):
    """The topics of the newest bin: told by the feed, or worked out here from its messages.

    Parameters
    ----------
    settings : Settings
        Settings of the trends.

    Raises
    ------
    TypeError, ValueError
        If the trender does not know or does not take a setting.
    """

    name = "trends"

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        # imported and made here, not in the thread: a wrong setting is then reported in the cell,
        # and the import does not stall a feed that is already shown
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
            self._tell([item])
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
            # bins close at watermarks only, so that is when there is something to hear
            if isinstance(item, Watermark) or len(self._waiting) >= _BATCH:
                waiting, self._waiting = self._waiting, []
                self._tell(self._trender.push(waiting))

    def _tell(self, bins: list[Any]) -> None:
        if bins:
            with self.lock:
                self.state.apply(bins, self._events.get)
                self._dirty = True

    def remember(self, event: Event) -> None:
        """Keep an event to quote it, or forget one that was deleted."""
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

    def html(self, moment: datetime) -> str:
        with self.lock:
            return fallback.trends(self.state.everything())


class QuotePart(Part):
    """Shows nothing; lets a part whose trends come from elsewhere quote this feed's messages."""

    def __init__(self, trends: TrendPart) -> None:
        super().__init__()
        self._trends = trends

    def take(self, item: Any) -> None:
        if isinstance(item, Delivery):
            self._trends.remember(item.event)


class TalkPart(Part):
    """What is on now and next."""

    name = "talks"

    def __init__(self, schedule: Schedule, next_talks: int = 4) -> None:
        super().__init__()
        self.state = TalkState(schedule, next_talks)
        self._told: TalkPatch | None = None
        self._at = 0.0

    def inherit(self, other: Sink) -> bool:
        return True  # the schedule is all there is to know

    def patch(self, moment: datetime) -> Mapping[str, Any] | None:
        if self._told is not None and time.monotonic() - self._at < 1:
            return None
        self._at = time.monotonic()
        told = self.state.at(moment)
        if self._told is not None and {**told, "moment": ""} == {**self._told, "moment": ""}:
            return None
        self._told = told
        return told

    def everything(self, moment: datetime) -> Mapping[str, Any] | None:
        return self.state.at(moment)

    def html(self, moment: datetime) -> str:
        return fallback.talks(self.state.at(moment))
