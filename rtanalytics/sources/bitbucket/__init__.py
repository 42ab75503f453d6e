"""Bitbucket Cloud: the commits or the pull requests of one repository."""

from __future__ import annotations

import re
from base64 import b64encode
from collections import Counter
from datetime import datetime, timedelta
from typing import ClassVar, Literal

import msgspec

from rtanalytics.sources.base import Meta, printable
from rtanalytics.sources.polled import PolledSource, PolledSpec, SeenCursor
from rtanalytics.sources.secrets import check_secret

__all__ = ["BitbucketSource", "BitbucketSpec", "Spec", "open_source"]

ACCESS = "open"
ABOUT = """\
Reads the commits or the pull requests of a repository of Bitbucket Cloud. Public repositories need no
account, but without a token all sources together are allowed 60 requests per hour and IP address, so it
polls every 10 minutes; with a token it polls every minute. Use a token of the repository or workspace; a
token of your own account also needs your email address as `user`. Edits of a pull request are seen,
deletions are not. Email addresses of committers are not stored.
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
        Commits, or pull requests.
    token : str, optional
        An access token, as ``"env:NAME"``.
    user : str, optional
        Email address of the account; needed only if the token belongs to an account.
    pages : int
        Maximum number of pages per poll.
    api : str
        URL of the API.
    every : timedelta, optional
        Polling interval; by default 1 minute with a token, 10 minutes without.

    Raises
    ------
    ValueError
        If a value is invalid; the message names it and what to write instead.
    """

    connector: ClassVar[str] = "bitbucket@1"
    parser: ClassVar[str] = "rtanalytics.sources.bitbucket.parse:parse"
    repo: str
    listing: Literal["commits", "pullrequests"] = "commits"
    token: str | None = None
    user: str | None = None
    pages: int = 3
    api: str = API

    def __post_init__(self) -> None:
        super().__post_init__()
        check_secret(self.token, "token")
        if not re.fullmatch(r"[\w.-]{1,100}/[\w.-]{1,100}", self.repo, re.ASCII):
            raise ValueError(f"repo {printable(self.repo, 60)!r} is invalid; write workspace/repository")
        if self.user is not None and self.token is None:
            raise ValueError('user needs a token; write token = "env:BITBUCKET_TOKEN"')
        if not 1 <= self.pages <= 100:
            raise ValueError(f"pages {self.pages} is out of range; write 1 to 100")

    @property
    def scope(self) -> str:
        """Repository and listing."""
        return f"{self.repo.lower()}/{self.listing}"

    def meta(self, received_at: datetime) -> Meta:
        return msgspec.structs.replace(super().meta(received_at), options={"repo": self.repo})


class BitbucketSource(PolledSource[BitbucketSpec, SeenCursor]):
    """Commits or pull requests of one repository.

    Parameters
    ----------
    spec : BitbucketSpec
        The ``[[source]]`` table.
    counts : Counter
        ``items``, ``unknown_record_<type>`` and what every polled source counts.
    """

    bucket = "bitbucket"
    cursor = SeenCursor

    def __init__(self, spec: BitbucketSpec, counts: Counter[str]) -> None:
        super().__init__(spec, counts)
        self.pages = spec.pages
        # without a token, all sources together have 60 requests per hour
        self.every = timedelta(minutes=1 if spec.token else 10)

    def first(self, state: SeenCursor) -> str:
        query = "pagelen=100"
        if self.spec.listing == "pullrequests":
            states = "&".join(f"state={s}" for s in ("OPEN", "MERGED", "DECLINED", "SUPERSEDED"))
            query = f"pagelen=50&sort=-updated_on&{states}"
        return f"{self.spec.api.rstrip('/')}/repositories/{self.spec.repo}/{self.spec.listing}?{query}"

    def headers(self) -> dict[str, str]:
        token = self.secret("token")
        if token is None or self.spec.user is None:
            return super().headers()
        basic = b64encode(f"{self.spec.user}:{token}".encode()).decode("ascii")
        return {"Authorization": f"Basic {basic}"}


Spec, open_source = BitbucketSpec, BitbucketSource
