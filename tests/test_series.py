"""Detectors on plain series: causal, bounded, and right on series whose anomalies are known."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtanalytics.evaluate import nab_score
from rtanalytics.series import (
    DEFAULT,
    DETECTORS,
    Peaks,
    Row,
    SeriesError,
    _fit,
    anomaly_scores,
    detector,
    read_series,
)

START = datetime(2026, 5, 1, tzinfo=UTC)
STEP = timedelta(minutes=5)


def rows(values, step=STEP) -> list[Row]:
    """Values at even steps."""
    return [Row("", START + n * step, float(value)) for n, value in enumerate(values)]


def daily(days: int, seed: int = 1) -> np.ndarray:
    """Counts that rise every day at noon."""
    hours = np.arange(days * 288) / 12
    return np.random.default_rng(seed).poisson(30 + 25 * np.sin((hours - 6) / 24 * 2 * np.pi)).astype(float)


@pytest.mark.parametrize("name", list(DETECTORS))
@given(
    st.lists(
        st.tuples(st.integers(0, 90_000), st.one_of(st.integers(0, 9), st.floats(-1e9, 1e9))),
        min_size=1, max_size=120,
    ),
    st.integers(1, 120),
)  # fmt: skip
@settings(max_examples=30, deadline=None)
def test_scores_are_bounded_and_do_not_change_when_more_follows(name, steps, n):
    """At any steps and values: in [0, 1], and those of the first n rows are those of the whole."""
    series, time = [], START
    for seconds, value in steps:
        time += timedelta(seconds=seconds)
        series.append(Row("", time, float(value)))
    every = list(anomaly_scores(series, name))
    assert len(every) == len(series)
    assert all(0 <= score <= 1 for score in every)
    assert list(anomaly_scores(series[:n], name)) == every[:n]


@pytest.mark.parametrize("name", list(DETECTORS))
def test_a_burst_scores_highest(name):
    """On noise without season, the one burst has the highest score of all."""
    values = np.random.default_rng(3).poisson(20, 2000).astype(float)
    values[1500:1504] = [60, 120, 200, 150]
    scores = list(anomaly_scores(rows(values), name))
    assert int(np.argmax(scores)) in range(1500, 1504)


def test_what_comes_every_day_is_no_anomaly_but_the_same_at_night_is():
    """The season goes: a value that is usual at noon rings at midnight only."""
    values = daily(14)
    noon, night = 13 * 288 + 144, 13 * 288 + 10
    usual = values[noon] = values[night] = 58
    scores = list(anomaly_scores(rows(values), Peaks()))
    assert usual < values[: 13 * 288].max()
    assert scores[noon] < 0.7 < scores[night]
    assert int(np.argmax(scores[288:])) + 288 == night


def test_only_a_new_record_of_a_day_rings():
    """Of two equal bursts the second is silent within 24 hours, and rings after them."""
    for hours, rings in ((23, False), (25, True)):
        values = np.random.default_rng(5).poisson(20, 10 * 288).astype(float)
        first, second = 7 * 288, 7 * 288 + hours * 12
        values[first], values[second] = 300, 290
        scores = list(anomaly_scores(rows(values), Peaks(slots=1)))
        assert scores[first] > 0.7
        assert (scores[second] > 0.7) == rings


def test_the_record_is_that_of_the_last_day_by_hand():
    """The queue agrees with looking at all surprises of the last 24 hours, at uneven steps."""
    dice = random.Random(11)
    peaks, seen, now = Peaks(), [], 0.0
    for _ in range(2000):
        now += dice.choice([60, 3600, 40_000])
        surprise = float(dice.randint(0, 30))
        highest = max((s for t, s in seen if t >= now - 86400), default=0.0)
        assert peaks._record(now, surprise) == (surprise if surprise > highest else 0.0)
        seen.append((now, surprise))


def test_the_tail_is_the_distribution_it_is_fitted_to():
    """Of exponential values (a tail of shape 0) one in ten thousand is told as such, within a factor of 2."""
    values = sorted(np.random.default_rng(2).exponential(3.0, 200_000).tolist())
    tail = _fit(values, 0.99)
    assert tail is not None
    assert tail.shape == pytest.approx(0, abs=0.05)
    assert tail.surprise(3 * np.log(10_000)) == pytest.approx(4, abs=0.3)
    assert tail.surprise(tail.threshold) == 0


def test_memory_is_bounded():
    """Not more values are kept than was said, and these are the last ones, in order."""
    peaks = Peaks(keep=50, refit=10)
    for row in rows(daily(2)):
        peaks.update(row.time, row.value)
    assert len(peaks._past) == len(peaks._recent) == 50
    assert peaks._past == sorted(peaks._recent)
    assert len(peaks._season) <= 24


@pytest.mark.parametrize(
    "wrong", [{"quantile": 1.0}, {"quantile": 0.1}, {"slots": 0}, {"half_life": 0}, {"keep": 0}]
)
def test_parameters_that_make_no_sense_are_refused(wrong):
    """The message says which."""
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} .*{next(iter(wrong.values()))}"):
        Peaks(**wrong)


def test_an_unknown_detector_is_told_with_those_there_are():
    """Names come from people."""
    with pytest.raises(ValueError, match="no algorithm 'magic' for series; there are peaks, ewma, zscore"):
        detector("magic")


# -- files ------------------------------------------------------------------------------------------


def test_uneven_equal_and_missing_times_are_read_as_they_are(tmp_path):
    """Offsets, other columns, quotes and gaps are fine; timestamps keep their spelling."""
    path = tmp_path / "counts.csv"
    path.write_text(
        "\ufeffvalue,note,timestamp\n1,,2026-05-01 00:00:00\n2.5,x,2026-05-01T02:05:00+02:00\n"
        '3,"a,b",2026-05-01T00:05:00Z\n-4e0,,2026-06-01\n',
        encoding="utf-8",
    )
    read = list(read_series(path))
    assert [row.value for row in read] == [1, 2.5, 3, -4]
    assert [row.timestamp for row in read][1] == "2026-05-01T02:05:00+02:00"
    assert [row.time - START for row in read] == [timedelta(0), STEP, STEP, timedelta(days=31)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r":1: no column 'timestamp'"),
        ("timestamp,count\n2026-05-01,1\n", r":1: no column 'value'"),
        ("timestamp,value\n2026-05-01,1\nyesterday,2\n", r":3: 'yesterday' is not an ISO 8601 time"),
        ("timestamp,value\n2026-05-01,many\n", r":2: 'many' is not a finite number"),
        ("timestamp,value\n2026-05-01,nan\n", r":2: 'nan' is not a finite number"),
        ("timestamp,value\n2026-05-01,\n", r":2: a timestamp or a value is missing"),
        ("timestamp,value\n2026-05-01\n", r":2: a timestamp or a value is missing"),
        ("timestamp,value\n2026-05-02,1\n2026-05-01,1\n", r":3: 2026-05-01 comes after 2026-05-02"),
        ('timestamp,value\n2026-05-01,"1\n', r":2: unexpected end of data"),
    ],
)
def test_a_bad_row_is_told_with_its_line(tmp_path, text, message):
    """File, line, and what is wrong; nothing is skipped in silence."""
    path = tmp_path / "counts.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SeriesError, match=rf"counts\.csv{message}"):
        list(read_series(path))


def test_bytes_that_are_no_text_are_told(tmp_path):
    """A file in another encoding is no series."""
    path = tmp_path / "counts.csv"
    path.write_bytes(b"timestamp,value\n2026-05-01,\xff\xfe1\n")
    with pytest.raises(SeriesError, match=r"counts\.csv:\d+: .*utf-8"):
        list(read_series(path))


# -- the Numenta benchmark --------------------------------------------------------------------------


@pytest.mark.data
def test_the_default_beats_the_simple_ones_on_series_that_it_was_not_tuned_on(data_folder):
    """Each with the threshold that is best for it on AAPL, AMZN and CRM, scored on CVS and FB."""
    folder = data_folder / "labelled" / "nab"
    labels = json.loads((folder / "combined_windows.json").read_text())

    def scored(name, symbols):
        for symbol in symbols:
            series = list(read_series(folder / "data" / f"Twitter_volume_{symbol}.csv"))
            windows = [
                tuple(datetime.fromisoformat(t).replace(tzinfo=UTC) for t in pair)
                for pair in labels[f"realTweets/Twitter_volume_{symbol}.csv"]
            ]
            yield [row.time for row in series], list(anomaly_scores(series, name)), windows

    def total(parts, threshold):
        first, *others = (nab_score(t, s, w, threshold) for t, s, w in parts)
        return sum(others, first).score

    figures = {}
    for name in DETECTORS:
        known = list(scored(name, ("AAPL", "AMZN", "CRM")))
        threshold = max(np.arange(0.6, 0.98, 0.004), key=lambda t, known=known: total(known, t))
        figures[name] = total(list(scored(name, ("CVS", "FB"))), threshold)
    assert figures[DEFAULT] > 75
    assert max(figures, key=figures.get) == DEFAULT
