"""Data classes for the result of one algorithm on one recording, and for a point of its curve."""

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
        Share of the reference topics of all recordings that are found, between 0 and 1.
    per_hour : float
        False alarms per hour.
    """

    threshold: float
    recall: float
    per_hour: float


@dataclass(frozen=True, eq=False)
class Result:
    """Result of one algorithm on one recording.

    Parameters
    ----------
    algorithm, recording : str
        Name of the algorithm, and name of the recording.
    bins : list of TrendBin
        Detected trends.
    truth : Truth
        The reference topics.
        tally : Tally
            Counts from the comparison of the trends with the reference topics.
    seconds : float
        Wall-clock time in seconds to compute trends from counts, or from events if the algorithm does
        its own counting.
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
