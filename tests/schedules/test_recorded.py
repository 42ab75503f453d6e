"""Recorded schedules of real conferences and tools: each is read, or refused with a line that says why."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from rtanalytics.schedule import Schedule
from rtanalytics.schedules import ScheduleError, read_schedule

pytestmark = pytest.mark.data

# How many talks each file has. None: it is no schedule (a schema, a template, a list of speakers or
# of films), or it has nothing that says when.
PAYLOADS = {
    "2025.djangocon.us__src___content__schedule__manual.yaml": 30,
    "31C3-Fahrplan__schedule.xml": 138,
    "EventFahrplan__network__src__androidTest__resources__schedule-38c3-20251206.xml": 1007,
    "icalendar__src__icalendar__tests__calendars__alarm_etar_future.ics": 1,
    "icalendar__src__icalendar__tests__calendars__alarm_etar_notification.ics": 1,
    "icalendar__src__icalendar__tests__calendars__alarm_etar_notification_clicked.ics": 1,
    "icalendar__src__icalendar__tests__calendars__alarm_google_acknowledged.ics": 1,
    "icalendar__src__icalendar__tests__calendars__alarm_google_future.ics": 1,
    "icalendar__src__icalendar__tests__calendars__alarm_thunderbird_2_notification_5_min_postponed.ics": 1,
    "icalendar__src__icalendar__tests__calendars__alarm_thunderbird_2_notification_5_min_postponed_and_closed.ics": 1,
    "icalendar__src__icalendar__tests__calendars__alarm_thunderbird_2_notification_popped_up.ics": 1,
    "icalendar__src__icalendar__tests__calendars__alarm_thunderbird_closed.ics": 1,
    "icalendar__src__icalendar__tests__calendars__alarm_thunderbird_future.ics": 1,
    "icalendar__src__icalendar__tests__calendars__alarm_thunderbird_snoozed_until_1457.ics": 1,
    "icalendar__src__icalendar__tests__calendars__example.ics": 3,
    "icalendar__src__icalendar__tests__calendars__issue_1050_forward_timezone_reference.ics": 1,
    "icalendar__src__icalendar__tests__calendars__issue_1050_timezone_only_calendar.ics": 0,
    "icalendar__src__icalendar__tests__calendars__issue_1081_empty_rdate.ics": 1,
    "icalendar__src__icalendar__tests__calendars__issue_1231_recurrence.ics": 1,
    "schedule__validator__json__examples__frab-camp2019.json": 79,
    "schedule__validator__json__examples__hub-schedule2.json": 2,
    "schedule__validator__json__examples__invalid-example.json": 1,
    "schedule__validator__json__examples__pretalx-democon.json": 36,
    "schedule__validator__submission-json__examples__pretalx-submission.json": 1,
}


@pytest.fixture(scope="module")
def folder(data_folder) -> Path:
    return data_folder / "payloads" / "schedules"


def tried(path: Path) -> Schedule | str:
    """The schedule, or what is said about it."""
    try:
        return read_schedule(path, ZoneInfo("Europe/Berlin"), date(2019, 7, 9))
    except ScheduleError as error:
        return str(error)


def test_every_recorded_payload_is_read_or_refused_in_one_line(folder):
    """Those that are schedules have all their talks; the others are named, with a reason that can be read."""
    outcomes = {path.name: tried(path) for path in sorted(folder.iterdir())}
    read = {name: len(found) for name, found in outcomes.items() if isinstance(found, Schedule)}
    refused = {name: line for name, line in outcomes.items() if isinstance(line, str)}
    assert read == PAYLOADS
    assert len(refused) >= 20
    for name, line in refused.items():
        assert line.startswith(str(folder / name))
        assert line.isprintable()
        assert len(line) - len(str(folder)) < 400


def test_a_congress_is_read_as_it_was(folder):
    """38C3 of 2024 and 31C3 of 2014, a thousand events and ten years apart: looked up by eye."""
    found = read_schedule(
        folder / "EventFahrplan__network__src__androidTest__resources__schedule-38c3-20251206.xml"
    )
    by_title = {talk.title: talk for talk in found}
    opening = by_title["38C3: Opening Ceremony"]
    assert opening.id == "270fa44c-821a-577f-8ca3-33e8d4a8c2a7"
    assert (opening.start, opening.end) == (
        datetime(2024, 12, 27, 9, 30, tzinfo=UTC),
        datetime(2024, 12, 27, 10, 0, tzinfo=UTC),
    )
    assert (opening.room, opening.track, opening.kind) == ("Saal 1", "CCC", "ceremony")
    assert opening.speakers == ["Gabriela Bogk", "Senficon", "Aline Blankertz"]
    assert {t.start.day for t in found} == {27, 28, 29, 30}
    assert not any("</" in (t.abstract or "") for t in found)
    assert len({t.id for t in found}) == len(found)
    old = read_schedule(folder / "31C3-Fahrplan__schedule.xml")
    assert old.talks[0].title == "31C3 Opening Event"
    assert (old.talks[0].start, old.talks[0].speakers) == (
        datetime(2014, 12, 27, 10, tzinfo=UTC),
        ["erdgeist", "Geraldine de Bastion"],
    )


def test_breaks_at_djangocon_are_recognised(folder):
    """Meals, registration and quiet rooms are breaks; game nights are not."""
    found = read_schedule(folder / "2025.djangocon.us__src___content__schedule__manual.yaml")
    kinds = Counter(talk.kind for talk in found)
    assert found.talks[0].start == datetime(2025, 9, 8, 12, 30, tzinfo=UTC)
    assert {t.title for t in found if t.kind == "break"} >= {
        "Continental Breakfast",
        "Lunch",
        "Break",
        "Quiet Room",
    }
    assert "Board Game Night" in {t.title for t in found if t.kind == "talk"}
    assert kinds["break"] > kinds["talk"]


def test_the_icalendar_corpus_raises_nothing_else(data_folder):
    """Its calendars, fuzzed ones among them: talks, or a line with the place."""
    files = sorted((data_folder / "suites" / "icalendar").rglob("*.ics"))
    outcomes = [tried(path) for path in files]
    assert len(files) > 150
    untitled = [line for line in outcomes if isinstance(line, str) and "none of them has a title" in line]
    assert sum(isinstance(found, Schedule) for found in outcomes) + len(untitled) >= 90
    assert all(line.isprintable() for line in outcomes if isinstance(line, str))


def test_the_cases_of_the_schedule_validator_agree(data_folder):
    """Every event of its examples in all of its versions is a talk, and a submission with a slot; schemas are not."""
    folder = data_folder / "suites" / "voc-schedule-validator" / "validator"
    found = {path.stem: tried(path) for path in sorted(folder.rglob("*.json"))}
    read = {name: len(schedule) for name, schedule in found.items() if isinstance(schedule, Schedule)}
    assert read == {
        "frab-camp2019": 79,
        "hub-schedule2": 2,
        "invalid-example": 1,
        "pretalx-democon": 36,
        "pretalx-rc3": 48,
        "pretalx-submission": 1,
    }
