"""What a chat's state keeps of a room."""

from __future__ import annotations

from dataclasses import dataclass, field

from rtanalytics.live.chat_rows import RANKS, ChatLine, fold

__all__ = ["Pending", "Room", "remark"]

_MODES = dict(zip("qaohv", RANKS, strict=True))
_WITH_WORD = frozenset("beIk") | _MODES.keys()
_PERHAPS_WITH_WORD = frozenset("fjFHJLXBdgw")
"""Letters that take a word on some servers (``+j 5:10``) and none on others."""


@dataclass
class Pending:
    """A line of ours that has not come back; ``left`` is what is missing of it."""

    line: ChatLine
    left: str
    since: float


@dataclass
class Room:
    """A room: what it shows, and what of that was not told yet."""

    key: str
    name: str
    private: bool
    topic: str = ""
    topic_by: str = ""
    total: int = 0
    unread: int = 0
    mentions: int = 0
    touched: int = 0
    lines: dict[str, ChatLine] = field(default_factory=dict)
    pending: dict[str, Pending] = field(default_factory=dict)
    users: dict[str, tuple[str, str]] = field(default_factory=dict)
    fresh: dict[str, None] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)
    told: dict[str, tuple[str, str]] = field(default_factory=dict)


def remark(users: dict[str, tuple[str, str]], text: str) -> None:
    """Change the marks of users as a change of modes says (``+o-v ada bob``)."""
    letters, *words = text.split() or [""]
    spare = len(words) - _needed(letters)
    add = True
    for letter in letters:
        if letter in "+-":
            add = letter == "+"
        elif letter in _PERHAPS_WITH_WORD and spare > 0:
            spare -= 1
            words.pop(0)
        elif letter in _WITH_WORD or (letter == "l" and add):
            word = fold(words.pop(0)) if words else ""
            if letter in _MODES and word in users:
                nick, marks = users[word]
                held = set(marks) | {_MODES[letter]} if add else set(marks) - {_MODES[letter]}
                users[word] = (nick, "".join(mark for mark in RANKS if mark in held))


def _needed(letters: str) -> int:
    """Words that these modes take on every server."""
    add, count = True, 0
    for letter in letters:
        if letter in "+-":
            add = letter == "+"
        count += letter in _WITH_WORD or (letter == "l" and add)
    return count
