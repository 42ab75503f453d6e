"""Calendars in XML, as tools write them and as the standard has them: the talks of the same tools' other files."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from rtanalytics.schedule import Schedule, Talk
from rtanalytics.schedules import ScheduleError, parse_schedule

BERLIN = ZoneInfo("Europe/Berlin")
HEAD = "<iCalendar xmlns:pentabarf='http://pentabarf.org' xmlns:xCal='urn:ietf:params:xml:ns:xcal'><vcalendar><version>2.0</version>"
TALK = """<vevent><method>PUBLISH</method><uid>7@x26@pentabarf.org</uid><pentabarf:event-id>7</pentabarf:event-id>
<pentabarf:title>Ours &amp; Yours</pentabarf:title><pentabarf:subtitle>and theirs</pentabarf:subtitle>
<dtstart>20260515T093000</dtstart>{end}<duration>004500</duration><summary>Ours &amp; Yours- and theirs</summary>
<description>**Bold** words</description><status>CONFIRMED</status><category>Lecture</category><url>https://x.example/7</url>
<location>Saal 1</location><attendee>Ada</attendee><attendee>Bob, B.</attendee><attendee>carl@x.example</attendee></vevent>"""


def at(hour: int, minute: int = 0, day: int = 15) -> datetime:
    return datetime(2026, 5, day, hour, minute, tzinfo=UTC)


def read(*entries: str, head: str = HEAD, **options) -> Schedule:
    return parse_schedule(
        f"{head}{''.join(entries)}</vcalendar></iCalendar>".encode(), "plan.xcal", **options
    )


@pytest.mark.parametrize("end", ["<dtend>20260515T101500</dtend>", ""])
def test_an_entry_of_frab_or_pretalx_is_a_talk(end):
    """Title and subtitle apart, times on the conference's clock, the end told or by the duration."""
    [found] = read(TALK.format(end=end), zone=BERLIN)
    assert found == Talk(
        id="7@x26@pentabarf.org",
        title="Ours & Yours",
        start=at(7, 30),
        end=at(8, 15),
        speakers=["Ada", "Bob, B."],
        room="Saal 1",
        kind="lecture",
        url="https://x.example/7",
        abstract="and theirs\n\nBold words",
    )


def test_times_with_an_offset_count_before_those_without():
    """FOSDEM tells both; so no zone is needed."""
    entry = TALK.format(end="<dtend>20260515T101500</dtend>").replace(
        "<dtstart>",
        "<pentabarf:start>2026-05-15 09:30:00 +0200</pentabarf:start><pentabarf:end>2026-05-15 10:00:00 +0200</pentabarf:end>"
        "<pentabarf:track>Python</pentabarf:track><dtstart>",
    )
    [found] = read(entry)
    assert (found.start, found.end, found.track) == (at(7, 30), at(8), "Python")


def test_the_calendar_may_name_its_zone():
    """As iCalendar does."""
    [found] = read(TALK.format(end=""), head=HEAD + "<x-wr-timezone>Europe/Berlin</x-wr-timezone>", zone=UTC)
    assert found.start == at(7, 30)


def test_a_zone_that_nobody_knows_is_not_replaced_by_that_of_the_place():
    """Nor do times with an offset need one."""
    head = HEAD + "<x-wr-timezone>Europe/Berlim</x-wr-timezone>"
    with pytest.raises(ScheduleError, match=r"time zone 'Europe/Berlim' is unknown\) .*has no time zone"):
        read(TALK.format(end=""), head=head, zone=BERLIN)
    with_offset = TALK.format(end="").replace("20260515T093000", "20260515T093000+0200")
    assert next(iter(read(with_offset, head=head))).start == at(7, 30)


def test_the_standard_is_read_too():
    """RFC 6321: values in elements of their own, parameters beside them."""
    raw = """<?xml version="1.0"?><icalendar xmlns="urn:ietf:params:xml:ns:icalendar-2.0"><vcalendar><properties/><components><vevent>
    <properties><uid><text>u</text></uid><dtstart><parameters><tzid><text>Europe/Berlin</text></tzid></parameters>
    <date-time>2026-05-15T09:30:00</date-time></dtstart><duration><duration>PT45M</duration></duration>
    <summary><text>Talk</text></summary><attendee><parameters><cn><text>Ada</text></cn></parameters>
    <cal-address>mailto:ada@x.example</cal-address></attendee></properties></vevent></components></vcalendar></icalendar>"""
    [found] = parse_schedule(raw.encode(), "plan")
    assert (found.id, found.title, found.start, found.end) == ("u", "Talk", at(7, 30), at(8, 15))
    assert found.speakers == ["Ada"]


def test_what_is_cancelled_is_left_out():
    """By its status."""
    assert len(read(TALK.format(end="").replace("CONFIRMED", "CANCELLED"), zone=BERLIN)) == 0
    assert len(read()) == 0


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("<vevent><uid>u</uid><dtstart>20260515T093000Z</dtstart></vevent>", r"vevent 2 \(u\) has no title"),
        ("<vevent><summary>x</summary></vevent>", "vevent 2 has no dtstart"),
        ("<vevent><summary>x</summary><dtstart>soon</dtstart></vevent>", "'soon' is not a time"),
        ("<vevent><summary>x</summary><dtstart>20260515T093000Z</dtstart><rrule>FREQ=HOURLY</rrule></vevent>", "is not supported for talks"),
        ("<vevent><summary>x</summary><dtstart>20260515T093000Z</dtstart><duration>long</duration></vevent>", "invalid duration"),
    ],
)  # fmt: skip
def test_an_entry_that_cannot_be_read_costs_no_other(entry, said):
    """There is a line about it; alone it is an error."""
    found = read(TALK.format(end=""), entry, zone=BERLIN)
    assert len(found) == 1
    [line] = found.refused
    with pytest.raises(ScheduleError, match=said.replace("vevent 2", "vevent 1")):
        read(entry)
    with pytest.raises(AssertionError, match=said):
        raise AssertionError(line)


def test_without_any_zone_reading_fails():
    """A talk at the wrong hour is worse than none."""
    with pytest.raises(ScheduleError, match=r"vevent 1 \(7@x26@pentabarf.org\): .* has no time zone"):
        read(TALK.format(end=""))
