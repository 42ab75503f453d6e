"""The command ``tail``."""

from __future__ import annotations

import contextlib
import sys
import time
from collections import deque
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from rtanalytics.cli.options import TimeZone
from rtanalytics.cli.terminal import RecentEvents, chosen_zone, console, event_line, print_bin, refuse
from rtanalytics.clock import duration_text
from rtanalytics.conference import Conference, read_conference
from rtanalytics.event import encode
from rtanalytics.feed import FOREVER, Delivery, Reset, Watermark
from rtanalytics.live.published import CHANNEL
from rtanalytics.session.connection import conference_stream, connecting, stream_at
from rtanalytics.streams import ChannelEntry, EventStream, StreamUnavailable
from rtanalytics.trend import decode_bin
from rtanalytics.wording import counted

__all__ = ["tail"]

EARLIER = 2_000
"""Earlier events whose author and beginning are known, should they be edited or deleted."""


def tail(
    where: Annotated[
        str,
        typer.Argument(metavar="CONFERENCE.TOML|URL", help="A conference, or redis://host:port/<db>/<name>."),
    ],
    last: Annotated[
        int, typer.Option("--last", "-n", min=0, help="Begin with this many of the newest.")
    ] = 10,
    trends: Annotated[bool, typer.Option("--trends", help="Show trends instead of messages.")] = False,
    timezone: TimeZone = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one packet, or one trend, per line as JSON.")
    ] = False,
) -> None:
    """Follow a stream or its trends in the terminal.

    Ctrl-C ends it.
    """
    unused = timezone is not None and as_json
    refuse(unused, "--timezone", "with --json, whose times are in UTC")
    conference = None if "://" in where else read_conference(Path(where))
    zone = chosen_zone(timezone, UTC if conference is None else conference.zone)
    with connecting(conference, where):
        stream = stream_at(where) if conference is None else conference_stream(conference)
        if not as_json:
            stream.buckets()  # if no server answers, the error is the only line
            console(stderr=True).print(f"times are in {zone}", style="dim")
        if trends:
            with contextlib.suppress(KeyboardInterrupt):
                _tail_trends(stream, last, as_json, conference, zone)
        else:
            tail_events(stream, last, as_json, zone)


def tail_events(stream: EventStream, last: int, as_json: bool, zone: tzinfo) -> None:
    """Print the last events of a stream, then each new one."""
    out, recent = console(), RecentEvents()

    def show(delivery: Delivery) -> None:
        if as_json:
            sys.stdout.buffer.write(encode(delivery.event) + b"\n")
            sys.stdout.buffer.flush()
        else:
            out.print(event_line(delivery.event, zone=zone, recent=recent))

    feed = stream.follow()
    try:
        deliveries = feed.snapshot(last if as_json else max(last, EARLIER)).deliveries
        first = max(0, len(deliveries) - last)
        for delivery in deliveries[:first]:
            recent.take(delivery.event)
        for delivery in deliveries[first:]:
            show(delivery)
        for item in feed:
            if isinstance(item, Delivery):
                show(item)
            elif isinstance(item, Reset) and not as_json:
                out.print(f"— {item.reason} —", style="dim")
            elif isinstance(item, Watermark) and item.time == FOREVER:
                return
    except KeyboardInterrupt:
        feed.close()


def _tail_trends(
    stream: EventStream, last: int, as_json: bool, conference: Conference | None, zone: tzinfo
) -> None:
    out, place = console(), "0-0"
    entries: deque[ChannelEntry] = deque(maxlen=last)
    while page := stream.channels.read(CHANNEL, place):
        entries.extend(page)
        place = page[-1].id
    if not entries and last and not as_json:
        out.print(_first_due(conference, zone), style="dim")
    live = False
    while True:
        for entry in entries:
            bin = decode_bin(entry.payload)
            if as_json:
                for trend in bin.trends:
                    sys.stdout.write(msgspec.json.encode(trend).decode() + "\n")
                sys.stdout.flush()
            elif bin.trends:
                print_bin(bin, out, zone)
            elif live:
                # the user waits for it, so an empty bin is shown, too
                start, end = bin.counted_from.astimezone(zone), bin.end.astimezone(zone)
                line = f"{start:%Y-%m-%d %H:%M} – {end:%H:%M}  nothing trends"
                out.print(f"{line}; {counted(bin.messages, 'message')}", style="dim")
        live = True
        try:
            entries = deque(stream.channels.read(CHANNEL, place, wait=timedelta(seconds=1)))
        except StreamUnavailable:
            entries.clear()
            time.sleep(0.5)
        if entries:
            place = entries[-1].id


def _first_due(conference: Conference | None, zone: tzinfo) -> str:
    """Return a message that states when the first trends are due."""
    if conference is None:
        return "no trends yet; they come when a bin is over and 'rtanalytics collect' runs"
    epoch, now = datetime(1970, 1, 1, tzinfo=UTC), datetime.now(UTC)
    width, grace = conference.trending.every or conference.trending.bin, conference.trending.grace
    step = (now - grace - epoch) // width
    due = (epoch + (step + 1) * width + grace).astimezone(zone)
    return (
        f"no trends yet; first trends at {due:%H:%M %Z}, when {duration_text(width)} are over"
        " (if 'rtanalytics collect' runs)"
    )
