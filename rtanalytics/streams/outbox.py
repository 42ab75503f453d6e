"""The way out: packets that people send, each handed once to whoever holds the scope.

A packet waits in the bucket's outbox until the process that holds the scope takes it. Taking
removes it in the same step that checks the fence, *before* anything is sent: so it is sent at
most once, whoever is killed when. What was taken is remembered until it is settled; what a
process left unsettled behind is not sent again, but becomes a dead letter that says so. So does
what waited for longer than :data:`UNSENT_FOR`: nobody wants to be heard an hour late.

Keys of it, beside the bucket's others::

    rta:{<name>/<bucket>}:outbox   stream: s scope, k key, p packet (JSON)
    rta:{<name>/<bucket>}:taken    hash: entry id → MessagePack [scope, key, packet]
    rta:{<name>/<bucket>}:outkeys  hash: <length>|<scope>|<key> → entry id, for a day
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from redis.exceptions import ResponseError

from rtanalytics.streams import Fenced, OutboxFull, PacketTooLarge, Scope
from rtanalytics.streams.connection import TIMEOUT, RedisConnection

__all__ = [
    "LAPSED",
    "LEFT",
    "MAX_OUTGOING",
    "MAX_WAITING",
    "UNSENT_FOR",
    "Outgoing",
    "RedisOutbox",
    "packed",
]

UNSENT_FOR = timedelta(minutes=10)
"""How long a packet waits for somebody to take it; then it becomes a dead letter."""

MAX_WAITING = 1_000
"""Packets that may wait in one bucket's outbox."""

MAX_OUTGOING = 16_000
"""Bytes of the largest packet, as JSON."""

LAPSED = "nobody could send it in time"
LEFT = "the process that was sending it has ended: whether it was sent is not known"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A packet that somebody wants sent.

    Parameters
    ----------
    id : str
        Its place in the outbox.
    key : str
        By which its sender recognises it; the same however often it was handed in.
    packet : dict of str
        LeafyChat's: ``type``, ``to``, ``body``.
    at : datetime
        When it was handed in.
    lapsed : str
        Why it must not be sent any more (it is a dead letter already); empty if it is to be sent.
    """

    id: str
    key: str
    packet: dict[str, str]
    at: datetime
    lapsed: str = ""


def packed(packet: Mapping[str, str], key: str) -> tuple[str, str]:
    """The packet as JSON, and its key, made up if there is none.

    Raises
    ------
    PacketTooLarge
        Above :data:`MAX_OUTGOING` bytes.
    TypeError
        If something in it is no text.
    ValueError
        If the key is longer than 200 characters.
    """
    for name, value in packet.items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise TypeError(f"a packet has texts only, but {name!r} is {value!r}")
    if len(key) > 200:
        raise ValueError(f"the key has {len(key)} characters; 200 are allowed")
    text = json.dumps(dict(packet))
    if len(text) > MAX_OUTGOING:
        raise PacketTooLarge(f"a packet of {len(text):,} bytes to be sent; the limit is {MAX_OUTGOING:,}")
    return text, key or secrets.token_hex(12)


class RedisOutbox(RedisConnection):
    """The outboxes of a stream on a Redis server."""

    def send(self, bucket: str, scope: str, packet: Mapping[str, str], key: str = "") -> str:
        """Hand in a packet; see :class:`~rtanalytics.streams.EventStream`."""
        text, key = packed(packet, key)
        self.register(bucket)
        place = self.run(
            "send", self._boxes(bucket), [scope, key, text, MAX_WAITING, _ms(UNSENT_FOR), LAPSED]
        )
        if place == b"FULL":
            raise OutboxFull(
                f"bucket {bucket!r}: {MAX_WAITING:,} packets wait to be sent; is its source running?"
            )
        return str(place.decode())

    def take(
        self,
        scope: Scope,
        n: int = 100,
        *,
        wait: timedelta | None = None,
        begin: bool = False,
        unsent_for: timedelta = UNSENT_FOR,
    ) -> list[Outgoing]:
        """Take what is to be sent; see :class:`~rtanalytics.streams.EventStream`."""
        taken, last = self._take(scope, n, begin, unsent_for)
        if taken or wait is None or n < 1:
            return taken
        block = max(1, int(min(wait.total_seconds(), TIMEOUT / 2) * 1000))
        with self.errors():
            outbox = self.key_of(scope.bucket, "outbox")
            came = self.client.execute_command("XREAD", "COUNT", 1, "BLOCK", block, "STREAMS", outbox, last)
        return self._take(scope, n, False, unsent_for)[0] if came else []

    def settle(self, scope: Scope, places: Sequence[str]) -> None:
        """Say that what became of these is known."""
        if places:
            with self.errors():
                self.client.hdel(self.key_of(scope.bucket, "taken"), *places)

    def _take(
        self,
        scope: Scope,
        n: int,
        begin: bool,  # noqa: FBT001 - within this class
        unsent_for: timedelta,
    ) -> tuple[list[Outgoing], str]:
        args = [scope.name, scope.fence, n, _ms(unsent_for), int(begin), LAPSED, LEFT]
        try:
            last, rows = self.run("take", self._boxes(scope.bucket), args)
        except ResponseError as error:
            if "FENCED" in str(error):
                raise Fenced(
                    f"scope {scope.name!r} of bucket {scope.bucket!r} was taken over by another process"
                ) from None
            raise
        return [_outgoing(row) for row in rows], last.decode()

    def _boxes(self, bucket: str) -> list[str]:
        return [self.key_of(bucket, part) for part in ("outbox", "taken", "outkeys", "state", "dead")]


def _outgoing(row: Sequence[Any]) -> Outgoing:
    place, key, text, lapsed = (part.decode() for part in row)
    at = datetime.fromtimestamp(int(place.partition("-")[0]) / 1000, UTC)
    return Outgoing(place, key, json.loads(text), at, lapsed)


def _ms(length: timedelta) -> int:
    return int(length.total_seconds() * 1000)
