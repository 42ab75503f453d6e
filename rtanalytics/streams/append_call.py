"""Arguments of the append script for a batch of events."""

from __future__ import annotations

import time
from typing import Any

import msgspec

from rtanalytics.erasure import ErasureMarks
from rtanalytics.event import Event, encode
from rtanalytics.streams.errors import PacketTooLarge
from rtanalytics.streams.follower import to_us
from rtanalytics.streams.protocol import MAX_PACKET

__all__ = ["AppendCall", "packet"]

_pack = msgspec.msgpack.Encoder().encode


class AppendCall:
    """Arguments of one call of the append script: part of a batch, without the events of erased people."""

    def __init__(self, events: list[Event], packets: list[bytes], marks: ErasureMarks) -> None:
        self._all = list(zip(events, packets, strict=True))
        self.leave_out(marks)

    def leave_out(self, marks: ErasureMarks) -> None:
        """Remove the events of people with these erasure marks from the call."""
        self._version = marks.version
        self._events, self._packets, self._left_out = [], [], []
        for event, data in self._all:
            kept = marks.without(event)
            self._left_out.append(kept is None)
            if kept is not None:
                self._events.append(kept)
                self._packets.append(data if kept is event else packet(kept))

    def verdicts(self, answer: str) -> str:
        """Return the result letter of each event, given those of the events that were sent."""
        letters = iter(answer)
        return "".join("f" if left_out else next(letters) for left_out in self._left_out)

    def args(self, holder: list[Any], cursor: bytes, *, timed: bool) -> list[Any]:
        """Return the arguments of the script; ``timed`` adds times, for events before a watermark."""
        day = int(time.time() // 86_400)
        events = self._events
        ids = [event.id for event in events]
        # packets as text, because the server's MessagePack has no binary type
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
    """Return the event's packet.

    Raises
    ------
    PacketTooLarge
        If it is larger than :data:`~rtanalytics.streams.MAX_PACKET` bytes.
    """
    data = encode(event)
    if len(data) > MAX_PACKET:
        raise PacketTooLarge(
            f"event {event.id!r} has a packet of {len(data):,} bytes; the limit is {MAX_PACKET:,}"
        )
    return data


def _origin(event: Event, day: int) -> str:
    """Return the part of an event that the script compares with later revisions of the same id."""
    edited = to_us(event.edited_at) if event.edited_at else 0
    file = 1 if event.ingest is not None and event.ingest.via == "file" else 0
    producer = event.producer.replace("|", "/") if "|" in event.producer else event.producer
    return f"{day}|{event.op[0]}|{edited}|{event.seq}|{file}|{producer}|{event.rev}"
