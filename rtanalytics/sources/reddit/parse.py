"""Parser of Reddit's listings; a pure function, also used for dead letters.

The id of an item is its fullname (``t3_…`` for a post, ``t1_…`` for a comment), as in Reddit's feeds.
"""

from __future__ import annotations

import html as entities
import re
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import Any

from rtanalytics.event import Event, Media, is_web_url
from rtanalytics.normalize.dates import parse_time
from rtanalytics.normalize.text import author_of, find_links, html_text, word
from rtanalytics.normalize.values import as_dict, as_dicts, as_text
from rtanalytics.sources.base import Malformed, Meta, Parsed
from rtanalytics.sources.clean import clean_html, links
from rtanalytics.sources.json_items import Reading, build, lines_of, load
from rtanalytics.untrusted import abbreviate

__all__ = ["parse"]

_SITE = "https://www.reddit.com"
_REMOVED = {"[removed]", "[ Removed by Reddit ]"}
_GONE = {"[deleted]", *_REMOVED}
_NAME = re.compile(r"t\d_[a-z0-9]{1,20}")
_DEPTH = 100
"""Limit of nesting; each reply takes two levels, and Reddit returns ten levels of replies at once."""

_PLAIN = re.compile(rb'_html"\s*:\s*"[^"]{0,9}<')
_ESCAPED = re.compile(rb"&(?:lt|gt|amp);")
_PICTURE = re.compile(r"https?://i\.(redd\.it|imgur\.com)/[\w-]+\.(png|jpe?g|gif|webp)", re.IGNORECASE)


def parse(raw: bytes, meta: Meta) -> Parsed:
    """Parse the posts and comments of a response.

    Parameters
    ----------
    raw : bytes
        A listing, a list of listings (a post with its comments), or one post or comment; also posts and
        comments without their kind or one per line, as in archives. HTML entities, which Reddit writes
        unless the request has ``raw_json=1``, are resolved.
    meta : Meta
        ``source`` and ``received_at`` are used.

    Returns
    -------
    Parsed
        ``next`` is the fullname of the last item, after which the next page begins.

    Raises
    ------
    Malformed
        If it is not JSON, or JSON of something else.

    Examples
    --------
    >>> from datetime import UTC
    >>> now = datetime(2026, 5, 15, 9, tzinfo=UTC)
    >>> meta = Meta(source="reddit", scope="r", connector="reddit@1", received_at=now)
    >>> raw = b'''{"kind": "t1", "data": {"name": "t1_abc", "author": "ada", "body": "yes",
    ...            "created_utc": 1778835600.0}}'''
    >>> [event] = parse(raw, meta).events
    >>> event.id, event.handle, event.text
    ('reddit::t1_abc', 'ada', 'yes')
    """
    reading = Reading(meta)
    value = _lines(raw, reading) or load(raw, "listing")
    if _ESCAPED.search(raw) and not _PLAIN.search(raw):
        value = _unescaped(value)
    if isinstance(value, dict) and "kind" not in value:
        value = _kinded(value, raw)
    after = None
    for number, thing in enumerate(value if isinstance(value, list) else [value], start=1):
        where = f"item {number}" if isinstance(value, list) else ""
        after = _thing(thing, where, reading, _DEPTH) or after
    return reading.parsed(next=after)


def _lines(raw: bytes, reading: Reading) -> list[Any]:
    """Return the posts and comments of an archive with one per line."""
    things = []
    for number, line in enumerate(lines_of(raw), start=1):
        try:
            things.append(load(line, "thing"))
        except Malformed as error:
            reading.reject(str(error), f"line {number}", line)
    return things


def _kinded(value: dict[str, Any], raw: bytes) -> Any:
    """Return the posts and comments of a response to ``morechildren``, or of an archive."""
    if isinstance(things := as_dict(as_dict(value.get("json")).get("data")).get("things"), list):
        return things
    if (kind := _kind(value)) is not None:
        return {"kind": kind, "data": value}
    if isinstance(value.get("data"), list):
        return value["data"]
    reason = word(value.get("message")) or word(value.get("error")) or "it has no kind"
    raise Malformed(f"invalid listing: {reason}", raw)


def _kind(value: dict[str, Any]) -> str | None:
    """Return the kind of a post or comment that does not have it; None if it is something else."""
    if isinstance(value.get("body"), str) and "link_id" in value:
        return "t1"
    return "t3" if isinstance(value.get("title"), str) and "selftext" in value else None


def _unescaped(value: Any) -> Any:
    """Resolve the entities for ``<``, ``>`` and ``&`` in all texts of a JSON value."""
    if isinstance(value, str):
        return entities.unescape(value) if "&" in value else value
    if isinstance(value, list):
        return [_unescaped(item) for item in value]
    return {key: _unescaped(item) for key, item in value.items()} if isinstance(value, dict) else value


def _thing(thing: Any, where: str, reading: Reading, depth: int) -> str | None:
    """Read a listing, a post or a comment; return where the next page begins, if it is a listing."""
    kind = thing.get("kind") if isinstance(thing, dict) else None
    data = as_dict(thing.get("data")) if isinstance(thing, dict) else {}
    if isinstance(thing, dict) and kind is None and (kind := _kind(thing)) is not None:
        thing = {"kind": kind, "data": (data := thing)}
    if not depth:
        reading.reject(f"replies nested too deeply: more than {_DEPTH // 2} levels", where, thing)
    elif kind == "Listing":
        children = data.get("children")
        for number, child in enumerate(children if isinstance(children, list) else (), start=1):
            _thing(child, f"{where} item {number}".strip(), reading, depth - 1)
        after = data.get("after")
        return after if isinstance(after, str) and _NAME.fullmatch(after) else None
    elif kind == "more":
        reading.counts["more"] += 1
    elif kind == "t1" or kind == "t3":  # noqa: PLR1714  # it may be a list
        reading.item(thing, where, partial(_events, str(kind), data, reading))
        if kind == "t1" and isinstance(data.get("replies"), dict):
            _thing(data["replies"], where, reading, depth - 1)
    elif isinstance(kind, str):
        reading.unknown("kind", kind)
        reading.reject(
            f"it is {_OTHERS.get(kind, abbreviate(kind, 40))}: neither a post nor a comment", where, thing
        )
    else:
        reading.reject("not a thing of Reddit: it has no kind", where, thing)
    return None


_OTHERS = {"t2": "an account", "t4": "a private message", "t5": "a subreddit", "t6": "an award"}


def _events(kind: str, data: dict[str, Any], reading: Reading) -> Iterator[Event]:
    meta, name = reading.meta, data.get("name") or f"{kind}_{data.get('id')}"
    if not isinstance(name, str) or not _NAME.fullmatch(name) or not name.startswith(kind):
        raise ValueError(f"invalid name {abbreviate(name)} for a {kind}")
    created = parse_time(float(at) if isinstance(at := data.get("created_utc"), str) else at)
    text = data.get("body" if kind == "t1" else "selftext")
    if kind == "t1" and not isinstance(text, str):
        raise ValueError("a comment without a body")
    handle = data.get("author")
    if (handle == "[deleted]" and text in _GONE) or data.get("removed_by_category") or text in _REMOVED:
        yield _event(name, kind, data, created, meta, op="delete")
        return
    html = data.get("body_html" if kind == "t1" else "selftext_html")
    cleaned = clean_html(html, _SITE) if isinstance(html, str) and html else None
    body = html_text(cleaned) if cleaned else as_text(text) or None
    if options := _poll(data):
        body = "\n".join(filter(None, (body, *options)))
    outside = data.get("url") if kind == "t3" and data.get("is_self") is not True else None
    target = outside if isinstance(outside, str) and is_web_url(outside) else None
    parent, post = data.get("parent_id"), data.get("link_id")
    edited = data.get("edited")
    yield _event(
        name,
        kind,
        data,
        created,
        meta,
        author=None if handle == "[deleted]" else author_of(handle, data.get("author_fullname")),
        title=data.get("title") if kind == "t3" else None,
        text=body,
        html=cleaned,
        links=[*([target] if target else ()), *(links(cleaned) if cleaned else find_links(body or ""))],
        media=_media(data, target),
        tags=[flair] if isinstance(flair := data.get("link_flair_text"), str) and kind == "t3" else (),
        edited_at=parse_time(edited)
        if isinstance(edited, int | float) and edited is not True and edited
        else None,
        reply_to=_id(parent),
        repost_of=_id(data.get("crosspost_parent")),
        thread=_id(post),
    )


def _poll(data: dict[str, Any]) -> list[str]:
    """Return the options of a poll."""
    options = as_dict(data.get("poll_data")).get("options")
    return [text for option in as_dicts(options) if (text := word(option.get("text")))]


def _media(data: dict[str, Any], target: str | None) -> list[Media]:
    """Return the picture that a post links to, or its video, or the pictures of its gallery."""
    sensitive = data.get("over_18") is True
    if target and _PICTURE.fullmatch(target):
        return [Media(url=target, sensitive=sensitive)]
    video = as_dict(as_dict(data.get("media")).get("reddit_video")).get("fallback_url")
    if isinstance(video, str):
        return [Media(url=video, kind="video", sensitive=sensitive)]
    listed = as_dict(data.get("gallery_data")).get("items")
    known = as_dict(data.get("media_metadata"))
    pictures = []
    for entry in as_dicts(listed):
        source = as_dict(as_dict(known.get(word(entry.get("media_id")))).get("s"))
        url = source.get("u") or source.get("gif")
        if isinstance(url, str):
            caption = word(entry.get("caption"), 1_000) or None
            pictures.append(Media(url=entities.unescape(url), alt=caption, sensitive=sensitive))
    return pictures


def _event(name: str, kind: str, data: dict[str, Any], created: datetime, meta: Meta, **fields: Any) -> Event:
    permalink = data.get("permalink") or data.get("context")
    if not isinstance(permalink, str) or not permalink.startswith("/"):
        post = str(data.get("link_id") or "").removeprefix("t3_")
        subreddit = word(data.get("subreddit"), 60)
        path = f"{post}/_/{name[3:]}" if kind == "t1" else name[3:]
        permalink = f"/r/{subreddit}/comments/{path}/" if subreddit and (post or kind == "t3") else ""
    return build(
        meta,
        id=f"reddit::{name}",
        type="reply" if kind == "t1" else "post",
        created_at=created,
        channel=f"r/{data['subreddit']}" if isinstance(data.get("subreddit"), str) else None,
        url=f"{_SITE}{permalink.partition('?')[0]}" if permalink else None,
        item={"kind": kind, "data": {k: v for k, v in data.items() if k != "replies"}},
        **fields,
    )


def _id(name: object) -> str | None:
    return f"reddit::{name}" if isinstance(name, str) and _NAME.fullmatch(name) else None
