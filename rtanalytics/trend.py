"""What is told of a bin, whichever algorithm found it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from rtanalytics.event import Event
    from rtanalytics.explanation import Explanation

__all__ = ["Trend", "TrendBin"]


class Trend(msgspec.Struct, frozen=True, kw_only=True):
    """One topic of a bin: a line of ``trending --json``.

    Parameters
    ----------
    bin_start, bin_end : datetime
        The bin, half-open.
    rank : int
        From 1.
    terms : list of str
        As they are commonly written, most telling first.
    label : str
        What to call it.
    score : float
        By which topics are ranked: −log₁₀ (1 − ``probability``), or what a topic-level method says.
    expected : float
        Count of the most telling term that was to be expected, by the algorithm.
    messages, authors : int
        How many messages of the bin say any of the terms, and how many people wrote them. What has no
        author is a message and nobody's.
    examples : list of str
        Ids of messages, by different people where there are several.
    observed : int
        Count of the most telling term in the channel that was scored; compare ``expected``.
    id : str
        What stays the same while the topic lasts; empty where identity is not followed.
    sources : dict
        Messages by source.
    talks : list of str
        Titles of the talks that were on.
    split_from : str
        Id of the topic that this one was part of until now, if it was.
    merged : list of str
        Ids of topics that are part of this one from now on.
    probability : float
        How probable it is that this is a topic that people would recognise; 0 where that is not
        worked out.
    because : dict
        What each thing that was seen adds to the log odds of that.
    seen : dict
        What was seen, as numbers: ``evidence``, as a multiple of the least that counts; ``people``
        who said the most telling term lately, ``voices`` among them in words of their own, and
        ``active``, all who said anything meanwhile; ``like``, how much the term is like a name (0
        to 1); ``known``, 1 if a handle or tag that enough people use names the topic.
    channel : str
        What ``observed``, ``expected`` and ``history`` count: ``authors`` (each message without one
        counts beside them) or ``messages``; empty where neither.
    history : list of int
        Count of the most telling term in each of the bins just before, oldest first: at most 24.
    since : datetime, optional
        Start of the first bin that counts for what is expected.
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
    because: dict[str, float] = {}
    seen: dict[str, float] = {}
    channel: str = ""
    history: list[int] = []
    since: datetime | None = None

    @property
    def counted(self) -> tuple[str, str]:
        """What ``observed`` counts, in words for one and for many: people, where it is known who wrote."""
        if self.channel == "messages" or not self.authors:
            return "message", "messages"
        return ("person", "people") if self.observed <= self.authors else ("voice", "voices")

    def explain(
        self,
        events: Iterable[Event] = (),
        *,
        next: Trend | None = None,
        earlier: Iterable[TrendBin] = (),
        zone: tzinfo = UTC,
    ) -> Explanation:
        """Why it is on the list, in a few lines of text.

        Parameters
        ----------
        events : iterable of Event
            Where its examples are looked up for quotes and names, such as a recording.
        next : Trend, optional
            The one below, to say why it stands above that one.
        earlier : iterable of TrendBin
            Bins told before, in order: they know since when it is told and what it comes from.
        zone : tzinfo
            Of the times in the text.

        Returns
        -------
        Explanation
            To print; :func:`rtanalytics.plot.explanation` draws it.
        """
        from rtanalytics.explanation import explain

        return explain(self, events, next=next, earlier=earlier, zone=zone)


class TrendBin(msgspec.Struct, frozen=True, kw_only=True):
    """What trended in ``[start, end)``.

    Parameters
    ----------
    start, end : datetime
        The bin.
    trends : list of Trend
        By rank; fewer than asked for, or none, when little happened.
    messages, authors : int
        Everything said in the bin, and by how many people, as far as it is known.
    late : int
        Events that became known after their own bin had closed, since the last bin told.
    """

    start: datetime
    end: datetime
    trends: list[Trend]
    messages: int
    authors: int
    late: int = 0

    def explain(
        self,
        rank: int = 1,
        events: Iterable[Event] = (),
        *,
        earlier: Iterable[TrendBin] = (),
        zone: tzinfo = UTC,
    ) -> Explanation:
        """Why the topic of a rank is on the list, and why it stands above the next one.

        Parameters
        ----------
        rank : int
            From 1.
        events, earlier, zone
            As of :meth:`Trend.explain`.

        Raises
        ------
        ValueError
            If no topic has this rank.
        """
        by_rank = {trend.rank: trend for trend in self.trends}
        if rank not in by_rank:
            raise ValueError(f"no topic of this bin has rank {rank}; it has {len(by_rank)}")
        return by_rank[rank].explain(events, next=by_rank.get(rank + 1), earlier=earlier, zone=zone)
