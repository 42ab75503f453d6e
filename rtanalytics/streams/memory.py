"""Streams within one process, for tests, demonstrations and notebooks without a server.

Nothing is kept when the process ends. Streams of one name in one process are the same stream.
"""

from __future__ import annotations

import math
import threading
import time
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from types import EllipsisType
from typing import Any

from rtanalytics.erasure import ErasureMarks, deletions
from rtanalytics.event import Event, encode
from rtanalytics.feed import Delivery, Snapshot
from rtanalytics.streams.append_call import packet
from rtanalytics.streams.dead_letters import MemoryDeadLetters
from rtanalytics.streams.errors import Trimmed, cursor_moved, fenced
from rtanalytics.streams.follower import Entry, StreamFeed, current, to_us
from rtanalytics.streams.outbox import MemoryOutbox
from rtanalytics.streams.position import START, Place, StreamPosition, entry_key
from rtanalytics.streams.protocol import Appended, Scope
from rtanalytics.streams.rate_limits import MemoryRateLimits
from rtanalytics.streams.results import MemoryChannels, MemoryHealth

__all__ = ["MemoryStream"]


@dataclass
class _Bucket:
    entries: list[tuple[float, Entry]] = field(default_factory=list)
    seen: dict[str, Event] = field(default_factory=dict)
    fences: dict[str, int] = field(default_factory=dict)
    cursors: dict[str, bytes] = field(default_factory=dict)
    number: int = 0
    dropped: int = 0
    mark: int = 0
    epoch: int = 0
    recorder: str | None = None

    def add(self, kind: str, value: bytes, raised: int = 0) -> None:
        self.number += 1
        self.entries.append((time.time(), Entry(f"{self.number}-0", kind, value, raised)))

    @property
    def last(self) -> str:
        return f"{self.number}-0"


class _Log:
    """Data of all in-memory streams with the same name."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.buckets: dict[str, _Bucket] = {}
        self.epoch = 0
        self.forgotten = ErasureMarks()
        self.rate_limits = MemoryRateLimits()
        self.health = MemoryHealth()
        self.channels = MemoryChannels()
        self.dead_letters = MemoryDeadLetters(self.bucket)
        self.outbox = MemoryOutbox(self.bucket, self.check, self.dead_letters)

    def bucket(self, name: str) -> _Bucket:
        with self.changed:
            if name not in self.buckets:
                bucket = self.buckets[name] = _Bucket(epoch=self.epoch)
                if bucket.epoch:
                    bucket.add("x", f"{bucket.epoch}|a bucket that came after a reset".encode())
            return self.buckets[name]

    def check(self, scope: Scope) -> None:
        with self.changed:
            if self.bucket(scope.bucket).fences.get(scope.name) != scope.fence:
                raise fenced(scope)


_logs: dict[str, _Log] = {}


class MemoryStream:
    """A stream in this process.

    Parameters
    ----------
    name : str
        Streams of one name share their events.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.key = f"memory://{name}"
        log = self._log = _logs.setdefault(name, _Log())
        self.outbox, self.rate_limits, self.dead_letters = log.outbox, log.rate_limits, log.dead_letters
        self.health, self.channels = log.health, log.channels
        self.erasure = MemoryErasure(log, self.append)

    def open_scope(self, bucket: str, name: str) -> Scope:
        with self._log.changed:
            held = self._log.bucket(bucket)
            held.fences[name] = held.fences.get(name, 0) + 1
            return Scope(bucket, name, held.fences[name], held.cursors.get(name))

    def append(
        self,
        events: Sequence[Event],
        scope: Scope | None = None,
        cursor: bytes | None = None,
        *,
        after: bytes | EllipsisType | None = ...,
    ) -> Appended:
        if cursor is not None and scope is None:
            raise ValueError("a cursor needs a scope; open one and pass it as well")
        strangers = {e.bucket for e in events} - {scope.bucket} if scope else set()
        if scope is not None and strangers:
            raise ValueError(f"scope {scope.name!r} writes to {scope.bucket!r}, not to {sorted(strangers)}")
        packets = [packet(event) for event in events]
        with self._log.changed:
            if scope is not None:
                self._log.check(scope)
            if scope is not None and not isinstance(after, EllipsisType):
                stored = self._log.bucket(scope.bucket).cursors.get(scope.name)
                if stored != after and (cursor is None or stored != cursor):
                    raise cursor_moved(scope)
            verdicts = ""
            for event, data in zip(events, packets, strict=True):
                bucket = self._log.bucket(event.bucket)
                kept = self._log.forgotten.without(event)
                verdict = "f" if kept is None else judge(bucket.seen.get(event.id), kept)
                verdicts += verdict
                if kept is not None and verdict != "d":
                    raised = bucket.mark if to_us(event.received_at) < bucket.mark else 0
                    bucket.add("e", data if kept is event else encode(kept), raised)
                    bucket.seen[event.id] = kept
            if scope is not None and cursor is not None:
                self._log.bucket(scope.bucket).cursors[scope.name] = cursor
            self._log.changed.notify_all()
        return Appended(verdicts)

    def mark(self, moment: datetime, buckets: Sequence[str] | None = None) -> None:
        us = to_us(moment)
        with self._log.changed:
            for name in list(self._log.buckets) if buckets is None else buckets:
                bucket = self._log.bucket(name)
                if us > bucket.mark:
                    bucket.mark = us
                    bucket.add("m", str(us).encode())
            self._log.changed.notify_all()

    def reset(self, reason: str) -> None:
        with self._log.changed:
            self._log.epoch += 1
            epoch = self._log.epoch
            for bucket in self._log.buckets.values():
                bucket.epoch, bucket.mark = epoch, 0
                bucket.seen.clear()
                bucket.add("x", f"{epoch}|{reason}".encode())
            self._log.changed.notify_all()

    def snapshot(self, n: int = 100, bucket: str | None = None, *, private: bool = False) -> Snapshot:
        with self._log.changed:
            states: list[tuple[str, Entry, Event]] = []
            for name, held in self._log.buckets.items():
                epoch: list[tuple[str, Entry]] = []
                for _, entry in held.entries:
                    if entry.kind == "x":
                        epoch.clear()
                    elif entry.kind == "e":
                        epoch.append((name, entry))
                if bucket in (None, name):
                    states += current(epoch, private=private)
            position = StreamPosition(_ends(self._log))
        states.sort(key=lambda state: state[2].received_at)
        return Snapshot([Delivery(position, event) for _, _, event in states[-n:] if n > 0], position)

    def follow(self, position: StreamPosition | str | None = None, *, private: bool = False) -> StreamFeed:
        if position == "start":
            with self._log.changed:
                places = {n: Place(f"{b.dropped}-0") for n, b in self._log.buckets.items()}
            position = StreamPosition(places)
        elif isinstance(position, str):
            position = StreamPosition.parse(position)
        snapshot = partial(self.snapshot, private=private)
        return StreamFeed(_Reader(self), snapshot, position, private=private)

    def committed(self, position: StreamPosition) -> None:
        with self._log.changed:
            for name, place in position.places.items():
                self._log.bucket(name).recorder = place.entry

    def trim(self, retention: timedelta = timedelta(days=7)) -> int:
        return self._drop(time.time() - retention.total_seconds())

    def trim_to_size(self, max_entries: int) -> int:
        return self._drop(-math.inf, max_entries)

    def _drop(self, before: float, max_entries: int | None = None) -> int:
        dropped = 0
        with self._log.changed:
            for bucket in self._log.buckets.values():
                keep = 0
                excess = 0 if max_entries is None else len(bucket.entries) - max_entries
                for at, entry in bucket.entries:
                    if (at >= before and keep >= excess) or (
                        bucket.recorder is not None and entry_key(entry.id) > entry_key(bucket.recorder)
                    ):
                        break
                    keep += 1
                    bucket.dropped = entry_key(entry.id)[0]
                del bucket.entries[:keep]
                dropped += keep
        return dropped

    def buckets(self) -> dict[str, dict[str, int]]:
        with self._log.changed:
            held = sorted(self._log.buckets.items())
        return {
            name: {
                "entries": len(bucket.entries),
                "ids": len(bucket.seen),
                "dead": len(self.dead_letters.read(name)),
                "mark": bucket.mark,
            }
            for name, bucket in held
        }

    def delete(self, after: timedelta | None = None) -> None:
        """Remove all data at once; ``after`` a time nothing, since the data ends with the process."""
        if after is None:
            with self._log.changed:
                self._log.buckets.clear()
                self._log.epoch, self._log.forgotten = 0, ErasureMarks()
                self._log.changed.notify_all()
            for part in (self.outbox, self.health, self.channels, self.dead_letters):
                part.clear()

    def close(self) -> None:
        """Do nothing: there are no connections."""


class MemoryErasure:
    """Erasure for in-memory streams of one process."""

    def __init__(self, log: _Log, append: Callable[[Sequence[Event]], Any]) -> None:
        self._log = log
        self._append = append

    def forget(self, marks: Iterable[str]) -> None:
        with self._log.changed:
            self._log.forgotten = ErasureMarks(self._log.forgotten.marks.union(marks))

    def marks(self) -> ErasureMarks:
        return self._log.forgotten

    def kept(self) -> Iterator[Event]:
        with self._log.changed:
            entries = [entry for bucket in self._log.buckets.values() for _, entry in bucket.entries]
        events = (entry.event() for entry in entries if entry.kind == "e")
        yield from (event for event in events if event.op != "delete")

    def erase(self, wanted: Callable[[Event], bool], *, announce: bool = True) -> list[str]:
        ids = {event.id: event.source for event in self.kept() if wanted(event)}
        if ids and announce:
            self._append(deletions(ids))
        with self._log.changed:
            for bucket in self._log.buckets.values() if ids else ():
                bucket.entries = [
                    item
                    for item in bucket.entries
                    if item[1].kind != "e" or (e := item[1].event()).op == "delete" or e.id not in ids
                ]
        return list(ids)


def judge(old: Event | None, event: Event) -> str:
    """Return the result letter of an event: ``n`` for new, ``e`` edit, ``x`` delete, ``d`` duplicate.

    The script of the Redis stream does the same; the contract suite checks that they agree.
    """
    if old is None:
        return "x" if event.op == "delete" else "n"
    from_file = event.ingest is not None and event.ingest.via == "file"
    if event.rev == old.rev or from_file or old.op == "delete":
        return "d"
    if event.op == "delete":
        return "x"
    edited, before = (to_us(e.edited_at) if e.edited_at else 0 for e in (event, old))
    later = event.seq > old.seq or (event.seq == 0 and old.seq == 0)
    if edited > before or (edited == before and event.producer == old.producer and later):
        return "e"
    return "d"


class _Reader:
    def __init__(self, stream: MemoryStream) -> None:
        self._log = stream._log
        self.key = stream.key

    def places(self, known: dict[str, Place] | None) -> dict[str, Place]:
        with self._log.changed:
            ends = _ends(self._log)
        if known is None:
            return ends
        return {n: min(known.get(n, START), ends[n], key=lambda p: entry_key(p.entry)) for n in ends}

    def read(self, places: dict[str, Place], block: timedelta) -> dict[str, list[Entry]]:
        with self._log.changed:
            batch = self._take(places)
            if not batch:
                self._log.changed.wait(block.total_seconds())
                batch = self._take(places)
        return batch

    def _take(self, places: dict[str, Place]) -> dict[str, list[Entry]]:
        batch = {}
        for name, bucket in self._log.buckets.items():
            read = entry_key(places.setdefault(name, Place(f"{bucket.dropped}-0")).entry)[0]
            if read < bucket.dropped:
                raise Trimmed(
                    f"{self.key}: bucket {name!r} is trimmed up to {bucket.dropped}-0, this reader was at "
                    f"{read}-0; continue from the archive, or begin with a snapshot"
                )
            # erased entries leave gaps, so an entry's number is not its index
            first = bisect_right(bucket.entries, read, key=lambda item: entry_key(item[1].id)[0])
            entries = [entry for _, entry in bucket.entries[first : first + 500]]
            if entries:
                batch[name] = entries
        return batch

    def release(self) -> None:
        """Do nothing: there are no connections."""


def _ends(log: _Log) -> dict[str, Place]:
    return {name: Place(b.last, b.mark, b.epoch) for name, b in log.buckets.items()}
