"""Importer for Mattermost: bulk exports (JSON lines, alone or in a zip), and posts of its API or mmctl.

Posts in a bulk export have no ids; they get the id ``mattermost:<team>/<channel>:<digest>`` with a digest
of author and time, which edits do not change. Posts of the API have the id ``mattermost::<id>``. Private
channels and direct messages are left out unless requested.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO

from rtanalytics.event import Event
from rtanalytics.importers.base import ImporterError, Options, Rejected, Skipped
from rtanalytics.importers.bundle import bundle
from rtanalytics.importers.common import (
    LatestItems,
    author_of,
    build,
    digest,
    event_or_rejected,
    find_links,
    find_tags,
    moment,
    word,
)
from rtanalytics.importers.exports import files_of, first_member, opened
from rtanalytics.importers.json_places import values_at
from rtanalytics.importers.json_stream import sample, values
from rtanalytics.importers.unpack import BROKEN
from rtanalytics.normalize.values import InvalidValue, as_dict, as_list
from rtanalytics.untrusted import abbreviate

__all__ = ["MATTERMOST"]

CONNECTOR = "mattermost-export@1"
_LINES = r"(?:^|/)[^/]+\.jsonl$"
_BULK = {
    "version", "role", "scheme", "emoji", "team", "channel", "user", "bot", "post", "direct_channel",
    "direct_post",
}  # fmt: skip
_PRESENCE = {
    "system_join_channel": "join", "system_add_to_channel": "join", "system_join_team": "join",
    "system_leave_channel": "part", "system_remove_from_channel": "part", "system_leave_team": "part",
}  # fmt: skip
_MENTION = re.compile(r"(?<![\w@./])@([a-zA-Z0-9][\w.-]{1,63})")
_TOPICS = {"system_header_change", "system_purpose_change", "system_displayname_change"}


class _Mattermost:
    """Importer for posts of Mattermost."""

    edits = True

    def recognises(self, path: Path, head: bytes) -> bool:
        """Return True if the file has lines of a bulk export or posts of the API."""
        if path.is_dir() or head.startswith(b"PK\x03\x04"):
            head = first_member(path, _LINES)
        first = sample(head)
        return any(map(_is_line, first)) or any(map(_is_post, _posts(first)))

    def read(self, path: Path, options: Options) -> Iterator[Event | ValueError]:
        """Yield the events of a file, or of the JSON lines in a zip or folder."""
        files = bundle(path)
        names = files_of(files, _LINES) if files is not None else [""]
        if not names:
            raise ImporterError(f"{path} has no file with JSON lines; give the whole export")
        for name in names:
            with opened(path, files, name) as (label, file):
                if _is_bulk(file):
                    export = _Export(label, options)
                    for item in values(label, file.read):
                        if isinstance(item, Rejected):
                            yield item
                        else:
                            yield from export.line(item.value, item.where)
                    yield from export.report()
                else:
                    yield from _read_posts(label, file, options)


MATTERMOST = _Mattermost()


def _is_bulk(file: BufferedReader[Any]) -> bool:
    """Return True if an open file begins with lines of a bulk export; the position does not change."""
    with suppress(*BROKEN):  # the reader reports a damaged file
        return any(map(_is_line, sample(file.peek(65_536)[:65_536])))
    return True


def _read_posts(label: str, file: BinaryIO, options: Options) -> Iterator[Event | ValueError]:
    """Yield the events of a list of posts, or of a page of the API."""
    for place, where, value in values_at(label, file.read, {("posts",)}):
        if isinstance(value, Rejected) or len(place) == 2 or place == ("*",):
            yield from event_or_rejected(lambda post: _api_event(post, options), value, label, where)


def _is_line(value: Any) -> bool:
    """Return True for a line of a bulk export, which has a type and a member with the type's name."""
    kind = word(as_dict(value).get("type"))
    content = as_dict(value).get(kind)
    if kind == "version":
        return isinstance(content, int)
    if kind not in _BULK or not isinstance(content, dict):
        return False
    return kind != "post" or {"user", "message", "create_at"} <= content.keys()


def _posts(values: tuple[Any, ...]) -> list[Any]:
    """Return the first posts of a page of the API."""
    found: list[Any] = []
    for value in values:
        posts = value.get("posts") if isinstance(value, dict) else None
        found += posts.values() if isinstance(posts, dict) else as_list(posts) or [value]
    return found


def _is_post(value: Any) -> bool:
    names = {"id", "create_at", "user_id", "channel_id", "message"}
    return isinstance(value, dict) and names <= value.keys() and isinstance(value["create_at"], int)


class _Export:
    """Converter from the posts of a bulk export to events."""

    def __init__(self, file: str, options: Options) -> None:
        self._file, self._options = file, options
        self._channels: dict[tuple[str, str], bool] = {}  # team and name → private
        self._people: dict[str, str] = {}
        self._keys: LatestItems[str, int] = LatestItems()
        self._private = 0

    def line(self, value: Any, where: str) -> Iterator[Event | ValueError]:
        """Yield the events of a line: a post and its replies."""
        kind = word(as_dict(value).get("type"))
        content = as_dict(as_dict(value).get(kind))
        if kind == "channel":
            place = (word(content.get("team")), word(content.get("name")))
            self._channels[place] = content.get("type") != "O"
        elif kind == "user":
            names = (content.get("first_name"), content.get("last_name"))
            full = " ".join(filter(None, map(word, names))) or word(content.get("nickname"))
            self._people[word(content.get("username"))] = full
        elif kind == "direct_post":
            if self._options.private:
                yield from self._thread(content, "direct", "direct messages", where)
            else:
                self._private += 1 + len(as_list(content.get("replies")))
        elif kind == "post":
            place = (word(content.get("team")), word(content.get("channel")))
            if self._channels.get(place, False) and not self._options.private:
                self._private += 1 + len(as_list(content.get("replies")))
            else:
                yield from self._thread(content, "/".join(place), f"#{place[1]}", where)
        elif kind not in _BULK:
            yield Rejected(self._file, where, "not a line of a bulk export of Mattermost", repr(value))

    def report(self) -> Iterator[Skipped]:
        """Yield a :class:`Skipped` for private posts that were left out."""
        if self._private:
            yield Skipped(
                "posts in private channels and direct messages (--private imports them)", self._private
            )

    def _thread(
        self, post: dict[str, Any], scope: str, channel: str, where: str
    ) -> Iterator[Event | ValueError]:
        root: str | None = None

        def build(value: Any) -> Event | None:
            return self._event(value, scope, channel, root)

        yield from (first := list(event_or_rejected(build, post, self._file, where)))
        root = next((item.id for item in first if isinstance(item, Event)), None)
        for number, reply in enumerate(as_list(post.get("replies")), 1):
            yield from event_or_rejected(build, reply, self._file, f"{where}, reply {number}")

    def _event(self, post: Any, scope: str, channel: str, root: str | None) -> Event | None:
        if not isinstance(post, dict):
            raise InvalidValue(f"{abbreviate(post)} is not a post")
        user, created = word(post.get("user")), _time(post.get("create_at"))
        if not user or created is None:
            raise InvalidValue("the post has no user" if not user else "the post has no create_at")
        key = digest(scope, user, created.isoformat(), root or "")
        count = (self._keys.get(key) or 0) + 1  # bots write several posts in the same millisecond
        self._keys.add(key, count)
        key = f"{key}.{count}" if count > 1 else key
        return _event(
            post, self._options, id=f"mattermost:{scope}:{key}", id_kind="derived", created=created,
            channel=channel, user=user, name=self._people.get(user), root=root,
        )  # fmt: skip


def _api_event(post: Any, options: Options) -> Event | None:
    """Return the event of a post of the API, in which author and channel are only ids."""
    if not isinstance(post, dict) or not word(post.get("id")):
        raise InvalidValue(f"{abbreviate(post)} is not a post with an id")
    created = _time(post.get("create_at"))
    if created is None:
        raise InvalidValue("the post has no create_at")
    id = f"mattermost::{word(post['id'])}"
    if (deleted := _time(post.get("delete_at"))) is not None:
        return build(
            id=id, source="mattermost", type="message", op="delete", created_at=created, edited_at=deleted,
            connector=CONNECTOR, channel=options.channel or word(post.get("channel_id")),
        )  # fmt: skip
    props = as_dict(post.get("props"))
    root = f"mattermost::{word(post['root_id'])}" if word(post.get("root_id")) else None
    return _event(
        post, options, id=id, id_kind="native", created=created,
        channel=options.channel or word(post.get("channel_id")), root=root,
        user=word(props.get("override_username")) or word(post.get("user_id")), name=None,
    )  # fmt: skip


def _event(
    post: dict[str, Any],
    options: Options,
    *,
    id: str,
    id_kind: str,
    created: Any,
    channel: str,
    user: str,
    name: str | None,
    root: str | None,
) -> Event | None:
    system = word(post.get("type"))
    kind = "message"
    if system == "me":
        kind = "action"
    elif system.startswith("system_"):
        kind = "topic" if system in _TOPICS else _PRESENCE.get(system, "mode")
        if kind != "topic" and not options.presence:
            return None
    text = post.get("message")
    if not isinstance(text, str):
        raise InvalidValue(f"message {abbreviate(text)} is not text")
    channel = options.channel or channel
    props = as_dict(post.get("props"))
    return build(
        id=id,
        source=f"mattermost:{channel}",
        type=kind,
        created_at=created,
        edited_at=_time(post.get("edit_at")),
        connector=CONNECTOR,
        id_kind=id_kind,
        author=author_of(user, post.get("user_id"), name, bot=props.get("from_webhook") == "true"),
        channel=channel,
        text=text if kind in ("message", "action", "topic") else "",
        tags=find_tags(text),
        mentions=[name.rstrip(".-_") for name in _MENTION.findall(text)],
        links=find_links(text),
        reply_to=root,
        thread=root,
    )


def _time(value: Any) -> Any:
    """Return a time given in milliseconds since 1970, or None for 0, which means never."""
    if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
        return None
    return moment(value / 1000)
