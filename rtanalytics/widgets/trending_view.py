"""View of the trends of the newest bin."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Unpack

from rtanalytics.event import Event
from rtanalytics.feed import Feed
from rtanalytics.schedule import Schedule
from rtanalytics.settings import Settings, TrendOptions
from rtanalytics.widgets.base import View, Wire, trend_settings
from rtanalytics.widgets.panels import TrendPart
from rtanalytics.widgets.reader import as_source

__all__ = ["WARM", "TrendingView"]

WARM = 5_000
"""Number of earlier events to load for trends that a view computes itself."""


class TrendingView(View):
    """Topics of the newest bin, by rank.

    Parameters
    ----------
    feed : Feed or iterable
        A feed of messages, whose trends are computed in the thread of the view, or a feed of
        :class:`~rtanalytics.trend.TrendBin`, such as those that a trender publishes.
    schedule : Schedule, optional
        The talks, which are shown with the trends of their time.
    recent : int
        Number of earlier messages to load if trends are computed here.
    title, height, timezone
        See :class:`~rtanalytics.widgets.base.View`.
    key : str
        Key of the feed if it is a plain iterable; a view replaces older views with the same key.
    settings : Settings, optional
        Settings of trends that are computed here.
    **options
        Single settings, which replace those of ``settings``.

    Raises
    ------
    TypeError
        If ``feed`` cannot be iterated over, or a setting is unknown.
    ValueError
        If a setting is invalid.
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
        base = trend_settings(TrendingView, settings, options)
        part = TrendPart(base if schedule is None else base.replace(schedule=schedule))
        wire = Wire(as_source(feed, key), (part,), recent)
        super().__init__(
            [wire], draws=["trends"], title=title, height=height, timezone=timezone, schedule=schedule
        )
