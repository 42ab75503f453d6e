"""Topics stand for people, things and talks: each is listed once, under a name that outsiders understand."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from rtanalytics.counts import TermCounts
from rtanalytics.erasure import DELETION, ErasureMarks
from rtanalytics.event import Author, Event
from rtanalytics.feed import FOREVER, Delivery, Item, Watermark
from rtanalytics.schedule import Schedule, Talk
from rtanalytics.topics import Trend, TrendBin, Trender, trends
from rtanalytics.topics.directory import Directory, resembles, words_of

AT = datetime(2026, 5, 15, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def post(n: int, text: str, minute: float, handle: str = "", name: str | None = None, **more: Any) -> Event:
    at = AT + minute * MINUTE
    return Event(
        id=f"irc:x:{n}", source="irc", text=text, created_at=at, received_at=at,
        author=Author(handle=handle or f"p{n % 40}", name=name), **more,
    )  # fmt: skip


def small_talk(minutes: int = 120) -> list[Event]:
    """Two messages a minute about nothing in particular."""
    dice = random.Random(7)
    words = "coffee room wifi slides lunch queue badge shirt chairs weather train hotel".split()
    return [post(n, " ".join(dice.sample(words, 4)), n / 2) for n in range(2 * minutes)]


def burst(first: int, texts: list[str], minute: float, each: int = 1) -> list[Event]:
    """Every text, by other people, within ten minutes."""
    every = [text for text in texts for _ in range(each)]
    return [
        post(first + i, text, minute + 10 * i / len(every), f"q{first + i}") for i, text in enumerate(every)
    ]


def talk(title: str, *speakers: str, minute: int = 90, length: int = 30, **more: Any) -> Talk:
    start = AT + minute * MINUTE
    return Talk(
        id=title, title=title, speakers=list(speakers), start=start, end=start + length * MINUTE, **more
    )


def listed(events: list[Event], **settings: Any) -> list[Trend]:
    events = sorted(events, key=lambda e: e.received_at)
    return [trend for bin in trends(events, **settings) for trend in bin.trends]


KEYNOTE = [
    "Mees Kuipers opens the hall",
    "great start by Mees Kuipers",
    "love this, Mees Kuipers",
    "@meeslever on stage now",
    "so good @meeslever",
    "yes! @meeslever",
    "Kuipers has the best demos",
    "is that Kuipers again",
]


def directory_of(events: list[Event], schedule: Schedule | None = None) -> tuple[Directory, TermCounts]:
    counts = TermCounts(timedelta(minutes=15))
    counts.add(events)
    directory = Directory(counts, schedule or Schedule())
    for bin in counts.bins:
        directory.learn(bin, counts.rows(bin))
    return directory, counts


# -- people -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "key", "name"),
    [
        ([post(1, "hi", 0, "meeslever", "Mees Kuipers")], "@meeslever", "Mees Kuipers"),
        ([post(1, "hi", 0, "meeslever", "Mees Kuipers")], "mees kuipers", "Mees Kuipers"),
        ([post(1, "hi", 0, "meeslever", "Mees Kuipers")], "kuipers", "Mees Kuipers"),
        ([post(1, "hi", 0, "ada@fosstodon.org", "Ada Lovelace (she/her) 🎩")], "@ada", "Ada Lovelace"),
        ([post(1, "talk by Ada Lovelace (@alovelace)", 0)], "@alovelace", "Ada Lovelace"),
        ([post(1, "talk by Di van den Berg @diberg", 0)], "@diberg", "Di van den Berg"),
        ([post(n, "Grace Hopper @amazing42", n, f"a{n}") for n in range(3)], "@amazing42", "Grace Hopper"),
    ],
)
def test_a_person_is_known_by_handle_full_name_and_surname(said: list[Event], key: str, name: str) -> None:
    """From display names and from names beside handles, on any service."""
    person = directory_of(said)[0].resolve(key)
    assert person is not None
    assert words_of(person.name) == words_of(name)


def test_one_statement_is_not_enough_for_a_handle_that_looks_like_another_name() -> None:
    """One text that thanks one person and mentions another one does not rename the other one."""
    directory, _ = directory_of([post(1, "thanks Grace Hopper @amazing42", 0)])
    assert directory.resolve("@amazing42") is None


def test_a_schedule_names_people_who_never_posted() -> None:
    """Surnames and handles made of a speaker's name refer to the speaker."""
    directory, _ = directory_of([], Schedule([talk("On wheels", "J.J. Allaire")]))
    for key in ("jj allaire", "allaire", "@jjallaire", "j allaire"):
        person = directory.resolve(key, like=0.3)
        assert person is not None
        assert person.name == "J.J. Allaire"


def test_namesakes_stay_apart() -> None:
    """A surname of two people refers to neither, unless one of them is mentioned at the same time."""
    directory, _ = directory_of(
        [post(1, "hi", 0, "anna", "Anna Berg"), post(2, "hi", 1, "otto", "Otto Berg")]
    )
    assert directory.resolve("berg") is None
    person = directory.resolve("berg", around={("otto", "berg")})
    assert person is not None
    assert person.name == "Otto Berg"
    assert directory.resolve("anna berg") != directory.resolve("otto berg")


def test_given_names_and_initials_need_somebody_at_the_same_time() -> None:
    """Alone, "mees" may be anybody."""
    directory, _ = directory_of([post(1, "hi", 0, "meeslever", "Mees Kuipers")])
    assert directory.resolve("mees") is None
    for key in ("mees", "mk"):
        person = directory.resolve(key, around={("mees", "kuipers")})
        assert person is not None
        assert person.name == "Mees Kuipers"


def test_an_ordinary_word_is_no_surname() -> None:
    """A display name such as "Sam Page" does not make every "page" a person."""
    directory, _ = directory_of([post(1, "hi", 0, "sam", "Sam Page")])
    assert directory.resolve("page", like=0.1) is None


def test_whoever_is_erased_leaves_the_directory() -> None:
    """Also the names that others wrote beside the handle, and in later bins."""
    said = [
        post(1, "hi", 0, "meeslever", "Mees Kuipers"),
        post(2, "Mees Kuipers (@meeslever) is great", 1, "fan"),
        post(3, "more of Mees Kuipers (@meeslever)", 20, "fan2"),
    ]
    directory, counts = directory_of(said)
    directory.erase([ErasureMarks.author("meeslever")])
    assert directory.resolve("@meeslever") is None
    assert directory.resolve("kuipers") is None
    directory.go_back(counts.bins[1])
    directory.learn(counts.bins[1], counts.rows(counts.bins[1]))
    assert directory.resolve("@meeslever") is None


def test_erasing_reaches_the_directory_of_a_running_trender() -> None:
    """The delete of a person carries marks; topics are no longer called by their name."""
    base = [*small_talk(), post(900, "hello", 3, "meeslever", "Mees Kuipers")]
    later = burst(1000, ["@meeslever is on stage", "so good @meeslever"], 95, each=4)
    gone = Event(
        id="irc:x:900", source="irc", op="delete", type=DELETION, created_at=AT + 80 * MINUTE,
        tags=[ErasureMarks.author("meeslever")],
    )  # fmt: skip
    assert any("Mees Kuipers" in trend.label for trend in listed([*base, *later]))
    labels = [trend.label for trend in listed([*base, *later, gone])]
    assert any("@meeslever" in label for label in labels)
    assert not any("Kuipers" in label for label in labels)


@pytest.mark.parametrize("seed", range(5))
def test_going_back_and_learning_again_changes_nothing(seed: int) -> None:
    """A late message makes bins be learned twice; facts of later bins must not stay behind."""
    dice = random.Random(seed)
    names = ["Ada Lovelace", "Grace Hopper", "Mees Kuipers", "Anna Berg", "Otto Berg"]
    said = [
        post(n, f"{dice.choice(names)} (@{dice.choice(['ada', 'gh', 'meeslever', 'berg'])})", n * 5,
             f"a{n % 7}", dice.choice([None, *names]))
        for n in range(60)
    ]  # fmt: skip
    directory, counts = directory_of(said)
    fresh, _ = directory_of(said)
    bin = dice.choice(counts.bins)
    directory.go_back(bin)
    for later in counts.bins:
        if later >= bin:
            directory.learn(later, counts.rows(later))
    for key in ("@ada", "@gh", "@meeslever", "@berg", "lovelace", "hopper", "berg", "anna berg"):
        assert directory.resolve(key) == fresh.resolve(key)


@pytest.mark.parametrize(
    ("handle", "name", "expected"),
    [
        ("@rdpeng", "Roger Peng", True),
        ("@tara_daneshvar", "Tara Daneshvar", True),
        ("@kellrstats", "Kelly O'Briant", False),
        ("@visnut", "Dianne Cook", False),
        ("@cook", "Dianne Cook", False),
    ],
)
def test_a_handle_resembles_a_name(handle: str, name: str, expected: bool) -> None:
    """Only long parts count: four letters occur in too many handles."""
    assert resembles(handle, words_of(name)) is expected


# -- one topic per thing ----------------------------------------------------------------------


def test_a_person_is_listed_once_with_all_messages() -> None:
    """Handle, full name and surname are one topic; each message and person counts once."""
    events = [*small_talk(), post(900, "hello", 3, "meeslever", "Mees Kuipers")]
    events += burst(1000, KEYNOTE, 90.5, each=2)
    found = [trend for trend in listed(events) if trend.bin_start >= AT + 90 * MINUTE]
    (first, *others) = found
    assert "Mees Kuipers" in first.label
    assert not any("kuipers" in term.casefold() or "mees" in term for t in others for term in t.terms)
    assert (first.messages, first.authors) == (16, 16)


def test_without_any_name_they_are_two_topics() -> None:
    """Nothing connects handle and name here, so that nothing is merged."""
    events = small_talk() + burst(
        1000,
        ["Grace Hopper is here", "hear Grace Hopper", "@amazing42 rocks", "so good @amazing42"],
        90.5,
        each=4,
    )
    found = [trend.terms[0] for trend in listed(events) if trend.bin_start >= AT + 90 * MINUTE]
    assert {"Grace Hopper", "@amazing42"} <= set(found)


def test_two_talks_at_once_that_share_words_stay_two() -> None:
    """Each keeps its own messages, although both are about data frames."""
    schedule = [talk("Fast frames on disk", "Ada Lovelace"), talk("Lazy frames in memory", "Grace Hopper")]
    events = small_talk() + burst(
        1000,
        ["Ada Lovelace explains frames on disk", "frames on disk are fast, says Ada Lovelace",
         "Grace Hopper likes lazy frames", "lazy frames in memory, Grace Hopper shows"],
        91, each=4,
    )  # fmt: skip
    found = [trend for trend in listed(events, schedule=schedule) if trend.talk]
    assert {trend.talk for trend in found} == {"Fast frames on disk", "Lazy frames in memory"}
    bins = [(trend.bin_start, trend.talk) for trend in found]
    assert len(set(bins)) == len(bins)


def test_a_topic_keeps_its_id_when_people_change_to_the_handle() -> None:
    """The surname in one bin and the handle in the next one are the same topic."""
    events = [*small_talk(150), post(900, "hello", 3, "meeslever", "Mees Kuipers")]
    events += burst(1000, ["Kuipers is on", "hello Kuipers from the back"], 91, each=4)
    events += burst(2000, ["@meeslever wow", "best so far: @meeslever"], 106, each=5)
    found = [trend for trend in listed(events) if "Kuipers" in trend.label]
    assert len({trend.bin_start for trend in found}) == 2
    assert len({trend.id for trend in found}) == 1


# -- talks ------------------------------------------------------------------------------------


SCHEDULE = [
    talk("Change the wheels while driving", "Mees Kuipers", room="Great Hall"),
    talk("Small counts in public", "Greta Wübbels", abstract="Hospitals publish how full they are."),
    talk("Flaky tests on Tuesdays", "Zahra Naderi"),
    talk("Opening", minute=0),
]


@pytest.mark.parametrize(
    ("texts", "title"),
    [
        (["Kuipers is on", "listening to Kuipers"], "Change the wheels while driving"),
        (
            [
                "all about counts that are small",
                "why small counts matter in public",
                "small counts, said loud",
                "she counts what is small",
                "who counts the small ones",
            ],
            "Small counts in public",
        ),
        (["hospitals that publish it", "how full are hospitals, publish it"], "Small counts in public"),
        (["the pretzels outside are salty", "salty pretzels outside"], None),
    ],
)
def test_a_topic_is_linked_to_the_talk_that_it_is_about(texts: list[str], title: str | None) -> None:
    """By speaker, by words of the title, by words of the abstract; or to none."""
    events = small_talk() + burst(1000, texts, 92, each=5)
    found = [t for t in listed(events, schedule=SCHEDULE) if t.bin_start == AT + 90 * MINUTE]
    assert {trend.talk for trend in found} == {title}
    assert all((trend.talk_probability >= 0.5) == (title is not None) for trend in found)


def test_the_discussion_after_a_talk_belongs_to_it_and_a_far_one_does_not() -> None:
    """Half an hour after its end a topic is still about the talk, four hours later it is about none."""
    texts = ["Kuipers was great", "still thinking about what Kuipers demonstrated"]
    for minute, expected in ((150, "Change the wheels while driving"), (390, None)):
        events = small_talk(420) + burst(1000, texts, minute + 1, each=5)
        found = [t for t in listed(events, schedule=SCHEDULE) if t.bin_start == AT + minute * MINUTE]
        assert {trend.talk for trend in found} == {expected}


def test_an_empty_schedule_links_nothing() -> None:
    """A topic has no talk and no probability of one."""
    events = small_talk() + burst(1000, KEYNOTE, 91, each=2)
    assert {(trend.talk, trend.talk_probability) for trend in listed(events)} == {(None, 0.0)}


# -- labels and quotes ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("texts", "label"),
    [
        (["Kuipers is on", "listening to Kuipers"], "Mees Kuipers: Change the wheels while driving"),
        (
            ["queues for the salty Nordic Pretzel today", "one salty Nordic Pretzel please"],
            "salty Nordic Pretzel",
        ),
        (["we start with RSelenium today", "they start with RSelenium too"], "RSelenium"),
        (["#stickerswap at the desk", "come to the #stickerswap"], "#stickerswap"),
    ],
)
def test_a_label_is_a_talk_a_name_or_a_whole_phrase(texts: list[str], label: str) -> None:
    """Never a phrase that is cut at a stop word."""
    events = small_talk() + burst(1000, texts, 92, each=5)
    found = [t for t in listed(events, schedule=SCHEDULE) if t.bin_start == AT + 90 * MINUTE]
    assert found[0].label == label


def test_a_label_uses_the_name_instead_of_the_handle() -> None:
    """With a phrase that is used about the person."""
    events = [*small_talk(), post(900, "hello", 3, "meeslever", "Mees Kuipers")]
    events += burst(1000, ["@meeslever shows Hot Reload", "Hot Reload by @meeslever"], 92, each=4)
    found = [t for t in listed(events) if t.bin_start == AT + 90 * MINUTE]
    assert found[0].label == "Mees Kuipers: Hot Reload"


def test_the_first_example_is_what_most_people_write() -> None:
    """Neither the loudest person's messages nor an outlier; the others are by other people."""
    central = [
        post(1000 + n, f"Nordic Pretzel stand is open at the entrance {word}", 92 + n / 9, f"q{n}")
        for n, word in enumerate("today again now finally hooray".split())
    ]
    loud = [post(1100 + n, f"Nordic Pretzel {'abcdef'[n]}zz", 93 + n / 9, "loud") for n in range(6)]
    odd = [post(1200, "my aunt once sold a Nordic Pretzel to a sailor in Bergen for two kroner", 94, "odd")]
    found = [t for t in listed([*small_talk(), *central, *loud, *odd]) if t.bin_start == AT + 90 * MINUTE]
    assert found[0].examples[0] in {event.id for event in central}
    author = {event.id: event.handle for event in [*central, *loud, *odd]}
    assert len({author[id] for id in found[0].examples}) == 3


# -- the same live and in batch ---------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 7, 50, 1000])
def test_people_and_talks_are_the_same_live_and_in_batch(size: int) -> None:
    """Late messages, edits and deletes that bring or remove names; any size of batches."""
    dice = random.Random(3)
    events = [*small_talk(150), post(900, "hello", 3, "meeslever", "Mees Kuipers")]
    events += burst(1000, KEYNOTE, 91, each=3) + burst(2000, KEYNOTE, 107, each=3)
    late = []
    for event in events:
        delay = dice.choice([0, 0, 0, 0.5, 20, 40]) * MINUTE
        later = event.created_at + delay
        late.append(
            Event(
                **{f: getattr(event, f) for f in ("id", "source", "text", "created_at", "author")},
                received_at=later,
            )
        )
        if event.text and "Mees" in event.text and dice.random() < 0.3:
            late.append(
                Event(
                    id=event.id,
                    source="irc",
                    op="delete",
                    created_at=event.created_at,
                    received_at=later + 15 * MINUTE,
                )
            )
    late.sort(key=lambda e: (e.received_at, e.id, e.op))

    def live() -> list[TrendBin]:
        trender, found, mark = Trender(schedule=SCHEDULE), [], AT
        for start in range(0, len(late), size):
            batch: list[Item] = []
            for event in late[start : start + size]:
                while event.received_at >= mark + MINUTE:
                    mark += MINUTE
                    batch.append(Watermark(mark))
                batch.append(Delivery(0, event))
            found += trender.push(batch)
        return found + trender.push([Watermark(FOREVER)])

    assert live() == list(trends(late, schedule=SCHEDULE))


_IN_ANOTHER_PROCESS = """
import random, sys
import msgspec
from tests.test_things import SCHEDULE, mixture
from rtanalytics.topics import trends

seed = int(sys.argv[1])
events = mixture()
random.Random(seed).shuffle(events)
events.sort(key=lambda event: event.received_at)  # equal times stay in random order
sys.stdout.buffer.write(msgspec.json.encode(list(trends(events, schedule=SCHEDULE))))
"""


def mixture() -> list[Event]:
    """Events with many equal times, names, handles, and topics that share words."""
    events = [*small_talk(150), post(900, "hello", 3, "meeslever", "Mees Kuipers")]
    events += [post(901 + n, "hi", 4, f"h{n}", f"Name{n % 7} Surname{n % 5}") for n in range(40)]
    texts = [
        *KEYNOTE, "Greta Wübbels counts in public", "small counts matter, Greta Wübbels", "public counts and wheels",
        "Zahra Naderi (@znaderi) on flaky tests", "flaky tests by @znaderi", "wheels and tests on Tuesdays",
    ]  # fmt: skip
    for first, minute in ((1000, 91), (2000, 107), (3000, 122)):
        events += burst(first, texts, minute, each=8)
    return [
        msgspec.structs.replace(
            e,
            created_at=e.created_at.replace(second=0, microsecond=0),
            received_at=e.received_at.replace(second=0, microsecond=0),
        )
        for e in events
    ]


def test_every_process_lists_the_same() -> None:
    """Neither the order of sets, which differs from process to process, nor that of equal times matters."""
    results = {
        subprocess.run(
            [sys.executable, "-c", _IN_ANOTHER_PROCESS, seed], check=True, capture_output=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2", "3", "4")
    }  # fmt: skip
    assert len(results) == 1
    (result,) = results
    assert b'"talk":"Change the wheels while driving"' in result


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_receipt_between_two_watermarks_does_not_matter(seed: int) -> None:
    """Buckets are merged read by read, so that a loaded machine delivers them in another order."""
    dice = random.Random(seed)
    events = sorted(mixture(), key=lambda e: e.received_at)
    trender, bins, mark, batch = Trender(schedule=SCHEDULE), [], AT, []
    for event in events:
        if event.received_at >= mark + 5 * MINUTE:
            mark = event.received_at
            dice.shuffle(batch)
            bins += trender.push([Delivery(0, e) for e in batch] + [Watermark(mark)])
            batch = []
        batch.append(event)
    bins += trender.push([*(Delivery(0, e) for e in batch), Watermark(FOREVER)])
    assert bins == list(trends(events, schedule=SCHEDULE))


def test_the_own_tag_with_another_year_is_no_topic() -> None:
    """People write the tag of the conference in several ways; other tags with numbers do trend."""
    texts = [
        "see you at #venvconf26",
        "#venvconf2026 is on",
        "who is at #venvconf",
        "try #web3 today",
        "more #web3",
    ]
    found = listed(small_talk() + burst(1000, texts, 92, each=6), own_tags=["#venvconf2025"])
    terms = {term.casefold() for trend in found for term in trend.terms}
    assert not {"#venvconf26", "#venvconf2026", "venvconf26", "venvconf2026"} & terms
    assert any("#web3" in trend.label for trend in found)
