"""Who wants to be forgotten, as fingerprints: the list itself names nobody.

A fingerprint is no encryption. Whoever has the list can find out whether a name that they know is
on it; they cannot read names out of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2b

from msgspec.structs import replace

from rtanalytics.event import Event

__all__ = ["DELETION", "EVERYWHERE", "Forgotten", "deletions", "plain_handle"]

EVERYWHERE = "*"
"""Stands for all buckets."""

DELETION = "forgotten"
"""The ``type`` of a delete after which nothing of the event may be left in any file either.

Its ``tags`` may hold marks of who is forgotten, for views that show who is there.
"""

_LIST = "users"
"""The ``type`` of a list of all nicks of a room, each behind the marks of its ranks."""

NAMING = frozenset({_LIST, "kick", "mode", "nick"})
"""Types of events that tell of somebody, in ``to`` or ``text``, who is not their author."""

_RANKS = "~&@%+"
_AROUND = _RANKS + ".,:;()[]<>'\""
"""What may stand around a nick in a text; some of it may also belong to one."""


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

        So is a kick, a mode or a change of nick that names somebody who is. Never true of a delete.
        """
        if not self.marks or event.op == "delete":
            return False
        if event.repost_of is not None and self.post(event.repost_of) in self.marks:
            return True
        if self.wrote(event):
            return True
        return event.type in NAMING and event.type != _LIST and self._tells_of(event)

    def without(self, event: Event) -> Event | None:
        """What of an event may be stored: nothing, or the event, a list of people without who is forgotten.

        Returns
        -------
        Event or None
            The event itself if nothing of it is forgotten.
        """
        if not self.marks:
            return event
        if self.covers(event):
            return None
        if event.type != _LIST or event.op == "delete":
            return event
        nicks = (event.text or "").split()
        left = [nick for nick in nicks if not self.names(nick, event.bucket)]
        return (
            event
            if len(left) == len(nicks)
            else replace(event, text=" ".join(left), html=None, raw=None, rev="")
        )

    def wrote(self, event: Event) -> bool:
        """True if the event's author is forgotten."""
        author = event.author
        if author is None:
            return False
        if author.id is not None and self.account(event.bucket, author.id) in self.marks:
            return True
        return any(self.author(author.handle, where) in self.marks for where in (EVERYWHERE, event.bucket))

    def names(self, nick: str, bucket: str) -> bool:
        """True if a handle, perhaps behind the marks of its ranks, is forgotten."""
        bare = nick.lstrip(_RANKS)
        return any(self.author(bare, where) in self.marks for where in (EVERYWHERE, bucket))

    def _tells_of(self, event: Event) -> bool:
        # a ban names nick!user@host
        words = [word.partition("!")[0] for word in f"{event.to or ''} {event.text or ''}".split()]
        return any(self.names(nick, event.bucket) for word in words for nick in {word, word.strip(_AROUND)})

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


def deletions(ids: Mapping[str, str], marks: Iterable[str] = ()) -> list[Event]:
    """Deletes of events by their id and source, that recorders take for more than deletes.

    The first of each bucket carries the ``marks`` of who is forgotten.
    """
    now, tags, told = datetime.now(UTC), sorted(marks), set[str]()
    deletes = []
    for id_, source in ids.items():
        delete = Event(id=id_, source=source, op="delete", type=DELETION, created_at=now)
        if tags and delete.bucket not in told:
            told.add(delete.bucket)
            delete = replace(delete, tags=tags)
        deletes.append(delete)
    return deletes


def plain_handle(handle: str) -> str:
    """A handle as it is compared: without ``@`` before it, upper and lower case alike."""
    return handle.strip().lstrip("@").casefold()


@lru_cache(maxsize=20_000)
def _mark(kind: str, bucket: str, what: str) -> str:
    said = f"{kind}\0{bucket}\0{what}".encode("utf-8", "replace")
    return blake2b(said, digest_size=16, person=b"rta-forgotten").hexdigest()
