"""X on loopback: rules, a filtered stream and a recent search, which count what they deliver."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from tests.sources.server import FeedServer

SEARCH, STREAM, RULES = (f"/2/tweets/search/{name}" for name in ("recent", "stream", "stream/rules"))
EPOCH = 1288834974657
POST, USER = 5_000, 10_000
"""Millionths of a dollar."""

ADA = {"id": "1234567890123456789", "name": "Ada Lovelace", "username": "ada"}


def post(n: int, at: datetime | None = None) -> dict[str, Any]:
    """What somebody says, now if no time is given; ``n`` makes its number differ."""
    at = at or datetime.now(UTC)
    native = str((int(at.timestamp() * 1000) - EPOCH << 22) + n)
    return {
        "id": native,
        "text": f"post {n}",
        "created_at": f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z",
        "author_id": ADA["id"],
        "conversation_id": native,
        "edit_history_tweet_ids": [native],
        "lang": "en",
        "possibly_sensitive": False,
    }


class XServer(FeedServer):
    """What is said is kept for the search and sent to all who listen; rules are those of an account.

    ``late`` is how long the search does not know a post. ``spent`` is what was delivered, by day, as far as
    it left the server.
    """

    def __init__(self) -> None:
        super().__init__()
        self.rules: list[dict[str, str]] = []
        self.posts: list[tuple[float, dict[str, Any]]] = []
        self.listeners: list[asyncio.Queue[bytes | None]] = []
        self.late = 0.0
        self.spent = 0
        self.keepalive = 0.1
        self.refuse: Callable[[web.Request], Awaitable[web.Response | None]] | None = None
        self._rule = 1234567890123456000
        self.handle(SEARCH, self._search)
        self.handle(STREAM, self._stream)
        self.handle(RULES, self._rules)

    @property
    def ours(self) -> list[dict[str, str]]:
        return [rule for rule in self.rules if rule.get("tag", "").startswith("rtanalytics:")]

    def asked(self, path: str) -> list[web.Request]:
        return [r for r in self.requests if r.path == path]

    def say(self, told: dict[str, Any], *, rules: list[dict[str, str]] | None = None) -> None:
        """A post that matches our rule, or others; only what is ours can be searched for."""
        if rules is None:
            self.posts.append((asyncio.get_running_loop().time(), told))
        self.send(self.line(told, rules))

    def line(self, told: dict[str, Any], rules: list[dict[str, str]] | None = None) -> bytes:
        matched = self.ours if rules is None else rules
        return json.dumps(
            {
                "data": told,
                "includes": {"users": [ADA]},
                "matching_rules": [{"id": r["id"], "tag": r.get("tag", "")} for r in matched],
            }
        ).encode()

    def send(self, line: bytes | None) -> None:
        """A line to all who listen; None ends the answer, and ``b"cut:..."`` cuts it within a line."""
        for mine in list(self.listeners):
            mine.put_nowait(line)

    async def _refused(self, request: web.Request) -> web.Response | None:
        return None if self.refuse is None else await self.refuse(request)

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        if (refused := await self._refused(request)) is not None:
            return refused
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        transport = request.transport
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2_048)
        transport.set_write_buffer_limits(0)
        mine: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.listeners.append(mine)
        try:
            await response.write(b"\r\n")
            while True:
                try:
                    async with asyncio.timeout(self.keepalive):
                        line = await mine.get()
                except TimeoutError:
                    await self._written(response, transport, b"")
                    continue
                if line is None:
                    return response
                if line.startswith(b"cut:"):
                    await response.write(line[4:])
                    transport.close()
                    return response
                await self._written(response, transport, line)
                if b'"data"' in line:
                    self.spent += POST + USER
        except ConnectionError:
            return response  # whoever listened has gone
        finally:
            self.listeners.remove(mine)

    async def _written(self, response: web.StreamResponse, transport: Any, line: bytes) -> None:
        """Until it has left: what waits here for a reader is not delivered."""
        await response.write(line + b"\r\n")
        while transport.get_write_buffer_size():
            if transport.is_closing():
                raise ConnectionError("gone")
            await asyncio.sleep(0.001)

    async def _search(self, request: web.Request) -> web.Response:
        if (refused := await self._refused(request)) is not None:
            return refused
        since, many = int(request.query.get("since_id", 0)), int(request.query["max_results"])
        until = int(request.query.get("next_token", 10**30))
        known = asyncio.get_running_loop().time() - self.late
        found = [told for at, told in self.posts if at <= known and since < int(told["id"]) < until]
        found.sort(key=lambda told: -int(told["id"]))
        page, rest = found[:many], found[many:]
        users = [ADA] if page else []
        self.spent += len(page) * POST + len(users) * USER
        more = {"next_token": page[-1]["id"]} if rest else {}
        return web.json_response(
            {"data": page, "includes": {"users": users}, "meta": more} if page else {"meta": {}}
        )

    async def _rules(self, request: web.Request) -> web.Response:
        if (refused := await self._refused(request)) is not None:
            return refused
        if request.method == "GET":
            return web.json_response({"data": self.rules, "meta": {}} if self.rules else {"meta": {}})
        told = await request.json()
        gone = told.get("delete", {}).get("ids", [])
        self.rules = [rule for rule in self.rules if rule["id"] not in gone]
        added, errors = [], []
        for rule in told.get("add", []):
            same = next((r for r in self.rules if r["value"] == rule["value"]), None)
            if same is not None:
                errors.append({"title": "DuplicateRule", "id": same["id"], "value": rule["value"]})
                continue
            self._rule += 1
            added.append({**rule, "id": str(self._rule)})
        self.rules += added
        answer = {"meta": {}} | ({"data": added} if added else {}) | ({"errors": errors} if errors else {})
        return web.json_response(answer, status=201)


async def condition(met: Callable[[], bool], seconds: float = 40) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(seconds):
        while not met():
            await asyncio.sleep(0.005)


def long_ago(**ago: float) -> datetime:
    return datetime.now(UTC) - timedelta(**ago)
