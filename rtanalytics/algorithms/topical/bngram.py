"""BNgram: phrases that were not said before, clustered by the messages that say them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from rtanalytics.algorithms.tools import at_least, positive
from rtanalytics.algorithms.topical.base import Found, TopicAlgorithm, View
from rtanalytics.algorithms.topical.documents import Documents
from rtanalytics.algorithms.topical.linking import average_link, shared_by
from rtanalytics.algorithms.topical.tools import counts_of, ranked, share, telling
from rtanalytics.counts import Floats, Ints

__all__ = ["BNgram", "df_idf"]


def df_idf(df: Floats, mean: Floats, boost: Floats | float = 1.0) -> Floats:
    """df-idf_t of phrases.

    Parameters
    ----------
    df : numpy.ndarray of float64, shape (n,)
        Messages (or authors) of the bin that say each.
    mean : numpy.ndarray of float64, shape (n,)
        The mean of the same over the bins of the history.
    boost : numpy.ndarray of float64, shape (n,), or float
        Factor for names.

    Examples
    --------
    >>> df_idf(np.array([9.0, 9.0]), np.array([0.0, np.e - 1]), 1.5).tolist()
    [15.0, 7.5]
    """
    score: Floats = (df + 1) / (np.log(mean + 1) + 1) * boost
    return score


class BNgram(TopicAlgorithm):
    """Phrases of two or three words that are said now and were not before, in clusters.

    score = (df + 1) / (ln(mean + 1) + 1) · boost of a topic's first phrase, df the count of the
    bin and mean that of the ``history`` bins before it. The ``candidates`` phrases with the best
    score are clustered by average link, until no two clusters have a mean |A ∩ B| / min(|A|, |B|)
    of ``together`` or more, A and B the messages of the bin that say two phrases. A topic ranks
    by its best phrase.

    Aiello, Petkos, Martin, Corney, Papadopoulos, Skraba, Göker, Kompatsiaris & Jaimes (2013),
    "Sensing Trending Topics in Twitter". We differ where they ask a named-entity recogniser which
    phrases to boost: here those with a handle, a tag or a word that is mostly written with a
    capital. A handle or tag alone counts as a phrase, because a tag is one without its spaces. A phrase
    that one message of a bin says counts as none in that bin.

    It is fooled by whatever is said in a new way: a joke that makes the round, the words of an
    advertisement; and by a rise from often to more often, which its logarithm hardly sees.

    Parameters
    ----------
    history : int
        Bins before this one over which the mean is taken.
    candidates : int
        Phrases that are clustered; the time that a bin takes grows with its square.
    together : float
        Similarity from which clusters are merged.
    boost : float
        Factor for names.
    """

    name = "bngram"
    floor = 3.0

    def __init__(
        self, history: int = 4, candidates: int = 100, together: float = 0.5, boost: float = 1.5
    ) -> None:
        self.history = at_least("history", history, 1)
        self.candidates = at_least("candidates", candidates, 1)
        self.together = share("together", together)
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
        said = documents.bin_messages(bin)
        messages = [said.places(int(i)) for i in np.searchsorted(said.terms, terms)]
        return [
            Found(
                terms[group].tolist(),
                float(score[group[0]]),
                float(mean[group[0]]),
                float(df[group[0]]),
                telling([messages[i] for i in group], len(said.rows)),
            )
            for group in average_link(shared_by(messages, len(said.rows)), self.together)
        ]

    @staticmethod
    def _phrases(documents: Documents, terms: Ints) -> npt.NDArray[np.bool_]:
        """Which of the terms are phrases, or a tag or handle, which stands for one."""
        words = documents.vocabulary.words
        found = [words(t) is not None or documents.surface(t)[:1] in ("@", "#") for t in terms.tolist()]
        return np.array(found, np.bool_)
