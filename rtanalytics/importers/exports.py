"""Functions to find and open a file in an export that is a folder or a zip file."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast

from rtanalytics.importers.base import ImporterError, member_of
from rtanalytics.importers.bundle import Bundle, FolderBundle, ZipBundle, bundle
from rtanalytics.importers.reading import open_bytes
from rtanalytics.importers.unpack import BROKEN

__all__ = ["files_of", "first_member", "opened"]

_HEAD = 65_536


def files_of(files: Bundle, pattern: str) -> list[str]:
    """Return the names of the files in an export that match a pattern, in order."""
    return [name for name in files.names() if re.search(pattern, name)]


def first_member(path: Path, pattern: str) -> bytes:
    """Return the beginning of the first file in an export whose name matches, or b"" without a match."""
    with suppress(ImporterError, *BROKEN):
        files = bundle(path)
        if files is not None and (names := files_of(files, pattern)):
            with opened(path, files, names[0]) as (_, file):
                return file.read(_HEAD)
    return b""


@contextmanager
def opened(path: Path, files: Bundle | None, name: str) -> Iterator[tuple[str, io.BufferedReader[Any]]]:
    """Open the file ``name`` of an export, or the file at ``path`` if ``files`` is None.

    The result is the name of the file for messages, and the open file.

    Raises
    ------
    ImporterError
        If the file cannot be read.
    """
    if files is None:
        with open_bytes(path) as file:
            yield str(path), file
    elif not isinstance(files, ZipBundle | FolderBundle):
        raise ImporterError(f"{path} is a tar file; unpack it and give the folder")
    else:
        with files.open(name) as member:
            yield member_of(path, name), cast("io.BufferedReader[Any]", member)
