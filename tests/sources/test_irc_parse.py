"""IRC lines: the events of each command, invalid lines, and a third-party conformance suite."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from irctokens.line import Line, build, tokenise

from rtanalytics.event import Event
from rtanalytics.sources.base import Meta
from rtanalytics.sources.irc.connection import split_text
from rtanalytics.sources.irc.parse import ARRIVED, folded, parse, stamped

AT = datetime(2026, 5, 15, 9, tzinfo=UTC)
META = Meta(source="irc:net", scope="net", connector="irc@1", received_at=AT, options={"nick": "me"})
SUITE = Path(os.environ.get("RTANALYTICS_DATA", Path(__file__).parents[3] / "shared" / "data"))
TESTS = SUITE / "suites" / "irc-parser-tests" / "tests"


def read(*lines: str | bytes) -> list[Event]:
    """Events of lines of which none is refused."""
    raw = b"\r\n".join(line if isinstance(line, bytes) else line.encode() for line in lines)
    parsed = parse(raw, META)
    assert parsed.rejects == []
    return parsed.events


def one(line: str | bytes) -> Event:
    (event,) = read(line)
    return event


def test_a_message_keeps_the_servers_id_and_time() -> None:
    """With msgid and server-time the event is the same however it is read."""
    line = "@time=2026-05-15T08:59:00.250Z;msgid=abc;account=Ada :ada!a@h PRIVMSG #py :see https://x.example #tag"
    event = one(line)
    assert (event.id, event.type, event.channel, event.to) == ("irc:net/#py:abc", "message", "#py", "#py")
    assert event.created_at == datetime(2026, 5, 15, 8, 59, 0, 250_000, tzinfo=UTC)
    assert event.author is not None
    assert (event.author.handle, event.author.id) == ("ada", "Ada")
    assert (event.text, event.links, event.tags) == (
        "see https://x.example #tag", ["https://x.example"], ["tag"],
    )  # fmt: skip
    assert event.ingest is not None
    assert (event.ingest.id_kind, event.ingest.time_kind) == ("native", "source")
    assert event.handle == "ada"


def test_without_an_id_one_is_made_and_said_to_be() -> None:
    """Who, when, where and what; the same line twice at one moment is two events."""
    line = f"@{ARRIVED}=2026-05-15T08:59:00.000Z :ada!a@h PRIVMSG #py :hello"
    first, second = read(line, line)
    assert first.id != second.id
    assert first == one(line)
    assert first.ingest is not None
    assert (first.ingest.id_kind, first.ingest.time_kind) == ("synthetic", "observed")
    assert first.created_at == datetime(2026, 5, 15, 8, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (":ada!a@h JOIN #py", ("join", "#py", "ada", "#py", None)),
        (":ada!a@h JOIN #py account :Ada L", ("join", "#py", "ada", "#py", None)),
        (":ada!a@h PART #py :bye", ("part", "#py", "ada", "#py", "bye")),
        (":ada!a@h QUIT :gone", ("quit", None, "ada", None, "gone")),
        (":op!o@h KICK #py ada :enough", ("kick", "#py", "op", "ada", "enough")),
        (":ada!a@h NICK bob", ("nick", None, "ada", "bob", None)),
        (":op!o@h MODE #py +o ada", ("mode", "#py", "op", "#py", "+o ada")),
        (":ada!a@h TOPIC #py :the keynote", ("topic", "#py", "ada", "#py", "the keynote")),
        (":ada!a@h TOPIC #py :", ("topic", "#py", "ada", "#py", "")),
        (":srv 332 me #py :the keynote", ("topic", "#py", None, "#py", "the keynote")),
        (":srv MODE #py +o ada", ("mode", "#py", "srv", "#py", "+o ada")),
        (":ada!a@h PRIVMSG @#py :ops only", ("message", "#py", "ada", "@#py", "ops only")),
        (":ada!a@h NOTICE +#py :voices only", ("notice", "#py", "ada", "+#py", "voices only")),
        (b":ada!a@h PRIVMSG #py :\x93so\x94 \x81", ("message", "#py", "ada", "#py", "\x93so\x94 \x81")),
        (b":ada!a@h PRIVMSG #py :\x93so\x94", ("message", "#py", "ada", "#py", "“so”")),
        (":srv 404 me #py :Cannot send (+m)", ("error", "#py", None, "#py", "Cannot send (+m)")),
        (":srv 473 me #py :Cannot join (+i)", ("error", "#py", None, "#py", "Cannot join (+i)")),
        (":srv 401 me zoe :No such nick", ("error", None, None, "zoe", "zoe: No such nick")),
        ("FAIL JOIN SHUT #py :it is shut", ("error", "#py", None, "#py", "it is shut")),
        (":ada!a@h PRIVMSG #py :\x01ACTION waves\x01", ("action", "#py", "ada", "#py", "waves")),
        (":ada!a@h NOTICE #py :psst", ("notice", "#py", "ada", "#py", "psst")),
        (":ada!a@h PRIVMSG me :just you", ("message", None, "ada", "me", "just you")),
        (":ada!a@h PRIVMSG #py :\x02bold\x02 \x0304,08red\x0f", ("message", "#py", "ada", "#py", "bold red")),
        (b":ada!a@h PRIVMSG #py :caf\xe9", ("message", "#py", "ada", "#py", "café")),
    ],
)
def test_what_a_line_says(line: str | bytes, expected: tuple[str | None, ...]) -> None:
    """Type, room, who, to whom, and the words, without codes for colours."""
    event = one(line)
    handle = event.author.handle if event.author else None
    assert (event.type, event.channel, handle, event.to, event.text) == expected


def test_the_users_of_a_room_are_told_whole_with_their_ranks() -> None:
    """Several replies make one list; hosts are left out, and all marks stay, for one may be taken away."""
    events = read(
        ":srv 353 me = #py :@ada!a@h +bob", ":srv 353 me = #py :@+carol dan", ":srv 366 me #py :End of list"
    )
    (event,) = events
    assert (event.type, event.channel, event.text) == ("users", "#py", "@ada +bob @+carol dan")


def test_ranks_are_told_alike_whatever_a_server_calls_them() -> None:
    """It says how it marks them, in its own order; a reply of the old kind has one word less."""
    events = read(
        ":srv 005 me PREFIX=(Yqaohv)*!&@%. CHANTYPES=# :are supported by this server",
        ":srv 353 me #py :*ada !bob .@carol %dan", ":srv 366 me #PY :End of list", ":x!x@h PRIVMSG +y :hello",
    )  # fmt: skip
    assert [(e.channel, e.text) for e in events] == [("#PY", "~ada ~bob @+carol %dan"), (None, "hello")]


def test_a_server_cannot_make_letters_signs() -> None:
    """Nicks would lose their first ones, and people would be rooms."""
    told = read(
        ":srv 005 me PREFIX=(ov)a+ CHANTYPES=#m STATUSMSG=m@ :are supported", ":srv 353 me = #py :+ada @bob",
        ":srv 366 me #py :End of list", ":x!x@h PRIVMSG me :hello",
    )  # fmt: skip
    assert [(e.channel, e.text) for e in told] == [("#py", "+ada @bob"), (None, "hello")]


def test_the_topic_that_a_room_has_is_told_with_who_set_it() -> None:
    """The server says so in a line of its own, if it knows."""
    told = read(
        ":srv 332 me #py :the keynote", ":srv 333 me #py ada!a@h 1778837400", ":srv 332 me #b :lunch",
        ":x!x@h PRIVMSG #py :hello",
    )  # fmt: skip
    assert [(e.type, e.handle, e.text) for e in told] == [
        ("topic", "ada", "the keynote"), ("topic", "", "lunch"), ("message", "x", "hello"),
    ]  # fmt: skip


def test_what_is_taken_back_is_deleted_and_what_is_answered_is_known() -> None:
    """Both by the id that the server gave."""
    first, answer, gone = read(
        "@msgid=a :ada!a@h PRIVMSG #py :hello", "@msgid=b;+draft/reply=a;bot :bob!b@h PRIVMSG #py :hi",
        "@msgid=c :op!o@h REDACT #py a :spam",
    )  # fmt: skip
    assert (answer.reply_to, gone.id, gone.op) == (first.id, first.id, "delete")
    assert answer.author is not None
    assert answer.author.bot


def test_a_link_ends_before_the_punctuation_after_it() -> None:
    """As people write them in a sentence."""
    assert one(":a!a@h PRIVMSG #py :see (https://x.example/a_(b)), or https://y.example.").links == [
        "https://x.example/a_(b)", "https://y.example",
    ]  # fmt: skip


def test_whose_account_it_is_is_known_from_the_moment_of_joining() -> None:
    """With extended-join; a star is nobody."""
    told = read(":ada!a@h JOIN #py Ada :Ada L", ":bob!b@h JOIN #py * :Bob")
    assert [e.author.id for e in told if e.author] == ["Ada", None]


def test_what_nobody_says_is_counted_and_is_no_event() -> None:
    """Numerics, pings of people's programs, notices of the server."""
    parsed = parse(
        b":srv 001 me :hi\n:srv 433 * me :in use\n:ada!a@h PRIVMSG me :\x01VERSION\x01\n:srv NOTICE * :hello",
        META,
    )
    assert parsed.events == []
    assert parsed.counts == {"other_lines": 2, "ctcp": 1, "server_notices": 1}


@pytest.mark.parametrize("line", [b":ada!a@h PRIVMSG", b":ada!a@h PRIVMSG #py", b"@", b":x", b"\xff\xfe\x00"])
def test_half_a_line_is_kept_with_the_reason(line: bytes) -> None:
    """It becomes no event and stops nothing."""
    parsed = parse(line + b"\n:ada!a@h PRIVMSG #py :after", META)
    assert [event.text for event in parsed.events] == ["after"]
    assert [reject.raw for reject in parsed.rejects] == [line]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(max_size=80) | st.sampled_from([
    b":a!b@c PRIVMSG #d :e", b":a!b@c PRIVMSG #d\xc2\xa0 :e", b":s 332 me #d\xe2\x80\xae :topic", b"@time=x;msgid=\\: :a!b@c JOIN #d", b":a KICK", b":s 353 me", b":s 366 x #y",
    b"@time=99999-01-01T00:00:00Z :a!b@c NICK", b":a!b@c MODE #d", b":\xc3\x28!u@h PART #d,#e :\x03",
]), max_size=12))  # fmt: skip
def test_nothing_that_comes_raises(lines: list[bytes]) -> None:
    """Whatever bytes there are: an event, a count or a dead letter."""
    parsed = parse(b"\n".join(lines), META)
    assert all(event.id.startswith("irc:net/") and event.id.isprintable() for event in parsed.events)


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=300), st.integers(4, 60))
def test_pieces_fit_and_lose_nothing_but_spaces(text: str, room: int) -> None:
    """Each part fits in bytes, and together they say what was said."""
    parts = split_text(text, room)
    assert all(0 < len(part.encode()) <= room for part in parts)
    assert "".join(parts).replace(" ", "") == text.replace(" ", "")


def test_names_are_compared_as_servers_do() -> None:
    """RFC 1459 counts braces as small brackets."""
    assert folded("Ada[x]") == folded("ada{X}")
    assert stamped(b"@a=b :x PING", AT).startswith(b"@+rtanalytics/arrived=2026-05-15T09:00:00.000Z;a=b ")


def _cases(name: str) -> list[Any]:
    if not TESTS.is_dir() and not os.environ.get("CI"):
        pytest.skip("the suites of others are not here")
    cases: list[Any] = yaml.safe_load((TESTS / name).read_text(encoding="utf-8"))["tests"]
    return cases


@pytest.mark.data
def test_the_suite_of_irc_parsers_is_met_in_reading() -> None:
    """irc-parser-tests, msg-split and userhost-split: every case.

    The other two of its files are for servers: masks of bans, and names that a server may be given. We match
    no masks, and take whatever host a server tells.
    """
    lines, people = _cases("msg-split.yaml"), _cases("userhost-split.yaml")
    assert (len(lines), len(people)) == (35, 7)
    for case in lines:
        line, atoms = tokenise(case["input"]), case["atoms"]
        assert (line.tags or {}) == atoms.get("tags", {}), case
        assert line.source == atoms.get("source"), case
        assert line.command.lower() == atoms["verb"].lower(), case
        assert line.params == atoms.get("params", []), case
    for case in people:
        mask, atoms = tokenise(f":{case['source']} PING").hostmask, case["atoms"]
        found = {"nick": mask.nickname, "user": mask.username, "host": mask.hostname}
        assert {k: v for k, v in found.items() if v is not None} == atoms, case


@pytest.mark.data
def test_the_suite_of_irc_parsers_is_met_in_writing() -> None:
    """irc-parser-tests, msg-join: every case is one of the ways to write it."""
    cases = _cases("msg-join.yaml")
    assert len(cases) == 18
    for case in cases:
        atoms = case["atoms"]
        line: Line = build(atoms["verb"], atoms.get("params", []), atoms.get("source"), atoms.get("tags"))
        assert line.format() in case["matches"], case
