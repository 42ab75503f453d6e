"""Terms that are said together become one topic, before the list is cut to K.

Two terms belong together if most messages that say the rarer one say the other too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rtanalytics.counts import BinCounts, Floats, Ints
from rtanalytics.settings import TopicFilter

__all__ = ["Group", "Scored", "examples", "grouped", "strongest"]

_SHOWN = 5
"""Terms that a topic shows at most."""
_FIRST = 3
"""Terms by which people recognise it."""
_KEPT = 20
"""Terms that a topic remembers at most, strongest first."""
_STANDS_FOR = 0.6
"""Share of a word's messages that must say a phrase for the phrase to be shown instead."""


@dataclass(eq=False, slots=True, kw_only=True)
class Scored:
    """A term of the bin that may trend, or by which people know what does.

    Parameters
    ----------
    term : int
        Its number.
    key : str
        The term itself.
    at : int
        Its place among the scores; -1 if it is no candidate itself.
    raw, score : float
        Evidence, and evidence weighted by how much the term is like a name.
    messages : numpy.ndarray of int
        Places of the bin's messages that say it.
    rows : list of int
        Rows of the log that say it, the window before the bin included.
    people, voices : int
        How many people wrote those, and how many of them in their own words.
    like : float
        How much the term is like a name: 0 to 1.
    handy : bool
        True for a handle or a tag.
    stale : bool
        True if lists have told it often already.
    """

    term: int
    key: str
    at: int
    raw: float
    score: float
    messages: npt.NDArray[np.int32]
    rows: list[int]
    people: int
    voices: int
    like: float
    handy: bool
    stale: bool


class Group:
    """Terms that are said together, the strongest first."""

    def __init__(self, lead: Scored) -> None:
        self.lead = lead
        self.said = [lead.messages]
        self.shown = [lead]
        self.probability = 0.0
        self.contributions: dict[str, float] = {}
        self.features: dict[str, float] = {}

    def judge(self, least: float, active: int, topic_filter: TopicFilter) -> float:
        """How probable it is that this is a topic; remembers why.

        Parameters
        ----------
        least : float
            Evidence that counts.
        active : int
            How many people said anything within the window.
        """
        known = any(s.handy and s.people >= topic_filter.min_people for s in self.shown[:_FIRST])
        self.features = self._features(least, active, known=known)
        self.contributions = topic_filter.topic_model.contributions(**self.features)
        self.probability = _probability(self.contributions)
        return self.probability

    def at_best(self, least: float, active: int, topic_filter: TopicFilter) -> float:
        """The same if a handle or tag were found by which people know it."""
        return _probability(
            topic_filter.topic_model.contributions(
                **self._features(least, active, known=topic_filter.topic_model.known > 0)
            )
        )

    def _features(self, least: float, active: int, *, known: bool) -> dict[str, float]:
        lead = self.lead
        return {
            "evidence": lead.raw / (least or 1.0),
            "people": lead.people,
            "voices": lead.voices,
            "active": active,
            "like": lead.like,
            "known": float(known),
        }

    def name(self, handles: dict[int, list[Scored]], told: set[str], topic_filter: TopicFilter) -> None:
        """Bring a handle or tag by which people know the topic among the first terms.

        Parameters
        ----------
        handles : dict
            Handles and tags that each message says, by row.
        told : set of str
            Keys that name a higher topic already.
        """
        first = self.shown[:_FIRST]
        if any(s.handy and s.people >= topic_filter.min_people for s in first):
            return
        found = [s for s in self.shown if s.handy and s.people >= topic_filter.min_people and not s.stale]
        if not found:
            rows = {row for s in self.shown[:_FIRST] for row in s.rows}
            said: dict[Scored, int] = {}
            for row in rows:
                for handle in handles.get(row, ()):
                    said[handle] = said.get(handle, 0) + 1
            found = sorted(
                (
                    s for s, n in said.items()
                    if n >= 2
                    and n >= topic_filter.min_topic_share * len(rows)
                    and n >= topic_filter.min_term_share * len(s.rows)
                ),
                key=lambda s: (-said[s], len(s.rows), s.key),
            )  # fmt: skip
        for s in found:
            if s.key not in told:
                self.shown = [t for t in self.shown if t is not s]
                self.shown.insert(_FIRST - 1, s)
                return

    @property
    def terms(self) -> list[Scored]:
        """What to show, the most telling first."""
        return self.shown[:_SHOWN]

    @property
    def keys(self) -> list[str]:
        """Keys of the terms that are shown."""
        return [s.key for s in self.terms]

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
                if len(other.messages) >= _STANDS_FOR * len(old.messages):
                    rest = [s for s in self.shown[i + 1 :] if not _within(s.key, other.key)]
                    self.shown[i:] = [other, *rest]
                return
        if len(self.shown) < _KEPT:
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


def grouped(found: Sequence[Scored], min_overlap: float) -> list[Group]:
    """All topics: each term, from the strongest on, joins the first group whose lead it fits."""
    groups: list[Group] = []
    led_by: dict[int, list[int]] = {}
    for scored in found:
        messages = scored.rows
        shared: dict[int, int] = {}
        for message in messages:
            for number in led_by.get(message, ()):
                shared[number] = shared.get(number, 0) + 1
        for number in sorted(shared):
            group = groups[number]
            if shared[number] >= min_overlap * min(len(group.lead.rows), len(messages)):
                group.add(scored)
                break
        else:
            for message in messages:
                led_by.setdefault(message, []).append(len(groups))
            groups.append(Group(scored))
    return groups


def examples(
    messages: npt.NDArray[np.int32], authors: Ints, originals: npt.NDArray[np.bool_], most: int = 3
) -> list[int]:
    """Places of a few of the messages: no copies, and by different authors, as far as there are.

    Parameters
    ----------
    messages : numpy.ndarray of int32, shape (n,)
        Places to choose from, ascending.
    authors : numpy.ndarray of int64
        Who wrote the message of each place.
    originals : numpy.ndarray of bool
        Which are no copies of earlier ones.
    most : int
        How many to choose.
    """
    own, again, copied = [], [], []
    heard: set[int] = set()
    for place in messages.tolist():
        author = int(authors[place])
        if not originals[place]:
            copied.append(place)
        elif author in heard:
            again.append(place)
        else:
            own.append(place)
            heard.add(author)
    return (own + again + copied)[:most]


def _probability(contributions: dict[str, float]) -> float:
    return 1 / (1 + math.exp(min(-sum(contributions.values()), 700.0)))


def _within(part: str, whole: str) -> bool:
    """Are the words of one phrase a stretch of the other's?"""
    return f" {part} " in f" {whole} "
