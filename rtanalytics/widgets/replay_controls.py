"""Controls of a replay: play, pause, speed and jumps."""

from __future__ import annotations

from rtanalytics.feed import Feed
from rtanalytics.widgets.base import View, Wire

__all__ = ["ReplayControls"]


class ReplayControls(View):
    """Bar that controls a replay and all views of it.

    Parameters
    ----------
    feed : Replay
        A feed with ``pause()``, ``resume()``, ``seek(moment)`` and ``speed``; pass the same object to the
        views.
    title, timezone
        See :class:`~rtanalytics.widgets.base.View`.

    Raises
    ------
    TypeError
        If the feed is not a replay.
    """

    def __init__(self, feed: Feed, *, title: str = "", timezone: str | None = None) -> None:
        if not all(hasattr(feed, name) for name in ("pause", "resume", "seek", "speed")):
            raise TypeError(f"{type(feed).__name__} is not a replay (pass the feed of rta.play)")
        super().__init__([Wire(feed, ())], draws=[], title=title, height=0, timezone=timezone)
