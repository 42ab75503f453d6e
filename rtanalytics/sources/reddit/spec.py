"""Table of a Reddit source, and what its parser needs."""

from __future__ import annotations

import re
from datetime import datetime
from typing import ClassVar

import msgspec

from rtanalytics.sources.base import Meta, printable
from rtanalytics.sources.polled import PolledSpec, check_address
from rtanalytics.sources.secrets import check_secret

__all__ = ["RedditSpec"]


class RedditSpec(PolledSpec, frozen=True, kw_only=True, tag_field="type", tag="reddit"):
    """A ``[[source]]`` table with ``type = "reddit"``.

    Parameters
    ----------
    name : str
        Name of the source.
    subreddit : str
        Name without ``r/``; several names are joined by ``+``: ``Python+django``.
    client_id, client_secret : str
        ``"env:NAME"``: environment variables with the credentials of the app.
    listing : str
        ``new`` for posts, ``comments`` for comments; write two tables for both.
    pages : int
        Limit of the pages (of 100 items) per poll; Reddit has 10.
    every : timedelta, optional
        How often to ask; a minute.
    timeout : timedelta
        For a whole request, the last byte included.
    budget : timedelta
        For parsing one page, on the clock.
    max_bytes : int
        Of a page, packed and unpacked.
    allow_private : bool
        True if the hosts in ``api`` and ``login`` are meant to have a private or loopback address.
    hints : bool
        False to ask every ``every``, whatever the caching headers say.
    api, login : str
        URLs of the API and of its token service.

    Raises
    ------
    ValueError
        If a value cannot be; the message names it and what to write instead.
    """

    connector: ClassVar[str] = "reddit@1"
    parser: ClassVar[str] = "rtanalytics.sources.reddit.parse:parse"
    subreddit: str
    client_id: str
    client_secret: str
    listing: str = "new"
    pages: int = 10
    api: str = "https://oauth.reddit.com"
    login: str = "https://www.reddit.com"

    def __post_init__(self) -> None:
        check_secret(self.client_id, "client_id")
        check_secret(self.client_secret, "client_secret")
        check_address(self.api, "api")
        check_address(self.login, "login")
        super().__post_init__()
        if not re.fullmatch(r"[A-Za-z0-9_]{2,50}(\+[A-Za-z0-9_]{2,50}){0,50}", self.subreddit):
            raise ValueError(
                f"subreddit {printable(self.subreddit, 60)!r} is invalid; "
                "write it without r/, several as Python+django"
            )
        if self.listing not in {"new", "comments"}:
            raise ValueError(f'listing {printable(self.listing, 60)!r} is invalid; write "new" or "comments"')
        if not 1 <= self.pages <= 10:
            raise ValueError(f"pages {self.pages} is out of range; write 1 to 10")

    def __repr__(self) -> str:
        return f"RedditSpec(name={self.name!r}, subreddit={self.subreddit!r}, listing={self.listing!r})"

    def meta(self, received_at: datetime) -> Meta:
        return msgspec.structs.replace(super().meta(received_at), options={"site": "https://www.reddit.com"})
