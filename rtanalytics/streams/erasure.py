"""What a Redis stream must not hold any more, and how it is taken out.

The marks of who is forgotten are a set beside the buckets. Each bucket's state holds the set's version, which
the append script compares with the one that the writer knew: a writer that has not heard of a mark yet is
refused, learns it and leaves out what it covers. So nothing of a forgotten author enters once ``forget`` has
returned, whoever writes. Every writer keeps the marks it knows and gives them to a server that has lost them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from redis.exceptions import ResponseError

from rtanalytics.erasure import Forgotten, deletions
from rtanalytics.event import Event
from rtanalytics.streams.connection import RedisConnection
from rtanalytics.streams.reader import as_entry

__all__ = ["RedisForgetting"]

PAGE = 1_000
"""Entries looked at in one read."""


class RedisForgetting(RedisConnection):
    """The part of a Redis stream that lets go."""

    def forget(self, marks: Iterable[str]) -> None:
        self.learn(marks)

    def forgotten(self) -> Forgotten:
        with self.errors():
            return Forgotten(mark.decode() for mark in self.client.smembers(self.forgotten_key))

    def kept(self) -> Iterator[Event]:
        for bucket in self.buckets():
            yield from (event for _, event in self._entries(bucket))

    def erase(self, wanted: Callable[[Event], bool], *, tell: bool = True) -> list[str]:
        ids = {event.id: event.source for event in self.kept() if wanted(event)}
        if ids and tell:
            self.append(deletions(ids))
        for bucket in self.buckets() if ids else ():
            gone = [entry for entry, event in self._entries(bucket) if event.id in ids]
            for first in range(0, len(gone), PAGE):
                with self.errors():
                    self.client.xdel(self.key_of(bucket, "events"), *gone[first : first + PAGE])
        if ids:
            # the append-only file still holds what was written before
            with self.errors(), contextlib.suppress(ResponseError):
                self.client.bgrewriteaof()
        return list(ids)

    def append(self, events: Sequence[Event]) -> Any:
        """As the stream has it."""
        raise NotImplementedError

    def _entries(self, bucket: str) -> Iterator[tuple[str, Event]]:
        place = "-"
        while True:
            with self.errors():
                page = self.client.xrange(self.key_of(bucket, "events"), place, "+", count=PAGE)
            for item in page:
                # XRANGE through the client gives fields as a mapping, XREAD as a list
                entry = as_entry((item[0], [part for pair in item[1].items() for part in pair]))
                if entry.kind == "e" and (event := entry.event()).op != "delete":
                    yield entry.id, event
            if len(page) < PAGE:
                return
            place = f"({page[-1][0].decode()}"
