"""BNgram: new phrases, clustered by the messages that contain them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from rtanalytics.algorithms.tools import at_least, positive
from rtanalytics.algorithms.topical.base import Found, TopicAlgorithm, View
from rtanalytics.algorithms.topical.documents import Documents
from rtanalytics.algorithms.topical.linking import average_link, shared_by
from rtanalytics.algorithms.topical.tools import by_relevance, counts_of, ranked, share
from rtanalytics.counts import Floats, Ints

__all__ = ["BNgram", "df_idf"]


def df_idf(df: Floats, mean: Floats, boost: Floats | float = 1.0) -> Floats:
    """Return the df-idf_t of phrases.

    Parameters
    ----------
    df : numpy.ndarray of float64, shape (n,)
        Messages (or authors) of the bin with each phrase.
    mean : numpy.ndarray of float64, shape (n,)
        Mean of the same over the bins of the history.
    boost : numpy.ndarray of float64, shape (n,), or float
        Factor for phrases that contain a name.

    Examples
    --------
    >>> df_idf(np.array([9.0, 9.0]), np.array([0.0, np.e - 1]), 1.5).tolist()
    [15.0, 7.5]
    """
    score: Floats = (df + 1) / (np.log(mean + 1) + 1) * boost
    return score


class BNgram(TopicAlgorithm):
    """Clusters of phrases of two or three words that are frequent now and were rare before.

    score = (df + 1) / (ln(mean + 1) + 1) · boost of a topic's first phrase, df the count of the
    bin and mean that of the ``history`` bins before it. The ``candidates`` phrases with the best
    score are clustered by average link, until no two clusters have a mean |A ∩ B| / min(|A|, |B|)
    of ``min_overlap`` or more, A and B the messages of the bin with the two phrases. A topic
    ranks by its best phrase.

    Aiello, Petkos, Martin, Corney, Papadopoulos, Skraba, Göker, Kompatsiaris & Jaimes (2013),
    "Sensing Trending Topics in Twitter". We differ where they ask a named-entity recogniser which
    phrases to boost: here those with a handle, a tag or a word that is mostly written with a
    capital. A handle or tag alone counts as a phrase, because a tag is one without its spaces. A phrase
    of a single message of a bin does not count in that bin.

    Weaknesses: new phrases for known content, such as jokes and advertisements; and rising frequent
    phrases, which are missed because of the logarithm.

    Parameters
    ----------
    history : int
        Number of bins before this one over which the mean is taken.
    candidates : int
        Number of phrases that are clustered; the time per bin grows with its square.
    min_overlap : float
        Similarity from which clusters are merged.
    boost : float
        Factor for names.
    """

    name = "bngram"
    floor = 3.0

    def __init__(
        self, history: int = 4, candidates: int = 100, min_overlap: float = 0.5, boost: float = 1.5
    ) -> None:
        self.history = at_least("history", history, 1)
        self.candidates = at_least("candidates", candidates, 1)
        self.min_overlap = share("min_overlap", min_overlap)
        self.boost = positive("boost", boost)

    def begin(self, view: View) -> None:
        return None

    def find(self, state: None, view: View, bin: int) -> Sequence[Found]:
        documents = view.documents
        counted = documents.bin(bin, view.settings.channel)
        terms = counted.terms[counted.counts >= view.settings.min_count]
        terms = terms[self._phrases(documents, terms)]
        terms = terms[~view.is_excluded(terms)]
        df = counts_of(counted, terms)
        mean = np.zeros(len(terms))
        for past in range(bin - self.history, bin):
            if documents.rows(past).size:
                mean += counts_of(documents.bin(past, view.settings.channel), terms) / self.history
        boost = np.array([self.boost if documents.proper(t) else 1.0 for t in terms.tolist()])
        score = df_idf(df, mean, boost)
        best = ranked(terms, documents.vocabulary.keys, score, df)[: self.candidates]
        terms, df, mean, score = terms[best], df[best], mean[best], score[best]
        bin_messages = documents.bin_messages(bin)
        messages = [bin_messages.places(int(i)) for i in np.searchsorted(bin_messages.terms, terms)]
        return [
            Found(
                terms[group].tolist(),
                float(score[group[0]]),
                float(mean[group[0]]),
                float(df[group[0]]),
                by_relevance([messages[i] for i in group], len(bin_messages.rows)),
            )
            for group in average_link(shared_by(messages, len(bin_messages.rows)), self.min_overlap)
        ]

    @staticmethod
    def _phrases(documents: Documents, terms: Ints) -> npt.NDArray[np.bool_]:
        """Return a mask of the terms that are phrases, tags or handles."""
        words = documents.vocabulary.words
        phrases = [words(t) is not None or documents.surface(t)[:1] in ("@", "#") for t in terms.tolist()]
        return np.array(phrases, np.bool_)
