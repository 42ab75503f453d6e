"""The command ``series``."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable
from datetime import timedelta
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rtanalytics.session import SessionError

if TYPE_CHECKING:
    from rtanalytics.series import Row

__all__ = ["series"]


def series(
    file: Annotated[
        Path, typer.Argument(metavar="FILE.csv", help="Table with the columns timestamp and value.")
    ],
    algorithm: Annotated[
        str | None, typer.Option(metavar="NAME", help="peaks, ewma or zscore.  [default: peaks]")
    ] = None,
) -> None:
    """Score each value of a series of counts, given those before it.

    The scores are 0 until the detector has seen enough: peaks 24 hours, ewma and zscore 100 values.
    """
    from rtanalytics.series import DEFAULT, SeriesError, anomaly_scores, detector, read_series

    try:
        chosen = detector(algorithm or DEFAULT)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--algorithm") from None
    try:
        # read to the end first, so that an error does not follow half a table
        rows = list(read_series(file))
    except SeriesError as error:
        raise SessionError(str(error)) from None
    _warn(algorithm or DEFAULT, rows)
    scores: Iterable[float] = anomaly_scores(rows, chosen)
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["timestamp", "anomaly_score"])
    writer.writerows((row.timestamp, f"{score:.9g}") for row, score in zip(rows, scores, strict=True))


def _warn(name: str, rows: list[Row]) -> None:
    """Warn if there are too few values for the detector to score any of them."""
    from rtanalytics.series import DETECTORS

    warm = signature(DETECTORS[name]).parameters["warm"].default
    if isinstance(warm, timedelta):
        span = rows[-1].time - rows[0].time if rows else timedelta(0)
        few = span < warm
        needs, length = f"{warm.total_seconds() / 3600:g} hours", f"{span.total_seconds() / 3600:.2g}"
    else:
        few = len(rows) <= warm
        needs, length = f"{warm} values", str(len(rows))
    if few:
        print(
            f"rtanalytics: warning: all scores are 0: {name} needs {needs}, and this series has {length}",
            file=sys.stderr,
        )
