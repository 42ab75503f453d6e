"""Detection of the order of day and month, and of rounded ids, from all rows of a table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rtanalytics.importers.base import ImporterError
from rtanalytics.normalize.dates import AmbiguousOrder, day_order, optional_time
from rtanalytics.normalize.values import is_rounded

__all__ = ["Survey", "order_error", "survey"]

_SAMPLE = 10_000
"""Maximum number of ids that are checked for rounding."""


@dataclass(frozen=True, slots=True)
class Survey:
    """Properties of a table that only all of its rows together show.

    Parameters
    ----------
    day_first : bool, optional
        True if the day is first in numeric dates, False if the month is; None if no date shows it.
    rounded : bool
        True if many long ids end in four zeros, which means that a spreadsheet has rounded them.
    """

    day_first: bool | None = None
    rounded: bool = False


def survey(rows: Iterable[tuple[object, object]], *, day_first: bool | None = None) -> Survey:
    """Return the order of dates in a table, and whether its ids are rounded.

    ``rows`` are pairs of the time and the id of each row. They are read until the result is certain.
    """
    long = zeros = 0
    numeric = False
    for number, (time, id) in enumerate(rows):
        if day_first is None and isinstance(time, str):
            day_first = day_order([time])
            numeric = numeric or _needs_order(time)
        if number < _SAMPLE:
            long += isinstance(id, str | int) and len(str(id)) >= 16 and str(id).isdecimal()
            zeros += is_rounded(id)
        elif day_first is not None or not numeric:
            break
    return Survey(day_first, rounded=zeros >= 2 and zeros * 5 >= long)


def _needs_order(time: str) -> bool:
    return optional_time(time) is None and optional_time(time, day_first=True) is not None


def order_error(error: AmbiguousOrder) -> ImporterError:
    """Return the error for a file whose dates may begin with the day or with the month."""
    return ImporterError(
        f"{error} No date in the file shows the order; give --dates day-first or --dates month-first",
        ["--dates", "day-first"],
    )
