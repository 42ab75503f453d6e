"""Answers of the search and of the item API → events. Pure: used live, in tests, and for dead letters."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from functools import partial
from hashlib import blake2b
from typing import Any
from urllib.parse import quote

from rtanalytics.event import Author, Event, is_web_url
from rtanalytics.normalize.values import as_list, as_text, optional_time, require_dict, whole_number
from rtanalytics.sources.base import Malformed, Meta, Parsed, printable
from rtanalytics.sources.clean import clean_html, links, plain, plain_title
from rtanalytics.sources.hackernews import PREFIX
from rtanalytics.sources.json_items import Reading, build, edit_time, load

__all__ = ["parse"]

SITE = "https://news.ycombinator.com/"

_TYPES = {"story": "story", "comment": "reply", "job": "job", "poll": "poll", "pollopt": "option"}


def parse(raw: bytes, meta: Meta) -> Parsed:
    """What the search or the item API says.

    Parameters
    ----------
    raw : bytes
        A page of hits, one hit, one item, or a list of them, as JSON; also an item of the search with
        its comments in it. ``null``, which the item API says of a number that it does not have, gives
        nothing and is counted as ``absent``.
    meta : Meta
        When it was received.

    Raises
    ------
    Malformed
        If it is none of them.

    Examples
    --------
    >>> from datetime import datetime, UTC
    >>> meta = Meta(source="hackernews", scope="pycon", connector="hackernews@1",
    ...             received_at=datetime(2026, 5, 15, 9, tzinfo=UTC))
    >>> raw = b'{"id": 7, "type": "comment", "time": 1778835600, "parent": 6, "text": "I&#x27;m in"}'
    >>> [event] = parse(raw, meta).events
    >>> event.id, event.text, event.reply_to
    ('hackernews::7', "I'm in", 'hackernews::6')
    """
    told = load(raw, "answer of Hacker News")
    if told is None:
        return Parsed(counts={"absent": 1})
    if isinstance(told, dict) and isinstance(told.get("hits"), list):
        items = told["hits"]
    elif isinstance(told, dict) and ("objectID" in told or "id" in told):
        items = list(_tree(told))
    elif isinstance(told, list):
        items = told
        if items and all(isinstance(item, int) for item in items):
            raise Malformed(
                "no answer of Hacker News: numbers of items only; each is at /v0/item/NUMBER.json", raw
            )
    else:
        raise Malformed("no answer of Hacker News: neither hits nor an item", raw)
    reading = Reading(meta, unique=True)
    reading.counts.update(hits=len(items), repeated=0)
    for number, item in enumerate(items, start=1):
        reading.item(item, f"item {number}", partial(_events, item, reading))
    return reading.parsed()


def _tree(item: dict[str, Any]) -> Iterator[Any]:
    """An item, and the comments in it, as the search has them under ``/items``; each without those in it."""
    waiting: deque[Any] = deque([item])
    while waiting:
        found = waiting.popleft()
        if isinstance(found, dict) and (below := as_list(found.get("children"))):
            below = [
                item for item in below if not isinstance(item, int)
            ]  # numbers of those that are not here
            waiting += below
            found = {**found, "children": None}
        yield found


def _events(item: Any, reading: Reading) -> Iterator[Event]:
    item, meta, counts = require_dict(item), reading.meta, reading.counts
    found = "objectID" in item
    number = whole_number(item.get("objectID") if found else item.get("id"))
    if "karma" in item:
        raise ValueError("it is an account, nothing that anybody said")
    if number is None:
        raise ValueError("it has no number: nothing to know it by")
    kind = _kind(item, counts) if found else as_text(item.get("type"))
    type_ = _TYPES.get(kind)
    if type_ is None:
        type_ = f"x:{printable(kind, 40) or 'item'}"
        counts["unknown_type"] += 1
    told = optional_time(item.get("time")) or optional_time(item.get("created_at_i"))
    created = told or optional_time(item.get("created_at"))
    gone = item.get("deleted") is True or item.get("dead") is True
    parent = whole_number(item.get("parent_id") if "parent_id" in item else item.get("parent"))
    story = whole_number(item.get("story_id"))
    if type_ == "option":
        parent = story = whole_number(item.get("poll")) or story
    html, target = _content(item)
    text = plain(html) if html else None
    title = plain_title(as_text(item.get("title"))) or None
    cleaned = clean_html(html, SITE) if html else None
    pointed = [target] if target else []
    yield build(
        meta,
        id=f"{PREFIX}{number}",
        type=type_,
        op="delete" if gone else "create",
        created_at=created,
        # neither API says when something was edited; of a deletion, when it was seen is told
        edited_at=edit_time(meta.received_at, created, meta.received_at) if gone else None,
        rev=_rev("delete") if gone else _rev(title, text, target),
        author=_author(item.get("author") or item.get("by")),
        title=None if gone else title,
        text=None if gone else text or None,
        html=None if gone else cleaned or None,
        url=f"{SITE}item?id={number}",
        links=[] if gone else list(dict.fromkeys(pointed + (links(cleaned) if cleaned else []))),
        reply_to=f"{PREFIX}{parent}" if parent is not None and type_ in {"reply", "option"} else None,
        thread=f"{PREFIX}{story}" if story is not None and type_ in {"reply", "option"} else None,
        item=item,
    )


def _kind(item: dict[str, Any], counts: Counter[str]) -> str:
    """What a hit is: the search says so among its tags."""
    tags = as_list(item.get("_tags"))
    for kind in ("comment", "pollopt", "story", "job", "poll"):
        if kind in tags:
            return kind
    counts["unknown_tags"] += 1
    return "comment" if as_text(item.get("comment_text")) else "story"


def _content(item: dict[str, Any]) -> tuple[str, str | None]:
    """The HTML that was written, and the address that a story points to."""
    html = next((t for k in ("comment_text", "story_text", "text") if (t := as_text(item.get(k)))), "")
    target = as_text(item.get("url")).strip()
    return html, target if is_web_url(target) else None


def _author(name: object) -> Author | None:
    handle = printable(as_text(name), 100)
    return Author(handle=handle, id=handle, url=f"{SITE}user?id={quote(handle)}") if handle else None


def _rev(*parts: str | None) -> str:
    joined = "\0".join(part or "" for part in parts)
    return blake2b(joined.encode("utf-8", "replace"), digest_size=16).hexdigest()
