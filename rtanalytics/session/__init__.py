"""Operations of the application: open, connect, collect, replay, import, repair, erase.

The command line and notebooks use them; the command line only parses arguments and prints.
"""

from rtanalytics.session.errors import SessionError, expected_errors
from rtanalytics.session.opening import (
    BUNDLED,
    OpenedConference,
    conference_settings,
    frequent_tags,
    open_conference,
    read_sources,
    read_talks,
    recording_settings,
)

__all__ = [
    "BUNDLED",
    "OpenedConference",
    "SessionError",
    "conference_settings",
    "expected_errors",
    "frequent_tags",
    "open_conference",
    "read_sources",
    "read_talks",
    "recording_settings",
]
