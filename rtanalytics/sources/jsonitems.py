"""Items of JSON services → events: what their parsers have in common.

Nothing that a service sends is believed to have the type that its documentation says. One item
that cannot be read is a reject with a reason; only a document that is none at all is an error.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec

from rtanalytics.event import FUTURE_TOLERANCE, Event, encode
from rtanalytics.sources.base import MAX_RAW, Malformed, Reject, printable

__all__ = [
    "EARLIEST",
    "MAX_PACKET",
    "described",
    "document",
    "edit_time",
    "events_of",
    "fitting",
    "iso_time",
    "items_of",
    "scrubbed",
    "text_of",
    "unix_time",
    "whole",
]

EARLIEST = datetime(1995, 1, 1, tzinfo=UTC)
"""Times before it are slips."""

MAX_PACKET = 900_000
"""Bytes of an event; a stream takes 1 MB, and what stores it may add a little."""

# Bounded, so that a long run of letters costs no more than its length.
_EMAIL = re.compile(rb"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")


def document(raw: bytes, what: str) -> Any:
    """The JSON of an answer.

    Raises
    ------
    Malformed
        If it is none, or nested without end.
    """
    try:
        return msgspec.json.decode(raw.removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(f"no {what}: broken JSON: {printable(error)}", raw) from None


def events_of(
    items: Iterable[tuple[str, Any]], build: Callable[[dict[str, Any]], Event | None]
) -> tuple[list[Event], list[Reject], int]:
    """What ``build`` makes of each item; the first of an id wins.

    Parameters
    ----------
    items : iterable of (str, object)
        Where it stands, for a reject, and the item as decoded.
    build : callable
        Gives an event, or None for an item that is left out on purpose; it may raise any of the
        errors that a value of the wrong kind leads to.

    Returns
    -------
    events : list of Event
        In the document's order, times settled.
    rejects : list of Reject
        Items that could not be read, that are too large, or that say something else under an id
        that was there before.
    repeated : int
        Items that were there twice.
    """
    events: dict[str, Event] = {}
    rejects: list[Reject] = []
    repeated = 0
    for where, item in items:
        try:
            if not isinstance(item, dict):
                raise TypeError(f"it is no object but {printable(type(item).__name__)}")
            event = build(item)
            if event is None:
                continue
            event = fitting(msgspec.structs.replace(event.settled(), raw=scrubbed(item)))
        except (ValueError, TypeError, AttributeError, LookupError, OverflowError, RecursionError) as error:
            rejects.append(Reject(reason=printable(error), raw=described(item), where=where))
            continue
        first = events.setdefault(event.id, event)
        if first is event:
            continue
        if first.rev == event.rev:
            repeated += 1
        else:
            reason = "its id is that of an item before it, its content is not"
            rejects.append(Reject(reason=reason, raw=described(item), where=where))
    return list(events.values()), rejects, repeated


def items_of(value: object) -> list[Any]:
    """A list, or nothing."""
    return value if isinstance(value, list) else []


def text_of(value: object) -> str:
    """A text, or an empty one."""
    return value if isinstance(value, str) else ""


def whole(value: object) -> int | None:
    """A whole number of at most 18 digits, also as text; None if it is none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,18}", value):
        return int(value)
    return value if isinstance(value, int) and 0 <= value < 10**18 else None


def unix_time(value: object) -> datetime | None:
    """Seconds since 1970 as a time; None if it is none that can be."""
    number = whole(value)
    if number is None or number > 253_000_000_000:
        return None
    return _credible(datetime.fromtimestamp(number, UTC))


def iso_time(value: object) -> datetime | None:
    """An ISO 8601 time, UTC unless it says otherwise; None if it is none that can be."""
    try:
        moment = datetime.fromisoformat(text_of(value).strip())
        return _credible(moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC))
    except (ValueError, OverflowError):
        return None


def edit_time(told: datetime | None, created: datetime, received: datetime) -> datetime | None:
    """When it was edited, if that was after it was said; never in the future."""
    if told is None or told <= created:
        return None
    return received if told > received + FUTURE_TOLERANCE else told


def scrubbed(item: Any) -> bytes:
    """An item as JSON, e-mail addresses in it replaced."""
    raw = msgspec.json.encode(item)
    return _EMAIL.sub(b"***", raw) if b"@" in raw else raw


def described(item: Any) -> bytes:
    """An item for a dead letter, whatever is in it."""
    try:
        return scrubbed(item)[:MAX_RAW]
    except (ValueError, TypeError, OverflowError, RecursionError):
        return json.dumps(repr(item)[:MAX_RAW]).encode()[:MAX_RAW]


def _credible(moment: datetime) -> datetime | None:
    return moment if moment >= EARLIEST else None


def fitting(event: Event) -> Event:
    """The event, without its HTML and links if it is too large with them.

    Raises
    ------
    ValueError
        If its text alone is too large.
    """
    if len(event.text or "") + len(event.html or "") < MAX_PACKET // 10:
        return event
    if len(encode(event)) > MAX_PACKET:
        event = msgspec.structs.replace(event, html=None, links=[])
        if (size := len(encode(event))) > MAX_PACKET:
            raise ValueError(f"its text alone makes {size:,} bytes; an event may have {MAX_PACKET:,}")
    return event
