"""What a batch of events looks like to the append script."""

from __future__ import annotations

import time
from typing import Any

import msgspec

from rtanalytics.erasure import Forgotten
from rtanalytics.event import Event, encode
from rtanalytics.streams import MAX_PACKET, PacketTooLarge
from rtanalytics.streams.follower import to_us

__all__ = ["AppendCall", "packet"]

_pack = msgspec.msgpack.Encoder().encode


class AppendCall:
    """The part of a batch that one call of the append script takes, without what is forgotten."""

    def __init__(self, events: list[Event], packets: list[bytes], forgotten: Forgotten) -> None:
        self._all = list(zip(events, packets, strict=True))
        self.leave_out(forgotten)

    def leave_out(self, forgotten: Forgotten) -> None:
        """Send nothing that is covered by these marks."""
        self._version = forgotten.version
        left = [forgotten.without(event) for event, _ in self._all]
        self._out = [event is None for event in left]
        kept = [
            (event, data if event is whole else packet(event))
            for event, (whole, data) in zip(left, self._all, strict=True)
            if event is not None
        ]
        self._events, self._packets = [event for event, _ in kept], [packet for _, packet in kept]

    def verdicts(self, answer: str) -> str:
        """The letter of each event, from the script's letters for those that were sent."""
        letters = iter(answer)
        return "".join("f" if out else next(letters) for out in self._out)

    def args(self, holder: list[Any], cursor: bytes, *, timed: bool) -> list[Any]:
        """Arguments of the script; ``timed`` with the times that are needed behind a mark."""
        day = int(time.time() // 86_400)
        events = self._events
        ids = [event.id for event in events]
        # packets as text, because the server's MessagePack knows no binary
        batch: list[Any] = [
            ids,
            [_origin(event, day) for event in events],
            [p.decode() for p in self._packets],
        ]
        if timed:
            batch.append([to_us(event.received_at) for event in events])
        careful = len(set(ids)) < len(ids) or any(event.op == "delete" for event in events)
        earliest = to_us(min(event.received_at for event in events)) if events else 0
        return [*holder, cursor, earliest, int(careful), _pack(batch), self._version]


def packet(event: Event) -> bytes:
    """The event's packet.

    Raises
    ------
    PacketTooLarge
        If it has more than :data:`~rtanalytics.streams.MAX_PACKET` bytes.
    """
    data = encode(event)
    if len(data) > MAX_PACKET:
        raise PacketTooLarge(
            f"event {event.id!r} has a packet of {len(data):,} bytes; the limit is {MAX_PACKET:,}"
        )
    return data


def _origin(event: Event, day: int) -> str:
    """What decides later whether another revision of the id is an edit."""
    edited = to_us(event.edited_at) if event.edited_at else 0
    file = 1 if event.ingest is not None and event.ingest.via == "file" else 0
    producer = event.producer.replace("|", "/") if "|" in event.producer else event.producer
    return f"{day}|{event.op[0]}|{edited}|{event.seq}|{file}|{producer}|{event.rev}"
