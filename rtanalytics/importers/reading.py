"""Reading of files as bytes or lines: plain, compressed with gzip or zstd, or alone in a zip.

Files are read piece by piece. Decompression bombs and lines that are too long are refused.
"""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from rtanalytics.extras import extra
from rtanalytics.importers.base import ImporterError, Rejected
from rtanalytics.importers.unpack import BROKEN, Unpacked, ZipBundle, unreadable

__all__ = ["MAX_LINE", "begins", "head_of", "is_utf16", "lines", "lines_of", "open_bytes", "suffixed"]

MAX_LINE = 16_000_000
"""Maximum number of bytes of a line, or of one message in a document."""

_KEPT_OF_LONG_LINE = 8_000
_LARGEST_WINDOW = 2**27
"""Maximum window of a zstd file, in bytes, that pyarrow can decompress."""

_GZIP, _ZSTD, _ZIP = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PK\x03\x04"


@contextmanager
def open_bytes(path: Path) -> Iterator[io.BufferedReader[Any]]:
    """Open a file as bytes, decompressed if it is compressed.

    Raises
    ------
    ImporterError
        If the file cannot be opened, is a decompression bomb, or is a zip of several files.
    """
    try:
        file = open(path, "rb")  # noqa: SIM115 - closed below
    except OSError as error:
        raise unreadable(path, error) from None
    with file:
        magic = file.read(4)
        file.seek(0)
        if magic[:2] == _GZIP:
            inner = gzip.GzipFile(fileobj=file)
            with io.BufferedReader(Unpacked(inner, file.tell, str(path))) as reader:  # type: ignore[arg-type]
                yield reader
        elif magic == _ZSTD:
            with _zstd(file, path) as reader:
                yield reader
        elif magic == _ZIP:
            with ZipBundle(path).only() as reader:
                yield reader
        else:
            yield file


@contextmanager
def _zstd(file: BinaryIO, path: Path) -> Iterator[io.BufferedReader[Any]]:
    packed: Any
    if _zstd_window(file.read(18)) > _LARGEST_WINDOW:
        file.seek(0)
        packed = _LongZstd(file)
    else:
        import pyarrow as pa

        file.seek(0)
        try:
            packed = pa.CompressedInputStream(pa.PythonFile(file, mode="r"), "zstd")
        except (pa.ArrowException, ValueError) as error:
            reason = f"this version of pyarrow cannot decompress zstd: {error}"
            raise ImporterError(f"{path}: {reason}") from None
    with io.BufferedReader(Unpacked(packed, file.tell, str(path))) as reader:
        yield reader


def _zstd_window(header: bytes) -> int:
    """Return the window size in bytes from the header of a zstd frame (RFC 8878)."""
    if len(header) < 6 or header[4] & 0x20:  # a frame of a single segment has no window size
        return 0
    exponent, mantissa = header[5] >> 3, header[5] & 7
    base: int = 1 << (10 + exponent)
    return base + (base >> 3) * mantissa


class _LongZstd(io.RawIOBase):
    """Decompressed bytes of a zstd file with a window of up to 2 GB (``--long=31``), as from Pushshift."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        with extra("dumps"):
            import zstandard
        self._file = file
        self._error = zstandard.ZstdError
        self._frames = zstandard.ZstdDecompressor(max_window_size=2**31)
        self._frame = self._frames.decompressobj()
        self._unread, self._data, self._at = b"", b"", 0

    def read(self, size: int = -1) -> bytes:
        """Return at most ``size`` bytes, or b"" at the end."""
        while self._at >= len(self._data):
            # a small piece, because decompression may enlarge it 30,000 times
            piece = self._unread or self._file.read(4096)
            if not piece:
                if not self._frame.eof:
                    raise OSError("the last frame has no end")
                return b""
            if self._frame.eof:
                self._frame = self._frames.decompressobj()
            try:
                self._data, self._at = self._frame.decompress(piece), 0
            except self._error as error:
                raise OSError(str(error)) from None
            self._unread = self._frame.unused_data if self._frame.eof else b""
        begin, self._at = self._at, self._at + size if size >= 0 else len(self._data)
        return self._data[begin : self._at]


def head_of(path: Path, size: int) -> bytes:
    """Return the first bytes of a file, decompressed.

    The result is empty for a folder, and the compressed bytes for a zip of several files.

    Raises
    ------
    ImporterError
        If the file cannot be read.
    """
    try:
        if path.is_dir():
            return b""
        with open(path, "rb") as file:
            head = file.read(size)
    except OSError as error:
        raise unreadable(path, error) from None
    if not head.startswith((_GZIP, _ZSTD, _ZIP)):
        return head
    try:
        with open_bytes(path) as reader:
            return reader.read(size)
    except (ImporterError, *BROKEN):
        return head


def lines(path: Path) -> Iterator[tuple[int, bytes] | Rejected]:
    """Yield number and content (without line ending) of each line; blank lines are skipped.

    A line that is too long, or the end of a truncated file, yields a :class:`Rejected`.

    Raises
    ------
    ImporterError
        If the file cannot be opened, or is a decompression bomb.
    """
    with open_bytes(path) as file:
        yield from lines_of(file, path)


def lines_of(
    file: io.BufferedReader, name: str | Path, *, blank: bool = False
) -> Iterator[tuple[int, bytes] | Rejected]:
    """Yield the lines of an open file as :func:`lines` does, with blank lines if ``blank`` is true."""
    number = 0
    try:
        reader = _utf16_lines(file) if is_utf16(file.peek(2)) else _utf8_lines(file)
        for number, (line, size) in enumerate(reader, 1):
            data = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
            if size > MAX_LINE:
                reason = f"a line of {size:,} bytes; the limit is {MAX_LINE:,}"
                yield Rejected(name, f"line {number}", reason, data)
            elif (data := data.rstrip(b"\r\n")) or blank:
                yield number, data
    except BROKEN as error:
        reason = f"the file is damaged or cut off from here on ({error}); fetch it again"
        yield Rejected(name, f"after line {number}", reason)


def _utf8_lines(file: io.BufferedReader) -> Iterator[tuple[bytes, int]]:
    """Yield each line and its length in bytes; a line that is too long is cut."""
    while line := file.readline(MAX_LINE + 1):
        size = len(line)
        while size > MAX_LINE and not line.endswith(b"\n"):
            more = file.readline(MAX_LINE)
            if not more:
                break
            size += len(more)
            line = line[:_KEPT_OF_LONG_LINE] + more[-1:]
        yield line, size


def _utf16_lines(file: io.BufferedReader) -> Iterator[tuple[bytes, int]]:
    """Yield each line, encoded as UTF-8, and its length in characters."""
    text = io.TextIOWrapper(file, encoding="utf-16", errors="replace", newline="\n")
    while line := text.readline(MAX_LINE // 4):
        yield line.encode(), len(line)


def is_utf16(head: bytes) -> bool:
    """Return True if the first bytes of a file are a byte order mark of UTF-16."""
    return head[:2] in (b"\xff\xfe", b"\xfe\xff")


def begins(head: bytes) -> bytes:
    """Return the first byte of ``head`` that is not white space."""
    return head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]


def suffixed(path: Path, *suffixes: str) -> bool:
    """Return True if a file name has one of the suffixes, possibly before ``.gz``, ``.zst`` or ``.zip``."""
    name = path.name.lower()
    for packing in (".gz", ".zst", ".zip"):
        name = name.removesuffix(packing)
    return name.endswith(suffixes)
