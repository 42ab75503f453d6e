"""Reading side of a Redis stream, on its own connection because it blocks."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from rtanalytics.streams.connection import RedisConnection
from rtanalytics.streams.errors import Trimmed
from rtanalytics.streams.follower import UNKNOWN, Entry
from rtanalytics.streams.position import START, Place, entry_key

__all__ = ["COUNT", "Reader", "as_entry", "low_place"]

COUNT = 500
"""Entries per bucket in one read."""


_MAX_SEQUENCE = 2**64 - 1


class Reader:
    """Backend of a :class:`~rtanalytics.streams.follower.StreamFeed` on a server."""

    def __init__(self, connection: RedisConnection, key: str) -> None:
        self._connection = RedisConnection(connection.url, connection.name)
        self.key = key
        self._registry = f"rta:{{{connection.name}}}:buckets"
        self._registered = "0-0"

    def places(self, known: dict[str, Place] | None) -> dict[str, Place]:
        connection = self._connection
        self._registered = "0-0"
        checked = dict(known or {})
        buckets = connection.buckets()
        for bucket in buckets:
            keys = [connection.key_of(bucket, part) for part in ("events", "state")]
            last, mark, epoch = connection.run("last", keys, [])
            if known is None:
                checked[bucket] = Place(last.decode(), int(mark), int(epoch))
            elif bucket in known and entry_key(known[bucket].entry) > entry_key(last.decode()):
                checked[bucket] = known[bucket]._replace(entry=last.decode())
            else:
                checked.setdefault(bucket, START)
        for bucket in set(checked) - set(buckets):
            # the server came back empty: read what is appended now from the beginning
            checked[bucket] = checked[bucket]._replace(entry="0-0")
        return checked

    def read(self, places: dict[str, Place], block: timedelta) -> dict[str, list[Entry]]:
        connection = self._connection
        with connection.errors():
            batch = self._take(places)
            if not batch:
                keys = {connection.key_of(bucket, "events"): p.entry for bucket, p in places.items()}
                keys[self._registry] = self._registered
                self._xread(connection.client, keys, count=1, block=block)
                batch = self._take(places)
        return batch

    def _take(self, places: dict[str, Place]) -> dict[str, list[Entry]]:
        """Read the next entries; the same transaction also reads whether unread entries were trimmed."""
        connection = self._connection
        pipe = connection.client.pipeline(transaction=True)
        names = {connection.key_of(bucket, "events").encode(): bucket for bucket in places}
        if places:
            # the entry at each place is read again: if it is missing, somebody may have trimmed the stream
            starts = {connection.key_of(b, "events"): _before(p.entry) for b, p in places.items()}
            self._xread(pipe, starts, count=COUNT + 1)
        for bucket in places:
            pipe.hget(connection.key_of(bucket, "state"), "low")
        self._xread(pipe, {self._registry: self._registered}, count=COUNT)
        answers = pipe.execute()
        announced = answers.pop() or []
        pages = (answers.pop(0) or []) if places else []
        for (bucket, place), low in zip(places.items(), answers, strict=True):
            if low is not None and entry_key(low.decode()) > entry_key(place.entry):
                raise Trimmed(
                    f"{self.key}: bucket {bucket!r} is trimmed up to {low.decode()}, this reader was at "
                    f"{place.entry}; continue from the archive, or begin with a snapshot"
                )
        pages = {names[key]: items for key, items in pages}
        batch = {}
        for bucket, place in places.items():
            items = pages.get(bucket, [])
            if items and items[0][0].decode() == place.entry:
                items = items[1:]
            elif place.entry != START.entry:
                self._check_trimmed(bucket, place)
            if items:
                batch[bucket] = [as_entry(item) for item in items]
        for _, items in announced:
            for entry, fields in items:
                self._registered = entry.decode()
                bucket = fields[1].decode()
                if bucket not in places:
                    # a new bucket: all its entries are new, except those trimmed already
                    places[bucket] = low_place(connection.state_of(bucket))
        return batch

    def _check_trimmed(self, bucket: str, place: Place) -> None:
        """Check that no unread entries were trimmed, when the entry at the reader's place no longer exists.

        The server remembers the highest id that was deleted on its own, as an erasure does, but nothing of
        entries that were trimmed; these only show in the number of entries.
        """
        connection = self._connection
        key, at = connection.key_of(bucket, "events"), entry_key(place.entry)
        if not connection.client.exists(key):
            return
        info = connection.client.xinfo_stream(key)
        low = connection.client.hget(connection.key_of(bucket, "state"), "low") or b"0-0"
        ids = [info.get(name, b"0-0") for name in ("max-deleted-entry-id", "last-generated-id")]
        deleted, last = (entry_key(entry.decode()) for entry in ids)
        trimmed = info.get("entries-added", 0) > info["length"]
        if trimmed and max(deleted, entry_key(low.decode())) < at < last:
            raise Trimmed(
                f"{self.key}: somebody else trimmed bucket {bucket!r}, and this reader was at {place.entry};"
                " continue from the archive, or begin with a snapshot; do not trim it with XTRIM or MAXLEN"
            )

    @staticmethod
    def _xread(client: Any, keys: dict[str, str], count: int, block: timedelta | None = None) -> Any:
        words: list[Any] = ["XREAD", "COUNT", count]
        if block is not None:
            words += ["BLOCK", max(1, int(block.total_seconds() * 1000))]
        return client.execute_command(*words, "STREAMS", *keys.keys(), *keys.values())

    def release(self) -> None:
        self._connection.close()


def as_entry(item: Any) -> Entry:
    """Convert an entry from the format of the Redis client to an :class:`Entry`."""
    entry, fields = item
    name, value = fields[0], fields[1]
    try:
        if name == b"m":
            int(value)
        elif name == b"x":
            int(value.decode().partition("|")[0])
        raised = int(fields[3]) if name == b"e" and len(fields) > 2 else 0
    except ValueError:
        return Entry(entry.decode(), UNKNOWN, value, 0)
    return Entry(entry.decode(), name.decode("ascii", "replace"), value, raised)


def _before(entry: str) -> str:
    """Return the id just before the id of an entry, so that reading after it returns the entry."""
    ms, sequence = entry_key(entry)
    if sequence:
        return f"{ms}-{sequence - 1}"
    return f"{ms - 1}-{_MAX_SEQUENCE}" if ms else entry


def low_place(state: dict[bytes, bytes]) -> Place:
    """Return the place just before the oldest entry that has not been trimmed."""
    return Place(state.get(b"low", b"0-0").decode())
