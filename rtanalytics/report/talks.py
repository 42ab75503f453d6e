"""Which talk a message or a topic is about, and how far a talk echoed."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from rtanalytics.report.words import Needle, Said, keys_of, needle, says, telling
from rtanalytics.schedule import ReferenceTopic, Schedule, Talk
from rtanalytics.terms import fold

__all__ = ["AFTER", "Names", "Stage", "is_pause", "stage_of"]

AFTER = timedelta(hours=24)
"""How long after its end a message counts as an echo of a talk."""
_BEFORE = timedelta(minutes=15)
_TELLING = 3
"""Terms of a trend, from the most telling, that may name a talk."""
_MOST = 0.5
"""Share of a trend's messages that must name a talk for the trend to be about it."""
_TITLE = 0.75
"""Share of a title's telling words that name the talk."""
_RARE = 0.01
"""A single word of a title names the talk if no more than this share of all messages says it."""
_PAUSES = frozenset("break coffee lunch registration social dinner party other".split())


def is_pause(talk: Talk) -> bool:
    """True for what stands in a programme and is no talk."""
    return talk.kind.casefold() in _PAUSES


@dataclass(frozen=True, slots=True)
class Names:
    """By what a talk is recognised.

    Parameters
    ----------
    talk : Talk
        The talk.
    families : frozenset of str
        Keys of its speakers' family names, and the handles of authors of their name; any handle
        that contains a family name of five letters or more counts as well.
    needles : tuple of Needle
        Speakers' full names, and keywords that are known from elsewhere.
    title : frozenset of str
        Keys of the telling words of its title; three of four name it.
    rare : frozenset of str
        Those of which one is enough.
    """

    talk: Talk
    families: frozenset[str]
    needles: tuple[Needle, ...]
    title: frozenset[str]
    rare: frozenset[str]

    def speaker_in(self, keys: frozenset[str]) -> bool:
        """True if these words name one of its speakers."""
        if self.families & keys:
            return True
        long = [name for name in self.families if len(name) >= 5 and name[0] != "@"]
        return any(key[0] == "@" and name in key for key in keys if key for name in long)

    def named_in(self, keys: frozenset[str]) -> bool:
        """True if these words name the talk or its speakers."""
        return bool(self.speaker_in(keys) or self.rare & keys or self.title_in(keys))

    def title_in(self, keys: frozenset[str]) -> bool:
        """True if these words are those of its title, but for a few."""
        both = len(self.title & keys)
        return both > 1 and both >= _TITLE * len(self.title)

    def named_by(self, said: Said) -> bool:
        """True if the message is about the talk."""
        return self.named_in(said.keys) or says(said, self.needles)


class Stage:
    """The programme: talks, what they are recognised by, and who is on when.

    Parameters
    ----------
    schedule : Schedule
        All of it, with its breaks.
    said : sequence of Said
        All messages, in order; to learn which words are rare.
    truth : sequence of ReferenceTopic
        Keywords of those with the title or the speaker of a talk are taken for its names.
    """

    def __init__(
        self, schedule: Schedule, said: Sequence[Said], truth: Sequence[ReferenceTopic] = ()
    ) -> None:
        self.schedule = schedule
        self.said = said
        self.times = [one.event.posted_at for one in said]
        self.rooms = frozenset(key for talk in schedule for key in keys_of(talk.room or ""))
        self.talks = [talk for talk in schedule if not is_pause(talk)]
        titles = {talk.id: telling(talk.title) for talk in self.talks}
        wanted = frozenset(key for keys in titles.values() for key in keys)
        common = Counter(key for one in said for key in one.keys & wanted)
        in_titles = Counter(key for keys in titles.values() for key in keys)
        most = max(_RARE * len(said), 3)
        handles: dict[str, set[str]] = {}
        for author in {one.event.author for one in said if one.event.author and one.event.author.name}:
            handles.setdefault(fold(author.name or ""), set()).add(fold(author.handle))
        self._names: list[Names] = []
        for talk in self.talks:
            families = frozenset(
                key
                for name in talk.speakers
                if (words := name.split())
                for key in keys_of(words[-1])
                if len(key) > 2
            )
            families |= {f"@{handle}" for name in talk.speakers for handle in handles.get(fold(name), ())}
            rare = (k for k in titles[talk.id] if common[k] <= most and in_titles[k] == 1 and len(k) > 4)
            self._names.append(
                Names(talk, families, tuple(_needles(talk, truth)), titles[talk.id], frozenset(rare))
            )

    def between(self, start: datetime, end: datetime) -> list[Talk]:
        """What was on in ``[start, end)``, breaks included."""
        return self.schedule.between(start, end)

    def meant(self, terms: Sequence[str], start: datetime, end: datetime) -> Names | None:
        """The talk that a trend of ``[start, end)`` is about, out of those on or just over.

        That is the one that its most telling terms name, or else the one that half of the
        messages name that say the first of them.
        """
        near = [n for n in self._names if n.talk.start < end and start < n.talk.end + timedelta(hours=1)]
        if not near:
            return None
        keys = keys_of(*terms[:_TELLING])
        for test in (Names.speaker_in, Names.named_in):
            for names in reversed(near):
                if test(names, keys):
                    return names
        needles = [needle(terms[0])]
        of = [one for one in self.within(start, end) if says(one, needles)]
        named, _, names = max((sum(map(n.named_by, of)), i, n) for i, n in enumerate(near))
        return names if of and named >= _MOST * len(of) else None

    def within(self, start: datetime, end: datetime) -> Sequence[Said]:
        """The messages said in ``[start, end)``."""
        return self.said[bisect_left(self.times, start) : bisect_left(self.times, end)]

    def echo(self, names: Names) -> tuple[list[Said], list[Said]]:
        """The messages about a talk: while it was on (and just before), and in the day after."""
        talk = names.talk
        during = self.within(talk.start - _BEFORE, talk.end)
        after = self.within(talk.end, talk.end + AFTER)
        return [s for s in during if names.named_by(s)], [s for s in after if names.named_by(s)]

    def __iter__(self) -> Iterator[Names]:
        return iter(self._names)


def _needles(talk: Talk, truth: Sequence[ReferenceTopic]) -> Iterable[Needle]:
    for name in talk.speakers:
        if len(name.split()) > 1:
            yield needle(name)
    for topic in truth:
        same = topic.start < talk.end and talk.start < topic.end
        if same and (topic.extra.get("title") == talk.title or topic.extra.get("speaker") in talk.speakers):
            for word in topic.keywords:
                yield needle(word)


def stage_of(schedule: Schedule | None, truth: Sequence[ReferenceTopic]) -> Schedule:
    """The schedule; where there is none, the reference topics that have a speaker stand in for it."""
    if schedule:
        return schedule
    return Schedule(
        Talk(
            id=f"known-{number}",
            title=topic.label,
            start=topic.start,
            end=topic.end,
            speakers=[s for s in [topic.extra.get("speaker", "")] if s],
            room=topic.extra.get("room") or None,
            kind=(topic.extra.get("session") or topic.extra.get("kind") or "talk").casefold(),
        )
        for number, topic in enumerate(truth)
        if topic.extra.get("speaker")
    )
