"""Interface of algorithms, and the registry of all of them.

:mod:`rtanalytics.trending` exports everything in this module, too.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator, Mapping
from copy import deepcopy
from difflib import get_close_matches
from importlib import import_module
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np

from rtanalytics.counts import BinCounts, Cells, Channel, Floats, Ints, TermCounts
from rtanalytics.settings import Settings, SettingsError

__all__ = ["ALGORITHMS", "DEFAULT", "Algorithm", "Scores", "State", "algorithm_of", "get"]


class Scores(NamedTuple):
    """Scores of cells or of the terms of a bin, in the same order as these.

    Parameters
    ----------
    score : numpy.ndarray of float64
        Score; a higher score means a stronger trend.
    expected : numpy.ndarray of float64
        Expected count; 0 if the algorithm computes none.
    """

    score: Floats
    expected: Floats


class State:
    """State of an algorithm between two steps: numbers per term, and sums over the history.

    Parameters
    ----------
    *names : str
        Names of arrays with one number per term, initially 0.
    **wide : int
        Names of arrays with several numbers per term.
    """

    def __init__(self, *names: str, **wide: int) -> None:
        self.bin: int | None = None
        self.first: int | None = None
        self.history = 0.0
        self.recent: deque[BinCounts] = deque()
        self.slots: dict[int, tuple[Ints, Floats, float]] = {}
        self._names = (*names, *wide)
        for name in self._names:
            setattr(self, name, np.zeros((0, wide[name]) if name in wide else 0))

    def __getattr__(self, name: str) -> Floats:
        raise AttributeError(f"this state has no {name!r}")

    def copy(self) -> Self:
        """Return an independent copy, which does not change when this state is updated."""
        new = type(self).__new__(type(self))
        for name, value in vars(self).items():
            if isinstance(value, np.ndarray):
                vars(new)[name] = value.copy()
            elif name in {"recent", "slots"}:
                vars(new)[name] = value.copy()  # their items never change, so a shallow copy is enough
            else:
                vars(new)[name] = deepcopy(value)
        return new

    def reserve(self, terms: int) -> None:
        """Grow the arrays to at least ``terms`` terms."""
        for name in self._names:
            old: Floats = getattr(self, name)
            if len(old) < terms:
                new = np.zeros((max(terms, 2 * len(old)), *old.shape[1:]))
                new[: len(old)] = old
                setattr(self, name, new)


class Algorithm(ABC):
    """Algorithm that scores how surprising the count of a term in a bin is.

    :meth:`score` scores all bins at once, :meth:`step` one bin after another; the scores are the same.

    Attributes
    ----------
    name : str
        Name in the registry.
    causal : bool
        False if a score depends on later bins; such an algorithm cannot be used live.
    floor : float
        Terms trend only if their score is higher than this.
    """

    name: str
    causal: ClassVar[bool] = True
    floor: float = 0.0

    def score(self, counts: TermCounts | Cells, channel: Channel = "authors") -> Scores:
        """Score every cell, in the order of ``counts.cells(channel)``."""
        return self._score(counts.cells(channel) if isinstance(counts, TermCounts) else counts)

    def start(self) -> State:
        """Return the state before the first bin."""
        return State()

    def step(self, state: State, bin: BinCounts) -> Scores:
        """Score the terms of the next bin, and update the state with the bin.

        Raises
        ------
        ValueError
            If the bin does not come after the one before.
        """
        if state.bin is not None and bin.bin <= state.bin:
            raise ValueError(f"bin {bin.bin} comes after bin {state.bin}; pass bins in ascending order")
        state.reserve(int(bin.terms[-1]) + 1 if len(bin.terms) else 0)
        state.first = bin.bin if state.first is None else state.first
        scores = self._step(state, bin)
        state.bin = bin.bin
        return scores

    @abstractmethod
    def _score(self, cells: Cells) -> Scores: ...

    @abstractmethod
    def _step(self, state: State, bin: BinCounts) -> Scores: ...

    def get_params(self, deep: bool = True) -> dict[str, Any]:  # noqa: FBT001, FBT002  (scikit-learn's)
        """Return the parameters by name, as scikit-learn's ``clone`` and search classes expect."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    def set_params(self, **parameters: Any) -> Self:
        """Set parameters by name.

        Raises
        ------
        ValueError
            If a parameter is unknown or its value invalid.
        """
        merged = self.get_params()
        for name in parameters:
            if name not in merged:
                known = ", ".join(merged)
                raise ValueError(f"{self.name} has no parameter {name!r}; it has {known}")
        vars(self).update(vars(type(self)(**{**merged, **parameters})))
        return self

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={value!r}" for name, value in self.get_params().items())
        return f"{type(self).__name__}({given})"


class _Registry(Mapping[str, type[Algorithm]]):
    """Algorithm classes by name, imported when one is looked up."""

    def __init__(self, places: Mapping[str, str]) -> None:
        self._places = places

    def __getitem__(self, name: str) -> type[Algorithm]:
        module, _, cls = self._places[name].partition(":")
        algorithm: type[Algorithm] = getattr(import_module(f"rtanalytics.{module}"), cls)
        return algorithm

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


ALGORITHMS: Mapping[str, type[Algorithm]] = _Registry(
    {
        "bngram": "algorithms.topical.bngram:BNgram",
        "mabed": "algorithms.topical.mabed:Mabed",
        "neighbours": "algorithms.topical.neighbours:Neighbours",
        "nmf": "algorithms.topical.pivots:Nmf",
        "mini-batch": "algorithms.topical.pivots:MiniBatch",
        "nmf-batch": "algorithms.topical.pivots:NmfBatch",
        "count": "trending:WindowCount",
        "decay": "trending:DecayedCount",
        "ewma": "trending:EwmaZ",
        "poisson": "trending:Poisson",
        "seasonal-poisson": "trending:SeasonalPoisson",
        "kleinberg": "algorithms.bursts:Kleinberg",
        "cusum": "algorithms.bursts:Cusum",
        "change-point": "algorithms.bursts:ChangePoint",
        "peaks-over-threshold": "algorithms.bursts:PeaksOverThreshold",
        "growth": "algorithms.rates:Growth",
        "macd": "algorithms.rates:Macd",
        "zscore": "algorithms.rates:ZScore",
        "signitrend": "algorithms.rates:SigniTrend",
        "twitinfo": "algorithms.rates:TwitInfo",
        "gnip": "algorithms.rates:Gnip",
        "mastodon": "algorithms.rates:Mastodon",
        "negative-binomial": "algorithms.shares:NegativeBinomial",
        "seasonal-negative-binomial": "algorithms.shares:SeasonalNegativeBinomial",
        "chi2": "algorithms.shares:ChiSquare",
        "g2": "algorithms.shares:G2",
        "jlh": "algorithms.shares:Jlh",
        "df-idf": "algorithms.shares:DfIdf",
        "benhardus": "algorithms.shares:Benhardus",
    }
)
"""All algorithms by name. The registry holds import paths, so that no module has to import the others."""

DEFAULT = str(Settings().algorithm)
"""Name of the algorithm that is used by default."""


def get(algorithm: str | Algorithm, **parameters: Any) -> Algorithm:
    """Return the algorithm with a given name and parameters.

    Raises
    ------
    SettingsError
        If the name or a parameter is unknown, or a value is invalid; the ``key`` of the error is
        ``algorithm`` or ``parameters.…``.
    """
    if isinstance(algorithm, Algorithm):
        return algorithm.set_params(**parameters)
    if algorithm not in ALGORITHMS:
        close = "".join(f"did you mean {name!r}? " for name in get_close_matches(algorithm, ALGORITHMS, 1))
        known = ", ".join(sorted(ALGORITHMS))
        raise SettingsError("algorithm", f"no algorithm {algorithm!r}; {close}there are {known}")
    cls = ALGORITHMS[algorithm]
    names = inspect.signature(cls).parameters
    for name in parameters:
        if name not in names:
            has = f"it has {', '.join(names)}" if names else "it has none"
            raise SettingsError(
                f"parameters.{name}", f"algorithm {algorithm!r} has no parameter {name!r}; {has}"
            )
    try:
        return cls(**parameters)
    except SettingsError as error:
        raise SettingsError(f"parameters.{error.key}", f"parameters.{error}") from None


def algorithm_of(settings: Settings) -> Algorithm:
    """Return the algorithm that settings name, with their parameters.

    Raises
    ------
    SettingsError
        As for :func:`get`, or if the algorithm is neither a name nor an :class:`Algorithm`.
    """
    algorithm = settings.algorithm
    if not isinstance(algorithm, str | Algorithm):
        raise SettingsError("algorithm", f"algorithm must be a name or an Algorithm, not {algorithm!r}")
    return get(algorithm, **settings.parameters)
