"""Generation of decoys (bursts that are not topics): daily hashtags, copied jokes, spam and a bot."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from rtanalytics.schedule import ReferenceTopic
from rtanalytics.synthetic.cast import Person, words
from rtanalytics.synthetic.programme import Subject
from rtanalytics.synthetic.writer import DAY, HOUR, MINUTE, Draft, Writer, dice_delay


def make_decoys(
    writer: Writer, talks: list[Subject], days: int, unit: float, start: datetime
) -> tuple[list[Draft], list[ReferenceTopic]]:
    """Generate the messages and the list of all decoys, with about the size of the planted topics.

    Parameters
    ----------
    days : int
        Number of days of the conference, without the lead days before it.
    unit : float
        Number of messages of a planted topic of relative size 1.
    """
    dice, lead = writer.dice, writer.lead_days
    drafts, found = daily_tags(writer, days + lead, lead, max(5, round(0.35 * unit)), start)
    found += [
        reference_topic(start, day * DAY, (day + 1) * DAY, (f"day {n}",), title=f"day {n}", kind="daily")
        for n, day in enumerate(range(lead, lead + days), 1)
    ]
    storms = max(2, days - 1)
    for number in range(storms):
        at = int((24 * (lead + number * days // storms) + dice.between(10, 19)) * HOUR)
        more, decoy = storm(writer, at, max(8, round(0.8 * unit)), start)
        drafts += more
        found.append(decoy)
    for day in sorted({lead, lead + days - 1}):
        at = int((24 * day + dice.between(11, 16)) * HOUR)
        more, decoy = spammer(writer, at, max(10, round(0.7 * unit)), start)
        drafts += more
        found.append(decoy)
    more, several = bot(writer, talks, range(lead, lead + days), max(1, round(0.06 * unit)), start)
    return drafts + more, found + several


def reference_topic(
    start: datetime, at: int, end: int, keywords: tuple[str, ...], **extra: str
) -> ReferenceTopic:
    """Return a reference topic from ``at`` to ``end``, in milliseconds after ``start``."""
    return ReferenceTopic(
        start=(start + timedelta(milliseconds=at)).astimezone(UTC),
        end=(start + timedelta(milliseconds=end)).astimezone(UTC),
        keywords=keywords, extra=extra,
    )  # fmt: skip


def daily_tags(
    writer: Writer, days: int, lead: int, size: int, start: datetime
) -> tuple[list[Draft], list[ReferenceTopic]]:
    """Generate three hashtags; many people use each at a certain hour of every day."""
    dice = writer.dice
    drafts, decoys = [], []
    for tags, base_hour in zip(words("daily"), (7.5, 12.75, 20.5), strict=True):
        tag, hour = dice.pick(tags.split(",")), base_hour + dice.between(-0.5, 0.5)
        for day in range(days):
            n = max(4, int(size * dice.between(0.8, 1.2) * (0.5 if day < lead else 1.0)))
            first = int((day * 24 + hour) * HOUR)
            for _ in range(n):
                at = first + int(dice.between(-4, 40) * MINUTE)
                person = writer.anybody()
                slots = {**writer.base, "dailytag": tag, "day_word": dice.pick(("☀️", "🌧️", "👟", "📷", "🍵"))}
                drafts.append(writer.post(person, at, "daily", slots))
            decoys.append(
                reference_topic(
                    start, first, first + 45 * MINUTE, (f"#{tag}",), title=f"#{tag}, day {day + 1 - lead}",
                    kind="daily", planted=str(n),
                )
            )  # fmt: skip
    return drafts, decoys


def storm(writer: Writer, at: int, size: int, start: datetime) -> tuple[list[Draft], ReferenceTopic]:
    """Generate a joke that many people copy word for word."""
    dice = writer.dice
    animal, pastry = dice.pick(("llama", "tortoise", "donkey", "ferret", "goose", "alpaca")), dice.pick(
        ("pretzel", "strudel", "bagel", "churro", "doughnut", "croissant")
    )  # fmt: skip
    slots = {
        **writer.base, "llama": animal, "pastry": pastry,
        "llamaname": dice.pick(("Steven", "Ada", "Mister Merge", "Gertrude")),
    }  # fmt: skip
    first = writer.post(writer.other(writer.people[0]), at, "viral", slots)
    drafts = [first]
    handles = {first.person.handle}
    for _ in range(40 * size):
        copy = writer.boost(first, 22.0)
        if copy.person.handle in handles:  # every person copies the joke only once
            continue
        handles.add(copy.person.handle)
        if dice.chance(0.4):
            copy.type, copy.repost_of = "post", None
            copy.text = f"RT @{first.person.handle}: {first.text}"
        drafts.append(copy)
        if len(drafts) > size:
            break
    text = first.text.lower()
    keywords = tuple(k for k in (animal, pastry) if k in text) or (text.split()[1],)
    decoy = reference_topic(
        start, at, at + 75 * MINUTE, keywords, title=first.text, speaker=f"@{first.person.handle}",
        kind="storm", planted=str(len(drafts)),
    )  # fmt: skip
    return drafts, decoy


def spammer(writer: Writer, at: int, size: int, start: datetime) -> tuple[list[Draft], ReferenceTopic]:
    """Generate an account that posts the same text many times, with the conference's hashtag."""
    dice = writer.dice
    person = Person(
        "Grow Fast Academy", "Grow", "Academy", f"growfast{dice.below(9000) + 1000}", "growfast", "en",
        "fedi.example.net", lower=False, drops_stop=False, tags=1.0, emoji=0.0,
    )  # fmt: skip
    link = f"https://growfast.example.com/{writer.token(5)}"
    topic = writer.thing()
    slots = {**writer.base, "thing": topic, "spamlink": link, "pct": "70"}
    text = writer.fresh("spam", slots, at)[0]
    drafts, moment = [], at
    for _ in range(size):
        tags = dice.shuffled([writer.tags[0], *writer.side_tags[:4]])[:2]
        channel = f"#{writer.tags[0]}" if writer.tags[0] in tags else None
        hijack = " ".join(f"#{tag}" for tag in tags)
        drafts.append(
            Draft(moment, "mastodon", "post", person, f"{text} {hijack}", lang="en", channel=channel)
        )
        moment += int(dice_delay(dice, 150 / size) * MINUTE)
    decoy = reference_topic(
        start, at, moment + 1, (topic.lower(), f"@{person.handle}", "growfast"), title=text,
        speaker=f"@{person.handle}", kind="spam", planted=str(size),
    )  # fmt: skip
    return drafts, decoy


def bot(
    writer: Writer, subjects: list[Subject], days: range, size: int, start: datetime
) -> tuple[list[Draft], list[ReferenceTopic]]:
    """Generate a bot that posts at every full hour: talks that start soon, the time, and reminders.

    Parameters
    ----------
    size : int
        Number of messages per hour.
    """
    dice = writer.dice
    name = bot_name(writer)
    person = Person(
        f"{writer.place.conf} bot", "", "", name, name, "en", "social.example.org",
        lower=False, drops_stop=False, tags=1.0, emoji=0.0,
    )  # fmt: skip
    announce, *others = writer.grammar.sections["bot"]
    drafts, decoys = [], []
    for day in days:
        for hour in range(8, 19):
            at = day * DAY + hour * HOUR
            now = start + timedelta(milliseconds=at)
            soon = [s for s in subjects if s.talk and now <= s.start < now + timedelta(hours=1)]
            for number in range(size):
                if number < len(soon):
                    talk = {"talk_title": soon[number].title, "talk_speaker": soon[number].context["speaker"]}
                    slots = {**writer.base, **talk, "room": soon[number].context["room"]}
                    text = writer.fill(announce, slots, at)
                else:
                    text = writer.fill(others[number % len(others)], writer.base, at)
                moment = at + 2_000 + number * 1_500 + dice.below(900)
                drafts.append(
                    Draft(
                        moment, "mastodon", "post", person, f"{text} #{writer.tags[0]}", lang="en",
                        channel=f"#{writer.tags[0]}", bot=True,
                    )
                )  # fmt: skip
            decoys.append(
                reference_topic(
                    start, at, at + 10 * MINUTE, ("hourly reminder", "starting soon", f"@{name}"),
                    title=f"bot at {hour}:00", speaker=f"@{name}", kind="bot", planted=str(size),
                )
            )  # fmt: skip
    return drafts, decoys


def bot_name(writer: Writer) -> str:
    """Return the handle of the bot."""
    return f"{writer.channel[1:]}_bot"


def meals(days: int, start: datetime) -> list[ReferenceTopic]:
    """Return lunch and coffee of each day as decoys, because many people write about them every day."""
    rows = (("lunch", 12, 14, "lunch"), ("morning coffee", 9, 11, "coffee"), ("tea time", 15, 17, "coffee"))
    return [
        reference_topic(
            start, day * DAY + first * HOUR, day * DAY + end * HOUR, (word,), title=title, kind="daily"
        )
        for day in range(days)
        for title, first, end, word in rows
    ]
