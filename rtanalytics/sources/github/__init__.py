"""GitHub: public events of a repository, an organisation or a user.

The API has the newest 300 events of the last 30 days, in pages of 100. It is polled with its ETag, and
at most as often as its ``X-Poll-Interval`` allows. If there were more events since the last poll, an
event of type ``gap`` is added.
"""

from __future__ import annotations

import re
from collections import Counter
from datetime import datetime, timedelta
from typing import ClassVar

import msgspec

from rtanalytics.sources.base import Meta, printable
from rtanalytics.sources.polled import PolledSource, PolledSpec, SeenCursor, host_of, scope_of
from rtanalytics.sources.secrets import check_secret

__all__ = ["GitHubSource", "GitHubSpec", "Spec", "open_source"]

API = "https://api.github.com"
ACCESS = "open"
ABOUT = """\
Reads public events of one repository, organisation or user of GitHub: pushes, issues, pull requests, \
comments, releases, forks, stars. Without a token GitHub allows 60 requests per hour for all sources \
together, with a token 5,000; the token needs no permissions. Events are delayed by 30 seconds to 6 hours. \
Only the newest 300 events of the last 30 days are available: if there were more since the last poll, an \
event of type `gap` is stored. Since October 2025 a push has no commits and a pull request has no text: such \
events have a title and a URL, but few words to count. Edits and deletions are not available. GitHub's Atom \
feeds and GH Archive have the same events with the same ids."""
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
    """A ``[[source]]`` table with ``type = "github"`` and one of ``repo``, ``org`` and ``user``.

    Parameters
    ----------
    name : str
        Name of the source.
    repo : str, optional
        A repository, such as ``owner/name``.
    org : str, optional
        An organisation: events of all its public repositories.
    user : str, optional
        A user: the public events of that person.
    token : str, optional
        A personal access token, as ``"env:NAME"``.
    every : timedelta, optional
        Polling interval; by default 1 minute with a token, 5 minutes without. GitHub can extend it.
    pages : int
        Maximum number of pages (of 100 events) per poll; GitHub has 3.
    api : str
        URL of the API, for GitHub Enterprise; its host is then part of the ids.

    Raises
    ------
    ValueError
        If a value is invalid; the message names it and what to write instead.
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
    """Events of one repository, organisation or user.

    Parameters
    ----------
    spec : GitHubSpec
        The ``[[source]]`` table.
    counts : Counter
        ``entries``, ``repeated``, ``private``, ``unknown_type_<type>``, and what every polled
        source counts.
    """

    bucket = "github"
    cursor = SeenCursor
    accept = "application/vnd.github+json"
    newest_only = True
    late = True

    def __init__(self, spec: GitHubSpec, counts: Counter[str]) -> None:
        super().__init__(spec, counts)
        self.pages = spec.pages
        # without a token, all sources together have 60 requests per hour
        self.every = timedelta(minutes=1 if spec.token else 5)

    def first(self, state: SeenCursor) -> str:
        public = "/public" if self.spec.user is not None else ""
        return f"{self.spec.api.rstrip('/')}/{self.spec.path}/events{public}?per_page=100"

    def headers(self) -> dict[str, str]:
        return {"X-GitHub-Api-Version": "2022-11-28", **super().headers()}


def _is_github(api: str) -> bool:
    return host_of(api) == host_of(API)


Spec, open_source = GitHubSpec, GitHubSource
