"""Reddit: new posts or comments of subreddits, with the credentials of an app.

The credentials are exchanged for an access token, which is valid for an hour or a day.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import urlencode

import msgspec

from rtanalytics.sources.base import AuthFailed, Parsed, Transient, printable
from rtanalytics.sources.polled import PolledSource, PolledSpec, SeenCursor
from rtanalytics.sources.secrets import check_secret

if TYPE_CHECKING:
    from rtanalytics.sources.http import Answer, Validators

__all__ = ["RedditSource", "RedditSpec", "Spec", "open_source"]

ACCESS = "token"
ABOUT = """\
Reads new posts or new comments of one or more subreddits from Reddit's API, with the id and secret of an
app of your own; Reddit must approve new apps. The API allows 100 requests per minute, averaged over ten
minutes; by default it is polled once per minute. A listing contains the newest 1,000 items: if there are
more between two polls, an event of type `gap` is stored. An edit or a deletion is seen only while the item
is on the pages that are read; Reddit demands that deletions are respected. Text is Markdown, as posted. The
feed of a subreddit (`.rss`, about one request per minute) can be read without credentials with
`type = "feed"` and has the same ids."""
EXAMPLE = """\
[[source]]
type = "reddit"
name = "reddit-python"
subreddit = "Python"
listing = "new"
client_id = "env:REDDIT_CLIENT_ID"
client_secret = "env:REDDIT_CLIENT_SECRET"
"""

MARGIN = timedelta(minutes=1)
"""How long before its end a token is renewed."""


class RedditSpec(PolledSpec, frozen=True, kw_only=True, tag_field="type", tag="reddit"):
    """A ``[[source]]`` table with ``type = "reddit"``.

    Parameters
    ----------
    name : str
        Name of the source.
    subreddit : str
        Name of the subreddit without ``r/``, or several names joined by ``+``: ``Python+django``.
    client_id, client_secret : str
        Id and secret of your app, as ``"env:NAME"``.
    listing : str
        ``new`` for posts, ``comments`` for comments; write two tables for both.
    pages : int
        Maximum number of pages (of 100 items) per poll; Reddit has 10.
    every : timedelta, optional
        Polling interval; 1 minute by default.
    api, login : str
        URLs of the API and of its token service.

    Raises
    ------
    ValueError
        If a value is invalid; the message names it and what to write instead.
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


class RedditSource(PolledSource[RedditSpec, SeenCursor]):
    """New posts or comments of subreddits.

    Parameters
    ----------
    spec : RedditSpec
        The ``[[source]]`` table.
    counts : Counter
        ``tokens`` and what every polled source counts.
    """

    bucket = "reddit"
    cursor = SeenCursor
    every = timedelta(minutes=1)
    newest_only = True

    def __init__(self, spec: RedditSpec, counts: Counter[str]) -> None:
        super().__init__(spec, counts)
        self.pages = spec.pages
        self._token = ""
        self._valid_until = datetime.now(UTC)

    def first(self, state: SeenCursor) -> str:
        return self._listing()

    def following(self, answer: Answer, parsed: Parsed) -> str | None:
        return None if parsed.next is None else self._listing(after=parsed.next)

    def headers(self) -> dict[str, str]:
        self.secret("client_id")
        self.secret("client_secret")
        return {"Authorization": f"Bearer {self._token}"}

    async def ask(self, url: str, known: Validators | None = None) -> Answer:
        """Fetch a page; renew the token if it has ended or is refused."""
        renewed = datetime.now(UTC) >= self._valid_until
        if renewed:
            await self._renew()
        try:
            return await super().ask(url, known)
        except AuthFailed:
            self._valid_until = datetime.now(UTC)
            if renewed:
                raise
        await self._renew()  # the token was revoked early
        return await super().ask(url, known)

    async def _renew(self) -> None:
        credentials = f"{self.secret('client_id')}:{self.secret('client_secret')}"
        answer = await self.http.get(
            f"{self.spec.login.rstrip('/')}/api/v1/access_token",
            max_bytes=100_000,
            timeout=self.spec.timeout,
            accept="application/json",
            headers={"Authorization": "Basic " + b64encode(credentials.encode()).decode()},
            form={"grant_type": "client_credentials"},
        )
        self.counts["tokens"] += 1
        try:
            response = msgspec.json.decode(answer.body)
            token, lifetime = response["access_token"], float(response.get("expires_in", 3600))
            if not isinstance(token, str) or not token.isascii() or not token.isprintable() or not token:
                raise ValueError("no token")
            self._valid_until = datetime.now(UTC) + max(
                MARGIN, timedelta(seconds=min(lifetime, 1e7)) - MARGIN
            )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise Transient(f"{self.spec.login}: no token in the response") from None
        self._token = token
        self.credentials.add("access_token", token)

    def _listing(self, **more: str) -> str:
        fields = {"limit": "100", "raw_json": "1", **more}
        base = f"{self.spec.api.rstrip('/')}/r/{self.spec.subreddit}/{self.spec.listing}"
        return f"{base}?{urlencode(fields)}"


Spec, open_source = RedditSpec, RedditSource
