"""Algorithms side by side, over one recording or many."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any, Unpack

from rtanalytics.evaluate.alarms import GAP, false_runs
from rtanalytics.evaluate.matching import Alarm, Truth, alarms_of, assign
from rtanalytics.evaluate.metrics import METRICS, intervals
from rtanalytics.evaluate.shared_counts import tell_all
from rtanalytics.evaluate.tally import Tally, judge
from rtanalytics.event import Event
from rtanalytics.feed import Recording
from rtanalytics.schedule import ReferenceTopic
from rtanalytics.settings import Settings, SettingsOptions
from rtanalytics.topics import TrendBin
from rtanalytics.trending import ALGORITHMS, Algorithm, get

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = [
    "POOLED",
    "Comparison",
    "Point",
    "Result",
    "all_algorithms",
    "compare",
    "compare_all",
    "default_algorithms",
]

POOLED = "all"
"""What stands for all recordings together where a recording's name would stand."""


def default_algorithms() -> list[str]:
    """The algorithms of the registry that can tell trends as they come."""
    return [name for name, cls in ALGORITHMS.items() if cls.causal]


def all_algorithms() -> list[str]:
    """Those, and after them the ones that need later bins to judge one."""
    return sorted(ALGORITHMS, key=lambda name: not ALGORITHMS[name].causal)


@dataclass(frozen=True, slots=True)
class Point:
    """What a threshold gives.

    Parameters
    ----------
    threshold : float
        Only topics with at least this score are told.
    recall : float
        Share of the reference topics that are found, over all recordings.
    per_hour : float
        False alarms an hour.
    """

    threshold: float
    recall: float
    per_hour: float


@dataclass(frozen=True, eq=False)
class Result:
    """One algorithm on one recording.

    Parameters
    ----------
    algorithm, recording : str
        Their names.
    bins : list of TrendBin
        What was told.
    truth : Truth
        What is known.
    tally : Tally
        The one against the other.
    seconds : float
        Wall-clock time from counts to trends; from events to trends where the algorithm counts for
        itself.
    causal : bool
        False if it knew later bins.
    """

    algorithm: str
    recording: str
    bins: list[TrendBin]
    truth: Truth
    tally: Tally
    seconds: float
    causal: bool = True


_SHORT = ("recall", "precision", "false_alarms_per_hour", "latency_median_min", "churn", "seconds")
"""Figures of the short table."""


@dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """Every algorithm on every recording.

    Parameters
    ----------
    results : tuple of Result
        In the order in which they were asked for.
    max_terms, gap : int
        As in :func:`~rtanalytics.evaluate.judge`.
    counting : dict of str to float
        Seconds from events to counts, which the algorithms share, by recording.
    """

    results: tuple[Result, ...]
    max_terms: int = 3
    gap: int = GAP
    counting: Mapping[str, float] = field(default_factory=dict)
    _curves: dict[tuple[str, int], list[Point]] = field(default_factory=dict, repr=False)

    @property
    def algorithms(self) -> list[str]:
        """Names, in the order in which they were asked for."""
        return list(dict.fromkeys(result.algorithm for result in self.results))

    @property
    def recordings(self) -> list[str]:
        """Names, likewise."""
        return list(dict.fromkeys(result.recording for result in self.results))

    def of(self, algorithm: str) -> list[Result]:
        """The results of one algorithm."""
        return [result for result in self.results if result.algorithm == algorithm]

    def label(self, algorithm: str) -> str:
        """Its name, with a dagger if it knew later bins."""
        return algorithm if all(result.causal for result in self.of(algorithm)) else f"{algorithm} †"

    def pooled(self, algorithm: str) -> Tally:
        """Its counts over all recordings."""
        return reduce(add, (result.tally for result in self.of(algorithm)))

    def curve(self, algorithm: str, points: int = 24) -> list[Point]:
        """Recall against false alarms over thresholds, over all recordings, from high to low.

        Parameters
        ----------
        algorithm : str
            Its name.
        points : int
            Thresholds at most; they are quantiles of the scores of topics that match something.
        """
        kept = self._curves.get((algorithm, points))
        if kept is None:
            kept = self._curves[algorithm, points] = self._curve(algorithm, points)
        return kept

    def _curve(self, algorithm: str, points: int) -> list[Point]:
        import numpy as np

        parts: list[tuple[list[Alarm], Truth, float]] = []
        scores: list[float] = []
        for result in self.of(algorithm):
            alarms = alarms_of(result.bins, top=result.tally.top, max_terms=self.max_terms)
            scores += [alarms[edge.alarm].score for edge in result.truth.edges(alarms)]
            parts.append((alarms, result.truth, result.tally.hours))
        events, hours = sum(len(truth) for _, truth, _ in parts), sum(hours for *_, hours in parts)
        if not scores or not hours:
            return []
        quantiles = np.quantile(scores, np.linspace(1, 0, points), method="nearest")
        found = []
        for least in dict.fromkeys(quantiles.tolist()):
            matched = false = 0
            for alarms, truth, _ in parts:
                loud = [alarm for alarm in alarms if alarm.score >= least]
                matched += len(assign(truth.edges(loud)))
                false += len(false_runs(loud, truth, self.gap))
            found.append(Point(least, matched / events, false / hours))
        return found

    def to_frame(self) -> pd.DataFrame:
        """A row for each algorithm and recording, and for all recordings together.

        Returns
        -------
        pandas.DataFrame
            Indexed by ``algorithm`` and ``recording`` (:data:`POOLED` for all together); columns
            are :data:`~rtanalytics.evaluate.METRICS`, bounds of the confidence intervals
            (``recall_low``, ``recall_high``, …), counts, and seconds. NaN where a figure is not defined.
        """
        import pandas as pd

        rows = [{"algorithm": a, "recording": r, **figures(t), "seconds": s} for a, r, t, s in self._rows()]
        frame = pd.DataFrame(rows).set_index(["algorithm", "recording"])
        return frame.drop(columns="kinds_at_90_recall").astype(float)

    def plot(self) -> Figure:
        """Draw recall, false alarms and delay of the algorithms.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from rtanalytics.evaluate.figure import draw

        return draw(self)

    def __repr__(self) -> str:
        return (
            f"Comparison of {', '.join(self.algorithms)} on {', '.join(self.recordings)}\n"
            f"{self._short().to_string()}"
        )

    def _repr_html_(self) -> str:
        table: str = self._short().to_html()
        return table

    def _short(self) -> pd.DataFrame:
        """Return the most important figures, rounded, one row per algorithm."""
        frame = self.to_frame()
        last = frame.groupby(level="algorithm", sort=False).tail(1).droplevel("recording")
        return last[list(_SHORT)].round(2)

    def _rows(self) -> Iterator[tuple[str, str, Tally, float]]:
        for name in self.algorithms:
            results = self.of(name)
            for result in results:
                yield name, result.recording, result.tally, result.seconds
            if len(results) > 1:
                yield name, POOLED, self.pooled(name), sum(result.seconds for result in results)


def figures(tally: Tally) -> dict[str, Any]:
    """Everything that can be read off a tally, None where it is not defined."""
    bounds = intervals(tally)
    row: dict[str, Any] = {}
    for name, metric in METRICS.items():
        row[name] = metric.of(tally)
        if name in bounds:
            interval = bounds[name]
            row[f"{name}_low"] = interval.low if interval else None
            row[f"{name}_high"] = interval.high if interval else None
    return row | {
        "top": tally.top,
        "events": tally.events,
        "matched": tally.matched,
        "told": tally.told,
        "slots": tally.slots,
        "hours": tally.hours,
        "false_alarms": tally.runs,
        "false_alarms_at_90_recall": tally.runs_at_recall,
        "kinds_at_90_recall": tally.kinds_at_recall,
    }


def compare_all(
    recordings: Iterable[Recording],
    truths: Iterable[Sequence[ReferenceTopic]] | None = None,
    algorithms: Iterable[str | Algorithm] | None = None,
    *,
    decoys: Mapping[str, Sequence[ReferenceTopic]] | None = None,
    max_terms: int = 3,
    gap: int = GAP,
    hindsight: bool = False,
    tick: Callable[[int], None] | None = None,
    settings: Settings | None = None,
    **options: Unpack[SettingsOptions],
) -> Comparison:
    """Tell the trends of every recording with every algorithm, and judge them.

    Each recording is read once, and cut into terms and counted once for all algorithms that score terms.

    Parameters
    ----------
    recordings : iterable of Recording
        Of different names.
    truths : iterable of sequences of ReferenceTopic, optional
        In the order of the recordings; each recording's own ``truth`` unless given.
    algorithms : iterable of str or Algorithm, optional
        All that can tell trends as they come, unless given. An instance is shown under its
        ``repr`` if its parameters are not the usual ones.
    decoys : mapping of str to sequences of ReferenceTopic, optional
        By the recording's name: bursts that are no topics.
    max_terms : int
        Terms of a topic that are read.
    gap : int
        Silent bins within a run of alarms.
    hindsight : bool
        Let algorithms take part that need later bins to judge one. What they reach is no promise:
        nobody has those bins when it matters.
    tick : callable, optional
        Called before each algorithm is judged on a recording with how many are done.
    settings : Settings, optional
        Settings of the trends; those that each recording brings unless given. Its algorithm is not
        used.
    **options
        Single settings, which replace those of ``settings``.

    Raises
    ------
    ValueError
        If a recording has no truth, two have the same name, lists differ in length, or an
        algorithm is not known, or needs the future without being allowed it.
    """
    recordings = list(recordings)
    known = [list(getattr(r, "truth", ())) for r in recordings] if truths is None else list(truths)
    if len(known) != len(recordings):
        raise ValueError(f"{len(known)} truths for {len(recordings)} recordings; each recording needs one")
    names = [recording.name for recording in recordings]
    if doubles := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(
            f"two recordings are named {doubles[0]!r}; rename one, so that they can be told apart"
        )
    chosen = {_name(a): get(a) for a in (default_algorithms() if algorithms is None else algorithms)}
    if not hindsight and (later := sorted(name for name, a in chosen.items() if not a.causal)):
        raise ValueError(
            f"{later[0]} needs later bins to judge one, so it is compared only where hindsight is asked for"
        )
    results: dict[tuple[int, int], Result] = {}
    counting: dict[str, float] = {}
    for column, (recording, topics) in enumerate(zip(recordings, known, strict=True)):
        if not topics:
            raise ValueError(f"nothing is known of what {recording.name!r} talked about; give it a truth")
        truth, events = Truth(topics), list(recording)
        asked = (settings or Settings.of_recording(recording)).replace(**options)
        fooled = Truth(decoys[recording.name]) if decoys and recording.name in decoys else None
        told, seconds, counting[recording.name] = _tell(events, chosen, asked)
        for row, (name, algorithm) in enumerate(chosen.items()):
            if tick is not None:
                tick(len(results))
            bins = told[name]
            tally = judge(bins, truth, decoys=fooled, top=asked.top, max_terms=max_terms, gap=gap)
            results[row, column] = Result(
                name, recording.name, bins, truth, tally, seconds[name], algorithm.causal
            )
    return Comparison(tuple(results[key] for key in sorted(results)), max_terms, gap, counting)


def _tell(
    events: list[Event], algorithms: Mapping[str, Algorithm], settings: Settings
) -> tuple[dict[str, list[TrendBin]], dict[str, float], float]:
    """What each algorithm tells of events, how long it took it, and how long counting took."""
    scoring = {name: a for name, a in algorithms.items() if not _tells_topics(a)}
    told, seconds, counting = tell_all(events, scoring, settings)
    for name, algorithm in algorithms.items():
        if name not in scoring:
            began = time.perf_counter()
            told[name] = list(algorithm.topics(events, settings))  # type: ignore[attr-defined]
            seconds[name] = time.perf_counter() - began
    return told, seconds, counting


def _tells_topics(algorithm: Algorithm) -> bool:
    return hasattr(algorithm, "topics")


def compare(
    recordings: Iterable[Recording],
    truths: Iterable[Sequence[ReferenceTopic]] | None = None,
    algorithms: Iterable[str | Algorithm] | None = None,
    **settings: Any,
) -> pd.DataFrame:
    """The frame of :func:`compare_all`, which takes the same parameters."""
    return compare_all(recordings, truths, algorithms, **settings).to_frame()


def _name(algorithm: str | Algorithm) -> str:
    made = get(algorithm)
    return made.name if made.get_params() == type(made)().get_params() else repr(made)
