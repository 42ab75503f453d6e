"""Collecting a conference: the processes that read its sources, record it and publish its trends."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from rtanalytics.conference import Conference
from rtanalytics.ingest.processes import exclusive_lock
from rtanalytics.ingest.recorder import KEEP_EVERY
from rtanalytics.ingest.supervisor import Supervisor, WorkerSpec
from rtanalytics.ingest.workers import recorder_worker, source_worker
from rtanalytics.session.connection import address, connecting
from rtanalytics.session.errors import SessionError
from rtanalytics.session.opening import conference_settings, read_sources, recording_meta
from rtanalytics.session.trender import trender_worker
from rtanalytics.settings import Settings
from rtanalytics.streams.redis import RedisStream
from rtanalytics.streams.server import check_server, resolve_url

__all__ = ["Collection", "collecting"]

LOCK = ".collecting"
"""File in the archive's folder that the one process holds which collects into it."""


@dataclass(frozen=True)
class Collection:
    """The processes of a conference, ready to run.

    Parameters
    ----------
    supervisor : Supervisor
        Its ``run()`` returns when ``stop`` is set.
    stream : str
        Key of the stream.
    archive : Path
        Folder of the recording.
    sources : int
        Number of sources.
    settings : Settings
        Settings of the trends.
    drops_old : bool
        Whether a source asks for older events to be dropped more often than once an hour.
    """

    supervisor: Supervisor
    stream: str
    archive: Path
    sources: int
    settings: Settings
    drops_old: bool


@contextmanager
def collecting(
    conference: Conference, path: str | Path, cap: timedelta, stop: threading.Event
) -> Iterator[Collection]:
    """Lock a conference for collecting, and yield its processes.

    Parameters
    ----------
    conference : Conference
        The conference.
    path : str or Path
        Its file, for error messages.
    cap : timedelta
        Longest wait before something is tried again.
    stop : threading.Event
        Ends the run when it is set.

    Raises
    ------
    ConferenceError
        If a source or a setting is invalid.
    SessionError
        If another process collects the conference, or its server does not answer.
    """
    specs = read_sources(conference)
    archive = conference.archive_folder
    with exclusive_lock(archive / LOCK) as other:
        if other is not None:
            who, how = (f"process {other}", f" (kill {other})") if other else ("another process", "")
            raise SessionError(f"{path} is being collected by {who} already; stop it{how}, or leave it to it")
        settings = conference_settings(conference)
        url, name = address(conference)
        url = url or resolve_url()
        stream = RedisStream(url, name)
        with connecting(conference, path), stream.connection.errors():
            check_server(stream.connection.client)
        meta = recording_meta(conference)
        schedule = settings.schedule if conference.schedule else None
        keep = {spec.producer: spec.keep for spec in specs if spec.keep is not None}
        limits = (conference.limits, conference.most_entries)
        workers = [
            WorkerSpec("recorder", recorder_worker, (url, name, archive, schedule, meta, keep)),
            WorkerSpec("trender", trender_worker, (url, name, archive, settings)),
            *(
                WorkerSpec(f"source:{spec.name}", source_worker, (url, name, spec, cap, *limits))
                for spec in specs
            ),
        ]
        supervisor = Supervisor(
            workers,
            stream,
            revive=None if conference.stream else _revive,
            cap=min(cap, timedelta(seconds=30)),
            most_entries=conference.most_entries,
            stopping=stop,
        )
        drops_old = any(age < KEEP_EVERY for age in keep.values())
        yield Collection(supervisor, stream.key, archive, len(specs), settings, drops_old)


def _revive() -> None:
    """Start the embedded server again, with the same port and password."""
    resolve_url()
