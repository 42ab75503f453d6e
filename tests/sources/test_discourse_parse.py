"""Discourse, read: posts, topics with their posts, and lists of topics."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings

from rtanalytics.sources.base import Malformed
from rtanalytics.sources.discourse import Spec
from rtanalytics.sources.discourse.parse import parse
from tests.sources.mutations import mutated, survives

NOW = datetime(2026, 5, 15, 12, tzinfo=UTC)
META = Spec(name="forum", url="https://forum.example").meta(NOW)

FIRST = {
    "id": 50, "topic_id": 7, "post_number": 1, "post_type": 1, "username": "ada", "name": "Ada L.",
    "user_id": 3, "topic_title": "Sprints &amp; food", "topic_slug": "sprints-food", "version": 1,
    "created_at": "2026-05-15T09:00:00.500Z", "updated_at": "2026-05-15T09:00:00.500Z", "hidden": False,
    "cooked": '<p>Where? See <a href="/t/6">that</a> and <a href="https://map.example/">a map</a>.</p>',
    "reply_to_post_number": None, "deleted_at": None,
}  # fmt: skip
ANSWER = {
    **FIRST, "id": 52, "post_number": 3, "username": "bob", "name": "", "user_id": 4, "cooked": "<p>Here.</p>",
    "created_at": "2026-05-15T11:05:00+02:00", "reply_to_post_number": 1,
}  # fmt: skip
PAGE = {"latest_posts": [ANSWER, FIRST]}
TOPIC = {
    "id": 7, "title": "Sprints & food", "fancy_title": "Sprints &amp; food", "slug": "sprints-food",
    "created_at": "2026-05-15T09:00:00Z", "excerpt": "Where?&hellip;", "tags": ["food", {"name": "sprint"}],
    "image_url": "/uploads/a.png", "posts_count": 2,
    "posters": [{"description": "Original Poster, Most Recent Poster", "user_id": 3}],
}  # fmt: skip
LIST = {
    "users": [{"id": 3, "username": "ada"}],
    "topic_list": {"more_topics_url": "/latest?page=1", "topics": [TOPIC]},
}
WHOLE = {
    "id": 7,
    "title": "Sprints & food",
    "post_stream": {"posts": [{**FIRST, "topic_title": None}, ANSWER]},
}


def read(payload):
    return parse(json.dumps(payload).encode(), META)


def test_posts_become_events_with_id_time_author_text_and_links():
    """The first post of a topic has its title; an answer knows what it answers."""
    answer, first = read(PAGE).events
    assert (first.id, first.type, first.source) == ("discourse:forum.example:50", "post", "discourse:forum")
    assert (first.title, first.text) == ("Sprints & food", "Where? See that and a map.")
    assert first.links == ["https://forum.example/t/6", "https://map.example/"]
    assert first.url == "https://forum.example/t/sprints-food/7/1"
    assert first.created_at == datetime(2026, 5, 15, 9, 0, 0, 500_000, tzinfo=UTC)
    author = first.author
    assert (author.handle, author.id, author.name) == ("ada", "3", "Ada L.")
    assert author.url == "https://forum.example/u/ada"
    assert (answer.id, answer.type, answer.title) == ("discourse:forum.example:52", "reply", None)
    assert answer.created_at == datetime(2026, 5, 15, 9, 5, tzinfo=UTC)
    assert (answer.reply_to, answer.thread) == (first.id, "discourse:forum.example:topic/7")
    assert answer.author.name is None


def test_a_topic_and_its_posts_give_the_same_events_as_the_list_of_posts():
    """However a post is reached, its id and its revision are the same."""
    assert {(e.id, e.rev) for e in read(WHOLE).events} == {(e.id, e.rev) for e in read(PAGE).events}


def test_an_edit_is_known_by_its_version():
    """Another revision, made when the forum says; a mere rebuild (updated, same version) is no edit."""
    edited = {**FIRST, "version": 2, "updated_at": "2026-05-15T10:00:00Z", "cooked": "<p>There.</p>"}
    rebuilt = {**FIRST, "updated_at": "2026-05-15T10:00:00Z"}
    [first], [second], [third] = (read({"latest_posts": [p]}).events for p in (FIRST, edited, rebuilt))
    assert (first.rev == third.rev, first.rev == second.rev) == (True, False)
    assert second.edited_at == datetime(2026, 5, 15, 10, tzinfo=UTC)
    assert (first.edited_at, third.edited_at) == (None, None)


@pytest.mark.parametrize(
    "change", [{"hidden": True}, {"deleted_at": "2026-05-15T10:00:00Z"}, {"user_deleted": True}]
)
def test_hidden_and_deleted_posts_are_deletes_without_text(change):
    """Flagged away, deleted by its author or by staff."""
    [event] = read({"latest_posts": [{**FIRST, **change}]}).events
    assert (event.op, event.title, event.text, event.html, event.links) == ("delete", None, None, None, [])


def test_notes_of_the_forum_are_actions_and_whispers_are_not_told():
    """What only staff may read stays there, even when our key may read it; new kinds are kept."""
    parsed = read({"latest_posts": [{**FIRST, "id": n, "post_type": n} for n in (1, 2, 3, 4, 9)]})
    assert [e.type for e in parsed.events] == ["post", "post", "action", "x:post_type 9"]
    assert (parsed.counts["not_public"], parsed.counts["unknown_post_type"]) == (1, 1)


def test_a_list_of_topics_becomes_an_event_each():
    """Title, who began it, tags of both spellings, picture, and where the list goes on."""
    parsed = read(LIST)
    [topic] = parsed.events
    assert (topic.id, topic.title, topic.text) == (
        "discourse:forum.example:topic/7",
        "Sprints & food",
        "Where?…",
    )
    assert (topic.author.handle, topic.tags) == ("ada", ["food", "sprint"])
    assert topic.media[0].url == "https://forum.example/uploads/a.png"
    assert topic.url == "https://forum.example/t/sprints-food/7"
    assert parsed.next == "/latest?page=1"


def test_one_bad_post_is_a_reject_and_posts_and_topics_can_be_read_alone():
    """So that a dead letter can be read again."""
    parsed = read({"latest_posts": [{**FIRST, "id": None}, 3, ANSWER]})
    assert [(r.where, r.reason) for r in parsed.rejects] == [
        ("item 1", "its id is not a number"),
        ("item 2", "not a JSON object but int"),
    ]
    assert [e.id for e in parsed.events] == [read(ANSWER).events[0].id]
    assert read(TOPIC).events[0].id == "discourse:forum.example:topic/7"


def test_pictures_people_and_characters_in_a_post_are_told():
    """A picture is media with its caption, an emoji is text, a mention has a name; avatars are nothing."""
    cooked = (
        '<p>Hi <a class="mention" href="/u/bob">@bob</a> <img src="/e.png" title=":+1:" class="emoji" alt=":+1:"></p>'
        '<img src="/uploads/b.png" alt="The hall" width="3"><img src="/uploads/b.png"><img class="avatar" src="/a.png">'
        '<img src="https://[">'
        '<div class="lightbox-wrapper"><img src="/uploads/c.png"><div class="meta"><svg><use href="#i"></use></svg>'
        '<span class="filename">image</span><span class="informations">690×388 41 KB</span></div></div>'
    )
    [event] = read({"latest_posts": [{**FIRST, "cooked": cooked}]}).events
    assert event.text == "Hi @bob :+1:"
    assert [(m.url, m.alt) for m in event.media] == [
        ("https://forum.example/uploads/b.png", "The hall"),
        ("https://forum.example/uploads/c.png", None),
    ]
    assert event.mentions == ["bob"]


def test_a_search_and_webhooks_are_read():
    """A search has a post's words and its topic beside them."""
    found = {
        "id": 50,
        "username": "ada",
        "blurb": "Where?",
        "topic_id": 7,
        "post_number": 1,
        "created_at": "2026-05-15T09:00:00Z",
    }
    payload = {"posts": [found, 3], "topics": [TOPIC], "grouped_search_result": {}}
    [event] = read(payload).events
    assert (event.id, event.title, event.text) == ("discourse:forum.example:50", "Sprints & food", "Where?")
    assert event.url == "https://forum.example/t/sprints-food/7/1"
    assert read({"post": FIRST}).events == read(FIRST).events
    assert read({"topic": TOPIC}).events == read(TOPIC).events


def test_what_is_between_few_is_not_told():
    """Private messages, wherever our key shows them."""
    private = {"archetype": "private_message"}
    assert read({"topic_list": {"topics": [TOPIC | private]}}).counts["not_public"] == 1
    assert read(WHOLE | private).events == []
    assert read({"post": FIRST | {"topic_archetype": "private_message"}}).events == []


def test_who_began_a_topic_is_told_in_any_language():
    """The first of its people, where none is called so in English."""
    payload = TOPIC | {
        "posters": [{"description": "Originalautor", "user_id": 3}, {"description": "x", "user_id": 4}]
    }
    assert read({**LIST, "topic_list": {"topics": [payload]}}).events[0].handle == "ada"


def test_an_error_is_told_as_the_forum_says_it():
    """What it says to people, not that it is no list of posts."""
    with pytest.raises(Malformed, match="invalid response of Discourse: You are not permitted"):
        read({"errors": ["You are not permitted"], "error_type": "invalid_access"})


def test_times_that_cannot_be_are_not_believed():
    """It gets the time of receipt."""
    for stamp, kind in (("2027-01-01T00:00:00Z", "future"), ("yesterday", "observed"), (7, "observed")):
        [event] = read({"latest_posts": [{**FIRST, "created_at": stamp}]}).events
        assert (event.created_at, event.ingest.time_kind) == (NOW, kind)


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b'{"errors": ["no"]}', b"<html>", b'{"a":' * 50_000])
def test_what_is_no_answer_is_malformed(raw):
    """An error page, another document, or nesting without end."""
    with pytest.raises(Malformed, match="invalid response of Discourse"):
        parse(raw, META)


@given(mutated([PAGE, LIST, WHOLE, FIRST, TOPIC]))
@settings(max_examples=150, deadline=None)
def test_whatever_the_shape_only_malformed_comes_out(payload):
    """Keys dropped, types changed, values nested."""
    survives(parse, json.dumps(payload).encode(), META)


@pytest.mark.data
def test_recorded_answers_are_read(data_folder):
    """Events, dead items and dead documents of every recorded answer; topics that share an id are dead items."""
    results = {}
    events = {}
    for file in sorted((data_folder / "payloads" / "discourse").iterdir()):
        name = file.stem.rpartition("__")[2]
        try:
            parsed = parse(file.read_bytes(), META)
        except Malformed:
            results[name] = None
            continue
        results[name] = (len(parsed.events), len(parsed.rejects))
        events[name] = parsed.events
    assert results == {
        "categories": None,
        "latest": (1, 2),
        "new": (3, 0),
        "posts_before": (3, 0),
        "top": (1, 2),
        "topic": (4, 0),
        "discourse_topics": (2, 0),
        "discourse_topics_last_posted_at_null": (2, 0),
    }
    first, notice, question, last = events["topic"]
    assert first.id == "discourse:forum.example:83"
    assert first.title == "THIS SITE IS A SANDBOX -- it is reset every day"
    assert first.created_at == datetime(2013, 2, 4, 20, 26, 26, 278_000, tzinfo=UTC)
    assert first.edited_at == datetime(2013, 4, 30, 18, 33, 37, 273_000, tzinfo=UTC)
    assert first.links == [
        "http://www.discourse.org",
        "http://meta.discourse.org",
        "https://github.com/discourse/discourse",
    ]
    assert (first.author.handle, question.author.handle) == ("samsaffron", "stienman")
    assert (notice.type, last.reply_to) == ("reply", first.id)
    hello = events["posts_before"][0]
    assert (hello.id, hello.text) == ("discourse:forum.example:14", "hi there. hi there. hi there.")
    assert [t.title for t in events["discourse_topics"]] == [
        "IBM PowerVM support?",
        "Specify per-item service catalogue approval type",
    ]
