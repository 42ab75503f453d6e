"""Coordinates and labels of the charts in a report; the page template draws them as inline SVG.

The report does not use :mod:`rtanalytics.plot`, because its charts take their colours from the style
sheet of the page (for a light theme, a dark theme and print) and contain links to parts of the page.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from math import ceil, log10

from rtanalytics.report.facts import Day, Place, Recap, Topic

__all__ = ["Bars", "DayChart", "Overview", "day_chart", "fit", "overview", "spark", "width_of"]

WIDTH = 1080
"""Width of every chart in SVG units; browsers scale it to the width of the page."""
_LEFT, _RIGHT = 44, 12
_STEPS = [timedelta(minutes=m) for m in (10, 15, 30, 60, 120, 180, 360, 720, 1440, 10080)]
_FINE = [timedelta(minutes=m) for m in (1, 2, 5)]
"""Additional widths of bars, for charts that cover less than four hours."""
_LITTLE = timedelta(hours=4)
_SHORT = timedelta(hours=8)
"""Longest duration for which the axis of the overview shows hours instead of days."""
_ROWS = 4
_SLOTS = 7
"""Number of colours for kinds of source; all kinds from the seventh on share the last colour."""


@dataclass(frozen=True, slots=True)
class Tick:
    """Position on an axis and its label."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars of one kind of source, stacked on the bars of earlier kinds.

    ``path`` is an SVG path and ``slot`` the number of the colour.
    """

    name: str
    slot: int
    path: str


@dataclass(frozen=True, slots=True)
class Flag:
    """Label of a topic above the bars, with a vertical line from ``top`` to ``foot``."""

    topic: Topic
    x: float
    top: float
    foot: float
    text: str
    anchor: str


@dataclass(frozen=True, slots=True)
class Box:
    """Rectangle with a text that starts or ends at ``tx``, inside the rectangle or beside it."""

    x: float
    y: float
    width: float
    height: float
    text: str
    tx: float
    anchor: str = "start"
    topic: Topic | None = None
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Overview:
    """Chart of the messages of the whole recording, with the strongest topics."""

    height: float
    top: float
    base: float
    bars: tuple[Bars, ...]
    days: tuple[Tick, ...]
    lines: tuple[Tick, ...]
    flags: tuple[Flag, ...]
    talks: tuple[Box, ...]
    step: timedelta
    outside: int


@dataclass(frozen=True, slots=True)
class DayChart:
    """Chart of a day: rows of topics, messages and talks with a common time axis."""

    height: float
    hours: tuple[Tick, ...]
    lines: tuple[Tick, ...]
    topics: tuple[Box, ...]
    bars: tuple[Bars, ...]
    breaks: tuple[Box, ...]
    talks: tuple[Box, ...]
    rooms: tuple[Tick, ...]
    top: float
    base: float
    foot: float
    more: int
    outside: int
    step: timedelta


def slots(recap: Recap) -> dict[str, int]:
    """Return the colour number of each kind of source, from 1."""
    return {name: min(place, _SLOTS) for place, (name, _) in enumerate(recap.families, 1)}


def overview(recap: Recap, most: int = 7) -> Overview:
    """Lay out the chart of the whole recording, with labels for at most ``most`` topics."""
    first, end = _busy(recap)
    step = _step(end - first, 200)
    start = first
    x = _Scale(start, end)
    placed = _places(recap.topics[:most], x)
    top = 20 + 20 * max((row + 1 for _, row, _, _ in placed), default=0)
    base = top + 170
    bars, lines, highest = _bars(recap.moments, slots(recap), start, end, step, top, base)
    flags = [
        Flag(
            topic=topic,
            x=x(_middle(topic)),
            top=8 + 20 * row,
            foot=highest.get((_middle(topic) - start) // step, base) - 3,
            text=text,
            anchor=anchor,
        )
        for topic, row, text, anchor in placed
    ]
    days = _hours(start, end, x) if end - start <= _SHORT else _days(start, end, x)
    talks = tuple(
        Box(x(e.place.start), base + 4, max(x(e.place.end) - x(e.place.start), 1.5), 7, "", 0, place=e.place)
        for e in recap.talk_messages
        if start <= e.place.start and e.place.end <= end
    )
    outside = sum(not start <= at < end for at, _ in recap.moments)
    return Overview(base + 40, top, base, bars, days, lines, tuple(flags), talks, step, outside)


def _step(length: timedelta, most: int) -> timedelta:
    """Return the shortest duration per bar that divides ``length`` into at most ``most`` bars."""
    steps = [*_FINE, *_STEPS] if length < _LITTLE else _STEPS
    return next((step for step in steps if length / step <= most), _STEPS[-1])


def _days(start: datetime, end: datetime, x: _Scale) -> tuple[Tick, ...]:
    """Return one tick per midnight; of many days, only every second or third tick has a date."""
    days: list[Tick] = []
    day = start
    every = max(1, ceil((end - start) / timedelta(days=16)))
    while day < end:
        labelled = len(days) % every == 0 and x(day) < WIDTH - 70
        days.append(Tick(x(day), f"{day:%a} {day.day} {day:%b}" if labelled else ""))
        day = _midnight(day + timedelta(hours=36))
    return tuple(days)


def _hours(start: datetime, end: datetime, x: _Scale) -> tuple[Tick, ...]:
    """Return one tick per hour or two hours, or per 15 or 30 minutes if the chart covers under 4 hours."""
    length = end - start
    every = timedelta(hours=1 if length <= timedelta(hours=16) else 2)
    if length < _LITTLE:
        every = timedelta(minutes=30 if length > timedelta(hours=2) else 15)
    ticks = []
    at = start
    while at <= end:
        if every < timedelta(hours=2) or at.hour % 2 == 0:
            ticks.append(Tick(x(at), f"{at:%H:%M}" if x(at) < WIDTH - _RIGHT - 8 else ""))
        at += min(every, timedelta(hours=1))
    return tuple(ticks)


def _busy(recap: Recap) -> tuple[datetime, datetime]:
    """Return start and end of the overview: whole days with all topics, all talks and most messages.

    If all of them are within six hours of one day, the result is in whole hours. The first and the last
    2 % of the messages are ignored: messages from weeks before or after the conference would shrink the
    rest of the chart.
    """
    few = len(recap.moments) // 50
    times = recap.moments[few : len(recap.moments) - few]
    topics, places = (
        recap.topics,
        [e.place for e in recap.talk_messages if recap.first <= e.place.start < recap.last],
    )
    first = min([times[0][0], *(t.start for t in topics), *(p.start for p in places)])
    last = max([times[-1][0], *(t.peak_end for t in topics), *(p.end for p in places)])
    if last - first < _SHORT - timedelta(hours=2) and first.date() == last.date():
        return _full_hour(first), _full_hour(last) + timedelta(hours=1)
    end = _midnight(last)
    return _midnight(first), end if end == last else _midnight(end + timedelta(hours=36))


def _middle(topic: Topic) -> datetime:
    return topic.peak + (topic.peak_end - topic.peak) / 2


def _places(topics: Sequence[Topic], x: _Scale) -> list[tuple[Topic, int, str, str]]:
    """Place a label over the peak of each topic, if there is room.

    Return topic, row, text and SVG text anchor of each label.
    """
    labels: list[tuple[float, float, int]] = []
    lines: list[tuple[float, int]] = []
    placed = []
    for topic in topics:
        at = x(_middle(topic))
        text = fit(topic.label, 150, 12)
        width = 1.3 * width_of(text, 12) + 6  # bold text, and some fonts are wide
        for row, anchor in ((row, anchor) for row in range(_ROWS) for anchor in ("start", "end")):
            left = at + 5 if anchor == "start" else at - 5 - width
            right = left + width
            # labels must not overlap, and no line may cross another label
            clear = (
                left > _LEFT
                and right < WIDTH
                and not any(a < right and left < b and r == row for a, b, r in labels)
                and not any(left - 4 < line < right + 4 and r <= row for line, r in lines)
                and not any(a - 4 < at < b + 4 and r >= row for a, b, r in labels)
            )
            if clear:
                labels.append((left, right, row))
                lines.append((at, row))
                placed.append((topic, row, text, anchor))
                break
    return placed


def day_chart(recap: Recap, day: Day, rooms: int = 7) -> DayChart:
    """Lay out the chart of a day, with the talks of at most ``rooms`` rooms."""
    start, end = _window(day, recap)
    x = _Scale(start, end)
    topics, rows = _lanes(day.topics, x)
    top = 14 + 22 * rows
    base = top + 92
    step = _step(end - start, 110)
    bars, lines, _ = _bars(day.times, slots(recap), start, end, step, top, base)
    names = list(dict.fromkeys(p.room for p in day.places if not p.is_break))
    lane = {name: base + 24 + 24 * n for n, name in enumerate(names[:rooms])}
    foot = base + 24 + 24 * len(lane)
    talks, breaks = [], []
    for place in day.places:
        left, right = max(x(place.start), _LEFT), min(x(place.end), WIDTH - _RIGHT)
        if right <= left:
            continue
        if place.is_break:
            text = place.title if width_of(place.title, 10) < right - left - 4 else ""
            breaks.append(Box(left, top, right - left, foot - top, text, (left + right) / 2, place=place))
        elif place.room in lane:
            text = _short(place, right - left - 12)
            talks.append(Box(left, lane[place.room], right - left - 2, 21, text, left + 5, place=place))
    return DayChart(
        height=foot + 8,
        hours=_hours(start, end, x),
        lines=lines,
        topics=topics,
        bars=bars,
        breaks=tuple(breaks) if len(lane) < 5 else (),
        talks=tuple(talks),
        rooms=tuple(Tick(y, name) for name, y in lane.items()),
        top=top,
        base=base,
        foot=foot,
        more=max(len(names) - rooms, 0),
        outside=sum(not start <= at < end for at, _ in day.times),
        step=step,
    )


def spark(topic: Topic, width: float = 260, height: float = 44) -> tuple[tuple[str, ...], str, float]:
    """Draw the messages of a topic over time as bars.

    Returns
    -------
    paths : tuple of str
        Two SVG paths: the bars while the topic did not trend, and the bars while it did.
    text : str
        Times at which the chart starts and ends.
    most : float
        Count of the highest bar.
    """
    most = max([count for _, count in topic.course] + [1])
    each = width / max(len(topic.course), 1)
    paths = ["", ""]
    for number, (at, count) in enumerate(topic.course):
        if count:
            tall = max(count / most * (height - 2), 2)
            within = topic.start <= at < topic.end
            paths[within] += _bar(number * each, height - tall, each - 1, tall)
    first, last = topic.course[0][0], topic.course[-1][0] + topic.step
    return tuple(paths), f"{first:%H:%M}–{last:%H:%M}", most


def _window(day: Day, recap: Recap) -> tuple[datetime, datetime]:
    """Return start and end of the chart of a day, in whole hours.

    It contains the topics and the talks of the day; if there are no talks, 95 % of the messages.
    """
    zone = recap.zone
    start = datetime.combine(day.date, time(), zone)
    end = datetime.combine(day.date + timedelta(days=1), time(), zone)
    talks = [place for place in day.places if not place.is_break]
    few = len(day.times) // 40
    times = [at for at, _ in day.times][few : len(day.times) - few]
    first = [p.start for p in talks] + [t.start for t in day.topics]
    last = [p.end for p in talks] + [t.end for t in day.topics]
    if talks:
        first, last = [min(first) - timedelta(minutes=30)], [max(last) + timedelta(minutes=30)]
    elif times:
        first, last = [*first, times[0]], [*last, times[-1]]
    left = max(_full_hour(min(first, default=start)), start)
    right = max(last, default=end)
    whole = _full_hour(right)
    right = min(whole if whole == right else whole + timedelta(hours=1), end)
    return left, max(right, left + timedelta(hours=1))


def _short(place: Place, width: float) -> str:
    """Return a text for a talk that fits ``width``: its title, else its speakers, else a shortened title."""
    if width_of(place.title, 11) > width and place.speakers:
        families = ", ".join(name.split()[-1] for name in place.speakers.split(", "))
        for names in (place.speakers, families):
            if width_of(names, 11) <= width:
                return names
    return fit(place.title, width, 11)


def _lanes(topics: Sequence[Topic], x: _Scale) -> tuple[tuple[Box, ...], int]:
    """Place one bar per topic in as few rows as possible; return the bars and the number of rows."""
    free: list[float] = []
    boxes = []
    for topic in sorted(topics, key=lambda topic: topic.start):
        left, right = max(x(topic.start), _LEFT), min(x(topic.end), WIDTH - _RIGHT)
        text = fit(f"{topic.number}  {topic.label}", 220, 12)
        long = width_of(text, 12) + 12
        inside = long < right - left
        before = not inside and right + long > WIDTH - _RIGHT
        first, last = (left - long if before else left), (right if inside or before else right + long)
        row = next((n for n, until in enumerate(free) if first > until + 4), len(free))
        free[row : row + 1] = [last]
        tx, anchor = (left - 6, "end") if before else (left + 6 if inside else right + 6, "start")
        boxes.append(Box(left, 8 + 22 * row, max(right - left, 4), 17, text, tx, anchor, topic=topic))
    return tuple(boxes), len(free)


class _Scale:
    """Maps a time to an x coordinate."""

    def __init__(self, start: datetime, end: datetime) -> None:
        self.start = start
        self.each = (WIDTH - _LEFT - _RIGHT) / (end - start).total_seconds()

    def __call__(self, at: datetime) -> float:
        return round(_LEFT + (at - self.start).total_seconds() * self.each, 1)


def _bars(
    moments: Iterable[tuple[datetime, str]],
    slot: dict[str, int],
    start: datetime,
    end: datetime,
    step: timedelta,
    top: float,
    base: float,
) -> tuple[tuple[Bars, ...], tuple[Tick, ...], dict[int, float]]:
    """Return stacked bars, grid lines, and the y coordinate of the top of the stack per bin number."""
    x = _Scale(start, end)
    counts = Counter((slot[name], (at - start) // step) for at, name in moments if start <= at < end)
    names = {slot[name]: name for name in reversed(slot)}
    totals: Counter[int] = Counter()
    for (_, bin), count in counts.items():
        totals[bin] += count
    most = max(totals.values(), default=1)
    tall = (base - top) / most
    wide = x(start + step) - x(start)
    stack: dict[int, float] = {}
    bars = []
    for number in sorted(names):
        path = []
        for bin in sorted(b for s, b in counts if s == number):
            height = counts[number, bin] * tall
            y = stack.get(bin, base) - height
            stack[bin] = y
            path.append(_bar(x(start + bin * step), y, wide - min(1, wide / 4), height))
        bars.append(Bars(names[number], number, "".join(path)))
    return tuple(bars), tuple(Tick(base - n * tall, f"{n:,}") for n in _round_numbers(most)), stack


def _bar(x: float, y: float, width: float, height: float) -> str:
    return f"M{x:.1f} {y:.1f}h{width:.1f}v{height:.1f}h-{width:.1f}z"


def _round_numbers(most: int) -> list[int]:
    """Return one to four round numbers up to ``most``."""
    unit = 10 ** int(log10(max(most, 1)))
    size = next((s for s in (unit, unit // 2, unit // 5) if s and most // s >= 2), 1)
    numbers = list(range(size, most + 1, size))
    return numbers if len(numbers) <= 4 else numbers[1::2]


def _midnight(at: datetime) -> datetime:
    return datetime.combine(at.date(), time(), at.tzinfo)


def _full_hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def width_of(text: str, size: float) -> float:
    """Estimate the width of a text in a sans-serif font, in the unit of ``size``."""
    return size * sum(
        0
        if unicodedata.combining(c)
        else 1.0
        if unicodedata.east_asian_width(c) in "WF"
        else _NARROW.get(c, 0.55)
        for c in text
    )


_NARROW = dict.fromkeys("iljtfrI.,:;'|!()[] ", 0.32) | dict.fromkeys("mwMW@", 0.85)


def fit(text: str, width: float, size: float) -> str:
    """Shorten a text to a width, with an ellipsis; return "" if fewer than two characters would remain."""
    if width_of(text, size) <= width:
        return text
    while text and width_of(text + "…", size) > width:
        text = text[:-1]
    return text.rstrip() + "…" if len(text) > 2 else ""
