"""Every reader, on documents of its own shape with anything in any place: talks, or the declared error."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from rtanalytics.schedules import ScheduleError, changes, parse_schedule
from tests.faults.test_fuzz import torn
from tests.schedules.test_tools import SAMPLES, table

TIMES = st.sampled_from(
    ["2026-05-15T09:30:00Z", "2026-05-15 09:30", "2026-05-15", "9999-12-31T23:59:59", "0001-01-01T00:00:00+14:00",
     "09:30", "PT45M", "P999999999999D", "00:45", "99999", "0"]
)  # fmt: skip
SMALL = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | TIMES
VALUES = st.recursive(
    SMALL,
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["name", "en", "x"]), inner, max_size=2)
    ),
    max_leaves=4,
)


def check(raw: str, **options) -> None:
    try:
        found = parse_schedule(raw.encode("utf-8", "replace"), "plan", ZoneInfo("Europe/Berlin"), **options)
    except ScheduleError as error:
        assert str(error).startswith("plan")
        assert str(error).isprintable()
        return
    assert len({talk.id for talk in found}) == len(found)
    assert all(talk.start.tzinfo is UTC and talk.start <= talk.end for talk in found)
    found.to_json()
    assert changes(found, found) == []


def entries(*names: str):
    """Objects with some of these keys, and often what a talk must have."""
    fields = st.dictionaries(st.sampled_from(names), VALUES, max_size=5)
    return fields | fields.map(lambda f: {"title": "T", "name": "T", "start": "2026-05-15T09:30:00Z", **f})


NAMES = (
    "title name start end duration speakers authors rooms room code conf_key conf_url track kind session_type "
    "event_type abstract description cancelled website_url"
).split()


@settings(max_examples=300, deadline=None)
@given(st.lists(entries(*NAMES), max_size=4))
def test_any_presentation_of_a_conference(told):
    """PyCon's list, EuroPython's days and sessions."""
    check(json.dumps(told), format="pycon")
    check(json.dumps({"schedule": told}))
    check(json.dumps({"days": {"2026-05-15": {"events": told}}}))
    check(
        json.dumps({str(n): {"code": n, "title": "T", "session_type": "", **e} for n, e in enumerate(told)})
    )


@settings(max_examples=300, deadline=None)
@given(
    st.dictionaries(st.sampled_from([*NAMES, "date", "end_date", "permalink", "slug", "accepted"]), VALUES),
    st.text(),
)
def test_any_front_matter(told, body):
    """JSON is YAML, so any of its values can stand there."""
    told = {"title": "T", "date": "2026-05-15 09:30", **told}
    head = "\n".join(f"{key}: {json.dumps(value)}" for key, value in told.items())
    check(f"---\n{head}\n---\n{body}")
    check(json.dumps([told]), format="djangocon")


WORDS = st.sampled_from(
    "20260515T093000 20260515T093000Z 20260515 99991231T235959 00010101T000000Z PT1H -PT1H P1W FREQ=DAILY "
    "FREQ=WEEKLY;COUNT=3 FREQ=YEARLY;UNTIL=20280101 FREQ=MONTHLY;BYDAY=-1FR FREQ=DAILY;INTERVAL=0 COUNT=2 CANCELLED "
    "20260515T093000Z/PT1H 20260515T093000Z,20260516T093000Z Europe/Berlin X 3 -1".split()
) | st.text(alphabet="aZ:;,=\\\"'0 ü\x00", max_size=10)  # fmt: skip
LINES = st.builds(
    "{}{}:{}".format,
    st.sampled_from(
        "UID SUMMARY DTSTART DTEND DURATION RRULE RDATE EXDATE RECURRENCE-ID STATUS SEQUENCE ATTENDEE CATEGORIES LOCATION "
        "URL DESCRIPTION".split()
    ),
    st.sampled_from(
        ["", ";TZID=Europe/Berlin", ";TZID=X", ";VALUE=DATE", ";VALUE=PERIOD", ";CN=Ada", ";RANGE=X", ";="]
    ),
    WORDS,
)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.lists(LINES, max_size=6), min_size=1, max_size=3))
def test_any_entries_of_a_calendar(told):
    """Properties in any number, with any parameter and value."""
    good = "UID:u\nSUMMARY:T\nDTSTART:20260515T093000Z"
    events = ("\n".join([good if n % 2 == 0 else "SUMMARY:T", *lines]) for n, lines in enumerate(told))
    body = "".join(f"BEGIN:VEVENT\n{event}\nEND:VEVENT\n" for event in events)
    check(f"BEGIN:VCALENDAR\n{body}END:VCALENDAR\n")


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from("date start duration room title type persons state url abstract".split()),
        st.text(alphabet="aZ <>&;'\"é0123456789:-T", max_size=12) | TIMES,
    ),
    TIMES,
)
def test_any_event_in_xml(fields, day):
    """Texts and times of any kind, and days that are none."""
    import xml.sax.saxutils as sax

    inner = "".join(f"<{k}>{sax.escape(v)}</{k}>" for k, v in {"title": "T", **fields}.items())
    check(
        f'<schedule><day date="{day}" start="{day}"><room name="1"><event>{inner}</event></room></day></schedule>'
    )


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(TIMES, TIMES, TIMES | st.text(max_size=5)), max_size=3))
def test_any_cells_of_a_table(rows):
    """Times beyond what a clock shows, and lengths that are none."""
    body = "\n".join(f'T,{start},{end},"{length}"'.replace("\0", "") for start, end, length in rows)
    check(f"title,start,end,duration\n{body}", format="csv", length=timedelta(hours=2))


SUBMISSION = "code title state submission_type track abstract description duration speakers slot slots start end room submission".split()


@settings(max_examples=300, deadline=None)
@given(
    st.lists(entries(*SUBMISSION), max_size=4),
    st.dictionaries(st.sampled_from(["rooms", "speakers", "timezone"]), VALUES),
)
def test_any_answer_of_pretalx(told, about):
    """Pages, single submissions, the widget's data."""
    found = [{"code": "A", "slot": {"start": "2026-05-15T09:30:00Z"}, **entry} for entry in told]
    for data in (
        told,
        found,
        {"results": found},
        {**about, "talks": found},
        {"results": [{"submission": e, **e} for e in told]},
    ):
        check(json.dumps(data))


XCAL = st.sampled_from(
    "uid summary dtstart dtend duration status location categories category attendee rrule url description properties "
    "parameters tzid text date-time pentabarf:start pentabarf:end pentabarf:title recur freq count rdate exdate "
    "recurrence-id period".split()
)
TREES = st.recursive(
    st.one_of(TIMES, st.sampled_from(["T", "", "3", "DAILY", "FREQ=DAILY;COUNT=2", "20260516T093000"])),
    lambda inner: st.lists(st.tuples(XCAL, inner), max_size=4).map(
        lambda parts: "".join(f"<{name}>{part}</{name}>" for name, part in parts)
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(st.lists(TREES, max_size=3))
def test_any_calendar_in_xml(entries):
    """Properties of any kind at any place."""
    body = "".join(
        f"<vevent><summary>T</summary><dtstart>20260515T093000</dtstart>{e}</vevent>" for e in entries
    )
    check(f"<iCalendar xmlns:pentabarf='http://pentabarf.org'><vcalendar>{body}</vcalendar></iCalendar>")


SESSIONIZE = (
    "id title description startsAt endsAt isServiceSession speakers categoryItems categories roomId room status"
).split()


@settings(max_examples=300, deadline=None)
@given(st.lists(entries(*SESSIONIZE), max_size=4), VALUES, VALUES)
def test_any_view_of_sessionize(listed, people, rooms):
    """All, Sessions and the grid, with anything for people, rooms and categories."""
    timed = [{"title": "T", "startsAt": "2026-05-15T09:30:00", **entry} for entry in listed]
    check(json.dumps({"sessions": timed, "speakers": people, "rooms": rooms, "categories": rooms}))
    check(json.dumps([{"groupId": 1, "sessions": [*timed, people]}, rooms]))
    check(
        json.dumps(
            [{"date": "x", "rooms": [{"id": 1, "name": people, "sessions": timed}, people]}, {"rooms": 3}]
        )
    )


INDICO = (
    "id db_id uniqueId title description startDate endDate duration room location type track session url speakers "
    "presenters entries contributions entryType slotTitle"
).split()
WHEN = st.fixed_dictionaries(
    {}, optional={"date": SMALL, "time": SMALL, "tz": SMALL | st.just("Europe/Berlin")}
)


@settings(max_examples=300, deadline=None)
@given(st.lists(entries(*INDICO), max_size=3), WHEN, VALUES)
def test_any_export_of_indico(listed, when, other):
    """Events, sessions and timetables with anything in any place."""
    timed = [{"title": "T", "startDate": when, **entry} for entry in listed]
    by_key = {str(n): entry for n, entry in enumerate(timed)}
    check(
        json.dumps(
            {"results": [{"title": "C", "startDate": when, "contributions": timed, "sessions": other}]}
        )
    )
    check(json.dumps({"results": [{"title": "C", "startDate": when, "sessions": timed, "timezone": other}]}))
    check(
        json.dumps(
            {"_type": "HTTPAPIResult", "results": {"1": {"20260515": by_key, "20260516": other}, "2": other}}
        )
    )


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        entries(*"id title start_date end_date venue speaker names type link occurrences".split()), max_size=3
    ),
    VALUES,
)
def test_any_item_of_emf_camp(listed, other):
    """Items with times of their own, or in occurrences."""
    timed = [{"title": "T", "venue": "V", "start_date": "2026-05-15 09:30:00", **entry} for entry in listed]
    check(json.dumps([*timed, other]))
    check(json.dumps([{"title": "T", "id": 1, "occurrences": [*timed, other]}]))


HEADS = [next(csv.reader(io.StringIO(raw, newline=""))) for raw in SAMPLES.values() if raw[0] not in "[{"]
CELLS = (
    TIMES
    | st.sampled_from(
        ["5/6/2026", "13/6/26", "9:00 AM", "12:30 a.m.", "24:00", "08 Sep 2026 09:00 AM", "Sub", "N", "NA"]
    )
    | st.text(alphabet='aZ ;,"\n\r()<>@&|0/:', max_size=10)
)


@settings(max_examples=500, deadline=None)
@given(
    st.sampled_from(HEADS),
    st.lists(st.lists(CELLS, max_size=14), max_size=4),
    st.sampled_from(",;\t"),
)
def test_any_cells_of_a_table_of_a_tool(head, rows, separator):
    """Rows of any length with anything in any column."""
    check(table(head, *rows, separator=separator))


@settings(max_examples=500, deadline=None)
@given(st.data())
def test_any_torn_export_of_a_tool(data):
    """Pieces cut out, doubled, moved or put in between: talks, or the declared error."""
    raw = data.draw(torn([sample.encode() for sample in SAMPLES.values()]))
    check(raw.decode("utf-8", "replace"))
