"""Mastodon's hashtag timelines, read and asked for."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import wraps
from time import monotonic

import msgspec
import pytest
from aiohttp import web
from hypothesis import given, settings

from rtanalytics.ingest.runner import run_source
from rtanalytics.retry import RetryPolicy
from rtanalytics.sources.base import AuthFailed, Malformed, RateLimited, Transient
from rtanalytics.sources.mastodon import MastodonSource, Spec
from rtanalytics.sources.mastodon.parse import parse
from rtanalytics.sources.mastodon.stream import MastodonStream, MastodonTimings
from rtanalytics.streams.memory import MemoryStream
from tests.contracts.http import HttpContract
from tests.contracts.source import Harness, SocketHarness, SourceContract
from tests.sources.mutations import mutated, survives
from tests.sources.server import FeedServer

SOON = RetryPolicy(
    first=timedelta(milliseconds=100), cap=timedelta(seconds=1), heartbeat=timedelta(seconds=1)
)
QUICK = MastodonTimings(first=timedelta(milliseconds=300), reconnect=timedelta(milliseconds=100))
NOW = datetime(2026, 5, 15, 12, tzinfo=UTC)
META = Spec(name="m", url="https://m.example", tag="pycon").meta(NOW)


def awaited(test):
    """Run a test in a loop of its own."""

    @wraps(test)
    def run(*args, **more):
        asyncio.run(test(*args, **more))

    return run


def status(number: int, content: str = "<p>Hi</p>", **more):
    return {
        "id": str(1000 + number), "uri": f"https://far.example/s/{number}", "url": f"https://far.example/@ada/{number}",
        "created_at": f"{datetime(2026, 5, 15, 9) + timedelta(seconds=number):%FT%T}.000Z", "content": content,
        "visibility": "public", "account": {"id": "3", "acct": "ada@far.example", "display_name": "Ada"},
        "tags": [{"name": "pycon", "url": "https://m.example/tags/pycon"}], **more,
    }  # fmt: skip


FULL = status(
    1,
    '<p>See <a href="https://x.example/a">it</a> <a href="https://far.example/tags/PyCon">#PyCon</a> '
    '<a href="https://m.example/@bob">@bob</a><script>x()</script></p>',
    mentions=[{"acct": "bob", "url": "https://m.example/@bob"}],
    spoiler_text="food",
    language="en",
    sensitive=True,
    edited_at="2026-05-15T10:00:00Z",
    media_attachments=[{"type": "image", "url": "https://far.example/a.png", "description": "a cat"}],
)


def read(told, at=META):
    return parse(json.dumps(told).encode(), at)


def test_a_status_becomes_an_event_under_its_federated_id():
    """Id, author, text, title, links without tags and mentions, media, edit."""
    [event] = read([FULL]).events
    assert (event.id, event.source, event.type) == ("mastodon::https://far.example/s/1", "mastodon", "post")
    assert (event.author.handle, event.author.name) == ("ada@far.example", "Ada")
    assert (event.title, event.text, event.lang) == ("food", "See it #PyCon @bob", "en")
    assert event.links == ["https://x.example/a"]
    assert (event.tags, event.mentions) == (["pycon"], ["bob@m.example"])
    assert (event.media[0].alt, event.media[0].sensitive) == ("a cat", True)
    assert event.edited_at == datetime(2026, 5, 15, 10, tzinfo=UTC)
    assert "script" not in event.html


def test_replies_point_to_the_status_and_what_is_not_public_is_left_out():
    """In a page the server's own ids lead to federated ones."""
    parsed = read(
        [status(2, in_reply_to_id="1001"), status(1), status(3, visibility="direct"), {"id": "9"}, 3]
    )
    assert [e.reply_to for e in parsed.events] == ["mastodon::https://far.example/s/1", None]
    assert parsed.counts["not_public"] == 1
    assert [r.where for r in parsed.rejects] == ["status 4", "status 5"]
    assert parsed.next == "1003"


def test_what_is_shared_is_told_only_if_it_is_public_itself():
    """A share repeats what it shares, whoever the share is meant for."""
    parsed = read([status(2, reblog=status(1, visibility="private"))])
    assert (parsed.events, parsed.counts["not_public"]) == ([], 1)


def test_messages_of_a_stream_are_statuses_edits_and_deletes():
    """A delete has only the server's id, and reaches the event whose id that stands for."""
    [event] = read({"event": "status.update", "payload": json.dumps(FULL)}).events
    assert event == read([FULL]).events[0]
    known = msgspec.structs.replace(META, options={"local/1001": "https://far.example/s/1"})
    [gone] = read({"event": "delete", "payload": "1001"}, known).events
    assert (gone.id, gone.op) == (event.id, "delete")
    assert read({"event": "delete", "payload": "7"}).counts == {"deletes_of_unknown": 1}
    assert read({"event": "new\nkind", "payload": "7"}).counts == {"unknown_event_new_kind": 1}


def test_what_was_shared_is_told_as_well():
    """A repost has no words of its own; the status that it shares comes before it, once."""
    shared = status(1, "<p>Worth reading</p>")
    first, second = (status(n, "", reblog=shared, account={"acct": "bob@x.example"}) for n in (5, 6))
    events = read([first, second]).events
    assert [(e.type, e.text) for e in events if not e.repost_of] == [("post", "Worth reading")]
    assert [(e.type, e.text, e.repost_of) for e in events if e.repost_of] == [
        ("repost", None, "mastodon::https://far.example/s/1")
    ] * 2
    assert {e.handle for e in events} == {"ada@far.example", "bob@x.example"}


AKKOMA = {"uri": "https://far.example/s/1", "url": "https://far.example/@ada/1", "content": "<p>Hi</p>"}


@pytest.mark.parametrize(
    "more",
    [
        {"quote": {"state": "accepted", "quoted_status": status(1)}},
        {"quote": AKKOMA, "quote_id": "1001"},
        {"pleroma": {"quote": AKKOMA, "quote_url": "https://far.example/s/1"}},
        {"quote_id": "1001", "pleroma": {"quote_url": "https://far.example/@ada/1"}},
    ],
)
def test_a_quote_links_to_what_it_quotes_and_leaves_out_the_line_for_old_readers(more):
    """As Mastodon 4.4, Akkoma and Pleroma have them."""
    line = '<p class="quote-inline">RE: <a href="https://far.example/@ada/1">far.example/@ada/1</a></p>'
    [event] = read([status(2, f"{line}<p>So true</p>", **more)]).events
    assert (event.type, event.text) == ("quote", "So true")
    assert event.links == ["https://far.example/@ada/1"]


def test_a_quote_that_may_not_be_seen_keeps_the_line_that_stands_for_it():
    """It is all that a reader gets; one that is none keeps its type."""
    line = '<p class="quote-inline">RE: <a href="https://far.example/@ada/1">far.example/@ada/1</a></p>'
    told = status(2, f"{line}<p>So true</p>", quote={"state": "revoked", "quoted_status": None})
    [event] = read([told]).events
    assert (event.type, event.text) == ("quote", "RE: far.example/@ada/1\nSo true")
    assert event.links == ["https://far.example/@ada/1"]
    assert [e.type for e in read([status(3, quote=None), status(4, quote="x")]).events] == ["post", "post"]


@pytest.mark.parametrize(
    "told",
    [
        {"ancestors": [status(1)], "descendants": [status(2, in_reply_to_id="1001")]},
        {"accounts": [], "statuses": [status(1), status(2, in_reply_to_id="1001")], "hashtags": []},
        [
            {"id": "9", "type": "favourite", "account": {"acct": "bob"}, "status": status(1)},
            {"id": "8", "type": "mention", "status": status(2, in_reply_to_id="1001")},
        ],
    ],
)
def test_statuses_are_found_in_threads_searches_and_notifications(told):
    """Wherever the server's own ids lead, replies lead as well."""
    parsed = read(told)
    assert [e.id[-1] for e in parsed.events] == ["1", "2"]
    assert parsed.events[1].reply_to == parsed.events[0].id
    assert parsed.rejects == []


def test_error_describes_what_has_no_status():
    """A notification about a person, a former version, an account, a description of the server."""
    version = {"content": "<p>old</p>", "created_at": "2026-05-15T09:00:00Z", "account": {"acct": "ada"}}
    parsed = read([{"id": "7", "type": "follow", "account": {"acct": "bob"}}, version])
    assert parsed.rejects[0].reason == "a notification (follow) without a status"
    assert parsed.rejects[1].reason.startswith("a former version of a status")
    answers = {
        "an account": {"id": "1", "acct": "ada", "note": ""},
        "description of the server": {"domain": "m.example", "version": "4.5.0"},
        "error from the server: Record not found": {"error": "Record not found"},
    }
    for reason, answer in answers.items():
        with pytest.raises(Malformed, match=reason):
            read(answer)


def test_the_answer_to_a_delete_deletes():
    """It gives what was typed, so that it may be written anew, and nothing that is shown."""
    gone = {k: v for k, v in status(1, text="Hi").items() if k != "content"}
    [event] = read(gone).events
    assert (event.id, event.op, event.text) == ("mastodon::https://far.example/s/1", "delete", None)
    [event] = read(status(1, "<p>Hi</p>", text="Hi")).events  # GoToSocial always has both
    assert (event.op, event.text) == ("create", "Hi")


def test_server_sent_events_are_read_as_they_come():
    """With heartbeats between them, and lines ended in either way."""
    new, edit = json.dumps(status(1)), json.dumps(FULL | {"id": "1002", "uri": "https://far.example/s/2"})
    raw = f":)\n\nevent: update\ndata: {new}\n\n:thump\n\nevent: status.update\r\ndata: {edit}\r\n\r\n"
    assert [e.id[-1] for e in parse(raw.encode(), META).events] == ["1", "2"]


def test_a_poll_has_its_choices():
    """Each on a line of its own below what was asked; how many chose them is not said."""
    poll = {
        "id": "1",
        "votes_count": 3,
        "options": [{"title": "Tea", "votes_count": 3}, {"title": "Café ☕"}, 7],
    }
    events = read(
        [status(1, "<p>What?</p>", poll=poll), status(2, poll=None), status(3, poll={"options": 1})]
    ).events
    assert [e.text for e in events] == ["What?\nTea\nCafé ☕", "Hi", "Hi"]


@pytest.mark.parametrize(
    "link",
    [
        '<a href="https://p.example/discover/tags/pycon?src=hash" class="u-url hashtag">#pycon</a>',
        '<a href="https://f.example/search?tag=pycon&amp;x=1" class="mention hashtag" rel="tag">#pycon</a>',
        '<a class="u-url mention" href="https://n.example/users/7">@bob</a>',
        "<a href='https://far.example/tag/pyc%6Fn/'>#pycon</a>",
    ],
)
def test_where_names_lead_to_is_no_link(link):
    """Of tags and people, as Pixelfed, Friendica and others write them."""
    [event] = read([status(1, f'<p>{link} <a href="https://x.example/a?b&amp;c">that</a></p>')]).events
    assert event.links == ["https://x.example/a?b&c"]


def test_pictures_have_their_size():
    """As the server measured it."""
    told = {
        "type": "image",
        "url": "https://far.example/a.png",
        "meta": {"original": {"width": 40, "height": 30}},
    }
    [event] = read(
        [status(1, "", media_attachments=[told, {"url": "https://far.example/b", "meta": []}])]
    ).events
    assert [(m.width, m.height) for m in event.media] == [(40, 30), (None, None)]


@pytest.mark.parametrize("raw", [b"", b"{}", b"<html>", b'{"error": "no"}', b"[" * 90_000])
def test_what_is_no_answer_is_malformed(raw):
    """An error page, another document, or nesting without end."""
    with pytest.raises(Malformed, match="invalid response of Mastodon"):
        parse(raw, META)


QUOTE = status(
    7,
    '<p class="quote-inline">RE: <a href="https://far.example/@ada/1">it</a></p>',
    quote={"state": "accepted", "quoted_status": status(1)},
    pleroma={"quote": status(2), "quote_url": "https://far.example/s/2"},
)
OTHERS = [
    [status(8, "", reblog=status(1))],
    {"ancestors": [QUOTE], "descendants": [status(2)]},
    [{"type": "mention", "status": QUOTE}],
]


@given(mutated([[FULL, status(2)], FULL, QUOTE, {"event": "update", "payload": FULL}, *OTHERS]))
@settings(max_examples=150, deadline=None)
def test_whatever_the_shape_only_malformed_comes_out(told):
    """Keys dropped, types changed, values nested."""
    survives(parse, json.dumps(told).encode(), META)


class Server(FeedServer):
    """A server with statuses, which keeps to ``min_id`` as Mastodon does."""

    def __init__(self):
        super().__init__()
        self.statuses = []
        self.feeds = "public"

        async def timeline(request):
            least = int(request.query.get("min_id", 0))
            newer = [s for s in sorted(self.statuses, key=lambda s: int(s["id"])) if int(s["id"]) > least]
            limit = int(request.query["limit"])
            page = newer[:limit] if least else newer[-limit:]
            return web.json_response(page[::-1])

        async def instance(request):
            access = {"hashtag_feeds": {"local": self.feeds, "remote": self.feeds}}
            return web.json_response({"configuration": {"timelines_access": access}})

        self.handle("/api/v1/timelines/tag/pycon", timeline)
        self.handle("/api/v2/instance", instance)

    def spec(self, **more):
        return Spec(
            name="m", url=self.url(""), tag="pycon", key="m.example/tags/pycon", allow_private=True, **more
        )


async def drain(source, cursor):
    """All that is new, until the source wants to wait."""
    events, batch = [], None
    while batch is None or not batch.wait:
        batch = await source.poll(cursor)
        cursor = batch.cursor or cursor
        events += batch.events
    return events, cursor


@awaited
async def test_a_pause_leaves_no_hole_however_many_pages_came():
    """Read forwards by min_id, each status once, numbered without holes; an edit is told again."""
    async with Server() as server:
        source = MastodonSource(server.spec(), Counter())
        server.statuses = [status(n) for n in range(10)]
        first, cursor = await drain(source, None)
        assert [e.id[-2:] for e in first] == [f"/{n}" for n in range(10)]
        server.statuses += [status(n) for n in range(10, 210)]
        server.statuses[5] = status(5, "<p>Changed</p>", edited_at="2026-05-15T10:00:00Z")
        await source.close()
        source = MastodonSource(server.spec(), Counter())
        more, cursor = await drain(source, cursor)
        assert sorted(int(e.id.rpartition("/")[2]) for e in more) == [5, *range(10, 210)]
        assert [e.text for e in more if e.id.endswith("/5")] == ["Changed"]
        assert [e.seq for e in first + more] == list(range(first[0].seq, first[0].seq + 211))
        again, _ = await drain(source, cursor)
        assert again == []
        await source.close()


@awaited
async def test_a_status_that_reaches_the_server_late_is_found_between_older_ones():
    """Its id is made of the time it was said, so it lies below the newest."""
    async with Server() as server:
        source = MastodonSource(server.spec(), Counter())
        server.statuses = [status(n) for n in range(0, 40, 2)]
        _, cursor = await drain(source, None)
        server.statuses.append(status(31))
        late, _ = await drain(source, cursor)
        assert [e.id for e in late] == ["mastodon::https://far.example/s/31"]
        await source.close()


@pytest.mark.parametrize(
    ("feeds", "said"), [("disabled", "switched hashtag timelines off"), ("authenticated", "token")]
)
@awaited
async def test_a_server_that_shows_no_timelines_is_a_problem(feeds, said):
    """It answers 200 with nothing, which would look like silence."""
    async with Server() as server:
        server.feeds = feeds
        source = MastodonSource(server.spec(), Counter())
        batch = await source.poll(None)
        assert said in batch.problem
        await source.close()


@awaited
async def test_hashtags_and_token_are_sent(monkeypatch):
    """any, all, none, local, and the token that the environment has."""
    monkeypatch.setenv("M_TOKEN", "sesame")
    async with Server() as server:
        spec = server.spec(any=["a"], all=["b"], none=["c"], local=True, token="env:M_TOKEN")
        source = MastodonSource(spec, Counter())
        await source.poll(None)
        asked = server.requests[0]
        assert dict(asked.query) == {
            "limit": "40",
            "any[]": "a",
            "all[]": "b",
            "none[]": "c",
            "local": "true",
        }
        assert asked.headers["Authorization"] == "Bearer sesame"
        await source.close()


@awaited
async def test_a_limit_is_kept_until_the_time_that_mastodon_writes():
    """X-RateLimit-Reset is ISO 8601 there, not seconds."""
    async with Server() as server:
        reset = (datetime.now(UTC) + timedelta(minutes=3)).strftime("%Y-%m-%dT%H:%M:%S.000000Z")
        server.serve(
            "/api/v1/timelines/tag/pycon",
            b"{}",
            status=429,
            X_RateLimit_Remaining="0",
            X_RateLimit_Reset=reset,
        )
        source = MastodonSource(server.spec(), Counter())
        with pytest.raises(RateLimited) as caught:
            await source.poll(None)
        assert timedelta(minutes=2) < caught.value.wait <= timedelta(minutes=3, seconds=1)
        await source.close()


@pytest.mark.parametrize(("code", "error"), [(401, AuthFailed), (503, Transient)])
@awaited
async def test_refusals_say_what_to_do(code, error):
    """Credentials, or the server's bad moment."""
    async with Server() as server:
        server.serve("/api/v1/timelines/tag/pycon", b"", status=code)
        source = MastodonSource(server.spec(), Counter())
        with pytest.raises(error):
            await source.poll(None)
        await source.close()


def test_a_table_that_cannot_be_used_is_refused():
    """A tag with #, a page instead of the server, and a literal token."""
    for more, said in (({"tag": "#pycon"}, "hashtag"), ({"token": "abc"}, "env:TOKEN")):
        with pytest.raises(ValueError, match=said):
            Spec(**{"name": "m", "url": "https://m.example", "tag": "pycon", **more})
    with pytest.raises(ValueError, match="URL of the server"):
        Spec(name="m", url="https://m.example/tags/pycon", tag="pycon")


@pytest.mark.data
def test_recorded_answers_are_read(data_folder):
    """Every answer with statuses, and every message of a stream, in the recordings."""
    import yaml

    found = {}
    for file in sorted((data_folder / "payloads" / "mastodon").glob("*.yaml")):
        counts = Counter()
        for made in yaml.safe_load(file.read_text())["interactions"]:
            body = made["response"]["body"]["string"]
            frames = [body if isinstance(body, str) else body.decode()]
            if "event-stream" in str(made["response"]["headers"]):
                frames = []
                for block in made["response"]["body"]["string"].split("\n\n"):
                    fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line[:7])
                    if "event" in fields:
                        frames.append(json.dumps({"event": fields["event"], "payload": fields.get("data")}))
            for frame in frames:
                try:
                    parsed = parse(frame.encode(), META)
                except Malformed:
                    counts["malformed"] += 1
                    continue
                counts["events"] += len(parsed.events)
                counts["rejects"] += len(parsed.rejects)
                counts["not_public"] += parsed.counts.get("not_public", 0)
                for event in parsed.events:
                    assert event.id.startswith("mastodon::http://localhost:3000/")
                    assert event.author.handle.endswith("@localhost:3000")
                    assert event.created_at.year == 2026
        found[file.stem.rpartition("__")[2]] = tuple(
            counts[k] for k in ("events", "not_public", "rejects", "malformed")
        )
    # the versions of an edited status have no uri of their own, accounts and tokens are no statuses
    assert found == {
        "test_hashtag_tl": (3, 0, 0, 1),
        "test_public_tl": (18, 0, 0, 1),
        "test_public_tl_anonymous": (10, 0, 0, 1),
        "test_status_edit": (3, 0, 3, 1),
        "test_status_quotes": (2, 0, 0, 0),
        "test_status_reblog_unreblog": (5, 0, 0, 0),
        "test_status_reply": (4, 0, 0, 1),
        "test_stream_direct": (1, 1, 0, 4),
        "test_stream_healthy": (0, 0, 0, 3),
        "test_stream_user_direct": (7, 3, 0, 4),
    }


class Timeline(Harness):
    """The timeline of a hashtag."""

    kind = "mastodon"

    def table(self, url):
        return {"url": url, "tag": "pycon", "key": "m.example/tags/pycon", "allow_private": True}

    def secret_table(self, url):
        return {**self.table(url), "token": "env:CONTRACT_SECRET"}

    async def answer(self, request, items):
        if request.path == "/api/v2/instance":
            return web.Response(status=404)  # as older servers
        assert request.path == "/api/v1/timelines/tag/pycon"
        least, limit = int(request.query.get("min_id", 0)), int(request.query["limit"])
        newer = [n for n in items if 1000 + n > least]
        page = newer[:limit] if least else newer[-limit:]
        return web.json_response([status(n) for n in reversed(page)])

    def number(self, event):
        return int(event.id.rpartition("/")[2])


class TestContract(HttpContract):
    harness_class = Timeline


class Listened(SocketHarness, Timeline):
    """Its stream, which has no memory, beside the timeline."""

    def table(self, url):
        return {**super().table(url), "token": "env:CONTRACT_SECRET", "stream": True}

    secret_table = table

    def streamed(self, request):
        return request.path == "/api/v1/streaming"

    def place(self, request, items):
        assert request.query["tag"] == "pycon"
        return len(items)

    def said(self, number):
        told = json.dumps(status(number))
        return json.dumps({"stream": ["hashtag", "pycon"], "event": "update", "payload": told})

    def open(self, spec, counts):
        return MastodonStream(spec, counts, QUICK)


class TestContractOfStreams(SourceContract):
    harness_class = Listened


class Streaming(Server):
    """One with streams, too: what is said there is said to all who listen, and to nobody later."""

    def __init__(self):
        super().__init__()
        self.listeners = []
        self.asked = []
        self.refuse = None
        self.cut_after = None

        async def stream(request):
            self.asked.append((dict(request.query), request.headers.get("Authorization")))
            if self.refuse is not None:
                return web.Response(status=self.refuse)
            ws = web.WebSocketResponse()
            await ws.prepare(request)
            mine = asyncio.Queue()
            self.listeners.append(mine)
            heard = asyncio.ensure_future(ws.receive())  # answers pings
            sent = 0
            while True:
                message = await mine.get()
                if message is None:
                    break
                await ws.send_str(message if isinstance(message, str) else json.dumps(message))
                sent += 1
                if self.cut_after is not None and sent >= self.cut_after:
                    request.transport.abort()
                    break
            self.listeners.remove(mine)
            heard.cancel()
            return ws

        self.handle("/api/v1/streaming", stream)

    def say(self, event, payload):
        told = payload if isinstance(payload, str) else json.dumps(payload)
        for mine in list(self.listeners):
            mine.put_nowait({"stream": ["hashtag", "pycon"], "event": event, "payload": told})

    def post(self, told):
        self.statuses.append(told)
        self.say("update", told)

    def spec(self, **more):
        return super().spec(token="env:MASTODON_TOKEN", stream=True, **more)

    def end(self):
        for mine in list(self.listeners):
            mine.put_nowait(None)


class Listener:
    """A source and its cursor, as a runner keeps them."""

    def __init__(self, spec, cursor=None):
        self.counts = Counter()
        self.source, self.cursor = MastodonStream(spec, self.counts, QUICK), cursor
        self.got, self.rejects, self.problems = [], [], []

    async def until(self, done, seconds=60):
        end = monotonic() + seconds
        while monotonic() < end:
            if done():
                return
            try:
                batch = await asyncio.wait_for(self.source.poll(self.cursor), 60)
            except Transient:
                self.counts["transient"] += 1
                continue
            self.cursor = self.cursor if batch.cursor is None else batch.cursor
            self.got += batch.events
            self.rejects += batch.rejects
            self.problems += filter(None, [batch.problem])
        raise AssertionError((self.counts, [(e.op, e.text) for e in self.got]))


def opened(spec, counts):
    return MastodonStream(spec, counts, QUICK)


@pytest.fixture
def token(monkeypatch):
    monkeypatch.setenv("MASTODON_TOKEN", "the-token-of-a-test")


@pytest.mark.usefixtures("token")
@awaited
async def test_a_stream_tells_at_once_what_is_new_edited_and_deleted():
    """After the timeline; deletions of what was never told are counted."""
    async with Streaming() as server:
        server.statuses = [status(1, "<p>before</p>")]
        reader = Listener(server.spec())
        await reader.until(lambda: reader.got and server.listeners)
        server.post(status(2, "<p>now</p>"))
        await reader.until(lambda: len(reader.got) == 2)
        server.say("status.update", status(1, "<p>better</p>", edited_at="2026-05-15T10:00:00Z"))
        server.post(status(3, "<p>soon gone</p>"))
        server.say("delete", "1003")
        server.say("delete", "1002")
        server.say("delete", "77")
        server.say("filters_changed", "")
        await reader.until(lambda: len(reader.got) == 6)
        assert [(e.op, e.id[-1], e.text) for e in reader.got] == [
            ("create", "1", "before"), ("create", "2", "now"), ("create", "1", "better"),
            ("create", "3", "soon gone"), ("delete", "3", None), ("delete", "2", None),
        ]  # fmt: skip
        assert [e.seq for e in reader.got] == list(range(reader.got[0].seq, reader.got[0].seq + 6))
        await reader.until(lambda: reader.counts["deletes_of_unknown"] == 1)
        query, sent = server.asked[0]
        assert (query, sent) == ({"stream": "hashtag", "tag": "pycon"}, "Bearer the-token-of-a-test")
        assert b"the-token" not in (reader.cursor or b"")
        await reader.source.close()


@pytest.mark.usefixtures("token")
@awaited
async def test_what_a_stream_that_is_cut_did_not_say_comes_with_the_timeline():
    """Cut after every third message, and while nobody listens: each status once, no other."""
    async with Streaming() as server:
        server.cut_after = 3
        stream, stop = MemoryStream("m"), asyncio.Event()
        run = asyncio.create_task(
            run_source(server.spec(), stream, stop=stop, retry_policy=SOON, opener=opened)
        )
        try:
            async with asyncio.timeout(60):
                while not server.listeners:
                    await asyncio.sleep(0.01)
                for n in range(1, 60):
                    server.post(status(n, f"<p>number {n}</p>"))
                    await asyncio.sleep(0.02)
                found = []
                while len({e.text for e in found}) < 59:
                    assert not run.done(), run
                    await asyncio.sleep(0.1)
                    found = [d.event for d in stream.snapshot(1_000).deliveries]
            assert sorted(e.text for e in found) == sorted(f"number {n}" for n in range(1, 60))
            assert len(server.asked) > 2
        finally:
            stop.set()
            await asyncio.wait_for(run, 20)
            stream.delete()


@pytest.mark.usefixtures("token")
@awaited
async def test_without_a_stream_the_timeline_is_read_and_the_health_says_why():
    """A server that refuses; and messages that are none, which become dead letters."""
    async with Streaming() as server:
        server.refuse = 404
        server.statuses = [status(1)]
        reader = Listener(server.spec())
        await reader.until(lambda: reader.got)
        assert "no stream" in reader.problems[0]
        assert len(server.asked) == 1
        await reader.source.close()
        server.refuse = None
        again = Listener(server.spec(), reader.cursor)
        await again.until(lambda: server.listeners)
        await again.until(lambda: again.counts["fetched"])
        for broken in ("", "{", '{"event": 3}', "[1]"):
            server.listeners[0].put_nowait(broken)
        server.say("update", "{")
        server.say("update", "[]")
        server.post(status(2, "<p>fine</p>"))
        await again.until(lambda: again.got)
        assert [e.text for e in again.got] == ["fine"]
        assert len(again.rejects) == 6
        assert all(r.reason for r in again.rejects)
        await again.source.close()


@pytest.mark.usefixtures("token")
@awaited
async def test_what_was_heard_and_not_stored_is_told_again():
    """The same cursor gives the same; in another process, the timeline gives it."""
    async with Streaming() as server:
        server.statuses = [status(1)]
        reader = Listener(server.spec())
        await reader.until(lambda: reader.got)
        cursor = reader.cursor
        server.post(status(2))
        await reader.until(lambda: len(reader.got) == 2)
        repeated = await reader.source.poll(cursor)
        assert [e.id for e in repeated.events] == [reader.got[1].id]
        other = Listener(server.spec(), cursor)
        await other.until(lambda: other.got)
        assert [(e.id, e.rev) for e in other.got] == [(reader.got[1].id, reader.got[1].rev)]
        await reader.source.close()
        await other.source.close()


def test_a_stream_needs_a_token():
    """Servers give streams to their users only."""
    with pytest.raises(ValueError, match="stream needs a token"):
        Spec(name="m", url="https://m.example", tag="pycon", stream=True)
