"""View of the newest messages of a feed."""

from __future__ import annotations

from collections.abc import Iterable

from rtanalytics.event import Event
from rtanalytics.feed import Feed
from rtanalytics.widgets.base import View, Wire, checked_mute
from rtanalytics.widgets.panels import FeedPart
from rtanalytics.widgets.reader import as_source

__all__ = ["FeedView"]


class FeedView(View):
    """The newest messages, with counters, filters and a status line.

    Parameters
    ----------
    feed : Feed or iterable of Event
        ``rta.play(recording, speed=60)``, ``stream.follow()``, or events. The view closes it.
    cap : int
        Maximum number of messages shown; the counters count all.
    mute : iterable of str
        Handles whose messages are not shown.
    recent : int, optional
        Number of earlier messages to load; by default ``cap``. 0 loads none.
    title, height, timezone
        See :class:`~rtanalytics.widgets.base.View`.
    key : str
        Key of the feed if it is a plain iterable; a view replaces older views with the same key.

    Raises
    ------
    TypeError
        If ``feed`` cannot be iterated over.
    ValueError
        If ``cap`` is below 1 or the time zone unknown.
    """

    def __init__(
        self,
        feed: Feed | Iterable[Event],
        cap: int = 200,
        *,
        mute: Iterable[str] = (),
        recent: int | None = None,
        title: str = "",
        height: int = 560,
        timezone: str | None = None,
        key: str = "events",
    ) -> None:
        part = FeedPart(cap, checked_mute(mute))
        wire = Wire(as_source(feed, key), (part,), cap if recent is None else recent)
        super().__init__([wire], draws=["feed"], title=title, height=height, timezone=timezone)
        self._feed_part = part

    @property
    def state(self) -> FeedPart:
        """The panel with the state of the list."""
        return self._feed_part
