"""Evaluation of detected topics against a ground truth: metrics, comparisons, and the NAB score.

:mod:`~rtanalytics.evaluate.matching` defines when a detected topic matches a reference topic,
:mod:`~rtanalytics.evaluate.tally` counts the matches, and :mod:`~rtanalytics.evaluate.metrics` computes
the metrics. Report results on other recordings than those that were used for tuning; this is not checked.
"""

from rtanalytics.evaluate.alerts import Run, at_recall, false_runs, runs_of
from rtanalytics.evaluate.calibration import (
    Calibration,
    QuietThreshold,
    calibration_curve,
    plot_calibration,
    quiet_bins,
    quiet_threshold,
    trend_outcomes,
)
from rtanalytics.evaluate.comparison import (
    POOLED,
    Comparison,
    all_algorithms,
    compare,
    compare_all,
    default_algorithms,
    metrics_of,
)
from rtanalytics.evaluate.figure import (
    draw,
    partial_auc,
    plot_latency,
    plot_recall,
    plot_recall_intervals,
    ranked,
)
from rtanalytics.evaluate.matching import SLACK, Alert, Edge, Truth, alerts_of, assign
from rtanalytics.evaluate.metrics import METRICS, Interval, Metric, intervals, recall_gap
from rtanalytics.evaluate.nab import PROFILES, Nab, Profile, nab_score
from rtanalytics.evaluate.result import Point, Result
from rtanalytics.evaluate.tally import Outcome, Tally, judge

__all__ = [
    "METRICS",
    "POOLED",
    "PROFILES",
    "SLACK",
    "Alert",
    "Calibration",
    "Comparison",
    "Edge",
    "Interval",
    "Metric",
    "Nab",
    "Outcome",
    "Point",
    "Profile",
    "QuietThreshold",
    "Result",
    "Run",
    "Tally",
    "Truth",
    "alerts_of",
    "all_algorithms",
    "assign",
    "at_recall",
    "calibration_curve",
    "compare",
    "compare_all",
    "default_algorithms",
    "draw",
    "false_runs",
    "intervals",
    "judge",
    "metrics_of",
    "nab_score",
    "partial_auc",
    "plot_calibration",
    "plot_latency",
    "plot_recall",
    "plot_recall_intervals",
    "quiet_bins",
    "quiet_threshold",
    "ranked",
    "recall_gap",
    "runs_of",
    "trend_outcomes",
]
