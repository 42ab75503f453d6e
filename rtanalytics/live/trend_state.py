"""State of the list of trends: the topics of the newest bin, with their recent history."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Literal, TypedDict

from rtanalytics.event import Event, repair
from rtanalytics.explanation import explain
from rtanalytics.live.appearance import Appearance, appearance
from rtanalytics.live.feed_state import Row, row_of
from rtanalytics.live.status import iso
from rtanalytics.untrusted import shorten

if TYPE_CHECKING:
    from rtanalytics.topics import Trend, TrendBin

__all__ = ["TopicRow", "TrendPatch", "TrendState"]

_QUOTES = 3
_LABEL = 120


class TopicRow(TypedDict):
    """A topic in the list of trends; its texts are untrusted.

    ``id`` stays the same while the topic trends. ``change`` compares its rank with that in the previous
    bin. ``spark`` is its number of messages in each of the newest bins, oldest first, and 0 for bins in
    which it did not trend. ``score`` and ``expected`` are None if they are not finite. ``why`` explains
    in a few lines why the topic is listed.
    """

    id: str
    rank: int
    label: str
    terms: list[str]
    score: float | None
    expected: float | None
    messages: int
    authors: int
    sources: dict[str, int]
    talk: str | None
    change: Literal["new", "up", "down", "same"]
    moved: int
    spark: list[int]
    why: str
    quotes: list[Row]


class TrendPatch(TypedDict):
    """The trends of the newest bin, always complete.

    ``start`` and ``end`` are None before the first bin. ``earlier`` lists topics of earlier bins that no
    longer trend, newest first, with the ``end`` of their last bin. ``looks`` is the appearance of the
    sources of the topics.
    """

    start: str | None
    end: str | None
    messages: int
    topics: list[TopicRow]
    earlier: list[dict[str, str]]
    looks: dict[str, Appearance]


@dataclass
class _Topic:
    id: str
    label: str
    seen: dict[datetime, int] = field(default_factory=dict)
    ranks: dict[datetime, int] = field(default_factory=dict)


class TrendState:
    """State of a ranking of topics, computed from bins of trends, with its recent history.

    Trends with the same ``id`` are the same topic; without an id, trends with the same label.

    Parameters
    ----------
    bins : int
        Number of bins in the sparklines; topics that no longer trend are kept for this number of bins.
    earlier : int
        Number of topics to list that no longer trend but did in earlier bins.
    """

    def __init__(self, bins: int = 16, earlier: int = 5) -> None:
        self.bins = bins
        self.earlier = earlier
        self.clear()

    def clear(self) -> None:
        """Discard everything after a reset of the feed."""
        self._topics: dict[str, _Topic] = {}
        self._starts: deque[datetime] = deque(maxlen=self.bins)
        self._last: TrendPatch = {
            "start": None,
            "end": None,
            "messages": 0,
            "topics": [],
            "earlier": [],
            "looks": {},
        }

    def apply(
        self, bins: Iterable[TrendBin], find: Callable[[str], Event | None] = lambda _: None
    ) -> TrendPatch:
        """Apply bins in order and return the ranking of the newest bin.

        Parameters
        ----------
        bins : iterable of TrendBin
            A bin that starts at the same time as the newest one replaces it; an older bin is ignored.
        find : callable
            Function that returns the event with a given id, to be quoted, or None.
        """
        for bin in bins:
            if self._starts and bin.start < self._starts[-1]:
                continue
            self._take(bin, find)
        return self._last

    def retract(self, event_id: str) -> bool:
        """Remove quotes of a deleted message from all topics; return True if there were any."""
        quoted = False
        for topic in self._last["topics"]:
            left = [row for row in topic["quotes"] if row["id"] != event_id]
            quoted |= len(left) < len(topic["quotes"])
            topic["quotes"] = left
        return quoted

    def everything(self) -> TrendPatch:
        """Return the ranking of the newest bin."""
        return self._last

    def _take(self, bin: TrendBin, find: Callable[[str], Event | None]) -> None:
        if not self._starts or bin.start > self._starts[-1]:
            self._starts.append(bin.start)
        before = self._starts[-2] if len(self._starts) > 1 else None
        taken: set[str] = set()
        rows = []
        ranked = sorted(bin.trends, key=lambda t: t.rank)
        for trend, below in zip(ranked, [*ranked[1:], None], strict=False):
            topic_id = shorten(trend.topic_id, _LABEL)
            topic = self._topics.setdefault(topic_id, _Topic(topic_id, trend.label))
            taken.add(topic.id)
            topic.label = trend.label
            topic.seen[bin.start], topic.ranks[bin.start] = trend.messages, trend.rank
            rows.append(self._row(topic, trend, below, before, find))
        self._forget(bin.start, taken)
        self._last = {
            "start": iso(bin.start),
            "end": iso(bin.end),
            "messages": bin.messages,
            "topics": rows,
            "earlier": self._earlier(taken, bin),
            "looks": {source: appearance(source) for row in rows for source in row["sources"]},
        }

    def _row(
        self,
        topic: _Topic,
        trend: Trend,
        below: Trend | None,
        before: datetime | None,
        find: Callable[[str], Event | None],
    ) -> TopicRow:
        was = topic.ranks.get(before) if before else None
        moved = 0 if was is None else was - trend.rank
        change: Literal["new", "up", "down", "same"] = (
            "new" if was is None else "up" if moved > 0 else "down" if moved < 0 else "same"
        )
        quotes = [event for i in trend.examples if (event := find(i)) is not None]
        return {
            "id": topic.id,
            "rank": trend.rank,
            "label": shorten(trend.label, _LABEL),
            "terms": [shorten(term, _LABEL) for term in trend.other_terms],
            "score": trend.score if math.isfinite(trend.score) else None,
            "expected": trend.expected if math.isfinite(trend.expected) else None,
            "messages": trend.messages,
            "authors": trend.authors,
            "sources": dict(trend.sources),
            "talk": shorten(trend.talk, _LABEL) if trend.talk else None,
            "change": change,
            "moved": moved,
            "why": repair("\n".join(explain(trend, next=below).lines[1:])),
            "spark": [topic.seen.get(start, 0) for start in self._starts],
            "quotes": [row_of(event) for event in quotes[:_QUOTES]],
        }

    def _forget(self, start: datetime, taken: set[str]) -> None:
        oldest = self._starts[0]
        for topic in list(self._topics.values()):
            if topic.id not in taken:
                topic.seen.pop(start, None)
                topic.ranks.pop(start, None)
            topic.seen = {at: n for at, n in topic.seen.items() if at >= oldest}
            topic.ranks = {at: n for at, n in topic.ranks.items() if at >= oldest}
            if not topic.seen:
                del self._topics[topic.id]

    def _earlier(self, taken: set[str], bin: TrendBin) -> list[dict[str, str]]:
        width = bin.end - bin.start
        ended = [t for t in self._topics.values() if t.id not in taken]
        ended.sort(key=lambda t: (max(t.seen), -t.ranks[max(t.seen)]), reverse=True)
        return [
            {"id": t.id, "label": shorten(t.label, _LABEL), "end": iso(max(t.seen) + width)}
            for t in ended[: self.earlier]
        ]
