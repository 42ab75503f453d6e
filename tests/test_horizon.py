"""The horizon of counts: bounded memory, exact counts within."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtanalytics.counts import CHANNELS, TermCounts
from rtanalytics.event import Author, Event
from tests.test_counts import WIDTH, events, say, table

AT = datetime(2026, 5, 15, tzinfo=UTC)


def test_a_horizon_of_less_than_one_bin_is_refused() -> None:
    """The message names both."""
    with pytest.raises(ValueError, match=r"horizon \(0:01:00\) must be at least one bin \(0:15:00\)"):
        TermCounts(WIDTH, horizon=timedelta(minutes=1))


def stream(seed: int, n: int, minutes: float = 1.0) -> list[Event]:
    """Messages in the order in which they come, some late, some twice."""
    chance = random.Random(seed)
    said = [
        say(
            i,
            " ".join(chance.choices(["venv", "conda", "type", "hints", "pip", f"w{i}x"], k=3)),
            i * minutes,
            f"p{chance.randrange(9)}",
        )
        for i in range(n)
    ]
    said += chance.choices(said, k=n // 5)
    return sorted(said, key=lambda e: (e.created_at + timedelta(minutes=chance.expovariate(0.05)), e.id))


@pytest.mark.parametrize("size", [1, 7, 100, 5_000])
def test_within_the_horizon_batches_of_any_size_give_equal_counts(size: int) -> None:
    """Bins and what arrived too late are the same event by event and in one batch."""
    said = stream(3, 4_000)
    once, parts = (TermCounts(WIDTH, horizon=timedelta(hours=1)) for _ in range(2))
    once.add(said)
    for i in range(0, len(said), size):
        parts.add(said[i : i + size])
    assert table(parts) == table(once)
    assert parts.too_old == once.too_old > 0


def test_bins_within_the_horizon_are_those_without_one() -> None:
    """The horizon changes nothing that it leaves."""
    said = stream(4, 3_000)
    bounded, whole = TermCounts(WIDTH, horizon=timedelta(hours=3)), TermCounts(WIDTH)
    bounded.add(said)
    whole.add(said)
    assert 10 <= len(bounded.bins) <= 13
    assert {cell: n for cell, n in table(whole).items() if cell[1] in bounded.bins} == table(bounded)


@settings(deadline=None, max_examples=60)
@given(events, st.integers(1, 6))
def test_with_edits_deletes_and_repeats_batches_give_equal_counts(said: list[Event], size: int) -> None:
    """However the events are cut into batches, the bins within the horizon are equal."""
    once, parts = (TermCounts(WIDTH, horizon=2 * WIDTH) for _ in range(2))
    once.add(said)
    for i in range(0, len(said), size):
        parts.add(said[i : i + size])
    assert table(parts) == table(once)


def test_an_endless_stream_is_forgotten_up_to_the_horizon() -> None:
    """What the log holds after twenty thousand messages is what it holds after four thousand."""
    counts = TermCounts(WIDTH, horizon=timedelta(hours=2))
    held = []
    for first in range(0, 20_000, 500):
        counts.add([say(i, f"venv conda pip w{i % 50}", i / 4) for i in range(first, first + 500)])
        held.append((len(counts.ids) - counts._log.base, counts._log.tokens.size, len(counts._index)))
    assert max(h[0] for h in held[8:]) <= 4_000
    assert max(h[1] for h in held[8:]) <= 6 * 4_000
    assert max(h[2] for h in held[8:]) <= 4_000
    with pytest.raises(IndexError, match="not in the log"):
        counts.ids[0]


def test_a_vocabulary_is_cut_back_with_the_horizon_and_the_counts_stay() -> None:
    """Words and people that are never met again leave memory; bins, late edits and phrases stay exact."""
    dice = random.Random(4)
    languages = ["de", "en", None]
    events = []
    for n in range(9000):
        words = [f"w{dice.randrange(10**8)}" for _ in range(8)] + [f"k{dice.randrange(60)}" for _ in range(4)]
        said = " ".join([*words, f"#Tag{n % 40}", "日本", "und", "pycon.org/x", "\u00e9t\u00e9"])
        at = AT + n * timedelta(minutes=1)
        author = Author(handle=f"p{dice.randrange(10**6)}")
        events.append(
            Event(id=f"x::{n}", source="x", text=said, created_at=at, author=author, lang=languages[n % 3])
        )
    edit = msgspec.structs.replace(events[-40], text="edited k1 k2", rev="2", edited_at=events[-1].created_at)
    bounded, whole = TermCounts(WIDTH, horizon=timedelta(hours=6)), TermCounts(WIDTH)
    for counts in (bounded, whole):
        for first in range(0, len(events), 500):
            counts.add(events[first : first + 500])
        counts.renumber()
        counts.add([edit])
    assert len(bounded.vocabulary.surfaces) < len(whole.vocabulary.surfaces) / 10
    for bin in bounded.bins:
        for channel in CHANNELS:
            ours, theirs = (
                {c.vocabulary.keys[t]: n for t, n in zip(b.terms.tolist(), b.counts.tolist(), strict=True)}
                for c in (bounded, whole)
                for b in [c.bin(bin, channel)]
            )
            assert ours == theirs
    assert bounded.mute([events[-1].author.handle]) == whole.mute([events[-1].author.handle])
