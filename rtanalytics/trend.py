"""Trends: the topics of a bin, whichever algorithm found them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

__all__ = ["Trend", "TrendBin", "decode_bin"]


class Trend(msgspec.Struct, frozen=True, kw_only=True):
    """One topic of a bin, and one line of ``trending --json``.

    Parameters
    ----------
    bin_start, bin_end : datetime
        The bin, half-open.
    rank : int
        From 1.
    terms : list of str
        Terms as they are commonly written, most characteristic first.
    label : str
        Name of the topic.
    score : float
        Score by which topics are ranked: −log₁₀ (1 − ``probability``), or that of a topic-level algorithm.
    expected : float
        Count of the first term that the algorithm expected.
    messages, authors : int
        Number of messages in the bin that contain any of the terms, and of the people who wrote them;
        messages without an author count as messages only.
    examples : list of str
        Ids of messages, by different people if possible.
    observed : int
        Count of the first term in the channel that was scored; compare ``expected``.
    id : str
        Identifier that stays the same while the topic lasts; empty if the algorithm does not follow topics.
    sources : dict
        Number of messages by source.
    talks : list of str
        Titles of the talks at that time.
    split_from : str
        Id of the topic that this one was part of until now, if any.
    merged : list of str
        Ids of topics that are part of this one from now on.
    probability : float
        Probability that people would recognise this as a topic; 0 if it is not computed.
    contributions : dict
        What each feature adds to the log odds of that.
    features : dict
        Numbers on which the probability rests: ``evidence``, as a multiple of the minimum; ``people``
        who used the first term lately, ``voices`` among them in words of their own, and ``active``,
        all who posted anything meanwhile; ``like``, how much the term is like a name (0 to 1);
        ``known``, 1 if a handle or tag that enough people use names the topic.
    channel : str
        What ``observed``, ``expected`` and ``history`` count: ``authors`` (each message without one
        counts separately) or ``messages``; empty if neither.
    history : list of int
        Counts of the first term in the bins just before, oldest first: at most 24.
    since : datetime, optional
        Start of the first bin on which the expectation rests.
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
    split_from: str = ""
    merged: list[str] = []
    probability: float = 0.0
    contributions: dict[str, float] = {}
    features: dict[str, float] = {}
    channel: str = ""
    history: list[int] = []
    since: datetime | None = None

    @property
    def counted(self) -> tuple[str, str]:
        """Singular and plural of what ``observed`` counts: people, if it is known who wrote."""
        if self.channel == "messages" or not self.authors:
            return "message", "messages"
        return ("person", "people") if self.observed <= self.authors else ("voice", "voices")


class TrendBin(msgspec.Struct, frozen=True, kw_only=True):
    """The trends of ``[start, end)``.

    Parameters
    ----------
    start, end : datetime
        The bin.
    trends : list of Trend
        Topics by rank; fewer than asked for, or none, if little happened.
    messages, authors : int
        Number of all messages in the bin, and of the people who wrote them, as far as known.
    late : int
        Number of events since the last bin that were received after their own bin had closed.
    """

    start: datetime
    end: datetime
    trends: list[Trend]
    messages: int
    authors: int
    late: int = 0


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
