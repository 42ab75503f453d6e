"""Convert responses of a Matrix homeserver to events. No I/O: used live, in tests and for dead letters."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import quote, unquote

import msgspec

from rtanalytics.event import Author, Event
from rtanalytics.normalize.dates import parse_time
from rtanalytics.normalize.text import author_of, find_links, find_tags, plain_text, word
from rtanalytics.normalize.values import as_dict, as_list
from rtanalytics.sources.base import Meta, Parsed
from rtanalytics.sources.clean import clean_html, links
from rtanalytics.sources.json_items import Reading, build, load

__all__ = ["Position", "parse"]

_MESSAGES = {"m.text": "message", "m.notice": "message", "m.emote": "action"}
_FILES = {"m.image", "m.file", "m.video", "m.audio", "m.location"}
_KNOWN_STATE = {"m.room.encryption", "m.room.create", "m.room.power_levels", "m.room.join_rules",
          "m.room.history_visibility", "m.room.guest_access", "m.room.aliases", "m.room.canonical_alias",
          "m.room.avatar", "m.room.name", "m.room.server_acl", "m.room.pinned_events", "m.room.tombstone",
          "m.space.child", "m.space.parent", "m.room.third_party_invite"}  # fmt: skip
_REPLY = re.compile(r"(?is)<mx-reply>.*?(?:</mx-reply>|\Z)")
_QUOTATION = re.compile(r"> (?:\* )?<")
"""Start of the quotation that some clients put before a reply, for clients that cannot show replies."""

_PERSON = re.compile(r"https://matrix\.to/#/(?:@|%40)([^/?#]+)", re.IGNORECASE)
_POLLS = ("m.poll.start", "org.matrix.msc3381.poll.start", "m.poll")
_CONTEXT = {"events_before", "events_after"}
_DEPTH = 12
"""Maximum nesting depth at which the senders of events are looked for."""


class Position(msgspec.Struct, omit_defaults=True):
    """Content of ``Parsed.next``, as JSON.

    Parameters
    ----------
    since : str, optional
        Token for the next sync.
    end : str, optional
        Token for the next page of a room's messages.
    limited : dict
        Rooms whose timeline is incomplete, with the token from which to read backwards.
    """

    since: str | None = None
    end: str | None = None
    limited: dict[str, str] = {}


def parse(raw: bytes, meta: Meta) -> Parsed:
    """Parse the events of a response.

    Parameters
    ----------
    raw : bytes
        Response to a sync (also a sliding one), to a request for the messages of a room, to a
        context or to a search; a transaction of an application service; a client's export of a
        room; or a single event.
    meta : Meta
        ``options`` may name rooms: ``{"room !id": name}``.

    Returns
    -------
    Parsed
        ``next`` is a :class:`Position`. ``counts`` has ``encrypted`` (unreadable messages), ``state``
        and ``edits_by_others`` (ignored, because only the sender may edit a message).

    Raises
    ------
    Malformed
        If ``raw`` is not JSON.

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
    reading = _Page(meta)
    value = load(raw, "response of a homeserver")
    reading.collect_senders(value)
    position = Position()
    if not isinstance(value, dict):
        for number, item in enumerate(value if isinstance(value, list) else [value], start=1):
            _take(item, "", f"event {number}", reading)
        return reading.parsed()
    if "errcode" in value and "type" not in value:
        message = word(value.get("error")) or "no reason"
        reading.reject(f"error from the homeserver: {word(value['errcode'], 60)}: {message}", "", value)
    elif "rooms" in value or "next_batch" in value:
        position.since = _token(value.get("next_batch"))
        _sync(value, reading, position)
    elif "type" not in value and (items := _items(value)) is not None:
        position.end = _token(value.get("end"))
        for number, (room, item) in enumerate(items, start=1):
            _take(item, room, f"event {number}", reading)
    else:
        _take(value, "", "", reading)
    return reading.parsed(next=msgspec.json.encode(position).decode() if position != Position() else None)


class _Page(Reading):
    """A response with the sender of each event in it; an edit by anyone but the sender is ignored.

    The check is needed because homeservers pass on edits of other people's messages.
    """

    def __init__(self, meta: Meta) -> None:
        super().__init__(meta)
        self.senders: dict[str, object] = {}

    def collect_senders(self, value: Any, depth: int = 0) -> None:
        """Store the sender of every event in ``value``."""
        if depth > _DEPTH:
            return
        if isinstance(value, dict) and isinstance(value.get("event_id"), str):
            self.senders[value["event_id"]] = _sender(value)
        elif isinstance(value, dict | list):
            for inner in value.values() if isinstance(value, dict) else value:
                if isinstance(inner, dict | list):
                    self.collect_senders(inner, depth + 1)


def _sync(value: dict[str, Any], reading: _Page, position: Position) -> None:
    rooms = as_dict(value.get("rooms"))
    for room, data in rooms.items():  # of a sliding sync
        if str(room).startswith("!") and isinstance(data, dict):
            for number, item in enumerate(as_list(data.get("timeline")), start=1):
                _take(item, str(room), f"{word(room, 100)} {number}", reading)
    for part in ("join", "leave"):
        for room, data in as_dict(rooms.get(part)).items():
            timeline = as_dict(as_dict(data).get("timeline"))
            before = _token(timeline.get("prev_batch"))
            if timeline.get("limited") is True and before is not None:
                position.limited[str(room)] = before
            for number, item in enumerate(as_list(timeline.get("events")), start=1):
                _take(item, str(room), f"{word(room, 100)} {number}", reading)


def _items(value: dict[str, Any]) -> list[tuple[str, Any]] | None:
    """Return the events of a response in order, each with its room if the response names it; else None."""
    search = as_dict(as_dict(value.get("search_categories")).get("room_events"))
    if search:
        return [("", as_dict(hit).get("result")) for hit in as_list(search.get("results"))]
    room = value["room_id"] if isinstance(value.get("room_id"), str) else ""
    if isinstance(value.get("notifications"), list):
        notifications = map(as_dict, value["notifications"])
        return [(str(item.get("room_id") or ""), item.get("event")) for item in notifications]
    # "messages" is a list in an export of Element, and an object with a chunk in an old initial sync
    messages = value.get("messages")
    lists = (value.get("chunk"), value.get("events"), messages, as_dict(messages).get("chunk"))
    if not any(isinstance(part, list) for part in lists) and not value.keys() & _CONTEXT:
        return None
    before, after = as_list(value.get("events_before")), as_list(value.get("events_after"))
    middle = [value["event"]] if "event" in value else []
    items = [*(item for part in lists for item in as_list(part)), *before[::-1], *middle, *after]
    return [(room, item) for item in items]


def _take(item: Any, room: str, where: str, reading: _Page) -> None:
    raw = {"room_id": room, **item} if room and isinstance(item, dict) else item
    reading.item(raw, where, partial(_events, raw, reading))


def _events(item: Any, reading: _Page) -> Iterator[Event]:
    if not isinstance(item, dict) or not isinstance(item.get("type"), str):
        raise ValueError("no type, so it is not an event")  # noqa: TRY004  # a reject reason
    kind, content, meta = item["type"], as_dict(item.get("content")), reading.meta
    native = item.get("event_id")
    if not isinstance(native, str) or not native.startswith("$") or len(native) > 300:
        if native is None:
            raise ValueError(
                f"{word(kind, 100)} without an event_id, so it is not an event of a room's timeline"
            )
        raise ValueError(f"invalid event_id {ascii(native)[:60]} (expected $…)")
    at = _time(item)
    if kind == "m.room.redaction":
        target = item.get("redacts") or content.get("redacts")
        if not isinstance(target, str) or not target.startswith("$"):
            raise ValueError("a redaction without the id of the redacted event")
        yield _deletion(target, item, at, at, meta)
    elif not content and (deleted := _deletion_time(item, at)) is not None:
        yield _deletion(native, item, at, deleted, meta)
    elif kind in _POLLS and (text := _poll(content)):
        yield _event(
            item, native, at, meta, type="message", text=text, tags=find_tags(text), links=find_links(text)
        )
    elif kind in {"m.room.message", "m.sticker"}:
        yield from _message(item, native, content, at, reading)
    elif kind == "m.reaction":
        relation = as_dict(content.get("m.relates_to"))
        yield _event(item, native, at, meta, type="reaction", text=_text(relation.get("key")),
                     reply_to=_id(relation.get("event_id")))  # fmt: skip
    elif kind == "m.room.topic":
        yield _event(item, native, at, meta, type="topic", text=_text(content.get("topic")) or "")
    elif kind == "m.room.member":
        yield from _member(item, native, content, at, reading)
    elif kind == "m.room.encrypted":
        reading.counts["encrypted"] += 1
    else:
        yield from _other(item, native, content, at, reading)


def _deletion_time(item: dict[str, Any], at: datetime) -> datetime | None:
    """Return when an event without content was deleted; None if it was not.

    Some servers omit the redaction, so that an empty message counts as deleted at its own time.
    """
    redaction = as_dict(item.get("unsigned")).get("redacted_because")
    if isinstance(redaction, dict):
        return _time(redaction)
    return at if item["type"] in {"m.room.message", "m.sticker"} else None


def _other(
    item: dict[str, Any], native: str, content: dict[str, Any], at: datetime, reading: _Page
) -> Iterator[Event]:
    kind = item["type"]
    if "state_key" in item:
        reading.counts["state"] += 1
        if kind not in _KNOWN_STATE:
            reading.unknown("state", kind)
        return
    reading.unknown("event", kind)
    if text := _text(content.get("body")) or _extensible(content):
        yield _event(item, native, at, reading.meta, type=f"x:{kind}", text=text)


def _message(
    item: dict[str, Any], native: str, content: dict[str, Any], at: datetime, reading: _Page
) -> Iterator[Event]:
    relation = as_dict(content.get("m.relates_to"))
    edited, is_fallback = None, False
    if relation.get("rel_type") == "m.replace":
        original = relation.get("event_id")
        if not isinstance(original, str) or not original.startswith("$"):
            raise ValueError("an edit without the id of the edited message")
        if reading.senders.get(original, _sender(item)) != _sender(item):
            reading.counts["edits_by_others"] += 1
            return
        native, edited = original, at
        is_fallback = not isinstance(content.get("m.new_content"), dict)
        content = as_dict(content.get("m.new_content")) or content
    text = _text(content.get("body")) if "body" in content else _extensible(content)
    if text is not None and is_fallback:
        text = text.lstrip().removeprefix("* ")
    if text is None:
        raise ValueError("a message without a body")
    msgtype = "m.text" if item["type"] == "m.sticker" else str(content.get("msgtype"))
    kind = _MESSAGES.get(msgtype) or ("message" if msgtype in _FILES else f"x:{msgtype}")
    if kind.startswith("x:"):
        reading.unknown("msgtype", msgtype)
    reply_to = as_dict(relation.get("m.in_reply_to")).get("event_id")
    markup = content.get("formatted_body") if content.get("format") == "org.matrix.custom.html" else None
    if (reply_to or edited) and _QUOTATION.match(text):
        text = _without_quotation(text)
    html = clean_html(_REPLY.sub("", markup)) if isinstance(markup, str) and markup else None
    people = [p for p in as_list(as_dict(content.get("m.mentions")).get("user_ids")) if isinstance(p, str)]
    targets = [*find_links(text), *(links(html) if html else ())]
    people += [unquote(match[1]) for link in targets if (match := _PERSON.match(link))]
    thread = relation.get("event_id") if relation.get("rel_type") == "m.thread" else None
    parent = _id(reply_to) if not relation.get("is_falling_back") else None
    yield _event(
        item,
        native,
        at,
        reading.meta,
        op="create" if edited is None else "update",
        type="reply" if parent and kind == "message" else kind,
        edited_at=edited,
        text=text,
        html=html,
        links=[link for link in targets if not _PERSON.match(link)],
        tags=find_tags(text),
        mentions=people,
        reply_to=parent,
        thread=_id(thread),
        bot=msgtype == "m.notice",
    )
    # some responses put the latest edit of a message into the message
    latest = as_dict(as_dict(as_dict(item.get("unsigned")).get("m.relations")).get("m.replace"))
    target = as_dict(as_dict(latest.get("content")).get("m.relates_to"))
    if edited is None and (target.get("rel_type"), target.get("event_id")) == ("m.replace", native):
        latest = {**latest, "room_id": item.get("room_id"), "unsigned": {}}
        yield from _message(latest, native, as_dict(latest["content"]), _time(latest), reading)


def _extensible(content: dict[str, Any]) -> str | None:
    """Return the plain text of extensible content (MSC1767), with stable or unstable names."""
    for name in ("m.text", "org.matrix.msc1767.text"):
        value = content.get(name)
        if isinstance(value, str):
            return _text(value)
        plain = [
            part
            for part in map(as_dict, as_list(value))
            if part.get("mimetype", "text/plain") == "text/plain"
        ]
        if plain:
            return _text(plain[0].get("body"))
    for part in map(as_dict, as_list(content.get("org.matrix.msc1767.message"))):
        if part.get("mimetype", "text/plain") == "text/plain":
            return _text(part.get("body"))
    return None


def _poll(content: dict[str, Any]) -> str | None:
    """Return the question and the answers of a poll, one per line."""
    poll: dict[str, Any] = next((content[name] for name in _POLLS if isinstance(content.get(name), dict)), {})
    parts = [as_dict(poll.get("question")), *map(as_dict, as_list(poll.get("answers")))]
    lines = [_extensible(part) or _text(part.get("body")) for part in parts]
    return "\n".join(filter(None, lines)) if lines[0] else None


def _member(
    item: dict[str, Any], native: str, content: dict[str, Any], at: datetime, reading: _Page
) -> Iterator[Event]:
    membership = content.get("membership")
    before = as_dict(item.get("prev_content") or as_dict(item.get("unsigned")).get("prev_content"))
    kinds = {"join": "join", "leave": "part", "ban": "part"}
    if isinstance(membership, str) and membership in kinds and membership != before.get("membership"):
        member = item.get("state_key") if isinstance(item.get("state_key"), str) else item.get("sender")
        item = {**item, "sender": member}
        yield _event(item, native, at, reading.meta, type=kinds[membership], name=content.get("displayname"))
    else:
        reading.counts["state"] += 1


def _deletion(target: str, item: dict[str, Any], created: datetime, deleted: datetime, meta: Meta) -> Event:
    room = _room(item)
    return build(
        meta, id=f"matrix::{word(target)}", op="delete", type="message", created_at=created,
        edited_at=deleted, channel=_channel(room, meta), item=item,
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
    room, sender = _room(item), _sender(item)
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


def _sender(item: dict[str, Any]) -> object:
    return item.get("sender") or item.get("user_id")


def _time(item: dict[str, Any]) -> datetime:
    at = item.get("origin_server_ts")
    if isinstance(at, bool) or not isinstance(at, int | float):
        raise ValueError("no origin_server_ts")  # noqa: TRY004  # a reject reason
    return parse_time(at / 1000)


def _without_quotation(text: str) -> str:
    """Return the text without the quotation before a reply."""
    lines = text.split("\n")
    first = next((n for n, line in enumerate(lines) if not line.startswith(">")), 0)
    return "\n".join(lines[first:]).lstrip("\n") if first else text


def _id(native: object) -> str | None:
    return f"matrix::{word(native)}" if isinstance(native, str) and native.startswith("$") else None


def _text(value: object) -> str | None:
    return plain_text(value) if isinstance(value, str) else None


def _token(value: object) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= 2_000 else None
