"""The files of an archive: their names, their bytes, which of them count, and swapping them.

An archive is a folder::

    day=2026-05-15/000000000007-5f0c….parquet   a segment: its number, and the digest of its bytes
    _deleted.json                               ids that were deleted, so that nothing brings them back
    _forgotten.json                             marks of authors who are not to be stored any more
    _rejected.jsonl                             rows that an import did not understand
    _recording.toml _schedule.json _truth.csv   what it is a recording of
    _lock _manifest.json                        the writer's; day=…/_tmp-… are files in the making

Whatever begins with ``_`` is passed over by pandas, DuckDB, Polars and Spark. Everything about a
segment stands in it: Parquet's own metadata hold the position that the recorder had reached,
and the name holds the digest of the bytes. (Parquet's page checksums, which are there as well,
leave out page headers and the footer; a bit that flips there would change what is read.)

A file becomes part of the archive by one rename. Where several must come and go together, a
manifest names them first: as soon as it is there the swap counts as done, readers see it so,
and whoever opens the archive for writing next finishes it.
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

from rtanalytics.erasure import Forgotten
from rtanalytics.event import SCHEMA

MANIFEST = "_manifest.json"
DELETED = "_deleted.json"
LOCK = "_lock"
FORGOTTEN = "_forgotten.json"
REJECTED = "_rejected.jsonl"
"""Where the rows of imports lie that were not understood, one JSON object a line."""
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
    """Another process is writing the archive."""


class Meta(msgspec.Struct, frozen=True, kw_only=True):
    """What a segment says of itself.

    Parameters
    ----------
    schema : int
        Version of the packet whose columns it has.
    positions : dict of str to str
        How far each stream had been read when it was written: all streams, not only those that
        it has events of.
    compacted : bool
        True if its rows are the current state of their ids, each id once in the archive's
        compacted segments, in order of ``received_at``.
    rows : int
        How many there are.
    until : int
        The latest ``received_at`` among them, in microseconds since 1970.
    """

    schema: int = SCHEMA
    positions: dict[str, str] = {}
    compacted: bool = False
    rows: int = 0
    until: int = 0


class Deleted(msgspec.Struct, frozen=True, kw_only=True):
    """The ids that were deleted, and what a segment would say if there were one.

    Parameters
    ----------
    number : int
        Its place among the segments.
    positions : dict of str to str
        As in :class:`Meta`.
    ids : dict of str to int
        When each was deleted, in microseconds since 1970.
    """

    number: int = 0
    positions: dict[str, str] = {}
    ids: dict[str, int] = {}


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Files that come (temporary name to final name) and go together; paths within the archive."""

    rename: dict[str, str] = {}
    remove: list[str] = []


@dataclass(frozen=True, slots=True, order=True)
class Segment:
    """A file of the archive; ordered as it was written."""

    number: int
    name: str
    path: Path

    @property
    def day(self) -> str:
        """The day of ``received_at``, as ``YYYY-MM-DD``."""
        return self.name[4:14]

    @property
    def digest(self) -> str:
        """What :func:`digest` must give for its bytes."""
        return self.name[-32:-8]


@dataclass(frozen=True, slots=True)
class Listing:
    """Which files counted at one moment.

    Parameters
    ----------
    segments : list of Segment
        In the order in which they were written.
    strange : list of Path
        Parquet files in the days' folders that no writer of ours has put there.
    deleted : Path, optional
        The deleted ids.
    """

    segments: list[Segment]
    strange: list[Path]
    deleted: Path | None


def digest(data: bytes | pa.Buffer) -> str:
    """96 bits that tell whether any bit of a file has changed."""
    return _hash(data).hexdigest()


def segment_name(number: int, day: str, data: bytes | pa.Buffer) -> str:
    """Where a segment belongs: nothing in the name comes from outside."""
    return f"day={day}/{number:012d}-{digest(data)}.parquet"


def encode_segment(table: pa.Table, meta: Meta) -> pa.Buffer:
    """A table with the columns of :data:`COLUMNS` as the bytes of a Parquet file (zstd)."""
    until = pc.max(table.column("received_at").cast(pa.int64())).as_py() or 0
    said = msgspec.json.encode(msgspec.structs.replace(meta, rows=table.num_rows, until=until))
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
        # Arrow's own copy of the schema says nothing that Parquet's does not, in 5 kB a file.
        store_schema=False,
    ) as writer:
        writer.write_table(table, row_group_size=_ROW_GROUP)
        writer.add_key_value_metadata({"rtanalytics": said.decode(), "rtanalytics.sum": digest(said)})
    return sink.getvalue()


def verify(segment: Segment) -> None:
    """Read a segment once and see that its bytes are those that were written.

    Raises
    ------
    ArchiveError
        If they are not.
    FileNotFoundError
        If it is gone, because the archive was compacted since it was listed.
    """
    try:
        with open(segment.path, "rb") as file:
            found = hashlib.file_digest(file, _hash).hexdigest()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ArchiveError(f"{segment.path}: cannot be read: {error.strerror}") from None
    if found != segment.digest:
        raise damaged(segment.path, "its bytes are not those that were written")


def open_segment(segment: Segment) -> tuple[pq.ParquetFile, Meta]:
    """A segment, and what it says. Pages are checked when they are read, by Parquet's own means.

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
        # A footer with flipped bits makes the parser stumble in many ways.
        raise damaged(segment.path, str(error)) from None
    metadata = file.metadata.metadata or {}
    said = metadata.get(b"rtanalytics", b"")
    if digest(said).encode() != metadata.get(b"rtanalytics.sum"):
        raise damaged(segment.path, "its description is not the one that was written")
    return file, msgspec.json.decode(said, type=Meta)


def damaged(path: Path, reason: str) -> ArchiveError:
    """The error for a file that is not what was written."""
    reason = reason.splitlines()[0] if reason else "it is empty"
    return ArchiveError(
        f"{path} is damaged: {reason}. Put back a copy of it, or go on without it: Recording(…, "
        f"damaged='skip') reads the rest, ArchiveWriter(…, damaged='quarantine') puts it aside"
    )


def listing(folder: Path) -> Listing:
    """The files that count now, a swap that is under way counted as done.

    A folder is not listed in one moment: of two files that come meanwhile, the later may be seen
    and the earlier not. So it is listed until it is twice the same; under a writer that never
    rests, until nothing but later files has been added.

    Raises
    ------
    ArchiveError
        If the folder is missing or is no archive, but a file perhaps.
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
    return (earlier, found.strange, found.deleted) == (last.segments, last.strange, last.deleted)


def is_archive(folder: Path) -> bool:
    """True if a folder is an archive, be it one without events."""
    return any(_MARK.fullmatch(entry.name) for entry in os.scandir(folder))


def _list(folder: Path, manifest: Manifest | None) -> Listing:
    names: set[str] = set()
    strange: list[Path] = []
    try:
        if not is_archive(folder):
            raise ArchiveError(f"{folder} is no archive: it has no folder day=YYYY-MM-DD")
        for entry in os.scandir(folder):
            if re.fullmatch(_DAY, entry.name) and entry.is_dir():
                for name in _names(Path(entry.path)):
                    if re.fullmatch(_SEGMENT, name):
                        names.add(f"{entry.name}/{name}")
                    elif not name.startswith(("_", ".")):
                        strange.append(Path(entry.path, name))
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
    return Listing(segments, sorted(strange), deleted if deleted.exists() else None)


def _names(folder: Path) -> list[str]:
    try:
        return [path.name for path in folder.iterdir()]
    except FileNotFoundError:
        return []  # a compaction that left nothing of the day has just removed it


def read_deleted(path: Path | None) -> Deleted:
    """The ids that were deleted.

    Raises
    ------
    ArchiveError
        If the file is damaged.
    """
    if path is None:
        return Deleted()
    try:
        said, _, end = path.read_bytes().rpartition(b"\n")
        if digest(said).encode() != end:
            raise damaged(path, "its bytes are not those that were written")
        return msgspec.json.decode(said, type=Deleted)
    except FileNotFoundError:
        raise
    except (OSError, msgspec.DecodeError) as error:
        raise damaged(path, str(error)) from None


def encode_deleted(deleted: Deleted) -> bytes:
    """The bytes that :func:`read_deleted` reads: a line of JSON, and its digest."""
    said = msgspec.json.encode(deleted)
    return said + b"\n" + digest(said).encode()


def read_forgotten(folder: Path) -> Forgotten:
    """The marks of who is not to be stored in this archive any more.

    Raises
    ------
    ArchiveError
        If the file is damaged: nobody may be taken in because of that.
    """
    path = folder / FORGOTTEN
    try:
        return Forgotten(msgspec.json.decode(path.read_bytes(), type=list[str]))
    except FileNotFoundError:
        return Forgotten()
    except (OSError, msgspec.DecodeError) as error:
        raise ArchiveError(
            f"{path} cannot be read ({error}): who is forgotten is not known; bring it back from a copy"
        ) from None


def encode_forgotten(forgotten: Forgotten) -> bytes:
    """The bytes that :func:`read_forgotten` reads."""
    return msgspec.json.format(msgspec.json.encode(sorted(forgotten.marks)), indent=0)


def read_manifest(folder: Path) -> Manifest | None:
    """The swap that is under way.

    Raises
    ------
    ArchiveError
        If the manifest is damaged, or names files that are none of ours.
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
            # An archive may come from others: it must not be able to rename or remove anything else.
            raise ArchiveError(f"{path} names {name!r}, which is no file of an archive; remove {MANIFEST}")
    return manifest
