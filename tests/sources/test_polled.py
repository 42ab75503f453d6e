"""What every polled source has from its base: pages, pace, limits, secrets; against a real server."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, ClassVar

import msgspec
import pytest
from aiohttp import web

from rtanalytics.event import Event
from rtanalytics.sources.base import AuthFailed, Malformed, Meta, Parsed, RateLimited, Reject, Transient
from rtanalytics.sources.headers import rate_of
from rtanalytics.sources.polled import PolledSource, PolledSpec, SeenCursor
from tests.sources.server import FeedServer

NOW = datetime(2026, 5, 15, 9, tzinfo=UTC)


def parse(raw: bytes, meta: Meta) -> Parsed:
    """``{"items": [numbers], "next": …, "backoff": seconds}``; an item that is no number cannot be read."""
    try:
        payload = json.loads(raw)
    except ValueError:
        raise Malformed("no JSON", raw) from None
    events, rejects = [], []
    for n in payload["items"]:
        if isinstance(n, int):
            at = NOW + timedelta(minutes=n)
            events.append(
                Event(
                    id=f"notes:x:{n}",
                    source="notes",
                    text=f"{n}{payload.get('message', '')}",
                    created_at=at,
                    received_at=at,
                )
            )
        else:
            rejects.append(Reject(reason="no number", raw=json.dumps(n).encode()))
    wait = timedelta(seconds=payload["backoff"]) if "backoff" in payload else None
    return Parsed(events=events, rejects=rejects, wait=wait, next=payload.get("next"))


class NotesSpec(PolledSpec, frozen=True, kw_only=True, tag_field="type", tag="notes"):
    """As in the module's example."""

    connector: ClassVar[str] = "notes@1"
    parser: ClassVar[str] = "tests.sources.test_polled:parse"
    url: str
    token: str | None = None
    api_key: str | None = None


class NotesSource(PolledSource[NotesSpec, SeenCursor]):
    """As in the module's example, with a key in the address too."""

    bucket = "notes"
    cursor = SeenCursor
    every = timedelta(minutes=1)
    pages = 3

    def first(self, state):
        key = self.secret("api_key")
        return f"{self.spec.url}/notes" + (f"?api_key={key}" if key else "")


class Reader:
    """Polls as the runner does, and keeps what it got."""

    def __init__(self, server: FeedServer, **fields):
        fields = {"name": "notes", "allow_private": True, "url": server.url(""), **fields}
        self.counts: Counter[str] = Counter()
        self.source = NotesSource(NotesSpec(**fields), self.counts)
        self.cursor, self.got, self.waits = None, [], []

    async def poll(self):
        batch = await self.source.poll(self.cursor)
        self.cursor = batch.cursor or self.cursor
        self.got += batch.events
        self.waits.append(batch.wait)
        return batch

    @property
    def texts(self):
        return [e.text for e in self.got]


def run_story(story: Callable[[FeedServer, Reader], Awaitable[Any]], **fields: Any) -> Any:
    async def run():
        async with FeedServer() as server:
            reader = Reader(server, **fields)
            try:
                return await story(server, reader)
            finally:
                await reader.source.close()

    return asyncio.run(run())


def page(*items: Any, **more: Any) -> bytes:
    return json.dumps({"items": items, **more}).encode()


# --- pages -----------------------------------------------------------------------------------------


def test_pages_are_read_one_a_poll_until_what_is_known():
    """Each is stored before the next is asked for; numbers have no holes, and nothing comes twice."""

    async def story(server, reader):
        server.serve("/notes", page(6, 5, next="/2"))
        server.serve("/2", page(4, 3, next="/3"))
        server.serve("/3", page(2, 1, next="/4"))
        for _ in range(3):
            await reader.poll()
        assert reader.waits == [timedelta(0), timedelta(0), timedelta(minutes=1)]
        assert sorted(reader.texts) == list("123456")
        server.serve("/notes", page(8, 7, next="/2"))
        server.serve("/2", page(6, 5, next="/3"))
        await reader.poll()
        await reader.poll()
        assert [r.path for r in server.requests] == ["/notes", "/2", "/3", "/notes", "/2"]
        numbers = [e.seq for e in reader.got]
        assert numbers == list(range(numbers[0], numbers[0] + 8))
        assert {e.producer for e in reader.got} == {"notes:notes"}
        return reader.texts[6:]

    assert run_story(story) == ["7", "8"]


def test_the_next_page_may_be_told_by_a_header():
    """``Link: <…>; rel="next"``."""

    async def story(server, reader):
        server.serve("/notes", page(2), Link='</2>; rel="next", </9>; rel="last"')
        server.serve("/2", page(1))
        await reader.poll()
        await reader.poll()
        return reader.texts

    assert run_story(story) == ["2", "1"]


def test_more_than_is_read_is_a_gap_with_a_name_that_stays():
    """After the first reading: an event says from when to when, the same however often it is polled."""

    async def story(server, reader):
        server.serve("/notes", page(1))
        await reader.poll()
        for n in (2, 3, 4):
            server.serve("/notes" if n == 2 else f"/{n}", page(20 - n, next=f"/{n + 1}"))
        await reader.poll()
        await reader.poll()
        [again] = [e for e in (await reader.source.poll(reader.cursor)).events if e.type == "gap"]
        await reader.poll()
        [gap] = [e for e in reader.got if e.type == "gap"]
        assert (gap.id, gap.rev, gap.seq) == (again.id, again.rev, again.seq)
        assert gap.id == "notes:notes:gap/2026-05-15T09:01:00.000Z"
        assert gap.text.startswith("from 2026-05-15 09:01:00 to 2026-05-15 09:16:00 UTC: ")
        assert reader.waits[-1] == timedelta(minutes=1)

    run_story(story)


def test_a_page_on_another_host_is_not_asked_for():
    """Our token is for nobody else, whatever the answer says."""

    async def story(server, reader):
        server.serve("/notes", page(1, next="https://elsewhere.example/2"))
        await reader.poll()
        return reader.waits, reader.counts["foreign_next"]

    assert run_story(story) == ([timedelta(minutes=1)], 1)


@pytest.mark.parametrize("status", [400, 404, 410])
def test_a_page_in_the_middle_that_is_gone_ends_the_pages_only(status):
    """A token that was good for minutes: the source begins with the first page again, and says why."""

    async def story(server, reader):
        server.serve("/notes", page(2, next="/2"))
        server.serve("/2", b"", status=status)
        await reader.poll()
        batch = await reader.poll()
        assert "no longer exists" in batch.problem
        await reader.poll()
        return [r.path for r in server.requests]

    assert run_story(story) == ["/notes", "/2", "/notes"]


def test_a_limit_in_the_middle_leaves_the_pages_where_they_are():
    """429 on the second page: it is the second page that is asked for afterwards."""

    async def story(server, reader):
        server.serve("/notes", page(2, next="/2"))
        server.serve("/2", b"", status=429, Retry_After="7")
        await reader.poll()
        with pytest.raises(RateLimited):
            await reader.poll()
        server.serve("/2", page(1))
        await reader.poll()
        return reader.texts, [r.path for r in server.requests]

    assert run_story(story) == (["2", "1"], ["/notes", "/2", "/2"])


def test_a_page_in_the_middle_that_cannot_be_read_is_left_out_in_the_end():
    """One dead letter; after three readings it begins again, and says that something is missing."""

    async def story(server, reader):
        server.serve("/notes", page(1))
        await reader.poll()
        server.serve("/notes", page(3, next="/2"))
        server.serve("/2", b"<html>")
        await reader.poll()
        batches = [await reader.poll() for _ in range(3)]
        assert [len(b.rejects) for b in batches] == [1, 0, 0]
        server.serve("/notes", page(4, 3))
        await reader.poll()
        return reader.texts[0], reader.texts[1], reader.got[2].type, reader.texts[3]

    assert run_story(story) == ("1", "3", "gap", "4")


def test_an_item_that_cannot_be_read_is_told_once_whatever_page_it_is_on():
    """The pages that are read after it do not make it new."""

    async def story(server, reader):
        letters = []
        server.serve("/notes", page("bad", 2, next="/2"))
        server.serve("/2", page(1, "worse"))
        for n in range(6):
            if n == 3:
                server.serve("/notes", page(3, "bad", 2, next="/2"))
            letters += (await reader.poll()).rejects
        return [letter.raw for letter in letters]

    assert run_story(story) == [b'"bad"', b'"worse"']


# --- how often -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "headers", "wait"),
    [
        ({"backoff": 90}, {}, 90),
        ({"backoff": 10}, {}, 60),
        ({}, {"X_Poll_Interval": "120"}, 120),
        ({}, {"X_RateLimit_Remaining": "0", "X_RateLimit_Reset": "100"}, 100),
        ({}, {"X_RateLimit_Remaining": "5", "X_RateLimit_Reset": "100"}, 60),
        ({}, {"Cache_Control": "max-age=300"}, 300),
    ],
)
@pytest.mark.parametrize("hints", [True, False])
def test_it_waits_as_long_as_the_other_side_demands(body, headers, wait, hints):
    """Demands are kept to in any case, hints unless the table says otherwise."""

    async def story(server, reader):
        server.serve("/notes", page(1, **body), **headers)
        return (await reader.poll()).wait.total_seconds()

    assert run_story(story, hints=hints) == (60 if "Cache_Control" in headers and not hints else wait)


def test_a_backoff_is_kept_to_before_the_next_page():
    """The page is stored, the next one asked for when the service allows it."""

    async def story(server, reader):
        server.serve("/notes", page(2, next="/2", backoff=30))
        await reader.poll()
        return reader.waits

    assert run_story(story) == [timedelta(seconds=30)]


@pytest.mark.parametrize(
    ("reset", "date", "seconds"),
    [
        ("1778835660", NOW, 60),
        ("1778835660000", NOW, 60),
        ("2026-05-15T09:01:00Z", NOW, 60),
        ("2026-05-15T09:01:00", NOW, 60),
        ("Fri, 15 May 2026 09:01:00 GMT", NOW, 60),
        ("59.5", None, 59.5),
        ("1778835660", None, 60),
        ("1778835660", NOW - timedelta(hours=5), 3601),
        ("1778925660", None, 901),
        ("1778925660", NOW, 3601),
        ("1778830000", NOW, 0),
        ("soon", NOW, None),
        ("99999999999999999", NOW, None),
        ("-1", NOW, None),
    ],
)
def test_a_reset_is_read_in_every_form_and_never_believed_too_far(reset, date, seconds):
    """By the server's own clock where it tells one; otherwise 901 seconds at most."""
    headers = {"X-Rate-Limit-Remaining": "0", "X-Rate-Limit-Reset": reset}
    if date is not None:
        headers["Date"] = format_datetime(date, usegmt=True)
    found = rate_of(headers, NOW).reset
    assert (found and found.total_seconds()) == seconds if seconds else not found


@pytest.mark.parametrize("status", [403, 429])
def test_a_refusal_with_a_used_up_limit_is_waited_out_until_its_reset(status):
    """403 and 429 without Retry-After, as GitHub and X send them."""

    async def story(server, reader):
        server.serve("/notes", b"", status=status, X_RateLimit_Remaining="0", X_RateLimit_Reset="40")
        with pytest.raises(RateLimited) as caught:
            await reader.poll()
        return caught.value.wait, caught.value.status

    assert run_story(story) == (timedelta(seconds=40), status)


# --- secrets ---------------------------------------------------------------------------------------


def test_secrets_go_to_their_host_and_nowhere_else(monkeypatch):
    """Not to where it redirects, not into events, dead letters, cursors, errors or addresses."""
    monkeypatch.setenv("T", "s3cr3t/1")
    monkeypatch.setenv("K", "k3y+k3y")
    seen: list[tuple[str, str | None]] = []

    async def story(server, reader):
        async with FeedServer() as other:

            async def gone(request: web.Request) -> web.Response:
                seen.append(("other", request.headers.get("Authorization")))
                return web.Response(body=page(request.headers.get("Authorization", "nothing"), 1))

            async def notes(request: web.Request) -> web.Response:
                seen.append(("own", request.headers.get("Authorization")))
                if "page" in request.query:
                    assert request.query["api_key"] == "k3y+k3y"
                    return web.Response(body=b"<html>s3cr3t/1 k3y%2Bk3y k3y+k3y")
                link = f"{server.url('/notes')}?page=2&api_key=k3y%2Bk3y"
                return web.Response(body=page(2, {"you sent": "s3cr3t/1"}, next=link))

            server.handle("/notes", notes)
            kept = [await reader.poll(), await reader.poll()]
            text = repr(kept) + repr(reader.source.spec)
            assert not any(secret in text for secret in ("s3cr3t", "k3y+k3y", "k3y%2Bk3y"))
            other.handle("/notes", gone)
            server.serve("/notes", b"", status=302, Location=other.url("/notes", "127.0.0.1"))
            reader.cursor = None
            await reader.poll()
            return seen

    assert run_story(story, token="env:T", api_key="env:K") == [
        ("own", "Bearer s3cr3t/1"),
        ("own", "Bearer s3cr3t/1"),
        ("other", None),
    ]


def test_a_secret_that_a_service_says_back_is_not_in_what_is_told(monkeypatch):
    """A text with our token in it is stored without it."""
    monkeypatch.setenv("T", "s3cr3t/1")

    async def story(server, reader):
        server.serve("/notes", page(1, message=": you are s3cr3t/1"))
        await reader.poll()
        return reader.texts

    assert run_story(story, token="env:T") == ["1: you are ***token***"]


def test_a_missing_secret_and_a_refused_one_say_what_to_do(monkeypatch):
    """The variable to set; or which of them holds what is to be renewed."""
    monkeypatch.delenv("T", raising=False)

    async def story(server, reader):
        with pytest.raises(AuthFailed, match="set the environment variable T"):
            await reader.poll()
        assert server.requests == []
        monkeypatch.setenv("T", "s3cr3t")
        server.serve("/notes", b"", status=401)
        with pytest.raises(AuthFailed, match="the token in T is not accepted; renew it and start again"):
            await reader.poll()

    run_story(story, token="env:T")


def test_where_a_login_is_wanted_the_keys_of_the_kind_are_named():
    """Not an address with a password in it, which no kind takes that has a key for it."""

    async def story(server, reader):
        server.serve("/notes", b"", status=401)
        with pytest.raises(AuthFailed) as caught:
            await reader.poll()
        return str(caught.value)

    message = run_story(story)
    assert (
        'a login is required; write api_key = "env:API_KEY" into the table, or token in the same way'
        in message
    )
    assert "password" not in message


def test_a_form_is_posted_and_never_redirected():
    """For services that give a token for it."""

    async def story(server, reader):
        async def token(request: web.Request) -> web.Response:
            return web.json_response({"method": request.method, **await request.post()})

        server.handle("/token", token)
        answer = await reader.source.http.get(server.url("/token"), form={"grant": "me"})
        server.serve("/away", b"", status=307, Location="/token")
        with pytest.raises(Transient, match="posted"):
            await reader.source.http.get(server.url("/away"), form={"grant": "me"})
        return msgspec.json.decode(answer.body)

    assert run_story(story) == {"method": "POST", "grant": "me"}
