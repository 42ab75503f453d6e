"""Counting and choosing: everything that a report says is decided here, nothing is drawn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from rtanalytics.event import Event
from rtanalytics.report.facts import Echo, Place, Recap, Topic
from rtanalytics.report.merge import Merged, merged, strongest
from rtanalytics.report.quotes import chosen, family, is_repost, people_of, person_key, quote
from rtanalytics.report.tables import days, floor, is_bot, known, persons, sources
from rtanalytics.report.talks import Names, Stage, stage_of
from rtanalytics.report.words import Said, address, clean, keyed, keys_of, needle, says, telling
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
    """Count and choose what a report says.

    Parameters
    ----------
    events : iterable of Event
        All of the recording; each id once. Deletes are passed over. They are held in memory.
    bins : iterable of TrendBin
        The trends of these events.
    title : str
        What the conference is called.
    schedule : Schedule, optional
        Its talks. Without any, reference topics that have a speaker stand in for them.
    timezone : str
        IANA name of the venue's zone, which all times are shown in.
    truth : sequence of ReferenceTopic, optional
        Topics that are known, to say which of them the trends found.
    settings : Settings, optional
        How the trends were told, so that the report can say it.
    topics, people, quotes : int
        How many topics and people the report tells of, and quotes a topic has, at most.

    Returns
    -------
    Recap
        The same for the same input.

    Raises
    ------
    ValueError
        If there are no events, or the time zone is unknown.
    """
    zone = _zone(timezone)
    kept = sorted((e for e in events if e.op != "delete"), key=lambda e: (e.posted_at, e.id))
    if not kept:
        raise ValueError(f"{clean(title, 80)}: there are no events to report on")
    said = keyed(kept)
    truth = truth or ()
    programme = stage_of(schedule, truth)
    stage = Stage(programme, said, truth)
    told = list(bins)
    book = _Book(said, zone, stage, quotes)
    every = merged(told, stage)
    entries = tuple(
        book.topic(number, topic) for number, topic in enumerate(strongest(every, stage, topics), 1)
    )
    echoes = tuple(book.echo(names, entries) for names in stage)
    humans = {key for one in said if (key := person_key(one.event)) and not is_bot(one.event)}
    machines = {key for one in said if (key := person_key(one.event)) and is_bot(one.event)}
    moments = tuple((e.posted_at.astimezone(zone), family(e.source)) for e in kept)
    return Recap(
        title=clean(title, 120) or "A conference",
        zone_name=timezone,
        zone=zone,
        first=moments[0][0],
        last=moments[-1][0],
        messages=len(said),
        people=len(humans),
        bots=len(machines),
        reposts=sum(is_repost(one.event) for one in said),
        talks=len(stage.talks),
        families=tuple(Counter(name for _, name in moments).most_common()),
        sources=tuple(sources(said, zone)),
        persons=tuple(persons(said, people, book.reposts)),
        topics=entries,
        told=len(every),
        days=tuple(days(said, moments, entries, book.places.values())),
        echoes=echoes,
        known=tuple(known(truth, told, zone)),
        loudest=book.loudest(),
        moments=moments,
        settings=settings,
        bins=len(told),
        late=sum(bin.late for bin in told),
        own_programme=bool(schedule),
    )


_SENTENCE = 40
"""Characters from which on the same text is no coincidence."""


class _Book:
    """What the entries are written from."""

    def __init__(self, said: Sequence[Said], zone: tzinfo, stage: Stage, quotes: int) -> None:
        self.zone, self.stage, self.quotes = zone, stage, quotes
        self.reposts = Counter(e.repost_of for e in (one.event for one in said) if e.repost_of)
        self.used: set[str] = set()
        self.first: dict[str, Said] = {}
        for one in said:
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
            url=address(talk.url),
        )

    def originals(self, said: Sequence[Said]) -> list[Said]:
        """Who said a thing first is quoted for it, and not who said the same later."""
        return list({(o := self.first.get(s.event.body, s)).event.id: o for s in said}.values())

    def on(self, start: datetime, end: datetime) -> list[Place]:
        """What was on in the middle of this time, or else in any part of it; breaks if nothing else was."""
        middle = start + (end - start) / 2
        places = [self.places[talk.id] for talk in self.stage.between(start, end)]
        places = [p for p in places if not p.pause] or places
        return [p for p in places if p.start <= middle < p.end] or places

    def topic(self, number: int, topic: Merged) -> Topic:
        of = self._messages(topic.trends)
        peak = topic.peak
        shown = [*(trend.label for trend in topic.trends), *peak.terms[:3]]
        hits = frozenset(key for term in shown for key in telling(term) or keys_of(term))
        examples = frozenset(id for trend in topic.trends for id in trend.examples)
        best = chosen(
            self.originals(of),
            hits,
            self.quotes,
            reposts=self.reposts,
            examples=examples,
            used=self.used,
            dull=topic.talk.title_in if topic.talk else lambda _: False,
        )
        self.used.update(one.event.id for one in best)
        about = self.places[topic.talk.talk.id] if topic.talk else None
        terms = [clean(term, 60) for term in topic.shown()]
        label = clean(peak.label, 80)
        step = max((peak.bin_end - peak.bin_start) / 3, timedelta(minutes=5))
        return Topic(
            number=number,
            label=label,
            terms=tuple(term for term in terms if fold(term) != fold(label)),
            start=topic.start.astimezone(self.zone),
            end=topic.end.astimezone(self.zone),
            peak=peak.bin_start.astimezone(self.zone),
            peak_end=peak.bin_end.astimezone(self.zone),
            observed=peak.observed,
            counted=peak.counted,
            expected=peak.expected,
            score=peak.score,
            messages=len(of),
            people=people_of(one.event for one in of),
            families=tuple(Counter(family(one.event.source) for one in of).most_common()),
            about=about,
            during=() if about else tuple(self.on(peak.bin_start, peak.bin_end)),
            quotes=tuple(quote(one.event, self.zone, hits) for one in best),
            course=tuple(self._course(topic, step)),
            step=step,
        )

    def _messages(self, members: Sequence[Trend]) -> list[Said]:
        found: dict[str, Said] = {}
        for trend in members:
            needles = [needle(term) for term in trend.terms]
            for one in self.stage.within(trend.bin_start, trend.bin_end):
                if one.event.id not in found and says(one, needles):
                    found[one.event.id] = one
        return sorted(found.values(), key=lambda one: (one.event.posted_at, one.event.id))

    def _course(self, topic: Merged, step: timedelta) -> Iterable[tuple[datetime, int]]:
        needles = [needle(term) for trend in topic.trends for term in trend.terms[:3]]
        start = topic.start - timedelta(hours=1)
        end = topic.end + timedelta(hours=2)
        steps = -(-(end - start) // step)
        counts = [0] * steps
        for one in self.stage.within(start, start + steps * step):
            if says(one, needles):
                counts[(one.event.posted_at - start) // step] += 1
        return (((start + n * step).astimezone(self.zone), count) for n, count in enumerate(counts))

    def echo(self, names: Names, topics: Sequence[Topic]) -> Echo:
        during, after = self.stage.echo(names)
        both = during + after
        place = self.places[names.talk.id]
        hits = names.families
        settled = {
            one.event.id for one in both if one.event.posted_at > names.talk.start + timedelta(minutes=10)
        }
        best = chosen(
            self.originals(both),
            hits,
            1,
            reposts=self.reposts,
            examples=settled,
            used=self.used,
            dull=names.title_in,
        )
        self.used.update(one.event.id for one in best)
        return Echo(
            place=place,
            during=len(during),
            after=len(after),
            people=people_of(one.event for one in both),
            quote=quote(best[0].event, self.zone, hits) if best else None,
            topics=tuple(topic.number for topic in topics if topic.about == place),
        )

    def loudest(self) -> tuple[datetime, datetime, int, tuple[Place, ...]]:
        half = timedelta(minutes=30)
        counts = Counter(floor(at, half) for at in self.stage.times)
        start, messages = max(counts.items(), key=lambda item: (item[1], -item[0].timestamp()))
        end = start + half
        return start.astimezone(self.zone), end.astimezone(self.zone), messages, tuple(self.on(start, end))


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"timezone {name!r} is unknown; give an IANA name such as Europe/Berlin") from None
