"""Which topics are worth showing, with what probability, and what was shown before."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta

__all__ = ["DisplayHistory", "TopicFilter", "TopicModel"]


@dataclass(frozen=True)
class TopicModel:
    """How probable it is that a topic is one: a logistic regression on six things seen of it.

    log (p / (1 − p)) = bias + evidence·ln(e / e₀) + people·ln n + own_words·ln(v / n)
    + share·ln(n / N) + name·like + known·[known]

    where e is the evidence of the first term and e₀ the least that counts, n the people who said
    it within the window, v those of them who did in words of their own, N all who said anything,
    like how much the term is like a name (0 to 1), and known whether a handle or a tag that
    enough people use is among the first terms. Fitted by ``benchmarks/belief.py``, which leaves
    one conference out at a time; decision 9 has the figures.

    Parameters
    ----------
    bias, evidence, people, own_words, share, name, known : float
        The weights.

    References
    ----------
    Cox, D. R. (1958), The regression analysis of binary sequences.
    """

    bias: float = -4.27
    evidence: float = 1.81
    people: float = 0.87
    own_words: float = 1.45
    share: float = 0.07
    name: float = 1.42
    known: float = 2.21

    def because(
        self, *, evidence: float, people: float, voices: float, active: float, like: float, known: float
    ) -> dict[str, float]:
        """What each thing adds to the log odds, by its name.

        Parameters
        ----------
        evidence : float
            As a multiple of the least that counts.
        people, voices, active : float
            How many said it, how many in their own words, how many said anything.
        like : float
            0 to 1.
        known : float
            1 if there is a handle or tag by which people know it, else 0.
        """
        return {
            "bias": self.bias,
            "evidence": self.evidence * math.log(evidence),
            "people": self.people * math.log(people),
            "own_words": self.own_words * math.log(max(voices, 0.5) / people),
            "share": self.share * math.log(people / max(active, people)),
            "name": self.name * like,
            "known": self.known * known,
        }


@dataclass(frozen=True)
class TopicFilter:
    """Which of the topics that burst are worth showing.

    Evidence is the algorithm's score of a term, with what is left of the scores of the bins just
    before.

    Parameters
    ----------
    least : float
        Probability from which a topic is told.
    stay : float
        Probability from which one that was told in the bin before is told again.
    belief : TopicModel
        Where the probability comes from.
    plain : float
        Weight, from 0 to 1, of the evidence of a term that is not like a name at all, where terms
        contend for being a topic's first; a name weighs 1.
    people : int
        So many different people must use a handle or tag for it to be known.
    share, part : float
        A handle or tag names a topic if it is in such a share of the topic's messages, and they
        are such a part of all messages that say it.
    window : timedelta
        How far before the bin people and messages of a topic are looked for.
    memory : timedelta
        After this time the score of an earlier bin weighs 1/e.
    often, known : float
        A term that stands in a larger share of the lists so far is no news, or no longer names a
        topic.
    free : int
        Times that a term may be shown before that.
    again : float
        Factor of evidence from which what is no news is news again.
    """

    least: float = 0.25
    stay: float = 0.2
    belief: TopicModel = field(default_factory=TopicModel)
    plain: float = 0.15
    people: int = 3
    share: float = 0.2
    part: float = 0.1
    window: timedelta = timedelta(minutes=30)
    memory: timedelta = timedelta(minutes=15)
    often: float = 0.08
    known: float = 0.05
    again: float = 5.0
    free: int = 3

    def __post_init__(self) -> None:
        if not 0 < self.stay <= self.least < 1:
            raise ValueError(
                f"a topic is told from a probability of {self.least} and stays from {self.stay};"
                " give 0 < stay <= least < 1"
            )


class DisplayHistory:
    """In how many lists each term stood."""

    def __init__(self) -> None:
        self.lists = 0
        self._times: dict[str, int] = {}

    def add(self, terms: Iterable[str]) -> None:
        """Note the keys of a list's terms."""
        self.lists += 1
        for term in set(terms):
            self._times[term] = self._times.get(term, 0) + 1

    def often(self, term: str, taste: TopicFilter, *, known: bool = False) -> bool:
        """Has the term been told too often to be news, or, if it is ``known``, to tell topics apart?"""
        often = taste.known if known else taste.often
        return self._times.get(term, 0) > taste.free + often * self.lists
