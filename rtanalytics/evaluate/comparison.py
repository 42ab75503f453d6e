"""Comparison of algorithms on one or more recordings."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any, Unpack

from rtanalytics.evaluate.alerts import GAP, false_runs
from rtanalytics.evaluate.figure import draw
from rtanalytics.evaluate.matching import Alert, Truth, alerts_of, assign
from rtanalytics.evaluate.metrics import METRICS, intervals
from rtanalytics.evaluate.result import Point, Result
from rtanalytics.evaluate.shared_counts import detect_all
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
    "all_algorithms",
    "compare",
    "compare_all",
    "default_algorithms",
]

POOLED = "all"
"""Name of the rows in which all recordings are pooled."""


def default_algorithms() -> list[str]:
    """Return the names of the algorithms that can detect trends live."""
    return [name for name, cls in ALGORITHMS.items() if cls.causal]


def all_algorithms() -> list[str]:
    """Return the names of all algorithms; algorithms that need later bins come last."""
    return sorted(ALGORITHMS, key=lambda name: not ALGORITHMS[name].causal)


_SHORT = ("recall", "precision", "false_alarms_per_hour", "latency_median_min", "churn", "seconds")
"""Columns of the short table."""


@dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """Results of every algorithm on every recording.

    Parameters
    ----------
    results : tuple of Result
        Results by algorithm, then by recording, in the requested order.
    max_terms, gap : int
        Parameters of :func:`~rtanalytics.evaluate.judge`.
    counting : dict of str to float
        Seconds to count the terms of each recording, once for all algorithms.
    """

    results: tuple[Result, ...]
    max_terms: int = 3
    gap: int = GAP
    counting: Mapping[str, float] = field(default_factory=dict)
    _curves: dict[tuple[str, int], list[Point]] = field(default_factory=dict, repr=False)

    @property
    def algorithms(self) -> list[str]:
        """Names of the algorithms, in the requested order."""
        return list(dict.fromkeys(result.algorithm for result in self.results))

    @property
    def recordings(self) -> list[str]:
        """Names of the recordings, in the requested order."""
        return list(dict.fromkeys(result.recording for result in self.results))

    def of(self, algorithm: str) -> list[Result]:
        """Return the results of one algorithm."""
        return [result for result in self.results if result.algorithm == algorithm]

    def label(self, algorithm: str) -> str:
        """Return the name of an algorithm, followed by a dagger if it uses later bins."""
        return algorithm if all(result.causal for result in self.of(algorithm)) else f"{algorithm} †"

    def pooled(self, algorithm: str) -> Tally:
        """Return the counts of an algorithm, pooled over all recordings."""
        return reduce(add, (result.tally for result in self.of(algorithm)))

    def curve(self, algorithm: str, points: int = 24) -> list[Point]:
        """Return recall and false alarms at thresholds from high to low, pooled over all recordings.

        Parameters
        ----------
        algorithm : str
            Name of the algorithm.
        points : int
            Maximum number of thresholds, which are quantiles of the scores of matching topics.
        """
        kept = self._curves.get((algorithm, points))
        if kept is None:
            kept = self._curves[algorithm, points] = self._curve(algorithm, points)
        return kept

    def _curve(self, algorithm: str, points: int) -> list[Point]:
        import numpy as np

        parts: list[tuple[list[Alert], Truth, float]] = []
        scores: list[float] = []
        for result in self.of(algorithm):
            alerts = alerts_of(result.bins, top=result.tally.top, max_terms=self.max_terms)
            scores += [alerts[edge.alert].score for edge in result.truth.edges(alerts)]
            parts.append((alerts, result.truth, result.tally.hours))
        events, hours = sum(len(truth) for _, truth, _ in parts), sum(hours for *_, hours in parts)
        if not scores or not hours:
            return []
        quantiles = np.quantile(scores, np.linspace(1, 0, points), method="nearest")
        curve = []
        for threshold in dict.fromkeys(quantiles.tolist()):
            matched = false = 0
            for alerts, truth, _ in parts:
                kept = [alert for alert in alerts if alert.score >= threshold]
                matched += len(assign(truth.edges(kept)))
                false += len(false_runs(kept, truth, self.gap))
            curve.append(Point(threshold, matched / events, false / hours))
        return curve

    def to_frame(self) -> pd.DataFrame:
        """Return one row per algorithm and recording, and one per algorithm for all recordings.

        Returns
        -------
        pandas.DataFrame
            The index is ``algorithm`` and ``recording`` (:data:`POOLED` for all recordings). The columns
            are the :data:`~rtanalytics.evaluate.METRICS`, bounds of confidence intervals (``recall_low``,
            ``recall_high``, …), counts, and seconds. A metric that is undefined is NaN.
        """
        import pandas as pd

        rows = [
            {"algorithm": a, "recording": r, **metrics_of(t), "seconds": s} for a, r, t, s in self._rows()
        ]
        frame = pd.DataFrame(rows).set_index(["algorithm", "recording"])
        return frame.drop(columns="kinds_at_90_recall").astype(float)

    def plot(self) -> Figure:
        """Draw recall, false alarms and latency of the algorithms.

        Returns
        -------
        matplotlib.figure.Figure
        """
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
        """Return the most important metrics, rounded, with one row per algorithm."""
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


def metrics_of(tally: Tally) -> dict[str, Any]:
    """Return all metrics, intervals and counts of a tally by name; undefined metrics are None."""
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
        "listed": tally.listed,
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
    tick: Callable[[float], None] = lambda _: None,
    settings: Settings | None = None,
    **options: Unpack[SettingsOptions],
) -> Comparison:
    """Detect the trends of every recording with every algorithm, and evaluate them.

    The terms of each recording are counted once for all algorithms that score terms.

    Parameters
    ----------
    recordings : iterable of Recording
        Recordings with distinct names.
    truths : iterable of sequences of ReferenceTopic, optional
        Reference topics of each recording; by default its attribute ``truth``.
    algorithms : iterable of str or Algorithm, optional
        Names or instances; by default all algorithms that can detect trends live. An instance with
        other parameters than the defaults is named by its ``repr``.
    decoys : mapping of str to sequences of ReferenceTopic, optional
        Bursts that are not topics, by the name of the recording.
    max_terms : int
        Number of terms per topic that are compared.
    gap : int
        Maximum number of bins without an alert within a run of alerts.
        hindsight : bool
        If true, allow algorithms that need later bins. Their results cannot be achieved live.
    tick : callable, optional
        Function that is called repeatedly with the finished share of the work, from 0 to 1.
    settings : Settings, optional
        Settings of the trends, except the algorithm; by default those of each recording.
    **options
        Single settings, which take precedence over ``settings``.

    Raises
    ------
    ValueError
        If a recording has no reference topics, two recordings have the same name, the numbers of
        ``recordings`` and ``truths`` differ, an algorithm is unknown, or an algorithm needs later bins
        and ``hindsight`` is false.
    """
    recordings = list(recordings)
    known = [list(getattr(r, "truth", ())) for r in recordings] if truths is None else list(truths)
    if len(known) != len(recordings):
        raise ValueError(f"{len(known)} truths for {len(recordings)} recordings; give one per recording")
    names = [recording.name for recording in recordings]
    if doubles := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"two recordings are named {doubles[0]!r}; rename one of them")
    chosen = {_name(a): get(a) for a in (default_algorithms() if algorithms is None else algorithms)}
    if not hindsight and (later := sorted(name for name, a in chosen.items() if not a.causal)):
        raise ValueError(f"{later[0]} needs later bins; pass hindsight=True to compare it nevertheless")
    results: dict[tuple[int, int], Result] = {}
    counting: dict[str, float] = {}
    for column, (recording, topics) in enumerate(zip(recordings, known, strict=True)):
        if not topics:
            raise ValueError(
                f"the recording {recording.name!r} has no reference topics; pass truths or write _truth.csv"
            )
        truth, events = Truth(topics), list(recording)
        resolved = (settings or Settings.of_recording(recording)).replace(**options)
        decoy_truth = Truth(decoys[recording.name]) if decoys and recording.name in decoys else None

        def report(share: float, column: int = column) -> None:
            tick((column + share) / len(recordings))

        bins_of, seconds, counting[recording.name] = _detect(events, chosen, resolved, report)
        for row, (name, algorithm) in enumerate(chosen.items()):
            bins = bins_of[name]
            tally = judge(bins, truth, decoys=decoy_truth, top=resolved.top, max_terms=max_terms, gap=gap)
            results[row, column] = Result(
                name, recording.name, bins, truth, tally, seconds[name], algorithm.causal
            )
    return Comparison(tuple(results[key] for key in sorted(results)), max_terms, gap, counting)


def _detect(
    events: list[Event],
    algorithms: Mapping[str, Algorithm],
    settings: Settings,
    tick: Callable[[float], None],
) -> tuple[dict[str, list[TrendBin]], dict[str, float], float]:
    """Return the trends and the seconds by algorithm, and the seconds for counting."""
    scoring = {name: a for name, a in algorithms.items() if not _is_topic_level(a)}
    weight = len(scoring) / len(algorithms)
    bins_of, seconds, counting = detect_all(events, scoring, settings, lambda share: tick(share * weight))
    for name, algorithm in algorithms.items():
        if name not in scoring:
            tick(len(bins_of) / len(algorithms))
            began = time.perf_counter()
            bins_of[name] = list(algorithm.topics(events, settings))  # type: ignore[attr-defined]
            seconds[name] = time.perf_counter() - began
    return bins_of, seconds, counting


def _is_topic_level(algorithm: Algorithm) -> bool:
    return hasattr(algorithm, "topics")


def compare(
    recordings: Iterable[Recording],
    truths: Iterable[Sequence[ReferenceTopic]] | None = None,
    algorithms: Iterable[str | Algorithm] | None = None,
    **settings: Any,
) -> pd.DataFrame:
    """Return the result of :func:`compare_all` as a DataFrame; the parameters are the same."""
    return compare_all(recordings, truths, algorithms, **settings).to_frame()


def _name(algorithm: str | Algorithm) -> str:
    instance = get(algorithm)
    return instance.name if instance.get_params() == type(instance)().get_params() else repr(instance)
