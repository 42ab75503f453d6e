"""Base classes of sources that keep a connection open.

A service sends each message once, but a batch must be returned again until it is stored. So
:class:`StreamedSource` keeps the batches that may not be stored yet; if it is polled with an unexpected
cursor, it connects again. Each kind of source implements connecting and reading.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from typing import TYPE_CHECKING, ClassVar, TypeVar

from rtanalytics.sources.base import Batch, Transient

if TYPE_CHECKING:
    import aiohttp

__all__ = ["Disconnected", "PollWindow", "StreamTimings", "StreamedSource", "WebSocketSource"]

T = TypeVar("T")


class Disconnected(Transient):
    """The server ended the connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamTimings:
    """How long a streamed source waits for messages.

    Parameters
    ----------
    first : timedelta
        Time that a poll waits for the first message.
    more : timedelta
        Time that it waits for further messages once there is one.
    reconnect : timedelta
        Time until the next attempt to connect, for a source that reads in another way meanwhile.
    """

    first: timedelta = timedelta(seconds=2)
    more: timedelta = timedelta(milliseconds=100)
    reconnect: timedelta = timedelta(seconds=30)


class PollWindow:
    """Time in which one poll reads messages: long until the first one, short after it.

    Parameters
    ----------
    timings : StreamTimings
        Lengths of the window before and after the first message.
    started : bool
        True if messages are waiting already: then the window is over at once.
    """

    def __init__(self, timings: StreamTimings, *, started: bool = False) -> None:
        self._more = timings.more.total_seconds()
        self._until = monotonic() + (0.0 if started else timings.first.total_seconds())

    @property
    def over(self) -> bool:
        """True if no time is left."""
        return monotonic() >= self._until

    def shorten(self) -> None:
        """Shorten the window after the first message."""
        self._until = min(self._until, monotonic() + self._more)

    async def wait_for(self, receive: Callable[[], Awaitable[T]]) -> T:
        """Return the next message.

        Raises
        ------
        TimeoutError
            If none comes within the window.
        """
        left = self._until - monotonic()
        if left <= 0:
            raise TimeoutError
        async with asyncio.timeout(left):
            return await receive()


class StreamedSource(ABC):
    """A source that receives messages over a connection.

    Parameters
    ----------
    timings : StreamTimings, optional
        How long to wait for messages; by default the ``timings`` of the class.
    """

    timings: StreamTimings = StreamTimings()
    kept_events: ClassVar[int] = 0
    """Number of events of earlier batches to keep in addition to the last batch, to return them again."""

    def __init__(self, timings: StreamTimings | None = None) -> None:
        self.timings = timings or self.timings
        self.failures = 0
        """Number of failed or lost connections in a row."""
        self.problem: str | None = None
        """Reason why there is no connection, for a source that reads in another way meanwhile."""
        self._returned: deque[tuple[bytes | None, Batch]] = deque()
        self._expected: bytes | None = None
        self._connect_at = 0.0

    @property
    def host(self) -> str | None:
        """Always None, because an open connection does not use a rate limit."""
        return None

    async def poll(self, cursor: bytes | None) -> Batch:
        """Return the events received since ``cursor``; the same batch again if it was not stored."""
        for before, batch in self._returned:
            if before == cursor:
                return batch
        if cursor != self._expected:
            self._returned.clear()
            await self.rewind()
            self._expected = cursor
        batch = await self.receive(cursor)
        if batch.cursor not in {None, cursor}:
            self._expected = batch.cursor
            self._returned.append((cursor, batch))
            self._drop_oldest()
        return batch

    def _drop_oldest(self) -> None:
        returned = self._returned
        while len(returned) > 1 and sum(len(batch.events) for _, batch in returned) >= self.kept_events:
            returned.popleft()

    @abstractmethod
    async def receive(self, cursor: bytes | None) -> Batch:
        """Connect if needed, and return the received events; ``cursor`` is the position of the connection."""

    @abstractmethod
    async def rewind(self) -> None:
        """Disconnect and drop all received messages that are not stored."""

    def may_connect(self) -> bool:
        """Check whether the pause after the last failure is over."""
        return monotonic() >= self._connect_at

    def pause(self, pause: timedelta, problem: str) -> None:
        """Delay the next attempt to connect."""
        self._connect_at, self.problem = monotonic() + pause.total_seconds(), problem


class WebSocketSource(StreamedSource):
    """A streamed source whose connection is a WebSocket with text frames.

    Parameters
    ----------
    counts : Counter
        ``binary`` frames are counted and skipped.
    timings : StreamTimings, optional
        How long to wait for frames.
    """

    counts: Counter[str]

    def __init__(self, counts: Counter[str], timings: StreamTimings | None = None) -> None:
        super().__init__(timings)
        self.counts = counts
        self.ws: aiohttp.ClientWebSocketResponse | None = None

    async def next_frame(self, window: PollWindow) -> bytes:
        """Return the next text frame.

        Raises
        ------
        TimeoutError
            If none comes within the window.
        Disconnected
            If there is no connection, or the server has ended it; :meth:`disconnect` is left to the caller.
        """
        import aiohttp

        while self.ws is not None:
            message = await window.wait_for(self.ws.receive)
            if message.type is aiohttp.WSMsgType.TEXT:
                return str(message.data).encode("utf-8", "replace")
            if message.type is not aiohttp.WSMsgType.BINARY:
                raise Disconnected(f"the server ended the connection ({self.ws.close_code or 'cut'})")
            self.counts["binary"] += 1
        raise Disconnected("there is no connection")

    async def disconnect(self) -> None:
        """Close the connection, if there is one."""
        ws, self.ws = self.ws, None
        if ws is not None:
            await ws.close()

    async def rewind(self) -> None:
        await self.disconnect()
