"""What every algorithm that tells topics must do: subclass :class:`TopicContract` and name it."""

from __future__ import annotations

import math
import pickle
import random
import re
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from rtanalytics.algorithms.topical import TopicAlgorithm
from rtanalytics.event import Author, Event
from rtanalytics.feed import FOREVER, Delivery, Item, Snapshot, Status, Watermark
from rtanalytics.terms import fold, text_of
from rtanalytics.topics import Trender, trends
from rtanalytics.trend import TrendBin
from rtanalytics.trending import ALGORITHMS
from tests.naive import tokens
from tests.naive_topics import EPOCH, Chatter

AT = datetime(2026, 5, 15, 9, tzinfo=UTC)
WIDTH, GRACE = timedelta(minutes=15), timedelta(minutes=1)
OWN = frozenset({"conf26"})


def say(number: int, text: str, minute: float, author: str = "", **fields: Any) -> Event:
    return Event(
        id=f"irc:x:{number}", source="irc:#x", author=Author(handle=author or f"p{number % 13}"), text=text,
        created_at=AT + timedelta(minutes=minute), **fields,
    )  # fmt: skip


def chatter(seed: int = 2, hours: int = 4) -> list[Event]:
    """Small talk all the time, and bursts, two of them at once, that have people, tags and words of their own."""
    chance = random.Random(seed)
    words = "coffee Python room wifi slides lunch demo queue badge shirt thanks @host talk".split()
    said = []
    for i in range(hours * 90):
        minute = i * 60 / 90
        text = " ".join(chance.sample(words, 4))
        if 60 <= minute < 80 and i % 2:
            text = f"the Guido Example keynote by @guido {chance.choice(words)}"
        if 105 <= minute < 120 and i % 3:
            text = f"#venv demo of @ada, {chance.choice(words)} lock files"
        if 180 <= minute < 195 and i % 2:
            text = f"RT @host: closing session with @grace, {chance.choice(words)}"
        if 180 <= minute < 195 and i % 4 == 0:
            text = f"lost keys at @desk, {chance.choice(words)}"
        said.append(say(i, f"{text} #conf26", minute))
    return said


def tell(algorithm: TopicAlgorithm, events: Any, **settings: Any) -> list[TrendBin]:
    return list(algorithm.topics(events, **({"bin": WIDTH, "grace": GRACE, "own_tags": OWN} | settings)))


class Marked:
    """A feed of given items."""

    key, status = "marked", Status("live")

    def __init__(self, items: list[Item]) -> None:
        self.items = items

    def snapshot(self, n: int = 100) -> Snapshot:
        return Snapshot([])

    def __iter__(self) -> Iterator[Item]:
        return iter(self.items)

    async def __aiter__(self) -> AsyncIterator[Item]:
        for item in self.items:
            yield item

    def close(self) -> None:
        self.items = []


HOSTILE = [
    "<script>alert(1)</script> & <img src=x onerror=alert(1)>",
    "\x00\x01\x1b[31m red \x7f",
    "\u202ereversed\u202c \u200b\ufeff zero width",
    "Z̸̢a̴l̷g̶o̵ " * 20,
    "@" * 3000,
    "# #️⃣ #1 @_ @- ## @@ http:// https://[::1 %s %n {0} ${x}",
    "a" * 20_000,
    "'; DROP TABLE events; --",
    "😀👩‍👩‍👧🏳️‍🌈 😀 😀",
    "\n\r\t \v\f",
    "",
    "𝒽𝑒𝓁𝓁𝑜 ﷽ ｆｕｌｌ ½ ǅ ß ﬁ İ",
]
SCRIPTS = [
    "日本のカンファレンス 基調講演 がすごい #日本 @太郎",
    "конференция Python доклад про @ада",
    "मुख्य भाषण हिन्दी सम्मेलन",
    "المؤتمر الكلمة الرئيسية",
    "Große Straße Müller’s Café naïve",
]


class TopicContract:
    """One algorithm; ``settings`` are the parameters that it is tried with."""

    make: type[TopicAlgorithm]
    settings: tuple[dict[str, Any], ...] = ({},)
    twin: Any

    @pytest.mark.parametrize("channel", ["authors", "messages"])
    def test_topics_equal_those_of_its_slow_twin(self, channel: str) -> None:
        """Every topic of every bin equals what loops over the events find, by the docstring's formula."""
        events = chatter(3, hours=3)
        known = Chatter(events, WIDTH, channel, OWN)
        compared = 0
        for settings in self.settings:
            algorithm = self.make(**settings)
            expected = self.twin(algorithm, known, 2)
            for bin in tell(algorithm, events, channel=channel, top=1000):
                naive = [t for t in expected[(bin.start - EPOCH) // WIDTH] if t.score > algorithm.floor]
                assert [[fold(term) for term in t.terms] for t in bin.trends] == [t.terms for t in naive]
                for told, twin in zip(bin.trends, naive, strict=True):
                    assert told.score == pytest.approx(twin.score, rel=1e-6)
                    assert told.expected == pytest.approx(twin.expected, rel=1e-6, abs=1e-9)
                    assert (told.observed, told.messages, told.authors) == twin[3:]
                    compared += 1
        assert compared >= 3

    def test_it_finds_a_burst(self) -> None:
        """Of three times that half of all messages suddenly name somebody, two at least are told in their bin."""
        bursts = {60: "@guido", 105: "@ada", 180: "@grace"}
        found = set()
        for bin in tell(self.make(), chatter()):
            named = {fold(term) for trend in bin.trends for term in trend.terms}
            found |= {
                m for m, who in bursts.items() if bin.start == AT + timedelta(minutes=m) and who in named
            }
        assert len(found) >= 2

    def test_nothing_is_told_where_there_is_nothing(self) -> None:
        """No events, one message, messages without words, and one bin: no error, and bins only for what was said."""
        assert tell(self.make(), []) == []
        [one] = tell(self.make(), [say(1, "hello world", 1)])
        assert (one.trends, one.messages, one.authors) == ([], 1, 1)
        [empty] = tell(self.make(), [say(i, "", i) for i in range(5)])
        assert (empty.trends, empty.messages) == ([], 5)
        [single] = tell(self.make(), [say(i, "the same few words @ada", i / 10) for i in range(20)])
        assert single.messages == 20

    def test_every_script_and_hostile_text_is_survived(self) -> None:
        """Whatever people write, bins are told whose scores are finite and that can be written as JSON."""
        events = chatter()
        events += [say(1000 + i, t, 60 + i, f"h{i % 7}") for i, t in enumerate((HOSTILE + SCRIPTS) * 6)]
        for bin in tell(self.make(), events):
            assert msgspec.json.decode(msgspec.json.encode(bin), type=TrendBin) == bin
            for trend in bin.trends:
                assert math.isfinite(trend.score)
                assert math.isfinite(trend.expected)
                assert all(trend.terms)

    def test_order_and_repeats_change_nothing(self) -> None:
        """The events in any order, each delivered three times, tell the same topics."""
        events = chatter()
        again = events * 3
        random.Random(5).shuffle(again)
        assert tell(self.make(), again) == tell(self.make(), events)

    def test_a_feed_with_marks_tells_what_the_recording_tells(self) -> None:
        """Shuffled between watermarks within the grace, the same bins close with the same topics."""
        events = chatter()
        items: list[Item] = []
        step, chance = timedelta(seconds=60), random.Random(2)
        for i in range(int(timedelta(hours=4) / step) + 2):
            mark = AT + i * step
            part = [Delivery(0, e) for e in events if mark - step <= e.created_at < mark]
            chance.shuffle(part)
            items += [*part, *part, Watermark(mark)]
        items.append(Watermark(FOREVER))
        assert tell(self.make(), Marked(items)) == tell(self.make(), events)

    def test_causal_means_that_the_future_changes_nothing(self) -> None:
        """With the rest cut off, the bins before it are told alike; if it is not causal, they are not."""
        events = chatter()
        cut = AT + timedelta(minutes=150)
        whole = [b for b in tell(self.make(), events) if b.end <= cut]
        past = tell(self.make(), [e for e in events if e.created_at < cut])
        assert (whole == past) is self.make.causal

    def test_late_and_deleted_messages(self) -> None:
        """What is received too late changes no bin that closed before; what was deleted in time is not told."""
        events = chatter()
        at = AT + timedelta(minutes=75)
        late = [
            say(2000 + i, "late news of @late", 62, f"l{i}", received_at=at + timedelta(minutes=40))
            for i in range(8)
        ]
        if self.make.causal:
            told = [b for b in tell(self.make(), events + late) if b.end <= at + timedelta(minutes=30)]
            assert told == [b for b in tell(self.make(), events) if b.end <= at + timedelta(minutes=30)]
            assert sum(b.late for b in tell(self.make(), events + late)) == 8
        gone = [
            say(int(e.id[6:]), "", 0, op="delete", received_at=e.created_at + timedelta(seconds=1))
            for e in events
            if "@ada" in (e.text or "")
        ]
        for bin in tell(self.make(), events + gone):
            assert not any(fold(term) == "@ada" for trend in bin.trends for term in trend.terms)

    def test_no_more_than_k_topics_are_told(self) -> None:
        """The first K are the first K of a longer list, ranked from 1 by falling score."""
        full = tell(self.make(), chatter(), top=50, min_score=0.0)
        short = tell(self.make(), chatter(), top=1, min_score=0.0)
        assert max(len(bin.trends) for bin in full) > 1
        assert [bin.trends[:1] for bin in full] == [bin.trends for bin in short]
        for bin in full:
            assert [t.rank for t in bin.trends] == list(range(1, len(bin.trends) + 1))

    def test_evidence_is_in_the_recording_and_about_the_topic(self) -> None:
        """Each example was said in the bin and says a term of the topic; no message is counted twice."""
        events = {e.id: e for e in chatter()}
        seen = 0
        for bin in tell(self.make(), events.values()):
            for trend in bin.trends:
                assert trend.examples
                assert len(set(trend.examples)) == len(trend.examples) <= trend.messages
                assert trend.authors <= trend.messages == sum(trend.sources.values())
                for id in trend.examples:
                    event = events[id]
                    assert bin.start <= event.created_at < bin.end
                    keys = " ".join(fold(t.surface) for t in tokens(text_of(event)))
                    assert any(f" {fold(term)} " in f" {keys} " for term in trend.terms), (trend.terms, keys)
                    seen += 1
        assert seen > 5

    def test_own_ignored_and_muted_never_trend(self) -> None:
        """The conference's own tags, given or guessed, ignored words and muted people are no topics."""
        for own in (OWN, frozenset[str]()):
            for bin in tell(self.make(), chatter(), own_tags=own, ignore=["Keynote"], mute=["p3"]):
                terms = {fold(term) for trend in bin.trends for term in trend.terms}
                assert not terms & {"conf26", "keynote"}
                assert bin.authors <= 12

    def test_it_is_one_of_the_registry(self) -> None:
        """It is found by name, told by ``trends``, refused where one bin after the other is asked for."""
        from sklearn.base import clone

        name = self.make.name
        assert ALGORITHMS[name] is self.make
        settings: dict[str, Any] = {"bin": WIDTH, "grace": GRACE, "own_tags": OWN, "top": 3}
        assert list(trends(chatter(), algorithm=name, **settings)) == tell(self.make(), chatter(), top=3)
        with pytest.raises(ValueError, match=f"'{name}' needs a whole recording"):
            Trender(algorithm=name)
        with pytest.raises(ValueError, match="does not score terms"):
            self.make().start()
        for parameters in self.settings:
            algorithm = self.make(**parameters)
            assert clone(algorithm).get_params() == algorithm.get_params()
            assert pickle.loads(pickle.dumps(algorithm)).get_params() == algorithm.get_params()

    def test_wrong_settings_are_refused(self) -> None:
        """A message names what cannot be."""
        for wrong, message in (
            ({"top": 0}, "top must be"),
            ({"min_count": 0}, "min_count must be"),
            ({"grace": timedelta(-1)}, "grace: invalid duration"),
            ({"channel": "loud"}, "channel must be one of .*, not 'loud'"),
        ):
            with pytest.raises(ValueError, match=message):
                tell(self.make(), chatter(), **wrong)

    def test_its_docstring_gives_formula_source_and_weakness(self) -> None:
        """Whoever chooses it can read what it computes, where that comes from, and what fools it."""
        text = self.make.__doc__ or ""
        assert "score = " in text
        assert re.search(r"\((19|20)\d\d\)", text)
        assert "weakness" in text.lower()
