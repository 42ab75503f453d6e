"""The commands ``replay`` and ``trending``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from datetime import UTC, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from rtanalytics.cli.options import Algorithm, Archive, ConferenceOption, Top
from rtanalytics.cli.terminal import (
    console,
    counted,
    event_line,
    moment,
    print_bin,
    progress,
    safe,
    warn_of_narrow_bins,
)
from rtanalytics.session import OpenedConference, open_conference

if TYPE_CHECKING:
    from rtanalytics.archive import Recording
    from rtanalytics.event import Event
    from rtanalytics.settings import Settings
    from rtanalytics.topics import TrendBin

__all__ = ["replay", "trend_settings", "trending"]


def replay(
    archive: Archive,
    speed: Annotated[
        str,
        typer.Option(metavar="NUMBER|max", help="Recorded seconds per second; max does not wait."),
    ] = "1",
    start: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="TIME",
            help="Begin at this time, such as 2026-05-15T09:00; UTC without an offset.",
        ),
    ] = None,
    end: Annotated[str | None, typer.Option("--to", metavar="TIME", help="End before this time.")] = None,
    shift: Annotated[
        str,
        typer.Option(
            metavar="days|keep", help="days: move all times by whole days, so that it begins today."
        ),
    ] = "keep",
    into: Annotated[
        str | None,
        typer.Option(metavar="CONFERENCE.TOML|URL", help="Replay into a new stream on this server."),
    ] = None,
    record: Annotated[
        Path | None, typer.Option(metavar="ARCHIVE", help="Record the new stream into this archive.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print packets, or the counts of the new stream, as JSON.")
    ] = False,
) -> None:
    """Replay a recording in the terminal or into a stream."""
    from rtanalytics.replay import days_until_today
    from rtanalytics.replay import replay as play

    if shift not in ("days", "keep"):
        raise typer.BadParameter(f"invalid value {shift!r}; write days or keep", param_hint="--shift")
    recording = open_conference(archive).recording
    begin, until = (None if text is None else moment(text) for text in (start, end))
    offset = days_until_today(recording.start) if shift == "days" and recording.start else timedelta(0)
    try:
        player = play(recording, speed, start=begin, end=until, shift=offset)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    if into is None and record is None:
        if not as_json:
            _announce(recording, player)
        _print(player, as_json)
        return
    from rtanalytics.session.runs import play_run

    with progress(f"replaying {safe(recording.name)}", len(recording)) as tick:
        run = play_run(player, recording.name, into, record, tick)
    if as_json:
        typer.echo(msgspec.json.encode(run).decode())
    else:
        rate = run.events / run.seconds if run.seconds else 0.0
        recorded = f", recorded {run.recorded:,} in {safe(str(record))}" if record else ""
        typer.echo(
            f"{run.events:,} events in {run.seconds:.1f} s ({rate:,.0f}/s) into {run.stream}{recorded}"
        )


def trending(
    archive: Archive,
    algorithm: Algorithm = None,
    width: Annotated[
        str | None,
        typer.Option(
            "--bin",
            metavar="DURATION",
            help="Width of a bin, such as 5min or 1h.  [default: 15min, or the conference's]",
        ),
    ] = None,
    top: Top = None,
    conference: ConferenceOption = None,
    at: Annotated[str | None, typer.Option(metavar="TIME", help="List only the bin of this time.")] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Explain each trend.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object per trend and line.")
    ] = False,
) -> None:
    """List the trends of a recording, bin by bin."""
    from rtanalytics.topics import trends

    if explain and as_json:
        raise typer.BadParameter(
            "cannot be combined with --json, whose output has the same numbers", param_hint="--explain"
        )
    only = None if at is None else moment(at)
    opened = open_conference(archive)
    recording = opened.recording
    settings = trend_settings(opened, algorithm, width, top, conference)
    out = console()
    with progress("counting", len(recording)) as tick:
        bins: list[TrendBin] = []
        kept: dict[str, Event] | None = {} if explain else None
        for bin in trends(_counted(recording, tick, kept), settings):
            bins.append(bin)
            if only is not None and bin.start > only:
                break
            if only is not None and bin.end <= only:
                continue
            if kept is not None:
                _explain(bin, bins, kept, out)
            elif as_json:
                for trend in bin.trends:
                    sys.stdout.write(msgspec.json.encode(trend).decode() + "\n")
            elif bin.trends:
                print_bin(bin, out)


def trend_settings(
    opened: OpenedConference,
    algorithm: str | None,
    width: str | None,
    top: int | None,
    conference: Path | None = None,
) -> Settings:
    """Return the settings of a recording, changed by options of the command line."""
    from rtanalytics.conference import read_conference
    from rtanalytics.session import recording_settings
    from rtanalytics.settings import SettingsError, SettingsOptions
    from rtanalytics.trending import get

    settings = opened.settings
    if conference is not None:
        settings = recording_settings(opened.recording, read_conference(conference))
    options: SettingsOptions = {}
    if top is not None:
        options["top"] = top
    if width is not None:
        options["bin"] = width
    try:
        if algorithm is not None:
            options["algorithm"] = get(algorithm).name
        settings = settings.replace(**options)
    except SettingsError as error:
        raise typer.BadParameter(str(error), param_hint=f"--{error.key}") from None
    warn_of_narrow_bins(settings.bin)
    return settings


def _counted(
    recording: Recording, tick: Callable[[int], None], kept: dict[str, Event] | None = None
) -> Iterator[Event]:
    """Yield the events, report progress, and keep the events by id if they will be quoted."""
    for number, event in enumerate(recording):
        if number % 500 == 0:
            tick(number)
        if kept is not None:
            kept[event.id] = event
        yield event


def _explain(bin: TrendBin, bins: list[TrendBin], kept: dict[str, Event], out: Any) -> None:
    """Print a paragraph per trend, with times in UTC as in the lists; drop events before the next bin."""
    from rich.text import Text

    from rtanalytics.explanation import explain_rank

    for trend in bin.trends:
        first, *rest = explain_rank(bin, trend.rank, kept.values(), earlier=bins).lines
        out.print(Text(safe(first), style="bold"))
        for line in rest:
            out.print(Text(f"  {safe(line)}"))
        out.print()
    for old in [i for i, event in kept.items() if event.posted_at < bin.end]:
        del kept[old]


def _announce(recording: Recording, player: Any) -> None:
    """Print what will be replayed and how long it takes."""
    import numpy as np

    received = recording.table(["received_at"]).column(0).to_numpy().astype("datetime64[us]")
    chosen = received
    if player.start is not None:
        chosen = chosen[chosen >= np.datetime64(player.start.astimezone(UTC).replace(tzinfo=None))]
    if player.end is not None:
        chosen = chosen[chosen < np.datetime64(player.end.astimezone(UTC).replace(tzinfo=None))]
    out = console(stderr=True)
    if not len(chosen):
        out.print(
            f"{safe(recording.name)}: no events in this period; it is {recording.start} to {recording.end}"
        )
        return
    first, last = chosen.min(), chosen.max()
    span = f"{first.item():%Y-%m-%d %H:%M} – {last.item():%Y-%m-%d %H:%M} UTC"
    head = f"{safe(recording.name)}: {counted(len(chosen), 'event')}, {span}"
    if player.speed == float("inf"):
        out.print(f"{head}, at full speed", style="dim")
        return
    takes = timedelta(seconds=round((last - first) / np.timedelta64(1, "s") / player.speed))
    out.print(
        f"{head}, at ×{player.speed:g}: it takes {_lasting(takes)}. "
        "Begin later with --from TIME, do not wait with --speed max; Ctrl-C ends it",
        style="dim",
    )


def _lasting(span: timedelta) -> str:
    minutes, seconds = divmod(round(span.total_seconds()), 60)
    if minutes < 1:
        return f"{seconds} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def _print(player: Any, as_json: bool) -> None:
    from rtanalytics.event import encode
    from rtanalytics.feed import Delivery

    out = console()
    try:
        for item in player:
            if not isinstance(item, Delivery):
                continue
            if as_json:
                sys.stdout.buffer.write(encode(item.event) + b"\n")
            else:
                out.print(event_line(item.event))
    except KeyboardInterrupt:
        player.close()
