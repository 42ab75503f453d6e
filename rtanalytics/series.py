"""Plain series of counts: how anomalous is each value, given those before it?

A detector takes one value after the other and gives a score in [0, 1] for each, at once: what
comes later cannot change it. Steps between values may be of any length. :class:`Peaks` is the one
to use; the others are there to be compared with.
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
    """A file is no series; the message names file and line."""


class Row(NamedTuple):
    """One value of a series.

    Parameters
    ----------
    timestamp : str
        As it is written in the file.
    time : datetime
        The same, aware UTC.
    value : float
        A count, or any other finite number.
    """

    timestamp: str
    time: datetime
    value: float


class Detector(ABC):
    """Values in, scores out, one at a time.

    Attributes
    ----------
    name : str
        On the command line.
    """

    name: ClassVar[str]

    @abstractmethod
    def update(self, time: datetime, value: float) -> float:
        """Score a value, then learn it.

        Parameters
        ----------
        time : datetime
            Aware; not before the one before.
        value : float
            At most 1e100, or −1e100: squares of it must be numbers.

        Returns
        -------
        float
            0 (as usual) to 1.
        """


@dataclass
class _Moments:
    """Mean and variance of what was seen, what is older weighing less."""

    weight: float
    mean: float = 0.0
    variance: float = 0.0
    seen: int = 0

    def learn(self, value: float) -> None:
        """Take a value in; the first ones weigh alike."""
        self.seen += 1
        weight = max(self.weight, 1 / self.seen)
        step = value - self.mean
        self.mean += weight * step
        self.variance = (1 - weight) * (self.variance + weight * step * step)


class _Deviation(Detector):
    """Distance from the mean in standard deviations, both learnt before; only rises count."""

    def __init__(self, weight: float, warm: int) -> None:
        self._moments = _Moments(weight)
        self._warm = warm

    def update(self, time: datetime, value: float) -> float:
        past = self._moments
        z = (value - past.mean) / math.sqrt(past.variance + 1) if past.seen >= self._warm else 0.0
        past.learn(value)
        return _squashed(max(z, 0.0))


class ZScore(_Deviation):
    """Standard deviations above the mean of everything before.

    Parameters
    ----------
    warm : int
        Values that are only learnt, and score 0.
    """

    name = "zscore"

    def __init__(self, warm: int = 100) -> None:
        super().__init__(0.0, warm)


class Ewma(_Deviation):
    """Standard deviations above the moving mean.

    Parameters
    ----------
    half_life : float
        Values after which one weighs half.
    warm : int
        Values that are only learnt, and score 0.
    """

    name = "ewma"

    def __init__(self, half_life: float = 288.0, warm: int = 100) -> None:
        if not half_life > 0:
            raise ValueError(f"half_life is {half_life}; it must be above 0")
        super().__init__(1 - 2 ** (-1 / half_life), warm)


class Peaks(Detector):
    """Peaks over threshold of what is high and stays high, told once a day for each power of ten.

    1. The value is put on a scale on which counts vary alike at every level: y = √(x + ⅜)
       (Anscombe 1948), or log(1 + x).
    2. The season goes: r = y − m, where m is the moving mean of y at this time of day.
    3. What stays high counts with what is high: c = r + ``weight`` · r̄, where r̄ is the moving mean
       of r that forgets half within ``sustained``. It answers to a burst that has begun sharply and
       goes on, less to a single high value, and less to a drift (a matched filter, Turin 1960).
    4. The tail: u is a high quantile of all c before; those above it follow a generalised Pareto
       distribution (Pickands 1975; on streams: Siffer et al. 2017, "Anomaly Detection in Streams
       with Extreme Value Theory"), here by the method of moments. With N values before, n of them
       above u: P(C > c) = n/N · (1 + ξ(c − u)/σ)^(−1/ξ), and d = ⌊−log₁₀ P(C > c)⌋.
    5. d is told only if no d as high was told within ``hold``; otherwise 0. A burst rings once, and
       again only when it has become ten times rarer; its aftermath is silent.

    What the season learns is cut off at u / (1 + ``weight``), which is where a steady excess
    reaches the tail, so that a burst does not become the next day's season.

    Score: d / (1 + d). So 0.75 means one value in a thousand, 0.8 one in ten thousand; the least
    that is worth an alarm is 0.75 for values of five minutes.

    A step costs O(1) but for keeping the last values sorted; the tail is fitted every ``refit``
    values. How it was chosen: decision 8 in ``docs/decisions``.

    Parameters
    ----------
    quantile : float
        Of c, from where on the tail begins.
    scale : {'sqrt', 'log'}
        Step 1.
    slots : int
        Parts of a day of which each has its own mean.
    half_life : float
        Days after which a value of the season weighs half.
    weight : float
        Of r̄ beside r; 0 leaves the value alone.
    sustained : timedelta
        After which a value in r̄ weighs half.
    hold : timedelta
        For how long what was told silences what is not rarer.
    warm : timedelta
        Time in which the season alone is learnt, and scores are 0. They are until the tail has some
        values as well.
    refit : int
        Values after which the tail is fitted again.
    keep : int
        Last values that the tail is fitted to, which bounds the memory.

    Raises
    ------
    ValueError
        If a parameter is out of its range; the message names it.
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
            raise ValueError(f"quantile is {quantile}; the tail begins from 0.5 to below 1")
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
        self._told = (-math.inf, 0)
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
        told = self._tell(now, self._tail.surprise(c)) if self._tail else 0
        usual = math.inf if self._tail is None else self._tail.threshold / (1 + self._weight)
        for level in (slot, self._level):
            level.learn(expected + min(r, usual), now / _DAY, self._half_life)
        if now - self._first >= self._warm:
            # before, r was measured against a season that was not known yet, and is no excess
            self._learn(c)
        return _squashed(told)

    def _learn(self, c: float) -> None:
        self._seen += 1
        self._last.append(c)
        insort(self._sorted, c)
        if len(self._last) > self._keep:
            del self._sorted[bisect_left(self._sorted, self._last.popleft())]
        if self._seen % self._refit == 0:
            self._tail = _fit(self._sorted, self._quantile)

    def _tell(self, now: float, surprise: float) -> int:
        """Whole powers of ten, if none as high was told within hold.

        What was told last is the highest of those within hold: a lower one would not have been told.
        """
        power = math.floor(surprise)
        time, last = self._told
        if power <= (last if now - time < self._hold else 0):
            return 0
        self._told = now, power
        return power


@dataclass
class _Level:
    """A mean in which days fade."""

    mean: float = 0.0
    weight: float = 0.0
    day: float = 0.0

    def learn(self, value: float, day: float, half_life: float) -> None:
        """Take a value in."""
        self.weight = self.weight * 2 ** (-(day - self.day) / half_life) + 1
        self.mean += (value - self.mean) / self.weight
        self.day = day


@dataclass(frozen=True)
class _Tail:
    """P(R > r) = share · (1 + shape·(r − threshold)/width)^(−1/shape) above the threshold."""

    threshold: float
    share: float
    shape: float
    width: float

    def surprise(self, r: float) -> float:
        """−log₁₀ P(R > r); 0 below the threshold."""
        excess = (r - self.threshold) / self.width
        if excess <= 0:
            return 0.0
        power = excess if self.shape < 1e-6 else math.log1p(self.shape * excess) / self.shape
        return power / math.log(10) - math.log10(self.share)


_LEAST_PEAKS = 10


def _fit(past: list[float], quantile: float) -> _Tail | None:
    """The tail of sorted values; None as long as there is none to speak of.

    Where few values are known, the tail begins lower, so that there are some in it.
    """
    place = min(int(quantile * (len(past) - 1)), len(past) - 1 - _LEAST_PEAKS)
    if place < len(past) / 2:
        return None
    threshold = past[place]
    peaks = [r - threshold for r in past[place + 1 :] if r > threshold]
    if len(peaks) < _LEAST_PEAKS / 2:
        return None
    mean = math.fsum(peaks) / len(peaks)
    variance = math.fsum((x - mean) ** 2 for x in peaks) / (len(peaks) - 1)
    # no upper end is believed in (shape below 0), nor a tail without a variance (from 1/2 on)
    shape = min(max((1 - mean * mean / variance) / 2, 0.0), 0.45) if variance > 0 else 0.0
    return _Tail(threshold, len(peaks) / len(past), shape, mean * (1 - shape))


def _squashed(x: float) -> float:
    return x / (1 + x)


DETECTORS: dict[str, type[Detector]] = {cls.name: cls for cls in (Peaks, Ewma, ZScore)}
"""The registry: name → class."""
DEFAULT = Peaks.name
"""The detector that is used unless another is named."""


def detector(name: str = DEFAULT) -> Detector:
    """A new detector by its name.

    Raises
    ------
    ValueError
        If there is none of that name.
    """
    if name not in DETECTORS:
        raise ValueError(f"no algorithm {name!r} for series; there are {', '.join(DETECTORS)}")
    return DETECTORS[name]()


def anomaly_scores(rows: Iterable[Row], by: str | Detector = DEFAULT) -> Iterator[float]:
    """A score in [0, 1] for each row, in order, each before the next row is read.

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

    Times without an offset are taken as UTC; they may be equal, and of any distance, but never go
    back. Other columns are left alone.

    Raises
    ------
    SeriesError
        If a column is missing, a time or a number is none, or a time goes back; the message names
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
        raise ValueError(f"{text.strip()} is beyond {_GREATEST:g}; it is no count")
    return Row(timestamp, parse_time(timestamp), value)
