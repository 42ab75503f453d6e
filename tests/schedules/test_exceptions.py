"""Exceptions of series on any clock, empty properties, and times in other forms than the standard's."""

from __future__ import annotations

import warnings
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from rtanalytics.schedules import ScheduleError, parse_schedule
from rtanalytics.session import read_talks
from rtanalytics.sources.base import Meta
from rtanalytics.sources.schedules.parse import parse

SYDNEY = ZoneInfo("Australia/Sydney")


def calendar(*entries: str, head: str = "") -> bytes:
    body = "".join(f"BEGIN:VEVENT\n{entry}\nEND:VEVENT\n" for entry in entries)
    return f"BEGIN:VCALENDAR\nVERSION:2.0\n{head}{body}END:VCALENDAR\n".replace("\n", "\r\n").encode()


def read(*entries: str, zone=None, head: str = ""):
    return parse_schedule(calendar(*entries, head=head), "plan.ics", zone)


def times(schedule) -> list[str]:
    return [f"{talk.start:%d %H:%M}" for talk in schedule]


SERIES = (
    "UID:s\nSUMMARY:T\nDTSTART;TZID=Australia/Sydney:20260504T090000\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=3"
)
MOVED = "UID:s\nSUMMARY:M\n{}\nDTSTART;TZID=Australia/Sydney:20260505T150000\nDURATION:PT1H"
DAYS = "UID:s\nSUMMARY:T\nDTSTART;VALUE=DATE:20260504\nRRULE:FREQ=DAILY;COUNT=3"


@pytest.mark.parametrize(
    "original",
    [
        "RECURRENCE-ID;TZID=Australia/Sydney:20260505T090000",
        "RECURRENCE-ID:20260505T090000",
        "RECURRENCE-ID:20260504T230000Z",
        "RECURRENCE-ID;TZID=Europe/Berlin:20260505T010000",
        "RECURRENCE-ID;VALUE=DATE:20260505",
        "RECURRENCE-ID:20260505",
        "RECURRENCE-ID:2026-05-05T09:00:00+10:00",
    ],
)
@pytest.mark.parametrize("head", ["", "X-WR-TIMEZONE:America/New_York\n"])
def test_a_moved_talk_is_at_its_new_time_only(original, head):
    """The original is found as an instant, without a zone, in another one, and by its day."""
    schedule = read(SERIES, MOVED.format(original), head=head, zone=ZoneInfo("UTC"))
    assert times(schedule) == ["03 23:00", "05 05:00", "05 23:00"]
    assert [talk.title for talk in schedule] == ["T", "M", "T"]
    assert schedule.warnings == schedule.refused == []


@pytest.mark.parametrize(
    "excluded",
    [
        "EXDATE;TZID=Australia/Sydney:20260505T090000",
        "EXDATE:20260505T090000",
        "EXDATE:20260504T230000Z",
        "EXDATE;TZID=Asia/Tokyo:20260505T080000",
        "EXDATE;VALUE=DATE:20260505",
        "EXDATE:20260505T0900",
    ],
)
def test_an_excluded_date_is_found_on_any_clock(excluded):
    """As are dates that are left out."""
    schedule = read(f"{SERIES}\n{excluded}")
    assert times(schedule) == ["03 23:00", "05 23:00"]
    assert schedule.warnings == []


@pytest.mark.parametrize(
    ("excluded", "zone"),
    [
        ("EXDATE;VALUE=DATE:20260505", SYDNEY),
        ("EXDATE:20260505T000000Z", SYDNEY),
        ("EXDATE:20260504T140000Z", SYDNEY),
        ("EXDATE:20260505T000000", SYDNEY),
        ("EXDATE:20260505T000000Z", ZoneInfo("America/New_York")),
        ("EXDATE;TZID=America/New_York:20260505T000000", ZoneInfo("America/New_York")),
    ],
)
def test_a_day_is_excluded_from_a_series_of_days(excluded, zone):
    """A time stands for its day, also midnight in UTC, which many tools write."""
    schedule = read(f"{DAYS}\n{excluded}", zone=zone)
    assert [talk.start.astimezone(zone).day for talk in schedule] == [4, 6]
    assert schedule.warnings == []


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("RDATE:20260510T140000", "10 04:00"),
        ("RDATE;VALUE=DATE:20260510", "09 23:00"),
        ("RDATE;TZID=Europe/Berlin:20260510T060000", "10 04:00"),
        ("RDATE;VALUE=PERIOD:20260510T040000Z/PT30M", "10 04:00"),
    ],
)
def test_a_further_date_is_on_the_clock_of_the_series(more, expected):
    """A day has the time of day of the series."""
    schedule = read(f"{SERIES}\n{more}")
    assert times(schedule)[3:] == [expected]


def test_a_period_has_its_own_length():
    """The other dates are as long as the series says."""
    lengths = [
        t.end - t.start for t in read(f"{SERIES}\nRDATE;VALUE=PERIOD:20260510T040000Z/20260510T043000Z")
    ]
    assert [length.seconds // 60 for length in lengths] == [60, 60, 60, 30]


@pytest.mark.parametrize(
    ("entries", "kept", "warning"),
    [
        ((MOVED.format("RECURRENCE-ID:20260505T090000Z"),), 1, "its series is not in this file"),
        ((SERIES, MOVED.format("RECURRENCE-ID:20260511T090000")), 4, "no date of its series matches it"),
        ((SERIES, MOVED.format("RECURRENCE-ID:20260505T100000")), 4, "VEVENT s replaces the occurrence of 2026-05-05 10:00"),
        ((f"{SERIES}\nEXDATE:20260511T090000",), 3, "VEVENT s: EXDATE 2026-05-11 09:00 matches no date"),
        ((f"{SERIES}\nEXDATE:20260511T090000,20260512T090000",), 3, "EXDATE 2026-05-11 09:00 and 1 more matches"),
        ((f"{DAYS}\nEXDATE;VALUE=DATE:20260601",), 3, "EXDATE 2026-06-01 00:00"),
    ],
)  # fmt: skip
def test_an_exception_that_matches_nothing_is_reported(entries, kept, warning):
    """With UID and time; a moved talk is kept, no other talk is lost."""
    schedule = read(*entries, zone=SYDNEY)
    assert len(schedule) == kept
    [line] = schedule.warnings
    assert warning in line
    assert schedule.refused == []


def test_a_warning_reaches_the_user_and_is_counted(tmp_path):
    """As a warning where a file is read, as a count where it is polled."""
    raw = calendar(f"{SERIES}\nEXDATE:20260511T090000")
    file = tmp_path / "plan.ics"
    file.write_bytes(raw)
    with pytest.warns(UserWarning, match="EXDATE 2026-05-11 09:00 matches no date"):
        read_talks(file, SYDNEY)
    meta = Meta(source="schedules:x", scope="x", connector="schedule@1", received_at=datetime.now(UTC))
    parsed = parse(raw, meta)
    assert parsed.counts == {"talks": 3, "warnings": 1}
    assert parsed.rejects == []


def test_the_newest_version_of_an_exception_counts():
    """Whatever the order of both in the file."""
    old = MOVED.format("RECURRENCE-ID:20260505T090000") + "\nSEQUENCE:1"
    new = old.replace("SEQUENCE:1", "SEQUENCE:2").replace("T150000", "T160000")
    for entries in ((SERIES, old, new), (SERIES, new, old)):
        schedule = read(*entries)
        assert times(schedule) == ["03 23:00", "05 06:00", "05 23:00"]
        assert schedule.warnings == []


def test_a_cancelled_occurrence_is_left_out_whatever_its_clock():
    """Also if the exception has times without a zone."""
    gone = "UID:s\nSTATUS:CANCELLED\nRECURRENCE-ID;VALUE=DATE:20260505\nDTSTART:20260505T090000"
    assert times(read(SERIES, gone)) == ["03 23:00", "05 23:00"]


def test_an_exception_that_is_excluded_as_well_is_at_its_new_time():
    """Some tools write both; the title is that of the series if it has none."""
    moved = MOVED.format("RECURRENCE-ID:20260505T090000").replace("SUMMARY:M\n", "")
    schedule = read(f"{SERIES}\nEXDATE:20260505T090000", moved)
    assert times(schedule) == ["03 23:00", "05 05:00", "05 23:00"]
    assert {talk.title for talk in schedule} == {"T"}


@pytest.mark.parametrize(
    "empty",
    [
        "RRULE:", "RDATE:", "EXDATE:", "DTEND:", "DURATION:", "RECURRENCE-ID:", "RRULE:\nRDATE:\nEXDATE:\nDURATION:",
        "EXDATE;TZID=Europe/Berlin:", "RRULE;X-EVOLUTION=1: ", "LOCATION:\nURL:\nCATEGORIES:\nATTENDEE:\nSEQUENCE:\nSTATUS:",
        'ATTENDEE;CN="A: B":', "RDATE;VALUE=DATE:", "DTEND;VALUE=DATE:",
    ],
)  # fmt: skip
def test_a_property_without_a_value_is_absent(empty):
    """The talk is the same as without it."""
    plain = read("UID:u\nSUMMARY:T\nDTSTART:20260515T093000Z")
    assert read(f"UID:u\nSUMMARY:T\nDTSTART:20260515T093000Z\n{empty}") == plain


@pytest.mark.parametrize(
    "rule", ["FREQ=DAILY;COUNT=2;UNTIL=", "FREQ=DAILY;COUNT=2;", "FREQ=DAILY;BYDAY=;COUNT=2"]
)
def test_a_part_of_a_rule_without_a_value_is_absent(rule):
    """The other parts count."""
    assert len(read(f"UID:u\nSUMMARY:T\nDTSTART:20260515T093000Z\nRRULE:{rule}")) == 2


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("FREQ=DAILY;COUNT=0", "COUNT of its RRULE is 0, but must be 1 or more"),
        ("FREQ=DAILY;COUNT=-1", "COUNT of its RRULE is -1, but must be 1 or more"),
        ("FREQ=WEEKLY;COUNT=-5;UNTIL=20260601", "COUNT of its RRULE is -5"),
        ("FREQ=DAILY;COUNT=2;INTERVAL=0", "INTERVAL of its RRULE is 0, but must be 1 or more"),
        ("FREQ=DAILY;INTERVAL=-2", "INTERVAL of its RRULE is -2"),
        ("FREQ=DAILY;UNTIL=20260514T000000Z", "ends (UNTIL 2026-05-14 00:00) before its first date (2026-05-15 09:30)"),
        ("FREQ=DAILY;UNTIL=20260101", "ends (UNTIL 2026-01-01"),
    ],
)  # fmt: skip
def test_a_rule_that_cannot_be_is_refused_in_plain_words(rule, message):
    """Part, value and what it must be, with the UID."""
    with pytest.raises(ScheduleError) as caught:
        read(f"UID:u\nSUMMARY:T\nDTSTART:20260515T093000Z\nRRULE:{rule}")
    assert message in str(caught.value)
    assert "VEVENT u" in str(caught.value)


@pytest.mark.parametrize(
    "until", ["20260505", "20260505T000000Z", "20260505T235959Z", "20260505T120000", "20260504T140000Z"]
)
def test_a_series_of_days_ends_with_the_day_of_its_until(until):
    """In UTC, without a zone, and as a day."""
    raw = f"UID:s\nSUMMARY:T\nDTSTART;VALUE=DATE:20260504\nRRULE:FREQ=DAILY;UNTIL={until}"
    assert len(read(raw, zone=SYDNEY)) == 2


@pytest.mark.parametrize(
    ("start", "head"),
    [
        ("DTSTART:2026-05-15T09:30:00+02:00", ""),
        ("DTSTART:20260515T0730Z", ""),
        ("DTSTART:20260515T093000+0200", ""),
        ("DTSTART:2026-05-15T07:30:00.000Z", ""),
        ("DTSTART;TZID=Europe/Berlin:2026-05-15 09:30:00", ""),
        ('DTSTART;TZID="Europe/Berlin":20260515T0930', ""),
        ("DTSTART;TZID=GMT+0200:20260515T093000", ""),
        ("DTSTART;TZID=UTC+02:00:20260515T093000", ""),
        ("DTSTART;TZID=(UTC+01:00) Amsterdam\\, Berlin\\, Bern\\, Rome:20260515T093000", ""),
        ("DTSTART;TZID=Asia/Tokyo:20260515T073000Z", ""),
        ("DTSTART:20260515T09\n 3000", "X-WR-TIMEZONE:Europe/Berlin\n"),
    ],
)
def test_a_time_in_another_form_is_read(start, head):
    """ISO 8601 with hyphens, without seconds, with an offset; zones as Outlook names them."""
    [talk] = read(f"UID:u\nSUMMARY:T\n{start}", head=head)
    assert talk.start == datetime(2026, 5, 15, 7, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "name", ["(UTC+09:00) Berlin", "Mean Time of Nowhere", "(UTC+01:00) Atlantis", "GMT+9999"]
)
def test_a_zone_that_is_not_sure_is_refused(name):
    """No city, another offset, or no such offset."""
    with pytest.raises(ScheduleError, match="neither known nor described"):
        read(f"UID:u\nSUMMARY:T\nDTSTART;TZID={name}:20260515T093000")


def test_a_rule_may_repeat_the_time_of_its_start():
    """Outlook writes BYHOUR and BYMINUTE."""
    rule = "RRULE:FREQ=WEEKLY;COUNT=2;BYHOUR=9;BYMINUTE=30;BYDAY=FR"
    assert times(read(f"UID:u\nSUMMARY:T\nDTSTART:20260515T093000Z\n{rule}")) == ["15 09:30", "22 09:30"]


def at(name: str, *times: str, zone: str = "", kind: str = "date-time") -> str:
    """Return a property of times as RFC 6321 writes it."""
    parameters = f"<parameters><tzid><text>{zone}</text></tzid></parameters>" if zone else ""
    return f"<{name}>{parameters}{''.join(f'<{kind}>{time}</{kind}>' for time in times)}</{name}>"


RECUR = "<rrule><recur><freq>DAILY</freq><count>3</count></recur></rrule>"
UID = "<uid><text>s</text></uid><summary><text>One, two; three</text></summary>"
START = at("dtstart", "2026-05-04T09:00:00", zone="Australia/Sydney")


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([UID + START + RECUR], ["03 23:00", "04 23:00", "05 23:00"]),
        ([UID + START + "<rrule>FREQ=DAILY;COUNT=2</rrule>"], ["03 23:00", "04 23:00"]),
        ([UID + START + RECUR + at("exdate", "2026-05-05T09:00:00")], ["03 23:00", "05 23:00"]),
        ([UID + START + RECUR + at("exdate", "2026-05-05", "2026-05-06", kind="date")], ["03 23:00"]),
        ([UID + START + at("rdate", "2026-05-09T23:00:00Z")], ["03 23:00", "09 23:00"]),
        ([UID + START + "<rdate><period><start>2026-05-09T23:00:00Z</start><duration>PT5M</duration></period></rdate>"], ["03 23:00", "09 23:00"]),
        ([UID + START + RECUR, UID + at("recurrence-id", "2026-05-05", kind="date") + at("dtstart", "2026-05-05T15:00:00", zone="Australia/Sydney")],
         ["03 23:00", "05 05:00", "05 23:00"]),
        (["<uid>s</uid><summary>One, two; three</summary><dtstart>20260504T090000</dtstart><rrule>FREQ=DAILY;COUNT=2</rrule><rdate/><exdate>20260505T090000</exdate>"],
         ["03 23:00"]),
    ],
)  # fmt: skip
def test_a_series_in_xcal_is_read_as_in_icalendar(entries, expected):
    """With elements of RFC 6321, and with texts as some tools write them."""
    body = "".join(f"<vevent><properties>{entry}</properties></vevent>" for entry in entries)
    schedule = parse_schedule(
        f"<iCalendar><vcalendar>{body}</vcalendar></iCalendar>".encode(), "plan", SYDNEY
    )
    assert times(schedule) == expected
    assert {talk.title for talk in schedule} == {"One, two; three"}
    assert schedule.warnings == schedule.refused == []


def test_an_exception_in_xcal_that_matches_nothing_is_reported():
    """With the same words."""
    raw = f"<iCalendar><vcalendar><vevent>{UID}{START}{RECUR}{at('exdate', '2026-06-05T09:00:00')}</vevent></vcalendar></iCalendar>"
    [line] = parse_schedule(raw.encode(), "plan").warnings
    assert "plan: VEVENT s: EXDATE 2026-06-05 09:00 matches no date" in line


def test_empty_elements_of_xcal_are_absent():
    """The talk is the same as without them."""
    empty = "<rrule/><rdate></rdate><exdate/><dtend/><duration> </duration><recurrence-id/>"
    event = "<uid>u</uid><summary>T</summary><dtstart>20260515T093000Z</dtstart>"
    wrap = "<iCalendar><vcalendar><vevent>{}</vevent></vcalendar></iCalendar>".format
    assert parse_schedule(wrap(event + empty).encode(), "plan") == parse_schedule(
        wrap(event).encode(), "plan"
    )


def test_an_empty_calendar_is_reported(tmp_path):
    """One line that names the formats; a calendar with talks has no warning."""
    schedule = parse_schedule(calendar(), "plan.ics")
    assert schedule.talks == []
    [line] = schedule.warnings
    assert line.startswith(
        "plan.ics: no talks in it; when the programme is published, export it again as one of conftool, csv"
    )
    file = tmp_path / "plan.ics"
    file.write_bytes(calendar(SERIES))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_talks(file, SYDNEY)
