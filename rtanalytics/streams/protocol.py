"""Interface of a stream: a log of events in buckets, and six smaller parts.

The promises are written as a test suite, ``tests/contracts/stream.py``, that every transport passes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import EllipsisType
from typing import Protocol

from rtanalytics.conference import RateLimit
from rtanalytics.erasure import ErasureMarks
from rtanalytics.event import Event
from rtanalytics.feed import Feed, Item, Snapshot
from rtanalytics.streams.position import StreamPosition

__all__ = [
    "MAX_PACKET",
    "Appended",
    "ChannelEntry",
    "Channels",
    "DeadLetter",
    "DeadLetters",
    "Erasure",
    "EventStream",
    "FollowedFeed",
    "HealthBoard",
    "Outbox",
    "Outgoing",
    "RateLimits",
    "Scope",
]

MAX_PACKET = 1_000_000
"""Size limit of an event's packet, in bytes; a larger one becomes a dead letter."""


@dataclass(frozen=True, slots=True)
class Scope:
    """The right of one process to write for one part of a source, and its last stored cursor.

    Parameters
    ----------
    bucket, name : str
        The bucket, and the source with its part (``feeds:https://…``).
    fence : int
        Grows with each opening: holders of a smaller number are refused.
    cursor : bytes, optional
        Stored with the last events of this scope.
    """

    bucket: str
    name: str
    fence: int
    cursor: bytes | None = None


@dataclass(frozen=True, slots=True)
class Appended:
    """Result of an append.

    Parameters
    ----------
    verdicts : str
        One letter per event, in order: ``n`` new, ``e`` edit, ``x`` delete, ``d`` duplicate,
        ``f`` not stored because it falls under an erasure.
    """

    verdicts: str

    @property
    def new(self) -> int:
        """Number of events whose ids were not known before."""
        return self.verdicts.count("n")

    @property
    def edited(self) -> int:
        """Number of new revisions of known events."""
        return self.verdicts.count("e")

    @property
    def deleted(self) -> int:
        """Number of deletes."""
        return self.verdicts.count("x")

    @property
    def duplicate(self) -> int:
        """Number of events that were known already."""
        return self.verdicts.count("d")

    @property
    def forgotten(self) -> int:
        """Number of events left out because of an erasure, see :meth:`Erasure.forget`."""
        return self.verdicts.count("f")


@dataclass(frozen=True, slots=True)
class ChannelEntry:
    """A result on a channel: its id in the channel, its name and its content."""

    id: str
    name: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A delivery that could not be parsed, kept unchanged.

    Parameters
    ----------
    source, scope, reason : str
        The source, its part, and what was wrong.
    raw : bytes
        The delivery as received.
    at : datetime
        Time of receipt.
    id : str
        Its id in the bucket's dead-letter queue; empty before it is stored.
    """

    source: str
    scope: str
    reason: str
    raw: bytes
    at: datetime
    id: str = ""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A packet to be sent.

    Parameters
    ----------
    id : str
        Its id in the outbox.
    key : str
        Chosen by the sender, who may submit the packet again under it.
    packet : dict of str
        In LeafyChat's format: ``type``, ``to``, ``body``.
    at : datetime
        When it was submitted.
    lapsed : str
        Why it must not be sent any more (it is a dead letter already); empty if it is to be sent.
    """

    id: str
    key: str
    packet: dict[str, str]
    at: datetime
    lapsed: str = ""


class FollowedFeed(Feed, Protocol):
    """Feed of a stream, which can also be read in batches or start with the events of one bucket."""

    def snapshot(self, n: int = 100, bucket: str | None = None) -> Snapshot:
        """Return the newest ``n`` events of one bucket or of all; iterating continues after them."""
        ...

    def batches(self) -> Iterator[list[Item]]:
        """Yield the items of each read, or an empty list when nothing arrived for a while."""
        ...


class RateLimits(Protocol):
    """Request budgets of hosts, shared by all processes."""

    def permit(self, host: str, limit: RateLimit) -> timedelta:
        """Take one request out of the host's budget.

        Returns
        -------
        timedelta
            Zero: send the request now. Otherwise nothing was taken; try again after that long.
        """
        ...

    def spend(self, host: str, limit: RateLimit, requests: int) -> None:
        """Subtract requests that were sent without asking first from the host's budget."""
        ...

    def hold(self, host: str, wait: timedelta) -> None:
        """Grant no request to the host during ``wait``, because the host asked for a pause."""
        ...


class DeadLetters(Protocol):
    """The dead-letter queue of each bucket."""

    def add(self, bucket: str, letter: DeadLetter) -> None:
        """Store a dead letter."""
        ...

    def read(self, bucket: str) -> list[DeadLetter]:
        """Return the stored dead letters, oldest first."""
        ...

    def remove(self, bucket: str, ids: Sequence[str]) -> int:
        """Remove dead letters and return how many there were."""
        ...


class HealthBoard(Protocol):
    """The latest health of each process."""

    def report(self, name: str, fields: Mapping[str, object]) -> None:
        """Replace the health of the process called ``name``."""
        ...

    def read(self) -> dict[str, dict[str, object]]:
        """Return the health of each process by its name."""
        ...


class Channels(Protocol):
    """Channels of results, such as trends, beside the buckets."""

    def publish(self, channel: str, name: str, payload: bytes) -> bool:
        """Append a result; return False, without appending, if the channel has one with this name."""
        ...

    def read(self, channel: str, after: str = "0-0", wait: timedelta | None = None) -> list[ChannelEntry]:
        """Return the results after the id ``after``, in order; wait up to ``wait`` for the first one."""
        ...


class Erasure(Protocol):
    """People whose events must not be stored, and the removal of their stored events."""

    def forget(self, marks: Iterable[str]) -> None:
        """Refuse from now on whatever these marks cover, from every writer.

        A list of people is stored without those covered. Events already stored stay; see :meth:`erase`.

        Parameters
        ----------
        marks : iterable of str
            As made by :class:`~rtanalytics.erasure.ErasureMarks`.
        """
        ...

    def marks(self) -> ErasureMarks:
        """Return the fingerprints of all erased people."""
        ...

    def kept(self) -> Iterator[Event]:
        """Yield every stored revision of every event, except deletes: bucket by bucket, oldest first."""
        ...

    def erase(self, wanted: Callable[[Event], bool], *, announce: bool = True) -> list[str]:
        """Remove events from the stream, in all their revisions.

        Parameters
        ----------
        wanted : callable
            Return True for an event to remove.
        announce : bool
            First append a delete of ``type`` ``forgotten`` for each, so that readers drop it too.

        Returns
        -------
        list of str
            Ids of the removed events.
        """
        ...


class Outbox(Protocol):
    """Packets that people send. Each is handed once to the process that may write for its scope."""

    def send(self, bucket: str, scope: str, packet: Mapping[str, str], key: str = "") -> str:
        """Submit a packet, which the process that holds the scope sends at most once.

        Parameters
        ----------
        bucket, scope : str
            Bucket of the source, and scope: the account or room for which one process at a time may
            write, such as an IRC connection.
        packet : mapping of str
            In LeafyChat's format: ``type``, ``to``, ``body``; at most 16,000 bytes as JSON.
        key : str
            Identifies the packet for a day: submitting it again, for example after a lost answer,
            adds nothing.

        Returns
        -------
        str
            Its id in the outbox.

        Raises
        ------
        OutboxFull
            A thousand packets are waiting already.
        PacketTooLarge, TypeError, ValueError
            The packet or the key is too long, or a value is not text.
        StreamUnavailable
            It may or may not have been accepted; submit it again under the same key.
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
        """Take up to ``n`` packets out of the outbox, oldest first; each is taken only once.

        Send and then settle them (:meth:`settle`), except those with a reason in ``lapsed``: these
        must not be sent any more and have become dead letters in the same step.

        Parameters
        ----------
        scope : Scope
            An open scope.
        n : int
            0 returns lapsed packets only.
        wait : timedelta, optional
            How long to wait for the first one (2.5 s at most).
        begin : bool
            True for the first call of a process: packets that an earlier process took and did not
            settle lapse, since it is not known whether they were sent.
        unsent_for : timedelta
            How long a packet may have waited; default ten minutes.

        Raises
        ------
        Fenced
            Another process has opened the scope; nothing was taken.
        StreamUnavailable
            Packets may have been taken; those will lapse.
        """
        ...

    def settle(self, scope: Scope, ids: Sequence[str]) -> None:
        """Record that these packets were sent or have failed."""
        ...


class EventStream(Protocol):
    """Log of events under one name, in buckets; many processes write it, and each event is stored once."""

    @property
    def name(self) -> str:
        """Name of the conference, or ``<conference>/replay/<run>``."""
        ...

    @property
    def key(self) -> str:
        """Address of the stream, without a password."""
        ...

    @property
    def outbox(self) -> Outbox:
        """Packets waiting to be sent."""
        ...

    @property
    def rate_limits(self) -> RateLimits:
        """Request budgets of hosts."""
        ...

    @property
    def health(self) -> HealthBoard:
        """Health of the processes."""
        ...

    @property
    def channels(self) -> Channels:
        """Published results."""
        ...

    @property
    def erasure(self) -> Erasure:
        """People whose events must not be stored."""
        ...

    @property
    def dead_letters(self) -> DeadLetters:
        """Deliveries that could not be parsed."""
        ...

    def open_scope(self, bucket: str, name: str) -> Scope:
        """Take over the right to write for a scope; the process that had it can write no more."""
        ...

    def append(
        self,
        events: Sequence[Event],
        scope: Scope | None = None,
        cursor: bytes | None = None,
        *,
        after: bytes | EllipsisType | None = ...,
    ) -> Appended:
        """Store the new events of a batch together with the cursor, in one step per bucket.

        Parameters
        ----------
        events : sequence of Event
            With a scope, all of its bucket.
        scope : Scope, optional
            The writer's scope.
        cursor : bytes, optional
            The source's position after these events.
        after : bytes or None, optional
            The cursor that these events follow. If the stream has neither this nor ``cursor``,
            it has lost what came before, and nothing is written.

        Raises
        ------
        CursorMoved
            The stored cursor is not ``after``; nothing was written.
        Fenced
            Another process has opened the scope; nothing was written.
        PacketTooLarge
            Nothing was written.
        StreamUnavailable
            The batch may or may not have been written; append it again.
        ValueError
            If a cursor is given without a scope, or an event belongs to another bucket than the scope.
        """
        ...

    def mark(self, moment: datetime, buckets: Sequence[str] | None = None) -> None:
        """Append a watermark; later events get at least the time ``moment`` as their time of receipt."""
        ...

    def reset(self, reason: str) -> None:
        """Begin a new epoch in all buckets; readers then drop everything that they have read."""
        ...

    def snapshot(self, n: int = 100, bucket: str | None = None, *, private: bool = False) -> Snapshot:
        """Return the newest ``n`` events in their current state, of one bucket or of all.

        The position is the one after the last entry of every bucket. Private events
        (:attr:`Event.private <rtanalytics.event.Event.private>`) are left out unless ``private`` is true.
        """
        ...

    def follow(self, position: StreamPosition | str | None = None, *, private: bool = False) -> FollowedFeed:
        """Return a feed of the events after ``position``; of new events only if it is None.

        Private events (:attr:`Event.private <rtanalytics.event.Event.private>`) are left out, also
        of the feed's snapshots, unless ``private`` is true, for a view of the user's own messages.
        ``"start"`` stands for the oldest entry kept. Iterating raises :class:`Trimmed` where
        entries that the reader has not read were trimmed.
        """
        ...

    def committed(self, position: StreamPosition) -> None:
        """Record that the archive contains all events up to ``position``, so that they may be trimmed."""
        ...

    def trim(self, retention: timedelta = timedelta(days=7)) -> int:
        """Remove entries older than ``retention`` that the recorder has committed; return their number."""
        ...

    def trim_to_size(self, max_entries: int) -> int:
        """Remove the oldest committed entries of buckets above ``max_entries``; return their number."""
        ...

    def buckets(self) -> dict[str, dict[str, int]]:
        """Return by bucket its ``entries``, known ``ids``, ``dead`` letters and ``mark`` (µs), as numbers."""
        ...

    def delete(self, after: timedelta | None = None) -> None:
        """Delete the stream: at once, or ``after`` a time, which the server remembers."""
        ...

    def close(self) -> None:
        """Close the connections."""
        ...
