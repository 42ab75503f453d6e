"""Streams: buckets of events that many write and many read, each event exactly once.

A stream (:class:`~rtanalytics.streams.protocol.EventStream`) lives on a server
(:class:`~rtanalytics.streams.redis.RedisStream`) or within one process
(:class:`~rtanalytics.streams.memory.MemoryStream`).
"""

from __future__ import annotations

from rtanalytics.feed import FeedContext
from rtanalytics.streams.errors import (
    CursorMoved,
    Fenced,
    OutboxFull,
    PacketTooLarge,
    StreamError,
    StreamUnavailable,
    Trimmed,
)
from rtanalytics.streams.position import StreamPosition
from rtanalytics.streams.protocol import (
    MAX_PACKET,
    Appended,
    ChannelEntry,
    Channels,
    DeadLetter,
    DeadLetters,
    Erasure,
    EventStream,
    FollowedFeed,
    HealthBoard,
    Outbox,
    Outgoing,
    RateLimits,
    Scope,
)

__all__ = [
    "MAX_PACKET",
    "Appended",
    "ChannelEntry",
    "Channels",
    "CursorMoved",
    "DeadLetter",
    "DeadLetters",
    "Erasure",
    "EventStream",
    "Fenced",
    "FollowedFeed",
    "HealthBoard",
    "Outbox",
    "OutboxFull",
    "Outgoing",
    "PacketTooLarge",
    "RateLimits",
    "Scope",
    "StreamError",
    "StreamPosition",
    "StreamUnavailable",
    "Trimmed",
    "open_stream",
]


def open_stream(name: str, url: str | None = None, context: FeedContext | None = None) -> EventStream:
    """Open a stream by the conference's name and the server's address.

    Parameters
    ----------
    name : str
        The conference's name; ``<conference>/replay/<run>`` for a replay.
    url : str, optional
        ``redis://…``, ``rediss://…`` or ``unix://…``; default ``REDIS_URL``, else the embedded server.
    context : FeedContext, optional
        Settings and time zone of the conference, for the views that show the stream.

    Raises
    ------
    ValueError
        If the kind of address is unknown.
    StreamUnavailable
        If no server answers there.
    """
    from rtanalytics.streams.redis import RedisStream
    from rtanalytics.streams.server import resolve_url

    return RedisStream(url or resolve_url(), name, context)
