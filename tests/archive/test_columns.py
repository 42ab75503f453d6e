"""Events as columns: what goes in comes out."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rtanalytics.archive import COLUMNS, from_table, to_table
from rtanalytics.archive.files import Meta, encode_segment
from rtanalytics.event import Author, Event, Ingest, Media
from tests.build import BASE, event

text = st.text(st.characters(codec="utf-8"), max_size=40)
maybe = st.none() | text
texts = st.lists(text, max_size=3)
times = st.datetimes(timezones=st.just(UTC))
numbers = st.integers(-(2**63), 2**63 - 1)
authors = st.builds(Author, handle=text, id=maybe, name=maybe, url=maybe, bot=st.booleans())
media = st.builds(
    Media,
    url=text,
    kind=text,
    mime=maybe,
    alt=maybe,
    width=st.none() | numbers,
    height=st.none() | numbers,
    sensitive=st.booleans(),
)
ingests = st.builds(
    Ingest,
    via=text,
    connector=maybe,
    run=maybe,
    id_kind=text,
    time_kind=text,
    claimed_at=st.none() | times,
)
events = st.builds(
    Event,
    id=st.builds("{}:{}".format, st.text("abc", min_size=1), st.text()),
    source=st.text(),
    created_at=times,
    received_at=times,
    rev=text,
    op=st.sampled_from(["create", "update", "delete"]),
    edited_at=st.none() | times,
    type=text,
    author=st.none() | authors,
    to=maybe,
    channel=maybe,
    title=st.none() | st.text(),
    text=st.none() | st.text(),
    html=st.none() | st.text(),
    url=maybe | st.builds("https://{}".format, text),
    lang=maybe,
    tags=texts,
    mentions=texts,
    links=texts,
    media=st.lists(media, max_size=2),
    reply_to=maybe,
    repost_of=maybe,
    thread=maybe,
    producer=text,
    seq=numbers,
    ingest=st.none() | ingests,
    raw=st.none() | st.binary(max_size=40),
)


def through_parquet(given: list[Event]) -> list[Event]:
    """What a segment with these events gives back."""
    data = encode_segment(to_table(given), Meta())
    return list(from_table(pq.read_table(pa.BufferReader(data), page_checksum_verification=True)))


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=60)
@given(st.lists(events, max_size=6))
def test_every_event_comes_back_from_columns_as_it_went_in(given: list[Event]) -> None:
    """Nothing that an event can say is lost on the way through Arrow and Parquet."""
    assert list(from_table(to_table(given))) == given
    assert through_parquet(given) == given


def test_more_events_than_a_chunk_come_back_in_order() -> None:
    """Where a table is cut for reading, every column is cut at the same row."""
    given = [
        event(
            n,
            tags=[str(n)] * (n % 3),
            media=[Media(url=f"https://x/{n}")] * (n % 2),
            ingest=Ingest(via="poll", run=str(n % 7)) if n % 5 else None,
            author=Author(handle=f"a{n % 11}", bot=n % 11 == 3) if n % 4 else None,
            edited_at=BASE + timedelta(seconds=n) if n % 6 else None,
        )
        for n in range(20_000)
    ]
    assert list(from_table(to_table(given))) == given


def test_events_read_from_columns_do_not_share_their_lists() -> None:
    """Whoever appends to one event's list does not change another event."""
    first, second = from_table(to_table([event(1), event(2)]))
    first.tags.append("x")
    first.media.append(Media(url="https://x/"))
    assert (second.tags, second.media) == ([], [])
    assert Event(id="a:b", source="s", created_at=BASE).tags == []
    assert next(from_table(to_table([event(3)]))).tags == []


def test_invalid_unicode_is_replaced_in_every_field() -> None:
    """A lone surrogate in a tag or a name cannot make a whole segment unwritable."""
    bad = "a\ud800b"
    given = event(author=Author(handle=bad), tags=[bad], media=[Media(url=bad)], channel=bad, producer=bad)
    (back,) = through_parquet([given])
    good = "a\ufffdb"
    assert back.author is not None
    assert [back.author.handle, *back.tags, back.media[0].url, back.channel, back.producer] == [good] * 5


def test_a_revision_is_kept_and_not_computed_again() -> None:
    """A source's own revision survives, and reading does not spend time on hashing."""
    (back,) = from_table(to_table([event(rev="v7")]))
    assert back.rev == "v7"


def test_files_of_older_versions_lack_columns_and_are_read_with_defaults() -> None:
    """A file that knows only the oldest columns gives whole events."""
    table = to_table([event(1)]).select(["id", "source", "created_at", "text"])
    assert list(from_table(table)) == [
        Event(id="test::1", source="test", created_at=BASE + timedelta(seconds=1), text="event 1")
    ]


def test_files_of_newer_versions_have_more_columns_and_are_read_without_them() -> None:
    """An unknown column does no harm."""
    table = to_table([event(1)]).append_column("mood", pa.array(["good"]))
    assert list(from_table(table)) == [event(1)]


def test_other_arrow_types_for_the_same_things_are_understood() -> None:
    """Large strings, dictionaries, other units of time and gaps in columns that we always fill."""
    table = to_table([event(1), event(2)])
    for name, kind in [
        ("text", pa.large_string()),
        ("source", pa.dictionary(pa.int32(), pa.string())),
        ("created_at", pa.timestamp("ms", "Europe/Berlin")),
        ("seq", pa.int32()),
    ]:
        table = table.set_column(table.column_names.index(name), name, table.column(name).cast(kind))
    for name in ("op", "received_at", "tags", "author_bot"):
        gaps = pa.nulls(2, COLUMNS.field(name).type)
        table = table.set_column(table.column_names.index(name), pa.field(name, gaps.type), gaps)
    assert list(from_table(table)) == [event(1), event(2)]


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("id", pa.array(["nothing"]), "no namespace"),
        ("id", pa.array([None], pa.string()), "no value in row 0"),
        ("op", pa.array(["erase"]), "'erase' is none of create, update, delete"),
        ("created_at", pa.array(["yesterday"]), "created_at"),
        ("tags", pa.array([5]), "tags"),
    ],
)
def test_a_table_that_holds_no_events_is_refused(column: str, values: pa.Array, message: str) -> None:
    """What cannot be an event is an error that names the column or the value."""
    table = to_table([event(1)])
    table = table.set_column(table.column_names.index(column), pa.field(column, values.type), values)
    with pytest.raises(ValueError, match=message):
        list(from_table(table))


def test_a_table_without_a_needed_column_is_refused() -> None:
    """The message names the column."""
    with pytest.raises(ValueError, match="no column 'source'"):
        list(from_table(to_table([event(1)]).drop_columns(["source"])))


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "https://x/\n", "data:text/html,x", " https://x/", "https://x/ y"]
)
def test_an_address_in_a_file_is_not_believed(url: str) -> None:
    """A crafted file cannot bring an address into a view that an event would not take."""
    table = to_table([event(1, url="https://good/"), event(2)])
    table = table.set_column(table.column_names.index("url"), "url", pa.array([url, "HTTP://fine/é"]))
    assert [e.url for e in from_table(table)] == [None, "HTTP://fine/é"]


def test_low_cardinality_costs_little_and_times_are_exact_to_the_microsecond() -> None:
    """The encodings are on: a thousand like events take few bytes each, and nothing is rounded."""
    given = [
        event(n, created_at=datetime(1, 1, 1, tzinfo=UTC) + timedelta(microseconds=n)) for n in range(1000)
    ]
    assert through_parquet(given) == given
    assert len(encode_segment(to_table(given), Meta())) < 60 * 1000


def test_page_checksums_are_written() -> None:
    """A reader other than ours can find a flipped bit, too: pyarrow does when it is asked to look."""
    data = bytearray(encode_segment(to_table([event(n, text=f"{n:050}") for n in range(500)]), Meta()))
    chunk = pq.ParquetFile(io.BytesIO(bytes(data))).metadata.row_group(0).column(COLUMNS.names.index("text"))
    data[chunk.data_page_offset + chunk.total_compressed_size - 5] ^= 1
    with pytest.raises(OSError, match=r"(?i)crc|corrupt"):
        pq.read_table(io.BytesIO(bytes(data)), columns=["text"], page_checksum_verification=True)


@pytest.mark.data
def test_naughty_strings_come_back_in_every_field(data_folder: Path) -> None:
    """The Big List of Naughty Strings passes through each text of an event."""
    naughty = json.loads((data_folder / "suites" / "blns" / "blns.json").read_text())
    assert len(naughty) > 400
    given = [
        msgspec.structs.replace(
            event(n, id=f"test::{s}", source=s, text=s, title=s, html=s, tags=[s, s], links=[s]),
            author=Author(handle=s, id=s, name=s, url=s),
            media=[Media(url=s, alt=s)],
            channel=s,
            lang=s,
            thread=s,
            producer=s,
            ingest=Ingest(via=s, run=s),
            raw=s.encode(),
        )
        for n, s in enumerate(naughty)
    ]
    assert through_parquet(given) == given
