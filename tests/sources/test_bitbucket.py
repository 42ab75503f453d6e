"""Bitbucket's commits, pull requests and webhooks, read and asked for."""

from __future__ import annotations

import asyncio
import json
from base64 import b64decode
from collections import Counter
from datetime import UTC, datetime

import pytest
from aiohttp import web
from hypothesis import given, settings

from rtanalytics.sources.base import Malformed
from rtanalytics.sources.bitbucket import BitbucketSource, Spec
from rtanalytics.sources.bitbucket.parse import parse
from tests.contracts.http import HttpContract
from tests.contracts.source import Harness
from tests.sources.mutations import mutated, survives
from tests.sources.server import FeedServer

NOW = datetime(2026, 5, 15, 12, tzinfo=UTC)
META = Spec(name="b", repo="Ada/engine").meta(NOW)


def commit(number: int, **more):
    return {
        "type": "commit", "hash": f"{number:040x}", "date": f"2026-05-15T09:{number % 60:02}:00+00:00",
        "message": f"Step {number}\n\nSee https://x.example/{number}\n",
        "author": {"raw": "Ada L <ada@secret.example>", "user": {"nickname": "ada", "display_name": "Ada L", "uuid": "{1}"}},
        "repository": {"full_name": "Ada/Engine"},
        "links": {"html": {"href": f"https://bitbucket.org/Ada/Engine/commits/{number:040x}"}}, **more,
    }  # fmt: skip


PULL = {
    "type": "pullrequest", "id": 7, "title": "Carry", "description": "the one", "created_on": "2026-05-15T09:00:00+00:00",
    "updated_on": "2026-05-15T10:00:00+00:00", "destination": {"repository": {"full_name": "ada/engine"}},
    "author": {"display_name": "Bob", "account_id": "9"}, "links": {"html": {"href": "https://bitbucket.org/ada/engine/pull-requests/7"}},
}  # fmt: skip


def read(payload):
    return parse(json.dumps(payload).encode(), META)


def test_commits_and_pull_requests_become_events():
    """Ids under the repository, however it is written; no address of a person is kept."""
    parsed = read({"values": [commit(1), PULL, {"type": "repository"}, 3], "next": "https://x.example/2"})
    first, pull = parsed.events
    assert (first.id, first.type) == (f"bitbucket::ada/engine/commits/{1:040x}", "commit")
    assert (first.title, first.text, first.links) == (
        "Step 1",
        "See https://x.example/1",
        ["https://x.example/1"],
    )
    assert (first.author.handle, first.author.name, first.author.id) == ("ada", "Ada L", "{1}")
    assert b"secret.example" not in first.raw
    assert (pull.id, pull.type, pull.title) == (
        "bitbucket::ada/engine/pull-requests/7",
        "pull_request",
        "Carry",
    )
    assert pull.edited_at == datetime(2026, 5, 15, 10, tzinfo=UTC)
    assert (parsed.next, parsed.counts["unknown_record_repository"], [r.reason for r in parsed.rejects]) == (
        "https://x.example/2",
        1,
        ["unsupported type 'repository'", "not a JSON object but int"],
    )


def test_a_comment_of_a_webhook_can_be_deleted():
    """It is a reply to the pull request."""
    comment = {
        "id": 4,
        "content": {"raw": "nice"},
        "user": {"nickname": "eve"},
        "created_on": "2026-05-15T09:00:00+00:00",
    }
    payload = {"pullrequest": PULL, "comment": comment, "repository": {"full_name": "ada/engine"}}
    [message] = read(payload).events
    [gone] = read(payload | {"comment": comment | {"deleted": True}}).events
    assert (message.id, message.text, message.reply_to) == (
        "bitbucket::ada/engine/pull-requests/7/comments/4", "nice", "bitbucket::ada/engine/pull-requests/7"
    )  # fmt: skip
    assert (gone.id, gone.op, gone.text) == (message.id, "delete", None)


REPO = {"full_name": "Ada/Engine"}
WHEN = {"created_on": "2026-05-15T09:00:00.100000+00:00", "updated_on": "2026-05-15T09:00:00.100900+00:00"}
ISSUE = {
    "type": "issue", "id": 3, "title": "Slow", "content": {"raw": "*very*", "html": "<p><em>very</em></p>"},
    "reporter": {"nickname": "ada"}, "repository": REPO, **WHEN,
}  # fmt: skip
SAID = {"id": 4, "content": {"raw": "me too"}, "user": {"nickname": "eve"}, **WHEN}
THREAD = "bitbucket::ada/engine"


@pytest.mark.parametrize(
    ("payload", "native", "kind", "text"),
    [
        ({"values": [ISSUE]}, "issues/3", "issue", "very"),
        ({"issue": ISSUE, "repository": REPO, "actor": {}}, "issues/3", "issue", "very"),
        ({"issue": ISSUE, "comment": SAID, "repository": REPO}, "issues/3/comments/4", "reply", "me too"),
        ({"commit": {"hash": "0a1b"}, "comment": SAID, "repository": REPO}, "commits/0a1b/comments/4", "reply", "me too"),
        ({"values": [{"pull_request": {"id": 7}, "comment": SAID}]}, "pull-requests/7/comments/4", "reply", "me too"),
        (SAID | {"pullrequest": {"id": 7}}, "pull-requests/7/comments/4", "reply", "me too"),
        ({"pullrequest": PULL, "approval": {}, "repository": REPO}, "pull-requests/7", "pull_request", "the one"),
    ],
)  # fmt: skip
def test_issues_and_comments_of_all_kinds_are_read(payload, native, kind, text):
    """Items of the API and of webhooks have the text that people read."""
    [event] = read(payload).events
    assert (event.id, event.type, event.text) == (f"{THREAD}/{native}", kind, text)
    assert event.edited_at is None or kind == "pull_request"
    assert event.thread == (f"{THREAD}/{native.partition('/comments')[0]}" if kind == "reply" else None)


def test_a_comment_of_a_list_says_in_its_address_where_it_was_made():
    """Nothing else in it does."""
    payload = SAID | {
        "pullrequest": {"id": 9},
        "links": {"html": {"href": "https://bitbucket.org/bob/x/pull-requests/9/_/diff"}},
    }
    [event] = read({"values": [payload]}).events
    assert (event.id, event.channel) == ("bitbucket::bob/x/pull-requests/9/comments/4", "bob/x")


def test_a_push_without_commits_made_or_took_away_a_branch_or_tag():
    """The tag with its message; a tag of a list is the same event."""
    tag = {
        "type": "tag",
        "name": "v1",
        "message": "first",
        "date": "2026-05-15T08:00:00+00:00",
        "target": {"hash": "0a1b"},
    }
    pushed = {
        "actor": {"nickname": "ada"},
        "repository": REPO,
        "push": {"changes": [{"new": tag, "old": None}]},
    }
    [made] = read(pushed).events
    assert (made.id, made.type, made.title, made.text) == (
        f"{THREAD}/created/tag/v1/0a1b",
        "create",
        "created tag v1",
        "first",
    )
    assert (made.handle, made.created_at.hour) == ("ada", 8)
    assert read({"values": [tag]}).events[0].id == made.id
    branch = {"type": "branch", "name": "dev", "target": {"type": "commit", "hash": "0a1b"}}
    pushed["push"] = {"changes": [{"new": None, "old": branch, "closed": True}]}
    [gone] = read(pushed).events
    assert (gone.type, gone.title, gone.ingest.time_kind) == ("remove", "deleted branch dev", "observed")


@pytest.mark.parametrize("payload", [{"eventKey": "pr:opened"}, {"values": [], "isLastPage": True}])
def test_a_bitbucket_server_is_another_product(payload):
    """Its answers look alike."""
    with pytest.raises(Malformed, match="Bitbucket Server"):
        read(payload)


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b"<html>", b'{"type": "error"}', b"[" * 90_000])
def test_what_is_no_answer_is_malformed(raw):
    """An error page, another document, or nesting without end."""
    with pytest.raises(Malformed, match="invalid response of Bitbucket"):
        parse(raw, META)


TAG = {"type": "tag", "name": "v1", "target": {"hash": "0a1b"}}
MADE = {"push": {"changes": [{"new": TAG, "old": None}]}, "repository": REPO}


@given(
    mutated(
        [
            {"values": [commit(1), PULL, ISSUE]},
            {"issue": ISSUE, "comment": SAID},
            MADE,
            {"push": {"changes": [{"commits": [commit(2)]}]}},
        ]
    )
)
@settings(max_examples=150, deadline=None)
def test_whatever_the_shape_only_malformed_comes_out(payload):
    """Keys dropped, types changed, values nested."""
    survives(parse, json.dumps(payload).encode(), META)


@pytest.mark.data
def test_every_recorded_answer_is_read(data_folder):
    """Commits and pull requests are events; nothing that is there raises."""
    kinds: Counter[str] = Counter()
    for path in sorted((data_folder / "payloads/bitbucket").iterdir()):
        parsed = parse(path.read_bytes(), META)
        assert bool(parsed.events) != bool(parsed.rejects), path
        kinds.update(event.type if event.op == "create" else event.op for event in parsed.events)
        assert all(event.url and event.author and event.created_at < NOW for event in parsed.events), path
    assert min(kinds["commit"], kinds["pull_request"], kinds["reply"], kinds["delete"]) >= 1, kinds


def test_a_pause_is_caught_up_with_page_by_page(monkeypatch):
    """Each commit once; the token goes to the service and nowhere else."""
    monkeypatch.setenv("BITBUCKET_TOKEN", "the-token-of-a-test")

    async def story():
        async with FeedServer() as server:
            log, asked = [commit(n) for n in range(1, 4)], []

            async def page(request):
                asked.append(request.headers.get("Authorization"))
                at = int(request.query.get("page", 1))
                newest, size = log[::-1], 5
                more = {"next": server.url(f"/repositories/ada/engine/commits?page={at + 1}")}
                payload = {"values": newest[(at - 1) * size : at * size]}
                return web.json_response(payload | (more if len(log) > at * size else {}))

            server.handle("/repositories/ada/engine/commits", page)
            spec = Spec(
                name="b", repo="ada/engine", token="env:BITBUCKET_TOKEN", user="ada@x.example", api=server.url(""),
                allow_private=True,
            )  # fmt: skip
            source, cursor, got = BitbucketSource(spec, Counter()), None, []
            for _ in range(2):
                while True:
                    batch = await source.poll(cursor)
                    cursor = batch.cursor or cursor
                    got += batch.events
                    if batch.wait:
                        break
                log += [commit(n) for n in range(len(log) + 1, len(log) + 9)]
            assert sorted(e.title for e in got) == sorted(f"Step {n}" for n in range(1, 12))
            assert b64decode(asked[0].removeprefix("Basic ")) == b"ada@x.example:the-token-of-a-test"
            assert b"the-token" not in cursor
            await source.close()

    asyncio.run(asyncio.wait_for(story(), 60))


def test_a_next_page_whose_address_cannot_be_is_none():
    """The page with the cut is reported, and the source continues."""

    async def story():
        async with FeedServer() as server:

            async def page(_):
                return web.json_response({"values": [commit(1)], "next": "//[x"})

            server.handle("/repositories/ada/engine/commits", page)
            counts = Counter()
            spec = Spec(name="b", repo="ada/engine", api=server.url(""), allow_private=True)
            source = BitbucketSource(spec, counts)
            assert len((await source.poll(None)).events) == 1
            assert counts["foreign_next"] == 1
            await source.close()

    asyncio.run(asyncio.wait_for(story(), 60))


@pytest.mark.parametrize(
    "table",
    [{"repo": "engine"}, {"repo": "a/b/c"}, {"repo": "a/b", "user": "x"}, {"repo": "a/b", "pages": 0}],
)
def test_a_table_that_cannot_be_says_what_to_write(table):
    """Each with the key it is about."""
    with pytest.raises(ValueError, match="repo|token|pages"):
        Spec(name="b", **table)


class Bitbucket(Harness):
    """A repository with commits; three pages of ten, the newest first."""

    kind = "bitbucket"

    def table(self, url):
        return {"repo": "ada/engine", "api": url, "allow_private": True}

    def secret_table(self, url):
        return {**self.table(url), "token": "env:CONTRACT_SECRET"}

    async def answer(self, request, items):
        assert request.path == "/repositories/ada/engine/commits"
        page, newest = int(request.query.get("page", 1)), items[::-1]
        payload = {"values": [commit(n) for n in newest[(page - 1) * 10 : page * 10]], "pagelen": 10}
        if len(items) > page * 10:
            payload["next"] = f"{request.url.origin()}{request.path}?page={page + 1}"
        return web.json_response(payload)

    def number(self, event):
        return int(event.title.removeprefix("Step ")) if event.title else None


class TestContract(HttpContract):
    harness_class = Bitbucket


class Pulls(Bitbucket):
    """Its pull requests."""

    def table(self, url):
        return {**super().table(url), "listing": "pullrequests"}

    async def answer(self, request, items):
        assert request.path == "/repositories/ada/engine/pullrequests"
        assert request.query.getall("state") == ["OPEN", "MERGED", "DECLINED", "SUPERSEDED"]
        made = [{**PULL, "id": n, "title": f"Step {n}"} for n in reversed(items)]
        return web.json_response({"values": made, "pagelen": 50})


class TestContractOfPullRequests(HttpContract):
    harness_class = Pulls


@pytest.mark.parametrize("raw", ["ada <ada@secret.example>", "Ada L <ada@secret.example>", "ada"])
def test_a_commit_without_an_account_has_no_author(raw):
    """The name in git may be the nickname of somebody else."""
    [event] = read({"values": [{**commit(1), "author": {"raw": raw}}]}).events
    assert event.author is None
