"""``init`` and ``lab``: how one begins."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from rtanalytics.cli.terminal import Failed

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(init)
    app.command()(lab)


def init(
    path: Annotated[Path, typer.Argument(metavar="CONFERENCE.TOML")] = Path("conference.toml"),
) -> None:
    """Ask a few questions and write a conference.toml that works."""
    from rtanalytics.conference import read_conference
    from rtanalytics.sources import read_specs

    if path.exists():
        raise Failed(f"{path} exists; name another file, or edit it")
    title = typer.prompt("What is the conference called")
    slug = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:60] or "conference"
    name = typer.prompt("A short name for its stream (letters, digits, -)", default=slug)
    zone = typer.prompt("Time zone of the venue (such as Europe/Berlin)", default="UTC")
    hashtags = _words(typer.prompt("Its own hashtags, by spaces (they never trend)", default=""))
    schedule = typer.prompt("File with its schedule (pretalx or frab JSON, CSV; empty for none)", default="")
    feeds = []
    while url := typer.prompt("A feed to read: RSS, Atom or JSON Feed (empty to end)", default="").strip():
        if "://" not in url:
            url = f"https://{url}"
        feeds.append(url)
    text = _toml(title, name, zone, [f"#{tag.lstrip('#')}" for tag in hashtags], schedule.strip(), feeds)
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(text, encoding="utf-8")
    try:
        # it is read as `collect` will read it, before it takes its name
        read_specs(read_conference(temporary).source)
    except ValueError as error:
        temporary.unlink()
        raise Failed(str(error).replace(str(temporary), str(path))) from None
    temporary.rename(path)
    typer.echo(f"wrote {path}")
    if feeds:
        typer.echo(f"try it:   rtanalytics collect {path} --dry-run")
    typer.echo(f"then run: rtanalytics collect {path}")


def lab(
    folder: Annotated[
        Path | None, typer.Argument(metavar="[FOLDER]", help="Where copies of the notebooks go.")
    ] = None,
) -> None:
    """Open JupyterLab on the notebooks."""
    from rtanalytics.resources import notebooks_folder

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
    raise typer.Exit(subprocess.call([sys.executable, "-m", "jupyterlab", str(notebooks)]))


def _words(text: str) -> list[str]:
    return [word for word in re.split(r"[\s,]+", text) if word]


def _toml(title: str, name: str, zone: str, hashtags: list[str], schedule: str, feeds: list[str]) -> str:
    from urllib.parse import urlsplit

    lines = [
        f"name = {_quoted(name)}",
        f"title = {_quoted(title)}",
        f"timezone = {_quoted(zone)}",
        f"hashtags = [{', '.join(map(_quoted, hashtags))}]",
        'archive = "archive"',
    ]
    if schedule:
        lines.append(f"schedule = {_quoted(schedule)}")
    lines += ["", "[trending]", 'bin = "15min"', "top = 10"]
    taken: set[str] = set()
    for url in feeds:
        base = re.sub(r"[^a-z0-9]+", "-", (urlsplit(url).hostname or "feed").lower()).strip("-") or "feed"
        feed = next(n for n in (base, *(f"{base}-{i}" for i in range(2, len(feeds) + 2))) if n not in taken)
        taken.add(feed)
        lines += [
            "",
            "[[source]]",
            'type = "feed"',
            f"name = {_quoted(feed)}",
            f"url = {_quoted(url)}",
            'every = "5min"',
        ]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    import msgspec

    # a JSON string is a TOML string, but for DEL
    return msgspec.json.encode(text).decode().replace("\x7f", "\\u007f")
