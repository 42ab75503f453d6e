"""One talk that cannot be read costs no other, and is named."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from rtanalytics.schedules import ScheduleError, parse_schedule
from rtanalytics.schedules.common import MAX_REFUSED

GOOD, LATE = "2026-05-15T09:30:00Z", "2026-05-15T09:30:61Z"


def frab(*events: dict) -> str:
    days = [{"date": "2026-05-15", "rooms": {"1": list(events)}}]
    return json.dumps({"schedule": {"conference": {"days": days}}})


def ical(*entries: str) -> str:
    return "BEGIN:VCALENDAR\r\nVERSION:2.0\r\n" + "".join(entries) + "END:VCALENDAR\r\n"


def vevent(uid: str, *lines: str) -> str:
    return "\r\n".join(["BEGIN:VEVENT", f"UID:{uid}", "SUMMARY:T", *lines, "END:VEVENT", ""])


WHOLE = vevent("a", "DTSTART:20260515T093000Z")


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (frab({"title": "A", "date": GOOD}, {"title": "B", "date": LATE}), "plan: event 2 (B): "),
        (frab({"title": "A", "date": GOOD}, {"date": GOOD}), "plan: event 2 has no title"),
        (frab({"title": "A", "date": GOOD}, {"title": "B", "date": GOOD, "duration": "long"}), "event 2 (B): invalid duration 'long'"),
        (frab({"title": "A", "date": GOOD}, {"title": "B", "date": GOOD, "end": "2026-05-15T09:00:00Z"}), "before it starts"),
        (f"title,start\nA,{GOOD}\nB,soon\n", "plan:3: 'soon' is not a time"),
        (f"- {{title: A, start: {GOOD}}}\n- {{title: B}}\n", "talk 2 (B) has no date"),
        (json.dumps([{"name": "A", "start": GOOD}, {"name": "B", "start": 7}]), "entry 2 (B): start 7 is not a time"),
        (json.dumps({"days": {"d": {"events": [{"title": "A", "start": GOOD}, 7]}}}), "event 2 is not an object"),
        (ical(WHOLE, vevent("b")), "VEVENT b has no DTSTART"),
        (ical(WHOLE, vevent("b", "DTSTART:20260515T093000Z", "RRULE:FREQ=HOURLY")), "VEVENT b: RRULE"),
        (ical(WHOLE, vevent("b", "DTSTART;TZID=Nowhere:20260515T093000")), "VEVENT b: time zone 'Nowhere'"),
    ],
)  # fmt: skip
def test_the_others_are_read(raw, said):
    """In every format; a file of which nothing can be read is still refused."""
    found = parse_schedule(raw.encode(), "plan")
    assert [talk.start for talk in found] == [datetime(2026, 5, 15, 9, 30, tzinfo=UTC)]
    [line] = found.refused
    assert said in line


def test_a_series_with_an_unreadable_exception_has_no_talk_at_a_wrong_time():
    """The whole series is left out, with the reason; other entries stay."""
    series = vevent("b", "DTSTART:20260515T093000Z", "RRULE:FREQ=DAILY;COUNT=3")
    for broken in (
        "RECURRENCE-ID;RANGE=THISANDFUTURE:20260516T093000Z",
        "RECURRENCE-ID;TZID=Nowhere:20260516T093000",
    ):
        found = parse_schedule(
            ical(WHOLE, series, vevent("b", broken, "DTSTART:20260516T100000Z")).encode(), "plan"
        )
        assert [talk.id for talk in found] == ["a"]
        assert len(found.refused) == 1


def test_a_file_of_which_nothing_can_be_read_is_refused():
    """With the first reason and how many more there are."""
    with pytest.raises(ScheduleError, match=r"plan:2: 'soon' is not a time .* \(and 1 more like it\)"):
        parse_schedule(b"title,start\nA,soon\nB,later\n", "plan")


def test_lines_about_talks_are_bounded():
    """A table of nonsense does not fill the dead letters."""
    raw = f"title,start\nA,{GOOD}\n" + "B,soon\n" * (MAX_REFUSED + 7)
    refused = parse_schedule(raw.encode(), "plan").refused
    assert len(refused) == MAX_REFUSED + 1
    assert refused[-1] == "plan: 7 more cannot be read"


@pytest.mark.parametrize(
    "raw",
    ["{% load x %}<?xml version='1.0'?>", "---\r\ntitle: iCal\r\n---\r\n<%\r\n%>BEGIN:VCALENDAR", "<%= x %>"],
)
def test_a_template_is_called_one(raw):
    """Of Django or ERB: what it makes is meant."""
    with pytest.raises(ScheduleError, match="a template with"):
        parse_schedule(raw.encode(), "plan")


def test_a_day_that_ends_on_its_own_date_is_a_day():
    """Many tell the last day of an entry, not the one after it."""
    raw = ical(vevent("a", "DTSTART;VALUE=DATE:20260515", "DTEND;VALUE=DATE:20260515"))
    [talk] = parse_schedule(raw.encode(), "plan", UTC)
    assert (talk.end - talk.start).days == 1


def test_the_address_of_a_talk_may_have_other_names():
    """Wafer, which Debian's conferences have, tells a whole and a relative one; empty elements hide nothing."""
    event = (
        "<event id='1'><title>A</title><date>2026-05-15T09:30:00Z</date><abstract>Why</abstract><abstract/>"
        "<conf_url>/talks/1/</conf_url><full_conf_url>https://x.example/talks/1/</full_conf_url></event>"
    )
    raw = f"<schedule><conference/><day date='2026-05-15'><room name='1'>{event}</room></day></schedule>"
    [talk] = parse_schedule(raw.encode(), "plan")
    assert (talk.url, talk.abstract) == ("https://x.example/talks/1/", "Why")


def test_single_entries_need_no_calendar_around_them():
    """As tools keep them, one a file."""
    [talk] = parse_schedule(WHOLE.encode(), "plan")
    assert (talk.id, talk.title) == ("a", "T")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("BEGIN:VTODO\r\nSUMMARY:T\r\nEND:VTODO\r\n", "no entries of a schedule (VEVENT), only VTODO"),
        (vevent("b", "DTSTART:20261345"), "VEVENT b: a property cannot be read"),
    ],
)
def test_a_calendar_says_what_is_wrong_with_it(body, said):
    """Things of other kinds, and properties that are broken."""
    with pytest.raises(ScheduleError) as caught:
        parse_schedule(ical(body).encode(), "plan")
    assert said in str(caught.value)


def test_a_table_for_google_calendar_is_read():
    """Dates and times of day apart, for start and end."""
    raw = (
        "Subject,Start Date,Start Time,End Date,End Time,Location\n"
        "Night,2026-05-15,10:00 PM,2026-05-16,1:30 AM,Hall\nDay,2026-05-15,9:00 AM,2026-05-16,5:00 PM,Hall\n"
    )
    day, night = parse_schedule(raw.encode(), "plan", UTC)
    assert (day.title, day.end - day.start) == ("Day", timedelta(hours=32))
    assert (night.start, night.end - night.start) == (
        datetime(2026, 5, 15, 22, tzinfo=UTC),
        timedelta(hours=3.5),
    )


@pytest.mark.parametrize("base", ["https://[x.example/", "https://x.example/"])
def test_an_address_that_cannot_be_costs_itself_only(base):
    """Whether half of it is the schedule's or the talk's own."""
    told = json.loads(frab({"title": "A", "date": GOOD, "url": "//[a" if "[" not in base else "a"}))
    told["schedule"]["base_url"] = base
    [talk] = parse_schedule(json.dumps(told).encode(), "plan", UTC)
    assert (talk.title, talk.url) == ("A", None)


def test_a_zone_that_is_not_known_costs_only_times_that_need_it():
    """Most tools tell an offset with every time."""
    told = json.loads(frab({"title": "A", "date": GOOD}, {"title": "B", "date": "2026-05-15T09:30:00"}))
    told["schedule"]["conference"]["time_zone_name"] = "Europe/Berlim"
    found = parse_schedule(json.dumps(told).encode(), "plan", UTC)
    assert [talk.title for talk in found] == ["A"]
    assert (
        "event 2 (B) (time zone 'Europe/Berlim' is unknown): 2026-05-15T09:30:00 has no time zone"
        in found.refused[0]
    )


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (
            {"title": "Talk", "recorded": "2026-05-15", "speakers": ["Ada"]},
            "one talk, without its time",
        ),
        ([{"code": "A", "name": "Ada"}], "JSON of people, without talks"),
        ({"A": {"code": "A", "name": "Ada"}}, "JSON of people, without talks"),
    ],
)
def test_json_that_resembles_a_schedule_is_explained(told, said):
    """Single talks without a time, as collections of films have them, and lists of speakers."""
    with pytest.raises(ScheduleError) as caught:
        parse_schedule(json.dumps(told).encode(), "plan")
    assert said in str(caught.value)


def test_texts_are_not_indented_as_their_xml_is():
    """Code in them stays so, relative to its text."""
    event = "<event id='1'><title>A</title><date>2026-05-15T09:30:00Z</date><abstract>\n    One\n\n    two:\n      x = 1\n    </abstract></event>"
    raw = f"<schedule><conference/><day date='2026-05-15'><room name='1'>{event}</room></day></schedule>"
    [talk] = parse_schedule(raw.encode(), "plan")
    assert talk.abstract == "One\n\ntwo:\n  x = 1"


G = "garbage " * 50


@pytest.mark.parametrize(
    "raw",
    [
        G,
        f"title,start\nA,{G}\n",
        f"title,start,date\nA,10:00,{G}\n",
        f"title,start\nA,2026-01-01 {G}\n",
        frab({"title": "A", "date": G, "start": G}),
        ical(vevent("a", f"DTSTART:{G}")),
    ],
)
def test_of_garbage_the_beginning_is_shown(raw):
    """Enough to find it; the rest of it would hide what is said about it."""
    with pytest.raises(ScheduleError) as caught:
        parse_schedule(raw.encode(), "plan")
    assert "garbage" in str(caught.value)
    assert str(caught.value).count("garbage") < 20
