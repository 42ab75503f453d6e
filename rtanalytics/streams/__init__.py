"""Streams: buckets of events that many write and many read, each event exactly once.

One protocol, :class:`EventStream`, and what it promises is written down as a test suite in
``tests/contracts/stream.py`` that every transport passes: :class:`~rtanalytics.streams.redis.RedisStream`
on a server, :class:`~rtanalytics.streams.memory.MemoryStream` within a process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import EllipsisType
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from rtanalytics.conference import RateLimit
from rtanalytics.erasure import Forgotten
from rtanalytics.event import Event
from rtanalytics.feed import Feed, Item, Snapshot
from rtanalytics.streams.position import StreamPosition

if TYPE_CHECKING:
    from rtanalytics.streams.outbox import Outgoing

__all__ = [
    "MAX_PACKET",
    "Appended",
    "CursorMoved",
    "DeadLetter",
    "EventStream",
    "Fenced",
    "FollowedFeed",
    "Note",
    "OutboxFull",
    "PacketTooLarge",
    "Scope",
    "StreamError",
    "StreamPosition",
    "StreamUnavailable",
    "Trimmed",
    "open_stream",
]

MAX_PACKET = 1_000_000
"""Bytes of the largest packet that a stream takes; more is a dead letter."""


class StreamError(Exception):
    """Something about a stream that the caller has to know."""


class StreamUnavailable(StreamError):
    """The server did not answer; whether a write arrived is unknown, and doing it again is harmless."""


class Fenced(StreamError):
    """Another process has taken over this scope; whoever gets this must stop writing."""


class CursorMoved(StreamError):
    """The stored cursor is not the one that a batch follows: the server lost its tail. Read again from it."""


class Trimmed(StreamError):
    """Entries between the reader's position and the oldest one kept are gone from the stream."""


class PacketTooLarge(StreamError):
    """An event's packet exceeds :data:`MAX_PACKET`; the message names the event."""


class OutboxFull(StreamError):
    """Too many packets wait to be sent; nothing was handed in."""


@dataclass(frozen=True, slots=True)
class Scope:
    """The right to write for one scope of a connector, and where it had come to.

    Parameters
    ----------
    bucket, name : str
        Which bucket, and which connector and part of it (``feeds:https://…``).
    fence : int
        Grows with each opening: a holder of a smaller one is refused.
    cursor : bytes, optional
        What was stored with the last events of this scope.
    """

    bucket: str
    name: str
    fence: int
    cursor: bytes | None = None


@dataclass(frozen=True, slots=True)
class Appended:
    """What became of each event of a batch, in its order.

    ``verdicts`` has a letter an event: ``n`` new, ``e`` an edit, ``x`` a delete, ``d`` a duplicate,
    ``f`` not stored, because its author, or whom it names, wants to be forgotten.
    """

    verdicts: str

    @property
    def new(self) -> int:
        """Events that were not known."""
        return self.verdicts.count("n")

    @property
    def edited(self) -> int:
        """Events that brought another revision."""
        return self.verdicts.count("e")

    @property
    def deleted(self) -> int:
        """Events that took something back."""
        return self.verdicts.count("x")

    @property
    def duplicate(self) -> int:
        """Events that were known already."""
        return self.verdicts.count("d")

    @property
    def forgotten(self) -> int:
        """Events that were left out, see :meth:`EventStream.forget`."""
        return self.verdicts.count("f")


@dataclass(frozen=True, slots=True)
class Note:
    """A result on a channel: its place there, its name and what it says."""

    place: str
    name: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Something delivered that could not be read, kept as it came.

    Parameters
    ----------
    id : str
        Its place among the bucket's dead letters; empty until it is stored.
    source, scope, reason : str
        Which source, which part of it, and what was wrong with it.
    raw : bytes
        As delivered.
    at : datetime
        When it was received.
    """

    source: str
    scope: str
    reason: str
    raw: bytes
    at: datetime
    id: str = ""


class FollowedFeed(Feed, Protocol):
    """A feed on a stream: it can also be read by the batch, and begin with one bucket's events."""

    def snapshot(self, n: int = 100, bucket: str | None = None) -> Snapshot:
        """The newest ``n`` events, of one bucket or of all; iterating goes on just after them."""
        ...

    def batches(self) -> Iterator[list[Item]]:
        """What came with each read, or an empty list when for a while nothing came."""
        ...


@runtime_checkable
class EventStream(Protocol):
    """Buckets of events under one name; see the contract suite for what is promised."""

    @property
    def name(self) -> str: ...

    @property
    def key(self) -> str: ...

    def open_scope(self, bucket: str, name: str) -> Scope:
        """Take the right to write for a scope; whoever had it is fenced off from now on."""
        ...

    def append(
        self,
        events: Sequence[Event],
        scope: Scope | None = None,
        cursor: bytes | None = None,
        *,
        after: bytes | EllipsisType | None = ...,
    ) -> Appended:
        """Store what is new of a batch, and the cursor, in one step a bucket.

        Parameters
        ----------
        events : sequence of Event
            With a scope, all of its bucket.
        scope : Scope, optional
            Who writes.
        cursor : bytes, optional
            Where the writer has come to with these events.
        after : bytes or None, optional
            The cursor that these events follow. If the stream has neither this nor ``cursor``,
            it has lost what came before, and nothing is written.

        Raises
        ------
        CursorMoved
            The stream has another cursor than ``after``; nothing was written.
        Fenced
            Another process has opened the scope; nothing was written.
        PacketTooLarge
            Nothing was written.
        StreamUnavailable
            Unknown whether it was written; append the same batch again.
        ValueError
            If a cursor is given without a scope, or events of another bucket than the scope's.
        """
        ...

    def mark(self, moment: datetime, buckets: Sequence[str] | None = None) -> None:
        """Say that nothing received before ``moment`` follows; later appends are raised to it."""
        ...

    def reset(self, reason: str) -> None:
        """Begin a new epoch in all buckets: readers forget what they were told."""
        ...

    def snapshot(self, n: int = 100, bucket: str | None = None, *, private: bool = False) -> Snapshot:
        """The newest ``n`` events in their current state, of one bucket or of all.

        The position is the one after everything, in all buckets. What is private
        (:attr:`Event.private <rtanalytics.event.Event.private>`) is left out unless ``private`` is true.
        """
        ...

    def follow(self, position: StreamPosition | str | None = None, *, private: bool = False) -> FollowedFeed:
        """A feed of everything after ``position``; of what comes from now on if it is None.

        What is private (:attr:`Event.private <rtanalytics.event.Event.private>`) is left out, also of the
        feed's snapshots, unless ``private`` is true: for whoever may see what its user says and is told.
        ``"start"`` stands for the oldest entry kept. Iterating raises :class:`Trimmed` where
        entries that the reader has not seen are gone.
        """
        ...

    def committed(self, position: StreamPosition) -> None:
        """The recorder's word that everything up to ``position`` lies safely in the archive."""
        ...

    def trim(self, retention: timedelta = timedelta(days=7)) -> int:
        """Drop entries older than ``retention``, never past what a recorder has committed.

        Returns
        -------
        int
            How many there were.
        """
        ...

    def trim_to_size(self, most: int) -> int:
        """Drop the oldest entries where a bucket has more than ``most``, as :meth:`trim` does."""
        ...

    def entries(self, bucket: str) -> int:
        """How many entries a bucket has, marks counted too."""
        ...

    def permit(self, budget: str, pace: RateLimit) -> timedelta:
        """Take a request out of a budget that all processes share.

        Parameters
        ----------
        budget : str
            Whose: a host.
        pace : RateLimit
            How often it may be asked.

        Returns
        -------
        timedelta
            Zero: ask now. Otherwise nothing was taken; ask for a permit again after that long.
        """
        ...

    def spend(self, budget: str, pace: RateLimit, requests: int) -> None:
        """Say that so many requests were made without a permit."""
        ...

    def hold(self, budget: str, wait: timedelta) -> None:
        """Say that the host wants to be left alone: nobody gets a permit until then."""
        ...

    def buckets(self) -> list[str]:
        """Names of the buckets, in alphabetical order."""
        ...

    def forget(self, marks: Iterable[str]) -> None:
        """From now on store nothing that these marks cover, whoever appends it; for ever.

        A list of people is stored without those whom they cover. What is there already stays; see
        :meth:`erase`.

        Parameters
        ----------
        marks : iterable of str
            As :class:`~rtanalytics.erasure.Forgotten` makes them.
        """
        ...

    def forgotten(self) -> Forgotten:
        """All marks."""
        ...

    def kept(self) -> Iterator[Event]:
        """Every revision that the stream holds, deletes left out, bucket by bucket, oldest first."""
        ...

    def erase(self, wanted: Callable[[Event], bool], *, tell: bool = True) -> list[str]:
        """Take entries out of the stream, in all their revisions.

        Parameters
        ----------
        wanted : callable
            Is asked about each event that is kept; true for one that is to go.
        tell : bool
            Tell readers first that each is deleted, by a delete whose ``type`` is ``forgotten``.

        Returns
        -------
        list of str
            Ids of what went.
        """
        ...

    def dead(self, bucket: str, letter: DeadLetter) -> None:
        """Keep a dead letter."""
        ...

    def dead_letters(self, bucket: str) -> list[DeadLetter]:
        """The dead letters that are kept, oldest first."""
        ...

    def drop_dead(self, bucket: str, ids: Sequence[str]) -> int:
        """Keep these dead letters no longer: they have been read after all, or are given up.

        Returns
        -------
        int
            How many there were.
        """
        ...

    def send(self, bucket: str, scope: str, packet: Mapping[str, str], key: str = "") -> str:
        """Hand in a packet that the holder of a scope is to send, at most once.

        Parameters
        ----------
        bucket, scope : str
            Whose.
        packet : mapping of str
            LeafyChat's: ``type``, ``to``, ``body``; 16,000 bytes as JSON at most.
        key : str
            By which the sender recognises it. Handed in again with the key within a day, after an
            answer that was lost for example, it is the same packet.

        Returns
        -------
        str
            Its place in the outbox.

        Raises
        ------
        OutboxFull
            A thousand packets wait already.
        PacketTooLarge, TypeError, ValueError
            It is too long, or something in it is no text.
        StreamUnavailable
            Unknown whether it was handed in; do it again with the same key.
        """
        ...

    def take(
        self,
        scope: Scope,
        n: int = 100,
        *,
        wait: timedelta | None = None,
        begin: bool = False,
        unsent_for: timedelta = ...,
    ) -> list[Outgoing]:
        """Take up to ``n`` packets out of the outbox, oldest first: nobody gets them again.

        What must not be sent any more comes along with the reason in ``lapsed``; it has become a
        dead letter in the same step. The others are to be sent now and then
        settled (:meth:`settle`).

        Parameters
        ----------
        scope : Scope
            As opened; whoever was fenced off gets nothing.
        n : int
            0 only looks for what has lapsed.
        wait : timedelta, optional
            How long to wait for the first one (2.5 s at most).
        begin : bool
            True for the first call of a process: what an earlier one took and did not settle
            lapses, for whether it was sent is not known.
        unsent_for : timedelta
            How long a packet may have waited; ten minutes unless given.

        Raises
        ------
        Fenced
            Another process has opened the scope; nothing was taken.
        StreamUnavailable
            Unknown whether something was taken; if so, it will lapse.
        """
        ...

    def settle(self, scope: Scope, places: Sequence[str]) -> None:
        """Say that what became of these packets (their ``id``) is known."""
        ...

    def publish(self, channel: str, name: str, payload: bytes) -> bool:
        """Put a result on a channel beside the buckets, once a name; False if it is known."""
        ...

    def published(self, channel: str, after: str = "0-0", wait: timedelta | None = None) -> list[Note]:
        """Results after a place, in order; with ``wait``, that long for the first one."""
        ...

    def set_health(self, name: str, fields: dict[str, object]) -> None:
        """Publish the health of a process; each has a name."""
        ...

    def health(self) -> dict[str, dict[str, object]]:
        """The newest health of each process, by name."""
        ...

    def stats(self) -> dict[str, dict[str, int]]:
        """For each bucket: ``entries`` in the stream, known ``ids``, ``dead`` letters ever, ``mark`` (µs)."""
        ...

    def delete(self) -> None:
        """Remove everything under the stream's name."""
        ...

    def close(self) -> None: ...


def open_stream(name: str, url: str | None = None) -> EventStream:
    """A stream by its conference's name and the server's address.

    Parameters
    ----------
    name : str
        The conference's name; ``<conference>/replay/<run>`` for a replay.
    url : str, optional
        ``redis://…``, ``rediss://…`` or ``unix://…``; otherwise ``REDIS_URL`` or the embedded server.

    Raises
    ------
    ValueError
        If the address is of a kind that is not known.
    StreamUnavailable
        If no server answers there.
    """
    from rtanalytics.streams.redis import RedisStream
    from rtanalytics.streams.server import resolve_url

    return RedisStream(url or resolve_url(), name)
