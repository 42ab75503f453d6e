"""CSV of any tool: the command line says which column is what.

``--columns created_at=Timestamp,text=Message,author=User`` is the least; ``id`` is made from the row if no
column has it. Ids are those of tables: ``<source up to the first colon>::<id>``.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

from rtanalytics.event import Event
from rtanalytics.importers.base import ImporterError, Options, Rejected, RowError, shortened
from rtanalytics.importers.common import (
    BAD_ROW,
    author_of,
    build,
    digest,
    find_links,
    find_tags,
    language,
    moment,
    reason_of,
    word,
    zone_of,
)
from rtanalytics.importers.reading import open_bytes
from rtanalytics.importers.unpack import BROKEN

__all__ = ["COLUMNS"]

CONNECTOR = "columns@1"
_FIELDS = (
    "created_at", "text", "author", "name", "id", "source", "channel", "title", "url", "lang", "type", "to",
    "tags", "mentions", "links", "reply_to", "edited_at",
)  # fmt: skip
_LONGEST_FIELD = 2**24
_SEPARATORS = ",;\t|"
_SEP_LINE = re.compile(r"\"?sep=([,;|\t])\"?\s*$")
_NAMED_UTC = re.compile(r"(?<!\s)\s*(?:(?:UTC|GMT|Z)$|(?<=\s)(?=[+-]\d\d:?\d\d$))")


def _as_windows(error: UnicodeError) -> tuple[str, int]:
    """Bytes that are no UTF-8, as Excel in western Europe writes them."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end


codecs.register_error("rtanalytics.windows", _as_windows)


class _Columns:
    """Importer of CSV with a mapping."""

    what = "CSV whose columns --columns names"
    edits = True

    def recognises(self, path: Path, head: bytes) -> bool:
        """False: only who gives the mapping knows."""
        return False

    def read(self, path: Path, options: Options) -> Iterator[Event | ValueError]:
        _check(path, options)
        row_of = _Rows(options)
        for line, cells in _rows(path, options.columns):
            if isinstance(cells, Rejected):
                yield cells
                continue
            try:
                yield row_of.event(cells)
            except BAD_ROW as error:
                yield Rejected(path, f"line {line}", reason_of(error), repr(cells))


COLUMNS = _Columns()


def _check(path: Path, options: Options) -> None:
    unknown = [name for name in options.columns if name not in _FIELDS]
    if unknown:
        raise ImporterError(
            f"{shortened(unknown[0])} is no field of an event; known are {', '.join(_FIELDS)}"
        )
    missing = [name for name in ("created_at", "text") if name not in options.columns]
    if missing:
        raise ImporterError(
            f"{path}: which column is {missing[0]}? write --columns created_at=COLUMN,text=COLUMN and so on"
        )
    if "source" not in options.columns and not options.source:
        raise ImporterError(
            f"{path}: of which source is it? name a column, or write --source such as slack:#general"
        )


def _rows(path: Path, columns: Mapping[str, str]) -> Iterator[tuple[int, dict[str, str] | Rejected]]:
    """Line and cells of each row."""
    if csv.field_size_limit() < _LONGEST_FIELD:
        csv.field_size_limit(_LONGEST_FIELD)
    with open_bytes(path) as file:
        try:
            wide = file.peek(2)[:2] in (b"\xff\xfe", b"\xfe\xff")
            encoding = "utf-16" if wide else "utf-8-sig"
            text = io.TextIOWrapper(file, encoding=encoding, errors=_BROKEN_TEXT[wide], newline="")
            first, line = text.readline(1_000_000), 2
            if (told := _SEP_LINE.match(first)) is not None:  # Excel says how its columns are parted
                first, line = text.readline(1_000_000), 3
        except BROKEN as error:
            raise ImporterError(f"{path} is damaged or cut off ({error}); fetch it again") from None
        separator = _separator(first) if told is None else told[1]
        names = [name.strip() for name in next(csv.reader([first], delimiter=separator), [])]
        if (lost := [column for column in columns.values() if column not in names]) or not names:
            found = ", ".join(ascii(name)[1:-1] for name in names[:20]) or "none"
            raise ImporterError(
                f"{path} has no column {shortened((lost or ['any'])[0])}; its columns are {found}"
            )
        reader = csv.reader(text, delimiter=separator)
        start = line
        while True:
            try:
                values = next(reader, None)
            except csv.Error as error:
                yield line, Rejected(path, f"line {line}", f"not CSV as it should be: {error}")
                line = reader.line_num + start
                continue
            except BROKEN as error:
                reason = f"damaged or cut off from here on ({error}); fetch it again"
                yield line, Rejected(path, f"after line {line - 1}", reason)
                return
            if values is None:
                return
            if values and len(values) != len(names):
                reason = f"{len(values)} fields, but there are {len(names)} columns; quotes missing?"
                yield line, Rejected(path, f"line {line}", reason, ",".join(values))
            elif values:
                yield line, dict(zip(names, values, strict=True))
            line = reader.line_num + start


_BROKEN_TEXT = {False: "rtanalytics.windows", True: "replace"}


def _separator(first: str) -> str:
    """What stands most often between the names of the columns."""
    return max(_SEPARATORS, key=first.count)


class _Rows:
    """Makes events of rows."""

    def __init__(self, options: Options) -> None:
        self._options, self._zone = options, zone_of(options.zone)
        self._equal: Counter[str] = Counter()

    def event(self, cells: dict[str, str]) -> Event:
        """The event of a row."""
        has = {name: cells[column] for name, column in self._options.columns.items()}
        source = word(has.get("source")) or word(self._options.source)
        bucket, _, rest = source.partition(":")
        if not bucket:
            raise RowError(
                f"source {shortened(source)} begins with a colon; write a name such as slack before it"
            )
        created, text = self._time(has["created_at"], "created_at"), has["text"]
        native, id_kind = word(has.get("id"), 300), "native"
        if not native:
            if "id" in has:
                raise RowError("id is empty; every row needs one")
            key = digest(created.isoformat(), has.get("author", ""), has.get("channel", ""), text)
            if len(self._equal) < 1_000_000:
                self._equal[key] += 1
            native, id_kind = f"{key}{f'.{n}' if (n := self._equal[key]) > 1 else ''}", "derived"
        channel = word(has.get("channel")) or self._options.channel or rest or None
        answers = word(has.get("reply_to"), 300)
        return build(
            id=f"{bucket}::{native}",
            source=source,
            type=word(has.get("type"), 40) or ("reply" if answers else "post"),
            created_at=created,
            edited_at=self._time(has["edited_at"], "edited_at") if has.get("edited_at") else None,
            connector=CONNECTOR,
            id_kind=id_kind,
            author=author_of(has.get("author"), name=has.get("name")),
            channel=channel,
            to=has.get("to") or None,
            title=has.get("title"),
            text=text,
            url=has.get("url") or None,
            lang=language(has.get("lang")),
            tags=[*has.get("tags", "").replace(",", " ").split(), *find_tags(text)],
            mentions=has.get("mentions", "").replace(",", " ").split(),
            links=[*has.get("links", "").split(), *find_links(text)],
            reply_to=f"{bucket}::{answers}" if answers else None,
        )

    def _time(self, value: str, name: str) -> datetime:
        value = value.strip()
        if self._options.time_format:
            try:
                said = datetime.strptime(value, self._options.time_format)  # noqa: DTZ007 - the zone follows
            except ValueError:
                shape = self._options.time_format
                raise RowError(f"{name} {shortened(value)} is not written as {shape}") from None
            return self._zoned(said, value, name)
        if value.replace(".", "", 1).isdigit() and len(value.partition(".")[0]) >= 9:
            seconds = float(value)
            return moment(seconds / 1000 if seconds > 1e11 else seconds)
        try:
            return moment(_NAMED_UTC.sub(_offset, value), self._zone, name)
        except RowError as error:
            if "no time zone" in str(error):
                raise
        try:
            said = parsedate_to_datetime(value)  # of mails, and what Twitter writes
        except (ValueError, TypeError, IndexError):
            raise RowError(
                f"{name} {shortened(value)} is no time; say how it is written with --time-format"
            ) from None
        return self._zoned(said, value, name)

    def _zoned(self, said: datetime, value: str, name: str) -> datetime:
        if said.tzinfo is None:
            if self._zone is None:
                raise RowError(f"{name} {shortened(value)} has no time zone; name it with --zone")
            said = said.replace(tzinfo=self._zone)
        return said.astimezone(UTC)


def _offset(found: re.Match[str]) -> str:
    """``UTC`` as an offset, and nothing before an offset."""
    return "+00:00" if found.group().strip() else ""
