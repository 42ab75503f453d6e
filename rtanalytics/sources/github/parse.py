"""Parser of events, webhooks and REST responses of GitHub; a pure function, also used for dead letters."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Any

from rtanalytics.event import Author, Event
from rtanalytics.normalize.dates import optional_time
from rtanalytics.normalize.github import KINDS, about
from rtanalytics.normalize.text import author_of, find_links, find_tags, plain_text
from rtanalytics.normalize.values import numeric_id
from rtanalytics.sources.base import Malformed, Meta, Parsed, printable
from rtanalytics.sources.github.rest import RestItem, event_of, rest_items
from rtanalytics.sources.json_items import Reading, build, lines_of, load

__all__ = ["parse"]

MAX_TEXT = 200_000
MAX_EVENTS = 1_000


def parse(raw: bytes, meta: Meta) -> Parsed:
    """Parse a response or webhook of GitHub.

    Parameters
    ----------
    raw : bytes
        JSON: an array of events, one event, or one event per line. Also the body of a webhook, and
        responses of the REST API about issues, pull requests, comments, reviews, releases, commits
        and stars.
    meta : Meta
        ``options`` may have ``host``, the host name of a GitHub Enterprise server, which is then
        part of the ids.

    Raises
    ------
    Malformed
        If it is none of these.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> meta = Meta(source="github", scope="repos/ada/notes", connector="github@1",
    ...             received_at=datetime(2026, 5, 15, 9, tzinfo=UTC))
    >>> raw = b'''{"id": "7", "type": "WatchEvent", "actor": {"id": 1, "login": "ada"}, "payload": {},
    ...            "repo": {"name": "ada/notes"}, "created_at": "2026-05-15T08:59:00Z"}'''
    >>> [event] = parse(raw, meta).events
    >>> event.id, event.type, event.author.handle
    ('github::7', 'star', 'ada')
    """
    data = _items([_decode(line) for line in lines_of(raw)] or load(raw, "response of GitHub"), raw)
    reading = Reading(meta)
    reading.counts["entries"] = len(data)
    for number, item in enumerate(data[:MAX_EVENTS], start=1):
        full = item.webhook or item.item if isinstance(item, RestItem) else item
        reading.item(full, f"event {number}", partial(_events, item, meta, reading.counts))
    if len(data) > MAX_EVENTS:
        reading.reject(f"{len(data):,} events in one response; the first {MAX_EVENTS:,} were read", "", raw)
    return reading.parsed()


def _decode(line: bytes) -> Any:
    """Decode a line of GH Archive; return the beginning of a line that is not JSON."""
    try:
        return json.loads(line.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return line[:100].decode("utf-8", "replace")


def _items(data: Any, raw: bytes) -> list[Any]:
    """Return the events and other items of a response, in its order."""
    if isinstance(data, dict):
        if _is_event(data):
            return [data]
        if isinstance(data.get("items"), list) and "total_count" in data:  # a search
            return _items(data["items"], raw)
        message = data.get("message") if len(data) < 5 else None  # a commit has one too
        if message or data.keys() <= {"data", "errors", "extensions"}:
            message = message or "a response of the GraphQL API; only the REST API is supported"
            raise Malformed(f"invalid response of GitHub: {printable(message, 200)}", raw)
        try:
            return list(rest_items(data))
        except ValueError as error:
            raise Malformed(f"invalid response of GitHub: {printable(error)}", raw) from None
    if not isinstance(data, list):
        raise Malformed(f"invalid response of GitHub: {type(data).__name__}", raw)
    return data


def _is_event(item: dict[str, Any]) -> bool:
    return isinstance(item.get("type"), str) and ("payload" in item or item["type"].endswith("Event"))


def _events(item: Any, meta: Meta, counts: Counter[str]) -> Iterator[Event]:
    if isinstance(item, dict) and not _is_event(item):
        yield from (event_of(rest_item, meta) for rest_item in rest_items(item))
    elif isinstance(item, RestItem):
        yield event_of(item, meta)
    elif (event := _event(item, meta, counts)) is not None:
        yield event


def _event(item: Any, meta: Meta, counts: Counter[str]) -> Event | None:
    described = about(item)
    if item.get("public") is False:
        counts["private"] += 1
        return None
    if described.kind not in KINDS:
        counts[f"unknown_type_{printable(described.kind, 40)}"] += 1
    text = plain_text(described.text)
    if len(text) > MAX_TEXT:
        raise ValueError(f"its text has {len(text):,} characters; the limit is {MAX_TEXT:,}")
    is_commit = described.kind == "PushEvent"  # in commit messages # begins the number of an issue
    return build(
        meta,
        id=f"github:{meta.options.get('host', '')}:{numeric_id(item.get('id'))}",
        type=described.type,
        created_at=optional_time(item.get("created_at")),
        author=_author(described.login, described.actor),
        channel=described.repo,
        title=described.title,
        text=text,
        url=described.url,
        tags=() if is_commit else find_tags(text),
        links=find_links(text),
        item=item,
    )


def _author(login: str, actor: int | None) -> Author | None:
    return author_of(login, actor, url=f"https://github.com/{login}", bot=login.endswith("[bot]"))
