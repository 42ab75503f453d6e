"""First lines of a notebook: one name for a conference, and what belongs to it.

A notebook begins with ``CONFERENCE = None`` for the bundled recording, or with the path of a
``conference.toml``. :func:`open_conference` returns the recording, the talks, the settings of
trends and the stream, so that the cells below are the same for both.
"""

from __future__ import annotations

from rtanalytics.session.connection import published_trends
from rtanalytics.session.opening import BUNDLED, OpenedConference, open_conference

__all__ = ["BUNDLED", "OpenedConference", "open_conference", "published_trends"]
