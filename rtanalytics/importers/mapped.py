"""CSV of any tool, with a mapping from columns to fields on the command line.

``--columns created_at=Timestamp,text=Message,author=User`` gives the required ``created_at`` and ``text``
and an author; ``id`` is derived from the row if no column fields it. Ids are the same as in tables:
``<source up to the first colon>::<id>``.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

from rtanalytics.event import Event
from rtanalytics.importers.base import ImporterError, Options, Rejected
from rtanalytics.importers.common import (
    NAME_ZONE,
    author_of,
    build,
    digest,
    event_or_rejected,
    find_links,
    find_tags,
    language,
    moment,
    word,
    zone_of,
)
from rtanalytics.importers.reading import is_utf16, open_bytes
from rtanalytics.importers.unpack import BROKEN
from rtanalytics.normalize.dates import with_zone
from rtanalytics.normalize.values import InvalidValue
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
    """Decode bytes that are not UTF-8 as Excel in western Europe writes them."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end


_WINDOWS = "rtanalytics.windows"
codecs.register_error(_WINDOWS, _as_windows)


class _Columns:
    """Importer for CSV with a mapping."""

    edits = True

    def recognises(self, path: Path, head: bytes) -> bool:
        """Return False, because a mapping is required."""
        return False

    def read(self, path: Path, options: Options) -> Iterator[Event | ValueError]:
        """Yield the events of a file."""
        _check(path, options)
        rows = _Rows(options)
        for line, cells in _rows(path, options.columns):
            yield from event_or_rejected(rows.event, cells, path, f"line {line}")


COLUMNS = _Columns()


def _check(path: Path, options: Options) -> None:
    unknown = [name for name in options.columns if name not in _FIELDS]
    if unknown:
        raise ImporterError(f"unknown field {abbreviate(unknown[0])}; use one of {', '.join(_FIELDS)}")
    missing = [name for name in ("created_at", "text") if name not in options.columns]
    if missing:
        raise ImporterError(
            f"{path}: no column for {missing[0]}; write --columns created_at=COLUMN,text=COLUMN and so on"
        )
    if "source" not in options.columns and not options.source:
        raise ImporterError(
            f"{path}: no source; give a column for it, or write --source such as slack:#general"
        )


def _rows(path: Path, columns: Mapping[str, str]) -> Iterator[tuple[int, dict[str, str] | Rejected]]:
    """Yield line and cells of each row."""
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
                f"{path} fields no column {abbreviate((lost or ['any'])[0])}; its columns are {found}"
            )
        reader = csv.reader(text, delimiter=separator)
        start = line
        while True:
            try:
                values = next(reader, None)
            except csv.Error as error:
                yield line, Rejected(path, f"line {line}", f"invalid CSV: {error}")
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


class _Rows:
    """Turns rows into events."""

    def __init__(self, options: Options) -> None:
        self._options, self._zone = options, zone_of(options.zone)
        self._equal: Counter[str] = Counter()

    def event(self, cells: dict[str, str]) -> Event:
        """Return the event of a row."""
        fields = {name: cells[column] for name, column in self._options.columns.items()}
        source = word(fields.get("source")) or word(self._options.source)
        bucket, _, rest = source.partition(":")
        if not bucket:
            raise InvalidValue(
                f"source {abbreviate(source)} begins with a colon; write a name such as slack before it"
            )
        created, text = self._time(fields["created_at"], "created_at"), fields["text"]
        native, id_kind = word(fields.get("id"), 300), "native"
        if not native:
            if "id" in fields:
                raise InvalidValue("id is empty; every row needs one")
            key = digest(created.isoformat(), fields.get("author", ""), fields.get("channel", ""), text)
            if len(self._equal) < 1_000_000:
                self._equal[key] += 1
            native, id_kind = f"{key}{f'.{n}' if (n := self._equal[key]) > 1 else ''}", "derived"
        channel = word(fields.get("channel")) or self._options.channel or rest or None
        parent = word(fields.get("reply_to"), 300)
        return build(
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

    def _time(self, value: str, name: str) -> datetime:
        value = value.strip()
        if self._options.time_format:
            try:
                time = datetime.strptime(value, self._options.time_format)  # noqa: DTZ007 - the zone follows
            except ValueError:
                shape = self._options.time_format
                raise InvalidValue(f"{name} {abbreviate(value)} does not have the format {shape}") from None
            return with_zone(time, self._zone, what=name, advice=NAME_ZONE, text=value)
        return moment(value, self._zone, name)
