"""Reports about a recording and its trends, as one HTML page or Markdown text.

:func:`gather` collects the content, :func:`render_html` and :func:`render_markdown` turn it into text,
and :func:`write_report` writes the text to a file, completely or not at all.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from rtanalytics.report.facts import Recap
from rtanalytics.report.page import render_html
from rtanalytics.report.recap import gather
from rtanalytics.report.text import render_markdown

__all__ = ["Recap", "gather", "render_html", "render_markdown", "write_report"]


def write_report(path: str | Path, text: str) -> Path:
    """Write a report to a file, atomically.

    Parameters
    ----------
    path : str or Path
        File to write; an existing file is replaced when the new one is complete.
    text : str
        Result of :func:`render_html` or :func:`render_markdown`.

    Returns
    -------
    Path
        Path of the written file.

    Raises
    ------
    OSError
        If the file cannot be written; no temporary file is left.
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder (give the name of a file in it)")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"folder {path.parent} does not exist (create it first)")
    part = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with part.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path
