"""Calibration of topic probabilities, and a threshold for a given rate of false alarms.

The rate is measured on quiet data: bins without an active reference topic.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from rtanalytics.evaluate.alerts import GAP, runs_of
from rtanalytics.evaluate.figure import _axes
from rtanalytics.evaluate.matching import Truth, alerts_of
from rtanalytics.evaluate.metrics import Interval
from rtanalytics.extras import extra
from rtanalytics.topics import TrendBin

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = [
    "Calibration",
    "QuietThreshold",
    "calibration_curve",
    "plot_calibration",
    "quiet_bins",
    "quiet_threshold",
    "trend_outcomes",
    "wilson",
]


class _Bin(NamedTuple):
    """Forecasts with a probability in ``[low, high)``: number, mean probability, number that came true."""

    low: float
    high: float
    n: int
    predicted: float
    hits: int


@dataclass(frozen=True)
class Calibration:
    """Calibration of probabilities: predicted against observed frequencies.

    Parameters
    ----------
    n : int
        Number of forecasts.
    brier : float
        Brier score, the mean of (probability − outcome)²: 0 is perfect; always predicting the base
        rate b gives b·(1 − b).
    error : float
        Expected calibration error: mean absolute difference between the mean probability and the
        observed share in a bin, weighted by the number of forecasts in the bin.
    base_rate : float
        Share of forecasts that came true.
    level : float
        Confidence level of the intervals.

    References
    ----------
    Brier (1950), Verification of forecasts expressed in terms of probability; Murphy & Winkler
    (1977), Reliability of subjective probability forecasts; Niculescu-Mizil & Caruana (2005),
    Predicting good probabilities with supervised learning; Wilson (1927), for the intervals.
    """

    n: int
    brier: float
    error: float
    base_rate: float
    level: float
    bins: tuple[_Bin, ...]

    def to_frame(self) -> pd.DataFrame:
        """Return one row per bin that has forecasts.

        Returns
        -------
        pandas.DataFrame
            Columns ``low`` and ``high`` (bounds of the bin), ``n`` (number of forecasts), ``predicted``
            (mean probability), ``observed`` (share that came true), and its confidence interval,
            ``observed_low`` and ``observed_high``.
        """
        import pandas as pd

        rows = [
            (b.low, b.high, b.n, b.predicted, b.hits / b.n, *wilson(b.hits, b.n, self.level))
            for b in self.bins
        ]
        columns = ["low", "high", "n", "predicted", "observed", "observed_low", "observed_high"]
        return pd.DataFrame(rows, columns=columns)


def calibration_curve(
    probabilities: Iterable[float], outcomes: Iterable[bool], *, bins: int = 10, level: float = 0.95
) -> Calibration:
    """Compare probabilities with outcomes, as ``sklearn.calibration.calibration_curve`` does.

    Parameters
    ----------
    probabilities : iterable of float
        Predicted probabilities, from 0 to 1.
    outcomes : iterable of bool
        True for each forecast that came true.
    bins : int
        Number of bins of equal width; empty bins are left out.
    level : float
        Confidence level of the intervals.

    Raises
    ------
    ValueError
        If there are no probabilities, the numbers of probabilities and outcomes differ, or a
        probability is not between 0 and 1.

    Examples
    --------
    >>> curve = calibration_curve([0.9, 0.9, 0.9, 0.9, 0.1], [True, True, True, False, False])
    >>> round(curve.error, 3), round(curve.brier, 3)
    (0.14, 0.17)
    """
    ps, truths = [float(p) for p in probabilities], [bool(o) for o in outcomes]
    if bins < 1 or not 0 < level < 1:
        raise ValueError(f"invalid bins {bins} or level {level} (bins from 1, level between 0 and 1)")
    if len(ps) != len(truths) or not ps:
        raise ValueError(
            f"{len(ps)} probabilities for {len(truths)} outcomes; give one per outcome, and at least one"
        )
    if wrong := [p for p in ps if not 0 <= p <= 1]:
        raise ValueError(f"invalid probability {wrong[0]} (numbers from 0 to 1)")
    members: dict[int, list[int]] = {}
    for i, p in enumerate(ps):
        members.setdefault(min(int(p * bins), bins - 1), []).append(i)
    counts = []
    for place, own in sorted(members.items()):
        mean = math.fsum(ps[i] for i in own) / len(own)
        hits = sum(truths[i] for i in own)
        counts.append(_Bin(place / bins, (place + 1) / bins, len(own), mean, hits))
    n = len(ps)
    return Calibration(
        n=n,
        brier=math.fsum((p - o) ** 2 for p, o in zip(ps, truths, strict=True)) / n,
        error=math.fsum(abs(b.predicted * b.n - b.hits) for b in counts) / n,
        base_rate=sum(truths) / n,
        level=level,
        bins=tuple(counts),
    )


def wilson(hits: int, n: int, level: float = 0.95) -> Interval:
    """Return the Wilson score interval of the share ``hits / n``.

    Examples
    --------
    >>> low, high = wilson(8, 10)
    >>> round(low, 3), round(high, 3)
    (0.49, 0.943)
    """
    from statistics import NormalDist

    z2 = NormalDist().inv_cdf((1 + level) / 2) ** 2
    middle = (hits + z2 / 2) / (n + z2)
    half = math.sqrt(z2 * (hits * (n - hits) / n + z2 / 4)) / (n + z2)
    return Interval(max(middle - half, 0.0), min(middle + half, 1.0))


def trend_outcomes(
    bins: Sequence[TrendBin], truth: Truth, *, top: int = 10, max_terms: int = 3
) -> tuple[list[float], list[bool]]:
    """Return the probability of each listed topic, and whether it matches a reference topic.

    The topic filter removes topics of low probability. To cover all probabilities, detect the trends
    with a low ``TopicFilter.min_probability`` and a high ``top``.

    Parameters
    ----------
    bins : sequence of TrendBin
        Detected trends, in order.
    truth : Truth
        The reference topics.
    top, max_terms : int
        Number of topics per bin, and of terms per topic, that are compared.

    Returns
    -------
    probabilities : list of float
        Probability of each listed topic.
    outcomes : list of bool
        True for each topic that matches. Both lists cover only bins with an active reference topic,
        because for other bins the ground truth does not say what people talked about.
    """
    on = [bin for bin in bins if truth.active(bin.start, bin.end)]
    alerts = alerts_of(on, top=top, max_terms=max_terms)
    matched = {edge.alert for edge in truth.edges(alerts)}
    ps = [trend.probability for bin in on for trend in bin.trends if trend.rank <= top]
    return ps, [place in matched for place in range(len(alerts))]


def quiet_bins(bins: Iterable[TrendBin], truth: Truth) -> list[TrendBin]:
    """Return the bins without an active reference topic; a topic is active until the slack after its end."""
    return [bin for bin in bins if not truth.active(bin.start, bin.end)]


@dataclass(frozen=True)
class QuietThreshold:
    """A threshold for a given rate of false alarms on quiet data.

    Parameters
    ----------
    probability : float
        Minimum probability of listed topics.
    alarms : int
        Number of false alarms at this threshold.
    hours : float
        Duration of the quiet data, in hours.
        per_hour : Interval
        Confidence interval of the false alarms per hour, exact for Poisson counts (Garwood, 1936).
    """

    probability: float
    alarms: int
    hours: float
    per_hour: Interval


def quiet_threshold(
    bins: Sequence[TrendBin],
    rate: float,
    *,
    hours: float | None = None,
    top: int = 10,
    max_terms: int = 3,
    gap: int = GAP,
    level: float = 0.95,
) -> QuietThreshold:
    """Return the lowest probability at which quiet data gives at most a given rate of false alarms.

    Successive topics that share a term are one alarm, as in all of :mod:`rtanalytics.evaluate`. A higher
    threshold can split an alarm into two, so the rate must also hold at every higher threshold.

    Parameters
    ----------
    bins : sequence of TrendBin
        Bins without active reference topics (:func:`quiet_bins`), in order.
    rate : float
        Maximum number of false alarms per hour.
    hours : float, optional
        Duration of the quiet data; by default, the total width of ``bins``. Bins without messages are
        not in ``bins``, so pass a value to include their time.
    top, max_terms : int
        Number of topics per bin, and of terms per topic, that are compared.
    gap : int
        Maximum number of bins without a topic within an alarm.
    level : float
        Confidence level of the interval.

    Returns
    -------
    QuietThreshold
        The threshold is the probability of one of the topics. It is the next larger number if the most
        probable topic alone exceeds the rate, and 0 if there are no topics. Detect the trends with a
        low ``TopicFilter.min_probability``, so that the threshold can be low.

    Raises
    ------
    ValueError
        If the rate is negative, or the duration is 0.

    Examples
    --------
    At most one false alarm per hour in two hours: the least probable of three alarms is dropped.

    >>> from datetime import UTC, datetime
    >>> from rtanalytics.topics import Trend
    >>> def hour(n, label, p):
    ...     at, end = (datetime(2026, 5, 15, 9 + n + k, tzinfo=UTC) for k in (0, 1))
    ...     trend = Trend(bin_start=at, bin_end=end, rank=1, terms=[label], label=label, score=p, expected=0,
    ...                   messages=1, authors=1, examples=[], probability=p)
    ...     return TrendBin(start=at, end=end, trends=[trend], messages=1, authors=1)
    >>> threshold = quiet_threshold([hour(0, "a", 0.5), hour(1, "b", 0.8), hour(2, "c", 0.6)], 1, hours=2)
    >>> threshold.probability, threshold.alarms
    (0.6, 2)
    """
    if hours is None:
        hours = sum((bin.end - bin.start for bin in bins), timedelta(0)) / timedelta(hours=1)
    if rate < 0 or not hours > 0:
        raise ValueError(f"invalid rate {rate} or hours {hours} (rate from 0, hours above 0)")
    ps = [trend.probability for bin in bins for trend in bin.trends if trend.rank <= top]
    alerts = list(zip(ps, alerts_of(bins, top=top, max_terms=max_terms), strict=True))
    lowest = math.nextafter(max(ps), math.inf) if ps else 0.0
    left = 0
    for threshold in sorted(set(ps), reverse=True):
        runs = len(runs_of([alert for p, alert in alerts if p >= threshold], gap))
        if runs > rate * hours + 1e-9:
            break
        lowest, left = threshold, runs
    return QuietThreshold(lowest, left, hours, _garwood(left, hours, level))


def _garwood(count: int, hours: float, level: float) -> Interval:
    with extra("compare"):
        from scipy.stats import chi2

    tail = (1 - level) / 2
    low = float(chi2.ppf(tail, 2 * count)) / 2 if count else 0.0
    return Interval(low / hours, float(chi2.isf(tail, 2 * count + 2)) / 2 / hours)


def plot_calibration(curve: Calibration, ax: Axes | None = None) -> Axes:
    """Draw observed against predicted frequencies (a reliability diagram).

    Parameters
    ----------
    curve : Calibration
        Calibration to draw: one dot per bin with its confidence interval; the area of a dot shows the
        number of forecasts.
    ax : matplotlib.axes.Axes, optional
        Axes to draw on; new ones by default.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = _axes(ax)
    frame = curve.to_frame()
    ax.plot([0, 1], [0, 1], color="0.6", lw=0.8, ls=":", zorder=1)
    ax.vlines(frame["predicted"], frame["observed_low"], frame["observed_high"], color="C0", lw=1.8, zorder=2)
    sizes = 20 + 180 * frame["n"] / frame["n"].max()
    ax.scatter(frame["predicted"], frame["observed"], s=sizes, color="C0", edgecolor="white", zorder=3)
    ax.axhline(curve.base_rate, color="0.6", lw=0.8, ls="--", zorder=1)
    ax.annotate("base rate", (0.01, curve.base_rate), va="bottom", color="0.4", size=8)
    ticks, labels = [0, 0.2, 0.4, 0.6, 0.8, 1], ["0 %", "20 %", "40 %", "60 %", "80 %", "100 %"]
    ax.set_xticks(ticks, labels)
    ax.set_yticks(ticks, labels)
    ax.set_xlim(-0.02, 1.02)
    ax.set_ylim(-0.02, 1.02)
    ax.grid(visible=True, color="0.93", lw=0.8, zorder=0)
    ax.set_axisbelow(True)
    figures = f"{curve.n:,} topics, calibration error {curve.error:.3f}, Brier score {curve.brier:.3f}"
    ax.set_xlabel(f"predicted probability\n{figures}")
    ax.set_ylabel(f"share that matches a reference topic, {curve.level:.0%} interval")
    ax.set_title("Calibration of probabilities", loc="left")
    return ax
