"""Replay: every event once, on time, whatever is done to the controls."""

from __future__ import annotations

import itertools
import statistics
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtanalytics.clock import PacedClock
from rtanalytics.event import Event
from rtanalytics.feed import FOREVER, Delivery, Item, Reset, Watermark
from rtanalytics.replay import days_until_today, play_into, replay
from rtanalytics.streams.memory import MemoryStream
from tests.contracts.stream import T0, made, take


def messages(*seconds: float, bucket: str = "test") -> list[Event]:
    """Events at these seconds after T0."""
    return [
        made(n, bucket, created_at=T0 + timedelta(seconds=s), received_at=T0 + timedelta(seconds=s))
        for n, s in enumerate(seconds)
    ]


def events(items: Iterator[Item] | list[Item]) -> list[str]:
    """Ids of the events among items."""
    return [i.event.id for i in items if isinstance(i, Delivery)]


class Hand:
    """A clock of real seconds that a test moves; waiting for it is not possible."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def test_at_max_speed_everything_comes_once_in_order_and_then_the_end() -> None:
    """No waiting, and the last item is the final watermark."""
    items = list(replay(messages(0, 5, 5, 70, 4000), speed="max"))
    assert events(items) == [f"test::{n}" for n in range(5)]
    assert items[-1] == Watermark(FOREVER)


def test_a_watermark_never_passes_an_event_that_follows() -> None:
    """And there is one in every minute that has events."""
    items = list(replay(messages(0, 59, 60, 61, 3600), speed="max"))
    mark = datetime.min.replace(tzinfo=UTC)
    for item in items:
        if isinstance(item, Watermark):
            assert item.time > mark
            mark = item.time
        elif isinstance(item, Delivery):
            assert item.event.received_at >= mark
    assert [i.time for i in items if isinstance(i, Watermark)][:3] == [
        T0, T0 + timedelta(minutes=1), T0 + timedelta(hours=1)
    ]  # fmt: skip


def test_waiting_is_in_exact_proportion_to_the_speed() -> None:
    """At 60x, an event 120 s into the recording is due after exactly two seconds."""
    hand = Hand()
    player = replay(messages(0, 120), speed=60, monotonic=hand)
    assert player._next(wait=False) == Watermark(T0)
    assert isinstance(player._next(wait=False), Delivery)
    hand.seconds += 1.9999
    assert player._next(wait=False) == Watermark(T0 + timedelta(minutes=1))
    assert player._next(wait=False) is None
    hand.seconds += 0.0001
    assert player._next(wait=False) == Watermark(T0 + timedelta(minutes=2))
    assert isinstance(player._next(wait=False), Delivery)


@given(st.lists(st.tuples(st.floats(0.1, 1000), st.floats(0, 50), st.booleans()), max_size=12))
@settings(deadline=None)
def test_the_clock_never_jumps(changes: list[tuple[float, float, bool]]) -> None:
    """Whatever is done to speed and pause, the time is the sum of its stretches."""
    hand = Hand()
    clock = PacedClock(T0, 1.0, hand)
    expected, rate, paused = 0.0, 1.0, False
    for new_rate, seconds, pause in changes:
        before = clock.now()
        clock.rate = new_rate
        assert abs(clock.now() - before) <= timedelta(microseconds=1)
        (clock.pause if pause else clock.resume)()
        assert abs(clock.now() - before) <= timedelta(microseconds=1)
        rate, paused = new_rate, pause
        hand.seconds += seconds
        expected += 0 if paused else seconds * rate
    assert abs((clock.now() - T0).total_seconds() - expected) < 1e-4


def test_pausing_stops_and_resuming_goes_on_from_there() -> None:
    """Time that passed in the pause is not caught up with."""
    hand = Hand()
    player = replay(messages(0, 10, 20), speed=1, monotonic=hand)
    next(player.batches())
    player.pause()
    assert player.status.state == "paused"
    hand.seconds += 1000
    assert player._next(wait=False) is None
    player.resume()
    assert player._next(wait=False) is None
    hand.seconds += 10
    assert isinstance(player._next(wait=False), Delivery)
    assert player._next(wait=False) is None


def test_a_replay_that_has_ended_stands_at_its_end() -> None:
    """However long it is looked at; moved back, it tells its time again."""
    hand = Hand()
    player = replay(messages(0, 120), speed=600, monotonic=hand)
    hand.seconds += 0.2
    assert list(player)[-1] == Watermark(FOREVER)
    end = T0 + timedelta(seconds=120)
    assert (player.status.state, player.status.at) == ("ended", end)
    hand.seconds += 3600
    assert player.status.at == end
    player.seek(T0)
    next(iter(player))
    assert (player.status.state, player.status.at) == ("replay", T0)


def test_steps_let_that_many_events_go() -> None:
    """While it is paused, and the clock comes along."""
    hand = Hand()
    player = replay(messages(0, 600, 1200, 1800), speed=1, monotonic=hand)
    player.step(2)
    got = [player._next(wait=False) for _ in range(6)]
    assert len(events([i for i in got if i])) == 2
    assert player.clock.now() == T0 + timedelta(seconds=600)
    assert player._next(wait=False) is None


def test_seeking_tells_readers_to_forget_and_goes_on_from_there() -> None:
    """Backwards and forwards, also after the end."""
    player = replay(messages(0, 10, 20, 30), speed="max")
    assert len(events(list(player))) == 4
    player.seek(T0 + timedelta(seconds=15))
    items = list(player)
    assert isinstance(items[0], Reset)
    assert events(items) == ["test::2", "test::3"]
    player.seek(T0)
    assert events(list(player)) == [f"test::{n}" for n in range(4)]


def test_controls_take_effect_while_the_reader_waits() -> None:
    """A reader that would wait for an hour is set free by a change of speed, a seek, a close."""
    for act in (
        lambda p: setattr(p, "speed", "max"),
        lambda p: p.seek(T0 + timedelta(hours=1)),
        lambda p: p.step(),
        lambda p: p.close(),
    ):
        player = replay(messages(0, 3600), speed=1)
        items: list[Item] = []
        reader = threading.Thread(target=lambda p=player, i=items: i.extend(itertools.islice(p, 60)))
        reader.start()
        while not events(items):
            time.sleep(0.005)
        act(player)
        deadline = time.monotonic() + 5
        while reader.is_alive() and len(events(items)) < 2 and time.monotonic() < deadline:
            time.sleep(0.005)
        player.close()
        reader.join(5)
        assert not reader.is_alive()


def test_from_and_to_are_half_open() -> None:
    """The event at the end is left out, the one at the start is in."""
    player = replay(
        messages(0, 10, 20, 30), "max", start=T0 + timedelta(seconds=10), end=T0 + timedelta(seconds=30)
    )
    assert events(list(player)) == ["test::1", "test::2"]


def test_shifted_times_keep_their_time_of_day() -> None:
    """All of them move by the same whole days; anything else is refused."""
    days = days_until_today(T0, now=datetime(2026, 11, 23, 3, tzinfo=UTC))
    shifted = [i.event for i in replay(messages(0, 10), "max", shift=days) if isinstance(i, Delivery)]
    assert [e.received_at.date().isoformat() for e in shifted] == ["2026-11-23"] * 2
    assert [e.created_at.time() for e in shifted] == [T0.time(), (T0 + timedelta(seconds=10)).time()]
    with pytest.raises(ValueError, match="whole days"):
        replay([], shift=timedelta(hours=3))


@pytest.mark.parametrize("speed", [0, -1, float("nan")])
def test_a_speed_that_is_none_is_refused(speed: float) -> None:
    """Pausing has its own method."""
    with pytest.raises(ValueError, match="invalid speed"):
        replay([], speed=speed)


def test_a_snapshot_is_what_was_before() -> None:
    """Nothing at first; the newest n in their current state later, deletes left out."""
    recording = [
        *messages(0, 1, 2, 3),
        made(1, op="delete", text=None, received_at=T0 + timedelta(seconds=4)),
    ]
    player = replay(recording, speed="max")
    assert player.snapshot(5).deliveries == []
    list(player)
    assert events(list(player.snapshot(2).deliveries)) == ["test::2", "test::3"]


def test_an_empty_recording_ends_at_once() -> None:
    """With the final watermark, so that nobody waits."""
    assert list(replay([], speed=1)) == [Watermark(FOREVER)]


def test_in_real_time_events_come_when_they_are_due() -> None:
    """No drift: the last of 300 is as punctual as the first; lateness is measured in benchmarks."""
    recording = messages(*(n * 0.6 for n in range(300)))
    player = replay(recording, speed=100)
    began = time.monotonic()
    late = []
    for item in player:
        if isinstance(item, Delivery):
            due = (item.event.received_at - T0).total_seconds() / 100
            late.append(time.monotonic() - began - due)
    assert min(late) > -0.05
    assert statistics.median(late[-50:]) < 0.25


def test_playing_into_a_stream_tells_the_same_events_and_marks() -> None:
    """What a follower of the run gets is what a reader of the replay gets."""
    recording = sorted(
        messages(*range(0, 9000, 7)) + messages(*range(3, 9000, 11), bucket="other"),
        key=lambda e: e.received_at,
    )
    stream = MemoryStream("replay-test")
    played = play_into(replay(recording, "max"), stream)
    assert played.events == played.new == len(recording)
    got = take(stream.follow("start"), len(recording))
    assert sorted(d.event.id for d in got) == sorted(e.id for e in recording)
    items = list(itertools.islice(stream.follow("start"), len(recording) + 1))
    while items[-1] != Watermark(FOREVER):
        items = list(itertools.islice(stream.follow("start"), len(items) + 1))
    seen: Watermark | None = None
    for item in items:
        if isinstance(item, Watermark):
            seen = item
        elif isinstance(item, Delivery) and seen:
            assert item.event.received_at >= seen.time
    stream.delete()


def test_a_seek_goes_through_the_stream_as_a_reset() -> None:
    """Followers of the run start anew, and the same events come again."""
    stream = MemoryStream("replay-seek")
    player = replay(messages(0, 10, 20), "max")
    play_into(player, stream)
    player.seek(T0 + timedelta(seconds=10))
    assert play_into(player, stream).new == 2
    assert [d.event.id for d in stream.snapshot(9).deliveries] == ["test::1", "test::2"]
    stream.delete()
