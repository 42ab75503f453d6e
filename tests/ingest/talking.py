"""A kind of source that can send: a chat whose server is a list in this process."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta

from rtanalytics.event import Author, Event
from rtanalytics.sources.base import Batch, SourceSpec, Transient

SAID: dict[str, list[tuple[str, dict[str, str]]]] = {}
"""By the server's name: who sent which packet, in order."""

TIMES: dict[str, float] = {}
"""By key: when it was sent, on the loop's clock."""

OFFLINE: set[str] = set()
"""Nicks that have no connection now."""


class TalkingSpec(SourceSpec, frozen=True, kw_only=True, tag_field="type", tag="talking"):
    """Who is on which server."""

    nick: str
    server: str


Spec = TalkingSpec


def open_source(spec: TalkingSpec, counts: Counter[str]) -> Talking:  # the signature of all
    return Talking(spec)


def written(path: str, line: str) -> None:
    """Put a line at the end of a file."""
    with open(path, "a") as file:
        file.write(f"{line}\n")


class Talking:
    """One person's connection; a poll waits for what is said, up to ten seconds.

    What is sent to a server that is named like a file is a line of that file, too. A body that begins with ``fail`` fails, ``odd`` is a bug, ``hang`` never ends.
    """

    bucket = "irc"

    def __init__(self, spec: TalkingSpec) -> None:
        self.scope = spec.name
        self._nick = spec.nick
        self._said = SAID.setdefault(spec.server, [])
        self._server = spec.server

    @property
    def sending(self) -> bool:
        return self._nick not in OFFLINE

    async def send(self, packet: dict[str, str], key: str) -> None:
        TIMES[key] = asyncio.get_running_loop().time()
        if packet["body"].startswith("fail"):
            raise Transient("the line is cut")
        if packet["body"].startswith("odd"):
            raise RuntimeError("a bug")
        if packet["body"].startswith("hang"):
            await asyncio.sleep(3600)
        if "/" in self._server:
            written(self._server, packet["body"])
        self._said.append((self._nick, packet))

    async def poll(self, cursor: bytes | None) -> Batch:
        first = int(cursor or 0)
        for _ in range(1000):
            if len(self._said) > first:
                break
            await asyncio.sleep(0.01)  # the server of this chat is a list
        said = self._said[first:]
        events = [self._event(first + n, nick, packet) for n, (nick, packet) in enumerate(said)]
        return Batch(events, str(first + len(said)).encode(), wait=timedelta(0))

    def _event(self, n: int, nick: str, packet: dict[str, str]) -> Event:
        now = datetime.now(UTC)
        return Event(
            id=f"irc:{self._server}/{packet['to']}:{n}",
            source=f"irc:{packet['to']}",
            type=packet["type"],
            author=Author(handle=nick),
            channel=packet["to"],
            text=packet["body"],
            created_at=now,
            received_at=now,
        )

    async def close(self) -> None:
        """Nothing to give back."""
