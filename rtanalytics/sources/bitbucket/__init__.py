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
Reads the commits of a repository of Bitbucket Cloud, or its pull requests; the parser also bodies of
webhooks, issues, comments and tags. Public ones need no account, but an address may then ask 60 times an
hour only, all tables together, so this asks every 10 minutes; with a token it asks every minute. The token
is one of the repository or workspace; one of your own account wants your e-mail address as `user` as well.
Edits of a pull request reach us, what is deleted does not. E-mail addresses of committers are not kept.
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
        Names the source.
    repo : str
        Workspace and repository, as ``"atlassian/stash-example-plugin"``.
    listing : {'commits', 'pullrequests'}
        What is read of it.
    token : str, optional
        ``"env:NAME"``: an access token.
    user : str, optional
        The e-mail address that a token of an account belongs to.
    pages : int
        Pages that are read one after another at most.
    api : str
        Where the API is.
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
            raise ValueError(f"repo {printable(self.repo, 60)!r} is none; write it as 'workspace/repository'")
        if self.user is not None and self.token is None:
            raise ValueError('user needs a token; write token = "env:BITBUCKET_TOKEN"')
        if not 1 <= self.pages <= 100:
            raise ValueError("pages must be from 1 to 100")

    @property
    def scope(self) -> str:
        """The repository and what is read of it."""
        return f"{self.repo.lower()}/{self.listing}"


Spec = BitbucketSpec


def open_source(spec: BitbucketSpec, counts: Counter[str]) -> Source:
    """A repository; it connects when it is first polled."""
    return BitbucketSource(spec, counts)


def meta(spec: BitbucketSpec, received_at: datetime) -> Meta:
    """What the parser has to know, live and when a dead letter is read again."""
    return Meta(
        source="bitbucket",
        scope=spec.scope,
        connector=CONNECTOR,
        received_at=received_at,
        options={"repo": spec.repo},
    )


class BitbucketSource(PolledSource[BitbucketSpec, SeenCursor]):
    """One repository.

    Parameters
    ----------
    spec : BitbucketSpec
        Which.
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
            self.every = timedelta(minutes=10)  # 60 requests an hour have to do for all tables

    def first(self, state: SeenCursor) -> str:
        asked = "pagelen=100"
        if self.spec.listing == "pullrequests":
            states = "&".join(f"state={s}" for s in ("OPEN", "MERGED", "DECLINED", "SUPERSEDED"))
            asked = f"pagelen=50&sort=-updated_on&{states}"
        return f"{self.spec.api.rstrip('/')}/repositories/{self.spec.repo}/{self.spec.listing}?{asked}"

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
