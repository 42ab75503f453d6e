"""Hacker News: stories and comments that match a query, with their edits and deletions.

The search (by Algolia) finds stories and comments; the item API (by Firebase) shows whether one of them
has been deleted since. Each search begins some time before the newest known item, because items are
indexed late and to find edits.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, ClassVar, Literal
from urllib.parse import urlencode

import msgspec

from rtanalytics.event import Event
from rtanalytics.sources.base import (
    Batch,
    Malformed,
    Parsed,
    RateLimited,
    Reject,
    SourceError,
    printable,
)
from rtanalytics.sources.polled import PolledSource, PolledSpec, SeenCursor, short

if TYPE_CHECKING:
    from rtanalytics.sources.http import Answer

__all__ = ["HackerNewsSource", "HackerNewsSpec", "Spec", "open_source"]

ACCESS = "open"
ABOUT = """\
Reads stories and comments of Hacker News that match a query, newest first, from its search
(`hn.algolia.com`), without an account or a token. The search has new items within about a minute and allows
10,000 requests per hour and IP address, far more than needed. Edits within three hours are found (users can
edit for two). Each item is looked up in the site's item API 10 minutes and 1, 6 and 24 hours after it was
posted, to see whether it was deleted. All words of a query must occur; put `"a phrase"` in quotes, and write
one source per alternative. For front pages, read `https://hnrss.org/frontpage` with `type = "feed"`.
"""
EXAMPLE = """\
[[source]]
type = "hackernews"
name = "hn-pycon"
query = "pycon"
"""

PREFIX = "hackernews::"
"""Prefix of the ids; the number of the item follows."""

PAGE = 100
OVERLAP = timedelta(hours=3)
"""How far before the newest known item each search begins."""

AGES = (timedelta(minutes=10), timedelta(hours=1), timedelta(hours=6), timedelta(hours=24))
"""Ages of an item at which it is looked up again."""

_PHRASE = re.compile(r'"[^"]*"')
_OR = re.compile(r"\S\s+(OR|\|\|?)\s+\S")
"""Operators of other searches that are ordinary words in this one."""

LOOKED_UP = 20
"""Maximum number of items that are looked up per poll."""

WATCHED = 2_000
"""Maximum number of items that wait to be looked up: the latest ones."""


class HackerNewsSpec(PolledSpec, frozen=True, kw_only=True, tag_field="type", tag="hackernews"):
    """A ``[[source]]`` table with ``type = "hackernews"``.

    Parameters
    ----------
    name : str
        Name of the source.
    query : str
        Words that must all occur, or ``"a phrase"`` in quotes.
    kind : {'both', 'story', 'comment'}
        Stories, comments, or both.
    back : timedelta
        Age of the oldest items that the first poll reads.
    deletes : bool
        True to look up whether items were deleted.
    every : timedelta, optional
        Polling interval; 2 minutes by default.
    search_url, items_url : str
        URLs of the search and of the item API.

    Raises
    ------
    ValueError
        If a value is invalid; the message names it and what to write instead.
    """

    connector: ClassVar[str] = "hackernews@1"
    parser: ClassVar[str] = "rtanalytics.sources.hackernews.parse:parse"
    query: str
    kind: Literal["both", "story", "comment"] = "both"
    back: timedelta = timedelta(days=1)
    deletes: bool = True
    search_url: str = "https://hn.algolia.com/api/v1"
    items_url: str = "https://hacker-news.firebaseio.com/v0"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.query.strip() or printable(self.query, 200) != self.query:
            raise ValueError('query must have 1 to 200 characters on one line, such as query = "pycon"')
        if operator := _OR.search(_PHRASE.sub('""', self.query)):
            raise ValueError(
                f"query contains {operator[1]!r}, but the search has no alternatives; "
                "write one [[source]] per alternative, or put a phrase in quotes"
            )

    @property
    def scope(self) -> str:
        """Kind and query, without differences in case and white space."""
        return f"{self.kind}/{' '.join(self.query.casefold().split())}"


class _Cursor(SeenCursor, omit_defaults=True):
    """Known items, items to look up and when, and deleted items."""

    watch: dict[str, tuple[int, int]] = msgspec.field(default_factory=dict)  # number → posted at, due at (s)
    deleted: list[str] = msgspec.field(name="gone", default_factory=list)  # digests of the ids


class HackerNewsSource(PolledSource[HackerNewsSpec, _Cursor]):
    """Stories and comments that match one query.

    Parameters
    ----------
    spec : HackerNewsSpec
        The ``[[source]]`` table.
    counts : Counter
        ``hits``, ``looked_up``, ``deleted``, ``not_looked_up`` and what every polled source counts.
    """

    bucket = "hackernews"
    cursor = _Cursor
    every = timedelta(minutes=2)
    pages = 20

    def first(self, state: _Cursor) -> str:
        if state.newest:
            since = datetime.fromtimestamp(state.newest / 1000, UTC) - OVERLAP
        else:
            since = datetime.now(UTC) - self.spec.back
        return self._search(since)

    def query(self) -> str:
        return f"{self.spec.search_url}\n{self.spec.scope}"

    def following(self, answer: Answer, parsed: Parsed) -> str | None:
        """Return the search for older items; numbered pages would end after 1,000 hits."""
        from yarl import URL

        if parsed.counts.get("hits", 0) < PAGE or not parsed.events:
            return None
        until = min(event.created_at for event in parsed.events)
        filters = URL(answer.url).query.get("numericFilters", "").split(",")
        since = next((f for f in filters if f.startswith("created_at_i>")), "created_at_i>0")
        older = f"{since},created_at_i<{int(until.timestamp()) + 1}"
        if older.split(",") == filters:
            return None  # more than a page within one second: no further page
        return str(URL(answer.url).update_query(numericFilters=older))

    def meets_known(self, state: _Cursor, parsed: Parsed) -> bool:
        """Return False for all items: the search has a lower bound, and new items may follow known ones."""
        return not parsed.events and not parsed.rejects

    def take(self, state: _Cursor, parsed: Parsed, answer: Answer, received: datetime) -> list[Event]:
        deleted = set(state.deleted)
        events = self.fresh(state, [e for e in parsed.events if short(e.id) not in deleted])
        for event in events if self.spec.deletes else ():
            self._watch(state, event, received)
        return events

    async def read(self, state: _Cursor) -> Batch:
        batch = await super().read(state)
        if state.next or not self.spec.deletes:
            return batch
        events, rejects, error = await self._look_up(state)
        problem = None if error is None else f"deletions were not looked up: {error}"
        wait = error.wait if isinstance(error, RateLimited) else None
        return replace(
            batch,
            wait=max(batch.wait, wait or timedelta(0)),
            events=[*batch.events, *events],
            rejects=[*batch.rejects, *rejects],
            cursor=msgspec.json.encode(state),
            problem=batch.problem or problem,
        )

    def _search(self, since: datetime) -> str:
        tags = {"both": "(story,comment)"}.get(self.spec.kind, self.spec.kind)
        query = {
            "query": self.spec.query,
            "tags": tags,
            "hitsPerPage": PAGE,
            "numericFilters": f"created_at_i>{int(since.timestamp()) - 1}",
        }
        return f"{self.spec.search_url.rstrip('/')}/search_by_date?{urlencode(query)}"

    def _watch(self, state: _Cursor, event: Event, now: datetime) -> None:
        number = event.id.removeprefix(PREFIX)
        posted = state.watch.pop(number, (int(event.created_at.timestamp()), 0))[0]
        due = _due(posted, now)
        if due is not None:
            state.watch[number] = (posted, due)
        for old in list(state.watch)[:-WATCHED]:
            del state.watch[old]

    async def _look_up(self, state: _Cursor) -> tuple[list[Event], list[Reject], SourceError | None]:
        """Look up the items that are due; an error of the item API does not affect the search."""
        now = datetime.now(UTC)
        due = [n for n, (_, at) in state.watch.items() if at <= now.timestamp()][:LOOKED_UP]
        events: list[Event] = []
        rejects: list[Reject] = []
        for number in due:
            try:
                answer = await self.ask(f"{self.spec.items_url.rstrip('/')}/item/{number}.json")
                parsed = await self.parse(answer, now)
            except Malformed as error:
                rejects.append(Reject(reason=str(error), raw=error.raw, where=f"item {number}"))
                parsed = Parsed()
            except SourceError as error:
                self.counts["not_looked_up"] += 1
                return events, rejects, error
            self.counts["looked_up"] += 1
            rejects += parsed.rejects
            events += self._changed(state, parsed, number, now)
            posted = state.watch.pop(number)[0]
            again = _due(posted, now)
            if again is not None and short(f"{PREFIX}{number}") not in state.deleted:
                state.watch[number] = (posted, again)
        return events, rejects, None

    def _changed(self, state: _Cursor, parsed: Parsed, number: str, now: datetime) -> list[Event]:
        """Return a deletion, or an edit of an item that is too old for the searches.

        The two services may format the same text differently. So an edit is taken from only one of
        them at any time; otherwise an item would change back and forth.
        """
        known = [event for event in parsed.events if event.id == f"{PREFIX}{number}"]
        newest = datetime.fromtimestamp(state.newest / 1000, UTC)
        deleted = [event for event in known if event.op == "delete"]
        if deleted:
            state.deleted = [*state.deleted, short(deleted[0].id)][-WATCHED:]
            self.counts["deleted"] += 1
            return self.fresh(state, deleted)
        return self.fresh(state, [e for e in known if e.created_at < newest - OVERLAP])


def _due(posted: int, now: datetime) -> int | None:
    """Return the time of an item's next look-up, in seconds since 1970; None if there is none."""
    times = (posted + int(age.total_seconds()) for age in AGES)
    return next((at for at in times if at > now.timestamp()), None)


Spec, open_source = HackerNewsSpec, HackerNewsSource
