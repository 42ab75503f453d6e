"""The main functions of the library; ``import rtanalytics as rta`` has them all.

>>> import rtanalytics as rta
>>> recording = rta.open_recording("juniperconf-2026")
>>> len(recording)
6000
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any, Unpack, cast
from weakref import finalize

from rtanalytics.clock import parse_time
from rtanalytics.settings import Settings, SettingsOptions

if TYPE_CHECKING:
    import pandas as pd

    from rtanalytics.archive import Recording
    from rtanalytics.evaluate import Comparison
    from rtanalytics.event import Event
    from rtanalytics.replay import Replay
    from rtanalytics.results import Trends
    from rtanalytics.schedule import ReferenceTopic
    from rtanalytics.session import OpenedConference
    from rtanalytics.streams import EventStream
    from rtanalytics.trending import Algorithm

__all__ = ["compare", "open_recording", "open_stream", "play", "trends", "write_report"]


def open_recording(source: str | os.PathLike[str] | pd.DataFrame | Iterable[Event]) -> Recording:
    """Open a recording, or make one from a DataFrame or from events.

    Parameters
    ----------
    source : str, path, pandas.DataFrame or iterable of Event
        One of

        - a folder that ``rtanalytics import`` or ``rtanalytics collect`` wrote,
        - a ``conference.toml``, for the archive that it names,
        - ``"juniperconf-2026"``, the bundled recording,
        - a DataFrame with the columns ``created_at`` and ``text`` and, if known, ``author``,
          ``source``, ``id``, ``title`` and ``url``,
        - events.

    Returns
    -------
    Recording
        An iterable of events in order of reception, with ``to_pandas()``. A recording made from a
        DataFrame or from events is kept in a temporary folder, which is removed with it.

    Raises
    ------
    ArchiveError
        If there is no recording; the message says how to make one.
    TableError
        If the DataFrame has no column ``created_at`` or ``text``, or a row is invalid.
    ConferenceError
        If the ``conference.toml`` is invalid; the message names file and line.

    Warns
    -----
    UserWarning
        If rows repeat the id of an earlier row, which are left out.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"created_at": ["2026-05-15 09:00"], "text": ["hello"]})
    >>> open_recording(table).to_pandas()["text"].tolist()
    ['hello']
    """
    from rtanalytics.archive import Recording

    if isinstance(source, Recording):
        return source
    if isinstance(source, (str, os.PathLike)):
        return _open(source).recording
    return _temporary(source)


def trends(
    source: str | os.PathLike[str] | pd.DataFrame | Iterable[Event],
    *,
    settings: Settings | None = None,
    **options: Unpack[SettingsOptions],
) -> Trends:
    """Find the trends of a recording, a table or events, bin by bin.

    The conference's own tags, its ignored terms and its talks come from the recording; with a
    ``conference.toml``, all settings come from it. ``rtanalytics trending`` lists the same.

    Parameters
    ----------
    source
        What :func:`open_recording` takes, or a :class:`Recording`.
    settings : Settings, optional
        Replaces the settings of the recording.
    **options
        Fields of :class:`Settings`: ``bin="30min"``, ``algorithm="ewma"``, ``top=5``, …

    Returns
    -------
    Trends
        One item per topic and bin, with ``to_frame()``, ``plot()`` and, for each item, ``explain()``.

    Raises
    ------
    SettingsError
        If an option is unknown or its value invalid; the message names the nearest right one.

    Examples
    --------
    >>> found = trends("juniperconf-2026", bin="1h", top=3)
    >>> found[0].label
    '#firstcoffee'
    """
    from rtanalytics.results import Trends
    from rtanalytics.topics import trends as bins_of

    opened = _open(source)
    chosen = Settings.of(settings or opened.settings, options, ("settings",))
    recording = opened.recording
    return Trends(bins_of(recording, chosen), recording, name=recording.name, zone=opened.zone)


def compare(
    recordings: str | os.PathLike[str] | Recording | Iterable[str | os.PathLike[str] | Recording],
    algorithms: Iterable[str | Algorithm] | None = None,
    *,
    truths: Iterable[Sequence[ReferenceTopic]] | None = None,
    settings: Settings | None = None,
    **options: Unpack[SettingsOptions],
) -> Comparison:
    """Compare algorithms on recordings whose topics are known.

    Parameters
    ----------
    recordings : iterable of str, path or Recording
        Recordings with different names, or a single one.
    algorithms : iterable of str or Algorithm, optional
        Names such as ``"poisson"``; all that work live by default.
    truths : iterable of sequence of ReferenceTopic, optional
        The ground truth of each recording; by default its ``_truth.csv``.
    settings, **options
        As in :func:`trends`.

    Returns
    -------
    Comparison
        With ``to_frame()`` and ``plot()``.

    Raises
    ------
    ValueError
        If a recording has no ground truth, or an algorithm is unknown.
    """
    from rtanalytics.archive import Recording
    from rtanalytics.evaluate import compare_all

    Settings.of(settings, options, ("algorithms", "truths"))  # so that a misspelt keyword is reported first
    single = isinstance(recordings, (str, os.PathLike, Recording)) or hasattr(recordings, "columns")
    chosen = [recordings] if single else recordings
    opened = [open_recording(recording) for recording in cast("Iterable[Recording]", chosen)]
    return compare_all(opened, truths, algorithms, settings=settings, **options)


def play(
    recording: str | os.PathLike[str] | pd.DataFrame | Iterable[Event],
    speed: float | str = 1.0,
    *,
    start: datetime | str | None = None,
    end: datetime | str | None = None,
) -> Replay:
    """Play a recording, as if it happened now.

    Parameters
    ----------
    recording
        What :func:`open_recording` takes, or a :class:`Recording`.
    speed : float or str
        Recorded seconds per second, such as 60 or ``"60x"``; ``"max"`` does not wait.
    start, end : datetime or str, optional
        Play only events received from ``start`` on and before ``end``. A time without a zone is UTC.

    Returns
    -------
    Replay
        A feed for :class:`Dashboard` and the other views, with ``pause()``, ``resume()`` and ``seek()``.
    """
    from rtanalytics.replay import replay

    return replay(open_recording(recording), speed, start=_moment(start), end=_moment(end))


def open_stream(conference: str | os.PathLike[str]) -> EventStream:
    """Open the running stream of a conference.

    Parameters
    ----------
    conference : str or path
        A ``conference.toml``. ``rtanalytics collect`` fills its stream.

    Returns
    -------
    EventStream
        ``follow()`` gives a feed for :class:`Dashboard` and the other views.

    Raises
    ------
    ConferenceError
        If the file is invalid; the message names file and line.
    StreamUnavailable
        If no server answers.
    """
    from rtanalytics.session import open_conference

    return open_conference(conference).stream()


def write_report(
    source: str | os.PathLike[str] | pd.DataFrame | Iterable[Event],
    path: str | os.PathLike[str],
    *,
    title: str | None = None,
    timezone: str | None = None,
    truth: Sequence[ReferenceTopic] | None = None,
    settings: Settings | None = None,
    **options: Unpack[SettingsOptions],
) -> Path:
    """Write a report of a recording: one file for people who were not there.

    Parameters
    ----------
    source
        What :func:`open_recording` takes, or a :class:`Recording`.
    path : str or path
        A file that ends in ``.html`` or, for Markdown, in ``.md``.
    title : str, optional
        Name of the conference; the recording's own by default.
    timezone : str, optional
        IANA name of the venue's time zone; the recording's own by default.
    truth : sequence of ReferenceTopic, optional
        Reference topics; the recording's own by default.
    settings, **options
        As in :func:`trends`. By default bins are 30 minutes wide or, for a ``conference.toml``, as it
        says.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ValueError
        If the recording is empty, the time zone is unknown, or ``path`` has another ending.
    OSError
        If the file cannot be written.
    """
    from rtanalytics.session.reporting import report_on

    opened = _open(source)
    defaults = opened.settings if opened.live else opened.settings.replace(bin="30min")
    chosen = Settings.of(settings or defaults, options, ("title", "timezone", "truth"))
    talks = chosen.schedule if "schedule" in options or settings else None
    path = Path(path)
    report_on(opened, path, chosen, title=title, timezone=timezone, truth=truth, schedule=talks)
    return path


def _open(source: str | os.PathLike[str] | pd.DataFrame | Iterable[Event]) -> OpenedConference:
    """Open a source together with its title, zone, talks and settings."""
    from rtanalytics.session import OpenedConference, open_conference

    if isinstance(source, (str, os.PathLike)):
        if Path(source).suffix.lower() in (".csv", ".parquet", ".jsonl", ".json"):
            raise ValueError(
                f"{source} is a table: read it with pandas and pass the DataFrame, or run"
                f" 'rtanalytics import {source} --to FOLDER' and open the folder"
            )
        return open_conference(source)
    return OpenedConference.of_recording(open_recording(source))


def _temporary(rows: pd.DataFrame | Iterable[Event]) -> Recording:
    """Write events to an archive that lasts as long as the recording that reads it."""
    from rtanalytics.archive import ArchiveWriter, Recording, RecordingMeta, import_into
    from rtanalytics.importers.frames import read_frame
    from rtanalytics.report.page import span

    events = read_frame(cast("pd.DataFrame", rows)) if hasattr(rows, "columns") else _checked(rows)
    home = Path(mkdtemp(prefix="rtanalytics-"))
    try:
        with ArchiveWriter(home / "table") as writer:
            report = import_into(writer, events)
            recording = Recording(home / "table")
            if recording.start and recording.end:  # the table has no title, but a report needs one
                dates = span(recording.start, recording.end)
                writer.describe(meta=RecordingMeta(title=f"Messages of {dates}"))
    except BaseException:
        rmtree(home)
        raise
    if report.duplicate:
        warnings.warn(
            f"{report.duplicate:,} of {report.read:,} rows repeat the id of an earlier row and are left out",
            stacklevel=3,
        )
    finalize(recording, rmtree, home, ignore_errors=True)
    return recording


def _checked(events: Iterable[Any]) -> Iterator[Event]:
    """Yield the events; raise TypeError for anything else."""
    from rtanalytics.event import Event

    if not isinstance(events, Iterable):
        raise TypeError(f"expected a path, a DataFrame or events, not {type(events).__name__}")
    for event in events:
        if not isinstance(event, Event):
            raise TypeError(
                f"expected events, not {type(event).__name__}: pass a DataFrame with the columns created_at"
                " and text, or rtanalytics.Event objects"
            )
        yield event


def _moment(time: datetime | str | None) -> datetime | None:
    return None if time is None else parse_time(time)
