"""Base class of the topic-level algorithms, which find topics instead of scoring terms."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn, Unpack

import numpy as np
import numpy.typing as npt

from rtanalytics.algorithms.contract import Algorithm, Scores, State
from rtanalytics.algorithms.own_tags import is_excluded
from rtanalytics.algorithms.topical.documents import Documents
from rtanalytics.algorithms.topical.tools import as_shown
from rtanalytics.counts import Cells, Ints
from rtanalytics.event import Event
from rtanalytics.feed import FOREVER, Delivery, Feed, Recording, Reset, Watermark, as_feed
from rtanalytics.settings import Settings, SettingsOptions
from rtanalytics.trend import Trend, TrendBin

__all__ = ["Found", "TopicAlgorithm", "View"]

_EXAMPLES = 3
_FIRST = datetime(1, 1, 2, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Found:
    """A topic of a bin that an algorithm found.

    Parameters
    ----------
    terms : sequence of int
        Numbers of its terms, most characteristic first.
    score : float
        Score; a higher score means a stronger trend.
    expected, observed : float
        Expected and actual count.
    places : numpy.ndarray of int64
        Places of its messages among those of the bin, most characteristic first.
    """

    terms: Sequence[int]
    score: float
    expected: float
    observed: float
    places: Ints


@dataclass(frozen=True, slots=True)
class View:
    """Input of an algorithm: the messages so far, and the settings.

    Parameters
    ----------
    documents : Documents
        For a causal algorithm, the messages so far; otherwise, all messages.
    settings : Settings
        Settings of the trends.
    """

    documents: Documents
    settings: Settings

    def is_excluded(self, terms: Ints) -> npt.NDArray[np.bool_]:
        """Return a mask of the terms that are never topics: ignored terms and the conference's own tags."""
        documents = self.documents
        used, keys = documents.messages_with(terms), documents.vocabulary.keys
        return is_excluded(self.settings, terms, keys, used, documents.learnt, documents.surface)


class TopicAlgorithm(Algorithm):
    """Algorithm that finds topics instead of scoring terms.

    It is registered, compared and tuned like the other algorithms, but has :meth:`topics` instead of
    ``score`` and ``step``.

    Subclasses implement :meth:`begin` and :meth:`find`. Ties must be broken by the keys of the terms,
    not by their numbers, because these depend on the order of arrival.
    """

    def topics(
        self,
        source: Feed | Recording | Iterable[Event],
        settings: Settings | None = None,
        **options: Unpack[SettingsOptions],
    ) -> Iterator[TrendBin]:
        """Return the topics of a recording, bin by bin.

        A causal algorithm finds the topics of a bin when the bin closes, from the messages received by
        then. Messages that arrive later only affect later bins. Other algorithms find the topics of all
        bins after all messages were read.

        Parameters
        ----------
        source : Recording, Feed or iterable of Event
            The messages.
        settings : Settings, optional
            Settings of the trends; by default, the default settings. ``algorithm``, ``min_overlap``,
            ``hold``, ``topic_filter`` and ``horizon`` are not used.
        **options
            Individual settings; they override ``settings``.

        Returns
        -------
        iterator of TrendBin
            Bins in order of time, without those in which nothing was posted.

        Raises
        ------
        SettingsError
            If a setting is unknown or invalid.
        """
        return self._topics(source, Settings.of(settings, options))

    def _topics(self, source: Feed | Recording | Iterable[Event], settings: Settings) -> Iterator[TrendBin]:
        documents = Documents(settings.bin)
        view = View(documents, settings)
        documents.mute(settings.mute)
        least = self.floor if settings.min_score is None else settings.min_score
        for state, number, late in self._closing(source, view):
            found = [f for f in self.find(state, view, number) if f.score > least]
            yield _trend_bin(view, number, found[: settings.top], late)

    def _closing(
        self, source: Feed | Recording | Iterable[Event], view: View
    ) -> Iterator[tuple[Any, int, int]]:
        """Yield, for each bin that closes, the state, the bin, and the number of late events."""
        documents, grace = view.documents, view.settings.grace
        waiting: dict[int, list[int]] = {}
        closed: int | None = None
        late = 0
        state: Any = self.begin(view) if self.causal else None
        events: list[Event] = []
        for item in as_feed(source):
            if isinstance(item, Delivery):
                events.append(item.event)
                continue
            if isinstance(item, Reset):
                message = f"{self.name} reads a recording, which cannot start again: {item.reason}"
                raise ValueError(message)  # noqa: TRY004  (a Reset is a valid item of other feeds)
            rows = np.array(documents.log(events), np.int64)
            events = []
            bins = np.zeros(len(rows), np.int64)
            if self.causal:
                bins = documents.known_in(rows, grace, documents.width)
            if closed is not None:
                bins = np.maximum(bins, closed + 1)
            for number in np.unique(bins).tolist():
                waiting.setdefault(number, []).extend(rows[bins == number].tolist())
            if not self.causal:
                continue
            complete = _complete(documents, item, grace)
            for number in sorted(b for b in waiting if b <= complete):
                changed = documents.apply(waiting.pop(number))[1]
                late += documents.elsewhere(changed, number)
                documents.learn(changed)
                if documents.rows(number).size:
                    yield state, number, late
                    late = 0
            if item.time < FOREVER:
                closed = complete if closed is None else max(closed, complete)
        if not self.causal:
            documents.learn(documents.apply(waiting.get(0, []))[1])
            state = self.begin(view)
            for number in documents.bins:
                yield state, number, 0

    @abstractmethod
    def begin(self, view: View) -> Any:
        """Return the initial state. If the algorithm is not causal, ``view`` already has all messages."""

    @abstractmethod
    def find(self, state: Any, view: View, bin: int) -> Sequence[Found]:
        """Return the topics of a bin, strongest first, and update the state with the bin."""

    def start(self) -> State:
        self._refuse()

    def _score(self, cells: Cells) -> Scores:
        self._refuse()

    def _step(self, state: State, bin: Any) -> Scores:
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise ValueError(f"{self.name} finds topics and does not score terms; use its topics()")


def _complete(documents: Documents, mark: Watermark, grace: timedelta) -> int:
    """Return the number of the last bin that is complete at a watermark."""
    return documents.bin_of(max(mark.time - grace, _FIRST)) - 1


def _trend_bin(view: View, bin: int, found: Sequence[Found], late: int) -> TrendBin:
    documents = view.documents
    rows = documents.rows(bin)
    authors = documents.authors(rows)
    start, end = documents.start_of(bin), documents.start_of(bin + 1)
    talks = [talk.title for talk in view.settings.schedule.between(start, end)]
    trends = []
    for rank, topic in enumerate(found, 1):
        terms = [documents.surface(term) for term in as_shown(topic.terms, documents.vocabulary.keys)]
        trends.append(
            Trend(
                bin_start=start,
                bin_end=end,
                rank=rank,
                terms=terms,
                label=terms[0],
                score=float(topic.score),
                expected=float(topic.expected),
                observed=round(topic.observed),
                messages=len(topic.places),
                authors=documents.people(rows[topic.places]),
                examples=[documents.ids[rows[i]] for i in _examples(topic.places, authors)],
                sources=documents.sources(rows[topic.places]),
                talks=talks,
            )
        )
    people = documents.people(rows)
    return TrendBin(start=start, end=end, trends=trends, messages=len(rows), authors=people, late=late)


def _examples(places: Ints, authors: Ints) -> list[int]:
    """Return the places of the first messages, by different people if possible."""
    first: dict[int, int] = {}
    for place in places.tolist():
        first.setdefault(int(authors[place]), place)
    chosen = list(first.values())[:_EXAMPLES]
    return (chosen + [p for p in places.tolist() if p not in chosen])[:_EXAMPLES]
