"""State of a chat view: its rooms, with their users and lines."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from datetime import datetime

from rtanalytics.erasure import DELETION, ErasureMarks
from rtanalytics.event import Event, repair
from rtanalytics.feed import Delivery, Item, Reset
from rtanalytics.live.chat_room import Pending, Room, apply_modes
from rtanalytics.live.chat_rows import (
    NICK,
    RANKS,
    SPOKEN,
    ChatLine,
    ChatPatch,
    ChatRoom,
    ChatUser,
    fold,
    nick_hue,
    plain,
    user_row,
)
from rtanalytics.live.status import iso

__all__ = ["ChatState"]

_ROOMS, _USERS, _KNOWN = 100, 10_000, 50_000
_NOT_DELIVERED = re.compile(r"^cannot send to|: no such nick", re.IGNORECASE)
"""Error messages of IRC servers for a line that could not be delivered."""


class ChatState:
    """State of the rooms of a chat, computed from its events.

    Only events of one bucket are read. The ``channel`` of an event is the room, and the handle of its
    author is the nick. Types of events: ``message``, ``action`` and ``notice`` (private if they have
    ``to`` and no channel);
    ``join``, ``part``, ``quit`` (text: reason), ``kick`` (``to``: the removed person), ``nick`` (``to``: the
    new nick), ``topic`` (text), ``mode`` (text: ``+o ada``), ``users`` (text: all nicks of the room with
    their marks, ``@ada +bob carol``), ``gap`` and ``error``. A quit or a change of nick without a channel
    applies to all rooms of the person, and is also listed in a private room with them.

    Parameters
    ----------
    nick : str
        Nick of the viewer; a ``nick`` event changes it.
    bucket : str
        Bucket of the chat; events of other buckets are ignored.
    cap : int
        Maximum number of lines to keep per room; ``total`` also counts the dropped ones.

    Raises
    ------
    ValueError
        If ``cap`` is below 1.

    Notes
    -----
    Not thread-safe. At most 100 rooms are kept (the least recently used private room is dropped first),
    with at most 10,000 people per room.

    Examples
    --------
    >>> from datetime import datetime, UTC
    >>> from rtanalytics.event import Author
    >>> nine = datetime(2026, 5, 15, 9, tzinfo=UTC)
    >>> event = Event(id="irc:x/#a:1", source="irc:#a", type="message", channel="#a", text="hello bob",
    ...              author=Author(handle="ada"), created_at=nine)
    >>> state = ChatState(nick="bob")
    >>> state.take([Delivery(1, event)])
    >>> [(line["nick"], line["text"], line["mention"]) for line in state.lines("#a")]
    [('ada', 'hello bob', True)]
    """

    def __init__(self, nick: str = "", bucket: str = "irc", cap: int = 500) -> None:
        if cap < 1:
            raise ValueError(f"invalid cap {cap} (at least 1)")
        self.bucket, self.cap = bucket, cap
        self.me = nick
        self._renamed: datetime | None = None
        self._active = ""
        self._n = 0
        self._begin()
        self._reset = False

    def _begin(self) -> None:
        self._rooms: dict[str, Room] = {}
        self._ids: dict[str, str] = {}
        self._reset = self._dirty = True

    # -- events ---------------------------------------------------------------------

    def take(self, items: Iterable[Item]) -> None:
        """Apply the items of a feed.

        A further event with a known id only changes the text of its line. A reset discards everything.
        """
        for item in items:
            if isinstance(item, Reset):
                self._begin()
            elif isinstance(item, Delivery) and item.event.bucket == self.bucket:
                self._take(item.event)

    def _take(self, event: Event) -> None:
        known = self._ids.get(event.id)
        if event.op == "delete":
            if event.type == DELETION and event.tags:
                self._erase(ErasureMarks(event.tags))
            if known is not None:
                self._take_out(known, event.id)
            return
        if known is not None:
            room = self._rooms.get(known)
            if room is not None and event.id in room.lines:
                room.lines[event.id]["text"] = plain(event.text or "")
                room.fresh[event.id] = None
                self._dirty = True
            return
        self._dirty = True
        if event.type in SPOKEN:
            self._say(event)
        elif event.type == "error":
            self._error(event)
        elif (happen := getattr(self, f"_on_{event.type}", None)) is not None:
            happen(event)
        elif event.channel:
            self._line(self._room(event.channel), event)
        self._know(event.id, "")

    def _know(self, event_id: str, room: str) -> None:
        self._ids.setdefault(event_id, room)
        if len(self._ids) > _KNOWN:
            del self._ids[next(iter(self._ids))]

    def _take_out(self, room: str, event_id: str) -> None:
        if room in self._rooms and self._rooms[room].lines.pop(event_id, None) is not None:
            self._rooms[room].removed.append(event_id)
            self._rooms[room].fresh.pop(event_id, None)
            self._dirty = True

    def _erase(self, marks: ErasureMarks) -> None:
        """Remove erased people from the users of all rooms, and the topics that they set."""
        for room in self._rooms.values():
            for key in [k for k, (nick, _) in room.users.items() if marks.names(nick, self.bucket)]:
                del room.users[key]
            if room.topic_by and marks.names(room.topic_by, self.bucket):
                room.topic = room.topic_by = ""
        self._dirty = True

    def _say(self, event: Event) -> None:
        mine = self._is_me(event.handle)
        if event.channel:
            room = self._room(event.channel)
        else:
            room = self._room((event.to if mine else event.handle) or "?", private=True)
        if mine:
            self._confirm(room, event)
        line = self._line(room, event)
        if not mine and room.key != self._active:
            room.unread += 1
            room.mentions += line["mention"] or room.private

    def _confirm(self, room: Room, event: Event) -> None:
        """Mark the text of an event as delivered: remove it from the pending line that starts with it."""
        text = (event.text or "").strip()
        for key, pending in room.pending.items():
            if pending.line["state"] == "failed" or pending.line["type"] != event.type:
                continue
            if text and pending.left.startswith(text):
                pending.left = pending.left[len(text) :].strip()
                if not pending.left:
                    self._drop(room, key)
                return

    def _drop(self, room: Room, key: str) -> None:
        pending = room.pending.pop(key)
        room.fresh.pop(pending.line["id"], None)
        room.removed.append(pending.line["id"])

    def _error(self, event: Event) -> None:
        _, _, key = event.id.rpartition("/")
        for room in self._rooms.values():
            if key in room.pending:
                self.failed(key, (event.text or "").removeprefix("not sent: "))
                return
        # an error about a private message belongs in the room of that conversation
        person = event.to if event.to and fold(event.to) in self._rooms else None
        room = self._room(event.channel or person or self._active or "*")
        waiting = (key for key, p in room.pending.items() if p.line["state"] in ("pending", "late"))
        if _NOT_DELIVERED.search(event.text or "") and (refused := next(waiting, None)) is not None:
            self.failed(refused, event.text or "")
        else:
            self._line(room, event)

    # -- users ----------------------------------------------------------------------

    def _on_users(self, event: Event) -> None:
        if event.channel:
            users = {}
            for word in (event.text or "").split()[:_USERS]:
                nick = word.lstrip(RANKS)
                if nick:
                    users[fold(nick)] = (nick[:NICK], word[: len(word) - len(nick)])
            self._room(event.channel).users = users

    def _on_join(self, event: Event) -> None:
        if event.channel:
            room = self._room(event.channel)
            if len(room.users) < _USERS:
                room.users.setdefault(fold(event.handle), (event.handle[:NICK], ""))
            self._line(room, event)

    def _on_part(self, event: Event) -> None:
        for room in self._where(event, event.handle):
            room.users.pop(fold(event.handle), None)
            if self._is_me(event.handle):
                room.users.clear()
            self._line(room, event)

    _on_quit = _on_part

    def _on_kick(self, event: Event) -> None:
        if event.channel and event.to:
            room = self._room(event.channel)
            room.users.pop(fold(event.to), None)
            if self._is_me(event.to):
                room.users.clear()
            self._line(room, event)

    def _on_nick(self, event: Event) -> None:
        new = (event.to or event.text or "").strip()[:NICK]
        if not new:
            return
        for room in self._where(event, event.handle):
            held = room.users.pop(fold(event.handle), None)
            if held or not room.private:
                room.users[fold(new)] = (new, held[1] if held else "")
            self._line(room, event, to=new)
        if self._is_me(event.handle):
            self.me, self._renamed = new, event.received_at

    def _on_topic(self, event: Event) -> None:
        if event.channel:
            room = self._room(event.channel)
            room.topic, room.topic_by = plain(event.text or ""), event.handle[:NICK]
            self._line(room, event)

    def _on_mode(self, event: Event) -> None:
        if not event.channel:
            return
        room = self._room(event.channel)
        apply_modes(room.users, event.text or "")
        self._line(room, event)

    def _on_gap(self, event: Event) -> None:
        rooms = [self._room(event.channel)] if event.channel else list(self._rooms.values())
        for room in rooms:
            if not room.private:
                self._line(room, event)

    def _where(self, event: Event, nick: str) -> list[Room]:
        if event.channel:
            return [self._room(event.channel)]
        key = fold(nick)
        return [
            room for room in self._rooms.values() if key in room.users or (room.private and room.key == key)
        ]

    # -- rooms and lines -------------------------------------------------------------------

    def _room(self, name: str, *, private: bool | None = None) -> Room:
        key = fold(name)
        self._n += 1
        if key not in self._rooms:
            if len(self._rooms) >= _ROOMS:
                spare = [r for r in self._rooms.values() if r.private and r.key != self._active]
                oldest = min(spare or self._rooms.values(), key=lambda r: r.touched)
                del self._rooms[oldest.key]
            is_private = name[:1] not in "#&!+*" if private is None else private
            self._rooms[key] = Room(key, name[:NICK], is_private)
        self._rooms[key].touched = self._n
        return self._rooms[key]

    def _line(self, room: Room, event: Event, *, to: str = "") -> ChatLine:
        self._n += 1
        text, mine = plain(event.text or ""), self._is_me(event.handle)
        # an event can be shown in several rooms; the line has the same id in each of them
        line: ChatLine = {
            "id": event.id,
            "n": self._n,
            "type": event.type,
            "nick": repair(event.handle)[:NICK],
            "hue": nick_hue(event.handle),
            "to": repair(to or event.to or "")[:NICK],
            "text": text,
            "time": iso(event.created_at),
            "mine": mine,
            "mention": not mine and event.type in SPOKEN and self._names_me(text),
            "state": "",
            "why": "",
        }
        room.total += 1
        room.lines[event.id] = line
        room.fresh[event.id] = None
        if len(room.lines) > self.cap:
            oldest = next(iter(room.lines))
            del room.lines[oldest]
            room.fresh.pop(oldest, None)
            room.removed.append(oldest)
        self._know(event.id, room.key)
        return line

    def _is_me(self, nick: str) -> bool:
        return bool(self.me) and fold(nick) == fold(self.me)

    def _names_me(self, text: str) -> bool:
        if not self.me:
            return False
        around = r"[\w\[\]\\`^{}|-]"
        return re.search(rf"(?<!{around}){re.escape(fold(self.me))}(?!{around})", fold(text)) is not None

    # -- sending ----------------------------------------------------------------------

    def sent(self, key: str, to: str, text: str, kind: str, at: str) -> None:
        """Add a submitted line at the end of its room, as pending until the server confirms it.

        Parameters
        ----------
        key : str
            Key of the outgoing packet; if its line is pending already, nothing changes.
        to, text, kind : str
            Room or nick of the recipient, text, and type (``message`` or ``action``).
        at : str
            Time of the submission, ISO 8601.
        """
        room = self._room(to)
        if key in room.pending:
            return
        line: ChatLine = {
            "id": f"pending:{key}", "n": None, "type": kind, "nick": self.me, "hue": nick_hue(self.me),
            "to": "", "text": plain(text), "time": at, "mine": True, "mention": False,
            "state": "pending", "why": "",
        }  # fmt: skip
        room.pending[key] = Pending(line, text.strip(), time.monotonic())
        room.fresh[line["id"]] = None
        self._dirty = True

    def failed(self, key: str, why: str) -> None:
        """Mark a submitted line as failed, with the reason."""
        for room in self._rooms.values():
            if (pending := room.pending.get(key)) is not None:
                pending.line["state"], pending.line["why"] = "failed", plain(why)
                room.fresh[pending.line["id"]] = None
                self._dirty = True

    def forget(self, key: str) -> None:
        """Remove a pending or failed line."""
        for room in self._rooms.values():
            if key in room.pending:
                self._drop(room, key)
                self._dirty = True

    def age(self, late: float = 30.0) -> None:
        """Mark lines as late that have been pending for ``late`` seconds or more."""
        for room in self._rooms.values():
            for pending in room.pending.values():
                if pending.line["state"] == "pending" and time.monotonic() - pending.since >= late:
                    pending.line["state"], pending.line["why"] = "late", "not confirmed by the server yet"
                    room.fresh[pending.line["id"]] = None
                    self._dirty = True

    # -- selection ---------------------------------------------------------------

    @property
    def active(self) -> str:
        """Key of the selected room, or an empty string."""
        return self._active

    def look(self, room: str) -> None:
        """Select a room and mark its lines as read."""
        self._active = fold(room)
        self._dirty = True
        if self._active in self._rooms:
            self._read(self._rooms[self._active])

    def read_all(self) -> None:
        """Mark the lines of all rooms as read."""
        for room in self._rooms.values():
            self._read(room)

    def _read(self, room: Room) -> None:
        room.unread = room.mentions = 0
        self._dirty = True

    def open(self, room: str) -> None:
        """Open a room or a private chat, and select it."""
        self._room(room)
        self.look(room)

    def rename(self, nick: str, at: datetime | None = None) -> None:
        """Set the nick of the viewer, as reported by the source.

        Parameters
        ----------
        nick : str
            The new name.
        at : datetime, optional
            Time of the report; it is ignored if a ``nick`` event was received later.
        """
        if at is None or self._renamed is None or at >= self._renamed:
            self.me, self._dirty = nick[:NICK], True

    def redraw(self) -> None:
        """Make the next patch contain the complete state, for a front end that starts again."""
        for room in self._rooms.values():
            room.fresh = dict.fromkeys([*room.lines, *(p.line["id"] for p in room.pending.values())])
            room.removed, room.sent_users = [], {}
        self._reset = self._dirty = True

    # -- patches ---------------------------------------------------------------------

    @property
    def dirty(self) -> bool:
        """True if the next patch would contain changes."""
        return self._dirty

    def rooms(self) -> list[ChatRoom]:
        """Return the rooms: channels sorted by name, then private chats sorted by name."""
        return [
            {
                "key": r.key, "name": repair(r.name), "private": r.private, "topic": r.topic,
                "topic_by": repair(r.topic_by), "total": r.total, "unread": r.unread,
                "mentions": r.mentions, "people": len(r.users),
            }
            for r in sorted(self._rooms.values(), key=lambda r: (r.private, r.key))
        ]  # fmt: skip

    def lines(self, room: str) -> list[ChatLine]:
        """Return the lines of a room, oldest first, with pending lines at the end."""
        held = self._rooms.get(fold(room))
        if held is None:
            return []
        return [dict(x) for x in (*held.lines.values(), *(p.line for p in held.pending.values()))]  # type: ignore[misc]

    def users(self, room: str) -> list[ChatUser]:
        """Return the users of a room, sorted by rank and name."""
        held = self._rooms.get(fold(room))
        found = [user_row(*user) for user in held.users.values()] if held else []
        return sorted(found, key=lambda u: (RANKS.find(u["rank"]) if u["rank"] else 9, fold(u["nick"])))

    def patch(self) -> ChatPatch:
        """Return the changes since the last patch."""
        patch = self._heading(reset=self._reset)
        for room in self._rooms.values():
            if room.fresh:
                waiting = {p.line["id"]: p.line for p in room.pending.values()}
                found = (room.lines.get(i) or waiting.get(i) for i in room.fresh)
                patch["lines"][room.key] = [dict(x) for x in found if x is not None]  # type: ignore[misc]
            if room.removed:
                patch["removed"][room.key] = room.removed
            if room.users != room.sent_users:
                changed = [user for key, user in room.users.items() if room.sent_users.get(key) != user]
                gone = [user[0] for key, user in room.sent_users.items() if key not in room.users]
                patch["users"][room.key] = [user_row(*user) for user in changed]
                if gone:
                    patch["gone"][room.key] = [repair(nick) for nick in gone]
                room.sent_users = dict(room.users)
            room.fresh, room.removed = {}, []
        self._reset = self._dirty = False
        return patch

    def everything(self) -> ChatPatch:
        """Return the complete state as a patch; the next :meth:`patch` is not affected."""
        patch = self._heading(reset=True)
        for room in self._rooms.values():
            patch["lines"][room.key] = self.lines(room.key)
            patch["users"][room.key] = self.users(room.key)
        return patch

    def _heading(self, *, reset: bool) -> ChatPatch:
        return {
            "reset": reset, "me": repair(self.me), "active": self._active, "cap": self.cap,
            "rooms": self.rooms(), "lines": {}, "removed": {}, "users": {}, "gone": {},
        }  # fmt: skip
