"""Buckets as Redis streams: one Lua call stores a batch, its cursor and what is known of its ids.

Keys of a bucket carry one hash tag, so that on a cluster they live on one node::

    rta:{<name>/<bucket>}:events   the stream: field e a packet (r: raised received_at), m a mark, x a reset
    rta:{<name>/<bucket>}:seen     hash id → entry, revision and origin of its newest revision
    rta:{<name>/<bucket>}:state    hash: mark, low (highest trimmed entry), recorder, epoch, fence:*, cursor:*
    rta:{<name>/<bucket>}:dead     stream of dead letters
    rta:{<name>}:buckets           stream of bucket names; :bucketset the same as a set; :epoch a number
    rta:{<name>}:health            hash: process name → JSON
    rta:{<name>}:channel:<channel> stream of results (trends); its :names is the set of their names

``seen`` remembers an id for :data:`SEEN_FOR` after its newest revision.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.exceptions import BusyLoadingError, ReadOnlyError, RedisError, ResponseError
from redis.retry import Retry

from rtanalytics.event import Event, encode
from rtanalytics.feed import Delivery, Snapshot
from rtanalytics.streams import (
    MAX_PACKET,
    Appended,
    DeadLetter,
    Fenced,
    Note,
    PacketTooLarge,
    Scope,
    StreamError,
    StreamUnavailable,
    Trimmed,
    lua,
)
from rtanalytics.streams.follower import Entry, StreamFeed, current, from_us, to_us
from rtanalytics.streams.position import START, Place, StreamPosition, entry_key

__all__ = ["RedisStream"]

BATCH = 1_000
"""Events in one Lua call at most: Lua passes them as arguments of one command."""

COUNT = 500
"""Entries of a bucket in one read."""

TIMEOUT = 5.0
"""Seconds after which an unanswered call counts as failed; more than any blocking read."""

SEEN_FOR = timedelta(days=90)
"""How long the revision of an id is remembered: longer than any source looks back."""


class RedisStream:
    """A stream on a Redis or Valkey server (6.2 or newer).

    Parameters
    ----------
    url : str
        ``redis://…``, ``rediss://…`` or ``unix://…``.
    name : str
        The conference, or ``<conference>/replay/<run>``.

    Raises
    ------
    ValueError
        If ``name`` has characters that a key may not have, or the address is of an unknown kind.
    """

    def __init__(self, url: str, name: str) -> None:
        if not name or any(c in "{}" or c <= " " for c in name):
            raise ValueError(f"stream name {name!r} may have no white space and no braces")
        self.url = url
        self.name = name
        self._client = self._connect()
        self._scripts: dict[str, Any] = {}
        self._registered: set[str] = set()

    @property
    def key(self) -> str:
        """Names the stream wherever it is read from: server and name, no password."""
        return f"{_address(self.url)}/{self.name}"

    # -- writing ---------------------------------------------------------------------------

    def open_scope(self, bucket: str, name: str) -> Scope:
        self._register(bucket)
        fence, cursor = self._run("open_scope", [self._key(bucket, "state")], [name])
        return Scope(bucket, name, int(fence), cursor)

    def append(
        self, events: Sequence[Event], scope: Scope | None = None, cursor: bytes | None = None
    ) -> Appended:
        if cursor is not None and scope is None:
            raise ValueError("a cursor belongs to a scope: open one and pass it along")
        if scope is not None and not events:
            self._append(scope.bucket, [], scope, cursor)
            return Appended("")
        by_bucket: dict[str, list[int]] = {}
        for number, event in enumerate(events):
            by_bucket.setdefault(event.bucket, []).append(number)
        if scope is not None and set(by_bucket) != {scope.bucket}:
            raise ValueError(f"scope {scope.name!r} writes to {scope.bucket!r}, not to {sorted(by_bucket)}")
        packets = [_packet(event) for event in events]
        verdicts = [""] * len(events)
        for bucket, numbers in by_bucket.items():
            for first in range(0, len(numbers), BATCH):
                chunk = numbers[first : first + BATCH]
                last = first + BATCH >= len(numbers)
                told = self._append(
                    bucket, [(events[i], packets[i]) for i in chunk], scope, cursor if last else None
                )
                for i, verdict in zip(chunk, told, strict=True):
                    verdicts[i] = verdict
        return Appended("".join(verdicts))

    def _append(
        self, bucket: str, batch: list[tuple[Event, bytes]], scope: Scope | None, cursor: bytes | None
    ) -> str:
        self._register(bucket)
        received = [to_us(event.received_at) for event, _ in batch]
        args: list[Any] = [
            scope.name if scope else "",
            scope.fence if scope else 0,
            1 if cursor is not None else 0,
            cursor if cursor is not None else b"",
            len(batch),
            min(received, default=0),
            ",".join(map(str, received)),
        ]
        args += [event.id for event, _ in batch]
        args += [_origin(event) for event, _ in batch]
        args += [packet for _, packet in batch]
        keys = [self._key(bucket, part) for part in ("events", "seen", "state")]
        try:
            told: bytes = self._run("append", keys, args)
        except ResponseError as error:
            if "FENCED" in str(error) and scope is not None:
                raise Fenced(
                    f"scope {scope.name!r} of bucket {bucket!r} was taken over by another process"
                ) from None
            raise StreamError(f"bucket {bucket!r}: {error}") from error
        if told[:1] == b"+":
            # the stream did not exist: a server that came back empty has forgotten its buckets too
            self._registered.discard(bucket)
            self._register(bucket)
        return told[1:].decode()

    def mark(self, moment: datetime, buckets: Sequence[str] | None = None) -> None:
        for bucket in self.buckets() if buckets is None else buckets:
            self._register(bucket)
            keys = [self._key(bucket, part) for part in ("events", "state")]
            self._run("mark", keys, [to_us(moment)])

    def reset(self, reason: str) -> None:
        with self._errors():
            epoch = self._client.incr(f"rta:{{{self.name}}}:epoch")
        for bucket in self.buckets():
            self._begin(bucket, epoch, reason)

    def _begin(self, bucket: str, epoch: int, reason: str) -> None:
        keys = [self._key(bucket, part) for part in ("events", "seen", "state")]
        self._run("reset", keys, [epoch, reason])

    def confirm(self, timeout: timedelta = timedelta(seconds=2)) -> bool:
        """Wait until what this connection wrote is on the server's disk (``WAITAOF``).

        For what cannot be read again, such as a chat line.

        Returns
        -------
        bool
            False if the server has no append-only file, does not know the command, or the time
            ran out: then up to a second of writes can be lost with the machine.
        """
        try:
            local, _ = self._client.execute_command("WAITAOF", 1, 0, int(timeout.total_seconds() * 1000))
        except ResponseError:
            return False
        except RedisError as error:
            raise StreamUnavailable(f"{_address(self.url)}: {error}") from error
        return int(local) >= 1

    # -- reading ---------------------------------------------------------------------------

    def snapshot(self, n: int = 100) -> Snapshot:
        entries: list[tuple[str, Entry]] = []
        places: dict[str, Place] = {}
        for bucket in self.buckets():
            keys = [self._key(bucket, part) for part in ("events", "state")]
            want, found = n, []
            while True:
                last, mark, epoch, whole, raw = self._run(
                    "snapshot", keys, [want, places.get(bucket, START).entry]
                )
                if bucket not in places:
                    places[bucket] = Place(last.decode(), int(mark), int(epoch))
                found = [(bucket, _entry(item)) for item in reversed(raw)]
                if whole or len(current(found)) >= n:
                    break
                want *= 2
            entries += found
        states = sorted(current(entries), key=lambda state: state[2].received_at)
        position = StreamPosition(places)
        return Snapshot([Delivery(position, event) for _, _, event in states[-n:] if n > 0], position)

    def follow(self, position: StreamPosition | str | None = None) -> StreamFeed:
        if position == "start":
            position = StreamPosition({b: _low(self._state(b)) for b in self.buckets()})
        elif isinstance(position, str):
            position = StreamPosition.parse(position)
        return StreamFeed(_Reader(self), self.snapshot, position, lambda e: isinstance(e, StreamUnavailable))

    # -- keeping ---------------------------------------------------------------------------

    def committed(self, position: StreamPosition) -> None:
        with self._errors():
            for bucket, place in position.places.items():
                self._client.hset(self._key(bucket, "state"), "recorder", place.entry)

    def trim(self, retention: timedelta = timedelta(days=7)) -> int:
        dropped = 0
        for bucket in self.buckets():
            keys = [self._key(bucket, part) for part in ("events", "state")]
            before = int((time.time() - retention.total_seconds()) * 1000)
            dropped += int(self._run("trim", keys, [max(0, before)]))
            oldest = int((time.time() - SEEN_FOR.total_seconds()) * 1000)
            cursor = b"0"
            while True:
                cursor = self._run("forget", [self._key(bucket, "seen")], [cursor, oldest])
                if cursor == b"0":
                    break
        return dropped

    def buckets(self) -> list[str]:
        with self._errors():
            return sorted(b.decode() for b in self._client.smembers(f"rta:{{{self.name}}}:bucketset"))

    def dead(self, bucket: str, letter: DeadLetter) -> None:
        self._register(bucket)
        fields = {
            "source": letter.source,
            "scope": letter.scope,
            "reason": letter.reason,
            "raw": letter.raw[:MAX_PACKET],
            "at": to_us(letter.at),
        }
        with self._errors():
            self._client.xadd(self._key(bucket, "dead"), fields, maxlen=10_000, approximate=True)
            self._client.hincrby(self._key(bucket, "state"), "dead", 1)

    def dead_letters(self, bucket: str) -> list[DeadLetter]:
        with self._errors():
            rows = self._client.xrange(self._key(bucket, "dead"))
        return [
            DeadLetter(
                source=f[b"source"].decode("utf-8", "replace"),
                scope=f[b"scope"].decode("utf-8", "replace"),
                reason=f[b"reason"].decode("utf-8", "replace"),
                raw=f[b"raw"],
                at=from_us(int(f[b"at"])),
                id=entry.decode(),
            )
            for entry, f in rows
        ]

    def publish(self, channel: str, name: str, payload: bytes) -> bool:
        return bool(
            self._run("publish", [self._channel(channel), f"{self._channel(channel)}:names"], [name, payload])
        )

    def published(self, channel: str, after: str = "0-0", wait: timedelta | None = None) -> list[Note]:
        words: list[Any] = ["XREAD", "COUNT", COUNT]
        if wait is not None:
            words += ["BLOCK", max(1, int(min(wait.total_seconds(), TIMEOUT / 2) * 1000))]
        with self._errors():
            answer = self._client.execute_command(*words, "STREAMS", self._channel(channel), after)
        return [Note(e.decode(), f[1].decode(), f[3]) for _, items in answer for e, f in items]

    def _channel(self, channel: str) -> str:
        return f"rta:{{{self.name}}}:channel:{channel}"

    def set_health(self, name: str, fields: dict[str, object]) -> None:
        with self._errors():
            self._client.hset(f"rta:{{{self.name}}}:health", name, json.dumps(fields))

    def health(self) -> dict[str, dict[str, object]]:
        with self._errors():
            rows = self._client.hgetall(f"rta:{{{self.name}}}:health")
        return {name.decode(): json.loads(value) for name, value in sorted(rows.items())}

    def delete(self) -> None:
        keys = self._keys()
        with self._errors():
            self._client.unlink(*keys)
        self._registered.clear()

    def expire(self, after: timedelta) -> None:
        """Let everything under the name vanish ``after`` from now: for the runs of replays."""
        keys = self._keys()
        with self._errors():
            for key in keys:
                self._client.expire(key, after)

    def close(self) -> None:
        self._client.close()

    # -- the wire --------------------------------------------------------------------------

    def _connect(self) -> Any:
        # Protocol 2, because version 3 gives XREAD's answer another shape; no retries, because
        # a retry that does not go through the append script stores twice.
        client: Any = redis.Redis.from_url(
            self.url,
            protocol=2,
            retry=Retry(NoBackoff(), 0),
            socket_timeout=TIMEOUT,
            socket_connect_timeout=TIMEOUT,
        )
        client.set_response_callback("XREAD", lambda answer, **_: answer or [])
        return client

    def _key(self, bucket: str, part: str) -> str:
        return f"rta:{{{self.name}/{bucket}}}:{part}"

    def _keys(self) -> list[str]:
        keys = [f"rta:{{{self.name}}}:{part}" for part in ("buckets", "bucketset", "epoch", "health")]
        for bucket in self.buckets():
            keys += [self._key(bucket, part) for part in ("events", "seen", "state", "dead")]
        with self._errors():
            keys += [key.decode() for key in self._client.scan_iter(self._channel("*"), count=1000)]
        return keys

    def _state(self, bucket: str) -> dict[bytes, bytes]:
        with self._errors():
            state: dict[bytes, bytes] = self._client.hgetall(self._key(bucket, "state"))
        return state

    def _register(self, bucket: str) -> None:
        """Make the bucket known to followers. Once a connection: a server may come back empty."""
        if bucket not in self._registered:
            if not bucket or any(c in "{}" or c <= " " for c in bucket):
                raise ValueError(f"namespace {bucket!r} may have no white space and no braces")
            keys = [f"rta:{{{self.name}}}:{part}" for part in ("bucketset", "buckets", "epoch")]
            if epoch := int(self._run("register", keys, [bucket])):
                self._begin(bucket, epoch, "a bucket that came after a reset")
            self._registered.add(bucket)

    def _run(self, script: str, keys: list[str], args: Sequence[Any]) -> Any:
        if script not in self._scripts:
            self._scripts[script] = self._client.register_script(getattr(lua, script.upper()))
        with self._errors():
            return self._scripts[script](keys, args)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (redis.ConnectionError, redis.TimeoutError, BusyLoadingError, ReadOnlyError, OSError) as error:
            self._registered.clear()
            raise StreamUnavailable(f"{_address(self.url)}: {error}") from error
        except ResponseError as error:
            if str(error).startswith(("MISCONF", "OOM", "LOADING", "MASTERDOWN", "UNBLOCKED", "NOREPLICAS")):
                raise StreamUnavailable(f"{_address(self.url)}: {error}") from error
            raise


class _Reader:
    """The reading side on a connection of its own: it blocks."""

    def __init__(self, stream: RedisStream) -> None:
        self._stream = RedisStream(stream.url, stream.name)
        self.key = stream.key
        self._registry = f"rta:{{{stream.name}}}:buckets"
        self._registered = "0-0"

    def places(self, known: dict[str, Place] | None) -> dict[str, Place]:
        stream = self._stream
        self._registered = "0-0"
        checked = dict(known or {})
        buckets = stream.buckets()
        for bucket in buckets:
            keys = [stream._key(bucket, part) for part in ("events", "state")]
            last, mark, epoch = stream._run("last", keys, [])
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
        with stream._errors():
            batch = self._take(places)
            if not batch:
                keys = {stream._key(bucket, "events"): p.entry for bucket, p in places.items()}
                keys[self._registry] = self._registered
                self._xread(stream._client, keys, count=1, block=block)
                batch = self._take(places)
        return batch

    def _take(self, places: dict[str, Place]) -> dict[str, list[Entry]]:
        """Read what is there, and in the same transaction whether something was trimmed before it."""
        stream = self._stream
        pipe = stream._client.pipeline(transaction=True)
        names = {stream._key(bucket, "events").encode(): bucket for bucket in places}
        if places:
            self._xread(pipe, {stream._key(b, "events"): p.entry for b, p in places.items()}, count=COUNT)
        for bucket in places:
            pipe.hget(stream._key(bucket, "state"), "low")
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
        batch = {names[key]: [_entry(item) for item in items] for key, items in read or []}
        for _, items in found or []:
            for entry, fields in items:
                self._registered = entry.decode()
                bucket = fields[1].decode()
                if bucket not in places:
                    # a bucket that appeared later: everything in it is new, what was trimmed apart
                    places[bucket] = _low(stream._state(bucket))
        return batch

    @staticmethod
    def _xread(client: Any, keys: dict[str, str], count: int, block: timedelta | None = None) -> Any:
        words: list[Any] = ["XREAD", "COUNT", count]
        if block is not None:
            words += ["BLOCK", max(1, int(block.total_seconds() * 1000))]
        return client.execute_command(*words, "STREAMS", *keys.keys(), *keys.values())

    def release(self) -> None:
        self._stream.close()


def _packet(event: Event) -> bytes:
    packet = encode(event)
    if len(packet) > MAX_PACKET:
        raise PacketTooLarge(
            f"event {event.id!r} has a packet of {len(packet):,} bytes; the limit is {MAX_PACKET:,}"
        )
    return packet


def _origin(event: Event) -> str:
    """What decides later whether another revision of the id is an edit; fields end at ``|``."""
    edited = to_us(event.edited_at) if event.edited_at else 0
    file = 1 if event.ingest is not None and event.ingest.via == "file" else 0
    rev = event.rev.replace("|", "/")
    return f"{rev}|{event.op[0]}|{edited}|{event.seq}|{file}|{event.producer}"


def _entry(item: Any) -> Entry:
    entry, fields = item
    raised = int(fields[3]) if len(fields) > 2 else 0
    return Entry(entry.decode(), fields[0].decode(), fields[1], raised)


def _low(state: dict[bytes, bytes]) -> Place:
    return Place(state.get(b"low", b"0-0").decode())


def _address(url: str) -> str:
    """The server's address without its password."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}".rstrip("/")
