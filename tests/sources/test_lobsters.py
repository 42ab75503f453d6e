"""Lobsters, whose lists are JSON but no JSON Feed."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings

from rtanalytics.event import decode, encode
from rtanalytics.sources.base import Malformed
from rtanalytics.sources.feeds import Spec
from rtanalytics.sources.feeds.parse import parse
from tests.sources.mutations import mutated

NOW = datetime(2026, 5, 15, 12, tzinfo=UTC)
META = Spec(name="l", url="https://lobste.rs/newest.json").meta(NOW)
STORY = {
    "short_id": "abc123", "short_id_url": "https://lobste.rs/s/abc123", "created_at": "2026-05-15T04:00:00.000-05:00",
    "title": "Snakes & ladders", "url": "https://x.example/a", "score": 3, "comment_count": 2,
    "description": "<p>why <b>so</b></p>", "description_plain": "why **so**", "submitter_user": "ada",
    "comments_url": "https://lobste.rs/s/abc123/snakes_ladders", "tags": ["python", "ask"],
}  # fmt: skip
COMMENT = {
    "short_id": "def456", "short_id_url": "https://lobste.rs/c/def456", "created_at": "2026-05-15T05:00:00.000-05:00",
    "last_edited_at": "2026-05-15T05:30:00.000-05:00", "is_deleted": False, "is_moderated": False, "score": 1,
    "parent_comment": None, "comment": "<p>so</p>", "comment_plain": "so", "depth": 0, "commenting_user": "bob",
    "url": "https://lobste.rs/s/abc123/snakes_ladders/comments/def456",
}  # fmt: skip
ANSWER = {**COMMENT, "short_id": "ghi789", "parent_comment": "def456", "comment": "<p>no</p>"}


def read(payload):
    return parse(json.dumps(payload).encode(), META)


def test_a_list_of_stories_becomes_an_event_each():
    """With the id that the feed in RSS gives it, time in UTC, tags, and what it points to."""
    [story] = read([STORY]).events
    assert (story.id, story.type, story.source) == ("lobsters::abc123", "post", "lobsters:l")
    assert (story.title, story.text, story.tags) == ("Snakes & ladders", "why so", ["python", "ask"])
    assert (story.created_at.hour, story.handle, story.url) == (9, "ada", "https://x.example/a")
    rss = b"<rss version='2.0'><channel><item><guid>https://lobste.rs/s/abc123</guid><title>x</title></item></channel></rss>"
    assert parse(rss, META).events[0].id == story.id


def test_a_story_is_read_with_the_comments_on_it():
    """Whom each answers, and in which story; edits; an older list says who it was in another way."""
    payload = {**STORY, "submitter_user": {"username": "ada"}, "comments": [COMMENT, ANSWER]}
    story, comment, answer = read(payload).events
    assert story.handle == "ada"
    assert (comment.id, comment.type, comment.text, comment.handle) == (
        "lobsters::c/def456",
        "reply",
        "so",
        "bob",
    )
    assert (comment.reply_to, comment.thread) == (story.id, story.id)
    assert (answer.reply_to, answer.thread) == (comment.id, story.id)
    assert (comment.created_at.hour, comment.edited_at) == (10, datetime(2026, 5, 15, 10, 30, tzinfo=UTC))


def test_another_site_with_the_same_program_has_its_own_ids_and_people():
    """Their URLs lead to the comments, and their ids are those of the site's RSS."""
    about = Spec(name="t", url="https://news.example/newest.json").meta(NOW)
    raw = json.dumps({**STORY, "comments": [COMMENT, ANSWER]}).replace("lobste.rs", "news.example").encode()
    story, comment, answer = parse(raw, about).events
    assert story.author.url == "https://news.example/~ada"
    assert (comment.thread, answer.reply_to) == (story.id, comment.id)
    rss = b"<rss version='2.0'><channel><item><guid>https://news.example/s/abc123</guid><title>x</title></item></channel></rss>"
    assert parse(rss, about).events[0].id == story.id


@pytest.mark.parametrize("flag", ["is_deleted", "is_moderated"])
def test_a_comment_that_is_no_more_is_a_delete(flag):
    """Of the same event."""
    _, gone = read({**STORY, "comments": [{**COMMENT, flag: True, "comment": ""}]}).events
    assert (gone.id, gone.op, gone.text) == ("lobsters::c/def456", "delete", None)


def test_what_is_broken_is_malformed_and_what_is_odd_a_dead_letter():
    """A story without anything to know it by."""
    with pytest.raises(Malformed, match="invalid feed: broken JSON"):
        parse(b'[{"short_id": "a", ', META)
    assert len(read([STORY, {"score": 1}, 3]).rejects) == 2


@given(mutated([[STORY], {**STORY, "comments": [COMMENT, ANSWER]}]))
@settings(max_examples=200, deadline=None)
def test_whatever_the_shape_only_malformed_comes_out(payload):
    """Keys dropped, types changed, values nested: events that can be stored, each id once."""
    try:
        parsed = read(payload)
    except Malformed as error:
        assert str(error).isprintable()
        return
    assert len({event.id for event in parsed.events}) == len(parsed.events)
    assert all(decode(encode(event)).id == event.id for event in parsed.events)
    assert all(reject.reason.isprintable() and reject.reason for reject in parsed.rejects)
