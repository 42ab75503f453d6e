"""Reading an archive: by us, by others, while it is written, and when it is damaged."""

from __future__ import annotations

import random
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from rtanalytics.archive import ArchiveError, ArchiveWriter, Recording, RecordingMeta, write_recording
from rtanalytics.event import Event, Ingest, Media
from rtanalytics.feed import Delivery
from rtanalytics.feed import Recording as RecordingProtocol
from rtanalytics.schedule import Schedule
from tests.build import BASE, event


def three_days(count: int = 300) -> list[Event]:
    """Events in order of their receipt, with something in every kind of column."""
    return [
        event(
            n,
            created_at=BASE + timedelta(minutes=14 * n - n % 5),
            received_at=BASE + timedelta(minutes=14 * n),
            tags=["pycon"] * (n % 3),
            media=[Media(url="https://x/y.png", alt="ü")] * (n % 7 == 0),
            ingest=Ingest(via="poll") if n % 2 else None,
            raw=b"\x00\xff" * (n % 2),
        )
        for n in range(count)
    ]


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    return write_recording(tmp_path / "pycon", three_days()).folder


def test_a_recording_is_what_the_analysis_side_knows_as_one(closed: Path) -> None:
    """It fulfils the protocol that replay and counting are written against."""
    recording = Recording(closed)
    assert isinstance(recording, RecordingProtocol)
    assert recording.name == "pycon"
    assert len(recording) == 300
    assert list(recording) == three_days()
    assert list(recording) == list(recording.log())


def test_shuffled_events_are_read_in_the_order_of_their_receipt(tmp_path: Path) -> None:
    """A recording keeps an order of its own, whatever order it was written in."""
    events = three_days()
    random.Random(3).shuffle(events)
    assert list(write_recording(tmp_path / "a", events)) == three_days()


def test_events_received_at_one_time_keep_their_order(tmp_path: Path) -> None:
    """Chat logs with whole minutes are read line by line, compacted or not."""
    lines = [event(n, created_at=BASE, text=f"line {n}") for n in range(500)]
    with ArchiveWriter(tmp_path / "a") as writer:
        for start in range(0, 500, 100):
            writer.append([Delivery(start, e) for e in lines[start : start + 100]])
        assert list(Recording(tmp_path / "a")) == lines
        writer.compact()
        assert list(Recording(tmp_path / "a")) == lines


def test_the_same_events_give_the_same_files(tmp_path: Path) -> None:
    """A fixture can be generated again and compared byte by byte."""
    for name in "ab":
        write_recording(tmp_path / name, three_days())
    a, b = (
        {p.relative_to(tmp_path / name): p.read_bytes() for p in (tmp_path / name).rglob("*") if p.is_file()}
        for name in "ab"
    )
    assert a == b
    assert sorted(p.name for p in a if p.parent == Path()) == ["_recording.toml"]


def test_a_recording_is_not_written_over_another(closed: Path) -> None:
    """The second one is refused, the first is as it was."""
    with pytest.raises(ArchiveError, match="has events already"):
        write_recording(closed, three_days(3))
    assert len(Recording(closed)) == 300


def test_others_read_a_closed_archive_as_it_is(closed: Path) -> None:
    """Both pandas and pyarrow find exactly the current state in it, told nothing but the folder."""
    expected = three_days()
    frame = pd.read_parquet(closed)
    assert frame["id"].tolist() == [e.id for e in expected]
    assert frame["text"].tolist() == [e.text for e in expected]
    assert frame["received_at"].tolist() == [e.received_at for e in expected]
    assert frame["author"].tolist() == ["ada"] * 300
    assert sorted(frame["day"].unique()) == ["2026-05-15", "2026-05-16", "2026-05-17", "2026-05-18"]
    theirs = ds.dataset(closed, partitioning="hive", exclude_invalid_files=False)
    assert theirs.count_rows() == 300
    assert theirs.to_table(filter=ds.field("day") == "2026-05-16").num_rows == sum(
        e.received_at.day == 16 for e in expected
    )


def test_frame_table_and_dataset_say_the_same_as_the_events(tmp_path: Path) -> None:
    """Each way to ask gives the current state, before compaction and after it."""
    with ArchiveWriter(tmp_path / "a") as writer:
        writer.append([Delivery(n, e) for n, e in enumerate(three_days())])
        writer.append([Delivery(300, event(7, op="delete", received_at=BASE + timedelta(days=2)))])
        for _ in range(2):
            recording = Recording(tmp_path / "a")
            ids = [e.id for e in recording]
            assert len(ids) == 299
            assert recording.to_pandas()["id"].tolist() == ids
            assert recording.to_pandas().index.tolist() == list(range(299))
            assert "raw" not in recording.to_pandas().columns
            assert recording.table(["seq", "id"]).column_names == ["seq", "id"]
            assert recording.table(["raw"]).column("raw").to_pylist() == [e.raw for e in recording]
            assert recording.dataset().to_table(columns=["id"]).column("id").to_pylist() == ids
            writer.compact()


def test_an_unknown_column_is_refused_with_those_there_are(closed: Path) -> None:
    """A slip of the keyboard in a notebook is answered with the names."""
    with pytest.raises(ValueError, match=r"no column 'texts'; there are id, source"):
        Recording(closed).to_pandas(["texts"])


def test_start_and_end_are_the_first_and_last_receipt(tmp_path: Path) -> None:
    """In the time zone of all our times; a recording of nothing has neither."""
    recording = write_recording(tmp_path / "a", three_days())
    assert (recording.start, recording.end) == (BASE, BASE + timedelta(minutes=14 * 299))
    assert recording.start is not None
    assert recording.start.tzinfo is BASE.tzinfo
    empty = write_recording(tmp_path / "b", [])
    assert (empty.start, empty.end, len(empty), list(empty)) == (None, None, 0, [])
    assert empty.to_pandas().empty
    assert empty.dataset().count_rows() == 0


def test_a_recording_that_nobody_described_has_defaults(closed: Path) -> None:
    """No talks, no reference topics, universal time."""
    recording = Recording(closed)
    assert (recording.schedule, recording.truth) == (Schedule(), [])
    assert (recording.meta.title, recording.meta.timezone, recording.meta.hashtags) == (None, "UTC", [])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("_recording.toml", "hashtags = 3", "hashtags"),
        ("_recording.toml", "title = 1 2\n", ":1: invalid TOML"),
        ("_recording.toml", 'timezone = "Mars/Base"', "unknown time zone 'Mars/Base'"),
        ("_recording.toml", b"title = '\xff'", "utf-8"),
        ("_schedule.json", '[{"id":"1"}]', "title"),
        ("_schedule.json", "[", "truncated"),
        ("_truth.csv", "start_utc,end_utc\n", "keywords"),
        ("_truth.csv", "start_utc,end_utc,keywords\nx,y,z\n", ":2: invalid time 'x'"),
    ],
)
def test_a_bad_description_is_named(closed: Path, name: str, content: str | bytes, message: str) -> None:
    """The error names the file and what is wrong in it; the events can be read all the same."""
    (closed / name).write_bytes(content.encode() if isinstance(content, str) else content)
    recording = Recording(closed)
    part = {"_recording.toml": "meta", "_schedule.json": "schedule", "_truth.csv": "truth"}[name]
    with pytest.raises(ArchiveError, match=message) as error:
        getattr(recording, part)
    assert name in str(error.value)
    assert len(recording) == 300


def test_a_folder_without_archive_is_recognized(tmp_path: Path) -> None:
    """A folder that is missing, none, or holds something else gets a sentence of its own."""
    with pytest.raises(ArchiveError, match=r"nothing: no such archive"):
        Recording(tmp_path / "nothing")
    (tmp_path / "file.parquet").write_text("")
    with pytest.raises(ArchiveError, match=r"file.parquet is a file, not an archive; import it first"):
        Recording(tmp_path / "file.parquet")
    with pytest.raises(ArchiveError, match="is not an archive"):
        Recording(tmp_path)


def test_a_parquet_file_of_somebody_else_is_not_read_as_ours(closed: Path) -> None:
    """A copy that was dropped into a day's folder would double its events."""
    original = next(closed.rglob("*.parquet"))
    copy = original.with_name("copy of " + original.name)
    copy.write_bytes(original.read_bytes())
    with pytest.raises(ArchiveError, match=r"copy of .* is not a segment"):
        len(Recording(closed))
    assert len(Recording(closed, damaged="skip")) == 300


def test_no_flipped_bit_goes_unnoticed(tmp_path: Path) -> None:
    """Wherever in a segment a bit flips, reading says which file is damaged instead of inventing events."""
    folder = write_recording(tmp_path / "a", three_days(100)[:60]).folder
    (path,) = folder.rglob("*.parquet")
    sound = path.read_bytes()
    dice = random.Random(5)
    for _ in range(200):
        at = dice.randrange(len(sound))
        path.write_bytes(sound[:at] + bytes([sound[at] ^ 1 << dice.randrange(8)]) + sound[at + 1 :])
        with pytest.raises(ArchiveError, match=rf"{path.name} is damaged"):
            list(Recording(folder))
    path.write_bytes(sound)
    assert len(list(Recording(folder))) == 60


def test_no_torn_file_goes_unnoticed(tmp_path: Path) -> None:
    """The same for a file that lost its end, or everything."""
    folder = write_recording(tmp_path / "a", three_days(60)).folder
    (path,) = folder.rglob("*.parquet")
    sound = path.read_bytes()
    for length in (0, 1, 4, len(sound) // 2, len(sound) - 8, len(sound) - 1):
        path.write_bytes(sound[:length])
        with pytest.raises(ArchiveError, match=rf"{path.name} is damaged"):
            list(Recording(folder))
        with pytest.raises(ArchiveError, match=rf"{path.name} is damaged"):
            Recording(folder).to_pandas()


def test_the_rest_of_a_damaged_archive_can_be_read_and_the_damage_is_named(closed: Path) -> None:
    """Whoever asks for it gets the other days, and the list of what is missing."""
    second = sorted(closed.rglob("*.parquet"))[1]
    second.write_bytes(second.read_bytes()[:-100] + bytes(100))
    with pytest.raises(ArchiveError, match="damaged"):
        list(Recording(closed))
    recording = Recording(closed, damaged="skip")
    assert list(recording) == [e for e in three_days() if e.received_at.day != 16]
    assert len(recording) == len(recording.to_pandas()) == len(list(recording))
    assert list(recording.damaged) == [second]
    assert "not those that were written" in recording.damaged[second]


def test_damaged_deletes_are_noticed(tmp_path: Path) -> None:
    """A list of deleted ids that was changed does not bring anything back in silence."""
    with ArchiveWriter(tmp_path / "a") as writer:
        writer.append([Delivery(1, event(1)), Delivery(2, event(2)), Delivery(3, event(1, op="delete"))])
        writer.compact()
    path = tmp_path / "a" / "_deleted.json"
    path.write_bytes(path.read_bytes().replace(b"test::1", b"test::2"))
    with pytest.raises(ArchiveError, match=r"_deleted.json is damaged"):
        len(Recording(tmp_path / "a"))
    assert len(Recording(tmp_path / "a", damaged="skip")) == 1


def test_reading_while_it_is_written_and_compacted_never_shows_a_gap_or_a_double(tmp_path: Path) -> None:
    """What a reader sees at any moment is the beginning of the log, up to some moment."""
    folder = tmp_path / "a"
    done = threading.Event()
    failures: list[BaseException] = []
    shown: list[int] = []

    def read() -> None:
        try:
            recording = Recording(folder)
            while not done.is_set() or not shown:
                seqs = [e.seq for e in recording]
                assert seqs == list(range(len(seqs)))
                shown.append(len(seqs))
                assert shown[-1] <= len(recording)
                seqs = recording.table(["seq"]).column(0).to_pylist()
                assert seqs == list(range(len(seqs)))
        except BaseException as error:
            failures.append(error)
            raise

    with ArchiveWriter(folder) as writer:
        readers = [threading.Thread(target=read) for _ in range(2)]
        for reader in readers:
            reader.start()
        for start in range(0, 3000, 30):
            rows = [event(n, seq=n, created_at=BASE + timedelta(minutes=n)) for n in range(start, start + 30)]
            writer.append([Delivery(e.seq, e) for e in rows])
            if start % 120 == 0:
                writer.compact()
        done.set()
        for reader in readers:
            reader.join()
    assert not failures
    assert len(set(shown)) > 3
    assert len(Recording(folder)) == 3000


def test_iterating_a_long_closed_recording_holds_a_day_at_most(closed: Path) -> None:
    """Only as many events live at a time as a chunk has, and the next day is not opened before its turn."""
    events = iter(Recording(closed))
    first = next(events)
    last = max(closed.rglob("*.parquet"))
    last.write_bytes(b"")
    assert first == three_days()[0]
    with pytest.raises(ArchiveError, match=last.name):
        list(events)


def test_every_segment_says_of_itself_what_others_need(closed: Path) -> None:
    """Version and positions stand in Parquet's own metadata, where any tool shows them."""
    for path in closed.rglob("*.parquet"):
        said = pq.ParquetFile(path).metadata.metadata[b"rtanalytics"]
        assert said.startswith(b'{"schema":1,"positions":{},"compacted":true,"rows":')


def test_a_link_that_leads_nowhere_does_not_keep_a_reader_busy_for_ever(closed: Path) -> None:
    """A segment that is listed but cannot be opened ends in a sentence, not in a loop."""
    path = next(closed.rglob("*.parquet"))
    path.rename(path.with_name("_elsewhere"))
    path.symlink_to("nowhere")
    for damaged in ("error", "skip"):
        with pytest.raises(ArchiveError, match="its files vanish while they are read"):
            list(Recording(closed, damaged=damaged))  # type: ignore[arg-type]


def test_a_recording_says_where_the_live_stream_goes_on(tmp_path: Path) -> None:
    """Whoever warms up on the archive knows from where to follow, before compaction and after it."""
    with ArchiveWriter(tmp_path / "a") as writer:
        assert Recording(tmp_path / "a").positions == {}
        recording = Recording(tmp_path / "a")
        for n in range(3):
            writer.append([Delivery(f"{n}-0", event(n))])
            assert recording.positions == {"events": f"{n}-0"}
        writer.compact()
        assert recording.positions == {"events": "2-0"}


def test_a_recording_says_what_it_holds(tmp_path):
    """How many messages of whom, from where, when, and what is known; nothing a terminal or page obeys."""
    at = datetime(2026, 5, 15, 9, tzinfo=UTC)
    events = [event(n, source="irc:#py", created_at=at, received_at=at) for n in range(3)]
    meta = RecordingMeta(title="<b>Conf\x1b[0m", timezone="Europe/Berlin")
    recording = write_recording(tmp_path / "conf", events, meta=meta)
    text, page = repr(recording), recording._repr_html_()
    assert "messages  3 by " in text
    assert "irc 3" in text
    assert "2026-05-15 11:00" in text
    assert "\x1b" not in text + page
    assert "<b>Conf" not in page
