"""Figures of tuning: scores of settings by recording, and the effect of each key."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np

from rtanalytics.extras import extra
from rtanalytics.tune.result import Floats, Tuning, pooled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw", "plot_effects", "plot_settings"]

_SHOWN = 12
"""Maximum number of settings in the figure."""


def plot_settings(tuning: Tuning, ax: Axes) -> None:
    """Draw a heat map of scores: settings of the last round, the best first, by recording."""
    shown = list(tuning.order[:_SHOWN])
    if 0 not in shown:
        shown[-1:] = [0]
    values = tuning.values[-1, shown]
    table = np.column_stack([values, pooled(values, tuning.groups)])
    names = [*tuning.parts, "mean"]
    default = table[shown.index(0)]
    better = (table - default) * (1 if tuning.objective.higher else -1)
    _paint(ax, better)
    for (row, column), value in np.ndenumerate(table):
        text = "–" if np.isnan(value) else f"{value:.2f}"
        ax.text(column, row, text, ha="center", va="center", size=9)
    ax.axvline(len(tuning.parts) - 0.5, color="white", lw=3)
    ax.set_xticks(range(len(names)), names, rotation=30, ha="right", size=8, parse_math=False)
    labels = ["\n".join(textwrap.wrap(tuning.differs(i), 46)) for i in shown]
    ax.set_yticks(range(len(shown)), labels, size=7, parse_math=False)
    for label, i in zip(ax.get_yticklabels(), shown, strict=True):
        label.set_fontweight("bold" if i in (0, tuning.order[0]) else "normal")
    ax.tick_params(length=0)
    ax.set_title(
        f"{tuning.objective.name} of the best settings; green: better than the default", loc="left", size=10
    )


def plot_effects(tuning: Tuning, ax: Axes) -> None:
    """Draw a heat map of keys by values, with the mean score of all settings that have the value.

    It shows the first round, in which all settings were evaluated on the same reference topics.
    """
    mean = pooled(tuning.values[0], tuning.groups)
    rows = _effects(tuning, mean)
    if not rows:
        ax.set_axis_off()
        return
    width = max(len(values) for _, values in rows)
    table: Floats = np.full((len(rows), width), np.nan)
    for row, (_, values) in enumerate(rows):
        table[row, : len(values)] = [value for _, value in values]
    off = table - np.nanmean(mean)
    _paint(ax, off if tuning.objective.higher else -off)
    for row, (_, values) in enumerate(rows):
        for column, (name, value) in enumerate(values):
            ax.text(column, row, f"{name}\n{value:.3f}", ha="center", va="center", size=8, parse_math=False)
    ax.set_yticks(range(len(rows)), [name for name, _ in rows], size=8, parse_math=False)
    ax.set_xticks([])
    ax.tick_params(length=0)
    share = tuning.shares[0]
    part = "all reference topics" if share >= 1 else f"the first {share:.0%} of the reference topics"
    ax.set_title(f"Mean by value, on {part}", loc="left", size=10)


def draw(tuning: Tuning) -> Figure:
    """Draw both figures side by side on a new figure, which is not displayed."""
    with extra("views"):
        from matplotlib.figure import Figure

    shown = min(_SHOWN, len(tuning.order))
    figure = Figure(figsize=(15, max(4.5, 1.8 + 0.5 * shown)), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    plot_settings(tuning, left)
    plot_effects(tuning, right)
    kind = "days" if tuning.by_day else "conferences"
    title = f"{len(tuning.settings)} settings on {len(set(tuning.groups))} {kind}"
    if tuning.test_score is not None:
        title += f"; cross-validated score: {tuning.test_score:.2f}"
        title += f" (default: {sum(fold.default_score for fold in tuning.folds) / len(tuning.folds):.2f})"
    if not tuning.unbiased:
        title += "; too optimistic: a single conference"
    figure.suptitle(title, size=11, parse_math=False)
    return figure


def _paint(ax: Axes, better: Floats) -> None:
    """Colour cells green above 0 and pink below; pale enough for text."""
    most = float(np.nanmax(np.abs(better))) or 1.0
    ax.imshow(better, aspect="auto", cmap="PiYG", vmin=-1.6 * most, vmax=1.6 * most)


def _effects(tuning: Tuning, mean: Floats) -> list[tuple[str, list[tuple[str, float]]]]:
    """Return the values of each key that varies, with the mean score of the settings that have each."""
    names = dict.fromkeys(name for setting in tuning.settings for name in setting)
    rows = []
    for name in names:
        places: dict[str, list[int]] = {}
        for i, setting in enumerate(tuning.settings):
            if name in setting:
                places.setdefault(str(setting[name]), []).append(i)
        others = {at: of for at, of in places.items() if of != [0]}
        if len(others) > 1:
            places = others  # leave out the default, if the grid does not contain it: one setting is no mean
        if len(places) > 1:
            values = [(value, float(np.nanmean(mean[of]))) for value, of in places.items()]
            rows.append((name, sorted(values, key=lambda pair: _order(pair[0]))))
    return rows


def _order(value: str) -> tuple[float, str]:
    """Sort numbers and durations by size, other values alphabetically."""
    from rtanalytics.clock import parse_duration

    try:
        return float(value), ""
    except ValueError:
        try:
            return parse_duration(value).total_seconds(), ""
        except ValueError:
            return float("inf"), value
