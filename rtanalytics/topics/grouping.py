"""Group terms that occur together into topics, before the list is cut to ``top``.

Two terms are grouped if most messages that contain the rarer one also contain the other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rtanalytics.counts import BinCounts, Floats, Ints
from rtanalytics.settings import TopicFilter
from rtanalytics.topics.talks import TalkLink

__all__ = ["FIRST", "Group", "Scored", "grouped", "strongest"]

_SHOWN = 5
"""Maximum number of terms shown per topic."""
FIRST = 3
"""Number of first terms by which people recognise a topic."""
_KEPT = 20
"""Maximum number of terms kept per topic, strongest first."""
_STANDS_FOR = 0.6
"""Share of a word's messages that must contain a phrase for the phrase to be shown instead."""


@dataclass(eq=False, slots=True, kw_only=True)
class Scored:
    """A term of the bin that may trend, or a handle or tag that may be the name of a topic.

    Parameters
    ----------
    term : int
        Number of the term.
    key : str
        Key of the term.
    at : int
        Index of its score; -1 if it has none.
    raw, score : float
        Evidence, and evidence weighted by ``like``.
    messages : numpy.ndarray of int
        Indices of the bin's messages that contain it.
    rows : list of int
        Rows of the log that contain it, including the window before the bin.
    people, voices : int
        Number of people who wrote the messages in ``rows``, and number of those who did not just
        copy somebody.
    like : float
        Likeness of the term to a name, 0 to 1.
    handy : bool
        True for a handle or a tag.
    stale : bool
        True if too many earlier lists contained the term.
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
    """Terms that occur together, the strongest first."""

    def __init__(self, lead: Scored) -> None:
        self.lead = lead
        self.parts = [lead.messages]
        self.shown = [lead]
        self.talk: TalkLink | None = None
        self.signature: list[str] = []
        self.label = ""
        self.probability = 0.0
        self.contributions: dict[str, float] = {}
        self.features: dict[str, float] = {}
        self.lingers = False  # True if it is only listed because it was found shortly before

    def judge(self, min_score: float, active: int, topic_filter: TopicFilter) -> float:
        """Return the probability that this is a topic; also set its features and contributions.

        Parameters
        ----------
        min_score : float
            Minimum evidence.
        active : int
            Number of people who posted anything within the window.
        """
        known = any(s.handy and s.people >= topic_filter.min_people for s in self.shown[:FIRST])
        self.features = self._features(min_score, active, known=known)
        self.contributions = topic_filter.topic_model.contributions(**self.features)
        self.probability = _probability(self.contributions)
        return self.probability

    def at_best(self, min_score: float, active: int, topic_filter: TopicFilter) -> float:
        """Return the probability that the group would have if a known handle or tag were its name."""
        return _probability(
            topic_filter.topic_model.contributions(
                **self._features(min_score, active, known=topic_filter.topic_model.known > 0)
            )
        )

    def _features(self, min_score: float, active: int, *, known: bool) -> dict[str, float]:
        lead = self.lead
        return {
            "evidence": lead.raw / (min_score or 1.0),
            "people": lead.people,
            "voices": lead.voices,
            "active": active,
            "like": lead.like,
            "known": float(known),
        }

    def name(self, handles: dict[int, list[Scored]], used: set[str], topic_filter: TopicFilter) -> None:
        """Find a handle or tag by which people know the topic, and move it to the first terms.

        Parameters
        ----------
        handles : dict
            Handles and tags of each message, by row.
        used : set of str
            Keys among the first terms of stronger topics; these are not used again.
        """
        first = self.shown[:FIRST]
        if any(s.handy and s.people >= topic_filter.min_people for s in first):
            return
        found = [s for s in self.shown if s.handy and s.people >= topic_filter.min_people and not s.stale]
        if not found:
            rows = {row for s in self.shown[:FIRST] for row in s.rows}
            shared: dict[Scored, int] = {}
            for row in rows:
                for handle in handles.get(row, ()):
                    shared[handle] = shared.get(handle, 0) + 1
            found = sorted(
                (
                    s for s, n in shared.items()
                    if n >= 2
                    and n >= topic_filter.min_topic_share * len(rows)
                    and n >= topic_filter.min_term_share * len(s.rows)
                ),
                key=lambda s: (-shared[s], len(s.rows), s.key),
            )  # fmt: skip
        for s in found:
            if s.key not in used:
                self.shown = [t for t in self.shown if t is not s]
                self.shown.insert(FIRST - 1, s)
                return

    @property
    def terms(self) -> list[Scored]:
        """Terms that are shown, strongest first."""
        return self.shown[:_SHOWN]

    @property
    def keys(self) -> list[str]:
        """Keys of the shown terms."""
        return [s.key for s in self.terms]

    @property
    def messages(self) -> Ints:
        """Indices of the bin's messages that contain any of the terms."""
        return np.unique(np.concatenate(self.parts)).astype(np.int64)

    @property
    def rows(self) -> Ints:
        """Rows of the log, within the window, that contain any of the first terms."""
        return np.unique(np.concatenate([np.array(s.rows, np.int64) for s in self.shown[:FIRST]]))

    def absorb(self, other: Group) -> None:
        """Add the messages and terms of another topic that is the same."""
        self.parts += other.parts
        self.talk = self.talk or other.talk
        for scored in other.shown:
            self.add(scored)

    def add(self, other: Scored) -> None:
        """Add a term to the group; it is shown unless another term contains it or is contained in it."""
        self.parts.append(other.messages)
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


def strongest(terms: Ints, score: Floats, counts: BinCounts, keys: Sequence[str], most: int) -> Ints:
    """Return at most ``most`` terms, the strongest first: sorted by score, then by count, then by key.

    Ties are broken by key, because the numbers of terms depend on the order of arrival.

    Parameters
    ----------
    terms : numpy.ndarray of int64, shape (n,)
        Indices of the terms to choose from, in ``score`` and ``counts``.

    Returns
    -------
    numpy.ndarray of int64
        Indices, strongest first.
    """
    count = counts.counts[terms]
    order = terms[np.lexsort((-count, -score[terms]))]
    if len(order) > most:
        last = order[most - 1]
        same = (score[order] == score[last]) & (counts.counts[order] == counts.counts[last])
        order = order[: np.flatnonzero(same)[-1] + 1]
    ranked = sorted(
        zip(
            (-score[order]).tolist(),
            (-counts.counts[order]).tolist(),
            counts.terms[order].tolist(),
            order.tolist(),
            strict=True,
        ),
        key=lambda item: (item[0], item[1], keys[item[2]]),
    )
    return np.array([item[3] for item in ranked[:most]], np.int64)


def grouped(candidates: Sequence[Scored], min_overlap: float) -> list[Group]:
    """Group candidates, strongest first: each joins the first group whose lead it overlaps, or starts one."""
    groups: list[Group] = []
    led_by: dict[int, list[int]] = {}
    for scored in candidates:
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


def _probability(contributions: dict[str, float]) -> float:
    return 1 / (1 + math.exp(min(-sum(contributions.values()), 700.0)))


def _within(part: str, whole: str) -> bool:
    """Check whether one phrase contains the words of the other in sequence."""
    return f" {part} " in f" {whole} "
