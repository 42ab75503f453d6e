"""Buckets as Redis streams: one Lua call stores a batch, its cursor and what is known of its ids.

``seen`` remembers an id for :data:`SEEN_FOR` after its newest revision.
"""

from __future__ import annotations

import itertools
import json
import secrets
import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from types import EllipsisType
from typing import Any

from redis.exceptions import RedisError, ResponseError

from rtanalytics.event import Event
from rtanalytics.feed import Delivery, Snapshot
from rtanalytics.streams import (
    MAX_PACKET,
    Appended,
    CursorMoved,
    DeadLetter,
    Fenced,
    Note,
    Scope,
    StreamError,
    StreamUnavailable,
)
from rtanalytics.streams.append_call import AppendCall, packet
from rtanalytics.streams.connection import TIMEOUT, address
from rtanalytics.streams.erasure import RedisForgetting
from rtanalytics.streams.follower import Entry, StreamFeed, current, from_us, to_us
from rtanalytics.streams.outbox import RedisOutbox
from rtanalytics.streams.position import START, Place, StreamPosition
from rtanalytics.streams.rate_limits import RedisPacing
from rtanalytics.streams.reader import COUNT, Reader, as_entry, low_place

__all__ = ["RedisStream"]

BATCH = 334
"""Events in one call of the append script: enough to make it cheap, few enough to overlap calls."""

PAGE = 5_000
"""Entries that leave a crowded bucket in one call of the server."""

SEEN_FOR = timedelta(days=90)
"""How long the revision of an id is remembered: longer than any source looks back."""


class RedisStream(RedisForgetting, RedisOutbox, RedisPacing):
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

    @property
    def key(self) -> str:
        """Names the stream wherever it is read from: server and name, no password."""
        return f"{address(self.url)}/{self.name}"

    # -- writing ---------------------------------------------------------------------------

    def open_scope(self, bucket: str, name: str) -> Scope:
        self.register(bucket)
        fence, cursor = self.run("open_scope", [self.key_of(bucket, "state")], [name])
        return Scope(bucket, name, int(fence), cursor)

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
        if scope is not None and not events:
            list(self._append(scope.bucket, [AppendCall([], [], self.known_forgotten)], scope, cursor, after))
            return Appended("")
        by_bucket: dict[str, list[int]] = {}
        for number, event in enumerate(events):
            by_bucket.setdefault(event.bucket, []).append(number)
        if scope is not None and set(by_bucket) != {scope.bucket}:
            raise ValueError(f"scope {scope.name!r} writes to {scope.bucket!r}, not to {sorted(by_bucket)}")
        packets = [packet(event) for event in events]
        verdicts = [""] * len(events)
        for bucket, numbers in by_bucket.items():
            calls = [
                AppendCall([events[i] for i in part], [packets[i] for i in part], self.known_forgotten)
                for part in (numbers[first : first + BATCH] for first in range(0, len(numbers), BATCH))
            ]
            told = "".join(self._append(bucket, calls, scope, cursor, after))
            for i, verdict in zip(numbers, told, strict=True):
                verdicts[i] = verdict
        return Appended("".join(verdicts))

    def _append(
        self,
        bucket: str,
        calls: list[AppendCall],
        scope: Scope | None,
        cursor: bytes | None,
        after: bytes | EllipsisType | None,
    ) -> Iterator[str]:
        """Run the calls in their order, the next one prepared while the server works on the last.

        Calls that are under way together are chained: each one but the first demands that the
        one before has been done, so that a batch is written from its beginning or not at all.
        """
        self.register(bucket)
        known = b"" if isinstance(after, EllipsisType) else b"-" if after is None else b"=" + after
        holder: list[Any] = [scope.name if scope else "", scope.fence if scope else 0, known]
        end = b"" if cursor is None else b"=" + cursor
        keys = [self.key_of(bucket, part) for part in ("events", "seen", "state")]
        done = self._together(keys, holder, end, calls) if len(calls) > 1 else []
        for call in calls[len(done) :]:
            last = call is calls[-1]
            try:
                told, timed = b"F", False
                while told in {b"F", b"R"}:
                    told = self.run("append", keys, call.args(holder, end if last else b"", timed=timed))
                    timed = timed or told == b"R"
                    if told == b"F":
                        call.leave_out(self.learn(bucket=bucket))
            except ResponseError as error:
                if "FENCED" in str(error) and scope is not None:
                    raise Fenced(
                        f"scope {scope.name!r} of bucket {bucket!r} was taken over by another process"
                    ) from None
                if "BEHIND" in str(error) and scope is not None:
                    raise CursorMoved(
                        f"scope {scope.name!r} of bucket {bucket!r} is not where these events follow"
                    ) from None
                raise StreamError(f"bucket {bucket!r}: {error}") from error
            done.append(told)
        for call, told in zip(calls, done, strict=True):
            if told[:1] == b"+":
                # the stream did not exist: a server that came back empty has forgotten its buckets too
                self._registered.discard(bucket)
                self.register(bucket)
            yield call.verdicts(told[1:].decode())

    def _together(
        self, keys: list[str], holder: list[Any], end: bytes, calls: list[AppendCall]
    ) -> list[bytes]:
        """Answers of the calls that were done, up to the first that was not: the caller does that again."""
        sha = self.script("append").sha
        token = secrets.token_hex(6)
        answers: list[Any] = []
        with self.errors():
            connection = self.client.connection_pool.get_connection()
            try:
                for number, call in enumerate(calls):
                    last = number == len(calls) - 1
                    chain = (f"{token}:{number}" if number else "", "" if last else f"{token}:{number + 1}")
                    args = call.args(holder, end if last else b"", timed=False)
                    connection.send_command("EVALSHA", sha, len(keys), *keys, *args, *chain)
                    if number:
                        answers.append(_answer(connection))
                answers.append(_answer(connection))
            except BaseException:
                connection.disconnect()
                raise
            finally:
                self.client.connection_pool.release(connection)
        return list(
            itertools.takewhile(lambda told: isinstance(told, bytes) and told not in {b"F", b"R"}, answers)
        )

    def mark(self, moment: datetime, buckets: Sequence[str] | None = None) -> None:
        for bucket in self.buckets() if buckets is None else buckets:
            self.register(bucket)
            keys = [self.key_of(bucket, part) for part in ("events", "state")]
            self.run("mark", keys, [to_us(moment)])

    def reset(self, reason: str) -> None:
        with self.errors():
            epoch = self.client.incr(f"rta:{{{self.name}}}:epoch")
        for bucket in self.buckets():
            self.begin(bucket, epoch, reason)

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
            local, _ = self.client.execute_command("WAITAOF", 1, 0, int(timeout.total_seconds() * 1000))
        except ResponseError:
            return False
        except RedisError as error:
            raise StreamUnavailable(f"{address(self.url)}: {error}") from error
        return int(local) >= 1

    # -- reading ---------------------------------------------------------------------------

    def snapshot(self, n: int = 100, bucket: str | None = None, *, private: bool = False) -> Snapshot:
        entries: list[tuple[str, Entry]] = []
        places: dict[str, Place] = {}
        for name in self.buckets():
            keys = [self.key_of(name, part) for part in ("events", "state")]
            want, found = (n if bucket in (None, name) else 0), []
            while True:
                last, mark, epoch, whole, raw = self.run(
                    "snapshot", keys, [want, places.get(name, START).entry]
                )
                if name not in places:
                    places[name] = Place(last.decode(), int(mark), int(epoch))
                found = [(name, as_entry(item)) for item in reversed(raw)]
                if whole or len(current(found, private=private)) >= n:
                    break
                want *= 2
            entries += found
        states = sorted(current(entries, private=private), key=lambda state: state[2].received_at)
        position = StreamPosition(places)
        return Snapshot([Delivery(position, event) for _, _, event in states[-n:] if n > 0], position)

    def follow(self, position: StreamPosition | str | None = None, *, private: bool = False) -> StreamFeed:
        if position == "start":
            position = StreamPosition({b: low_place(self.state_of(b)) for b in self.buckets()})
        elif isinstance(position, str):
            position = StreamPosition.parse(position)
        return StreamFeed(
            Reader(self, self.key),
            partial(self.snapshot, private=private),
            position,
            lambda e: isinstance(e, StreamUnavailable),
            private=private,
        )

    # -- keeping ---------------------------------------------------------------------------

    def committed(self, position: StreamPosition) -> None:
        with self.errors():
            for bucket, place in position.places.items():
                self.client.hset(self.key_of(bucket, "state"), "recorder", place.entry)

    def trim(self, retention: timedelta = timedelta(days=7)) -> int:
        dropped = 0
        for bucket in self.buckets():
            keys = [self.key_of(bucket, part) for part in ("events", "state")]
            before = int((time.time() - retention.total_seconds()) * 1000)
            dropped += int(self.run("trim", keys, [max(0, before)]))
            oldest = int((time.time() - SEEN_FOR.total_seconds()) // 86_400)
            cursor = b"0"
            while True:
                cursor = self.run("forget", [self.key_of(bucket, "seen")], [cursor, oldest])
                if cursor == b"0":
                    break
        return dropped

    def trim_to_size(self, most: int) -> int:
        dropped = 0
        for bucket in self.buckets():
            keys = [self.key_of(bucket, part) for part in ("events", "state")]
            while (excess := self.entries(bucket) - most) > 0:
                gone = int(self.run("crowd", keys, [min(excess, PAGE)]))
                if not gone:
                    break
                dropped += gone
        return dropped

    def entries(self, bucket: str) -> int:
        with self.errors():
            return int(self.client.xlen(self.key_of(bucket, "events")))

    def dead(self, bucket: str, letter: DeadLetter) -> None:
        self.register(bucket)
        fields = {
            "source": letter.source,
            "scope": letter.scope,
            "reason": letter.reason,
            "raw": letter.raw[:MAX_PACKET],
            "at": to_us(letter.at),
        }
        with self.errors():
            self.client.xadd(self.key_of(bucket, "dead"), fields, maxlen=10_000, approximate=True)
            self.client.hincrby(self.key_of(bucket, "state"), "dead", 1)

    def dead_letters(self, bucket: str) -> list[DeadLetter]:
        with self.errors():
            rows = self.client.xrange(self.key_of(bucket, "dead"))
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

    def drop_dead(self, bucket: str, ids: Sequence[str]) -> int:
        if not ids:
            return 0
        with self.errors():
            dropped = int(self.client.xdel(self.key_of(bucket, "dead"), *ids))
            self.client.hincrby(self.key_of(bucket, "state"), "dead", -dropped)
        return dropped

    def publish(self, channel: str, name: str, payload: bytes) -> bool:
        return bool(
            self.run("publish", [self.channel(channel), f"{self.channel(channel)}:names"], [name, payload])
        )

    def published(self, channel: str, after: str = "0-0", wait: timedelta | None = None) -> list[Note]:
        words: list[Any] = ["XREAD", "COUNT", COUNT]
        if wait is not None:
            words += ["BLOCK", max(1, int(min(wait.total_seconds(), TIMEOUT / 2) * 1000))]
        with self.errors():
            answer = self.client.execute_command(*words, "STREAMS", self.channel(channel), after)
        return [Note(e.decode(), f[1].decode(), f[3]) for _, items in answer for e, f in items]

    def set_health(self, name: str, fields: dict[str, object]) -> None:
        with self.errors():
            self.client.hset(f"rta:{{{self.name}}}:health", name, json.dumps(fields))

    def health(self) -> dict[str, dict[str, object]]:
        with self.errors():
            rows = self.client.hgetall(f"rta:{{{self.name}}}:health")
        return {name.decode(): json.loads(value) for name, value in sorted(rows.items())}

    def stats(self) -> dict[str, dict[str, int]]:
        found = {}
        for bucket in self.buckets():
            state = self.state_of(bucket)
            entries = self.entries(bucket)
            with self.errors():
                ids = int(self.client.hlen(self.key_of(bucket, "seen")))
            dead, mark = int(state.get(b"dead", 0)), int(state.get(b"mark", 0))
            found[bucket] = {"entries": entries, "ids": ids, "dead": dead, "mark": mark}
        return found

    def delete(self) -> None:
        keys = self.keys()
        with self.errors():
            self.client.unlink(*keys)
        self._registered.clear()

    def expire(self, after: timedelta) -> None:
        """Let everything under the name vanish ``after`` from now: for the runs of replays."""
        keys = self.keys()
        with self.errors():
            for key in keys:
                self.client.expire(key, after)


def _answer(connection: Any) -> Any:
    """The answer of a call, or the error that the server gave instead."""
    try:
        return connection.read_response()
    except ResponseError as error:
        return error
