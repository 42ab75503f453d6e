"""People, places and words of a synthetic conference, generated from the seed."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from rtanalytics.synthetic.grammar import read_blocks
from rtanalytics.synthetic.rng import Dice, Weighted, zipf

INSTANCES = (
    "social.example.org", "fedi.example.net", "toots.example.com", "hachy.example.org", "mast.example.net"
)  # fmt: skip
"""Mastodon servers of the posts; like all host names here, they are reserved for examples."""

_PLAIN = str.maketrans(
    {"ł": "l", "Ł": "L", "ø": "o", "Ø": "O", "ß": "ss", "ı": "i", "đ": "d", "æ": "ae", "Æ": "Ae", "ə": "e"}
)


@dataclass(frozen=True, slots=True)
class Person:
    """A participant, with names and writing style.

    Parameters
    ----------
    name, given, surname, handle, nick : str
        Display name, given name and surname, handle on Mastodon, and nick on IRC.
    lang : str
        BCP 47 code of the person's first language.
    instance : str
        Mastodon server of the person.
    lower, drops_stop : bool
        Writing habits: texts begin in lower case; the last full stop is left out.
    tags, emoji : float
        Probability that a post has the conference's hashtag, and that it has an emoji.
    """

    name: str
    given: str
    surname: str
    handle: str
    nick: str
    lang: str
    instance: str
    lower: bool
    drops_stop: bool
    tags: float
    emoji: float


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Words that people use throughout a conference, most frequent first.

    Parameters
    ----------
    things : Weighted of str
        Subjects of conversation with Zipf weights: nouns first, compounds last.
    tools : Weighted of str
        Names of software, with Zipf weights.
    """

    things: Weighted[str]
    tools: Weighted[str]


@dataclass(frozen=True, slots=True)
class Place:
    """Names for a conference: title, tag, year, city, venue, rooms, sights and other towns."""

    conf: str
    tag: str
    year: int
    city: str
    venue: str
    rooms: tuple[str, ...]
    sights: tuple[str, ...]
    towns: tuple[str, ...]


def words(section: str) -> list[str]:
    """Return the words in a section of ``words.txt``, separated by ``|``, or by white space without ``|``."""
    text = "\n".join(read_blocks("words.txt")[section])
    return [w.strip() for w in text.split("|")] if "|" in text else text.split()


def plain(text: str) -> str:
    """Return ``text`` in lower-case ASCII letters and digits."""
    decomposed = unicodedata.normalize("NFKD", text.translate(_PLAIN))
    return "".join(c for c in decomposed.lower() if c.isascii() and c.isalnum())


def make_people(n: int, dice: Dice) -> list[Person]:
    """Return ``n`` people of many cultures with distinct names, handles and nicks."""
    cultures = [
        (section, lines[0].split(), lines[1].split()) for section, lines in read_blocks("people.txt").items()
    ]
    stems, tails = words("stems"), words("tails")
    weights = [3.0 if lang == "en" else 1.6 if lang in ("de", "es", "fr") else 1.0 for lang, _, _ in cultures]
    origin = Weighted(cultures, weights)
    people: list[Person] = []
    names: set[str] = set()
    handles: set[str] = set()
    nicks: set[str] = set()
    while len(people) < n:
        lang, givens, surnames = origin.draw(dice)
        given, surname = dice.pick(givens), dice.pick(surnames)
        name = f"{given} {surname}"
        if name in names:
            name = f"{given} {dice.pick('ABCDEFGHJKLMNOPRSTVWZ')}. {surname}"
            if name in names:
                given, surname = dice.pick(givens), f"{surname}-{dice.pick(surnames)}"
                name = f"{given} {surname}"
        if name in names:
            continue
        names.add(name)
        g, s, stem = plain(given), plain(surname), dice.pick(stems)
        shapes = (
            g + s, g[0] + s, f"{g}_{s}", s + g[0], g + s[0], f"{stem}{dice.pick(tails)}", f"{g}{stem}",
            f"{stem}_{g}", f"{g}codes", f"{s}{dice.below(90) + 10}", f"the{stem}", f"{g}_{stem}",
        )  # fmt: skip
        handle = dice.pick(shapes)
        while handle in handles:
            handle = f"{dice.pick(shapes)}{dice.below(990) + 10}"
        handles.add(handle)
        nick = dice.pick((g, g[:4], stem, handle, s[:8], f"{stem}{g[0]}", f"{g}|{stem[:3]}", f"{g}_"))[:14]
        while nick in nicks:
            nick = f"{dice.pick((g, stem, s[:8]))}{dice.below(900)}"
        nicks.add(nick)
        shown = name
        if dice.chance(0.12):
            extra = dice.pick(("🌱", "🦆", "(she/her)", "(they/them)", "(he/him)", "🐍", "📚", "🏳️‍🌈", "🚲"))
            shown = f"{name} {extra}"
        people.append(
            Person(
                shown, given, surname, handle, nick, lang, INSTANCES[dice.below(len(INSTANCES))],
                lower=dice.chance(0.14), drops_stop=dice.chance(0.3),
                tags=dice.between(0.1, 0.85), emoji=dice.between(0.3, 0.6) if dice.chance(0.25) else 0.04,
            )
        )  # fmt: skip
    return people


def make_vocabulary(size: int, dice: Dice) -> Vocabulary:
    """Return a vocabulary of ``size`` things and ``size / 20`` (at least 40) tools, in random order.

    Nouns and set phrases come first, then nouns with an adjective, then compounds. In a vocabulary of
    more than 2,000 things, some of all three kinds are among the most frequent.
    """
    stems, heads, tails = words("stems"), words("heads"), words("tails")
    compounds = dice.shuffled([h + s for h in heads for s in stems] + [s + t for s in stems for t in tails])
    nouns = words("things")
    pairs = dice.shuffled([f"{adjective} {noun}" for adjective in words("modifiers") for noun in nouns])
    n_tools = max(40, size // 20)
    tools = [name if dice.chance(0.5) else name[:1].upper() + name[1:] for name in compounds[:n_tools]]
    compounds = compounds[n_tools:]
    common = nouns + words("phrases")
    if size > 2000:
        common += compounds[:500] + pairs[:300]
        compounds, pairs = compounds[500:], pairs[300:]
    pairs = dice.shuffled(pairs)[: min(2000, size // 2)]
    things = list(dict.fromkeys([*dice.shuffled(common), *pairs, *compounds]))[:size]
    return Vocabulary(Weighted(things, zipf(len(things))), Weighted(tools, zipf(len(tools), 0.8)))


def make_place(year: int, dice: Dice) -> Place:
    """Return random names for a conference, its city, venue and rooms."""
    heads, tails = words("townheads"), words("towntails")
    towns: list[str] = []
    while len(towns) < 25:
        town = dice.pick(heads) + dice.pick(tails)
        if town not in towns:
            towns.append(town)
    conf = dice.pick(words("confheads")) + dice.pick(words("conftails"))
    city = dice.pick(("", "", "Port ", "Sankt ", "Nova ", "Upper ")) + towns.pop()
    rooms = dice.pick([line for line in read_blocks("words.txt")["rooms"] if line]).split(",")
    return Place(
        conf, conf, year, city, dice.pick(words("venues")), tuple(r.strip() for r in rooms),
        tuple(dice.shuffled(words("sights"))[:4]), tuple(towns),
    )  # fmt: skip


def project_name(taken: set[str], dice: Dice) -> str:
    """Return a new name for a software project, and add it to ``taken``."""
    stems, heads, tails = words("stems"), words("heads"), words("tails")
    while True:
        stem = dice.pick(stems)
        coined = dice.pick(words("townheads"))
        shapes = (
            stem.capitalize() + dice.pick(stems),
            stem.capitalize() + dice.pick(stems).capitalize(),
            dice.pick(heads) + stem,
            stem.capitalize() + dice.pick(tails),
            stem + dice.pick(tails),
            coined + dice.pick(("ella", "ivo", "ora", "iq", "ette", "arium", "esk", "oko")),
        )
        name = dice.pick(shapes)
        if name.lower() not in taken and len(name) >= 6:
            taken.add(name.lower())
            return name
