"""Erasure of what a person posted, as an operation on a conference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from rtanalytics.conference import Conference
from rtanalytics.ingest.erasure import ForgetReport, forget_author
from rtanalytics.session.connection import conference_stream, connecting
from rtanalytics.session.errors import SessionError

__all__ = ["ForgetReport", "forget"]


def forget(
    conference: Conference,
    path: str | Path,
    author: str,
    *,
    buckets: Sequence[str] = (),
    dry_run: bool = False,
    confirm: Callable[[ForgetReport], None] | None = None,
) -> ForgetReport:
    """Remove what a person posted from stream and archive, and refuse further events of theirs.

    Parameters
    ----------
    conference : Conference
        The conference.
    path : str or Path
        Its file, for error messages.
    author : str
        Handle or account id.
    buckets : sequence of str
        Only there; everywhere by default.
    dry_run : bool
        Only report what would be removed.
    confirm : callable, optional
        Called with what would be removed; it raises an exception to prevent that.

    Raises
    ------
    SessionError
        If the author is invalid, or the server does not answer.
    """
    archive = conference.archive_folder
    with connecting(conference, path):
        try:
            stream = conference_stream(conference)
            if confirm is not None and not dry_run:
                confirm(forget_author(stream, archive, author, buckets=buckets, dry_run=True))
            return forget_author(stream, archive, author, buckets=buckets, dry_run=dry_run)
        except ValueError as error:
            raise SessionError(str(error)) from None
