"""The terms as a scikit-learn transformer."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.decomposition import NMF
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.model_selection import ParameterGrid
from sklearn.pipeline import make_pipeline

from rtanalytics.counts.transformer import TermVectorizer
from rtanalytics.event import Event
from tests import naive
from tests.test_counts import WORDS

AT = datetime(2026, 5, 15, 9, tzinfo=UTC)
TEXTS = [
    "Type hints in #Python!",
    "type hints: python 3",
    "lunch with @ada 🎉",
    "the keynote https://python.org/x",
    "",
]
MESSAGES = st.lists(st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join), min_size=1, max_size=20)


def as_events(texts: list[str], lang: str | None = None) -> list[Event]:
    return [
        Event(id=f"irc:x:{i}", source="irc", text=text, lang=lang, created_at=AT)
        for i, text in enumerate(texts)
    ]


def test_terms_are_tags_handles_emoji_domains_and_phrases() -> None:
    """Feature names are keys, sorted, and each row says which of them a message says."""
    vectorizer = TermVectorizer()
    matrix = vectorizer.fit_transform(TEXTS)
    names = vectorizer.get_feature_names_out().tolist()
    assert names == sorted(["type", "hints", "type hints", "python", "lunch", "@ada", "🎉", "keynote", "python.org"])  # fmt: skip
    rows = [{names[c] for c in row.nonzero()[1]} for row in matrix]
    assert rows[0] == rows[1] == {"type", "hints", "type hints", "python"}
    assert rows[4] == set()
    assert set(matrix.data.tolist()) == {1}


@settings(deadline=None, max_examples=60)
@given(MESSAGES)
def test_the_matrix_is_that_of_the_reference_implementation(texts: list[str]) -> None:
    """Document frequencies equal the counts of one bin that holds all messages."""
    said = as_events(texts)
    vocabulary = naive.Vocabulary()
    expected: dict[str, set[str]] = {}
    for event in said:
        for word in naive.words_of(vocabulary, event):
            expected.setdefault(word, set()).add(event.id)
    for phrase, by in naive.phrases(vocabulary, said, 2, naive.BOUND).items():
        expected.setdefault(phrase, set()).update(event.id for event in by)
    vectorizer = TermVectorizer()
    if not expected:
        with pytest.raises(ValueError, match="only stop words"):
            vectorizer.fit(texts)
        return
    sums = np.asarray(vectorizer.fit_transform(said).sum(axis=0)).ravel().tolist()
    assert dict(zip(vectorizer.get_feature_names_out(), sums, strict=True)) == {
        term: len(by) for term, by in expected.items()
    }


@settings(deadline=None, max_examples=40)
@given(MESSAGES)
def test_fit_transform_is_fit_then_transform(texts: list[str]) -> None:
    """Texts and events alike."""
    texts = [*texts, "python"]
    together = TermVectorizer().fit_transform(texts)
    vectorizer = TermVectorizer().fit(as_events(texts))
    assert (together != vectorizer.transform(texts)).nnz == 0


def test_what_was_not_learnt_is_passed_over() -> None:
    """New words leave no trace, and transforming does not change what was learnt."""
    vectorizer = TermVectorizer().fit(["python conda", "python"])
    before = dict(vectorizer.vocabulary_)
    assert vectorizer.transform(["rust and python"]).toarray().tolist() == [[0, 1]]
    assert vectorizer.vocabulary_ == before


def test_parameters_are_respected() -> None:
    """Rare terms, phrases and stop words as asked for."""
    texts = ["type hints", "type hints", "die Katze"]
    assert TermVectorizer(2).fit(texts).get_feature_names_out().tolist() == ["hints", "type", "type hints"]
    assert "type hints" not in TermVectorizer(phrases=False).fit(texts).vocabulary_
    assert "die" in TermVectorizer(languages=("en",)).fit(texts).vocabulary_
    assert "die" not in TermVectorizer().fit(texts).vocabulary_
    assert "die" in TermVectorizer().fit(as_events(texts, "en")).vocabulary_
    with pytest.raises(ValueError, match="min_df is too high"):
        TermVectorizer(9).fit(texts)


def test_it_is_cloned_pickled_and_searched_like_any_estimator() -> None:
    """Parameters come back as given, state survives, an unfitted one refuses to work."""
    vectorizer = TermVectorizer(2, phrase_min_npmi=0.4)
    assert clone(vectorizer).get_params() == vectorizer.get_params()
    for parameters in ParameterGrid({"min_df": [1, 2], "phrases": [True, False]}):
        fitted = clone(vectorizer).set_params(**parameters).fit(TEXTS)
        again = pickle.loads(pickle.dumps(fitted))
        assert (again.transform(TEXTS) != fitted.transform(TEXTS)).nnz == 0
    with pytest.raises(NotFittedError):
        vectorizer.transform(TEXTS)
    with pytest.raises(ValueError, match="parameter 'nope'"):
        vectorizer.set_params(nope=1)


@pytest.mark.parametrize("bad", ["one text", as_events(["x"])[0], [b"bytes"], [None], [1.5]])
def test_what_is_no_list_of_messages_is_refused(bad: object) -> None:
    """With a ValueError, as scikit-learn's own vectorizers do."""
    with pytest.raises(ValueError, match="expected a list|must be a text or an event"):
        TermVectorizer().fit(bad)  # type: ignore[arg-type]


def test_it_works_in_a_pipeline() -> None:
    """Messages in, topics out, and names for the columns."""
    said = as_events(["python type hints", "type hints rock", "lunch queue", "queue for lunch"] * 5)
    pipeline = make_pipeline(TermVectorizer(), TfidfTransformer(), NMF(2, random_state=0))
    weights = pipeline.fit_transform(said)
    assert weights.shape == (20, 2)
    assert len(set(weights[:4].argmax(axis=1).tolist())) == 2
    names = pipeline[:-1].get_feature_names_out().tolist()
    assert {"type hints", "lunch"} <= set(names)
