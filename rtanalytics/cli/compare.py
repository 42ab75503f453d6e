"""Commands that measure: compare, series."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from rtanalytics.cli.terminal import Failed, console, progress, safe

if TYPE_CHECKING:
    from rich.table import Table

    from rtanalytics.archive import Recording
    from rtanalytics.evaluate import Comparison, Tally
    from rtanalytics.schedule import KnownTopic

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(compare)
    app.command()(series)


def compare(
    archives: Annotated[
        list[Path], typer.Argument(metavar="ARCHIVE...", help="Recordings of which known topics are known.")
    ],
    truth: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE.csv...", help="Known topics, in the archives' order."),
    ] = None,
    algorithm: Annotated[
        list[str] | None, typer.Option(metavar="A...", help="Names from the registry; all unless given.")
    ] = None,
    width: Annotated[
        str, typer.Option("--bin", metavar="DURATION", help="Such as 5min, 30min, 1h.")
    ] = "15min",
    top: Annotated[int, typer.Option(min=1, help="Topics a bin that are judged.")] = 10,
    only: Annotated[
        str | None,
        typer.Option(metavar="COLUMN=VALUE", help="Known topics with this in their truth file alone."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object an algorithm and line.")] = False,
    figure: Annotated[
        Path | None, typer.Option(metavar="FILE.png|svg", help="Draw recall, false alarms and delay.")
    ] = None,
) -> None:
    """Measure algorithms against known topics, side by side."""
    from rtanalytics.archive import Recording
    from rtanalytics.clock import parse_duration
    from rtanalytics.evaluate import compare_all

    folders, truths, algorithms = _sorted_out(archives, truth or [], algorithm or [])
    if figure is not None and figure.suffix.lower() not in {".png", ".svg"}:
        raise typer.BadParameter(f"{figure} is neither .png nor .svg", param_hint="--figure")
    try:
        bin = parse_duration(width)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--bin") from None
    recordings = [Recording(folder) for folder in folders]
    known = [_known(file) for file in truths] if truths else [recording.truth for recording in recordings]
    if only is not None:
        known = [_only(topics, only) for topics in known]
    decoys = {r.name: _known(file) for r in recordings if (file := r.folder / "_decoys.csv").is_file()}
    with progress("comparing", len(recordings) * len(algorithms)) as tick:
        try:
            comparison = compare_all(
                recordings,
                known,
                algorithms,
                decoys=decoys,
                hindsight=True,
                tick=tick,
                bin=bin,
                top=top,
            )
        except ValueError as error:
            raise Failed(str(error)) from None
    if figure is not None:
        from rtanalytics.evaluate import draw

        draw(comparison).savefig(figure, dpi=120)
    if as_json:
        for name in comparison.algorithms:
            sys.stdout.write(msgspec.json.encode(_object(comparison, name)).decode() + "\n")
    else:
        _print(comparison, recordings)


def _sorted_out(
    given: list[Path], truths: list[Path], algorithms: list[str]
) -> tuple[list[Path], list[Path], list[str]]:
    """Archives, truths and algorithms; several may stand after one option, as a shell expands ``*.csv``."""
    from rtanalytics.evaluate import all_algorithms
    from rtanalytics.trending import ALGORITHMS

    more = [path for path in given if path.suffix.lower() == ".csv" and not path.is_dir()]
    names = [str(path) for path in given if str(path) in ALGORITHMS and algorithms and not path.exists()]
    folders = [path for path in given if path not in more and str(path) not in names]
    if len(truths) > 1 and more:
        message = "name all files after one --truth, or each after a --truth of its own"
        raise typer.BadParameter(message, param_hint="--truth")
    truths, algorithms = [*truths, *more], [*algorithms, *names]
    if not folders:
        raise typer.BadParameter("no archive is named", param_hint="ARCHIVE")
    if truths and len(truths) != len(folders):
        message = f"{len(truths)} truth files for {len(folders)} archives; each archive needs one"
        raise typer.BadParameter(message, param_hint="--truth")
    for name in algorithms:
        if name not in ALGORITHMS:
            message = f"no algorithm {name!r}; there are {', '.join(sorted(ALGORITHMS))}"
            raise typer.BadParameter(message, param_hint="--algorithm")
    return folders, truths, list(dict.fromkeys(algorithms)) or all_algorithms()


def _known(file: Path) -> list[KnownTopic]:
    from rtanalytics.schedule import read_truth

    try:
        return read_truth(file)
    except ValueError as error:
        raise Failed(str(error)) from None


def _only(topics: list[KnownTopic], condition: str) -> list[KnownTopic]:
    column, equals, value = condition.partition("=")
    if not equals:
        raise typer.BadParameter(f"{condition!r} is not COLUMN=VALUE", param_hint="--only")
    chosen = [topic for topic in topics if topic.extra.get(column) == value]
    if not chosen:
        raise Failed(f"no known topic has {value!r} in a column {column!r}")
    return chosen


def _object(comparison: Comparison, name: str) -> dict[str, Any]:
    """A line of ``compare --json``: figures over all recordings, and of each."""
    from rtanalytics.evaluate import figures

    return {
        "algorithm": name,
        "causal": all(result.causal for result in comparison.of(name)),
        **figures(comparison.pooled(name)),
        "seconds": sum(result.seconds for result in comparison.of(name)),
        "recordings": [
            {"recording": result.recording, **figures(result.tally), "seconds": result.seconds}
            for result in comparison.of(name)
        ],
    }


_COLUMNS = (
    ("recall", "recall", "{:.2f}"),
    ("recall_2_keywords", "≥ 2 kw", "{:.2f}"),
    ("recall_per_slot", "per slot", "{:.2f}"),
    ("precision", "prec.", "{:.2f}"),
    ("keyword_precision", "kw prec.", "{:.2f}"),
    ("keyword_recall", "kw rec.", "{:.2f}"),
    ("derate", "DERate", "{:.2f}"),
    ("latency_median_min", "delay", "{:.0f}"),
    ("latency_p90_min", "p90", "{:.0f}"),
    ("false_alarms_per_hour_at_90_recall", "false/h", "{:.2f}"),
    ("churn", "churn", "{:.2f}"),
    ("chance_recall", "chance", "{:.2f}"),
    ("nab", "NAB", "{:.0f}"),
)

_LEGEND = (
    "recall: known topics found, one told topic each, with its 95 % interval; ≥ 2 kw: by two keywords or"
    " more; per slot: within each bin. kw: terms that are keywords, keywords that are told. DERate: repeats."
    " delay, p90: minutes from a start to the end of the first bin that tells it. false/h: alarms an hour"
    " that match nothing, with as many told as 90 % recall needs. churn: change from bin to bin. chance:"
    " recall with the truth moved by hours or a day. NAB: 0 is silence, 100 perfect. * best, – not defined."
)


def _print(comparison: Comparison, recordings: list[Recording]) -> None:
    from rtanalytics.evaluate import POOLED, ranked

    out = console()
    if not out.is_terminal:
        out.width = 160
    names = ranked(comparison)
    for recording in [*comparison.recordings, POOLED] if len(recordings) > 1 else comparison.recordings:
        tallies = {
            comparison.label(name): comparison.pooled(name)
            if recording == POOLED
            else next(r.tally for r in comparison.of(name) if r.recording == recording)
            for name in names
        }
        out.print(_table("all together" if recording == POOLED else safe(recording), tallies))
        out.print()
    out.print(_LEGEND, style="dim")


def _table(title: str, tallies: dict[str, Tally]) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    from rtanalytics.evaluate import METRICS, intervals

    one = next(iter(tallies.values()))
    ceiling = METRICS["precision_ceiling"].of(one)
    caption = f"{one.events} known topics, {one.hours:.0f} h, the first {one.top} of a bin"
    if ceiling is not None:
        caption += f"; nobody's precision can pass {ceiling:.2f}"
    table = Table(title=Text(f"{title}: {caption}", style="bold"), title_justify="left", box=SIMPLE_HEAD)
    table.add_column("algorithm", no_wrap=True)
    best = {}
    for name, label, shape in _COLUMNS:
        table.add_column(label, justify="right", no_wrap=True)
        values = [METRICS[name].of(tally) for tally in tallies.values()]
        top = METRICS[name].best(values)
        best[name] = None if top is None else shape.format(top)
    for algorithm, tally in tallies.items():
        cells = [Text(safe(algorithm), style="cyan")]
        interval = intervals(tally)["recall"]
        for name, _, shape in _COLUMNS:
            value = METRICS[name].of(tally)
            text = "–" if value is None else shape.format(value)
            won = text == best[name]
            if name == "recall" and interval is not None:
                text += f" ({interval.low:.2f}–{interval.high:.2f})"
            cells.append(Text(text + ("*" if won else " "), style="bold green" if won else ""))
        table.add_row(*cells)
    return table


def series(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="With the columns timestamp and value.")],
    algorithm: Annotated[str | None, typer.Option(help="peaks (the default), ewma or zscore.")] = None,
) -> None:
    """Score each value of a plain series of counts, given those before it."""
    from rtanalytics.series import DEFAULT, SeriesError, anomaly_scores, detector, read_series

    try:
        chosen = detector(algorithm or DEFAULT)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--algorithm") from None
    try:
        # all of it is read first: half a table that ends in an error helps nobody
        rows = list(read_series(file))
    except SeriesError as error:
        raise Failed(str(error)) from None
    scores: Iterable[float] = anomaly_scores(rows, chosen)
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["timestamp", "anomaly_score"])
    writer.writerows((row.timestamp, f"{score:.9g}") for row, score in zip(rows, scores, strict=True))
