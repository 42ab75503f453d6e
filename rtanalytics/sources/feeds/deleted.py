"""Deletions in Atom (RFC 6721): deleted entries, which feedparser ignores."""

from __future__ import annotations

import html
import re
from datetime import datetime

from rtanalytics.event import Event, Ingest
from rtanalytics.normalize.dates import optional_time
from rtanalytics.normalize.values import EARLIEST
from rtanalytics.sources.base import Meta
from rtanalytics.sources.feeds.items import identity

__all__ = ["deletion", "deletions"]

# The content of an entry is ignored: its author must not delete what others wrote.
_QUOTED = re.compile(rb"<!\[CDATA\[.*?(?:\]\]>|\Z)|<!--.*?(?:-->|\Z)", re.DOTALL)
_ENTRY = re.compile(rb"<((?:[\w-]{1,20}:)?(?:entry|item))[\s>].*?(?:</\1\s*>|\Z)", re.DOTALL | re.IGNORECASE)
_ELEMENT = re.compile(rb"<(?:[\w-]{1,20}:)?deleted-entry\s([^<>]{1,2000})>")
_ATTRIBUTE = re.compile(r"""([\w:-]{1,40})\s*=\s*("[^"]*"|'[^']*')""")

MAX_DELETIONS = 1_000


def deletions(raw: bytes, meta: Meta) -> list[Event]:
    """Return the deletions that a document lists, each once.

    Examples
    --------
    >>> from datetime import UTC
    >>> meta = Meta(source="feeds:blog", scope="blog.example", connector="feed@1",
    ...             received_at=datetime(2026, 5, 15, 9, tzinfo=UTC))
    >>> [event] = deletions(b'<at:deleted-entry ref="tag:1" when="2026-05-15T08:00:00Z"/>', meta)
    >>> event.op, event.edited_at.hour
    ('delete', 8)
    """
    if b"deleted-entry" not in raw:
        return []
    events: dict[str, Event] = {}
    of_the_feed = _ENTRY.sub(b"", _QUOTED.sub(b"", raw))
    for element in _ELEMENT.findall(of_the_feed)[:MAX_DELETIONS]:
        attributes = dict(_ATTRIBUTE.findall(element.decode("utf-8", "replace")))
        ref = html.unescape(attributes.get("ref", "")[1:-1]).strip()
        if not ref:
            continue
        when = optional_time(attributes.get("when", "")[1:-1])
        if when is None or not EARLIEST <= when <= meta.received_at:
            when = meta.received_at
        event = deletion(ref, when, meta)
        events[event.id] = event
    return list(events.values())


def deletion(ref: str, when: datetime, meta: Meta) -> Event:
    """Return the event that deletes the entry with this id."""
    id, kind = identity(meta, ref)
    return Event(
        id=id,
        source=meta.source,
        type=kind or "post",
        op="delete",
        created_at=when,
        received_at=meta.received_at,
        edited_at=when,
        rev="deleted",
        ingest=Ingest(via="poll", connector=meta.connector),
    )
