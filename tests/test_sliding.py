"""Sliding windows: a list at each step, the same live and in batch, early and calm."""

from __future__ import annotations

import random
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtanalytics.erasure import deletions
from rtanalytics.event import Author, Event
from rtanalytics.feed import FOREVER, Delivery, Item, Reset, Watermark
from rtanalytics.settings import Settings, SettingsError
from rtanalytics.topics import TrendBin, Trender, trends
from tests.test_topics import AT, GRACE, WIDTH, chatter, say

STEP = timedelta(minutes=1)


def sliding(events: list[Event], **options: Any) -> list[TrendBin]:
    return list(trends(events, bin=WIDTH, grace=GRACE, every=STEP, **options))


def live(events: list[Event], size: int, rhythm: timedelta, **options: Any) -> list[TrendBin]:
    """Deliver events in batches of ``size``, with a watermark every ``rhythm``."""
    trender, lists, mark = Trender(bin=WIDTH, grace=GRACE, every=STEP, **options), [], AT
    for start in range(0, len(events), size):
        batch: list[Item] = []
        for event in events[start : start + size]:
            while event.received_at >= mark + rhythm:
                mark += rhythm
                batch.append(Watermark(mark))
            batch.append(Delivery(0, event))
        lists += trender.push(batch)
    return lists + trender.push([Watermark(FOREVER)])


@settings(max_examples=8, deadline=None)
@given(st.integers(1, 60), st.integers(1, 40), st.integers(0, 5))
def test_live_equals_batch(size: int, minutes: int, seed: int) -> None:
    """With late, edited and deleted messages, whatever the batches and the rhythm of the watermarks."""
    events = chatter(seed)
    assert live(events, size, timedelta(minutes=minutes)) == sliding(events)


@settings(max_examples=8, deadline=None)
@given(st.randoms(use_true_random=False))
def test_order_and_repeats_between_two_watermarks_change_nothing(shuffle: random.Random) -> None:
    """Events shuffled between two watermarks, and delivered three times, give the same lists."""
    events, again, mark, step = chatter(), [], AT, timedelta(seconds=30)
    while mark < events[-1].received_at + step:
        part = [e for e in events if mark <= e.received_at < mark + step] * 3
        shuffle.shuffle(part)
        again += part
        mark += step
    assert live(again, 7, step) == sliding(events)


@pytest.mark.parametrize(
    "algorithm", ["count", "decay", "ewma", "poisson", "seasonal-poisson", "change-point"]
)
def test_every_algorithm_slides(algorithm: str) -> None:
    """And lists ahead of the end of a bin do not change what is learned from it."""
    events = chatter()
    lists = sliding(events, algorithm=algorithm)
    assert live(events, 5, timedelta(minutes=3), algorithm=algorithm) == lists
    whole = {b.end: b for b in trends(events, bin=WIDTH, grace=GRACE, algorithm=algorithm)}
    for bin in lists:
        if bin.end in whole:
            assert (bin.messages, bin.authors) == (whole[bin.end].messages, whole[bin.end].authors)
            expected = {trend.terms[0]: trend.expected for trend in whole[bin.end].trends}
            for trend in bin.trends:
                assert trend.expected == expected.get(trend.terms[0], trend.expected)


def test_a_reset_forgets_everything() -> None:
    """After a seek the lists are those of a trender that starts there."""
    events = chatter()
    trender = Trender(bin=WIDTH, grace=GRACE, every=STEP)
    items: list[Item] = [Delivery(0, e) for e in events]
    trender.push([*items, Watermark(AT + timedelta(minutes=50))])
    assert trender.push([Reset("seek"), *items, Watermark(FOREVER)]) == sliding(events)


def test_steps_follow_each_other_and_windows_have_the_width_of_a_bin() -> None:
    """So lists do not overlap, and what was counted is known."""
    lists = sliding(chatter())
    assert {bin.end - bin.start for bin in lists} == {STEP}
    assert {bin.end - bin.counted_from for bin in lists} == {WIDTH}
    assert all(one.end == other.start for one, other in pairwise(lists))
    for bin in lists:
        assert all((t.bin_start, t.bin_end) == (bin.start, bin.end) for t in bin.trends)


def burst(start: float, number: int, of: int = 12) -> list[Event]:
    words = "great slides room front wow notes today live stage quiet jokes birds".split()
    texts = [f"{words[i % 12]} at the Zanzibar keynote, {words[(5 * i + 1) % 12]}" for i in range(of)]
    return [say(number + i, text, start + i / 6) for i, text in enumerate(texts)]


def test_a_topic_is_listed_before_its_bin_ends() -> None:
    """A burst in minutes 46 and 47 of an hour is listed by minute 48, not at its end."""
    quiet = [say(i, "hello from the hall", i / 4) for i in range(360)]
    events = sorted(quiet + burst(46, 1000), key=lambda e: e.received_at)
    first = next(bin for bin in sliding(events) if bin.trends)
    assert first.end <= AT + timedelta(minutes=48)
    assert next(b for b in trends(events, bin=WIDTH, grace=GRACE) if b.trends).end == AT + timedelta(
        minutes=60
    )


def test_a_topic_does_not_leave_and_return() -> None:
    """It stays while the talk about it pauses, and leaves once nobody has posted about it for long."""
    quiet = [say(i, "hello from the hall", i / 4) for i in range(560)]
    events = sorted(quiet + burst(46, 1000) + burst(70, 2000, 10), key=lambda e: e.received_at)
    listed = [bool(bin.trends) for bin in sliding(events)]
    assert listed.count(True) > 30
    changes = sum(a != b for a, b in pairwise(listed))
    assert changes == 2
    assert not listed[-1]


def test_a_person_who_asks_to_be_forgotten_leaves_the_list_at_once() -> None:
    """A topic that is only listed because it was found shortly before would still show their name."""
    quiet = [say(i, "hello from the hall", i / 4) for i in range(400)]
    events = sorted(quiet + burst(46, 1000), key=lambda e: e.received_at)
    trender = Trender(bin=WIDTH, grace=GRACE, every=STEP)
    at = AT + timedelta(minutes=66)
    before = trender.push([*(Delivery(0, e) for e in events if e.received_at < at), Watermark(at + GRACE)])
    assert before[-1].trends
    deletes = deletions({e.id: e.source for e in events if e.id.startswith("irc:x:10")}, ["mark"])
    items = [Delivery(0, delete) for delete in deletes]
    after = trender.push([*items, Watermark(at + timedelta(minutes=3))])
    assert [bin.trends for bin in after[-2:]] == [[], []]


def test_a_step_that_does_not_fit_is_refused() -> None:
    """And so is one for an algorithm that lists whole bins."""
    with pytest.raises(SettingsError, match="every = 4min does not divide bin = 15min"):
        Settings(bin="15min", every="4min")
    assert Settings(bin="15min", every="15min") == Settings(bin="15min")
    with pytest.raises(SettingsError, match="lists whole bins"):
        trends([], algorithm="mabed", every="1min")


def test_an_author_is_counted_once_in_a_window() -> None:
    """However many steps of the window have a message of the same person."""
    events = [say(i, "hello", i, author="ada") for i in range(14)]
    assert [bin.authors for bin in sliding(events)][:14] == [1] * 14
    assert Author(handle="ada") == events[0].author


def test_a_deleted_message_is_no_example_of_a_topic_that_lingers() -> None:
    """A view removes the quote once; the next lists must not bring it back."""
    quiet = [say(i, "hello from the hall", i / 4) for i in range(240)]
    trender = Trender(bin=WIDTH, grace=GRACE, every=STEP)
    events = sorted(quiet + burst(46, 1000), key=lambda e: e.received_at)
    at = AT + timedelta(minutes=62)
    before = trender.push([*(Delivery(0, e) for e in events if e.received_at < at), Watermark(at + GRACE)])
    gone = before[-1].trends[0].examples[0]
    delete = Event(id=gone, source="irc:#x", op="delete", created_at=at, received_at=at + GRACE)
    after = trender.push([Delivery(0, delete), Watermark(at + GRACE + 3 * STEP)])
    assert after[-1].trends
    assert all(gone not in trend.examples for bin in after[1:] for trend in bin.trends)


def test_silence_while_a_topic_lingers_is_not_learned() -> None:
    """Else a late message, after which the bins with messages are learned again, would change later lists."""
    quiet = [say(i, f"hello from the hall {i % 7}", i / 4) for i in range(240)]
    later = [say(3000 + i, f"hello again {i % 5}", 100 + i / 4) for i in range(120)]
    late = say(9000, "a late word", 50, delay=65)
    events = sorted([*quiet, *burst(46, 1000), *later, *burst(118, 2000)], key=lambda e: e.received_at)
    again = sorted([*events, late], key=lambda e: e.received_at)
    assert live(again, 11, timedelta(minutes=2)) == sliding(again)
