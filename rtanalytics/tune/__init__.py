"""Tuning of the settings of trends on recordings with reference topics.

:func:`tune` tries a grid of settings on several recordings and recommends one. The score that it reports is
cross-validated: settings are chosen without a conference and evaluated on it, because the score of a setting
is too optimistic on the data on which it was chosen.
"""

from rtanalytics.tune.figure import draw
from rtanalytics.tune.grid import candidates, default_value, lines, settings_of, value
from rtanalytics.tune.objectives import OBJECTIVES, Objective
from rtanalytics.tune.result import Fold, Tuning
from rtanalytics.tune.search import tune

__all__ = [
    "OBJECTIVES",
    "Fold",
    "Objective",
    "Tuning",
    "candidates",
    "default_value",
    "draw",
    "lines",
    "settings_of",
    "tune",
    "value",
]
