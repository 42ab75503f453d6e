"""Data classes for the content of a report: topics, talks, people, sources and days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

from rtanalytics.report.quotes import Quote
from rtanalytics.topics import Settings

__all__ = ["Day", "Person", "Place", "Recap", "ReferenceMatch", "Source", "TalkMessages", "Topic"]


@dataclass(frozen=True, slots=True)
class Place:
    """A talk or break with texts ready to print; ``number`` counts the talks from 1 and is 0 for a break."""

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
    """A topic with its counts, example messages and talk.

    Parameters
    ----------
    number : int
        Position in the report, from 1.
    label, terms : str, tuple of str
        The name of the topic, and its other terms.
    start, end : datetime
        Start of the first and end of the last bin in which it trended, in the venue's time zone.
    peak, peak_end : datetime
        Start and end of the bin with its highest score.
    observed, expected : int, float
        Count of its leading term in the bin of the peak, and the count that the algorithm expected.
    counted : (str, str)
        Noun for the counted unit, singular and plural, such as ``("person", "people")``.
    messages, people : int
        Number of messages with any of its terms in the bins in which it trended, and of their known
        authors.
    families : tuple of (str, int)
        Messages per kind of source, largest first.
    about : Place, optional
        The talk that the topic is about.
    during : tuple of Place
        Talks and breaks at the time of the peak; empty if the topic is about a talk.
    quotes : tuple of Quote
        Quoted messages by different people.
    course : tuple of (datetime, int)
        Start and number of messages of short bins, from an hour before ``start`` to two hours after
        ``end``.
    step : timedelta
        Width of the bins of ``course``.
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
    """Messages about a talk: their number during the talk and in the day after, and of their authors."""

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
    """A person, with the number of their messages, and how often they were mentioned and reposted."""

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
    """A reference topic of the ground truth, and the first trend that contains one of its keywords.

    ``found`` is the label of that trend, or empty; ``at`` is the start of its bin.
    """

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
        Total numbers; authors that the platform marks as bots are not counted as people.
    families : tuple of (str, int)
        Messages per kind of source, largest first.
    loudest : (datetime, datetime, int, tuple of Place)
        Start and end of the busiest half hour, its number of messages, and the talks at that time.
    moments : tuple of (datetime, str)
        Time and kind of source of every message, in order of time.
    settings : Settings, optional
        Settings with which the trends were detected.
    late : int
        Number of messages that were received after their bin was closed.
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
        """Number of hours from the first message to the last, rounded up."""
        return -int(-(self.last - self.first).total_seconds() // 3600) or 1
