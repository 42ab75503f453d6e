"""Files of an archive: their names and contents, and which of them are current.

An archive is a folder::

    day=2026-05-15/000000000007-5f0c….parquet   a segment: its number, and the digest of its bytes
    _deleted.json                               deleted ids, which must not come back
    _forgotten.json                             marks of authors who must not be stored (erasure)
    _rejected.jsonl                             rows that an import could not parse
    _recording.toml _schedule.json _truth.csv   metadata
    _lock _manifest.json                        of the writer; day=…/_tmp-… are unfinished files

Names that begin with ``_`` are ignored by pandas, DuckDB, Polars and Spark. A segment is
self-contained: its Parquet metadata have the position of the recorder, and its name has the digest
of the bytes. (Parquet's page checksums, which are used as well, do not cover page headers and the
footer, where a flipped bit would change the data.)

A file becomes part of the archive by one rename. If several files must be added and removed together,
a manifest names them first: as soon as it exists the swap counts as done for readers, and the next
writer that opens the archive completes it.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from rtanalytics.erasure import ErasureMarks
from rtanalytics.event import SCHEMA

MANIFEST = "_manifest.json"
DELETED = "_deleted.json"
LOCK = "_lock"
FORGOTTEN = "_forgotten.json"
REJECTED = "_rejected.jsonl"
"""File of the rows that an import could not parse, one JSON object per line."""
TEMPORARY = "_tmp-"
DAMAGED = "_damaged-"

_DAY = r"day=\d{4}-\d\d-\d\d"
_SEGMENT = r"(\d{12})-([0-9a-f]{24})\.parquet"
_MARK = re.compile(rf"{_DAY}|{LOCK}|{DELETED}|{MANIFEST}|_recording\.toml")
_OURS = re.compile(
    rf"{_DAY}/{_SEGMENT}|{_DAY}/{TEMPORARY}[0-9a-f]+|{TEMPORARY}[0-9a-f]+|{DELETED}|{FORGOTTEN}"
    r"|_recording\.toml|_schedule\.json|_truth\.csv"
)
_ROW_GROUP = 65_536
_hash = partial(blake2b, digest_size=12)
_DELTA = ("created_at", "received_at", "edited_at", "seq", "ingest.claimed_at")
_SHARED_STARTS = ("id", "url", "reply_to")
_DICTIONARY = (
    *("source", "op", "type", "author", "author_id", "author_name", "author_url", "to", "channel"),
    *("lang", "tags.list.element", "mentions.list.element", "repost_of", "thread", "producer"),
    *("media.list.element.kind", "media.list.element.mime"),
    *(f"ingest.{name}" for name in ("via", "connector", "run", "id_kind", "time_kind")),
)


class ArchiveError(Exception):
    """An archive cannot be read or written; the message names the file and what can be done."""


class Busy(ArchiveError):
    """The archive is locked, because another process is writing it."""


class Meta(msgspec.Struct, frozen=True, kw_only=True):
    """Metadata of a segment.

    Parameters
    ----------
    schema : int
        Version of the data model of its columns.
    positions : dict of str to str
        Position of each stream when it was written: of all streams, not only of those whose
        events it has.
    compacted : bool
        True if its rows are the current state of their ids, each id once in all compacted
        segments, sorted by ``received_at``.
    rows : int
        Number of rows.
    until : int
        The latest ``received_at`` among them, in microseconds since 1970.
    """

    schema: int = SCHEMA
    positions: dict[str, str] = {}
    compacted: bool = False
    rows: int = 0
    until: int = 0


class Deleted(msgspec.Struct, frozen=True, kw_only=True):
    """Deleted ids, and the metadata that would otherwise be in a segment.

    Parameters
    ----------
    number : int
        Its number among the segments.
    positions : dict of str to str
        As in :class:`Meta`.
    ids : dict of str to int
        Time of deletion of each id, in microseconds since 1970.
    """

    number: int = 0
    positions: dict[str, str] = {}
    ids: dict[str, int] = {}


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Files that are added (temporary and final name) and removed in one step; paths within the archive."""

    rename: dict[str, str] = {}
    remove: list[str] = []


@dataclass(frozen=True, slots=True, order=True)
class Segment:
    """A file of events; segments sort in the order in which they were written."""

    number: int
    name: str
    path: Path

    @property
    def day(self) -> str:
        """Day of ``received_at``, as ``YYYY-MM-DD``."""
        return self.name[4:14]

    @property
    def digest(self) -> str:
        """Expected :func:`digest` of its bytes."""
        return self.name[-32:-8]


@dataclass(frozen=True, slots=True)
class Listing:
    """Current files of an archive at one moment.

    Parameters
    ----------
    segments : list of Segment
        In the order in which they were written.
    foreign : list of Path
        Parquet files in the folders of days that this package has not written.
    deleted : Path, optional
        File of the deleted ids.
    """

    segments: list[Segment]
    foreign: list[Path]
    deleted: Path | None


def digest(data: bytes | pa.Buffer) -> str:
    """Return a 96-bit hash of the bytes of a file."""
    return _hash(data).hexdigest()


def segment_name(number: int, day: str, data: bytes | pa.Buffer) -> str:
    """Return the path of a segment, built from trusted values only."""
    return f"day={day}/{number:012d}-{digest(data)}.parquet"


def encode_segment(table: pa.Table, meta: Meta) -> pa.Buffer:
    """Encode a table with the columns of :data:`COLUMNS` as a Parquet file (zstd)."""
    until = pc.max(table.column("received_at").cast(pa.int64())).as_py() or 0
    encoded = msgspec.json.encode(msgspec.structs.replace(meta, rows=table.num_rows, until=until))
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(
        sink,
        table.schema,
        compression="zstd",
        compression_level=3,
        use_dictionary=list(_DICTIONARY),
        column_encoding=dict.fromkeys(_DELTA, "DELTA_BINARY_PACKED")
        | dict.fromkeys(_SHARED_STARTS, "DELTA_BYTE_ARRAY"),
        write_statistics=["id", "source", "created_at", "received_at"],
        write_page_checksum=True,
        # Arrow's copy of the schema repeats Parquet's and takes 5 kB per file.
        store_schema=False,
    ) as writer:
        writer.write_table(table, row_group_size=_ROW_GROUP)
        writer.add_key_value_metadata({"rtanalytics": encoded.decode(), "rtanalytics.sum": digest(encoded)})
    return sink.getvalue()


def verify(segment: Segment) -> None:
    """Check that the bytes of a segment are those that were written.

    Raises
    ------
    ArchiveError
        If they are not.
    FileNotFoundError
        If the archive was compacted since the segment was listed.
    """
    try:
        with open(segment.path, "rb") as file:
            actual = hashlib.file_digest(file, _hash).hexdigest()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ArchiveError(f"{segment.path}: cannot be read: {error.strerror}") from None
    if actual != segment.digest:
        raise damaged(segment.path, "its bytes are not those that were written")


def open_segment(segment: Segment) -> tuple[pq.ParquetFile, Meta]:
    """Open a segment and read its metadata; Parquet verifies its pages when they are read.

    Raises
    ------
    ArchiveError, FileNotFoundError
        As :func:`verify`.
    """
    try:
        file = pq.ParquetFile(segment.path, page_checksum_verification=True)
    except FileNotFoundError:
        raise
    except (OSError, ValueError, LookupError, OverflowError, pa.ArrowException) as error:
        # A footer with flipped bits makes the parser fail in many ways.
        raise damaged(segment.path, str(error)) from None
    metadata = file.metadata.metadata or {}
    encoded = metadata.get(b"rtanalytics", b"")
    if digest(encoded).encode() != metadata.get(b"rtanalytics.sum"):
        raise damaged(segment.path, "its metadata are not those that were written")
    return file, msgspec.json.decode(encoded, type=Meta)


def damaged(path: Path, reason: str) -> ArchiveError:
    """Return the error for a damaged file."""
    reason = reason.splitlines()[0] if reason else "it is empty"
    return ArchiveError(
        f"{path} is damaged: {reason}. Restore it from a copy, or continue without it: Recording(…, "
        f"damaged='skip') reads the rest, ArchiveWriter(…, damaged='quarantine') moves it aside"
    )


def listing(folder: Path) -> Listing:
    """List the current files; a swap in progress counts as done.

    Listing a folder is not atomic: of two files added meanwhile, the later may be listed and the
    earlier not. So the folder is listed until two listings are equal or, if a writer is busy all
    the time, differ only by later files.

    Raises
    ------
    ArchiveError
        If the folder does not exist or is not an archive.
    """
    if folder.is_file():
        raise ArchiveError(
            f"{folder} is a file, not an archive; import it first: rtanalytics import {folder} --to ARCHIVE"
        )
    manifest = read_manifest(folder)
    found = _list(folder, manifest)
    attempts = 0
    while True:
        manifest, before, last = read_manifest(folder), manifest, found
        found = _list(folder, manifest)
        if (manifest, found) == (before, last):
            return found
        attempts += 1
        if attempts > 5 and manifest == before and _continues(found, last):
            return last


def _continues(found: Listing, last: Listing) -> bool:
    newest = last.segments[-1].number if last.segments else 0
    earlier = [s for s in found.segments if s.number <= newest]
    return (earlier, found.foreign, found.deleted) == (last.segments, last.foreign, last.deleted)


def is_archive(folder: Path) -> bool:
    """Return True if a folder is an archive, even one without events."""
    with os.scandir(folder) as entries:
        return any(_MARK.fullmatch(entry.name) for entry in entries)


def _list(folder: Path, manifest: Manifest | None) -> Listing:
    names: set[str] = set()
    foreign: list[Path] = []
    try:
        if not is_archive(folder):
            raise ArchiveError(f"{folder} is not an archive: it has no folder day=YYYY-MM-DD")
        for entry in os.scandir(folder):
            if re.fullmatch(_DAY, entry.name) and entry.is_dir():
                for name in _names(Path(entry.path)):
                    if re.fullmatch(_SEGMENT, name):
                        names.add(f"{entry.name}/{name}")
                    elif not name.startswith(("_", ".")):
                        foreign.append(Path(entry.path, name))
    except FileNotFoundError:
        raise ArchiveError(f"{folder}: no such archive") from None
    except OSError as error:
        raise ArchiveError(f"{folder}: cannot be read: {error.strerror}") from None
    paths = {name: folder / name for name in names}
    deleted = folder / DELETED
    if manifest is not None:
        for temporary, final in manifest.rename.items():
            where = folder / temporary if (folder / temporary).exists() else folder / final
            if final == DELETED:
                deleted = where
            elif final.endswith(".parquet"):
                paths[final] = where
        for name in manifest.remove:
            paths.pop(name, None)
    segments = sorted(Segment(int(name[15:27]), name, path) for name, path in paths.items())
    return Listing(segments, sorted(foreign), deleted if deleted.exists() else None)


def _names(folder: Path) -> list[str]:
    try:
        return [path.name for path in folder.iterdir()]
    except FileNotFoundError:
        return []  # compaction removed the day, because no event of it is left


def read_deleted(path: Path | None) -> Deleted:
    """Read the deleted ids.

    Raises
    ------
    ArchiveError
        If the file is damaged.
    """
    if path is None:
        return Deleted()
    try:
        encoded, _, end = path.read_bytes().rpartition(b"\n")
        if digest(encoded).encode() != end:
            raise damaged(path, "its bytes are not those that were written")
        return msgspec.json.decode(encoded, type=Deleted)
    except FileNotFoundError:
        raise
    except (OSError, msgspec.DecodeError) as error:
        raise damaged(path, str(error)) from None


def encode_deleted(deleted: Deleted) -> bytes:
    """Encode deleted ids for :func:`read_deleted`: a line of JSON, and its digest."""
    encoded = msgspec.json.encode(deleted)
    return encoded + b"\n" + digest(encoded).encode()


def read_marks(folder: Path) -> ErasureMarks:
    """Read the marks of authors who must not be stored in this archive.

    Raises
    ------
    ArchiveError
        If the file is damaged, because erased authors could then be stored again.
    """
    path = folder / FORGOTTEN
    try:
        return ErasureMarks(msgspec.json.decode(path.read_bytes(), type=list[str]))
    except FileNotFoundError:
        return ErasureMarks()
    except (OSError, msgspec.DecodeError) as error:
        raise ArchiveError(
            f"{path} cannot be read ({error}), so the erased authors are not known; restore it from a copy"
        ) from None


def encode_marks(marks: ErasureMarks) -> bytes:
    """Encode erasure marks in the format of :func:`read_marks`."""
    return msgspec.json.format(msgspec.json.encode(sorted(marks.marks)), indent=0)


def read_manifest(folder: Path) -> Manifest | None:
    """Read the swap in progress.

    Raises
    ------
    ArchiveError
        If the manifest is damaged, or names files that do not belong to an archive.
    """
    path = folder / MANIFEST
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, msgspec.DecodeError) as error:
        raise damaged(path, str(error)) from None
    for name in (*manifest.rename, *manifest.rename.values(), *manifest.remove):
        if not _OURS.fullmatch(name):
            # An archive may come from elsewhere: it must not rename or remove any other file.
            raise ArchiveError(f"{path} names {name!r}, which is not a file of an archive; remove {MANIFEST}")
    return manifest
