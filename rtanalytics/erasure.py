"""Erasure of a person's messages: authors are stored as fingerprints (hashes) instead of names.

A fingerprint is not encryption. The list does not contain names, but anybody who has it can check
whether a given name is on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2b

from msgspec.structs import replace

from rtanalytics.event import Event

__all__ = ["DELETION", "EVERYWHERE", "ErasureMarks", "deletions", "plain_handle"]

EVERYWHERE = "*"
"""Placeholder for all buckets."""

DELETION = "forgotten"
"""The ``type`` of a delete that requires removing the event from all files as well.

Its ``tags`` may contain marks of the erased authors, so that views remove them from lists of people.
"""

_LIST = "users"
"""The ``type`` of an event that lists all nicks of a room, each with its rank prefixes."""

NAMING = frozenset({_LIST, "kick", "mode", "nick"})
"""Types of events whose ``to`` or ``text`` names a person other than the author."""

_RANKS = "~&@%+"
_AROUND = _RANKS + ".,:;()[]<>'\""
"""Characters that may surround a nick in a text; some may also belong to it."""


class ErasureMarks:
    """Fingerprints (marks) of authors and of their posts that must not be stored.

    Parameters
    ----------
    marks : iterable of str
        Made by :meth:`author`, :meth:`account` and :meth:`post`.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> from rtanalytics.event import Author
    >>> marks = ErasureMarks([ErasureMarks.author("@Ada")])
    >>> at = datetime(2026, 5, 15, tzinfo=UTC)
    >>> [marks.covers(Event(id=f"irc::{who}", source="irc", author=Author(handle=who), created_at=at))
    ...  for who in ("ada", "bob")]
    [True, False]
    """

    __slots__ = ("marks",)

    def __init__(self, marks: Iterable[str] = ()) -> None:
        self.marks = frozenset(marks)

    def __bool__(self) -> bool:
        return bool(self.marks)

    def __repr__(self) -> str:
        return f"ErasureMarks({len(self.marks)} marks)"

    @property
    def version(self) -> str:
        """Hash of the marks; empty if there are none."""
        if not self.marks:
            return ""
        return blake2b("".join(sorted(self.marks)).encode(), digest_size=12).hexdigest()

    def covers(self, event: Event) -> bool:
        """Return True if an event must not be stored: its author or the reposted post is marked.

        Also return True for a kick, a mode or a change of nick that names a marked person. Return False
        for every delete.
        """
        if not self.marks or event.op == "delete":
            return False
        if event.repost_of is not None and self.post(event.repost_of) in self.marks:
            return True
        if self.wrote(event):
            return True
        return event.type in NAMING and event.type != _LIST and self._mentions(event)

    def without(self, event: Event) -> Event | None:
        """Return an event if it may be stored; marked people are removed from a list of nicks.

        Returns
        -------
        Event or None
            The event itself if no mark applies; None if it must not be stored.
        """
        if not self.marks:
            return event
        if self.covers(event):
            return None
        if event.type != _LIST or event.op == "delete":
            return event
        nicks = (event.text or "").split()
        kept = [nick for nick in nicks if not self.names(nick, event.bucket)]
        if len(kept) == len(nicks):
            return event
        return replace(event, text=" ".join(kept), html=None, raw=None, rev="")

    def wrote(self, event: Event) -> bool:
        """Return True if the event's author is marked."""
        author = event.author
        if author is None:
            return False
        if author.id is not None and self.account(event.bucket, author.id) in self.marks:
            return True
        return any(self.author(author.handle, where) in self.marks for where in (EVERYWHERE, event.bucket))

    def names(self, nick: str, bucket: str) -> bool:
        """Return True if a nick is marked; IRC's rank prefixes (``@``, ``+``, …) are ignored."""
        bare = nick.lstrip(_RANKS)
        return any(self.author(bare, where) in self.marks for where in (EVERYWHERE, bucket))

    def _mentions(self, event: Event) -> bool:
        # a ban has the form nick!user@host
        words = [word.partition("!")[0] for word in f"{event.to or ''} {event.text or ''}".split()]
        return any(self.names(nick, event.bucket) for word in words for nick in {word, word.strip(_AROUND)})

    @staticmethod
    def author(handle: str, bucket: str = EVERYWHERE) -> str:
        """Return the mark of a handle, for one bucket or for all; case is ignored."""
        return _mark("author", bucket, plain_handle(handle))

    @staticmethod
    def account(bucket: str, author_id: str) -> str:
        """Return the mark of an author's id on a platform, which stays the same if the handle changes."""
        return _mark("account", bucket, author_id)

    @staticmethod
    def post(event_id: str) -> str:
        """Return the mark of a post, which also covers its reposts."""
        return _mark("post", "", event_id)


def deletions(ids: Mapping[str, str], marks: Iterable[str] = ()) -> list[Event]:
    """Return a delete of type :data:`DELETION` for each event, given as id and source.

    The first delete of each bucket has the ``marks`` of the erased authors.
    """
    now, tags, marked = datetime.now(UTC), sorted(marks), set[str]()
    deletes = []
    for id_, source in ids.items():
        delete = Event(id=id_, source=source, op="delete", type=DELETION, created_at=now)
        if tags and delete.bucket not in marked:
            marked.add(delete.bucket)
            delete = replace(delete, tags=tags)
        deletes.append(delete)
    return deletes


def plain_handle(handle: str) -> str:
    """Normalize a handle for comparison: without a leading ``@``, in lower case."""
    return handle.strip().lstrip("@").casefold()


@lru_cache(maxsize=20_000)
def _mark(kind: str, bucket: str, what: str) -> str:
    data = f"{kind}\0{bucket}\0{what}".encode("utf-8", "replace")
    return blake2b(data, digest_size=16, person=b"rta-forgotten").hexdigest()
