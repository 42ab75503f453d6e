"""Grid of settings, named as in the table ``[trending]`` of ``conference.toml``.

A setting is a dict of values by name. A name is the path to a key below ``[trending]``:
``bin``, ``min_overlap``, ``topic_filter.evidence_decay``, ``parameters.prior``. So every setting that is
tried can be written to ``conference.toml``.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import tomli_w

from rtanalytics.clock import duration_text
from rtanalytics.extras import extra
from rtanalytics.settings import Settings, TopicFilter, TopicModel
from rtanalytics.trending import ALGORITHMS, algorithm_of, get

__all__ = ["BINS", "Setting", "candidates", "default_value", "lines", "settings_of", "value"]

Setting = dict[str, Any]

BINS = ("15min", "30min")
_FILTER: dict[str, tuple[Any, ...]] = {
    "topic_filter.min_probability": (0.25, 0.33, 0.5),
    "topic_filter.evidence_decay": ("5min", "15min", "30min"),
    "topic_filter.window": ("15min", "30min", "1h"),
    "min_overlap": (0.25, 0.4, 0.6),
}
"""Values of the default grid, beside those of the algorithm's parameters."""

_FIXED = {"period_hours", "seed"}
"""Parameters that are not varied: periods stay at a day, and the best seed is only the best by chance."""


def settings_of(setting: Mapping[str, Any]) -> Settings:
    """Return the settings for the lines in ``conference.toml``.

    Raises
    ------
    SettingsError
        If a name or a value is invalid.

    Examples
    --------
    >>> settings_of({"bin": "5min", "topic_filter.min_probability": 0.5}).topic_filter
    TopicFilter(min_probability=0.5)
    """
    table: dict[str, Any] = {}
    for name, value in setting.items():
        *way, last = name.split(".")
        at = table
        for part in way:
            at = at.setdefault(part, {})
        if value is not None:
            at[last] = value
    settings = Settings.from_table(table)
    algorithm_of(settings)
    return settings


def value(text: str) -> Any:
    """Parse a value of a grid.

    Examples
    --------
    >>> [value(text) for text in ("3", "0.5", "true", "15min")]
    [3, 0.5, True, '15min']
    """
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return {"true": True, "false": False}.get(text.lower(), text)


def default_value(name: str, algorithm: str) -> Any:
    """Return the default of a key of ``[trending]``.

    Raises
    ------
    ValueError
        If there is no such key.
    """
    *way, last = name.split(".")
    if way == ["parameters"]:
        of = get(algorithm).get_params()
    else:
        owner: object = Settings(algorithm=algorithm)
        for part in way:
            owner = getattr(owner, part, None)
        of = vars(owner) if isinstance(owner, Settings | TopicFilter | TopicModel) else {}
    if last not in of or isinstance(of[last], TopicFilter | TopicModel):
        known = f" (keys: {', '.join(of)})" if of else ""
        raise ValueError(f"unknown key {name!r} in [trending]{known}")
    default = of[last]
    return duration_text(default) if isinstance(default, timedelta) else default


def candidates(
    algorithms: Sequence[str],
    grid: Mapping[str, Sequence[Any]] | None = None,
    *,
    most: int = 200,
    seed: int = 0,
) -> list[Setting]:
    """Return the settings to try; the default of each algorithm comes first.

    Parameters
    ----------
    algorithms : sequence of str
        Names from the registry.
    grid : mapping, optional
        Values by name. ``parameters.…`` may belong to some of the algorithms only. By default bins,
        the topic filter and the parameters of each algorithm vary, numbers to half and twice.
    most : int
        Maximum number of settings; of more, a random sample is used.
    seed : int
        Seed of the sample.

    Returns
    -------
    list of dict
        All settings of one algorithm have the same names.

    Raises
    ------
    ValueError
        If a name or value of the grid is invalid, or no algorithm has the parameter.
    """
    with extra("compare"):
        from sklearn.model_selection import ParameterGrid, ParameterSampler

    grids: list[dict[str, list[Any]]] = []
    for algorithm in algorithms:
        if grid is None:
            grids.append(_default_grid(algorithm))
        else:
            grids.append({"algorithm": [algorithm], **_given(grid, algorithm)})
    for name in grid or ():
        if not any(name in one for one in grids):
            raise ValueError(f"no algorithm has the parameter {name!r} (algorithms: {', '.join(algorithms)})")
    whole = ParameterGrid(grids)
    drawn: Iterable[Setting] = whole
    if len(whole) > most:
        drawn = ParameterSampler(grids, max(most - len(grids), 1), random_state=seed)
    first = [{name: default_value(name, one["algorithm"][0]) for name in one} for one in grids]
    for start, one in zip(first, grids, strict=True):
        if "bin" in one and start["bin"] not in one["bin"]:
            start["bin"] = one["bin"][0]
    settings: list[Setting] = []
    for setting in (*first, *drawn):
        settings_of(setting)
        if setting not in settings:
            settings.append(
                {name: setting[name] for name in first[[*algorithms].index(setting["algorithm"])]}
            )
    return settings


def _given(grid: Mapping[str, Sequence[Any]], algorithm: str) -> dict[str, list[Any]]:
    """Return the part of the grid that applies to an algorithm; check each value separately."""
    applicable = {}
    for name, values in grid.items():
        if name == "algorithm":
            raise ValueError("the grid cannot vary the algorithm; pass the names as algorithms")
        if name.startswith("parameters.") and name.partition(".")[2] not in get(algorithm).get_params():
            continue
        default_value(name, algorithm)
        for one in values:
            settings_of({"algorithm": algorithm, name: one})
        applicable[name] = list(dict.fromkeys(values))
    return applicable


def _default_grid(algorithm: str) -> dict[str, list[Any]]:
    topic_level = hasattr(ALGORITHMS[algorithm], "topics")
    grid: dict[str, list[Any]] = {"algorithm": [algorithm], "bin": list(BINS)}
    values: Sequence[Any]
    for name, values in () if topic_level else _FILTER.items():
        at = default_value(name, algorithm)
        grid[name] = list(values) if at in values else [at, *values]
    for name in inspect.signature(ALGORITHMS[algorithm]).parameters:
        if name in _FIXED:
            continue
        way = f"parameters.{name}"
        values = [v for v in _around(default_value(way, algorithm)) if _is_valid(algorithm, way, v)]
        if len(values) > 1:
            grid[way] = list(values)
    return grid


def _around(at: Any) -> list[Any]:
    """Return a value, half and twice of it."""
    if isinstance(at, bool):
        return [at, not at]
    if isinstance(at, int):
        return list(dict.fromkeys([max(1, at // 2), at, at * 2]))
    if isinstance(at, float):
        return [at / 2, at, at * 2]
    return [at]


def _is_valid(algorithm: str, name: str, value: Any) -> bool:
    try:
        settings_of({"algorithm": algorithm, name: value})
    except ValueError:
        return False
    return True


def lines(setting: Mapping[str, Any]) -> str:
    """Format a setting as lines for ``conference.toml``.

    Examples
    --------
    >>> print(lines({"algorithm": "poisson", "bin": "15min", "topic_filter.min_probability": 0.5}))
    [trending]
    algorithm = "poisson"
    bin = "15min"
    <BLANKLINE>
    [trending.topic_filter]
    min_probability = 0.5
    """
    trending: dict[str, Any] = {}
    for name, at in setting.items():
        *path, key = name.split(".")
        if at is None:
            continue
        table = trending
        for part in path:
            table = table.setdefault(part, {})
        table[key] = at
    return tomli_w.dumps({"trending": trending}).rstrip()
