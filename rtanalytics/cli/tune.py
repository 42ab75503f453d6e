"""The command ``tune``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from rtanalytics.cli.compare import parse_args, read_topics, require_truth
from rtanalytics.cli.options import Archives, TopEvaluated, TruthFiles
from rtanalytics.cli.terminal import console, progress, refuse, safe
from rtanalytics.session import SessionError, open_conference

if TYPE_CHECKING:
    from rtanalytics.tune import Tuning

__all__ = ["tune"]


def tune(
    archives: Archives,
    truth: TruthFiles = None,
    algorithm: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME...", help="Algorithms to choose from.  [default: seasonal-poisson]"),
    ] = None,
    grid: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=V,V,…",
            help="Settings of [trending] to vary instead of the default ones, such as bin=5min,15min,"
            " topic_filter.min_probability=0.3,0.5 or parameters.prior=10,20. May be repeated.",
        ),
    ] = None,
    objective: Annotated[
        str, typer.Option(metavar="METRIC", help="Metric to optimize: f1, or a metric of compare --json.")
    ] = "f1",
    top: TopEvaluated = 10,
    most: Annotated[
        int, typer.Option(min=1, help="Maximum number of settings; of more, a random sample.")
    ] = 200,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Seed of the sample, if --most is exceeded.  [default: 0]")
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Number of processes.  [default: number of processors]")
    ] = None,
    figure: Annotated[
        Path | None, typer.Option(metavar="FILE.png|svg", help="Plot heat maps into this file.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Choose settings on recordings with a ground truth.

    Prints lines for conference.toml and their cross-validated score.
    """
    from rtanalytics.trending import DEFAULT
    from rtanalytics.tune import OBJECTIVES, candidates, draw
    from rtanalytics.tune import tune as choose

    folders, truths, algorithms = parse_args(archives, truth or [], algorithm or [DEFAULT])
    if objective not in OBJECTIVES:
        message = f"unknown metric {objective!r} (metrics: {', '.join(OBJECTIVES)})"
        raise typer.BadParameter(message, param_hint="--objective")
    if figure is not None and figure.suffix.lower() not in {".png", ".svg"}:
        raise typer.BadParameter(f"{figure} must end in .png or .svg", param_hint="--figure")
    varied = _grid(grid) if grid else None
    try:
        tried = candidates(algorithms, varied, most=most, seed=seed or 0)
        sampled = tried != candidates(algorithms, varied, most=most, seed=(seed or 0) + 1)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--grid") from None
    unused = seed is not None and not sampled
    refuse(unused, "--seed", f"here, because all {len(tried)} settings of the grid are tried")
    recordings = [open_conference(folder).recording for folder in folders]
    known = [read_topics(file) for file in truths] if truths else None
    for recording in recordings if known is None else ():
        require_truth(recording, recording.truth)
    with progress("tuning, in per cent", 100) as tick:
        try:
            tuning = choose(
                recordings,
                known,
                algorithms,
                varied,
                objective=objective,
                top=top,
                most=most,
                seed=seed or 0,
                jobs=jobs or os.cpu_count() or 1,
                tick=lambda share: tick(round(100 * share)),
            )
        except ValueError as error:
            raise SessionError(str(error)) from None
    if figure is not None:
        draw(tuning).savefig(figure, dpi=120)
    if as_json:
        sys.stdout.write(msgspec.json.encode(_object(tuning)).decode() + "\n")
    else:
        _print(tuning)


def _grid(given: list[str]) -> dict[str, list[Any]]:
    from rtanalytics.tune import value

    grid: dict[str, list[Any]] = {}
    for text in given:
        name, equals, values = text.partition("=")
        if not equals or not name or not all(values.split(",")):
            raise typer.BadParameter(f"{text!r} is not NAME=VALUE,VALUE,…", param_hint="--grid")
        grid.setdefault(name, []).extend(value(one) for one in values.split(","))
    return grid


def _object(tuning: Tuning) -> dict[str, Any]:
    frame = tuning.to_frame()
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return {
        "objective": tuning.objective.name,
        "left_out": "days" if tuning.by_day else "conferences",
        "test_score": tuning.test_score,
        "unbiased": tuning.unbiased,
        "train_score": tuning.train_score,
        "default_score": tuning.default_score,
        "improves": tuning.improves,
        "live": tuning.live,
        "chosen": {"top": tuning.top, **tuning.best},
        "toml": tuning.lines(),
        "folds": [
            {
                "left_out": fold.left_out,
                "score": fold.score,
                "default_score": fold.default_score,
                "train_score": fold.train_score,
                "chosen": tuning.settings[fold.chosen],
            }
            for fold in tuning.folds
        ],
        "settings": rows,
    }


def _print(tuning: Tuning) -> None:
    out = console()
    if not out.is_terminal:
        out.width = 160
    note, name = console(stderr=True), tuning.objective.name
    out.print(f"# {name}: {tuning.objective.about}; the mean over {_what(tuning)} counts", style="dim")
    for line in (*_table(tuning), *_verdict(tuning)):
        out.print(f"# {safe(line)}")
    out.print()
    out.print(tuning.lines())
    if not tuning.live:
        note.print(
            f"{tuning.best['algorithm']} cannot detect trends live: these lines are for comparison only"
        )


def _what(tuning: Tuning) -> str:
    return "days" if tuning.by_day else "conferences"


def _table(tuning: Tuning) -> list[str]:
    """Format the folds of the cross-validation as a table."""
    if not tuning.folds:
        return []
    width = max(12, *(len(fold.left_out) for fold in tuning.folds))
    rows = [f"{'left out':<{width}}    score  default  chosen on the others"]
    rows += [
        f"{f.left_out:<{width}}  {f.score:7.3f}  {f.default_score:7.3f}  {tuning.differs(f.chosen)}"
        for f in tuning.folds
    ]
    default = sum(fold.default_score for fold in tuning.folds) / len(tuning.folds)
    return [*rows, f"{'mean':<{width}}  {tuning.test_score:7.3f}  {default:7.3f}"]


def _verdict(tuning: Tuning) -> list[str]:
    """Summarize the result in sentences."""
    tried, name = len(tuning.settings), tuning.objective.name
    best = tuning.differs(tuning.order[0])
    scores = f"scores {tuning.train_score:.3f} where it was chosen, the default {tuning.default_score:.3f}"
    verdict = [f"{tried} settings tried; the best one ({best}) {scores}"]
    if not tuning.folds:
        verdict.append(
            "this score is too optimistic: with one day of one conference, settings are evaluated on the data"
            " on which they were chosen; give recordings of other conferences"
        )
    elif tuning.by_day:
        verdict.append(
            f"this score is too optimistic: days of one conference are alike, so {name}"
            f" {tuning.test_score:.3f} on left-out days is more than to be expected elsewhere; give"
            " recordings of other conferences"
        )
    else:
        verdict.append(
            f"cross-validated score, to be expected on another conference: {tuning.test_score:.3f}"
        )
    if tuning.folds and not tuning.improves:
        verdict.append(
            "on what was left out, the chosen settings are no better than the default ones: keep the default"
        )
    return verdict
