"""Bytes → events: a page of GitHub's events or one of them, a webhook, an answer of its REST API. Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Any

from rtanalytics.event import Author, Event
from rtanalytics.normalize.github import KINDS, about
from rtanalytics.normalize.text import author_of, find_links, find_tags, plain_text
from rtanalytics.normalize.values import numeric_id, optional_time
from rtanalytics.sources.base import Malformed, Meta, Parsed, printable
from rtanalytics.sources.github.things import Thing, event_of, things_of
from rtanalytics.sources.json_items import Reading, build, lines_of

__all__ = ["parse"]

MAX_TEXT = 200_000
MAX_EVENTS = 1_000


def parse(raw: bytes, meta: Meta) -> Parsed:
    """What GitHub told.

    Parameters
    ----------
    raw : bytes
        A page: a JSON array of events, one event, or one a line. Also the body of a webhook, and what the
        REST API says of issues, pull requests, comments, reviews, releases, commits and stars.
    meta : Meta
        Where it is from; ``options`` may have ``host``, the name of a GitHub of one's own, which
        then is part of the ids.

    Raises
    ------
    Malformed
        If it is neither.

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
    try:
        told = [_decoded(line) for line in lines_of(raw)] or json.loads(raw.decode("utf-8", "replace"))
    except RecursionError:
        raise Malformed("no events: JSON that is nested too deeply", raw) from None
    except ValueError as error:
        raise Malformed(f"no events: broken JSON: {printable(error)}", raw) from None
    told = _items(told, raw)
    reading = Reading(meta)
    reading.counts["entries"] = len(told)
    for place, item in enumerate(told[:MAX_EVENTS], start=1):
        whole = item.around or item.item if isinstance(item, Thing) else item
        reading.item(whole, f"event {place}", partial(_made, item, meta, reading.counts))
    if len(told) > MAX_EVENTS:
        reading.reject(f"{len(told):,} events in one answer; the first {MAX_EVENTS:,} were read", "", raw)
    return reading.parsed()


def _decoded(line: bytes) -> Any:
    """An event of GH Archive; of a line that is none, its beginning."""
    try:
        return json.loads(line.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return line[:100].decode("utf-8", "replace")


def _items(told: Any, raw: bytes) -> list[Any]:
    """Events and things as they come, one after the other; what is neither, as it is."""
    if isinstance(told, dict):
        if _is_event(told):
            return [told]
        if isinstance(told.get("items"), list) and "total_count" in told:  # of a search
            return _items(told["items"], raw)
        said = told.get("message") if len(told) < 5 else None  # a commit has one too
        if said or told.keys() <= {"data", "errors", "extensions"}:
            said = said or "an answer of the GraphQL API, which is not read; ask the REST API"
            raise Malformed(f"no events but {printable(said, 200)}", raw)
        try:
            return list(things_of(told))
        except ValueError as error:
            raise Malformed(f"no events: {printable(error)}", raw) from None
    if not isinstance(told, list):
        raise Malformed(f"no events but {type(told).__name__}", raw)
    return told


def _is_event(item: dict[str, Any]) -> bool:
    return isinstance(item.get("type"), str) and ("payload" in item or item["type"].endswith("Event"))


def _made(item: Any, meta: Meta, counts: Counter[str]) -> Iterator[Event]:
    if isinstance(item, dict) and not _is_event(item):
        yield from (event_of(thing, meta) for thing in things_of(item))
    elif isinstance(item, Thing):
        yield event_of(item, meta)
    elif (event := _event(item, meta, counts)) is not None:
        yield event


def _event(item: Any, meta: Meta, counts: Counter[str]) -> Event | None:
    found = about(item)
    if item.get("public") is False:
        counts["private"] += 1
        return None
    if found.kind not in KINDS:
        counts[f"unknown_type_{printable(found.kind, 40)}"] += 1
    text = plain_text(found.text)
    if len(text) > MAX_TEXT:
        raise ValueError(f"its text has {len(text):,} characters; the limit is {MAX_TEXT:,}")
    is_commit = found.kind == "PushEvent"  # in commit messages # begins the number of an issue
    return build(
        meta,
        id=f"github:{meta.options.get('host', '')}:{numeric_id(item.get('id'))}",
        type=found.type,
        created_at=optional_time(item.get("created_at")),
        author=_author(found.login, found.actor),
        channel=found.repo,
        title=found.title,
        text=text,
        url=found.url,
        tags=() if is_commit else find_tags(text),
        links=find_links(text),
        item=item,
    )


def _author(login: str, actor: int | None) -> Author | None:
    return author_of(login, actor, url=f"https://github.com/{login}", bot=login.endswith("[bot]"))
