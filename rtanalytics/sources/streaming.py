"""An answer without an end, line by line: for services that go on talking.

Whoever pays for what is said must know how much can be on its way without being read. So the
buffers on our side are small: a server that is not read is soon held up, and waits.
"""

from __future__ import annotations

import socket
from collections import Counter
from time import monotonic

import aiohttp

from rtanalytics.sources.base import MAX_RAW, TooLarge, Transient, printable

__all__ = ["CHUNK", "Lines", "narrow_socket"]

CHUNK = 2_048
"""Bytes that each of our buffers holds; together they were seen to hold 6 kB, with TLS 9 kB."""


class Lines:
    """The lines of an answer, as they come.

    Parameters
    ----------
    response : aiohttp.ClientResponse
        Whose head has come.
    max_bytes : int
        Of one line.
    label : str
        What it is called in errors; no secret in it.
    counts : Counter
        ``bytes`` are counted.
    """

    def __init__(
        self, response: aiohttp.ClientResponse, max_bytes: int, label: str, counts: Counter[str]
    ) -> None:
        self.heard = monotonic()
        """When something came last, by the monotonic clock."""
        self.unread: int | None = None
        """Bytes that had come when it ended and were in no line; None if nobody knows."""
        self._response, self._max_bytes, self._label, self._counts = response, max_bytes, label, counts
        self._buffer, self._searched, self._taken = bytearray(), 0, 0
        self._protocol = response.connection.protocol if response.connection is not None else None
        transport = self._protocol.transport if self._protocol is not None else None
        if transport is not None and hasattr(transport, "set_read_buffer_limits"):
            transport.set_read_buffer_limits(CHUNK)  # that of TLS, which holds 500 kB otherwise

    async def next(self) -> bytes | None:
        """Return the next line without its end, possibly empty; None if the server has ended the answer.

        A call that is cancelled loses nothing.

        Raises
        ------
        Transient
            If the answer was cut, or ended within a line.
        TooLarge
            If the line is longer than may be; there is no reading on.
        """
        while (end := self._buffer.find(b"\n", self._searched)) < 0:
            self._searched = len(self._buffer)
            self._check(self._searched)
            try:
                chunk = await self._response.content.readany()
            except aiohttp.ClientPayloadError:
                ended = self._protocol.exception() if self._protocol is not None else None
                if isinstance(ended, aiohttp.ServerDisconnectedError):
                    self._ended()  # closed and not reset: all that was sent has come
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
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, CHUNK)  # before it is connected: later is too late
    made.setblocking(False)
    return made
