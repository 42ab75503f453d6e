"""Conversion of tweets from version 1.1 of Twitter's API, which Twitter archives use too."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rtanalytics.event import Author, Event, Media
from rtanalytics.importers.common import build, moment
from rtanalytics.importers.tweet_fields import (
    CONNECTOR,
    account_of,
    address_of,
    deletion,
    refuse_private,
    tweet_id,
    twitter_time,
)
from rtanalytics.normalize.text import unescape
from rtanalytics.normalize.tweets import snowflake_time, tweet_language
from rtanalytics.normalize.values import InvalidValue, as_text, numeric_id, whole_number
from rtanalytics.untrusted import abbreviate

__all__ = ["deletion_v1", "tweet_v1"]

_NOTICES = {
    "limit": "a notice of the stream that it left tweets out",
    "scrub_geo": "a notice of the stream to delete places",
    "status_withheld": "a notice of the stream that a tweet is withheld in some countries",
    "user_withheld": "a notice of the stream that an account is withheld in some countries",
    "disconnect": "a notice of the stream that it ends",
    "warning": "a warning of the stream",
    "friends": "a notice of the stream with the accounts that a user follows",
    "friends_str": "a notice of the stream with the accounts that a user follows",
    "event": "a notice of the stream about an action of a user",
    "direct_message": "a private message, not a tweet",
    "direct_message_events": "private messages, not tweets",
}
"""Descriptions of objects that are not tweets, by a member that only such an object has."""


def deletion_v1(value: dict[str, Any]) -> Event | None:
    """Return the deletion in a notice of a stream or a line of a compliance job, or None for a tweet.

    Raises
    ------
    ValueError
        If the object is another kind of notice.
    """
    if "text" not in value and (notices := [_NOTICES[name] for name in value if name in _NOTICES]):
        raise InvalidValue(notices[0])
    if "delete" in value or {"status", "timestamp_ms"} == set(value):
        notice = value.get("delete", value)
        if "direct_message" in notice:
            raise InvalidValue("a private message was deleted, not a tweet")
        at = notice.get("timestamp_ms")
        return deletion(tweet_id(notice.get("status", {})), moment(int(at) / 1000) if at else None)
    if value.get("action") == "delete" and "text" not in value:
        return _compliance(value)
    return None


def tweet_v1(tweet: dict[str, Any], account: Author | None = None) -> Event:
    """Return the event of a tweet.

    Parameters
    ----------
    tweet : dict
        A tweet as version 1.1 of the API returns it.
    account : Author, optional
        The author, used if the object does not name one.

    Raises
    ------
    ValueError
        If the object is not a tweet.
    """
    refuse_private(tweet)
    if not any(key in tweet for key in ("text", "full_text", "extended_tweet", "retweeted_status")):
        if "screen_name" in tweet:
            raise InvalidValue("a user, not a tweet")
        if isinstance(tweet.get("error"), str):
            raise InvalidValue(f"an error of the API, not a tweet: {abbreviate(tweet['error'])}")
        raise InvalidValue(f"no text, only {abbreviate(', '.join(list(map(str, tweet))[:6]))}")
    native = tweet_id(tweet)
    first, created = _first_version(tweet, native), twitter_time(tweet.get("created_at"), native)
    extended = tweet.get("extended_tweet") or {}
    text = _full_text(tweet)
    entities = [tweet.get("entities") or {}, extended.get("entities") or {}]
    with_media = [
        tweet.get("extended_entities") or extended.get("extended_entities") or entities[-1] or entities[0]
    ]
    author = _author(tweet.get("user") or {}) or _author_in_old_search(tweet) or account
    original = tweet.get("retweeted_status")
    repost_of = None
    truncated_links = {f"https://twitter.com/i/web/status/{native}"} if extended else set()
    if isinstance(original, dict):
        repost_of = f"twitter::{_first_version(original, tweet_id(original))}"
        original_extended = original.get("extended_tweet") or {}
        entities += [original.get("entities") or {}, original_extended.get("entities") or {}]
        with_media += [original.get("extended_entities") or {}]
        by, original_text = _author(original.get("user") or {}), _full_text(original)
        if by is not None and original_text and (not text or text.rstrip().endswith("…")):
            text = f"RT @{by.handle}: {original_text}"
        if original_extended:
            truncated_links.add(f"https://twitter.com/i/web/status/{tweet_id(original)}")
    reply_to = tweet.get("in_reply_to_status_id_str") or tweet.get("in_reply_to_status_id")
    quoted = tweet.get("quoted_status_id_str") or tweet.get("is_quote_status") is True
    return build(
        id=f"twitter::{first}",
        source="twitter",
        type="repost" if repost_of else "reply" if reply_to else "quote" if quoted else "post",
        created_at=created if first == native else snowflake_time(first) or created,
        edited_at=None if first == native else created,
        connector=CONNECTOR,
        author=author,
        to=as_text(tweet.get("in_reply_to_screen_name")) or as_text(tweet.get("to_user")) or None,
        text=unescape(text),
        url=address_of(native, author),
        lang=tweet_language(tweet.get("lang") or tweet.get("iso_language_code")),
        tags=[str(t.get("text", "")) for e in entities for t in e.get("hashtags") or ()],
        mentions=[str(m.get("screen_name", "")) for e in entities for m in e.get("user_mentions") or ()],
        links=[link for link in (*_links(entities), *_permalink(tweet)) if link not in truncated_links],
        media=_media(with_media, sensitive=tweet.get("possibly_sensitive") is True),
        reply_to=f"twitter::{numeric_id(reply_to)}" if reply_to else None,
        repost_of=repost_of,
    )


def _compliance(line: dict[str, Any]) -> Event:
    """Return the deletion in a line of a compliance job.

    A line about a user looks the same, but its time is not the time in the id.
    """
    native, created = numeric_id(line.get("id")), moment(line.get("created_at"))
    posted_at = snowflake_time(native)
    if posted_at is None or abs(posted_at - created).total_seconds() > 2:
        raise InvalidValue(f"{native} is the id of a user, or of a tweet before November 2010")
    deleted_at = line.get("redacted_at")
    return deletion(native, moment(deleted_at) if deleted_at else None, created)


def _author(user: dict[str, Any]) -> Author | None:
    return account_of(user.get("screen_name"), user.get("id_str") or user.get("id"), user.get("name"))


def _author_in_old_search(tweet: dict[str, Any]) -> Author | None:
    """Return the author of a tweet from the search API before 2013, or None."""
    return account_of(tweet.get("from_user"), tweet.get("from_user_id_str"), tweet.get("from_user_name"))


def _full_text(tweet: dict[str, Any]) -> str:
    """Return the full text of a tweet, with HTML entities such as ``&amp;``."""
    extended = tweet.get("extended_tweet") or {}
    return extended.get("full_text") or tweet.get("full_text") or tweet.get("text") or ""


def _first_version(tweet: dict[str, Any], native: str) -> str:
    """Return the id of the first version of an edited tweet, or ``native`` if it was not edited."""
    first = ((tweet.get("edit_info") or {}).get("edit") or {}).get("initialTweetId")
    return numeric_id(first) if first else native


def _links(entities: Iterable[dict[str, Any]]) -> list[str]:
    urls = [url for e in entities for url in e.get("urls") or ()]
    return [str(u.get("expanded_url") or u.get("url") or "") for u in urls]


def _permalink(tweet: dict[str, Any]) -> list[str]:
    """Return a list with the URL of the quoted tweet, empty if there is none."""
    link = tweet.get("quoted_status_permalink")
    return [str(link.get("expanded", ""))] if isinstance(link, dict) else []


def _media(entities: Iterable[dict[str, Any]], *, sensitive: bool) -> list[Media]:
    media = []
    for item in (m for e in entities for m in e.get("media") or ()):
        size = (item.get("sizes") or {}).get("large") or {}
        media.append(
            Media(
                url=str(item.get("media_url_https") or item.get("media_url") or ""),
                kind="image" if item.get("type") == "photo" else "video",
                alt=alt if isinstance(alt := item.get("ext_alt_text"), str) else None,
                width=whole_number(size.get("w"), 2**31 - 1),
                height=whole_number(size.get("h"), 2**31 - 1),
                sensitive=sensitive,
            )
        )
    return media
