"""Files as bytes and as lines: plain, packed with gzip or zstd, or alone in a zip.

Nothing is read whole. What unpacks to far more than it is, as a bomb does, is refused, and so
is a line of which no end comes.
"""

from __future__ import annotations

import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from rtanalytics.importers import ImporterError, Rejected

__all__ = ["BROKEN", "Unpacked", "begins", "head_of", "lines", "open_bytes", "suffixed"]

MAX_LINE = 16_000_000
"""Bytes of a line, or of one message in a document."""

FREE = 100_000_000
"""Bytes that may come out of a packed file whatever its ratio."""

RATIO = 250
"""From there on, bytes that may come out for one that went in; texts have 3 to 60."""

BROKEN = (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, zipfile.BadZipFile)
"""What reading a file raises that was cut off or damaged on the way."""


class Unpacked(io.RawIOBase):
    """Unpacked bytes of a packed file, as long as they are in proportion to it.

    Parameters
    ----------
    inner : binary file
        Gives the unpacked bytes.
    taken : callable
        Bytes of the packed file that it has taken for them so far.
    name : str
        The file's name for people.
    """

    def __init__(self, inner: BinaryIO, taken: Callable[[], int], name: str) -> None:
        super().__init__()
        self._inner, self._taken, self._name = inner, taken, name
        self._given = 0

    def readable(self) -> bool:
        """True: it is there to be read."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill the buffer, as files do."""
        try:
            data = self._inner.read(len(buffer))
        except OSError as error:
            # bzip2 and zstd say so of what is damaged
            raise EOFError(str(error)) from None
        self._given += len(data)
        if self._given > FREE and self._given > RATIO * max(1, self._taken()):
            raise ImporterError(
                f"{self._name} unpacks to over {RATIO} times its size, as bombs do; "
                f"if it is sound, unpack it first"
            )
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """Close what gives the bytes as well."""
        self._inner.close()
        super().close()


@contextmanager
def open_bytes(path: Path) -> Iterator[io.BufferedReader[Any]]:
    """A file's bytes, unpacked if they are packed.

    Raises
    ------
    ImporterError
        If it cannot be opened, is a bomb, or is a zip of several files.
    """
    try:
        file = open(path, "rb")  # noqa: SIM115 - closed below
    except OSError as error:
        raise ImporterError(f"{path}: cannot be read: {error.strerror or error}") from None
    with file:
        magic = file.read(4)
        file.seek(0)
        if magic[:2] == b"\x1f\x8b":
            inner = gzip.GzipFile(fileobj=file)
            with io.BufferedReader(Unpacked(inner, file.tell, str(path))) as reader:  # type: ignore[arg-type]
                yield reader
        elif magic == b"\x28\xb5\x2f\xfd":
            with _zstd(file, path) as reader:
                yield reader
        elif magic == b"PK\x03\x04":
            with _only_member(path) as reader:
                yield reader
        else:
            yield file


@contextmanager
def _zstd(file: BinaryIO, path: Path) -> Iterator[io.BufferedReader[Any]]:
    import pyarrow as pa

    try:
        packed = pa.CompressedInputStream(pa.PythonFile(file, mode="r"), "zstd")
    except (pa.ArrowException, ValueError) as error:
        raise ImporterError(f"{path} is packed with zstd, which this Arrow cannot unpack: {error}") from None
    with io.BufferedReader(Unpacked(packed, file.tell, str(path))) as reader:
        yield reader


def _only_member(path: Path) -> AbstractContextManager[io.BufferedReader[Any]]:
    from rtanalytics.importers.bundle import ZipBundle

    return ZipBundle(path).only()


def head_of(path: Path, size: int) -> bytes:
    """The first bytes of a file, unpacked; none of a folder, and those of a zip of several files as they are.

    Raises
    ------
    ImporterError
        If it cannot be read.
    """
    try:
        if path.is_dir():
            return b""
        with open(path, "rb") as file:
            head = file.read(size)
    except OSError as error:
        raise ImporterError(f"{path}: cannot be read: {error.strerror or error}") from None
    if not head.startswith((b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PK\x03\x04")):
        return head
    try:
        with open_bytes(path) as reader:
            return reader.read(size)
    except (ImporterError, *BROKEN):
        return head


def lines(path: Path) -> Iterator[tuple[int, bytes] | Rejected]:
    """Number and content of each line, without its end; blank ones are passed over.

    A line that is too long, and an end that is missing, come as :class:`Rejected`.

    Raises
    ------
    ImporterError
        If the file cannot be opened, or is a bomb.
    """
    with open_bytes(path) as file:
        number = 0
        try:
            mark = file.peek(2)[:2]
            wide = mark in (b"\xff\xfe", b"\xfe\xff")
            reader: Iterator[tuple[bytes, int]] = _wide_lines(file) if wide else _short_lines(file)
            for number, (line, size) in enumerate(reader, 1):
                data = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
                if size > MAX_LINE:
                    reason = f"a line of {size:,} bytes; one may have {MAX_LINE:,}"
                    yield Rejected(path, f"line {number}", reason, data)
                elif data := data.rstrip(b"\r\n"):
                    yield number, data
        except BROKEN as error:
            reason = f"the file is damaged or cut off from here on ({error}); fetch it again"
            yield Rejected(path, f"after line {number}", reason)


def _short_lines(file: io.BufferedReader) -> Iterator[tuple[bytes, int]]:
    """Lines and their lengths; of one that is too long, its beginning."""
    while line := file.readline(MAX_LINE + 1):
        size = len(line)
        while size > MAX_LINE and not line.endswith(b"\n"):
            more = file.readline(MAX_LINE)
            if not more:
                break
            size += len(more)
            line = line[:LONG] + more[-1:]
        yield line, size


LONG = 8_000


def _wide_lines(file: io.BufferedReader) -> Iterator[tuple[bytes, int]]:
    """The same of UTF-16, which some systems write, as UTF-8."""
    text = io.TextIOWrapper(file, encoding="utf-16", errors="replace", newline="\n")
    while line := text.readline(MAX_LINE // 4):
        yield line.encode(), len(line)


def begins(head: bytes) -> bytes:
    """The first character of a file that is no white space."""
    return head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]


def suffixed(path: Path, *suffixes: str) -> bool:
    """True if the file's name ends so, packed or not."""
    name = path.name.lower()
    for packing in (".gz", ".zst", ".zip"):
        name = name.removesuffix(packing)
    return name.endswith(suffixes)
