"""The command ``import``."""

from __future__ import annotations

import shlex
import sys
from datetime import date
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from rtanalytics.cli.terminal import progress, safe
from rtanalytics.importers import FORMATS, ImporterError
from rtanalytics.session import SessionError

__all__ = ["EPILOG", "import_"]

SHOWN = 5
"""Rejected rows that are printed."""

EPILOG = "Formats, detected from a file's contents: " + "; ".join(
    f"{name}: {form.what}" for name, form in FORMATS.items()
)


def import_(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Files in any of the formats below.")
    ],
    to: Annotated[
        Path, typer.Option("--to", metavar="ARCHIVE", help="Folder of the archive; created if needed.")
    ],
    form: Annotated[
        str | None,
        typer.Option(
            "--format", metavar="FORMAT", help=f"Format, if it is not detected: {', '.join(FORMATS)}."
        ),
    ] = None,
    zone: Annotated[
        str | None,
        typer.Option(
            metavar="ZONE", help="Time zone of the venue and of times without an offset (Europe/Berlin)."
        ),
    ] = None,
    day: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="First day of a log without dates, such as 2026-05-15."),
    ] = None,
    network: Annotated[
        str | None, typer.Option(metavar="NAME", help="IRC network, or host of a Zulip server.")
    ] = None,
    channel: Annotated[
        str | None, typer.Option(metavar="NAME", help="Channel of a log that does not name it.")
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(metavar="SOURCE", help="Source of a table without one, such as slack:#general."),
    ] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIELD=COLUMN,...",
            help="Columns of a CSV file by field, such as created_at=Time,text=Body.",
        ),
    ] = None,
    time_format: Annotated[
        str | None, typer.Option(metavar="FORMAT", help="Format of its times, such as '%d/%m/%Y %H:%M'.")
    ] = None,
    dates: Annotated[
        str | None,
        typer.Option(metavar="ORDER", help="Order in dates such as 05/06/2026: day-first or month-first."),
    ] = None,
    private: Annotated[
        bool, typer.Option("--private", help="Import private conversations of an export, too.")
    ] = False,
    presence: Annotated[
        bool, typer.Option("--presence", help="Import joins, departures and changes of name, too.")
    ] = False,
    keep: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CHANNEL",
            help="Import this channel or repository only; * stands for any text. May be repeated.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the counts as one JSON object.")] = False,
) -> None:
    """Import files into an archive.

    Events that the archive has are left alone. Rows that cannot be read are counted and kept in the
    archive's _rejected.jsonl, with file and line.
    """
    from rtanalytics.archive.files import REJECTED
    from rtanalytics.importers import Options
    from rtanalytics.session.importing import UnreadOption, import_files

    options = Options(
        zone=zone, day=_day(day), network=network, channel=channel, source=source, columns=_columns(columns),
        time_format=time_format, day_first=_day_first(dates), private=private, presence=presence,
        keep=tuple(keep or ()),
    )  # fmt: skip
    try:
        with progress("importing") as tick:
            report, rejected, skipped, unmatched = import_files(files, to, options, form, tick)
    except UnreadOption as error:
        option = {"day_first": "--dates"}.get(error.option, f"--{error.option.replace('_', '-')}")
        raise typer.BadParameter(str(error), param_hint=option) from None
    except ImporterError as error:
        if not error.add:
            raise
        pairs = zip(error.add[::2], error.add[1::2], strict=True)
        added = [part for option, value in pairs if option not in sys.argv for part in (option, value)]
        command = shlex.join(["rtanalytics", *sys.argv[1:], *added])
        raise ImporterError(f"{error}; for example: {command}") from None
    for row in rejected[:SHOWN]:
        print(f"rejected: {' '.join(safe(str(row)).split())}", file=sys.stderr)
    if len(rejected) > SHOWN:
        more = f"{report.rejected - SHOWN:,} more, in {safe(str(to / REJECTED))}"
        print(f"rejected: and {more}", file=sys.stderr)
    for what, count in skipped.items():
        print(f"skipped: {count:,} {safe(what)}", file=sys.stderr)
    counts = msgspec.to_builtins(report)
    if as_json:
        typer.echo(msgspec.json.encode(counts).decode())
    else:
        names = ["read", "new", "edited", "duplicate", "rejected"]
        if report.forgotten:
            names.append("forgotten")
        typer.echo(", ".join(f"{counts[name]:,} {name}" for name in names))
    for pattern in unmatched:
        print(f"nothing in these files matches --keep {safe(pattern)}", file=sys.stderr)
    if report.read and report.rejected == report.read:
        raise SessionError("every row was rejected, so nothing was imported; the lines above say why")


def _day(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"invalid date {text!r}; write 2026-05-15", param_hint="--day") from None


def _day_first(order: str | None) -> bool | None:
    if order not in {None, "day-first", "month-first"}:
        raise typer.BadParameter(f"{order!r} is not day-first or month-first", param_hint="--dates")
    return None if order is None else order == "day-first"


def _columns(pairs: list[str] | None) -> dict[str, str]:
    columns: dict[str, str] = {}
    for pair in (pair for text in pairs or () for pair in text.split(",")):
        name, equals, column = pair.partition("=")
        if not equals or not name.strip() or not column.strip():
            raise typer.BadParameter(
                f"{pair!r} is not FIELD=COLUMN, such as text=Message", param_hint="--columns"
            )
        columns[name.strip()] = column.strip()
    return columns
