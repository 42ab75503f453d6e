"""``init`` and ``lab``: how one begins."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from rtanalytics.cli.questions import ask, write_conference
from rtanalytics.cli.terminal import Failed

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(init)
    app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(lab)


def init(
    path: Annotated[Path, typer.Argument(metavar="CONFERENCE.TOML")] = Path("conference.toml"),
) -> None:
    """Ask a few questions and write a conference.toml that works.

    Ctrl-C at a source writes what was answered until then.
    """
    if path.exists():
        raise Failed(f"{path} exists; name another file, or edit it")
    path.parent.mkdir(parents=True, exist_ok=True)
    values, sources, whole = ask(path.parent)
    write_conference(path, values, sources)
    typer.echo(f"wrote {path}")
    if not whole:
        typer.echo("add the other sources to it by hand: docs/sources.md")
        raise typer.Exit(130)
    typer.echo(f"try it:   rtanalytics collect {path} --dry-run")
    typer.echo(f"then run: rtanalytics collect {path}")


def lab(
    context: typer.Context,
    folder: Annotated[
        Path | None, typer.Argument(metavar="[FOLDER]", help="Where copies of the notebooks go.")
    ] = None,
) -> None:
    """Open JupyterLab on the notebooks.

    What stands behind -- is Jupyter's own: lab -- --no-browser --port 8899.
    """
    from rtanalytics.resources import notebooks_folder

    options = list(context.args)
    if folder is not None and str(folder).startswith("-"):  # `lab -- --port 1` names no folder
        options, folder = [str(folder), *options], None
    notebooks = notebooks_folder()
    if folder is None and not os.access(notebooks, os.W_OK):
        folder = Path("rtanalytics-notebooks")
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        for notebook in sorted(notebooks.glob("*.ipynb")):
            if not (folder / notebook.name).exists():
                shutil.copy(notebook, folder)
        notebooks = folder
    if find_spec("jupyterlab") is None:
        raise Failed("JupyterLab is not installed: pip install 'rtanalytics[lab]'")
    if os.geteuid() == 0 and "--allow-root" not in options:
        raise Failed("Jupyter does not run as root unless told so: rtanalytics lab -- --allow-root")
    raise typer.Exit(subprocess.call([sys.executable, "-m", "jupyterlab", str(notebooks), *options]))
