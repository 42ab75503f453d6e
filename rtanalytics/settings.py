"""Settings of trends: how messages are counted, how counts are scored, which topics are listed.

``[trending]`` of a ``conference.toml`` and keyword arguments both become one :class:`Settings`,
checked at once, which is passed on unchanged, to other processes too.
"""

# ruff: noqa: RUF009  (every field is declared by a call, with its check)

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar, Literal, Protocol, TypedDict, Unpack, get_args, runtime_checkable

from rtanalytics.checks import (
    Options,
    SettingsError,
    choice,
    converted,
    duration,
    number,
    optional,
    setting,
    table,
    whole,
    words,
)
from rtanalytics.clock import duration_text
from rtanalytics.schedule import Schedule, Talk
from rtanalytics.spelling import fold

__all__ = [
    "Channel",
    "Duration",
    "Parameter",
    "Settings",
    "SettingsError",
    "SettingsOptions",
    "TopicFilter",
    "TopicFilterOptions",
    "TopicModel",
    "TrendOptions",
]

Channel = Literal["messages", "authors", "deduped"]
Parameter = float | int | str | bool | None


class PandasOffset(Protocol):
    """A fixed frequency of pandas, such as ``pd.offsets.Minute(15)``."""

    @property
    def nanos(self) -> int:
        """Length in nanoseconds."""
        ...


Duration = str | timedelta | PandasOffset


@runtime_checkable
class ParametrizedAlgorithm(Protocol):
    """Protocol of an algorithm with a name and parameters."""

    @property
    def name(self) -> str:
        """Name of the algorithm."""
        ...

    def get_params(self) -> dict[str, Any]:
        """Return the parameters by name."""
        ...


class TopicFilterOptions(TypedDict, total=False):
    """Keyword arguments of :class:`TopicFilter`."""

    min_probability: float
    keep_probability: float
    topic_model: TopicModel | Mapping[str, float]
    common_word_weight: float
    min_people: int
    min_topic_share: float
    min_term_share: float
    window: Duration
    evidence_decay: Duration
    max_list_share: float
    max_label_share: float
    renewal_factor: float
    free_lists: int


class TrendOptions(TypedDict, total=False):
    """Keyword arguments of :class:`Settings`, without ``mute`` and ``schedule``."""

    algorithm: str | ParametrizedAlgorithm
    parameters: Mapping[str, Parameter]
    bin: Duration
    top: int
    channel: Channel
    every: Duration | None
    grace: Duration
    own_tags: Iterable[str]
    ignore: Iterable[str]
    min_score: float | None
    min_count: int
    min_overlap: float
    hold: Duration
    topic_filter: TopicFilter | TopicFilterOptions
    horizon: Duration | None


class SettingsOptions(TrendOptions, total=False):
    """Keyword arguments of :class:`Settings`."""

    mute: Iterable[str]
    schedule: Schedule | Iterable[Talk] | None


def _algorithm(key: str, value: Any) -> Any:
    if not isinstance(value, str | ParametrizedAlgorithm):
        raise SettingsError.expected(key, value, "the name of an algorithm or an algorithm")
    return value


def _schedule(value: Any) -> Schedule:
    return value if isinstance(value, Schedule) else Schedule(() if value is None else value)


def _tag(word: str) -> str:
    return fold(word).lstrip("@#")


@dataclass(frozen=True, init=False, repr=False)
class TopicModel(Options):
    """Probability that a burst is a topic: a logistic regression on six features.

    log (p / (1 − p)) = bias + evidence·ln(e / e₀) + people·ln n + own_words·ln(v / n)
    + share·ln(n / N) + (name·like + known·[known])·min(1, n / (crowd·√N))

    where e is the evidence of the first term and e₀ the smallest evidence that counts, n the
    number of people who used it within the window, v those of them who did so in words of their
    own, N all who posted, like how much the term is like a name (0 to 1), and known whether a
    handle or a tag that enough people use is among the first terms. That a term is like a name says little
    if fewer people use it than the √N by which chance varies: in a crowd of thousands some handle is always
    mentioned by three people. Fitted by
    ``benchmarks/topic_model.py``, which leaves one conference out at a time; decision 9 has the figures.

    Parameters
    ----------
    bias, evidence, people, own_words, share, name, known : float
        The weights.
    crowd : float
        Number of people, as a multiple of √N, from which ``name`` and ``known`` have their full weight.

    References
    ----------
    Cox, D. R. (1958), The regression analysis of binary sequences.
    """

    bias: float = setting(-2.17, number())
    evidence: float = setting(1.72, number())
    people: float = setting(0.20, number())
    own_words: float = setting(1.35, number())
    share: float = setting(0.39, number())
    name: float = setting(1.43, number())
    known: float = setting(2.21, number())
    crowd: float = setting(0.3, number(0))

    def __init__(self, **weights: float) -> None:
        self._fill(weights)

    def contributions(
        self, *, evidence: float, people: float, voices: float, active: float, like: float, known: float
    ) -> dict[str, float]:
        """Return what each feature adds to the log odds, by name.

        Parameters
        ----------
        evidence : float
            As a multiple of the smallest evidence that counts.
        people, voices, active : float
            Number of people who used the term, who did so in their own words, and who posted anything.
        like : float
            0 to 1.
        known : float
            1 if there is a handle or tag by which people know the topic, else 0.
        """
        chance = self.crowd * math.sqrt(max(active, people))
        enough = min(1.0, people / chance) if chance else 1.0
        return {
            "bias": self.bias,
            "evidence": self.evidence * math.log(evidence),
            "people": self.people * math.log(people),
            "own_words": self.own_words * math.log(max(voices, 0.5) / people),
            "share": self.share * math.log(people / max(active, people)),
            "name": self.name * like * enough,
            "known": self.known * known * enough,
        }


@dataclass(frozen=True, init=False, repr=False)
class TopicFilter(Options):
    """Conditions under which a topic that bursts is listed.

    Evidence is the algorithm's score of a term, plus what is left of its scores in the bins just
    before.

    Parameters
    ----------
    min_probability : float
        Probability from which a topic is listed.
    keep_probability : float
        Probability from which a topic that was listed in the bin before stays listed; lowered to
        ``min_probability`` if only that is given and smaller.
    topic_model : TopicModel
        Model that gives the probability.
    common_word_weight : float
        Weight, from 0 to 1, of the evidence of a term that is not like a name at all, when terms
        compete to be the first of a topic; a name weighs 1.
    min_people : int
        Number of people who must use a handle or tag before it counts as known.
    min_topic_share : float
        Share of a topic's messages that must contain a handle or tag for it to name the topic.
    min_term_share : float
        Share of all messages with a handle or tag that must belong to the topic for it to name
        the topic.
    window : timedelta
        Time before the bin in which people and messages of a topic are looked for.
    evidence_decay : timedelta
        Time after which the score of an earlier bin weighs 1/e.
    max_list_share : float
        Share of the lists so far above which a term is no longer news.
    max_label_share : float
        Share of the lists so far above which a handle or tag no longer names a topic.
    renewal_factor : float
        Factor of evidence from which a term that is no longer news is listed again.
    free_lists : int
        Number of lists in which a term may stand before these shares apply.
    """

    _renamed: ClassVar[Mapping[str, str]] = {
        "least": "min_probability",
        "stay": "keep_probability",
        "belief": "topic_model",
        "plain": "common_word_weight",
        "people": "min_people",
        "share": "min_topic_share",
        "part": "min_term_share",
        "memory": "evidence_decay",
        "often": "max_list_share",
        "known": "max_label_share",
        "again": "renewal_factor",
        "free": "free_lists",
    }

    min_probability: float = setting(0.35, number(0, 1, open=True))
    keep_probability: float = setting(0.2, number(0, 1, open=True))
    topic_model: TopicModel = setting({}, table(TopicModel))
    common_word_weight: float = setting(0.15, number(0, 1))
    min_people: int = setting(3, whole(0))
    min_topic_share: float = setting(0.2, number(0))
    min_term_share: float = setting(0.1, number(0))
    window: timedelta = setting("30min", duration(zero=True))
    evidence_decay: timedelta = setting("15min", duration())
    max_list_share: float = setting(0.08, number(0))
    max_label_share: float = setting(0.05, number(0))
    renewal_factor: float = setting(5.0, number(0))
    free_lists: int = setting(3, whole(0))

    def __init__(self, **options: Unpack[TopicFilterOptions]) -> None:
        self._fill(options)

    def _complete(self, given: Mapping[str, Any], prefix: str) -> None:
        if self.min_probability >= 1:
            raise SettingsError.expected(f"{prefix}min_probability", self.min_probability, "a number below 1")
        if "keep_probability" not in given:
            object.__setattr__(self, "keep_probability", min(self.keep_probability, self.min_probability))
        elif self.keep_probability > self.min_probability:
            at_most = f"at most min_probability ({self.min_probability})"
            raise SettingsError.expected(f"{prefix}keep_probability", self.keep_probability, at_most)


@dataclass(frozen=True, init=False, repr=False)
class Settings(Options):
    """Settings of trends. Every duration is given as text, timedelta or pandas offset.

    Parameters
    ----------
    algorithm : str or Algorithm
        Name of an algorithm, or an instance with its own parameters.
    parameters : mapping of str to float, int, str or bool
        Parameters of an algorithm that is given by name.
    bin : timedelta
        Width of a bin.
    every : timedelta, optional
        Step by which the window of a list advances, such as ``1min``: a list at the end of each step, of
        the messages of the last ``bin``. It must divide ``bin``. By default, a list at the end of each bin.
    top : int
        Maximum number of topics per bin.
    channel : {'authors', 'messages', 'deduped'}
        What is counted.
    grace : timedelta
        How long after its end a bin waits for late messages.
    own_tags : frozenset of str
        The conference's own tags and accounts, case-folded and without marks; they never trend, and
        neither do they with another year at their end.
        If empty, tags in more than a fifth of the messages so far are taken for them.
    ignore : frozenset of str
        Further terms that are never topics, folded likewise.
    mute : frozenset of str
        Case-folded handles of authors who are not counted.
    schedule : Schedule
        Talks, to name those that took place during a topic.
    min_score : float, optional
        Score that a trend must exceed; the algorithm's own ``floor`` by default.
    min_count : int
        Number of people that a trend needs: within the window, and among its messages in the bin.
    min_overlap : float
        Share of the rarer term's messages that must contain the other term for two terms to be
        one topic.
    hold : timedelta
        How long after it was last listed a topic keeps its id.
    topic_filter : TopicFilter
        Which of the topics are listed.
    horizon : timedelta, optional
        Limit of memory use on an endless stream: when twice as much has been read, everything
        older is dropped, as if reading had begun then. None keeps everything.

    Examples
    --------
    >>> Settings(bin="30min", topic_filter={"min_probability": 0.5}).bin
    datetime.timedelta(seconds=1800)
    >>> Settings(own_tag=["#pycon"])
    Traceback (most recent call last):
    rtanalytics.checks.SettingsError: unknown setting 'own_tag'; did you mean 'own_tags'?
    """

    _renamed: ClassVar[Mapping[str, str]] = {
        "own": "own_tags",
        "least": "min_score",
        "least_count": "min_count",
        "together": "min_overlap",
        "taste": "topic_filter",
    }

    algorithm: str | ParametrizedAlgorithm = setting("seasonal-poisson", _algorithm)
    parameters: Mapping[str, Parameter] = setting(
        {}, converted(lambda value: {**value}, "a table of parameters by name"), hash=False
    )
    bin: timedelta = setting("15min", duration())
    every: timedelta | None = setting(None, optional(duration()))
    top: int = setting(10, whole(1))
    channel: Channel = setting("authors", choice(get_args(Channel)))
    grace: timedelta = setting("1min", duration(zero=True))
    own_tags: frozenset[str] = setting((), words(_tag))
    ignore: frozenset[str] = setting((), words(_tag))
    mute: frozenset[str] = setting((), words(lambda word: word.casefold().lstrip("@")))
    schedule: Schedule = setting((), converted(_schedule, "a Schedule or a list of talks"), hash=False)
    min_score: float | None = setting(None, optional(number()))
    min_count: int = setting(2, whole(1))
    min_overlap: float = setting(0.4, number(0, 1, open=True))
    hold: timedelta = setting("1h", duration(zero=True))
    topic_filter: TopicFilter = setting({}, table(TopicFilter))
    horizon: timedelta | None = setting("28d", optional(duration(timedelta(days=1))))

    def __init__(self, **options: Unpack[SettingsOptions]) -> None:
        self._fill(options)

    def _complete(self, given: Mapping[str, Any], prefix: str) -> None:
        if self.every is not None and self.bin % self.every:
            raise SettingsError(
                f"{prefix}every",
                f"every = {duration_text(self.every)} does not divide bin = {duration_text(self.bin)};"
                " use a step such as 1min",
            )
        if self.every == self.bin:
            object.__setattr__(self, "every", None)
        if self.parameters and not isinstance(self.algorithm, str):
            message = f"parameters belong to an algorithm given by name; {self.algorithm!r} has its own"
            raise SettingsError("parameters", message)

    @classmethod
    def of(
        cls,
        settings: Settings | None,
        options: SettingsOptions | TrendOptions,
        keywords: Iterable[str] = (),
    ) -> Settings:
        """Return ``settings``, or the defaults, with keyword arguments applied.

        ``keywords`` are the caller's other keyword arguments: the error about a misspelt one names them.
        """
        base = cls() if settings is None else settings
        base._check_names(options, keywords=keywords)
        return base.replace(**options) if options else base

    @classmethod
    def of_recording(cls, recording: object, **options: Unpack[SettingsOptions]) -> Settings:
        """Return the settings of a recording: its own tags, ignored terms and talks.

        Breaks are left out of the schedule, because what people talk about in a break is not the
        break.

        Parameters
        ----------
        recording : Recording
            Its ``meta`` and ``schedule`` are read, if it has any.
        **options
            Further settings; they replace those of the recording.
        """
        meta = getattr(recording, "meta", None)
        own: SettingsOptions = {
            "schedule": [talk for talk in getattr(recording, "schedule", ()) if talk.kind != "break"]
        }
        if meta is not None:
            own["own_tags"] = [*meta.hashtags, *meta.accounts]
            own["ignore"] = meta.ignore
        own.update(options)
        return cls(**own)

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> Settings:
        """Return the settings that ``[trending]`` of a ``conference.toml`` gives.

        Raises
        ------
        SettingsError
            If a key is unknown or a value invalid.

        Examples
        --------
        >>> Settings.from_table({"top": 5, "topic_filter": {"min_people": 4}})
        Settings(top=5, topic_filter=TopicFilter(min_people=4))
        """
        for name, place in _ELSEWHERE.items():
            if name in table:
                raise SettingsError(name, f"'{name}' is not set here; {place}")
        return cls(**table)

    def to_table(self) -> dict[str, Any]:
        """Return the settings that differ from the defaults, as a table for :meth:`from_table`."""
        return {name: value for name, value in _as_table(self).items() if name not in _ELSEWHERE}

    def replace(self, **changes: Unpack[SettingsOptions]) -> Settings:
        """Return settings with some values replaced.

        The parameters of the old algorithm are dropped if only ``algorithm`` is given; a table given
        as ``topic_filter`` or ``topic_model`` replaces single values in it.
        """
        merged = self._merged(changes)
        if "algorithm" in changes and "parameters" not in changes:
            merged.pop("parameters", None)
        return Settings(**merged)


_ELSEWHERE = {
    "own_tags": "the conference's own tags are 'hashtags' and 'accounts' at the top of the file",
    "ignore": "write it at the top of the file",
    "mute": "write it at the top of the file",
    "schedule": "write it at the top of the file",
}
"""Settings that other lines of a conference.toml give."""


def _as_table(options: Options) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for name, value in options._changed().items():
        if isinstance(value, timedelta):
            table[name] = duration_text(value)
        elif isinstance(value, Options):
            table[name] = _as_table(value)
        elif name == "algorithm" and not isinstance(value, str):
            table |= {"algorithm": value.name, "parameters": value.get_params()}
        elif value is not None:
            table[name] = value
    return table
