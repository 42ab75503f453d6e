"""An answer without an end, read line by line from a real server."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web

from rtanalytics.sources.base import AuthFailed, RateLimited, Refused, TooLarge, Transient
from rtanalytics.sources.http import HttpClient
from tests.sources.server import FeedServer, endless

Story = Callable[[FeedServer, HttpClient], Awaitable[Any]]


def told(story: Story, **client: Any) -> Any:
    async def run():
        async with FeedServer() as server:
            http = HttpClient(**{"trusted": ["127.0.0.1"], "counts": Counter(), **client})
            try:
                return await story(server, http)
            finally:
                await http.close()

    return asyncio.run(run())


def talk(server: FeedServer, *chunks: bytes, cut: bool = False, length: int | None = None) -> asyncio.Event:
    """Send chunks one after another; end, or break off, when the event is set."""
    done = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={} if length is None else {"Content-Length": str(length)})
        await response.prepare(request)
        for chunk in chunks:
            await response.write(chunk)
            await asyncio.sleep(0.01)
        await done.wait()
        if cut:
            request.transport.close()
        return response

    server.handle("/feed", answer)
    return done


def test_lines_come_as_they_are_sent_whatever_the_pieces():
    """Empty ones too, ended in either way; None at the end, where nothing is left unread."""

    async def story(server, http):
        done = talk(server, b"one\r\ntw", b"o\n", b"\r\n", b"th", b"re", b"e\n\nfour\n")
        lines = await http.lines(server.url())
        found = [await asyncio.wait_for(lines.next(), 5) for _ in range(6)]
        done.set()
        assert found == [b"one", b"two", b"", b"three", b"", b"four"]
        assert (await lines.next(), lines.unread) == (None, 0)
        assert server.requests[0].headers["Accept-Encoding"] == "identity"

    told(story)


def test_a_call_that_is_cancelled_loses_nothing():
    """Half of a line stays until the other half has come."""

    async def story(server, http):
        more = asyncio.Event()

        async def answer(request):
            response = web.StreamResponse()
            await response.prepare(request)
            await response.write(b"be")
            await more.wait()
            await response.write(b"gun\n")
            return response

        server.handle("/feed", answer)
        lines = await http.lines(server.url())
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(lines.next(), 0.1)
        more.set()
        assert await asyncio.wait_for(lines.next(), 5) == b"begun"

    told(story)


@pytest.mark.parametrize(("cut", "length"), [(False, None), (True, None), (True, 1_000)])
def test_an_end_within_a_line_is_told_with_what_was_left(cut, length):
    """However the server ends it; lines before it are whole."""

    async def story(server, http):
        done = talk(server, b"whole\nha", b"lf", cut=cut, length=length)
        lines = await http.lines(server.url())
        assert await lines.next() == b"whole"
        done.set()
        with pytest.raises(Transient, match="cut off"):
            await asyncio.wait_for(lines.next(), 5)
        assert lines.unread == 4

    told(story)


def test_a_connection_that_is_reset_says_that_nobody_knows():
    """What was on its way is lost."""

    async def story(server, http):
        async def answer(request):
            response = web.StreamResponse()
            await response.prepare(request)
            await response.write(b"one\n")
            await asyncio.sleep(0.1)
            linger = b"\x01\0\0\0\0\0\0\0"
            request.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            request.transport.abort()
            return response

        server.handle("/feed", answer)
        lines = await http.lines(server.url())
        assert await lines.next() == b"one"
        with pytest.raises(Transient, match="cut off"):
            await asyncio.wait_for(lines.next(), 5)
        assert lines.unread is None

    told(story)


@pytest.mark.parametrize("chunk", [b"x" * 1_000, b"short\n" + b"x" * 30_000 + b"\n"])
def test_a_line_that_is_too_long_is_refused_before_it_has_come(chunk):
    """Whether or not its end is there."""

    async def story(server, http):
        server.handle("/feed", lambda request: endless(request, chunk))
        lines = await http.lines(server.url(), max_bytes=20_000)
        while True:
            try:
                assert await asyncio.wait_for(lines.next(), 5) == b"short"
            except TooLarge as error:
                refused = error
                break
        assert "a line of more than 20,000 bytes" in str(refused)
        assert len(refused.raw) < 40_000
        lines.close()

    told(story)


def test_who_is_not_read_is_held_up():
    """Little is on its way: whoever pays for what is sent must know how much that can be."""

    async def story(server, http):
        left = 0

        async def answer(request):
            nonlocal left
            response = web.StreamResponse()
            await response.prepare(request)
            transport = request.transport
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2_048)
            transport.set_write_buffer_limits(0)
            while not transport.is_closing():
                await response.write(b"x" * 99 + b"\n")
                while transport.get_write_buffer_size() and not transport.is_closing():
                    await asyncio.sleep(0.001)
                left += 100
            return response

        server.handle("/feed", answer)
        lines = await http.lines(server.url())
        before = -1
        while before < left:  # until nothing moves any more
            before = left
            await asyncio.sleep(0.3)
        assert 0 < left < 16_000  # the server's own 4 kB among them
        for _ in range(before // 100 + 100):
            assert len(await asyncio.wait_for(lines.next(), 5)) == 99
        lines.close()

    told(story)


@pytest.mark.parametrize(
    ("status", "headers", "error"),
    [
        (401, {}, AuthFailed),
        (429, {"Retry_After": "60"}, RateLimited),
        (503, {}, Transient),
        (302, {"Location": "http://127.0.0.1/"}, Refused),
        (200, {"Content_Encoding": "identity"}, None),
    ],
)
def test_what_is_no_answer_is_told_as_what_it_is(status, headers, error):
    """It is not redirected, either; the address is told without its query."""

    async def story(server, http):
        server.serve("/feed", b"no", status=status, **headers)
        if error is None:
            await http.lines(server.url())
            return
        with pytest.raises(error) as refused:
            await http.lines(server.url("/feed?page=2"), headers={"Authorization": "Bearer x"})
        assert "/feed: " in str(refused.value)
        assert len(server.requests) == 1

    told(story)


def test_who_does_not_begin_to_answer_is_not_waited_for():
    """And nobody goes to a private address that is not meant."""

    async def story(server, http):
        server.handle("/feed", lambda _: asyncio.sleep(60))
        with pytest.raises(Transient, match=r"no response within 0\.1 s"):
            await http.lines(server.url(), timeout=timedelta(seconds=0.1))
        strict = HttpClient(Counter())
        with pytest.raises(Refused, match="allow_private"):
            await strict.lines(server.url())
        await strict.close()

    told(story)


def test_json_is_posted_and_what_was_created_is_an_answer():
    """As services take orders; an order is not redirected."""

    async def story(server, http):
        async def answer(request):
            assert (request.method, await request.json()) == ("POST", {"add": [1]})
            return web.Response(status=201, text="made")

        server.handle("/feed", answer)
        assert (await http.get(server.url(), json={"add": [1]})).body == b"made"
        server.serve("/feed", b"", status=307, Location="/other")
        with pytest.raises(Transient, match="redirect|307"):
            await http.get(server.url(), json={"add": [1]})

    told(story)
