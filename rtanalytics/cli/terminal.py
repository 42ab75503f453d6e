"""What a terminal is shown: other people's text made harmless, lines of a feed, progress."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from zlib import crc32

from rich.console import Console
from rich.text import Text

from rtanalytics.event import Event

__all__ = ["Failed", "console", "counted", "event_line", "moment", "progress", "safe"]

COLOURS = ("cyan", "green", "magenta", "yellow", "blue", "bright_red", "bright_cyan", "bright_green")


class Failed(Exception):
    """A command could not do what it was asked for; the message is the one line to show."""


def console(*, stderr: bool = False) -> Console:
    """A console that neither reads markup in what it prints nor colours it by guessing."""
    return Console(stderr=stderr, markup=False, highlight=False, emoji=False, soft_wrap=True)


def safe(text: str) -> str:
    r"""Text on one line, with nothing in it that a terminal would obey.

    Examples
    --------
    >>> safe("red\x1b[31m\nalert\u202e").isprintable()
    True
    """
    return "".join(_harmless(c) for c in text)


def _harmless(char: str) -> str:
    if char.isprintable():
        return char
    if char.isspace():
        return " "
    # joiners make up emoji and several scripts; other invisible characters can only mislead
    return char if char in "\u200c\u200d" else "\ufffd" if unicodedata.category(char) != "Cn" else "?"


def counted(count: int, one: str, many: str = "") -> str:
    """A count and its noun.

    Examples
    --------
    >>> counted(1, "time"), counted(1200, "time"), counted(2, "entry", "entries")
    ('1 time', '1,200 times', '2 entries')
    """
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"


def event_line(event: Event, *, width: int | None = None, dated: bool = True) -> Text:
    """One line of a feed: time, source, who, title and text.

    Parameters
    ----------
    event : Event
        Told in UTC.
    width : int, optional
        Characters at most.
    dated : bool
        Put the date before a time that is not today's.
    """
    colour = COLOURS[crc32(event.bucket.encode()) % len(COLOURS)]
    said = event.said_at
    day = f"{said:%Y-%m-%d} " if dated and said.date() != datetime.now(UTC).date() else ""
    line = Text(f"{day}{said:%H:%M:%S} ", style="dim")
    line.append(f"{safe(event.source)[:18]:<10} ", style=colour)
    line.append(f"{safe(event.handle) or '–'}  ", style="bold")
    line.append({"delete": "deleted ", "update": "edited: "}.get(event.op, ""), style="red")
    title, text = safe(event.title or "").strip(), safe(event.text or "").strip()
    if title and not text.startswith(title):
        line.append(title, style="italic")
        line.append(" – " if text else "")
    line.append(text)
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

    from rtanalytics.schedule import parse_time

    try:
        return parse_time(text).astimezone(UTC)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


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
