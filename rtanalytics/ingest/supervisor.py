"""Supervisor of one process per worker; if one worker crashes, the others keep running.

Every source, the recorder and the trender has its own spawned process. The supervisor starts a process that
ended again, each time after a longer pause, and reports this in the stream's health. It also writes the marks
that show followers that a period of time is complete, even if a source is idle or not running. It gives up
a worker only if the worker reports that nothing is left to do.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import wait as wait_for
from typing import Any

from rtanalytics.ingest.processes import start_shielded
from rtanalytics.retry import RetryPolicy
from rtanalytics.streams import EventStream, StreamError, StreamUnavailable

__all__ = ["FINISHED", "Supervisor", "WorkerSpec"]

log = logging.getLogger(__name__)

FINISHED = 3
"""Exit status of a worker that should not be started again."""

MARK_BEHIND = timedelta(seconds=2)
"""How far marks stay behind the current time, for events that are being stored."""

CALM = timedelta(seconds=60)
"""After this running time the pauses before a restart begin at the first one again."""

TRIM_EVERY = timedelta(minutes=10)

CROWDED, ROOMY = 0.9, 0.75
"""Shares of the allowed entries of a bucket: above the first, the oldest are removed until the second."""


@dataclass(frozen=True, slots=True)
class WorkerSpec:
    """Specification of a worker's process.

    Parameters
    ----------
    name : str
        Name in health, logs and ``status``: ``source:planet``, ``recorder``, ``trender``.
    work : callable
        Function of a module, so that a spawned process can import it. It must return after SIGTERM; with
        exit status :data:`FINISHED` it is not started again.
    args : tuple
        Picklable arguments.
    """

    name: str
    work: Callable[..., Any]
    args: tuple[Any, ...] = ()


@dataclass
class _Worker:
    spec: WorkerSpec
    process: Any = None
    started: float = 0.0
    failures: int = 0
    restarts: int = 0
    due: float = 0.0
    finished: bool = False
    why: str = ""


@dataclass
class Supervisor:
    """Runs workers until :meth:`stop`.

    Parameters
    ----------
    specs : sequence of WorkerSpec
        Workers to run; their names are unique.
    stream : EventStream
        Stream for health, marks and trimming; the workers open their own connections.
    revive : callable, optional
        Restarts a server that does not answer, if we started it.
    cap : timedelta
        Longest pause before a worker is started again.
    mark_every : timedelta
        Time between two marks.
    retention : timedelta
        How long entries stay in the stream after they were recorded.
    most_entries : int, optional
        Largest number of entries of a bucket; when it is nearly reached, the oldest recorded entries are
        removed.
    stopping : threading.Event
        Set by :meth:`stop` or by the caller; if it is set at the start, no worker is started.
    """

    specs: Sequence[WorkerSpec]
    stream: EventStream
    revive: Callable[[], None] | None = None
    cap: timedelta = timedelta(seconds=30)
    mark_every: timedelta = timedelta(seconds=2)
    retention: timedelta = timedelta(days=7)
    most_entries: int | None = None
    stopping: threading.Event = field(default_factory=threading.Event)
    _workers: list[_Worker] = field(default_factory=list, init=False)

    def run(self) -> None:
        """Start everything, watch it, and return once everything has ended after :meth:`stop`."""
        self._workers = [_Worker(spec) for spec in self.specs]
        keeper = threading.Thread(target=self._keep, name="supervisor-marks", daemon=True)
        keeper.start()
        try:
            while not self.stopping.is_set() and not all(w.finished for w in self._workers):
                self._start_due()
                self._watch()
        finally:
            self.stopping.set()
            self._drain()
            keeper.join(10)
            self._report()

    def stop(self) -> None:
        """Ask all workers to shut down cleanly; may be called from a signal handler or a thread."""
        self.stopping.set()

    def pids(self) -> dict[str, int]:
        """Return the process id of each running worker."""
        return {w.spec.name: w.process.pid for w in self._workers if w.process is not None}

    def _start_due(self) -> None:
        for worker in self._workers:
            if worker.process is None and not worker.finished and time.monotonic() >= worker.due:
                context = multiprocessing.get_context("spawn")
                worker.process = context.Process(target=_child, args=(worker.spec,), name=worker.spec.name)
                start_shielded(worker.process)
                worker.started = time.monotonic()
                self._report(worker)

    def _watch(self) -> None:
        """Wait up to 0.1 s for a worker to end, and handle its end."""
        running = {w.process.sentinel: w for w in self._workers if w.process is not None}
        if not running:
            time.sleep(0.1)  # do not wait for the event: the signal handler that sets it would deadlock
        for sentinel in wait_for(list(running), timeout=0.1):
            worker = running[sentinel]
            worker.process.join()
            self._ended(worker, worker.process.exitcode)

    def _ended(self, worker: _Worker, status: int) -> None:
        ran = time.monotonic() - worker.started
        worker.process = None
        worker.why = f"signal {-status}" if status < 0 else f"status {status}"
        if self.stopping.is_set():
            return
        if status == FINISHED:
            worker.finished = True
            log.warning("%s has finished", worker.spec.name)
        else:
            worker.failures = 1 if ran >= CALM.total_seconds() else worker.failures + 1
            worker.restarts += 1
            pause = RetryPolicy(cap=self.cap).before_restart(worker.failures).total_seconds()
            worker.due = time.monotonic() + pause
            log.warning("%s ended (%s); starts again in %.1f s", worker.spec.name, worker.why, pause)
        self._report(worker)

    def _drain(self) -> None:
        """Send SIGTERM, wait up to ten seconds, then send SIGKILL."""
        running = [w for w in self._workers if w.process is not None]
        for worker in running:
            worker.process.terminate()
        until = time.monotonic() + 10
        for worker in running:
            worker.process.join(max(0.1, until - time.monotonic()))
            if worker.process.is_alive():
                log.error("%s did not end within 10 s and is killed", worker.spec.name)
                worker.process.kill()
                worker.process.join()
            worker.process = None

    def _report(self, *workers: _Worker) -> None:
        for worker in workers or self._workers:
            alive = worker.process is not None
            state = "running" if alive else "finished" if worker.finished else "waiting"
            fields: dict[str, object] = {
                "state": "stopped" if self.stopping.is_set() and not alive else state,
                "pid": worker.process.pid if alive else None,
                "restarts": worker.restarts,
                "last_end": worker.why,
                "at": datetime.now(UTC).isoformat(),
            }
            try:
                self.stream.health.report(f"process:{worker.spec.name}", fields)
            except StreamUnavailable:
                return  # the keeper thread restarts the server and reports again after that

    def _keep(self) -> None:
        """Write marks, trim the stream and restart the server; runs in a thread beside :meth:`_watch`."""
        trim_at = time.monotonic() + TRIM_EVERY.total_seconds()
        away = False
        while not self.stopping.wait(self.mark_every.total_seconds()):
            try:
                self.stream.mark(datetime.now(UTC) - MARK_BEHIND)
                if away:
                    away = False
                    self._report()
                self._trim_to_size()
                if time.monotonic() >= trim_at:
                    self.stream.trim(self.retention)
                    trim_at = time.monotonic() + TRIM_EVERY.total_seconds()
            except StreamUnavailable as error:
                if not away:
                    log.warning("the stream is unavailable: %s", error)
                away = True
                self._revive()

    def _trim_to_size(self) -> None:
        """Remove the oldest recorded entries if a bucket is nearly full."""
        most = self.most_entries
        if most is not None and any(
            bucket["entries"] > most * CROWDED for bucket in self.stream.buckets().values()
        ):
            self.stream.trim_to_size(int(most * ROOMY))

    def _revive(self) -> None:
        if self.revive is None:
            return
        try:
            self.revive()
        except Exception:
            log.exception("the server could not be restarted; trying again")


def _child(spec: WorkerSpec) -> None:
    """Run a worker in its process, which ends when the supervisor ends."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_follow, args=(parent,), name="parent", daemon=True).start()
    logging.basicConfig(level=logging.WARNING, format=f"%(asctime)s {spec.name} %(levelname)s %(message)s")
    try:
        spec.work(*spec.args)
    except (StreamError, OSError) as error:
        # an external cause; any other exception is a bug and is logged with its traceback
        log.warning("%s", error)
        sys.exit(1)


def _follow(parent: Any) -> None:
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(10)
    os._exit(1)
