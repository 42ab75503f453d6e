"""The one HTTP client against a real server: what it sends, what it takes, where it does not go."""

from __future__ import annotations

import asyncio
import gzip
import ipaddress
import re
import socket
import tracemalloc
import zlib
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from rtanalytics.sources.base import (
    AuthFailed,
    Blocked,
    Gone,
    Malformed,
    RateLimited,
    Refused,
    SourceError,
    TooLarge,
    Transient,
)
from rtanalytics.sources.headers import MAX_SKEW, freshness, retry_after
from rtanalytics.sources.http import HttpClient, Validators, user_agent
from rtanalytics.sources.public import is_public
from tests.sources.server import FeedServer, endless

NOW = datetime(2026, 5, 15, 9, tzinfo=UTC)
BODY = b"<rss version='2.0'></rss>"


class Names(AbstractResolver):
    """Names that stand for what the test says, each time it is asked the next."""

    def __init__(self, **names: list[str]) -> None:
        self.names = {name.replace("_", "."): addresses for name, addresses in names.items()}
        self.asked: list[str] = []

    async def resolve(self, host, port=0, family=socket.AF_INET) -> list[ResolveResult]:
        self.asked.append(host)
        addresses = self.names[host]
        address = addresses.pop(0) if len(addresses) > 1 else addresses[0]
        flags = socket.AI_NUMERICHOST
        found = ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=flags)
        return [found]

    async def close(self) -> None:
        """Nothing to give back."""


def asked(story: Callable[[FeedServer, HttpClient], Awaitable[Any]], **client: Any) -> Any:
    """Run a story with a server, and a client that may go there."""

    async def run():
        async with FeedServer() as server:
            options = {"trusted": ["127.0.0.1"], "counts": Counter(), **client}
            http = HttpClient(**options)
            try:
                return await story(server, http)
            finally:
                await http.close()

    return asyncio.run(run())


def failed(story, kind: type[SourceError], **client: Any) -> SourceError:
    with pytest.raises(kind) as caught:
        asked(story, **client)
    assert type(caught.value) is kind
    return caught.value


# --- validators ------------------------------------------------------------------------------------


@pytest.mark.parametrize("etag", ['"abc"', 'W/"a b,c"', "unquoted", '"ünïcode"', '""'])
def test_validators_come_back_byte_for_byte(etag):
    """Weak, unquoted, odd: what the server sent is what it is sent, and 304 costs no body."""
    modified = "Fri, 15 May 2026 09:00:00 +0000"

    async def story(server, http):
        server.serve("/feed", BODY, etag=etag, modified=modified)
        first = await http.get(server.url())
        second = await http.get(server.url(), first.validators)
        return first, second, server.requests[1].headers

    first, second, headers = asked(story)
    assert (first.status, first.body, first.validators) == (200, BODY, Validators(etag, modified))
    assert (second.status, second.body, second.validators) == (304, b"", first.validators)
    assert (headers["If-None-Match"], headers["If-Modified-Since"]) == (etag, modified)


def test_it_says_who_it_is():
    """Name and version of the project are in the User-Agent; no cookies are kept."""

    async def story(server, http):
        server.serve("/feed", BODY, Set_Cookie="a=b")
        await http.get(server.url())
        await http.get(server.url())
        return server.requests

    requests = asked(story)
    assert all(r.headers["User-Agent"] == user_agent() for r in requests)
    assert user_agent().startswith("rtanalytics/")
    assert "Cookie" not in requests[1].headers


def test_a_304_that_nobody_asked_for_is_no_answer():
    """Without validators there is nothing that could be unchanged."""

    async def story(server, http):
        server.serve("/feed", b"", status=304)
        await http.get(server.url())

    failed(story, Transient)


# --- what a status means ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, AuthFailed),
        (403, Blocked),
        (404, Transient),
        (410, Gone),
        (429, RateLimited),
        (451, Blocked),
        (500, Transient),
        (502, Transient),
        (503, Transient),
    ],
)
def test_each_status_has_a_class_that_says_what_to_do(status, kind):
    """Gone is not blocked, and blocked is not a bad moment; the count is kept."""
    counts = Counter()

    async def story(server, http):
        server.serve("/feed", b"sorry", status=status)
        await http.get(server.url())

    error = failed(story, kind, counts=counts)
    assert f"status {status}" in str(error)
    assert counts[f"http_{status}"] == counts["requests"] == 1


@pytest.mark.parametrize("status", [429, 503, 403])
@pytest.mark.parametrize(
    ("told", "seconds"),
    [("120", 120), ("date", 7200)],
)
def test_both_forms_of_retry_after_are_kept_to(status, told, seconds):
    """Seconds, and a date, which is measured against the server's own clock."""
    if told == "date":
        told = format_datetime(datetime.now(UTC) + timedelta(hours=2), usegmt=True)

    async def story(server, http):
        server.serve("/feed", b"", status=status, Retry_After=told)
        await http.get(server.url())

    wait = failed(story, RateLimited).wait
    assert abs(wait.total_seconds() - seconds) < 120


def test_retry_after_by_headers_alone():
    """A date without the server's own is believed for 15 minutes at most; nonsense says nothing."""
    later = format_datetime(NOW + timedelta(hours=3), usegmt=True)
    theirs = format_datetime(NOW + timedelta(hours=2), usegmt=True)
    assert retry_after({"Retry-After": later}, NOW) == MAX_SKEW
    assert retry_after({"Retry-After": later, "Date": theirs}, NOW) == timedelta(hours=1)
    assert retry_after({"Retry-After": theirs, "Date": later}, NOW) == timedelta(0)
    assert retry_after({"Retry-After": "99999999"}, NOW) == timedelta(days=1)
    for told in ("soon", "-5", "", "1e9", "Thu, 99 Foo 2026"):
        assert retry_after({"Retry-After": told}, NOW) is None


@pytest.mark.parametrize(
    ("headers", "fresh"),
    [
        ({"Cache-Control": "public, max-age=600"}, 600),
        ({"Cache-Control": "max-age=600", "Age": "500"}, 100),
        ({"Cache-Control": "max-age=600", "Age": "700"}, None),
        ({"Cache-Control": "no-cache, max-age=600"}, None),
        ({"Cache-Control": "s-maxage=600"}, None),
        ({"Cache-Control": "max-age=99999999"}, 86_400),
        ({"Expires": "Fri, 15 May 2026 09:10:00 GMT", "Date": "Fri, 15 May 2026 09:05:00 GMT"}, 300),
        ({"Expires": "0"}, None),
        ({}, None),
    ],
)
def test_freshness_is_what_the_headers_say(headers, fresh):
    """Cache-Control before Expires, less its age; a day at most."""
    assert freshness(headers, NOW) == (None if fresh is None else timedelta(seconds=fresh))


# --- redirects -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "permanent"), [(301, True), (308, True), (302, False), (307, False)])
def test_redirects_are_followed_and_permanent_ones_told(status, permanent):
    """The validators travel along; only a way that is permanent all along says where it moved to."""
    counts = Counter()

    async def story(server, http):
        server.serve("/feed", b"", status=status, Location="/new#part")
        server.serve("/new", BODY, etag='"1"')
        answer = await http.get(server.url(), Validators('"1"'))
        return answer, server.url("/new")

    answer, new = asked(story, counts=counts)
    assert (answer.status, answer.url) == (304, new)
    assert answer.moved_to == (new if permanent else None)
    assert counts["redirects_permanent"] == int(permanent)


@pytest.mark.parametrize(
    "target",
    [
        "file:///etc/passwd",
        "ftp://127.0.0.1/feed",
        "javascript:alert(1)",
        "data:text/xml,x",
        "http://10.0.0.1/feed",
        "http://192.168.1.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::1]/",
        "http://[::ffff:10.0.0.1]/",
        "http://127.0.0.2/",
        "http://0.0.0.0/",
        "//10.1.2.3/feed",
    ],
)
def test_a_redirect_to_where_we_do_not_go_is_refused(target):
    """Other schemes and private, link-local and loopback addresses, though the first host may be private."""

    async def story(server, http):
        server.serve("/feed", b"", status=302, Location=target)
        await http.get(server.url())

    failed(story, Refused)


def test_a_name_that_stands_for_a_private_address_is_refused():
    """The check is on the address that would be connected to, for plain names and odd spellings alike."""

    async def story(server, http):
        server.serve("/feed", b"", status=301, Location=f"http://inside.example:{server.port}/feed")
        await http.get(server.url())

    assert "10.2.3.4" in str(failed(story, Refused, resolver=Names(inside_example=["10.2.3.4"])))

    async def spelt(server, http):
        server.serve("/feed", b"", status=301, Location=f"http://2130706433:{server.port}/feed")
        server.serve("/secret", BODY)
        await http.get(server.url())

    with pytest.raises(Transient):
        asked(spelt)


def test_a_name_that_changes_its_mind_gains_nothing():
    """Public when first asked, loopback when connected to: what is connected to is what is checked."""
    names = Names(rebind_example=["127.0.0.1"])

    async def story(server, http):
        server.serve("/secret", BODY)
        await http.get(server.url("/secret", host="rebind.example"))

    failed(story, Refused, resolver=names)
    assert names.asked == ["rebind.example"]

    async def trusted(server, http):
        server.serve("/secret", BODY)
        return await http.get(server.url("/secret", host="rebind.example"))

    assert asked(trusted, resolver=names, trusted=["rebind.example"]).body == BODY


def test_without_trust_even_the_first_address_must_be_public():
    """Loopback is only for who was told that it is meant."""

    async def story(server, http):
        server.serve("/feed", BODY)
        await http.get(server.url())

    assert "allow_private" in str(failed(story, Refused, trusted=[]))
    told = str(failed(story, Refused, trusted=[], source="blog"))
    assert "write allow_private = true in the [[source]] table of blog" in told


def test_an_address_at_which_there_is_nothing_is_said_to_be_wrong():
    """Status 404 alone tells a person nothing of what to do."""

    async def story(server, http):
        server.serve("/feed", b"sorry", status=404)
        await http.get(server.url())

    assert "status 404: not found; check the address" in str(failed(story, Transient))


def test_redirects_come_to_an_end():
    """A ring of redirects is a bad moment, not a hang; so is one without a target."""

    async def ring(server, http):
        server.serve("/feed", b"", status=302, Location="/feed")
        await http.get(server.url())

    assert "redirects" in str(failed(ring, Transient))

    async def nowhere(server, http):
        server.serve("/feed", b"", status=302)
        await http.get(server.url())

    failed(nowhere, Transient)


def test_a_redirect_that_leads_nowhere_is_told_as_one():
    """Both addresses and what is wrong with the second, which is in nobody's table."""

    async def story(server, http):
        server.serve("/feed", b"", status=302, Location="http://127.0.0.1:1/new")
        await http.get(server.url())

    said = str(failed(story, Transient))
    assert re.search(
        r"/feed: redirects to http://127\.0\.0\.1:1/new, and there: no connection to .*port 1", said
    )


def test_a_password_in_the_address_that_is_refused_is_to_be_renewed():
    """It is there already: nobody is told to write one."""

    async def story(server, http):
        server.serve("/feed", b"", status=401)
        await http.get(server.url().replace("://", "://me:pw@"))

    assert "not accepted; renew them" in str(failed(story, AuthFailed))


def test_credentials_stay_with_their_host():
    """User and password go to the host they were written for, not where it redirects to."""

    async def story(server, http):
        server.serve("/feed", b"", status=302, Location=f"http://other.example:{server.port}/new")
        server.serve("/new", BODY)
        await http.get(f"http://me:hunter2@127.0.0.1:{server.port}/feed")
        return [r.headers.get("Authorization") for r in server.requests]

    names = Names(other_example=["127.0.0.1"])
    first, second = asked(story, resolver=names, trusted=["127.0.0.1", "other.example"])
    assert first.startswith("Basic ")
    assert second is None


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1::1", True),
        ("10.0.0.1", False),
        ("100.64.0.1", False),
        ("224.0.0.1", False),
        ("::", False),
        ("fe80::1", False),
        ("fc00::1", False),
        ("::ffff:192.168.0.1", False),
        ("2002:0a00:0001::", False),
        ("64:ff9b::10.0.0.1", False),
        ("64:ff9b::9.9.9.9", True),
    ],
)
def test_what_is_out_on_the_internet_is_known(address, public):
    """IPv4 within IPv6 is judged by the IPv4 address; what is reserved is not public."""
    assert is_public(ipaddress.ip_address(address)) is public


# --- size, time, packing ---------------------------------------------------------------------------


@pytest.mark.parametrize("coding", ["gzip", "deflate", "x-gzip", "identity", "raw"])
def test_packed_answers_are_unpacked(coding):
    """gzip, zlib and bare deflate, in several members too."""
    body = b"<rss>" + b"x" * 100_000
    raw = zlib.compressobj(wbits=-15)
    packed = {
        "gzip": gzip.compress(body[:50]) + gzip.compress(body[50:]),
        "x-gzip": gzip.compress(body),
        "deflate": zlib.compress(body),
        "raw": raw.compress(body) + raw.flush(),
        "identity": body,
    }[coding]

    async def story(server, http):
        server.serve("/feed", packed, Content_Encoding="deflate" if coding == "raw" else coding)
        return await http.get(server.url())

    assert asked(story).body == body


def test_what_calls_itself_packed_and_is_not_is_taken_as_it_is():
    """A proxy that unpacks and leaves the header is common."""

    async def story(server, http):
        server.serve("/feed", BODY, Content_Encoding="gzip")
        return await http.get(server.url())

    assert asked(story).body == BODY


def test_a_packed_answer_that_is_cut_off_is_a_bad_moment_and_nonsense_is_not():
    """Half a gzip may be whole next time; a coding that nobody asked for, or rubbish, is a dead letter."""

    def story_of(body, coding="gzip"):
        async def story(server, http):
            server.serve("/feed", body, Content_Encoding=coding)
            await http.get(server.url())

        return story

    packed = gzip.compress(b"<rss>" + bytes(range(256)) * 100)
    failed(story_of(packed[:-20]), Transient)
    failed(story_of(b"\x1f\x8b" + b"\xff" * 50), Malformed)
    failed(story_of(b"whatever", "br"), Malformed)


@pytest.mark.parametrize("levels", [1, 2])
def test_a_gzip_bomb_ends_at_the_limit(levels):
    """200 MB in 200 kB, and a bomb in a bomb: memory stays near the limit, the beginning is kept."""
    maker = zlib.compressobj(9, wbits=31)
    bomb = b"".join(maker.compress(b"\0" * 10_000_000) for _ in range(20)) + maker.flush()
    if levels == 2:
        bomb = gzip.compress(bomb + bytes(20_000_000))

    async def story(server, http):
        server.serve("/feed", bomb, Content_Encoding="gzip")
        tracemalloc.start()
        try:
            with pytest.raises((TooLarge, Malformed)) as caught:
                await http.get(server.url(), max_bytes=10_000_000)
            return caught.value, tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    error, peak = asked(story)
    assert peak < 60_000_000
    assert isinstance(error, TooLarge)
    assert len(error.raw) == 64_000


def test_an_endless_answer_ends_at_the_limit():
    """No Content-Length, no end: it is left after the limit."""
    counts = Counter()

    async def story(server, http):
        server.handle("/feed", lambda request: endless(request, b"<item/>" * 10_000))
        await http.get(server.url(), max_bytes=1_000_000)

    error = failed(story, TooLarge, counts=counts)
    assert error.raw.startswith(b"<item/>")
    assert counts["bytes"] < 3_000_000


def test_an_answer_that_announces_too_much_is_not_fetched():
    """Only its beginning, for the dead letter."""
    counts = Counter()

    async def story(server, http):
        async def huge(request):
            response = web.StreamResponse(headers={"Content-Length": "1000000000"})
            await response.prepare(request)
            try:
                for _ in range(10_000):
                    await response.write(b"<item/>" * 10_000)
            except ConnectionError:
                return response
            return response

        server.handle("/feed", huge)
        await http.get(server.url())

    assert "1,000,000,000" in str(failed(story, TooLarge, counts=counts))
    assert counts["bytes"] < 3_000_000


def test_a_slow_drip_ends_in_time():
    """A byte now and then keeps a connection alive, but not past the limit for the whole."""

    async def story(server, http):
        async def drip(request):
            response = web.StreamResponse()
            await response.prepare(request)
            try:
                while True:
                    await response.write(b"<")
                    await asyncio.sleep(0.05)
            except ConnectionError:
                return response

        server.handle("/feed", drip)
        await http.get(server.url(), timeout=timedelta(seconds=0.5))

    assert "within 0.5 s" in str(failed(story, Transient))


def test_an_answer_that_breaks_off_is_a_bad_moment():
    """Fewer bytes than announced are no document, and say nothing about validators."""

    async def story(server, http):
        async def cut(request):
            response = web.StreamResponse(headers={"Content-Length": "1000", "ETag": '"x"'})
            await response.prepare(request)
            await response.write(b"<rss>")
            request.transport.close()
            return response

        server.handle("/feed", cut)
        await http.get(server.url())

    assert "cut off" in str(failed(story, Transient))


def test_nobody_there_is_a_bad_moment_without_secrets():
    """Refused connections and unknown names; the message has no password and no token."""

    async def run(url):
        http = HttpClient(Counter(), trusted=["127.0.0.1"])
        try:
            await http.get(url)
        finally:
            await http.close()

    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    for url, said in (
        (f"http://me:hunter2@127.0.0.1:{port}/x?token=s3cr3t", f"127.0.0.1, port {port}: connection refused"),
        ("http://me:hunter2@no.such.invalid/?token=s3cr3t", "unknown host 'no.such.invalid'"),
    ):
        with pytest.raises(Transient) as caught:
            asyncio.run(run(url))
        assert said in str(caught.value)
        assert "hunter2" not in str(caught.value)
        assert "s3cr3t" not in str(caught.value)
