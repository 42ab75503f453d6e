"""The sentences of invented conferences: templates, slots, cards and weights."""

from collections import Counter

import pytest

from rtanalytics.synthetic.cast import make_people
from rtanalytics.synthetic.chatter import MOMENTS, TIMETABLE
from rtanalytics.synthetic.grammar import (
    expand,
    parse,
    read_conversations,
    read_records,
    read_sections,
    slots,
)
from rtanalytics.synthetic.programme import day_plan, numbers
from rtanalytics.synthetic.rng import Deck, Dice, Weighted

BASE = set(
    """
    n2 n10 n20 n100 pct year line city conf tagless chan venue room room2 town town2 sight person nick first
    thing thing2 thing3 thingslug ident readme tech tech2 day clock link dish drink hotel place bird printed
    quizword
    """.split()
)
TALK = set(
    """
    who speaker at surname key bare claim claim2 quote ask joke about at2 title product key2 key3 slides repo
    """.split()
)
OTHERS = set("it llama pastry llamaname spamlink dailytag day_word talk_title talk_speaker".split())


def test_every_slot_of_every_sentence_can_be_filled():
    """Each template of a section uses only slots that its speakers can fill."""
    sections = read_sections("reactions.txt", "hallway.txt", "languages.txt", "feeds.txt")
    used = {name for lines in sections.values() for line in lines for name in slots(line)}
    assert used <= BASE | TALK | OTHERS
    hall = {n for row in TIMETABLE for line in sections[row[0]] for n in slots(line)}
    assert hall <= BASE
    assert {name for rows in MOMENTS.values() for name, _ in rows} <= set(sections)
    scripts = read_conversations("irc.txt")
    for name, known in (("hall", set()), ("help", set()), ("talk", TALK)):
        spoken = {slot for script in scripts[name] for *_, line in script for slot in slots(line)}
        assert spoken <= BASE | known | set("ABC")
    assert min(len(scripts[name]) for name in ("hall", "help", "talk")) >= 10


def test_every_written_subject_is_complete():
    """Each has titles, phrases, claims, quotations, questions, a joke and commits, all of them fillable."""
    names = {"product", "town", "town2", "speaker", "first", "surname", "at", "room", *numbers(Dice(1))}
    blocks = read_records("subjects.txt")
    assert len(blocks) >= 42
    for block in blocks:
        counts = {field: len(texts) for field, texts in block.items()}
        assert counts["title"] == 2
        assert counts["key"] == 3
        assert counts["claim"] >= 5
        assert counts["quote"] >= 3
        assert counts["ask"] >= 2
        assert counts["joke"] >= 1
        assert counts["commit"] == 2
        for texts in block.values():
            assert all(set(slots(parse(text))) <= names for text in texts)
    keys = [key for block in blocks for key in block["key"]]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("text", ["a {b", "a } b", "{a|b} {c|{d}"])
def test_a_brace_that_does_not_match_is_reported_with_its_place(text):
    """A slip in a text file names the file and the line's text."""
    with pytest.raises(ValueError, match=r"hall\.txt.*"):
        parse(text, "hall.txt")


def test_templates_nest_and_capitalise():
    """``{this|that}`` may hold slots and further choices; ``{+slot}`` begins with a capital."""
    template = parse("{+name} {says|{shouts|whispers} “{line}”}")
    found = {expand(template, {"name": "ada", "line": lambda: "hi"}, Dice(n)) for n in range(40)}
    assert found == {"Ada says", "Ada shouts “hi”", "Ada whispers “hi”"}
    with pytest.raises(KeyError):
        expand(parse("{nobody}"), {}, Dice(1))


def test_a_deck_deals_every_card_before_one_returns():
    """Sentences come back as late as possible."""
    deck = Deck(6, Dice(1))
    assert sorted(deck.deal() for _ in range(6)) == list(range(6))
    assert sorted(deck.deal() for _ in range(6)) == list(range(6))


def test_weights_are_kept():
    """Items come in proportion to their weights, and never at weight 0."""
    dice, weighted = Dice(1), Weighted.of([("a", 3.0), ("b", 1.0), ("c", 0.0)])
    drawn = Counter(weighted.draw(dice) for _ in range(4000))
    assert 2.6 < drawn["a"] / drawn["b"] < 3.4
    assert drawn["c"] == 0


def test_people_have_names_of_their_own():
    """Thousands of people: no two share a name, a handle or a nick."""
    people = make_people(4000, Dice(1))
    for name in ("handle", "nick"):
        assert len({getattr(person, name) for person in people}) == 4000
    assert len({person.lang for person in people}) >= 18


def test_a_day_has_room_for_its_talks():
    """Two keynotes and talks side by side, none on top of another, however many there are."""
    for n in range(2, 18):
        plan = day_plan(n, 3)
        assert len(plan) == n
        assert len(set(plan)) == n
        assert max(room for *_, room in plan) <= 2
