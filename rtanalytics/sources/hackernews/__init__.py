"""Hacker News: what is found for a query, and what becomes of it.

The search (by Algolia) finds stories and comments, the item API (by Firebase) says whether one
that was found has been deleted or killed since. The search is asked for everything since a little
before the newest that was told, because it indexes late, and because its own copy follows edits.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, ClassVar, Literal
from urllib.parse import urlencode

import msgspec

from rtanalytics.event import Event
from rtanalytics.sources.base import (
    Batch,
    Malformed,
    Meta,
    Parsed,
    RateLimited,
    Reject,
    Source,
    SourceError,
    printable,
    redact,
)
from rtanalytics.sources.polled import PolledSource, PolledSpec, SeenCursor, check_address, host_of, short

if TYPE_CHECKING:
    from rtanalytics.sources.http import Answer

__all__ = [
    "ABOUT",
    "ACCESS",
    "EXAMPLE",
    "PARSE",
    "HackerNewsSource",
    "HackerNewsSpec",
    "Spec",
    "meta",
    "open_source",
]

CONNECTOR = "hackernews@1"
PARSE = "rtanalytics.sources.hackernews.parse:parse"
ACCESS = "open"
ABOUT = """\
Stories and comments of Hacker News in which a query is found, newest first, by its search
(`hn.algolia.com`); no account and no token. The search follows the site within a minute or so and
allows 10,000 requests an hour for each address of yours, far more than this asks. Edits within three
hours (people may edit for two) come with the search itself. Each item that was told is looked up
again 10 minutes, 1, 6 and 24 hours after it was said, with the site's item API: what is deleted or
killed by then becomes a delete, and does not come back. Words of a query must all occur; put
`"a phrase"` in quotes, and write a source for each alternative. For front pages, read
`https://hnrss.org/frontpage` as a feed.
"""
EXAMPLE = """\
[[source]]
type = "hackernews"
name = "hn-pycon"
query = "pycon"
"""

PREFIX = "hackernews::"
"""What the ids begin with; the item's number follows."""

PAGE = 100
OVERLAP = timedelta(hours=3)
"""How much of what was told the search is asked for again."""

AGES = (timedelta(minutes=10), timedelta(hours=1), timedelta(hours=6), timedelta(hours=24))
"""How old an item is when it is looked up again."""

_PHRASE = re.compile(r'"[^"]*"')
_OR = re.compile(r"\S\s+(OR|\|\|?)\s+\S")
"""What other searches take for alternatives, and this one for a word."""

LOOKED_UP = 20
"""Items that are looked up after one reading, at most."""

WATCHED = 2_000
"""Items that the cursor keeps to be looked up, the latest of them."""


class HackerNewsSpec(PolledSpec, frozen=True, kw_only=True, tag_field="type", tag="hackernews"):
    """A ``[[source]]`` table with ``type = "hackernews"``.

    Parameters
    ----------
    name : str
        Names the source.
    query : str
        Words that must all occur, or ``"a phrase"`` in quotes.
    kind : {'both', 'story', 'comment'}
        Stories, comments, or both.
    back : timedelta
        How far back the first reading goes.
    deletes : bool
        False not to look up whether what was told has been deleted.
    every : timedelta, optional
        How often to ask; 2 minutes.
    search_url, items_url : str
        Of the two services, for a copy of one's own.
    timeout : timedelta
        For a whole request, the last byte included.
    budget : timedelta
        For parsing one page, on the clock.
    max_bytes : int
        Of a page, packed and unpacked.
    allow_private : bool
        True if the hosts of both addresses are meant to be private or loopback ones.
    hints : bool
        False to ask every ``every``, whatever the other side would like.

    Raises
    ------
    ValueError
        If a value cannot be; the message names it and what to write instead.
    """

    query: str
    kind: Literal["both", "story", "comment"] = "both"
    back: timedelta = timedelta(days=1)
    deletes: bool = True
    search_url: str = "https://hn.algolia.com/api/v1"
    items_url: str = "https://hacker-news.firebaseio.com/v0"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_address(self.search_url, "search_url")
        check_address(self.items_url, "items_url")
        if not self.query.strip() or printable(self.query, 200) != self.query:
            raise ValueError(
                'query may have 200 characters on one line, and needs one; write query = "pycon"'
            )
        if found := _OR.search(_PHRASE.sub('""', self.query)):
            raise ValueError(
                f"query has {found[1]!r} in it, but the search finds only what has all words; "
                "write a [[source]] for each alternative, or put a phrase in quotes"
            )

    def __repr__(self) -> str:
        where = redact(self.search_url), redact(self.items_url)
        return f"{type(self).__name__}(name={self.name!r}, scope={self.scope!r}, from={where!r})"

    @property
    def scope(self) -> str:
        """What is looked for; sources for the same query are the same."""
        return f"{self.kind}/{' '.join(self.query.casefold().split())}"


Spec = HackerNewsSpec


def open_source(spec: HackerNewsSpec, counts: Counter[str]) -> Source:
    """A query; it connects when it is first polled."""
    return HackerNewsSource(spec, counts)


def meta(spec: HackerNewsSpec, received_at: datetime) -> Meta:
    """What the parser has to know, live and when a dead letter is read again."""
    return Meta(
        source="hackernews",
        scope=spec.scope,
        connector=CONNECTOR,
        received_at=received_at,
        url=spec.search_url,
    )


class _Cursor(SeenCursor, omit_defaults=True):
    """What was told, what of it is to be looked up and when, and what is gone."""

    watch: dict[str, tuple[int, int]] = msgspec.field(default_factory=dict)  # number → said, due (s)
    gone: list[str] = msgspec.field(default_factory=list)  # short(id)


class HackerNewsSource(PolledSource[HackerNewsSpec, _Cursor]):
    """One query.

    Parameters
    ----------
    spec : HackerNewsSpec
        Which.
    counts : Counter
        ``hits``, ``looked_up``, ``deleted``, ``not_looked_up`` and what every polled source counts.
    """

    bucket = "hackernews"
    target = PARSE
    cursor = _Cursor
    every = timedelta(minutes=2)
    pages = 20
    gaps: ClassVar[bool] = True

    def __init__(self, spec: HackerNewsSpec, counts: Counter[str]) -> None:
        super().__init__(spec, counts, spec.search_url)
        if spec.allow_private:
            from rtanalytics.sources.http import HttpClient

            hosts = [host_of(spec.search_url), host_of(spec.items_url)]
            self.http = HttpClient(counts, hosts, source=spec.name)

    def first(self, state: _Cursor) -> str:
        if state.newest:
            since = datetime.fromtimestamp(state.newest / 1000, UTC) - OVERLAP
        else:
            since = datetime.now(UTC) - self.spec.back
        return self._search(since)

    def query(self) -> str:
        return f"{self.spec.search_url}\n{self.spec.scope}"

    def meta(self, received_at: datetime) -> Meta:
        return meta(self.spec, received_at)

    def following(self, answer: Answer, parsed: Parsed) -> str | None:
        """The same question about what is older; pages by number end after 1,000 hits."""
        from yarl import URL

        if parsed.counts.get("hits", 0) < PAGE or not parsed.events:
            return None
        until = min(event.created_at for event in parsed.events)
        filters = URL(answer.url).query.get("numericFilters", "").split(",")
        since = next((f for f in filters if f.startswith("created_at_i>")), "created_at_i>0")
        older = f"{since},created_at_i<{int(until.timestamp()) + 1}"
        if older.split(",") == filters:
            return None  # more than a page of one second: it does not go on
        return str(URL(answer.url).update_query(numericFilters=older))

    def meets_known(self, state: _Cursor, parsed: Parsed) -> bool:
        """False: the question itself says how far back to go; what is new may stand below what is known."""
        return not parsed.events and not parsed.rejects

    def take(self, state: _Cursor, parsed: Parsed, answer: Answer, received: datetime) -> list[Event]:
        gone = set(state.gone)
        events = self.fresh(state, [e for e in parsed.events if short(e.id) not in gone])
        for event in events if self.spec.deletes else ():
            self._watch(state, event, received)
        return events

    async def read(self, state: _Cursor) -> Batch:
        batch = await super().read(state)
        if state.next or not self.spec.deletes:
            return batch
        events, rejects, trouble = await self._look_up(state)
        problem = None if trouble is None else f"what was deleted is not known: {trouble}"
        wait = trouble.wait if isinstance(trouble, RateLimited) else None
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
        asked = {
            "query": self.spec.query,
            "tags": tags,
            "hitsPerPage": PAGE,
            "numericFilters": f"created_at_i>{int(since.timestamp()) - 1}",
        }
        return f"{self.spec.search_url.rstrip('/')}/search_by_date?{urlencode(asked)}"

    def _watch(self, state: _Cursor, event: Event, now: datetime) -> None:
        number = event.id.removeprefix(PREFIX)
        said = state.watch.pop(number, (int(event.created_at.timestamp()), 0))[0]
        due = _due(said, now)
        if due is not None:
            state.watch[number] = (said, due)
        for old in list(state.watch)[:-WATCHED]:
            del state.watch[old]

    async def _look_up(self, state: _Cursor) -> tuple[list[Event], list[Reject], SourceError | None]:
        """What has become of the items whose time has come; an item API that is down spoils no search."""
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
            said = state.watch.pop(number)[0]
            again = _due(said, now)
            if again is not None and short(f"{PREFIX}{number}") not in state.gone:
                state.watch[number] = (said, again)
        return events, rejects, None

    def _changed(self, state: _Cursor, parsed: Parsed, number: str, now: datetime) -> list[Event]:
        """A deletion, or an edit that the search is no longer asked about.

        The two services may write the same text in two ways, so only one of them is believed at
        any time; otherwise an item would change to and fro.
        """
        known = [event for event in parsed.events if event.id == f"{PREFIX}{number}"]
        newest = datetime.fromtimestamp(state.newest / 1000, UTC)
        deleted = [event for event in known if event.op == "delete"]
        if deleted:
            state.gone = [*state.gone, short(deleted[0].id)][-WATCHED:]
            self.counts["deleted"] += 1
            return self.fresh(state, deleted)
        return self.fresh(state, [e for e in known if e.created_at < newest - OVERLAP])


def _due(said: int, now: datetime) -> int | None:
    """When an item is to be looked up next, in seconds since 1970."""
    times = (said + int(age.total_seconds()) for age in AGES)
    return next((at for at in times if at > now.timestamp()), None)
