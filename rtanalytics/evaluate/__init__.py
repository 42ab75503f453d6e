"""Told topics against known ones: metrics, comparisons, and the score of the Numenta benchmark.

The rule of what matches is in :mod:`~rtanalytics.evaluate.matching`, what is counted in
:mod:`~rtanalytics.evaluate.tally`, the figures in :mod:`~rtanalytics.evaluate.metrics`.
Tune on some recordings and report on others: nothing here
can know which is which.
"""

from rtanalytics.evaluate.alarms import Run, at_recall, false_runs, runs_of
from rtanalytics.evaluate.calibration import (
    Calibration,
    Quiet,
    calibration,
    plot_calibration,
    quiet,
    quiet_threshold,
    told_outcomes,
)
from rtanalytics.evaluate.comparison import (
    POOLED,
    Comparison,
    Point,
    Result,
    all_algorithms,
    compare,
    compare_all,
    default_algorithms,
    figures,
)
from rtanalytics.evaluate.figure import draw, plot_delay, plot_found, plot_recall, ranked, worth
from rtanalytics.evaluate.matching import SLACK, Alarm, Edge, Truth, alarms_of, assign
from rtanalytics.evaluate.metrics import METRICS, Interval, Metric, intervals, recall_gap
from rtanalytics.evaluate.nab import PROFILES, Nab, Profile, nab_score
from rtanalytics.evaluate.tally import Outcome, Tally, judge

__all__ = [
    "METRICS",
    "POOLED",
    "PROFILES",
    "SLACK",
    "Alarm",
    "Calibration",
    "Comparison",
    "Edge",
    "Interval",
    "Metric",
    "Nab",
    "Outcome",
    "Point",
    "Profile",
    "Quiet",
    "Result",
    "Run",
    "Tally",
    "Truth",
    "alarms_of",
    "all_algorithms",
    "assign",
    "at_recall",
    "calibration",
    "compare",
    "compare_all",
    "default_algorithms",
    "draw",
    "false_runs",
    "figures",
    "intervals",
    "judge",
    "nab_score",
    "plot_calibration",
    "plot_delay",
    "plot_found",
    "plot_recall",
    "quiet",
    "quiet_threshold",
    "ranked",
    "recall_gap",
    "runs_of",
    "told_outcomes",
    "worth",
]
