"""JSON of Lobsters: lists of stories, and a story with its comments. It is not in the JSON Feed format.

Other sites use the same software, so the site is taken from the URLs of the items.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from rtanalytics.event import Author
from rtanalytics.normalize.dates import optional_time
from rtanalytics.normalize.values import as_list, as_text
from rtanalytics.sources.base import printable
from rtanalytics.sources.clean import one_line
from rtanalytics.sources.feeds.items import Item
from rtanalytics.sources.json_items import load

__all__ = ["is_lobsters", "read_lobsters"]

SITE = "https://lobste.rs"
_SITE = re.compile(r"(https?://[^/\s]{1,200})/[cs]/")


def is_lobsters(raw: bytes) -> bool:
    """Return True if a document is the JSON of Lobsters, judging by its beginning."""
    return raw[:200].lstrip()[:1] in (b"[", b"{") and b'"short_id"' in raw[:2_000]


def read_lobsters(raw: bytes) -> tuple[list[Item], list[str], dict[str, Any]]:
    """Return the stories and comments of a document, the ids of deleted items, and facts about it.

    Raises
    ------
    Malformed
        If it is not JSON.
    """
    stories = load(raw, "feed")
    items: list[Item] = []
    deleted: list[str] = []
    for place, entry in enumerate(_flatten(stories if isinstance(stories, list) else [stories]), start=1):
        if entry.get("is_deleted") is True or entry.get("is_moderated") is True:
            deleted.append(_page("c", entry))
        else:
            items.append(_item(place, entry))
    return items, deleted, {"title": None, "wait": None, "complete": True}


def _flatten(stories: list[Any]) -> Iterator[dict[str, Any]]:
    """Yield each story, then its comments with the id of the story."""
    for story in stories:
        if not isinstance(story, dict):
            yield {"entry": story}
            continue
        yield {key: value for key, value in story.items() if key != "comments"}
        for comment in as_list(story.get("comments")):
            if isinstance(comment, dict):
                yield {**comment, "story": story.get("short_id")}


def _item(place: int, entry: dict[str, Any]) -> Item:
    if "comment" in entry:
        site = _site(entry)
        parent, story = as_text(entry.get("parent_comment")), as_text(entry.get("story"))
        created, edited = optional_time(entry.get("created_at")), optional_time(entry.get("last_edited_at"))
        return Item(
            place=place,
            source=entry,
            id=_page("c", entry) or None,
            link=as_text(entry.get("url")) or as_text(entry.get("short_id_url")) or None,
            html=as_text(entry.get("comment")) or None,
            text=as_text(entry.get("comment_plain")) or None,
            published=created,
            updated=edited or optional_time(entry.get("updated_at")),
            author=_author(entry.get("commenting_user"), site),
            reply_to=f"{site}/c/{parent}" if parent else f"{site}/s/{story}" if story else None,
            thread=f"{site}/s/{story}" if story else None,
        )
    return Item(
        place=place,
        source=entry,
        id=_page("s", entry) or None,
        link=as_text(entry.get("url")) or as_text(entry.get("comments_url")) or None,
        title=one_line(as_text(entry.get("title"))) or None,
        html=as_text(entry.get("description")) or None,
        published=optional_time(entry.get("created_at")),
        author=_author(entry.get("submitter_user"), _site(entry)),
        tags=[tag for tag in as_list(entry.get("tags")) if isinstance(tag, str)],
        comments=as_text(entry.get("comments_url")) or None,
    )


def _page(kind: str, entry: dict[str, Any]) -> str:
    number = as_text(entry.get("short_id"))
    return f"{_site(entry)}/{kind}/{number}" if number else ""


def _site(entry: dict[str, Any]) -> str:
    match = _SITE.match(as_text(entry.get("short_id_url")))
    return match[1] if match else SITE


def _author(user: object, site: str) -> Author | None:
    """Return an author; until 2024 the JSON had an object with the name."""
    name = printable(as_text(user.get("username") if isinstance(user, dict) else user), 100)
    return Author(handle=name, url=f"{site}/~{name}") if name else None
