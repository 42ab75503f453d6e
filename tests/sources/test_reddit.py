"""Reddit's listings and its tokens, against a real server."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web

from rtanalytics.sources import SourceTableError, open_source, spec_from_table
from rtanalytics.sources.base import AuthFailed, Batch, RateLimited, Transient
from tests.contracts.http import HttpContract
from tests.contracts.source import SECRET, T0, Harness
from tests.sources.server import FeedServer

NEW, TOKEN = "/r/Python/new", "/api/v1/access_token"


def thing(n: int, **more: Any) -> dict[str, Any]:
    data = {"name": f"t3_n{n}", "author": "ada", "subreddit": "Python", "title": f"Post {n}", "is_self": True}
    at = (T0 + timedelta(minutes=n)).timestamp()
    return {"kind": "t3", "data": {**data, "selftext": "text", "created_utc": at, **more}}


def listing(*things: dict[str, Any], after: str | None = None) -> web.Response:
    return web.json_response({"kind": "Listing", "data": {"children": list(things), "after": after}})


class Service:
    """Gives tokens, and listings to those who have one that is good."""

    def __init__(self) -> None:
        self.given = 0
        self.good = ""
        self.pages: dict[str | None, web.Response | Callable[[], web.Response]] = {}

    async def token(self, request: web.Request) -> web.Response:
        assert request.method == "POST"
        assert (await request.post())["grant_type"] == "client_credentials"
        if request.headers["Authorization"] != "Basic YXBwOnMzY3IzdA==":
            return web.json_response({"error": 401}, status=401)
        self.given += 1
        self.good = f"t0ken{self.given}"
        return web.json_response({"access_token": self.good, "token_type": "bearer", "expires_in": 3600})

    async def listing(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {self.good}":
            return web.json_response({"message": "Unauthorized"}, status=401)
        return self.pages[request.query.get("after")]()


class Reader:
    """Polls as the runner does, and keeps what it got."""

    def __init__(self, server: FeedServer, **fields: Any) -> None:
        table = {"type": "reddit", "name": "r", "subreddit": "Python", "client_id": "env:R_ID"}
        table |= {"client_secret": "env:R_SECRET", "api": server.url(""), "login": server.url("")}
        self.counts: Counter[str] = Counter()
        self.cursor: bytes | None = None
        self.got: list[Any] = []
        self.source = open_source(spec_from_table({**table, "allow_private": True, **fields}), self.counts)

    async def poll(self) -> Batch:
        batch = await self.source.poll(self.cursor)
        self.cursor = batch.cursor or self.cursor
        self.got += batch.events
        return batch


Story = Callable[[FeedServer, Service, Reader], Awaitable[Any]]


@pytest.fixture(autouse=True)
def credentials(monkeypatch):
    monkeypatch.setenv("R_ID", "app")
    monkeypatch.setenv("R_SECRET", "s3cr3t")


def run_story(story: Story, **fields: Any) -> Any:
    async def run():
        async with FeedServer() as server:
            service = Service()
            server.handle(TOKEN, service.token)
            server.handle(NEW, service.listing)
            reader = Reader(server, **fields)
            try:
                return await story(server, service, reader)
            finally:
                await reader.source.close()

    return asyncio.run(run())


def test_pages_are_read_until_what_is_known():
    """With one token for all of them; edits as revisions, nothing twice."""

    async def story(server, service, reader):
        service.pages = {
            None: lambda: listing(thing(4), thing(3), after="t3_n3"),
            "t3_n3": lambda: listing(thing(2), thing(1)),
        }
        await reader.poll()
        batch = await reader.poll()
        assert batch.wait == timedelta(minutes=1)
        assert [e.title for e in reader.got] == ["Post 3", "Post 4", "Post 1", "Post 2"]
        edit = thing(4, selftext="better", edited=(T0 + timedelta(hours=1)).timestamp())
        service.pages[None] = lambda: listing(thing(5), edit, thing(3), after="t3_n3")
        await reader.poll()
        assert [(e.id, e.text) for e in reader.got[4:]] == [
            ("reddit::t3_n4", "better"),
            ("reddit::t3_n5", "text"),
        ]
        assert (service.given, reader.counts["tokens"]) == (1, 1)
        for secret in (b"s3cr3t", b"t0ken"):
            assert secret not in reader.cursor

    run_story(story)


def test_a_deletion_is_told_while_the_item_is_on_the_pages():
    """It has the time of its first version."""

    async def story(server, service, reader):
        service.pages[None] = lambda: listing(thing(1))
        await reader.poll()
        service.pages[None] = lambda: listing(thing(1, author="[deleted]", selftext="[deleted]"))
        await reader.poll()
        first, second = reader.got
        assert (first.id, second.op, second.created_at) == (second.id, "delete", first.created_at)

    run_story(story)


def test_more_than_the_listing_holds_is_a_gap():
    """The pages end before what is known."""

    async def story(server, service, reader):
        service.pages[None] = lambda: listing(thing(1))
        await reader.poll()
        service.pages = {None: lambda: listing(thing(9), after="t3_n9"), "t3_n9": lambda: listing(thing(8))}
        await reader.poll()
        await reader.poll()
        return [e.type for e in reader.got]

    assert run_story(story, pages=2) == ["post", "post", "post", "gap"]


def test_a_token_that_was_withdrawn_is_renewed_once():
    """A token may be revoked between polls; wrong credentials are reported."""

    async def story(server, service, reader):
        service.pages[None] = lambda: listing(thing(1))
        await reader.poll()
        service.good = "another"
        await reader.poll()
        assert service.given == 2
        server.serve(NEW, b"", status=401)
        with pytest.raises(AuthFailed):
            await reader.poll()
        assert service.given == 3

    run_story(story)


def test_wrong_credentials_are_told_and_shown_to_nobody(monkeypatch):
    """Reddit says 401; the message has nothing of them."""
    monkeypatch.setenv("R_SECRET", "wr0ng")

    async def story(server, service, reader):
        with pytest.raises(AuthFailed) as refused:
            await reader.poll()
        assert "wr0ng" not in str(refused.value)

    run_story(story)


def test_a_token_that_is_none_is_tried_again():
    """A page of HTML in its place."""

    async def story(server, service, reader):
        server.serve(TOKEN, b"<html>")
        with pytest.raises(Transient, match="no token in the response"):
            await reader.poll()

    run_story(story)


def test_the_limit_that_headers_tell_is_kept_to():
    """Reddit counts down with decimals, and resets in seconds."""

    async def story(server, service, reader):
        def page() -> web.Response:
            answer = listing(thing(1))
            answer.headers["X-Ratelimit-Remaining"] = "0.0"
            answer.headers["X-Ratelimit-Reset"] = "323"
            return answer

        service.pages[None] = page
        assert (await reader.poll()).wait == timedelta(seconds=323)
        server.serve(NEW, b"", status=429, X_Ratelimit_Remaining="0", X_Ratelimit_Reset="77")
        with pytest.raises(RateLimited) as limited:
            await reader.poll()
        assert limited.value.wait == timedelta(seconds=77)

    run_story(story)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"client_secret": "abc"}, "must not be in the file itself"),
        ({"subreddit": "r/Python"}, "without r/"),
        ({"listing": "hot"}, 'write "new" or "comments"'),
        ({"pages": 11}, "out of range"),
    ],
)
def test_a_table_that_cannot_be_is_refused_with_what_to_write(fields, message):
    """Without credentials there is no source."""
    table = {
        "type": "reddit",
        "name": "r",
        "subreddit": "Python",
        "client_id": "env:A",
        "client_secret": "env:B",
    }
    with pytest.raises(SourceTableError, match=message):
        spec_from_table({**table, **fields})
    with pytest.raises(SourceTableError, match="'client_id' is missing"):
        spec_from_table({"type": "reddit", "name": "r", "subreddit": "Python"})


class RedditHarness(Harness):
    """A subreddit."""

    kind = "reddit"

    def table(self, url):
        secret = {"client_id": "env:CONTRACT_SECRET", "client_secret": "env:CONTRACT_SECRET"}
        return {"subreddit": "Python", **secret, "api": url, "login": url, "allow_private": True}

    def secret_table(self, url):
        return self.table(url)

    async def answer(self, request, items):
        if request.path == TOKEN:
            return web.json_response({"access_token": SECRET, "expires_in": 3600})
        return listing(*(thing(n) for n in reversed(items)))

    def number(self, event):
        return int(event.title.removeprefix("Post ")) if event.type == "post" else None


class TestContract(HttpContract):
    harness_class = RedditHarness
