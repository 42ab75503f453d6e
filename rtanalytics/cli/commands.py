"""Table of the commands. A command's module is imported when it is run, so that ``--help`` is fast."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from importlib import import_module
from typing import Annotated, Any, NamedTuple

import typer
from typer.core import TyperGroup

__all__ = ["COMMANDS", "app"]


class Command(NamedTuple):
    """A command: the module with its function, its summary and an example."""

    module: str
    summary: str
    example: str
    context: Mapping[str, Any] = {}


COMMANDS = {
    "demo": Command(
        "demo",
        "Replay the bundled conference through Redis and find its trends.",
        "rtanalytics demo --seconds 60",
    ),
    "init": Command(
        "setup",
        "Ask a few questions and write a conference.toml.",
        "rtanalytics init pycon/conference.toml",
    ),
    "lab": Command(
        "setup",
        "Open JupyterLab on the notebooks.",
        "rtanalytics lab my-notebooks -- --no-browser --port 8899",
        {"allow_extra_args": True, "ignore_unknown_options": True},
    ),
    "import": Command(
        "importing",
        "Import files into an archive.",
        "rtanalytics import messages.csv --to pycon --columns created_at=Time,text=Body --zone Europe/Berlin",
    ),
    "replay": Command(
        "recordings",
        "Replay a recording in the terminal or into a stream.",
        "rtanalytics replay pycon --speed 60 --from 2026-05-15T09:00",
    ),
    "trending": Command(
        "recordings",
        "List the trends of a recording, bin by bin.",
        "rtanalytics trending pycon --bin 30min --top 5",
    ),
    "compare": Command(
        "compare",
        "Compare algorithms on recordings with a ground truth.",
        "rtanalytics compare pycon --truth topics.csv --algorithm poisson ewma",
    ),
    "tune": Command(
        "tune",
        "Choose settings on recordings with a ground truth.",
        "rtanalytics tune pycon euroscipy --grid bin=5min,15min,30min",
    ),
    "series": Command(
        "series",
        "Score each value of a series of counts, given those before it.",
        "rtanalytics series counts.csv --algorithm ewma > scores.csv",
    ),
    "report": Command(
        "report",
        "Write a report of a recording as one HTML or Markdown file.",
        "rtanalytics report pycon --out report.html",
    ),
    "collect": Command(
        "collect",
        "Read the sources of a conference, record them, publish trends.",
        "rtanalytics collect conference.toml --dry-run",
    ),
    "status": Command(
        "status",
        "Show the state of sources, stream and archive.",
        "rtanalytics status conference.toml",
    ),
    "sources": Command(
        "sources",
        "List the kinds of sources, or the sources of a conference.",
        "rtanalytics sources conference.toml",
    ),
    "dead": Command(
        "sources",
        "List dead letters, or read them again after a fix.",
        "rtanalytics dead conference.toml replay --source blog",
    ),
    "forget": Command(
        "forget",
        "Erase what a person posted, and store no new messages of that person.",
        "rtanalytics forget conference.toml @ada --dry-run",
    ),
    "tail": Command(
        "tail",
        "Follow a stream or its trends in the terminal.",
        "rtanalytics tail conference.toml --trends",
    ),
}


class _LazyGroup(TyperGroup):
    """Group that imports a command only when it is run; the list of commands needs no import."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            close = get_close_matches(cmd_name, COMMANDS, 1)
            hint = f"did you mean {close[0]!r}?" if close else "'rtanalytics --help' lists the commands"
            ctx.fail(f"no command {cmd_name!r}; {hint}")
        command = COMMANDS[cmd_name]
        module = import_module(f"rtanalytics.cli.{command.module}")
        function = getattr(module, "import_" if cmd_name == "import" else cmd_name)
        alone = typer.Typer(add_completion=False, rich_markup_mode=None)
        epilog = f"\b\nExample:\n  {command.example}\n\n{getattr(module, 'EPILOG', '')}"
        alone.command(cmd_name, epilog=epilog, context_settings=dict(command.context))(function)
        return typer.main.get_command(alone)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.summary) for name, command in COMMANDS.items()])


app = typer.Typer(
    name="rtanalytics",
    cls=_LazyGroup,
    help="Record, replay and explore what people post about a conference, and compare trend algorithms.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(show: bool) -> None:
    if show:
        from importlib.metadata import version

        typer.echo(f"rtanalytics {version('rtanalytics')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Define the options before the command."""
