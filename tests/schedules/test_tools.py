"""Exports of conference tools: the same talks from every variant of a format, and from every door."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from rtanalytics.conference import ConferenceError
from rtanalytics.schedule import Schedule
from rtanalytics.schedules import _JSON as JSON_FORMATS
from rtanalytics.schedules import FORMATS, ScheduleError, parse_schedule, read_schedule
from rtanalytics.schedules.layouts import LAYOUTS
from rtanalytics.session import open_conference
from rtanalytics.sources.base import Malformed
from rtanalytics.sources.schedules import ScheduleSpec
from rtanalytics.sources.schedules.parse import parse

DENVER = ZoneInfo("America/Denver")

Shown = tuple[str, str, str, list[str], str | None]


def shown(schedule: Schedule) -> list[Shown]:
    """Start and end on the clock of the venue, title, speakers and room of each talk."""
    return [
        (
            f"{t.start.astimezone(DENVER):%m-%d %H:%M}",
            f"{t.end.astimezone(DENVER):%H:%M}",
            t.title,
            t.speakers,
            t.room,
        )
        for t in schedule
    ]


def read(raw: str | bytes, zone=DENVER, **options) -> Schedule:
    schedule = parse_schedule(raw.encode() if isinstance(raw, str) else raw, "plan", zone, **options)
    assert schedule.refused == []
    return schedule


def table(*rows: list[str], separator: str = ",", end: str = "\r\n", quote: bool = False) -> str:
    out = io.StringIO()
    style = csv.QUOTE_ALL if quote else csv.QUOTE_MINIMAL
    csv.writer(out, delimiter=separator, lineterminator=end, quoting=style).writerows(rows)
    return out.getvalue()


def dumped(data: object) -> str:
    return json.dumps(data)


# --- Sessionize ------------------------------------------------------------------------------------

OPENING: Shown = ("09-08 09:00", "09:30", "Kites & wind", ["Mia Oak", "Tim Elm"], "Barn")
LUNCH: Shown = ("09-08 12:00", "13:00", "Soup", [], "Yard")
NIGHT: Shown = ("09-09 23:30", "00:15", "Stars", ["Zoë Ash"], "Barn")


def session(id: str, title: str, starts: str | None, ends: str | None, **more) -> dict:
    return {
        "id": id, "title": title, "description": "<p>About</p>", "startsAt": starts, "endsAt": ends,
        "isServiceSession": False, "isPlenumSession": False, "speakers": [], "roomId": 5, **more,
    }  # fmt: skip


def sessions(**more) -> list[dict]:
    people = {"mia": "Mia Oak", "tim": "Tim Elm", "zoe": "Zoë Ash"}
    by_name = [{"id": key, "name": name} for key, name in people.items()]
    plain = more.pop("plain", False)
    rooms = {} if plain else {"room": "Barn"}
    yard = {"roomId": 6} if plain else {"roomId": 6, "room": "Yard"}
    first = ["mia", "tim"] if plain else by_name[:2]
    last = ["zoe"] if plain else by_name[2:]
    return [
        session("11", "Kites & wind", "2026-09-08T09:00:00", "2026-09-08T09:30:00", speakers=first, **rooms, **more),
        session("a-b", "Soup", "2026-09-08T12:00:00", "2026-09-08T13:00:00", isServiceSession=True, **yard),
        session("12", "Stars", "2026-09-09T23:30:00", "2026-09-10T00:15:00", speakers=last, **rooms),
        session("13", "Not yet", None, None, **rooms),
    ]  # fmt: skip


SPEAKERS = [
    {"id": "mia", "firstName": "Mia", "lastName": "Oak", "fullName": "Mia Oak", "sessions": [11]},
    {"id": "tim", "firstName": "Tim", "lastName": "Elm", "sessions": [11]},
    {"id": "zoe", "fullName": "Zoë Ash", "sessions": [12]},
]
ROOMS = [{"id": 5, "name": "Barn", "sort": 0}, {"id": 6, "name": "Yard", "sort": 1}]
TRACKS = [{"id": 90, "title": "Track", "items": [{"id": 91, "name": "Outside"}]}]


def view_all() -> dict:
    listed = sessions(plain=True, categoryItems=[91])
    return {"sessions": listed, "speakers": SPEAKERS, "questions": [], "categories": TRACKS, "rooms": ROOMS}


def view_grid() -> list[dict]:
    first, lunch, night, _ = sessions()
    return [
        {"date": "2026-09-08T00:00:00", "isDefault": True, "timeSlots": [], "rooms": [
            {"id": 5, "name": "Barn", "sessions": [first]}, {"id": 6, "name": "Yard", "sessions": [lunch, lunch]}]},
        {"date": "2026-09-09T00:00:00", "isDefault": False, "timeSlots": [], "rooms": [
            {"id": 5, "name": "Barn", "sessions": [night]}]},
    ]  # fmt: skip


HEAD = [
    "Session Id",
    "Title",
    "Description",
    "Owner",
    "Owner Email",
    "Track",
    "Room",
    "Scheduled At",
    "Scheduled Duration",
]
FLAT = [
    [*HEAD, "Speaker Id", "FirstName", "LastName", "Email"],
    ["11", "Kites & wind", "A, b\nc", "Mia Oak", "m@x.example", "Outside", "Barn", "08 Sep 2026 09:00 AM", "30", "s1", "Mia", "Oak", "m@x.example"],
    ["11", "Kites & wind", "A, b\nc", "Mia Oak", "m@x.example", "Outside", "Barn", "08 Sep 2026 09:00 AM", "30", "s2", "Tim", "Elm", "t@x.example"],
    ["12", "Stars", "", "Zoë Ash", "", "", "Barn", "09 Sep 2026 11:30 PM", "45", "s3", "Zoë", "Ash", ""],
    ["13", "Not yet", "", "Zoë Ash", "", "", "", "", "", "s3", "Zoë", "Ash", ""],
]  # fmt: skip
ONE_ROW = [
    [*HEAD, "Speakers", "Status"],
    ["11", "Kites & wind", "", "Mia Oak", "", "", "Barn", "9/8/2026 9:00:00 AM", "30", "Mia Oak, Tim Elm", "Accepted"],
    ["12", "Stars", "", "Zoë Ash", "", "", "Barn", "9/9/2026 11:30:00 PM", "45", "Zoë Ash", "Accepted"],
    ["14", "No", "", "Zoë Ash", "", "", "Barn", "9/13/2026 11:30:00 PM", "45", "Zoë Ash", "Declined"],
]  # fmt: skip


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (dumped(view_all()), [OPENING, LUNCH, NIGHT]),
        (dumped([{"groupId": 3, "groupName": "Day", "sessions": sessions()}]), [OPENING, LUNCH, NIGHT]),
        (dumped([{"groupId": None, "groupName": "All", "sessions": sessions()[:2]}, {"groupId": 2, "groupName": "B", "sessions": sessions()[2:]}]), [OPENING, LUNCH, NIGHT]),
        (dumped(view_grid()), [OPENING, LUNCH, NIGHT]),
        ("\ufeff" + json.dumps(view_grid(), indent=2), [OPENING, LUNCH, NIGHT]),
        (table(*FLAT), [OPENING, NIGHT]),
        ("\ufeff" + table(*FLAT, separator=";", quote=True), [OPENING, NIGHT]),
        (table(*FLAT, separator="\t", end="\n").encode("utf-16"), [OPENING, NIGHT]),
        (table(*ONE_ROW, end="\n"), [OPENING, NIGHT]),
        ("sep=;\r\n" + table(*ONE_ROW, separator=";"), [OPENING, NIGHT]),
    ],
)  # fmt: skip
def test_sessionize(raw, expected):
    """All, Sessions and the grid as JSON; CSV with a row per speaker, in several layouts."""
    schedule = read(raw)
    assert shown(schedule) == expected
    assert [talk.id for talk in schedule if talk.kind != "break"] == ["11", "12"]
    assert all((talk.kind == "break") == (talk.title == "Soup") for talk in schedule)


def test_sessionize_has_tracks_texts_and_states():
    """Categories are found by number and by name; declined sessions are left out."""
    data = view_all()
    data["sessions"][2] |= {"status": "Declined"}
    first, _ = read(dumped(data))
    assert (first.track, first.abstract) == ("Outside", "About")
    listed = sessions(
        categories=[{"id": 1, "name": "Session format", "categoryItems": [{"id": 2, "name": "Workshop"}]}]
    )
    assert read(dumped([{"groupName": "All", "groupId": 1, "sessions": listed}])).talks[0].kind == "workshop"


def test_sessionize_with_an_offset_needs_no_zone():
    """Its API can be set to write one."""
    data = [session("1", "A", "2026-09-08T15:00:00Z", "2026-09-08T15:30:00Z")]
    assert shown(read(dumped(data), zone=None))[0][:2] == ("09-08 09:00", "09:30")


# --- Sched -----------------------------------------------------------------------------------------

SCHED: list[Shown] = [
    ("09-08 09:00", "10:30", "Welcome", ["Mia Oak", "Tim Elm"], "Barn"),
    ("09-08 12:30", "13:15", "Soup, bread", [], "Yard"),
    ("09-08 23:00", "00:30", "Stars", ["Zoë Ash"], "Barn"),
]
SCHED_FULL = [
    ["Session ID", "Published", "Type", "Subtype", "Title", "Description", "Speakers", "Start Date", "Start Time", "End Date", "End Time", "Venue"],
    ["k1", "Y", "Keynotes", "", "Welcome", "<b>Hi</b>", "Mia Oak; Tim Elm", "09/08/2026", "9:00 AM", "09/08/2026", "10:30 AM", "Barn"],
    ["k2", "Y", "Meals", "", "Soup, bread", "", "", "09/08/2026", "12:30 PM", "09/08/2026", "1:15 PM", "Yard"],
    ["k3", "Y", "Talks", "Sky", "Stars", "", "Zoë Ash", "09/08/2026", "11:00 PM", "09/09/2026", "12:30 AM", "Barn"],
    ["k4", "N", "Talks", "", "Draft", "", "", "09/08/2026", "11:00 AM", "09/08/2026", "11:30 AM", "Barn"],
]  # fmt: skip
SCHED_SHORT = [
    ["Title", "Start Date", "Start Time", "End Time", "Venue", "Speakers"],
    ["Welcome", "9/8/26", "09:00", "10:30", "Barn", "Mia Oak, Tim Elm"],
    ["Soup, bread", "9/8/26", "12:30", "13:15", "Yard", ""],
    ["Stars", "9/8/26", "23:00", "00:30", "Barn", "Zoë Ash <zoe@x.example>"],
]
SCHED_API = [
    ["event_key", "active", "name", "event_start", "event_end", "event_type", "event_subtype", "venue", "speakers"],
    ["k1", "Y", "Welcome", "2026-09-08 09:00", "2026-09-08 10:30", "Keynotes", "", "Barn", "Mia Oak\nTim Elm"],
    ["k2", "Y", "Soup, bread", "2026-09-08 12:30", "2026-09-08 13:15", "Meals", "", "Yard", ""],
    ["k3", "Y", "Stars", "2026-09-08 23:00", "2026-09-09 00:30", "Talks", "Sky", "Barn", "Zoë Ash"],
    ["k4", "N", "Draft", "2026-09-08 11:00", "2026-09-08 11:30", "Talks", "", "Barn", ""],
]  # fmt: skip


@pytest.mark.parametrize(
    "raw",
    [
        table(*SCHED_FULL),
        table(*SCHED_FULL, separator=";", end="\n", quote=True),
        "\ufeff" + table(*SCHED_SHORT),
        table(*SCHED_API, separator="\t"),
        table(*SCHED_FULL[:4], []),
    ],
)
def test_sched(raw):
    """The spreadsheet with all columns and with few, and the CSV of the API."""
    assert shown(read(raw)) == SCHED


def test_sched_may_have_day_and_time_in_one_column():
    """Months first, as in two columns."""
    head, *rows = SCHED_FULL
    rows = [[*row[:7], f"{row[7]} {row[8]}", f"{row[9]} {row[10]}", row[11]] for row in rows]
    head = [*head[:7], "Start Time", "End Time", "Venue"]
    assert shown(read(table(head, *rows))) == SCHED


def test_sched_has_kinds_and_ids():
    """Type and subtype, and a text without markup."""
    schedule = read(table(*SCHED_FULL))
    assert [(t.id, t.kind, t.track, t.abstract) for t in schedule] == [
        ("k1", "keynotes", None, "Hi"),
        ("k2", "meals", None, None),
        ("k3", "talks", "Sky", None),
    ]


# --- Guidebook and Whova ---------------------------------------------------------------------------

GUIDE: list[Shown] = [
    ("02-03 09:00", "10:00", "Welcome", [], "Barn"),
    ("02-03 12:15", "13:00", "Soup", [], "Yard"),
    ("02-04 23:30", "00:30", "Stars", [], "Barn"),
]
GUIDE_HEAD = [
    "Session Title",
    "Date",
    "Time Start",
    "Time End",
    "Room/Location",
    "Schedule Track (Optional)",
    "Description (Optional)",
]
GUIDE_ROWS = [
    ["Welcome", "2/3/2026", "9:00 AM", "10:00 AM", "Barn", "Main; Open", "<p>Hi</p>"],
    ["Soup", "2/3/2026", "12:15 PM", "1:00 PM", "Yard", "", ""],
    ["Stars", "2/4/2026", "11:30 PM", "12:30 AM", "Barn", "", ""],
]
GUIDE_END = [
    [
        "Session Title",
        "Date (4/21/2011)",
        "Time Start",
        "End Date (Optional)",
        "Time End (Optional)",
        "Room/Location",
    ],
    ["Welcome", "2/3/26", "9:00 am", "2/3/26", "10:00 am", "Barn"],
    ["Soup", "2/3/26", "12:15 pm", "", "1:00 pm", "Yard"],
    ["Stars", "2/4/26", "11:30 pm", "2/5/26", "12:30 am", "Barn"],
]


@pytest.mark.parametrize(
    "raw",
    [
        table(GUIDE_HEAD, *GUIDE_ROWS),
        table(GUIDE_HEAD, *GUIDE_ROWS, separator=";", end="\n"),
        table(["Don't change any of these headers!", *GUIDE_HEAD], ["", "Sample Session: Opening", *GUIDE_ROWS[0][1:]], *(["", *row] for row in GUIDE_ROWS)),
        "\ufeff" + table(*GUIDE_END, quote=True),
        table(GUIDE_HEAD[:5], *([title, re.sub(r"(\d)/(\d)/2026", r"2026-0\1-0\2", day), *rest[:3]] for title, day, *rest in GUIDE_ROWS)),
    ],
)  # fmt: skip
def test_guidebook(raw):
    """The template with and without instructions, ends on the next day, and ISO dates."""
    assert shown(read(raw)) == GUIDE


def test_guidebook_has_sessions_of_a_whole_day():
    """They have a date and no time."""
    raw = table(GUIDE_HEAD, *GUIDE_ROWS, ["Expo", "2/4/2026", "", "", "Yard", "", ""])
    [expo] = [talk for talk in read(raw) if talk.title == "Expo"]
    assert (expo.kind, (expo.end - expo.start).days) == ("all-day", 1)


WHOVA_HEAD = [
    "*Date",
    "*Time Start",
    "*Time End",
    "*Session or \nSub-session(Sub)",
    "*Session Title",
    "Room/Location",
    "Description",
    "Speakers",
    "Authors",
    "Session Track",
]
WHOVA_ROWS = [
    ["02/03/2026", "09:00 AM", "10:00 AM", "Session", "Welcome", "Barn", "Hi", "Mia Oak (Univ X, Y); Tim Elm (Z)", "", "Main"],
    ["02/03/2026", "12:15 PM", "1:00 PM", "Session", "Papers", "Yard", "", "", "", "Main"],
    ["02/03/2026", "12:15 PM", "12:30 PM", "Sub", "Rain", "", "", "", "Zoë Ash", ""],
    ["02/03/2026", "11:30 PM", "12:30 AM", "Session", "Stars", "Barn", "", "Zoë Ash", "", ""],
]  # fmt: skip
WHOVA: list[Shown] = [
    ("02-03 09:00", "10:00", "Welcome", ["Mia Oak", "Tim Elm"], "Barn"),
    ("02-03 12:15", "12:30", "Rain", ["Zoë Ash"], "Yard"),
    ("02-03 12:15", "13:00", "Papers", [], "Yard"),
    ("02-03 23:30", "00:30", "Stars", ["Zoë Ash"], "Barn"),
]
WHOVA_EXPORT = [
    ["*Date", "*Time Start", "*Time End", "Tracks (Optional)", "*Session Title", "Room/Location (Optional)", "Description (Optional)", "Speakers (Optional)",
     "Role: Moderators (Optional)", "Authors (Optional)", "Session or Sub-session(Sub) (Optional)", "Tags (Optional)"],
    ["2026-02-03 00:00:00", "09:00:00", "10:00:00", "", "Welcome", "Barn", "<p>Hi</p>", "Mia Oak; Tim Elm", "", "", "Session", ""],
    ["2026-02-03 00:00:00", "12:15:00", "13:00:00", "", "Papers", "Yard", "", "", "", "", "Session", ""],
    ["2026-02-03 00:00:00", "12:15:00", "12:30:00", "", "Rain", "Yard", "", "", "", "Zoë Ash", "Sub", ""],
    ["2026-02-03 00:00:00", "23:30:00", "00:30:00", "", "Stars", "Barn", "", "Zoë Ash", "", "", "", ""],
]  # fmt: skip


@pytest.mark.parametrize(
    "raw",
    [
        table(WHOVA_HEAD, *WHOVA_ROWS),
        table(*([f"{n}. How to fill this in, please"] for n in range(14)), ["START YOUR AGENDA BELOW"], WHOVA_HEAD, *WHOVA_ROWS),
        table(*WHOVA_EXPORT, end="\n"),
        "\ufeff" + table(*WHOVA_EXPORT, separator=";", quote=True),
    ],
)  # fmt: skip
def test_whova(raw):
    """The template with instructions above it, and the export."""
    schedule = read(raw)
    assert shown(schedule) == WHOVA
    assert [talk.kind for talk in schedule] == ["talk", "talk", "session", "talk"]
    assert schedule.talks[1].track == "Papers"


@pytest.mark.parametrize("head", [GUIDE_HEAD, [*GUIDE_HEAD[:5], "Tracks", "Speakers"]])
def test_us_tools_have_the_month_first_unless_a_date_of_the_file_shows_otherwise(head):
    """One day above 12 decides for all dates."""
    rows = [["A", "5/6/2026", "9:00", "10:00", "R", "", ""], ["B", "7/6/2026", "9:00", "10:00", "R", "", ""]]
    assert [f"{t.start:%m-%d}" for t in read(table(head, *rows))] == ["05-06", "07-06"]
    more = ["C", "13/6/2026", "9:00", "10:00", "R", "", ""]
    assert [f"{t.start:%m-%d}" for t in read(table(head, *rows, more))] == ["06-05", "06-07", "06-13"]


# --- ConfTool --------------------------------------------------------------------------------------

CONFTOOL_HEAD = ["session_ID", "session_short", "session_title", "session_start", "session_end", "session_room", "chair1", "p1_paperID", "p1_title",
                 "p1_authors", "p1_presenting_author", "p1_start", "p1_end", "p2_paperID", "p2_title", "p2_authors", "p2_presenting_author", "p2_start", "p2_end"]  # fmt: skip
CONFTOOL_ROWS = [
    ["7", "O", "Opening", "2026-09-08 09:00", "2026-09-08 10:00", "Barn", "", *[""] * 12],
    ["8", "S1", "Weather", "2026-09-08 10:30", "2026-09-08 11:30", "Yard", "Fir, Ida", "70", "Rain", "Oak, Mia (1); Elm, Tim (2)", "Oak, Mia (1)",
     "2026-09-08 10:30", "2026-09-08 11:00", "71", "Snow", "Ash, Zoë", "Ash, Zoë", "2026-09-08 11:00", "2026-09-08 11:30"],
]  # fmt: skip
CONFTOOL: list[Shown] = [
    ("09-08 09:00", "10:00", "Opening", [], "Barn"),
    ("09-08 10:30", "11:00", "Rain", ["Mia Oak"], "Yard"),
    ("09-08 10:30", "11:30", "Weather", [], "Yard"),
    ("09-08 11:00", "11:30", "Snow", ["Zoë Ash"], "Yard"),
]


def without(*names: str) -> list[list[str]]:
    kept = [n for n, name in enumerate(CONFTOOL_HEAD) if name not in names]
    return [[row[n] for n in kept] for row in (CONFTOOL_HEAD, *CONFTOOL_ROWS)]


@pytest.mark.parametrize(
    ("rows", "options"),
    [
        (without(), {"separator": ";", "quote": True}),
        (without("p1_end", "p2_end", "chair1"), {}),
        (without("session_short", "p1_end", "p2_end"), {"separator": "\t", "end": "\n"}),
        ([[cell.replace("Oak, Mia (1); Elm, Tim (2)", "Oak, Mia") for cell in row] for row in without("p1_presenting_author", "p2_presenting_author")], {}),
    ],
)  # fmt: skip
def test_conftool(rows, options):
    """Presentations with and without ends, and with authors in several forms."""
    schedule = read(table(*rows, **options))
    assert shown(schedule) == CONFTOOL
    assert [talk.id for talk in schedule] == ["session-7", "paper-70", "session-8", "paper-71"]
    assert [talk.kind for talk in schedule] == ["talk", "talk", "session", "talk"]
    assert schedule.talks[3].track == "Weather"


def test_papers_of_conftool_and_times_without_a_day():
    """One row per paper; a time of day is on the day of its session."""
    head = [
        "paperID",
        "title",
        "authors",
        "session_ID",
        "session_title",
        "session_start",
        "session_end",
        "session_room",
    ]
    rows = [
        ["70", "Rain", "Oak, Mia", "8", "Weather", "2026-09-08 10:30", "2026-09-08 11:30", "Yard"],
        ["72", "Unplaced", "Oak, Mia", "", "", "", "", ""],
    ]
    [talk] = read(table(head, *rows))
    assert (talk.id, talk.title, talk.track, talk.speakers) == ("paper-70", "Rain", "Weather", ["Mia Oak"])
    clocks = [
        [re.sub(r"^2026-09-08 (1[01]:[03]0)$", r"\1", c) if n > 9 else c for n, c in enumerate(row)]
        for row in without()
    ]
    assert shown(read(table(*clocks))) == CONFTOOL


def test_posters_of_conftool_take_as_long_as_their_session():
    """They have no times of their own."""
    rows = without("p1_start", "p1_end", "p2_start", "p2_end")
    assert {t[:2] for t in shown(read(table(*rows)))[1:]} == {("09-08 10:30", "11:30")}


# --- Indico ----------------------------------------------------------------------------------------


def indico_time(day: str, clock: str, zone: str = "America/Denver") -> dict:
    return {"date": day, "time": f"{clock}:00", "tz": zone}


def contribution(number: int, title: str, start: str | None, end: str | None, **more) -> dict:
    day = "2026-09-08"
    return {
        "_type": "Contribution", "id": str(number), "db_id": 100 + number, "title": title, "room": "Barn", "description": "<p>Why</p>",
        "startDate": indico_time(day, start) if start else None, "endDate": indico_time(day, end) if end else None,
        "type": None, "track": None, "session": None, "url": f"https://i.example/{number}", **more,
    }  # fmt: skip


def conference(**more) -> dict:
    event = {"_type": "Conference", "id": "5", "title": "Conf", "timezone": "America/Denver", "startDate": indico_time("2026-09-08", "09:00"),
             "endDate": indico_time("2026-09-08", "18:00"), **more}  # fmt: skip
    return {"count": 1, "_type": "HTTPAPIResult", "complete": True, "results": [event]}


PERSON = {"first_name": "Mia", "last_name": "Oak", "fullName": "Oak, Mia", "email": "m@x.example"}
RAIN = contribution(1, "Rain", "10:30", "11:00", speakers=[PERSON], session="Weather")
SNOW = contribution(
    2, "Snow", "11:00", None, duration=30, speakers=[{"fullName": "Ash, Zoë"}], session="Weather"
)
LATER = contribution(3, "Later", None, None)
BLOCK = {"_type": "Session", "id": "9", "title": "Weather", "room": "Barn", "startDate": indico_time("2026-09-08", "10:30"),
         "endDate": indico_time("2026-09-08", "11:30"), "contributions": [RAIN, SNOW]}  # fmt: skip


def entry(kind: str, key: str, title: str, start: str, end: str, **more) -> dict:
    day, zone = "2026-09-08", "UTC"
    return {"entryType": kind, "id": key, "uniqueId": key, "title": title, "room": "Barn", "description": "", "startDate": indico_time(day, start, zone),
            "endDate": indico_time(day, end, zone), **more}  # fmt: skip


def timetable() -> dict:
    rain = entry(
        "Contribution",
        "c1",
        "Rain",
        "16:30",
        "17:00",
        presenters=[{"firstName": "Mia", "familyName": "Oak", "name": "Dr. Oak, Mia"}],
    )
    snow = entry("Contribution", "c2", "Snow", "17:00", "17:30", presenters=[{"name": "Ash, Zoë"}])
    block = entry(
        "Session", "s1", "Weather", "16:30", "17:30", entries={"c1": rain, "c2": snow}, conveners=[]
    )
    soup = entry("Break", "b1", "Soup", "18:00", "19:00")
    return {
        "count": 1,
        "_type": "HTTPAPIResult",
        "results": {"5": {"20260908": {"s1": block, "b1": soup}, "20260909": {}}},
    }


TALKS: list[Shown] = [
    ("09-08 10:30", "11:00", "Rain", ["Mia Oak"], "Barn"),
    ("09-08 11:00", "11:30", "Snow", ["Zoë Ash"], "Barn"),
]


@pytest.mark.parametrize(
    "data",
    [
        conference(contributions=[RAIN, SNOW, LATER]),
        conference(contributions=[LATER], sessions=[BLOCK]),
        {key: value for key, value in conference(contributions=[RAIN, SNOW]).items() if key == "results"},
        timetable(),
    ],
)
def test_indico(data):
    """Contributions, sessions, and the timetable, with times in any zone."""
    schedule = read(json.dumps(data, indent=1), zone=None)
    talks = [talk for talk in schedule if talk.kind == "talk"]
    assert shown(Schedule(talks)) == TALKS
    assert {talk.track for talk in talks} == {"Weather"}
    others = {talk.title: talk.kind for talk in schedule if talk.kind != "talk"}
    assert others in ({}, {"Weather": "session"}, {"Weather": "session", "Soup": "break"})


def test_indico_lectures_are_talks_and_an_event_without_contributions_is_refused():
    """With what to export instead."""
    lecture = conference(type="simple_event")
    assert shown(read(dumped(lecture)))[0][:3] == ("09-08 09:00", "18:00", "Conf")
    with pytest.raises(ScheduleError, match=r"without its contributions; export it with \?detail=sessions"):
        read(dumped(conference(type="conference")))
    unknown = conference(
        contributions=[{**RAIN, "startDate": indico_time("2026-09-08", "10:30", "Mars/Base")}]
    )
    with pytest.raises(ScheduleError, match=r"entry 1 \(Rain\): unknown time zone 'Mars/Base'"):
        read(dumped(unknown))


# --- EMF Camp --------------------------------------------------------------------------------------


def item(**more) -> dict:
    return {"id": 4, "slug": "kites", "title": "Kites", "type": "workshop", "description": "d", "link": "https://e.example/4",
            "start_date": "2026-09-08 09:00:00", "end_date": "2026-09-08 10:30:00", "venue": "Barn", "speaker": "Mia Oak, Tim Elm", **more}  # fmt: skip


def in_occurrences(*numbers: int) -> dict:
    whole = item(names="Mia Oak, Tim Elm")
    times = {key: whole.pop(key) for key in ("start_date", "end_date", "venue")}
    del whole["speaker"]
    return {**whole, "occurrences": [{"occurrence_num": n, **times} for n in numbers]}


KITES: Shown = ("09-08 09:00", "10:30", "Kites", ["Mia Oak", "Tim Elm"], "Barn")


@pytest.mark.parametrize(
    ("data", "ids"),
    [
        ([item()], ["4"]),
        ([in_occurrences(1)], ["4"]),
        ([in_occurrences(1, 2)], ["4", "4-2"]),
        ([item(start_date="2026-09-08T09:00:00-06:00", end_date="2026-09-08T10:30:00-06:00")], ["4"]),
        ([item(), item(id=5, start_date=None)], ["4"]),
    ],
)
def test_emfcamp(data, ids):
    """Items with their times, and items with occurrences."""
    schedule = read(dumped(data))
    assert shown(schedule) == [KITES] * len(ids)
    assert [talk.id for talk in schedule] == ids
    assert schedule.talks[0].kind == "workshop"


def test_emfcamp_may_have_nobody_who_speaks():
    """The speaker is null then."""
    assert read(dumped([item(speaker=None)])).talks[0].speakers == []


# --- all of them -----------------------------------------------------------------------------------

SAMPLES: dict[str, str] = {
    "sessionize": dumped(view_all()),
    "sessionize-sessions": dumped([{"groupId": 1, "groupName": "All", "sessions": sessions()}]),
    "sessionize-grid": dumped(view_grid()),
    "sessionize-csv": table(*FLAT),
    "sched": table(*SCHED_FULL),
    "guidebook": table(GUIDE_HEAD, *GUIDE_ROWS),
    "whova": table(WHOVA_HEAD, *WHOVA_ROWS),
    "conftool": table(*without()),
    "indico": dumped(conference(contributions=[RAIN, SNOW])),
    "indico-timetable": dumped(timetable()),
    "emfcamp": dumped([item()]),
}
NAIVE = {name: raw for name, raw in SAMPLES.items() if not name.startswith("indico")}


@pytest.mark.parametrize("name", SAMPLES)
def test_one_format_claims_a_file(name):
    """And reads the same if the format is given."""
    kind = name.split("-")[0]
    raw = SAMPLES[name]
    if raw[0] in "{[":
        data = json.loads(raw)
        assert [format for format, (fits, _) in JSON_FORMATS.items() if fits(data)] == [kind]
    else:
        claimed = []
        for format in LAYOUTS.keys() - {"csv"}:
            try:
                parse_schedule(raw.encode(), "plan", DENVER, format=format)
            except ScheduleError as error:
                assert "no column" in str(error)
            else:
                claimed.append(format)
        assert claimed == [kind]
    assert kind in FORMATS
    assert parse_schedule(raw.encode(), "plan", DENVER, format=kind) == read(raw)


@pytest.mark.parametrize("name", NAIVE)
def test_a_file_without_a_zone_asks_for_it(name):
    """The message has the key, the option and the argument, ready to copy."""
    with pytest.raises(ScheduleError) as caught:
        read(NAIVE[name], zone=None)
    message = str(caught.value)
    for way in (
        'timezone = "Europe/Berlin" in conference.toml',
        "--timezone Europe/Berlin",
        "zone=ZoneInfo(",
    ):
        assert way in message


def dos(raw: str) -> str:
    return raw.replace("\r\n", "\n").replace("\n", "\r\n")


@pytest.mark.parametrize("name", SAMPLES)
def test_a_conference_reads_it(name, tmp_path: Path):
    """By conference.toml, with a byte order mark and DOS line ends; without timezone it is asked for."""
    raw = SAMPLES[name]
    (tmp_path / "plan").write_bytes(("\ufeff" + dos(raw)).encode())
    file = tmp_path / "conference.toml"
    file.write_text('name = "x"\ntimezone = "America/Denver"\nschedule = "plan"\n', encoding="utf-8")
    opened = open_conference(file)
    assert opened.schedule == read(raw)
    assert Schedule.from_json(opened.schedule.to_json()) == read(raw)
    assert read_schedule(tmp_path / "plan", DENVER) == read(raw)
    if name in NAIVE:
        file.write_text('name = "x"\nschedule = "plan"\n', encoding="utf-8")
        with pytest.raises(ConferenceError, match="has no time zone; .* timezone = "):
            open_conference(file)


@pytest.mark.parametrize("name", SAMPLES)
def test_a_source_reads_it(name):
    """By the parser of the source, with the zone of the source."""
    spec = ScheduleSpec(name="talks", url="https://x.example/plan", timezone="America/Denver")
    parsed = parse(SAMPLES[name].encode(), spec.meta(datetime.now(UTC)))
    assert [event.title for event in parsed.events] == [talk.title for talk in read(SAMPLES[name])]
    assert parsed.rejects == []
    if name in NAIVE:
        bare = ScheduleSpec(name="talks", url="https://x.example/plan").meta(datetime.now(UTC))
        with pytest.raises(Malformed, match="has no time zone"):
            parse(SAMPLES[name].encode(), bare)


@pytest.mark.parametrize("name", SAMPLES)
def test_ids_stay_when_talks_move(name):
    """So that a moved talk is recognised."""
    raw = SAMPLES[name]
    moved = (
        raw.replace("2026-09-08", "2026-09-10")
        .replace("08 Sep", "10 Sep")
        .replace("09/08/", "09/10/")
        .replace("09/09/", "09/11/")
    )
    before, after = ([t.id for t in read(text) if t.kind != "break"] for text in (raw, moved))
    assert sorted(before) == sorted(after)


@pytest.mark.parametrize(
    "raw",
    [
        dumped({"sessions": [], "speakers": [], "questions": [], "categories": [], "rooms": []}),
        dumped([{"groupId": 1, "groupName": "All", "sessions": []}]),
        table(GUIDE_HEAD),
        table(SCHED_FULL[0]),
        table(CONFTOOL_HEAD),
        dumped({"count": 0, "_type": "HTTPAPIResult", "results": []}),
        dumped({"count": 0, "_type": "HTTPAPIResult", "results": {"5": {"20260908": {}}}}),
        "title,start\n",
    ],
)
def test_an_empty_schedule_is_one_line(raw):
    """Of every shape that has no talks yet."""
    schedule = read(raw)
    assert schedule.talks == []
    [line] = schedule.warnings
    assert line.startswith(
        "plan: no talks in it; when the programme is published, export it again as one of conftool, csv"
    )


@pytest.mark.parametrize(
    ("raw", "advice"),
    [
        (
            dumped({"talks_of_today": 3}),
            "JSON, but not a schedule; export it for pretalx, frab, Sessionize, Indico",
        ),
        (dumped([{"when": "now"}]), "as CSV with the columns title, start, end, speakers and room"),
        (dumped(SPEAKERS), "Sessionize's view of speakers has no times; use its view All"),
        ("who,when\nMia,now\n", "Sessionize, Sched, Guidebook, Whova or ConfTool"),
        ("PK\x03\x04rest", "a workbook of Excel; save its sheet as CSV"),
        ("<!DOCTYPE html><html></html>", "a web page; download the schedule's JSON"),
        ("%PDF-1.7", "a PDF"),
    ],
)
def test_an_unknown_file_is_one_line_with_what_to_do(raw, advice):
    """JSON, tables, workbooks and pages."""
    with pytest.raises(ScheduleError) as caught:
        read(raw)
    assert advice in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "rows",
    [
        'A,2026-05-15 09:00,"Barn\nB,2026-05-15 10:00,Yard\nC,2026-05-15 11:00,Yard\n',
        'A,2026-05-15 09:00,"Barn\nB,2026-05-15 10:00,"Yard"\n',
        '"A" b,2026-05-15 09:00,Barn\n',
    ],
)
def test_a_quotation_mark_that_is_not_closed_does_not_join_rows(rows):
    """The row that begins it is named."""
    with pytest.raises(ScheduleError, match=r"plan:2: a quotation mark that is not closed"):
        read(f"title,start,room\n{rows}")


def test_half_a_format_is_not_taken_for_it():
    """Title or time is missing where the format has it."""
    for raw in (
        dumped({"sessions": [{"title": "A"}], "speakers": [], "rooms": []}),
        dumped([{"title": "A", "start_date": "2026-05-15 09:00:00"}]),
        dumped({"results": [{"title": "A"}], "count": 1}),
        "Session Title,Date,Time End\nA,5/6/2026,10:00\n",
        "Title,Scheduled Duration\nA,30\n",
        "session_title,session_room\nA,1\n",
    ):
        with pytest.raises(ScheduleError):
            read(raw)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("title,date,start,end\nA,08.09.2026,9:00,9:30\n", ("09-08 09:00", "09:30")),
        ("title,start,end\nA,13/09/2026 9:00,9:30\n", ("09-13 09:00", "09:30")),
        ("title,start,end\nA,9/13/2026 9:00 PM,10:30 PM\n", ("09-13 21:00", "22:30")),
        ("title,date,start,end\nA,Sep 8 2026,9 AM,9:30 AM\n", ("09-08 09:00", "09:30")),
        ('title,date,start,end\nA,"Tuesday, September 8, 2026",9:00,9:30\n', ("09-08 09:00", "09:30")),
        ("title,start,end\nA,2026-09-08 23:00,24:00\n", ("09-08 23:00", "00:00")),
        ("Title (max. 80),Start (UTC),End (UTC)\nA,2026-09-08 15:00,2026-09-08 15:30\n", ("09-08 09:00", "09:30")),
        ("Title,Date,Time Start,Time End,Room/Location\nA,2026-09-08,9:00,9:30,B\n", ("09-08 09:00", "09:30")),
    ],
)  # fmt: skip
def test_a_table_has_dates_as_people_write_them(raw, expected):
    """In numbers and in words, with 12 and 24 hours."""
    assert shown(read(raw))[0][:2] == expected


@pytest.mark.parametrize("missing", ["NA", "NULL", "nan", "None", "N/A", ""])
def test_a_missing_value_of_a_table_is_no_value(missing, tmp_path):
    """As R, pandas, SQL and spreadsheets write it; a title is what it says."""
    file = tmp_path / "plan.csv"
    row = f"None,2026-05-15T09:00:00Z,{missing},{missing},{missing},{missing}"
    file.write_text(f"title,start,end,speakers,room,track\n{row}\n", encoding="utf-8")
    (talk,) = read_schedule(file, UTC)
    assert (talk.title, talk.speakers, talk.room, talk.track) == ("None", [], None, None)
