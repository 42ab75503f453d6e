"""Choose the messages that represent a topic."""

from __future__ import annotations

from collections import Counter

import numpy as np
import numpy.typing as npt

from rtanalytics.counts import Ints, TermCounts
from rtanalytics.terms import ALONE, EDGE

__all__ = ["quotes"]

_MOST = 40
"""Maximum number of messages that are compared."""
_SHORT, _LONG = 6, 30
"""Numbers of words between which a message is neither too short nor too long to be quoted."""
_DIFFERENT = 0.6
"""Weight of the similarity to messages that are already chosen."""


def quotes(counts: TermCounts, rows: Ints, originals: npt.NDArray[np.bool_], most: int = 3) -> list[int]:
    """Choose messages: first the most central one, then others that differ from it.

    The centrality of a message is the cosine of its words and the words of all messages of the topic. Copies
    come last, and so do messages of people who were already chosen. Further messages are chosen by
    maximal marginal relevance (Carbonell and Goldstein 1998): centrality minus similarity to those chosen.

    Parameters
    ----------
    counts : TermCounts
        Counts of all messages.
    rows : numpy.ndarray of int64, shape (n,)
        Rows of the topic's messages.
    originals : numpy.ndarray of bool, shape (n,)
        False for each message that copies an earlier one.
    most : int
        Number of messages to choose.

    Returns
    -------
    list of int
        Indices in ``rows``.
    """
    order = np.argsort(~originals, kind="stable")[:_MOST]
    rows, originals = rows[order], originals[order]
    authors = counts.authors(rows).tolist()
    texts = _words(counts, rows)
    total = Counter(word for words in texts for word in words)
    length = sum(n * n for n in total.values()) ** 0.5
    posts = Counter(authors)
    central = []
    for words, author, original in zip(texts, authors, originals.tolist(), strict=True):
        score = sum(total[word] for word in words) / (length * len(words) ** 0.5) if words else 0.0
        score *= min(len(words) / _SHORT, 1.0) * min(_LONG / max(len(words), 1), 1.0)
        score /= posts[author] ** 0.5
        central.append(score if original else score - 10)
    chosen: list[int] = []
    while len(chosen) < min(most, len(texts)):
        left = (i for i in range(len(texts)) if i not in chosen)
        chosen.append(max(left, key=lambda i: (_marginal(i, chosen, texts, authors, central), -i)))
    return [int(order[i]) for i in chosen]


def _marginal(
    i: int, chosen: list[int], texts: list[frozenset[int]], authors: list[int], central: list[float]
) -> float:
    """Return the centrality of a message minus its similarity to the chosen ones."""
    likeness = max((len(texts[i] & texts[j]) / max(len(texts[i] | texts[j]), 1) for j in chosen), default=0.0)
    again = 5.0 if any(authors[i] == authors[j] for j in chosen) else 0.0
    return central[i] - _DIFFERENT * likeness - again


def _words(counts: TermCounts, rows: Ints) -> list[frozenset[int]]:
    """Return the terms of each message that are no stop words."""
    vocabulary = counts.vocabulary
    term_of, uses = vocabulary.term_of, vocabulary.uses
    return [
        frozenset(int(term_of[t]) for t in tokens if t >= 0 and uses[t] & (ALONE | EDGE))
        for tokens in counts.tokens_in(rows)
    ]
