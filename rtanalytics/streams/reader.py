"""The reading side of a Redis stream, on a connection of its own: it blocks."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from rtanalytics.streams import Trimmed
from rtanalytics.streams.connection import RedisConnection
from rtanalytics.streams.follower import Entry
from rtanalytics.streams.position import START, Place, entry_key

__all__ = ["COUNT", "Reader", "as_entry", "low_place"]

COUNT = 500
"""Entries of a bucket in one read."""


class Reader:
    """Hands raw entries to a :class:`~rtanalytics.streams.follower.StreamFeed`."""

    def __init__(self, stream: RedisConnection, key: str) -> None:
        self._stream = RedisConnection(stream.url, stream.name)
        self.key = key
        self._registry = f"rta:{{{stream.name}}}:buckets"
        self._registered = "0-0"

    def places(self, known: dict[str, Place] | None) -> dict[str, Place]:
        stream = self._stream
        self._registered = "0-0"
        checked = dict(known or {})
        buckets = stream.buckets()
        for bucket in buckets:
            keys = [stream.key_of(bucket, part) for part in ("events", "state")]
            last, mark, epoch = stream.run("last", keys, [])
            if known is None:
                checked[bucket] = Place(last.decode(), int(mark), int(epoch))
            elif bucket in known and entry_key(known[bucket].entry) > entry_key(last.decode()):
                checked[bucket] = known[bucket]._replace(entry=last.decode())
            else:
                checked.setdefault(bucket, START)
        for bucket in set(checked) - set(buckets):
            # the server came back empty: whatever is appended now is after its beginning
            checked[bucket] = checked[bucket]._replace(entry="0-0")
        return checked

    def read(self, places: dict[str, Place], block: timedelta) -> dict[str, list[Entry]]:
        stream = self._stream
        with stream.errors():
            batch = self._take(places)
            if not batch:
                keys = {stream.key_of(bucket, "events"): p.entry for bucket, p in places.items()}
                keys[self._registry] = self._registered
                self._xread(stream.client, keys, count=1, block=block)
                batch = self._take(places)
        return batch

    def _take(self, places: dict[str, Place]) -> dict[str, list[Entry]]:
        """Read what is there, and in the same transaction whether something was trimmed before it."""
        stream = self._stream
        pipe = stream.client.pipeline(transaction=True)
        names = {stream.key_of(bucket, "events").encode(): bucket for bucket in places}
        if places:
            self._xread(pipe, {stream.key_of(b, "events"): p.entry for b, p in places.items()}, count=COUNT)
        for bucket in places:
            pipe.hget(stream.key_of(bucket, "state"), "low")
        self._xread(pipe, {self._registry: self._registered}, count=COUNT)
        answers = pipe.execute()
        found = answers.pop()
        read = answers.pop(0) if places else []
        for (bucket, place), low in zip(places.items(), answers, strict=True):
            if low is not None and entry_key(low.decode()) > entry_key(place.entry):
                raise Trimmed(
                    f"{self.key}: bucket {bucket!r} is trimmed up to {low.decode()}, this reader had come to "
                    f"{place.entry}; read on from the archive, or begin with a snapshot"
                )
        batch = {names[key]: [as_entry(item) for item in items] for key, items in read or []}
        for _, items in found or []:
            for entry, fields in items:
                self._registered = entry.decode()
                bucket = fields[1].decode()
                if bucket not in places:
                    # a bucket that appeared later: everything in it is new, what was trimmed apart
                    places[bucket] = low_place(stream.state_of(bucket))
        return batch

    @staticmethod
    def _xread(client: Any, keys: dict[str, str], count: int, block: timedelta | None = None) -> Any:
        words: list[Any] = ["XREAD", "COUNT", count]
        if block is not None:
            words += ["BLOCK", max(1, int(block.total_seconds() * 1000))]
        return client.execute_command(*words, "STREAMS", *keys.keys(), *keys.values())

    def release(self) -> None:
        self._stream.close()


def as_entry(item: Any) -> Entry:
    """An entry as the server gives it."""
    entry, fields = item
    raised = int(fields[3]) if len(fields) > 2 else 0
    return Entry(entry.decode(), fields[0].decode(), fields[1], raised)


def low_place(state: dict[bytes, bytes]) -> Place:
    """The place from which everything that is kept is read."""
    return Place(state.get(b"low", b"0-0").decode())
