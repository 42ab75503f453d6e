"""What tuning found: a frame, lines to paste, and how much to believe of it."""

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
    """Means over groups of the means over their parts, which are the last axis; NaN if any is."""
    names = np.asarray(groups)
    means = [values[..., names == name].mean(axis=-1) for name in dict.fromkeys(names.tolist())]
    found: Floats = np.mean(means, axis=0)
    return found


@dataclass(frozen=True)
class Fold:
    """A conference (or day) that had no part in a choice.

    Parameters
    ----------
    left_out : str
        Which.
    chosen : int
        Place of the setting that the others chose.
    value, usual : float
        What that setting reaches on it, and what the usual one does.
    inner : float
        What it reaches on the others, where it was chosen: too good to be true.
    """

    left_out: str
    chosen: int
    value: float
    usual: float
    inner: float


@dataclass(frozen=True, eq=False)
class Tuning:
    """The outcome of :func:`~rtanalytics.tune.tune`.

    Parameters
    ----------
    settings : tuple of dict
        All that were tried; the first is the usual one.
    parts, groups : tuple of str
        What was judged, and to which conference (or day) each belongs.
    by_day : bool
        True if there was one conference only, whose days were left out in turn. They are alike, so
        what is said of a left-out day is too good for another conference.
    objective : Objective
        What was to become good.
    shares : tuple of float
        Shares of the reference topics on which settings were judged, round after round.
    values, false : numpy.ndarray of float64, shape (rounds, settings, parts)
        The objective, and false alarms an hour; NaN where a setting was dropped before.
    order : tuple of int
        Places of the settings that came to the end, the best first.
    folds : tuple of Fold
        One for each that was left out; none if there was nothing to leave out.
    top : int
        Topics a bin.
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
        """The setting that is best on everything."""
        return self.settings[self.order[0]]

    @property
    def apparent(self) -> float:
        """What it reaches where it was chosen: too good to be true."""
        return self._mean(self.order[0])

    @property
    def usual(self) -> float:
        """What the usual setting reaches."""
        return self._mean(0)

    @property
    def unseen(self) -> float | None:
        """Mean over what was left out of what the others' choice reaches there; None if nothing was."""
        return float(np.mean([fold.value for fold in self.folds])) if self.folds else None

    @property
    def honest(self) -> bool:
        """True if :attr:`unseen` is what may be expected of another conference."""
        return bool(self.folds) and not self.by_day

    @property
    def worth_it(self) -> bool:
        """True if what was chosen without a conference did better on it, on average, than the usual."""
        if self.unseen is None or self.order[0] == 0:
            return False
        usual = float(np.mean([fold.usual for fold in self.folds]))
        return self.unseen > usual if self.objective.higher else self.unseen < usual

    @property
    def live(self) -> bool:
        """True if the best setting can tell trends as they come."""
        try:
            live_algorithm(settings_of(self.best))
        except ValueError:
            return False
        return True

    def lines(self, place: int | None = None) -> str:
        """The lines of ``conference.toml`` for a setting: the best one, or that of a place."""
        setting = self.best if place is None else self.settings[place]
        return lines({"algorithm": setting["algorithm"], "bin": "15min", "top": self.top, **setting})

    def differs(self, place: int) -> str:
        """In what a setting differs from the usual one, in words."""
        usual, setting = self.settings[0], self.settings[place]
        return (
            ", ".join(
                f"{name.removeprefix('topic_filter.').removeprefix('parameters.')} {at}"
                for name, at in setting.items()
                if at is not None and usual.get(name) != at
            )
            or "the usual"
        )

    def to_frame(self) -> pd.DataFrame:
        """A row a setting, the best first, those that were dropped last.

        Returns
        -------
        pandas.DataFrame
            Columns: what varies; the objective on each part and its ``mean`` over conferences, and
            ``false_alarms_per_hour``, as far as the setting came; and that share of the reference topics,
            ``share``. Only rows of one share can be compared.
        """
        import pandas as pd

        names = list(dict.fromkeys(name for setting in self.settings for name in setting))
        rows: list[dict[str, Any]] = []
        for i, setting in enumerate(self.settings):
            came = int(np.flatnonzero(~np.isnan(self.false[:, i]).all(axis=1)).max())
            rows.append(
                {name: setting.get(name) for name in names}
                | dict(zip(self.parts, self.values[came, i].tolist(), strict=True))
                | {
                    "mean": float(pooled(self.values[came, i], self.groups)),
                    "false_alarms_per_hour": float(pooled(self.false[came, i], self.groups)),
                    "share": self.shares[came],
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
