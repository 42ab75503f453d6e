"""Flickr's search and its feed, read and asked for."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web
from hypothesis import given, settings

from rtanalytics.sources.base import AuthFailed, Blocked, Malformed, Transient
from rtanalytics.sources.flickr import FlickrSource, Spec
from rtanalytics.sources.flickr.parse import parse
from tests.contracts.http import HttpContract
from tests.contracts.source import T0, Harness
from tests.sources.mutations import mutated, survives
from tests.sources.server import FeedServer

NOW = datetime(2026, 5, 15, 12, tzinfo=UTC)
META = Spec(name="f", tags=["pycon"]).meta(NOW)
PHOTO = {
    "id": "5300", "owner": "12@N07", "ownername": "Ada L", "title": "It's the hall", "ispublic": 1,
    "dateupload": "1778835600", "lastupdate": "1778839200", "tags": "pycon hall",
    "description": {"_content": 'Full! <a href="https://x.example/" onclick="x()">more</a> mail ada@x.example'},
    "url_m": "https://live.staticflickr.com/1/5300_m.jpg", "width_m": "500", "height_m": 375,
}  # fmt: skip
ITEM = {
    "title": "It's the hall", "link": "https://www.flickr.com/photos/ada/5300/", "author_id": "12@N07",
    "media": {"m": "https://live.staticflickr.com/1/5300_m.jpg"}, "published": "2026-05-15T09:00:00Z",
    "description": ' <p><a href="https://www.flickr.com/people/ada/">Ada L</a> posted a photo:</p> '
    '<p><a href="https://www.flickr.com/photos/ada/5300/"><img src="x"/></a></p> <p>Full!</p> ',
    "author": 'nobody@flickr.com ("Ada L")', "tags": "pycon hall", "date_taken": "2026-05-15T01:00:00-08:00",
}  # fmt: skip


def test_a_photo_is_the_same_however_it_is_found():
    """One id; the author's name, times in UTC, plain text, no address of a person kept."""
    [found] = parse(
        json.dumps({"photos": {"page": 1, "pages": 3, "photo": [PHOTO]}, "stat": "ok"}).encode(), META
    ).events
    [listed] = parse(json.dumps({"items": [ITEM]}).replace("It's", "It\\'s").encode(), META).events
    for event in (found, listed):
        assert (event.id, event.type, event.title) == ("flickr::5300", "photo", "It's the hall")
        assert event.created_at == datetime(2026, 5, 15, 9, tzinfo=UTC)
        assert (event.author.handle, event.author.id) == ("Ada L", "12@N07")
        assert event.tags == ["pycon", "hall"]
        assert [m.url for m in event.media] == ["https://live.staticflickr.com/1/5300_m.jpg"]
    assert found.text.startswith("Full! more")
    assert "onclick" not in found.html
    assert b"ada@x" not in found.raw
    assert found.edited_at == datetime(2026, 5, 15, 10, tzinfo=UTC)
    assert (found.media[0].width, found.media[0].height) == (500, 375)
    assert (found.url, listed.url) == (
        "https://www.flickr.com/photos/12@N07/5300/", "https://www.flickr.com/photos/ada/5300/"
    )  # fmt: skip
    assert listed.text == "Full!"


def test_pages_and_what_cannot_be_read():
    """A photo without a number is a dead letter; the others are read."""
    payload = {
        "photos": {"page": 2, "pages": 3, "photo": [PHOTO, {**PHOTO, "id": "x"}, 3, {**ITEM, "link": "/"}]}
    }
    parsed = parse(json.dumps(payload).encode(), META)
    assert ([e.id for e in parsed.events], len(parsed.rejects), parsed.next) == (["flickr::5300"], 3, "3")
    payload["photos"]["page"] = "3"
    assert parse(json.dumps(payload).encode(), META).next is None


def test_one_photo_and_a_set_are_read_as_a_search_is():
    """Their members lie elsewhere."""
    shown = {
        "id": "5300", "secret": "ab12", "server": "65535", "title": {"_content": "The hall"}, "description": {"_content": ""},
        "owner": {"nsid": "1@N0", "username": "Ada"}, "dates": {"posted": PHOTO["dateupload"]},
        "tags": {"tag": [{"raw": "Py Con", "_content": "pycon"}]}, "visibility": {"ispublic": 1},
    }  # fmt: skip
    [event] = parse(json.dumps({"photo": shown, "stat": "ok"}).encode(), META).events
    assert (event.id, event.title, event.handle, event.tags) == ("flickr::5300", "The hall", "Ada", ["pycon"])
    assert event.created_at == parse(json.dumps(PHOTO).encode(), META).events[0].created_at
    assert [m.url for m in event.media] == ["https://live.staticflickr.com/65535/5300_ab12_z.jpg"]
    whole = {"photoset": {"owner": "1@N0", "ownername": "Ada", "photo": [{"id": "5", "title": "x"}]}}
    [event] = parse(json.dumps(whole).encode(), META).events
    assert (event.id, event.handle) == ("flickr::5", "Ada")


def test_what_is_not_for_all_is_not_told_and_errors_are_told_as_they_are_said():
    """A photo for friends, a key that is wrong."""
    payload = {"photos": {"photo": [{**PHOTO, "ispublic": 0, "isfriend": 1}]}}
    [letter] = parse(json.dumps(payload).encode(), META).rejects
    assert letter.reason == "it is not public"
    with pytest.raises(Malformed, match="invalid response of Flickr: Invalid API Key"):
        parse(b'{"stat": "fail", "code": 100, "message": "Invalid API Key"}', META)


def test_a_call_around_it_and_a_name_that_is_escaped_twice_are_taken_off():
    """As the feed is without ``nojsoncallback``, and as it writes names."""
    payload = json.dumps({"items": [{**ITEM, "author": 'nobody@flickr.com ("\\u00c4da")'}]}).encode()
    [event] = parse(b"jsonFlickrFeed(" + payload + b")", META).events
    assert event.handle == "Äda"


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b"<html>", b'{"stat": "fail"}', b"[" * 90_000])
def test_what_is_no_answer_is_malformed(raw):
    """An error page, another document, or nesting without end."""
    with pytest.raises(Malformed, match="invalid response of Flickr"):
        parse(raw, META)


@given(mutated([{"photos": {"page": 1, "pages": 2, "photo": [PHOTO]}}, {"items": [ITEM]}, PHOTO, ITEM]))
@settings(max_examples=200, deadline=None)
def test_whatever_the_shape_only_malformed_comes_out(payload):
    """Keys dropped, types changed, values nested."""
    survives(parse, json.dumps(payload).encode(), META)


class Flickr(Harness):
    """The search, 250 a page, newest first."""

    kind = "flickr"

    def table(self, url):
        return {
            "tags": ["pycon"],
            "api_key": "env:CONTRACT_SECRET",
            "url": url,
            "allow_private": True,
            "back": "3000d",
        }

    secret_table = table

    async def answer(self, request, items):
        asked = request.query
        assert (asked["method"], asked["tags"]) == ("flickr.photos.search", "pycon")
        made = [self.photo(n) for n in reversed(items)]
        found = [p for p in made if int(p["dateupload"]) >= int(asked["min_upload_date"])]
        page, size = int(asked["page"]), int(asked["per_page"])
        photos = {
            "page": page,
            "pages": -(-len(found) // size),
            "photo": found[(page - 1) * size : page * size],
        }
        return web.json_response({"photos": photos, "stat": "ok"})

    def photo(self, n):
        at = str(int((T0 + timedelta(minutes=n)).timestamp()))
        return {**PHOTO, "id": str(5000 + n), "title": f"Item {n}", "dateupload": at, "lastupdate": at}

    def number(self, event):
        title = event.title or ""
        return int(title.removeprefix("Item ")) if title.startswith("Item ") else None


class TestContract(HttpContract):
    harness_class = Flickr


class Feed(Flickr):
    """The feed, which has the 20 newest."""

    def table(self, url):
        return {"tags": ["pycon"], "url": url, "allow_private": True}

    def secret_table(self, url):
        return Flickr.table(self, url)

    async def answer(self, request, items):
        if "method" in request.query:
            return await Flickr.answer(self, request, items)
        assert request.path == "/feeds/photos_public.gne"
        made = [
            {
                **ITEM, "title": f"Item {n}", "link": f"https://www.flickr.com/photos/ada/{5000 + n}/",
                "published": (T0 + timedelta(minutes=n)).isoformat(),
            }
            for n in reversed(items)
        ]  # fmt: skip
        return web.json_response({"items": made[:20]})


class TestFeedContract(HttpContract):
    harness_class = Feed


@pytest.mark.parametrize(("code", "error"), [(100, AuthFailed), (105, Transient), (1, Blocked)])
def test_a_refusal_comes_as_a_200(code, error, monkeypatch):
    """Its code says what to do; the key is in no message."""
    monkeypatch.setenv("FLICKR_KEY", "the-key-of-a-test")

    async def story():
        async with FeedServer() as server:

            async def refuse(request):
                key = request.query["api_key"]
                return web.json_response({"stat": "fail", "code": code, "message": f"no, {key}"})

            server.handle("/rest/", refuse)
            spec = Spec(
                name="f", tags=["a"], api_key="env:FLICKR_KEY", url=server.url(""), allow_private=True
            )
            source = FlickrSource(spec, Counter())
            with pytest.raises(error) as caught:
                await source.poll(None)
            assert "the-key" not in str(caught.value)
            await source.close()

    asyncio.run(asyncio.wait_for(story(), 60))


@pytest.mark.parametrize(
    "table", [{"tags": []}, {"tags": ["a b"]}, {"tags": ["#a"]}, {"tags": ["a"], "api_key": "abc"}]
)
def test_a_table_that_cannot_be_says_what_to_write(table):
    """Each with the key it is about."""
    with pytest.raises(ValueError, match="tags|api_key"):
        Spec(name="f", **table)
