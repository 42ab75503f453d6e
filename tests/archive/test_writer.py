"""Writing an archive: positions, locks, transactions, and a disk that does not do its part."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from rtanalytics.archive import ArchiveError, ArchiveWriter, Recording, RecordingMeta, to_table
from rtanalytics.archive.files import MANIFEST, Meta, encode_segment, segment_name
from rtanalytics.event import SCHEMA, Event
from rtanalytics.feed import Delivery
from rtanalytics.schedule import ReferenceTopic, Schedule, Talk
from tests.build import BASE, event


def batch(*numbers: int, **fields: object) -> list[Delivery]:
    """Events with these numbers; a position is the number after."""
    return [Delivery(n + 1, event(n, **fields)) for n in numbers]


def files(folder: Path) -> dict[str, bytes]:
    """All that is in a folder, but the lock."""
    return {
        str(p.relative_to(folder)): p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_file() and p.name != "_lock"
    }


def test_positions_are_those_of_the_last_committed_events(tmp_path: Path) -> None:
    """A recorder that is opened again reads on from where its own segments say."""
    with ArchiveWriter(tmp_path / "a") as writer:
        assert writer.positions == {}
        assert writer.append(batch(0, 1, 2)) == 3
        assert writer.append([]) == 0
        assert writer.append(batch(3), stream="other") == 1
        assert writer.positions == {"events": "3", "other": "4"}
    with ArchiveWriter(tmp_path / "a") as writer:
        assert writer.positions == {"events": "3", "other": "4"}
        writer.compact()
    with ArchiveWriter(tmp_path / "a") as writer:
        assert writer.positions == {"events": "3", "other": "4"}


def test_one_append_can_hold_several_streams(tmp_path: Path) -> None:
    """A recorder of many buckets states one position for each."""
    mixed = [
        Delivery("1-0", event(1, id="irc::1")),
        Delivery("7-0", event(2, id="twitter::2")),
        Delivery("2-0", event(3, id="irc::3")),
    ]
    with ArchiveWriter(tmp_path / "a") as writer:
        writer.append(mixed, stream=lambda delivery: delivery.event.bucket)
        assert writer.positions == {"irc": "2-0", "twitter": "7-0"}


def test_an_append_over_midnight_is_committed_as_one(tmp_path: Path) -> None:
    """Events of three days in any order become a file a day, and one position."""
    days = [event(n, received_at=BASE + timedelta(days=n % 3)) for n in range(9)]
    with ArchiveWriter(tmp_path / "a") as writer:
        writer.append([Delivery(n, e) for n, e in enumerate(days)])
        assert writer.positions == {"events": "8"}
    names = [Path(name).parts for name in files(tmp_path / "a")]
    assert [day for day, _ in names] == ["day=2026-05-15", "day=2026-05-16", "day=2026-05-17"]
    assert [e.id for e in Recording(tmp_path / "a")] == [f"test::{n}" for n in (0, 3, 6, 1, 4, 7, 2, 5, 8)]


def test_days_are_those_of_universal_time_however_far_back(tmp_path: Path) -> None:
    """Neither the machine's zone nor a time before 1970 moves an event into another day."""
    first = event(1, created_at=BASE.replace(year=1, month=1, day=1, hour=0))
    with ArchiveWriter(tmp_path / "a") as writer:
        writer.append(
            [Delivery(1, first), Delivery(2, event(2, created_at=BASE.replace(year=1969, hour=23)))]
        )
    assert [Path(n).parts[0] for n in files(tmp_path / "a")] == ["day=0001-01-01", "day=1969-05-15"]
    assert next(iter(Recording(tmp_path / "a"))) == first


def test_no_name_in_an_archive_comes_from_outside(tmp_path: Path) -> None:
    """Sources, ids and positions with slashes and dots in them name no file."""
    evil = event(1, id="../../x:/etc", source="../../y", channel="/z")
    with ArchiveWriter(tmp_path / "a") as writer:
        writer.append([Delivery("../p", evil)], stream="../../s")
        writer.compact()
    (name,) = files(tmp_path / "a")
    assert name.startswith("day=2026-05-15/0000000000")
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_a_second_writer_gets_the_pid_of_the_first(tmp_path: Path) -> None:
    """Two recorders cannot write one archive; the second learns which process is in its way."""
    with ArchiveWriter(tmp_path / "a") as first:
        with pytest.raises(ArchiveError, match=rf"another process \({os.getpid()}\) is writing"):
            ArchiveWriter(tmp_path / "a")
        first.append(batch(1))
    with ArchiveWriter(tmp_path / "a") as second:
        assert second.positions == {"events": "2"}


def test_a_closed_writer_says_so(tmp_path: Path) -> None:
    """Nobody writes without the lock."""
    writer = ArchiveWriter(tmp_path / "a")
    writer.close()
    with pytest.raises(ArchiveError, match="closed"):
        writer.append(batch(1))


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    """A mistyped path does not fill somebody's home folder with segments."""
    (tmp_path / "thesis.tex").write_text("…")
    with pytest.raises(ArchiveError, match=r"not an archive: it has 'thesis.tex'"):
        ArchiveWriter(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_transaction_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """Bad input in the middle of an import leaves the archive as it was, to the byte."""
    with ArchiveWriter(tmp_path / "a") as writer:
        writer.append(batch(1))
        before = files(tmp_path / "a")

        def events() -> Iterator[Event]:
            for n in range(120_000):
                yield event(n, received_at=BASE + timedelta(days=n % 2))
            raise ValueError("line 120001: not JSON")

        with pytest.raises(ValueError, match="line 120001"), writer.transaction() as bulk:
            bulk.add(events())
        assert files(tmp_path / "a") == before
        assert [p.name for p in (tmp_path / "a").glob("day=*")] == ["day=2026-05-15"]
        writer.append(batch(2))
        assert writer.positions == {"events": "3"}


def test_an_archive_that_was_never_written_to_does_not_stay(tmp_path: Path) -> None:
    """An import that fails at once leaves no empty folder behind."""

    def events() -> Iterator[Event]:
        yield event(1)
        raise ValueError("bad")

    with (
        pytest.raises(ValueError, match="bad"),
        ArchiveWriter(tmp_path / "a") as writer,
        writer.transaction() as bulk,
    ):
        bulk.add(events())
    assert not (tmp_path / "a").exists()


def test_metadata_can_be_written_repeatedly(tmp_path: Path) -> None:
    """Talks, reference topics and tags are written whole, and what is not given stays."""
    schedule = Schedule([Talk(id="1", title="Opening", start=BASE, end=BASE + timedelta(hours=1))])
    truth = [ReferenceTopic(start=BASE, end=BASE + timedelta(hours=1), keywords=("opening",))]
    meta = RecordingMeta(title='PyCon "26"\n\x7f\\', timezone="Europe/Berlin", hashtags=["pycon", "ü"])
    with ArchiveWriter(tmp_path / "a") as writer:
        writer.describe(schedule=schedule, meta=meta)
        writer.describe(truth=truth)
    recording = Recording(tmp_path / "a")
    assert (recording.schedule, recording.truth, recording.meta) == (schedule, truth, meta)
    assert recording.meta.zone.key == "Europe/Berlin"


@contextmanager
def scarce(folder: Path) -> Iterator[Callable[[], None]]:
    """A disk with hardly any room; what is yielded makes room.

    A small tmpfs where we may mount one, otherwise this process's own limit for files.
    """
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(folder)]
    if os.geteuid() == 0 and subprocess.run(mount, check=False, capture_output=True).returncode == 0:
        try:
            yield (
                lambda: (
                    subprocess.run(
                        ["mount", "-o", "remount,size=20m", str(folder)], check=True, capture_output=True
                    )
                    and None
                )
            )
        finally:
            subprocess.run(["umount", str(folder)], check=True)
    else:
        with small_files(200_000) as enough:
            yield enough


@contextmanager
def small_files(size: int) -> Iterator[Callable[[], None]]:
    """No file of this process can grow beyond ``size`` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def scarce_files(folder: Path) -> AbstractContextManager[Callable[[], None]]:
    """The same by a limit for files alone, which can be had everywhere."""
    folder.mkdir()
    return small_files(200_000)


def large(n: int) -> list[Delivery]:
    """Events that take 300 kB, however they are compressed."""
    return [Delivery(n + 1, event(n, text=os.urandom(300_000).hex()))]


@pytest.mark.parametrize("limit", [scarce, scarce_files], ids=["disk", "file size"])
def test_a_full_disk_costs_nothing_that_was_recorded(
    tmp_path: Path, limit: Callable[[Path], AbstractContextManager[Callable[[], None]]]
) -> None:
    """The append that does not fit says so and leaves nothing; with room again, the writer goes on."""
    with limit(tmp_path / "disk") as make_room:
        folder = tmp_path / "disk" / "a"
        with ArchiveWriter(folder) as writer:
            writer.append(batch(0, 1))
            before = files(folder)
            for attempt in (writer.append, lambda rows: import_all(writer, rows)):
                with pytest.raises(ArchiveError, match=r"cannot be written.*(No space left|File too large)"):
                    attempt(large(2))
                assert files(folder) == before
                assert writer.positions == {"events": "2"}
            assert [e.id for e in Recording(folder)] == ["test::0", "test::1"]
            make_room()
            writer.append(large(2))
            assert writer.compact()
            assert [e.id for e in Recording(folder)] == ["test::0", "test::1", "test::2"]


def import_all(writer: ArchiveWriter, rows: list[Delivery]) -> None:
    with writer.transaction() as bulk:
        bulk.add(d.event for d in rows)


def test_a_compaction_that_finds_no_room_leaves_the_log(tmp_path: Path) -> None:
    """Compaction needs room for the new files before the old ones go; without it nothing changes."""
    with ArchiveWriter(tmp_path / "a") as writer:
        for n in range(3):
            writer.append(large(n))
        before = files(tmp_path / "a")
        with small_files(700_000), pytest.raises(ArchiveError, match="cannot be written"):
            writer.compact()
        assert files(tmp_path / "a") == before
        assert writer.compact()
        assert len(Recording(tmp_path / "a")) == 3


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """No rights, or a file in the way: one line that says which, and no folder left behind."""
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "a"):
        with pytest.raises(ArchiveError, match=r"file.*Not a directory"):
            ArchiveWriter(path)
    (tmp_path / "closed").mkdir()
    (tmp_path / "closed").chmod(0o555)
    mine = os.geteuid()
    if mine == 0:
        os.seteuid(65534)
    try:
        with pytest.raises(ArchiveError, match="Permission denied"):
            ArchiveWriter(tmp_path / "closed" / "a")
    finally:
        os.seteuid(mine)
    assert not list((tmp_path / "closed").iterdir())


@pytest.mark.parametrize("which", [1, 2], ids=["the file", "the folder"])
def test_a_disk_that_does_not_confirm_ends_the_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, which: int
) -> None:
    """After a failed fsync nothing is tried again: only reading the disk anew can tell what is there."""
    writer = ArchiveWriter(tmp_path / "a")
    writer.append(batch(0))
    calls = 0
    real = os.fsync

    def broken(descriptor: int) -> None:
        nonlocal calls
        calls += 1
        if calls == which:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(ArchiveError, match="Input/output error"):
        writer.append(batch(1))
    for use in (lambda: writer.append(batch(1)), writer.compact, lambda: import_all(writer, batch(1))):
        with pytest.raises(ArchiveError, match=r"writing failed before.*open the archive again"):
            use()
    assert calls == which
    writer.close()
    monkeypatch.undo()
    with ArchiveWriter(tmp_path / "a") as again:
        # The file was renamed before the folder was to be confirmed, so it is there, and it counts.
        assert again.positions == {"events": str(which)}
        assert len(Recording(tmp_path / "a")) == which


def test_a_forked_process_cannot_write_with_its_parents_writer(tmp_path: Path) -> None:
    """Both would number their segments alike; the child is told to open its own."""
    with ArchiveWriter(tmp_path / "a") as writer:
        pid = os.fork()
        if pid == 0:
            try:
                writer.append(batch(1))
            except ArchiveError:
                os._exit(7)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
        writer.append(batch(2))


@pytest.mark.parametrize(
    "manifest",
    [
        b'{"rename":{},"remove":["../precious"]}',
        b'{"rename":{"day=2026-05-15/_tmp-00":"../precious"},"remove":[]}',
        b'{"rename":{"/etc/passwd":"_deleted.json"},"remove":[]}',
        b'{"rename":{},"remove":["day=2026-05-15/../../precious"]}',
        b"{",
    ],
)
def test_a_crafted_manifest_touches_nothing_outside(tmp_path: Path, manifest: bytes) -> None:
    """An archive that somebody sent cannot make us rename or remove other files."""
    (tmp_path / "precious").write_text("…")
    with ArchiveWriter(tmp_path / "a") as writer:
        writer.append(batch(1))
    (tmp_path / "a" / MANIFEST).write_bytes(manifest)
    with pytest.raises(ArchiveError, match=MANIFEST):
        ArchiveWriter(tmp_path / "a")
    with pytest.raises(ArchiveError, match=MANIFEST):
        Recording(tmp_path / "a")
    assert (tmp_path / "precious").read_text() == "…"


def test_a_damaged_newest_segment_is_not_passed_over_in_silence(tmp_path: Path) -> None:
    """Its position is unknown: the writer refuses, and on request puts it aside and goes back one."""
    folder = tmp_path / "a"
    with ArchiveWriter(folder) as writer:
        writer.append(batch(0))
        writer.append(batch(1))
    newest = max(folder.rglob("*.parquet"))
    newest.write_bytes(newest.read_bytes()[:-20])
    with pytest.raises(ArchiveError, match=rf"{newest.name} is damaged.*quarantine"):
        ArchiveWriter(folder)
    with ArchiveWriter(folder, damaged="quarantine") as writer:
        assert [p.name for p in writer.quarantined] == [f"_damaged-{newest.stem}"]
        assert writer.positions == {"events": "1"}
        writer.append(batch(1))
    assert [e.id for e in Recording(folder)] == ["test::0", "test::1"]
    numbers = [p.name[:12] for p in folder.rglob("*.parquet")]
    assert newest.name[:12] not in numbers


def test_segments_of_a_newer_version_are_read_but_not_rewritten(tmp_path: Path) -> None:
    """Compacting with an old version would lose the columns that it does not know."""
    with ArchiveWriter(tmp_path / "a") as writer:
        writer.append(batch(0))
        data = encode_segment(to_table([event(1)]), Meta(schema=SCHEMA + 1))
        name = segment_name(9, "2026-05-15", data)
        (tmp_path / "a" / name).write_bytes(data)
        assert len(Recording(tmp_path / "a")) == 2
        with pytest.raises(ArchiveError, match="newer version"):
            writer.compact()


def test_compaction_splits_a_huge_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A day that would not fit into memory is several files, read in order."""
    monkeypatch.setattr("rtanalytics.archive.compact.PART_ROWS", 100)
    rows = [event(n, received_at=BASE + timedelta(seconds=-n)) for n in range(250)]
    with ArchiveWriter(tmp_path / "a") as writer:
        writer.append([Delivery(n, e) for n, e in enumerate(rows)])
        writer.compact()
    assert len(files(tmp_path / "a")) == 3
    assert list(Recording(tmp_path / "a")) == rows[::-1]


def test_only_the_days_that_changed_are_compacted_again(tmp_path: Path) -> None:
    """Closing the third day of a long archive does not rewrite the first two."""
    with ArchiveWriter(tmp_path / "a") as writer:
        for day in range(3):
            writer.append(batch(day, received_at=BASE + timedelta(days=day)))
        writer.compact()
        before = files(tmp_path / "a")
        later = BASE + timedelta(days=2)
        edit = msgspec.structs.replace(event(1), op="update", text="new", rev="", received_at=later)
        writer.append([Delivery(9, edit)])
        writer.compact()
        after = files(tmp_path / "a")
    assert [name[:14] for name in after] == ["day=2026-05-15", "day=2026-05-16", "day=2026-05-17"]
    assert [name[:14] for name in after if name in before] == ["day=2026-05-15"]
    assert [e.text for e in Recording(tmp_path / "a")] == ["event 0", "new", "event 2"]


def test_an_archive_can_be_moved(tmp_path: Path) -> None:
    """Nothing in it knows where it lies."""
    with ArchiveWriter(tmp_path / "a") as writer:
        writer.append(batch(0, 1))
    shutil.move(tmp_path / "a", tmp_path / "b c")
    with ArchiveWriter(tmp_path / "b c") as writer:
        assert writer.positions == {"events": "2"}
    assert len(Recording(tmp_path / "b c")) == 2
