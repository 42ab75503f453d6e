"""Opening a conference or a recording together with its own tags, schedule, time zone and settings."""

from __future__ import annotations

import atexit
import difflib
import os
import re
import shutil
import warnings
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache, cached_property
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Self, Unpack
from zoneinfo import ZoneInfo

from rtanalytics.conference import Conference, read_conference
from rtanalytics.feed import FeedContext
from rtanalytics.resources import recordings_folder
from rtanalytics.schedule import Schedule
from rtanalytics.settings import Settings, SettingsError, SettingsOptions

if TYPE_CHECKING:
    from rtanalytics.archive import Recording, RecordingMeta
    from rtanalytics.sources.base import SourceSpec
    from rtanalytics.streams import EventStream

__all__ = [
    "BUNDLED",
    "OpenedConference",
    "conference_settings",
    "frequent_tags",
    "open_conference",
    "read_sources",
    "read_talks",
    "recording_meta",
    "recording_settings",
]

BUNDLED = "juniperconf-2026"
"""Name of the recording that comes with the library."""

_TAG = re.compile(r"(?<![\w#&/])#(\w*[^\W\d]\w*)")

MAX_WARNINGS = 5
"""Warnings about talks of one file; one more gives the number of the rest."""


@dataclass(frozen=True)
class OpenedConference:
    """A conference or a recording, with its time zone, schedule and settings.

    Parameters
    ----------
    name : str
        Name of its streams.
    title : str
        Name for people.
    timezone : str
        IANA name of the venue's time zone.
    folder : Path
        Folder of the archive.
    schedule : Schedule
        Talks; empty if none are known.
    settings : Settings
        Settings of its trends; views and :func:`~rtanalytics.topics.trends` take them as they are.
    conference : Conference, optional
        Its ``conference.toml``, if there is one.
    opened : Recording, optional
        The recording, if it is open already.
    """

    name: str
    title: str
    timezone: str
    folder: Path
    schedule: Schedule
    settings: Settings
    conference: Conference | None = field(default=None, repr=False)
    opened: Recording | None = field(default=None, repr=False, compare=False)

    @classmethod
    def of_recording(cls, recording: Recording) -> Self:
        """Return a recording with its own tags, schedule and time zone."""
        from rtanalytics.session.connection import stream_name

        return cls(
            name=stream_name(recording.name),
            title=recording.meta.title or recording.name,
            timezone=recording.meta.timezone,
            folder=recording.folder,
            schedule=recording.schedule,
            settings=Settings.of_recording(recording),
            opened=recording,
        )

    @property
    def live(self) -> bool:
        """True if its stream is written by ``rtanalytics collect``."""
        return self.conference is not None

    @property
    def zone(self) -> ZoneInfo:
        """Time zone of the venue."""
        return ZoneInfo(self.timezone)

    @cached_property
    def recording(self) -> Recording:
        """Recording of the conference so far.

        Raises
        ------
        ArchiveError
            If nothing has been recorded; the message says how to begin.
        """
        from rtanalytics.archive import ArchiveError, Recording

        if self.opened is not None:
            return self.opened
        if not any(self.folder.glob("day=*")):
            raise ArchiveError(
                f"{self.folder} holds no recording yet; 'rtanalytics collect' with its conference.toml"
                " begins one, 'rtanalytics import' fills one from files"
            )
        if self.conference is None:
            return Recording(self.folder)
        return Recording(self.folder, meta=recording_meta(self.conference), schedule=self.schedule)

    def busiest(self, span: timedelta = timedelta(hours=9)) -> tuple[datetime, datetime]:
        """Return start and end of the period in which most messages were received.

        Parameters
        ----------
        span : timedelta
            Length of the period: full hours, at least one. It starts at a full hour.

        Raises
        ------
        ValueError
            If ``span`` is something else.
        ArchiveError
            If there is no recording.
        """
        import numpy as np

        hour = timedelta(hours=1)
        if span < hour or span % hour:
            raise ValueError(f"span {span} is not a number of full hours")
        received = self.recording.table(["received_at"]).column(0).to_numpy()
        hours = received.astype("datetime64[h]").astype(np.int64)
        starts = np.unique(hours)
        counts = np.searchsorted(hours, starts + span // hour) - np.searchsorted(hours, starts)
        start = datetime.fromtimestamp(int(starts[counts.argmax()]) * 3600, UTC)
        return start, start + span

    def stream(self) -> EventStream:
        """Open the running stream or, for a recording, a new and empty one to replay it into.

        The stream of a recording is on the server that ``REDIS_URL`` names, or else on a private
        one that ends with this process.

        Raises
        ------
        ServerError
            If there is no server, and none can be started.
        """
        from rtanalytics.session.connection import address, published_trends, run_name
        from rtanalytics.streams import open_stream
        from rtanalytics.streams.server import ensure_server

        if self.conference is not None:
            url, name = address(self.conference)
        else:
            named = os.environ.get("REDIS_URL", "").strip()
            url, name = (
                None if named else ensure_server(_private_folder(), keep=False).url,
                run_name(self.name),
            )
        context = FeedContext(self.settings, self.timezone, lambda: published_trends(stream))
        stream = open_stream(name, url, context)
        return stream


def open_conference(where: str | os.PathLike[str] | None = None) -> OpenedConference:
    """Open a conference by its ``conference.toml``, or a recording by its folder.

    Parameters
    ----------
    where : str or path, optional
        A ``conference.toml`` (or another file that ends in ``.toml``), the folder of an archive, or
        the name of a bundled recording; the bundled recording :data:`BUNDLED` by default.

    Raises
    ------
    ConferenceError
        If the ``conference.toml`` is missing or invalid; the message names file and line.
    ArchiveError
        If there is no such recording; the message says how to make one.

    Examples
    --------
    >>> conference = open_conference()
    >>> conference.title, conference.live, len(conference.recording)
    ('JuniperConf 2026', False, 6000)
    """
    from rtanalytics.archive import ArchiveError, Recording

    path = Path(BUNDLED if where is None else where).expanduser()
    if len(path.parts) == 1 and not path.exists() and (recordings_folder() / path).is_dir():
        path = recordings_folder() / path
    if path.suffix.lower() != ".toml" or path.is_dir():
        if not path.exists():
            place = "" if path.is_absolute() else f" in {Path.cwd()}"
            close = difflib.get_close_matches(path.name, [BUNDLED], 1)
            raise ArchiveError(
                f"{path}: no such recording{place}; "
                + (f"did you mean {BUNDLED!r}? It" if close else f"{BUNDLED!r}")
                + f" is the bundled one; 'rtanalytics import FILE --to {path}' makes one from files"
            )
        return OpenedConference.of_recording(Recording(path))
    conference = read_conference(path)
    settings = conference_settings(conference)
    return OpenedConference(
        name=conference.name,
        title=conference.title or conference.name,
        timezone=conference.timezone,
        folder=conference.archive_folder,
        schedule=settings.schedule,
        settings=settings,
        conference=conference,
    )


def recording_settings(
    recording: Recording, conference: Conference | None = None, **options: Unpack[SettingsOptions]
) -> Settings:
    """Return the settings of the trends of a recording.

    Parameters
    ----------
    recording : Recording
        Gives its own tags, ignored terms and talks.
    conference : Conference, optional
        Gives its ``[trending]`` and ``mute``, and further own tags and ignored terms.
    **options
        Single settings, which replace the others.

    Raises
    ------
    ConferenceError
        If a setting of the conference is invalid.
    SettingsError
        If an option is unknown or invalid.
    """
    settings = Settings.of_recording(recording)
    if conference is not None:
        configured = conference_settings(conference)
        settings = configured.replace(
            own_tags=configured.own_tags | settings.own_tags,
            ignore=configured.ignore | settings.ignore,
            schedule=settings.schedule,
        )
    return settings.replace(**options)


def frequent_tags(recording: Recording, settings: Settings) -> list[tuple[str, float]]:
    """Return the tags in more than a fifth of the messages that are not in the settings.

    Parameters
    ----------
    recording : Recording
        The recording.
    settings : Settings
        Its ``own_tags`` and ``ignore`` are the known ones.

    Returns
    -------
    list of (str, float)
        Each tag with its share of the messages, the most frequent first.
    """
    from collections import Counter

    from rtanalytics.algorithms.own_tags import OWN_SHARE

    # from the texts, because rows of tables have no tags of their own
    texts = [text for text in recording.table(["text"]).column("text").to_pylist() if text]
    used = Counter(tag for text in texts for tag in set(_TAG.findall(text.casefold())))
    known = {term.lstrip("#") for term in settings.own_tags | settings.ignore}
    return [
        (tag, count / len(texts))
        for tag, count in used.most_common()
        if count > OWN_SHARE * len(texts) and tag not in known
    ]


def recording_meta(conference: Conference) -> RecordingMeta:
    """Return what a ``conference.toml`` says about the recording of the conference."""
    from rtanalytics.archive import RecordingMeta

    return RecordingMeta(
        title=conference.title,
        timezone=conference.timezone,
        hashtags=conference.hashtags,
        accounts=conference.accounts,
        ignore=conference.ignore,
    )


def conference_settings(conference: Conference) -> Settings:
    """Return the settings of the trends of a conference, with its own tags and its talks.

    Raises
    ------
    ConferenceError
        If the algorithm, a parameter or the schedule is invalid.
    """
    from rtanalytics.topics import live_algorithm

    try:
        live_algorithm(conference.trending)
    except SettingsError as error:
        raise conference.error(f"[trending] {error}", "trending", *error.key.split(".")) from None
    return conference.trending.replace(
        own_tags=[*conference.hashtags, *conference.accounts],
        ignore=conference.ignore,
        mute=conference.mute,
        schedule=_schedule(conference),
    )


def _schedule(conference: Conference) -> Schedule:
    from rtanalytics.schedules import ScheduleError

    file = conference.path(conference.schedule)
    # the default, UTC, is hardly the clock of a venue: a file that needs a zone asks for it
    given = conference.lines is None or conference.lines.line("timezone") is not None
    zone = conference.zone if given else None
    try:
        return Schedule() if file is None else read_talks(file, zone)
    except ScheduleError as error:
        hint = " (an address is a [[source]] of type schedule)" if "://" in str(conference.schedule) else ""
        raise conference.error(f"schedule: {error}{hint}", "schedule") from None


def read_talks(path: Path, zone: tzinfo | None) -> Schedule:
    """Read the talks of a schedule file, with a warning about each that is left out or may be wrong.

    Raises
    ------
    ScheduleError
        If the file cannot be read; the message names the place.
    """
    from rtanalytics.schedules import read_schedule

    schedule = read_schedule(path, zone)
    for line in schedule.refused[:MAX_WARNINGS]:
        warnings.warn(f"a talk is left out: {line}", stacklevel=2)
    if (more := len(schedule.refused) - MAX_WARNINGS) > 0:
        warnings.warn(f"{more} more talks are left out", stacklevel=2)
    for line in schedule.warnings[:MAX_WARNINGS]:
        warnings.warn(line, stacklevel=2)
    if (more := len(schedule.warnings) - MAX_WARNINGS) > 0:
        warnings.warn(f"{more} more entries of the schedule may be wrong", stacklevel=2)
    return schedule


def read_sources(conference: Conference) -> list[SourceSpec]:
    """Return the sources of a conference.

    Raises
    ------
    ConferenceError
        If a ``[[source]]`` table is invalid, or a limit is for a host that no source asks.
    """
    from rtanalytics.sources import SourceTableError, read_specs
    from rtanalytics.sources.polled import PolledSpec

    try:
        specs = read_specs(conference.source, conference.timezone)
    except SourceTableError as error:
        raise conference.error(error, "source", error.number - 1, error.key) from None
    hosts = sorted({spec.rate_limit for spec in specs if isinstance(spec, PolledSpec) and spec.rate_limit})
    for host in conference.limits:
        if host not in hosts:
            close = difflib.get_close_matches(host.lower(), hosts, 1)
            hint = f"did you mean {close[0]!r}?" if close else f"they ask {', '.join(hosts) or 'none'}"
            raise conference.error(f"limits {host!r}: no source asks that host; {hint}", "limits", host)
    return specs


@cache
def _private_folder() -> Path:
    """Return a folder for a private server; folder and server are removed when the process ends."""
    folder = Path(mkdtemp(prefix="rtanalytics-"))
    atexit.register(_remove, folder)
    return folder


def _remove(folder: Path) -> None:
    from rtanalytics.streams.server import stop_server

    stop_server(folder)
    shutil.rmtree(folder)
