"""Decompression of files and zip archives in memory, piece by piece.

A file whose content is far larger than the file is refused, because it may be a decompression bomb.
"""

from __future__ import annotations

import gzip
import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from rtanalytics.importers.base import ImporterError, member_of
from rtanalytics.untrusted import abbreviate

__all__ = ["BROKEN", "MAX_MEMBERS", "Unpacked", "ZipBundle", "unreadable"]

FREE = 100_000_000
"""Number of decompressed bytes up to which every ratio is allowed."""

RATIO = 250
"""Maximum ratio of decompressed to compressed bytes above :data:`FREE`; texts have 3 to 60."""

_PIECE = 16_384
"""Number of bytes that are decompressed at once; if there is damage in them, all are lost."""

MAX_MEMBERS = 500_000
_MAX_DIRECTORY = 128_000_000

BROKEN = (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, zipfile.BadZipFile)
"""Exceptions that are raised if a compressed file is cut off or damaged."""

_BROKEN_ZIP = (*BROKEN, OSError, ValueError, LookupError, RuntimeError, OverflowError, struct.error)
"""Exceptions that :mod:`zipfile` raises for a damaged zip file."""

_LITTER = ("__MACOSX/", ".DS_Store", "Thumbs.db")


def unreadable(path: Path, error: OSError) -> ImporterError:
    """Return the error for a file that the operating system cannot open or read."""
    return ImporterError(f"{path}: cannot be read: {error.strerror or error}")


class Unpacked(io.RawIOBase):
    """Decompressed bytes of a file; raises an error if they are far more than the size of the file.

    Parameters
    ----------
    inner : binary file
        File object that returns the decompressed bytes.
    taken : callable
        Function that returns the number of compressed bytes read so far.
    name : str
        Name of the file, for error messages.
    """

    def __init__(self, inner: BinaryIO, taken: Callable[[], int], name: str) -> None:
        super().__init__()
        self._inner, self._taken, self._name = inner, taken, name
        self._given = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill the buffer and return the number of bytes."""
        try:
            data = self._inner.read(min(len(buffer), _PIECE))
        except OSError as error:
            # the decompressors of bzip2 and zstd raise OSError for damaged data
            raise EOFError(str(error)) from None
        self._given += len(data)
        if self._given > FREE and self._given > RATIO * max(1, self._taken()):
            raise ImporterError(
                f"{self._name} unpacks to over {RATIO} times its size, like a zip bomb; "
                f"if you trust it, unpack it first"
            )
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """Close this object and the compressed file."""
        self._inner.close()
        super().close()


class ZipBundle:
    """Zip file with the files of an export."""

    def __init__(self, path: Path) -> None:
        self.path = path
        _refuse_huge_directory(path)
        try:
            with zipfile.ZipFile(path) as file:
                self._members = {m.filename: m for m in file.infolist() if not m.is_dir()}
        except _BROKEN_ZIP as error:
            raise ImporterError(f"{path} is not a complete zip file: {error}; fetch it again") from None
        size = max(1, path.stat().st_size)
        claimed = sum(member.file_size for member in self._members.values())
        if len(self._members) > MAX_MEMBERS or (claimed > FREE and claimed > RATIO * size):
            raise ImporterError(f"{path} would unpack to {claimed:,} bytes, like a zip bomb; it is refused")

    def names(self) -> list[str]:
        """Return the names of the files, sorted."""
        return sorted(name for name in self._members if not any(litter in name for litter in _LITTER))

    @contextmanager
    def open(self, name: str) -> Iterator[io.BufferedReader[Any]]:
        """Open one of the files by a name from :meth:`names`."""
        where = member_of(self.path, name)
        member = self._members.get(name)
        if member is None:
            raise ImporterError(f"{self.path} has no file {abbreviate(name)}")
        if member.flag_bits & 1:
            raise ImporterError(f"{where}: needs a password; unpack it first")
        with zipfile.ZipFile(self.path) as file:
            try:
                inner = cast("BinaryIO", file.open(member))
            except _BROKEN_ZIP as error:
                raise ImporterError(f"{where}: {error}; fetch it again, or unpack it first") from None
            taken = max(1, member.compress_size)
            with io.BufferedReader(Unpacked(inner, lambda: taken, where)) as reader:
                yield reader

    @contextmanager
    def only(self) -> Iterator[io.BufferedReader[Any]]:
        """Open the only file in the archive.

        Raises
        ------
        ImporterError
            If there are several files, or none.
        """
        names = self.names()
        if len(names) != 1:
            raise ImporterError(f"{self.path} is a zip of {len(names)} files; unpack it and give the files")
        with self.open(names[0]) as reader:
            yield reader

    def each(self) -> Iterator[tuple[str, BinaryIO]]:
        """Yield name and content of each file."""
        for name in self.names():
            with self.open(name) as file:
                yield name, file


def _refuse_huge_directory(path: Path) -> None:
    """Raise an error if the directory of a zip is too large, because zipfile reads it all into memory."""
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
                    raise ImporterError(
                        f"{path}: the list of files in the zip has {size:,} bytes; it is refused"
                    )
    except OSError as error:
        raise unreadable(path, error) from None
