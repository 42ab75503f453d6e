"""From scores to trends: terms that are said together become one topic; a list of K a bin.

:class:`Trender` is the one way from deliveries to trends, live and over a recording. Events wait
in a log until the bin at whose close they count is complete: that of their ``said_at``, or,
for one that comes late, the first bin that closes after they were received. What a bin tells
therefore depends on which events there are and on their two times, never on how they were
batched, ordered or repeated on the way.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from rtanalytics.algorithms.amending import Checkpoints
from rtanalytics.algorithms.told import Trend, TrendBin
from rtanalytics.algorithms.topical import TopicAlgorithm
from rtanalytics.counts import BinCounts, Channel, Floats, Ints, Said, TermCounts
from rtanalytics.event import Event
from rtanalytics.feed import FOREVER, Delivery, Feed, Item, Recording, Watermark, as_feed
from rtanalytics.schedule import Schedule
from rtanalytics.terms import fold
from rtanalytics.topics.grouping import Group, Scored, examples, grouped, strongest
from rtanalytics.topics.identity import Topics
from rtanalytics.topics.names import Names, Uses, grown
from rtanalytics.topics.taste import Belief, Shown, Taste
from rtanalytics.trending import DEFAULT, Algorithm, State, get

__all__ = ["Belief", "Settings", "Taste", "Trend", "TrendBin", "Trender", "trends"]


@dataclass(frozen=True)
class Settings:
    """How trends are told; can be pickled and handed to another process.

    Parameters
    ----------
    algorithm : str or Algorithm
        A name from the registry, or an instance with its own parameters. One that needs to see
        the future is refused.
    bin : timedelta
        Width of a bin.
    top : int
        Topics a bin at most.
    channel : {'authors', 'messages'}
        What is counted.
    grace : timedelta
        How long after its end a bin waits for what was said in it.
    own : frozenset of str
        The conference's own tags and accounts, case-folded and without marks; they never trend.
        Where none are given, tags in more than a fifth of the messages so far are taken for it.
    ignore : frozenset of str
        Further terms that are no topics, folded likewise.
    mute : frozenset of str
        Handles, case-folded, of authors who do not count.
    schedule : Schedule
        To say which talks were on.
    least : float, optional
        Score that a trend must exceed; the algorithm's floor unless given.
    least_count : int
        Count that a trend must reach.
    together : float
        Share of the rarer term's messages that must also say the other for two terms to be one
        topic.
    hold : timedelta
        How long after it was last told a topic is still the same one when it is told again.
    taste : Taste
        Which of the topics are worth showing.
    horizon : timedelta, optional
        Bounds the memory on a stream without end: whenever twice as much has been seen, what was said
        longer ago than this is forgotten, and trends are those of somebody who came then. None to
        forget nothing.
    """

    algorithm: str | Algorithm = DEFAULT
    bin: timedelta = timedelta(minutes=15)
    top: int = 10
    channel: Channel = "authors"
    grace: timedelta = timedelta(minutes=1)
    own: frozenset[str] = frozenset()
    ignore: frozenset[str] = frozenset()
    mute: frozenset[str] = frozenset()
    schedule: Schedule = field(default_factory=Schedule)
    least: float | None = None
    least_count: int = 2
    together: float = 0.4
    hold: timedelta = timedelta(hours=1)
    taste: Taste = field(default_factory=Taste)
    horizon: timedelta | None = timedelta(days=28)

    def __post_init__(self) -> None:
        if self.top < 1:
            raise ValueError(f"top is {self.top}; a bin shows at least one topic")
        if self.grace < timedelta(0):
            raise ValueError(f"grace is {self.grace}; a bin cannot close before its end")
        if self.horizon is not None and self.horizon < timedelta(days=1):
            raise ValueError(f"horizon is {self.horizon}; less than a day of history makes no season")
        algorithm = get(self.algorithm)
        if isinstance(algorithm, TopicAlgorithm):
            raise ValueError(  # noqa: TRY004  (it is an algorithm, but not one for a stream)
                f"{algorithm.name} tells the topics of a recording, not those of a stream as they come;"
                " ask trends() or its own topics()"
            )
        if not algorithm.causal:
            raise ValueError(
                f"{algorithm.name} needs later bins to judge one, so it cannot tell trends as they come;"
                " score a whole recording with it instead"
            )
        for name in ("own", "ignore", "mute"):
            folded = frozenset(fold(word).lstrip("@#") for word in getattr(self, name))
            object.__setattr__(self, name, folded)


class _Kept(NamedTuple):
    """What a trender has learnt before a bin."""

    state: State
    names: tuple[Uses, Uses]
    said: Ints
    messages: int
    evidence: Floats
    when: Ints
    came: Ints
    recent: deque[tuple[int, Said]]
    past: deque[BinCounts]


class Trender:
    """Deliveries in, trends out.

    Parameters
    ----------
    **settings
        Fields of :class:`Settings`.

    Examples
    --------
    >>> at = datetime(2026, 5, 15, 9, tzinfo=UTC)
    >>> said = [Event(id=f"irc:x:{i}", source="irc", text=text, created_at=at + i * timedelta(minutes=1))
    ...         for i, text in enumerate(["hello"] * 30 + ["the Venv keynote by @ada"] * 3)]
    >>> [[t.label for t in bin.trends] for bin in trends(said)]
    [[], [], ['@ada']]
    """

    def __init__(self, algorithm: str | Algorithm = DEFAULT, **settings: Any) -> None:
        self._begin(Settings(algorithm=algorithm, **settings))

    @classmethod
    def of(cls, settings: Settings) -> Trender:
        """A trender with these settings."""
        new = cls.__new__(cls)
        new._begin(settings)
        return new

    @property
    def settings(self) -> Settings:
        """What it was made with."""
        return self._settings

    def _begin(self, settings: Settings) -> None:
        self._settings = settings
        self.algorithm = get(settings.algorithm)
        horizon = settings.horizon
        self.counts = TermCounts(
            settings.bin, horizon=None if horizon is None else 2 * horizon + settings.bin
        )
        self.counts.mute(settings.mute)
        self._names = Names(self.counts)
        self._shown = Shown()
        self._topics = Topics(settings.hold)
        self._waiting: dict[int, list[int]] = {}
        self._closed: int | None = None
        self._first: int | None = None  # of the bins that are not forgotten
        self._late = 0
        self._forget()

    def _forget(self) -> None:
        self._checkpoints: Checkpoints[_Kept] = Checkpoints()
        self._state = self.algorithm.start()
        self._names.forget()
        self._said = np.zeros(0, np.int64)
        self._messages = 0
        self._evidence, self._when = np.zeros(0), np.zeros(0, np.int64)
        self._came = np.zeros(0, np.int64)  # of each author, the first bin, less _BEGINNING
        self._recent: deque[tuple[int, Said]] = deque()
        self._past: deque[BinCounts] = deque(maxlen=_HISTORY + 1)

    def push(self, items: Iterable[Item]) -> list[TrendBin]:
        """Take what a feed delivers.

        Parameters
        ----------
        items : iterable of Delivery, Watermark or Reset
            A batch of any size.

        Returns
        -------
        list of TrendBin
            The bins that closed, in order; those in which nobody said anything are left out.
        """
        told: list[TrendBin] = []
        events: list[Event] = []
        for item in items:
            if isinstance(item, Delivery):
                events.append(item.event)
            elif isinstance(item, Watermark):
                self._take(events)
                events = []
                told += self._close(item.time)
            else:
                self._begin(self._settings)
                events, told = [], []
        self._take(events)
        return told

    def _take(self, events: list[Event]) -> None:
        rows = np.array(self.counts.log(events), np.int64)
        if not len(rows):
            return
        bins = self.counts.known_in(rows, self._settings.grace)
        if self._closed is not None:
            bins = np.maximum(bins, self._closed + 1)
        for bin in np.unique(bins).tolist():
            self._waiting.setdefault(bin, []).extend(rows[bins == bin].tolist())

    def _close(self, watermark: datetime) -> Iterator[TrendBin]:
        complete = self.counts.bin_of(max(watermark - self._settings.grace, _EVER)) - 1
        for bin in sorted(b for b in self._waiting if b <= complete):
            rows = self._waiting.pop(bin)
            touched, changed = self.counts.apply(rows)
            self._late += self.counts.elsewhere(changed, bin)
            if self._outgrown(bin):
                self.counts.renumber()
                self._learn_again(_BEGINNING, bin)
            elif earlier := {b for b in touched if b >= (self._first or _BEGINNING)} - {bin}:
                self._learn_again(min(earlier), bin)
            if self.counts.rows(bin).size:
                yield self._tell(bin)
        if watermark < FOREVER and (self._closed is None or complete > self._closed):
            self._closed = complete

    def _outgrown(self, bin: int) -> bool:
        """Is it time to forget what lies beyond the horizon? Then it is noted what is left."""
        horizon, width = self._settings.horizon, self._settings.bin
        if horizon is None:
            return False
        first = min([bin, *self.counts.bins[:1]]) if self._first is None else self._first
        if (bin - first) * width < 2 * horizon:
            return False
        self._first = bin - horizon // width
        return True

    def _learn_again(self, changed: int, upto: int) -> None:
        """Bring the state to what it would be, had all that is known now been known in time."""
        kept = self._checkpoints.before(changed)
        if kept is None:
            self._forget()
        else:
            state, names, said, self._messages, evidence, when, came, recent, past = kept[1]
            self._state = state.copy()
            self._names.go_back(names)
            self._said, self._evidence, self._when = said.copy(), evidence.copy(), when.copy()
            self._came, self._recent, self._past = came.copy(), recent.copy(), past.copy()
        for bin in self.counts.bins:
            if (kept is None or bin >= kept[0]) and (self._first or _BEGINNING) <= bin < upto:
                self._learn(bin)

    def _kept(self) -> _Kept:
        """What has been learnt, to go back to."""
        return _Kept(
            self._state.copy(), self._names.kept(), self._said.copy(), self._messages,
            self._evidence.copy(), self._when.copy(), self._came.copy(),
            self._recent.copy(), self._past.copy(),
        )  # fmt: skip

    def _learn(self, bin: int) -> tuple[Said, BinCounts, Floats, Floats]:
        """Score a bin and learn it: its messages, counts, evidence and what was expected."""
        settings, said = self._settings, self.counts.said(bin)
        self._checkpoints.keep(bin, self._kept)
        self._names.learn(said.rows)
        self._said = grown(self._said, len(self.counts.vocabulary))
        self._said[said.terms] += said.counts[0]
        self._messages += len(said.rows)
        authors = self.counts.authors(said.rows)
        self._came = grown(self._came, int(authors.max(initial=-1)) + 1)
        new = authors[self._came[authors] == 0]
        self._came[new] = bin - _BEGINNING
        counted = self.counts.bin(bin, settings.channel)
        score, expected = self.algorithm.step(self._state, counted)
        size = len(self.counts.vocabulary)
        self._evidence, self._when = grown(self._evidence, size), grown(self._when, size)
        passed = (bin - self._when[counted.terms]) * (settings.bin / settings.taste.memory)
        evidence = score + self._evidence[counted.terms] * np.exp(-passed)
        self._evidence[counted.terms], self._when[counted.terms] = evidence, bin
        reach = -(-settings.taste.window // settings.bin)
        while self._recent and self._recent[0][0] < bin - reach:
            self._recent.popleft()
        self._recent.append((bin, said))
        self._past.append(counted)
        return said, counted, evidence, expected

    def _said_by(self, terms: Ints) -> tuple[list[Ints], Ints, Ints]:
        """Of each term, the rows that say it within the window, and how many people and voices.

        A voice is somebody who says it in words of their own.
        """
        from rtanalytics.counts.kernel import speakers

        which, rows, own = [], [], []
        for _, past in self._recent:
            number, places = past.spread(terms)
            which.append(number)
            rows.append(past.rows[places])
            own.append(past.originals[places])
        of, where, original = np.concatenate(which), np.concatenate(rows), np.concatenate(own)
        order = np.argsort(of, kind="stable")
        of, where = of[order], where[order]
        people, voices = speakers(of, self.counts.authors(where), original[order], len(terms))
        ends = np.cumsum(np.bincount(of, minlength=len(terms))).tolist()
        return [where[i:j] for i, j in pairwise([0, *ends])], people, voices

    def _candidates(self, said: Said, counted: BinCounts, evidence: Floats, least: float) -> list[Scored]:
        """The terms that may trend, the most telling first."""
        settings, taste, names = self._settings, self._settings.taste, self._names
        keys = self.counts.vocabulary.keys
        good = evidence > least
        good[good] &= ~self._barred(counted.terms[good])
        best = strongest(np.flatnonzero(good), evidence, counted, keys, _CANDIDATES * settings.top)
        terms = counted.terms[best]
        if not len(terms):
            return []
        rows, people, voices = self._said_by(terms)
        like, tagged = names.likeness(terms), names.tagged(terms)
        score = (taste.plain + (1 - taste.plain) * like) * evidence[best]
        here = np.searchsorted(said.terms, terms)
        found = [
            Scored(
                term=term,
                key=keys[term],
                at=int(best[i]),
                raw=float(evidence[best[i]]),
                score=float(score[i]),
                messages=said.places(int(here[i])),
                rows=rows[i].tolist(),
                people=int(people[i]),
                voices=int(voices[i]),
                like=float(like[i]),
                handy=bool(tagged[i] > _MOSTLY),
                stale=self._shown.often(keys[term], taste),
            )
            for i, term in enumerate(terms.tolist())
            if people[i] >= settings.least_count
        ]
        found.sort(key=lambda s: (-s.score, -s.people, s.key))
        return found

    def _handles(self) -> dict[int, list[Scored]]:
        """Handles and tags that enough people say within the window, by the rows that say them."""
        names, taste, keys = self._names, self._settings.taste, self.counts.vocabulary.keys
        marked = [past.terms[names.marked(past.terms)] for _, past in self._recent]
        terms = np.unique(np.concatenate(marked))
        terms = terms[names.tagged(terms) > _MOSTLY]
        terms = terms[~self._barred(terms)]
        if not len(terms):
            return {}
        rows, people, _ = self._said_by(terms)
        by_row: dict[int, list[Scored]] = {}
        for i in np.flatnonzero(people >= taste.people).tolist():
            term = int(terms[i])
            if self._shown.often(keys[term], taste, known=True):
                continue
            handle = Scored(
                term=term,
                key=keys[term],
                at=-1,
                raw=0.0,
                score=0.0,
                messages=_NOWHERE,
                rows=rows[i].tolist(),
                people=int(people[i]),
                voices=int(people[i]),
                like=1.0,
                handy=True,
                stale=False,
            )
            for row in handle.rows:
                by_row.setdefault(row, []).append(handle)
        return by_row

    def _chosen(self, candidates: list[Scored], least: float, before: datetime) -> list[Group]:
        """The topics that are told, the most probable first; ``before`` is when the bin began."""
        settings, taste = self._settings, self._settings.taste
        handles = self._handles()
        active = len(np.unique(self.counts.authors(np.concatenate([s.rows for _, s in self._recent]))))
        groups: list[Group] = []
        names: set[str] = set()
        for group in grouped(candidates, settings.together):
            if group.lead.stale and group.lead.raw < taste.again * least:
                continue
            if group.at_best(least, active, taste) < taste.stay:  # which is at most taste.least
                continue
            if not group.lead.voices or self._intruding(group.lead):
                continue  # nothing but copies, or nobody but strangers
            group.name(handles, names, taste)
            probable = group.judge(least, active, taste)
            if probable >= taste.least or (
                probable >= taste.stay and self._topics.told_at(before, group.keys)
            ):
                names |= set(group.keys[:_FIRST])
                groups.append(group)
        groups.sort(key=lambda group: -group.probability)
        return groups[: settings.top]

    def _intruding(self, lead: Scored) -> bool:
        """Do strangers ride on many tags with each other's words, while the others were here before?"""
        rows = np.array(lead.rows)
        if lead.people < _CROWD or 2 * lead.voices > lead.people or np.median(self.counts.tags(rows)) < _TAGS:
            return False
        authors = np.unique(self.counts.authors(rows))
        everybody = np.unique(self.counts.authors(np.concatenate([said.rows for _, said in self._recent])))
        others = np.setdiff1d(everybody, authors, assume_unique=True)
        began = self._recent[0][0] - _BEGINNING
        if 2 * (self._came[others] < began).sum() < len(others) or not len(others):
            return False
        return bool((self._came[authors] < began).sum() < _KNOWN * len(authors))

    def _tell(self, bin: int) -> TrendBin:
        settings, counts = self._settings, self.counts
        start, end = counts.start_of(bin), counts.start_of(bin + 1)
        said, bin_counts, evidence, expected = self._learn(bin)
        rows = said.rows
        least = self.algorithm.floor if settings.least is None else settings.least
        groups = self._chosen(self._candidates(said, bin_counts, evidence, least), least, start)
        talks = [talk.title for talk in settings.schedule.between(start, end)]
        authors = counts.authors(rows)
        told = []
        since = self._since(bin)
        identities = self._topics.follow(start, end, [group.keys for group in groups])
        for rank, (group, identity) in enumerate(zip(groups, identities, strict=True), 1):
            lead = group.lead
            of = group.messages
            texts = [self._names.surface(scored.term) for scored in group.terms]
            told.append(
                Trend(
                    bin_start=start,
                    bin_end=end,
                    rank=rank,
                    terms=texts,
                    label=texts[0],
                    score=-math.log10(max(1 - group.probability, _CERTAIN)),
                    expected=float(expected[lead.at]),
                    observed=int(bin_counts.counts[lead.at]),
                    messages=len(of),
                    authors=len(np.unique(authors[of])),
                    examples=[counts.ids[rows[i]] for i in examples(lead.messages, authors, said.originals)],
                    sources=counts.sources(rows[of]),
                    talks=talks,
                    id=identity.id,
                    split_from=identity.split_from,
                    merged=identity.merged,
                    probability=group.probability,
                    because=group.because,
                    seen=group.seen,
                    channel=settings.channel,
                    history=self._history(lead.term, bin),
                    since=since,
                )
            )
        if groups:
            self._shown.add(key for group in groups for key in group.keys[:_FIRST])
        late, self._late = self._late, 0
        people = len(np.unique(authors))
        return TrendBin(start=start, end=end, trends=told, messages=len(rows), authors=people, late=late)

    def _since(self, bin: int) -> datetime:
        """When that begins which counts for what the algorithm expects of a bin."""
        first = bin if self._state.first is None else self._state.first
        reach: int | None = getattr(self.algorithm, "history", None)
        return self.counts.start_of(first if reach is None else max(first, bin - reach))

    def _history(self, term: int, bin: int) -> list[int]:
        """Counts of a term in the bins just before, as far as there are any."""
        first = bin if self._state.first is None else self._state.first
        counts = [0] * min(bin - first, _HISTORY)
        for past in self._past:
            if bin - len(counts) <= past.bin < bin:
                at = int(np.searchsorted(past.terms, term))
                if at < len(past.terms) and past.terms[at] == term:
                    counts[past.bin - bin] = int(past.counts[at])
        return counts

    def _barred(self, terms: Ints) -> npt.NDArray[np.bool_]:
        """Which terms are no topics: ignored, or the conference's own."""
        settings, keys = self._settings, self.counts.vocabulary.keys
        given = settings.own | settings.ignore
        barred = np.array([keys[t].lstrip("@") in given for t in terms.tolist()], np.bool_)
        if not settings.own:
            for i in np.flatnonzero(self._said[terms] > _OWN_SHARE * self._messages):
                barred[i] |= self._names.surface(int(terms[i])).startswith("#")
        return barred


_BEGINNING = -(1 << 62)
_EVER = datetime(1, 1, 2, tzinfo=UTC)
_NOWHERE = np.empty(0, np.int32)
_CERTAIN = 1e-9
"""No topic is more probable than all but this."""
_FIRST = 3
"""Terms by which people recognise a topic."""
_MOSTLY = 0.5
"""Share of its uses from which a word that is written as a tag is one."""
_OWN_SHARE = 0.2
_CROWD = 5
"""People who make a crowd, rather than a few newcomers."""
_TAGS = 4
"""Tags of a message from which it is made to be found rather than read."""
_KNOWN = 0.1
"""Share of a crowd that has been here before, below which it intrudes."""
_HISTORY = 24
"""Bins of a topic's history that are told."""
_CANDIDATES = 20
"""Terms that are grouped for each topic that may be shown: the strongest ones."""
_BATCH = 1000
"""Deliveries that are taken in at once; nothing is told before a watermark anyway."""


def trends(source: Feed | Recording | Iterable[Event], **settings: Any) -> Iterator[TrendBin]:
    """The trends of a feed, a recording or any events, bin after bin.

    Parameters
    ----------
    source : Feed, Recording or iterable of Event
        What a feed delivers, or all events there are. Where the events are not in the order in
        which they were received, all of them are read before the first bin is told.
    **settings
        Fields of :class:`Settings`; an algorithm that tells topics takes those of its ``topics()``.
    """
    algorithm = get(settings.get("algorithm", DEFAULT))
    if isinstance(algorithm, TopicAlgorithm):
        yield from algorithm.topics(source, **{k: v for k, v in settings.items() if k != "algorithm"})
        return
    trender = Trender(**settings)
    batch: list[Item] = []
    for item in as_feed(source):
        batch.append(item)
        if not isinstance(item, Delivery) or len(batch) == _BATCH:
            yield from trender.push(batch)
            batch = []
    yield from trender.push(batch)
