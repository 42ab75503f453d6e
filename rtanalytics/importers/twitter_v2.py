"""Tweets of the API's version 2: pages with what they include, and twarc2's flattened lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rtanalytics.event import Author, Event, Media
from rtanalytics.importers.common import (
    ODD,
    RowError,
    author_of,
    build,
    moment,
    number,
    reason_of,
    shortened,
    unquoted,
)
from rtanalytics.importers.twitter import CONNECTOR, deletion, refuse_private, size_of, snowflake_time, tongue

__all__ = ["modern", "page"]

Included = dict[str, dict[str, dict[str, Any]]]


def page(answer: dict[str, Any]) -> Iterator[Event | ValueError]:
    """The events of an answer of the API; its errors, if they are all it has."""
    data = answer.get("data")
    found = data if isinstance(data, list) else [] if data is None else [data]
    if data is None and answer.get("errors"):
        yield ValueError(f"an error of the API, not a tweet: {shortened(_first_error(answer['errors']))}")
    if found and isinstance(found[0], dict) and "tweet_count" in found[0]:
        yield ValueError("counts of tweets, not tweets")
        return
    include = _by_id(answer.get("includes"))
    for tweet in found:
        try:
            if not isinstance(tweet, dict):
                raise RowError(f"{shortened(tweet)} is no tweet")
            yield modern(tweet, include) if "text" in tweet else _gone(tweet)
        except ODD as error:
            yield ValueError(reason_of(error))


def _gone(told: dict[str, Any]) -> Event:
    """What the compliance stream says: one was deleted, or is hidden until it is told again."""
    for kind in ("delete", "drop"):
        if isinstance(told.get(kind), dict):
            at = told[kind].get("event_at")
            gone = moment(at).timestamp() if at else None
            return deletion(number((told[kind].get("tweet") or {}).get("id")), gone)
    if "username" in told:
        raise RowError("a user, not a tweet")
    raise RowError(f"{shortened(told)} is no tweet")


def modern(tweet: dict[str, Any], include: Included) -> Event:
    """The event of a tweet. Under the number of its first version, so that edits are revisions.

    Parameters
    ----------
    tweet : dict
        As in ``data``, or flattened: with its author and the tweets that it refers to inside.
    include : dict
        ``users``, ``tweets`` and ``media`` of the page by their ids.

    Raises
    ------
    ValueError
        If it is none.
    """
    refuse_private(tweet)
    native, first = number(tweet.get("id")), _first(tweet)
    written = tweet.get("created_at")
    created = moment(written) if written else None
    edited_at = created if first != native else None
    if created is None or edited_at is not None:
        created = snowflake_time(first) or created
    if created is None:
        raise RowError("it has no time")
    note = tweet.get("note_tweet") or {}
    text, said = note.get("text") or tweet["text"], [note.get("entities") or tweet.get("entities") or {}]
    author = _author(tweet, include)
    refers = {str(r.get("type")): _referred(r, include) for r in tweet.get("referenced_tweets") or ()}
    original = refers.get("retweeted")
    if original is not None and original.get("text"):
        inner_note = original.get("note_tweet") or {}
        said.append(inner_note.get("entities") or original.get("entities") or {})
        if text.rstrip().endswith("…") and (by := _author(original, include)) is not None:
            text = f"RT @{by.handle}: {inner_note.get('text') or original['text']}"
    parts = {kind: f"twitter::{_first(r)}" for kind, r in refers.items()}
    conversation = tweet.get("conversation_id")
    thread = (
        f"twitter::{number(conversation)}" if conversation and conversation not in (native, first) else None
    )
    kinds = {"retweeted": "repost", "replied_to": "reply", "quoted": "quote"}
    return build(
        id=f"twitter::{first}",
        source="twitter",
        type=next((kinds[kind] for kind in kinds if kind in parts), "post"),
        created_at=created,
        edited_at=edited_at,
        connector=CONNECTOR,
        author=author,
        text="\n".join([unquoted(text), *_choices(tweet, include)]),
        url=f"https://twitter.com/{author.handle if author else 'i'}/status/{native}",
        lang=tongue(tweet.get("lang")),
        tags=[str(t.get("tag", "")) for e in said for t in e.get("hashtags") or ()],
        mentions=[str(m.get("username", "")) for e in said for m in e.get("mentions") or ()],
        links=[_link(u) for e in said for u in e.get("urls") or () if not u.get("media_key")],
        media=_media(tweet, include) or _media(original or {}, include),
        reply_to=parts.get("replied_to"),
        repost_of=parts.get("retweeted"),
        thread=thread if "retweeted" not in parts else None,
    )


def _first(tweet: dict[str, Any]) -> str:
    history = tweet.get("edit_history_tweet_ids")
    return number(history[0] if isinstance(history, list) and history else tweet.get("id"))


def _referred(reference: dict[str, Any], include: Included) -> dict[str, Any]:
    """The tweet that is referred to, as far as it is known."""
    return {**reference, **include.get("tweets", {}).get(str(reference.get("id")), {})}


def _author(tweet: dict[str, Any], include: Included) -> Author | None:
    native = tweet.get("author_id")
    user = tweet.get("author") or include.get("users", {}).get(str(native)) or {}
    handle = user.get("username")
    url = f"https://twitter.com/{handle}" if isinstance(handle, str) and handle.isascii() else None
    return author_of(handle or native, user.get("id") or native, user.get("name"), url=url)


def _link(url: dict[str, Any]) -> str:
    return str(url.get("expanded_url") or url.get("url") or "")


def _media(tweet: dict[str, Any], include: Included) -> list[Media]:
    attached = tweet.get("attachments") or {}
    flattened = attached.get("media") or ()
    found = flattened or [include.get("media", {}).get(str(k), {}) for k in attached.get("media_keys") or ()]
    return [
        Media(
            url=str(one.get("url") or one.get("preview_image_url") or ""),
            kind="image" if one.get("type") == "photo" else "video",
            alt=alt if isinstance(alt := one.get("alt_text"), str) else None,
            width=size_of(one.get("width")),
            height=size_of(one.get("height")),
            sensitive=tweet.get("possibly_sensitive") is True,
        )
        for one in found
    ]


def _choices(tweet: dict[str, Any], include: Included) -> list[str]:
    """What a poll lets people choose from."""
    attached = tweet.get("attachments") or {}
    polls = [include.get("polls", {}).get(str(n), {}) for n in attached.get("poll_ids") or ()]
    found = attached.get("poll") or next(filter(None, polls), {})
    return [str(option["label"]) for option in found.get("options") or () if option.get("label")]


def _by_id(includes: Any) -> Included:
    found: Included = {}
    if isinstance(includes, dict):
        for kind, things in includes.items():
            keyed = [t for t in things if isinstance(t, dict)] if isinstance(things, list) else []
            found[kind] = {str(t.get("media_key") or t.get("id")): t for t in keyed}
    return found


def _first_error(errors: Any) -> str:
    first = errors[0] if isinstance(errors, list) and errors else errors
    return str(first.get("detail") or first.get("title") or first) if isinstance(first, dict) else str(first)
