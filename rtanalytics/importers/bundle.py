"""Exports of many files: a folder, a zip or a tar, read in place.

Nothing is unpacked to disk, so the names in them, whatever they try, name nothing but the
bytes behind them. Links of a folder are not followed: an export could point at the reader's own files.
"""

from __future__ import annotations

import io
import struct
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

from rtanalytics.importers import ImporterError
from rtanalytics.importers.reading import BROKEN, FREE, RATIO, Unpacked, open_bytes

__all__ = ["Bundle", "FolderBundle", "TarBundle", "ZipBundle", "bundle", "shown"]

MAX_MEMBERS = 500_000
_MAX_DIRECTORY = 128_000_000
_ODD_ZIP = (OSError, ValueError, LookupError, RuntimeError, OverflowError, struct.error)
"""What else zipfile raises of a file that is none."""

_LITTER = ("__MACOSX/", ".DS_Store", "Thumbs.db")


def shown(name: object, length: int = 80) -> str:
    r"""A name or value from outside in one readable line.

    Examples
    --------
    >>> print(shown("../../a\x1b[31m"))
    '../../a\x1b[31m'
    """
    text = ascii(name)
    return text if len(text) <= length else text[: length - 1] + "…"


class Bundle(Protocol):
    """Files under names such as ``general/2026-05-15.json``."""

    path: Path

    def each(self) -> Iterator[tuple[str, BinaryIO]]:
        """All files, name and content, in the bundle's order; a file is closed when the next is asked for."""
        ...

    def names(self) -> list[str]:
        """The names of its files, in their order."""
        ...


def bundle(path: Path) -> ZipBundle | FolderBundle | TarBundle | None:
    """The bundle at a path; None if it is a single file.

    Raises
    ------
    ImporterError
        If it cannot be read.
    """
    if path.is_dir():
        return FolderBundle(path)
    try:
        with open(path, "rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise ImporterError(f"{path}: cannot be read: {error.strerror or error}") from None
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
    """A folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def names(self) -> list[str]:
        found = []
        for place in sorted(self.path.rglob("*")):
            inside = place.relative_to(self.path)
            ways = [self.path / part for part in (inside, *inside.parents[:-1])]
            if place.is_file() and not any(way.is_symlink() for way in ways):
                found.append(inside.as_posix())
        if len(found) > MAX_MEMBERS:
            raise ImporterError(f"{self.path} has {len(found):,} files; give the folder of the export alone")
        return found

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        """One of its files; ``name`` is one of :meth:`names`."""
        with open(self.path / name, "rb") as file:
            yield file

    def each(self) -> Iterator[tuple[str, BinaryIO]]:
        for name in self.names():
            with self.open(name) as file:
                yield name, file


class ZipBundle:
    """A zip file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        _refuse_huge_directory(path)
        try:
            with zipfile.ZipFile(path) as file:
                self._members = {m.filename: m for m in file.infolist() if not m.is_dir()}
        except (*BROKEN, *_ODD_ZIP) as error:
            raise ImporterError(f"{path} is no zip, or not all of it: {error}; fetch it again") from None
        size = max(1, path.stat().st_size)
        claimed = sum(member.file_size for member in self._members.values())
        if len(self._members) > MAX_MEMBERS or (claimed > FREE and claimed > RATIO * size):
            raise ImporterError(f"{path} claims to unpack to {claimed:,} bytes, as bombs do; it is not read")

    def names(self) -> list[str]:
        return sorted(name for name in self._members if not any(litter in name for litter in _LITTER))

    @contextmanager
    def open(self, name: str) -> Iterator[io.BufferedReader[Any]]:
        """One of its files."""
        member = self._members.get(name)
        if member is None:
            raise ImporterError(f"{self.path} has no file {shown(name)}")
        if member.flag_bits & 1:
            raise ImporterError(f"{self.path}: {shown(name)} needs a password; unpack it first")
        where = f"{self.path}, {shown(name)}"
        with zipfile.ZipFile(self.path) as file:
            try:
                inner = cast("BinaryIO", file.open(member))
            except (*BROKEN, *_ODD_ZIP) as error:
                raise ImporterError(f"{where}: {error}; fetch it again, or unpack it first") from None
            taken = max(1, member.compress_size)
            with io.BufferedReader(Unpacked(inner, lambda: taken, where)) as reader:
                yield reader

    @contextmanager
    def only(self) -> Iterator[io.BufferedReader[Any]]:
        """Its one file.

        Raises
        ------
        ImporterError
            If it has several, or none.
        """
        names = self.names()
        if len(names) != 1:
            raise ImporterError(f"{self.path} is a zip of {len(names)} files; unpack it and give the files")
        with self.open(names[0]) as reader:
            yield reader

    def each(self) -> Iterator[tuple[str, BinaryIO]]:
        for name in self.names():
            with self.open(name) as file:
                yield name, file


class TarBundle:
    """A tar file, packed or not; it is read from its beginning each time."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def names(self) -> list[str]:
        return [name for name, _ in self.each()]

    def each(self) -> Iterator[tuple[str, BinaryIO]]:
        with open_bytes(self.path) as packed:
            try:
                with tarfile.open(fileobj=packed, mode="r|") as tar:
                    for number, member in enumerate(tar):
                        if number > MAX_MEMBERS:
                            raise ImporterError(f"{self.path} has over {MAX_MEMBERS:,} files; it is not read")
                        if member.isreg() and (inner := tar.extractfile(member)) is not None:
                            yield member.name, cast("BinaryIO", inner)
                        tar.members.clear()  # type: ignore[attr-defined]  # it would remember all of them
            except (tarfile.TarError, *BROKEN, OSError) as error:
                raise ImporterError(
                    f"{self.path} is no tar, or not all of it: {error}; fetch it again"
                ) from None


def _refuse_huge_directory(path: Path) -> None:
    """A zip's directory is read whole by zipfile: what it says of its size is read first."""
    try:
        with open(path, "rb") as file:
            file.seek(0, 2)
            end = file.tell()
            file.seek(max(0, end - 65_557))
            tail = file.read()
            if (at := tail.rfind(b"PK\x05\x06")) >= 0 and len(tail) >= at + 16:
                (size,) = struct.unpack_from("<I", tail, at + 12)
                if size == 0xFFFFFFFF and (at := tail.rfind(b"PK\x06\x06")) >= 0 and len(tail) >= at + 48:
                    (size,) = struct.unpack_from("<Q", tail, at + 40)
                if size > _MAX_DIRECTORY:
                    raise ImporterError(f"{path}: its directory alone has {size:,} bytes; it is not read")
    except OSError as error:
        raise ImporterError(f"{path}: cannot be read: {error.strerror or error}") from None
