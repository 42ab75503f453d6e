"""Deletions in Atom (RFC 6721): entries that are no more. feedparser passes them over."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime

from rtanalytics.event import Event, Ingest
from rtanalytics.sources.base import Meta
from rtanalytics.sources.feeds.items import identity

__all__ = ["deletion", "deletions"]

_ELEMENT = re.compile(rb"<(?:[\w-]{1,20}:)?deleted-entry\s([^<>]{1,2000})>")
_ATTRIBUTE = re.compile(r"""([\w:-]{1,40})\s*=\s*("[^"]*"|'[^']*')""")

MAX_DELETIONS = 1_000


def deletions(raw: bytes, meta: Meta) -> list[Event]:
    """What a document says to be deleted, each once.

    Examples
    --------
    >>> meta = Meta(source="feeds:blog", scope="blog.example", connector="feed@1",
    ...             received_at=datetime(2026, 5, 15, 9, tzinfo=UTC))
    >>> [event] = deletions(b'<at:deleted-entry ref="tag:1" when="2026-05-15T08:00:00Z"/>', meta)
    >>> event.op, event.edited_at.hour
    ('delete', 8)
    """
    found: dict[str, Event] = {}
    for element in _ELEMENT.findall(raw)[:MAX_DELETIONS] if b"deleted-entry" in raw else ():
        told = dict(_ATTRIBUTE.findall(element.decode("utf-8", "replace")))
        ref = html.unescape(told.get("ref", "")[1:-1]).strip()
        if not ref:
            continue
        when = min(_moment(told.get("when", "")[1:-1]) or meta.received_at, meta.received_at)
        event = deletion(ref, when, meta)
        found[event.id] = event
    return list(found.values())


def deletion(ref: str, when: datetime, meta: Meta) -> Event:
    """That the entry with this id was deleted."""
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


def _moment(told: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(told.strip())
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
