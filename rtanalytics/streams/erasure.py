"""Erasure on a stream: what it must not store, and the removal of what it has.

The marks are a set beside the buckets. Each bucket's state holds the set's version, which the append
script compares with the version that the writer knows. A writer with an old version is refused, reads the
marks and leaves out what they cover. So once ``forget`` has returned, nothing covered is stored, whichever
process writes. Every writer remembers the marks it knows and restores them on a server that has lost them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from redis.exceptions import ResponseError

from rtanalytics.erasure import ErasureMarks, deletions
from rtanalytics.event import Event
from rtanalytics.streams.reader import as_entry

if TYPE_CHECKING:
    from rtanalytics.streams.connection import RedisConnection

__all__ = ["RedisErasure"]

PAGE = 1_000
"""Entries in one read."""


class RedisErasure:
    """Erasure on a server.

    Parameters
    ----------
    connection : RedisConnection
        The stream's connection.
    append : callable
        The stream's ``append``, for the deletes that announce an erasure.
    """

    def __init__(self, connection: RedisConnection, append: Callable[[Sequence[Event]], Any]) -> None:
        self._connection = connection
        self._append = append

    def forget(self, marks: Iterable[str]) -> None:
        self._connection.learn(marks)

    def marks(self) -> ErasureMarks:
        with self._connection.errors():
            marks = self._connection.client.smembers(self._connection.forgotten_key)
        return ErasureMarks(mark.decode() for mark in marks)

    def kept(self) -> Iterator[Event]:
        for bucket in self._connection.buckets():
            yield from (event for _, event in self._entries(bucket))

    def erase(self, wanted: Callable[[Event], bool], *, announce: bool = True) -> list[str]:
        connection = self._connection
        ids = {event.id: event.source for event in self.kept() if wanted(event)}
        if not ids:
            return []
        if announce:
            self._append(deletions(ids))
        for bucket in connection.buckets():
            entries = [entry for entry, event in self._entries(bucket) if event.id in ids]
            for first in range(0, len(entries), PAGE):
                with connection.errors():
                    connection.client.xdel(
                        connection.key_of(bucket, "events"), *entries[first : first + PAGE]
                    )
        # the append-only file still holds what was written before
        with connection.errors(), contextlib.suppress(ResponseError):
            connection.client.bgrewriteaof()
        return list(ids)

    def _entries(self, bucket: str) -> Iterator[tuple[str, Event]]:
        start = "-"
        while True:
            with self._connection.errors():
                key = self._connection.key_of(bucket, "events")
                page = self._connection.client.xrange(key, start, "+", count=PAGE)
            for item in page:
                # XRANGE through the client gives fields as a mapping, XREAD as a list
                entry = as_entry((item[0], [part for pair in item[1].items() for part in pair]))
                if entry.kind == "e" and (event := entry.event()).op != "delete":
                    yield entry.id, event
            if len(page) < PAGE:
                return
            start = f"({page[-1][0].decode()}"
