"""Status line of a view, and the time that a view shows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TypedDict

from rtanalytics.event import repair
from rtanalytics.feed import FOREVER, Status
from rtanalytics.schedule import Schedule

__all__ = ["StatusLine", "iso", "status_line", "view_time"]


class StatusLine(TypedDict):
    """The status of a view as a dictionary.

    ``state`` is the state of the feed, ``failed`` or ``stopped``. ``label`` is a text for the state,
    ``detail`` a longer text, and ``at`` the current time of a replay.
    """

    state: str
    label: str
    detail: str
    at: str | None


_LABELS = {
    "live": "live",
    "replay": "replay",
    "paused": "paused",
    "reconnecting": "reconnecting",
    "ended": "ended",
    "failed": "failed",
    "stopped": "stopped",
}


def iso(moment: datetime) -> str:
    """Format a time for browsers: ISO 8601, UTC, with milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def status_line(status: Status, error: BaseException | None = None) -> StatusLine:
    """Return the status line for the status of a feed.

    Parameters
    ----------
    status : Status
        Status of the feed.
    error : BaseException, optional
        The error with which reading the feed ended.

    Examples
    --------
    >>> status_line(Status("replay", "×60"))["label"]
    'replay ×60'
    """
    at = iso(status.at) if status.at else None
    if error is not None:
        return {"state": "failed", "label": "failed", "detail": repair(str(error)) or repr(error), "at": at}
    label = _LABELS[status.state]
    detail = repair(status.detail)
    if status.state in {"replay", "paused"} and detail.startswith("×"):
        return {"state": status.state, "label": f"{label} {detail}", "detail": "", "at": at}
    return {"state": status.state, "label": label, "detail": detail, "at": at}


def view_time(
    status: Status, latest: datetime | None, now: datetime, schedule: Schedule | None = None
) -> tuple[datetime, bool]:
    """Return the time that a view shows, and whether it is the current time.

    In a replay, that is the time of the replay. In a live stream, it is the current time, unless the
    schedule is more than a day before or after it: then the stream contains a recorded conference, and
    the result is the time of its newest event.

    Parameters
    ----------
    status : Status
        Status of the feed.
    latest : datetime, optional
        Newest time of the events and watermarks of the feed.
    now : datetime
        The current time.
    schedule : Schedule, optional
        The talks.

    Returns
    -------
    tuple of datetime and bool
    """
    if status.at is not None:
        return status.at, False
    known = latest if latest is not None and latest < FOREVER else None
    if status.state in {"live", "reconnecting"}:
        if known is None or schedule is None or not len(schedule):
            return now, True
        margin = timedelta(days=1)
        on = schedule.talks[0].start - margin <= now < max(t.end for t in schedule) + margin
        return (now, True) if on else (known, False)
    return (known, False) if known is not None else (now, True)
