"""Generation of messages: reactions to talks, and all other messages of a conference."""

from __future__ import annotations

from collections.abc import Callable

from rtanalytics.synthetic.cast import Person, plain
from rtanalytics.synthetic.grammar import Grammar, Script, Template, read_conversations, read_sections
from rtanalytics.synthetic.programme import Subject, bare
from rtanalytics.synthetic.rng import Deck, Dice, Weighted
from rtanalytics.synthetic.writer import DAY, HOUR, MINUTE, Draft, Rhythm, Slots, Writer, dice_delay

TIMETABLE = (
    ("arrive", 0, 24, 14, "eve"), ("arrive", 6, 11, 3, "first"), ("arrive", 11, 24, 0.6, "first"),
    ("register", 7, 11, 9, "first"), ("register", 7, 10, 2, "all"), ("morning", 6, 10, 8, "all"),
    ("coffee", 9, 12, 5, "all"), ("coffee", 14, 17, 4, "all"), ("coffee", 7, 18, 1, "all"),
    ("lunch", 12, 14, 12, "all"), ("wifi", 8, 18, 3, "all"), ("sticker", 9, 18, 2.2, "all"),
    ("people", 8, 24, 4, "all"), ("choose", 9, 16, 3, "all"), ("nerves", 7, 15, 2, "all"),
    ("evening", 17, 24, 9, "all"), ("evening", 0, 2, 6, "all"), ("remote", 0, 24, 1.5, "all"),
    ("leave", 13, 24, 14, "last"), ("city", 7, 24, 2.5, "all"), ("opinion", 0, 24, 3, "all"),
    ("official", 8, 18, 1.2, "all"),
)  # fmt: skip
"""Rows of (section of ``hallway.txt``, first hour, end hour, weight, days); hours are local times.

Days are ``eve`` (before the conference), ``first``, ``last`` or ``all``.
"""

MOMENTS = {
    "start": (("start", 8), ("praise", 1), ("joke", 1)),
    "on": (("claim", 9), ("quote", 7), ("joke", 3), ("praise", 4), ("idea", 4), ("link", 2), ("ask", 1)),
    "end": (("ask", 5), ("end", 5), ("praise", 4), ("quote", 2), ("link", 2)),
    "after": (("idea", 4), ("link", 4), ("end", 3), ("praise", 3), ("ask", 2), ("quote", 1), ("speaker", 2)),
}
"""Sections of ``reactions.txt`` with their weights, by the phase of a talk."""


def grammar_for(dice: Dice) -> Grammar:
    """Return the grammar for the sentences of all messages."""
    return Grammar(read_sections("reactions.txt", "hallway.txt", "languages.txt", "feeds.txt"), dice)


class Chatter:
    """Generator of the drafts of all messages.

    Parameters
    ----------
    writer : Writer
        Writer with the people and the words of the conference.
    rhythm : Rhythm
        Distribution of the messages over time.
    days : int
        Number of days of the conference.
        shop_talk : float
        Share of the background posts that are about words of the vocabulary; the rest is small talk.
    ambient : float
        Share of the background posts that read like reactions to talks, but about random words and
        people.
    habits : bool
        If true, subjects of small talk depend on the hour, as in the timetable.
    """

    def __init__(
        self, writer: Writer, rhythm: Rhythm, days: int, shop_talk: float, ambient: float, *, habits: bool
    ) -> None:
        self.writer, self.rhythm, self.dice = writer, rhythm, writer.dice
        self.shop_talk, self.ambient = shop_talk, ambient
        self._conversations = read_conversations("irc.txt")
        self._scripts = {name: Deck(len(c), self.dice) for name, c in self._conversations.items()}
        self._small_talk = [
            [_sections(day - writer.lead_days, days, hour if habits else None) for hour in range(24)]
            for day in range(writer.lead_days + days)
        ]
        self._open_commits: dict[str, list[str]] = {}
        self._moments = {moment: Weighted.of(rows) for moment, rows in MOMENTS.items()}
        happening, aside = writer.grammar.sections["any happening"], writer.grammar.sections["aside"]
        self._happening, self._aside = happening, aside

    # --- about talks -------------------------------------------------------------------------

    def react(self, subject: Subject, n: int, origin: int) -> list[Draft]:
        """Return ``n`` drafts about a talk or a happening (an event beside the programme).

        Replies and reposts are included.

        Parameters
        ----------
        origin : int
            Start of the talk or happening, in milliseconds after the first midnight.
        """
        length = int((subject.end - subject.start).total_seconds() * 1000)
        audience = self._audience(subject, max(4, int(0.8 * n)))
        slots = self._slots(subject)
        templates = subject.templates + (self._happening if "it" in subject.context else ())
        deck = Deck(len(templates), self.dice)
        drafts: list[Draft] = []
        while len(drafts) < n:
            if templates:
                at = origin + _outburst(length, self.dice)
                new = [self._about_happening(lambda: templates[deck.deal()], at, slots, audience)]
            else:
                new = self._about_talk(subject, origin, length, slots, audience)
            for draft in new:
                draft.subject = subject
            drafts += new
            head = new[0]
            if head.source == "mastodon" and head.type == "post":
                if self.dice.chance(0.12):
                    answers = "reply" if templates else "agree"
                    drafts.append(self.writer.reply(head, answers, slots))
                while self.dice.chance(0.07):
                    drafts.append(self.writer.boost(head))
        return drafts[:n]

    def _about_talk(
        self, subject: Subject, origin: int, length: int, slots: Slots, audience: list[Person]
    ) -> list[Draft]:
        dice, writer = self.dice, self.writer
        moment, at = _moment(length, dice)
        at += origin
        if moment == "on" and dice.chance(0.09):
            others = dice.shuffled(writer.people[:60])[:3]
            cast = list(dict.fromkeys([dice.pick(audience), *others]))[:3]
            return writer.conversation(self._script("talk"), at, slots, cast, writer.channel)
        person = audience[int(len(audience) * dice.random() ** 1.25)]
        if moment in {"start", "on"} and dice.chance(0.04):
            return [self._photo(person, at, "photo talk", slots)]
        if moment != "start" and self._speaks_own(person, "talk"):
            return [writer.post(person, at, f"{person.lang} talk", slots, lang=person.lang)]
        section = self._moments[moment].draw(dice)
        if section == "speaker":
            person = subject.speaker or person
        return [writer.post(person, at, section, slots)]

    def _speaks_own(self, person: Person, about: str) -> bool:
        """Decide at random whether a person writes in their first language.

        The probability grows with the number of templates in that language.
        """
        own = self.writer.grammar.sections.get(f"{person.lang} {about}", ())
        return bool(own) and self.dice.chance(min(0.35, 0.035 * len(own)))

    def _about_happening(
        self, deal: Callable[[], Template], at: int, slots: Slots, audience: list[Person]
    ) -> Draft:
        """Return a post or an IRC message about a happening.

        Some have an additional sentence, so that people rarely write the same text.
        """
        dice, writer = self.dice, self.writer
        person = dice.pick(audience)
        text, literal = writer.fresh_from(deal, slots, at)
        if "it" in slots and len(text) < 120 and dice.chance(0.3):
            aside = writer.fill(dice.pick(self._aside), slots, at)
            text = f"{text}{'' if text[-1] in '.?!' else '.'} {aside}"
        if dice.chance(0.12):
            return Draft(at, "irc", "message", person, text, channel=writer.channel)
        return writer.styled(person, at, text, literal=literal)

    def _audience(self, subject: Subject, n: int) -> list[Person]:
        people: dict[str, Person] = {}
        for _ in range(3 * n):
            person = self.writer.anybody()
            if person is not subject.speaker:
                people[person.handle] = person
            if len(people) == n:
                break
        return list(people.values())

    def _slots(self, subject: Subject) -> Slots:
        """Return the values for the slots of templates about a subject."""
        dice, context = self.dice, subject.context
        slots: Slots = {**self.writer.base, **context}
        if subject.kind == "buzz":
            words = dice.shuffled(subject.keywords)

            def turn() -> str:
                words.append(words.pop(0))
                return words[-1]

            return slots | {"thing": turn, "thing2": turn}
        if subject.matter is None:
            return slots
        lines, keys = subject.matter.lines, subject.matter.keys
        names = ("speaker", "speaker", "speaker", "at", "at", "surname", "surname", "first")
        order = dice.shuffled(keys)

        def key() -> str:
            chosen = order.pop(dice.below(len(order) - 1))  # never the key that was chosen last
            order.append(chosen)
            return chosen

        return slots | {
            "who": lambda: context[dice.pick(names)],
            "key": key,
            "key2": key,
            "bare": lambda: bare(dice.pick(keys)),
            "claim": lambda: dice.pick(lines["claim"]),
            "claim2": lambda: dice.pick(lines["claim"]),
            "quote": lambda: _misquoted(dice.pick(lines["quote"]), dice),
            "ask": lambda: dice.pick(lines["ask"]),
            "joke": lambda: dice.pick(lines["joke"]),
            "at2": context["at"],
            "place": self.writer.base["place"],
        }

    # --- about everything else ---------------------------------------------------------------

    def background(self, n: int, talks_of: dict[int, list[Subject]]) -> list[Draft]:
        """Return ``n`` drafts that are not about planted topics: posts, IRC, photos, commits and blogs.

        Parameters
        ----------
        talks_of : dict
            The talks by day number, for blog posts and commits.
        """
        dice, writer = self.dice, self.writer
        kinds = Weighted(["post", "irc", "photo", "commit", "essay"], [58, 7.0, 3.4, 3.0, 0.25])
        # The number of blog posts per day is limited, because there are few templates for them.
        drafts = [
            self._article(kind, day * DAY, talks)
            for day, talks in talks_of.items()
            for kind, most in (("recap", 7), ("notes", len(talks) // 2))
            for _ in range(min(most, n // 300))
        ]
        while len(drafts) < n:
            kind, at = kinds.draw(dice), self.rhythm.moment(dice)
            match kind:
                case "irc":
                    section = "help" if dice.chance(0.15) and 7 <= at // HOUR % 24 < 19 else "hall"
                    rooms = ("", "", "-hallway") if section == "hall" else ("-help",)
                    people = dice.shuffled(writer.people[: max(12, len(writer.people) // 3)])[:3]
                    channel = f"{writer.channel}{dice.pick(rooms)}"
                    drafts += writer.conversation(self._script(section), at, writer.base, people, channel)
                case "photo":
                    drafts.append(self._photo(writer.anybody(), at, "photo hall", writer.base))
                case "commit":
                    drafts += self._commits(at, talks_of.get(at // DAY, []))
                case "essay":
                    drafts.append(self._article(kind, at, []))
                case _:
                    drafts += self._posts(at)
        return drafts[:n]

    def _posts(self, at: int) -> list[Draft]:
        dice, writer = self.dice, self.writer
        person, roll = writer.anybody(), dice.random()
        slots: Slots = writer.base
        if roll < self.ambient:
            slots = self._ambient()
            post = writer.post(person, at, self._moments["on"].draw(dice), slots, tries=2)
        elif roll < self.ambient + self.shop_talk:
            post = writer.post(person, at, "work", slots, tries=2)
        elif self._speaks_own(person, "hall"):
            early = 5 <= at // HOUR % 24 < 10 and dice.chance(0.6)
            section = f"{person.lang} {'morning' if early else 'hall'}"
            post = writer.post(person, at, section, slots, lang=person.lang)
        else:
            for _ in range(4):  # try again if the text was used before
                section = self._small_talk[at // DAY][at // HOUR % 24].draw(dice)
                author = writer.official if section == "official" else person
                post = writer.post(author, at, section, slots)
                if not writer.repeated:
                    break
        drafts = [post]
        while dice.chance(0.11):
            drafts.append(writer.reply(post, "reply", writer.base))
        while dice.chance(0.06):
            drafts.append(writer.boost(post, 20.0))
        return drafts

    def _ambient(self) -> Slots:
        """Return values for the slots of reactions to talks, with random people and words."""
        dice, writer, base = self.dice, self.writer, self.writer.base
        person = writer.anybody()
        slots: Slots = dict(base)
        names = {"speaker": f"{person.given} {person.surname}", "at": f"@{person.handle}"}
        slots |= names | {"slides": writer.link(), "repo": writer.link()}
        slots |= {
            "surname": person.surname, "first": person.given, "at2": names["at"],
            "who": lambda: names["speaker"] if dice.chance(0.4) else names["at"],
            "key": writer.thing, "key2": writer.thing, "key3": writer.thing, "bare": writer.thing,
            "product": writer.tool,
            "title": lambda: writer.grammar.sentence("any title", slots),
            "about": lambda: writer.grammar.sentence("any about", slots),
            "claim": lambda: writer.grammar.sentence("any claim", slots),
            "quote": lambda: writer.grammar.sentence("any quote", slots),
            "ask": lambda: writer.grammar.sentence("any ask", slots),
            "joke": lambda: writer.grammar.sentence("any joke", slots),
        }  # fmt: skip
        return slots

    def _photo(self, person: Person, at: int, section: str, slots: Slots) -> Draft:
        writer = self.writer
        title, _ = writer.fresh(section, slots, at)
        text = title
        if self.dice.chance(0.35):
            text = f"{title}. {writer.fresh('photo text', slots, at)[0]}"
        if self.dice.chance(0.6):
            text = f"{text} #{writer.tags[0]}"
        return Draft(at, "flickr", "photo", person, text, title=title, channel="conference pool")

    def _commits(self, at: int, talks: list[Subject]) -> list[Draft]:
        """Return one to three commits to a repository, some by speakers to the projects of their talks."""
        dice, writer = self.dice, self.writer
        person, repo = writer.anybody(), writer.tool()
        messages: list[str] = []
        subject = dice.pick(talks) if talks and dice.chance(0.3) else None
        if subject is not None and subject.matter is not None and subject.speaker is not None:
            person, repo = subject.speaker, subject.context["product"]
            messages = self._open_commits.setdefault(
                subject.title, dice.shuffled(subject.matter.lines["commit"])
            )
        channel = f"{plain(person.handle)}/{plain(repo)}"
        drafts = []
        for _ in range(1 + dice.below(3)):
            own = messages.pop() if messages and dice.chance(0.7) else None
            message = own or writer.fresh("commit", writer.base, at)[0]
            drafts.append(Draft(at, "github", "commit", person, message, channel=channel))
            at += int(dice.between(2, 40) * MINUTE)
        return drafts

    def _article(self, kind: str, at: int, talks: list[Subject]) -> Draft:
        """Return a blog post; recaps of a day and notes of a speaker are posted in the evening."""
        dice, writer = self.dice, self.writer
        base = writer.base
        person = writer.anybody()
        if kind != "essay":
            at = at // DAY * DAY + int(dice.between(17.8, 23.4) * HOUR)
        if kind == "recap":
            recapped = dice.shuffled(talks)[: 2 + dice.below(2)]
            parts = [
                writer.fresh("recap open", base, at)[0],
                *(writer.fresh("recap talk", self._slots(subject), at)[0] for subject in recapped),
                writer.fresh("recap close", base, at)[0],
            ]
            title = writer.fresh("recap title", base, at)[0]
        elif kind == "notes":
            subject = dice.pick(talks)
            person, slots = subject.speaker or person, self._slots(subject)
            title = writer.fresh("notes title", slots, at)[0]
            parts = self._in_order("notes text", 3 + dice.below(2), slots, at)
        else:
            title = writer.fresh("essay title", base, at)[0]
            parts = self._in_order("essay text", 3 + dice.below(3), base, at)
        site = f"{plain(person.handle)}.example.{dice.pick(('org', 'net', 'com'))}"
        return Draft(at, "feeds", "article", person, "\n\n".join(parts), title=title, channel=site, lang="en")

    def _in_order(self, section: str, n: int, slots: Slots, at: int) -> list[str]:
        """Return ``n`` random sentences of a section, in the order of the section."""
        templates = self.writer.grammar.sections[section]
        chosen = sorted(self.dice.shuffled(range(len(templates)))[:n])
        return [self.writer.fill(templates[number], slots, at) for number in chosen]

    def _script(self, section: str) -> Script:
        return self._conversations[section][self._scripts[section].deal()]


def _sections(day: int, days: int, hour: int | None) -> Weighted[str]:
    """Return the sections of small talk with their weights, for an hour of a day, or for all hours.

    Day 0 is the first day of the conference; ``hour`` is None for all hours.
    """
    if hour is None:
        return Weighted.of([(name, w * (end - first)) for name, first, end, w, _ in TIMETABLE])
    kinds = {"all"}
    kinds |= {"eve"} if day < 0 else {"first"} if day == 0 else set()
    kinds |= {"last"} if day == days - 1 else set()
    return Weighted.of(
        [(name, w) for name, first, end, w, kind in TIMETABLE if kind in kinds and first <= hour < end]
    )


def _moment(length: int, dice: Dice) -> tuple[str, int]:
    """Draw a phase of a talk, and a time in that phase in milliseconds after the start of the talk."""
    roll = dice.random()
    if roll < 0.1:
        return "start", int(dice.between(-2, 5) * MINUTE)
    if roll < 0.72:
        return "on", int(2 * MINUTE + (length - 3 * MINUTE) * dice.random())
    if roll < 0.88:
        return "end", length + int(dice.between(-4, 7) * MINUTE)
    if roll < 0.96:
        return "after", length + int(dice_delay(dice, 25) * MINUTE)
    return "after", length + int(dice.between(1.5, 20) * HOUR)  # in the evening, or over coffee next morning


def _outburst(length: int, dice: Dice) -> int:
    """Draw the time of a message in milliseconds after the start of a happening; most are early."""
    u = dice.random()
    return int(length * (0.75 * u * u + 0.25 * dice.random()))


def _misquoted(quote: str, dice: Dice) -> str:
    """Return a quotation, sometimes shortened, because people often quote only the beginning."""
    words = quote.split()
    if len(words) > 9 and dice.chance(0.14):
        return " ".join(words[: 6 + dice.below(len(words) - 8)]).rstrip(".,") + " …"
    return quote
