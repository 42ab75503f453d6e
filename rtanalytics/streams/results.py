"""Results beside the events: the health of the processes, and channels such as trends."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from rtanalytics.streams.position import entry_key
from rtanalytics.streams.protocol import ChannelEntry

if TYPE_CHECKING:
    from rtanalytics.streams.connection import RedisConnection

__all__ = ["MemoryChannels", "MemoryHealth", "RedisChannels", "RedisHealth"]

COUNT = 500
"""Results in one read."""


class RedisHealth:
    """Health of all processes, stored on a server."""

    def __init__(self, connection: RedisConnection) -> None:
        self._connection = connection

    def report(self, name: str, fields: Mapping[str, object]) -> None:
        with self._connection.errors():
            self._connection.client.hset(self._connection.health_key, name, json.dumps(dict(fields)))

    def read(self) -> dict[str, dict[str, object]]:
        with self._connection.errors():
            rows = self._connection.client.hgetall(self._connection.health_key)
        return {name.decode(): json.loads(value) for name, value in sorted(rows.items())}


class MemoryHealth:
    """Status of sources and other parts, kept in memory: for streams of one process."""

    def __init__(self) -> None:
        self._health: dict[str, dict[str, object]] = {}

    def report(self, name: str, fields: Mapping[str, object]) -> None:
        self._health[name] = dict(fields)

    def read(self) -> dict[str, dict[str, object]]:
        return {name: dict(self._health[name]) for name in sorted(self._health)}

    def clear(self) -> None:
        """Remove everything."""
        self._health.clear()


class RedisChannels:
    """Channels of results, stored on a server."""

    def __init__(self, connection: RedisConnection) -> None:
        self._connection = connection

    def publish(self, channel: str, name: str, payload: bytes) -> bool:
        key = self._connection.channel(channel)
        return bool(self._connection.run("publish", [key, f"{key}:names"], [name, payload]))

    def read(self, channel: str, after: str = "0-0", wait: timedelta | None = None) -> list[ChannelEntry]:
        words: list[Any] = ["XREAD", "COUNT", COUNT, *self._connection.block(wait)]
        with self._connection.errors():
            key = self._connection.channel(channel)
            response = self._connection.client.execute_command(*words, "STREAMS", key, after)
        return [ChannelEntry(e.decode(), f[1].decode(), f[3]) for _, items in response for e, f in items]


class MemoryChannels:
    """Channels of results in the memory of one process."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._entries: dict[str, list[ChannelEntry]] = {}

    def publish(self, channel: str, name: str, payload: bytes) -> bool:
        with self._changed:
            entries = self._entries.setdefault(channel, [])
            if any(entry.name == name for entry in entries):
                return False
            entries.append(ChannelEntry(f"{len(entries) + 1}-0", name, payload))
            self._changed.notify_all()
            return True

    def read(self, channel: str, after: str = "0-0", wait: timedelta | None = None) -> list[ChannelEntry]:
        first = entry_key(after)[0]
        with self._changed:
            if wait is not None:
                self._changed.wait_for(
                    lambda: len(self._entries.get(channel, ())) > first, wait.total_seconds()
                )
            return self._entries.get(channel, [])[first:]

    def clear(self) -> None:
        """Remove everything."""
        with self._changed:
            self._entries.clear()
