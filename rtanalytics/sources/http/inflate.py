"""Decompression of response bodies, chunk by chunk, with a size limit."""

from __future__ import annotations

import zlib
from typing import Any

from rtanalytics.sources.base import MAX_RAW, Malformed, TooLarge, Transient, printable

__all__ = ["Inflater"]


class Inflater:
    """Decompressor of a body in chunks, which stops when the decompressed size exceeds the limit.

    Parameters
    ----------
    encoding : str
        The ``Content-Encoding``.
    limit : int
        Maximum size in bytes, decompressed.
    label : str
        Name of the body in error messages.
    """

    def __init__(self, encoding: str, limit: int, label: str) -> None:
        self.out = bytearray()
        self._limit = limit
        self._label = label
        self._head = b""
        self._coding = encoding.strip().lower()
        self._unpacker: Any = None
        self._plain = self._coding in {"", "identity"}
        if not self._plain and self._coding not in {"gzip", "x-gzip", "deflate"}:
            raise Malformed(f"{label}: content coding {printable(encoding, 40)!r}, which was not requested")

    def add(self, chunk: bytes) -> None:
        """Add the next chunk.

        Raises
        ------
        TooLarge
            If the decompressed body exceeds the limit.
        Malformed
            If it cannot be decompressed.
        """
        if not self._plain and self._unpacker is None:
            chunk = self._head = self._head + chunk
            if len(chunk) < 2:
                return
            self._begin(chunk)
        if self._plain:
            self.out += chunk
        else:
            self._unpack(chunk)
        if len(self.out) > self._limit:
            how = "is" if self._plain else "decompresses to"
            raise TooLarge(
                f"{self._label}: {how} more than the limit of {self._limit:,} bytes",
                bytes(self.out[:MAX_RAW]),
            )

    def finish(self) -> bytes:
        """Return the whole body.

        Raises
        ------
        Transient
            If the body is incomplete.
        """
        if self._unpacker is not None and not self._unpacker.eof:
            raise Transient(f"{self._label}: the compressed response was cut off")
        if self._unpacker is None and not self._plain:
            self.out += self._head
        return bytes(self.out)

    def _begin(self, head: bytes) -> None:
        gzip = head[:2] == b"\x1f\x8b"
        zlib_header = head[0] & 15 == 8 and (head[0] << 8 | head[1]) % 31 == 0
        if self._coding != "deflate" and not gzip:
            self._plain = True  # labelled as gzip but not compressed: common and harmless
            return
        self._unpacker = zlib.decompressobj(31 if gzip else 15 if zlib_header else -15)

    def _unpack(self, chunk: bytes) -> None:
        try:
            while chunk and len(self.out) <= self._limit:
                self.out += self._unpacker.decompress(chunk, self._limit + 1 - len(self.out))
                chunk = self._unpacker.unconsumed_tail
                if self._unpacker.eof:
                    rest = self._unpacker.unused_data
                    if rest[:2] != b"\x1f\x8b":
                        return
                    chunk, self._unpacker = rest, zlib.decompressobj(31)
        except zlib.error as error:
            begun = bytes(self.out[:MAX_RAW])
            raise Malformed(f"{self._label}: cannot be decompressed: {error}", begun) from None
