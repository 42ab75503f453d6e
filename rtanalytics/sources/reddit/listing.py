"""Polling of a subreddit's listing, with a token that is valid for an hour or a day."""

from __future__ import annotations

from base64 import b64encode
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import msgspec

from rtanalytics.sources.base import AuthFailed, Parsed, Transient
from rtanalytics.sources.polled import PolledSource, SeenCursor, host_of
from rtanalytics.sources.reddit.spec import RedditSpec

if TYPE_CHECKING:
    from rtanalytics.sources.http import Answer, Validators

__all__ = ["RedditSource"]

EVERY = timedelta(minutes=1)
MARGIN = timedelta(minutes=1)
"""A token is renewed this long before it expires."""


class RedditSource(PolledSource[RedditSpec, SeenCursor]):
    """New posts or comments of subreddits.

    Parameters
    ----------
    spec : RedditSpec
        Configuration.
    counts : Counter
        ``tokens``, and what every polled source counts.
    """

    bucket = "reddit"
    cursor = SeenCursor
    every = EVERY
    gaps = True
    limited = True

    def __init__(self, spec: RedditSpec, counts: Counter[str]) -> None:
        from rtanalytics.sources.http import HttpClient

        super().__init__(spec, counts, spec.api)
        self.pages = spec.pages
        self._token = ""
        self._until = datetime.now(UTC)
        trusted = [host_of(spec.login)] if spec.allow_private else ()
        self._login = HttpClient(counts, trusted, source=spec.name)

    def first(self, state: SeenCursor) -> str:
        return self._address()

    def following(self, answer: Answer, parsed: Parsed) -> str | None:
        return None if parsed.next is None else self._address(after=parsed.next)

    def headers(self) -> dict[str, str]:
        self.secret("client_id")
        self.secret("client_secret")
        return {"Authorization": f"Bearer {self._token}"}

    async def ask(self, url: str, known: Validators | None = None) -> Answer:
        fresh = False
        if datetime.now(UTC) >= self._until:
            await self._renew()
            fresh = True
        try:
            return await super().ask(url, known)
        except AuthFailed:
            self._until = datetime.now(UTC)
            if fresh:
                raise
        await self._renew()  # the token was revoked early
        return await super().ask(url, known)

    async def close(self) -> None:
        """Close the connections and the process of the parser."""
        await self._login.close()
        await super().close()

    async def _renew(self) -> None:
        who, proof = self.secret("client_id") or "", self.secret("client_secret") or ""
        answer = await self._login.get(
            f"{self.spec.login.rstrip('/')}/api/v1/access_token",
            max_bytes=100_000,
            timeout=self.spec.timeout,
            accept="application/json",
            headers={"Authorization": "Basic " + b64encode(f"{who}:{proof}".encode()).decode()},
            form={"grant_type": "client_credentials"},
        )
        self.counts["tokens"] += 1
        try:
            response = msgspec.json.decode(answer.body)
            token, lasts = response["access_token"], float(response.get("expires_in", 3600))
            if not isinstance(token, str) or not token.isascii() or not token.isprintable() or not token:
                raise ValueError("no token")
            self._until = datetime.now(UTC) + max(MARGIN, timedelta(seconds=min(lasts, 1e7)) - MARGIN)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise Transient(f"{self.spec.login}: no token in the response") from None
        self._token = self._secrets["access_token"] = token

    def _address(self, **more: str) -> str:
        fields = {"limit": "100", "raw_json": "1", **more}
        base = f"{self.spec.api.rstrip('/')}/r/{self.spec.subreddit}/{self.spec.listing}"
        return f"{base}?{urlencode(fields)}"
