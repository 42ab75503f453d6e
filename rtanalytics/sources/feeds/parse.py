"""Parser of feeds of all formats; a pure function, also used for dead letters."""

from __future__ import annotations

from collections.abc import Iterable

from rtanalytics.sources.base import Meta, Parsed
from rtanalytics.sources.feeds.deleted import deletion, deletions
from rtanalytics.sources.feeds.items import Item, events_of
from rtanalytics.sources.feeds.jsonfeed import is_json, read_json
from rtanalytics.sources.feeds.lobsters import is_lobsters, read_lobsters
from rtanalytics.sources.feeds.xmlfeed import read_xml

__all__ = ["parse"]


def parse(raw: bytes, meta: Meta) -> Parsed:
    """Parse a feed.

    Parameters
    ----------
    raw : bytes
        RSS, RDF, Atom or JSON Feed in any encoding, or a list or page of Lobsters as JSON.
    meta : Meta
        Facts about the document.

    Raises
    ------
    Malformed
        If it is none of these.

    Examples
    --------
    >>> from datetime import datetime, UTC
    >>> meta = Meta(source="feeds:blog", scope="blog.example", connector="feed@1",
    ...             received_at=datetime(2026, 5, 15, 9, tzinfo=UTC))
    >>> item = b"<item><guid>1</guid><title>Hi &amp;amp; welcome</title></item>"
    >>> rss = b"<rss version='2.0'><channel>" + item + b"</channel></rss>"
    >>> [event] = parse(rss, meta).events
    >>> event.title, event.ingest.time_kind
    ('Hi & welcome', 'observed')
    """
    items: Iterable[Item]
    if is_lobsters(raw):
        items, removed, about = read_lobsters(raw)
        deletes = [deletion(ref, meta.received_at, meta) for ref in dict.fromkeys(removed) if ref]
    elif is_json(raw):
        items, about = read_json(raw, meta)
        deletes = []
    else:
        items, about = read_xml(raw, meta)
        deletes = deletions(raw, meta)
    read = events_of(items, meta)
    deleted = {event.id for event in deletes}
    repeated = read.counts.get("repeated", 0)
    return Parsed(
        events=[*(event for event in read.events if event.id not in deleted), *deletes],
        rejects=read.rejects,
        complete=about["complete"],
        wait=about["wait"],
        title=about["title"],
        counts={"entries": len(read.events) + len(read.rejects) + repeated, "repeated": repeated},
    )
