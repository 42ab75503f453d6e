"""State of a list of messages: the newest messages with all edits applied, and exact counters."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from itertools import islice
from typing import NotRequired, TypedDict

from rtanalytics.event import Event, is_web_url, repair
from rtanalytics.feed import Delivery, Item, Reset, Status
from rtanalytics.live.appearance import Appearance, appearance
from rtanalytics.live.status import StatusLine, iso, status_line
from rtanalytics.untrusted import shorten

__all__ = ["DRAWN", "Counters", "FeedState", "Patch", "Row", "row_of"]

DRAWN = 200
"""Maximum number of rows that one patch adds, to keep the front end responsive."""

_TEXT, _TITLE, _NAME, _TAGS = 2_000, 300, 80, 12
_KNOWN = 50_000


class Row(TypedDict):
    """A message as a dictionary of plain values; all texts in it are untrusted.

    ``n`` is its number in order of arrival. ``url`` is an http(s) URL or None. ``created`` is ISO 8601,
    UTC. Long texts are cut (``text`` at 2,000 characters), and no text is escaped.
    """

    id: str
    n: int
    source: str
    type: str
    author: str
    handle: str
    title: str
    text: str
    url: str | None
    created: str
    tags: list[str]
    edited: bool


class Counters(TypedDict):
    """Numbers of events since the view was opened, or since the last reset of the feed.

    ``total`` includes edits and deletes, and ``sources`` is the same number per source. ``edits``,
    ``deletes`` and ``muted`` (events of muted authors) are included in ``total``.
    """

    total: int
    sources: dict[str, int]
    edits: int
    deletes: int
    muted: int


class Patch(TypedDict):
    """Changes since the last patch.

    To apply a patch, discard everything first if ``reset`` is true. Then remove the rows in ``removed``
    (ids), replace those in ``changed``, add those in ``added`` (newest first), and keep the ``cap`` rows
    with the largest ``n``. ``looks`` is the appearance of new sources. ``waiting`` is the number of
    messages that arrived during a pause, and ``skipped`` the number of messages that were never drawn;
    ``sampled`` is true if messages were skipped since the last patch.
    """

    reset: bool
    added: list[Row]
    changed: list[Row]
    removed: list[str]
    cap: int
    counters: Counters
    looks: dict[str, Appearance]
    paused: bool
    waiting: int
    skipped: int
    sampled: bool
    filter: dict[str, list[str] | str]
    status: NotRequired[StatusLine]


@dataclass(slots=True)
class _Held:
    n: int
    event: Event
    edited: bool = False
    text: str | None = None

    def contains(self, words: list[str]) -> bool:
        if self.text is None:
            e = self.event
            name = e.author.name if e.author and e.author.name else ""
            self.text = "\n".join((e.handle, name, e.title or "", e.text or "", *e.tags)).casefold()
        return all(word in self.text for word in words)


class FeedState:
    """State of a list with the newest ``cap`` messages of a feed.

    An edit replaces the message in the same place, a delete removes it, and messages of muted authors
    are not shown. During a pause, new messages are held back, but deletes still take effect at once.

    Parameters
    ----------
    cap : int
        Maximum number of rows.
    mute : collection of str
        Handles whose messages are not shown; upper and lower case are equal.

    Raises
    ------
    ValueError
        If ``cap`` is below 1.

    Notes
    -----
    Not thread-safe. The object also keeps ``4 * cap`` older messages, which are shown after a change of
    the filter or a delete. A second "create" event with one of the newest 50,000 ids counts as an edit.

    Examples
    --------
    >>> from datetime import datetime, UTC
    >>> nine = datetime(2026, 5, 15, 9, tzinfo=UTC)
    >>> events = [Event(id=f"irc:x:{n}", source="irc", text=f"hello {n}", created_at=nine) for n in range(3)]
    >>> state = FeedState(cap=2)
    >>> patch = state.apply(Delivery(n, event) for n, event in enumerate(events))
    >>> [row["text"] for row in patch["added"]], patch["counters"]["total"]
    (['hello 2', 'hello 1'], 3)
    """

    def __init__(self, cap: int = 200, mute: Collection[str] = ()) -> None:
        if cap < 1:
            raise ValueError(f"invalid cap {cap} (at least 1)")
        self.cap = cap
        self._muted = {handle.lstrip("@").casefold() for handle in mute}
        self._sources: frozenset[str] = frozenset()
        self._text = ""
        self._words: list[str] = []
        self._paused = False
        self._n = 0
        self._begin()
        self._cleared = False

    def _begin(self) -> None:
        self._held: dict[str, _Held] = {}
        self._later: dict[str, _Held] = {}
        self._known: dict[str, None] = {}
        self._shown: dict[str, tuple[int, Event]] = {}
        self._fresh: deque[int] = deque()
        self._looks: dict[str, Appearance] = {}
        self._new_looks: dict[str, Appearance] = {}
        self._total = self._edits = self._deletes = self._hidden = 0
        self._counts: dict[str, int] = {}
        self._waiting = self._skipped = self._reported_skipped = 0
        self._cleared = self._dirty = True

    # -- items ---------------------------------------------------------------------

    def apply(self, items: Iterable[Item], status: Status | None = None) -> Patch:
        """Apply the items of a feed and return the changes since the last patch."""
        self.take(items)
        patch = self.patch()
        if status is not None:
            patch["status"] = status_line(status)
        return patch

    def take(self, items: Iterable[Item]) -> None:
        """Apply the items of a feed; a watermark changes nothing, and a reset discards everything."""
        for item in items:
            if isinstance(item, Delivery):
                self._take(item.event)
            elif isinstance(item, Reset):
                self._begin()

    def _take(self, event: Event) -> None:
        self._dirty = True
        self._total += 1
        self._counts[event.source] = self._counts.get(event.source, 0) + 1
        if event.source not in self._looks:
            self._looks[event.source] = self._new_looks[event.source] = appearance(event.source)
        if self._is_muted(event):
            self._hidden += 1
        if event.op == "delete":
            self._deletes += 1
            self._held.pop(event.id, None)
            self._later.pop(event.id, None)
            self._know(event.id)
            return
        known = event.id in self._known
        self._edits += known or event.op == "update"
        self._know(event.id)
        for held in (self._held, self._later):
            if (row := held.get(event.id)) is not None:
                held[event.id] = replace(row, event=event, edited=True, text=None)
                return
        if not known:
            self._add(event)

    def _know(self, event_id: str) -> None:
        self._known.pop(event_id, None)
        self._known[event_id] = None
        if len(self._known) > _KNOWN:
            del self._known[next(iter(self._known))]

    def _add(self, event: Event) -> None:
        self._n += 1
        row = _Held(self._n, event, edited=event.op == "update")
        rows = self._later if self._paused else self._held
        rows[event.id] = row
        self._waiting += self._paused
        if self._eligible(row):
            self._fresh.append(row.n)
            if len(self._fresh) > self.cap:
                self._fresh.popleft()
                self._skipped += 1
        if len(rows) > 5 * self.cap:
            del rows[next(iter(rows))]

    # -- pause and filters ----------------------------------------------------------------

    @property
    def paused(self) -> bool:
        """True during a pause."""
        return self._paused

    def pause(self) -> None:
        """Hold back new messages until :meth:`resume`, and count them as waiting."""
        self._paused = self._dirty = True

    def resume(self) -> None:
        """Show the newest of the messages that arrived during the pause."""
        self._paused, self._dirty = False, True
        self._held.update(self._later)
        self._later = {}
        self._waiting = 0
        for event_id in list(islice(self._held, max(0, len(self._held) - 5 * self.cap))):
            del self._held[event_id]

    def filter(self, sources: Collection[str] | None = None, text: str | None = None) -> None:
        """Show only matching messages; if an argument is None, that filter is not changed.

        Parameters
        ----------
        sources : collection of str, optional
            Sources to show; if empty, all.
        text : str, optional
            Words that must all occur in the text, title, tags or author of a message; upper and lower
            case are equal.
        """
        if sources is not None:
            self._sources = frozenset(sources)
        if text is not None:
            self._text = text
            self._words = text.casefold().split()
        self._fresh.clear()
        self._dirty = True

    def mute(self, handle: str) -> None:
        """Hide the messages of an author."""
        self._muted.add(handle.lstrip("@").casefold())
        self._dirty = True

    def unmute(self, handle: str) -> None:
        """Show the messages of an author again."""
        self._muted.discard(handle.lstrip("@").casefold())
        self._dirty = True

    def _is_muted(self, event: Event) -> bool:
        return bool(self._muted) and event.handle.casefold() in self._muted

    def _eligible(self, row: _Held) -> bool:
        return (
            (not self._sources or row.event.source in self._sources)
            and not self._is_muted(row.event)
            and (not self._words or row.contains(self._words))
        )

    # -- patches ---------------------------------------------------------------------

    @property
    def dirty(self) -> bool:
        """True if the next patch would contain changes."""
        return self._dirty

    @property
    def counters(self) -> Counters:
        """Exact numbers of events, whether they were drawn or not."""
        return {
            "total": self._total,
            "sources": dict(self._counts),
            "edits": self._edits,
            "deletes": self._deletes,
            "muted": self._hidden,
        }

    def rows(self) -> list[Row]:
        """Return the rows as of the last patch, newest first."""
        shown = sorted(self._shown.items(), key=lambda item: -item[1][0])
        return [row_of(event, n, edited=self._was_edited(event_id)) for event_id, (n, event) in shown]

    def newest(self) -> list[Row]:
        """Return the rows as they are after all pending patches, newest first."""
        return [row_of(row.event, row.n, edited=row.edited) for row in self._newest()]

    def redraw(self) -> None:
        """Make the next patch contain the complete state, for a front end that starts again."""
        self._cleared = self._dirty = True

    def everything(self) -> Patch:
        """Return the complete state as a patch; the next :meth:`patch` is not affected."""
        patch = self._message()
        patch["reset"], patch["added"], patch["looks"] = True, self.rows(), dict(self._looks)
        return patch

    def patch(self) -> Patch:
        """Return the changes since the last call."""
        patch = self._message()
        patch["reset"] = self._cleared
        if self._cleared:
            self._shown = {}
        patch["removed"] = [
            i for i in self._shown if (h := self._held.get(i)) is None or not self._eligible(h)
        ]
        for event_id in patch["removed"]:
            del self._shown[event_id]
        desired = self._newest()
        missing = [row for row in desired if row.event.id not in self._shown][:DRAWN]
        for event_id, (_, event) in self._shown.items():
            now = self._held[event_id]
            if now.event is not event:
                self._shown[event_id] = now.n, now.event
                patch["changed"].append(row_of(now.event, now.n, edited=now.edited))
        for row in missing:
            self._shown[row.event.id] = row.n, row.event
            patch["added"].append(row_of(row.event, row.n, edited=row.edited))
        if len(self._shown) > self.cap:
            keep = sorted(self._shown.items(), key=lambda item: -item[1][0])[: self.cap]
            self._shown = dict(keep)
        passed = self._account(desired, {row.n for row in missing})
        patch["skipped"], patch["sampled"] = self._skipped, passed > 0
        patch["looks"] = dict(self._looks) if self._cleared else self._new_looks
        self._new_looks = {}
        self._cleared = False
        self._dirty = len(missing) == DRAWN
        return patch

    def _newest(self) -> list[_Held]:
        rows = (row for row in reversed(self._held.values()) if self._eligible(row))
        return list(islice(rows, self.cap))

    def _account(self, desired: list[_Held], drawn: set[int]) -> int:
        """Count the rows that were displaced by newer ones before any patch contained them.

        Return the number of these rows since the last patch, or 0 during a pause.
        """
        left = [n for n in self._fresh if n not in drawn]
        floor = desired[-1].n if len(desired) == self.cap and not self._paused else 0
        self._fresh = deque(n for n in left if n > floor)
        self._skipped += len(left) - len(self._fresh)
        if self._paused:
            return 0
        passed, self._reported_skipped = self._skipped - self._reported_skipped, self._skipped
        return passed

    def _was_edited(self, event_id: str) -> bool:
        row = self._held.get(event_id)
        return row is not None and row.edited

    def _message(self) -> Patch:
        return {
            "reset": False,
            "added": [],
            "changed": [],
            "removed": [],
            "cap": self.cap,
            "counters": self.counters,
            "looks": {},
            "paused": self._paused,
            "waiting": self._waiting,
            "skipped": self._skipped,
            "sampled": False,
            "filter": {"sources": sorted(self._sources), "text": self._text},
        }


def row_of(event: Event, n: int = 0, *, edited: bool = False) -> Row:
    """Return an event as a row of the list.

    Texts are not escaped; a front end must insert them as text nodes.
    """
    author = event.author
    name = (author.name or author.handle) if author else ""
    return {
        "id": event.id,
        "n": n,
        "source": event.source,
        "type": repair(event.type),
        "author": shorten(name, _NAME),
        "handle": shorten(event.handle, _NAME),
        "title": shorten(event.title or "", _TITLE),
        "text": shorten(event.text or "", _TEXT),
        "url": repair(event.url) if event.url and is_web_url(event.url) else None,
        "created": iso(event.posted_at),
        "tags": [shorten(tag, _NAME) for tag in event.tags[:_TAGS]],
        "edited": edited,
    }
