"""Reading of CSV rows, including files with quotes that are not closed."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

__all__ = ["BadRow", "csv_rows", "one_row"]

_CHECKED = 50
"""Maximum number of lines of a row that are searched for the beginning of another row."""


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be read, with the reason and the beginning of the row."""

    reason: str
    raw: str


class _Lines:
    """Iterator over lines that can put back the lines of the last row."""

    def __init__(self, lines: Iterable[str], number: int) -> None:
        self._lines, self._back = iter(lines), list[str]()
        self.number, self.taken = number, list[str]()

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._back.pop() if self._back else next(self._lines)
        self.taken.append(line)
        self.number += 1
        return line

    def put_back(self) -> None:
        """Put back all lines of the last row except its first line."""
        rest = self.taken[1:]
        self._back.extend(reversed(rest))
        self.number -= len(rest)


def one_row(line: str, separator: str) -> list[str]:
    """Return the cells of a line, or an empty list if the line is not valid CSV."""
    try:
        return next(csv.reader([line], delimiter=separator), [])
    except csv.Error:
        return []


def csv_rows(
    lines: Iterable[str],
    width: int,
    is_row: Callable[[list[str]], bool],
    *,
    first: int = 2,
    separator: str = ",",
    strict: bool = False,
) -> Iterator[tuple[int, list[str] | BadRow]]:
    """Yield line number and cells of each row.

    A quote that is not closed joins many lines into one row. If one of these lines is a complete row,
    the first line is reported as a :class:`BadRow`, and reading continues with the second line.

    Parameters
    ----------
    lines : iterable of str
        The lines after the header.
    width : int
        Number of columns.
    is_row : callable
        Function that returns True if cells are a plausible row, for example because one is a time.
    first : int
        Number of the first of ``lines`` in the file.
    separator : str
        Character between the cells.
    strict : bool
        If true, a quote within a quoted cell must be doubled; otherwise the row is an error.
    """
    source = _Lines(lines, first)
    reader = csv.reader(source, delimiter=separator, strict=strict)
    while True:
        start, source.taken = source.number, []
        problem = ""
        try:
            values = next(reader, None)
        except csv.Error as error:
            values, problem = [], f"invalid CSV: {error}"
        if values is None:
            return
        taken = source.taken
        raw = taken[0][:4000] if taken else ""
        inner = (one_row(line, separator) for line in taken[1 : 1 + _CHECKED])
        if len(taken) > 1 and any(len(cells) == width and is_row(cells) for cells in inner):
            last = source.number - 1
            source.put_back()
            yield (
                start,
                BadRow(
                    f"a quote is not closed, so lines {start} to {last} would be one row; end the text "
                    "with a quote, and double the quotes inside",
                    raw,
                ),
            )
        elif problem:
            yield start, BadRow(problem, raw)
        elif values and len(values) != width:
            reason = f"{len(values)} fields, but there are {width} columns; quotes missing?"
            yield start, BadRow(reason, ",".join(values))
        elif values:
            yield start, values
