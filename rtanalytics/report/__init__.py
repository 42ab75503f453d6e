"""Reports: one self-contained page about a recording and its trends.

:func:`gather` collects the content, :func:`build_report` renders it as HTML and :func:`build_markdown`
as Markdown; :func:`write_report` writes the file, completely or not at all.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Sequence
from pathlib import Path

from rtanalytics.event import Event
from rtanalytics.report.facts import Recap
from rtanalytics.report.page import page
from rtanalytics.report.recap import gather
from rtanalytics.report.text import markdown
from rtanalytics.schedule import ReferenceTopic, Schedule
from rtanalytics.topics import Settings, TrendBin

__all__ = ["Recap", "build_markdown", "build_report", "gather", "write_report"]


def build_report(
    events: Iterable[Event],
    bins: Iterable[TrendBin],
    *,
    title: str,
    schedule: Schedule | None = None,
    timezone: str = "UTC",
    truth: Sequence[ReferenceTopic] | None = None,
    settings: Settings | None = None,
    topics: int = 25,
    people: int = 15,
    quotes: int = 3,
) -> str:
    """Render the report as one self-contained HTML page.

    Parameters
    ----------
    events : iterable of Event
        All events of the recording, such as a :class:`~rtanalytics.archive.Recording`. They are held in
        memory.
    bins : iterable of TrendBin
        The trends of these events.
    title : str
        Name of the conference.
    schedule : Schedule, optional
        The talks. Without any, reference topics that have a speaker take their place.
    timezone : str
        IANA name of the venue's time zone, in which all times are shown.
    truth : sequence of ReferenceTopic, optional
        Ground truth; the report lists which of these topics were detected.
    settings : Settings, optional
        Settings with which the trends were detected; the report states them.
    topics, people, quotes : int
        Maximum number of topics and of people in the report, and of quotes per topic.

    Returns
    -------
    str
        The page; equal for equal input. All text is escaped, links lead to http and https addresses
        only, and the page loads and runs nothing.

    Raises
    ------
    ValueError
        If there are no events, or the time zone is unknown.
    """
    return page(
        gather(
            events,
            bins,
            title=title,
            schedule=schedule,
            timezone=timezone,
            truth=truth,
            settings=settings,
            topics=topics,
            people=people,
            quotes=quotes,
        )
    )


def build_markdown(
    events: Iterable[Event],
    bins: Iterable[TrendBin],
    *,
    title: str,
    schedule: Schedule | None = None,
    timezone: str = "UTC",
    truth: Sequence[ReferenceTopic] | None = None,
    settings: Settings | None = None,
    topics: int = 25,
    people: int = 15,
    quotes: int = 3,
) -> str:
    """Render the report as Markdown, without charts; the parameters are those of :func:`build_report`."""
    return markdown(
        gather(
            events,
            bins,
            title=title,
            schedule=schedule,
            timezone=timezone,
            truth=truth,
            settings=settings,
            topics=topics,
            people=people,
            quotes=quotes,
        )
    )


def write_report(path: str | Path, text: str) -> Path:
    """Write a report to a file, atomically.

    Parameters
    ----------
    path : str or Path
        File to write; an existing file is replaced when the new one is complete.
    text : str
        Result of :func:`build_report` or :func:`build_markdown`.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    OSError
        If the file cannot be written; no temporary file is left.
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder (give the name of a file in it)")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"folder {path.parent} does not exist (create it first)")
    part = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with part.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path
