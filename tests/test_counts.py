"""Counting: exact, and the same however the events arrive."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtanalytics.counts import TermCounts
from rtanalytics.event import Author, Event
from tests import naive

AT = datetime(2026, 5, 15, 9, tzinfo=UTC)
WIDTH = timedelta(minutes=15)
WORDS = [
    "python",
    "Python",
    "#PyCon",
    "pycon",
    "@ada",
    "type",
    "hints",
    "the",
    "keynote,",
    "日本",
    "don't",
    "🎉",
]


def say(
    number: int, text: str, minute: float = 0, author: str = "ada", delay: float = 0, op: str = "create"
) -> Event:
    said = AT + timedelta(minutes=minute)
    return Event(
        id=f"irc:x:{number}", source="irc", author=Author(handle=author), text=text, created_at=said,
        received_at=said + timedelta(minutes=delay), op=op,  # type: ignore[arg-type]
    )  # fmt: skip


def table(counts: TermCounts) -> dict[tuple[str, int], tuple[int, int]]:
    """(term, bin) → (messages, authors)."""
    keys = counts.vocabulary.keys
    messages, authors = counts.cells("messages"), counts.cells("authors")
    assert messages.terms.tolist() == authors.terms.tolist()
    assert messages.bins.tolist() == authors.bins.tolist()
    return {
        (keys[t], b): (int(m), int(a))
        for t, b, m, a in zip(
            messages.terms.tolist(), messages.bins.tolist(), messages.counts, authors.counts, strict=True
        )
    }


events = st.lists(
    st.builds(
        say,
        st.integers(0, 15),
        st.lists(st.sampled_from(WORDS), max_size=5).map(" ".join),
        st.integers(0, 60),
        st.sampled_from(["ada", "Ada", "bob"]),
        st.integers(0, 40),
        st.sampled_from(["create"] * 4 + ["update", "delete"]),
    ),
    max_size=25,
)


@given(events)
def test_counts_equal_those_of_the_slow_twin(said: list[Event]) -> None:
    """Messages and distinct authors of every term and bin, over edits and deletes too."""
    counts = TermCounts(WIDTH)
    counts.add(said)
    assert table(counts) == naive.count(said, WIDTH)


@settings(max_examples=60)
@given(events, st.randoms(use_true_random=False), st.integers(1, 9))
def test_counts_do_not_depend_on_order_batches_or_repeats(
    said: list[Event], shuffle: random.Random, size: int
) -> None:
    """Delivered three times, shuffled, in batches of any size: the same numbers."""
    once, thrice = TermCounts(WIDTH), TermCounts(WIDTH)
    once.add(said)
    again = said * 3
    shuffle.shuffle(again)
    for i in range(0, len(again), size):
        thrice.add(again[i : i + size])
    assert table(thrice) == table(once)


@given(events)
def test_wider_bins_merge_authors_as_sets(said: list[Event]) -> None:
    """Bins of an hour made from quarters equal bins of an hour counted directly."""
    fine = TermCounts(WIDTH)
    fine.add(said)
    hour = timedelta(hours=1)
    assert table(fine.at(hour)) == naive.count(said, hour)


def test_a_bin_holds_its_start_and_not_its_end() -> None:
    """Bins are half-open, and start at multiples of their width."""
    counts = TermCounts(WIDTH)
    counts.add([say(1, "venv", 0), say(2, "venv", 14.999), say(3, "conda", 15)])
    first = counts.bin_of(AT)
    assert table(counts) == {("venv", first): (2, 1), ("conda", first + 1): (1, 1)}
    assert counts.start_of(first) == AT


def test_an_author_counts_once_and_a_message_once_for_a_term() -> None:
    """Saying a word again, in one message or the next, makes no second author."""
    counts = TermCounts(WIDTH)
    counts.add([say(1, "venv venv #venv"), say(2, "venv"), say(3, "VENV", author="bob")])
    assert table(counts) == {("venv", counts.bin_of(AT)): (3, 2)}


def test_totals_are_messages_and_distinct_authors_of_the_bin() -> None:
    """Also those that say no term at all."""
    counts = TermCounts(WIDTH)
    counts.add([say(1, "venv"), say(2, "the"), say(3, "", author="bob")])
    bin = counts.bin_of(AT)
    assert counts.bin(bin, "messages").total == 3
    assert counts.bin(bin, "authors").total == 2


def test_an_edit_and_a_delete_recount_the_bins_they_touch() -> None:
    """The former words vanish, and ``add`` says which bins changed."""
    counts = TermCounts(WIDTH)
    bin = counts.bin_of(AT)
    assert counts.add([say(1, "venv"), say(2, "venv", 20)]) == {bin, bin + 1}
    assert counts.add([say(1, "conda", delay=5, op="update")]) == {bin}
    assert table(counts) == {("conda", bin): (1, 1), ("venv", bin + 1): (1, 1)}
    assert counts.add([say(2, "", 20, delay=9, op="delete")]) == {bin + 1}
    assert counts.bins == [bin]
    assert counts.add([say(2, "venv", 20)]) == set()


def test_a_time_far_in_the_future_changes_nothing_else() -> None:
    """An event that claims next year counts when it was received."""
    counts = TermCounts(WIDTH)
    event = Event(
        id="irc:x:1", source="irc", text="venv", created_at=AT + timedelta(days=400), received_at=AT
    )
    counts.add([event])
    assert counts.bins == [counts.bin_of(AT)]


def test_times_before_1970_have_bins_too() -> None:
    """A recording may be older than the epoch from which bins are numbered."""
    counts = TermCounts(WIDTH)
    counts.add(
        [Event(id="letters:x:1", source="x", text="hello world", created_at=datetime(1910, 1, 1, tzinfo=UTC))]
    )
    assert counts.bin(counts.bins[0], "messages").total == 1


def test_widths_that_cannot_be_are_refused() -> None:
    """An empty bin, or one that is no multiple, raises and names the width."""
    with pytest.raises(ValueError, match="positive"):
        TermCounts(timedelta(0))
    with pytest.raises(ValueError, match="not a multiple"):
        TermCounts(WIDTH).at(timedelta(minutes=20))
    with pytest.raises(ValueError, match="wider bins"):
        TermCounts(WIDTH).at(2 * WIDTH).add([say(1, "x")])
