"""GitHub's events: what happens in a repository, an organisation or to a user's account.

The API tells the newest 300 of the last 30 days, in pages of 100. It is asked with its own ETag and
no more often than its ``X-Poll-Interval`` allows; where more has happened since than it tells, an
event of type ``gap`` says so.
"""

from __future__ import annotations

import re
from collections import Counter
from datetime import datetime, timedelta

from rtanalytics.sources.base import Meta, Source, printable
from rtanalytics.sources.polled import PolledSource, PolledSpec, SeenCursor, check_address, host_of, scope_of
from rtanalytics.sources.secrets import check_secret

__all__ = ["GitHubSource", "GitHubSpec", "Spec", "meta", "open_source"]

CONNECTOR = "github@1"
PARSE = "rtanalytics.sources.github.parse:parse"
API = "https://api.github.com"
ACCESS = "open"
ABOUT = """\
Reads what happens in public on GitHub: pushes, issues, pull requests, comments, releases, forks, stars. \
One table names one repository, organisation or user. Without a token GitHub answers 60 requests an hour \
for all tables together, with one 5,000; a token needs no permissions. Events are late by 30 seconds to 6 \
hours, and only the newest 300 of the last 30 days are told: when more has happened since the last \
reading, an event of type `gap` says so. Since October 2025 a push comes without its commits and a pull \
request without its text: such events have a title and an address, and little to count words in. Edits \
and deletions are not told. GitHub's Atom feeds and GH Archive have the same events under the same ids."""
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
        Names the source.
    repo : str, optional
        A repository, as ``owner/name``.
    org : str, optional
        An organisation: what happens in all its public repositories.
    user : str, optional
        A user: what that person does in public.
    token : str, optional
        ``env:NAME`` of the variable with a personal access token.
    every : timedelta, optional
        How often to ask: a minute with a token, 5 minutes without; more rarely if GitHub asks for it.
    pages : int
        Pages of 100 events that are read when there is so much that is new; GitHub tells 3.
    api : str
        Where the API is, for a GitHub Enterprise of one's own; its host is then part of the ids.
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
            raise ValueError(f"repo {printable(self.repo)!r} is no repository; write owner/name")
        for key, value in (("org", self.org), ("user", self.user)):
            if value is not None and not _NAME.fullmatch(value):
                raise ValueError(f"{key} {printable(value)!r} is no name of GitHub's; write it without @")
        if not 1 <= self.pages <= 10:
            raise ValueError(f"pages {self.pages} must be 1 to 10; write 3")
        check_secret(self.token, "token")
        check_address(self.api, "api")

    @property
    def path(self) -> str:
        """What is read, as the API's address has it."""
        if self.repo is not None:
            return f"repos/{self.repo}"
        return f"orgs/{self.org}" if self.org is not None else f"users/{self.user}"

    @property
    def scope(self) -> str:
        """What is read, in lower case as GitHub compares names; with the API's host if that is another."""
        path = self.path.lower()
        return path if _is_github(self.api) else f"{scope_of(self.api)}/{path}"


Spec = GitHubSpec


def open_source(spec: GitHubSpec, counts: Counter[str]) -> Source:
    """GitHub's events; it connects when it is first polled."""
    return GitHubSource(spec, counts)


def meta(spec: GitHubSpec, received_at: datetime) -> Meta:
    """What the parser has to know, live and when a dead letter is read again."""
    return Meta(
        source="github",
        scope=spec.scope,
        connector=CONNECTOR,
        received_at=received_at,
        url=spec.api,
        options={} if _is_github(spec.api) else {"host": host_of(spec.api)},
    )


class GitHubSource(PolledSource[GitHubSpec, SeenCursor]):
    """The events of one repository, organisation or user.

    Parameters
    ----------
    spec : GitHubSpec
        Which.
    counts : Counter
        ``entries``, ``repeated``, ``private``, ``unknown_type_<type>``, and what every polled
        source counts.
    """

    bucket = "github"
    target = PARSE
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
            self.every = timedelta(minutes=5)  # 60 requests an hour have to do for all tables

    def first(self, state: SeenCursor) -> str:
        public = "/public" if self.spec.user is not None else ""
        return f"{self.spec.api.rstrip('/')}/{self.spec.path}/events{public}?per_page=100"

    def headers(self) -> dict[str, str]:
        told = {"X-GitHub-Api-Version": "2022-11-28"}
        token = self.secret("token")
        return {**told, "Authorization": f"Bearer {token}"} if token else told

    def meta(self, received_at: datetime) -> Meta:
        return meta(self.spec, received_at)


def _is_github(api: str) -> bool:
    return host_of(api) == host_of(API)
