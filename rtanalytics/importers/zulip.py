"""Importer for Zulip: exports of an organisation, and messages of its API.

An export has the files ``realm.json`` and ``messages-000001.json``, ``messages-000002.json`` and so on.
Messages of the API are a page, a list, or an archive by ``zulip-archive``, which has a folder per channel
with a file per topic.

The id of a message is ``zulip:<host or name of the organisation>:<its id>``. Private channels and
conversations are left out unless requested. A topic is a thread; its id is the first message of the
topic in the export.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import Any, BinaryIO

from rtanalytics.event import Author, Event
from rtanalytics.importers.base import ImporterError, Options, Rejected, Skipped, member_of
from rtanalytics.importers.bundle import Bundle, bundle
from rtanalytics.importers.common import (
    BAD_ROW,
    author_of,
    build,
    event_or_rejected,
    find_links,
    find_tags,
    html_text,
    moment,
    reason_of,
    word,
)
from rtanalytics.importers.exports import first_member
from rtanalytics.importers.json_stream import NotJson, members, sample, walk
from rtanalytics.importers.reading import open_bytes
from rtanalytics.importers.unpack import BROKEN
from rtanalytics.normalize.values import InvalidValue, as_dict, as_list, numeric_id
from rtanalytics.untrusted import abbreviate

__all__ = ["ZULIP"]

CONNECTOR = "zulip-export@1"
_REALM = re.compile(r"(?:^|/)realm\.json$")
_MESSAGES = re.compile(r"(?:^|/)messages-\d+\.json(?:\.partial)?$")
_MENTION = re.compile(r"@_?\*\*([^*|\n]{1,100})(?:\|\d+)?\*\*")
_SHOWN_MENTION = re.compile(r'<span class="user-mention[^"<>]*"[^<>]*>@?([^<>\n]{1,100})</span>')
_ADDRESS = re.compile(r'<a [^<>]*?href="(https?://[^"<>\s]+)"')
_INDEX = re.compile(r"(?:^|/)stream_index\.json$")
_TOPIC = re.compile(r"(?:^|/)(?:\d+-)?(?P<stream>[^/]+)/(?P<topic>[^/]+)\.json$")
_TABLES = {
    "zerver_realm", "zerver_stream", "zerver_recipient", "zerver_userprofile",
    "zerver_userprofile_crossrealm", "zerver_userprofile_mirrordummy",
}  # fmt: skip
_BY_TOPIC = r"^(?!.*stream_index\.json$).*/[^/]+\.json$"
_PRIVATE = "private messages (--private imports them)"
_STREAM = 2
_SYSTEM = "zulipinternal"
"""Organisation of the server's own bots; their messages count for the organisation they write in."""


@dataclass(slots=True)
class _Realm:
    """People and channels of an export."""

    scope: str = ""
    people: dict[int, Author] = field(default_factory=dict)
    streams: dict[int, tuple[str, bool]] = field(default_factory=dict)  # id → name, private
    recipients: dict[int, int | None] = field(default_factory=dict)  # id → stream, None if it is not one


class _Zulip:
    """Importer for Zulip exports."""

    edits = True

    def recognises(self, path: Path, head: bytes) -> bool:
        """Return True if an export has both kinds of files, or a file has messages of the API."""
        packed = head.startswith(b"PK\x03\x04") or head[257:262] == b"ustar"
        files = bundle(path) if path.is_dir() or packed else None
        if files is None:
            return any(map(_is_message, _first_messages(head)))
        names = files.names()
        if any(map(_REALM.search, names)) and any(map(_MESSAGES.search, names)):
            return True
        return any(map(_is_message, _first_messages(first_member(path, _BY_TOPIC))))

    def read(self, path: Path, options: Options) -> Iterator[Event | ValueError]:
        """Yield the events of an export, an archive or a page."""
        files = bundle(path)
        if files is None:
            yield from _page(path, options)
            return
        if not any(map(_REALM.search, files.names())):
            yield from _topics(path, files, options)
            return
        realm = _Realm()
        yield from _learn(files, realm)
        if options.network:
            realm.scope = options.network
        if not realm.scope:
            raise ImporterError(
                f"{path} does not name its organisation; give the host with --network",
                ["--network", "chat.example.org"],
            )
        rooms = _Rooms(realm, options)
        for name, file in files.each():
            if _MESSAGES.search(name):
                label = member_of(path, name)
                for _, where, row in _rows(label, file, {"zerver_message"}):
                    yield from event_or_rejected(rooms.event, row, label, where)
        if rooms.private:
            yield Skipped(_PRIVATE, rooms.private)


ZULIP = _Zulip()


def _first_messages(head: bytes) -> list[Any]:
    """Return the first messages of a page or a list."""
    return [item for value in sample(head) for item in (value, *as_list(as_dict(value).get("messages")))]


def _is_message(value: Any) -> bool:
    """Return True for a message of the API."""
    names = {"id", "content", "timestamp"}
    return (
        isinstance(value, dict)
        and names <= value.keys()
        and isinstance(value.get("sender_full_name"), str)
        and ({"display_recipient", "stream_id", "subject"} & value.keys() != set())
    )


def _rows(file: str, stream: BinaryIO, tables: set[str]) -> Iterator[tuple[str, str, Any]]:
    """Yield the table, the place and the value of each row; a broken row is a :class:`Rejected`."""
    for table, where, value in members(file, stream.read, {*tables, "zerver_usermessage"}):
        if table in tables or where == "document":
            yield table, where, value


def _learn(files: Bundle, realm: _Realm) -> Iterator[Rejected]:
    for name, file in files.each():
        if not _REALM.search(name):
            continue
        label = member_of(files.path, name)
        for table, where, row in _rows(label, file, _TABLES):
            if isinstance(row, Rejected):
                yield row
                continue
            try:
                _take(realm, table, row)
            except BAD_ROW as error:
                yield Rejected(label, where, reason_of(error), repr(row))
        return
    raise ImporterError(f"{files.path} has no realm.json; give the whole export")


def _take(realm: _Realm, table: str, row: dict[str, Any]) -> None:
    if table == "zerver_realm":
        realm.scope = word(row.get("string_id")) or word(row.get("name")) or realm.scope
    elif table == "zerver_stream":
        private = row.get("invite_only") is True
        realm.streams[int(row["id"])] = (word(row.get("name")) or str(row["id"]), private)
    elif table == "zerver_recipient":
        realm.recipients[int(row["id"])] = int(row["type_id"]) if row.get("type") == _STREAM else None
    elif (author := author_of(row.get("full_name"), row["id"], bot=row.get("is_bot") is True)) is not None:
        realm.people[int(row["id"])] = author


def _page(path: Path, options: Options) -> Iterator[Event | ValueError]:
    """Yield the events of a page or a list of messages."""
    page = _Pages(options, _home(path))
    with open_bytes(path) as file:
        for name, where, message in members(path, file.read, {"messages"}):
            if name in ("", "messages") or where == "document":
                yield from event_or_rejected(page.event, message, path, where)
    yield from page.report()


def _topics(path: Path, files: Bundle, options: Options) -> Iterator[Event | ValueError]:
    """Yield the events of an archive with a folder per channel and a file per topic."""
    page = _Pages(options, "")
    if not any(map(_TOPIC.search, files.names())):
        raise ImporterError(
            f"{path} has neither a realm.json nor a folder per channel; give the whole export"
        )
    for name, file in files.each():
        if (found := _TOPIC.search(name)) is None or _INDEX.search(name):
            continue
        label = member_of(path, name)
        page.stream, page.topic = found["stream"], found["topic"]
        for inner, where, message in members(label, file.read, {"messages"}):
            if inner in ("", "messages") or where == "document":
                yield from event_or_rejected(page.event, message, label, where)
    yield from page.report()


class _Pages:
    """Converter from messages of the API, which have names instead of ids and HTML text, to events."""

    def __init__(self, options: Options, home: str) -> None:
        self._options, self._home = options, home
        self._topics: dict[tuple[str, str], str] = {}
        self._private = 0
        self.stream = self.topic = ""

    def event(self, message: Any) -> Event | None:
        """Return the event of a message, or None if it is private and left out."""
        if not isinstance(message, dict):
            raise InvalidValue(f"{abbreviate(message)} is not a message")
        if message.get("type", "stream") in ("private", "direct") and not self._options.private:
            self._private += 1
            return None
        return _message_of_page(message, self._options, self._home, self._topics, self.stream, self.topic)

    def report(self) -> Iterator[Skipped]:
        """Yield a :class:`Skipped` for private messages that were left out."""
        if self._private:
            yield Skipped(_PRIVATE, self._private)


def _home(path: Path) -> str:
    """Return the organisation of a page, from its first message that is not by a bot of the server."""
    with open_bytes(path) as file, suppress(NotJson, *BROKEN):  # the reader of the page reports the error
        for name, message, _ in walk(file.read, {"messages"}):
            if name == "messages" and isinstance(message, dict):
                realm = word(message.get("sender_realm_str"))
                if realm not in ("", _SYSTEM):
                    return realm
    return ""


def _message_of_page(
    message: dict[str, Any],
    options: Options,
    home: str,
    topics: dict[tuple[str, str], str],
    stream: str,
    in_topic: str,
) -> Event:
    """Return the event of a message of the API, which has names instead of ids, and usually HTML text."""
    realm = word(message.get("sender_realm_str"))
    scope = options.network or (home if realm == _SYSTEM else realm)
    if not scope:
        reason = "the message does not name its organisation; give the host with --network"
        if stream:  # in an archive, no message names it, so the file is refused at once
            raise ImporterError(reason, ["--network", "chat.example.org"])
        raise InvalidValue(reason)
    room = message.get("display_recipient", stream or None)
    channel = f"#{word(room)}" if isinstance(room, str) else "#private"
    topic = word(message.get("subject")) or word(message.get("topic")) or in_topic
    id = f"zulip:{scope}:{numeric_id(message.get('id'))}"
    root = topics.setdefault((channel, topic.casefold()), id)
    content, edited = message.get("content"), message.get("last_edit_timestamp")
    if not isinstance(content, str):
        raise InvalidValue("the message has no content")
    is_html = message.get("content_type") == "text/html" or content.startswith("<p>")
    text = html_text(content) if is_html else content
    mentions = (
        [unescape(name) for name in _SHOWN_MENTION.findall(content)] if is_html else _MENTION.findall(text)
    )
    return build(
        id=id,
        source=f"zulip:{channel}",
        type="action" if message.get("is_me_message") is True else "message",
        created_at=moment(message.get("timestamp")),
        edited_at=moment(edited) if edited else None,
        connector=CONNECTOR,
        author=author_of(message.get("sender_full_name"), message.get("sender_id")),
        channel=channel,
        to=f"{channel} > {topic}" if topic else channel,
        text=text.removeprefix("/me ") if message.get("is_me_message") is True else text,
        tags=find_tags(text),
        mentions=mentions,
        links=[*(unescape(link) for link in _ADDRESS.findall(content)), *find_links(text)],
        thread=None if root == id else root,
    )


class _Rooms:
    """Converter from the messages of an export to events."""

    def __init__(self, realm: _Realm, options: Options) -> None:
        self._realm, self._options = realm, options
        self._topics: dict[tuple[int | None, str], str] = {}
        self.private = 0

    def event(self, message: Any) -> Event | None:
        """Return the event of a message, or None if it is private and left out."""
        if not isinstance(message, dict):
            raise InvalidValue(f"{abbreviate(message)} is not a message")
        realm, native = self._realm, numeric_id(message.get("id"))
        recipient = message.get("recipient")
        if recipient not in realm.recipients:
            raise InvalidValue(f"recipient {abbreviate(recipient)} is not in realm.json")
        stream = realm.recipients[recipient]
        name, private = (
            realm.streams.get(stream, (str(stream), True)) if stream is not None else ("private", True)
        )
        if private and not self._options.private:
            self.private += 1
            return None
        channel, topic = f"#{name}", word(message.get("subject"))
        id = f"zulip:{realm.scope}:{native}"
        root = self._topics.setdefault((recipient, topic.casefold()), id)
        text = message.get("content")
        if not isinstance(text, str):
            rendered = message.get("rendered_content")
            if not isinstance(rendered, str):
                raise InvalidValue("the message has no content")
            text = html_text(rendered)
        edited, is_action = message.get("last_edit_time"), text.startswith("/me ")
        text = text.removeprefix("/me ") if is_action else text
        return build(
            id=id,
            source=f"zulip:{channel}",
            type="action" if is_action else "message",
            created_at=moment(message.get("date_sent")),
            edited_at=moment(edited) if edited else None,
            connector=CONNECTOR,
            author=realm.people.get(message.get("sender", -1)) or author_of(message.get("sender")),
            channel=channel,
            to=f"{channel} > {topic}" if topic else channel,
            text=text,
            tags=find_tags(text),
            mentions=_MENTION.findall(text),
            links=find_links(text),
            thread=None if root == id else root,
        )
