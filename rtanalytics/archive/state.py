"""The current state of an archive: which row of the log shows each id, and with what content.

One rule, used for reading and for compaction alike (:func:`supersedes`): a delete is final; a
revision that is shown already changes nothing; an edit whose time is told wins over what was never
edited, however late that reached us; else of two revisions the one that was made later
wins, and of two made at one time the one that stands later in the log. An id keeps the place
and the times of its first row, so that a compacted recording is replayed just as it happened.

Almost all ids have one row. Those that have more are found on whole columns, and only they are
looked at one by one. Ids in compacted segments are distinct, so these segments are only
searched for the ids of what came after.
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
"""How often a file may be compacted away while we read it, before we ask what is going on."""


def vanishing(folder: Path) -> ArchiveError:
    """The error for an archive that does not hold still."""
    return ArchiveError(f"{folder}: its files vanish while they are read; is somebody removing it?")


class Revision(NamedTuple):
    """As much of a row as the fold looks at; times in microseconds since 1970."""

    rev: str
    op: str
    edited_at: int | None
    received_at: int

    @property
    def made_at(self) -> int:
        """When this revision was made, or when we saw it if nobody says."""
        return self.received_at if self.edited_at is None else self.edited_at


def supersedes(new: Revision, current: Revision) -> bool:
    """True if ``new``, which stands later in the log, is to be shown instead of ``current``."""
    if current.op == "delete":
        return False
    if new.op == "delete":
        return True
    if new.rev == current.rev:
        return False
    # both may have reached us long after they were made, so when we saw the first says nothing
    first_edit = current.edited_at is None and new.edited_at is not None
    return first_edit or new.made_at >= current.made_at


class Reader:
    """Reads the segments of a folder; what was verified once is not verified again.

    Parameters
    ----------
    folder : Path
        The archive.
    skip : bool
        Leave damaged files out instead of raising; they are named in ``damaged``.
    """

    def __init__(self, folder: Path, *, skip: bool = False) -> None:
        self.folder = folder
        self.skip = skip
        self.damaged: dict[Path, str] = {}
        self._verified: set[str] = set()
        self._meta: dict[str, Meta] = {}

    def refresh(self) -> tuple[list[Segment], Deleted]:
        """The segments that count now and can be read, as they were written; the deleted ids.

        Raises
        ------
        ArchiveError
            If there is no archive, or a file in it is none of ours or damaged.
        """
        for _ in range(VANISHING):
            found = listing(self.folder)
            for path in found.strange:
                self._bad(path, ArchiveError(f"{path} is no segment of this archive; move it away"))
            try:
                sound = [s for s in found.segments if not self.skip or self._sound(s)]
                names = {s.name for s in sound}
                self._verified &= names
                self._meta = {name: meta for name, meta in self._meta.items() if name in names}
                return sound, self._deleted(found.deleted)
            except FileNotFoundError:
                continue  # compacted since it was listed
        raise vanishing(self.folder)

    def meta(self, segment: Segment) -> Meta:
        """What a segment says of itself."""
        if segment.name not in self._meta:
            self._meta[segment.name] = open_segment(segment)[1]
        return self._meta[segment.name]

    def open(self, segment: Segment) -> pq.ParquetFile:
        """A segment that is whole.

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
        """Rows of a segment with the columns of this version."""
        file = self.open(segment)
        wanted = _present(file, COLUMNS.names if columns is None else columns)
        return self._conformed(segment, partial(file.read, wanted), columns)

    def batches(self, segment: Segment, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """The same, a row group at a time; the file is opened at once."""
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
    # created_at stands in for a missing received_at, and id tells how many rows there are.
    return [name for name in dict.fromkeys((*wanted, "created_at", "id")) if name in there]


Slot = tuple[int, int]
"""A row of the log: which segment, and which row of it."""


@dataclass
class Fold:
    """How the current state is made of the rows of the segments.

    Parameters
    ----------
    segments : list of Segment
        As they were written.
    deleted : dict of str to int
        All ids that are deleted now, and when.
    gone : dict of int to list of int
        Rows of a segment that are not shown.
    edits : dict of Slot to (Slot, int)
        Rows that show the content of another, made at that time.
    until : int, optional
        Show nothing that was received later, in microseconds since 1970.
    """

    reader: Reader
    segments: list[Segment]
    deleted: dict[str, int]
    gone: dict[int, list[int]] = field(default_factory=dict)
    edits: dict[Slot, tuple[Slot, int]] = field(default_factory=dict)
    until: int | None = None
    _winners: pa.Table | None = None

    @property
    def newest(self) -> int:
        """The latest ``received_at`` in the segments."""
        return max((self.reader.meta(s).until for s in self.segments), default=0)

    @property
    def days(self) -> list[str]:
        """Days that have segments, in order."""
        return sorted({s.day for s in self.segments})

    def of_day(self, day: str) -> list[int]:
        """Numbers of the day's segments in the list."""
        return [i for i, s in enumerate(self.segments) if s.day == day]

    def as_it_is(self, day: str) -> bool:
        """True if the day's segments, read one after the other, are its current state."""
        mine = self.of_day(day)
        if self.until is not None and any(
            self.reader.meta(self.segments[i]).until > self.until for i in mine
        ):
            return False
        touched = self.gone.keys() | {slot[0] for slot in self.edits}
        return touched.isdisjoint(mine) and all(self.reader.meta(self.segments[i]).compacted for i in mine)

    def rows(self) -> int:
        """How many ids are shown."""
        total = sum(self.reader.meta(s).rows for s in self.segments)
        return total - sum(map(len, self.gone.values()))

    def day(self, day: str, columns: Sequence[str] | None = None) -> pa.Table:
        """The day's current state in order of ``received_at``; at one time, as in the log."""
        wanted = None if columns is None else list(dict.fromkeys((*columns, "received_at")))
        mine = self.of_day(day)
        tables = [self.reader.table(self.segments[i], wanted) for i in mine]
        starts = dict(zip(mine, np.cumsum([0, *(t.num_rows for t in tables)]), strict=False))
        table = pa.concat_tables(tables)
        keep = np.ones(table.num_rows, bool)
        for i in mine:
            keep[[starts[i] + row for row in self.gone.get(i, ())]] = False
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
            # Whatever is shown was said: an update whose create was never seen included.
            create = pa.chunked_array([pa.repeat(pa.scalar("create"), table.num_rows)], pa.string())
            table = table.set_column(table.column_names.index("op"), COLUMNS.field("op"), create)
        table = in_order(table, index[keep])
        return table if columns is None else table.select(list(columns))

    def _edited(self, slots: list[Slot], first: pa.Table, columns: Sequence[str] | None) -> pa.Table:
        """The contents that the slots show, with the times of their first rows."""
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
        """The winners of all edits, in the order of ``edits``."""
        wanted: dict[int, list[tuple[int, int]]] = {}
        for number, ((segment, row), _) in enumerate(self.edits.values()):
            wanted.setdefault(segment, []).append((row, number))
        parts, numbers = [], []
        for segment, rows in wanted.items():
            parts.append(self.reader.table(self.segments[segment]).take(np.array([r for r, _ in rows])))
            numbers += [number for _, number in rows]
        return pa.concat_tables(parts).take(np.argsort(np.array(numbers)))


def reached(reader: Reader, segments: list[Segment], deleted: Deleted) -> dict[str, str]:
    """How far each stream had been read for what is there: what was written last says so."""
    if segments and segments[-1].number > deleted.number:
        return dict(reader.meta(segments[-1]).positions)
    return dict(deleted.positions)


def in_order(table: pa.Table, index: np.ndarray[tuple[int], np.dtype[np.int64]]) -> pa.Table:
    """The rows named by ``index`` in order of ``received_at``, otherwise in the order given."""
    times = table.column("received_at").cast(pa.int64()).to_numpy()[index]
    if len(times) > 1 and (times[1:] < times[:-1]).any():
        index = index[np.argsort(times, kind="stable")]
    if len(index) == table.num_rows and (index == np.arange(len(index))).all():
        return table
    return table.take(index)


def fold(reader: Reader, segments: list[Segment], deleted: Deleted) -> Fold:
    """Find out which rows show the current state.

    Raises
    ------
    ArchiveError
        If a segment is damaged.
    FileNotFoundError
        If a segment was compacted since it was listed.
    """
    out = Fold(reader, segments, dict(deleted.ids))
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
    for numbers in out.gone.values():
        numbers.sort()
    return out


def _looked_up(
    reader: Reader, segments: list[Segment], i: int, at: np.ndarray[tuple[int], np.dtype[np.int64]]
) -> Iterator[tuple[Slot, str, Revision]]:
    """The rows ``at`` of a segment, looked at one by one."""
    if len(at):
        rows = reader.table(segments[i], LIGHT).take(at)
        for row, (id_, revision) in zip(at.tolist(), revisions(rows), strict=True):
            yield (i, row), id_, revision


def _step(
    out: Fold, current: dict[str, tuple[Slot, Slot, Revision]], slot: Slot, id_: str, new: Revision
) -> None:
    """Add one row of the log to the state."""
    if id_ in out.deleted:
        out.gone.setdefault(slot[0], []).append(slot[1])
    elif new.op == "delete":
        out.gone.setdefault(slot[0], []).append(slot[1])
        out.deleted[id_] = new.received_at
        if id_ in current:
            first = current.pop(id_)[0]
            out.gone.setdefault(first[0], []).append(first[1])
    elif id_ not in current:
        current[id_] = (slot, slot, new)
    else:
        out.gone.setdefault(slot[0], []).append(slot[1])
        first, _, shown = current[id_]
        if supersedes(new, shown):
            # as it stands in a compacted segment: once edited, it is no longer as it was first said
            current[id_] = (first, slot, new._replace(edited_at=new.made_at))


def revisions(table: pa.Table) -> Iterator[tuple[str, Revision]]:
    """The ids of a table's rows, and as much of them as the fold looks at."""
    times = [table.column(name).cast(pa.int64()).to_pylist() for name in ("edited_at", "received_at")]
    texts = [table.column(name).to_pylist() for name in ("id", "rev", "op")]
    for id_, rev, op, edited_at, received_at in zip(*texts, *times, strict=True):
        yield id_, Revision(rev, op, edited_at, received_at)
