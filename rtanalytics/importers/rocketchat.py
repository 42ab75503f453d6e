"""Importer for Rocket.Chat: pages of its API, lists of messages, documents of its database (mongoexport).

The id of a message is ``rocketchat::<_id>``. Direct messages are left out unless requested. Messages do
not contain the name of their room, so the channel is the id of the room unless ``--channel`` is given.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rtanalytics.event import Event, Media
from rtanalytics.importers.base import Options, Rejected, Skipped
from rtanalytics.importers.common import (
    author_of,
    build,
    digest,
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

__all__ = ["ROCKETCHAT"]

CONNECTOR = "rocketchat-export@1"
_PRESENCE = {
    "uj": "join", "ujt": "join", "au": "join", "ult": "part", "ul": "part", "ru": "part",
    "added-user-to-team": "join", "removed-user-from-team": "part",
}  # fmt: skip
_TOPICS = {"r", "room_changed_topic", "room_changed_description", "room_changed_announcement"}


class _RocketChat:
    """Importer for messages of Rocket.Chat."""

    edits = True

    def recognises(self, path: Path, head: bytes) -> bool:
        """Return True if the file has messages with room, author, time and text."""
        return any(_is_message(item) for value in sample(head) for item in (value, *_inner(value)))

    def read(self, path: Path, options: Options) -> Iterator[Event | ValueError]:
        """Yield the events of a file."""
        room = _Rooms(path, options)
        with open_bytes(path) as file:
            for item in values(path, file.read, ("messages",)):
                if isinstance(item, Rejected):
                    yield item
                    continue
                is_page = isinstance(item.value, dict) and isinstance(item.value.get("messages"), list)
                for message in item.value["messages"] if is_page else [item.value]:
                    if not (isinstance(message, dict) and message.keys() <= {"success", "count", "total"}):
                        yield from event_or_rejected(room.event, message, path, item.where)
        if room.private:
            yield Skipped("direct messages (--private imports them)", room.private)
        if room.encrypted:
            yield Skipped("encrypted messages", room.encrypted)


ROCKETCHAT = _RocketChat()


def _inner(value: Any) -> list[Any]:
    return as_list(value.get("messages")) if isinstance(value, dict) else []


def _is_message(value: Any) -> bool:
    if isinstance(value, dict) and {"msg", "username", "ts"} <= value.keys():
        return isinstance(value["msg"], str)  # a message in an export that a user requested
    return (
        isinstance(value, dict)
        and isinstance(value.get("_id"), str | dict)
        and isinstance(value.get("rid"), str)
        and isinstance(value.get("msg"), str)
        and "ts" in value
        and isinstance(value.get("u"), dict)
    )


class _Rooms:
    """Converter from the messages of all rooms to events."""

    def __init__(self, path: Path, options: Options) -> None:
        self._options = options
        self._name = word(path.name.partition(".")[0])
        self.private = self.encrypted = 0

    def event(self, message: Any) -> Event | None:
        """Return the event of a message, or None if the message is left out."""
        if not isinstance(message, dict):
            raise InvalidValue(f"{abbreviate(message)} is not a message")
        text = message.get("msg")
        native, room, user = "", word(message.get("rid")), as_dict(message.get("u"))
        id_kind = "native"
        if "_id" in message:
            native = _id(message["_id"])
        elif word(message.get("username")):
            id_kind, room, user = "derived", room or self._name, {"username": message["username"]}
            native = digest(str(message.get("ts")), word(message["username"]), str(text))
        else:
            raise InvalidValue("the message has no _id")
        if not isinstance(text, str):
            raise InvalidValue(f"msg {abbreviate(text)} is not text")
        if not room:
            raise InvalidValue("the message has no rid")
        person = word(user.get("_id"))
        # the id of a direct conversation consists of the ids of its two members
        if person and person in room and len(room) >= 2 * len(person) and not self._options.private:
            self.private += 1
            return None
        system, channel = word(message.get("t")), self._options.channel or f"#{room}"
        id = f"rocketchat::{native}"
        if system == "e2e":
            self.encrypted += 1
            return None
        edited = _time(message["editedAt"]) if message.get("editedAt") else None
        if system == "rm":
            return build(
                id=id, source=f"rocketchat:{channel}", type="message", op="delete", connector=CONNECTOR,
                created_at=_time(message.get("ts")), edited_at=edited, channel=channel,
            )  # fmt: skip
        kind = "message"
        if system and system != "discussion-created":
            kind = "topic" if system in _TOPICS else _PRESENCE.get(system, "mode")
            if kind != "topic" and not self._options.presence:
                return None
        files = as_dicts(message.get("attachments"))
        texts = [text, *(part for file in files if isinstance(part := file.get("description"), str) and part)]
        text = "\n".join(part for part in texts if part) if kind in ("message", "topic") else ""
        thread = f"rocketchat::{_id(message['tmid'])}" if message.get("tmid") else None
        mentions = [word(one.get("username")) for one in as_dicts(message.get("mentions"))]
        return build(
            id=id,
            source=f"rocketchat:{channel}",
            type=kind,
            created_at=_time(message.get("ts")),
            edited_at=edited,
            connector=CONNECTOR,
            id_kind=id_kind,
            author=author_of(user.get("username"), person, user.get("name"), bot="bot" in message),
            channel=channel,
            text=text,
            tags=find_tags(text),
            mentions=[name for name in mentions if name],
            links=[*find_links(text), *(as_text(one.get("url")) for one in as_dicts(message.get("urls")))],
            media=[Media(url=url) for file in files if (url := as_text(file.get("image_url")))],
            reply_to=thread,
            thread=thread,
        )


def _id(value: Any) -> str:
    """Return an id, which mongoexport may write as ``{"$oid": ...}``."""
    native = word(value.get("$oid") if isinstance(value, dict) else value)
    if not native:
        raise InvalidValue(f"the id {abbreviate(value)} is not text")
    return native


def _time(value: Any) -> Any:
    """Return a time given as text, in milliseconds, or as ``{"$date": ...}`` (mongoexport)."""
    if isinstance(value, dict):
        value = value.get("$date")
        value = value.get("$numberLong") if isinstance(value, dict) else value
        value = int(value) if isinstance(value, str) and value.isdecimal() else value
    if isinstance(value, int) and not isinstance(value, bool):
        value = value / 1000
    return moment(value)
