"""Functions for the fields of tweets that are the same in all API versions: ids, times, authors."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from rtanalytics.event import Author, Event
from rtanalytics.importers.common import author_of, build, moment
from rtanalytics.normalize.tweets import snowflake_time
from rtanalytics.normalize.values import InvalidValue, numeric_id

__all__ = [
    "account_of",
    "address_of",
    "deletion",
    "refuse_private",
    "tweet_id",
    "twitter_time",
]

CONNECTOR = "twitter-file@1"
_PRIVATE = ("sender_screen_name", "recipient_screen_name", "event_type", "dm_conversation_id")


def tweet_id(tweet: dict[str, Any]) -> str:
    """Return the id of a tweet, from ``id_str`` if possible, because ``id`` may have been rounded."""
    return numeric_id(tweet.get("id_str") or tweet.get("id"))


def account_of(handle: Any, id: object = None, name: object = None) -> Author | None:
    """Return the author with the URL of the profile, or None if there is no handle and no id."""
    url = f"https://twitter.com/{handle}" if isinstance(handle, str) and handle.isascii() else None
    return author_of(handle, id, name, url=url)


def address_of(native: str, author: Author | None) -> str:
    """Return the URL of a tweet."""
    return f"https://twitter.com/{author.handle if author else 'i'}/status/{native}"


def refuse_private(message: dict[str, Any]) -> None:
    """Raise an error if a message is a private message, which has an id and a text like a tweet."""
    if any(key in message for key in _PRIVATE):
        raise InvalidValue("a private message, not a tweet")


def deletion(native: str, deleted_at: datetime | None = None, created_at: datetime | None = None) -> Event:
    """Return the event that deletes a tweet."""
    created = created_at or snowflake_time(native) or deleted_at
    if created is None:
        raise InvalidValue(f"tweet {native} was deleted, but it is not known when it was posted")
    return build(
        id=f"twitter::{native}", source="twitter", op="delete", created_at=created, edited_at=deleted_at,
        connector=CONNECTOR,
    )  # fmt: skip


def twitter_time(value: object, native: str = "0") -> datetime:
    """Parse a time in any format of Twitter; if it is None, use the time in the tweet's id.

    Raises
    ------
    ValueError
        If the value is not a time, or it is None and the id contains no time.
    """
    if value is None and (created := snowflake_time(native)) is not None:
        return created
    return moment(value)
