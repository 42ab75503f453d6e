"""Trends: the topics of a bin, whichever algorithm found them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

__all__ = ["Trend", "TrendBin", "decode_bin"]


class Trend(msgspec.Struct, frozen=True, kw_only=True):
    """One topic of a bin; also the content of a line of ``trending --json``.

    Parameters
    ----------
    bin_start, bin_end : datetime
        The bin, half-open; with sliding windows, the step that has just ended.
    rank : int
        Rank in the list of the bin, from 1.
    terms : list of str
        Terms in their most common spelling, most characteristic first.
    label : str
        Name of the topic, for people who were not there: speaker and title of the talk, or the name of a
        person and a phrase, or a phrase alone.
    score : float
        Score by which topics are ranked: −log₁₀ (1 − ``probability``), or the score of a topic-level
        algorithm.
    expected : float
        Expected count of the first term.
    messages, authors : int
        Number of messages in the bin that contain any of the terms, and number of their known authors.
    examples : list of str
        Ids of some of these messages, by different people if possible.
    observed : int
        Actual count of the first term, to compare with ``expected``.
    id : str
        Identifier of the topic, the same in all its bins; empty if the algorithm assigns none.
    sources : dict
        Number of messages by source.
    talks : list of str
        Titles of the talks at that time.
    talk : str, optional
        Title of the talk that the topic is about; None if it is about no talk, or without a schedule.
    talk_probability : float
        Probability that it is about this talk; 0 without one.
    split_from : str
        Id of the topic from which this one split off in this bin, if any.
    merged : list of str
        Ids of the topics that merged into this one in this bin.
    probability : float
        Probability that people would recognise this as a topic; 0 if it is not computed.
    contributions : dict
        Contribution of each feature to the log odds of the probability.
    features : dict
        Features from which the probability is computed: ``evidence``, as a multiple of the minimum;
        ``people``, who used the first term within the window; ``voices``, those of them who did not
        only copy; ``active``, all people who posted within the window; ``like``, the likeness of the
        term to a name (0 to 1); ``known``, 1 if a widely used handle or tag is among the first terms.
    channel : str
        What ``observed``, ``expected`` and ``history`` count: ``authors`` (each message without a known
        author counts as one) or ``messages``; empty if neither.
    history : list of int
        Counts of the first term in the bins just before, oldest first: at most 24.
    since : datetime, optional
        Start of the first bin from which ``expected`` is computed.
    window_start : datetime, optional
        With sliding windows, the start of the window that ends at ``bin_end``, whose messages are counted.
    """

    bin_start: datetime
    bin_end: datetime
    rank: int
    terms: list[str]
    label: str
    score: float
    expected: float
    messages: int
    authors: int
    examples: list[str]
    observed: int = 0
    id: str = ""
    sources: dict[str, int] = {}
    talks: list[str] = []
    talk: str | None = None
    talk_probability: float = 0.0
    split_from: str = ""
    merged: list[str] = []
    probability: float = 0.0
    contributions: dict[str, float] = {}
    features: dict[str, float] = {}
    channel: str = ""
    history: list[int] = []
    since: datetime | None = None
    window_start: datetime | None = None

    @property
    def counted_from(self) -> datetime:
        """Start of the interval whose messages are counted; it ends at ``bin_end``."""
        return self.window_start or self.bin_start

    @property
    def topic_id(self) -> str:
        """Key by which trends of different bins belong to one topic: its id, or else its label."""
        return self.id or self.label.casefold()

    @property
    def other_terms(self) -> list[str]:
        """Terms that are not already words of the label."""
        label = f" {_words(self.label)} "
        return [term for term in self.terms if f" {_words(term)} " not in label]

    @property
    def counted(self) -> tuple[str, str]:
        """Singular and plural of the noun for what ``observed`` counts: people if the authors are known."""
        if self.channel == "messages" or not self.authors:
            return "message", "messages"
        return ("person", "people") if self.observed <= self.authors else ("voice", "voices")


class TrendBin(msgspec.Struct, frozen=True, kw_only=True):
    """Trends of one bin, the interval ``[start, end)``.

    Parameters
    ----------
    start, end : datetime
        The bin; with sliding windows, the step that has just ended.
    trends : list of Trend
        Topics by rank: at most the requested number, and possibly none.
    messages, authors : int
        Number of all messages in the bin, and number of their known authors.
    late : int
        Number of events that arrived too late, after their own bin had closed, since the previous bin.
    window_start : datetime, optional
        With sliding windows, the start of the window that ends at ``end``, whose messages are counted.
    """

    start: datetime
    end: datetime
    trends: list[Trend]
    messages: int
    authors: int
    late: int = 0
    window_start: datetime | None = None

    @property
    def counted_from(self) -> datetime:
        """Start of the interval whose messages are counted; it ends at ``end``."""
        return self.window_start or self.start


def _words(text: str) -> str:
    return " ".join(text.casefold().replace(":", " ").replace(",", " ").lstrip("#").split())


def decode_bin(data: bytes) -> TrendBin:
    """Decode a bin from the JSON in which it was published.

    Raises
    ------
    msgspec.MsgspecError
        If it is not a bin.
    """
    if b'"because"' not in data and b'"seen"' not in data:
        return msgspec.json.decode(data, type=TrendBin)
    table = msgspec.json.decode(data, type=dict[str, Any])
    for trend in table.get("trends", ()):
        for old, new in _OLD_NAMES.items():
            if old in trend:
                trend.setdefault(new, trend.pop(old))
    return msgspec.convert(table, TrendBin)


_OLD_NAMES = {"because": "contributions", "seen": "features"}
"""Names of fields before version 0.1."""
