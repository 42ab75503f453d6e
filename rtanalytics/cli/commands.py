"""The commands, gathered: imported only once somebody runs one."""

from __future__ import annotations

from typing import Annotated

import typer

from rtanalytics.cli import (
    collect,
    compare,
    demo,
    live,
    recordings,
    report,
    series,
    setup,
    sources,
    status,
    tune,
)

__all__ = ["app"]

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
        from importlib.metadata import version

        typer.echo(f"rtanalytics {version('rtanalytics')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which.")
    ] = False,
) -> None:
    """Options before the command."""


for module in (demo, setup, recordings, compare, tune, series, report, collect, status, sources, live):
    module.register(app)
