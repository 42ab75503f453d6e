"""Search for the best settings: successive halving, cross-validated over conferences."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from rtanalytics.evaluate import SLACK
from rtanalytics.extras import extra
from rtanalytics.feed import Recording
from rtanalytics.schedule import ReferenceTopic
from rtanalytics.settings import Settings
from rtanalytics.trending import DEFAULT
from rtanalytics.tune.grid import Setting, candidates, settings_of
from rtanalytics.tune.objectives import OBJECTIVES
from rtanalytics.tune.panels import PARTS, Sample, Workers
from rtanalytics.tune.result import Floats, Fold, Ints, Tuning, pooled

__all__ = ["tune"]

_FEWEST = 3
"""Minimum number of reference topics of a recording in a round."""


def tune(
    recordings: Iterable[Recording],
    truths: Iterable[Sequence[ReferenceTopic]] | None = None,
    algorithms: Sequence[str] = (DEFAULT,),
    grid: Mapping[str, Sequence[Any]] | None = None,
    *,
    objective: str = "f1",
    top: int = 10,
    max_terms: int = 3,
    most: int = 200,
    factor: int = 3,
    jobs: int = 1,
    seed: int = 0,
    tick: Callable[[float], None] | None = None,
) -> Tuning:
    """Choose settings on recordings, and estimate their score on other conferences.

    Successive halving: all settings are evaluated on the first ninth of the reference topics of each
    recording, the better third of them on the first third, and the better third of these on all. The
    default setting is never dropped. This is done once with all recordings, which gives the recommended
    settings, and once without each conference, which gives a choice that is evaluated on that conference.
    No setting runs twice on a recording.

    Parameters
    ----------
    recordings : iterable of Recording
        Recordings with distinct names. Those with the same title are one conference.
    truths : iterable of sequences of ReferenceTopic, optional
        Reference topics of each recording; by default its own ``truth``.
    algorithms : sequence of str
        Names from the registry.
    grid : mapping, optional
        Values to try, see :func:`~rtanalytics.tune.candidates`.
    objective : str
        Name in :data:`~rtanalytics.tune.OBJECTIVES`; its mean over conferences is optimized. Ties are
        resolved by fewer false alarms per hour.
    top : int
        Number of topics per bin that are listed and evaluated.
    max_terms : int
        Number of terms per topic that are compared.
    most : int
        Maximum number of settings.
    factor : int
        One in ``factor`` settings stays in the next round.
    jobs : int
        Number of processes. With more than one, a script needs ``if __name__ == "__main__":``.
    seed : int
        Seed of the random sample of settings.
    tick : callable, optional
        Called repeatedly with the share of the work that is done, from 0 to 1.

    Raises
    ------
    ValueError
        If a recording has no truth, two have the same name, the lists differ in length, or the
        objective or the grid is invalid.
    """
    if objective not in OBJECTIVES:
        raise ValueError(f"unknown objective {objective!r} (objectives: {', '.join(OBJECTIVES)})")
    if factor < 2 or jobs < 1 or most < 1:
        raise ValueError(f"invalid factor {factor}, jobs {jobs} or most {most} (at least 2, 1 and 1)")
    settings = candidates(algorithms, grid, most=most, seed=seed)
    samples, groups = _samples(recordings, truths)
    search = _Search(samples, groups, settings, objective, top, max_terms, factor, tick)
    with Workers(jobs) as workers:
        search.run(workers)
    return search.result()


def _samples(
    recordings: Iterable[Recording], truths: Iterable[Sequence[ReferenceTopic]] | None
) -> tuple[list[Sample], list[str]]:
    """Return the recordings, and the conference (or day) of each part that is evaluated."""
    recordings = list(recordings)
    known = (
        [list(getattr(r, "truth", ())) for r in recordings] if truths is None else [list(t) for t in truths]
    )
    names = [recording.name for recording in recordings]
    if not recordings or len(known) != len(recordings):
        raise ValueError(f"{len(known)} truths for {len(recordings)} recordings; give one per recording")
    if doubles := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"two recordings are named {doubles[0]!r}; rename one of them")
    samples, titles = [], []
    for recording, topics in zip(recordings, known, strict=True):
        if not topics:
            raise ValueError(
                f"the recording {recording.name!r} has no reference topics; pass some or write its _truth.csv"
            )
        meta = getattr(recording, "meta", None)
        zone = ZoneInfo(getattr(meta, "timezone", None) or "UTC")
        events = sorted(recording, key=lambda e: (e.received_at, e.id))
        topics.sort(key=lambda topic: topic.start)
        samples.append(Sample(recording.name, events, topics, Settings.of_recording(recording), zone))
        titles.append(getattr(meta, "title", None) or recording.name)
    if len(set(titles)) > 1:
        return samples, titles
    parted: list[Sample] = []
    days: list[str] = []
    for s in samples:
        found = tuple(dict.fromkeys(s.day(topic.start) for topic in s.truth))
        parted.append(Sample(s.name, s.events, s.truth, s.own, s.zone, found))
        days += found
    return parted, days


class _Search:
    """State of one search."""

    def __init__(
        self,
        samples: list[Sample],
        groups: list[str],
        settings: list[Setting],
        objective: str,
        top: int,
        max_terms: int,
        factor: int,
        tick: Callable[[float], None] | None,
    ) -> None:
        self.samples, self.settings, self.factor = samples, settings, factor
        self.objective, self.top, self.max_terms = OBJECTIVES[objective], top, max_terms
        self.groups = np.array(groups)
        self.by_day = bool(samples[0].days)
        self.parts = [f"{s.name} {day}".strip() for s in samples for day in s.days or ("",)]
        self._tick, self._done, self._work = tick, 0.0, 1.0
        self.shares = self._shares(len(settings))
        shape = (len(self.shares), len(settings), len(self.parts))
        self.values: Floats = np.full(shape, np.nan)
        self.false: Floats = np.full(shape, np.nan)

    def _shares(self, n: int) -> list[float]:
        """Return the share of reference topics of each round."""
        if self.by_day:
            return [1.0]  # otherwise the first days would choose for all
        rounds = min(
            3, 1 + int(math.log(max(n, 1) / self.factor + 1e-9, self.factor)) if n >= self.factor else 1
        )
        return [1 / self.factor ** (rounds - 1 - i) for i in range(rounds)]

    def _until(self, sample: Sample, share: float) -> datetime | None:
        n = max(_FEWEST, math.ceil(share * len(sample.truth)))
        if share >= 1 or n >= len(sample.truth):
            return None
        return max(topic.end for topic in sample.truth[:n]) + SLACK

    def run(self, workers: Workers) -> None:
        """Run all rounds."""
        self._open(workers)
        self.folds = self._folds()
        going = [list(range(len(self.settings))) for _ in self.folds]
        alive = set(range(len(self.settings)))
        cut = [self._untils(share) for share in self.shares]
        at = [0] * len(self._runners)
        self._work = self._planned(cut)
        for number, untils in enumerate(cut):
            at = self._advance(workers, untils, at, alive)
            self._judge(workers, number, untils, alive)
            if number + 1 < len(cut):
                going = [
                    self._better(number, inner, left)
                    for (inner, _), left in zip(self.folds, going, strict=True)
                ]
                dropped = alive - set().union(*going)
                alive -= dropped
                for runner, (_, mine) in enumerate(self._runners):
                    workers.dismiss(runner, sorted(dropped & mine))
        self.going = going
        if self._tick is not None:
            self._tick(1.0)

    def _untils(self, share: float) -> list[datetime | None]:
        return [self._until(sample, share) for sample in self.samples]

    def _open(self, workers: Workers) -> None:
        resolved = [settings_of({**s, "top": self.top}) for s in self.settings]
        keys: dict[Any, set[int]] = {}
        for i, given in enumerate(resolved):
            keys.setdefault((given.bin, given.grace), set()).add(i)
        # with fewer runners than processes, settings are split over several, which each count the recording
        times = math.ceil(workers.jobs / (len(keys) * len(self.samples)))
        parts = [set(sorted(mine)[i::times]) for mine in keys.values() for i in range(times)]
        parts = [mine for mine in parts if mine]
        self._runners = [(place, mine) for place in range(len(self.samples)) for mine in parts]
        self._grace = [resolved[min(mine)].grace for _, mine in self._runners]
        workers.open(
            [
                (self.samples[place], {i: resolved[i] for i in sorted(mine)}, self.top, self.max_terms)
                for place, mine in self._runners
            ]
        )

    def _folds(self) -> list[tuple[Ints, Ints]]:
        """Return the parts to choose on and those left out; the last fold leaves nothing out."""
        with extra("compare"):
            from sklearn.model_selection import LeaveOneGroupOut

        every = np.arange(len(self.parts))
        names = list(dict.fromkeys(self.groups.tolist()))
        found: list[tuple[Ints, Ints]] = []
        if len(names) > 1:
            found += LeaveOneGroupOut().split(every, groups=[names.index(name) for name in self.groups])
        return [*found, (every, every[:0])]

    def _advance(
        self, workers: Workers, untils: list[datetime | None], at: list[int], alive: set[int]
    ) -> list[int]:
        """Run the remaining settings until the given times; return the new places in the events."""
        new, steps = list(at), []
        for runner, (place, mine) in enumerate(self._runners):
            sample, until, left = self.samples[place], untils[place], len(mine & alive)
            if not left:
                continue
            mark = None if until is None else until + self._grace[runner]
            new[runner] = max(at[runner], _before(sample, mark))
            steps_of = workers.advance(runner, at[runner], new[runner], mark, sample.events)
            # with processes, submit everything before waiting; without, iterating does the work
            steps.append(
                (left * (new[runner] - at[runner]), list(steps_of) if workers.jobs > 1 else steps_of)
            )
        for work, parts in steps:
            for future in parts:
                if future is not None:
                    future.result()
                self._progress(work / PARTS)
        return new

    def _planned(self, cut: list[list[datetime | None]]) -> float:
        total, n = 0.0, float(len(self.settings))
        for number, untils in enumerate(cut):
            for place, until in enumerate(untils):
                earlier = _before(self.samples[place], cut[number - 1][place]) if number else 0
                total += n * max(0, _before(self.samples[place], until) - earlier)
            n = min(n, 1.5 * n / self.factor)
        return max(total, 1.0)

    def _progress(self, work: float) -> None:
        self._done += work
        if self._tick is not None:
            self._tick(min(1.0, self._done / self._work))

    def _judge(self, workers: Workers, number: int, untils: list[datetime | None], alive: set[int]) -> None:
        asked = [
            (place, workers.judged(runner, sorted(mine & alive), untils[place]))
            for runner, (place, mine) in enumerate(self._runners)
        ]
        first = np.cumsum([0, *(len(s.days) or 1 for s in self.samples)])
        for place, wait in asked:
            for setting, tallies in wait().items():
                for i, tally in enumerate(tallies):
                    value = self.objective.of(tally)
                    here = number, setting, int(first[place]) + i
                    self.values[here] = np.nan if value is None else value
                    self.false[here] = tally.runs / tally.hours if tally.hours else 0.0

    def _ranked(self, number: int, parts: Ints, settings: Sequence[int]) -> list[int]:
        """Return the settings by objective, then false alarms, then their order; the best first."""
        of = self.groups[parts]
        value = pooled(self.values[number][:, parts], of)
        value = np.where(np.isnan(value), -np.inf, value if self.objective.higher else -value)
        false = pooled(self.false[number][:, parts], of)
        return sorted(settings, key=lambda i: (-round(float(value[i]), 9), float(false[i]), i))

    def _better(self, number: int, parts: Ints, settings: Sequence[int]) -> list[int]:
        kept = self._ranked(number, parts, settings)[: math.ceil(len(settings) / self.factor)]
        return sorted({0, *kept})

    def result(self) -> Tuning:
        """Return the result."""
        last = len(self.shares) - 1
        order = self._ranked(last, self.folds[-1][0], self.going[-1])
        folds = []
        for (inner, outer), settings in zip(self.folds[:-1], self.going[:-1], strict=True):
            chosen = self._ranked(last, inner, settings)[0]
            values, of = self.values[last], self.groups[outer]
            folds.append(
                Fold(
                    left_out=str(self.groups[outer][0]),
                    chosen=chosen,
                    score=float(pooled(values[chosen][outer], of)),
                    default_score=float(pooled(values[0][outer], of)),
                    train_score=float(pooled(values[chosen][inner], self.groups[inner])),
                )
            )
        return Tuning(
            settings=tuple(self.settings),
            parts=tuple(self.parts),
            groups=tuple(self.groups.tolist()),
            by_day=self.by_day,
            objective=self.objective,
            shares=tuple(self.shares),
            values=self.values,
            false=self.false,
            order=tuple(order),
            folds=tuple(folds),
            top=self.top,
        )


def _before(sample: Sample, until: datetime | None) -> int:
    """Return the number of events that are received before a time."""
    if until is None:
        return len(sample.events)
    return bisect_left(sample.events, until, key=lambda event: event.received_at)
