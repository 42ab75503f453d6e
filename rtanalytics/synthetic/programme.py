"""Generation of the talks: speakers, times, subjects, and sentences about each talk.

A subject is either *written* (a block of claims, quotations and questions in ``texts/subjects.txt``) or
*composed* from words of the generated vocabulary. All claims and quotations of a talk are generated here,
so that different people quote the same sentences.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import cycle

from rtanalytics.schedule import Schedule, Talk
from rtanalytics.synthetic.cast import Person, Place, Vocabulary, plain, project_name, words
from rtanalytics.synthetic.grammar import Grammar, Record, Template, expand, parse, read_records
from rtanalytics.synthetic.rng import Dice

SLOTS = ((10, 30), (11, 20), (13, 45), (14, 35), (15, 50))
"""Local times (hour, minute) at which parallel talks of 40 minutes begin."""


@dataclass(frozen=True, slots=True)
class Matter:
    """Texts about the subject of a talk.

    Parameters
    ----------
    context : dict of str to str
        Texts for the slots of templates: title, abstract, area, about, product and names.
    lines : dict of str to list of str
        Complete sentences by kind: claim, quote, ask, joke and commit.
    keys : tuple of str
        Key phrases of the subject, with their articles.
    """

    context: dict[str, str]
    lines: dict[str, list[str]]
    keys: tuple[str, ...]


@dataclass(slots=True)
class Subject:
    """A planted topic: people write about it from ``start`` to ``end``, with its ``keywords``.

    A talk has a speaker, a :class:`Matter` and a ``weight``, which is its popularity; a happening has
    ``templates`` for messages about it.
    """

    title: str
    kind: str
    start: datetime
    end: datetime
    keywords: tuple[str, ...]
    context: dict[str, str]
    matter: Matter | None = None
    speaker: Person | None = None
    talk: Talk | None = None
    weight: float = 1.0
    templates: tuple[Template, ...] = ()


def day_plan(talks_per_day: int, rooms: int) -> list[tuple[int, int, int, int]]:
    """Return the talks of a day as rows of (hour, minute, length in minutes, number of the room).

    The keynotes are first and last, in room 0.

    Raises
    ------
    ValueError
        If the day has fewer than 2 or more than ``2 + rooms * len(SLOTS)`` talks.
    """
    most = 2 + rooms * len(SLOTS)
    if not 2 <= talks_per_day <= most:
        raise ValueError(
            f"talks_per_day must be from 2 to {most} (two keynotes, {rooms} rooms), not {talks_per_day}"
        )
    plan = [(9, 15, 45, 0)]
    rest = talks_per_day - 2
    used = max(1, -(-rest // rooms), min(4, rest))  # many start times, so that few talks are parallel
    for number in range(rest):
        hour, minute = SLOTS[number % used]
        plan.append((hour, minute, 40, number // used))
    return [*plan, (16, 45, 45, 0)]


def make_talks(
    days: list[datetime], per_day: int, place: Place, speakers: list[Person], vocabulary: Vocabulary,
    grammar: Grammar, dice: Dice, *, written: bool, familiar: list[str] | None,
) -> list[Subject]:  # fmt: skip
    """Return the talks of all days as subjects, in order of time.

    Parameters
    ----------
    days : list of datetime
        Local midnights at which the days begin.
    familiar : list of str, optional
        If given, each talk is about three of these words, and its project has an existing name.
    """
    blocks = dice.shuffled(read_records("subjects.txt")) if written and familiar is None else []
    taken = {name.lower() for name in (*vocabulary.things.items, *vocabulary.tools.items)}
    people, known = iter(speakers), iter(familiar or ())
    tools = cycle(dice.shuffled(vocabulary.tools.items[5:205]))
    subjects = []
    for day, midnight in enumerate(days, 1):
        plan = day_plan(per_day, min(len(place.rooms), 4 if per_day > 17 else 3))
        for number, (hour, minute, length, room) in enumerate(plan):
            keynote = number in (0, len(plan) - 1)
            speaker = next(people)
            context = talk_context(speaker, place, room, project_name(taken, dice), dice)
            if blocks:
                matter = written_matter(blocks.pop(), context, grammar, dice, keynote=keynote)
            else:
                keys = None
                if familiar is not None:
                    keys = [next(known) for _ in range(3)]
                    context["product"] = next(tools)
                matter = composed_matter(context, vocabulary, keys, grammar, dice)
            names = [context["product"], context["at"]]
            names += [] if familiar else [context["surname"], speaker.given]
            start = midnight + timedelta(hours=hour, minutes=minute)
            subject = Subject(
                context["title"], "keynote" if keynote else "talk", start, start + timedelta(minutes=length),
                tuple(word.lower() for word in (*names, *map(bare, matter.keys))), context, matter, speaker,
                weight=3.2 if keynote else dice.between(0.3, 1.0) + dice.between(0.0, 0.9),
            )  # fmt: skip
            slug = "-".join(w for w in map(plain, subject.title.split()[:6]) if w)
            subject.talk = Talk(
                id=f"{plain(place.conf)}-{day}-{number + 1:02d}", title=subject.title, start=subject.start,
                end=subject.end, speakers=[f"{speaker.given} {speaker.surname}"], room=place.rooms[room],
                track=context["area"], kind=subject.kind, abstract=context["abstract"],
                url=f"https://{plain(place.conf)}.example.org/talks/{slug}",
            )  # fmt: skip
            subjects.append(subject)
    return subjects


def bare(key: str) -> str:
    """Return a phrase without its article, ``the``, ``a`` or ``an``."""
    return key.removeprefix("the ").removeprefix("a ").removeprefix("an ")


def talk_context(speaker: Person, place: Place, room: int, product: str, dice: Dice) -> dict[str, str]:
    """Return names and links of a talk for templates; surnames under five letters become full names."""
    full = f"{speaker.given} {speaker.surname}"
    return {
        "speaker": full,
        "first": speaker.given,
        "surname": speaker.surname if len(speaker.surname) >= 5 else full,
        "at": f"@{speaker.handle}",
        "product": product,
        "room": place.rooms[room],
        "slides": f"https://slides.example.org/{plain(speaker.surname)}-{plain(product)}",
        "repo": f"https://code.example.com/{plain(speaker.handle)}/{plain(product)}",
        "town": dice.pick(place.towns),
        "town2": dice.pick(place.towns),
        "area": "Open stage",
    }


def a_place(dice: Dice) -> str:
    """Return a random place of work, such as a library."""
    return dice.pick(words("places"))


def numbers(dice: Dice) -> dict[str, str]:
    """Return random numbers for the slots of templates."""
    return {
        "n2": str(2 + dice.below(8)),
        "n10": str(11 + dice.below(85)),
        "n20": str(11 + dice.below(18)),
        "n100": str(120 + dice.below(860)),
        "pct": str(12 + dice.below(82)),
        "year": str(2009 + dice.below(16)),
    }


def written_matter(
    block: Record, context: dict[str, str], grammar: Grammar, dice: Dice, *, keynote: bool
) -> Matter:
    """Return the texts about a subject from a block of ``subjects.txt``, with numbers and names filled in.

    Title, abstract, area and about are also stored in ``context``.
    """

    def fill(text: str) -> str:
        return expand(parse(text, "subjects.txt"), {**context, **numbers(dice)}, dice)

    context["area"], context["about"] = block["area"][0], fill(block["about"][0])
    context["title"], context["abstract"] = fill(dice.pick(block["title"])), fill(block["abstract"][0])
    kinds = ("claim", "quote", "ask", "joke", "commit")
    lines = {kind: [fill(text) for text in block[kind]] for kind in kinds}
    add_generic(lines, context, block["key"], grammar, dice, 4 if keynote else 1)
    return Matter(context, lines, block["key"])


def composed_matter(
    context: dict[str, str], vocabulary: Vocabulary, keys: list[str] | None, grammar: Grammar, dice: Dice
) -> Matter:
    """Return texts about a subject that is composed from the vocabulary.

    ``keys`` are existing words to use as key phrases; if None, new phrases are made up.
    """
    things = vocabulary.things
    if keys is None:
        keys = [f"{dice.pick((context['town2'], *ADJECTIVES))} {things.draw(dice)}" for _ in range(3)]
    else:
        context |= dict.fromkeys(("speaker", "surname", "first"), context["at"])
    slots = {**context, "key": keys[0], "key2": keys[1], "key3": keys[2], "place": a_place(dice)}
    for name in ("about", "title", "abstract"):
        context[name] = grammar.sentence(f"any {name}", {**slots, **numbers(dice)})
    lines: dict[str, list[str]] = {"claim": [], "quote": [], "ask": [], "joke": [], "commit": []}
    add_generic(lines, context, tuple(keys), grammar, dice, 4)
    return Matter(context, lines, tuple(keys))


ADJECTIVES = tuple(
    """
    quiet slow borrowed brittle patient salted folded hollow drifting unpaid nested rusty sleepy honest spare
    sideways layered tangled polite stubborn leaning woven feral tidal paper copper wooden velvet crooked
    bitter
    """.split()
)
"""Adjectives that turn common words into new phrases."""


def add_generic(
    lines: dict[str, list[str]], context: dict[str, str], keys: tuple[str, ...], grammar: Grammar,
    dice: Dice, n: int,
) -> None:  # fmt: skip
    """Add ``n`` claims, ``n`` quotations, and half as many questions and jokes that suit any talk.

    The existing lines are about this talk. They are repeated three times, so that they are drawn more
    often.
    """
    for kind, count in (("claim", n), ("quote", n), ("ask", (n + 1) // 2), ("joke", n // 2)):
        lines[kind] *= 3
        for _ in range(count):
            first, second, third = (dice.shuffled(keys) * 3)[:3]
            slots = {**context, **numbers(dice), "key": first, "key2": second, "key3": third}
            slots["bare"] = bare(first)
            slots["place"] = a_place(dice)
            lines[kind].append(grammar.sentence(f"any {kind}", slots))


def schedule_of(subjects: list[Subject], days: list[datetime], place: Place) -> Schedule:
    """Return the schedule of the talks and the breaks between them."""
    talks = [s.talk for s in subjects if s.talk is not None]
    for day, midnight in enumerate(days, 1):
        between = [
            ("Registration", 8, 0, 70), ("Coffee", 10, 0, 30), ("Lunch", 12, 15, 85), ("Coffee", 15, 15, 30),
        ]  # fmt: skip
        if day == len(days):
            between.append(("Closing and goodbye", 17, 30, 25))
        elif day == 1:
            between.append(("Reception in the foyer", 18, 0, 120))
        else:
            between.append(("Conference dinner", 19, 30, 150))
        for number, (title, hour, minute, length) in enumerate(between):
            start = midnight + timedelta(hours=hour, minutes=minute)
            talks.append(
                Talk(
                    id=f"{plain(place.conf)}-{day}-b{number + 1}", title=title, start=start,
                    end=start + timedelta(minutes=length),
                    kind="break" if title in ("Registration", "Coffee", "Lunch") else "social",
                )
            )  # fmt: skip
    return Schedule(talks)
