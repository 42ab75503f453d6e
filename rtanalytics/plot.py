"""Plots for notebooks, drawn by matplotlib: each function takes ``ax`` and returns it.

Without an ``ax`` a new figure is created that pyplot does not manage: it is shown as the last value of
a cell (``volume(events).figure``), and deleted when there is no reference to it any more.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta, tzinfo
from math import isfinite, log
from textwrap import fill
from typing import TYPE_CHECKING, Any

from rtanalytics.clock import round_down
from rtanalytics.event import Event
from rtanalytics.explanation import Explanation, reasons_of, share
from rtanalytics.extras import extra
from rtanalytics.schedule import Schedule
from rtanalytics.topics import Trend, TrendBin
from rtanalytics.untrusted import one_line

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["course", "explanation", "history", "reasons", "trends_timeline", "volume"]

_COLOURS = ("#3b74c4", "#e39a3b", "#4b9d7f", "#b45ba0", "#8a6bd1", "#c9544e")
_REST = "#8c939b"
_ACCENT = "#b3402a"
_PROBABILITIES = (0.01, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999)
_STEPS = [timedelta(minutes=m) for m in (5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 10080)]


def volume(
    events: Iterable[Event] | pd.DataFrame,
    ax: Axes | None = None,
    *,
    by: str | None = "source",
    step: timedelta | None = None,
    schedule: Schedule | None = None,
    zone: tzinfo = UTC,
) -> Axes:
    """Plot messages over time as stacked bars.

    Parameters
    ----------
    events : iterable of Event, or pandas.DataFrame
        A frame needs the column ``created_at`` and, if ``by`` is given, that column.
    ax : matplotlib.axes.Axes, optional
        Axes to draw on.
    by : {'source', 'type', 'lang', 'channel'} or None
        Field to stack by; the six largest values have a colour, all others are grey. A source counts
        up to its first colon.
    step : timedelta, optional
        Width of a bar; chosen to give at most 150 bars by default.
    schedule : Schedule, optional
        Talks to mark under the bars.
    zone : tzinfo
        Time zone of the axis.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If ``step`` is not above 0, or a frame lacks a column.

    Examples
    --------
    >>> events = [Event(id=f"irc:x:{n}", source="irc", created_at=datetime(2026, 5, 15, 9, n, tzinfo=UTC))
    ...           for n in range(60)]
    >>> volume(events, step=timedelta(minutes=20)).get_ylabel()
    'messages in 20 min'
    """
    moments = sorted(_moments(events, by), key=lambda moment: moment[0])
    ax = _axes(ax)
    if not moments:
        return _nothing(ax, "no messages")
    span = moments[-1][0] - moments[0][0]
    if step is None:
        step = next((s for s in _STEPS if span / s <= 150), _STEPS[-1])
    if step <= timedelta(0):
        raise ValueError(f"step is {step}; it must be above 0")
    start = round_down(moments[0][0], step)
    bins = (moments[-1][0] - start) // step + 1
    ranked = [name for name, _ in Counter(name for _, name in moments).most_common()]
    shown = ranked if len(ranked) <= len(_COLOURS) else ranked[: len(_COLOURS)]
    heights: dict[str, list[int]] = {name: [0] * bins for name in shown}
    rest = [0] * bins
    for at, name in moments:
        heights.get(name, rest)[(at - start) // step] += 1
    lefts = [_number((start + n * step).astimezone(zone)) for n in range(bins)]
    wide = step / timedelta(days=1)
    base = [0] * bins
    stacks = [(name, heights[name], colour) for name, colour in zip(shown, _COLOURS, strict=False)]
    if any(rest):
        stacks.append((f"{len(ranked) - len(shown)} others", rest, _REST))
    for name, counts, colour in stacks:
        label = plain(name) if len(stacks) > 1 else "_messages"
        ax.bar(lefts, counts, wide * 0.94, base, align="edge", color=colour, label=label)
        base = [under + count for under, count in zip(base, counts, strict=True)]
    for talk in schedule or ():
        if start <= talk.start < start + bins * step:
            left = _number(talk.start.astimezone(zone))
            length = (talk.end - talk.start) / timedelta(days=1)
            ax.bar([left], [0.02 * max(base)], length, [-0.035 * max(base)], align="edge", color=_REST)
    if len(stacks) > 1:
        _legend_above(ax, 7)
    minutes = round(step / timedelta(minutes=1))
    ax.set_ylabel(f"messages in {minutes} min" if minutes < 120 else f"messages in {minutes // 60} h")
    ax.grid(axis="y", alpha=0.25)
    return _dated(ax, zone)


def trends_timeline(
    bins: Iterable[TrendBin], ax: Axes | None = None, *, top: int = 20, zone: tzinfo = UTC
) -> Axes:
    """Plot when topics trended: one row per label, one bar per bin, darker for more people.

    Parameters
    ----------
    bins : iterable of TrendBin
        In any order.
    ax : matplotlib.axes.Axes, optional
        Axes to draw on. A figure without a layout engine gets the constrained one, which leaves
        room for the labels.
    top : int
        Number of labels, those with the highest scores, in order of their first bin.
    zone : tzinfo
        Time zone of the axis.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If ``top`` is below 1.
    """
    if top < 1:
        raise ValueError(f"top is {top}; draw at least one topic")
    rows: dict[str, list[Trend]] = defaultdict(list)
    for bin in bins:
        for trend in bin.trends:
            rows[trend.topic_id].append(trend)
    best = sorted(rows.values(), key=lambda row: -max(trend.score for trend in row))[:top]
    best.sort(key=lambda row: min(trend.bin_start for trend in row), reverse=True)
    ax = _axes(ax, height=0.9 + 0.3 * len(best))
    if not best:
        return _nothing(ax, "no trends")
    most = max(_people_or_messages(trend) for row in best for trend in row)
    for y, row in enumerate(best):
        for trend in row:
            left = _number(trend.bin_start.astimezone(zone))
            length = (trend.bin_end - trend.bin_start) / timedelta(days=1)
            ax.barh(
                [y], [length], 0.7, [left], color=_ACCENT, alpha=0.3 + 0.7 * _people_or_messages(trend) / most
            )
    if ax.figure.get_layout_engine() is None:  # long labels would be cut off at the edge of the figure
        ax.figure.figure.set_layout_engine("constrained")
    ax.set_yticks(range(len(best)), [plain(_label_at_peak(row), 60) for row in best])
    ax.set_ylim(-0.6, len(best) - 0.4)
    ax.grid(axis="x", alpha=0.25)
    return _dated(ax, zone)


def _label_at_peak(trends: Iterable[Trend]) -> str:
    """Return the label of the bin with the highest score."""
    return max(trends, key=lambda trend: trend.score).label


def _unit(trend: Trend) -> str:
    """Return what a trend counts in a bin, as the label of an axis."""
    unit = {"authors": "people", "messages": "messages"}.get(trend.channel, "count")
    return f"{unit} in {round((trend.bin_end - trend.counted_from) / timedelta(minutes=1))} min"


def _legend_above(ax: Axes, columns: int) -> None:
    """Put the legend above the axes, where it covers no data."""
    entries = len(ax.get_legend_handles_labels()[1])
    ax.legend(
        frameon=False, ncols=min(entries, columns), loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.2
    )


def _people_or_messages(trend: Trend) -> int:
    """Return the number of people, or of messages if the authors are not known."""
    return trend.authors or trend.messages


def course(bins: Iterable[TrendBin], label: str, ax: Axes | None = None, *, zone: tzinfo = UTC) -> Axes:
    """Plot the counts of a topic's strongest term in each bin, and where it is listed, the expected ones.

    Parameters
    ----------
    bins : iterable of TrendBin
        In order.
    label : str
        Label of the topic, or its first term; case is ignored.
    ax : matplotlib.axes.Axes, optional
        Axes to draw on.
    zone : tzinfo
        Time zone of the axis.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If no topic has this label.
    """
    all_trends = [trend for bin in bins for trend in bin.trends]
    names = ((trend, {trend.label.casefold(), trend.terms[0].casefold()}) for trend in all_trends)
    ids = {trend.topic_id for trend, folded in names if label.casefold() in folded}
    trends = [trend for trend in all_trends if trend.topic_id in ids]
    if not trends:
        raise ValueError(f"no topic has the label {label!r}")
    ax = _axes(ax)
    width = trends[0].bin_end - trends[0].counted_from
    step = trends[0].bin_end - trends[0].bin_start
    wide = 0.9 * step / timedelta(days=1)
    listed = {trend.bin_start: trend for trend in trends}
    before: dict[datetime, int] = {}  # counts of bins in which the topic is not listed
    for trend in trends:
        if step != width:
            break  # the bins before overlap the steps
        first = trend.bin_start - len(trend.history) * width
        before |= {first + n * width: count for n, count in enumerate(trend.history)}
    before = {at: count for at, count in before.items() if at not in listed}

    def place(starts: Iterable[datetime]) -> list[float]:
        return [_number(at.astimezone(zone)) for at in starts]

    counts = [trend.observed for trend in trends]
    ax.bar(place(before), list(before.values()), wide, align="edge", color=_REST, label="not listed")
    ax.bar(place(listed), counts, wide, align="edge", color=_ACCENT, label="listed")
    lefts, expected = place(listed), [trend.expected for trend in trends]
    ends = [left + wide for left in lefts]
    ax.hlines(expected, lefts, ends, color="#1c2024", linewidth=2, label="expected")
    ax.set_title(fill(plain(label), 60), loc="left", pad=26)
    ax.set_ylabel(_unit(trends[0]))
    ax.locator_params(axis="y", integer=True)
    ax.grid(axis="y", alpha=0.25)
    ax.set_axisbelow(True)
    _legend_above(ax, 3)
    return _dated(ax, zone)


def explanation(why: Explanation, *, zone: tzinfo = UTC) -> Figure:
    """Plot why a topic is listed: its counts before and now, and the parts of its probability.

    Parameters
    ----------
    why : Explanation
        Result of :meth:`TrendBin.explain <rtanalytics.topics.TrendBin.explain>`.
    zone : tzinfo
        Time zone of the axis.

    Returns
    -------
    matplotlib.figure.Figure
        A new figure without a window, to be the last value of a cell. There are no reasons in it if
        the algorithm gives no probability.
    """
    figure = _figure(max(3.2, 1.5 + 0.4 * len(why.reasons)))
    left, *right = figure.subplots(1, 2 if why.reasons else 1, squeeze=False)[0]
    history(why.trend, left, zone=zone)
    for ax in right:
        reasons(why, ax)
    at, end = (moment.astimezone(zone) for moment in (why.trend.counted_from, why.trend.bin_end))
    title = f"{plain(why.trend.label)}: number {why.trend.rank} of {at:%d %b %Y, %H:%M} to {end:%H:%M}"
    figure.suptitle(title, x=0.01, ha="left", size="medium", weight="bold")
    return figure


def history(trend: Trend, ax: Axes | None = None, *, zone: tzinfo = UTC) -> Axes:
    """Plot the counts of a trend's strongest term in its bin and the bins before, with the expected count.

    Parameters
    ----------
    trend : Trend
        Trend to plot.
    ax : matplotlib.axes.Axes, optional
        Axes to draw on.
    zone : tzinfo
        Time zone of the axis.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = _axes(ax)
    width = trend.bin_end - trend.counted_from
    wide = width / timedelta(days=1)
    now = _number(trend.counted_from.astimezone(zone))
    before = [now - wide * n for n in range(len(trend.history), 0, -1)]
    ax.bar(before, trend.history, wide * 0.9, align="edge", color=_REST, label="before")
    ax.bar([now], [trend.observed], wide * 0.9, align="edge", color=_ACCENT, label=f"{trend.observed} now")
    expected = trend.expected if isfinite(trend.expected) else 0.0
    ax.hlines(
        [expected],
        now,
        now + wide * 0.9,
        color="#1c2024",
        linewidth=2,
        label=f"{trend.expected:.1f} expected",
    )
    ax.set_ylim(0, 1.15 * max(trend.observed, expected, *trend.history, 1))
    ax.set_ylabel(_unit(trend))
    ax.locator_params(axis="y", integer=True)
    ax.grid(axis="y", alpha=0.25)
    ax.set_axisbelow(True)
    _legend_above(ax, 3)
    return _dated(ax, zone)


def reasons(why: Explanation, ax: Axes | None = None) -> Axes:
    """Plot the parts of a topic's probability as steps, from zero to their sum.

    Parameters
    ----------
    why : Explanation
        Explanation of the topic. The steps of the topic ranked below it are drawn in grey.
    ax : matplotlib.axes.Axes, optional
        Axes to draw on.

    Returns
    -------
    matplotlib.axes.Axes
        The lower scale is in log odds, the upper one in probabilities.
    """
    ax = _axes(ax, height=1.5 + 0.4 * len(why.reasons))
    if not why.reasons:
        return _nothing(ax, "this algorithm gives no probability")
    mine = {reason.name: reason for reason in why.reasons}
    theirs = {reason.name: reason for reason in reasons_of(why.next)} if why.next is not None else {}
    names = list(mine | theirs)
    ends = [0.0]
    for whose, shift, high, colours in (
        (mine, -0.12 if theirs else 0.0, 0.42 if theirs else 0.6, (_COLOURS[0], _ACCENT)),
        (theirs, 0.26, 0.18, (_REST, _REST)),
    ):
        for row, name in enumerate(names if whose else ()):
            adds = whose[name].adds if name in whose else 0.0
            at = sum(whose[earlier].adds for earlier in names[:row] if earlier in whose)
            ends.append(at + adds)
            faint = 1.0 if whose is mine else 0.5
            ax.barh([row + shift], [adds], high, [at], color=colours[adds < 0], alpha=faint)
            if whose is mine:
                side = 1 if adds >= 0 else -1
                ax.annotate(
                    f"{adds:+.1f}".replace("-", "\N{MINUS SIGN}"),
                    (at + adds, row + shift),
                    (3 * side, 0),
                    textcoords="offset points",
                    va="center",
                    ha="left" if side > 0 else "right",
                    size="small",
                    bbox={"color": "white", "alpha": 0.8, "pad": 0.5},
                )
    room = 0.14 * (max(ends) - min(ends))
    low, top = min(ends) - room, max(ends) + room
    ax.set_xlim(low, top)
    ax.set_ylim(len(names) - 0.4, -0.6)
    texts = [fill(plain((mine.get(name) or theirs[name]).text, 80), 34) for name in names]
    ax.set_yticks(range(len(names)), texts, size="small")
    ax.tick_params(axis="y", length=0)
    ax.axvline(0, color="#1c2024", linewidth=0.8)
    ax.set_xlabel("log odds")
    above = ax.secondary_xaxis("top")
    marks = {p: log(p / (1 - p)) for p in _PROBABILITIES}
    shown = {p: at for p, at in marks.items() if low <= at <= top}
    above.set_xticks(list(shown.values()), [f"{100 * p:g} %" for p in shown], size="small")
    ax.grid(axis="x", alpha=0.25)
    ax.set_axisbelow(True)
    ax.spines[["right", "left"]].set_visible(False)
    title = f"a topic: {share(why.trend.probability)}"
    if why.next is not None and theirs:
        title += f"    grey: {plain(why.next.label, 24)}, {share(why.next.probability)}"
    ax.set_title(title, loc="left", size="medium")
    return ax


def plain(text: str, limit: int = 40) -> str:
    r"""Make a label of untrusted text: on one line, shortened, without formulas.

    Examples
    --------
    >>> plain("a $x^2$ \x00 thing")
    'a \\$x^2\\$ \ufffd thing'
    """
    return one_line(text, limit).replace("$", r"\$")


def _moments(events: Iterable[Event] | pd.DataFrame, by: str | None) -> list[tuple[datetime, str]]:
    of: Callable[[Any], str] = lambda value: str(value or "none").partition(":")[0] or "none"
    given: Any = events  # any type, so that pandas is not imported for an isinstance check
    if not hasattr(given, "columns"):
        return [(e.posted_at, of(getattr(e, by)) if by else "") for e in given]
    missing = [name for name in ("created_at", by) if name is not None and name not in given.columns]
    if missing:
        known = ", ".join(map(str, given.columns))
        raise ValueError(f"the frame has no column {missing[0]!r}; its columns are {known}")
    names = map(of, given[by]) if by else [""] * len(given)
    return [(at.to_pydatetime(), name) for at, name in zip(given["created_at"], names, strict=True)]


def _axes(ax: Axes | None, height: float = 3.2) -> Axes:
    return _figure(height).add_subplot() if ax is None else ax


def _figure(height: float) -> Figure:
    with extra("views"):
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

    figure = Figure(figsize=(10, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _dated(ax: Axes, zone: tzinfo) -> Axes:
    with extra("views"):
        from matplotlib import dates

    untyped: Any = dates  # matplotlib has no annotations in this module
    locator = untyped.AutoDateLocator(tz=zone)
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(untyped.ConciseDateFormatter(locator, tz=zone))
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def _nothing(ax: Axes, text: str) -> Axes:
    ax.text(0.5, 0.5, text, ha="center", va="center", transform=ax.transAxes)
    ax.set_axis_off()
    return ax


def _number(at: datetime) -> float:
    with extra("views"):
        from matplotlib import dates

    untyped: Any = dates
    return float(untyped.date2num(at))
