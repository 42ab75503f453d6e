"""Do probabilities mean what they say, and from which one on is it quiet where nothing is known?"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from rtanalytics.evaluate.alarms import GAP, runs_of
from rtanalytics.evaluate.figure import _axes
from rtanalytics.evaluate.matching import Truth, alarms_of
from rtanalytics.evaluate.metrics import Interval
from rtanalytics.extras import extra
from rtanalytics.topics import TrendBin

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = [
    "Calibration",
    "Quiet",
    "calibration",
    "plot_calibration",
    "quiet",
    "quiet_threshold",
    "told_outcomes",
    "wilson",
]


class _Bin(NamedTuple):
    """Forecasts of ``[low, high)``: how many, what they say in the mean, how many came true."""

    low: float
    high: float
    n: int
    predicted: float
    hits: int


@dataclass(frozen=True)
class Calibration:
    """Probabilities against what came true.

    Parameters
    ----------
    n : int
        Forecasts.
    brier : float
        Mean of (probability − outcome)²: 0 is perfect, and who always says the base rate b has
        b·(1 − b).
    error : float
        Expected calibration error: mean over the forecasts of what their bin's mean probability
        and its observed share differ by.
    base_rate : float
        Share that came true.
    level : float
        Of the intervals.

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
        """A row a bin that has forecasts.

        Returns
        -------
        pandas.DataFrame
            Columns ``low``, ``high`` (of the probabilities), ``n``, ``predicted`` (their mean),
            ``observed`` (share that came true), ``observed_low`` and ``observed_high``.
        """
        import pandas as pd

        rows = [
            (b.low, b.high, b.n, b.predicted, b.hits / b.n, *wilson(b.hits, b.n, self.level))
            for b in self.bins
        ]
        columns = ["low", "high", "n", "predicted", "observed", "observed_low", "observed_high"]
        return pd.DataFrame(rows, columns=columns)


def calibration(
    probabilities: Iterable[float], outcomes: Iterable[bool], *, bins: int = 10, level: float = 0.95
) -> Calibration:
    """Compare probabilities with what came true.

    Parameters
    ----------
    probabilities : iterable of float
        From 0 to 1.
    outcomes : iterable of bool
        Whether it came true, of each.
    bins : int
        Into how many bins of equal width the probabilities go; those without any are left out.
    level : float
        Of the intervals.

    Raises
    ------
    ValueError
        If there are none, not as many of one as of the other, or a probability is not one.

    Examples
    --------
    >>> found = calibration([0.9, 0.9, 0.9, 0.9, 0.1], [True, True, True, False, False])
    >>> round(found.error, 3), round(found.brier, 3)
    (0.14, 0.17)
    """
    ps, truths = [float(p) for p in probabilities], [bool(o) for o in outcomes]
    if bins < 1 or not 0 < level < 1:
        raise ValueError(
            f"there are {bins} bins and a level of {level}; give at least 1, and between 0 and 1"
        )
    if len(ps) != len(truths) or not ps:
        raise ValueError(
            f"{len(ps)} probabilities and {len(truths)} outcomes; give as many, and at least one"
        )
    if wrong := [p for p in ps if not 0 <= p <= 1]:
        raise ValueError(f"{wrong[0]} is no probability; give numbers from 0 to 1")
    members: dict[int, list[int]] = {}
    for i, p in enumerate(ps):
        members.setdefault(min(int(p * bins), bins - 1), []).append(i)
    found = []
    for place, own in sorted(members.items()):
        mean = math.fsum(ps[i] for i in own) / len(own)
        hits = sum(truths[i] for i in own)
        found.append(_Bin(place / bins, (place + 1) / bins, len(own), mean, hits))
    n = len(ps)
    return Calibration(
        n=n,
        brier=math.fsum((p - o) ** 2 for p, o in zip(ps, truths, strict=True)) / n,
        error=math.fsum(abs(b.predicted * b.n - b.hits) for b in found) / n,
        base_rate=sum(truths) / n,
        level=level,
        bins=tuple(found),
    )


def wilson(hits: int, n: int, level: float = 0.95) -> Interval:
    """Confidence interval of a share, by Wilson's score.

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


def told_outcomes(
    bins: Sequence[TrendBin], truth: Truth, *, top: int = 10, max_terms: int = 3
) -> tuple[list[float], list[bool]]:
    """The probability of each topic that was told, and whether it matches a known one.

    What is below the least probability of the taste is not told, so it is not here either: tell
    with a low ``TopicFilter.least`` and a high ``top`` to see the whole scale.

    Parameters
    ----------
    bins : sequence of TrendBin
        In order.
    truth : Truth
        The reference topics.
    top, max_terms : int
        Topics a bin, and of each its terms, that are read.

    Returns
    -------
    probabilities : list of float
    outcomes : list of bool
        Only of bins in which something known is on: elsewhere nobody knows what people talk about.
    """
    on = [bin for bin in bins if truth.active(bin.start, bin.end)]
    alarms = alarms_of(on, top=top, max_terms=max_terms)
    matched = {edge.alarm for edge in truth.edges(alarms)}
    ps = [trend.probability for bin in on for trend in bin.trends if trend.rank <= top]
    return ps, [place in matched for place in range(len(alarms))]


def quiet(bins: Iterable[TrendBin], truth: Truth) -> list[TrendBin]:
    """The bins in which nothing known is on, nor was within the truth's slack."""
    return [bin for bin in bins if not truth.active(bin.start, bin.end)]


@dataclass(frozen=True)
class Quiet:
    """A threshold that keeps quiet data quiet.

    Parameters
    ----------
    probability : float
        From which on topics are told.
    alarms : int
        False alarms that are left.
    hours : float
        Of quiet.
    per_hour : Interval
        Where the rate of false alarms lies: an exact interval for Poisson counts (Garwood, 1936).
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
) -> Quiet:
    """The smallest probability from which on quiet data gives no more false alarms than a stated rate.

    Topics that share a term and follow one another are one alarm, as everywhere in
    :mod:`rtanalytics.evaluate`. A higher threshold can split an alarm in two, so it is also asked
    that no threshold above gives more.

    Parameters
    ----------
    bins : sequence of TrendBin
        Told while nothing known was on (:func:`quiet`), in order.
    rate : float
        False alarms an hour at most.
    hours : float, optional
        How long it was quiet; the width of all bins unless given. Bins in which nobody spoke are
        not told, so give it where such hours count.
    top, max_terms : int
        Topics a bin, and of each its terms, that are read.
    gap : int
        Silent bins within an alarm.
    level : float
        Of the interval.

    Returns
    -------
    Quiet
        Its probability is that of a topic that was told. Where even the most probable one alone
        would be too much, it is the next number above; where nothing was told at all, 0: what was
        told decides, so tell with a low ``TopicFilter.least``.

    Raises
    ------
    ValueError
        If the rate is below 0, or there are no hours.

    Examples
    --------
    Two hours, one alarm an hour allowed: of three separate alarms the least probable has to go.

    >>> from datetime import UTC, datetime
    >>> from rtanalytics.topics import Trend
    >>> def hour(n, label, p):
    ...     at, end = (datetime(2026, 5, 15, 9 + n + k, tzinfo=UTC) for k in (0, 1))
    ...     trend = Trend(bin_start=at, bin_end=end, rank=1, terms=[label], label=label, score=p, expected=0,
    ...                   messages=1, authors=1, examples=[], probability=p)
    ...     return TrendBin(start=at, end=end, trends=[trend], messages=1, authors=1)
    >>> found = quiet_threshold([hour(0, "a", 0.5), hour(1, "b", 0.8), hour(2, "c", 0.6)], 1, hours=2)
    >>> found.probability, found.alarms
    (0.6, 2)
    """
    if hours is None:
        hours = sum((bin.end - bin.start for bin in bins), timedelta(0)) / timedelta(hours=1)
    if rate < 0 or not hours > 0:
        raise ValueError(f"{rate} false alarms an hour in {hours} hours; give a rate from 0 on and some time")
    ps = [trend.probability for bin in bins for trend in bin.trends if trend.rank <= top]
    told = list(zip(ps, alarms_of(bins, top=top, max_terms=max_terms), strict=True))
    least = math.nextafter(max(ps), math.inf) if ps else 0.0
    left = 0
    for threshold in sorted(set(ps), reverse=True):
        runs = len(runs_of([alarm for p, alarm in told if p >= threshold], gap))
        if runs > rate * hours + 1e-9:
            break
        least, left = threshold, runs
    return Quiet(least, left, hours, _garwood(left, hours, level))


def _garwood(count: int, hours: float, level: float) -> Interval:
    with extra("compare"):
        from scipy.stats import chi2

    tail = (1 - level) / 2
    low = float(chi2.ppf(tail, 2 * count)) / 2 if count else 0.0
    return Interval(low / hours, float(chi2.isf(tail, 2 * count + 2)) / 2 / hours)


def plot_calibration(found: Calibration, ax: Axes | None = None) -> Axes:
    """What was said against what came true: on the diagonal, probabilities mean what they say.

    Parameters
    ----------
    found : Calibration
        What to draw: a dot a bin, the larger the more forecasts it has, with its interval.
    ax : matplotlib.axes.Axes, optional
        Where to; a new one unless given.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = _axes(ax)
    frame = found.to_frame()
    ax.plot([0, 1], [0, 1], color="0.6", lw=0.8, ls=":", zorder=1)
    ax.vlines(frame["predicted"], frame["observed_low"], frame["observed_high"], color="C0", lw=1.8, zorder=2)
    sizes = 20 + 180 * frame["n"] / frame["n"].max()
    ax.scatter(frame["predicted"], frame["observed"], s=sizes, color="C0", edgecolor="white", zorder=3)
    ax.axhline(found.base_rate, color="0.6", lw=0.8, ls="--", zorder=1)
    ax.annotate("all together", (0.01, found.base_rate), va="bottom", color="0.4", size=8)
    ticks, labels = [0, 0.2, 0.4, 0.6, 0.8, 1], ["0 %", "20 %", "40 %", "60 %", "80 %", "100 %"]
    ax.set_xticks(ticks, labels)
    ax.set_yticks(ticks, labels)
    ax.set_xlim(-0.02, 1.02)
    ax.set_ylim(-0.02, 1.02)
    ax.grid(visible=True, color="0.93", lw=0.8, zorder=0)
    ax.set_axisbelow(True)
    figures = f"{found.n:,} topics, calibration error {found.error:.3f}, Brier score {found.brier:.3f}"
    ax.set_xlabel(f"probability that was told\n{figures}")
    ax.set_ylabel(f"share that is known, {found.level:.0%} interval")
    ax.set_title("Do probabilities mean what they say?", loc="left")
    return ax
