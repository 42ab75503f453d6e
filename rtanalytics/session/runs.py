"""Replays into new streams, optionally recorded by another process."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec

from rtanalytics.conference import read_conference
from rtanalytics.replay import Replay, play_into
from rtanalytics.session.connection import address, run_name, split_url, stream_name
from rtanalytics.session.processes import Worker
from rtanalytics.streams import open_stream

__all__ = ["Run", "play_run", "record_run"]

KEEP = timedelta(days=1)
"""How long the stream of a run stays on the server after its end."""


class Run(msgspec.Struct, frozen=True, omit_defaults=True):
    """Summary of a run.

    Parameters
    ----------
    stream : str
        Key of its stream.
    events, new : int
        Number of events that were played, and of those that the stream did not have.
    seconds : float
        Duration.
    recorded : int, optional
        Number of events that were recorded; None if none were to be.
    """

    stream: str
    events: int
    new: int
    seconds: float
    recorded: int | None = None


def play_run(
    player: Replay, name: str, into: str | None, record: Path | None, tick: Callable[[int], None]
) -> Run:
    """Play into a new stream.

    Parameters
    ----------
    player : Replay
        What is played.
    name : str
        Name of the run if ``into`` has none.
    into : str, optional
        A ``conference.toml`` or a ``redis://`` URL; otherwise ``REDIS_URL`` or the embedded server.
    record : Path, optional
        Archive to record into.
    tick : callable
        Called with the number of events played so far.

    Raises
    ------
    SessionError
        If the recorder failed.
    """
    url: str | None = None
    if into is not None and "://" in into:
        url, named = split_url(into)
    elif into is not None:
        url, named = address(read_conference(into))
    else:
        named = ""
    stream = open_stream(run_name(named or stream_name(name)), url)
    recorder = Worker(record_run, stream.url, stream.name, str(record)) if record else None  # type: ignore[attr-defined]
    if recorder:
        recorder.start()
    played = play_into(player, stream, tick)
    recorded = recorder.result() if recorder else None
    stream.delete(after=KEEP)
    stream.close()
    return Run(stream.key, played.events, played.new, played.seconds, recorded)


def record_run(_send: Callable[[Any], None], url: str, name: str, folder: str) -> int:
    """Record a run until its end; runs in a process of its own. Return the number of events."""
    from rtanalytics.ingest.recorder import record

    return record(open_stream(name, url), folder).events
