"""Play, pause, speed and jumps of a replay."""

from __future__ import annotations

from rtanalytics.feed import Feed
from rtanalytics.widgets.base import View, Wire

__all__ = ["ReplayControls"]


class ReplayControls(View):
    """A bar that moves a replay; the views that show it follow.

    Parameters
    ----------
    feed : Replay
        A feed with ``pause()``, ``resume()``, ``seek(moment)`` and ``speed``. It is not read
        here, so give the same object to the views.
    title, timezone
        See :class:`~rtanalytics.widgets.base.View`.

    Raises
    ------
    TypeError
        If the feed cannot be moved.
    """

    def __init__(self, feed: Feed, *, title: str = "", timezone: str | None = None) -> None:
        if not all(hasattr(feed, name) for name in ("pause", "resume", "seek", "speed")):
            raise TypeError(f"{type(feed).__name__} cannot be moved; give the feed of a replay")
        super().__init__([Wire(feed, ())], draws=[], title=title, height=0, timezone=timezone)
