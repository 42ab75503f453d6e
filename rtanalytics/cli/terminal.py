"""What a terminal is shown: other people's text made harmless, lines of a feed, progress."""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING
from zlib import crc32

from rich.console import Console
from rich.text import Text

from rtanalytics.erasure import DELETION
from rtanalytics.event import Event
from rtanalytics.untrusted import safe

if TYPE_CHECKING:
    from rtanalytics.topics import Trend, TrendBin

__all__ = [
    "FEW",
    "Failed",
    "Said",
    "console",
    "counted",
    "event_line",
    "how_many",
    "moment",
    "progress",
    "safe",
    "tell_tiny_bins",
]

COLOURS = ("cyan", "green", "magenta", "yellow", "blue", "bright_red", "bright_cyan", "bright_green")


FEW = timedelta(minutes=5)
"""In narrower bins most conferences have next to no messages."""


class Failed(Exception):
    """A command could not do what it was asked for; the message is the one line to show."""


def console(*, stderr: bool = False) -> Console:
    """A console that neither reads markup in what it prints nor colours it by guessing."""
    return Console(stderr=stderr, markup=False, highlight=False, emoji=False, soft_wrap=True)


def counted(count: int, one: str, many: str = "") -> str:
    """A count and its noun.

    Examples
    --------
    >>> counted(1, "time"), counted(1200, "time"), counted(2, "entry", "entries")
    ('1 time', '1,200 times', '2 entries')
    """
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"


class Said:
    """What was said lately: an edit is known by it, and a deletion says what is gone.

    Parameters
    ----------
    most : int
        Events that are remembered, the latest.
    """

    def __init__(self, most: int = 5_000) -> None:
        self.most = most
        self._known: OrderedDict[str, tuple[str, str, str]] = OrderedDict()

    def take(self, event: Event) -> tuple[str, str, str]:
        """What is done to what was said (``edited``, ``deleted`` or nothing), by whom, and how it began."""
        rev, handle, begin = self._known.pop(event.id, ("", "", ""))
        # most sources deliver a post as it is now, and leave it to us to see that it was another
        done = _DONE.get(event.op, "edited" if rev not in ("", event.rev) else "")
        if event.op != "delete":
            handle, begin = event.handle or handle, _begin(event)
        elif event.type == DELETION:
            handle, begin = "", ""  # nothing of it is to be left anywhere
        handle = handle or event.handle  # a moderator may delete what somebody else said
        self._known[event.id] = (event.rev, handle, begin)
        if len(self._known) > self.most:
            self._known.popitem(last=False)
        return done, handle, begin


_DONE = {"delete": "deleted", "update": "edited"}

_PRESENCE = {
    "join": "joined",
    "part": "left the room",
    "quit": "left the network",
    "kick": "removed",
    "nick": "is now",
    "mode": "set the mode",
    "topic": "topic:",
    "users": "in the room:",
}
"""What lines of a chat say that nobody said, by their event's type."""


def _begin(event: Event) -> str:
    """The first words of what was said."""
    words = safe(event.text or event.title or "").strip()
    return words if len(words) <= 60 else f"{words[:59].rstrip()}…"


def event_line(
    event: Event,
    *,
    width: int | None = None,
    dated: bool = True,
    zone: tzinfo = UTC,
    said: Said | None = None,
) -> Text:
    """One line of a feed: time, source, who, title and text; what was edited or deleted says so.

    Parameters
    ----------
    event : Event
        An edit or a deletion is told with the time at which it was made.
    width : int, optional
        Characters at most.
    dated : bool
        Put the date before a time that is not today's.
    zone : tzinfo
        Of the times.
    said : Said, optional
        What was said before; it takes this event too.
    """
    done, handle, begin = (Said() if said is None else said).take(event)
    colour = COLOURS[crc32(event.bucket.encode()) % len(COLOURS)]
    at = ((event.edited_at or event.received_at) if done else event.posted_at).astimezone(zone)
    day = f"{at:%Y-%m-%d} " if dated and at.date() != datetime.now(zone).date() else ""
    line = Text(f"{day}{at:%H:%M:%S} ", style="dim")
    line.append(f"{safe(event.source)[:18]:<10} ", style=colour)
    what = _PRESENCE.get(event.type, "") if event.bucket == "irc" else ""
    nobody = bool(what) and not handle
    line.append("" if nobody else f"{safe(handle) or '–'}  ", style="bold")
    line.append(f"{done}: " if done else "", style="red")
    title, text = safe(event.title or "").strip(), safe(event.text or "").strip()
    if done == "deleted" and not (title or text):
        at = event.posted_at.astimezone(zone)
        text = begin or f"what was said at {at:%Y-%m-%d %H:%M:%S} ({safe(event.id)})"
    if title and not text.startswith(title):
        line.append(title, style="italic")
        line.append(" – " if text else "")
    parts = [what, safe(event.to or "") if event.type in ("kick", "nick") else "", text] if what else [text]
    line.append(" ".join(part for part in parts if part))
    if width is not None:
        line.truncate(width, overflow="ellipsis")
    return line


def moment(text: str) -> datetime:
    """A time from the command line, as aware UTC.

    Raises
    ------
    typer.BadParameter
        If it is none.
    """
    import typer

    from rtanalytics.clock import parse_time

    try:
        return parse_time(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def tell_tiny_bins(width: timedelta) -> None:
    """Say on stderr that bins of this width tell chatter, if they are that narrow."""
    if width < FEW:
        seconds = width.total_seconds()
        shown = f"{seconds / 60:g}min" if seconds >= 60 else f"{seconds:g}s"
        console(stderr=True).print(
            f"bins of {shown} hold few messages, and what trends in them is mostly chatter; "
            "5min is the least that tells topics, unless there are hundreds of messages a minute"
        )


@contextmanager
def progress(what: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal, nothing elsewhere; yields a function that takes how many are done."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.update(task, completed=done)


def how_many(told: TrendBin | Trend) -> str:
    """Its messages, and its people where it is known who wrote."""
    people = f", {counted(told.authors, 'person', 'people')}" if told.authors else ""
    return counted(told.messages, "message") + people
