"""Runs of many settings on a recording, in stretches, in this process or in others.

A recording is counted once per bin width for all settings, and no bin is computed twice: each stretch
continues where the last one stopped, because the trends of a bin do not depend on later bins.
"""

from __future__ import annotations

import signal
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from datetime import datetime, tzinfo
from multiprocessing import get_context
from types import TracebackType
from typing import Any, Self

from rtanalytics.evaluate import Tally, Truth, judge
from rtanalytics.evaluate.shared_counts import detect_all
from rtanalytics.event import Event
from rtanalytics.feed import FOREVER, Delivery, Item, Watermark
from rtanalytics.schedule import ReferenceTopic
from rtanalytics.topics import Engine, Settings, TrendBin
from rtanalytics.trending import algorithm_of

__all__ = ["PARTS", "Sample", "TrendRunner", "Workers"]

PARTS = 8
"""Steps per stretch, for the progress bar."""


@dataclass(frozen=True)
class Sample:
    """A recording with its reference topics.

    Parameters
    ----------
    name : str
        Name of the recording.
    events : list of Event
        Events in the order in which they were received.
    truth : list of ReferenceTopic
        Reference topics, by start.
    own : Settings
        Settings of the recording itself: own tags, ignored terms and talks.
    zone : tzinfo
        Time zone of the venue.
    days : list of str
        Days that are evaluated separately; empty if the recording is evaluated as a whole.
    """

    name: str
    events: list[Event]
    truth: list[ReferenceTopic]
    own: Settings
    zone: tzinfo
    days: tuple[str, ...] = ()

    def day(self, at: datetime) -> str:
        """Return the day at the venue."""
        return at.astimezone(self.zone).date().isoformat()


class TrendRunner:
    """Trends of one recording by several settings of the same bin width.

    Parameters
    ----------
    sample : Sample
        The recording.
    settings : mapping of int to Settings
        Settings by number.
    top, max_terms : int
        As for :func:`~rtanalytics.evaluate.judge`.
    """

    def __init__(self, sample: Sample, settings: Mapping[int, Settings], top: int, max_terms: int) -> None:
        self._sample, self._top, self._max_terms = sample, top, max_terms
        self._all = {n: _with(sample.own, given) for n, given in settings.items()}
        live = {n: s for n, s in self._all.items() if _live(s)}
        self._engine: Engine | None = None
        self._listed: dict[str, list[TrendBin]] = {str(n): [] for n in live}
        if live:
            members = {str(n): s for n, s in live.items()}
            self._engine = Engine(next(iter(members.values())), members, sparing=True)
        self._alive = set(live)
        self._whole: dict[int, list[TrendBin]] = {}
        self._at = 0

    def advance(self, upto: int, until: datetime | None) -> None:
        """Process the events up to index ``upto``, and the bins that close before ``until``."""
        if self._engine is not None:
            events = self._sample.events[self._at : upto]
            mark = FOREVER if until is None else until
            items: list[Item] = [*(Delivery(n, e) for n, e in enumerate(events)), Watermark(mark)]
            for bins in self._engine.push(items):
                for name, bin in bins.items():
                    self._listed[name].append(bin)
        self._at = upto

    def dismiss(self, numbers: Iterable[int]) -> None:
        """Stop running these settings."""
        for number in self._alive & set(numbers):
            if self._engine is not None:
                self._engine.dismiss(str(number))
            self._alive.discard(number)

    def judged(self, numbers: Iterable[int], until: datetime | None) -> dict[int, list[Tally]]:
        """Evaluate the trends so far against the topics so far: one tally, or one per day."""
        return {number: list(self._tallies(self._bins(number), until)) for number in numbers}

    def _bins(self, number: int) -> list[TrendBin]:
        if str(number) in self._listed:
            return self._listed[str(number)]
        if number not in self._whole:
            # algorithms that need the whole recording start again each time
            settings = self._all[number]
            algorithm = algorithm_of(settings)
            if hasattr(algorithm, "topics"):
                self._whole[number] = list(algorithm.topics(self._sample.events, settings))
            else:
                self._whole[number] = detect_all(self._sample.events, {"it": algorithm}, settings)[0]["it"]
        return self._whole[number]

    def _tallies(self, bins: Sequence[TrendBin], until: datetime | None) -> Iterator[Tally]:
        sample, truth = self._sample, self._sample.truth
        if until is not None:
            bins = [bin for bin in bins if bin.start < until]
            truth = [topic for topic in truth if topic.start < until]
        for day in sample.days or (None,):
            here = bins if day is None else [bin for bin in bins if sample.day(bin.start) == day]
            known = truth if day is None else [t for t in truth if sample.day(t.start) == day]
            yield judge(here, Truth(known), top=self._top, max_terms=self._max_terms)


def _with(own: Settings, given: Settings) -> Settings:
    """Return settings with what the recording brings, for whole bins."""
    return given.replace(own_tags=own.own_tags, ignore=own.ignore, schedule=own.schedule, every=None)


def _live(settings: Settings) -> bool:
    """Return whether the algorithm can run live."""
    algorithm = algorithm_of(settings)
    return algorithm.causal and not hasattr(algorithm, "topics")


_here: dict[int, TrendRunner] = {}
"""Runners of this process."""


def _open(number: int, *given: Any) -> None:
    _here[number] = TrendRunner(*given)


def _advance(number: int, upto: int, until: datetime | None) -> None:
    _here[number].advance(upto, until)


def _dismiss(number: int, settings: list[int]) -> None:
    _here[number].dismiss(settings)


def _judged(number: int, settings: list[int], until: datetime | None) -> dict[int, list[Tally]]:
    return _here[number].judged(settings, until)


def _quiet() -> None:
    # Ctrl-C is handled by the parent process
    signal.signal(signal.SIGINT, signal.SIG_IGN)


class Workers:
    """Processes that each hold some runners; with one job, all are in this process.

    Parameters
    ----------
    jobs : int
        Number of processes.
    """

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs
        self._pools: list[ProcessPoolExecutor] = []
        self._of: dict[int, int] = {}
        self._opened: list[int] = []

    def __enter__(self) -> Self:
        if self.jobs > 1:
            context = get_context("spawn")
            self._pools = [
                ProcessPoolExecutor(1, mp_context=context, initializer=_quiet) for _ in range(self.jobs)
            ]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        for pool in self._pools:
            pool.shutdown(wait=kind is None, cancel_futures=True)
        for number in self._opened:
            _here.pop(number, None)

    def open(self, runners: Sequence[tuple[Sample, Mapping[int, Settings], int, int]]) -> None:
        """Create the runners, numbered from 0, with about the same work for each process."""
        load = [0.0] * max(self.jobs, 1)
        work = [len(t[0].events) * len(t[1]) / _width(t[1]) ** 0.5 for t in runners]
        waiting = []
        for number in sorted(range(len(runners)), key=lambda n: -work[n]):
            idlest = load.index(min(load))
            load[idlest] += work[number]
            self._of[number] = idlest
            if not self._pools:
                self._opened.append(number)
            waiting.append(self._submit(number, _open, *runners[number]))
        for one in waiting:
            _result(one)

    def advance(
        self, number: int, start: int, upto: int, until: datetime | None, events: Sequence[Event]
    ) -> Iterator[Future[None] | None]:
        """Continue a runner from place ``start`` in steps; yield the future of each."""
        edges = [start + (upto - start) * part // PARTS for part in range(1, PARTS)]
        for edge in dict.fromkeys(e for e in edges if start < e < upto):
            # the watermark: later events have not been received yet
            yield self._submit(number, _advance, edge, events[edge].received_at)
        yield self._submit(number, _advance, upto, until)

    def dismiss(self, number: int, settings: list[int]) -> None:
        """Stop running these settings of a runner."""
        self._submit(number, _dismiss, settings)

    def judged(self, number: int, settings: list[int], until: datetime | None) -> Any:
        """Return a function that waits for the tallies."""
        future = self._submit(number, _judged, settings, until)
        return lambda: _result(future)

    def _submit(self, number: int, work: Any, *given: Any) -> Any:
        if not self._pools:
            return work(number, *given)
        return self._pools[self._of[number]].submit(work, number, *given)


def _result(future: Any) -> Any:
    return future.result() if isinstance(future, Future) else future


def _width(settings: Mapping[int, Settings]) -> float:
    seconds: float = next(iter(settings.values())).bin.total_seconds()
    return seconds
