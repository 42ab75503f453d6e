"""Invented conferences: the same everywhere, true to their truth, and fit to be read."""

import os
import re
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from rtanalytics.event import encode
from rtanalytics.synthetic import conference, hard_conference
from rtanalytics.synthetic.cast import make_vocabulary
from rtanalytics.synthetic.generate import SLACK
from rtanalytics.synthetic.grammar import read_records
from rtanalytics.synthetic.rng import Dice

ROOT = Path(__file__).resolve().parents[1]
HOUR = timedelta(hours=1)


def digest(made):
    """One number for everything that was made."""
    hashed = blake2b(digest_size=16)
    for event in made.events:
        hashed.update(encode(event))
    hashed.update(made.schedule.to_json())
    hashed.update(msgspec.json.encode((made.truth, made.decoys, made.hashtags, made.accounts)))
    return hashed.hexdigest()


@pytest.fixture(scope="module")
def made():
    """The conference of the bundled recording."""
    return conference(7)


@pytest.fixture(scope="module")
def hard():
    """A hard conference, smaller than those that algorithms are measured on."""
    return hard_conference(3, events=12_000)


def mentions(event, topic):
    """True if an event has one of a topic's keywords."""
    text = (event.text or "").casefold()
    return any(keyword.casefold() in text for keyword in topic.keywords)


def inside(event, topic, slack=SLACK):
    """True if an event was said while a topic was on."""
    return topic.start <= event.created_at < topic.end + slack


# --- the same everywhere -------------------------------------------------------------------------


def test_a_seed_gives_the_same_conference_on_every_platform_and_python():
    """The digest of a small one is known; whoever changes a sentence changes it, and says so here."""
    assert digest(hard_conference(11, events=1500, bursts=4)) == GOLDEN


GOLDEN = "bd7e0f9223dad852bfa6906c9e35c4a4"


def test_hash_randomisation_changes_nothing():
    """Two processes with different hash seeds make the same events, byte for byte."""
    code = (
        "from hashlib import blake2b; from rtanalytics.event import encode; "
        "from rtanalytics.synthetic import conference; "
        "print(blake2b(b''.join(map(encode, conference(5, events=900).events))).hexdigest())"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1


def test_another_seed_is_another_conference():
    """Names, tags, projects and talks differ, so that no list of words can be learnt."""
    one, two = (conference(seed, events=1500, written=False) for seed in (1, 2))
    assert one.hashtags != two.hashtags
    assert not {t.extra["title"] for t in one.truth} & {t.extra["title"] for t in two.truth}
    products = [{topic.keywords[0] for topic in made.truth} for made in (one, two)]
    assert not products[0] & products[1]
    handles = [{e.handle for e in made.events} for made in (one, two)]
    assert len(handles[0] & handles[1]) < 0.1 * len(handles[0])


def test_only_the_one_promised_method_of_random_is_used():
    """``random()`` alone is promised to stay; choices and shuffles built on it give known results."""
    dice = Dice("a", 1)
    assert dice.shuffled("abcdefg") == list(SHUFFLED)
    assert [dice.below(100) for _ in range(5)] == BELOW


SHUFFLED, BELOW = "adgbcef", [77, 28, 93, 21, 65]


# --- events --------------------------------------------------------------------------------------


def test_there_are_as_many_events_as_asked_for(made):
    """6,000 of five sources, most of them posts."""
    buckets = Counter(event.bucket for event in made.events)
    assert len(made.events) == 6000
    assert set(buckets) == {"mastodon", "irc", "github", "flickr", "feeds"}
    assert buckets["mastodon"] > 3500
    assert buckets["irc"] > 700
    assert min(buckets.values()) >= 30


def test_every_event_says_who_where_when_and_what(made):
    """Ids are unique and of the right shape; author, text and times are there; nothing is numbered yet."""
    assert len({event.id for event in made.events}) == len(made.events)
    for event in made.events:
        assert re.fullmatch(r"[a-z]+:[^:\s]+:[^:\s]+", event.id)
        assert event.source.partition(":")[0] == event.bucket
        assert event.handle
        assert event.text
        assert (event.producer, event.seq, event.op) == ("", 0, "create")
        assert event.bucket == "irc" or event.url
        assert event.created_at.tzinfo is UTC


def test_events_come_in_the_order_in_which_they_were_received(made):
    """Nothing is received before it was said; streams within seconds, feeds within a quarter of an hour."""
    received = [event.received_at for event in made.events]
    assert received == sorted(received)
    delays = {
        b: [e.received_at - e.created_at for e in made.events if e.bucket == b] for b in ("irc", "feeds")
    }
    assert all(timedelta() < delay < timedelta(seconds=1) for delay in delays["irc"])
    assert all(timedelta() < delay < timedelta(minutes=15) for delay in delays["feeds"])
    assert all(event.created_at < event.received_at for event in made.events)


def test_answers_and_repetitions_point_to_earlier_events(made):
    """``reply_to`` and ``repost_of`` are ids of events that were said before, by somebody else."""
    known = {event.id: event for event in made.events}
    answers = [event for event in made.events if event.reply_to]
    repeats = [event for event in made.events if event.repost_of]
    assert len(answers) > 300
    assert len(repeats) > 100
    for event in answers + repeats:
        other = known[event.reply_to or event.repost_of]
        assert other.created_at < event.created_at
        assert other.handle != event.handle
    assert all(event.text == known[event.repost_of].text for event in repeats)
    assert {event.type for event in repeats} == {"repost"}


def test_tags_mentions_and_links_are_those_of_the_text(made):
    """What the fields say stands in the text."""
    for event in made.events:
        assert all(f"#{tag}" in event.text for tag in event.tags)
        assert all(link in event.text for link in event.links)
        if event.bucket == "mastodon" and not event.repost_of:
            assert all(f"@{handle}" in event.text for handle in event.mentions)
            assert event.text.count("https://") == len(event.links)


def test_every_address_is_under_a_name_reserved_for_examples(made):
    """Nobody's real site is linked to, in no field."""
    hosts = set(re.findall(rb"https?://([^/\"\s]+)", b"".join(map(encode, made.events))))
    assert hosts
    assert all(re.search(rb"(^|\.)example\.(org|net|com)$", host) for host in hosts)
    assert b"http" not in made.schedule.to_json().replace(b"https://juniperconf.example.org/", b"")


def test_people_speak_many_languages_and_sleep_at_night(made):
    """At least eight languages; between one and five in the morning hardly anybody writes."""
    assert len({event.lang for event in made.events if event.lang}) >= 8
    local = [(event.created_at + HOUR).hour for event in made.events]
    assert sum(1 <= hour < 5 for hour in local) < 0.03 * len(local)
    assert sum(9 <= hour < 18 for hour in local) > 0.6 * len(local)


# --- truth and decoys ----------------------------------------------------------------------------


def test_the_truth_counts_what_was_planted(made):
    """``planted`` is no more than the events that have a keyword while the topic is on."""
    assert len(made.truth) == 3 * 14 + 7
    for topic in made.truth:
        found = sum(mentions(event, topic) and inside(event, topic) for event in made.events)
        assert 5 <= int(topic.extra["planted"]) <= found


def test_a_planted_topic_bursts(made):
    """Its keywords are used far more often while it is on than at any other time."""
    total = (made.events[-1].created_at - made.events[0].created_at) / HOUR
    for topic in made.truth:
        names = [k for k in topic.keywords if k.casefold() != topic.extra["speaker"].split(" ")[0].casefold()]
        about = [e for e in made.events if any(k in e.text.casefold() for k in names)]
        within = sum(inside(event, topic) for event in about)
        hours = (topic.end + SLACK - topic.start) / HOUR
        rate, other = within / hours, (len(about) - within) / (total - hours)
        assert rate > 8 * other, topic.label


def test_every_talk_is_a_topic_with_its_speaker(made):
    """Talk, truth and schedule agree; breaks are in the schedule and are no topics."""
    talks = {talk.title: talk for talk in made.schedule if talk.kind in {"talk", "keynote"}}
    told = [topic for topic in made.truth if topic.extra["kind"] in {"talk", "keynote"}]
    assert {topic.extra["title"] for topic in told} == set(talks)
    assert len(talks) == 42
    for topic in told:
        talk = talks[topic.extra["title"]]
        assert (topic.start, topic.end, topic.extra["room"]) == (talk.start, talk.end, talk.room)
        assert [topic.extra["speaker"]] == talk.speakers
        assert talk.abstract
    assert {talk.kind for talk in made.schedule} == {"talk", "keynote", "break", "social"}


def test_a_room_has_one_talk_at_a_time(made):
    """No two talks share a room and a moment, and nobody speaks twice."""
    talks = [talk for talk in made.schedule if talk.room]
    for number, talk in enumerate(talks):
        assert all(
            other.room != talk.room or other.end <= talk.start or talk.end <= other.start
            for other in talks[:number]
        )
    assert len({talk.speakers[0] for talk in talks}) == len(talks)


def test_daily_tags_return_every_day_at_the_same_hour(made):
    """Three tags, three days each, by many people."""
    daily = [topic for topic in made.decoys if topic.keywords[0].startswith("#")]
    assert len(daily) == 9
    for tag in {topic.keywords for topic in daily}:
        starts = [topic.start for topic in daily if topic.keywords == tag]
        assert [later - first for first, later in pairwise(starts)] == [24 * HOUR] * 2
    for topic in daily:
        about = [event for event in made.events if mentions(event, topic) and inside(event, topic)]
        assert len({event.handle for event in about}) > 0.6 * len(about)


def test_a_storm_is_one_text_by_many_people_and_spam_many_by_one(made):
    """Copies differ in their authors only; a spammer in nothing but the tags."""
    for topic in made.decoys:
        around = [event for event in made.events if inside(event, topic, timedelta(0))]
        if topic.extra["kind"] == "storm":
            copies = [e for e in around if topic.extra["title"] in e.text]
            assert len({event.handle for event in copies}) == len(copies) >= 20
            assert any(event.text.startswith("RT @") for event in copies)
        if topic.extra["kind"] == "spam":
            spam = [e for e in made.events if f"@{e.handle}" == topic.extra["speaker"]]
            assert len(spam) == int(topic.extra["planted"]) >= 20
            assert len({re.sub(r" #\w+", "", event.text) for event in spam}) == 1
    assert {topic.extra["kind"] for topic in made.decoys} == {"daily", "storm", "spam", "bot"}


def test_the_bot_speaks_every_hour_and_says_that_it_is_one(made):
    """One account, marked as automated, within a minute of every full hour of the day."""
    bot = [event for event in made.events if event.author.bot]
    assert {event.handle for event in bot} == {made.accounts[1]}
    assert all(event.created_at.minute == 0 for event in bot)
    assert len({event.created_at.replace(minute=0, second=0, microsecond=0) for event in bot}) == 3 * 11


def test_decoys_can_be_left_out():
    """Without decoys there are no false topics, no bot and no copies."""
    plain = conference(4, events=1200, decoys=False)
    assert plain.decoys == []
    assert not any(event.author.bot or event.text.startswith("RT @") for event in plain.events)
    assert len(plain.events) == 1200


# --- conferences to measure on -------------------------------------------------------------------


def test_half_size_bursts_have_half_the_messages():
    """``burst_size`` scales what is planted and nothing else."""
    whole, half = (
        sum(int(t.extra["planted"]) for t in conference(9, events=20_000, bursts=12, burst_size=size).truth)
        for size in (1.0, 0.5)
    )
    assert 0.4 < half / whole < 0.6


def test_as_many_bursts_as_asked_for_are_planted(hard):
    """Twenty, three in four on talks, and the other talks go unmentioned."""
    kinds = Counter(topic.extra["kind"] for topic in hard.truth)
    assert len(hard.truth) == 20
    assert kinds["buzz"] == 5
    assert len(hard.schedule.talks) - sum(t.kind in {"break", "social"} for t in hard.schedule) == 42


def test_bursts_of_existing_words_use_words_that_are_in_use(hard):
    """Nearly every keyword of a hard conference was written outside its burst as well."""
    words = Counter(
        word for e in hard.events for word in set(re.findall(r"@?\w[\w-]*", (e.text or "").casefold()))
    )
    keywords = [(topic, keyword) for topic in hard.truth for keyword in topic.keywords]
    known = 0
    for topic, keyword in keywords:
        within = sum(inside(e, topic) and keyword in e.text.casefold() for e in hard.events)
        known += words[keyword] > within
    assert known > 0.9 * len(keywords)


def test_a_hard_conference_has_no_phrase_of_the_written_subjects(hard):
    """What is measured on is composed of the seed's own words."""
    quotes = {quote for block in read_records("subjects.txt") for quote in block["quote"]}
    assert not any(quote in event.text for event in hard.events for quote in quotes)


def test_the_vocabulary_follows_zipf_and_grows_as_asked():
    """Twice the rank, about half the frequency, in the seed's own order; 20,000 words if need be."""
    vocabulary = make_vocabulary(20_000, Dice(1))
    assert len(set(vocabulary.things.items)) == 20_000
    assert vocabulary.things.items[:50] != make_vocabulary(20_000, Dice(2)).things.items[:50]
    dice, rank = Dice(3), {word: n for n, word in enumerate(vocabulary.things.items)}
    drawn = Counter(rank[vocabulary.things.draw(dice)] for _ in range(40_000))
    head, later = (sum(drawn[n] for n in range(low, low + 50)) for low in (50, 150))
    assert 1.8 < head / later < 2.8


def test_lead_days_have_the_same_habits_and_no_talks():
    """The day before is quieter, has the daily tags, and no planted topic."""
    made = conference(2, events=2500, lead_days=1)
    noon = made.truth[0].start.replace(hour=0)
    before = [event for event in made.events if event.created_at < noon]
    assert 0.05 < len(before) / len(made.events) < 0.25
    assert len([t for t in made.decoys if t.keywords[0].startswith("#")]) == 3 * 4
    assert any("day 0" in topic.label for topic in made.decoys)


def test_the_start_can_be_chosen():
    """Local midnight of the first day, with its offset, whatever the year."""
    zone = datetime.fromisoformat("2031-01-13T00:00:00+09:00")
    made = conference(6, events=600, talks_per_day=3, start=zone)
    assert made.schedule.talks[0].start == zone + 8 * HOUR
    assert made.title.endswith("2031")
    assert made.hashtags[1].endswith("31")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"start": datetime(2026, 6, 10)}, "no time zone"),
        ({"days": 0}, "days >= 1"),
        ({"burst_size": -1}, "burst_size > 0"),
        ({"talks_per_day": 30}, "talks_per_day must be from 2 to"),
        ({"bursts": 60, "burst_size": 4}, "raise events or lower bursts"),
        ({"existing_words": True, "vocabulary": 200, "bursts": 30}, "familiar words"),
        ({"people": 20}, "too few"),
    ],
)
def test_impossible_conferences_are_refused_with_what_to_do(arguments, message):
    """What cannot be is named, with the numbers, and with what would help."""
    with pytest.raises(ValueError, match=message):
        conference(1, **{"events": 2000, **arguments})


# --- reading it ----------------------------------------------------------------------------------


def test_a_scan_of_the_feed_does_not_feel_repetitive(made):
    """Apart from copies, spam and the bot, hardly any longer text is said twice."""
    machines = {made.accounts[1]} | {t.extra["speaker"][1:] for t in made.decoys if t.extra["kind"] == "spam"}
    texts = Counter(
        event.text
        for event in made.events
        if len(event.text) > 30
        and not event.repost_of
        and event.handle not in machines
        and not event.text.startswith("RT @")
    )
    assert sum(n - 1 for n in texts.values()) < 0.02 * texts.total()
    assert max(texts.values()) <= 5


def test_no_template_is_left_unfilled(made):
    """No brace, no double space, no empty quotation in anything that is said."""
    for event in made.events:
        for text in (event.text, event.title or ""):
            assert not re.search(r"[{}|]|  | ,|“”|\b(n10|n2|n100)\b", text) or event.bucket == "irc", text
            assert text == text.strip()
