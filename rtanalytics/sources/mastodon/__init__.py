"""Mastodon: the public timeline of a hashtag on one server.

The timeline is read forwards (``min_id``), so that a pause leaves no gap. Each time, a few known statuses
are read again to find edits, and late statuses that the server sorts between older ones.

With ``stream = true`` the server's streaming API sends statuses immediately, and deletions as well.
A stream does not repeat messages, so after every interruption and every five minutes the timeline is read
too, from the last status read there.
"""

from __future__ import annotations

from collections import Counter

from rtanalytics.sources.base import Source
from rtanalytics.sources.mastodon.timeline import MastodonSource, MastodonSpec

__all__ = ["MastodonSource", "MastodonSpec", "Spec", "open_source"]

ACCESS = "open"
ABOUT = """\
Reads the public statuses with a hashtag from one Mastodon server. Most servers need no account, some \
need a `token`; if a server has hashtag timelines disabled, `status` reports it. A server has only the \
statuses that were federated to it, so read a large server or several. The event id is the federated `uri` \
of the status, so the same status has the same id on every server. Every 30 seconds the source requests \
the statuses after the last one read (servers allow 300 requests in 5 minutes). Edits are found while a \
status is among the latest 20; timelines do not show deletions. With a `token` and `stream = true`, \
statuses, edits and deletions arrive immediately. The title of an event is its content warning."""
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
