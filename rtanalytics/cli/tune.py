"""The command that chooses settings: tune."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from rtanalytics.cli.compare import known_topics, parse_args
from rtanalytics.cli.terminal import Failed, console, progress, safe

if TYPE_CHECKING:
    from rtanalytics.tune import Tuning

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(tune)


def tune(
    archives: Annotated[
        list[Path],
        typer.Argument(metavar="ARCHIVE...", help="Recordings with reference topics."),
    ],
    truth: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE.csv...", help="Known topics, in the archives' order."),
    ] = None,
    algorithm: Annotated[
        list[str] | None,
        typer.Option(metavar="A...", help="Names from the registry; the usual one unless given."),
    ] = None,
    grid: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=V,V,…",
            help="Lines of [trending] to vary, such as bin=5min,15min, topic_filter.min_probability=0.3,0.5"
            " or parameters.prior=10,20; only these vary then. May be given several times.",
        ),
    ] = None,
    objective: Annotated[
        str, typer.Option(metavar="FIGURE", help="What is to become good: f1, or a figure of compare --json.")
    ] = "f1",
    top: Annotated[int, typer.Option(min=1, help="Topics a bin that are told and judged.")] = 10,
    most: Annotated[
        int, typer.Option(min=1, help="Settings to try at most; of more, so many are drawn.")
    ] = 200,
    seed: Annotated[int, typer.Option(min=0, help="Of that draw.")] = 0,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Processes; as many as there are processors unless given.")
    ] = None,
    figure: Annotated[Path | None, typer.Option(metavar="FILE.png|svg", help="Draw heat maps.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Choose settings on recordings; prints the lines for conference.toml, and what they are worth."""
    from rtanalytics.archive import Recording
    from rtanalytics.trending import DEFAULT
    from rtanalytics.tune import OBJECTIVES, candidates, draw
    from rtanalytics.tune import tune as choose

    folders, truths, algorithms = parse_args(archives, truth or [], algorithm or [DEFAULT])
    if objective not in OBJECTIVES:
        message = f"no figure {objective!r}; there are {', '.join(OBJECTIVES)}"
        raise typer.BadParameter(message, param_hint="--objective")
    if figure is not None and figure.suffix.lower() not in {".png", ".svg"}:
        raise typer.BadParameter(f"{figure} is neither .png nor .svg", param_hint="--figure")
    varied = _grid(grid) if grid else None
    try:
        candidates(algorithms, varied, most=most, seed=seed)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--grid") from None
    recordings = [Recording(folder) for folder in folders]
    known = [known_topics(file) for file in truths] if truths else None
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
                seed=seed,
                jobs=jobs or os.cpu_count() or 1,
                tick=lambda share: tick(round(100 * share)),
            )
        except ValueError as error:
            raise Failed(str(error)) from None
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
        "honest": tuning.honest,
        "unseen": tuning.unseen,
        "apparent": tuning.apparent,
        "usual": tuning.usual,
        "worth_it": tuning.worth_it,
        "live": tuning.live,
        "chosen": {"top": tuning.top, **tuning.best},
        "toml": tuning.lines(),
        "folds": [
            {
                "left_out": fold.left_out,
                "value": fold.value,
                "usual": fold.usual,
                "inner": fold.inner,
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
            f"{tuning.best['algorithm']} cannot tell trends as they come: these lines are for comparison only"
        )


def _what(tuning: Tuning) -> str:
    return "days" if tuning.by_day else "conferences"


def _table(tuning: Tuning) -> list[str]:
    """What the choice of the others reaches on each that was left out."""
    if not tuning.folds:
        return []
    width = max(12, *(len(fold.left_out) for fold in tuning.folds))
    rows = [f"{'left out':<{width}}  reached  usual  chosen on the others"]
    rows += [
        f"{fold.left_out:<{width}}  {fold.value:7.3f}  {fold.usual:5.3f}  {tuning.differs(fold.chosen)}"
        for fold in tuning.folds
    ]
    usual = sum(fold.usual for fold in tuning.folds) / len(tuning.folds)
    return [*rows, f"{'mean':<{width}}  {tuning.unseen:7.3f}  {usual:5.3f}"]


def _verdict(tuning: Tuning) -> list[str]:
    """What to make of it."""
    tried, name = len(tuning.settings), tuning.objective.name
    best = tuning.differs(tuning.order[0])
    reached = f"reaches {tuning.apparent:.3f} where it was chosen, the usual one {tuning.usual:.3f}"
    said = [f"{tried} settings tried; the best one ({best}) {reached}"]
    if not tuning.folds:
        said.append(
            "this figure is not honest: there is one day of one conference, so the settings were judged on"
            " what they were chosen on; give recordings of other conferences"
        )
    elif tuning.by_day:
        said.append(
            f"this figure is not honest: days of one conference are alike, so {name} {tuning.unseen:.3f} on a"
            " left-out day is more than another conference will give; give recordings of other conferences"
        )
    else:
        said.append(f"to be expected of a conference that had no part in the choice: {tuning.unseen:.3f}")
    if tuning.folds and not tuning.worth_it:
        said.append(
            "chosen like this, settings did no better than the usual ones: you may well leave them alone"
        )
    return said
