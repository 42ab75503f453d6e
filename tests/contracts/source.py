"""What every source must do; subclass :class:`SourceContract` and give it the class of a harness.

A :class:`Harness` plays the service that the source reads: it says which table describes the
source, and answers requests as the service would if it had certain items. An item is a number,
from 1; the suite puts them there, breaks the service in all the usual ways, and looks at what the
source makes of it. A kind that asks over HTTP passes :class:`tests.contracts.http.HttpContract`; one that
listens to WebSockets has a :class:`SocketHarness`; for another transport, ``service`` gives a
:class:`~tests.contracts.services.Service` of its own. ``tests/sources/test_contract.py`` fails for a kind
without any.

    class TestNotes(HttpContract):
        harness_class = NotesHarness
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from datetime import UTC, datetime
from importlib import import_module
from typing import Any, ClassVar

import psutil
import pytest
from aiohttp import web

from rtanalytics.event import FUTURE_TOLERANCE, Event
from rtanalytics.sources import open_source, spec_from_table
from rtanalytics.sources.base import (
    Batch,
    CursorInvalid,
    Malformed,
    Refused,
    Source,
    SourceError,
    Transient,
)
from rtanalytics.streams.redis import RedisStream
from tests.contracts.services import Outside, Service, Sockets
from tests.processes import kill, until

T0 = datetime(2026, 5, 15, 9, tzinfo=UTC)
SECRET = "s3cr3tc0ntract"

CHILD = """
import asyncio, json, sys
from datetime import timedelta
from rtanalytics.retry import RetryPolicy
from rtanalytics.ingest.runner import serve_source
from rtanalytics.sources import spec_from_table
from rtanalytics.streams.redis import RedisStream
table, url, name = json.loads(sys.argv[1])
soon = timedelta(milliseconds=200)
retry_policy = RetryPolicy(first=soon / 4, cap=soon, blocked=soon, blocked_cap=soon)
serve_source(spec_from_table(table), RedisStream(url, name), retry_policy=retry_policy)
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
    reading only says what later ones are compared with. ``environment`` holds the variables that
    ``secret_table`` names, and ``secrets`` what must show nowhere. ``streams`` is True for a source that
    never asks for a wait, ``from_now`` for one that is told only what is said while it listens, until it
    has a cursor. ``asks`` is False for a kind whose table has no ``every``. ``small`` is what to write
    for at most a million bytes at once. ``also`` are types of events that come beside the items.
    """

    kind: str
    first_tells = True
    streams = False
    from_now = False
    asks = True
    environment: ClassVar[dict[str, str]] = {"CONTRACT_SECRET": SECRET}
    secrets: ClassVar[tuple[str, ...]] = (SECRET,)
    small: ClassVar[dict[str, Any]] = {"max_bytes": 1_000_000}
    also: ClassVar[frozenset[str]] = frozenset()

    @abstractmethod
    def table(self, url: str) -> dict[str, Any]:
        """The ``[[source]]`` table, without ``type`` and ``name``, for a service at ``url``."""

    @abstractmethod
    def secret_table(self, url: str) -> dict[str, Any]:
        """The same with whatever secret the kind takes: :data:`SECRET`, or ``env:CONTRACT_SECRET``."""

    async def answer(self, request: web.Request, items: list[int]) -> web.StreamResponse:
        """What the service answers over HTTP when it has these items, oldest first."""
        raise AssertionError(f"{request.path} is asked for over HTTP, of a service that has none")

    @abstractmethod
    def number(self, event: Event) -> int | None:
        """Which item an event tells about."""

    def service(self) -> Service:
        """What plays it."""
        return Outside(self)

    def open(self, spec: Any, counts: Counter[str]) -> Source:
        """Open the source; override it to shorten what a source waits for."""
        return open_source(spec, counts)

    def every(self, time: str) -> dict[str, Any]:
        """What to write to be asked so often."""
        return {"every": time} if self.asks else {}


class SocketHarness(Harness):
    """How the suite plays a service that tells its items over WebSockets."""

    streams = True

    @abstractmethod
    def streamed(self, request: web.Request) -> bool:
        """Is it a listener who asks, and not for an answer?"""

    @abstractmethod
    def place(self, request: web.Request, items: list[int]) -> int:
        """How many of these items a listener is not told."""

    @abstractmethod
    def said(self, number: int) -> str:
        """The message that tells an item."""

    def service(self) -> Service:
        return Sockets(self)


class Reader:
    """A source and its cursor, as a runner keeps them."""

    def __init__(self, harness: Harness, table: dict[str, Any]) -> None:
        self.harness = harness
        self.spec = spec_from_table({"type": harness.kind, "name": "contract", **table})
        self.counts: Counter[str] = Counter()
        self.source = harness.open(self.spec, self.counts)
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
        self.source = self.harness.open(self.spec, self.counts)

    @property
    def events(self) -> list[Event]:
        """Received events, without those that a kind adds to the items."""
        return [event for event in self.got if event.type not in self.harness.also]

    @property
    def numbers(self) -> set[int]:
        numbers = (self.harness.number(event) for event in self.got)
        return {n for n in numbers if n is not None}


Story = Callable[[Any, Reader], Awaitable[Any]]


def run_story(
    harness: Harness, story: Story, table: Callable[[str], dict[str, Any]] | None = None, **more: Any
) -> Any:
    """Run a story with the service, and with a source that has read item 1."""

    async def run() -> Any:
        async with harness.service() as service:
            reader = Reader(harness, {**(table or harness.table)(service.url("")), **more})
            try:
                return await story(service, reader)
            finally:
                await reader.source.close()

    return asyncio.run(run())


async def begun(service: Service, reader: Reader) -> None:
    """The source has read item 1 and stored its cursor."""
    if reader.harness.from_now:
        listening = asyncio.ensure_future(reader.poll())
        await met(lambda: service.idle)
        service.items = [1]
        await listening
    service.items = [1]
    await reader.until({1} if reader.harness.first_tells else set())
    reader.got.clear()


async def met(condition: Callable[[], object], seconds: float = 60) -> None:
    """Wait for it."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


class SourceContract:
    """The promises of ``rtanalytics.sources.base.Source`` and of a kind of source."""

    harness_class: ClassVar[type[Harness]]

    @pytest.fixture
    def harness(self, monkeypatch: pytest.MonkeyPatch) -> Harness:
        """Plays the service."""
        harness = self.harness_class()
        for name, value in harness.environment.items():
            monkeypatch.setenv(name, value)
        return harness

    # -- cursors and events ----------------------------------------------------------------

    def test_each_item_is_told_once_with_numbers_that_have_no_holes(self, harness: Harness) -> None:
        """Over polls and over a restart of the process."""

        async def story(service: Service, reader: Reader) -> None:
            await begun(service, reader)
            for n in range(2, 8):
                service.items.append(n)
                await reader.until(range(2, n + 1))
                await reader.renew()
            assert len(reader.events) == 6
            assert len({e.id for e in reader.events}) == 6
            if all(e.seq for e in reader.got):
                first = reader.got[0].seq
                assert [e.seq for e in reader.got] == list(range(first, first + len(reader.got)))

        run_story(harness, story)

    def test_the_same_cursor_gives_the_same_events(self, harness: Harness) -> None:
        """What was polled and not stored comes again, the same, in another process too."""

        async def story(service: Service, reader: Reader) -> None:
            await begun(service, reader)
            cursor, readings = reader.cursor, []
            for reading in range(3):
                reader.cursor = cursor
                reader.got.clear()
                if not reading:
                    for n in (2, 3):
                        service.items.append(n)
                        await reader.until(range(2, n + 1))
                    service.items.append(4)
                await reader.until({2, 3, 4})
                numbered = [] if harness.also else [e.seq for e in reader.got]
                readings.append(([(e.id, e.rev, e.producer) for e in reader.events], numbered))
                await reader.renew()
            assert readings[0] == readings[1] == readings[2]

        run_story(harness, story)

    def test_nothing_new_gives_nothing(self, harness: Harness) -> None:
        """However often it is asked."""

        async def story(service: Service, reader: Reader) -> None:
            await begun(service, reader)
            for _ in range(3):
                batch = await reader.poll()
                assert (reader.events, batch.rejects) == ([], [])
                await reader.renew()

        run_story(harness, story)

    def test_events_are_whole(self, harness: Harness) -> None:
        """Ids in the source's bucket, aware times, a producer with its numbers, provenance."""

        async def story(service: Service, reader: Reader) -> None:
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

        run_story(harness, story)

    @pytest.mark.parametrize("cursor", [b"", b"{", b"[]", b'{"v": 99}', b'{"v": "x"}', b"\xff"])
    def test_a_cursor_of_something_else_is_refused(self, harness: Harness, cursor: bytes) -> None:
        """Whoever stores cursors then begins without one."""

        async def story(service: Service, reader: Reader) -> None:
            service.items = [1]
            with pytest.raises(CursorInvalid):
                await asyncio.wait_for(reader.source.poll(cursor), 30)

        run_story(harness, story)

    def test_parse_is_pure_and_reads_what_was_delivered(self, harness: Harness) -> None:
        """The parser of the kind returns the same events for the same bytes each time."""

        async def story(service: Service, reader: Reader) -> None:
            await begun(service, reader)
            where, _, name = reader.spec.parser.partition(":")
            parse = getattr(import_module(where), name)
            meta = reader.spec.meta(datetime.now(UTC))
            assert meta.scope == reader.source.scope
            first, again = (parse(service.bodies[-1], meta) for _ in range(2))
            assert first == again
            assert {e.bucket for e in first.events} <= {reader.source.bucket}

        run_story(harness, story)

    # -- what a server does ----------------------------------------------------------------

    @pytest.mark.parametrize("garbage", GARBAGE, ids=lambda body: repr(body[:12]))
    def test_garbage_costs_a_dead_letter_at_most(self, harness: Harness, garbage: bytes) -> None:
        """Nothing undeclared is raised, nothing is told, nothing is lost."""

        async def story(service: Service, reader: Reader) -> None:
            await begun(service, reader)
            service.garble(garbage)
            service.items += [2, 3]
            try:
                batch = await reader.poll()
                assert reader.events == []
                assert len(batch.rejects) <= 3
            except SourceError as error:
                assert str(error)
            service.recover()
            await reader.until({2, 3})

        run_story(harness, story)

    def test_too_much_is_not_read_to_its_end(self, harness: Harness) -> None:
        """It costs a few dead letters at most; what comes afterwards is all there."""

        async def story(service: Service, reader: Reader) -> None:
            await begun(service, reader)
            service.flood()
            service.items += [2]
            for _ in range(3):
                try:
                    await reader.poll()
                except Malformed as error:
                    assert len(error.raw) <= 64_000  # the runner buries it
                except Transient as error:
                    assert str(error)
            assert len(reader.rejects) <= 3
            assert all(len(reject.raw) <= 64_000 for reject in reader.rejects)
            service.recover()
            await reader.until({2})

        run_story(harness, story, **harness.small)

    def test_an_answer_that_breaks_off_is_read_again(self, harness: Harness) -> None:
        """The connection is cut in the middle of the body."""

        async def story(service: Service, reader: Reader) -> None:
            await begun(service, reader)
            service.items += [2, 3]
            service.cut()

            async def polled() -> None:
                for _ in range(5):  # what came before the end is told before it
                    await reader.poll()

            with pytest.raises(Transient):
                await polled()
            service.recover()
            await reader.until({2, 3})

        run_story(harness, story)

    def test_a_private_address_needs_permission(self, harness: Harness) -> None:
        """Loopback is refused unless the table says that it is meant."""

        async def story(service: Service, reader: Reader) -> None:
            service.items = [1]
            with pytest.raises(Refused, match="allow_private"):
                await reader.poll()
            assert service.asked == 0

        run_story(harness, story, allow_private=False)

    def test_secrets_show_nowhere(self, harness: Harness) -> None:
        """Not in events, dead letters, cursors, errors, notes or the spec, though the service says them back."""

        async def story(service: Service, reader: Reader) -> None:
            await begun(service, reader)
            assert SECRET in service.heard or "authorization" in service.heard.lower()
            shown = [repr(reader.spec), repr(reader.source.scope), repr(reader.counts)]
            service.echo()
            for _ in range(6):
                try:
                    shown.append(repr(await reader.poll()))
                except SourceError as error:
                    shown += [repr(error), str(error), repr(error.__cause__)]
            service.recover()
            service.items.append(2)
            await reader.until({2})
            shown += [repr(reader.got), repr(reader.cursor)]
            assert not [text for text in shown if any(secret in text for secret in harness.secrets)]

        run_story(harness, story, harness.secret_table)

    # -- its life --------------------------------------------------------------------------

    def test_it_can_be_closed_at_any_time_and_twice(self, harness: Harness) -> None:
        """Before the first poll and after it; no process of its own stays."""

        async def story(service: Service, reader: Reader) -> None:
            await reader.source.close()
            await reader.renew()
            await begun(service, reader)
            await reader.source.close()
            await reader.source.close()
            assert psutil.Process().children(recursive=True) == before

        before = psutil.Process().children(recursive=True)
        run_story(harness, story, **harness.every("5s"))  # soon enough for a parser to be kept

    def test_a_poll_that_is_cancelled_leaves_a_source_that_works(self, harness: Harness) -> None:
        """As a stop does it, in the middle of an answer that does not come."""

        async def story(service: Service, reader: Reader) -> None:
            await begun(service, reader)
            service.mute()
            service.items += [2, 3]
            poll = asyncio.ensure_future(reader.source.poll(reader.cursor))
            await met(lambda: service.idle)
            poll.cancel()
            with pytest.raises(asyncio.CancelledError):
                await poll
            service.recover()
            await reader.until({2, 3})

        run_story(harness, story)

    def test_cancelled_at_any_moment_it_loses_nothing(self, harness: Harness) -> None:
        """Whatever a poll was doing; what it had found, and nobody stored, comes again."""

        async def story(service: Service, reader: Reader) -> None:
            await begun(service, reader)
            for n in range(2, 12):
                service.items.append(n)
                poll = asyncio.ensure_future(reader.source.poll(reader.cursor))
                await asyncio.wait({poll}, timeout=0.03 * (n - 2))
                poll.cancel()
                await asyncio.wait({poll})
            await reader.until(range(2, 12))
            assert len(reader.events) == len({e.id for e in reader.events}) == 10

        run_story(harness, story)

    def test_it_ends_in_good_order_in_the_middle_of_a_poll(
        self, harness: Harness, redis_url: str, prefix: str
    ) -> None:
        """SIGTERM while the service does not answer: its process has ended within ten seconds."""

        async def story(service: Service, reader: Reader) -> None:
            service.mute()
            async with child(harness, service, redis_url, prefix) as process:
                await met(lambda: service.idle)
                began = time.monotonic()
                process.send_signal(signal.SIGTERM)
                assert await asyncio.wait_for(process.wait(), 30) == 0
                assert time.monotonic() - began < 10
            service.recover()
            health = RedisStream(redis_url, prefix).health.read()
            assert health["source:contract"]["state"] == "stopped"

        run_story(harness, story)

    def test_killed_again_and_again_it_loses_and_doubles_nothing(
        self, harness: Harness, redis_url: str, prefix: str
    ) -> None:
        """kill −9 while items arrive and are stored; the stream has each of them once."""
        stream = RedisStream(redis_url, prefix)

        async def story(service: Service, reader: Reader) -> None:
            if not harness.from_now:
                service.items = [1]
            expected = list(range(1 if harness.first_tells else 2, 20))
            for life in range(3):
                asked = service.asked
                async with child(harness, service, redis_url, prefix):
                    if harness.from_now and life == 0:
                        await met(lambda: service.idle)
                        service.items = [1]
                        await met(stored)
                    else:
                        await met(lambda: service.asked > asked + 1)  # noqa: B023
                    for n in range(2 + 6 * life, 8 + 6 * life):
                        asked = service.asked
                        service.items.append(n)
                        await met(lambda: service.asked > asked)  # noqa: B023
                    if life == 2:
                        await met(lambda: len(stored()) >= len(expected))
            assert sorted(n for n in map(harness.number, stored()) if n is not None) == expected
            assert len({(e.id, e.rev) for e in stored()}) == len(stored())

        def stored() -> list[Event]:
            found = [d.event for d in stream.snapshot(1_000).deliveries]
            return [event for event in found if event.type not in harness.also]

        run_story(harness, story)


@contextlib.asynccontextmanager
async def child(
    harness: Harness, service: Service, redis_url: str, prefix: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process that reads the service into a stream as ``collect`` has it; killed at the end."""
    table = {
        "type": harness.kind,
        "name": "contract",
        **harness.table(service.url("")),
        **harness.every("20ms"),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        CHILD,
        json.dumps([table, redis_url, prefix]),
        env={
            **os.environ,
            **harness.environment,
            "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
        },
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            await asyncio.to_thread(kill, process.pid)
        await process.wait()


__all__ = [
    "SECRET",
    "T0",
    "Harness",
    "Outside",
    "Reader",
    "Service",
    "SocketHarness",
    "SourceContract",
    "begun",
    "met",
    "run_story",
    "until",
]
