"""Reddit: new posts or comments of subreddits, with the credentials of an app."""

from __future__ import annotations

from collections import Counter

from rtanalytics.sources.base import Source
from rtanalytics.sources.reddit.spec import RedditSpec

__all__ = ["RedditSpec", "Spec", "open_source"]

ACCESS = "token"
ABOUT = """\
Reads new posts or new comments of one or more subreddits from Reddit's API, as JSON, with the id and
secret of an app of your own; new apps need Reddit's approval, and the API needs credentials. 100 requests
per minute are allowed, averaged over ten minutes; by default it polls once per minute. A listing contains
the newest 1,000 items: more than that between two polls gives a `gap` event. An edit or a deletion is
seen only while the item is on the pages that are read; Reddit demands that deletions are respected. Text
is Markdown, as posted. The feed of a subreddit (`.rss`, about one request per minute) can be read without
credentials with `type = "feed"` and gives the same ids."""
EXAMPLE = """\
[[source]]
type = "reddit"
name = "reddit-python"
subreddit = "Python"
listing = "new"
client_id = "env:REDDIT_CLIENT_ID"
client_secret = "env:REDDIT_CLIENT_SECRET"
"""


Spec = RedditSpec


def open_source(spec: RedditSpec, counts: Counter[str]) -> Source:
    """Return the source; it connects at the first poll."""
    from rtanalytics.sources.reddit.listing import RedditSource

    return RedditSource(spec, counts)
