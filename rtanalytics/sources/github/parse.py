"""Bytes → events: a page of GitHub's events or one of them, a webhook, an answer of its REST API. Pure."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any

from rtanalytics.event import Author, Event, Ingest, is_web_url
from rtanalytics.normalize.github import KINDS, about
from rtanalytics.sources.base import Malformed, Meta, Parsed, printable
from rtanalytics.sources.github.things import Thing, event_of, things_of
from rtanalytics.sources.native import Reading, find_links, find_tags, lines_of, packed

__all__ = ["parse"]

EARLIEST = datetime(2008, 1, 1, tzinfo=UTC)
MAX_TEXT = 200_000
MAX_EVENTS = 1_000
MAX_LINKS, MAX_TAGS = 100, 50

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


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
    created, time_kind, claimed = _time(item.get("created_at"), meta.received_at)
    text = _CONTROLS.sub("", found.text.replace("\r\n", "\n").replace("\r", "\n"))
    if len(text) > MAX_TEXT:
        raise ValueError(f"its text has {len(text):,} characters; the limit is {MAX_TEXT:,}")
    said = found.kind != "PushEvent"  # what begins with # in a commit's message is a number of an issue
    return Event(
        id=f"github:{meta.options.get('host', '')}:{_number(item.get('id'))}",
        source=meta.source,
        type=found.type,
        created_at=created,
        received_at=meta.received_at,
        author=_author(found.login, found.actor),
        channel=_line(found.repo, 200) or None,
        title=(_line(found.title, 1_000) or None) if found.title else None,
        text=text,
        url=found.url,
        tags=_unlike(find_tags(text))[:MAX_TAGS] if said else [],
        links=list(dict.fromkeys(link for link in find_links(text) if is_web_url(link)))[:MAX_LINKS],
        ingest=Ingest(via="poll", connector=meta.connector, time_kind=time_kind, claimed_at=claimed),
        raw=packed(item),
    ).settled()


def _author(login: str, actor: int | None) -> Author | None:
    login = _line(login, 200).lstrip("@")
    if not login:
        return None
    return Author(
        handle=login,
        id=None if actor is None else str(actor),
        url=f"https://github.com/{login}",
        bot=login.endswith("[bot]"),
    )


def _number(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return str(value)
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,30}", value):
        return value
    raise ValueError("it has no id" if value is None else f"its id {ascii(value)[:60]} is no number")


def _time(value: Any, received: datetime) -> tuple[datetime, str, datetime | None]:
    """When it happened, how far to trust that, and the claim that was not believed."""
    try:
        claimed = datetime.fromisoformat(value)
        claimed = claimed.replace(tzinfo=UTC) if claimed.tzinfo is None else claimed.astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        return received, "observed", None
    return (claimed, "source", None) if claimed >= EARLIEST else (received, "observed", claimed)


def _line(text: str, length: int) -> str:
    return " ".join(_CONTROLS.sub(" ", text).split())[:length]


def _unlike(names: list[str]) -> list[str]:
    return list({name.casefold(): name for name in reversed(names)}.values())[::-1]
