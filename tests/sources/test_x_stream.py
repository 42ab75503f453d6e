"""X's filtered stream beside its search, and the money of both, against a server that counts."""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from time import monotonic
from typing import Any

import msgspec
import pytest
from aiohttp import web

from rtanalytics.ingest.runner import run_source
from rtanalytics.retry import RetryPolicy
from rtanalytics.sources import SourceTableError, open_source, spec_from_table
from rtanalytics.sources.base import AuthFailed, Batch
from rtanalytics.sources.twitter.budget import Ledger
from rtanalytics.sources.twitter.stream import XStream, XTimings
from rtanalytics.streams.memory import MemoryStream
from rtanalytics.streams.redis import RedisStream
from tests.contracts.http import HttpContract
from tests.contracts.services import Outside
from tests.contracts.source import CHILD, Harness
from tests.processes import kill
from tests.sources.test_x import page, tweet
from tests.sources.xserver import RULES, SEARCH, STREAM, XServer, condition, long_ago, post

SOON = timedelta(milliseconds=100)
HASTE = RetryPolicy(first=SOON, cap=SOON, blocked=SOON, blocked_cap=SOON)
TOKEN = "s3cr3t-bearer"
QUICK = XTimings(
    first=timedelta(milliseconds=200), settling=timedelta(milliseconds=500), cut=timedelta(milliseconds=20)
)
"""Timings of a source that waits less for X."""


@pytest.fixture(autouse=True)
def token(monkeypatch):
    monkeypatch.setenv("X_TOKEN", TOKEN)


def spec(server: XServer, **fields: Any) -> Any:
    table = {"type": "x", "name": "x", "query": "#pycon", "token": "env:X_TOKEN", "stream": True}
    money = {"budget_usd_per_day": 1_000, "api": server.url(""), "allow_private": True}
    return spec_from_table({**table, **money, **fields})


def opened(spec: Any, counts: Counter[str], timings: XTimings = QUICK) -> Any:
    """Open a search, or a stream that waits less."""
    return XStream(spec, counts, timings) if spec.stream else open_source(spec, counts)


class Reader:
    """Polls as the runner does, and keeps what it got."""

    def __init__(
        self, server: XServer, cursor: bytes | None = None, timings: XTimings = QUICK, **fields: Any
    ) -> None:
        self.spec, self.timings = spec(server, **fields), timings
        self.counts: Counter[str] = Counter()
        self.source, self.cursor = self.open(), cursor
        self.got: list[Any] = []
        self.rejects: list[Any] = []
        self.problems: list[str] = []
        self.wait = timedelta(0)
        self.audited: XServer | None = None
        """Whose count is never above what was spent and put aside, at any moment."""

    async def poll(self) -> Batch:
        batch = await asyncio.wait_for(self.source.poll(self.cursor), 20)
        self.cursor = batch.cursor or self.cursor
        self.got += batch.events
        self.rejects += batch.rejects
        self.problems += filter(None, [batch.problem])
        self.wait = batch.wait
        if self.audited is not None:
            assert self.audited.spent <= self.state.spent + self.state.reserved + self.state.held
        await asyncio.sleep(min(0.05, batch.wait.total_seconds()))
        return batch

    async def until(self, done: Callable[[], Any], seconds: float = 20) -> None:
        async with asyncio.timeout(seconds):
            while not done():
                await self.poll()

    async def settled(self, server: XServer) -> None:
        """Connected, and both searches over."""
        await self.until(lambda: server.listeners and not self.source._due)

    async def again(self) -> None:
        """A new process with the stored cursor."""
        await self.source.close()
        self.source = self.open()

    def open(self) -> Any:
        return opened(self.spec, self.counts, self.timings)

    @property
    def state(self) -> Ledger:
        return msgspec.json.decode(self.cursor, type=Ledger)

    @property
    def texts(self) -> list[str]:
        return [e.text for e in self.got]


def told(story: Callable[[XServer, Reader], Awaitable[Any]], **fields: Any) -> Any:
    async def run():
        async with XServer() as server:
            reader = Reader(server, **fields)
            try:
                return await story(server, reader)
            finally:
                await reader.source.close()

    return asyncio.run(run())


# --- listening --------------------------------------------------------------------------------------


def test_posts_are_told_as_they_are_written():
    """After the search has told what was there before; under the same ids, with numbers in a row."""

    async def story(server, reader):
        server.say(post(1, long_ago(minutes=5)))
        await reader.settled(server)
        for n in (2, 3):
            server.say(post(n))
            await reader.until(lambda n=n: len(reader.got) == n)
        assert reader.texts == ["post 1", "post 2", "post 3"]
        assert [e.ingest.via for e in reader.got] == ["poll", "stream", "stream"]
        assert [e.seq for e in reader.got] == list(range(reader.got[0].seq, reader.got[0].seq + 3))
        asked = server.asked(STREAM)[0]
        assert asked.headers["Authorization"] == f"Bearer {TOKEN}"
        assert "author_id" in asked.query["expansions"]
        assert reader.problems == []

    told(story)


def test_what_the_search_did_not_know_yet_when_it_was_connected_comes_with_the_second_search():
    """A post from just before, which no stream sends and the search learns of later."""

    async def story(server, reader):
        server.late = 0.3
        server.say(post(1))
        await reader.until(lambda: server.listeners)
        server.say(post(2))
        await reader.settled(server)
        assert sorted(reader.texts) == ["post 1", "post 2"]

    told(story)


def test_until_the_second_search_the_stream_does_not_move_where_searches_begin():
    """Killed before it, the next process would miss what the first search did not know."""

    async def story(server, reader):
        await reader.until(lambda: server.listeners and len(reader.source._due) == 1)
        server.say(post(1))
        await reader.until(lambda: reader.got)
        assert reader.state.since_id == ""
        await reader.settled(server)
        server.say(last := post(2))
        await reader.until(lambda: len(reader.got) == 2)
        assert reader.state.since_id == last["id"]

    told(story, timings=replace(QUICK, settling=timedelta(seconds=3)))


@pytest.mark.parametrize("how", [None, b'cut:{"data": {"id": "1', b"cut:"], ids=["ended", "in a line", "cut"])
def test_a_stream_that_ends_is_connected_again_and_the_search_fills_the_gap(how):
    """What was said meanwhile is told once, and so is what had been told before."""

    async def story(server, reader):
        await reader.settled(server)
        server.say(post(1))
        await reader.until(lambda: reader.got)
        server.send(how)
        await condition(lambda: not server.listeners)
        server.say(post(2))
        await reader.settled(server)
        await reader.until(lambda: len(reader.got) == 2)
        server.say(post(3))
        await reader.until(lambda: len(reader.got) == 3)
        assert reader.texts == ["post 1", "post 2", "post 3"]
        assert any("the stream ended" in p for p in reader.problems)
        assert reader.counts["streams"] == 2

    told(story)


def test_lines_that_are_no_posts_are_dead_letters():
    """Each once; and what comes after them is read."""

    async def story(server, reader):
        await reader.settled(server)
        for line in (b"{", b"\xff\xfe", b"[1]", b'{"data": 3}', b'{"data": {"id": "5"}}', b"null"):
            server.send(line)
        server.say(post(1))
        await reader.until(lambda: reader.got)
        assert len(reader.rejects) == 6
        assert all(r.reason and r.raw for r in reader.rejects)
        assert reader.counts["streams"] == 1

    told(story)


def test_an_error_in_the_stream_is_a_problem_and_no_event():
    """X says so before it ends one; it is connected again."""

    async def story(server, reader):
        await reader.settled(server)
        said = {"title": "operational-disconnect", "detail": "This stream has been disconnected for upgrades"}
        server.send(json.dumps({"errors": [said]}).encode())
        server.send(None)
        await reader.until(lambda: reader.problems)
        assert "disconnected for upgrades" in reader.problems[0]
        await reader.settled(server)
        assert (reader.got, reader.rejects, reader.counts["streams"]) == ([], [], 2)

    told(story)


def test_keepalives_keep_a_stream_and_silence_ends_it():
    """One that sends empty lines stays; one that sends nothing is given up, which the health shows."""

    async def story(server, reader):
        await reader.settled(server)
        await reader.until(lambda: reader.counts["keepalives"] > 10)
        assert reader.counts["streams"] == 1
        server.keepalive = 3_600
        await reader.until(lambda: reader.problems)
        assert "sent nothing" in reader.problems[0]
        server.keepalive = 0.1
        await reader.until(lambda: reader.counts["streams"] == 2)
        assert reader.counts["silences"] == 1

    told(story, timings=replace(QUICK, silence=timedelta(seconds=0.6)))


def test_a_line_that_is_too_long_ends_the_stream_and_is_a_dead_letter():
    """It is not read to its end, and the stream is connected again."""

    async def story(server, reader):
        await reader.settled(server)
        server.send(b'{"data": "' + b"x" * 500_000)
        await reader.until(lambda: reader.rejects)
        assert "more than 20,000 bytes" in reader.rejects[0].reason
        assert len(reader.rejects[0].raw) < 64_000
        await reader.settled(server)
        server.say(post(1))
        await reader.until(lambda: reader.got)

    told(story, max_bytes=20_000)


def test_what_was_heard_and_not_stored_is_told_again():
    """The same by the same source, the same posts by another process; and it is paid for once."""

    async def story(server, reader):
        await reader.settled(server)
        cursor = reader.cursor
        server.say(post(1))
        await reader.until(lambda: reader.got)
        first, reader.cursor = reader.got.pop(), cursor
        batch = await reader.source.poll(cursor)
        assert [(e.id, e.rev, e.seq) for e in batch.events] == [(first.id, first.rev, first.seq)]
        other = Reader(server, cursor)
        await other.until(lambda: other.got)
        assert [(e.id, e.rev, e.seq) for e in other.got] == [(first.id, first.rev, first.seq)]
        await other.source.close()

    told(story)


def test_over_many_cuts_nothing_is_lost_or_doubled():
    """Cut every now and then, in the middle of a line and between two, while posts are written."""
    timings = replace(QUICK, settling=timedelta(seconds=0.2), longest=timedelta(seconds=0.1))
    hasty = partial(opened, timings=timings)

    async def story():
        async with XServer() as server:
            server.late = 0.1
            stream, stop = MemoryStream("x"), asyncio.Event()
            run = asyncio.create_task(
                run_source(spec(server, every="1s"), stream, stop=stop, retry_policy=HASTE, opener=hasty)
            )
            try:
                for n in range(1, 81):
                    if n % 9 == 3:  # two have been said to nobody
                        await condition(lambda: server.listeners)
                    server.say(post(n))
                    if n % 9 == 0:
                        server.send(b'cut:{"da' if n % 2 else None)
                        await condition(lambda: not server.listeners)
                    await asyncio.sleep(0.01)
                await condition(lambda: run.done() or len(stream.snapshot(1_000).deliveries) >= 80)
                found = [d.event for d in stream.snapshot(1_000).deliveries]
                assert sorted(e.text for e in found) == sorted(f"post {n}" for n in range(1, 81))
                assert len(server.asked(STREAM)) > 8
            finally:
                stop.set()
                await asyncio.wait_for(run, 20)
                stream.delete()

    asyncio.run(story())


# --- what X refuses ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "headers", "least", "most"),
    [
        (429, {}, 59, 61),
        (429, {"Retry-After": "200"}, 199, 201),
        (503, {"Retry-After": "100"}, 99, 101),
        (503, {}, 4, 6),
        (403, {}, 3_599, 3_601),
    ],
)
def test_without_a_stream_it_is_searched_and_tried_again_when_it_may(status, headers, least, most):
    """The health says why; what is held for a stream that never began costs nothing."""

    async def story(server, reader):
        async def refuse(request):
            return web.Response(status=status, headers=headers) if request.path == STREAM else None

        server.refuse = refuse
        server.say(post(1))
        await reader.until(lambda: reader.got)
        assert (reader.texts, len(server.asked(STREAM))) == (["post 1"], 1)
        assert f"status {status}" in reader.problems[-1]
        assert least < reader.source._connect_at - monotonic() < most
        batch = await reader.poll()
        assert timedelta(0) < batch.wait <= timedelta(seconds=most)
        assert len(server.asked(STREAM)) == 1
        assert (reader.state.spent, reader.state.held) == (server.spent, 0)

    told(story)


def test_credentials_that_are_not_accepted_are_told_as_such():
    """There is no use in searching."""

    async def story(server, reader):
        server.refuse = lambda _: asyncio.sleep(0, web.Response(status=401))
        with pytest.raises(AuthFailed):
            await reader.until(lambda: False)
        assert len(server.requests) == 1

    told(story)


def test_a_search_that_fails_does_not_end_the_stream():
    """It is tried again later, until when the stream does not move where it begins."""

    async def story(server, reader):
        async def refuse(request):
            return web.Response(status=503, headers={"Retry-After": "1"}) if request.path == SEARCH else None

        server.refuse = refuse
        await reader.until(lambda: reader.problems)
        assert "the search beside the stream" in reader.problems[0]
        server.say(post(1))
        await reader.until(lambda: reader.got)
        assert (reader.state.since_id, reader.state.reserved) == ("", 0)
        server.refuse = None
        await reader.settled(server)
        assert reader.state.since_id
        assert (reader.texts, reader.counts["streams"]) == (["post 1"], 1)

    told(story)


def test_secrets_show_nowhere():
    """Not in events, dead letters, cursors, problems or errors, though X says them back."""

    async def story(server, reader):
        await reader.settled(server)
        server.send(json.dumps({"errors": [{"detail": f"Bearer {TOKEN}"}]}).encode())
        server.send(f"garbage {TOKEN}".encode())
        server.say({**post(1), "text": f"it was {TOKEN}"})
        await reader.until(lambda: reader.got and reader.rejects)

        async def refuse(request):
            body = json.dumps({"errors": [{"details": [f"no such operator: {TOKEN}"]}]})
            return web.Response(status=400, text=body) if request.method == "POST" else None

        server.refuse, server.rules = refuse, []
        server.send(None)
        await reader.until(lambda: any("no such operator" in p for p in reader.problems))
        shown = repr([reader.got, reader.rejects, reader.problems, reader.cursor, reader.counts, reader.spec])
        assert TOKEN not in shown

    told(story)


# --- rules ------------------------------------------------------------------------------------------


def test_our_rule_is_made_once_and_kept():
    """It is found by its tag when there is a next process."""

    async def story(server, reader):
        await reader.until(lambda: server.listeners)
        made = list(server.rules)
        assert [(r["value"], r["tag"]) for r in made] == [("#pycon", "rtanalytics:x")]
        await reader.again()
        await condition(lambda: not server.listeners)
        await reader.until(lambda: server.listeners)
        assert server.rules == made
        assert [r.method for r in server.asked(RULES)] == ["GET", "POST", "GET"]

    told(story)


def test_rules_of_others_stay_and_what_they_match_is_paid_for_and_not_told():
    """A query that has changed replaces ours only; the other's posts come over our connection."""

    async def story(server, reader):
        theirs = [
            {"id": "1", "value": "cats", "tag": "rtanalytics:other"},
            {"id": "2", "value": "#pycon -is:reply", "tag": "x"},
            {"id": "3", "value": "dogs"},
        ]
        stale = {"id": "4", "value": "#pycon2025", "tag": "rtanalytics:x"}
        server.rules = [*theirs, stale]
        await reader.settled(server)
        assert server.rules[:3] == theirs
        assert [(r["value"], r["tag"]) for r in server.rules[3:]] == [("#pycon", "rtanalytics:x")]
        spent = reader.state.spent
        server.say(post(1), rules=theirs)
        server.say(post(2), rules=[*theirs, server.rules[3]])
        await reader.until(lambda: reader.got)
        assert (reader.texts, reader.counts["others"]) == (["post 2"], 1)
        assert reader.state.spent - spent == 2 * 15_000

    told(story)


def test_a_rule_of_somebody_else_with_our_query_is_used_and_left_alone():
    """X takes no second one."""

    async def story(server, reader):
        theirs = {"id": "1", "value": "#pycon", "tag": "somebody"}
        server.rules = [theirs]
        await reader.until(lambda: server.listeners)
        server.say(post(1), rules=[theirs])
        await reader.until(lambda: reader.got)
        assert server.rules == [theirs]

    told(story)


def test_a_rule_that_somebody_removed_is_made_again():
    """And what was missed meanwhile is searched for."""

    async def story(server, reader):
        await reader.settled(server)
        server.rules = []
        server.say(post(1), rules=[{"id": "999"}])
        server.posts.append((0.0, post(2)))
        await reader.until(lambda: server.rules and reader.got)
        assert reader.texts == ["post 2"]
        server.say(post(3))
        await reader.until(lambda: len(reader.got) == 2)
        assert reader.counts["streams"] == 1

    told(story, timings=replace(QUICK, rules=timedelta(seconds=0.3)))


# --- money ------------------------------------------------------------------------------------------


def test_money_is_held_before_it_is_connected_and_each_post_is_paid_from_it():
    """What is held is filled up; what was read is what is spent."""

    async def story(server, reader):
        batch = await reader.poll()
        assert (server.requests, batch.wait) == ([], timedelta(0))
        assert reader.state.held == reader.spec.held == 30 * 15_000 + 3 * 45_000
        await reader.settled(server)
        for n in range(1, 6):
            server.say(post(n))
        await reader.until(lambda: len(reader.got) == 5)
        assert reader.state.spent == server.spent == 5 * 15_000
        assert reader.state.held == reader.spec.held

    told(story)


def test_a_stream_that_ends_gives_back_what_it_did_not_need():
    """All but what it may have sent and we did not read."""

    async def story(server, reader):
        await reader.settled(server)
        server.say(post(1))
        await reader.until(lambda: reader.got)
        server.send(None)
        await reader.until(lambda: reader.problems)
        assert (reader.state.spent, reader.state.held) == (15_000, 0)
        await reader.settled(server)
        reader.problems.clear()
        server.send(b'cut:{"data": {"id": "1')
        spent = reader.state.spent
        await reader.until(lambda: reader.problems)
        assert reader.state.spent == spent + 45_000

    told(story)


def test_what_a_process_that_is_gone_has_held_counts_as_spent():
    """Nobody knows what it was sent."""

    async def story(server, reader):
        await reader.settled(server)
        await reader.again()
        await reader.poll()
        assert (reader.state.spent, reader.state.held) == (reader.spec.held, reader.spec.held)

    told(story)


@pytest.mark.parametrize("pace", [0.0, 0.004], ids=["at once", "one after another"])
def test_nothing_is_delivered_beyond_the_budget(pace):
    """However fast they come: the stream is left, the search has the rest, then it waits for midnight."""

    async def story(server, reader):
        reader.audited = server

        async def talk():
            for n in range(1, 2_000):
                server.say(post(n))
                await asyncio.sleep(pace)

        await reader.until(lambda: server.listeners)
        talking = asyncio.create_task(talk())
        await reader.until(lambda: reader.wait > timedelta(minutes=5) or reader.counts["budget_stops"], 60)
        talking.cancel()
        assert server.listeners == [] or not reader.source._lines
        assert "the budget of $3 for" in reader.problems[-1]
        assert timedelta(0) < reader.wait <= timedelta(days=1, seconds=1)
        assert server.spent <= reader.state.spent <= 3_000_000
        assert server.spent > 1_000_000
        before = len(server.requests)
        assert (await reader.poll()).wait > timedelta(0)
        assert len(server.requests) == before

    told(story, budget_usd_per_day=3, every="100ms")


def test_a_new_day_connects_again():
    """The budget is a day's."""

    async def story(server, reader):
        state = Ledger(v=1, day="2026-01-01", spent=2_000_000, seq=1)
        reader.cursor = msgspec.json.encode(state)
        await reader.until(lambda: server.listeners)
        assert reader.state.spent == 0

    told(story, budget_usd_per_day=2)


def test_a_stream_that_nobody_reads_is_let_go():
    """While nothing can be stored nothing is polled, and what X sends would be paid for."""

    async def story(server, reader):
        await reader.settled(server)
        await condition(lambda: not server.listeners, 5)
        await reader.until(lambda: server.listeners)
        assert reader.counts["streams"] == 2

    told(story, timings=replace(QUICK, silence=timedelta(seconds=0.5)))


def test_a_cursor_that_falls_back_does_not_give_money_back():
    """The server may lose its tail; we still know what was spent."""

    async def story(server, reader):
        await reader.settled(server)
        old = reader.cursor
        for n in range(1, 11):
            server.say(post(n))
        await reader.until(lambda: len(reader.got) == 10)
        reader.cursor = old
        await reader.until(lambda: reader.counts["streams"] == 2)
        assert reader.state.spent >= server.spent

    told(story)


def test_the_stream_is_paid_like_the_search_when_it_is_switched_off():
    """What was held is spent, and does not lie there for ever."""

    async def story(server, reader):
        await reader.settled(server)
        plain = Reader(server, reader.cursor, stream=False)
        await plain.poll()
        assert (plain.state.held, plain.state.spent) == (0, reader.spec.held)
        await plain.source.close()

    told(story)


def test_what_costs_nothing_is_listened_to_all_the_same():
    """Prices may be 0, for an account that pays in another way."""

    async def story(server, reader):
        await reader.settled(server)
        server.say(post(1))
        await reader.until(lambda: reader.got)
        assert (reader.texts, reader.state.spent) == (["post 1"], 0)

    told(story, usd_per_post=0, usd_per_user=0)


def test_a_budget_that_pays_for_no_stream_is_refused():
    """With what to write instead."""
    table = {"type": "x", "name": "x", "query": "#a", "token": "env:X", "budget_usd_per_day": 1.0}
    assert spec_from_table(table)
    with pytest.raises(SourceTableError, match=r"needs \$1\.04; write more, expand = false"):
        spec_from_table({**table, "stream": True})
    assert spec_from_table({**table, "stream": True, "expand": False})


def test_killed_at_any_moment_it_spends_no_more_than_the_budget(redis_url, prefix):
    """kill −9 of a real process again and again, in all its steps; what was told is stored once."""
    stream, dice, budget = RedisStream(redis_url, prefix), random.Random(7), 25_000_000
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}

    def stored():
        return [d.event for d in stream.snapshot(2_000).deliveries]

    def known():
        cursor = stream.open_scope("twitter", "x").cursor
        return Ledger() if cursor is None else msgspec.json.decode(cursor, type=Ledger)

    async def talk(server):
        for n in range(1, 100_000):
            server.say(post(n))
            await asyncio.sleep(0.005)

    async def story():
        async with XServer() as server:
            table = {**msgspec.to_builtins(spec(server, budget_usd_per_day=25)), "every": "100ms"}
            table = {k: v for k, v in table.items() if v is not None and k not in {"timeout", "budget"}}
            argument = json.dumps([table, redis_url, prefix])
            talking = asyncio.create_task(talk(server))
            heard = 0
            while (ledger := known()).left(budget) >= 450_000:  # as long as it pays for a search
                child = await asyncio.create_subprocess_exec(
                    sys.executable, "-c", CHILD, argument, env=environment
                )
                asked = len(server.requests)
                try:
                    await condition(lambda: len(server.requests) > asked)  # noqa: B023
                    await asyncio.sleep(dice.uniform(0, 1))
                finally:
                    heard += bool(server.listeners)
                    await asyncio.to_thread(kill, child.pid)
                    await child.wait()
                ledger = known()
                assert server.spent <= ledger.spent + ledger.reserved + ledger.held <= budget
            talking.cancel()
            events = stored()
            assert heard > 1
            assert 0 < server.spent <= budget
            assert len({e.id for e in events}) == len(events) > 0

    asyncio.run(story())


# --- the contract -----------------------------------------------------------------------------------


class Live(Outside):
    """The contract's service with a stream, which ends when the service begins to fail."""

    sent = 0

    @property
    def asked(self) -> int:
        return len(self.requests) + self.sent

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if self.fault is not None or request.path == SEARCH:
            return await super()._answer(request)
        self.requests.append(request)
        if request.path == RULES:
            return web.json_response(
                {"data": [{"id": "1", "value": "#pycon", "tag": "rtanalytics:contract"}]}
            )
        response = web.StreamResponse()
        await response.prepare(request)
        known = len(self.items)
        try:
            while self.fault is None:
                fresh, known = self.items[known:], len(self.items)
                for n in fresh:
                    await response.write(StreamHarness.line(n))
                    self.sent += 1
                await response.write(b"\r\n")
                await asyncio.sleep(0.02)
        except ConnectionError:
            return response  # whoever listened has gone
        return response


class StreamHarness(Harness):
    """A stream and a search."""

    kind = "x"
    streams = True

    @staticmethod
    def line(n: int) -> bytes:
        whole = json.loads(page(tweet(n)))
        return (
            json.dumps({**whole, "data": whole["data"][0], "matching_rules": [{"id": "1"}]}).encode() + b"\n"
        )

    def table(self, url):
        money = {"budget_usd_per_day": 100_000, "token": "env:CONTRACT_SECRET"}
        return {"query": "#pycon", "stream": True, **money, "api": url, "allow_private": True}

    def secret_table(self, url):
        return self.table(url)

    def service(self):
        return Live(self)

    async def answer(self, request, items):
        since = int(request.query.get("since_id", 0))
        return web.Response(body=page(*(t for n in reversed(items) if int((t := tweet(n))["id"]) > since)))

    def number(self, event):
        return int(event.text.removeprefix("tweet ")) if event.type == "post" else None

    def open(self, spec, counts):
        return Stepping(opened(spec, counts))


class Stepping:
    """The source as the suite expects it: all steps of connecting and searching in one poll.

    The suite does not wait, so between its polls the time that the source asked for has passed.
    """

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.bucket, self.scope = inner.bucket, inner.scope

    async def poll(self, cursor: bytes | None) -> Batch:
        last, self.inner._connect_at, self.inner._search_at = None, 0.0, 0.0
        for _ in range(12):
            batch = await self.inner.poll(cursor)
            cursor = last = batch.cursor or last or cursor
            if batch.events or batch.rejects or batch.wait > SOON:
                break
            await asyncio.sleep(batch.wait.total_seconds())
        return replace(batch, cursor=last)

    async def close(self) -> None:
        await self.inner.close()


class TestContract(HttpContract):
    harness_class = StreamHarness
