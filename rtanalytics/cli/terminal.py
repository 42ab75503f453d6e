"""Output on a terminal: lines of a feed, lists of trends, progress."""

from __future__ import annotations

import sys
import time
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
from rtanalytics.explanation import share
from rtanalytics.untrusted import safe
from rtanalytics.wording import counted

if TYPE_CHECKING:
    from rtanalytics.topics import Trend, TrendBin

__all__ = [
    "FEW",
    "RecentEvents",
    "console",
    "event_line",
    "how_many",
    "moment",
    "print_bin",
    "progress",
    "safe",
    "warn_of_narrow_bins",
]

COLOURS = ("cyan", "green", "magenta", "yellow", "blue", "bright_red", "bright_cyan", "bright_green")


PROGRESS_EVERY = 30.0
"""Seconds between two lines of progress."""

FEW = timedelta(minutes=5)
"""In narrower bins most conferences have next to no messages."""


def console(*, stderr: bool = False) -> Console:
    """Return a console that prints text unchanged: no markup, no emoji codes, no highlighting."""
    return Console(stderr=stderr, markup=False, highlight=False, emoji=False, soft_wrap=True)


class RecentEvents:
    """Memory of the latest events, to recognize edits and to show what a deletion removes.

    Parameters
    ----------
    most : int
        Maximum number of events.
    """

    def __init__(self, most: int = 5_000) -> None:
        self.most = most
        self._known: OrderedDict[str, tuple[str, str, str]] = OrderedDict()

    def take(self, event: Event) -> tuple[str, str, str]:
        """Add an event; return ``edited``, ``deleted`` or nothing, its author and its first words."""
        rev, handle, begin = self._known.pop(event.id, ("", "", ""))
        # most sources deliver the current state of a post, so an edit is found by its revision
        action = _ACTIONS.get(event.op, "edited" if rev not in ("", event.rev) else "")
        if event.op != "delete":
            handle, begin = event.handle or handle, _begin(event)
        elif event.type == DELETION:
            handle, begin = "", ""  # after an erasure nothing of it is shown
        handle = handle or event.handle  # a moderator may delete what another person posted
        self._known[event.id] = (event.rev, handle, begin)
        if len(self._known) > self.most:
            self._known.popitem(last=False)
        return action, handle, begin


_ACTIONS = {"delete": "deleted", "update": "edited"}

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
"""Words for a chat's lines that are no messages, by type of event."""


def _begin(event: Event) -> str:
    """Return the first words of an event."""
    words = safe(event.text or event.title or "").strip()
    return words if len(words) <= 60 else f"{words[:59].rstrip()}…"


def event_line(
    event: Event,
    *,
    width: int | None = None,
    dated: bool | None = None,
    zone: tzinfo = UTC,
    recent: RecentEvents | None = None,
) -> Text:
    """Return one line of a feed: time, source, author, title and text, marked if edited or deleted.

    Parameters
    ----------
    event : Event
        An edit or a deletion has the time at which it was made.
    width : int, optional
        Maximum number of characters.
    dated : bool, optional
        Whether the date precedes the time; by default only if it is not today's.
    zone : tzinfo
        Time zone of the times.
    recent : RecentEvents, optional
        The events before it; this one is added.
    """
    action, handle, begin = (RecentEvents() if recent is None else recent).take(event)
    colour = COLOURS[crc32(event.bucket.encode()) % len(COLOURS)]
    at = ((event.edited_at or event.received_at) if action else event.posted_at).astimezone(zone)
    if dated is None:
        dated = at.date() != datetime.now(zone).date()
    line = Text(f"{at:{'%Y-%m-%d ' if dated else ''}%H:%M:%S} ", style="dim")
    line.append(f"{safe(event.source)[:18]:<10} ", style=colour)
    what = _PRESENCE.get(event.type, "") if event.bucket == "irc" else ""
    no_author = bool(what) and not handle
    line.append("" if no_author else f"{safe(handle) or '–'}  ", style="bold")
    line.append(f"{action}: " if action else "", style="red")
    title, text = safe(event.title or "").strip(), safe(event.text or "").strip()
    if action == "deleted" and not (title or text):
        posted = event.posted_at.astimezone(zone)
        text = begin or f"message posted at {posted:%Y-%m-%d %H:%M:%S} ({safe(event.id)})"
    if title and not text.startswith(title):
        line.append(title, style="italic")
        line.append(" – " if text else "")
    parts = [what, safe(event.to or "") if event.type in ("kick", "nick") else "", text] if what else [text]
    line.append(" ".join(part for part in parts if part))
    if width is not None:
        line.truncate(width, overflow="ellipsis")
    return line


def moment(text: str, zone: tzinfo = UTC) -> datetime:
    """Parse a time from the command line, in ``zone`` if it has no offset; the result is in UTC.

    Raises
    ------
    typer.BadParameter
        If it is not a time.
    """
    import typer

    from rtanalytics.clock import parse_time

    try:
        return parse_time(text, zone)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def chosen_zone(name: str | None, venue: tzinfo) -> tzinfo:
    """Return the time zone of ``--timezone``, or that of the venue.

    Raises
    ------
    typer.BadParameter
        If no time zone has this name.
    """
    import typer

    from rtanalytics.clock import zone_of

    try:
        return venue if name is None else zone_of(name)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--timezone") from None


def refuse(given: bool, option: str, why: str) -> None:
    """Refuse an option that would have no effect.

    Raises
    ------
    typer.BadParameter
        If it is given.
    """
    import typer

    if given:
        raise typer.BadParameter(f"has no effect {why}", param_hint=option)


def warn_of_narrow_bins(width: timedelta) -> None:
    """Warn on stderr if bins are so narrow that most of their trends are chatter."""
    if width < FEW:
        seconds = width.total_seconds()
        shown = f"{seconds / 60:g}min" if seconds >= 60 else f"{seconds:g}s"
        console(stderr=True).print(
            f"bins of {shown} hold few messages, so most of their trends are chatter; "
            "use 5min or more, unless there are hundreds of messages per minute"
        )


@contextmanager
def progress(what: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """Show a progress bar, or lines if stderr is no terminal; yield a function that sets the number done."""
    if not sys.stderr.isatty():
        printed = time.monotonic()

        def tick(done: int) -> None:
            nonlocal printed
            if time.monotonic() - printed >= PROGRESS_EVERY:
                printed = time.monotonic()
                print(f"{what}: {done:,}" + (f" of {total:,}" if total else ""), file=sys.stderr, flush=True)

        yield tick
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.update(task, completed=done)


def how_many(counted_in: TrendBin | Trend) -> str:
    """Return the number of messages and, if authors are known, of people, in words."""
    people = f", {counted(counted_in.authors, 'person', 'people')}" if counted_in.authors else ""
    return counted(counted_in.messages, "message") + people


def print_bin(bin: TrendBin, out: Console, zone: tzinfo = UTC) -> None:
    """Print the trends of a bin, one per line, with times in a zone."""
    start, end = bin.counted_from.astimezone(zone), bin.end.astimezone(zone)
    out.print(
        Text(f"{start:%Y-%m-%d %H:%M} – {end:%H:%M %Z}", style="bold"),
        Text(how_many(bin), style="dim"),
    )
    for trend in bin.trends:
        others = [safe(term) for term in trend.other_terms]
        line = Text(f"{trend.rank:>3}  ", style="dim")
        line.append(safe(trend.label), style="bold cyan")
        if others:
            line.append(f"  {', '.join(others[:5])}", style="cyan")
        line.append(f"  {how_many(trend)}", style="dim")
        if trend.talk:
            line.append(f"  talk ({share(trend.talk_probability)} sure)", style="green")
        out.print(line)
