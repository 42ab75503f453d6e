"""Parser of the responses of Flickr; a pure function, also used for dead letters."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from rtanalytics.event import Event, Media
from rtanalytics.normalize.dates import parse_time
from rtanalytics.normalize.text import author_of, word
from rtanalytics.normalize.values import (
    as_dict,
    as_dicts,
    as_text,
    require_dict,
    whole_number,
)
from rtanalytics.sources.base import Malformed, Meta, Parsed, printable
from rtanalytics.sources.json_items import Reading, build, edit_time, load, read_html

__all__ = ["parse"]

_LARGEST = 999_999
_LINK = re.compile(r"https?://(?:www\.)?flickr\.com/photos/([^/?#\s]{1,100})/(\d{1,20})", re.ASCII)
_NAME = re.compile(r'[^\s"]{0,100}\s*\("(.*)"\)', re.DOTALL)
_UNIT = re.compile(r"\\u([0-9a-f]{4})", re.IGNORECASE)
_CALLED = re.compile(rb"[\w.$]{1,60}\((.*)\)[;\s]*", re.DOTALL)
_SOLE = re.compile(rb"(?<!\\)((?:\\\\)*)\\'")
_PREAMBLE = re.compile(r"(?s)^.{0,2000}?posted (?:a photo|a video):</p>\s*<p>.{0,2000}?</p>")
"""Paragraphs of author and picture, which the feed puts before the description."""

_EDITED = timedelta(seconds=60)
"""Flickr takes up to this time to process an upload; a later update is an edit."""


def parse(raw: bytes, meta: Meta) -> Parsed:
    """Parse photos of a search or of the feed, or a single photo.

    Parameters
    ----------
    raw : bytes
        JSON or JSONP: a page of ``flickr.photos.search`` or of a similar list, a response of
        ``flickr.photos.getInfo``, the feed, or a single photo of them.
    meta : Meta
        ``url`` is the base of relative addresses.

    Returns
    -------
    Parsed
        ``next`` is the number of the next page.

    Raises
    ------
    Malformed
        If it is none of these.

    Examples
    --------
    >>> from datetime import datetime, UTC
    >>> meta = Meta(source="flickr", scope="pycon", connector="flickr@1",
    ...             received_at=datetime(2026, 5, 15, 9, tzinfo=UTC))
    >>> raw = (b'{"id": "53", "owner": "1@N0", "ownername": "Ada", "title": "The hall",'
    ...        b' "dateupload": "1778835600", "tags": "pycon hall"}')
    >>> [event] = parse(raw, meta).events
    >>> event.id, event.type, event.author.handle, event.tags
    ('flickr::53', 'photo', 'Ada', ['pycon', 'hall'])
    """
    data = load(_repair(raw), "response of Flickr")
    reading, following = Reading(meta), None
    if not isinstance(data, dict):
        raise Malformed("invalid response of Flickr: neither a search nor a feed nor a photo", raw)
    photos = as_dict(data.get("photos")) or as_dict(data.get("photoset"))
    if isinstance(photos.get("photo"), list):
        shared = {key: photos[key] for key in ("owner", "ownername") if key in photos}
        items = [shared | item if isinstance(item, dict) else item for item in photos["photo"]]
        page, pages = whole_number(photos.get("page")), whole_number(photos.get("pages"))
        following = str(page + 1) if page is not None and pages is not None and page < pages else None
    elif isinstance(data.get("items"), list):
        items = data["items"]
    elif isinstance(data.get("photo"), dict):
        items = [_as_in_search(data["photo"])]
    elif "dateupload" in data or "author_id" in data:
        items = [data]
    else:
        message = printable(as_text(data.get("message")), 200) or "neither a search nor a feed nor a photo"
        raise Malformed(f"invalid response of Flickr: {message}", raw)
    reading.counts["items"] = len(items)
    reading.items(items, partial(_photo, meta=meta), "photo")
    return reading.parsed(next=following)


def _repair(raw: bytes) -> bytes:
    """Remove what is not JSON: the call around JSONP, and backslashes before apostrophes in the feed."""
    if called := _CALLED.fullmatch(raw.strip()):
        raw = called[1]
    return _SOLE.sub(rb"\1'", raw) if b"\\'" in raw else raw


def _as_in_search(photo: dict[str, Any]) -> dict[str, Any]:
    """Return the details of a single photo with the names that a search uses."""
    owner, dates, tags = (as_dict(photo.get(key)) for key in ("owner", "dates", "tags"))
    words = [as_text(tag.get("_content")) or as_text(tag.get("raw")) for tag in as_dicts(tags.get("tag"))]
    return {
        **photo, "owner": owner.get("nsid"), "ownername": owner.get("username"),
        "dateupload": dates.get("posted"),
        "lastupdate": dates.get("lastupdate"), "tags": " ".join(words),
        **as_dict(photo.get("visibility")),
    }  # fmt: skip


def _photo(item: Any, meta: Meta) -> Iterator[Event]:
    item = require_dict(item)
    yield _listed(item, meta) if "link" in item else _searched(item, meta)


def _searched(item: dict[str, Any], meta: Meta) -> Event:
    number, owner = word(item.get("id"), 40), word(item.get("owner"), 100)
    if not re.fullmatch(r"\d{1,20}", number, re.ASCII):
        raise ValueError("its id is not a number")
    if item.get("ispublic") in (0, "0"):
        raise ValueError("it is not public")
    described, title = (
        value.get("_content") if isinstance(value, dict) else value
        for value in (item.get("description"), item.get("title"))
    )
    created, updated = _unix(item.get("dateupload")), _unix(item.get("lastupdate"))
    sizes = [(item.get(f"url_{s}"), item.get(f"width_{s}"), item.get(f"height_{s}")) for s in "zcmlnohkbqts"]
    secret, server = word(item.get("secret"), 40), word(item.get("server"), 20)
    if re.fullmatch(r"\w+", secret, re.ASCII) and re.fullmatch(r"\d+", server, re.ASCII):
        sizes.append((f"https://live.staticflickr.com/{server}/{number}_{secret}_z.jpg", None, None))
    url = f"https://www.flickr.com/photos/{owner}/{number}/" if re.fullmatch(r"[\w@.-]+", owner) else None
    return _event(
        meta, item, number, title, described, url,
        created_at=created,
        edited_at=edit_time(updated, created, _EDITED),
        author=author_of(item.get("ownername") or owner, owner, url=url and url.rsplit("/", 2)[0] + "/"),
        tags=as_text(item.get("tags")).split(),
        media=[
            Media(
                url=source,
                kind="image",
                width=whole_number(width, _LARGEST),
                height=whole_number(height, _LARGEST),
            )
            for source, width, height in sizes
            if isinstance(source, str)
        ][:1],
    )  # fmt: skip


def _listed(item: dict[str, Any], meta: Meta) -> Event:
    match = _LINK.match(word(item.get("link"), 400))
    if match is None:
        raise ValueError("its link is not one of a photo, so it has no id")
    author = word(item.get("author"), 300)
    author = _UNIT.sub(lambda unit: chr(int(unit[1], 16)), author)  # in the feed, names are escaped twice
    quoted = _NAME.fullmatch(author)
    picture = as_dict(item.get("media")).get("m")
    described = re.sub(
        r"(?s)^.{0,2000}?posted (?:a photo|a video):</p>\s*<p>.{0,2000}?</p>",
        "",
        as_text(item.get("description")),
    )
    return _event(
        meta, item, match[2], item.get("title"), described, match[0] + "/",
        created_at=parse_time(item["published"]) if item.get("published") is not None else None,
        author=author_of(
            quoted[1] if quoted else author or match[1], item.get("author_id"),
            url=f"https://www.flickr.com/photos/{match[1]}/",
        ),
        tags=as_text(item.get("tags")).split(),
        media=[Media(url=picture, kind="image")] if isinstance(picture, str) else [],
    )  # fmt: skip


def _event(
    meta: Meta,
    item: dict[str, Any],
    number: str,
    title: object,
    described: object,
    url: str | None,
    **more: Any,
) -> Event:
    text, html, links = read_html(as_text(described), meta.url)
    heading = as_text(title)
    return build(
        meta, id=f"flickr::{number}", type="photo", item=item, title=heading, text=text or heading or None,
        html=html, url=url, links=links, **more,
    )  # fmt: skip


def _unix(value: object) -> datetime | None:
    seconds = whole_number(value, 10**11)
    return None if seconds is None else parse_time(seconds)
