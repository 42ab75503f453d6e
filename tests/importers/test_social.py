"""Exports of social networks and sites: each variant of a file, and the same events as in the live stream."""

from __future__ import annotations

import gzip
import json
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec
import pytest

from rtanalytics.archive import import_into
from rtanalytics.event import Event
from rtanalytics.importers import ImporterError, Options, Rejected, Skipped, detect, importer, open_events
from rtanalytics.sources.base import Meta
from tests.contracts.importer import T0, Line, zstd
from tests.importers import samples

ADA, BOB = Line(0, "ada", "hello #PyCon"), Line(1, "bob", "see https://x.example/a @ada")
TOOT, ANSWER = Line(0, "ada@m.example", "hello #PyCon"), Line(1, "bob@m.example", "me too")


def jsonl(path: Path, *values: Any) -> Path:
    return samples.lines_of(path, map(json.dumps, values))


def document(path: Path, value: Any) -> Path:
    path.write_text(json.dumps(value, indent=1), encoding="utf-8")
    return path


def read(path: Path, form: str, options: Options | None = None) -> list[Event | ValueError]:
    """Everything in a file whose format is found."""
    assert detect(path) == form
    return list(open_events(path, None, options))


def events(path: Path, form: str) -> list[Event]:
    """The events of a file without rejected rows."""
    items = read(path, form)
    assert [str(item) for item in items if isinstance(item, Rejected)] == []
    return [item for item in items if isinstance(item, Event)]


def reasons(path: Path, form: str) -> list[str]:
    return [item.reason for item in read(path, form) if isinstance(item, Rejected)]


def skipped(path: Path, form: str) -> dict[str, int]:
    return {item.what: item.count for item in read(path, form) if isinstance(item, Skipped)}


def plain(event: Event) -> dict[str, Any]:
    """An event without what depends on how it was received."""
    fields = msgspec.structs.asdict(event)
    return {name: fields[name] for name in fields if name not in ("received_at", "ingest", "raw")}


def live(kind: str, value: Any, **more: Any) -> list[dict[str, Any]]:
    """The events of a response in the live source."""
    parse = import_module(f"rtanalytics.sources.{kind}.parse").parse
    later = T0 + timedelta(days=200)
    meta = Meta(source=kind, scope="x", connector="x@1", received_at=later, **more)
    return [plain(event) for event in parse(json.dumps(value).encode(), meta).events]


# -- Bluesky -------------------------------------------------------------------------------------------

FULL = {
    "facets": [{"index": {"byteStart": 0, "byteEnd": 4}, "features": [{"did": "did:plc:ada"}]}],
    "langs": ["en"], "tags": ["talk"],
    "reply": {
        "parent": {"uri": "at://did:plc:ada/app.bsky.feed.post/post0", "cid": "c"},
        "root": {"uri": "at://did:plc:ada/app.bsky.feed.post/post0", "cid": "c"},
    },
}  # fmt: skip


def bsky_record(line: Line) -> dict[str, Any]:
    return samples.bluesky_record(line, **FULL)


def test_jetstream_lines_are_posts_edits_and_deletions(tmp_path: Path) -> None:
    """Records of other collections and notices are skipped and counted."""
    edit = samples.jetstream_frame(
        ADA, operation="update", record=samples.bluesky_record(Line(0, "ada", "hello all"))
    )
    edit["time_us"] += 60_000_000
    delete = samples.jetstream_frame(BOB, operation="delete")
    del delete["commit"]["record"]
    like = samples.jetstream_frame(ADA, collection="app.bsky.feed.like")
    path = jsonl(
        tmp_path / "jetstream.jsonl", samples.jetstream_frame(ADA), samples.jetstream_frame(BOB), like, edit, delete, like,
        {"did": "did:plc:ada", "time_us": 1, "kind": "identity", "identity": {"handle": "ada.example"}},
    )  # fmt: skip
    first, second, edited, deleted = events(path, "bluesky")
    assert first.id == edited.id == "bluesky::at://did:plc:ada/app.bsky.feed.post/post0"
    assert (edited.text, edited.edited_at) == ("hello all", ADA.at + timedelta(seconds=61.5))
    assert (deleted.id, deleted.op) == (second.id, "delete")
    assert skipped(path, "bluesky") == {
        "records that are not posts (likes, follows and the like)": 2,
        "notices about names of accounts": 1,
    }
    report = import_into(tmp_path / "a", read(path, "bluesky")[:4], edits=True)
    assert (report.new, report.edited) == (2, 2)


def test_a_jetstream_of_version_2_is_read(tmp_path: Path) -> None:
    """The same events as live."""
    frame = {
        "payload": {
            "$type": "network.bsky.jetstream.subscribeEvents#commit", "seq": 7, "did": "did:plc:ada",
            "time": "2026-05-15T09:30:02Z", "operation": "create", "collection": "app.bsky.feed.post", "rkey": "post0",
            "record": bsky_record(ADA),
        }
    }  # fmt: skip
    path = jsonl(tmp_path / "v2.jsonl", frame)
    (event,) = events(path, "bluesky")
    assert [plain(event)] == live("bluesky", frame)
    assert event.reply_to is not None


VIEW = samples.bluesky_view(BOB, record=bsky_record(BOB))
REPOST = {"post": VIEW, "reason": {
    "$type": "app.bsky.feed.defs#reasonRepost", "by": {"did": "did:plc:eve", "handle": "eve.example"},
    "indexedAt": "2026-05-15T10:00:00Z",
}}  # fmt: skip
PAGES = {
    "searchPosts": {"posts": [samples.bluesky_view(ADA), VIEW], "cursor": "2", "hitsTotal": 2},
    "getAuthorFeed": {"feed": [{"post": samples.bluesky_view(ADA)}, REPOST], "cursor": "x"},
    "getPostThread": {
        "thread": {
            "$type": "app.bsky.feed.defs#threadViewPost", "post": VIEW,
            "parent": {"$type": "app.bsky.feed.defs#threadViewPost", "post": samples.bluesky_view(ADA)}, "replies": [],
        }
    },
    "getPostThreadV2": {
        "thread": [{"uri": VIEW["uri"], "depth": 0, "value": {"$type": "app.bsky.unspecced.defs#threadItemPost", "post": VIEW}}]
    },
    "getPosts": {"posts": [VIEW]},
    "post": VIEW,
}  # fmt: skip


@pytest.mark.parametrize("page", PAGES.values(), ids=list(PAGES))
def test_a_page_of_the_api_has_the_live_events(tmp_path: Path, page: Any) -> None:
    """One page, pages as lines, and a list of pages."""
    expected = live("bluesky", page)
    assert expected
    assert [plain(e) for e in events(document(tmp_path / "page.json", page), "bluesky")] == expected
    assert [plain(e) for e in events(jsonl(tmp_path / "pages.jsonl", page, page), "bluesky")] == expected * 2
    assert [
        plain(e) for e in events(document(tmp_path / "list.json", [page, page]), "bluesky")
    ] == expected * 2


def test_envelopes_of_tap_are_read(tmp_path: Path) -> None:
    """Records of every action; the time of a change is that of its revision."""

    def envelope(line: Line, action: str, rev: str, **more: Any) -> dict[str, Any]:
        record = {
            "live": True, "rev": rev, "did": samples.did(line), "collection": "app.bsky.feed.post",
            "rkey": f"post{line.n}", "action": action, "cid": "bafy", **more,
        }  # fmt: skip
        return {"id": 1, "type": "record", "record": record}

    path = jsonl(
        tmp_path / "tap.jsonl",
        envelope(ADA, "create", "3mptbyoeyc22k", record=bsky_record(ADA)),
        envelope(ADA, "update", "3mptbyoeyc22k", record=samples.bluesky_record(Line(0, "ada", "bye"))),
        envelope(BOB, "delete", "3mptbyoeyc22k"),
        {"id": 2, "type": "user", "user": {"did": "did:plc:ada", "handle": "ada.example", "isActive": True}},
        {"id": 3, "type": "identity", "identity": {"did": "did:plc:ada", "handle": "ada.example"}},
        envelope(ADA, "create", "3mptbyoeyc22k", collection="app.bsky.graph.follow", record={}),
    )
    created, updated, deleted = events(path, "bluesky")
    changed = datetime(2026, 7, 4, 14, 38, 6, tzinfo=UTC)
    assert (created.text, created.created_at, created.tags) == ("hello #PyCon", ADA.at, ["talk", "PyCon"])
    assert (updated.id, updated.text) == (created.id, "bye")
    assert updated.edited_at is not None
    assert updated.edited_at.replace(microsecond=0) == changed
    assert (deleted.op, deleted.id) == ("delete", "bluesky::at://did:plc:bob/app.bsky.feed.post/post1")
    assert sum(skipped(path, "bluesky").values()) == 3
    without = jsonl(
        tmp_path / "odd.jsonl",
        envelope(BOB, "delete", "x"),
        envelope(ADA, "create", "", record={"text": "?"}),
    )
    assert len(reasons(without, "bluesky")) == 2


def test_posts_that_4cat_stored_have_the_names_of_the_python_library(tmp_path: Path) -> None:
    """The same event as of the API."""
    record = {
        "py_type": "app.bsky.feed.post", "created_at": "2026-05-15T09:31:00.000Z", "text": BOB.text, "langs": ["en"],
        "facets": [{"index": {"byte_start": 0, "byte_end": 4}, "features": [{"did": "did:plc:ada"}]}], "tags": ["talk"],
        "reply": FULL["reply"],
    }  # fmt: skip
    view = {
        "uri": VIEW["uri"], "indexed_at": VIEW["indexedAt"], "like_count": 0, "record": record,
        "author": {"did": "did:plc:bob", "handle": "bob", "display_name": "Bob"}, "4CAT_metadata": {"rank": 1},
    }  # fmt: skip
    assert [plain(e) for e in events(jsonl(tmp_path / "4cat.ndjson", view), "bluesky")] == live(
        "bluesky", VIEW
    )


# -- Mastodon ------------------------------------------------------------------------------------------

STATUS = samples.mastodon_status(
    TOOT, content="<p>hello <a href='https://m.example/tags/pycon' class='mention hashtag'>#PyCon</a></p>",
    tags=[{"name": "pycon", "url": "https://m.example/tags/pycon"}], spoiler_text="a keynote", sensitive=True,
    edited_at="2026-05-15T10:00:00.000Z",
    media_attachments=[{"id": "1", "type": "image", "url": "https://m.example/1.png", "description": "a cat"}],
    poll={"options": [{"title": "yes"}, {"title": "no"}]},
)  # fmt: skip
REPLY = samples.mastodon_status(
    ANSWER, in_reply_to_id="100", mentions=[{"acct": "ada", "url": "https://m.example/@ada"}]
)
BOOST = samples.mastodon_status(
    Line(2, "eve@m.example", ""),
    content="",
    reblog=STATUS,
    uri="https://m.example/users/eve/statuses/102/activity",
)
STATUSES = {
    "timeline": [REPLY, STATUS],
    "search": {"accounts": [], "statuses": [STATUS, REPLY], "hashtags": []},
    "context": {"ancestors": [STATUS], "descendants": [REPLY]},
    "status": STATUS,
    "boost": [BOOST],
    "notifications": [{"id": "1", "type": "mention", "account": {"acct": "bob"}, "status": STATUS}],
}


@pytest.mark.parametrize("answer", STATUSES.values(), ids=list(STATUSES))
def test_statuses_are_the_live_events(tmp_path: Path, answer: Any) -> None:
    """In any response, as a document and as a line."""
    expected = live("mastodon", answer, url="https://m.example/api")
    assert expected
    by_id = {event["id"]: event for event in expected}
    for path in (document(tmp_path / "answer.json", answer), jsonl(tmp_path / "answers.jsonl", answer)):
        found = [plain(e) for e in events(path, "mastodon")]
        assert {event["id"]: event for event in found} == by_id


def test_a_reply_is_found_across_lines(tmp_path: Path) -> None:
    """Also if the status it answers comes later, as in a timeline."""
    for order in ([REPLY, STATUS], [STATUS, REPLY]):
        reply = next(e for e in events(jsonl(tmp_path / "s.jsonl", *order), "mastodon") if e.type == "reply")
        assert reply.reply_to == "mastodon::https://m.example/users/ada/statuses/100"
        assert reply.mentions == ["ada@m.example"]


def test_only_public_statuses_are_read(tmp_path: Path) -> None:
    """The others are counted, also what shares them."""
    private = samples.mastodon_status(ANSWER, visibility="private")
    path = jsonl(
        tmp_path / "s.jsonl", STATUS, private, {**private, "visibility": "direct"}, {**REPLY, "visibility": "unlisted"},
        {**BOOST, "reblog": private},
    )  # fmt: skip
    assert [e.handle for e in events(path, "mastodon")] == ["ada@m.example", "bob@m.example"]
    assert skipped(path, "mastodon") == {"posts that are not public": 3}


def test_messages_of_a_stream_are_read(tmp_path: Path) -> None:
    """Updates, edits and deletions."""
    path = jsonl(
        tmp_path / "stream.jsonl", {"event": "update", "payload": json.dumps(STATUS)},
        {"event": "status.update", "payload": REPLY}, {"event": "delete", "payload": "100"},
        {"event": "delete", "payload": "999"},
    )  # fmt: skip
    first, second, deleted = events(path, "mastodon")
    assert (second.handle, deleted.op, deleted.id) == ("bob@m.example", "delete", first.id)
    assert skipped(path, "mastodon") == {"deletions of statuses that are not in the file": 1}


NOTE = {
    "content": STATUS["content"], "contentMap": {"en": STATUS["content"]}, "summary": "a keynote", "sensitive": True,
    "updated": "2026-05-15T10:00:00Z", "type": "Question", "oneOf": [{"name": "yes"}, {"name": "no"}],
    "tag": [{"type": "Hashtag", "href": "https://m.example/tags/pycon", "name": "#pycon"}],
    "attachment": [
        {"type": "Document", "mediaType": "image/png", "url": "https://m.example/1.png", "name": "a cat"},
        {"type": "Document", "mediaType": "image/png", "url": "/media_attachments/2.png", "name": None},
    ],
}  # fmt: skip


def test_a_post_of_an_archive_is_that_of_the_api(tmp_path: Path) -> None:
    """With content warning, tags, poll, edit and pictures; the archive alone knows the author's address as an id."""
    path = document(tmp_path / "outbox.json", samples.outbox([samples.activity(TOOT, **NOTE)]))
    (event,) = events(path, "mastodon-archive")
    account = {**STATUS["account"], "uri": "https://m.example/users/ada"}
    assert [plain(event)] == live("mastodon", {**STATUS, "account": account}, url="https://m.example/api")


def announce(**more: Any) -> dict[str, Any]:
    return {
        "id": "https://m.example/users/ada/statuses/7/activity", "type": "Announce", "actor": "https://m.example/users/ada",
        "published": "2026-05-15T11:00:00Z", "object": "https://o.example/users/eve/statuses/1",
        "to": ["https://www.w3.org/ns/activitystreams#Public"], **more,
    }  # fmt: skip


def test_activities_of_an_archive(tmp_path: Path) -> None:
    """Reposts, replies, visibility; other activities are counted, bad ones rejected."""
    public, followers = (
        "https://www.w3.org/ns/activitystreams#Public",
        "https://m.example/users/ada/followers",
    )
    answer = {
        "inReplyTo": "https://o.example/users/eve/statuses/1",
        "tag": [{"type": "Mention", "href": "https://o.example/users/eve", "name": "@eve@o.example"}],
    }
    activities = [
        samples.activity(TOOT, to=[followers], cc=[public], **answer),
        samples.activity(TOOT, to=[followers], cc=[]),
        samples.activity(TOOT, to=["https://o.example/users/eve"], cc=[]),
        announce(),
        announce(to=[followers], cc=[]),
        {"type": "Like", "actor": "https://m.example/users/ada", "object": "https://o.example/1"},
        {"type": "Create", "actor": "https://m.example/users/ada", "object": "https://m.example/1", "published": "x"},
        {"type": "Delete", "actor": "https://m.example/users/ada", "published": "2026-05-15T12:00:00Z",
         "object": {"id": "https://m.example/users/ada/statuses/100", "type": "Tombstone"}},
    ]  # fmt: skip
    path = document(tmp_path / "outbox.json", samples.outbox(activities))
    reply, repost, deleted = (item for item in read(path, "mastodon-archive") if isinstance(item, Event))
    assert (reply.type, reply.mentions) == ("reply", ["eve@o.example"])
    assert reply.reply_to == repost.repost_of == "mastodon::https://o.example/users/eve/statuses/1"
    assert (repost.type, repost.handle, repost.created_at.hour) == ("repost", "ada@m.example", 11)
    assert (deleted.op, deleted.id) == ("delete", reply.id)
    assert skipped(path, "mastodon-archive") == {
        "posts that are not public": 3,
        "activities that are not posts (likes, follows and the like)": 1,
    }
    assert reasons(path, "mastodon-archive") == [
        "the activity has only the address of the post, not its text"
    ]


@pytest.mark.parametrize("pack", ["zip", "zip in a folder", "tar.gz", "folder", "beside"])
def test_the_account_of_an_archive_names_the_author(tmp_path: Path, pack: str) -> None:
    """In every form of the export."""
    actor = {
        "id": "https://m.example/users/ada", "type": "Person", "preferredUsername": "ada", "name": "Ada L.",
        "url": "https://m.example/@ada",
    }  # fmt: skip
    files: dict[str, Any] = {
        "media_attachments/1.png": "x", "outbox.json": samples.outbox([samples.activity(TOOT)]), "likes.json": {}, "actor.json": actor,
    }  # fmt: skip
    folder = samples.write_folder(tmp_path / "archive-1", files)
    path = {
        "zip": lambda: samples.write_zip(tmp_path / "a.zip", files),
        "zip in a folder": lambda: samples.write_zip(
            tmp_path / "a.zip", {f"x/{n}": c for n, c in files.items()}
        ),
        "tar.gz": lambda: samples.pack_tar(tmp_path / "a.tar.gz", folder),
        "folder": lambda: folder,
        "beside": lambda: folder / "outbox.json",
    }[pack]()
    (event,) = events(path, "mastodon-archive")
    assert event.author is not None
    assert (event.handle, event.author.name, event.author.url) == (
        "ada@m.example",
        "Ada L.",
        "https://m.example/@ada",
    )


# -- Reddit --------------------------------------------------------------------------------------------


def submission(line: Line, **more: Any) -> dict[str, Any]:
    return {
        "id": f"s{line.n}", "author": line.author, "title": line.text, "selftext": "", "created_utc": int(line.at.timestamp()),
        "subreddit": "Python", "permalink": f"/r/Python/comments/s{line.n}/x/", "url": "https://x.example/a",
        "is_self": False, "link_flair_text": "Event", **more,
    }  # fmt: skip


THINGS = {
    "comment": samples.reddit_comment(ADA),
    "old comment": samples.reddit_comment(ADA, created_utc=str(int(ADA.at.timestamp())), name="t1_c0"),
    "edited": samples.reddit_comment(ADA, edited=ADA.at.timestamp() + 60),
    "escaped": samples.reddit_comment(Line(0, "ada", "> 1 < 2 & 3")),
    "deleted": samples.reddit_comment(Line(0, "[deleted]", "[removed]")),
    "link": submission(ADA),
    "text": submission(ADA, selftext="see https://x.example/b", is_self=True),
    "crosspost": submission(ADA, crosspost_parent="t3_zzz"),
}


@pytest.mark.parametrize("thing", THINGS.values(), ids=list(THINGS))
def test_a_dump_of_reddit_has_the_live_events(tmp_path: Path, thing: Any) -> None:
    """One per line, and in answers of Pushshift, Arctic Shift and Reddit."""
    expected = live("reddit", thing)
    assert len(expected) == 1
    kind = "t1" if "body" in thing else "t3"
    for path in (
        jsonl(tmp_path / "RC_2026-05", thing),
        document(tmp_path / "api.json", {"data": [thing]}),
        document(tmp_path / "list.json", [thing]),
        document(
            tmp_path / "new.json",
            {"kind": "Listing", "data": {"children": [{"kind": kind, "data": thing}], "after": None}},
        ),
    ):
        assert [plain(e) for e in events(path, "reddit")] == expected


@pytest.mark.parametrize("pack", [gzip.compress, zstd, "zip"])
def test_a_packed_dump_is_read(tmp_path: Path, pack: Callable[[bytes], bytes] | str) -> None:
    """With gzip, zstd and zip."""
    plain_path = jsonl(tmp_path / "RC_2026-05", *THINGS.values())
    packed = tmp_path / "RC_2026-05.packed"
    if callable(pack):
        packed.write_bytes(pack(plain_path.read_bytes()))
    else:
        with zipfile.ZipFile(packed, "w") as file:
            file.write(plain_path, "RC_2026-05")
    assert list(open_events(packed)) == list(open_events(plain_path))
    assert detect(packed) == "reddit"


# -- Hacker News ---------------------------------------------------------------------------------------


def item(line: Line, **more: Any) -> dict[str, Any]:
    """An item of the API."""
    return {
        "id": 900 + line.n, "by": line.author, "time": int(line.at.timestamp()), "type": "comment", "parent": 7,
        "text": "I&#x27;m <i>in</i>", **more,
    }  # fmt: skip


STORY = {
    "objectID": "7", "created_at": "2026-05-15T09:30:00Z", "created_at_i": int(T0.timestamp()), "author": "ada",
    "title": "Show HN: PyCon", "url": "https://x.example/", "points": 3, "num_comments": 1, "story_text": None,
    "_tags": ["story", "author_ada", "story_7", "show_hn"], "_highlightResult": {"title": {"value": "x"}},
}  # fmt: skip
ITEMS = {
    "search": {"hits": [STORY, samples.algolia_hit(BOB)], "nbHits": 2, "page": 0, "hitsPerPage": 20},
    "hits": [STORY],
    "hit": samples.algolia_hit(BOB),
    "item": item(ADA),
    "story": item(ADA, type="story", title="PyCon", url="https://x.example/", parent=None),
    "bigquery": item(ADA, time=str(int(ADA.at.timestamp())), timestamp="2026-05-15 09:30:00 UTC", score=None),
    "tree": {
        "id": 7, "created_at_i": int(T0.timestamp()), "author": "ada", "title": "PyCon", "type": "story", "url": None,
        "children": [{
            "id": 8, "created_at_i": int(T0.timestamp()), "author": "bob", "text": "nice", "type": "comment",
            "parent_id": 7, "story_id": 7, "children": [],
        }],
    },
}  # fmt: skip


@pytest.mark.parametrize("answer", ITEMS.values(), ids=list(ITEMS))
def test_items_of_hacker_news_are_the_live_events(tmp_path: Path, answer: Any) -> None:
    """Search pages, hits, items and trees of them, as documents and as lines."""
    expected = live("hackernews", answer)
    assert expected
    assert [plain(e) for e in events(document(tmp_path / "a.json", answer), "hackernews")] == expected
    assert [
        plain(e) for e in events(jsonl(tmp_path / "a.jsonl", answer, answer), "hackernews")
    ] == expected * 2


def test_deleted_items_are_deletions(tmp_path: Path) -> None:
    """Without a time of the deletion; an item without any time is rejected."""
    gone = {"id": 901, "deleted": True, "time": int(ADA.at.timestamp()), "type": "comment", "parent": 7}
    path = jsonl(
        tmp_path / "items.jsonl",
        item(ADA),
        item(BOB),
        gone,
        None,
        {"id": 4, "type": "comment", "deleted": True},
    )
    read_items = read(path, "hackernews")
    first, second, deleted = (e for e in read_items if isinstance(e, Event))
    assert (deleted.op, deleted.id, deleted.edited_at) == ("delete", second.id, None)
    assert reasons(path, "hackernews") == ["the item has no time"]
    assert skipped(path, "hackernews") == {"items that do not exist": 1}
    report = import_into(tmp_path / "a", [first, second, deleted], edits=importer("hackernews").edits)
    assert (report.new, report.edited) == (2, 1)


# -- X -------------------------------------------------------------------------------------------------


def as_exported(path: Path, rows: list[dict[str, Any]]) -> list[Path]:
    """The rows as JSON and as CSV."""
    table = path / "tweets.csv"
    table.write_text(samples.exported_csv(rows), encoding="utf-8", newline="")
    return [document(path / "tweets.json", rows), table]


def test_rows_of_twitter_web_exporter(tmp_path: Path) -> None:
    """Replies, reposts, quotes, pictures, line ends and signs; tags and mentions come from the text."""
    media = [
        {
            "type": "photo",
            "url": "https://t.co/1",
            "original": "https://pbs.example/1?name=orig",
            "ext_alt_text": "cat",
        }
    ]
    rows = [
        samples.exported_tweet(Line(0, "ada", '1 < 2 & "so"\non #PyCon with @bob_1, me@x.example'), media=media),
        samples.exported_tweet(BOB, in_reply_to=str(samples.FIRST_TWEET), quoted_status="5"),
        samples.exported_tweet(Line(2, "eve", "RT @ada: x"), retweeted_status=str(samples.FIRST_TWEET)),
        samples.exported_tweet(Line(3, "eve", "look"), quoted_status=str(samples.FIRST_TWEET)),
    ]  # fmt: skip
    for path in as_exported(tmp_path, rows):
        first, reply, repost, quote = events(path, "twitter-web-exporter")
        assert first.text == '1 < 2 & "so"\non #PyCon with @bob_1, me@x.example'
        assert (first.tags, first.mentions, first.created_at) == (["PyCon"], ["bob_1"], ADA.at)
        assert [(m.url, m.alt) for m in first.media] == [("https://pbs.example/1?name=orig", "cat")]
        assert first.author is not None
        assert (first.author.id, first.author.name) == ("7", "Ada")
        assert (reply.type, reply.reply_to) == ("reply", first.id)
        assert (repost.type, repost.repost_of) == ("repost", first.id)
        assert quote.type == "quote"


@pytest.mark.parametrize(
    "time", ["2026-05-15 11:30:00 +02:00", "2026-05-15 11:30:00", "15.05.2026 11:30", "", None]
)
def test_the_time_of_a_tweet_is_in_its_id(tmp_path: Path, time: Any) -> None:
    """If it was exported in another form, or without the zone of the browser."""
    native = str((int(ADA.at.timestamp() * 1000) + 7 - 1288834974657) << 22)
    row = samples.exported_tweet(ADA, created_at=time, id=native, url=f"https://x.com/ada/status/{native}")
    path = document(tmp_path / "tweets.json", [samples.exported_tweet(BOB), row])
    assert events(path, "twitter-web-exporter")[1].created_at == ADA.at


def test_an_id_that_a_spreadsheet_damaged_is_in_the_address(tmp_path: Path) -> None:
    """Without the address the row is rejected."""
    rows = [samples.exported_tweet(ADA, id="1.99E+18"), samples.exported_tweet(BOB, id="1.99E+18", url="")]
    path = document(tmp_path / "tweets.json", rows)
    first, second = read(path, "twitter-web-exporter")
    assert isinstance(first, Event)
    assert first.id == f"twitter::{samples.FIRST_TWEET}"
    assert isinstance(second, Rejected)


def test_metadata_of_twitter_web_exporter_wins(tmp_path: Path) -> None:
    """It has the entities that the row lacks."""
    entities = {
        "hashtags": [{"text": "EuroPython"}],
        "user_mentions": [],
        "urls": [{"expanded_url": "https://x.example/"}],
    }
    metadata = samples.web_tweet(ADA, entities=entities)
    for path in as_exported(tmp_path, [samples.exported_tweet(ADA, metadata=metadata)]):
        (event,) = events(path, "twitter-web-exporter")
        assert (event.tags, event.links) == (["EuroPython"], ["https://x.example/"])


SCRAPED = {
    "new": samples.scraped_tweet(ADA, hashtags=["PyCon"]),
    "twscrape": samples.scraped_tweet(
        ADA, id_str=str(samples.FIRST_TWEET), hashtags=["PyCon"], mentionedUsers=[], links=[],
        media={"photos": [], "videos": [], "animated": []},
    ),
    "old": {
        "url": f"https://twitter.com/ada/status/{samples.FIRST_TWEET}", "date": "2026-05-15T09:30:00+00:00",
        "content": "hello #PyCon", "renderedContent": "hello #PyCon", "id": samples.FIRST_TWEET, "username": "ada",
        "outlinks": [], "tcooutlinks": [], "lang": "en",
        "user": {"username": "ada", "displayname": "A", "id": 7},
    },
    "oldest": {
        "url": f"https://twitter.com/ada/status/{samples.FIRST_TWEET}", "date": "2026-05-15T09:30:00+00:00",
        "content": "hello #PyCon", "id": samples.FIRST_TWEET, "username": "ada", "outlinks": "", "outlinksss": "",
    },
    "rounded": samples.scraped_tweet(ADA, id=1.99e18),
}  # fmt: skip


@pytest.mark.parametrize("tweet", SCRAPED.values(), ids=list(SCRAPED))
def test_lines_of_snscrape_of_any_version(tmp_path: Path, tweet: Any) -> None:
    """The same id, time, author, text and tags."""
    (event,) = events(jsonl(tmp_path / "tweets.jsonl", tweet), "snscrape")
    assert (event.id, event.created_at, event.handle, event.text, event.tags) == (
        f"twitter::{samples.FIRST_TWEET}", ADA.at, "ada", "hello #PyCon", ["PyCon"],
    )  # fmt: skip


def test_references_of_snscrape(tmp_path: Path) -> None:
    """Reposts, replies, quotes, links, mentions and media."""
    original = samples.scraped_tweet(
        ADA, links=[{"text": "x", "url": "https://x.example/a", "tcourl": "https://t.co/1", "indices": [0, 1]}],
        hashtags=["PyCon"], mentionedUsers=[{"username": "bob", "id": 8}],
        media=[{"_type": "snscrape.modules.twitter.Photo", "previewUrl": "https://p.example/s", "fullUrl": "https://p.example/l"}],
    )  # fmt: skip
    video = {"_type": "snscrape.modules.twitter.Video", "thumbnailUrl": "https://p.example/t", "variants": [
        {"contentType": "video/mp4", "url": "https://v.example/low", "bitrate": 1},
        {"contentType": "video/mp4", "url": "https://v.example/high", "bitrate": 9},
    ]}  # fmt: skip
    path = jsonl(
        tmp_path / "tweets.jsonl", original, samples.scraped_tweet(Line(1, "bob", "RT"), retweetedTweet=original),
        samples.scraped_tweet(Line(2, "bob", "yes"), inReplyToTweetId=samples.FIRST_TWEET, inReplyToUser={"username": "ada"}),
        samples.scraped_tweet(Line(3, "bob", "look"), quotedTweet=original, media=[video]),
        samples.scraped_tweet(Line(4, "bob", "a"), outlinks=["https://y.example/"]),
    )  # fmt: skip
    first, repost, reply, quote, old = events(path, "snscrape")
    assert (first.links, first.tags, first.mentions) == (["https://x.example/a"], ["PyCon"], ["bob"])
    assert (repost.type, repost.repost_of, repost.tags, len(repost.media)) == (
        "repost",
        first.id,
        ["PyCon"],
        1,
    )
    assert (reply.type, reply.reply_to, reply.to) == ("reply", first.id, "ada")
    assert (quote.type, [m.url for m in quote.media]) == ("quote", ["https://v.example/high"])
    assert old.links == ["https://y.example/"]


def test_reddit_of_snscrape_has_reddits_ids(tmp_path: Path) -> None:
    """Submissions and comments; items of other services are named."""
    path = jsonl(
        tmp_path / "reddit.jsonl",
        {"_type": "snscrape.modules.reddit.Submission", "author": "ada", "date": "2026-05-15T09:30:00+00:00", "id": "t3_s0",
         "link": "https://x.example/a", "selftext": None, "subreddit": "Python", "title": "PyCon",
         "url": "https://old.reddit.com/r/Python/comments/s0/pycon/"},
        {"_type": "snscrape.modules.reddit.Comment", "author": "bob", "body": "nice", "date": "2026-05-15T09:31:00+00:00",
         "id": "t1_c1", "parentId": "t3_s0", "subreddit": "Python", "url": "https://old.reddit.com/r/Python/comments/s0/_/c1/"},
        {"_type": "snscrape.modules.mastodon.Toot", "url": "https://m.example/@ada/1", "text": "hi"},
    )  # fmt: skip
    post, comment = (e for e in read(path, "snscrape") if isinstance(e, Event))
    assert (post.id, post.title, post.links, post.channel) == (
        "reddit::t3_s0",
        "PyCon",
        ["https://x.example/a"],
        "r/Python",
    )
    assert (comment.id, comment.text, comment.reply_to, comment.thread) == (
        "reddit::t1_c1",
        "nice",
        post.id,
        post.id,
    )
    (reason,) = reasons(path, "snscrape")
    assert "mastodon.Toot" in reason


def without_user(tweet: dict[str, Any]) -> dict[str, Any]:
    """A tweet in the newer layout of names."""
    user = {"rest_id": "7", "core": {"screen_name": "ada", "name": "Ada"}, "legacy": {}}
    return {**tweet, "core": {"user_results": {"result": user}}}


NOTED = {"is_expandable": True, "note_tweet_results": {"result": {"text": "a long text #PyCon", "entity_set": {
    "hashtags": [{"text": "PyCon"}], "urls": [], "user_mentions": []}}}}  # fmt: skip
WEB = {
    "tweet": samples.web_tweet(ADA),
    "visibility": {"__typename": "TweetWithVisibilityResults", "tweet": samples.web_tweet(ADA)},
    "newer": without_user(samples.web_tweet(ADA)),
    "adaptive": {"type": "adaptive", "legacy": samples.classic_tweet(ADA), "user": {"screen_name": "ada", "name": "Ada", "id_str": "7"}},
}  # fmt: skip


@pytest.mark.parametrize("tweet", WEB.values(), ids=list(WEB))
@pytest.mark.parametrize(
    "wrap", [samples.collected, lambda item: item, lambda item: {**item, "__import_meta": {}}]
)
def test_tweets_of_zeeschuimer_are_those_of_the_api(tmp_path: Path, tweet: Any, wrap: Any) -> None:
    """In the extension's envelope, or as 4CAT stores them."""
    (expected,) = open_events(jsonl(tmp_path / "api.jsonl", samples.classic_tweet(ADA)), "twitter")
    (event,) = events(jsonl(tmp_path / "export.ndjson", wrap(tweet)), "zeeschuimer")
    assert event == expected


def test_long_tweets_reposts_and_edits_of_the_website(tmp_path: Path) -> None:
    """Whole texts, the id of the shared tweet, and the id of the first version."""
    long = {**samples.web_tweet(ADA), "note_tweet": NOTED}
    repost = samples.web_tweet(Line(1, "bob", "RT @ada: a long…"), retweeted_status_result={"result": long})
    edited = {
        **samples.web_tweet(Line(2, "ada", "x")),
        "edit_control": {"edit_tweet_ids": [str(samples.FIRST_TWEET), "9"]},
    }
    path = jsonl(tmp_path / "x.ndjson", *map(samples.collected, (long, repost, edited)))
    first, shared, version = events(path, "zeeschuimer")
    assert (first.text, first.tags) == ("a long text #PyCon", ["PyCon"])
    assert (shared.type, shared.repost_of, shared.text) == ("repost", first.id, "RT @ada: a long text #PyCon")
    assert version.id == first.id


TIKTOK = {
    "id": "7100000000000000001", "desc": "hello #PyCon @bob", "createTime": int(ADA.at.timestamp()), "video": {"id": "1"},
    "author": {"id": "7", "uniqueId": "ada", "nickname": "Ada L."}, "stats": {}, "music": {},
    "textExtra": [{"hashtagName": "pycon"}, {"hashtagName": "", "userUniqueId": "bob"}],
}  # fmt: skip
GRAM = {
    "pk": "31", "id": "31_7", "code": "Cxyz", "taken_at": int(ADA.at.timestamp()), "caption": {"text": "hello #PyCon @bob.b"},
    "user": {"pk": "7", "username": "ada", "full_name": "Ada L."},
    "image_versions2": {"candidates": [{"url": "https://i.example/1.jpg"}, {"url": "https://i.example/small.jpg"}]},
}  # fmt: skip
OTHERS = {
    "tiktok": (TIKTOK, "tiktok::7100000000000000001", "https://www.tiktok.com/@ada/video/7100000000000000001"),
    "tiktok-page": ({**TIKTOK, "author": "ada", "createTime": str(TIKTOK["createTime"])}, "tiktok::7100000000000000001", None),
    "tiktok-comment": (
        {"cid": "72", "aweme_id": "71", "text": "hello #PyCon", "create_time": TIKTOK["createTime"], "reply_id": "0",
         "user": {"uid": "7", "unique_id": "ada", "nickname": "A"}}, "tiktok::72", None,
    ),
    "instagram": (GRAM, "instagram::31", "https://www.instagram.com/p/Cxyz/"),
    "instagram-page": (
        {"id": "31", "shortcode": "Cxyz", "taken_at_timestamp": TIKTOK["createTime"], "owner": {"id": "7", "username": "ada"},
         "edge_media_to_caption": {"edges": [{"node": {"text": "hello #PyCon"}}]}, "display_url": "https://i.example/1.jpg"},
        "instagram::31", "https://www.instagram.com/p/Cxyz/",
    ),
    "threads": (
        {**GRAM, "text_post_app_info": {"reply_to_author": {"username": "bob"}}}, "threads::31", "https://www.threads.com/@ada/post/Cxyz",
    ),
    "truth": (samples.mastodon_status(TOOT), "mastodon::https://m.example/users/ada/statuses/100", None),
}  # fmt: skip


@pytest.mark.parametrize(("item", "id", "url"), OTHERS.values(), ids=list(OTHERS))
def test_other_platforms_of_zeeschuimer(tmp_path: Path, item: Any, id: str, url: str | None) -> None:
    """Author, time, text and tags of each."""
    (event,) = events(jsonl(tmp_path / "x.ndjson", samples.collected(item, "x.example")), "zeeschuimer")
    assert event.id == id
    assert (event.handle.partition("@")[0], event.created_at, (event.text or "").split()[0]) == (
        "ada",
        ADA.at,
        "hello",
    )
    assert url is None or event.url == url
    assert event.handle.endswith("example") or [tag.casefold() for tag in event.tags] == ["pycon"]


@pytest.mark.parametrize("platform", ["linkedin.com", "facebook.com", "imgur.com"])
def test_platforms_that_cannot_be_read_are_named(tmp_path: Path, platform: str) -> None:
    """Each row is rejected with the platform's name."""
    path = jsonl(tmp_path / "x.ndjson", *[samples.collected({"id": "1", "title": "x"}, platform)] * 2)
    assert [platform in reason for reason in reasons(path, "zeeschuimer")] == [True, True]


# -- detection -----------------------------------------------------------------------------------------

HALF = {
    "a status without author": {k: v for k, v in STATUS.items() if k != "account"},
    "a status without text": {k: v for k, v in STATUS.items() if k != "content"},
    "a status without uri": {k: v for k, v in STATUS.items() if k != "uri"},
    "a post without record": {k: v for k, v in VIEW.items() if k != "record"},
    "a post without author": {k: v for k, v in VIEW.items() if k != "author"},
    "a comment without time": {k: v for k, v in THINGS["comment"].items() if k != "created_utc"},
    "a comment without author": {k: v for k, v in THINGS["comment"].items() if k != "author"},
    "a hit without time": {k: v for k, v in STORY.items() if not k.startswith("created")},
    "a hit of another site": {**STORY, "_tags": ["product"]},
    "a frame without time": {"did": "did:plc:a", "kind": "commit", "commit": {}},
    "an item without time": {"id": 1, "by": "ada", "type": "story", "text": "x"},
    "a collection of likes": {"type": "OrderedCollection", "orderedItems": ["https://m.example/1"], "id": "likes.json"},
    "a scraped tweet without author": {"date": "2026-05-15", "content": "x", "url": "https://twitter.com/a/status/1"},
    "an exported user": {"id": "1", "screen_name": "ada", "name": "Ada", "created_at": "2026", "description": "x"},
}  # fmt: skip
SOCIAL = (
    "mastodon-archive", "mastodon", "bluesky", "reddit", "hackernews", "twitter-web-exporter", "snscrape", "zeeschuimer",
)  # fmt: skip


@pytest.mark.parametrize("value", HALF.values(), ids=list(HALF))
def test_a_file_is_taken_only_with_author_time_and_text(tmp_path: Path, value: Any) -> None:
    """Nothing is half read."""
    path = document(tmp_path / "x.json", [value, value])
    try:
        assert detect(path) not in SOCIAL
    except ImporterError as error:
        assert str(path) in str(error)


@pytest.mark.parametrize("form", SOCIAL)
def test_each_file_is_recognised_by_one_format(tmp_path: Path, form: str) -> None:
    """So their order in the registry does not matter."""
    names = {"twitter-web-exporter": "twitter_web_exporter"}
    write = getattr(samples, f"write_{names.get(form, form.replace('-', '_'))}")
    talk = [TOOT, ANSWER] if form.startswith("mastodon") else [ADA, BOB]
    path = write(tmp_path, talk)
    head = path.read_bytes()
    assert [name for name in SOCIAL if importer(name).recognises(path, head)] == [form]


EMPTY = [{"posts": []}, {"feed": [], "cursor": "x"}, {"hits": [], "nbHits": 0}, {"accounts": [], "statuses": [], "hashtags": []},
         {"kind": "Listing", "data": {"children": []}}, samples.outbox([])]  # fmt: skip


@pytest.mark.parametrize("form", ["bluesky", "hackernews", "mastodon", "reddit", "mastodon-archive"])
@pytest.mark.parametrize("answer", EMPTY, ids=lambda answer: next(iter(answer)))
def test_an_answer_without_posts_is_reported(tmp_path: Path, form: str, answer: Any) -> None:
    """It is never silent."""
    path = document(tmp_path / "empty.json", answer)
    try:
        items = list(open_events(path, form))
    except ImporterError as error:
        assert str(path) in str(error)
    else:
        assert items
        assert not any(isinstance(item, Event) for item in items)
