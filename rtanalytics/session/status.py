"""Status of a conference that is collected: health of its processes, stream, server and archive."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from rtanalytics.archive import ArchiveError, Recording
from rtanalytics.conference import Conference
from rtanalytics.session.connection import conference_stream, connecting, uses_embedded_server
from rtanalytics.streams.server import default_folder, ensure_server
from rtanalytics.streams.server.folder import read_state

__all__ = ["conference_status", "embedded_server", "recorded_events"]


def conference_status(conference: Conference, path: str | Path) -> dict[str, Any]:
    """Return the object that ``rtanalytics status --json`` prints.

    The embedded server is not started if it has never run.

    Raises
    ------
    SessionError
        If the server does not answer.
    """
    archive = conference.archive_folder
    if uses_embedded_server(conference) and read_state(default_folder()) is None:
        return {
            "conference": conference.name,
            "stream": conference.name,
            "health": {},
            "buckets": {},
            "server": None,
            "archive": {"folder": str(archive), "events": recorded_events(archive)},
        }
    with connecting(conference, path):
        stream = conference_stream(conference)
        return {
            "conference": conference.name,
            "stream": stream.key,
            "health": stream.health.read(),
            "buckets": stream.buckets(),
            "server": embedded_server(conference),
            "archive": {"folder": str(archive), "events": recorded_events(archive)},
        }


def recorded_events(archive: Path) -> int | None:
    """Return the number of events in an archive; None if it does not exist or is not readable."""
    try:
        return len(Recording(archive)) if archive.is_dir() else None
    except ArchiveError:
        return None


def embedded_server(conference: Conference) -> dict[str, Any] | None:
    """Return address and process of the embedded server; None if the conference has another one."""
    if not uses_embedded_server(conference):
        return None
    server = ensure_server()
    return {"address": urlsplit(server.url).netloc.rpartition("@")[2], "pid": server.pid}
