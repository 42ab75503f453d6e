"""Main functions of the input processes of ``collect``: one function per kind of worker."""

from __future__ import annotations

import logging
import signal
import sys
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from rtanalytics.conference import RateLimit
from rtanalytics.ingest.supervisor import FINISHED
from rtanalytics.schedule import Schedule
from rtanalytics.sources.base import SourceSpec
from rtanalytics.streams import StreamUnavailable, open_stream

if TYPE_CHECKING:
    from rtanalytics.archive import RecordingMeta

__all__ = ["recorder_worker", "source_worker", "stop_on_sigterm"]

log = logging.getLogger(__name__)

REPORT_EVERY = 5.0


def source_worker(
    url: str,
    name: str,
    spec: SourceSpec,
    cap: timedelta,
    rate_limits: Mapping[str, RateLimit],
    most_entries: int,
) -> None:
    """Poll one source until SIGTERM; exit with :data:`FINISHED` if the source is gone for good."""
    from rtanalytics.ingest.runner import Outcome, serve_source
    from rtanalytics.retry import Limits, RetryPolicy

    limits = Limits(rate_limits, most_entries)
    outcome = serve_source(spec, open_stream(name, url), retry_policy=RetryPolicy(cap=cap), limits=limits)
    sys.exit({Outcome.STOPPED: 0, Outcome.GONE: FINISHED}.get(outcome, 1))


def recorder_worker(
    url: str,
    name: str,
    folder: Path,
    schedule: Schedule | None = None,
    meta: RecordingMeta | None = None,
    keep: dict[str, timedelta] | None = None,
) -> None:
    """Record the stream until SIGTERM, and report the progress."""
    from rtanalytics.archive import ArchiveError
    from rtanalytics.ingest.recorder import record

    stream = open_stream(name, url)
    reported = 0.0

    def report(events: int) -> None:
        nonlocal reported
        if time.monotonic() - reported < REPORT_EVERY:
            return
        reported = time.monotonic()
        fields: dict[str, object] = {"state": "ok", "recorded": events, "archive": str(folder)}
        try:
            stream.health.report("recorder", {**fields, "at": datetime.now(UTC).isoformat()})
        except StreamUnavailable as error:
            log.warning("health could not be reported: %s", error)

    try:
        record(
            stream, folder, stop=stop_on_sigterm(), keep=keep, schedule=schedule, meta=meta, progress=report
        )
    except ArchiveError as error:
        log.warning("%s", error)
        sys.exit(1)


def stop_on_sigterm() -> threading.Event:
    """Return an event that SIGTERM sets; call this in the main thread."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    return stop
