"""Events of files into an archive: new, known, edited, rejected."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from rtanalytics.archive import ArchiveWriter, ImportReport, Recording, import_into
from rtanalytics.event import Event
from rtanalytics.feed import Delivery
from tests.build import BASE, event


def test_what_is_imported_twice_is_there_once(tmp_path: Path) -> None:
    """The second import finds every id known, and leaves the archive's files alone."""
    events = [event(n, created_at=BASE + timedelta(hours=n)) for n in range(100)]
    assert import_into(tmp_path / "a", events) == ImportReport(read=100, new=100)
    before = sorted(p for p in (tmp_path / "a").rglob("*"))
    assert import_into(tmp_path / "a", events) == ImportReport(read=100, duplicate=100)
    assert sorted(p for p in (tmp_path / "a").rglob("*")) == before
    assert list(Recording(tmp_path / "a")) == events


def test_of_a_repeated_id_the_first_row_of_the_file_wins(tmp_path: Path) -> None:
    """Even if a later row was said earlier."""
    rows = [event(1, text="first", created_at=BASE + timedelta(hours=9)), event(1, text="second")]
    assert import_into(tmp_path / "a", rows) == ImportReport(read=2, new=1, duplicate=1)
    assert [e.text for e in Recording(tmp_path / "a")] == ["first"]


def test_a_row_of_a_table_never_edits(tmp_path: Path) -> None:
    """Another text under a known id is a duplicate, whatever it says about itself."""
    import_into(tmp_path / "a", [event(1)])
    other = event(1, text="other", edited_at=BASE + timedelta(days=1))
    assert import_into(tmp_path / "a", [other]).duplicate == 1
    assert [e.text for e in Recording(tmp_path / "a")] == ["event 1"]


def test_an_import_does_not_bring_back_what_was_deleted(tmp_path: Path) -> None:
    """Somebody who deleted a message is not undone by an old table, before compaction or after."""
    with ArchiveWriter(tmp_path / "a") as writer:
        writer.append([Delivery(1, event(1)), Delivery(2, event(1, op="delete", text=None))])
        assert import_into(writer, [event(1), event(2)]) == ImportReport(read=2, new=1, duplicate=1)
        assert import_into(writer, [event(1)]) == ImportReport(read=1, duplicate=1)
        assert writer.positions == {"events": "2"}
    assert [e.id for e in Recording(tmp_path / "a")] == ["test::2"]


def test_an_edit_from_before_we_had_the_first_version_counts(tmp_path: Path) -> None:
    """A source saw the post late, and an export knows that it was edited meanwhile."""
    import_into(tmp_path / "a", [event(1, received_at=BASE + timedelta(days=1))])
    edit = event(1, text="edited", op="update", edited_at=BASE + timedelta(minutes=5))
    assert import_into(tmp_path / "a", [edit], edits=True).edited == 1
    assert [e.text for e in Recording(tmp_path / "a")] == ["edited"]
    assert import_into(tmp_path / "a", [edit], edits=True).duplicate == 1


def test_files_that_know_when_they_were_edited_may_edit(tmp_path: Path) -> None:
    """A later export of a chat brings its edits and deletes, an earlier one changes nothing."""
    import_into(tmp_path / "a", [event(1), event(2), event(3)])
    later = event(1, text="edited", op="update", edited_at=BASE + timedelta(hours=1))
    rows = [later, event(2, text="no time"), event(3, op="delete", text=None), event(4)]
    report = import_into(tmp_path / "a", rows, edits=True)
    assert report == ImportReport(read=4, new=1, edited=2, duplicate=1)
    assert [e.text for e in Recording(tmp_path / "a")] == ["edited", "event 2", "event 4"]
    earlier = event(1, text="old", op="update", edited_at=BASE + timedelta(minutes=1))
    assert import_into(tmp_path / "a", [earlier, event(3)], edits=True).duplicate == 2
    assert [e.text for e in Recording(tmp_path / "a")] == ["edited", "event 2", "event 4"]


def test_rows_that_were_not_understood_are_counted_and_explained(tmp_path: Path) -> None:
    """An importer that goes on after a bad row is believed about it."""
    rows = [event(1), ValueError("line 2: no id"), event(3)]
    report = import_into(tmp_path / "a", rows)
    assert report == ImportReport(read=3, new=2, rejected=1, problems=["line 2: no id"])


def test_more_rows_than_a_chunk_are_one_import(tmp_path: Path) -> None:
    """Repeats are found over the borders of chunks and days, and progress is told on the way."""
    told: list[int] = []
    rows = [event(n % 25_000, received_at=BASE + timedelta(minutes=n % 25_000)) for n in range(50_000)]
    report = import_into(tmp_path / "a", rows, progress=told.append)
    assert report == ImportReport(read=50_000, new=25_000, duplicate=25_000)
    assert told == sorted(told)
    assert told[-1] == 50_000
    assert len(told) > 1
    assert list(Recording(tmp_path / "a")) == rows[:25_000]


def test_a_file_that_turns_bad_leaves_nothing(tmp_path: Path) -> None:
    """Not one row before the bad one stays, nor the archive if it was new."""

    def rows() -> Iterator[Event]:
        yield from (event(n) for n in range(60_000))
        raise ValueError("line 60001: cut off")

    with pytest.raises(ValueError, match="60001"):
        import_into(tmp_path / "a", rows())
    assert not (tmp_path / "a").exists()
    import_into(tmp_path / "a", [event(1)])
    with pytest.raises(ValueError, match="60001"):
        import_into(tmp_path / "a", rows())
    assert list(Recording(tmp_path / "a")) == [event(1)]
