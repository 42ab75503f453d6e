"""The chat view without a browser: what is typed becomes packets, once, and what came before is there."""

from __future__ import annotations

from datetime import timedelta

import pytest

from rtanalytics.event import Author
from rtanalytics.feed import Delivery
from rtanalytics.streams import StreamUnavailable
from rtanalytics.streams.memory import MemoryStream
from rtanalytics.widgets import ChatView, chat_sending
from rtanalytics.widgets.chat import ChatPart
from rtanalytics.widgets.chat_sending import packets
from tests.build import event
from tests.processes import until


class Stream(MemoryStream):
    """A memory stream whose server can be unavailable for some calls, before or after it did its work."""

    away = ()

    def __init__(self, name):
        super().__init__(name)
        self.outbox = OutboxAtFault(self, self.outbox)


class OutboxAtFault:
    def __init__(self, stream, outbox):
        self._stream, self._outbox = stream, outbox
        self.take, self.boxes = outbox.take, outbox._boxes

    def send(self, *args):
        stream = self._stream
        fault, stream.away = (stream.away[0], stream.away[1:]) if stream.away else (None, ())
        if fault == "before":
            raise StreamUnavailable("away")
        place = self._outbox.send(*args)
        if fault == "after":
            raise StreamUnavailable("away")
        return place


@pytest.fixture
def stream(prefix):
    made = Stream(prefix)
    made.health.report("source:room", {"bucket": "irc", "scope": "room", "state": "ok", "nick": "bob_"})
    return made


@pytest.fixture
def part(stream):
    made = ChatPart("bob", "irc", 100, stream)
    yield made
    made.close()


def waiting(stream):
    return [out.packet for out in stream.outbox.take(stream.open_scope("irc", "room"))]


def in_box(stream):
    box = stream.outbox.boxes.get("irc")
    return len(box.waiting) if box else 0


def write(part, text, key="k1", room="#a"):
    part.command({"kind": "write", "key": key, "room": room, "text": text})


def states(part, room="#a"):
    return [(line["text"], line["state"]) for line in part.state.lines(room)]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("hello", [("message", "#a", "hello")]),
        (" one \n\n two ", [("message", "#a", "one"), ("message", "#a", "two")]),
        ("//shrug", [("message", "#a", "/shrug")]),
        ("/me waves  twice", [("action", "#a", "waves twice")]),
        ("/join pycon", [("join", "#pycon", "")]),
        ("/join &local key", [("join", "&local", "key")]),
        ("/part", [("part", "#a", "")]),
        ("/part lunch time", [("part", "#a", "lunch time")]),
        ("/part #b lunch", [("part", "#b", "lunch")]),
        ("/topic Keynote at nine", [("topic", "#a", "Keynote at nine")]),
        ("/NICK ada", [("nick", "", "ada")]),
        ("/msg ada psst", [("message", "ada", "psst")]),
        ("  ", []),
    ],
)
def test_what_is_typed_becomes_packets(typed, expected):
    """Lines, several lines and each command."""
    assert [(p["type"], p["to"], p["body"]) for p in packets(typed, "#a")] == expected


@pytest.mark.parametrize("typed", ["/me", "/join", "/topic", "/quit", "/msg ada", "/", "a\n" * 30])
def test_what_cannot_be_meant_is_explained(typed):
    """Nothing is sent; the message says what would do."""
    with pytest.raises(ValueError, match="commands|at most"):
        packets(typed, "#a")


def test_a_line_is_handed_in_once_however_often_it_is_said(stream, part):
    """The front end says it again with its key, the server is away before and after: one packet."""
    stream.away = ("before", "after", "after")
    for _ in range(3):
        write(part, "hello")
    until(lambda: not stream.away, "it is tried again")
    until(lambda: in_box(stream) == 1, "it is handed in")
    write(part, "next", "k2")
    until(lambda: in_box(stream) == 2, "the next one too")
    assert [p["body"] for p in waiting(stream)] == ["hello", "next"]
    assert states(part) == [("hello", "pending"), ("next", "pending")]


def test_several_lines_are_each_a_packet_and_each_pending(stream, part):
    """In order, under keys of their own."""
    write(part, "one\ntwo")
    until(lambda: in_box(stream) == 2, "both are handed in")
    assert [p["body"] for p in waiting(stream)] == ["one", "two"]
    assert states(part) == [("one", "pending"), ("two", "pending")]


def test_what_cannot_be_handed_in_fails_with_the_reason(stream, part, monkeypatch):
    """A wrong command at once; a server that stays away after its time; two sources to choose from."""
    monkeypatch.setattr(chat_sending, "_TRIED_FOR", 0.1)
    write(part, "/nonsense", "k1")
    assert states(part) == [("/nonsense", "failed")]
    stream.away = ("before",) * 50
    write(part, "hello", "k2")
    until(lambda: states(part)[-1] == ("hello", "failed"), "it is given up")
    stream.away = ()
    stream.health.report("source:other", {"bucket": "irc", "scope": "other", "state": "ok"})
    second = ChatPart("bob", "irc", 100, stream)
    try:
        write(second, "which?", "k3")
        until(lambda: states(second) == [("which?", "failed")], "it is refused")
        assert "give scope=" in second.state.lines("#a")[0]["why"]
    finally:
        second.close()


def test_the_source_tells_our_nick(part):
    """The server gave us another one."""
    until(lambda: part.state.me == "bob_", "it is learnt")


def test_an_older_word_of_the_source_takes_no_new_nick_back(stream, part):
    """The news of a change is here before the health, which is told every few seconds, knows of it."""
    until(lambda: part.state.me == "bob_", "it is learnt")
    change = event(1, id="irc:x/:1", source="irc", type="nick", author=Author(handle="bob_"), to="ada")
    part.take(Delivery(1, change))
    assert part.state.me == "ada"
    told = {"bucket": "irc", "scope": "room", "state": "ok", "nick": "bob_"}
    part._learn({**told, "at": (change.received_at - timedelta(seconds=2)).isoformat()})
    assert part.state.me == "ada"
    part._learn({**told, "at": (change.received_at + timedelta(seconds=2)).isoformat()})
    assert part.state.me == "bob_"


@pytest.mark.parametrize(
    "content",
    [
        {"kind": "write", "key": "k<", "room": "#a", "text": "x"},
        {"kind": "write", "key": "k", "room": 3, "text": "x"},
        {"kind": "write", "key": "k", "room": "#a", "text": None},
        {"kind": "room"},
        {"kind": "forget", "room": "#a", "key": None},
    ],
)
def test_what_the_page_says_wrongly_is_passed_over(part, content):
    """Nothing is handed in, nothing raised."""
    part.command(content)
    assert part.state.rooms() == []


def test_a_quiet_chat_beside_a_loud_source_has_its_lines(stream):
    """What came before is the chat's newest lines, not those of all buckets; then it goes on."""
    said = [
        event(n, id=f"irc:x/#a:{n}", type="message", channel="#a", text=f"line {n}", author=Author(handle="ada"))
        for n in range(5)
    ]  # fmt: skip
    stream.append(said[:3])
    stream.append([event(100 + n, id=f"twitter::{n}") for n in range(300)])
    view = ChatView(stream, nick="bob", recent=50)
    try:
        until(lambda: len(view.state.state.lines("#a")) == 3, "what came before is there")
        assert view.state.state.rooms()[0]["unread"] == 0
        stream.append(said[2:])
        until(lambda: len(view.state.state.lines("#a")) == 5, "what came after is there")
        assert [line["text"] for line in view.state.state.lines("#a")] == [f"line {n}" for n in range(5)]
        assert "line 4" in view.to_html()
    finally:
        view.close()


def test_what_is_said_in_private_stands_in_its_own_tab(stream):
    """What came before the view and what comes after it."""
    said = [
        event(n, id=f"irc:x/bob,eve:{n}", type="message", to="bob", text=f"psst {n}", author="eve")
        for n in range(2)
    ]
    stream.append(said[:1])
    view = ChatView(stream, nick="bob")
    try:
        until(lambda: len(view.state.state.lines("eve")) == 1, "what came before is there")
        stream.append(said[1:])
        until(lambda: len(view.state.state.lines("eve")) == 2, "what came after is there")
        assert [room["private"] for room in view.state.state.rooms()] == [True]
    finally:
        view.close()


def test_events_can_be_looked_at_but_not_answered():
    """A list of events is a chat that nobody can write in."""
    said = event(
        1, id="irc:x/#a:1", type="message", channel="#a", text="<b>hi</b>", author=Author(handle="ada")
    )
    view = ChatView([said], nick="bob")
    try:
        until(lambda: view.state.state.lines("#a"), "it is read")
        assert view.state.everything(said.created_at)["writable"] is False
        assert "&lt;b&gt;hi" in view.to_html()
    finally:
        view.close()
