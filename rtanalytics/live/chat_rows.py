"""Typed dictionaries of a chat view: lines, users, rooms and patches."""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import TypedDict

from rtanalytics.event import repair

__all__ = [
    "NICK",
    "RANKS",
    "SPOKEN",
    "ChatLine",
    "ChatPatch",
    "ChatRoom",
    "ChatUser",
    "fold",
    "nick_hue",
    "plain",
    "user_row",
]

NICK = 64
"""Maximum number of characters in the name of a person or room; longer names are cut."""

RANKS = "~&@%+"
"""Rank marks before a nick, highest first: owner, admin, operator, half-operator, voice."""

SPOKEN = frozenset({"message", "action", "notice"})
"""Types of events that are messages of a person; other types are changes of the room."""


class ChatLine(TypedDict):
    """A line of a chat room; ``nick``, ``to`` and ``text`` are untrusted.

    Lines are sorted by ``n``; it is None for pending lines, which come last. ``state`` is empty,
    ``pending`` (submitted, not yet in the stream), ``late`` (pending for 30 seconds) or ``failed``;
    ``why`` is the reason.
    """

    id: str
    n: int | None
    type: str
    nick: str
    hue: int
    to: str
    text: str
    time: str
    mine: bool
    mention: bool
    state: str
    why: str


class ChatUser(TypedDict):
    """A person in a chat room; ``rank`` is one of :data:`RANKS`, or empty."""

    nick: str
    rank: str
    hue: int


class ChatRoom(TypedDict):
    """A chat room for its tab: ``total`` lines, of which ``unread`` are new, and ``people`` in it."""

    key: str
    name: str
    private: bool
    topic: str
    topic_by: str
    total: int
    unread: int
    mentions: int
    people: int


class ChatPatch(TypedDict):
    """Changes of a chat: all rooms in order, and the changed lines and users of each room.

    To apply a patch, discard everything first if ``reset`` is true. Then remove the lines in ``removed``
    (ids) and the users in ``gone`` (nicks), replace or add the lines and users, and keep the newest
    ``cap`` lines of each room.
    """

    reset: bool
    me: str
    active: str
    cap: int
    rooms: list[ChatRoom]
    lines: dict[str, list[ChatLine]]
    removed: dict[str, list[str]]
    users: dict[str, list[ChatUser]]
    gone: dict[str, list[str]]


_CODES = re.compile(r"\x03(?:\d{1,2}(?:,\d{1,2})?)?|\x04(?:[0-9A-Fa-f]{6})?|[\x00-\x08\x0b-\x1f\x7f]")
_FOLDED = str.maketrans("{}|^", "[]\\~")


def fold(name: str) -> str:
    r"""Return a name in lower case for comparison; as in IRC, ``{}|^`` equal ``[]\~``."""
    return name.lower().translate(_FOLDED)


def nick_hue(nick: str) -> int:
    """Return the hue of a person in degrees; ``_`` and backticks at the end of the nick are ignored."""
    bare = fold(nick).rstrip("_`") or nick
    return int.from_bytes(blake2b(bare.encode("utf-8", "replace"), digest_size=2).digest(), "big") % 360


def user_row(nick: str, marks: str) -> ChatUser:
    """Return a user as a dictionary; the first character of ``marks`` is the rank."""
    return {"nick": repair(nick), "rank": marks[:1], "hue": nick_hue(nick)}


def plain(text: str) -> str:
    """Remove colour and control codes from a text, and cut it to 2,000 characters."""
    return _CODES.sub("", repair(text))[:2_000]
