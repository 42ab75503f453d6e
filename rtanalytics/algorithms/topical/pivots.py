"""Document-pivot baselines: messages are grouped by their words; groups that grow are topics."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rtanalytics.algorithms.tools import at_least, poisson_surprise
from rtanalytics.algorithms.topical.base import Found, TopicAlgorithm, View
from rtanalytics.algorithms.topical.tools import ranked, share
from rtanalytics.counts import Floats, Ints
from rtanalytics.extras import extra

__all__ = ["MiniBatch", "Nmf", "NmfBatch", "Pivot"]

_SHOWN = 5
"""Number of words that name a group."""
_NOTHING = 1e-9
"""Weights up to this are treated as rounding errors."""


@dataclass(frozen=True, slots=True)
class _Corpus:
    """Documents as a tf-idf matrix.

    Parameters
    ----------
    matrix : scipy.sparse.csr_array, shape (n, m)
        tf-idf, rows of length 1; no row is empty.
    terms : numpy.ndarray of int64, shape (m,)
        Term of each column, in the order of their keys.
    rows : numpy.ndarray of int64, shape (n,)
        Row of the log of each document.
    bins, places : numpy.ndarray of int64, shape (n,)
        Its bin, and its place among the messages of the bin.
    """

    matrix: Any
    terms: Ints
    rows: Ints
    bins: Ints
    places: Ints


@dataclass(frozen=True, slots=True)
class _Grouped:
    """Groups of documents.

    Parameters
    ----------
    group : numpy.ndarray of int64, shape (n,)
        Group of each document, -1 for none.
    weights : numpy.ndarray of float64, shape (k, m)
        Weight of each column in each group.
    """

    group: Ints
    weights: Floats


@dataclass(frozen=True, slots=True)
class _Table:
    """Groups, and the number of messages (or people) of each bin in each.

    Parameters
    ----------
    bins : list of int
        Bins that have documents, ascending.
    sizes : numpy.ndarray of float64, shape (b, k)
        Messages (or people) of each bin and group.
    totals : numpy.ndarray of float64, shape (b,)
        Messages (or people) of each bin.
    """

    corpus: _Corpus
    grouped: _Grouped
    bins: list[int]
    sizes: Floats
    totals: Floats


def _corpus(
    view: View, bins: Sequence[int], messages: int, vocabulary: int, max_share: float
) -> _Corpus | None:
    """Return the newest messages of these bins as tf-idf; None if they have no word in common.

    A word weighs ln((1 + n) / (1 + df)) + 1 however often a message contains it. Words of a single
    message, and of more than the share ``max_share``, are left out.
    """
    with extra("compare"):
        from scipy.sparse import csr_array

    documents = view.documents
    parts = [documents.rows(b) for b in bins]
    lengths = [len(part) for part in parts]
    rows = np.concatenate([*parts, np.zeros(0, np.int64)])
    bin_of = np.repeat(np.array(bins, np.int64), lengths)
    place_of = np.concatenate([*(np.arange(n) for n in lengths), np.zeros(0, np.int64)])
    rows, bin_of, place_of = rows[-messages:], bin_of[-messages:], place_of[-messages:]
    places, words = documents.words(rows)
    df = np.bincount(words, minlength=len(documents.vocabulary))
    terms = np.flatnonzero((df >= 2) & (df <= max(max_share * len(rows), 2)))
    terms = terms[~view.is_excluded(terms)]
    keys = documents.vocabulary.keys
    terms = terms[ranked(terms, keys, df[terms].astype(np.float64))[:vocabulary]]
    if not len(terms):
        return None
    terms = terms[ranked(terms, keys)]
    column = np.full(len(documents.vocabulary), -1, np.int64)
    column[terms] = np.arange(len(terms))
    known = column[words] >= 0
    places, columns = places[known], column[words[known]]
    order = np.lexsort((columns, places))
    places, columns = places[order], columns[order]
    kept, at = np.unique(places, return_inverse=True)
    idf = np.log((1 + len(rows)) / (1 + df[terms])) + 1
    values = idf[columns]
    values /= np.sqrt(np.bincount(at, values**2))[at]
    # scikit-learn needs 32-bit indices
    at, columns = at.astype(np.int32), columns.astype(np.int32)
    matrix = csr_array((values, (at, columns)), (len(kept), len(terms)))
    return _Corpus(matrix, terms, rows[kept], bin_of[kept], place_of[kept])


class Pivot(TopicAlgorithm):
    """Base class of algorithms that group documents and score each group by its share of the bin.

    Parameters
    ----------
    groups : int
        Maximum number of groups; fewer if there are not four messages per group.
    messages : int
        Maximum number of messages, the newest; with ``vocabulary`` it limits time and memory.
    vocabulary : int
        Maximum number of words, the commonest.
    max_share : float
        Share of the messages above which a word is ignored.
    seed : int
        Seed of everything random.
    """

    def __init__(self, groups: int, messages: int, vocabulary: int, max_share: float, seed: int) -> None:
        self.groups = at_least("groups", groups, 1)
        self.messages = at_least("messages", messages, 1)
        self.vocabulary = at_least("vocabulary", vocabulary, 1)
        self.max_share = share("max_share", max_share)
        self.seed = at_least("seed", seed, 0)

    @abstractmethod
    def group(self, matrix: Any, groups: int) -> _Grouped:
        """Group documents.

        Parameters
        ----------
        matrix : scipy.sparse.csr_array, shape (n, m)
            tf-idf.
        groups : int
            Number of groups, at most n and m.
        """

    def _table(self, view: View, bins: Sequence[int]) -> _Table | None:
        """Return the messages of these bins in groups; None if they share no words."""
        with extra("compare"):
            from threadpoolctl import threadpool_limits

        corpus = _corpus(view, bins, self.messages, self.vocabulary, self.max_share)
        if corpus is None:
            return None
        documents, words = corpus.matrix.shape
        # these matrices are small: threads would take ten times as long, waiting for each other
        with threadpool_limits(1):
            grouped = self.group(corpus.matrix, max(1, min(self.groups, documents // 4, words)))
        known = np.unique(corpus.bins).tolist()
        sizes = [_sizes(view, corpus, grouped, np.flatnonzero(corpus.bins == b)) for b in known]
        return _Table(
            corpus, grouped, known, np.stack([s for s, _ in sizes]), np.array([t for _, t in sizes])
        )

    @staticmethod
    def _bursting(view: View, bin: int, table: _Table | None) -> list[Found]:
        """Return the groups by how surprising their size in the bin is, given all other bins."""
        if table is None or len(table.bins) < 2 or bin not in table.bins:
            return []
        at = table.bins.index(bin)
        count = table.sizes[at]
        rest, history = table.sizes.sum(axis=0) - count, table.totals.sum() - table.totals[at]
        expected = (rest + 0.5) * table.totals[at] / history
        score = poisson_surprise(count, expected)
        corpus, keys = table.corpus, view.documents.vocabulary.keys
        here = np.flatnonzero(corpus.bins == bin)
        found = []
        for number in np.flatnonzero((score > 0) & (count >= view.settings.min_count)).tolist():
            weights = table.grouped.weights[number]
            by_relevance = ranked(corpus.terms, keys, np.round(weights, 9))[:_SHOWN]
            by_relevance = by_relevance[weights[by_relevance] > _NOTHING]
            inside = here[table.grouped.group[here] == number]
            matches = np.asarray((corpus.matrix[inside][:, by_relevance] > 0).sum(axis=1))
            inside = inside[np.argsort(-matches, kind="stable")][: int((matches > 0).sum())]
            if len(inside):
                found.append(
                    Found(
                        corpus.terms[by_relevance].tolist(),
                        float(score[number]),
                        float(expected[number]),
                        float(count[number]),
                        corpus.places[inside],
                    )
                )
        found.sort(key=lambda f: (-round(f.score, 9), -f.observed, [keys[t] for t in f.terms]))
        return found


def _sizes(view: View, corpus: _Corpus, grouped: _Grouped, which: Ints) -> tuple[Floats, float]:
    """Count messages, or people, of each group and of all these documents."""
    who = view.documents.authors(corpus.rows[which]) if view.settings.channel != "messages" else which
    group = grouped.group[which]
    pairs = np.unique(np.stack([group, who])[:, group >= 0], axis=1)
    sizes = np.bincount(pairs[0], minlength=len(grouped.weights)).astype(np.float64)
    return sizes, float(len(np.unique(who)))


def _factors(matrix: Any, groups: int, seed: int, rounds: int) -> _Grouped:
    """Factorise the document-term matrix, and assign each document to its largest component."""
    with extra("compare"):
        from sklearn.decomposition import NMF
        from sklearn.exceptions import ConvergenceWarning

    model = NMF(groups, init="nndsvda", random_state=seed, max_iter=rounds)
    # it warns when the rounds are used up, and of the root of an error just below 0
    with warnings.catch_warnings(), np.errstate(invalid="ignore"):
        warnings.simplefilter("ignore", ConvergenceWarning)
        own = model.fit_transform(matrix)
    return _Grouped(np.where(own.max(axis=1) > 0, own.argmax(axis=1), -1), model.components_)


class Nmf(Pivot):
    """Non-negative matrix factorisation of the last bins: a baseline that ignores time.

    score = −log₁₀ P(X ≥ k) of a component, X Poisson with λ = (b + ½)·d / B: k of the d messages
    (or people) of the bin have it as their strongest, and b of the B of the bins before it in the
    window. The tf-idf matrix V of the messages of ``window`` bins is split into W·H, all
    non-negative, with the smallest squared error: rows of H are topics, rows of W messages.

    Lee & Seung (1999), "Learning the Parts of Objects by Non-Negative Matrix Factorization"; the
    factors are scikit-learn's (coordinate descent, started from a singular value
    decomposition). The components ignore which bin a message is from; only the score uses it.

    Weaknesses: small talk, which makes large components; topics of very few messages, which are not
    found; and components of successive windows are unrelated.

    Parameters
    ----------
    window : int
        Number of bins whose messages are factorised, this one included.
    groups : int
        Number of components; fewer if there are not four messages for each.
    messages, vocabulary : int
        Maximum number of messages (the newest) and words (the commonest): they limit time and memory.
    max_share : float
        Share of the messages above which a word is ignored.
    rounds : int
        Number of rounds of descent.
    seed : int
        Seed of the singular value decomposition.
    """

    name = "nmf"
    floor = 1.0

    def __init__(
        self,
        window: int = 4,
        groups: int = 20,
        messages: int = 2000,
        vocabulary: int = 1000,
        max_share: float = 0.5,
        rounds: int = 50,
        seed: int = 0,
    ) -> None:
        super().__init__(groups, messages, vocabulary, max_share, seed)
        self.window = at_least("window", window, 2)
        self.rounds = at_least("rounds", rounds, 1)

    def group(self, matrix: Any, groups: int) -> _Grouped:
        return _factors(matrix, groups, self.seed, self.rounds)

    def begin(self, view: View) -> None:
        return None

    def find(self, state: None, view: View, bin: int) -> Sequence[Found]:
        return self._bursting(view, bin, self._table(view, _window(view, bin, self.window)))


class MiniBatch(Pivot):
    """Mini-batch k-means over the messages of the last bins: clusters that grow are topics.

    score = −log₁₀ P(X ≥ k) of a cluster, X Poisson with λ = (b + ½)·d / B: k of the d messages
    (or people) of the bin are in it, and b of the B of the bins before it in the window. Messages
    are tf-idf vectors of length 1, a cluster is named by the words that weigh most in its centre.

    Sculley (2010), "Web-Scale k-Means Clustering"; the clusters are scikit-learn's. It stands
    for the document-pivot methods that Aiello et al. (2013), "Sensing Trending Topics in
    Twitter", compare BNgram with.

    Weaknesses: copied messages, which make the tightest clusters; short messages that have only one
    word in common; and the dependence on the seed.

    Parameters
    ----------
    window, groups, messages, vocabulary, max_share
        As in :class:`Nmf`, with clusters for components.
    seed : int
        Seed of the first centres and the batches.
    """

    name = "mini-batch"
    floor = 1.0

    def __init__(
        self,
        window: int = 4,
        groups: int = 40,
        messages: int = 2000,
        vocabulary: int = 1000,
        max_share: float = 0.5,
        seed: int = 0,
    ) -> None:
        super().__init__(groups, messages, vocabulary, max_share, seed)
        self.window = at_least("window", window, 2)

    def group(self, matrix: Any, groups: int) -> _Grouped:
        with extra("compare"):
            from sklearn.cluster import MiniBatchKMeans

        model = MiniBatchKMeans(groups, random_state=self.seed, n_init=1, batch_size=1024, max_iter=20)
        group = model.fit_predict(matrix)
        return _Grouped(group.astype(np.int64), model.cluster_centers_)

    def begin(self, view: View) -> None:
        return None

    def find(self, state: None, view: View, bin: int) -> Sequence[Found]:
        return self._bursting(view, bin, self._table(view, _window(view, bin, self.window)))


class NmfBatch(Pivot):
    """Non-negative matrix factorisation of a whole recording.

    score = as in :class:`Nmf`, against all other bins, later ones included; so it is not causal.
    Lee & Seung (1999), "Learning the Parts of Objects by Non-Negative Matrix Factorization".

    With as many components as talks it would find the talks, but their number is not known. Weakness:
    content of all days, which gets components of its own: "thanks", coffee, one per language.

    Parameters
    ----------
    groups, messages, vocabulary, max_share, rounds, seed
        As in :class:`Nmf`.
    """

    name = "nmf-batch"
    causal = False
    floor = 1.0

    def __init__(
        self,
        groups: int = 60,
        messages: int = 20_000,
        vocabulary: int = 2000,
        max_share: float = 0.2,
        rounds: int = 50,
        seed: int = 0,
    ) -> None:
        super().__init__(groups, messages, vocabulary, max_share, seed)
        self.rounds = at_least("rounds", rounds, 1)

    def group(self, matrix: Any, groups: int) -> _Grouped:
        return _factors(matrix, groups, self.seed, self.rounds)

    def begin(self, view: View) -> _Table | None:
        return self._table(view, view.documents.bins)

    def find(self, state: _Table | None, view: View, bin: int) -> Sequence[Found]:
        return self._bursting(view, bin, state)


def _window(view: View, bin: int, length: int) -> list[int]:
    return [b for b in range(bin - length + 1, bin + 1) if view.documents.rows(b).size]
