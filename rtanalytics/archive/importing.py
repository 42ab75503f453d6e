"""Import of events into an archive: new events are added, known ones are counted."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from rtanalytics.archive.files import read_marks
from rtanalytics.archive.state import LIGHT, Reader, Revision, current_state, revisions
from rtanalytics.archive.writer import ArchiveWriter
from rtanalytics.event import Event

__all__ = ["ImportReport", "import_into"]

_CHUNK = 20_000
_PROBLEMS = 20


class ImportReport(msgspec.Struct, kw_only=True):
    """Result of an import.

    Parameters
    ----------
    read : int
        Number of rows: the sum of the next five.
    new, edited, duplicate, rejected, forgotten : int
        Added; added as a later revision of a known id; known already; not parsed; left out because
        of an erasure.
    problems : list of str
        Why rows were rejected (the first few).
    """

    read: int = 0
    new: int = 0
    edited: int = 0
    duplicate: int = 0
    rejected: int = 0
    forgotten: int = 0
    problems: list[str] = []


def import_into(
    archive: str | Path | ArchiveWriter,
    events: Iterable[Event | ValueError],
    *,
    edits: bool = False,
    progress: Callable[[int], None] | None = None,
) -> ImportReport:
    """Add new events to an archive and compact it; on an error nothing is added.

    Parameters
    ----------
    archive : str, Path or ArchiveWriter
        Created if it does not exist.
    events : iterable of Event
        In the order of their file: the first event of an id wins, and events received at the same
        time keep their order. An importer that can continue after a bad row yields the
        ``ValueError`` that describes it, which is counted as rejected.
    edits : bool
        Whether a known id may be edited, by another revision with a later ``edited_at``, and
        deleted. False for rows of tables, which have no time of edit.
    progress : callable, optional
        Called from time to time with the number of rows read so far.

    Returns
    -------
    ImportReport

    Raises
    ------
    ArchiveError
        If the archive cannot be written.
    Exception
        Any error raised by ``events``; the archive is then unchanged.
    """
    if not isinstance(archive, ArchiveWriter):
        with ArchiveWriter(archive) as writer:
            return import_into(writer, events, edits=edits, progress=progress)
    report = ImportReport()
    known = _Known(archive.reader, edits=edits)
    with archive.transaction() as transaction:
        waiting: list[Event] = []

        def flush() -> None:
            transaction.add(known.sift(waiting, report))
            waiting.clear()
            if progress is not None:
                progress(report.read)

        for item in events:
            report.read += 1
            if isinstance(item, Event):
                waiting.append(item)
                if len(waiting) >= _CHUNK:
                    flush()
            else:
                report.rejected += 1
                if len(report.problems) < _PROBLEMS:
                    report.problems.append(str(item))
        flush()
    archive.compact()
    return report


class _Known:
    """Ids that are in the archive or were added by this import."""

    def __init__(self, reader: Reader, *, edits: bool) -> None:
        segments, deleted = reader.refresh()
        self._forgotten = read_marks(reader.folder)
        self._edits = edits
        self._deleted = deleted.ids
        self._shown: dict[str, Revision] = {}
        self._state: pa.Table | None = None
        if edits and segments:
            state = current_state(reader, segments, deleted)
            self._deleted = state.deleted
            self._state = pa.concat_tables([state.day(day, LIGHT) for day in state.days])
            self._ids = [self._state.column("id")]
        else:
            self._ids = [reader.table(segment, ["id"]).column("id") for segment in segments]

    def sift(self, events: list[Event], report: ImportReport) -> list[Event]:
        """Return the events that are not in the archive yet, or are newer revisions."""
        self._look_up(events)
        out = []
        for whole in events:
            event = self._forgotten.without(whole)
            if event is None:
                report.forgotten += 1
                continue
            shown = self._shown.get(event.id)
            if event.id in self._deleted:
                report.duplicate += 1
            elif shown is None:
                report.new += 1
                out.append(event)
                self._shown[event.id] = _revision(event)
            elif self._edits and _edits(event, shown):
                report.edited += 1
                out.append(event)
                self._shown[event.id] = _revision(event)
            else:
                report.duplicate += 1
        return out

    def _look_up(self, events: list[Event]) -> None:
        """Look up these ids in the archive, without copying it."""
        asked = pa.array([e.id for e in events if e.id not in self._shown], pa.string())
        if not len(asked):
            return
        for column in self._ids:
            hit = pc.is_in(column, value_set=asked)
            if self._state is not None:
                self._shown.update(revisions(self._state.filter(hit)))
            else:
                self._shown.update(dict.fromkeys(column.filter(hit).to_pylist(), _UNKNOWN))


_UNKNOWN = Revision("", "create", None, 0)


def _revision(event: Event) -> Revision:
    edited_at = None if event.edited_at is None else int(event.edited_at.timestamp() * 1e6)
    return Revision(event.rev, event.op, edited_at, int(event.received_at.timestamp() * 1e6))


def _edits(event: Event, shown: Revision) -> bool:
    new = _revision(event)
    if shown.op == "delete":
        return False
    # a first revision has no edit time, and its time of receipt is no substitute
    later = new.edited_at is not None and (shown.edited_at is None or new.edited_at > shown.edited_at)
    return new.op == "delete" or (later and new.rev != shown.rev)
