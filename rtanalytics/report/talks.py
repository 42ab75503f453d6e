"""Matching of messages and topics with the talks they are about."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from rtanalytics.report.words import Message, Pattern, content_keys, keys_of, mentions, pattern_of
from rtanalytics.schedule import ReferenceTopic, Schedule, Talk
from rtanalytics.terms import fold
from rtanalytics.trend import Trend

__all__ = ["AFTER", "Stage", "TalkNames", "is_break", "schedule_of"]

AFTER = timedelta(hours=24)
"""How long after the end of a talk messages about it are counted."""
_BEFORE = timedelta(minutes=15)
_RECENT = timedelta(minutes=90)
"""Time after the end of a talk in which a trend may be about it."""
_LEADING_TERMS = 3
"""Number of leading terms of a trend that are compared with the names of talks."""
_MIN_SHARE = 0.5
"""A trend is about a talk if at least this share of its messages names the talk."""
_TITLE = 0.75
"""A text names a talk if it has at least this share of the content words of the title."""
_RARE = 0.01
"""A single word of a title identifies the talk if at most this share of all messages contains it."""
_BREAKS = frozenset("break coffee lunch registration social dinner party other".split())


def is_break(talk: Talk) -> bool:
    """Check whether an entry of the schedule is a break or a social event."""
    return talk.kind.casefold() in _BREAKS


@dataclass(frozen=True, slots=True)
class TalkNames:
    """Names and words that identify a talk.

    Parameters
    ----------
    talk : Talk
        The talk.
    families : frozenset of str
        Keys of the speakers' family names, and handles of authors who have the name of a speaker. A
        handle that contains a family name of five letters or more matches too.
    patterns : tuple of Pattern
        Full names of the speakers, and keywords of reference topics.
    title : frozenset of str
        Keys of the content words of its title; three quarters of them identify the talk.
    rare : frozenset of str
        Keys of the title that occur in few messages; a single one identifies the talk.
    """

    talk: Talk
    families: frozenset[str]
    patterns: tuple[Pattern, ...]
    title: frozenset[str]
    rare: frozenset[str]

    def speaker_in(self, keys: frozenset[str]) -> bool:
        """Check whether the keys contain the name of one of the speakers."""
        if self.families & keys:
            return True
        long = [name for name in self.families if len(name) >= 5 and name[0] != "@"]
        return any(key[0] == "@" and name in key for key in keys if key for name in long)

    def named_in(self, keys: frozenset[str]) -> bool:
        """Check whether the keys contain the name of the talk or of one of its speakers."""
        return bool(self.speaker_in(keys) or self.rare & keys or self.title_in(keys))

    def title_in(self, keys: frozenset[str]) -> bool:
        """Check whether the keys contain at least two and three quarters of the words of the title."""
        both = len(self.title & keys)
        return both > 1 and both >= _TITLE * len(self.title)

    def is_about(self, message: Message) -> bool:
        """Check whether a message is about the talk."""
        return self.named_in(message.keys) or mentions(message, self.patterns)


class Stage:
    """A schedule with the messages of its time, and the words that identify each talk.

    Parameters
    ----------
    schedule : Schedule
        All talks and breaks.
    messages : sequence of Message
        All messages, sorted by time; they determine which words are rare.
    truth : sequence of ReferenceTopic
        Reference topics. If one has the title or the speaker of a talk, its keywords identify the talk.
    """

    def __init__(
        self, schedule: Schedule, messages: Sequence[Message], truth: Sequence[ReferenceTopic] = ()
    ) -> None:
        self.schedule = schedule
        self.messages = messages
        self.times = [one.event.posted_at for one in messages]
        self.rooms = frozenset(key for talk in schedule for key in keys_of(talk.room or ""))
        self.talks = [talk for talk in schedule if not is_break(talk)]
        titles = {talk.id: content_keys(talk.title) for talk in self.talks}
        wanted = frozenset(key for keys in titles.values() for key in keys)
        common = Counter(key for one in messages for key in one.keys & wanted)
        in_titles = Counter(key for keys in titles.values() for key in keys)
        most = max(_RARE * len(messages), 3)
        handles: dict[str, set[str]] = {}
        for author in {one.event.author for one in messages if one.event.author and one.event.author.name}:
            handles.setdefault(fold(author.name or ""), set()).add(fold(author.handle))
        self._names: list[TalkNames] = []
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
                TalkNames(talk, families, tuple(_patterns_of(talk, truth)), titles[talk.id], frozenset(rare))
            )

    def between(self, start: datetime, end: datetime) -> list[Talk]:
        """Return the talks and breaks in ``[start, end)``."""
        return self.schedule.between(start, end)

    def talk_of(self, trend: Trend) -> TalkNames | None:
        """Return the talk that a trend is about, or None.

        Only talks of that time and of the hours around it are candidates. The result is the talk to which the
        trend is linked; else the talk that the leading terms name, or a talk that at least half of the
        messages with the first term name.
        """
        terms, start, end = trend.terms, trend.bin_start, trend.bin_end
        near = [n for n in self._names if n.talk.start < end + _BEFORE and start < n.talk.end + _RECENT]
        if not near:
            return None
        if trend.talk:
            return next((names for names in near if names.talk.title == trend.talk), None)
        keys = keys_of(*terms[:_LEADING_TERMS])
        for test in (TalkNames.speaker_in, TalkNames.named_in):
            for names in reversed(near):
                if test(names, keys):
                    return names
        patterns = [pattern_of(terms[0])]
        of = [one for one in self.between_times(start, end) if mentions(one, patterns)]
        named, _, names = max((sum(map(n.is_about, of)), i, n) for i, n in enumerate(near))
        return names if of and named >= _MIN_SHARE * len(of) else None

    def between_times(self, start: datetime, end: datetime) -> Sequence[Message]:
        """Return the messages posted in ``[start, end)``."""
        return self.messages[bisect_left(self.times, start) : bisect_left(self.times, end)]

    def messages_about(
        self, names: TalkNames, linked: Collection[str] = ()
    ) -> tuple[list[Message], list[Message]]:
        """Return the messages about a talk: from 15 minutes before it to its end, and in the day after.

        Parameters
        ----------
        names : TalkNames
            The talk.
        linked : collection of str
            Ids of the messages of topics that are linked to the talk; they are about it in any case.
        """
        talk = names.talk
        during = self.between_times(talk.start - _BEFORE, talk.end)
        after = self.between_times(talk.end, talk.end + AFTER)

        def about(messages: Sequence[Message]) -> list[Message]:
            return [one for one in messages if one.event.id in linked or names.is_about(one)]

        return about(during), about(after)

    def __iter__(self) -> Iterator[TalkNames]:
        return iter(self._names)


def _patterns_of(talk: Talk, truth: Sequence[ReferenceTopic]) -> Iterable[Pattern]:
    for name in talk.speakers:
        if len(name.split()) > 1:
            yield pattern_of(name)
    for topic in truth:
        same = topic.start < talk.end and talk.start < topic.end
        if same and (topic.extra.get("title") == talk.title or topic.extra.get("speaker") in talk.speakers):
            for word in topic.keywords:
                yield pattern_of(word)


def schedule_of(schedule: Schedule | None, truth: Sequence[ReferenceTopic]) -> Schedule:
    """Return the schedule, or one made of the reference topics that have a speaker if it is empty."""
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
