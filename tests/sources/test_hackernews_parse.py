"""Hacker News, read: both of its services say the same about the same item."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtanalytics.sources.base import Malformed
from rtanalytics.sources.hackernews import Spec
from rtanalytics.sources.hackernews.parse import parse
from tests.sources.mutations import mutated, survives

NOW = datetime(2026, 5, 15, 12, tzinfo=UTC)
META = Spec(name="hn", query="pycon").meta(NOW)
SAID = 1778835600  # 2026-05-15 09:00 UTC

STORY = {
    "created_at": "2026-05-15T09:00:00Z", "created_at_i": SAID, "objectID": "4001", "author": "ada",
    "title": "Show HN: Snakes &amp; <b>ladders</b>", "url": "https://snakes.example/", "points": 3,
    "story_text": '<p>Made it for PyCon.<p>See <a href="https:&#x2F;&#x2F;docs.example&#x2F;a">here</a>',
    "num_comments": 1, "_tags": ["story", "author_ada", "story_4001", "show_hn"],
}  # fmt: skip
COMMENT = {
    "created_at": "2026-05-15T09:10:00Z", "created_at_i": SAID + 600, "objectID": "4002", "author": "bob",
    "comment_text": "It&#x27;s at <i>PyCon</i> too", "story_id": 4001, "parent_id": 4001,
    "story_title": "Show HN: Snakes &amp; ladders", "_tags": ["comment", "author_bob", "story_4001"],
}  # fmt: skip
PAGE = {"hits": [COMMENT, STORY], "nbHits": 2, "page": 0, "nbPages": 1, "hitsPerPage": 100}
ITEM = {
    "by": "bob", "id": 4002, "parent": 4001, "text": "It&#x27;s at <i>PyCon</i> too", "time": SAID + 600,
    "type": "comment",
}  # fmt: skip
STORY_ITEM = {
    "by": "ada", "id": 4001, "time": SAID, "type": "story", "title": "Show HN: Snakes & <b>ladders</b>",
    "url": "https://snakes.example/", "text": STORY["story_text"], "kids": [4002], "score": 3,
}  # fmt: skip


def read(payload, **changes):
    from msgspec.structs import replace

    return parse(json.dumps(payload).encode(), replace(META, **changes))


def test_a_page_of_hits_becomes_events_with_id_time_author_text_and_links():
    """A story and a comment, field by field."""
    parsed = read(PAGE)
    comment, story = parsed.events
    assert (story.id, story.type, story.source) == ("hackernews::4001", "story", "hackernews")
    assert story.created_at == datetime(2026, 5, 15, 9, tzinfo=UTC)
    assert story.title == "Show HN: Snakes & ladders"
    assert story.text == "Made it for PyCon.\nSee here"
    assert story.links == ["https://snakes.example/", "https://docs.example/a"]
    assert story.url == "https://news.ycombinator.com/item?id=4001"
    assert (story.author.handle, story.reply_to, story.thread) == ("ada", None, None)
    assert (comment.id, comment.type, comment.text) == ("hackernews::4002", "reply", "It's at PyCon too")
    assert comment.html == "It's at <i>PyCon</i> too"
    assert (comment.reply_to, comment.thread) == ("hackernews::4001", "hackernews::4001")
    assert comment.title is None
    assert parsed.counts == {"hits": 2, "repeated": 0}


def test_both_services_give_the_same_id_and_revision():
    """Otherwise looking up an item would look like an edit of it."""
    found = {e.id: e.rev for e in read(PAGE).events}
    for item in (ITEM, STORY_ITEM):
        [event] = read(item).events
        assert found[event.id] == event.rev


@pytest.mark.parametrize("flag", ["deleted", "dead"])
def test_what_was_deleted_or_killed_is_a_delete_without_text(flag):
    """It has its own revision, the time of the post, and the time at which the deletion was seen."""
    [event] = read({**ITEM, flag: True}).events
    assert (event.op, event.text, event.html, event.links) == ("delete", None, None, [])
    assert event.edited_at == NOW
    assert event.created_at == datetime(2026, 5, 15, 9, 10, tzinfo=UTC)
    assert event.rev != read(ITEM).events[0].rev
    [bare] = read({"deleted": True, "id": 4002, "time": SAID + 600, "type": "comment", "parent": 4001}).events
    assert (bare.op, bare.author, bare.rev) == ("delete", None, event.rev)


def test_a_number_that_is_not_there_gives_nothing():
    """The item API says null of it."""
    parsed = parse(b"null", META)
    assert (parsed.events, parsed.rejects, parsed.counts) == ([], [], {"absent": 1})


def test_one_bad_hit_is_a_reject_and_the_others_are_read():
    """With what was wrong, where, and what was delivered, so that it can be read again alone."""
    bad = {**COMMENT, "objectID": None, "comment_text": "write to ada@snakes.example"}
    parsed = read({"hits": [bad, "text", STORY]})
    assert [e.id for e in parsed.events] == ["hackernews::4001"]
    assert [(r.where, r.reason) for r in parsed.rejects] == [
        ("item 1", "it has no number, so no id"),
        ("item 2", "not a JSON object but str"),
    ]
    assert b"ada@snakes.example" not in parsed.rejects[0].raw
    again = parse(json.dumps({**json.loads(parsed.rejects[0].raw), "objectID": "5"}).encode(), META)
    assert again.events[0].id == "hackernews::5"


def test_an_item_of_the_search_is_read_with_its_comments():
    """A tree under one item: authors, times, whom each answers, and in which story."""
    reply = {"id": 4003, "type": "comment", "author": "eve", "created_at": "2026-05-15T09:20:00.000Z", "text": "Yes",
             "parent_id": 4002, "story_id": 4001, "children": []}  # fmt: skip
    comment = {"id": 4002, "type": "comment", "author": "bob", "created_at_i": SAID + 600, "parent_id": 4001,
               "story_id": 4001, "text": COMMENT["comment_text"], "children": [reply, None]}  # fmt: skip
    story = {"id": 4001, "type": "story", "author": "ada", "created_at_i": SAID, "title": STORY["title"],
             "url": STORY["url"], "text": STORY["story_text"], "parent_id": None, "story_id": 4001, "children": [comment]}  # fmt: skip
    parsed = read(story)
    assert [(e.id, e.author.handle, e.reply_to, e.thread) for e in parsed.events] == [
        ("hackernews::4001", "ada", None, None),
        ("hackernews::4002", "bob", "hackernews::4001", "hackernews::4001"),
        ("hackernews::4003", "eve", "hackernews::4002", "hackernews::4001"),
    ]
    assert parsed.events[2].created_at == datetime(2026, 5, 15, 9, 20, tzinfo=UTC)
    assert [e.rev for e in parsed.events[:2]] == [e.rev for e in read([STORY_ITEM, ITEM]).events]
    assert len(parsed.rejects) == 1
    assert b"eve" not in parsed.events[0].raw


def test_an_option_of_a_poll_belongs_to_it():
    """It is a thing of its own, with its text, under the poll."""
    [event] = read(
        {"by": "ada", "id": 8, "poll": 7, "score": 3, "text": "Tabs", "time": SAID, "type": "pollopt"}
    ).events
    assert (event.type, event.text, event.reply_to, event.thread) == (
        "option",
        "Tabs",
        "hackernews::7",
        "hackernews::7",
    )


def test_a_list_of_numbers_is_said_to_be_one():
    """What ``/v0/topstories.json`` gives is one dead letter, not five hundred."""
    with pytest.raises(Malformed, match="item numbers only"):
        read([4001, 4002])


def test_types_that_are_new_to_us_are_kept_and_counted():
    """Jobs and polls are known; another kind is kept under its own name."""
    assert read({**ITEM, "type": "job"}).events[0].type == "job"
    parsed = read({**ITEM, "type": "haiku"})
    assert (parsed.events[0].type, parsed.counts["unknown_type"]) == ("x:haiku", 1)


def test_a_hit_alone_names_its_comments_and_does_not_have_them():
    """Their numbers are no comments that could not be read."""
    parsed = read({**STORY, "children": [4002, 4003]})
    assert [e.id for e in parsed.events] == ["hackernews::4001"]
    assert parsed.rejects == []


def test_an_account_is_nothing_that_was_said():
    """The message names the address of items."""
    [letter] = read({"id": "ada", "karma": 1, "created": 1}).rejects
    assert letter.reason == "it is an account, not an item"


def test_times_that_cannot_be_are_not_believed():
    """A time in the future, before there was a Web, or missing is replaced by the time of receipt."""
    for stamp, kind in ((SAID + 10**7, "future"), (5, "observed"), ("soon", "observed")):
        [event] = read({**ITEM, "time": stamp}).events
        assert (event.created_at, event.ingest.time_kind) == (NOW, kind)
    late = read({**ITEM, "time": int((NOW + timedelta(minutes=4)).timestamp())}).events[0]
    assert late.ingest.time_kind == "source"


def test_dangerous_markup_and_addresses_do_not_get_through():
    """Scripts, foreign schemes, handlers."""
    text = '<a href="javascript:alert(1)" onclick="x()">a</a><script>alert(2)</script><img src=x onerror=y>'
    [event] = read({**STORY_ITEM, "text": text, "url": "javascript:alert(3)"}).events
    assert "script" not in event.html
    assert "on" not in event.html
    assert event.links == []


@pytest.mark.parametrize(
    "raw", [b"", b"{}", b"<html>busy</html>", b'{"message": "no"}', b"7", b"[" * 100_000]
)
def test_what_is_no_answer_is_malformed(raw):
    """An error page, another document, or nesting without end."""
    with pytest.raises(Malformed, match="invalid response of Hacker News"):
        parse(raw, META)


@given(
    st.one_of(
        mutated(
            [
                {**ITEM, "created_at_i": SAID, "children": [ITEM]},
                PAGE,
                COMMENT,
                ITEM,
                STORY_ITEM,
                [ITEM, STORY],
            ]
        )
    )
)
@settings(max_examples=150, deadline=None)
def test_whatever_the_shape_only_malformed_comes_out(payload):
    """Keys dropped, types changed, values nested."""
    survives(parse, json.dumps(payload).encode(), META)


@pytest.mark.data
def test_recorded_answers_are_feeds_and_go_to_the_feed_source(data_folder):
    """All that is recorded is one document of hnrss.org: here it is a dead letter that says so; feeds read it."""
    from rtanalytics.sources.feeds.parse import parse as parse_feed

    files = sorted((data_folder / "payloads" / "hackernews").iterdir())
    assert [f.suffix for f in files] == [".xml"]
    raw = files[0].read_bytes()
    with pytest.raises(Malformed, match="broken JSON"):
        parse(raw, META)
    assert len(parse_feed(raw, META).events) == 20
