"""What plays the outside for :mod:`tests.contracts.source`: over HTTP, over WebSockets, or over anything.

A service has items, which are numbers from 1, and gives them to whoever asks in the way of its kind. A
test breaks it in the usual ways (:meth:`Service.garble` and the like) and mends it again.
"""

from __future__ import annotations

import asyncio
import struct
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

from aiohttp import web

from tests.sources.server import FeedServer

if TYPE_CHECKING:
    from tests.contracts.source import Harness, SocketHarness

__all__ = ["Outside", "Service", "Sockets"]


class Service(ABC):
    """Somebody outside, who can be broken and mended.

    Attributes
    ----------
    items : list of int
        What there is to be read, oldest first; tests add to it.
    bodies : list of bytes
        What has been said about items.
    """

    items: list[int]
    bodies: list[bytes]

    @property
    @abstractmethod
    def asked(self) -> int:
        """How often something was asked for, or told to somebody who listens."""

    @property
    @abstractmethod
    def heard(self) -> str:
        """All that was sent to it."""

    @property
    @abstractmethod
    def idle(self) -> bool:
        """Is there somebody who waits for it to say something?"""

    @abstractmethod
    async def __aenter__(self) -> Self: ...

    @abstractmethod
    async def __aexit__(self, *_: object) -> None: ...

    @abstractmethod
    def url(self, path: str = "") -> str:
        """Where it is."""

    @abstractmethod
    def garble(self, raw: bytes) -> None:
        """Say this instead of items."""

    @abstractmethod
    def flood(self) -> None:
        """Say something that has no end, or is far too long."""

    @abstractmethod
    def cut(self) -> None:
        """Break off in the middle of what there is to say."""

    @abstractmethod
    def mute(self) -> None:
        """Say nothing, but let people wait."""

    @abstractmethod
    def echo(self) -> None:
        """Say back what was sent, in refusals and in answers."""

    @abstractmethod
    def recover(self) -> None:
        """Be well again."""


class Outside(FeedServer, Service):
    """A service over HTTP, with a fault if it is given one.

    Parameters
    ----------
    harness : Harness
        Says how it answers.
    """

    def __init__(self, harness: Harness) -> None:
        super().__init__()
        self.items = []
        self.bodies = []
        self.fault: Callable[[web.Request], Awaitable[web.StreamResponse]] | None = None
        self._harness = harness
        self._waiting = 0

    @property
    def asked(self) -> int:
        return len(self.requests)

    @property
    def heard(self) -> str:
        return "".join(f"{r.raw_path} {r.raw_headers!r}" for r in self.requests)

    @property
    def idle(self) -> bool:
        return self._waiting > 0

    def fail(self, status: int = 500, content: bytes = b"", /, **headers: str) -> None:
        """Answer everything so; headers are written with underscores."""
        told = {name.replace("_", "-"): value for name, value in headers.items()}

        async def answer(_: web.Request) -> web.Response:
            return web.Response(status=status, body=content, headers=told)

        self.fault = answer

    def garble(self, raw: bytes) -> None:
        self.fail(200, raw, Content_Type="application/json")

    def flood(self) -> None:
        async def flood(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse(headers={"Content-Type": "application/json"})
            await response.prepare(request)
            try:
                while True:
                    await response.write(b"[" + b" " * 65_536)
            except ConnectionError:
                return response

        self.fault = flood

    def cut(self) -> None:
        async def cut(request: web.Request) -> web.StreamResponse:
            whole = await self._harness.answer(request, list(self.items))
            assert isinstance(whole, web.Response)
            assert isinstance(whole.body, bytes)
            headers = {"Content-Length": str(len(whole.body)), "Content-Type": whole.content_type}
            response = web.StreamResponse(headers=headers)
            await response.prepare(request)
            await response.write(whole.body[: len(whole.body) // 2])
            assert request.transport is not None
            request.transport.close()
            return response

        self.fault = cut

    def mute(self) -> None:
        forever = asyncio.Event()

        async def silent(_: web.Request) -> web.Response:
            self._waiting += 1
            try:
                await forever.wait()
            finally:
                self._waiting -= 1
            return web.Response()

        self.fault = silent

    def echo(self) -> None:
        statuses = iter((200, 401, 403, 404, 500))

        async def echo(request: web.Request) -> web.Response:
            said = f"<html>{request.raw_path} {request.raw_headers!r}"
            return web.Response(status=next(statuses, 301), text=said, headers={"Location": request.raw_path})

        self.fault = echo

    def recover(self) -> None:
        self.fault = None

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        if self.fault is not None:
            return await self.fault(request)
        answer = await self._harness.answer(request, list(self.items))
        if isinstance(answer, web.Response) and isinstance(answer.body, bytes):
            self.bodies.append(answer.body)
        return answer


class Sockets(Outside):
    """A service over WebSockets, whose plain requests its harness answers.

    Parameters
    ----------
    harness : SocketHarness
        Says from where on a listener is told items, and how.
    """

    _harness: SocketHarness

    def __init__(self, harness: SocketHarness) -> None:
        super().__init__(harness)
        self._told = 0
        self._instead: Callable[[web.Request, web.WebSocketResponse], Awaitable[None]] | None = None
        self._refuse: Callable[[web.Request], web.Response | None] = lambda _: None
        self._age = 0

    @property
    def asked(self) -> int:
        return len(self.requests) + self._told

    def garble(self, raw: bytes) -> None:
        async def say(_: web.Request, ws: web.WebSocketResponse) -> None:
            await ws.send_str(raw.decode("utf-8", "replace"))

        self._break(say)

    def flood(self) -> None:
        async def say(_: web.Request, ws: web.WebSocketResponse) -> None:
            await ws.send_str("[" + " " * 8_000_000)

        self._break(say)

    def cut(self) -> None:
        async def break_off(request: web.Request, _: web.WebSocketResponse) -> None:
            whole = self._harness.said(self.items[-1]).encode()
            assert request.transport is not None
            request.transport.write(b"\x81\x7e" + struct.pack("!H", len(whole)) + whole[: len(whole) // 2])
            request.transport.close()

        self._break(break_off)

    def mute(self) -> None:
        async def nothing(_: web.Request, __: web.WebSocketResponse) -> None:
            return

        self._break(nothing)

    def echo(self) -> None:
        statuses = iter((401, 403, 404, 500))

        async def say(request: web.Request, ws: web.WebSocketResponse) -> None:
            back = f"{request.raw_path} {request.raw_headers!r}"
            for text in (back, f'{{"error": {back!r}}}'.replace("'", '"')):
                await ws.send_str(text)
            await ws.close(message=back.encode()[:120])

        def refuse(request: web.Request) -> web.Response | None:
            status = next(statuses, None)
            back = f"{request.raw_path} {request.raw_headers!r}"
            return status and web.Response(status=status, text=back, headers={"Location": back[:900]})

        self._break(say)
        self._refuse = refuse

    def recover(self) -> None:
        super().recover()
        self._instead, self._refuse = None, lambda _: None

    def _break(self, instead: Callable[[web.Request, web.WebSocketResponse], Awaitable[None]]) -> None:
        self._instead = instead
        self._age += 1  # each listener is told once

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if not self._harness.streamed(request):
            return await super()._answer(request)
        self.requests.append(request)
        if (refusal := self._refuse(request)) is not None:
            return refusal
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        at, age = self._harness.place(request, list(self.items)), 0
        ended: asyncio.Future[Any] = asyncio.ensure_future(_end(ws))
        with suppress(ConnectionError):
            while not (ended.done() or ws.closed):
                if self._instead is not None:
                    if age != self._age:
                        age = self._age
                        await self._instead(request, ws)
                elif at < len(self.items):
                    text = self._harness.said(self.items[at])
                    at += 1
                    await ws.send_str(text)
                    self.bodies.append(text.encode())
                    self._told += 1
                    continue
                self._waiting += 1
                await asyncio.sleep(0.005)
                self._waiting -= 1
        ended.cancel()
        return ws


async def _end(ws: web.WebSocketResponse) -> None:
    """Read on, which answers pings, until the other side has gone."""
    async for _ in ws:
        pass
