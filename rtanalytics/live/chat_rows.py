"""Data of a chat view: lines, users and rooms as plain dictionaries."""

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
"""Maximum length of the name of a person or room; longer names are cut."""

RANKS = "~&@%+"
"""Marks before a nick, highest first: owner, admin, operator, half-operator, voice."""

SPOKEN = frozenset({"message", "action", "notice"})
"""Types of events that are messages; other types are events of the room."""


class ChatLine(TypedDict):
    """A line of a room; ``nick``, ``to`` and ``text`` are untrusted.

    ``n`` orders lines (None: pending, at the end). ``state`` is empty, ``pending`` (submitted, not yet
    in the stream), ``late`` (pending for 30 seconds) or ``failed``; ``why`` is the reason.
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
    """A person in a room; ``rank`` is one of :data:`RANKS`, or empty."""

    nick: str
    rank: str
    hue: int


class ChatRoom(TypedDict):
    """A room as its tab shows it: ``total`` lines, of which ``unread`` were not looked at yet."""

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
    """Changes of a chat: all rooms in order, and per room the changed lines and users.

    To apply it, discard everything first if ``reset`` is true, then replace or add lines and users, and
    keep the newest ``cap`` lines of each room.
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
    r"""Return the name of a person or room for comparison as in IRC: ``{}|^`` equal ``[]\~``."""
    return name.lower().translate(_FOLDED)


def nick_hue(nick: str) -> int:
    """Return the hue of a person in degrees; trailing ``_`` and backticks of a nick do not change it."""
    bare = fold(nick).rstrip("_`") or nick
    return int.from_bytes(blake2b(bare.encode("utf-8", "replace"), digest_size=2).digest(), "big") % 360


def user_row(nick: str, marks: str) -> ChatUser:
    """Return the row of a user."""
    return {"nick": repair(nick), "rank": marks[:1], "hue": nick_hue(nick)}


def plain(text: str) -> str:
    """Remove colour and control codes from a text, and cut it to 2,000 characters."""
    return _CODES.sub("", repair(text))[:2_000]
