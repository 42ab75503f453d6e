"""Nearest neighbours: compare the course of a term's counts with those of terms that trended."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from zlib import crc32

import numpy as np

from rtanalytics.algorithms.tools import at_least, poisson_surprise, positive
from rtanalytics.algorithms.topical.base import Found, TopicAlgorithm, View
from rtanalytics.algorithms.topical.linking import average_link, shared_by
from rtanalytics.algorithms.topical.tools import by_relevance, counts_of, ranked, share
from rtanalytics.counts import Floats, Ints

__all__ = ["Neighbours", "course", "likelihood"]

_EPSILON = 1e-3
"""Replaces 0 under the logarithm."""
_CALM = 1.0
"""Maximum surprise of a course that serves as an example of a term that does not trend."""


def course(counts: Floats, alpha: float, smooth: int) -> Floats:
    """Return the shape of series of counts: normalised, differenced, raised to a power, smoothed, logarithm.

    Parameters
    ----------
    counts : numpy.ndarray of float64, shape (n, b)
        Series of counts.
    alpha : float
        Exponent of the jumps (differences); values above 1 emphasise spikes.
    smooth : int
        Number of bins over which jumps are summed.

    Returns
    -------
    numpy.ndarray of float64, shape (n, b − smooth)
        ln(ε + Σ |x_i − x_{i−1}|^α) over the last ``smooth`` bins each, x = counts / Σ counts.
    """
    whole = counts.sum(axis=1, keepdims=True)
    parts = counts / np.where(whole > 0, whole, 1.0)
    jumps = np.abs(np.diff(parts, axis=1)) ** alpha
    windows = np.lib.stride_tricks.sliding_window_view(jumps, smooth, axis=1)
    shape: Floats = np.log(windows.sum(axis=2) + _EPSILON)
    return shape


def likelihood(observed: Floats, references: Floats, gamma: float) -> Floats:
    """Return the logarithm of Σ_r exp(−γ · min_k Σ_i (s_i − r_{k+i})²) of each series.

    Parameters
    ----------
    observed : numpy.ndarray of float64, shape (n, b)
        Observed series.
    references : numpy.ndarray of float64, shape (m, c)
        Reference series, m ≥ 1 and c ≥ b; the best-fitting section of each is used.
    gamma : float
        Weight of the distance.
    """
    size = observed.shape[1]
    nearest = np.full((len(observed), len(references)), np.inf)
    for k in range(references.shape[1] - size + 1):
        apart = observed[:, None, :] - references[None, :, k : k + size]
        np.minimum(nearest, np.einsum("nmi,nmi->nm", apart, apart), out=nearest)
    powers = -gamma * nearest
    top = powers.max(axis=1)
    total: Floats = top + np.log(np.exp(powers - top[:, None]).sum(axis=1))
    return total


@dataclass(slots=True)
class _Library:
    """Time series of terms that trended and of others, and the history from which new ones are labelled."""

    trended: deque[Floats]
    calm: deque[Floats]
    sums: Floats = field(default_factory=lambda: np.zeros(0))
    total: float = 0.0
    last: dict[int, int] = field(default_factory=dict)


class Neighbours(TopicAlgorithm):
    """Vote of labelled example courses on whether a term trends.

    score = log₁₀ η, η = Σ_{r ∈ R+} exp(−γ d(s, r)) / Σ_{r ∈ R−} exp(−γ d(s, r)): s is the course
    of a term over the last ``observed`` bins, R+ are courses of terms that trended and R− of
    terms that did not, and d is the squared distance to the section of r that fits best. Courses
    are shapes: counts over their sum, jumps to the power ``alpha``, summed over ``smooth`` bins,
    logarithm. Terms with η > 1 trend; those that occur together are one topic.

    Nikolov & Shah (2012), "A Nonparametric Method for Early Detection of Trending Topics", and
    Nikolov's thesis (2012), "Trend or No Trend: A Novel Nonparametric Method for Classifying
    Time Series". They had a platform's list of trends for labels and bins of two minutes. A
    conference has no labels, so the library is built from its own past: when the Poisson tail of a
    count against all history reaches ``surprise``, the course up to there joins R+, and the same number
    of courses that end in the same bin without any surprise join R−. Until both have members,
    no topics are listed.

    Weaknesses: small counts, many of which have the same shape, so that only the count decides; and
    those of the Poisson tail, which provides the labels.

    Parameters
    ----------
    observed : int
        Number of bins of a course that are compared.
    reference : int
        Number of bins of a course in the library; if it is larger than ``observed``, the best-fitting
        section is compared.
    smooth : int
        Number of bins over which jumps are summed.
    alpha : float
        Exponent of the jumps.
    gamma : float
        Weight of distance.
    surprise : float
        A term has trended if −log₁₀ of the tail probability is at least this.
    library : int
        Number of courses of each kind that are kept, the newest.
    candidates : int
        Number of terms of a bin that are grouped, those with the best score.
    min_overlap : float
        Similarity from which terms are one topic, as in BNgram.
    """

    name = "neighbours"

    def __init__(
        self,
        observed: int = 6,
        reference: int = 10,
        smooth: int = 2,
        alpha: float = 1.2,
        gamma: float = 1.0,
        surprise: float = 4.0,
        library: int = 150,
        candidates: int = 100,
        min_overlap: float = 0.5,
    ) -> None:
        self.observed = at_least("observed", observed, 1)
        self.reference = at_least("reference", reference, observed)
        self.smooth = at_least("smooth", smooth, 1)
        self.alpha = positive("alpha", alpha)
        self.gamma = positive("gamma", gamma)
        self.surprise = positive("surprise", surprise)
        self.library = at_least("library", library, 1)
        self.candidates = at_least("candidates", candidates, 1)
        self.min_overlap = share("min_overlap", min_overlap)

    def begin(self, view: View) -> _Library:
        return _Library(deque(maxlen=self.library), deque(maxlen=self.library))

    def find(self, state: _Library, view: View, bin: int) -> Sequence[Found]:
        documents, keys = view.documents, view.documents.vocabulary.keys
        counted = documents.bin(bin, view.settings.channel)
        terms = counted.terms[counted.counts >= view.settings.min_count]
        terms = terms[~view.is_excluded(terms)]
        terms = terms[ranked(terms, keys)]
        length = self.reference + self.smooth
        counts = np.zeros((len(terms), length))
        for i, past in enumerate(range(bin - length + 1, bin + 1)):
            if documents.rows(past).size:
                counts[:, i] = counts_of(documents.bin(past, view.settings.channel), terms)
        courses = course(counts, self.alpha, self.smooth)
        found: list[Found] = []
        if len(terms) and state.trended and state.calm:
            observed = courses[:, -self.observed :]
            odds = likelihood(observed, np.array(state.trended), self.gamma)
            odds -= likelihood(observed, np.array(state.calm), self.gamma)
            # equal courses must have equal odds, whatever the order of summation
            found = self._group(view, bin, terms, counts, np.round(odds / np.log(10), 9))
        self._learn(state, view, bin, terms, counts[:, -1], courses)
        return found

    def _group(self, view: View, bin: int, terms: Ints, counts: Floats, score: Floats) -> list[Found]:
        good = np.flatnonzero(score > 0)
        best = ranked(terms[good], view.documents.vocabulary.keys, score[good], counts[good, -1])
        best = good[best[: self.candidates]]
        bin_messages = view.documents.bin_messages(bin)
        messages = [bin_messages.places(int(i)) for i in np.searchsorted(bin_messages.terms, terms[best])]
        return [
            Found(
                terms[best[group]].tolist(),
                float(score[best[group[0]]]),
                float(counts[best[group[0]], :-1].mean()),
                float(counts[best[group[0]], -1]),
                by_relevance([messages[i] for i in group], len(bin_messages.rows)),
            )
            for group in average_link(shared_by(messages, len(bin_messages.rows)), self.min_overlap)
        ]

    def _learn(
        self, state: _Library, view: View, bin: int, terms: Ints, counts: Floats, courses: Floats
    ) -> None:
        """Add the series of counts that end with this bin to the library, and the bin to the history."""
        counted = view.documents.bin(bin, view.settings.channel)
        size = len(view.documents.vocabulary)
        if len(state.sums) < size:
            state.sums = np.concatenate([state.sums, np.zeros(2 * size - len(state.sums))])
        if state.total > 0:
            expected = (state.sums[terms] + 0.5) * counted.total / state.total
            surprise = poisson_surprise(counts, expected)
            state.last = {t: b for t, b in state.last.items() if b >= bin - self.observed}
            loud = np.flatnonzero(surprise >= self.surprise).tolist()
            anew = [i for i in loud if int(terms[i]) not in state.last]
            state.last |= {int(terms[i]): bin for i in loud}
            keys = view.documents.vocabulary.keys
            quiet = np.flatnonzero(surprise < _CALM).tolist()
            # the choice is arbitrary; a hash makes it reproducible
            quiet.sort(key=lambda i: (crc32(keys[terms[i]].encode("utf-8", "replace")), keys[terms[i]]))
            state.trended.extend(courses[anew])
            state.calm.extend(courses[quiet[: len(anew)]])
        state.sums[counted.terms] += counted.counts
        state.total += counted.total
