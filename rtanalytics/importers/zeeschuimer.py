"""Importer for items from the browser extension Zeeschuimer, as it or 4CAT writes them (``.ndjson``).

Items of X, TikTok, Instagram, Threads and Truth Social are read; items of other platforms are rejected
with the name of the platform. Tweets and statuses get the same ids as in other exports.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from rtanalytics.event import Event, Media
from rtanalytics.importers.base import Options, Rejected
from rtanalytics.importers.common import author_of, build, event_or_rejected, find_tags, moment
from rtanalytics.importers.json_stream import sample, values
from rtanalytics.importers.mastodon import HOME, is_status
from rtanalytics.importers.parsed import Conversion
from rtanalytics.importers.reading import open_bytes
from rtanalytics.importers.twitter_web import is_web_tweet, web_tweet
from rtanalytics.normalize.text import language, word
from rtanalytics.normalize.values import InvalidValue, as_dict, as_dicts, as_text, numeric_id
from rtanalytics.untrusted import abbreviate

__all__ = ["ZEESCHUIMER"]

CONNECTOR = "zeeschuimer@1"
_MENTION = re.compile(r"(?<![\w@/.])@([A-Za-z0-9_](?:[A-Za-z0-9_.]{0,28}[A-Za-z0-9_])?)")


class _Zeeschuimer:
    """Importer for items from Zeeschuimer."""

    edits = False

    def recognises(self, path: Path, head: bytes) -> bool:
        """Return True for an item in Zeeschuimer's envelope, or an item of a known platform without it."""
        return any(_is_envelope(value) or _reader(value) is not None for value in sample(head))

    def read(self, path: Path, options: Options) -> Iterator[Event | ValueError]:
        """Yield the events of a file."""
        statuses: Conversion | None = None
        with open_bytes(path) as file:
            for item in values(path, file.read1):
                if isinstance(item, Rejected):
                    yield item
                elif is_status(inner := _inner(item.value)):
                    statuses = statuses or Conversion(HOME, "mastodon", CONNECTOR)
                    yield from statuses.events(inner, file=path, where=item.where, url=inner["uri"])
                else:
                    yield from event_or_rejected(_event, item.value, path, item.where, item.raw or None)
        if statuses is not None:
            yield from statuses.report()


ZEESCHUIMER = _Zeeschuimer()


def _is_envelope(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("data"), dict)
        and isinstance(value.get("source_platform"), str)
        and "timestamp_collected" in value
    )


def _inner(value: Any) -> dict[str, Any]:
    """Return the item in an envelope, or the value itself, because 4CAT writes items without envelopes."""
    return as_dict(value["data"]) if _is_envelope(value) else as_dict(value)


def _platform(value: Any) -> str:
    """Return the platform of an item, from its envelope or from ``__import_meta`` (4CAT), or ""."""
    holder = value if _is_envelope(value) else as_dict(value.get("__import_meta"))
    return as_text(holder.get("source_platform"))


def _event(value: Any) -> Event:
    if not isinstance(value, dict):
        raise InvalidValue(f"{abbreviate(value)} is not an item")
    item = _inner(value)
    if (reader := _reader(value)) is not None:
        return reader(item)
    if platform := _platform(value):
        raise InvalidValue(
            f"an item of {abbreviate(platform)[1:-1]} in which author, time or text is not found"
        )
    raise InvalidValue("not an item of a known platform")


def _reader(value: Any) -> Callable[[dict[str, Any]], Event] | None:
    """Return the function that converts an item, or None if its author, time or text is not found."""
    item = _inner(value)
    if is_web_tweet(item):
        return web_tweet
    author = item.get("author")
    if isinstance(item.get("desc"), str) and "createTime" in item and isinstance(author, dict | str):
        return _tiktok
    if isinstance(item.get("text"), str) and "create_time" in item and "aweme_id" in item:
        return _tiktok_comment
    user, owner = as_dict(item.get("user")), as_dict(item.get("owner"))
    if "taken_at" in item and isinstance(user.get("username"), str) and "caption" in item:
        return _threads if isinstance(item.get("text_post_app_info"), dict) else _instagram
    if "taken_at_timestamp" in item and isinstance(owner.get("username"), str):
        return _instagram_page
    return None


def _tiktok(item: dict[str, Any]) -> Event:
    author = item["author"]
    person = author if isinstance(author, dict) else {"uniqueId": author, "nickname": item.get("nickname")}
    native, handle = numeric_id(item.get("id")), word(person.get("uniqueId"))
    extras = as_dicts(item.get("textExtra"))
    return build(
        id=f"tiktok::{native}",
        source="tiktok",
        created_at=_seconds(item.get("createTime")),
        connector=CONNECTOR,
        author=author_of(
            handle, person.get("id"), person.get("nickname"), url=f"https://www.tiktok.com/@{handle}"
        ),
        text=item["desc"],
        url=f"https://www.tiktok.com/@{handle}/video/{native}",
        lang=language(item.get("textLanguage")),
        tags=[as_text(extra.get("hashtagName")) for extra in extras] + find_tags(item["desc"]),
        mentions=[as_text(extra.get("userUniqueId")) for extra in extras],
    )


def _tiktok_comment(item: dict[str, Any]) -> Event:
    user = as_dict(item.get("user"))
    native, video = numeric_id(item.get("cid")), numeric_id(item.get("aweme_id"))
    parent = word(item.get("reply_id"))
    handle = word(user.get("unique_id"))
    return build(
        id=f"tiktok::{native}",
        source="tiktok",
        type="reply",
        created_at=_seconds(item.get("create_time")),
        connector=CONNECTOR,
        author=author_of(
            handle, user.get("uid"), user.get("nickname"), url=f"https://www.tiktok.com/@{handle}"
        ),
        text=item["text"],
        lang=language(item.get("comment_language")),
        tags=find_tags(item["text"]),
        mentions=[as_text(extra.get("user_unique_id")) for extra in as_dicts(item.get("text_extra"))],
        reply_to=f"tiktok::{numeric_id(parent) if parent.strip('0') else video}",
        thread=f"tiktok::{video}",
    )


def _instagram(item: dict[str, Any]) -> Event:
    return _meta_post(item, "instagram", f"https://www.instagram.com/p/{word(item.get('code'))}/")


def _threads(item: dict[str, Any]) -> Event:
    handle = word(item["user"].get("username"))
    return _meta_post(item, "threads", f"https://www.threads.com/@{handle}/post/{word(item.get('code'))}")


def _meta_post(item: dict[str, Any], source: str, url: str) -> Event:
    """Return the event of a post of Instagram or Threads in the format of their apps' API."""
    user, caption = item["user"], as_dict(item.get("caption"))
    native = numeric_id(item.get("pk") or as_text(item.get("id")).partition("_")[0])
    text = as_text(caption.get("text"))
    reply = as_dict(as_dict(item.get("text_post_app_info")).get("reply_to_author"))
    return build(
        id=f"{source}::{native}",
        source=source,
        type="reply" if reply else "photo" if source == "instagram" else "post",
        created_at=_seconds(item.get("taken_at")),
        connector=CONNECTOR,
        author=author_of(user["username"], user.get("pk") or user.get("id"), user.get("full_name")),
        to=reply.get("username"),
        text=text,
        url=url,
        tags=find_tags(text),
        mentions=_handles(text),
        media=[
            Media(
                url=as_text(candidate.get("url")), alt=word(part.get("accessibility_caption"), 2_000) or None
            )
            for part in [*as_dicts(item.get("carousel_media")), item]
            for candidate in as_dicts(as_dict(part.get("image_versions2")).get("candidates"))[:1]
        ],
    )


def _instagram_page(item: dict[str, Any]) -> Event:
    """Return the event of a post of Instagram in the format of its web pages."""
    owner = item["owner"]
    captions = as_dicts(as_dict(item.get("edge_media_to_caption")).get("edges"))
    text = as_text(as_dict(captions[0].get("node")).get("text")) if captions else ""
    address = item.get("display_url")
    return build(
        id=f"instagram::{numeric_id(item.get('id'))}",
        source="instagram",
        type="photo",
        created_at=_seconds(item.get("taken_at_timestamp")),
        connector=CONNECTOR,
        author=author_of(owner["username"], owner.get("id"), owner.get("full_name")),
        text=text,
        url=f"https://www.instagram.com/p/{word(item.get('shortcode'))}/",
        tags=find_tags(text),
        mentions=_handles(text),
        media=[Media(url=address)] if isinstance(address, str) else [],
    )


def _handles(text: str) -> list[str]:
    return _MENTION.findall(text) if "@" in text else []


def _seconds(value: Any) -> datetime:
    """Return a time given in seconds since 1970, as a number or as text."""
    return moment(int(value) if isinstance(value, str) and value.isdecimal() and value.isascii() else value)
