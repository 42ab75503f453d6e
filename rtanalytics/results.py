"""List of trends that belongs to a recording and gives a table, a figure and explanations."""

from __future__ import annotations

import html
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Self, overload

import msgspec

from rtanalytics.event import Event
from rtanalytics.explanation import Explanation, explain
from rtanalytics.extras import extra
from rtanalytics.trend import Trend, TrendBin

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["ListedTrend", "Trends", "html_table"]

_SHOWN = 20
"""Rows of an HTML table; of a longer list the first and the last ones."""
_COLUMNS = (
    "bin_start", "bin_end", "rank", "label", "terms", "score", "probability", "messages", "authors",
    "observed", "expected", "sources", "talk", "talk_probability", "talks", "examples", "id",
)  # fmt: skip


class ListedTrend(Trend, frozen=True, kw_only=True, dict=True):
    """A trend of a :class:`Trends` list; its explanation quotes messages of the recording."""

    @classmethod
    def of(cls, trend: Trend, trends: Trends) -> Self:
        """Return ``trend`` as a member of ``trends``."""
        listed = cls(**{name: getattr(trend, name) for name in trend.__struct_fields__})
        listed.__dict__["trends"] = trends
        return listed

    def explain(
        self,
        events: Iterable[Event] | None = None,
        *,
        next: Trend | None = None,
        earlier: Iterable[TrendBin] | None = None,
        zone: tzinfo | None = None,
    ) -> Explanation:
        """Explain why this topic is listed, with quotes from the recording.

        Parameters
        ----------
        events, next, earlier, zone : optional
            As in :func:`~rtanalytics.explanation.explain`. By default they come from the list that
            the trend is in.

        Returns
        -------
        Explanation
        """
        trends: Trends = self.__dict__["trends"]
        return explain(
            self,
            trends.events if events is None else events,
            next=trends.after(self) if next is None else next,
            earlier=trends.before(self) if earlier is None else earlier,
            zone=zone or trends.zone,
        )

    def __repr__(self) -> str:
        zone: tzinfo = self.__dict__["trends"].zone
        start, end = self.counted_from.astimezone(zone), self.bin_end.astimezone(zone)
        probability = f", probability {self.probability:.2f}" if self.probability else ""
        return (
            f"<Trend {self.label!r}: rank {self.rank}, {start:%Y-%m-%d %H:%M} to {end:%H:%M},"
            f" {self.messages} messages by {self.authors} people{probability}>"
        )


class Trends(Sequence[ListedTrend]):
    """The trends of a recording: one item per topic and bin, by time and then by rank.

    Parameters
    ----------
    bins : iterable of TrendBin
        In order of time.
    events : iterable of Event
        The messages, for quotes; read again whenever a trend is explained.
    name : str
        Name of the recording.
    zone : tzinfo
        Time zone of the times in tables and figures.

    Examples
    --------
    >>> trends = Trends([], name="empty")
    >>> trends
    Trends of 'empty': 0 topics in 0 bins
    >>> len(trends.to_frame())
    0
    """

    def __init__(
        self,
        bins: Iterable[TrendBin],
        events: Iterable[Event] = (),
        *,
        name: str = "events",
        zone: tzinfo = UTC,
    ) -> None:
        self.bins = list(bins)
        self.name = name
        self.zone = zone
        self.events = events
        self._ends = list(accumulate(len(bin.trends) for bin in self.bins))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    @overload
    def __getitem__(self, index: int) -> ListedTrend: ...
    @overload
    def __getitem__(self, index: slice) -> Trends: ...
    def __getitem__(self, index: int | slice) -> ListedTrend | Trends:
        if isinstance(index, slice):
            return self._chosen(set(range(*index.indices(len(self)))))
        if not isinstance(index, int):
            raise TypeError(f"an index of trends is a whole number or a slice, not {index!r}; see to_frame()")
        place = index + len(self) if index < 0 else index
        if not 0 <= place < len(self):
            raise IndexError(f"trend {index} is out of range; there are {len(self)}")
        bin = bisect_right(self._ends, place)
        before = self._ends[bin - 1] if bin else 0
        return ListedTrend.of(self.bins[bin].trends[place - before], self)

    def _chosen(self, places: set[int]) -> Trends:
        """Return the trends at the given indices, without the bins that have none of them."""
        bins, place = [], 0
        for bin in self.bins:
            kept = [trend for n, trend in enumerate(bin.trends, place) if n in places]
            place += len(bin.trends)
            if kept:
                bins.append(msgspec.structs.replace(bin, trends=kept))
        return Trends(bins, self.events, name=self.name, zone=self.zone)

    def at(self, time: datetime) -> list[ListedTrend]:
        """Return the trends of the bin that contains ``time``; an empty list if there is none.

        Parameters
        ----------
        time : datetime
            With a time zone.
        """
        found = [bin for bin in self.bins if bin.start <= time < bin.end]
        return [ListedTrend.of(trend, self) for bin in found for trend in bin.trends]

    def to_frame(self) -> pd.DataFrame:
        """Return a tidy table with one row per topic and bin.

        Returns
        -------
        pandas.DataFrame
            Row ``i`` is ``trends[i]``. Columns are ``bin_start`` and ``bin_end`` (in :attr:`zone`), ``rank``,
            ``label``, ``terms`` (list of str), ``score``, ``probability``, ``messages``, ``authors``,
            ``observed``, ``expected``, ``sources`` (dict), ``talk`` (which the topic is about, or None),
            ``talk_probability``, ``talks`` (all at that time, list of str), ``examples`` (list of event
            ids) and ``id``, which stays the same while a topic lasts.
        """
        import pandas as pd

        rows = [[getattr(trend, name) for name in _COLUMNS] for trend in self._plain()]
        frame = pd.DataFrame(rows, columns=list(_COLUMNS))
        for name in ("bin_start", "bin_end"):
            frame[name] = pd.to_datetime(frame[name], utc=True).dt.tz_convert(self.zone)
        return frame

    def to_json(self) -> str:
        """Return one JSON object per line, as ``rtanalytics trending --json`` prints them."""
        return "".join(msgspec.json.encode(trend).decode() + "\n" for trend in self._plain())

    def plot(self, ax: Axes | None = None, *, top: int = 20) -> Axes:
        """Draw which topic trended when; see :func:`rtanalytics.plot.trends_timeline`.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Axes to draw into; a new figure by default.
        top : int
            Number of labels to show, those with the highest scores.

        Returns
        -------
        matplotlib.axes.Axes
        """
        from rtanalytics.plot import trends_timeline

        if ax is None:  # a figure of pyplot, which a notebook shows at the end of the cell
            with extra("views"):
                import matplotlib.pyplot as plt

            rows = min(top, len({trend.topic_id for trend in self._plain()}))
            _, ax = plt.subplots(figsize=(10, 0.9 + 0.3 * rows), layout="constrained")
        return trends_timeline(self.bins, ax, top=top, zone=self.zone)

    def before(self, trend: Trend) -> list[TrendBin]:
        """Return the bins that ended before ``trend`` began."""
        return [bin for bin in self.bins if bin.end <= trend.bin_start]

    def after(self, trend: Trend) -> Trend | None:
        """Return the trend of the next rank in the same bin, or None if it is the last one."""
        for other in self.at(trend.bin_start):
            if other.rank == trend.rank + 1:
                return other
        return None

    def _plain(self) -> Iterator[Trend]:
        return (trend for bin in self.bins for trend in bin.trends)

    def __repr__(self) -> str:
        if not self.bins:
            return f"Trends of {self.name!r}: 0 topics in 0 bins"
        first, last = self.bins[0].start.astimezone(self.zone), self.bins[-1].end.astimezone(self.zone)
        width = self.bins[0].end - self.bins[0].start
        return (
            f"Trends of {self.name!r}: {len(self):,} topics in {len(self.bins):,} bins of {_span(width)},"
            f" {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} ({self.zone})"
        )

    def _repr_html_(self) -> str:
        head = ("time", "rank", "topic", "further terms", "messages", "people", "probability", "talk")
        return html_table(repr(self), head, len(self), self._row)

    def _row(self, index: int) -> list[str]:
        trend = self[index]
        start, end = trend.counted_from.astimezone(self.zone), trend.bin_end.astimezone(self.zone)
        return [
            f"{start:%a %d %b %H:%M}–{end:%H:%M}",
            str(trend.rank),
            trend.label,
            ", ".join(trend.other_terms[:4]),
            f"{trend.messages:,}",
            f"{trend.authors:,}",
            f"{trend.probability:.2f}" if trend.probability else "",
            trend.talk or "",
        ]


def html_table(caption: str, head: Sequence[str], rows: int, row: Any, shown: int = _SHOWN) -> str:
    """Return an HTML table for a notebook; all text is escaped.

    Parameters
    ----------
    caption : str
        Text above the table.
    head : sequence of str
        Column names.
    rows : int
        Number of rows.
    row : callable
        Gives the cells of row ``i``, a list of str.
    shown : int
        Rows to show at most: the first and the last ones, with a line of dots between them.
    """
    numbers = list(range(rows)) if rows <= shown else [*range(shown // 2), *range(rows - shown // 2, rows)]
    cells = ['<table class="dataframe"><caption style="text-align:left">', html.escape(caption), "</caption>"]
    cells.append("<thead><tr><th></th>" + "".join(f"<th>{html.escape(name)}</th>" for name in head))
    cells.append("</tr></thead><tbody>")
    for place, number in enumerate(numbers):
        if place and numbers[place - 1] != number - 1:
            cells.append("<tr><th>…</th>" + "<td>…</td>" * len(head) + "</tr>")
        values = "".join(f"<td>{html.escape(value)}</td>" for value in row(number))
        cells.append(f"<tr><th>{number}</th>{values}</tr>")
    return "".join([*cells, "</tbody></table>"])


def _span(width: timedelta) -> str:
    minutes = width / timedelta(minutes=1)
    return f"{minutes / 60:g} h" if minutes >= 60 and minutes % 60 == 0 else f"{minutes:g} min"
