"""HTTP responses without an end, read line by line.

Some services charge for everything they send, even if it is not read. Our receive buffers are small, so
that a server can send only little after we stop reading.
"""

from __future__ import annotations

import socket
from collections import Counter
from time import monotonic

import aiohttp

from rtanalytics.sources.base import MAX_RAW, TooLarge, Transient, printable

__all__ = ["CHUNK", "Lines", "narrow_socket"]

CHUNK = 2_048
"""Size of each buffer in bytes; together they hold 6 kB (measured), with TLS 9 kB."""


class Lines:
    """Lines of a response without an end.

    Parameters
    ----------
    response : aiohttp.ClientResponse
        Response whose headers have been received.
    max_bytes : int
        Limit for one line.
    label : str
        Name of the response in error messages, without secrets.
    counts : Counter
        ``bytes`` are counted.
    """

    def __init__(
        self, response: aiohttp.ClientResponse, max_bytes: int, label: str, counts: Counter[str]
    ) -> None:
        self.heard = monotonic()
        """Monotonic time of the last received data."""
        self.unread: int | None = None
        """Number of bytes received but not returned in a line when it ended; None if unknown."""
        self._response, self._max_bytes, self._label, self._counts = response, max_bytes, label, counts
        self._buffer, self._searched, self._taken = bytearray(), 0, 0
        self._protocol = response.connection.protocol if response.connection is not None else None
        transport = self._protocol.transport if self._protocol is not None else None
        if transport is not None and hasattr(transport, "set_read_buffer_limits"):
            transport.set_read_buffer_limits(CHUNK)  # of TLS, which otherwise buffers 500 kB

    async def next(self) -> bytes | None:
        """Return the next line without its line break, possibly empty; None at the end of the response.

        A call that is cancelled loses nothing.

        Raises
        ------
        Transient
            If the response was cut off, or ended within a line.
        TooLarge
            If the line exceeds the limit; reading cannot continue.
        """
        while (end := self._buffer.find(b"\n", self._searched)) < 0:
            self._searched = len(self._buffer)
            self._check(self._searched)
            try:
                chunk = await self._response.content.readany()
            except aiohttp.ClientPayloadError:
                ended = self._protocol.exception() if self._protocol is not None else None
                if isinstance(ended, aiohttp.ServerDisconnectedError):
                    self._ended()  # closed, not reset: everything sent has been received
                raise Transient(f"{self._label}: cut off") from None
            except (aiohttp.ClientError, OSError) as error:
                raise Transient(
                    f"{self._label}: cut off: {printable(error) or type(error).__name__}"
                ) from None
            if not chunk:
                self._ended()
                if self._buffer:
                    raise Transient(f"{self._label}: cut off within a line")
                return None
            self._taken += len(chunk)
            self.heard = monotonic()
            self._counts["bytes"] += len(chunk)
            self._buffer += chunk
        self._check(end)
        line = bytes(self._buffer[:end]).removesuffix(b"\r")
        del self._buffer[: end + 1]
        self._searched = 0
        return line

    def close(self) -> None:
        """Cut the connection; nothing more is delivered."""
        self._response.close()

    def _ended(self) -> None:
        self.unread = self._response.content.total_bytes - self._taken + len(self._buffer)

    def _check(self, size: int) -> None:
        if size > self._max_bytes:
            raise TooLarge(
                f"{self._label}: a line of more than {self._max_bytes:,} bytes", bytes(self._buffer[:MAX_RAW])
            )


def narrow_socket(info: aiohttp.AddrInfoType) -> socket.socket:
    """Create a socket with a small receive buffer."""
    family, kind, protocol, _, _ = info
    result = socket.socket(family, kind, protocol)
    result.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, CHUNK)  # has no effect after connecting
    result.setblocking(False)
    return result
