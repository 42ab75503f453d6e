"""What every importer uses: its protocol, the options, and the errors of files and rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Protocol

from rtanalytics.event import Event
from rtanalytics.untrusted import abbreviate

__all__ = ["Importer", "ImporterError", "Options", "Rejected", "Skipped", "member_of"]

MAX_RAW = 2_000
"""Number of characters of a row that a dead letter keeps."""


class ImporterError(ValueError):
    """A file that cannot be imported; the message names the file, the line or row, and a way out.

    Parameters
    ----------
    message : str
        What is wrong, where, and what to do about it.
    add : sequence of str
        Options of the command ``import`` with which the file can be read, with example values:
        ``["--zone", "Europe/Berlin"]``.
    """

    def __init__(self, message: str, add: Sequence[str] = ()) -> None:
        self.add = tuple(add)
        super().__init__(message)

    def at(self, place: str) -> ImporterError:
        """Return the same error with a place before its message."""
        return ImporterError(f"{place}: {self}", self.add)


class Rejected(ValueError):
    """A row that gave no event, kept as a dead letter.

    Parameters
    ----------
    file : str or Path
        The file, and the member of it if it is an archive.
    where : str
        ``line 12`` or ``message 3``.
    reason : str
        What is wrong with the row, and what to do about it.
    raw : str or bytes
        The row as it is in the file; only its beginning is kept.
    """

    def __init__(self, file: str | Path, where: str, reason: str, raw: str | bytes = b"") -> None:
        self.file, self.where, self.reason = str(file), where, reason
        text = raw[: 4 * MAX_RAW].decode("utf-8", "replace") if isinstance(raw, bytes) else raw
        self.raw = text[:MAX_RAW]
        super().__init__(f"{self.file}, {where}: {reason}")


class Skipped(ValueError):
    """Rows that were left out on purpose, reported once at the end of a file.

    Parameters
    ----------
    what : str
        What they are: ``likes``, ``statuses that are not public``.
    count : int
        How many there are.
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
        IANA time zone for times without an offset: ``Europe/Berlin``.
    day : date, optional
        First day of a log that has times but no dates.
    network, channel : str, optional
        Where a log was written: ``libera`` and ``#pycon``. ``network`` is also the host of a
        Zulip server.
    source : str, optional
        ``Event.source`` for a table that has no such column.
    columns : mapping of str to str
        Field of an event → column of a CSV file.
    time_format : str, optional
        Format of the times in a table, as for :meth:`datetime.datetime.strptime`.
    day_first : bool, optional
        Order of day and month in dates such as 05/06/2026; found from the whole file if it is not given.
    private : bool
        Also import private conversations.
    presence : bool
        Also import joins, parts and changes of nicks.
    keep : tuple of str
        Import only channels (or repositories) that match one of these patterns.
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


class Importer(Protocol):
    """Reads the files of one format."""

    @property
    def edits(self) -> bool:
        """True if the rows have times of edits, so that a row may update an event imported before."""
        ...

    def recognises(self, path: Path, head: bytes) -> bool:
        """Return True if the file has this format; ``head`` is its beginning, unpacked."""
        ...

    def read(self, path: Path, options: Options) -> Iterator[Event | ValueError]:
        """Yield the events of a file in their order, and a :class:`Rejected` for each bad row.

        At the end there may be :class:`Skipped` for rows that were left out.

        Raises
        ------
        ImporterError
            If the file cannot be read any further.
        """
        ...


def member_of(path: Path, name: str) -> str:
    """Return how messages name a file inside an export."""
    return f"{path}, {abbreviate(name, 80)}"
