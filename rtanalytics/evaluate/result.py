"""Result of one algorithm on one recording, and a point of its curve."""

from __future__ import annotations

from dataclasses import dataclass

from rtanalytics.evaluate.matching import Truth
from rtanalytics.evaluate.tally import Tally
from rtanalytics.topics import TrendBin

__all__ = ["Point", "Result"]


@dataclass(frozen=True, slots=True)
class Point:
    """Recall and false alarms at one threshold.

    Parameters
    ----------
    threshold : float
        Minimum score of listed topics.
    recall : float
        Share of the reference topics that are found, over all recordings.
    per_hour : float
        False alarms per hour.
    """

    threshold: float
    recall: float
    per_hour: float


@dataclass(frozen=True, eq=False)
class Result:
    """One algorithm on one recording.

    Parameters
    ----------
    algorithm, recording : str
        Names of the two.
    bins : list of TrendBin
        Detected trends.
    truth : Truth
        The reference topics.
    tally : Tally
        Counts from comparing the two.
    seconds : float
        Wall-clock time from counts to trends, or from events to trends if the algorithm does its own
        counting.
    causal : bool
        False if the algorithm uses later bins.
    """

    algorithm: str
    recording: str
    bins: list[TrendBin]
    truth: Truth
    tally: Tally
    seconds: float
    causal: bool = True
