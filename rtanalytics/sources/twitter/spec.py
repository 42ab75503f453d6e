"""Options of an X (Twitter) source, and the costs that follow from them."""

from __future__ import annotations

import math
from datetime import datetime
from typing import ClassVar

import msgspec

from rtanalytics.sources.base import Meta, printable
from rtanalytics.sources.polled import PolledSpec
from rtanalytics.sources.secrets import check_secret

__all__ = ["MAX_SEARCH_POSTS", "MIN_SEARCH_POSTS", "XSpec"]

MAX_POSTS_PER_POST, MIN_SEARCH_POSTS = 3, 10
"""Largest number of posts, each with its author, delivered for one post (itself and the posts it refers to);
smallest number of posts that a search can request."""

MAX_SEARCH_POSTS = 100
"""Largest number of posts on a page of a search."""

UNREAD_POSTS, POSTS_AHEAD = 30, 3
"""Posts that a stream may have sent but we have not read (9 kB at 300 bytes each), and posts for which money
is reserved beyond these."""


class XSpec(PolledSpec, frozen=True, kw_only=True, tag_field="type", tag="x"):
    """A ``[[source]]`` table with ``type = "x"``.

    Parameters
    ----------
    name : str
        Name of the source.
    query : str
        Query in the syntax of X's search, at most 512 characters: ``#pycon -is:retweet``.
    token : str
        Bearer token of the app, as ``"env:NAME"``.
    budget_usd_per_day : float
        Maximum cost per day (UTC) in US dollars. It also holds across restarts.
    expand : bool
        True to request with each post the name of its author and the posts that it quotes or replies to.
        False is cheaper; authors then have numbers instead of names.
    usd_per_post, usd_per_user : float
        Price of one post and of one user in US dollars.
    stream : bool
        True to receive posts immediately through X's filtered stream; the search then only fills its gaps.
    pages : int
        Maximum number of pages per search.
    every : timedelta, optional
        Time between two searches; 2 minutes by default.
    budget : timedelta
        Time limit for parsing one page.
    allow_private : bool
        True if the host in ``api`` may have a private or loopback address.
    hints : bool
        False to ignore caching headers.
    api : str
        URL of the API.

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
            raise ValueError(
                'query must have 1 to 512 characters on one line, such as query = "#pycon -is:retweet"'
            )
        if not (math.isfinite(self.budget_usd_per_day) and 0 < self.budget_usd_per_day <= 100_000):
            raise ValueError(
                f"budget_usd_per_day {self.budget_usd_per_day} is invalid; "
                "write the maximum cost per day in US dollars, such as 5.0"
            )
        for key in ("usd_per_post", "usd_per_user"):
            if not (math.isfinite(price := getattr(self, key)) and 0 <= price <= 1_000):
                raise ValueError(f"{key} {price} is invalid; write the price in US dollars, such as 0.005")
        if not 1 <= self.pages <= 100:
            raise ValueError(f"pages {self.pages} is out of range; write 1 to 100")
        if self.budget_micro < self.min_search_cost:
            raise ValueError(
                f"budget_usd_per_day {self.budget_usd_per_day} does not pay for one search, which may cost "
                f"${self.min_search_cost / 1e6:.2f}; write more, or expand = false"
            )
        if self.stream and self.budget_micro < (needed := self.held + self.min_search_cost):
            raise ValueError(
                f"budget_usd_per_day {self.budget_usd_per_day} does not pay for a stream, which needs "
                f"${math.ceil(needed / 1e4) / 100:.2f}; write more, expand = false, or stream = false"
            )

    def __repr__(self) -> str:
        return (
            f"XSpec(name={self.name!r}, query={self.query!r}, budget_usd_per_day={self.budget_usd_per_day})"
        )

    @property
    def budget_micro(self) -> int:
        """Daily budget in millionths of a dollar."""
        return round(self.budget_usd_per_day * 1e6)

    @property
    def max_post_cost(self) -> int:
        """Highest price of one post with everything delivered with it, in millionths of a dollar."""
        post, user = self._prices
        return (post + user) * MAX_POSTS_PER_POST if self.expand else post

    @property
    def min_search_cost(self) -> int:
        """Highest price of the smallest search, in millionths of a dollar."""
        return MIN_SEARCH_POSTS * self.max_post_cost

    @property
    def unread_cost(self) -> int:
        """Highest price of the posts that a stream has sent unread, in millionths of a dollar."""
        return self.cost(UNREAD_POSTS, UNREAD_POSTS if self.expand else 0)

    @property
    def held(self) -> int:
        """Money reserved for a stream, in millionths of a dollar."""
        return self.unread_cost + POSTS_AHEAD * self.max_post_cost

    def cost(self, posts: int, users: int) -> int:
        """Return the price of a response in millionths of a dollar."""
        post, user = self._prices
        return posts * post + users * user

    @property
    def once_usd(self) -> float:
        """Maximum cost of a dry run in US dollars: one page of a search, or a day of the stream."""
        page = self.budget_micro if self.stream else MAX_SEARCH_POSTS * self.max_post_cost
        return min(self.budget_micro, page) / 1e6

    @property
    def _prices(self) -> tuple[int, int]:
        return round(self.usd_per_post * 1e6), round(self.usd_per_user * 1e6)

    def meta(self, received_at: datetime) -> Meta:
        return msgspec.structs.replace(super().meta(received_at), source="twitter", options={"via": "poll"})
