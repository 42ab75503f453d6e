"""Feeds: RSS, RDF, Atom and JSON Feed over HTTP.

An item is known by its ``guid`` (or ``id``), else by its link, else by title and date. What has
been told is kept in the cursor, so a poll gives only what is new or says something else now, and
the numbers (``seq``) of what it gives have no holes. An item stays said when it was first said,
whatever its later versions claim.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from rtanalytics.sources.base import Meta, Parsed, Source
from rtanalytics.sources.feeds.flavours import flavour_of
from rtanalytics.sources.polled import LONGEST_HINT, AddressSpec, PolledSource, SeenCursor, host_of

if TYPE_CHECKING:
    from rtanalytics.sources.http import Answer

__all__ = ["FeedSource", "FeedSpec", "Spec", "meta", "open_source"]

CONNECTOR = "feed@1"
PARSE = "rtanalytics.sources.feeds.parse:parse"
ACCEPT = (
    "application/atom+xml, application/rss+xml, application/feed+json, application/rdf+xml;q=0.9, "
    "application/xml;q=0.8, text/xml;q=0.8, application/json;q=0.7, */*;q=0.1"
)
EVERY = timedelta(minutes=5)
ACCESS = "open"
ABOUT = """\
Reads RSS, RDF, Atom and JSON Feed from any address, and the lists of Lobsters as JSON. Asks with the \
validators that the server gave, so what has not changed costs nothing, and as rarely as the feed or the \
server wants. A changed item is an edit; few feeds tell deletions (Atom's `deleted-entry`). An item is \
known by its `guid` or `id`, else by its link, else by title and date. Feeds of GitHub, YouTube, Hacker \
News, Reddit, Lobsters and Flickr write into the bucket of that service, under the ids that its other \
sources use. YouTube answers 404 for channels that are there, for days: it is asked again. Reddit \
answers about one request a minute without an account."""
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
        Names the source.
    url : str
        Of the feed, http or https. Part of the ids of its items, but for ``http`` or ``https``,
        a password and secrets in its query.
    every : timedelta, optional
        How often to ask; 5 minutes, or more rarely if the feed itself (``<ttl>``) asks for it. The
        server's ``Cache-Control`` always counts, up to an hour, unless ``hints`` is false.
    key : str, optional
        Takes the address's place in the ids: when a feed has moved, its old address.
    timeout : timedelta
        For a whole request, the last byte included.
    budget : timedelta
        For parsing one document, on the clock.
    max_bytes : int
        Of a document, packed and unpacked; 20 MB at most.
    allow_private : bool
        True if the host in ``url`` is meant to have a private or loopback address. Hosts that it
        redirects to are not covered.
    hints : bool
        False to ask every ``every``, whatever the other side would like.

    Raises
    ------
    ValueError
        If a value cannot be; the message names it and what to write instead.
    """


Spec = FeedSpec


def open_source(spec: FeedSpec, counts: Counter[str]) -> Source:
    """A feed; it connects when it is first polled."""
    return FeedSource(spec, counts)


def meta(spec: FeedSpec, received_at: datetime) -> Meta:
    """What the parser has to know of a feed, live and when a dead letter is read again."""
    flavour = flavour_of(host_of(spec.url))
    return Meta(
        source=f"{flavour.bucket if flavour else 'feeds'}:{spec.name}",
        scope=spec.scope,
        connector=CONNECTOR,
        received_at=received_at,
        url=spec.url,
        options={"flavour": flavour.bucket} if flavour else {},
    )


class FeedSource(PolledSource[FeedSpec, SeenCursor]):
    """One feed.

    Parameters
    ----------
    spec : FeedSpec
        Which.
    counts : Counter
        ``entries``, ``repeated`` and what every polled source counts.
    """

    bucket = "feeds"
    target = PARSE
    cursor = SeenCursor
    every = EVERY
    accept = ACCEPT

    def __init__(self, spec: FeedSpec, counts: Counter[str]) -> None:
        super().__init__(spec, counts, spec.url)
        flavour = flavour_of(host_of(spec.url))
        if flavour is not None:
            self.bucket = flavour.bucket

    def first(self, state: SeenCursor) -> str:
        return self.spec.url

    def meta(self, received_at: datetime) -> Meta:
        return meta(self.spec, received_at)

    def wait(self, answer: Answer, parsed: Parsed | None = None) -> timedelta:
        wait = super().wait(answer)
        # what the document asks for is a hint, unlike what a service's answer asks for
        hint = parsed.wait if parsed is not None and self.spec.hints and self.spec.every is None else None
        return max(wait, min(hint, LONGEST_HINT)) if hint else wait
