"""Commands on recordings: import, replay, trending."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from datetime import UTC, timedelta, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from rtanalytics.cli.importing import EPILOG, import_
from rtanalytics.cli.terminal import (
    console,
    counted,
    event_line,
    how_many,
    moment,
    progress,
    safe,
    tell_tiny_bins,
)

if TYPE_CHECKING:
    from rtanalytics.archive import Recording
    from rtanalytics.event import Event
    from rtanalytics.settings import Settings
    from rtanalytics.topics import TrendBin

__all__ = ["print_bin", "register", "trend_settings"]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("import", epilog=EPILOG)(import_)
    app.command()(replay)
    app.command()(trending)


def replay(
    archive: Annotated[Path, typer.Argument(metavar="ARCHIVE")],
    speed: Annotated[str, typer.Option(help="Recorded seconds a second, or 'max'.")] = "1",
    start: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="Begin here (ISO 8601).")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", metavar="TIME", help="End before this.")] = None,
    shift: Annotated[
        str, typer.Option(metavar="days|keep", help="days: move by whole days to today.")
    ] = "keep",
    into: Annotated[
        str | None,
        typer.Option(metavar="CONFERENCE.TOML|URL", help="Play into a stream, as a run of its own."),
    ] = None,
    record: Annotated[
        Path | None, typer.Option(metavar="ARCHIVE", help="Record the run into another archive.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Packets, or the counts of a run, as JSON.")
    ] = False,
) -> None:
    """Play a recording: in the terminal, or with --into through a running stream."""
    from rtanalytics.archive import Recording
    from rtanalytics.replay import days_until_today
    from rtanalytics.replay import replay as play

    if shift not in ("days", "keep"):
        raise typer.BadParameter(f"{shift!r} is neither 'days' nor 'keep'", param_hint="--shift")
    recording = Recording(archive)
    began = recording.start
    player = play(
        recording,
        _speed(speed),
        start=moment(start) if start else None,
        end=moment(end) if end else None,
        shift=days_until_today(began) if shift == "days" and began else timedelta(0),
    )
    if into is None and record is None:
        if not as_json:
            _announce(recording, player)
        _print(player, as_json)
        return
    from rtanalytics.cli.runs import play_run

    with progress(f"replaying {safe(recording.name)}", len(recording)) as tick:
        run = play_run(player, recording.name, into, record, tick)
    if as_json:
        typer.echo(msgspec.json.encode(run).decode())
    else:
        rate = run["events"] / run["seconds"] if run["seconds"] else 0.0
        kept = f", recorded {run['recorded']:,} in {safe(str(record))}" if record else ""
        typer.echo(
            f"{run['events']:,} events in {run['seconds']:.1f} s ({rate:,.0f}/s) into {run['stream']}{kept}"
        )


def trending(
    archive: Annotated[Path, typer.Argument(metavar="ARCHIVE")],
    algorithm: Annotated[str | None, typer.Option(help="A name from the registry.")] = None,
    width: Annotated[
        str | None,
        typer.Option("--bin", metavar="DURATION", help="Such as 5min, 30min, 1h; 15min unless given."),
    ] = None,
    top: Annotated[int | None, typer.Option(min=1, help="Topics a bin at most; 10 unless given.")] = None,
    conference: Annotated[
        Path | None,
        typer.Option(metavar="CONFERENCE.TOML", help="Take its [trending], tags, accounts and mutes."),
    ] = None,
    at: Annotated[str | None, typer.Option(metavar="TIME", help="Only the bin of this moment.")] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Say why each topic is on the list.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a topic and line.")] = False,
) -> None:
    """Tell what trended, bin after bin."""
    from rtanalytics.archive import Recording
    from rtanalytics.topics import trends

    if explain and as_json:
        raise typer.BadParameter("--json has what is explained as numbers", param_hint="--explain")
    only = None if at is None else moment(at)
    recording = Recording(archive)
    settings = trend_settings(recording, algorithm, width, top, conference)
    out = console()
    with progress("counting", len(recording)) as tick:
        told: list[TrendBin] = []
        kept: dict[str, Event] | None = {} if explain else None
        for bin in trends(_counted(recording, tick, kept), settings):
            told.append(bin)
            if only is not None and bin.start > only:
                break
            if only is not None and bin.end <= only:
                continue
            if kept is not None:
                _explain(bin, told, kept, out)
            elif as_json:
                for trend in bin.trends:
                    sys.stdout.write(msgspec.json.encode(trend).decode() + "\n")
            elif bin.trends:
                print_bin(bin, out)


def trend_settings(
    recording: Recording,
    algorithm: str | None,
    width: str | None,
    top: int | None,
    conference: Path | None = None,
) -> Settings:
    """Return the settings of the trends of a recording.

    The command line overrides what a ``conference.toml`` says.
    """
    from rtanalytics.conference import read_conference
    from rtanalytics.settings import Settings, SettingsError, SettingsOptions
    from rtanalytics.trending import get

    settings = Settings.of_recording(recording)
    if conference is not None:
        from rtanalytics.cli.trender import conference_settings

        asked = conference_settings(read_conference(conference), conference)
        settings = asked.replace(
            own_tags=asked.own_tags | settings.own_tags,
            ignore=asked.ignore | settings.ignore,
            schedule=settings.schedule,
        )
    given: SettingsOptions = {}
    if top is not None:
        given["top"] = top
    if width is not None:
        given["bin"] = width
    try:
        if algorithm is not None:
            given["algorithm"] = get(algorithm).name
        settings = settings.replace(**given)
    except SettingsError as error:
        raise typer.BadParameter(str(error), param_hint=f"--{error.key}") from None
    tell_tiny_bins(settings.bin)
    return settings


def _counted(
    recording: Recording, tick: Callable[[int], None], kept: dict[str, Event] | None = None
) -> Iterator[Event]:
    """The events, counted as they go by, and kept by id where somebody will quote them."""
    for number, event in enumerate(recording):
        if number % 500 == 0:
            tick(number)
        if kept is not None:
            kept[event.id] = event
        yield event


def print_bin(bin: TrendBin, out: Any, zone: tzinfo = UTC) -> None:
    """A bin's topics, a line each; its times in a zone."""
    from rich.text import Text

    start, end = bin.start.astimezone(zone), bin.end.astimezone(zone)
    out.print(
        Text(f"{start:%Y-%m-%d %H:%M} – {end:%H:%M}", style="bold"),
        Text(how_many(bin), style="dim"),
    )
    for trend in bin.trends:
        others = [safe(term) for term in trend.terms if term != trend.label]
        line = Text(f"{trend.rank:>3}  ", style="dim")
        line.append(safe(trend.label), style="bold cyan")
        if others:
            line.append(f"  {', '.join(others[:5])}", style="cyan")
        line.append(f"  {how_many(trend)}", style="dim")
        if trend.talks:
            line.append(f"  during {safe('; '.join(trend.talks[:2]))}", style="green")
        out.print(line)


def _explain(bin: TrendBin, told: list[TrendBin], kept: dict[str, Event], out: Any) -> None:
    """A bin's topics, a paragraph each; times are in UTC, as in the lists. What is past is kept no more."""
    from rich.text import Text

    from rtanalytics.explanation import explain_rank

    for trend in bin.trends:
        first, *rest = explain_rank(bin, trend.rank, kept.values(), earlier=told).lines
        out.print(Text(safe(first), style="bold"))
        for line in rest:
            out.print(Text(f"  {safe(line)}"))
        out.print()
    for old in [i for i, event in kept.items() if event.posted_at < bin.end]:
        del kept[old]


def _announce(recording: Recording, player: Any) -> None:
    """What will be played and how long it takes, before the first event comes."""
    import numpy as np

    received = recording.table(["received_at"]).column(0).to_numpy().astype("datetime64[us]")
    chosen = received
    if player.start is not None:
        chosen = chosen[chosen >= np.datetime64(player.start.astimezone(UTC).replace(tzinfo=None))]
    if player.end is not None:
        chosen = chosen[chosen < np.datetime64(player.end.astimezone(UTC).replace(tzinfo=None))]
    say = console(stderr=True)
    if not len(chosen):
        say.print(f"{safe(recording.name)}: nothing in this time; it is {recording.start} – {recording.end}")
        return
    first, last = chosen.min(), chosen.max()
    span = f"{first.item():%Y-%m-%d %H:%M} – {last.item():%Y-%m-%d %H:%M} UTC"
    head = f"{safe(recording.name)}: {counted(len(chosen), 'event')}, {span}"
    if player.speed == float("inf"):
        say.print(f"{head}, at full speed", style="dim")
        return
    takes = timedelta(seconds=round((last - first) / np.timedelta64(1, "s") / player.speed))
    say.print(
        f"{head}, at ×{player.speed:g}: it takes {_lasting(takes)}. "
        "Begin later with --from TIME, wait for nothing with --speed max; Ctrl-C ends it",
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


def _speed(text: str) -> Any:
    if text == "max":
        return "max"
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not speed > 0:
        raise typer.BadParameter(f"{text!r} is neither a number above 0 nor 'max'", param_hint="--speed")
    return speed
