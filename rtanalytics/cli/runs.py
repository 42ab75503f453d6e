"""A replay as a run of its own in a stream, recorded by another process if that is asked for."""

from __future__ import annotations

import multiprocessing
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rtanalytics.cli.live import split_url
from rtanalytics.cli.terminal import Failed
from rtanalytics.conference import read_conference
from rtanalytics.ingest.processes import start_shielded
from rtanalytics.replay import Replay, play_into
from rtanalytics.streams import open_stream

__all__ = ["Worker", "play_run", "record_run", "run_name"]

KEEP = timedelta(days=1)
"""How long the run of a replay stays in the server after it has ended."""


def run_name(conference: str) -> str:
    """``<conference>/replay/<run>``: a name that no other run has."""
    return f"{conference}/replay/{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"


def play_run(
    player: Replay, name: str, into: str | None, record: Path | None, tick: Callable[[int], None]
) -> dict[str, Any]:
    """Play into a new run; returns ``stream``, ``events``, ``seconds`` and ``recorded``.

    Raises
    ------
    Failed
        If the recorder did not end well; its own message is passed on.
    """
    url: str | None = None
    name = "".join(c if c.isalnum() or c in "._-" else "-" for c in name) or "recording"
    if into is not None and "://" in into:
        url, named = split_url(into)
        name = named or name
    elif into is not None:
        conference = read_conference(into)
        url, named = split_url(conference.stream) if conference.stream else (None, "")
        name = named or conference.name
    stream = open_stream(run_name(name), url)
    recorder = Worker(record_run, stream.url, stream.name, str(record)) if record else None  # type: ignore[attr-defined]
    if recorder:
        recorder.start()
    played = play_into(player, stream, tick)
    run: dict[str, Any] = {
        "stream": stream.key,
        "events": played.events,
        "new": played.new,
        "seconds": played.seconds,
    }
    if recorder:
        run["recorded"] = recorder.result()
    stream.delete(after=KEEP)
    stream.close()
    return run


class Worker:
    """A spawned process that runs a function and tells its result, or why it has none.

    What it sends meanwhile is kept, in order, until :meth:`poll` hands it over: also what comes
    while :meth:`result` waits for the end.

    Parameters
    ----------
    work : callable
        A function of a module. Its first argument is a function that sends news to us; whoever
        gives a function that sends any has to ask for them, or a full pipe holds it up.
    *args
        Its further arguments.
    """

    def __init__(self, work: Callable[..., Any], *args: Any) -> None:
        context = multiprocessing.get_context("spawn")
        self._ours, theirs = context.Pipe(duplex=False)
        self._process = context.Process(target=_told, args=(theirs, work, args), daemon=True)
        self._theirs = theirs
        self._news: list[Any] = []
        self._end: tuple[str, Any] | None = None

    def start(self) -> None:
        """Start it."""
        start_shielded(self._process)
        self._theirs.close()

    def poll(self) -> list[Any]:
        """What it has sent since this was last asked, without waiting; in the order of sending.

        Raises
        ------
        Failed
            If it has ended without its result: waiting for more of it would last for ever.
        """
        while self._end is None and self._ours.poll():
            self._receive()
        if self._end is not None and self._end[0] == "failed":
            self.result()
        news, self._news = self._news, []
        return news

    def result(self) -> Any:
        """Wait for its end.

        Raises
        ------
        Failed
            With what went wrong in it.
        """
        while self._end is None:
            self._receive()
        self._process.join()
        kind, value = self._end
        if kind == "failed":
            raise Failed(str(value))
        return value

    def _receive(self) -> None:
        """Wait for one thing that it sends, and keep it where it belongs."""
        try:
            kind, value = self._ours.recv()
        except EOFError:
            self._process.join()
            status = self._process.exitcode
            kind, value = "failed", f"a process ended with status {status} and told no result"
        if kind == "news":
            self._news.append(value)
        else:
            self._end = (kind, value)


def _told(pipe: Any, work: Callable[..., Any], args: tuple[Any, ...]) -> None:
    from rtanalytics.cli import expected_errors

    try:
        result = ("done", work(lambda news: pipe.send(("news", news)), *args))
    except Exception as error:
        if not isinstance(error, expected_errors()):
            raise
        result = ("failed", str(error))
    pipe.send(result)


def record_run(_tell: Callable[[Any], None], url: str, name: str, folder: str) -> int:
    """The work of a recorder's process: how many events it committed."""
    from rtanalytics.ingest.recorder import record

    return record(open_stream(name, url), folder).events
