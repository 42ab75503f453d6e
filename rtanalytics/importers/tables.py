"""Tables: Parquet, CSV and JSON lines with the columns ``created_at, source, author, text, id, url``.

The id of a row's event is ``<source up to the first colon>::<id>``; the part of the source after that
colon is the channel. Texts are kept character by character: ``NA`` is not a missing value, and blanks
and line ends stay. ``author`` and ``url`` are optional, and columns named ``type``, ``channel``, ``to``,
``title``, ``lang``, ``tags``, ``mentions`` or ``links`` are read too; all others are ignored.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from rtanalytics.clock import parse_time
from rtanalytics.event import Author, Event, Ingest
from rtanalytics.importers.base import ImporterError, Options
from rtanalytics.importers.reading import begins, head_of, open_bytes, suffixed
from rtanalytics.importers.unpack import BROKEN, unreadable
from rtanalytics.normalize.values import InvalidValue
from rtanalytics.untrusted import abbreviate

__all__ = ["COLUMN_NAMES", "CSV", "JSONL", "PARQUET", "TableError", "event_of_row", "read_table"]

_NEEDED = ("created_at", "source", "text", "id")
_TEXTS = ("type", "channel", "to", "title", "lang")
_LISTS = ("tags", "mentions", "links")
COLUMN_NAMES = (*_NEEDED, "author", "url", *_TEXTS, *_LISTS)
_TYPES = {
    **dict.fromkeys(("github", "gitlab", "bitbucket", "git"), "commit"),
    **dict.fromkeys(("irc", "slack", "discord", "matrix", "zulip", "gitter"), "message"),
    **dict.fromkeys(("flickr", "instagram"), "photo"),
}
_FROM_FILE = Ingest(via="file", connector="tables@1")
_LONGEST_FIELD = 2**26

Row = tuple[int, dict[str, Any]]
"""Line or row number, counted from 1, and cells."""


class TableError(ImporterError):
    """A table that cannot be imported; the message names file, line or row, and a way out."""


@dataclass(frozen=True, slots=True)
class Table:
    """Importer for one kind of table.

    Parameters
    ----------
    suffixes : tuple of str
        Suffixes of the files' names.
    starts : callable
        Returns True for the first bytes of such a file.
    rows : callable
        Reads the rows of a file.
    place : str
        Name of a row's number: ``line`` or ``row``.
    """

    suffixes: tuple[str, ...]
    starts: Callable[[bytes], bool]
    rows: Callable[[Path], Iterator[Row]]
    place: str
    edits: bool = False

    def recognises(self, path: Path, head: bytes) -> bool:
        """Return True by the file's name or its beginning."""
        return suffixed(path, *self.suffixes) or self.starts(head)

    def read(self, path: Path, options: Options | None = None) -> Iterator[Event]:
        """Yield the events of a table, one per row, in order.

        Raises
        ------
        TableError
            If a column is missing, or a row is invalid.
        """
        try:
            for number, cells in self.rows(path):
                try:
                    yield event_of_row(cells)
                except ValueError as error:
                    raise TableError(f"{path}, {self.place} {number}: {error}") from None
        except BROKEN as error:
            raise TableError(f"{path} is damaged or cut off: {error}; fetch it again") from None
        except OSError as error:
            raise TableError(str(unreadable(path, error))) from None


def read_table(path: str | Path) -> Iterator[Event]:
    """Read the events of a table, in its order.

    Parameters
    ----------
    path : str or Path
        Parquet, CSV or JSON lines; detected by name and content.

    Raises
    ------
    TableError
        At once if it is none of them, and while reading if the file is bad.
    """
    path = Path(path)
    head = head_of(path, 4096)
    for kind in (PARQUET, CSV, JSONL):
        if kind.recognises(path, head):
            return kind.read(path)
    raise TableError(f"{path} is not a known kind of table; give Parquet, CSV or JSON lines")


def event_of_row(cells: Mapping[str, Any], ingest: Ingest = _FROM_FILE) -> Event:
    """Return a row of a table as an event.

    Parameters
    ----------
    cells : mapping of str to object
        Values by column name.
    ingest : Ingest
        How the row was read.

    Raises
    ------
    ValueError
        If a value is missing or invalid; the message names the column.
    """
    source, text = _needed(cells, "source"), cells.get("text")
    namespace, _, channel = source.partition(":")
    if not namespace:
        raise InvalidValue(
            f"source {abbreviate(source)} begins with a colon; write a name such as twitter before it"
        )
    if text is not None and not isinstance(text, str):
        raise InvalidValue(f"text {abbreviate(text)} is not text")
    author = cells.get("author")
    if author and not isinstance(author, str):
        raise InvalidValue(f"author {abbreviate(author)} is not text")
    url = cells.get("url")
    extra: dict[str, Any] = {"type": _TYPES.get(namespace, "post"), "channel": channel or None}
    extra |= {name: value for name in _TEXTS if isinstance(value := cells.get(name), str) and value}
    for name in _LISTS:
        if isinstance(value := cells.get(name), list):
            extra[name] = [item for item in value if isinstance(item, str)]
    return Event(
        id=f"{namespace}::{_needed(cells, 'id')}",
        source=source,
        created_at=_moment(cells.get("created_at")),
        author=Author(handle=author.removeprefix("@") or author) if author else None,
        text=text,
        url=url if isinstance(url, str) else None,
        ingest=ingest,
        **extra,
    )


def _needed(cells: Mapping[str, Any], name: str) -> str:
    value = cells.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, float):
        # 1016809294082203648 comes back from a float as …650, the id of another message.
        raise InvalidValue(f"{name} {value} is a float, which has lost digits; write ids as text")
    if not isinstance(value, str):
        raise InvalidValue(f"{name} {abbreviate(value)} is not text" if value is not None else f"no {name}")
    if not value:
        raise InvalidValue(f"{name} is empty; every row needs one")
    return value


def _moment(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    if value is None or value == "":
        raise InvalidValue("created_at is empty; every row needs one")
    if not isinstance(value, str):
        raise InvalidValue(f"created_at {abbreviate(value)} is not a time; write 2026-05-15T09:30:00Z")
    try:
        return parse_time(value)
    except (ValueError, OverflowError):
        raise InvalidValue(
            f"created_at {abbreviate(value)} is not a time; write 2026-05-15T09:30:00Z"
        ) from None


_RENAMED = "map its columns: --columns created_at=COLUMN,text=COLUMN --source NAME"


def _columns(path: Path, names: list[str], hint: str = "") -> None:
    if missing := [name for name in _NEEDED if name not in names]:
        found = ", ".join(abbreviate(name)[1:-1] for name in names[:12]) or "nothing"
        raise TableError(
            f"{path}: no column {', '.join(missing)}; a table needs {', '.join(_NEEDED)}, "
            f"and this one has {found}{hint}"
        )


def _parquet_rows(path: Path) -> Iterator[Row]:
    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            _columns(path, names)
            number = 0
            for batch in file.iter_batches(10_000, columns=[n for n in COLUMN_NAMES if n in names]):
                cells = {name: _cells(path, name, batch.column(name)) for name in batch.schema.names}
                for row in zip(*cells.values(), strict=True):
                    number += 1
                    yield number, dict(zip(cells, row, strict=True))
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError) as error:
        first = (str(error).splitlines() or [""])[0]
        raise TableError(f"{path} is not a complete Parquet file: {first}; fetch it again") from None


def _cells(path: Path, name: str, column: pa.Array) -> list[Any]:
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.dictionary_decode(), kind.value_type
    if pa.types.is_timestamp(kind):
        try:
            # Arrow converts to microseconds only, and is ten times slower with a time zone.
            naive = column.cast(pa.timestamp("us", kind.tz), safe=False).cast(pa.timestamp("us"))
            return naive.to_pylist()  # type: ignore[no-any-return]
        except (pa.ArrowException, ValueError, OverflowError) as error:
            raise TableError(f"{path}: column {name}: {error}") from None
    if pa.types.is_date(kind):
        column = column.cast(pa.timestamp("us"))
    return column.to_pylist()  # type: ignore[no-any-return]


def _csv_rows(path: Path) -> Iterator[Row]:
    if csv.field_size_limit() < _LONGEST_FIELD:
        csv.field_size_limit(_LONGEST_FIELD)
    line = 1
    try:
        with open_bytes(path) as packed, io.TextIOWrapper(packed, "utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            names = next(reader, [])
            _columns(path, names, f"; if they have other names, {_RENAMED}")
            line = reader.line_num + 1
            for values in reader:
                if values and len(values) != len(names):
                    raise TableError(
                        f"{path}, line {line}: {len(values)} fields, but the table has {len(names)} columns; "
                        f"put texts with commas, quotes or line breaks between quotes"
                    )
                if values:
                    yield line, dict(zip(names, values, strict=True))
                line = reader.line_num + 1
    except UnicodeDecodeError:
        raise _undecodable(path, f", or {_RENAMED}") from None
    except csv.Error as error:
        raise TableError(f"{path}, line {line}: invalid CSV: {error}") from None


def _jsonl_rows(path: Path) -> Iterator[Row]:
    decode = msgspec.json.Decoder().decode
    with open_bytes(path) as file:
        for number, line in enumerate(file, 1):
            data = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
            if not data.strip():
                continue
            try:
                cells = decode(data)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                cells = _lenient(path, number, data)
            if not isinstance(cells, dict):
                raise TableError(
                    f"{path}, line {number}: {abbreviate(cells)} is not a JSON object; write one per line"
                )
            missing = [name for name in _NEEDED if name not in cells]
            if missing:
                raise TableError(
                    f"{path}, line {number}: no {', '.join(missing)}; a row needs {', '.join(_NEEDED)}"
                )
            yield number, cells


def _lenient(path: Path, number: int, data: bytes) -> Any:
    """Parse with Python's parser, which accepts lone surrogates; old exports have them."""
    try:
        return json.loads(data.decode())
    except UnicodeDecodeError:
        raise _undecodable(path) from None
    except (ValueError, RecursionError) as error:
        raise TableError(f"{path}, line {number}: not JSON: {error}; the file may be cut off") from None


def _undecodable(path: Path, hint: str = "") -> TableError:
    with open_bytes(path) as file:
        for number, line in enumerate(file, 1):
            if line.startswith((b"\xff\xfe", b"\xfe\xff")) and number == 1:
                return TableError(f"{path} is UTF-16; save it as UTF-8{hint}")
            try:
                line.decode()
            except UnicodeDecodeError as error:
                wrong = line[error.start : error.start + 1]
                return TableError(f"{path}, line {number}: {wrong!r} is not UTF-8; save it as UTF-8{hint}")
    return TableError(f"{path} is not UTF-8; save it as UTF-8{hint}")


def _is_csv(head: bytes) -> bool:
    return b"created_at" in head.split(b"\n", 1)[0] and begins(head) not in (b"{", b"[")


def _is_jsonl(head: bytes) -> bool:
    """Return True for one object per line, not for a document over many lines."""
    return begins(head) == b"{" and head.lstrip(b"\xef\xbb\xbf \t\r\n").split(b"\n", 1)[0].strip() != b"{"


PARQUET = Table((".parquet", ".pq"), lambda head: head.startswith(b"PAR1"), _parquet_rows, "row")
CSV = Table((".csv",), _is_csv, _csv_rows, "line")
JSONL = Table((".jsonl", ".ndjson"), _is_jsonl, _jsonl_rows, "line")
