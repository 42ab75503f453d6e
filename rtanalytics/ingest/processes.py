"""Processes that ignore Ctrl-C, and a lock that only one process can hold.

A terminal sends Ctrl-C to all its foreground processes, including those that are still importing libraries
and have no signal handler yet. Our child processes are stopped by their parent instead, in order.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.process import BaseProcess
from pathlib import Path

from rtanalytics.locks import acquire_as_owner, owner

__all__ = ["exclusive_lock", "start_shielded"]


def start_shielded(process: BaseProcess) -> None:
    """Start a process in which SIGINT is blocked from the start.

    A signal that arrives meanwhile is delivered to this process after the start.
    """
    # starting the tracker unblocks the signal, so it must be running already
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def exclusive_lock(path: Path) -> Iterator[int | None]:
    """Hold a lock file, which the system releases when the process ends, even after a crash.

    Parameters
    ----------
    path : Path
        Lock file; its folder is created if it does not exist.

    Yields
    ------
    int or None
        None if this process holds the lock; else the id of the process that does, 0 if unknown.

    Raises
    ------
    OSError
        If the file cannot be created or locked at all.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = acquire_as_owner(path)
    if handle is None:
        yield owner(path)
        return
    try:
        yield None
    finally:
        os.close(handle)
