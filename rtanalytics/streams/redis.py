"""Buckets as Redis streams: one Lua call stores a batch, its cursor and the known revisions of its ids."""

from __future__ import annotations

import itertools
import secrets
import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from types import EllipsisType
from typing import Any

from redis.exceptions import ResponseError

from rtanalytics.event import Event
from rtanalytics.feed import Delivery, FeedContext, Snapshot
from rtanalytics.streams.append_call import AppendCall, packet
from rtanalytics.streams.connection import RedisConnection, address
from rtanalytics.streams.dead_letters import RedisDeadLetters
from rtanalytics.streams.erasure import RedisErasure
from rtanalytics.streams.errors import StreamError
from rtanalytics.streams.follower import Entry, StreamFeed, current, to_us
from rtanalytics.streams.outbox import RedisOutbox
from rtanalytics.streams.position import START, Place, StreamPosition
from rtanalytics.streams.protocol import Appended, Scope
from rtanalytics.streams.rate_limits import RedisRateLimits
from rtanalytics.streams.reader import Reader, as_entry, low_place
from rtanalytics.streams.results import RedisChannels, RedisHealth

__all__ = ["RedisStream"]

BATCH = 334
"""Events in one call of the append script: enough to make it cheap, few enough to overlap calls."""

PAGE = 5_000
"""Entries removed from a bucket in one call of the server."""

SEEN_FOR = timedelta(days=90)
"""How long the revision of an id is remembered: longer than any source looks back."""


class RedisStream:
    """A stream on a Redis or Valkey server (6.2 or newer).

    Parameters
    ----------
    url : str
        ``redis://…``, ``rediss://…`` or ``unix://…``.
    name : str
        Name of the conference, or ``<conference>/replay/<run>``.
    context : FeedContext, optional
        Defaults for the views that show the stream.

    Raises
    ------
    ValueError
        If ``name`` contains characters not allowed in a key, or the kind of address is unknown.
    """

    def __init__(self, url: str, name: str, context: FeedContext | None = None) -> None:
        self.url = url
        self.context = context
        self.name = name
        self.key = f"{address(url)}/{name}"
        self.connection = RedisConnection(url, name)
        self.outbox = RedisOutbox(self.connection)
        self.rate_limits = RedisRateLimits(self.connection)
        self.health = RedisHealth(self.connection)
        self.channels = RedisChannels(self.connection)
        self.dead_letters = RedisDeadLetters(self.connection)
        self.erasure = RedisErasure(self.connection, self.append)

    # -- writing ---------------------------------------------------------------------------

    def open_scope(self, bucket: str, name: str) -> Scope:
        self.connection.register(bucket)
        fence, cursor = self.connection.run("open_scope", [self.connection.key_of(bucket, "state")], [name])
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
            raise ValueError("a cursor needs a scope; open one and pass it as well")
        by_bucket: dict[str, list[int]] = {scope.bucket: []} if scope is not None else {}
        for number, event in enumerate(events):
            by_bucket.setdefault(event.bucket, []).append(number)
        if scope is not None and set(by_bucket) != {scope.bucket}:
            raise ValueError(f"scope {scope.name!r} writes to {scope.bucket!r}, not to {sorted(by_bucket)}")
        packets = [packet(event) for event in events]
        verdicts = [""] * len(events)
        known = self.connection.known_marks
        for bucket, numbers in by_bucket.items():
            # a scope without events has one empty call, which stores its cursor
            parts = [numbers[first : first + BATCH] for first in range(0, len(numbers) or 1, BATCH)]
            calls = [
                AppendCall([events[i] for i in part], [packets[i] for i in part], known) for part in parts
            ]
            letters = itertools.chain.from_iterable(self._append(bucket, calls, scope, cursor, after))
            for i, verdict in zip(numbers, letters, strict=True):
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
        """Run the calls in order, preparing the next one while the server works on the last.

        Calls under way at the same time are chained: each except the first requires that the
        previous one has succeeded, so that a batch is written from its beginning or not at all.
        """
        self.connection.register(bucket)
        known = b"" if isinstance(after, EllipsisType) else b"-" if after is None else b"=" + after
        holder: list[Any] = [scope.name if scope else "", scope.fence if scope else 0, known]
        end = b"" if cursor is None else b"=" + cursor
        keys = [self.connection.key_of(bucket, part) for part in ("events", "seen", "state")]
        done = self._pipelined(keys, holder, end, calls) if len(calls) > 1 else []
        for call in calls[len(done) :]:
            last = call is calls[-1]
            answer, timed = b"F", False
            try:
                with self.connection.scope_errors(scope):
                    while answer in {b"F", b"R"}:
                        args = call.args(holder, end if last else b"", timed=timed)
                        answer = self.connection.run("append", keys, args)
                        timed = timed or answer == b"R"
                        if answer == b"F":
                            call.leave_out(self.connection.learn(bucket=bucket))
            except ResponseError as error:
                raise StreamError(f"bucket {bucket!r}: {error}") from error
            done.append(answer)
        for call, answer in zip(calls, done, strict=True):
            if answer[:1] == b"+":
                # the stream did not exist: a server that came back empty has lost its buckets too
                self.connection.unregister(bucket)
                self.connection.register(bucket)
            yield call.verdicts(answer[1:].decode())

    def _pipelined(
        self, keys: list[str], holder: list[Any], end: bytes, calls: list[AppendCall]
    ) -> list[bytes]:
        """Run several calls at once; return the answers before the first call that failed."""
        sha = self.connection.script("append").sha
        token = secrets.token_hex(6)
        answers: list[Any] = []
        with self.connection.errors():
            connection = self.connection.client.connection_pool.get_connection()
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
                self.connection.client.connection_pool.release(connection)
        return list(itertools.takewhile(lambda a: isinstance(a, bytes) and a not in {b"F", b"R"}, answers))

    def mark(self, moment: datetime, buckets: Sequence[str] | None = None) -> None:
        for bucket in self.connection.buckets() if buckets is None else buckets:
            self.connection.register(bucket)
            keys = [self.connection.key_of(bucket, part) for part in ("events", "state")]
            self.connection.run("mark", keys, [to_us(moment)])

    def reset(self, reason: str) -> None:
        with self.connection.errors():
            epoch = self.connection.client.incr(f"rta:{{{self.name}}}:epoch")
        for bucket in self.connection.buckets():
            self.connection.begin(bucket, epoch, reason)

    # -- reading ---------------------------------------------------------------------------

    def snapshot(self, n: int = 100, bucket: str | None = None, *, private: bool = False) -> Snapshot:
        entries: list[tuple[str, Entry]] = []
        places: dict[str, Place] = {}
        for name in self.connection.buckets():
            keys = [self.connection.key_of(name, part) for part in ("events", "state")]
            want, page = (n if bucket in (None, name) else 0), []
            while True:
                last, mark, epoch, whole, raw = self.connection.run(
                    "snapshot", keys, [want, places.get(name, START).entry]
                )
                if name not in places:
                    places[name] = Place(last.decode(), int(mark), int(epoch))
                page = [(name, as_entry(item)) for item in reversed(raw)]
                if whole or len(current(page, private=private)) >= n:
                    break
                want *= 2
            entries += page
        states = sorted(current(entries, private=private), key=lambda state: state[2].received_at)
        position = StreamPosition(places)
        return Snapshot([Delivery(position, event) for _, _, event in states[-n:] if n > 0], position)

    def follow(self, position: StreamPosition | str | None = None, *, private: bool = False) -> StreamFeed:
        if position == "start":
            places = {b: low_place(self.connection.state_of(b)) for b in self.connection.buckets()}
            position = StreamPosition(places)
        elif isinstance(position, str):
            position = StreamPosition.parse(position)
        snapshot = partial(self.snapshot, private=private)
        return StreamFeed(
            Reader(self.connection, self.key), snapshot, position, private=private, context=self.context
        )

    # -- retention and removal -------------------------------------------------------------

    def committed(self, position: StreamPosition) -> None:
        with self.connection.errors():
            for bucket, place in position.places.items():
                self.connection.client.hset(self.connection.key_of(bucket, "state"), "recorder", place.entry)

    def trim(self, retention: timedelta = timedelta(days=7)) -> int:
        dropped = 0
        for bucket in self.connection.buckets():
            keys = [self.connection.key_of(bucket, part) for part in ("events", "state")]
            before = int((time.time() - retention.total_seconds()) * 1000)
            dropped += int(self.connection.run("trim", keys, [max(0, before)]))
            oldest = int((time.time() - SEEN_FOR.total_seconds()) // 86_400)
            cursor = b"0"
            while True:
                cursor = self.connection.run(
                    "expire_ids", [self.connection.key_of(bucket, "seen")], [cursor, oldest]
                )
                if cursor == b"0":
                    break
        return dropped

    def trim_to_size(self, max_entries: int) -> int:
        dropped = 0
        for bucket, numbers in self.buckets().items():
            keys = [self.connection.key_of(bucket, part) for part in ("events", "state")]
            excess = numbers["entries"] - max_entries
            while excess > 0:
                page = int(self.connection.run("trim_to_size", keys, [min(excess, PAGE)]))
                if not page:
                    break
                dropped, excess = dropped + page, excess - page
        return dropped

    def buckets(self) -> dict[str, dict[str, int]]:
        connection, names = self.connection, self.connection.buckets()
        with connection.errors():
            pipe = connection.client.pipeline(transaction=False)
            for name in names:
                pipe.xlen(connection.key_of(name, "events"))
                pipe.hlen(connection.key_of(name, "seen"))
                pipe.hmget(connection.key_of(name, "state"), "dead", "mark")
            answers = iter(pipe.execute())
        return {
            name: {"entries": entries, "ids": ids, "dead": int(dead or 0), "mark": int(mark or 0)}
            for name, entries, ids, (dead, mark) in zip(names, answers, answers, answers, strict=True)
        }

    def delete(self, after: timedelta | None = None) -> None:
        keys = self.connection.keys()
        with self.connection.errors():
            if after is None:
                self.connection.client.unlink(*keys)
                self.connection.unregister()
            else:
                for key in keys:
                    self.connection.client.expire(key, after)

    def close(self) -> None:
        self.connection.close()


def _answer(connection: Any) -> Any:
    """Return the answer of a call, or the error that the server gave instead."""
    try:
        return connection.read_response()
    except ResponseError as error:
        return error
