"""Tables of other tools: every character kept, every mistake named."""

from __future__ import annotations

import csv
import json
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rtanalytics.archive import ImportReport, Recording, import_into
from rtanalytics.event import Author, Event, Ingest
from rtanalytics.importers import FORMATS, ImporterError, detect, importer, open_events
from rtanalytics.importers.frames import read_frame
from rtanalytics.importers.tables import TableError, read_table

COLUMNS = ["created_at", "source", "author", "text", "id", "url"]
ROW = {
    "created_at": "2026-05-15T09:30:00Z",
    "source": "irc:#pycon",
    "author": "ada",
    "text": "the keynote starts",
    "id": "log/1",
    "url": "https://logs.example/1",
}


def write_csv(path: Path, rows: list[dict[str, Any]], columns: list[str] | None = None) -> Path:
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns or list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_jsonl(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def write_parquet(path: Path, rows: list[dict[str, Any]]) -> Path:
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


WRITERS = {"csv": write_csv, "jsonl": write_jsonl, "parquet": write_parquet}


def write(folder: Path, kind: str, rows: list[dict[str, Any]]) -> Path:
    """The rows as a file of that kind."""
    return WRITERS[kind](folder / f"t.{kind}", rows)  # type: ignore[operator, no-any-return]


def read(path: Path) -> list[Event]:
    return [e for e in open_events(path) if isinstance(e, Event)]


@pytest.mark.parametrize("kind", list(WRITERS))
def test_a_row_becomes_an_event(tmp_path: Path, kind: str) -> None:
    """Id, channel, type and provenance are what the project says they are, in every kind of table."""
    rows = [ROW, {**ROW, "source": "twitter", "id": "77", "author": "@bob"}, {**ROW, "source": "github"}]
    first, second, third = read(write(tmp_path, kind, rows))
    assert first == Event(
        id="irc::log/1",
        source="irc:#pycon",
        channel="#pycon",
        type="message",
        author=Author(handle="ada"),
        text="the keynote starts",
        url="https://logs.example/1",
        created_at=datetime(2026, 5, 15, 9, 30, tzinfo=UTC),
        ingest=Ingest(via="file", connector="tables@1"),
    )
    assert first.received_at == first.created_at
    assert (second.id, second.channel, second.type, second.handle) == ("twitter::77", None, "post", "bob")
    assert third.type == "commit"


@pytest.mark.parametrize("kind", list(WRITERS))
def test_author_and_url_may_be_missing(tmp_path: Path, kind: str) -> None:
    """Four columns are enough; an empty author is none, an address of another kind is none."""
    rows = [{k: v for k, v in ROW.items() if k not in ("author", "url")}]
    (bare,) = read(write(tmp_path, kind, rows))
    assert (bare.author, bare.url) == (None, None)
    (bare,) = read(write(tmp_path, kind, [{**ROW, "author": "", "url": "javascript:alert(1)"}]))
    assert (bare.author, bare.url) == (None, None)


@pytest.mark.parametrize("kind", list(WRITERS))
def test_columns_that_the_packet_knows_are_taken_along(tmp_path: Path, kind: str) -> None:
    """A channel, a title, a language, a type; what the packet does not know, or must clean, is not."""
    extra = {"channel": "#de", "title": "T", "lang": "de", "type": "photo", "mood": "x", "html": "<script>"}
    (e,) = read(write(tmp_path, kind, [{**ROW, **extra}]))
    assert (e.channel, e.title, e.lang, e.type, e.html) == ("#de", "T", "de", "photo", None)


def test_lists_are_taken_from_tables_that_have_them(tmp_path: Path) -> None:
    """Tags, mentions and links of a Parquet or JSON table."""
    for kind in ("parquet", "jsonl"):
        (e,) = read(write(tmp_path, kind, [{**ROW, "tags": ["a", "b"], "links": ["https://x/"]}]))
        assert (e.tags, e.links, e.mentions) == (["a", "b"], ["https://x/"], [])


hard = [
    "NA",
    "null",
    "None",
    "nan",
    "",
    " ",
    "  lead and trail  ",
    "\ttab",
    "a\nb",
    "a\r\nb",
    "\r",
    "a\rb",
    '"',
    '""',
    "a,b;c",
    "'",
    "=1+1",
    "\ufeffBOM",
    "nul\x00nul",
    "\u2028",
    "é",
    "e\u0301",
    "👩🏽‍🚀",
    "0012",
    "1e5",
    "True",
    "\\n",
    "#",
    "<b>",
    "\x85",
    "\x1c",
]


@pytest.mark.parametrize("kind", list(WRITERS))
def test_texts_are_kept_character_for_character(tmp_path: Path, kind: str) -> None:
    """Nothing is taken for a missing value, stripped, turned or normalised."""
    rows = [{**ROW, "id": str(n), "text": text} for n, text in enumerate(hard)]
    assert [e.text for e in read(write(tmp_path, kind, rows))] == hard


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=30), min_size=1, max_size=5))
def test_any_text_survives_any_kind_of_table(tmp_path: Path, texts: list[str]) -> None:
    """The same for whatever hypothesis can think of, in the text and the author."""
    rows = [{**ROW, "id": f"x{n}", "author": f"x{t}", "text": t} for n, t in enumerate(texts)]
    for kind in WRITERS:
        events = read(write(tmp_path, kind, rows))
        assert [(e.text, e.handle, e.id) for e in events] == [
            (t, f"x{t}", f"irc::x{n}") for n, t in enumerate(texts)
        ]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-05-15T09:30:00Z", datetime(2026, 5, 15, 9, 30, tzinfo=UTC)),
        ("2026-05-15 09:30:00", datetime(2026, 5, 15, 9, 30, tzinfo=UTC)),
        ("2026-05-15 09:30:00+02:00", datetime(2026, 5, 15, 7, 30, tzinfo=UTC)),
        ("2026-05-15T09:30:00.123456+00:00", datetime(2026, 5, 15, 9, 30, 0, 123456, UTC)),
        ("2026-05-15", datetime(2026, 5, 15, tzinfo=UTC)),
    ],
)
def test_times_as_text_are_understood(tmp_path: Path, written: str, meant: datetime) -> None:
    """Without an offset they are UTC."""
    for kind in WRITERS:
        assert read(write(tmp_path, kind, [{**ROW, "created_at": written}]))[0].created_at == meant


@pytest.mark.parametrize(
    ("values", "meant"),
    [
        (pa.array([1_000_000_001], pa.timestamp("ns")), datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)),
        (pa.array([1000], pa.timestamp("ms", "Europe/Berlin")), datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)),
        (pa.array([1], pa.timestamp("s")), datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)),
        (pa.array([date(2026, 5, 15)]), datetime(2026, 5, 15, tzinfo=UTC)),
    ],
)
def test_times_of_parquet_are_understood(tmp_path: Path, values: pa.Array, meant: datetime) -> None:
    """In every unit, with and without a zone; what is finer than a microsecond is cut off."""
    table = pa.Table.from_pylist([ROW]).set_column(0, "created_at", values)
    pq.write_table(table, tmp_path / "t.parquet")
    assert read(tmp_path / "t.parquet")[0].created_at == meant


def test_whole_numbers_are_ids_and_categories_are_texts(tmp_path: Path) -> None:
    """What pandas makes of ids and sources on the way is undone."""
    frame = pd.DataFrame([{**ROW, "source": "twitter", "id": 1016809294082203648}])
    frame.astype({"source": "category"}).to_parquet(tmp_path / "t.parquet")
    write_jsonl(tmp_path / "t.jsonl", [{**ROW, "source": "twitter", "id": 1016809294082203648}])
    for name in ("t.parquet", "t.jsonl"):
        assert read(tmp_path / name)[0].id == "twitter::1016809294082203648"


def test_a_byte_order_mark_and_blank_lines_do_no_harm(tmp_path: Path) -> None:
    """As some editors and spreadsheets leave them."""
    plain = write_csv(tmp_path / "a.csv", [ROW]).read_bytes()
    (tmp_path / "b.csv").write_bytes(b"\xef\xbb\xbf" + plain + b"\r\n\r\n")
    plain_json = write_jsonl(tmp_path / "a.jsonl", [ROW]).read_bytes()
    (tmp_path / "b.jsonl").write_bytes(b"\xef\xbb\xbf" + plain_json + b"\n  \n" + plain_json.rstrip())
    assert read(tmp_path / "b.csv") == read(tmp_path / "a.csv")
    assert read(tmp_path / "b.jsonl") == read(tmp_path / "a.jsonl") * 2


def test_half_characters_of_old_exports_are_replaced(tmp_path: Path) -> None:
    """JSON can say half an emoji; the packet replaces it, and joins two halves."""
    line = json.dumps({**ROW, "text": "PLACE"}).replace("PLACE", r"\ud83d and \ud83d\ude00")
    (tmp_path / "t.jsonl").write_text(line)
    assert read(tmp_path / "t.jsonl")[0].text == "\ufffd and 😀"


def cells(**changes: Any) -> dict[str, Any]:
    return {**ROW, **changes}


BAD = {
    "empty id": (cells(id=""), "id is empty"),
    "no date": (cells(created_at="soon"), "created_at 'soon' is not a time; write 2026"),
    "empty date": (cells(created_at=""), "created_at is empty"),
    "out of range": (cells(created_at="0001-01-01T00:00:00+10:00"), "is not a time"),
    "empty source": (cells(source=""), "source is empty"),
    "no namespace": (cells(source=":x"), "begins with a colon"),
}


@pytest.mark.parametrize("kind", list(WRITERS))
@pytest.mark.parametrize("case", list(BAD))
def test_a_bad_row_is_named_and_nothing_is_imported(tmp_path: Path, kind: str, case: str) -> None:
    """The message says file, line or row and remedy; the archive is not even made."""
    row, message = BAD[case]
    path = write(tmp_path, kind, [cells(text="a\nb"), row])
    where = {"csv": "line 4", "jsonl": "line 2", "parquet": "row 2"}[kind]
    with pytest.raises(TableError, match=message) as error:
        import_into(tmp_path / "a", open_events(path))
    assert str(error.value).startswith(f"{path}, {where}: ")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("kind", list(WRITERS))
@pytest.mark.parametrize("column", ["created_at", "source", "text", "id"])
def test_a_missing_column_is_named(tmp_path: Path, kind: str, column: str) -> None:
    """With those that the table has."""
    path = write(tmp_path, kind, [{k: v for k, v in ROW.items() if k != column}])
    with pytest.raises(TableError, match=rf"no (column )?{column}; a (table|row) needs"):
        read(path)


def test_a_cut_off_parquet_file_is_no_table(tmp_path: Path) -> None:
    """Wherever it was cut, and if a page in it is broken."""
    path = write_parquet(tmp_path / "t.parquet", [cells(id=str(n), text=f"{n}" * 50) for n in range(2000)])
    whole = path.read_bytes()
    for data in (b"", whole[:3], whole[:100], whole[:-1], whole[: len(whole) // 2], b"PAR1" + whole[40:]):
        path.write_bytes(data)
        with pytest.raises(TableError, match=r"t.parquet is not a complete Parquet file"):
            import_into(tmp_path / "a", open_events(path))
        assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("t.csv", b"", r"no column created_at, source, text, id.*nothing"),
        ("t.csv", b"created_at;source;text;id\n", r"this one has created_at;source;text;id"),
        (
            "t.csv",
            b"Datum;Wer;Was\n",
            r"other names, name them with --columns created_at=COLUMN,text=",
        ),
        (
            "t.csv",
            b"Datum;Gru\xdf\n",
            r"has Datum;Gruß; if they have other names, name them with --columns created_at=",
        ),
        ("t.csv", b"created_at,source,text,id\n2026-05-15,irc,a,b,c\n", r"line 2: 5 fields.*4 columns"),
        ("t.csv", b"created_at,source,text,id\n2026-05-15,irc,a\n", r"line 2: 3 fields"),
        ("t.csv", b'created_at,source,text,id\n2026-05-15,irc,"a\nb,1\n', r"line 2: invalid CSV"),
        ("t.csv", b"created_at,source,text,id\n2026-05-15,irc,caf\xe9,1\n", r"line 2: b'\\xe9' is not UTF-8"),
        ("t.csv", "created_at,source".encode("utf-16"), r"is UTF-16; save it as UTF-8"),
        ("t.jsonl", b'{"id": 1\n', r"line 1: not JSON"),
        ("t.jsonl", b'{"id": "caf\xe9"}\n', r"line 1: b'\\xe9' is not UTF-8"),
        ("t.jsonl", b"[1, 2]\n", r"line 1: 1 is not a JSON object"),
        ("t.jsonl", b"[" * 100_000, r"line 1: the file ends within this value"),
        ("t.jsonl", b'{"created_at":"2026-05-15","source":"a","text":"","id":1.5e18}', r"lost digits"),
        (
            "t.jsonl",
            b'{"created_at":"2026-05-15","source":"a","text":["x"],"id":"1"}',
            r"text .* is not text",
        ),
        ("t.jsonl", b'{"created_at":"2026-05-15","source":"a","text":"","id":true}', r"id True is not text"),
        ("t.json", b'{\n "id": 1\n}\n', r"unknown format"),
        ("t.txt", b"hello", r"unknown format; name it with --format .*--columns"),
    ],
)
def test_bad_files_get_one_clear_line(tmp_path: Path, name: str, data: bytes, message: str) -> None:
    """What was wrong, where, and what to do; and nothing half-written."""
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ImporterError, match=message) as error:
        import_into(tmp_path / "a", open_events(tmp_path / name))
    assert name in str(error.value)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 400
    assert not (tmp_path / "a").exists()


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """Missing, or a folder."""
    for reader in (open_events, read_table, detect):
        with pytest.raises(ImporterError, match=r"gone.csv: cannot be read: No such file"):
            list(reader(tmp_path / "gone.csv"))
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(ImporterError, match=r"folder.csv: cannot be read: Is a directory"):
        read(tmp_path / "folder.csv")


def test_a_format_is_found_by_content_where_the_name_says_nothing(tmp_path: Path) -> None:
    """A download without a suffix is recognised; a format can be named instead."""
    for kind in WRITERS:
        path = write(tmp_path, kind, [ROW]).rename(tmp_path / f"download {kind}")
        assert detect(path) == kind
        assert len(list(open_events(path, kind))) == 1
        assert list(read_table(path)) == read(path)
    with pytest.raises(ImporterError, match=r"unknown format 'xlsx'; use one of .*parquet, csv, jsonl"):
        open_events(path, "xlsx")


def test_every_registered_format_has_an_importer() -> None:
    """The registry is not empty, and each line of it leads to something."""
    assert len(FORMATS) >= 3
    for name in FORMATS:
        assert not (importer(name).edits and name in ("parquet", "csv", "jsonl"))


def test_rows_keep_the_order_of_the_file_and_are_stored_by_time(tmp_path: Path) -> None:
    """Of one minute, the chat lines stay as they stood."""
    minutes = ["09:31", "09:30", "09:30", "09:31", "09:30"]
    rows = [cells(id=str(n), created_at=f"2026-05-15T{m}:00Z") for n, m in enumerate(minutes)]
    path = write_csv(tmp_path / "t.csv", rows)
    assert [e.id[-1] for e in read(path)] == list("01234")
    import_into(tmp_path / "a", open_events(path))
    assert [e.id[-1] for e in Recording(tmp_path / "a")] == list("12403")


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "rows", "new"),
    [
        ("user2018", 5967, 5967),
        ("rstudioconf2018", 7424, 7422),
        ("ashg2013", 4303, 4302),
        ("rstats2013", 15_820, 15_669),
        ("bosc2014", 1752, 1752 - 165),
        ("irc_w3c_tpac2010", 14_117, 14_117),
        ("user2018_commits", 209, 209),
    ],
)
def test_real_recordings_are_imported_whole_and_once(
    data_folder: Path, tmp_path: Path, name: str, rows: int, new: int
) -> None:
    """As many new events as there are ids, the first row of each, every text as it was; again: none."""
    path = data_folder / "recordings" / f"{name}.parquet"
    assert import_into(tmp_path / "a", open_events(path)) == ImportReport(
        read=rows, new=new, duplicate=rows - new
    )
    given = pd.read_parquet(path).drop_duplicates("id").sort_values("created_at", kind="stable")
    kept = Recording(tmp_path / "a").to_pandas()
    assert kept["text"].tolist() == given["text"].tolist()
    assert kept["author"].tolist() == given["author"].tolist()
    assert kept["created_at"].tolist() == given["created_at"].tolist()
    assert kept["source"].tolist() == given["source"].tolist()
    ids = given["source"].str.split(":").str[0] + "::" + given["id"]
    assert kept["id"].tolist() == ids.tolist()
    theirs = pd.read_parquet(tmp_path / "a")
    assert Counter(theirs["id"]) == Counter(ids)
    assert import_into(tmp_path / "a", open_events(path)) == ImportReport(read=rows, duplicate=rows)


@pytest.mark.data
def test_a_real_recording_says_the_same_as_csv_and_as_json(data_folder: Path, tmp_path: Path) -> None:
    """The three kinds of table are three ways to write one thing."""
    path = data_folder / "recordings" / "user2018.parquet"
    frame = pd.read_parquet(path)
    frame.assign(created_at=frame["created_at"].map(lambda t: t.isoformat())).to_csv(
        tmp_path / "t.csv", index=False
    )
    frame.to_json(
        tmp_path / "t.jsonl",
        orient="records",
        lines=True,
        date_format="iso",
        date_unit="us",
        force_ascii=False,
    )
    expected = read(path)
    assert read(tmp_path / "t.csv") == expected
    assert read(tmp_path / "t.jsonl") == expected


def test_a_frame_needs_times_and_texts_only():
    """Missing values of pandas are missing, naive times are UTC, and rows without an id keep their place."""
    frame = pd.DataFrame(
        {
            "created_at": [
                pd.Timestamp("2026-05-15 09:00"),
                pd.Timestamp("2026-05-15 11:00", tz="Europe/Berlin"),
            ],
            "text": ["hello", pd.NA],
            "author": [None, "@ada"],
            "likes": [1, 2],
        }
    )
    first, second = read_frame(frame)
    assert (first.id, first.author, first.text) == ("table::row-0", None, "hello")
    assert (second.author.handle, second.text) == ("ada", None)
    assert first.created_at == second.created_at
    assert first.ingest.id_kind == "synthetic"


def test_a_frame_that_cannot_be_read_says_why():
    """A missing column is named with what there is; a bad value with its row."""
    with pytest.raises(TableError, match="no column created_at .*it has date, text.*rename"):
        list(read_frame(pd.DataFrame({"date": [], "text": []})))
    bad = pd.DataFrame({"created_at": ["2026-05-15", "yesterday"], "text": ["a", "b"]})
    with pytest.raises(TableError, match="row 1 of the DataFrame: created_at 'yesterday'"):
        list(read_frame(bad))
