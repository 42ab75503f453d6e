"""Terms as a scikit-learn transformer: a sparse matrix of messages × terms.

A separate module, because scikit-learn takes long to import.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from rtanalytics.counts import kernel
from rtanalytics.event import Event
from rtanalytics.extras import extra
from rtanalytics.terms import Segmenter, Vocabulary, text_of
from rtanalytics.terms.stopwords import LANGUAGES

with extra("compare"):
    import scipy.sparse as sp
    from sklearn.base import BaseEstimator, TransformerMixin
    from sklearn.utils.validation import check_is_fitted


__all__ = ["TermVectorizer"]

Document = str | Event


class TermVectorizer(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Convert messages to a matrix of the terms that :class:`~rtanalytics.counts.TermCounts` counts.

    Use it instead of scikit-learn's ``CountVectorizer`` where tags, handles, addresses, code, emoji
    and scripts other than Latin matter. All fitted messages together decide which phrases are terms.
    A term counts once per message.

    Parameters
    ----------
    min_df : int
        Minimum number of messages of a term.
    phrases : bool
        Whether phrases of two and three words are terms.
    phrase_min_count : int
        Minimum number of messages of a phrase.
    phrase_min_npmi : float
        Minimum normalised pointwise mutual information of a phrase's words.
    languages : tuple of str
        Languages whose stop words are ignored in messages without a language of their own.
    segmenter : callable, optional
        As for :class:`~rtanalytics.terms.Vocabulary`.

    Attributes
    ----------
    vocabulary_ : dict of str to int
        Column of each term's key.

    Examples
    --------
    >>> vectorizer = TermVectorizer()
    >>> matrix = vectorizer.fit_transform(["#PyCon keynote!", "the keynote at pycon", "lunch"])
    >>> vectorizer.get_feature_names_out().tolist()
    ['keynote', 'lunch', 'pycon']
    >>> matrix.toarray().tolist()
    [[1, 0, 1], [1, 0, 1], [0, 1, 0]]
    """

    def __init__(
        self,
        min_df: int = 1,
        *,
        phrases: bool = True,
        phrase_min_count: int = 2,
        phrase_min_npmi: float = 0.2,
        languages: tuple[str, ...] = LANGUAGES,
        segmenter: Segmenter | None = None,
    ) -> None:
        self.min_df = min_df
        self.phrases = phrases
        self.phrase_min_count = phrase_min_count
        self.phrase_min_npmi = phrase_min_npmi
        self.languages = languages
        self.segmenter = segmenter

    def fit(self, X: Iterable[Document], y: object = None) -> Self:
        """Learn the terms of messages.

        Parameters
        ----------
        X : iterable of str or Event
            Messages.
        y : ignored

        Raises
        ------
        ValueError
            If ``X`` is a single text, contains anything but texts and events, or no term is frequent enough.
        """
        self.fit_transform(X)
        return self

    def fit_transform(self, X: Iterable[Document], y: object = None, **_: Any) -> sp.csr_matrix:
        """Learn the terms of messages and return the matrix.

        Returns
        -------
        scipy.sparse.csr_matrix of int64, shape (messages, terms)
        """
        n, places, terms, keys = self._pairs(X, self.phrase_min_count, self.phrase_min_npmi)
        frequency = np.bincount(terms, minlength=len(keys))
        known = sorted(keys[t] for t in np.flatnonzero(frequency >= max(self.min_df, 1)).tolist())
        if not known:
            raise ValueError(
                f"no term occurs in {max(self.min_df, 1)} of the {n} messages: "
                "they contain only stop words, or min_df is too high"
            )
        self.vocabulary_ = {key: column for column, key in enumerate(known)}
        return self._matrix(n, places, terms, keys)

    def transform(self, X: Iterable[Document]) -> sp.csr_matrix:
        """Return the matrix for the terms that were learnt.

        Parameters
        ----------
        X : iterable of str or Event
            Messages.

        Returns
        -------
        scipy.sparse.csr_matrix of int64, shape (messages, terms)
        """
        check_is_fitted(self)
        return self._matrix(*self._pairs(X, 1, -np.inf))

    def get_feature_names_out(self, input_features: object = None) -> npt.NDArray[np.object_]:
        """Return the keys of the terms, in the order of the columns."""
        check_is_fitted(self)
        return np.array(list(self.vocabulary_), object)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string, tags.input_tags.two_d_array = True, False
        return tags

    def _pairs(
        self, X: Iterable[Document], min_count: int, min_npmi: float
    ) -> tuple[int, Any, Any, list[str]]:
        """Return the number of messages, the pairs of message and term, and the keys of the terms."""
        if isinstance(X, str | Event):
            raise ValueError(  # noqa: TRY004  (scikit-learn's own kind of error)
                f"expected a list of texts or events, not one {type(X).__name__}"
            )
        documents = list(X)
        for i, document in enumerate(documents):
            if not isinstance(document, str | Event):
                raise ValueError(  # noqa: TRY004
                    f"message {i} must be a text or an event, not {type(document).__name__}"
                )
        vocabulary = Vocabulary(tuple(self.languages), segmenter=self.segmenter)
        tokens, offsets = vocabulary.encode(d if isinstance(d, str) else text_of(d) for d in documents)
        languages = [vocabulary.language(None if isinstance(d, str) else d.lang) for d in documents]
        rows = np.arange(len(documents))
        texts = rows, offsets, tokens
        words = vocabulary.term_of, vocabulary.uses_by_language, np.array(languages, np.uint8)
        seen, frequency = np.full((2, len(vocabulary)), -1, np.int64)
        places, terms = kernel.words(*texts, *words, seen, 0, frequency)
        if self.phrases:
            owners, which, phrases = kernel.phrases(*texts, *words, frequency, min_count, min_npmi)
            numbers = vocabulary.phrases(phrases)
            places, terms = np.concatenate([places, owners]), np.concatenate([terms, numbers[which]])
        if vocabulary.both:  # a term written in two ways counts once
            pairs = np.unique(places.astype(np.int64) << 32 | terms)
            places, terms = pairs >> 32, pairs & 0xFFFFFFFF
        return len(documents), places, terms, vocabulary.keys

    def _matrix(self, n: int, places: Any, terms: Any, keys: list[str]) -> sp.csr_matrix:
        columns = np.array([self.vocabulary_.get(key, -1) for key in keys], np.int64)[terms]
        known = columns >= 0
        ones = np.ones(int(known.sum()), np.int64)
        shape = n, len(self.vocabulary_)
        return sp.csr_matrix((ones, (places[known], columns[known])), shape=shape)
