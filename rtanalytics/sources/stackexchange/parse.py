"""Parser of the responses of the Stack Exchange API; a pure function, also used for dead letters."""

from __future__ import annotations

import html as entities
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any

from rtanalytics.event import Author, Event, is_web_url
from rtanalytics.normalize.dates import optional_time
from rtanalytics.normalize.text import html_title
from rtanalytics.normalize.values import as_dict, as_list, as_text, require_dict, whole_number
from rtanalytics.sources.base import Malformed, Meta, Parsed, printable
from rtanalytics.sources.json_items import Reading, build, edit_time, load, read_html

__all__ = ["parse"]

EMPTY = timedelta(hours=1)
"""Wait if the quota is exhausted, until it is checked again."""

_OTHER_ITEMS = ("timeline_type", "revision_guid", "badge_id", "notification_type")
_KINDS = (("comment_id", "comment"), ("answer_id", "answer"), ("question_id", "question"))


def parse(raw: bytes, meta: Meta) -> Parsed:
    """Parse a response of the API.

    Parameters
    ----------
    raw : bytes
        JSON: a page, or one question, answer, comment or post. Answers and comments in a question are
        read too if they have a text, which depends on the filter of the request.
    meta : Meta
        ``options["site"]`` is the name of the site.

    Returns
    -------
    Parsed
        ``next`` is ``more`` if there is another page. ``wait`` is the ``backoff`` of the response, and
        at least an hour if the quota is exhausted.

    Raises
    ------
    Malformed
        If it is none of these.

    Examples
    --------
    >>> from datetime import datetime, UTC
    >>> meta = Meta(source="stackexchange:stackoverflow", scope="stackoverflow", connector="stackexchange@1",
    ...             received_at=datetime(2026, 5, 15, 9, tzinfo=UTC), options={"site": "stackoverflow"})
    >>> raw = b'{"question_id": 7, "title": "Why &lt;b&gt;?", "creation_date": 1778835600, "tags": ["html"]}'
    >>> [event] = parse(raw, meta).events
    >>> event.id, event.title, event.tags
    ('stackexchange:stackoverflow:7', 'Why <b>?', ['html'])
    """
    data = load(raw, "response of Stack Exchange")
    if not isinstance(data, dict):
        raise Malformed("invalid response of Stack Exchange: not a JSON object", raw)
    if isinstance(data.get("items"), list):
        items = data["items"]
    elif any(key in data for key, _ in _KINDS) or "post_type" in data:
        items = [data]
    else:
        if message := printable(as_text(data.get("error_message")) or as_text(data.get("error_name")), 200):
            raise Malformed(f"an error of Stack Exchange: {message}", raw)
        raise Malformed("invalid response of Stack Exchange: it has no items", raw)
    reading = Reading(meta, unique=True)
    reading.counts.update(items=len(items), repeated=0)
    for where, item, inside in _flatten(items):
        reading.item(item, where, partial(_events, item, reading, inside=inside))
    backoff, left = whole_number(data.get("backoff")), whole_number(data.get("quota_remaining"))
    wait = timedelta(seconds=min(backoff or 0, 86_400))
    if left == 0:
        wait = max(wait, EMPTY)
    return reading.parsed(wait=wait or None, next="more" if data.get("has_more") is True else None)


def _flatten(items: list[Any]) -> Iterator[tuple[str, Any, bool]]:
    """Yield each item and those in it: its position, the item, and True if it was in another one."""
    for number, item in enumerate(items, start=1):
        where = f"item {number}"
        yield where, item, False
        for comment in as_list(as_dict(item).get("comments")):
            yield f"{where}, comment", comment, True
        for answer in as_list(as_dict(item).get("answers")):
            yield f"{where}, answer", answer, True
            for comment in as_list(as_dict(answer).get("comments")):
                yield f"{where}, comment on an answer", comment, True


def _events(item: Any, reading: Reading, *, inside: bool) -> Iterator[Event]:
    item, meta = require_dict(item), reading.meta
    kind, key = next(((kind, key) for key, kind in _KINDS if key in item), (None, ""))
    if kind is None and item.get("post_type") in ("question", "answer"):
        kind, key = item["post_type"], "post_id"
    if kind is None or any(name in item for name in _OTHER_ITEMS):
        raise ValueError("it is not a question, answer or comment: it has none of their ids")
    number = whole_number(item.get(key))
    if number is None:
        raise ValueError(f"its {key} is not a number, so it has no id")
    markup, markdown = as_text(item.get("body")), as_text(item.get("body_markdown"))
    url = as_text(item.get("link")).strip()
    text, html, links = read_html(markup, url)
    text = text if markup else entities.unescape(markdown)
    if not text and inside:
        reading.counts["without_text"] += 1
        return
    created = optional_time(item.get("creation_date"))
    question = whole_number(item.get("post_id" if kind == "comment" else "question_id"))
    parent = _id(meta, str(question)) if kind != "question" and question is not None else None
    title = html_title(as_text(item.get("title"))) if kind == "question" else ""
    yield build(
        meta,
        id=_id(meta, f"comment/{number}" if kind == "comment" else str(number)),
        type=kind,
        created_at=created,
        edited_at=edit_time(optional_time(item.get("last_edit_date")), created),
        author=_author(item.get("owner")),
        title=title or None,
        text=text or None,
        html=html,
        url=url,
        tags=filter(None, map(as_text, as_list(item.get("tags")))) if kind == "question" else (),
        links=links,
        reply_to=parent,
        thread=parent if kind == "answer" or item.get("post_type") == "question" else None,
        item=item,
    )


def _id(meta: Meta, native: str) -> str:
    return f"stackexchange:{meta.options.get('site', meta.scope)}:{native}"


def _author(owner: object) -> Author | None:
    if not isinstance(owner, dict):
        return None
    handle = printable(html_title(as_text(owner.get("display_name"))), 200)
    if not handle:
        return None
    user, url = whole_number(owner.get("user_id")), as_text(owner.get("link"))
    return Author(
        handle=handle,
        id=None if user is None else str(user),
        name=handle,
        url=url if is_web_url(url) else None,
    )
