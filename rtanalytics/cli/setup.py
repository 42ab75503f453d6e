"""The commands ``init`` and ``lab``: first steps."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from rtanalytics.session import SessionError

__all__ = ["init", "lab"]


def init(
    path: Annotated[Path, typer.Argument(metavar="CONFERENCE.TOML", help="File to write.")] = Path(
        "conference.toml"
    ),
) -> None:
    """Ask a few questions and write a conference.toml.

    Ctrl-C at the questions about sources writes what was answered until then.
    """
    from rtanalytics.cli.questions import ask, write_conference

    if path.exists():
        raise SessionError(f"{path} exists; give another file, or edit it")
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
        Path | None, typer.Argument(metavar="[FOLDER]", help="Copy the notebooks there first.")
    ] = None,
) -> None:
    """Open JupyterLab on the notebooks.

    Options after -- are passed to Jupyter.
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
        raise SessionError("JupyterLab is not installed: pip install 'rtanalytics[lab]'")
    if os.geteuid() == 0 and "--allow-root" not in options:
        raise SessionError(
            "Jupyter refuses to run as root; to run it anyway: rtanalytics lab -- --allow-root"
        )
    raise typer.Exit(subprocess.call([sys.executable, "-m", "jupyterlab", str(notebooks), *options]))
