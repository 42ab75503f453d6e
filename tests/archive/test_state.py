"""The current state: of every log, however it is cut and compacted, the same."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from rtanalytics.archive import ArchiveWriter, Recording
from rtanalytics.archive.state import Revision, supersedes
from rtanalytics.event import Event
from rtanalytics.feed import Delivery
from tests.build import BASE, event


def naive(log: list[Event]) -> list[Event]:
    """The reference implementation: walks through the log with a dictionary, and sorts at the end."""
    first: dict[str, Event] = {}
    shown: dict[str, Event] = {}
    edited: dict[str, bool] = {}
    deleted = set()
    for e in log:
        if e.id in deleted:
            continue
        if e.op == "delete":
            deleted.add(e.id)
            shown.pop(e.id, None)
        elif e.id not in shown:
            first[e.id] = shown[e.id] = e
        elif e.rev != shown[e.id].rev:
            now = shown[e.id]
            if (e.edited_at and not now.edited_at and not edited.get(e.id)) or (
                e.edited_at or e.received_at
            ) >= (now.edited_at or now.received_at):
                shown[e.id] = e
                edited[e.id] = True
    out = []
    for id_, now in shown.items():
        when = (now.edited_at or now.received_at) if edited.get(id_) else now.edited_at
        times = {"received_at": first[id_].received_at, "created_at": first[id_].created_at}
        out.append(msgspec.structs.replace(now, op="create", edited_at=when, **times))
    return sorted(out, key=lambda e: e.received_at)


def revision(n: int, key: int, content: int, op: str, hours: int, edited: int | None) -> Event:
    """A row of a log: few ids, few contents, received within five days in no order."""
    return event(
        n,
        id=f"test::{key}",
        text=f"content {content}",
        rev=f"{op}{content}",
        op=op,
        created_at=BASE + timedelta(hours=hours, minutes=-key),
        received_at=BASE + timedelta(hours=hours),
        edited_at=None if edited is None else BASE + timedelta(hours=edited),
        producer=str(n),
    )


rows = st.tuples(
    st.integers(0, 5),
    st.integers(0, 2),
    st.sampled_from(["create", "create", "create", "update", "update", "delete"]),
    st.integers(0, 100),
    st.none() | st.integers(0, 100),
)
logs = st.lists(rows, max_size=25).map(lambda given: [revision(n, *row) for n, row in enumerate(given)])


def by_day(log: list[Event]) -> list[Event]:
    """The log as one append keeps it: of several days, the earlier day first."""
    return sorted(log, key=lambda e: e.received_at.date())


@settings(deadline=None, max_examples=60)
@given(logs, st.lists(st.tuples(st.integers(0, 25), st.booleans()), max_size=4))
def test_reading_compacting_and_the_slow_twin_agree(log: list[Event], cuts: list[tuple[int, bool]]) -> None:
    """However a log is cut into appends, and whenever it is compacted, its state is the same."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "a")
        kept: list[Event] = []
        with ArchiveWriter(folder) as writer:
            edges = sorted({0, len(log), *(min(at, len(log)) for at, _ in cuts)})
            compact = {min(at, len(log)) for at, wanted in cuts if wanted}
            for a, b in pairwise(edges):
                writer.append([Delivery(n, log[n]) for n in range(a, b)])
                kept += by_day(log[a:b])
                if b in compact:
                    writer.compact()
            recording = Recording(folder)
            expected = naive(kept)
            assert list(recording) == expected
            assert len(recording) == len(expected)
            assert recording.table(["text", "id"]).to_pydict() == {
                "text": [e.text for e in expected],
                "id": [e.id for e in expected],
            }
            writer.compact()
            assert list(recording) == list(Recording(folder)) == expected
            assert len(Recording(folder)) == len(expected)
            assert writer.compact() is False
            assert writer.positions == ({"events": str(len(log) - 1)} if log else {})
        with ArchiveWriter(folder) as writer:
            assert writer.positions == ({"events": str(len(log) - 1)} if log else {})


@settings(deadline=None, max_examples=30)
@given(logs)
def test_a_log_appended_twice_shows_what_it_shows_once(log: list[Event]) -> None:
    """What a recorder reads again after a crash, out of order or not, changes nothing that was shown."""
    log = [
        msgspec.structs.replace(
            e, rev=str(n), edited_at=(e.edited_at or e.received_at) + timedelta(microseconds=n)
        )
        for n, e in enumerate(by_day(log))
    ]
    with tempfile.TemporaryDirectory() as name, ArchiveWriter(Path(name, "a")) as writer:
        writer.append([Delivery(n, e) for n, e in enumerate(log)])
        before = list(Recording(writer.folder))
        writer.append([Delivery(n, e) for n, e in enumerate(log[-3:])])
        assert list(Recording(writer.folder)) == before


def test_an_edit_shows_in_the_place_of_its_first_revision() -> None:
    """A replay of the compacted archive puts an edited event into the bin that live put it into."""
    said = event(1, text="teh keynote")
    edit = event(
        1, text="the keynote", op="update", rev="", received_at=BASE + timedelta(days=2), source="test"
    )
    with tempfile.TemporaryDirectory() as name, ArchiveWriter(Path(name, "a")) as writer:
        writer.append([Delivery(1, said), Delivery(2, edit), Delivery(3, event(2))])
        (shown, _) = Recording(writer.folder)
        assert (shown.text, shown.op) == ("the keynote", "create")
        assert (shown.received_at, shown.created_at) == (said.received_at, said.created_at)
        assert shown.edited_at == edit.received_at
        assert shown.rev == edit.rev
        assert [e.text for e in Recording(writer.folder).log()] == ["teh keynote", "event 2", "the keynote"]
        writer.compact()
        assert next(iter(Recording(writer.folder))) == shown
        assert [p.name for p in writer.folder.glob("day=*")] == ["day=2026-05-15"]


def test_a_delete_stays_a_delete_whatever_is_read_again() -> None:
    """Neither a re-read create nor an import brings back what was deleted, compacted or not."""
    gone = event(1, op="delete", text=None, received_at=BASE + timedelta(minutes=1))
    with tempfile.TemporaryDirectory() as name, ArchiveWriter(Path(name, "a")) as writer:
        writer.append([Delivery(1, event(1)), Delivery(2, gone), Delivery(3, event(1))])
        assert list(Recording(writer.folder)) == []
        writer.compact()
        assert list(writer.folder.glob("day=*")) == []
        assert writer.positions == {"events": "3"}
        writer.append([Delivery(4, event(1, op="update", text="again"))])
        assert list(Recording(writer.folder)) == []
        assert len(Recording(writer.folder)) == 0


def test_an_edit_that_arrives_late_does_not_undo_a_later_one() -> None:
    """Of two edits that overtook each other on the way, the one that was made later is shown."""
    first = Revision("a", "create", None, 0)
    second, third = Revision("b", "update", 20, 99), Revision("c", "update", 30, 98)
    assert supersedes(third, first)
    assert supersedes(second, first)
    assert not supersedes(second, third)
    assert not supersedes(Revision("a", "create", None, 500), first)


def test_an_edit_that_was_made_before_we_saw_what_it_edits_is_shown() -> None:
    """As after a pause, in which both were made: the stream shows the edit, and so does the archive."""
    said = event(1, text="teh keynote", received_at=BASE + timedelta(hours=3))
    edit = event(
        1, text="the keynote", op="update", rev="", edited_at=BASE + timedelta(hours=1), received_at=BASE + timedelta(hours=3)
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as name, ArchiveWriter(Path(name, "a")) as writer:
        writer.append([Delivery(1, said)])
        writer.append([Delivery(2, edit)])
        assert [e.text for e in Recording(writer.folder)] == ["the keynote"]
        writer.compact()
        [shown] = Recording(writer.folder)
        assert (shown.text, shown.edited_at) == ("the keynote", edit.edited_at)
