"""Writing an archive: atomic segments, by one writer at a time."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import numpy as np
import pyarrow as pa

from rtanalytics.archive.atomic import Swap, apply_manifest, archive_errors, sweep, sync_folder
from rtanalytics.archive.columns import to_table
from rtanalytics.archive.compact import compact_into
from rtanalytics.archive.files import (
    DAMAGED,
    FORGOTTEN,
    LOCK,
    ArchiveError,
    Busy,
    Meta,
    encode_marks,
    encode_segment,
    is_archive,
    listing,
    read_deleted,
    read_marks,
    segment_name,
)
from rtanalytics.archive.metadata import RecordingMeta
from rtanalytics.archive.state import Reader, last_positions
from rtanalytics.erasure import ErasureMarks
from rtanalytics.event import Event
from rtanalytics.feed import Delivery
from rtanalytics.locks import acquire_as_owner, owner
from rtanalytics.schedule import ReferenceTopic, Schedule, write_truth

__all__ = ["ArchiveWriter", "Transaction"]

_DAY = 86_400_000_000
_CHUNK = 50_000


class ArchiveWriter:
    """The only writer of an archive.

    Opening an archive completes the committed work of a crashed writer and removes the rest. Once an
    append has returned, its events and positions are on the disk; if it raises, or the process is
    killed during it, either all of them are or none.

    Parameters
    ----------
    folder : str or Path
        Created if it does not exist.
    damaged : {'error', 'quarantine'}
        ``quarantine``: verify every segment, and move damaged ones aside as ``_damaged-…``; they
        are named in ``quarantined``. Use it only on explicit request.

    Raises
    ------
    ArchiveError
        If the folder cannot be written, has something else than an archive, another process is
        writing to it, or its newest segment is damaged.

    Examples
    --------
    A recorder continues from the position in the archive::

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
        with archive_errors(self.folder):
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
            # An archive that was never written to is not needed after an error.
            self.folder.rmdir()

    def close(self, *, tidy: bool = False) -> None:
        """Release the lock; appended events are on the disk already.

        Parameters
        ----------
        tidy : bool
            Remove the file ``_lock``.
        """
        self._lock.release(remove=tidy)
        self._failure = self._failure or f"{self.folder}: this writer is closed; open the archive again"

    @property
    def positions(self) -> dict[str, str]:
        """Position up to which each stream has been recorded, as its ``str()``."""
        return dict(self._positions)

    def append(
        self, deliveries: Iterable[Delivery], stream: str | Callable[[Delivery], str] = "events"
    ) -> int:
        """Commit deliveries, in the order in which they arrived, and the position after them.

        Parameters
        ----------
        deliveries : iterable of Delivery
            New deliveries. If their ``received_at`` spans several days, several files are written
            and committed together.
        stream : str or callable
            Name under which the last position is stored. A callable returns the name of each
            delivery's stream, for a recorder that reads several.

        Returns
        -------
        int
            Number of deliveries.

        Raises
        ------
        ArchiveError
            If they could not be written; the archive then has none of them. If the disk did not
            confirm the write, the writer cannot be used any more: open the archive again.
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
        """Add any number of events in one step; after an error or a crash none is added.

        Readers see none of them before the end. Positions do not change.
        """
        with self._writing() as swap:
            transaction = Transaction(lambda table: self._put(swap, table, self._positions))
            yield transaction
            transaction.flush()
            swap.commit()

    def compact(self, keep: Mapping[str, timedelta] | None = None) -> bool:
        """Rewrite the archive to its current state: each id once, one file per day.

        Parameters
        ----------
        keep : mapping of str to timedelta, optional
            How long events of a producer are kept: rows received before that are left out.

        Returns
        -------
        bool
            False if the archive was compacted already.

        Raises
        ------
        ArchiveError
            If a segment is damaged or was written by a newer version, or the disk is full; the
            archive is then unchanged.
        """
        return self._compact(keep or {})

    def forget(self, marks: ErasureMarks) -> None:
        """Remove deleted events from the files, and store marks of authors who must not come back.

        Done in one step; after an error or a crash nothing has changed.

        Parameters
        ----------
        marks : ErasureMarks
            Marks to add to the stored ones.

        Raises
        ------
        ArchiveError
            As :meth:`compact`.
        """
        self._compact({}, ErasureMarks(self.forgotten.marks | marks.marks))

    @property
    def forgotten(self) -> ErasureMarks:
        """Fingerprints of erased authors, whose events are not stored in this archive."""
        return read_marks(self.folder)

    def _compact(self, keep: Mapping[str, timedelta], marks: ErasureMarks | None = None) -> bool:
        now = datetime.now(UTC)
        with self._writing() as swap:
            before = {producer: now - span for producer, span in keep.items()}
            remove = compact_into(swap, self._reader, self._positions, self._number, before)
            if marks is not None:
                swap.add(FORGOTTEN, encode_marks(marks))
            if remove is not None or marks is not None:
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
        """Write metadata: talks, reference topics, own tags. What is not given does not change.

        Raises
        ------
        ArchiveError
            If they cannot be written.
        """
        with self._writing() as swap:
            if schedule is not None:
                swap.add("_schedule.json", schedule.to_json())
            if truth is not None:
                swap.add_written("_truth.csv", lambda path: write_truth(path, truth))
            if meta is not None:
                swap.add("_recording.toml", meta.to_toml())
            swap.commit()

    def remember_timezone(self, name: str) -> None:
        """Add the venue's time zone to ``_recording.toml``, unless the file names one.

        Raises
        ------
        ArchiveError
            If the file is not TOML, or cannot be written.
        """
        path = self.folder / "_recording.toml"
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        try:
            if "timezone" in tomllib.loads(text):
                return
        except ValueError as error:
            raise ArchiveError(f"{path}: {error}") from None
        with self._writing() as swap:
            swap.add("_recording.toml", f'timezone = "{name}"\n{text}'.encode())
            swap.commit()

    @property
    def reader(self) -> Reader:
        """Reader of the segments that this writer has committed."""
        return self._reader

    @contextmanager
    def _writing(self) -> Iterator[Swap]:
        if self._failure is not None:
            raise ArchiveError(self._failure)
        if os.getpid() != self._pid:
            raise ArchiveError(f"{self.folder}: a forked process must open its own writer")
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
        files = listing(self.folder)
        deleted = read_deleted(files.deleted)
        self._number = max(self._number, deleted.number + 1, *(s.number + 1 for s in files.segments[-1:]))
        self._positions = last_positions(self._reader, files.segments, deleted)

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
    """Collector of the events of one :meth:`ArchiveWriter.transaction`."""

    def __init__(self, put: Callable[[pa.Table], None]) -> None:
        self._put = put
        self._waiting: list[Event] = []

    def add(self, events: Iterable[Event]) -> None:
        """Collect events, in the order in which they are to be stored."""
        for event in events:
            self._waiting.append(event)
            if len(self._waiting) >= _CHUNK:
                self.flush()

    def flush(self) -> None:
        """Write the collected events to the disk, under temporary names."""
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            self._put(to_table(waiting))


def _claim(folder: Path) -> bool:
    """Create the folder, or check that it is an archive or empty; return True if it was created."""
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
                    f"{folder} is not an archive: it has {entry.name!r}; give a folder that is new or empty"
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
