"""Settings of trends: how messages are counted, how counts are scored, which topics are listed.

``[trending]`` of a ``conference.toml`` and keyword arguments both become one :class:`Settings`,
checked at once, which is passed on unchanged, to other processes too.
"""

# ruff: noqa: RUF009  (every field is declared by a call, with its check)

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from datetime import timedelta
from difflib import get_close_matches
from numbers import Real
from typing import Any, ClassVar, Literal, Protocol, Self, TypedDict, TypeVar, Unpack, get_args

from rtanalytics.clock import parse_duration
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
    "TopicModelOptions",
    "TrendOptions",
    "duration_text",
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


class ParametrizedAlgorithm(Protocol):
    """The part of an algorithm that settings look at."""

    @property
    def name(self) -> str:
        """Name of the algorithm."""
        ...

    def get_params(self) -> dict[str, Any]:
        """Return the parameters by name."""
        ...


class SettingsError(ValueError):
    """A setting that does not exist or has an invalid value.

    Parameters
    ----------
    key : str
        Path of the setting, such as ``topic_filter.min_probability``.
    message : str
        What is wrong and what to do.
    """

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key

    def __reduce__(self) -> tuple[type[Self], tuple[str, str]]:
        return type(self), (self.key, str(self))


class TopicModelOptions(TypedDict, total=False):
    """Keyword arguments of :class:`TopicModel`."""

    bias: float
    evidence: float
    people: float
    own_words: float
    share: float
    name: float
    known: float


class TopicFilterOptions(TypedDict, total=False):
    """Keyword arguments of :class:`TopicFilter`."""

    min_probability: float
    keep_probability: float
    topic_model: TopicModel | TopicModelOptions
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


_O = TypeVar("_O", bound="_Options")
Check = Callable[[str, Any], Any]
"""Returns a value as it is stored, given its key and what was passed; raises SettingsError."""


def _error(key: str, value: object, expected: str) -> SettingsError:
    text = repr(value)
    return SettingsError(key, f"{key} must be {expected}, not {text if len(text) <= 60 else text[:59] + '…'}")


def _number(low: float = -math.inf, high: float = math.inf, *, open: bool = False) -> Check:
    """Check for a number from ``low`` to ``high``; ``open`` excludes ``low``."""
    words = "a number"
    if low > -math.inf:
        words += f" {'above' if open else 'from'} {low:g}"
    if high < math.inf:
        words += f" {'and at most' if open else 'to'} {high:g}"

    def check(key: str, value: Any) -> Any:
        number = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
        if not number or not low <= value <= high or (open and value == low):
            raise _error(key, value, words)
        return value

    return check


def _whole(low: int) -> Check:
    """Check for a whole number from ``low`` on."""

    def check(key: str, value: Any) -> int:
        number = isinstance(value, Real) and not isinstance(value, bool)
        if not number or value != int(value) or value < low:
            raise _error(key, value, f"a whole number, at least {low}")
        return int(value)

    return check


def _duration(low: timedelta = timedelta(0), *, zero: bool = False) -> Check:
    """Check for a duration of at least ``low``; ``zero`` allows none at all."""

    def check(key: str, value: Any) -> timedelta:
        if zero and value == timedelta(0):
            return timedelta(0)
        try:
            length = parse_duration(value)
        except ValueError as error:
            raise SettingsError(key, f"{key}: {error}") from None
        if length < low:
            raise _error(key, value, f"a duration of at least {duration_text(low)}")
        return length

    return check


def _optional(check: Check) -> Check:
    return lambda key, value: None if value is None else check(key, value)


def _words(clean: Callable[[str], str]) -> Check:
    """Check for a list of texts, which are stored as a set."""

    def check(key: str, value: Any) -> frozenset[str]:
        if isinstance(value, str) or not isinstance(value, Iterable):
            raise _error(key, value, "a list of texts")
        words = list(value)
        for word in words:
            if not isinstance(word, str):
                raise _error(key, word, "a list of texts")
        return frozenset(clean(word) for word in words) - {""}

    return check


def _channel(key: str, value: Any) -> str:
    if value not in get_args(Channel):
        raise _error(key, value, f"one of {', '.join(get_args(Channel))}")
    return str(value)


def _algorithm(key: str, value: Any) -> Any:
    if not isinstance(value, str) and not (hasattr(value, "name") and hasattr(value, "get_params")):
        raise _error(key, value, "the name of an algorithm or an algorithm")
    return value


def _parameters(key: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise _error(key, value, "a table of parameters by name")
    return dict(value)


def _schedule(key: str, value: Any) -> Schedule:
    if value is None or isinstance(value, Schedule):
        return Schedule() if value is None else value
    try:
        return Schedule(value)
    except (TypeError, AttributeError):
        raise _error(key, value, "a Schedule or a list of talks") from None


def _setting(default: Any, check: Check) -> Any:
    """Return a dataclass field with its check; ``default`` may be a class, which is then called."""
    if isinstance(default, type):
        return field(default_factory=default, hash=False, metadata={"check": check})
    return field(default=default, metadata={"check": check})


def _default(one: Field[Any]) -> Any:
    return one.default if one.default_factory is MISSING else one.default_factory()


def _table(kind: type[_Options]) -> Check:
    """Check for an instance of ``kind`` or a table of its values."""

    def check(key: str, value: Any) -> Any:
        if isinstance(value, kind):
            return value
        if not isinstance(value, Mapping):
            raise _error(key, value, f"a table of {', '.join(f.name for f in fields(kind))}")
        return kind._checked(value, f"{key}.")

    return check


class _Options:
    """Base of the three classes: keyword arguments are checked and become frozen fields."""

    _renamed: ClassVar[Mapping[str, str]] = {}
    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    @classmethod
    def _checked(cls, given: Mapping[str, Any], prefix: str = "") -> Self:
        new = cls.__new__(cls)
        new._fill(given, prefix)
        return new

    def _fill(self, given: Mapping[str, Any], prefix: str) -> None:
        known = {f.name: f for f in fields(self)}
        for name in given:
            if name not in known:
                raise SettingsError(f"{prefix}{name}", self._advice(name, prefix))
        for name, one in known.items():
            check: Check = one.metadata["check"]
            value = check(f"{prefix}{name}", given[name]) if name in given else _default(one)
            object.__setattr__(self, name, value)
        self._complete(given, prefix)

    def _complete(self, given: Mapping[str, Any], prefix: str) -> None:
        """Check fields against each other."""

    @classmethod
    def _advice(cls, name: str, prefix: str) -> str:
        names = [f.name for f in fields(cls)]
        if name in cls._renamed:
            return f"unknown setting '{prefix}{name}'; it is now called '{prefix}{cls._renamed[name]}'"
        if close := get_close_matches(name, names, 1):
            return f"unknown setting '{prefix}{name}'; did you mean '{prefix}{close[0]}'?"
        return f"unknown setting '{prefix}{name}'; there are {', '.join(names)}"

    def _changed(self) -> dict[str, Any]:
        """Return the fields that differ from the defaults."""
        return {f.name: v for f in fields(self) if (v := getattr(self, f.name)) != _default(f)}

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={value!r}" for name, value in self._changed().items())
        return f"{type(self).__name__}({given})"


@dataclass(frozen=True, init=False, repr=False)
class TopicModel(_Options):
    """Probability that a burst is a topic: a logistic regression on six features.

    log (p / (1 − p)) = bias + evidence·ln(e / e₀) + people·ln n + own_words·ln(v / n)
    + share·ln(n / N) + name·like + known·[known]

    where e is the evidence of the first term and e₀ the smallest evidence that counts, n the
    number of people who used it within the window, v those of them who did so in words of their
    own, N all who posted, like how much the term is like a name (0 to 1), and known whether a
    handle or a tag that enough people use is among the first terms. Fitted by
    ``benchmarks/topic_model.py``, which leaves one conference out at a time; decision 9 has the figures.

    Parameters
    ----------
    bias, evidence, people, own_words, share, name, known : float
        The weights.

    References
    ----------
    Cox, D. R. (1958), The regression analysis of binary sequences.
    """

    bias: float = _setting(-4.27, _number())
    evidence: float = _setting(1.81, _number())
    people: float = _setting(0.87, _number())
    own_words: float = _setting(1.45, _number())
    share: float = _setting(0.07, _number())
    name: float = _setting(1.42, _number())
    known: float = _setting(2.21, _number())

    def __init__(self, **options: Unpack[TopicModelOptions]) -> None:
        self._fill(options, "")

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
        return {
            "bias": self.bias,
            "evidence": self.evidence * math.log(evidence),
            "people": self.people * math.log(people),
            "own_words": self.own_words * math.log(max(voices, 0.5) / people),
            "share": self.share * math.log(people / max(active, people)),
            "name": self.name * like,
            "known": self.known * known,
        }


@dataclass(frozen=True, init=False, repr=False)
class TopicFilter(_Options):
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

    min_probability: float = _setting(0.25, _number(0, 1, open=True))
    keep_probability: float = _setting(0.2, _number(0, 1, open=True))
    topic_model: TopicModel = _setting(TopicModel(), _table(TopicModel))
    common_word_weight: float = _setting(0.15, _number(0, 1))
    min_people: int = _setting(3, _whole(0))
    min_topic_share: float = _setting(0.2, _number(0))
    min_term_share: float = _setting(0.1, _number(0))
    window: timedelta = _setting(timedelta(minutes=30), _duration(zero=True))
    evidence_decay: timedelta = _setting(timedelta(minutes=15), _duration())
    max_list_share: float = _setting(0.08, _number(0))
    max_label_share: float = _setting(0.05, _number(0))
    renewal_factor: float = _setting(5.0, _number(0))
    free_lists: int = _setting(3, _whole(0))

    def __init__(self, **options: Unpack[TopicFilterOptions]) -> None:
        self._fill(options, "")

    def _complete(self, given: Mapping[str, Any], prefix: str) -> None:
        if self.min_probability >= 1:
            raise _error(f"{prefix}min_probability", self.min_probability, "a number below 1")
        if "keep_probability" not in given:
            object.__setattr__(self, "keep_probability", min(self.keep_probability, self.min_probability))
        elif self.keep_probability > self.min_probability:
            at_most = f"at most min_probability ({self.min_probability})"
            raise _error(f"{prefix}keep_probability", self.keep_probability, at_most)


@dataclass(frozen=True, init=False, repr=False)
class Settings(_Options):
    """Settings of trends. Every duration is given as text, timedelta or pandas offset.

    Parameters
    ----------
    algorithm : str or Algorithm
        Name of an algorithm, or an instance with its own parameters.
    parameters : mapping of str to float, int, str or bool
        Parameters of an algorithm that is given by name.
    bin : timedelta
        Width of a bin.
    top : int
        Maximum number of topics per bin.
    channel : {'authors', 'messages', 'deduped'}
        What is counted.
    grace : timedelta
        How long after its end a bin waits for late messages.
    own_tags : frozenset of str
        The conference's own tags and accounts, case-folded and without marks; they never trend.
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
        Count that a trend must reach.
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
    rtanalytics.settings.SettingsError: unknown setting 'own_tag'; did you mean 'own_tags'?
    """

    _renamed: ClassVar[Mapping[str, str]] = {
        "own": "own_tags",
        "least": "min_score",
        "least_count": "min_count",
        "together": "min_overlap",
        "taste": "topic_filter",
    }

    algorithm: str | ParametrizedAlgorithm = _setting("seasonal-poisson", _algorithm)
    parameters: Mapping[str, Parameter] = _setting(dict, _parameters)
    bin: timedelta = _setting(timedelta(minutes=15), _duration())
    top: int = _setting(10, _whole(1))
    channel: Channel = _setting("authors", _channel)
    grace: timedelta = _setting(timedelta(minutes=1), _duration(zero=True))
    own_tags: frozenset[str] = _setting(frozenset(), _words(lambda word: fold(word).lstrip("@#")))
    ignore: frozenset[str] = _setting(frozenset(), _words(lambda word: fold(word).lstrip("@#")))
    mute: frozenset[str] = _setting(frozenset(), _words(lambda word: word.casefold().lstrip("@")))
    schedule: Schedule = _setting(Schedule, _schedule)
    min_score: float | None = _setting(None, _optional(_number()))
    min_count: int = _setting(2, _whole(1))
    min_overlap: float = _setting(0.4, _number(0, 1, open=True))
    hold: timedelta = _setting(timedelta(hours=1), _duration(zero=True))
    topic_filter: TopicFilter = _setting(TopicFilter(), _table(TopicFilter))
    horizon: timedelta | None = _setting(timedelta(days=28), _optional(_duration(timedelta(days=1))))

    def __init__(self, **options: Unpack[SettingsOptions]) -> None:
        self._fill(options, "")

    def _complete(self, given: Mapping[str, Any], prefix: str) -> None:
        if self.parameters and not isinstance(self.algorithm, str):
            raise SettingsError(
                f"{prefix}parameters",
                f"{prefix}parameters belong to an algorithm given by name; {self.algorithm!r} has its own",
            )

    @classmethod
    def of(cls, settings: Settings | None, options: SettingsOptions | TrendOptions) -> Settings:
        """Return ``settings``, or the defaults, with keyword arguments applied."""
        base = cls() if settings is None else settings
        return base.replace(**options) if options else base

    @classmethod
    def of_recording(cls, recording: object, **options: Unpack[SettingsOptions]) -> Settings:
        """Return the settings that a recording brings: own tags, ignored terms and talks.

        Breaks are left out of the schedule, because what people talk about in a break is not the
        break.

        Parameters
        ----------
        recording : Recording
            Its ``meta`` and ``schedule`` are read, if it has any.
        **options
            Further settings; they replace what the recording brings.
        """
        meta = getattr(recording, "meta", None)
        brought: SettingsOptions = {
            "schedule": [talk for talk in getattr(recording, "schedule", ()) if talk.kind != "break"]
        }
        if meta is not None:
            brought["own_tags"] = [*meta.hashtags, *meta.accounts]
            brought["ignore"] = meta.ignore
        brought.update(options)
        return cls(**brought)

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
        return cls._checked(table)

    def to_table(self) -> dict[str, Any]:
        """Return what differs from the defaults as :meth:`from_table` reads it."""
        return {name: value for name, value in _as_table(self).items() if name not in _ELSEWHERE}

    def replace(self, **changes: Unpack[SettingsOptions]) -> Settings:
        """Return settings with some values replaced.

        The parameters of the old algorithm are dropped if only ``algorithm`` is given; a table given
        as ``topic_filter`` or ``topic_model`` replaces single values in it.
        """
        return _replaced(self, changes)


_ELSEWHERE = {
    "own_tags": "the conference's own tags are 'hashtags' and 'accounts' at the top of the file",
    "ignore": "write it at the top of the file",
    "mute": "write it at the top of the file",
    "schedule": "write it at the top of the file",
}
"""Settings that other lines of a conference.toml give."""


def _replaced(old: _O, changes: Mapping[str, Any], prefix: str = "") -> _O:
    merged = {**old._changed(), **changes}
    for name, value in changes.items():
        now = getattr(old, name, None)
        if isinstance(now, _Options) and isinstance(value, Mapping):
            merged[name] = _replaced(now, value, f"{prefix}{name}.")
    if "algorithm" in changes and "parameters" not in changes:
        merged.pop("parameters", None)
    return old._checked(merged, prefix)


def _as_table(options: _Options) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for name, value in options._changed().items():
        if isinstance(value, timedelta):
            table[name] = duration_text(value)
        elif isinstance(value, _Options):
            table[name] = _as_table(value)
        elif name == "algorithm" and not isinstance(value, str):
            table |= {"algorithm": value.name, "parameters": value.get_params()}
        elif value is not None:
            table[name] = value
    return table


def duration_text(length: timedelta) -> str:
    """Return a duration as it is written in a ``conference.toml``.

    Examples
    --------
    >>> duration_text(timedelta(minutes=90)), duration_text(timedelta(days=28))
    ('90min', '28d')
    """
    for unit, seconds in (("d", 86_400), ("h", 3_600), ("min", 60)):
        number = length / timedelta(seconds=seconds)
        if number == int(number):
            return f"{number:.0f}{unit}"
    return f"{length.total_seconds():g}s"
