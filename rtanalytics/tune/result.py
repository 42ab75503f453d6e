"""Result of tuning: the best setting, its cross-validated score, and all scores as a frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from rtanalytics.topics import live_algorithm
from rtanalytics.tune.grid import Setting, lines, settings_of
from rtanalytics.tune.objectives import Objective

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Floats", "Fold", "Ints", "Tuning", "pooled"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def pooled(values: Floats, groups: Sequence[str] | npt.NDArray[Any]) -> Floats:
    """Return the mean over groups of the means over their parts (last axis); NaN if any is NaN."""
    names = np.asarray(groups)
    means = [values[..., names == name].mean(axis=-1) for name in dict.fromkeys(names.tolist())]
    mean: Floats = np.mean(means, axis=0)
    return mean


@dataclass(frozen=True)
class Fold:
    """One fold of the cross-validation: a conference (or day) that was left out of the choice.

    Parameters
    ----------
    left_out : str
        Name of the conference or day.
    chosen : int
        Place of the setting that was chosen on the others.
    score, default_score : float
        Score of that setting and of the default setting on what was left out.
    train_score : float
        Score of the chosen setting on the others, on which it was chosen: too optimistic.
    """

    left_out: str
    chosen: int
    score: float
    default_score: float
    train_score: float


@dataclass(frozen=True, eq=False)
class Tuning:
    """Result of :func:`~rtanalytics.tune.tune`.

    Parameters
    ----------
    settings : tuple of dict
        All settings that were tried; the first is the default.
    parts, groups : tuple of str
        Parts that were evaluated, and the conference (or day) of each.
    by_day : bool
        True if there was a single conference, whose days were left out in turn. They are alike, so the
        score on a left-out day is too optimistic for another conference.
    objective : Objective
        Objective that was optimized.
    shares : tuple of float
        Share of the reference topics on which settings were evaluated, by round.
    values, false : numpy.ndarray of float64, shape (rounds, settings, parts)
        Objective, and false alarms per hour; NaN after a setting was dropped.
    order : tuple of int
        Places of the settings of the last round, the best first.
    folds : tuple of Fold
        Folds of the cross-validation; empty if nothing could be left out.
    top : int
        Number of topics per bin.
    """

    settings: tuple[Setting, ...]
    parts: tuple[str, ...]
    groups: tuple[str, ...]
    by_day: bool
    objective: Objective
    shares: tuple[float, ...]
    values: Floats = field(repr=False)
    false: Floats = field(repr=False)
    order: tuple[int, ...]
    folds: tuple[Fold, ...]
    top: int = 10

    @property
    def best(self) -> Setting:
        """Setting with the best score on all recordings."""
        return self.settings[self.order[0]]

    @property
    def train_score(self) -> float:
        """Score of the best setting on the recordings on which it was chosen: too optimistic."""
        return self._mean(self.order[0])

    @property
    def default_score(self) -> float:
        """Score of the default setting."""
        return self._mean(0)

    @property
    def test_score(self) -> float | None:
        """Cross-validated score: the mean over the folds; None without folds."""
        return float(np.mean([fold.score for fold in self.folds])) if self.folds else None

    @property
    def unbiased(self) -> bool:
        """True if :attr:`test_score` can be expected on another conference."""
        return bool(self.folds) and not self.by_day

    @property
    def improves(self) -> bool:
        """True if the chosen settings were better than the default on what was left out, on average."""
        if self.test_score is None or self.order[0] == 0:
            return False
        default = float(np.mean([fold.default_score for fold in self.folds]))
        return self.test_score > default if self.objective.higher else self.test_score < default

    @property
    def live(self) -> bool:
        """True if the best setting can be used live."""
        try:
            live_algorithm(settings_of(self.best))
        except ValueError:
            return False
        return True

    def lines(self, place: int | None = None) -> str:
        """Return the lines of ``conference.toml`` for the best setting, or for that of a place."""
        setting = self.best if place is None else self.settings[place]
        return lines({"algorithm": setting["algorithm"], "bin": "15min", "top": self.top, **setting})

    def differs(self, place: int) -> str:
        """Describe the difference between a setting and the default."""
        default, setting = self.settings[0], self.settings[place]
        return (
            ", ".join(
                f"{name.removeprefix('topic_filter.').removeprefix('parameters.')} {at}"
                for name, at in setting.items()
                if at is not None and default.get(name) != at
            )
            or "default"
        )

    def to_frame(self) -> pd.DataFrame:
        """Return one row per setting, the best first, those that were dropped last.

        Returns
        -------
        pandas.DataFrame
            Columns: what varies; the objective on each part, its ``mean`` over conferences and
            ``false_alarms_per_hour``, in the last round of the setting; and ``share``, the share of
            reference topics in that round. Only rows of the same share can be compared.
        """
        import pandas as pd

        names = list(dict.fromkeys(name for setting in self.settings for name in setting))
        rows: list[dict[str, Any]] = []
        for i, setting in enumerate(self.settings):
            last = int(np.flatnonzero(~np.isnan(self.false[:, i]).all(axis=1)).max())
            rows.append(
                {name: setting.get(name) for name in names}
                | dict(zip(self.parts, self.values[last, i].tolist(), strict=True))
                | {
                    "mean": float(pooled(self.values[last, i], self.groups)),
                    "false_alarms_per_hour": float(pooled(self.false[last, i], self.groups)),
                    "share": self.shares[last],
                }
            )
        frame = pd.DataFrame(rows)
        place = {setting: rank for rank, setting in enumerate(self.order)}
        sign = -1.0 if self.objective.higher else 1.0
        keys = [
            (place.get(i, len(place)), -row["share"], sign * row["mean"], i) for i, row in enumerate(rows)
        ]
        return frame.iloc[sorted(range(len(rows)), key=keys.__getitem__)].rename_axis("setting")

    def _mean(self, place: int) -> float:
        return float(pooled(self.values[-1, place], self.groups))
