"""The content of a report, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

from rtanalytics.report.quotes import Quote
from rtanalytics.topics import Settings

__all__ = ["Day", "Person", "Place", "Recap", "ReferenceMatch", "Source", "TalkMessages", "Topic"]


@dataclass(frozen=True, slots=True)
class Place:
    """A talk prepared for printing; ``number`` is its place in the schedule, 0 for a break."""

    number: int
    title: str
    speakers: str
    room: str
    kind: str
    start: datetime
    end: datetime
    url: str

    @property
    def is_break(self) -> bool:
        """True for a break."""
        return self.number == 0


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic with its evidence.

    Parameters
    ----------
    number : int
        Position in the report, from 1.
    label, terms : str, tuple of str
        Its name, and its other terms.
    start, end : datetime
        From its first to its last bin, in the venue's time zone.
    peak, peak_end : datetime
        Its strongest bin.
    observed, expected : int, float
        Count of its leading term in that bin, and the count that the algorithm expected.
    counted : (str, str)
        Noun for what is counted, singular and plural.
    messages, people : int
        Messages with any of its terms in the bins in which it trended, and their known authors.
    families : tuple of (str, int)
        Messages per kind of source, largest first.
    about : Place, optional
        The talk that it is about.
    during : tuple of Place
        Talks and breaks at its peak, if it is not about a talk.
    quotes : tuple of Quote
        Messages by different people.
    course : tuple of (datetime, int)
        Start and number of messages of short bins, from an hour before to two hours after.
    step : timedelta
        Width of these bins.
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
        """Ratio of observed to expected, or None if less than 0.5 was expected."""
        return round(self.observed / self.expected) if self.expected >= 0.5 else None


@dataclass(frozen=True, slots=True)
class TalkMessages:
    """Numbers of messages about a talk, during it and in the day after, and of people."""

    place: Place
    during: int
    after: int
    people: int
    quote: Quote | None
    topics: tuple[int, ...]

    @property
    def total(self) -> int:
        """Number of messages about the talk."""
        return self.during + self.after


@dataclass(frozen=True, slots=True)
class Person:
    """A person, with the number of their messages, mentions by others, and reposts."""

    name: str
    handle: str
    url: str
    source: str
    messages: int
    mentions: int
    reposts: int
    bot: bool


@dataclass(frozen=True, slots=True)
class Source:
    """A source, with its messages and its busiest hour (in the venue's time zone)."""

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
class ReferenceMatch:
    """A reference topic, and the first trend that contains a keyword of it, if any."""

    label: str
    start: datetime
    end: datetime
    found: str
    at: datetime | None
    rank: int


@dataclass(frozen=True, slots=True)
class Day:
    """Day of the report: its topics, its talks, and the time and kind of source of each message."""

    date: date
    messages: int
    people: int
    topics: tuple[Topic, ...]
    places: tuple[Place, ...]
    times: tuple[tuple[datetime, str], ...]


@dataclass(frozen=True, slots=True)
class Recap:
    """Content of a report.

    Parameters
    ----------
    title, zone_name : str
        Name of the conference, and time zone of all times.
    first, last : datetime
        Times of the first and the last message.
    messages, people, bots : int
        Totals; authors that the platform marks as bots do not count as people.
    families : tuple of (str, int)
        Messages per kind of source, largest first.
    loudest : (datetime, datetime, int, tuple of Place)
        The busiest half hour, its messages, and the talks at that time.
    moments : tuple of (datetime, str)
        Time and kind of source of every message, in order.
    settings : Settings, optional
        Settings with which the trends were detected.
    late : int
        Messages that were received after their bin was closed.
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
    detected: int
    days: tuple[Day, ...]
    talk_messages: tuple[TalkMessages, ...]
    reference: tuple[ReferenceMatch, ...]
    loudest: tuple[datetime, datetime, int, tuple[Place, ...]]
    moments: tuple[tuple[datetime, str], ...]
    settings: Settings | None
    bins: int
    late: int
    has_schedule: bool

    @property
    def hours(self) -> int:
        """Hours from the first message to the last, rounded up."""
        return -int(-(self.last - self.first).total_seconds() // 3600) or 1
