"""Conversion of tweets from version 2 of Twitter's API: pages, and flattened lines of twarc2."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rtanalytics.event import Event
from rtanalytics.importers.common import BAD_ROW, build, moment, reason_of
from rtanalytics.importers.tweet_fields import (
    CONNECTOR,
    deletion,
    refuse_private,
)
from rtanalytics.normalize.tweets import Included, first_error, included_by_id, tweet_fields
from rtanalytics.normalize.values import InvalidValue, numeric_id
from rtanalytics.untrusted import abbreviate

__all__ = ["page_v2", "tweet_v2"]


def page_v2(page: dict[str, Any]) -> Iterator[Event | ValueError]:
    """Yield the events of a page; if it has only errors, yield a :class:`ValueError` with the first."""
    data = page.get("data")
    found = data if isinstance(data, list) else [] if data is None else [data]
    if data is None and page.get("errors"):
        yield ValueError(f"an error of the API, not a tweet: {abbreviate(first_error(page['errors']))}")
    if found and isinstance(found[0], dict) and "tweet_count" in found[0]:
        yield ValueError("counts of tweets, not tweets")
        return
    include = included_by_id(page.get("includes"))
    for tweet in found:
        try:
            if not isinstance(tweet, dict):
                raise InvalidValue(f"{abbreviate(tweet)} is not a tweet")
            yield tweet_v2(tweet, include) if "text" in tweet else _compliance(tweet)
        except BAD_ROW as error:
            yield ValueError(reason_of(error))


def _compliance(line: dict[str, Any]) -> Event:
    """Return the deletion in an item of the compliance stream.

    A dropped tweet counts as deleted, although it may become visible again.
    """
    for kind in ("delete", "drop"):
        if isinstance(line.get(kind), dict):
            at = line[kind].get("event_at")
            deleted_at = moment(at) if at else None
            return deletion(numeric_id((line[kind].get("tweet") or {}).get("id")), deleted_at)
    if "username" in line:
        raise InvalidValue("a user, not a tweet")
    raise InvalidValue(f"{abbreviate(line)} is not a tweet")


def tweet_v2(tweet: dict[str, Any], include: Included) -> Event:
    """Return the event of a tweet; an edited tweet has the id of its first version.

    Parameters
    ----------
    tweet : dict
        An object of ``data``; or a flattened tweet, which contains its author and referenced tweets.
    include : dict
        ``users``, ``tweets`` and ``media`` of the page by their ids.

    Raises
    ------
    ValueError
        If the object is not a tweet.
    """
    refuse_private(tweet)
    return build(source="twitter", connector=CONNECTOR, **tweet_fields(tweet, include))
