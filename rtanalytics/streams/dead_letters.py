"""Dead-letter queues: deliveries that could not be parsed, kept per bucket."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from rtanalytics.streams.follower import from_us, to_us
from rtanalytics.streams.protocol import MAX_PACKET, DeadLetter

if TYPE_CHECKING:
    from rtanalytics.streams.connection import RedisConnection

__all__ = ["MemoryDeadLetters", "RedisDeadLetters"]


class RedisDeadLetters:
    """Dead-letter queues on a server; each keeps the newest 10,000."""

    def __init__(self, connection: RedisConnection) -> None:
        self._connection = connection

    def add(self, bucket: str, letter: DeadLetter) -> None:
        connection = self._connection
        connection.register(bucket)
        fields = {
            "source": letter.source,
            "scope": letter.scope,
            "reason": letter.reason,
            "raw": letter.raw[:MAX_PACKET],
            "at": to_us(letter.at),
        }
        with connection.errors():
            connection.client.xadd(connection.key_of(bucket, "dead"), fields, maxlen=10_000, approximate=True)
            connection.client.hincrby(connection.key_of(bucket, "state"), "dead", 1)

    def read(self, bucket: str) -> list[DeadLetter]:
        with self._connection.errors():
            rows = self._connection.client.xrange(self._connection.key_of(bucket, "dead"))
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

    def remove(self, bucket: str, ids: Sequence[str]) -> int:
        if not ids:
            return 0
        connection = self._connection
        with connection.errors():
            removed = int(connection.client.xdel(connection.key_of(bucket, "dead"), *ids))
            connection.client.hincrby(connection.key_of(bucket, "state"), "dead", -removed)
        return removed


class MemoryDeadLetters:
    """Dead-letter queues within one process.

    Parameters
    ----------
    register : callable
        Announce a bucket.
    """

    def __init__(self, register: Callable[[str], object]) -> None:
        self._register = register
        self._lock = threading.Lock()
        self._letters: dict[str, list[DeadLetter]] = {}
        self._added: Counter[str] = Counter()

    def add(self, bucket: str, letter: DeadLetter) -> None:
        self._register(bucket)
        with self._lock:
            self._added[bucket] += 1
            self._letters.setdefault(bucket, []).append(replace(letter, id=str(self._added[bucket])))

    def read(self, bucket: str) -> list[DeadLetter]:
        with self._lock:
            return list(self._letters.get(bucket, ()))

    def remove(self, bucket: str, ids: Sequence[str]) -> int:
        with self._lock:
            before = self._letters.get(bucket, [])
            self._letters[bucket] = [letter for letter in before if letter.id not in ids]
            return len(before) - len(self._letters[bucket])

    def clear(self) -> None:
        """Remove everything."""
        with self._lock:
            self._letters.clear()
