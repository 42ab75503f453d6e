"""What a report says, as plain values: everything is counted and chosen here, nothing is drawn."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from rtanalytics.event import Event, is_web_url
from rtanalytics.report.merge import Merged, merged, strongest
from rtanalytics.report.quotes import Quote, chosen, family, is_repost, person_key, quote, shown_name
from rtanalytics.report.talks import Names, Stage, stage_of
from rtanalytics.report.words import Said, clean, keyed, keys_of, needle, says
from rtanalytics.schedule import KnownTopic, Schedule, Talk
from rtanalytics.terms import fold
from rtanalytics.topics import Settings, Trend, TrendBin

__all__ = ["Day", "Echo", "Known", "Person", "Place", "Recap", "Source", "Topic", "gather"]


@dataclass(frozen=True, slots=True)
class Place:
    """A talk as it is printed; ``number`` is its place in the programme, 0 for a break."""

    number: int
    title: str
    speakers: str
    room: str
    kind: str
    start: datetime
    end: datetime
    url: str

    @property
    def pause(self) -> bool:
        """True for a break, which is no talk."""
        return self.number == 0


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic with its evidence.

    Parameters
    ----------
    number : int
        Its place in the report, from 1.
    label, terms : str, tuple of str
        What to call it, and its other terms.
    start, end : datetime
        From its first to its last bin, in the venue's zone.
    peak, peak_end : datetime
        Its strongest bin.
    observed, expected : int, float
        Count of its most telling term in that bin, and what the algorithm expected.
    messages, people : int
        That say any of its terms in the bins in which it trended.
    families : tuple of (str, int)
        Messages by kind of source, most first.
    about : Place, optional
        The talk that it names.
    during : tuple of Place
        What else was on at its peak.
    quotes : tuple of Quote
        By different people.
    course : tuple of (datetime, int)
        Start and messages of short bins from an hour before to two hours after.
    step : timedelta
        Their width.
    """

    number: int
    label: str
    terms: tuple[str, ...]
    start: datetime
    end: datetime
    peak: datetime
    peak_end: datetime
    observed: int
    expected: float
    score: float
    messages: int
    people: int
    families: tuple[tuple[str, int], ...]
    about: Place | None
    during: tuple[Place, ...]
    quotes: tuple[Quote, ...]
    course: tuple[tuple[datetime, int], ...]
    step: timedelta

    @property
    def times(self) -> int | None:
        """How many times more than expected, if the expectation is more than next to nothing."""
        return round(self.observed / self.expected) if self.expected >= 0.5 else None


@dataclass(frozen=True, slots=True)
class Echo:
    """A talk and what was said of it: messages while it was on, in the day after, and by how many."""

    place: Place
    during: int
    after: int
    people: int
    quote: Quote | None
    topics: tuple[int, ...]

    @property
    def total(self) -> int:
        """Messages about it."""
        return self.during + self.after


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who wrote: messages, how often others addressed or passed them on, and where."""

    name: str
    handle: str
    url: str
    source: str
    messages: int
    named: int
    reposted: int
    bot: bool


@dataclass(frozen=True, slots=True)
class Source:
    """A source: what it gave, and when it gave most (an hour in the venue's zone)."""

    name: str
    family: str
    messages: int
    people: int
    share: float
    first: datetime
    last: datetime
    busiest: datetime
    busiest_messages: int


@dataclass(frozen=True, slots=True)
class Known:
    """A known topic, and the first trend that names it, if one does."""

    label: str
    start: datetime
    end: datetime
    found: str
    at: datetime | None
    rank: int


@dataclass(frozen=True, slots=True)
class Day:
    """A day that is told: its topics, its programme, and the messages of it by time and kind."""

    date: date
    messages: int
    people: int
    topics: tuple[Topic, ...]
    places: tuple[Place, ...]
    times: tuple[tuple[datetime, str], ...]


@dataclass(frozen=True, slots=True)
class Recap:
    """All that a report says.

    Parameters
    ----------
    title, zone_name : str
        The conference, and the zone that all times are in.
    first, last : datetime
        Of the messages.
    messages, people, bots : int
        Authors that the platform marks as bots are not people.
    families : tuple of (str, int)
        Kinds of source by messages, most first.
    loudest : (datetime, datetime, int, tuple of Place)
        The busiest half hour, its messages, and what was on.
    moments : tuple of (datetime, str)
        Time and kind of source of every message, in order.
    settings : Settings, optional
        How the trends were told.
    late : int
        Messages that came after their bin had been told.
    """

    title: str
    zone_name: str
    zone: tzinfo
    first: datetime
    last: datetime
    messages: int
    people: int
    bots: int
    reposts: int
    talks: int
    families: tuple[tuple[str, int], ...]
    sources: tuple[Source, ...]
    persons: tuple[Person, ...]
    topics: tuple[Topic, ...]
    told: int
    days: tuple[Day, ...]
    echoes: tuple[Echo, ...]
    known: tuple[Known, ...]
    loudest: tuple[datetime, datetime, int, tuple[Place, ...]]
    moments: tuple[tuple[datetime, str], ...]
    settings: Settings | None
    bins: int
    late: int
    own_programme: bool

    @property
    def hours(self) -> int:
        """Hours from the first message to the last, begun ones counted."""
        return -int(-(self.last - self.first).total_seconds() // 3600) or 1

    @property
    def best(self) -> tuple[Topic, ...]:
        """The topics, the strongest first."""
        return tuple(sorted(self.topics, key=lambda topic: -topic.score))


def gather(
    events: Iterable[Event],
    bins: Iterable[TrendBin],
    *,
    title: str,
    schedule: Schedule | None = None,
    timezone: str = "UTC",
    truth: Sequence[KnownTopic] | None = None,
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
        Its talks. Without any, known topics that have a speaker stand in for them.
    timezone : str
        IANA name of the venue's zone, which all times are shown in.
    truth : sequence of KnownTopic, optional
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
    kept = sorted((e for e in events if e.op != "delete"), key=lambda e: (e.said_at, e.id))
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
    humans = {key for one in said if (key := person_key(one.event)) and not _bot(one.event)}
    machines = {key for one in said if (key := person_key(one.event)) and _bot(one.event)}
    moments = tuple((e.said_at.astimezone(zone), family(e.source)) for e in kept)
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
        sources=tuple(_sources(said, zone)),
        persons=tuple(_persons(said, people, book.reposts)),
        topics=entries,
        told=len(every),
        days=tuple(_days(said, moments, entries, book)),
        echoes=echoes,
        known=tuple(_known(truth, told, zone)),
        loudest=book.loudest(),
        moments=moments,
        settings=settings,
        bins=len(told),
        late=sum(bin.late for bin in told),
        own_programme=bool(schedule),
    )


class _Book:
    """What the entries are written from."""

    def __init__(self, said: Sequence[Said], zone: tzinfo, stage: Stage, quotes: int) -> None:
        self.zone, self.stage, self.quotes = zone, stage, quotes
        self.reposts = Counter(e.repost_of for e in (one.event for one in said) if e.repost_of)
        self.used: set[str] = set()
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
            url=talk.url if talk.url and is_web_url(talk.url) else "",
        )

    def on(self, start: datetime, end: datetime) -> list[Place]:
        """What was on in the middle of this time, or else in any part of it; breaks if nothing else was."""
        middle = start + (end - start) / 2
        places = [self.places[talk.id] for talk in self.stage.between(start, end)]
        places = [p for p in places if not p.pause] or places
        return [p for p in places if p.start <= middle < p.end] or places

    def topic(self, number: int, topic: Merged) -> Topic:
        of = self._messages(topic.trends)
        peak = topic.peak
        hits = keys_of(*(trend.label for trend in topic.trends)) | keys_of(*peak.terms[:3])
        examples = frozenset(id for trend in topic.trends for id in trend.examples)
        best = chosen(of, hits, self.quotes, reposts=self.reposts, examples=examples, used=self.used)
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
            expected=peak.expected,
            score=peak.score,
            messages=len(of),
            people=len({person_key(one.event) for one in of}),
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
        return sorted(found.values(), key=lambda one: (one.event.said_at, one.event.id))

    def _course(self, topic: Merged, step: timedelta) -> Iterable[tuple[datetime, int]]:
        needles = [needle(term) for trend in topic.trends for term in trend.terms[:3]]
        start = topic.start - timedelta(hours=1)
        end = topic.end + timedelta(hours=2)
        steps = -(-(end - start) // step)
        counts = [0] * steps
        for one in self.stage.within(start, start + steps * step):
            if says(one, needles):
                counts[(one.event.said_at - start) // step] += 1
        return (((start + n * step).astimezone(self.zone), count) for n, count in enumerate(counts))

    def echo(self, names: Names, topics: Sequence[Topic]) -> Echo:
        during, after = self.stage.echo(names)
        both = during + after
        place = self.places[names.talk.id]
        hits = names.families | names.title
        settled = {
            one.event.id for one in both if one.event.said_at > names.talk.start + timedelta(minutes=10)
        }
        best = chosen(both, hits, 1, reposts=self.reposts, examples=settled, used=self.used)
        self.used.update(one.event.id for one in best)
        return Echo(
            place=place,
            during=len(during),
            after=len(after),
            people=len({person_key(one.event) for one in both}),
            quote=quote(best[0].event, self.zone, hits) if best else None,
            topics=tuple(topic.number for topic in topics if topic.about == place),
        )

    def loudest(self) -> tuple[datetime, datetime, int, tuple[Place, ...]]:
        half = timedelta(minutes=30)
        counts = Counter(_floor(at, half) for at in self.stage.times)
        start, messages = max(counts.items(), key=lambda item: (item[1], -item[0].timestamp()))
        end = start + half
        return start.astimezone(self.zone), end.astimezone(self.zone), messages, tuple(self.on(start, end))


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"timezone {name!r} is unknown; give an IANA name such as Europe/Berlin") from None


def _bot(event: Event) -> bool:
    return bool(event.author and event.author.bot)


def _floor(at: datetime, step: timedelta) -> datetime:
    return at - (at - datetime.min.replace(tzinfo=at.tzinfo)) % step


def _sources(said: Sequence[Said], zone: tzinfo) -> Iterable[Source]:
    by: dict[str, list[Event]] = defaultdict(list)
    for one in said:
        by[one.event.source].append(one.event)
    for name, events in sorted(by.items(), key=lambda item: (-len(item[1]), item[0])):
        hours = Counter(_floor(e.said_at.astimezone(zone), timedelta(hours=1)) for e in events)
        busiest, count = max(hours.items(), key=lambda item: (item[1], -item[0].timestamp()))
        yield Source(
            name=clean(name, 60) or "?",
            family=family(name),
            messages=len(events),
            people=len({person_key(e) for e in events} - {None}),
            share=len(events) / len(said),
            first=events[0].said_at.astimezone(zone),
            last=events[-1].said_at.astimezone(zone),
            busiest=busiest,
            busiest_messages=count,
        )


def _persons(said: Sequence[Said], most: int, reposts: Counter[str]) -> Iterable[Person]:
    by: dict[tuple[str, str], list[Event]] = defaultdict(list)
    named: Counter[str] = Counter()
    for one in said:
        key = person_key(one.event)
        if key is not None:
            by[key].append(one.event)
        own = f"@{fold(one.event.handle)}"
        named.update(word for word in one.keys if word[:1] == "@" and word != own)
    for _, events in sorted(by.items(), key=lambda item: (-len(item[1]), item[0]))[:most]:
        last = events[-1]
        name, handle = shown_name(last)
        url = last.author.url if last.author else None
        yield Person(
            name=name,
            handle=handle,
            url=url if url and is_web_url(url) else "",
            source=", ".join(dict.fromkeys(family(e.source) for e in events)),
            messages=len(events),
            named=named[f"@{fold(last.handle)}"],
            reposted=sum(reposts.get(e.id, 0) for e in events),
            bot=_bot(last),
        )


def _days(
    said: Sequence[Said], moments: Sequence[tuple[datetime, str]], topics: Sequence[Topic], book: _Book
) -> Iterable[Day]:
    """The days that have a topic or a talk; the busiest one if there is no such day."""
    by: dict[date, list[int]] = defaultdict(list)
    for number, (at, _) in enumerate(moments):
        by[at.date()].append(number)
    places = [place for place in book.places.values() if not place.pause]
    told = {topic.start.date() for topic in topics} | {p.start.date() for p in places if p.start.date() in by}
    for day in sorted(told) or [max(by, key=lambda day: len(by[day]))]:
        of = by.get(day, [])
        yield Day(
            date=day,
            messages=len(of),
            people=len({person_key(said[n].event) for n in of} - {None}),
            topics=tuple(topic for topic in topics if topic.start.date() == day),
            places=tuple(p for p in book.places.values() if p.start.date() == day),
            times=tuple(moments[n] for n in of),
        )


def _known(truth: Sequence[KnownTopic], bins: Sequence[TrendBin], zone: tzinfo) -> Iterable[Known]:
    """A known topic is found if a trend from its time, or up to an hour later, has a keyword of it."""
    for topic in sorted(truth, key=lambda t: (t.start, t.end)):
        wanted = [keys for word in topic.keywords if (keys := keys_of(word))]
        found = next(
            (
                trend
                for bin in bins
                if bin.start < topic.end + timedelta(hours=1) and topic.start < bin.end
                for trend in bin.trends
                if any(keys <= keys_of(term) for keys in wanted for term in trend.terms)
            ),
            None,
        )
        yield Known(
            label=clean(topic.label, 120),
            start=topic.start.astimezone(zone),
            end=topic.end.astimezone(zone),
            found=clean(found.label, 60) if found else "",
            at=found.bin_start.astimezone(zone) if found else None,
            rank=found.rank if found else 0,
        )
