"""Bringing files to the disk, one at a time or several together, so that a crash leaves all or nothing."""

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
    """The disk did not confirm: what it holds is unknown, and asking it again would prove nothing.

    Linux marks the pages that could not be written as clean, so a second fsync succeeds without
    having written them.
    """


def write_file(path: Path, data: bytes | pa.Buffer) -> None:
    """Write a new file and bring it to the disk.

    Raises
    ------
    OSError
        If that fails; ``SyncError`` if it fails in a way that must not be tried again.
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
    """Bring the names in a folder to the disk.

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
    """Files that become part of an archive together, and files that leave it with that.

    New files are on the disk under temporary names before :meth:`commit` names them all in a
    manifest; its rename is the moment of decision. One new file alone needs no manifest.

    Attributes
    ----------
    unsure : bool
        True if only the disk can tell, when it is read again, whether the swap was made.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.unsure = False
        self._rename: dict[str, str] = {}
        self._days: set[Path] = set()

    def add(self, final: str, data: bytes | pa.Buffer) -> None:
        """Bring a new file to the disk; ``final`` is its path within the archive.

        Raises
        ------
        ArchiveError
            If the disk is full, say.
        """
        with self._told():
            write_file(self._place(final), data)

    def add_written(self, final: str, write: Callable[[Path], None]) -> None:
        """The same for something that writes its file itself."""
        with self._told():
            path = self._place(final)
            write(path)
            with open(path, "rb") as file:
                _sync(file.fileno(), path)

    def commit(self, remove: Sequence[str] = ()) -> None:
        """Swap: all at once for whoever reads the archive through this package.

        Raises
        ------
        ArchiveError
            If it could not be done, or (see ``unsure``) not be finished.
        """
        with self._told():
            if len(self._rename) == 1 and not remove:
                ((temporary, final),) = self._rename.items()
                self.unsure = True
                (self.folder / temporary).rename(self.folder / final)
                sync_folder((self.folder / final).parent)
            elif self._rename or remove:
                _sync_days(self.folder, self._rename)
                manifest = _temporary()
                said = msgspec.json.encode(Manifest(rename=self._rename, remove=list(remove)))
                write_file(self.folder / manifest, said)
                self.unsure = True
                (self.folder / manifest).rename(self.folder / MANIFEST)
                sync_folder(self.folder)
                apply_manifest(self.folder)
            self.unsure = False
            self._rename.clear()

    def abandon(self) -> None:
        """Take back what is not decided."""
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
    def _told(self) -> Iterator[None]:
        try:
            with told(self.folder):
                yield
        except ArchiveError as error:
            self.unsure = self.unsure or isinstance(error.__cause__, SyncError)
            raise


@contextmanager
def told(folder: Path) -> Iterator[None]:
    """What the system says, in one sentence that names the archive."""
    try:
        yield
    except OSError as error:
        where = error.filename or folder
        raise ArchiveError(
            f"{folder} cannot be written: {where}: {error.strerror or error}; see to its space and its rights"
        ) from error


def _temporary() -> str:
    return TEMPORARY + secrets.token_hex(8)


def apply_manifest(folder: Path) -> bool:
    """Carry out the swap that is under way, if there is one; as often as need be.

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
    """Remove what crashed writers left in the making; returns what was removed."""
    left = [*folder.glob(f"{TEMPORARY}*"), *folder.glob(f"day=*/{TEMPORARY}*")]
    for path in left:
        path.unlink()
    return left
