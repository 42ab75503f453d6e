"""Planted topics without a talk: happenings such as a fire alarm, and words that become popular."""

from __future__ import annotations

from datetime import datetime, timedelta

from rtanalytics.synthetic.cast import plain
from rtanalytics.synthetic.grammar import Memo, Record, parse, read_records, read_sections
from rtanalytics.synthetic.programme import Subject
from rtanalytics.synthetic.rng import Dice
from rtanalytics.synthetic.writer import Writer


def make_happenings(writer: Writer, midnights: list[datetime], dice: Dice) -> list[Subject]:
    """Return up to two happenings per day, and the announcement of the next conference at the end."""
    records = dice.shuffled(read_records("happenings.txt"))
    rest = [r for r in records if r["kind"][0] != "next year"]
    plan = [(midnights[n // 2], record) for n, record in enumerate(rest[: 2 * len(midnights)])]
    plan += [(midnights[-1], r) for r in records if r["kind"][0] == "next year"]
    return [_happening(writer, midnight, record, dice) for midnight, record in plan]


def _happening(writer: Writer, midnight: datetime, record: Record, dice: Dice) -> Subject:
    """Return a happening from a block of ``happenings.txt``, with names and a random time."""
    first, end = (int(hour) for hour in record["hours"][0].split("-"))
    minutes = int(record["minutes"][0])
    begin = midnight + timedelta(minutes=int(dice.between(first * 60, end * 60 - min(30, minutes))))
    honoured = dice.pick(writer.people[10:60])
    context = {
        "lib": writer.tool(), "tech": writer.tool(), "room": dice.pick(writer.place.rooms),
        "town": dice.pick(writer.place.towns), "n100": str(120 + dice.below(300)),
        "person_name": f"{honoured.given} {honoured.surname}", "person_at": f"@{honoured.handle}",
        "person_surname": honoured.surname,
    }  # fmt: skip
    memo = Memo(writer.base, **context)
    it, title, *keys = (
        writer.grammar.fill(parse(text, "happenings.txt"), memo)
        for text in (record["it"][0], record["title"][0], *record["key"])
    )
    # All messages use the names drawn for the title; "it" is what most of them call the happening.
    context |= {name: memo[name] for name in ("bird", "printed", "quizword") if name in memo}
    context["it"] = it
    return Subject(
        title, record["kind"][0], begin, begin + timedelta(minutes=minutes),
        tuple(dict.fromkeys(key.lower() for key in keys)), context,
        templates=tuple(parse(line, "happenings.txt") for line in record["say"]),
    )  # fmt: skip


def make_buzz(
    writer: Writer, midnights: list[datetime], n: int, dice: Dice, familiar: list[str] | None
) -> list[Subject]:
    """Return ``n`` topics of three words that many people suddenly use, without a talk.

    Parameters
    ----------
    familiar : list of str, optional
        Existing words to use; by default, new words are made up.
    """
    subjects = []
    for number in range(n):
        if familiar is not None:
            keys = familiar[3 * number : 3 * number + 3]
        else:
            coined = [plain(town) + dice.pick(("ism", "gate", "ware")) for town in writer.place.towns]
            keys = dice.shuffled(coined)[:3]
        begin = dice.pick(midnights) + timedelta(minutes=int(dice.between(9 * 60, 20 * 60)))
        subjects.append(
            Subject(
                f"{keys[0]} and {keys[1]}", "buzz", begin, begin + timedelta(minutes=30 + dice.below(30)),
                tuple(keys), {"keys": "|".join(keys)}, templates=read_sections("hallway.txt")["work"],
            )
        )  # fmt: skip
    return subjects
