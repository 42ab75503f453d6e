"""Tables of a report: sources, people, days and reference topics."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime, timedelta, tzinfo

from rtanalytics.clock import round_down
from rtanalytics.event import Event
from rtanalytics.report.facts import Day, Person, Place, ReferenceMatch, Source, Topic
from rtanalytics.report.quotes import author_key, count_people, display_name, family
from rtanalytics.report.words import Message, clean, keys_of, safe_url
from rtanalytics.schedule import ReferenceTopic
from rtanalytics.terms import fold
from rtanalytics.topics import TrendBin

__all__ = ["days", "is_bot", "people_table", "reference_matches", "sources"]


def is_bot(event: Event) -> bool:
    """Check whether the platform marks the author of an event as automated."""
    return bool(event.author and event.author.bot)


def sources(messages: Sequence[Message], zone: tzinfo) -> Iterable[Source]:
    """Yield the sources with their counts, the one with most messages first."""
    by: dict[str, list[Event]] = defaultdict(list)
    for one in messages:
        by[one.event.source].append(one.event)
    for name, events in sorted(by.items(), key=lambda item: (-len(item[1]), item[0])):
        hours = Counter(round_down(e.posted_at.astimezone(zone), timedelta(hours=1)) for e in events)
        busiest, count = max(hours.items(), key=lambda item: (item[1], -item[0].timestamp()))
        yield Source(
            name=clean(name, 60) or "?",
            family=family(name),
            messages=len(events),
            people=count_people(events),
            share=len(events) / len(messages),
            first=events[0].posted_at.astimezone(zone),
            last=events[-1].posted_at.astimezone(zone),
            busiest=busiest,
            busiest_messages=count,
        )


def people_table(messages: Sequence[Message], most: int, reposts: Counter[str]) -> Iterable[Person]:
    """Yield the ``most`` people with most messages; ``reposts`` is the number of reposts per message id."""
    by: dict[tuple[str, str], list[Event]] = defaultdict(list)
    mentions: Counter[str] = Counter()
    for one in messages:
        key = author_key(one.event)
        if key is not None:
            by[key].append(one.event)
        own = f"@{fold(one.event.handle)}"
        mentions.update(word for word in one.keys if word[:1] == "@" and word != own)
    for _, events in sorted(by.items(), key=lambda item: (-len(item[1]), item[0]))[:most]:
        last = events[-1]
        name, handle = display_name(last)
        url = last.author.url if last.author else None
        yield Person(
            name=name,
            handle=handle,
            url=safe_url(url),
            source=", ".join(dict.fromkeys(family(e.source) for e in events)),
            messages=len(events),
            mentions=mentions[f"@{fold(last.handle)}"],
            reposts=sum(reposts.get(e.id, 0) for e in events),
            bot=is_bot(last),
        )


def days(
    messages: Sequence[Message],
    moments: Sequence[tuple[datetime, str]],
    topics: Sequence[Topic],
    programme: Collection[Place],
) -> Iterable[Day]:
    """Yield the days that have a topic or a talk, or the busiest day if there is no such day."""
    by: dict[date, list[int]] = defaultdict(list)
    for number, (at, _) in enumerate(moments):
        by[at.date()].append(number)
    places = [place for place in programme if not place.is_break]
    dates = {topic.start.date() for topic in topics} | {
        p.start.date() for p in places if p.start.date() in by
    }
    for day in sorted(dates) or [max(by, key=lambda day: len(by[day]))]:
        of = by.get(day, [])
        yield Day(
            date=day,
            messages=len(of),
            people=count_people(messages[n].event for n in of),
            topics=tuple(topic for topic in topics if topic.start.date() == day),
            places=tuple(p for p in programme if p.start.date() == day),
            times=tuple(moments[n] for n in of),
        )


def reference_matches(
    truth: Sequence[ReferenceTopic], bins: Sequence[TrendBin], zone: tzinfo
) -> Iterable[ReferenceMatch]:
    """Yield each reference topic with the first trend that has one of its keywords.

    The trend must be from the time of the topic or at most an hour later.
    """
    for topic in sorted(truth, key=lambda t: (t.start, t.end)):
        wanted = [keys for word in topic.keywords if (keys := keys_of(word))]
        found = next(
            (
                trend
                for bin in bins
                if bin.start < topic.end + timedelta(hours=1) and topic.start < bin.end
                for trend in bin.trends
                if any(_names(keys, keys_of(term)) for keys in wanted for term in trend.terms)
            ),
            None,
        )
        yield ReferenceMatch(
            label=clean(topic.label, 120),
            start=topic.start.astimezone(zone),
            end=topic.end.astimezone(zone),
            found=clean(found.label, 60) if found else "",
            at=found.bin_start.astimezone(zone) if found else None,
            rank=found.rank if found else 0,
        )


def _names(wanted: frozenset[str], keys: frozenset[str]) -> bool:
    """Check whether the keys of a term contain all words of a keyword.

    A handle that contains a keyword of one word matches too, if the word has at least five letters.
    """
    if wanted <= keys:
        return True
    word = next(iter(wanted))
    return len(wanted) == 1 and len(word) > 4 and any(key[0] == "@" and word in key for key in keys)
