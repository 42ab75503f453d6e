"""X's search and its money, against a real server that counts what it is asked."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from aiohttp import web

from rtanalytics.sources import SourceTableError, open_source, spec_from_table
from rtanalytics.sources.base import AuthFailed, Batch, CursorInvalid, RateLimited, Transient
from rtanalytics.sources.twitter import XSpec
from rtanalytics.sources.twitter.budget import Ledger
from tests.contracts import source as contract
from tests.contracts.http import HttpContract
from tests.contracts.source import Harness
from tests.sources.server import FeedServer

SEARCH = "/2/tweets/search/recent"
EPOCH = 1288834974657
NOW = datetime.now(UTC).replace(microsecond=0)


def number(at: datetime, n: int = 0) -> str:
    """The id of a tweet that is written then."""
    return str((int(at.timestamp() * 1000) - EPOCH << 22) + n)


def tweet(n: int, text: str = "", *, ago: timedelta = timedelta(hours=1), first: str = "") -> dict[str, Any]:
    at = NOW - ago + timedelta(seconds=n)
    native = number(at, n)
    return {
        "id": native,
        "text": text or f"tweet {n}",
        "created_at": f"{at:%Y-%m-%dT%H:%M:%S.000Z}",
        "author_id": "7",
        "edit_history_tweet_ids": [first, native] if first else [native],
    }


def page(*tweets: dict[str, Any], token: str = "") -> bytes:
    users = {"users": [{"id": "7", "username": "ada"}]} if tweets else {}
    meta = {"result_count": len(tweets)} | ({"next_token": token} if token else {})
    return json.dumps({"data": list(tweets), "includes": users, "meta": meta}).encode()


class Reader:
    """Polls as the runner does, and keeps what it got."""

    def __init__(self, server: FeedServer, **fields: Any) -> None:
        table = {"type": "x", "name": "x", "query": "#pycon", "token": "env:X_TOKEN", "budget_usd_per_day": 5}
        table |= {"api": server.url(""), "allow_private": True, **fields}
        self.spec: XSpec = spec_from_table(table)
        self.counts: Counter[str] = Counter()
        self.cursor: bytes | None = None
        self.got: list[Any] = []
        self.source = open_source(self.spec, self.counts)

    async def poll(self) -> Batch:
        batch = await self.source.poll(self.cursor)
        self.cursor = batch.cursor or self.cursor
        self.got += batch.events
        return batch

    async def round(self) -> Batch:
        """Until it wants to rest."""
        while not (batch := await self.poll()).wait:
            pass
        return batch

    async def again(self) -> None:
        """A new process with the stored cursor."""
        await self.source.close()
        self.source = open_source(self.spec, self.counts)

    @property
    def state(self) -> Ledger:
        return msgspec.json.decode(self.cursor, type=Ledger)

    @property
    def texts(self) -> list[str]:
        return [e.text for e in self.got]


@pytest.fixture(autouse=True)
def token(monkeypatch):
    monkeypatch.setenv("X_TOKEN", "s3cr3t-bearer")


def told(story: Callable[[FeedServer, Reader], Awaitable[Any]], **fields: Any) -> Any:
    async def run():
        async with FeedServer() as server:
            reader = Reader(server, **fields)
            try:
                return await story(server, reader)
            finally:
                await reader.source.close()

    return asyncio.run(run())


def asked(server: FeedServer, key: str) -> list[str | None]:
    return [r.query.get(key) for r in server.requests if r.path == SEARCH]


# --- reading ----------------------------------------------------------------------------------------


def test_a_search_asks_for_what_is_newer_than_what_it_has():
    """All pages first; then since_id, which stays where it is while there is nothing new."""

    async def story(server, reader):
        one, two, three = tweet(1), tweet(2), tweet(3)

        async def answer(request: web.Request) -> web.Response:
            assert request.headers["Authorization"] == "Bearer s3cr3t-bearer"
            if "since_id" in request.query:
                return web.Response(body=page())
            return web.Response(
                body=page(one) if "next_token" in request.query else page(three, two, token="n")
            )

        server.handle(SEARCH, answer)
        for _ in range(3):
            await reader.round()
        assert reader.texts == ["tweet 2", "tweet 3", "tweet 1"]
        assert asked(server, "since_id") == [None, None, three["id"], three["id"]]
        assert asked(server, "query") == ["#pycon"] * 4
        assert [e.ingest.connector for e in reader.got] == ["x@1"] * 3
        numbers = [e.seq for e in reader.got]
        assert numbers == list(range(numbers[0], numbers[0] + 3))
        assert b"s3cr3t" not in reader.cursor

    told(story)


def test_an_edit_is_a_revision_of_the_first_version():
    """Under the number of the first, at the time of the first, edited when it was."""

    async def story(server, reader):
        one = tweet(1, "Keynot")
        server.serve(SEARCH, page(one))
        await reader.round()
        server.serve(SEARCH, page(tweet(9, "Keynote", first=one["id"])))
        await reader.round()
        first, second = reader.got
        assert (first.id, second.text) == (second.id, "Keynote")
        assert first.rev != second.rev
        assert second.edited_at - first.created_at == timedelta(seconds=8)

    told(story)


def test_a_limit_is_kept_to_but_not_for_longer_than_its_window():
    """The reset of X is a time; where a clock is wrong it would be hours. Nothing counts as spent."""

    async def story(server, reader):
        soon = datetime.now(UTC).timestamp() + 100_000
        server.serve(SEARCH, b"{}", status=429, x_rate_limit_remaining="0", x_rate_limit_reset=str(int(soon)))
        await reader.poll()
        with pytest.raises(RateLimited) as limited:
            await reader.poll()
        server.serve(SEARCH, page(tweet(1)), x_rate_limit_remaining="0", x_rate_limit_reset="9999999999")
        batch = await reader.round()
        assert limited.value.wait == batch.wait == timedelta(seconds=901)
        assert (reader.texts, reader.state.spent) == (["tweet 1"], 15_000)

    told(story)


@pytest.mark.parametrize(("status", "error"), [(401, AuthFailed), (503, Transient)])
def test_what_was_refused_is_not_billed(status, error):
    """However often it is tried, the budget stays."""

    async def story(server, reader):
        server.serve(SEARCH, b"", status=status)
        await reader.poll()
        for _ in range(200):
            with pytest.raises(error):
                await reader.poll()
        server.serve(SEARCH, page(tweet(1)))
        await reader.round()
        assert (reader.texts, reader.state.spent) == (["tweet 1"], 15_000)

    told(story)


def test_what_is_older_than_the_search_reaches_is_a_gap():
    """Asked for a since_id of last week X refuses; so it is left out, and what is missing is told."""

    async def story(server, reader):
        old = tweet(1, ago=timedelta(days=9))
        server.serve(SEARCH, page(old))
        await reader.round()
        server.serve(SEARCH, page(tweet(2)))
        await reader.round()
        await reader.round()
        _, gap, new = reader.got
        assert asked(server, "since_id")[:2] == [None, None]
        assert asked(server, "since_id")[2] is not None
        assert (gap.type, gap.id, new.text) == ("gap", f"twitter:x:gap/{old['id']}", "tweet 2")
        assert "7 days" in gap.text

    told(story)


def test_more_pages_than_may_be_read_are_a_gap():
    """Which is said, and the search goes on from the newest."""

    async def story(server, reader):
        server.serve(SEARCH, page(tweet(1)))
        await reader.round()
        server.serve(SEARCH, page(tweet(5), token="more"))
        await reader.round()
        assert [e.type for e in reader.got] == ["post", "post", "gap"]
        assert reader.state.since_id == reader.got[1].url.rpartition("/")[2]

    told(story, pages=2)


# --- money ------------------------------------------------------------------------------------------


def test_money_is_put_aside_before_it_is_spent():
    """The first poll asks nobody; the second pays for what came, not for what might have come."""

    async def story(server, reader):
        server.serve(SEARCH, page(tweet(1), tweet(2)))
        before = await reader.poll()
        assert (server.requests, before.events, before.wait) == ([], [], timedelta(0))
        assert reader.state.reserved == 100 * 45_000
        after = await reader.poll()
        assert (reader.state.spent, reader.state.reserved) == (2 * 5_000 + 10_000, 0)
        assert after.notes == {"spent_usd": "0.020", "budget_left_usd": "4.980"}

    told(story)


def test_nothing_is_asked_beyond_the_budget():
    """Pages get smaller as it runs out; then it rests until midnight in UTC, and says why."""

    async def story(server, reader):
        sizes, n = [], 0

        async def answer(request: web.Request) -> web.Response:
            nonlocal n
            size = int(request.query["max_results"])
            sizes.append(size)
            n += size
            tweets = [{**tweet(n - i), "author_id": str(n - i)} for i in range(size)]
            users = [{"id": t["author_id"], "username": f"u{t['author_id']}"} for t in tweets]
            return web.json_response({"data": tweets, "includes": {"users": users}})

        server.handle(SEARCH, answer)
        batch = await reader.round()
        while batch.problem is None:
            batch = await reader.round()
        assert sizes[0] == 22
        assert sizes == sorted(sizes, reverse=True)
        assert sizes[-1] >= 10
        assert reader.state.spent == sum(sizes) * 15_000 <= 1_000_000
        assert 1_000_000 - reader.state.spent < 10 * 45_000
        assert batch.problem.startswith("the budget of $1 for ")
        assert timedelta(0) < batch.wait <= timedelta(days=1, seconds=1)

    told(story, budget_usd_per_day=1)


def test_a_restart_does_not_forget_what_was_spent():
    """Nor does it begin a new budget: the cursor has it."""

    async def story(server, reader):
        server.serve(SEARCH, page(*(tweet(n) for n in range(50))))
        await reader.round()
        spent = reader.state.spent
        assert spent == 260_000
        await reader.again()
        server.serve(SEARCH, page())
        await reader.round()
        assert reader.state.spent == spent

    told(story)


def test_what_was_put_aside_by_a_process_that_was_killed_counts_as_spent():
    """Nobody knows whether it was answered."""

    async def story(server, reader):
        server.serve(SEARCH, page(tweet(1)))
        await reader.poll()
        await reader.again()
        await reader.poll()
        assert reader.state.spent == 100 * 45_000
        assert server.requests == []
        batch = await reader.poll()
        assert asked(server, "max_results") == ["11"]
        assert batch.problem is None

    told(story)


def test_an_answer_that_was_cut_off_counts_as_spent():
    """It was perhaps billed; the next attempt has to have money of its own."""

    async def story(server, reader):
        async def cut(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse(headers={"Content-Length": "10000"})
            await response.prepare(request)
            await response.write(b'{"data": [')
            request.transport.close()
            return response

        server.handle(SEARCH, cut)
        await reader.poll()
        with pytest.raises(Transient):
            await reader.poll()
        await reader.poll()
        assert reader.state.spent == 100 * 45_000

    told(story)


def test_an_answer_that_cannot_be_read_counts_as_spent():
    """One dead letter, all that was put aside, and the same since_id."""

    async def story(server, reader):
        server.serve(SEARCH, b"<html>maintenance</html>")
        await reader.poll()
        batch = await reader.poll()
        assert len(batch.rejects) == 1
        assert "invalid response of X" in batch.problem
        assert (reader.state.spent, reader.state.reserved) == (100 * 45_000, 0)

    told(story)


def test_a_server_that_is_away_costs_nothing():
    """No connection, no bill."""

    async def story(server, reader):
        await server.stop()
        await reader.poll()
        for _ in range(5):
            with pytest.raises(Transient):
                await reader.poll()
        await server.start()
        server.serve(SEARCH, page(tweet(1)))
        await reader.round()
        assert reader.state.spent == 15_000

    told(story)


def test_asked_again_with_the_same_cursor_it_does_not_pay_again():
    """A batch that could not be stored is the same batch when it is asked for again."""

    async def story(server, reader):
        server.serve(SEARCH, page(tweet(1)))
        await reader.poll()
        first = await reader.source.poll(reader.cursor)
        second = await reader.source.poll(reader.cursor)
        names = [[(e.id, e.rev, e.seq) for e in batch.events] for batch in (first, second)]
        assert names[0] == names[1] != []
        assert first.cursor == second.cursor
        assert len(server.requests) == 1

    told(story)


def test_a_new_day_has_a_new_budget():
    """In UTC; a clock that is set back has none."""

    async def story(server, reader):
        server.serve(SEARCH, page())
        await reader.round()
        for day, spent in (("2026-01-01", 0), ("2999-01-01", 5_000_000)):
            state = reader.state
            state.day, state.spent = day, 5_000_000
            reader.cursor = msgspec.json.encode(state)
            batch = await reader.round()
            assert reader.state.spent == spent
            assert (batch.problem is None) == (spent == 0)

    told(story)


def test_a_cursor_that_is_lost_ends_the_day():
    """Nobody knows what was spent, so nothing more is."""

    async def story(server, reader):
        with pytest.raises(CursorInvalid):
            await reader.source.poll(b"nonsense")
        batch = await reader.poll()
        assert batch.problem is not None
        assert server.requests == []

    told(story)


# --- the table --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"budget_usd_per_day": None}, "'budget_usd_per_day' is missing"),
        ({"budget_usd_per_day": 0}, "is invalid"),
        ({"budget_usd_per_day": float("inf")}, "is invalid"),
        ({"budget_usd_per_day": 0.1}, "does not pay for one search"),
        ({"token": "AAAA"}, "must not be in the file itself"),
        ({"query": "x" * 513}, "512 characters"),
        ({"usd_per_post": -1}, "is invalid"),
        ({"pages": 0}, "out of range"),
        ({"api": "file:///etc/passwd"}, "not a web address"),
    ],
)
def test_a_table_that_cannot_be_is_refused_with_what_to_write(fields, said):
    """A budget must be written down; a token must not."""
    table = {"type": "x", "name": "x", "query": "#pycon", "token": "env:X", "budget_usd_per_day": 5, **fields}
    with pytest.raises(SourceTableError, match=said) as refused:
        spec_from_table({k: v for k, v in table.items() if v is not None})
    assert "AAAA" not in str(refused.value)


def test_without_a_token_it_says_which_variable_to_set(monkeypatch):
    """Before anything is asked."""
    monkeypatch.delenv("X_TOKEN")

    async def story(server, reader):
        await reader.poll()
        with pytest.raises(AuthFailed, match="set the environment variable X_TOKEN"):
            await reader.poll()
        return server.requests

    assert told(story) == []


# --- the contract -----------------------------------------------------------------------------------


class XHarness(Harness):
    """A search."""

    kind = "x"

    def table(self, url):
        money = {"budget_usd_per_day": 100_000, "token": "env:CONTRACT_SECRET"}
        return {"query": "#pycon", **money, "api": url, "allow_private": True}

    def secret_table(self, url):
        return self.table(url)

    async def answer(self, request, items):
        since = int(request.query.get("since_id", 0))
        return web.Response(body=page(*(t for n in reversed(items) if int((t := tweet(n))["id"]) > since)))

    def number(self, event):
        return int(event.text.removeprefix("tweet ")) if event.type == "post" else None


class Paying:
    """The search as the suite expects it: what is put aside is stored, and then spent, in one poll."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.bucket, self.scope = inner.bucket, inner.scope

    async def poll(self, cursor: bytes | None) -> Batch:
        batch = await self.inner.poll(cursor)
        if batch.cursor is not None and msgspec.json.decode(batch.cursor, type=Ledger).grant:
            return await self.inner.poll(batch.cursor)
        return batch

    async def close(self) -> None:
        await self.inner.close()


class TestContract(HttpContract):
    harness_class = XHarness

    @pytest.fixture(autouse=True)
    def paying(self, monkeypatch):
        monkeypatch.setattr(contract, "open_source", lambda spec, counts: Paying(open_source(spec, counts)))
