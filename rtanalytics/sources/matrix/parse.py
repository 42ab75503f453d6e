"""Answers of a homeserver → events. Pure: used live, in tests, and when dead letters are read again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import quote

import msgspec

from rtanalytics.event import Author, Event
from rtanalytics.sources.base import Meta, Parsed
from rtanalytics.sources.clean import clean_html, links
from rtanalytics.sources.native import (
    Reading,
    author_of,
    build,
    find_links,
    find_tags,
    load,
    moment,
    plain_text,
    word,
)

__all__ = ["Told", "parse"]

_MESSAGES = {"m.text": "message", "m.notice": "message", "m.emote": "action"}
_FILES = {"m.image", "m.file", "m.video", "m.audio", "m.location"}
_QUIET = {"m.room.encryption", "m.room.create", "m.room.power_levels", "m.room.join_rules",
          "m.room.history_visibility", "m.room.guest_access", "m.room.aliases", "m.room.canonical_alias",
          "m.room.avatar", "m.room.name", "m.room.server_acl", "m.room.pinned_events", "m.room.tombstone",
          "m.space.child", "m.space.parent", "m.room.third_party_invite"}  # fmt: skip
_REPLY = re.compile(r"(?is)<mx-reply>.*?</mx-reply>")
_DEPTH = 40


class Told(msgspec.Struct, omit_defaults=True):
    """What ``Parsed.next`` holds, as JSON.

    Parameters
    ----------
    since : str, optional
        With which the next sync goes on.
    end : str, optional
        With which the next page of a room's messages goes on.
    limited : dict
        Rooms of which not all was told, and from where to read backwards.
    """

    since: str | None = None
    end: str | None = None
    limited: dict[str, str] = {}


def parse(raw: bytes, meta: Meta) -> Parsed:
    """The events of an answer.

    Parameters
    ----------
    raw : bytes
        Of a sync, of a room's messages or of a context; or a single event.
    meta : Meta
        ``options`` may name rooms: ``{"room !id": name}``.

    Returns
    -------
    Parsed
        ``next`` is :class:`Told`. ``counts`` has ``encrypted``, which cannot be read, and ``state``.

    Raises
    ------
    Malformed
        If it is no JSON.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> now = datetime(2026, 5, 15, 9, tzinfo=UTC)
    >>> meta = Meta(source="matrix:m", scope="m", connector="matrix@1", received_at=now)
    >>> raw = b'''{"type": "m.room.message", "event_id": "$1:x.example", "sender": "@ada:x.example",
    ...            "origin_server_ts": 1778835600000, "content": {"msgtype": "m.text", "body": "hello"}}'''
    >>> [event] = parse(raw, meta).events
    >>> event.id, event.handle, event.text
    ('matrix::$1:x.example', 'ada:x.example', 'hello')
    """
    reading = Reading(meta)
    value = load(raw, "answer of a homeserver")
    told = Told()
    if not isinstance(value, dict):
        for number, item in enumerate(value if isinstance(value, list) else [value], start=1):
            _take(item, "", f"event {number}", reading)
        return reading.parsed()
    if "errcode" in value and "type" not in value:
        said = word(value.get("error")) or "no reason"
        reading.reject(f"an error of the homeserver: {word(value['errcode'], 60)}: {said}", "", value)
    elif "rooms" in value or "next_batch" in value:
        told.since = _token(value.get("next_batch"))
        _sync(value, reading, told)
    elif "chunk" in value or "events_before" in value or "events_after" in value:
        told.end = _token(value.get("end"))
        before, after = _list(value.get("events_before")), _list(value.get("events_after"))
        middle = [value["event"]] if "event" in value else []
        items = [*_list(value.get("chunk")), *before[::-1], *middle, *after]
        for number, item in enumerate(items, start=1):
            _take(item, "", f"event {number}", reading)
    else:
        _take(value, "", "", reading)
    return reading.parsed(next=msgspec.json.encode(told).decode() if told != Told() else None)


def _sync(value: dict[str, Any], reading: Reading, told: Told) -> None:
    rooms = _dict(value.get("rooms"))
    for part in ("join", "leave"):
        for room, about in _dict(rooms.get(part)).items():
            timeline = _dict(_dict(about).get("timeline"))
            before = _token(timeline.get("prev_batch"))
            if timeline.get("limited") is True and before is not None:
                told.limited[str(room)] = before
            for number, item in enumerate(_list(timeline.get("events")), start=1):
                _take(item, str(room), f"{word(room, 100)} {number}", reading)


def _take(item: Any, room: str, where: str, reading: Reading) -> None:
    raw = {"room_id": room, **item} if room and isinstance(item, dict) else item
    reading.item(raw, where, partial(_events, raw, reading))


def _events(item: Any, reading: Reading) -> Iterator[Event]:
    if not isinstance(item, dict) or not isinstance(item.get("type"), str):
        raise ValueError("it is no event: it has no type")  # noqa: TRY004  # it is data's fault
    kind, content, meta = item["type"], _dict(item.get("content")), reading.meta
    native = item.get("event_id")
    if not isinstance(native, str) or not native.startswith("$") or len(native) > 300:
        raise ValueError(f"event_id {ascii(native)[:60]} is none")
    at = _time(item)
    if kind == "m.room.redaction":
        target = item.get("redacts") or content.get("redacts")
        if not isinstance(target, str) or not target.startswith("$"):
            raise ValueError("a redaction that does not say of what")
        yield _deletion(target, item, at, at, meta)
    elif not content and isinstance(because := _dict(item.get("unsigned")).get("redacted_because"), dict):
        yield _deletion(native, item, at, _time(because), meta)
    elif kind in {"m.room.message", "m.sticker"}:
        yield from _message(item, native, content, at, reading)
    elif kind == "m.reaction":
        relation = _dict(content.get("m.relates_to"))
        yield _event(item, native, at, meta, type="reaction", text=_text(relation.get("key")),
                     reply_to=_id(relation.get("event_id")))  # fmt: skip
    elif kind == "m.room.topic":
        yield _event(item, native, at, meta, type="topic", text=_text(content.get("topic")) or "")
    elif kind == "m.room.member":
        yield from _member(item, native, content, at, meta)
    elif kind == "m.room.encrypted":
        reading.counts["encrypted"] += 1
    elif "state_key" in item:
        reading.counts["state"] += 1
        if kind not in _QUIET:
            reading.unknown("state", kind)
    else:
        reading.unknown("event", kind)
        if text := _text(content.get("body")):
            yield _event(item, native, at, meta, type=f"x:{kind}", text=text)


def _message(
    item: dict[str, Any], native: str, content: dict[str, Any], at: datetime, reading: Reading
) -> Iterator[Event]:
    relation = _dict(content.get("m.relates_to"))
    edited = None
    if relation.get("rel_type") == "m.replace":
        original = relation.get("event_id")
        if not isinstance(original, str) or not original.startswith("$"):
            raise ValueError("an edit that does not say of what")
        native, edited = original, at
        content = _dict(content.get("m.new_content")) or content
    text = _text(content.get("body"))
    if text is None:
        raise ValueError("a message without a body")
    msgtype = "m.text" if item["type"] == "m.sticker" else str(content.get("msgtype"))
    kind = _MESSAGES.get(msgtype) or ("message" if msgtype in _FILES else f"x:{msgtype}")
    if kind.startswith("x:"):
        reading.unknown("msgtype", msgtype)
    answered = _dict(relation.get("m.in_reply_to")).get("event_id")
    markup = content.get("formatted_body") if content.get("format") == "org.matrix.custom.html" else None
    if answered or (edited and text.startswith("> ")):
        text = _unquoted(text)
    html = clean_html(_REPLY.sub("", markup)) if isinstance(markup, str) and markup else None
    people = _list(_dict(content.get("m.mentions")).get("user_ids"))
    thread = relation.get("event_id") if relation.get("rel_type") == "m.thread" else None
    answer = _id(answered) if not relation.get("is_falling_back") else None
    yield _event(
        item,
        native,
        at,
        reading.meta,
        op="create" if edited is None else "update",
        type="reply" if answer and kind == "message" else kind,
        edited_at=edited,
        text=text,
        html=html,
        links=[*find_links(text), *(links(html) if html else ())],
        tags=find_tags(text),
        mentions=[p for p in people if isinstance(p, str)],
        reply_to=answer,
        thread=_id(thread),
        bot=msgtype == "m.notice",
    )


def _member(
    item: dict[str, Any], native: str, content: dict[str, Any], at: datetime, meta: Meta
) -> Iterator[Event]:
    now = content.get("membership")
    before = _dict(item.get("prev_content") or _dict(item.get("unsigned")).get("prev_content"))
    kinds = {"join": "join", "leave": "part", "ban": "part"}
    if now in kinds and now != before.get("membership"):
        who = item.get("state_key") if isinstance(item.get("state_key"), str) else item.get("sender")
        item = {**item, "sender": who}
        yield _event(item, native, at, meta, type=kinds[str(now)], name=content.get("displayname"))


def _deletion(target: str, item: dict[str, Any], created: datetime, gone: datetime, meta: Meta) -> Event:
    room = _room(item)
    return build(
        meta, id=f"matrix::{word(target)}", op="delete", type="message", created_at=created,
        edited_at=gone, channel=_channel(room, meta), item=item,
    )  # fmt: skip


def _event(
    item: dict[str, Any],
    native: str,
    at: datetime,
    meta: Meta,
    *,
    bot: bool = False,
    name: object = None,
    **fields: Any,
) -> Event:
    room, sender = _room(item), item.get("sender") or item.get("user_id")
    author: Author | None = author_of(sender, sender, name, bot=bot)
    url = f"https://matrix.to/#/{quote(room)}/{quote(native)}" if room else None
    return build(
        meta,
        id=f"matrix::{word(native)}",
        created_at=at,
        author=author,
        channel=_channel(room, meta),
        url=url,
        item=item,
        **fields,
    )


def _room(item: dict[str, Any]) -> str:
    room = item.get("room_id")
    return room if isinstance(room, str) and room.startswith("!") and len(room) < 300 else ""


def _channel(room: str, meta: Meta) -> str | None:
    return meta.options.get(f"room {room}", room) or None


def _time(item: dict[str, Any]) -> datetime:
    at = item.get("origin_server_ts")
    if isinstance(at, bool) or not isinstance(at, int | float):
        raise ValueError("it has no time")  # noqa: TRY004  # it is data's fault
    return moment(at / 1000)


def _unquoted(text: str) -> str:
    """Without the quotation that clients put before an answer, for those that cannot show answers."""
    lines = text.split("\n")
    said = next((n for n, line in enumerate(lines) if not line.startswith(">")), 0)
    return "\n".join(lines[said:]).lstrip("\n") if said else text


def _id(native: object) -> str | None:
    return f"matrix::{word(native)}" if isinstance(native, str) and native.startswith("$") else None


def _text(value: object) -> str | None:
    return plain_text(value) if isinstance(value, str) else None


def _token(value: object) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= 2_000 else None


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
