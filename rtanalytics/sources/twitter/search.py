"""X's recent search: posts since the newest known one, page by page, within the budget."""

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
from rtanalytics.sources.twitter.spec import MAX_SEARCH_POSTS, MIN_SEARCH_POSTS, XSpec

if TYPE_CHECKING:
    from rtanalytics.sources.http import Answer, Validators

__all__ = ["EXPANDED", "FIELDS", "XSearch", "unbilled"]

EVERY = timedelta(minutes=2)
X_RESET = timedelta(seconds=901)
"""Length of X's rate-limit windows, plus a second; a later reset is the error of a clock."""

REACH = timedelta(days=7) - timedelta(minutes=10)
"""How far back the search reaches; it refuses an older ``since_id``."""

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
    """Search for one query, repeated at intervals.

    Each page takes two polls: the first reserves money, the second spends it. Polled again with the
    cursor of a successful search, it returns the same batch and does not pay twice.

    Parameters
    ----------
    spec : XSpec
        Query, budget and token.
    counts : Counter
        ``posts``, ``users``, ``spent_microusd`` and what every polled source counts.
    """

    bucket = "twitter"
    cursor = Ledger
    every = EVERY

    def __init__(self, spec: XSpec, counts: Counter[str]) -> None:
        super().__init__(spec, counts, X_RESET)
        self.pages = spec.pages
        self._grant = ""  # our own reservation for a search
        self._holder = ""  # our own reservation for a stream
        self._size = MIN_SEARCH_POSTS
        self._answer: Answer | None = None  # the response that was paid for
        self._unbilled = True
        self._lost = False  # True if the cursor, and with it today's spending, was lost

    def first(self, state: Ledger) -> str:
        fields = {"query": self.spec.query.strip(), "max_results": "10", **FIELDS}
        if self.spec.expand:
            fields |= EXPANDED
        if state.since_id and not self._too_old(state):
            fields["since_id"] = self.since(state)
        return f"{self.spec.api.rstrip('/')}/2/tweets/search/recent?{urlencode(fields)}"

    def since(self, state: Ledger) -> str:
        """Return the id of the post after which to search."""
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
            self._lost = True  # today's spending is unknown, so nothing more is spent today
            raise
        state.start_day(datetime.now(UTC))
        if cursor is None and self._lost:
            state.spent = self.spec.budget_micro
        if state.terms != state.of:
            state.terms, state.since_id, state.top = state.of, "", ""
        return state

    async def poll(self, cursor: bytes | None) -> Batch:
        """Reserve money for a page, or read a page with the reserved money."""
        state = self.state(cursor)
        if not state.grant or state.grant != self._grant:
            return self._reserve(state)
        self._size, self._unbilled = state.size, True
        try:
            batch = await super().poll(cursor)
        except SourceError as error:
            if not unbilled(error):
                self._grant = ""  # X may have charged for it, so the reservation must not be used again
            raise
        if batch.cursor is None:  # not modified, so nothing was charged
            state.settle(0)
            return replace(batch, cursor=msgspec.json.encode(state))
        after = msgspec.json.decode(batch.cursor, type=Ledger)
        if after.grant:  # the response could not be read, or there was none
            after.settle(0 if self._unbilled else None)
        if not after.next and batch.problem is None:
            after.since_id = max(after.since_id, after.top, key=lambda n: int(n or 0))
        if not after.next:
            after.top = ""
        after.body, after.etag, after.modified = "", None, None  # each response has its own price
        return replace(batch, cursor=msgspec.json.encode(after), notes=self._with_budget(batch.notes, after))

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
        events = self._missed(state, received) if not state.page else []
        for event in parsed.events:
            state.top = max(state.top, native_id(event), key=lambda n: int(n or 0))
        return [*events, *self.fresh(state, parsed.events)]

    def meets_known(self, state: Ledger, parsed: Parsed) -> bool:
        return False  # ``since_id`` ends the pages, and a page may be empty

    # -- money -------------------------------------------------------------------------------

    def _reserve(self, state: Ledger) -> Batch:
        now, spec = datetime.now(UTC), self.spec
        self._answer, self._grant = None, ""
        if state.holder != self._holder:
            state.release()  # the process that reserved it has ended
        size = min(
            MAX_SEARCH_POSTS,
            state.left(spec.budget_micro) // spec.max_post_cost if spec.max_post_cost else MAX_SEARCH_POSTS,
        )
        if size < MIN_SEARCH_POSTS:
            state.settle()
            self.counts["budget_stops"] += 1
            problem = (
                f"the budget of ${spec.budget_usd_per_day:g} for {state.day} is spent "
                f"(${state.spent / 1e6:.2f}); reading continues at 00:00 UTC"
            )
            wait = until_midnight(now) + timedelta(seconds=1)
            return Batch([], msgspec.json.encode(state), [], wait, problem, self._with_budget({}, state))
        state.reserve(size * spec.max_post_cost, size)
        self._grant = state.grant
        return Batch([], msgspec.json.encode(state), notes=self._with_budget({}, state))

    def _with_budget(self, notes: dict[str, str], state: Ledger) -> dict[str, str]:
        left = max(0, self.spec.budget_micro - state.spent) / 1e6
        return {**notes, "spent_usd": f"{state.spent / 1e6:.3f}", "budget_left_usd": f"{left:.3f}"}

    # -- gaps ------------------------------------------------------------------------------------

    def _too_old(self, state: Ledger) -> bool:
        since = snowflake_time(state.since_id)
        return since is None or datetime.now(UTC) - since > REACH

    def _missed(self, state: Ledger, received: datetime) -> list[Event]:
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


def unbilled(error: SourceError) -> bool:
    """Check whether X cannot have charged for a request: it was refused, or never arrived."""
    import aiohttp

    refused = error.status is not None or isinstance(error, (Refused, RateLimited))
    return refused or isinstance(error.__context__, aiohttp.ClientConnectorError)
