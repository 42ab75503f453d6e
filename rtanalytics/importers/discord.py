"""Importer for Discord channels, from the JSON of DiscordChatExporter.

The id of a message is ``discord::<its id>``, which is unique in all of Discord. A thread has the id of
its first message.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from rtanalytics.event import Author, Event, Media
from rtanalytics.importers.base import ImporterError, Options, Rejected
from rtanalytics.importers.bundle import bundle
from rtanalytics.importers.common import (
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
from rtanalytics.importers.json_stream import members, sample
from rtanalytics.importers.reading import open_bytes
from rtanalytics.normalize.values import InvalidValue, as_dicts, as_list, numeric_id
from rtanalytics.untrusted import abbreviate

__all__ = ["DISCORD"]

CONNECTOR = "discord-chat-exporter@1"
_FILE = r"\.json$"
_PRESENCE = {
    "GuildMemberJoin": "join", "RecipientAdd": "join", "RecipientRemove": "part", "Call": "mode",
    "ChannelPinnedMessage": "mode", "ChannelIconChange": "mode", "UserPremiumGuildSubscription": "mode",
    "ThreadStarterMessage": "mode",
    # the exporter writes a number for kinds of messages that it does not know
    "1": "join", "2": "part", "3": "mode", "5": "mode", "6": "mode", "7": "join", "8": "mode", "9": "mode",
    "10": "mode", "11": "mode", "21": "mode",
}  # fmt: skip
_TOPICS = {"ChannelNameChange", "ThreadCreated", "4", "18"}
_MARK = re.compile(r"<(@[!&]?|#|a?:\w{1,64}:)(\d{5,20})>")


class _Discord:
    """Importer for DiscordChatExporter's JSON."""

    edits = True

    def recognises(self, path: Path, head: bytes) -> bool:
        """Return True if the file has a guild, a channel, and messages with author, time and text."""
        if path.is_dir() or head.startswith(b"PK\x03\x04"):
            head = first_member(path, _FILE)
        return any(map(_is_export, sample(head)[:1]))

    def read(self, path: Path, options: Options) -> Iterator[Event | ValueError]:
        """Yield the events of a file, or of all files in a folder or zip."""
        files = bundle(path)
        if files is None:
            with open_bytes(path) as file:
                yield from _read(path, file.read, options)
            return
        for name in files_of(files, _FILE):
            with opened(path, files, name) as (label, file):
                try:
                    yield from _read(label, file.read, options)
                except ImporterError as error:  # the other channels can still be read
                    yield Rejected(label, "file", str(error))


DISCORD = _Discord()


def _is_export(value: Any) -> bool:
    """Return True for an export of DiscordChatExporter, or the beginning of one."""
    if not isinstance(value, dict) or not isinstance(value.get("guild"), dict):
        return False
    if not isinstance(value.get("channel"), dict):
        return False
    first = next(iter(as_list(value.get("messages"))), None)
    # the sample may end within the first message
    return not isinstance(first, dict) or ("id" in first and ("timestamp" in first or "type" in first))


def _read(path: str | Path, read: Callable[[int], bytes], options: Options) -> Iterator[Event | ValueError]:
    """Yield the events of one file, which contains one channel."""
    about: dict[str, Any] = {}
    room: _Room | None = None
    for name, where, value in members(path, read, {"messages"}):
        if name == "messages":
            room = room or _Room(path, about, options)
            yield from event_or_rejected(room.event, value, path, where)
        elif where == "document":
            yield value
        else:
            about[name] = value


class _Room:
    """Converter from the messages of a channel to events."""

    def __init__(self, path: str | Path, about: dict[str, Any], options: Options) -> None:
        channel, guild = about.get("channel"), about.get("guild")
        if not isinstance(channel, dict) or not isinstance(guild, dict):
            raise ImporterError(f"{path}: no guild and channel before the messages; export the channel again")
        kind = word(channel.get("type"))
        if (kind.startswith("Direct") or kind == "GuildPrivateThread") and not options.private:
            raise ImporterError(f"{path} is a private conversation; --private imports it", ["--private"])
        name = word(channel.get("name")) or word(channel.get("id"))
        self._channel = options.channel or f"#{name}"
        native = word(channel.get("id"))
        server = word(guild.get("id"))
        # direct messages have 0 as id of the server
        self._where = f"{server if server.strip('0') else '@me'}/{native}"
        self._thread = f"discord::{native}" if "Thread" in kind and native.isdecimal() else None
        self._options = options
        self._zone = zone_of(options.zone)

    def event(self, message: Any) -> Event | None:
        """Return the event of a message, or None if it is a notice that is left out."""
        if not isinstance(message, dict):
            raise InvalidValue(f"{abbreviate(message)} is not a message")
        native, kind = numeric_id(message.get("id")), str(message.get("type"))
        if kind in _PRESENCE and not self._options.presence:
            return None
        if not isinstance(message.get("content"), str):
            raise InvalidValue(f"content {abbreviate(message.get('content'))} is not text")
        edited, reference = message.get("timestampEdited"), message.get("reference")
        reference = reference if isinstance(reference, dict) else {}
        forwarded = message.get("forwardedMessage")
        contents = [message, forwarded] if isinstance(forwarded, dict) else [message]
        people = as_dicts(message.get("mentions"))
        text = _resolved("\n".join(filter(None, map(_words, contents))), people)
        replied_to = reference.get("messageId")
        reply = f"discord::{numeric_id(replied_to)}" if replied_to else None
        is_repost = isinstance(forwarded, dict) or reference.get("type") == "Forward"
        id = f"discord::{native}"
        return build(
            id=id,
            source=f"discord:{self._channel}",
            type=_PRESENCE.get(kind) or ("topic" if kind in _TOPICS else "message"),
            created_at=moment(message.get("timestamp"), self._zone),
            edited_at=moment(edited, self._zone) if edited else None,
            connector=CONNECTOR,
            author=_person(message.get("author")),
            channel=self._channel,
            text=text,
            url=f"https://discord.com/channels/{self._where}/{native}",
            tags=find_tags(text),
            mentions=[p.handle for m in people if (p := _person(m)) is not None],
            links=[
                *find_links(text),
                *(str(card.get("url") or "") for part in contents for card in as_dicts(part.get("embeds"))),
            ],
            media=[one for part in contents for one in _media(part)],
            reply_to=None if is_repost else reply,
            repost_of=reply if is_repost else None,
            thread=self._thread if self._thread != id else None,
        )


def _words(message: dict[str, Any]) -> str:
    """Return the text of a message; if it has no text, that of its embeds or its poll."""
    text = message.get("content")
    if isinstance(text, str) and text:
        return text
    texts: list[Any] = []
    for card in as_dicts(message.get("embeds")):
        texts += [(card.get("author") or {}).get("name"), card.get("title"), card.get("description")]
        texts += [part.get(key) for part in as_dicts(card.get("fields")) for key in ("name", "value")]
    if isinstance(poll := message.get("poll"), dict):
        texts += [poll.get("question"), *(answer.get("text") for answer in as_dicts(poll.get("answers")))]
    return "\n".join(line for line in texts if isinstance(line, str) and line)


def _resolved(text: str, people: list[dict[str, Any]]) -> str:
    """Replace ids of people, channels and emoji in a text by their names."""
    if "<" not in text:
        return text
    names = {str(m.get("id")): word(m.get("nickname")) or word(m.get("name")) for m in people}

    def named(found: re.Match[str]) -> str:
        kind, native = found.groups()
        return kind.removeprefix("a") if ":" in kind else f"{kind[0]}{names.get(native) or native}"

    return _MARK.sub(named, text)


def _person(member: Any) -> Author | None:
    if not isinstance(member, dict):
        return None
    name, number_ = word(member.get("name")), word(member.get("discriminator"))
    handle = f"{name}#{number_}" if number_ and number_.strip("0") else name
    nickname = member.get("nickname") if member.get("nickname") != name else None
    return author_of(handle, member.get("id"), nickname, bot=member.get("isBot") is True)


def _media(message: dict[str, Any]) -> list[Media]:
    """Return attachments and stickers; the signature in a URL is removed, as each export has another."""
    found = []
    for one in as_dicts(message.get("attachments")):
        name = word(one.get("fileName")).lower()
        image = name.endswith((".png", ".jpg", ".jpeg", ".gif", ".webp"))
        video = name.endswith((".mp4", ".mov", ".webm"))
        url = str(one.get("url") or "").partition("?")[0]
        found.append(Media(url=url, kind="image" if image else "video" if video else "file"))
    stickers = ((str(one.get("sourceUrl") or ""), one) for one in as_dicts(message.get("stickers")))
    found.extend(Media(url=url.partition("?")[0], alt=word(one.get("name")) or None) for url, one in stickers)
    return found
