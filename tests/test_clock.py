"""Durations and times that users give."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from rtanalytics.clock import parse_duration, parse_time


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("250ms", 0.25),
        ("90s", 90),
        ("30 sec", 30),
        ("5min", 300),
        ("15m", 900),
        (" 1.5 h ", 5400),
        ("1H", 3600),
        ("2d", 172_800),
        ("3 days", 259_200),
        (timedelta(minutes=15), 900),
        (pd.Timedelta("15min"), 900),
        (pd.offsets.Minute(15), 900),
        (pd.offsets.Day(2), 172_800),
    ],
)
def test_a_duration_is_text_a_timedelta_or_a_pandas_offset(value, seconds):
    """Each becomes a plain timedelta."""
    result = parse_duration(value)
    assert result == timedelta(seconds=seconds)
    assert type(result) is timedelta


@pytest.mark.parametrize(
    "value",
    ["", "5", "soon", "5 parsecs", "-5min", "0s", 300, None, True, timedelta(0), timedelta(-1),
     pd.NaT, pd.Timedelta("nat"), pd.offsets.MonthEnd(), pd.offsets.Minute(-1), "9999999999d"],
)  # fmt: skip
def test_anything_else_is_an_invalid_duration(value):
    """The message shows the value and two examples."""
    with pytest.raises(ValueError, match=r"invalid duration .* \(examples: 5min, 1h\)"):
        parse_duration(value)


@pytest.mark.parametrize(
    "value",
    [
        "2026-05-15T09:30:00Z",
        " 2026-05-15 11:30+02:00 ",
        "2026-05-15T09:30",
        datetime(2026, 5, 15, 9, 30),
        pd.Timestamp("2026-05-15T11:30+02:00"),
    ],
)
def test_a_time_becomes_utc(value):
    """Text, datetime or Timestamp; without an offset it is taken as UTC."""
    result = parse_time(value)
    assert (result, result.tzinfo) == (datetime(2026, 5, 15, 9, 30, tzinfo=UTC), UTC)
    assert type(result) is datetime


@pytest.mark.parametrize("value", ["", "noon", "2026-15-05", None])
def test_anything_else_is_an_invalid_time(value):
    """The message shows the value and an example."""
    with pytest.raises(ValueError, match="invalid time"):
        parse_time(value)
