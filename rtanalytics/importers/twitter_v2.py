"""Tweets of the API's version 2: pages with their includes, and twarc2's flattened lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rtanalytics.event import Author, Event, Media
from rtanalytics.importers.common import BAD_ROW, author_of, build, moment, reason_of, unquoted
from rtanalytics.importers.tweet_fields import (
    CONNECTOR,
    account_of,
    address_of,
    deletion,
    refuse_private,
    size_of,
    snowflake_time,
    tweet_language,
)
from rtanalytics.normalize.values import InvalidValue, numeric_id
from rtanalytics.untrusted import abbreviate

__all__ = ["page_v2", "tweet_v2"]

Included = dict[str, dict[str, dict[str, Any]]]
"""Kind (``users``, ``tweets``, ``media`` …) → id → object that a page includes."""


def page_v2(page: dict[str, Any]) -> Iterator[Event | ValueError]:
    """Yield the events of a page, or its errors if it has nothing else."""
    data = page.get("data")
    found = data if isinstance(data, list) else [] if data is None else [data]
    if data is None and page.get("errors"):
        yield ValueError(f"an error of the API, not a tweet: {abbreviate(_first_error(page['errors']))}")
    if found and isinstance(found[0], dict) and "tweet_count" in found[0]:
        yield ValueError("counts of tweets, not tweets")
        return
    include = _by_id(page.get("includes"))
    for tweet in found:
        try:
            if not isinstance(tweet, dict):
                raise InvalidValue(f"{abbreviate(tweet)} is not a tweet")
            yield tweet_v2(tweet, include) if "text" in tweet else _compliance(tweet)
        except BAD_ROW as error:
            yield ValueError(reason_of(error))


def _compliance(line: dict[str, Any]) -> Event:
    """Return the deletion that the compliance stream reports; a dropped tweet may come back later."""
    for kind in ("delete", "drop"):
        if isinstance(line.get(kind), dict):
            at = line[kind].get("event_at")
            deleted_at = moment(at) if at else None
            return deletion(numeric_id((line[kind].get("tweet") or {}).get("id")), deleted_at)
    if "username" in line:
        raise InvalidValue("a user, not a tweet")
    raise InvalidValue(f"{abbreviate(line)} is not a tweet")


def tweet_v2(tweet: dict[str, Any], include: Included) -> Event:
    """Return the event of a tweet, under the id of its first version, so that edits are revisions.

    Parameters
    ----------
    tweet : dict
        An object of ``data``, or a flattened one, which contains its author and the tweets it refers to.
    include : dict
        ``users``, ``tweets`` and ``media`` of the page by their ids.

    Raises
    ------
    ValueError
        If it is not a tweet.
    """
    refuse_private(tweet)
    native, first = numeric_id(tweet.get("id")), _first_version(tweet)
    created_at = tweet.get("created_at")
    created = moment(created_at) if created_at else None
    edited_at = created if first != native else None
    if created is None or edited_at is not None:
        created = snowflake_time(first) or created
    if created is None:
        raise InvalidValue("it has no time")
    note = tweet.get("note_tweet") or {}
    text, entities = note.get("text") or tweet["text"], [note.get("entities") or tweet.get("entities") or {}]
    author = _author(tweet, include)
    referenced = {str(r.get("type")): _referenced(r, include) for r in tweet.get("referenced_tweets") or ()}
    original = referenced.get("retweeted")
    if original is not None and original.get("text"):
        original_note = original.get("note_tweet") or {}
        entities.append(original_note.get("entities") or original.get("entities") or {})
        if text.rstrip().endswith("…") and (by := _author(original, include)) is not None:
            text = f"RT @{by.handle}: {original_note.get('text') or original['text']}"
    ids = {kind: f"twitter::{_first_version(r)}" for kind, r in referenced.items()}
    conversation = tweet.get("conversation_id")
    thread = (
        f"twitter::{numeric_id(conversation)}"
        if conversation and conversation not in (native, first)
        else None
    )
    types = {"retweeted": "repost", "replied_to": "reply", "quoted": "quote"}
    return build(
        id=f"twitter::{first}",
        source="twitter",
        type=next((types[kind] for kind in types if kind in ids), "post"),
        created_at=created,
        edited_at=edited_at,
        connector=CONNECTOR,
        author=author,
        text="\n".join([unquoted(text), *_poll_options(tweet, include)]),
        url=address_of(native, author),
        lang=tweet_language(tweet.get("lang")),
        tags=[str(t.get("tag", "")) for e in entities for t in e.get("hashtags") or ()],
        mentions=[str(m.get("username", "")) for e in entities for m in e.get("mentions") or ()],
        links=[_link(u) for e in entities for u in e.get("urls") or () if not u.get("media_key")],
        media=_media(tweet, include) or _media(original or {}, include),
        reply_to=ids.get("replied_to"),
        repost_of=ids.get("retweeted"),
        thread=thread if "retweeted" not in ids else None,
    )


def _first_version(tweet: dict[str, Any]) -> str:
    history = tweet.get("edit_history_tweet_ids")
    return numeric_id(history[0] if isinstance(history, list) and history else tweet.get("id"))


def _referenced(reference: dict[str, Any], include: Included) -> dict[str, Any]:
    """Return a reference completed with the tweet that the page includes for it."""
    return {**reference, **include.get("tweets", {}).get(str(reference.get("id")), {})}


def _author(tweet: dict[str, Any], include: Included) -> Author | None:
    native = tweet.get("author_id")
    user = tweet.get("author") or include.get("users", {}).get(str(native)) or {}
    id, name = user.get("id") or native, user.get("name")
    return account_of(user.get("username"), id, name) or author_of(native, id, name)


def _link(url: dict[str, Any]) -> str:
    return str(url.get("expanded_url") or url.get("url") or "")


def _media(tweet: dict[str, Any], include: Included) -> list[Media]:
    attached = tweet.get("attachments") or {}
    flattened = attached.get("media") or ()
    media = flattened or [include.get("media", {}).get(str(k), {}) for k in attached.get("media_keys") or ()]
    return [
        Media(
            url=str(item.get("url") or item.get("preview_image_url") or ""),
            kind="image" if item.get("type") == "photo" else "video",
            alt=alt if isinstance(alt := item.get("alt_text"), str) else None,
            width=size_of(item.get("width")),
            height=size_of(item.get("height")),
            sensitive=tweet.get("possibly_sensitive") is True,
        )
        for item in media
    ]


def _poll_options(tweet: dict[str, Any], include: Included) -> list[str]:
    attached = tweet.get("attachments") or {}
    polls = [include.get("polls", {}).get(str(n), {}) for n in attached.get("poll_ids") or ()]
    poll = attached.get("poll") or next(filter(None, polls), {})
    return [str(option["label"]) for option in poll.get("options") or () if option.get("label")]


def _by_id(includes: Any) -> Included:
    included: Included = {}
    if isinstance(includes, dict):
        for kind, objects in includes.items():
            valid = [o for o in objects if isinstance(o, dict)] if isinstance(objects, list) else []
            included[kind] = {str(o.get("media_key") or o.get("id")): o for o in valid}
    return included


def _first_error(errors: Any) -> str:
    first = errors[0] if isinstance(errors, list) and errors else errors
    return str(first.get("detail") or first.get("title") or first) if isinstance(first, dict) else str(first)
