"""A real HTTP server on loopback that serves feeds, well and badly."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Self

from aiohttp import web

from rtanalytics.sources.feeds import FeedSpec

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class FeedServer:
    """Serves what it is told to, and remembers what it was asked.

    ``serve`` answers with a body; an ``etag`` or ``modified`` makes it answer 304 to who has that.
    ``handle`` takes a function. It can be stopped and started again on its port.
    """

    def __init__(self) -> None:
        self.requests: list[web.Request] = []
        self.port = 0
        self._handlers: dict[str, Handler] = {}
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = site._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        await self._runner.cleanup()

    def url(self, path: str = "/feed", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    def spec(self, path: str = "/feed", **fields: Any) -> FeedSpec:
        """A feed of this server, whose ids do not depend on its port."""
        fields = {"name": "blog", "key": "blog.example", "allow_private": True, **fields}
        return FeedSpec(url=self.url(path), **fields)

    def handle(self, path: str, handler: Handler) -> None:
        self._handlers[path] = handler

    def serve(
        self,
        path: str,
        body: bytes,
        *,
        etag: str | None = None,
        modified: str | None = None,
        status: int = 200,
        **headers: str,
    ) -> None:
        """``headers`` are written with underscores: ``Retry_After="3"``."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        sent.setdefault("Content-Type", "application/rss+xml")
        validators = {"ETag": etag, "Last-Modified": modified}
        sent |= {name: value for name, value in validators.items() if value is not None}

        async def answer(request: web.Request) -> web.Response:
            asked = request.headers.get("If-None-Match"), request.headers.get("If-Modified-Since")
            if status == 200 and asked != (None, None) and asked == (etag, modified):
                return web.Response(
                    status=304, headers={n: v for n, v in sent.items() if n != "Content-Type"}
                )
            return web.Response(status=status, body=body, headers=sent)

        self._handlers[path] = answer

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        handler = self._handlers.get(request.path)
        if handler is None:
            return web.Response(status=404)
        return await handler(request)


def rss(*items: str, head: str = "") -> bytes:
    """An RSS document of ready-made items."""
    text = f"<rss version='2.0'><channel><title>Blog</title>{head}{''.join(items)}</channel></rss>"
    return text.encode()


def item(guid: str, title: str = "", *, day: int = 1, more: str = "") -> str:
    """An item said on a day of May 2026."""
    when = f"{datetime(2026, 5, day, 9, tzinfo=UTC):%a, %d %b %Y %H:%M:%S +0000}"
    return f"<item><guid>{guid}</guid><title>{title or guid}</title><pubDate>{when}</pubDate>{more}</item>"


async def endless(request: web.Request, chunk: bytes, size: int | None = None) -> web.StreamResponse:
    """A body of ``size`` bytes (without an end if None), made while it is sent."""
    response = web.StreamResponse(headers={"Content-Type": "application/rss+xml"})
    await response.prepare(request)
    sent = 0
    try:
        while size is None or sent < size:
            await response.write(chunk)
            sent += len(chunk)
            await asyncio.sleep(0)
        await response.write_eof()
    except ConnectionError:
        return response  # the client has had enough, which is what is tested
    return response
