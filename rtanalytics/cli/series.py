"""The command that scores a plain series of counts."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable
from datetime import timedelta
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rtanalytics.cli.terminal import Failed

if TYPE_CHECKING:
    from rtanalytics.series import Row

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(series)


def series(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="With the columns timestamp and value.")],
    algorithm: Annotated[str | None, typer.Option(help="peaks (the default), ewma or zscore.")] = None,
) -> None:
    """Score each value of a plain series of counts, given those before it.

    A detector says nothing, that is 0, until it has seen enough: peaks 24 hours, ewma and zscore 100 values.
    """
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
    _warn(algorithm or DEFAULT, rows)
    scores: Iterable[float] = anomaly_scores(rows, chosen)
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["timestamp", "anomaly_score"])
    writer.writerows((row.timestamp, f"{score:.9g}") for row, score in zip(rows, scores, strict=True))


def _warn(name: str, rows: list[Row]) -> None:
    """Say so if there are too few values for the detector to say anything of any of them."""
    from rtanalytics.series import DETECTORS

    warm = signature(DETECTORS[name]).parameters["warm"].default
    if isinstance(warm, timedelta):
        span = rows[-1].time - rows[0].time if rows else timedelta(0)
        few = span < warm
        needs, has = f"{warm.total_seconds() / 3600:g} hours", f"{span.total_seconds() / 3600:.2g}"
    else:
        few = len(rows) <= warm
        needs, has = f"{warm} values", str(len(rows))
    if few:
        print(
            f"rtanalytics: warning: all scores are 0: {name} says nothing before it has seen {needs},"
            f" and this series has {has}",
            file=sys.stderr,
        )
