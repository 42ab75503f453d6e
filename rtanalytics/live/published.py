"""Feed of the trends that a conference's trender process publishes on the stream.

All views that read this feed show the same trends, because one process detects them for all.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Protocol

from rtanalytics.feed import Status, Unavailable
from rtanalytics.trend import TrendBin, decode_bin

__all__ = ["PublishedTrends", "Publisher"]

log = logging.getLogger(__name__)

CHANNEL = "trends"


class Published(Protocol):
    """One published result, such as a bin of trends."""

    @property
    def id(self) -> str:
        """Id of the result on its channel."""
        ...

    @property
    def payload(self) -> bytes:
        """Encoded content of the result."""
        ...


class Channels(Protocol):
    """Channels of a stream, from which published results can be read."""

    def read(self, channel: str, after: str = "0-0", wait: timedelta | None = None) -> Sequence[Published]:
        """Return the results that follow the id ``after``; wait up to ``wait`` for the first one."""
        ...


class Publisher(Protocol):
    """The parts of a stream that :class:`PublishedTrends` needs: its key and its channels."""

    @property
    def key(self) -> str:
        """Key that identifies the stream."""
        ...

    @property
    def channels(self) -> Channels:
        """Channels of the stream."""
        ...


class PublishedTrends:
    """Feed of published bins of trends: first the ``last`` newest bins, then each new bin.

    Parameters
    ----------
    stream : Publisher
        The running stream of a conference.
    last : int
        Number of existing bins with which the feed starts.

    Attributes
    ----------
    unreadable : int
        Number of results that could not be decoded; each is logged.

    Examples
    --------
    In a notebook::

        Dashboard(stream.follow(), schedule, trends=PublishedTrends(stream))
    """

    def __init__(self, stream: Publisher, last: int = 24) -> None:
        self._stream = stream
        self._last = last
        self._closed = threading.Event()
        self._status = Status("live")
        self.unreadable = 0

    @property
    def key(self) -> str:
        """Key of the stream, ``#``, and name of the channel."""
        return f"{self._stream.key}#{CHANNEL}"

    @property
    def status(self) -> Status:
        """Status of the feed: live, reconnecting, or ended."""
        return self._status

    def close(self) -> None:
        """End the iteration within a second."""
        self._closed.set()

    def __iter__(self) -> Iterator[TrendBin]:
        place = "0-0"
        kept: deque[Published] = deque(maxlen=self._last)
        wait: timedelta | None = None
        while not self._closed.is_set():
            try:
                page = self._stream.channels.read(CHANNEL, place, wait)
            except Unavailable as error:
                self._status = Status("reconnecting", str(error))
                self._closed.wait(0.5)
                continue
            self._status = Status("live")
            if page:
                place = page[-1].id
            if wait is None and page:
                kept.extend(page)
                continue
            for note in (*kept, *page):
                if (bin := self._read(note)) is not None:
                    yield bin
            kept.clear()
            wait = timedelta(seconds=1)
        self._status = Status("ended")

    def _read(self, note: Published) -> TrendBin | None:
        try:
            return decode_bin(note.payload)
        except ValueError as error:
            self.unreadable += 1
            log.warning("%s: result %s is not a bin of trends: %r", self.key, note.id, str(error))
            return None
