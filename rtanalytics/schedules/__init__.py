"""Readers for the schedule files of conference tools, and comparison of two versions of a schedule.

A time without an offset is in the time zone of the file, or else in the zone that the caller gives.
Without either, reading fails, because a talk at a wrong hour does more harm than a missing talk.
Cancelled talks are left out, and breaks get the kind ``break``. If a talk cannot be read, the schedule
has a message about it (``refused``) and contains the other talks.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta, tzinfo
from pathlib import Path
from typing import Any

from rtanalytics.schedule import Schedule
from rtanalytics.schedules.changes import Change, changes, keep_ids
from rtanalytics.schedules.common import Found, ScheduleError, schedule_of
from rtanalytics.schedules.conferences import is_europython, is_pycon, read_europython, read_pycon
from rtanalytics.schedules.emfcamp import is_emfcamp, read_emfcamp
from rtanalytics.schedules.frab import is_frab, read_frab
from rtanalytics.schedules.frabxml import read_frab_xml
from rtanalytics.schedules.frontmatter import read_front_matter
from rtanalytics.schedules.ical import read_ical
from rtanalytics.schedules.indico import is_indico, read_indico
from rtanalytics.schedules.layouts import LAYOUTS
from rtanalytics.schedules.pretalx import is_pretalx, read_pretalx
from rtanalytics.schedules.sessionize import is_sessionize, read_sessionize
from rtanalytics.schedules.table import read_table
from rtanalytics.schedules.xcal import is_xcal, read_xcal
from rtanalytics.schedules.xmltree import parsed_xml
from rtanalytics.untrusted import printable

__all__ = [
    "FORMATS",
    "MAX_BYTES",
    "Change",
    "ScheduleError",
    "changes",
    "keep_ids",
    "parse_schedule",
    "read_schedule",
]

FORMATS: dict[str, str] = {
    "conftool": "CSV of ConfTool's sessions, with the presentations of each",
    "csv": "CSV with the columns title and start, and optional ones such as speakers and room",
    "djangocon": "YAML: front matter of one talk per file, or a list of talks",
    "emfcamp": "JSON of EMF Camp's programme",
    "europython": "JSON: schedule.json or sessions.json of EuroPython's programme",
    "frab": "JSON of pretalx and frab (schedule.json), versions 1 and 2 of the format",
    "frab-xml": "XML of pretalx, frab and Pentabarf (schedule.xml, FOSDEM's xml)",
    "guidebook": "CSV of Guidebook's schedule",
    "ical": "iCalendar (.ics)",
    "indico": "JSON of Indico's export: an event with its contributions, or a timetable",
    "pretalx": "JSON of pretalx's API (talks, submissions or slots) and of its widget",
    "pycon": "JSON of PyCon US and other Symposion sites (conference.json)",
    "rtanalytics": "the _schedule.json of an archive",
    "sched": "CSV of Sched's sessions",
    "sessionize": "JSON of Sessionize's API (All, Sessions or Schedule grid), and its CSV",
    "whova": "CSV of Whova's agenda",
    "xcal": "iCalendar in XML (schedule.xcal of pretalx and frab, FOSDEM's xcal)",
}
"""Names and descriptions of the formats; the format of a file is detected from its content."""

MAX_BYTES = 20_000_000
"""Maximum bytes of a file, or of all files of a folder: ten times the largest known schedule."""

MAX_FILES = 5_000

_OTHER_FILES = [
    (rb"PK\x03\x04|\xd0\xcf\x11\xe0", "a workbook of Excel; save its sheet as CSV (UTF-8) and use that"),
    (rb"%PDF", "a PDF; use the schedule's JSON, iCalendar or CSV"),
    (
        rb"(?i)(\xef\xbb\xbf)?\s*<!doctype html",
        "a web page; download the schedule's JSON, XML, iCalendar (.ics) or CSV",
    ),
]
"""Pairs of how a file that is not a schedule begins (regular expression), and the message about it."""

_TEMPLATE = re.compile(r"\s*(---\r?\n.{0,500}?\n---\s*)?(\{%|<%)", re.DOTALL)
"""Beginning of a Django, Jinja or ERB template, possibly after YAML front matter."""


def read_schedule(
    path: str | Path,
    zone: tzinfo | None = None,
    first_day: date | None = None,
    length: timedelta = timedelta(hours=1),
    format: str | None = None,
) -> Schedule:
    """Read the talks of a schedule file.

    Parameters
    ----------
    path : str or Path
        A file in one of :data:`FORMATS`, or a folder of front-matter files (``*.md``, ``*.yaml``).
    zone : tzinfo, optional
        Time zone of the conference, used for times without an offset if the file names no time zone.
    first_day : date, optional
        First day of the conference; needed for tables that give days of the week instead of dates.
    length : timedelta
        Maximum duration of talks without an end; such a talk ends when the next talk in its room
        starts.
    format : str, optional
        A key of :data:`FORMATS`; by default, the format is detected from the content.

    Raises
    ------
    ScheduleError
        If the file cannot be read, its format is unknown, or no talk has a valid time. The message
        names the file and the place in it. Messages about single talks are in
        :attr:`~rtanalytics.schedule.Schedule.refused`.
    """
    path = Path(path)
    try:
        if path.is_dir():
            return _checked(_folder(path, zone, length), str(path))
        raw = _bytes(path, MAX_BYTES)
    except OSError as error:
        raise ScheduleError(f"{path}: cannot be read: {error.strerror}") from None
    return parse_schedule(raw, str(path), zone, first_day, length, format)


def parse_schedule(
    raw: bytes,
    where: str,
    zone: tzinfo | None = None,
    first_day: date | None = None,
    length: timedelta = timedelta(hours=1),
    format: str | None = None,
) -> Schedule:
    """Read a schedule from bytes, as :func:`read_schedule` does; ``where`` is the file name for errors."""
    return _checked(_parsed(raw, where, zone, first_day, length, format), where)


def _checked(schedule: Schedule, where: str) -> Schedule:
    """Return the schedule, with a warning if it has no talks."""
    if not schedule.talks:
        schedule.warnings.insert(
            0,
            f"{printable(where, 150)}: no talks in it; when the programme is published, export it again as "
            f"one of {', '.join(FORMATS)}",
        )
    return schedule


def _parsed(
    raw: bytes,
    where: str,
    zone: tzinfo | None,
    first_day: date | None,
    length: timedelta,
    format: str | None,
) -> Schedule:
    if format is not None and format not in FORMATS:
        raise ScheduleError(f"unknown format {format!r}; use one of {', '.join(FORMATS)}")
    if len(raw) > MAX_BYTES:
        raise ScheduleError(f"{where}: {len(raw):,} bytes; the limit is {MAX_BYTES:,}")
    if reason := next((text for start, text in _OTHER_FILES if re.match(start, raw)), None):
        raise ScheduleError(f"{where}: {reason}")
    begins = raw[:200].replace(b"\0", b"").removeprefix(b"\xef\xbb\xbf").strip(b" \t\r\n\xff\xfe")
    if format in {"frab-xml", "xcal"} or (format is None and re.match(rb"<[?!\w]", begins)):
        root = parsed_xml(raw, where)
        read_tree = read_xcal if format == "xcal" or is_xcal(root) else read_frab_xml
        return schedule_of(read_tree(root, where, zone), length, where)
    text = _text(raw, where)
    if not text.strip():
        raise ScheduleError(f"{where}: the file is empty")
    if _TEMPLATE.match(text):
        raise ScheduleError(f"{where}: a template with {{% or <% in it, not a schedule")
    is_json = begins[:1] in {b"{", b"["} or begins.startswith(b"/*")
    if format is None:
        format = "json" if is_json else _detected(begins)
    if format == "table":
        found = read_table(text, where, zone, first_day, LAYOUTS)
    elif format in LAYOUTS and not (is_json and format in _JSON):
        found = read_table(text, where, zone, first_day, {format: LAYOUTS[format]})
    elif format == "djangocon":
        found = read_front_matter(text, where, zone)
    elif format == "ical":
        found = read_ical(text, where, zone)
    else:
        return _json(text, where, zone, length, format)
    return schedule_of(found, length, where)


def _detected(begins: bytes) -> str:
    """Return the format of a text that is not JSON, detected from its first bytes."""
    if begins[:6].upper() == b"BEGIN:":
        return "ical"
    if begins.startswith((b"---", b"- ", b"title:", b"abstract:")):
        return "djangocon"
    return "table"


_JSON: dict[str, tuple[Callable[[Any], bool], Callable[[Any, str, tzinfo | None], list[Found]]]] = {
    "frab": (is_frab, read_frab),
    "pycon": (is_pycon, read_pycon),
    "europython": (is_europython, read_europython),
    "pretalx": (is_pretalx, read_pretalx),
    "sessionize": (is_sessionize, read_sessionize),
    "indico": (is_indico, read_indico),
    "emfcamp": (is_emfcamp, read_emfcamp),
}


def _json(text: str, where: str, zone: tzinfo | None, length: timedelta, format: str) -> Schedule:
    import msgspec

    try:
        # examples in the documentation of tools can begin with a comment
        data = msgspec.json.decode(re.sub(r"\A\s*/\*.*?\*/", "", text, flags=re.DOTALL))
    except (msgspec.DecodeError, RecursionError) as error:
        raise ScheduleError(f"{where}: broken JSON: {error}") from None
    for name, (fits, read) in _JSON.items():
        if format in {"json", name} and fits(data):
            return schedule_of(read(data, where, zone), length, where)
    if format in _JSON:
        raise ScheduleError(f"{where}: JSON, but not of format {format!r}: {FORMATS[format]}")
    if reason := _no_schedule(data):
        raise ScheduleError(f"{where}: {reason}")
    if isinstance(data, list):
        try:
            return Schedule.from_json(text)
        except ValueError as error:
            raise ScheduleError(f"{where}: a JSON list, but not of talks ({error}); {_KNOWN}") from None
    raise ScheduleError(f"{where}: JSON, but not a schedule; {_KNOWN}")


_KNOWN = (
    "export it for pretalx, frab, Sessionize, Indico, EMF Camp, EuroPython or PyCon US, as iCalendar (.ics), "
    "or as CSV with the columns title, start, end, speakers and room"
)
"""End of the message about JSON in an unknown format."""


def _no_schedule(data: Any) -> str | None:
    """Return why JSON data that resembles a schedule cannot be read as one, or None."""
    if isinstance(data, list) and any(
        isinstance(person, dict) and {"fullName", "sessions"} <= person.keys() for person in data
    ):
        return "Sessionize's view of speakers has no times; use its view All, Sessions or Schedule grid"
    if isinstance(data, dict) and isinstance(data.get("title"), str) and "$id" not in data:
        return "JSON of one talk, without its time"
    people = list(data.values()) if isinstance(data, dict) else data
    if (
        isinstance(people, list)
        and people
        and all(isinstance(p, dict) and {"code", "name"} <= set(p) for p in people)
    ):
        return "JSON of people, without talks"
    return None


def _folder(path: Path, zone: tzinfo | None, length: timedelta) -> Schedule:
    """Read the talks of all front-matter files below a folder; pages without a date are ignored."""
    names = {".md", ".markdown", ".yaml", ".yml"}
    files = sorted(f for f in path.rglob("*") if f.suffix.lower() in names and f.is_file())
    if not files:
        raise ScheduleError(f"{path}: this folder has no files with talks (*.md, *.yaml)")
    if len(files) > MAX_FILES:
        raise ScheduleError(f"{path}: {len(files):,} files; the limit is {MAX_FILES:,}")
    found: list[Found] = []
    left = MAX_BYTES
    for file in files:
        raw = _bytes(file, left)
        left -= len(raw)
        if not raw.startswith((b"---", b"- ")):
            continue
        try:
            found += read_front_matter(_text(raw, str(file)), str(file), zone, pages=True)
        except ScheduleError as error:
            found.append(error)
    return schedule_of(found, length, str(path))


def _bytes(path: Path, limit: int) -> bytes:
    with path.open("rb") as file:
        raw = file.read(limit + 1)
    if len(raw) > limit:
        raise ScheduleError(f"{path}: more than {MAX_BYTES:,} bytes; that is the limit")
    return raw


def _text(raw: bytes, where: str) -> str:
    try:
        if raw.startswith((b"\xff\xfe", b"\xfe\xff")):  # "Unicode text" of Excel
            return raw.decode("utf-16")
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ScheduleError(f"{where}:{line}: not UTF-8; save the file as UTF-8") from None
