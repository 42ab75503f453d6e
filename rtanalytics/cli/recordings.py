"""The commands ``replay`` and ``trending``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from rtanalytics.cli.options import Algorithm, Archive, ConferenceOption, MinCount, TimeZone, Top
from rtanalytics.cli.terminal import (
    chosen_zone,
    console,
    event_line,
    moment,
    print_bin,
    progress,
    refuse,
    safe,
    warn_of_narrow_bins,
)
from rtanalytics.clock import duration_text
from rtanalytics.session import OpenedConference, open_conference
from rtanalytics.wording import counted

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
            help="Begin at this time, such as 2026-05-15T09:00; in the venue's zone without an offset.",
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
    timezone: TimeZone = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print packets, or the counts of the new stream, as JSON.")
    ] = False,
) -> None:
    """Replay a recording in the terminal or into a stream."""
    from rtanalytics.replay import days_until_today
    from rtanalytics.replay import replay as play

    if shift not in ("days", "keep"):
        raise typer.BadParameter(f"invalid value {shift!r}; write days or keep", param_hint="--shift")
    shown = into is None and record is None and not as_json
    unused = timezone is not None and not shown and start is None and end is None
    refuse(unused, "--timezone", "here, because no time is shown or read")
    opened = open_conference(archive)
    recording, zone = opened.recording, chosen_zone(timezone, opened.zone)
    begin, until = (None if text is None else moment(text, zone) for text in (start, end))
    offset = days_until_today(recording.start) if shift == "days" and recording.start else timedelta(0)
    try:
        player = play(recording, speed, start=begin, end=until, shift=offset)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    if into is None and record is None:
        if not as_json:
            _announce(recording, player, zone)
        _print(player, as_json, zone)
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
    every: Annotated[
        str | None,
        typer.Option(
            metavar="DURATION", help="List the trends of the last bin at each such step, such as 1min."
        ),
    ] = None,
    top: Top = None,
    conference: ConferenceOption = None,
    at: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="List only the bin of this time; in the venue's zone without an offset."
        ),
    ] = None,
    min_count: MinCount = None,
    timezone: TimeZone = None,
    explain: Annotated[bool, typer.Option("--explain", help="Explain each trend in words.")] = False,
    numbers: Annotated[
        bool, typer.Option("--numbers", help="Explain each trend in words and with all numbers.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object per trend and line.")
    ] = False,
) -> None:
    """List the trends of a recording, bin by bin."""
    from rtanalytics.topics import trends

    if (explain or numbers) and as_json:
        raise typer.BadParameter(
            "cannot be combined with --json, whose output has the same numbers",
            param_hint="--numbers" if numbers else "--explain",
        )
    unused = timezone is not None and as_json and at is None
    refuse(unused, "--timezone", "with --json, whose times are in UTC")
    opened = open_conference(archive)
    recording, zone = opened.recording, chosen_zone(timezone, opened.zone)
    only = None if at is None else moment(at, zone)
    settings = trend_settings(opened, algorithm, width, top, conference, min_count, every)
    out = console()
    if not as_json:
        console(stderr=True).print(f"times are in {zone}", style="dim")
    _name_frequent_tags(recording, settings)
    with progress("counting", len(recording)) as tick:
        bins: list[TrendBin] = []
        before = after = None  # the nearest bins with trends
        shown = 0
        kept: dict[str, Event] | None = {} if explain or numbers else None
        for bin in trends(_counted(recording, tick, kept), settings):
            bins.append(bin)
            if only is not None and bin.end <= only:
                before = bin if bin.trends else before
                continue
            if only is not None and bin.start > only:
                after = bin if bin.trends else None
                if shown or after:
                    break
                continue
            shown += len(bin.trends)
            if kept is not None:
                _explain(bin, bins, kept, out, zone, numbers)
            elif as_json:
                for trend in bin.trends:
                    sys.stdout.write(msgspec.json.encode(trend).decode() + "\n")
                sys.stdout.flush()  # a large recording takes long
            elif bin.trends:
                print_bin(bin, out, zone)
    if only is not None and not shown:
        _name_nearest(only.astimezone(zone), before, after)
    elif not shown and not as_json:
        messages = sum(bin.messages for bin in bins) if settings.every is None else len(recording)
        console(stderr=True).print(
            f"nothing trends: {counted(messages, 'message')} in {counted(len(bins), 'bin')} of"
            f" {duration_text(settings.bin)}; nothing can trend in the first bin, because there is nothing to"
            " compare it with, and a topic needs two people (--min-count 1: one); a narrower --bin may help"
        )


def _name_nearest(at: datetime, before: TrendBin | None, after: TrendBin | None) -> None:
    """Print which bins with trends are nearest to a time at which nothing trends."""
    near = [
        f"--at {bin.start.astimezone(at.tzinfo):%Y-%m-%dT%H:%M} lists {counted(len(bin.trends), 'trend')}"
        for bin in (before, after)
        if bin is not None
    ]
    hint = "; ".join(near) or "nothing trends in this recording"
    console(stderr=True).print(f"nothing trends at {at:%Y-%m-%d %H:%M %Z}; {hint}")


def _name_frequent_tags(recording: Recording, settings: Settings) -> None:
    """Print the tags that are in very many messages and are not in the settings."""
    from rtanalytics.session import frequent_tags

    for tag, share in frequent_tags(recording, settings):
        effect = "it can trend" if settings.own_tags else "it counts as the conference's own and never trends"
        console(stderr=True).print(
            f"#{safe(tag)} is in {share:.0%} of the messages and not in hashtags: {effect};"
            " list it there in a conference.toml or in the recording's _recording.toml",
            style="dim",
        )


def trend_settings(
    opened: OpenedConference,
    algorithm: str | None,
    width: str | None,
    top: int | None,
    conference: Path | None = None,
    min_count: int | None = None,
    every: str | None = None,
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
    if min_count is not None:
        options["min_count"] = min_count
    if width is not None:
        options["bin"] = width
    if every is not None:
        options["every"] = every
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
    """Yield the events and report progress; store them in ``kept`` by id if they may be quoted."""
    for number, event in enumerate(recording):
        if number % 500 == 0:
            tick(number)
        if kept is not None:
            kept[event.id] = event
        yield event


def _explain(
    bin: TrendBin, bins: list[TrendBin], kept: dict[str, Event], out: Any, zone: tzinfo, numbers: bool
) -> None:
    """Print a paragraph per trend, with times in a zone; then drop the events of the bin from ``kept``."""
    from rich.text import Text

    from rtanalytics.explanation import explain_rank

    for trend in bin.trends:
        why = explain_rank(bin, trend.rank, kept.values(), earlier=bins, zone=zone)
        first, *rest = [*why.lines, *why.numbers] if numbers else why.lines
        out.print(Text(safe(first), style="bold"))
        for line in rest:
            out.print(Text(f"  {safe(line)}"))
        out.print()
    for old in [i for i, event in kept.items() if event.posted_at < bin.end]:
        del kept[old]


def _announce(recording: Recording, player: Any, zone: tzinfo) -> None:
    """Print which events will be replayed and how long it takes."""
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
    begin, end = (at.item().replace(tzinfo=UTC).astimezone(zone) for at in (first, last))
    span = f"{begin:%Y-%m-%d %H:%M} – {end:%Y-%m-%d %H:%M} ({zone})"
    head = f"{safe(recording.name)}: {counted(len(chosen), 'event')}, {span}"
    if player.speed == float("inf"):
        out.print(f"{head}, at full speed", style="dim")
        return
    takes = timedelta(seconds=round((last - first) / np.timedelta64(1, "s") / player.speed))
    if early := _early_end(np.sort(chosen)):
        count, at = early
        begin = at.item().replace(tzinfo=UTC).astimezone(zone)
        out.print(
            f"only {counted(count, 'event')} before {begin:%Y-%m-%d %H:%M}; to begin there:"
            f" --from {begin:%Y-%m-%dT%H:%M}"
        )
    out.print(
        f"{head}, at ×{player.speed:g}: it takes {_lasting(takes)}. "
        "Begin later with --from TIME, do not wait with --speed max; Ctrl-C ends it",
        style="dim",
    )


def _early_end(received: Any) -> tuple[int, Any] | None:
    """Return how many messages come long before the others, and the time of the first of those; or None."""
    import numpy as np

    gaps = np.flatnonzero(np.diff(received) >= np.timedelta64(12, "h"))
    early = gaps[gaps < len(received) // 20]
    return (int(early[-1]) + 1, received[early[-1] + 1]) if len(early) else None


def _lasting(span: timedelta) -> str:
    minutes, seconds = divmod(round(span.total_seconds()), 60)
    if minutes < 1:
        return f"{seconds} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def _print(player: Any, as_json: bool, zone: tzinfo) -> None:
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
                out.print(event_line(item.event, zone=zone))
    except KeyboardInterrupt:
        player.close()
