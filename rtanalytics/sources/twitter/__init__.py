"""Twitter, now X: the API's recent search and filtered stream. They cost money, and have a hard stop."""

from __future__ import annotations

from collections import Counter

from rtanalytics.sources.base import Source
from rtanalytics.sources.twitter.spec import XSpec

__all__ = ["Spec", "XSpec", "open_source"]

ACCESS = "paid"
ABOUT = """\
Reads public posts from X (Twitter), version 2 of its API, with the bearer token of an app of your own.
Every post that is read is paid for, and so is every user that comes with it (in 2026 $0.005 and $0.010),
so `budget_usd_per_day` must be written down and is a hard stop: money is put aside in the cursor before
it is spent, and at the end of the budget the source rests until 00:00 UTC. Prices are settings, because
they change. A dry run has no part in that: it knows nothing of what was spent, so it asks first, or
wants `--yes`, and says what it may cost at most. The search asks every 2 minutes, reaches 7 days back,
and gives posts some seconds after they were written. With `stream = true` posts come at once, by the
filtered stream (an app may have one connection, and the account's plan must include it), and the search
only fills what a stream leaves out. The stream's rules belong to the account: ours has the tag
`rtanalytics:<name>`, others are left alone, but what they match comes over the same connection and is
paid for. Money is held for a stream too ($0.59 at these prices, $0.17 with `expand = false`), which
counts as spent when the process ends. Edits arrive as later versions of the same post, under the number
of the first. Deletions are listed by compliance jobs only, whose files `rtanalytics import` reads; X
demands that they are honoured."""
EXAMPLE = """\
[[source]]
type = "x"
name = "x-pycon"
query = "(#pycon OR #pycon2026) -is:retweet"
token = "env:X_BEARER_TOKEN"
budget_usd_per_day = 5.0
# stream = true   # at once, by the filtered stream
"""
Spec = XSpec


def open_source(spec: XSpec, counts: Counter[str]) -> Source:
    """Open the search, or the stream with the search; it connects when it is first polled."""
    if spec.stream:
        from rtanalytics.sources.twitter.stream import XStream

        return XStream(spec, counts)
    from rtanalytics.sources.twitter.search import XSearch

    return XSearch(spec, counts)
