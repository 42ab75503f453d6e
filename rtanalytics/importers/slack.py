"""Importer for Slack: a complete export, or a single file with messages.

An export has ``channels.json``, ``users.json``, and a folder per channel with one file per day. A single
file is a day of an export, a channel from ``slackdump``, or a page of Slack's API
(``conversations.history``, ``conversations.replies``, ``search.messages``). If the channel is neither in
the file nor in the export around it, ``--channel`` is required.

The id of a message is ``slack:<channel's id>:<ts>``; the time stamp ``ts`` is unique within a channel.
Private conversations (``groups.json``, ``dms.json``, ``mpims.json``) are left out unless requested.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from rtanalytics.event import Event
from rtanalytics.importers.base import ImporterError, Options, Rejected, member_of
from rtanalytics.importers.bundle import FolderBundle, TarBundle, bundle
from rtanalytics.importers.common import event_or_rejected, word
from rtanalytics.importers.exports import first_member
from rtanalytics.importers.json_stream import members, sample
from rtanalytics.importers.reading import begins, open_bytes
from rtanalytics.importers.slack_message import Room, Team, author_of_user
from rtanalytics.normalize.values import as_dict, as_list
from rtanalytics.untrusted import abbreviate

__all__ = ["SLACK"]

_DAY = re.compile(r"(?:^|/)(?P<folder>[^/]+)/(?P<day>\d{4}-\d\d-\d\d)\.json$")
_ONLY_DAY = re.compile(r"\d{4}-\d\d-\d\d\.json$")
_USERS = ("users", "org_users")
_LISTS = {"channels": False, "groups": True, "mpims": True, "dms": True}
_TS = re.compile(r"\d{9,11}\.\d{1,6}")
_ANSWER = re.compile(
    rb'"ok"\s*:\s*(?:true\b.*"(?:messages|members|users?|channels?)"\s*:\s*[\[{]|false\b.*"error"\s*:)|'
    rb'"(?:messages|error)"\s*:.*"ok"\s*:\s*(?:true|false)\b|"members"\s*:\s*\[\s*["{].*"ok"\s*:\s*true\b',
    re.DOTALL,
)
_PERSON = re.compile(rb'"id"\s*:\s*"[UWCG][A-Z0-9]{4,}"')
_PRIVATE = "a private conversation, left out; --private imports it too"


class _Files(Protocol):
    path: Path

    def open(self, name: str) -> AbstractContextManager[BinaryIO]: ...


class _Slack:
    """Importer for Slack's exports and pages of its API."""

    edits = True

    def recognises(self, path: Path, head: bytes) -> bool:
        """Return True for an export with lists and days, or a file with members that only Slack writes."""
        if not path.is_dir() and not head.startswith(b"PK\x03\x04"):
            return begins(head) in (b"[", b"{") and _is_from_slack(head)
        files = bundle(path)
        if files is None:
            return False
        names = files.names()
        if not any(map(_DAY.search, names)):
            return any(map(_ONLY_DAY.match, names)) and _is_from_slack(first_member(path, _ONLY_DAY.pattern))
        lists = any(re.search(r"(?:^|/)(?:users|channels)\.json$", name) for name in names)
        return lists or _is_from_slack(first_member(path, _DAY.pattern))

    def read(self, path: Path, options: Options) -> Iterator[Event | ValueError]:
        """Yield the events of an export or a file."""
        files = bundle(path)
        if files is None:
            yield from _File(path, options).read()
            return
        if isinstance(files, TarBundle):
            raise ImporterError(f"{path}: a Slack export is a zip or a folder with channels.json in it")
        names = files.names()
        if isinstance(files, FolderBundle) and not any(map(_DAY.search, names)):
            for name in filter(_ONLY_DAY.match, names):  # the folder contains one channel
                yield from _File(path / name, options).read()
            return
        team = Team()
        yield from _learn(files, names, team)
        left_out: set[str] = set()
        for name in names:
            if (found := _DAY.search(name)) is None:
                continue
            folder = found["folder"]
            native, channel_name, private = _channel(team, folder, name.rpartition("/")[0])
            if private and not options.private:
                if folder not in left_out:
                    left_out.add(folder)
                    yield Rejected(path, f"folder {abbreviate(folder)}", _PRIVATE)
                continue
            room = Room(native, channel_name, team, options)
            for where, value in _elements(files, name):
                yield from _messages(member_of(path, name), where, value, room)


SLACK = _Slack()


def _is_from_slack(head: bytes) -> bool:
    """Return True for messages with time and text, other responses of Slack's API, and Slack's lists."""
    values = sample(head)
    if any(_is_message(message) for value in values for message in _candidates(value)):
        return True
    if begins(head) == b"{":
        listed = as_dict(next(iter(values), None)).get("messages")
        return not listed and _ANSWER.search(head[:20_000]) is not None
    return _PERSON.search(head) is not None and any(
        mark in head for mark in (b'"team_id"', b'"is_archived"', b'"is_channel"', b'"profile"')
    )


def _candidates(value: Any) -> Iterator[Any]:
    """Yield everything that may be a message: the value, and the members of a page, search or event."""
    yield value
    if isinstance(value, dict):
        messages = value.get("messages")
        yield from as_list(messages)
        yield from as_list(as_dict(messages).get("matches"))
        yield from (value.get("event"), value.get("message"))


def _is_message(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("ts"), str)
        and _TS.fullmatch(value["ts"]) is not None
        and not {"text", "blocks", "files", "attachments", "subtype"}.isdisjoint(value)
    )


def _messages(file: str | Path, where: str, value: Any, room: Room) -> Iterator[Event | Rejected]:
    """Yield the events of a message and of the replies that ``slackdump`` stores in it."""
    replies = value.pop("slackdump_thread_replies", None) if isinstance(value, dict) else None
    for message in (value, *(replies if isinstance(replies, list) else ())):
        yield from event_or_rejected(room.event, message, file, where)


def _channel(team: Team, folder: str, place: str = "") -> tuple[str, str, bool]:
    """Return the id and the name of a folder's channel, and whether the channel is private."""
    private = folder.startswith("mpdm-") or re.fullmatch(r"[DG][A-Z0-9]{6,}", folder) is not None
    return team.channels.get(place) or team.channels.get(folder, (folder, folder, private))


def _is_private(message: Any) -> bool:
    """Return True if a message is from a private channel.

    Results of a search say so in ``channel``, and messages of the Events API in ``channel_type``.
    """
    if not isinstance(message, dict):
        return False
    channel = message.get("channel")
    kinds = ("is_private", "is_im", "is_mpim", "is_group")
    if isinstance(channel, dict) and any(channel.get(kind) is True for kind in kinds):
        return True
    return message.get("channel_type") in ("im", "mpim", "group")


def _elements(files: _Files, name: str) -> Iterator[tuple[str, Any]]:
    """Yield place and value of each element of a JSON list; a broken value is a :class:`Rejected`."""
    with files.open(name) as stream:
        for _, where, value in members(member_of(files.path, name), stream.read):
            yield where, value


def _learn(files: _Files, names: list[str], team: Team) -> Iterator[Rejected]:
    """Read the lists of users and channels into ``team``."""
    kinds = {**dict.fromkeys(_USERS, False), **_LISTS}
    # an export of several workspaces has one folder per workspace, each with its own lists
    tops = [
        (name, *name.removesuffix(".json").rpartition("/")[::2]) for name in names if name.endswith(".json")
    ]
    for top, place, list_name in tops:
        if list_name not in kinds or _DAY.search(top):
            continue
        private = kinds[list_name]
        for where, value in _elements(files, top):
            if isinstance(value, Rejected):
                yield value
            elif not isinstance(value, dict) or not isinstance(value.get("id"), str):
                reason = f"neither a user nor a channel: {abbreviate(value)}"
                yield Rejected(member_of(files.path, top), where, reason)
            elif list_name in _USERS:
                if (author := author_of_user(value)) is not None:
                    team.people[value["id"]] = author
            else:
                native, name = word(value["id"]), word(value.get("name")) or word(value["id"])
                hidden = private or value.get("is_private") is True
                channel = (native, name, hidden)
                for folder in (str(value.get("name") or native), native):
                    team.channels.setdefault(folder, channel)
                    team.channels[f"{place}/{folder}" if place else folder] = channel
                team.names[native] = name


class _File:
    """Reader for a single file with messages: a day, a channel, or a page of the API."""

    def __init__(self, path: Path, options: Options) -> None:
        self._path, self._options = path, options
        self._team = Team()
        self._about: dict[str, Any] = {}
        self._rooms: dict[str, Room | None] = {}  # None: private

    def read(self) -> Iterator[Event | ValueError]:
        """Yield the events of the file."""
        yield from self._read_lists()
        lists = {"messages", "members", "users", "channels"}
        with open_bytes(self._path) as file:
            for name, where, value in members(self._path, file.read, lists):
                yield from self._take(name, value, where)
        if self._about.get("ok") is False and not self._rooms:
            raise ImporterError(
                f"{self._path}: Slack answered with the error {abbreviate(self._about.get('error'))} "
                f"instead of messages; request it again"
            )

    def _read_lists(self) -> Iterator[Rejected]:
        """Read the lists of users and channels of the export that contains the file, if there are any."""
        for folder in (self._path.parent, self._path.parent.parent):
            names = [f"{name}.json" for name in (*_USERS, *_LISTS) if self._is_list(folder / f"{name}.json")]
            if names:
                yield from _learn(FolderBundle(folder), names, self._team)
                return

    def _is_list(self, path: Path) -> bool:
        return path != self._path and path.is_file() and not path.is_symlink()

    def _take(self, name: str, value: Any, where: str) -> Iterator[Event | ValueError]:
        if isinstance(value, Rejected):
            yield value
        elif name == "messages" and isinstance(value, dict) and isinstance(value.get("matches"), list):
            for found in value["matches"]:  # of search.messages
                yield from self._message(found, where)
        elif name in ("", "messages", "message", "event"):
            yield from self._message(value, where)
        elif name in ("members", "users", "user", "channels"):
            raise self._no_messages("channels" if name == "channels" else "users")
        else:
            self._about[name] = value

    def _message(self, message: Any, where: str) -> Iterator[Event | ValueError]:
        if not self._rooms and isinstance(message, dict) and "ts" not in message and "id" in message:
            raise self._no_messages("channels" if str(message["id"])[:1] in "CGD" else "users")
        native, name = self._channel_of(message)
        if native not in self._rooms:
            id, channel_name, private = _channel(self._team, native)
            private |= name.startswith("mpdm-") or _is_private(message)
            hidden = private and not self._options.private
            if hidden:
                yield Rejected(self._path, f"channel {abbreviate(native)}", _PRIVATE)
            options = replace(self._options, channel=None)
            self._rooms[native] = None if hidden else Room(id, name or channel_name, self._team, options)
        if (room := self._rooms[native]) is not None:
            yield from _messages(self._path, where, message, room)

    def _no_messages(self, what: str) -> ImporterError:
        return ImporterError(
            f"{self._path} is Slack's list of {what}, without messages; "
            "give the whole export, a zip or a folder"
        )

    def _channel_of(self, message: Any) -> tuple[str, str]:
        """Return the id and name of a message's channel, from the message, file, folder or command line."""
        channel = message.get("channel") if isinstance(message, dict) else None
        if isinstance(channel, dict):  # of search.messages
            found = [(channel.get("id"), channel.get("name"))]
        else:
            found = [
                (channel, None),
                *((self._about.get(at), self._about.get("name")) for at in ("channel_id", "channel")),
            ]
        for native, name in found:
            if word(native):
                return word(native), word(name)
        folder = self._path.parent.name
        known = self._options.channel or (folder if folder in self._team.channels else None)
        if known is None:
            raise ImporterError(
                f"{self._path} does not name its channel; give its id (such as C024BE91L) or its name "
                "with --channel"
            )
        return word(known).lstrip("#"), ""
