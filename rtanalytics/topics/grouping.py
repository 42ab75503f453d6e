"""Terms that are said together become one topic, before the list is cut to K.

Two terms belong together if most messages that say the rarer one say the other too.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from rtanalytics.counts import BinCounts, Floats, Ints

__all__ = ["Group", "Scored", "examples", "grouped", "strongest"]

_SHOWN = 5
"""Terms that a topic shows at most."""
_STANDS_FOR = 0.6
"""Share of a word's messages that must say a phrase for the phrase to be shown instead."""


class Scored:
    """A term of the bin that may trend.

    Parameters
    ----------
    term : int
        Its number.
    at : int
        Its place among the scores.
    score : float
        By the algorithm.
    key : str
        The term itself.
    messages : numpy.ndarray of int
        Places of the bin's messages that say it.
    """

    __slots__ = ("at", "key", "messages", "score", "size", "term")

    def __init__(self, term: int, at: int, score: float, key: str, messages: npt.NDArray[np.int32]) -> None:
        self.term, self.at, self.score, self.key, self.messages = term, at, score, key, messages
        self.size = len(messages)


class Group:
    """Terms that are said together, the strongest first."""

    def __init__(self, lead: Scored) -> None:
        self.lead = lead
        self.said = [lead.messages]
        self.shown = [lead]

    @property
    def messages(self) -> Ints:
        """Places of the messages that say any of the terms."""
        return np.unique(np.concatenate(self.said)).astype(np.int64)

    def add(self, other: Scored) -> None:
        """Take a term in; show it unless a longer or stronger one says the same."""
        self.said.append(other.messages)
        for i, old in enumerate(self.shown):
            if _within(other.key, old.key):
                return
            if _within(old.key, other.key):
                if other.size >= _STANDS_FOR * old.size:
                    rest = [s for s in self.shown[i + 1 :] if not _within(s.key, other.key)]
                    self.shown[i:] = [other, *rest]
                return
        if len(self.shown) < _SHOWN:
            self.shown.append(other)


def strongest(terms: Ints, score: Floats, said: BinCounts, keys: Sequence[str], most: int) -> Ints:
    """The ``most`` terms with the highest score, then count, then first key.

    Parameters
    ----------
    terms : numpy.ndarray of int64, shape (n,)
        Places of the terms to choose from, in ``score`` and ``said``.

    Returns
    -------
    numpy.ndarray of int64
        Places, strongest first. Numbers of terms depend on the order of arrival, so ties go by
        key.
    """
    count = said.counts[terms]
    order = terms[np.lexsort((-count, -score[terms]))]
    if len(order) > most:
        last = order[most - 1]
        same = (score[order] == score[last]) & (said.counts[order] == said.counts[last])
        order = order[: np.flatnonzero(same)[-1] + 1]
    ranked = sorted(
        zip(
            (-score[order]).tolist(),
            (-said.counts[order]).tolist(),
            said.terms[order].tolist(),
            order.tolist(),
            strict=True,
        ),
        key=lambda found: (found[0], found[1], keys[found[2]]),
    )
    return np.array([found[3] for found in ranked[:most]], np.int64)


def grouped(found: Sequence[Scored], together: float) -> list[Group]:
    """All topics: each term, from the strongest on, joins the first group whose lead it fits."""
    groups: list[Group] = []
    led_by: dict[int, list[int]] = {}
    for scored in found:
        messages = scored.messages.tolist()
        shared: dict[int, int] = {}
        for message in messages:
            for number in led_by.get(message, ()):
                shared[number] = shared.get(number, 0) + 1
        for number in sorted(shared):
            group = groups[number]
            if shared[number] >= together * min(group.lead.size, scored.size):
                group.add(scored)
                break
        else:
            for message in messages:
                led_by.setdefault(message, []).append(len(groups))
            groups.append(Group(scored))
    return groups


def examples(messages: npt.NDArray[np.int32], authors: Ints, most: int = 3) -> list[int]:
    """Places of a few of the messages, by different authors as far as there are."""
    order = messages.tolist()
    first = {int(authors[i]): i for i in reversed(order)}
    own = sorted(first.values())
    return (own + [i for i in order if i not in own])[:most]


def _within(part: str, whole: str) -> bool:
    """Are the words of one phrase a stretch of the other's?"""
    return f" {part} " in f" {whole} "
