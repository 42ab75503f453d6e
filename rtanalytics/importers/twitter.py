"""Importer for tweets as JSON from Twitter's API: v1.1 objects, v2 pages and lines of twarc2.

A file has one object per line (from a stream or twarc), or it is one document: a list, or a page of a
search. The id of a tweet is ``twitter::<its id>``, as in tables and other exports.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rtanalytics.event import Event
from rtanalytics.importers.base import Options, Rejected
from rtanalytics.importers.common import BAD_ROW, reason_of
from rtanalytics.importers.json_stream import values
from rtanalytics.importers.reading import begins, open_bytes
from rtanalytics.importers.twitter_v1 import deletion_v1, tweet_v1
from rtanalytics.importers.twitter_v2 import page_v2, tweet_v2
from rtanalytics.untrusted import abbreviate

__all__ = ["TWEETS", "tweets"]

_MARKS = re.compile(
    rb'"(?:id_str|statuses|in_reply_to_status_id_str|edit_history_tweet_ids|__twarc|retweet_count|'
    rb'conversation_id|public_metrics)"|\A\s*\{"id":\s*"\d+",\s*"action":'
)
_LISTS = ("statuses", "results", "tweets", "tweet_create_events", "tweet_delete_events")
"""Members that contain tweets, in responses of a search, other tools' files and webhooks."""

_MAX_DEPTH = 8
"""Maximum depth of pages inside pages."""

_COLLECTIONS = ("objects", "globalObjects")
"""Members of a collection that contain tweets and users by their ids."""


class _Tweets:
    """Importer for files of tweets."""

    edits = True

    def recognises(self, path: Path, head: bytes) -> bool:
        """Return True if the beginning of the file has members that only tweets have."""
        return begins(head) in (b"{", b"[") and _MARKS.search(head) is not None

    def read(self, path: Path, options: Options) -> Iterator[Event | ValueError]:
        """Yield the events of a file."""
        with open_bytes(path) as file:
            for found in values(path, file.read1, _LISTS):
                if isinstance(found, Rejected):
                    yield found
                    continue
                for item in tweets(found.value):
                    if isinstance(item, Event):
                        yield item
                    else:
                        yield Rejected(path, found.where, str(item), found.raw or repr(found.value)[:2000])


TWEETS = _Tweets()


def tweets(value: Any, depth: int = 0) -> Iterator[Event | ValueError]:
    """Yield the events of a JSON value: a tweet, a page of tweets, or a notice of a deletion.

    A part that cannot be read gives a :class:`ValueError`.
    """
    if isinstance(value, ValueError):
        yield value
    elif not isinstance(value, dict) or depth > _MAX_DEPTH:
        yield ValueError(f"{abbreviate(value)} is not a tweet")
    elif (inner := _inner(value)) is not None:
        for item in inner:
            yield from tweets(item, depth + 1)
    elif "data" in value or "errors" in value or set(value) <= {"meta", "includes", "__twarc"}:
        yield from page_v2(value)
    else:
        is_v2 = bool({"author_id", "edit_history_tweet_ids", "__twarc"} & set(value))
        try:
            yield deletion_v1(value) or (tweet_v2(value, {}) if is_v2 else tweet_v1(value))
        except BAD_ROW as error:
            yield ValueError(reason_of(error))


def _inner(value: dict[str, Any]) -> list[Any] | None:
    """Return the items in a page, webhook, collection, lookup or envelope, or None for other objects."""
    lists = [value[name] for name in _LISTS if isinstance(value.get(name), list)]
    if lists:
        return [item for listed in lists for item in listed]
    for name in _COLLECTIONS:
        if isinstance(value.get(name), dict):
            return list(_joined(value[name]))
    if isinstance(value.get("id"), dict):  # of a lookup with map=true
        return [
            tweet or ValueError(f"tweet {abbreviate(id)} was not found") for id, tweet in value["id"].items()
        ]
    if "for_user" in value and isinstance(value.get("message"), dict):
        return [value["message"]]
    return None


def _joined(collection: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the tweets of a collection, each with its author and the reposted tweet as members."""
    both = (collection.get("tweets"), collection.get("users"))
    by_id, users = (objects if isinstance(objects, dict) else {} for objects in both)
    for tweet in by_id.values():
        if not isinstance(tweet, dict):
            continue
        user = tweet.get("user")
        user_id = tweet.get("user_id_str") or (user.get("id_str") if isinstance(user, dict) else None)
        original = by_id.get(str(tweet.get("retweeted_status_id_str")))
        more = {"retweeted_status": original} if isinstance(original, dict) else {}
        yield {**tweet, "user": users.get(str(user_id)) or user or {}, **more}
