"""The packet: everything comes back as it was, whatever people write."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtanalytics.event import Author, Event, Ingest, Media, decode, encode, is_web_url
from tests.build import BASE, event

# every character there is, lone surrogates too: sources deliver them
anything = st.text(st.characters(codec=None, categories=None), max_size=40)
sound = st.text(max_size=40)
moments = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
optional = st.none() | sound
events = st.builds(
    Event,
    id=sound.map(lambda s: f"test:{s}"),
    source=sound,
    created_at=moments,
    received_at=moments,
    op=st.sampled_from(["create", "update", "delete"]),
    edited_at=st.none() | moments,
    type=sound,
    author=st.none()
    | st.builds(Author, handle=sound, id=optional, name=optional, url=optional, bot=st.booleans()),
    to=optional,
    channel=optional,
    title=optional,
    text=optional,
    html=optional,
    url=optional,
    lang=optional,
    tags=st.lists(sound, max_size=3),
    links=st.lists(sound, max_size=3),
    media=st.lists(st.builds(Media, url=sound, width=st.none() | st.integers(0, 9999)), max_size=2),
    reply_to=optional,
    producer=sound,
    seq=st.integers(0, 2**53),
    ingest=st.none() | st.builds(Ingest, via=sound, connector=optional, claimed_at=st.none() | moments),
)


@given(events)
def test_an_event_is_unchanged_after_json(original: Event) -> None:
    """Every field, to the microsecond."""
    assert decode(encode(original)) == original


@given(anything, anything, st.lists(anything, max_size=3))
def test_invalid_unicode_is_replaced_and_nothing_else(key: str, text: str, tags: list[str]) -> None:
    """What is sound stays as it came; lone surrogates become U+FFFD; a packet is always possible."""
    original = event(id=f"test:{key}", text=text, tags=tags)
    back = decode(encode(original))
    assert back.text is not None
    try:
        text.encode()
        assert back.text == text
    except UnicodeEncodeError:
        assert "\ufffd" in back.text or len(back.text) < len(text)
    assert len(back.tags) == len(tags)


@pytest.mark.data
def test_the_naughty_strings_come_back(data_folder: Path) -> None:
    """All of them, as text, title, author and tag."""
    strings = json.loads((data_folder / "suites/blns/blns.json").read_text(encoding="utf-8"))
    assert len(strings) > 400
    for string in strings:
        original = event(text=string, title=string, author=Author(handle=string), tags=[string])
        assert decode(encode(original)) == original
        assert original.text == string


@pytest.mark.parametrize(
    ("type", "to", "channel", "private"),
    [("message", "bob", None, True), ("action", "bob", None, True), ("notice", "bob", None, True),
     ("error", "bob", None, True), ("message", "bob", "#py", False), ("message", None, None, False),
     ("message", "@#py", "#py", True), ("notice", "+#py", "#py", True), ("message", "#py", "#py", False),
     ("reply", "bob", None, False), ("post", "bob", None, False), ("nick", "bob", None, False)],
)  # fmt: skip
def test_a_chat_message_to_a_person_is_private(
    type: str, to: str | None, channel: str | None, private: bool
) -> None:
    """So is what is for some in a room only; a line in a room that names somebody is not, nor an answer on X,
    nor who is called what.
    """
    assert event(type=type, to=to, channel=channel).private is private


def test_times_are_kept_as_utc_and_naive_ones_refused() -> None:
    """Wherever they come from."""
    berlin = BASE.astimezone(timezone(timedelta(hours=2)))
    original = event(created_at=berlin, received_at=berlin)
    assert original.created_at.tzinfo is UTC
    assert original.created_at == BASE
    with pytest.raises(ValueError, match="no time zone"):
        event(created_at=BASE.replace(tzinfo=None))
    with pytest.raises(ValueError, match="no time zone"):
        decode(b'{"schema":1,"id":"a:b","source":"x","created_at":"2026-05-15T09:00:00"}')


def test_received_at_is_created_at_unless_given() -> None:
    """As in recordings that do not know better."""
    assert event().received_at == event().created_at


def test_a_time_from_the_future_is_replaced_and_marked() -> None:
    """More than five minutes ahead is not believed; the claim is kept."""
    claimed = BASE + timedelta(days=3)
    original = event(created_at=claimed, received_at=BASE)
    assert original.posted_at == BASE
    settled = original.settled()
    assert settled.created_at == BASE
    assert settled.ingest == Ingest(time_kind="future", claimed_at=claimed)
    fine = event(created_at=BASE + timedelta(minutes=5), received_at=BASE)
    assert fine.settled() is fine


def test_the_revision_changes_with_what_a_reader_sees_and_with_nothing_else() -> None:
    """Text, title, address, state; not the time of reception, not the producer."""
    original = event()
    assert event(received_at=BASE + timedelta(hours=1), producer="p", seq=3).rev == original.rev
    for change in ({"text": "x"}, {"title": "x"}, {"url": "https://x.example"}, {"op": "delete"}):
        assert event(**change).rev != original.rev
    assert event(title="ab", text="c").rev != event(title="a", text="bc").rev
    assert event(rev="native-7").rev == "native-7"


@pytest.mark.parametrize("bad", ["", "nothing", ":x"])
def test_an_id_without_a_namespace_is_refused(bad: str) -> None:
    """And the message says what an id looks like."""
    with pytest.raises(ValueError, match="namespace:scope:native_key"):
        event(id=bad)


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "data:text/html,x", "ftp://x", "//x", "http://a b", "https://x\n", " http://x"],
)
def test_what_is_no_web_address_is_no_url(url: str) -> None:
    """A link of an event can be shown as a link."""
    assert not is_web_url(url)
    assert event(url=url).url is None
    assert event(url="HTTPS://Example.org/ä?q=1#f").url == "HTTPS://Example.org/ä?q=1#f"


def test_raw_stays_out_of_the_packet() -> None:
    """It belongs into the archive only."""
    assert b"secret" not in encode(event(raw=b"secret"))


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"[]",
        b"{}",
        b'{"id":3}',
        b'{"schema":2,"id":"a:b","source":"x","created_at":"2026-05-15T09:00:00Z"}',
    ],
)
def test_what_is_no_packet_is_a_value_error(packet: bytes) -> None:
    """Also a packet of a version that is not known."""
    with pytest.raises(ValueError, match="."):
        decode(packet)


def test_a_packet_of_a_later_version_may_have_more_fields() -> None:
    """Unknown ones are passed over."""
    original = msgspec.json.decode(encode(event()))
    assert decode(msgspec.json.encode({**original, "colour": "red"})) == event()
