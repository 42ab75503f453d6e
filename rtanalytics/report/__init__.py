"""A recording and its trends as one self-contained page for people who were not there.

:func:`gather` counts and chooses, :func:`build_report` writes it down as HTML and
:func:`build_markdown` as Markdown; :func:`write_report` puts a text where it belongs, whole or not
at all.
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
    """The report as one HTML page that needs nothing but itself.

    Parameters
    ----------
    events : iterable of Event
        All of the recording; a :class:`~rtanalytics.feed.Recording` is one. Held in memory.
    bins : iterable of TrendBin
        The trends of these events.
    title : str
        What the conference is called.
    schedule : Schedule, optional
        Its talks. Without any, reference topics that have a speaker stand in for them.
    timezone : str
        IANA name of the venue's zone, which all times are shown in.
    truth : sequence of ReferenceTopic, optional
        Topics that are known, to say which of them the trends found.
    settings : Settings, optional
        How the trends were told, so that the report can say it.
    topics, people, quotes : int
        How many topics and people the report tells of, and quotes a topic has, at most.

    Returns
    -------
    str
        HTML, the same for the same input. All text is escaped; links lead to http and https
        addresses only, and nothing is fetched or run.

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
    """The report as Markdown, without charts; the same parameters as :func:`build_report`."""
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
    """Write a text to a file: in a new file beside it, which then takes its place.

    Parameters
    ----------
    path : str or Path
        A file that there is stays as it is until the new one is complete.
    text : str
        What :func:`build_report` or :func:`build_markdown` gave.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    OSError
        If it cannot be written; nothing is left behind.
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; name a file in it")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path.parent} is no folder; make it before a report goes there")
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
