"""Errors of streams."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtanalytics.feed import Unavailable

if TYPE_CHECKING:
    from rtanalytics.streams.protocol import Scope

__all__ = [
    "CursorMoved",
    "Fenced",
    "OutboxFull",
    "PacketTooLarge",
    "StreamError",
    "StreamUnavailable",
    "Trimmed",
    "cursor_moved",
    "fenced",
]


class StreamError(Exception):
    """Base class of all errors that streams raise."""


class StreamUnavailable(StreamError, Unavailable):
    """The server did not answer; a write may or may not have arrived, and repeating it is harmless."""


class Fenced(StreamError):
    """Another process has taken over the scope, so this one must stop writing."""


class CursorMoved(StreamError):
    """The server lost its newest entries, so that a stored cursor is older than expected; read from it."""


class Trimmed(StreamError):
    """Entries that the reader has not read yet were trimmed from the stream."""


class PacketTooLarge(StreamError):
    """A packet exceeds its size limit; the message names the event."""


class OutboxFull(StreamError):
    """Too many packets wait to be sent; the new one was not accepted."""


def fenced(scope: Scope) -> Fenced:
    """Return the error to raise when another process has taken over a scope."""
    return Fenced(f"scope {scope.name!r} of bucket {scope.bucket!r} was taken over by another process")


def cursor_moved(scope: Scope) -> CursorMoved:
    """Return the error to raise when the stored cursor of a scope is not the expected one."""
    return CursorMoved(f"scope {scope.name!r} of bucket {scope.bucket!r} is not at the expected cursor")
