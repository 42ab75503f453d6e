"""Algorithms that compare the count of a term with its own past: growth, moving averages and deviations."""

from __future__ import annotations

from typing import Any

import numpy as np

from rtanalytics.algorithms.contract import Scores
from rtanalytics.algorithms.running import Contrast, Recursive, StepContext
from rtanalytics.algorithms.tools import at_least, positive
from rtanalytics.counts import Floats
from rtanalytics.extras import extra
from rtanalytics.settings import SettingsError

__all__ = ["Gnip", "Growth", "Macd", "Mastodon", "SigniTrend", "TwitInfo", "ZScore"]

Past = tuple[Floats, ...]


class Growth(Contrast):
    """Ratio of a count to the mean count.

    score = (k + 1) / (b / h + 1), h the number of bins of the history, empty ones included. Weakness:
    rare terms; three mentions of an otherwise unused term give a score of 4, while a keynote that
    doubles the count of a common word has a low score.

    Parameters
    ----------
    history : int, optional
        Number of bins in b; all of the past if None.
    """

    name = "growth"
    floor = 2.0

    def __init__(self, history: int | None = 48) -> None:
        super().__init__(history)

    def compare(self, k: Floats, d: Any, b: Floats, B: Any, bins: Any) -> Scores:
        usual = b / np.maximum(bins, 1)
        return Scores((k + 1) / (usual + 1), usual)


class Macd(Recursive):
    """Moving average convergence/divergence: difference of a fast and a slow moving average of counts.

    score = EMA_fast − EMA_slow, both after the bin; EMA ← EMA + α(k − EMA) with
    α = 1 − 2^(−1/half_life), bins without the term counting as zeros. Appel (1979), "The Moving
    Average Convergence Divergence Method"; on hashtags: Lu & Yang (2012), "Trend Prediction on
    Twitter Based on MACD". Weakness: frequent terms, because the score is in units of counts.

    Parameters
    ----------
    fast, slow : float
        Half-lives in bins.
    """

    name = "macd"
    memory = ("fast_mean", "slow_mean")

    def __init__(self, fast: float = 1.0, slow: float = 12.0) -> None:
        self.fast, self.slow = positive("fast", fast), positive("slow", slow)
        if fast >= slow:
            raise SettingsError("fast", f"fast must be a shorter half-life than slow ({slow}), not {fast}")

    def rest(self, past: Past, at: StepContext) -> Past:
        return past[0] * np.exp2(-at.gap / self.fast), past[1] * np.exp2(-at.gap / self.slow)

    def judge(self, past: Past, k: Floats, at: StepContext) -> Scores:
        fast, slow = self.learn(past, k, at)
        return Scores(fast - slow, past[1])

    def learn(self, past: Past, k: Floats, at: StepContext) -> Past:
        fast, slow = 1 - 2 ** (-1 / self.fast), 1 - 2 ** (-1 / self.slow)
        return past[0] + fast * (k - past[0]), past[1] + slow * (k - past[1])


class ZScore(Recursive):
    """Distance from the mean of all bins so far, in standard deviations.

    score = (k − μ) / √(σ² + 1), μ and σ² over all earlier bins; bins without the term count as zeros.
    The 1 prevents high scores of terms that were used only twice. Weakness: periodic peaks, which
    remain rare among all bins even if they are regular.
    """

    name = "zscore"
    floor = 2.0
    memory = ("total", "squares")

    def judge(self, past: Past, k: Floats, at: StepContext) -> Scores:
        bins = np.maximum(at.age, 1)
        mean = past[0] / bins
        variance = np.maximum(past[1] / bins - mean**2, 0.0)
        return Scores((k - mean) / np.sqrt(variance + 1), mean)

    def learn(self, past: Past, k: Floats, at: StepContext) -> Past:
        return past[0] + k, past[1] + k**2


class SigniTrend(Recursive):
    """Significance of a term's share against its moving mean and deviation.

    score = (x − μ) / (√v + β) with x = k / d, before the update; then, with Δ = x − μ:
    μ ← μ + αΔ, v ← (1 − α)(v + αΔ²), α = 1 − 2^(−1/half_life). Schubert, Weiler & Kriegel (2014),
    "SigniTrend: Scalable Detection of Emerging Topics in Textual Streams by Hashed Significance
    Thresholds"; their ELKI implementation keeps μ and v in hash tables, here each term has its
    own. Weaknesses: the first bins, and the sensitivity to β.

    Parameters
    ----------
    half_life : float
        Bins after which a share weighs half.
    bias : float
        β, the share below which no term is significant.
    """

    name = "signitrend"
    memory = ("mean", "variance")

    def __init__(self, half_life: float = 12.0, bias: float = 0.01) -> None:
        self.half_life, self.bias = positive("half_life", half_life), positive("bias", bias)

    def rest(self, past: Past, at: StepContext) -> Past:
        mean, variance = past
        kept = np.exp2(-at.gap / self.half_life)
        return mean * kept, kept * (variance + mean**2 * (1 - kept))

    def judge(self, past: Past, k: Floats, at: StepContext) -> Scores:
        mean, variance = past
        return Scores((k / at.d - mean) / (np.sqrt(variance) + self.bias), mean * at.d)

    def learn(self, past: Past, k: Floats, at: StepContext) -> Past:
        mean, variance = past
        alpha = 1 - 2 ** (-1 / self.half_life)
        difference = k / at.d - mean
        return mean + alpha * difference, (1 - alpha) * (variance + alpha * difference**2)


class TwitInfo(Recursive):
    """Peaks of TwitInfo: rising counts that are several mean deviations above the moving mean.

    score = (k − mean) / max(meandev, floor) if k exceeds the bin before, else 0; then
    meandev ← α|k − mean| + (1 − α)meandev, mean ← αk + (1 − α)mean. Marcus et al. (2011),
    "TwitInfo: Aggregating and Visualizing Microblogs for Event Exploration", where a peak starts
    at a score of 2. We added ``floor``, for terms whose deviation is still 0. Weaknesses: the first
    bins, and small counts.

    Parameters
    ----------
    alpha : float
        Weight of the newest bin.
    floor_count : float
        Minimum deviation, in counts.
    """

    name = "twitinfo"
    floor = 2.0
    memory = ("mean", "deviation", "before")

    def __init__(self, alpha: float = 0.125, floor_count: float = 1.0) -> None:
        if not 0 < alpha < 1:
            raise SettingsError("alpha", f"alpha must be between 0 and 1, not {alpha!r}")
        self.alpha, self.floor_count = alpha, positive("floor_count", floor_count)

    def rest(self, past: Past, at: StepContext) -> Past:
        mean, deviation, before = past
        kept = (1 - self.alpha) ** np.asarray(at.gap, np.float64)
        deviation = kept * (deviation + at.gap * self.alpha / (1 - self.alpha) * mean)
        return mean * kept, deviation, np.where(at.gap > 0, 0.0, before)

    def judge(self, past: Past, k: Floats, at: StepContext) -> Scores:
        mean, deviation, before = past
        score = (k - mean) / np.maximum(deviation, self.floor_count)
        return Scores(np.where(k > before, score, 0.0), mean)

    def learn(self, past: Past, k: Floats, at: StepContext) -> Past:
        mean, deviation, _ = past
        difference = np.abs(k - mean)
        return (
            mean + self.alpha * (k - mean),
            self.alpha * difference + (1 - self.alpha) * deviation,
            k,
        )


class Gnip(Recursive):
    """Rise over the previous bin, in units of the uncertainty of the previous count.

    score = (k − ν) / CI₀.₉₉(ν) for k > ν, else 0: ν is the count of the previous bin, and CI the upper
    half of its exact 99 % Poisson interval, χ²₀.₉₉₅(2ν + 2)/2 − ν. This is the η of Hendrickson et al.
    (2015), "Trend Detection in Social Data", with ν cancelled so that it is defined at ν = 0.
    Their program detects falls as well; here only rises are trends. It reacts quickly, because it uses
    only one previous bin. Weakness: counts that fluctuate.
    """

    name = "gnip"
    memory = ("before",)

    def rest(self, past: Past, at: StepContext) -> Past:
        return (np.where(at.gap > 0, 0.0, past[0]),)

    def judge(self, past: Past, k: Floats, at: StepContext) -> Scores:
        with extra("compare"):
            from scipy.special import gammaincinv

        different, which = np.unique(
            past[0], return_inverse=True
        )  # intervals are expensive, and counts repeat
        interval = (gammaincinv(different + 1, 0.995) - different)[which]
        return Scores(np.maximum(k - past[0], 0.0) / interval, past[0])

    def learn(self, past: Past, k: Floats, at: StepContext) -> Past:
        return (k,)


class Mastodon(Recursive):
    """Trending tags as in Mastodon: the count of today compared with that of yesterday.

    score = max·2^(−Δt / half_life). When a term is used, s = (o − e)² / e is computed: o is the
    count of the current period and e that of the previous one (1 if it was 0); s = 0 if
    e > o or o < ``min_count``. The maximum of s is kept with its time, decays from then on, and is
    dropped after two periods. This follows Mastodon's ``app/models/trends/tags.rb`` (version 4), which
    counts distinct accounts per day; here the counts of the period's bins are added up. Weaknesses:
    the change of the period, and terms that are used every other day.

    Parameters
    ----------
    period_hours : float
        Length of the period; a day in Mastodon.
    half_life_hours : float
        Hours in which a maximum decays to half.
    min_count : int
        Minimum count in a period for a score above 0.
    """

    name = "mastodon"
    memory = ("today", "yesterday", "period", "peak", "peak_at")

    def __init__(self, period_hours: float = 24.0, half_life_hours: float = 4.0, min_count: int = 5) -> None:
        self.period_hours = positive("period_hours", period_hours)
        self.half_life_hours = positive("half_life_hours", half_life_hours)
        self.min_count = at_least("min_count", min_count, 1)

    def rest(self, past: Past, at: StepContext) -> Past:
        today, yesterday, period, peak, peak_at = past
        bins = self.period_hours * 3600 / at.width.total_seconds()
        now = np.floor(at.bin / bins) + np.zeros(len(today))
        passed = now - period
        yesterday = np.where(passed == 0, yesterday, np.where(passed == 1, today, 0.0))
        today = np.where(passed == 0, today, 0.0)
        peak = np.where(at.bin - peak_at > 2 * bins, 0.0, peak)
        return today, yesterday, now, peak, peak_at

    def judge(self, past: Past, k: Floats, at: StepContext) -> Scores:
        _, yesterday, _, peak, peak_at = self.learn(past, k, at)
        hours = (at.bin - peak_at) * (at.width.total_seconds() / 3600)
        return Scores(peak * np.exp2(-hours / self.half_life_hours), yesterday)

    def learn(self, past: Past, k: Floats, at: StepContext) -> Past:
        today, yesterday, period, peak, peak_at = past
        today = today + k
        expected = np.maximum(yesterday, 1.0)
        score = np.where(
            (expected > today) | (today < self.min_count), 0.0, (today - expected) ** 2 / expected
        )
        peak_at = np.where(score > peak, at.bin, peak_at)
        return today, yesterday, period, np.maximum(score, peak), peak_at
