"""Current state of an archive: for each id, the row of the log that is shown, and its content.

One rule (:func:`supersedes`) is used for reading and for compaction: a delete is final; a repeated
revision changes nothing; an edit with a known time wins over a revision that was never edited,
however late that one was received; otherwise the revision made later wins, and of two made at
the same time the later row of the log. An id keeps the place and the times of its first row, so that
a compacted recording is replayed as it happened.

Almost all ids have one row. Ids with more rows are found with column operations, and only they are
processed one by one. Ids in compacted segments are distinct, so these segments are only searched
for the ids of newer segments.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from rtanalytics.archive.columns import COLUMNS, conform
from rtanalytics.archive.files import (
    DELETED,
    ArchiveError,
    Deleted,
    Meta,
    Segment,
    damaged,
    listing,
    open_segment,
    read_deleted,
    verify,
)

LIGHT = ("id", "rev", "op", "edited_at", "received_at")

VANISHING = 20
"""How often compaction may remove a file while it is read, before an error is raised."""


def vanishing(folder: Path) -> ArchiveError:
    """Return the error for an archive whose files keep vanishing."""
    return ArchiveError(f"{folder}: its files vanish while they are read; is another process removing it?")


class Revision(NamedTuple):
    """The columns of a row that decide what is shown; times in microseconds since 1970."""

    rev: str
    op: str
    edited_at: int | None
    received_at: int

    @property
    def made_at(self) -> int:
        """Time at which this revision was made or, if unknown, received."""
        return self.received_at if self.edited_at is None else self.edited_at


def supersedes(new: Revision, current: Revision) -> bool:
    """Return True if ``new``, a later row of the log, replaces ``current``."""
    if current.op == "delete":
        return False
    if new.op == "delete":
        return True
    if new.rev == current.rev:
        return False
    # both may have been received long after they were made, so the first time of receipt is no evidence
    first_edit = current.edited_at is None and new.edited_at is not None
    return first_edit or new.made_at >= current.made_at


class Reader:
    """Reader of the segments of a folder; each segment is verified only once.

    Parameters
    ----------
    folder : Path
        The archive.
    skip : bool
        Leave out damaged files and name them in ``damaged``, instead of raising.
    """

    def __init__(self, folder: Path, *, skip: bool = False) -> None:
        self.folder = folder
        self.skip = skip
        self.damaged: dict[Path, str] = {}
        self._verified: set[str] = set()
        self._meta: dict[str, Meta] = {}

    def refresh(self) -> tuple[list[Segment], Deleted]:
        """Return the current readable segments, in the order in which they were written, and the deleted ids.

        Raises
        ------
        ArchiveError
            If there is no archive, or a file in it is foreign or damaged.
        """
        for _ in range(VANISHING):
            files = listing(self.folder)
            for path in files.foreign:
                self._bad(path, ArchiveError(f"{path} is not a segment of this archive; move it away"))
            try:
                sound = [s for s in files.segments if not self.skip or self._sound(s)]
                names = {s.name for s in sound}
                self._verified &= names
                self._meta = {name: meta for name, meta in self._meta.items() if name in names}
                return sound, self._deleted(files.deleted)
            except FileNotFoundError:
                continue  # compacted since it was listed
        raise vanishing(self.folder)

    def meta(self, segment: Segment) -> Meta:
        """Return the metadata of a segment."""
        if segment.name not in self._meta:
            self._meta[segment.name] = open_segment(segment)[1]
        return self._meta[segment.name]

    def open(self, segment: Segment) -> pq.ParquetFile:
        """Open and verify a segment.

        Raises
        ------
        ArchiveError
            If it is damaged.
        FileNotFoundError
            If it was compacted since it was listed.
        """
        if segment.name not in self._verified:
            verify(segment)
            self._verified.add(segment.name)
        file, self._meta[segment.name] = open_segment(segment)
        return file

    def table(self, segment: Segment, columns: Sequence[str] | None = None) -> pa.Table:
        """Read the rows of a segment, converted to the current columns (or the given ones of them)."""
        file = self.open(segment)
        wanted = _present(file, COLUMNS.names if columns is None else columns)
        return self._conformed(segment, partial(file.read, wanted), columns)

    def batches(self, segment: Segment, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Read a segment one row group at a time; the file is opened immediately."""
        file = self.open(segment)
        wanted = _present(file, COLUMNS.names if columns is None else columns)
        return (
            self._conformed(segment, partial(file.read_row_group, group, wanted), columns)
            for group in range(file.num_row_groups)
        )

    @staticmethod
    def _conformed(segment: Segment, read: Callable[[], pa.Table], columns: Sequence[str] | None) -> pa.Table:
        try:
            return conform(read(), columns)
        except (OSError, ValueError, pa.ArrowException) as error:
            raise damaged(segment.path, str(error)) from None

    def _sound(self, segment: Segment) -> bool:
        if segment.path in self.damaged:
            return False
        if segment.name not in self._verified:
            try:
                self.open(segment)
            except ArchiveError as error:
                self._bad(segment.path, error)
                return False
        return True

    def _deleted(self, path: Path | None) -> Deleted:
        try:
            return read_deleted(path)
        except ArchiveError as error:
            self._bad(self.folder / DELETED, error)
            return Deleted()

    def _bad(self, path: Path, error: ArchiveError) -> None:
        if not self.skip:
            raise error
        self.damaged[path] = str(error)


def _present(file: pq.ParquetFile, wanted: Sequence[str]) -> list[str]:
    there = set(file.schema_arrow.names)
    # created_at replaces a missing received_at, and id gives the number of rows.
    return [name for name in dict.fromkeys((*wanted, "created_at", "id")) if name in there]


Slot = tuple[int, int]
"""A row of the log: index of the segment, and row within it."""


@dataclass
class ArchiveState:
    """Mapping from the rows of the segments to the current state.

    Parameters
    ----------
    segments : list of Segment
        In the order in which they were written.
    deleted : dict of str to int
        All deleted ids, and when they were deleted.
    hidden : dict of int to list of int
        Rows of a segment that are not shown.
    edits : dict of Slot to (Slot, int)
        Rows that show the content of another row, made at that time.
    until : int, optional
        Hide events received later, in microseconds since 1970.
    """

    reader: Reader
    segments: list[Segment]
    deleted: dict[str, int]
    hidden: dict[int, list[int]] = field(default_factory=dict)
    edits: dict[Slot, tuple[Slot, int]] = field(default_factory=dict)
    until: int | None = None
    _winners: pa.Table | None = None

    @property
    def newest(self) -> int:
        """Latest ``received_at`` of all segments."""
        return max((self.reader.meta(s).until for s in self.segments), default=0)

    @property
    def days(self) -> list[str]:
        """Days that have segments, in order."""
        return sorted({s.day for s in self.segments})

    def segments_of(self, day: str) -> list[int]:
        """Return the indices of the day's segments."""
        return [i for i, s in enumerate(self.segments) if s.day == day]

    def is_stored_as_is(self, day: str) -> bool:
        """Return True if the day's segments, read in order, are its current state."""
        mine = self.segments_of(day)
        if self.until is not None and any(
            self.reader.meta(self.segments[i]).until > self.until for i in mine
        ):
            return False
        touched = self.hidden.keys() | {slot[0] for slot in self.edits}
        return touched.isdisjoint(mine) and all(self.reader.meta(self.segments[i]).compacted for i in mine)

    def rows(self) -> int:
        """Return the number of events in the current state."""
        total = sum(self.reader.meta(s).rows for s in self.segments)
        return total - sum(map(len, self.hidden.values()))

    def day(self, day: str, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the day's current state sorted by ``received_at``, then by the order of the log."""
        wanted = None if columns is None else list(dict.fromkeys((*columns, "received_at")))
        mine = self.segments_of(day)
        tables = [self.reader.table(self.segments[i], wanted) for i in mine]
        starts = dict(zip(mine, np.cumsum([0, *(t.num_rows for t in tables)]), strict=False))
        table = pa.concat_tables(tables)
        keep = np.ones(table.num_rows, bool)
        for i in mine:
            keep[[starts[i] + row for row in self.hidden.get(i, ())]] = False
        if self.until is not None:
            keep &= np.asarray(table.column("received_at").cast(pa.int64())) <= self.until
        index = np.arange(table.num_rows)
        edited = [slot for slot in self.edits if slot[0] in starts]
        if edited:
            places = np.array([starts[i] + row for i, row in edited])
            shown = self._edited(edited, table.take(places), wanted)
            index[places] = table.num_rows + np.arange(len(edited))
            table = pa.concat_tables([table, shown])
        if "op" in table.column_names:
            # Everything shown counts as created, including an update whose create was never received.
            create = pa.chunked_array([pa.repeat(pa.scalar("create"), table.num_rows)], pa.string())
            table = table.set_column(table.column_names.index("op"), COLUMNS.field("op"), create)
        table = in_order(table, index[keep])
        return table if columns is None else table.select(list(columns))

    def _edited(self, slots: list[Slot], first: pa.Table, columns: Sequence[str] | None) -> pa.Table:
        """Return the current content of edited events, with the times of their first revisions."""
        if self._winners is None:
            self._winners = self._gather()
        order = {slot: number for number, slot in enumerate(self.edits)}
        table = self._winners.take(np.array([order[slot] for slot in slots]))
        for name in ("created_at", "received_at"):
            if name in first.column_names:
                table = table.set_column(
                    table.column_names.index(name), COLUMNS.field(name), first.column(name)
                )
        times = pa.array([self.edits[slot][1] for slot in slots], pa.int64())
        edited_at = pa.chunked_array([times.cast(COLUMNS.field("edited_at").type)])
        table = table.set_column(table.column_names.index("edited_at"), COLUMNS.field("edited_at"), edited_at)
        return table if columns is None else table.select(list(columns))

    def _gather(self) -> pa.Table:
        """Return the newest revision of each edited event, in the order of ``edits``."""
        wanted: dict[int, list[tuple[int, int]]] = {}
        for number, ((segment, row), _) in enumerate(self.edits.values()):
            wanted.setdefault(segment, []).append((row, number))
        parts, numbers = [], []
        for segment, rows in wanted.items():
            parts.append(self.reader.table(self.segments[segment]).take(np.array([r for r, _ in rows])))
            numbers += [number for _, number in rows]
        return pa.concat_tables(parts).take(np.argsort(np.array(numbers)))


def last_positions(reader: Reader, segments: list[Segment], deleted: Deleted) -> dict[str, str]:
    """Return the position of each stream, from the file that was written last."""
    if segments and segments[-1].number > deleted.number:
        return dict(reader.meta(segments[-1]).positions)
    return dict(deleted.positions)


def in_order(table: pa.Table, index: np.ndarray[tuple[int], np.dtype[np.int64]]) -> pa.Table:
    """Take the rows ``index``, sorted by ``received_at``; rows of the same time keep their order."""
    times = table.column("received_at").cast(pa.int64()).to_numpy()[index]
    if len(times) > 1 and (times[1:] < times[:-1]).any():
        index = index[np.argsort(times, kind="stable")]
    if len(index) == table.num_rows and (index == np.arange(len(index))).all():
        return table
    return table.take(index)


def current_state(reader: Reader, segments: list[Segment], deleted: Deleted) -> ArchiveState:
    """Determine which rows show the current state.

    Raises
    ------
    ArchiveError
        If a segment is damaged.
    FileNotFoundError
        If a segment was compacted since it was listed.
    """
    out = ArchiveState(reader, segments, dict(deleted.ids))
    fresh = [i for i, s in enumerate(segments) if not reader.meta(s).compacted]
    if not fresh:
        return out
    parts = [reader.table(segments[i], ("id", "op")) for i in fresh]
    rows = pa.concat_tables(parts)
    codes = rows.column("id").combine_chunks().dictionary_encode()
    names, code = codes.dictionary, np.asarray(codes.indices)
    look = np.bincount(code, minlength=len(names)) > 1
    look[code[np.asarray(pc.equal(rows.column("op"), "delete"))]] = True
    if out.deleted:
        look |= np.asarray(pc.is_in(names, value_set=pa.array(list(out.deleted), pa.string())))

    current: dict[str, tuple[Slot, Slot, Revision]] = {}
    for i, segment in enumerate(segments):
        if reader.meta(segment).compacted:
            hit = pc.index_in(reader.table(segment, ["id"]).column("id"), value_set=names)
            at = np.flatnonzero(np.asarray(hit.is_valid()))
            look[np.asarray(hit.take(at))] = True
            for slot, id_, revision in _looked_up(reader, segments, i, at):
                current[id_] = (slot, slot, revision)
    start = 0
    for i, part in zip(fresh, parts, strict=True):
        at = np.flatnonzero(look[code[start : start + part.num_rows]])
        start += part.num_rows
        for slot, id_, revision in _looked_up(reader, segments, i, at):
            _step(out, current, slot, id_, revision)
    for first, shown, revision in current.values():
        if shown != first:
            out.edits[first] = (shown, revision.made_at)
    for numbers in out.hidden.values():
        numbers.sort()
    return out


def _looked_up(
    reader: Reader, segments: list[Segment], i: int, at: np.ndarray[tuple[int], np.dtype[np.int64]]
) -> Iterator[tuple[Slot, str, Revision]]:
    """Yield the rows with the indices ``at`` of a segment, one by one."""
    if len(at):
        rows = reader.table(segments[i], LIGHT).take(at)
        for row, (id_, revision) in zip(at.tolist(), revisions(rows), strict=True):
            yield (i, row), id_, revision


def _step(
    out: ArchiveState, current: dict[str, tuple[Slot, Slot, Revision]], slot: Slot, id_: str, new: Revision
) -> None:
    """Update the state with one row of the log."""
    if id_ in out.deleted:
        out.hidden.setdefault(slot[0], []).append(slot[1])
    elif new.op == "delete":
        out.hidden.setdefault(slot[0], []).append(slot[1])
        out.deleted[id_] = new.received_at
        if id_ in current:
            first = current.pop(id_)[0]
            out.hidden.setdefault(first[0], []).append(first[1])
    elif id_ not in current:
        current[id_] = (slot, slot, new)
    else:
        out.hidden.setdefault(slot[0], []).append(slot[1])
        first, _, shown = current[id_]
        if supersedes(new, shown):
            # as in a compacted segment: an edited row has a time of edit
            current[id_] = (first, slot, new._replace(edited_at=new.made_at))


def revisions(table: pa.Table) -> Iterator[tuple[str, Revision]]:
    """Yield the id and the revision of each row of a table."""
    times = [table.column(name).cast(pa.int64()).to_pylist() for name in ("edited_at", "received_at")]
    texts = [table.column(name).to_pylist() for name in ("id", "rev", "op")]
    for id_, rev, op, edited_at, received_at in zip(*texts, *times, strict=True):
        yield id_, Revision(rev, op, edited_at, received_at)
