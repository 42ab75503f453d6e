"""Settings of the trends, chosen on recordings of which reference topics are known.

:func:`tune` tries a grid of settings on several recordings and recommends one. What it reports is
what a choice made without a conference reaches on that conference, because a setting is always good
where it was chosen.
"""

from rtanalytics.tune.figure import draw
from rtanalytics.tune.grid import candidates, lines, settings_of, usual, value
from rtanalytics.tune.objectives import OBJECTIVES, Objective
from rtanalytics.tune.result import Fold, Tuning
from rtanalytics.tune.search import tune

__all__ = [
    "OBJECTIVES",
    "Fold",
    "Objective",
    "Tuning",
    "candidates",
    "draw",
    "lines",
    "settings_of",
    "tune",
    "usual",
    "value",
]
