"""The same promises within one process, for tests, demonstrations and notebooks without a server.

Nothing is kept when the process ends. Streams of one name in one process are the same stream.
"""

from __future__ import annotations

import math
import threading
import time
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from types import EllipsisType

from rtanalytics.conference import RateLimit
from rtanalytics.erasure import Forgotten, deletions
from rtanalytics.event import Event, encode
from rtanalytics.feed import Delivery, Snapshot
from rtanalytics.streams import (
    MAX_PACKET,
    Appended,
    CursorMoved,
    DeadLetter,
    Fenced,
    Note,
    OutboxFull,
    PacketTooLarge,
    Scope,
    Trimmed,
)
from rtanalytics.streams.follower import Entry, StreamFeed, current, to_us
from rtanalytics.streams.outbox import LAPSED, LEFT, MAX_WAITING, UNSENT_FOR, Outgoing, packed
from rtanalytics.streams.position import START, Place, StreamPosition, entry_key
from rtanalytics.streams.rate_limits import MemoryPacing

__all__ = ["MemoryStream"]


@dataclass
class _Bucket:
    entries: list[tuple[float, Entry]] = field(default_factory=list)
    seen: dict[str, Event] = field(default_factory=dict)
    fences: dict[str, int] = field(default_factory=dict)
    cursors: dict[str, bytes] = field(default_factory=dict)
    dead: list[DeadLetter] = field(default_factory=list)
    buried: int = 0
    outbox: list[tuple[str, Outgoing]] = field(default_factory=list)
    taken: list[tuple[str, Outgoing]] = field(default_factory=list)
    outkeys: dict[tuple[str, str], str] = field(default_factory=dict)
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


@dataclass
class _Log:
    buckets: dict[str, _Bucket] = field(default_factory=dict)
    health: dict[str, dict[str, object]] = field(default_factory=dict)
    channels: dict[str, list[Note]] = field(default_factory=dict)
    epoch: int = 0
    forgotten: Forgotten = field(default_factory=Forgotten)
    changed: threading.Condition = field(default_factory=threading.Condition)
    pacing: MemoryPacing = field(default_factory=MemoryPacing)


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
        self._log = _logs.setdefault(name, _Log())

    @property
    def key(self) -> str:
        return f"memory://{self.name}"

    def open_scope(self, bucket: str, name: str) -> Scope:
        with self._log.changed:
            held = self._bucket(bucket)
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
            raise ValueError("a cursor belongs to a scope: open one and pass it along")
        strangers = {e.bucket for e in events} - {scope.bucket} if scope else set()
        if scope is not None and strangers:
            raise ValueError(f"scope {scope.name!r} writes to {scope.bucket!r}, not to {sorted(strangers)}")
        packets = [encode(event) for event in events]
        for event, packet in zip(events, packets, strict=True):
            if len(packet) > MAX_PACKET:
                raise PacketTooLarge(
                    f"event {event.id!r} has a packet of {len(packet):,} bytes; the limit is {MAX_PACKET:,}"
                )
        with self._log.changed:
            if scope is not None and self._bucket(scope.bucket).fences.get(scope.name) != scope.fence:
                raise Fenced(
                    f"scope {scope.name!r} of bucket {scope.bucket!r} was taken over by another process"
                )
            if scope is not None and not isinstance(after, EllipsisType):
                stored = self._bucket(scope.bucket).cursors.get(scope.name)
                if stored != after and (cursor is None or stored != cursor):
                    raise CursorMoved(
                        f"scope {scope.name!r} of bucket {scope.bucket!r} is not where these events follow"
                    )
            verdicts = ""
            for event, packet in zip(events, packets, strict=True):
                bucket = self._bucket(event.bucket)
                left = self._log.forgotten.without(event)
                verdict = "f" if left is None else judge(bucket.seen.get(event.id), left)
                verdicts += verdict
                if left is not None and verdict != "d":
                    data = packet if left is event else encode(left)
                    bucket.add("e", data, bucket.mark if to_us(event.received_at) < bucket.mark else 0)
                    bucket.seen[event.id] = left
            if scope is not None and cursor is not None:
                self._bucket(scope.bucket).cursors[scope.name] = cursor
            self._log.changed.notify_all()
        return Appended(verdicts)

    def mark(self, moment: datetime, buckets: Sequence[str] | None = None) -> None:
        us = to_us(moment)
        with self._log.changed:
            for name in list(self._log.buckets) if buckets is None else buckets:
                bucket = self._bucket(name)
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
        return StreamFeed(_Reader(self), snapshot, position, lambda _: False, private=private)

    def committed(self, position: StreamPosition) -> None:
        with self._log.changed:
            for name, place in position.places.items():
                self._bucket(name).recorder = place.entry

    def trim(self, retention: timedelta = timedelta(days=7)) -> int:
        return self._drop(time.time() - retention.total_seconds())

    def trim_to_size(self, most: int) -> int:
        return self._drop(-math.inf, most)

    def _drop(self, before: float, most: int | None = None) -> int:
        dropped = 0
        with self._log.changed:
            for bucket in self._log.buckets.values():
                keep = 0
                excess = 0 if most is None else len(bucket.entries) - most
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

    def entries(self, bucket: str) -> int:
        with self._log.changed:
            return len(self._bucket(bucket).entries)

    def permit(self, budget: str, pace: RateLimit) -> timedelta:
        return self._log.pacing.permit(budget, pace)

    def spend(self, budget: str, pace: RateLimit, requests: int) -> None:
        self._log.pacing.spend(budget, pace, requests)

    def hold(self, budget: str, wait: timedelta) -> None:
        self._log.pacing.hold(budget, wait)

    def forget(self, marks: Iterable[str]) -> None:
        with self._log.changed:
            self._log.forgotten = Forgotten(self._log.forgotten.marks.union(marks))

    def forgotten(self) -> Forgotten:
        return self._log.forgotten

    def kept(self) -> Iterator[Event]:
        with self._log.changed:
            entries = [entry for bucket in self._log.buckets.values() for _, entry in bucket.entries]
        events = (entry.event() for entry in entries if entry.kind == "e")
        yield from (event for event in events if event.op != "delete")

    def erase(self, wanted: Callable[[Event], bool], *, tell: bool = True) -> list[str]:
        ids = {event.id: event.source for event in self.kept() if wanted(event)}
        if ids and tell:
            self.append(deletions(ids))
        with self._log.changed:
            for bucket in self._log.buckets.values() if ids else ():
                bucket.entries = [
                    item
                    for item in bucket.entries
                    if item[1].kind != "e" or (e := item[1].event()).op == "delete" or e.id not in ids
                ]
        return list(ids)

    def buckets(self) -> list[str]:
        with self._log.changed:
            return sorted(self._log.buckets)

    def dead(self, bucket: str, letter: DeadLetter) -> None:
        with self._log.changed:
            held = self._bucket(bucket)
            held.buried += 1
            held.dead.append(replace(letter, id=str(held.buried)))

    def dead_letters(self, bucket: str) -> list[DeadLetter]:
        with self._log.changed:
            return list(self._bucket(bucket).dead)

    def drop_dead(self, bucket: str, ids: Sequence[str]) -> int:
        with self._log.changed:
            held = self._bucket(bucket)
            before = len(held.dead)
            held.dead = [letter for letter in held.dead if letter.id not in ids]
            return before - len(held.dead)

    def send(self, bucket: str, scope: str, packet: Mapping[str, str], key: str = "") -> str:
        _, key = packed(packet, key)
        with self._log.changed:
            held = self._bucket(bucket)
            if (known := held.outkeys.get((scope, key))) is not None:
                return known
            if len(held.outbox) >= MAX_WAITING:
                self._lapse(bucket, None, UNSENT_FOR)
            if len(held.outbox) >= MAX_WAITING:
                raise OutboxFull(
                    f"bucket {bucket!r}: {MAX_WAITING:,} packets wait to be sent; is its source running?"
                )
            place = f"{len(held.outkeys) + 1}-0"
            held.outbox.append((scope, Outgoing(place, key, dict(packet), datetime.now(UTC))))
            held.outkeys[scope, key] = place
            self._log.changed.notify_all()
            return place

    def take(
        self,
        scope: Scope,
        n: int = 100,
        *,
        wait: timedelta | None = None,
        begin: bool = False,
        unsent_for: timedelta = UNSENT_FOR,
    ) -> list[Outgoing]:
        with self._log.changed:
            found = self._take(scope, n, begin, unsent_for)
            if not found and wait is not None and n > 0:
                held = self._bucket(scope.bucket)
                self._log.changed.wait_for(
                    lambda: any(s == scope.name for s, _ in held.outbox), wait.total_seconds()
                )
                found = self._take(scope, n, False, unsent_for)
            return found

    def settle(self, scope: Scope, places: Sequence[str]) -> None:
        with self._log.changed:
            held = self._bucket(scope.bucket)
            held.taken = [item for item in held.taken if item[1].id not in places]

    def _take(self, scope: Scope, n: int, begin: bool, unsent_for: timedelta) -> list[Outgoing]:  # noqa: FBT001
        held = self._bucket(scope.bucket)
        if held.fences.get(scope.name) != scope.fence:
            raise Fenced(f"scope {scope.name!r} of bucket {scope.bucket!r} was taken over by another process")
        found = []
        if begin:
            left = [item for item in held.taken if item[0] == scope.name]
            held.taken = [item for item in held.taken if item[0] != scope.name]
            found += [self._bury(scope.bucket, name, out, LEFT) for name, out in left]
        found += self._lapse(scope.bucket, scope.name, unsent_for)
        mine = [item for item in held.outbox if item[0] == scope.name][: max(0, n)]
        held.outbox = [item for item in held.outbox if item not in mine]
        held.taken += mine
        return found + [out for _, out in mine]

    def _lapse(self, bucket: str, scope: str | None, unsent_for: timedelta) -> list[Outgoing]:
        """Take out what has waited too long, of one scope or of all."""
        held, before = self._bucket(bucket), datetime.now(UTC) - unsent_for
        late = [item for item in held.outbox if scope in (None, item[0]) and item[1].at < before]
        held.outbox = [item for item in held.outbox if item not in late]
        return [self._bury(bucket, name, out, LAPSED) for name, out in late]

    def _bury(self, bucket: str, scope: str, out: Outgoing, reason: str) -> Outgoing:
        raw = packed(out.packet, out.key)[0].encode()
        self.dead(bucket, DeadLetter("outbox", scope, reason, raw, datetime.now(UTC)))
        return replace(out, lapsed=reason)

    def publish(self, channel: str, name: str, payload: bytes) -> bool:
        with self._log.changed:
            notes = self._log.channels.setdefault(channel, [])
            if any(note.name == name for note in notes):
                return False
            notes.append(Note(f"{len(notes) + 1}-0", name, payload))
            self._log.changed.notify_all()
            return True

    def published(self, channel: str, after: str = "0-0", wait: timedelta | None = None) -> list[Note]:
        first = entry_key(after)[0]
        with self._log.changed:
            if wait is not None:
                self._log.changed.wait_for(
                    lambda: len(self._log.channels.get(channel, ())) > first, wait.total_seconds()
                )
            return self._log.channels.get(channel, [])[first:]

    def set_health(self, name: str, fields: dict[str, object]) -> None:
        with self._log.changed:
            self._log.health[name] = dict(fields)

    def health(self) -> dict[str, dict[str, object]]:
        with self._log.changed:
            return {name: dict(fields) for name, fields in sorted(self._log.health.items())}

    def stats(self) -> dict[str, dict[str, int]]:
        with self._log.changed:
            return {
                name: {"entries": len(b.entries), "ids": len(b.seen), "dead": len(b.dead), "mark": b.mark}
                for name, b in sorted(self._log.buckets.items())
            }

    def delete(self) -> None:
        with self._log.changed:
            self._log.buckets.clear()
            self._log.health.clear()
            self._log.channels.clear()
            self._log.epoch = 0
            self._log.forgotten = Forgotten()
            self._log.changed.notify_all()

    def close(self) -> None:
        """Nothing to give back."""

    def _bucket(self, name: str) -> _Bucket:
        if name not in self._log.buckets:
            bucket = self._log.buckets[name] = _Bucket(epoch=self._log.epoch)
            if bucket.epoch:
                bucket.add("x", f"{bucket.epoch}|a bucket that came after a reset".encode())
        return self._log.buckets[name]


def judge(old: Event | None, event: Event) -> str:
    """What an event is to its stream: ``n`` new, ``e`` an edit, ``x`` a delete, ``d`` a duplicate.

    The script of the Redis stream does the same; the contract suite holds them together.
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
                    f"{self.key}: bucket {name!r} is trimmed up to {bucket.dropped}-0, this reader had come "
                    f"to {read}-0; read on from the archive, or begin with a snapshot"
                )
            # what was erased leaves gaps, so an entry's number is not its place
            first = bisect_right(bucket.entries, read, key=lambda item: entry_key(item[1].id)[0])
            entries = [entry for _, entry in bucket.entries[first : first + 500]]
            if entries:
                batch[name] = entries
        return batch

    def release(self) -> None:
        """Nothing to give back."""


def _ends(log: _Log) -> dict[str, Place]:
    return {name: Place(b.last, b.mark, b.epoch) for name, b in log.buckets.items()}
