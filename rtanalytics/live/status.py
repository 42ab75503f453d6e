"""What the status line says, and what time it is for a viewer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TypedDict

from rtanalytics.event import repair
from rtanalytics.feed import FOREVER, Status
from rtanalytics.schedule import Schedule

__all__ = ["StatusLine", "iso", "status_line", "view_time"]


class StatusLine(TypedDict):
    """A status line as data.

    ``state`` is the feed's, or ``failed`` or ``stopped``; ``label`` is what people read;
    ``detail`` says more; ``at`` is where a replay has come to.
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
    """A moment as browsers read it: ISO 8601, UTC, milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def status_line(status: Status, error: BaseException | None = None) -> StatusLine:
    """The status line of a feed.

    Parameters
    ----------
    status : Status
        What the feed says of itself.
    error : BaseException, optional
        What ended the reading of it, if something did.

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
    """What time it is for somebody who watches the feed, and whether that is the wall's time.

    A replay tells its own time. A running stream is watched at the time on the wall, unless the
    schedule's conference is not on then: that stream brings a recorded conference, and the time
    is that of its newest event.

    Parameters
    ----------
    status : Status
        What the feed is doing.
    latest : datetime, optional
        The newest time that the feed has told, if it has told any.
    now : datetime
        The time on the wall.
    schedule : Schedule, optional
        The talks.

    Returns
    -------
    tuple of datetime and bool
    """
    if status.at is not None:
        return status.at, False
    told = latest if latest is not None and latest < FOREVER else None
    if status.state in {"live", "reconnecting"}:
        if told is None or schedule is None or not len(schedule):
            return now, True
        margin = timedelta(days=1)
        on = schedule.talks[0].start - margin <= now < max(t.end for t in schedule) + margin
        return (now, True) if on else (told, False)
    return (told, False) if told is not None else (now, True)
