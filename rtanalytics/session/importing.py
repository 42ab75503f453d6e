"""Import of files into an archive; rows that cannot be read are kept in a file of the archive."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rtanalytics.archive import ArchiveWriter, ImportReport, import_into
from rtanalytics.archive.files import REJECTED
from rtanalytics.event import Event
from rtanalytics.importers import (
    ImporterError,
    Options,
    Rejected,
    Skipped,
    detect,
    importer,
    in_channel,
    open_events,
    unread_options,
)
from rtanalytics.importers.base import UsesDay

__all__ = ["UnreadOption", "import_files"]


class UnreadOption(ImporterError):
    """An option that none of the files' formats reads; ``option`` is its name in :class:`Options`."""

    def __init__(self, option: str, formats: Sequence[str]) -> None:
        self.option = option
        super().__init__(f"has no effect on these files; only these formats use it: {', '.join(formats)}")


MAX_KEPT = 10_000
"""Rejected rows of one import that are kept; all of them are counted."""


def import_files(
    files: Sequence[Path],
    archive: Path,
    options: Options,
    form: str | None = None,
    tick: Callable[[int], None] = lambda _: None,
) -> tuple[ImportReport, list[Rejected], Counter[str], list[str]]:
    """Add the events of files to an archive, and rejected rows to its ``_rejected.jsonl``.

    Parameters
    ----------
    files : sequence of Path
        The files.
    archive : Path
        Folder of the archive; created if needed.
    options : Options
        What the files do not say themselves.
    form : str, optional
        Name of their format; detected by default.
    tick : callable
        Called with the number of rows read so far, now and then.

    Returns
    -------
    (ImportReport, list of Rejected, Counter, list of str)
        Counts, the first :data:`MAX_KEPT` rejected rows, the rows left out on purpose by what they are, and
        the patterns of ``options.keep`` that no message matches.

    Raises
    ------
    UnreadOption
        If an option acts on none of the files.
    ImporterError
        If a file cannot be read or its format is unknown.
    """
    forms = [form or ("columns" if options.columns else detect(file)) for file in files]
    for option, readers in unread_options(options, forms).items():
        raise UnreadOption(option, readers)
    _check_day(files, forms, options)
    rejected: list[Rejected] = []
    skipped: Counter[str] = Counter()
    unmatched = set(options.keep)

    def events() -> Iterator[Event | ValueError]:
        done = 0
        for file, name in zip(files, forms, strict=True):
            for event in open_events(file, name, options):
                if isinstance(event, Skipped):
                    skipped[event.what] += event.count
                    continue
                if isinstance(event, Rejected) and len(rejected) < MAX_KEPT:
                    rejected.append(event)
                if unmatched and isinstance(event, Event):
                    unmatched.difference_update([p for p in unmatched if in_channel(event, p)])
                yield event
                done += 1
                if done % 1000 == 0:
                    tick(done)

    report = import_into(archive, events(), edits=any(importer(name).edits for name in forms))
    if options.zone is not None and report.rejected < report.read:
        with ArchiveWriter(archive) as writer:
            writer.remember_timezone(options.zone)
    _keep(archive / REJECTED, rejected)
    return report, rejected, skipped, [pattern for pattern in options.keep if pattern in unmatched]


def _check_day(files: Sequence[Path], forms: Sequence[str], options: Options) -> None:
    """Raise an ImporterError if ``options.day`` is given and all files have dates of their own."""
    if options.day is None:
        return
    for file, name in zip(files, forms, strict=True):
        reader = importer(name)
        if isinstance(reader, UsesDay) and reader.uses_day(file, options):
            return
    raise ImporterError(f"{files[0]}: the log has its own dates, so --day has no effect; leave it out")


def _keep(path: Path, rejected: Sequence[Rejected]) -> None:
    """Append rows that are not in the file yet, so that a repeated import adds none."""
    known = set(path.read_text(encoding="utf-8").splitlines()) if path.is_file() else set()
    fields = ("file", "where", "reason", "raw")
    rows = dict.fromkeys(json.dumps({name: getattr(row, name) for name in fields}) for row in rejected)
    fresh = [row for row in rows if row not in known]
    if fresh:
        with open(path, "a", encoding="utf-8") as file:
            file.writelines(f"{row}\n" for row in fresh)
