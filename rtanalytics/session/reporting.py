"""The report of a conference, for the command line and :func:`rtanalytics.write_report`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from rtanalytics.report import Recap, gather, render_html, render_markdown, write_report
from rtanalytics.schedule import ReferenceTopic, Schedule
from rtanalytics.session.opening import OpenedConference
from rtanalytics.settings import Settings
from rtanalytics.topics import trends

__all__ = ["RENDERERS", "report_on"]

RENDERERS: dict[str, Callable[[Recap], str]] = {
    ".html": render_html,
    ".htm": render_html,
    ".md": render_markdown,
}
"""Renderers of a report by ending of its file."""


def report_on(
    opened: OpenedConference,
    path: Path,
    settings: Settings,
    *,
    title: str | None = None,
    timezone: str | None = None,
    truth: Sequence[ReferenceTopic] | None = None,
    schedule: Schedule | None = None,
    tick: Callable[[int], None] = lambda _: None,
) -> Recap:
    """Write the report of a conference and return its content.

    Parameters
    ----------
    opened : OpenedConference
        The conference; it gives everything that is not given here.
    path : Path
        File to write; its ending determines the format.
    settings : Settings
        Settings of the trends.
    title, timezone, truth, schedule : optional
        As in :func:`rtanalytics.report.gather`.
    tick : callable
        Called with the number of events read so far, now and then.

    Raises
    ------
    ValueError
        If there are no events, the time zone is unknown, or the path has another ending.
    OSError
        If the file cannot be written.
    """
    render = RENDERERS.get(path.suffix.lower())
    if render is None:
        raise ValueError(f"report {path.name!r} must end in .html or .md")
    recording = opened.recording
    events = []
    for number, event in enumerate(recording):
        events.append(event)
        if number % 500 == 0:
            tick(number)
    recap = gather(
        events,
        trends(events, settings.replace(every=None)),  # a report lists whole bins
        title=opened.title if title is None else title,
        schedule=opened.schedule if schedule is None else schedule,
        timezone=timezone or opened.timezone,
        truth=recording.truth if truth is None else truth,
        settings=settings,
    )
    write_report(path, render(recap))
    return recap
