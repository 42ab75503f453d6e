"""Feeds: RSS, RDF, Atom and JSON Feed over HTTP.

The id of an item is its ``guid`` (or ``id``), or else is derived from its link, or else from its title
and date. The cursor contains the known items, so a poll returns only new and changed ones, and the numbers
(``seq``) of the events have no gaps. All versions of an item have the time of its first version.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar

import msgspec

from rtanalytics.sources.base import Meta, Parsed
from rtanalytics.sources.feeds.flavours import flavour_of
from rtanalytics.sources.polled import LONGEST_HINT, AddressSpec, PolledSource, SeenCursor, host_of

if TYPE_CHECKING:
    from rtanalytics.sources.http import Answer

__all__ = ["FeedSource", "FeedSpec", "Spec", "open_source"]

ACCEPT = (
    "application/atom+xml, application/rss+xml, application/feed+json, application/rdf+xml;q=0.9, "
    "application/xml;q=0.8, text/xml;q=0.8, application/json;q=0.7, */*;q=0.1"
)
EVERY = timedelta(minutes=5)
ACCESS = "open"
ABOUT = """\
Reads RSS, RDF, Atom and JSON Feed from any URL, and the lists of Lobsters as JSON. Requests are \
conditional (ETag, Last-Modified), so an unchanged feed costs little, and the intervals that the feed or the \
server asks for are respected. A changed item is an edit; few feeds list deletions (Atom's `deleted-entry`). \
The id of an item is its `guid` or `id`, or else is derived from its link, or else from its title and date. \
Items of feeds of GitHub, YouTube, Hacker News, Reddit, Lobsters and Flickr have the same ids as in other \
sources for that service. YouTube may answer 404 for an existing channel for days; it is polled again. \
Reddit allows about one request per minute without an account."""
EXAMPLE = """\
[[source]]
type = "feed"
name = "pycon-blog"
url = "https://pycon.blogspot.com/feeds/posts/default"
"""


class FeedSpec(AddressSpec, frozen=True, kw_only=True, tag_field="type", tag="feed"):
    """A ``[[source]]`` table with ``type = "feed"``.

    Parameters
    ----------
    name : str
        Name of the source.
    url : str
        URL of the feed. It is part of the ids of its items, without ``http`` or ``https``, a password and
        secrets in the query.
    every : timedelta, optional
        Polling interval; by default 5 minutes, or longer if the feed asks for it (``<ttl>``). The
        server's ``Cache-Control`` can extend it to up to an hour, unless ``hints`` is false.
    key : str, optional
        Replaces the URL in the ids. If a feed has moved, use its old URL without scheme.

    Raises
    ------
    ValueError
        If a value is invalid; the message names it and what to write instead.
    """

    connector: ClassVar[str] = "feed@1"
    parser: ClassVar[str] = "rtanalytics.sources.feeds.parse:parse"

    def meta(self, received_at: datetime) -> Meta:
        flavour = flavour_of(host_of(self.url))
        return msgspec.structs.replace(
            super().meta(received_at),
            source=f"{flavour.bucket if flavour else 'feeds'}:{self.name}",
            options={"flavour": flavour.bucket} if flavour else {},
        )


class FeedSource(PolledSource[FeedSpec, SeenCursor]):
    """Items of one feed.

    Parameters
    ----------
    spec : FeedSpec
        The ``[[source]]`` table.
    counts : Counter
        ``entries``, ``repeated`` and what every polled source counts.
    """

    bucket = "feeds"
    cursor = SeenCursor
    every = EVERY
    accept = ACCEPT

    def __init__(self, spec: FeedSpec, counts: Counter[str]) -> None:
        super().__init__(spec, counts)
        flavour = flavour_of(host_of(spec.url))
        if flavour is not None:
            self.bucket = flavour.bucket

    def wait(self, answer: Answer, parsed: Parsed | None = None) -> timedelta:
        wait = super().wait(answer)
        # the interval in a feed is only a hint, unlike the wait that other services demand in a response
        hint = parsed.wait if parsed is not None and self.spec.hints and self.spec.every is None else None
        return max(wait, min(hint, LONGEST_HINT)) if hint else wait


Spec, open_source = FeedSpec, FeedSource
