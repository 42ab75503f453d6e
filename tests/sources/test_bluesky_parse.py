"""Bluesky's frames and posts → events, on what was recorded and on what nobody should send."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtanalytics.sources.base import Malformed, Meta
from rtanalytics.sources.bluesky.parse import parse, tid_time
from tests.sources.mutations import mutated as changed
from tests.sources.mutations import survives

META = Meta(
    source="bluesky",
    scope="sky",
    connector="bluesky@1",
    received_at=datetime(2026, 7, 4, 15, tzinfo=UTC),
)
POST = "app.bsky.feed.post"


def frame(**record: Any) -> dict[str, Any]:
    commit = {
        "rev": "3m",
        "operation": "create",
        "collection": POST,
        "rkey": "3mptbyoeyc22k",
        "record": record,
    }
    return {"did": "did:plc:ada", "time_us": 1_783_175_888_090_631, "kind": "commit", "commit": commit}


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "posts", "others"),
    [
        ("internal/corpus/testdata/expected_v1.jsonl", 33, 119),
        ("internal/subscribe/testdata/golden_v1.jsonl", 2, 8),
    ],
)
def test_the_golden_lines_become_what_they_say(data_folder: Path, name: str, posts: int, others: int) -> None:
    """Each post, repost and delete exactly; every other line counted; the same one by one and all at once."""
    raw = (data_folder / "suites/jetstream" / name).read_bytes()
    lines = [json.loads(line) for line in raw.splitlines()]
    wanted = {}
    for line in lines:
        commit = line.get("commit", {})
        if commit.get("collection") in {POST, "app.bsky.feed.repost"}:
            record = commit.get("record", {})
            when = record.get("createdAt")
            key = f"bluesky::at://{line['did']}/{commit['collection']}/{commit['rkey']}"
            wanted[key] = (
                "delete" if commit["operation"] == "delete" else "create",
                datetime.fromisoformat(when) if when else tid_time(commit["rkey"]),
                record.get("text"),
                line["did"],
            )
    parsed = parse(raw, META)
    found = {e.id: (e.op, e.created_at, e.text, e.author and e.author.id) for e in parsed.events}
    assert found == wanted
    assert (len(parsed.events), sum(parsed.counts.values()), parsed.rejects) == (posts, others, [])
    single = [event for line in raw.splitlines() for event in parse(line, META).events]
    assert single == parsed.events


@pytest.mark.data
def test_every_recorded_answer_is_read(data_folder: Path) -> None:
    """How many events each recorded file gives; what is nothing said is one dead letter that says so."""
    told = {}
    for path in sorted((data_folder / "payloads/bluesky").iterdir()):
        try:
            parsed = parse(path.read_bytes(), META)
            told[path.name.rpartition("__")[2]] = (len(parsed.events), len(parsed.rejects))
        except Malformed:
            told[path.name.rpartition("__")[2]] = "no post"
    assert told.pop("frames.bin.zst") == "no post"  # packed frames of a relay, not of a Jetstream
    assert told.pop("manifest.json") == "no post"
    assert {name: found for name, found in told.items() if found != (0, 1)} == {
        "thread_view_post_with_embed_media.json": (1, 0),
        "comment_inreplyto_id.bsky.json": (1, 0),
        "note.bsky.json": (1, 0),
        "repost.bsky.json": (2, 0),
        "golden_v1.jsonl": (2, 0),
        "bluesky-posts.json": (121, 0),
    }


def test_what_a_post_points_to_is_found() -> None:
    """Facets count in bytes; links are whole, tags and mentions by name; pictures by their address."""
    text = "Grüße @bob.example, see docs… #PyCon"
    start = len("Grüße ".encode())
    facets = [
        {"index": {"byteStart": start, "byteEnd": start + 12}, "features": [{"did": "did:plc:bob"}]},
        {"index": {"byteStart": 0, "byteEnd": 1}, "features": [{"uri": "https://docs.example/whole"}]},
        {"index": {"byteStart": 0, "byteEnd": 1}, "features": [{"uri": "javascript:alert(1)"}]},
        {"index": {"byteStart": 9, "byteEnd": 2}, "features": [{"tag": "PyCon"}, {"tag": 3}]},
    ]
    image = {
        "alt": "a slide",
        "image": {"ref": {"$link": "bafkreia"}},
        "aspectRatio": {"width": 4, "height": 3},
    }
    embed = {
        "$type": "app.bsky.embed.recordWithMedia",
        "record": {"record": {"uri": f"at://did:plc:cy/{POST}/3k"}},
        "media": {"$type": "app.bsky.embed.images", "images": [image]},
    }
    [event] = parse(
        json.dumps(frame(text=text, facets=facets, embed=embed, langs=["de"])).encode(), META
    ).events
    assert event.type == "quote"
    assert (event.tags, event.mentions, event.lang) == (["PyCon"], ["bob.example"], "de")
    assert event.links == ["https://docs.example/whole", "https://bsky.app/profile/did:plc:cy/post/3k"]
    assert [(m.url, m.alt, m.width) for m in event.media] == [
        ("https://cdn.bsky.app/img/feed_fullsize/plain/did:plc:ada/bafkreia@jpeg", "a slide", 4)
    ]
    assert event.created_at == tid_time("3mptbyoeyc22k")  # the record does not say


def test_a_claimed_time_without_a_zone_is_utc_and_one_of_the_future_is_not_believed() -> None:
    """Programs claim all kinds of times."""
    [event] = parse(json.dumps(frame(text="x", createdAt="2026-07-04T14:00:00")).encode(), META).events
    assert event.created_at == datetime(2026, 7, 4, 14, tzinfo=UTC)
    [event] = parse(json.dumps(frame(text="x", createdAt="2031-01-01T00:00:00Z")).encode(), META).events
    assert abs(event.created_at - META.received_at) < timedelta(seconds=1)
    assert event.ingest is not None
    assert event.ingest.time_kind == "future"


def view(rkey: str = "3mptbyoeyc22k", text: str = "hi", **more: Any) -> dict[str, Any]:
    return {
        "uri": f"at://did:plc:ada/{POST}/{rkey}", "cid": "bafyrei",
        "author": {"did": "did:plc:ada", "handle": "ada.example", "displayName": "Ada"},
        "record": {"$type": POST, "text": text, "createdAt": "2026-07-04T14:38:06.240Z"},
        "indexedAt": "2026-07-04T14:38:07.000Z", **more,
    }  # fmt: skip


def read(told: Any) -> Any:
    return parse(json.dumps(told).encode(), META)


GONE = {"$type": "app.bsky.feed.defs#notFoundPost", "uri": f"at://did:plc:bob/{POST}/3k", "notFound": True}
RECORD = {"uri": f"at://did:plc:ada/{POST}/3mptbyoeyc22k", "cid": "bafyrei", "value": view()["record"]}
THREAD = {
    "hasOtherReplies": False,
    "thread": [
        {"uri": view()["uri"], "depth": 0, "value": {"$type": "app.bsky.unspecced.defs#threadItemPost", "post": view()}},
        {"uri": GONE["uri"], "depth": 1, "value": {"$type": "app.bsky.unspecced.defs#threadItemNotFound"}},
    ],
}  # fmt: skip
LIKE = {
    **view(),
    "uri": "at://did:plc:ada/app.bsky.feed.like/3k",
    "reason": "like",
    "record": {"subject": {}},
}
ANSWERS: list[Any] = [
    {"posts": [view()], "hitsTotal": 1, "cursor": "1"},
    {"feed": [{"post": view(), "reply": {"root": GONE, "parent": GONE}}]},
    {"thread": {"post": view(), "parent": GONE, "replies": [GONE]}},
    THREAD,
    {"notifications": [{**view(), "reason": "reply", "isRead": False}, LIKE]},
    {"bookmarks": [{"subject": {"uri": view()["uri"]}, "item": view()}]},
    {"records": [RECORD], "cursor": "1"},
    RECORD,
    [view()],
]


@pytest.mark.parametrize("answer", ANSWERS)
def test_the_same_post_is_found_wherever_the_api_has_it(answer: Any) -> None:
    """Searches, feeds, both threads, notifications, bookmarks, records: one id, text and author."""
    parsed = read(answer)
    [event] = parsed.events
    assert event.id == f"bluesky::at://did:plc:ada/{POST}/3mptbyoeyc22k"
    assert (event.text, event.author.id, parsed.rejects) == ("hi", "did:plc:ada", [])
    pretty = json.dumps(answer, indent=2).encode()
    streamed = Meta(
        source="bluesky", scope="sky", connector="bluesky@1", received_at=META.received_at,
        options={"via": "stream"},
    )  # fmt: skip
    assert [e.text for e in parse(pretty, streamed).events] == ["hi"]


def test_posts_one_a_line_are_read() -> None:
    """As programs write them that collect posts; a line that is none is a dead letter."""
    lines = [view("3mptbyoeyc22k"), view("3mptbyoeyc22m", "ho"), {"nothing": 1}]
    parsed = parse("\n".join(map(json.dumps, lines)).encode(), META)
    assert [e.text for e in parsed.events] == ["hi", "ho"]
    assert [r.where for r in parsed.rejects] == ["frame 3"]


def test_what_is_gone_is_counted_and_an_empty_page_is_no_error() -> None:
    """A deleted post, one of somebody who blocks, a search that found nothing."""
    parsed = read({"posts": [view(), GONE, {**GONE, "notFound": None, "blocked": True}]})
    assert (len(parsed.events), parsed.counts, parsed.rejects) == (1, {"unavailable": 2}, [])
    for empty in ({"posts": []}, {"feed": [], "cursor": "1"}, []):
        assert read(empty) == read({"posts": []})


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ([{"did": "did:plc:ada", "handle": "ada.example"}], "a profile, not a post"),
        ({"lexicon": 1, "id": "app.bsky.feed.post"}, r"a schema \(lexicon\), not posts"),
        ({"$type": POST, "text": "hi"}, "a record .*without the did"),
        (
            {**RECORD, "uri": "at://did:plc:ada/app.bsky.feed.generator/x"},
            "a record of app.bsky.feed.generator",
        ),
        (
            {"error": "InvalidRequest", "message": "no such feed"},
            "error from the server: InvalidRequest no such",
        ),
        (view(uri=f"at://ada/{POST}/3k"), "no uri with a did"),
    ],
)
def test_dead_letter_describes_what_is_not_a_post(answer: Any, reason: str) -> None:
    """One dead letter, with a readable reason."""
    parsed = read(answer)
    assert parsed.events == []
    [reject] = parsed.rejects
    assert re.match(f".*{reason}", reject.reason)


def test_an_address_with_a_handle_is_that_of_the_writers_did() -> None:
    """Handles change hands; only the writer's own handle stands for their did."""
    [event] = read(view(uri=f"at://ada.example/{POST}/3mptbyoeyc22k")).events
    assert event.id == read(view()).events[0].id
    assert read(view(uri=f"at://eve.example/{POST}/3mptbyoeyc22k")).events == []


def test_old_attachments_labels_and_sizes_are_kept() -> None:
    """Pictures of early 2023 have their name by itself; the writer says what is not for everybody."""
    embed = {
        "$type": "app.bsky.embed.images",
        "images": [{"image": {"cid": "bafyold", "mimeType": "image/jpeg"}}],
    }
    labels = {"$type": "com.atproto.label.defs#selfLabels", "values": [{"val": "nudity"}]}
    [event] = read(frame(text="", embed=embed, labels=labels)).events
    assert [(m.url.rpartition("/")[2], m.sensitive) for m in event.media] == [("bafyold@jpeg", True)]
    video = {
        "$type": "app.bsky.embed.video",
        "video": {"ref": {"$link": "bafkreiv"}},
        "aspectRatio": {"width": 9, "height": 16},
    }
    [event] = read(frame(text="", embed=video)).events
    assert [(m.kind, m.width, m.height, m.sensitive) for m in event.media] == [("video", 9, 16, False)]


def test_a_time_before_there_was_a_web_is_that_of_the_key() -> None:
    """Programs without a clock claim 1970 or the year 1."""
    for claimed in ("1970-01-01T00:00:00.000Z", "0001-01-01T00:00:00Z", "", 7):
        [event] = read(frame(text="x", createdAt=claimed)).events
        assert event.created_at == tid_time("3mptbyoeyc22k")


def test_a_list_of_frames_is_read() -> None:
    """As a recording that was put into one document."""
    other = frame(text="ho")
    other["commit"]["rkey"] = "3mptbyoeyc22m"
    assert [e.text for e in read([frame(text="hi"), other]).events] == ["hi", "ho"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def mutated(draw: st.DrawFn) -> Any:
    """A frame or a post with some of its members gone or of another kind."""
    image = {"alt": "a", "image": {"ref": {"$link": "b"}}, "aspectRatio": {"width": 1, "height": 2}}
    facet = {
        "index": {"byteStart": 0, "byteEnd": 1},
        "features": [{"tag": "x"}, {"uri": "https://x.example"}],
    }
    record = {
        "text": "hé #x",
        "createdAt": "2026-07-04T14:00:00Z",
        "facets": [facet],
        "reply": {"parent": {"uri": f"at://did:a:b/{POST}/c"}, "root": {"uri": "at://d"}},
        "embed": {
            "$type": "app.bsky.embed.recordWithMedia",
            "record": {"record": {"uri": "at://x"}},
            "media": {"images": [image], "external": {"uri": "https://y.example"}},
        },
        "langs": ["en"],
        "tags": ["y"],
    }
    author = {"did": "did:plc:ada", "handle": "ada.example", "displayName": "Ada"}
    view = {"uri": f"at://did:plc:ada/{POST}/k", "record": record, "author": author, "indexedAt": "2026"}
    payload = {
        "$type": "#commit",
        "seq": 3,
        "did": "did:a:b",
        "time": "2026-07-04T14:00:00Z",
        "rkey": "k",
        "operation": "update",
        "collection": POST,
        "record": record,
    }
    value: Any = draw(
        st.sampled_from(
            [
                frame(**record),
                view,
                {"payload": payload},
                {"feed": [{"post": view, "reason": {"by": author}}]},
            ]
        )
    )
    value = json.loads(json.dumps(value))
    for _ in range(draw(st.integers(1, 4))):
        place = value
        while isinstance(place, (dict, list)) and place:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            key = draw(st.sampled_from(keys))
            if draw(st.booleans()) or not isinstance(place[key], (dict, list)):
                if isinstance(place, dict) and draw(st.booleans()):
                    del place[key]
                else:
                    place[key] = draw(JSON)
                break
            place = place[key]
    return value


@settings(max_examples=200, deadline=None)
@given(st.lists(mutated(), min_size=1, max_size=3))
def test_whatever_is_sent_only_malformed_comes_out(values: list[Any]) -> None:
    """Events whose ids are ours, dead letters with reasons, or Malformed."""
    for raw in (json.dumps(values[0]).encode(), b"\n".join(json.dumps(v).encode() for v in values)):
        try:
            parsed = parse(raw, META)
        except Malformed:
            continue
        assert all(e.id.startswith("bluesky::") for e in parsed.events)
        assert all(r.reason for r in parsed.rejects)


@settings(max_examples=200, deadline=None)
@given(
    changed(
        [*ANSWERS, {"feed": [{"post": view(), "reason": {"$type": "#reasonRepost", "by": view()["author"]}}]}]
    )
)
def test_whatever_the_api_answers_only_malformed_comes_out(told: Any) -> None:
    """Keys dropped, types changed, values nested."""
    survives(parse, json.dumps(told).encode(), META)
