"""First lines of a notebook: one name for a conference, and what belongs to it.

A notebook begins with ``CONFERENCE = None`` for the bundled recording, or with the path of a
``conference.toml``. :func:`open_conference` returns the recording, the talks, the settings of
trends and the stream, so that the cells below are the same for both.
"""

from __future__ import annotations

from rtanalytics.live.published import CHANNEL, PublishedTrends
from rtanalytics.session.opening import BUNDLED, OpenedConference, open_conference
from rtanalytics.streams import EventStream

__all__ = ["BUNDLED", "OpenedConference", "open_conference", "published_trends"]


def published_trends(stream: EventStream) -> PublishedTrends | None:
    """Return the trends that a trender publishes on a stream; None if it has no trender.

    A view without published trends computes them itself.

    Raises
    ------
    StreamUnavailable
        If the server does not answer.
    """
    publishes = "trender" in stream.health.read() or stream.channels.read(CHANNEL)
    return PublishedTrends(stream) if publishes else None
