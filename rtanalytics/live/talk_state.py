"""State of the list of talks: the current talks and the next talks."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict

from rtanalytics.event import is_web_url, repair
from rtanalytics.live.status import iso
from rtanalytics.schedule import Schedule, Talk

__all__ = ["TalkPatch", "TalkRow", "TalkState"]

_MOST_NOW = 12


class TalkRow(TypedDict):
    """A talk as a dictionary of plain values; times are ISO 8601, UTC.

    ``progress`` is the elapsed share of the talk, between 0 and 1.
    """

    id: str
    title: str
    speakers: list[str]
    room: str
    track: str
    kind: str
    start: str
    end: str
    url: str | None
    progress: float


class TalkPatch(TypedDict):
    """The talks at ``moment`` sorted by room, and the next talks sorted by start."""

    moment: str
    now: list[TalkRow]
    next: list[TalkRow]
    total: int


class TalkState:
    """Finds the current and the next talks of a schedule.

    Parameters
    ----------
    schedule : Schedule
        The talks.
    next_talks : int
        Maximum number of next talks.

    Examples
    --------
    >>> from datetime import UTC
    >>> nine, ten = datetime(2026, 5, 15, 9, tzinfo=UTC), datetime(2026, 5, 15, 10, tzinfo=UTC)
    >>> state = TalkState(Schedule([Talk(id="1", title="Welcome", start=nine, end=ten)]))
    >>> patch = state.at(datetime(2026, 5, 15, 9, 30, tzinfo=UTC))
    >>> [(talk["title"], talk["progress"]) for talk in patch["now"]]
    [('Welcome', 0.5)]
    """

    def __init__(self, schedule: Schedule, next_talks: int = 4) -> None:
        self.schedule = schedule
        self.next_talks = next_talks

    def at(self, moment: datetime) -> TalkPatch:
        """Return the current and the next talks at ``moment``."""
        now = sorted(self.schedule.on(moment), key=lambda t: (t.room or "", t.start))[:_MOST_NOW]
        coming = self.schedule.next(moment, self.next_talks)
        return {
            "moment": iso(moment),
            "now": [_row(talk, moment) for talk in now],
            "next": [_row(talk, moment) for talk in coming],
            "total": len(self.schedule),
        }


def _row(talk: Talk, moment: datetime) -> TalkRow:
    length = (talk.end - talk.start).total_seconds()
    elapsed = (moment - talk.start).total_seconds()
    return {
        "id": repair(talk.id),
        "title": repair(talk.title),
        "speakers": [repair(name) for name in talk.speakers],
        "room": repair(talk.room or ""),
        "track": repair(talk.track or ""),
        "kind": repair(talk.kind),
        "start": iso(talk.start),
        "end": iso(talk.end),
        "url": repair(talk.url) if talk.url and is_web_url(talk.url) else None,
        "progress": round(min(1.0, max(0.0, elapsed / length)), 3) if length else 0.0,
    }
