"""Atomic writes of one or several files: after a crash either all of them exist or none."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pyarrow as pa

from rtanalytics.archive.files import MANIFEST, TEMPORARY, ArchiveError, Manifest, read_manifest


class SyncError(OSError):
    """The disk did not confirm a write: its content is unknown, and retrying proves nothing.

    Linux marks pages that could not be written as clean, so a second fsync succeeds without
    writing them.
    """


def write_file(path: Path, data: bytes | pa.Buffer) -> None:
    """Write a new file and sync it to the disk.

    Raises
    ------
    OSError
        If that fails; ``SyncError`` if it must not be retried.
    """
    with open(path, "xb") as file:
        file.write(data)
        file.flush()
        _sync(file.fileno(), path)


def _sync(descriptor: int, path: Path) -> None:
    try:
        os.fsync(descriptor)
    except OSError as error:
        raise SyncError(error.errno, error.strerror, str(path)) from error


def sync_folder(folder: Path) -> None:
    """Sync the names in a folder to the disk.

    Raises
    ------
    SyncError
        If that fails.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        _sync(descriptor, folder)
    finally:
        os.close(descriptor)


class Swap:
    """Files to add to an archive and files to remove from it, in one step.

    New files are on the disk under temporary names before :meth:`commit` lists them all in a
    manifest, whose rename is the commit point. A single new file needs no manifest.

    Attributes
    ----------
    unsure : bool
        True if only reading the disk again can show whether the swap was made.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.unsure = False
        self._rename: dict[str, str] = {}
        self._days: set[Path] = set()

    def add(self, final: str, data: bytes | pa.Buffer) -> None:
        """Write a new file to the disk; ``final`` is its path within the archive.

        Raises
        ------
        ArchiveError
            If it cannot be written, for example because the disk is full.
        """
        with self._errors():
            write_file(self._place(final), data)

    def add_written(self, final: str, write: Callable[[Path], None]) -> None:
        """Add a file that ``write`` writes to the path it is given."""
        with self._errors():
            path = self._place(final)
            write(path)
            with open(path, "rb") as file:
                _sync(file.fileno(), path)

    def commit(self, remove: Sequence[str] = ()) -> None:
        """Make the swap, in one step for all readers that use this package.

        Raises
        ------
        ArchiveError
            If it could not be done, or (see ``unsure``) not be completed.
        """
        with self._errors():
            if len(self._rename) == 1 and not remove:
                ((temporary, final),) = self._rename.items()
                self.unsure = True
                (self.folder / temporary).rename(self.folder / final)
                sync_folder((self.folder / final).parent)
            elif self._rename or remove:
                _sync_days(self.folder, self._rename)
                manifest = _temporary()
                content = Manifest(rename=self._rename, remove=list(remove))
                write_file(self.folder / manifest, msgspec.json.encode(content))
                self.unsure = True
                (self.folder / manifest).rename(self.folder / MANIFEST)
                sync_folder(self.folder)
                apply_manifest(self.folder)
            self.unsure = False
            self._rename.clear()

    def abandon(self) -> None:
        """Undo an uncommitted swap."""
        if not self.unsure:
            for path in self.folder.glob(f"{TEMPORARY}*"):
                path.unlink()
            for temporary in self._rename:
                (self.folder / temporary).unlink(missing_ok=True)
            for day in self._days:
                if not any(day.iterdir()):
                    day.rmdir()

    def _place(self, final: str) -> Path:
        day, _, _ = final.rpartition("/")
        temporary = f"{day}/{_temporary()}" if day else _temporary()
        if day and not (self.folder / day).is_dir():
            (self.folder / day).mkdir()
            self._days.add(self.folder / day)
            sync_folder(self.folder)
        self._rename[temporary] = final
        return self.folder / temporary

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            with archive_errors(self.folder):
                yield
        except ArchiveError as error:
            self.unsure = self.unsure or isinstance(error.__cause__, SyncError)
            raise


@contextmanager
def archive_errors(folder: Path) -> Iterator[None]:
    """Convert errors of the operating system to :class:`ArchiveError`."""
    try:
        yield
    except OSError as error:
        where = error.filename or folder
        raise ArchiveError(
            f"{folder} cannot be written: {where}: {error.strerror or error}; check its disk and permissions"
        ) from error


def _temporary() -> str:
    return TEMPORARY + secrets.token_hex(8)


def apply_manifest(folder: Path) -> bool:
    """Complete the swap in progress, if there is one; may be repeated.

    Returns
    -------
    bool
        True if there was one.
    """
    manifest = read_manifest(folder)
    if manifest is None:
        return False
    for temporary, final in manifest.rename.items():
        if (folder / temporary).exists():
            (folder / temporary).rename(folder / final)
    _sync_days(folder, manifest.rename.values())
    for name in manifest.remove:
        (folder / name).unlink(missing_ok=True)
    _sync_days(folder, manifest.remove)
    for day in {(folder / name).parent for name in manifest.remove}:
        if day.is_dir() and not any(day.iterdir()):
            day.rmdir()
    (folder / MANIFEST).unlink()
    sync_folder(folder)
    return True


def _sync_days(folder: Path, names: Iterable[str]) -> None:
    for day in sorted({(folder / name).parent for name in names}):
        if day.is_dir():
            sync_folder(day)


def sweep(folder: Path) -> list[Path]:
    """Remove unfinished files of crashed writers and return their paths."""
    leftovers = [*folder.glob(f"{TEMPORARY}*"), *folder.glob(f"day=*/{TEMPORARY}*")]
    for path in leftovers:
        path.unlink()
    return leftovers
