"""What a report says, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

from rtanalytics.report.quotes import Quote
from rtanalytics.topics import Settings

__all__ = ["Day", "Echo", "Known", "Person", "Place", "Recap", "Source", "Topic"]


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
    counted : (str, str)
        What is counted there, one and many.
    messages, people : int
        That say any of its terms in the bins in which it trended. People are those that are known.
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
    counted: tuple[str, str]
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
    """A reference topic, and the first trend that names it, if one does."""

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
