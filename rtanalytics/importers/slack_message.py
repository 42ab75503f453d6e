"""A message of Slack, whatever it was found in, as an event."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from rtanalytics.event import Author, Event, Media, is_web_url
from rtanalytics.importers.base import Options, RowError, shortened
from rtanalytics.importers.common import author_of, build, find_tags, moment, unquoted, word

__all__ = ["TS", "Room", "Team", "person"]

CONNECTOR = "slack-export@1"
TS = re.compile(r"\d{1,12}\.\d{1,6}")
"""What Slack knows a message by: a time that it gives once in a channel."""

_MARK = re.compile(r"<([@#!]?)([^<>|]*)(?:\|([^<>]*))?>")
_PRESENCE = {
    "channel_join": "join", "group_join": "join", "channel_leave": "part", "group_leave": "part",
    "channel_archive": "mode", "channel_unarchive": "mode", "bot_add": "join", "bot_remove": "part",
}  # fmt: skip
_TOPICS = {"channel_topic", "channel_purpose", "channel_name", "group_topic", "group_purpose", "group_name"}
_NOTHING_SAID = {"", "This content can't be displayed."}
"""Texts of a message whose words stand in its blocks."""


@dataclass(slots=True)
class Team:
    """Who and what an export talks about."""

    people: dict[str, Author] = field(default_factory=dict)
    channels: dict[str, tuple[str, str, bool]] = field(default_factory=dict)  # folder → id, name, private
    names: dict[str, str] = field(default_factory=dict)  # channel's id → name


def person(user: dict[str, Any]) -> Author | None:
    """Somebody of ``users.json``."""
    profile = user.get("profile")
    profile = profile if isinstance(profile, dict) else {}
    name = profile.get("real_name") or user.get("real_name")
    handle = profile.get("display_name") or user.get("name") or name
    return author_of(handle, user.get("id"), name, bot=user.get("is_bot") is True)


class Room:
    """A channel, whose messages become events."""

    def __init__(self, native: str, name: str, team: Team, options: Options) -> None:
        self._native, self._team, self._options = word(native), team, options
        self._channel = options.channel or f"#{word(name)}"

    def event(self, said: Any) -> Event | None:
        """The event of a message; None for who came and went."""
        if not isinstance(said, dict):
            raise RowError(f"{shortened(said)} is no message")
        kind = said.get("subtype")
        if kind == "message_changed" and isinstance(said.get("message"), dict):
            new = said["message"]
            return self.event({**new, "edited": new.get("edited") or {"ts": said.get("ts")}})
        if kind in ("message_deleted", "tombstone"):
            gone = said.get("deleted_ts") or said.get("ts")
            return self._deleted(gone, said.get("ts") if said.get("deleted_ts") else None)
        if kind in _PRESENCE and not self._options.presence:
            return None
        ts = said.get("ts")
        edited = said.get("edited")
        root = said.get("thread_ts")
        reply = self._id(root) if root and root != ts else None
        text, mentions, links = self._plain(_marked(said))
        author = self._author(said)
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
            links=[*links, *_attached(said, "title_link"), *_attached(said, "from_url")],
            media=_files(said),
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
        return f"slack:{self._native}:{_stamp(ts)}"

    def _author(self, said: dict[str, Any]) -> Author | None:
        # who comments on a file is told in the comment
        user = said.get("user") or (said.get("comment") or {}).get("user")
        if isinstance(user, str) and user in self._team.people:
            return self._team.people[user]
        profile = said.get("user_profile")
        if isinstance(profile, dict):
            handle = profile.get("display_name") or profile.get("name") or profile.get("real_name")
            return author_of(handle or user, user, profile.get("real_name"))
        bot = said.get("bot_id")
        name = said.get("username") or (said.get("bot_profile") or {}).get("name")
        return author_of(name or user or bot, user or bot, bot=bool(bot))

    def _plain(self, marked: str) -> tuple[str, list[str], list[str]]:
        """Text as it was shown, handles that it names, addresses that it links to."""
        mentions: list[str] = []
        links: list[str] = []

        def resolve(found: re.Match[str]) -> str:
            kind, target, label = found[1], found[2], found[3]
            if kind == "@":
                who = self._team.people.get(target)
                mentions.append(who.handle if who else label or target)
                return f"@{mentions[-1]}"
            if kind == "#":
                return f"#{label or self._team.names.get(target, target)}"
            if kind == "!":
                return label or f"@{target.partition('^')[0]}"
            address = unquoted(target)
            if not is_web_url(address):  # mailto:, tel: and the like, which Slack makes of what was typed
                return label or address.removeprefix("mailto:").removeprefix("tel:")
            links.append(address)
            return address if not label or label in address else f"{label} ({address})"

        return unquoted(_MARK.sub(resolve, marked)), mentions, links


def _stamp(ts: Any) -> str:
    if not isinstance(ts, str) or not TS.fullmatch(ts):
        raise RowError(f"ts {shortened(ts)} is no time of Slack's, such as '1736478514.897649'")
    return ts


def _time(ts: Any) -> datetime:
    seconds, _, fraction = _stamp(ts).partition(".")
    return moment(int(seconds)).astimezone(UTC).replace(microsecond=int(fraction.ljust(6, "0")))


# -- what a message says ---------------------------------------------------------------------------


def _marked(said: dict[str, Any]) -> str:
    """What was said, in Slack's markup: also what programs say in blocks and attachments."""
    text = str(said.get("text") or "")
    if text in _NOTHING_SAID:
        text = "\n".join(_lines(said.get("blocks")))
    told = [text] if text else []
    for attached in _dicts(said.get("attachments")):
        if any(attached.get(key) for key in _PREVIEWS):
            continue  # Slack shows what a link leads to; nobody said that
        shown = "\n".join(_lines(attached.get("blocks")) or _told_by(attached))
        if shown and not any(shown in line for line in told):
            told.append(shown)
    return "\n".join(told) or "\n".join(_attached(said, "fallback")) or str(said.get("text") or "")


_PREVIEWS = ("from_url", "original_url", "is_msg_unfurl", "is_app_unfurl")


def _told_by(attached: dict[str, Any]) -> list[str]:
    """What an attachment shows, or its plain version if it shows nothing."""
    fields = [part.get(key) for part in _dicts(attached.get("fields")) for key in ("title", "value")]
    told = [attached.get("pretext"), attached.get("title"), attached.get("text"), *fields]
    shown = [line for line in told if isinstance(line, str) and line]
    fallback = attached.get("fallback")
    return shown or ([fallback] if isinstance(fallback, str) and fallback != "[no preview available]" else [])


def _lines(blocks: Any) -> list[str]:
    """The words of a layout, in markup: of every kind of block that shows any."""
    found = []
    for block in _dicts(blocks):
        if block.get("type") in ("actions", "input"):
            continue  # buttons and fields, which nobody said
        told = (block.get("title"), block.get("text"), *_dicts(block.get("fields")))
        found += [_text(part) for part in told]
        elements = _dicts(block.get("elements"))
        if block.get("type") == "rich_text":
            found += [line for part in elements for line in _section(part)]
        else:
            found += [_text(part) for part in elements]
        if block.get("type") == "image" and not block.get("title"):
            found.append(_escaped(block.get("alt_text")))
    return [line for line in found if line]


def _text(part: Any) -> str:
    """A text of a layout: in markup already, or plain, which is hidden from it."""
    if not isinstance(part, dict) or not isinstance(part.get("text"), str):
        return ""
    text: str = part["text"]
    return text if part.get("type") == "mrkdwn" else _escaped(text)


def _section(part: dict[str, Any]) -> Iterator[str]:
    """The lines of a section, a quotation or a list of a text with formatting."""
    inner = _dicts(part.get("elements"))
    if any("elements" in item for item in inner):
        for item in inner:
            yield from _section(item)
    else:
        yield "".join(map(_run, inner))


def _run(piece: dict[str, Any]) -> str:
    """A run of text, a person, a link and so on, as markup has it."""
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


def _dicts(values: Any) -> list[dict[str, Any]]:
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []


def _attached(said: dict[str, Any], key: str) -> list[str]:
    values = [a.get(key) for a in _dicts(said.get("attachments"))]
    return [value for value in values if isinstance(value, str) and value]


def _files(said: dict[str, Any]) -> list[Media]:
    """Files by their page: their direct addresses carry the exporter's token."""
    return [
        Media(
            url=str(f.get("permalink") or "").partition("?")[0],
            kind=str(f.get("mimetype") or "file").partition("/")[0],
            mime=f.get("mimetype") if isinstance(f.get("mimetype"), str) else None,
            alt=word(f.get("title")) or None,
        )
        for f in _dicts(said.get("files") or [said.get("file")])
    ]
