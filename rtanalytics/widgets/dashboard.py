"""Dashboard: messages on the left, trends on the right, talks above."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Unpack

from rtanalytics.event import Event
from rtanalytics.feed import Feed, FeedContext
from rtanalytics.schedule import Schedule
from rtanalytics.settings import Settings, TrendOptions
from rtanalytics.widgets.base import View, Wire, checked_mute, trend_settings
from rtanalytics.widgets.panels import FeedPart, Part, QuotePart, TalkPart, TrendPart
from rtanalytics.widgets.reader import as_source
from rtanalytics.widgets.trending_view import WARM

__all__ = ["Dashboard"]


class Dashboard(View):
    """Messages, trends and talks of one feed.

    Parameters
    ----------
    feed : Feed or iterable of Event
        ``rta.play(recording, speed=60)``, ``stream.follow()``, or events. The view closes it.
    schedule : Schedule, optional
        The talks; by default those of the feed's conference. Without talks there is no panel for them.
    trends : Feed or iterable of TrendBin, optional
        Trends to show. By default those that the trender of the feed's conference publishes or, if
        there is none, trends computed from the feed.
    cap : int
        Maximum number of messages shown; the counters count all.
    mute : iterable of str
        Handles whose messages are not shown and do not count for trends.
    next_talks : int
        Number of next talks to show.
    title, height, timezone
        See :class:`~rtanalytics.widgets.base.View`.
    key : str
        Key of the feed if it is a plain iterable; a view replaces older views with the same key.
    settings : Settings, optional
        Settings of the trends; by default those of the feed's conference or recording. Its
        ``schedule`` and ``mute`` are used unless given.
    **options
        Single settings, which replace those of ``settings``.

    Raises
    ------
    TypeError
        If a feed cannot be iterated over, or a setting is unknown.
    ValueError
        If ``cap`` is below 1, or a setting is invalid.
    """

    def __init__(
        self,
        feed: Feed | Iterable[Event],
        schedule: Schedule | None = None,
        trends: Feed | Iterable[Any] | None = None,
        *,
        cap: int = 200,
        mute: Iterable[str] = (),
        next_talks: int = 3,
        title: str = "",
        height: int = 720,
        timezone: str | None = None,
        key: str = "events",
        settings: Settings | None = None,
        **options: Unpack[TrendOptions],
    ) -> None:
        context = FeedContext.of(feed)
        base = trend_settings(Dashboard, settings or context.settings, options)
        muted = [*checked_mute(mute), *base.mute]
        if schedule is None:
            schedule = base.schedule
        trend_part = TrendPart(
            base.replace(schedule=base.schedule if len(base.schedule) else schedule, mute=muted)
        )
        parts: list[Part] = [FeedPart(cap, muted)]
        draws = ["feed", "trends"]
        if schedule is not None and len(schedule):
            parts.append(TalkPart(schedule, next_talks))
            draws.append("talks")
        if trends is None and context.trends is not None:
            trends = context.trends()
        if trends is None:
            wires = [Wire(as_source(feed, key), (*parts, trend_part), max(cap, WARM))]
        else:
            wires = [
                Wire(as_source(feed, key), (*parts, QuotePart(trend_part)), max(cap, WARM)),
                Wire(as_source(trends, f"{key} trends"), (trend_part,), WARM),
            ]
        super().__init__(
            wires,
            draws=draws,
            title=title,
            height=height,
            timezone=timezone or context.timezone,
            schedule=schedule,
        )
