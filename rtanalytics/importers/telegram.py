"""Importer for JSON exports of Telegram Desktop: one chat, or all chats of an account.

The id of a message is ``telegram:<chat's id>:<its id>``. Private chats, with one person or a group, are
left out unless requested. A topic of a forum is a thread; its id is the message that created the topic.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from rtanalytics.event import Event
from rtanalytics.importers.base import ImporterError, Options, Rejected, Skipped
from rtanalytics.importers.bundle import bundle
from rtanalytics.importers.common import (
    LatestItems,
    author_of,
    build,
    event_or_rejected,
    find_links,
    find_tags,
    moment,
    word,
    zone_of,
)
from rtanalytics.importers.exports import files_of, first_member, opened
from rtanalytics.importers.json_places import Place, values_at
from rtanalytics.importers.json_stream import sample
from rtanalytics.importers.reading import begins
from rtanalytics.normalize.values import InvalidValue, as_dict, as_dicts, as_list, as_text, numeric_id
from rtanalytics.untrusted import abbreviate

__all__ = ["TELEGRAM"]

CONNECTOR = "telegram-export@1"
_RESULT = r"(?:^|/)result\.json$"
_CHATS: tuple[Place, ...] = ((), ("chats", "list", "*"), ("left_chats", "list", "*"))
"""Places of chats in the JSON: the whole document if it is one chat, or the lists of an account."""

_INTO = frozenset(
    {place[:n] for place in _CHATS for n in range(1, len(place) + 1)}
    | {(*chat, "messages") for chat in _CHATS}
)
_PUBLIC = {"public_group", "public_supergroup", "public_channel"}
_TYPES = _PUBLIC | {
    "personal_chat", "bot_chat", "saved_messages", "verify_codes", "replies",
    "private_group", "private_supergroup", "private_channel",
}  # fmt: skip

_PRESENCE = {
    "invite_members": "join", "join_group_by_link": "join", "join_group_by_request": "join",
    "joined_telegram": "join", "remove_members": "part", "invite_to_group_call": "mode",
}  # fmt: skip
_TOPICS = {"edit_group_title", "edit_chat_title", "topic_created", "topic_edit"}


class _Telegram:
    """Importer for the result.json of Telegram Desktop."""

    edits = True

    def recognises(self, path: Path, head: bytes) -> bool:
        """Return True for a chat with messages, or for the introduction of an account's export."""
        if path.is_dir() or head.startswith(b"PK\x03\x04"):
            head = first_member(path, _RESULT)
        if begins(head) != b"{":
            return False
        document = as_dict(next(iter(sample(head)), None))
        if "Telegram" in as_text(document.get("about")) and "requested" in document["about"]:
            return True
        if "messages" not in document or word(document.get("type")) not in _TYPES:
            return False
        messages = as_list(document["messages"])
        return not messages or _is_message(messages[0])

    def read(self, path: Path, options: Options) -> Iterator[Event | ValueError]:
        """Yield the events of the file, or of the result.json in a folder or zip."""
        files = bundle(path)
        names = files_of(files, _RESULT) if files is not None else [""]
        if not names:
            raise ImporterError(f"{path} has no result.json; export the chat again as JSON")
        for name in names:
            with opened(path, files, name) as (label, file):
                yield from _Export(label, options).read(values_at(label, file.read, _INTO))


TELEGRAM = _Telegram()


def _is_message(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and value.get("type") in ("message", "service", "unsupported")
        and ("date" in value or "date_unixtime" in value)
        and ("text" in value or "action" in value)
        and isinstance(value.get("id"), int)
    )


@dataclass(slots=True)
class _Chat:
    """Chat of an export, with its topics and their latest messages."""

    about: dict[str, Any] = field(default_factory=dict)
    topics: dict[int, str] = field(default_factory=dict)
    topic_of: LatestItems[int, int] = field(default_factory=LatestItems)

    @property
    def id(self) -> str:
        """Id of the chat."""
        native = self.about.get("id")
        return numeric_id(abs(native) if isinstance(native, int) else native, "the chat's id")

    @property
    def name(self) -> str:
        """Name of the chat, or its id."""
        return word(self.about.get("name")) or self.id


class _Export:
    """Converter from the messages of an export to events."""

    def __init__(self, file: str, options: Options) -> None:
        self._file, self._options = file, options
        self._zone: ZoneInfo | None = zone_of(options.zone)
        self._chat = _Chat()
        self._private = 0

    def read(self, items: Iterator[tuple[Place, str, Any]]) -> Iterator[Event | ValueError]:
        """Yield the events of all chats; messages of private chats are counted if they are left out."""
        for place, where, value in items:
            *parent, name = place or ("",)
            chat = tuple(parent[:-1]) if parent[-1:] == ["messages"] else None
            if isinstance(value, Rejected) and name != "*":
                yield value
            elif chat in _CHATS:
                yield from self._message(value, where, alone=chat == ())
            elif tuple(parent) in _CHATS:
                if name in self._chat.about:
                    self._chat = _Chat()  # the next chat has begun
                self._chat.about[name] = value
        if self._private:
            yield Skipped("messages of private chats (--private imports them)", self._private)

    def _message(self, value: Any, where: str, *, alone: bool) -> Iterator[Event | ValueError]:
        kind = word(self._chat.about.get("type"))
        if kind in _PUBLIC or self._options.private or isinstance(value, Rejected):
            yield from event_or_rejected(self._event, value, self._file, where)
        elif alone:
            raise ImporterError(
                f"{self._file} is a private chat ({kind or 'of unknown type'}); --private imports it",
                ["--private"],
            )
        else:
            self._private += 1

    def _event(self, message: Any) -> Event | None:
        if not isinstance(message, dict):
            raise InvalidValue(f"{abbreviate(message)} is not a message")
        chat, native = self._chat, numeric_id(message.get("id"))
        action = message.get("action") if message.get("type") == "service" else None
        kind = "message"
        if message.get("type") == "service":
            kind = "topic" if action in _TOPICS else _PRESENCE.get(str(action), "mode")
            if action == "topic_created":
                chat.topics[int(native)] = word(message.get("title"))
            if kind != "topic" and not self._options.presence:
                return None
        topic, reply = self._context(message, int(native))
        text, mentions, links = _content(message)
        if kind == "topic":
            text = word(message.get("title")) or word(message.get("new_title")) or text
        elif kind != "message":
            text = ""
        channel = self._options.channel or chat.name
        edited = _time(message, "edited", None)
        scope = f"telegram:{chat.id}"
        sender = ("from", "from_id") if "from_id" in message or "from" in message else ("actor", "actor_id")
        return build(
            id=f"{scope}:{native}",
            source=f"telegram:{channel}",
            type="repost" if kind == "message" and word(message.get("forwarded_from")) else kind,
            created_at=_time(message, "date", self._zone) or moment(message.get("date"), self._zone),
            edited_at=edited,
            connector=CONNECTOR,
            author=author_of(word(message.get(sender[0])) or message.get(sender[1]), message.get(sender[1])),
            channel=channel,
            to=f"{channel} > {chat.topics[topic]}" if topic and chat.topics.get(topic) else None,
            text=text,
            tags=find_tags(text),
            mentions=mentions,
            links=[*links, *find_links(text)],
            reply_to=f"{scope}:{reply}" if reply else None,
            thread=f"{scope}:{topic}" if topic else None,
        )

    def _context(self, message: dict[str, Any], native: int) -> tuple[int | None, int | None]:
        """Return the ids of a message's topic and of the message that it replies to, or None for each."""
        chat, reply = self._chat, message.get("reply_to_message_id")
        if (
            not isinstance(reply, int)
            or isinstance(reply, bool)
            or reply <= 0
            or message.get("reply_to_peer_id")
        ):
            return None, None
        if not chat.topics:
            return None, reply
        topic = reply if reply in chat.topics else chat.topic_of.get(reply)
        if topic is not None:
            chat.topic_of.add(native, topic)
        return topic, None if reply == topic else reply


def _time(message: dict[str, Any], name: str, zone: ZoneInfo | None) -> Any:
    """Return a time of a message, or None if it is missing or in 1970, as old exports write."""
    seconds, text = message.get(f"{name}_unixtime"), message.get(name)
    if isinstance(seconds, str) and seconds.isdecimal():
        seconds = int(seconds)
    if isinstance(seconds, int) and not isinstance(seconds, bool):
        return moment(seconds) if seconds > 0 else None
    if text is None or (isinstance(text, str) and text.startswith("1970-")):
        return None
    if name == "edited":
        return None  # local times without a zone cannot show which revision is newer
    return moment(text, zone)


def _content(message: dict[str, Any]) -> tuple[str, list[str], list[str]]:
    """Return the text of a message, the mentioned handles, and the links behind its words."""
    pieces, mentions, links = [], [], []
    text = message.get("text")
    for piece in [text] if isinstance(text, str) else as_list(text):
        if isinstance(piece, str):
            pieces.append(piece)
        elif isinstance(piece, dict) and isinstance(shown := piece.get("text"), str):
            pieces.append(shown)
            if piece.get("type") in ("mention", "mention_name"):
                mentions.append(shown.lstrip("@"))
            if isinstance(href := piece.get("href"), str):
                links.append(href)
    if text is not None and not isinstance(text, str | list):
        raise InvalidValue(f"text {abbreviate(text)} is neither a text nor a list of pieces")
    if not any(pieces) and isinstance(poll := message.get("poll"), dict):
        answers = [answer.get("text") for answer in as_dicts(poll.get("answers"))]
        return "\n".join(line for line in (poll.get("question"), *answers) if isinstance(line, str)), [], []
    return "".join(pieces) or word(message.get("sticker_emoji")), mentions, links
