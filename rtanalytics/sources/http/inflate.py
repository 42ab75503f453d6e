"""Bodies as they come, packed or not, and no more of them than was allowed."""

from __future__ import annotations

import zlib
from typing import Any

from rtanalytics.sources.base import MAX_RAW, Malformed, TooLarge, Transient, printable

__all__ = ["Inflater"]


class Inflater:
    """Unpacks as it comes, and stops at the limit however small the packed body is.

    Parameters
    ----------
    encoding : str
        The ``Content-Encoding``.
    limit : int
        Bytes, unpacked.
    label : str
        What is read, for what is said about it.
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
            raise Malformed(f"{label}: content coding {printable(encoding, 40)!r}, which was not asked for")

    def add(self, chunk: bytes) -> None:
        """Take what came next.

        Raises
        ------
        TooLarge
            It unpacks to more than the limit.
        Malformed
            It cannot be unpacked.
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
            how = "is" if self._plain else "unpacks to"
            raise TooLarge(
                f"{self._label}: {how} more than the limit of {self._limit:,} bytes",
                bytes(self.out[:MAX_RAW]),
            )

    def finish(self) -> bytes:
        """Return the whole body.

        Raises
        ------
        Transient
            It was cut off.
        """
        if self._unpacker is not None and not self._unpacker.eof:
            raise Transient(f"{self._label}: the packed answer was cut off")
        if self._unpacker is None and not self._plain:
            self.out += self._head
        return bytes(self.out)

    def _begin(self, head: bytes) -> None:
        gzip = head[:2] == b"\x1f\x8b"
        zlib_header = head[0] & 15 == 8 and (head[0] << 8 | head[1]) % 31 == 0
        if self._coding != "deflate" and not gzip:
            self._plain = True  # says gzip and sends none: common enough, and harmless
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
            raise Malformed(f"{self._label}: cannot be unpacked: {error}", begun) from None
