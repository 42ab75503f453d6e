"""Trends: the same live and in batch, one topic for what is said together, no stop topics."""

from __future__ import annotations

import math
import os
import pickle
import random
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtanalytics.algorithms.checkpoints import Checkpoints
from rtanalytics.counts import TermCounts
from rtanalytics.event import Author, Event
from rtanalytics.feed import FOREVER, Delivery, Item, Reset, Watermark, as_feed
from rtanalytics.schedule import Schedule, Talk
from rtanalytics.settings import SettingsError
from rtanalytics.topics import Settings, TopicFilter, TopicModel, Trend, TrendBin, Trender, trends
from rtanalytics.topics.identity import Topics
from rtanalytics.topics.name_likeness import NameLikeness
from rtanalytics.topics.selection import DisplayHistory
from rtanalytics.trending import get

AT = datetime(2026, 5, 15, 9, tzinfo=UTC)
WIDTH, GRACE = timedelta(minutes=15), timedelta(minutes=1)
DATA = Path(os.environ.get("RTANALYTICS_DATA", Path(__file__).parents[2] / "shared" / "data"))


def say(
    number: int, text: str, minute: float, author: str = "", delay: float = 0, op: Any = "create"
) -> Event:
    said = AT + timedelta(minutes=minute)
    return Event(
        id=f"irc:x:{number}", source="irc:#x", author=Author(handle=author or f"p{number}"), text=text,
        created_at=said, received_at=said + timedelta(minutes=delay), op=op,
    )  # fmt: skip


def chatter(seed: int = 1) -> list[Event]:
    """Two hours of talk with two bursts, and some late, edited and deleted messages."""
    chance = random.Random(seed)
    words = "coffee python room wifi slides lunch demo queue badge shirt".split()
    said = []
    for i in range(240):
        minute = i / 2
        text = " ".join(chance.sample(words, 3))
        if 45 <= minute < 60 and i % 2:
            text += " Guido Example keynote"
        if 75 <= minute < 90 and i % 3 == 0:
            text = "the #venv demo by @ada"
        delay = chance.choice([0, 0, 0, 0.5, 0.9, 20, 40])
        said.append(say(i, f"{text} #conf26", minute, f"p{i % 23}", delay))
        if i % 20 == 7:
            said.append(say(i, f"{text} edited", minute, f"p{i % 23}", delay + 17, "update"))
        if i % 30 == 11:
            said.append(say(i, "", minute, f"p{i % 23}", delay + 33, "delete"))
    return sorted(said, key=lambda e: e.received_at)


def live(said: list[Event], size: int, every: timedelta, **settings: Any) -> list[TrendBin]:
    """Trends of a log that is delivered in batches, with a watermark now and then."""
    trender, told = Trender(bin=WIDTH, grace=GRACE, **settings), []
    mark = AT
    for start in range(0, len(said), size):
        batch: list[Item] = []
        for event in said[start : start + size]:
            while event.received_at >= mark + every:
                mark += every
                batch.append(Watermark(mark))
            batch.append(Delivery(0, event))
        told += trender.push(batch)
    return told + trender.push([Watermark(FOREVER)])


def batch(said: list[Event], **settings: Any) -> list[TrendBin]:
    return list(trends(said, bin=WIDTH, grace=GRACE, **settings))


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 60), st.integers(1, 40), st.integers(0, 5))
def test_live_equals_batch_however_it_is_batched(size: int, minutes: int, seed: int) -> None:
    """Any batching and any rhythm of watermarks tells what one pass over all events tells."""
    said = chatter(seed)
    assert live(said, size, timedelta(minutes=minutes)) == batch(said)


@settings(max_examples=15, deadline=None)
@given(st.randoms(use_true_random=False))
def test_order_within_the_grace_and_repeats_change_nothing(shuffle: random.Random) -> None:
    """Events shuffled between two watermarks, and delivered three times, tell the same trends."""
    said = chatter()
    again: list[Event] = []
    step = timedelta(seconds=30)
    mark = AT
    while mark < said[-1].received_at + step:
        part = [e for e in said if mark <= e.received_at < mark + step] * 3
        shuffle.shuffle(part)
        again += part
        mark += step
    assert live(again, 7, step) == batch(said)


@pytest.mark.parametrize("algorithm", ["count", "decay", "ewma", "poisson", "seasonal-poisson"])
def test_every_algorithm_tells_the_same_live_and_in_batch(algorithm: str) -> None:
    """States that are learnt again after a late event equal those that knew it in time."""
    said = chatter()
    assert live(said, 5, timedelta(minutes=3), algorithm=algorithm) == batch(said, algorithm=algorithm)


def test_a_burst_is_told_once_under_its_full_name_with_its_reasons() -> None:
    """Words of a name that burst together are one topic, with counts, people and examples."""
    told = {bin.start: bin.trends for bin in batch(chatter())}
    keynote = told[AT + timedelta(minutes=45)][0]
    assert keynote.label == "Guido Example keynote"
    assert sum("guido" in " ".join(t.terms).lower() for t in told[AT + timedelta(minutes=45)]) == 1
    assert keynote.rank == 1
    assert keynote.observed > 5 * keynote.expected
    assert keynote.messages >= keynote.authors >= 2
    assert len(keynote.examples) == len(set(keynote.examples)) == 3
    assert keynote.sources == {"irc:#x": keynote.messages}


def test_the_conferences_own_tags_never_trend() -> None:
    """Neither when they are given, nor, learnt, when they are in a fifth of all messages."""
    burst = [say(1000 + i, "#conf26 starts #other", 61 + i / 4) for i in range(20)]
    said = sorted(chatter() + burst, key=lambda e: e.received_at)
    for own in (frozenset(), frozenset({"conf26"})):
        terms = {term for bin in batch(said, own_tags=own) for t in bin.trends for term in t.terms}
        assert "#other" in terms
        assert "#conf26" not in terms


def test_own_tags_are_learnt_from_the_past_only() -> None:
    """What becomes common later does not bar a term from trending before."""
    said = [say(i, "hello there friends", i / 4) for i in range(120)]
    said += [say(200 + i, "#new thing", 31 + i) for i in range(5)]
    later = [say(300 + i, "#new", 46 + i / 100) for i in range(900)]
    early = batch(said)
    assert any("#new" in t.terms for bin in early for t in bin.trends)
    assert batch(said + later)[: len(early) - 1] == early[:-1]


def test_ignored_terms_and_muted_authors_do_not_count() -> None:
    """An ignored term is no topic; a muted author is not even counted."""
    said = chatter()
    ignored = batch(said, ignore=frozenset({"Guido", "keynote"}))
    assert not {"Guido", "keynote"} & {term for bin in ignored for t in bin.trends for term in t.terms}
    muted = batch(said, mute=frozenset({"P3"}))
    assert muted == batch([e for e in said if e.handle != "p3"])


def test_a_late_event_counts_in_its_bin_but_changes_no_trend_already_told() -> None:
    """It is history for the bins that close after it was received, and is reported as late."""
    quiet = [say(i, "hello", i / 4) for i in range(240)]
    late = [say(900 + i, "venv", 20 + i / 10, delay=15) for i in range(10)]
    now = [say(800 + i, "venv", 46 + i / 10) for i in range(9)]
    without, told = batch(quiet + now), batch(quiet + late + now)
    assert [b.trends for b in told[:3]] == [b.trends for b in without[:3]]
    assert sum(bin.late for bin in told) == 10
    assert told[3].trends == []
    assert without[3].trends[0].label == "venv"


def test_a_bin_closes_when_the_watermark_passes_its_end_and_the_grace() -> None:
    """Not at its end, and without waiting for an event of the next bin."""
    trender = Trender(bin=WIDTH, grace=GRACE)
    end = AT + WIDTH
    assert trender.push([Delivery(1, say(1, "hello", 1)), Watermark(end + GRACE / 2)]) == []
    assert [bin.start for bin in trender.push([Watermark(end + GRACE)])] == [AT]
    assert trender.push([Watermark(FOREVER)]) == []


def test_an_empty_bin_is_returned_once_when_nobody_posts() -> None:
    """A view that asks for it shows that nothing trends any more; the other bins stay as they are."""
    trender = Trender(bin=WIDTH, grace=GRACE)
    assert trender.push([Watermark(AT + 5 * WIDTH)], empty=True) == []
    first = Delivery(1, say(1, "hello", 5 * WIDTH / timedelta(minutes=1) + 1))
    closed = [trender.push([*items, Watermark(AT + at)], empty=True) for items, at in [
        ([first], 6 * WIDTH + GRACE), ([], 6.5 * WIDTH + GRACE), ([], 7 * WIDTH + GRACE),
        ([], 7 * WIDTH + 2 * GRACE), ([], 20 * WIDTH + GRACE),
    ]]  # fmt: skip
    assert [[(bin.start, bin.messages, bin.trends) for bin in bins] for bins in closed] == [
        [(AT + 5 * WIDTH, 1, [])], [], [(AT + 6 * WIDTH, 0, [])], [], [(AT + 19 * WIDTH, 0, [])],
    ]  # fmt: skip
    late = say(2, "late", 19.5 * WIDTH / timedelta(minutes=1), delay=60)
    assert [bin.start for bin in trender.push([Delivery(2, late), Watermark(FOREVER)], empty=True)] != [
        AT + 19 * WIDTH
    ]


def test_a_long_silence_costs_nothing_and_the_end_of_time_is_near() -> None:
    """Decades between two bins, and the final watermark, are passed at once."""
    later = Event(id="x:y:1", source="x", text="hello again", created_at=AT + timedelta(days=30_000))
    told = batch([say(1, "hello", 0), later])
    assert [bin.start for bin in told] == [AT, AT + timedelta(days=30_000)]


def test_a_reset_forgets_everything() -> None:
    """After a seek the trends are those of a trender that starts there."""
    said = chatter()
    trender = Trender(bin=WIDTH, grace=GRACE)
    items: list[Item] = [Delivery(0, e) for e in said]
    trender.push([*items, Watermark(AT + timedelta(minutes=50))])
    assert trender.push([Reset("seek"), *items, Watermark(FOREVER)]) == batch(said)


def test_a_trend_names_the_talks_that_were_on() -> None:
    """Titles of the talks that share time with the bin."""
    talk = Talk(id="1", title="Packaging", start=AT + timedelta(minutes=50), end=AT + timedelta(minutes=70))
    told = batch(chatter(), schedule=Schedule([talk]))
    assert {bin.start: bin.trends[0].talks for bin in told if bin.trends}[AT + 3 * WIDTH] == ["Packaging"]


def test_a_name_is_what_people_write_with_a_capital_within_a_sentence() -> None:
    """Not what begins one; a handle is always a name, and a phrase is one as far as its words are."""
    counts = TermCounts(WIDTH)
    said = [say(i, "Slides of Ada Example, who was great. Coffee with @ada", i) for i in range(10)]
    counts.add(said)
    names = NameLikeness(counts)
    for bin in counts.bins:
        counts.bin_messages(bin)
        names.learn(counts.rows(bin))
    keys = counts.vocabulary.keys
    like = dict(zip(keys, names.likeness(np.arange(len(keys))).tolist(), strict=True))
    assert like["ada example"] > 0.8
    assert like["ada"] > 0.8
    assert like["@ada"] == 1.0
    assert like["coffee"] == like["slides"] == like["great"] == 0.0


def test_one_person_however_loud_makes_no_topic() -> None:
    """Twelve messages by one author tell nothing; the same by twelve people do."""
    quiet = [say(i, "hello there", i / 4) for i in range(120)]
    for author, expected in (("loud", []), ("", ["@ada"])):
        burst = [say(500 + i, "@ada on stage", 31 + i, author) for i in range(12)]
        told = batch(quiet + burst)[-1]
        assert [t.label for t in told.trends] == expected


def test_a_handle_that_people_say_with_a_topic_is_among_its_first_terms() -> None:
    """Even where the handle itself is nothing new."""
    chance = random.Random(3)
    said = [say(i, chance.choice(["hello there", "thanks @ada"]), i / 4) for i in range(240)]
    said += [say(500 + i, "Zeallot package, says @ada", 61 + i / 4) for i in range(12)]
    topic = batch(said)[4].trends[0]
    assert "Zeallot" in " ".join(topic.terms)
    assert "@ada" in topic.terms[:3]


def test_what_is_in_most_lists_is_no_news() -> None:
    """A term may be told a few times, and then only as often as its share of the lists allows."""
    taste, shown = TopicFilter(max_list_share=0.1, free_lists=2), DisplayHistory()
    assert not shown.too_often("tag", taste)
    for _ in range(5):
        shown.add(["tag", "tag", "other"])
    assert shown.too_often("tag", taste)
    for _ in range(40):
        shown.add(["other"])
    assert not shown.too_often("tag", taste)


def test_settings_travel_to_another_process() -> None:
    """They survive pickling, and a trender made of them tells the same."""
    trender = Trender(algorithm="ewma", bin=WIDTH, top=3, own_tags=frozenset({"#Conf26"}))
    copy = pickle.loads(pickle.dumps(trender.settings))
    assert copy == trender.settings
    assert isinstance(copy, Settings)
    items = [*(Delivery(0, e) for e in chatter()), Watermark(FOREVER)]
    assert Trender(copy).push(items) == trender.push(items)


def test_settings_that_cannot_be_are_refused() -> None:
    """With one line that says what would be right."""
    with pytest.raises(ValueError, match="no algorithm 'x'"):
        Trender(algorithm="x")
    with pytest.raises(ValueError, match="top must be a whole number, at least 1, not 0"):
        Trender(top=0)
    with pytest.raises(ValueError, match="grace"):
        Trender(grace=timedelta(seconds=-1))


def test_a_trend_is_one_line_of_json() -> None:
    """With the fields that scripts rely on, times in ISO 8601 and UTC."""
    trend = batch(chatter())[3].trends[0]
    line = msgspec.json.decode(msgspec.json.encode(trend))
    assert line["bin_start"] == "2026-05-15T09:45:00Z"
    assert {
        "bin_end",
        "rank",
        "terms",
        "label",
        "score",
        "expected",
        "messages",
        "authors",
        "examples",
    } <= set(line)
    assert msgspec.convert(line, Trend) == trend


def _tweet(row: dict[str, Any]) -> Event:
    author = Author(handle=row["author"])
    said = {"text": row["text"], "created_at": row["created_at"]}
    return Event(id=f"twitter::{row['id']}", source="twitter", author=author, **said)


@pytest.mark.data
def test_all_keynotes_of_user2018_are_found(tmp_path: Path) -> None:
    """On a real conference the default algorithm tells all seven keynotes among its first ten."""
    if not DATA.is_dir() and not os.environ.get("CI"):
        pytest.skip("the recordings of others are not here")
    import pyarrow.parquet as pq

    rows = pq.read_table(DATA / "recordings" / "user2018.parquet").to_pylist()
    said = {row["id"]: _tweet(row) for row in reversed(rows)}
    lines = [
        msgspec.json.encode(trend)
        for bin in trends(said.values(), bin=timedelta(minutes=30), top=10)
        for trend in bin.trends
    ]
    file = tmp_path / "trends.jsonl"
    file.write_bytes(b"\n".join(lines))
    judge = DATA.parent / "judge" / "trend_recall.py"
    truth = DATA / "schedules" / "user2018_truth.csv"
    command = [sys.executable, str(judge), str(file), str(truth), "--max-terms", "3"]
    report = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "recall@10 7/7" in report


def test_a_probability_says_what_it_rests_on() -> None:
    """The parts add up to its log odds, topics are ranked by it, and none that is told is below the least."""
    seen = [trend for bin in trends(chatter(), bin=WIDTH) for trend in bin.trends]
    assert seen
    for trend in seen:
        assert sum(trend.contributions.values()) == pytest.approx(
            math.log(trend.probability / (1 - trend.probability)), abs=1e-6
        )
        assert trend.score == pytest.approx(-math.log10(1 - trend.probability))
        assert trend.probability >= TopicFilter().min_probability
    for bin in trends(chatter(), bin=WIDTH):
        assert [t.probability for t in bin.trends] == sorted(
            (t.probability for t in bin.trends), reverse=True
        )


def test_copies_convince_less_than_words_of_ones_own() -> None:
    """Twenty who repeat one sentence are less probably a topic than twenty who each say it anew."""
    model = TopicModel()
    own = model.contributions(evidence=3.0, people=20, voices=20, active=60, like=1.0, known=0.0)
    copied = model.contributions(evidence=3.0, people=20, voices=1, active=60, like=1.0, known=0.0)
    assert sum(copied.values()) < sum(own.values()) - 3


@pytest.mark.parametrize(("least", "keep"), [(0.0, 0.0), (0.5, 0.6), (1.0, 0.5), (0.5, -0.1)])
def test_invalid_probabilities_are_refused(least: float, keep: float) -> None:
    """The message names the one that is wrong."""
    with pytest.raises(SettingsError, match="(min|keep)_probability must be"):
        TopicFilter(min_probability=least, keep_probability=keep)


def test_a_topic_keeps_its_identity_while_it_lasts() -> None:
    """By the terms it has in common with itself before, over a pause that is short, and no longer."""
    topics, bins = Topics(timedelta(hours=1)), [AT + n * WIDTH for n in range(40)]
    first = topics.assign_ids(bins[0], bins[1], [["@ada", "venv"], ["lunch", "queue"]])
    again = topics.assign_ids(bins[1], bins[2], [["soup", "lunch", "queue"], ["@ada", "pip"]])
    assert [i.id for i in again] == [first[1].id, first[0].id]
    late = bins[2] + timedelta(minutes=59)
    assert topics.assign_ids(late, late + WIDTH, [["@ada"]])[0].id == first[0].id
    later = late + WIDTH + timedelta(minutes=61)
    assert topics.assign_ids(later, later + WIDTH, [["@ada"]])[0].id != first[0].id


def test_splits_and_merges_are_told() -> None:
    """One of two that come out of a topic continues it, and of two that flow together one goes on."""
    topics, bins = Topics(timedelta(hours=1)), [AT + n * WIDTH for n in range(10)]
    (one,) = topics.assign_ids(bins[0], bins[1], [["keynote", "@ada", "venv", "pip"]])
    a, b = topics.assign_ids(bins[1], bins[2], [["keynote", "@ada"], ["venv", "pip"]])
    assert (a.id, a.split_from, b.split_from) == (one.id, "", one.id)
    assert b.id != one.id
    (both,) = topics.assign_ids(bins[2], bins[3], [["keynote", "@ada", "venv", "pip"]])
    assert (both.id, both.merged) == (one.id, [b.id])
    (after,) = topics.assign_ids(bins[3], bins[4], [["venv", "pip"]])
    assert after.merged == []


def test_a_topic_that_was_told_stays_longer_than_a_new_one_takes_to_enter() -> None:
    """Between the two probabilities, only what was told in the bin before is told."""
    strict = TopicFilter(min_probability=0.9, keep_probability=0.9)
    lasting = TopicFilter(min_probability=0.9, keep_probability=0.05)
    names = [[t.id for t in bin.trends] for bin in trends(chatter(), bin=WIDTH, topic_filter=strict)]
    longer = [[t.id for t in bin.trends] for bin in trends(chatter(), bin=WIDTH, topic_filter=lasting)]
    assert sum(map(len, longer)) >= sum(map(len, names))
    before: set[str] = set()
    for bin in trends(chatter(), bin=WIDTH, topic_filter=lasting):
        assert all(t.probability >= 0.9 or t.id in before for t in bin.trends)
        before = {t.id for t in bin.trends}


def test_a_trend_carries_its_own_history() -> None:
    """Counts of the bins before, silent ones included, since when there is any, and what was seen."""
    said = [say(i, f"hello there {i}", i - 15) for i in range(30)]
    said += [say(100 + i, "the walrus", 31 + i) for i in range(3)]  # nothing was said from 15 to 30
    said += [say(200 + i, f"the walrus {'abcdefgh'[i]}", 46 + i, f"q{i}") for i in range(8)]
    easy = TopicFilter(min_probability=0.01, keep_probability=0.01)
    for channel in ("authors", "messages"):
        told = batch(said, channel=channel, topic_filter=easy)[-1].trends[0]
        assert told.label == "walrus"
        assert (told.history, told.observed, told.channel) == ([0, 0, 0, 3], 8, channel)
        assert told.since == AT - WIDTH
    assert told.features["people"] == 11
    assert told.features["active"] == 11
    short = batch(said, algorithm=get("poisson", history=3), topic_filter=easy)[-1].trends[0]
    assert short.since == AT


def test_what_is_learnt_again_from_a_kept_state_is_what_the_whole_past_teaches(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Late posts, edits and deletes change past bins; beginning anew each time tells the same."""
    short = timedelta(minutes=2)
    kept = list(trends(chatter(3), bin=short))
    gone_back = []

    def nothing(self: Checkpoints[Any], bin: int) -> None:
        gone_back.append(bin)
        self.__init__()  # type: ignore[misc]

    monkeypatch.setattr(Checkpoints, "before", nothing)
    assert list(trends(chatter(3), bin=short)) == kept
    assert len(gone_back) > 10


def _chatter(days: int, start: datetime) -> list[Event]:
    """Words that are said once and never again, and each day somebody who is talked about."""
    dice = random.Random(5)
    said = []
    for minute in range(0, days * 1440, 6):
        at = start + timedelta(minutes=minute)
        texts = [" ".join(f"w{dice.randrange(10**7)}" for _ in range(4)) + " hello"]
        if minute % 1440 >= 1320:
            texts += [f"now @speaker{minute // 1440} talks", f"listening to @speaker{minute // 1440}"]
        said += [
            Event(
                id=f"irc:x:{minute}-{n}",
                source="irc",
                text=text,
                created_at=at,
                author=Author(handle=f"p{dice.randrange(40)}"),
            )
            for n, text in enumerate(texts)
        ]
    return said


def test_beyond_the_horizon_trends_are_those_of_somebody_who_came_later() -> None:
    """Cut back twice, a trender tells what one tells that has seen the horizon only, in bounded memory."""
    start = datetime(2026, 5, 15, tzinfo=UTC)
    events = _chatter(7, start)
    bounded, whole = Trender(horizon=timedelta(days=1)), Trender(horizon=None)
    told = bounded.push(as_feed(events))
    assert [bin.start for bin in told] == [bin.start for bin in whole.push(as_feed(events))]
    # cut back when two days were seen, to one: at the third day's begin, the fourth's, and so on
    began = start + timedelta(days=5)
    later = Trender(horizon=None).push(as_feed([e for e in events if e.created_at >= began]))
    # an hour of the last evening: afterwards the longer memory of what lists have told plays its part
    first = start + timedelta(days=6, hours=22)
    found, expected = (
        [
            [(t.label, t.probability, t.expected) for t in bin.trends]
            for bin in bins
            if first <= bin.start < first + timedelta(hours=1)
        ]
        for bins in (told, later)
    )
    assert found == expected
    assert [label for bin in found for label, *_ in bin] == ["@speaker6"] * 4
    assert len(bounded.counts.vocabulary) < len(whole.counts.vocabulary) / 2
    assert len(bounded.counts.bins) < len(whole.counts.bins) / 2


def test_a_correction_of_what_is_forgotten_changes_nothing() -> None:
    """What was said beyond the horizon may be deleted: trends stay what they were."""
    start = datetime(2026, 5, 15, tzinfo=UTC)
    events = _chatter(5, start)
    gone = [
        msgspec.structs.replace(event, op="delete", text=None, rev="gone", received_at=events[-1].created_at)
        for event in events[:200]
    ]
    labels = [
        [[t.label for t in bin.trends] for bin in Trender(horizon=timedelta(days=1)).push(as_feed(said))]
        for said in (events, [*events, *gone])
    ]
    assert labels[0] == labels[1]


def test_examples_are_no_copies_of_one_another_as_far_as_there_are_others() -> None:
    """Of a topic that is mostly one text repeated, the other texts are shown, each person once."""
    base = [_say(n, f"hello number {n}", f"p{n}", AT + timedelta(minutes=n)) for n in range(40)]
    later = AT + timedelta(hours=1)
    text = "Grace Hopper opens the day with a very fine keynote indeed"
    said = [_say(100 + n, text, f"q{n}", later + timedelta(seconds=n)) for n in range(6)]
    said += [
        _say(200, "what Grace Hopper says of compilers is so true", "own", later + timedelta(minutes=2)),
        _say(
            201, "never heard nanoseconds explained as Grace Hopper does", "own", later + timedelta(minutes=3)
        ),
        _say(202, "now I want to meet Grace Hopper", "other", later + timedelta(minutes=4)),
    ]
    (trend,) = [t for bin in trends([*base, *said]) for t in bin.trends if "Grace Hopper" in t.label]
    assert trend.examples[0] == "irc:x:100"
    assert trend.examples[1] in {"irc:x:200", "irc:x:201"}
    assert trend.examples[2] == "irc:x:202"


def _say(number: int, text: str, author: str, at: datetime) -> Event:
    return Event(id=f"irc:x:{number}", source="irc", text=text, created_at=at, author=Author(handle=author))


def _conference(outsiders: list[Event]) -> list[Event]:
    """An hour of 20 people at a conference, then what some others say, with the 20 still talking."""
    dice = random.Random(7)
    words = [f"word{n}" for n in range(80)]
    talk = [
        _say(n, " ".join(dice.choices(words, k=6)), f"p{n % 20}", AT + timedelta(minutes=n / 4))
        for n in range(480)
    ]
    return sorted([*talk, *outsiders], key=lambda event: event.created_at)


def test_a_crowd_of_strangers_does_not_take_the_list_over() -> None:
    """What strangers copy from each other all at once is no topic; from the audience it is one."""
    at = AT + timedelta(minutes=95)
    texts = [
        "win so many followers with #freestuff right here #tbt #now #yes",
        "#freestuff #a #b #c for all",
    ] * 15
    for crowd, told in ((range(100, 130), False), ([n % 20 for n in range(30)], True)):
        said = [
            _say(1000 + i, text, f"p{who}", at + timedelta(seconds=i))
            for i, (text, who) in enumerate(zip(texts, crowd, strict=True))
        ]
        labels = [label for bin in trends(_conference(said)) for t in bin.trends for label in t.terms]
        assert ("#freestuff" in labels) is told


def test_newcomers_are_heard_while_everybody_is_new() -> None:
    """In the first hours nobody has been here before, so a crowd of new people makes a topic."""
    opening = [_say(n, f"good morning all{n}", f"a{n}", AT + timedelta(seconds=20 * n)) for n in range(45)]
    keynote = [
        _say(100 + n, f"@ada is great{n} part{n}", f"b{n}", AT + timedelta(minutes=17, seconds=20 * n))
        for n in range(20)
    ]
    labels = [t.label for bin in trends([*opening, *keynote]) for t in bin.trends]
    assert "@ada" in labels


@pytest.mark.data
@pytest.mark.parametrize("minutes", [5, 15, 30])
def test_a_hijacked_hashtag_does_not_reach_the_list(minutes: int) -> None:
    """On 24 October 2013 eighty copies by strangers rode on a conference's tag; none of them is told."""
    if not DATA.is_dir() and not os.environ.get("CI"):
        pytest.skip("the recordings of others are not here")
    import pyarrow.parquet as pq

    rows = pq.read_table(DATA / "recordings" / "ashg2013.parquet").to_pylist()
    said = {row["id"]: _tweet(row) for row in reversed(rows)}
    days = [datetime(2013, 10, day, tzinfo=UTC) for day in (24, 28)]
    told = [
        term.casefold()
        for bin in trends(said.values(), bin=timedelta(minutes=minutes))
        for trend in bin.trends
        for term in trend.terms
        if days[0] <= bin.start < days[1]
    ]
    assert told
    ridden = "#tcot #tbt #rams #blessed #throwbackthursday #obamacare #halloween followers".split()
    assert not set(ridden) & set(told)
