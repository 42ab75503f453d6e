"""A channel of Discord as DiscordChatExporter writes it in JSON.

A message is ``discord::<its number>``; such numbers are unique over all of Discord. What is said in a thread
hangs on the message that it began with, which has the thread's number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rtanalytics.event import Author, Event, Media
from rtanalytics.importers.base import ImporterError, Options, Rejected, RowError, shortened
from rtanalytics.importers.common import (
    BAD_ROW,
    author_of,
    build,
    find_links,
    find_tags,
    moment,
    number,
    reason_of,
    word,
    zone_of,
)
from rtanalytics.importers.json_stream import Broken, NotJson, walk
from rtanalytics.importers.reading import begins, open_bytes
from rtanalytics.importers.unpack import BROKEN

__all__ = ["DISCORD"]

CONNECTOR = "discord-chat-exporter@1"
_GUILD, _CHANNEL = re.compile(rb'"guild"\s*:\s*\{'), re.compile(rb'"channel"\s*:\s*\{')
_PRESENCE = {
    "GuildMemberJoin": "join", "RecipientAdd": "join", "RecipientRemove": "part", "Call": "mode",
    "ChannelPinnedMessage": "mode", "ChannelIconChange": "mode", "UserPremiumGuildSubscription": "mode",
    "ThreadStarterMessage": "mode",
    # what an exporter that is older than a kind of message calls it
    "1": "join", "2": "part", "3": "mode", "5": "mode", "6": "mode", "7": "join", "8": "mode", "9": "mode",
    "10": "mode", "11": "mode", "21": "mode",
}  # fmt: skip
_TOPICS = {"ChannelNameChange", "ThreadCreated", "4", "18"}
_MARK = re.compile(r"<(@[!&]?|#|a?:\w{1,64}:)(\d{5,20})>")


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
                    except BAD_ROW as error:
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
        if (kind.startswith("Direct") or kind == "GuildPrivateThread") and not options.private:
            raise ImporterError(f"{path} is a private conversation; --private imports it")
        name = word(channel.get("name")) or word(channel.get("id"))
        self._channel = options.channel or f"#{name}"
        native = word(channel.get("id"))
        server = word(guild.get("id"))
        # what is said between people is on the server 0
        self._where = f"{server if server.strip('0') else '@me'}/{native}"
        self._thread = f"discord::{native}" if "Thread" in kind and native.isdecimal() else None
        self._options = options
        self._zone = zone_of(options.zone)

    def event(self, said: Any) -> Event | None:
        """The event of a message; None for who came and went."""
        if not isinstance(said, dict):
            raise RowError(f"{shortened(said)} is no message")
        native, kind = number(said.get("id")), str(said.get("type"))
        if kind in _PRESENCE and not self._options.presence:
            return None
        if not isinstance(said.get("content"), str):
            raise RowError(f"content {shortened(said.get('content'))} is no text")
        edited, reference = said.get("timestampEdited"), said.get("reference")
        reference = reference if isinstance(reference, dict) else {}
        forwarded = said.get("forwardedMessage")
        shown = [said, forwarded] if isinstance(forwarded, dict) else [said]
        people = _parts(said, "mentions")
        text = _resolved("\n".join(filter(None, map(_words, shown))), people)
        answers = reference.get("messageId")
        reply = f"discord::{number(answers)}" if answers else None
        passed_on = isinstance(forwarded, dict) or reference.get("type") == "Forward"
        id = f"discord::{native}"
        return build(
            id=id,
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
            mentions=[p.handle for m in people if (p := _person(m)) is not None],
            links=[
                *find_links(text),
                *(str(card.get("url") or "") for part in shown for card in _parts(part, "embeds")),
            ],
            media=[one for part in shown for one in _media(part)],
            reply_to=None if passed_on else reply,
            repost_of=reply if passed_on else None,
            thread=self._thread if self._thread != id else None,
        )


def _words(said: dict[str, Any]) -> str:
    """What a message says; of one without words, what its cards or its poll say."""
    text = said.get("content")
    if isinstance(text, str) and text:
        return text
    told: list[Any] = []
    for card in _parts(said, "embeds"):
        told += [(card.get("author") or {}).get("name"), card.get("title"), card.get("description")]
        told += [part.get(key) for part in _parts(card, "fields") for key in ("name", "value")]
    if isinstance(poll := said.get("poll"), dict):
        told += [poll.get("question"), *(answer.get("text") for answer in _parts(poll, "answers"))]
    return "\n".join(line for line in told if isinstance(line, str) and line)


def _parts(said: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    """What hangs on a message: attachments, cards, stickers."""
    return [part for part in said.get(kind) or () if isinstance(part, dict)]


def _resolved(text: str, people: list[dict[str, Any]]) -> str:
    """Text in which people, rooms and pictures stand by name, also if it was exported as it was typed."""
    if "<" not in text:
        return text
    names = {str(m.get("id")): word(m.get("nickname")) or word(m.get("name")) for m in people}

    def named(found: re.Match[str]) -> str:
        kind, native = found.groups()
        return kind.removeprefix("a") if ":" in kind else f"{kind[0]}{names.get(native) or native}"

    return _MARK.sub(named, text)


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
    for one in _parts(said, "attachments"):
        name = word(one.get("fileName")).lower()
        image = name.endswith((".png", ".jpg", ".jpeg", ".gif", ".webp"))
        video = name.endswith((".mp4", ".mov", ".webm"))
        url = str(one.get("url") or "").partition("?")[0]
        found.append(Media(url=url, kind="image" if image else "video" if video else "file"))
    stickers = ((str(one.get("sourceUrl") or ""), one) for one in _parts(said, "stickers"))
    found.extend(Media(url=url.partition("?")[0], alt=word(one.get("name")) or None) for url, one in stickers)
    return found
