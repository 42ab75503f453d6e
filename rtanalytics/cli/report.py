"""The command ``report``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from rtanalytics.cli.compare import read_topics
from rtanalytics.cli.options import Algorithm, Archive, ConferenceOption, Top
from rtanalytics.cli.recordings import trend_settings
from rtanalytics.cli.terminal import progress, safe
from rtanalytics.clock import zone_of
from rtanalytics.conference import read_conference
from rtanalytics.session import SessionError, open_conference, read_talks
from rtanalytics.wording import counted

__all__ = ["report"]


def report(
    archive: Archive,
    out: Annotated[Path, typer.Option(metavar="FILE", help="File to write; .html, or .md for Markdown.")],
    truth: Annotated[
        Path | None,
        typer.Option(metavar="FILE.csv", help="Ground truth.  [default: _truth.csv of the archive]"),
    ] = None,
    schedule: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Schedule.  [default: _schedule.json of the archive]")
    ] = None,
    width: Annotated[
        str | None,
        typer.Option(
            "--bin",
            metavar="DURATION",
            help="Width of a bin, such as 5min or 1h.  [default: 30min, or the conference's]",
        ),
    ] = None,
    top: Top = None,
    conference: ConferenceOption = None,
    algorithm: Algorithm = None,
    title: Annotated[
        str | None, typer.Option(help="Title of the report.  [default: the recording's]")
    ] = None,
    timezone: Annotated[
        str | None, typer.Option(metavar="ZONE", help="Time zone of the venue.  [default: the recording's]")
    ] = None,
) -> None:
    """Write a report of a recording as one HTML or Markdown file.

    It is for people who were not there, and needs no other file and no network.
    """
    from rtanalytics.session.reporting import RENDERERS, report_on

    if out.suffix.lower() not in RENDERERS:
        raise typer.BadParameter(f"{safe(out.name)!r} must end in .html or .md", param_hint="--out")
    opened = open_conference(archive)
    if width is None and conference is None and not opened.live:
        width = "30min"
    settings = trend_settings(opened, algorithm, width, top, conference)
    if conference is not None:
        described = read_conference(conference)
        title = title or described.title
        if timezone is None and described.timezone != "UTC":  # the default, if the file names none
            timezone = described.timezone
        if schedule is None and described.schedule is not None:
            schedule = described.path(described.schedule)
    try:
        topics = None if truth is None else read_topics(truth)
        talks = None
        if schedule is not None:
            talks = read_talks(schedule, zone_of(timezone or opened.timezone))
            settings = settings.replace(schedule=[talk for talk in talks if talk.kind != "break"])
        with progress(f"reading {safe(opened.name)}", len(opened.recording)) as tick:
            recap = report_on(
                opened, out, settings, title=title, timezone=timezone, truth=topics, schedule=talks, tick=tick
            )
    except ValueError as error:
        raise SessionError(str(error)) from None
    if title is None and opened.title == opened.recording.name:
        note = f"the title is the name of the folder, {safe(repr(opened.title))}; --title TEXT gives another"
        print(note, file=sys.stderr)
    size = out.stat().st_size / 1000
    typer.echo(f"{counted(len(recap.topics), 'topic')}, {size:,.0f} kB in {safe(str(out))}")
