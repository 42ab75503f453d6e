"""A writer that is killed loses nothing and doubles nothing, wherever it was."""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from rtanalytics.archive import ArchiveWriter, Recording
from rtanalytics.archive.files import MANIFEST
from rtanalytics.feed import Delivery
from tests.archive import zygote
from tests.build import event

ROOT = Path(__file__).parents[2]


class Zygote:
    """Starts writers in processes of their own."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.archive.zygote"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, do: str, **arguments: Any) -> int:
        """Starts one and waits for its end; returns its exit status, negative for a signal."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": do, **arguments}, default=str) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the writer's parent has died"
        return int(answer)

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        assert self._process.wait(10) == 0


@pytest.fixture(scope="module")
def processes() -> Iterator[Zygote]:
    zygote = Zygote()
    yield zygote
    zygote.close()


def numbers(folder: Path) -> list[int]:
    """Which events an archive shows, read as it lies there."""
    shown: list[int] = Recording(folder).table(["seq"]).column("seq").to_pylist()
    return shown


def kill_at_random(processes: Zygote, folder: Path, kills: int, seed: int) -> None:
    """Kill an endless recorder so many times, and let it finish once."""
    dice = random.Random(seed)
    reached = [0]
    for _ in range(kills):
        appends, seconds = dice.randrange(8), dice.random() * 0.02
        status = processes.run(
            "record", folder=folder, until=10**9, seed=dice.random(), kill_after=[appends, seconds]
        )
        assert status == -signal.SIGKILL
        if appends or (folder / "_lock").exists():
            shown = numbers(folder)
            assert shown == list(range(len(shown)))
            assert len(shown) >= reached[-1] + appends, "a reported append is stored"
            reached.append(len(shown))
    assert len(set(reached)) > kills / 2
    until = reached[-1] + 1000
    assert processes.run("record", folder=folder, until=until, seed=seed) == 0
    assert numbers(folder) == list(range(until))
    assert sorted(e.seq for e in Recording(folder).log()) == list(range(until))


def test_thirty_kills_at_random_leave_no_gap_and_no_duplicate(processes: Zygote, tmp_path: Path) -> None:
    """A recorder killed at 30 random moments and restarted from its stated position has everything once."""
    kill_at_random(processes, tmp_path / "a", 30, seed=1)


@pytest.mark.slow
def test_three_hundred_kills_at_random_leave_no_gap_and_no_duplicate(
    processes: Zygote, tmp_path: Path
) -> None:
    """The same for ten times as many moments."""
    for seed in range(2, 12):
        kill_at_random(processes, tmp_path / str(seed), 30, seed)


def prepared(folder: Path) -> None:
    """An archive of two days with a compacted and a fresh part, an edit and a delete."""
    with ArchiveWriter(folder) as writer:
        writer.append(zygote.batch(0, 400))
        writer.compact()
        writer.append(zygote.batch(400, 500))
        edit = event(3, text="edited", op="update", received_at=zygote.said(490).received_at, seq=3)
        gone = event(4, text=None, op="delete", received_at=zygote.said(491).received_at, seq=4)
        writer.append([Delivery(499, edit), Delivery(500, gone)])


def state(folder: Path) -> dict[str, list[Any]]:
    """The current state, every column of it."""
    columns: dict[str, list[Any]] = Recording(folder).table().to_pydict()
    return columns


@pytest.mark.parametrize(
    ("do", "arguments", "after"),
    [
        ("append", {"start": 500, "end": 510}, 510),
        ("append", {"start": 500, "end": 1500}, 1500),
        ("transaction", {"start": 500, "end": 1500}, 500),
        ("compact", {}, 500),
    ],
    ids=["one day", "several days", "transaction", "compaction"],
)
def test_a_kill_before_any_single_change_leaves_all_or_nothing(
    processes: Zygote, tmp_path: Path, do: str, arguments: dict[str, int], after: int
) -> None:
    """Killed before its n-th change to the disk, for every n: what is read is the old or the new state."""
    prepared(tmp_path / "before")
    old = state(tmp_path / "before")
    shutil.copytree(tmp_path / "before", tmp_path / "after")
    assert processes.run(do, folder=tmp_path / "after", **arguments) == 0
    new = state(tmp_path / "after")
    seen = []
    for change in range(1, 1000):
        folder = tmp_path / "here"
        shutil.copytree(tmp_path / "before", folder)
        status = processes.run(do, folder=folder, kill_at=change, **arguments)
        if status == 0:
            break
        assert status == -signal.SIGKILL
        read = state(folder)
        assert read in (old, new)
        with ArchiveWriter(folder) as writer:
            assert state(folder) == read
            assert writer.positions == {"events": str(after if read == new else 500)}
            assert not [*folder.rglob("_tmp-*"), *folder.glob(MANIFEST)]
            decided = do == "compact" and len(list(folder.rglob("*.parquet"))) == 2
            seen.append(decided if do == "compact" else read == new)
            # And then it does what it was about to do.
            if do == "append" and read == old:
                writer.append(zygote.batch(**arguments))
            elif do == "transaction" and read == old:
                with writer.transaction() as bulk:
                    bulk.add(zygote.said(n) for n in range(500, 1500))
            assert state(folder) == new
            writer.compact()
        assert state(folder) == new
        assert len(pd.read_parquet(folder)) == len(new["id"])
        shutil.rmtree(folder)
    assert len(seen) >= 2
    assert seen == sorted(seen)
    # The rename of a single file is the last change, so there is no moment after it to be killed in.
    assert seen[0] is False
    assert seen[-1] is (arguments != {"start": 500, "end": 510})


def test_a_kill_while_a_recording_is_described_leaves_all_or_nothing(
    processes: Zygote, tmp_path: Path
) -> None:
    """Title, talks and topics change together, and the events can be read at any moment."""
    seen = []
    for change in range(1, 1000):
        folder = tmp_path / str(change)
        with ArchiveWriter(folder) as writer:
            writer.append(zygote.batch(0, 3))
        status = processes.run("describe", folder=folder, kill_at=change)
        if status == 0:
            break
        assert numbers(folder) == [0, 1, 2]
        with ArchiveWriter(folder):
            recording = Recording(folder)
            assert len(recording.schedule) == (recording.meta.title == "new")
            assert (folder / "_truth.csv").exists() == (recording.meta.title == "new")
        seen.append(recording.meta.title == "new")
    assert seen == sorted(seen)
    assert set(seen) == {False, True}


def test_a_lock_does_not_outlive_its_holder(processes: Zygote, tmp_path: Path) -> None:
    """After a kill nobody has to remove anything by hand."""
    assert processes.run("append", folder=tmp_path / "a", start=0, end=5) == 0
    assert processes.run("append", folder=tmp_path / "a", start=5, end=9, kill_at=2) == -signal.SIGKILL
    with ArchiveWriter(tmp_path / "a") as writer:
        assert writer.positions == {"events": "5"}
