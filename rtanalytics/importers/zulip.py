"""An export of a Zulip organisation (``realm.json``, ``messages-000001.json`` ...), or a page of its API.

A message is ``zulip:<host or name of the organisation>:<its number>``. Only what was said in channels that
everybody may read is imported, unless private conversations are asked for. A topic is a thread, under the
first message that it has in the export.
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
from rtanalytics.importers.base import ImporterError, Options, Rejected, RowError, member_of, shortened
from rtanalytics.importers.bundle import Bundle, bundle
from rtanalytics.importers.common import (
    BAD_ROW,
    author_of,
    build,
    find_links,
    find_tags,
    html_text,
    moment,
    number,
    reason_of,
    word,
)
from rtanalytics.importers.json_stream import Broken, NotJson, walk
from rtanalytics.importers.reading import begins, open_bytes, suffixed
from rtanalytics.importers.unpack import BROKEN

__all__ = ["ZULIP"]

CONNECTOR = "zulip-export@1"
_REALM = re.compile(r"(?:^|/)realm\.json$")
_MESSAGES = re.compile(r"(?:^|/)messages-\d+\.json(?:\.partial)?$")
_MENTION = re.compile(r"@_?\*\*([^*|\n]{1,100})(?:\|\d+)?\*\*")
_SHOWN_MENTION = re.compile(r'<span class="user-mention[^"<>]*"[^<>]*>@?([^<>\n]{1,100})</span>')
_ADDRESS = re.compile(r'<a [^<>]*?href="(https?://[^"<>\s]+)"')
_PAGE = (b'"display_recipient"', b'"sender_full_name"', b'"messages"')
_TABLES = {
    "zerver_realm", "zerver_stream", "zerver_recipient", "zerver_userprofile",
    "zerver_userprofile_crossrealm", "zerver_userprofile_mirrordummy",
}  # fmt: skip
_STREAM = 2
_SYSTEM = "zulipinternal"
"""Where a server keeps its own bots; what they say is said in the organisation that they speak to."""


@dataclass(slots=True)
class _Realm:
    """Who and what an export talks about."""

    scope: str = ""
    people: dict[int, Author] = field(default_factory=dict)
    streams: dict[int, tuple[str, bool]] = field(default_factory=dict)  # id → name, private
    recipients: dict[int, int | None] = field(default_factory=dict)  # id → stream, None if it is none


class _Zulip:
    """Importer of Zulip exports."""

    what = "Zulip export (tar.gz, zip or folder) or pages of its API"
    edits = True

    def recognises(self, path: Path, head: bytes) -> bool:
        """True by its two kinds of file; a page by what a message of the API has."""
        if begins(head) == b"{" and all(mark in head for mark in _PAGE):
            return True
        packed = head.startswith(b"PK\x03\x04") or head[257:262] == b"ustar"
        files = bundle(path) if path.is_dir() or packed else None
        if files is None:
            return False
        names = files.names()
        return any(map(_REALM.search, names)) and any(map(_MESSAGES.search, names))

    def read(self, path: Path, options: Options) -> Iterator[Event | ValueError]:
        files = bundle(path)
        if files is None and suffixed(path, ".json"):
            yield from _page(path, options)
            return
        if files is None:
            raise ImporterError(
                f"{path}: a Zulip export is a tar.gz, a zip or a folder with realm.json in it"
            )
        realm = _Realm()
        yield from _learn(files, realm)
        if options.network:
            realm.scope = options.network
        if not realm.scope:
            raise ImporterError(
                f"{path} does not say of which organisation it is; name its host with --network"
            )
        rooms = _Rooms(realm, options)
        for name, file in files.each():
            if _MESSAGES.search(name):
                yield from _messages(member_of(path, name), file, rooms)
        if rooms.private:
            reason = f"{rooms.private:,} messages said in private, left out; --private imports them too"
            yield Rejected(path, "export", reason)


ZULIP = _Zulip()


def _rows(file: str, stream: BinaryIO, tables: set[str]) -> Iterator[tuple[str, str, Any]]:
    """Table, place and row; what is no row is told."""
    try:
        for table, value, line in walk(stream.read, {*tables, "zerver_usermessage"}):
            if table in tables:
                where = f"line {line}"
                broken = isinstance(value, Broken)
                yield table, where, Rejected(file, where, value.reason, value.raw) if broken else value
    except NotJson as error:
        yield "", "", Rejected(file, "document", str(error))
    except BROKEN as error:
        yield "", "", Rejected(file, "document", f"damaged or cut off ({error}); fetch it again")


def _learn(files: Bundle, realm: _Realm) -> Iterator[Rejected]:
    for name, file in files.each():
        if not _REALM.search(name):
            continue
        for table, where, row in _rows(member_of(files.path, name), file, _TABLES):
            if isinstance(row, Rejected):
                yield row
                continue
            try:
                _take(realm, table, row)
            except BAD_ROW as error:
                yield Rejected(member_of(files.path, name), where, reason_of(error), repr(row))
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
    elif (who := author_of(row.get("full_name"), row["id"], bot=row.get("is_bot") is True)) is not None:
        realm.people[int(row["id"])] = who


def _messages(file: str, stream: BinaryIO, rooms: _Rooms) -> Iterator[Event | ValueError]:
    for _, where, row in _rows(file, stream, {"zerver_message"}):
        if isinstance(row, Rejected):
            yield row
            continue
        try:
            event = rooms.event(row)
        except BAD_ROW as error:
            yield Rejected(file, where, reason_of(error), repr(row))
            continue
        if event is not None:
            yield event


def _page(path: Path, options: Options) -> Iterator[Event | ValueError]:
    """The messages of an answer of the API; those between people are counted only."""
    topics: dict[tuple[str, str], str] = {}
    private, home = 0, _home(path)
    with open_bytes(path) as file:
        try:
            for name, said, line in walk(file.read, {"messages"}):
                where = f"line {line}"
                if name != "messages":
                    continue
                if isinstance(said, Broken):
                    yield Rejected(path, where, said.reason, said.raw)
                    continue
                try:
                    if said["type"] in ("private", "direct") and not options.private:
                        private += 1
                        continue
                    yield _answered(said, options, home, topics)
                except BAD_ROW as error:
                    yield Rejected(path, where, reason_of(error), repr(said))
        except NotJson as error:
            yield Rejected(path, "document", str(error))
        except BROKEN as error:
            yield Rejected(path, "document", f"damaged or cut off ({error}); fetch it again")
    if private:
        reason = f"{private:,} messages said in private, left out; --private imports them too"
        yield Rejected(path, "page", reason)


def _home(path: Path) -> str:
    """The organisation of a page, as the first that is no bot of the server says it; empty if nobody does."""
    with (
        open_bytes(path) as file,
        suppress(NotJson, *BROKEN),
    ):  # who reads the page tells what is wrong with it
        for name, said, _ in walk(file.read, {"messages"}):
            realm = (
                word(said.get("sender_realm_str")) if name == "messages" and isinstance(said, dict) else ""
            )
            if realm not in ("", _SYSTEM):
                return realm
    return ""


def _answered(said: dict[str, Any], options: Options, home: str, topics: dict[tuple[str, str], str]) -> Event:
    """The event of a message as the API gives it: with names, and mostly as HTML."""
    realm = word(said.get("sender_realm_str"))
    scope = options.network or (home if realm == _SYSTEM else realm)
    if not scope:
        raise RowError("it does not say of which organisation it is; name its host with --network")
    room = said.get("display_recipient")
    channel = f"#{word(room)}" if isinstance(room, str) else "#private"
    topic = word(said.get("subject")) or word(said.get("topic"))
    id = f"zulip:{scope}:{number(said.get('id'))}"
    root = topics.setdefault((channel, topic.casefold()), id)
    content, edited = said.get("content"), said.get("last_edit_timestamp")
    if not isinstance(content, str):
        raise RowError("it has no content")
    shown = said.get("content_type") == "text/html" or content.startswith("<p>")
    text = html_text(content) if shown else content
    mentions = (
        [unescape(name) for name in _SHOWN_MENTION.findall(content)] if shown else _MENTION.findall(text)
    )
    return build(
        id=id,
        source=f"zulip:{channel}",
        type="action" if said.get("is_me_message") is True else "message",
        created_at=moment(said.get("timestamp")),
        edited_at=moment(edited) if edited else None,
        connector=CONNECTOR,
        author=author_of(said.get("sender_full_name"), said.get("sender_id")),
        channel=channel,
        to=f"{channel} > {topic}" if topic else channel,
        text=text.removeprefix("/me ") if said.get("is_me_message") is True else text,
        tags=find_tags(text),
        mentions=mentions,
        links=[*(unescape(link) for link in _ADDRESS.findall(content)), *find_links(text)],
        thread=None if root == id else root,
    )


class _Rooms:
    """The channels of an organisation, whose messages become events."""

    def __init__(self, realm: _Realm, options: Options) -> None:
        self._realm, self._options = realm, options
        self._topics: dict[tuple[int | None, str], str] = {}
        self.private = 0

    def event(self, said: Any) -> Event | None:
        """The event of a message; None of a private one."""
        if not isinstance(said, dict):
            raise RowError(f"{shortened(said)} is no message")
        realm, native = self._realm, number(said.get("id"))
        recipient = said.get("recipient")
        if recipient not in realm.recipients:
            raise RowError(f"recipient {shortened(recipient)} is not in realm.json")
        stream = realm.recipients[recipient]
        name, private = (
            realm.streams.get(stream, (str(stream), True)) if stream is not None else ("private", True)
        )
        if private and not self._options.private:
            self.private += 1
            return None
        channel, topic = f"#{name}", word(said.get("subject"))
        id = f"zulip:{realm.scope}:{native}"
        root = self._topics.setdefault((recipient, topic.casefold()), id)
        text = said.get("content")
        if not isinstance(text, str):
            rendered = said.get("rendered_content")
            if not isinstance(rendered, str):
                raise RowError("it has no content")
            text = html_text(rendered)
        edited, deed = said.get("last_edit_time"), text.startswith("/me ")
        text = text.removeprefix("/me ") if deed else text
        return build(
            id=id,
            source=f"zulip:{channel}",
            type="action" if deed else "message",
            created_at=moment(said.get("date_sent")),
            edited_at=moment(edited) if edited else None,
            connector=CONNECTOR,
            author=realm.people.get(said.get("sender", -1)) or author_of(said.get("sender")),
            channel=channel,
            to=f"{channel} > {topic}" if topic else channel,
            text=text,
            tags=find_tags(text),
            mentions=_MENTION.findall(text),
            links=find_links(text),
            thread=None if root == id else root,
        )
