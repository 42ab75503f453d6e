"""Dates are read as a whole or not at all, whoever wrote them."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtanalytics.normalize.dates import (
    AmbiguousOrder,
    NoZone,
    SpreadsheetNumber,
    UnknownZone,
    day_order,
    optional_time,
    parse_clock,
    parse_day,
    parse_time,
)
from rtanalytics.normalize.values import InvalidValue

SEVEN = datetime(2026, 5, 15, 7, tzinfo=UTC)

SAME = [
    "2026-05-15T07:00:00Z", "2026-05-15t07:00:00z", "2026-05-15 07:00:00 UTC", "2026-05-15 09:00 +02:00",
    "2026-05-15T09:00:00.000+0200", "2026-05-15T09:00+02:00[Europe/Berlin]", "20260515T070000Z",
    "2026-05-15T07:00:00,000Z", "2026/05/15 09:00:00 CEST", "2026.05.15 07:00 GMT", "20260515070000 UTC",
    "Fri, 15 May 2026 09:00:00 +0200", "Fri,15 May 2026 09:00 +0200", "15 May 26 03:00 EDT",
    "Fri, 15 May 126 07:00:00 UT", "15 May 2026 00:00:00 PDT", "Fri, 15 May 2026 02:00:00 -0500 (CDT)",
    "Fri, 15 May 2026 07:00:00 -0000", "Fri, 15 May 2026 07:00:00 A", "Fri, 15 May 2026 09:00:00 Europe/Berlin",
    "Fri May 15 09:00:00 CEST 2026", "Fri May 15 09:00:00 2026 +0200", "Fri May 15 07:00:00 +0000 2026",
    "Fri 15 May 2026 09:00:00 AM CEST", "Fri May 15 2026 09:00:00 GMT+0200 (Central European Summer Time)",
    "15/May/2026:09:00:00 +0200", "Friday, May 15th, 2026 at 3:00 am EDT", "Freitag, 15. Mai 2026, 09:00 Uhr MESZ",
    "vendredi 15 mai 2026 à 09:00 CEST", "15 de mayo de 2026 09:00 CEST", "15.05.2026 09:00 MESZ",
    "5/15/2026 3:00 AM EDT", "15/05/26 09:00 +0200", "1778828400", "1778828400000", "1778828400000000",
    "1778828400.0", 1778828400, 1778828400.0, 1778828400000, 1778828400_000_000,
    datetime(2026, 5, 15, 9, tzinfo=timezone(timedelta(hours=2))),
]  # fmt: skip


@pytest.mark.parametrize("value", SAME, ids=str)
def test_an_explicit_zone_counts_more_than_the_callers(value: object) -> None:
    """The same time in many forms, with and without a zone of the caller."""
    assert parse_time(value) == SEVEN
    assert parse_time(value, ZoneInfo("America/New_York")) == SEVEN


@pytest.mark.parametrize(
    "text",
    [
        "2026-05-15 09:00", "2026-05-15T09:00:00.000", "15.05.2026 09:00", "15.5.26, 09:00:00", "5/15/26, 9:00 AM",
        "Fri, 15 May 2026 09:00:00", "Fri May 15 09:00:00 2026", "15. Mai 2026 um 9:00 Uhr", "May 15, 2026 9:00 a.m.",
    ],
)  # fmt: skip
def test_a_time_without_a_zone_needs_one(text: str) -> None:
    """It is read in the zone of the caller, or refused with advice."""
    assert parse_time(text, ZoneInfo("Europe/Berlin")) == SEVEN
    with pytest.raises(NoZone, match="has no time zone; name it"):
        parse_time(text, advice="; name it")


@pytest.mark.parametrize(
    "text",
    [
        "", "soon", "2026", "2026-05", "May 2026", "09:00", "May 15", "Fri, 15 May", "Fri 09:00", "May 15 09:00",
        "2026-02-30", "2026-29-06 15:07:41", "29/02/2025 10:00", "2026-05-15T24:00:01Z", "2026-05-15 25:00",
        "2026-05-15T09:00:00+25:00", "2026-05-15T09:00:00+02:60", "Tue, 31 Apr 2026 09:00 GMT", "05.13.2026 x",
        "2026-05-15x09:00", "1e9", "nan", "-5", "12345678901", "9" * 13, "45792.375", "15 May 26", "yesterday",
        "Oct 05, 2026 99:99", "Fri, 01 May 99999 09:00:00 +0000", "2026-05-15 09:00 and more", "15:00 AM 1 May 2026",
        "2026-05-15 09:00:00 EST-0500", None, True, [], float("nan"), float("inf"), 1e300, "x" * 10_000,
    ],
    ids=lambda value: str(value)[:20],
)  # fmt: skip
def test_what_is_not_a_whole_time_is_none(text: object) -> None:
    """Nothing is filled in from today."""
    assert optional_time(text) is None
    with pytest.raises(InvalidValue):
        parse_time(text, UTC)


@pytest.mark.parametrize("value", ["46157.396", "46157,396", "46157", 46157.396, 46157], ids=str)
def test_a_number_of_days_of_a_spreadsheet_is_named(value: object) -> None:
    """As seconds since 1970 the number would be a time in 1970."""
    with pytest.raises(SpreadsheetNumber, match="export the file again"):
        parse_time(value)


@pytest.mark.parametrize(
    ("text", "zone", "hour"),
    [
        ("Fri, 15 May 2026 12:30 IST", "Asia/Kolkata", 7),
        ("Fri, 15 May 2026 12:30 IST", "Europe/Dublin", 11),
        ("Fri May 15 15:30:00 CST 2026", "Asia/Shanghai", 7),
        ("Fri May 15 15:30:00 PST 2026", "Asia/Manila", 7),
    ],
)
def test_an_ambiguous_abbreviation_is_that_of_the_callers_zone(text: str, zone: str, hour: int) -> None:
    """Otherwise it is refused, and the reason says what it may mean."""
    assert parse_time(text, ZoneInfo(zone)).hour == hour
    if "PST" not in text:
        with pytest.raises(UnknownZone, match="is ambiguous"):
            parse_time(text, ZoneInfo("Europe/Berlin"))


def test_rfc_5322_defines_the_zone_of_a_mail() -> None:
    """CST is Central Standard Time there, and an unknown name is refused."""
    assert parse_time("Thu, 15 Jan 2026 09:00:00 CST").hour == 15
    with pytest.raises(UnknownZone, match="its time zone FOO is unknown"):
        parse_time("Thu, 15 Jan 2026 09:00:00 FOO", UTC)


def test_numbers_need_an_order_of_day_and_month() -> None:
    """A day above 12 decides for the whole file; dots have the day first."""
    with pytest.raises(AmbiguousOrder, match="day or month first"):
        parse_time("05/06/2026 09:00", UTC)
    assert parse_time("05/06/2026", UTC, day_first=True) == datetime(2026, 6, 5, tzinfo=UTC)
    assert parse_time("05/06/2026", UTC, day_first=False) == datetime(2026, 5, 6, tzinfo=UTC)
    assert parse_time("05.06.2026", UTC) == datetime(2026, 6, 5, tzinfo=UTC)
    assert parse_time("05/05/2026", UTC).day == 5
    with pytest.raises(InvalidValue, match="does not have the day first"):
        parse_time("05/13/2026", UTC, day_first=True)
    assert day_order(["05/06/2026 09:00", None, "x", "05/13/2026 10:00", "13/05/2026"]) is False
    assert day_order(["05.06.2026", "31.12.25"]) is True
    assert day_order(["05/06/2026", "2026-05-31", ""]) is None


def test_days_and_clocks_of_tables() -> None:
    """A column with days and one with times of day."""
    days = ("15.05.2026", "2026-05-15", "May 15, 2026", "Friday, 15 May 2026", "5/15/2026")
    assert {parse_day(day) for day in days} == {date(2026, 5, 15)}
    assert [parse_day(text) for text in ("Friday", "Day 1", "", "2026-05-15 09:00", "1778828400")] == [
        None
    ] * 5
    assert [parse_clock(text) for text in ("9:05", "09:05:30", "9:05 pm", "24:00", "9", "x", "25:00")] == [
        time(9, 5), time(9, 5, 30), time(21, 5), None, None, None, None,
    ]  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(
        st.text(max_size=40),
        st.text(alphabet="0123456789:-/., TZ+MayJunFriampmCEST()", max_size=40),
        st.integers(),
        st.floats(),
    )
)
def test_any_value_is_a_time_or_refused(value: object) -> None:
    """Nothing else is raised, and what is read is the same in any zone that it names itself."""
    for zone in (None, UTC, ZoneInfo("America/New_York")):
        try:
            assert parse_time(value, zone).tzinfo is UTC
        except InvalidValue as error:
            assert str(error)


@settings(max_examples=200, deadline=None)
@given(st.datetimes(datetime(1995, 1, 1), datetime(2049, 12, 31)))
def test_what_programs_write_is_read_again(moment: datetime) -> None:
    """In the formats of Python, mails, Unix and spreadsheets."""
    moment = moment.replace(microsecond=0)
    for shape in ("%Y-%m-%dT%H:%M:%S", "%a, %d %b %Y %H:%M:%S", "%a %b %d %H:%M:%S %Y", "%Y/%m/%d %H:%M:%S"):
        assert parse_time(moment.strftime(shape), UTC) == moment.replace(tzinfo=UTC)
    for order, shape in ((True, "%d/%m/%Y %H:%M:%S"), (False, "%m/%d/%y %I:%M:%S %p")):
        assert parse_time(moment.strftime(shape), UTC, day_first=order) == moment.replace(tzinfo=UTC)
