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


def test_a_burst_rings_once_and_again_when_it_is_ten_times_rarer_or_a_day_later():
    """The second of two equal bursts is silent within 24 hours and rings after; a far higher one rings."""
    for hours, height, rings in ((23, 60, False), (25, 60, True), (23, 3000, True)):
        values = np.random.default_rng(5).poisson(20, 20 * 288).astype(float)
        first, second = 17 * 288, 17 * 288 + hours * 12
        values[first], values[second] = 60, height
        scores = list(anomaly_scores(rows(values), Peaks(slots=1)))
        assert scores[first] >= 0.75
        assert (scores[second] >= 0.75) == rings


def test_a_value_is_reported_once_per_power_of_ten_within_hold():
    """Remembering the last report is equivalent to looking at all reports of the last 24 hours."""
    dice = random.Random(11)
    peaks, reported, now = Peaks(), [], 0.0
    for _ in range(5000):
        now += dice.choice([60, 3600, 40_000])
        surprise = dice.uniform(0, 9)
        power = int(surprise)
        suppressed = any(p >= power for t, p in reported if now - t < 86400)
        assert peaks._report(now, surprise) == (0 if suppressed else power)
        if power and not suppressed:
            reported.append((now, power))
    assert len(reported) > 500


def test_scores_are_whole_powers_of_ten():
    """A score d / (1 + d) has a whole d, 0 or from 1 on."""
    values = daily(20)
    values[3000] = 500
    powers = {score / (1 - score) for score in anomaly_scores(rows(values), Peaks())}
    assert max(powers) >= 3
    assert all(power == pytest.approx(round(power), abs=1e-9) for power in powers)


def test_an_excess_that_lasts_rings_where_a_single_value_as_high_does_not():
    """Two hours at one and a half times the usual are an alarm, and one such value is none."""
    for length, rings in ((1, False), (24, True)):
        values = np.random.default_rng(7).poisson(100, 20 * 288).astype(float)
        start = 19 * 288
        values[start : start + length] = 125
        scores = np.array(list(anomaly_scores(rows(values), Peaks())))
        assert (scores[start : start + length].max() >= 0.75) == rings


def test_false_alarms_are_as_rare_as_the_score_says():
    """On noise with a season, 0.75 is reached by at most one value in a thousand, and by some."""
    alarms = values = 0
    for seed in range(4):
        scores = np.array(list(anomaly_scores(rows(daily(40, seed)), Peaks())))[2 * 288 :]
        alarms, values = alarms + int((scores >= 0.75).sum()), values + len(scores)
    assert 0 < alarms <= values / 1000


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
    assert len(peaks._sorted) == len(peaks._last) == 50
    assert peaks._sorted == sorted(peaks._last)
    assert len(peaks._season) <= 24


@pytest.mark.parametrize(
    "wrong",
    [{"quantile": 1.0}, {"quantile": 0.1}, {"slots": 0}, {"half_life": 0}, {"keep": 0}, {"weight": -1},
     {"weight": float("nan")}, {"sustained": timedelta(0)}],
)  # fmt: skip
def test_parameters_that_make_no_sense_are_refused(wrong):
    """The message says which."""
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} .*{next(iter(wrong.values()))}"):
        Peaks(**wrong)


def test_an_unknown_detector_is_reported_with_the_known_ones():
    """Names come from people."""
    with pytest.raises(ValueError, match="unknown detector 'magic'; use one of peaks, ewma, zscore"):
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
        ("timestamp,value\n2026-05-01,1\nyesterday,2\n", r":3: invalid time 'yesterday'"),
        ("timestamp,value\n2026-05-01,many\n", r":2: 'many' is not a finite number"),
        ("timestamp,value\n2026-05-01,nan\n", r":2: 'nan' is not a finite number"),
        ("timestamp,value\n2026-05-01,-1e200\n", r":2: -1e200 is beyond 1e\+100"),
        ("timestamp,value\n2026-05-01,\n", r":2: a timestamp or a value is missing"),
        ("timestamp,value\n2026-05-01\n", r":2: a timestamp or a value is missing"),
        ("timestamp,value\n2026-05-02,1\n2026-05-01,1\n", r":3: 2026-05-01 comes after 2026-05-02"),
        ('timestamp,value\n2026-05-01,"1\n', r":2: unexpected end of data"),
    ],
)
def test_a_bad_row_is_reported_with_its_line(tmp_path, text, message):
    """File, line, and what is wrong; nothing is skipped in silence."""
    path = tmp_path / "counts.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SeriesError, match=rf"counts\.csv{message}"):
        list(read_series(path))


def test_bytes_that_are_not_text_are_reported(tmp_path):
    """A file in another encoding is no series."""
    path = tmp_path / "counts.csv"
    path.write_bytes(b"timestamp,value\n2026-05-01,\xff\xfe1\n")
    with pytest.raises(SeriesError, match=r"counts\.csv:\d+: .*utf-8"):
        list(read_series(path))


# -- the Numenta benchmark --------------------------------------------------------------------------


SYMBOLS = ("AAPL", "AMZN", "CRM", "CVS", "FB")
CHOSEN_ON = SYMBOLS[:3]


@pytest.fixture(scope="module")
def benchmark(data_folder):
    """Rows and labelled windows of each series."""
    folder = data_folder / "labelled" / "nab"
    labels = json.loads((folder / "combined_windows.json").read_text())
    return {
        symbol: (
            list(read_series(folder / "data" / f"Twitter_volume_{symbol}.csv")),
            [
                tuple(datetime.fromisoformat(t).replace(tzinfo=UTC) for t in pair)
                for pair in labels[f"realTweets/Twitter_volume_{symbol}.csv"]
            ],
        )
        for symbol in SYMBOLS
    }


def scored(benchmark, by):
    """Scores of each series, by a fresh detector each."""
    return {symbol: list(anomaly_scores(series, by())) for symbol, (series, _) in benchmark.items()}


def total(benchmark, scores, symbols, threshold):
    """Over these series together."""
    first, *others = (
        nab_score([row.time for row in benchmark[s][0]], scores[s], benchmark[s][1], threshold)
        for s in symbols
    )
    return sum(others, first)


def best_threshold(benchmark, scores, symbols):
    """With which these series score highest."""
    every = np.unique(np.concatenate([scores[s] for s in symbols]))
    return max(
        every[every > 0][:: len(every) // 200 + 1], key=lambda t: total(benchmark, scores, symbols, t).score
    )


@pytest.mark.data
def test_the_default_is_best_with_thresholds_chosen_on_other_series(benchmark):
    """Each with its threshold from AAPL, AMZN and CRM, scored on CVS and FB and on all five."""
    unseen, figures = tuple(set(SYMBOLS) - set(CHOSEN_ON)), {}
    for name in DETECTORS:
        scores = scored(benchmark, lambda name=name: detector(name))
        threshold = best_threshold(benchmark, scores, CHOSEN_ON)
        figures[name] = total(benchmark, scores, unseen, threshold).score
        if name == DEFAULT:
            assert threshold == 0.75
            every = total(benchmark, scores, SYMBOLS, threshold)
            assert every.score > 87
            assert every.detected == every.windows == 16
            assert every.false_alarms <= 20
    assert figures[DEFAULT] > 87
    assert max(figures, key=figures.get) == DEFAULT


@pytest.mark.data
def test_each_series_is_scored_as_well_with_the_threshold_of_the_other_four(benchmark):
    """Leaving out one after the other: none below 80, together above 87."""
    scores = scored(benchmark, Peaks)
    left_out = [
        total(benchmark, scores, (s,), best_threshold(benchmark, scores, [o for o in SYMBOLS if o != s]))
        for s in SYMBOLS
    ]
    assert min(each.score for each in left_out) > 80
    assert sum(left_out[1:], left_out[0]).score > 87


@pytest.mark.data
@pytest.mark.parametrize(
    "other",
    [{"weight": 1.5}, {"weight": 4.0}, {"sustained": timedelta(hours=1)}, {"sustained": timedelta(hours=3)},
     {"hold": timedelta(hours=12)}, {"hold": timedelta(hours=36)}, {"quantile": 0.985}, {"quantile": 0.995},
     {"slots": 12}, {"slots": 96}, {"half_life": 3.0}, {"scale": "log"}],
)  # fmt: skip
def test_no_constant_was_tuned_to_a_peak(benchmark, other):
    """With another value of each constant the score stays above 85."""
    assert total(benchmark, scored(benchmark, lambda: Peaks(**other)), SYMBOLS, 0.75).score > 85
