"""Conversion of Slack messages, from any kind of file, to events."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from rtanalytics.event import Author, Event, Media, is_web_url
from rtanalytics.importers.base import Options
from rtanalytics.importers.common import author_of, build, find_tags, moment, word
from rtanalytics.normalize.text import unescape
from rtanalytics.normalize.values import InvalidValue, as_dicts
from rtanalytics.untrusted import abbreviate

__all__ = ["TS", "Room", "Team", "author_of_user"]

CONNECTOR = "slack-export@1"
TS = re.compile(r"\d{1,12}\.\d{1,6}")
"""Time stamp of a message, unique within its channel."""

_MARK = re.compile(r"<([@#!]?)([^<>|]*)(?:\|([^<>]*))?>")
_PRESENCE = {
    "channel_join": "join", "group_join": "join", "channel_leave": "part", "group_leave": "part",
    "channel_archive": "mode", "channel_unarchive": "mode", "bot_add": "join", "bot_remove": "part",
}  # fmt: skip
_TOPICS = {"channel_topic", "channel_purpose", "channel_name", "group_topic", "group_purpose", "group_name"}
_NO_TEXT = {"", "This content can't be displayed."}
"""Texts of messages whose real content is in their blocks."""


@dataclass(slots=True)
class Team:
    """Users and channels of an export."""

    people: dict[str, Author] = field(default_factory=dict)
    channels: dict[str, tuple[str, str, bool]] = field(default_factory=dict)  # folder → id, name, private
    names: dict[str, str] = field(default_factory=dict)  # channel's id → name


def author_of_user(user: dict[str, Any]) -> Author | None:
    """Return the author for an entry of ``users.json``."""
    profile = user.get("profile")
    profile = profile if isinstance(profile, dict) else {}
    name = profile.get("real_name") or user.get("real_name")
    handle = profile.get("display_name") or user.get("name") or name
    return author_of(handle, user.get("id"), name, bot=user.get("is_bot") is True)


class Room:
    """Converter from the messages of a channel to events."""

    def __init__(self, native: str, name: str, team: Team, options: Options) -> None:
        self._native, self._team, self._options = word(native), team, options
        self._channel = options.channel or f"#{word(name)}"

    def event(self, message: Any) -> Event | None:
        """Return the event of a message, or None if it is a notice that is left out."""
        if not isinstance(message, dict):
            raise InvalidValue(f"{abbreviate(message)} is not a message")
        kind = message.get("subtype")
        if kind == "message_changed" and isinstance(message.get("message"), dict):
            new = message["message"]
            return self.event({**new, "edited": new.get("edited") or {"ts": message.get("ts")}})
        if kind in ("message_deleted", "tombstone"):
            deleted = message.get("deleted_ts") or message.get("ts")
            return self._deleted(deleted, message.get("ts") if message.get("deleted_ts") else None)
        if kind in _PRESENCE and not self._options.presence:
            return None
        ts = message.get("ts")
        edited = message.get("edited")
        root = message.get("thread_ts")
        reply = self._id(root) if root and root != ts else None
        text, mentions, links = self._plain(_marked(message))
        author = self._author(message)
        return build(
            id=self._id(ts),
            source=f"slack:{self._channel}",
            type=_PRESENCE.get(str(kind))
            or ("topic" if kind in _TOPICS else "action" if kind == "me_message" else "message"),
            created_at=_time(ts),
            edited_at=_time(edited["ts"]) if isinstance(edited, dict) and edited.get("ts") else None,
            connector=CONNECTOR,
            author=author,
            channel=self._channel,
            text=text,
            tags=find_tags(text),
            mentions=mentions,
            links=[*links, *_attached(message, "title_link"), *_attached(message, "from_url")],
            media=_files(message),
            reply_to=reply,
            thread=reply,
        )

    def _deleted(self, ts: Any, at: Any) -> Event:
        return build(
            id=self._id(ts), source=f"slack:{self._channel}", type="message", op="delete",
            created_at=_time(ts), edited_at=_time(at) if at else None, connector=CONNECTOR,
            channel=self._channel,
        )  # fmt: skip

    def _id(self, ts: Any) -> str:
        return f"slack:{self._native}:{_checked_ts(ts)}"

    def _author(self, message: dict[str, Any]) -> Author | None:
        # for a comment on a file, only the member "comment" names the author
        user = message.get("user") or (message.get("comment") or {}).get("user")
        if isinstance(user, str) and user in self._team.people:
            return self._team.people[user]
        profile = message.get("user_profile")
        if isinstance(profile, dict):
            handle = profile.get("display_name") or profile.get("name") or profile.get("real_name")
            return author_of(handle or user, user, profile.get("real_name"))
        bot = message.get("bot_id")
        name = message.get("username") or (message.get("bot_profile") or {}).get("name")
        return author_of(name or user or bot, user or bot, bot=bool(bot))

    def _plain(self, marked: str) -> tuple[str, list[str], list[str]]:
        """Return the text as Slack shows it, the mentioned handles, and the links."""
        mentions: list[str] = []
        links: list[str] = []

        def resolve(found: re.Match[str]) -> str:
            kind, target, label = found[1], found[2], found[3]
            if kind == "@":
                author = self._team.people.get(target)
                mentions.append(author.handle if author else label or target)
                return f"@{mentions[-1]}"
            if kind == "#":
                return f"#{label or self._team.names.get(target, target)}"
            if kind == "!":
                return label or f"@{target.partition('^')[0]}"
            address = unescape(target)
            if not is_web_url(address):  # Slack adds mailto: and tel: links to typed text
                return label or address.removeprefix("mailto:").removeprefix("tel:")
            links.append(address)
            return address if not label or label in address else f"{label} ({address})"

        return unescape(_MARK.sub(resolve, marked)), mentions, links


def _checked_ts(ts: Any) -> str:
    if not isinstance(ts, str) or not TS.fullmatch(ts):
        raise InvalidValue(f"ts {abbreviate(ts)} is not a time stamp of Slack such as '1736478514.897649'")
    return ts


def _time(ts: Any) -> datetime:
    seconds, _, fraction = _checked_ts(ts).partition(".")
    return moment(int(seconds)).astimezone(UTC).replace(microsecond=int(fraction.ljust(6, "0")))


# -- text of a message -----------------------------------------------------------------------------


def _marked(message: dict[str, Any]) -> str:
    """Return the text of a message with that of its blocks and attachments, in Slack's markup."""
    text = str(message.get("text") or "")
    if text in _NO_TEXT:
        text = "\n".join(_lines(message.get("blocks")))
    texts = [text] if text else []
    for attached in as_dicts(message.get("attachments")):
        if any(attached.get(key) for key in _PREVIEWS):
            continue  # Slack's preview of a link, which the author did not write
        content = "\n".join(_lines(attached.get("blocks")) or _attachment_texts(attached))
        if content and not any(content in text for text in texts):
            texts.append(content)
    return "\n".join(texts) or "\n".join(_attached(message, "fallback")) or str(message.get("text") or "")


_PREVIEWS = ("from_url", "original_url", "is_msg_unfurl", "is_app_unfurl")


def _attachment_texts(attached: dict[str, Any]) -> list[str]:
    """Return the visible texts of an attachment, or its fallback text if there are none."""
    fields = [part.get(key) for part in as_dicts(attached.get("fields")) for key in ("title", "value")]
    texts = [attached.get("pretext"), attached.get("title"), attached.get("text"), *fields]
    visible = [text for text in texts if isinstance(text, str) and text]
    fallback = attached.get("fallback")
    return visible or (
        [fallback] if isinstance(fallback, str) and fallback != "[no preview available]" else []
    )


def _lines(blocks: Any) -> list[str]:
    """Return the lines of text in a list of layout blocks, in Slack's markup."""
    found = []
    for block in as_dicts(blocks):
        if block.get("type") in ("actions", "input"):
            continue  # buttons and form fields
        parts = (block.get("title"), block.get("text"), *as_dicts(block.get("fields")))
        found += [_text(part) for part in parts]
        elements = as_dicts(block.get("elements"))
        if block.get("type") == "rich_text":
            found += [line for part in elements for line in _section(part)]
        else:
            found += [_text(part) for part in elements]
        if block.get("type") == "image" and not block.get("title"):
            found.append(_escaped(block.get("alt_text")))
    return [line for line in found if line]


def _text(part: Any) -> str:
    """Return a text object of a block in Slack's markup; plain text is escaped."""
    if not isinstance(part, dict) or not isinstance(part.get("text"), str):
        return ""
    text: str = part["text"]
    return text if part.get("type") == "mrkdwn" else _escaped(text)


def _section(part: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of a section, a quotation or a list in a rich text block."""
    inner = as_dicts(part.get("elements"))
    if any("elements" in item for item in inner):
        for item in inner:
            yield from _section(item)
    else:
        yield "".join(map(_run, inner))


def _run(piece: dict[str, Any]) -> str:
    """Convert an inline element (a text, a mention, a link and so on) to Slack's markup."""
    kind, text = piece.get("type"), _escaped(piece.get("text"))
    if kind == "link":
        return f"<{_escaped(piece.get('url'))}{f'|{text}' if text else ''}>"
    named = {
        "user": f"<@{piece.get('user_id')}>", "channel": f"<#{piece.get('channel_id')}>",
        "usergroup": f"<!subteam^{piece.get('usergroup_id')}>", "broadcast": f"<!{piece.get('range')}>",
        "emoji": f":{piece.get('name')}:", "date": _escaped(piece.get("fallback")),
        "color": _escaped(piece.get("value")),
    }  # fmt: skip
    return named.get(str(kind), text)


def _escaped(text: Any) -> str:
    if not isinstance(text, str):
        return ""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _attached(message: dict[str, Any], key: str) -> list[str]:
    values = [a.get(key) for a in as_dicts(message.get("attachments"))]
    return [value for value in values if isinstance(value, str) and value]


def _files(message: dict[str, Any]) -> list[Media]:
    """Return the files with the URLs of their pages, because download URLs contain a secret token."""
    return [
        Media(
            url=str(f.get("permalink") or "").partition("?")[0],
            kind=str(f.get("mimetype") or "file").partition("/")[0],
            mime=f.get("mimetype") if isinstance(f.get("mimetype"), str) else None,
            alt=word(f.get("title")) or None,
        )
        for f in as_dicts(message.get("files") or [message.get("file")])
    ]
