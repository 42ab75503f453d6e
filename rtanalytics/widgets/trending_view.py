"""What people talk about more than before."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Unpack

from rtanalytics.event import Event
from rtanalytics.feed import Feed
from rtanalytics.schedule import Schedule
from rtanalytics.settings import Settings, TrendOptions
from rtanalytics.widgets.base import View, Wire
from rtanalytics.widgets.panels import TrendPart
from rtanalytics.widgets.reader import as_source

__all__ = ["WARM", "TrendingView"]

WARM = 5_000
"""Earlier events that trends are warmed with where a view works them out itself."""


class TrendingView(View):
    """The topics of the newest bin, by rank.

    Parameters
    ----------
    feed : Feed or iterable
        A feed of messages, whose trends are then worked out in the view's thread, or one of
        :class:`~rtanalytics.topics.TrendBin`, as a trender publishes them: told by what it
        delivers.
    schedule : Schedule, optional
        Says which talks were on.
    recent : int
        Earlier messages to warm up with, where trends are worked out here.
    title, height, timezone
        See :class:`~rtanalytics.widgets.base.View`.
    key : str
        Names the feed if it is a plain iterable; two of one key replace one another.
    settings : Settings, optional
        Settings of the trends that are worked out here.
    **options
        Single settings, which replace those of ``settings``.

    Raises
    ------
    TypeError
        If ``feed`` cannot be iterated over, or a setting is unknown.
    ValueError
        If a setting cannot be.
    """

    def __init__(
        self,
        feed: Feed | Iterable[Event] | Iterable[Any],
        schedule: Schedule | None = None,
        *,
        recent: int = WARM,
        title: str = "",
        height: int = 560,
        timezone: str | None = None,
        key: str = "trends",
        settings: Settings | None = None,
        **options: Unpack[TrendOptions],
    ) -> None:
        base = Settings.of(settings, options)
        part = TrendPart(base if schedule is None else base.replace(schedule=schedule))
        wire = Wire(as_source(feed, key), (part,), recent)
        super().__init__(
            [wire], draws=["trends"], title=title, height=height, timezone=timezone, schedule=schedule
        )
