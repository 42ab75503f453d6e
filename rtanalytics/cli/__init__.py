"""The command line: where input and analysis meet.

Exit status: 0 done, 1 it could not be done (one line says why), 2 wrong usage.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from rtanalytics.cli import collect, compare, demo, live, recordings, report, setup
from rtanalytics.cli.terminal import Failed, safe

__all__ = ["app", "main"]

app = typer.Typer(
    name="rtanalytics",
    help="Record, replay and explore what a conference says online, and compare trending-topic algorithms.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(show: bool) -> None:
    if show:
        from rtanalytics import __version__

        typer.echo(f"rtanalytics {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which.")
    ] = False,
) -> None:
    """Options before the command."""


for module in (demo, setup, recordings, compare, report, collect, live):
    module.register(app)


def main() -> None:
    """Run a command; what cannot be done is said in one line."""
    try:
        app()
    except BrokenPipeError:
        # whoever read our output has stopped, as `head` does; nothing of it is left to be flushed
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as error:
        if not isinstance(error, expected_errors()):
            raise
        message = " ".join(safe(str(error)).split())
        print(f"rtanalytics: {message}", file=sys.stderr)
        sys.exit(1)


def expected_errors() -> tuple[type[Exception], ...]:
    """What can go wrong without a mistake of ours; only what has been imported can have been raised."""
    names = (
        ("rtanalytics.archive", "ArchiveError"),
        ("rtanalytics.importers", "ImporterError"),
        ("rtanalytics.conference", "ConferenceError"),
        ("rtanalytics.streams", "StreamError"),
        ("rtanalytics.streams.server", "ServerError"),
    )
    found = [getattr(sys.modules[m], n) for m, n in names if m in sys.modules and hasattr(sys.modules[m], n)]
    return (Failed, OSError, *found)
