"""Mastodon: the public timeline of a hashtag, as one server knows it.

The timeline is read forwards (``min_id``), so that a pause leaves no gap. A few known statuses are
read again each time, to find edits, and statuses that reach the server late and are sorted between
older ones.

With ``stream = true`` the server's streaming API sends statuses immediately, and deletions as well.
A stream does not repeat anything: after every interruption, and every five minutes, the timeline is
read from its own position, so that nothing is missed.
"""

from __future__ import annotations

from collections import Counter

from rtanalytics.sources.base import Source
from rtanalytics.sources.mastodon.timeline import MastodonSource, MastodonSpec

__all__ = ["MastodonSource", "MastodonSpec", "Spec", "open_source"]

ACCESS = "open"
ABOUT = """\
Reads the public statuses with a hashtag from one Mastodon server. Most servers need no account, some \
need a `token`; a server with hashtag timelines disabled is reported in the source health. A server has \
only the statuses that were federated to it, so read a large server, or several. The id of a status is \
its federated `uri`, so that it is the same event on every server. The server is asked every 30 seconds \
(servers allow 300 requests in 5 minutes) for statuses after the last one read. Edits are seen while a \
status is among the latest 20; timelines do not show deletions. With a `token` and `stream = true`, \
statuses, edits and deletions arrive at once. The content warning is the title."""
EXAMPLE = """\
[[source]]
type = "mastodon"
name = "fosstodon-pycon"
url = "https://fosstodon.org"
tag = "pycon"
any = ["pyconus", "pyconus2026"]
"""

Spec = MastodonSpec


def open_source(spec: MastodonSpec, counts: Counter[str]) -> Source:
    """Open a hashtag's timeline or stream; it connects when it is first polled."""
    if spec.stream:
        from rtanalytics.sources.mastodon.stream import MastodonStream

        return MastodonStream(spec, counts)
    return MastodonSource(spec, counts)
