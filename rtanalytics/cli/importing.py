"""The command that reads files into an archive."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import date
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from rtanalytics.archive.files import REJECTED
from rtanalytics.cli.terminal import progress, safe
from rtanalytics.importers import FORMATS

if TYPE_CHECKING:
    from rtanalytics.event import Event
    from rtanalytics.importers import Rejected

__all__ = ["EPILOG", "import_"]

MAX_LETTERS = 10_000
"""Rows of one import that are kept so; all of them are counted."""

_TOLD = 5

EPILOG = "Formats, found out from what is in a file: " + "; ".join(
    f"{name}: {form.what}" for name, form in FORMATS.items()
)


def import_(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Recorded files of any known format.")
    ],
    to: Annotated[
        Path, typer.Option("--to", metavar="ARCHIVE", help="Folder of the archive; made if it is not there.")
    ],
    form: Annotated[
        str | None,
        typer.Option(
            "--format", metavar="FORMAT", help=f"Where the file does not tell it: {', '.join(FORMATS)}."
        ),
    ] = None,
    zone: Annotated[
        str | None, typer.Option(metavar="ZONE", help="Of times without an offset: Europe/Berlin.")
    ] = None,
    day: Annotated[
        str | None, typer.Option(metavar="DATE", help="First day of a log that has no dates: 2026-05-15.")
    ] = None,
    network: Annotated[
        str | None, typer.Option(metavar="NAME", help="IRC network, or host of a Zulip server.")
    ] = None,
    channel: Annotated[
        str | None, typer.Option(metavar="NAME", help="Channel of a log that does not name it.")
    ] = None,
    source: Annotated[
        str | None, typer.Option(metavar="SOURCE", help="Source of a table without one: slack:#general.")
    ] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIELD=COLUMN,...", help="What the columns of a CSV file are: created_at=Time,text=Body."
        ),
    ] = None,
    time_format: Annotated[
        str | None, typer.Option(metavar="FORMAT", help="How that file writes times: %d/%m/%Y %H:%M.")
    ] = None,
    private: Annotated[
        bool, typer.Option("--private", help="Also private conversations of an export.")
    ] = False,
    presence: Annotated[
        bool, typer.Option("--presence", help="Also who came, went and changed name.")
    ] = False,
    keep: Annotated[
        list[str] | None,
        typer.Option(metavar="CHANNEL", help="Only this channel or repository; * is any text."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The counts as one JSON object.")] = False,
) -> None:
    """Read files into an archive: what is new is added, what is known is left alone.

    Rows that are not understood are counted and kept in the archive's _rejected.jsonl, with file and line.
    """
    from rtanalytics.archive import import_into
    from rtanalytics.importers import Options, Rejected, detect, importer, open_events

    options = Options(
        zone=zone, day=_day(day), network=network, channel=channel, source=source, columns=_columns(columns),
        time_format=time_format, private=private, presence=presence, keep=tuple(keep or ()),
    )  # fmt: skip
    forms = [form or ("columns" if options.columns else detect(file)) for file in files]
    letters: list[Rejected] = []

    def events() -> Iterator[Event | ValueError]:
        done = 0
        for file, name in zip(files, forms, strict=True):
            for event in open_events(file, name, options):
                if isinstance(event, Rejected) and len(letters) < MAX_LETTERS:
                    letters.append(event)
                yield event
                done += 1
                if done % 1000 == 0:
                    tick(done)

    with progress("importing") as tick:
        report = import_into(to, events(), edits=any(importer(name).edits for name in forms))
    _keep(to, letters)
    for letter in islice(letters, _TOLD):
        print(f"rejected: {' '.join(safe(str(letter)).split())}", file=sys.stderr)
    if len(letters) > _TOLD:
        print(
            f"rejected: and {report.rejected - _TOLD:,} more, in {safe(str(to / REJECTED))}", file=sys.stderr
        )
    counts = msgspec.to_builtins(report)
    if as_json:
        typer.echo(msgspec.json.encode(counts).decode())
    else:
        names = ["read", "new", "edited", "duplicate", "rejected"]
        if report.forgotten:
            names.append("forgotten")
        typer.echo(", ".join(f"{counts[name]:,} {name}" for name in names))


def _keep(archive: Path, letters: list[Rejected]) -> None:
    """Add dead letters that are not there yet, so that an import that is done again adds none."""
    path = archive / REJECTED
    known = set(path.read_text(encoding="utf-8").splitlines()) if path.is_file() else set()
    fresh = [line for line in dict.fromkeys(map(_letter, letters)) if line not in known]
    if fresh:
        with open(path, "a", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in fresh)


def _letter(letter: Rejected) -> str:
    fields: dict[str, Any] = {
        "file": letter.file,
        "where": letter.where,
        "reason": letter.reason,
        "raw": letter.raw,
    }
    return json.dumps(fields)


def _day(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no day; write 2026-05-15", param_hint="--day") from None


def _columns(given: list[str] | None) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in (pair for text in given or () for pair in text.split(",")):
        name, equals, column = pair.partition("=")
        if not equals or not name.strip() or not column.strip():
            raise typer.BadParameter(
                f"{pair!r} is not FIELD=COLUMN, such as text=Message", param_hint="--columns"
            )
        found[name.strip()] = column.strip()
    return found
