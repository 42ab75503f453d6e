"""Parser of the responses of a Discourse forum; a pure function, also used for dead letters."""

from __future__ import annotations

import html as entities
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from urllib.parse import quote, urljoin

from rtanalytics.event import Author, Event, Media, is_web_url
from rtanalytics.normalize.dates import optional_time
from rtanalytics.normalize.text import html_text, html_title
from rtanalytics.normalize.values import as_dicts, as_list, as_text, require_dict, whole_number
from rtanalytics.sources.base import Malformed, Meta, Parsed, printable
from rtanalytics.sources.json_items import Reading, build, digest_of, edit_time, load, read_html

__all__ = ["parse"]

_PRIVATE = "private_message"
_MENTION = re.compile(r'class="mention" href="[^"]{0,200}/u(?:sers)?/([^"/]{1,100})"')
_IMAGE = re.compile(r"<img\b[^<>]{0,4000}>")
_CAPTION = re.compile(r'<div class="meta">(?:[^<]|<(?!/?div\b)){0,3000}</div>')
"""Caption below a picture, with the name and size of the file."""

_ATTRIBUTE = re.compile(r'\b(src|alt|class)="([^"]{0,2000})"')
_ACTION, _WHISPER = 3, 4
"""Values of ``post_type``: a note that the forum itself adds, and one that only its staff can see."""


def parse(raw: bytes, meta: Meta) -> Parsed:
    """Parse a response of the forum.

    Parameters
    ----------
    raw : bytes
        JSON: posts (``/posts.json``), a topic with its posts (``/t/….json``), a list of topics (such as
        ``/latest.json``), the results of a search, the body of a webhook, or one post or topic.
    meta : Meta
        ``scope`` is the forum, ``options["base"]`` its URL.

    Raises
    ------
    Malformed
        If it is none of these.

    Examples
    --------
    >>> from datetime import datetime, UTC
    >>> meta = Meta(source="discourse:forum", scope="forum.example", connector="discourse@1",
    ...             received_at=datetime(2026, 5, 15, 9, tzinfo=UTC), options={"base": "https://forum.example"})
    >>> post = b'"post_number": 2, "topic_id": 3, "cooked": "<p>Hi</p>", "created_at": "2026-05-15T08:59:00Z"'
    >>> raw = b'{"id": 7, ' + post + b"}"
    >>> [event] = parse(raw, meta).events
    >>> event.id, event.type, event.text, event.url
    ('discourse:forum.example:7', 'reply', 'Hi', 'https://forum.example/t/3/2')
    """
    data = load(raw, "response of Discourse")
    if not isinstance(data, dict):
        raise Malformed("invalid response of Discourse: not a JSON object", raw)
    reading = Reading(meta, unique=True)
    following: str | None = None
    make: Callable[[Any], Iterator[Event]]
    stream, listed = data.get("post_stream"), data.get("topic_list")
    for name in ("post", "topic"):  # of a webhook
        if isinstance(data.get(name), dict) and "id" not in data:
            data = data[name]
    if isinstance(data.get("latest_posts"), list):
        items = data["latest_posts"]
        make = partial(_post, reading=reading, topic={}, numbers=_numbers(items))
    elif isinstance(stream, dict) and isinstance(stream.get("posts"), list):
        items = stream["posts"]
        make = partial(_post, reading=reading, topic=data, numbers=_numbers(items))
    elif isinstance(data.get("posts"), list) and "grouped_search_result" in data:
        topics = {whole_number(topic.get("id")): topic for topic in as_dicts(data.get("topics"))}
        items = [_with_topic(post, topics) for post in data["posts"]]
        make = partial(_post, reading=reading, topic={}, numbers={})
    elif isinstance(listed, dict) and isinstance(listed.get("topics"), list):
        items, make = listed["topics"], partial(_topic, reading=reading, users=_users(data))
        following = as_text(listed.get("more_topics_url")) or None
    elif "post_number" in data:
        items, make = [data], partial(_post, reading=reading, topic={}, numbers={})
    elif "posts_count" in data or "posters" in data:
        items, make = [data], partial(_topic, reading=reading, users={})
    else:
        errors = " ".join(text for text in as_list(data.get("errors")) if isinstance(text, str))
        raise Malformed(
            f"invalid response of Discourse: {printable(errors, 200) or 'neither posts nor topics'}", raw
        )
    reading.counts.update(items=len(items), repeated=0)
    reading.items(items, make)
    return reading.parsed(next=following)


def _post(
    item: Any, reading: Reading, topic: dict[str, Any], numbers: dict[tuple[int, int], int]
) -> Iterator[Event]:
    item, meta, counts = require_dict(item), reading.meta, reading.counts
    number, in_topic = whole_number(item.get("id")), whole_number(item.get("topic_id"))
    if number is None:
        raise ValueError("its id is not a number")
    kind = item.get("post_type")
    if kind == _WHISPER or _PRIVATE in (topic.get("archetype"), item.get("topic_archetype")):
        counts["not_public"] += 1
        return
    place = whole_number(item.get("post_number"))
    type_ = "action" if kind == _ACTION else "post" if place == 1 else "reply"
    if kind not in {None, 1, 2, _ACTION}:
        counts["unknown_post_type"] += 1
        type_ = f"x:post_type {printable(kind, 20)}"
    title = _title(item.get("topic_title"), topic.get("title")) if place == 1 else None
    markup = _CAPTION.sub("", as_text(item.get("cooked")))
    text, html, links = read_html(markup, _base(meta))
    text = text if markup else as_text(item.get("raw"))
    deleted = item.get("hidden") is True or bool(item.get("deleted_at")) or item.get("user_deleted") is True
    created = optional_time(item.get("created_at"))
    version = whole_number(item.get("version")) or 1
    updated = optional_time(item.get("updated_at")) if version > 1 or deleted else None
    answered = whole_number(item.get("reply_to_post_number"))
    parent = numbers.get((in_topic, answered)) if in_topic is not None and answered is not None else None
    yield build(
        meta,
        id=_id(meta, str(number)),
        type=type_,
        op="delete" if deleted else "create",
        created_at=created,
        edited_at=edit_time(updated, created),
        rev=digest_of("delete") if deleted else f"{version}.{digest_of(title, text)}",
        author=_author(item.get("username"), item.get("name"), item.get("user_id"), meta),
        title=title,
        text=text or None,
        html=html,
        url=_address(meta, item.get("topic_slug"), in_topic, place),
        mentions=_MENTION.findall(markup),
        links=links,
        media=_pictures(markup, meta),
        reply_to=None if parent is None else _id(meta, str(parent)),
        thread=None if in_topic is None else _id(meta, f"topic/{in_topic}"),
        item=item,
    )


def _with_topic(post: Any, topics: dict[int | None, dict[str, Any]]) -> Any:
    """Return a post of a search with fields of its topic, which the search lists separately."""
    if not isinstance(post, dict):
        return post
    topic = topics.get(whole_number(post.get("topic_id")), {})
    return {
        "cooked": post.get("blurb"), "topic_title": topic.get("title"), "topic_slug": topic.get("slug"),
        "topic_archetype": topic.get("archetype"), **post,
    }  # fmt: skip


def _pictures(markup: str, meta: Meta) -> list[Media]:
    """Return the pictures in a post without avatars and emoji."""
    pictures: dict[str, Media] = {}
    for image in _IMAGE.findall(markup):
        attributes = dict(_ATTRIBUTE.findall(image))
        url = _absolute(entities.unescape(attributes.get("src", "").strip()), meta)
        if is_web_url(url) and not re.search(r"\b(emoji|avatar|site-icon)\b", attributes.get("class", "")):
            alt = printable(entities.unescape(attributes.get("alt", "")), 1_000)
            pictures.setdefault(url, Media(url=url, alt=None if alt in ("", "image") else alt))
    return list(pictures.values())[:20]


def _absolute(url: str, meta: Meta) -> str:
    """Return an absolute URL; empty if it is invalid."""
    try:
        return urljoin(_base(meta), url) if url else ""
    except ValueError:
        return ""


def _topic(item: Any, reading: Reading, users: dict[int, str]) -> Iterator[Event]:
    item, meta = require_dict(item), reading.meta
    number = whole_number(item.get("id"))
    if number is None:
        raise ValueError("its id is not a number")
    if item.get("archetype") == _PRIVATE:
        reading.counts["not_public"] += 1
        return
    title = _title(item.get("title"), item.get("fancy_title"))
    text = html_text(as_text(item.get("excerpt")))
    created = optional_time(item.get("created_at"))
    picture = _absolute(as_text(item.get("image_url")), meta)
    thread = _id(meta, f"topic/{number}")
    yield build(
        meta,
        id=thread,
        type="post",
        created_at=created,
        rev=digest_of(title, text),
        author=_author(users.get(_starter(item), ""), None, _starter(item), meta),
        title=title,
        text=text or None,
        url=_address(meta, item.get("slug"), number, None),
        tags=[
            as_text(tag.get("name") if isinstance(tag, dict) else tag) for tag in as_list(item.get("tags"))
        ],
        media=[Media(url=picture)] if is_web_url(picture) else [],
        thread=thread,
        item=item,
    )


def _numbers(items: list[Any]) -> dict[tuple[int, int], int]:
    """Map topic and number in the topic to the id of the post; replies refer to that number."""
    numbers = {}
    for item in as_dicts(items):
        topic, place, number = (whole_number(item.get(key)) for key in ("topic_id", "post_number", "id"))
        if topic is not None and place is not None and number is not None:
            numbers[topic, place] = number
    return numbers


def _users(data: dict[str, Any]) -> dict[int, str]:
    users = ((whole_number(user.get("id")), user.get("username")) for user in as_dicts(data.get("users")))
    return {number: as_text(name) for number, name in users if number is not None}


def _starter(item: dict[str, Any]) -> int:
    """Return the id of the user who began a topic, or -1.

    If no poster is described so, which depends on the forum's language, it is the first one.
    """
    posters = as_dicts(item.get("posters"))
    named = [poster for poster in posters if "Original Poster" in as_text(poster.get("description"))]
    number = whole_number((named or posters)[0].get("user_id")) if posters else None
    return -1 if number is None else number


def _author(username: object, name: object, number: object, meta: Meta) -> Author | None:
    handle = printable(as_text(username), 100)
    if not handle:
        return None
    user = whole_number(number)
    return Author(
        handle=handle,
        id=None if user is None else str(user),
        name=printable(as_text(name), 200) or None,
        url=f"{_base(meta)}u/{quote(handle, safe='')}" if _base(meta) else None,
        bot=user is None and handle == "system",
    )


def _title(*claims: object) -> str | None:
    return next((title for claim in claims if (title := html_title(as_text(claim)))), None)


def _address(meta: Meta, slug: object, topic: int | None, place: int | None) -> str | None:
    if topic is None or not _base(meta):
        return None
    named = f"{quote(as_text(slug)[:300], safe='')}/" if as_text(slug) else ""
    return f"{_base(meta)}t/{named}{topic}" + (f"/{place}" if place is not None else "")


def _base(meta: Meta) -> str:
    """Return the URL of the forum with a slash at its end."""
    base = meta.options.get("base", "")
    return f"{base.rstrip('/')}/" if base else ""


def _id(meta: Meta, native: str) -> str:
    return f"discourse:{meta.scope}:{native}"
