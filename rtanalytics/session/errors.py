"""Errors that users can cause or repair; they are shown as one line, without a traceback."""

from __future__ import annotations

import sys

__all__ = ["SessionError", "expected_errors"]


class SessionError(Exception):
    """Error of an operation; the message is one line for the user."""


_EXPECTED = (
    ("rtanalytics.archive", "ArchiveError"),
    ("rtanalytics.conference", "ConferenceError"),
    ("rtanalytics.extras", "MissingExtraError"),
    ("rtanalytics.importers", "ImporterError"),
    ("rtanalytics.schedules.common", "ScheduleError"),
    ("rtanalytics.series", "SeriesError"),
    ("rtanalytics.sources.base", "SourceError"),
    ("rtanalytics.streams", "StreamError"),
    ("rtanalytics.streams.server", "ServerError"),
)


def expected_errors() -> tuple[type[Exception], ...]:
    """Return the exceptions that are shown to the user as one line.

    A module that has not been imported cannot have raised one.
    """
    classes = (getattr(sys.modules.get(module), name, None) for module, name in _EXPECTED)
    return (SessionError, OSError, *(one for one in classes if one is not None))
