"""Matrix rooms, against a real server that keeps a timeline as a homeserver does."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web

from rtanalytics.sources import SourceTableError, open_source, spec_from_table
from rtanalytics.sources.base import AuthFailed, Batch, RateLimited, Transient
from tests.contracts.http import HttpContract
from tests.contracts.source import T0, Harness
from tests.sources.server import FeedServer

ROOM = "!room:x.example"
SYNC = "/_matrix/client/v3/sync"
MESSAGES = f"/_matrix/client/v3/rooms/{ROOM}/messages"


def message(n: int, body: str = "", **more: Any) -> dict[str, Any]:
    at = int((T0 + timedelta(minutes=n)).timestamp() * 1000)
    content = {"msgtype": "m.text", "body": body or f"line {n}"}
    event = {"type": "m.room.message", "event_id": f"${n}:x", "sender": "@ada:x", "origin_server_ts": at}
    return {**event, "content": content, **more}


class Homeserver:
    """Answers sync and messages from a timeline; a token is a place in it."""

    def __init__(self, limit: int = 100) -> None:
        self.timeline: list[dict[str, Any]] = []
        self.limit = limit

    async def answer(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != "Bearer s3cr3t":
            return web.json_response({"errcode": "M_UNKNOWN_TOKEN"}, status=401)
        if request.path == SYNC:
            return web.json_response(self.sync(request.query.get("since")))
        start, until = int(request.query["from"]), int(request.query["to"])
        begin = max(until, start - self.limit)
        page: dict[str, Any] = {"chunk": self.timeline[begin:start][::-1], "start": str(start)}
        return web.json_response(page | ({"end": str(begin)} if begin > until else {}))

    def sync(self, since: str | None) -> dict[str, Any]:
        have = int(since or 0)
        new = self.timeline[have:]
        shown = new[-self.limit :]
        before = len(self.timeline) - len(shown)
        line = {"events": shown, "limited": len(shown) < len(new), "prev_batch": str(before)}
        rooms = {"join": {ROOM: {"timeline": line}}} if new else {}
        return {"next_batch": str(len(self.timeline)), "rooms": rooms}


class Reader:
    """Polls as the runner does, and keeps what it got."""

    def __init__(self, server: FeedServer, **fields: Any) -> None:
        table = {"type": "matrix", "name": "m", "homeserver": server.url(""), "token": "env:M_TOKEN"}
        table |= {"rooms": {"#pycon": ROOM}, "allow_private": True, **fields}
        self.counts: Counter[str] = Counter()
        self.cursor: bytes | None = None
        self.got: list[Any] = []
        self.source = open_source(spec_from_table(table), self.counts)

    async def poll(self) -> Batch:
        batch = await self.source.poll(self.cursor)
        self.cursor = batch.cursor or self.cursor
        self.got += batch.events
        return batch

    async def round(self) -> Batch:
        """Until there is nothing new."""
        while not (batch := await self.poll()).wait:
            pass
        return batch

    @property
    def texts(self) -> list[str | None]:
        return [e.text for e in self.got]


Story = Callable[[FeedServer, Homeserver, Reader], Awaitable[Any]]


@pytest.fixture(autouse=True)
def token(monkeypatch):
    monkeypatch.setenv("M_TOKEN", "s3cr3t")


def run(story: Story, *, limit: int = 100, **fields: Any) -> Any:
    async def run():
        async with FeedServer() as server:
            home = Homeserver(limit)
            server.handle(SYNC, home.answer)
            server.handle(MESSAGES, home.answer)
            reader = Reader(server, **fields)
            try:
                return await story(server, home, reader)
            finally:
                await reader.source.close()

    return asyncio.run(run())


def test_each_message_is_delivered_once_and_the_server_may_hold_the_request():
    """The first sync asks at once, later ones may take until something is said."""

    async def story(server, home, reader):
        home.timeline = [message(1), message(2)]
        await reader.round()
        home.timeline.append(message(3))
        await reader.round()
        syncs = [r.query for r in server.requests if r.path == SYNC]
        assert [q.get("since") for q in syncs] == [None, "2", "2", "3"]
        assert [q["timeout"] for q in syncs] == ["0", "15000", "15000", "15000"]
        assert json.loads(syncs[0]["filter"])["room"]["rooms"] == [ROOM]
        assert reader.texts == ["line 1", "line 2", "line 3"]
        assert {e.channel for e in reader.got} == {"#pycon"}
        assert b"s3cr3t" not in reader.cursor

    run(story)


def test_what_a_sync_leaves_out_is_read_back_page_by_page():
    """All of it, once, and no gap; seven messages where a sync tells two."""

    async def story(server, home, reader):
        home.timeline = [message(1)]
        await reader.round()
        home.timeline += [message(n) for n in range(2, 9)]
        await reader.round()
        assert sorted(reader.texts) == [f"line {n}" for n in range(1, 9)]
        assert [e.type for e in reader.got] == ["message"] * 8
        assert (reader.counts["limited"], reader.counts["refilled"]) == (1, 5)
        numbers = [e.seq for e in reader.got]
        assert numbers == list(range(numbers[0], numbers[0] + 8))

    run(story, limit=2)


def test_more_than_is_read_back_is_a_gap_in_its_room():
    """From what was known to the oldest that was read."""

    async def story(server, home, reader):
        home.timeline = [message(1)]
        await reader.round()
        home.timeline += [message(n) for n in range(2, 30)]
        await reader.round()
        [gap] = [e for e in reader.got if e.type == "gap"]
        assert gap.id == f"matrix:m:gap/{ROOM}/2026-05-15T09:01:00.000+00:00"
        assert gap.channel == "#pycon"
        assert len(reader.got) == 1 + 2 + 4 + 1

    run(story, limit=2, pages=2)


def test_a_room_that_cannot_be_read_back_is_a_gap_and_the_sync_goes_on():
    """403 on its messages: the account may not read them."""

    async def story(server, home, reader):
        home.timeline = [message(1)]
        await reader.round()
        server.serve(MESSAGES, b"{}", status=403)
        home.timeline += [message(n) for n in range(2, 9)]
        await reader.poll()
        batch = await reader.poll()
        assert "refused to return the messages" in batch.problem
        home.timeline.append(message(9))
        await reader.round()
        assert reader.texts[-1] == "line 9"
        assert [e.type for e in reader.got].count("gap") == 1

    run(story, limit=2)


def test_a_place_that_the_homeserver_has_forgotten_is_a_gap():
    """After it was set up anew, say: the sync begins again."""

    async def story(server, home, reader):
        home.timeline = [message(1)]
        await reader.round()
        server.serve(SYNC, b'{"errcode": "M_UNKNOWN"}', status=400)
        batch = await reader.poll()
        assert [e.type for e in batch.events] == ["gap"]
        server.handle(SYNC, home.answer)
        home.timeline.append(message(2))
        await reader.round()
        assert [e.text for e in reader.got if e.type == "message"] == ["line 1", "line 2"]

    run(story)


def test_edits_and_redactions_update_delivered_messages():
    """At the time at which it was first said."""

    async def story(server, home, reader):
        home.timeline = [message(1)]
        await reader.round()
        relation = {"rel_type": "m.replace", "event_id": "$1:x"}
        new = {"msgtype": "m.text", "body": "better"}
        home.timeline.append(message(2, content={**new, "m.new_content": new, "m.relates_to": relation}))
        await reader.round()
        home.timeline.append(message(3, type="m.room.redaction", content={}, redacts="$1:x"))
        await reader.round()
        assert [(e.id, e.op, e.text) for e in reader.got] == [
            ("matrix::$1:x", "create", "line 1"),
            ("matrix::$1:x", "update", "better"),
            ("matrix::$1:x", "delete", None),
        ]
        assert {e.created_at for e in reader.got} == {T0 + timedelta(minutes=1)}

    run(story)


def test_edits_of_messages_by_others_are_ignored():
    """Homeservers pass such edits on; whether on one page with the message or long after it, they are counted."""

    async def story(server, home, reader):
        relation = {"rel_type": "m.replace", "event_id": "$1:x"}
        new = {"msgtype": "m.text", "body": "I was wrong"}
        edit = {**new, "m.new_content": new, "m.relates_to": relation}
        home.timeline = [message(1), message(2, content=edit, sender="@eve:x")]
        await reader.round()
        home.timeline.append(message(3, content=edit, sender="@eve:x"))
        await reader.round()
        home.timeline.append(message(4, content=edit))
        await reader.round()
        assert [(e.op, e.text) for e in reader.got] == [("create", "line 1"), ("update", "I was wrong")]
        assert reader.source.counts["edits_by_others"] == 2

    run(story)


def test_who_edits_before_a_message_is_known_does_not_become_its_writer():
    """A room is read back later than what is new in it: whoever wrote the message may edit it still."""

    async def story(server, home, reader):
        relation = {"rel_type": "m.replace", "event_id": "$1:x"}
        new = {"msgtype": "m.text", "body": "better"}
        edit = {**new, "m.new_content": new, "m.relates_to": relation}
        for said in (message(2, content=edit, sender="@eve:x"), message(1), message(4, content=edit)):
            home.timeline.append(said)
            await reader.round()
        assert [e.op for e in reader.got] == ["update", "create", "update"]
        assert reader.source.counts["edits_by_others"] == 0

    run(story)


def test_a_limit_is_waited_out_as_the_body_says():
    """``retry_after_ms``, where there is no header; a header goes before."""

    async def story(server, home, reader):
        said = {"errcode": "M_LIMIT_EXCEEDED", "error": "Too many", "retry_after_ms": 2500}
        waits = []
        for headers in ({}, {"Retry_After": "7"}):
            server.serve(SYNC, json.dumps(said).encode(), status=429, **headers)
            with pytest.raises(RateLimited) as limited:
                await reader.poll()
            waits.append(limited.value.wait)
        assert waits == [timedelta(seconds=2.5), timedelta(seconds=7)]

    run(story)


def test_a_rejected_token_is_reported():
    """401."""

    async def story(server, home, reader):
        server.serve(SYNC, b'{"errcode": "M_UNKNOWN_TOKEN"}', status=401)
        with pytest.raises(AuthFailed):
            await reader.poll()

    run(story)


def test_a_server_that_answers_at_once_is_not_asked_without_pause():
    """Nor is one whose answers cannot be read."""

    async def story(server, home, reader):
        await reader.poll()
        quiet = await reader.poll()
        assert timedelta(seconds=0.5) < quiet.wait <= timedelta(seconds=1)
        server.serve(SYNC, b"<html>")
        assert (await reader.poll()).wait >= timedelta(seconds=30)

    run(story)


def test_a_silent_room_is_reported():
    """If the table says how often something is expected."""

    async def story(server, home, reader):
        await reader.poll()
        batch = await reader.poll()
        assert "has the account joined the rooms?" in batch.problem
        home.timeline.append(message(1))
        assert (await reader.poll()).problem is None

    run(story, expected_every="1ms")


def test_an_answer_that_is_cut_off_is_asked_for_again():
    """And nothing is lost by it."""

    async def story(server, home, reader):
        async def cut(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse(headers={"Content-Length": "1000"})
            await response.prepare(request)
            await response.write(b'{"next_batch": "9"')
            request.transport.close()
            return response

        home.timeline = [message(1)]
        await reader.round()
        home.timeline.append(message(2))
        server.handle(SYNC, cut)
        with pytest.raises(Transient):
            await reader.poll()
        server.handle(SYNC, home.answer)
        await reader.round()
        return reader.texts

    assert run(story) == ["line 1", "line 2"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"token": "syt_secret"}, "must not be in the file itself"),
        ({"rooms": {}}, "rooms has none"),
        ({"rooms": {"#pycon": "#pycon:x.example"}}, "begins with '!'"),
        ({"homeserver": "matrix.org"}, "not a web address"),
        ({"pages": 0}, "out of range"),
    ],
)
def test_an_invalid_table_is_refused_with_advice(fields, message):
    """A token in the file is not shown."""
    table = {
        "type": "matrix",
        "name": "m",
        "homeserver": "https://x.example",
        "token": "env:M",
        "rooms": {"#a": "!a:x"},
    }
    with pytest.raises(SourceTableError, match=message) as refused:
        spec_from_table({**table, **fields})
    assert "syt_" not in str(refused.value)


class MatrixHarness(Harness):
    """A room to which messages are sent."""

    kind = "matrix"
    streams = True

    def table(self, url):
        rooms = {"#pycon": ROOM}
        return {"homeserver": url, "token": "env:CONTRACT_SECRET", "rooms": rooms, "allow_private": True}

    def secret_table(self, url):
        return self.table(url)

    async def answer(self, request, items):
        home = Homeserver()
        home.timeline = [message(n) for n in items]
        return web.json_response(home.sync(request.query.get("since")))

    def number(self, event):
        found = (event.text or "").removeprefix("line ")
        return int(found) if event.type == "message" and found.isdigit() else None


class TestContract(HttpContract):
    harness_class = MatrixHarness
