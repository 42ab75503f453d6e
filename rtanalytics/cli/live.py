"""Commands on a running stream."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit, urlunsplit

import typer

from rtanalytics.cli.terminal import Failed, Said, console, counted, event_line
from rtanalytics.conference import Conference, read_conference
from rtanalytics.event import encode
from rtanalytics.feed import FOREVER, Delivery, Reset, Watermark
from rtanalytics.streams import ChannelEntry, EventStream, StreamUnavailable, open_stream
from rtanalytics.streams.server import default_folder
from rtanalytics.streams.server.folder import read_state

__all__ = ["answering", "conference_stream", "origin", "register", "split_url", "stream_of", "zone_of"]

EARLIER = 2_000
"""Events from before it began of which ``tail`` knows who said what, should they be edited or deleted."""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(tail)


def tail(
    where: Annotated[
        str, typer.Argument(metavar="CONFERENCE.TOML|URL", help="A conference, or redis://…/<db>/<name>.")
    ],
    last: Annotated[
        int, typer.Option("--last", "-n", min=0, help="Show this many of the newest first.")
    ] = 10,
    trends: Annotated[bool, typer.Option("--trends", help="What trends, instead of what is said.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One packet, or one topic, a line.")] = False,
) -> None:
    """Follow the stream, or its trends, in the terminal; Ctrl-C ends it."""
    conference = None if "://" in where else read_conference(Path(where))
    with answering("the one given" if conference is None else origin(conference, where)):
        stream = stream_of(where) if conference is None else conference_stream(conference)
        if conference is None and not as_json:
            stream.buckets()  # one line is enough where no server answers
            console(stderr=True).print("times are in UTC", style="dim")
        if trends:
            with contextlib.suppress(KeyboardInterrupt):
                _tail_trends(stream, last, as_json, conference)
        else:
            _tail(stream, last, as_json, zone_of(conference))


def zone_of(conference: Conference | None) -> tzinfo:
    """The zone in which times are told: the conference's, or UTC where no conference.toml is named."""
    return UTC if conference is None else conference.zone


def _tail(stream: EventStream, last: int, as_json: bool, zone: tzinfo) -> None:
    out, said = console(), Said()

    def show(delivery: Delivery) -> None:
        if as_json:
            sys.stdout.buffer.write(encode(delivery.event) + b"\n")
            sys.stdout.buffer.flush()
        else:
            out.print(event_line(delivery.event, zone=zone, said=said))

    feed = stream.follow()
    try:
        known = feed.snapshot(last if as_json else max(last, EARLIER)).deliveries
        for delivery in known[: max(0, len(known) - last)]:
            said.take(delivery.event)
        for delivery in known[max(0, len(known) - last) :]:
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


def _tail_trends(stream: EventStream, last: int, as_json: bool, conference: Conference | None) -> None:
    import msgspec

    from rtanalytics.cli.recordings import print_bin
    from rtanalytics.cli.trender import CHANNEL
    from rtanalytics.trend import decode_bin

    out, zone = console(), zone_of(conference)
    place = "0-0"
    notes: deque[ChannelEntry] = deque(maxlen=last)
    while page := stream.channels.read(CHANNEL, place):
        notes.extend(page)
        place = page[-1].id
    if not notes and last and not as_json:
        out.print(_first_due(conference), style="dim")
    live = False
    while True:
        for note in notes:
            bin = decode_bin(note.payload)
            if as_json:
                for trend in bin.trends:
                    sys.stdout.write(msgspec.json.encode(trend).decode() + "\n")
                sys.stdout.flush()
            elif bin.trends:
                print_bin(bin, out, zone)
            elif live:
                # it was waited for, so its coming is told even if it brings nothing
                start, end = bin.start.astimezone(zone), bin.end.astimezone(zone)
                nothing = f"{start:%Y-%m-%d %H:%M} – {end:%H:%M}  nothing trends"
                out.print(f"{nothing}; {counted(bin.messages, 'message')}", style="dim")
        live = True
        try:
            notes = deque(stream.channels.read(CHANNEL, place, wait=timedelta(seconds=1)))
        except StreamUnavailable:
            notes.clear()
            time.sleep(0.5)
        if notes:
            place = notes[-1].id


def _first_due(conference: Conference | None) -> str:
    """When the first trends of a stream that has none yet can be expected."""
    if conference is None:
        return "no trends yet; they come when a bin is over and 'rtanalytics collect' runs"
    from rtanalytics.settings import duration_text

    epoch, now = datetime(1970, 1, 1, tzinfo=UTC), datetime.now(UTC)
    width, grace = conference.trending.bin, conference.trending.grace
    bin = (now - grace - epoch) // width
    due = (epoch + (bin + 1) * width + grace).astimezone(conference.zone)
    return (
        f"no trends yet; first trends at {due:%H:%M %Z}, when a bin of {duration_text(width)} is over"
        " (if 'rtanalytics collect' runs)"
    )


def stream_of(where: str, name: str | None = None) -> EventStream:
    """The stream that a conference.toml or a URL names.

    Parameters
    ----------
    where : str
        A path, or ``redis://host:port/<db>/<stream name>``.
    name : str, optional
        The stream's name where the URL has none.

    Raises
    ------
    Failed
        If the URL names no stream and several are there, or none.
    """
    if "://" not in where:
        return conference_stream(read_conference(Path(where)))
    url, named = split_url(where)
    if not (named or name):
        raise Failed(f"{url} names no stream; write redis://host:port/<db>/<conference>")
    return open_stream(named or name or "", _with_password(url))


def _with_password(url: str) -> str:
    """The address of our own embedded server needs no password here: we know it."""
    parts = urlsplit(url)
    if parts.password is None and parts.hostname in ("127.0.0.1", "localhost"):
        state = read_state(default_folder())
        if state is not None and state.port == parts.port:
            return urlunsplit(parts._replace(netloc=f":{state.password}@127.0.0.1:{state.port}"))
    return url


def origin(conference: Conference, path: str | Path) -> str:
    """Where the address of a conference's server comes from, for people."""
    if conference.stream:
        return f"stream = of {path}"
    if os.environ.get("REDIS_URL", "").strip():
        return "REDIS_URL"
    return f"the embedded server in {default_folder()}"


@contextlib.contextmanager
def answering(origin: str) -> Iterator[None]:
    """Say where an address comes from at which no server answers.

    Raises
    ------
    Failed
        In place of :class:`~rtanalytics.streams.StreamUnavailable`.
    """
    try:
        yield
    except StreamUnavailable as error:
        raise Failed(f"{str(error).rstrip('.')} (this address is {origin})") from None


def conference_stream(conference: Conference) -> EventStream:
    """The running stream of a conference."""
    url, named = split_url(conference.stream) if conference.stream else (None, "")
    return open_stream(named or conference.name, url)


def split_url(url: str) -> tuple[str, str]:
    """The server's address and, behind the number of the database, the stream's name.

    Examples
    --------
    >>> split_url("redis://localhost:6379/0/pycon/replay/7")
    ('redis://localhost:6379/0', 'pycon/replay/7')
    """
    parts = urlsplit(url)
    if parts.scheme not in ("redis", "rediss"):
        return url, ""
    database, _, name = parts.path.lstrip("/").partition("/")
    if database and not database.isdigit():
        database, name = "0", f"{database}/{name}".rstrip("/")
    return urlunsplit(parts._replace(path=f"/{database}" if database else "")), name
