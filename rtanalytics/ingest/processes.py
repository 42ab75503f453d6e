"""Processes that Ctrl-C does not reach, and work that only one process may do.

A terminal sends Ctrl-C to every process of the foreground, also to those that are just importing
their libraries and have no handler yet. Ours are ended by whoever started them, in good order.
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
    """Start a process in which SIGINT stays blocked, from its first instruction on.

    A signal that comes meanwhile is not lost to us: it is delivered when the start is done.
    """
    # it unblocks the signal when it is started itself, so it has to be there before
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def exclusive_lock(path: Path) -> Iterator[int | None]:
    """Hold a lock file; the system lets go of it when the process ends, however it ends.

    Parameters
    ----------
    path : Path
        Its folder is made if it is not there.

    Yields
    ------
    int or None
        None if it is ours now; else the id of the process that holds it, 0 if that is not known.

    Raises
    ------
    OSError
        If the file cannot be made or locked at all.
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
