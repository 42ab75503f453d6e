"""Calibration: figures that were worked out by hand, and thresholds that keep quiet data quiet."""

from __future__ import annotations

import math
import random
from datetime import timedelta
from io import BytesIO

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from rtanalytics.evaluate import (
    Truth,
    alerts_of,
    calibration_curve,
    plot_calibration,
    quiet_bins,
    quiet_threshold,
    runs_of,
    trend_outcomes,
)
from rtanalytics.evaluate.calibration import wilson
from rtanalytics.schedule import ReferenceTopic
from rtanalytics.topics import Trend, TrendBin
from tests.build import BASE

HOUR = timedelta(hours=1)


def a_bin(n: int, *listed: tuple[str, float], width: timedelta = HOUR) -> TrendBin:
    """Bin ``n`` with these labels and probabilities, most probable first."""
    start = BASE + n * width
    trends = [
        Trend(
            bin_start=start, bin_end=start + width, rank=rank, terms=[label], label=label, expected=0.0,
            score=-math.log10(1 - p), messages=3, authors=3, examples=[], probability=p,
        )
        for rank, (label, p) in enumerate(listed, 1)
    ]  # fmt: skip
    return TrendBin(start=start, end=start + width, trends=trends, messages=9, authors=5)


def test_calibration_is_what_one_works_out_by_hand() -> None:
    """Two bins: 0.2 said of five, of which one came true; 0.7 of four, of which two."""
    found = calibration_curve([0.2] * 5 + [0.7] * 4, [1, 0, 0, 0, 0, 1, 1, 0, 0], bins=5)
    frame = found.to_frame()
    assert frame[["low", "high"]].to_numpy().tolist() == [[0.2, 0.4], [0.6, 0.8]]
    assert frame["n"].tolist() == [5, 4]
    assert frame["predicted"].tolist() == pytest.approx([0.2, 0.7])
    assert frame["observed"].tolist() == [0.2, 0.5]
    assert found.error == pytest.approx((5 * 0.0 + 4 * 0.2) / 9)
    assert found.brier == pytest.approx((0.64 + 4 * 0.04 + 2 * 0.09 + 2 * 0.49) / 9)
    assert found.base_rate == pytest.approx(3 / 9)


def test_the_interval_is_wilsons() -> None:
    """8 of 10 and 0 of 10 at 95 %, as handbooks print them; the share of a bin lies inside its own."""
    assert wilson(8, 10) == pytest.approx((0.4902, 0.9433), abs=5e-5)
    assert wilson(0, 10) == pytest.approx((0.0, 0.2775), abs=5e-5)
    row = calibration_curve([0.8] * 10, [True] * 8 + [False] * 2).to_frame().iloc[0]
    assert (row["observed_low"], row["observed_high"]) == pytest.approx(wilson(8, 10))


def test_the_ends_of_the_scale_belong_to_bins() -> None:
    """0 and 1 are probabilities like others; a perfect forecast has no error at all."""
    found = calibration_curve([0.0, 1.0, 1.0], [False, True, True])
    assert (found.error, found.brier) == (0.0, 0.0)
    assert found.to_frame()[["low", "high"]].to_numpy().tolist() == [[0.0, 0.1], [0.9, 1.0]]


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60), st.integers(1, 20))
def test_no_forecast_is_lost(pairs: list[tuple[float, bool]], bins: int) -> None:
    """All are in a bin that holds them, hits add up, and the error is within its bounds."""
    ps, truths = zip(*pairs, strict=True)
    found = calibration_curve(ps, truths, bins=bins)
    frame = found.to_frame()
    assert frame["n"].sum() == len(ps)
    assert (frame["n"] * frame["observed"]).sum() == pytest.approx(sum(truths))
    assert ((frame["predicted"] >= frame["low"] - 1e-9) & (frame["predicted"] <= frame["high"] + 1e-9)).all()
    assert 0 <= found.error <= 1
    assert 0 <= found.brier <= 1
    assert found.error >= abs(sum(ps) - sum(truths)) / len(ps) - 1e-9


def test_forecasts_that_come_true_as_often_as_they_say_are_calibrated() -> None:
    """Of 20,000 drawn with their own probability, the error is small; of the same squared, it is not."""
    chance = random.Random(5)
    ps = [chance.random() for _ in range(20_000)]
    truths = [chance.random() < p for p in ps]
    assert calibration_curve(ps, truths).error < 0.02
    assert calibration_curve([p * p for p in ps], truths).error > 0.1


@pytest.mark.parametrize(
    ("ps", "truths"), [([], []), ([0.5], []), ([1.2], [True]), ([float("nan")], [True]), ([-0.1], [False])]
)
def test_what_cannot_be_calibrated_is_refused(ps: list[float], truths: list[bool]) -> None:
    """Nothing, unequal numbers, and numbers that are no probabilities."""
    with pytest.raises(ValueError, match="give one per outcome|invalid"):
        calibration_curve(ps, truths)


def test_the_plot_has_a_dot_a_bin() -> None:
    """At what was said and what came true, with its interval; it can be drawn."""
    found = calibration_curve([0.2] * 5 + [0.7] * 4, [1, 0, 0, 0, 0, 1, 1, 0, 0], bins=5)
    figure = Figure()
    ax = plot_calibration(found, figure.add_subplot())
    (dots,) = (
        c for c in ax.collections if len(c.get_offsets()) == 2 and type(c).__name__ == "PathCollection"
    )
    assert dots.get_offsets().tolist() == [pytest.approx([0.2, 0.2]), pytest.approx([0.7, 0.5])]
    figure.savefig(BytesIO(), format="png")


def test_outcomes_are_of_bins_in_which_something_is_known() -> None:
    """A topic that matches came true, another one did not, and what nobody knows is not asked."""
    truth = Truth([ReferenceTopic(start=BASE, end=BASE + HOUR / 2, keywords=("walrus",))], slack=timedelta(0))
    bins = [a_bin(0, ("walrus", 0.9), ("lunch", 0.4)), a_bin(1, ("walrus", 0.8))]
    assert trend_outcomes(bins, truth) == ([0.9, 0.4], [True, False])
    assert trend_outcomes(bins, truth, top=1) == ([0.9], [True])
    assert quiet_bins(bins, truth) == bins[1:]


def test_a_threshold_keeps_the_rate() -> None:
    """Four quiet hours with three alerts: one an hour is kept by all, one in two hours by two of them."""
    bins = [a_bin(0, ("a", 0.9), ("b", 0.5)), a_bin(1, ("a", 0.4)), a_bin(2), a_bin(3, ("c", 0.7))]
    assert (quiet_threshold(bins, 1).probability, quiet_threshold(bins, 1).alarms) == (0.4, 3)
    half = quiet_threshold(bins, 0.5)
    assert (half.probability, half.alarms, half.hours) == (0.7, 2, 4)
    # exact limits of 2 events: 0.2422 and 7.2247
    assert half.per_hour == pytest.approx((0.2422 / 4, 7.2247 / 4), abs=1e-4)
    none = quiet_threshold(bins, 0.1)
    assert 0.9 < none.probability < 0.9 + 1e-9
    assert none.alarms == 0
    assert none.per_hour == pytest.approx((0, 3.6889 / 4), abs=1e-4)


def test_an_alarm_that_a_threshold_splits_counts_twice() -> None:
    """What was one alert at 0.3 is two at 0.5; 0.3 is not allowed where 0.5 is not."""
    long = [("a", 0.6), ("a", 0.3), ("a", 0.3), ("a", 0.3), ("a", 0.3), ("a", 0.3), ("a", 0.5)]
    bins = [a_bin(n, listed) for n, listed in enumerate(long)]
    found = quiet_threshold(bins, 1 / 7)
    assert (found.probability, found.alarms) == (0.6, 1)
    assert quiet_threshold(bins, 2 / 7).probability == 0.3


@given(
    st.lists(
        st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([0.2, 0.4, 0.6, 0.8])), max_size=3),
        min_size=1,
    ),
    st.floats(0, 2),
)
def test_no_higher_threshold_has_more_false_alarms(
    listed: list[list[tuple[str, float]]], rate: float
) -> None:
    """Whatever the trends: every threshold from it on keeps the rate, and the next lower one does not."""
    bins = [a_bin(n, *sorted(each, key=lambda t: -t[1])) for n, each in enumerate(listed)]

    def runs(least: float) -> int:
        kept = [
            TrendBin(start=b.start, end=b.end, messages=9, authors=5,
                     trends=[t for t in b.trends if t.probability >= least])
            for b in bins
        ]  # fmt: skip
        return len(runs_of(alerts_of(kept, top=10, max_terms=3)))

    found = quiet_threshold(bins, rate)
    allowed = rate * len(bins) + 1e-9
    ps = sorted({p for each in listed for _, p in each})
    assert all(runs(p) <= allowed for p in ps if p >= found.probability)
    assert found.alarms == runs(found.probability)
    lower = [p for p in ps if p < found.probability]
    assert not lower or runs(lower[-1]) > allowed


def test_quiet_needs_time_and_a_rate() -> None:
    """No hours or a rate below 0 are refused; without trends, the threshold is 0."""
    with pytest.raises(ValueError, match="hours 0"):
        quiet_threshold([], 1)
    with pytest.raises(ValueError, match="-1"):
        quiet_threshold([a_bin(0)], -1)
    assert quiet_threshold([a_bin(0)], 1).probability == 0
    assert isinstance(calibration_curve([0.5], [True]).to_frame(), pd.DataFrame)
