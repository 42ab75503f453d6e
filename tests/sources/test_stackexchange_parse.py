"""Stack Exchange, read: questions, and the answers and comments that come with them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings

from rtanalytics.sources.base import Malformed
from rtanalytics.sources.stackexchange import Spec
from rtanalytics.sources.stackexchange.parse import parse
from tests.sources.mutations import mutated, survives

NOW = datetime(2026, 5, 15, 12, tzinfo=UTC)
META = Spec(name="so", site="stackoverflow", tags=["python"]).meta(NOW)
ASKED = 1778835600  # 2026-05-15 09:00 UTC

OWNER = {"user_id": 9, "display_name": "Ada &amp; Co", "link": "https://stackoverflow.com/users/9/ada"}
QUESTION = {
    "question_id": 100, "title": "Why is <code>a &lt; b</code> &quot;slow&quot;?", "tags": ["python", "c++"],
    "body": '<p>I have <a href="https://docs.example/x">this</a>:</p><pre><code>a &lt; b</code></pre>',
    "owner": OWNER, "creation_date": ASKED, "last_activity_date": ASKED + 60, "last_edit_date": ASKED + 60,
    "link": "https://stackoverflow.com/questions/100/why", "score": 1, "answer_count": 1,
    "answers": [{
        "answer_id": 101, "question_id": 100, "owner": {"display_name": "bob", "user_type": "does_not_exist"},
        "body": "<p>Because.</p>", "creation_date": ASKED + 50,
        "comments": [{"comment_id": 7, "post_id": 101, "body": "ok", "creation_date": ASKED + 55}],
    }],
    "comments": [{"comment_id": 8, "post_id": 100, "body_markdown": "a &lt; b?", "creation_date": ASKED + 9}],
}  # fmt: skip
PAGE = {"items": [QUESTION], "has_more": True, "quota_max": 300, "quota_remaining": 299}


def read(payload):
    return parse(json.dumps(payload).encode(), META)


def test_a_question_with_all_that_is_with_it():
    """Question, comments and answer, field by field; escaped titles and names are plain."""
    question, on_question, answer, on_answer = read(PAGE).events
    assert (question.id, question.type) == ("stackexchange:stackoverflow:100", "question")
    assert question.source == "stackexchange:stackoverflow"
    assert question.title == 'Why is a < b "slow"?'
    assert question.text == "I have this:\na < b"
    assert question.created_at == datetime(2026, 5, 15, 9, tzinfo=UTC)
    assert question.edited_at == datetime(2026, 5, 15, 9, 1, tzinfo=UTC)
    assert (question.author.handle, question.author.id) == ("Ada & Co", "9")
    assert (question.tags, question.links) == (["python", "c++"], ["https://docs.example/x"])
    assert question.url == "https://stackoverflow.com/questions/100/why"
    assert (answer.id, answer.type, answer.text) == ("stackexchange:stackoverflow:101", "answer", "Because.")
    assert answer.reply_to == answer.thread == question.id
    assert (answer.author.handle, answer.author.id) == ("bob", None)
    assert (on_question.id, on_question.text) == ("stackexchange:stackoverflow:comment/8", "a < b?")
    assert (on_question.reply_to, on_answer.reply_to) == (question.id, answer.id)
    assert on_answer.type == "comment"


def test_what_the_body_demands_is_told():
    """More pages, a backoff of at most a day, and an hour once the quota is used up."""
    assert read(PAGE).next == "more"
    assert read({**PAGE, "has_more": False}).next is None
    assert read(PAGE).wait is None
    assert read({**PAGE, "backoff": 10}).wait == timedelta(seconds=10)
    assert read({**PAGE, "backoff": 10**9}).wait == timedelta(days=1)
    assert read({**PAGE, "backoff": "soon"}).wait is None
    assert read({**PAGE, "quota_remaining": 0, "backoff": 10}).wait == timedelta(hours=1)


def test_an_edit_is_another_revision_and_votes_are_none():
    """What a reader sees of the text counts, not the score."""
    [first, *_], [voted, *_] = read(PAGE).events, read({**PAGE, "items": [{**QUESTION, "score": 9}]}).events
    [edited, *_] = read({**PAGE, "items": [{**QUESTION, "title": "Why?"}]}).events
    assert first.rev == voted.rev != edited.rev


def test_one_bad_item_is_a_reject_and_can_be_read_again_alone():
    """Without its number, or with none of the kinds; the dead letter holds what was delivered."""
    parsed = read({"items": [{**QUESTION, "question_id": "x"}, {"tag": 1}, None, QUESTION]})
    assert [r.where for r in parsed.rejects][:3] == ["item 1", "item 2", "item 3"]
    assert parsed.rejects[0].reason == "its question_id is not a number, so it has no id"
    assert [e.id.rpartition(":")[2] for e in parsed.events] == ["comment/8", "101", "comment/7", "100"]
    alone = parse(json.dumps(QUESTION).encode(), META)
    assert alone.events[0].id == "stackexchange:stackoverflow:100"


def test_posts_are_questions_and_answers_and_an_answer_alone_needs_no_text():
    """As other methods and filters tell them; what came with a question and has no text is left out."""
    post = {"post_id": 5, "post_type": "answer", "creation_date": ASKED, "body": "<p>So.</p>"}
    bare = {"answer_id": 101, "question_id": 100, "creation_date": ASKED}
    note = {"comment_id": 9, "post_id": 100, "post_type": "question", "creation_date": ASKED, "body": "hm"}
    payload = [post, bare, note, {**QUESTION, "answers": [{**bare, "answer_id": 102}], "comments": []}]
    parsed = read({"items": payload})
    assert [(e.id.rpartition(":")[2], e.type, e.text) for e in parsed.events[:3]] == [
        ("5", "answer", "So."), ("101", "answer", None), ("comment/9", "comment", "hm")
    ]  # fmt: skip
    assert parsed.events[2].thread == "stackexchange:stackoverflow:100"
    assert (len(parsed.events), parsed.counts["without_text"]) == (4, 1)


def test_what_is_told_about_a_question_is_none():
    """Timelines and revisions have its number too."""
    payload = [
        {"timeline_type": "vote", "question_id": 1},
        {"revision_guid": "x", "post_id": 1, "post_type": "question"},
    ]
    assert (len(read({"items": payload}).rejects), read({"items": payload}).events) == (2, [])


def test_an_error_is_told_as_the_service_says_it():
    """A page of the wrapper without items."""
    with pytest.raises(Malformed, match="an error of Stack Exchange: too many requests"):
        read({"error_id": 502, "error_name": "throttle_violation", "error_message": "too many requests"})


def test_times_that_cannot_be_are_not_believed():
    """It counts as asked when it was received."""
    for stamp, kind in ((ASKED + 10**7, "future"), (None, "observed"), (-5, "observed")):
        [event] = read({"items": [{"question_id": 5, "title": "t", "creation_date": stamp}]}).events
        assert (event.created_at, event.ingest.time_kind) == (NOW, kind)


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b'{"items": 3}', b"<html>", b'{"a":' * 50_000])
def test_what_is_no_answer_is_malformed(raw):
    """An error page, another document, or nesting without end."""
    with pytest.raises(Malformed, match="invalid response of Stack Exchange"):
        parse(raw, META)


@given(mutated([PAGE, QUESTION, QUESTION["answers"][0]]))
@settings(max_examples=150, deadline=None)
def test_whatever_the_shape_only_malformed_comes_out(payload):
    """Keys dropped, types changed, values nested."""
    survives(parse, json.dumps(payload).encode(), META)


@pytest.mark.data
def test_recorded_answers_are_read(data_folder):
    """Two pages of questions; their answers and comments have no text and are counted, none is dead."""
    files = sorted((data_folder / "payloads" / "stackexchange").iterdir())
    parsed = [parse(f.read_bytes(), META) for f in files]
    assert [(len(p.events), len(p.rejects), p.counts["without_text"], p.next) for p in parsed] == [
        (1, 0, 2, None),
        (1, 0, 4, "more"),  # one question twice
    ]
    assert parsed[1].counts["repeated"] == 1
    [question] = parsed[0].events
    assert question.id == "stackexchange:stackoverflow:1"
    assert question.created_at == datetime(2016, 4, 6, 2, 1, 16, tzinfo=UTC)
    assert (question.author.handle, question.author.id) == ("zhquan_example_3", "3")
    assert question.author.url == "http://stackoverflow.com/users/3/zhquan_example_3"
    assert (question.tags, question.url) == (["python", "pandas"], None)
