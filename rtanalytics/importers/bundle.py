"""Access to exports of many files: a folder, a zip file or a tar file.

Nothing is unpacked to disk, so a malicious file name cannot overwrite anything. Symbolic links in a
folder are not followed, because they could point to private files of the user.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from rtanalytics.importers.base import ImporterError
from rtanalytics.importers.reading import open_bytes
from rtanalytics.importers.unpack import BROKEN, MAX_MEMBERS, ZipBundle, unreadable

__all__ = ["Bundle", "FolderBundle", "TarBundle", "ZipBundle", "bundle"]


class Bundle(Protocol):
    """An export of many files, with names such as ``general/2026-05-15.json``."""

    path: Path

    def each(self) -> Iterator[tuple[str, BinaryIO]]:
        """Yield name and content of each file in order; a file is closed when the next one is requested."""
        ...

    def names(self) -> list[str]:
        """Return the names of the files, in order."""
        ...


def bundle(path: Path) -> ZipBundle | FolderBundle | TarBundle | None:
    """Open a folder, zip or tar file, or return None if ``path`` is another kind of file.

    Raises
    ------
    ImporterError
        If the file cannot be read.
    """
    if path.is_dir():
        return FolderBundle(path)
    try:
        with open(path, "rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise unreadable(path, error) from None
    if magic == b"PK\x03\x04":
        return ZipBundle(path)
    if magic[:2] == b"\x1f\x8b" or path.name.lower().endswith(".tar"):
        try:
            with open_bytes(path) as packed:
                block = packed.read(512)
        except BROKEN:
            return None
        if block[257:262] == b"ustar":
            return TarBundle(path)
    return None


class FolderBundle:
    """Folder with the files of an export."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def names(self) -> list[str]:
        """Return the names of the files below the folder, sorted."""
        names = []
        for file in sorted(self.path.rglob("*")):
            name = file.relative_to(self.path)
            ancestors = [self.path / part for part in (name, *name.parents[:-1])]
            if file.is_file() and not any(ancestor.is_symlink() for ancestor in ancestors):
                names.append(name.as_posix())
        if len(names) > MAX_MEMBERS:
            raise ImporterError(f"{self.path} has {len(names):,} files; give the folder of the export alone")
        return names

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        """Open one of the files by a name from :meth:`names`."""
        with open(self.path / name, "rb") as file:
            yield file

    def each(self) -> Iterator[tuple[str, BinaryIO]]:
        """Yield name and content of each file."""
        for name in self.names():
            with self.open(name) as file:
                yield name, file


class TarBundle:
    """Tar file, compressed or not; each iteration reads it from the beginning."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def names(self) -> list[str]:
        """Return the names of the files, in order."""
        return [name for name, _ in self.each()]

    def each(self) -> Iterator[tuple[str, BinaryIO]]:
        """Yield name and content of each file."""
        with open_bytes(self.path) as packed:
            try:
                with tarfile.open(fileobj=packed, mode="r|") as tar:
                    for number, member in enumerate(tar):
                        if number > MAX_MEMBERS:
                            raise ImporterError(
                                f"{self.path} has over {MAX_MEMBERS:,} files; that is the limit"
                            )
                        if member.isreg() and (inner := tar.extractfile(member)) is not None:
                            yield member.name, cast("BinaryIO", inner)
                        tar.members.clear()  # type: ignore[attr-defined]  # tarfile would keep them all in memory
            except (tarfile.TarError, *BROKEN, OSError) as error:
                raise ImporterError(
                    f"{self.path} is not a complete tar file: {error}; fetch it again"
                ) from None
