"""Ids, times and other fields that tweets of all API versions share."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from rtanalytics.event import Author, Event
from rtanalytics.importers.common import MONTHS, author_of, build, moment
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
_TIME = re.compile(r"\w{3} (\w{3}) +(\d+) (\d+):(\d+):(\d+) ([+-])(\d\d)(\d\d) (\d{4})")
_ISO_TIME = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d) ([+-]\d{4})")
_MAIL_TIME = re.compile(r"\w{3}, (\d\d) (\w{3}) (\d{4}) (\d\d:\d\d:\d\d) ([+-]\d{4})")
_PRIVATE = ("sender_screen_name", "recipient_screen_name", "event_type", "dm_conversation_id")


def tweet_id(tweet: dict[str, Any]) -> str:
    """Return the id of a tweet; the text form is preferred, because it never was a float."""
    return numeric_id(tweet.get("id_str") or tweet.get("id"))


def account_of(handle: Any, id: object = None, name: object = None) -> Author | None:
    """Return the author with the URL of the profile; None without a handle or an id."""
    url = f"https://twitter.com/{handle}" if isinstance(handle, str) and handle.isascii() else None
    return author_of(handle, id, name, url=url)


def address_of(native: str, author: Author | None) -> str:
    """Return the URL of a tweet."""
    return f"https://twitter.com/{author.handle if author else 'i'}/status/{native}"


def refuse_private(message: dict[str, Any]) -> None:
    """Raise for a private message of any API version; like a tweet, it has an id and a text."""
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
    """Parse ``Sun Aug 31 00:29:15 +0000 2014`` (in any locale), or ISO 8601.

    Archives before 2018 have ``2014-08-31 00:29:15 +0000``, and the search before 2013
    ``Sun, 31 Aug 2014 00:29:15 +0000``. Without a value the time comes from the tweet's id.

    Raises
    ------
    ValueError
        If it is not a time, and the id contains none.
    """
    if isinstance(value, str) and (found := _TIME.fullmatch(value.strip())):
        month, day, hour, minute, second, sign, offset_hours, offset_minutes, year = found.groups()
        offset = timedelta(hours=int(offset_hours), minutes=int(offset_minutes)) * (-1 if sign == "-" else 1)
        zone = UTC if not offset else timezone(offset)
        if month in MONTHS:
            return datetime(
                int(year), MONTHS[month], int(day), int(hour), int(minute), min(int(second), 59), tzinfo=zone
            ).astimezone(UTC)
    if isinstance(value, str) and (found := _ISO_TIME.fullmatch(value.strip())):
        value = "{}T{}{}".format(*found.groups())
    elif isinstance(value, str) and (found := _MAIL_TIME.fullmatch(value.strip())):
        day, month, year, clock, utc_offset = found.groups()
        value = f"{year}-{MONTHS.get(month, 0):02}-{day}T{clock}{utc_offset}"
    if value is None and (created := snowflake_time(native)) is not None:
        return created
    return moment(value)
