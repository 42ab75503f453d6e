"""The command ``forget``."""

from __future__ import annotations

import sys
from typing import Annotated

import msgspec
import typer
from rich.text import Text

from rtanalytics.cli.options import ConferenceFile
from rtanalytics.cli.terminal import console, safe
from rtanalytics.conference import read_conference
from rtanalytics.erasure import plain_handle
from rtanalytics.session import SessionError
from rtanalytics.session import erasure as session
from rtanalytics.wording import counted

__all__ = ["forget"]


def forget(
    path: ConferenceFile,
    author: Annotated[str, typer.Argument(metavar="AUTHOR", help="Handle or account id of the person.")],
    only: Annotated[
        list[str] | None,
        typer.Option("--in", metavar="BUCKET", help="Only in this bucket, such as irc. May be repeated."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print what would be erased.")] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not ask when several handles would be erased.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Erase what a person posted, and store no new messages of that person.

    Accounts with the same id are one person; if they have several handles, you are asked first at a
    terminal (a script is not). Erasure cannot be undone. What others post about the person stays, and
    so do exported reports.
    """
    ask = not yes and sys.stdin.isatty()
    report = session.forget(
        read_conference(path),
        path,
        author,
        buckets=only or (),
        dry_run=dry_run,
        confirm=_confirm if ask else None,
    )
    if as_json:
        typer.echo(msgspec.json.encode(report).decode())
        return
    out = console()
    parts = [
        counted(n, f"event{where}", f"events{where}")
        for n, where in ((report.archive, " of the archive"), (report.stream, " of the stream"))
        if n
    ]
    parts += [
        counted(n, what) for n, what in ((report.dead, "dead letter"), (report.rejected, "rejected row")) if n
    ]
    if parts:
        out.print(Text(f"{'would erase' if dry_run else 'erased'}: {', '.join(parts)}"))
        for line in _by_handle(report):
            out.print(Text(f"  {line}"))
    else:
        near = f"; did you mean {' or '.join(map(safe, report.near))}?" if report.near else ""
        where = f"in {', '.join(map(safe, only))}" if only else "here"
        out.print(Text(f"nothing by {safe(author)} is {where}{near}"))
    if report.pending:
        out.print(Text("the recorder has not rewritten the archive's files yet; it will", style="yellow"))
    if not dry_run:
        out.print(Text(f"nothing by {safe(author)} is stored from now on", style="dim"))


def _by_handle(report: session.ForgetReport) -> list[str]:
    """Return the number of events by handle and bucket, one line each."""
    lines = [
        f"{safe(one.handle)} in {safe(one.bucket)}: {counted(one.events, 'event')}" for one in report.found
    ]
    if report.others:
        lines.append(f"{counted(report.others, 'event')} of others that repeat one of these or list the name")
    return lines


def _confirm(report: session.ForgetReport) -> None:
    """Ask whether all handles are one person, if there are several."""
    handles = {plain_handle(handle) for handle in report.handles}
    if len(handles) < 2:
        return
    for line in _by_handle(report):
        typer.echo(line, err=True)
    if not typer.confirm(f"Remove all {len(handles)} handles for good?", err=True):
        raise SessionError("nothing was removed")
