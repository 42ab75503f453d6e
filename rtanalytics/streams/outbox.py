"""Outboxes: packets that people send, each given once to the process that holds the scope.

A packet waits in the bucket's outbox until the holder of the scope takes it. Taking removes it in the
same step that checks the fence, before anything is sent: so each packet is sent at most once, whichever
process is killed when. Taken packets are remembered until they are settled. What a process took and did
not settle is not sent again, but becomes a dead letter with that reason; so does a packet that waited
longer than :data:`UNSENT_FOR`, because a chat line that arrives an hour late helps nobody.

Redis keys, beside the bucket's others::

    rta:{<name>/<bucket>}:outbox   stream: s scope, k key, p packet (JSON)
    rta:{<name>/<bucket>}:taken    hash: entry id → MessagePack [scope, key, packet]
    rta:{<name>/<bucket>}:outkeys  hash: <length>|<scope>|<key> → entry id, for a day
"""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from rtanalytics.streams.errors import OutboxFull, PacketTooLarge
from rtanalytics.streams.protocol import DeadLetter, DeadLetters, Outgoing, Scope

if TYPE_CHECKING:
    from rtanalytics.streams.connection import RedisConnection

__all__ = ["MAX_OUTGOING", "MAX_WAITING", "UNSENT_FOR", "MemoryOutbox", "RedisOutbox"]

UNSENT_FOR = timedelta(minutes=10)
"""How long a packet may wait before it becomes a dead letter."""

MAX_WAITING = 1_000
"""Packets that may wait in one bucket's outbox."""

MAX_OUTGOING = 16_000
"""Size limit of a packet as JSON, in bytes."""

LAPSED = "not sent in time"
LEFT = "the process that was sending it has ended: it is not known whether it was sent"


def _encode(packet: Mapping[str, str], key: str) -> tuple[str, str]:
    """Return the packet as JSON, and its key, generated if empty.

    Raises
    ------
    PacketTooLarge
        Above :data:`MAX_OUTGOING` bytes.
    TypeError
        If a name or value is not text.
    ValueError
        If the key is longer than 200 characters.
    """
    for name, value in packet.items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise TypeError(f"a packet may contain text only, but {name!r} is {value!r}")
    if len(key) > 200:
        raise ValueError(f"the key has {len(key)} characters; at most 200 are allowed")
    text = json.dumps(dict(packet))
    if len(text) > MAX_OUTGOING:
        raise PacketTooLarge(f"a packet of {len(text):,} bytes to be sent; the limit is {MAX_OUTGOING:,}")
    return text, key or secrets.token_hex(12)


def _full(bucket: str) -> OutboxFull:
    return OutboxFull(f"bucket {bucket!r}: {MAX_WAITING:,} packets wait to be sent; is its source running?")


class RedisOutbox:
    """Outboxes of packets to send, stored on a server."""

    def __init__(self, connection: RedisConnection) -> None:
        self._connection = connection

    def send(self, bucket: str, scope: str, packet: Mapping[str, str], key: str = "") -> str:
        text, key = _encode(packet, key)
        self._connection.register(bucket)
        args = [scope, key, text, MAX_WAITING, _ms(UNSENT_FOR), LAPSED]
        entry: bytes = self._connection.run("send", self._keys(bucket), args)
        if entry == b"FULL":
            raise _full(bucket)
        return entry.decode()

    def take(
        self,
        scope: Scope,
        n: int = 100,
        *,
        wait: timedelta | None = None,
        begin: bool = False,
        unsent_for: timedelta = UNSENT_FOR,
    ) -> list[Outgoing]:
        taken, last = self._take(scope, n, begin, unsent_for)
        if taken or wait is None or n < 1:
            return taken
        with self._connection.errors():
            words = ("XREAD", "COUNT", 1, *self._connection.block(wait), "STREAMS")
            outbox = self._connection.key_of(scope.bucket, "outbox")
            arrived = self._connection.client.execute_command(*words, outbox, last)
        return self._take(scope, n, False, unsent_for)[0] if arrived else []

    def settle(self, scope: Scope, ids: Sequence[str]) -> None:
        if ids:
            with self._connection.errors():
                self._connection.client.hdel(self._connection.key_of(scope.bucket, "taken"), *ids)

    def _take(
        self,
        scope: Scope,
        n: int,
        begin: bool,  # noqa: FBT001 - within this class
        unsent_for: timedelta,
    ) -> tuple[list[Outgoing], str]:
        args = [scope.name, scope.fence, n, _ms(unsent_for), int(begin), LAPSED, LEFT]
        with self._connection.scope_errors(scope):
            last, rows = self._connection.run("take", self._keys(scope.bucket), args)
        return [_outgoing(row) for row in rows], last.decode()

    def _keys(self, bucket: str) -> list[str]:
        parts = ("outbox", "taken", "outkeys", "state", "dead")
        return [self._connection.key_of(bucket, part) for part in parts]


def _outgoing(row: Sequence[Any]) -> Outgoing:
    entry, key, text, lapsed = (part.decode() for part in row)
    at = datetime.fromtimestamp(int(entry.partition("-")[0]) / 1000, UTC)
    return Outgoing(entry, key, json.loads(text), at, lapsed)


def _ms(length: timedelta) -> int:
    return int(length.total_seconds() * 1000)


@dataclass
class _Box:
    waiting: list[tuple[str, Outgoing]] = field(default_factory=list)
    taken: list[tuple[str, Outgoing]] = field(default_factory=list)
    keys: dict[tuple[str, str], str] = field(default_factory=dict)


class MemoryOutbox:
    """Outboxes within one process.

    Parameters
    ----------
    register : callable
        Announce a bucket.
    check : callable
        Raise :class:`~rtanalytics.streams.errors.Fenced` if a scope was taken over.
    dead_letters : DeadLetters
        For packets that lapse.
    """

    def __init__(
        self, register: Callable[[str], object], check: Callable[[Scope], None], dead_letters: DeadLetters
    ) -> None:
        self._register, self._check = register, check
        self._dead_letters = dead_letters
        self._changed = threading.Condition()
        self._boxes: dict[str, _Box] = {}

    def send(self, bucket: str, scope: str, packet: Mapping[str, str], key: str = "") -> str:
        _, key = _encode(packet, key)
        self._register(bucket)
        with self._changed:
            box = self._boxes.setdefault(bucket, _Box())
            if (known := box.keys.get((scope, key))) is not None:
                return known
            if len(box.waiting) >= MAX_WAITING:
                self._lapse(bucket, None, UNSENT_FOR)
            if len(box.waiting) >= MAX_WAITING:
                raise _full(bucket)
            entry = f"{len(box.keys) + 1}-0"
            box.waiting.append((scope, Outgoing(entry, key, dict(packet), datetime.now(UTC))))
            box.keys[scope, key] = entry
            self._changed.notify_all()
            return entry

    def take(
        self,
        scope: Scope,
        n: int = 100,
        *,
        wait: timedelta | None = None,
        begin: bool = False,
        unsent_for: timedelta = UNSENT_FOR,
    ) -> list[Outgoing]:
        with self._changed:
            taken = self._take(scope, n, begin, unsent_for)
            if not taken and wait is not None and n > 0:
                box = self._boxes[scope.bucket]
                self._changed.wait_for(
                    lambda: any(name == scope.name for name, _ in box.waiting), wait.total_seconds()
                )
                taken = self._take(scope, n, False, unsent_for)
            return taken

    def settle(self, scope: Scope, ids: Sequence[str]) -> None:
        with self._changed:
            box = self._boxes.setdefault(scope.bucket, _Box())
            box.taken = [item for item in box.taken if item[1].id not in ids]

    def clear(self) -> None:
        """Remove everything."""
        with self._changed:
            self._boxes.clear()

    def _take(self, scope: Scope, n: int, begin: bool, unsent_for: timedelta) -> list[Outgoing]:  # noqa: FBT001
        self._check(scope)
        box = self._boxes.setdefault(scope.bucket, _Box())
        lapsed = []
        if begin:
            left = [out for name, out in box.taken if name == scope.name]
            box.taken = [item for item in box.taken if item[0] != scope.name]
            lapsed += [self._bury(scope.bucket, scope.name, out, LEFT) for out in left]
        lapsed += self._lapse(scope.bucket, scope.name, unsent_for)
        ours = [item for item in box.waiting if item[0] == scope.name][: max(0, n)]
        box.waiting = [item for item in box.waiting if item not in ours]
        box.taken += ours
        return lapsed + [out for _, out in ours]

    def _lapse(self, bucket: str, scope: str | None, unsent_for: timedelta) -> list[Outgoing]:
        """Remove the packets of one scope, or of all scopes, that have waited longer than ``unsent_for``."""
        box, before = self._boxes[bucket], datetime.now(UTC) - unsent_for
        late = [item for item in box.waiting if scope in (None, item[0]) and item[1].at < before]
        box.waiting = [item for item in box.waiting if item not in late]
        return [self._bury(bucket, name, out, LAPSED) for name, out in late]

    def _bury(self, bucket: str, scope: str, out: Outgoing, reason: str) -> Outgoing:
        raw = _encode(out.packet, out.key)[0].encode()
        self._dead_letters.add(bucket, DeadLetter("outbox", scope, reason, raw, datetime.now(UTC)))
        return replace(out, lapsed=reason)
