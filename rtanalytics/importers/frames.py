"""Conversion of a pandas DataFrame to events."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from datetime import UTC
from typing import TYPE_CHECKING, Any

from rtanalytics.event import Event, Ingest
from rtanalytics.importers.tables import COLUMN_NAMES, TableError, event_of_row
from rtanalytics.normalize.dates import optional_time

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["read_frame"]

_WITH_ID = Ingest(via="file", connector="frames@1")
_WITHOUT_ID = Ingest(via="file", connector="frames@1", id_kind="synthetic")

_AUTHOR_NAMES = ("user", "username", "user_name", "screen_name", "from_user", "handle", "name")
"""Column names under which other tools store the author; they are suggested in a warning."""


def read_frame(frame: pd.DataFrame) -> Iterator[Event]:
    """Yield the rows of a DataFrame as events, in order.

    Parameters
    ----------
    frame : pandas.DataFrame
        The columns ``created_at`` and ``text`` are required; times without a zone are read as UTC, with a
        warning. The columns ``author``, ``source`` (default: ``"table"``), ``id`` (default: from the row
        number), ``title``, ``url`` and the others that an imported table may have are optional.

    Yields
    ------
    Event

    Raises
    ------
    TableError
        If a required column is missing, or a row cannot be read; the message has the row number,
        counted from 0.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"created_at": ["2026-05-15 09:00"], "text": ["hello"], "author": ["ada"]})
    >>> [(event.id, event.author.handle) for event in read_frame(frame)]
    [('table::row-0', 'ada')]
    """
    missing = [name for name in ("created_at", "text") if name not in frame.columns]
    if missing:
        found = ", ".join(str(name) for name in frame.columns[:12]) or "none"
        raise TableError(
            f"the DataFrame has no column {' and no column '.join(missing)} (it has {found});"
            " rename yours: df.rename(columns={'…': 'created_at', '…': 'text'})"
        )
    if "author" not in frame.columns:
        for name in _AUTHOR_NAMES:
            if name in frame.columns:
                warnings.warn(
                    f"no column author, so nobody is counted; is it {name}?"
                    f" df.rename(columns={{{name!r}: 'author'}})",
                    stacklevel=2,
                )
    if frame["created_at"].dropna().head(100).map(_is_naive).any():
        warnings.warn(
            "times without a time zone are read as UTC; if they are local times, add the zone:"
            " df['created_at'] = pd.to_datetime(df['created_at']).dt.tz_localize('Europe/Berlin')",
            stacklevel=2,
        )
    chosen = frame[[name for name in frame.columns if name in COLUMN_NAMES]]
    columns = {str(name): _values(chosen[name]) for name in chosen.columns}
    for place, row in enumerate(zip(*columns.values(), strict=True)):
        cells = {name: value for name, value in zip(columns, row, strict=True) if value is not None}
        cells.setdefault("source", "table")
        ingest = _WITH_ID if "id" in cells else _WITHOUT_ID
        cells.setdefault("id", f"row-{place}")
        try:
            yield event_of_row(cells, ingest)
        except ValueError as error:
            hint = (
                " or convert the column with pd.to_datetime(…, utc=True)"
                if "created_at" in str(error)
                else ""
            )
            raise TableError(f"row {place} of the DataFrame: {error}{hint}") from None


def _is_naive(value: object) -> bool:
    """Check whether a value is a time without a time zone."""
    return optional_time(value, UTC) is not None and optional_time(value, None) is None


def _values(column: pd.Series[Any]) -> list[object]:
    """Return the values as Python objects; missing values (NaN, NaT) become None."""
    values: list[object] = column.astype(object).where(column.notna(), None).tolist()
    return values
