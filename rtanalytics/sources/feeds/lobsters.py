"""Lobsters' JSON: its lists of stories, and a story with the comments on it. No JSON Feed, but a feed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from rtanalytics.event import Author
from rtanalytics.sources.base import Malformed, printable
from rtanalytics.sources.feeds.items import Item

__all__ = ["is_lobsters", "read_lobsters"]

SITE = "https://lobste.rs"


def is_lobsters(raw: bytes) -> bool:
    """True if a document has a story where it begins."""
    return raw[:200].lstrip()[:1] in (b"[", b"{") and b'"short_id"' in raw[:2_000]


def read_lobsters(raw: bytes) -> tuple[list[Item], list[str], dict[str, Any]]:
    """The stories and comments of a document, the ids of what is no more, and what it says about itself.

    Raises
    ------
    Malformed
        If it is no JSON.
    """
    try:
        told = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(f"no feed: broken JSON: {printable(error)}", raw) from None
    items: list[Item] = []
    gone: list[str] = []
    for place, entry in enumerate(_unfolded(told if isinstance(told, list) else [told]), start=1):
        if entry.get("is_deleted") is True or entry.get("is_moderated") is True:
            gone.append(_page("c", entry))
        else:
            items.append(_item(place, entry))
    return items, gone, {"title": "Lobsters", "wait": None, "complete": True}


def _unfolded(stories: list[Any]) -> Iterator[dict[str, Any]]:
    """Stories, each with its comments after it, which learn of what they are about."""
    for story in stories:
        if not isinstance(story, dict):
            yield {"entry": story}
            continue
        comments = story.get("comments")
        yield {key: value for key, value in story.items() if key != "comments"}
        for comment in comments if isinstance(comments, list) else ():
            if isinstance(comment, dict):
                yield {**comment, "story": story.get("short_id")}


def _item(place: int, entry: dict[str, Any]) -> Item:
    if "comment" in entry:
        above, about = _text(entry.get("parent_comment")), _text(entry.get("story"))
        created, edited = _moment(entry.get("created_at")), _moment(entry.get("last_edited_at"))
        return Item(
            place=place,
            source=entry,
            id=_page("c", entry) or None,
            link=_text(entry.get("url")) or _text(entry.get("short_id_url")) or None,
            html=_text(entry.get("comment")) or None,
            text=_text(entry.get("comment_plain")) or None,
            published=created,
            updated=edited or _moment(entry.get("updated_at")),
            author=_author(entry.get("commenting_user")),
            reply_to=f"{SITE}/c/{above}" if above else f"{SITE}/s/{about}" if about else None,
            thread=f"{SITE}/s/{about}" if about else None,
        )
    tags = entry.get("tags")
    return Item(
        place=place,
        source=entry,
        id=_page("s", entry) or None,
        link=_text(entry.get("url")) or _text(entry.get("comments_url")) or None,
        title=" ".join(_text(entry.get("title")).split()) or None,
        html=_text(entry.get("description")) or None,
        published=_moment(entry.get("created_at")),
        author=_author(entry.get("submitter_user")),
        tags=[tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else [],
        comments=_text(entry.get("comments_url")) or None,
    )


def _page(kind: str, entry: dict[str, Any]) -> str:
    number = _text(entry.get("short_id"))
    return f"{SITE}/{kind}/{number}" if number else ""


def _author(told: object) -> Author | None:
    """A name; until 2024 an object with it."""
    name = printable(_text(told.get("username") if isinstance(told, dict) else told), 100)
    return Author(handle=name, url=f"{SITE}/~{name}") if name else None


def _moment(told: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(_text(told).strip())
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
