"""Table of an X (Twitter) source: its options, what they cost, and what its parser needs."""

from __future__ import annotations

import math
from datetime import datetime
from typing import ClassVar

import msgspec

from rtanalytics.sources.base import Meta, printable
from rtanalytics.sources.polled import PolledSpec
from rtanalytics.sources.secrets import check_secret

__all__ = ["CHEAPEST_SEARCH", "MOST_POSTS", "XSpec"]

DEAREST_POST, CHEAPEST_SEARCH = 3, 10
"""Posts (with their authors) that one may bring, itself included; the fewest that a search can ask for."""

MOST_POSTS = 100
"""Posts of a page at most."""

UNREAD, AHEAD = 30, 3
"""Posts of a stream that may be on their way to us unread: 9 kB at 300 bytes; those that are read at once
at least, each with all that it may bring."""


class XSpec(PolledSpec, frozen=True, kw_only=True, tag_field="type", tag="x"):
    """A ``[[source]]`` table with ``type = "x"``.

    Parameters
    ----------
    name : str
        Name of the source.
    query : str
        As X's search has it, 512 characters at most: ``#pycon -is:retweet``.
    token : str
        ``"env:NAME"``: the app's bearer token is in that variable of the environment.
    budget_usd_per_day : float
        What may be spent in a day (UTC), in US dollars. Nothing is asked beyond it, whatever is
        restarted.
    expand : bool
        True to read the authors' names, and posts that are quoted or answered, along with each post.
        False is cheaper: authors are numbers then.
    usd_per_post, usd_per_user : float
        What X charges for one.
    stream : bool
        True to receive posts at once, by X's filtered stream; the search then fills what a stream leaves out.
    pages : int
        Of a search, read one after another, at most.
    every : timedelta, optional
        How often to search; 2 minutes.
    budget : timedelta
        For parsing one page, on the clock (no money).
    allow_private : bool
        True if the host in ``api`` is meant to have a private or loopback address.
    hints : bool
        False to search every ``every``, whatever the caching headers say.
    api : str
        Where the API is.

    Raises
    ------
    ValueError
        If a value is invalid; the message names it and what to write instead.
    """

    connector: ClassVar[str] = "x@1"
    parser: ClassVar[str] = "rtanalytics.sources.twitter.parse:parse"
    query: str
    token: str
    budget_usd_per_day: float
    expand: bool = True
    usd_per_post: float = 0.005
    usd_per_user: float = 0.010
    stream: bool = False
    pages: int = 10
    api: str = "https://api.x.com"

    def __post_init__(self) -> None:
        check_secret(self.token, "token")
        super().__post_init__()
        query = self.query.strip()
        if not query or len(query) > 512 or printable(query, 600) != query:
            raise ValueError('query has 1 to 512 characters in one line; write query = "#pycon -is:retweet"')
        if not (math.isfinite(self.budget_usd_per_day) and 0 < self.budget_usd_per_day <= 100_000):
            raise ValueError(
                f"budget_usd_per_day {self.budget_usd_per_day} is no amount; "
                "write what a day may cost, such as 5.0"
            )
        for key in ("usd_per_post", "usd_per_user"):
            if not (math.isfinite(price := getattr(self, key)) and 0 <= price <= 1_000):
                raise ValueError(f"{key} {price} is no price; write what X charges for one, such as 0.005")
        if not 1 <= self.pages <= 100:
            raise ValueError(f"pages {self.pages} is out of range; write 1 to 100")
        if self.budget_micro < CHEAPEST_SEARCH * self.dearest:
            raise ValueError(
                f"budget_usd_per_day {self.budget_usd_per_day} does not pay for one search, which may cost "
                f"${CHEAPEST_SEARCH * self.dearest / 1e6:.2f}; write more, or expand = false"
            )
        if self.stream and self.budget_micro < (least := self.held + CHEAPEST_SEARCH * self.dearest):
            raise ValueError(
                f"budget_usd_per_day {self.budget_usd_per_day} does not pay for a stream, which needs "
                f"${math.ceil(least / 1e4) / 100:.2f}; write more, expand = false, or stream = false"
            )

    def __repr__(self) -> str:
        return (
            f"XSpec(name={self.name!r}, query={self.query!r}, budget_usd_per_day={self.budget_usd_per_day})"
        )

    @property
    def budget_micro(self) -> int:
        """The day's budget in millionths of a dollar."""
        return round(self.budget_usd_per_day * 1e6)

    @property
    def dearest(self) -> int:
        """What one post can cost at most, with all that comes with it, in millionths of a dollar."""
        post, user = self._prices
        return (post + user) * DEAREST_POST if self.expand else post

    @property
    def unread(self) -> int:
        """What may be on its way without being read, in millionths of a dollar."""
        return self.cost(UNREAD, UNREAD if self.expand else 0)

    @property
    def held(self) -> int:
        """What is put aside for a stream, in millionths of a dollar."""
        return self.unread + AHEAD * self.dearest

    def cost(self, posts: int, users: int) -> int:
        """Return the price of an answer in millionths of a dollar."""
        post, user = self._prices
        return posts * post + users * user

    @property
    def once_usd(self) -> float:
        """What a dry run may cost at most, in US dollars: a page of the search, or a stream's day."""
        page = self.budget_micro if self.stream else MOST_POSTS * self.dearest
        return min(self.budget_micro, page) / 1e6

    @property
    def _prices(self) -> tuple[int, int]:
        return round(self.usd_per_post * 1e6), round(self.usd_per_user * 1e6)

    def meta(self, received_at: datetime) -> Meta:
        return msgspec.structs.replace(super().meta(received_at), source="twitter", options={"via": "poll"})
