"""Stack Exchange: questions with given tags on one of its sites, such as Stack Overflow.

Questions are read in the order of their latest activity, to find edited ones too. The cursor contains
the time of the latest known activity.
"""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlencode

import msgspec

from rtanalytics.event import Event
from rtanalytics.sources.base import (
    AuthFailed,
    Blocked,
    Meta,
    Parsed,
    RateLimited,
    SourceError,
    Transient,
    printable,
)
from rtanalytics.sources.headers import MAX_WAIT
from rtanalytics.sources.polled import PolledSource, PolledSpec, SeenCursor
from rtanalytics.sources.secrets import check_secret

if TYPE_CHECKING:
    from rtanalytics.sources.http import Answer, Validators

__all__ = ["Spec", "StackExchangeSource", "StackExchangeSpec", "open_source"]

ACCESS = "open"
ABOUT = """\
Reads questions with one of the given tags from one site of Stack Exchange (`api.stackexchange.com`).
Without a key, 300 requests per day and IP address are allowed for all sources together, so it polls
every 10 minutes. A key (`api_key`) is free, needs no login and allows 10,000 requests per day, so that it
polls every 2 minutes. The limits of the service (`backoff`, an exhausted quota, `throttle_violation`) are
respected. There is an event when a question is asked and when it is edited, unless it is older than `back`;
there are none for answers, comments and deletions. The texts have the license CC BY-SA: a page that shows
them must name the author and link to the question, so both are stored.
"""
EXAMPLE = """\
[[source]]
type = "stackexchange"
name = "stackoverflow"
site = "stackoverflow"
tags = ["pandas", "scipy"]
"""

PAGE = 100
OVERLAP = timedelta(minutes=2)
"""How far before the latest known activity each poll begins, because the API's replicas lag."""

_REFUSED = re.compile(rb'"error_(?:id|name)"')
_SECONDS = re.compile(r"in (\d{1,7}) seconds?")
_CREDENTIALS = {"invalid_access_token", "access_token_required", "access_token_compromised", "key_required"}
_TEMPORARY = {"internal_error", "temporarily_unavailable"}


class StackExchangeSpec(PolledSpec, frozen=True, kw_only=True, tag_field="type", tag="stackexchange"):
    """A ``[[source]]`` table with ``type = "stackexchange"``.

    Parameters
    ----------
    name : str
        Name of the source.
    site : str
        Name of the site in the API: ``stackoverflow``, ``superuser``, ``datascience``, ``ru.stackoverflow``.
    tags : list of str
        Questions with at least one of these tags; all questions if empty.
    back : timedelta
        Age of the oldest questions that are read, by the first poll and for edits.
    api_key : str, optional
        The key of an application registered at stackapps.com, as ``"env:NAME"``.
    every : timedelta, optional
        Polling interval; by default 2 minutes with a key, 10 minutes without.
    url : str
        URL of the API with its version.

    Raises
    ------
    ValueError
        If a value is invalid; the message names it and what to write instead.
    """

    connector: ClassVar[str] = "stackexchange@1"
    parser: ClassVar[str] = "rtanalytics.sources.stackexchange.parse:parse"
    site: str
    tags: list[str] = msgspec.field(default_factory=list)
    back: timedelta = timedelta(days=2)
    api_key: str | None = None
    url: str = "https://api.stackexchange.com/2.3"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_secret(self.api_key, "api_key")
        if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{0,99}", self.site):
            raise ValueError(
                f"site {printable(self.site)!r} is invalid; "
                'write its name in lower case, such as site = "stackoverflow"'
            )
        for tag in self.tags:
            if not re.fullmatch(r"[\w.+#-]{1,50}", tag):
                raise ValueError(
                    f'tags: invalid tag {printable(tag)!r}; write a list such as tags = ["python"]'
                )

    @property
    def scope(self) -> str:
        """Site and sorted tags."""
        return "/".join([self.site, *([",".join(sorted(set(self.tags)))] if self.tags else [])])

    def meta(self, received_at: datetime) -> Meta:
        return msgspec.structs.replace(
            super().meta(received_at),
            source=f"stackexchange:{self.site}",
            options={"site": self.site},
        )


class _Cursor(SeenCursor, omit_defaults=True):
    active: int = 0  # time of the latest known activity (s)


class _Page(msgspec.Struct):
    """Part of a response that the source itself reads."""

    items: list[Any] = []
    quota_remaining: Any = None


class StackExchangeSource(PolledSource[StackExchangeSpec, _Cursor]):
    """Questions of one site.

    Parameters
    ----------
    spec : StackExchangeSpec
        The ``[[source]]`` table.
    counts : Counter
        ``items``, ``without_text`` and what every polled source counts.
    """

    bucket = "stackexchange"
    cursor = _Cursor
    pages = 25  # the service allows no more without a login

    def __init__(self, spec: StackExchangeSpec, counts: Counter[str]) -> None:
        super().__init__(spec, counts)
        # without a key, all sources together have 300 requests per day
        self.every = timedelta(minutes=2 if spec.api_key else 10)

    def first(self, state: _Cursor) -> str:
        since = datetime.now(UTC) - self.spec.back
        asked: dict[str, str | int] = {"site": self.spec.site, "sort": "activity", "order": "desc"}
        asked |= {"filter": "withbody", "pagesize": PAGE, "page": 1, "fromdate": int(since.timestamp())}
        if state.active:
            asked["min"] = state.active - int(OVERLAP.total_seconds())
        if self.spec.tags:
            asked["tagged"] = ";".join(sorted(set(self.spec.tags)))
        if (key := self.secret("api_key")) is not None:
            asked["key"] = key
        # only the search supports "any of these tags"
        path = "search" if self.spec.tags else "questions"
        return f"{self.spec.url.rstrip('/')}/{path}?{urlencode(asked)}"

    def query(self) -> str:
        return f"{self.spec.url}\n{self.spec.scope}"

    async def ask(self, url: str, known: Validators | None = None) -> Answer:
        """Fetch a page; raise the error that the body contains, although the status is 200 or 400.

        Raises
        ------
        RateLimited, AuthFailed, Blocked, Transient
            Depending on the reason.
        """
        try:
            answer = await super().ask(url, known)
        except SourceError as error:
            refusal = _refusal(self.credentials.scrub(error.body))
            if refusal is None:
                raise
            raise refusal from None
        if len(answer.body) < 5_000 and (refusal := _refusal(answer.body)) is not None:
            raise refusal
        return answer

    def following(self, answer: Answer, parsed: Parsed) -> str | None:
        from yarl import URL

        if parsed.next is None:
            return None
        page = URL(answer.url).query.get("page", "1")
        return str(URL(answer.url).update_query(page=int(page) + 1 if page.isdecimal() else 2))

    def meets_known(self, state: _Cursor, parsed: Parsed) -> bool:
        """Return True if a page is empty; ``min`` already excludes known questions.

        A known question does not end the reading, because new ones may follow it.
        """
        return not parsed.events and not parsed.rejects

    def take(self, state: _Cursor, parsed: Parsed, answer: Answer, received: datetime) -> list[Event]:
        for item in _page(answer).items:
            stamp = item.get("last_activity_date") if isinstance(item, dict) else None
            if isinstance(stamp, int) and not isinstance(stamp, bool) and stamp <= received.timestamp():
                state.active = max(state.active, stamp)
        return self.fresh(state, parsed.events)

    def notes(
        self, answer: Answer, parsed: Parsed | None = None, state: _Cursor | None = None
    ) -> dict[str, str]:
        notes = super().notes(answer, parsed, state)
        quota = _page(answer).quota_remaining
        return {**notes, "quota_remaining": str(quota)} if isinstance(quota, int) else notes


def _page(answer: Answer) -> _Page:
    """Decode the part of a response that the source needs; the parser runs in another process."""
    try:
        return msgspec.json.decode(answer.body, type=_Page)
    except (msgspec.DecodeError, RecursionError):
        return _Page()


def _refusal(body: bytes) -> SourceError | None:
    """Return the error in the body of a response, or None."""
    if not _REFUSED.search(body):
        return None
    try:
        data = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return None
    if not isinstance(data, dict) or data.get("items"):
        return None
    name, reason = printable(data.get("error_name", ""), 60), printable(data.get("error_message", ""), 200)
    message = f"Stack Exchange refuses: {name or data.get('error_id')}: {reason}"
    if name == "throttle_violation":
        found = _SECONDS.search(reason)
        wait = min(timedelta(seconds=int(found[1])), MAX_WAIT) if found else None
        return RateLimited(message, wait)
    if name in _TEMPORARY:
        return Transient(message)
    if name in _CREDENTIALS or "`key`" in reason:
        return AuthFailed(f"{message}; check the key that api_key names")
    return Blocked(f"{message}; check site and tags")


Spec, open_source = StackExchangeSpec, StackExchangeSource
