"""JSON Feed (https://jsonfeed.org/version/1.1), which feedparser 6.0 does not read."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from rtanalytics.event import Author, Media, is_web_url
from rtanalytics.normalize.dates import optional_time
from rtanalytics.normalize.values import as_dicts, as_list, as_text
from rtanalytics.sources.base import Malformed, Meta, printable
from rtanalytics.sources.clean import one_line
from rtanalytics.sources.feeds.items import Item, language, person, several, shared_links

__all__ = ["is_json", "read_json"]


def is_json(raw: bytes) -> bool:
    """Return True if a document begins like a JSON object; the media type is often wrong."""
    return raw[:200].removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{"


def read_json(raw: bytes, meta: Meta) -> tuple[Iterable[Item], dict[str, Any]]:
    """Return the entries of a document, and facts about it, as :func:`read_xml` does.

    Raises
    ------
    Malformed
        If it is not a JSON Feed.
    """
    try:
        feed = msgspec.json.decode(raw.removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(f"not a feed: broken JSON: {printable(error)}") from None
    version, entries = str(feed.get("version")), feed.get("items")
    is_json_feed = "jsonfeed.org/version/" in version or re.fullmatch(r"1(\.\d)?", version.strip())
    if not is_json_feed or not isinstance(entries, list):
        raise Malformed("not a feed: JSON, but not a JSON Feed, which has a version and items")
    author = _author(feed)
    lang = language(feed.get("language"), meta.language)
    links = (_link(entry) for entry in as_dicts(entries) if not _identity(entry))
    shared = shared_links(links, as_text(feed.get("home_page_url")))
    items = (
        _item(number, entry if isinstance(entry, dict) else {"entry": entry}, author, lang, shared)
        for number, entry in enumerate(entries, start=1)
    )
    return items, {"title": printable(as_text(feed.get("title"))) or None, "wait": None, "complete": True}


def _identity(entry: dict[str, Any]) -> str:
    native = entry.get("id")
    if isinstance(native, float) and native.is_integer():
        native = int(native)
    # The specification does not allow numbers, but they are common.
    return str(native) if isinstance(native, (str, int, float)) and not isinstance(native, bool) else ""


def _link(entry: dict[str, Any]) -> str | None:
    return as_text(entry.get("url")).strip() or as_text(entry.get("external_url")).strip() or None


def _item(
    number: int,
    entry: dict[str, Any],
    author: Author | None,
    lang: str | None,
    shared: frozenset[str],
) -> Item:
    published, updated = _date(entry.get("date_published")), _date(entry.get("date_modified"))
    return Item(
        place=number,
        source=entry,
        id=_identity(entry) or None,
        link=(link := _link(entry)),
        shared=link in shared,
        title=one_line(as_text(entry.get("title"))) or None,
        html=as_text(entry.get("content_html")) or None,
        text=as_text(entry.get("content_text")) or as_text(entry.get("summary")) or None,
        published=optional_time(published),
        updated=optional_time(updated),
        date=published or updated,
        author=_author(entry) or author,
        tags=[tag for tag in as_list(entry.get("tags")) if isinstance(tag, str)],
        media=_media(entry),
        lang=language(entry.get("language"), lang),
    )


def _author(context: dict[str, Any]) -> Author | None:
    listed = as_dicts(context.get("authors")) or as_dicts([context.get("author")])
    return several(person(as_text(who.get("name")), as_text(who.get("url"))) for who in listed)


def _media(entry: dict[str, Any]) -> list[Media]:
    media: dict[str, Media] = {}
    for name in ("image", "banner_image"):
        if is_web_url(url := as_text(entry.get(name))):
            media.setdefault(url, Media(url=url))
    for attachment in as_list(entry.get("attachments")):
        if isinstance(attachment, dict) and is_web_url(url := as_text(attachment.get("url"))):
            mime = printable(as_text(attachment.get("mime_type")).lower(), 100)
            kind = mime.partition("/")[0]
            kind = kind if kind in {"image", "video", "audio"} else "file"
            media.setdefault(url, Media(url=url, kind=kind, mime=mime or None))
    return list(media.values())


def _date(date: object) -> str:
    """Return a date as written; some feeds have seconds since 1970, against the specification."""
    return str(date) if isinstance(date, int) and not isinstance(date, bool) else as_text(date)
