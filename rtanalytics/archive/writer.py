"""Writing an archive: whole segments or nothing, by one writer at a time."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import numpy as np
import pyarrow as pa

from rtanalytics.archive.atomic import Swap, apply_manifest, sweep, sync_folder, told
from rtanalytics.archive.columns import to_table
from rtanalytics.archive.compact import compact_into
from rtanalytics.archive.files import (
    DAMAGED,
    FORGOTTEN,
    LOCK,
    ArchiveError,
    Busy,
    Meta,
    encode_forgotten,
    encode_segment,
    is_archive,
    listing,
    read_deleted,
    read_forgotten,
    segment_name,
)
from rtanalytics.archive.metadata import RecordingMeta
from rtanalytics.archive.state import Reader, reached
from rtanalytics.erasure import Forgotten
from rtanalytics.event import Event
from rtanalytics.feed import Delivery
from rtanalytics.locks import acquire_as_owner, owner
from rtanalytics.schedule import ReferenceTopic, Schedule, write_truth

__all__ = ["ArchiveWriter", "Transaction"]

_DAY = 86_400_000_000
_CHUNK = 50_000


class ArchiveWriter:
    """The one writer of an archive.

    Opening it finishes what a crashed writer had decided and sweeps away what it had not.
    After an append returns, its events and positions are on the disk; if it raises, or the
    process is killed in it, all of them are or none is.

    Parameters
    ----------
    folder : str or Path
        Made if it is not there.
    damaged : {'error', 'quarantine'}
        ``quarantine``: read every segment once, and put those that are damaged aside as
        ``_damaged-…``; they are named in ``quarantined``. Only ever on somebody's explicit wish.

    Raises
    ------
    ArchiveError
        If the folder cannot be written, holds something else than an archive, another process
        is writing it, or its newest segment is damaged.

    Examples
    --------
    A recorder goes on where the archive says it had come to::

        with ArchiveWriter("archive/pycon") as writer:
            feed = stream.follow(writer.positions.get("events"))
            for batch in batches(feed):
                writer.append(batch, stream="events")
    """

    def __init__(self, folder: str | Path, *, damaged: Literal["error", "quarantine"] = "error") -> None:
        self.folder = Path(folder)
        self.quarantined: list[Path] = []
        self._positions: dict[str, str] = {}
        self._number = 1
        self._failure: str | None = None
        self._pid = os.getpid()
        with told(self.folder):
            self._new = _claim(self.folder)
            self._lock = _Lock(self.folder)
            try:
                apply_manifest(self.folder)
                sweep(self.folder)
                self._reader = Reader(self.folder)
                if damaged == "quarantine":
                    self._quarantine()
                self._resume()
            except BaseException:
                self._lock.release()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(tidy=error is not None and self._new)
        if self._new and error is not None and not any(self.folder.iterdir()):
            # Whatever went wrong, an archive that was never written to need not stay.
            self.folder.rmdir()

    def close(self, *, tidy: bool = False) -> None:
        """Let others write; what was appended is on the disk already.

        Parameters
        ----------
        tidy : bool
            Leave no ``_lock`` behind.
        """
        self._lock.release(remove=tidy)
        self._failure = self._failure or f"{self.folder}: this writer is closed; open the archive again"

    @property
    def positions(self) -> dict[str, str]:
        """How far each stream has been recorded, as its positions' ``str()``."""
        return dict(self._positions)

    def append(
        self, deliveries: Iterable[Delivery], stream: str | Callable[[Delivery], str] = "events"
    ) -> int:
        """Commit deliveries, in the order in which they came, and the positions after them.

        Parameters
        ----------
        deliveries : iterable of Delivery
            What was read since the last append. Several days of ``received_at`` make several
            files, which are committed together.
        stream : str or callable
            The name under which the last delivery's position is kept. A callable names the
            stream of each delivery, for a recorder that reads several.

        Returns
        -------
        int
            How many there were.

        Raises
        ------
        ArchiveError
            If they could not be written; nothing of them is in the archive then. After a disk
            that did not confirm, the writer cannot be used any more: open the archive again.
        """
        rows = list(deliveries)
        if not rows:
            return 0
        if callable(stream):
            new = {stream(d): str(d.position) for d in rows}
        else:
            new = {stream: str(rows[-1].position)}
        positions = dict(sorted({**self._positions, **new}.items()))
        with self._writing() as swap:
            self._put(swap, to_table([d.event for d in rows]), positions)
            swap.commit()
        self._positions = positions
        return len(rows)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Add any number of events, of which all or (after an error or a crash) none stay.

        Nothing of it can be read before it ends. Positions stay as they are.
        """
        with self._writing() as swap:
            transaction = Transaction(lambda table: self._put(swap, table, self._positions))
            yield transaction
            transaction.flush()
            swap.commit()

    def compact(self, keep: Mapping[str, timedelta] | None = None) -> bool:
        """Bring the archive to its current state: each id once, one file a day.

        Parameters
        ----------
        keep : mapping of str to timedelta, optional
            How long what a producer appended is kept: rows that were received longer ago are
            left out.

        Returns
        -------
        bool
            False if it was compacted already.

        Raises
        ------
        ArchiveError
            If a segment is damaged or comes from a newer version, or the disk is full; the
            archive is as it was then.
        """
        return self._compact(keep or {})

    def forget(self, forgotten: Forgotten) -> None:
        """Take what is deleted out of the files, and remember who is not to come back.

        All of it, or (after an error or a crash) nothing.

        Parameters
        ----------
        forgotten : Forgotten
            Marks, in addition to those that are known.

        Raises
        ------
        ArchiveError
            As :meth:`compact`.
        """
        self._compact({}, Forgotten(self.forgotten.marks | forgotten.marks))

    @property
    def forgotten(self) -> Forgotten:
        """Who is not to be stored in this archive any more."""
        return read_forgotten(self.folder)

    def _compact(self, keep: Mapping[str, timedelta], forgotten: Forgotten | None = None) -> bool:
        now = datetime.now(UTC)
        with self._writing() as swap:
            before = {producer: now - span for producer, span in keep.items()}
            remove = compact_into(swap, self._reader, self._positions, self._number, before)
            if forgotten is not None:
                swap.add(FORGOTTEN, encode_forgotten(forgotten))
            if remove is not None or forgotten is not None:
                swap.commit(remove or ())
                self._resume()
        return remove is not None

    def describe(
        self,
        *,
        schedule: Schedule | None = None,
        truth: Sequence[ReferenceTopic] | None = None,
        meta: RecordingMeta | None = None,
    ) -> None:
        """Say what this is a recording of: its talks, its reference topics, its own tags.

        What is not given stays as it is.

        Raises
        ------
        ArchiveError
            If it could not be written.
        """
        with self._writing() as swap:
            if schedule is not None:
                swap.add("_schedule.json", schedule.to_json())
            if truth is not None:
                swap.add_written("_truth.csv", lambda path: write_truth(path, truth))
            if meta is not None:
                swap.add("_recording.toml", meta.to_toml())
            swap.commit()

    @property
    def reader(self) -> Reader:
        """Reads what is there already."""
        return self._reader

    @contextmanager
    def _writing(self) -> Iterator[Swap]:
        if self._failure is not None:
            raise ArchiveError(self._failure)
        if os.getpid() != self._pid:
            raise ArchiveError(f"{self.folder}: a forked process must open a writer of its own")
        swap = Swap(self.folder)
        try:
            yield swap
        except BaseException as error:
            if swap.unsure:
                self._failure = f"{self.folder}: writing failed before ({error}); open the archive again"
            swap.abandon()
            raise

    def _put(self, swap: Swap, table: pa.Table, positions: dict[str, str]) -> None:
        days = np.asarray(table.column("received_at").cast(pa.int64())) // _DAY
        for day in np.unique(days):
            part = table if (days == day).all() else table.filter(pa.array(days == day))
            data = encode_segment(part, Meta(positions=positions))
            swap.add(segment_name(self._number, str(np.datetime64(int(day), "D")), data), data)
            self._number += 1

    def _resume(self) -> None:
        found = listing(self.folder)
        deleted = read_deleted(found.deleted)
        self._number = max(self._number, deleted.number + 1, *(s.number + 1 for s in found.segments[-1:]))
        self._positions = reached(self._reader, found.segments, deleted)

    def _quarantine(self) -> None:
        for segment in listing(self.folder).segments:
            try:
                self._reader.open(segment)
            except ArchiveError:
                aside = segment.path.with_name(DAMAGED + segment.path.stem)
                segment.path.rename(aside)
                sync_folder(aside.parent)
                self.quarantined.append(aside)
        for path in self.folder.glob(f"day=*/{DAMAGED}*"):
            if number := re.match(rf"{DAMAGED}(\d{{12}})-", path.name):
                self._number = max(self._number, int(number[1]) + 1)


class Transaction:
    """Takes the events of one :meth:`ArchiveWriter.transaction`."""

    def __init__(self, put: Callable[[pa.Table], None]) -> None:
        self._put = put
        self._waiting: list[Event] = []

    def add(self, events: Iterable[Event]) -> None:
        """Events in the order in which they belong into the log."""
        for event in events:
            self._waiting.append(event)
            if len(self._waiting) >= _CHUNK:
                self.flush()

    def flush(self) -> None:
        """Bring what waits to the disk, under temporary names."""
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            self._put(to_table(waiting))


def _claim(folder: Path) -> bool:
    """Make the folder, or see that it is an archive or empty; true if it was made."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    if missing:
        folder.mkdir(parents=True)
        for path in missing:
            sync_folder(path.parent)
        return True
    if not is_archive(folder):
        for entry in os.scandir(folder):
            if not entry.name.startswith("."):
                raise ArchiveError(
                    f"{folder} is no archive: it holds {entry.name!r}; name a folder that is new or empty"
                )
    return False


class _Lock:
    """The lock of an archive's only writer."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / LOCK
        handle = acquire_as_owner(self._path)
        if handle is None:
            pid = owner(self._path)
            raise Busy(
                f"{folder}: another process{f' ({pid})' if pid else ''} is writing this archive; "
                f"one writer at a time"
            )
        self._file = open(handle, "rb")  # noqa: SIM115  # held as long as the writer is

    def release(self, *, remove: bool = False) -> None:
        if remove and not self._file.closed:
            self._path.unlink(missing_ok=True)
        self._file.close()
