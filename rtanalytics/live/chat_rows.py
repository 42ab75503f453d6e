"""What a chat view shows, as plain data; and what nicks and texts are to it."""

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
"""Characters of a nick or room that are kept."""

RANKS = "~&@%+"
"""Marks before a nick, highest first: owner, admin, operator, half-operator, voice."""

SPOKEN = frozenset({"message", "action", "notice"})
"""Types of events that somebody said; the others tell what happened."""


class ChatLine(TypedDict):
    """A line of a room; ``nick``, ``to`` and ``text`` are from outside.

    ``n`` orders lines (None: pending, at the end). ``state`` is empty, or ``pending`` (handed in,
    not yet seen in the stream), ``late`` (for half a minute) or ``failed``; ``why`` says more.
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
    """Somebody in a room; ``rank`` is one of :data:`RANKS`, or empty."""

    nick: str
    rank: str
    hue: int


class ChatRoom(TypedDict):
    """A room as its tab shows it. ``total`` lines came, ``unread`` of them while nobody looked."""

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
    """What has changed: all rooms in their order, and by room the lines and users that differ.

    Whoever applies it forgets everything first if ``reset`` is true; a line or user that is known
    already is replaced. Of a room the newest ``cap`` lines stay.
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
    r"""A nick or room as IRC compares it: ``{}|^`` are the small letters of ``[]\~``."""
    return name.lower().translate(_FOLDED)


def nick_hue(nick: str) -> int:
    """The hue of a person, in degrees: the same everywhere, whatever ``_`` hangs on the nick."""
    bare = fold(nick).rstrip("_`") or nick
    return int.from_bytes(blake2b(bare.encode("utf-8", "replace"), digest_size=2).digest(), "big") % 360


def user_row(nick: str, marks: str) -> ChatUser:
    """A user by nick and marks."""
    return {"nick": repair(nick), "rank": marks[:1], "hue": nick_hue(nick)}


def plain(text: str) -> str:
    """Without colour and control codes, which mean nothing here, and not endless."""
    return _CODES.sub("", repair(text))[:2_000]
