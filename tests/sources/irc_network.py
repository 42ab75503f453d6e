"""A network of IRC that keeps a history, for the contract: small pages, ids and times, and faults."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Self

from tests.contracts.services import Service

__all__ = ["IrcNetwork"]

CAPS = "message-tags server-time batch echo-message draft/chathistory sasl"


class IrcNetwork(Service):
    """One server, one room; a line says an item.

    Parameters
    ----------
    page : int
        Lines of a history that it gives at once.
    """

    def __init__(self, page: int = 4) -> None:
        self.items, self.bodies = [], []
        self.page, self.lines, self.port = page, list[str](), 0
        self.refusal, self.flooded, self.ids = "", False, True
        self._told = self._idle = self._age = 0
        self._times: list[datetime] = []
        self._mode = ""
        self._raw = b""
        self._people: set[asyncio.Task[None]] = set()

    @property
    def asked(self) -> int:
        return len(self.lines) + self._told

    @property
    def heard(self) -> str:
        found = list(self.lines)
        for line in self.lines:
            if line.startswith("AUTHENTICATE "):
                with suppress(ValueError):
                    found.append(base64.b64decode(line.split()[1]).decode("utf-8", "replace"))
        return " ".join(found).replace("\0", " ")

    @property
    def idle(self) -> bool:
        return self._idle > 0

    @property
    def said(self) -> int:
        """How many items have been said, whether anybody listened or not."""
        return len(self._times)

    def url(self, path: str = "") -> str:
        return f"irc://127.0.0.1:{self.port}{path}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        self._clock = asyncio.ensure_future(self._note_times())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in [self._clock, *self._people]:
            task.cancel()
        await asyncio.gather(self._clock, *self._people, return_exceptions=True)

    def garble(self, raw: bytes) -> None:
        self._break("raw", raw)

    def flood(self) -> None:
        self._break("flood")

    def cut(self) -> None:
        self._break("cut")

    def mute(self) -> None:
        self._break("mute")

    def echo(self) -> None:
        self._break("echo")

    def recover(self) -> None:
        self._mode = ""

    def _break(self, mode: str, raw: bytes = b"") -> None:
        self._mode, self._raw = mode, raw
        self._age += 1  # each connection is told once

    # -- the server ------------------------------------------------------------------------

    async def _note_times(self) -> None:
        """What is put there is said now, one line in two milliseconds."""
        while True:
            if len(self._times) < len(self.items):
                self._times.append(datetime.now(UTC))
            await asyncio.sleep(0.002)

    def _line(self, at: int, tags: str = "") -> bytes:
        number, time = self.items[at], self._times[at]
        id = f";msgid=m{number}" if self.ids else ""
        head = f"@time={time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03d}Z{id}{tags}"
        return f"{head} :bob!b@far.example PRIVMSG #py :line {number}".encode()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def say(*lines: str | bytes) -> None:
            for line in lines:
                raw = line if isinstance(line, bytes) else line.encode()
                if b"PRIVMSG #py" in raw:
                    self.bodies.append(raw)
                    self._told += 1
                writer.write(raw + b"\r\n")

        speaker: asyncio.Task[None] | None = None
        try:
            async for raw in reader:
                line = raw.decode("utf-8", "replace").strip()
                while self._mode == "mute" and speaker is None:
                    self._idle += 1
                    await asyncio.sleep(0.005)
                    self._idle -= 1
                self.lines.append(line)
                self._answer(line, say)
                if line.startswith("JOIN") and speaker is None:
                    speaker = asyncio.create_task(self._speak(writer, say))
                    self._people.add(speaker)
        except ConnectionError:
            pass  # it was cut, which is what is tested
        finally:
            if speaker is not None:
                speaker.cancel()
            writer.close()

    def _answer(self, line: str, say: Callable[..., None]) -> None:
        word, _, rest = line.partition(" ")
        if line.startswith("CAP LS"):
            say(f":srv CAP * LS :{CAPS}")
        elif line.startswith("CAP REQ"):
            say(f":srv CAP * ACK {rest.partition(' ')[2]}")
        elif line == "AUTHENTICATE PLAIN":
            say("AUTHENTICATE +")
        elif word == "AUTHENTICATE":
            if self._mode == "echo":
                say(f":srv NOTICE ada :{self.heard}", f":srv 904 ada :{rest}, that is {self.heard}, is wrong")
            say(":srv 903 ada :in")
        elif line == "CAP END":
            say(":srv 001 ada :hi", f":srv 005 ada CHATHISTORY={self.page} MSGREFTYPES=timestamp :are known")
        elif word == "JOIN":
            now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            say(f"@time={now} :ada!a@h JOIN #py", ":srv 353 ada = #py :ada bob", ":srv 366 ada #py :end")
        elif word == "CHATHISTORY":
            if self.refusal:
                say(self.refusal)
            else:
                self._tell_history(rest.split(), say)

    def _tell_history(self, words: list[str], say: Callable[..., None]) -> None:
        assert words[:2] == ["AFTER", "#py"]
        assert int(words[3]) <= self.page
        since = datetime.fromisoformat(words[2].removeprefix("timestamp="))
        said = [
            n
            for n, t in enumerate(self._times)
            if t.replace(microsecond=t.microsecond // 1000 * 1000) > since
        ]
        say(":srv BATCH +h chathistory #py")
        say(*(self._line(n, ";batch=h") for n in said[: self.page]))
        say(":srv BATCH -h")

    async def _speak(self, writer: asyncio.StreamWriter, say: Callable[..., None]) -> None:
        """Say each item when it comes, or the fault, once."""
        at, age = len(self._times), 0
        while not writer.is_closing():
            if self._mode:
                if age != self._age:
                    age = self._age
                    await self._misbehave(writer, say)
            elif at < len(self._times):
                say(self._line(at))
                at += 1
                continue
            self._idle += 1
            try:
                await asyncio.sleep(0.005)
            finally:
                self._idle -= 1

    async def _misbehave(self, writer: asyncio.StreamWriter, say: Callable[..., None]) -> None:
        if self._mode == "raw":
            say(self._raw)
        elif self._mode == "cut":
            writer.write(b"@time=2026-05-15T09:00:00.000Z;msgid=half :bob!b@far.example PRIVM")
            writer.close()
        elif self._mode == "flood":
            with suppress(ConnectionError):
                for _ in range(100):
                    writer.write(b"[" * 65_536)
                    await writer.drain()
            say("")
            self.flooded = True
        elif self._mode == "echo":
            back = self.heard
            say(
                f":eve!e@h PRIVMSG ada :{back}",
                f":eve!e@h NOTICE #py :{back}",
                f"{back} \0 :",
                f"ERROR :{back}",
            )
            writer.close()
