"""The recorder: what flows through a stream lies in the archive once, whatever is killed."""

from __future__ import annotations

import multiprocessing
import random
import threading
import time
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

from rtanalytics.archive import ArchiveError, ArchiveWriter, Recording
from rtanalytics.feed import FOREVER
from rtanalytics.ingest.recorder import record
from rtanalytics.streams.memory import MemoryStream
from rtanalytics.streams.redis import RedisStream
from tests.contracts.stream import made

QUICK = timedelta(milliseconds=30)


def test_a_run_is_recorded_to_its_end(redis_url: str, prefix: str, tmp_path: Path) -> None:
    """Every event, in order, with edits and deletes applied; pandas reads the current state."""
    stream = RedisStream(redis_url, prefix)
    stream.append([made(n, "ab"[n % 2]) for n in range(200)])
    stream.append([made(7, "b", text="edited", seq=900), made(8, "a", op="delete", text=None, seq=901)])
    stream.mark(FOREVER)
    assert record(stream, tmp_path / "archive").events == 202
    kept = list(Recording(tmp_path / "archive"))
    assert [e.id for e in kept] == [f"{'ab'[n % 2]}::{n}" for n in range(200) if n != 8]
    assert kept[7].text == "edited"
    frame = pd.read_parquet(tmp_path / "archive")
    assert sorted(frame["id"]) == sorted(e.id for e in kept)
    stream.delete()


def test_recording_goes_on_where_the_archive_ends(tmp_path: Path) -> None:
    """Stopped and started again: nothing missing, nothing twice."""
    stream = MemoryStream("recorder-again")
    for part in range(4):
        stop = threading.Event()
        recorder = threading.Thread(
            target=record, args=(stream, tmp_path / "a"), kwargs={"stop": stop, "flush_every": QUICK}
        )
        recorder.start()
        stream.append([made(n) for n in range(part * 25, part * 25 + 25)])
        time.sleep(0.2)
        stop.set()
        recorder.join(10)
        assert not recorder.is_alive()
    stream.mark(FOREVER)
    record(stream, tmp_path / "a")
    assert [e.id for e in Recording(tmp_path / "a").log()] == [f"test::{n}" for n in range(100)]
    stream.delete()


def test_a_recorder_killed_at_random_moments_leaves_no_gap_and_no_duplicate(
    redis_url: str, prefix: str, tmp_path: Path
) -> None:
    """Kill -9, eight times, while events flow; then one that runs to the end."""
    stream = RedisStream(redis_url, prefix)
    context = multiprocessing.get_context("spawn")
    chance = random.Random(5)
    written = 0
    for _ in range(8):
        victim = context.Process(target=_record, args=(redis_url, prefix, str(tmp_path / "a")))
        victim.start()
        until = time.monotonic() + 0.8 + chance.random()
        while time.monotonic() < until:
            stream.append([made(n) for n in range(written, written + 10)])
            written += 10
            time.sleep(0.01)
        victim.kill()
        victim.join()
    stream.mark(FOREVER)
    record(stream, tmp_path / "a", compact=False)
    log = [e.id for e in Recording(tmp_path / "a").log()]
    assert log == [f"test::{n}" for n in range(written)]
    stream.delete()


def test_the_stream_is_trimmed_only_up_to_what_is_recorded(
    redis_url: str, prefix: str, tmp_path: Path
) -> None:
    """The recorder tells how far it has come, after the commit."""
    stream = RedisStream(redis_url, prefix)
    stream.append([made(n) for n in range(50)])
    stop = threading.Event()
    committed = threading.Event()
    recorder = threading.Thread(
        target=record,
        args=(stream, tmp_path / "a"),
        kwargs={"stop": stop, "flush_every": QUICK, "progress": lambda _: committed.set()},
    )
    recorder.start()
    assert committed.wait(20)
    stop.set()
    recorder.join(20)
    stream.append([made(n) for n in range(50, 60)])
    assert stream.trim(timedelta(seconds=-1)) == 50
    assert len(stream.snapshot(100).deliveries) == 10
    stream.delete()


def test_a_second_recorder_of_an_archive_is_refused(tmp_path: Path) -> None:
    """One writer at a time, and the message says so."""
    with ArchiveWriter(tmp_path / "a"), pytest.raises(ArchiveError, match="another process"):
        record(MemoryStream("recorder-second"), tmp_path / "a")


def _record(url: str, name: str, folder: str) -> None:
    record(RedisStream(url, name), folder, flush_every=QUICK)
