"""Erasure of a person: their messages leave the stream and the archive, and are not stored again.

First, marks of the person are added to the stream, so that no new messages of theirs are stored. Then their
messages in archive and stream are published as deleted, which updates counts and open views. Last, the
entries are removed from the stream and the rows from the files. A running recorder removes the rows itself
when it reads the deletions; otherwise this module does.
"""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import msgspec

from rtanalytics.archive import ArchiveWriter, Recording
from rtanalytics.archive.files import REJECTED, TEMPORARY, Busy, is_archive, read_marks
from rtanalytics.erasure import EVERYWHERE, NAMING, ErasureMarks, deletions, plain_handle
from rtanalytics.event import Author, Event
from rtanalytics.streams import EventStream

__all__ = ["ForgetReport", "Found", "forget_author"]

_CHUNK = 1_000
_COLUMNS = ("id", "source", "type", "author", "author_id", "repost_of", "created_at")
_TEXT_COLUMNS = ("id", "type", "to", "text")


class Found(msgspec.Struct, kw_only=True):
    """Events under one handle in one bucket."""

    handle: str
    bucket: str
    events: int


class ForgetReport(msgspec.Struct, kw_only=True):
    """Result of an erasure.

    Parameters
    ----------
    author : str
        Handle as it was given.
    archive, stream : int
        Number of events found in the archive and in the stream, including those of others.
    others : int
        Number of events of other people that repost theirs, or that list, kick or rename the person.
    dead, rejected : int
        Number of dead letters and of rows of ``_rejected.jsonl`` that contain the name.
    handles : list of str
        Handles under which events were found.
    found : list of Found
        Number of events per handle and bucket; each event is counted once.
    near : list of str
        Similar handles, if nothing was found.
    pending : bool
        True if a running recorder has not yet removed the rows from the files.
    """

    author: str
    archive: int = 0
    stream: int = 0
    others: int = 0
    dead: int = 0
    rejected: int = 0
    handles: list[str] = []
    found: list[Found] = []
    near: list[str] = []
    pending: bool = False


def forget_author(
    stream: EventStream,
    archive: Path | None,
    author: str,
    *,
    buckets: Sequence[str] = (),
    dry_run: bool = False,
    timeout: timedelta = timedelta(seconds=20),
) -> ForgetReport:
    """Remove a person from a conference permanently.

    Parameters
    ----------
    stream : EventStream
        Stream of the conference.
    archive : Path, optional
        Folder of the recording; it may be missing.
    author : str
        Handle of the person, or id on the platform. Messages that an account with this handle or id posted
        under an earlier handle are removed too.
    buckets : sequence of str
        Buckets to search (``mastodon``, ``irc`` …); all if empty.
    dry_run : bool
        True to only report what would be removed.
    timeout : timedelta
        How long to wait for a running recorder.

    Returns
    -------
    ForgetReport

    Raises
    ------
    ArchiveError
        If the archive cannot be read or written.
    StreamUnavailable
        If the server does not answer; a second call continues from there.
    ValueError
        If ``author`` is empty, or a bucket is unknown.
    """
    if not plain_handle(author):
        raise ValueError("the author is missing; write a handle, such as ada or @ada@example.social")
    report = ForgetReport(author=author)
    folder = archive if archive is not None and archive.is_dir() and is_archive(archive) else None
    held = [] if folder is None else _recorded(folder)
    live = list(stream.erasure.kept())
    _check(buckets, {*stream.buckets(), *(event.bucket for event in held)})
    marks = _marks(author, buckets, [*held, *live])
    if not dry_run:
        stream.erasure.forget(marks)
    erased = _covered(marks, [*held, *live])
    report.archive = sum(event.id in erased for event in held)
    report.stream = len({event.id for event in live} & erased.keys())
    person = ErasureMarks(marks)
    theirs = {e.id: (e.bucket, e.handle) for e in [*held, *live] if person.wrote(e)}
    report.handles = sorted({handle for _, handle in theirs.values()})
    report.found = [
        Found(handle=handle, bucket=bucket, events=events)
        for (bucket, handle), events in sorted(Counter(theirs.values()).items())
    ]
    report.others = len(erased.keys() - theirs.keys())
    if not erased:
        events = (e for e in [*held, *live] if e.handle and (not buckets or e.bucket in buckets))
        known = {plain_handle(e.handle): e.handle for e in events}
        report.near = [known[name] for name in get_close_matches(plain_handle(author), known, 3)]
    named = _named([author, *report.handles])
    report.dead = _remove_dead_letters(stream, buckets, named, dry_run=dry_run)
    report.rejected = _remove_rejected_rows(folder, named, dry_run=dry_run)
    if dry_run:
        return report
    forgotten = ErasureMarks(marks | {ErasureMarks.post(id_) for id_ in erased})
    stream.erasure.forget(forgotten.marks)
    items = list(erased.items())
    for first in range(0, len(items), _CHUNK):
        stream.append(deletions(dict(items[first : first + _CHUNK]), marks))
    stream.erasure.erase(lambda event: event.id in erased or forgotten.without(event) is not event)
    if folder is not None:
        report.pending = not _remove_rows(folder, forgotten, erased, timeout)
    return report


def _recorded(folder: Path) -> list[Event]:
    """Return the archive's events with only the fields that identify authors and named people."""
    recording, none = Recording(folder), dict[str, Any]()
    texts: dict[str, dict[str, Any]] = {}
    # texts are most of an archive: read them only if there are such events
    if NAMING.intersection(recording.table(["type"])["type"].unique().to_pylist()):
        texts = {row["id"]: row for row in _rows(recording, _TEXT_COLUMNS) if row["type"] in NAMING}
    return [
        Event(
            id=row["id"], source=row["source"], created_at=row["created_at"], type=row["type"],
            rev="-", repost_of=row["repost_of"],
            to=texts.get(row["id"], none).get("to"), text=texts.get(row["id"], none).get("text"),
            author=None if row["author"] is None else Author(handle=row["author"], id=row["author_id"]),
        )
        for row in _rows(recording, _COLUMNS)
    ]  # fmt: skip


def _rows(recording: Recording, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    for batch in recording.table(columns).to_batches(max_chunksize=50_000):
        yield from batch.to_pylist()


def _check(buckets: Sequence[str], known: set[str]) -> None:
    """Raise ValueError for an unknown bucket, so that a typo is not reported as "nothing found"."""
    for bucket in buckets:
        if bucket not in known:
            hint = f"there are {', '.join(sorted(known))}" if known else "there are none yet"
            raise ValueError(f"unknown bucket {bucket!r} for --in: {hint}")


def _marks(author: str, buckets: Sequence[str], events: Iterable[Event]) -> set[str]:
    """Return the marks of the handle, of the accounts that have it, and of the handles of these accounts."""
    wanted, handles = plain_handle(author), set[tuple[str, str]]()
    marks = {ErasureMarks.author(author, bucket) for bucket in buckets or (EVERYWHERE,)}
    accounts: set[tuple[str, str]] = set()
    for event in events:
        if event.author is None or (buckets and event.bucket not in buckets):
            continue
        account = event.author.id
        if wanted in (plain_handle(event.author.handle), (account or "").casefold()):
            handles.add((event.bucket, event.author.handle))
            if account is not None:
                accounts.add((event.bucket, account))
    marks |= {ErasureMarks.author(handle, bucket) for bucket, handle in handles}
    return marks | {ErasureMarks.account(bucket, account) for bucket, account in accounts}


def _covered(marks: set[str], events: Sequence[Event]) -> dict[str, str]:
    """Return the source per id of the events to erase: marked ones, their reposts, and lists of users."""
    gone: dict[str, str] = {}
    forgotten = ErasureMarks(marks)
    while True:
        new = {e.id: e.source for e in events if e.id not in gone and forgotten.without(e) is not e}
        if not new:
            return gone
        gone |= new
        forgotten = ErasureMarks(forgotten.marks | {ErasureMarks.post(id_) for id_ in new})


def _named(handles: Iterable[str]) -> Callable[[str], bool]:
    """Return a function that checks whether a text contains one of the handles as a word."""
    words = "|".join(sorted({re.escape(plain_handle(handle)) for handle in handles}))
    pattern = re.compile(rf"(?<!\w)(?:{words})(?!\w)", re.IGNORECASE)
    return lambda text: pattern.search(text) is not None


def _remove_dead_letters(
    stream: EventStream, buckets: Sequence[str], named: Callable[[str], bool], *, dry_run: bool
) -> int:
    """Remove dead letters that mention the person; return their number."""
    count = 0
    for bucket in buckets or stream.buckets():
        ids = [
            letter.id
            for letter in stream.dead_letters.read(bucket)
            if named(letter.raw.decode("utf-8", "replace"))
        ]
        count += len(ids)
        if not dry_run:
            stream.dead_letters.remove(bucket, ids)
    return count


def _remove_rejected_rows(folder: Path | None, named: Callable[[str], bool], *, dry_run: bool) -> int:
    """Remove rows that mention the person from the rows rejected by an import; return their number."""
    path = None if folder is None else folder / REJECTED
    if path is None or not path.is_file():
        return 0
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    left = [line for line in lines if not named(line)]
    if len(left) < len(lines) and not dry_run:
        beside = path.with_name(f"{TEMPORARY}{os.getpid():016x}")
        beside.write_text("".join(left), encoding="utf-8")
        beside.replace(path)
    return len(lines) - len(left)


def _remove_rows(folder: Path, forgotten: ErasureMarks, ids: dict[str, str], timeout: timedelta) -> bool:
    """Remove the rows from the files, or wait until the recorder has; return False after a timeout."""
    until = time.monotonic() + timeout.total_seconds()
    while True:
        try:
            with ArchiveWriter(folder) as writer:
                with writer.transaction() as transaction:
                    transaction.add(deletions(ids))
                writer.forget(forgotten)
            return True
        except Busy:
            pass  # a recorder has the lock; it removes the rows when it reads the deletions
        if forgotten.marks <= read_marks(folder).marks:
            return True
        if time.monotonic() >= until:
            return False
        time.sleep(0.2)
