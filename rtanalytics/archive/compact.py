"""Compaction: from the log of all revisions to the current state, one file a day."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pyarrow as pa

from rtanalytics.archive.commit import Swap
from rtanalytics.archive.files import (
    DELETED,
    ArchiveError,
    Deleted,
    Meta,
    encode_deleted,
    encode_segment,
    segment_name,
)
from rtanalytics.archive.fold import Fold, Reader, fold
from rtanalytics.event import SCHEMA

PART_ROWS = 500_000
PART_BYTES = 256 * 2**20
"""A day of more rows, or more bytes in memory, is written as several files."""


def compact_into(swap: Swap, reader: Reader, positions: dict[str, str], number: int) -> list[str] | None:
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
        if state.as_it_is(day) and all(reader.meta(s).schema == SCHEMA for s in mine):
            continue
        remove += [s.name for s in mine]
        for part in _parts(state, day):
            data = encode_segment(part, Meta(positions=positions, compacted=True))
            swap.add(segment_name(number, day, data), data)
            number += 1
            added = True
    if state.deleted != deleted.ids or (remove and not added):
        # It also keeps the positions if not one event is left to stand beside.
        left = Deleted(number=number, positions=positions, ids=state.deleted)
        swap.add(DELETED, encode_deleted(left))
    return remove or None


def _parts(state: Fold, day: str) -> Iterator[pa.Table]:
    table = state.day(day)
    if not table.num_rows:
        return
    parts = max(math.ceil(table.num_rows / PART_ROWS), math.ceil(table.nbytes / PART_BYTES))
    size = math.ceil(table.num_rows / parts)
    for start in range(0, table.num_rows, size):
        yield table.slice(start, size)
