"""The command ``report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer

from rtanalytics.cli.compare import read_topics
from rtanalytics.cli.recordings import trend_settings
from rtanalytics.cli.terminal import counted, progress, safe
from rtanalytics.session import SessionError, read_talks

__all__ = ["report", "report_on"]


def report(
    archive: Annotated[Path, typer.Argument(metavar="ARCHIVE", help="Folder of the recording.")],
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
    top: Annotated[
        int | None,
        typer.Option(min=1, help="Maximum number of trends per bin.  [default: 10, or the conference's]"),
    ] = None,
    conference: Annotated[
        Path | None,
        typer.Option(
            metavar="CONFERENCE.TOML", help="Use its [trending], hashtags, accounts, ignore and mute."
        ),
    ] = None,
    algorithm: Annotated[
        str | None, typer.Option(metavar="NAME", help="Algorithm, such as poisson or ewma.")
    ] = None,
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
    if out.suffix.lower() not in (".html", ".htm", ".md"):
        raise typer.BadParameter(f"{safe(out.name)!r} must end in .html or .md", param_hint="--out")
    size, topics = report_on(
        archive,
        out,
        truth=truth,
        schedule=schedule,
        width=width,
        top=top,
        conference=conference,
        algorithm=algorithm,
        title=title,
        timezone=timezone,
    )
    typer.echo(f"{counted(topics, 'topic')}, {size / 1000:,.0f} kB in {safe(str(out))}")


def report_on(
    archive: Path,
    out: Path,
    *,
    truth: Path | None = None,
    schedule: Path | None = None,
    width: str | None = None,
    top: int | None = None,
    conference: Path | None = None,
    algorithm: str | None = None,
    title: str | None = None,
    timezone: str | None = None,
) -> tuple[int, int]:
    """Write the report of an archive.

    Returns
    -------
    (int, int)
        Size of the file in bytes, and number of topics in it.

    Raises
    ------
    SessionError
        If there is nothing to report on, or a file or the time zone is not what it should be.
    """
    from rtanalytics.archive import Recording
    from rtanalytics.report import gather, write_report
    from rtanalytics.report.page import page
    from rtanalytics.report.text import markdown
    from rtanalytics.topics import trends

    recording = Recording(archive)
    name = timezone or recording.meta.timezone
    try:
        zone = ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise SessionError(f"unknown timezone {name!r}; give an IANA name such as Europe/Berlin") from None
    if width is None and conference is None:
        width = "30min"
    settings = trend_settings(recording, algorithm, width, top, conference)
    try:
        topics = recording.truth if truth is None else read_topics(truth)
        talks = recording.schedule if schedule is None else read_talks(schedule, zone)
        settings = settings.replace(schedule=[talk for talk in talks if talk.kind != "break"])
        with progress(f"reading {safe(recording.name)}", len(recording)) as tick:
            events = []
            for number, event in enumerate(recording):
                events.append(event)
                if number % 500 == 0:
                    tick(number)
        facts = gather(
            events,
            trends(events, settings),
            title=title or recording.meta.title or recording.name,
            schedule=talks,
            timezone=name,
            truth=topics,
            settings=settings,
        )
    except ValueError as error:
        raise SessionError(str(error)) from None
    text = markdown(facts) if out.suffix.lower() == ".md" else page(facts)
    write_report(out, text)
    return len(text.encode()), len(facts.topics)
