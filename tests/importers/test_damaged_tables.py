"""Tables that spreadsheets, R and pandas have changed: missing values, damaged ids, dates, unclosed quotes."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rtanalytics.event import Event
from rtanalytics.importers import ImporterError, Options, Rejected, open_events
from rtanalytics.importers.csv_rows import BadRow, csv_rows
from rtanalytics.normalize.values import InvalidValue, clean_id, is_missing

COLUMNS = {name: name for name in ("id", "created_at", "author", "text", "reply_to", "lang", "tags")}
HEAD = ",".join(COLUMNS)
SEVEN = datetime(2026, 5, 15, 7, tzinfo=UTC)


def read(
    path: Path, rows: list[str], separator: str = ",", **more: object
) -> tuple[list[Event], list[Rejected]]:
    """Events and rejected rows of a table with mapped columns."""
    text = "\n".join([HEAD, *rows]).replace(",", separator)
    path.write_text(text + "\n", encoding="utf-8")
    items = list(open_events(path, None, Options(columns=COLUMNS, source="twitter", **more)))  # type: ignore[arg-type]
    return [i for i in items if isinstance(i, Event)], [i for i in items if isinstance(i, Rejected)]


@pytest.mark.parametrize(
    "missing", ["NA", "N/A", "nan", "NaN", "NULL", "None", "<NA>", "#N/A", r"\N", "NaT", ""]
)
def test_a_missing_value_is_none_however_it_is_written(tmp_path: Path, missing: str) -> None:
    """In every column but the text, which says what it says."""
    row = f"{missing},2026-05-15T07:00:00Z,{missing},{missing},{missing},{missing},{missing}"
    ((event,), bad) = read(tmp_path / "t.csv", [row])
    if "#" in missing:  # which looks like a tag in the text
        event.tags.clear()
    assert (event.author, event.reply_to, event.lang, event.tags, bad) == (None, None, None, [], [])
    assert (event.text, event.ingest.id_kind if event.ingest else "") == (missing, "derived")
    assert is_missing(missing)


def test_names_of_people_are_not_missing(tmp_path: Path) -> None:
    """Nan and Null are names; pandas and Parquet have missing values of their own."""
    events, _ = read(
        tmp_path / "t.csv", ["1,2026-05-15T07:00:00Z,Nan,a,,,", "2,2026-05-15T07:00:00Z,Null,b,,,"]
    )
    assert [event.handle for event in events] == ["Nan", "Null"]
    assert all(map(is_missing, (None, float("nan"), pd.NaT)))
    frame = pd.DataFrame(
        {"created_at": [SEVEN] * 2, "source": "irc", "text": ["NA", None], "id": ["1", "2"],
         "author": ["NaN", None], "lang": [None, "de"]}
    )  # fmt: skip
    frame.to_parquet(tmp_path / "t.parquet")
    first, second = open_events(tmp_path / "t.parquet")
    assert isinstance(first, Event)
    assert isinstance(second, Event)
    assert [(e.text, e.author, e.lang) for e in (first, second)] == [("NA", None, None), (None, None, "de")]


@pytest.mark.parametrize(
    ("written", "id"),
    [
        ('="1231630123456789504"', "1231630123456789504"), ("123.0", "123"), (123.0, "123"), (7, "7"), ("x1", "x1"),
        ("9007199254740991.0", "9007199254740991"), (' = "77"', "77"), ("1e5", "1e5"), ("4e12345", "4e12345"),
        (None, None), ("nan", None), (float("nan"), None),
    ],
)  # fmt: skip
def test_ids_that_have_lost_nothing_are_read(written: object, id: str | None) -> None:
    """As formulas of spreadsheets and as whole numbers."""
    assert clean_id(written) == id


@pytest.mark.parametrize(
    "written",
    ["1.23163E+18", "1,23E+18", "1.2316301234567895e+18", "1e+18", 1.2e18, "9007199254740993.0"],
)
def test_an_id_that_has_lost_digits_is_refused(tmp_path: Path, written: object) -> None:
    """The reason says what happened and what to do; a reference to such an id is left out and reported."""
    with pytest.raises(InvalidValue, match=r"has lost digits.*export the data again"):
        clean_id(written)
    quoted = f'"{written}"'
    (_, (bad,)) = read(tmp_path / "t.csv", [f"{quoted},2026-05-15T07:00:00Z,ann,a,,,"])
    assert "has lost digits" in bad.reason
    with pytest.warns(UserWarning, match="1 ids in reply_to have lost digits"):
        ((event,), _) = read(tmp_path / "t.csv", [f"9,2026-05-15T07:00:00Z,ann,a,{quoted},,"])
    assert event.reply_to is None


def test_rounded_ids_are_refused(tmp_path: Path) -> None:
    """Many that end in four zeros; one of many may be as it is."""
    rows = [f"12316301234567{n}0000,2026-05-15T07:00:0{n}Z,ann,text {n},,," for n in (1, 1, 2)]
    events, bad = read(tmp_path / "t.csv", rows)
    assert (events, len(bad)) == ([], 3)
    rows = [f"123163012345678{n:04},2026-05-15T07:00:00Z,ann,text {n},,," for n in (0, 1234, 5678, 9123)]
    events, bad = read(tmp_path / "t.csv", rows)
    assert (len(events), bad) == (4, [])


def test_an_equal_id_with_other_content_is_no_duplicate(tmp_path: Path) -> None:
    """A repeat is; what differs is a rejected row, in every kind of table."""
    rows = [
        "7,2026-05-15T07:00:00Z,ann,one,,,",
        "7,2026-05-15T07:00:00Z,ann,one,,,",
        "7,2026-05-15T07:00:01Z,bob,two,,,",
    ]
    events, (bad,) = read(tmp_path / "t.csv", rows)
    assert len(events) == 2
    assert (bad.where, "to an earlier row with other content" in bad.reason) == ("line 4", True)
    (tmp_path / "t.jsonl").write_text(
        "".join(
            f'{{"id": "7", "created_at": "2026-05-15T07:00:00Z", "source": "x", "text": "{text}"}}\n'
            for text in ("one", "one", "two")
        )
    )
    *_, last = open_events(tmp_path / "t.jsonl")
    assert isinstance(last, Rejected)


@pytest.mark.parametrize(
    ("dates", "day"),
    [
        (["05.06.2026 09:00", "15.06.2026 09:00"], 5), (["06/05/2026 9:00 AM", "06/15/2026 9:00 AM"], 5),
        (["05/06/26 09:00", "31/12/26 09:00"], 5), (["06-05-2026 09:00", "06-30-2026 09:00"], 5),
    ],
)  # fmt: skip
def test_a_day_above_12_decides_for_the_file(tmp_path: Path, dates: list[str], day: int) -> None:
    """German and American dates, in the zone that is given."""
    rows = [f"{n},{date},ann,text {n},,," for n, date in enumerate(dates)]
    events, _ = read(tmp_path / "t.csv", rows, zone="Europe/Berlin")
    assert events[0].created_at == datetime(2026, 6, day, 7, tzinfo=UTC)


@pytest.mark.parametrize(("day_first", "month"), [(True, 6), (False, 5)])
def test_otherwise_the_order_is_given(tmp_path: Path, day_first: bool, month: int) -> None:
    """By an option."""
    events, _ = read(tmp_path / "t.csv", ["1,05/06/2026 09:00,a,b,,,"], zone="UTC", day_first=day_first)
    assert events[0].created_at.month == month


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_a_table_without_zones_is_in_the_zone_that_is_given(tmp_path: Path, suffix: str) -> None:
    """Or in UTC with a warning; a zone in the value counts more."""
    frame = pd.DataFrame({"created_at": ["2026-05-15 09:00"], "source": "x", "text": "a", "id": "1"})
    path = tmp_path / f"t.{suffix}"
    if suffix == "csv":
        frame.to_csv(path, index=False)
    elif suffix == "jsonl":
        frame.to_json(path, orient="records", lines=True)
    else:
        frame.assign(created_at=pd.to_datetime(frame["created_at"])).to_parquet(path)
    (event,) = open_events(path, None, Options(zone="Europe/Berlin"))
    assert isinstance(event, Event)
    assert event.created_at == SEVEN
    with pytest.warns(UserWarning, match=r"1 times have no time zone and were read as UTC.*--zone"):
        (event,) = open_events(path)
    assert isinstance(event, Event)
    assert event.created_at.hour == 9
    path = tmp_path / "u.jsonl"
    path.write_text('{"created_at": "2026-05-15 07:00 UTC", "source": "x", "text": "a", "id": "1"}')
    (event,) = open_events(path, None, Options(zone="Asia/Tokyo"))
    assert isinstance(event, Event)
    assert event.created_at == SEVEN


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("closing", ["", '3,2026-05-15T07:02:00Z,cyd,"quoted",,,'])
def test_an_unclosed_quote_costs_only_its_own_row(tmp_path: Path, separator: str, closing: str) -> None:
    """It would make one message of many; texts of several lines are read as before."""
    rows = [
        '1,2026-05-15T07:00:00Z,ann,"it begins,,,', "2,2026-05-15T07:01:00Z,bob,second,,,",
        closing or "3,2026-05-15T07:02:00Z,cyd,third,,,", '4,2026-05-15T07:03:00Z,dan,"two\nlines",,,',
    ]  # fmt: skip
    events, (bad,) = read(tmp_path / "t.csv", rows, separator)
    assert [event.handle for event in events] == ["bob", "cyd", "dan"]
    assert (bad.where, events[-1].text) == ("line 2", "two\nlines")
    assert "a quote is not closed" in bad.reason


def test_a_table_with_an_unclosed_quote_is_refused(tmp_path: Path) -> None:
    """The message names line and remedy."""
    path = tmp_path / "t.csv"
    path.write_text('created_at,source,text,id\n2026-05-15,x,"a,1\n2026-05-16,x,"b",2\n')
    with pytest.raises(ImporterError, match="line 2"):
        list(open_events(path))


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.text(alphabet='ab,"\n\r;', max_size=12), max_size=12))
def test_any_lines_are_rows_or_reasons(pieces: list[str]) -> None:
    """The reader ends, and no line is lost."""
    lines = "\n".join(pieces).splitlines(keepends=True)
    rows = list(csv_rows(lines, 2, lambda cells: cells[0] == "a"))
    assert all(isinstance(row, list | BadRow) for _, row in rows)
    assert [line for line, _ in rows] == sorted({line for line, _ in rows})
