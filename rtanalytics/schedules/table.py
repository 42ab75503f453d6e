"""Tables of talks: CSV with columns under their common names.

A title and a start are required; the start may be one column, or a date and a time. Rows without a
time are talks without a slot, as in exports of submissions, and are left out.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from rtanalytics.schedules.common import (
    Found,
    ScheduleError,
    Slot,
    end_after,
    placed,
    prose,
    required_zone,
    slot_or_error,
    unique,
    word,
)

__all__ = ["COLUMNS", "read_table"]

COLUMNS: dict[str, tuple[str, ...]] = {
    "id": ("id", "guid", "uid", "code", "slug"),
    "title": ("title", "subject", "talk", "talk title", "proposal title", "session title", "presentation"),
    "start": ("start", "start utc", "starts", "start time", "begin", "datetime", "time"),
    "end": ("end", "end utc", "ends", "end time", "finish"),
    "date": ("date", "day", "start date"),
    "end date": ("end date", "end day"),
    "duration": ("duration", "length", "minutes", "duration minutes"),
    "speakers": ("speaker", "speakers", "speaker names", "speaker name", "presenter", "presenters", "author",
                 "authors"),
    "room": ("room", "location", "venue", "hall"),
    "track": ("track", "session", "stream", "topic"),
    "kind": ("kind", "type", "session type", "format"),
    "url": ("url", "link", "website"),
    "abstract": ("abstract", "description", "summary"),
    "status": ("status", "state"),
    "timezone": ("timezone", "time zone", "tz"),
}  # fmt: skip
"""Meaning of a column → its names; the first name in the table counts."""

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def read_table(text: str, where: str, zone: tzinfo | None, first_day: date | None) -> list[Found]:
    """Return the slots of a CSV table, or an error for each bad row, which names the line.

    The separator may be a comma, a semicolon or a tab.

    Raises
    ------
    ScheduleError
        If a column is missing, or it is not a table.
    """
    head = text.split("\n", 1)[0]
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=head.count))
    try:
        names = [re.sub(r"[\s_()-]+", " ", name).strip().lower() for name in next(rows)]
        columns = _columns(names)
        if missing := {"title", "start"} - set(columns):
            raise ScheduleError(
                f"{where}:1: no column {' and no column '.join(sorted(missing, reverse=True))}; the table "
                f"has {', '.join(names)[:60]}"
            )
        return list(_found(rows, columns, names, where, zone, first_day))
    except csv.Error as error:
        raise ScheduleError(f"{where}:{rows.line_num}: {error}") from None


def _columns(names: list[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for kind, aliases in COLUMNS.items():
        for alias in aliases:
            if alias in names:
                found[kind] = names.index(alias)
                break
    return found


def _found(
    rows: Iterator[list[str]],
    columns: dict[str, int],
    names: list[str],
    where: str,
    zone: tzinfo | None,
    first_day: date | None,
) -> Iterator[Found]:
    reader = _Rows(columns, names, zone, first_day)
    for row in rows:
        cells = {kind: row[place].strip() for kind, place in columns.items() if place < len(row)}
        if any(cells.values()):
            # the attribute is the csv.reader's
            yield slot_or_error(reader.slot, cells, f"{where}:{rows.line_num}")  # type: ignore[attr-defined]


class _Rows:
    """Reader of the rows of a table, with its zone and first day."""

    def __init__(
        self, columns: dict[str, int], names: list[str], zone: tzinfo | None, first_day: date | None
    ) -> None:
        self._zone, self._first_day = zone, first_day
        self._many = names[columns["speakers"]].endswith("s") if "speakers" in columns else False
        self._utc = {k for k in ("start", "end") if k in columns and names[columns[k]].endswith(" utc")}

    def slot(self, cells: dict[str, str], line: str) -> Slot | None:
        if not cells.get("start"):
            return None
        if not cells.get("title"):
            raise ScheduleError(f"{line}: no title")
        start = self._moment(cells, "start", line)
        if cells.get("end"):
            end: datetime | None = self._moment(cells, "end", line)
            if end is not None and end < start and _clock(cells["end"]) and not cells.get("end date"):
                end += timedelta(days=1)  # a time of day after midnight
        else:
            end = end_after(start, cells.get("duration"), line)
        return Slot(
            where=line,
            id=cells.get("id", ""),
            title=word(cells["title"]),
            start=start,
            end=end,
            speakers=_people(cells.get("speakers", ""), many=self._many),
            room=cells.get("room") or None,
            track=cells.get("track") or None,
            kind=(cells.get("kind") or "talk").lower(),
            url=cells.get("url") or None,
            abstract=prose(cells.get("abstract")) or None,
            cancelled=cells.get("status", "").lower() in {"canceled", "cancelled"},
        )

    def _moment(self, cells: dict[str, str], kind: str, line: str) -> datetime:
        zone = UTC if kind in self._utc else required_zone(cells.get("timezone", ""), line) or self._zone
        day = (cells.get("end date") if kind == "end" else "") or cells.get("date", "")
        return _moment(cells[kind], day, zone, line, self._first_day)


def _moment(text: str, day: str, zone: tzinfo | None, line: str, first_day: date | None) -> datetime:
    """Parse a cell with a date and time, or with a time of day on a given day."""
    clock = _clock(text)
    if clock is not None:
        if not day:
            raise ScheduleError(f"{line}: {text[:60]!r} is a time of day; add a column date")
        return placed(datetime.combine(_day(day, line, first_day), clock), zone, line)
    whole = re.sub(r"\s+", " ", text)
    date_part, _, time_part = whole.partition(" ")
    if time_part and (clock := _clock(time_part)) is not None:
        return placed(datetime.combine(_day(date_part, line, first_day), clock), zone, line)
    try:
        return placed(datetime.fromisoformat(whole), zone, line)
    except ValueError as error:
        if isinstance(error, ScheduleError):
            raise
        raise ScheduleError(f"{line}: {text[:60]!r} is not a time such as 2026-05-15 09:30") from None


def _clock(text: str) -> time | None:
    found = re.fullmatch(
        r"(\d{1,2}):(\d{2})(?::(\d{2}))?\s*([ap]m)?", text.strip().lower().replace(".m.", "m")
    )
    if found is None:
        return None
    hour = int(found[1])
    if found[4]:
        hour = hour % 12 + (12 if found[4] == "pm" else 0)
    try:
        return time(hour, int(found[2]), int(found[3] or 0))
    except ValueError:
        return None


def _day(text: str, line: str, first_day: date | None) -> date:
    text = text.strip()
    if found := re.fullmatch(r"(\d{1,2})\.(\d{1,2})\.(\d{4})", text):
        text = f"{found[3]}-{int(found[2]):02}-{int(found[1]):02}"
    try:
        return date.fromisoformat(text)
    except ValueError:
        pass  # perhaps a day of the week
    if text[:3].lower() not in _WEEKDAYS:
        raise ScheduleError(f"{line}: {text[:60]!r} is not a date such as 2026-05-15")
    if first_day is None:
        raise ScheduleError(
            f"{line}: {text[:60]!r} is a day of the week; give the first day of the conference"
        )
    return first_day + timedelta(days=(_WEEKDAYS.index(text[:3].lower()) - first_day.weekday()) % 7)


def _people(text: str, *, many: bool) -> list[str]:
    """Split names at semicolons, bars, lines and ampersands; at commas only in a column of "speakers"."""
    names = re.split(r"\s*[;|\n]\s*|\s+&\s+" + (r"|\s*,\s*" if many else ""), text)
    return unique(" ".join(name.split()) for name in names)
