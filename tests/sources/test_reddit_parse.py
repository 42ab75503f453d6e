"""Listings of Reddit, recorded and damaged: posts and comments under their fullnames."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtanalytics.event import decode, encode
from rtanalytics.sources.base import Malformed, Meta, Parsed
from rtanalytics.sources.reddit.parse import parse

META = Meta(source="reddit", scope="r", connector="reddit@1", received_at=datetime(2026, 11, 1, tzinfo=UTC))

POST = {
    "kind": "t3",
    "data": {
        "name": "t3_48fbm9",
        "id": "48fbm9",
        "author": "ada",
        "author_fullname": "t2_7",
        "subreddit": "Python",
        "title": "Talks & <b>tutorials</b>",
        "selftext": "see [it](https://x.example/)",
        "selftext_html": '<div onclick="x()">see <a href="https://x.example/">it</a><script>1</script></div>',
        "is_self": True,
        "permalink": "/r/Python/comments/48fbm9/talks/?ref=x",
        "url": "https://www.reddit.com/r/Python/comments/48fbm9/talks/",
        "link_flair_text": "News",
        "created_utc": 1778835600.0,
        "edited": 1778835660.0,
    },
}
COMMENT = {
    "kind": "t1",
    "data": {
        "name": "t1_d4y8bdp",
        "author": "bob",
        "subreddit": "Python",
        "body": "yes",
        "parent_id": "t1_d4y8bda",
        "link_id": "t3_48fbm9",
        "created_utc": 1778835700,
        "edited": False,
    },
}


def listing(*things: Any, after: Any = "t3_48f6io") -> dict[str, Any]:
    return {"kind": "Listing", "data": {"children": list(things), "after": after}}


def read(value: Any) -> Parsed:
    return parse(value if isinstance(value, bytes) else json.dumps(value).encode(), META)


def test_posts_and_comments_are_known_by_their_fullnames():
    """With author, room, time, edit, text, cleaned markup, links, and what they answer."""
    parsed = read(listing(POST, COMMENT))
    post, comment = parsed.events
    assert (post.id, post.type, post.handle, post.channel) == ("reddit::t3_48fbm9", "post", "ada", "r/Python")
    assert (post.title, post.text) == ("Talks & <b>tutorials</b>", "see it")
    assert "onclick" not in post.html
    assert "script" not in post.html
    assert (post.links, post.tags) == (["https://x.example/"], ["News"])
    assert (f"{post.created_at:%T}", f"{post.edited_at:%T}") == ("09:00:00", "09:01:00")
    assert post.url == "https://www.reddit.com/r/Python/comments/48fbm9/talks/"
    assert (comment.id, comment.type, comment.text) == ("reddit::t1_d4y8bdp", "reply", "yes")
    assert (comment.reply_to, comment.thread) == ("reddit::t1_d4y8bda", "reddit::t3_48fbm9")
    assert comment.url == "https://www.reddit.com/r/Python/comments/48fbm9/_/d4y8bdp/"
    assert (comment.edited_at, parsed.next) == (None, "t3_48f6io")


def test_a_link_is_what_a_post_points_to():
    """And a picture is its media."""
    data = {**POST["data"], "is_self": False, "selftext": "", "selftext_html": None}
    [event] = read({"kind": "t3", "data": {**data, "url": "https://i.redd.it/abc.jpg"}}).events
    assert (event.links, [m.url for m in event.media]) == (
        ["https://i.redd.it/abc.jpg"],
        ["https://i.redd.it/abc.jpg"],
    )
    [event] = read({"kind": "t3", "data": {**data, "url": "javascript:alert(1)"}}).events
    assert (event.links, event.media) == ([], [])


@pytest.mark.parametrize(
    "changes",
    [
        {"author": "[deleted]", "selftext": "[deleted]"},
        {"selftext": "[removed]"},
        {"removed_by_category": "moderator"},
    ],
)
def test_what_is_deleted_or_removed_is_a_delete(changes):
    """Without text and author."""
    [event] = read({"kind": "t3", "data": {**POST["data"], **changes}}).events
    assert (event.id, event.op, event.text, event.title, event.author) == (
        "reddit::t3_48fbm9",
        "delete",
        None,
        None,
        None,
    )


def test_a_post_with_its_comments_is_read_with_the_answers_in_it():
    """Two listings, one in another; what is folded away is counted."""
    answer = {"kind": "t1", "data": {**COMMENT["data"], "name": "t1_b"}}
    whole = {**COMMENT["data"], "replies": listing(answer, {"kind": "more", "data": {}}, after=None)}
    parsed = read([listing(POST, after=None), listing({"kind": "t1", "data": whole}, after=None)])
    assert [e.id for e in parsed.events] == ["reddit::t3_48fbm9", "reddit::t1_d4y8bdp", "reddit::t1_b"]
    assert parsed.counts == {"more": 1}


def test_answers_to_answers_are_read_as_deep_as_any_talk_and_what_is_deeper_is_a_dead_letter():
    """Reddit itself returns ten levels at once; deeper ones become a dead letter."""
    talk = None
    for number in range(60, 0, -1):
        more = {} if talk is None else {"replies": listing(talk, after=None)}
        talk = {"kind": "t1", "data": {**COMMENT["data"], "name": f"t1_{number}", **more}}
    parsed = read(talk)
    assert [e.id for e in parsed.events] == [f"reddit::t1_{n}" for n in range(1, 51)]
    [letter] = parsed.rejects
    assert "too deeply" in letter.reason


def test_a_thing_that_cannot_be_read_is_a_dead_letter_that_can_be_read_again():
    """The others are read; an unknown kind is counted."""
    broken = {"kind": "t1", "data": {**COMMENT["data"], "body": None}}
    parsed = read(listing(POST, broken, {"kind": "t9", "data": {}}))
    letter, other = parsed.rejects
    assert (other.where, other.reason) == ("item 3", "it is 't9': neither a post nor a comment")
    assert (letter.where, letter.reason) == ("item 2", "a comment without a body")
    assert len(parsed.events) == 1
    assert parsed.counts == {"unknown_kind_t9": 1}
    mended = json.loads(letter.raw)
    mended["data"]["body"] = "yes"
    assert read(mended).events[0].id == "reddit::t1_d4y8bdp"


def test_what_reddit_escapes_is_resolved_once():
    """Without ``raw_json=1`` entities are escaped once more; with it, texts stay unchanged."""
    escaped = {
        **POST["data"], "title": "A &amp; B &lt;3", "selftext": "1 &lt; 2", "selftext_html": "&lt;p&gt;1 &amp;lt; 2&lt;/p&gt;"
    }  # fmt: skip
    [event] = read(listing({"kind": "t3", "data": escaped})).events
    assert (event.title, event.text, event.html) == ("A & B <3", "1 < 2", "<p>1 &lt; 2</p>")
    asked = {**POST["data"], "title": "&amp; is an entity", "selftext_html": "<p>&amp;amp; too</p>"}
    [event] = read(listing({"kind": "t3", "data": asked})).events
    assert (event.title, event.text) == ("&amp; is an entity", "&amp; too")


@pytest.mark.parametrize("shape", [lambda x: x, lambda x: [x], lambda x: {"data": [x], "error": None}])
def test_a_thing_of_an_archive_does_not_say_its_kind(shape):
    """One, several, or a page of them; times may be text there."""
    [event] = read(shape({**COMMENT["data"], "created_utc": "1778835700"})).events
    assert (event.id, event.type, event.created_at.second) == ("reddit::t1_d4y8bdp", "reply", 40)
    [event] = read(shape(POST["data"])).events
    assert (event.id, event.type) == ("reddit::t3_48fbm9", "post")


def test_things_of_an_archive_stand_one_a_line():
    """A line that is none costs itself."""
    lines = [json.dumps(COMMENT["data"]), "{broken", "", json.dumps(POST["data"])]
    parsed = read("\n".join(lines).encode())
    assert [e.id for e in parsed.events] == ["reddit::t1_d4y8bdp", "reddit::t3_48fbm9"]
    assert [r.where for r in parsed.rejects] == ["line 2"]


def test_more_comments_are_read_from_what_was_asked_for_them():
    """They come under ``json``."""
    [event] = read({"json": {"errors": [], "data": {"things": [COMMENT]}}}).events
    assert event.id == "reddit::t1_d4y8bdp"


def test_galleries_videos_polls_and_crossposts_are_told():
    """The pictures in their order, a poll's choices as text, and what was posted elsewhere."""
    data = {
        **POST["data"],
        "is_self": False,
        "selftext": "",
        "selftext_html": None,
        "url": "https://www.reddit.com/gallery/1",
    }
    gallery = {
        "gallery_data": {"items": [{"media_id": "b", "caption": "us"}, {"media_id": "a"}]},
        "media_metadata": {n: {"s": {"u": f"https://preview.redd.it/{n}.jpg?s=1&amp;w=2"}} for n in "ab"},
    }
    [event] = read({"kind": "t3", "data": data | gallery}).events
    assert [(m.url, m.alt) for m in event.media] == [
        ("https://preview.redd.it/b.jpg?s=1&w=2", "us"), ("https://preview.redd.it/a.jpg?s=1&w=2", None)
    ]  # fmt: skip
    video = {"media": {"reddit_video": {"fallback_url": "https://v.redd.it/1/DASH_720.mp4"}}}
    [event] = read({"kind": "t3", "data": data | video | {"crosspost_parent": "t3_abc"}}).events
    assert ([m.kind for m in event.media], event.repost_of) == (["video"], "reddit::t3_abc")
    poll = {"poll_data": {"options": [{"text": "tabs"}, {"text": "spaces"}]}}
    [event] = read({"kind": "t3", "data": data | poll}).events
    assert event.text == "tabs\nspaces"


@pytest.mark.parametrize(
    ("thing", "what"), [("t5", "a subreddit"), ("t4", "a private message"), ("t2", "an account")]
)
def test_what_is_neither_post_nor_comment_says_what_it_is(thing, what):
    """It is a dead letter, not silence."""
    [letter] = read({"kind": thing, "data": {"id": "1"}}).rejects
    assert letter.reason == f"it is {what}: neither a post nor a comment"


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "broken JSON"),
        (b"<html>", "broken JSON"),
        (b'{"message": "Forbidden", "error": 403}', "Forbidden"),
    ],
)
def test_what_is_no_listing_is_said_to_be_none(raw, message):
    """One dead letter for the whole."""
    with pytest.raises(Malformed, match=f"invalid listing: {message}"):
        read(raw)


PARSED = {
    "TestRedditor.test_stream__comments.json": 394,
    "TestSubreddit.test_search.json": 6,
    "TestSubredditListings.test_comments.json": 100,
    "TestSubredditListings.test_new.json": 100,
}
"""Events of what others recorded; nothing of it is a dead letter, but for the answers that give a token."""


@pytest.mark.data
def test_recorded_listings_are_read_as_a_person_reads_them(data_folder: Path):
    """Every answer of every file; some looked up by eye."""
    events: dict[str, list[Any]] = {}
    for file in sorted((data_folder / "payloads" / "reddit").iterdir()):
        found = events[file.name.partition("cassettes__")[2]] = []
        for exchange in json.loads(file.read_bytes())["interactions"]:
            raw = exchange["response"]["body"]["string"].encode()
            if exchange["request"]["uri"].endswith("access_token"):
                with pytest.raises(Malformed):
                    read(raw)
                continue
            parsed = read(raw)
            assert parsed.rejects == []
            found += parsed.events
    assert {name: len(found) for name, found in events.items()} == PARSED
    assert all(decode(encode(e)).id == e.id for found in events.values() for e in found)
    post = events["TestSubredditListings.test_new.json"][0]
    assert (post.id, post.handle, f"{post.created_at:%F %T}") == (
        "reddit::t3_48fbm9",
        "RedHeadQc",
        "2016-03-01 08:37:38",
    )
    assert post.title.startswith("[Serious] Parents of Reddit, what's the biggest lie")
    comment = events["TestSubredditListings.test_comments.json"][0]
    assert (comment.handle, comment.thread) == ("preppypuppy", "reddit::t3_4r4inc")
    assert comment.text == "great, life is so much better when you can do what you enjoy for a living"


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


@st.composite
def damaged(draw: st.DrawFn, value: Any) -> Any:
    """A value of JSON with parts left out or replaced."""
    if draw(st.integers(0, 14)) == 0:
        return draw(junk)
    if isinstance(value, dict):
        return {k: draw(damaged(v)) for k, v in value.items() if draw(st.integers(0, 14))}
    if isinstance(value, list):
        return [draw(damaged(v)) for v in value]
    return value


@settings(max_examples=150, deadline=None)
@given(
    damaged(
        [
            listing(POST, COMMENT),
            listing({"kind": "t1", "data": {**COMMENT["data"], "replies": listing(COMMENT)}}),
        ]
    )
)
def test_any_damage_to_a_listing_is_read_or_refused(page):
    """Events that a stream takes, dead letters, or that it is no listing; nothing else is raised."""
    try:
        parsed = read(page)
    except Malformed as error:
        assert str(error).startswith("invalid listing")
        return
    assert all(decode(encode(e)).id == e.id for e in parsed.events)
    assert all(letter.reason.isprintable() for letter in parsed.rejects)
