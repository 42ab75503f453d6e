"""iCalendar entries are at the right hour: zones by name or described, floating, UTC, over changes of clocks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from rtanalytics.schedule import Schedule, Talk
from rtanalytics.schedules import ScheduleError, parse_schedule

BERLIN = ZoneInfo("Europe/Berlin")


def calendar(*entries: str, head: str = "") -> bytes:
    body = "".join(f"BEGIN:VEVENT\n{entry}\nEND:VEVENT\n" for entry in entries)
    text = f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//x//EN\n{head}{body}END:VCALENDAR\n"
    return text.replace("\n", "\r\n").encode()


def entry(start: str = "DTSTART:20260515T073000Z", *more: str, uid: str = "u", title: str = "Talk") -> str:
    return "\n".join([f"UID:{uid}", f"SUMMARY:{title}", start, *more])


def read(raw: bytes, **options) -> Schedule:
    return parse_schedule(raw, "plan.ics", **options)


def only(raw: bytes, **options) -> Talk:
    [found] = read(raw, **options)
    return found


def said(raw: bytes, **options) -> str:
    with pytest.raises(ScheduleError) as caught:
        read(raw, **options)
    return str(caught.value)


def at(hour: int, minute: int = 0, day: int = 15, month: int = 5) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=UTC)


OURS = """BEGIN:VTIMEZONE
TZID:{name}
BEGIN:DAYLIGHT
TZOFFSETFROM:+0100
TZOFFSETTO:+0230
DTSTART:20000301T000000
RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=1SU
END:DAYLIGHT
BEGIN:STANDARD
TZOFFSETFROM:+0230
TZOFFSETTO:+0100
DTSTART:20001001T000000
RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=1SU
END:STANDARD
END:VTIMEZONE
"""


def test_an_entry_becomes_a_talk():
    """Folded lines, escapes, names without addresses, room, track, address, markup stripped."""
    raw = calendar(
        entry(
            "DTSTART;TZID=Europe/Berlin:20260515T093000",
            "DTEND;TZID=Europe/Berlin:20260515T101500",
            "DESCRIPTION:<p>One\\, two\\; and a line that is so long that it is\n  folded</p>\\nthree",
            "LOCATION:Saal 1",
            "CATEGORIES:Web,Data",
            "URL:https://x.example/7",
            'ATTENDEE;CN="Ada":mailto:ada@x.example',
            "ATTENDEE;CN=bob@x.example:mailto:bob@x.example",
            "ATTENDEE;CUTYPE=ROOM;CN=Saal 1:invalid:nomail",
        )
    )
    assert only(raw) == Talk(
        id="u",
        title="Talk",
        start=at(7, 30),
        end=at(8, 15),
        speakers=["Ada"],
        room="Saal 1",
        track="Web",
        url="https://x.example/7",
        abstract="One, two; and a line that is so long that it is folded\nthree",
    )


@pytest.mark.parametrize(
    ("start", "head", "utc"),
    [
        ("DTSTART:20260515T073000Z", "X-WR-TIMEZONE:Asia/Tokyo\n", at(7, 30)),
        ("DTSTART;TZID=America/New_York:20260515T033000", "", at(7, 30)),
        ("DTSTART;TZID=W. Europe Standard Time:20260515T093000", "", at(7, 30)),
        ("DTSTART;TZID=/mozilla.org/20070129_1/Europe/Berlin:20260515T093000", "", at(7, 30)),
        ("DTSTART;TZID=Ours:20260515T093000", OURS.format(name="Ours"), at(7)),
        ("DTSTART;TZID=Ours:20261215T093000", OURS.format(name="Ours"), at(8, 30, month=12)),
        ("DTSTART:20260515T093000", "X-WR-TIMEZONE:Asia/Tokyo\n", at(0, 30)),
        ("DTSTART:20260515T093000", "X-WR-TIMEZONE;VALUE=TEXT:Europe/Brussels\n", at(7, 30)),
        ("DTSTART:20260515T093000", "", at(7, 30)),
        ("DTSTART;TZID=Europe/Berlin:20260329T023000", "", at(1, 30, day=29, month=3)),
        ("DTSTART;TZID=Europe/Berlin:20261025T023000", "", at(0, 30, day=25, month=10)),
    ],
)
def test_a_time_is_where_it_belongs(start, head, utc):
    """UTC, names of IANA and of Windows, a described zone, the calendar's clock, ours; both nights of DST."""
    assert only(calendar(entry(start), head=head), zone=BERLIN).start == utc


def test_zones_of_one_calendar_do_not_serve_another():
    """Two calendars call different clocks by one name, and one that does not describe it is refused."""
    start = "DTSTART;TZID=Local:20260515T093000"
    other = OURS.format(name="Local").replace("+0230", "+0500")
    assert only(calendar(entry(start), head=OURS.format(name="Local"))).start == at(7)
    assert only(calendar(entry(start), head=other)).start == at(4, 30)
    assert "VEVENT u: time zone 'Local' is neither known nor described" in said(calendar(entry(start)))


def test_a_floating_time_needs_a_zone():
    """The entry is named."""
    assert "plan.ics: VEVENT u: 2026-05-15T09:30:00 has no time zone" in said(
        calendar(entry("DTSTART:20260515T093000"))
    )


@pytest.mark.parametrize(
    ("more", "minutes"),
    [(("DURATION:PT45M",), 45), (("DTEND;TZID=Europe/Berlin:20260515T110000",), 90), ((), 60)],
)
def test_an_end_is_read_in_any_form(more, minutes):
    """A duration, an end on another clock than the start, or none."""
    found = only(calendar(entry("DTSTART:20260515T073000Z", *more)))
    assert found.end - found.start == timedelta(minutes=minutes)


def test_days_are_days_of_the_place():
    """An entry without times of day lasts from midnight to midnight there, and says so."""
    one = only(calendar(entry("DTSTART;VALUE=DATE:20260515")), zone=BERLIN)
    assert (one.start, one.end, one.kind) == (at(22, day=14), at(22), "all-day")
    three = only(calendar(entry("DTSTART;VALUE=DATE:20260515", "DTEND;VALUE=DATE:20260518")), zone=BERLIN)
    assert three.end - three.start == timedelta(days=3)


def test_a_recurring_entry_is_a_talk_each_time():
    """At the same hour of the clock although it changes; each with an id that lasts."""
    weekly = entry(
        "DTSTART;TZID=Europe/Berlin:20260322T190000",
        "DTEND;TZID=Europe/Berlin:20260322T200000",
        "RRULE:FREQ=WEEKLY;COUNT=3",
    )
    found = list(read(calendar(weekly)))
    assert [t.start for t in found] == [at(18, 0, 22, 3), at(17, 0, 29, 3), at(17, 0, 5, 4)]
    assert [t.id for t in found] == ["u#20260322T180000Z", "u#20260329T170000Z", "u#20260405T170000Z"]
    assert {t.end - t.start for t in found} == {timedelta(hours=1)}


def test_occurrences_can_differ_be_dropped_and_be_more():
    """EXDATE, RDATE, a moved and a cancelled occurrence; a moved one keeps its id."""
    series = entry(
        "DTSTART:20260511T080000Z",
        "RRULE:FREQ=DAILY;UNTIL=20260515T080000Z",
        "EXDATE:20260512T080000Z",
        "RDATE:20260520T080000Z",
    )
    moved = entry("DTSTART:20260513T100000Z", "RECURRENCE-ID:20260513T080000Z", title="Later")
    void = entry("DTSTART:20260514T080000Z", "RECURRENCE-ID:20260514T080000Z", "STATUS:CANCELLED")
    found = list(read(calendar(series, moved, void)))
    assert [(t.start.day, t.start.hour) for t in found] == [(11, 8), (13, 10), (15, 8), (20, 8)]
    assert (found[1].id, found[1].title) == ("u#20260513T080000Z", "Later")


@pytest.mark.parametrize(
    ("rule", "times"),
    [
        ("FREQ=DAILY", 367),
        ("FREQ=WEEKLY;UNTIL=20260529", 3),
        ("FREQ=WEEKLY;UNTIL=20260529T073000Z", 3),
        ("FREQ=WEEKLY;COUNT=4;BYDAY=FR", 4),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", 1),
    ],
)
def test_a_recurrence_ends(rule, times):
    """By its own end, or after a year, whether there are dates that fit or not."""
    assert len(read(calendar(entry("DTSTART:20260515T073000Z", f"RRULE:{rule}")))) == times


def test_the_latest_version_of_an_entry_counts():
    """SEQUENCE tells which; entries that share a UID without it are all kept."""
    old = entry("DTSTART:20260515T073000Z", "SEQUENCE:1", title="Old")
    new = entry("DTSTART:20260515T083000Z", "SEQUENCE:2", title="New")
    assert only(calendar(new, old)).title == "New"
    assert [t.id for t in read(calendar(entry(), entry("DTSTART:20260515T083000Z")))] == ["u", "u#2"]


def test_what_is_cancelled_or_has_no_title_is_left_out():
    """STATUS, METHOD, and entries that only block time."""
    assert len(read(calendar(entry("DTSTART:20260515T073000Z", "STATUS:CANCELLED")))) == 0
    assert len(read(calendar(entry(), head="METHOD:CANCEL\n"))) == 0
    assert [t.id for t in read(calendar(entry(title=""), entry(uid="v")))] == ["v"]
    assert "1 entries, and none of them has a title" in said(calendar(entry(title="")))


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"BEGIN:VALARM\r\nEND:VALARM\r\n", "VALARM instead of VCALENDAR"),
        (b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n", "cut off"),
        (calendar("UID:u\nSUMMARY:x"), "VEVENT u has no DTSTART"),
        (calendar(entry("DTSTART:soon")), "soon"),
        (calendar(entry("DTSTART:20260515T073000Z", "RRULE:FREQ=SECONDLY")), "'SECONDLY' is not supported for talks"),
        (calendar(entry("DTSTART:20260515T073000Z", "RRULE:FREQ=DAILY;BYMINUTE=1,2,3")), "is not supported for talks"),
        (calendar(entry("DTSTART:20260515T073000Z", "RRULE:FREQ=DAILY;INTERVAL=0")), "INTERVAL of its RRULE is 0, but must be 1 or more"),
        (calendar(entry("DTSTART:20260515T073000Z", "DTSTART:20260515T073000Z")), "more than one time"),
        (calendar(entry("DTSTART:20260515T073000Z", "DURATION:P9999W")), "too long for a talk"),
        (calendar(entry("DTSTART:20260515T073000Z", "RECURRENCE-ID;RANGE=THISANDFUTURE:20260515T073000Z")), "RANGE"),
        (calendar(entry("DTSTART;TZID=Ours:20260515T093000"), head=OURS.format(name="Ours").replace("YEARLY", "SECONDLY")),
         "rules that are not yearly"),
    ],
)  # fmt: skip
def test_an_entry_that_cannot_be_placed_is_named(raw, message):
    """File, UID and what stands there, on one line."""
    assert said(raw).startswith("plan.ics: ")
    assert message in said(raw)
