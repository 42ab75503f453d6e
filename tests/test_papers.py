"""What papers, handbooks and reference implementations print, worked again by the algorithms.

Figures from print: Poisson (von Bortkiewicz 1898, as in Fisher 1925), negative binomial (Bliss &
Fisher 1953), χ² (Manning, Raghavan & Schütze 2008, example 13.4), G² (Dunning 1993, in
``test_trending.py``), JLH (the documentation of Elasticsearch), Gnip (limits of Garwood 1936).
Held against independent implementations: decay, EWMA, SigniTrend and MACD (pandas), z-score
(the standard library), change point (the recursion of Adams & MacKay over all runs, with scipy's
predictive distribution), peaks over threshold (scipy's generalised Pareto distribution with the
moments of Hosking & Wallis 1987), Kleinberg (all paths, in ``test_trending.py``).

No worked example is printed for window count, growth, TwitInfo, df-idf_t, Benhardus & Kalita,
Mastodon's trends, the sequential form of Kleinberg (CUSUM), or the seasonal forms, which are ours;
for these the reference implementations are all there is.
"""

from __future__ import annotations

import statistics
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from rtanalytics.counts import BinCounts
from rtanalytics.trending import get
from tests.contracts.scorer import WIDTH

COURSE = [0, 3, 0, 0, 7, 2, 2, 0, 11, 4, 4, 5, 0, 1, 9, 3]
"""Counts of one term; it begins with silence, as pandas begins with its first value."""


def course(name: str, *counts: float, totals: list[float] | float = 100.0, **parameters: Any) -> list[float]:
    """Scores of one term in successive bins, of those in which it is said."""
    algorithm = get(name, **parameters)
    state = algorithm.start()
    told = []
    for number, k in enumerate(counts):
        total = totals[number] if isinstance(totals, list) else totals
        terms = np.array([0] if k else [], np.int64)
        bin = BinCounts(number, terms, np.full(len(terms), float(k)), float(total), WIDTH)
        told += algorithm.step(state, bin).score.tolist()
    return told


def against(name: str, k: float, d: float, b: float, B: float, **parameters: Any) -> float:
    """Score of k in d after b in B."""
    return course(name, b, k, totals=[B, d], **parameters)[-1]


def said(values: Any) -> list[float]:
    """The values of the bins in which the term is said."""
    return [float(v) for v, k in zip(values, COURSE, strict=True) if k]


def test_poisson_gives_the_deaths_by_horse_kick() -> None:
    """Mean 0.61 a corps and year; of 200, Fisher expects 4.11 with 3 deaths, 0.63 with 4, 0.08 with 5."""
    score = against("poisson", k=3, d=122, b=60, B=12_100)  # λ = 60.5 · 122 / 12100 = 0.61
    assert 200 * 10**-score == pytest.approx(4.11 + 0.63 + 0.08, abs=0.02)


def test_negative_binomial_gives_the_mites_on_apple_leaves() -> None:
    """Bliss & Fisher: mean 1.14667, k̂ = 1.02459, of 150 leaves 69.49, 37.60 and 20.10 with 0, 1, 2 mites."""
    score = against("negative-binomial", k=3, d=114_667, b=0, B=50_000, dispersion=1 / 1.02459)
    assert 150 * 10**-score == pytest.approx(150 - 69.49 - 37.60 - 20.10, abs=0.02)


def test_chi_square_gives_the_textbooks_export_and_poultry() -> None:
    """N₁₁ = 49, N₁₀ = 27 652, N₀₁ = 141, N₀₀ = 774 106: X² ≈ 284."""
    score = against("chi2", k=49, d=49 + 141, b=27_652, B=27_652 + 774_106)
    assert score == pytest.approx(284, abs=0.5)
    table = [[49, 27_652], [141, 774_106]]
    assert score == pytest.approx(stats.chi2_contingency(table, correction=False).statistic)


def test_jlh_gives_the_bicycle_thefts_of_elasticsearch() -> None:
    """3 640 of the transport police's 47 347 crimes, 66 799 of all 5 064 554: 0.371235374214817."""
    score = against("jlh", k=3_640, d=47_347, b=66_799 - 3_640, B=5_064_554 - 47_347)
    assert score == pytest.approx(0.371235374214817, rel=1e-12)


@pytest.mark.parametrize(("before", "upper"), [(1, 7.430), (5, 14.150), (10, 21.398)])
def test_gnip_measures_in_garwoods_limits(before: int, upper: float) -> None:
    """A count at the printed upper 99 % limit of the one before has a score of 1."""
    scores = course("gnip", before, 30, totals=1000.0)
    assert scores[-1] == pytest.approx((30 - before) / (upper - before), rel=1e-3)


def test_decay_is_the_weighted_sum_of_pandas() -> None:
    """Exponentially weighted means with ``adjust=True``, times the sum of their weights."""
    mean = pd.Series(COURSE, dtype=float).ewm(halflife=3, adjust=True).mean()
    weights = np.cumsum(2.0 ** (-np.arange(len(COURSE)) / 3))
    assert course("decay", *COURSE, half_life=3.0) == pytest.approx(said(mean * weights))


@pytest.mark.parametrize("name", ["ewma", "signitrend"])
def test_moving_deviations_are_those_of_pandas(name: str) -> None:
    """Mean and biased variance with ``adjust=False``, of the bins before, as Finch's recursion has them."""
    whole = [50.0 + 7 * (n % 4) for n in range(len(COURSE))]
    x = pd.Series(COURSE, dtype=float) / (whole if name == "signitrend" else 1.0)
    past = x.ewm(halflife=5, adjust=False)
    mean, variance = past.mean().shift(fill_value=0.0), past.var(bias=True).shift().fillna(0.0)
    if name == "ewma":
        score = course(name, *COURSE, totals=whole, half_life=5.0, floor_count=0.7)
        expected = (x - mean) / np.sqrt(variance + 0.7**2)
    else:
        score = course(name, *COURSE, totals=whole, half_life=5.0, bias=0.02)
        expected = (x - mean) / (np.sqrt(variance) + 0.02)
    assert score == pytest.approx(said(expected))


def test_macd_is_the_difference_of_two_means_of_pandas() -> None:
    """As traders compute it: fast less slow, both with ``adjust=False``."""
    x = pd.Series(COURSE, dtype=float)
    expected = x.ewm(halflife=2, adjust=False).mean() - x.ewm(halflife=6, adjust=False).mean()
    assert course("macd", *COURSE, fast=2.0, slow=6.0) == pytest.approx(said(expected))


def test_zscore_takes_mean_and_variance_of_all_that_was_before() -> None:
    """By the standard library, bin by bin; a one is added to the variance."""
    expected = [
        (k - statistics.fmean(COURSE[:n])) / (statistics.pvariance(COURSE[:n]) + 1) ** 0.5
        for n, k in enumerate(COURSE)
        if k
    ]
    assert course("zscore", *COURSE) == pytest.approx(expected)


def test_change_point_is_the_recursion_of_adams_and_mackay() -> None:
    """All runs are followed, in a matrix, with scipy's negative binomial as what each run predicts."""
    hazard, shape, rate = 0.1, 0.7, 0.9
    runs, expected = np.array([1.0]), []  # chance of each run length before the bin, a new one first
    for n, k in enumerate(COURSE):
        a = shape + np.array([sum(COURSE[n - r : n]) for r in range(len(runs))])
        b = rate + np.arange(len(runs))
        old = runs[1:].sum()
        usual = (runs[1:] * a[1:] / b[1:]).sum() / old if old else 0.0
        runs = runs * stats.nbinom.pmf(k, a, b / (b + 1))
        runs /= runs.sum()
        if k:
            expected.append(max(0.0, -np.log10(runs[1:].sum())) if old and k > usual else 0.0)
        runs = np.concatenate([[hazard], (1 - hazard) * runs])
    found = course("change-point", *COURSE, hazard=hazard, recent=1, longest=40, shape=shape, rate=rate)
    assert found == pytest.approx(expected)
    assert sum(score > 0 for score in found) > 3


def test_peaks_have_the_tail_of_a_generalised_pareto_distribution() -> None:
    """Moments of Hosking & Wallis over the excesses so far, then scipy's survival function."""
    random = np.random.default_rng(8)
    counts = random.negative_binomial(1.2, 0.08, 400) + 1
    scores = course("peaks-over-threshold", *counts, calibrate=60, quantile=0.9, half_life=9.0)
    z = np.array(course("ewma", *counts, half_life=9.0))
    start = np.quantile(z[:60], 0.9)
    compared = 0
    for n in range(200, len(z)):
        if z[n] <= start:
            assert scores[n] == 0
            continue
        excess = z[:n][z[:n] > start] - start
        mean, variance = excess.mean(), excess.var()
        kappa = 0.5 * (mean**2 / variance - 1)  # Hosking & Wallis turn the sign of ξ
        if not -0.49 < kappa < 0:
            continue
        tail = stats.genpareto.sf(z[n] - start, -kappa, scale=mean * (1 + kappa))
        assert scores[n] == pytest.approx(-np.log10(len(excess) / n * tail))
        compared += 1
    assert compared >= 8
