"""Reader for CSV tables of talks, with common column names or the column names of a tool.

A title and a start are required; the start may be one column, or a date and a time. Rows without a
time, such as unscheduled submissions, are left out.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import islice

from rtanalytics.normalize.dates import AmbiguousOrder, day_order, parse_clock, parse_day
from rtanalytics.normalize.values import is_missing
from rtanalytics.schedules.common import (
    Found,
    ScheduleError,
    Slot,
    ambiguous_date,
    end_after,
    moment,
    placed,
    prose,
    required_zone,
    slot_or_error,
    unique,
    word,
)

__all__ = ["GENERIC", "Cells", "Layout", "Row", "read_table"]

Cells = dict[str, str]
"""Cells of a row: text by the meaning of the column, such as ``title`` or ``start``."""

Row = tuple[str, Cells]
"""Place of a row in the file (``name:line``), and its cells."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Column names of the tables of a tool, and how their rows are read.

    Parameters
    ----------
    columns : dict
        Possible names of each column, by its meaning; the first name that the table has is used.
    required : set of str
        Meanings of the columns that a table must have.
    fits : callable, optional
        Function that takes the names of the columns and returns True if the table is of this tool.
    month_first : bool
        If true, 05/06/2026 is the sixth of May, unless other dates in the file begin with a day above 12.
    arrange : callable, optional
        Function that changes the rows before they are read, for example to join the rows of a talk.
    expand : callable, optional
        Function that takes a row (text by column name) and returns the cells of each talk in it.
    all_day : bool
        If true, a row with a date and without a time is an entry for the whole day.
    """

    columns: Mapping[str, tuple[str, ...]]
    required: frozenset[str] = frozenset({"title", "start"})
    fits: Callable[[Iterable[str]], bool] | None = None
    month_first: bool = False
    arrange: Callable[[list[Row]], list[Row]] | None = None
    expand: Callable[[Cells], Iterable[Cells]] | None = None
    all_day: bool = False


GENERIC = Layout(
    {
        "id": ("id", "guid", "uid", "code", "slug"),
        "title": ("title", "subject", "talk", "talk title", "proposal title", "session title",
                  "presentation"),
        "start": ("start", "start utc", "starts", "start time", "begin", "datetime", "time", "time start"),
        "end": ("end", "end utc", "ends", "end time", "finish", "time end"),
        "date": ("date", "day", "start date"),
        "end date": ("end date", "end day"),
        "duration": ("duration", "length", "minutes", "duration minutes"),
        "speakers": ("speaker", "speakers", "speaker names", "speaker name", "presenter", "presenters",
                     "author", "authors"),
        "room": ("room", "location", "venue", "hall", "room/location"),
        "track": ("track", "session", "stream", "topic"),
        "kind": ("kind", "type", "session type", "format"),
        "url": ("url", "link", "website"),
        "abstract": ("abstract", "description", "summary"),
        "status": ("status", "state"),
        "timezone": ("timezone", "time zone", "tz"),
    }
)  # fmt: skip
"""Layout of tables that were not exported by a known tool."""

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_PREAMBLE = 60
"""Number of rows in which the header is searched; templates of tools begin with instructions."""
_MIDNIGHT = re.compile(r"[ T](?:0?0:00(?::00(?:\.0+)?)?|12:00(?::00)? ?AM)$", re.IGNORECASE)
_DEGREE = re.compile(r"(?:ph\.?\s?d|m\.?d|m\.?sc|b\.?sc|mba|jr|sr|ii|iii)\.?", re.IGNORECASE)
_NO = {"n", "no", "false", "0"}


def read_table(
    text: str, where: str, zone: tzinfo | None, first_day: date | None, layouts: Mapping[str, Layout]
) -> list[Found]:
    """Return the slots of a CSV table, or an error with the line number for each bad row.

    The separator may be a comma, a semicolon or a tab. The first of ``layouts`` that fits is used.

    Raises
    ------
    ScheduleError
        If no layout fits, or the text is not a table.
    """
    text = re.sub(r"\A\s*sep=[,;\t]\r?\n", "", text)  # Excel's separator line
    separators = sorted(",;\t", key=text[:2_000].split("\n", 1)[0].count, reverse=True)
    for separator in separators:
        if header := _header(text, separator, layouts):
            return _Table(text, where, separator, *header).found(zone, first_day)
    names = [_full(name) for name in next(_rows(text, separators[0]), [])]
    missing = [meaning for meaning in ("title", "start") if not set(GENERIC.columns[meaning]) & set(names)]
    raise ScheduleError(
        f"{where}:1: no column {' and no column '.join(missing or ['of such a table'])}; the table has "
        f"{', '.join(names)[:60]}; name the columns title, start, end, speakers and room, or use an export "
        "of Sessionize, Sched, Guidebook, Whova or ConfTool as it is"
    )


def _rows(text: str, separator: str) -> Iterator[list[str]]:
    return csv.reader(io.StringIO(text, newline=""), delimiter=separator)


def _full(name: str) -> str:
    return re.sub(r"[\s_()*-]+", " ", name).strip().lower()


def _names(header: list[str]) -> dict[str, int]:
    """Return the position of each column by its name.

    The name without parts in brackets, such as "(optional)", is included as well.
    """
    names: dict[str, int] = {}
    bare = (re.sub(r"\([^()]*\)|\[[^\[\]]*\]", " ", name) for name in header)
    for some in (header, bare):
        for place, name in enumerate(some):
            names.setdefault(_full(name), place)
    names.pop("", None)
    return names


def _header(
    text: str, separator: str, layouts: Mapping[str, Layout]
) -> tuple[int, dict[str, int], Layout] | None:
    """Return row number and column positions of the header, and the layout that fits it, or None."""
    try:
        for number, row in enumerate(islice(_rows(text, separator), _PREAMBLE)):
            names = _names(row)
            for layout in layouts.values():
                known = {m for m, aliases in layout.columns.items() if not names.keys().isdisjoint(aliases)}
                if layout.required <= known and (layout.fits is None or layout.fits(names)):
                    return number, names, layout
    except csv.Error:
        pass  # the table is read again, which reports the error with its line
    return None


class _Table:
    """A CSV table with its header and its layout."""

    def __init__(
        self, text: str, where: str, separator: str, header: int, names: dict[str, int], layout: Layout
    ) -> None:
        self._text, self._where, self._separator = text, where, separator
        self._header, self._names, self._layout = header, names, layout
        self._columns = {
            meaning: next(names[alias] for alias in aliases if alias in names)
            for meaning, aliases in layout.columns.items()
            if not names.keys().isdisjoint(aliases)
        }
        utc = {place for name, place in names.items() if name.endswith(" utc")}
        self._utc = {meaning for meaning in ("start", "end") if self._columns.get(meaning) in utc}
        plural = {place for name, place in names.items() if name.endswith("s")}
        self._many = layout is not GENERIC or self._columns.get("speakers") in plural

    def found(self, zone: tzinfo | None, first_day: date | None) -> list[Found]:
        rows = list(self._talks())
        if self._layout.arrange is not None:
            rows = self._layout.arrange(rows)
        dates = (cells.get(m, "") for _, cells in rows for m in ("start", "end", "date", "end date"))
        reader = _Reader(
            self._utc,
            zone,
            first_day,
            day_first=day_order(_MIDNIGHT.sub("", text) for text in dates),
            month_first=self._layout.month_first,
            many=self._many,
        )
        read = reader.all_day if self._layout.all_day else reader.slot
        return [slot_or_error(read, cells, place) for place, cells in rows]

    def _talks(self) -> Iterator[Row]:
        """Yield the rows that have text in at least one known column."""
        # strict, because a missing closing quotation mark would silently join rows
        source = io.StringIO(self._text, newline="")
        rows = csv.reader(source, delimiter=self._separator, strict=True)
        begin = 0
        try:
            for number, row in enumerate(rows):
                begin, line = rows.line_num + 1, rows.line_num
                if number <= self._header:
                    continue
                for cells in self._cells(row):
                    if any(cells.values()):
                        yield f"{self._where}:{line}", cells
        except csv.Error as error:
            raise ScheduleError(
                f"{self._where}:{begin or 1}: a quotation mark that is not closed, or text after the closing "
                f"one ({error}); correct the row, or export the table again"
            ) from None

    def _cells(self, row: list[str]) -> Iterable[Cells]:
        if self._layout.expand is not None:
            record = {name: row[place].strip() for name, place in self._names.items() if place < len(row)}
            return self._layout.expand(record)
        cells = {m: row[place].strip() for m, place in self._columns.items() if place < len(row)}
        # programs write missing values as "None" or "NaN"; only a title may really be that text
        return [{m: "" if m != "title" and is_missing(cell) else cell for m, cell in cells.items()}]


class _Reader:
    """Reads rows; knows the time zone and first day of the conference, and the order of day and month."""

    def __init__(
        self,
        utc: set[str],
        zone: tzinfo | None,
        first_day: date | None,
        *,
        day_first: bool | None,
        month_first: bool,
        many: bool,
    ) -> None:
        self._utc, self._zone, self._first_day = utc, zone, first_day
        self._day_first, self._month_first, self._many = day_first, month_first, many

    def all_day(self, cells: Cells, line: str) -> Slot | None:
        """Return the slot of a row; if it has a date and no time, the slot is the whole day."""
        if cells.get("start") or not cells.get("date") or not cells.get("title"):
            return self.slot(cells, line)
        slot = self.slot({**cells, "start": "00:00", "end": "", "duration": "1440"}, line)
        if slot is not None:
            slot.kind = "all-day"
        return slot

    def slot(self, cells: Cells, line: str) -> Slot | None:
        if not cells.get("start") or cells.get("published", "").lower() in _NO:
            return None
        if not (title := word(cells.get("title"))):
            raise ScheduleError(f"{line}: no title")
        start = self._moment(cells, "start", line)
        if cells.get("end"):
            end: datetime | None = self._end(cells, start, line)
        else:
            end = end_after(start, cells.get("duration"), line)
        return Slot(
            where=line,
            id=cells.get("id", ""),
            title=title,
            start=start,
            end=end,
            speakers=_people(cells.get("speakers", ""), many=self._many),
            room=word(cells.get("room")) or None,
            track=word(cells.get("track")) or None,
            kind=(word(cells.get("kind")) or "talk").lower(),
            url=cells.get("url") or None,
            abstract=prose(cells.get("abstract")) or None,
            cancelled=cells.get("status", "").lower() in {"canceled", "cancelled", "declined", "withdrawn"},
        )

    def _end(self, cells: Cells, start: datetime, line: str) -> datetime:
        clock = _clock(cells["end"])
        if clock is None or cells.get("end date"):
            return self._moment(cells, "end", line)
        zone = self._zone_of(cells, "end", line)
        if not cells.get("date") and zone is not None:
            cells = {**cells, "date": start.astimezone(zone).date().isoformat()}
        end = self._moment(cells, "end", line)
        if end < start:  # the talk ends after midnight
            end += timedelta(days=1)
        return end

    def _zone_of(self, cells: Cells, meaning: str, line: str) -> tzinfo | None:
        if meaning in self._utc:
            return UTC
        return required_zone(cells.get("timezone", ""), line) or self._zone

    def _moment(self, cells: Cells, meaning: str, line: str) -> datetime:
        """Parse a cell with date and time, or with a time on the day that another cell gives."""
        text, zone = cells[meaning], self._zone_of(cells, meaning, line)
        clock = _clock(text)
        if clock is not None:
            day = (cells.get("end date") if meaning == "end" else "") or cells.get("date", "")
            if not day:
                raise ScheduleError(f"{line}: {text[:60]!r} is a time of day; add a column date")
            return placed(datetime.combine(self._day(day, line), clock), zone, line)
        day, _, rest = text.partition(" ")
        if day[:3].lower() in _WEEKDAYS and (clock := _clock(rest)) is not None:
            return placed(datetime.combine(self._day(day, line), clock), zone, line)
        return moment(text, zone, line, day_first=self._order(text))

    def _order(self, text: str) -> bool | None:
        """Return True if the day is before the month in a date, False if after it, None if unknown."""
        return False if self._day_first is None and self._month_first and "/" in text else self._day_first

    def _day(self, text: str, line: str) -> date:
        text = _MIDNIGHT.sub("", text.strip())
        whole = re.sub(r"\A(\d{1,2}/\d{1,2}/)(\d\d)\Z", r"\g<1>20\2", text)
        try:
            day = parse_day(whole, day_first=self._order(text))
        except AmbiguousOrder:
            raise ambiguous_date(text, line) from None
        if day is not None:
            return day
        if text[:3].lower() not in _WEEKDAYS:
            raise ScheduleError(f"{line}: {text[:60]!r} is not a date such as 2026-05-15")
        if self._first_day is None:
            raise ScheduleError(
                f"{line}: {text[:60]!r} is a day of the week; give the first day of the conference"
            )
        days = (_WEEKDAYS.index(text[:3].lower()) - self._first_day.weekday()) % 7
        return self._first_day + timedelta(days=days)


def _clock(text: str) -> time | None:
    text = re.sub(r"^(\d{1,2}) ?([ap])\.?m\.?$", r"\1:00 \2m", text.strip().lower(), flags=re.ASCII)
    return time() if re.fullmatch(r"24:00(:00)?", text) else parse_clock(text)


def _people(text: str, *, many: bool) -> list[str]:
    """Split a list of names at semicolons, bars, line breaks and ampersands.

    If ``many`` is true and there are no such marks but ampersands, commas separate names too. E-mail
    addresses, and text in brackets after a name, are removed.
    """
    marks = r"\s*[;|\n]\s*|\s+&\s+"
    if many and not re.search(r"[;|\n]", text):
        marks += r"|\s*,\s*(?![^()]*\))"
    names: list[str] = []
    for part in re.split(marks, text):
        name = " ".join(re.sub(r"<[^<>]*>", " ", part).split())
        if names and _DEGREE.fullmatch(name):
            names[-1] += f", {name}"
        elif "@" not in name:
            names.append(re.sub(r"(?<=\S)(?: ?\([^()]*\),?)+$", "", name) if many else name)
    return unique(word(name) for name in names)
