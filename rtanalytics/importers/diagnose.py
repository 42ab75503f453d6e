"""Messages about files that no importer can read: what the file is, and what to export instead."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

from rtanalytics.importers.base import ImporterError
from rtanalytics.importers.bundle import bundle

__all__ = ["describe", "diagnose"]

_AS_TABLE = "put its messages into a CSV file and name its columns with --columns"
_PAGE = r"(?is)(?:<\?xml[^>]*>\s*)?(?:<!--.{0,500}?-->\s*)?(?:<!doctype html|<html).{0,60000}"


def _key(*names: str) -> str:
    """Return a pattern for the beginning of JSON with members of all these names, in any order."""
    return r"(?s)\s*[\[{]" + "".join(rf'(?=.*"{name}"\s*:)' for name in names)


_DISCORD_PACKAGE = (
    "is a data package of Discord, which has only the messages of its owner; export whole channels "
    "with DiscordChatExporter in the format Json"
)
_GOOGLE_CHAT = (
    f"is Google Chat's part of a Google Takeout, which is not supported; {_AS_TABLE}: "
    "created_at=created_date, author=name, text=text"
)
_SKYPE = (
    f"is an export of Skype or of a private account of Microsoft Teams, which is not supported; {_AS_TABLE}"
)
_TELEGRAM_HTML = (
    "is Telegram's export as HTML; export the chat again with the format 'Machine-readable JSON' "
    "and import its result.json"
)
_MATRIX = "is an export of Element as {}; export the room again with the format JSON"
_EXPORTER = "is a {} made by DiscordChatExporter; export the channel again with the format Json"

_MEETUP = (
    "is a response of Meetup's API version 3, which has been switched off; it lists planned events, "
    "not messages: subscribe to the group's calendar as a schedule instead"
)
_TEAMS = (
    "is a response of Microsoft Graph with messages of Teams, which is not supported; "
    f"{_AS_TABLE}: created_at=createdDateTime, author=displayName, text=content"
)

_ROOMS = "is a list of rooms of {}, without messages; request the messages of a room"

_FILES = [
    (re.compile(pattern.encode()), text)
    for pattern, text in (
        (r"\s*\Z", "is empty"),
        (r"\s*(?:\[\s*\]|\{\s*\})\s*\Z", "is an empty list: there is nothing in it to import"),
        (r"%PDF-", "is a PDF; export the original document in one of the known formats"),
        (
            r"\xd0\xcf\x11\xe0|(?s:PK\x03\x04.{26,60}(?:\[Content_Types\]|xl/|word/|_rels/))",
            "is a document of an office program; save its table as CSV and name its columns with --columns",
        ),
        (r"SQLite format 3\x00", "is a database of SQLite; export its table as CSV"),
        (_PAGE + r"(?:DiscordChatExporter|chatlog__)", _EXPORTER.format("page")),
        (_PAGE + r"class=\"(?:page_wrap|message default clearfix|history)\"", _TELEGRAM_HTML),
        (_PAGE + r"mx_(?:Export|EventTile|MainSplit|MessagePanel)", _MATRIX.format("HTML")),
        (
            _PAGE + r"(?:_a6-g|_3-95|uiBoxWhite)",
            f"is a page of a download from Facebook or Instagram, which is not supported; {_AS_TABLE}",
        ),
        (r"={20,}\s+Guild: .*\s+Channel: ", _EXPORTER.format("text")),
        (r"\"?AuthorID\"?,\"?Author\"?,\"?Date\"?,\"?Content\"?", _EXPORTER.format("table")),
        (r"\"?ID\"?,\"?Timestamp\"?,\"?Contents\"?,\"?Attachments\"?", _DISCORD_PACKAGE),
        (_key("ID", "Timestamp", "Contents", "Attachments"), _DISCORD_PACKAGE),
        (
            _key("group") + r"(?=.*\"(?:event_hosts|yes_rsvp_count|rsvp_limit|member_photo)\"\s*:)",
            _MEETUP,
        ),
        (_key("channels", "success", "usersCount"), _ROOMS.format("Rocket.Chat")),
        (_key("rid", "open", "unread", "ls"), _ROOMS.format("Rocket.Chat")),
        (_key("team_id", "display_name", "total_msg_count"), _ROOMS.format("Mattermost")),
        (_key("joined_rooms"), _ROOMS.format("Matrix")),
        (_key("room_id", "num_joined_members"), _ROOMS.format("Matrix")),
        (_key("result", "streams", "stream_id"), _ROOMS.format("Zulip")),
        (_key("result", "topics", "max_id"), _ROOMS.format("Zulip")),
        (_key("guild_id", "permission_overwrites"), _ROOMS.format("Discord")),
        (
            _key("channel_id", "mention_roles", "mention_everyone"),
            "is a response of Discord's API; export the channel with DiscordChatExporter in the format Json",
        ),
        (_key("creator", "created_date"), _GOOGLE_CHAT),
        (
            _key("conversation_state", "event"),
            f"is an export of Google Hangouts, which is not supported; {_AS_TABLE}",
        ),
        (_key("userId", "exportDate", "conversations"), _SKYPE),
        (_key("MessageList", "originalarrivaltime"), _SKYPE),
        (
            _key("createdDateTime", "body", "contentType"),
            _TEAMS,
        ),
        (
            _key("sender_name", "timestamp_ms"),
            f"is a chat from a download of Facebook or Instagram, which is not supported; {_AS_TABLE}",
        ),
        (
            _key("sent_at", "conversationId"),
            f"has messages of Signal, which is not supported; {_AS_TABLE}",
        ),
        (
            _key("fromUser", "sent", "readBy"),
            "is a response of Gitter's old API; its rooms have moved to Matrix: collect them there",
        ),
        (r"(?:\[LINE\]|\xef\xbb\xbf\[LINE\])", f"is a chat of LINE, which is not supported; {_AS_TABLE}"),
        (
            r"\d\d:\d\d:\d\d[ \t]+(?:From|Von|De)[ \t]+[^\n]{1,80}? (?:to|To|an|An|à|para)[ \t]+[^\n]{1,80}:",
            f"is the chat of a meeting in Zoom, which is not supported; {_AS_TABLE}",
        ),
    )
]
"""Patterns for the beginning of a file, with the message about it; the first match is used."""

_EXPORTS = [
    (re.compile(pattern, re.IGNORECASE), text)
    for pattern, text in (
        (r"(?:^|/)messages/c?\d+/(?:messages|channel)\.(?:json|csv)$", _DISCORD_PACKAGE),
        (r"(?:^|/)Google Chat/|(?:^|/)Groups/[^/]+/(?:messages|group_info)\.json$", _GOOGLE_CHAT),
        (r"(?:^|/)chats/chat_\d+/messages\d*\.html$|(?:^|/)export_results\.html$", _TELEGRAM_HTML),
        (
            r"(?:^|/)(?:messages/)?inbox/[^/]+/message_\d+\.(?:json|html)$",
            f"is a download from Facebook or Instagram, which is not supported; {_AS_TABLE}",
        ),
        (r"(?:^|/)endpoints\.json$", _SKYPE),
        (r"(?:^|/)messages\d*\.html$", _TELEGRAM_HTML),
        (r"^xl/|^word/|^\[Content_Types\]", "is a document of an office program; save its table as CSV"),
    )
]
"""Patterns for the names of files in an export, with the message about the export."""


def describe(head: bytes) -> str | None:
    """Return a message about an unsupported file from its first bytes, or None if it is unknown.

    Examples
    --------
    >>> describe(b"[]")
    'is an empty list: there is nothing in it to import'
    """
    head = head.removeprefix(b"\xef\xbb\xbf")
    return next((text for pattern, text in _FILES if pattern.match(head)), None)


def diagnose(path: Path, head: bytes) -> str | None:
    """Return a message about an unsupported file, zip or folder, or None if it is unknown.

    Parameters
    ----------
    path : Path
        The file.
    head : bytes
        Beginning of its decompressed content.
    """
    if not path.is_dir() and (text := describe(head)) is not None:
        return text
    if path.is_dir() or head.startswith(b"PK\x03\x04"):
        with suppress(ImporterError):  # a broken zip is reported by the importers
            names = files.names() if (files := bundle(path)) is not None else []
            for pattern, text in _EXPORTS:
                if any(map(pattern.search, names)):
                    return text
    return None
