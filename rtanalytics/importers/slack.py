"""A Slack export (``channels.json``, ``users.json``, a folder a channel with a file a day), or one file.

One file is a day of an export, what ``slackdump`` makes of a channel, or a page of Slack's API
(``conversations.history``, ``conversations.replies``, ``search.messages``). Where neither the file nor the
export around it says of which channel it is, ``--channel`` must.

A message is ``slack:<channel's id>:<ts>``, a time stamp that Slack never gives twice in a channel. What was
said in private (``groups.json``, ``dms.json``, ``mpims.json``) is left alone unless it is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from rtanalytics.event import Event
from rtanalytics.importers.base import ImporterError, Options, Rejected, member_of, shortened
from rtanalytics.importers.bundle import FolderBundle, TarBundle, bundle
from rtanalytics.importers.common import BAD_ROW, reason_of, word
from rtanalytics.importers.json_stream import Broken, NotJson, walk
from rtanalytics.importers.reading import begins, open_bytes
from rtanalytics.importers.slack_message import Room, Team, person
from rtanalytics.importers.unpack import BROKEN

__all__ = ["SLACK"]

_DAY = re.compile(r"(?:^|/)(?P<folder>[^/]+)/(?P<day>\d{4}-\d\d-\d\d)\.json$")
_PEOPLE = ("users", "org_users")
_LISTS = {"channels": False, "groups": True, "mpims": True, "dms": True}
_MESSAGE = re.compile(rb'"ts"\s*:\s*"\d{9,11}\.\d{1,6}"')
_ANSWER = re.compile(
    rb'"ok"\s*:\s*(?:true\b.*"(?:messages|members|users?|channels?)"\s*:\s*[\[{]|false\b.*"error"\s*:)|'
    rb'"(?:messages|error)"\s*:.*"ok"\s*:\s*(?:true|false)\b|"members"\s*:\s*\[\s*["{].*"ok"\s*:\s*true\b',
    re.DOTALL,
)
_PERSON = re.compile(rb'"id"\s*:\s*"[UWCG][A-Z0-9]{4,}"')
_NO_MESSAGES = "Slack's list of {what}, without messages; give the whole export, a zip or a folder"


class _Files(Protocol):
    path: Path

    def open(self, name: str) -> AbstractContextManager[BinaryIO]: ...


class _Slack:
    """Importer of Slack's exports and answers."""

    what = "Slack export (zip, folder or one file) or pages of its API"
    edits = True

    def recognises(self, path: Path, head: bytes) -> bool:
        """True by its lists and its days; one file by what only Slack writes."""
        if not path.is_dir() and not head.startswith(b"PK\x03\x04"):
            return begins(head) in (b"[", b"{") and _is_slacks(head)
        files = bundle(path)
        if files is None:
            return False
        names = files.names()
        lists = any(re.search(r"(?:^|/)(?:users|channels)\.json$", name) for name in names)
        return lists and any(_DAY.search(name) for name in names)

    def read(self, path: Path, options: Options) -> Iterator[Event | ValueError]:
        files = bundle(path)
        if files is None:
            yield from _File(path, options).read()
            return
        if isinstance(files, TarBundle):
            raise ImporterError(f"{path}: a Slack export is a zip or a folder with channels.json in it")
        names = files.names()
        team = Team()
        yield from _learn(files, names, team)
        left_out: set[str] = set()
        for name in names:
            if (found := _DAY.search(name)) is None:
                continue
            folder = found["folder"]
            native, called, private = _channel(team, folder, name.rpartition("/")[0])
            if private and not options.private:
                if folder not in left_out:
                    left_out.add(folder)
                    yield Rejected(path, f"folder {shortened(folder)}", _PRIVATE)
                continue
            room = Room(native, called, team, options)
            for where, value in _elements(files, name):
                yield from _told(member_of(path, name), where, value, room)


SLACK = _Slack()
_PRIVATE = "a private conversation, left out; --private imports it too"


def _is_slacks(head: bytes) -> bool:
    if _MESSAGE.search(head) is not None and b'"text"' in head:
        return True
    if begins(head) == b"{":
        return _ANSWER.search(head[:20_000]) is not None
    return _PERSON.search(head) is not None and any(
        mark in head for mark in (b'"team_id"', b'"is_archived"', b'"is_channel"', b'"profile"')
    )


def _told(file: str | Path, where: str, value: Any, room: Room) -> Iterator[Event | Rejected]:
    """A message, and the answers that ``slackdump`` puts into it."""
    if isinstance(value, Rejected):
        yield value
        return
    replies = value.pop("slackdump_thread_replies", None) if isinstance(value, dict) else None
    for said in (value, *(replies if isinstance(replies, list) else ())):
        try:
            event = room.event(said)
        except BAD_ROW as error:
            yield Rejected(file, where, reason_of(error), repr(said))
            continue
        if event is not None:
            yield event


def _channel(team: Team, folder: str, place: str = "") -> tuple[str, str, bool]:
    """Id and name of the channel of a folder at a place, and whether it is private."""
    private = folder.startswith("mpdm-") or re.fullmatch(r"[DG][A-Z0-9]{6,}", folder) is not None
    return team.channels.get(place) or team.channels.get(folder, (folder, folder, private))


def _says_private(said: Any) -> bool:
    """True for a message that says so itself: in a search at its channel, in an event by its kind."""
    if not isinstance(said, dict):
        return False
    room = said.get("channel")
    kinds = ("is_private", "is_im", "is_mpim", "is_group")
    told = isinstance(room, dict) and any(room.get(kind) is True for kind in kinds)
    return told or said.get("channel_type") in ("im", "mpim", "group")


def _elements(files: _Files, name: str) -> Iterator[tuple[str, Any]]:
    """The objects of a list; what is none is told."""
    file = member_of(files.path, name)
    with files.open(name) as stream:
        try:
            for _, value, line in walk(stream.read, ()):
                where = f"line {line}"
                yield (
                    where,
                    Rejected(file, where, value.reason, value.raw) if isinstance(value, Broken) else value,
                )
        except NotJson as error:
            yield "", Rejected(file, "document", str(error))
        except BROKEN as error:
            yield "", Rejected(file, "document", f"damaged or cut off ({error}); fetch it again")


def _learn(files: _Files, names: list[str], team: Team) -> Iterator[Rejected]:
    """Read the lists of people and channels."""
    kinds = {**dict.fromkeys(_PEOPLE, False), **_LISTS}
    # an export of several workspaces has a folder with its own lists for each
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
                reason = f"neither a person nor a channel: {shortened(value)}"
                yield Rejected(member_of(files.path, top), where, reason)
            elif list_name in _PEOPLE:
                if (known := person(value)) is not None:
                    team.people[value["id"]] = known
            else:
                native, name = word(value["id"]), word(value.get("name")) or word(value["id"])
                hidden = private or value.get("is_private") is True
                told = (native, name, hidden)
                for folder in (str(value.get("name") or native), native):
                    team.channels.setdefault(folder, told)
                    team.channels[f"{place}/{folder}" if place else folder] = told
                team.names[native] = name


class _File:
    """One file with messages: a day, a channel, or an answer of the API."""

    def __init__(self, path: Path, options: Options) -> None:
        self._path, self._options = path, options
        self._team = Team()
        self._about: dict[str, Any] = {}
        self._rooms: dict[str, Room | None] = {}  # None: private

    def read(self) -> Iterator[Event | ValueError]:
        yield from self._around()
        with open_bytes(self._path) as file:
            try:
                for name, value, line in walk(file.read, {"messages", "members", "users", "channels"}):
                    yield from self._take(name, value, f"line {line}")
            except NotJson as error:
                yield Rejected(self._path, "document", str(error))
            except BROKEN as error:
                yield Rejected(self._path, "document", f"damaged or cut off ({error}); fetch it again")
        if self._about.get("ok") is not True and not self._rooms:
            self._refuse()

    def _refuse(self) -> None:
        """Say why there are no messages, unless something else has been said."""
        if self._about.get("ok") is False:
            raise ImporterError(
                f"{self._path}: Slack answered with the error {shortened(self._about.get('error'))} "
                f"instead of messages; ask again"
            )

    def _around(self) -> Iterator[Rejected]:
        """Who and what the export around it talks about, if there is one."""
        for folder in (self._path.parent, self._path.parent.parent):
            names = [f"{name}.json" for name in (*_PEOPLE, *_LISTS) if self._is_list(folder / f"{name}.json")]
            if names:
                yield from _learn(FolderBundle(folder), names, self._team)
                return

    def _is_list(self, path: Path) -> bool:
        return path != self._path and path.is_file() and not path.is_symlink()

    def _take(self, name: str, value: Any, where: str) -> Iterator[Event | ValueError]:
        if isinstance(value, Broken):
            yield Rejected(self._path, where, value.reason, value.raw)
        elif name == "messages" and isinstance(value, dict) and isinstance(value.get("matches"), list):
            for found in value["matches"]:  # of search.messages
                yield from self._said(found, where)
        elif name in ("", "messages", "message", "event"):
            yield from self._said(value, where)
        elif name in ("members", "users", "user", "channels"):
            people = "channels" if name == "channels" else "people"
            raise ImporterError(f"{self._path} is {_NO_MESSAGES.format(what=people)}")
        else:
            self._about[name] = value

    def _said(self, said: Any, where: str) -> Iterator[Event | ValueError]:
        if not self._rooms and isinstance(said, dict) and "ts" not in said and "id" in said:
            what = "channels" if str(said["id"])[:1] in "CGD" else "people"
            raise ImporterError(f"{self._path} is {_NO_MESSAGES.format(what=what)}")
        native, name = self._channel_of(said)
        if native not in self._rooms:
            known, called, private = _channel(self._team, native)
            private |= name.startswith("mpdm-") or _says_private(said)
            hidden = private and not self._options.private
            if hidden:
                yield Rejected(self._path, f"channel {shortened(native)}", _PRIVATE)
            options = replace(self._options, channel=None)
            self._rooms[native] = None if hidden else Room(known, name or called, self._team, options)
        if (room := self._rooms[native]) is not None:
            yield from _told(self._path, where, said, room)

    def _channel_of(self, said: Any) -> tuple[str, str]:
        """Id and name of a message's channel: it says so, or the file, its folder or the command line."""
        told = said.get("channel") if isinstance(said, dict) else None
        if isinstance(told, dict):  # of search.messages
            found = [(told.get("id"), told.get("name"))]
        else:
            found = [
                (told, None),
                *((self._about.get(at), self._about.get("name")) for at in ("channel_id", "channel")),
            ]
        for native, name in found:
            if word(native):
                return word(native), word(name)
        folder = self._path.parent.name
        known = self._options.channel or (folder if folder in self._team.channels else None)
        if known is None:
            raise ImporterError(
                f"{self._path} does not say of which channel it is; name it with --channel, "
                f"by its id (C024BE91L) if you know it"
            )
        return word(known).lstrip("#"), ""
