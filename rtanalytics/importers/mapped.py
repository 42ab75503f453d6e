"""Importer for CSV of any tool; the command line says which column is which field of an event.

For example, ``--columns created_at=Timestamp,text=Message,author=User`` gives the required fields
``created_at`` and ``text``, and the author. Without a column for ``id``, the id is derived from the row.
As in other tables, the id of an event is ``<source up to the first colon>::<id>``.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path

from rtanalytics.event import Event
from rtanalytics.importers.base import ImporterError, Options, Rejected
from rtanalytics.importers.common import (
    NAME_ZONE,
    UniqueIds,
    author_of,
    build,
    digest,
    event_or_rejected,
    find_links,
    find_tags,
    language,
    word,
    zone_of,
)
from rtanalytics.importers.csv_rows import BadRow, csv_rows
from rtanalytics.importers.reading import is_utf16, open_bytes
from rtanalytics.importers.survey import Survey, order_error, survey
from rtanalytics.importers.unpack import BROKEN
from rtanalytics.normalize.dates import (
    AmbiguousOrder,
    NoZone,
    SpreadsheetNumber,
    UnknownZone,
    optional_time,
    parse_time,
    with_zone,
)
from rtanalytics.normalize.values import InvalidValue, clean_id, is_missing
from rtanalytics.untrusted import abbreviate

__all__ = ["COLUMNS"]

CONNECTOR = "columns@1"
_FIELDS = (
    "created_at", "text", "author", "name", "id", "source", "channel", "title", "url", "lang", "type", "to",
    "tags", "mentions", "links", "reply_to", "edited_at",
)  # fmt: skip
_LONGEST_FIELD = 2**24
_SEPARATORS = ",;\t|"
_SEP_LINE = re.compile(r"\"?sep=([,;|\t])\"?\s*$")


def _as_windows(error: UnicodeError) -> tuple[str, int]:
    """Decode bytes that are not UTF-8 as Windows-1252, which Excel writes in western Europe."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end


_WINDOWS = "rtanalytics.windows"
codecs.register_error(_WINDOWS, _as_windows)


class _Columns:
    """Importer for CSV with a mapping of columns to fields."""

    edits = True

    def recognises(self, path: Path, head: bytes) -> bool:
        """Return False: this importer is only used if ``--columns`` is given."""
        return False

    def read(self, path: Path, options: Options) -> Iterator[Event | ValueError]:
        """Yield the events of a file."""
        _check(path, options)
        rows = _Rows(options)
        rows.survey(cells for _, cells in _rows(path, options.columns, rows.is_time))
        for line, cells in _rows(path, options.columns, rows.is_time):
            yield from event_or_rejected(rows.event, cells, path, f"line {line}")
        rows.warn(path)


COLUMNS = _Columns()


def _check(path: Path, options: Options) -> None:
    unknown = [name for name in options.columns if name not in _FIELDS]
    if unknown:
        raise ImporterError(f"unknown field {abbreviate(unknown[0])}; use one of {', '.join(_FIELDS)}")
    missing = [name for name in ("created_at", "text") if name not in options.columns]
    if missing:
        raise ImporterError(
            f"{path}: no column is given for {missing[0]}; write --columns created_at=COLUMN,text=COLUMN"
        )


def _rows(
    path: Path, columns: Mapping[str, str], is_time: Callable[[str], bool]
) -> Iterator[tuple[int, dict[str, str] | Rejected]]:
    """Yield the line number and the cells of each row."""
    if csv.field_size_limit() < _LONGEST_FIELD:
        csv.field_size_limit(_LONGEST_FIELD)
    with open_bytes(path) as file:
        try:
            encoding, errors = ("utf-16", "replace") if is_utf16(file.peek(2)) else ("utf-8-sig", _WINDOWS)
            text = io.TextIOWrapper(file, encoding=encoding, errors=errors, newline="")
            first, line = text.readline(1_000_000), 2
            if (declared := _SEP_LINE.match(first)) is not None:  # Excel declares the separator
                first, line = text.readline(1_000_000), 3
        except BROKEN as error:
            raise ImporterError(f"{path} is damaged or cut off ({error}); fetch it again") from None
        separator = max(_SEPARATORS, key=first.count) if declared is None else declared[1]
        names = [name.strip() for name in next(csv.reader([first], delimiter=separator), [])]
        if (lost := [column for column in columns.values() if column not in names]) or not names:
            found = ", ".join(ascii(name)[1:-1] for name in names[:20]) or "none"
            raise ImporterError(
                f"{path} has no column {abbreviate((lost or ['any'])[0])}; its columns are {found}"
            )

        def is_row(cells: list[str]) -> bool:
            return is_time(dict(zip(names, cells, strict=True))[columns["created_at"]])

        try:
            for line, cells in csv_rows(text, len(names), is_row, first=line, separator=separator):  # noqa: B020
                if isinstance(cells, BadRow):
                    yield line, Rejected(path, f"line {line}", cells.reason, cells.raw)
                else:
                    yield line, dict(zip(names, cells, strict=True))
        except BROKEN as error:
            reason = f"damaged or cut off from here on ({error}); fetch it again"
            yield line, Rejected(path, f"after line {line}", reason)


class _Rows:
    """Converter from rows to events."""

    def __init__(self, options: Options) -> None:
        self._options, self._zone = options, zone_of(options.zone)
        self._equal: Counter[str] = Counter()
        self._facts = Survey(options.day_first)
        self._unique = UniqueIds()
        self._damaged = 0

    def survey(self, rows: Iterable[dict[str, str] | Rejected]) -> None:
        """Find the order of day and month, and whether ids were rounded, from all rows."""
        time, id = self._options.columns["created_at"], self._options.columns.get("id")
        named = self._options.time_format is not None
        pairs = (
            (None if named else cells[time], None if id is None else cells[id])
            for cells in rows
            if isinstance(cells, dict)
        )
        self._facts = survey(pairs, day_first=self._options.day_first)

    def is_time(self, value: str) -> bool:
        """Return True if the value of a cell is a time."""
        try:
            self._time(value, "created_at")
        except (NoZone, AmbiguousOrder):
            return True
        except InvalidValue:
            return False
        return True

    def warn(self, path: Path) -> None:
        """Warn about references to other messages that were left out."""
        if self._damaged:
            warnings.warn(
                f"{path}: {self._damaged:,} ids in reply_to have lost digits and were left out; export the "
                "data again with the ids as text",
                stacklevel=2,
            )

    def event(self, cells: dict[str, str]) -> Event:
        """Return the event of a row."""
        fields = {name: cells[column] for name, column in self._options.columns.items()}
        for name, value in fields.items():
            if name != "text" and is_missing(value):
                fields[name] = ""
        source = word(fields.get("source")) or word(self._options.source) or "table"
        bucket, _, rest = source.partition(":")
        if not bucket:
            raise InvalidValue(
                f"source {abbreviate(source)} begins with a colon; write a name such as slack before it"
            )
        try:
            created = self._time(fields["created_at"], "created_at")
        except NoZone as error:
            raise ImporterError(str(error), ["--zone", "Europe/Berlin"]) from None
        except AmbiguousOrder as error:
            missing = order_error(error)
            zone = [] if self._zone or self._names_zone(fields["created_at"]) else ["--zone", "Europe/Berlin"]
            raise ImporterError(str(missing), [*missing.add, *zone]) from None
        text = fields["text"]
        native, id_kind = word(clean_id(fields.get("id"), rounded=self._facts.rounded), 300), "native"
        if not native:
            key = digest(created.isoformat(), fields.get("author", ""), fields.get("channel", ""), text)
            if len(self._equal) < 1_000_000:
                self._equal[key] += 1
            native, id_kind = f"{key}{f'.{n}' if (n := self._equal[key]) > 1 else ''}", "derived"
        channel = word(fields.get("channel")) or self._options.channel or rest or None
        parent = self._parent(fields.get("reply_to"))
        event = build(
            id=f"{bucket}::{native}",
            source=source,
            type=word(fields.get("type"), 40) or ("reply" if parent else "post"),
            created_at=created,
            edited_at=self._time(fields["edited_at"], "edited_at") if fields.get("edited_at") else None,
            connector=CONNECTOR,
            id_kind=id_kind,
            author=author_of(fields.get("author"), name=fields.get("name")),
            channel=channel,
            to=fields.get("to") or None,
            title=fields.get("title"),
            text=text,
            url=fields.get("url") or None,
            lang=language(fields.get("lang")),
            tags=[*fields.get("tags", "").replace(",", " ").split(), *find_tags(text)],
            mentions=fields.get("mentions", "").replace(",", " ").split(),
            links=[*fields.get("links", "").split(), *find_links(text)],
            reply_to=f"{bucket}::{parent}" if parent else None,
        )
        return self._unique.checked(event)

    def _parent(self, value: str | None) -> str:
        """Return the id of the message replied to, or "" if it lost digits and could be another message."""
        try:
            return word(clean_id(value, "reply_to", rounded=self._facts.rounded), 300)
        except InvalidValue:
            self._damaged += 1
            return ""

    def _names_zone(self, value: str) -> bool:
        return optional_time(value, None, day_first=True) is not None

    def _time(self, value: str, name: str) -> datetime:
        value = value.strip()
        if self._options.time_format:
            try:
                time = datetime.strptime(value, self._options.time_format)  # noqa: DTZ007 - the zone follows
            except ValueError:
                shape = self._options.time_format
                raise InvalidValue(f"{name} {abbreviate(value)} does not have the format {shape}") from None
            return with_zone(time, self._zone, what=name, advice=NAME_ZONE, text=value)
        if not value:
            raise InvalidValue(f"{name} is empty; every row needs one")
        try:
            return parse_time(value, self._zone, day_first=self._facts.day_first, what=name, advice=NAME_ZONE)
        except (NoZone, AmbiguousOrder, UnknownZone, SpreadsheetNumber):
            raise
        except InvalidValue as error:
            raise InvalidValue(f"{error}; give its format with --time-format") from None
