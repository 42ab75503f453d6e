"""GitHub: public events of a repository, an organisation or a user.

The API has the newest 300 events of the last 30 days, in pages of 100. It is polled with its ETag, and
at most as often as its ``X-Poll-Interval`` allows. If more has happened since the last poll, an event of
type ``gap`` is sent.
"""

from __future__ import annotations

import re
from collections import Counter
from datetime import datetime, timedelta
from typing import ClassVar

import msgspec

from rtanalytics.sources.base import Meta, printable
from rtanalytics.sources.polled import PolledSource, PolledSpec, SeenCursor, check_address, host_of, scope_of
from rtanalytics.sources.secrets import check_secret

__all__ = ["GitHubSource", "GitHubSpec", "Spec", "open_source"]

API = "https://api.github.com"
ACCESS = "open"
ABOUT = """\
Reads public events of GitHub: pushes, issues, pull requests, comments, releases, forks, stars. One table \
is for one repository, organisation or user. Without a token GitHub allows 60 requests per hour for all \
sources together, with a token 5,000; the token needs no permissions. Events are delayed by 30 seconds to \
6 hours. Only the newest 300 events of the last 30 days are available: if more has happened since the last \
poll, an event of type `gap` is sent. Since October 2025 a push comes without its commits and a pull \
request without its text: such events have a title and a URL, and few words to count. Edits and deletions \
are not available. GitHub's Atom feeds and GH Archive have the same events under the same ids."""
EXAMPLE = """\
[[source]]
type = "github"
name = "cpython"
repo = "python/cpython"
token = "env:GITHUB_TOKEN"  # optional
"""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,99}")
_REPO = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,99}/[A-Za-z0-9._-]{1,100}")


class GitHubSpec(PolledSpec, frozen=True, kw_only=True, tag_field="type", tag="github"):
    """A ``[[source]]`` table with ``type = "github"``, with one of ``repo``, ``org`` and ``user``.

    Parameters
    ----------
    name : str
        Name of the source.
    repo : str, optional
        A repository, such as ``owner/name``.
    org : str, optional
        An organisation: events of all its public repositories.
    user : str, optional
        A user: public events of that person.
    token : str, optional
        ``"env:NAME"``: a personal access token.
    every : timedelta, optional
        How often to ask: a minute with a token, 5 minutes without; more rarely if GitHub asks for it.
    pages : int
        Limit of the pages (of 100 events) per poll; GitHub has 3.
    api : str
        URL of the API, for GitHub Enterprise; its host is then part of the ids.
    timeout : timedelta
        For a whole request, the last byte included.
    budget : timedelta
        For parsing one page, on the clock.
    max_bytes : int
        Of a page, packed and unpacked.
    allow_private : bool
        True if the host of ``api`` is meant to have a private or loopback address.
    hints : bool
        False to ask every ``every`` although ``Cache-Control`` calls an answer fresh for longer.

    Raises
    ------
    ValueError
        If a value cannot be; the message names it and what to write instead.
    """

    connector: ClassVar[str] = "github@1"
    parser: ClassVar[str] = "rtanalytics.sources.github.parse:parse"
    repo: str | None = None
    org: str | None = None
    user: str | None = None
    token: str | None = None
    pages: int = 3
    api: str = API

    def __post_init__(self) -> None:
        super().__post_init__()
        given = [key for key in ("repo", "org", "user") if getattr(self, key) is not None]
        if len(given) != 1:
            what = f"{' and '.join(given)} are both given" if given else "repo is missing"
            raise ValueError(f'{what}; write one of repo = "owner/name", org = "name" and user = "name"')
        if self.repo is not None and not _REPO.fullmatch(self.repo):
            raise ValueError(f"repo {printable(self.repo)!r} is invalid; write owner/name")
        for key, value in (("org", self.org), ("user", self.user)):
            if value is not None and not _NAME.fullmatch(value):
                raise ValueError(f"{key} {printable(value)!r} is invalid; write a name of GitHub without @")
        if not 1 <= self.pages <= 10:
            raise ValueError(f"pages {self.pages} is out of range; write 1 to 10")
        check_secret(self.token, "token")
        check_address(self.api, "api")

    @property
    def path(self) -> str:
        """Path of the repository, organisation or user in the API."""
        if self.repo is not None:
            return f"repos/{self.repo}"
        return f"orgs/{self.org}" if self.org is not None else f"users/{self.user}"

    @property
    def scope(self) -> str:
        """The path in lower case, with the host of the API if it is not GitHub's."""
        path = self.path.lower()
        return path if _is_github(self.api) else f"{scope_of(self.api)}/{path}"

    def meta(self, received_at: datetime) -> Meta:
        options = {} if _is_github(self.api) else {"host": host_of(self.api)}
        return msgspec.structs.replace(super().meta(received_at), url=self.api, options=options)


class GitHubSource(PolledSource[GitHubSpec, SeenCursor]):
    """The events of one repository, organisation or user.

    Parameters
    ----------
    spec : GitHubSpec
        Configuration.
    counts : Counter
        ``entries``, ``repeated``, ``private``, ``unknown_type_<type>``, and what every polled
        source counts.
    """

    bucket = "github"
    cursor = SeenCursor
    every = timedelta(minutes=1)
    accept = "application/vnd.github+json"
    gaps = True
    limited = True
    late = True

    def __init__(self, spec: GitHubSpec, counts: Counter[str]) -> None:
        super().__init__(spec, counts, spec.api)
        self.pages = spec.pages
        if spec.token is None:
            self.every = timedelta(minutes=5)  # 60 requests per hour are shared by all sources

    def first(self, state: SeenCursor) -> str:
        public = "/public" if self.spec.user is not None else ""
        return f"{self.spec.api.rstrip('/')}/{self.spec.path}/events{public}?per_page=100"

    def headers(self) -> dict[str, str]:
        headers = {"X-GitHub-Api-Version": "2022-11-28"}
        token = self.secret("token")
        return {**headers, "Authorization": f"Bearer {token}"} if token else headers


def _is_github(api: str) -> bool:
    return host_of(api) == host_of(API)


Spec, open_source = GitHubSpec, GitHubSource
