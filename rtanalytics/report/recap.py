"""Collection of a report's content: counts, topics, talks and quotes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, tzinfo

from rtanalytics.clock import round_down, zone_of
from rtanalytics.event import Event
from rtanalytics.report.facts import Place, Recap, TalkMessages, Topic
from rtanalytics.report.merge import MergedTopic, merge, strongest
from rtanalytics.report.quotes import author_key, choose_quotes, count_people, family, is_repost, quote
from rtanalytics.report.tables import days, is_bot, people_table, reference_matches, sources
from rtanalytics.report.talks import Stage, TalkNames, schedule_of
from rtanalytics.report.words import (
    Message,
    clean,
    content_keys,
    keys_of,
    mentions,
    pattern_of,
    safe_url,
    with_keys,
)
from rtanalytics.schedule import ReferenceTopic, Schedule, Talk
from rtanalytics.terms import fold
from rtanalytics.topics import Settings, Trend, TrendBin

__all__ = ["gather"]


def gather(
    events: Iterable[Event],
    bins: Iterable[TrendBin],
    *,
    title: str,
    schedule: Schedule | None = None,
    timezone: str = "UTC",
    truth: Sequence[ReferenceTopic] | None = None,
    settings: Settings | None = None,
    topics: int = 25,
    people: int = 15,
    quotes: int = 3,
) -> Recap:
    """Collect the content of a report from events and trends.

    Parameters
    ----------
    events : iterable of Event
        All events of the recording, each id once; deletes are ignored. All are held in memory.
    bins : iterable of TrendBin
        The trends of these events.
    title : str
        Name of the conference.
    schedule : Schedule, optional
        The talks. Without a schedule, reference topics that have a speaker are used as talks.
    timezone : str
        IANA name of the venue's time zone, in which all times are shown.
    truth : sequence of ReferenceTopic, optional
        Ground truth; the report lists which of these topics were detected.
    settings : Settings, optional
        Settings with which the trends were detected; the report lists them.
    topics, people, quotes : int
        Maximum number of topics and of people in the report, and of quotes per topic.

    Returns
    -------
    Recap
        Content of the report; equal for equal input.

    Raises
    ------
    ValueError
        If there are no events, or the time zone is unknown.
    """
    zone = zone_of(timezone)
    kept = sorted((e for e in events if e.op != "delete"), key=lambda e: (e.posted_at, e.id))
    if not kept:
        raise ValueError(f"{clean(title, 80)}: there are no events to report on")
    messages = with_keys(kept)
    truth = truth or ()
    programme = schedule_of(schedule, truth)
    stage = Stage(programme, messages, truth)
    trend_bins = list(bins)
    builder = _Builder(messages, zone, stage, quotes)
    merged = merge(trend_bins, stage)
    entries = tuple(
        builder.topic(number, topic) for number, topic in enumerate(strongest(merged, stage, topics), 1)
    )
    talk_messages = tuple(builder.talk(names, entries, merged) for names in stage)
    humans = {key for one in messages if (key := author_key(one.event)) and not is_bot(one.event)}
    machines = {key for one in messages if (key := author_key(one.event)) and is_bot(one.event)}
    moments = tuple((e.posted_at.astimezone(zone), family(e.source)) for e in kept)
    return Recap(
        title=clean(title, 120) or "A conference",
        zone_name=timezone,
        zone=zone,
        first=moments[0][0],
        last=moments[-1][0],
        messages=len(messages),
        people=len(humans),
        bots=len(machines),
        reposts=sum(is_repost(one.event) for one in messages),
        talks=len(stage.talks),
        families=tuple(Counter(name for _, name in moments).most_common()),
        sources=tuple(sources(messages, zone)),
        persons=tuple(people_table(messages, people, builder.reposts)),
        topics=entries,
        detected=len(merged),
        days=tuple(days(messages, moments, entries, builder.places.values())),
        talk_messages=talk_messages,
        reference=tuple(reference_matches(truth, trend_bins, zone)),
        loudest=builder.loudest(),
        moments=moments,
        settings=settings,
        bins=len(trend_bins),
        late=sum(bin.late for bin in trend_bins),
        has_schedule=bool(schedule),
    )


_SENTENCE = 40
"""Minimum number of characters for two equal texts to count as a copy and not a coincidence."""


class _Builder:
    """Builds the report's entries for topics and talks."""

    def __init__(self, messages: Sequence[Message], zone: tzinfo, stage: Stage, quotes: int) -> None:
        self.zone, self.stage, self.quotes = zone, stage, quotes
        self.reposts = Counter(e.repost_of for e in (one.event for one in messages) if e.repost_of)
        self.used: set[str] = set()
        self.first: dict[str, Message] = {}
        for one in messages:
            if len(one.event.body) >= _SENTENCE and not is_repost(one.event):
                self.first.setdefault(one.event.body, one)
        numbers = {talk.id: number for number, talk in enumerate(stage.talks, 1)}
        self.places = {talk.id: self._place(talk, numbers.get(talk.id, 0)) for talk in stage.schedule}

    def _place(self, talk: Talk, number: int) -> Place:
        speakers = ", ".join(clean(name, 80) for name in talk.speakers)
        title = clean(talk.title, 200) or speakers or "untitled"
        return Place(
            number=number,
            title=title,
            speakers=speakers if speakers != title else "",
            room=clean(talk.room, 60),
            kind=clean(talk.kind, 30),
            start=talk.start.astimezone(self.zone),
            end=talk.end.astimezone(self.zone),
            url=safe_url(talk.url),
        )

    def originals(self, messages: Sequence[Message]) -> list[Message]:
        """Replace each message whose text was posted before by the first message with that text."""
        return list({(o := self.first.get(s.event.body, s)).event.id: o for s in messages}.values())

    def on(self, start: datetime, end: datetime) -> list[Place]:
        """Return the talks at the middle of a period, or else all talks in it; without talks, the breaks."""
        middle = start + (end - start) / 2
        places = [self.places[talk.id] for talk in self.stage.between(start, end)]
        places = [p for p in places if not p.is_break] or places
        return [p for p in places if p.start <= middle < p.end] or places

    def topic(self, number: int, topic: MergedTopic) -> Topic:
        of = self._messages(topic.trends)
        peak = topic.peak
        label_terms = [*(trend.terms[0] for trend in topic.trends), *peak.terms[:3]]
        hits = frozenset(key for term in label_terms for key in content_keys(term) or keys_of(term))
        examples = frozenset(id for trend in topic.trends for id in trend.examples)
        best = choose_quotes(
            self.originals(of),
            hits,
            self.quotes,
            reposts=self.reposts,
            examples=examples,
            used=self.used,
            repetitive=topic.talk.title_in if topic.talk else lambda _: False,
        )
        self.used.update(one.event.id for one in best)
        about = self.places[topic.talk.talk.id] if topic.talk else None
        terms = [clean(term, 60) for term in topic.top_terms()]
        label = clean(peak.label, 120)
        step = max((peak.bin_end - peak.bin_start) / 3, timedelta(minutes=5))
        return Topic(
            number=number,
            label=label,
            terms=tuple(term for term in terms if fold(term) not in fold(label)),
            start=topic.start.astimezone(self.zone),
            end=topic.end.astimezone(self.zone),
            peak=peak.bin_start.astimezone(self.zone),
            peak_end=peak.bin_end.astimezone(self.zone),
            observed=peak.observed,
            counted=peak.counted,
            expected=peak.expected,
            score=peak.score,
            messages=len(of),
            people=count_people(one.event for one in of),
            families=tuple(Counter(family(one.event.source) for one in of).most_common()),
            about=about,
            during=() if about else tuple(self.on(peak.bin_start, peak.bin_end)),
            quotes=tuple(quote(one.event, self.zone, hits) for one in best),
            course=tuple(self._course(topic, step)),
            step=step,
        )

    def _messages(self, members: Sequence[Trend]) -> list[Message]:
        matches: dict[str, Message] = {}
        for trend in members:
            patterns = [pattern_of(term) for term in trend.terms]
            for one in self.stage.between_times(trend.bin_start, trend.bin_end):
                if one.event.id not in matches and mentions(one, patterns):
                    matches[one.event.id] = one
        return sorted(matches.values(), key=lambda one: (one.event.posted_at, one.event.id))

    def _course(self, topic: MergedTopic, step: timedelta) -> Iterable[tuple[datetime, int]]:
        patterns = [pattern_of(term) for trend in topic.trends for term in trend.terms[:3]]
        start = topic.start - timedelta(hours=1)
        end = topic.end + timedelta(hours=2)
        steps = -(-(end - start) // step)
        counts = [0] * steps
        for one in self.stage.between_times(start, start + steps * step):
            if mentions(one, patterns):
                counts[(one.event.posted_at - start) // step] += 1
        return (((start + n * step).astimezone(self.zone), count) for n, count in enumerate(counts))

    def talk(self, names: TalkNames, topics: Sequence[Topic], merged: Sequence[MergedTopic]) -> TalkMessages:
        linked = {
            one.event.id
            for topic in merged
            if topic.talk is not None and topic.talk.talk.id == names.talk.id
            for one in self._messages(topic.trends)
        }
        during, after = self.stage.messages_about(names, linked)
        both = during + after
        place = self.places[names.talk.id]
        hits = names.families
        settled = {
            one.event.id for one in both if one.event.posted_at > names.talk.start + timedelta(minutes=10)
        }
        best = choose_quotes(
            self.originals(both),
            hits,
            1,
            reposts=self.reposts,
            examples=settled,
            used=self.used,
            repetitive=names.title_in,
        )
        self.used.update(one.event.id for one in best)
        return TalkMessages(
            place=place,
            during=len(during),
            after=len(after),
            people=count_people(one.event for one in both),
            quote=quote(best[0].event, self.zone, hits) if best else None,
            topics=tuple(topic.number for topic in topics if topic.about == place),
        )

    def loudest(self) -> tuple[datetime, datetime, int, tuple[Place, ...]]:
        half = timedelta(minutes=30)
        counts = Counter(round_down(at, half) for at in self.stage.times)
        start, messages = max(counts.items(), key=lambda item: (item[1], -item[0].timestamp()))
        end = start + half
        return start.astimezone(self.zone), end.astimezone(self.zone), messages, tuple(self.on(start, end))
