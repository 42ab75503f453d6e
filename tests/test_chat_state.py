"""What a chat view shows: rooms, people with their ranks, lines with exact counts, and what is on its way out."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtanalytics.erasure import ErasureMarks, deletions
from rtanalytics.event import Author, Event
from rtanalytics.feed import Delivery, Reset
from rtanalytics.live.chat_rows import fold, nick_hue
from rtanalytics.live.chat_state import ChatState

T0 = datetime(2026, 5, 15, 9, tzinfo=UTC)
numbers = itertools.count()


def of(kind, nick="ada", text=None, channel="#a", **fields):
    n = next(numbers)
    known = {
        "id": f"irc:x/{channel}:{n}",
        "source": f"irc:{channel}",
        "created_at": T0 + timedelta(seconds=n),
    }
    return Event(
        **{**known, "type": kind, "author": Author(handle=nick), "channel": channel, "text": text, **fields}
    )


def fed(*events, nick="bob", cap=500):
    state = ChatState(nick=nick, cap=cap)
    state.take(Delivery(n, event) for n, event in enumerate(events))
    return state


def ranked(state, room="#a"):
    return [user["rank"] + user["nick"] for user in state.users(room)]


class Page:
    """What a front end does with patches."""

    def __init__(self):
        self.rooms, self.lines, self.users = [], {}, {}

    def apply(self, patch):
        if patch["reset"]:
            self.lines, self.users = {}, {}
        self.rooms = patch["rooms"]
        for room, gone in patch["removed"].items():
            for i in gone:
                self.lines.setdefault(room, {}).pop(i, None)
        for room, lines in patch["lines"].items():
            self.lines.setdefault(room, {}).update({line["id"]: line for line in lines})
        for room, gone in patch["gone"].items():
            for nick in gone:
                self.users.setdefault(room, {}).pop(nick, None)
        for room, users in patch["users"].items():
            self.users.setdefault(room, {}).update({user["nick"]: user for user in users})
        keep = {room["key"] for room in self.rooms}
        self.lines = {room: lines for room, lines in self.lines.items() if room in keep and lines}
        self.users = {room: users for room, users in self.users.items() if room in keep and users}

    def shows(self, state):
        end = float("inf")
        lines = {
            room: sorted(lines.values(), key=lambda x: end if x["n"] is None else x["n"])
            for room, lines in self.lines.items()
        }
        assert lines == {r["key"]: state.lines(r["key"]) for r in state.rooms() if state.lines(r["key"])}
        users = {room: sorted(users) for room, users in self.users.items()}
        expected = {r["key"]: sorted(u["nick"] for u in state.users(r["key"])) for r in state.rooms()}
        assert users == {room: nicks for room, nicks in expected.items() if nicks}
        assert self.rooms == state.rooms()


def test_people_come_and_go_with_their_ranks():
    """The list of names, then joins, parts, kicks, modes, changes of nick and quits keep it true."""
    state = fed(of("users", text="@ada +bob carol ~@dave @+eve"))
    assert ranked(state) == ["~dave", "@ada", "@eve", "+bob", "carol"]
    more = [
        of("join", "frank"),
        of("mode", "ada", "+o-v+b frank bob *!*@bad"),
        of("part", "carol", "lunch"),
        of("nick", "eve", to="eva", channel=None, source="irc"),
        of("kick", "ada", "flood", to="dave"),
        of("mode", "ada", "-o eva"),
        of("quit", "ada", "bye", channel=None, source="irc"),
        of("join", "frank"),
    ]
    state.take(Delivery(0, event) for event in more)
    assert ranked(state) == ["@frank", "+eva", "bob"]
    assert [line["type"] for line in state.lines("#A")] == [
        "join", "mode", "part", "nick", "kick", "mode", "quit", "join",
    ]  # fmt: skip


def test_a_quit_shows_only_where_the_person_was():
    """Two rooms, one of them without her."""
    state = fed(of("users", text="ada bob"), of("users", text="bob", channel="#b"))
    state.take([Delivery(0, of("quit", "ada", channel=None, source="irc"))])
    assert [len(state.lines(room)) for room in ("#a", "#b")] == [1, 0]


def test_a_room_keeps_its_newest_lines_and_counts_all():
    """Cap 3 of 10: exact total, and unread ones while another room is looked at."""
    state = fed(of("message", text="first"), cap=3)
    state.look("#a")
    assert state.rooms()[0]["unread"] == 0
    state.look("#b")
    state.take(Delivery(n, of("message", text=f"line {n}" + " Bob!" * (n == 4))) for n in range(9))
    [room] = state.rooms()
    assert (room["total"], room["unread"], room["mentions"]) == (10, 9, 1)
    assert [line["text"] for line in state.lines("#a")] == ["line 6", "line 7", "line 8"]
    state.look("#A")
    assert state.rooms()[0]["unread"] == 0


def test_what_came_already_is_not_shown_again():
    """The same event twice is one line; an edit changes it in place, a delete takes it out."""
    event = of("message", text="hello")
    state = fed(event, event, of("message", text="next"))
    state.take([Delivery(0, of("message", text="hullo", id=event.id, op="update"))])
    assert [line["text"] for line in state.lines("#a")] == ["hullo", "next"]
    state.take([Delivery(0, of("message", id=event.id, op="delete"))])
    assert [line["text"] for line in state.lines("#a")] == ["next"]
    assert state.rooms()[0]["total"] == 2


def test_only_its_bucket_is_read():
    """A post of another bucket is no chat."""
    state = fed(of("message", id="twitter::1", text="hello"))
    assert state.rooms() == []


@pytest.mark.parametrize(
    ("text", "told"),
    [("bob: hi", True), ("hi BOB", True), ("bobby", False), ("bob_ left", False), ("x-bob", False)],
)
def test_who_is_named_is_told(text, told):
    """The whole nick, whatever its case."""
    assert fed(of("message", text=text)).lines("#a")[0]["mention"] is told


def test_private_lines_have_a_room_named_after_the_other():
    """What is said to us and what we say, both in that person's room; each counts as a mention."""
    state = fed(
        of("message", "ada", "psst", channel=None, source="irc", to="bob"),
        of("message", "bob", "what?", channel=None, source="irc", to="Ada"),
    )
    [room] = state.rooms()
    assert (room["key"], room["private"], room["mentions"]) == ("ada", True, 1)
    assert [line["mine"] for line in state.lines("ada")] == [False, True]


def test_a_line_is_pending_until_it_comes_back():
    """At the end of the room; then it is an ordinary line, once, in the stream's place."""
    state = fed(of("message", text="before"))
    state.sent("k", "#a", "hello all", "message", "2026-05-15T09:00:00Z")
    state.sent("k", "#a", "hello all", "message", "2026-05-15T09:00:00Z")
    state.take([Delivery(0, of("message", text="between"))])
    assert [(x["text"], x["state"]) for x in state.lines("#a")] == [
        ("before", ""), ("between", ""), ("hello all", "pending"),
    ]  # fmt: skip
    state.take([Delivery(0, of("message", "Bob", "hello all"))])
    assert [(x["text"], x["state"]) for x in state.lines("#a")][2:] == [("hello all", "")]


def test_a_line_that_was_split_is_confirmed_by_its_parts():
    """Servers cut lines at 512 bytes: all parts have to come back."""
    state = fed()
    state.sent("k", "#a", "one two three", "message", "")
    state.take([Delivery(0, of("message", "bob", "one two"))])
    assert [x["state"] for x in state.lines("#a")] == ["", "pending"]
    state.take([Delivery(0, of("message", "bob", "three"))])
    assert [x["state"] for x in state.lines("#a")] == ["", ""]


def test_a_line_that_failed_says_why_and_one_that_is_late_says_so():
    """The error event has the key at the end of its id; another's error is a line of its own."""
    state = fed()
    for key in "abc":
        state.sent(key, "#a", f"text {key}", "message", "")
    state.take([Delivery(0, of("error", id="irc:x:unsent/b", text="not sent: cut", author=None))])
    state.take([Delivery(0, of("error", id="irc:x:unsent/z", text="not sent: other", author=None))])
    state.age(0)
    assert [(x["type"], x["state"], x["why"][:8]) for x in state.lines("#a")] == [
        ("error", "", ""), ("message", "late", "not conf"),
        ("message", "failed", "cut"), ("message", "late", "not conf"),
    ]  # fmt: skip
    state.forget("b")
    state.take([Delivery(0, of("message", "bob", "text c"))])
    assert [x["state"] for x in state.lines("#a")] == ["", "", "late"]


def test_a_line_that_the_server_refuses_fails_with_its_reason():
    """It never comes back; other refusals are lines of their own, in the room that they are about."""
    state = fed()
    state.sent("k", "#a", "hello", "message", "")
    state.sent("p", "zoe", "psst", "message", "")
    refused = {"author": None, "source": "irc"}
    state.take([
        Delivery(0, of("error", text="You're not channel operator", **refused)),
        Delivery(0, of("error", text="Cannot send to channel (+m)", **refused)),
        Delivery(0, of("error", text="zoe: No such nick/channel", channel=None, to="zoe", **refused)),
    ])  # fmt: skip
    assert [(x["type"], x["state"], x["why"]) for x in state.lines("#a")] == [
        ("error", "", ""), ("message", "failed", "Cannot send to channel (+m)"),
    ]  # fmt: skip
    assert [x["why"] for x in state.lines("zoe")] == ["zoe: No such nick/channel"]


def test_ranks_are_right_whatever_other_modes_are_changed_with_them():
    """Some servers' modes take a word that others' do not."""
    state = fed(of("users", text="ada bob eve"))
    state.take([
        Delivery(0, of("mode", text="+jo 5:10 ada")), Delivery(0, of("mode", text="+fLv #b #c bob")),
        Delivery(0, of("mode", text="+go eve")), Delivery(0, of("mode", text="-l+b-o *!*@x eve")),
    ])  # fmt: skip
    assert ranked(state) == ["@ada", "+bob", "eve"]


def test_whoever_loses_a_rank_keeps_the_lower_one():
    """As servers tell it with multi-prefix."""
    state = fed(of("users", text="@+ada"), of("mode", text="-o ada"))
    assert ranked(state) == ["+ada"]


def test_who_talks_with_us_in_private_is_seen_to_leave_and_to_change_name():
    """Otherwise we would wait for an answer; nobody else's is told there."""
    state = fed(of("message", "ada", "psst", channel=None, source="irc", to="bob"))
    state.take([
        Delivery(0, of("quit", "eve", channel=None, source="irc")),
        Delivery(0, of("nick", "ada", to="adele", channel=None, source="irc")),
        Delivery(0, of("quit", "ada", "bye", channel=None, source="irc")),
    ])  # fmt: skip
    assert [(x["type"], x["to"]) for x in state.lines("ada")] == [
        ("message", "bob"), ("nick", "adele"), ("quit", ""),
    ]  # fmt: skip
    assert state.users("ada") == []


def test_our_own_change_of_nick_is_followed():
    """Lines under the new nick are ours."""
    state = fed(of("nick", "bob", to="robert", channel=None, source="irc"), of("message", "robert", "me"))
    assert state.me == "robert"
    assert state.lines("#a")[-1]["mine"]


def test_topics_and_colours():
    """The topic with its author; codes for colours are taken out; a person's hue is stable."""
    state = fed(of("topic", "ada", "\x0304Keynote\x03 at \x02nine\x0f"))
    assert (state.rooms()[0]["topic"], state.rooms()[0]["topic_by"]) == ("Keynote at nine", "ada")
    assert nick_hue("Ada") == nick_hue("ada__") == 185
    assert fold("A{b}") == fold("a[b]")


def test_rooms_have_an_end():
    """A hundred; who floods us with private lines from many nicks pushes out private rooms only."""
    state = fed(of("message", text="hello"))
    state.take(
        Delivery(n, of("message", f"n{n}", "buy", channel=None, source="irc", to="bob")) for n in range(300)
    )
    assert len(state.rooms()) == 100
    assert state.rooms()[0]["key"] == "#a"


def test_a_reset_forgets_everything():
    """The next patch says so."""
    state = fed(of("message", text="hello"))
    state.patch()
    state.take([Reset("again")])
    patch = state.patch()
    assert patch["reset"]
    assert patch["rooms"] == []


NICKS = st.sampled_from(["ada", "bob", "Carol", "d[e]", "<img src=x>", "\ud800"])
KINDS = st.sampled_from(
    ["message", "action", "join", "part", "quit", "kick", "nick", "topic", "mode", "users", "gap"]
)
TEXTS = st.sampled_from(
    [None, "", "hello bob", "+o ada", "-ov", "@ada +bob", "line", "+lk 3", "\x03", "x" * 3000]
)
STEPS = st.tuples(
    KINDS, NICKS, TEXTS, st.sampled_from(["#a", "#B", None]), st.none() | NICKS, st.integers(0, 9)
)


@settings(max_examples=150, deadline=None)
@given(st.lists(STEPS, max_size=40), st.integers(1, 5))
def test_patches_in_order_show_the_state(steps, cap):
    """Whatever comes: who applied all patches shows what who got everything shows."""
    state, page, late = ChatState("bob", cap=cap), Page(), Page()
    for kind, nick, text, channel, to, what in steps:
        state.take([Delivery(0, of(kind, nick, text, channel, to=to))])
        if what == 1:
            page.apply(state.patch())
        elif what == 2:
            state.sent(f"k{next(numbers)}", "#a", text or "line", "message", "")
        elif what == 3:
            state.look("#a")
    page.apply(state.patch())
    page.shows(state)
    late.apply(state.everything())
    late.shows(state)


def test_who_is_forgotten_is_no_longer_among_the_people_of_any_room():
    """Also who said nothing; a topic of theirs goes, and who else had an event deleted stays."""
    kicked = of("kick", "op", to="pia")
    topic = of("topic", "pia", "hello")
    state = fed(
        of("users", text="@op +Pia bob"),
        of("users", text="@pia", channel="#b"),
        topic,
        kicked,
        of("join", "pia"),
    )
    page = Page()
    page.apply(state.patch())
    marks = [ErasureMarks.author("pia")]
    gone = deletions({e.id: e.source for e in (topic, kicked)}, marks)
    state.take(Delivery(50 + n, event) for n, event in enumerate(gone))
    assert (ranked(state), ranked(state, "#b")) == (["@op", "bob"], [])
    assert [(room["topic"], room["topic_by"]) for room in state.rooms()] == [("", ""), ("", "")]
    page.apply(state.patch())
    page.shows(state)
