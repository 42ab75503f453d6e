"""Bytes → events, for every kind of feed. Pure: used live, in tests, and when dead letters are read again."""

from __future__ import annotations

from rtanalytics.sources.base import Meta, Parsed
from rtanalytics.sources.feeds.deleted import deletions
from rtanalytics.sources.feeds.items import events_of
from rtanalytics.sources.feeds.jsonfeed import is_json, read_json
from rtanalytics.sources.feeds.xmlfeed import read_xml

__all__ = ["parse"]


def parse(raw: bytes, meta: Meta) -> Parsed:
    """What a feed says.

    Parameters
    ----------
    raw : bytes
        RSS, RDF, Atom or JSON Feed, in any encoding.
    meta : Meta
        Which feed it is and when it was received.

    Raises
    ------
    Malformed
        If it is none of them.

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
    items, about = read_json(raw, meta) if is_json(raw) else read_xml(raw, meta)
    events, rejects, repeated = events_of(items, meta)
    gone = [] if is_json(raw) else deletions(raw, meta)
    told = {event.id for event in gone}
    return Parsed(
        events=[*(event for event in events if event.id not in told), *gone],
        rejects=rejects,
        complete=about["complete"],
        wait=about["wait"],
        title=about["title"],
        counts={"entries": len(events) + len(rejects) + repeated, "repeated": repeated},
    )
