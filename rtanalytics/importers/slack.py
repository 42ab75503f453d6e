"""A Slack export: ``channels.json``, ``users.json`` and a folder a channel with a file a day.

A message is ``slack:<channel's id>:<ts>``, a time stamp that Slack never gives twice in a channel. What was
said in private (``groups.json``, ``dms.json``, ``mpims.json``) is left alone unless it is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from rtanalytics.event import Author, Event, Media, is_web_url
from rtanalytics.importers import ImporterError, Options, Rejected
from rtanalytics.importers.bundle import TarBundle, bundle, shown
from rtanalytics.importers.parts import (
    ODD,
    RowError,
    author_of,
    build,
    find_tags,
    moment,
    reason_of,
    shortened,
    unquoted,
    word,
)
from rtanalytics.importers.reading import BROKEN
from rtanalytics.importers.walk import Broken, NotJson, walk

__all__ = ["SLACK"]

CONNECTOR = "slack-export@1"
_DAY = re.compile(r"(?:^|/)(?P<folder>[^/]+)/(?P<day>\d{4}-\d\d-\d\d)\.json$")
_TS = re.compile(r"\d{1,12}\.\d{1,6}")
_MARK = re.compile(r"<([@#!]?)([^<>|]*)(?:\|([^<>]*))?>")
_PRESENCE = {
    "channel_join": "join", "group_join": "join", "channel_leave": "part", "group_leave": "part",
    "channel_archive": "mode", "channel_unarchive": "mode", "bot_add": "join", "bot_remove": "part",
}  # fmt: skip
_TOPICS = {"channel_topic", "channel_purpose", "channel_name", "group_topic", "group_purpose", "group_name"}
_LISTS = {"channels": False, "groups": True, "mpims": True, "dms": True}


class _Files(Protocol):
    path: Path

    def names(self) -> list[str]: ...

    def open(self, name: str) -> AbstractContextManager[BinaryIO]: ...


@dataclass(slots=True)
class _Team:
    """Who and what an export talks about."""

    people: dict[str, Author] = field(default_factory=dict)
    channels: dict[str, tuple[str, str, bool]] = field(default_factory=dict)  # folder → id, name, private
    names: dict[str, str] = field(default_factory=dict)  # channel's id → name


class _Slack:
    """Importer of Slack exports."""

    what = "Slack export (zip or folder)"
    edits = True

    def recognises(self, path: Path, head: bytes) -> bool:
        """True by its lists and its days."""
        files = bundle(path) if path.is_dir() or head.startswith(b"PK\x03\x04") else None
        if files is None:
            return False
        names = files.names()
        lists = any(re.search(r"(?:^|/)(?:users|channels)\.json$", name) for name in names)
        return lists and any(_DAY.search(name) for name in names)

    def read(self, path: Path, options: Options) -> Iterator[Event | ValueError]:
        files = bundle(path)
        if files is None or isinstance(files, TarBundle):
            raise ImporterError(f"{path}: a Slack export is a zip or a folder with channels.json in it")
        names = files.names()
        team = _Team()
        yield from _learn(files, names, team)
        left_out: set[str] = set()
        for name in names:
            if (found := _DAY.search(name)) is None:
                continue
            folder = found["folder"]
            native, called, private = team.channels.get(folder, (folder, folder, _looks_private(folder)))
            if private and not options.private:
                if folder not in left_out:
                    left_out.add(folder)
                    reason = "a private conversation, left out; --private imports it too"
                    yield Rejected(path, f"folder {shown(folder)}", reason)
                continue
            room = _Room(native, called, team, options)
            for where, value in _elements(files, name):
                if isinstance(value, Rejected):
                    yield value
                    continue
                try:
                    event = room.event(value)
                except ODD as error:
                    yield Rejected(f"{path}, {shown(name)}", where, reason_of(error), repr(value))
                    continue
                if event is not None:
                    yield event


SLACK = _Slack()


def _looks_private(folder: str) -> bool:
    return folder.startswith("mpdm-") or re.fullmatch(r"D[A-Z0-9]{6,}", folder) is not None


def _elements(files: _Files, name: str) -> Iterator[tuple[str, Any]]:
    """The objects of a list; what is none is told."""
    file = f"{files.path}, {shown(name)}"
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


def _learn(files: _Files, names: list[str], team: _Team) -> Iterator[Rejected]:
    """Read the lists of people and channels."""
    tops = {name.rpartition("/")[2]: name for name in reversed(names) if not _DAY.search(name)}
    for list_name, private in (("users", False), *_LISTS.items()):
        top = tops.get(f"{list_name}.json")
        for where, value in _elements(files, top) if top is not None else ():
            if isinstance(value, Rejected):
                yield value
            elif not isinstance(value, dict) or not isinstance(value.get("id"), str):
                reason = f"neither a person nor a channel: {shortened(value)}"
                yield Rejected(f"{files.path}, {shown(top)}", where, reason)
            elif list_name == "users":
                if (known := _person(value)) is not None:
                    team.people[value["id"]] = known
            else:
                native, name = word(value["id"]), word(value.get("name")) or word(value["id"])
                hidden = private or value.get("is_private") is True
                team.channels[str(value.get("name") or native)] = team.channels[native] = (
                    native,
                    name,
                    hidden,
                )
                team.names[native] = name


def _person(user: dict[str, Any]) -> Author | None:
    profile = user.get("profile")
    profile = profile if isinstance(profile, dict) else {}
    name = profile.get("real_name") or user.get("real_name")
    handle = profile.get("display_name") or user.get("name") or name
    return author_of(handle, user.get("id"), name, bot=user.get("is_bot") is True)


class _Room:
    """A channel, whose messages become events."""

    def __init__(self, native: str, name: str, team: _Team, options: Options) -> None:
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
        marked = str(said.get("text") or "") or "\n".join(_attached(said, "fallback"))
        text, mentions, links = self._plain(marked)
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
        if not isinstance(ts, str) or not _TS.fullmatch(ts):
            raise RowError(f"ts {shortened(ts)} is no time of Slack's, such as '1736478514.897649'")
        return f"slack:{self._native}:{ts}"

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
            if is_web_url(address):
                links.append(address)
            return address if not label or label in address else f"{label} ({address})"

        return unquoted(_MARK.sub(resolve, marked)), mentions, links


def _time(ts: Any) -> datetime:
    if not isinstance(ts, str) or not _TS.fullmatch(ts):
        raise RowError(f"ts {shortened(ts)} is no time of Slack's, such as '1736478514.897649'")
    seconds, _, fraction = ts.partition(".")
    return moment(int(seconds)).astimezone(UTC).replace(microsecond=int(fraction.ljust(6, "0")))


def _attached(said: dict[str, Any], key: str) -> list[str]:
    found = said.get("attachments")
    values = [a.get(key) for a in found if isinstance(a, dict)] if isinstance(found, list) else []
    return [value for value in values if isinstance(value, str) and value]


def _files(said: dict[str, Any]) -> list[Media]:
    """Files by their page: their direct addresses carry the exporter's token."""
    found = said.get("files") or ([said["file"]] if isinstance(said.get("file"), dict) else [])
    return [
        Media(
            url=str(f.get("permalink") or "").partition("?")[0],
            kind=str(f.get("mimetype") or "file").partition("/")[0],
            mime=f.get("mimetype") if isinstance(f.get("mimetype"), str) else None,
            alt=word(f.get("title")) or None,
        )
        for f in (found if isinstance(found, list) else [])
        if isinstance(f, dict)
    ]
