"""Importers for Parquet, CSV and JSON lines with the columns ``created_at``, ``source``, ``text``, ``id``.

The id of an event is ``<source up to the first colon>::<id>``; the part of the source after that colon is
the channel. Texts are not changed: blanks and line ends stay, and ``NA`` means a missing value only in
other columns. The columns ``author``, ``url``, ``type``, ``channel``, ``to``, ``title``, ``lang``,
``tags``, ``mentions`` and ``links`` are optional; all others are ignored.
"""

from __future__ import annotations

import csv
import io
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq

from rtanalytics.event import Author, Event, Ingest
from rtanalytics.importers.base import ImporterError, Options, Rejected
from rtanalytics.importers.common import UniqueIds, zone_of
from rtanalytics.importers.csv_rows import BadRow, csv_rows
from rtanalytics.importers.json_stream import values
from rtanalytics.importers.reading import begins, head_of, open_bytes, suffixed
from rtanalytics.importers.survey import Survey, order_error, survey
from rtanalytics.importers.unpack import BROKEN, unreadable
from rtanalytics.normalize.dates import AmbiguousOrder, NoZone, UnknownZone, optional_time, parse_time
from rtanalytics.normalize.values import InvalidValue, clean_id, is_missing
from rtanalytics.untrusted import abbreviate, printable

__all__ = ["COLUMN_NAMES", "CSV", "JSONL", "PARQUET", "TableError", "event_of_row", "read_table"]

_NEEDED = ("created_at", "source", "text", "id")
_TEXTS = ("type", "channel", "to", "title", "lang")
_LISTS = ("tags", "mentions", "links")
_KEPT = (*_NEEDED, "text")
"""Columns in which ``NA`` is either a normal value (``text``) or an error."""

COLUMN_NAMES = (*_NEEDED, "author", "url", *_TEXTS, *_LISTS)
_TYPES = {
    **dict.fromkeys(("github", "gitlab", "bitbucket", "git"), "commit"),
    **dict.fromkeys(("irc", "slack", "discord", "matrix", "zulip", "gitter"), "message"),
    **dict.fromkeys(("flickr", "instagram"), "photo"),
}
_FROM_FILE = Ingest(via="file", connector="tables@1")
_LONGEST_FIELD = 2**26

Row = tuple[int, dict[str, Any]]
"""Number of a line or row, counted from 1, and its cells by column name."""


class TableError(ImporterError):
    """A table cannot be imported; the message names the file, the line or row, and what to do."""


@dataclass(frozen=True, slots=True)
class Table:
    """Importer for one kind of table.

    Parameters
    ----------
    suffixes : tuple of str
        Suffixes of file names, such as ``.csv``.
    starts : callable
        Function that takes the first bytes of a file and returns True if it is such a table.
    rows : callable
        Function that yields the rows of a file.
    place : str
        What the numbers of rows count: ``line`` or ``row``.
    """

    suffixes: tuple[str, ...]
    starts: Callable[[bytes], bool]
    rows: Callable[[Path], Iterator[Row]]
    place: str
    edits: bool = False

    def recognises(self, path: Path, head: bytes) -> bool:
        """Return True if the name of the file or its beginning shows that it is such a table."""
        return suffixed(path, *self.suffixes) or self.starts(head)

    def read(self, path: Path, options: Options | None = None) -> Iterator[Event | ValueError]:
        """Yield the events of a table, one per row, in order.

        Times without a time zone are in the zone of the options; without one, they are read as UTC with
        a warning. A row with the id of an earlier row but other content gives a :class:`Rejected`.

        Raises
        ------
        TableError
            If a column is missing, or a row is invalid.
        """
        options = options or Options()
        unique = UniqueIds()
        try:
            pairs = ((cells.get("created_at"), cells.get("id")) for _, cells in self.rows(path))
            reader = _Reader(zone_of(options.zone), survey(pairs, day_first=options.day_first))
            for number, cells in self.rows(path):
                where = f"{self.place} {number}"
                try:
                    event = event_of_row(cells, reader=reader)
                except AmbiguousOrder as error:
                    raise order_error(error).at(f"{path}, {where}") from None
                except ValueError as error:
                    raise TableError(f"{path}, {where}: {error}") from None
                try:
                    yield unique.checked(event)
                except InvalidValue as error:
                    yield Rejected(path, where, str(error), repr(cells))
        except BROKEN as error:
            raise TableError(f"{path} is damaged or cut off: {error}; fetch it again") from None
        except OSError as error:
            raise TableError(str(unreadable(path, error))) from None
        for warning in reader.warnings():
            warnings.warn(f"{path}: {warning}", stacklevel=2)


class _Reader:
    """Parser of the times and ids of one table."""

    def __init__(self, zone: ZoneInfo | None = None, facts: Survey | None = None) -> None:
        self._zone, self._facts = zone, facts or Survey()
        self._naive = 0

    def time(self, value: object) -> datetime:
        """Parse a time; without a time zone, it is in the zone of the table, or else in UTC."""
        if is_missing(value):
            raise InvalidValue("created_at is empty; every row needs one")
        day_first = self._facts.day_first
        try:
            try:
                return parse_time(value, self._zone, day_first=day_first, what="created_at")
            except NoZone:
                self._naive += 1
                return parse_time(value, UTC, day_first=day_first, what="created_at")
        except (AmbiguousOrder, UnknownZone):
            raise
        except InvalidValue as error:
            raise InvalidValue(f"{error}; write 2026-05-15T09:30:00Z") from None

    def id(self, value: object) -> str:
        """Return the id of a row."""
        native = clean_id(value, rounded=self._facts.rounded)
        if native is None:
            raise InvalidValue("no id" if value is None else "id is empty; every row needs one")
        if not native.isprintable():
            raise InvalidValue(f"id {abbreviate(native)} has unprintable characters")
        return native

    def warnings(self) -> Iterator[str]:
        """Yield warnings about the table, after all rows were read."""
        if self._naive:
            yield (
                f"{self._naive:,} times have no time zone and were read as UTC; if they are local times, "
                "import the file into a new archive with --zone, such as --zone Europe/Berlin"
            )


def read_table(path: str | Path) -> Iterator[Event | ValueError]:
    """Read the events of a table, in the order of its rows.

    Parameters
    ----------
    path : str or Path
        File with Parquet, CSV or JSON lines; the kind is detected from its name and content.

    Raises
    ------
    TableError
        At once if the file is none of these; while reading if the file is damaged or a row invalid.
    """
    path = Path(path)
    head = head_of(path, 4096)
    for kind in (PARQUET, CSV, JSONL):
        if kind.recognises(path, head):
            return kind.read(path)
    raise TableError(f"{path} is not a known kind of table; give Parquet, CSV or JSON lines")


def event_of_row(
    cells: Mapping[str, Any], ingest: Ingest = _FROM_FILE, reader: _Reader | None = None
) -> Event:
    """Return a row of a table as an event.

    Parameters
    ----------
    cells : mapping of str to object
        Values by column name.
    ingest : Ingest
        Record of how the row was read, for the event.
    reader : object, optional
        Parser for the times and ids of the table.

    Raises
    ------
    ValueError
        If a value is missing or invalid; the message names the column.
    """
    reader = reader or _Reader()
    cells = {name: value for name, value in cells.items() if name in _KEPT or not is_missing(value)}
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
        id=f"{namespace}::{reader.id(cells.get('id'))}",
        source=source,
        created_at=reader.time(cells.get("created_at")),
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
    if not isinstance(value, str):
        raise InvalidValue(f"{name} {abbreviate(value)} is not text" if value is not None else f"no {name}")
    if is_missing(value):
        raise InvalidValue(f"{name} is empty; every row needs one")
    if not value.isprintable():
        raise InvalidValue(f"{name} {abbreviate(value)} has unprintable characters")
    return value


_RENAMED = "name them with --columns created_at=COLUMN,text=COLUMN"


def _columns(path: Path, names: list[str], hint: str = "") -> None:
    if missing := [name for name in _NEEDED if name not in names]:
        found = ", ".join(printable(name, 60) for name in names[:12]) or "nothing"
        raise TableError(
            f"{path}: no column {', '.join(missing)}; a table needs {', '.join(_NEEDED)}, "
            f"and this one has {found}{hint}",
            _guessed(names) if hint else (),
        )


_NAMES = {
    "created_at": "created_at time timestamp date datetime sent zeit datum zeitstempel fecha heure",
    "author": "author user username name sender from nick handle screen_name account person autor autorin"
    " verfasser absender von nutzer benutzer benutzername auteur expediteur usuario nombre",
    "text": "text message body content tweet post comment toot status nachricht inhalt beitrag kommentar"
    " mensaje texto texte contenu commentaire",
    "channel": "channel room kanal raum canal salon",
    "id": "id status_id message_id tweet_id",
}
"""Common column names, by the field of the event; separated by blanks."""


def _guessed(names: list[str]) -> list[str]:
    """Return the command-line options that map the column names of this table to fields."""
    if len(names) == 1:  # the separator is probably not a comma
        separator = max(";\t|", key=names[0].count)
        names = [name.strip().strip('"') for name in names[0].split(separator)]
    columns = {
        field: next((name for name in names if name.strip().casefold() in known.split()), "COLUMN")
        for field, known in _NAMES.items()
    }
    chosen = [
        f"{field}={column}"
        for field, column in columns.items()
        if column != "COLUMN" or field in ("created_at", "text")
    ]
    return ["--columns", ",".join(chosen), "--zone", "Europe/Berlin"]


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
        raise TableError(
            f"{path} is not a complete Parquet file: {printable(first)}; fetch it again"
        ) from None


def _cells(path: Path, name: str, column: pa.Array) -> list[Any]:
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.dictionary_decode(), kind.value_type
    if pa.types.is_timestamp(kind):
        try:
            # pyarrow converts only microseconds, and is ten times slower with a time zone
            naive = column.cast(pa.timestamp("us", kind.tz), safe=False).cast(pa.timestamp("us")).to_pylist()
            if kind.tz is None:
                return naive  # type: ignore[no-any-return]
            return [None if time is None else time.replace(tzinfo=UTC) for time in naive]
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
            names = next(csv.reader([line for line in [file.readline()] if line], strict=True), [])
            _columns(path, names, f"; if they have other names, {_RENAMED}")
            place = names.index("created_at")
            is_row = lambda cells: optional_time(cells[place], day_first=True) is not None
            line = 2
            for line, values in csv_rows(file, len(names), is_row, strict=True):
                if isinstance(values, BadRow):
                    raise TableError(f"{path}, line {line}: {values.reason}")
                yield line, dict(zip(names, values, strict=True))
    except UnicodeDecodeError:
        hint = f", or {_RENAMED}"
        with open_bytes(path) as packed:
            header = packed.readline()
        if not header.startswith((b"\xff\xfe", b"\xfe\xff")):
            names = next(csv.reader([header.decode("cp1252", "replace")]))
            _columns(path, names, f"; if they have other names, {_RENAMED}")
        raise (
            _undecodable(path, hint) or TableError(f"{path} is not UTF-8; save it as UTF-8{hint}")
        ) from None
    except csv.Error as error:
        raise TableError(f"{path}, line {line}: invalid CSV: {error}") from None


def _jsonl_rows(path: Path) -> Iterator[Row]:
    with open_bytes(path) as file:
        for item in values(path, file.read1):
            if isinstance(item, Rejected):
                raise TableError(f"{path}, {item.where}: {item.reason}; the file may be cut off")
            if "\ufffd" in item.raw and (error := _undecodable(path)) is not None:
                raise error
            number, cells = int(item.where.removeprefix("line ")), item.value
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


def _undecodable(path: Path, hint: str = "") -> TableError | None:
    """Return the error for the first line that is not UTF-8, or None if there is none."""
    with open_bytes(path) as file:
        for number, line in enumerate(file, 1):
            if line.startswith((b"\xff\xfe", b"\xfe\xff")) and number == 1:
                return TableError(f"{path} is UTF-16; save it as UTF-8{hint}")
            try:
                line.decode()
            except UnicodeDecodeError as error:
                wrong = line[error.start : error.start + 1]
                return TableError(f"{path}, line {number}: {wrong!r} is not UTF-8; save it as UTF-8{hint}")
    return None


def _is_csv(head: bytes) -> bool:
    return b"created_at" in head.split(b"\n", 1)[0] and begins(head) not in (b"{", b"[")


def _is_jsonl(head: bytes) -> bool:
    """Return True for one JSON object per line, and False for one object on many lines."""
    return begins(head) == b"{" and head.lstrip(b"\xef\xbb\xbf \t\r\n").split(b"\n", 1)[0].strip() != b"{"


PARQUET = Table((".parquet", ".pq"), lambda head: head.startswith(b"PAR1"), _parquet_rows, "row")
CSV = Table((".csv",), _is_csv, _csv_rows, "line")
JSONL = Table((".jsonl", ".ndjson"), _is_jsonl, _jsonl_rows, "line")
