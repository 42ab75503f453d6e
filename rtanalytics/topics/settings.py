"""How trends are told."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from rtanalytics.algorithms.topical import TopicAlgorithm
from rtanalytics.counts import Channel
from rtanalytics.schedule import Schedule
from rtanalytics.terms import fold
from rtanalytics.topics.topic_filter import TopicFilter
from rtanalytics.trending import DEFAULT, Algorithm, get

__all__ = ["Settings"]


@dataclass(frozen=True)
class Settings:
    """How trends are told; can be pickled and handed to another process.

    Parameters
    ----------
    algorithm : str or Algorithm
        A name from the registry, or an instance with its own parameters. One that needs to see
        the future is refused.
    bin : timedelta
        Width of a bin.
    top : int
        Topics a bin at most.
    channel : {'authors', 'messages'}
        What is counted.
    grace : timedelta
        How long after its end a bin waits for what was said in it.
    own : frozenset of str
        The conference's own tags and accounts, case-folded and without marks; they never trend.
        Where none are given, tags in more than a fifth of the messages so far are taken for it.
    ignore : frozenset of str
        Further terms that are no topics, folded likewise.
    mute : frozenset of str
        Handles, case-folded, of authors who do not count.
    schedule : Schedule
        To say which talks were on.
    least : float, optional
        Score that a trend must exceed; the algorithm's floor unless given.
    least_count : int
        Count that a trend must reach.
    together : float
        Share of the rarer term's messages that must also say the other for two terms to be one
        topic.
    hold : timedelta
        How long after it was last told a topic is still the same one when it is told again.
    taste : TopicFilter
        Which of the topics are worth showing.
    horizon : timedelta, optional
        Bounds the memory on a stream without end: whenever twice as much has been seen, what was said
        longer ago than this is forgotten, and trends are those of somebody who came then. None to
        forget nothing.
    """

    algorithm: str | Algorithm = DEFAULT
    bin: timedelta = timedelta(minutes=15)
    top: int = 10
    channel: Channel = "authors"
    grace: timedelta = timedelta(minutes=1)
    own: frozenset[str] = frozenset()
    ignore: frozenset[str] = frozenset()
    mute: frozenset[str] = frozenset()
    schedule: Schedule = field(default_factory=Schedule)
    least: float | None = None
    least_count: int = 2
    together: float = 0.4
    hold: timedelta = timedelta(hours=1)
    taste: TopicFilter = field(default_factory=TopicFilter)
    horizon: timedelta | None = timedelta(days=28)

    def __post_init__(self) -> None:
        if self.top < 1:
            raise ValueError(f"top is {self.top}; a bin shows at least one topic")
        if self.grace < timedelta(0):
            raise ValueError(f"grace is {self.grace}; a bin cannot close before its end")
        if self.horizon is not None and self.horizon < timedelta(days=1):
            raise ValueError(f"horizon is {self.horizon}; less than a day of history makes no season")
        algorithm = get(self.algorithm)
        if isinstance(algorithm, TopicAlgorithm):
            raise ValueError(  # noqa: TRY004  (it is an algorithm, but not one for a stream)
                f"{algorithm.name} tells the topics of a recording, not those of a stream as they come;"
                " ask trends() or its own topics()"
            )
        if not algorithm.causal:
            raise ValueError(
                f"{algorithm.name} needs later bins to judge one, so it cannot tell trends as they come;"
                " score a whole recording with it instead"
            )
        for name in ("own", "ignore", "mute"):
            folded = frozenset(fold(word).lstrip("@#") for word in getattr(self, name))
            object.__setattr__(self, name, folded)
