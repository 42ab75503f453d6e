"""The comparison drawn: what is found against what is false, and how soon."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtanalytics.evaluate.comparing import Comparison
from rtanalytics.evaluate.metrics import METRICS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw", "plot_delay", "plot_recall"]

_SHOWN = 7
"""Algorithms that are told apart by colour; the others are drawn in grey behind them."""


def plot_recall(comparison: Comparison, ax: Axes | None = None, *, shown: int = _SHOWN) -> Axes:
    """Recall against false alarms an hour, a line an algorithm, as its threshold falls.

    Parameters
    ----------
    comparison : Comparison
        What to draw, all recordings together.
    ax : matplotlib.axes.Axes, optional
        Where to; a new one unless given.
    shown : int
        How many get a colour and a name: those that find most.

    Returns
    -------
    matplotlib.axes.Axes
        With a logarithmic axis of false alarms, on which none at all stands where half an alarm
        in all the time would.
    """
    ax = _axes(ax)
    hours = sum(result.tally.hours for result in comparison.of(comparison.algorithms[0]))
    least = 0.5 / hours if hours else 1.0
    for place, name in enumerate(ranked(comparison)):
        curve = comparison.curve(name)
        x, y = [max(point.per_hour, least) for point in curve], [point.recall for point in curve]
        if place < shown:
            ax.plot(
                x, y, f"{'o-' if len(x) == 1 else '-'}", color=_colour(place), label=name, lw=1.8, zorder=3
            )
        else:
            ax.plot(x, y, "-", color="0.82", lw=1, zorder=2, label="others" if place == shown else None)
    ax.axhline(0.9, color="0.6", lw=0.8, ls=":", zorder=1)
    ax.set_xscale("log")
    ax.set_ylim(0, 1.02)
    ax.set_xlabel("false alarms an hour")
    ax.set_ylabel("recall of known topics")
    ax.set_title("What is found, and at what price", loc="left")
    if ax.lines:
        ax.legend(fontsize="small", frameon=False)
    return ax


def plot_delay(comparison: Comparison, ax: Axes | None = None) -> Axes:
    """Minutes from a topic's start until it is told: a dot at the median, a line to the ninth decile.

    The recall stands beside each name, because who finds little can be quick.
    """
    ax = _axes(ax)
    names = ranked(comparison)[::-1]
    for place, name in enumerate(names):
        tally = comparison.pooled(name)
        median, late = (METRICS[f"latency_{q}_min"].of(tally) for q in ("median", "p90"))
        if median is None or late is None:
            continue
        colour = _colour(len(names) - 1 - place) if len(names) - place <= _SHOWN else "0.6"
        ax.plot([median, late], [place, place], "-", color=colour, lw=1.8)
        ax.plot([median], [place], "o", color=colour)
    recalls = [METRICS["recall"].of(comparison.pooled(name)) for name in names]
    labels = [f"{n}  ({'–' if r is None else f'{r:.0%}'})" for n, r in zip(names, recalls, strict=True)]
    ax.set_yticks(range(len(names)), labels, fontsize="small")
    ax.axvline(0, color="0.6", lw=0.8, ls=":")
    ax.set_xlabel("minutes after the start: median to 90 %")
    ax.set_title("How soon (and how many of all)", loc="left")
    return ax


def draw(comparison: Comparison) -> Figure:
    """Both side by side, as a figure of its own that no window holds."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 5.5), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    plot_recall(comparison, left)
    plot_delay(comparison, right)
    figure.suptitle(", ".join(comparison.recordings), fontsize="medium", parse_math=False)
    return figure


def ranked(comparison: Comparison) -> list[str]:
    """The algorithms: who finds most first; of equals, who rings fewest false alarms."""

    def key(name: str) -> tuple[float, float]:
        tally = comparison.pooled(name)
        recall, false = METRICS["recall"].of(tally), METRICS["false_alarms_per_hour"].of(tally)
        return -(recall or 0.0), false or 0.0

    return sorted(comparison.algorithms, key=key)


def _axes(ax: Axes | None) -> Axes:
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    new: Axes = plt.subplots()[1]
    return new


def _colour(place: int) -> str:
    return f"C{place % 10}"
