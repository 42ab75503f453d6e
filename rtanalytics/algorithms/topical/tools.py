"""What topic-level algorithms are made of: orders that do not depend on arrival, terms to show."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from rtanalytics.counts import BinCounts, Floats, Ints
from rtanalytics.settings import SettingsError

__all__ = ["as_shown", "counts_of", "ranked", "share", "telling"]

_SHOWN = 5
"""Terms that a topic shows at most."""


def ranked(terms: Ints, keys: Sequence[str], *by: Floats) -> Ints:
    """Places of the terms, those with the largest numbers first; ties go by key.

    Parameters
    ----------
    terms : numpy.ndarray of int64, shape (n,)
        Their numbers, which follow the order of arrival and decide nothing.
    keys : sequence of str
        Key of each term.
    *by : numpy.ndarray of float64, shape (n,)
        The first decides, then the second, and so on.
    """
    order = np.array(sorted(range(len(terms)), key=[keys[t] for t in terms.tolist()].__getitem__), np.int64)
    if not by:
        return order
    best: Ints = order[np.lexsort([-number[order] for number in reversed(by)])]
    return best


def telling(messages: Sequence[npt.NDArray[Any]], documents: int) -> Ints:
    """Places of the messages that say any of a topic's terms: first who says the first, and most.

    Parameters
    ----------
    messages : sequence of numpy.ndarray of int
        Places of the messages that say each term, the topic's first term first.
    documents : int
        How many messages there are.
    """
    says = np.zeros(documents, np.int64)
    for places in messages:
        says[places] += 1
    says[messages[0]] += len(messages)
    here = np.flatnonzero(says)
    order: Ints = here[np.argsort(-says[here], kind="stable")]
    return order


def counts_of(bin: BinCounts, terms: Ints) -> Floats:
    """The counts of these terms in a bin, 0 where it has none."""
    if not len(bin.terms):
        return np.zeros(len(terms))
    at = np.minimum(np.searchsorted(bin.terms, terms), len(bin.terms) - 1)
    counts: Floats = np.where(bin.terms[at] == terms, bin.counts[at], 0.0)
    return counts


def as_shown(terms: Iterable[int], keys: Sequence[str], most: int = _SHOWN) -> list[int]:
    """The terms that stand for a topic: of a phrase and a part of it, the one that comes first."""
    shown: list[int] = []
    for term in terms:
        if not any(_within(keys[term], keys[s]) or _within(keys[s], keys[term]) for s in shown):
            shown.append(term)
            if len(shown) == most:
                break
    return shown


def _within(part: str, whole: str) -> bool:
    """Are the words of one phrase a stretch of the other's?"""
    return f" {part} " in f" {whole} "


def share(name: str, value: float) -> float:
    """``value``, if it is above 0 and at most 1; a ValueError names it otherwise."""
    if not 0 < value <= 1:
        raise SettingsError(name, f"{name} must be above 0 and at most 1, not {value!r}")
    return value
