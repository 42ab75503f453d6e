"""View of the current and the next talks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rtanalytics.clock import Clock, WallClock
from rtanalytics.feed import Feed, Snapshot, Status
from rtanalytics.schedule import Schedule
from rtanalytics.widgets.base import View, Wire
from rtanalytics.widgets.panels import TalkPart

__all__ = ["TalksView"]


class TalksView(View):
    """Current talks, with their progress, and the next ones.

    Parameters
    ----------
    schedule : Schedule
        The talks.
    feed : Feed, optional
        Feed that determines the time: that of a replay, or the current time for a live stream. Without a
        feed, the clock does.
    clock : Clock, optional
        Clock to use without a feed; by default the system clock.
    next_talks : int
        Number of next talks to show.
    title, height, timezone
        See :class:`~rtanalytics.widgets.base.View`.

    Raises
    ------
    ValueError
        If both a feed and a clock are given.
    """

    def __init__(
        self,
        schedule: Schedule,
        feed: Feed | None = None,
        *,
        clock: Clock | None = None,
        next_talks: int = 4,
        title: str = "",
        height: int = 420,
        timezone: str | None = None,
    ) -> None:
        if feed is not None and clock is not None:
            raise ValueError("give a feed or a clock, not both (a feed has its own time)")
        source = feed if feed is not None else _ClockFeed(clock or WallClock(), schedule)
        wire = Wire(source, (TalkPart(schedule, next_talks),), 1)
        super().__init__(
            [wire], draws=["talks"], title=title, height=height, timezone=timezone, schedule=schedule
        )


class _ClockFeed:
    """Feed that has no events and only provides the current time."""

    def __init__(self, clock: Clock, schedule: Schedule) -> None:
        self._clock = clock
        self.key = f"talks:{schedule.talks[0].id}:{len(schedule)}" if len(schedule) else "talks"

    @property
    def status(self) -> Status:
        if isinstance(self._clock, WallClock):
            return Status("live")
        return Status("live", at=self._clock.now())

    def snapshot(self, n: int = 100) -> Snapshot:
        return Snapshot([])

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __aiter__(self) -> Any:
        raise TypeError("this feed only provides the time")

    def close(self) -> None:
        """Do nothing."""
