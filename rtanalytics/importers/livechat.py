"""Importer for live chats of videos, from yt-dlp, chat-downloader and YouTube's Data API.

The id of a message is ``youtube::<its id>`` (``twitch::`` for a chat of Twitch). The id of the video is
taken from the name of the file or from ``--channel``, because the file does not contain it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from rtanalytics.event import Author, Event
from rtanalytics.importers.base import Options, Rejected, Skipped
from rtanalytics.importers.common import (
    author_of,
    build,
    event_or_rejected,
    find_links,
    find_tags,
    moment,
    word,
)
from rtanalytics.importers.json_stream import sample, values
from rtanalytics.importers.reading import open_bytes
from rtanalytics.normalize.values import InvalidValue, as_dict, as_dicts, as_list, as_text
from rtanalytics.untrusted import abbreviate

__all__ = ["LIVECHAT"]

CONNECTOR = "live-chat@1"
_VIDEO = re.compile(r"(?<![\w-])(?P<id>[A-Za-z0-9_-]{11})\]?(?:\.live_chat)?\.jsonl?(?:\.gz|\.zst)?$")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_RENDERERS = {
    "liveChatTextMessageRenderer": "message", "liveChatPaidMessageRenderer": "message",
    "liveChatMembershipItemRenderer": "message", "liveChatPaidStickerRenderer": "message",
}  # fmt: skip
"""Types of items that people wrote; items of all other types are notices of YouTube."""

_TYPES = {
    "text_message", "paid_message", "membership_item", "paid_sticker", "donation_announcement",
    "resubscription", "subscription", "user_notice", "highlighted_message", "announcement",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class _Message:
    """Fields of a message that the files of all tools contain."""

    id: str
    at: datetime
    author: Author | None
    text: str
    service: str = "youtube"


class _LiveChat:
    """Importer for live chats."""

    edits = True

    def recognises(self, path: Path, head: bytes) -> bool:
        """Return True if the file has messages with author, time and text, or actions of YouTube's chat."""
        items = [item for value in sample(head) for item in (value, *_items(value))]
        return any(_is_action(item) or _is_downloaded(item) or _is_resource(item) for item in items)

    def read(self, path: Path, options: Options) -> Iterator[Event | ValueError]:
        """Yield the events of a file."""
        chat = _Chat(path, options)
        with open_bytes(path) as file:
            for item in values(path, file.read, ("items",)):
                if isinstance(item, Rejected):
                    yield item
                    continue
                for value in chat.parts(item.value):
                    yield from event_or_rejected(chat.event, value, path, item.where)
        if chat.notices:
            yield Skipped("notices of the chat, such as pinned messages and tickers", chat.notices)


LIVECHAT = _LiveChat()


def _items(value: Any) -> list[Any]:
    return as_list(value.get("items")) if isinstance(value, dict) else []


def _is_action(value: Any) -> bool:
    """Return True for a line of yt-dlp, which has one or more actions of YouTube's chat."""
    if not isinstance(value, dict):
        return False
    actions = as_dict(value.get("replayChatItemAction")).get("actions")
    return isinstance(actions, list) or isinstance(as_dict(value.get("addChatItemAction")).get("item"), dict)


def _is_downloaded(value: Any) -> bool:
    """Return True for a message of chat-downloader."""
    return (
        isinstance(value, dict)
        and isinstance(value.get("message_type"), str)
        and isinstance(value.get("author"), dict)
        and "message" in value
        and ("timestamp" in value or "time_in_seconds" in value)
    )


def _is_resource(value: Any) -> bool:
    """Return True for a message of YouTube's Data API."""
    return (
        isinstance(value, dict)
        and value.get("kind") == "youtube#liveChatMessage"
        and isinstance(value.get("snippet"), dict)
    )


class _Chat:
    """Converter from the messages of a chat to events."""

    def __init__(self, path: Path, options: Options) -> None:
        found = _VIDEO.search(path.name)
        self._channel = options.channel or (found["id"] if found else "live chat")
        self._last: datetime | None = None
        self.notices = 0

    def parts(self, value: Any) -> Iterator[Any]:
        """Yield the actions of a line, or the items of a page."""
        if not isinstance(value, dict):
            yield value
        elif isinstance(actions := as_dict(value.get("replayChatItemAction")).get("actions"), list):
            yield from actions
        elif isinstance(value.get("items"), list):
            yield from value["items"]
        else:
            yield value

    def event(self, value: Any) -> Event | None:
        """Return the event of an action or a message, or None for a notice."""
        if not isinstance(value, dict):
            raise InvalidValue(f"{abbreviate(value)} is not a message")
        removed = as_dict(value.get("markChatItemAsDeletedAction") or value.get("removeChatItemAction"))
        if removed:
            return self._deletion(word(removed.get("targetItemId")))
        if _is_downloaded(value):
            message = _downloaded(value)
        elif _is_resource(value):
            message = _resource(value)
        else:
            replaced = as_dict(value.get("replaceChatItemAction")).get("replacementItem")
            message = _rendered(as_dict(as_dict(value.get("addChatItemAction")).get("item") or replaced))
            if message is None and not any(key.endswith(("Action", "Command", "Params")) for key in value):
                raise InvalidValue("not a message of a live chat")
        if message is None:
            self.notices += 1
            return None
        self._last = message.at
        return build(
            id=f"{message.service}::{message.id}",
            source=message.service,
            type="message",
            created_at=message.at,
            connector=CONNECTOR,
            author=message.author,
            channel=self._channel,
            text=message.text,
            tags=find_tags(message.text),
            mentions=re.findall(r"(?<![\w@])@([\w.-]{2,60})", message.text),
            links=find_links(message.text),
        )

    def _deletion(self, native: str) -> Event | None:
        """Return the deletion of a message; it has no time, so the time of the previous message is used."""
        if not native or self._last is None:
            self.notices += 1
            return None
        return build(
            id=f"youtube::{native}", source="youtube", type="message", op="delete", created_at=self._last,
            edited_at=self._last, connector=CONNECTOR, channel=self._channel,
        )  # fmt: skip


def _required_id(value: Any) -> str:
    native = word(value)
    if not native:
        raise InvalidValue("the message has no id")
    return native


def _microseconds(value: Any) -> datetime:
    if isinstance(value, str) and value.isdecimal():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidValue("the message has no time")
    return moment(value / 1_000_000)


def _rendered(item: dict[str, Any]) -> _Message | None:
    """Return the message in an item of YouTube's page, or None for a notice."""
    name = next((name for name in item if name in _RENDERERS), None)
    if name is None:
        return None
    content = as_dict(item[name])
    text = _runs(content.get("message")) or _runs(content.get("headerSubtext"))
    author, native = _runs(content.get("authorName")), content.get("authorExternalChannelId")
    return _Message(
        id=_required_id(content.get("id")),
        at=_microseconds(content.get("timestampUsec")),
        author=author_of(author or native, native),
        text=text,
    )


def _runs(value: Any) -> str:
    """Return the plain text of a text object of YouTube's page; custom emoji become their names."""
    value = as_dict(value)
    if isinstance(value.get("simpleText"), str):
        return str(value["simpleText"])
    pieces = []
    for run in as_dicts(value.get("runs")):
        emoji = as_dict(run.get("emoji"))
        if emoji:
            shortcuts = [text for text in as_list(emoji.get("shortcuts")) if isinstance(text, str)]
            is_custom = emoji.get("isCustomEmoji") is True or not as_text(emoji.get("emojiId"))
            pieces.append(shortcuts[0] if is_custom and shortcuts else as_text(emoji.get("emojiId")))
        else:
            pieces.append(as_text(run.get("text")))
    return "".join(pieces)


def _downloaded(value: dict[str, Any]) -> _Message | None:
    """Return the message in an item of chat-downloader, or None for a notice."""
    text = value.get("message")
    if value["message_type"] not in _TYPES and not value["message_type"].endswith("message"):
        return None
    if text is None:
        text = as_text(value.get("header_secondary_text")) or as_text(value.get("system_message"))
    if not isinstance(text, str):
        raise InvalidValue(f"message {abbreviate(text)} is not text")
    author, native = value["author"], _required_id(value.get("message_id"))
    if value.get("timestamp") is None:
        raise InvalidValue("only its place in the video is known; download the chat again with its times")
    handle, name = word(author.get("name")), word(author.get("display_name"))
    return _Message(
        id=native,
        at=_microseconds(value["timestamp"]),
        author=author_of(handle or name or author.get("id"), author.get("id"), name or None),
        text=text,
        service="twitch" if _UUID.fullmatch(native) else "youtube",
    )


def _resource(value: dict[str, Any]) -> _Message | None:
    """Return the message in an item of YouTube's Data API, or None for a notice."""
    snippet, person = value["snippet"], as_dict(value.get("authorDetails"))
    text = snippet.get("displayMessage")
    if not isinstance(text, str):
        return None
    native = person.get("channelId") or snippet.get("authorChannelId")
    return _Message(
        id=_required_id(value.get("id")),
        at=moment(snippet.get("publishedAt")),
        author=author_of(person.get("displayName") or native, native),
        text=text,
    )
