"""Discourse: the posts of a forum, or only its topics.

Each poll reads the latest posts and continues backwards until it reaches a known one, so that nothing
is missed after an interruption.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, ClassVar, Literal

import msgspec

from rtanalytics.event import Event, Ingest
from rtanalytics.normalize.values import whole_number
from rtanalytics.sources.base import Batch, Meta, Parsed, RateLimited, SourceError, printable
from rtanalytics.sources.polled import AddressSpec, PolledSource, SeenCursor, short
from rtanalytics.sources.secrets import check_secret

if TYPE_CHECKING:
    from rtanalytics.sources.http import Answer

__all__ = ["DiscourseSource", "DiscourseSpec", "Spec", "open_source"]

ACCESS = "open"
ABOUT = """\
Reads the posts of a Discourse forum (`/posts.json`), or only its topics (`/latest.json`). A public forum
needs no account; a closed one needs a key made by its staff (`api_key` and `api_username`) or a key of your
own (`user_api_key`). Forums allow 200 requests per minute and IP address, 60 with a key of the staff, and 20
(2,880 per day) with a user's key. After an interruption it reads backwards until it reaches a known post, at
most 20 pages; if there are more, an event of type `gap` is stored. While a post is among the latest 50, its
edits are seen, and so is that it was hidden or deleted; a post that is missing from the list is looked up
first. For one category or tag, read its `.rss` with `type = "feed"`.
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
        Name of the source.
    url : str
        URL of the forum, with its folder if it has one. It is part of the ids, without ``http`` or
        ``https``.
    read : {'posts', 'topics'}
        ``posts`` for all posts, ``topics`` for new topics only.
    back : timedelta
        Age of the oldest posts that the first poll reads.
    api_key : str, optional
        A key made by the staff of the forum, as ``"env:NAME"``; needs ``api_username``.
    api_username : str, optional
        Name of the user for whom the key was made.
    user_api_key : str, optional
        The key of a user, as ``"env:NAME"``.
    every : timedelta, optional
        Polling interval; 2 minutes by default.
    key : str, optional
        Replaces the URL in the ids. If a forum has moved, use its old URL without scheme.

    Raises
    ------
    ValueError
        If a value is invalid; the message names it and what to write instead.
    """

    connector: ClassVar[str] = "discourse@1"
    parser: ClassVar[str] = "rtanalytics.sources.discourse.parse:parse"
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
                'url must be the URL of the forum, not of a page, such as url = "https://forum.example"'
            )
        if (self.api_key is None) != (self.api_username is None):
            raise ValueError("api_key and api_username belong together; write both or neither")
        if self.api_username is not None and (
            not self.api_username.isascii()
            or not self.api_username
            or printable(self.api_username, 100) != self.api_username
        ):
            raise ValueError(
                'api_username is invalid; write a user name of the forum, such as api_username = "system"'
            )
        if self.api_key is not None and self.user_api_key is not None:
            raise ValueError("api_key and user_api_key exclude each other; remove one of them")

    def meta(self, received_at: datetime) -> Meta:
        return msgspec.structs.replace(
            super().meta(received_at),
            source=f"discourse:{self.name}",
            options={"base": self.url},
        )


FOLLOWED = 200
"""Maximum number of posts that are checked for deletion: the latest ones."""

LOOKED_UP = 5
"""Maximum number of posts that are looked up per poll."""


class _Cursor(SeenCursor, omit_defaults=True):
    floor: int = 0  # posts from before this time (ms) are ignored
    posts: dict[str, int] = msgspec.field(default_factory=dict)  # number → posted at (ms)


class DiscourseSource(PolledSource[DiscourseSpec, _Cursor]):
    """Posts or topics of one forum.

    Parameters
    ----------
    spec : DiscourseSpec
        The ``[[source]]`` table.
    counts : Counter
        ``items``, ``not_public``, ``looked_up``, ``vanished`` and what every polled source counts.
    """

    bucket = "discourse"
    cursor = _Cursor
    every = timedelta(minutes=2)
    pages = 20

    def __init__(self, spec: DiscourseSpec, counts: Counter[str]) -> None:
        super().__init__(spec, counts)
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

    def take(self, state: _Cursor, parsed: Parsed, answer: Answer, received: datetime) -> list[Event]:
        if not state.floor:
            state.floor = max(1, int((received - self.spec.back).timestamp() * 1000))
        self._floor = datetime.fromtimestamp(state.floor / 1000, UTC)
        # no delete for a post that was deleted before it was read
        events = [
            event
            for event in parsed.events
            if event.created_at >= self._floor and (event.op != "delete" or short(event.id) in state.seen)
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
        deletes, wait = await self._vanished(state, min(self._listed))
        events, wait = [*batch.events, *deletes], max(batch.wait, wait)
        return replace(batch, events=events, cursor=msgspec.json.encode(state), wait=wait)

    async def _vanished(self, state: _Cursor, lowest: int) -> tuple[list[Event], timedelta]:
        """Return deletions of posts that are neither on the first page nor found elsewhere.

        The second value is the wait that the forum demands.
        """
        missing = [n for n in map(int, state.posts) if n > lowest and n not in self._listed]
        events: list[Event] = []
        for number in missing[:LOOKED_UP]:
            self.counts["looked_up"] += 1
            try:
                await self.ask(f"{self.spec.url.rstrip('/')}/posts/{number}.json")
            except SourceError as error:
                if error.status not in {404, 410}:
                    # an error of the forum is not a deletion; the next poll checks again
                    wait = error.wait if isinstance(error, RateLimited) else None
                    return events, wait or timedelta(0)
            else:
                continue
            self.counts["vanished"] += 1
            now = datetime.now(UTC)
            posted = datetime.fromtimestamp(state.posts.pop(str(number)) / 1000, UTC)
            event = Event(
                id=f"discourse:{self.scope}:{number}",
                source=self.spec.meta(now).source,
                type="reply",
                op="delete",
                created_at=posted,
                received_at=now,
                edited_at=max(now, posted),
                rev=short("delete"),
                ingest=Ingest(connector=self.spec.connector),
            )
            events += self.fresh(state, [event])
        return events, timedelta(0)

    def following(self, answer: Answer, parsed: Parsed) -> str | None:
        """Return the URL of older posts by the lowest number, or that of older topics in the response."""
        from yarl import URL

        if not parsed.events or parsed.events[-1].created_at < self._floor:
            return None
        if self.spec.read == "topics":
            more = super().following(answer, parsed)
            if more is None:
                return None
            url = URL(more)
            if not url.path.endswith(".json"):  # the page instead of its JSON
                url = url.with_path(f"{url.path}.json", keep_query=True)
            return str(url)
        lowest = min(map(_number, parsed.events))
        before = URL(answer.url).query.get("before")
        if lowest <= 1 or before == str(lowest):
            return None
        return str(URL(answer.url).update_query(before=str(lowest)))


def _number(event: Event) -> int:
    """Return the number of a post; -1 for another item."""
    number = whole_number(event.id.rpartition(":")[2])
    return -1 if number is None else number


Spec, open_source = DiscourseSpec, DiscourseSource
