"""Answers of the Stack Exchange API → events. Pure: used live, in tests, and for dead letters."""

from __future__ import annotations

import html as entities
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any

from rtanalytics.event import Author, Event, Ingest, is_web_url
from rtanalytics.sources.base import Malformed, Meta, Parsed, printable
from rtanalytics.sources.clean import clean_html, links, plain, plain_title
from rtanalytics.sources.jsonitems import document, edit_time, events_of, items_of, text_of, unix_time, whole

__all__ = ["parse"]

EMPTY = timedelta(hours=1)
"""How often to ask whether there is a new quota."""

_BESIDE = "came with another"
_NOT_SAID = ("timeline_type", "revision_guid", "badge_id", "notification_type")
_KINDS = (("comment_id", "comment"), ("answer_id", "answer"), ("question_id", "question"))


def parse(raw: bytes, meta: Meta) -> Parsed:
    """What the API says.

    Parameters
    ----------
    raw : bytes
        A page, or one question, answer, comment or post, as JSON. Answers and comments that a question
        has with it are read too, if they have a text: what is asked for with another filter has none.
    meta : Meta
        Which site it is (``options["site"]``) and when it was received.

    Returns
    -------
    Parsed
        ``next`` is ``more`` if there is another page. ``wait`` is what ``backoff`` demands; an hour
        at least once the quota is used up.

    Raises
    ------
    Malformed
        If it is none of them.

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
    told = document(raw, "answer of Stack Exchange")
    if not isinstance(told, dict):
        raise Malformed("no answer of Stack Exchange: no object", raw)
    if isinstance(told.get("items"), list):
        items = told["items"]
    elif any(key in told for key, _ in _KINDS) or "post_type" in told:
        items = [told]
    else:
        if said := printable(text_of(told.get("error_message")) or text_of(told.get("error_name")), 200):
            raise Malformed(f"no answer of Stack Exchange but an error: {said}", raw)
        raise Malformed("no answer of Stack Exchange: it has no items", raw)
    counts: dict[str, int] = {"items": len(items)}
    events, rejects, repeated = events_of(_unfolded(items), partial(_event, meta=meta, counts=counts))
    backoff, left = whole(told.get("backoff")), whole(told.get("quota_remaining"))
    wait = timedelta(seconds=min(backoff or 0, 86_400))
    if left == 0:
        wait = max(wait, EMPTY)
    return Parsed(
        events=events,
        rejects=rejects,
        wait=wait or None,
        next="more" if told.get("has_more") is True else None,
        counts={**counts, "repeated": repeated},
    )


def _unfolded(items: list[Any]) -> Iterator[tuple[str, Any]]:
    """Each item, and after it what it has with it."""
    for number, item in enumerate(items, start=1):
        yield f"item {number}", item
        if not isinstance(item, dict):
            continue
        for comment in items_of(item.get("comments")):
            yield f"item {number}, comment", _beside(comment)
        for answer in items_of(item.get("answers")):
            yield f"item {number}, answer", _beside(answer)
            if isinstance(answer, dict):
                for comment in items_of(answer.get("comments")):
                    yield f"item {number}, comment on an answer", _beside(comment)


def _beside(item: Any) -> Any:
    return {**item, _BESIDE: True} if isinstance(item, dict) else item


def _event(item: dict[str, Any], meta: Meta, counts: dict[str, int]) -> Event | None:
    beside = item.pop(_BESIDE, False)
    kind, key = next(((kind, key) for key, kind in _KINDS if key in item), (None, ""))
    if kind is None and item.get("post_type") in ("question", "answer"):
        kind, key = item["post_type"], "post_id"
    if kind is None or any(name in item for name in _NOT_SAID):
        raise ValueError("it is neither question nor answer nor comment: it has the number of none")
    number = whole(item.get(key))
    if number is None:
        raise ValueError(f"its {key} is no number: nothing to know it by")
    markup, markdown = text_of(item.get("body")), text_of(item.get("body_markdown"))
    text = plain(markup) if markup else entities.unescape(markdown)
    if not text and beside:
        counts["without_text"] = counts.get("without_text", 0) + 1
        return None
    url = text_of(item.get("link")).strip()
    cleaned = clean_html(markup, url) if markup else ""
    created = unix_time(item.get("creation_date"))
    asked = whole(item.get("post_id" if kind == "comment" else "question_id"))
    above = _id(meta, str(asked)) if kind != "question" and asked is not None else None
    title = plain_title(text_of(item.get("title"))) if kind == "question" else ""
    return Event(
        id=_id(meta, f"comment/{number}" if kind == "comment" else str(number)),
        source=meta.source,
        type=kind,
        created_at=created or meta.received_at,
        received_at=meta.received_at,
        edited_at=edit_time(unix_time(item.get("last_edit_date")), created, meta.received_at)
        if created
        else None,
        author=_author(item.get("owner")),
        title=title or None,
        text=text or None,
        html=cleaned or None,
        url=url if is_web_url(url) else None,
        tags=_tags(item.get("tags")) if kind == "question" else [],
        links=links(cleaned) if cleaned else [],
        reply_to=above,
        thread=above if kind == "answer" or item.get("post_type") == "question" else None,
        ingest=Ingest(connector=meta.connector, time_kind="source" if created else "observed"),
    )


def _id(meta: Meta, native: str) -> str:
    return f"stackexchange:{meta.options.get('site', meta.scope)}:{native}"


def _author(owner: object) -> Author | None:
    if not isinstance(owner, dict):
        return None
    handle = printable(plain_title(text_of(owner.get("display_name"))), 200)
    if not handle:
        return None
    user, url = whole(owner.get("user_id")), text_of(owner.get("link"))
    return Author(
        handle=handle,
        id=None if user is None else str(user),
        name=handle,
        url=url if is_web_url(url) else None,
    )


def _tags(found: object) -> list[str]:
    tags = (printable(tag, 100) for tag in items_of(found) if isinstance(tag, str))
    return list(dict.fromkeys(tag for tag in tags if tag))[:50]
