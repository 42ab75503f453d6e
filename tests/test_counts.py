"""Counting: exact, and the same however the events arrive."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtanalytics.counts import CHANNELS, Channel, TermCounts
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
        received_at=said + timedelta(minutes=delay), op=op, rev=f"{op} {text} {minute} {author}",
    )  # fmt: skip


def table(counts: TermCounts) -> dict[tuple[str, int], tuple[int, ...]]:
    """(term, bin) → count in each channel."""
    keys = counts.vocabulary.keys
    by_channel = [
        {
            (keys[t], b): int(n)
            for t, b, n in zip(cells.terms.tolist(), cells.bins.tolist(), cells.counts, strict=True)
        }
        for cells in (counts.cells(channel) for channel in CHANNELS)
    ]
    return {cell: tuple(said.get(cell, 0) for said in by_channel) for cell in by_channel[0]}


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


@settings(deadline=None)
@given(events)
def test_counts_equal_those_of_the_reference_implementation(said: list[Event]) -> None:
    """Messages and distinct authors of every term and bin, over edits and deletes too."""
    counts = TermCounts(WIDTH)
    counts.add(said)
    assert table(counts) == naive.count(said, WIDTH)


@settings(max_examples=60, deadline=None)
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


def test_a_bin_holds_its_start_and_not_its_end() -> None:
    """Bins are half-open, and start at multiples of their width."""
    counts = TermCounts(WIDTH)
    counts.add([say(1, "venv", 0), say(2, "venv", 14.999), say(3, "conda", 15)])
    first = counts.bin_of(AT)
    assert table(counts) == {("venv", first): (2, 1, 1), ("conda", first + 1): (1, 1, 1)}
    assert counts.start_of(first) == AT


def test_an_author_counts_once_and_a_message_once_for_a_term() -> None:
    """Saying a word again, in one message or the next, makes no second author."""
    counts = TermCounts(WIDTH)
    counts.add([say(1, "venv venv #venv"), say(2, "venv"), say(3, "VENV", author="bob")])
    assert table(counts) == {("venv", counts.bin_of(AT)): (3, 2, 2)}


def test_a_message_without_an_author_is_a_voice_and_nobodys() -> None:
    """It counts beside the authors, so that it can trend; people are those that are known, in a table too."""
    nobody, no_name = say(2, "venv"), say(3, "venv")
    nobody = msgspec.structs.replace(nobody, author=None)
    no_name = msgspec.structs.replace(no_name, author=Author(handle=""))
    said = [say(1, "venv"), nobody, no_name, say(4, "venv", author="Ada")]
    as_table = pa.table(
        {
            "id": [event.id for event in said],
            "source": ["irc"] * 4,
            "created_at": [event.created_at for event in said],
            "text": ["venv"] * 4,
            "author": ["ada", None, "", "Ada"],
        }
    )
    for how in (said, as_table):
        counts = TermCounts()
        counts.add(how)
        (bin,) = counts.bins
        assert counts.bin(bin, "authors").total == 3
        assert counts.people(counts.rows(bin)) == 1


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
    assert table(counts) == {("conda", bin): (1, 1, 1), ("venv", bin + 1): (1, 1, 1)}
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
    """The message names the width."""
    with pytest.raises(ValueError, match="positive, not 0:00:00"):
        TermCounts(timedelta(0))


RETWEETED = "Julia Silge shows how tidy text mining finds the joy in old novels"


def test_copies_count_once_in_the_channel_deduped() -> None:
    """Retweets, with and without their header, cut at the end or passed on with a word, are one voice."""
    counts = TermCounts(WIDTH)
    texts = [
        RETWEETED,
        f"RT @ada: {RETWEETED}",
        f"{RETWEETED.upper()} https://example.org/x",
        f"RT @ada: {RETWEETED[:58]}…",
        f"Wow! RT @bob: {RETWEETED}",
    ]
    counts.add([say(i, text, i, f"p{i}") for i, text in enumerate(texts)])
    counts.add([say(9, "Julia Silge was great", 9, "p9")])
    assert table(counts)["julia silge", counts.bin_of(AT)] == (6, 6, 2)


def test_short_messages_are_no_copies_of_each_other() -> None:
    """People do say the same: two words in common make no storm of copies."""
    counts = TermCounts(WIDTH)
    counts.add([say(i, "great keynote", i, f"p{i}") for i in range(4)])
    assert table(counts)["keynote", counts.bin_of(AT)] == (4, 4, 4)


@pytest.mark.parametrize("seed", range(30))
def test_copies_are_found_like_by_comparing_all_with_all(seed: int) -> None:
    """Of texts changed at random, those from a similarity of 0.6 on are one, the others are not."""
    chance = random.Random(seed)
    vocabulary = [f"w{i}x" for i in range(400)]
    said = []
    for i in range(12):
        words = chance.sample(vocabulary, 20)
        for copy in range(chance.randrange(4)):
            changed = words[: chance.choice([20, 20, 18])]
            if chance.random() < 0.5:
                changed[chance.randrange(len(changed))] = "other"
            said.append(say(100 * i + copy, " ".join(changed), i, f"p{chance.randrange(9)}"))
    counts = TermCounts(WIDTH)
    counts.add(said)
    assert table(counts) == naive.count(said, WIDTH)


def test_a_muted_author_counts_no_more_and_never_again() -> None:
    """What was said before and what follows is left out of the bins, whatever the case of the name."""
    counts = TermCounts(WIDTH)
    bin = counts.bin_of(AT)
    counts.add([say(1, "venv"), say(2, "venv", author="bob"), say(3, "venv", 20, author="bob")])
    assert counts.mute(["BOB"]) == {bin, bin + 1}
    counts.add([say(4, "venv", author="Bob")])
    assert table(counts) == {("venv", bin): (1, 1, 1)}
    assert counts.mute(["bob"]) == set()


def test_a_phrase_and_a_tag_of_the_same_letters_are_counted_together() -> None:
    """``#日本`` and the neighbours ``日`` and ``本`` are one term, once a message."""
    counts = TermCounts(WIDTH)
    counts.add([say(1, "日本 #日本"), say(2, "日本")])
    assert table(counts)["日本", counts.bin_of(AT)] == (2, 1, 1)


def test_an_unknown_channel_is_refused() -> None:
    """With the names of those there are."""
    with pytest.raises(
        ValueError, match=r"unknown channel 'people' \(channels: messages, authors, deduped\)"
    ):
        TermCounts(WIDTH).bin(0, "people")  # type: ignore[arg-type]


def test_a_table_counts_as_its_events_do() -> None:
    """Columns of an archive, with everything that an event may have, give the counts of the events."""
    chance = random.Random(7)
    said = []
    for i in range(300):
        at = AT + timedelta(minutes=chance.randrange(90))
        given = {
            "title": chance.choice([None, None, "Notes on #PyCon"]),
            "text": chance.choice(
                [None, "", "type hints &amp; venv", "die Katze, cafe\u0301", "https://t.co/x ok"]
            ),
            "tags": chance.choice([[], ["python"]]),
            "links": chance.choice([[], ["https://peps.python.org/pep-0484"]]),
            "lang": chance.choice([None, "en", "de-AT", "xx"]),
            "op": chance.choice(["create", "create", "update", "delete"]),
            "author": chance.choice(
                [
                    None,
                    Author(handle="Ada"),
                    Author(handle="ada", id="7"),
                    Author(handle=""),
                    Author(handle="bob"),
                ]
            ),
        }
        said.append(
            Event(
                id=f"{chance.choice(['irc', 'x'])}:y:{chance.randrange(200)}", source=chance.choice("ab"), rev=str(i),
                created_at=at, received_at=at + timedelta(minutes=chance.randrange(-20, 30)), **given,
            )
        )  # fmt: skip
    from rtanalytics.archive.columns import to_table

    by_event, by_table = TermCounts(WIDTH), TermCounts(WIDTH)
    by_event.mute(["bob"])
    by_table.mute(["bob"])
    by_event.add(said)
    table_ = to_table(said)
    for first in range(0, 300, 77):
        by_table.add(table_.slice(first, 77))
    assert table(by_table) == table(by_event)
    assert len(table(by_table)) > 30
    assert by_table.duplicates == by_event.duplicates > 0
    rows = by_table.rows(by_table.bins[0])
    assert by_table.sources(rows) == by_event.sources(rows)
    with pytest.raises(ValueError, match="has no column 'created_at'"):
        by_table.add(table_.drop_columns(["created_at"]))


def test_stop_words_are_those_of_the_messages_language() -> None:
    """An English "die" is a word, a German one is not, nor is one of which nobody knows the language."""
    counts = TermCounts(WIDTH)
    for i, lang in enumerate(["en", "de", "de-CH", None, "tlh"]):
        said = Event(id=f"irc:x:{i}", source="irc", text="die venv", lang=lang, created_at=AT)
        counts.add([said])
    bin = counts.bin_of(AT)
    assert table(counts)["die", bin][0] == 1
    assert table(counts)["venv", bin][0] == 5


def test_words_that_meet_by_chance_are_no_phrase() -> None:
    """Two words as often together as chance would have it are two words; seldom ones together are one."""
    counts = TermCounts(WIDTH)
    texts = ["keynote python", "python keynote", "keynote", "python", "python keynote"] * 4
    texts += ["type hints"] * 2 + ["mamba"] * 2
    counts.add([say(i, text, i / 10, f"p{i}") for i, text in enumerate(texts)])
    found = {key for key, _ in table(counts)}
    assert "type hints" in found
    assert "python keynote" not in found


@pytest.mark.data
def test_counts_of_real_recordings_do_not_depend_on_how_they_arrive(data_folder: Path) -> None:
    """Once, three times, shuffled within the grace, as a table, in batches of any size: equal cells."""
    from rtanalytics.archive.columns import to_table
    from rtanalytics.importers import open_events

    files = sorted((data_folder / "recordings").glob("*.parquet"))
    assert len(files) >= 10
    for number, file in enumerate(files):
        by_id = {e.id: e for e in open_events(file) if isinstance(e, Event)}
        said = sorted(by_id.values(), key=lambda e: (e.received_at, e.id))
        chance = random.Random(number)
        once, thrice, parts, columns = (TermCounts(WIDTH) for _ in range(4))
        once.add(said)
        expected = {channel: named(once, channel) for channel in CHANNELS}
        again = said * 3
        again.sort(key=lambda e: e.received_at + timedelta(minutes=5 * chance.random()))
        thrice.add(again)
        assert thrice.duplicates == 2 * len(said)
        first = 0
        while first < len(said):
            size = chance.choice([1, 7, 100, 1000, 5000])
            parts.add(said[first : first + size])
            first += size
        columns.add(to_table(said))
        for other in (thrice, parts, columns):
            for channel in CHANNELS:
                assert named(other, channel) == expected[channel], file.name


def named(counts: TermCounts, channel: Channel) -> dict[tuple[str, int], float]:
    """(term, bin) → count in one channel."""
    keys, cells = counts.vocabulary.keys, counts.cells(channel)
    return dict(
        zip(
            zip([keys[t] for t in cells.terms.tolist()], cells.bins.tolist(), strict=True),
            cells.counts.tolist(),
            strict=True,
        )
    )
