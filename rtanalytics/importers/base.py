"""Protocol of importers, options of an import, and errors about files and rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Protocol, runtime_checkable

from rtanalytics.event import Event
from rtanalytics.untrusted import abbreviate

__all__ = ["Importer", "ImporterError", "Options", "Rejected", "Skipped", "member_of"]

MAX_RAW = 2_000
"""Maximum number of characters of a rejected row that are kept."""


class ImporterError(ValueError):
    """A file cannot be imported; the message names the file, the line or row, and what to do.

    Parameters
    ----------
    message : str
        What is wrong, where, and what to do about it.
    add : sequence of str
        Command-line options of ``import`` with which the file can be read, with example values, such as
        ``["--zone", "Europe/Berlin"]``.
    """

    def __init__(self, message: str, add: Sequence[str] = ()) -> None:
        self.add = tuple(add)
        super().__init__(message)

    def at(self, place: str) -> ImporterError:
        """Return the error with ``place`` before its message."""
        return ImporterError(f"{place}: {self}", self.add)


class Rejected(ValueError):
    """A row from which no event could be made; it is stored as a dead letter.

    Parameters
    ----------
    file : str or Path
        The file; for a zip or tar file, also the name of the file in it.
    where : str
        Place in the file, such as ``line 12`` or ``message 3``.
    reason : str
        What is wrong with the row, and what to do about it.
    raw : str or bytes
        The row as it is in the file; only the first 2,000 characters are kept.
    """

    def __init__(self, file: str | Path, where: str, reason: str, raw: str | bytes = b"") -> None:
        self.file, self.where, self.reason = str(file), where, reason
        text = raw[: 4 * MAX_RAW].decode("utf-8", "replace") if isinstance(raw, bytes) else raw
        self.raw = text[:MAX_RAW]
        super().__init__(f"{self.file}, {where}: {reason}")


class Skipped(ValueError):
    """Report at the end of a file about rows that were left out on purpose.

    Parameters
    ----------
    what : str
        Description of the rows, such as ``likes`` or ``statuses that are not public``.
    count : int
        Number of rows.
    """

    def __init__(self, what: str, count: int) -> None:
        self.what, self.count = what, count
        super().__init__(f"{count:,} {what}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Settings for an import: facts that the file itself does not contain, and filters.

    Parameters
    ----------
    zone : str, optional
        IANA time zone for times without an offset, such as ``Europe/Berlin``.
    day : date, optional
        First day of a log that has times but no dates.
    network, channel : str, optional
        IRC network and channel of a log, such as ``libera`` and ``#pycon``. ``network`` is also the
        host of a Zulip server.
    source : str, optional
        ``Event.source`` for a table without a column for it.
    columns : mapping of str to str
        Column of a CSV file, by the field of the event.
    time_format : str, optional
        Format of the times in a table, as for :meth:`datetime.datetime.strptime`.
    day_first : bool, optional
        True if the day is first in dates such as 05/06/2026, False if the month is. By default, the
        order is found from all dates of the file.
    private : bool
        Also import private conversations.
    presence : bool
        Also import notices of people who join, leave or change their nick.
    keep : tuple of str
        Patterns such as ``#py*``; only channels (or repositories) that match one of them are imported.
    """

    zone: str | None = None
    day: date | None = None
    network: str | None = None
    channel: str | None = None
    source: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    time_format: str | None = None
    day_first: bool | None = None
    private: bool = False
    presence: bool = False
    keep: tuple[str, ...] = ()


@runtime_checkable
class UsesDay(Protocol):
    """Importer of logs that may or may not contain dates."""

    def uses_day(self, path: Path, options: Options) -> bool:
        """Return False if the file has dates itself, so that ``options.day`` has no effect on it."""
        ...


class Importer(Protocol):
    """Reader for the files of one format."""

    @property
    def edits(self) -> bool:
        """True if a row may be a later revision of an event that was imported before."""
        ...

    def recognises(self, path: Path, head: bytes) -> bool:
        """Return True if the file has this format; ``head`` is the beginning of its decompressed content."""
        ...

    def read(self, path: Path, options: Options) -> Iterator[Event | ValueError]:
        """Yield the events of a file in the order of the file, and a :class:`Rejected` for each bad row.

        At the end, yield a :class:`Skipped` for each kind of rows that were left out.

        Raises
        ------
        ImporterError
            If the rest of the file cannot be read.
        """
        ...


def member_of(path: Path, name: str) -> str:
    """Return the name of a file inside an export, for messages."""
    return f"{path}, {abbreviate(name, 80)}"
