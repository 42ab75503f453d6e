"""Files of other tools, read as events.

An importer is a file in this package and a line in :data:`FORMATS`. It recognises its files by
what is in them, and reads them in their own order, a row at a time. What it yields is an
:class:`~rtanalytics.event.Event`, or, for a row that it does not understand but can go on after,
the ``ValueError`` that says what is wrong with it. Where the rows go is not its business.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Protocol

from rtanalytics.event import Event

__all__ = ["FORMATS", "Importer", "ImporterError", "detect", "importer", "open_events"]

FORMATS: dict[str, str] = {
    "parquet": "rtanalytics.importers.tables:PARQUET",
    "csv": "rtanalytics.importers.tables:CSV",
    "jsonl": "rtanalytics.importers.tables:JSONL",
}
"""Name of a format → where its importer is. The first one that recognises a file reads it, so
whoever knows one tool's files stands before whoever knows tables in general."""

_HEAD = 65_536


class ImporterError(ValueError):
    """A file cannot be imported; the message names file, line or row, and what can be done."""


class Importer(Protocol):
    """Reads the files of one format."""

    @property
    def what(self) -> str:
        """The format in a few words, for people."""
        ...

    @property
    def edits(self) -> bool:
        """True if its rows know when they were edited, so that they may edit what is known."""
        ...

    def recognises(self, path: Path, head: bytes) -> bool:
        """True if the file, which begins with ``head``, is of this format."""
        ...

    def read(self, path: Path) -> Iterator[Event | ValueError]:
        """The events of a file in its order.

        Raises
        ------
        ImporterError
            If the file cannot be read any further.
        """
        ...


def importer(format: str) -> Importer:
    """The importer of a format.

    Raises
    ------
    ImporterError
        If there is no such format.
    """
    if format not in FORMATS:
        raise ImporterError(f"format {format!r} is not known; known are {', '.join(FORMATS)}")
    module, _, name = FORMATS[format].partition(":")
    found: Importer = getattr(import_module(module), name)
    return found


def detect(path: str | Path) -> str:
    """The format of a file, a key of :data:`FORMATS`.

    Raises
    ------
    ImporterError
        If it cannot be read, or no importer recognises it.
    """
    path = Path(path)
    head = b""
    try:
        if not path.is_dir():
            with open(path, "rb") as file:
                head = file.read(_HEAD)
    except OSError as error:
        raise ImporterError(f"{path}: cannot be read: {error.strerror}") from None
    for name in FORMATS:
        if importer(name).recognises(path, head):
            return name
    raise ImporterError(f"{path}: its format is not known; name it, one of {', '.join(FORMATS)}")


def open_events(path: str | Path, format: str | None = None) -> Iterator[Event | ValueError]:
    """The events of a file, in its order.

    Parameters
    ----------
    path : str or Path
        The file.
    format : str, optional
        A key of :data:`FORMATS`; found out otherwise.

    Raises
    ------
    ImporterError
        At once if the format is not known, and while it is read if the file is bad.
    """
    return importer(detect(path) if format is None else format).read(Path(path))
