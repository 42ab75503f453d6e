"""Stack Exchange from a real server: activity, pages, and everything that it asks for in its bodies."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from datetime import timedelta

import pytest
from aiohttp import web

from rtanalytics.sources import SourceTableError, spec_from_table
from rtanalytics.sources.base import AuthFailed, Blocked, RateLimited, Transient
from rtanalytics.sources.stackexchange import StackExchangeSource
from tests.contracts.http import HttpContract
from tests.contracts.source import SECRET, T0, Harness, run_story


class StackExchange(Harness):
    """Questions by their latest activity, a hundred a page."""

    kind = "stackexchange"

    def __init__(self) -> None:
        self.changed: dict[int, dict] = {}
        self.wrapper: dict = {}
        self.packed = False

    def table(self, url):
        return {"site": "stackoverflow", "tags": ["scipy", "pandas"], "url": url, "allow_private": True}

    def secret_table(self, url):
        return {**self.table(url), "api_key": "env:CONTRACT_SECRET"}

    async def answer(self, request, items):
        asked = request.query
        assert request.path == "/search"
        assert (asked["site"], asked["tagged"], asked["filter"]) == (
            "stackoverflow",
            "pandas;scipy",
            "withbody",
        )
        found = sorted((self.question(n) for n in items), key=lambda q: -q["last_activity_date"])
        found = [q for q in found if q["last_activity_date"] >= int(asked.get("min", 0))]
        page, size = int(asked["page"]), int(asked["pagesize"])
        body = {
            "items": found[(page - 1) * size : page * size],
            "has_more": len(found) > page * size,
            "quota_remaining": 299,
            **self.wrapper,
        }
        if not self.packed:
            return web.json_response(body)
        headers = {"Content-Encoding": "gzip", "Content-Type": "application/json; charset=utf-8"}
        return web.Response(body=gzip.compress(json.dumps(body).encode()), headers=headers)

    def question(self, n):
        at = int((T0 + timedelta(minutes=n)).timestamp())
        payload = {"question_id": 7000 + n, "title": f"Item {n}", "body": "<p>Why?</p>", "tags": ["pandas"]}
        return {**payload, "creation_date": at, "last_activity_date": at, **self.changed.get(n, {})}

    def number(self, event):
        title = event.title or ""
        return int(title.removeprefix("Item ")) if title.startswith("Item ") else None


class TestContract(HttpContract):
    harness_class = StackExchange


def minute(n: float) -> int:
    return int((T0 + timedelta(minutes=n)).timestamp())


def test_all_pages_are_read_and_a_backoff_in_the_body_is_kept_to_before_each():
    """The answer is a 200, always packed; what it asks for counts as much as a Retry-After."""
    harness = StackExchange()
    harness.packed = True
    harness.wrapper = {"backoff": 11}

    async def story(service, reader):
        service.items = list(range(1, 251))
        waits = [(await reader.poll()).wait.total_seconds() for _ in range(3)]
        assert waits == [11, 11, 600]
        assert reader.numbers == set(range(1, 251))
        assert [r.query["page"] for r in service.requests] == ["1", "2", "3"]

    run_story(harness, story)


def test_an_edit_is_told_and_an_answer_to_a_question_is_none():
    """Both bring the question up again; only one says something else."""
    harness = StackExchange()

    async def story(service, reader):
        service.items = [1, 2, 3]
        await reader.poll()
        harness.changed[1] = {"last_activity_date": minute(10), "answer_count": 1}
        harness.changed[2] = {
            "last_activity_date": minute(11),
            "last_edit_date": minute(11),
            "body": "<p>How?</p>",
        }
        [edit] = (await reader.poll()).events
        assert (edit.id, edit.text) == ("stackexchange:stackoverflow:7002", "How?")
        assert edit.created_at == T0 + timedelta(minutes=2)
        assert edit.edited_at == T0 + timedelta(minutes=11)

    run_story(harness, story)


def test_what_is_new_below_what_is_known_is_read():
    """A page that ends with a question that was answered meanwhile is not the end of what is new."""
    harness = StackExchange()

    async def story(service, reader):
        service.items = list(range(1, 101))
        await reader.poll()
        harness.changed = {n: {"last_activity_date": minute(1000 + n)} for n in range(1, 101)}
        service.items += [101, 102]
        first = await reader.poll()
        assert (first.events, first.wait) == ([], timedelta(0))
        assert [e.title for e in (await reader.poll()).events] == ["Item 101", "Item 102"]

    run_story(harness, story)


def test_only_what_was_active_since_the_last_reading_is_asked_for():
    """With a little overlap; and never a time from the future, which would hide all that comes."""
    harness = StackExchange()

    async def story(service, reader):
        service.items = [1]
        await reader.poll()
        harness.changed[1] = {"last_activity_date": minute(10**7)}
        await reader.poll()
        await reader.poll()
        assert "min" not in service.requests[0].query
        assert [r.query["min"] for r in service.requests[1:]] == [str(minute(1) - 120)] * 2

    run_story(harness, story)


def test_the_quota_sets_the_pace():
    """300 a day allow a reading every ten minutes; a key, or the table, another; none left, an hour."""
    harness = StackExchange()

    async def story(service, reader):
        service.items = [1]
        batch = await reader.poll()
        waits.append(batch.wait)
        assert batch.notes["quota_remaining"] == str(harness.wrapper.get("quota_remaining", 299))

    waits = []
    run_story(harness, story)
    run_story(harness, story, every="30s")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONTRACT_SECRET", SECRET)
        run_story(harness, story, harness.secret_table)
    harness.wrapper = {"quota_remaining": 0}
    run_story(harness, story)
    assert waits == [timedelta(minutes=n) for n in (10, 0.5, 2, 60)]


@pytest.mark.parametrize("status", [400, 200])
@pytest.mark.parametrize(
    ("name", "message", "error", "posted"),
    [
        (
            "throttle_violation",
            "too many requests from this IP, more requests available in 38124 seconds",
            RateLimited,
            "38124",
        ),
        ("throttle_violation", "too many requests from this IP", RateLimited, "throttle"),
        ("temporarily_unavailable", "come back soon", Transient, "come back"),
        ("internal_error", "oops", Transient, "oops"),
        ("bad_parameter", "No site found for name `stakoverflow`", Blocked, "check site and tags"),
        ("bad_parameter", "`key` is not valid for passed site", AuthFailed, "api_key"),
        ("access_token_compromised", "used on http", AuthFailed, "api_key"),
    ],
)
def test_a_refusal_says_in_its_body_what_to_do(status, name, message, error, posted):
    """The status is 400 whatever is wrong; the reason decides, and nothing is lost."""
    harness = StackExchange()

    async def story(service, reader):
        service.items = [1]
        await reader.poll()
        body = json.dumps({"error_id": 502, "error_name": name, "error_message": message}).encode()
        service.fail(status, gzip.compress(body), Content_Encoding="gzip", Content_Type="application/json")
        with pytest.raises(error, match=posted) as caught:
            await reader.poll()
        if error is RateLimited:
            assert caught.value.wait == (timedelta(seconds=38124) if "38124" in message else None)
        service.fault = None
        service.items.append(2)
        await reader.until({1, 2})

    run_story(harness, story)


@pytest.mark.parametrize(
    "body", [b"", b"nothing to see", b'{"error_id": ', b'["error_id"]', b"\x1f\x8b\x08cut"]
)
def test_a_400_without_a_reason_is_a_refusal_all_the_same(body):
    """However badly it is worded, it is neither a crash nor a dead letter."""
    harness = StackExchange()

    async def story(service, reader):
        coding = {"Content_Encoding": "gzip"} if body.startswith(b"\x1f") else {}
        service.fail(400, body, **coding)
        with pytest.raises(Blocked, match="400"):
            await reader.poll()

    run_story(harness, story)


def test_a_refusal_that_says_the_key_back_does_not_show_it(monkeypatch):
    """The message is for logs."""
    monkeypatch.setenv("CONTRACT_SECRET", SECRET)
    harness = StackExchange()

    async def story(service, reader):
        posted = {
            "error_id": 400,
            "error_name": "bad_parameter",
            "error_message": f"`key` {SECRET} is unknown",
        }
        service.fail(400, json.dumps(posted).encode())
        with pytest.raises(AuthFailed) as caught:
            await reader.poll()
        assert SECRET not in str(caught.value)

    run_story(harness, story, harness.secret_table)


def test_more_than_may_be_read_is_a_gap_that_says_so():
    """25 pages are the service's own limit; here it is two."""
    harness = StackExchange()

    async def story(service, reader):
        service.items = [1]
        await reader.poll()
        reader.source.pages = 2
        service.items = list(range(1, 302))
        await reader.poll()
        batch = await reader.poll()
        [gap] = [e for e in batch.events if e.type == "gap"]
        assert gap.id.startswith("stackexchange:stackoverflow/pandas,scipy:gap/2026-05-15T09:01:00")
        assert batch.wait

    run_story(harness, story)


def test_without_tags_every_question_of_the_site_is_read():
    """By another method, for the search wants a tag."""
    spec = spec_from_table({"type": "stackexchange", "name": "su", "site": "superuser"})
    source = StackExchangeSource(spec, Counter())
    address = source.first(source.state(None))
    assert address.startswith("https://api.stackexchange.com/2.3/questions?site=superuser&")
    assert "tagged" not in address
    assert spec.scope == "superuser"


@pytest.mark.parametrize(
    ("change", "key", "posted"),
    [
        ({"site": None}, "site", "'site' is missing"),
        ({"site": "Stack Overflow"}, "site", 'site = "stackoverflow"'),
        ({"tags": ["a;b"]}, "tags", "write a list"),
        ({"tags": "python"}, "tags", "must be a list"),
        ({"api_key": "abc123"}, "api_key", 'api_key = "env:API_KEY"'),
        ({"url": "api"}, "url", "https://host/path"),
    ],
)
def test_a_mistake_is_named_with_its_key_and_the_remedy(change, key, posted):
    """Which key, and what to write."""
    table = {"type": "stackexchange", "name": "so", "site": "stackoverflow", **change}
    with pytest.raises(SourceTableError, match=posted) as caught:
        spec_from_table({k: v for k, v in table.items() if v is not None})
    assert caught.value.key in {key, ""}
    assert "abc123" not in str(caught.value)
