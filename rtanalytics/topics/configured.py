"""What ``[trending]`` of a ``conference.toml`` says, as settings of the trends."""

from __future__ import annotations

from dataclasses import fields
from datetime import timedelta
from typing import Any

from rtanalytics.clock import parse_duration
from rtanalytics.conference import Trending
from rtanalytics.topics.topic_filter import TopicFilter, TopicModel
from rtanalytics.trending import DEFAULT, get

__all__ = ["configured"]

_PLAIN = ("channel", "least", "least_count", "together")


def configured(trending: Trending) -> dict[str, Any]:
    """The fields of :class:`~rtanalytics.topics.Settings` that ``[trending]`` gives.

    Where ``taste.least`` is given and ``taste.stay`` is not, the latter is lowered with it: what is
    told from a probability stays at least from the same one.

    Raises
    ------
    ValueError
        If something in it cannot be; the message begins with what it is about.

    Examples
    --------
    >>> found = configured(Trending(bin="5min", taste={"memory": "1h"}))
    >>> found["bin"], found["taste"].memory
    (datetime.timedelta(seconds=300), datetime.timedelta(seconds=3600))
    """
    given = {name: value for name in _PLAIN if (value := getattr(trending, name)) is not None}
    what = "algorithm"
    try:
        given["algorithm"] = get(trending.algorithm or DEFAULT, **trending.parameters)
        for what in ("bin", "grace", "hold", "horizon"):
            text = getattr(trending, what)
            if text is not None:
                given[what] = parse_duration(text)
        if trending.taste:
            what = "taste"
            given["taste"] = _taste(trending.taste)
        what = "together"
        if not 0 < given.get(what, 0.4) <= 1:
            raise ValueError(f"{given[what]} is no share; give more than 0, at most 1")
    except (ValueError, TypeError) as error:
        raise ValueError(f"{what}: {error.args[0]}") from None
    return {**given, "top": trending.top}


def _taste(given: dict[str, Any]) -> TopicFilter:
    """TopicFilter from a table: durations are texts, the belief a table in it."""
    usual = TopicFilter()
    values: dict[str, Any] = {}
    known = [field.name for field in fields(TopicFilter)]
    for name, value in given.items():
        if name not in known:
            raise ValueError(f"there is no {name!r}; there are {', '.join(known)}")
        at = getattr(usual, name)
        if name == "belief":
            values[name] = _belief(value)
        elif isinstance(at, timedelta):
            values[name] = parse_duration(str(value))
        elif isinstance(value, (int, float)):
            values[name] = value
        else:
            raise ValueError(f"{name} is {value!r}; give a number")
    if "least" in values:
        values.setdefault("stay", min(usual.stay, values["least"]))
    return TopicFilter(**values)


def _belief(given: Any) -> TopicModel:
    known = [field.name for field in fields(TopicModel)]
    if not isinstance(given, dict):
        raise ValueError(f"belief is {given!r}; give a table of its weights: {', '.join(known)}")  # noqa: TRY004
    for name in given:
        if name not in known:
            raise ValueError(f"belief has no weight {name!r}; it has {', '.join(known)}")
    return TopicModel(**given)
