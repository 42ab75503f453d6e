"""Discourse: the posts of a forum, or only its topics.

The latest posts are read, and from there backwards by number until one is known, so that nothing
is missed after a pause.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, ClassVar, Literal

import msgspec

from rtanalytics.event import Event, Ingest
from rtanalytics.normalize.values import whole_number
from rtanalytics.sources.base import Batch, Meta, Parsed, RateLimited, Source, SourceError, printable
from rtanalytics.sources.polled import AddressSpec, PolledSource, SeenCursor, short
from rtanalytics.sources.secrets import check_secret

if TYPE_CHECKING:
    from rtanalytics.sources.http import Answer

__all__ = [
    "ABOUT",
    "ACCESS",
    "EXAMPLE",
    "PARSE",
    "DiscourseSource",
    "DiscourseSpec",
    "Spec",
    "meta",
    "open_source",
]

CONNECTOR = "discourse@1"
PARSE = "rtanalytics.sources.discourse.parse:parse"
ACCESS = "open"
ABOUT = """\
The posts of a Discourse forum (`/posts.json`), or only its topics (`/latest.json`). A public forum
needs no account; for a closed one, give a key that its staff made (`api_key` and `api_username`) or
one of your own (`user_api_key`). Forums allow 200 requests a minute for each address, an admin key 60,
a user's key 20 and 2,880 a day; when told to wait, this waits. After a pause it reads backwards by
number until it meets what it knows, 20 pages at most; a `gap` event tells if that was not enough.
While a post is among the latest 50, its edits reach us (known by its version), and so does that it was
hidden, marked as deleted, or is gone: one that is missing from the list is looked up before that is
believed. For one category or tag, read its `.rss` as a feed.
"""
EXAMPLE = """\
[[source]]
type = "discourse"
name = "python-forum"
url = "https://discuss.python.org"
"""


class DiscourseSpec(AddressSpec, frozen=True, kw_only=True, tag_field="type", tag="discourse"):
    """A ``[[source]]`` table with ``type = "discourse"``.

    Parameters
    ----------
    name : str
        Names the source.
    url : str
        Of the forum, http or https, with the folder it lies in if there is one. Part of the ids,
        but for ``http`` or ``https``.
    read : {'posts', 'topics'}
        Every post, or only that there is a new topic.
    back : timedelta
        How far back the first reading goes.
    api_key : str, optional
        ``"env:NAME"``: a key that the forum's staff made; with ``api_username``.
    api_username : str, optional
        For whom the key was made.
    user_api_key : str, optional
        ``"env:NAME"``: a key of one user.
    every : timedelta, optional
        How often to ask; 2 minutes.
    key : str, optional
        Takes the address's place in the ids: when a forum has moved, its old address.
    timeout : timedelta
        For a whole request, the last byte included.
    budget : timedelta
        For parsing one page, on the clock.
    max_bytes : int
        Of a page, packed and unpacked.
    allow_private : bool
        True if the host in ``url`` is meant to have a private or loopback address.
    hints : bool
        False to ask every ``every``, whatever the other side would like.

    Raises
    ------
    ValueError
        If a value cannot be; the message names it and what to write instead.
    """

    read: Literal["posts", "topics"] = "posts"
    back: timedelta = timedelta(days=1)
    api_key: str | None = None
    api_username: str | None = None
    user_api_key: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_secret(self.api_key, "api_key")
        check_secret(self.user_api_key, "user_api_key")
        if "?" in self.url or "#" in self.url or self.url.rstrip("/").endswith((".json", ".rss")):
            raise ValueError(
                'url is the forum\'s own address, not one of its pages; write url = "https://forum.example"'
            )
        if (self.api_key is None) != (self.api_username is None):
            raise ValueError("api_key and api_username belong together; write both of them or none")
        if self.api_username is not None and (
            not self.api_username.isascii()
            or not self.api_username
            or printable(self.api_username, 100) != self.api_username
        ):
            raise ValueError('api_username is a name of the forum, such as api_username = "system"')
        if self.api_key is not None and self.user_api_key is not None:
            raise ValueError("api_key and user_api_key exclude one another; remove one of them")


Spec = DiscourseSpec


def open_source(spec: DiscourseSpec, counts: Counter[str]) -> Source:
    """A forum; it connects when it is first polled."""
    return DiscourseSource(spec, counts)


def meta(spec: DiscourseSpec, received_at: datetime) -> Meta:
    """What the parser has to know of a forum, live and when a dead letter is read again."""
    return Meta(
        source=f"discourse:{spec.name}",
        scope=spec.scope,
        connector=CONNECTOR,
        received_at=received_at,
        url=spec.url,
        options={"base": spec.url},
    )


FOLLOWED = 200
"""Posts that the cursor keeps to see whether they vanish, the latest of them."""

LOOKED_UP = 5
"""Posts that are looked up after one reading, at most."""


class _Cursor(SeenCursor, omit_defaults=True):
    floor: int = 0  # what was said before it (ms) is not told
    posts: dict[str, int] = msgspec.field(default_factory=dict)  # number → when it was said (ms)


class DiscourseSource(PolledSource[DiscourseSpec, _Cursor]):
    """One forum.

    Parameters
    ----------
    spec : DiscourseSpec
        Which.
    counts : Counter
        ``items``, ``not_public``, ``looked_up``, ``vanished`` and what every polled source counts.
    """

    bucket = "discourse"
    target = PARSE
    cursor = _Cursor
    every = timedelta(minutes=2)
    pages = 20
    gaps: ClassVar[bool] = True

    def __init__(self, spec: DiscourseSpec, counts: Counter[str]) -> None:
        super().__init__(spec, counts, spec.url)
        self._floor = datetime.fromtimestamp(0, UTC)
        self._listed: set[int] = set()

    def first(self, state: _Cursor) -> str:
        path = "posts.json" if self.spec.read == "posts" else "latest.json?order=created&no_definitions=true"
        return f"{self.spec.url.rstrip('/')}/{path}"

    def headers(self) -> dict[str, str]:
        if (key := self.secret("api_key")) is not None:
            return {"Api-Key": key, "Api-Username": self.spec.api_username or ""}
        key = self.secret("user_api_key")
        return {"User-Api-Key": key} if key is not None else {}

    def meta(self, received_at: datetime) -> Meta:
        return meta(self.spec, received_at)

    def take(self, state: _Cursor, parsed: Parsed, answer: Answer, received: datetime) -> list[Event]:
        if not state.floor:
            state.floor = max(1, int((received - self.spec.back).timestamp() * 1000))
        self._floor = datetime.fromtimestamp(state.floor / 1000, UTC)
        # a post that was gone before we saw it is none that anybody has to forget
        events = [
            e
            for e in parsed.events
            if e.created_at >= self._floor and (e.op != "delete" or short(e.id) in state.seen)
        ]
        events = self.fresh(state, events)
        self._listed = set(map(_number, parsed.events))
        if self.spec.read == "posts":
            for event in events:
                state.posts.pop(str(_number(event)), None)
                if event.op != "delete":
                    state.posts[str(_number(event))] = int(event.created_at.timestamp() * 1000)
            state.posts = dict(sorted(state.posts.items(), key=lambda p: int(p[0]))[-FOLLOWED:])
        return events

    async def read(self, state: _Cursor) -> Batch:
        later, self._listed = bool(state.next), set()
        batch = await super().read(state)
        if later or not self._listed:
            return batch
        gone, wait = await self._vanished(state, min(self._listed))
        events, wait = [*batch.events, *gone], max(batch.wait, wait)
        return replace(batch, events=events, cursor=msgspec.json.encode(state), wait=wait)

    async def _vanished(self, state: _Cursor, least: int) -> tuple[list[Event], timedelta]:
        """Deletes of posts that should be on the first page, are not, and are not found either.

        And how long the forum asks us to wait, if it does.
        """
        missing = [n for n in map(int, state.posts) if n > least and n not in self._listed]
        events: list[Event] = []
        for number in missing[:LOOKED_UP]:
            self.counts["looked_up"] += 1
            try:
                await self.ask(f"{self.spec.url.rstrip('/')}/posts/{number}.json")
            except SourceError as error:
                if error.status not in {404, 410}:
                    # a forum that has trouble has not deleted anything; the next reading asks again
                    wait = error.wait if isinstance(error, RateLimited) else None
                    return events, wait or timedelta(0)
            else:
                continue
            self.counts["vanished"] += 1
            now = datetime.now(UTC)
            said = datetime.fromtimestamp(state.posts.pop(str(number)) / 1000, UTC)
            event = Event(
                id=f"discourse:{self.scope}:{number}",
                source=self.meta(now).source,
                type="reply",
                op="delete",
                created_at=said,
                received_at=now,
                edited_at=max(now, said),
                rev=short("delete"),
                ingest=Ingest(connector=CONNECTOR),
            )
            events += self.fresh(state, [event])
        return events, timedelta(0)

    def following(self, answer: Answer, parsed: Parsed) -> str | None:
        """What is older: of posts by the least number, of topics where the forum says."""
        from yarl import URL

        if not parsed.events or parsed.events[-1].created_at < self._floor:
            return None
        if self.spec.read == "topics":
            more = super().following(answer, parsed)
            if more is None:
                return None
            url = URL(more)
            if not url.path.endswith(".json"):  # the page for people, not its data
                url = url.with_path(f"{url.path}.json", keep_query=True)
            return str(url)
        least = min(map(_number, parsed.events))
        before = URL(answer.url).query.get("before")
        if least <= 1 or before == str(least):
            return None
        return str(URL(answer.url).update_query(before=str(least)))


def _number(event: Event) -> int:
    """A post's number; -1 for what is none."""
    number = whole_number(event.id.rpartition(":")[2])
    return -1 if number is None else number
