"""Conversion of tweets that browser extensions recorded from the website of X (its GraphQL API)."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from rtanalytics.event import Event
from rtanalytics.importers.tweet_fields import twitter_time
from rtanalytics.importers.twitter_v1 import tweet_v1
from rtanalytics.normalize.text import find_links, find_tags, unescape
from rtanalytics.normalize.tweets import snowflake_time
from rtanalytics.normalize.values import InvalidValue, as_dict, as_dicts, as_list, numeric_id

__all__ = ["is_web_tweet", "media_addresses", "native_id", "text_mentions", "time_of", "web_tweet"]

_STATUS = re.compile(r"/status(?:es)?/(\d{1,30})(?:/|$)")
_MENTION = re.compile(r"(?<![\w@/])@(\w{1,15})(?!\w)", re.ASCII)
_MAX_DEPTH = 3


def is_web_tweet(value: Any) -> bool:
    """Return True for a tweet with author, time and text as in the API of the website."""
    result = _unwrapped(value)
    legacy = as_dict(result.get("legacy"))
    text = legacy.get("full_text", legacy.get("text"))
    return isinstance(legacy.get("created_at"), str) and isinstance(text, str) and bool(_user(result))


def web_tweet(value: Any) -> Event:
    """Return the event of a tweet; the same tweet from the API v1.1 gives an equal event.

    Raises
    ------
    InvalidValue
        If the object is not a tweet.
    """
    result = _unwrapped(value)
    if "tombstone" in result or "TombStone" in str(result.get("__typename")):
        raise InvalidValue("a placeholder for a tweet that was deleted or is hidden")
    if not isinstance(result.get("legacy"), dict):
        raise InvalidValue("not a tweet of the website of X: no member legacy")
    return tweet_v1(_classic(result, 0))


def _unwrapped(value: Any) -> dict[str, Any]:
    """Return the tweet inside the wrappers ``result`` and ``tweet``, if it has them."""
    result = as_dict(value)
    result = as_dict(result.get("result")) or result
    return as_dict(result.get("tweet")) if "legacy" not in result and "tweet" in result else result


def _user(result: dict[str, Any]) -> dict[str, Any]:
    """Return the author as in the API v1.1, or an empty dict if there is no handle."""
    user = as_dict(as_dict(as_dict(result.get("core")).get("user_results")).get("result")) or as_dict(
        result.get("user")
    )
    parts = [user, as_dict(user.get("legacy")), as_dict(user.get("core"))]
    handle = next((p["screen_name"] for p in parts if isinstance(p.get("screen_name"), str)), "")
    name = next((p["name"] for p in parts if isinstance(p.get("name"), str)), None)
    legacy = as_dict(result.get("legacy"))
    native = user.get("rest_id") or user.get("id_str") or legacy.get("user_id_str")
    return {"screen_name": handle, "name": name, "id_str": native} if handle else {}


def _classic(result: dict[str, Any], depth: int) -> dict[str, Any]:
    """Convert a tweet to an object as in the API v1.1."""
    legacy = result["legacy"]
    tweet = {**legacy, "id_str": result.get("rest_id") or legacy.get("id_str"), "user": _user(result)}
    if "entities" not in legacy and isinstance(text := legacy.get("full_text", legacy.get("text")), str):
        tweet["entities"] = {
            "hashtags": [{"text": tag} for tag in find_tags(unescape(text))],
            "user_mentions": [{"screen_name": handle} for handle in text_mentions(text)],
            "urls": [{"expanded_url": link} for link in find_links(unescape(text))],
        }
    note = as_dict(as_dict(as_dict(result.get("note_tweet")).get("note_tweet_results")).get("result"))
    if isinstance(note.get("text"), str):
        entities = as_dict(note.get("entity_set"))
        tweet["extended_tweet"] = {"full_text": note["text"], "entities": entities}
    versions = as_list(as_dict(result.get("edit_control")).get("edit_tweet_ids"))
    initial = as_dict(result.get("edit_control")).get("initial_tweet_id") or (
        versions[0] if versions else None
    )
    if initial:
        tweet["edit_info"] = {"edit": {"initialTweetId": initial}}
    original = _unwrapped(legacy.get("retweeted_status_result"))
    tweet.pop("retweeted_status_result", None)
    if isinstance(original.get("legacy"), dict) and depth < _MAX_DEPTH:
        tweet["retweeted_status"] = _classic(original, depth + 1)
    elif shared := legacy.get("retweeted_status_id_str"):
        tweet["retweeted_status"] = {"id_str": shared}
    return tweet


def text_mentions(text: str) -> list[str]:
    """Return the handles in the text of a tweet.

    Examples
    --------
    >>> text_mentions("@ada and @bob_1, not me@x.example")
    ['ada', 'bob_1']
    """
    return _MENTION.findall(text) if "@" in text else []


def native_id(url: object, *ids: object) -> str:
    """Return the id of a tweet from its URL, or else from ``ids``, which spreadsheets may have rounded."""
    if isinstance(url, str) and (found := _STATUS.search(urlsplit(url).path if "://" in url else url)):
        return found[1]
    return numeric_id(next((id for id in ids if id not in (None, "")), None))


def time_of(value: object, native: str) -> datetime:
    """Return when a tweet was posted; if ``value`` has no offset, the time in the id is used."""
    created = snowflake_time(native)
    if created is not None and not _has_offset(value):
        return created.replace(microsecond=0)
    return twitter_time(value, native)


def _has_offset(value: object) -> bool:
    return (
        isinstance(value, str) and re.search(r"(?:Z|[+-]\d\d:?\d\d)(?: \d{4})?$", value.strip()) is not None
    )


def media_addresses(media: object) -> list[dict[str, Any]]:
    """Return the attachments in a list, or in an object with one list per kind."""
    if isinstance(media, dict):
        return [item for kind in media.values() for item in as_dicts(kind)]
    return as_dicts(media)
