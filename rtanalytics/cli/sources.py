"""``sources``, ``dead`` and ``forget``: what can be read, what could not be, and what is not to be kept."""

from __future__ import annotations

import asyncio
import sys
from datetime import tzinfo
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer
from rich.text import Text

from rtanalytics.cli.collect import read_sources
from rtanalytics.cli.live import answering, conference_stream, origin
from rtanalytics.cli.terminal import Failed, console, counted, safe
from rtanalytics.conference import read_conference
from rtanalytics.erasure import plain_handle
from rtanalytics.event import Event
from rtanalytics.streams import DeadLetter, EventStream

if TYPE_CHECKING:
    from rtanalytics.ingest.erasure import ForgetReport

__all__ = ["register"]

SHOWN = 160
"""Bytes of a dead letter that are shown."""


class Action(StrEnum):
    """What to do with dead letters."""

    list = "list"
    replay = "replay"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(sources)
    app.command()(dead)
    app.command()(forget)


def sources(
    path: Annotated[Path | None, typer.Argument(metavar="[CONFERENCE.TOML]")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Say what kinds of source there are and what each needs, or what a conference has configured."""
    from rtanalytics.sources.kinds import kinds

    if path is not None:
        _configured(path, as_json)
        return
    out = console()
    for kind in kinds():
        if as_json:
            typer.echo(msgspec.json.encode(kind).decode())
            continue
        out.print(Text(f"{kind.name:<14}", style="bold").append(f"needs {kind.needs}", style="dim"))
        out.print(Text("  " + kind.about.replace("\n", " ").split(". ")[0].rstrip(".") + "."))
        keys = [f"{key.name}*" if key.required else key.name for key in kind.keys]
        out.print(Text(f"  keys: {', '.join(keys)} (* required)", style="dim"))
    if not as_json:
        out.print(Text("Each as a table, with an example: docs/sources.md", style="dim"))


def _configured(path: Path, as_json: bool) -> None:
    from rtanalytics.sources.kinds import kind, variables

    conference = read_conference(path)
    specs = read_sources(conference, path)
    out, missing = console(), 0
    for table, spec in zip(conference.source, specs, strict=True):
        needs = variables(table)
        missing += not all(needs.values())
        name = str(table["type"])
        if as_json:
            found = {"name": spec.name, "type": name, "scope": spec.scope, "variables": needs}
            typer.echo(msgspec.json.encode(found).decode())
            continue
        line = Text(f"{safe(spec.name):<20}", style="bold").append(f"{name:<14}", style="dim")
        line.append(f"{safe(spec.scope)}  ")
        for variable, there in needs.items():
            line.append(
                f"{variable} {'is set' if there else 'is not set'}  ", style="green" if there else "red"
            )
        out.print(line.append(f"needs {kind(name).needs}", style="dim"))
    if missing and not as_json:
        out.print(
            Text(f"{counted(missing, 'source')} cannot be read before its variables are set", style="yellow")
        )


def dead(
    path: Annotated[Path, typer.Argument(metavar="CONFERENCE.TOML")],
    action: Annotated[Action, typer.Argument(help="List them, or try to read them again.")],
    source: Annotated[str | None, typer.Option("--source", help="Only those of this source.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """List what could not be read, or read it again after a mend: what can be read now enters the stream."""
    conference = read_conference(path)
    specs = {spec.name: spec for spec in read_sources(conference, path)}
    with answering(origin(conference, path)):
        stream = conference_stream(conference)
        letters = [
            (bucket, letter)
            for bucket in stream.buckets()
            for letter in stream.dead_letters.read(bucket)
            if source is None or letter.source == source
        ]
        if action is Action.list:
            _list(letters, as_json, conference.zone)
        else:
            asyncio.run(_replay(stream, letters, specs, as_json))


def forget(
    path: Annotated[Path, typer.Argument(metavar="CONFERENCE.TOML")],
    author: Annotated[str, typer.Argument(metavar="AUTHOR", help="Handle or account id of the person.")],
    only: Annotated[
        list[str] | None,
        typer.Option("--in", metavar="BUCKET", help="Only there: mastodon, irc …; may be repeated."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask when several handles would go.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Remove what a person said from stream and archive, and store nothing of theirs any more.

    Accounts of the same id are one person; if these have several handles, you are asked first at a terminal
    (a script is not). There is no way back. What others say about the person stays, and so do reports that
    were exported.
    """
    from rtanalytics.ingest.erasure import forget_author

    conference = read_conference(path)
    archive = conference.path(conference.archive) or conference.folder / "archive"
    with answering(origin(conference, path)):
        try:
            stream = conference_stream(conference)
            if not dry_run and not yes and sys.stdin.isatty():  # a script has been told what to do
                _agree(forget_author(stream, archive, author, buckets=only or (), dry_run=True))
            report = forget_author(stream, archive, author, buckets=only or (), dry_run=dry_run)
        except ValueError as error:
            raise Failed(str(error)) from None
    if as_json:
        typer.echo(msgspec.json.encode(report).decode())
        return
    out = console()
    verb = "would go" if dry_run else "gone"
    found = [
        counted(n, f"event{where}", f"events{where}")
        for n, where in ((report.archive, " of the archive"), (report.stream, " of the stream"))
        if n
    ]
    found += [
        counted(n, what) for n, what in ((report.dead, "dead letter"), (report.rejected, "rejected row")) if n
    ]
    if found:
        out.print(Text(f"{verb}: {', '.join(found)}"))
        for line in _whose(report):
            out.print(Text(f"  {line}"))
    else:
        near = f"; did you mean {' or '.join(map(safe, report.near))}?" if report.near else ""
        where = f"in {', '.join(map(safe, only))}" if only else "here"
        out.print(Text(f"nothing by {safe(author)} is {where}{near}"))
    if report.pending:
        out.print(Text("the recorder has not emptied the archive's files yet; it will", style="yellow"))
    if not dry_run:
        out.print(Text(f"nothing by {safe(author)} is stored from now on", style="dim"))


def _whose(report: ForgetReport) -> list[str]:
    """What was found, by handle and bucket."""
    lines = [
        f"{safe(found.handle)} in {safe(found.bucket)}: {counted(found.events, 'event')}"
        for found in report.found
    ]
    if report.others:
        lines.append(f"{counted(report.others, 'event')} of others that repeat theirs or list the name")
    return lines


def _agree(look: ForgetReport) -> None:
    """Ask whether all of these are the one person, if there are several."""
    handles = {plain_handle(handle) for handle in look.handles}
    if len(handles) < 2:
        return
    for line in _whose(look):
        typer.echo(line, err=True)
    if not typer.confirm(f"Remove all {len(handles)} handles for good?", err=True):
        raise Failed("nothing was removed")


def _list(letters: list[tuple[str, DeadLetter]], as_json: bool, zone: tzinfo) -> None:
    out = console()
    for bucket, letter in letters:
        raw = letter.raw.decode("utf-8", "replace")
        if as_json:
            found = {
                "bucket": bucket, "id": letter.id, "source": letter.source, "scope": letter.scope,
                "reason": letter.reason, "at": letter.at, "bytes": len(letter.raw), "raw": raw,
            }  # fmt: skip
            typer.echo(msgspec.json.encode(found).decode())
            continue
        line = Text(f"{letter.at.astimezone(zone):%Y-%m-%d %H:%M:%S} ", style="dim").append(
            safe(letter.source), style="bold"
        )
        out.print(line.append(f"  {safe(letter.reason)}", style="red"))
        begin = safe(raw[:SHOWN])
        out.print(
            Text(
                f"  {counted(len(letter.raw), 'byte')}: {begin}{'…' if len(raw) > SHOWN else ''}", style="dim"
            )
        )
    if not as_json:
        out.print(Text(f"{counted(len(letters), 'dead letter')}"))


async def _replay(
    stream: EventStream, letters: list[tuple[str, DeadLetter]], specs: dict[str, Any], as_json: bool
) -> None:
    """Parse each again, in a process that may be killed; what becomes events is a dead letter no more."""
    from rtanalytics.sources.base import Malformed
    from rtanalytics.sources.worker import ParseWorker

    out = console()
    workers: dict[str, ParseWorker] = {}
    mended = events = 0
    try:
        for bucket, letter in letters:
            spec, found = specs.get(letter.source), list[Event]()
            if spec is None:
                why = "no source of this name is in the file"
            else:
                worker = workers.setdefault(spec.name, _worker(spec))
                try:
                    parsed = await worker.parse(letter.raw, _module(spec).meta(spec, letter.at))
                except Malformed as error:
                    why = str(error)
                else:
                    found = [event for event in parsed.events if event.bucket == bucket]
                    why = parsed.rejects[0].reason if parsed.rejects else "nothing in it became an event"
                    # a letter of which a part cannot be read yet stays: its events are known next time
                    stream.append(found)
                    if found and not parsed.rejects:
                        stream.dead_letters.remove(bucket, [letter.id])
                        mended, events, why = mended + 1, events + len(found), ""
            if as_json:
                told = {"bucket": bucket, "id": letter.id, "source": letter.source, "why": why}
                typer.echo(msgspec.json.encode(told | {"events": [e.id for e in found]}).decode())
            elif why:
                out.print(Text(f"{safe(letter.source)}: still not read: {safe(why)}", style="red"))
    finally:
        for worker in workers.values():
            await worker.close()
    left = len(letters) - mended
    if not as_json:
        out.print(Text(f"{counted(mended, 'dead letter')} read, {counted(events, 'event')}; {left:,} left"))
    if letters and not mended:
        raise Failed("none of them can be read yet")


def _module(spec: Any) -> Any:
    from rtanalytics.sources import load_kind

    return load_kind(spec.__struct_config__.tag)


def _worker(spec: Any) -> Any:
    from datetime import timedelta

    from rtanalytics.sources.worker import ParseWorker

    return ParseWorker(_module(spec).PARSE, getattr(spec, "budget", timedelta(seconds=2)))
