"""A Discourse forum on a real server: backwards by number, edits, hidden posts, limits."""

from __future__ import annotations

from datetime import timedelta

import pytest
from aiohttp import web

from rtanalytics.sources import SourceTableError, spec_from_table
from rtanalytics.sources.base import AuthFailed, RateLimited
from tests.contracts.http import HttpContract
from tests.contracts.source import SECRET, T0, Harness, run_story


class Forum(Harness):
    """Ten posts a page, the latest first; ``before`` as newer forums understand it, or older ones."""

    kind = "discourse"

    def __init__(self, *, inclusive: bool = False) -> None:
        self.inclusive = inclusive
        self.changed: dict[int, dict] = {}
        self.single: dict[int, object] = {}  # post → what its own address says, or a status

    def table(self, url):
        return {"url": url, "key": "forum.example", "back": "900d", "allow_private": True}

    def secret_table(self, url):
        return {**self.table(url), "api_key": "env:CONTRACT_SECRET", "api_username": "reader"}

    async def answer(self, request, items):
        if request.path == "/latest.json":
            page = int(request.query.get("page", 0))
            assert request.query["order"] == "created"
            found = [self.topic(n) for n in reversed(items)][page * 10 : page * 10 + 10]
            more = {"more_topics_url": f"/latest?no_definitions=true&order=created&page={page + 1}"}
            payload = {"topics": found, **(more if len(items) > page * 10 + 10 else {})}
            return web.json_response(
                {"users": [{"id": 3, "username": "ada"}], "topic_list": {"per_page": 10, **payload}}
            )
        if request.path.startswith("/posts/"):
            n = int(request.path[7:-5]) - 9000
            found = self.single.get(n, 404)
            if isinstance(found, int):
                return web.Response(status=found, headers={"Retry-After": "900"} if found == 429 else {})
            return web.json_response(found)
        assert request.path == "/posts.json"
        before = int(request.query.get("before", 10**9)) + self.inclusive
        found = [self.post(n) for n in reversed(items) if 9000 + n < before]
        return web.json_response({"latest_posts": found[:10]})

    def post(self, n):
        at = f"{T0 + timedelta(minutes=n):%Y-%m-%dT%H:%M:%S.000Z}"
        payload = {"id": 9000 + n, "topic_id": 5, "post_number": n, "topic_slug": "talk", "username": "ada"}
        payload |= {"created_at": at, "updated_at": at, "version": 1, "post_type": 1}
        return {**payload, "cooked": f"<p>Post {n}</p>", **self.changed.get(n, {})}

    def topic(self, n):
        at = f"{T0 + timedelta(minutes=n):%Y-%m-%dT%H:%M:%S.000Z}"
        payload = {"id": 600 + n, "title": f"Post {n}", "slug": "talk", "created_at": at, "posts_count": 1}
        return {**payload, "posters": [{"description": "Original Poster", "user_id": 3}]}

    def number(self, event):
        message = event.text or event.title or ""
        return int(message.removeprefix("Post ")) if message.startswith("Post ") else None


class TestContract(HttpContract):
    harness_class = Forum


class Topics(Forum):
    """Its topics only."""

    def table(self, url):
        return {**super().table(url), "read": "topics"}


class TestContractOfTopics(HttpContract):
    harness_class = Topics


@pytest.mark.parametrize("inclusive", [False, True])
def test_after_a_pause_it_walks_back_until_it_meets_what_it_knows(inclusive):
    """Whether ``before`` has the post itself or not, which differs between versions of Discourse."""
    harness = Forum(inclusive=inclusive)

    async def story(service, reader):
        service.items = [1, 2, 3]
        await reader.until({1, 2, 3})
        service.items = list(range(1, 46))
        await reader.until(range(1, 46))
        assert len(reader.got) == 45
        assert reader.counts["gaps"] == 0
        asked = len(service.requests)
        await reader.poll()
        assert len(service.requests) == asked + 1

    run_story(harness, story)


def test_a_forum_that_has_nothing_older_is_read_to_its_end():
    """No page is asked for twice, also where ``before`` has the post itself."""
    harness = Forum(inclusive=True)

    async def story(service, reader):
        service.items = list(range(1, 26))
        await reader.until(range(1, 26))
        addresses = [r.path_qs for r in service.requests]
        assert len(set(addresses)) == len(addresses)
        assert len(reader.got) == 25

    run_story(harness, story)


def test_what_was_said_before_the_first_reading_looks_back_is_never_told():
    """Neither at first nor later, when a quiet forum's old posts still stand on the first page."""
    harness = Forum()
    harness.changed = {n: {"created_at": "2020-01-01T00:00:00Z"} for n in range(1, 15)}

    async def story(service, reader):
        service.items = list(range(1, 18))
        await reader.until({15, 16, 17})
        service.items.append(18)
        await reader.until({15, 16, 17, 18})
        assert [r.path_qs for r in service.requests] == ["/posts.json", "/posts.json"]

    run_story(harness, story)


def test_a_429_in_the_middle_of_the_walk_waits_as_asked_and_goes_on_there():
    """What was read before it is stored and not read again."""
    harness = Forum()

    async def story(service, reader):
        service.items = list(range(1, 26))
        await reader.poll()
        service.fail(429, b'{"errors": ["slow down"]}', Retry_After="12")
        with pytest.raises(RateLimited) as caught:
            await reader.poll()
        assert caught.value.wait == timedelta(seconds=12)
        service.fault = None
        await reader.renew()
        await reader.until(range(1, 26))
        asked = [r.query.get("before") for r in service.requests]
        assert asked == [None, "9016", "9016", "9006", "9001"]

    run_story(harness, story)


def test_edits_are_told_by_their_version_and_hidden_posts_as_deletes():
    """Versions of a post have its first time; a post that was deleted before it was read gives no event."""
    harness = Forum()

    async def story(service, reader):
        service.items = [1, 2, 3]
        await reader.until({1, 2, 3})
        harness.changed = {
            1: {"version": 2, "updated_at": "2026-05-15T10:00:00Z", "cooked": "<p>Better</p>"},
            2: {"hidden": True, "cooked": "<p>flagged</p>"},
            4: {"deleted_at": "2026-05-15T10:00:00Z"},
        }
        service.items.append(4)
        batch = await reader.poll()
        assert [(e.id.rpartition(":")[2], e.op, e.text) for e in batch.events] == [
            ("9001", "create", "Better"),
            ("9002", "delete", None),
        ]
        assert batch.events[0].created_at == T0 + timedelta(minutes=1)
        assert batch.events[0].edited_at == T0 + timedelta(hours=1)
        assert (await reader.poll()).events == []

    run_story(harness, story)


def test_a_post_that_is_gone_becomes_a_delete_once():
    """It is missing between others, and its own address does not know it either."""
    harness = Forum()

    async def story(service, reader):
        service.items = [1, 2, 3, 4]
        await reader.until({1, 2, 3, 4})
        service.items = [1, 3]
        batch = await reader.poll()
        assert [(e.id, e.op) for e in batch.events] == [
            ("discourse:forum.example:9002", "delete"),
            ("discourse:forum.example:9004", "delete"),
        ]
        assert [e.created_at for e in batch.events] == [T0 + timedelta(minutes=n) for n in (2, 4)]
        assert batch.events[0].seq == reader.got[3].seq + 1
        await reader.renew()
        service.items.append(5)
        assert [e.text for e in (await reader.poll()).events] == ["Post 5"]

    run_story(harness, story)


@pytest.mark.parametrize("status", [200, 403, 429, 500])
def test_a_missing_post_that_is_not_known_to_be_gone_is_not_deleted(status):
    """It is still there (the list is cut short), or the forum has trouble; then it is asked again."""
    harness = Forum()

    async def story(service, reader):
        service.items = [1, 2, 3]
        await reader.until({1, 2, 3})
        harness.single = {2: harness.post(2) if status == 200 else status}
        service.items = [1, 3]
        batch = await reader.poll()
        assert (batch.events, batch.wait) == ([], timedelta(minutes=15 if status == 429 else 2))
        harness.single = {}
        service.items = [1, 3, 4]
        batch = await reader.poll()
        assert [e.op for e in batch.events] == ["create", "delete"]

    run_story(harness, story)


def test_more_than_may_be_read_is_a_gap_that_says_so():
    """From what was known to the oldest that was read."""
    harness = Forum()

    async def story(service, reader):
        service.items = [1]
        await reader.until({1})
        reader.source.pages = 2
        service.items = list(range(1, 41))
        await reader.poll()
        batch = await reader.poll()
        [gap] = [e for e in batch.events if e.type == "gap"]
        assert gap.id == "discourse:forum.example:gap/2026-05-15T09:01:00.000Z"
        assert gap.created_at == T0 + timedelta(minutes=21)

    run_story(harness, story)


def test_topics_are_read_page_by_page_from_their_data():
    """The forum names the page for people; its data is asked for."""
    harness = Forum()

    async def story(service, reader):
        service.items = list(range(1, 26))
        await reader.until(range(1, 26))
        assert {r.path for r in service.requests} == {"/latest.json"}
        assert reader.got[0].author.handle == "ada"

    run_story(harness, story, read="topics")


def test_keys_go_into_the_headers_that_discourse_wants(monkeypatch):
    """One that its staff made with whom it is for, or one of a user; none, and the variable is named."""
    monkeypatch.setenv("CONTRACT_SECRET", SECRET)
    harness = Forum()

    async def story(service, reader):
        service.items = [1]
        await reader.poll()
        sent.append(
            {n: v for n, v in service.requests[0].headers.items() if n.lower().endswith(("key", "username"))}
        )

    sent = []
    run_story(harness, story, harness.secret_table)
    run_story(harness, story, user_api_key="env:CONTRACT_SECRET")
    assert sent == [{"Api-Key": SECRET, "Api-Username": "reader"}, {"User-Api-Key": SECRET}]
    monkeypatch.delenv("CONTRACT_SECRET")
    with pytest.raises(AuthFailed, match="CONTRACT_SECRET"):
        run_story(harness, story, harness.secret_table)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"url": "https://forum.example/latest.json"}, "the URL of the forum"),
        ({"url": "https://forum.example/?a=1"}, "the URL of the forum"),
        ({"url": "forum.example"}, "https://host/path"),
        ({"read": "users"}, "must be one of"),
        ({"api_key": "abc123", "api_username": "x"}, 'api_key = "env:API_KEY"'),
        ({"api_key": "env:A"}, "belong together"),
        ({"api_key": "env:A", "api_username": "a\nb"}, "api_username"),
        ({"api_key": "env:A", "api_username": "a", "user_api_key": "env:B"}, "exclude each other"),
    ],
)
def test_a_mistake_is_told_with_the_remedy(change, message):
    """What to write instead, and nothing of a secret."""
    table = {"type": "discourse", "name": "forum", "url": "https://forum.example", **change}
    with pytest.raises(SourceTableError, match=message) as caught:
        spec_from_table(table)
    assert "abc123" not in str(caught.value)
