"""Conversion of events to Arrow columns and back.

The columns have the names of the :class:`~rtanalytics.event.Event` fields, so that an archive is
easy to read with pandas, DuckDB or Polars. Only the author is split into five columns (``author``
is the handle), because authors are needed more often than anything except the text.

Everything here works on whole columns. Calling the constructor of an event costs about 6 µs, mostly
for checks that were done when it was written; copying a blank event and setting its fields, column by
column, costs a tenth of that. Values that a file may have wrong (addresses, operations, ids) are
checked on the columns.
"""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import repeat
from typing import Any, get_args

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from msgspec.structs import force_setattr

from rtanalytics.event import Author, Event, Ingest, Media, Op, content_rev
from rtanalytics.event import repair as repair_text

__all__ = ["COLUMNS", "REQUIRED", "conform", "from_table", "to_table"]

_TIME = pa.timestamp("us", "UTC")
_TEXTS = pa.list_(pa.field("element", pa.string()))
_MEDIA = pa.struct(
    [
        ("url", pa.string()),
        ("kind", pa.string()),
        ("mime", pa.string()),
        ("alt", pa.string()),
        ("width", pa.int64()),
        ("height", pa.int64()),
        ("sensitive", pa.bool_()),
    ]
)
_INGEST = pa.struct(
    [
        ("via", pa.string()),
        ("connector", pa.string()),
        ("run", pa.string()),
        ("id_kind", pa.string()),
        ("time_kind", pa.string()),
        ("claimed_at", _TIME),
    ]
)


def _always(name: str, kind: pa.DataType) -> pa.Field:
    return pa.field(name, kind, nullable=False)


COLUMNS = pa.schema(
    [
        _always("id", pa.string()),
        _always("source", pa.string()),
        _always("created_at", _TIME),
        _always("received_at", _TIME),
        _always("rev", pa.string()),
        _always("op", pa.string()),
        pa.field("edited_at", _TIME),
        _always("type", pa.string()),
        pa.field("author", pa.string()),
        pa.field("author_id", pa.string()),
        pa.field("author_name", pa.string()),
        pa.field("author_url", pa.string()),
        _always("author_bot", pa.bool_()),
        pa.field("to", pa.string()),
        pa.field("channel", pa.string()),
        pa.field("title", pa.string()),
        pa.field("text", pa.string()),
        pa.field("html", pa.string()),
        pa.field("url", pa.string()),
        pa.field("lang", pa.string()),
        _always("tags", _TEXTS),
        _always("mentions", _TEXTS),
        _always("links", _TEXTS),
        _always("media", pa.list_(pa.field("element", _MEDIA))),
        pa.field("reply_to", pa.string()),
        pa.field("repost_of", pa.string()),
        pa.field("thread", pa.string()),
        _always("producer", pa.string()),
        _always("seq", pa.int64()),
        pa.field("ingest", _INGEST),
        pa.field("raw", pa.binary()),
    ]
)
"""The columns of an archive file, in order; :data:`rtanalytics.event.SCHEMA` is their version."""

REQUIRED = ("id", "source", "created_at")
"""Columns that a file must have; all others have a default."""

_AUTHOR = ("author", "author_id", "author_name", "author_url", "author_bot")
_DEFAULTS: dict[str, Any] = {
    "rev": "",
    "op": "create",
    "type": "post",
    "author_bot": False,
    "producer": "",
    "seq": 0,
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_CHUNK = 512
_BLANK = Event(id="blank:", source="", created_at=_EPOCH, rev="-")


def to_table(events: Iterable[Event]) -> pa.Table:
    """Convert events to a table with the columns :data:`COLUMNS`, one row per event, in order.

    Invalid Unicode is replaced as :func:`rtanalytics.event.encode` replaces it; apart from that
    ``list(from_table(to_table(events))) == list(events)``.
    """
    rows = events if isinstance(events, Sequence) else list(events)
    author = [e.author for e in rows]
    columns: list[pa.Array] = []
    for field in COLUMNS:
        name, kind = field.name, field.type
        if name == "author":
            values: list[Any] = [a and a.handle for a in author]
        elif name == "author_bot":
            values = [a is not None and a.bot for a in author]
        elif name in _AUTHOR:
            part = name.removeprefix("author_")
            values = [a and getattr(a, part) for a in author]
        elif name == "ingest":
            columns.append(_ingest_column([e.ingest for e in rows]))
            continue
        else:
            values = [getattr(e, name) for e in rows]
            if name == "media" and any(values):
                values = [[msgspec.structs.asdict(m) for m in media] for media in values]
        columns.append(_times(values) if kind == _TIME else _array(values, kind))
    return pa.Table.from_arrays(columns, schema=COLUMNS)


def from_table(table: pa.Table) -> Iterator[Event]:
    """Convert the rows of a table to events, in order.

    Missing columns get the defaults of :class:`~rtanalytics.event.Event` and unknown ones are
    ignored, so that files of older and newer versions can be read. Existing revisions are not
    computed again.

    Raises
    ------
    ValueError
        If a column of :data:`REQUIRED` is missing or has a null, a value cannot be converted to the
        column's type, an id has no namespace, or an operation is invalid.
    """
    table = conform(table)
    for start in range(0, table.num_rows, _CHUNK):
        # Thousands of new lists make the garbage collector scan all objects repeatedly for
        # nothing, which would take two thirds of the time.
        collecting = gc.isenabled()
        gc.disable()
        try:
            chunk = _events(table.slice(start, _CHUNK))
        finally:
            if collecting:
                gc.enable()
        yield from chunk


def conform(table: pa.Table, columns: Sequence[str] | None = None) -> pa.Table:
    """Convert a table to exactly the columns :data:`COLUMNS`, or the given ones of them.

    Raises
    ------
    ValueError
        As :func:`from_table`.
    """
    if columns is None and table.schema.equals(COLUMNS):
        return table.replace_schema_metadata(None)
    arrays, fields = [], []
    for field in COLUMNS if columns is None else [COLUMNS.field(name) for name in columns]:
        arrays.append(_conformed(table, field))
        fields.append(field)
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def _conformed(table: pa.Table, field: pa.Field) -> pa.ChunkedArray:
    name, kind = field.name, field.type
    if name not in table.column_names:
        if name == "received_at" and "created_at" in table.column_names:
            return _conformed(table, COLUMNS.field("created_at"))
        if name in REQUIRED:
            raise ValueError(f"no column {name!r}: this table has no events")
        fill: Any = [] if pa.types.is_list(kind) else _DEFAULTS.get(name)
        return pa.chunked_array([pa.repeat(pa.scalar(fill, kind), table.num_rows)], kind)
    column = table.column(name)
    if column.type != kind:
        try:
            column = column.cast(kind)
        except pa.ArrowInvalid as error:
            raise ValueError(f"column {name!r}: {error}") from None
        except pa.ArrowNotImplementedError:
            raise ValueError(f"column {name!r} is {column.type}; it must be {kind}") from None
    if field.nullable or not column.null_count:
        return column
    if name in REQUIRED:
        row = int(np.argmax(column.is_null().to_numpy()))
        raise ValueError(f"column {name!r} has no value in row {row}")
    if name == "received_at":
        return pc.coalesce(column, _conformed(table, COLUMNS.field("created_at")))
    if pa.types.is_list(kind):
        return pa.chunked_array([pa.array([v or [] for v in column.to_pylist()], kind)], kind)
    return column.fill_null(_DEFAULTS[name])


def _times(values: list[datetime | None]) -> pa.Array:
    # Passing aware datetimes to Arrow costs 10 µs each, whole numbers 0.3.
    whole = [None if t is None else (t - _EPOCH) // _MICROSECOND for t in values]
    return pa.array(whole, pa.int64()).cast(_TIME)


def _array(values: list[Any], kind: pa.DataType) -> pa.Array:
    try:
        return pa.array(values, kind)
    except UnicodeEncodeError:
        return pa.array([_repaired(v) for v in values], kind)


def _repaired(value: Any) -> Any:
    if isinstance(value, str):
        return repair_text(value)
    if isinstance(value, list):
        return [_repaired(v) for v in value]
    if isinstance(value, dict):
        return {key: _repaired(v) for key, v in value.items()}
    return value


def _ingest_column(values: list[Ingest | None]) -> pa.Array:
    if not any(values):
        return pa.nulls(len(values), _INGEST)
    known = [v or _NO_INGEST for v in values]
    children = []
    for field in _INGEST:
        part = [getattr(v, field.name) for v in known]
        children.append(_times(part) if field.type == _TIME else _array(part, field.type))
    mask = pa.array([v is None for v in values], pa.bool_())
    return pa.StructArray.from_arrays(children, fields=list(_INGEST), mask=mask)


_NO_INGEST = Ingest()


def _events(table: pa.Table) -> list[Event]:
    n = table.num_rows
    columns = {name: table.column(name).combine_chunks() for name in table.column_names}
    _check(columns)
    blank = _BLANK.__copy__  # type: ignore[attr-defined]  # copy.copy() takes twice as long
    out = [blank() for _ in range(n)]

    def put(name: str, values: Iterable[Any]) -> None:
        deque(map(force_setattr, out, repeat(name), values), maxlen=0)

    for name, column in columns.items():
        if name in _AUTHOR or column.null_count == n:
            # Lists are never null: a copy would share the empty list of the blank event.
            continue
        if name == "ingest":
            put(name, _ingests(column))
        elif column.type == _TIME:
            put(name, _datetimes(column))
        elif name == "media":
            put(name, [[_media(m) for m in media] for media in _lists(column)])
        elif pa.types.is_list(column.type):
            put(name, _lists(column))
        else:
            put(name, column.to_pylist())
    if columns["author"].null_count < n:
        put("author", _authors([columns[name] for name in _AUTHOR]))
    if pc.any(pc.equal(columns["rev"], "")).as_py():
        for event in out:
            if not event.rev:
                force_setattr(event, "rev", content_rev(event))
    return out


def _check(columns: dict[str, pa.Array]) -> None:
    """Check values that an undamaged file may get wrong and that views rely on."""
    bad = pc.less(pc.find_substring(columns["id"], ":"), 1)
    if pc.any(bad).as_py():
        worst = columns["id"].filter(bad)[0].as_py()
        raise ValueError(f"event id {worst!r} has no namespace: write it as namespace:scope:native_key")
    bad = pc.invert(pc.is_in(columns["op"], value_set=pa.array(get_args(Op))))
    if pc.any(bad).as_py():
        worst = columns["op"].filter(bad)[0].as_py()
        raise ValueError(f"op {worst!r} is none of {', '.join(get_args(Op))}")
    if columns["url"].null_count < len(columns["url"]):
        good = pc.match_substring_regex(columns["url"], r"(?is)\Ahttps?://[^\x00-\x20]*\z")
        columns["url"] = pc.if_else(good, columns["url"], pa.scalar(None, pa.string()))


def _datetimes(column: pa.Array) -> list[datetime | None]:
    whole = column.cast(pa.int64())
    if whole.null_count:
        return [None if t is None else _EPOCH + timedelta(0, 0, t) for t in whole.to_pylist()]
    return [_EPOCH + timedelta(0, 0, t) for t in whole.to_numpy().tolist()]


def _lists(column: pa.Array) -> list[list[Any]]:
    if not len(values := column.flatten()):
        return [[] for _ in range(len(column))]
    lengths = np.asarray(pc.list_value_length(column))
    ends = np.cumsum(lengths)
    items = values.to_pylist()
    return [items[a:b] for a, b in zip((ends - lengths).tolist(), ends.tolist(), strict=True)]


def _media(item: dict[str, Any]) -> Media:
    given = {key: value for key, value in item.items() if value is not None}
    return Media(**{"url": "", **given})


def _authors(parts: list[pa.Array]) -> Iterator[Author | None]:
    known: dict[tuple[Any, ...], Author | None] = {}
    for key in zip(*(part.to_pylist() for part in parts), strict=True):
        if key not in known:
            handle, id_, name, url, bot = key
            whole = None if handle is None else Author(handle=handle, id=id_, name=name, url=url, bot=bot)
            known[key] = whole
        yield known[key]


def _ingests(column: pa.Array) -> Iterator[Ingest | None]:
    known: dict[tuple[Any, ...], Ingest | None] = {}
    parts = [_datetimes(part) if part.type == _TIME else part.to_pylist() for part in column.flatten()]
    names = [field.name for field in column.type]
    for valid, *values in zip(column.is_valid().to_pylist(), *parts, strict=True):
        key = (valid, *values)
        if key not in known:
            given = {k: v for k, v in zip(names, values, strict=True) if v is not None}
            known[key] = Ingest(**given) if valid else None
        yield known[key]
