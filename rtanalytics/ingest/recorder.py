"""The recorder: writes the events of a stream to an archive, each revision once.

It continues from the position stored in the segments of the archive, which is stored nowhere else, so the two
cannot disagree. After each commit it reports this position to the stream, which may be trimmed up to there.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rtanalytics.archive import ArchiveWriter, RecordingMeta
from rtanalytics.erasure import DELETION
from rtanalytics.event import Event
from rtanalytics.feed import FOREVER, Delivery, Reset
from rtanalytics.schedule import Schedule
from rtanalytics.streams import EventStream, StreamError, StreamPosition, StreamUnavailable

__all__ = ["Recorded", "record"]

FLUSH_EVERY = timedelta(seconds=1)
FLUSH_EVENTS = 5_000
KEEP_EVERY = timedelta(hours=1)
MAX_ATTEMPTS = 50
"""Number of attempts, 0.2 s apart, to read the erasure marks from a server that does not answer."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """Numbers of committed events and of commits of a recorder."""

    events: int
    commits: int


def record(
    stream: EventStream,
    folder: str | Path,
    *,
    stop: threading.Event | None = None,
    flush_every: timedelta = FLUSH_EVERY,
    flush_events: int = FLUSH_EVENTS,
    compact: bool = True,
    keep: Mapping[str, timedelta] | None = None,
    schedule: Schedule | None = None,
    meta: RecordingMeta | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Recorded:
    """Record a stream until ``stop`` is set or the stream ends, as the stream of a replay does.

    Parameters
    ----------
    stream : EventStream
        Stream to read, from the position up to which it was recorded, at first from its beginning.
    folder : str or Path
        Folder of the archive; created if it does not exist.
    stop : threading.Event, optional
        Ends the recording when it is set; events that were read are committed first.
    flush_every, flush_events : timedelta, int
        A commit happens after this time or this many events, whichever comes first.
    compact : bool
        True to compact the archive at the end.
    keep : mapping of str to timedelta, optional
        How long archive and stream keep the events of each producer; older events are removed at the
        beginning and every hour.
    schedule, meta : Schedule, RecordingMeta, optional
        Talks, and title, time zone and own tags, to write to the archive.
    progress : callable
        Called with the number of events after each commit, and repeatedly while there are no new events.

    Raises
    ------
    ArchiveError
        If the archive cannot be written, or another process is writing it.
    Trimmed
        If entries were removed from the stream before they were recorded.
    """
    stop = stop or threading.Event()
    events = commits = 0
    with ArchiveWriter(folder) as writer:
        writer.describe(schedule=schedule, meta=meta)
        _forget(writer, stream)
        _expire(writer, stream, keep)
        kept_at = time.monotonic()
        known = writer.positions.get(stream.key)
        feed = stream.follow(StreamPosition.parse(known) if known else "start")
        waiting: list[Delivery] = []
        since, ended = time.monotonic(), False
        for batch in feed.batches():
            for item in batch:
                if isinstance(item, Delivery):
                    waiting.append(item)
                elif isinstance(item, Reset):
                    raise StreamError(f"{stream.key}: {item.reason}; a replay that jumps cannot be recorded")
                else:
                    ended = ended or item.time == FOREVER
            last = ended or stop.is_set()
            if waiting and (
                last
                or len(waiting) >= flush_events
                or time.monotonic() - since >= flush_every.total_seconds()
            ):
                _commit(writer, stream, waiting)
                events += len(waiting)
                commits += 1
                waiting = []
                progress(events)
            elif not batch:
                progress(events)
            if not waiting:
                since = time.monotonic()
            if last:
                break
            if not waiting and time.monotonic() - kept_at >= KEEP_EVERY.total_seconds():
                _expire(writer, stream, keep)
                kept_at = time.monotonic()
        if compact:
            writer.compact(keep)
    return Recorded(events, commits)


def _commit(writer: ArchiveWriter, stream: EventStream, waiting: list[Delivery]) -> None:
    # the archive knows its own content, so the position without its tail is enough
    bare = StreamPosition.parse(str(waiting[-1].position)).without_tail()
    writer.append([*waiting[:-1], Delivery(bare, waiting[-1].event)], stream=stream.key)
    # if this fails, the next commit reports the position; until then the stream is trimmed less
    with contextlib.suppress(StreamUnavailable):
        stream.committed(bare)
    if any(delivery.event.type == DELETION for delivery in waiting):
        _forget(writer, stream, now=True)


def _forget(writer: ArchiveWriter, stream: EventStream, *, now: bool = False) -> None:
    """Copy the erasure marks between archive and stream, and erase the rows of marked people from the files.

    A recorder that was killed before this does it when it starts again.
    """
    ours, failures = writer.forgotten, 0
    while True:
        try:
            theirs = stream.erasure.marks()
            if missing := ours.marks - theirs.marks:
                stream.erasure.forget(missing)
            break
        except StreamUnavailable:
            failures += 1
            if failures == MAX_ATTEMPTS:
                raise
            time.sleep(0.2)
    if now or theirs.marks - ours.marks:
        writer.forget(theirs)


def _expire(writer: ArchiveWriter, stream: EventStream, keep: Mapping[str, timedelta] | None) -> None:
    """Delete events that are older than the retention of their source."""
    if not keep:
        return
    at = datetime.now(UTC)

    def old(event: Event) -> bool:
        return event.producer in keep and event.received_at < at - keep[event.producer]

    writer.compact(keep)
    try:
        stream.erasure.erase(old, announce=False)
    except StreamUnavailable:
        return  # the next attempt is in an hour
