"""Generation of a complete conference: talks, happenings, decoys and background messages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from rtanalytics.event import Event
from rtanalytics.schedule import ReferenceTopic, Schedule
from rtanalytics.synthetic import decoys as false_topics
from rtanalytics.synthetic.cast import Person, Vocabulary, make_people, make_place, make_vocabulary, plain
from rtanalytics.synthetic.chatter import Chatter, grammar_for
from rtanalytics.synthetic.grammar import Grammar
from rtanalytics.synthetic.happenings import make_buzz, make_happenings
from rtanalytics.synthetic.programme import Subject, make_talks, schedule_of
from rtanalytics.synthetic.rng import Dice
from rtanalytics.synthetic.writer import Draft, Rhythm, Writer, to_events

FIRST_DAY = datetime(2026, 6, 10, tzinfo=timezone(timedelta(hours=1)))
"""Default start of a conference: local midnight of its first day, a Wednesday."""

TIMEZONE = "Europe/Lisbon"
"""IANA time zone of :data:`FIRST_DAY`, in which times are displayed."""

SLACK = timedelta(minutes=30)
"""How long after the end of a topic messages still count as its planted messages."""


@dataclass(frozen=True)
class Synthetic:
    """A generated conference.

    Parameters
    ----------
    name, title, city : str
        Short name for files and keys, title, and city.
    seed : int
        Seed of the generator.
    events : list of Event
        All events, in the order in which they were received.
    schedule : Schedule
        Talks and breaks.
    truth : list of ReferenceTopic
        Planted topics, sorted by start. Keys of ``extra``: ``title``, ``speaker``, ``kind`` (keynote,
        talk, buzz, or the kind of a happening such as alarm), ``room``, and ``planted`` (number of
        planted messages in ``[start, end + 30 min)`` that have one of the keywords).
    decoys : list of ReferenceTopic
        Bursts that are not topics, sorted by start. Keys of ``extra``: ``title``, ``kind`` (daily,
        storm, spam or bot), and for some ``speaker`` and ``planted``.
    hashtags, accounts : list of str
        Tags and accounts of the conference itself, which should never trend.
    timezone : str
        IANA time zone for display; correct for the default ``start``.
    """

    name: str
    title: str
    city: str
    seed: int
    events: list[Event]
    schedule: Schedule
    truth: list[ReferenceTopic]
    decoys: list[ReferenceTopic]
    hashtags: list[str]
    accounts: list[str]
    timezone: str = TIMEZONE


def conference(
    seed: int,
    *,
    days: int = 3,
    events: int = 6000,
    talks_per_day: int = 14,
    bursts: int | None = None,
    burst_size: float = 1.0,
    existing_words: bool = False,
    written: bool = True,
    decoys: bool = True,
    vocabulary: int = 900,
    shop_talk: float = 0.24,
    ambient: float = 0.0,
    habits: bool = True,
    people: int | None = None,
    lead_days: int = 0,
    start: datetime = FIRST_DAY,
) -> Synthetic:
    """Generate a conference with all its messages.

    The same seed and arguments give the same events on every platform.

    Parameters
    ----------
    seed : int
        Seed for names, subjects, words and times.
    days : int
        Number of days of the conference.
    events : int
        Total number of events, including those about planted topics.
    talks_per_day : int
        Number of talks per day, of which two are keynotes.
    bursts : int, optional
        Number of planted topics, each of about ``burst_size * sqrt(events / days)`` messages. Three
        quarters of them are talks, and the other talks are not mentioned. By default, every talk is a
        topic, with most messages about keynotes, and there are a few happenings beside the programme.
    burst_size : float
        Relative size of the planted topics; 0.5 halves it.
    existing_words : bool
        If true, the keywords and speakers of topics are also mentioned at all other times; if false,
        topics have names and phrases that occur nowhere else.
    written : bool
        If true, talks use the subjects in ``texts/subjects.txt`` until all are used; all other talks
        are composed from the vocabulary.
    decoys : bool
        If true, add daily hashtags, copied jokes, a spammer and a bot.
    vocabulary : int
        Number of words that people use throughout the conference, with Zipf frequencies.
    shop_talk, ambient : float
        Share of the background posts that are about the vocabulary, and share of those that read like
        reactions to a talk but are about random words and people.
    habits : bool
        If true, messages about coffee, lunch and so on are posted at the usual hours for them; if
        false, at any time.
    people : int, optional
        Number of participants; ``events ** 0.7`` by default.
    lead_days : int
        Number of days before the conference, with fewer messages but the same daily habits.
    start : datetime
        Aware time of the local midnight of the first day, including lead days; all times have its
        offset.

    Returns
    -------
    Synthetic
        Events, schedule, truth and decoys.

    Raises
    ------
    ValueError
        If ``start`` is naive, a number is out of range, or less than a tenth of the events is left
        for background messages.

    Examples
    --------
    >>> synthetic = conference(7, events=500, talks_per_day=4)
    >>> len(synthetic.events), len(synthetic.schedule) > 12, synthetic.truth[0].extra["kind"]
    (500, True, 'keynote')
    """
    _check(start, days, events, burst_size, vocabulary, lead_days)
    crowd = make_people(people or max(80, int(events**0.7)), Dice(seed, "people"))
    lexicon = make_vocabulary(vocabulary, Dice(seed, "vocabulary"))
    dice, planner = Dice(seed, "chatter"), Dice(seed, "programme")
    grammar = grammar_for(dice)
    writer = Writer(make_place(start.year, Dice(seed, "place")), crowd, lexicon, grammar, dice, lead_days)
    place = writer.place

    midnights = [start + timedelta(days=lead_days + day) for day in range(days)]
    n_talks = days * talks_per_day
    familiar = _familiar(lexicon, 3 * (n_talks + (bursts or 0)), planner) if existing_words else None
    talks = make_talks(
        midnights, talks_per_day, place, _speakers(crowd, n_talks, planner, known=existing_words), lexicon,
        Grammar(grammar.sections, planner), planner, written=written, familiar=familiar,
    )  # fmt: skip
    unit = (events / (days + lead_days)) ** 0.5
    if bursts is None:
        total = sum(s.weight for s in talks)
        planted = [(s, max(3, round(0.4 * events * burst_size * s.weight / total))) for s in talks]
        extra = make_happenings(writer, midnights, planner) if written else []
    else:
        on_talks = min(n_talks, bursts - bursts // 4)
        chosen = [talks[n] for n in sorted(planner.shuffled(range(n_talks))[:on_talks])]
        planted = [(s, max(4, round(unit * burst_size * planner.between(0.7, 1.3)))) for s in chosen]
        unused = familiar[3 * n_talks :] if familiar is not None else None
        extra = make_buzz(writer, midnights, bursts - on_talks, planner, unused)
    planted += [(s, max(4, round(unit * burst_size * planner.between(0.7, 1.3)))) for s in extra]

    chatter = Chatter(writer, _rhythm(days, lead_days), days, shop_talk, ambient, habits=habits)
    drafts: list[Draft] = []
    for subject, n in planted:
        drafts += chatter.react(subject, n, int((subject.start - start).total_seconds() * 1000))
    false: list[ReferenceTopic] = []
    if decoys:
        more, false = false_topics.make_decoys(writer, talks, days, unit, start)
        drafts += more
        false += false_topics.meals(days + lead_days, start) if habits else []
    if events - len(drafts) < events // 10:
        raise ValueError(
            f"{len(drafts)} of {events} events are planted, which leaves too few background messages; "
            f"raise events or lower bursts or burst_size"
        )
    drafts += chatter.background(events - len(drafts), _by_day([s for s, _ in planted], start))
    return Synthetic(
        name=f"{plain(place.conf)}-{place.year}",
        title=f"{place.conf} {place.year}",
        city=place.city,
        seed=seed,
        events=to_events(drafts, start, seed),
        schedule=schedule_of(talks, midnights, place),
        truth=_in_order([_reference_topic(subject, drafts, start) for subject, _ in planted]),
        decoys=_in_order(false),
        hashtags=list(writer.tags),
        accounts=[writer.official.handle, false_topics.bot_name(writer)],
    )


def hard_conference(
    seed: int, *, events: int = 100_000, bursts: int = 20, burst_size: float = 0.5, lead_days: int = 0
) -> Synthetic:
    """Generate a difficult conference for measurements: small bursts of common words, among much chatter.

    It has bursts of half size, a Zipf vocabulary of one word per five events (20,000 for 100,000), and
    all decoys. All subjects are composed from the vocabulary. All bursts are in ``truth`` or
    ``decoys``, because small talk does not depend on the hour.

    Parameters
    ----------
    seed, events, bursts, burst_size, lead_days
        Parameters of :func:`conference`.
    """
    return conference(
        seed, events=events, bursts=bursts, burst_size=burst_size, existing_words=True, written=False,
        vocabulary=max(1000, events // 5), shop_talk=0.55, ambient=0.3, habits=False, lead_days=lead_days,
    )  # fmt: skip


def _check(
    start: datetime, days: int, events: int, burst_size: float, vocabulary: int, lead_days: int
) -> None:
    if start.tzinfo is None:
        raise ValueError(f"start {start.isoformat()} has no time zone; give an aware datetime")
    if days < 1 or lead_days < 0 or events < 100 or burst_size <= 0 or vocabulary < 200:
        raise ValueError(
            "a conference needs days >= 1, lead_days >= 0, events >= 100, burst_size > 0 and "
            f"vocabulary >= 200, not {days}, {lead_days}, {events}, {burst_size} and {vocabulary}"
        )


def _rhythm(days: int, lead_days: int) -> Rhythm:
    """Return the distribution over time: fewer messages on the last day and far fewer on lead days."""
    return Rhythm([0.4] * lead_days + [1.05] * (days - 1) + [0.95])


def _speakers(crowd: list[Person], n: int, dice: Dice, *, known: bool) -> list[Person]:
    """Return ``n`` speakers with distinct surnames; if ``known``, from the most active people."""
    pool = crowd[: max(4 * n, 40)] if known else crowd[5:]
    chosen: dict[str, Person] = {}
    for person in dice.shuffled(pool):
        chosen.setdefault(person.surname, person)
        if len(chosen) == n:
            return list(chosen.values())
    raise ValueError(f"{len(crowd)} people are too few for {n} speakers; raise people or lower talks_per_day")


def _familiar(lexicon: Vocabulary, n: int, dice: Dice) -> list[str]:
    """Return ``n`` single words of medium frequency, which people use every day."""
    single = [w for w in lexicon.things.items[30:1100] if " " not in w and "-" not in w]
    if len(single) < n:
        raise ValueError(
            f"{n} familiar words are needed, but there are only {len(single)}; "
            "raise vocabulary or lower talks_per_day"
        )
    return dice.shuffled(single)[:n]


def _by_day(subjects: list[Subject], start: datetime) -> dict[int, list[Subject]]:
    """Return the talks by day number, counted from 0 at ``start``."""
    days: dict[int, list[Subject]] = {}
    for subject in subjects:
        if subject.matter is not None:
            days.setdefault((subject.start - start).days, []).append(subject)
    return days


def _reference_topic(subject: Subject, drafts: list[Draft], start: datetime) -> ReferenceTopic:
    """Return the reference topic of a subject, with the number of planted messages with a keyword."""
    first = int((subject.start - start).total_seconds() * 1000)
    last = int((subject.end + SLACK - start).total_seconds() * 1000)
    keywords = [k.casefold() for k in subject.keywords]
    texts = [d.text.casefold() for d in drafts if d.subject is subject and first <= d.at < last]
    return ReferenceTopic(
        start=subject.start.astimezone(UTC),
        end=subject.end.astimezone(UTC),
        keywords=subject.keywords,
        extra={
            "title": subject.title,
            "speaker": subject.context["speaker"] if subject.speaker else "",
            "kind": subject.kind,
            "room": (subject.talk.room or "") if subject.talk else "",
            "planted": str(sum(any(k in text for k in keywords) for text in texts)),
        },
    )


def _in_order(topics: list[ReferenceTopic]) -> list[ReferenceTopic]:
    return sorted(topics, key=lambda t: (t.start, t.end, t.label))
