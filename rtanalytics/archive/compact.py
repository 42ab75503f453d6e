"""Compaction: from the log of all revisions to the current state, one file per day."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from rtanalytics.archive.atomic import Swap
from rtanalytics.archive.files import (
    DELETED,
    ArchiveError,
    Deleted,
    Meta,
    encode_deleted,
    encode_segment,
    segment_name,
)
from rtanalytics.archive.state import ArchiveState, Reader, current_state
from rtanalytics.event import SCHEMA

PART_ROWS = 500_000
PART_BYTES = 256 * 2**20
"""A day with more rows, or more bytes in memory, is written as several files."""


def compact_into(
    swap: Swap,
    reader: Reader,
    positions: dict[str, str],
    number: int,
    before: Mapping[str, datetime] | None = None,
) -> list[str] | None:
    """Write the compacted files and return the old files that they replace.

    Parameters
    ----------
    swap : Swap
        Receives the new files.
    reader : Reader
        Reader of the archive, which nobody else may be writing.
    positions : dict of str to str
        Positions of the streams after all events of the archive.
    number : int
        Number of the next segment.
    before : mapping of str to datetime, optional
        Leave out events of a producer that were received before that time.

    Returns
    -------
    list of str, optional
        The old files; None if the archive is compacted already.

    Raises
    ------
    ArchiveError
        If a segment is damaged, or was written by a newer version, because its columns would be lost.
    OSError
        If a new file cannot be written.
    """
    segments, deleted = reader.refresh()
    for segment in segments:
        if reader.meta(segment).schema > SCHEMA:
            raise ArchiveError(
                f"{segment.path} was written by a newer version of rtanalytics; compact it with that version"
            )
    state = current_state(reader, segments, deleted)
    remove: list[str] = []
    added = False
    for day in state.days:
        mine = [state.segments[i] for i in state.segments_of(day)]
        unchanged = state.is_stored_as_is(day) and all(reader.meta(s).schema == SCHEMA for s in mine)
        if unchanged and not _expires(state, day, before or {}):
            continue
        remove += [s.name for s in mine]
        for part in _parts(_kept(state.day(day), before or {})):
            data = encode_segment(part, Meta(positions=positions, compacted=True))
            swap.add(segment_name(number, day, data), data)
            number += 1
            added = True
    if state.deleted != deleted.ids or (remove and not added):
        # This file also keeps the positions if no event is left.
        deletions = Deleted(number=number, positions=positions, ids=state.deleted)
        swap.add(DELETED, encode_deleted(deletions))
    return remove or None


def _expires(state: ArchiveState, day: str, before: Mapping[str, datetime]) -> bool:
    """Return True if rows of a day are older than their source keeps them."""
    if not any(day <= f"{moment:%Y-%m-%d}" for moment in before.values()):
        return False
    table = state.day(day, ["producer", "received_at"])
    return bool(_kept(table, before).num_rows < table.num_rows)


def _kept(table: pa.Table, before: Mapping[str, datetime]) -> pa.Table:
    """Return the rows that are not older than their producer keeps them."""
    for producer, moment in before.items():
        times = table.column("received_at")
        old = pc.less(times, pa.scalar(moment, times.type))
        table = table.filter(pc.invert(pc.and_(pc.equal(table.column("producer"), producer), old)))
    return table


def _parts(table: pa.Table) -> Iterator[pa.Table]:
    if not table.num_rows:
        return
    parts = max(math.ceil(table.num_rows / PART_ROWS), math.ceil(table.nbytes / PART_BYTES))
    size = math.ceil(table.num_rows / parts)
    for start in range(0, table.num_rows, size):
        yield table.slice(start, size)
