"""The command that leaves something behind: a report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer

from rtanalytics.cli.compare import known_topics
from rtanalytics.cli.recordings import trend_settings
from rtanalytics.cli.schedules import read_talks
from rtanalytics.cli.terminal import Failed, counted, progress, safe

__all__ = ["register", "report_on"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(report)


def report(
    archive: Annotated[Path, typer.Argument(metavar="ARCHIVE")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Ends in .html, or in .md for Markdown.")],
    truth: Annotated[
        Path | None,
        typer.Option(metavar="FILE.csv", help="Known topics; the archive's _truth.csv otherwise."),
    ] = None,
    schedule: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Talks; the archive's _schedule.json otherwise.")
    ] = None,
    width: Annotated[
        str | None,
        typer.Option(
            "--bin", metavar="DURATION", help="Such as 5min, 1h; 30min or the conference's unless given."
        ),
    ] = None,
    top: Annotated[
        int | None, typer.Option(min=1, help="Topics a bin at most; 10 or the conference's unless given.")
    ] = None,
    conference: Annotated[
        Path | None,
        typer.Option(metavar="CONFERENCE.TOML", help="Take its [trending], tags, accounts and mutes."),
    ] = None,
    algorithm: Annotated[str | None, typer.Option(help="A name from the registry.")] = None,
    title: Annotated[str | None, typer.Option(help="What the conference is called.")] = None,
    timezone: Annotated[
        str | None, typer.Option(metavar="ZONE", help="Of the venue, such as Europe/Berlin.")
    ] = None,
) -> None:
    """Tell what happened to those who were not there: one file that needs nothing else."""
    if out.suffix.lower() not in (".html", ".htm", ".md"):
        raise typer.BadParameter(f"{safe(out.name)!r} ends neither in .html nor in .md", param_hint="--out")
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
        Bytes of the file, and topics that it tells of.

    Raises
    ------
    Failed
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
        raise Failed(f"timezone {name!r} is unknown; give an IANA name such as Europe/Berlin") from None
    if width is None and conference is None:
        width = "30min"
    settings = trend_settings(recording, algorithm, width, top, conference)
    try:
        known = recording.truth if truth is None else known_topics(truth)
        talks = recording.schedule if schedule is None else read_talks(schedule, zone)
        settings = settings.replace(schedule=[talk for talk in talks if talk.kind != "break"])
        with progress(f"reading {safe(recording.name)}", len(recording)) as tick:
            events = []
            for number, event in enumerate(recording):
                events.append(event)
                if number % 500 == 0:
                    tick(number)
        told = gather(
            events,
            trends(events, settings),
            title=title or recording.meta.title or recording.name,
            schedule=talks,
            timezone=name,
            truth=known,
            settings=settings,
        )
    except ValueError as error:
        raise Failed(str(error)) from None
    text = markdown(told) if out.suffix.lower() == ".md" else page(told)
    write_report(out, text)
    return len(text.encode()), len(told.topics)
