"""Answers of homeservers, recorded and damaged: messages, edits, redactions and what else happens in rooms."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtanalytics.event import decode, encode
from rtanalytics.sources.base import Malformed, Meta, Parsed
from rtanalytics.sources.matrix.parse import parse

NOW = datetime(2026, 5, 15, 9, tzinfo=UTC)
META = Meta(
    source="matrix:m",
    scope="m",
    connector="matrix@1",
    received_at=NOW + timedelta(hours=1),
    options={"room !r:x.example": "#pycon"},
)


def said(
    native: str, content: dict[str, Any], *, at: int = 0, kind: str = "m.room.message", **more: Any
) -> Any:
    return {
        "type": kind,
        "event_id": native,
        "sender": "@ada:x.example",
        "origin_server_ts": int(NOW.timestamp() * 1000) + at,
        "content": content,
        **more,
    }


def text(body: str, **more: Any) -> dict[str, Any]:
    return {"msgtype": "m.text", "body": body, **more}


def edit(of: str, body: str) -> dict[str, Any]:
    relation = {"rel_type": "m.replace", "event_id": of}
    return text(f"* {body}", **{"m.new_content": text(body), "m.relates_to": relation})


def sync(*events: Any, **timeline: Any) -> dict[str, Any]:
    return {
        "next_batch": "s2",
        "rooms": {"join": {"!r:x.example": {"timeline": {"events": list(events), **timeline}}}},
    }


def read(value: Any) -> Parsed:
    return parse(value if isinstance(value, bytes) else json.dumps(value).encode(), META)


def test_a_message_has_its_room_author_time_and_links():
    """The room by the name that the table gives it; markup is cleaned."""
    rich = text(
        "see https://x.example/a. #PyCon",
        format="org.matrix.custom.html",
        formatted_body='<b onclick="x()">see</b><script>1</script> <a href="https://y.example/">y</a>',
        **{"m.mentions": {"user_ids": ["@grace:x.example"]}},
    )
    [event] = read(sync(said("$1", rich))).events
    assert (event.id, event.type, event.op) == ("matrix::$1", "message", "create")
    assert (event.handle, event.author.id, event.channel) == ("ada:x.example", "@ada:x.example", "#pycon")
    assert event.created_at == NOW
    assert event.links == ["https://x.example/a", "https://y.example/"]
    assert (event.tags, event.mentions) == (["PyCon"], ["grace:x.example"])
    assert event.html.startswith("<b>see</b> <a href=")
    assert event.url == "https://matrix.to/#/%21r%3Ax.example/%241"


def test_an_edit_is_a_revision_of_what_it_replaces():
    """Under the id of the original, at the time of the edit, with the new text; also on one page with it."""
    [event] = read(sync(said("$2", edit("$1", "Keynote"), at=5000))).events
    assert (event.id, event.op, event.text) == ("matrix::$1", "update", "Keynote")
    assert event.edited_at == NOW + timedelta(seconds=5)
    for events in (
        [said("$1", text("Keynot")), said("$2", edit("$1", "Keynote"), at=5000)],
        [said("$2", edit("$1", "Keynote"), at=5000), said("$1", text("Keynot"))],
    ):
        [event] = read(sync(*events)).events
        assert (event.text, event.created_at) == ("Keynote", NOW)


@pytest.mark.parametrize("where", ["top", "content"])
def test_a_redaction_deletes_what_it_redacts(where):
    """In rooms of old and new versions; a message that is delivered redacted is one too."""
    more = {"redacts": "$1"} if where == "top" else {}
    content = {} if more else {"redacts": "$1"}
    [event] = read(sync(said("$9", content, kind="m.room.redaction", at=9000, **more))).events
    assert (event.id, event.op, event.text) == ("matrix::$1", "delete", None)
    assert event.edited_at == NOW + timedelta(seconds=9)
    because = said("$9", {}, kind="m.room.redaction", at=9000, redacts="$1")
    [event] = read(sync(said("$1", {}, unsigned={"redacted_because": because}))).events
    assert (event.id, event.op, event.created_at) == ("matrix::$1", "delete", NOW)


def test_an_answer_points_to_what_it_answers_and_does_not_repeat_it():
    """The quotation is for clients that cannot show answers."""
    content = text(
        "> <@grace:x.example> what?\n> really\n\nyes",
        **{"m.relates_to": {"m.in_reply_to": {"event_id": "$0"}}},
    )
    content |= {"format": "org.matrix.custom.html", "formatted_body": "<mx-reply>what?</mx-reply>yes"}
    [event] = read(sync(said("$1", content))).events
    assert (event.type, event.text, event.html, event.reply_to) == ("reply", "yes", "yes", "matrix::$0")


def test_a_thread_is_one():
    """Its fallback answer is none."""
    relation = {
        "rel_type": "m.thread",
        "event_id": "$t",
        "is_falling_back": True,
        "m.in_reply_to": {"event_id": "$0"},
    }
    [event] = read(sync(said("$1", text("hi", **{"m.relates_to": relation})))).events
    assert (event.thread, event.reply_to) == ("matrix::$t", None)


def test_what_else_happens_in_a_room_has_its_type():
    """Emotes, notices, reactions, topics, joins and parts; a change of name is none of them."""
    member = "m.room.member"
    parsed = read(
        sync(
            said("$1", {"msgtype": "m.emote", "body": "dances"}),
            said("$2", {"msgtype": "m.notice", "body": "built"}),
            said(
                "$3",
                {"m.relates_to": {"rel_type": "m.annotation", "event_id": "$1", "key": "👍"}},
                kind="m.reaction",
            ),
            said("$4", {"topic": "Talks"}, kind="m.room.topic", state_key=""),
            said("$5", {"membership": "join", "displayname": "Ada"}, kind=member, state_key="@ada:x.example"),
            said("$6", {"membership": "leave"}, kind=member, state_key="@bob:x.example"),
            said(
                "$7",
                {"membership": "join"},
                kind=member,
                state_key="@a:x",
                unsigned={"prev_content": {"membership": "join"}},
            ),
            said("$8", {"ciphertext": "…"}, kind="m.room.encrypted"),
            said("$9", {}, kind="m.room.power_levels", state_key=""),
            said("$10", {"msgtype": "m.hologram", "body": "help me"}),
            said("$11", {"body": "a question"}, kind="m.poll"),
        )
    )
    told = [(e.type, e.handle.partition(":")[0], e.text) for e in parsed.events]
    assert told == [
        ("action", "ada", "dances"),
        ("message", "ada", "built"),
        ("reaction", "ada", "👍"),
        ("topic", "ada", "Talks"),
        ("join", "ada", None),
        ("part", "bob", None),
        ("x:m.hologram", "ada", "help me"),
        ("x:m.poll", "ada", "a question"),
    ]
    assert parsed.events[1].author.bot
    counts = {"encrypted": 1, "state": 2, "unknown_msgtype_m.hologram": 1, "unknown_event_m.poll": 1}
    assert parsed.counts == counts


@pytest.mark.parametrize(
    "page",
    [
        {"chunk": [said("$1", text("x"), room_id="!r:x.example")]},
        {"pos": "5", "rooms": {"!r:x.example": {"name": "r", "timeline": [said("$1", text("x"))]}}},
        {"events": [said("$1", text("x"), room_id="!r:x.example")]},
        {"room_name": "PyCon", "messages": [said("$1", text("x"), room_id="!r:x.example")]},
        {"room_id": "!r:x.example", "messages": {"chunk": [said("$1", text("x"))]}, "state": []},
        {"notifications": [{"room_id": "!r:x.example", "event": said("$1", text("x"))}]},
        {
            "search_categories": {
                "room_events": {
                    "results": [{"rank": 1, "result": said("$1", text("x"), room_id="!r:x.example")}]
                }
            }
        },
    ],
)
def test_a_message_is_the_same_by_whichever_way_it_is_asked_for(page):
    """Pages, sliding syncs, what application services get, exports of a client, searches."""
    parsed = read(page)
    [event] = parsed.events
    assert (event.id, event.text, event.channel, parsed.rejects) == ("matrix::$1", "x", "#pycon", [])


@pytest.mark.parametrize("kind", ["m.poll.start", "org.matrix.msc3381.poll.start"])
def test_a_poll_asks_and_has_its_answers(kind):
    """As they are written now and as they were while they were tried out."""
    now = kind == "m.poll.start"

    def part(said):
        return {"m.text": [{"body": f"<b>{said}</b>", "mimetype": "text/html"}, {"body": said}]} if now else (
            {"org.matrix.msc1767.text": said}
        )  # fmt: skip

    poll = {
        "question": part("Which #talk?"),
        "answers": [{"id": "1", **part("One")}, {"id": "2", **part("Two")}],
    }
    [event] = read(said("$1", {kind: poll}, kind=kind)).events
    assert (event.type, event.text, event.tags) == ("message", "Which #talk?\nOne\nTwo", ["talk"])
    assert read(said("$2", {kind: {}}, kind=kind)).counts == {f"unknown_event_{kind}": 1}


def test_the_latest_edit_inside_a_message_is_delivered():
    """Homeservers bundle it; one that only names it tells the first."""
    latest = said("$2", edit("$1", "Keynote"), at=5000)
    for bundle in (latest, {"event_id": "$2", "sender": "@ada:x.example", "origin_server_ts": 1}):
        page = sync(said("$1", text("Keynot"), unsigned={"m.relations": {"m.replace": bundle}}))
        [event] = read(page).events
        assert event.id == "matrix::$1"
        assert (event.text, event.channel) == ("Keynote" if bundle is latest else "Keynot", "#pycon")


def test_what_another_writes_over_a_message_is_no_edit():
    """On one page with it in either order, or inside of it."""
    forged = said("$2", edit("$1", "I was wrong"), at=5000, sender="@eve:x.example")
    original = said("$1", text("I was right"))
    bundled = {**original, "unsigned": {"m.relations": {"m.replace": forged}}}
    for page in ([original, forged], [forged, original], [bundled]):
        parsed = read(sync(*page))
        assert [e.text for e in parsed.events] == ["I was right"]
        assert parsed.counts == {"edits_by_others": 1}


def test_an_edit_by_a_client_that_only_knows_the_star_is_read_without_it():
    """The star stands for those who cannot show edits."""
    relation = {"rel_type": "m.replace", "event_id": "$1"}
    [event] = read(said("$2", text("* Keynote", **{"m.relates_to": relation}))).events
    assert (event.id, event.text) == ("matrix::$1", "Keynote")


def test_somebody_elses_words_at_the_beginning_of_an_answer_are_kept():
    """Only the quotation that clients make is left out."""
    content = text("> be bold\nI am", **{"m.relates_to": {"m.in_reply_to": {"event_id": "$0"}}})
    [event] = read(said("$1", content)).events
    assert event.text == "> be bold\nI am"


def test_a_link_to_a_person_is_a_mention():
    """As clients wrote it before there was a list of mentions."""
    content = text("ada: look", format="org.matrix.custom.html")
    content["formatted_body"] = (
        '<a href="https://matrix.to/#/@ada:x.example">ada</a> <a href="https://y.example">y</a>'
    )
    [event] = read(said("$1", content)).events
    assert (event.mentions, event.links) == (["ada:x.example"], ["https://y.example"])


def test_a_message_without_content_is_one_that_was_deleted():
    """Some homeservers do not say by which redaction."""
    [event] = read(said("$1", {}, unsigned={"age": 5})).events
    assert (event.id, event.op, event.text) == ("matrix::$1", "delete", None)


def test_next_holds_the_sync_token_and_the_limited_rooms():
    """As JSON in next; and the end of a page of messages."""
    parsed = read(sync(said("$1", text("x")), limited=True, prev_batch="p1"))
    assert json.loads(parsed.next) == {"since": "s2", "limited": {"!r:x.example": "p1"}}
    assert json.loads(read({"chunk": [], "end": "e1"}).next) == {"end": "e1"}


def test_an_event_that_cannot_be_read_is_a_dead_letter_that_can_be_read_again():
    """With the room in it; the others are told."""
    parsed = read(sync(said("$1", {"msgtype": "m.text"}), said("$2", text("x"))))
    [letter] = parsed.rejects
    assert letter.reason == "a message without a body"
    assert [e.id for e in parsed.events] == ["matrix::$2"]
    mended = json.loads(letter.raw)
    mended["content"]["body"] = "y"
    [event] = read(mended).events
    assert (event.id, event.channel) == ("matrix::$1", "#pycon")


@pytest.mark.parametrize("raw", [b"", b"<html>", b"[" * 100_000])
def test_a_response_that_is_not_json_is_malformed(raw):
    """One dead letter for the whole."""
    with pytest.raises(Malformed, match="invalid response of a homeserver"):
        read(raw)


PARSED = {
    "context.json": (2, 0),
    "events__member.json": (1, 0),
    "events__message_emote.json": (1, 0),
    "events__message_notice.json": (1, 0),
    "events__message_text.json": (1, 0),
    "events__reaction.json": (1, 0),
    "events__redacted.json": (1, 0),
    "events__sticker.json": (1, 0),
    "events__topic.json": (1, 0),
    "limit_exceeded_error.json": (0, 1),
    "sync.json": (1, 0),
}
"""Events and dead letters of what others recorded."""


@pytest.mark.data
def test_recorded_answers_are_read_as_a_person_reads_them(data_folder: Path):
    """Every file; ids, times, authors and texts looked up by eye."""
    read_all = {}
    for file in sorted((data_folder / "payloads" / "matrix").iterdir()):
        parsed = read_all[file.name.partition("tests__data__")[2]] = read(file.read_bytes())
        assert all(decode(encode(e)).id == e.id for e in parsed.events)
    assert {n: (len(p.events), len(p.rejects)) for n, p in read_all.items()} == PARSED
    [baba] = read_all["sync.json"].events
    assert (baba.id, baba.text, baba.html) == (
        "matrix::$152037280074GZeOm:localhost",
        "baba",
        "<strong>baba</strong>",
    )
    assert f"{baba.created_at:%F %T}" == "2018-03-06 21:46:40"
    [bot] = read_all["events__message_notice.json"].events
    assert (bot.author.bot, bot.links[0]) == (
        True,
        "https://github.com/matrix-org/matrix-python-sdk/issues/266",
    )
    [gone] = read_all["events__redacted.json"].events
    assert (gone.op, gone.id) == ("delete", "matrix::$15275046980maRLj:localhost")
    assert read_all["limit_exceeded_error.json"].rejects[0].reason == (
        "error from the homeserver: M_LIMIT_EXCEEDED: Too many requests"
    )


WHOLE = sync(
    said("$1", text("x", **{"m.relates_to": {"m.in_reply_to": {"event_id": "$0"}}}), unsigned={"age": 3}),
    said("$2", edit("$1", "y")),
    said("$3", {"redacts": "$1"}, kind="m.room.redaction"),
    said("$4", {"membership": "join"}, kind="m.room.member", state_key="@a:x"),
    said(
        "$5",
        {"m.poll": {"question": {"m.text": "x"}, "answers": [{"m.text": [{"body": "y"}]}]}},
        kind="m.poll",
    ),
    said("$6", text("x"), unsigned={"m.relations": {"m.replace": said("$7", edit("$6", "y"))}}),
    limited=True,
    prev_batch="p",
)

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
@given(damaged(WHOLE))
def test_any_damage_to_a_sync_is_read_or_refused(page):
    """Events that a stream takes, or dead letters; nothing is raised."""
    parsed = read(page)
    assert all(decode(encode(e)).id == e.id for e in parsed.events)
    assert all(letter.reason.isprintable() for letter in parsed.rejects)
