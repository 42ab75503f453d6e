"""Parser of the responses of the search and of the item API; a pure function, also used for dead letters."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from functools import partial
from typing import Any
from urllib.parse import quote

from rtanalytics.event import Author, Event, is_web_url
from rtanalytics.normalize.dates import optional_time
from rtanalytics.normalize.text import html_title
from rtanalytics.normalize.values import as_list, as_text, require_dict, whole_number
from rtanalytics.sources.base import Malformed, Meta, Parsed, printable
from rtanalytics.sources.hackernews import PREFIX
from rtanalytics.sources.json_items import Reading, build, digest_of, edit_time, load, read_html

__all__ = ["parse"]

SITE = "https://news.ycombinator.com/"

_TYPES = {"story": "story", "comment": "reply", "job": "job", "poll": "poll", "pollopt": "option"}


def parse(raw: bytes, meta: Meta) -> Parsed:
    """Parse a response of the search or of the item API.

    Parameters
    ----------
    raw : bytes
        JSON: a page of hits, one hit, one item, or a list of them; also an item of the search that
        contains its comments. ``null``, which the item API returns for an unknown number, is counted as
        ``absent``.
    meta : Meta
        The time of receipt is used.

    Raises
    ------
    Malformed
        If it is none of these.

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
    data = load(raw, "response of Hacker News")
    if data is None:
        return Parsed(counts={"absent": 1})
    if isinstance(data, dict) and isinstance(data.get("hits"), list):
        items = data["hits"]
    elif isinstance(data, dict) and ("objectID" in data or "id" in data):
        items = list(_tree(data))
    elif isinstance(data, list):
        items = data
        if items and all(isinstance(item, int) for item in items):
            raise Malformed("item numbers only; each item is at /v0/item/NUMBER.json", raw)
    else:
        raise Malformed("invalid response of Hacker News: neither hits nor an item", raw)
    reading = Reading(meta, unique=True)
    reading.counts.update(hits=len(items), repeated=0)
    reading.items(items, partial(_events, reading=reading))
    return reading.parsed()


def _tree(item: dict[str, Any]) -> Iterator[Any]:
    """Yield an item and all comments below it, which ``/items`` of the search contains."""
    waiting: deque[Any] = deque([item])
    while waiting:
        item = waiting.popleft()
        if isinstance(item, dict) and (children := as_list(item.get("children"))):
            waiting += [child for child in children if not isinstance(child, int)]  # of some, only the number
            item = {**item, "children": None}
        yield item


def _events(item: Any, reading: Reading) -> Iterator[Event]:
    item, meta, counts = require_dict(item), reading.meta, reading.counts
    is_hit = "objectID" in item
    number = whole_number(item.get("objectID") if is_hit else item.get("id"))
    if "karma" in item:
        raise ValueError("it is an account, not an item")
    if number is None:
        raise ValueError("it has no number, so no id")
    kind = _kind(item, counts) if is_hit else as_text(item.get("type"))
    type_ = _TYPES.get(kind)
    if type_ is None:
        type_ = f"x:{printable(kind, 40) or 'item'}"
        counts["unknown_type"] += 1
    times = (optional_time(item.get(key)) for key in ("time", "created_at_i", "created_at"))
    created = next(filter(None, times), None)
    deleted = item.get("deleted") is True or item.get("dead") is True
    parent = whole_number(item.get("parent_id") if "parent_id" in item else item.get("parent"))
    story = whole_number(item.get("story_id"))
    if type_ == "option":
        parent = story = whole_number(item.get("poll")) or story
    markup, target = _content(item)
    text, html, links = read_html(markup, SITE)
    title = html_title(as_text(item.get("title"))) or None
    yield build(
        meta,
        id=f"{PREFIX}{number}",
        type=type_,
        op="delete" if deleted else "create",
        created_at=created,
        # neither API has times of edits; a deletion gets the time at which it was seen
        edited_at=edit_time(meta.received_at, created) if deleted else None,
        rev=digest_of("delete") if deleted else digest_of(title, text, target),
        author=_author(item.get("author") or item.get("by")),
        title=title,
        text=text or None,
        html=html,
        url=f"{SITE}item?id={number}",
        links=[target, *links] if target else links,
        reply_to=f"{PREFIX}{parent}" if parent is not None and type_ in {"reply", "option"} else None,
        thread=f"{PREFIX}{story}" if story is not None and type_ in {"reply", "option"} else None,
        item=item,
    )


def _kind(item: dict[str, Any], counts: Counter[str]) -> str:
    """Return the kind of a hit, which is one of its tags."""
    tags = as_list(item.get("_tags"))
    for kind in ("comment", "pollopt", "story", "job", "poll"):
        if kind in tags:
            return kind
    counts["unknown_tags"] += 1
    return "comment" if as_text(item.get("comment_text")) else "story"


def _content(item: dict[str, Any]) -> tuple[str, str | None]:
    """Return the HTML of an item and the URL that a story links to."""
    html = next((t for k in ("comment_text", "story_text", "text") if (t := as_text(item.get(k)))), "")
    target = as_text(item.get("url")).strip()
    return html, target if is_web_url(target) else None


def _author(name: object) -> Author | None:
    handle = printable(as_text(name), 100)
    return Author(handle=handle, id=handle, url=f"{SITE}user?id={quote(handle)}") if handle else None
