"""State of one chat room: its lines, its users and its unsent changes."""

from __future__ import annotations

from dataclasses import dataclass, field

from rtanalytics.live.chat_rows import RANKS, ChatLine, fold

__all__ = ["Pending", "Room", "apply_modes"]

_MODES = dict(zip("qaohv", RANKS, strict=True))
_WITH_ARGUMENT = frozenset("beIk") | _MODES.keys()
_MAYBE_WITH_ARGUMENT = frozenset("fjFHJLXBdgw")
"""IRC modes that take an argument on some servers (``+j 5:10``) and none on others."""


@dataclass
class Pending:
    """A submitted line that the server has not completely confirmed.

    ``left`` is the text that is not confirmed yet; ``since`` is the submission time in seconds
    (:func:`time.monotonic`).
    """

    line: ChatLine
    left: str
    since: float


@dataclass
class Room:
    """A chat room: its lines and users, and the changes that the next patch must contain.

    ``fresh`` and ``removed`` are ids of changed and removed lines; ``sent_users`` are the users as of the
    last patch.
    """

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
    sent_users: dict[str, tuple[str, str]] = field(default_factory=dict)


def apply_modes(users: dict[str, tuple[str, str]], text: str) -> None:
    """Apply a change of IRC modes, such as ``+o-v ada bob``, to the rank marks of users."""
    letters, *words = text.split() or [""]
    spare = len(words) - _needed(letters)
    add = True
    for letter in letters:
        if letter in "+-":
            add = letter == "+"
        elif letter in _MAYBE_WITH_ARGUMENT and spare > 0:
            spare -= 1
            words.pop(0)
        elif letter in _WITH_ARGUMENT or (letter == "l" and add):
            word = fold(words.pop(0)) if words else ""
            if letter in _MODES and word in users:
                nick, marks = users[word]
                held = set(marks) | {_MODES[letter]} if add else set(marks) - {_MODES[letter]}
                users[word] = (nick, "".join(mark for mark in RANKS if mark in held))


def _needed(letters: str) -> int:
    """Return the number of arguments that a change of IRC modes needs on every server."""
    add, count = True, 0
    for letter in letters:
        if letter in "+-":
            add = letter == "+"
        count += letter in _WITH_ARGUMENT or (letter == "l" and add)
    return count
