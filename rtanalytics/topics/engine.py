"""Engine that counts messages once and lists trends for one or several settings.

Live trends use an :class:`Engine` with one :class:`Settings`; comparison and tuning use one with
many. The trends of each do not depend on the others.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np
from msgspec.structs import replace

from rtanalytics.algorithms.checkpoints import Checkpoints
from rtanalytics.algorithms.topical import TopicAlgorithm
from rtanalytics.counts import BinMessages, Ints, TermCounts
from rtanalytics.counts.log import EPOCH
from rtanalytics.erasure import DELETION
from rtanalytics.event import Event
from rtanalytics.feed import FOREVER, Delivery, Item, Watermark
from rtanalytics.settings import Settings, SettingsError
from rtanalytics.terms import Vocabulary
from rtanalytics.topics.directory import Directory
from rtanalytics.topics.grouping import Group
from rtanalytics.topics.history import BEGINNING, Learnt, Memory
from rtanalytics.topics.identity import Topics
from rtanalytics.topics.name_likeness import NameLikeness, Uses
from rtanalytics.topics.quotes import quotes
from rtanalytics.topics.selection import Chooser
from rtanalytics.trend import Trend, TrendBin
from rtanalytics.trending import Algorithm, algorithm_of

__all__ = ["Engine", "live_algorithm"]

_EVER = datetime(1, 1, 2, tzinfo=UTC)
_CERTAIN = 1e-9
"""Smallest probability of not being a topic, so that the score stays finite."""
_STAYING = 1.5
"""Log odds by which a new topic must exceed one that is listed to take its place, if windows slide."""


def live_algorithm(settings: Settings) -> Algorithm:
    """Return the algorithm that settings name, if it can be used live.

    Raises
    ------
    SettingsError
        If the algorithm or a parameter is unknown or invalid, or if the algorithm needs later bins.
    """
    algorithm = algorithm_of(settings)
    if isinstance(algorithm, TopicAlgorithm):
        raise SettingsError(
            "algorithm",
            f"algorithm {algorithm.name!r} needs a whole recording and cannot be used live;"
            " use trends() or its own topics()",
        )
    if not algorithm.causal:
        raise SettingsError(
            "algorithm",
            f"algorithm {algorithm.name!r} needs later bins and cannot be used live;"
            " score a whole recording with it instead",
        )
    return algorithm


class Engine:
    """Trend detector for several settings at once, which share the counts of the messages.

    Parameters
    ----------
    shared : Settings
        Its ``bin``, ``every``, ``grace``, ``mute`` and ``horizon`` are used for counting.
    members : mapping of str to Settings
        Settings by name; trends are listed for each. They must agree with ``shared`` in the
        settings named there.
    vocabulary : Vocabulary, optional
        A vocabulary that other counts use too. Bins beyond the horizon are then kept, because
        dropping them would renumber its terms.
    sparing : bool
        Keep no checkpoints of the members. This saves memory if there are hundreds of them; late
        messages, for which checkpoints are needed, are rare in recordings.
    tick : callable
        Called with the share of the bins of a watermark that are closed, after each.

    Attributes
    ----------
    counts : TermCounts
        Counts of the messages.
    seconds : dict of str to float
        Seconds spent on scoring and selection, per member.
    """

    def __init__(
        self,
        shared: Settings,
        members: Mapping[str, Settings],
        *,
        vocabulary: Vocabulary | None = None,
        sparing: bool = False,
        tick: Callable[[float], None] = lambda _: None,
    ) -> None:
        self._shared, self._settings = shared, dict(members)
        self._vocabulary, self._sparing, self._tick = vocabulary, sparing, tick
        self._horizon = shared.horizon if vocabulary is None else None
        self._step = shared.every or shared.bin
        self._steps = shared.bin // self._step  # steps per bin; each ends with a list
        self.seconds = dict.fromkeys(members, 0.0)
        self.reset()

    def reset(self) -> None:
        """Drop all messages and everything learned from them."""
        horizon, width = self._horizon, self._shared.bin
        self.counts = TermCounts(
            width, vocabulary=self._vocabulary, horizon=None if horizon is None else 2 * horizon + width
        )
        self.counts.mute(self._shared.mute)
        self._names = NameLikeness(self.counts)
        self._directory = Directory(self.counts, self._shared.schedule)
        self._names_before: Checkpoints[tuple[Uses, Uses]] = Checkpoints()
        self._members = {
            name: _Member(settings, self.counts, self._names, self._directory, sparing=self._sparing)
            for name, settings in self._settings.items()
        }
        self._waiting: dict[int, list[int]] = {}  # rows by the step in which they count
        self._next: int | None = None  # the next step, if messages of the last window may be in its window
        self._closed: int | None = None  # last step that has closed
        self._newest: int | None = None  # newest step that was listed or reported as empty
        self._first: int | None = None  # first bin that was not dropped
        self._late = 0

    def dismiss(self, name: str) -> None:
        """Remove a member and its state: no further trends are listed for it."""
        del self._members[name]

    def push(self, items: Iterable[Item]) -> list[dict[str, TrendBin]]:
        """Process items of a feed, and return the trends of each bin that closed.

        Parameters
        ----------
        items : iterable of Delivery, Watermark or Reset
            A batch of any size.

        Returns
        -------
        list of dict of str to TrendBin
            For each bin that closed, in order, its trends per member. Bins without messages are left
            out.
        """
        bins: list[dict[str, TrendBin]] = []
        for bin in self.closing(items):
            if bin is None:
                bins.clear()
            else:
                bins.append(bin)
        return bins

    def closing(self, items: Iterable[Item]) -> Iterator[dict[str, TrendBin] | None]:
        """Yield the trends of each bin as soon as it closes, per member; yield None after a reset."""
        events: list[Event] = []
        for item in items:
            if isinstance(item, Delivery):
                events.append(item.event)
            elif isinstance(item, Watermark):
                self._take(events)
                events = []
                yield from self._close(item.time)
            else:
                self.reset()
                events = []
                yield None
        self._take(events)

    def empty_bin(self) -> TrendBin | None:
        """Return the newest closed bin if nothing was posted in it and it was not returned before, else None.

        Before the first message there is none.
        """
        closed = self._closed
        if closed is None or self._newest is None or closed <= self._newest:
            return None
        self._newest = closed
        start = EPOCH + closed * self._step
        return TrendBin(start=start, end=start + self._step, trends=[], messages=0, authors=0)

    def _take(self, events: list[Event]) -> None:
        for event in events:
            if event.type == DELETION and event.tags:
                self._directory.erase(event.tags)
                for member in self._members.values():
                    member.forget_shown()
        rows = np.array(self.counts.log(events), np.int64)
        if not len(rows):
            return
        steps = self.counts.known_in(rows, self._shared.grace, self._step)
        if self._closed is not None:
            steps = np.maximum(steps, self._closed + 1)
        for step in np.unique(steps).tolist():
            self._waiting.setdefault(step, []).extend(rows[steps == step].tolist())

    def _close(self, watermark: datetime) -> Iterator[dict[str, TrendBin]]:
        complete = (max(watermark - self._shared.grace, _EVER) - EPOCH) // self._step - 1
        for step in self._due(complete):
            bin, place = divmod(step, self._steps)
            rows = self._waiting.pop(step, [])
            touched, changed = self.counts.apply(rows)
            self._late += self.counts.elsewhere(changed, bin)
            if self._outgrown(bin):
                self.counts.renumber()
                self._learn_again(BEGINNING, bin)
            elif earlier := {b for b in touched if b >= self._from} - {bin}:
                self._learn_again(min(earlier), bin)
            end = EPOCH + (step + 1) * self._step
            window = self.counts.rows_since(end - self._shared.bin, bin)
            is_shown = bool(window.size) or any(member.shows(end) for member in self._members.values())
            self._next = step + 1 if is_shown and self._steps > 1 else None
            if is_shown:
                self._newest = step
                # a bin without messages is not learned: when earlier bins change, it would be missing
                whole = window.size and place == self._steps - 1
                yield self._list(bin) if whole else self._list_ahead(bin, end, window)
        if watermark < FOREVER and (self._closed is None or complete > self._closed):
            self._closed = complete

    def _due(self, complete: int) -> Iterator[int]:
        """Yield the steps up to ``complete`` in which messages arrive or whose windows may have some."""
        due = deque(sorted(step for step in self._waiting if step <= complete))
        total = len(due)
        while due or (self._next is not None and self._next <= complete):
            step = due[0] if self._next is None else self._next
            if due and due[0] == step:
                due.popleft()
                self._tick(1 - (len(due) + 1) / total)
            yield step

    @property
    def _from(self) -> int:
        """First bin whose messages are still kept."""
        return self._first or BEGINNING

    def _outgrown(self, bin: int) -> bool:
        """Check whether it is time to drop the bins beyond the horizon; if so, set the first bin to keep."""
        horizon, width = self._horizon, self._shared.bin
        if horizon is None:
            return False
        first = min([bin, *self.counts.bins[:1]]) if self._first is None else self._first
        if (bin - first) * width < 2 * horizon:
            return False
        self._first = bin - horizon // width
        return True

    def _learn_again(self, changed: int, upto: int) -> None:
        checkpoint = self._names_before.before(changed)
        if checkpoint is None:
            self._names.forget()
            self._directory.forget()
        else:
            self._names.go_back(checkpoint[1])
        start = self._from if checkpoint is None else max(checkpoint[0], self._from)
        self._directory.go_back(max(start, changed))
        for bin in self.counts.bins:
            if start <= bin < upto:
                self._learn_names(bin, directory=bin >= changed)
        for name, member in self._members.items():
            with _Timer(self.seconds, name):
                member.memory.learn_again(changed, self._from, upto)

    def _learn_names(self, bin: int, *, directory: bool = True) -> None:
        messages = self.counts.bin_messages(bin)  # cached there, because the members need it too
        self._names_before.keep(bin, self._names.kept)
        self._names.learn(messages.rows)
        if directory:
            self._directory.learn(bin, messages.rows)

    def _list(self, bin: int) -> dict[str, TrendBin]:
        """Return the trends of a whole bin, and update all statistics with it."""
        self._learn_names(bin)
        late, self._late = self._late, 0
        listed = {}
        for name, member in self._members.items():
            with _Timer(self.seconds, name):
                listed[name] = member.trends(bin, late)
        return listed

    def _list_ahead(self, bin: int, end: datetime, rows: Ints) -> dict[str, TrendBin]:
        """Return the trends of a window that ends within a bin; only the topics remember it."""
        window, started = self.counts.messages_of(rows), self.counts.bin_messages(bin).rows
        names = self._names.kept()
        self._names.learn(started)
        self._directory.learn(bin, started)
        late, self._late = self._late, 0
        listed = {}
        for name, member in self._members.items():
            with _Timer(self.seconds, name):
                listed[name] = member.trends_ahead(bin, end, window, late)
        self._directory.go_back(bin)
        self._names.go_back(names)
        return listed


class _Timer:
    """Context manager that adds its duration, in seconds, to an entry of a dict."""

    def __init__(self, seconds: dict[str, float], name: str) -> None:
        self._seconds, self._name = seconds, name

    def __enter__(self) -> None:
        self._began = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self._seconds[self._name] += time.perf_counter() - self._began


class _Shown(NamedTuple):
    """A topic of an earlier list, and the end of the last window in which it was found."""

    found: datetime
    signature: list[str]
    trend: Trend


class _Member:
    """State kept for one of the settings: of its algorithm, its past lists and its topics."""

    def __init__(
        self,
        settings: Settings,
        counts: TermCounts,
        names: NameLikeness,
        directory: Directory,
        *,
        sparing: bool,
    ) -> None:
        self._settings, self._counts, self._names = settings, counts, names
        algorithm = live_algorithm(settings)
        self._min_score = algorithm.floor if settings.min_score is None else settings.min_score
        self.memory = Memory(settings, algorithm, counts, names, sparing=sparing)
        self._chooser = Chooser(settings, counts, self.memory, directory)
        self._topics = Topics(settings.hold)
        self._step = settings.every or settings.bin
        self._shown: dict[str, _Shown] = {}  # topics by id, for the next list if windows slide
        self._listed_before: set[str] = set()

    def trends(self, bin: int, late: int) -> TrendBin:
        """Update the state with a bin, and return the trends of the bin."""
        return self._listed(self.memory.learn(bin), bin, self._counts.start_of(bin + 1), late)

    def trends_ahead(self, bin: int, end: datetime, window: BinMessages, late: int) -> TrendBin:
        """Return the trends of a window that ends within a bin; only the topics remember it."""
        share = (end - self._counts.start_of(bin)) / self._settings.bin
        with self.memory.ahead(bin, window, share) as learnt:
            return self._listed(learnt, bin - 1, end, late, ahead=True)

    def _listed(self, learnt: Learnt, bin: int, end: datetime, late: int, *, ahead: bool = False) -> TrendBin:
        """Return the trends of a window; ``bin`` is the first bin that is not in its history."""
        counts, step = self._counts, self._step
        start = end - self._settings.bin
        rows = learnt.messages.rows
        groups = self._chooser.choose(
            learnt, self._min_score, start, end - step, self._topics, remember=not ahead
        )
        talks = [talk.title for talk in self._settings.schedule.between(start, end)]
        since = self.memory.since(bin)
        identities = self._topics.assign_ids(
            start,
            end,
            [group.signature for group in groups],
            [group.talk.talk.id if group.talk else None for group in groups],
            [not group.lingers for group in groups],
        )
        trends = []
        for rank, (group, identity) in enumerate(zip(groups, identities, strict=True), 1):
            lead, messages = group.lead, group.messages
            texts = [self._names.surface(scored.term) for scored in group.terms]
            quoted = messages[quotes(counts, rows[messages], learnt.messages.originals[messages])]
            trends.append(
                Trend(
                    bin_start=end - step,
                    bin_end=end,
                    window_start=None if step == self._settings.bin else start,
                    rank=rank,
                    terms=texts,
                    label=group.label,
                    score=-math.log10(max(1 - group.probability, _CERTAIN)),
                    expected=float(learnt.expected[lead.at]),
                    observed=int(learnt.counts.counts[lead.at]),
                    messages=len(messages),
                    authors=counts.people(rows[messages]),
                    examples=[counts.ids[rows[i]] for i in quoted.tolist()],
                    sources=counts.sources(rows[messages]),
                    talks=talks,
                    talk=group.talk.talk.title if group.talk else None,
                    talk_probability=group.talk.probability if group.talk else 0.0,
                    id=identity.id,
                    split_from=identity.split_from,
                    merged=identity.merged,
                    probability=group.probability,
                    contributions=group.contributions,
                    features=group.features,
                    channel=self._settings.channel,
                    history=self.memory.history(lead.term, bin),
                    since=since,
                )
            )
        if self._settings.every is not None:
            trends = self._calm(trends, groups, end)
        people = counts.people(rows)
        return TrendBin(
            start=end - step,
            end=end,
            trends=trends,
            messages=len(rows),
            authors=people,
            late=late,
            window_start=None if step == self._settings.bin else start,
        )

    def forget_shown(self) -> None:
        """Drop the topics that are only listed because they were found shortly before."""
        self._shown.clear()

    def shows(self, end: datetime) -> bool:
        """Check whether a list that ends at ``end`` has topics even if its window has no messages."""
        return any(end - shown.found <= self._settings.bin for shown in self._shown.values())

    def _calm(self, trends: list[Trend], groups: list[Group], end: datetime) -> list[Trend]:
        """Return a list that differs from the one before it no more than necessary.

        Topics that were found within the last ``bin``, but about which nobody posts now, are added with the
        numbers that they had, unless they have something in common with a topic that is listed now. A topic
        of the list before gives its place only to one with clearly higher odds.
        """
        ids = {id for trend in trends for id in (trend.id, *trend.merged)}
        about = {key for group in groups for key in group.signature}
        shown: dict[str, _Shown] = {}
        for id, one in sorted(self._shown.items(), key=lambda entry: entry[1].found, reverse=True):
            if end - one.found <= self._settings.bin and id not in ids and about.isdisjoint(one.signature):
                trend = replace(
                    one.trend,
                    bin_start=end - self._step,
                    bin_end=end,
                    examples=[id for id in one.trend.examples if self._counts.is_counted(id)],
                    split_from="",
                    merged=[],
                )
                shown[id] = one._replace(trend=trend)
                about.update(one.signature)
        for group, trend in zip(groups, trends, strict=True):
            before = self._shown.get(trend.id)
            found = before.found if before is not None and group.lingers else end
            shown[trend.id] = _Shown(found, group.signature, trend)
        places = sorted(
            shown.values(),
            key=lambda one: (
                sum(one.trend.contributions.values()) + _STAYING * (one.trend.id in self._listed_before)
            ),
            reverse=True,
        )
        best = [one.trend for one in places[: self._settings.top]]
        self._shown, self._listed_before = shown, {trend.id for trend in best}
        best.sort(key=lambda trend: -trend.score)
        return [replace(trend, rank=rank) for rank, trend in enumerate(best, 1)]
