"""Detectors of anomalies in series of counts.

A detector takes values one at a time and immediately returns a score in [0, 1] for each; later values
do not change it. Steps between values may have any length. :class:`Peaks` is the recommended detector;
the others are baselines.
"""

from __future__ import annotations

import csv
import math
from abc import ABC, abstractmethod
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import ClassVar, Literal, NamedTuple

from rtanalytics.clock import parse_time

__all__ = [
    "DEFAULT",
    "DETECTORS",
    "Detector",
    "Ewma",
    "Peaks",
    "Row",
    "SeriesError",
    "ZScore",
    "anomaly_scores",
    "detector",
    "read_series",
]

_DAY = 86400.0
_GREATEST = 1e100


class SeriesError(ValueError):
    """A file that is not a series; the message names file and line."""


class Row(NamedTuple):
    """Value of a series.

    Parameters
    ----------
    timestamp : str
        The time as it is written in the file.
    time : datetime
        The time, aware UTC.
    value : float
        A count, or any other finite number.
    """

    timestamp: str
    time: datetime
    value: float


class Detector(ABC):
    """Detector that scores one value at a time.

    Attributes
    ----------
    name : str
        Name on the command line.
    """

    name: ClassVar[str]

    @abstractmethod
    def update(self, time: datetime, value: float) -> float:
        """Score a value, then learn from it.

        Parameters
        ----------
        time : datetime
            Aware; not before the previous time.
        value : float
            From −1e100 to 1e100, so that its square is finite.

        Returns
        -------
        float
            From 0 (normal) to 1.
        """


@dataclass
class _Moments:
    """Exponentially weighted mean and variance."""

    weight: float
    mean: float = 0.0
    variance: float = 0.0
    seen: int = 0

    def learn(self, value: float) -> None:
        """Update mean and variance with a value; the first values have equal weights."""
        self.seen += 1
        weight = max(self.weight, 1 / self.seen)
        step = value - self.mean
        self.mean += weight * step
        self.variance = (1 - weight) * (self.variance + weight * step * step)


class _Deviation(Detector):
    """Base of detectors that count standard deviations above a mean; values below it score 0."""

    def __init__(self, weight: float, warm: int) -> None:
        self._moments = _Moments(weight)
        self._warm = warm

    def update(self, time: datetime, value: float) -> float:
        past = self._moments
        z = (value - past.mean) / math.sqrt(past.variance + 1) if past.seen >= self._warm else 0.0
        past.learn(value)
        return _squashed(max(z, 0.0))


class ZScore(_Deviation):
    """Standard deviations above the mean of all earlier values.

    Parameters
    ----------
    warm : int
        Number of values at the beginning that are only learnt, and score 0.
    """

    name = "zscore"

    def __init__(self, warm: int = 100) -> None:
        super().__init__(0.0, warm)


class Ewma(_Deviation):
    """Standard deviations above the moving mean.

    Parameters
    ----------
    half_life : float
        Number of values after which the weight of a value is halved.
    warm : int
        Number of values at the beginning that are only learnt, and score 0.
    """

    name = "ewma"

    def __init__(self, half_life: float = 288.0, warm: int = 100) -> None:
        if not half_life > 0:
            raise ValueError(f"half_life is {half_life}; it must be above 0")
        super().__init__(1 - 2 ** (-1 / half_life), warm)


class Peaks(Detector):
    """Peaks over threshold of high and sustained values, reported once per day and power of ten.

    1. The value is transformed so that the variance of counts is the same at every level: y = √(x + ⅜)
       (Anscombe 1948), or log(1 + x).
    2. The season is removed: r = y − m, where m is the moving mean of y at this time of day.
    3. Sustained excess is added: c = r + ``weight`` · r̄, where r̄ is the moving mean of r with the
       half-life ``sustained``. It responds to a burst that begins sharply and continues, less to a
       single high value, and less to a drift (a matched filter, Turin 1960).
    4. The tail: u is a high quantile of all earlier c; those above it follow a generalised Pareto
       distribution (Pickands 1975; on streams: Siffer et al. 2017, "Anomaly Detection in Streams
       with Extreme Value Theory"), here by the method of moments. With N earlier values, n of them
       above u: P(C > c) = n/N · (1 + ξ(c − u)/σ)^(−1/ξ), and d = ⌊−log₁₀ P(C > c)⌋.
    5. d is reported only if no d as high was reported within ``hold``; otherwise it is 0. So a burst
       gives one alert, and another only when it has become ten times rarer.

    The values that the season learns are clipped at u / (1 + ``weight``), where a steady excess
    reaches the tail, so that a burst does not become the season of the next day.

    Score: d / (1 + d). So 0.75 means one value in a thousand, 0.8 one in ten thousand. For values of
    five minutes, 0.75 is the lowest reasonable threshold for an alert.

    A step costs O(1), except for keeping the last values sorted; the tail is fitted every ``refit``
    values. Decision 8 in ``docs/decisions`` explains how the detector was chosen.

    Parameters
    ----------
    quantile : float
        Quantile of c at which the tail begins.
    scale : {'sqrt', 'log'}
        Transformation of step 1: square root or logarithm.
    slots : int
        Number of parts of a day with a mean of their own.
    half_life : float
        Days after which the weight of a value of the season is halved.
    weight : float
        Weight of r̄ relative to r; 0 ignores sustained excess.
    sustained : timedelta
        Time after which the weight of a value in r̄ is halved.
    hold : timedelta
        How long a reported burst suppresses others that are not rarer.
    warm : timedelta
        Time at the beginning in which only the season is learnt, and scores are 0. Scores also stay
        0 until the tail has enough values.
    refit : int
        Number of values after which the tail is fitted again.
    keep : int
        Number of last values that the tail is fitted to; it limits the memory.

    Raises
    ------
    ValueError
        If a parameter is out of range; the message names it.
    """

    name = "peaks"

    def __init__(
        self,
        *,
        quantile: float = 0.99,
        scale: Literal["sqrt", "log"] = "sqrt",
        slots: int = 24,
        half_life: float = 14.0,
        weight: float = 2.0,
        sustained: timedelta = timedelta(minutes=90),
        hold: timedelta = timedelta(hours=24),
        warm: timedelta = timedelta(hours=24),
        refit: int = 36,
        keep: int = 20_000,
    ) -> None:
        if not 0.5 <= quantile < 1:
            raise ValueError(f"quantile is {quantile}; it must be from 0.5 to below 1")
        if min(slots, refit, keep) < 1 or not half_life > 0:
            raise ValueError(
                f"slots {slots}, refit {refit}, keep {keep} and half_life {half_life} must be above 0"
            )
        if not (weight >= 0 and sustained > timedelta(0)):
            raise ValueError(f"weight {weight} must not be below 0, and sustained {sustained} be above 0")
        self._quantile, self._log, self._slots = quantile, scale == "log", slots
        self._half_life, self._weight, self._sustained = half_life, weight, sustained / timedelta(days=1)
        self._hold, self._warm = hold.total_seconds(), warm.total_seconds()
        self._refit, self._keep, self._seen = refit, keep, 0
        self._season: dict[int, _Level] = {}
        self._level, self._excess = _Level(), _Level()
        self._last: deque[float] = deque()
        self._sorted: list[float] = []
        self._tail: _Tail | None = None
        self._reported = (-math.inf, 0)
        self._first: float | None = None

    def update(self, time: datetime, value: float) -> float:
        now = time.timestamp()
        self._first = now if self._first is None else self._first
        y = math.log1p(max(value, 0.0)) if self._log else math.sqrt(max(value, 0.0) + 0.375)
        slot = self._season.setdefault(int(now % _DAY / _DAY * self._slots), _Level())
        expected = slot.mean if slot.weight else self._level.mean if self._level.weight else y
        r = y - expected
        self._excess.learn(r, now / _DAY, self._sustained)
        c = r + self._weight * self._excess.mean
        reported = self._report(now, self._tail.surprise(c)) if self._tail else 0
        limit = math.inf if self._tail is None else self._tail.threshold / (1 + self._weight)
        for level in (slot, self._level):
            level.learn(expected + min(r, limit), now / _DAY, self._half_life)
        if now - self._first >= self._warm:
            # earlier values of r are not an excess, because the season was not known yet
            self._learn(c)
        return _squashed(reported)

    def _learn(self, c: float) -> None:
        self._seen += 1
        self._last.append(c)
        insort(self._sorted, c)
        if len(self._last) > self._keep:
            del self._sorted[bisect_left(self._sorted, self._last.popleft())]
        if self._seen % self._refit == 0:
            self._tail = _fit(self._sorted, self._quantile)

    def _report(self, now: float, surprise: float) -> int:
        """Return the surprise in whole powers of ten, or 0 if one as high was reported within ``hold``.

        The last reported value is the highest within hold, because lower ones are not reported.
        """
        power = math.floor(surprise)
        time, last = self._reported
        if power <= (last if now - time < self._hold else 0):
            return 0
        self._reported = now, power
        return power


@dataclass
class _Level:
    """Mean with weights that decay by days."""

    mean: float = 0.0
    weight: float = 0.0
    day: float = 0.0

    def learn(self, value: float, day: float, half_life: float) -> None:
        """Update the mean with a value; older values lose half their weight every ``half_life`` days."""
        self.weight = self.weight * 2 ** (-(day - self.day) / half_life) + 1
        self.mean += (value - self.mean) / self.weight
        self.day = day


@dataclass(frozen=True)
class _Tail:
    """Tail above the threshold: P(R > r) = share · (1 + shape·(r − threshold)/width)^(−1/shape)."""

    threshold: float
    share: float
    shape: float
    width: float

    def surprise(self, r: float) -> float:
        """Return −log₁₀ P(R > r); 0 below the threshold."""
        excess = (r - self.threshold) / self.width
        if excess <= 0:
            return 0.0
        power = excess if self.shape < 1e-6 else math.log1p(self.shape * excess) / self.shape
        return power / math.log(10) - math.log10(self.share)


_MIN_PEAKS = 10


def _fit(past: list[float], quantile: float) -> _Tail | None:
    """Fit the tail of sorted values; return None if there are too few.

    With few values the tail begins lower, so that it contains enough of them.
    """
    place = min(int(quantile * (len(past) - 1)), len(past) - 1 - _MIN_PEAKS)
    if place < len(past) / 2:
        return None
    threshold = past[place]
    peaks = [r - threshold for r in past[place + 1 :] if r > threshold]
    if len(peaks) < _MIN_PEAKS / 2:
        return None
    mean = math.fsum(peaks) / len(peaks)
    variance = math.fsum((x - mean) ** 2 for x in peaks) / (len(peaks) - 1)
    # the tail has no upper end (shape below 0) and a finite variance (shape below 1/2)
    shape = min(max((1 - mean * mean / variance) / 2, 0.0), 0.45) if variance > 0 else 0.0
    return _Tail(threshold, len(peaks) / len(past), shape, mean * (1 - shape))


def _squashed(x: float) -> float:
    return x / (1 + x)


DETECTORS: dict[str, type[Detector]] = {cls.name: cls for cls in (Peaks, Ewma, ZScore)}
"""Registry: name → class."""
DEFAULT = Peaks.name
"""Name of the default detector."""


def detector(name: str = DEFAULT) -> Detector:
    """Create a detector by its name.

    Raises
    ------
    ValueError
        If there is no such detector.
    """
    if name not in DETECTORS:
        raise ValueError(f"unknown detector {name!r}; use one of {', '.join(DETECTORS)}")
    return DETECTORS[name]()


def anomaly_scores(rows: Iterable[Row], by: str | Detector = DEFAULT) -> Iterator[float]:
    """Yield a score in [0, 1] for each row, before the next row is read.

    Examples
    --------
    >>> from datetime import UTC
    >>> at = datetime(2026, 5, 15, tzinfo=UTC)
    >>> values = [5 + n % 3 for n in range(1000)] + [90]
    >>> rows = [Row("", at + n * timedelta(minutes=5), value) for n, value in enumerate(values)]
    >>> scores = list(anomaly_scores(rows, "zscore"))
    >>> max(scores[:-1]) < 0.6, scores[-1] > 0.9
    (True, True)
    """
    chosen = detector(by) if isinstance(by, str) else by
    for row in rows:
        yield chosen.update(row.time, row.value)


def read_series(path: str | Path) -> Iterator[Row]:
    """Read a CSV file with the columns ``timestamp`` and ``value``, row by row.

    Times without an offset are in UTC. They may be equal and at any distance, but must not go back.
    Other columns are ignored.

    Raises
    ------
    SeriesError
        If a column is missing, a time or number is invalid, or a time goes back; the message names
        file and line.
    OSError
        If the file cannot be read.
    """
    with open(path, newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file, strict=True)
        try:
            missing = [name for name in ("timestamp", "value") if name not in (reader.fieldnames or ())]
            if missing:
                raise SeriesError(f"{path}:1: no column {missing[0]!r}; a series has timestamp and value")
            last: Row | None = None
            for cells in reader:
                row = _row(cells)
                if last is not None and row.time < last.time:
                    raise ValueError(f"{row.timestamp} comes after {last.timestamp}; sort the file by time")
                yield row
                last = row
        except SeriesError:
            raise
        except (ValueError, csv.Error) as error:
            raise SeriesError(f"{path}:{reader.reader.line_num}: {error}") from None


def _row(cells: dict[str, str | None]) -> Row:
    timestamp, text = cells["timestamp"], cells["value"]
    if timestamp is None or text is None or not timestamp.strip() or not text.strip():
        raise ValueError("a timestamp or a value is missing; remove the row or fill it in")
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{text!r} is not a finite number")
    if abs(value) > _GREATEST:
        raise ValueError(f"{text.strip()} is beyond {_GREATEST:g}; it is not a count")
    return Row(timestamp, parse_time(timestamp), value)
