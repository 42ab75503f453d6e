"""Cursors of polled sources, and how new items are recognized with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec

from rtanalytics.event import Event
from rtanalytics.sources.base import Reject
from rtanalytics.sources.polled.specs import short

__all__ = ["REMEMBERED", "Cursor", "SeenCursor", "new_or_changed", "unknown"]

REMEMBERED = 2_000
"""Number of items in a cursor: all of the last page, and earlier ones up to this total."""


class Cursor(msgspec.Struct, omit_defaults=True):
    """Position of a source, which is stored together with the events before it."""

    v: int = 1
    of: str = ""  # digest of what is read, to which the validators and the next page belong
    etag: str | None = None
    modified: str | None = None
    body: str = ""  # digest of the first page when it was last read
    seq: int = 0
    rejected: list[str] = []  # digests of delivered dead letters
    bad: int = 0  # consecutive documents that could not be read
    bad_kind: str = ""
    bad_since: int = 0
    next: str = ""  # URL of the page to read next
    page: int = 0  # number of pages that have been read before it


class SeenCursor(Cursor, omit_defaults=True):
    """Cursor with the delivered items, so that only new and changed ones are delivered."""

    seen: dict[str, tuple[str, int]] = {}  # item → its revision and time (ms)
    newest: int = 0  # time of the newest delivered item (ms)
    since: int = 0  # ``newest`` before the first of the pages that are being read


def new_or_changed(
    state: SeenCursor, events: list[Event], number: Callable[[Event], Event], counts: Counter[str]
) -> list[Event]:
    """Return new and changed events, oldest first and numbered.

    Later versions of an event get the time of its first version.
    """
    fresh: list[Event] = []
    current: dict[str, tuple[str, int]] = {}
    # pages usually start with the newest item; reversing keeps the order of items with equal times
    ordered = events[::-1]
    ordered.sort(key=lambda e: e.created_at)
    for event in ordered:
        item, rev, time = short(event.id), short(event.rev), int(event.created_at.timestamp() * 1000)
        known = current.get(item) or state.seen.get(item)
        current[item] = (rev, known[1] if known else time)
        if known is not None and known[0] == rev:
            counts["known"] += 1
            continue
        fresh.append(number(event if known is None else _at_first_time(event, known[1])))
        state.newest = max(state.newest, time)
    before = [(k, v) for k, v in state.seen.items() if k not in current]
    state.seen = dict(before[-max(0, REMEMBERED - len(current)) :] if len(current) < REMEMBERED else ())
    state.seen |= current
    return fresh


def unknown(state: Cursor, rejects: list[Reject]) -> list[Reject]:
    """Return the rejects that were not delivered before."""
    digests = [short(reject.raw) for reject in rejects]
    before = set(state.rejected)
    # rejects of other pages must not be delivered again either
    state.rejected = [*digests, *(d for d in state.rejected if d not in set(digests))][:REMEMBERED]
    return [reject for reject, digest in zip(rejects, digests, strict=True) if digest not in before]


def _at_first_time(event: Event, first_ms: int) -> Event:
    """Set the event's time to that of its first version; its previous time becomes the edit time."""
    first = datetime.fromtimestamp(first_ms / 1000, UTC)
    if event.created_at - first < timedelta(milliseconds=1):
        return event
    trusted = event.ingest is not None and event.ingest.time_kind == "source"
    edited = event.edited_at or (event.created_at if trusted else None)
    return msgspec.structs.replace(event, created_at=first, edited_at=edited)
