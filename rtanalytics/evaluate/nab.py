"""Score of the Numenta Anomaly Benchmark (Lavin & Ahmad 2015), which rewards early detections.

In each labelled window, only the earliest detection counts, and it earns more the earlier it is. A window
without a detection costs ``miss``. An alarm outside of all windows costs up to ``false``, and less if it
is soon after a window. The sum is scaled so that a detector without alarms has 0 and a perfect one 100.
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
    """Weights of the benchmark: reward of a hit, cost of a miss, and cost of a false alarm."""

    hit: float
    miss: float
    false: float


PROFILES = {
    "standard": Profile(1.0, 1.0, 0.11),
    "reward_low_FP_rate": Profile(1.0, 1.0, 0.22),
    "reward_low_FN_rate": Profile(1.0, 2.0, 0.11),
}
"""The three profiles of the benchmark."""


@dataclass(frozen=True)
class Nab:
    """NAB score of one or several time series; scores can be added.

    Parameters
    ----------
    raw : float
        Sum of rewards minus costs, not scaled.
        windows : int
        Number of labelled windows.
    detected, false_alarms : int
        Number of windows with a detection, and number of alarms outside of all windows.
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
            raise ValueError(f"cannot add scores of the profiles {self.profile} and {other.profile}")
        return Nab(
            self.raw + other.raw,
            self.windows + other.windows,
            self.detected + other.detected,
            self.false_alarms + other.false_alarms,
            self.profile,
        )

    @property
    def score(self) -> float | None:
        """Scaled score, or None without windows.

        It is 0 without alarms, 100 for a perfect detector, and negative if it is worse than no alarms.
        """
        if not self.windows:
            return None
        costs = PROFILES[self.profile]
        silence = -costs.miss * self.windows
        return 100 * (self.raw - silence) / (costs.hit * self.windows - silence)


def reward(y: float) -> float:
    """Return the reward of a detection ``y`` window lengths after the end of the window.

    It falls from almost 1 at ``y = -1``, the start of the window, to −1.
    """
    return -1.0 if y > 3 else 2 / (1 + math.exp(5 * y)) - 1


def probation(rows: int) -> int:
    """Return the number of rows at the start that are not evaluated: 15 % of all rows, at most 750."""
    return math.floor(min(0.15 * rows, 750))


def nab_score(
    times: Sequence[datetime],
    scores: npt.ArrayLike,
    windows: Sequence[tuple[datetime, datetime]],
    threshold: float,
    profile: str = "standard",
) -> Nab:
    """Compute the NAB score of one time series.

    Parameters
    ----------
    times : sequence of datetime, length n
        Times in order; for equal times, windows refer to the first row.
    scores : array_like of float, shape (n,)
        Anomaly scores; a score of ``threshold`` or more is an alarm.
    windows : sequence of (datetime, datetime)
        Labelled windows in order, without overlap; both ends are included and must be in ``times``.
    threshold : float
        Minimum score of an alarm.
    profile : str
        Name in :data:`PROFILES`.

    Raises
    ------
    ValueError
        If ``times`` and ``scores`` differ in length, an end of a window is not in ``times``, windows
        overlap, or the profile is unknown.

    Examples
    --------
    >>> times = [datetime(2026, 5, 15, hour) for hour in range(20)]
    >>> window = (times[10], times[14])
    >>> flags = [0.0] * 10 + [1.0] + [0.0] * 9
    >>> nab_score(times, flags, [window], 0.5).score
    100.0
    """
    if profile not in PROFILES:
        raise ValueError(f"unknown profile {profile!r} (profiles: {', '.join(PROFILES)})")
    flagged = np.asarray(scores, float) >= threshold
    if len(flagged) != len(times):
        raise ValueError(f"{len(flagged)} scores for {len(times)} times; give one per time")
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
                raise ValueError(
                    f"the series has no row at {moment.isoformat()}, where a window starts or ends"
                )
        spans.append((row[start], row[end]))
        if spans[-1][1] < spans[-1][0] or (len(spans) > 1 and spans[-1][0] <= spans[-2][1]):
            raise ValueError(
                f"the window that starts at {start.isoformat()} is out of order or overlaps another one"
            )
    return spans
