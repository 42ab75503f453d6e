"""Merging of trends from successive bins that belong to the same topic."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from rtanalytics.report.talks import Stage, TalkNames
from rtanalytics.report.words import keys_of
from rtanalytics.topics import Trend, TrendBin

__all__ = ["MergedTopic", "merge", "strongest"]

_GAP = 2
"""Number of bins in which a topic may be absent from the trends and still be the same topic."""
_LONGEST = timedelta(hours=5)
"""Longest duration of a topic; trends after that time start a new topic."""
_DURING_TALK = 1.25
"""Factor for the score of a topic that peaked during a talk."""


@dataclass(frozen=True, slots=True)
class Member:
    """A trend and the talk that it is about."""

    trend: Trend
    talk: TalkNames | None

    def has_name_of(self, other: Member) -> bool:
        """Check whether one first term contains the other, such as ``Lovelace`` and ``Ada Lovelace``."""
        mine, others = keys_of(self.trend.terms[0]), keys_of(other.trend.terms[0])
        return bool(mine and others) and (mine <= others or others <= mine)


@dataclass(slots=True)
class MergedTopic:
    """A topic with its trends from one or more bins; ``members`` are ordered by time, then by rank."""

    members: list[Member]

    @property
    def trends(self) -> list[Trend]:
        """Trends of the topic, in order of time."""
        return [member.trend for member in self.members]

    @property
    def start(self) -> datetime:
        """Start of its first bin."""
        return self.members[0].trend.bin_start

    @property
    def end(self) -> datetime:
        """End of its last bin."""
        return self.members[-1].trend.bin_end

    @property
    def peak(self) -> Trend:
        """The trend with the highest score."""
        return max(self.trends, key=lambda trend: trend.score)

    @property
    def talk(self) -> TalkNames | None:
        """Talk of the trend with the highest score that is about a talk, or None."""
        by_score = sorted(self.members, key=lambda member: -member.trend.score)
        return next((member.talk for member in by_score if member.talk), None)

    def accepts(self, new: Member) -> bool:
        """Check whether a trend continues this topic.

        If both are about a talk, it must be the same talk; otherwise the ids or the names must match.
        """
        if new.trend.bin_end - self.start > _LONGEST:
            return False
        if new.talk is not None and self.talk is not None:
            return new.talk.talk.id == self.talk.talk.id
        return any(
            member.trend.topic_id == new.trend.topic_id or member.has_name_of(new) for member in self.members
        )

    def top_terms(self, limit: int = 6) -> list[str]:
        """Return the terms of the topic, from its strongest trends first, without near-duplicates.

        A term is left out if its words contain, or are contained in, the words of an earlier term.
        """
        terms: list[str] = []
        listed: list[frozenset[str]] = []
        for trend in sorted(self.trends, key=lambda t: -t.score):
            for term in trend.terms:
                keys = keys_of(term) or frozenset([term])
                if not any(keys <= other or other <= keys for other in listed):
                    terms.append(term)
                    listed.append(keys)
        return terms[:limit]


def merge(bins: Iterable[TrendBin], stage: Stage) -> list[MergedTopic]:
    """Merge the trends of successive bins into topics.

    A trend joins a topic that trended in the same bin or ended at most two bins before, if both are
    about the same talk, or have the same :attr:`Trend.id` or similar names, such as "Lovelace" and
    "Ada Lovelace". Names of rooms are removed from the terms: they describe a place, not a topic.

    Parameters
    ----------
    bins : iterable of TrendBin
        Bins in order of time.
    stage : Stage
        Finds the talk that a trend is about.

    Returns
    -------
    list of MergedTopic
        In order of their first bin.
    """
    closed: list[MergedTopic] = []
    open_: list[MergedTopic] = []
    for bin in bins:
        gap = _GAP * (bin.end - bin.start)
        closed += [topic for topic in open_ if bin.start - topic.end > gap]
        open_ = [topic for topic in open_ if bin.start - topic.end <= gap]
        for original in bin.trends:
            trend = _without_rooms(original, stage.rooms)
            if trend is None:
                continue
            member = Member(trend, stage.talk_of(trend))
            topic = next((topic for topic in open_ if topic.accepts(member)), None)
            if topic is None:
                open_.append(MergedTopic([member]))
            else:
                topic.members.append(member)
    return sorted(_by_talk(closed + open_), key=lambda topic: (topic.start, -topic.peak.score))


def _without_rooms(trend: Trend, rooms: frozenset[str]) -> Trend | None:
    """Return the trend without terms that are names of rooms, or None if no other terms remain."""
    terms = [term for term in trend.terms if not (keys := keys_of(term)) or not keys <= rooms]
    if len(terms) == len(trend.terms):
        return trend
    if not terms:
        return None
    label = trend.label if trend.talk or trend.terms[0] in terms else terms[0]
    return msgspec.structs.replace(trend, terms=terms, label=label)


def _by_talk(topics: Sequence[MergedTopic]) -> list[MergedTopic]:
    """Merge topics about the same talk, if the result lasts at most five hours."""
    result: list[MergedTopic] = []
    newest: dict[str, MergedTopic] = {}
    for topic in sorted(topics, key=lambda topic: topic.start):
        talk = topic.talk
        before = newest.get(talk.talk.id) if talk else None
        if before is not None and topic.end - before.start <= _LONGEST:
            before.members.extend(topic.members)
            before.members.sort(key=lambda member: (member.trend.bin_start, member.trend.rank))
            continue
        result.append(topic)
        if talk is not None:
            newest[talk.talk.id] = topic
    return result


def strongest(topics: Sequence[MergedTopic], stage: Stage, limit: int) -> list[MergedTopic]:
    """Return the topics with the highest scores, highest first; a peak during a talk raises the score."""

    def weight(topic: MergedTopic) -> float:
        peak = topic.peak
        during = topic.talk is not None or any(
            talk in stage.talks for talk in stage.between(peak.bin_start, peak.bin_end)
        )
        return peak.score * (_DURING_TALK if during else 1.0)

    candidates = [topic for topic in topics if _people(topic.peak) > 2]
    return sorted(candidates, key=lambda topic: (-weight(topic), topic.start))[:limit]


def _people(trend: Trend) -> int:
    """Return the number of authors of a trend; each message of an unknown author counts as one person."""
    return max(trend.authors, trend.observed if trend.channel == "authors" or not trend.authors else 0)
