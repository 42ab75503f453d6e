"""A channel of Discord as DiscordChatExporter writes it in JSON.

A message is ``discord::<its number>``; such numbers are unique over all of Discord.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rtanalytics.event import Author, Event, Media
from rtanalytics.importers import ImporterError, Options, Rejected
from rtanalytics.importers.parts import (
    ODD,
    RowError,
    author_of,
    build,
    find_links,
    find_tags,
    moment,
    number,
    reason_of,
    shortened,
    word,
    zone_of,
)
from rtanalytics.importers.reading import BROKEN, begins, open_bytes
from rtanalytics.importers.walk import Broken, NotJson, walk

__all__ = ["DISCORD"]

CONNECTOR = "discord-chat-exporter@1"
_GUILD, _CHANNEL = re.compile(rb'"guild"\s*:\s*\{'), re.compile(rb'"channel"\s*:\s*\{')
_PRESENCE = {
    "GuildMemberJoin": "join", "RecipientAdd": "join", "RecipientRemove": "part", "Call": "mode",
    "ChannelPinnedMessage": "mode", "ChannelIconChange": "mode", "UserPremiumGuildSubscription": "mode",
}  # fmt: skip
_TOPICS = {"ChannelNameChange", "ThreadCreated"}


class _Discord:
    """Importer of DiscordChatExporter's JSON."""

    what = "DiscordChatExporter JSON"
    edits = True

    def recognises(self, path: Path, head: bytes) -> bool:
        """True by the guild and the channel at its beginning."""
        return (
            begins(head) == b"{" and bool(_GUILD.search(head[:4096])) and bool(_CHANNEL.search(head[:8192]))
        )

    def read(self, path: Path, options: Options) -> Iterator[Event | ValueError]:
        about: dict[str, Any] = {}
        room: _Room | None = None
        with open_bytes(path) as file:
            try:
                for name, value, line in walk(file.read, {"messages"}):
                    if name != "messages":
                        about[name] = value
                        continue
                    room = room or _Room(path, about, options)
                    where = f"line {line}"
                    if isinstance(value, Broken):
                        yield Rejected(path, where, value.reason, value.raw)
                        continue
                    try:
                        event = room.event(value)
                    except ODD as error:
                        yield Rejected(path, where, reason_of(error), repr(value))
                        continue
                    if event is not None:
                        yield event
            except NotJson as error:
                yield Rejected(path, "document", str(error))
            except BROKEN as error:
                yield Rejected(path, "document", f"damaged or cut off ({error}); fetch it again")


DISCORD = _Discord()


class _Room:
    """A channel, whose messages become events."""

    def __init__(self, path: Path, about: dict[str, Any], options: Options) -> None:
        channel, guild = about.get("channel"), about.get("guild")
        if not isinstance(channel, dict) or not isinstance(guild, dict):
            raise ImporterError(f"{path}: no guild and channel before the messages; export it again as JSON")
        kind = word(channel.get("type"))
        if kind.startswith("Direct") and not options.private:
            raise ImporterError(f"{path} is a private conversation; --private imports it")
        name = word(channel.get("name")) or word(channel.get("id"))
        self._channel = options.channel or f"#{name}"
        self._where = f"{word(guild.get('id')) or '@me'}/{word(channel.get('id'))}"
        self._options = options
        self._zone = zone_of(options.zone)

    def event(self, said: Any) -> Event | None:
        """The event of a message; None for who came and went."""
        if not isinstance(said, dict):
            raise RowError(f"{shortened(said)} is no message")
        native, kind = number(said.get("id")), str(said.get("type"))
        if kind in _PRESENCE and not self._options.presence:
            return None
        edited, text = said.get("timestampEdited"), said.get("content")
        if not isinstance(text, str):
            raise RowError(f"content {shortened(text)} is no text")
        reference = said.get("reference")
        answers = reference.get("messageId") if isinstance(reference, dict) else None
        forwarded = said.get("forwardedMessage")
        if not text and isinstance(forwarded, dict):
            text = str(forwarded.get("content") or "")
        reply = f"discord::{number(answers)}" if answers else None
        return build(
            id=f"discord::{native}",
            source=f"discord:{self._channel}",
            type=_PRESENCE.get(kind) or ("topic" if kind in _TOPICS else "message"),
            created_at=moment(said.get("timestamp"), self._zone),
            edited_at=moment(edited, self._zone) if edited else None,
            connector=CONNECTOR,
            author=_person(said.get("author")),
            channel=self._channel,
            text=text,
            url=f"https://discord.com/channels/{self._where}/{native}",
            tags=find_tags(text),
            mentions=[p.handle for m in said.get("mentions") or () if (p := _person(m)) is not None],
            links=[*find_links(text), *(str(e.get("url") or "") for e in said.get("embeds") or ())],
            media=_media(said),
            reply_to=None if isinstance(forwarded, dict) else reply,
            repost_of=reply if isinstance(forwarded, dict) else None,
        )


def _person(told: Any) -> Author | None:
    if not isinstance(told, dict):
        return None
    name, number_ = word(told.get("name")), word(told.get("discriminator"))
    handle = f"{name}#{number_}" if number_ and number_.strip("0") else name
    shown = told.get("nickname") if told.get("nickname") != name else None
    return author_of(handle, told.get("id"), shown, bot=told.get("isBot") is True)


def _media(said: dict[str, Any]) -> list[Media]:
    """What is attached; without the signatures in their addresses, which change with each export."""
    found = []
    for one in said.get("attachments") or ():
        name = word(one.get("fileName")).lower()
        image = name.endswith((".png", ".jpg", ".jpeg", ".gif", ".webp"))
        video = name.endswith((".mp4", ".mov", ".webm"))
        url = str(one.get("url") or "").partition("?")[0]
        found.append(Media(url=url, kind="image" if image else "video" if video else "file"))
    stickers = ((str(one.get("sourceUrl") or ""), one) for one in said.get("stickers") or ())
    found.extend(Media(url=url.partition("?")[0], alt=word(one.get("name")) or None) for url, one in stickers)
    return found
