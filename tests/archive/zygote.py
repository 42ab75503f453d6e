"""A process that has everything imported and forks a writer on request, so that many can be killed.

Reads one JSON object per line, and answers with the writer's exit status when it has ended. ``kill_at``
makes the writer kill itself (SIGKILL) just before its n-th change to the file system. ``kill_after`` is a
number of appends and a number of seconds: the writer is killed that long after it has reported so many
appends. So a kill comes after the same amount of work on a slow machine.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from datetime import timedelta
from typing import Any

import pandas as pd  # noqa: F401  # pyarrow would import it in each writer, which takes as long as they live

from rtanalytics.archive import ArchiveWriter, RecordingMeta
from rtanalytics.event import Event
from rtanalytics.feed import Delivery
from rtanalytics.schedule import Schedule, Talk
from tests.build import BASE, event

CHANGES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir"}


def said(n: int) -> Event:
    """Event number ``n`` of a stream that has no end: 20 an hour, so a day has 480."""
    return event(n, created_at=BASE + timedelta(minutes=3 * n), producer="p", seq=n)


def batch(start: int, end: int) -> list[Delivery]:
    """Events ``start`` to ``end - 1``; a position is the number of the next one."""
    return [Delivery(n + 1, said(n)) for n in range(start, end)]


def record(folder: str, until: int, seed: int, largest: int = 80, report: int | None = None) -> None:
    """Continue a recording at its stated position, and compact it sometimes; ``report`` gets a byte per append."""
    dice = random.Random(seed)
    with ArchiveWriter(folder) as writer:
        n = int(writer.positions.get("events", 0))
        while n < until:
            end = min(until, n + dice.randint(1, largest))
            writer.append(batch(n, end))
            n = end
            if report is not None:
                os.write(report, b".")
            if dice.random() < 0.2:
                writer.compact()


def append(folder: str, start: int, end: int) -> None:
    with ArchiveWriter(folder) as writer:
        writer.append(batch(start, end))


def compact(folder: str) -> None:
    with ArchiveWriter(folder) as writer:
        writer.compact()


def transaction(folder: str, start: int, end: int) -> None:
    with ArchiveWriter(folder) as writer, writer.transaction() as bulk:
        bulk.add(said(n) for n in range(start, end))


def describe(folder: str) -> None:
    with ArchiveWriter(folder) as writer:
        talk = Talk(id="1", title="Opening", start=BASE, end=BASE)
        writer.describe(schedule=Schedule([talk]), truth=[], meta=RecordingMeta(title="new"))


def _die_at(change: int) -> None:
    left = change

    def watch(name: str, arguments: tuple[Any, ...]) -> None:
        nonlocal left
        writes = name == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("xw")
        if name in CHANGES or writes:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)


def main() -> None:
    for line in sys.stdin:
        wanted = json.loads(line)
        change, kill_after = wanted.pop("kill_at", None), wanted.pop("kill_after", None)
        reports, report = os.pipe()
        if kill_after is not None:
            wanted["report"] = report
        pid = os.fork()
        if pid == 0:
            if change is not None:
                _die_at(change)
            globals()[wanted.pop("do")](**wanted)
            os._exit(0)
        os.close(report)
        if kill_after is not None:
            appends, seconds = kill_after
            while appends > 0 and (reported := os.read(reports, appends)):
                appends -= len(reported)
            time.sleep(seconds)
            os.kill(pid, signal.SIGKILL)  # its pid is not reused before we have waited for it
        os.close(reports)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
