"""Compaction: from the log of all revisions to the current state, one file a day."""

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
from rtanalytics.archive.state import Fold, Reader, fold
from rtanalytics.event import SCHEMA

PART_ROWS = 500_000
PART_BYTES = 256 * 2**20
"""A day of more rows, or more bytes in memory, is written as several files."""


def compact_into(
    swap: Swap,
    reader: Reader,
    positions: dict[str, str],
    number: int,
    before: Mapping[str, datetime] | None = None,
) -> list[str] | None:
    """Bring the new files to the disk and say which old ones go when they come.

    Parameters
    ----------
    swap : Swap
        Takes the new files.
    reader : Reader
        Of the archive, which nobody else is writing.
    positions : dict of str to str
        What all that is there was read up to.
    number : int
        The next segment's number.
    before : mapping of str to datetime, optional
        What a producer appended is left out if it was received before that.

    Returns
    -------
    list of str, optional
        The old files; nothing if the archive is compacted already.

    Raises
    ------
    ArchiveError
        If a segment is damaged, or was written by a newer version, whose columns would be lost.
    OSError
        If the new files cannot be written.
    """
    segments, deleted = reader.refresh()
    for segment in segments:
        if reader.meta(segment).schema > SCHEMA:
            raise ArchiveError(f"{segment.path} was written by a newer version; compact it with that one")
    state = fold(reader, segments, deleted)
    remove: list[str] = []
    added = False
    for day in state.days:
        mine = [state.segments[i] for i in state.of_day(day)]
        settled = state.as_it_is(day) and all(reader.meta(s).schema == SCHEMA for s in mine)
        if settled and not _expires(state, day, before or {}):
            continue
        remove += [s.name for s in mine]
        for part in _parts(_kept(state.day(day), before or {})):
            data = encode_segment(part, Meta(positions=positions, compacted=True))
            swap.add(segment_name(number, day, data), data)
            number += 1
            added = True
    if state.deleted != deleted.ids or (remove and not added):
        # It also keeps the positions if not one event is left to stand beside.
        left = Deleted(number=number, positions=positions, ids=state.deleted)
        swap.add(DELETED, encode_deleted(left))
    return remove or None


def _expires(state: Fold, day: str, before: Mapping[str, datetime]) -> bool:
    """True if rows of the day are to be left out."""
    if not any(day <= f"{moment:%Y-%m-%d}" for moment in before.values()):
        return False
    table = state.day(day, ["producer", "received_at"])
    return bool(_kept(table, before).num_rows < table.num_rows)


def _kept(table: pa.Table, before: Mapping[str, datetime]) -> pa.Table:
    """The rows that are not too old for their producer."""
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
