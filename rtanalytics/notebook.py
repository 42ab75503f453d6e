"""What the notebooks begin with: one name for a conference, and all that belongs to it.

A notebook's first line says ``CONFERENCE = None`` for the bundled recording, or names one's own
``conference.toml``. :func:`open_conference` turns that into the recording, the talks, the settings
of the trends and the stream, so that every later cell is the same for both.
"""

from __future__ import annotations

import atexit
import os
import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property
from pathlib import Path
from tempfile import mkdtemp
from zoneinfo import ZoneInfo

import numpy as np

from rtanalytics.archive import ArchiveError, Recording
from rtanalytics.cli.live import conference_stream
from rtanalytics.cli.runs import run_name
from rtanalytics.cli.trender import CHANNEL, conference_settings
from rtanalytics.conference import Conference, read_conference
from rtanalytics.live import PublishedTrends
from rtanalytics.resources import recordings_folder
from rtanalytics.schedule import Schedule
from rtanalytics.settings import Settings
from rtanalytics.streams import EventStream, open_stream
from rtanalytics.streams.server import ensure_server, stop_server

__all__ = ["BUNDLED", "OpenedConference", "open_conference", "published_trends"]

BUNDLED = "juniperconf-2026"
"""The recording that comes with the library."""


@dataclass(frozen=True)
class OpenedConference:
    """A conference, and what a notebook needs of it.

    Parameters
    ----------
    name : str
        Letters, digits and few others: names streams.
    title : str
        For people.
    timezone : str
        IANA name of the venue's zone.
    folder : Path
        The archive.
    schedule : Schedule
        The talks; empty if none are known.
    settings : Settings
        Settings of its trends; views and :func:`~rtanalytics.topics.trends` take it as it is.
    conference : Conference, optional
        Its ``conference.toml``, if there is one.
    """

    name: str
    title: str
    timezone: str
    folder: Path
    schedule: Schedule
    settings: Settings
    conference: Conference | None = field(default=None, repr=False)

    @property
    def live(self) -> bool:
        """True if its stream is a running one, which ``rtanalytics collect`` writes."""
        return self.conference is not None

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of the venue."""
        return ZoneInfo(self.timezone)

    @cached_property
    def recording(self) -> Recording:
        """What was recorded so far.

        Raises
        ------
        ArchiveError
            If nothing was; the message says how to begin.
        """
        if not any(self.folder.glob("day=*")):
            raise ArchiveError(
                f"{self.folder} holds no recording yet; 'rtanalytics collect' with its conference.toml"
                " begins one, 'rtanalytics import' fills one from files"
            )
        return Recording(self.folder)

    def busiest(self, span: timedelta = timedelta(hours=9)) -> tuple[datetime, datetime]:
        """The stretch in which most messages were received: its start, a full hour, and its end.

        Parameters
        ----------
        span : timedelta
            Its length: full hours, at least one.

        Raises
        ------
        ValueError
            If ``span`` is something else.
        ArchiveError
            If there is no recording.
        """
        hour = timedelta(hours=1)
        if span < hour or span % hour:
            raise ValueError(f"span {span} is not a number of full hours")
        received = self.recording.table(["received_at"]).column(0).to_numpy()
        hours = received.astype("datetime64[h]").astype(np.int64)
        begins = np.unique(hours)
        held = np.searchsorted(hours, begins + span // hour) - np.searchsorted(hours, begins)
        start = datetime.fromtimestamp(int(begins[held.argmax()]) * 3600, UTC)
        return start, start + span

    def stream(self) -> EventStream:
        """The running stream; for a recording, a new and empty run that it can be played into.

        Such a run is on the server that ``REDIS_URL`` names, or else on a private one that ends
        with this process.

        Raises
        ------
        ServerError
            If there is no server, and none can be started.
        """
        if self.conference is not None:
            return conference_stream(self.conference)
        named = os.environ.get("REDIS_URL", "").strip()
        url = None if named else ensure_server(_private_folder(), keep=False).url
        return open_stream(run_name(self.name), url)


def open_conference(where: str | Path | None = None) -> OpenedConference:
    """Open a conference by its ``conference.toml``, or a recording by its folder.

    Parameters
    ----------
    where : str or Path, optional
        A ``conference.toml``, or the folder of an archive; the bundled recording if None.

    Raises
    ------
    ConferenceError
        If it is a ``conference.toml`` that cannot be used; the message names file and line.
    ArchiveError
        If it is a folder without a recording.

    Examples
    --------
    >>> conference = open_conference(None)
    >>> conference.title, conference.live, len(conference.recording)
    ('JuniperConf 2026', False, 6000)
    """
    path = recordings_folder() / BUNDLED if where is None else Path(where).expanduser()
    if not path.is_dir():
        return _configured(read_conference(path), path)
    return _recorded(Recording(path))


def _configured(conference: Conference, path: Path) -> OpenedConference:
    settings = conference_settings(conference, path)
    return OpenedConference(
        name=conference.name,
        title=conference.title or conference.name,
        timezone=conference.timezone,
        folder=conference.path(conference.archive) or conference.folder / "archive",
        schedule=settings.schedule,
        settings=settings,
        conference=conference,
    )


def _recorded(recording: Recording) -> OpenedConference:
    meta = recording.meta
    return OpenedConference(
        name="".join(c if c.isalnum() or c in "._-" else "-" for c in recording.name) or "recording",
        title=meta.title or recording.name,
        timezone=meta.timezone,
        folder=recording.folder,
        schedule=recording.schedule,
        settings=Settings.of_recording(recording),
    )


def published_trends(stream: EventStream) -> PublishedTrends | None:
    """What the stream's trender publishes; None if it has none, so that a view works trends out itself.

    Raises
    ------
    StreamUnavailable
        If the server is gone.
    """
    return (
        PublishedTrends(stream)
        if "trender" in stream.health.read() or stream.channels.read(CHANNEL)
        else None
    )


@cache
def _private_folder() -> Path:
    """Where this process's own server is; both go when it ends."""
    folder = Path(mkdtemp(prefix="rtanalytics-"))
    atexit.register(_remove, folder)
    return folder


def _remove(folder: Path) -> None:
    stop_server(folder)
    shutil.rmtree(folder)
