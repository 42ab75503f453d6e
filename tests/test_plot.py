"""Plots: what they draw, on which axes, and with which labels."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from io import BytesIO
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import num2date
from matplotlib.figure import Figure

from rtanalytics import plot
from rtanalytics.schedule import Schedule, Talk
from rtanalytics.topics import Trend, TrendBin
from tests.build import BASE, event

QUARTER = timedelta(minutes=15)


def drawn(ax) -> bytes:
    """The figure as a picture: drawing is where a wrong text or path would fail."""
    out = BytesIO()
    FigureCanvasAgg(ax.figure)
    ax.figure.savefig(out, format="png")
    return out.getvalue()


def a_bin(n: int, *labels: str) -> TrendBin:
    """Bin ``n`` with these topics."""
    start = BASE + n * QUARTER
    trends = [
        Trend(
            bin_start=start, bin_end=start + QUARTER, rank=i + 1, terms=[label], label=label, score=10.0 - i,
            expected=1.5, messages=9, authors=5 + n, examples=[], observed=7 + n,
        )
        for i, label in enumerate(labels)
    ]  # fmt: skip
    return TrendBin(start=start, end=start + QUARTER, trends=trends, messages=9, authors=5)


def heights(ax) -> float:
    """What all bars of positive height add up to."""
    return sum(bar.get_height() for bar in ax.patches if bar.get_y() >= 0)


def test_every_message_is_in_a_bar():
    """The bars of all sources add up to the messages; a source counts up to its first colon."""
    events = [event(60 * n, source=("irc:#a", "irc:#b", "feeds")[n % 3]) for n in range(100)]
    ax = plot.volume(events, step=QUARTER)
    assert heights(ax) == 100
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["irc", "feeds"]
    assert drawn(ax)


def test_sources_beyond_the_colours_share_grey():
    """Of nine sources the six largest have a bar of their own, three share the last."""
    events = [event(n, source=f"s{n % 9}") for n in range(90)]
    ax = plot.volume(events)
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert len(names) == 7
    assert names[-1] == "3 others"
    assert heights(ax) == 90


def test_a_frame_is_drawn_like_its_events():
    """A table of the archive gives the same bars as the events in it."""
    events = [event(300 * n, source=("irc", "feeds")[n % 2]) for n in range(40)]
    frame = pd.DataFrame({"created_at": [e.created_at for e in events], "source": [e.source for e in events]})
    of = [[(bar.get_x(), bar.get_height()) for bar in plot.volume(x).patches] for x in (events, frame)]
    assert of[0] == of[1]


def test_a_frame_without_the_column_is_refused():
    """The message names the column that is missing and those there are."""
    with pytest.raises(ValueError, match="no column 'created_at'; its columns are source"):
        plot.volume(pd.DataFrame({"source": ["a"]}))


def test_a_bar_has_a_width():
    """A step of nothing is refused."""
    with pytest.raises(ValueError, match="step is .*must be above 0"):
        plot.volume([event(1)], step=timedelta(0))


def test_talks_are_marked_under_the_bars():
    """One mark a talk, as long as it lasts, below zero."""
    talk = Talk(id="t", title="T", start=BASE, end=BASE + 2 * QUARTER)
    later = Talk(id="u", title="U", start=BASE + timedelta(days=9), end=BASE + timedelta(days=9))
    ax = plot.volume([event(60 * n) for n in range(60)], schedule=Schedule([talk, later]))
    marks = [bar for bar in ax.patches if bar.get_y() < 0]
    assert len(marks) == 1
    assert marks[0].get_width() == pytest.approx(2 * QUARTER / timedelta(days=1))
    assert num2date(marks[0].get_x()) == BASE


def test_axes_that_are_given_are_used_and_returned():
    """Each function draws into the axes it is given, beside others, and hands them back."""
    axes = Figure().subplots(3)
    bins = [a_bin(0, "venv")]
    assert plot.volume([event(1)], axes[0]) is axes[0]
    assert plot.trends_timeline(bins, axes[1]) is axes[1]
    assert plot.course(bins, "venv", axes[2]) is axes[2]
    assert drawn(axes[0])


def test_new_figures_are_not_managed_by_pyplot():
    """Without axes a figure is made that pyplot neither keeps nor is imported for."""
    code = (
        "import sys; from datetime import *; from rtanalytics.event import Event; from rtanalytics import plot;"
        "assert 'matplotlib' not in sys.modules;"
        "plot.volume([Event(id='a:b', source='a', created_at=datetime(2026, 5, 15, tzinfo=UTC))]);"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_topic_has_a_row_and_a_bar_per_bin():
    """Rows from first to last, the first on top; labels that differ in case only share one."""
    bins = [a_bin(0, "venv"), a_bin(1, "VENV", "gil"), a_bin(3, "gil")]
    ax = plot.trends_timeline(bins)
    assert [text.get_text() for text in ax.get_yticklabels()] == ["gil", "venv"]
    assert len(ax.patches) == 4
    assert plot.trends_timeline(bins, top=1).get_yticklabels()[0].get_text() == "venv"


def test_observed_and_expected_are_both_drawn():
    """The course of a topic has a bar a bin, and a line where the count was expected."""
    ax = plot.course([a_bin(0, "venv"), a_bin(1, "venv"), a_bin(2, "gil")], "VENV")
    assert [bar.get_height() for bar in ax.patches] == [7, 8]
    assert [path.vertices[0][1] for path in ax.collections[0].get_paths()] == [1.5, 1.5]
    with pytest.raises(ValueError, match="no topic has the label 'rust'"):
        plot.course([], "rust")


def test_empty_plots_have_a_note():
    """Without messages or trends the axes have a note; less than one topic is refused."""
    for ax in (plot.volume([]), plot.trends_timeline([a_bin(0)])):
        assert ax.texts[0].get_text().startswith("no ")
        assert drawn(ax)
    with pytest.raises(ValueError, match="top is 0"):
        plot.trends_timeline([], top=0)


def test_the_axis_is_in_the_zone_of_the_venue():
    """Bars stand at the same instant in any zone; only what the axis says differs."""
    zone = ZoneInfo("Asia/Tokyo")
    moved = plot.volume([event(0), event(7200)], zone=zone)
    assert num2date(moved.patches[0].get_x()) == datetime(2026, 5, 15, 9, tzinfo=UTC)
    assert moved.xaxis.get_major_formatter()._tz is zone


@pytest.mark.parametrize(
    "bad", ["$x^{$", "$\\frac{$", "a\x00b\x1b[0m", "\u202egnihton", "%s {} \\n", "_hidden"]
)
def test_labels_are_not_parsed_as_formulas(bad):
    """What matplotlib would read as mathematics, or an XML file could not hold, is drawn as text."""
    ax = plot.trends_timeline([a_bin(0, bad, "x")])
    plot.course([a_bin(0, bad)], bad)
    plot.volume([event(0, source=bad), event(1)])
    out = BytesIO()
    ax.figure.savefig(out, format="svg")
    assert drawn(ax)
    assert not any(bytes([c]) in out.getvalue() for c in (0, 7, 27))


def test_long_labels_are_not_cut_off():
    """Also on axes of a figure that was made without a layout."""
    figure = Figure()
    ax = plot.trends_timeline([a_bin(0, "a label of some forty characters or more")], figure.add_subplot())
    drawn(ax)
    assert ax.get_yticklabels()[0].get_window_extent().x0 >= 0
