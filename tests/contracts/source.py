"""What every source must do; subclass :class:`SourceContract` and give it a ``harness``.

A :class:`Harness` plays the service that the source reads: it says which table describes the
source, and answers requests as the service would if it had certain items. An item is a number,
from 1; the suite puts them there, breaks the service in all the usual ways, and looks at what the
source makes of it. A kind that speaks no HTTP overrides what is about HTTP with tests of its own.

    class TestNotes(SourceContract):
        @pytest.fixture
        def harness(self):
            return NotesHarness()
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any, ClassVar

import psutil
import pytest
from aiohttp import web

from rtanalytics.event import FUTURE_TOLERANCE, Event
from rtanalytics.sources import KINDS, open_source, spec_from_table
from rtanalytics.sources.base import (
    AuthFailed,
    Batch,
    Blocked,
    CursorInvalid,
    Gone,
    Malformed,
    RateLimited,
    Refused,
    Source,
    SourceError,
    Transient,
)
from rtanalytics.streams.redis import RedisStream
from tests.processes import kill, until
from tests.sources.server import FeedServer

T0 = datetime(2026, 5, 15, 9, tzinfo=UTC)
SECRET = "s3cr3tc0ntract"

CHILD = """
import asyncio, json, sys
from datetime import timedelta
from rtanalytics.ingest.runner import Patience, serve_source
from rtanalytics.sources import spec_from_table
from rtanalytics.streams.redis import RedisStream
table, url, name = json.loads(sys.argv[1])
soon = timedelta(milliseconds=200)
patience = Patience(first=soon / 4, cap=soon, blocked=soon, blocked_cap=soon)
serve_source(spec_from_table(table), RedisStream(url, name), patience=patience)
"""

GARBAGE = [
    b"",
    b"null",
    b"[]",
    b"{}",
    b"[1, null, {}]",
    b'{"id": ',
    b"<html><body>Sign in</body></html>",
    b"\x00\xff\xfe" * 100,
    b"[" * 100_000,
    b"<a>" * 30_000,
    b'{"items": 3, "data": "x", "values": {"a": []}, "error": "no"}',
]


class Harness(ABC):
    """How the suite plays a service.

    ``kind`` is the ``type`` of the table. ``first_tells`` is False for a source whose first
    reading only says what later ones are compared with. ``environment`` holds the variables that ``secret_table`` names.
    ``streams`` is True for a source that never asks for a wait.
    """

    kind: str
    first_tells = True
    streams = False
    environment: ClassVar[dict[str, str]] = {"CONTRACT_SECRET": SECRET}

    @abstractmethod
    def table(self, url: str) -> dict[str, Any]:
        """The ``[[source]]`` table, without ``type`` and ``name``, for a service at ``url``."""

    @abstractmethod
    def secret_table(self, url: str) -> dict[str, Any]:
        """The same with whatever secret the kind takes: :data:`SECRET`, or ``env:CONTRACT_SECRET``."""

    @abstractmethod
    async def answer(self, request: web.Request, items: list[int]) -> web.StreamResponse:
        """What the service answers when it has these items, oldest first."""

    @abstractmethod
    def number(self, event: Event) -> int | None:
        """Which item an event tells about."""


class Outside(FeedServer):
    """A service with items, and with a fault if it is given one."""

    def __init__(self, harness: Harness) -> None:
        super().__init__()
        self.items: list[int] = []
        self.fault: Callable[[web.Request], Awaitable[web.StreamResponse]] | None = None
        self.bodies: list[bytes] = []
        self._harness = harness

    def fail(self, status: int = 500, content: bytes = b"", /, **headers: str) -> None:
        """Answer everything so; headers are written with underscores."""
        told = {name.replace("_", "-"): value for name, value in headers.items()}

        async def answer(_: web.Request) -> web.Response:
            return web.Response(status=status, body=content, headers=told)

        self.fault = answer

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        if self.fault is not None:
            return await self.fault(request)
        answer = await self._harness.answer(request, list(self.items))
        if isinstance(answer, web.Response) and isinstance(answer.body, bytes):
            self.bodies.append(answer.body)
        return answer


class Reader:
    """A source and its cursor, as a runner keeps them."""

    def __init__(self, harness: Harness, table: dict[str, Any]) -> None:
        self.harness = harness
        self.spec = spec_from_table({"type": harness.kind, "name": "contract", **table})
        self.counts: Counter[str] = Counter()
        self.source: Source = open_source(self.spec, self.counts)
        self.cursor: bytes | None = None
        self.got: list[Event] = []
        self.rejects: list[Any] = []

    async def poll(self, seconds: float = 30) -> Batch:
        """One poll, stored; one that waits for what is not its own to wait for fails here."""
        batch = await asyncio.wait_for(self.source.poll(self.cursor), seconds)
        self.cursor = self.cursor if batch.cursor is None else batch.cursor
        self.got += batch.events
        self.rejects += batch.rejects
        return batch

    async def until(self, numbers: Iterable[int], polls: int = 40) -> None:
        """Poll until these items, and only these, have been told."""
        wanted = set(numbers)
        for _ in range(polls):
            batch = await self.poll()
            if self.numbers >= wanted and (batch.wait or self.harness.streams):
                break
        assert self.numbers == wanted

    async def renew(self) -> None:
        """Another process, with the stored cursor."""
        await self.source.close()
        self.source = open_source(self.spec, self.counts)

    @property
    def numbers(self) -> set[int]:
        told = (self.harness.number(event) for event in self.got)
        return {n for n in told if n is not None}


Story = Callable[[Outside, Reader], Awaitable[Any]]


def told(
    harness: Harness, story: Story, table: Callable[[str], dict[str, Any]] | None = None, **more: Any
) -> Any:
    """Run a story with the service, and with a source that has read item 1."""

    async def run() -> Any:
        async with Outside(harness) as service:
            reader = Reader(harness, {**(table or harness.table)(service.url("")), **more})
            try:
                return await story(service, reader)
            finally:
                await reader.source.close()

    return asyncio.run(run())


async def begun(service: Outside, reader: Reader) -> None:
    """The source has read item 1 and stored its cursor."""
    service.items = [1]
    await reader.until({1} if reader.harness.first_tells else set())
    reader.got.clear()


class SourceContract:
    """The promises of ``rtanalytics.sources.base.Source`` and of a kind of source."""

    @pytest.fixture
    def harness(self) -> Harness:
        """Plays the service."""
        raise TypeError(f"{type(self).__name__} needs a fixture harness that gives a Harness")

    # -- cursors and events ----------------------------------------------------------------

    def test_each_item_is_told_once_with_numbers_that_have_no_holes(self, harness: Harness) -> None:
        """Over polls and over a restart of the process."""

        async def story(service: Outside, reader: Reader) -> None:
            await begun(service, reader)
            for n in range(2, 8):
                service.items.append(n)
                await reader.until(range(2, n + 1))
                await reader.renew()
            assert len(reader.got) == 6
            assert len({e.id for e in reader.got}) == 6
            if all(e.seq for e in reader.got):
                first = reader.got[0].seq
                assert [e.seq for e in reader.got] == list(range(first, first + 6))

        told(harness, story)

    def test_the_same_cursor_gives_the_same_events(self, harness: Harness) -> None:
        """What was polled and not stored comes again, the same, in another process too."""

        async def story(service: Outside, reader: Reader) -> None:
            await begun(service, reader)
            service.items += [2, 3, 4]
            cursor, readings = reader.cursor, []
            for _ in range(3):
                reader.cursor = cursor
                reader.got.clear()
                await reader.until({2, 3, 4})
                readings.append([(e.id, e.rev, e.seq, e.producer) for e in reader.got])
                await reader.renew()
            assert readings[0] == readings[1] == readings[2]

        told(harness, story)

    def test_nothing_new_gives_nothing(self, harness: Harness) -> None:
        """However often it is asked."""

        async def story(service: Outside, reader: Reader) -> None:
            await begun(service, reader)
            for _ in range(3):
                batch = await reader.poll()
                assert (batch.events, batch.rejects) == ([], [])
                await reader.renew()

        told(harness, story)

    def test_events_are_whole(self, harness: Harness) -> None:
        """Ids in the source's bucket, aware times, a producer with its numbers, provenance."""

        async def story(service: Outside, reader: Reader) -> None:
            await begun(service, reader)
            service.items += [2, 3]
            await reader.until({2, 3})
            for event in reader.got:
                assert event.bucket == reader.source.bucket
                assert event.id.isprintable()
                assert event.created_at - event.received_at <= FUTURE_TOLERANCE
                assert event.ingest is not None
                assert event.ingest.connector
                assert event.source
                assert bool(event.producer) == bool(event.seq)

        told(harness, story)

    @pytest.mark.parametrize("cursor", [b"", b"{", b"[]", b'{"v": 99}', b'{"v": "x"}', b"\xff"])
    def test_a_cursor_of_something_else_is_refused(self, harness: Harness, cursor: bytes) -> None:
        """Whoever stores cursors then begins without one."""

        async def story(service: Outside, reader: Reader) -> None:
            service.items = [1]
            with pytest.raises(CursorInvalid):
                await asyncio.wait_for(reader.source.poll(cursor), 30)

        told(harness, story)

    def test_parse_is_pure_and_reads_what_was_delivered(self, harness: Harness) -> None:
        """What ``PARSE`` names makes the same of the same bytes, here as in the source's own process."""

        async def story(service: Outside, reader: Reader) -> None:
            await begun(service, reader)
            module = import_module(KINDS[harness.kind])
            where, _, name = module.PARSE.partition(":")
            parse = getattr(import_module(where), name)
            meta = module.meta(reader.spec, datetime.now(UTC))
            assert meta.scope == reader.source.scope
            first, again = (parse(service.bodies[-1], meta) for _ in range(2))
            assert first == again
            assert {e.bucket for e in first.events} <= {reader.source.bucket}

        told(harness, story)

    # -- what a server does ----------------------------------------------------------------

    @pytest.mark.parametrize(
        ("status", "headers", "error", "seconds"),
        [
            (429, {"Retry_After": "3600"}, RateLimited, 3600),
            (429, {"Retry_After": "{in an hour}"}, RateLimited, 3600),
            (429, {}, RateLimited, None),
            (503, {"Retry_After": "7"}, RateLimited, 7),
            (500, {}, Transient, None),
            (502, {}, Transient, None),
            (401, {}, AuthFailed, None),
            (403, {}, Blocked, None),
            (410, {}, Gone, None),
        ],
    )
    def test_a_refusal_is_told_as_what_it_is_and_nothing_is_lost(
        self,
        harness: Harness,
        status: int,
        headers: dict[str, str],
        error: type[SourceError],
        seconds: float | None,
    ) -> None:
        """It raises at once, with the wait it was asked for; what comes afterwards is all there."""

        async def story(service: Outside, reader: Reader) -> None:
            await begun(service, reader)
            now = datetime.now(UTC).replace(microsecond=0)
            shape = "%a, %d %b %Y %H:%M:%S GMT"
            sent = {
                k: v.replace("{in an hour}", (now + timedelta(hours=1)).strftime(shape))
                for k, v in headers.items()
            }
            service.items += [2, 3]
            service.fail(status, Date=now.strftime(shape), **sent)
            with pytest.raises(error) as caught:
                await reader.poll()
            if isinstance(caught.value, RateLimited):
                told_wait = caught.value.wait
                assert (told_wait and told_wait.total_seconds()) == seconds
            service.fault = None
            await reader.until({2, 3})

        told(harness, story)

    @pytest.mark.parametrize("garbage", GARBAGE, ids=lambda body: repr(body[:12]))
    def test_garbage_costs_a_dead_letter_at_most(self, harness: Harness, garbage: bytes) -> None:
        """Nothing undeclared is raised, nothing is told, nothing is lost."""

        async def story(service: Outside, reader: Reader) -> None:
            await begun(service, reader)
            service.items += [2, 3]
            service.fail(200, garbage, Content_Type="application/json")
            try:
                batch = await reader.poll()
                assert batch.events == []
                assert len(batch.rejects) <= 3
            except SourceError as error:
                assert str(error)
            service.fault = None
            await reader.until({2, 3})

        told(harness, story)

    def test_too_much_is_a_dead_letter_and_not_read_to_its_end(self, harness: Harness) -> None:
        """A body without an end; what comes afterwards is all there."""

        async def story(service: Outside, reader: Reader) -> None:
            await begun(service, reader)
            service.items += [2]

            async def flood(request: web.Request) -> web.StreamResponse:
                response = web.StreamResponse(headers={"Content-Type": "application/json"})
                await response.prepare(request)
                try:
                    while True:
                        await response.write(b"[" + b" " * 65_536)
                except ConnectionError:
                    return response

            service.fault = flood
            try:
                batch = await reader.poll()
                assert len(batch.rejects) == 1
                assert len(batch.rejects[0].raw) <= 64_000
            except Malformed as error:
                assert len(error.raw) <= 64_000  # the runner buries it
            service.fault = None
            await reader.until({2})

        told(harness, story, max_bytes=1_000_000)

    def test_an_answer_that_breaks_off_is_read_again(self, harness: Harness) -> None:
        """The connection is cut in the middle of the body."""

        async def story(service: Outside, reader: Reader) -> None:
            await begun(service, reader)
            service.items += [2, 3]

            async def cut(request: web.Request) -> web.StreamResponse:
                whole = await harness.answer(request, service.items)
                assert isinstance(whole, web.Response)
                assert isinstance(whole.body, bytes)
                headers = {"Content-Length": str(len(whole.body)), "Content-Type": whole.content_type}
                response = web.StreamResponse(headers=headers)
                await response.prepare(request)
                await response.write(whole.body[: len(whole.body) // 2])
                assert request.transport is not None
                request.transport.close()
                return response

            service.fault = cut
            with pytest.raises(Transient):
                await reader.poll()
            service.fault = None
            await reader.until({2, 3})

        told(harness, story)

    @pytest.mark.parametrize(
        "target",
        ["file:///etc/passwd", "http://169.254.169.254/latest/", "http://10.0.0.1/", "ftp://x.example/"],
    )
    def test_a_redirect_to_where_we_do_not_go_is_refused(self, harness: Harness, target: str) -> None:
        """Files, the cloud's own addresses, private networks."""

        async def story(service: Outside, reader: Reader) -> None:
            await begun(service, reader)
            service.fail(302, Location=target)
            with pytest.raises(Refused):
                await reader.poll()

        told(harness, story)

    def test_a_private_address_needs_permission(self, harness: Harness) -> None:
        """Loopback is refused unless the table says that it is meant."""

        async def story(service: Outside, reader: Reader) -> None:
            service.items = [1]
            with pytest.raises(Refused, match="allow_private"):
                await reader.poll()
            assert service.requests == []

        told(harness, story, allow_private=False)

    def test_secrets_show_nowhere(self, harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
        """Not in events, dead letters, cursors, errors, notes or the spec, though the service says them back."""
        for name, value in harness.environment.items():
            monkeypatch.setenv(name, value)

        async def story(service: Outside, reader: Reader) -> None:
            await begun(service, reader)
            asked = service.requests[-1]
            assert SECRET in asked.raw_path + repr(asked.raw_headers) or asked.headers.get("Authorization")
            shown = [repr(reader.spec), repr(reader.source.scope), repr(reader.counts)]

            statuses = iter((200, 401, 403, 404, 500))

            async def echo(request: web.Request) -> web.Response:
                said = f"<html>{request.raw_path} {request.raw_headers!r}"
                return web.Response(
                    status=next(statuses, 301), text=said, headers={"Location": request.raw_path}
                )

            service.fault = echo
            for _ in range(6):
                try:
                    shown.append(repr(await reader.poll()))
                except SourceError as error:
                    shown += [repr(error), str(error), repr(error.__cause__)]
            service.fault = None
            service.items.append(2)
            await reader.until({2})
            shown += [repr(reader.got), repr(reader.cursor)]
            assert not [text for text in shown if SECRET in text]

        told(harness, story, harness.secret_table)

    # -- its life --------------------------------------------------------------------------

    def test_it_can_be_closed_at_any_time_and_twice(self, harness: Harness) -> None:
        """Before the first poll and after it; no process of its own stays."""

        async def story(service: Outside, reader: Reader) -> None:
            await reader.source.close()
            await reader.renew()
            await begun(service, reader)
            await reader.source.close()
            await reader.source.close()
            assert psutil.Process().children(recursive=True) == before

        before = psutil.Process().children(recursive=True)
        told(harness, story, every="5s")  # soon enough for a parser to be kept

    def test_a_poll_that_is_cancelled_leaves_a_source_that_works(self, harness: Harness) -> None:
        """As a stop does it, in the middle of an answer that does not come."""

        async def story(service: Outside, reader: Reader) -> None:
            await begun(service, reader)
            service.items += [2, 3]
            asked, forever = asyncio.Event(), asyncio.Event()

            async def silent(_: web.Request) -> web.Response:
                asked.set()
                await forever.wait()
                return web.Response()

            service.fault = silent
            poll = asyncio.ensure_future(reader.source.poll(reader.cursor))
            await asyncio.wait_for(asked.wait(), 20)
            poll.cancel()
            with pytest.raises(asyncio.CancelledError):
                await poll
            service.fault = None
            forever.set()
            await reader.until({2, 3})

        told(harness, story)

    def test_killed_again_and_again_it_loses_and_doubles_nothing(
        self, harness: Harness, redis_url: str, prefix: str
    ) -> None:
        """kill −9 while items arrive and are stored; the stream has each of them once."""
        stream = RedisStream(redis_url, prefix)
        process_env = {
            **os.environ,
            **harness.environment,
            "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
        }

        async def story(service: Outside, reader: Reader) -> None:
            service.items = [1]
            expected = list(range(1 if harness.first_tells else 2, 20))
            table = {
                "type": harness.kind,
                "name": "contract",
                **harness.table(service.url("")),
                "every": "20ms",
            }
            argument = json.dumps([table, redis_url, prefix])
            for life in range(3):
                child = await asyncio.create_subprocess_exec(
                    sys.executable, "-c", CHILD, argument, env=process_env
                )
                try:
                    asked = len(service.requests)
                    await condition(lambda: len(service.requests) > asked + 1)  # noqa: B023
                    for n in range(2 + 6 * life, 8 + 6 * life):
                        service.items.append(n)
                        asked = len(service.requests)
                        await condition(lambda: len(service.requests) > asked)  # noqa: B023
                    if life == 2:
                        await condition(lambda: len(stored()) >= len(expected))
                finally:
                    await asyncio.to_thread(kill, child.pid)
                    await child.wait()
            assert sorted(n for n in map(harness.number, stored()) if n is not None) == expected
            assert len({(e.id, e.rev) for e in stored()}) == len(stored())

        def stored() -> list[Event]:
            return [d.event for d in stream.snapshot(1_000).deliveries]

        async def condition(met: Callable[[], bool]) -> None:
            async with asyncio.timeout(60):
                while not met():
                    await asyncio.sleep(0.005)

        told(harness, story)


__all__ = ["SECRET", "T0", "Harness", "Outside", "Reader", "SourceContract", "begun", "told", "until"]
