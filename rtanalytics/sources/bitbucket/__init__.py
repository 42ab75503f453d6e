"""Bitbucket Cloud: the commits or the pull requests of one repository."""

from __future__ import annotations

import re
from base64 import b64encode
from collections import Counter
from datetime import datetime, timedelta
from typing import ClassVar, Literal

from rtanalytics.sources.base import Meta, Source, printable
from rtanalytics.sources.polled import PolledSource, PolledSpec, SeenCursor, check_address
from rtanalytics.sources.secrets import check_secret

__all__ = [
    "ABOUT",
    "ACCESS",
    "EXAMPLE",
    "PARSE",
    "BitbucketSource",
    "BitbucketSpec",
    "Spec",
    "meta",
    "open_source",
]

CONNECTOR = "bitbucket@1"
PARSE = "rtanalytics.sources.bitbucket.parse:parse"
ACCESS = "open"
ABOUT = """\
Reads the commits of a repository of Bitbucket Cloud, or its pull requests; the parser also reads the
bodies of webhooks, issues, comments and tags. Public repositories need no account, but then only 60
requests per hour and IP address are allowed for all sources together, so it polls every 10 minutes; with
a token it polls every minute. Use a token of the repository or workspace; a token of your own account
needs your email address as `user` too. Edits of a pull request are seen, deletions are not. Email
addresses of committers are not kept.
"""
EXAMPLE = """\
[[source]]
type = "bitbucket"
name = "stash-plugin"
repo = "atlassian/stash-example-plugin"
listing = "commits"                # or "pullrequests"
token = "env:BITBUCKET_TOKEN"      # optional
"""

API = "https://api.bitbucket.org/2.0"


class BitbucketSpec(PolledSpec, frozen=True, kw_only=True, tag_field="type", tag="bitbucket"):
    """A ``[[source]]`` table with ``type = "bitbucket"``.

    Parameters
    ----------
    name : str
        Name of the source.
    repo : str
        Workspace and repository, such as ``"atlassian/stash-example-plugin"``.
    listing : {'commits', 'pullrequests'}
        What is read.
    token : str, optional
        ``"env:NAME"``: an access token.
    user : str, optional
        Email address of the account, for a token of an account.
    pages : int
        Limit of the pages per poll.
    api : str
        URL of the API.
    every : timedelta, optional
        How often to ask; a minute with a token, 10 minutes without.
    timeout : timedelta
        For a whole request, the last byte included.
    budget : timedelta
        For parsing one page, on the clock.
    max_bytes : int
        Of a page, packed and unpacked.
    allow_private : bool
        True if the host in ``api`` is meant to have a private or loopback address.
    hints : bool
        False to ask every ``every``, whatever the other side would like.

    Raises
    ------
    ValueError
        If a value cannot be; the message names it and what to write instead.
    """

    repo: str
    listing: Literal["commits", "pullrequests"] = "commits"
    token: str | None = None
    user: str | None = None
    pages: int = 3
    api: str = API

    def __post_init__(self) -> None:
        super().__post_init__()
        check_secret(self.token, "token")
        check_address(self.api, "api")
        if not re.fullmatch(r"[\w.-]{1,100}/[\w.-]{1,100}", self.repo, re.ASCII):
            raise ValueError(f"repo {printable(self.repo, 60)!r} is invalid; write workspace/repository")
        if self.user is not None and self.token is None:
            raise ValueError('user needs a token; write token = "env:BITBUCKET_TOKEN"')
        if not 1 <= self.pages <= 100:
            raise ValueError("pages must be from 1 to 100")

    @property
    def scope(self) -> str:
        """The repository and the listing."""
        return f"{self.repo.lower()}/{self.listing}"


Spec = BitbucketSpec


def open_source(spec: BitbucketSpec, counts: Counter[str]) -> Source:
    """Return the source; it connects at the first poll."""
    return BitbucketSource(spec, counts)


def meta(spec: BitbucketSpec, received_at: datetime) -> Meta:
    """Return what the parser needs to know, live and for dead letters."""
    return Meta(
        source="bitbucket",
        scope=spec.scope,
        connector=CONNECTOR,
        received_at=received_at,
        options={"repo": spec.repo},
    )


class BitbucketSource(PolledSource[BitbucketSpec, SeenCursor]):
    """Commits or pull requests of one repository.

    Parameters
    ----------
    spec : BitbucketSpec
        Configuration.
    counts : Counter
        ``items``, ``unknown_record_<type>`` and what every polled source counts.
    """

    bucket = "bitbucket"
    target = PARSE
    cursor = SeenCursor
    every = timedelta(minutes=1)
    gaps: ClassVar[bool] = True

    def __init__(self, spec: BitbucketSpec, counts: Counter[str]) -> None:
        super().__init__(spec, counts, spec.api)
        self.pages = spec.pages
        if spec.token is None:
            self.every = timedelta(minutes=10)  # 60 requests per hour are shared by all sources

    def first(self, state: SeenCursor) -> str:
        query = "pagelen=100"
        if self.spec.listing == "pullrequests":
            states = "&".join(f"state={s}" for s in ("OPEN", "MERGED", "DECLINED", "SUPERSEDED"))
            query = f"pagelen=50&sort=-updated_on&{states}"
        return f"{self.spec.api.rstrip('/')}/repositories/{self.spec.repo}/{self.spec.listing}?{query}"

    def headers(self) -> dict[str, str]:
        token = self.secret("token")
        if token is None:
            return {}
        if self.spec.user is None:
            return {"Authorization": f"Bearer {token}"}
        basic = b64encode(f"{self.spec.user}:{token}".encode()).decode("ascii")
        return {"Authorization": f"Basic {basic}"}

    def meta(self, received_at: datetime) -> Meta:
        return meta(self.spec, received_at)
