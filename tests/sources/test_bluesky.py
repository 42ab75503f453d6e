"""Bluesky against a Jetstream on loopback that cuts, goes blind, clamps, refuses, and talks nonsense."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Self

import aiohttp
import pytest
from aiohttp import web

from rtanalytics.event import Event
from rtanalytics.ingest.runner import Outcome, run_source
from rtanalytics.retry import RetryPolicy
from rtanalytics.sources import SourceTableError, spec_from_table
from rtanalytics.sources.base import Batch, CursorInvalid, Refused, Transient
from rtanalytics.sources.bluesky import BlueskySource, BlueskySpec, BlueskyTimings
from rtanalytics.streams.memory import MemoryStream
from tests.contracts.source import SECRET, Harness, SocketHarness, SourceContract

T0 = 1_783_175_888_000_000
SECOND = 1_000_000
SOON = RetryPolicy(
    first=timedelta(milliseconds=100), cap=timedelta(seconds=1), heartbeat=timedelta(seconds=1)
)
POST = "app.bsky.feed.post"


def post(n: int, text: str = "hello #pycon", did: str = "did:plc:ada", **more: Any) -> dict[str, Any]:
    at = T0 + n * SECOND
    created = datetime.fromtimestamp(at / 1e6, UTC).isoformat()
    commit = {
        "rev": f"3m{n:011d}",
        "operation": "create",
        "collection": POST,
        "rkey": f"r{n}",
        "record": {"text": text, "createdAt": created},
    } | more
    return {"did": did, "time_us": at, "kind": "commit", "commit": commit}


def second(frame: dict[str, Any], seq: int) -> dict[str, Any]:
    """The same, as version 2 says it."""
    time = datetime.fromtimestamp(frame["time_us"] / 1e6, UTC).isoformat().replace("+00:00", "Z")
    kind = frame["kind"]
    body = frame["commit"] if kind == "commit" else {kind: frame[kind]}
    name = f"network.bsky.jetstream.subscribeEvents#{kind}"
    return {
        "$type": "message",
        "payload": {"$type": name, "seq": seq, "did": frame["did"], "time": time, **body},
    }


class Jetstream:
    """Sends its log from the cursor on, then what is added to it."""

    def __init__(self) -> None:
        self.log: list[dict[str, Any] | str] = []
        self.asked: list[dict[str, str]] = []
        self.cut_after: int | None = None
        self.floor = 0
        self.refuse: Callable[[web.Request], web.Response | None] = lambda _: None
        self.sent = 0
        self.port = 0

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/{path:.*}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    def url(self, path: str = "/subscribe") -> str:
        return f"ws://127.0.0.1:{self.port}{path}"

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(dict(request.query))
        if (answer := self.refuse(request)) is not None:
            return answer
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        v2, cursor = "subscribeEvents" in request.path, int(request.query.get("cursor", 0))
        at, sent = (0 if cursor else len(self.log)), 0
        closed = asyncio.ensure_future(ws.receive())
        while not ws.closed and not closed.done():
            if at == len(self.log):
                await asyncio.sleep(0.01)
                continue
            frame = self.log[at]
            at += 1
            if isinstance(frame, dict) and "time_us" in frame:
                place = at if v2 and cursor < 10**15 else frame["time_us"]
                if place < max(cursor, self.floor):
                    continue
                frame = second(frame, at) if v2 else frame
            try:
                await ws.send_str(frame if isinstance(frame, str) else json.dumps(frame))
            except ConnectionError:
                break
            sent += 1
            self.sent += 1
            if self.cut_after is not None and sent >= self.cut_after:
                assert request.transport is not None
                request.transport.abort()
                break
        closed.cancel()
        return ws


def spec(*servers: Jetstream, path: str = "/subscribe", **more: Any) -> BlueskySpec:
    table = {"tags": ["PyCon"], "hosts": [s.url(path) for s in servers]} | more
    found = spec_from_table({"type": "bluesky", "name": "sky", "allow_private": True, **table})
    assert isinstance(found, BlueskySpec)
    return found


class Reader:
    """A source and its cursor, as a runner keeps them."""

    def __init__(
        self, told: BlueskySpec, cursor: bytes | None = None, timings: BlueskyTimings | None = None
    ) -> None:
        self.counts: Counter[str] = Counter()
        self.spec, self.cursor = told, cursor
        self.source = BlueskySource(told, self.counts, timings)
        self.got: list[Event] = []
        self.rejects: list[Any] = []

    async def poll(self) -> Batch:
        try:
            batch = await asyncio.wait_for(self.source.poll(self.cursor), 20)
        except Transient:
            self.counts["transient"] += 1
            return Batch()
        self.cursor = self.cursor if batch.cursor is None else batch.cursor
        self.got += batch.events
        self.rejects += batch.rejects
        return batch

    async def until(self, done: Callable[[], object], polls: int = 200) -> None:
        for _ in range(polls):
            if done():
                return
            await self.poll()
        raise AssertionError((self.counts, self.got))

    @property
    def texts(self) -> list[str | None]:
        return [e.text for e in self.got if e.type != "gap" and e.op != "delete"]


def play(story: Callable[[Jetstream, Jetstream], Awaitable[None]]) -> None:
    async def run() -> None:
        async with Jetstream() as one, Jetstream() as other:
            await story(one, other)

    asyncio.run(asyncio.wait_for(run(), 100))


async def connected(reader: Reader, server: Jetstream) -> None:
    poll = asyncio.ensure_future(reader.poll())
    async with asyncio.timeout(20):
        while not server.asked:
            await asyncio.sleep(0.01)
    await poll


@pytest.mark.parametrize("path", ["/subscribe", "/xrpc/network.bsky.jetstream.subscribeEvents"])
def test_what_is_wanted_is_told_once_over_cuts(path: str) -> None:
    """A server that cuts after every seventh frame: each wanted post is in the stream once, no other."""

    async def story(server: Jetstream, _: Jetstream) -> None:
        stream, stop = MemoryStream(f"sky-{path[1]}"), asyncio.Event()
        run = asyncio.create_task(run_source(spec(server, path=path), stream, stop=stop, retry_policy=SOON))
        try:
            async with asyncio.timeout(60):
                while not server.asked:
                    await asyncio.sleep(0.01)
                server.cut_after = 7
                for n in range(60):
                    server.log.append(post(n, f"{n} #PyCon" if n % 3 == 0 else f"{n} something else"))
                wanted = {f"{n} #PyCon" for n in range(0, 60, 3)}
                found: list[Event] = []
                while {e.text for e in found} < wanted:
                    assert not run.done(), run
                    # each connection goes ten seconds back, which seven frames do not get over
                    server.cut_after = min(60, (server.cut_after or 7) + 1)
                    await asyncio.sleep(0.05)
                    found = [d.event for d in stream.snapshot(1_000).deliveries]
            assert sorted(e.text or "" for e in found) == sorted(wanted)
            assert len(server.asked) > 1
        finally:
            stop.set()
            assert await asyncio.wait_for(run, 20) is Outcome.STOPPED
            stream.delete()

    play(story)


def test_the_same_cursor_gives_the_same_again_also_in_another_process() -> None:
    """What was polled and not stored comes again."""

    async def story(server: Jetstream, _: Jetstream) -> None:
        reader = Reader(spec(server))
        await connected(reader, server)
        server.log += [post(1)]
        await reader.until(lambda: reader.got)
        cursor = reader.cursor
        server.log += [post(2, "two #pycon"), post(3, "three #pycon")]
        await reader.until(lambda: len(reader.got) == 3)
        again = Reader(spec(server), cursor)
        await again.until(lambda: len(again.got) == 2)
        reader.cursor, reader.got = cursor, []
        await reader.until(lambda: len(reader.got) == 2)
        for one in (again, reader):
            assert [(e.text, e.rev) for e in one.got] == [(e.text, e.rev) for e in again.got]
        assert again.texts == ["two #pycon", "three #pycon"]
        await reader.source.close()
        await again.source.close()

    play(story)


def test_edits_deletes_and_closed_accounts_reach_what_was_told_only() -> None:
    """A delete of a post that we never told is counted, not told."""

    async def story(server: Jetstream, _: Jetstream) -> None:
        reader = Reader(spec(server, words=["keynote talk"]))
        await connected(reader, server)
        server.log += [
            post(1, "one #pycon"),
            post(2, "the Keynote  Talk!"),
            post(3, "keynotes talk"),
            post(4),
        ]
        await reader.until(lambda: len(reader.got) == 3)
        edited = post(5, "one, edited", rkey="r1", operation="update")
        gone = {
            "did": "did:plc:ada",
            "time_us": T0 + 8 * SECOND,
            "kind": "account",
            "account": {"active": False},
        }
        server.log += [
            edited,
            post(6, rkey="r2", operation="delete"),
            post(7, rkey="r3", operation="delete"),
        ]
        await reader.until(lambda: len(reader.got) == 5)
        server.log.append(gone)
        await reader.until(lambda: len(reader.got) == 7)
        assert [(e.op, e.id[-2:]) for e in reader.got[3:5]] == [("create", "r1"), ("delete", "r2")]
        assert reader.got[3].text == "one, edited"
        assert reader.got[3].edited_at is not None
        assert {(e.op, e.id[-2:]) for e in reader.got[5:]} == {("delete", "r1"), ("delete", "r4")}
        assert reader.counts["deletes_of_unknown"] == 1
        await reader.source.close()

    play(story)


def test_a_host_that_goes_blind_is_left_and_nothing_is_lost() -> None:
    """It sends what is no post, for longer than posts are expected: the other one has what we missed."""

    async def story(blind: Jetstream, good: Jetstream) -> None:
        reader = Reader(spec(blind, good, expected_every="3s"))
        await connected(reader, blind)
        blind.log += [post(1)]
        await reader.until(lambda: reader.got)
        good.log += [post(1), post(2, "two #pycon")]
        blind.log += [
            {"did": "did:plc:x", "time_us": T0 + n * SECOND, "kind": "identity", "identity": {}}
            for n in range(100, 130)
        ]
        await reader.until(lambda: len(reader.got) == 2)
        assert reader.texts == ["hello #pycon", "two #pycon"]
        assert reader.counts["blind"] == 1
        assert int(good.asked[0]["cursor"]) <= T0 + SECOND  # from the last post, not from the last frame
        await reader.source.close()

    play(story)


def test_a_server_that_says_nothing_is_not_heard() -> None:
    """A poll tells whether anything came, wanted or not; after a blind server only a new post counts."""

    async def story(server: Jetstream, _: Jetstream) -> None:
        timings = BlueskyTimings(first=timedelta(seconds=0.1))
        reader = Reader(spec(server, expected_every="1s"), timings=timings)
        await connected(reader, server)
        assert not (await reader.poll()).heard
        server.log += [post(1, "nothing that is wanted")]
        assert (await reader.poll()).heard
        await reader.until(lambda: reader.counts["blind"])
        assert not (await reader.poll()).heard  # connected anew, and as silent as before
        server.log += [post(2, "nothing that is wanted")]
        assert (await reader.poll()).heard
        await reader.source.close()

    play(story)


def test_a_clamped_cursor_is_told_as_a_gap() -> None:
    """A server that silently begins later than it was asked to has lost what was before."""

    async def story(server: Jetstream, _: Jetstream) -> None:
        reader = Reader(spec(server))
        await connected(reader, server)
        server.log += [post(1)]
        await reader.until(lambda: reader.got)
        await reader.source.close()
        server.floor = T0 + 1_000 * SECOND
        server.log += [post(500), post(1_000, "later #pycon")]
        after = Reader(spec(server), reader.cursor)
        await after.until(lambda: after.texts)
        assert [e.type for e in after.got] == ["gap", "post"]
        assert after.got[0].id == f"bluesky:sky:gap/{T0 + SECOND}"
        await after.source.close()

    play(story)


def test_a_cursor_that_is_too_old_is_given_up_step_by_step() -> None:
    """Version 2 refuses it with 400: by its time then, and at last from now on with a gap."""

    async def story(server: Jetstream, _: Jetstream) -> None:
        path = "/xrpc/network.bsky.jetstream.subscribeEvents"
        reader = Reader(spec(server, path=path))
        await connected(reader, server)
        server.log += [post(1)]
        await reader.until(lambda: reader.got)
        await reader.source.close()
        server.asked.clear()
        server.refuse = lambda request: web.Response(status=400) if "cursor" in request.query else None
        after = Reader(spec(server, path=path), reader.cursor)
        task = asyncio.ensure_future(after.until(lambda: after.texts))
        async with asyncio.timeout(20):
            while len(server.asked) < 3:
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        server.log.append(post(9, "nine #pycon"))
        await asyncio.wait_for(task, 20)
        assert [e.type for e in after.got] == ["gap", "post"]
        asked = [a.get("cursor") for a in server.asked]
        assert asked[0] == "1"
        assert asked[1] is not None
        assert int(asked[1]) > 10**15
        assert asked[2] is None
        await after.source.close()

    play(story)


def test_after_a_long_silence_it_goes_on() -> None:
    """Nothing is said for longer than a cursor waits to be stored; then somebody says something."""

    async def story(server: Jetstream, _: Jetstream) -> None:
        timings = BlueskyTimings(first=timedelta(seconds=0.05), store_every=timedelta(0))
        reader = Reader(spec(server), timings=timings)
        await connected(reader, server)
        server.log.append(post(1))
        await reader.until(lambda: len(reader.texts) == 1)
        for _ in range(5):
            await reader.poll()
        server.log.append(post(2))
        await reader.until(lambda: len(reader.texts) == 2)

    play(story)


def test_garbage_is_a_dead_letter_and_the_rest_is_told() -> None:
    """Frames that are none, broken ones, and ones with members of another kind."""

    async def story(server: Jetstream, _: Jetstream) -> None:
        reader = Reader(spec(server))
        await connected(reader, server)
        server.log += ["", "null", "{", "[1]", '{"kind": 3}', '{"did": {}, "time_us": "x", "kind": "commit"}']
        server.log += [
            {**post(1), "commit": {**post(1)["commit"], "record": "#pycon"}},
            post(2, "two #pycon"),
        ]
        await reader.until(lambda: reader.texts)
        assert reader.texts == ["two #pycon"]
        assert len(reader.rejects) >= 6
        assert all(r.reason for r in reader.rejects)
        await reader.source.close()

    play(story)


def test_it_goes_nowhere_that_was_not_written_down() -> None:
    """Neither to a private address nor where a redirect leads."""

    async def story(server: Jetstream, other: Jetstream) -> None:
        careful = BlueskySource(spec(server, allow_private=False), Counter())
        with pytest.raises(Refused, match="allow_private"):
            await careful.poll(None)
        await careful.close()
        server.refuse = lambda _: web.Response(
            status=302, headers={"Location": other.url().replace("ws", "http")}
        )
        led = BlueskySource(spec(server), Counter())
        with pytest.raises(Refused, match="redirects"):
            await led.poll(None)
        await led.close()
        assert not other.asked

    play(story)


@pytest.mark.parametrize("cursor", [b"", b"{", b"[]", b'{"v": 99}', b'{"v": "x"}', b"\xff"])
def test_a_cursor_of_something_else_is_refused(cursor: bytes) -> None:
    """Whoever stores cursors then begins without one."""

    async def story(server: Jetstream, _: Jetstream) -> None:
        source = BlueskySource(spec(server), Counter())
        with pytest.raises(CursorInvalid):
            await source.poll(cursor)
        await source.close()

    play(story)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({}, "tags, words or dids"),
        ({"tags": ["x"]}, "2 to 100"),
        ({"dids": ["ada"]}, "did:plc"),
        ({"tags": ["pycon"], "hosts": ["https://x.example"]}, "wss://"),
    ],
)
def test_a_table_that_cannot_be_says_what_to_write(table: dict[str, Any], words: str) -> None:
    """The message names the key."""
    with pytest.raises(SourceTableError, match=words):
        spec_from_table({"type": "bluesky", "name": "sky", **table})


def test_aiohttp_takes_up_a_wait_that_was_cancelled() -> None:
    """The source waits with a time limit; a frame that comes later must not be lost by that."""

    async def story(server: Jetstream, _: Jetstream) -> None:
        async with aiohttp.ClientSession() as session, session.ws_connect(server.url()) as ws:
            for _ in range(3):
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.05):
                        await ws.receive()
            server.log.append(post(1))
            assert json.loads((await asyncio.wait_for(ws.receive(), 5)).data)["did"] == "did:plc:ada"

    play(story)


class Sky(SocketHarness):
    """A Jetstream: without a cursor it says what is new, with one what it has from there on."""

    kind = "bluesky"
    from_now = True
    asks = False
    small: ClassVar[dict[str, Any]] = {"max_frame": 1_000_000}
    path = "/subscribe"

    def table(self, url: str) -> dict[str, Any]:
        hosts = [url.replace("http", "ws", 1) + self.path]
        return {"tags": ["pycon"], "hosts": hosts, "allow_private": True}

    secret_table = table

    def streamed(self, request: web.Request) -> bool:
        return request.path == self.path

    def place(self, request: web.Request, items: list[int]) -> int:
        cursor = int(request.query.get("cursor", 0))
        return sum(T0 + n * SECOND < cursor for n in items) if cursor else len(items)

    def said(self, number: int) -> str:
        return json.dumps(post(number, f"item {number} #pycon"))

    def number(self, event: Event) -> int | None:
        return int((event.text or "").split()[1])


class Sky2(Sky):
    """The same in version 2, whose cursor is a number."""

    path = "/xrpc/network.bsky.jetstream.subscribeEvents"

    def place(self, request: web.Request, items: list[int]) -> int:
        cursor = int(request.query.get("cursor", 0))
        return sum(n < cursor for n in items) if 0 < cursor < 10**15 else super().place(request, items)

    def said(self, number: int) -> str:
        return json.dumps(second(post(number, f"item {number} #pycon"), number))


class OfJetstreams(SourceContract):
    def test_secrets_show_nowhere(self, harness: Harness) -> None:
        """It takes none: an address with a password in it is refused, and not shown."""
        table = {"type": "bluesky", "name": "sky", "tags": ["pycon"]}
        with pytest.raises(SourceTableError, match="hosts: .* is not an address") as refused:
            spec_from_table({**table, "hosts": [f"wss://ada:{SECRET}@sky.example/subscribe"]})
        assert SECRET not in str(refused.value)


class TestContract(OfJetstreams):
    harness_class = Sky


class TestContractOfVersion2(OfJetstreams):
    harness_class = Sky2
