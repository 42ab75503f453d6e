"""Helpers of topic-level algorithms: sorting independent of the order of arrival, and terms to show."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from rtanalytics.counts import BinCounts, Floats, Ints
from rtanalytics.settings import SettingsError

__all__ = ["as_shown", "by_relevance", "counts_of", "ranked", "share"]

_SHOWN = 5
"""Maximum number of terms shown per topic."""


def ranked(terms: Ints, keys: Sequence[str], *by: Floats) -> Ints:
    """Return the indices that sort terms by value, largest first; ties are broken by key.

    Parameters
    ----------
    terms : numpy.ndarray of int64, shape (n,)
        Numbers of the terms.
    keys : sequence of str
        Key of each term.
    *by : numpy.ndarray of float64, shape (n,)
        Values to sort by, the first one first.
    """
    order = np.array(sorted(range(len(terms)), key=[keys[t] for t in terms.tolist()].__getitem__), np.int64)
    if not by:
        return order
    best: Ints = order[np.lexsort([-number[order] for number in reversed(by)])]
    return best


def by_relevance(messages: Sequence[npt.NDArray[Any]], documents: int) -> Ints:
    """Return the indices of a topic's messages: first those with its first term, then by number of terms.

    Parameters
    ----------
    messages : sequence of numpy.ndarray of int
        Places of the messages with each term, the topic's first term first.
    documents : int
        Number of messages.
    """
    weight = np.zeros(documents, np.int64)
    for places in messages:
        weight[places] += 1
    weight[messages[0]] += len(messages)
    here = np.flatnonzero(weight)
    order: Ints = here[np.argsort(-weight[here], kind="stable")]
    return order


def counts_of(bin: BinCounts, terms: Ints) -> Floats:
    """Return the counts of terms in a bin; 0 for terms that do not occur in it."""
    if not len(bin.terms):
        return np.zeros(len(terms))
    at = np.minimum(np.searchsorted(bin.terms, terms), len(bin.terms) - 1)
    counts: Floats = np.where(bin.terms[at] == terms, bin.counts[at], 0.0)
    return counts


def as_shown(terms: Iterable[int], keys: Sequence[str], most: int = _SHOWN) -> list[int]:
    """Return the terms to show, without terms that contain, or are part of, an earlier one."""
    shown: list[int] = []
    for term in terms:
        if not any(_within(keys[term], keys[s]) or _within(keys[s], keys[term]) for s in shown):
            shown.append(term)
            if len(shown) == most:
                break
    return shown


def _within(part: str, whole: str) -> bool:
    """Check whether one phrase contains the words of the other in sequence."""
    return f" {part} " in f" {whole} "


def share(name: str, value: float) -> float:
    """Return ``value``; raise a SettingsError if it is not above 0 and at most 1."""
    if not 0 < value <= 1:
        raise SettingsError(name, f"{name} must be above 0 and at most 1, not {value!r}")
    return value
