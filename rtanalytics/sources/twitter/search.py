"""The recent search: since the newest that is known, page by page, as long as the budget lasts."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import msgspec

from rtanalytics.event import Event, Ingest
from rtanalytics.normalize.tweets import snowflake_time
from rtanalytics.sources.base import (
    Batch,
    CursorInvalid,
    Parsed,
    RateLimited,
    Refused,
    SourceError,
)
from rtanalytics.sources.polled import PolledSource
from rtanalytics.sources.twitter.budget import Ledger, until_midnight
from rtanalytics.sources.twitter.parse import native_id
from rtanalytics.sources.twitter.spec import CHEAPEST_SEARCH, MOST_POSTS, XSpec

if TYPE_CHECKING:
    from rtanalytics.sources.http import Answer, Validators

__all__ = ["EXPANDED", "FIELDS", "XSearch", "unbilled"]

EVERY = timedelta(minutes=2)
X_RESET = timedelta(seconds=901)
"""The window of X's limits and a second: a later reset is a clock that is wrong."""

REACH = timedelta(days=7) - timedelta(minutes=10)
"""How far back the search goes; asked for an older since_id it refuses."""

FIELDS = {
    "tweet.fields": "attachments,author_id,conversation_id,created_at,edit_history_tweet_ids,entities,lang,"
    "note_tweet,possibly_sensitive,referenced_tweets",
}
EXPANDED = {
    "expansions": "author_id,attachments.media_keys,referenced_tweets.id,referenced_tweets.id.author_id",
    "user.fields": "id,name,username",
    "media.fields": "alt_text,height,media_key,preview_image_url,type,url,width",
}


class XSearch(PolledSource[XSpec, Ledger]):
    """One query that is searched for again and again.

    Each search takes two polls: one puts money aside, the other spends it. Asked again with the
    cursor of a search that succeeded, it gives the same again and does not pay twice.

    Parameters
    ----------
    spec : XSpec
        Which.
    counts : Counter
        ``posts``, ``users``, ``spent_microusd`` and what every polled source counts.
    """

    bucket = "twitter"
    cursor = Ledger
    every = EVERY

    def __init__(self, spec: XSpec, counts: Counter[str]) -> None:
        super().__init__(spec, counts, X_RESET)
        self.pages = spec.pages
        self._grant = ""  # what we have put aside ourselves
        self._holder = ""  # the same for a stream
        self._size = CHEAPEST_SEARCH
        self._answer: Answer | None = None  # what it was spent on
        self._unbilled = True
        self._lost = False  # a cursor, and with it what was spent today

    def first(self, state: Ledger) -> str:
        fields = {"query": self.spec.query.strip(), "max_results": "10", **FIELDS}
        if self.spec.expand:
            fields |= EXPANDED
        if state.since_id and not self._too_old(state):
            fields["since_id"] = self.since(state)
        return f"{self.spec.api.rstrip('/')}/2/tweets/search/recent?{urlencode(fields)}"

    def since(self, state: Ledger) -> str:
        """Return the post to search from."""
        return state.since_id

    def query(self) -> str:
        return f"{self.spec.api}\n{self.spec.query}\n{self.spec.expand}"

    def following(self, answer: Answer, parsed: Parsed) -> str | None:
        if parsed.next is None:
            return None
        head, _, query = answer.url.partition("?")
        kept = [pair for pair in query.split("&") if not pair.startswith("next_token=")]
        return f"{head}?{'&'.join([*kept, urlencode({'next_token': parsed.next})])}"

    def state(self, cursor: bytes | None) -> Ledger:
        try:
            state = super().state(cursor)
        except CursorInvalid:
            self._lost = True  # nobody knows what was spent: nothing more is, until the day is over
            raise
        state.start_day(datetime.now(UTC))
        if cursor is None and self._lost:
            state.spent = self.spec.budget_micro
        if state.terms != state.of:
            state.terms, state.since_id, state.top = state.of, "", ""
        return state

    async def poll(self, cursor: bytes | None) -> Batch:
        """Put money aside, or spend what was put aside on one page."""
        state = self.state(cursor)
        if not state.grant or state.grant != self._grant:
            return self._reserve(state)
        self._size, self._unbilled = state.size, True
        try:
            batch = await super().poll(cursor)
        except SourceError as error:
            if not unbilled(error):
                self._grant = ""  # perhaps it was answered and billed: it is not spent again
            raise
        if batch.cursor is None:  # not modified: nothing was delivered
            return replace(batch, cursor=msgspec.json.encode(_freed(state)))
        after = msgspec.json.decode(batch.cursor, type=Ledger)
        if after.grant:  # what came cannot be read, or did not come
            after.settle(0 if self._unbilled else None)
        if not after.next and batch.problem is None:
            after.since_id = max(after.since_id, after.top, key=lambda n: int(n or 0))
        if not after.next:
            after.top = ""
        after.body, after.etag, after.modified = "", None, None  # each answer has its price to settle
        return replace(batch, cursor=msgspec.json.encode(after), notes=self._noted(batch.notes, after))

    async def ask(self, url: str, known: Validators | None = None) -> Answer:
        if self._answer is None:
            url = re.sub(r"(?<=[?&]max_results=)\d+", str(self._size), url)
            self._answer = await super().ask(url, known)
        self._unbilled = False
        return self._answer

    def take(self, state: Ledger, parsed: Parsed, answer: Answer, received: datetime) -> list[Event]:
        cost = self.spec.cost(parsed.counts.get("posts", 0), parsed.counts.get("users", 0))
        self.counts["spent_microusd"] += cost
        state.settle(cost)
        events = self._forgotten(state, received) if not state.page else []
        for event in parsed.events:
            state.top = max(state.top, native_id(event), key=lambda n: int(n or 0))
        return [*events, *self.fresh(state, parsed.events)]

    def meets_known(self, state: Ledger, parsed: Parsed) -> bool:
        """Never: since_id ends the pages, and one of them may be empty."""
        return False

    # -- money -------------------------------------------------------------------------------

    def _reserve(self, state: Ledger) -> Batch:
        now, spec = datetime.now(UTC), self.spec
        self._answer, self._grant = None, ""
        if state.holder != self._holder:
            state.release()  # the process that held it has ended
        size = min(MOST_POSTS, state.left(spec.budget_micro) // spec.dearest if spec.dearest else MOST_POSTS)
        if size < CHEAPEST_SEARCH:
            state.settle()
            self.counts["budget_stops"] += 1
            problem = (
                f"the budget of ${spec.budget_usd_per_day:g} for {state.day} is spent "
                f"(${state.spent / 1e6:.2f}); it goes on at 00:00 UTC"
            )
            wait = until_midnight(now) + timedelta(seconds=1)
            return Batch([], msgspec.json.encode(state), [], wait, problem, self._noted({}, state))
        state.reserve(size * spec.dearest, size)
        self._grant = state.grant
        return Batch([], msgspec.json.encode(state), notes=self._noted({}, state))

    def _noted(self, notes: dict[str, str], state: Ledger) -> dict[str, str]:
        left = max(0, self.spec.budget_micro - state.spent) / 1e6
        return {**notes, "spent_usd": f"{state.spent / 1e6:.3f}", "budget_left_usd": f"{left:.3f}"}

    # -- what the search no longer has -----------------------------------------------------------

    def _too_old(self, state: Ledger) -> bool:
        since = snowflake_time(state.since_id)
        return since is None or datetime.now(UTC) - since > REACH

    def _forgotten(self, state: Ledger, received: datetime) -> list[Event]:
        if not state.since_id or not self._too_old(state):
            return []
        self.counts["gaps"] += 1
        since, until = snowflake_time(state.since_id) or received, received - REACH
        text = (
            f"from {since:%Y-%m-%d %H:%M:%S} to {until:%Y-%m-%d %H:%M:%S} UTC: the search reaches 7 days back"
        )
        event = Event(
            id=f"twitter:{self.scope}:gap/{state.since_id}",
            source="twitter",
            type="gap",
            created_at=min(max(until, since), received),
            text=text,
            ingest=Ingest(connector=self.spec.connector, id_kind="derived", time_kind="observed"),
        )
        return [self.numbered(state, event)]


def _freed(state: Ledger) -> Ledger:
    state.settle(0)
    return state


def unbilled(error: SourceError) -> bool:
    """Check whether nothing can have been delivered: the request was refused, or never arrived."""
    import aiohttp

    refused = error.status is not None or isinstance(error, (Refused, RateLimited))
    return refused or isinstance(error.__context__, aiohttp.ClientConnectorError)
