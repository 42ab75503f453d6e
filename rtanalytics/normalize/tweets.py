"""Fields of tweets in the JSON of Twitter's API version 2; the same in a live stream and in a file."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from rtanalytics.event import Author, Media
from rtanalytics.normalize.dates import parse_time
from rtanalytics.normalize.text import author_of, find_links, find_tags, language, unescape
from rtanalytics.normalize.values import (
    InvalidValue,
    as_dict,
    as_dicts,
    as_list,
    numeric_id,
    whole_number,
)

__all__ = [
    "REFERENCES",
    "Included",
    "first_error",
    "included_by_id",
    "snowflake_time",
    "tweet_fields",
    "tweet_language",
]

Included = dict[str, dict[str, dict[str, Any]]]
"""Kind (``users``, ``tweets``, ``media`` …) → id → object that a page includes."""

REFERENCES = {"retweeted": "repost", "replied_to": "reply", "quoted": "quote"}
"""Reference to another tweet → ``Event.type``."""

_FIRST_SNOWFLAKE = 30_000_000_000
"""Ids below were consecutive numbers; those above (since November 2010) contain the time."""

_NO_LANGUAGES = {"und", "qam", "qct", "qht", "qme", "qst", "zxx", "art"}
_LANGUAGES = {"in": "id", "iw": "he", "msa": "ms"}
_MAX_ALT = 2_000
_MENTION = re.compile(r"(?:(?<![\w@＠!$%&*#/])|(?<=\bRT))[@＠](\w{1,15})(?![\w@＠]|://)", re.ASCII)


def tweet_fields(tweet: dict[str, Any], include: Included) -> dict[str, Any]:
    """Return the fields of a tweet's event. The id is that of its first version, so edits are revisions.

    Parameters
    ----------
    tweet : dict
        An object of ``data``, or a flattened one, which contains its author and the tweets it refers to.
    include : dict
        Objects that the page includes.

    Raises
    ------
    InvalidValue
        If it has no valid id or time.
    """
    native, first = numeric_id(tweet.get("id")), _first_version(tweet)
    created = parse_time(tweet["created_at"]) if tweet.get("created_at") else None
    edited_at = created if first != native else None
    if created is None or edited_at is not None:
        created = snowflake_time(first) or created
    if created is None:
        raise InvalidValue("it has no time")
    note = as_dict(tweet.get("note_tweet"))
    text, entities = (
        note.get("text") or tweet["text"],
        [as_dict(note.get("entities") or tweet.get("entities"))],
    )
    author = _author(tweet, include)
    referenced = {
        str(reference.get("type")): reference | include.get("tweets", {}).get(str(reference.get("id")), {})
        for reference in as_dicts(tweet.get("referenced_tweets"))
    }
    original = referenced.get("retweeted", {})
    if original.get("text"):
        original_note = as_dict(original.get("note_tweet"))
        entities.append(as_dict(original_note.get("entities") or original.get("entities")))
        if text.rstrip().endswith("…") and (by := _author(original, include)) is not None:
            text = f"RT @{by.handle}: {original_note.get('text') or original['text']}"
    # the API gives entities only if they are asked for
    has_entities = any(entities) or "entities" in tweet
    ids = {kind: f"twitter::{_first_version(reference)}" for kind, reference in referenced.items()}
    conversation = tweet.get("conversation_id")
    is_reply = conversation and str(conversation) not in (native, first) and "retweeted" not in ids
    return {
        "id": f"twitter::{first}",
        "type": next((REFERENCES[kind] for kind in REFERENCES if kind in ids), "post"),
        "created_at": created,
        "edited_at": edited_at,
        "author": author,
        "text": "\n".join([unescape(text), *_poll_options(tweet, include)]),
        "url": f"https://twitter.com/{author.handle if author else 'i'}/status/{native}",
        "lang": tweet_language(tweet.get("lang")),
        "tags": [str(tag.get("tag", "")) for e in entities for tag in as_dicts(e.get("hashtags"))]
        or ([] if has_entities else find_tags(unescape(text))),
        "mentions": [str(one.get("username", "")) for e in entities for one in as_dicts(e.get("mentions"))]
        or ([] if has_entities else _MENTION.findall(unescape(text))),
        "links": [
            str(url.get("expanded_url") or url.get("url") or "")
            for e in entities
            for url in as_dicts(e.get("urls"))
            if not url.get("media_key")
        ]
        or ([] if has_entities else find_links(unescape(text))),
        "media": _media(tweet, include) or _media(original, include),
        "reply_to": ids.get("replied_to"),
        "repost_of": ids.get("retweeted"),
        "thread": f"twitter::{numeric_id(conversation)}" if is_reply else None,
    }


def included_by_id(includes: object) -> Included:
    """Return the objects in the ``includes`` of a page of results, by kind and id."""
    return {
        str(kind): {str(one.get("media_key") or one.get("id")): one for one in as_dicts(objects)}
        for kind, objects in as_dict(includes).items()
    }


def first_error(errors: object) -> str:
    """Return the description of the first error in a response."""
    first = errors[0] if isinstance(errors, list) and errors else errors
    return str(first.get("detail") or first.get("title") or first) if isinstance(first, dict) else str(first)


def snowflake_time(native: str) -> datetime | None:
    """Return the time in a tweet's id, to the millisecond; None for ids before November 2010.

    Examples
    --------
    >>> snowflake_time("310839606679588864").isoformat()
    '2013-03-10T19:48:32.010000+00:00'
    """
    if int(native) < _FIRST_SNOWFLAKE:
        return None
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=(int(native) >> 22) + 1288834974657)


def tweet_language(code: object) -> str | None:
    """Return the language tag for Twitter's code; None for its codes of undetermined languages."""
    return None if str(code) in _NO_LANGUAGES else language(_LANGUAGES.get(str(code), code))


def _first_version(tweet: dict[str, Any]) -> str:
    history = tweet.get("edit_history_tweet_ids")
    return numeric_id(history[0] if isinstance(history, list) and history else tweet.get("id"))


def _author(tweet: dict[str, Any], include: Included) -> Author | None:
    native = tweet.get("author_id")
    user = as_dict(tweet.get("author")) or include.get("users", {}).get(str(native)) or {}
    handle = user.get("username")
    url = f"https://twitter.com/{handle}" if isinstance(handle, str) and handle.isascii() else None
    return author_of(handle or native, user.get("id") or native, user.get("name"), url=url)


def _media(tweet: dict[str, Any], include: Included) -> list[Media]:
    attached, media = as_dict(tweet.get("attachments")), include.get("media", {})
    return [
        Media(
            url=str(one.get("url") or one.get("preview_image_url") or ""),
            kind="image" if one.get("type") == "photo" else "video",
            alt=alt[:_MAX_ALT] if isinstance(alt := one.get("alt_text"), str) else None,
            width=whole_number(one.get("width"), 2**31 - 1),
            height=whole_number(one.get("height"), 2**31 - 1),
            sensitive=tweet.get("possibly_sensitive") is True,
        )
        for one in as_dicts(attached.get("media"))
        or [media.get(str(key), {}) for key in as_list(attached.get("media_keys"))]
    ]


def _poll_options(tweet: dict[str, Any], include: Included) -> list[str]:
    attached = as_dict(tweet.get("attachments"))
    polls = [include.get("polls", {}).get(str(id), {}) for id in as_list(attached.get("poll_ids"))]
    poll = as_dict(attached.get("poll")) or next(filter(None, polls), {})
    return [str(option["label"]) for option in as_dicts(poll.get("options")) if option.get("label")]
