"""Figures of a comparison: recall against false alarms, recall with intervals, and latency."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from rtanalytics.evaluate.metrics import METRICS, intervals
from rtanalytics.evaluate.result import Point, Result
from rtanalytics.evaluate.tally import Tally
from rtanalytics.extras import extra
from rtanalytics.trending import DEFAULT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw", "partial_auc", "plot_latency", "plot_recall", "plot_recall_intervals", "ranked"]

_SHOWN = 6
"""Number of algorithms that are drawn in colour; all others are grey."""
_RATES = (0.02, 2.0)
"""Range of false alarms per hour for the partial AUC: from one in 50 hours to two per hour."""
_BASELINE = "count"
_GREY = "0.6"


class PlottableComparison(Protocol):
    """The members of :class:`~rtanalytics.evaluate.Comparison` that the figures use."""

    @property
    def results(self) -> Sequence[Result]:
        """Results of every algorithm on every recording."""

    @property
    def algorithms(self) -> list[str]:
        """Names of the algorithms."""

    @property
    def recordings(self) -> list[str]:
        """Names of the recordings."""

    def of(self, algorithm: str) -> list[Result]:
        """Return the results of one algorithm."""

    def label(self, algorithm: str) -> str:
        """Return the name of an algorithm as shown in figures."""

    def pooled(self, algorithm: str) -> Tally:
        """Return the counts of an algorithm, pooled over all recordings."""

    def curve(self, algorithm: str) -> list[Point]:
        """Return recall and false alarms at thresholds from high to low."""


def partial_auc(comparison: PlottableComparison, algorithm: str) -> float:
    """Return the normalised partial area under the curve (AUC) of recall against false alarms.

    It is the mean recall from 0.02 to 2 false alarms per hour, on a logarithmic scale of these rates.
    """
    import numpy as np

    points = [(max(p.per_hour, 1e-9), p.recall) for p in comparison.curve(algorithm)]
    if not points:
        return 0.0
    rates = np.geomspace(*_RATES, 50)
    recalls = [max((recall for rate, recall in points if rate <= x), default=0.0) for x in rates]
    return float(np.mean(recalls))


def plot_recall(comparison: PlottableComparison, ax: Axes | None = None, *, shown: int = _SHOWN) -> Axes:
    """Draw recall against false alarms per hour, one line per algorithm, over all thresholds.

    Parameters
    ----------
    comparison : Comparison
        Comparison to draw, pooled over its recordings.
    ax : matplotlib.axes.Axes, optional
        Axes to draw on; new ones by default.
    shown : int
        Number of algorithms with a colour and a name: those with the largest :func:`partial_auc`,
        including the default algorithm. The baseline ``count`` is drawn dashed.

    Returns
    -------
    matplotlib.axes.Axes
        The axes. The axis of false alarms is logarithmic; 0 is drawn as half an alarm in the total
        time.
    """
    with extra("views"):
        from matplotlib.ticker import FuncFormatter, NullFormatter

    ax = _axes(ax)
    hours = sum(result.tally.hours for result in comparison.of(comparison.algorithms[0]))
    lowest = max(0.5 / hours, 0.005) if hours else 1.0
    colours, others = _colours(comparison, shown), 0
    for name, colour in colours.items():
        curve = comparison.curve(name)
        x, y = [max(point.per_hour, lowest) for point in curve], [point.recall for point in curve]
        if not x:
            continue
        marker = "o" if len(x) == 1 else ""
        if colour != _GREY:
            ax.plot(x, y, marker=marker, color=colour, label=comparison.label(name), lw=2, zorder=4)
        elif name == _BASELINE:
            ax.plot(x, y, marker=marker, color="0.15", ls="--", label=f"{name} (baseline)", lw=1.4, zorder=3)
        else:
            label = None if others else "others"
            ax.plot(x, y, marker=marker, ms=3, color="0.85", lw=1, zorder=2, label=label)
            others += 1
    ax.axhline(0.9, color=_GREY, lw=0.8, ls=":", zorder=1)
    ax.annotate(
        "90 %", (0.995, 0.9), xycoords=("axes fraction", "data"), ha="right", va="bottom", color="0.4", size=8
    )
    ax.set_xscale("log")
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_ylim(0, 1.02)
    ax.set_yticks([0, 0.2, 0.4, 0.6, 0.8, 1], ["0 %", "20 %", "40 %", "60 %", "80 %", "100 %"])
    ax.grid(visible=True, color="0.93", lw=0.8, zorder=0)
    ax.set_xlabel("false alarms per hour (each point: one threshold)")
    ax.set_title("Recall against false alarms", loc="left")
    if ax.lines:
        ax.legend(fontsize="small", frameon=True, framealpha=0.9, edgecolor="none", loc="upper left")
    return ax


def plot_recall_intervals(comparison: PlottableComparison, ax: Axes | None = None) -> Axes:
    """Draw the recall without a threshold: one dot per algorithm, with a 95 % confidence interval."""
    ax = _axes(ax)
    colours = _colours(comparison)
    for place, name in enumerate(reversed(colours)):
        tally = comparison.pooled(name)
        recall, interval = METRICS["recall"].of(tally), intervals(tally)["recall"]
        if recall is None or interval is None:
            continue
        ax.plot([interval.low, interval.high], [place, place], "-", color=colours[name], lw=1.8)
        ax.plot([recall], [place], "o", color=colours[name])
    _rows(ax, [comparison.label(name) for name in reversed(colours)])
    ax.set_xlim(0, 1.03)
    ax.set_xticks([0, 0.5, 1], ["0 %", "50 %", "100 %"])
    ax.set_xlabel("95 % confidence interval")
    ax.set_title("Recall", loc="left")
    return ax


def plot_latency(comparison: PlottableComparison, ax: Axes | None = None) -> Axes:
    """Draw the latency of detections: a dot at the median, with a line to the 90th percentile.

    Compare latencies together with the recall, because an algorithm that finds few topics can be fast.
    """
    ax = _axes(ax)
    colours = _colours(comparison)
    for place, name in enumerate(reversed(colours)):
        tally = comparison.pooled(name)
        median, late = (METRICS[f"latency_{q}_min"].of(tally) for q in ("median", "p90"))
        if median is None or late is None:
            continue
        ax.plot([median, late], [place, place], "-", color=colours[name], lw=1.8)
        ax.plot([median], [place], "o", color=colours[name])
    _rows(ax, [comparison.label(name) for name in reversed(colours)])
    ax.set_xlim(left=0)
    ax.set_xlabel("minutes after the start,\nmedian to 90th percentile")
    ax.set_title("Latency", loc="left")
    return ax


def draw(comparison: PlottableComparison) -> Figure:
    """Draw the three plots side by side on a new figure, which is returned and not displayed."""
    with extra("views"):
        from matplotlib.figure import Figure

    height = max(4.5, 1.8 + 0.2 * len(comparison.algorithms))
    figure = Figure(figsize=(14, height), layout="constrained")
    left, middle, right = figure.subplots(1, 3, width_ratios=(5, 2, 2))
    plot_recall(comparison, left)
    plot_recall_intervals(comparison, middle)
    plot_latency(comparison, right)
    right.set_yticklabels([])
    events = sum(result.tally.events for result in comparison.of(comparison.algorithms[0]))
    title = f"{', '.join(comparison.recordings)}: {events} reference topics"
    if any(not result.causal for result in comparison.results):
        title += "    († uses later bins)"
    figure.suptitle(title, fontsize="medium", parse_math=False, wrap=True)
    return figure


def _colours(comparison: PlottableComparison, shown: int = _SHOWN) -> dict[str, str]:
    """Return a colour per algorithm, ordered by partial AUC; all after the first ``shown`` are grey."""
    order = sorted(comparison.algorithms, key=lambda name: -partial_auc(comparison, name))
    best = [name for name in order if name != _BASELINE][:shown]
    if DEFAULT in order and DEFAULT not in best and shown:
        best[-1] = DEFAULT  # the default is always shown
    return {name: f"C{best.index(name)}" if name in best else _GREY for name in order}


def _rows(ax: Axes, labels: list[str]) -> None:
    """Set up one labelled row per algorithm, with space above and below."""
    ax.set_yticks(range(len(labels)), labels, fontsize="small")
    ax.set_ylim(-0.7, len(labels) - 0.3)
    ax.tick_params(axis="y", length=0)
    ax.grid(visible=True, axis="x", color="0.93", lw=0.8, zorder=0)


def ranked(comparison: PlottableComparison) -> list[str]:
    """Return the algorithms, highest recall first; with equal recall, fewest false alarms first."""

    def key(name: str) -> tuple[float, float]:
        tally = comparison.pooled(name)
        recall, false = METRICS["recall"].of(tally), METRICS["false_alarms_per_hour"].of(tally)
        return -(recall or 0.0), false or 0.0

    return sorted(comparison.algorithms, key=key)


def _axes(ax: Axes | None) -> Axes:
    if ax is not None:
        return ax
    with extra("views"):
        import matplotlib.pyplot as plt

    new: Axes = plt.subplots()[1]
    return new
