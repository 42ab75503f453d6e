"""The score of the Numenta Anomaly Benchmark (Lavin & Ahmad 2015), which rewards early detections.

Per labelled window, the earliest detection earns the more the earlier it comes; a window without
one costs ``miss``; every other alarm costs up to ``false``, the less the closer it follows a window.
The sum is put on a scale on which a detector that never says anything has 0 and a perfect one 100.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

__all__ = ["PROFILES", "Nab", "Profile", "nab_score", "probation", "reward"]


@dataclass(frozen=True)
class Profile:
    """What a hit earns, a miss and a false alarm cost."""

    hit: float
    miss: float
    false: float


PROFILES = {
    "standard": Profile(1.0, 1.0, 0.11),
    "reward_low_FP_rate": Profile(1.0, 1.0, 0.22),
    "reward_low_FN_rate": Profile(1.0, 2.0, 0.11),
}
"""The three of the benchmark."""


@dataclass(frozen=True)
class Nab:
    """A sum that can be pooled with others.

    Parameters
    ----------
    raw : float
        Sum of what was earned and lost.
    windows : int
        Labelled windows.
    detected, false_alarms : int
        Windows with a detection; rows flagged outside of any.
    profile : str
        Name of the profile.
    """

    raw: float
    windows: int
    detected: int
    false_alarms: int
    profile: str = "standard"

    def __add__(self, other: Nab) -> Nab:
        if other.profile != self.profile:
            raise ValueError(f"scores by {self.profile} and by {other.profile} cannot be added")
        return Nab(
            self.raw + other.raw,
            self.windows + other.windows,
            self.detected + other.detected,
            self.false_alarms + other.false_alarms,
            self.profile,
        )

    @property
    def score(self) -> float | None:
        """0 for silence, 100 for perfection, below 0 for worse than silence; None without windows."""
        if not self.windows:
            return None
        costs = PROFILES[self.profile]
        silence = -costs.miss * self.windows
        return 100 * (self.raw - silence) / (costs.hit * self.windows - silence)


def reward(y: float) -> float:
    """Of a detection at ``y`` window lengths after the window's end: from almost 1 down to −1."""
    return -1.0 if y > 3 else 2 / (1 + math.exp(5 * y)) - 1


def probation(rows: int) -> int:
    """First rows that are not judged: 15 %, at most 750."""
    return math.floor(min(0.15 * rows, 750))


def nab_score(
    times: Sequence[datetime],
    scores: npt.ArrayLike,
    windows: Sequence[tuple[datetime, datetime]],
    threshold: float,
    profile: str = "standard",
) -> Nab:
    """Score one series.

    Parameters
    ----------
    times : sequence of datetime, length n
        In order; the first row of a time is meant where several have it.
    scores : array_like of float, shape (n,)
        Anomaly scores; an alarm is a score of at least ``threshold``.
    windows : sequence of (datetime, datetime)
        Labelled windows in order, disjoint, both ends included and among ``times``.
    threshold : float
        From where on a score is an alarm.
    profile : str
        A name out of :data:`PROFILES`.

    Raises
    ------
    ValueError
        If lengths differ, a window's end is not among the times, windows overlap, or there is no
        such profile.

    Examples
    --------
    >>> times = [datetime(2026, 5, 15, hour) for hour in range(20)]
    >>> window = (times[10], times[14])
    >>> flags = [0.0] * 10 + [1.0] + [0.0] * 9
    >>> nab_score(times, flags, [window], 0.5).score
    100.0
    """
    if profile not in PROFILES:
        raise ValueError(f"no profile {profile!r}; there are {', '.join(PROFILES)}")
    flagged = np.asarray(scores, float) >= threshold
    if len(flagged) != len(times):
        raise ValueError(f"{len(flagged)} scores for {len(times)} times; each row needs one")
    costs, spans = PROFILES[profile], _rows(times, windows)
    start = probation(len(times))
    best = [-costs.miss] * len(spans)
    lost, false, turn = 0.0, 0, 0
    for i in np.flatnonzero(flagged).tolist():
        if i < start:
            continue
        while turn < len(spans) and spans[turn][1] < i:
            turn += 1
        if turn < len(spans) and spans[turn][0] <= i:
            first, last = spans[turn]
            earned = costs.hit * reward(-(last - i + 1) / (last - first + 1)) / reward(-1.0)
            best[turn] = max(best[turn], earned)
            continue
        false += 1
        lost += costs.false * (_after(i, *spans[turn - 1]) if turn else -1.0)
    detected = sum(value > -costs.miss for value in best)
    return Nab(sum(best) + lost, len(spans), detected, false, profile)


def _after(row: int, first: int, last: int) -> float:
    return reward((row - last) / (last - first)) if last > first else -1.0


def _rows(times: Sequence[datetime], windows: Sequence[tuple[datetime, datetime]]) -> list[tuple[int, int]]:
    row: dict[datetime, int] = {}
    for i, time in enumerate(times):
        row.setdefault(time, i)
    spans: list[tuple[int, int]] = []
    for start, end in windows:
        for moment in (start, end):
            if moment not in row:
                raise ValueError(f"a window ends at {moment.isoformat()}, which is no row of the series")
        spans.append((row[start], row[end]))
        if spans[-1][1] < spans[-1][0] or (len(spans) > 1 and spans[-1][0] <= spans[-2][1]):
            raise ValueError(
                f"the window that starts at {start.isoformat()} is out of order or overlaps another"
            )
    return spans
