"""Schedule files become talks at the right hour, or an error that says where and what to do."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rtanalytics.schedule import Schedule, Talk
from rtanalytics.schedules import ScheduleError, parse_schedule, read_schedule

BERLIN = ZoneInfo("Europe/Berlin")


def frab(*events, zone="Europe/Berlin", day=None, **conference) -> bytes:
    """A schedule of one day and one room."""
    days = [{"index": 1, "date": "2026-05-15", **(day or {}), "rooms": {"Saal 1": list(events)}}]
    conference = {"acronym": "x", "time_zone_name": zone, "days": days, **conference}
    return json.dumps(
        {"schedule": {"version": "1", "base_url": "https://x.example/", "conference": conference}}
    ).encode()


def talk(**fields):
    defaults = {
        "guid": "g",
        "title": "Talk",
        "date": "2026-05-15T09:30:00+02:00",
        "start": "09:30",
        "duration": "00:45",
    }
    return {k: v for k, v in {**defaults, **fields}.items() if v is not None}


def at(hour: int, minute: int = 0, day: int = 15) -> datetime:
    return datetime(2026, 5, day, hour, minute, tzinfo=UTC)


def only(raw: bytes, **options) -> Talk:
    [found] = parse_schedule(raw, "x", **options)
    return found


# --- pretalx and frab ------------------------------------------------------------------------------


def test_an_event_becomes_a_talk():
    """Id, times, people, room, track, kind, absolute address, text without markup."""
    event = talk(
        id=7,
        title="The <b>Keynote</b>",
        subtitle="and more",
        track="Main",
        type="Lecture",
        url="/talk/7/",
        abstract="One<br>two &amp; three",
        description="One<br>two &amp; three",
        persons=[{"public_name": "Ada"}, {"name": "Bob"}, {"public_name": "Ada"}],
    )
    assert only(frab(event)) == Talk(
        id="g",
        title="The Keynote",
        start=at(7, 30),
        end=at(8, 15),
        speakers=["Ada", "Bob"],
        room="Saal 1",
        track="Main",
        kind="lecture",
        url="https://x.example/talk/7/",
        abstract="and more\n\nOne\ntwo & three",
    )


@pytest.mark.parametrize(
    ("fields", "start"),
    [
        ({}, at(7, 30)),
        ({"date": "2026-05-15T09:30:00-04:00"}, at(13, 30)),
        ({"date": "2026-05-15T09:30:00"}, at(7, 30)),
        ({"date": "2026-05-15"}, at(7, 30)),
        ({"date": None}, at(7, 30)),
        ({"date": None, "start": "00:30"}, at(22, 30)),
        ({"date": None, "start": "9:30"}, at(7, 30)),
        ({"date": None, "start": "2026-05-15T09:30:00Z"}, at(9, 30)),
    ],
)
def test_a_start_is_where_it_belongs(fields, start):
    """The offset at the time wins, then the file's zone; a talk after midnight is on the conference's day."""
    day = {"day_start": "2026-05-15T08:00:00+02:00", "day_end": "2026-05-16T04:00:00+02:00"}
    assert only(frab(talk(**fields), day=day)).start == start


def test_a_zone_is_required_if_there_is_none():
    """The file's own comes first; the reader's is for files without; without both it fails and says so."""
    event = talk(date=None)
    assert only(frab(event, zone="Asia/Tokyo"), zone=BERLIN).start == at(0, 30)
    assert only(frab(event, zone=None), zone=BERLIN).start == at(7, 30)
    with pytest.raises(ScheduleError, match=r"x: event 1 \(Talk\): 2026-05-15T09:30:00 has no time zone"):
        parse_schedule(frab(event, zone=None), "x")
    with pytest.raises(ScheduleError, match="Europe/Berlim"):
        parse_schedule(frab(event, zone="Europe/Berlim"), "x")


def test_clocks_that_change_do_not_stretch_a_talk():
    """45 minutes are 45 minutes in the night in which the clocks go forward."""
    event = talk(date=None, start="01:30")
    found = only(frab(event, day={"date": "2026-03-29"}))
    assert (found.start, found.end - found.start) == (
        datetime(2026, 3, 29, 0, 30, tzinfo=UTC),
        timedelta(minutes=45),
    )


@pytest.mark.parametrize(
    ("told", "minutes"),
    [
        ("00:45", 45),
        ("1:30", 90),
        ("01:00:30", 60.5),
        ("1:02:00:00", 1560),
        (45, 45),
        ("45", 45),
        ("PT1H5M", 65),
    ],
)
def test_durations_are_read_in_every_form(told, minutes):
    """Hours and minutes, with days or seconds, plain minutes, ISO 8601."""
    found = only(frab(talk(duration=told)))
    assert found.end - found.start == timedelta(minutes=minutes)


def test_a_talk_without_a_duration_lasts_until_the_next_in_its_room():
    """An hour at most, and in another room nothing ends it."""
    events = [
        talk(guid=str(n), duration=None, date=f"2026-05-15T{9 + n // 2:02}:{n % 2 * 30:02}:00Z")
        for n in range(3)
    ]
    first, second, last = parse_schedule(frab(*events), "x")
    assert (first.end, second.end, last.end) == (at(9, 30), at(10), at(11))


def test_the_second_format_is_read():
    """Events in one list with start and end, rooms and tracks as objects, participants."""
    event = {
        "guid": "g",
        "title": {"de": "Eröffnung", "en": "Opening"},
        "start": "2026-05-15T10:30:00+01:00",
        "end": "2026-05-15T11:00:00+01:00",
        "room": {"name": "Saal 1", "slug": "saal-1"},
        "track": {"slug": "art"},
        "participants": [{"name": "Ada", "role": "SPEAKER"}],
    }
    conference = {"tracks": [{"slug": "art", "name": "Art & Beauty"}], "languages": ["de"]}
    raw = json.dumps({"schedule": {"conference": conference, "events": [event]}}).encode()
    found = only(raw)
    assert (found.title, found.room, found.track) == ("Eröffnung", "Saal 1", "Art & Beauty")
    assert (found.start, found.end, found.speakers) == (at(9, 30), at(10), ["Ada"])


@pytest.mark.parametrize("slug", [["art"], {}, 7, None])
def test_a_track_whose_slug_is_no_text_is_none(slug):
    """In the list of tracks and in an event; the talk is read all the same."""
    raw = frab(talk(track={"slug": slug}), tracks=[{"slug": slug, "name": "Art"}])
    assert only(raw).title == "Talk"


def test_ids_stay_when_a_talk_moves():
    """guid, else id; without any, title and speakers; a talk in two slots has two ids."""
    moved = talk(guid=None, date="2026-05-16T09:30:00+02:00")
    here, there = only(frab(talk(guid=None))), only(frab(moved))
    assert here.id == there.id
    assert here.start != there.start
    assert [t.id for t in parse_schedule(frab(talk(id=5, guid=None), talk(id=5, guid=None)), "x")] == [
        "5",
        "5#2",
    ]


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ({"guid": "g"}, "event 1 has no title"),
        (talk(date="soon", start="later"), "'soon'"),
        (talk(date="2026-05-15T25:00:00Z"), "2026-05-15T25:00:00Z"),
        (talk(duration="long"), "invalid duration 'long'"),
        (talk(end="2026-05-15T01:00:00Z"), "ends"),
        ("talk", "not an object"),
    ],
)
def test_a_talk_that_cannot_be_placed_is_named(event, said):
    """File, number, title and value are in the message."""
    with pytest.raises(ScheduleError) as caught:
        parse_schedule(frab(event), "plan.json")
    assert str(caught.value).startswith("plan.json: event 1")
    assert said in str(caught.value)


# --- tables ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "table",
    [
        "title,start,end,speakers\nTalk,2026-05-15T09:30:00+02:00,2026-05-15T10:15:00+02:00,Ada;Bob\n",
        "Start;Title;Speakers;Duration\n2026-05-15 09:30;Talk;Ada, Bob;00:45\n",
        "Date\tTime\tEnd time\tTalk\tspeaker\n15.05.2026\t9:30 AM\t10:15 AM\tTalk\tAda & Bob\n",
        'start_utc,end_utc,Proposal title,Speaker names\n2026-05-15 07:30,2026-05-15 08:15,Talk,"Ada\nBob"\n',
        "\ufeffDay,Time,Title,Speaker,Length\r\nFriday,9:30,Talk,Ada | Bob,45\r\n\r\n",
        'title,start,timezone,minutes,presenters\nTalk,2026-05-15T03:30,America/New_York,45,"Ada, Bob"\n',
    ],
)
def test_a_table_is_read_as_people_write_it(table):
    """One column or two for the time, an end or a length, offsets, zones, weekdays; several speakers."""
    found = only(table.encode(), zone=BERLIN, first_day=date(2026, 5, 13))
    assert (found.title, found.start, found.end) == ("Talk", at(7, 30), at(8, 15))
    assert found.speakers == ["Ada", "Bob"]


def test_a_table_has_what_else_a_talk_has():
    """Id, room, track, kind, address, abstract; a comma in a single speaker's column parts nobody."""
    table = (
        "ID,Title,Start,Room,Session,Type,URL,Abstract,Speaker\n"
        '7,Talk,2026-05-15T09:30Z,Saal 1,Main,Workshop,https://x.example/7,"<p>Hi &amp; welcome</p>","Lovelace, Ada"\n'
    )
    found = only(table.encode())
    assert (found.id, found.room, found.track, found.kind) == ("7", "Saal 1", "Main", "workshop")
    assert (found.url, found.abstract, found.speakers) == (
        "https://x.example/7",
        "Hi & welcome",
        ["Lovelace, Ada"],
    )


def test_an_end_over_midnight_is_on_the_next_day():
    """23:30 to 00:15."""
    found = only(b"title,date,start,end\nParty,2026-05-15,23:30,00:15\n", zone=UTC)
    assert (found.start, found.end) == (at(23, 30), at(0, 15, day=16))


def test_talks_without_a_slot_are_left_out():
    """An export of submissions has them."""
    raw = b"title,start\nUnplaced,\nPlaced,2026-05-15T09:00Z\n"
    assert only(raw).title == "Placed"


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (
            "name,when\nTalk,now\n",
            "plan.csv:1: no column title and no column start; the table has name, when",
        ),
        ("title,start\nTalk,tomorrow\n", "plan.csv:2: 'tomorrow' is not a time"),
        ("title,start\nTalk,09:30\n", "plan.csv:2: '09:30' is a time of day; add a column date"),
        ("title,start\nTalk,2026-05-15 09:30\n", "plan.csv:2: 2026-05-15 09:30 has no time zone"),
        (
            "title,date,start\nTalk,05/06/2026,09:30\n",
            "plan.csv:2: '05/06/2026' may have the day or the month first",
        ),
        ("title,date,start\nTalk,15/15/2026,09:30\n", "plan.csv:2: '15/15/2026' is not a date"),
        ("title,date,start\nTalk,Fri,09:30\n", "plan.csv:2: 'Fri' is a day of the week"),
        ('title,start\n"Two\nlines",x\n', "plan.csv:3: 'x' is not a time"),
        ("title,start\n,2026-05-15T09:00Z\n", "plan.csv:2: no title"),
        ("title,start,tz\nTalk,2026-05-15T09:00,Mars/Base\n", "plan.csv:2: unknown time zone 'Mars/Base'"),
        ("", "plan.csv: the file is empty"),
    ],
)
def test_a_mistake_in_a_table_is_named_with_its_line(table, said):
    """File, line, what stands there, what to write."""
    with pytest.raises(ScheduleError) as caught:
        parse_schedule(table.encode(), "plan.csv")
    assert str(caught.value).startswith(said)


# --- any file --------------------------------------------------------------------------------------


def test_what_an_archive_keeps_is_read_back(tmp_path):
    """The _schedule.json of an archive is a schedule file like others, whatever it is called."""
    schedule = parse_schedule(frab(talk(guid="1"), talk(guid="2")), "x")
    path = tmp_path / "plan.txt"
    path.write_bytes(schedule.to_json())
    assert read_schedule(path) == schedule == Schedule(schedule.talks)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"<?xml version='1.0'?><schedule/>", "not a schedule"),
        (b"BEGIN:VCALENDAR\r\n", "cut off"),
        (b'{"talks": []}', "not a schedule"),
        (b'{"schedule": {"conference": {"days": ', "broken JSON"),
        (b'{"a":' + b"[" * 100_000, "broken JSON"),
        (b"[1, 2]", "not of talks"),
        (b"title,start\nZ\xfcrich,x", "plan:2: not UTF-8"),
        (b"", "empty"),
    ],
)
def test_files_that_are_not_schedules_are_refused(tmp_path, raw, said):
    """One line, with the file and a way out."""
    path = tmp_path / "plan"
    path.write_bytes(raw)
    with pytest.raises(ScheduleError, match=said):
        read_schedule(path)
    with pytest.raises(ScheduleError, match="No such file"):
        read_schedule(tmp_path / "missing")


VALUES = st.recursive(
    st.none()
    | st.integers()
    | st.text(max_size=6)
    | st.sampled_from(["2026-05-15", "09:30", "2026-05-15T09:30:00Z", "00:45"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["name", "en", "slug"]), inner, max_size=2)
    ),
    max_leaves=4,
)
EVENTS = st.dictionaries(
    st.sampled_from("guid id title date start end duration room track type url abstract persons".split()),
    VALUES,
)


@settings(max_examples=300, deadline=None)
@given(st.lists(EVENTS, max_size=3), VALUES)
@example([{}, {"title": "0", "date": "2026-05-15T09:30:00Z"}], None)
def test_any_event_is_a_talk_or_an_error_with_its_place(events, day):
    """Every field with a value of any type: nothing but ScheduleError, and no naive or backward talk."""
    try:
        found = parse_schedule(frab(*events, day={"day_start": day}), "plan.json")
    except ScheduleError as error:
        assert str(error).startswith("plan.json: event")
    else:
        assert len(found) + len(found.refused) == len(events)
        assert len(found) == len({t.id for t in found})
        assert all(line.startswith("plan.json: event") for line in found.refused)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet='atile,;\n"\r:0129- \u2028', max_size=60))
def test_any_table_is_talks_or_an_error_with_its_line(text):
    """Nothing but ScheduleError."""
    try:
        parse_schedule(("title,start\n" + text).encode(), "plan.csv", BERLIN, date(2026, 5, 13))
    except ScheduleError as error:
        assert str(error).startswith("plan.csv:")


@pytest.mark.data
def test_recorded_schedules_are_read(data_folder):
    """pretalx, frab, the hub's second format and a programme in CSV: counts, and talks looked up by eye."""
    folder = data_folder / "payloads" / "schedules"
    names = {"pretalx-democon": 36, "frab-camp2019": 79, "hub-schedule2": 2, "invalid-example": 1}
    found = {n: read_schedule(folder / f"schedule__validator__json__examples__{n}.json") for n in names}
    assert {name: len(schedule) for name, schedule in found.items()} == names
    opening = found["frab-camp2019"].talks[0]
    assert (opening.title, opening.room, opening.speakers) == ("Opening Ceremony", "Curie", ["jinxx", "smtw"])
    assert (opening.start, opening.end) == (
        datetime(2019, 8, 21, 9, 0, tzinfo=UTC),
        datetime(2019, 8, 21, 9, 30, tzinfo=UTC),
    )
    assert not any(
        "<" in (t.abstract or "") and "</" in (t.abstract or "") for s in found.values() for t in s
    )
    programme = data_folder / "schedules" / "user2019_day1_programme.csv"
    day = read_schedule(programme, ZoneInfo("Europe/Paris"), date(2019, 7, 9))
    assert (len(day), day.talks[0].start) == (55, datetime(2019, 7, 10, 8, 0, tzinfo=UTC))
    assert [
        t.title for t in day.on(datetime(2019, 7, 10, 9, 40, tzinfo=UTC)) if t.room == "Concorde 1+2"
    ] == ["Enhancements to data tidying"]
