"""Feeds of services that also have another source: their items get the ids of the service.

For example, GitHub's API, GH Archive and the Atom feed of a user contain the same push with the same
number. So the events of the feed belong to the bucket of the service, where duplicates are dropped. Items
for which the service has no id (commits, releases) get an id of the feed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from rtanalytics.normalize.github import KINDS

__all__ = ["FLAVOURS", "Flavour", "flavour_of"]


@dataclass(frozen=True, slots=True)
class Flavour:
    """A service with feeds.

    Parameters
    ----------
    bucket : str
        Bucket of the service, and name of the flavour.
    hosts : str
        Regular expression for the hosts of its feeds.
    native : str
        Regular expression for an item's ``id``, link or page of comments. The group ``id`` is the
        service's own id, the group ``kind`` (optional) GitHub's name of the event.
    footer : str, optional
        Regular expression for HTML that the feed adds to the text: counts, which change all the time, and
        links to the page of the item.
    """

    bucket: str
    hosts: str
    native: str
    footer: str = ""

    def known_as(self, *candidates: str | None) -> tuple[str, str | None] | None:
        """Return the id and the type (or None) of an event; None if no candidate is an id of the service.

        Examples
        --------
        >>> FLAVOURS["github"].known_as("tag:github.com,2008:PushEvent/49")
        ('github::49', 'commit')
        """
        for text in candidates:
            if text and (match := re.fullmatch(self.native, text.strip())):
                kind = match.groupdict().get("kind") or ""
                commit = "commit/" if kind == "Grit::Commit" else ""  # as the API has it
                return f"{self.bucket}::{commit}{match['id']}", "commit" if commit else KINDS.get(kind)
        return None

    def without_footer(self, html: str) -> str:
        """Return the HTML of an item without the footer that the feed adds.

        Examples
        --------
        >>> FLAVOURS["hackernews"].without_footer('<p>Hi</p><hr><p>Points: 7</p><p># Comments: 0</p>')
        '<p>Hi</p>'
        """
        return re.sub(self.footer, "", html) if self.footer else html


# Bounded and unambiguous repetition, so that matching takes time proportional to the length of the text.
_HACKER_NEWS = (
    r"(?<!\s)\s*(<hr\s*/?>\s*)?(<p>(Article|Comments) URL: <a [^<>]*>[^<>]*</a></p>\s*){0,2}"
    r"<p>Points: -?\d+</p>\s*<p># Comments: \d+</p>\s*$"
)
_COMMENTS = r"^\s*(<p>)?<a [^<>]*>Comments</a>(</p>)?\s*$"


FLAVOURS: dict[str, Flavour] = {
    flavour.bucket: flavour
    for flavour in (
        Flavour(
            "github",
            r"github\.com",
            r"tag:github\.com,2008:(?P<kind>[A-Za-z]{1,60}Event|Grit::Commit)/(?P<id>\d{1,30}|[0-9a-f]{40,64})",
        ),
        Flavour(
            "youtube",
            r"(www\.|m\.|gdata\.)?youtube\.com",
            r"(yt:video:|tag:youtube\.com,2008:([\w:-]{1,200}:)?video:|https?://gdata\.youtube\.com/feeds/[\w/]{1,99}/"
            r"|https?://((www|m)\.)?youtube\.com/(watch\?v=|shorts/|live/)|https?://youtu\.be/)(?P<id>[\w-]{1,40})",
        ),
        Flavour(
            "hackernews",
            r"hnrss\.org|news\.ycombinator\.com",
            r"https?://news\.ycombinator\.com/item\?id=(?P<id>\d{1,15})",
            f"{_HACKER_NEWS}|{_COMMENTS}",
        ),
        Flavour("reddit", r"((www|old)\.)?reddit\.com", r"(?P<id>t[13]_[a-z0-9]{1,13})"),
        Flavour(
            "lobsters",
            r"lobste\.rs",
            r"https?://lobste\.rs/(s/(?=\w)|(?=c/))(?P<id>(c/)?[a-z0-9]{1,12})(/[\w-]*)?",
            r"(?<!\s)\s*<p><a [^<>]*>Comments</a></p>\s*$",
        ),
        Flavour("flickr", r"(api|www)\.flickr\.com", r"tag:flickr\.com,(2004|2005):/photo/(?P<id>\d{1,20})"),
    )
}
"""Flavours by bucket."""


def flavour_of(host: str) -> Flavour | None:
    """Return the flavour of the feeds of a host, or None."""
    return next((f for f in FLAVOURS.values() if re.fullmatch(f.hosts, host.lower())), None)
