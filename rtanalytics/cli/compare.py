"""The command ``compare``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from rtanalytics.cli.options import AlgorithmNames, Archives, TopEvaluated, TruthFiles
from rtanalytics.cli.terminal import console, progress, safe
from rtanalytics.session import SessionError, open_conference

if TYPE_CHECKING:
    from rich.table import Table

    from rtanalytics.archive import Recording
    from rtanalytics.evaluate import Comparison
    from rtanalytics.schedule import ReferenceTopic

__all__ = ["EPILOG", "compare", "parse_args", "read_topics", "require_truth"]

EPILOG = (
    "A ground truth is a CSV file with the columns start_utc and end_utc (ISO 8601), keywords (joined by |,"
    " as in keynote|ada lovelace|compilers), and any others, such as title. It is called"
    " _truth.csv in an archive."
)


def compare(
    archives: Archives,
    truth: TruthFiles = None,
    algorithm: AlgorithmNames = None,
    width: Annotated[
        str, typer.Option("--bin", metavar="DURATION", help="Width of a bin, such as 5min or 1h.")
    ] = "15min",
    top: TopEvaluated = 10,
    only: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN=VALUE", help="Use only reference topics with this value in this column."
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object per algorithm and line.")
    ] = False,
    figure: Annotated[
        Path | None,
        typer.Option(metavar="FILE.png|svg", help="Plot recall, false alarms and latency into this file."),
    ] = None,
) -> None:
    """Compare algorithms on recordings with a ground truth."""
    from rtanalytics.clock import parse_duration
    from rtanalytics.evaluate import compare_all

    folders, truths, algorithms = parse_args(archives, truth or [], algorithm or [])
    if figure is not None and figure.suffix.lower() not in {".png", ".svg"}:
        raise typer.BadParameter(f"{figure} must end in .png or .svg", param_hint="--figure")
    try:
        bin = parse_duration(width)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--bin") from None
    recordings = [open_conference(folder).recording for folder in folders]
    truth_of_each = [read_topics(file) for file in truths] if truths else [r.truth for r in recordings]
    if only is not None:
        truth_of_each = [_only(topics, only) for topics in truth_of_each]
    for recording, topics in zip(recordings, truth_of_each, strict=True):
        require_truth(recording, topics)
    decoys = {r.name: read_topics(file) for r in recordings if (file := r.folder / "_decoys.csv").is_file()}
    with progress("comparing, in per cent", 100) as tick:
        try:
            comparison = compare_all(
                recordings,
                truth_of_each,
                algorithms,
                decoys=decoys,
                hindsight=True,
                tick=lambda share: tick(round(100 * share)),
                bin=bin,
                top=top,
            )
        except ValueError as error:
            raise SessionError(str(error)) from None
    if as_json:
        for name in comparison.algorithms:
            sys.stdout.write(msgspec.json.encode(_object(comparison, name)).decode() + "\n")
    else:
        _print(comparison, recordings)
    for recording, topics in zip(recordings, truth_of_each, strict=True):
        _warn(recording, topics)
    if figure is not None:
        # last, so that the figures are printed even if this fails
        sys.stdout.flush()
        from rtanalytics.evaluate import draw

        draw(comparison).savefig(figure, dpi=120)


def _warn(recording: Recording, topics: list[ReferenceTopic]) -> None:
    """Warn about reference topics that cannot be found because no message has any of their keywords."""
    from rtanalytics.evaluate.matching import plain

    left = [(topic, [plain(word).strip("@#") for word in topic.keywords]) for topic in topics]
    for event in recording:
        if not left:
            return
        text = plain(f"{event.title or ''} {event.text or ''}")
        left = [(topic, words) for topic, words in left if not any(word in text for word in words)]
    if not left:
        return
    labels = ", ".join(repr(safe(topic.label)) for topic, _ in left[:3])
    more = f" and {len(left) - 3} more" if len(left) > 3 else ""
    print(
        f"rtanalytics: warning: {len(left)} of {len(topics)} reference topics cannot be found: none of their"
        f" keywords occurs in {safe(recording.name)!r}: {labels}{more} (keywords are joined by |)",
        file=sys.stderr,
    )


def parse_args(
    given: list[Path], truths: list[Path], algorithms: list[str]
) -> tuple[list[Path], list[Path], list[str]]:
    """Split arguments into archives, truth files and algorithms.

    Several values may follow one option, as a shell expands ``*.csv``.

    Raises
    ------
    typer.BadParameter
        If there is no archive, a number differs, or an algorithm is unknown.
    """
    from rtanalytics.evaluate import all_algorithms
    from rtanalytics.trending import ALGORITHMS

    more = [path for path in given if path.suffix.lower() == ".csv" and not path.is_dir()]
    names = [str(path) for path in given if str(path) in ALGORITHMS and algorithms and not path.exists()]
    folders = [path for path in given if path not in more and str(path) not in names]
    if len(truths) > 1 and more:
        message = "write all files after one --truth, or each after its own --truth"
        raise typer.BadParameter(message, param_hint="--truth")
    truths, algorithms = [*truths, *more], [*algorithms, *names]
    if not folders and more:
        message = f"{more[0]} is a table; import it first: rtanalytics import {more[0]} --to ARCHIVE"
        raise typer.BadParameter(message, param_hint="ARCHIVE")
    if not folders:
        raise typer.BadParameter("no archive is given", param_hint="ARCHIVE")
    if truths and len(truths) != len(folders):
        message = f"{len(truths)} truth files for {len(folders)} archives; each archive needs one"
        raise typer.BadParameter(message, param_hint="--truth")
    for name in algorithms:
        if name not in ALGORITHMS:
            message = f"no algorithm {name!r}; there are {', '.join(sorted(ALGORITHMS))}"
            raise typer.BadParameter(message, param_hint="--algorithm")
    return folders, truths, list(dict.fromkeys(algorithms)) or all_algorithms()


def require_truth(recording: Recording, topics: list[ReferenceTopic]) -> None:
    """Check that there are reference topics.

    Raises
    ------
    SessionError
        If there are none; the message says how to give some.
    """
    if not topics:
        raise SessionError(
            f"recording {recording.name!r} has no ground truth; give --truth FILE.csv, or put the file"
            f" into the archive as {safe(str(recording.folder / '_truth.csv'))}; its columns are"
            " start_utc, end_utc and keywords (joined by |)"
        )


def read_topics(file: Path) -> list[ReferenceTopic]:
    """Read a truth file.

    Raises
    ------
    SessionError
        If it is invalid; the message names file and line.
    """
    from rtanalytics.schedule import read_truth

    try:
        return read_truth(file)
    except OSError as error:
        raise SessionError(
            f"{file}: cannot be read: {error.strerror or error}; give a CSV file with start_utc, "
            "end_utc and keywords"
        ) from None
    except ValueError as error:
        raise SessionError(str(error)) from None


def _only(topics: list[ReferenceTopic], condition: str) -> list[ReferenceTopic]:
    column, equals, value = condition.partition("=")
    if not equals:
        raise typer.BadParameter(f"{condition!r} is not COLUMN=VALUE", param_hint="--only")
    chosen = [topic for topic in topics if topic.extra.get(column) == value]
    if not chosen:
        raise SessionError(f"no reference topic has {value!r} in a column {column!r}")
    return chosen


def _object(comparison: Comparison, name: str) -> dict[str, Any]:
    """Return an object of ``compare --json``: the metrics over all recordings, and of each one."""
    from rtanalytics.evaluate import metrics_of

    return {
        "algorithm": name,
        "causal": all(result.causal for result in comparison.of(name)),
        **metrics_of(comparison.pooled(name)),
        "seconds": sum(result.seconds for result in comparison.of(name)),
        "recordings": [
            {"recording": result.recording, **metrics_of(result.tally), "seconds": result.seconds}
            for result in comparison.of(name)
        ],
    }


_COLUMNS = (
    ("recall", "recall", "{:.2f}"),
    ("recall_2_keywords", "≥ 2 kw", "{:.2f}"),
    ("precision", "prec.", "{:.2f}"),
    ("keyword_precision", "kw prec.", "{:.2f}"),
    ("keyword_recall", "kw rec.", "{:.2f}"),
    ("false_alarms_per_hour", "false/h", "{:.2f}"),
    ("false_alarms_per_hour_at_90_recall", "at 90 %", "{:.2f}"),
    ("latency_median_min", "latency", "{:.0f}"),
    ("latency_p90_min", "p90", "{:.0f}"),
    ("derate", "dupl.", "{:.2f}"),
    ("churn", "churn", "{:.2f}"),
    ("random_baseline_recall", "random", "{:.2f}"),
    ("nab", "NAB", "{:.0f}"),
)
_WITH_INTERVAL = {"recall", "latency_median_min"}

_LEGEND = (
    "pAUC: partial area under the curve, the mean recall over thresholds with 0.02 to 2 false alarms per"
    " hour; rows are in its order. recall: reference topics found, one listed topic each; ≥ 2 kw: by two"
    " keywords or more. In brackets: 95 % bootstrap intervals over topics. prec.: precision of the listed"
    " topics. kw: precision and recall of the terms against keywords. false/h: false alarms per hour; at"
    " 90 %: at the threshold with 90 % recall. latency, p90: minutes from a start to the end of the first"
    " bin that lists the topic, median and 90th percentile. dupl.: listed topics that duplicate another"
    " one of their bin. churn: change from bin to bin. random: random baseline, the recall with the truth"
    " shifted by hours or a day. NAB: 0 without alarms, 100 perfect. s: seconds from counts to trends. *"
    " best, – undefined, † uses later bins."
)


def _print(comparison: Comparison, recordings: list[Recording]) -> None:
    from rtanalytics.evaluate import Comparison

    out = console()
    if not out.is_terminal:
        out.width = 164
    if len(recordings) > 1:
        out.print(_verdict(comparison))
        out.print()
    for name in comparison.recordings:
        one = Comparison(
            tuple(r for r in comparison.results if r.recording == name),
            comparison.max_terms,
            comparison.gap,
            comparison.counting,
        )
        if len(recordings) == 1:
            out.print(_verdict(one))
        out.print(_table(safe(name), one))
        out.print()
    if len(recordings) > 1:
        out.print(_table("all together", comparison))
        out.print()
    out.print(_LEGEND, style="dim")


def _table(title: str, comparison: Comparison) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    from rtanalytics.evaluate import METRICS, intervals, partial_auc

    areas = {name: partial_auc(comparison, name) for name in comparison.algorithms}
    names = sorted(areas, key=lambda name: -areas[name])
    tallies = {name: comparison.pooled(name) for name in names}
    one = next(iter(tallies.values()))
    ceiling = METRICS["precision_ceiling"].of(one)
    caption = f"{one.events} reference topics, {one.hours:.0f} h, the first {one.top} of a bin"
    if ceiling is not None:
        caption += f"; the precision is at most {ceiling:.2f}"
    table = Table(title=Text(f"{title}: {caption}", style="bold"), title_justify="left", box=SIMPLE_HEAD)
    table.padding = (0, 1, 0, 0)
    table.add_column("algorithm", no_wrap=True)
    table.add_column("pAUC", justify="right", no_wrap=True)
    best = {}
    for name, label, shape in _COLUMNS:
        table.add_column(label, justify="right", no_wrap=True)
        values = [METRICS[name].of(tally) for tally in tallies.values()]
        top = METRICS[name].best(values)
        best[name] = None if top is None else shape.format(top)
    table.add_column("s", justify="right", no_wrap=True)
    for algorithm, tally in tallies.items():
        won = areas[algorithm] == max(areas.values())
        cells = [
            Text(safe(comparison.label(algorithm)), style="cyan"),
            Text(f"{areas[algorithm]:.2f}" + ("*" if won else " "), style="bold green" if won else ""),
        ]
        bounds = intervals(tally)
        for name, _, shape in _COLUMNS:
            value = METRICS[name].of(tally)
            text = "–" if value is None else shape.format(value)
            won = text == best[name]
            interval = bounds[name] if name in _WITH_INTERVAL else None
            if interval is not None:
                text += f" ({shape.format(interval.low)}–{shape.format(interval.high)})"
            cells.append(Text(text + ("*" if won else " "), style="bold green" if won else ""))
        cells.append(Text(f"{sum(result.seconds for result in comparison.of(algorithm)):.1f}"))
        table.add_row(*cells)
    return table


def _verdict(comparison: Comparison) -> str:
    """Name the best algorithm, those not significantly worse, and the one with fewest false alarms."""
    from rtanalytics.evaluate import METRICS, ranked, recall_gap

    names = [n for n in ranked(comparison) if all(result.causal for result in comparison.of(n))]
    if len(names) < 2:
        return ""
    best = comparison.pooled(names[0])
    equal = [n for n in names if recall_gap(best, comparison.pooled(n)).low <= 0]
    rates = {n: METRICS["false_alarms_per_hour"].of(comparison.pooled(n)) for n in equal}
    alarms = {n: rate for n, rate in rates.items() if rate is not None}
    text = f"{safe(names[0])} finds most reference topics ({best.matched} of {best.events})"
    others = [safe(n) for n in equal if n != names[0]]
    if others:
        text += f"; on so few topics it does not differ significantly from {', '.join(others)}"
    if alarms:
        quiet = min(alarms, key=alarms.__getitem__)
        text += f". Fewest false alarms of these: {safe(quiet)} ({alarms[quiet]:.2f} per hour)"
    shared = sum(comparison.counting.get(name, 0.0) for name in comparison.recordings)
    return f"{text}. Reading and counting, once for all: {shared:.1f} s."
