"""Schedule files of other tools → talks, with their times where they belong.

A time is taken with the offset that stands at it. Where none does, the file's own time zone
counts, or else the one that the reader is given; without either, reading fails, because a talk at
the wrong hour is worse than none. Nothing here knows where a file comes from.
"""

from __future__ import annotations

from datetime import date, timedelta, tzinfo
from pathlib import Path

from rtanalytics.schedule import Schedule
from rtanalytics.schedules.frab import is_frab, read_frab
from rtanalytics.schedules.parts import ScheduleError, Slot, talks_of
from rtanalytics.schedules.table import read_table

__all__ = ["ScheduleError", "parse_schedule", "read_schedule"]


def read_schedule(
    path: str | Path,
    zone: tzinfo | None = None,
    first_day: date | None = None,
    length: timedelta = timedelta(hours=1),
) -> Schedule:
    """The talks of a schedule file.

    Parameters
    ----------
    path : str or Path
        pretalx or frab JSON (schedule format 1 and 2), a CSV table, or the ``_schedule.json`` of
        an archive; which of them is seen from what is in it.
    zone : tzinfo, optional
        For times without an offset in a file without a time zone: the conference's.
    first_day : date, optional
        For tables that name days of the week: the conference's first day.
    length : timedelta
        Of talks whose end is not told: until the next one in their room, at most this.

    Raises
    ------
    ScheduleError
        If it cannot be read, or its format is not known, or a talk in it cannot be placed; the
        message names the file and the place in it.
    """
    path = Path(path)
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ScheduleError(f"{path}: cannot be read: {error.strerror}") from None
    return parse_schedule(raw, str(path), zone, first_day, length)


def parse_schedule(
    raw: bytes,
    where: str,
    zone: tzinfo | None = None,
    first_day: date | None = None,
    length: timedelta = timedelta(hours=1),
) -> Schedule:
    """As :func:`read_schedule`, from bytes; ``where`` names them in errors."""
    text = _text(raw, where)
    if not text.strip():
        raise ScheduleError(f"{where}: the file is empty")
    begins = text.lstrip()[0]
    if begins == "<" or text.startswith("BEGIN:VCALENDAR"):
        raise ScheduleError(
            f"{where}: XML and iCalendar are not read; pretalx has the same schedule as schedule.json"
        )
    if begins == "[":
        try:
            return Schedule.from_json(text)
        except ValueError as error:
            raise ScheduleError(f"{where}: a JSON list, but not of talks: {error}") from None
    slots = _json(text, where, zone) if begins == "{" else read_table(text, where, zone, first_day)
    return Schedule(talks_of(slots, length))


def _json(text: str, where: str, zone: tzinfo | None) -> list[Slot]:
    import msgspec

    try:
        data = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ScheduleError(f"{where}: broken JSON: {error}") from None
    if not is_frab(data):
        raise ScheduleError(
            f"{where}: JSON, but no schedule: pretalx and frab have schedule → conference → days in it"
        )
    return read_frab(data, where, zone)


def _text(raw: bytes, where: str) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ScheduleError(f"{where}:{line}: is not UTF-8; save the file as UTF-8") from None
