"""The trender: one process a conference that counts and publishes trends, so that all views agree.

It learns from the archive what was said before, in the order in which it was received, and then
reads on in the stream from where the archive ends. What it has told once stays told: a bin is
published under its time, and a second one of that time is refused.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from rtanalytics.cli.schedules import read_talks
from rtanalytics.conference import Conference, line_of
from rtanalytics.feed import FOREVER, Item, Watermark
from rtanalytics.ingest.workers import TELL_EVERY
from rtanalytics.settings import Settings, SettingsError
from rtanalytics.streams import EventStream, StreamPosition, StreamUnavailable, open_stream

__all__ = ["CHANNEL", "conference_schedule", "conference_settings", "trender_worker"]

CHANNEL = "trends"


def conference_settings(conference: Conference, path: str | Path | None = None) -> Settings:
    """Return the settings of trends that a ``conference.toml`` asks for.

    Parameters
    ----------
    conference : Conference
        The parsed file.
    path : str or Path, optional
        Its path, so that an error names the line.

    Raises
    ------
    ConferenceError
        If a setting is invalid; the message names file, line and key.
    """
    from rtanalytics.conference import ConferenceError
    from rtanalytics.topics import live_algorithm

    try:
        live_algorithm(conference.trending)
    except SettingsError as error:
        raise ConferenceError(f"{_place(path, f'trending.{error.key}')}[trending] {error}") from None
    return conference.trending.replace(
        own_tags=[*conference.hashtags, *conference.accounts],
        ignore=conference.ignore,
        mute=conference.mute,
        schedule=conference_schedule(conference, path),
    )


def _place(path: str | Path | None, key: str) -> str:
    """File and line of a key; nothing where the file is not known."""
    if path is None:
        return ""
    line = line_of(Path(path).read_text(encoding="utf-8"), key)
    return f"{path}:{line}: " if line else f"{path}: "


def conference_schedule(conference: Conference, path: str | Path | None = None) -> Any:
    """The talks of a conference; an empty schedule if it names no file.

    Raises
    ------
    ConferenceError
        If the file cannot be read; with the line that names it if ``path`` is that of the conference.toml.
    """
    from rtanalytics.conference import ConferenceError
    from rtanalytics.schedule import Schedule
    from rtanalytics.schedules import ScheduleError

    file = conference.path(conference.schedule)
    if file is None:
        return Schedule()
    try:
        return read_talks(file, conference.zone)
    except ScheduleError as error:
        hint = " (an address is a [[source]] of type schedule)" if "://" in str(conference.schedule) else ""
        raise ConferenceError(f"{_place(path, 'schedule')}schedule: {error}{hint}") from None


def trender_worker(url: str, name: str, folder: Path, settings: Settings) -> None:
    """Count and publish until SIGTERM.

    It may be ended at any moment, also while it compiles what it counts with: a bin is published
    in one step, and all else is worked out again from the archive and the stream.
    """
    from rtanalytics.topics import Trender

    stream = open_stream(name, url)
    trender = Trender(settings)
    told, bins = 0.0, 0
    for items in _everything(stream, folder):
        for bin in trender.push(items):
            _publish(stream, bin)
            bins += 1
        if time.monotonic() - told >= TELL_EVERY:
            told = time.monotonic()
            _tell(stream, bins)


def _everything(stream: EventStream, folder: Path) -> Iterator[list[Item]]:
    """What the archive has, in the order of its reception, and then what the stream has after it."""
    position: StreamPosition | str = "start"
    if folder.is_dir() and any(folder.glob("day=*")):
        from rtanalytics.archive import Recording
        from rtanalytics.replay import replay

        archive = Recording(folder)
        # first the position, then the events: what is committed in between comes twice, which a
        # trender does not mind, instead of never
        known = archive.positions.get(stream.key)
        position = StreamPosition.parse(known) if known else "start"
        for batch in replay(archive, "max").batches():
            yield [item for item in batch if not (isinstance(item, Watermark) and item.time == FOREVER)]
    yield from stream.follow(position).batches()


def _publish(stream: EventStream, bin: Any) -> None:
    """Until the server takes it: a bin that is told to nobody is lost."""
    payload = msgspec.json.encode(bin)
    while True:
        try:
            stream.channels.publish(CHANNEL, f"{bin.start.isoformat()}/{bin.end.isoformat()}", payload)
            return
        except StreamUnavailable:
            time.sleep(0.2)


def _tell(stream: EventStream, bins: int) -> None:
    fields: dict[str, object] = {"state": "ok", "bins": bins, "at": datetime.now(UTC).isoformat()}
    try:
        stream.health.report("trender", fields)
    except StreamUnavailable:
        return  # it is told again in a few seconds
