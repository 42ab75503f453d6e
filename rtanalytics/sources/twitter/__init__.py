"""X, formerly Twitter: the recent search and the filtered stream of its API, within a daily budget."""

from __future__ import annotations

from collections import Counter

from rtanalytics.sources.base import Source
from rtanalytics.sources.twitter.spec import XSpec

__all__ = ["Spec", "XSpec", "open_source"]

ACCESS = "paid"
ABOUT = """\
Reads public posts from X (Twitter) through version 2 of its API, with the bearer token of your own app.
X charges for every post and for every user delivered with a post (in 2026 $0.005 and $0.010). Therefore
`budget_usd_per_day` is required. It is a hard limit: money is reserved in the cursor before it is spent,
and when the budget is used up, the source pauses until 00:00 UTC. Prices are settings, because they change.
A dry run does not know what was spent before: it states the maximum cost and asks first, unless `--yes` is
given. The search runs every 2 minutes, reaches 7 days back, and finds posts some seconds after they were
posted. With `stream = true` the filtered stream delivers posts immediately, and the search only fills its
gaps. An app may have one such connection, and the account's plan must include it. The rules of the stream
belong to the account: ours has the tag `rtanalytics:<name>`, and other rules are never changed, but posts
that match them arrive over the same connection and are charged too. Money is also reserved for the stream
($0.59 at these prices, $0.17 with `expand = false`); it counts as spent when the process ends. An edit
arrives as a new version of the post and keeps the event id of the first version. X reports deletions only
through compliance jobs, whose files `rtanalytics import` reads; X requires that deletions are respected."""
EXAMPLE = """\
[[source]]
type = "x"
name = "x-pycon"
query = "(#pycon OR #pycon2026) -is:retweet"
token = "env:X_BEARER_TOKEN"
budget_usd_per_day = 5.0
# stream = true   # receive posts immediately
"""
Spec = XSpec


def open_source(spec: XSpec, counts: Counter[str]) -> Source:
    """Open the search, or the stream together with the search; it connects when it is first polled."""
    if spec.stream:
        from rtanalytics.sources.twitter.stream import XStream

        return XStream(spec, counts)
    from rtanalytics.sources.twitter.search import XSearch

    return XSearch(spec, counts)
