"""Conversion of sentences to events, with author, time, writing style and id."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from hashlib import blake2b
from itertools import accumulate

from rtanalytics.event import Author, Event, Media
from rtanalytics.synthetic.cast import Person, Place, Vocabulary, plain, words
from rtanalytics.synthetic.grammar import Context, Grammar, Memo, Script, Template
from rtanalytics.synthetic.programme import Subject
from rtanalytics.synthetic.rng import Dice, Weighted, zipf

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
"""Durations in milliseconds; times are integers, because floats may differ between platforms."""

_LINK = re.compile(r"https://[^\s<>“”\"]*[\w/]")
_MENTION = re.compile(r"(?<![\w/])@(\w+)")
_TAG = re.compile(r"(?<![\w/])#([^\W\d]\w*)")


Slots = dict[str, str | Callable[[], str]]
"""Text of each slot of a template, or a function that returns a text."""


@dataclass(slots=True)
class Draft:
    """Event without an id; ``at`` is its time in milliseconds after local midnight of the first day."""

    at: int
    source: str
    type: str
    person: Person
    text: str
    channel: str | None = None
    title: str | None = None
    lang: str | None = None
    reply_to: Draft | None = None
    repost_of: Draft | None = None
    to: str | None = None
    bot: bool = False
    subject: Subject | None = None
    id: str = ""


class Rhythm:
    """Distribution of messages over time: few at night, many between 9:00 and 18:00.

    Parameters
    ----------
    day_weights : list of float
        Relative number of messages of each day.
    """

    HOURLY = (
        3, 1.5, 1, 1, 1, 2, 8, 22, 48, 66, 74, 66, 62, 58, 66, 64, 66, 60, 42, 34, 34, 30, 20, 9,
    )  # fmt: skip
    """Relative number of messages of each hour of a day."""

    def __init__(self, day_weights: list[float]) -> None:
        self._sums = list(accumulate(w * h for w in day_weights for h in self.HOURLY))

    def moment(self, dice: Dice) -> int:
        """Draw a time in milliseconds after the first midnight."""
        hour = min(bisect_right(self._sums, dice.random() * self._sums[-1]), len(self._sums) - 1)
        return int((hour + dice.random()) * HOUR)


class Writer:
    """Writer of drafts: fills templates with names and words, and applies a person's writing style.

    Parameters
    ----------
    people : list of Person
        All participants, the most active first.
    dice : Dice
        Random generator, which the grammar must use too.
    lead_days : int
        Number of days before the first day of the conference.
    """

    def __init__(
        self, place: Place, people: list[Person], vocabulary: Vocabulary, grammar: Grammar, dice: Dice,
        lead_days: int = 0,
    ) -> None:  # fmt: skip
        self.place, self.people, self.grammar, self.dice = place, people, grammar, dice
        self.active = Weighted(people, zipf(len(people), 0.75, 8.0))
        self.things, self.tools = vocabulary.things, vocabulary.tools
        self.tags = (place.tag, f"{place.tag}{place.year % 100}")
        self.side_tags = dice.shuffled(words("tags"))[:8]
        self.channel = f"#{plain(place.conf)}"
        self.official = Person(
            place.conf, place.conf, "", plain(place.conf), plain(place.conf), "en", "social.example.org",
            lower=False, drops_stop=False, tags=0.9, emoji=0.02,
        )  # fmt: skip
        self._texts: set[str] = set()
        self.repeated = False  # True if the latest text was used before
        self._last_thing = ""
        self._at = 0
        self.lead_days = lead_days
        self._emoji = words("emoji")
        lists = {
            "dish": "dishes", "drink": "drinks", "hotel": "hotels", "place": "places", "bird": "birds",
            "printed": "printed", "quizword": "quizwords",
        }  # fmt: skip
        self.base: Slots = {name: partial(dice.pick, words(section)) for name, section in lists.items()}
        self.base |= {
            "n2": lambda: str(2 + dice.below(8)),
            "n10": lambda: str(11 + dice.below(85)),
            "n20": lambda: str(11 + dice.below(18)),
            "n100": lambda: str(120 + dice.below(860)),
            "pct": lambda: str(12 + dice.below(82)),
            "year": lambda: str(2009 + dice.below(16)),
            "line": lambda: str(1 + dice.below(14)),
            "city": place.city,
            "conf": place.conf,
            "tagless": place.tag,
            "chan": self.channel[1:],
            "venue": place.venue,
            "room": lambda: dice.pick(place.rooms),
            "room2": lambda: dice.pick(place.rooms),
            "town": lambda: dice.pick(place.towns),
            "town2": lambda: dice.pick(place.towns),
            "sight": lambda: dice.pick(place.sights),
            "person": lambda: f"@{self.anybody().handle}",
            "nick": lambda: self.anybody().nick,
            "first": lambda: self.anybody().given,
            "thing": self.thing,
            "thing2": self.thing,
            "thing3": self.thing,
            "thingslug": lambda: self.thing().replace(" ", "-"),
            "ident": lambda: self.thing().replace(" ", "_").replace("-", "_"),
            "readme": "README.md",
            "tech": self.tool,
            "tech2": self.tool,
            "day": lambda: str(max(1, self._at // DAY + 1 - self.lead_days)),
            "clock": lambda: f"{self._at // HOUR % 24:02d}:00",
            "link": self.link,
        }

    def anybody(self) -> Person:
        """Return a random person; active people are more likely."""
        return self.active.draw(self.dice)

    def thing(self) -> str:
        """Return a random word of the vocabulary, but not the same as in the previous call."""
        thing = self._last_thing
        while thing == self._last_thing:
            thing = self.things.draw(self.dice)
        self._last_thing = thing
        return thing

    def tool(self) -> str:
        """Return a random name of software."""
        return self.tools.draw(self.dice)

    def link(self) -> str:
        """Return a random URL with a host that is reserved for examples."""
        host = self.dice.pick(("pad.example.net", "slides.example.org", "video.example.com", "example.org/s"))
        return f"https://{host}/{self.token(6)}"

    def token(self, length: int) -> str:
        """Return random letters and digits, without those that look alike, such as 0 and o."""
        return "".join(self.dice.pick("23456789abcdefghjkmnpqrstuvwxyz") for _ in range(length))

    def fill(self, template: Template, context: Context, at: int) -> str:
        """Return the text of a template, for a message at time ``at``."""
        self._at = at
        return self.grammar.fill(template, context)

    def fresh(self, section: str, context: Context, at: int, tries: int = 4) -> tuple[str, bool]:
        """Return a text from the next template of a section, and whether it begins with a literal.

        If the text was used before, up to ``tries`` templates are tried.
        """
        return self.fresh_from(partial(self.grammar.deal, section), context, at, tries)

    def fresh_from(
        self, deal: Callable[[], Template], context: Context, at: int, tries: int = 4
    ) -> tuple[str, bool]:
        """Return a new text, as :meth:`fresh` does, made from templates that ``deal`` returns."""
        self._at = at
        for _ in range(tries):
            template = deal()
            text = self.grammar.fill(template, context)
            self.repeated = text in self._texts
            if not self.repeated:
                break
        if len(text) > 30:
            self._texts.add(text)
        return text, isinstance(template[0], str)

    def post(
        self, person: Person, at: int, section: str, context: Context, *, lang: str = "en",
        tagged: bool = True, tries: int = 4,
    ) -> Draft:  # fmt: skip
        """Return a post from a section of templates, in the writing style of a person."""
        text, literal = self.fresh(section, context, at, tries)
        return self.styled(person, at, text.strip(), lang=lang, tagged=tagged, literal=literal)

    def styled(
        self, person: Person, at: int, text: str, *, lang: str = "en", tagged: bool = True,
        literal: bool = False,
    ) -> Draft:  # fmt: skip
        """Return a post with a given text, changed to the writing style of a person.

        Parameters
        ----------
        literal : bool
            True if the text begins with a word of the template, which may become lower case.
        """
        dice = self.dice
        if lang == "en":
            if person.lower and literal and text[1:2].islower():
                text = text[0].lower() + text[1:]
            if person.drops_stop and text.endswith(".") and not text.endswith(".."):
                text = text[:-1]
        if dice.chance(person.emoji):
            text = f"{text} {dice.pick(self._emoji)}"
        if tagged and dice.chance(person.tags):
            tag = self.tags[0] if dice.chance(0.85) else self.tags[1]
            text = f"#{tag} {text}" if dice.chance(0.08) else f"{text} #{tag}"
        if tagged and dice.chance(0.06):
            text = f"{text} #{dice.pick(self.side_tags)}"
        return Draft(at, "mastodon", "post", person, text, lang=lang, channel=self._found_in(text))

    def conversation(
        self, script: Script, at: int, context: Context, people: list[Person],
        channel: str,
    ) -> list[Draft]:  # fmt: skip
        """Return the drafts of an IRC conversation.

        A line that begins with a nick and a colon is a reply to that person.
        """
        dice = self.dice
        self._at = at
        cast = dict(zip("ABC", people, strict=False))
        memo = Memo(context, **{letter: person.nick for letter, person in cast.items()})
        last: dict[str, Draft] = {}
        drafts = []
        for letter, action, template in script:
            text = self.grammar.fill(template, memo)
            draft = Draft(at, "irc", "action" if action else "message", cast[letter], text, channel=channel)
            addressed = text.split(":", 1)[0]
            if addressed in last and addressed != cast[letter].nick:
                draft.reply_to, draft.to = last[addressed], addressed
            last[cast[letter].nick] = draft
            drafts.append(draft)
            at += int(dice.between(4_000, 25_000) + 90 * len(text) + (40_000 if dice.chance(0.1) else 0))
        return drafts

    def reply(self, to: Draft, section: str, context: Slots) -> Draft:
        """Return a reply to a post by another person, some minutes later."""
        person = self.other(to.person)
        at = to.at + int(dice_delay(self.dice, 4.0) * MINUTE)
        fixed = {**context, "at": f"@{to.person.handle}"}
        draft = self.post(person, at, section, fixed, tagged=False, tries=2)
        draft.type, draft.reply_to, draft.subject = "reply", to, to.subject
        return draft

    def boost(self, of: Draft, minutes: float = 6.0) -> Draft:
        """Return a repost by another person, about ``minutes`` later."""
        original = of.repost_of or of
        at = of.at + int(dice_delay(self.dice, minutes) * MINUTE)
        return Draft(
            at, "mastodon", "repost", self.other(original.person), original.text, channel=original.channel,
            lang=original.lang, repost_of=original, subject=original.subject,
        )  # fmt: skip

    def other(self, than: Person) -> Person:
        """Return a random person, but not ``than``."""
        person = self.anybody()
        while person is than:
            person = self.anybody()
        return person

    def _found_in(self, text: str) -> str | None:
        return next((f"#{tag}" for tag in self.tags if f"#{tag}" in text), None)


def dice_delay(dice: Dice, mean: float) -> float:
    """Draw a waiting time above 0 from a distribution with a long tail and the given mean.

    It uses products instead of logarithms, whose results can differ between platforms.
    """
    u = dice.random()
    return mean * (0.15 + 2.55 * u * u * u + 0.425 * dice.random())


def to_events(drafts: list[Draft], start: datetime, seed: int) -> list[Event]:
    """Convert drafts to events with ids and times; return them in the order of reception."""
    drafts = sorted(drafts, key=lambda d: d.at)
    dice = Dice(seed, "received")
    epoch = int(start.timestamp()) * 1000
    addresses = [_identify(draft, epoch, n, seed) for n, draft in enumerate(drafts)]
    events = []
    for draft, url in zip(drafts, addresses, strict=True):
        created = start + timedelta(milliseconds=draft.at)
        delay = timedelta(milliseconds=_delay(draft.source, dice))
        root = draft.reply_to
        while root is not None and root.reply_to is not None:
            root = root.reply_to
        events.append(
            Event(
                id=draft.id, source=f"irc:{draft.channel}" if draft.source == "irc" else draft.source,
                type=draft.type, author=_author(draft), channel=draft.channel, to=draft.to, title=draft.title,
                text=draft.text, url=url, lang=draft.lang,
                tags=list(dict.fromkeys(_TAG.findall(draft.text))), mentions=_mentions(draft),
                links=_LINK.findall(draft.text), media=_media(draft, url),
                reply_to=draft.reply_to.id if draft.reply_to else None,
                repost_of=draft.repost_of.id if draft.repost_of else None,
                thread=root.id if root and draft.source == "mastodon" else None,
                created_at=created, received_at=created + delay,
            )
        )  # fmt: skip
    return sorted(events, key=lambda e: (e.received_at, e.id))


def _identify(draft: Draft, epoch: int, number: int, seed: int) -> str | None:
    """Set the id of a draft, and return its URL, or None for IRC."""
    digest = blake2b(f"{seed}/{number}/{draft.at}".encode(), digest_size=20).hexdigest()
    match draft.source:
        case "irc":
            draft.id = f"irc:irc.example.net/{draft.channel}:{digest[:14]}"
            return None
        case "github":
            draft.id = f"github:{draft.channel}:{digest}"
            return f"https://code.example.com/{draft.channel}/commit/{digest}"
        case "flickr":
            key = 54_000_000_000 + (draft.at // 10 + number * 7919) % 999_999_937
            draft.id = f"flickr:photos:{key}"
            return f"https://photos.example.com/{draft.person.handle}/{key}"
        case "feeds":
            draft.id = f"feeds:{draft.channel}:{digest}"
            slug = "-".join(w for w in map(plain, (draft.title or "").split()[:8]) if w)
            return f"https://{draft.channel}/{slug or digest[:8]}"
        case _:
            key = (epoch + draft.at) << 16 | number & 0xFFFF
            draft.id = f"mastodon:{draft.person.instance}:{key}"
            return f"https://{draft.person.instance}/@{draft.person.handle}/{key}"


def _author(draft: Draft) -> Author:
    person = draft.person
    match draft.source:
        case "irc":
            return Author(handle=person.nick)
        case "github":
            return Author(handle=plain(person.handle), name=f"{person.given} {person.surname}")
        case "feeds":
            return Author(handle=person.handle, name=f"{person.given} {person.surname}")
        case "flickr":
            return Author(handle=person.handle, name=person.name)
        case _:
            return Author(
                handle=person.handle, name=person.name, bot=draft.bot,
                url=f"https://{person.instance}/@{person.handle}",
            )  # fmt: skip


def _mentions(draft: Draft) -> list[str]:
    if draft.source == "irc":
        return [draft.to] if draft.to else []
    found = _MENTION.findall(draft.text)
    if draft.repost_of is not None:
        found.insert(0, draft.repost_of.person.handle)
    return list(dict.fromkeys(found))


def _media(draft: Draft, url: str | None) -> list[Media]:
    if draft.source != "flickr" or url is None:
        return []
    return [Media(url=f"{url}_b.jpg", mime="image/jpeg", alt=draft.title, width=1024, height=683)]


def _delay(source: str, dice: Dice) -> int:
    """Draw the delay until reception, in milliseconds: short for streams, long for polled sources."""
    u = dice.random()
    match source:
        case "irc":
            return int(40 + 400 * u)
        case "github":
            return int(2_000 + 58_000 * u)
        case "flickr":
            return int(15_000 + 165_000 * u)
        case "feeds":
            return int(20_000 + 700_000 * u)
        case _:
            return int(300 + 3_500 * u * u)
