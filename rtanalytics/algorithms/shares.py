"""Algorithms that compare a term's share of the bin with its share of the history.

All use the same four numbers: k of d in the bin, and b of B in the history.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rtanalytics.algorithms.contract import Algorithm, Scores, State
from rtanalytics.algorithms.running import Contrast
from rtanalytics.algorithms.tools import negative_binomial_surprise, positive
from rtanalytics.counts import Cells, Floats
from rtanalytics.trending import Poisson, SeasonalPoisson

__all__ = [
    "G2",
    "Benhardus",
    "ChiSquare",
    "DfIdf",
    "Jlh",
    "NegativeBinomial",
    "SeasonalNegativeBinomial",
]


class NegativeBinomial(Poisson):
    """Negative binomial tail probability of a count: like Poisson, but the rate of a term may vary.

    score = −log₁₀ P(X ≥ k), X negative binomial with mean λ = (b + ½)·d / B and variance
    λ + dispersion·λ². Compared with :class:`~rtanalytics.trending.Poisson`, a frequent term must
    rise more: by a share of its rate, not only by a few square roots of it. Weakness: everything that
    happens every day at the same hour.

    Parameters
    ----------
    history : int, optional
        Number of bins in b and B; by default all earlier bins.
    dispersion : float
        Squared coefficient of variation of the rate.
    """

    name = "negative-binomial"
    floor = 2.0

    def __init__(self, history: int | None = None, dispersion: float = 0.1) -> None:
        super().__init__(history)
        self.dispersion = positive("dispersion", dispersion)

    def _judge(self, k: Floats, expected: Floats) -> Scores:
        score = negative_binomial_surprise(k, expected, self.dispersion)
        return Scores(score, np.where(np.isfinite(expected), expected, 0.0))


class SeasonalNegativeBinomial(SeasonalPoisson):
    """Negative binomial tail with the larger of two rates: the recent rate, and the rate at this time of day.

    score = −log₁₀ P(X ≥ k), X negative binomial with variance λ + dispersion·λ² and the λ of
    :class:`~rtanalytics.trending.SeasonalPoisson`. Weakness: the first period, in which the rate at this
    time of day is not known yet.

    Parameters
    ----------
    history, period_hours, prior
        As in :class:`~rtanalytics.trending.SeasonalPoisson`.
    dispersion : float
        Squared coefficient of variation of the rate.
    """

    name = "seasonal-negative-binomial"

    def __init__(
        self,
        history: int | None = None,
        period_hours: float = 24.0,
        prior: float = 100.0,
        dispersion: float = 0.1,
    ) -> None:
        super().__init__(history, period_hours, prior)
        self.dispersion = positive("dispersion", dispersion)

    def _judge(self, k: Floats, expected: Floats) -> Scores:
        score = negative_binomial_surprise(k, expected, self.dispersion)
        return Scores(score, np.where(np.isfinite(expected), expected, 0.0))


class ChiSquare(Contrast):
    """Pearson's χ² of the table {with, without the term} × {bin, history}.

    score = N(k(B−b) − b(d−k))² / ((k+b)(N−k−b)·d·B), N = d + B, if the term's share rose, else
    0. It is Elasticsearch's ``chi_square`` for significant terms. Weakness: small expected counts,
    for which χ² is a poor approximation; so rare terms get too high a score.
    """

    name = "chi2"
    floor = 10.83

    def compare(self, k: Floats, d: Any, b: Floats, B: Any, bins: Any) -> Scores:
        n = d + B
        with np.errstate(divide="ignore", invalid="ignore"):
            score = n * (k * (B - b) - b * (d - k)) ** 2 / ((k + b) * (n - k - b) * d * B)
            expected = np.where(B > 0, b * d / B, 0.0)
        rose = (k * B > b * d) & (n > k + b)
        return Scores(np.where(rose, score, 0.0), expected)


class G2(Contrast):
    """Log-likelihood ratio of the table {with, without the term} × {bin, history}.

    score = 2 Σ O·ln(O / E) over the four cells, if the term's share rose, else 0. Dunning
    (1993), "Accurate Methods for the Statistics of Surprise and Coincidence": valid for rare
    terms too. Weaknesses: copied messages and daily routines, as for all tests on counts.
    """

    name = "g2"
    floor = 10.83

    def compare(self, k: Floats, d: Any, b: Floats, B: Any, bins: Any) -> Scores:
        with np.errstate(divide="ignore", invalid="ignore"):
            expected = np.where(B > 0, b * d / B, 0.0)
        score = np.zeros(len(k))
        rose = np.flatnonzero(k * B > b * d)
        k, b = k[rose], b[rose]
        d, B = (x[rose] if np.ndim(x) else x for x in (d, B))
        n, used = d + B, k + b
        score[rose] = 2 * (
            _log_ratio(k, used * d, n)
            + _log_ratio(d - k, (n - used) * d, n)
            + _log_ratio(b, used * B, n)
            + _log_ratio(B - b, (n - used) * B, n)
        )
        return Scores(np.maximum(score, 0.0), expected)


def _log_ratio(observed: Floats, product: Floats, n: Any) -> Floats:
    """Return O·ln(O / E) with E = product / n, and 0 if O is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio: Floats = np.where(observed > 0, observed * np.log(observed * n / product), 0.0)
    return ratio


class Jlh(Contrast):
    """Rise of a term's share: its absolute change times its relative change.

    score = (f − g)·f / g with f = k / d and g = (b + k) / (B + d), the share in history and bin
    together; 0 if the share fell. It is Elasticsearch's default for significant terms. Weakness: small
    bins; one person who uses three rare words in a quiet hour gets the highest scores.
    """

    name = "jlh"

    def compare(self, k: Floats, d: Any, b: Floats, B: Any, bins: Any) -> Scores:
        share, background = k / d, (b + k) / (B + d)
        with np.errstate(divide="ignore"):
            expected = np.where(np.asarray(B) > 0, b * d / np.maximum(B, 1), 0.0)
        return Scores(np.maximum(share - background, 0.0) * share / background, expected)


class DfIdf(Contrast):
    """df-idf_t: current frequency divided by the logarithm of the mean earlier frequency.

    score = (k + 1) / (ln(b / h + 1) + 1), h the number of bins of the history. Aiello et al. (2013), "Sensing
    Trending Topics in Twitter"; their boost of proper nouns and their clusters of 2–3-grams
    belong to the topic-level method BNgram. Weakness: popular words; because of the logarithm, the
    score of a term that is always used is reduced too little.

    Parameters
    ----------
    history : int, optional
        Number of bins in b.
    """

    name = "df-idf"
    floor = 3.0

    def __init__(self, history: int | None = 4) -> None:
        super().__init__(history)

    def compare(self, k: Floats, d: Any, b: Floats, B: Any, bins: Any) -> Scores:
        mean = b / np.maximum(bins, 1)
        return Scores((k + 1) / (np.log(mean + 1) + 1), mean)


class Benhardus(Algorithm):
    """Current share of a term divided by its mean share in all other bins, including later ones.

    score = (k / d) / ((Σ_other k′/d′ + 1/D) / (n − 1)), D the total and n the number of all bins.
    Benhardus & Kalita (2013), "Streaming Trend Detection in Twitter" (normalised term frequency).
    We added 1/D, so that the score of a term that occurs in a single bin is defined. It uses later
    bins, so it is not causal. Weakness: rare terms.
    """

    name = "benhardus"
    causal = False

    def _score(self, cells: Cells) -> Scores:
        if not len(cells):
            return Scores(np.zeros(0), np.zeros(0))
        share = cells.counts / cells.totals[cells.places]
        number = np.repeat(np.arange(len(cells.starts) - 1), np.diff(cells.starts))
        other = np.bincount(number, share)[number] - share
        usual = (np.maximum(other, 0.0) + 1 / cells.totals.sum()) / max(len(cells.totals) - 1, 1)
        return Scores(share / usual, usual * cells.totals[cells.places])

    def _step(self, state: State, bin: Any) -> Scores:
        raise ValueError(f"{self.name} needs later bins and cannot score bin by bin; use score() instead")
