"""Hacker News from a real server: the search in windows, edits, and what the item API says is gone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from aiohttp import web

from rtanalytics.sources import SourceTableError, spec_from_table
from tests.contracts.http import HttpContract
from tests.contracts.source import SECRET, T0, Harness, run_story


class HackerNews(Harness):
    """Both services: a search, newest first, that keeps to its filters, and an item API."""

    kind = "hackernews"

    def __init__(self) -> None:
        self.start = T0
        self.changed: dict[int, dict] = {}  # item → what the search says of it
        self.looked_up: dict[int, object] = {}  # item → what the item API says, or a status

    def table(self, url):
        return {
            "query": "pycon",
            "search_url": url,
            "items_url": f"{url}/v0",
            "back": "900d",
            "allow_private": True,
        }

    def secret_table(self, url):
        host = url.removeprefix("http://")
        return {**self.table(url), "search_url": f"http://me:{SECRET}@{host}"}

    async def answer(self, request, items):
        if request.path.startswith("/v0/item/"):
            message = self.looked_up.get(int(request.path[9:-5]) - 5000)
            if isinstance(message, int):
                return web.Response(status=message, headers={"Retry-After": "900"} if message == 429 else {})
            return web.json_response(message)
        assert request.path == "/search_by_date"
        assert (request.query["query"], request.query["tags"]) == ("pycon", "(story,comment)")
        low, high = 0, 10**12
        for part in request.query["numericFilters"].split(","):
            low = int(part[13:]) if part.startswith("created_at_i>") else low
            high = int(part[13:]) if part.startswith("created_at_i<") else high
        found = [hit for n in reversed(items) if low < (hit := self.hit(n))["created_at_i"] < high]
        size = int(request.query["hitsPerPage"])
        return web.json_response({"hits": found[:size], "nbHits": len(found), "hitsPerPage": size})

    def hit(self, n):
        at = int((self.start + timedelta(minutes=n)).timestamp())
        payload = {"objectID": str(5000 + n), "created_at_i": at, "author": "ada", "title": f"Item {n}"}
        return {**payload, "_tags": ["story"], **self.changed.get(n, {})}

    def item(self, n, **changes):
        at = self.hit(n)["created_at_i"]
        payload = {"id": 5000 + n, "time": at, "by": "ada", "type": "story", "title": f"Item {n}"}
        return {**payload, **changes}

    def number(self, event):
        title = event.title or ""
        return int(title.removeprefix("Item ")) if title.startswith("Item ") else None


class TestContract(HttpContract):
    harness_class = HackerNews


def recent() -> HackerNews:
    """A service whose items were all posted just now."""
    harness = HackerNews()
    harness.start = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=30)
    return harness


def later(reader) -> None:
    """As if the time had come to look everything up."""
    state = msgspec.json.decode(reader.cursor)
    state["watch"] = {number: [message, 0] for number, (message, _) in state["watch"].items()}
    reader.cursor = msgspec.json.encode(state)


def test_more_than_a_page_is_read_in_windows_until_all_of_it_is_told():
    """Pages by number end after 1,000 hits; a window ends where the last one began."""
    harness = HackerNews()

    async def story(service, reader):
        service.items = list(range(1, 351))
        await reader.until(range(1, 351))
        assert len(service.requests) == 4
        assert len(reader.got) == 350
        assert all("created_at_i<" in r.query["numericFilters"] for r in service.requests[1:4])

    run_story(harness, story)


def test_when_there_is_more_than_the_pages_hold_a_gap_says_so():
    """From what was known to the oldest that was read; afterwards nothing is read twice."""
    harness = HackerNews()

    async def story(service, reader):
        service.items = [1]
        await reader.poll()
        reader.source.pages = 2
        service.items = list(range(1, 301))
        await reader.poll()
        batch = await reader.poll()
        [gap] = [e for e in batch.events if e.type == "gap"]
        assert gap.id == "hackernews:both/pycon:gap/2026-05-15T09:01:00.000Z"
        assert batch.wait
        assert reader.counts["gaps"] == 1

    run_story(harness, story)


def test_an_edit_comes_with_the_search_and_is_said_when_the_first_version_was():
    """Items of the last three hours are requested again."""
    harness = HackerNews()

    async def story(service, reader):
        service.items = [1, 2]
        await reader.poll()
        harness.changed[1] = {"title": "Item 1", "story_text": "<p>More"}
        batch = await reader.poll()
        [edit] = batch.events
        assert (edit.id, edit.text) == ("hackernews::5001", "More")
        assert edit.created_at == T0 + timedelta(minutes=1)
        assert edit.rev != reader.got[0].rev
        assert (await reader.poll()).events == []

    run_story(harness, story)


@pytest.mark.parametrize("flag", ["deleted", "dead"])
def test_what_is_deleted_or_killed_becomes_a_delete_and_does_not_come_back(flag):
    """Though the search, which has a copy of its own, still has it."""
    harness = recent()

    async def story(service, reader):
        service.items = [1, 2]
        await reader.poll()
        harness.looked_up = {1: harness.item(1, **{flag: True}), 2: harness.item(2)}
        later(reader)
        batch = await reader.poll()
        [gone] = batch.events
        assert (gone.id, gone.op, gone.title) == ("hackernews::5001", "delete", None)
        assert gone.seq == reader.got[1].seq + 1
        assert (reader.counts["looked_up"], reader.counts["deleted"]) == (2, 1)
        harness.changed[1] = {"title": "Item 1 once more"}
        await reader.renew()
        assert (await reader.poll()).events == []

    run_story(harness, story)


def test_items_are_looked_up_when_their_time_has_come_and_only_then():
    """Not at once; and again later, until they are a day old."""
    harness = recent()

    async def story(service, reader):
        service.items = [1]
        await reader.poll()
        assert [r.path for r in service.requests] == ["/search_by_date"]
        watch = msgspec.json.decode(reader.cursor)["watch"]
        message = int((harness.start + timedelta(minutes=1)).timestamp())
        assert watch == {"5001": [message, message + 3600]}
        harness.looked_up = {1: harness.item(1)}
        later(reader)
        await reader.poll()
        assert service.requests[-1].path == "/v0/item/5001.json"
        assert msgspec.json.decode(reader.cursor)["watch"] == watch
        before = len(service.requests)
        await reader.poll()
        assert len(service.requests) == before + 1

    run_story(harness, story)


def test_an_edit_of_what_the_search_is_no_longer_asked_about_comes_from_the_item_api():
    """Moderators change titles later than authors may."""
    harness = recent()
    harness.start -= timedelta(hours=6)

    async def story(service, reader):
        service.items = [1, 330]
        await reader.poll()
        harness.looked_up = {1: harness.item(1, title="Item 1 [video]"), 330: harness.item(330, title="No")}
        later(reader)
        [edit] = (await reader.poll()).events
        assert (edit.title, edit.op) == ("Item 1 [video]", "create")

    run_story(harness, story)


@pytest.mark.parametrize("message", [500, 429])
def test_an_item_api_that_is_down_spoils_no_search(message):
    """Found items are delivered, a problem names the error, and the rest is looked up at the next poll."""
    harness = recent()

    async def story(service, reader):
        service.items = [1]
        await reader.poll()
        harness.looked_up = {1: message}
        later(reader)
        service.items.append(2)
        batch = await reader.poll()
        assert [e.title for e in batch.events] == ["Item 2"]
        assert "deletions were not looked up" in batch.problem
        assert batch.wait == timedelta(minutes=15 if message == 429 else 2)
        harness.looked_up = {1: harness.item(1, deleted=True), 2: harness.item(2)}
        batch = await reader.poll()
        assert [e.op for e in batch.events] == ["delete"]
        assert batch.problem is None

    run_story(harness, story)


def test_garbage_of_the_item_api_is_a_dead_letter_and_the_rest_goes_on():
    """One item that cannot be read does not keep the others from being looked up."""
    harness = recent()

    async def story(service, reader):
        service.items = [1, 2]
        await reader.poll()
        harness.looked_up = {1: ["no", "item"], 2: harness.item(2, deleted=True)}
        later(reader)
        batch = await reader.poll()
        assert [e.id for e in batch.events] == ["hackernews::5002"]
        assert len(batch.rejects) == 2

    run_story(harness, story)


def test_nobody_is_looked_up_when_deletes_are_not_wanted():
    """One request a reading."""
    harness = recent()

    async def story(service, reader):
        service.items = [1]
        await reader.poll()
        assert "watch" not in msgspec.json.decode(reader.cursor)

    run_story(harness, story, deletes=False)


@pytest.mark.parametrize(
    ("change", "key", "message"),
    [
        ({"query": None}, "query", "'query' is missing"),
        ({"query": " "}, "query", 'query = "pycon"'),
        ({"query": "a\nb"}, "query", "one line"),
        ({"query": "pycon OR pydata"}, "query", r"one \[\[source\]\] per alternative"),
        ({"query": '"pycon us" | pydata'}, "query", r"one \[\[source\]\] per alternative"),
        ({"kind": "poll"}, "kind", "must be one of"),
        ({"items_url": "news"}, "items_url", "https://host/path"),
        ({"back": "soon"}, "back", "5min"),
    ],
)
def test_a_mistake_is_named_with_its_key_and_the_remedy(change, key, message):
    """Which key, and what to write."""
    table = {"type": "hackernews", "name": "hn", "query": "pycon", **change}
    with pytest.raises(SourceTableError, match=message) as caught:
        spec_from_table({k: v for k, v in table.items() if v is not None})
    assert caught.value.key == key


@pytest.mark.parametrize("query", ['"this OR that"', "pycon or pydata", "OR tools", "pycon portland OR"])
def test_a_query_that_only_looks_like_alternatives_is_taken(query):
    """In a phrase, or as a word."""
    assert spec_from_table({"type": "hackernews", "name": "hn", "query": query}).query == query


def test_the_same_query_is_the_same_source_however_it_is_written():
    """Case makes no difference to the search."""
    base = {"type": "hackernews", "name": "hn"}
    one, two = (spec_from_table({**base, "query": q}) for q in ("PyCon US", "pycon us"))
    assert one.scope == two.scope == "both/pycon us"
