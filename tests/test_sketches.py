"""Sketches and the horizon: bounded memory, stated errors, exact within."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtanalytics.counts import CHANNELS, CountMin, Frequent, TermCounts
from rtanalytics.event import Author, Event
from tests.test_counts import WIDTH, events, say, table

AT = datetime(2026, 5, 15, tzinfo=UTC)
STREAMS = st.lists(st.tuples(st.sampled_from([f"w{i}" for i in range(40)]), st.integers(0, 30)), max_size=200)


def zipf(seed: int, keys: int = 20_000, n: int = 100_000) -> Counter[str]:
    chance = random.Random(seed)
    ranks = chance.choices(range(keys), [1 / (rank + 1) for rank in range(keys)], k=n)
    return Counter(f"w{rank}" for rank in ranks)


@pytest.mark.parametrize("seed", range(3))
def test_count_min_is_never_too_low_and_within_its_error_for_all_but_its_doubt(seed: int) -> None:
    """100 000 words of 20 000: every answer at least the truth, at most a share δ above it by εN."""
    truth = zipf(seed)
    sketch = CountMin(error=0.001, doubt=0.01, seed=seed)
    for i in range(0, len(truth), 999):
        part = list(truth)[i : i + 999]
        sketch.add(part, [truth[key] for key in part])
    assert sketch.total == truth.total()
    beyond = [sketch.count(key) - n for key, n in truth.items()]
    assert min(beyond) >= 0
    bad = sum(b > sketch.error * sketch.total for b in beyond)
    assert bad <= sketch.doubt * len(truth)


def test_a_coarse_count_min_does_err() -> None:
    """The error that is allowed is really used by a sketch of few cells: the test above can fail."""
    truth = zipf(1)
    sketch = CountMin(error=0.3, doubt=0.4)
    sketch.add(list(truth), list(truth.values()))
    assert any(sketch.count(key) > n for key, n in truth.items())


@given(STREAMS, st.integers(1, 12))
def test_frequent_is_never_too_high_and_lacks_at_most_what_it_says(
    said: list[tuple[str, int]], size: int
) -> None:
    """true − lowered ≤ count ≤ true, lowered ≤ N/(size + 1), and whatever is commoner is there."""
    frequent, truth = Frequent(size), Counter[str]()
    for key, n in said:
        frequent.add([key], [n])
        truth[key] += n
    assert len(frequent) <= size
    assert frequent.lowered <= truth.total() / (size + 1)
    for key, n in truth.items():
        assert n - frequent.lowered <= frequent.count(key) <= n
    common = {key for key, n in truth.items() if n > truth.total() / (size + 1)}
    assert common <= {key for key, _ in frequent.top(size)}


def test_sketches_refuse_what_makes_no_sense() -> None:
    """Shares outside 0 to 1 and no counters at all raise and name the value."""
    with pytest.raises(ValueError, match="not 0 and"):
        CountMin(error=0)
    with pytest.raises(ValueError, match="not 0"):
        Frequent(0)
    with pytest.raises(ValueError, match="keeps no bin"):
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
    """Bins, what was folded and what came too late are the same event by event and in one go."""
    said = stream(3, 4_000)
    once, parts = (TermCounts(WIDTH, horizon=timedelta(hours=1)) for _ in range(2))
    once.add(said)
    for i in range(0, len(said), size):
        parts.add(said[i : i + size])
    assert table(parts) == table(once)
    assert parts.too_old == once.too_old > 0
    for channel in CHANNELS:
        assert parts.past.total(channel) == once.past.total(channel)
        assert parts.past.top(50, channel) == once.past.top(50, channel)


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


def test_the_past_knows_sums_within_its_error() -> None:
    """Folded and kept counts together are those of all events, but for the stated error."""
    said = sorted({e.id: e for e in stream(5, 6_000)}.values(), key=lambda e: e.created_at)
    bounded, whole = TermCounts(WIDTH, horizon=timedelta(hours=2)), TermCounts(WIDTH)
    bounded.add(said)
    whole.add(said)
    past = bounded.past
    assert past is not None
    assert past.bins == len(whole.bins) - len(bounded.bins) > 300
    for channel in CHANNELS:
        place = CHANNELS.index(channel)
        truth = Counter[str]()
        for (key, bin), n in table(whole).items():
            if bin not in bounded.bins:
                truth[key] += n[place]
        for key, n in truth.items():
            assert n <= past.count(key, channel) <= n + past.error(channel) + 1
        assert dict(past.top(5, channel)) == {k: truth[k] for k, _ in past.top(5, channel)}
    assert past.total("messages") + sum(bounded.bin(b).total for b in bounded.bins) == 6_000


def test_an_endless_stream_is_forgotten_up_to_the_horizon() -> None:
    """What the log holds after twenty thousand messages is what it holds after four thousand."""
    counts = TermCounts(WIDTH, horizon=timedelta(hours=2))
    held = []
    for first in range(0, 20_000, 500):
        counts.add([say(i, f"venv conda pip w{i % 50}", i / 4) for i in range(first, first + 500)])
        held.append((len(counts.ids) - counts._log.base, counts._log.tokens.size, len(counts._current)))
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
