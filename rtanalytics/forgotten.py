"""Who wants to be forgotten, as fingerprints: the list itself names nobody.

A fingerprint is no encryption. Whoever has the list can find out whether a name that they know is
on it; they cannot read names out of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2b

from rtanalytics.event import Event

__all__ = ["DELETION", "EVERYWHERE", "Forgotten", "deletions", "plain_handle"]

EVERYWHERE = "*"
"""Stands for all buckets."""

DELETION = "forgotten"
"""The ``type`` of a delete after which nothing of the event may be left in any file either."""


class Forgotten:
    """Fingerprints of authors, and of posts of theirs, that are not to be stored any more.

    Parameters
    ----------
    marks : iterable of str
        As :meth:`author`, :meth:`account` and :meth:`post` make them.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> from rtanalytics.event import Author
    >>> gone = Forgotten([Forgotten.author("@Ada")])
    >>> at = datetime(2026, 5, 15, tzinfo=UTC)
    >>> [gone.covers(Event(id=f"irc::{who}", source="irc", author=Author(handle=who), created_at=at))
    ...  for who in ("ada", "bob")]
    [True, False]
    """

    __slots__ = ("marks",)

    def __init__(self, marks: Iterable[str] = ()) -> None:
        self.marks = frozenset(marks)

    def __bool__(self) -> bool:
        return bool(self.marks)

    def __repr__(self) -> str:
        return f"Forgotten({len(self.marks)} marks)"

    @property
    def version(self) -> str:
        """Differs as soon as the marks do; empty if there are none."""
        if not self.marks:
            return ""
        return blake2b("".join(sorted(self.marks)).encode(), digest_size=12).hexdigest()

    def covers(self, event: Event) -> bool:
        """True if an event must not be stored: its author is forgotten, or what it repeats is.

        Never true of a delete.
        """
        if not self.marks or event.op == "delete":
            return False
        if event.repost_of is not None and self.post(event.repost_of) in self.marks:
            return True
        author, bucket = event.author, event.bucket
        if author is None:
            return False
        if author.id is not None and self.account(bucket, author.id) in self.marks:
            return True
        return any(self.author(author.handle, where) in self.marks for where in (EVERYWHERE, bucket))

    @staticmethod
    def author(handle: str, bucket: str = EVERYWHERE) -> str:
        """The mark of a handle, in one bucket or in all; upper and lower case are the same."""
        return _mark("author", bucket, plain_handle(handle))

    @staticmethod
    def account(bucket: str, author_id: str) -> str:
        """The mark of a platform's own id of somebody: it stays when the handle changes."""
        return _mark("account", bucket, author_id)

    @staticmethod
    def post(event_id: str) -> str:
        """The mark of an event, so that repeats of it are known."""
        return _mark("post", "", event_id)


def deletions(ids: Mapping[str, str]) -> list[Event]:
    """Deletes of events by their id and source, that recorders take for more than deletes."""
    now = datetime.now(UTC)
    return [
        Event(id=id_, source=source, op="delete", type=DELETION, created_at=now)
        for id_, source in ids.items()
    ]


def plain_handle(handle: str) -> str:
    """A handle as it is compared: without ``@`` before it, upper and lower case alike."""
    return handle.strip().lstrip("@").casefold()


@lru_cache(maxsize=20_000)
def _mark(kind: str, bucket: str, what: str) -> str:
    said = f"{kind}\0{bucket}\0{what}".encode("utf-8", "replace")
    return blake2b(said, digest_size=16, person=b"rta-forgotten").hexdigest()
