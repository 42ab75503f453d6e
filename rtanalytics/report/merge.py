"""The same topic in successive bins becomes one entry."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from rtanalytics.report.talks import Names, Stage
from rtanalytics.report.words import keys_of, telling
from rtanalytics.topics import Trend, TrendBin

__all__ = ["Member", "Merged", "merged", "strongest"]

_GAP = 2
"""Bins that a topic may be silent for and still be the same."""
_LONGEST = timedelta(hours=5)
"""What goes on for longer is told again, as a topic of its own."""
_ALIKE = 0.25
"""Share of the shorter list's words that two lists of terms must have in common."""
_WHILE_ON = 1.25
"""How much more a topic weighs that was named while a talk was on."""


@dataclass(frozen=True, slots=True)
class Member:
    """A trend, the words of its label and of all its terms, and the talk that it names."""

    trend: Trend
    label: frozenset[str]
    words: frozenset[str]
    talk: Names | None

    def same(self, other: Member) -> bool:
        """True if two trends of different bins are one topic."""
        if self.talk is not None and other.talk is not None:
            return self.talk.talk.id == other.talk.talk.id
        if self._same_name(other):
            return True
        if not (self.label <= other.words or other.label <= self.words):
            return False
        both = len(self.words & other.words)
        return both > 1 and both >= _ALIKE * min(len(self.words), len(other.words))

    def same_beside(self, other: Member) -> bool:
        """True if two trends of one bin are one topic: those that share messages are one already."""
        if self.talk is not None and other.talk is not None:
            return self.talk.talk.id == other.talk.talk.id
        return self._same_name(other)

    def _same_name(self, other: Member) -> bool:
        return bool(self.label and other.label) and (self.label <= other.label or other.label <= self.label)


@dataclass(slots=True)
class Merged:
    """A topic over all bins in which it trended: its members in order of time, then rank."""

    members: list[Member]

    @property
    def trends(self) -> list[Trend]:
        """Its trends."""
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
        """The strongest of its trends."""
        return max(self.trends, key=lambda trend: trend.score)

    @property
    def talk(self) -> Names | None:
        """The talk that it is about: the strongest trend's word counts."""
        told = sorted(self.members, key=lambda member: -member.trend.score)
        return next((member.talk for member in told if member.talk), None)

    def takes(self, new: Member) -> bool:
        """True if a trend belongs to it.

        It is compared with the strongest and the newest, so that topics do not grow into one
        another link by link.
        """
        if new.trend.bin_end - self.start > _LONGEST:
            return False
        strongest = max(self.members, key=lambda member: member.trend.score)
        for old in (strongest, self.members[-1]):
            if old.talk is None and new.talk is not None and self.talk not in (None, new.talk):
                continue
            beside = old.trend.bin_start == new.trend.bin_start
            if old.same_beside(new) if beside else old.same(new):
                return True
        return False

    def shown(self, most: int = 6) -> list[str]:
        """Its terms, most telling first, without those that the ones before them contain."""
        told: list[str] = []
        known: list[frozenset[str]] = []
        for trend in sorted(self.trends, key=lambda t: -t.score):
            for term in trend.terms:
                keys = keys_of(term) or frozenset([term])
                if not any(keys <= other or other <= keys for other in known):
                    told.append(term)
                    known.append(keys)
        return told[:most]


def merged(bins: Iterable[TrendBin], stage: Stage) -> list[Merged]:
    """Topics out of the trends of successive bins.

    A trend joins a topic of its own bin, or of one at most two bins before, if both name the same
    talk, if one's label contains the other's, or if one's label is among the other's words and a
    quarter of their words are the same. Names of rooms are left out of the terms: where something
    happens is not what happens.

    Parameters
    ----------
    bins : iterable of TrendBin
        In order.
    stage : Stage
        To know which talk a trend names.

    Returns
    -------
    list of Merged
        In order of their first bin.
    """
    done: list[Merged] = []
    open_: list[Merged] = []
    for bin in bins:
        width = bin.end - bin.start
        done += [topic for topic in open_ if bin.start - topic.end > _GAP * width]
        open_ = [topic for topic in open_ if bin.start - topic.end <= _GAP * width]
        for told in bin.trends:
            trend = _roomless(told, stage.rooms)
            if trend is None:
                continue
            talk = stage.meant(trend.terms, trend.bin_start, trend.bin_end)
            words = frozenset(key for term in trend.terms for key in telling(term))
            new = Member(trend, telling(trend.label) or keys_of(trend.label), words, talk)
            home = next((topic for topic in open_ if topic.takes(new)), None)
            if home is None:
                open_.append(Merged([new]))
            else:
                home.members.append(new)
    return sorted(_by_talk(done + open_), key=lambda topic: (topic.start, -topic.peak.score))


def _roomless(trend: Trend, rooms: frozenset[str]) -> Trend | None:
    """The trend without the names of rooms; nothing if there is nothing else in it."""
    terms = [term for term in trend.terms if not (keys := keys_of(term)) or not keys <= rooms]
    if len(terms) == len(trend.terms):
        return trend
    return msgspec.structs.replace(trend, terms=terms, label=terms[0]) if terms else None


def _by_talk(topics: Sequence[Merged]) -> list[Merged]:
    """What turned out to be about one talk is one topic, unless hours lie between."""
    found: list[Merged] = []
    newest: dict[str, Merged] = {}
    for topic in sorted(topics, key=lambda topic: topic.start):
        talk = topic.talk
        before = newest.get(talk.talk.id) if talk else None
        if before is not None and topic.end - before.start <= _LONGEST:
            before.members.extend(topic.members)
            before.members.sort(key=lambda member: (member.trend.bin_start, member.trend.rank))
            continue
        found.append(topic)
        if talk is not None:
            newest[talk.talk.id] = topic
    return found


def strongest(topics: Sequence[Merged], stage: Stage, most: int) -> list[Merged]:
    """The topics worth telling: the highest peaks, those first that came up while a talk was on."""

    def weight(topic: Merged) -> float:
        peak = topic.peak
        on = topic.talk is not None or any(
            talk in stage.talks for talk in stage.between(peak.bin_start, peak.bin_end)
        )
        return peak.score * (_WHILE_ON if on else 1.0)

    kept = [topic for topic in topics if _voices(topic.peak) > 2]
    best = sorted(kept, key=lambda topic: (-weight(topic), topic.start))[:most]
    return sorted(best, key=lambda topic: (topic.start, -topic.peak.score))


def _voices(trend: Trend) -> int:
    """By how many it was said; of messages without an author each counts, as it did for the trend."""
    return max(trend.authors, trend.observed if trend.channel == "authors" or not trend.authors else 0)
