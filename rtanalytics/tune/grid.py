"""What is tried: settings as ``[trending]`` of a ``conference.toml`` would have them.

A setting is a dict from names to values. A name is the way to a line under ``[trending]``:
``bin``, ``min_overlap``, ``topic_filter.evidence_decay``, ``parameters.prior``. What is tried is
thereby what can be written down.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import msgspec

from rtanalytics.extras import extra
from rtanalytics.settings import Settings, TopicFilter, TopicModel, duration_text
from rtanalytics.trending import ALGORITHMS, algorithm_of, get

__all__ = ["BINS", "Setting", "candidates", "lines", "settings_of", "usual", "value"]

Setting = dict[str, Any]

BINS = ("15min", "30min")
_FILTER: dict[str, tuple[Any, ...]] = {
    "topic_filter.min_probability": (0.25, 0.33, 0.5),
    "topic_filter.evidence_decay": ("5min", "15min", "30min"),
    "topic_filter.window": ("15min", "30min", "1h"),
    "min_overlap": (0.25, 0.4, 0.6),
}
"""What is tried beside the algorithm's own parameters, unless a grid is given."""

_FIXED = {"period_hours", "seed"}
"""A day is a day, and the luck of a seed does not last."""


def settings_of(setting: Mapping[str, Any]) -> Settings:
    """Return the settings that the lines of ``conference.toml`` would give.

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
    """A value as people write it in a grid.

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


def usual(name: str, algorithm: str) -> Any:
    """What a line would say of which there is none.

    Raises
    ------
    ValueError
        If there is no such line.
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
        known = f"; there are {', '.join(of)}" if of else ""
        raise ValueError(f"nothing in [trending] is called {name!r}{known}")
    found = of[last]
    return duration_text(found) if isinstance(found, timedelta) else found


def candidates(
    algorithms: Sequence[str],
    grid: Mapping[str, Sequence[Any]] | None = None,
    *,
    most: int = 200,
    seed: int = 0,
) -> list[Setting]:
    """The settings to try; the usual one of each algorithm comes first.

    Parameters
    ----------
    algorithms : sequence of str
        Names from the registry.
    grid : mapping, optional
        Values by name. ``parameters.…`` may be those of some of the algorithms only. Unless given,
        bins, the topic filter and each algorithm's own parameters vary: numbers to half and twice.
    most : int
        If there are more, so many are drawn.
    seed : int
        Of the draw.

    Returns
    -------
    list of dict
        Those of one algorithm have the same names, whatever varies.

    Raises
    ------
    ValueError
        If a name or value of the grid cannot be, or it names nothing that any algorithm has.
    """
    with extra("compare"):
        from sklearn.model_selection import ParameterGrid, ParameterSampler

    grids: list[dict[str, list[Any]]] = []
    for algorithm in algorithms:
        if grid is None:
            grids.append(_usual_grid(algorithm))
        else:
            grids.append({"algorithm": [algorithm], **_given(grid, algorithm)})
    for name in grid or ():
        if not any(name in one for one in grids):
            raise ValueError(f"{name!r} is a parameter of none of {', '.join(algorithms)}")
    whole = ParameterGrid(grids)
    drawn: Iterable[Setting] = whole
    if len(whole) > most:
        drawn = ParameterSampler(grids, max(most - len(grids), 1), random_state=seed)
    first = [{name: usual(name, one["algorithm"][0]) for name in one} for one in grids]
    for start, one in zip(first, grids, strict=True):
        if "bin" in one and start["bin"] not in one["bin"]:
            start["bin"] = one["bin"][0]
    found: list[Setting] = []
    for setting in (*first, *drawn):
        settings_of(setting)
        if setting not in found:
            found.append({name: setting[name] for name in first[[*algorithms].index(setting["algorithm"])]})
    return found


def _given(grid: Mapping[str, Sequence[Any]], algorithm: str) -> dict[str, list[Any]]:
    """What of the grid an algorithm has; every value is tried out alone, to name the one that cannot be."""
    found = {}
    for name, values in grid.items():
        if name == "algorithm":
            raise ValueError("algorithms are named apart from the grid")
        if name.startswith("parameters.") and name.partition(".")[2] not in get(algorithm).get_params():
            continue
        usual(name, algorithm)
        for one in values:
            settings_of({"algorithm": algorithm, name: one})
        found[name] = list(dict.fromkeys(values))
    return found


def _usual_grid(algorithm: str) -> dict[str, list[Any]]:
    tells_topics = hasattr(ALGORITHMS[algorithm], "topics")
    grid: dict[str, list[Any]] = {"algorithm": [algorithm], "bin": list(BINS)}
    values: Sequence[Any]
    for name, values in () if tells_topics else _FILTER.items():
        at = usual(name, algorithm)
        grid[name] = list(values) if at in values else [at, *values]
    for name in inspect.signature(ALGORITHMS[algorithm]).parameters:
        if name in _FIXED:
            continue
        way = f"parameters.{name}"
        values = [v for v in _around(usual(way, algorithm)) if _can_be(algorithm, way, v)]
        if len(values) > 1:
            grid[way] = list(values)
    return grid


def _around(at: Any) -> list[Any]:
    """A value, half and twice of it."""
    if isinstance(at, bool):
        return [at, not at]
    if isinstance(at, int):
        return list(dict.fromkeys([max(1, at // 2), at, at * 2]))
    if isinstance(at, float):
        return [at / 2, at, at * 2]
    return [at]


def _can_be(algorithm: str, name: str, value: Any) -> bool:
    try:
        settings_of({"algorithm": algorithm, name: value})
    except ValueError:
        return False
    return True


def lines(setting: Mapping[str, Any]) -> str:
    """The lines for ``conference.toml``.

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
    tables: dict[str, list[str]] = {"[trending]": []}
    for name, at in setting.items():
        *way, last = name.split(".")
        if at is not None:
            text = msgspec.json.encode(at).decode()
            tables.setdefault(f"[{'.'.join(['trending', *way])}]", []).append(f"{last} = {text}")
    order = sorted(tables, key=lambda table: table.count("."))
    return "\n\n".join("\n".join([table, *tables[table]]) for table in order)
