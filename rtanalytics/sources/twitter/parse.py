"""Parser of responses of X's API v2: a pure function, so that dead letters can be parsed again.

A tweet becomes the same event, with the same id, as when it is imported from a file.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from rtanalytics.event import Event
from rtanalytics.normalize.dates import parse_time
from rtanalytics.normalize.tweets import (
    REFERENCES,
    Included,
    first_error,
    included_by_id,
    snowflake_time,
    tweet_fields,
)
from rtanalytics.normalize.values import as_dict, as_dicts, numeric_id
from rtanalytics.sources.base import Malformed, Meta, Parsed
from rtanalytics.sources.json_items import Reading, build, load

__all__ = ["native_id", "parse"]

MAX_LINES = 20_000
"""Largest number of lines of a document; no page or batch of the stream has as many."""


def parse(raw: bytes, meta: Meta) -> Parsed:
    """Parse the tweets of a response.

    Parameters
    ----------
    raw : bytes
        A page of a search; a line of the stream, of a compliance job or of twarc2; or lines of these.
    meta : Meta
        ``source`` and ``received_at`` are used; ``options["via"]`` becomes the ``via`` of the events.

    Returns
    -------
    Parsed
        ``next`` is the token of the next page. ``counts`` has ``posts`` and ``users``: the billed
        resources, including those in ``includes``.

    Raises
    ------
    Malformed
        If it is not JSON.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> now = datetime(2026, 5, 15, tzinfo=UTC)
    >>> meta = Meta(source="twitter", scope="x", connector="x@1", received_at=now)
    >>> raw = b'{"data": {"id": "20", "text": "just setting up", "created_at": "2006-03-21T20:50:14.000Z"}}'
    >>> [event] = parse(raw, meta).events
    >>> event.id, event.text
    ('twitter::20', 'just setting up')
    """
    reading = Reading(meta)
    token = None
    try:
        values = [load(raw, "response of X")]
    except Malformed:
        if b"\n" not in raw.strip():
            raise
        values = list(_lines(raw, reading))
        if not values:
            raise
    for number, value in enumerate(values, start=1):
        where = f"line {number}" if len(values) > 1 else ""
        token = _value(value, reading, where) or token
    return reading.parsed(next=token)


def native_id(event: Event) -> str:
    """Return the tweet id of the version in an event; the event's own id has that of the first version."""
    return (event.url or event.id).rpartition("/" if event.url else ":")[2]


def _lines(raw: bytes, reading: Reading) -> Iterator[Any]:
    lines = [line for line in raw.splitlines() if line.strip()]
    if len(lines) > MAX_LINES:
        raise Malformed(f"{len(lines):,} lines; the limit is {MAX_LINES:,}", raw)
    for number, line in enumerate(lines, start=1):
        try:
            yield load(line, "tweet")
        except Malformed as error:
            reading.reject(str(error), f"line {number}", line)


def _value(value: Any, reading: Reading, where: str) -> str | None:
    """Read one page or line; return the token of the next page."""
    if not isinstance(value, dict):
        items = value if isinstance(value, list) else [value]
        for number, item in enumerate(items, start=1):
            if isinstance(item, dict):
                _value(item, reading, f"item {number}")
            else:
                reading.reject("not a tweet", where or f"item {number}", item)
        return None
    if not ({"data", "errors", "meta", "includes", "__twarc"} & set(value)) or "text" in value:
        reading.item(value, where, lambda: [_single(value, reading)])
        return None
    token = as_dict(value.get("meta")).get("next_token")
    token = token if isinstance(token, str) and 0 < len(token) <= 400 else None
    data, errors = value.get("data"), value.get("errors")
    if errors and data is None:
        reading.reject(f"an error of the API, not a tweet: {first_error(errors)}", where, value)
        return None
    if isinstance(errors, list) and errors:
        reading.counts["partial_errors"] += len(errors)
    tweets = data if isinstance(data, list) else [] if data is None else [data]
    if tweets and isinstance(tweets[0], dict) and "tweet_count" in tweets[0]:
        reading.reject("counts of tweets, not tweets", where, value)
        return None
    include = included_by_id(value.get("includes"))
    if not tweets:
        return token
    reading.counts["posts"] += len(tweets) + len(include.get("tweets", {}))
    reading.counts["users"] += len(include.get("users", {}))
    if isinstance(value.get("includes"), dict):
        for kind in value["includes"]:
            if kind not in {"users", "tweets", "media", "places", "polls", "topics"}:
                reading.unknown("include", kind)
    for number, tweet in enumerate(tweets, start=1):
        place = " ".join(filter(None, (where, f"item {number}" if len(tweets) > 1 else "")))
        reading.item(tweet, place, partial(_events, tweet, include, reading), _self_contained(tweet, include))
    return token


def _single(value: dict[str, Any], reading: Reading) -> Event:
    """Parse a JSON object without the member ``data``: a line of a compliance job, or a flattened tweet."""
    if value.get("action") == "delete" and "text" not in value:
        return _compliance(value, reading.meta)
    if "id_str" in value or "statuses" in value or "full_text" in value:
        raise ValueError("a tweet of API v1.1, which the API no longer gives; import it as a file")
    return _datum(value, {}, reading)


def _events(datum: Any, include: Included, reading: Reading) -> list[Event]:
    return [_datum(datum, include, reading)]


def _datum(datum: Any, include: Included, reading: Reading) -> Event:
    if isinstance(datum, dict) and "text" not in datum:
        for kind in ("delete", "drop"):  # of the compliance stream; a dropped tweet is hidden until undropped
            if isinstance(payload := datum.get(kind), dict):
                native = numeric_id((payload.get("tweet") or {}).get("id"))
                deleted_at = parse_time(payload.get("event_at")) if payload.get("event_at") else None
                return _deletion(native, deleted_at, None, reading.meta, datum)
        if "username" in datum:
            raise ValueError("a user, not a tweet")
        if len(datum) == 1 and "id" not in datum:
            reading.unknown("compliance", next(iter(datum)))
    if not isinstance(datum, dict) or not isinstance(datum.get("text"), str):
        raise ValueError("not a tweet: it has no text")  # noqa: TRY004  # the data is wrong, not the call
    return _tweet(datum, include, reading)


def _tweet(tweet: dict[str, Any], include: Included, reading: Reading) -> Event:
    for reference in as_dicts(tweet.get("referenced_tweets")):
        if str(reference.get("type")) not in REFERENCES:
            reading.unknown("reference", reference.get("type"))
    return build(reading.meta, item=_self_contained(tweet, include), **tweet_fields(tweet, include))


def _compliance(line: dict[str, Any], meta: Meta) -> Event:
    """Parse a line of a compliance job, which reports a deleted tweet; refuse lines about users."""
    native, created = numeric_id(line.get("id")), parse_time(line.get("created_at"))
    posted_at = snowflake_time(native)  # differs from ``created`` if the id is a user's
    if posted_at is None or abs(posted_at - created) > timedelta(seconds=2):
        raise ValueError(f"{native} is the id of a user, or of a tweet before November 2010")
    deleted_at = line.get("redacted_at")
    return _deletion(native, parse_time(deleted_at) if deleted_at else None, created, meta, line)


def _deletion(
    native: str, deleted_at: datetime | None, created: datetime | None, meta: Meta, item: dict[str, Any]
) -> Event:
    created = created or snowflake_time(native) or deleted_at
    return build(
        meta, id=f"twitter::{native}", op="delete", created_at=created, edited_at=deleted_at, item=item
    )


def _self_contained(tweet: Any, include: Included) -> dict[str, Any]:
    """Return a tweet with the parts of the page's includes that it needs."""
    if not isinstance(tweet, dict):
        return {"data": tweet}
    wanted = {"tweets": [r.get("id") for r in as_dicts(tweet.get("referenced_tweets"))]}
    tables = include.get("tweets", {})
    related = [tweet, *(tables.get(str(n), {}) for n in wanted["tweets"])]
    lists = [as_dict(t.get("attachments")).get("media_keys") for t in related]
    wanted["media"] = [key for keys in lists if isinstance(keys, list) for key in keys]
    polls = as_dict(tweet.get("attachments")).get("poll_ids")
    wanted["polls"] = polls if isinstance(polls, list) else []
    wanted["users"] = [t.get("author_id") for t in related]
    includes = {
        kind: [include[kind][str(n)] for n in dict.fromkeys(map(str, ids)) if str(n) in include[kind]]
        for kind, ids in wanted.items()
        if kind in include
    }
    includes = {kind: objects for kind, objects in includes.items() if objects}
    return {"data": tweet, **({"includes": includes} if includes else {})}
