"""Answers of X as recorded and as damaged: tweets as events, under the ids that imported files have."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtanalytics.event import Event, decode, encode
from rtanalytics.importers import Options
from rtanalytics.importers.twitter import TWEETS
from rtanalytics.sources.base import Malformed, Meta, Parsed
from rtanalytics.sources.twitter.parse import native_id, parse

META = Meta(source="twitter", scope="x-pycon", connector="x@1", received_at=datetime(2026, 11, 1, tzinfo=UTC))

PAGE: dict[str, Any] = {
    "data": [
        {
            "id": "2054000000000000002",
            "edit_history_tweet_ids": ["2054000000000000001", "2054000000000000002"],
            "author_id": "7",
            "created_at": "2026-05-12T01:00:00.000Z",
            "text": "Keynote &amp; coffee #PyCon https://t.co/a",
            "lang": "en",
            "conversation_id": "2054000000000000001",
            "entities": {
                "hashtags": [{"tag": "PyCon"}],
                "urls": [{"url": "https://t.co/a", "expanded_url": "https://us.pycon.org/"}],
                "mentions": [{"username": "ada"}],
            },
            "attachments": {"media_keys": ["3_1"]},
        },
        {
            "id": "2054000000000000003",
            "author_id": "8",
            "created_at": "2026-05-12T01:00:01.000Z",
            "text": "RT @grace: a long thing that …",
            "referenced_tweets": [{"type": "retweeted", "id": "2053000000000000000"}],
            "conversation_id": "2054000000000000003",
        },
    ],
    "includes": {
        "users": [{"id": "7", "username": "ada", "name": "Ada"}, {"id": "9", "username": "grace"}],
        "tweets": [{"id": "2053000000000000000", "author_id": "9", "text": "a long thing that has an end"}],
        "media": [{"media_key": "3_1", "type": "photo", "url": "https://pbs.twimg.com/a.jpg", "width": 10}],
    },
    "meta": {"result_count": 2, "newest_id": "2054000000000000003", "next_token": "b26v"},
}


def read(value: Any) -> Parsed:
    return parse(value if isinstance(value, bytes) else json.dumps(value).encode(), META)


def test_a_page_becomes_events_with_what_it_includes():
    """Ids, times, authors, texts, links, media; the token of the next page; what is to be paid."""
    parsed = read(PAGE)
    edited, repost = parsed.events
    assert edited.id == "twitter::2054000000000000001"
    assert native_id(edited) == "2054000000000000002"
    assert edited.edited_at == datetime(2026, 5, 12, 1, tzinfo=UTC)
    assert edited.created_at < edited.edited_at
    assert (edited.text, edited.handle) == ("Keynote & coffee #PyCon https://t.co/a", "ada")
    assert (edited.tags, edited.links, edited.mentions) == (["PyCon"], ["https://us.pycon.org/"], ["ada"])
    assert [m.url for m in edited.media] == ["https://pbs.twimg.com/a.jpg"]
    assert (repost.type, repost.repost_of) == ("repost", "twitter::2053000000000000000")
    assert (repost.text, repost.handle) == ("RT @grace: a long thing that has an end", "8")
    assert parsed.next == "b26v"
    assert (parsed.counts["posts"], parsed.counts["users"]) == (3, 2)


POLL = {
    "id": "5",
    "options": [{"position": 1, "label": "Tea & cake", "votes": 3}, {"position": 2, "label": "☕"}],
}


@pytest.mark.parametrize("flat", [False, True])
def test_a_poll_has_its_choices_and_a_retweet_the_pictures_of_the_original(flat, tmp_path: Path):
    """From what the page includes, or from inside a flattened tweet; as the importer has it, and from raw again."""
    tweet = {**PAGE["data"][0], "attachments": {"poll": POLL} if flat else {"poll_ids": ["5"]}}
    original = {**PAGE["includes"]["tweets"][0], "attachments": {"media_keys": ["3_1"]}}
    page = {
        "data": [tweet, PAGE["data"][1]],
        "includes": {**PAGE["includes"], "polls": [POLL], "tweets": [original]},
    }
    asked, repost = read(page).events
    assert asked.text == "Keynote & coffee #PyCon https://t.co/a\nTea & cake\n☕"
    assert [m.url for m in repost.media] == ["https://pbs.twimg.com/a.jpg"]
    (tmp_path / "page.jsonl").write_text(json.dumps(page))
    for event, imported in zip((asked, repost), TWEETS.read(tmp_path / "page.jsonl", Options()), strict=True):
        assert isinstance(imported, Event)
        assert (imported.text, imported.media) == (event.text, event.media)
        [again] = read(event.raw).events
        assert (again.text, again.media) == (event.text, event.media)


def test_a_user_is_said_to_be_one():
    """For people who read the dead letters."""
    [reject] = read({"data": [{"id": "7", "username": "ada", "name": "Ada"}]}).rejects
    assert reject.reason == "a user, not a tweet"


def test_a_tweet_that_cannot_be_read_is_a_dead_letter_that_can_be_read_again():
    """With what the page includes of it: mended, it is the same event as on its page."""
    page = json.loads(json.dumps(PAGE))
    del page["data"][1]["text"]
    [letter] = read(page).rejects
    assert (letter.where, letter.reason) == ("item 2", "not a tweet: it has no text")
    mended = json.loads(letter.raw)
    mended["data"]["text"] = "RT @grace: a long thing that …"
    assert read(mended).events[0].text == "RT @grace: a long thing that has an end"


def test_of_two_versions_on_a_page_the_later_is_told():
    """The newest stands first in a search."""
    page = json.loads(json.dumps(PAGE))
    first = {**page["data"][0], "id": "2054000000000000001", "text": "Keynot", "created_at": None}
    page["data"].append(first)
    parsed = read(page)
    assert [e.text for e in parsed.events if e.id.endswith("01")] == [
        "Keynote & coffee #PyCon https://t.co/a"
    ]
    assert parsed.counts["repeated"] == 1


def test_a_deletion_is_told_by_compliance_lines_and_frames():
    """Of a job and of the compliance stream."""
    line = {
        "id": "1170147183095664640",
        "action": "delete",
        "created_at": "2019-09-07T01:30:03.390Z",
        "redacted_at": "2021-08-17T17:26:15.788Z",
    }
    frame = {
        "data": {
            "delete": {
                "tweet": {"id": "1170147183095664640", "author_id": "1"},
                "event_at": "2021-08-17T17:26:15.788Z",
            }
        }
    }
    for told in (line, frame):
        [event] = read(told).events
        assert (event.id, event.op, event.text) == ("twitter::1170147183095664640", "delete", None)
        assert f"{event.created_at:%F} {event.edited_at:%F}" == "2019-09-07 2021-08-17"


def test_lines_of_a_stream_are_read_one_by_one():
    """A keep-alive is nothing, a broken one is a dead letter, the others are events."""
    line = json.dumps({"data": PAGE["data"][0], "includes": PAGE["includes"]}).encode()
    parsed = read(
        line + b"\r\n\r\n{broken\r\n" + line.replace(b"2054000000000000001", b"2054000000000000009")
    )
    assert len(parsed.events) == 2
    assert [r.raw for r in parsed.rejects] == [b"{broken"]


def test_an_error_of_the_api_is_a_dead_letter_with_what_it_says():
    """In place of tweets; errors beside tweets are counted."""
    error = {"title": "Invalid Request", "detail": "bad\x1b[31m query"}
    [letter] = read({"errors": [error]}).rejects
    assert letter.reason == "an error of the API, not a tweet: bad [31m query"
    assert read({**PAGE, "errors": [error]}).counts["partial_errors"] == 1
    assert read({"meta": {"result_count": 0}}) == Parsed()


def test_what_was_not_known_is_counted_under_printable_names():
    """Kinds of includes and references that did not exist when this was written."""
    page = json.loads(json.dumps(PAGE))
    page["includes"]["holo\ngrams"] = []
    page["data"][0]["referenced_tweets"] = [{"type": "echoed", "id": "5"}]
    counts = read(page).counts
    assert (counts["unknown_include_holo_grams"], counts["unknown_reference_echoed"]) == (1, 1)


def test_mail_addresses_are_not_kept_in_raw():
    """The text says what was said; the archive's raw has them replaced."""
    page = {"data": {**PAGE["data"][0], "text": "write ada@pycon.example"}}
    [event] = read(page).events
    assert event.text == "write ada@pycon.example"
    assert b"ada@pycon" not in event.raw
    assert b"write ***" in event.raw


def test_a_time_from_the_future_is_not_believed():
    """It counts as said when it was received."""
    [event] = read({"data": {"id": "5", "text": "x", "created_at": "2031-01-01T00:00:00Z"}}).events
    assert (event.created_at, event.ingest.time_kind) == (META.received_at, "future")


@pytest.mark.parametrize("raw", [b"", b"<html>", b"\xff\xfe", b'{"data": [', b"[" * 100_000])
def test_what_is_no_json_is_said_to_be_none(raw):
    """One dead letter for the whole."""
    with pytest.raises(Malformed, match="invalid response of X"):
        read(raw)


PARSED = {
    "cashtags.jsonl": (1, 0),
    "counts.jsonl": (0, 1),
    "edited_after.jsonl": (1, 0),
    "edited_before.jsonl": (1, 0),
    "flat.jsonl": (100, 0),
    "geo_tweets.jsonl": (2, 0),
    "many_urls.jsonl": (1, 0),
    "media_tweet.jsonl": (1, 0),
    "streaming_output_with_error.jsonl": (7, 1),
    "tweets_compliance.jsonl": (2, 0),
    "two_tweets.jsonl": (1, 0),
    "users_compliance.jsonl": (0, 2),
    "verified_type.jsonl": (1, 0),
    "payload-v2-singletweet.json": (1, 0),
    "payload-v2-video.json": (1, 0),
    "payload-v2.json": (10, 0),
}
"""Events and dead letters of what others recorded."""


@pytest.mark.data
def test_recorded_answers_are_what_the_importer_makes_of_them(data_folder: Path):
    """Every field that is not about the way it came, so that what was collected and imported is one."""
    for file in sorted((data_folder / "payloads" / "twitter_v2").iterdir()):
        if file.suffix == ".yaml":
            with pytest.raises(Malformed):
                read(file.read_bytes())
            continue
        parsed = read(file.read_bytes())
        assert (len(parsed.events), len(parsed.rejects)) == PARSED[file.name.rpartition("__")[2]], file.name
        assert all(decode(encode(e)) == msgspec.structs.replace(e, raw=None) for e in parsed.events)
        imported = {e.id: e for e in TWEETS.read(file, Options()) if isinstance(e, Event)}
        assert set(imported) == {e.id for e in parsed.events}
        for event in parsed.events:
            same = msgspec.structs.replace(imported[event.id], received_at=event.received_at)
            same = msgspec.structs.replace(same, ingest=event.ingest, raw=event.raw)
            assert event == same


@pytest.mark.data
def test_answers_of_the_old_api_are_dead_letters_with_a_reason(data_folder: Path):
    """They are read as files; here they say what they are."""
    reasons = Counter(
        letter.reason
        for file in sorted((data_folder / "payloads" / "twitter_v1").iterdir())
        for letter in read(file.read_bytes()).rejects
    )
    assert reasons == {
        "a tweet of API v1.1, which the API no longer gives; import it as a file": 14,
        "not a tweet: it has no text": 4,
    }


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
    damaged(PAGE | {"includes": {**PAGE["includes"], "polls": [POLL]}})
    | damaged({"data": {**PAGE["data"][0], "attachments": {"poll": POLL, "poll_ids": ["5"]}}})
)
def test_any_damage_to_a_page_is_read_or_refused(page):
    """Events that a stream takes, or dead letters; nothing is raised."""
    parsed = read(page)
    assert all(decode(encode(e)).id == e.id for e in parsed.events)
    assert all(letter.reason.isprintable() for letter in parsed.rejects)


@pytest.mark.parametrize(
    ("text", "tags", "mentions", "links"),
    [
        ("Hello @ada, see #PyCon &amp; #Python3", ["PyCon", "Python3"], ["ada"], []),
        ("mail me@x.example about #1 https://t.co/a", [], [], ["https://t.co/a"]),
        ("RT @grace: .@Ada_L and (@bob) #äöü", ["äöü"], ["grace", "Ada_L", "bob"], []),
    ],
)
def test_posts_without_entities_have_those_of_their_text(text, tags, mentions, links):
    """The API gives entities only if they are asked for; where they are given, they count."""
    tweet = {"id": "2054000000000000002", "created_at": "2026-05-12T01:00:00.000Z", "text": text}
    [event] = read({"data": [tweet]}).events
    assert (event.tags, event.mentions, event.links) == (tags, mentions, links)
    [event] = read({"data": [tweet | {"entities": {}}]}).events
    assert (event.tags, event.mentions, event.links) == ([], [], [])
